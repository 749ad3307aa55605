/* store: a ledger is made, held by one writer, rolled back whole, and refuses what is not its own.
 * Each test has a home of its own; a second opener is a child process. */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/ledger_priv.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)8 << 20)

static int64_t count_cases(struct store *store)
{
    struct arena arena;
    struct err err;
    struct store_result result;
    arena_init(&arena, ARENA_BYTES);
    const enum errc code = store_run(store, QUERY_verify_count, NULL, 0, &arena, &result, &err);
    const int64_t count = code == ERR_OK ? store_int64(&result, 0, 1, -1) : -1;
    arena_deinit(&arena);
    return count;
}

static const struct ledger_cases one_case = {
    .case_key = 1, .workflow = STR_STATIC("claims"), .case_id = STR_STATIC("C-1"), .import_id = 1};

static enum errc add_case(struct store *store, const struct ledger_cases *row, struct err *err)
{
    enum errc code = store_begin(store, err);
    if (code == ERR_OK) {
        code = store_append(store, LEDGER_cases, row, 1, err);
    }
    return code == ERR_OK ? store_commit(store, err) : code;
}

static void reading_where_there_is_no_ledger_says_how_to_start(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    home_make(&home);
    const enum errc code = store_open(home_str(&home), STORE_READ, &store, &err);
    home_remove(&home);
    EXPECT(code == ERR_NOT_FOUND);
    EXPECT(strstr(err.text, "bursar import") != NULL);
}

static void a_file_that_is_no_ledger_is_refused(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    char path[HOME_BYTES_MAX + 32];
    home_make(&home);
    snprintf(path, sizeof path, "%s/ledger.duckdb", home.path);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    for (int i = 0; i < 20000; i++) {
        fputc('x', file);
    }
    fclose(file);
    const enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    home_remove(&home);
    EXPECT(code == ERR_STORE);
    EXPECT(strstr(err.text, "ledger.duckdb") != NULL);
}

static void a_newer_ledger_is_refused(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    home_make(&home);
    enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    if (code == ERR_OK) {
        code = store_sql(store, "UPDATE ledger_schema SET version = 999", "test", &err);
        store_close(&store);
    }
    if (code == ERR_OK) {
        code = store_open(home_str(&home), STORE_READ, &store, &err);
    }
    home_remove(&home);
    EXPECT(code == ERR_UNSUPPORTED);
    EXPECT(strstr(err.text, "999") != NULL);
}

static int64_t tables_of(struct store *store, const char *name)
{
    char sql[160];
    duckdb_result result;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", name);
    const bool is_there = duckdb_query(store->connection, sql, &result) == DuckDBSuccess;
    const int64_t count = is_there ? duckdb_value_int64(&result, 0, 0) : -1;
    duckdb_destroy_result(&result);
    return count;
}

/* Whatever opens it, to read or to write: the tables it lacks are made, and its rows stay. */
static void an_older_ledger_is_brought_up_to_date(void)
{
    for (enum store_mode mode = STORE_READ; mode <= STORE_WRITE; mode++) {
        struct home home;
        struct store *store = NULL;
        struct err err = {0};
        home_make(&home);
        enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
        if (code == ERR_OK) {
            code = store_sql(store,
                             "DROP TABLE fingerprints; UPDATE ledger_schema SET version = 1;"
                             "INSERT INTO imports VALUES (1, 0, 'old', 0, 0, 0)",
                             "test", &err);
        }
        store_close(&store);
        for (int round = 0; round < 2 && code == ERR_OK; round++) {
            store_close(&store);
            code = store_open(home_str(&home), mode, &store, &err);
        }
        const int64_t texts = code == ERR_OK ? tables_of(store, "fingerprints") : -1;
        const int64_t imports = code == ERR_OK ? tables_of(store, "imports") : -1;
        const int64_t versions = code == ERR_OK ? tables_of(store, "ledger_schema") : -1;
        store_close(&store);
        home_remove(&home);
        EXPECT(code == ERR_OK);
        EXPECT(texts == 0);
        EXPECT(imports == 1);
        EXPECT(versions == 2); /* the one it was made with, and this one, once */
    }
}

