/* What a step cost: as the price book says, or its source. */
#include "base/check.h"
#include "ingest/ingest_priv.h"

/*
 * The cost of a step. Tables state what was paid, and their figure stands; elsewhere the price book
 * does, and a reported figure only fills in where no price is known.
 */
enum errc ingest_set_cost(const struct ingest *ingest, const struct step *step,
                          enum channel channel, struct ledger_steps *row, struct err *err)
{
    CHECK(row != NULL);
    row->cost_pusd = LEDGER_NULL;
    /* A figure the source calls none stays as its word, so that no price takes its place later. */
    row->reported_pusd = step->has_reported     ? step->reported_pusd
                         : step->is_unpriceable ? 0
                                                : LEDGER_NULL;
    if (step->kind != STEP_LLM) {
        row->cost_basis = step->has_reported ? COST_REPORTED : COST_NONE;
        row->cost_pusd = step->has_reported ? step->reported_pusd : LEDGER_NULL;
        row->provider = step->provider.size > 0 ? step->provider
                        : step->has_reported    ? STR("tool fees")
                                                : (struct str){0};
        return ERR_OK;
    }
    if (step->has_reported && channel == CHANNEL_TABLE) {
        row->cost_basis = COST_REPORTED;
        row->cost_pusd = step->reported_pusd;
        return ERR_OK;
    }
    /* What a budget was charged stands, whatever the price book says by now. */
    if (step->has_price) {
        row->cost_basis = COST_PRICED;
        row->cost_pusd = step->priced_pusd;
        row->price_id = step->price_id;
        return ERR_OK;
    }
    struct price_result priced = {.state = PRICE_UNPRICED};
    if (step->has_usage && !step->is_unpriceable && step->started_ns != TIME_UNKNOWN) {
        const struct price_query query = {
            .provider = step->provider,
            .model = step->model,
            .at_ns = step->started_ns,
            .tier = step->tier,
            .region = step->region,
            .usage = &step->usage,
            .is_sum = channel == CHANNEL_METRIC,
            .memo = ingest->memo,
        };
        const enum errc code = price_call(ingest->book, &query, &priced, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (priced.state == PRICE_PRICED) {
        row->cost_basis = COST_PRICED;
        row->cost_pusd = priced.cost_pusd;
        row->price_id = priced.price_id;
        row->provider = priced.provider;
    } else if (step->has_reported) {
        row->cost_basis = COST_REPORTED;
        row->cost_pusd = step->reported_pusd;
    } else {
        row->cost_basis = COST_UNPRICED;
    }
    return ERR_OK;
}
