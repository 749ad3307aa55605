/* import: a tree of session logs through the workers and the one writer. Files are made here: each
 * session has its own calls, one response is in two files; the tree grows, a file is replaced, a
 * file is no log, a stop comes early. The ledger must hold each call once whatever the order of
 * the threads (run under TSan by `make tsan`). */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/memory.h"
#include "ingest/ingest.h"
#include "support/book.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define NOON_NS     INT64_C(1788523200000000000)

enum { SESSIONS = 40, CALLS = 25, PATH_BYTES = 256 };

struct bench {
    struct home home;
    struct arena arena;
    struct store *store;
    const struct price_book *book;
    struct ingest_summary summary;
    struct err err;
    enum errc code;
    char logs[PATH_BYTES];
};

static void path_of(const struct bench *bench, char *path, const char *name)
{
    const int size = snprintf(path, PATH_BYTES, "%s/%s", bench->logs, name);
    CHECK(size > 0);
    CHECK(size < PATH_BYTES);
}

static void put_call(FILE *file, int session, int call, int output)
{
    fprintf(file,
            "{\"type\":\"assistant\",\"sessionId\":\"s%d\",\"cwd\":\"/srv/shop\",\"version\":"
            "\"2.1.4\",\"uuid\":\"u%d-%d-%d\",\"requestId\":\"r%d-%d\",\"timestamp\":"
            "\"2026-02-01T10:%02d:%02d.000Z\",\"message\":{\"id\":\"msg_%d_%d\",\"role\":"
            "\"assistant\",\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[{\"type\":"
            "\"text\",\"text\":\"ok\"}],\"usage\":{\"input_tokens\":10,"
            "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
            "\"output_tokens\":%d}}}\n",
            session, session, call, output, session, call, call % 60, session % 60, session, call,
            output);
}

/* Calls [first, end) of a session at the end of its file, each told twice, growing. */
static void write_session(const struct bench *bench, int session, int first, int end)
{
    char name[64];
    char path[PATH_BYTES];
    snprintf(name, sizeof name, "s%02d.jsonl", session);
    path_of(bench, path, name);
    FILE *file = fopen(path, first == 0 ? "w" : "a");
    CHECK(file != NULL);
    for (int call = first; call < end; call++) {
        put_call(file, session, call, 1);
        put_call(file, session, call, 100);
    }
    CHECK(fclose(file) == 0);
}

static void open_store(struct bench *bench)
{
    bench->code = store_open(home_str(&bench->home), STORE_WRITE, &bench->store, &bench->err);
}

static void setup(struct bench *bench)
{
    *bench = (struct bench){0};
    home_make(&bench->home);
    arena_init(&bench->arena, ARENA_BYTES);
    snprintf(bench->logs, sizeof bench->logs, "%s/logs", bench->home.path);
    CHECK(mkdir(bench->logs, 0700) == 0);
    for (int session = 0; session < SESSIONS; session++) {
        write_session(bench, session, 0, CALLS);
    }
    bench->book = book_shipped();
    bench->code = test_part() ? ERR_OK : ERR_LIMIT;
    if (bench->code == ERR_OK) {
        open_store(bench);
    }
}

static void teardown(struct bench *bench)
{
    store_close(&bench->store);
    arena_deinit(&bench->arena);
    home_remove(&bench->home);
}

static void import(struct bench *bench, const atomic_bool *stop)
{
    if (bench->code != ERR_OK) {
        return;
    }
    const char *const paths[] = {bench->logs};
    const struct ingest_options options = {.stop = stop};
    struct ingest *ingest = NULL;
    ingest_create(&ingest, bench->store, bench->book, STR("test"), NOON_NS);
    bench->code = ingest_paths(ingest, &options, paths, 1, &bench->err);
    bench->summary = *ingest_summary(ingest);
    ingest_destroy(&ingest);
}

/* Steps in the ledger, or -1 where a check of verify finds something. */
static int64_t look(struct bench *bench)
{
    static const enum store_query checks[] = {
        QUERY_verify_duplicate_steps, QUERY_verify_duplicate_names, QUERY_verify_orphans,
        QUERY_verify_bases,           QUERY_verify_unbalanced,      QUERY_verify_totals};
    struct arena arena;
    struct store_result result;
    struct err err;
    int64_t steps = -1;
    const long refusal = arena_fail_after;
    arena_fail_after = -1;
    arena_init(&arena, ARENA_BYTES);
    if (bench->store != NULL &&
        store_run(bench->store, QUERY_verify_count, NULL, 0, &arena, &result, &err) == ERR_OK) {
        steps = store_int64(&result, 0, 0, -1);
    }
    for (size_t i = 0; i < COUNT_OF(checks) && steps >= 0; i++) {
        CHECK(store_run(bench->store, checks[i], NULL, 0, &arena, &result, &err) == ERR_OK);
        steps = result.rows == 0 ? steps : -1;
    }
    arena_deinit(&arena);
    arena_fail_after = refusal;
    return steps;
}

