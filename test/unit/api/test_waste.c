/*
 * waste: every label, its reason and its dollars as worked out by hand, and the same in explain.
 * The ledger of steps_sample.c, where the costs stand beside the steps.
 */
#include <math.h>
#include <stdio.h>

#include "api/api.h"
#include "api/explain.h"
#include "base/json.h"
#include "reporting.h"
#include "steps_sample.h"
#include "support/answer.h"
#include "support/golden.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)16 << 20)

static struct store *store;
static const struct settings no_settings;

static void ask(struct answer *a, const char *workflow, int64_t since_ns)
{
    const struct api_request request = {.workflow = str_from(workflow),
                                        .since_ns = since_ns,
                                        .until_ns = INT64_MAX,
                                        .as_of_ns = INT64_MAX};
    answer_open(a);
    answer_read(a, api_waste(store, &no_settings, &request, &a->arena, &a->text, &a->err));
}

/* A case of desk, explained; the last one is forgotten. */
static const struct explain *explain(const char *name)
{
    static struct arena arena;
    static struct explain found;
    const struct explain_request request = {.name = str_from(name),
                                            .workflow = STR("desk"),
                                            .has_workflow = true,
                                            .as_of_ns = INT64_MAX};
    struct err err;
    arena_deinit(&arena);
    arena_init(&arena, ARENA_BYTES);
    if (api_explain(store, &no_settings, &request, &arena, &found, &err) != ERR_OK) {
        test_note(err.text);
        return NULL;
    }
    return &found;
}

static struct json label_of(const struct answer *a, const char *name)
{
    struct json_cursor at = json_iter(json_get(a->root, "labels"));
    struct json label;
    while (json_next(&at, NULL, &label)) {
        if (str_equal(json_str(json_get(label, "label")), str_from(name))) {
            return label;
        }
    }
    return (struct json){0};
}

/* pusd  of desk, as the JSON has it. */
static bool costs(struct json node, const char *path, int64_t pusd)
{
    char text[MONEY_TEXT_BYTES_MAX];
    const size_t size = money_print(pusd, text);
    return str_equal(json_str(json_path(node, path)), (struct str){text, size});
}

static bool label_is(const struct answer *a, const char *name, int64_t steps, int64_t pusd)
{
    const struct json label = label_of(a, name);
    const bool right =
        json_int64(json_get(label, "steps"), -1) == steps && costs(label, "usd", pusd);
    if (!right) {
        printf("# %s\n", name);
    }
    return right;
}

static bool reads(const struct explain_step *step, enum step_label label, const char *reason)
{
    struct text text;
    text_init(&text, 4096);
    label_put_reason(&text, step->reason, step->ref, step->name);
    const bool right = step->label == label && str_equal(text_str(&text), str_from(reason));
    if (!right) {
        printf("# step %lld: %s, %s\n", (long long)step->number, label_name(step->label),
               text.data);
    }
    text_deinit(&text);
    return right;
}

static void a_workflow_nobody_has_is_refused(void)
{
    struct answer a;
    ask(&a, "nowhere", INT64_MIN);
    const bool right =
        a.code == ERR_NOT_FOUND && a.text.size == 0 && strstr(a.err.text, "desk, shop") != NULL;
    answer_close(&a);
    EXPECT(right);
}

static void of_no_cases_nothing_was_wasted_and_no_share_is_known(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct answer a;
    ask(&a, "desk", INT64_MAX - 1);
    const bool right = a.code == ERR_OK && costs(a.root, "spend", 0) &&
                       json_kind(json_path(a.root, "wasted.share")) == JSON_NULL &&
                       json_int64(json_get(a.root, "steps"), -1) == 0;
    answer_close(&a);
    EXPECT(right);
}

static void every_label_costs_what_was_worked_out_by_hand(void)
{
    struct answer a;
    ask(&a, "desk", INT64_MIN);
    const bool right =
        a.code == ERR_OK && costs(a.root, "spend", 547) && costs(a.root, "failed_attempts", 150) &&
        label_is(&a, "wasted/attempt", 6, 150) && label_is(&a, "wasted/duplicate", 5, 46) &&
        label_is(&a, "wasted/error", 4, 51) && label_is(&a, "wasted/ignored", 0, 0) &&
        label_is(&a, "wasted/after", 3, 40) && label_is(&a, "overhead", 3, 23) &&
        label_is(&a, "essential", 25, 237) && costs(a.root, "wasted.usd", 287);
    const double share = json_double(json_path(a.root, "wasted.share"), NAN);
    const int64_t unpriced = json_int64(json_get(a.root, "unpriced_steps"), -1);
    const bool judged = json_bool(json_get(label_of(&a, "wasted/ignored"), "judged"), true);
    answer_close(&a);
    EXPECT(right);
    EXPECT(fabs(share - 287.0 / 547) < 1e-12);
    EXPECT(unpriced == 1);
    EXPECT(!judged);
}

