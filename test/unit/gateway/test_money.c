/*
 * Goal: a hold is the most a call can cost, every path settles it once, and budget, header and
 * ledger have the same picodollars.
 * Method: request shapes one by one against the price book; then random requests and replies
 * through the steps of the gateway, with a real budget and the record read back as the inbox does.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "gatewaying.h"
#include "price/price.h"

enum { ROUNDS = 2000, BODY_BYTES_MAX = 1 << 16, ARENA_BYTES = 1 << 20 };

static struct gatewaying g;
static char body[BODY_BYTES_MAX];
static char reply[BODY_BYTES_MAX];

static int64_t output_tokens_held(const char *path, const char *request)
{
    static const int64_t gpt41_pusd = 8000000; /* $8 per million */
    const int64_t held_pusd = gatewaying_held_pusd(&g, path, request);
    const int64_t input_pusd = g.exchange.input_tokens_max * 2000000;
    return (held_pusd - input_pusd) / gpt41_pusd;
}

static void choices_prompts_and_defaults_are_held_for(void)
{
    gatewaying_open(&g, NULL, 0);
    const int64_t one =
        output_tokens_held("/v1/chat/completions", "{\"model\":\"gpt-4.1\",\"max_tokens\":100}");
    const int64_t three = output_tokens_held("/v1/chat/completions",
                                             "{\"model\":\"gpt-4.1\",\"max_tokens\":100,\"n\":3}");
    const int64_t slash = output_tokens_held("/openai/v1/chat/completions/",
                                             "{\"model\":\"gpt-4.1\",\"max_tokens\":100,\"n\":3}");
    const int64_t quoted = output_tokens_held("/openai/v1/%63hat/completions",
                                              "{\"model\":\"gpt-4.1\",\"max_tokens\":100,\"n\":3}");
    const int64_t older =
        output_tokens_held("/v1/completions", "{\"model\":\"gpt-4.1\",\"prompt\":\"a\"}");
    const int64_t best = output_tokens_held(
        "/v1/completions", "{\"model\":\"gpt-4.1\",\"prompt\":[\"a\",\"b\"],\"max_tokens\":10,"
                           "\"n\":2,\"best_of\":5}");
    const int64_t tokens = output_tokens_held(
        "/v1/completions", "{\"model\":\"gpt-4.1\",\"prompt\":[1,2,3],\"max_tokens\":10}");
    const int64_t lists = output_tokens_held(
        "/v1/completions", "{\"model\":\"gpt-4.1\",\"prompt\":[[1,2],[3]],\"max_tokens\":10}");
    const int64_t other = output_tokens_held(
        "/openai/v1/unknown", "{\"model\":\"gpt-4.1\",\"max_tokens\":5,\"max_output_tokens\":50,"
                              "\"max_completion_tokens\":500,\"n\":2}");
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || one == 100);
    EXPECT(test_is_refusing() || three == 300);
    EXPECT(test_is_refusing() || slash == 300);
    EXPECT(test_is_refusing() || quoted == 300);
    EXPECT(test_is_refusing() || older == 16);
    EXPECT(test_is_refusing() || best == 100);
    EXPECT(test_is_refusing() || tokens == 10);
    EXPECT(test_is_refusing() || lists == 20);
    EXPECT(test_is_refusing() || other == 1000);
}

