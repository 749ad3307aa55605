/*
 * Goal: a clock that is set, ahead or back, rightly or wrongly, neither gives a limit away twice
 * nor keeps one shut for longer than its period. Method: a time of day that tests set beside a
 * clock that is never set; the cases by hand, and a seeded walk in which what was let in on each
 * true day is summed up beside the budget.
 */
#include "base/rng.h"
#include "budgeting.h"

enum { DAY_S = 86400, BELIEVE_S = 600, LIMIT_PUSD = 100 };

static int64_t true_ns; /* as it passes */
static struct budgeting b;

static int64_t steady_ns(void)
{
    return true_ns;
}

static void open_day(void)
{
    const struct hold_limit limit = budgeting_limit("org", PERIOD_DAY, LIMIT_PUSD);
    true_ns = INT64_C(77) * BUDGETING_DAY;
    b = (struct budgeting){.now_ns = BUDGETING_START, .steady_ns = steady_ns};
    home_make(&b.home);
    CHECK(budgeting_reopen(&b, &limit, 1) == ERR_OK);
}

static bool reopen_day(void)
{
    const struct hold_limit limit = budgeting_limit("org", PERIOD_DAY, LIMIT_PUSD);
    return budgeting_reopen(&b, &limit, 1) == ERR_OK;
}

static void leap(int64_t seconds)
{
    b.now_ns += seconds * CLOCK_NS_PER_SECOND;
}

/* So long, with the server keeping house. */
static void pass(int64_t seconds)
{
    true_ns += seconds * CLOCK_NS_PER_SECOND;
    b.now_ns += seconds * CLOCK_NS_PER_SECOND;
    CHECK(budget_expire(b.budget, b.now_ns, NULL, &b.err) == ERR_OK);
}

/* A call of that cost; false: it was refused. */
static bool spend(int64_t pusd)
{
    const uint64_t id = budgeting_hold(&b, "org", "", pusd);
    return id != 0 && budgeting_post(&b, id, pusd) == ERR_OK;
}

static int64_t spent(void)
{
    return (int64_t)budgeting_balance(&b, "org", PERIOD_DAY).spent_pusd;
}

static int64_t day_of_period(void)
{
    return budgeting_balance(&b, "org", PERIOD_DAY).period_ns / BUDGETING_DAY;
}

static enum budget_leap_state news(void)
{
    struct budget_leap told;
    return budget_leapt(b.budget, &told) ? told.state : BUDGET_LEAP_NONE;
}

static void a_leap_begins_no_period_until_it_has_lasted(void)
{
    const int64_t today = BUDGETING_START / BUDGETING_DAY;
    open_day();
    bool right = spend(100) && news() == BUDGET_LEAP_NONE;
    leap(40 * DAY_S);
    right = right && !spend(1) && news() == BUDGET_LEAP_SEEN && day_of_period() == today;
    pass(BELIEVE_S - 1);
    right = right && !spend(1) && news() == BUDGET_LEAP_NONE;
    pass(1);
    right = right && news() == BUDGET_LEAP_BELIEVED && spend(1) && spent() == 1 &&
            day_of_period() == today + 40;
    const bool sound = budget_verify(b.budget, &b.err) == ERR_OK;
    budgeting_close(&b);
    EXPECT(test_is_refusing() || right);
    EXPECT(sound);
}

static void a_leap_that_is_taken_back_was_none(void)
{
    open_day();
    bool right = spend(60);
    leap(400 * DAY_S);
    right = right && spend(40) && !spend(1) && news() == BUDGET_LEAP_SEEN;
    pass(300);
    leap(-400 * DAY_S);
    pass(1);
    right = right && news() == BUDGET_LEAP_OVER && spent() == 100 && !spend(1);
    pass(DAY_S);
    right = right && spend(100) && news() == BUDGET_LEAP_NONE;
    budgeting_close(&b);
    EXPECT(test_is_refusing() || right);
}

