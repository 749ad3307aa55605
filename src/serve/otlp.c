/*
 * OTLP/HTTP: a request is unpacked, decoded to see what of it is good, and handed to the inbox;
 * the client hears 200 when the journal has it. Source: OpenTelemetry Protocol specification 1.5.
 */
#include "serve/serve.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "wire/context.h"

#define DECODE_ARENA_BYTES_MAX ((size_t)128 << 20)
#define LARGE_ARENA_BYTES_MAX  ((size_t)512 << 20)
#define STATUS_BYTES_MAX       ((size_t)4 << 10)

/* google.rpc.Code */
enum {
    RPC_INVALID_ARGUMENT = 3,
    RPC_PERMISSION_DENIED = 7,
    RPC_RESOURCE_EXHAUSTED = 8,
    RPC_UNAVAILABLE = 14,
    RPC_UNAUTHENTICATED = 16,
};

/* An acknowledgement that waits for the journal. */
struct owed {
    struct net_reply *reply;
    enum otlp_signal signal;
    enum otlp_encoding encoding;
    int64_t rejected;
    char message[OTLP_MESSAGE_BYTES_MAX];
};

/* ---- kinds of messages in the journal: signal and encoding */

static int64_t kind_of(enum otlp_signal signal, enum otlp_encoding encoding)
{
    return (int64_t)signal * OTLP_ENCODING_COUNT + (int64_t)encoding;
}

/* A decoder, and the configuration whose rules it goes by until it is given back. */
struct decoder {
    struct otlp *otlp;
    const struct serve_config *config;
};

static struct decoder take_decoder(struct serve *serve)
{
    CHECK(serve != NULL);
    struct decoder decoder = {0};
    pthread_mutex_lock(&serve->decoders_lock);
    if (serve->decoder_count > 0) {
        decoder.otlp = serve->decoders[--serve->decoder_count];
    }
    pthread_mutex_unlock(&serve->decoders_lock);
    decoder.config = serve_config_take(serve);
    if (decoder.otlp == NULL) {
        otlp_create(&decoder.otlp);
    }
    otlp_use(decoder.otlp, decoder.config->settings->correlation);
    return decoder;
}

/* `size` is of what it decoded. */
static void give_decoder(struct serve *serve, struct decoder *decoder, size_t size)
{
    CHECK(decoder->otlp != NULL);
    otlp_use(decoder->otlp, NULL);
    serve_config_give(serve, decoder->config);
    pthread_mutex_lock(&serve->decoders_lock);
    /* One that decoded JSON keeps ten times its bytes. */
    if (serve->decoder_count < SERVE_DECODERS_MAX && size < SERVE_LARGE_BYTES) {
        serve->decoders[serve->decoder_count++] = decoder->otlp;
        decoder->otlp = NULL;
    }
    pthread_mutex_unlock(&serve->decoders_lock);
    otlp_destroy(&decoder->otlp);
}

static enum channel channel_of(enum otlp_signal signal)
{
    static const enum channel channels[OTLP_SIGNAL_COUNT] = {CHANNEL_SPAN, CHANNEL_LOG_EVENT,
                                                             CHANNEL_METRIC};
    return channels[signal];
}

enum errc serve_decode(void *context, const struct journal_message *message, struct arena *arena,
                       struct inbox_decoded *out, struct err *err)
{
    struct serve *const serve = context;
    CHECK(message != NULL);
    if (message->kind == SERVE_KIND_OUTCOMES) {
        return serve_decode_outcomes(message, arena, out, err);
    }
    if (message->kind == SERVE_KIND_CALL) {
        return serve_decode_call(message, arena, out, err);
    }
    if (message->kind < 0 || message->kind >= OTLP_SIGNAL_COUNT * OTLP_ENCODING_COUNT) {
        return err_set(err, ERR_UNSUPPORTED, "message %lld in the inbox is of unknown kind %lld",
                       (long long)message->id, (long long)message->kind);
    }
    const struct otlp_request request = {
        .signal = (enum otlp_signal)(message->kind / OTLP_ENCODING_COUNT),
        .encoding = (enum otlp_encoding)(message->kind % OTLP_ENCODING_COUNT),
        .bytes = message->bytes,
        .context = message->context,
        .readable = message->bytes.size};
    struct otlp_counts counts;
    struct decoder decoder = take_decoder(serve);
    const enum errc code = otlp_decode(decoder.otlp, &request, arena, &out->trace, &counts, err);
    give_decoder(serve, &decoder, message->bytes.size);
    out->channel = channel_of(request.signal);
    return code;
}

/* ---- answers */

