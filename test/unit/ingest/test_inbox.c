/* inbox: what was acknowledged is in the ledger once, also when the program ended in between or the
 * message came twice. Messages here are "identity output": one model call each. */
#include "ingest/inbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/book.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define NOON_NS     (INT64_C(20700) * CLOCK_NS_PER_DAY + CLOCK_NS_PER_DAY / 2)

enum { WAIT_MS = 120000, PRODUCERS = 4, MESSAGES = 500 };

struct bench {
    struct home home;
    struct arena arena;
    struct store *store;
    const struct price_book *book;
    struct inbox *inbox;
    atomic_int kept;
    atomic_int refused;
    atomic_bool slow;     /* decoding waits */
    atomic_int decodings; /* of messages of the journal */
    int wait_ms;          /* that decoding one takes */
    int late_ms;          /* of the inbox */
    atomic_int priority;  /* of the thread that decoded last, as "nice" counts */
};

static struct trace_case a_case = {.id = STR_STATIC("C-1"), .workflow = STR_STATIC("claims")};
static struct attempt an_attempt = {.id = STR_STATIC("A-1")};

static enum errc decode(void *context, const struct journal_message *message, struct arena *arena,
                        struct inbox_decoded *out, struct err *err)
{
    struct bench *const bench = context;
    atomic_fetch_add(&bench->decodings, message->id > 0);
    struct str rest = message->bytes;
    const struct str identity = str_cut(&rest, ' ');
    int64_t output = 0;
    while (atomic_load(&bench->slow)) {
        usleep(1000);
    }
    usleep((useconds_t)bench->wait_ms * 1000);
    atomic_store(&bench->priority, getpriority(PRIO_PROCESS, (id_t)gettid()));
    if (!str_to_int64(rest, &output)) {
        return err_set(err, ERR_SYNTAX, "no number of tokens");
    }
    struct step *const step = arena_new(arena, struct step, 1);
    if (step == NULL) {
        return err_set(err, ERR_LIMIT, "the arena is full");
    }
    *step = (struct step){.kind = STEP_LLM,
                          .identity = identity,
                          .provider = STR("anthropic"),
                          .model = STR("claude-sonnet-4-5"),
                          .has_usage = true,
                          .started_ns = NOON_NS,
                          .ended_ns = NOON_NS,
                          .raw_usage = STR("{}")};
    step->usage.counts[USAGE_OUTPUT] = output;
    out->trace = (struct trace){
        .cases = {&a_case, 1, 1}, .attempts = {&an_attempt, 1, 1}, .steps = {step, 1, 1}};
    out->channel = CHANNEL_SPAN;
    return ERR_OK;
}

static void done(void *context, enum errc code, const struct err *err)
{
    struct bench *const bench = context;
    (void)err;
    atomic_fetch_add(code == ERR_OK ? &bench->kept : &bench->refused, 1);
}

static void open_inbox_with(struct bench *bench, size_t queue_bytes_max, int64_t journal_bytes_max,
                            size_t reading_bytes_max)
{
    struct err err;
    const struct inbox_settings settings = {.home = home_str(&bench->home),
                                            .store = bench->store,
                                            .book = bench->book,
                                            .limits.queue_bytes_max = queue_bytes_max,
                                            .limits.journal_bytes_max = journal_bytes_max,
                                            .reading_bytes_max = reading_bytes_max,
                                            .late_ms = bench->late_ms,
                                            .decode = decode,
                                            .context = bench};
    CHECK(inbox_create(&settings, &bench->inbox, &err) == ERR_OK);
}

static void open_inbox(struct bench *bench, size_t queue_bytes_max, int64_t journal_bytes_max)
{
    open_inbox_with(bench, queue_bytes_max, journal_bytes_max, 0);
}

static bool setup(struct bench *bench)
{
    struct err err;
    *bench = (struct bench){0};
    home_make(&bench->home);
    arena_init(&bench->arena, ARENA_BYTES);
    bench->book = book_shipped();
    return test_part() &&
           store_open(home_str(&bench->home), STORE_WRITE, &bench->store, &err) == ERR_OK;
}

static void teardown(struct bench *bench)
{
    inbox_destroy(&bench->inbox, WAIT_MS);
    store_close(&bench->store);
    arena_deinit(&bench->arena);
    home_remove(&bench->home);
}

