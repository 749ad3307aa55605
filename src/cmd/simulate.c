/* simulate: options in, a folder of files out. truth.json is written last and removed first:
 * a folder that has one is whole. */
#include "app/app.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "simulate/simulate.h"

#define SMALL_FILE_BYTES_MAX ((size_t)4 << 20)
#define ROWS_BYTES_MAX       ((size_t)8 << 20)
#define FLUSH_BYTES          ((size_t)1 << 20)

enum {
    PATH_BYTES_MAX = 4096,
    CASES_DEFAULT = 6000,
    CASES_PER_LOOK = 2048, /* at the clock, for the progress bar */
};

enum row_file { CASES_CSV, STEPS_CSV, OUTCOMES_CSV, ROW_FILES };
static const char *const row_names[ROW_FILES] = {"cases.csv", "steps.csv", "outcomes.csv"};

struct output {
    const char *dir;
    int fds[ROW_FILES];
    struct text texts[ROW_FILES];
    int64_t bytes;
};

static enum errc make_path(const char *dir, const char *name, char path[static PATH_BYTES_MAX],
                           struct err *err)
{
    const int size = snprintf(path, PATH_BYTES_MAX, "%s/%s", dir, name);
    CHECK(size > 0);
    if (size >= PATH_BYTES_MAX) {
        return err_set(err, ERR_USAGE, "--out %.60s… is longer than a path can be", dir);
    }
    return ERR_OK;
}

static enum errc io_error(const char *dir, const char *name, struct err *err)
{
    return err_set(err, ERR_IO, "%s/%s: %s", dir, name, strerror(errno));
}

static enum errc open_file(struct output *output, const char *name, int *fd, struct err *err)
{
    char path[PATH_BYTES_MAX];
    enum errc code = make_path(output->dir, name, path, err);
    if (code == ERR_OK) {
        *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        code = *fd < 0 ? io_error(output->dir, name, err) : ERR_OK;
    }
    return code;
}

static enum errc flush(struct output *output, int fd, const char *name, struct text *text,
                       struct err *err)
{
    CHECK(!text_is_full(text));
    struct str rest = text_str(text);
    output->bytes += (int64_t)rest.size;
    while (rest.size > 0) {
        const ssize_t size = write(fd, rest.data, rest.size);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            return io_error(output->dir, name, err);
        }
        rest.data += size;
        rest.size -= (size_t)size;
    }
    text_clear(text);
    return ERR_OK;
}

static enum errc write_file(struct output *output, const char *name, struct text *text,
                            struct err *err)
{
    int fd = -1;
    enum errc code = open_file(output, name, &fd, err);
    if (code == ERR_OK) {
        code = flush(output, fd, name, text, err);
        if (close(fd) != 0 && code == ERR_OK) {
            code = io_error(output->dir, name, err);
        }
    }
    return code;
}

/* Whether the readme in the folder is one of ours. */
static bool is_earlier_output(const char *dir)
{
    const struct str mark = simulate_readme_mark();
    char path[PATH_BYTES_MAX];
    char head[128];
    struct err ignored;
    CHECK(mark.size < sizeof head);
    if (make_path(dir, "README.txt", path, &ignored) != ERR_OK) {
        return false;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd >= 0 ? read(fd, head, sizeof head) : -1;
    if (fd >= 0) {
        close(fd);
    }
    return size > 0 && str_starts_with((struct str){head, (size_t)size}, mark);
}

static enum errc claim_dir(const char *dir, struct err *err)
{
    if (mkdir(dir, 0777) == 0) {
        return ERR_OK;
    }
    if (errno != EEXIST) {
        return err_set(err, ERR_IO, "--out %s: %s", dir, strerror(errno));
    }
    DIR *const listing = opendir(dir);
    if (listing == NULL) {
        return err_set(err, ERR_IO, "--out %s: %s", dir, strerror(errno));
    }
    size_t count = 0;
    while (readdir(listing) != NULL) {
        count++;
    }
    closedir(listing);
    enum { DOT_ENTRIES = 2 };
    if (count > DOT_ENTRIES && !is_earlier_output(dir)) {
        return err_set(err, ERR_CONFLICT,
                       "--out %s holds files that bursar simulate did not write; name a new or an "
                       "empty folder",
                       dir);
    }
    char path[PATH_BYTES_MAX];
    const enum errc code = make_path(dir, "truth.json", path, err);
    if (code == ERR_OK && unlink(path) != 0 && errno != ENOENT) {
        return io_error(dir, "truth.json", err);
    }
    return code;
}

static enum errc write_small_files(struct output *output, const struct simulate *simulate,
                                   struct text *text, struct err *err)
{
    static const struct {
        const char *name;
        void (*make)(const struct simulate *simulate, struct text *out);
    } files[] = {{"README.txt", simulate_readme},
                 {"bursar.yaml", simulate_config},
                 {"map.yaml", simulate_map}};
    enum errc code = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(files) && code == ERR_OK; i++) {
        files[i].make(simulate, text);
        code = write_file(output, files[i].name, text, err);
    }
    return code;
}

