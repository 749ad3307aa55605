/* budget: a company's days in seconds. A seeded clock turns; calls of nested scopes and cases are
 * held, settled, voided, forgotten and settled late; limits change, processes restart, logs are
 * rotated. A model of plain sums, which knows nothing of how the ledger works, says after every
 * step what must be admitted and what every balance must be. */
#include "base/rng.h"
#include "budgeting.h"

enum {
    SEEDS = 12,
    STEPS = 3000,
    OPEN_MAX = 400,
    TEAMS = 3,
    WORKFLOWS = 4,
    USERS = 5,
    CASES = 12,
    SCOPES = 1 + TEAMS + WORKFLOWS + USERS,
    LIMITS_MAX = 2 * SCOPES,
};

/* A call the model knows of. */
struct call {
    uint64_t id;
    int64_t amount;
    int64_t at_ns;
    int64_t expires_ns;
    int scopes[4];
    int case_number; /* -1: none */
    bool expired;
    bool unknown;
};

/* One limit, and what was spent in it: one sum a day and hour, kept for the present one. */
struct line {
    int scope;
    enum budget_period period;
    int64_t limit;
    int64_t per_case;
    int64_t began; /* number of the period */
    int64_t spent;
};

struct world {
    struct budgeting b;
    struct rng rng;
    struct line lines[LIMITS_MAX];
    size_t line_count;
    struct call calls[OPEN_MAX];
    size_t call_count;
    int64_t case_spent[SCOPES][CASES];
    int64_t admitted;
    int64_t refused;
    int64_t late;
    int64_t payloads;
};

static const char *const names[SCOPES] = {
    "org",        "team:0", "team:1", "team:2", "workflow:0", "workflow:1", "workflow:2",
    "workflow:3", "user:0", "user:1", "user:2", "user:3",     "user:4"};

static int64_t period_number(enum budget_period period, int64_t now_ns)
{
    const int64_t hour_ns = INT64_C(3600) * CLOCK_NS_PER_SECOND;
    return period == PERIOD_HOUR  ? now_ns / hour_ns
           : period == PERIOD_DAY ? now_ns / CLOCK_NS_PER_DAY
                                  : 0; /* PERIOD_TOTAL */
}

static bool touches(const struct call *call, int scope)
{
    bool touched = false;
    for (size_t i = 0; i < COUNT_OF(call->scopes); i++) {
        touched = touched || call->scopes[i] == scope;
    }
    return touched;
}

static int64_t held_in(const struct world *w, const struct line *line, int64_t number)
{
    int64_t held = 0;
    for (size_t i = 0; i < w->call_count; i++) {
        const struct call *const call = &w->calls[i];
        held += !call->expired && touches(call, line->scope) &&
                        period_number(line->period, call->at_ns) == number
                    ? call->amount
                    : 0;
    }
    return held;
}

static int64_t case_held(const struct world *w, int scope, int case_number)
{
    int64_t held = 0;
    for (size_t i = 0; i < w->call_count; i++) {
        const struct call *const call = &w->calls[i];
        held += !call->expired && touches(call, scope) && call->case_number == case_number
                    ? call->amount
                    : 0;
    }
    return held;
}

static int64_t spent_in(const struct world *w, const struct line *line)
{
    return line->began == period_number(line->period, w->b.now_ns) ? line->spent : 0;
}

static bool model_admits(const struct world *w, const struct call *call)
{
    bool fits = true;
    for (size_t i = 0; i < w->line_count; i++) {
        const struct line *const line = &w->lines[i];
        if (!touches(call, line->scope)) {
            continue;
        }
        const int64_t held = held_in(w, line, period_number(line->period, w->b.now_ns));
        fits = fits && spent_in(w, line) + held + call->amount <= line->limit;
        if (line->per_case >= 0 && call->case_number >= 0) {
            fits = fits && w->case_spent[line->scope][call->case_number] +
                                   case_held(w, line->scope, call->case_number) + call->amount <=
                               line->per_case;
        }
    }
    return fits;
}

static void model_spend(struct world *w, const struct call *call, int64_t cost)
{
    for (size_t i = 0; i < w->line_count; i++) {
        struct line *const line = &w->lines[i];
        const int64_t now = period_number(line->period, w->b.now_ns);
        if (line->began != now) {
            line->began = now;
            line->spent = 0;
        }
        if (touches(call, line->scope) && period_number(line->period, call->at_ns) == now) {
            line->spent += cost;
        }
        if (touches(call, line->scope) && line->per_case >= 0 && call->case_number >= 0) {
            w->case_spent[line->scope][call->case_number] += cost;
        }
    }
}

static size_t limits_of(const struct world *w, struct hold_limit *out)
{
    for (size_t i = 0; i < w->line_count; i++) {
        const struct line *const line = &w->lines[i];
        out[i] = budgeting_limit(names[line->scope], line->period, line->limit);
        out[i].per_case_pusd = line->per_case;
    }
    return w->line_count;
}

