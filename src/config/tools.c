/* The key `tools` of bursar.yaml: what people built for themselves, and what it is worth. */
#include "config/config_priv.h"

#include "base/check.h"

#define COUNT_MAX 1e15
#define HOURS_MAX 1e6

static const struct config_field pipeline_fields[] = {
    {KEY("leads", NUMBER), AT(settings_pipeline, leads), GIVEN(settings_pipeline, has_leads),
     RANGE(0, COUNT_MAX), .absent = "the resolved cases"},
    {KEY("conversion_rate", NUMBER), AT(settings_pipeline, conversion_rate), RANGE(0, 1),
     .required = true},
    {KEY("contract_value", MONEY), AT(settings_pipeline, contract_pusd), .required = true},
    {KEY("share", NUMBER), AT(settings_pipeline, share), RANGE(0, 1), .required = true},
};

static const struct config_group pipeline = {FIELDS(pipeline_fields)};

static const struct config_field productivity_fields[] = {
    {KEY("uses", NUMBER), AT(settings_productivity, uses), GIVEN(settings_productivity, has_uses),
     RANGE(0, COUNT_MAX), .absent = "the cases"},
    {KEY("hours_saved_per_use", NUMBER), AT(settings_productivity, hours_per_use),
     RANGE(0, HOURS_MAX), .required = true},
    {KEY("rate_per_hour", MONEY), AT(settings_productivity, hour_pusd), .required = true},
};

static const struct config_group productivity = {FIELDS(productivity_fields)};

static const struct config_field control_fields[] = {
    {KEY("visitors", COUNT), AT(settings_conversion, control_visitors), RANGE(1, COUNT_MAX),
     .required = true},
    {KEY("conversions", COUNT), AT(settings_conversion, control_conversions), RANGE(0, COUNT_MAX),
     .required = true},
};

static enum errc check_control(const struct yaml *node, void *record, struct err *err)
{
    const struct settings_conversion *const conversion = record;
    return conversion->control_conversions > conversion->control_visitors
               ? yaml_error(node, err, "more conversions than visitors")
               : ERR_OK;
}

static const struct config_group control = {FIELDS(control_fields), .check = check_control};

static const struct config_field conversion_fields[] = {
    {KEY("visitors", COUNT), AT(settings_conversion, visitors), RANGE(1, COUNT_MAX),
     .required = true},
    {KEY("conversions", COUNT), AT(settings_conversion, conversions), RANGE(0, COUNT_MAX),
     .required = true},
    {KEY("value_per_conversion", MONEY), AT(settings_conversion, conversion_pusd),
     .required = true},
    {KEY("control", GROUP), GIVEN(settings_conversion, has_control), .group = &control,
     .absent = "needed, or `assumed_control_rate`"},
    {KEY("assumed_control_rate", NUMBER), AT(settings_conversion, control_rate),
     GIVEN(settings_conversion, has_control_rate), RANGE(0, 1), .absent = "needed, or `control`"},
};

static enum errc check_conversion(const struct yaml *node, void *record, struct err *err)
{
    const struct settings_conversion *const conversion = record;
    if (conversion->conversions > conversion->visitors) {
        return yaml_error(node, err, "more conversions than visitors");
    }
    if (conversion->has_control == conversion->has_control_rate) {
        return yaml_error(node, err,
                          "give one of control: {visitors, conversions} and "
                          "assumed_control_rate");
    }
    return ERR_OK;
}

static const struct config_group conversion = {FIELDS(conversion_fields),
                                               .check = check_conversion};

static const struct config_field invested_fields[] = {
    {KEY("hours", HOURS), AT(settings_tool, invested_ms), .required = true},
    {KEY("rate_per_hour", MONEY), AT(settings_tool, invested_rate_pusd), .required = true},
};

static const struct config_group invested = {FIELDS(invested_fields)};

static const struct config_field fields[] = {
    {KEY("workflows", TEXTS), AT(settings_tool, workflows), COUNT(settings_tool, workflow_count)},
    {KEY("spend", MONEY), AT(settings_tool, spend_pusd), GIVEN(settings_tool, has_spend)},
    {KEY("invested", GROUP), .group = &invested},
    {KEY("pipeline", GROUP), AT(settings_tool, pipeline), GIVEN(settings_tool, pipeline.set),
     .group = &pipeline},
    {KEY("productivity", GROUP), AT(settings_tool, productivity),
     GIVEN(settings_tool, productivity.set), .group = &productivity},
    {KEY("conversion", GROUP), AT(settings_tool, conversion), GIVEN(settings_tool, conversion.set),
     .group = &conversion},
};

static enum errc check_tool(const struct yaml *node, void *record, struct err *err)
{
    const struct settings_tool *const tool = record;
    CHECK(tool != NULL);
    if (tool->workflow_count == 0 && !tool->has_spend) {
        return yaml_error(node, err,
                          "what it spends is not known; give workflows: [NAME] or "
                          "spend: USD");
    }
    const bool counts_cases = (tool->pipeline.set && !tool->pipeline.has_leads) ||
                              (tool->productivity.set && !tool->productivity.has_uses);
    if (tool->workflow_count == 0 && counts_cases) {
        return yaml_error(node, err,
                          "without workflows, pipeline needs leads and productivity "
                          "needs uses");
    }
    if (!tool->pipeline.set && !tool->productivity.set && !tool->conversion.set) {
        return yaml_error(node, err,
                          "give what it is worth: pipeline, productivity or "
                          "conversion");
    }
    return ERR_OK;
}

_Static_assert(offsetof(struct settings_tool, name) == 0, "CONFIG_NAMED puts it there");

const struct config_group config_tool = {FIELDS(fields), .row_size = sizeof(struct settings_tool),
                                         .check = check_tool};
