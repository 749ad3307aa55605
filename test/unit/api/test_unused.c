/* unused: sessions made by hand, imported whole and in two goes: which results were quoted later,
 * which not, which cannot be judged, and what carrying the unused ones cost, worked on paper:
 * every call pays $3 a million input tokens and $15 a million output tokens. */
#include <math.h>
#include <stdio.h>

#include "api/api_priv.h"
#include "api/unused.h"
#include "ingest/ingest.h"
#include "support/book.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define NOON_NS     INT64_C(1788523200000000000)

enum { PATH_BYTES = 256, TEXT_BYTES = 2048 };

static const struct api_request everything = {
    .since_ns = INT64_MIN, .until_ns = INT64_MAX, .as_of_ns = INT64_MAX};
static const struct settings settings;

struct bench {
    struct home home;
    struct arena arena;
    struct store *store;
    const struct price_book *book;
    struct unused unused;
    struct err err;
    enum errc code;
};

static void setup(struct bench *bench)
{
    *bench = (struct bench){0};
    home_make(&bench->home);
    arena_init(&bench->arena, ARENA_BYTES);
    bench->book = book_shipped();
    bench->code = test_part()
                      ? store_open(home_str(&bench->home), STORE_WRITE, &bench->store, &bench->err)
                      : ERR_LIMIT;
}

static void teardown(struct bench *bench)
{
    if (bench->code != ERR_OK) {
        test_note(bench->err.text);
    }
    store_close(&bench->store);
    arena_deinit(&bench->arena);
    home_remove(&bench->home);
}

static FILE *open_log(const struct bench *bench, const char *name)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s.jsonl", bench->home.path, name);
    FILE *const file = fopen(path, "a");
    CHECK(file != NULL);
    return file;
}

/* Words that only this name has: "rk7 rk8 …". */
static const char *words(const char *name, int first, int count)
{
    static char texts[4][TEXT_BYTES];
    static size_t turn;
    char *const text = texts[turn++ % COUNT_OF(texts)];
    size_t used = 0;
    for (int i = first; i < first + count; i++) {
        used += (size_t)snprintf(text + used, TEXT_BYTES - used, "%s%d ", name, i);
        CHECK(used < TEXT_BYTES);
    }
    return text;
}

/* A call that says something and asks for tools with these arguments (NULL: none). */
static void put_call(FILE *file, const char *session, int number, const char *said,
                     const char *tool, const char *argument)
{
    char content[3 * TEXT_BYTES];
    int size = snprintf(content, sizeof content, "{\"type\":\"text\",\"text\":\"%s\"}", said);
    if (tool != NULL) {
        snprintf(content + size, sizeof content - (size_t)size,
                 ",{\"type\":\"tool_use\",\"id\":\"%s-%s\",\"name\":\"Read\","
                 "\"input\":{\"file_path\":\"%s\"}}",
                 session, tool, argument);
    }
    fprintf(file,
            "{\"type\":\"assistant\",\"sessionId\":\"%s\",\"cwd\":\"/srv/shop\",\"version\":"
            "\"2.1.4\",\"uuid\":\"u%s%d\",\"requestId\":\"r%s%d\",\"timestamp\":"
            "\"2026-02-01T10:%02d:00.000Z\",\"message\":{\"id\":\"m%s%d\",\"role\":"
            "\"assistant\",\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[%s],\"usage\":"
            "{\"input_tokens\":1000,\"cache_creation_input_tokens\":0,"
            "\"cache_read_input_tokens\":0,\"output_tokens\":77}}}\n",
            session, session, number, session, number, number, session, number, content);
}

static void put_result(FILE *file, const char *session, int minute, const char *tool,
                       const char *text)
{
    fprintf(file,
            "{\"type\":\"user\",\"sessionId\":\"%s\",\"uuid\":\"t%s%s\",\"timestamp\":"
            "\"2026-02-01T10:%02d:30.000Z\",\"message\":{\"role\":\"user\",\"content\":[{"
            "\"type\":\"tool_result\",\"tool_use_id\":\"%s-%s\",\"content\":\"%s\"}]}}\n",
            session, session, tool, minute, session, tool, text);
}

/* Four calls: the first result is quoted, the second ignored, the third in every session the
 * same, the fourth is short, and nobody reads the last. */
static void put_session(const struct bench *bench, const char *name, bool first_half,
                        bool second_half)
{
    char mine[64];
    FILE *const file = open_log(bench, name);
    snprintf(mine, sizeof mine, "%squoted", name);
    if (first_half) {
        put_call(file, name, 1, "let me look", "t1", "a");
        put_result(file, name, 1, "t1", words(mine, 0, 60));
    }
    if (second_half) {
        put_call(file, name, 2, words(mine, 20, 16), "t2", "b");
        snprintf(mine, sizeof mine, "%signored", name);
        put_result(file, name, 2, "t2", words(mine, 0, 60));
        put_call(file, name, 3, words("thought", 0, 40), "t3", "c");
        put_result(file, name, 3, "t3", words("boilerplate", 0, 40));
        put_call(file, name, 4, words("boilerplate", 0, 40), "t4", "d");
        put_result(file, name, 4, "t4", "file written");
        put_call(file, name, 5, "it is done", "t5", "e");
        put_result(file, name, 5, "t5", words(mine, 100, 60));
    }
    CHECK(fclose(file) == 0);
}

