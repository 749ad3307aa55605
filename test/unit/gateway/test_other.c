/*
 * Goal: what no dialect here speaks is held for and metered where it tells: Gemini's own API, the
 * tier an upstream has agreed on, and models that search without being asked.
 * Method: requests and replies as @google/genai's types have them, through the steps of the
 * gateway; amounts by hand from the price list.
 */
#include <stdio.h>

#include "gatewaying.h"

#define FLASH "/google/v1/models/gemini-2.5-flash:"

/* $0.30 in, $0.03 cached, $1 sound, $2.50 out per million. */
enum { IN = 300000, CACHED = 30000, SOUND = 1000000, OUT = 2500000 };

static struct gatewaying g;

static void open_with(enum service_tier tier)
{
    static const struct str secrets[2];
    struct gateway_table *table = NULL;
    gatewaying_open(&g, NULL, 0);
    g.upstreams[1] = (struct settings_upstream){
        .name = STR("google"), .base_url = STR("http://127.0.0.1:1/v1beta"), .default_tier = tier};
    g.upstreams[0].default_tier = tier;
    CHECK(gateway_table_create(&g.settings, secrets, gatewaying_book(), &table, &g.err) == ERR_OK);
    gateway_set_table(&g.gateway, table);
}

/* What it came to; -1: nobody knows. */
static int64_t settle(void)
{
    const struct gateway_settled settled = gatewaying_settle(&g, NULL);
    return settled.has_cost && settled.has_usage && !settled.is_estimated ? settled.cost_pusd : -1;
}

static void geminis_figures_are_metered(void)
{
    static const char reply[] =
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}],\"role\":\"model\"}}],"
        "\"usageMetadata\":{\"promptTokenCount\":1000,\"cachedContentTokenCount\":400,"
        "\"candidatesTokenCount\":50,\"thoughtsTokenCount\":150,\"toolUsePromptTokenCount\":30,"
        "\"totalTokenCount\":1230,\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":"
        "900}"
        ",{\"modality\":\"AUDIO\",\"tokenCount\":100}]},\"modelVersion\":\"gemini-2.5-flash\","
        "\"responseId\":\"a-response-of-gemini\"}";
    open_with(TIER_STANDARD);
    bool good = gatewaying_starts(&g, FLASH "generateContent",
                                  "{\"contents\":[{\"parts\":[{\"text\":\"hello\"}]}],"
                                  "\"generationConfig\":{\"maxOutputTokens\":200}}");
    const struct exchange *const exchange = &g.exchange;
    good = good && !exchange->is_unpriced && exchange->cause == HOLD_CAUSE_NONE &&
           exchange->held_pusd == exchange->input_tokens_max * IN + 200 * OUT &&
           str_equal(gateway_model(exchange), STR("gemini-2.5-flash"));
    gatewaying_answer(&g, 200, reply);
    const int64_t cost_pusd = settle();
    const struct usage *const usage = &exchange->metered.usage;
    good = good && cost_pusd == INT64_C(530) * IN + 400 * CACHED + 100 * SOUND + 200 * OUT &&
           usage->reasoning == 150 && usage->counts[USAGE_OUTPUT] == 200;
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || good);
}

/* Whether the row of a call with that reply says that a fee is missing; its cost is posted. */
static bool lacks_fee(const char *path, const char *body, const char *reply, bool is_stream)
{
    static const char words[] = "the fee of its searches has no price and is not in its cost";
    struct text record;
    bool says = false;
    if (gatewaying_starts(&g, path, body)) {
        if (is_stream) {
            gatewaying_stream(&g, reply, true);
        } else {
            gatewaying_answer(&g, 200, reply);
        }
        text_init(&record, CALL_RECORD_BYTES_MAX);
        const struct gateway_settled settled = gatewaying_settle(&g, &record);
        says = settled.has_cost && settled.cost_pusd > 0 && settled.lacks_fee &&
               str_find(text_str(&record), str_from(words)) != SIZE_MAX;
        text_deinit(&record);
    }
    return says;
}