/* Per-case caps stay with the workflows they began with, so that the model knows what was spent. */
static void make_lines(struct world *w)
{
    w->line_count = 0;
    for (int scope = 0; scope < SCOPES; scope++) {
        const bool is_workflow = scope > TEAMS && scope <= TEAMS + WORKFLOWS;
        w->lines[w->line_count++] =
            (struct line){.scope = scope,
                          .period = scope % 3 == 0 ? PERIOD_HOUR : PERIOD_DAY,
                          .limit = 900 + (int64_t)rng_below(&w->rng, scope == 0 ? 9000 : 3000),
                          .per_case = is_workflow && scope % 2 == 0 ? 5000 : -1,
                          .began = -1};
        if (scope % 4 == 0) {
            w->lines[w->line_count++] = (struct line){
                .scope = scope, .period = PERIOD_TOTAL, .limit = 90000, .per_case = -1};
        }
    }
}

static bool check_balances(struct world *w)
{
    struct arena arena;
    struct budget_balances all = {0};
    arena_init(&arena, (size_t)1 << 20);
    bool good = budget_balances(w->b.budget, w->b.now_ns, &arena, &all, &w->b.err) == ERR_OK &&
                all.count == w->line_count;
    for (size_t i = 0; good && i < all.count; i++) {
        const struct line *const line = &w->lines[i];
        const struct hold_balance *const row = &all.rows[i];
        const int64_t now = period_number(line->period, w->b.now_ns);
        int64_t past = 0;
        for (size_t c = 0; c < w->call_count; c++) {
            past += !w->calls[c].expired && touches(&w->calls[c], line->scope) &&
                            period_number(line->period, w->calls[c].at_ns) != now
                        ? w->calls[c].amount
                        : 0;
        }
        good = row->spent_pusd == spent_in(w, line) && row->held_pusd == held_in(w, line, now) &&
               row->past_held_pusd == past &&
               row->spent_pusd + row->held_pusd + row->free_pusd == row->limit_pusd &&
               row->limit_pusd == line->limit;
        if (!good) {
            printf("# %s: spent %lld held %lld, not %lld %lld\n", names[line->scope],
                   (long long)row->spent_pusd, (long long)row->held_pusd,
                   (long long)spent_in(w, line), (long long)held_in(w, line, now));
        }
    }
    arena_deinit(&arena);
    return good && budget_verify(w->b.budget, &w->b.err) == ERR_OK;
}

static bool try_call(struct world *w)
{
    struct call call = {.amount = (int64_t)rng_below(&w->rng, 120), .at_ns = w->b.now_ns};
    call.scopes[0] = 0;
    call.scopes[1] = 1 + (int)rng_below(&w->rng, TEAMS);
    call.scopes[2] = 1 + TEAMS + (int)rng_below(&w->rng, WORKFLOWS);
    call.scopes[3] = 1 + TEAMS + WORKFLOWS + (int)rng_below(&w->rng, USERS);
    call.case_number = (int)rng_below(&w->rng, CASES + 2) - 2;
    call.case_number = call.case_number < 0 ? -1 : call.case_number;
    char scopes[128];
    char case_name[16] = "";
    (void)snprintf(scopes, sizeof scopes, "%s,%s,%s,%s", names[call.scopes[0]],
                   names[call.scopes[1]], names[call.scopes[2]], names[call.scopes[3]]);
    if (call.case_number >= 0) {
        (void)snprintf(case_name, sizeof case_name, "case %d", call.case_number);
    }
    const bool expected = model_admits(w, &call);
    call.id = budgeting_hold(&w->b, scopes, case_name, call.amount);
    call.expires_ns = w->b.now_ns + 60 * CLOCK_NS_PER_SECOND;
    if (call.id != 0) {
        w->calls[w->call_count++] = call;
    }
    w->admitted += call.id != 0;
    w->refused += call.id == 0;
    return (call.id != 0) == expected && (call.id != 0 || w->b.err.code == ERR_BUDGET);
}

static bool settle_one(struct world *w, bool post)
{
    if (w->call_count == 0) {
        return true;
    }
    const size_t at = (size_t)rng_below(&w->rng, w->call_count);
    const struct call call = w->calls[at];
    const int64_t cost = rng_below(&w->rng, 20) == 0 ? call.amount + (int64_t)rng_below(&w->rng, 90)
                                                     : call.amount * 2 / 3;
    enum errc code;
    w->calls[at] = w->calls[--w->call_count];
    if (post) {
        const struct hold_settlement settlement = {.cost_pusd = cost, .now_ns = w->b.now_ns};
        code =
            budget_post(w->b.budget, call.id, &settlement, STR("a row"), &w->b.settled, &w->b.err);
        model_spend(w, &call, cost);
        w->late += call.expired;
    } else {
        code = budget_void(w->b.budget, call.id, w->b.now_ns, STR("a row"), &w->b.err);
    }
    w->payloads++;
    /* Twice is once. */
    return code == ERR_OK && budgeting_post(&w->b, call.id, 1) == ERR_NOT_FOUND;
}