static void put_varint(struct text *out, uint64_t value)
{
    while (value >= 0x80) {
        text_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    text_char(out, (char)value);
}

static void put_bytes(struct text *out, int field, struct str bytes)
{
    put_varint(out, (uint64_t)field << 3 | 2);
    put_varint(out, bytes.size);
    text_add(out, bytes);
}

static void send_encoded(struct net_reply *reply, int status, enum otlp_encoding encoding,
                         const struct text *body)
{
    struct net_response response = {.status = status,
                                    .content_type = encoding == OTLP_JSON
                                                        ? STR("application/json")
                                                        : STR("application/x-protobuf"),
                                    .body = text_str(body)};
    if (status == 401) {
        response.fields[response.field_count++] =
            (struct http_field){STR("WWW-Authenticate"), STR("Bearer realm=\"bursar\"")};
    }
    if (status == 503) {
        response.fields[response.field_count++] = (struct http_field){STR("Retry-After"), STR("1")};
    }
    net_reply_send(reply, &response);
}

/* google.rpc.Status: code = 1, message = 2. */
static void refuse(struct net_reply *reply, enum otlp_encoding encoding, int status, int code,
                   const char *message)
{
    struct text body;
    text_init(&body, STATUS_BYTES_MAX);
    if (encoding == OTLP_JSON) {
        json_open_object(&body);
        json_name(&body, "code");
        json_put_int64(&body, code);
        json_name(&body, "message");
        json_put_text(&body, message);
        json_close_object(&body);
    } else {
        put_varint(&body, 1 << 3);
        put_varint(&body, (uint64_t)code);
        put_bytes(&body, 2, str_from(message));
    }
    send_encoded(reply, status, encoding, &body);
    text_deinit(&body);
}

/* Export…ServiceResponse: partial_success = 1 {rejected = 1, error_message = 2}; left out when all
 * of the request was taken. */
static void accept(const struct owed *owed)
{
    static const char *const rejected_names[OTLP_SIGNAL_COUNT] = {
        "rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"};
    struct text body;
    struct text partial;
    text_init(&body, STATUS_BYTES_MAX);
    text_init(&partial, STATUS_BYTES_MAX);
    const bool whole = owed->rejected == 0 && owed->message[0] == '\0';
    if (owed->encoding == OTLP_JSON) {
        json_open_object(&body);
        if (!whole) {
            char count[24];
            const int size = snprintf(count, sizeof count, "%lld", (long long)owed->rejected);
            json_name(&body, "partialSuccess");
            json_open_object(&body);
            json_name(&body, rejected_names[owed->signal]);
            json_put_str(&body, (struct str){count, (size_t)size}); /* an int64 in JSON */
            json_name(&body, "errorMessage");
            json_put_text(&body, owed->message);
            json_close_object(&body);
        }
        json_close_object(&body);
    } else if (!whole) {
        if (owed->rejected > 0) {
            put_varint(&partial, 1 << 3);
            put_varint(&partial, (uint64_t)owed->rejected);
        }
        put_bytes(&partial, 2, str_from(owed->message));
        put_bytes(&body, 1, text_str(&partial));
    }
    send_encoded(owed->reply, 200, owed->encoding, &body);
    text_deinit(&partial);
    text_deinit(&body);
}

static void on_done(void *context, enum errc code, const struct err *err)
{
    struct owed *const owed = context;
    if (code == ERR_OK) {
        accept(owed);
    } else {
        refuse(owed->reply, owed->encoding, 503, RPC_UNAVAILABLE, err->text);
    }
    memory_free(owed);
}

/* ---- requests */

/* Hand over the bytes, and what was decoded unless `arena` is NULL: then it was only checked. The
 * acknowledgement waits for the journal. */
static void keep(struct serve *serve, const struct otlp_request *request,
                 const struct inbox_decoded *decoded, struct arena *arena,
                 const struct otlp_counts *counts, struct net_reply *reply)
{
    struct err err;
    atomic_fetch_add(&serve->records_accepted, counts->accepted);
    atomic_fetch_add(&serve->records_rejected, counts->rejected);
    struct owed *const owed = memory_new(struct owed);
    *owed = (struct owed){.reply = reply,
                          .signal = request->signal,
                          .encoding = request->encoding,
                          .rejected = counts->rejected};
    memcpy(owed->message, counts->message, sizeof owed->message);
    if (counts->accepted == 0) { /* nothing to keep */
        accept(owed);
        memory_free(owed);
        return;
    }
    const struct journal_message message = {.kind = kind_of(request->signal, request->encoding),
                                            .received_ns = clock_now_ns(),
                                            .bytes = request->bytes,
                                            .binding = decoded->binding,
                                            .context = request->context};
    if (inbox_offer_decoded(serve->inbox, &message, arena != NULL ? decoded : NULL, arena, on_done,
                            owed, &err) != ERR_OK) {
        memory_free(owed);
        refuse(reply, request->encoding, 503, RPC_UNAVAILABLE, err.text);
    }
}

/*
 * What the request holds, if there is time for it: decoded here it need not be read again. Else
 * only whether it is well made and how much of it will be accepted, which takes a fraction of that.
 */
static void take(struct serve *serve, const struct http_head *head, struct otlp_request *request,
                 const struct serve_caller *caller, struct net_reply *reply)
{
    struct arena arena;
    struct text context;
    struct inbox_decoded decoded = {.channel = channel_of(request->signal)};
    struct otlp_counts counts;
    struct err err;
    const bool later = inbox_is_behind(serve->inbox);
    struct decoder decoder = take_decoder(serve);
    text_init(&context, CONTEXT_BYTES_MAX);
    serve_context(decoder.config->settings->correlation, head, caller, &context);
    request->context = text_str(&context);
    arena_init(&arena, request->bytes.size < SERVE_LARGE_BYTES ? DECODE_ARENA_BYTES_MAX
                                                               : LARGE_ARENA_BYTES_MAX);
    enum errc code =
        later ? otlp_check(decoder.otlp, request, &arena, &counts, &err)
              : otlp_decode(decoder.otlp, request, &arena, &decoded.trace, &counts, &err);
    give_decoder(serve, &decoder, request->bytes.size);
    if (code == ERR_OK && !serve_copy_binding(caller, &arena, &decoded.binding)) {
        code = err_set(&err, ERR_LIMIT, "the request does not fit %zu bytes", arena.size_max);
    }
    if (code == ERR_OK) {
        keep(serve, request, &decoded, later ? NULL : &arena, &counts, reply);
    } else {
        const bool large = code == ERR_LIMIT;
        refuse(reply, request->encoding, large ? 413 : 400,
               large ? RPC_RESOURCE_EXHAUSTED : RPC_INVALID_ARGUMENT, err.text);
    }
    arena_deinit(&arena);
    text_deinit(&context);
}

/* The turn of a large one is over when its telemetry is handed over. */
static void read_packed(struct serve *serve, const struct http_head *head,
                        const struct otlp_request *request, bool is_packed,
                        const struct serve_caller *caller, struct net_reply *reply)
{
    struct otlp_request otlp = *request;
    struct text unpacked;
    struct err err;
    bool turn = false;
    text_init(&unpacked, (size_t)OTLP_REQUEST_BYTES_MAX + 1);
    enum errc code = ERR_OK;
    if (is_packed) {
        code = serve_unpack(serve, request->bytes, &unpacked, &turn, &err);
        otlp.bytes = text_str(&unpacked);
        otlp.readable = unpacked.capacity;
    } else {
        code = serve_take_turn(serve, request->bytes.size, &turn, &err);
    }
    if (code == ERR_OK) {
        take(serve, head, &otlp, caller, reply);
    } else {
        refuse(reply, request->encoding,
               code == ERR_BUSY    ? 503
               : code == ERR_LIMIT ? 413
                                   : 400,
               code == ERR_BUSY    ? RPC_UNAVAILABLE
               : code == ERR_LIMIT ? RPC_RESOURCE_EXHAUSTED
                                   : RPC_INVALID_ARGUMENT,
               err.text);
    }
    serve_end_turn(serve, &turn);
    text_deinit(&unpacked);
}

void serve_otlp_refuse(const struct net_request *request, int status, const char *message,
                       struct net_reply *reply)
{
    CHECK(status == 401 || status == 403);
    const struct str type = http_field(request->head, STR("content-type"));
    refuse(reply, serve_is_type(type, STR("application/json")) ? OTLP_JSON : OTLP_PROTOBUF, status,
           status == 401 ? RPC_UNAUTHENTICATED : RPC_PERMISSION_DENIED, message);
}

bool serve_otlp(struct serve *serve, const struct net_request *request,
                const struct serve_caller *caller, struct net_reply *reply)
{
    static const char *const paths[OTLP_SIGNAL_COUNT] = {"/v1/traces", "/v1/logs", "/v1/metrics"};
    CHECK(serve != NULL);
    enum otlp_signal signal = 0;
    while (signal < OTLP_SIGNAL_COUNT && !str_equal(request->head->path, str_from(paths[signal]))) {
        signal++;
    }
    if (signal == OTLP_SIGNAL_COUNT) {
        return false;
    }
    const struct str type = http_field(request->head, STR("content-type"));
    const struct str packing = http_field(request->head, STR("content-encoding"));
    const enum otlp_encoding encoding =
        serve_is_type(type, STR("application/json")) ? OTLP_JSON : OTLP_PROTOBUF;
    if (request->head->method != HTTP_POST) {
        refuse(reply, encoding, 405, RPC_INVALID_ARGUMENT, "telemetry comes by POST");
        return true;
    }
    if (!caller->has_key && serve_is_of_page(serve, request)) {
        refuse(reply, encoding, 403, RPC_PERMISSION_DENIED,
               "the origin field names another server's page");
        return true;
    }
    if (encoding != OTLP_JSON && !serve_is_type(type, STR("application/x-protobuf"))) {
        refuse(reply, encoding, 415, RPC_INVALID_ARGUMENT,
               "content-type is neither application/x-protobuf nor application/json");
        return true;
    }
    const bool plain = packing.size == 0 || str_equal_fold(packing, STR("identity"));
    if (!plain && !str_equal_fold(packing, STR("gzip"))) {
        refuse(reply, encoding, 415, RPC_INVALID_ARGUMENT,
               "content-encoding is neither gzip nor identity");
        return true;
    }
    read_packed(serve, request->head,
                &(struct otlp_request){.signal = signal,
                                       .encoding = encoding,
                                       .bytes = request->body,
                                       .readable = request->body.size},
                !plain, caller, reply);
    return true;
}