/* A ledger of which DuckDB wrote so many bytes. */
static void begin_ledger(const struct home *home, off_t size)
{
    char path[HOME_BYTES_MAX + 32];
    snprintf(path, sizeof path, "%s/ledger.duckdb", home->path);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK(size == 0 || fwrite("checksumDUCK", 12, 1, file) == 1);
    CHECK(fclose(file) == 0 && truncate(path, size) == 0);
}

/* Killed within the first milliseconds of its life, a ledger must not be refused ever after. */
static void a_ledger_that_was_begun_and_never_made_is_made_anew(void)
{
    static const off_t sizes[] = {0, 4096, 8192};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct home home;
        struct store *store = NULL;
        struct err empty = {0};
        struct err err = {0};
        home_make(&home);
        begin_ledger(&home, sizes[i]);
        const enum errc read = store_open(home_str(&home), STORE_READ, &store, &empty);
        const enum errc made = store_open(home_str(&home), STORE_WRITE, &store, &err);
        const int64_t versions = made == ERR_OK ? tables_of(store, "ledger_schema") : -1;
        store_close(&store);
        home_remove(&home);
        EXPECT(read == ERR_NOT_FOUND);
        EXPECT(strstr(empty.text, "import something first") != NULL);
        EXPECT(made == ERR_OK);
        EXPECT(versions == 1);
    }
}

static void somebody_elses_short_file_stays(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    char path[HOME_BYTES_MAX + 32];
    struct stat found = {0};
    home_make(&home);
    snprintf(path, sizeof path, "%s/ledger.duckdb", home.path);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs("what I have to do tomorrow\n", file) >= 0 && fclose(file) == 0);
    const enum errc read = store_open(home_str(&home), STORE_READ, &store, &err);
    const enum errc made = store_open(home_str(&home), STORE_WRITE, &store, &err);
    const int there = stat(path, &found);
    home_remove(&home);
    EXPECT(read == ERR_STORE);
    EXPECT(made == ERR_STORE);
    EXPECT(there == 0 && found.st_size == 27);
}

static void a_ledger_that_another_process_is_making_stays(void)
{
    struct home home;
    char path[HOME_BYTES_MAX + 32];
    int ready[2];
    int status = -1;
    struct stat before = {0};
    struct stat after = {0};
    home_make(&home);
    begin_ledger(&home, 4096);
    snprintf(path, sizeof path, "%s/ledger.duckdb", home.path);
    CHECK(stat(path, &before) == 0 && pipe(ready) == 0);
    const pid_t child = fork();
    if (child == 0) {
        const int fd = open(path, O_RDWR | O_CLOEXEC);
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        const bool has = fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 && write(ready[1], "!", 1) == 1;
        close(ready[1]);
        pause();
        _exit(!has);
    }
    char byte = 0;
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    struct store *store = NULL;
    struct err err = {0};
    const enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    const int there = stat(path, &after);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    close(ready[0]);
    home_remove(&home);
    EXPECT(code == ERR_BUSY);
    EXPECT(there == 0 && after.st_ino == before.st_ino);
}

static void a_second_process_is_told_who_holds_the_ledger(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    home_make(&home);
    const enum errc opened = store_open(home_str(&home), STORE_WRITE, &store, &err);
    int status = -1;
    if (opened == ERR_OK) {
        const pid_t child = fork();
        if (child == 0) {
            struct store *second = NULL;
            struct err why = {0};
            const enum errc code = store_open(home_str(&home), STORE_READ, &second, &why);
            _exit(code == ERR_BUSY && strstr(why.text, "PID") != NULL ? 0 : 1);
        }
        waitpid(child, &status, 0);
        store_close(&store);
    }
    home_remove(&home);
    EXPECT(opened == ERR_OK);
    EXPECT(status == 0);
}

static void what_is_not_committed_is_gone(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    home_make(&home);
    enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    int64_t during = -1;
    int64_t after = -1;
    if (code == ERR_OK) {
        code = store_begin(store, &err);
    }
    if (code == ERR_OK) {
        code = store_append(store, LEDGER_cases, &one_case, 1, &err);
        during = count_cases(store);
        store_rollback(store);
        after = count_cases(store);
    }
    store_close(&store);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(during == 1);
    EXPECT(after == 0);
}