static void a_region_a_tier_audio_and_searches_are_held_for(void)
{
    static const char *const plain = "{\"model\":\"claude-opus-4-8\",\"max_tokens\":1000000}";
    static const char *const global =
        "{\"model\":\"claude-opus-4-8\",\"max_tokens\":1000000,\"inference_geo\":\"global\"}";
    static const char *const text = "{\"model\":\"gpt-audio\",\"max_tokens\":1000}";
    static const char *const audio =
        "{\"model\":\"gpt-audio\",\"max_tokens\":1000,\"modalities\":[\"audio\"]}";
    static const char *const standard = "{\"model\":\"gpt-5\",\"max_completion_tokens\":1000}";
    static const char *const priority =
        "{\"model\":\"gpt-5\",\"max_completion_tokens\":1000,\"service_tier\":\"priority\"}";
    static const char *const none = "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":10}";
    static const char *const search =
        "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":10,\"tools\":[{\"type\":"
        "\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":7}]}";
    gatewaying_open(&g, NULL, 0);
    const int64_t anywhere_pusd = gatewaying_held_pusd(&g, "/v1/messages", plain);
    const int64_t global_pusd = gatewaying_held_pusd(&g, "/v1/messages", global);
    const int64_t text_pusd = gatewaying_held_pusd(&g, "/v1/chat/completions", text);
    const int64_t audio_pusd = gatewaying_held_pusd(&g, "/v1/chat/completions", audio);
    const int64_t standard_pusd = gatewaying_held_pusd(&g, "/v1/chat/completions", standard);
    const int64_t priority_pusd = gatewaying_held_pusd(&g, "/v1/chat/completions", priority);
    const int64_t none_pusd = gatewaying_held_pusd(&g, "/v1/messages", none);
    const int64_t search_pusd = gatewaying_held_pusd(&g, "/v1/messages", search);
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || anywhere_pusd * 10 > global_pusd * 10);
    EXPECT(test_is_refusing() || audio_pusd > 2 * text_pusd);
    EXPECT(test_is_refusing() || priority_pusd > standard_pusd);
    EXPECT(test_is_refusing() || search_pusd >= none_pusd + INT64_C(7) * 10000000000);
}

static void a_call_of_a_model_by_its_path_is_not_free(void)
{
    gatewaying_open(&g, NULL, 0);
    struct exchange *const exchange =
        gatewaying_ask(&g, "/openai/v1/models/gemini-2.5-pro:generateContent", "{\"contents\":[]}");
    const bool goes = gatewaying_goes(&g);
    const bool is_free = exchange->is_free;
    exchange->end = END_NOT_STARTED;
    (void)gatewaying_settle(&g, NULL);
    gatewaying_close(&g);
    EXPECT(goes);
    EXPECT(!is_free);
}

static void work_that_goes_on_is_charged_as_held(void)
{
    static const char *const background =
        "{\"model\":\"gpt-4.1\",\"max_output_tokens\":50,\"background\":true,\"input\":\"x\"}";
    struct text record;
    gatewaying_open(&g, NULL, 0);
    text_init(&record, CALL_RECORD_BYTES_MAX);
    const bool fine = gatewaying_starts(&g, "/v1/responses", background);
    gatewaying_answer(&g, 200, "{\"id\":\"resp_1\",\"status\":\"queued\",\"usage\":null}");
    const int64_t held_pusd = g.exchange.held_pusd;
    const struct gateway_settled queued = gatewaying_settle(&g, &record);
    struct budget_counts counts;
    budget_count(g.budget, &counts);
    text_deinit(&record);
    gatewaying_close(&g);
    EXPECT(fine);
    EXPECT(held_pusd > 0);
    EXPECT(!queued.has_usage && !queued.has_cost && queued.is_charged);
    EXPECT(counts.posted == 1 && counts.open_holds == 0 && counts.overshoots == 0);
}

static const struct hold_limit everything = {.scope = STR_STATIC("org"),
                                             .period = PERIOD_TOTAL,
                                             .zone_name = STR_STATIC("UTC"),
                                             .limit_pusd = INT64_MAX / 2,
                                             .hard_pusd = INT64_MAX / 2,
                                             .per_case_pusd = HOLD_NO_LIMIT};