static void a_path_that_is_not_there_is_named(void)
{
    struct bench bench;
    setup(&bench);
    snprintf(bench.logs, sizeof bench.logs, "%s/nothing", bench.home.path);
    import(&bench, NULL);
    const enum errc code = bench.code;
    teardown(&bench);
    EXPECT(code == ERR_NOT_FOUND);
    EXPECT(strstr(bench.err.text, "nothing") != NULL);
}

static void every_call_of_a_tree_is_counted_once_and_again_changes_nothing(void)
{
    struct bench bench;
    setup(&bench);
    import(&bench, NULL);
    const int64_t first = look(&bench);
    import(&bench, NULL);
    const int64_t again = look(&bench);
    const struct ingest_summary summary = bench.summary;
    const enum errc code = bench.code;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(first == SESSIONS * CALLS);
    EXPECT(again == first);
    EXPECT(summary.files == 0);
    EXPECT(summary.files_unchanged == SESSIONS);
    EXPECT(summary.steps_added == 0);
}

static void a_file_that_grew_is_read_from_where_it_was_left(void)
{
    struct bench bench;
    setup(&bench);
    import(&bench, NULL);
    const int64_t bytes_first = bench.summary.bytes;
    write_session(&bench, 3, CALLS, CALLS + 5);
    import(&bench, NULL);
    const int64_t steps = look(&bench);
    const struct ingest_summary summary = bench.summary;
    const enum errc code = bench.code;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(steps == SESSIONS * CALLS + 5);
    EXPECT(summary.files == 1);
    EXPECT(summary.bytes < bytes_first / SESSIONS); /* not the whole file */
}

static void a_file_that_was_replaced_is_read_from_its_start(void)
{
    struct bench bench;
    setup(&bench);
    import(&bench, NULL);
    char path[PATH_BYTES];
    path_of(&bench, path, "s03.jsonl");
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    put_call(file, 1003, 1, 7); /* a session of another name in a file of the same */
    put_call(file, 1003, 2, 7);
    CHECK(fclose(file) == 0);
    import(&bench, NULL);
    const int64_t steps = look(&bench);
    const enum errc code = bench.code;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(steps == SESSIONS * CALLS + 2);
}

static void what_is_no_log_is_counted_and_what_is_broken_is_told(void)
{
    struct bench bench;
    setup(&bench);
    char path[PATH_BYTES];
    path_of(&bench, path, "package.json");
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fputs("{\"name\":\"shop\"}", file);
    CHECK(fclose(file) == 0);
    path_of(&bench, path, "s98.jsonl");
    file = fopen(path, "w");
    CHECK(file != NULL);
    put_call(file, 98, 1, 5);
    fputs("{\"type\":\"assistant\",\"message\":{\n", file);
    put_call(file, 98, 2, 5);
    CHECK(fclose(file) == 0);
    path_of(&bench, path, "s99.jsonl.gz");
    gzFile packed = gzopen(path, "wb");
    CHECK(packed != NULL);
    CHECK(gzputs(packed, "{\"type\":\"summary\",\"sessionId\":\"s99\"}\n") > 0);
    CHECK(gzclose(packed) == Z_OK);
    CHECK(truncate(path, 20) == 0);
    import(&bench, NULL);
    const int64_t steps = look(&bench);
    const struct ingest_summary summary = bench.summary;
    const enum errc code = bench.code;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(steps == SESSIONS * CALLS + 2);
    EXPECT(summary.files_ignored + summary.files >= SESSIONS + 2);
    EXPECT(summary.rejected >= 1);
    EXPECT(strstr(summary.rejects[0].text, "s98.jsonl:2") != NULL);
}

static void a_stop_leaves_whole_groups_and_a_rerun_completes(void)
{
    struct bench bench;
    setup(&bench);
    const atomic_bool stop = true;
    import(&bench, &stop);
    const enum errc stopped = bench.code;
    const int64_t part = look(&bench);
    if (bench.code == ERR_INTERRUPTED) {
        bench.code = ERR_OK;
    }
    import(&bench, NULL);
    const int64_t steps = look(&bench);
    const enum errc code = bench.code;
    teardown(&bench);
    EXPECT(stopped == ERR_INTERRUPTED);
    EXPECT(part >= 0);
    EXPECT(code == ERR_OK);
    EXPECT(steps == SESSIONS * CALLS);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_path_that_is_not_there_is_named),
        TEST_SPARSE(every_call_of_a_tree_is_counted_once_and_again_changes_nothing),
        TEST_SPARSE(a_file_that_grew_is_read_from_where_it_was_left),
        TEST_SPARSE(a_file_that_was_replaced_is_read_from_its_start),
        TEST_SPARSE(what_is_no_log_is_counted_and_what_is_broken_is_told),
        TEST_SPARSE(a_stop_leaves_whole_groups_and_a_rerun_completes),
    };
    return test_main(tests, COUNT_OF(tests));
}