static void a_fee_that_has_no_price_is_missing_in_words(void)
{
#define USED                                                                                       \
    "\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":5,"                       \
    "\"totalTokenCount\":15},\"modelVersion\":\"gemini-2.5-flash\"}"
    static const char grounded[] = "{\"candidates\":[{\"groundingMetadata\":{\"webSearchQueries\":"
                                   "[\"rain in Lisbon\"]}}]," USED;
    static const char plain[] =
        "{\"candidates\":[{\"groundingMetadata\":{\"webSearchQueries\":[]}}]," USED;
    static const char stream[] =
        "data: {\"candidates\":[{\"groundingMetadata\":{\"groundingChunks\":[{}]}}]}\n\n"
        "data: {\"candidates\":[]," USED "\n\n";
#undef USED
    static const char chat[] = "{\"id\":\"chatcmpl-1234567890\",\"usage\":{\"prompt_tokens\":10,"
                               "\"completion_tokens\":5}}";
    static const char *const searching = "{\"model\":\"gpt-4o-search-preview\",\"max_tokens\":9}";
    open_with(TIER_STANDARD);
    const bool has = lacks_fee(FLASH "generateContent", "{\"contents\":[]}", grounded, false);
    const bool none = lacks_fee(FLASH "generateContent", "{\"contents\":[]}", plain, false);
    const bool streamed =
        lacks_fee(FLASH "streamGenerateContent?alt=sse", "{\"contents\":[]}", stream, true);
    const bool search = lacks_fee("/v1/chat/completions", searching, chat, false);
    const bool other =
        lacks_fee("/v1/chat/completions", "{\"model\":\"gpt-4.1\",\"max_tokens\":9}", chat, false);
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || (has && streamed && search));
    EXPECT(!none && !other);
}

static void a_stream_of_geminis_counts_its_last_telling(void)
{
    static const char events[] =
        "data: {\"candidates\":[],\"usageMetadata\":{\"promptTokenCount\":10,"
        "\"candidatesTokenCount\":5,\"totalTokenCount\":15},\"modelVersion\":\"gemini-2.5-flash\"}"
        "\n\n"
        "data: {\"candidates\":[],\"usageMetadata\":{\"promptTokenCount\":10,"
        "\"candidatesTokenCount\":25,\"totalTokenCount\":35},\"modelVersion\":\"gemini-2.5-flash\"}"
        "\n\n";
    static const char array[] =
        "[{\"usageMetadata\":{\"promptTokenCount\":10,\"totalTokenCount\":10}},\n"
        "{\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":25,"
        "\"totalTokenCount\":35}}]";
    open_with(TIER_STANDARD);
    bool good = gatewaying_starts(&g, FLASH "streamGenerateContent?alt=sse", "{\"contents\":[]}");
    gatewaying_stream(&g, events, true);
    good = good && settle() == 10 * IN + 25 * OUT;
    good = good && gatewaying_starts(&g, FLASH "streamGenerateContent", "{\"contents\":[]}");
    gatewaying_answer(&g, 200, array);
    good = good && settle() == 10 * IN + 25 * OUT;
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || good);
}

static void what_gemini_reads_beyond_its_text_is_said_and_counting_is_free(void)
{
    static const char *const bodies[] = {
        "{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/"
        "png\",\"data\":\"AA\"}}]}]}",
        "{\"contents\":{\"parts\":[{\"fileData\":{\"fileUri\":\"gs://x\"}}]}}",
        "{\"contents\":[],\"tools\":[{\"googleSearch\":{}}]}",
        "{\"contents\":[],\"cachedContent\":\"cachedContents/1\"}"};
    bool good = true;
    open_with(TIER_STANDARD);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        good = good && gatewaying_starts(&g, FLASH "generateContent", bodies[i]) &&
               !g.exchange.is_unpriced && g.exchange.unbounded != NULL;
        gatewaying_answer(&g, 400, "{}");
        (void)settle();
    }
    const bool tools = gatewaying_starts(&g, FLASH "generateContent",
                                         "{\"contents\":[{\"parts\":[{\"functionCall\":{}}]}],"
                                         "\"tools\":[{\"functionDeclarations\":[]}],"
                                         "\"generation_config\":{\"max_output_tokens\":7,"
                                         "\"candidate_count\":2}}") &&
                       g.exchange.unbounded == NULL && g.exchange.output_max == 7 &&
                       g.exchange.choices == 2;
    gatewaying_answer(&g, 400, "{}");
    (void)settle();
    const bool counting = gatewaying_starts(&g, FLASH "countTokens", "{\"contents\":[]}") &&
                          g.exchange.is_free && g.exchange.hold == 0;
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || good);
    EXPECT(test_is_refusing() || tools);
    EXPECT(test_is_refusing() || counting);
}

