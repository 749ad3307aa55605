/*
 * otlp: export requests of the OpenTelemetry protocol become rows of model/trace.h.
 *
 *   request bytes -> spans, log records, metric points -> dialects -> struct trace
 *
 * Pure but for the memory a decoder keeps; one thread at a time. What each attribute means in which
 * dialect is in docs/formats.md and otlp_keys.def. Whoever receives requests creates one decoder
 * for each thread. Source: opentelemetry-proto,
 * docs/specification.md.
 */
#ifndef WIRE_OTLP_H
#define WIRE_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/trace.h"

enum otlp_signal { OTLP_TRACES, OTLP_LOGS, OTLP_METRICS, OTLP_SIGNAL_COUNT };
enum otlp_encoding { OTLP_PROTOBUF, OTLP_JSON, OTLP_ENCODING_COUNT };

enum {
    OTLP_REQUEST_BYTES_MAX = 64 << 20, /* decompressed */
    OTLP_ATTRIBUTES_MAX = 512,         /* of one record; those behind are passed over */
    OTLP_DEPTH_MAX = 8,                /* of values in values; deeper ones are passed over */
    OTLP_MESSAGE_BYTES_MAX = 512,
};

/* What became of the records of a request: of spans, log records or data points. */
struct otlp_counts {
    int64_t accepted;  /* taken, or understood and passed over */
    int64_t rejected;  /* the number for OTLP's partial success; their reasons: rejects of the trace
                        * and, the first of them, `message` */
    int64_t ignored;   /* of those accepted: they tell nothing of work or money */
    int64_t conflicts; /* of those accepted: figures that contradict each other or are no counts;
                        * each is noted on its step */
    char message[OTLP_MESSAGE_BYTES_MAX]; /* for people; empty: nothing to say */
};

/*
 * What a meter's figures say, in disjoint classes.
 *
 * Returns NULL, or what was wrong with the figures: static text. *out_known: false: they do not say
 * what was used.
 */
const char *otlp_meter_usage(const struct meter *meter, struct usage *out, bool *out_known);

struct otlp;

void otlp_create(struct otlp **out);
void otlp_destroy(struct otlp **otlp);

struct correlation;

/* From here on decode by these rules, borrowed until others are set; NULL: by none. Not within a
 * batch. */
void otlp_use(struct otlp *otlp, const struct correlation *correlation);

struct otlp_request {
    enum otlp_signal signal;
    enum otlp_encoding encoding;
    struct str bytes;   /* borrowed during the call */
    struct str context; /* what came with it (wire/context.h), likewise; may be empty */
    size_t readable;    /* bytes that may be read (not used) from bytes.data, at least bytes.size;
                         * JSON_PADDING more than that saves a copy of a JSON request */
};

/*
 * What a request is worth, without making rows: whether it is one at all, and how many of its
 * records would be accepted and rejected (the other counts stay 0). For a receiver that keeps the
 * bytes, answers, and makes rows of many requests later.
 *
 * arena  for what passes; rewind or reuse it as you like afterwards.
 *
 * Errors: as otlp_decode().
 */
MUST_CHECK enum errc otlp_check(struct otlp *otlp, const struct otlp_request *request,
                                struct arena *arena, struct otlp_counts *counts, struct err *err);

/*
 * Make one batch of several requests, of any signals: what a span of one says of its trace counts
 * for the steps of all, in whatever order they came, and a call that several tell is one row.
 *
 *   otlp_open() -> otlp_add() for each -> otlp_close(), or otlp_abandon()
 *
 * arena  owns the rows and their strings. The bytes of a request are borrowed only by its
 *        otlp_add().
 *
 * Errors: as otlp_decode(). After one from otlp_add() what the request gave before the byte in
 * question stays in the batch: abandon it, or add only what otlp_check() took.
 */
void otlp_open(struct otlp *otlp, struct arena *arena);
MUST_CHECK enum errc otlp_add(struct otlp *otlp, const struct otlp_request *request,
                              struct err *err);
MUST_CHECK enum errc otlp_close(struct otlp *otlp, struct trace *out, struct otlp_counts *counts,
                                struct err *err);
void otlp_abandon(struct otlp *otlp);

/*
 * Decode one request: a batch of one. An empty one is a success without rows.
 *
 * arena  owns the rows and their strings.
 * out    cases and attempts are told by what the request itself says; a case with `is_session` is
 *        named by its session or trace for want of better, and another request of the same trace
 *        may know more. Steps say their channel, their identity and `alias`.
 *
 * Errors: ERR_SYNTAX, ERR_TRUNCATED  not such a request; the text names the byte. Nothing of it is
 *         to be taken (HTTP 400).
 *         ERR_LIMIT  larger than OTLP_REQUEST_BYTES_MAX, nested too deep, or the arena is full.
 */
MUST_CHECK enum errc otlp_decode(struct otlp *otlp, const struct otlp_request *request,
                                 struct arena *arena, struct trace *out, struct otlp_counts *counts,
                                 struct err *err);

#endif