static void import_path(struct bench *bench, const char *path, const char *map)
{
    if (bench->code != ERR_OK) {
        return;
    }
    const char *const paths[] = {path};
    const struct ingest_options options = {.map = str_from(map)};
    struct ingest *ingest = NULL;
    ingest_create(&ingest, bench->store, bench->book, STR("test"), NOON_NS);
    bench->code = ingest_paths(ingest, &options, paths, 1, &bench->err);
    ingest_destroy(&ingest);
}

static void import(struct bench *bench)
{
    import_path(bench, bench->home.path, NULL);
}

static void judge(struct bench *bench)
{
    if (bench->code == ERR_OK) {
        bench->code = figures_create_costs(bench->store, &settings, &everything, &bench->err);
    }
    if (bench->code == ERR_OK) {
        bench->code =
            unused_read(bench->store, &everything, &bench->arena, &bench->unused, &bench->err);
    }
}

/* Rows a check of verify finds; 0 is a whole ledger. */
static size_t faults(struct bench *bench)
{
    static const enum store_query checks[] = {QUERY_verify_orphans, QUERY_verify_duplicate_names,
                                              QUERY_verify_duplicate_steps, QUERY_verify_imports};
    size_t found = 0;
    for (size_t i = 0; i < COUNT_OF(checks) && bench->code == ERR_OK; i++) {
        struct store_result result = {0};
        bench->code =
            store_run(bench->store, checks[i], NULL, 0, &bench->arena, &result, &bench->err);
        found += result.rows;
    }
    return found;
}

static void expect_three_sessions(struct bench *bench)
{
    const struct unused *const u = &bench->unused;
    EXPECT(bench->code == ERR_OK);
    EXPECT(u->results == 15);
    EXPECT(u->unseen == 0);
    EXPECT(u->states[UNUSED_USED] == 3);
    EXPECT(u->states[UNUSED_UNUSED] == 3);
    EXPECT(u->states[UNUSED_COMMON] == 3);
    EXPECT(u->states[UNUSED_TOO_SHORT] == 3);
    EXPECT(u->states[UNUSED_UNREAD] == 3);
    EXPECT(u->states[UNUSED_UNKNOWN] == 0);
    EXPECT(u->judged == 6);
    /* "s1ignored0 " ... "s1ignored59 ": 10 of 11 bytes, 50 of 12 */
    EXPECT(u->tokens == 3 * ((10 * 11 + 50 * 12 + 2) / 4));
    /* read by the third, fourth and fifth call */
    EXPECT(fabs(u->usd - (double)u->tokens * 3 * 3e-6) < 1e-12);
    EXPECT(!u->is_incomplete);
}

static void results_are_told_apart_by_what_came_of_them(void)
{
    struct bench bench;
    setup(&bench);
    put_session(&bench, "s1", true, true);
    put_session(&bench, "s2", true, true);
    put_session(&bench, "s3", true, true);
    import(&bench);
    judge(&bench);
    expect_three_sessions(&bench);
    EXPECT(test_is_refusing() || faults(&bench) == 0);
    teardown(&bench);
}

static void a_use_in_a_later_import_is_found(void)
{
    struct bench bench;
    setup(&bench);
    put_session(&bench, "s1", true, false);
    put_session(&bench, "s2", true, true);
    put_session(&bench, "s3", true, true);
    import(&bench);
    judge(&bench);
    EXPECT(test_is_refusing() || bench.unused.states[UNUSED_USED] == 2);
    EXPECT(test_is_refusing() || bench.unused.states[UNUSED_UNREAD] == 3);
    put_session(&bench, "s1", false, true);
    import(&bench);
    import(&bench);
    judge(&bench);
    expect_three_sessions(&bench);
    EXPECT(test_is_refusing() || faults(&bench) == 0);
    teardown(&bench);
}

static void what_is_asked_for_together_is_no_use(void)
{
    struct bench bench;
    setup(&bench);
    FILE *const file = open_log(&bench, "s1");
    put_call(file, "s1", 1, "two at once", "t1", "a");
    put_call(file, "s1", 1, "", "t2", words("alpha", 10, 20));
    put_result(file, "s1", 2, "t1", words("alpha", 0, 60));
    put_result(file, "s1", 3, "t2", words("beta", 0, 60));
    put_call(file, "s1", 4, words("gamma", 0, 20), "t3", words("beta", 10, 20));
    CHECK(fclose(file) == 0);
    import(&bench);
    judge(&bench);
    const struct unused *const u = &bench.unused;
    EXPECT(test_is_refusing() || u->states[UNUSED_UNUSED] == 1);
    EXPECT(test_is_refusing() || u->states[UNUSED_USED] == 1);
    EXPECT(test_is_refusing() || faults(&bench) == 0);
    teardown(&bench);
}