/* The log may not grow: a commit fails in its middle, and the next after the ledger is reopened. */
static void a_ledger_whose_commit_failed_is_opened_anew_with_what_was_committed(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    struct rlimit before;
    struct ledger_cases other = one_case;
    other.case_key = 2;
    home_make(&home);
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    code = code == ERR_OK ? add_case(store, &one_case, &err) : code;
    enum errc failed = ERR_OK;
    int64_t kept = -1;
    int64_t both = -1;
    if (code == ERR_OK) {
        const struct rlimit little = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
        CHECK(setrlimit(RLIMIT_FSIZE, &little) == 0);
        failed = add_case(store, &other, &err);
        store_rollback(store);
        CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
        code = store_reopen(store, &err);
    }
    if (code == ERR_OK) {
        kept = count_cases(store);
        code = add_case(store, &other, &err);
        both = count_cases(store);
    }
    store_close(&store);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(failed != ERR_OK);
    EXPECT(kept == 1);
    EXPECT(both == 2);
}

static void every_type_of_column_is_read_back_as_it_was(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    struct arena arena;
    struct store_result result = {0};
    const struct ledger_outcomes outcome = {
        .outcome_key = {UINT64_MAX, 1},
        .content_hash = UINT64_MAX - 1,
        .outcome_id = STR("naïve \"quoted\""),
        .revision = 3,
        .case_key = 1,
        .workflow = STR("claims"),
        .case_id = STR("C-1"),
        .status = OUTCOME_REOPENED,
        .effective_ns = LEDGER_NULL,
        .recorded_ns = INT64_MIN + 1,
        .value_pusd = INT64_MAX,
        .human_ms = 5,
        .quality = (double)NAN,
        .import_id = 1,
    };
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    if (code == ERR_OK) {
        code = store_append(store, LEDGER_outcomes, &outcome, 1, &err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_all_outcomes, NULL, 0, &arena, &result, &err);
    }
    const bool same =
        code == ERR_OK && result.rows == 1 &&
        store_sum(&result, 0, 0) == (money_sum)(((money_magnitude)1 << 64) | UINT64_MAX) &&
        store_sum(&result, 0, 1) == (money_sum)(UINT64_MAX - 1) &&
        str_equal(store_text(&result, 0, 2), outcome.outcome_id) &&
        store_int64(&result, 0, 3, 0) == 3 && store_int64(&result, 0, 7, 0) == OUTCOME_REOPENED &&
        store_at(&result, 0, 8)->null && store_int64(&result, 0, 9, 0) == INT64_MIN + 1 &&
        store_int64(&result, 0, 10, 0) == INT64_MAX && store_at(&result, 0, 12)->null &&
        store_at(&result, 0, 13)->null;
    store_close(&store);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(same);
}

/* A plan made while a table was empty once gave garbage when rows had come. */
static void a_query_sees_rows_that_came_after_it_was_first_asked(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    struct arena arena;
    struct store_result result = {0};
    struct ledger_sources sources[40];
    char paths[COUNT_OF(sources)][32];
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        snprintf(paths[i], sizeof paths[i], "/logs/a-long-name-%02zu.jsonl", i);
        sources[i] = (struct ledger_sources){.source_id = i + 1, .path = str_from(paths[i])};
    }
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_verify_duplicate_names, NULL, 0, &arena, &result, &err);
    }
    if (code == ERR_OK) {
        code = store_append(store, LEDGER_sources, sources, COUNT_OF(sources), &err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_verify_duplicate_names, NULL, 0, &arena, &result, &err);
    }
    store_close(&store);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(result.rows == 0);
}

/* A ledger of version 1 has no kpis and no names of steps: opening it, to read even, makes them. */
static void an_older_ledger_is_given_the_tables_it_lacks(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    struct arena arena;
    struct store_result before = {0};
    struct store_result after = {0};
    const struct ledger_kpis kpi = {.name = STR("backlog"),
                                    .workflow = STR(""),
                                    .unit = STR(""),
                                    .series = STR(""),
                                    .value = 2};
    bool had_kpis = false;
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    if (code == ERR_OK) {
        code = store_sql(
            store, "DROP TABLE kpis; DROP TABLE step_aliases; UPDATE ledger_schema SET version = 1",
            "test", &err);
        store_close(&store);
    }
    if (code == ERR_OK) {
        code = store_open(home_str(&home), STORE_READ, &store, &err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_kpis_exist, NULL, 0, &arena, &before, &err);
        had_kpis = code == ERR_OK && store_int64(&before, 0, 0, -1) == 1;
        store_close(&store);
    }
    if (code == ERR_OK) {
        code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    }
    if (code == ERR_OK) { /* the appender checks that the columns are those of the list */
        code = store_append(store, LEDGER_kpis, &kpi, 1, &err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_kpis_list, NULL, 0, &arena, &after, &err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_any_alias, NULL, 0, &arena, &before, &err);
    }
    const bool right = code == ERR_OK && had_kpis && before.rows == 0 && after.rows == 1;
    store_close(&store);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(right);
}