static void each_step_says_why_and_names_the_step_it_means(void)
{
    if (test_is_refusing()) {
        return;
    }
    const struct explain *const e = explain("again");
    EXPECT(e != NULL);
    EXPECT(e->attempt_count == 2);
    EXPECT(reads(&e->attempts[0].steps[1], LABEL_ATTEMPT,
                 "this attempt failed; attempt 2 resolved the case"));
    const struct explain_step *const steps = e->attempts[1].steps;
    EXPECT(e->attempts[1].step_count == 15);
    EXPECT(reads(&steps[0], LABEL_ESSENTIAL, "its cost goes with the 3 steps it asked for"));
    EXPECT(
        reads(&steps[2], LABEL_DUPLICATE, "same search as step 2, nothing was changed in between"));
    EXPECT(reads(&steps[3], LABEL_ERROR, "failed; step 6 did the same and worked"));
    EXPECT(reads(&steps[5], LABEL_ESSENTIAL, "worked where step 4 had failed"));
    EXPECT(reads(&steps[6], LABEL_ESSENTIAL, "changed something"));
    EXPECT(reads(&steps[8], LABEL_ESSENTIAL, "looked up, not known before"));
    EXPECT(reads(&steps[9], LABEL_OVERHEAD, "a guard"));
    EXPECT(reads(&steps[10], LABEL_OVERHEAD, "its cost goes with step 12, which it asked for"));
    EXPECT(reads(&steps[11], LABEL_OVERHEAD, "planning or formatting"));
    EXPECT(reads(&steps[13], LABEL_AFTER,
                 "looked up after the last change (step 7); no later call read it"));
}

/* 100 over three steps: 34, 33, 33, exactly. */
static void the_cost_of_a_call_is_split_to_the_last_picodollar(void)
{
    if (test_is_refusing()) {
        return;
    }
    const struct explain *const e = explain("again");
    EXPECT(e != NULL);
    const struct explain_step *const steps = e->attempts[1].steps;
    EXPECT(steps[0].carried_pusd == 0);
    EXPECT(steps[1].carried_pusd == 5 + 34);
    EXPECT(steps[2].carried_pusd == 33);
    EXPECT(steps[3].carried_pusd == 33);
    EXPECT(steps[3].caller == 1);
    EXPECT(steps[0].split_count == 3);
    EXPECT(steps[0].split[0].label == LABEL_DUPLICATE);
    EXPECT(steps[0].split[0].amount_pusd == 33);
    EXPECT(steps[0].split[2].label == LABEL_ESSENTIAL);
    EXPECT(steps[0].split[2].amount_pusd == 34);
    EXPECT(steps[4].split_count == 0); /* both of its steps were essential */
}

static void unknown_effects_and_repeated_failures_are_told_apart(void)
{
    if (test_is_refusing()) {
        return;
    }
    const struct explain *e = explain("open");
    EXPECT(e != NULL);
    EXPECT(reads(&e->attempts[0].steps[4], LABEL_DUPLICATE,
                 "same look as step 2, nothing known to change anything in between"));
    EXPECT(reads(&e->attempts[0].steps[5], LABEL_ESSENTIAL, "the last call: the answer"));
    e = explain("thrice");
    EXPECT(e != NULL);
    EXPECT(reads(&e->attempts[0].steps[1], LABEL_ERROR, "failed; step 4 did the same and worked"));
    EXPECT(reads(&e->attempts[0].steps[2], LABEL_DUPLICATE,
                 "same fetch as step 2, which had not worked either"));
    EXPECT(reads(&e->attempts[0].steps[3], LABEL_ESSENTIAL, "worked where step 3 had failed"));
    e = explain("lost");
    EXPECT(e != NULL);
    EXPECT(reads(&e->attempts[0].steps[3], LABEL_ATTEMPT, "the case was never resolved"));
}

/* A call without a price asked for both: what they cost in all is not known. */
static void what_a_call_without_a_price_asked_for_has_no_known_cost(void)
{
    if (test_is_refusing()) {
        return;
    }
    const struct explain *const e = explain("dark");
    EXPECT(e != NULL);
    const struct explain_step *const steps = e->attempts[0].steps;
    EXPECT(e->attempts[0].step_count == 3);
    EXPECT(!steps[0].carried_unknown); /* it carries nothing itself */
    EXPECT(steps[1].carried_unknown);
    EXPECT(steps[2].carried_unknown);
    EXPECT(steps[1].carried_pusd == 4);
    EXPECT(!explain("open")->attempts[0].steps[1].carried_unknown);
}

