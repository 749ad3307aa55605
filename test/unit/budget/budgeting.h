/* budgeting: a budget in a home of its own, and the few things tests do with it. */
#ifndef BUDGET_BUDGETING_H
#define BUDGET_BUDGETING_H

#include <stdio.h>

#include "base/clock.h"
#include "budget/budget.h"
#include "support/home.h"
#include "support/test.h"

#define BUDGETING_DAY   CLOCK_NS_PER_DAY
#define BUDGETING_START (INT64_C(20000) * CLOCK_NS_PER_DAY)

struct budgeting {
    struct home home;
    struct budget *budget;
    struct budget_opened opened;
    struct hold_refusal refusal;
    struct hold_grant grant;
    struct hold_settled settled;
    struct err err;
    int64_t now_ns;
    size_t segment_bytes;
    enum budget_sync sync;
    enum budget_unknown unknown;
    int64_t (*steady_ns)(void);
    int64_t hold_s; /* how long a hold lasts; 0: a minute */
};

static inline struct hold_limit budgeting_limit(const char *scope, enum budget_period period,
                                                int64_t pusd)
{
    return (struct hold_limit){.scope = str_from(scope),
                               .period = period,
                               .zone_name = STR("UTC"),
                               .limit_pusd = pusd,
                               .hard_pusd = pusd,
                               .per_case_pusd = HOLD_NO_LIMIT};
}

static inline enum errc budgeting_reopen(struct budgeting *b, const struct hold_limit *limits,
                                         size_t count)
{
    budget_close(&b->budget);
    const struct budget_options options = {.home = home_str(&b->home),
                                           .limits = limits,
                                           .limit_count = count,
                                           .now_ns = b->now_ns,
                                           .steady_ns = b->steady_ns,
                                           .sync = b->sync,
                                           .unknown = b->unknown,
                                           .segment_bytes = b->segment_bytes};
    return budget_open(&options, &b->budget, &b->opened, &b->err);
}

static inline void budgeting_open(struct budgeting *b, const struct hold_limit *limits,
                                  size_t count)
{
    *b = (struct budgeting){.now_ns = BUDGETING_START};
    home_make(&b->home);
    if (budgeting_reopen(b, limits, count) != ERR_OK) {
        test_note(b->err.text);
        CHECK(false);
    }
}

static inline void budgeting_close(struct budgeting *b)
{
    budget_close(&b->budget);
    home_remove(&b->home);
}

/* Scopes by commas: "org,team:a". Returns the hold, 0: refused. */
static inline uint64_t budgeting_hold(struct budgeting *b, const char *scopes,
                                      const char *case_name, int64_t pusd)
{
    struct str rest = str_from(scopes);
    struct str rows[HOLD_SCOPES_MAX];
    size_t count = 0;
    while (rest.size > 0) {
        rows[count++] = str_cut(&rest, ',');
    }
    const struct hold_request request = {
        .scopes = rows,
        .scope_count = count,
        .case_name = str_from(case_name),
        .amount_pusd = pusd,
        .expires_ns = b->now_ns + (b->hold_s > 0 ? b->hold_s : 60) * CLOCK_NS_PER_SECOND,
        .now_ns = b->now_ns};
    const enum errc code = budget_reserve(b->budget, &request, &b->grant, &b->refusal, &b->err);
    return code == ERR_OK ? b->grant.id : 0;
}

static inline enum errc budgeting_post(struct budgeting *b, uint64_t id, int64_t pusd)
{
    const struct hold_settlement settlement = {.cost_pusd = pusd, .now_ns = b->now_ns};
    return budget_post(b->budget, id, &settlement, (struct str){"", 0}, &b->settled, &b->err);
}

/* The first limit of that scope and period; CHECKs that held + spent + free is the limit. */
static inline struct hold_balance budgeting_balance(struct budgeting *b, const char *scope,
                                                    enum budget_period period)
{
    struct arena arena;
    struct budget_balances all = {0};
    struct hold_balance found = {.limit_pusd = -1};
    arena_init(&arena, (size_t)4 << 20);
    const enum errc code = budget_balances(b->budget, b->now_ns, &arena, &all, &b->err);
    for (size_t i = 0; code == ERR_OK && i < all.count; i++) {
        CHECK(all.rows[i].held_pusd + all.rows[i].spent_pusd + all.rows[i].free_pusd ==
              all.rows[i].limit_pusd);
        if (str_equal(all.rows[i].scope, str_from(scope)) && all.rows[i].period == period) {
            found = all.rows[i];
        }
    }
    found.scope = (struct str){"", 0};
    found.zone_name = found.scope;
    arena_deinit(&arena);
    return found;
}

#endif
