/* budget: many threads against little money. 64 threads, a budget for exactly ten holds, in a
 * hundred rounds, where the inner or the outer scope binds; then a day that ends under load. */
#include <pthread.h>
#include <stdatomic.h>

#include "budgeting.h"

enum { THREADS = 64, ROUNDS = 100, HOLDS = 10, AMOUNT = 7, ROLL_CALLS = 400, ROLL_THREADS = 8 };

struct round {
    struct budget *budget;
    pthread_barrier_t barrier;
    atomic_int granted;
    atomic_llong now_ns;
    atomic_bool wrong;
    int64_t round_now_ns;
};

static void *try_once(void *argument)
{
    struct round *const round = argument;
    const struct str scopes[] = {STR("org"), STR("team:a"), STR("user:u")};
    const struct hold_request request = {.scopes = scopes,
                                         .scope_count = 3,
                                         .amount_pusd = AMOUNT,
                                         .expires_ns = HOLD_NO_END,
                                         .now_ns = round->round_now_ns};
    for (int i = 0; i < ROUNDS; i++) {
        struct hold_grant grant;
        struct hold_refusal refusal;
        struct err err;
        pthread_barrier_wait(&round->barrier); /* the main thread has made this round's limits */
        const enum errc code = budget_reserve(round->budget, &request, &grant, &refusal, &err);
        if (code != ERR_OK && code != ERR_BUDGET) {
            round->wrong = true;
        }
        round->granted += code == ERR_OK;
        pthread_barrier_wait(&round->barrier);
        if (code == ERR_OK && budget_void(round->budget, grant.id, 0, STR(""), &err) != ERR_OK) {
            round->wrong = true;
        }
        pthread_barrier_wait(&round->barrier);
    }
    return NULL;
}

static void a_budget_for_ten_admits_ten_of_sixty_four(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct budgeting b;
    pthread_t threads[THREADS];
    struct round round = {.granted = 0};
    int wrong = 0;
    budgeting_open(&b, NULL, 0);
    round.budget = b.budget;
    round.round_now_ns = b.now_ns;
    CHECK(pthread_barrier_init(&round.barrier, NULL, THREADS + 1) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, try_once, &round) == 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        const int64_t little = HOLDS * AMOUNT + i % AMOUNT; /* what is left does not make another */
        const int64_t much = INT64_C(1000) * AMOUNT;
        const struct hold_limit limits[] = {
            budgeting_limit("org", PERIOD_MONTH, i % 3 == 0 ? little : much),
            budgeting_limit("team:a", PERIOD_DAY, i % 3 == 1 ? little : much),
            budgeting_limit("user:u", PERIOD_TOTAL, i % 3 == 2 ? little : much)};
        CHECK(budget_set_limits(b.budget, limits, 3, b.now_ns, &b.err) == ERR_OK);
        round.granted = 0;
        pthread_barrier_wait(&round.barrier);
        pthread_barrier_wait(&round.barrier);
        wrong += round.granted != HOLDS || budget_verify(b.budget, &b.err) != ERR_OK;
        pthread_barrier_wait(&round.barrier);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    struct budget_counts counts;
    budget_count(b.budget, &counts);
    pthread_barrier_destroy(&round.barrier);
    budgeting_close(&b);
    EXPECT(wrong == 0);
    EXPECT(!round.wrong);
    EXPECT(counts.open_holds == 0 && counts.held_pusd == 0);
    EXPECT(counts.reserved == ROUNDS * HOLDS);
}

/* Calls one after the other, with a clock that all share and each moves on. */
static void *call(void *argument)
{
    struct round *const round = argument;
    const struct str scopes[] = {STR("org")};
    for (int i = 0; i < ROLL_CALLS; i++) {
        struct hold_grant grant;
        struct hold_refusal refusal;
        struct err err;
        const int64_t now_ns = round->now_ns += BUDGETING_DAY / 200;
        const struct hold_request request = {.scopes = scopes,
                                             .scope_count = 1,
                                             .amount_pusd = 10,
                                             .expires_ns = HOLD_NO_END,
                                             .now_ns = now_ns};
        const enum errc code = budget_reserve(round->budget, &request, &grant, &refusal, &err);
        if (code == ERR_BUDGET) {
            continue;
        }
        const struct hold_settlement settlement = {.cost_pusd = 10, .now_ns = now_ns};
        if (code != ERR_OK ||
            budget_post(round->budget, grant.id, &settlement, STR("row"), NULL, &err) != ERR_OK) {
            round->wrong = true;
        }
        round->granted++;
    }
    return NULL;
}

static void a_day_that_ends_under_load_loses_nothing(void)
{
    if (test_is_refusing()) {
        return;
    }
    const struct hold_limit limits[] = {budgeting_limit("org", PERIOD_DAY, 1000)};
    struct budgeting b;
    pthread_t threads[ROLL_THREADS];
    budgeting_open(&b, limits, 1);
    struct round round = {.budget = b.budget, .now_ns = b.now_ns};
    for (size_t i = 0; i < ROLL_THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, call, &round) == 0);
    }
    bool verified = true;
    for (int i = 0; i < 100; i++) {
        int64_t ended;
        verified = verified && budget_verify(b.budget, &b.err) == ERR_OK &&
                   budget_expire(b.budget, round.now_ns, &ended, &b.err) == ERR_OK;
    }
    for (size_t i = 0; i < ROLL_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    struct budget_counts counts;
    budget_count(b.budget, &counts);
    verified = verified && budget_verify(b.budget, &b.err) == ERR_OK;
    budgeting_close(&b);
    EXPECT(verified && !round.wrong);
    EXPECT(counts.posted == round.granted);
    /* 200 steps of the clock a day, 100 fit a day's limit: 16 days and the one it began with. */
    EXPECT(round.granted >= 1500 && round.granted <= 1700);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_budget_for_ten_admits_ten_of_sixty_four),
        TEST_SPARSE(a_day_that_ends_under_load_loses_nothing),
    };
    return test_main(tests, COUNT_OF(tests));
}
