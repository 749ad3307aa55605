/* budget_limits: the budgets of bursar.yaml as a table of limits. */
#include <math.h>

#include "base/check.h"
#include "base/zone.h"
#include "budget/budget.h"

enum { SHARE_WHOLE = 1000000 }; /* shares are read to a millionth */

static enum errc limit_of(const struct settings_budget *budget, struct arena *arena,
                          struct hold_limit *out, struct err *err)
{
    CHECK(budget->step_count <= SETTINGS_STEPS_MAX);
    const struct zone *zone = NULL;
    const struct str zone_name = budget->time_zone.size > 0 ? budget->time_zone : STR("UTC");
    const enum errc code = zone_read(zone_name, arena, &zone, err);
    if (code != ERR_OK) {
        return code;
    }
    *out = (struct hold_limit){
        .scope = budget->scope,
        .period = budget->period,
        .zone_name = zone_name,
        .zone = zone,
        .offset = zone_offset_s,
        .limit_pusd = budget->limit_pusd,
        .hard_pusd = budget->step_count == 0 ? budget->limit_pusd : HOLD_NO_LIMIT,
        .per_case_pusd = budget->has_per_case ? budget->per_case_pusd : HOLD_NO_LIMIT};
    for (size_t i = 0; i < budget->step_count; i++) {
        const int64_t share = llround(budget->steps[i].share * SHARE_WHOLE);
        CHECK(share >= 0 && share <= SHARE_WHOLE);
        const int64_t at_pusd = (int64_t)money_scale(budget->limit_pusd, share, SHARE_WHOLE);
        if (budget->steps[i].action != ACTION_REFUSE) {
            out->steps[out->step_count++] =
                (struct hold_step){.at_pusd = at_pusd, .action = budget->steps[i].action};
        } else if (out->hard_pusd == HOLD_NO_LIMIT || at_pusd < out->hard_pusd) {
            out->hard_pusd = at_pusd;
        }
    }
    return ERR_OK;
}

enum errc budget_limits(const struct settings_budget *budgets, size_t count, struct arena *arena,
                        const struct hold_limit **out, struct err *err)
{
    CHECK(budgets != NULL || count == 0);
    CHECK(out != NULL);
    struct hold_limit *const rows = arena_new(arena, struct hold_limit, count > 0 ? count : 1);
    if (rows == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu budgets", count);
    }
    for (size_t i = 0; i < count; i++) {
        const enum errc code = limit_of(&budgets[i], arena, &rows[i], err);
        if (code != ERR_OK) {
            err_prefix(err, "budget " STR_FORMAT ": ", STR_ARG(budgets[i].scope));
            return code;
        }
    }
    *out = rows;
    return ERR_OK;
}