static void work_after_a_resolution_is_judged_step_by_step(void)
{
    if (test_is_refusing()) {
        return;
    }
    const struct explain *const e = explain("rework");
    EXPECT(e != NULL);
    EXPECT(e->attempts[1].part == EXPLAIN_REWORK);
    EXPECT(e->attempts[1].labels[LABEL_ERROR] == 14);
    EXPECT(e->attempts[1].labels[LABEL_ESSENTIAL] == 31);
    EXPECT(reads(&e->attempts[1].steps[1], LABEL_ERROR,
                 "failed; step 4 used the same tool and worked"));
}

static void decisions_say_who_chose_and_what_they_overruled(void)
{
    if (test_is_refusing()) {
        return;
    }
    const struct explain *const e = explain("asked");
    EXPECT(e != NULL);
    EXPECT(e->decision_count == 3);
    EXPECT(e->decisions[0].by == EXPLAIN_BY_HUMAN); /* refused the payment */
    EXPECT(e->decisions[0].number == 2);
    EXPECT(e->decisions[0].overrides == 2);
    EXPECT(e->decisions[1].by == EXPLAIN_BY_HUMAN); /* and said so */
    EXPECT(e->decisions[1].kind == STEP_HUMAN);
    EXPECT(e->decisions[1].overrides == 2);
    EXPECT(e->decisions[2].by == EXPLAIN_BY_AGENT);
    EXPECT(str_equal(e->decisions[2].note, STR("rule 7")));
    EXPECT(e->decisions[2].overrides == 0);
    EXPECT(reads(&e->attempts[0].steps[1], LABEL_ESSENTIAL, "refused by a person"));
    EXPECT(reads(&e->attempts[0].steps[2], LABEL_ESSENTIAL, "a person refused what came before"));
}

static void explain_and_waste_agree_case_by_case(void)
{
    if (test_is_refusing()) {
        return;
    }
    static const char *const cases[] = {"again", "lost",  "open",  "rework",
                                        "dark",  "asked", "thrice"};
    struct explain_label sums[LABEL_COUNT] = {0};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct explain *const e = explain(cases[i]);
        EXPECT(e != NULL);
        for (size_t j = 0; j < LABEL_COUNT; j++) {
            sums[j].steps += e->labels[j].steps;
            sums[j].amount_pusd += e->labels[j].amount_pusd;
        }
    }
    struct answer a;
    ask(&a, "desk", INT64_MIN);
    bool right = a.code == ERR_OK;
    for (size_t i = 0; i < LABEL_COUNT; i++) {
        right = right && label_is(&a, label_name((enum step_label)i), sums[i].steps,
                                  (int64_t)sums[i].amount_pusd);
    }
    answer_close(&a);
    EXPECT(right);
}

static void the_json_is_the_golden_file_however_the_rows_came(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct home home;
    struct err err;
    struct store *const kept = store;
    struct answer a;
    struct answer again;
    ask(&a, "shop", INT64_MIN);
    home_make(&home);
    steps_sample_make(home_str(&home), 99);
    const bool opened = store_open(home_str(&home), STORE_READ, &store, &err) == ERR_OK;
    ask(&again, "shop", INT64_MIN);
    store_close(&store);
    store = kept;
    home_remove(&home);
    const bool same =
        opened && a.code == ERR_OK && str_equal(text_str(&a.text), text_str(&again.text));
    const bool golden = golden_same("waste.json", text_str(&a.text));
    answer_close(&a);
    answer_close(&again);
    EXPECT(same);
    EXPECT(golden);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_workflow_nobody_has_is_refused),
        TEST_SPARSE(of_no_cases_nothing_was_wasted_and_no_share_is_known),
        TEST_SPARSE(every_label_costs_what_was_worked_out_by_hand),
        TEST_SPARSE(each_step_says_why_and_names_the_step_it_means),
        TEST_SPARSE(the_cost_of_a_call_is_split_to_the_last_picodollar),
        TEST_SPARSE(unknown_effects_and_repeated_failures_are_told_apart),
        TEST_SPARSE(what_a_call_without_a_price_asked_for_has_no_known_cost),
        TEST_SPARSE(work_after_a_resolution_is_judged_step_by_step),
        TEST_SPARSE(decisions_say_who_chose_and_what_they_overruled),
        TEST_SPARSE(explain_and_waste_agree_case_by_case),
        TEST_SPARSE(the_json_is_the_golden_file_however_the_rows_came),
    };
    return reporting_main(steps_sample_make, &store, tests, COUNT_OF(tests));
}
