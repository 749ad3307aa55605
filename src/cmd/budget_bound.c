#include "cmd/budget_bound.h"

#include <stdio.h>

#include "app/app.h"
#include "base/check.h"
#include "gateway/gateway.h"

enum { GAPS_MAX = GATEWAY_ROUTES_MAX + 4, WORDS_BYTES_MAX = 512 };

static struct str words(struct arena *arena, const char *text)
{
    return arena_copy(arena, str_from(text));
}

static bool is_limited(const struct settings *settings)
{
    bool limited = false;
    for (size_t i = 0; i < settings->budgets.count; i++) {
        const struct settings_budget *const budget = &settings->budgets.rows[i];
        limited = limited || budget->step_count == 0 || budget->has_per_case;
        for (size_t j = 0; j < budget->step_count; j++) {
            limited = limited || budget->steps[j].action == ACTION_REFUSE;
        }
    }
    return limited;
}

static struct api_budget_gap *add(struct api_budget_gap *rows, size_t *count, const char *cause)
{
    CHECK(*count < GAPS_MAX);
    rows[*count] = (struct api_budget_gap){.cause = cause};
    return &rows[(*count)++];
}

/* "route 2 (workflow claims, model gpt-4.1)" */
static struct str name_route(const struct settings_route *route, size_t number, struct arena *arena)
{
    char text[WORDS_BYTES_MAX];
    struct text out;
    text_init(&out, sizeof text);
    text_format(&out, "route %zu", number);
    const char *lead = " (";
    if (route->workflow.size > 0) {
        text_format(&out, "%sworkflow " STR_FORMAT, lead, STR_ARG(route->workflow));
        lead = ", ";
    }
    if (route->matched_model.size > 0) {
        text_format(&out, "%smodel " STR_FORMAT, lead, STR_ARG(route->matched_model));
        lead = ", ";
    }
    text_add(&out, lead[0] == ',' ? STR(")") : STR(""));
    const struct str name = arena_copy(arena, text_str(&out));
    text_deinit(&out);
    return name;
}

/* Requests that do not bound their output, where it is not bounded for them. */
static bool add_output(const struct settings *settings, const struct settings_route *route,
                       size_t number, struct arena *arena, struct api_budget_gap *rows,
                       size_t *count)
{
    char why[WORDS_BYTES_MAX];
    char tokens[32];
    const bool is_own = route != NULL && (route->has_shrink || route->output_ceiling > 0);
    const bool shrinks =
        route != NULL && route->has_shrink ? route->shrink : settings->gateway.shrink;
    if (shrinks || (route != NULL && (route->to_people || !is_own))) {
        return true;
    }
    const int64_t ceiling = gateway_output_ceiling(settings, route);
    struct api_budget_gap *const gap = add(rows, count, "output");
    snprintf(why, sizeof why,
             "a request that names no bound of its output is held for " STR_FORMAT
             " tokens, and may write more",
             STR_ARG(app_count(ceiling, tokens, sizeof tokens)));
    gap->where = route != NULL ? name_route(route, number, arena)
                               : words(arena, "every call whose route does not say otherwise");
    gap->why = words(arena, why);
    gap->at_most = "the output beyond that, at the output rate";
    gap->mend = route != NULL && route->has_shrink ? "shrink: true in the route"
                                                   : "gateway: {shrink: true}";
    return gap->where.data != NULL && gap->why.data != NULL;
}

enum errc budget_bound(const struct settings *settings, struct arena *arena, struct api_budget *io,
                       struct err *err)
{
    CHECK(settings != NULL);
    CHECK(io != NULL);
    struct api_budget_gap *const rows = arena_new(arena, struct api_budget_gap, GAPS_MAX);
    size_t count = 0;
    bool fits = rows != NULL;
    if (fits && settings->upstreams.count > 0 && is_limited(settings)) {
        if (settings->gateway.allow_unpriced) {
            struct api_budget_gap *const gap = add(rows, &count, "unpriced");
            gap->where = STR("every call");
            gap->why = STR("gateway.allow_unpriced lets models without a price pass, and nothing "
                           "is held for them");
            gap->at_most = "what those calls cost";
            gap->mend = "a price for the model under prices, then allow_unpriced: false";
        }
        fits = add_output(settings, NULL, 0, arena, rows, &count);
        for (size_t i = 0; i < settings->routes.count && i < GATEWAY_ROUTES_MAX && fits; i++) {
            fits = add_output(settings, &settings->routes.rows[i], i + 1, arena, rows, &count);
        }
        struct api_budget_gap *const gap = add(rows, &count, "input");
        gap->where = STR("every call");
        gap->why = STR("images, audio, files, a conversation kept at the provider and tools that "
                       "the provider runs become input that is not in the request's bytes, or "
                       "fees");
        gap->at_most = "that input at the dearest input rate, and the fees";
    }
    if (!fits) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu routes", settings->routes.count);
    }
    io->gaps = rows;
    io->gap_count = count;
    return ERR_OK;
}
