/* bench: small traces by hand, imported into a ledger of a test's own. */
#ifndef UNIT_INGEST_BENCH_H
#define UNIT_INGEST_BENCH_H

#include "base/clock.h"
#include "ingest/ingest.h"
#include "support/home.h"

#define BENCH_NOON_NS (INT64_C(20700) * CLOCK_NS_PER_DAY + CLOCK_NS_PER_DAY / 2)

struct bench {
    struct home home;
    struct arena arena;
    struct store *store;
    const struct price_book *book;
    struct err err;
    enum errc code;
};

/* What the ledger holds. */
struct held {
    int64_t steps;
    int64_t cases;
    int64_t cost_pusd;
    int64_t faults; /* findings of verify's checks */
};

/* Case C-1 of workflow "claims" and its attempt A-1, of all traces below. */
extern struct trace_case bench_case;
extern struct attempt bench_attempt;

void bench_setup(struct bench *bench);
void bench_teardown(struct bench *bench);
/* Look with a fresh arena and no refusals, as another program would. */
struct held bench_look(struct bench *bench);
/* Also after an allocation was refused, where bench_look does not, as it takes long. */
struct held bench_look_always(struct bench *bench);
/* A model call of 1,000 tokens in. */
struct step bench_call(const char *identity, int64_t output);
struct trace bench_trace(struct step *steps, size_t count);
/* One import of its own: what a run of the command does. */
void bench_import(struct bench *bench, const struct trace *trace, enum channel channel,
                  struct ingest_summary *out);
/* $3 and $15 a million tokens: 1,000 in and `output` out. */
int64_t bench_cost_pusd(int64_t output);

#endif
