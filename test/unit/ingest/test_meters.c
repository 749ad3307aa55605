/* meters: of a sum of calls, what nothing tells one by one is spend: no more when the calls come
 * later, no less when only some do. Readings by hand; after each, the checks of verify. */
#include "bench.h"
#include "ingest/ingest_priv.h"
#include "support/test.h"

#define MINUTE_NS INT64_C(60000000000)

static struct meter untold(int64_t from_minute, int64_t to_minute)
{
    return (struct meter){
        .series = 7,
        .is_exclusive = true,
        .session = STR("A-1"),
        .started_ns = BENCH_NOON_NS + from_minute * MINUTE_NS,
        .ended_ns = BENCH_NOON_NS + to_minute * MINUTE_NS,
#define X(name) .name = -1,
        METER_FIGURES(X)
#undef X
            .reported_pusd = -1,
    };
}

static struct meter told(int64_t from_minute, int64_t to_minute, int64_t input, int64_t output)
{
    struct meter meter = untold(from_minute, to_minute);
    meter.input = input;
    meter.output = output;
    return meter;
}

static struct step point(const char *identity, struct meter *meter)
{
    return (struct step){.kind = STEP_LLM,
                         .identity = str_from(identity),
                         .has_channel = true,
                         .channel = CHANNEL_METRIC,
                         .provider = STR("anthropic"),
                         .model = STR("claude-sonnet-4-5-20250929"),
                         .started_ns = meter->started_ns,
                         .ended_ns = meter->ended_ns,
                         .meter = meter};
}

static struct step call(const char *identity, int64_t minute, int64_t output)
{
    struct step step = bench_call(identity, output);
    step.started_ns += minute * MINUTE_NS - MINUTE_NS / 2;
    step.ended_ns = step.started_ns;
    return step;
}

/* Steps in imports of their own, in turn, and the last once more. */
static struct held import_all(struct step *steps, size_t count)
{
    struct bench bench;
    struct ingest_summary summary = {0};
    bench_setup(&bench);
    for (size_t i = 0; i <= count; i++) {
        const struct trace trace = bench_trace(&steps[i < count ? i : count - 1], 1);
        bench_import(&bench, &trace, CHANNEL_SPAN, &summary);
    }
    struct held held = bench_look(&bench);
    held.steps = bench.code == ERR_OK ? held.steps : -1;
    bench_teardown(&bench);
    return held;
}

static void a_reading_that_tells_nothing_is_no_spend(void)
{
    struct meter meters[] = {untold(0, 1), told(1, 2, 0, 0)};
    struct step steps[] = {point("m1", &meters[0]), point("m2", &meters[1])};
    const struct held held = import_all(steps, 2);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 0);
    EXPECT(held.cases == 0);
    EXPECT(held.cost_pusd == 0);
}

static void a_sum_without_its_calls_is_spend_once(void)
{
    struct meter meter = told(0, 1, 1000, 50);
    struct step steps[] = {point("m1", &meter), point("m1", &meter)};
    const struct held held = import_all(steps, 2);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 1);
    EXPECT(held.cost_pusd == bench_cost_pusd(50));
}

static void calls_that_come_before_or_after_take_its_place(void)
{
    struct meter meter = told(0, 1, 1000, 50);
    struct step before[] = {call("c1", 1, 50), point("m1", &meter)};
    struct step after[] = {point("m1", &meter), call("c1", 1, 50)};
    const struct held held[] = {import_all(before, 2), import_all(after, 2)};
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        EXPECT(held[i].faults == 0);
        EXPECT(held[i].steps == 1);
        EXPECT(held[i].cost_pusd == bench_cost_pusd(50));
    }
}

static void what_the_calls_leave_of_it_stays(void)
{
    struct meter meter = told(0, 1, 2000, 80);
    struct step steps[] = {point("m1", &meter), call("c1", 1, 50)};
    const struct held held = import_all(steps, 2);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 2);
    EXPECT(held.cost_pusd == bench_cost_pusd(50) + bench_cost_pusd(30));
}

static void calls_of_another_minute_or_model_are_beside_it(void)
{
    struct meter meter = told(0, 1, 1000, 50);
    struct step late[] = {point("m1", &meter), call("c1", 3, 50)};
    struct step other[] = {point("m1", &meter), call("c1", 1, 50)};
    other[1].model = STR("claude-sonnet-4");
    const struct held held[] = {import_all(late, 2), import_all(other, 2)};
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        EXPECT(held[i].faults == 0);
        EXPECT(held[i].steps == 2);
        EXPECT(held[i].cost_pusd == 2 * bench_cost_pusd(50));
    }
}

static void cumulative_readings_count_what_each_adds_in_any_order(void)
{
    struct meter meters[] = {told(0, 1, 1000, 10), told(0, 2, 2000, 30), told(0, 3, 2000, 30)};
    for (size_t i = 0; i < COUNT_OF(meters); i++) {
        meters[i].is_cumulative = true;
    }
    struct step steps[] = {point("m3", &meters[2]), point("m1", &meters[0]),
                           point("m2", &meters[1])};
    const struct held held = import_all(steps, 3);
    EXPECT(held.faults == 0);
    EXPECT(held.steps == 2);
    EXPECT(held.cost_pusd == bench_cost_pusd(10) + bench_cost_pusd(20));
}

static void names_of_models_are_one_without_date_provider_and_case(void)
{
    const uint64_t key = ingest_model_key(STR("claude-sonnet-4-5"));
    EXPECT(ingest_model_key(STR("")) == 0);
    EXPECT(key != 0);
    EXPECT(ingest_model_key(STR("anthropic/Claude-Sonnet-4-5-20250929")) == key);
    EXPECT(ingest_model_key(STR("claude-sonnet-4-5@20250929")) == key);
    EXPECT(ingest_model_key(STR("claude-sonnet-4-5-2025-09-29")) == key);
    EXPECT(ingest_model_key(STR("claude-sonnet-4-5-latest")) == key);
    EXPECT(ingest_model_key(STR("claude-sonnet-4-5-2025092")) != key);
    EXPECT(ingest_model_key(STR("claude-sonnet-4")) != key);
    EXPECT(ingest_model_key(STR("-20250929")) != 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_reading_that_tells_nothing_is_no_spend),
        TEST_SPARSE(a_sum_without_its_calls_is_spend_once),
        TEST_SPARSE(calls_that_come_before_or_after_take_its_place),
        TEST_SPARSE(what_the_calls_leave_of_it_stays),
        TEST_SPARSE(calls_of_another_minute_or_model_are_beside_it),
        TEST_SPARSE(cumulative_readings_count_what_each_adds_in_any_order),
        TEST(names_of_models_are_one_without_date_provider_and_case),
    };
    return test_main(tests, COUNT_OF(tests));
}