/* Begin one in the background; what is held for it. */
static int64_t begin_background(const char *id)
{
    char queued[128];
    snprintf(queued, sizeof queued, "{\"id\":\"%s\",\"status\":\"queued\",\"usage\":null}", id);
    if (!gatewaying_starts(
            &g, "/v1/responses",
            "{\"model\":\"gpt-4.1\",\"background\":true,\"max_output_tokens\":500,\"input\":"
            "\"x\"}")) {
        return -1;
    }
    gatewaying_answer(&g, 200, queued);
    const int64_t held_pusd = g.exchange.held_pusd;
    struct gateway_settled settled;
    gateway_cost(&g.exchange, &settled);
    const bool is_kept = gateway_background_keep(&g.exchange, &settled);
    CHECK(budget_record(g.budget, &g.err) == ERR_OK);
    return is_kept && settled.goes_on && g.exchange.hold == 0 ? held_pusd : -1;
}

/* A later reply; what it settled, -1: nothing. */
static int64_t fetch(const char *told)
{
    static const char path[] = "/v1/responses/resp_0123456789abcdef";
    struct exchange *const exchange = gatewaying_ask(&g, path, "");
    struct gateway_settled settled;
    struct gateway_asker asker;
    int64_t cost_pusd = -1;
    g.head.method = HTTP_GET;
    CHECK(gateway_read(exchange) == GATEWAY_ADMIT);
    CHECK(gateway_admit(exchange) == GATEWAY_FORWARD);
    gatewaying_answer(&g, 200, told);
    gateway_cost(exchange, &settled);
    if (gateway_background_find(exchange, &asker)) {
        gateway_cost(exchange, &settled);
        CHECK(gateway_post(exchange, &settled));
        gateway_background_done(exchange, &asker);
        CHECK(budget_record(g.budget, &g.err) == ERR_OK);
        cost_pusd = settled.has_cost ? settled.cost_pusd : -1;
    }
    return cost_pusd;
}

static void work_in_the_background_is_settled_once_by_the_reply_that_tells_its_usage(void)
{
    static const char id[] = "resp_0123456789abcdef";
    static const char pending[] =
        "{\"id\":\"resp_0123456789abcdef\",\"status\":\"in_progress\",\"usage\":null}";
    static const char other[] =
        "{\"id\":\"resp_0123456789abcdeX\",\"status\":\"completed\",\"usage\":"
        "{\"input_tokens\":10,\"output_tokens\":20,\"total_tokens\":30}}";
    static const char done[] =
        "{\"id\":\"resp_0123456789abcdef\",\"status\":\"completed\",\"model\":\"gpt-4.1\","
        "\"usage\":{\"input_tokens\":10,\"output_tokens\":20,\"total_tokens\":30}}";
    struct budget_counts counts[3];
    gatewaying_open(&g, &everything, 1);
    const int64_t held_pusd = begin_background(id);
    budget_count(g.budget, &counts[0]);
    const int64_t early_pusd = fetch(pending);
    const int64_t others_pusd = fetch(other);
    budget_count(g.budget, &counts[1]);
    const int64_t cost_pusd = fetch(done);
    const int64_t again_pusd = fetch(done);
    budget_count(g.budget, &counts[2]);
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || held_pusd > 0);
    EXPECT(counts[0].open_holds == 1 && counts[0].posted == 0);
    EXPECT(early_pusd == -1 && others_pusd == -1 && counts[1].open_holds == 1);
    EXPECT(test_is_refusing() || cost_pusd == INT64_C(10) * 2000000 + INT64_C(20) * 8000000);
    EXPECT(again_pusd == -1 && counts[2].open_holds == 0 && counts[2].posted == 1);
    EXPECT(counts[2].overshoots == 0);
}

static void work_in_the_background_that_nobody_fetches_is_charged_as_held(void)
{
    struct budget_counts counts[3];
    gatewaying_open(&g, NULL, 0);
    const int64_t held_pusd = begin_background("resp_0123456789abcdef");
    const int64_t now_ns = clock_steady_ns();
    gateway_flush_background(&g.gateway, now_ns);
    budget_count(g.budget, &counts[0]);
    gateway_flush_background(&g.gateway, now_ns + GATEWAY_BACKGROUND_S * INT64_C(1000000000) + 1);
    budget_count(g.budget, &counts[1]);
    const int64_t charged_pusd = gateway_counts(&g.gateway).unseen_pusd;
    gatewaying_close(&g);
    EXPECT(counts[0].open_holds == 1);
    EXPECT(counts[1].open_holds == 0 && counts[1].posted == 1);
    EXPECT(test_is_refusing() || charged_pusd == held_pusd);
}

