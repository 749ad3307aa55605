/* Return on tokens by kind: figures of workflows and the tools of bursar.yaml -> "bursar.return/1".
 * economics.md section 4 defines the five kinds; docs/report.md shows them worked by hand. */
#include <math.h>

#include "api/api_priv.h"
#include "base/check.h"

#define MS_PER_HOUR INT64_C(3600000)
#define USD_MAX     9e12

enum { ASSUMED_MAX = 4 };

static const char *const baseline_names[BASELINE_COUNT] = {
    [BASELINE_BPO] = "bpo",
    [BASELINE_HUMAN] = "human",
};

/* One line of the answer. Value and rot in doubles are statistics; costs are exact. */
struct entry {
    const char *subject; /* "workflow" or "tool" */
    struct str name;
    const char *kind;
    const char *against; /* baseline of a replacement; NULL: none */
    double value_usd;    /* NaN: not known */
    money_sum agent_pusd;
    money_sum people_recorded_pusd; /* minutes in the ledger */
    money_sum people_invested_pusd; /* hours the configuration registers */
    struct estimate rot;
    const char *assumed[ASSUMED_MAX]; /* what rests on a configured figure; NULL ends it */
    const char *missing;              /* what to configure or import; NULL: nothing */
    bool lift_assumed;                /* a conversion without a control group */
};

static const struct stats_interval unknown = {NAN, NAN, NAN};

static money_sum of_usd(double usd)
{
    CHECK(fabs(usd) < USD_MAX);
    return (money_sum)llround(usd * 1e6) * 1000000; /* a micro-dollar is finer than the guess */
}

static void put_texts(struct text *out, const char *name, const char *const *texts, size_t count)
{
    json_name(out, name);
    json_open_array(out);
    for (size_t i = 0; i < count && texts[i] != NULL; i++) {
        json_put_text(out, texts[i]);
    }
    json_close_array(out);
}

static void put_text_or_null(struct text *out, const char *name, const char *text)
{
    json_name(out, name);
    if (text != NULL) {
        json_put_text(out, text);
    } else {
        json_put_null(out);
    }
}

static void put_entry(struct text *out, const struct entry *e)
{
    const money_sum people = e->people_recorded_pusd + e->people_invested_pusd;
    const money_sum total = e->agent_pusd + people;
    json_open_object(out);
    put_text_or_null(out, "subject", e->subject);
    put_str(out, "name", e->name);
    put_text_or_null(out, "kind", e->kind);
    put_text_or_null(out, "against", e->against);
    json_name(out, "value");
    if (isnan(e->value_usd) || fabs(e->value_usd) >= USD_MAX) {
        json_put_null(out);
    } else {
        json_put_money(out, of_usd(e->value_usd));
    }
    json_name(out, "cost");
    json_open_object(out);
    put_money(out, "total", total);
    put_money(out, "agent", e->agent_pusd);
    put_money(out, "people", people);
    put_money(out, "people_recorded", e->people_recorded_pusd);
    put_money(out, "people_invested", e->people_invested_pusd);
    put_number(out, "agent_share", total > 0 ? money_usd(e->agent_pusd) / money_usd(total) : NAN);
    put_number(out, "people_share", total > 0 ? money_usd(people) / money_usd(total) : NAN);
    json_close_object(out);
    put_estimate(out, "rot", &e->rot);
    put_texts(out, "assumed", e->assumed, ASSUMED_MAX);
    json_name(out, "lift_assumed");
    json_put_bool(out, e->lift_assumed);
    put_text_or_null(out, "missing", e->missing);
    json_close_object(out);
}

static struct entry of_workflow(const struct figures *f, const char *kind)
{
    return (struct entry){
        .subject = "workflow",
        .name = f->workflow,
        .kind = kind,
        .value_usd = NAN,
        .agent_pusd = f->closed_pusd - f->closed_people_pusd,
        .people_recorded_pusd = f->closed_people_pusd,
        .rot = {.interval = unknown,
                .scale = 100,
                .offset = 1,
                .n = f->closed,
                .basis = "estimated",
                .method = method_name(f->method),
                .incomplete = f->unpriced_calls > 0},
    };
}

