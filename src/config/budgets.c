/* The key `budgets` of bursar.yaml: who may spend how much in which time. */
#include "config/config_priv.h"

#include "base/check.h"

static const char *const periods[] = {
    [PERIOD_MINUTE] = "minute", [PERIOD_HOUR] = "hour",   [PERIOD_DAY] = "day",
    [PERIOD_WEEK] = "week",     [PERIOD_MONTH] = "month", [PERIOD_TOTAL] = "total",
    [PERIOD_COUNT] = NULL};
static const char *const actions[] = {[ACTION_NOTIFY] = "notify",
                                      [ACTION_SHAPE] = "shape",
                                      [ACTION_REFUSE] = "refuse",
                                      [ACTION_COUNT] = NULL};

static enum errc read_scope(struct arena *arena, const struct config_field *field,
                            const struct yaml *node, void *place, struct err *err)
{
    static const char *const kinds[] = {
        "team:", "workflow:", "key:", "user:", "model:", "segment:"};
    (void)arena;
    struct str scope;
    const enum errc code = yaml_str(node, &scope, err);
    if (code != ERR_OK) {
        return code;
    }
    bool known = str_equal(scope, STR("org"));
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const struct str kind = str_from(kinds[i]);
        known = known || (str_starts_with(scope, kind) && scope.size > kind.size);
    }
    if (!known) {
        return yaml_error(node, err, "found \"" STR_FORMAT "\"; allowed: %s", STR_ARG(scope),
                          field->allowed);
    }
    *(struct str *)place = scope;
    return ERR_OK;
}

struct threshold {
    double share;
    enum budget_action action;
};

static const struct config_field step_fields[] = {
    {KEY("share", NUMBER), AT(threshold, share), RANGE(0.000001, 1), .required = true},
    {KEY("do", WORD), AT(threshold, action), .words = actions, .required = true},
};

static const struct config_group step = {FIELDS(step_fields)};

static enum errc read_steps(struct arena *arena, const struct config_field *field,
                            const struct yaml *node, void *place, struct err *err)
{
    struct settings_budget *const budget = place;
    CHECK(field->offset == 0);
    enum errc code = yaml_want(node, YAML_SEQUENCE, err);
    if (code == ERR_OK && node->count > SETTINGS_STEPS_MAX) {
        code = yaml_error(node, err, "found %zu steps; allowed are %d", node->count,
                          SETTINGS_STEPS_MAX);
    }
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        struct threshold threshold = {0};
        code = config_group(arena, field->group, at, &threshold, err);
        if (code == ERR_OK) {
            budget->steps[budget->step_count].share = threshold.share;
            budget->steps[budget->step_count++].action = threshold.action;
        }
    }
    return code;
}

static const char *const openings[] = {"ledger", "zero", NULL};

static const struct config_field fields[] = {
    {KEY("scope", OWN), AT(settings_budget, scope), .required = true, .read = read_scope,
     .allowed = "org, team:NAME, workflow:NAME, key:NAME, user:NAME, model:NAME, segment:NAME"},
    {KEY("period", WORD), AT(settings_budget, period), .required = true, .words = periods},
    {KEY("usd", MONEY), AT(settings_budget, limit_pusd), .required = true},
    {KEY("time_zone", TEXT), AT(settings_budget, time_zone), .absent = "UTC",
     .allowed = "a name such as Europe/Berlin"},
    {KEY("opening", EITHER), AT(settings_budget, opens_at_zero), .words = openings,
     .absent = "ledger"},
    {KEY("per_case_usd", MONEY), AT(settings_budget, per_case_pusd),
     GIVEN(settings_budget, has_per_case)},
    {KEY("at", OWN), .read = read_steps, .group = &step, .allowed = "a list of at most 8",
     .absent = "refuse at 1"},
};

const struct config_group config_budget = {FIELDS(fields),
                                           .row_size = sizeof(struct settings_budget)};
