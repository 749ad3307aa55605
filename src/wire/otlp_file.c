/*
 * Files of export requests: one request in protobuf or JSON, or several as the OpenTelemetry
 * Collector's file exporter writes them, in JSON one a line, in protobuf each behind its size in
 * four bytes. A file is one batch, so that what a span
 * says of its trace counts for those on other lines.
 */
#include "base/check.h"
#include "wire/otlp_priv.h"

static struct otlp *opened(struct wire_decoder *decoder)
{
    if (decoder->otlp == NULL) {
        otlp_create(&decoder->otlp);
        otlp_use(decoder->otlp, decoder->correlation);
        otlp_begin(decoder->otlp, decoder);
    }
    return decoder->otlp;
}

static void take_request(struct wire_decoder *decoder, struct json root)
{
    struct otlp *const otlp = opened(decoder);
    struct err err;
    bool any = false;
    for (int i = 0; i < OTLP_SIGNAL_COUNT; i++) {
        const enum otlp_signal signal = (enum otlp_signal)i;
        if (otlp_json_has(root, signal)) {
            any = true;
            if (otlp_json_request(otlp, signal, root, &err) != ERR_OK) {
                wire_reject(decoder, decoder->line, "%s", err.text);
            }
        }
    }
    if (!any && json_count(root) > 0) {
        wire_reject(decoder, decoder->line,
                    "neither resourceSpans, resourceLogs nor resourceMetrics");
    }
}

bool otlp_cut_sized(struct str *rest, struct str *out)
{
    CHECK(rest != NULL);
    enum { SIZE_BYTES = 4 };
    size_t size = 0;
    if (rest->size < SIZE_BYTES) {
        return false;
    }
    for (size_t i = 0; i < SIZE_BYTES; i++) {
        size = size << 8 | (unsigned char)rest->data[i];
    }
    *out = (struct str){rest->data + SIZE_BYTES, rest->size - SIZE_BYTES};
    if (size > OTLP_REQUEST_BYTES_MAX) {
        return false;
    }
    const bool is_whole = size <= out->size;
    out->size = is_whole ? size : out->size;
    rest->data += SIZE_BYTES + out->size;
    rest->size -= SIZE_BYTES + out->size;
    return is_whole;
}

/* Requests behind their sizes; each that cannot be read is told of by its number. */
static void take_sized(struct wire_decoder *decoder, struct str rest)
{
    struct otlp *const otlp = opened(decoder);
    for (int64_t number = 1; rest.size > 0 && !decoder->full; number++) {
        struct str bytes;
        enum otlp_signal signal;
        struct err err;
        if (!otlp_cut_sized(&rest, &bytes)) {
            wire_reject(decoder, number, "the file ends within a request, or its size is wrong");
            return;
        }
        if (bytes.size == 0) {
            continue;
        }
        if (!otlp_protobuf_sniff(bytes, &signal)) {
            wire_reject(decoder, number, "not an OTLP request in protobuf with a record in it");
        } else if (otlp_protobuf_request(otlp, signal, bytes, &err) != ERR_OK) {
            wire_reject(decoder, number, "%s; what was before is kept", err.text);
        }
    }
}

static void take_binary(struct wire_decoder *decoder, struct str bytes)
{
    struct str rest = bytes;
    struct str first;
    enum otlp_signal sniffed;
    if (bytes.size > 0 && bytes.data[0] < 8 && otlp_cut_sized(&rest, &first) &&
        otlp_protobuf_sniff(first, &sniffed)) {
        take_sized(decoder, bytes);
        return;
    }
    struct otlp *const otlp = opened(decoder);
    enum otlp_signal signal;
    struct err err;
    if (!otlp_protobuf_sniff(bytes, &signal)) {
        wire_reject(decoder, 0, "neither JSON nor an OTLP request in protobuf");
    } else if (otlp_protobuf_request(otlp, signal, bytes, &err) != ERR_OK) {
        wire_reject(decoder, 0, "%s; what was before is kept", err.text);
    }
}

static void finish(struct wire_decoder *decoder, bool may_grow)
{
    (void)may_grow; /* a line is a whole request */
    if (decoder->otlp != NULL) {
        otlp_end(decoder->otlp);
        decoder->ignored += decoder->otlp->batch.counts.ignored;
    }
}

const struct wire_ops wire_otlp = {
    .name = "otlp",
    .record = take_request,
    .document = take_request,
    .binary = take_binary,
    .finish = finish,
};
