/*
 * budget_clock: by whose time the budgets go.
 *
 *     AGREED -> the time of day leaps -> LEAPT: the time before goes on, by the steady clock
 *     LEAPT -> it is back -> AGREED      LEAPT -> BELIEVE_NS are over -> believed, AGREED
 *
 * A period must not begin because somebody set the clock, nor stay for years because somebody set
 * it right again. So a leap counts once it has lasted, as one that was meant does; then open holds
 * keep their time to live, and a period that turns out to be in the future is given up for the
 * present one (ledger/holds.h). A machine that slept did not leap: the steady clock went on.
 */
#include "base/check.h"
#include "base/clock.h"
#include "budget/budget_priv.h"

#define LEAP_NS_MIN (INT64_C(60) * CLOCK_NS_PER_SECOND) /* less is followed at once */
#define BELIEVE_NS  (INT64_C(600) * CLOCK_NS_PER_SECOND)

static bool is_near(int64_t ns)
{
    return ns > -LEAP_NS_MIN && ns < LEAP_NS_MIN;
}

static void tell(struct budget_clock *clock, enum budget_leap_state state, int64_t by_ns)
{
    clock->news = (struct budget_leap){.state = state, .by_ns = by_ns};
}

static void agree(struct budget_clock *clock, int64_t now_ns, int64_t steady_ns)
{
    clock->day_ns = now_ns;
    clock->at_ns = steady_ns;
    clock->leap_ns = 0;
}

void budget_clock_begin(struct budget *budget, int64_t (*steady_ns)(void), int64_t now_ns)
{
    CHECK(budget != NULL);
    budget->clock = (struct budget_clock){.steady_ns = steady_ns};
    if (steady_ns != NULL) {
        agree(&budget->clock, now_ns, steady_ns());
    }
}

int64_t budget_clock_now(struct budget *budget, int64_t now_ns)
{
    struct budget_clock *const clock = &budget->clock;
    if (clock->steady_ns == NULL) {
        return now_ns;
    }
    const int64_t steady_ns = clock->steady_ns();
    const int64_t expected_ns = clock->day_ns + (steady_ns - clock->at_ns);
    const int64_t leap_ns = now_ns - expected_ns;
    if (is_near(leap_ns)) {
        if (clock->leap_ns != 0) {
            tell(clock, BUDGET_LEAP_OVER, clock->leap_ns);
        }
        agree(clock, now_ns, steady_ns);
        return now_ns;
    }
    if (clock->leap_ns == 0 || !is_near(leap_ns - clock->leap_ns)) {
        clock->leap_ns = leap_ns;
        clock->leapt_ns = steady_ns;
        tell(clock, BUDGET_LEAP_SEEN, leap_ns);
    }
    return expected_ns;
}

int64_t budget_clock_then(const struct budget *budget, int64_t then_ns)
{
    const struct budget_clock *const clock = &budget->clock;
    if (clock->steady_ns == NULL) {
        return then_ns;
    }
    const int64_t expected_ns = clock->day_ns + (clock->steady_ns() - clock->at_ns);
    return then_ns < expected_ns ? then_ns : expected_ns;
}

enum errc budget_clock_ready(struct budget *budget, struct err *err)
{
    struct budget_clock *const clock = &budget->clock;
    enum errc code = ERR_OK;
    while (clock->is_returning && code == ERR_OK) {
        struct hold_record records[HOLDS_ROLLS_MAX];
        uint64_t number = 0;
        const size_t count =
            holds_draft_returns(budget->holds, clock->day_ns, clock->never_was, records);
        clock->is_returning = count > 0;
        code = count > 0 ? budget_change(budget, records, count, NULL, &number, err) : ERR_OK;
        clock->is_returning = clock->is_returning || code != ERR_OK;
    }
    return code;
}

/* The time is at_ns where it was before_ns. */
static enum errc turn(struct budget *budget, int64_t at_ns, int64_t before_ns, struct err *err)
{
    struct hold_record record;
    uint64_t number = 0;
    holds_draft_turn(budget->holds, at_ns, before_ns, &record);
    const enum errc code = budget_change(budget, &record, 1, NULL, &number, err);
    budget->clock.is_returning = budget->clock.is_returning || code == ERR_OK;
    return code;
}

enum errc budget_clock_open(struct budget *budget, int64_t now_ns, struct err *err)
{
    CHECK(budget != NULL);
    struct budget_clock *const clock = &budget->clock;
    const int64_t latest_ns = holds_latest(budget->holds, 0);
    enum errc code = ERR_OK;
    if (clock->steady_ns == NULL || now_ns < 0) {
        return ERR_OK;
    }
    if (latest_ns - now_ns >= LEAP_NS_MIN) {
        code = turn(budget, now_ns, latest_ns, err);
        tell(clock, BUDGET_LEAP_FOUND, now_ns - latest_ns);
    }
    clock->is_returning = true; /* a process that died while it did so has left some */
    return code == ERR_OK ? budget_clock_ready(budget, err) : code;
}

enum errc budget_clock_look(struct holds *holds, int64_t now_ns, struct err *err)
{
    const int64_t latest_ns = holds_latest(holds, 0);
    struct hold_record records[HOLDS_ROLLS_MAX];
    enum errc code = ERR_OK;
    if (now_ns < 0 || latest_ns - now_ns < LEAP_NS_MIN) {
        return ERR_OK;
    }
    holds_draft_turn(holds, now_ns, latest_ns, &records[0]);
    for (size_t count = 1; count > 0 && code == ERR_OK;) {
        for (size_t i = 0; i < count && code == ERR_OK; i++) {
            code = holds_apply(holds, &records[i], NULL, err);
        }
        count = holds_draft_returns(holds, now_ns, false, records);
    }
    return code;
}

enum errc budget_clock_settle(struct budget *budget, int64_t now_ns, struct err *err)
{
    CHECK(budget != NULL);
    struct budget_clock *const clock = &budget->clock;
    const int64_t before_ns = budget_clock_now(budget, now_ns);
    const bool is_possible = now_ns >= 0 && holds_latest(budget->holds, now_ns) >= now_ns;
    if (clock->leap_ns == 0 || !is_possible || clock->steady_ns() - clock->leapt_ns < BELIEVE_NS) {
        return budget_clock_ready(budget, err);
    }
    const enum errc code = turn(budget, now_ns, before_ns, err);
    if (code != ERR_OK) {
        return code;
    }
    /* Where all leaps together come to nothing, what lay between them was never the time. */
    clock->believed_ns += clock->leap_ns;
    clock->never_was = is_near(clock->believed_ns);
    tell(clock, BUDGET_LEAP_BELIEVED, clock->leap_ns);
    agree(clock, now_ns, clock->steady_ns());
    return budget_clock_ready(budget, err);
}

bool budget_leapt(struct budget *budget, struct budget_leap *out)
{
    CHECK(budget != NULL);
    CHECK(out != NULL);
    pthread_mutex_lock(&budget->mutex);
    *out = budget->clock.news;
    budget->clock.news = (struct budget_leap){0};
    pthread_mutex_unlock(&budget->mutex);
    return out->state != BUDGET_LEAP_NONE;
}
