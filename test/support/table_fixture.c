#include "support/table_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "support/test.h"

static struct str keep(struct fixture *fixture, struct str text)
{
    return text.size > 0 ? arena_copy(&fixture->arena, text) : text;
}

#define KEEP_ROW(fixture, array, from)                                                             \
    do {                                                                                           \
        const size_t at = arena_push(&(fixture)->arena, &(fixture)->all.array);                    \
        if (at == SIZE_MAX) {                                                                      \
            return err_set(err, ERR_LIMIT, "fixture full");                                        \
        }                                                                                          \
        (fixture)->all.array.rows[at] = (from);                                                    \
    } while (0)

static enum errc keep_cases(struct fixture *fixture, const struct trace *trace, struct err *err)
{
    for (size_t i = 0; i < trace->cases.count; i++) {
        struct trace_case row = trace->cases.rows[i];
        struct attribute *attributes =
            arena_new(&fixture->arena, struct attribute, row.attribute_count);
        for (size_t a = 0; attributes != NULL && a < row.attribute_count; a++) {
            attributes[a].name = keep(fixture, row.attributes[a].name);
            attributes[a].value = keep(fixture, row.attributes[a].value);
        }
        row.attributes = attributes;
        row.attribute_count = attributes != NULL ? row.attribute_count : 0;
        row.workflow = keep(fixture, row.workflow);
        row.id = keep(fixture, row.id);
        row.input_key = keep(fixture, row.input_key);
        KEEP_ROW(fixture, cases, row);
    }
    return ERR_OK;
}

static enum errc keep_rest(struct fixture *fixture, const struct trace *trace, struct err *err)
{
    for (size_t i = 0; i < trace->outcomes.count; i++) {
        struct outcome row = trace->outcomes.rows[i];
        row.id = keep(fixture, row.id);
        row.workflow = keep(fixture, row.workflow);
        row.case_id = keep(fixture, row.case_id);
        row.source = keep(fixture, row.source);
        row.reference = keep(fixture, row.reference);
        KEEP_ROW(fixture, outcomes, row);
    }
    for (size_t i = 0; i < trace->kpis.count; i++) {
        struct kpi row = trace->kpis.rows[i];
        row.name = keep(fixture, row.name);
        row.workflow = keep(fixture, row.workflow);
        row.unit = keep(fixture, row.unit);
        row.series = keep(fixture, row.series);
        KEEP_ROW(fixture, kpis, row);
    }
    for (size_t i = 0; i < trace->rejects.count; i++) {
        struct reject row = trace->rejects.rows[i];
        row.reason = keep(fixture, row.reason);
        KEEP_ROW(fixture, rejects, row);
    }
    return ERR_OK;
}

static enum errc keep_all(void *context, const struct trace *trace, struct str file,
                          struct err *err)
{
    struct fixture *fixture = context;
    const size_t cases = fixture->all.cases.count;
    const size_t attempts = fixture->all.attempts.count;
    CHECK(file.size < sizeof fixture->last_file);
    memcpy(fixture->last_file, file.data, file.size);
    fixture->last_file[file.size] = '\0';
    fixture->batches++;
    fixture->all.rejected += trace->rejected;
    fixture->all.lines += trace->lines;
    enum errc code = keep_cases(fixture, trace, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < trace->attempts.count; i++) {
        struct attempt row = trace->attempts.rows[i];
        CHECK(row.case_index < trace->cases.count);
        row.case_index += cases;
        row.id = keep(fixture, row.id);
        row.agent = keep(fixture, row.agent);
        KEEP_ROW(fixture, attempts, row);
    }
    for (size_t i = 0; i < trace->steps.count; i++) {
        struct step row = trace->steps.rows[i];
        CHECK(row.attempt_index < trace->attempts.count);
        row.attempt_index += attempts;
        row.identity = keep(fixture, row.identity);
        row.caller = keep(fixture, row.caller);
        row.name = keep(fixture, row.name);
        row.model = keep(fixture, row.model);
        row.raw_usage = keep(fixture, row.raw_usage);
        KEEP_ROW(fixture, steps, row);
    }
    return keep_rest(fixture, trace, err);
}

void fixture_open(struct fixture *fixture)
{
    *fixture = (struct fixture){0};
    arena_init(&fixture->arena, (size_t)1 << 30);
    const char *const parent = getenv("TMPDIR");
    snprintf(fixture->folder, sizeof fixture->folder, "%s/bursar-test-XXXXXX",
             parent != NULL ? parent : "/tmp");
    CHECK(mkdtemp(fixture->folder) != NULL);
    fixture->options.sink = keep_all;
    fixture->options.context = fixture;
}