static void a_model_in_the_path_is_read_and_nothing_else_is(void)
{
    static const struct {
        const char *path;
        enum provider_method method;
        const char *model;
    } rows[] = {
        {"/models/gemini-2.5-pro:generateContent", PROVIDER_METHOD_GENERATE, "gemini-2.5-pro"},
        {"/Models/gemini-2.5-pro:streamGenerateContent", PROVIDER_METHOD_GENERATE,
         "gemini-2.5-pro"},
        {"/projects/p/publishers/google/models/gemini-2.5-pro:rawPredict", PROVIDER_METHOD_OTHER,
         "gemini-2.5-pro"},
        {"/models/a/models/b:countTokens", PROVIDER_METHOD_COUNT, "b"},
        {"/models/a:generateContent:countTokens", PROVIDER_METHOD_OTHER, "a"},
        {"/models/a:batchGenerateContent", PROVIDER_METHOD_LATER, "a"},
        {"/models/gemini-2.5-pro", PROVIDER_METHOD_NONE, ""},
        {"/models/:generateContent", PROVIDER_METHOD_GENERATE, ""},
        {"/models/a/b:c", PROVIDER_METHOD_OTHER, ""},
        {"/models/a%2db:generateContent", PROVIDER_METHOD_OTHER, ""},
        {"/models/a%3agenerateContent", PROVIDER_METHOD_OTHER, ""},
        {"/%6dodels/a:generateContent", PROVIDER_METHOD_OTHER, ""},
        {"/un%6bnown", PROVIDER_METHOD_NONE, ""},
        {"/other:thing", PROVIDER_METHOD_NONE, ""},
        {"", PROVIDER_METHOD_NONE, ""}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str model;
        EXPECT(provider_method_of(str_from(rows[i].path), &model) == rows[i].method);
        EXPECT(str_equal(model, str_from(rows[i].model)));
    }
}

/* What is held for that; -1: nobody knows what it costs. */
static int64_t held_at(const char *path, const char *body)
{
    const int64_t held_pusd =
        gatewaying_starts(&g, path, body) && !g.exchange.is_unpriced ? g.exchange.held_pusd : -1;
    if (g.exchange.hold != 0) {
        CHECK(gateway_end_hold(&g.exchange, NULL, NULL));
    }
    return held_pusd;
}

static void no_way_of_writing_it_holds_less(void)
{
    static const char *const bodies[] = {
        "{\"contents\":[],\"generationConfig\":{\"maxOutputTokens\":100},"
        "\"model\":\"gemini-2.5-flash-lite\",\"max_tokens\":1}",
        "{\"contents\":[],\"generationConfig\":{\"maxOutputTokens\":100,\"maxOutputTokens\":1}}",
        "{\"contents\":[],\"generationConfig\":{\"maxOutputTokens\":100,\"max_output_tokens\":1}}",
        "{\"contents\":[],\"generationConfig\":{\"maxOutputTokens\":100},"
        "\"generation_config\":{\"maxOutputTokens\":1}}",
        "{\"contents\":[],\"generationConfig\":{\"maxOutputTokens\":\"100\"}}",
        "{\"contents\":[],\"generationConfig\":{\"maxOutputTokens\":0}}",
        "{\"contents\":[],\"max_tokens\":1,\"max_completion_tokens\":1,\"max_output_tokens\":1}",
    };
    static const char *const paths[] = {"/google/v1/models/gemini-2.5-flash%3agenerateContent",
                                        "/google/v1/models/gemini%2d2.5-flash:generateContent"};
    bool good = true;
    bool unknown = true;
    open_with(TIER_STANDARD);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        good = good && held_at(FLASH "generateContent", bodies[i]) >= INT64_C(100) * OUT &&
               (i == 0 || g.exchange.cause == HOLD_CAUSE_UNBOUNDED);
    }
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        unknown = unknown && held_at(paths[i], bodies[0]) == -1;
    }
    const bool later = held_at(FLASH "batchGenerateContent", bodies[0]) == -1;
    const bool other = held_at(FLASH "predict", bodies[0]) >= INT64_C(32768) * OUT;
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || good);
    EXPECT(test_is_refusing() || (unknown && later && other));
}