struct progress {
    bool shown;
    int64_t total;
    int64_t begun_ns;
    int64_t next_ns;
};

static void show_progress(struct progress *progress, int64_t done)
{
    const int64_t now_ns = progress->shown ? clock_monotonic_ns() : 0;
    if (progress->shown && now_ns >= progress->next_ns) {
        progress->next_ns = now_ns + CLOCK_NS_PER_SECOND / 5;
        const int64_t spent_ns = now_ns - progress->begun_ns;
        const int64_t left_ns = done > 0 ? spent_ns / done * (progress->total - done) : 0;
        fprintf(stderr, "\r%3lld %%  %lld of %lld cases, %lld s left ",
                (long long)(done * 100 / progress->total), (long long)done,
                (long long)progress->total, (long long)(left_ns / CLOCK_NS_PER_SECOND));
    }
}

static void end_progress(const struct progress *progress)
{
    if (progress->shown) {
        fprintf(stderr, "\r%60s\r", "");
    }
}

static enum errc flush_rows(struct output *output, size_t at_least, struct err *err)
{
    enum errc code = ERR_OK;
    for (int i = 0; i < ROW_FILES && code == ERR_OK; i++) {
        if (output->texts[i].size >= at_least) {
            code = flush(output, output->fds[i], row_names[i], &output->texts[i], err);
        }
    }
    return code;
}

static enum errc write_rows(struct output *output, struct simulate *simulate, struct err *err)
{
    const struct simulate_rows rows = {.cases = &output->texts[CASES_CSV],
                                       .steps = &output->texts[STEPS_CSV],
                                       .outcomes = &output->texts[OUTCOMES_CSV]};
    struct progress progress = {.shown = isatty(STDERR_FILENO) != 0,
                                .total = simulate_cases_total(simulate),
                                .begun_ns = clock_monotonic_ns()};
    progress.next_ns = progress.begun_ns + CLOCK_NS_PER_SECOND;
    enum errc code = ERR_OK;
    for (int i = 0; i < ROW_FILES && code == ERR_OK; i++) {
        code = open_file(output, row_names[i], &output->fds[i], err);
    }
    simulate_headings(simulate, &rows);
    int64_t done = 0;
    const struct simulate_case *one = NULL;
    while (code == ERR_OK && (one = simulate_next(simulate)) != NULL) {
        simulate_add_rows(simulate, one, &rows);
        simulate_tally(simulate, one);
        code = flush_rows(output, FLUSH_BYTES, err);
        if (++done % CASES_PER_LOOK == 0) {
            show_progress(&progress, done);
        }
    }
    code = code == ERR_OK ? flush_rows(output, 0, err) : code;
    end_progress(&progress);
    for (int i = 0; i < ROW_FILES; i++) {
        if (output->fds[i] >= 0 && close(output->fds[i]) != 0 && code == ERR_OK) {
            code = io_error(output->dir, row_names[i], err);
        }
        output->fds[i] = -1;
    }
    return code;
}

static enum errc read_count(const struct args *args, const char *name, int64_t absent, int64_t *out,
                            struct err *err)
{
    const char *const value = args_get(args, name);
    int64_t count = absent;
    if (value != NULL && (!str_to_int64(str_from(value), &count) || count < 0)) {
        return err_set(err, ERR_USAGE, "%s \"%s\" is not a whole number from 0 on", name, value);
    }
    *out = count;
    return ERR_OK;
}

static enum errc read_plants(const char *value, uint32_t *out, struct err *err)
{
    if (value == NULL || strcmp(value, "all") == 0) {
        *out = SIMULATE_PLANTS_ALL;
        return ERR_OK;
    }
    struct str rest = str_from(value);
    uint32_t plants = 0;
    while (rest.size > 0 && strcmp(value, "none") != 0) {
        const struct str word = str_cut(&rest, ',');
        const int plant = simulate_plant_find(word);
        if (plant < 0) {
            return err_set(err, ERR_USAGE,
                           "--plant \"" STR_FORMAT "\" is not one of exception, conjunction, "
                           "waste, routing, variance, all, none",
                           STR_ARG(word));
        }
        plants |= 1U << plant;
    }
    *out = plants;
    return ERR_OK;
}