/* A ledger of version 4 knew no traces of steps, no meters and no calls without names: its rows
 * stay, are of no trace, and are next to those that come. */
static void a_ledger_of_version_4_is_given_what_steps_say_of_their_trace(void)
{
    struct home home;
    struct store *store = NULL;
    struct err err = {0};
    const struct ledger_steps step = {.step_key = {2, 2},
                                      .workflow = STR("claims"),
                                      .provider = STR("anthropic"),
                                      .model = STR("m"),
                                      .trace_key = 7,
                                      .told = 2048};
    int64_t steps = -1;
    int64_t untold = -1;
    int64_t versions = -1;
    int64_t meters = -1;
    home_make(&home);
    enum errc code = store_open(home_str(&home), STORE_WRITE, &store, &err);
    if (code == ERR_OK) {
        code = store_append(store, LEDGER_steps, &step, 1, &err);
    }
    if (code == ERR_OK) {
        code = store_sql(store,
                         "ALTER TABLE steps DROP trace_key; ALTER TABLE steps DROP sender;"
                         "ALTER TABLE steps DROP told;"
                         "ALTER TABLE superseded_steps DROP trace_key;"
                         "ALTER TABLE superseded_steps DROP sender;"
                         "ALTER TABLE superseded_steps DROP told; DROP TABLE trace_facts;"
                         "DROP TABLE meters; DROP TABLE nameless; DROP TABLE step_scopes;"
                         "UPDATE ledger_schema SET version = 4",
                         "test", &err);
    }
    store_close(&store);
    for (enum store_mode mode = STORE_READ; mode <= STORE_WRITE && code == ERR_OK; mode++) {
        store_close(&store);
        code = store_open(home_str(&home), mode, &store, &err);
    }
    if (code == ERR_OK) { /* the appender checks that the columns are those of the list */
        code = store_append(store, LEDGER_steps, &step, 1, &err);
    }
    if (code == ERR_OK) {
        steps = tables_of(store, "steps");
        untold = tables_of(store, "steps WHERE trace_key = 0 AND sender = 0 AND told = 0");
        versions = tables_of(store, "ledger_schema WHERE version = 6");
        meters = tables_of(store, "meters");
    }
    store_close(&store);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(steps == 2);
    EXPECT(untold == 1);
    EXPECT(versions == 1);
    EXPECT(meters == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(reading_where_there_is_no_ledger_says_how_to_start),
        TEST_SPARSE(a_file_that_is_no_ledger_is_refused),
        TEST_SPARSE(a_newer_ledger_is_refused),
        TEST_SPARSE(an_older_ledger_is_brought_up_to_date),
        TEST_SPARSE(a_ledger_that_was_begun_and_never_made_is_made_anew),
        TEST_SPARSE(somebody_elses_short_file_stays),
        TEST_SPARSE(a_ledger_that_another_process_is_making_stays),
        TEST_SPARSE(a_second_process_is_told_who_holds_the_ledger),
        TEST_SPARSE(what_is_not_committed_is_gone),
        TEST_SPARSE(a_ledger_whose_commit_failed_is_opened_anew_with_what_was_committed),
        TEST_SPARSE(every_type_of_column_is_read_back_as_it_was),
        TEST_SPARSE(an_older_ledger_is_given_the_tables_it_lacks),
        TEST_SPARSE(a_ledger_of_version_4_is_given_what_steps_say_of_their_trace),
        TEST_SPARSE(a_query_sees_rows_that_came_after_it_was_first_asked),
    };
    return test_main(tests, COUNT_OF(tests));
}