static enum errc offer(struct bench *bench, const char *text)
{
    struct err err;
    const struct journal_message message = {
        .kind = 1, .received_ns = NOON_NS, .bytes = str_from(text)};
    return inbox_offer(bench->inbox, &message, done, bench, &err);
}

/* Offer what is decoded already; once the inbox has it the arena is not the caller's any more.
 * workflow  what the sender's key stands for; NULL: it has none. */
static enum errc offer_bound(struct bench *bench, const char *text, const char *workflow)
{
    struct err err;
    struct arena arena;
    struct inbox_decoded decoded = {0};
    arena_init(&arena, ARENA_BYTES);
    struct journal_message message = {
        .kind = 1, .received_ns = NOON_NS, .bytes = arena_copy(&arena, str_from(text))};
    enum errc code = ERR_LIMIT;
    if (message.bytes.data != NULL) {
        code = decode(bench, &message, &arena, &decoded, &err);
    }
    if (code == ERR_OK && workflow != NULL) {
        decoded.binding.workflow = arena_copy(&arena, str_from(workflow));
        code = decoded.binding.workflow.data != NULL ? ERR_OK : ERR_LIMIT;
    }
    if (code == ERR_OK) {
        code = inbox_offer_decoded(bench->inbox, &message, &decoded, &arena, done, bench, &err);
    }
    arena_deinit(&arena);
    return code;
}

static enum errc offer_decoded(struct bench *bench, const char *text)
{
    return offer_bound(bench, text, NULL);
}

/* Steps in the ledger, after the inbox has let go of it; -1: they do not tie. */
static int64_t steps_of(struct bench *bench)
{
    struct store_result result;
    struct err err;
    const long refusal = arena_fail_after;
    arena_fail_after = -1;
    inbox_destroy(&bench->inbox, WAIT_MS);
    CHECK(store_run(bench->store, QUERY_verify_totals, NULL, 0, &bench->arena, &result, &err) ==
          ERR_OK);
    const bool ties = result.rows == 0;
    CHECK(store_run(bench->store, QUERY_verify_count, NULL, 0, &bench->arena, &result, &err) ==
          ERR_OK);
    arena_fail_after = refusal;
    return ties ? store_int64(&result, 0, 0, -1) : -1;
}

static void what_does_not_fit_the_queue_is_refused_and_nothing_is_kept_of_it(void)
{
    struct bench bench;
    bool opened = setup(&bench);
    enum errc code = ERR_OK;
    int taken = 0;
    int64_t steps = -1;
    struct inbox_counts counts = {0};
    if (opened) {
        open_inbox(&bench, 4, 1 << 20);
        for (; taken < 100000 && code == ERR_OK; taken += code == ERR_OK) {
            char text[32];
            snprintf(text, sizeof text, "m%d 100", taken);
            code = offer(&bench, text); /* until one comes while another is written */
        }
        inbox_settle(bench.inbox, WAIT_MS);
        counts = inbox_counts(bench.inbox);
        steps = steps_of(&bench);
    }
    const int kept = atomic_load(&bench.kept);
    teardown(&bench);
    EXPECT(opened);
    EXPECT(code == ERR_BUSY);
    EXPECT(counts.turned_away == 1);
    EXPECT(kept == taken);
    EXPECT(steps == taken);
}

static void a_message_larger_than_the_queue_is_taken_when_nothing_else_waits(void)
{
    struct bench bench;
    bool opened = setup(&bench);
    enum errc codes[2] = {ERR_BUSY, ERR_BUSY};
    int64_t steps = -1;
    if (opened) {
        open_inbox(&bench, 4, 1 << 20);
        codes[0] = offer(&bench, "m1 100");
        inbox_settle(bench.inbox, WAIT_MS);
        codes[1] = offer(&bench, "m2 100");
        inbox_settle(bench.inbox, WAIT_MS);
        steps = steps_of(&bench);
    }
    teardown(&bench);
    EXPECT(opened);
    EXPECT(codes[0] == ERR_OK);
    EXPECT(codes[1] == ERR_OK);
    EXPECT(steps == 2);
}