/* A call that ended without telling what it used. */
struct lost {
    const char *path;
    const char *members; /* of the body */
    int status;          /* of its head; 0: none came */
    enum gateway_end end;
    bool was_sent;
    const char *text; /* that came before it broke off, of a stream */
};

/* What it was settled at, and what the budget was charged; 0 and -1: it did not go. */
static struct gateway_settled lose(const struct lost *lost, int64_t *out_held_pusd,
                                   money_sum *out_spent_pusd, bool *out_says)
{
    struct text record;
    struct arena arena;
    struct budget_balances all;
    struct gateway_settled settled = {0};
    *out_spent_pusd = -1;
    gatewaying_open(&g, &everything, 1);
    text_init(&record, CALL_RECORD_BYTES_MAX);
    arena_init(&arena, ARENA_BYTES);
    snprintf(body, sizeof body, "{\"model\":\"gpt-4.1\",%s}", lost->members);
    if (gatewaying_starts(&g, lost->path, body)) {
        *out_held_pusd = g.exchange.held_pusd;
        g.exchange.status = lost->status;
        g.exchange.is_events = g.exchange.is_stream && lost->status != 0;
        g.exchange.is_buffered = !g.exchange.is_events && lost->status != 0;
        g.exchange.end = lost->end;
        g.exchange.failure = NET_FIRST_BYTE_TIMEOUT;
        g.exchange.was_sent = lost->was_sent;
        if (lost->text != NULL) {
            provider_seen_add(&g.exchange.seen, 0, str_from(lost->text));
        }
        settled = gatewaying_settle(&g, &record);
        if (budget_balances(g.budget, INT64_C(1763800000000000000), &arena, &all, &g.err) ==
            ERR_OK) {
            *out_spent_pusd = all.rows[0].spent_pusd;
        }
        *out_says =
            str_find(text_str(&record), STR("the budget was charged what was held, $0.0")) !=
                SIZE_MAX &&
            str_find(text_str(&record), STR("its input alone is about $0.0000")) != SIZE_MAX;
    }
    arena_deinit(&arena);
    text_deinit(&record);
    gatewaying_close(&g);
    return settled;
}

#define ASKED                                                                                      \
    "\"max_tokens\":5000,\"messages\":[{\"role\":\"user\",\"content\":\"Is it raining?\"}]"