static void a_clock_set_right_again_brings_the_present_period_with_all_that_was_spent(void)
{
    const int64_t today = BUDGETING_START / BUDGETING_DAY;
    open_day();
    bool right = spend(30);
    leap(40 * DAY_S);
    pass(1); /* it is seen */
    pass(BELIEVE_S);
    right = right && news() == BUDGET_LEAP_BELIEVED && spend(50);
    leap(-40 * DAY_S);
    pass(1);
    pass(BELIEVE_S);
    right = right && news() == BUDGET_LEAP_BELIEVED && day_of_period() == today && spent() == 80 &&
            spend(20) && !spend(1);
    const bool sound = budget_verify(b.budget, &b.err) == ERR_OK;
    const bool same = reopen_day() && spent() == 100 && day_of_period() == today;
    pass(DAY_S); /* the next day is another, as ever */
    right = right && spend(100) && spent() == 100;
    right = right && budgeting_balance(&b, "org", PERIOD_DAY).last_spent_pusd == 100;
    budgeting_close(&b);
    EXPECT(test_is_refusing() || right);
    EXPECT(sound && same);
}

static void a_clock_set_back_wrongly_lets_nothing_be_spent_twice(void)
{
    open_day();
    pass(2 * DAY_S);
    bool right = spend(70);
    leap(-DAY_S);
    pass(1);
    pass(BELIEVE_S);
    right = right && news() == BUDGET_LEAP_BELIEVED && spent() == 70 && spend(30) && !spend(1);
    leap(DAY_S);
    pass(1);
    pass(BELIEVE_S);
    right = right && news() == BUDGET_LEAP_BELIEVED && spent() == 70 && spend(30) && !spend(1);
    const bool sound = budget_verify(b.budget, &b.err) == ERR_OK;
    budgeting_close(&b);
    EXPECT(test_is_refusing() || right);
    EXPECT(sound);
}

static void holds_last_as_long_as_they_would_have(void)
{
    struct budget_counts counts[3];
    open_day();
    const uint64_t before = budgeting_hold(&b, "org", "", 10); /* for a minute */
    leap(40 * DAY_S);
    pass(1);
    budget_count(b.budget, &counts[0]);
    const uint64_t within = budgeting_hold(&b, "org", "", 10);
    pass(30);
    budget_count(b.budget, &counts[1]);
    pass(31);
    budget_count(b.budget, &counts[2]);
    budgeting_close(&b);
    EXPECT(before != 0 && within != 0);
    EXPECT(counts[0].open_holds == 1 && counts[1].open_holds == 2 && counts[2].open_holds == 0);
    EXPECT(counts[2].expired == 2);
}

static void calls_under_way_belong_to_the_period_that_turns_out_to_be_the_present(void)
{
    open_day();
    leap(40 * DAY_S);
    pass(1);
    pass(BELIEVE_S);
    const uint64_t id = budgeting_hold(&b, "org", "", 60);
    leap(-40 * DAY_S);
    bool right = id != 0 && !spend(41); /* seen */
    for (int i = 0; i < 12; i++) {
        pass(59); /* its minute is over in the middle: a settlement may be late */
    }
    right = right && spent() == 0 && budgeting_post(&b, id, 60) == ERR_OK && spent() == 60;
    right = right && b.settled.overshoot_pusd == 60; /* late */
    const bool sound = budget_verify(b.budget, &b.err) == ERR_OK;
    budgeting_close(&b);
    EXPECT(test_is_refusing() || right);
    EXPECT(sound);
}

static void a_log_from_the_future_goes_on_in_the_present(void)
{
    const int64_t today = BUDGETING_START / BUDGETING_DAY;
    for (int round = 0; round < 2; round++) {
        open_day();
        b.segment_bytes = round == 0 ? 0 : 4096; /* with a snapshot */
        bool right = spend(10) && reopen_day();
        leap(3000 * DAY_S);
        right = right && reopen_day() && spend(20) && day_of_period() == today + 3000;
        const uint64_t lost = budgeting_hold(&b, "org", "", 5);
        leap(-3000 * DAY_S);
        right = right && lost != 0 && reopen_day() && news() == BUDGET_LEAP_FOUND &&
                day_of_period() == today && spent() == 30;
        for (int i = 0; i < 64; i++) { /* so that there is a snapshot */
            right = right && spend(0);
        }
        right = right && reopen_day() && news() == BUDGET_LEAP_NONE && spent() == 30;
        pass(7200); /* what is unknown is charged when its hour is over */
        right = right && spent() == 35 && spend(65) && !spend(1);
        const bool sound = budget_verify(b.budget, &b.err) == ERR_OK;
        pass(DAY_S);
        right = right && spend(100);
        budgeting_close(&b);
        EXPECT(test_is_refusing() || right);
        EXPECT(sound);
    }
}

