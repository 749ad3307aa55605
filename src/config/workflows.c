/* The key `workflows` of bursar.yaml: what work is worth and what it replaces. */
#include "config/config_priv.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/money.h"

#define RATE_MIN 1e-6 /* a baseline that never succeeds has no price per outcome */

static const struct config_field bpo_fields[] = {
    {KEY("price", MONEY), AT(settings_baseline, price_pusd), .required = true},
    {KEY("success_rate", NUMBER), AT(settings_baseline, success_rate), RANGE(RATE_MIN, 1),
     .required = true},
};

static const struct config_group bpo = {FIELDS(bpo_fields)};

/* Its price follows once the workflow's hourly rate is known. */
static const struct config_field human_fields[] = {
    {KEY("minutes", MINUTES), AT(settings_baseline, work_ms), .required = true},
    {KEY("success_rate", NUMBER), AT(settings_baseline, success_rate), RANGE(RATE_MIN, 1),
     .required = true},
};

static const struct config_group human = {FIELDS(human_fields)};

static const struct config_field baseline_fields[] = {
    {KEY("bpo", GROUP), AT(settings_workflow, baselines[BASELINE_BPO]),
     GIVEN(settings_workflow, baselines[BASELINE_BPO].set), .group = &bpo},
    {KEY("human", GROUP), AT(settings_workflow, baselines[BASELINE_HUMAN]),
     GIVEN(settings_workflow, baselines[BASELINE_HUMAN].set), .group = &human},
};

static const struct config_group baseline = {FIELDS(baseline_fields)};

static const struct config_field owner_fields[] = {
    {KEY("team", TEXT), AT(settings_workflow, team)},
    {KEY("cost_center", TEXT), AT(settings_workflow, cost_center)},
};

static const struct config_group owner = {FIELDS(owner_fields)};

static const char *const evidence[] = {"commit", "pull_request", NULL};

static enum errc read_from(struct arena *arena, const struct config_field *field,
                           const struct yaml *node, void *place, struct err *err)
{
    struct settings_workflow *const workflow = place;
    (void)arena;
    enum errc code = yaml_want(node, YAML_SEQUENCE, err);
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        int word = 0;
        code = yaml_word(at, field->words, &word, err);
        workflow->takes_commits |= code == ERR_OK && word == 0;
        workflow->takes_pull_requests |= code == ERR_OK && word == 1;
    }
    return code;
}

static const struct config_field outcome_fields[] = {
    {KEY("from", OWN), .read = read_from, .words = evidence,
     .allowed = "a list of commit, pull_request"},
};

static const struct config_group outcomes = {FIELDS(outcome_fields)};

static enum errc read_date(struct arena *arena, const struct config_field *field,
                           const struct yaml *node, void *place, struct err *err)
{
    struct str text;
    struct err why;
    (void)arena;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    if (clock_parse(text, place, &why) != ERR_OK) {
        return yaml_error(node, err, "found \"" STR_FORMAT "\"; allowed is %s", STR_ARG(text),
                          field->allowed);
    }
    return ERR_OK;
}

static const struct config_field fields[] = {
    {KEY("unit", TEXT), AT(settings_workflow, unit)},
    {KEY("risk", WORD), AT(settings_workflow, risk), .words = config_risks, .preset = "normal"},
    {KEY("value_per_outcome", MONEY), AT(settings_workflow, value_pusd),
     GIVEN(settings_workflow, has_value)},
    {KEY("human_rate_per_hour", MONEY), AT(settings_workflow, human_rate_pusd),
     GIVEN(settings_workflow, has_human_rate)},
    {KEY("baseline", GROUP), .group = &baseline},
    {KEY("non_inferiority_pp", NUMBER), AT(settings_workflow, non_inferiority_pp),
     GIVEN(settings_workflow, has_non_inferiority), RANGE(0, 100),
     .absent = "2; 0.5 where risk is high"},
    {KEY("owner", GROUP), .group = &owner},
    {KEY("callers", TEXTS), AT(settings_workflow, callers), COUNT(settings_workflow, caller_count),
     .absent = "the owner's team; everybody where there is none"},
    {KEY("outcomes", GROUP), .group = &outcomes},
    {KEY("go_live", OWN), AT(settings_workflow, go_live_ns), GIVEN(settings_workflow, has_go_live),
     .read = read_date, .allowed = "a date such as 2026-05-01"},
    {KEY("keep_bodies", OWN), AT(settings_workflow, keep_bodies), .read = config_bodies,
     .group = &config_keeping, .allowed = "what follows", .absent = "nothing is kept"},
};

static enum errc check_workflow(const struct yaml *node, void *record, struct err *err)
{
    struct settings_workflow *const workflow = record;
    struct settings_baseline *const people = &workflow->baselines[BASELINE_HUMAN];
    if (workflow->name.size == 0) {
        return yaml_error(node, err, "a workflow needs a name");
    }
    if (!workflow->has_non_inferiority) { /* economics.md section 8 */
        workflow->non_inferiority_pp = workflow->risk == RISK_HIGH ? 0.5 : 2;
    }
    if (people->set && !workflow->has_human_rate) {
        return yaml_error(node, err, "baseline.human needs human_rate_per_hour beside it");
    }
    const money_sum price = money_scale(workflow->human_rate_pusd, people->work_ms, 3600000);
    if (price > INT64_MAX) {
        return yaml_error(node, err, "baseline.human costs more than the $9,223,372 allowed");
    }
    people->price_pusd = (int64_t)price;
    return ERR_OK;
}

_Static_assert(offsetof(struct settings_workflow, name) == 0, "CONFIG_NAMED puts it there");

const struct config_group config_workflow = {
    FIELDS(fields), .row_size = sizeof(struct settings_workflow), .check = check_workflow};
