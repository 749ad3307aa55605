#include "gatewaying.h"

#include <stdio.h>

#include "base/memory.h"

#define BOOK_BYTES_MAX ((size_t)64 << 20)

static struct arena book_arena;
static const struct price_book *book;
static struct err book_err;

void gatewaying_prepare(void)
{
    arena_init(&book_arena, BOOK_BYTES_MAX);
    CHECK(price_book_parse(price_shipped(), &book_arena, &book, &book_err) == ERR_OK);
}

const struct price_book *gatewaying_book(void)
{
    return book;
}

void gatewaying_done(void)
{
    arena_deinit(&book_arena);
}

void gatewaying_open(struct gatewaying *g, const struct hold_limit *limits, size_t limit_count)
{
    static const struct str secrets[2];
    struct gateway_table *table = NULL;
    *g = (struct gatewaying){0};
    home_make(&g->home);
    g->upstreams[0] =
        (struct settings_upstream){.name = STR("openai"), .base_url = STR("http://127.0.0.1:1/v1")};
    g->upstreams[1] = (struct settings_upstream){.name = STR("anthropic"),
                                                 .base_url = STR("http://127.0.0.1:1/v1")};
    g->settings.upstreams.rows = g->upstreams;
    g->settings.upstreams.count = 2;
    g->settings.gateway.allow_unpriced = true;
    CHECK(gateway_table_create(&g->settings, secrets, book, &table, &g->err) == ERR_OK);
    const struct budget_options options = {.home = home_str(&g->home),
                                           .limits = limits,
                                           .limit_count = limit_count,
                                           .now_ns = INT64_C(1763800000000000000)};
    CHECK(budget_open(&options, &g->budget, NULL, &g->err) == ERR_OK);
    g->gateway.settings.budget = g->budget;
    g->gateway.table = table;
    g->gateway.tables = table->number = 1;
    g->gateway.refusals = gateway_refusals_create();
    g->gateway.background = gateway_background_create();
    g->gateway.ids = memory_new_array(uint64_t, 2 * (size_t)GATEWAY_IDS_SEEN_MAX);
    g->gateway.ids_old = memory_new_array(uint64_t, 2 * (size_t)GATEWAY_IDS_SEEN_MAX);
    pthread_mutex_init(&g->gateway.lock, NULL);
    g->loop = &g->gateway.loops[0];
    g->loop->gateway = &g->gateway;
    rng_init(&g->loop->rng, 1);
    g->loops = net_loops_create(1);
    g->loop->loop = net_loops_at(g->loops, 0);
    gateway_record_open(g->loop);
    json_parser_create(&g->loop->parser, GATEWAYING_PARSER_BYTES_MAX);
    arena_init(&g->loop->memo_arena, GATEWAY_MEMO_BYTES_MAX);
}

static void forget(struct exchange *exchange)
{
    if (exchange->home != NULL) {
        text_deinit(&exchange->after);
        text_deinit(&exchange->raw_usage);
        text_deinit(&exchange->plain);
        text_deinit(&exchange->record);
        text_deinit(&exchange->body);
        text_deinit(&exchange->head);
        text_deinit(&exchange->buffered);
        provider_seen_deinit(&exchange->seen);
        sse_deinit(&exchange->sse);
    }
}

void gatewaying_close(struct gatewaying *g)
{
    forget(&g->exchange);
    json_parser_destroy(&g->loop->parser);
    arena_deinit(&g->loop->memo_arena);
    gateway_table_release(g->gateway.table);
    gateway_refusals_destroy(&g->gateway.refusals);
    gateway_background_destroy(&g->gateway.background);
    gateway_record_close(g->loop);
    net_loops_destroy(&g->loops);
    budget_close(&g->budget);
    pthread_mutex_destroy(&g->gateway.lock);
    memory_free(g->gateway.ids);
    memory_free(g->gateway.ids_old);
    home_remove(&g->home);
}

