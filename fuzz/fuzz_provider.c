/* fuzz_provider: any bytes as a request, a reply and a stream of events. A stream gives the same
 * events however it is cut; usage is never negative; a changed body stays JSON. */
#include "wire/provider.h"

#include "base/check.h"
#include "base/hash.h"
#include "wire/json_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARSER_BYTES_MAX = 1 << 20 };

static void check_usage(const struct provider_reply *reply)
{
    for (int i = 0; i < USAGE_COUNT; i++) {
        CHECK(reply->usage.counts[i] >= 0);
    }
    CHECK(reply->usage.reasoning <= reply->usage.counts[USAGE_OUTPUT]);
    CHECK(reply->raw == NULL || !text_is_full(reply->raw));
}

static uint64_t read_stream(struct str bytes, size_t step, enum provider_api api,
                            struct json_parser *parser)
{
    struct sse sse;
    struct err err;
    struct text raw;
    struct provider_seen seen;
    struct provider_reply reply = {.raw = &raw, .seen = &seen};
    uint64_t hash = 0;
    text_init(&raw, PROVIDER_RAW_BYTES_MAX);
    provider_seen_init(&seen);
    sse_init(&sse);
    for (size_t at = 0; at < bytes.size; at += step) {
        struct str piece = {bytes.data + at, bytes.size - at < step ? bytes.size - at : step};
        struct sse_event event;
        bool has = true;
        while (sse_next(&sse, &piece, &event, &has, &err) == ERR_OK && has) {
            hash = hash * 31 + hash64(event.data) + event.bytes.size;
        }
    }
    sse_deinit(&sse);
    sse_init(&sse);
    struct str rest = bytes;
    struct sse_event event;
    bool has = true;
    while (sse_next(&sse, &rest, &event, &has, &err) == ERR_OK && has) {
        (void)provider_reply_event(api, &event, parser, &reply);
        check_usage(&reply);
    }
    sse_deinit(&sse);
    text_deinit(&raw);
    CHECK(seen.bytes == reply.output_bytes);
    CHECK(provider_seen_tokens(&seen, TOKENS_CL100K) <= seen.bytes);
    provider_seen_deinit(&seen);
    return hash;
}

static void check_request(struct str bytes, struct json_parser *parser)
{
    struct json root;
    struct err err;
    for (int api = 0; api < PROVIDER_API_COUNT; api++) {
        struct provider_request request;
        struct provider_reply reply = {0};
        if (json_parse(parser, bytes, bytes.size, &root, &err) != ERR_OK) {
            return;
        }
        CHECK(provider_request_tokens((enum provider_api)api, TOKENS_O200K, root, bytes.size) >= 0);
        provider_reply_read((enum provider_api)api, root, &reply);
        check_usage(&reply);
        if (provider_request_read((enum provider_api)api, bytes, root, &request, &err) == ERR_OK) {
            CHECK(request.output_max >= -1);
            CHECK(request.choices >= 0);
            provider_gemini_request(root, &request);
            CHECK(request.output_max >= -1);
            CHECK(request.choices >= 0);
            CHECK(request.input_tokens_max <= USAGE_TOKENS_MAX);
        }
    }
    struct str model;
    (void)provider_method_of(bytes, &model);
    CHECK(model.size <= bytes.size);
    struct text out;
    text_init(&out, PARSER_BYTES_MAX);
    if (json_set(bytes, STR("max_tokens"), STR("7"), &out, &err) == ERR_OK && !text_is_full(&out)) {
        CHECK(json_parse(parser, text_str(&out), out.size, &root, &err) == ERR_OK);
        CHECK(json_int64(json_get(root, "max_tokens"), -1) == 7);
    }
    text_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str bytes = {(const char *)data, size};
    struct json_parser *parser = NULL;
    json_parser_create(&parser, PARSER_BYTES_MAX);
    for (int api = 0; api < PROVIDER_API_COUNT && size > 0; api++) {
        const uint64_t whole = read_stream(bytes, size, (enum provider_api)api, parser);
        CHECK(whole == read_stream(bytes, 1, (enum provider_api)api, parser));
        CHECK(whole == read_stream(bytes, 3, (enum provider_api)api, parser));
    }
    check_request(bytes, parser);
    json_parser_destroy(&parser);
    return 0;
}
