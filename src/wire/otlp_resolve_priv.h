/* wire/otlp_resolve_priv: what a place in a batch is named. */
#ifndef WIRE_OTLP_RESOLVE_PRIV_H
#define WIRE_OTLP_RESOLVE_PRIV_H

#include "wire/otlp_priv.h"

struct otlp_named {
    struct str workflow;
    struct str case_id;
    struct str attempt;
    struct str input_key;
    struct str program;
    struct str session;
    int told; /* bits of enum told */
    bool is_session;
};

/* What the spans of a trace say, as far as it is known. */
void otlp_facts_of_trace(const struct otlp_trace_row *trace,
                         struct str out[static OTLP_FACT_COUNT]);

/* Whether a step's case says all that the spans of a trace do: they agree, and nothing of what they
 * tell is hidden behind something stronger. */
bool otlp_is_teachable(const struct otlp_trace_row *trace);

struct otlp_named otlp_name(struct otlp *otlp, const struct otlp_place *place);

#endif
