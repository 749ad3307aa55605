/* convert: traces -> the rows of the open group; what its files share. */
#ifndef INGEST_CONVERT_PRIV_H
#define INGEST_CONVERT_PRIV_H

#include "ingest/ingest_priv.h"

static inline struct str text_or_null(struct str text)
{
    return text.size > 0 ? text : (struct str){0};
}

static inline int64_t time_or_null(int64_t time_ns)
{
    return time_ns == TIME_UNKNOWN ? LEDGER_NULL : time_ns;
}

/* convert.c */

/* The workflow of a case: its sender's, else its own, else what was asked for, else its program's
 * name. */
struct str convert_workflow(struct str told, struct str program,
                            const struct ingest_origin *origin);
/* A case that this run has not seen, and its attributes. */
MUST_CHECK enum errc convert_case(struct ingest *ingest, const struct trace_case *from,
                                  const struct ingest_origin *origin, uint64_t key,
                                  struct str workflow, struct err *err);

/* convert_others.c */

MUST_CHECK enum errc convert_outcome(struct ingest *ingest, const struct outcome *outcome,
                                     const struct ingest_origin *origin, struct err *err);
MUST_CHECK enum errc convert_kpi(struct ingest *ingest, const struct kpi *kpi,
                                 const struct ingest_origin *origin, struct err *err);
/* What the spans of a trace say; once in a run. */
MUST_CHECK enum errc convert_fact(struct ingest *ingest, const struct trace_fact *fact,
                                  struct err *err);
MUST_CHECK enum errc convert_rejects(struct ingest *ingest, const struct trace *trace,
                                     const struct ingest_origin *origin, struct err *err);

#endif
