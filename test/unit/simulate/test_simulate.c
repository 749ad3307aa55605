/* simulate: what is emitted has the parameters it claims, is the same bytes on every machine, and
 * stays inside its bounds. Method: generate, then measure the emitted rows. The totals in
 * truth.json are recounted from the files by test_command.py. */
#include "simulate/simulate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "simulate/simulate_priv.h"
#include "support/test.h"

#define ARENA_BYTES_MAX ((size_t)16 << 20)
#define TEXT_BYTES_MAX  ((size_t)256 << 20)

static struct simulate_options everything(uint64_t seed, int64_t cases)
{
    return (struct simulate_options){
        .seed = seed, .cases = cases, .plants = SIMULATE_PLANTS_ALL, .workflow = -1};
}

static struct simulate *create(struct arena *arena, struct simulate_options options)
{
    struct simulate *simulate = NULL;
    struct err err;
    arena_init(arena, ARENA_BYTES_MAX);
    return simulate_create(&options, arena, &simulate, &err) == ERR_OK ? simulate : NULL;
}

static void options_out_of_range_are_refused(void)
{
    static const int64_t wrong[] = {0, -1, INT64_MIN, SIMULATE_CASES_MAX + 1, INT64_MAX};
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const struct simulate_options options = everything(1, wrong[i]);
        struct simulate *simulate = NULL;
        struct err err;
        EXPECT(simulate_create(&options, &arena, &simulate, &err) == ERR_USAGE);
        EXPECT(simulate == NULL);
    }
    arena_deinit(&arena);
}

static void a_company_that_does_not_fit_its_arena_is_refused(void)
{
    const struct simulate_options options = everything(1, 10);
    struct simulate *simulate = NULL;
    struct arena arena;
    struct err err;
    arena_init(&arena, 1024);
    const enum errc code = simulate_create(&options, &arena, &simulate, &err);
    arena_deinit(&arena);
    EXPECT(code == ERR_LIMIT);
    EXPECT(simulate == NULL);
}

static void names_nobody_has_are_not_found(void)
{
    EXPECT(simulate_workflow_find(STR("claim")) == -1);
    EXPECT(simulate_workflow_find(STR("")) == -1);
    EXPECT(simulate_plant_find(STR("EXCEPTION")) == -1);
    EXPECT(simulate_workflow_find(STR("code")) == 5);
    EXPECT(simulate_plant_find(STR("variance")) == SIMULATE_VARIANCE);
}

static void shares_of_every_table_add_up_to_one(void)
{
    for (int w = 0; w < SIMULATE_WORKFLOWS; w++) {
        const struct company_workflow *const workflow = company_workflows[w];
        int models = 0;
        int delta = 0;
        int delta_plain = 0;
        for (size_t i = 0; i < company_model_count(workflow); i++) {
            models += workflow->models[i].share_e4;
            delta += workflow->models[i].share_e4 * workflow->models[i].delta_e4;
            delta_plain += workflow->models[i].share_e4 * workflow->models[i].delta_plain_e4;
        }
        EXPECT(models == ONE_E4);
        EXPECT(delta == 0); /* so that a segment's parameter is its mean over the models */
        EXPECT(delta_plain == 0);
        const size_t attributes = company_attribute_count(workflow);
        EXPECT(attributes >= 6);
        for (size_t i = 0; i < attributes; i++) {
            int values = 0;
            const struct company_value *const all = workflow->attributes[i].values;
            for (size_t v = 0; v < COMPANY_VALUES_MAX && all[v].name != NULL; v++) {
                values += all[v].share_e4;
            }
            EXPECT(values == ONE_E4);
        }
        EXPECT(workflow->segments[company_segment_count(workflow) - 1].test_count == 0);
    }
}

/* A hash of all the bytes that options give. */
static bool print_all(struct simulate_options options, struct hash128 *out)
{
    struct arena arena;
    struct simulate *const simulate = create(&arena, options);
    struct text texts[4];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        text_init(&texts[i], TEXT_BYTES_MAX);
    }
    const struct simulate_rows rows = {&texts[0], &texts[1], &texts[2]};
    bool whole = simulate != NULL;
    if (whole) {
        simulate_headings(simulate, &rows);
        for (const struct simulate_case *one = NULL; (one = simulate_next(simulate)) != NULL;) {
            simulate_add_rows(simulate, one, &rows);
            simulate_tally(simulate, one);
        }
        simulate_truth(simulate, &texts[3]);
        simulate_config(simulate, &texts[3]);
        simulate_map(simulate, &texts[3]);
        simulate_readme(simulate, &texts[3]);
        *out = hash128_of(text_str(&texts[0]), text_str(&texts[1]), text_str(&texts[2]),
                          text_str(&texts[3]));
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        whole = whole && !text_is_full(&texts[i]);
        text_deinit(&texts[i]);
    }
    arena_deinit(&arena);
    return whole;
}