struct exchange *gatewaying_ask(struct gatewaying *g, const char *path, const char *body)
{
    struct exchange *const exchange = &g->exchange;
    static int number;
    forget(exchange);
    *exchange = (struct exchange){.home = g->loop, .table = g->gateway.table};
    g->head = (struct http_head){.method = HTTP_POST,
                                 .method_name = STR("POST"),
                                 .target = str_from(path),
                                 .path = str_from(path)};
    g->request = (struct net_request){.head = &g->head, .body = str_from(body)};
    exchange->request = &g->request;
    snprintf(exchange->id, sizeof exchange->id, "req_%020d", ++number);
    text_init(&exchange->plain, GATEWAY_BODY_BYTES_MAX);
    text_init(&exchange->record, CALL_RECORD_BYTES_MAX);
    text_init(&exchange->raw_usage, PROVIDER_RAW_BYTES_MAX);
    text_init(&exchange->after, GATEWAY_AFTER_BYTES_MAX);
    exchange->message = g->loop->message;
    exchange->metered.raw = &exchange->raw_usage;
    text_init(&exchange->body, SIZE_MAX);
    text_init(&exchange->head, HTTP_HEAD_BYTES_MAX);
    text_init(&exchange->buffered, GATEWAY_BUFFERED_BYTES_MAX);
    provider_seen_init(&exchange->seen);
    exchange->metered.seen = &exchange->seen;
    sse_init(&exchange->sse);
    return exchange;
}

bool gatewaying_admit(struct gatewaying *g)
{
    struct exchange *const exchange = &g->exchange;
    const enum gateway_step step = gateway_admit(exchange);
    if (!exchange->is_unrecorded) {
        CHECK(exchange->is_free || step != GATEWAY_FORWARD);
        return step == GATEWAY_FORWARD;
    }
    CHECK(step == GATEWAY_WAIT);
    CHECK(g->loop->unrecorded == exchange);
    g->loop->unrecorded = NULL;
    g->loop->unrecorded_end = &g->loop->unrecorded;
    exchange->is_unrecorded = false;
    return budget_record(g->budget, &g->err) == ERR_OK;
}

bool gatewaying_goes(struct gatewaying *g)
{
    return gateway_read(&g->exchange) == GATEWAY_ADMIT && gatewaying_admit(g);
}

bool gatewaying_starts(struct gatewaying *g, const char *path, const char *body)
{
    (void)gatewaying_ask(g, path, body);
    return gatewaying_goes(g);
}

int64_t gatewaying_held_pusd(struct gatewaying *g, const char *path, const char *body)
{
    struct exchange *const exchange = &g->exchange;
    if (!gatewaying_starts(g, path, body)) {
        return -2;
    }
    const int64_t held_pusd = exchange->is_unpriced ? -1 : exchange->held_pusd;
    exchange->end = END_NOT_STARTED;
    (void)gatewaying_settle(g, NULL);
    return held_pusd;
}

void gatewaying_field(struct gatewaying *g, const char *name, const char *value)
{
    CHECK(g->head.field_count < HTTP_FIELDS_MAX);
    g->head.fields[g->head.field_count++] = (struct http_field){str_from(name), str_from(value)};
}

void gatewaying_answer(struct gatewaying *g, int status, const char *body)
{
    struct exchange *const exchange = &g->exchange;
    exchange->try_number = 1;
    exchange->status = status;
    exchange->is_buffered = true;
    exchange->received_bytes = (int64_t)strlen(body);
    text_add(&exchange->buffered, str_from(body));
    exchange->end = status >= 400 ? END_ERROR : END_WHOLE;
}

void gatewaying_stream(struct gatewaying *g, const char *events, bool is_whole)
{
    struct exchange *const exchange = &g->exchange;
    struct str rest = str_from(events);
    struct sse_event event;
    bool has = true;
    exchange->try_number = 1;
    exchange->status = 200;
    exchange->is_events = true;
    exchange->received_bytes = (int64_t)rest.size;
    while (sse_next(&exchange->sse, &rest, &event, &has, &g->err) == ERR_OK && has) {
        (void)provider_reply_event(exchange->api, &event, g->loop->parser, &exchange->metered);
    }
    exchange->end = is_whole ? END_WHOLE : END_LEFT;
    exchange->was_sent = true;
}

struct gateway_settled gatewaying_settle(struct gatewaying *g, struct text *record)
{
    struct gateway_settled settled;
    struct arena arena;
    struct budget_payloads payloads;
    gateway_cost(&g->exchange, &settled);
    CHECK(gateway_post(&g->exchange, &settled));
    CHECK(budget_record(g->budget, &g->err) == ERR_OK);
    arena_init(&arena, (size_t)1 << 20);
    if (budget_payloads(g->budget, g->number, 1 << 19, &arena, &payloads, &g->err) == ERR_OK) {
        CHECK(payloads.count == 1 || test_is_refusing());
        if (record != NULL) {
            text_add(record, payloads.rows[payloads.count - 1].bytes);
        }
        g->number = payloads.rows[payloads.count - 1].number;
        CHECK(budget_delivered(g->budget, g->number, &g->err) == ERR_OK);
    }
    arena_deinit(&arena);
    return settled;
}