/* What is held for gpt-5 ($1.25 and $10, priority $2.50 and $20) beyond the standard price. */
static int64_t held_for(const char *tier)
{
    char body[256];
    snprintf(body, sizeof body, "{\"model\":\"gpt-5\",\"max_completion_tokens\":1000%s%s}",
             tier[0] != '\0' ? ",\"service_tier\":" : "", tier);
    if (!gatewaying_starts(&g, "/v1/chat/completions", body)) {
        return -1;
    }
    const int64_t held_pusd = g.exchange.held_pusd;
    gatewaying_answer(&g, 400, "{}");
    (void)settle();
    return held_pusd;
}

static void what_leaves_its_tier_open_is_held_for_by_the_one_agreed_on(void)
{
    open_with(TIER_STANDARD);
    const int64_t standard_pusd = held_for("\"default\"");
    const int64_t open_pusd = held_for("\"auto\"");
    gatewaying_close(&g);
    open_with(TIER_PRIORITY);
    const int64_t told_pusd = held_for("\"default\"");
    const int64_t auto_pusd = held_for("\"auto\"");
    const int64_t none_pusd = held_for("");
    bool good =
        gatewaying_starts(&g, "/v1/chat/completions", "{\"model\":\"gpt-5\",\"max_tokens\":1000}");
    gatewaying_answer(&g, 200,
                      "{\"model\":\"gpt-5\",\"usage\":{\"prompt_tokens\":10,"
                      "\"completion_tokens\":1000},\"service_tier\":\"priority\"}");
    good = good && settle() == INT64_C(10) * 2500000 + INT64_C(1000) * 20000000;
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || (standard_pusd > 0 && open_pusd > standard_pusd - 20000000));
    EXPECT(test_is_refusing() || told_pusd < auto_pusd);
    EXPECT(test_is_refusing() || (none_pusd > INT64_C(1000) * 20000000 && good));
}

static void a_model_that_always_searches_is_held_and_charged_for_it(void)
{
    static const char reply[] = "{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":10}}";
    static const int64_t fee_pusd = INT64_C(10000000000); /* $10 for a thousand */
    open_with(TIER_STANDARD);
    bool known =
        gatewaying_starts(&g, "/v1/chat/completions",
                          "{\"model\":\"gpt-4o-mini-search-preview\",\"max_tokens\":10}") &&
        g.exchange.held_pusd > fee_pusd && g.exchange.cause == HOLD_CAUSE_NONE;
    gatewaying_answer(&g, 200, reply);
    known = known && settle() == fee_pusd + 10 * 150000 + 10 * 600000;
    /* Its fee is in no price list: the tokens are held and charged for, and it may cost more. */
    bool unknown = gatewaying_starts(&g, "/v1/chat/completions",
                                     "{\"model\":\"gpt-4o-search-preview\",\"max_tokens\":10}") &&
                   !g.exchange.is_unpriced && g.exchange.cause == HOLD_CAUSE_FEES;
    gatewaying_answer(&g, 200, reply);
    unknown = unknown && settle() == 10 * 2500000 + 10 * 10000000;
    gatewaying_close(&g);
    EXPECT(test_is_refusing() || known);
    EXPECT(test_is_refusing() || unknown);
}

int main(void)
{
    const struct test tests[] = {
        TEST(geminis_figures_are_metered),
        TEST(a_fee_that_has_no_price_is_missing_in_words),
        TEST(a_stream_of_geminis_counts_its_last_telling),
        TEST(what_gemini_reads_beyond_its_text_is_said_and_counting_is_free),
        TEST(a_model_in_the_path_is_read_and_nothing_else_is),
        TEST(no_way_of_writing_it_holds_less),
        TEST(what_leaves_its_tier_open_is_held_for_by_the_one_agreed_on),
        TEST(a_model_that_always_searches_is_held_and_charged_for_it),
    };
    gatewaying_prepare();
    const int failed = test_main(tests, COUNT_OF(tests));
    gatewaying_done();
    return failed;
}