static void the_same_options_give_the_same_bytes_and_others_do_not(void)
{
    struct hash128 first = {0};
    struct hash128 again = {0};
    struct hash128 other = {0};
    EXPECT(print_all(everything(3, 900), &first));
    EXPECT(print_all(everything(3, 900), &again));
    EXPECT(hash128_equal(first, again));
    EXPECT(print_all(everything(4, 900), &other));
    EXPECT(!hash128_equal(first, other));
    struct simulate_options plain = everything(3, 900);
    plain.plants = 0;
    EXPECT(print_all(plain, &other));
    EXPECT(!hash128_equal(first, other));
}

/* Changes with the tables, and only then: on a new machine it must not. */
static void the_bytes_are_those_of_every_machine(void)
{
    struct hash128 hash = {0};
    char found[64];
    EXPECT(print_all(everything(1, 600), &hash));
    snprintf(found, sizeof found, "hash of seed 1, 600 cases: %016llx",
             (unsigned long long)hash.low);
    test_note(found);
    EXPECT(hash.low == UINT64_C(0xfef0fbcf9a47f62f));
}

static uint64_t hash_of_case(const struct simulate *simulate, const struct simulate_case *one)
{
    struct text texts[3];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        text_init(&texts[i], TEXT_BYTES_MAX);
    }
    const struct simulate_rows rows = {&texts[0], &texts[1], &texts[2]};
    simulate_add_rows(simulate, one, &rows);
    const uint64_t hash = hash64_of(text_str(&texts[0]), text_str(&texts[1]), text_str(&texts[2]));
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        text_deinit(&texts[i]);
    }
    return hash;
}

static void one_workflow_alone_is_as_it_is_in_the_whole_company(void)
{
    struct simulate_options options = everything(5, 1200);
    struct arena whole_arena;
    struct arena alone_arena;
    struct simulate *const whole = create(&whole_arena, options);
    options.workflow = simulate_workflow_find(STR("leads"));
    struct simulate *const alone = create(&alone_arena, options);
    int64_t compared = 0;
    bool same = whole != NULL && alone != NULL;
    while (same) {
        const struct simulate_case *const mine = simulate_next(alone);
        const struct simulate_case *theirs = simulate_next(whole);
        while (theirs != NULL && theirs->workflow != options.workflow) {
            theirs = simulate_next(whole);
        }
        if (mine == NULL || theirs == NULL) {
            same = mine == NULL && theirs == NULL;
            break;
        }
        same = hash_of_case(alone, mine) == hash_of_case(whole, theirs);
        compared++;
    }
    arena_deinit(&whole_arena);
    arena_deinit(&alone_arena);
    EXPECT(same);
    EXPECT(compared == 1200 * 9 / 100);
}

struct success {
    int64_t made;
    int64_t passed;
};

/* Within four standard errors: one in 16,000 of right counts would fail, and the seeds are fixed.
 */
static bool recovers(struct success success, int parameter_e4)
{
    const double n = (double)success.made;
    const double p = (double)parameter_e4 / ONE_E4;
    return fabs((double)success.passed - n * p) <= 4 * sqrt(n * p * (1 - p)) + 0.5;
}

