/*
 * hold_ledger: what a hold costs: reserve and post over six scopes, in memory and with the log.
 *
 *     usage: hold_ledger FOLDER [CALLS]       FOLDER is empty and on the disk to be measured
 *
 * Prints nanoseconds a call: reserve and post in memory (budget: 1,000 ns each), with the log
 * (one write each), with the log from four threads, with a wait for the disk, and how long a
 * snapshot of 20,000 open holds keeps others waiting.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "budget/budget.h"
#include "ledger/holds.h"

enum { SCOPES = 6, THREADS = 4, CALLS = 200000, SYNCED_CALLS = 2000, OPEN = 20000, PAYLOAD = 700 };

static const struct str scopes[SCOPES] = {
    STR_STATIC("org"),      STR_STATIC("team:support"), STR_STATIC("workflow:airline"),
    STR_STATIC("key:k-17"), STR_STATIC("user:u-4711"),  STR_STATIC("model:gpt-4.1-mini")};

static size_t make_limits(struct hold_limit limits[SCOPES])
{
    for (size_t i = 0; i < SCOPES; i++) {
        limits[i] = (struct hold_limit){.scope = scopes[i],
                                        .period = PERIOD_MONTH,
                                        .zone_name = STR("UTC"),
                                        .limit_pusd = INT64_MAX / 4,
                                        .hard_pusd = INT64_MAX / 4,
                                        .per_case_pusd = i == 2 ? INT64_MAX / 4 : HOLD_NO_LIMIT};
    }
    return SCOPES;
}

static struct hold_request request_of(int64_t now_ns, char case_name[16], int64_t i)
{
    const int size = snprintf(case_name, 16, "case %lld", (long long)(i % 1000));
    return (struct hold_request){.scopes = scopes,
                                 .scope_count = SCOPES,
                                 .case_name = {case_name, (size_t)size},
                                 .amount_pusd = 1000000,
                                 .expires_ns = now_ns + 600 * CLOCK_NS_PER_SECOND,
                                 .now_ns = now_ns};
}

static void fail(const struct err *err)
{
    fprintf(stderr, "hold_ledger: %s\n", err->text);
    exit(1);
}

/* CPU time of this thread: others on the machine do not count. */
static int64_t thread_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return now.tv_sec * CLOCK_NS_PER_SECOND + now.tv_nsec;
}

static void in_memory(int64_t now_ns, int64_t calls)
{
    struct holds *holds;
    struct holds_table *table = NULL;
    struct hold_limit limits[SCOPES];
    struct err err;
    int64_t reserve_ns = 0;
    int64_t post_ns = 0;
    enum { BATCH = 1000 };
    static uint64_t ids[BATCH];
    const size_t count = make_limits(limits);
    holds_create(&holds);
    (void)holds_begin(holds, 0);
    CHECK(holds_table_make(holds, limits, count, now_ns, &table, &err) == ERR_OK);
    holds_table_install(holds, &table, now_ns);
    for (int64_t done = 0; done < calls; done += BATCH) {
        int64_t from_ns = thread_ns();
        for (int64_t i = 0; i < BATCH; i++) {
            char case_name[16];
            const struct hold_request request = request_of(now_ns, case_name, i);
            struct hold_record record;
            struct hold_record rolls[HOLDS_ROLLS_MAX];
            struct hold_refusal refusal;
            struct holds_effect effect;
            CHECK(holds_draft_reserve(holds, &request, &record, &err) == ERR_OK);
            CHECK(holds_draft_rolls(holds, &record, rolls) == 0);
            CHECK(holds_admit(holds, &record, &refusal, &err) == ERR_OK);
            CHECK(holds_apply(holds, &record, &effect, &err) == ERR_OK);
            ids[i] = record.id;
        }
        reserve_ns += thread_ns() - from_ns;
        from_ns = thread_ns();
        for (int64_t i = 0; i < BATCH; i++) {
            const struct hold_settlement settlement = {.cost_pusd = 900000, .now_ns = now_ns};
            struct hold_record record;
            CHECK(holds_draft_post(holds, ids[i], &settlement, &record, &err) == ERR_OK);
            CHECK(holds_apply(holds, &record, NULL, &err) == ERR_OK);
        }
        post_ns += thread_ns() - from_ns;
    }
    CHECK(holds_verify(holds, &err) == ERR_OK);
    holds_destroy(&holds);
    printf("in memory, 6 scopes and a case: reserve %lld ns, post %lld ns of CPU\n",
           (long long)(reserve_ns / calls), (long long)(post_ns / calls));
}

struct load {
    struct budget *budget;
    int64_t now_ns;
    int64_t calls;
    int64_t longest_ns; /* of one reserve or post */
};

