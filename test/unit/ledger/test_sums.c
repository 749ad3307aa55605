/* sums: each token of a call is taken off one reading whose window holds the call's end, and never
 * more than there is. Calls and readings by hand. */
#include "ledger/sums.h"

#include "support/test.h"

#define SECOND_NS INT64_C(1000000000)

static struct sum_call call(int64_t at_s, int64_t input, int64_t cache, int64_t output)
{
    return (struct sum_call){
        .at_ns = at_s * SECOND_NS,
        .left = {[SUM_INPUT_UNCACHED] = input, [SUM_CACHE_READ] = cache, [SUM_OUTPUT] = output}};
}

static struct sum_reading reading(int64_t from_s, int64_t to_s, int64_t input, int64_t output)
{
    return (struct sum_reading){.from_ns = from_s * SECOND_NS,
                                .to_ns = to_s * SECOND_NS,
                                .left = {[SUM_INPUT_UNCACHED] = input, [SUM_OUTPUT] = output}};
}

static void without_calls_a_reading_is_all_spend(void)
{
    struct sum_reading readings[] = {reading(0, 60, 100, 10)};
    ledger_residue(NULL, 0, readings, 1);
    ledger_residue(NULL, 0, readings, 0);
    EXPECT(readings[0].left[SUM_INPUT_UNCACHED] == 100);
    EXPECT(readings[0].left[SUM_OUTPUT] == 10);
}

static void a_call_beyond_the_slack_takes_nothing(void)
{
    struct sum_call calls[] = {call(97, 1, 0, 1), call(98, 3, 0, 1), call(162, 5, 0, 1),
                               call(163, 7, 0, 1)};
    struct sum_reading readings[] = {reading(100, 160, 100, 10)};
    ledger_residue(calls, COUNT_OF(calls), readings, 1);
    EXPECT(readings[0].left[SUM_INPUT_UNCACHED] == 100 - 3 - 5);
    EXPECT(readings[0].left[SUM_OUTPUT] == 8);
    EXPECT(calls[0].left[SUM_INPUT_UNCACHED] == 1);
    EXPECT(calls[3].left[SUM_INPUT_UNCACHED] == 7);
}

static void a_call_takes_no_more_than_there_is(void)
{
    struct sum_call calls[] = {call(30, 500, 0, 3)};
    struct sum_reading readings[] = {reading(0, 60, 100, 10)};
    ledger_residue(calls, 1, readings, 1);
    EXPECT(readings[0].left[SUM_INPUT_UNCACHED] == 0);
    EXPECT(readings[0].left[SUM_OUTPUT] == 7);
    EXPECT(calls[0].left[SUM_INPUT_UNCACHED] == 400);
}

static void output_is_never_taken_for_input(void)
{
    struct sum_call calls[] = {call(30, 500, 0, 0)};
    struct sum_reading readings[] = {reading(0, 60, 0, 10)};
    ledger_residue(calls, 1, readings, 1);
    EXPECT(readings[0].left[SUM_OUTPUT] == 10);
    EXPECT(calls[0].left[SUM_INPUT_UNCACHED] == 500);
}

static void a_meter_that_knows_no_caches_counts_them_as_input(void)
{
    struct sum_call calls[] = {call(30, 20, 70, 3)};
    struct sum_reading readings[] = {reading(0, 60, 100, 3)};
    ledger_residue(calls, 1, readings, 1);
    EXPECT(readings[0].left[SUM_INPUT_UNCACHED] == 10);
    EXPECT(calls[0].left[SUM_CACHE_READ] == 0);
}

/* Both windows hold the call's second: the earlier first, the rest off the later. */
static void a_token_is_taken_off_one_reading(void)
{
    struct sum_call calls[] = {call(60, 120, 0, 0)};
    struct sum_reading readings[] = {reading(0, 60, 100, 0), reading(60, 120, 100, 0)};
    ledger_residue(calls, 1, readings, 2);
    EXPECT(readings[0].left[SUM_INPUT_UNCACHED] == 0);
    EXPECT(readings[1].left[SUM_INPUT_UNCACHED] == 80);
}

/* A long window ends last, and its calls are long before those of the short ones. */
static void a_window_that_holds_others_gets_what_they_leave(void)
{
    struct sum_call calls[] = {call(10, 5, 0, 0), call(70, 50, 0, 0)};
    struct sum_reading readings[] = {reading(60, 80, 40, 0), reading(0, 300, 100, 0)};
    ledger_residue(calls, 2, readings, 2);
    EXPECT(readings[0].left[SUM_INPUT_UNCACHED] == 0);
    EXPECT(readings[1].left[SUM_INPUT_UNCACHED] == 85);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(without_calls_a_reading_is_all_spend),
        TEST(a_call_beyond_the_slack_takes_nothing),
        TEST(a_call_takes_no_more_than_there_is),
        TEST(output_is_never_taken_for_input),
        TEST(a_meter_that_knows_no_caches_counts_them_as_input),
        TEST(a_token_is_taken_off_one_reading),
        TEST(a_window_that_holds_others_gets_what_they_leave),
    };
    return test_main(tests, COUNT_OF(tests));
}