static void put_workflow(struct text *out, const struct figures *f)
{
    const int64_t valued = f->valued_recorded + f->valued_configured;
    struct entry outcome = of_workflow(f, "outcome");
    if (valued > 0) {
        outcome.value_usd = money_usd(f->value_pusd);
        outcome.rot.interval = f->value_per_usd;
        outcome.rot.incomplete = outcome.rot.incomplete || valued < f->resolved;
    } else {
        outcome.missing = f->resolved > 0 ? "value_per_outcome of the workflow, or values in its "
                                            "outcomes"
                                          : "resolved outcomes";
    }
    if (f->valued_configured > 0) {
        outcome.rot.basis = "assumed";
        outcome.assumed[0] = "value_per_outcome";
    }
    put_entry(out, &outcome);
    bool any = false;
    for (enum baseline b = 0; b < BASELINE_COUNT; b++) {
        const double unit = figures_baseline(f, b);
        if (isnan(unit)) {
            continue;
        }
        any = true;
        struct entry replacement = of_workflow(f, "replacement");
        const struct stats_interval x = f->outcomes_per_usd;
        replacement.against = baseline_names[b];
        replacement.value_usd = (double)f->resolved * unit;
        replacement.rot.interval =
            (struct stats_interval){x.value * unit, x.low * unit, x.high * unit};
        replacement.rot.basis = "assumed";
        replacement.assumed[0] = b == BASELINE_BPO ? "baseline.bpo" : "baseline.human";
        put_entry(out, &replacement);
    }
    if (!any) {
        struct entry replacement = of_workflow(f, "replacement");
        replacement.missing = "a baseline of the workflow";
        put_entry(out, &replacement);
    }
}

/* What a tool's workflows add up to. */
struct tool_sums {
    money_sum agent_pusd;
    money_sum people_pusd;
    int64_t cases;
    int64_t resolved;
    bool incomplete;
};

static enum errc sum_tool(const struct settings_tool *tool, const struct figures_list *list,
                          struct tool_sums *out, struct err *err)
{
    struct tool_sums sums = {.agent_pusd = tool->has_spend ? tool->spend_pusd : 0};
    for (size_t i = 0; i < tool->workflow_count; i++) {
        const struct figures *const f = figures_find(list, tool->workflows[i]);
        if (f == NULL) {
            return err_set(err, ERR_CONFIG,
                           "tools." STR_FORMAT ".workflows: the ledger has no case of workflow "
                           "\"" STR_FORMAT "\" in this window; import it or mend the name",
                           STR_ARG(tool->name), STR_ARG(tool->workflows[i]));
        }
        sums.agent_pusd += f->total_pusd - f->people_pusd;
        sums.people_pusd += f->people_pusd;
        sums.cases += f->cases;
        sums.resolved += f->resolved;
        sums.incomplete = sums.incomplete || f->unpriced_calls > 0;
    }
    *out = sums;
    return ERR_OK;
}

static struct entry of_tool(const struct settings_tool *tool, const struct tool_sums *sums,
                            const char *kind)
{
    return (struct entry){
        .subject = "tool",
        .name = tool->name,
        .kind = kind,
        .agent_pusd = sums->agent_pusd,
        .people_recorded_pusd = sums->people_pusd,
        .people_invested_pusd =
            money_scale(tool->invested_rate_pusd, tool->invested_ms, MS_PER_HOUR),
        .rot = {.interval = unknown,
                .scale = 100,
                .offset = 1,
                .n = -1,
                .basis = "assumed",
                .incomplete = sums->incomplete},
    };
}

/* Value known (with its interval) and cost summed: their ratio. */
static void set_rot(struct entry *e, struct stats_interval value)
{
    const double cost =
        money_usd(e->agent_pusd + e->people_recorded_pusd + e->people_invested_pusd);
    e->value_usd = value.value;
    if (cost > 0) {
        e->rot.interval =
            (struct stats_interval){value.value / cost, value.low / cost, value.high / cost};
    }
}

static void put_pipeline(struct text *out, const struct settings_tool *tool,
                         const struct tool_sums *sums)
{
    const struct settings_pipeline *const p = &tool->pipeline;
    struct entry e = of_tool(tool, sums, "pipeline");
    const double leads = p->has_leads ? p->leads : (double)sums->resolved;
    set_rot(&e, (struct stats_interval){
                    leads * p->conversion_rate * money_usd(p->contract_pusd) * p->share, NAN, NAN});
    size_t n = 0;
    e.assumed[n++] = "conversion_rate";
    e.assumed[n++] = "contract_value";
    e.assumed[n++] = "share";
    if (p->has_leads) {
        e.assumed[n++] = "leads";
    }
    CHECK(n <= ASSUMED_MAX);
    put_entry(out, &e);
}

