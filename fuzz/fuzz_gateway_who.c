/* fuzz_gateway_who: the first three lines of any bytes as baggage, traceparent and x-bursar-case,
 * the rest as a body. Names stay within their room, an attempt is a count, and what is bound to the
 * key stands whatever they say. */
#include "gateway/gateway_priv.h"

#include "base/check.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARSER_BYTES_MAX = 1 << 20 };

static void check_text(const struct provider_text *text)
{
    CHECK(text->size <= sizeof text->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"baggage", "traceparent", "x-bursar-case"};
    static const struct gateway_caller caller = {.workflow = STR_STATIC("bound")};
    static const struct settings settings;
    struct gateway_table table = {.settings = &settings};
    struct str rest = {(const char *)data, size};
    struct http_head head = {.method = HTTP_POST};
    struct exchange *const exchange = memory_new(struct exchange);
    struct json_parser *parser = NULL;
    struct provider_request body = {0};
    struct json root;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        head.fields[head.field_count++] =
            (struct http_field){str_from(names[i]), str_cut(&rest, '\n')};
    }
    const struct net_request request = {.head = &head, .body = rest};
    exchange->request = &request;
    exchange->table = &table;
    memcpy(exchange->id, "req_fuzz", sizeof "req_fuzz");
    json_parser_create(&parser, PARSER_BYTES_MAX);
    gateway_who_read(&request, &caller, &exchange->who);
    if (json_parse(parser, rest, rest.size, &root, &err) == ERR_OK) {
        if (provider_request_read(PROVIDER_CHAT, rest, root, &body, &err) == ERR_OK) {
            gateway_who_body(&body, &exchange->who);
        }
    }
    gateway_who_complete(exchange);
    const struct gateway_who *const who = &exchange->who;
    check_text(&who->user);
    check_text(&who->input_key);
    check_text(&who->attempt);
    CHECK(str_equal(provider_text_str(&who->workflow), STR("bound")));
    CHECK(who->case_id.size > 0 && who->case_id.size <= sizeof who->case_id.bytes);
    CHECK(who->attempt.size > 0);
    CHECK(who->attempt_number >= 0);
    json_parser_destroy(&parser);
    memory_free(exchange);
    return 0;
}