static void a_journal_that_is_full_refuses_until_the_ledger_has_caught_up(void)
{
    struct bench bench;
    bool opened = setup(&bench);
    enum errc full = ERR_OK;
    enum errc after = ERR_BUSY;
    int64_t steps = -1;
    if (opened) {
        open_inbox(&bench, 1 << 20, 10);
        atomic_store(&bench.slow, true);
        for (int i = 0; i < 1000 && full == ERR_OK; i++) {
            char text[32];
            snprintf(text, sizeof text, "m%d 100", i);
            full = offer(&bench, text);
            usleep(1000);
        }
        atomic_store(&bench.slow, false);
        inbox_settle(bench.inbox, WAIT_MS);
        after = offer(&bench, "last 100");
        inbox_settle(bench.inbox, WAIT_MS);
        steps = steps_of(&bench);
    }
    const int kept = atomic_load(&bench.kept);
    teardown(&bench);
    EXPECT(opened);
    EXPECT(full == ERR_BUSY);
    EXPECT(after == ERR_OK);
    EXPECT(steps == kept);
}

static void a_message_nobody_can_read_is_counted_and_the_others_are_taken(void)
{
    struct bench bench;
    bool opened = setup(&bench);
    int64_t steps = -1;
    struct inbox_counts counts = {0};
    if (opened) {
        open_inbox(&bench, 1 << 20, 1 << 20);
        CHECK(offer(&bench, "m1 100") == ERR_OK);
        CHECK(offer(&bench, "m2 many") == ERR_OK);
        CHECK(offer(&bench, "m3 100") == ERR_OK);
        inbox_settle(bench.inbox, WAIT_MS);
        counts = inbox_counts(bench.inbox);
        steps = steps_of(&bench);
    }
    teardown(&bench);
    EXPECT(opened);
    EXPECT(counts.unreadable == 1);
    EXPECT(counts.waiting == 0);
    EXPECT(steps == 2);
}

struct producer {
    struct bench *bench;
    int number;
    pthread_t thread;
};

static void *produce(void *context)
{
    const struct producer *const producer = context;
    for (int i = 0; i < MESSAGES; i++) {
        char text[32];
        snprintf(text, sizeof text, "p%d-%d 100", producer->number, i);
        while (offer(producer->bench, text) != ERR_OK) {
            usleep(100);
        }
        if (i % 7 == 0) {
            while (offer(producer->bench, text) != ERR_OK) { /* sent again */
                usleep(100);
            }
        }
    }
    return NULL;
}

static void what_many_threads_offer_some_of_it_twice_is_in_the_ledger_once(void)
{
    struct bench bench;
    bool opened = setup(&bench);
    int64_t steps = -1;
    bool settled = false;
    if (opened) {
        struct producer producers[PRODUCERS];
        open_inbox(&bench, 4096, 1 << 20);
        for (int i = 0; i < PRODUCERS; i++) {
            producers[i] = (struct producer){.bench = &bench, .number = i};
            CHECK(pthread_create(&producers[i].thread, NULL, produce, &producers[i]) == 0);
        }
        for (int i = 0; i < PRODUCERS; i++) {
            pthread_join(producers[i].thread, NULL);
        }
        settled = inbox_settle(bench.inbox, WAIT_MS);
        steps = steps_of(&bench);
    }
    teardown(&bench);
    EXPECT(opened);
    EXPECT(settled);
    EXPECT(steps == (int64_t)PRODUCERS * MESSAGES);
}

static void what_was_acknowledged_before_the_end_is_taken_up_at_the_next_start(void)
{
    struct bench bench;
    bool opened = setup(&bench);
    int64_t after = -1;
    if (opened) {
        open_inbox(&bench, 1 << 20, 1 << 20);
        atomic_store(&bench.slow, true);
        CHECK(offer(&bench, "m1 100") == ERR_OK);
        while (atomic_load(&bench.kept) < 1) {
            usleep(1000);
        }
        usleep(300000); /* the first is in decoding; the others wait in the journal */
        for (int i = 2; i < 20; i++) {
            char text[32];
            snprintf(text, sizeof text, "m%d 100", i);
            CHECK(offer(&bench, text) == ERR_OK);
        }
        while (atomic_load(&bench.kept) < 19) {
            usleep(1000);
        }
        atomic_store(&bench.slow, false);
        inbox_destroy(&bench.inbox, 0);
        open_inbox(&bench, 1 << 20, 1 << 20);
        inbox_settle(bench.inbox, WAIT_MS);
        after = steps_of(&bench);
    }
    teardown(&bench);
    EXPECT(opened);
    EXPECT(after == 19);
}

