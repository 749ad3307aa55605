/*
 * Files of export requests: one request in protobuf or JSON, or one in JSON on each line, as the
 * OpenTelemetry Collector's file exporter writes them. A file is one batch, so that what a span
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

static void take_binary(struct wire_decoder *decoder, struct str bytes)
{
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