static bool expire(struct world *w)
{
    int64_t ended = 0;
    int64_t expected = 0;
    for (size_t i = 0; i < w->call_count; i++) {
        struct call *const call = &w->calls[i];
        if (!call->expired && call->expires_ns <= w->b.now_ns) {
            call->expired = true;
            expected++;
        }
    }
    const enum errc code = budget_expire(w->b.budget, w->b.now_ns, &ended, &w->b.err);
    return code == ERR_OK && ended == expected;
}

/* A process ends and another begins: nothing is different but that open holds are kept longer. */
static bool restart(struct world *w)
{
    struct hold_limit limits[LIMITS_MAX];
    int64_t open = 0;
    for (size_t i = 0; i < w->call_count; i++) {
        struct call *const call = &w->calls[i];
        const int64_t kept_ns = w->b.now_ns + INT64_C(3600) * CLOCK_NS_PER_SECOND;
        open += !call->expired;
        call->expires_ns = call->expires_ns < kept_ns ? kept_ns : call->expires_ns;
    }
    return budgeting_reopen(&w->b, limits, limits_of(w, limits)) == ERR_OK &&
           w->b.opened.unknown_holds == open && w->b.opened.payloads == w->payloads &&
           w->b.opened.cut_bytes == 0;
}

static bool change_limits(struct world *w)
{
    struct hold_limit limits[LIMITS_MAX];
    const size_t at = (size_t)rng_below(&w->rng, w->line_count);
    w->lines[at].limit = (int64_t)rng_below(&w->rng, 9000);
    return budget_set_limits(w->b.budget, limits, limits_of(w, limits), w->b.now_ns, &w->b.err) ==
           ERR_OK;
}

static bool deliver(struct world *w)
{
    struct arena arena;
    struct budget_payloads found = {0};
    arena_init(&arena, (size_t)1 << 20);
    bool good = budget_payloads(w->b.budget, 0, 200, &arena, &found, &w->b.err) == ERR_OK;
    if (good && found.count > 0) {
        good =
            budget_delivered(w->b.budget, found.rows[found.count - 1].number, &w->b.err) == ERR_OK;
        w->payloads -= (int64_t)found.count;
    }
    arena_deinit(&arena);
    return good && budget_payloads_waiting(w->b.budget) == w->payloads;
}

static bool take_step(struct world *w)
{
    const uint64_t kind = rng_below(&w->rng, 1000);
    w->b.now_ns += (int64_t)rng_below(&w->rng, 40) * CLOCK_NS_PER_SECOND;
    if (kind < 10) {
        w->b.now_ns += (int64_t)rng_below(&w->rng, 30) * 3600 * CLOCK_NS_PER_SECOND;
    }
    if (kind < 500 && w->call_count < OPEN_MAX) {
        return try_call(w);
    }
    if (kind < 850) {
        return settle_one(w, true);
    }
    if (kind < 900) {
        return settle_one(w, false);
    }
    if (kind < 940) {
        return expire(w);
    }
    if (kind < 980) {
        return deliver(w);
    }
    return kind < 994 ? change_limits(w) : restart(w);
}

static bool live(uint64_t seed, struct world *w)
{
    struct hold_limit limits[LIMITS_MAX];
    memset(w, 0, sizeof *w);
    rng_init(&w->rng, seed);
    make_lines(w);
    budgeting_open(&w->b, limits, limits_of(w, limits));
    w->b.unknown = BUDGET_UNKNOWN_RELEASE;
    w->b.segment_bytes = seed % 2 == 0 ? 4096 : 1 << 20;
    CHECK(budgeting_reopen(&w->b, limits, limits_of(w, limits)) == ERR_OK);
    bool good = true;
    for (int i = 0; i < STEPS && good; i++) {
        good = take_step(w) && check_balances(w);
        if (!good) {
            printf("# seed %llu step %d\n", (unsigned long long)seed, i);
            test_note(w->b.err.text);
        }
    }
    budgeting_close(&w->b);
    return good;
}

static void every_balance_is_what_plain_sums_say_after_every_step(void)
{
    if (test_is_refusing()) {
        return;
    }
    static struct world world;
    int good = 0;
    int64_t admitted = 0;
    int64_t refused = 0;
    int64_t late = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        good += live(seed, &world);
        admitted += world.admitted;
        refused += world.refused;
        late += world.late;
    }
    printf("# %lld admitted, %lld refused, %lld late\n", (long long)admitted, (long long)refused,
           (long long)late);
    EXPECT(good == SEEDS);
    EXPECT(admitted > SEEDS * 300);
    EXPECT(refused > SEEDS * 50);
    EXPECT(late > SEEDS * 5);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(every_balance_is_what_plain_sums_say_after_every_step),
    };
    return test_main(tests, COUNT_OF(tests));
}
