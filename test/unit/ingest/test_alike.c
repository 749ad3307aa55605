/* alike: calls without a name they share are one where session, model and tokens are the same, the
 * channels are not, and at most two seconds lie between. Traces by hand, in both orders. */
#include "bench.h"
#include "support/test.h"

#define SECOND_NS INT64_C(1000000000)

static struct step reading(const char *identity, enum channel channel, int64_t at_s, int64_t output)
{
    struct step step = bench_call(identity, output);
    step.nameless = STR("session-1");
    step.has_channel = true;
    step.channel = channel;
    step.started_ns += at_s * SECOND_NS;
    step.ended_ns = step.started_ns;
    return step;
}

/* How many steps two readings make: in one import, or each in one of its own and both again. */
static int64_t steps_of(struct step first, struct step second, bool is_apart)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    struct step steps[] = {first, second};
    const struct trace both = bench_trace(steps, 2);
    const struct trace one = bench_trace(&steps[0], 1);
    const struct trace other = bench_trace(&steps[1], 1);
    if (is_apart) {
        bench_import(&bench, &one, CHANNEL_LOG_EVENT, &summary);
        bench_import(&bench, &other, CHANNEL_LOG_EVENT, &summary);
    }
    bench_import(&bench, &both, CHANNEL_LOG_EVENT, &summary);
    const struct held held = bench_look(&bench);
    const bool whole = bench.code == ERR_OK && held.faults == 0;
    bench_teardown(&bench);
    return whole ? held.steps : -1;
}

static void of_one_channel_they_are_two(void)
{
    const struct step first = reading("a", CHANNEL_LOG_EVENT, 0, 10);
    const struct step second = reading("b", CHANNEL_LOG_EVENT, 1, 10);
    EXPECT(steps_of(first, second, false) == 2);
    EXPECT(steps_of(first, second, true) == 2);
}

static void with_other_tokens_sessions_or_models_they_are_two(void)
{
    const struct step first = reading("a", CHANNEL_LOG_EVENT, 0, 10);
    struct step others[] = {reading("b", CHANNEL_SESSION_LOG, 0, 11),
                            reading("b", CHANNEL_SESSION_LOG, 0, 10),
                            reading("b", CHANNEL_SESSION_LOG, 0, 10)};
    others[1].nameless = STR("session-2");
    others[2].model = STR("claude-haiku-4-5");
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        EXPECT(steps_of(first, others[i], true) == 2);
    }
}

static void more_than_two_seconds_apart_they_are_two(void)
{
    const struct step first = reading("a", CHANNEL_LOG_EVENT, 0, 10);
    EXPECT(steps_of(first, reading("b", CHANNEL_SESSION_LOG, 3, 10), true) == 2);
    EXPECT(steps_of(reading("b", CHANNEL_SESSION_LOG, 3, 10), first, false) == 2);
}

static void within_two_seconds_they_are_one_in_either_order(void)
{
    const struct step first = reading("a", CHANNEL_LOG_EVENT, 0, 10);
    struct step second = reading("b", CHANNEL_SESSION_LOG, 2, 10);
    second.model = STR("claude-sonnet-4-5-20250929");
    EXPECT(steps_of(first, second, false) == 1);
    EXPECT(steps_of(first, second, true) == 1);
    EXPECT(steps_of(second, first, true) == 1);
}

static void each_takes_part_in_one_call(void)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    struct step events[] = {reading("a", CHANNEL_LOG_EVENT, 0, 10),
                            reading("b", CHANNEL_LOG_EVENT, 1, 10)};
    struct step logs[] = {reading("c", CHANNEL_SESSION_LOG, 1, 10),
                          reading("d", CHANNEL_SESSION_LOG, 0, 10),
                          reading("e", CHANNEL_SESSION_LOG, 1, 10)};
    const struct trace of_events = bench_trace(events, 2);
    const struct trace of_logs = bench_trace(logs, 3);
    bench_import(&bench, &of_events, CHANNEL_LOG_EVENT, &summary);
    bench_import(&bench, &of_logs, CHANNEL_SESSION_LOG, &summary);
    const struct held held = bench_look(&bench);
    const enum errc code = bench.code;
    bench_teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 3); /* the third of the log is a call that no event told */
    EXPECT(held.cost_pusd == 3 * bench_cost_pusd(10));
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(of_one_channel_they_are_two),
        TEST_SPARSE(with_other_tokens_sessions_or_models_they_are_two),
        TEST_SPARSE(more_than_two_seconds_apart_they_are_two),
        TEST_SPARSE(within_two_seconds_they_are_one_in_either_order),
        TEST_SPARSE(each_takes_part_in_one_call),
    };
    return test_main(tests, COUNT_OF(tests));
}
