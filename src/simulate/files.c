/* files: the texts beside the rows: configuration, table map, readme. */
#include "simulate/simulate_priv.h"

#define README_MARK "Example Mutual: a synthetic company, made by bursar simulate"

struct str simulate_readme_mark(void)
{
    return STR(README_MARK);
}

static bool is_made(const struct simulate *simulate, int workflow)
{
    return simulate->options.workflow < 0 || simulate->options.workflow == workflow;
}

/* cents as dollars */
static void put_dollars(struct text *out, const char *lead, int cents, const char *tail)
{
    text_format(out, "%s%d.%02d%s", lead, cents / 100, cents % 100, tail);
}

static void put_share(struct text *out, const char *lead, int share_e4, const char *tail)
{
    text_format(out, "%s%d.%04d%s", lead, share_e4 / ONE_E4, share_e4 % ONE_E4, tail);
}

static void put_workflow(struct text *out, const struct company_workflow *workflow)
{
    text_format(out, "  %s:\n    unit: %s\n    risk: %s\n", workflow->name, workflow->unit,
                workflow->risk);
    put_dollars(out, "    value_per_outcome: ", workflow->value_cents, "\n");
    put_dollars(out, "    human_rate_per_hour: ", workflow->human_cents_per_hour, "\n");
    put_dollars(out, "    baseline:\n      bpo: {price: ", workflow->bpo_cents, "");
    put_share(out, ", success_rate: ", workflow->bpo_success_e4, "}\n");
    text_format(out, "      human: {minutes: %d", workflow->human_minutes);
    put_share(out, ", success_rate: ", workflow->human_success_e4, "}\n");
    put_dollars(out, "    non_inferiority_pp: ", workflow->non_inferiority_e4, "\n");
    text_format(out, "    owner: {team: %s, cost_center: %s}\n", workflow->team,
                workflow->cost_center);
}

void simulate_config(const struct simulate *simulate, struct text *out)
{
    CHECK(simulate != NULL);
    text_add(out, STR("# Example Mutual, a synthetic company: what its work is worth and what it "
                      "would cost elsewhere.\n"
                      "workflows:\n"));
    for (int i = 0; i < SIMULATE_WORKFLOWS; i++) {
        if (is_made(simulate, i)) {
            put_workflow(out, company_workflows[i]);
        }
    }
}

static void put_case_table(struct text *out, const struct company_workflow *workflow)
{
    text_format(out,
                "  - name: %s\n"
                "    from: cases\n"
                "    where: workflow = '%s'\n"
                "    case:\n"
                "      workflow: workflow\n"
                "      id: case\n"
                "      input_key: input_key\n"
                "      attributes:\n",
                workflow->name, workflow->name);
    for (size_t i = 0; i < company_attribute_count(workflow); i++) {
        text_format(out, "        %s: %s\n", workflow->attributes[i].name,
                    workflow->attributes[i].name);
    }
}

static const char step_table[] = "  - name: steps\n"
                                 "    from: steps\n"
                                 "    case:\n"
                                 "      workflow: workflow\n"
                                 "      # what nothing attributes has no case: its session is one\n"
                                 "      id: {sql: 'coalesce(nullif(\"case\", ''''), session)'}\n"
                                 "    attempt:\n"
                                 "      id: session\n"
                                 "      number: attempt\n"
                                 "      succeeded: passed\n"
                                 "    step:\n"
                                 "      sequence: step\n"
                                 "      kind: kind\n"
                                 "      name: name\n"
                                 "      status: status\n"
                                 "      effect: effect\n"
                                 "      model: model\n"
                                 "      uncached_input_tokens: input_uncached\n"
                                 "      cache_read_tokens: cache_read\n"
                                 "      cache_write_tokens: cache_write\n"
                                 "      output_tokens: output\n"
                                 "      reasoning_tokens: reasoning\n"
                                 "      args_hash: args_hash\n"
                                 "      args_bytes: args_bytes\n"
                                 "      result_bytes: result_bytes\n"
                                 "      fee: {column: fee_usd, unit: usd}\n"
                                 "      human_time: {column: human_minutes, unit: min}\n"
                                 "      start: started_at\n"
                                 "      end: ended_at\n";

static const char outcome_table[] = "  - name: outcomes\n"
                                    "    from: outcomes\n"
                                    "    case:\n"
                                    "      workflow: workflow\n"
                                    "      id: case\n"
                                    "    outcome:\n"
                                    "      id: id\n"
                                    "      status: status\n"
                                    "      value: {column: value, unit: usd}\n"
                                    "      human_time: {column: minutes, unit: min}\n"
                                    "      at: at\n"
                                    "      recorded_at: recorded_at\n"
                                    "      source: source\n";

void simulate_map(const struct simulate *simulate, struct text *out)
{
    CHECK(simulate != NULL);
    text_add(out, STR("# Which columns of these tables are cases, attempts, steps and outcomes.\n"
                      "map: example-mutual\n"
                      "about: the synthetic company that bursar simulate writes\n"
                      "sources:\n"
                      "  cases: cases.csv\n"
                      "  steps: steps.csv\n"
                      "  outcomes: outcomes.csv\n"
                      "tables:\n"));
    for (int i = 0; i < SIMULATE_WORKFLOWS; i++) {
        if (is_made(simulate, i)) {
            put_case_table(out, company_workflows[i]);
        }
    }
    text_add(out, str_from(step_table));
    text_add(out, str_from(outcome_table));
}

void simulate_readme(const struct simulate *simulate, struct text *out)
{
    CHECK(simulate != NULL);
    text_add(out, STR(README_MARK "\n\n"));
    text_format(out,
                "Everything here is invented: seed %llu, %lld cases, 2026-01-01 to 2026-10-31.\n"
                "No person, company, call or price of a real one is in it, apart from the names\n"
                "of public models.\n\n",
                (unsigned long long)simulate->options.seed, (long long)simulate->options.cases);
    text_add(
        out,
        STR("cases.csv     one row a case: its input key and attributes\n"
            "steps.csv     one row a step: model calls with tokens, tools, people's minutes\n"
            "outcomes.csv  what became of the cases, late and revised words among them\n"
            "map.yaml      which column is what; bursar import of this folder reads it\n"
            "bursar.yaml   the workflows: unit, value, rates, baselines, owners\n"
            "truth.json    every parameter, what was planted, and the exact totals\n\n"
            "The calls carry tokens and no cost: the price book prices them. One model is the\n"
            "company's own and has no price; a few sessions belong to no workflow.\n"
            "The same options write the same bytes on every machine.\n"));
}