static void path_in(const struct fixture *fixture, const char *name, char path[FIXTURE_PATH_MAX])
{
    const int size = snprintf(path, FIXTURE_PATH_MAX, "%.3000s/%s", fixture->folder, name);
    CHECK(size > 0);
    CHECK(size < FIXTURE_PATH_MAX);
}

void fixture_close(struct fixture *fixture)
{
    DIR *folder = opendir(fixture->folder);
    CHECK(folder != NULL);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[FIXTURE_PATH_MAX];
        if (entry->d_name[0] != '.') {
            path_in(fixture, entry->d_name, path);
            (void)unlink(path);
        }
    }
    (void)closedir(folder);
    (void)rmdir(fixture->folder);
    arena_deinit(&fixture->arena);
}

void fixture_write(struct fixture *fixture, const char *name, const void *data, size_t size)
{
    char path[FIXTURE_PATH_MAX];
    path_in(fixture, name, path);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(data, 1, size, file) == size);
    CHECK(fclose(file) == 0);
}

void fixture_write_text(struct fixture *fixture, const char *name, const char *text)
{
    fixture_write(fixture, name, text, strlen(text));
}

void fixture_write_gzip(struct fixture *fixture, const char *name, const char *text, size_t cut)
{
    char path[FIXTURE_PATH_MAX];
    path_in(fixture, name, path);
    gzFile file = gzopen(path, "wb");
    CHECK(file != NULL);
    CHECK(gzwrite(file, text, (unsigned)strlen(text)) == (int)strlen(text));
    CHECK(gzclose(file) == Z_OK);
    FILE *written = fopen(path, "rb");
    CHECK(written != NULL);
    CHECK(fseek(written, 0, SEEK_END) == 0);
    const long size = ftell(written);
    CHECK(fclose(written) == 0);
    CHECK(size > (long)cut);
    CHECK(truncate(path, size - (long)cut) == 0);
}

enum errc fixture_import(struct fixture *fixture, const char *map)
{
    fixture_write_text(fixture, "map.yaml", map);
    path_in(fixture, "map.yaml", fixture->map);
    fixture->options.map = fixture->map;
    if (fixture->options.data == NULL) {
        fixture->options.data = fixture->folder;
    }
    return ingest_table(&fixture->options, &fixture->counts, &fixture->err);
}

enum errc fixture_import_shipped(struct fixture *fixture, const char *map, const char *folder)
{
    /* Tests run in the build folder, from which the compiler named this file. */
    const struct str self = str_from(__FILE__);
    const size_t root = str_find(self, STR("test/support/"));
    CHECK(root != SIZE_MAX);
    snprintf(fixture->map, sizeof fixture->map, "%.*sexamples/maps/%s.yaml", (int)root, self.data,
             map);
    snprintf(fixture->data, sizeof fixture->data, "%s", folder);
    fixture->options.map = fixture->map;
    fixture->options.data = fixture->data;
    return ingest_table(&fixture->options, &fixture->counts, &fixture->err);
}

enum errc fixture_outcomes(struct fixture *fixture, const char *name)
{
    path_in(fixture, name, fixture->data);
    fixture->options.data = fixture->data;
    return ingest_outcomes(&fixture->options, &fixture->counts, &fixture->err);
}

enum errc fixture_kpis(struct fixture *fixture, const char *name)
{
    path_in(fixture, name, fixture->data);
    fixture->options.data = fixture->data;
    return ingest_kpis(&fixture->options, &fixture->counts, &fixture->err);
}

bool fixture_says(const struct fixture *fixture, const char *part)
{
    const bool found = str_find(str_from(fixture->err.text), str_from(part)) != SIZE_MAX;
    if (!found) {
        test_note(fixture->err.text);
    }
    return found;
}

bool fixture_refuses(struct fixture *fixture, enum errc (*read)(struct fixture *, const char *name),
                     const char *name, const char *text, enum errc code, const char *says)
{
    if (test_is_refusing()) {
        return true; /* opening a database takes a while; the others do it */
    }
    fixture_open(fixture);
    fixture_write_text(fixture, name, text);
    const enum errc got = read(fixture, name);
    const bool ok = got == code && fixture_says(fixture, says) && fixture->batches == 0;
    fixture_close(fixture);
    return ok;
}

bool fixture_rejects(const struct fixture *fixture, size_t index, int64_t line, const char *part)
{
    if (index >= fixture->all.rejects.count) {
        return false;
    }
    const struct reject *const reject = &fixture->all.rejects.rows[index];
    const bool ok = reject->line == line && reject->reason.data != NULL &&
                    str_find(reject->reason, str_from(part)) != SIZE_MAX;
    if (!ok) {
        test_note(reject->reason.data);
    }
    return ok;
}
