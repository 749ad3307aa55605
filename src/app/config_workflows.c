/* The keys `workflows` and `tools` of bursar.yaml: what work is worth and what it replaces. */
#include "app/config_priv.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/money.h"

#define RATE_MAX  1.0
#define RATE_MIN  1e-6 /* a baseline that never succeeds has no price per outcome */
#define COUNT_MAX 1e15

#define FIELD(record, key, kind, member)                                                           \
    {                                                                                              \
        .name = key, .type = kind, .offset = offsetof(struct record, member),                      \
        .flag_offset = CONFIG_NO_FLAG                                                              \
    }
#define NEEDED(record, key, kind, member, from, to)                                                \
    {                                                                                              \
        .name = key, .type = kind, .required = true, .offset = offsetof(struct record, member),    \
        .flag_offset = CONFIG_NO_FLAG, .low = (from), .high = (to)                                 \
    }
#define FLAGGED(record, key, kind, member, flag, to)                                               \
    {                                                                                              \
        .name = key, .type = kind, .offset = offsetof(struct record, member),                      \
        .flag_offset = offsetof(struct record, flag), .high = (to)                                 \
    }
#define OTHER(record, key, member, function)                                                       \
    {                                                                                              \
        .name = key, .type = CONFIG_OTHER, .offset = offsetof(struct record, member),              \
        .flag_offset = CONFIG_NO_FLAG, .read = function                                            \
    }
#define WHOLE(key, function)                                                                       \
    {                                                                                              \
        .name = key, .type = CONFIG_OTHER, .flag_offset = CONFIG_NO_FLAG, .read = function         \
    }

static enum errc read_bpo(struct config_reader *reader, const struct yaml *node, void *out,
                          struct err *err)
{
    static const struct config_field fields[] = {
        NEEDED(settings_baseline, "price", CONFIG_MONEY, price_pusd, 0, 0),
        NEEDED(settings_baseline, "success_rate", CONFIG_NUMBER, success_rate, RATE_MIN, RATE_MAX),
    };
    struct settings_baseline *const baseline = out;
    baseline->set = true;
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}

/* Its price follows once the workflow's hourly rate is known. */
static enum errc read_human(struct config_reader *reader, const struct yaml *node, void *out,
                            struct err *err)
{
    static const struct config_field fields[] = {
        NEEDED(settings_baseline, "minutes", CONFIG_MINUTES, work_ms, 0, 0),
        NEEDED(settings_baseline, "success_rate", CONFIG_NUMBER, success_rate, RATE_MIN, RATE_MAX),
    };
    struct settings_baseline *const baseline = out;
    baseline->set = true;
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}

static enum errc read_baseline(struct config_reader *reader, const struct yaml *node, void *out,
                               struct err *err)
{
    static const struct config_field fields[] = {
        OTHER(settings_workflow, "bpo", baselines[BASELINE_BPO], read_bpo),
        OTHER(settings_workflow, "human", baselines[BASELINE_HUMAN], read_human),
    };
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}

static enum errc read_owner(struct config_reader *reader, const struct yaml *node, void *out,
                            struct err *err)
{
    static const struct config_field fields[] = {
        FIELD(settings_workflow, "team", CONFIG_TEXT, team),
        FIELD(settings_workflow, "cost_center", CONFIG_TEXT, cost_center),
    };
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}

static enum errc read_from(struct config_reader *reader, const struct yaml *node, void *out,
                           struct err *err)
{
    static const char *const words[] = {"commit", "pull_request", NULL};
    struct settings_workflow *const workflow = out;
    (void)reader;
    enum errc code = yaml_want(node, YAML_SEQUENCE, err);
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        int word = 0;
        code = yaml_word(at, words, &word, err);
        workflow->takes_commits = workflow->takes_commits || (code == ERR_OK && word == 0);
        workflow->takes_pull_requests =
            workflow->takes_pull_requests || (code == ERR_OK && word == 1);
    }
    return code;
}

static enum errc read_outcomes(struct config_reader *reader, const struct yaml *node, void *out,
                               struct err *err)
{
    static const struct config_field fields[] = {WHOLE("from", read_from)};
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}