static void a_call_whose_answer_nobody_saw_is_charged_as_held_and_its_cost_is_not_known(void)
{
    static const char *const chat = "/v1/chat/completions";
    static const struct lost calls[] = {
        {chat, ASKED, 0, END_FAILED, true, NULL},
        {chat, ASKED, 0, END_LEFT, true, NULL},
        {chat, ASKED, 200, END_FAILED, true, NULL}, /* a document cut short */
        {chat, ASKED, 200, END_LEFT, true, NULL},
        {chat, "\"stream\":true," ASKED, 0, END_FAILED, true, NULL},
        {chat, "\"stream\":true," ASKED, 200, END_FAILED, true, NULL}, /* it thought, perhaps */
        {"/v1/responses", "\"background\":true,\"max_output_tokens\":9000,\"input\":\"x\"", 0,
         END_FAILED, true, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        int64_t held_pusd = 0;
        money_sum spent_pusd = 0;
        bool says = false;
        const struct gateway_settled settled = lose(&calls[i], &held_pusd, &spent_pusd, &says);
        EXPECT(settled.is_charged && !settled.has_cost && !settled.has_usage);
        EXPECT(held_pusd > INT64_C(30000000000)); /* 5,000 tokens of output at $8 a million */
        EXPECT(test_is_refusing() || spent_pusd == held_pusd);
        EXPECT(settled.has_least && settled.least_pusd > 0 && settled.least_pusd < held_pusd / 100);
        EXPECT(test_is_refusing() || says);
    }
}

static void what_was_seen_or_has_no_output_is_estimated_and_what_was_not_sent_costs_nothing(void)
{
    static const char *const chat = "/v1/chat/completions";
    static const struct lost calls[] = {
        {chat, "\"stream\":true," ASKED, 200, END_FAILED, true, "one two three"},
        {chat, "\"stream\":true," ASKED, 0, END_LEFT, true, NULL},
        {"/v1/embeddings", "\"input\":\"one two three\"", 0, END_FAILED, true, NULL},
        {chat, ASKED, 0, END_FAILED, false, NULL},
        {chat, ASKED, 503, END_FAILED, true, NULL},
    };
    static const int64_t output[] = {3, 0, 0, 0, 0};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        int64_t held_pusd = 0;
        money_sum spent_pusd = 0;
        bool says = false;
        const bool is_free = i >= 3;
        const struct gateway_settled settled = lose(&calls[i], &held_pusd, &spent_pusd, &says);
        EXPECT(settled.is_charged == !is_free && settled.is_estimated == !is_free);
        EXPECT(settled.usage.counts[USAGE_OUTPUT] == output[i]);
        EXPECT(i == 2 || settled.has_cost); /* gpt-4.1 embeds nothing */
        EXPECT(test_is_refusing() || !settled.has_cost || spent_pusd == settled.cost_pusd);
        EXPECT(!says);
    }
}

static void an_error_is_not_charged_even_when_the_client_has_left(void)
{
    gatewaying_open(&g, NULL, 0);
    const bool fine =
        gatewaying_starts(&g, "/v1/messages", "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":5}");
    g.exchange.status = 529;
    g.exchange.end = END_LEFT;
    const struct gateway_settled settled = gatewaying_settle(&g, NULL);
    struct budget_counts counts;
    budget_count(g.budget, &counts);
    gatewaying_close(&g);
    EXPECT(fine);
    EXPECT(!settled.is_charged);
    EXPECT(counts.voided == 1 && counts.posted == 0);
}

static void a_stream_that_ends_in_the_middle_is_estimated_by_what_was_seen(void)
{
    gatewaying_open(&g, NULL, 0);
    const bool fine = gatewaying_starts(&g, "/v1/messages",
                                        "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":500,"
                                        "\"stream\":true,\"messages\":[]}");
    gatewaying_stream(&g,
                      "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_0000000001\","
                      "\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}}\n\n"
                      "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":"
                      "\"one two three four five six seven eight nine ten\"}}\n\n"
                      "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
                      true);
    const struct gateway_settled settled = gatewaying_settle(&g, NULL);
    gatewaying_close(&g);
    EXPECT(fine);
    EXPECT(settled.is_estimated);
    EXPECT(settled.usage.counts[USAGE_INPUT_UNCACHED] == 12);
    EXPECT(settled.usage.counts[USAGE_OUTPUT] == 12); /* ten, and a fifth for Claude's vocabulary */
}

static void an_answer_without_usage_is_counted_in_the_vocabulary_of_its_model(void)
{
    static const char *const models[] = {"gpt-4.1", "gpt-4-turbo"};
    static const int64_t input[] = {3 + 4 + 28, 3 + 4 + 37};
    static const int64_t output[] = {6, 6}; /* source: the cookbook of OpenAI, part 5 */
    for (size_t i = 0; i < COUNT_OF(models); i++) {
        gatewaying_open(&g, NULL, 0);
        snprintf(
            body, sizeof body,
            "{\"model\":\"%s\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":"
            "\"I'll say what they've said: you're late, he'd GO, it's John's, WE'LL see, don't "
            "DON'T, 'tis y'all's\"}]}",
            models[i]);
        const bool fine = gatewaying_starts(&g, "/v1/chat/completions", body);
        gatewaying_answer(&g, 200,
                          "{\"id\":\"chatcmpl-000000001\",\"choices\":[{\"message\":{\"content\":"
                          "\"antidisestablishmentarianism\"}}]}");
        const struct gateway_settled settled = gatewaying_settle(&g, NULL);
        gatewaying_close(&g);
        EXPECT(fine);
        EXPECT(settled.is_estimated);
        EXPECT(settled.usage.counts[USAGE_INPUT_UNCACHED] == input[i]);
        EXPECT(settled.usage.counts[USAGE_OUTPUT] == output[i]);
    }
}