static void small_steps_are_followed_at_once(void)
{
    open_day();
    bool right = true;
    for (int i = 0; i < 40 && right; i++) {
        leap(i % 2 == 0 ? 50 : -50);
        pass(1);
        right = news() == BUDGET_LEAP_NONE;
    }
    pass(DAY_S - 100); /* a machine that slept: both clocks went on */
    right =
        right && news() == BUDGET_LEAP_NONE && day_of_period() == BUDGETING_START / BUDGETING_DAY;
    budgeting_close(&b);
    EXPECT(right);
}

/* ---- a walk */

enum { WALKS = 40, STEPS = 600, CALLS_MAX = 16, TRUE_DAYS_MAX = 64 };

struct call {
    uint64_t id;
    int64_t pusd;
    int64_t day; /* true */
};

struct walk {
    struct rng rng;
    int64_t off_s; /* of the time of day */
    int64_t day;   /* true, of this walk */
    int64_t let_in[TRUE_DAYS_MAX];
    int64_t ahead[TRUE_DAYS_MAX]; /* leaps ahead that counted on it */
    struct call calls[CALLS_MAX];
    size_t count;
    int64_t believed;
    int64_t refused;
    bool is_wrong;
};

static void listen(struct walk *w)
{
    struct budget_leap told;
    w->day = (true_ns - INT64_C(77) * BUDGETING_DAY) / BUDGETING_DAY;
    if (budget_leapt(b.budget, &told) && told.state == BUDGET_LEAP_BELIEVED) {
        w->believed++;
        w->ahead[w->day] += told.by_ns > 0;
    }
}

/* What is settled after its hold has ended was let in and is above any limit: it is left out. */
static void end_call(struct walk *w, int64_t cost_max)
{
    const struct call call = w->calls[--w->count];
    const int64_t cost = cost_max < call.pusd ? cost_max : call.pusd;
    const enum errc code = budgeting_post(&b, call.id, cost);
    w->let_in[call.day] -=
        code == ERR_OK ? call.pusd - cost + (int64_t)b.settled.overshoot_pusd : call.pusd;
    w->is_wrong = w->is_wrong || (code != ERR_OK && code != ERR_NOT_FOUND);
}

static void walk_step(struct walk *w)
{
    const uint64_t kind = rng_below(&w->rng, 100);
    if (kind < 4) {
        const int64_t days = (int64_t)rng_below(&w->rng, 7) - 3;
        const int64_t to = rng_below(&w->rng, 3) == 0 ? -w->off_s : days * DAY_S;
        w->off_s += to;
        leap(to);
    } else if (kind < 6) {
        const struct hold_balance before = budgeting_balance(&b, "org", PERIOD_DAY);
        w->is_wrong = w->is_wrong || !reopen_day(); /* what the clock says is believed then */
        w->ahead[w->day]++;
        const struct hold_balance after = budgeting_balance(&b, "org", PERIOD_DAY);
        w->is_wrong =
            w->is_wrong ||
            (before.period_ns == after.period_ns &&
             (before.spent_pusd != after.spent_pusd || before.held_pusd != after.held_pusd));
    } else if (kind < 55 && w->count < CALLS_MAX) {
        const int64_t pusd = 1 + (int64_t)rng_below(&w->rng, 30);
        const uint64_t id = budgeting_hold(&b, "org", "", pusd);
        w->let_in[w->day] += id != 0 ? pusd : 0;
        w->refused += id == 0;
        if (id != 0) {
            w->calls[w->count++] = (struct call){id, pusd, w->day};
        }
    } else if (w->count > 0) {
        end_call(w, (int64_t)rng_below(&w->rng, 31));
    }
    pass((int64_t)rng_below(&w->rng, 45)); /* holds last a minute */
    if (rng_below(&w->rng, 12) == 0) {
        while (w->count > 0) { /* none is under way for so long */
            end_call(w, INT64_MAX);
        }
        for (uint64_t i = rng_below(&w->rng, 8); i > 0; i--) {
            pass(700);
            listen(w);
        }
    }
    listen(w);
    w->is_wrong = w->is_wrong || budget_verify(b.budget, &b.err) != ERR_OK;
}

