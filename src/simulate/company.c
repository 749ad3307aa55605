#include "simulate/company_words_priv.h"

#include "base/check.h"

const struct company_model company_models[COMPANY_MODELS] = {
    {.name = "claude-sonnet-4-5", .priced = true, .cache_writes = true},
    {.name = "claude-haiku-4-5", .priced = true, .cache_writes = true},
    {.name = "gpt-4.1", .priced = true},
    {.name = "gpt-4.1-mini", .priced = true},
    {.name = "gpt-5.6-sol", .priced = true, .reasoning_e4 = 5500},
    {.name = "exmut-triage-ft2"}, /* the company's own fine-tune: in no price book */
};

const struct company_price_change company_price_changes[COMPANY_PRICE_CHANGES] = {
    {.model = 4, .day = 20686}, /* 2026-08-21. Source: @pydantic/genai-prices 0.1.8 */
};

const struct company_workflow *const company_workflows[SIMULATE_WORKFLOWS] = {
    &company_claims,    &company_tickets, &company_invoices,
    &company_contracts, &company_leads,   &company_code};

size_t company_attribute_count(const struct company_workflow *workflow)
{
    CHECK(workflow != NULL);
    size_t count = 0;
    while (count < SIMULATE_ATTRIBUTES_MAX && workflow->attributes[count].name != NULL) {
        count++;
    }
    return count;
}

size_t company_model_count(const struct company_workflow *workflow)
{
    CHECK(workflow != NULL);
    size_t count = 0;
    while (count < COMPANY_MODELS_MAX && workflow->models[count].share_e4 > 0) {
        count++;
    }
    return count;
}

size_t company_tool_count(const struct company_workflow *workflow)
{
    CHECK(workflow != NULL);
    size_t count = 0;
    while (count < COMPANY_TOOLS_MAX && workflow->tools[count].name != NULL) {
        count++;
    }
    return count;
}

size_t company_segment_count(const struct company_workflow *workflow)
{
    CHECK(workflow != NULL);
    size_t count = 0;
    while (count < COMPANY_SEGMENTS_MAX && workflow->segments[count].name != NULL) {
        count++;
    }
    return count;
}

int simulate_workflow_find(struct str name)
{
    for (int i = 0; i < SIMULATE_WORKFLOWS; i++) {
        if (str_equal(name, str_from(company_workflows[i]->name))) {
            return i;
        }
    }
    return -1;
}

int simulate_plant_find(struct str name)
{
    static const char *const words[] = {
#define X(upper, word) #word,
        SIMULATE_PLANTS(X)
#undef X
    };
    for (int i = 0; i < SIMULATE_PLANT_COUNT; i++) {
        if (str_equal(name, str_from(words[i]))) {
            return i;
        }
    }
    return -1;
}