static void a_settlement_that_comes_too_late_still_leaves_its_record(void)
{
    struct text record;
    gatewaying_open(&g, NULL, 0);
    text_init(&record, CALL_RECORD_BYTES_MAX);
    const bool fine =
        gatewaying_starts(&g, "/v1/chat/completions", "{\"model\":\"gpt-4.1\",\"max_tokens\":5}");
    /* Somebody has settled it before. */
    const bool gone =
        budget_void(g.budget, g.exchange.hold, g.exchange.started_ns, STR(""), &g.err) == ERR_OK;
    gatewaying_answer(&g, 200,
                      "{\"id\":\"chatcmpl-000000001\",\"usage\":{\"prompt_tokens\":3,"
                      "\"completion_tokens\":4}}");
    (void)gatewaying_settle(&g, &record);
    const bool kept = str_find(text_str(&record), STR("chatcmpl-000000001")) != SIZE_MAX;
    text_deinit(&record);
    gatewaying_close(&g);
    EXPECT(fine && gone);
    EXPECT(test_is_refusing() || kept);
}

/* ---- random calls */

struct shape {
    const char *path;
    const char *model;
    bool is_anthropic;
};

static const struct shape shapes[] = {
    {"/v1/chat/completions", "gpt-4.1", false},
    {"/v1/chat/completions", "gpt-4.1-mini-2025-04-14", false},
    {"/v1/chat/completions", "gpt-5", false},
    {"/v1/responses", "gpt-5-mini", false},
    {"/v1/responses", "o3", false},
    {"/v1/messages", "claude-sonnet-4-5", true},
    {"/v1/messages", "claude-opus-4-8", true},
    {"/v1/messages", "claude-haiku-4-5", true},
    {"/v1/completions", "gpt-3.5-turbo-instruct", false},
    {"/v1/embeddings", "text-embedding-3-small", false},
};

static const char *const tiers[] = {"", "default", "flex", "priority"};

static void make_request(struct rng *rng, const struct shape *shape, const char *tier,
                         int64_t max_tokens, int64_t choices)
{
    const bool is_chat = strcmp(shape->path, "/v1/chat/completions") == 0;
    char more[128] = "";
    if (is_chat || strcmp(shape->path, "/v1/completions") == 0) {
        snprintf(more, sizeof more, ",\"n\":%lld", (long long)choices);
    }
    if (tier[0] != '\0' && !shape->is_anthropic) {
        const size_t size = strlen(more);
        snprintf(more + size, sizeof more - size, ",\"service_tier\":\"%s\"", tier);
    }
    const char *const name = is_chat                                     ? "max_completion_tokens"
                             : strcmp(shape->path, "/v1/responses") == 0 ? "max_output_tokens"
                                                                         : "max_tokens";
    snprintf(body, sizeof body,
             "{\"model\":\"%s\",\"%s\":%lld%s,\"messages\":[{\"content\":\"%.*s\"}]}", shape->model,
             name, (long long)max_tokens, more, (int)rng_below(rng, 4000),
             "lorem ipsum dolor sit amet consetetur sadipscing elitr sed diam nonumy eirmod");
}