static enum errc read_go_live(struct config_reader *reader, const struct yaml *node, void *out,
                              struct err *err)
{
    struct settings_workflow *const workflow = out;
    struct str text;
    struct err why;
    (void)reader;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    if (clock_parse(text, &workflow->go_live_ns, &why) != ERR_OK) {
        return yaml_error(node, err,
                          "found \"" STR_FORMAT "\"; allowed is a date such as 2026-05-01",
                          STR_ARG(text));
    }
    workflow->has_go_live = true;
    return ERR_OK;
}

static const struct config_field workflow_fields[] = {
    FIELD(settings_workflow, "unit", CONFIG_TEXT, unit),
    OTHER(settings_workflow, "risk", risk, config_risk),
    FLAGGED(settings_workflow, "value_per_outcome", CONFIG_MONEY, value_pusd, has_value, 0),
    FLAGGED(settings_workflow, "human_rate_per_hour", CONFIG_MONEY, human_rate_pusd, has_human_rate,
            0),
    WHOLE("baseline", read_baseline),
    {.name = "non_inferiority_pp",
     .type = CONFIG_NUMBER,
     .offset = offsetof(struct settings_workflow, non_inferiority_pp),
     .flag_offset = CONFIG_NO_FLAG,
     .high = 100},
    WHOLE("owner", read_owner),
    WHOLE("outcomes", read_outcomes),
    WHOLE("go_live", read_go_live),
};

enum errc config_workflows(struct config_reader *reader, const struct yaml *node, void *out,
                           struct err *err)
{
    (void)out;
    enum errc code = yaml_want(node, YAML_MAPPING, err);
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        if (at->name.size == 0) {
            return yaml_error(at, err, "a workflow needs a name");
        }
        struct settings_workflow workflow = {
            .name = at->name, .risk = RISK_NORMAL, .non_inferiority_pp = -1};
        code =
            config_fields(reader, at, workflow_fields, COUNT_OF(workflow_fields), &workflow, err);
        if (code != ERR_OK) {
            return code;
        }
        if (workflow.non_inferiority_pp < 0) { /* economics.md section 8 */
            workflow.non_inferiority_pp = workflow.risk == RISK_HIGH ? 0.5 : 2;
        }
        struct settings_baseline *const human = &workflow.baselines[BASELINE_HUMAN];
        if (human->set && !workflow.has_human_rate) {
            return yaml_error(at, err, "baseline.human needs human_rate_per_hour beside it");
        }
        const money_sum price = money_scale(workflow.human_rate_pusd, human->work_ms, 3600000);
        if (price > INT64_MAX) {
            return yaml_error(at, err, "baseline.human costs more than the $9,223,372 allowed");
        }
        human->price_pusd = (int64_t)price;
        const size_t row = arena_push(reader->arena, &reader->settings->workflows);
        if (row == SIZE_MAX) {
            return config_full(at, err);
        }
        reader->settings->workflows.rows[row] = workflow;
    }
    return code;
}

static enum errc read_pipeline(struct config_reader *reader, const struct yaml *node, void *out,
                               struct err *err)
{
    static const struct config_field fields[] = {
        FLAGGED(settings_pipeline, "leads", CONFIG_NUMBER, leads, has_leads, COUNT_MAX),
        NEEDED(settings_pipeline, "conversion_rate", CONFIG_NUMBER, conversion_rate, 0, RATE_MAX),
        NEEDED(settings_pipeline, "contract_value", CONFIG_MONEY, contract_pusd, 0, 0),
        NEEDED(settings_pipeline, "share", CONFIG_NUMBER, share, 0, RATE_MAX),
    };
    ((struct settings_pipeline *)out)->set = true;
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}

static enum errc read_productivity(struct config_reader *reader, const struct yaml *node, void *out,
                                   struct err *err)
{
    static const struct config_field fields[] = {
        FLAGGED(settings_productivity, "uses", CONFIG_NUMBER, uses, has_uses, COUNT_MAX),
        NEEDED(settings_productivity, "hours_saved_per_use", CONFIG_NUMBER, hours_per_use, 0, 1e6),
        NEEDED(settings_productivity, "rate_per_hour", CONFIG_MONEY, hour_pusd, 0, 0),
    };
    ((struct settings_productivity *)out)->set = true;
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}