static void *call(void *argument)
{
    struct load *const load = argument;
    static char payload[PAYLOAD];
    for (int64_t i = 0; i < load->calls; i++) {
        char case_name[16];
        const struct hold_request request = request_of(load->now_ns, case_name, i);
        struct hold_grant grant;
        struct hold_refusal refusal;
        struct err err;
        const int64_t from_ns = clock_monotonic_ns();
        if (budget_reserve(load->budget, &request, &grant, &refusal, &err) != ERR_OK) {
            fail(&err);
        }
        const struct hold_settlement settlement = {.cost_pusd = 900000, .now_ns = load->now_ns};
        if (budget_post(load->budget, grant.id, &settlement, (struct str){payload, PAYLOAD}, NULL,
                        &err) != ERR_OK) {
            fail(&err);
        }
        const int64_t took_ns = clock_monotonic_ns() - from_ns;
        load->longest_ns = took_ns > load->longest_ns ? took_ns : load->longest_ns;
    }
    return NULL;
}

static struct budget *open_budget(struct str home, int64_t now_ns, enum budget_sync sync,
                                  size_t segment_bytes)
{
    struct hold_limit limits[SCOPES];
    const size_t count = make_limits(limits);
    const struct budget_options options = {.home = home,
                                           .limits = limits,
                                           .limit_count = count,
                                           .now_ns = now_ns,
                                           .sync = sync,
                                           .segment_bytes = segment_bytes};
    struct budget *budget = NULL;
    struct err err;
    if (budget_open(&options, &budget, NULL, &err) != ERR_OK) {
        fail(&err);
    }
    return budget;
}

static void with_log(struct str home, int64_t now_ns, int64_t calls)
{
    struct budget *budget = open_budget(home, now_ns, BUDGET_SYNC_GROUP, 0);
    struct load load = {.budget = budget, .now_ns = now_ns, .calls = calls};
    int64_t from_ns = clock_monotonic_ns();
    (void)call(&load);
    printf("reserve and post with the log, %d bytes of payload: %lld ns\n", PAYLOAD,
           (long long)((clock_monotonic_ns() - from_ns) / calls));
    pthread_t threads[THREADS];
    struct load loads[THREADS];
    from_ns = clock_monotonic_ns();
    for (int i = 0; i < THREADS; i++) {
        loads[i] = (struct load){.budget = budget, .now_ns = now_ns, .calls = calls / THREADS};
        CHECK(pthread_create(&threads[i], NULL, call, &loads[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("the same from %d threads: %lld ns a call in all\n", THREADS,
           (long long)((clock_monotonic_ns() - from_ns) / calls));
    struct budget_counts counts;
    budget_count(budget, &counts);
    printf("log: %lld bytes, %lld syncs\n", (long long)counts.log_bytes, (long long)counts.syncs);
    budget_close(&budget);
}

static void with_sync(struct str home, int64_t now_ns)
{
    struct budget *budget = open_budget(home, now_ns, BUDGET_SYNC_ALWAYS, 0);
    struct load load = {.budget = budget, .now_ns = now_ns, .calls = SYNCED_CALLS};
    const int64_t from_ns = clock_monotonic_ns();
    (void)call(&load);
    printf("reserve and post, each on the disk: %lld ns\n",
           (long long)((clock_monotonic_ns() - from_ns) / SYNCED_CALLS));
    budget_close(&budget);
}

static void with_snapshot(struct str home, int64_t now_ns)
{
    struct budget *budget = open_budget(home, now_ns, BUDGET_SYNC_GROUP, 1);
    struct err err;
    for (int64_t i = 0; i < OPEN; i++) {
        char case_name[16];
        const struct hold_request request = request_of(now_ns, case_name, i);
        struct hold_grant grant;
        struct hold_refusal refusal;
        if (budget_reserve(budget, &request, &grant, &refusal, &err) != ERR_OK) {
            fail(&err);
        }
    }
    struct load load = {.budget = budget, .now_ns = now_ns, .calls = CALLS / 10};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, call, &load) == 0);
    const int64_t from_ns = clock_monotonic_ns();
    if (budget_expire(budget, now_ns, NULL, &err) != ERR_OK) {
        fail(&err);
    }
    const int64_t took_ns = clock_monotonic_ns() - from_ns;
    pthread_join(thread, NULL);
    printf("snapshot of %d open holds: %lld us; longest call meanwhile %lld us\n", OPEN,
           (long long)(took_ns / 1000), (long long)(load.longest_ns / 1000));
    budget_close(&budget);
}

int main(int argc, char **argv)
{
    int64_t calls = CALLS;
    if (argc < 2 || argc > 3 || (argc == 3 && !str_to_int64(str_from(argv[2]), &calls)) ||
        calls < 1000) {
        fprintf(stderr, "usage: hold_ledger FOLDER [CALLS]\n");
        return 2;
    }
    const struct str home = str_from(argv[1]);
    const int64_t now_ns = clock_now_ns();
    in_memory(now_ns, calls / 1000 * 1000);
    with_log(home, now_ns, calls);
    with_sync(home, now_ns);
    with_snapshot(home, now_ns);
    return 0;
}
