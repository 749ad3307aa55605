/*
 * spans: one OTLP/HTTP request with a batch of GenAI spans, made once and numbered anew each time.
 */
#ifndef BENCH_SPANS_H
#define BENCH_SPANS_H

#include <stddef.h>
#include <stdint.h>

enum { SPANS_TRACES = 64, SPANS_A_TRACE = 8, SPANS_ATTRIBUTES = 22 };

struct spans_patch;

struct spans_batch {
    char *bytes; /* the request, head and body */
    size_t size;
    struct spans_patch *patches; /* where identities and times stand */
    size_t patch_count;
    int64_t began_ns; /* spans begin from here on */
};

void spans_create(struct spans_batch **out, const char *host);
void spans_destroy(struct spans_batch **batch);
/* Write the identities and times of traces `first` to `first + SPANS_TRACES - 1`. */
void spans_number(struct spans_batch *batch, int64_t first);

#endif