static bool success_is_recovered(uint32_t plants)
{
    struct success successes[SIMULATE_WORKFLOWS][COMPANY_SEGMENTS_MAX][COMPANY_MODELS_MAX][2] = {0};
    struct simulate_options options = everything(11, 40000);
    options.plants = plants;
    struct arena arena;
    struct simulate *const simulate = create(&arena, options);
    const struct simulate_case *one = NULL;
    while (simulate != NULL && (one = simulate_next(simulate)) != NULL) {
        for (size_t i = 0; one->workflow >= 0 && i < one->attempt_count; i++) {
            struct success *const success =
                &successes[one->workflow][one->segment][one->attempts[i].use][i > 0];
            success->made++;
            success->passed += one->attempts[i].passed;
        }
    }
    bool recovered = simulate != NULL;
    for (int w = 0; recovered && w < SIMULATE_WORKFLOWS; w++) {
        const struct company_workflow *const workflow = company_workflows[w];
        for (size_t s = 0; s < company_segment_count(workflow); s++) {
            for (size_t m = 0; m < company_model_count(workflow); m++) {
                for (size_t later = 0; later < 2; later++) {
                    recovered = recovered &&
                                recovers(successes[w][s][m][later],
                                         success_e4(simulate, workflow, (int)s, (int)m, later));
                }
            }
        }
    }
    arena_deinit(&arena);
    return recovered;
}

static void success_of_first_and_later_attempts_is_the_parameter(void)
{
    EXPECT(success_is_recovered(SIMULATE_PLANTS_ALL));
    EXPECT(success_is_recovered(0));
}

static void the_planted_segments_differ_only_when_planted(void)
{
    struct arena arena;
    struct simulate *simulate = create(&arena, everything(1, 10));
    EXPECT(simulate != NULL);
    const struct company_workflow *const claims = company_workflows[0];
    const struct company_workflow *const contracts = company_workflows[3];
    EXPECT(success_e4(simulate, claims, 0, 0, 0) == 4100 + 200);
    EXPECT(success_e4(simulate, claims, 1, 0, 0) == 9200 + 200);
    EXPECT(context_of(simulate, contracts)->growth_16ths == 30);
    simulate->options.plants = 0;
    EXPECT(success_e4(simulate, claims, 0, 0, 0) == 9200 + 200);
    EXPECT(context_of(simulate, contracts)->growth_16ths == 18);
    arena_deinit(&arena);
}

/* Slope of log cumulative input on log turn, each attempt about its own mean. */
struct slope {
    double xx;
    double xy;
};

static void add_slope(struct slope *slope, const struct simulate_attempt *attempt)
{
    double xs[SIMULATE_TURNS_MAX];
    double ys[SIMULATE_TURNS_MAX];
    double x_mean = 0;
    double y_mean = 0;
    double total = 0;
    int turns = 0;
    for (size_t i = 0; i < attempt->step_count; i++) {
        const struct simulate_step *const step = &attempt->steps[i];
        if (step->kind == STEP_LLM) {
            total += (double)(step->input_uncached + step->cache_read + step->cache_write);
            xs[turns] = log(turns + 1);
            ys[turns] = log(total);
            x_mean += xs[turns];
            y_mean += ys[turns++];
        }
    }
    for (int i = 0; i < turns; i++) {
        slope->xx += (xs[i] - x_mean / turns) * (xs[i] - x_mean / turns);
        slope->xy += (xs[i] - x_mean / turns) * (ys[i] - y_mean / turns);
    }
}

static void the_growth_exponent_is_recovered(void)
{
    struct slope slopes[SIMULATE_WORKFLOWS] = {0};
    struct arena arena;
    struct simulate *const simulate = create(&arena, everything(2, 6000));
    EXPECT(simulate != NULL);
    for (const struct simulate_case *one = NULL; (one = simulate_next(simulate)) != NULL;) {
        for (size_t i = 0; one->workflow >= 0 && i < one->attempt_count; i++) {
            add_slope(&slopes[one->workflow], &one->attempts[i]);
        }
    }
    for (int w = 0; w < SIMULATE_WORKFLOWS; w++) {
        const double exponent = context_of(simulate, company_workflows[w])->growth_16ths / 16.0;
        EXPECT(fabs(slopes[w].xy / slopes[w].xx - exponent) < 0.01);
    }
    arena_deinit(&arena);
}

static bool is_sound(const struct simulate_attempt *attempt)
{
    int64_t before_ms = PERIOD_BEGIN_MS;
    for (size_t i = 0; i < attempt->step_count; i++) {
        const struct simulate_step *const step = &attempt->steps[i];
        const int64_t input = step->input_uncached + step->cache_read + step->cache_write;
        if (step->started_ms < before_ms || step->ended_ms < step->started_ms ||
            step->ended_ms >= PERIOD_END_MS || step->input_uncached < 0 || step->cache_read < 0 ||
            step->cache_write < 0 || step->reasoning < 0 || step->reasoning > step->output ||
            input >= SIMULATE_INPUT_TOKENS_MAX || (step->kind == STEP_LLM) != (input > 0)) {
            return false;
        }
        before_ms = step->ended_ms;
    }
    return attempt->step_count > 0;
}