static void however_the_clock_is_set_a_day_lets_in_its_limit_once_for_each_leap_ahead(void)
{
    int64_t believed = 0;
    int64_t refused = 0;
    if (test_is_refusing()) {
        return;
    }
    for (uint64_t seed = 0; seed < WALKS; seed++) {
        static struct walk w;
        w = (struct walk){.off_s = 0};
        rng_init(&w.rng, seed);
        open_day();
        b.unknown = BUDGET_UNKNOWN_CHARGE;
        for (int i = 0; i < STEPS && !w.is_wrong && w.day < TRUE_DAYS_MAX - 1; i++) {
            walk_step(&w);
        }
        budgeting_close(&b);
        believed += w.believed;
        refused += w.refused;
        for (int64_t day = 0; day <= w.day; day++) {
            if (w.let_in[day] > LIMIT_PUSD * (1 + w.ahead[day])) {
                w.is_wrong = true;
                printf("# seed %llu day %lld: %lld with %lld leaps\n", (unsigned long long)seed,
                       (long long)day, (long long)w.let_in[day], (long long)w.ahead[day]);
            }
        }
        if (w.is_wrong) {
            test_note(b.err.text);
        }
        EXPECT(!w.is_wrong);
    }
    printf("# %lld leaps believed, %lld calls refused\n", (long long)believed, (long long)refused);
    EXPECT(believed > WALKS && refused > WALKS);
}

/* What today has spent in the end, of a call of 80 that is posted before the clock is set back for
 * a while, or after. */
static int64_t spent_over_a_leap_back(bool is_posted_before, bool *out_sound)
{
    open_day();
    b.hold_s = 3600;
    const uint64_t id = budgeting_hold(&b, "org", "", 80);
    bool sound = !is_posted_before || budgeting_post(&b, id, 80) == ERR_OK;
    leap(-DAY_S);
    pass(0);
    pass(BELIEVE_S + 1);
    sound = sound && (is_posted_before || budgeting_post(&b, id, 80) == ERR_OK);
    leap(DAY_S);
    pass(0);
    pass(BELIEVE_S + 1);
    (void)spend(0);
    const int64_t left = spent();
    *out_sound = sound && budget_verify(b.budget, &b.err) == ERR_OK;
    budgeting_close(&b);
    return left;
}

static void what_is_held_when_the_clock_goes_back_is_not_free_when_it_is_right_again(void)
{
    bool sound[2];
    const int64_t posted_pusd = spent_over_a_leap_back(true, &sound[0]);
    const int64_t held_pusd = spent_over_a_leap_back(false, &sound[1]);
    EXPECT(test_is_refusing() || (sound[0] && sound[1]));
    EXPECT(test_is_refusing() || posted_pusd == 80);
    EXPECT(test_is_refusing() || held_pusd == 80);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(what_is_held_when_the_clock_goes_back_is_not_free_when_it_is_right_again),
        TEST_SPARSE(a_leap_begins_no_period_until_it_has_lasted),
        TEST_SPARSE(a_leap_that_is_taken_back_was_none),
        TEST_SPARSE(a_clock_set_right_again_brings_the_present_period_with_all_that_was_spent),
        TEST_SPARSE(a_clock_set_back_wrongly_lets_nothing_be_spent_twice),
        TEST_SPARSE(holds_last_as_long_as_they_would_have),
        TEST_SPARSE(calls_under_way_belong_to_the_period_that_turns_out_to_be_the_present),
        TEST_SPARSE(a_log_from_the_future_goes_on_in_the_present),
        TEST_SPARSE(small_steps_are_followed_at_once),
        TEST_SPARSE(however_the_clock_is_set_a_day_lets_in_its_limit_once_for_each_leap_ahead),
    };
    return test_main(tests, COUNT_OF(tests));
}