/* Decoded and undecoded ones in turn, with room in memory for all of those, some or none. */
static void check_decoded(size_t reading_bytes_max, int least, int most)
{
    enum { COUNT = 60 };
    struct bench bench;
    bool opened = setup(&bench);
    enum errc code = ERR_OK;
    int64_t steps = -1;
    int decodings = -1;
    if (opened) {
        open_inbox_with(&bench, 1 << 20, 1 << 20, reading_bytes_max);
        for (int i = 0; i < COUNT && code == ERR_OK; i++) {
            char text[32];
            snprintf(text, sizeof text, "m%d 100", i);
            code = i / 5 % 2 == 0 ? offer_decoded(&bench, text) : offer(&bench, text);
        }
        inbox_settle(bench.inbox, WAIT_MS);
        steps = steps_of(&bench);
        decodings = atomic_load(&bench.decodings);
    }
    teardown(&bench);
    EXPECT(opened);
    EXPECT(code == ERR_OK);
    EXPECT(steps == COUNT);
    EXPECT(decodings >= least && decodings <= most);
}

static void what_comes_decoded_is_not_decoded_again_and_every_message_is_taken_once(void)
{
    check_decoded(ARENA_BYTES, 30, 30);
}

static void what_does_not_fit_the_memory_is_read_from_the_journal(void)
{
    check_decoded(0, 60, 60);
    check_decoded((size_t)128 << 10, 30, 60);
}

static void what_was_decoded_and_is_not_in_the_ledger_at_the_end_is_read_from_the_journal(void)
{
    struct bench bench;
    bool opened = setup(&bench);
    enum errc code = ERR_OK;
    int64_t steps = -1;
    if (opened) {
        open_inbox_with(&bench, 1 << 20, 1 << 20, ARENA_BYTES);
        for (int i = 0; i < 20 && code == ERR_OK; i++) {
            char text[32];
            snprintf(text, sizeof text, "m%d 100", i);
            code = offer_decoded(&bench, text);
        }
        inbox_destroy(&bench.inbox, 0);
        open_inbox(&bench, 1 << 20, 1 << 20);
        inbox_settle(bench.inbox, WAIT_MS);
        steps = steps_of(&bench);
    }
    teardown(&bench);
    EXPECT(opened);
    EXPECT(code == ERR_OK);
    EXPECT(steps == 20);
}

static bool has_case(struct bench *bench, const char *workflow)
{
    struct store_result result;
    struct err err;
    const long refusal = arena_fail_after;
    const struct store_value values[] = {STORE_OF_TEXT(str_from(workflow)),
                                         STORE_OF_TEXT(STR("C-1"))};
    arena_fail_after = -1;
    CHECK(store_run(bench->store, QUERY_find_case, values, COUNT_OF(values), &bench->arena, &result,
                    &err) == ERR_OK);
    arena_fail_after = refusal;
    return result.rows == 1;
}

/* The same from memory, from the journal, and from the journal after the end: the traces all say
 * "claims". */
static void what_a_key_stands_for_goes_before_what_the_message_says(void)
{
    struct bench bench;
    bool opened = setup(&bench);
    enum errc code = ERR_OK;
    bool claims = false;
    bool bound[3] = {false};
    if (opened) {
        open_inbox_with(&bench, 1 << 20, 1 << 20, ARENA_BYTES);
        code = offer_bound(&bench, "m1 100", "kept in memory");
        inbox_settle(bench.inbox, WAIT_MS);
        inbox_destroy(&bench.inbox, WAIT_MS);
        open_inbox_with(&bench, 1 << 20, 1 << 20, 0);
        code = code == ERR_OK ? offer_bound(&bench, "m2 100", "read again") : code;
        inbox_settle(bench.inbox, WAIT_MS);
        atomic_store(&bench.slow, true);
        code = code == ERR_OK ? offer(&bench, "m3 100") : code; /* holds the moving thread */
        while (code == ERR_OK && atomic_load(&bench.kept) < 3) {
            usleep(1000);
        }
        usleep(300000);
        atomic_store(&bench.slow, false);
        code = code == ERR_OK ? offer_bound(&bench, "m4 100", "after the end") : code;
        inbox_destroy(&bench.inbox, 0);
        open_inbox(&bench, 1 << 20, 1 << 20);
        inbox_settle(bench.inbox, WAIT_MS);
        inbox_destroy(&bench.inbox, WAIT_MS);
        claims = has_case(&bench, "claims");
        bound[0] = has_case(&bench, "kept in memory");
        bound[1] = has_case(&bench, "read again");
        bound[2] = has_case(&bench, "after the end");
    }
    teardown(&bench);
    EXPECT(opened);
    EXPECT(code == ERR_OK);
    EXPECT(claims); /* of the one without a key */
    EXPECT(bound[0]);
    EXPECT(bound[1]);
    EXPECT(bound[2]);
}