/* A reply within what was asked: any split of the input, any output up to the bound. */
static void make_reply(struct rng *rng, const struct exchange *exchange, const struct shape *shape,
                       const char *tier, int64_t output_max)
{
    const int64_t total = (int64_t)rng_below(rng, (uint64_t)exchange->input_tokens_max + 1);
    const int64_t read = (int64_t)rng_below(rng, (uint64_t)total + 1);
    const int64_t written = (int64_t)rng_below(rng, (uint64_t)(total - read) + 1);
    const int64_t hour = (int64_t)rng_below(rng, (uint64_t)written + 1);
    const int64_t output = (int64_t)rng_below(rng, (uint64_t)output_max + 1);
    const int64_t reasoning = (int64_t)rng_below(rng, (uint64_t)output + 1);
    static int number;
    number++;
    if (shape->is_anthropic) {
        snprintf(reply, sizeof reply,
                 "{\"id\":\"msg_%012d\",\"model\":\"%s\",\"usage\":{\"input_tokens\":%lld,"
                 "\"cache_read_input_tokens\":%lld,\"cache_creation_input_tokens\":%lld,"
                 "\"cache_creation\":{\"ephemeral_1h_input_tokens\":%lld,"
                 "\"ephemeral_5m_input_tokens\":%lld},\"output_tokens\":%lld,\"inference_geo\":"
                 "\"%s\",\"service_tier\":\"standard\"}}",
                 number, shape->model, (long long)(total - read - written), (long long)read,
                 (long long)written, (long long)hour, (long long)(written - hour),
                 (long long)output, rng_below(rng, 2) == 0 ? "us" : "global");
        return;
    }
    const bool is_served_so = rng_below(rng, 2) == 0 && tier[0] != '\0';
    snprintf(reply, sizeof reply,
             "{\"id\":\"resp-%012d\",\"model\":\"%s\",\"service_tier\":\"%s\",\"usage\":{"
             "\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld,"
             "\"prompt_tokens_details\":{\"cached_tokens\":%lld,\"cache_write_tokens\":%lld},"
             "\"completion_tokens_details\":{\"reasoning_tokens\":%lld}}}",
             number, shape->model, is_served_so ? tier : "default", (long long)total,
             (long long)output, (long long)(total + output), (long long)read, (long long)written,
             (long long)reasoning);
}

/* What the ledger says of that record: -1: nothing, or something else than the book. */
static int64_t ledger_pusd(struct str record, struct arena *arena)
{
    struct trace trace = {0};
    struct json_parser *parser = NULL;
    struct price_result result;
    json_parser_create(&parser, CALL_RECORD_BYTES_MAX);
    const enum errc code = call_record_read(parser, record, arena, &trace, &g.err);
    json_parser_destroy(&parser);
    if (code != ERR_OK || !trace.steps.rows[0].has_price) {
        return -1;
    }
    const struct step *const step = &trace.steps.rows[0];
    const struct price_query query = {.provider = step->provider,
                                      .model = step->model,
                                      .at_ns = step->started_ns,
                                      .tier = step->tier,
                                      .region = step->region,
                                      .usage = &step->usage};
    if (price_call(gatewaying_book(), &query, &result, &g.err) != ERR_OK ||
        result.cost_pusd != step->priced_pusd || result.price_id != step->price_id) {
        return -1;
    }
    return step->priced_pusd;
}