static enum errc read_control(struct config_reader *reader, const struct yaml *node, void *out,
                              struct err *err)
{
    static const struct config_field fields[] = {
        NEEDED(settings_conversion, "visitors", CONFIG_COUNT, control_visitors, 1, COUNT_MAX),
        NEEDED(settings_conversion, "conversions", CONFIG_COUNT, control_conversions, 0, COUNT_MAX),
    };
    struct settings_conversion *const conversion = out;
    conversion->has_control = true;
    const enum errc code = config_fields(reader, node, fields, COUNT_OF(fields), out, err);
    if (code == ERR_OK && conversion->control_conversions > conversion->control_visitors) {
        return yaml_error(node, err, "more conversions than visitors");
    }
    return code;
}

static enum errc read_conversion(struct config_reader *reader, const struct yaml *node, void *out,
                                 struct err *err)
{
    static const struct config_field fields[] = {
        NEEDED(settings_conversion, "visitors", CONFIG_COUNT, visitors, 1, COUNT_MAX),
        NEEDED(settings_conversion, "conversions", CONFIG_COUNT, conversions, 0, COUNT_MAX),
        NEEDED(settings_conversion, "value_per_conversion", CONFIG_MONEY, conversion_pusd, 0, 0),
        WHOLE("control", read_control),
        {.name = "assumed_control_rate",
         .type = CONFIG_NUMBER,
         .offset = offsetof(struct settings_conversion, control_rate),
         .flag_offset = CONFIG_NO_FLAG,
         .high = RATE_MAX},
    };
    struct settings_conversion *const conversion = out;
    *conversion = (struct settings_conversion){.set = true, .control_rate = -1};
    const enum errc code = config_fields(reader, node, fields, COUNT_OF(fields), out, err);
    if (code != ERR_OK) {
        return code;
    }
    if (conversion->conversions > conversion->visitors) {
        return yaml_error(node, err, "more conversions than visitors");
    }
    if (conversion->has_control == (conversion->control_rate >= 0)) {
        return yaml_error(node, err,
                          "give one of control: {visitors, conversions} and "
                          "assumed_control_rate");
    }
    return ERR_OK;
}

static enum errc read_invested(struct config_reader *reader, const struct yaml *node, void *out,
                               struct err *err)
{
    static const struct config_field fields[] = {
        NEEDED(settings_tool, "hours", CONFIG_HOURS, invested_ms, 0, 0),
        NEEDED(settings_tool, "rate_per_hour", CONFIG_MONEY, invested_rate_pusd, 0, 0),
    };
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}

static enum errc read_tool_workflows(struct config_reader *reader, const struct yaml *node,
                                     void *out, struct err *err)
{
    struct settings_tool *const tool = out;
    return config_texts(reader, node, &tool->workflows, &tool->workflow_count, err);
}

static const struct config_field tool_fields[] = {
    WHOLE("workflows", read_tool_workflows),
    FLAGGED(settings_tool, "spend", CONFIG_MONEY, spend_pusd, has_spend, 0),
    WHOLE("invested", read_invested),
    OTHER(settings_tool, "pipeline", pipeline, read_pipeline),
    OTHER(settings_tool, "productivity", productivity, read_productivity),
    OTHER(settings_tool, "conversion", conversion, read_conversion),
};

enum errc config_tools(struct config_reader *reader, const struct yaml *node, void *out,
                       struct err *err)
{
    (void)out;
    enum errc code = yaml_want(node, YAML_MAPPING, err);
    for (const struct yaml *at = node->first; at != NULL && code == ERR_OK; at = at->next) {
        struct settings_tool tool = {.name = at->name};
        code = config_fields(reader, at, tool_fields, COUNT_OF(tool_fields), &tool, err);
        if (code != ERR_OK) {
            return code;
        }
        if (tool.workflow_count == 0 && !tool.has_spend) {
            return yaml_error(at, err,
                              "what it spends is not known; give workflows: [NAME] or "
                              "spend: USD");
        }
        const bool counts_cases = (tool.pipeline.set && !tool.pipeline.has_leads) ||
                                  (tool.productivity.set && !tool.productivity.has_uses);
        if (tool.workflow_count == 0 && counts_cases) {
            return yaml_error(at, err,
                              "without workflows, pipeline needs leads and productivity "
                              "needs uses");
        }
        if (!tool.pipeline.set && !tool.productivity.set && !tool.conversion.set) {
            return yaml_error(at, err,
                              "give what it is worth: pipeline, productivity or "
                              "conversion");
        }
        const size_t row = arena_push(reader->arena, &reader->settings->tools);
        if (row == SIZE_MAX) {
            return config_full(at, err);
        }
        reader->settings->tools.rows[row] = tool;
    }
    return code;
}