static void put_productivity(struct text *out, const struct settings_tool *tool,
                             const struct tool_sums *sums)
{
    const struct settings_productivity *const p = &tool->productivity;
    struct entry e = of_tool(tool, sums, "productivity");
    const double uses = p->has_uses ? p->uses : (double)sums->cases;
    set_rot(&e,
            (struct stats_interval){p->hours_per_use * uses * money_usd(p->hour_pusd), NAN, NAN});
    size_t n = 0;
    e.assumed[n++] = "hours_saved_per_use";
    e.assumed[n++] = "rate_per_hour";
    if (p->has_uses) {
        e.assumed[n++] = "uses";
    }
    CHECK(n <= ASSUMED_MAX);
    put_entry(out, &e);
}

static void put_conversion(struct text *out, const struct settings_tool *tool,
                           const struct tool_sums *sums)
{
    const struct settings_conversion *const c = &tool->conversion;
    struct entry e = of_tool(tool, sums, "conversion");
    const double worth = (double)c->visitors * money_usd(c->conversion_pusd);
    size_t n = 0;
    e.rot.n = c->visitors;
    e.assumed[n++] = "value_per_conversion";
    if (c->has_control) {
        const struct stats_interval lift = stats_newcombe(
            c->conversions, c->visitors, c->control_conversions, c->control_visitors);
        e.rot.method = "newcombe";
        e.rot.basis = "estimated";
        set_rot(&e,
                (struct stats_interval){lift.value * worth, lift.low * worth, lift.high * worth});
    } else {
        const double lift = (double)c->conversions / (double)c->visitors - c->control_rate;
        e.lift_assumed = true;
        e.assumed[n++] = "lift";
        set_rot(&e, (struct stats_interval){lift * worth, NAN, NAN});
    }
    CHECK(n <= ASSUMED_MAX);
    put_entry(out, &e);
}

static void put_tool(struct text *out, const struct settings_tool *tool,
                     const struct tool_sums *sums)
{
    if (tool->pipeline.set) {
        put_pipeline(out, tool, sums);
    }
    if (tool->productivity.set) {
        put_productivity(out, tool, sums);
    }
    if (tool->conversion.set) {
        put_conversion(out, tool, sums);
    }
}

/* Every tool's sums, in the order of the configuration. */
static enum errc sum_tools(const struct settings *settings, const struct figures_list *list,
                           struct arena *arena, struct tool_sums **out, struct err *err)
{
    struct tool_sums *const sums = arena_new(arena, struct tool_sums, settings->tools.count + 1);
    if (sums == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu tools", settings->tools.count);
    }
    for (size_t i = 0; i < settings->tools.count; i++) {
        const enum errc code = sum_tool(&settings->tools.rows[i], list, &sums[i], err);
        if (code != ERR_OK) {
            return code;
        }
    }
    *out = sums;
    return ERR_OK;
}

enum errc api_returns(struct store *store, const struct settings *settings,
                      const struct api_request *request, struct arena *arena, struct text *out,
                      struct err *err)
{
    CHECK(request != NULL);
    CHECK(out != NULL);

    /* Tools may draw on any workflow, so all of them are read whatever was asked for. */
    struct api_request all = *request;
    all.workflow = (struct str){0};
    struct figures_list list;
    enum errc code = figures_read(store, settings, &all, arena, &list, err);
    struct tool_sums *sums = NULL;
    if (code == ERR_OK) {
        code = sum_tools(settings, &list, arena, &sums, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    json_open_object(out);
    put_request(out, "bursar.return/1", request);
    json_name(out, "returns");
    json_open_array(out);
    for (size_t i = 0; i < list.count; i++) {
        put_workflow(out, &list.rows[i]);
    }
    for (size_t i = 0; i < settings->tools.count; i++) {
        put_tool(out, &settings->tools.rows[i], &sums[i]);
    }
    json_close_array(out);
    json_close_object(out);
    return text_is_full(out)
               ? err_set(err, ERR_LIMIT, "the answer does not fit %zu bytes", out->size_max)
               : ERR_OK;
}