struct borrower {
    struct bench *bench;
    int64_t first; /* of its three changes */
    atomic_int *inside;
    bool alone;
    pthread_t thread;
};

/* A change of one's own with the inbox's store, in two transactions. */
static void *borrow(void *context)
{
    struct borrower *const borrower = context;
    borrower->alone = true;
    for (int64_t i = 0; i < 3; i++) {
        struct store *store = NULL;
        const struct ledger_rejects reject = {.path = STR("here"), .line = borrower->first + i};
        struct err err;
        CHECK(inbox_borrow_store(borrower->bench->inbox, &store, &err) == ERR_OK);
        borrower->alone = atomic_fetch_add(borrower->inside, 1) == 0 && borrower->alone;
        CHECK(store_begin(store, &err) == ERR_OK);
        CHECK(store_append(store, LEDGER_rejects, &reject, 1, &err) == ERR_OK);
        usleep(2000);
        CHECK(store_commit(store, &err) == ERR_OK);
        atomic_fetch_sub(borrower->inside, 1);
        inbox_return_store(borrower->bench->inbox);
    }
    return NULL;
}

static void who_borrows_the_store_has_it_alone_and_what_comes_in_meanwhile_is_taken(void)
{
    enum { BORROWERS = 3, OFFERS = 40 };
    struct bench bench;
    bool opened = setup(&bench);
    int64_t steps = -1;
    bool alone = true;
    bool settled = false;
    if (opened) {
        struct borrower borrowers[BORROWERS];
        atomic_int inside = 0;
        open_inbox(&bench, 1 << 20, 1 << 20);
        for (int i = 0; i < BORROWERS; i++) {
            borrowers[i] = (struct borrower){.bench = &bench, .first = i * 5, .inside = &inside};
            CHECK(pthread_create(&borrowers[i].thread, NULL, borrow, &borrowers[i]) == 0);
        }
        for (int i = 0; i < OFFERS; i++) {
            char text[32];
            snprintf(text, sizeof text, "m%d 100", i);
            CHECK(offer(&bench, text) == ERR_OK);
            usleep(500);
        }
        for (int i = 0; i < BORROWERS; i++) {
            pthread_join(borrowers[i].thread, NULL);
            alone = alone && borrowers[i].alone;
        }
        settled = inbox_settle(bench.inbox, WAIT_MS);
        steps = steps_of(&bench);
    }
    teardown(&bench);
    EXPECT(opened);
    EXPECT(alone);
    EXPECT(settled);
    EXPECT(steps == OFFERS);
}

static void what_is_offered_while_the_store_is_lent_is_acknowledged_and_waits(void)
{
    struct bench bench;
    bool opened = setup(&bench);
    int64_t steps = -1;
    int kept = 0;
    int64_t waiting = -1;
    if (opened) {
        open_inbox(&bench, 1 << 20, 1 << 20);
        struct store *store = NULL;
        struct err err;
        CHECK(inbox_borrow_store(bench.inbox, &store, &err) == ERR_OK);
        CHECK(offer(&bench, "m1 100") == ERR_OK);
        for (int i = 0; i < 2000 && atomic_load(&bench.kept) == 0; i++) {
            usleep(1000);
        }
        kept = atomic_load(&bench.kept);
        usleep(300000); /* longer than it gathers */
        waiting = inbox_counts(bench.inbox).waiting;
        inbox_return_store(bench.inbox);
        inbox_settle(bench.inbox, WAIT_MS);
        steps = steps_of(&bench);
    }
    teardown(&bench);
    EXPECT(opened);
    EXPECT(kept == 1);
    EXPECT(waiting == 1);
    EXPECT(steps == 1);
}