static void attempts_follow_one_another_inside_the_period_and_below_every_tier(void)
{
    struct arena arena;
    struct simulate *const simulate = create(&arena, everything(9, 20000));
    EXPECT(simulate != NULL);
    int64_t cases = 0;
    for (const struct simulate_case *one = NULL; (one = simulate_next(simulate)) != NULL;) {
        int64_t before_ms = one->opened_ms;
        for (size_t i = 0; i < one->attempt_count; i++) {
            const struct simulate_attempt *const attempt = &one->attempts[i];
            EXPECT(is_sound(attempt));
            EXPECT(attempt->steps[0].started_ms >= before_ms);
            before_ms = attempt->steps[attempt->step_count - 1].ended_ms;
        }
        for (size_t i = 0; i < one->outcome_count; i++) {
            EXPECT(one->outcomes[i].recorded_ms >= one->outcomes[i].effective_ms);
            EXPECT(one->outcomes[i].recorded_ms < PERIOD_END_MS);
            EXPECT(i == 0 || one->outcomes[i].effective_ms > one->outcomes[i - 1].effective_ms);
        }
        cases++;
    }
    EXPECT(cases == simulate_cases_total(simulate));
    EXPECT(cases == 20000 + 20000 / CASES_PER_UNATTRIBUTED);
    arena_deinit(&arena);
}

static size_t commas(struct str line)
{
    size_t count = 0;
    for (size_t i = 0; i < line.size; i++) {
        count += line.data[i] == ',';
    }
    return count;
}

static void every_row_has_the_columns_of_its_heading(void)
{
    struct arena arena;
    struct simulate *const simulate = create(&arena, everything(6, 700));
    EXPECT(simulate != NULL);
    struct text texts[3];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        text_init(&texts[i], TEXT_BYTES_MAX);
    }
    const struct simulate_rows rows = {&texts[0], &texts[1], &texts[2]};
    simulate_headings(simulate, &rows);
    for (const struct simulate_case *one = NULL; (one = simulate_next(simulate)) != NULL;) {
        simulate_add_rows(simulate, one, &rows);
    }
    bool even = true;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct str rest = text_str(&texts[i]);
        const size_t expected = commas(str_cut(&rest, '\n'));
        while (rest.size > 0) {
            const struct str line = str_cut(&rest, '\n');
            even = even && commas(line) == expected && str_find(line, STR("\"")) == SIZE_MAX;
        }
        text_deinit(&texts[i]);
    }
    arena_deinit(&arena);
    EXPECT(even);
}

static void powers_are_those_of_the_exponent(void)
{
    EXPECT(growth_cumulative(0, 16) == 0);
    EXPECT(growth_cumulative(1, 30) == 1024);
    EXPECT(growth_cumulative(7, 16) == 7 * 1024);
    EXPECT(growth_cumulative(16, 24) == 64 * 1024);
    EXPECT(growth_cumulative(12, 32) == 144 * 1024);
    for (int turn = 1; turn <= SIMULATE_TURNS_MAX; turn++) {
        EXPECT(llabs(growth_cumulative(turn, 30) - (int64_t)(pow(turn, 1.875) * 1024)) <= 1);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(options_out_of_range_are_refused),
        TEST(a_company_that_does_not_fit_its_arena_is_refused),
        TEST(names_nobody_has_are_not_found),
        TEST(shares_of_every_table_add_up_to_one),
        TEST(the_same_options_give_the_same_bytes_and_others_do_not),
        TEST(the_bytes_are_those_of_every_machine),
        TEST(one_workflow_alone_is_as_it_is_in_the_whole_company),
        TEST(success_of_first_and_later_attempts_is_the_parameter),
        TEST(the_planted_segments_differ_only_when_planted),
        TEST(the_growth_exponent_is_recovered),
        TEST(attempts_follow_one_another_inside_the_period_and_below_every_tier),
        TEST(every_row_has_the_columns_of_its_heading),
        TEST(powers_are_those_of_the_exponent),
    };
    return test_main(tests, COUNT_OF(tests));
}