static enum errc read_options(const struct args *args, struct simulate_options *options,
                              struct err *err)
{
    int64_t seed = 0;
    const char *const workflow = args_get(args, "--workflow");
    enum errc code = read_count(args, "--seed", 1, &seed, err);
    if (code == ERR_OK) {
        code = read_count(args, "--cases", CASES_DEFAULT, &options->cases, err);
    }
    if (code == ERR_OK) {
        code = read_plants(args_get(args, "--plant"), &options->plants, err);
    }
    options->seed = (uint64_t)seed;
    options->workflow = workflow != NULL ? simulate_workflow_find(str_from(workflow)) : -1;
    if (code == ERR_OK && workflow != NULL && options->workflow < 0) {
        code = err_set(err, ERR_USAGE,
                       "--workflow \"%s\" is not one of claims, tickets, invoices, contracts, "
                       "leads, code",
                       workflow);
    }
    const char *const out = args_get(args, "--out");
    if (code == ERR_OK && (out == NULL || out[0] == '\0')) {
        code = err_set(err, ERR_USAGE, "give --out DIR, the folder to write");
    }
    if (code == ERR_OK && args->positional_count > 0) {
        code = err_set(err, ERR_USAGE, "\"%s\" stands alone; the folder is given as --out DIR",
                       args->positional[0]);
    }
    return code;
}

static void report(struct app *app, const struct simulate_options *options,
                   const struct output *output)
{
    if (app->json) {
        json_open_object(app->out);
        json_name(app->out, "schema");
        json_put_text(app->out, "bursar.simulate/1");
        json_name(app->out, "out");
        json_put_text(app->out, output->dir);
        json_name(app->out, "seed");
        json_put_int64(app->out, (int64_t)options->seed);
        json_name(app->out, "cases");
        json_put_int64(app->out, options->cases);
        json_name(app->out, "bytes");
        json_put_int64(app->out, output->bytes);
        json_close_object(app->out);
        text_char(app->out, '\n');
        return;
    }
    text_format(app->out,
                "Example Mutual, a synthetic company (seed %llu): %lld cases, %lld kB in %s\n"
                "Its truth is in %s/truth.json. Next: bursar import %s\n",
                (unsigned long long)options->seed, (long long)options->cases,
                (long long)(output->bytes / 1000), output->dir, output->dir, output->dir);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    CHECK(args != NULL);
    struct simulate_options options = {0};
    struct simulate *simulate = NULL;
    enum errc code = read_options(args, &options, err);
    if (code == ERR_OK) {
        code = simulate_create(&options, app->arena, &simulate, err);
    }
    struct output output = {.dir = args_get(args, "--out"), .fds = {-1, -1, -1}};
    if (code == ERR_OK) {
        code = claim_dir(output.dir, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct text text;
    text_init(&text, SMALL_FILE_BYTES_MAX);
    for (int i = 0; i < ROW_FILES; i++) {
        text_init(&output.texts[i], ROWS_BYTES_MAX);
    }
    code = write_small_files(&output, simulate, &text, err);
    if (code == ERR_OK) {
        code = write_rows(&output, simulate, err);
    }
    if (code == ERR_OK) {
        simulate_truth(simulate, &text);
        code = write_file(&output, "truth.json", &text, err);
    }
    if (code == ERR_OK) {
        report(app, &options, &output);
    }
    for (int i = 0; i < ROW_FILES; i++) {
        text_deinit(&output.texts[i]);
    }
    text_deinit(&text);
    return code;
}

static const struct option options[] = {
    {"--out", "DIR", "folder to write; new, empty, or an earlier output of this command"},
    {"--seed", "N", "same seed, same files (default 1)"},
    {"--cases", "N", "cases of all workflows together (default 6000)"},
    {"--plant", "LIST", "effects to plant: exception,conjunction,waste,routing,variance"},
    {"--workflow", "NAME", "only this workflow, as it is in the whole company"},
};

const struct command cmd_simulate = {
    .name = "simulate",
    .synopsis = "--out DIR [--seed N] [--cases N] [--plant LIST] [--workflow NAME]",
    .summary = "write a synthetic company with known truth, to try things on",
    .about = "Writes ten months of an invented company: claims, tickets, invoices, contracts,\n"
             "leads and code, with retries, late and reopened outcomes, a price change, calls\n"
             "without a price and calls of no workflow. bursar import reads the folder;\n"
             "truth.json in it says what the figures must come to and what was planted.\n"
             "--plant all is the default; --plant none gives a company in which no segment,\n"
             "model or workflow stands out.",
    .example = "bursar simulate --seed 7 --cases 6000 --out example-mutual",
    .options = options,
    .option_count = COUNT_OF(options),
    .run = run,
};