static void budget_header_and_ledger_have_the_same_picodollars(void)
{
    static const struct hold_limit limit = {.scope = STR_STATIC("org"),
                                            .period = PERIOD_TOTAL,
                                            .zone_name = STR_STATIC("UTC"),
                                            .limit_pusd = INT64_MAX / 2,
                                            .hard_pusd = INT64_MAX / 2,
                                            .per_case_pusd = HOLD_NO_LIMIT};
    struct rng rng;
    struct text record;
    struct arena arena;
    money_sum posted_pusd = 0;
    int64_t priced = 0;
    bool above = false;
    bool differs = false;
    rng_init(&rng, 20261122);
    gatewaying_open(&g, &limit, 1);
    text_init(&record, CALL_RECORD_BYTES_MAX);
    arena_init(&arena, ARENA_BYTES);
    for (int i = 0; i < ROUNDS && !above && !differs && !test_is_refusing(); i++) {
        const struct shape *const shape = &shapes[rng_below(&rng, COUNT_OF(shapes))];
        const char *const tier = tiers[rng_below(&rng, COUNT_OF(tiers))];
        const int64_t max_tokens = 1 + (int64_t)rng_below(&rng, 100000);
        const int64_t choices = 1 + (int64_t)rng_below(&rng, 4);
        const struct arena_position mark = arena_mark(&arena);
        make_request(&rng, shape, tier, max_tokens, choices);
        if (!gatewaying_starts(&g, shape->path, body)) {
            differs = true;
            break;
        }
        struct exchange *const exchange = &g.exchange;
        const int64_t held_pusd = exchange->held_pusd;
        const bool is_bounded = !exchange->is_unpriced && exchange->cause == HOLD_CAUSE_NONE;
        make_reply(&rng, exchange, shape, tier, exchange->output_max * exchange->choices);
        gatewaying_answer(&g, 200, reply);
        text_clear(&record);
        const struct gateway_settled settled = gatewaying_settle(&g, &record);
        above = is_bounded && settled.has_cost && settled.cost_pusd > held_pusd;
        differs = settled.has_cost && settled.is_charged &&
                  ledger_pusd(text_str(&record), &arena) != settled.cost_pusd;
        if (above || differs) {
            test_note(body);
            test_note(reply);
        }
        posted_pusd += settled.has_cost ? settled.cost_pusd : held_pusd;
        priced += settled.has_cost;
        arena_rewind(&arena, mark);
    }
    struct budget_balances balances = {0};
    struct budget_counts counts;
    const bool has_balances = budget_balances(g.budget, INT64_C(1763800000000000000), &arena,
                                              &balances, &g.err) == ERR_OK;
    const money_sum spent_pusd = has_balances ? balances.rows[0].spent_pusd : -1;
    const bool sound = budget_verify(g.budget, &g.err) == ERR_OK;
    budget_count(g.budget, &counts);
    arena_deinit(&arena);
    text_deinit(&record);
    gatewaying_close(&g);
    EXPECT(!above);
    EXPECT(!differs);
    EXPECT(sound);
    EXPECT(counts.open_holds == 0);
    EXPECT(test_is_refusing() || counts.posted == ROUNDS);
    EXPECT(test_is_refusing() || spent_pusd == posted_pusd);
    EXPECT(test_is_refusing() || priced > ROUNDS / 2);
}

int main(void)
{
    const struct test tests[] = {
        TEST(choices_prompts_and_defaults_are_held_for),
        TEST(a_region_a_tier_audio_and_searches_are_held_for),
        TEST(a_call_of_a_model_by_its_path_is_not_free),
        TEST(work_that_goes_on_is_charged_as_held),
        TEST(work_in_the_background_is_settled_once_by_the_reply_that_tells_its_usage),
        TEST(work_in_the_background_that_nobody_fetches_is_charged_as_held),
        TEST(a_call_whose_answer_nobody_saw_is_charged_as_held_and_its_cost_is_not_known),
        TEST(what_was_seen_or_has_no_output_is_estimated_and_what_was_not_sent_costs_nothing),
        TEST(an_error_is_not_charged_even_when_the_client_has_left),
        TEST(a_stream_that_ends_in_the_middle_is_estimated_by_what_was_seen),
        TEST(an_answer_without_usage_is_counted_in_the_vocabulary_of_its_model),
        TEST(a_settlement_that_comes_too_late_still_leaves_its_record),
        TEST(budget_header_and_ledger_have_the_same_picodollars),
    };
    gatewaying_prepare();
    const int failed = test_main(tests, COUNT_OF(tests));
    gatewaying_done();
    return failed;
}
