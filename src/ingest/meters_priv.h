/* meters: the rows of the queries about readings; what the files of meters.c share. */
#ifndef INGEST_METERS_PRIV_H
#define INGEST_METERS_PRIV_H

#include "ingest/ingest_priv.h"
#include "ledger/sums.h"

/* Columns of QUERY_meters_points. */
enum {
    POINT_KEY,
    POINT_SCOPE,
    POINT_SESSION,
    POINT_MODEL_KEY,
    POINT_DAY,
    POINT_FROM,
    POINT_TO,
    POINT_EXCLUSIVE,
    POINT_ATTEMPT,
    POINT_CASE,
    POINT_WORKFLOW,
    POINT_CASE_ID,
    POINT_NAMED_BY,
    POINT_ATTEMPT_ID,
    POINT_PROGRAM,
    POINT_NAME,
    POINT_AGENT,
    POINT_PROVIDER,
    POINT_MODEL,
    POINT_TIER,
    POINT_FIGURES,
    POINT_REPORTED = POINT_FIGURES + 10,
    POINT_HAS_STEP,
    STEP_AMOUNTS, /* in the order of enum sum_class */
    STEP_COST = STEP_AMOUNTS + SUM_CLASS_COUNT,
    STEP_STARTED,
    STEP_WORKFLOW,
    STEP_PROVIDER,
};

struct meter_facts {
    struct usage usage;
    bool is_told; /* tokens, not only a cost */
};

/* meter_points.c: of a row of QUERY_meters_points. */

struct hash128 meter_key(const struct store_result *points, size_t row);
/* A sum over many calls, as far as one entry holds it. */
int64_t meter_amount(const struct store_result *rows, size_t row, size_t column);
/* What the reading says in itself, and as a reading to take calls off. */
struct meter_facts meter_facts_at(const struct store_result *points, size_t row,
                                  struct sum_reading *out);
int64_t meter_tokens_left(const struct sum_reading *reading);
/* Whether the ledger has just this step already. */
bool meter_is_as_before(const struct store_result *points, size_t row,
                        const struct ledger_steps *step);
/* The step that stands for what is left of a reading. Errors: those of price_call(). */
MUST_CHECK enum errc meter_step(struct ingest *ingest, const struct store_result *points,
                                size_t row, const struct sum_reading *reading,
                                const struct meter_facts *facts, struct ledger_steps *out,
                                struct err *err);

#endif