static void an_attempt_that_wrote_nothing_long_is_not_judged(void)
{
    struct bench bench;
    setup(&bench);
    FILE *const file = open_log(&bench, "s1");
    put_call(file, "s1", 1, "look", "t1", "a");
    put_result(file, "s1", 1, "t1", words("alpha", 0, 60));
    put_call(file, "s1", 2, "done", NULL, NULL);
    CHECK(fclose(file) == 0);
    import(&bench);
    judge(&bench);
    EXPECT(test_is_refusing() || bench.unused.states[UNUSED_UNKNOWN] == 1);
    EXPECT(test_is_refusing() || bench.unused.judged == 0);
    EXPECT(test_is_refusing() || bench.unused.tokens == 0);
    teardown(&bench);
}

static void an_empty_ledger_has_no_results(void)
{
    struct bench bench;
    setup(&bench);
    judge(&bench);
    EXPECT(test_is_refusing() || bench.code == ERR_OK);
    EXPECT(bench.unused.results == 0);
    EXPECT(bench.unused.usd < 1e-12);
    teardown(&bench);
}

static void show(const struct unused *u)
{
    char text[512];
    snprintf(text, sizeof text,
             "results %lld, unseen %lld; used %lld, unused %lld, too short %lld, common %lld, "
             "unknown %lld, unread %lld; %lld of %lld tokens, $%.4f%s",
             (long long)u->results, (long long)u->unseen, (long long)u->states[UNUSED_USED],
             (long long)u->states[UNUSED_UNUSED], (long long)u->states[UNUSED_TOO_SHORT],
             (long long)u->states[UNUSED_COMMON], (long long)u->states[UNUSED_UNKNOWN],
             (long long)u->states[UNUSED_UNREAD], (long long)u->tokens, (long long)u->judged_tokens,
             u->usd, u->is_incomplete ? " and more" : "");
    test_note(text);
}

/* The figure of real sessions is there, plausible, and the same from another import. */
static void real_sessions_have_a_figure_and_twice_the_same(void)
{
    const char *const path = test_is_refusing() ? NULL : test_shared("agent_sessions/raw");
    struct unused first = {0};
    for (int round = 0; round < 2 && path != NULL; round++) {
        struct bench bench;
        setup(&bench);
        import_path(&bench, path, NULL);
        judge(&bench);
        const struct unused *const u = &bench.unused;
        EXPECT(bench.code == ERR_OK);
        show(u);
        EXPECT(u->results > 1000);
        EXPECT(u->judged > 300);
        EXPECT(u->states[UNUSED_USED] > 50);
        EXPECT(u->tokens > 10000);
        EXPECT(u->tokens < u->judged_tokens);
        EXPECT(u->usd > 0.1);
        EXPECT(u->usd < 87.4895); /* what all of them cost */
        EXPECT(faults(&bench) == 0);
        EXPECT(round == 0 || memcmp(&first, u, sizeof first) == 0);
        first = *u;
        teardown(&bench);
    }
}

static void a_map_that_names_the_texts_has_a_figure(void)
{
    const struct str self = STR(__FILE__);
    const size_t root = str_find(self, STR("test/unit/"));
    char map[PATH_BYTES];
    CHECK(root != SIZE_MAX);
    snprintf(map, sizeof map, "%.*sexamples/maps/customer_service.yaml", (int)root, self.data);
    const char *const path = test_is_refusing() ? NULL : test_shared("customer_service");
    if (path == NULL) {
        return;
    }
    struct bench bench;
    setup(&bench);
    import_path(&bench, path, map);
    judge(&bench);
    const struct unused *const u = &bench.unused;
    EXPECT(bench.code == ERR_OK);
    show(u);
    EXPECT(u->results > 3000);
    EXPECT(u->unseen < u->results / 10);
    EXPECT(u->judged > 1000);
    EXPECT(u->states[UNUSED_USED] > 0);
    EXPECT(u->tokens > 0);
    EXPECT(u->is_incomplete); /* some models of these have no price */
    EXPECT(faults(&bench) == 0);
    teardown(&bench);
}

int main(void)
{
    const struct test tests[] = {
        TEST_SPARSE(results_are_told_apart_by_what_came_of_them),
        TEST_SPARSE(a_use_in_a_later_import_is_found),
        TEST_SPARSE(what_is_asked_for_together_is_no_use),
        TEST_SPARSE(an_attempt_that_wrote_nothing_long_is_not_judged),
        TEST_SPARSE(an_empty_ledger_has_no_results),
        TEST_SPARSE(real_sessions_have_a_figure_and_twice_the_same),
        TEST_SPARSE(a_map_that_names_the_texts_has_a_figure),
    };
    return test_main(tests, COUNT_OF(tests));
}