/* Four messages, of which one load takes two. */
static bool offer_four(struct bench *bench)
{
    static char context[3 << 20];
    struct err err;
    enum errc code = ERR_OK;
    for (int i = 0; i < 4 && code == ERR_OK; i++) {
        char text[] = "m0 7";
        text[1] = (char)('0' + i);
        const struct journal_message message = {.kind = 1,
                                                .received_ns = NOON_NS,
                                                .bytes = str_from(text),
                                                .context = {context, sizeof context}};
        code = inbox_offer(bench->inbox, &message, done, bench, &err);
    }
    return code == ERR_OK;
}

static void wait_for_decodings(struct bench *bench, int count)
{
    while (atomic_load(&bench->decodings) < count) {
        usleep(1000);
    }
}

static void what_has_waited_for_long_is_moved_by_who_gives_way_to_nobody(void)
{
    struct bench bench;
    if (test_is_refusing()) {
        return; /* it takes seconds, and others refuse the same allocations */
    }
    CHECK(setup(&bench));
    bench.late_ms = 1;
    bench.wait_ms = 600; /* two of them are as long as who gives way may take at once */
    atomic_store(&bench.slow, true);
    open_inbox(&bench, 64 << 20, 64 << 20);
    const int own = getpriority(PRIO_PROCESS, (id_t)gettid());
    const bool taken = offer_four(&bench);
    while (taken && atomic_load(&bench.kept) < 4) {
        usleep(1000);
    }
    atomic_store(&bench.slow, false);
    wait_for_decodings(&bench, 1);
    usleep(700000);
    const int first = atomic_load(&bench.priority);
    const bool settled = inbox_settle(bench.inbox, WAIT_MS);
    const int last = atomic_load(&bench.priority);
    const int64_t steps = steps_of(&bench);
    teardown(&bench);
    EXPECT(taken);
    EXPECT(settled);
    EXPECT(steps == 4);
    EXPECT(first > own);
    EXPECT(last == own);
}

static void what_is_awaited_at_the_end_is_moved_by_who_gives_way_to_nobody(void)
{
    struct bench bench;
    if (test_is_refusing()) {
        return; /* it takes seconds, and others refuse the same allocations */
    }
    CHECK(setup(&bench));
    bench.wait_ms = 600;
    open_inbox(&bench, 64 << 20, 64 << 20);
    const int own = getpriority(PRIO_PROCESS, (id_t)gettid());
    const bool taken = offer_four(&bench);
    wait_for_decodings(&bench, 1);
    inbox_destroy(&bench.inbox, WAIT_MS);
    const int last = atomic_load(&bench.priority);
    const int64_t steps = steps_of(&bench);
    teardown(&bench);
    EXPECT(taken);
    EXPECT(steps == 4);
    EXPECT(last == own);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(what_has_waited_for_long_is_moved_by_who_gives_way_to_nobody),
        TEST_SPARSE(what_is_awaited_at_the_end_is_moved_by_who_gives_way_to_nobody),
        TEST_SPARSE(who_borrows_the_store_has_it_alone_and_what_comes_in_meanwhile_is_taken),
        TEST_SPARSE(what_is_offered_while_the_store_is_lent_is_acknowledged_and_waits),
        TEST_SPARSE(what_does_not_fit_the_queue_is_refused_and_nothing_is_kept_of_it),
        TEST_SPARSE(a_message_larger_than_the_queue_is_taken_when_nothing_else_waits),
        TEST_SPARSE(a_journal_that_is_full_refuses_until_the_ledger_has_caught_up),
        TEST_SPARSE(a_message_nobody_can_read_is_counted_and_the_others_are_taken),
        TEST_SPARSE(what_many_threads_offer_some_of_it_twice_is_in_the_ledger_once),
        TEST_SPARSE(what_was_acknowledged_before_the_end_is_taken_up_at_the_next_start),
        TEST_SPARSE(what_comes_decoded_is_not_decoded_again_and_every_message_is_taken_once),
        TEST_SPARSE(what_does_not_fit_the_memory_is_read_from_the_journal),
        TEST_SPARSE(what_was_decoded_and_is_not_in_the_ledger_at_the_end_is_read_from_the_journal),
        TEST_SPARSE(what_a_key_stands_for_goes_before_what_the_message_says),
    };
    return test_main(tests, COUNT_OF(tests));
}
