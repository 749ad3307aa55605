/* find: the model a name means, or nothing; never a guess at another provider's.
 * Names as programs write them, by the sample book and by the shipped one. */
#include "price/price.h"

#include <stdio.h>

#include "unit/price/sample.h"

struct expected {
    const char *provider; /* as the call names it */
    const char *name;
    const char *found; /* "provider/model"; NULL: none */
};

static bool finds(const struct price_book *book, struct price_memo *memo,
                  const struct expected *expected)
{
    const char *why = NULL;
    char text[2 * PRICE_NAME_BYTES_MAX] = "(none)";
    const struct price_model *const model =
        price_find(book, str_from(expected->provider), str_from(expected->name), memo, &why);
    if (model != NULL) {
        snprintf(text, sizeof text, STR_FORMAT "/" STR_FORMAT,
                 STR_ARG(book->providers.rows[model->provider].id), STR_ARG(model->id));
    }
    const bool good =
        expected->found == NULL ? model == NULL && why != NULL : strcmp(text, expected->found) == 0;
    if (!good) {
        print_message("# %s %s: %s\n", expected->provider != NULL ? expected->provider : "-",
                      expected->name, text);
    }
    return good;
}

static bool finds_all(const struct price_book *book, struct price_memo *memo,
                      const struct expected *expected, size_t count)
{
    bool good = book != NULL;
    for (size_t round = 0; round < 2 && good; round++) { /* the second time from the memo */
        for (size_t i = 0; i < count; i++) {
            good = finds(book, memo, &expected[i]) && good;
        }
    }
    return good;
}

static void names_that_mean_nothing_are_not_found(void)
{
    static const struct expected expected[] = {
        {NULL, "three", NULL},          {"acme", "three", NULL},   {"nobody", "one", NULL},
        {NULL, "nobody/one", NULL},     {NULL, "acme/", NULL},     {NULL, "/one", NULL},
        {"acme", "one-2x-voice", NULL}, {NULL, "////", NULL},      {NULL, ":", NULL},
        {NULL, "acme/acme/one", NULL},  {"acme", "models/", NULL}, {"acme", "[1m]", NULL},
    };
    struct sample sample;
    sample_open(&sample);
    const bool good = finds_all(sample.book, NULL, expected, COUNT_OF(expected));
    arena_deinit(&sample.arena);
    EXPECT(good);
}

static void names_too_long_are_not_found(void)
{
    struct sample sample;
    char name[PRICE_NAME_BYTES_MAX + 2];
    memset(name, 'o', sizeof name);
    const char *why = NULL;
    sample_open(&sample);
    bool found = false;
    for (size_t size = PRICE_NAME_BYTES_MAX - 3; sample.book != NULL && size <= sizeof name;
         size++) {
        name[0] = '-'; /* where a date could stand */
        memcpy(name + 1, "20260101-", 9);
        found =
            price_find(sample.book, STR("acme"), (struct str){name, size}, NULL, &why) != NULL ||
            price_find(sample.book, (struct str){name, size}, STR("one"), NULL, &why) != NULL ||
            found;
    }
    arena_deinit(&sample.arena);
    EXPECT(!found);
}

static void the_first_model_whose_pattern_matches_is_meant(void)
{
    static const struct expected expected[] = {
        {"acme", "one", "acme/one"},
        {"ACME", "ONE", "acme/one"},
        {"acme", " one ", "acme/one"},
        {"the-acme-company", "one-2026-09-01", "acme/one"},
        {"acme", "one-20260901", "acme/one"},
        {"acme", "one@20260901", "acme/one"},
        {"acme", "one-mini-2026-09-01", "acme/one-mini"},
        {"acme", "models/one", "acme/one"},
        {"acme", "acme/one", "acme/one"},
        {"acme", "one[1m]", "acme/one"},
        {"acme", "two-20260901", "acme/two"},
        {"acme", "two-latest", "acme/two"},
        {NULL, "one-mini", "acme/one-mini"},
        {NULL, "acme/two", "acme/two"},
        {NULL, "acme:two", "acme/two"},
        {NULL, "litellm_proxy/acme/two", "acme/two"},
        {"litellm", "acme/two", "acme/two"},
        {"big-cloud-7", "eu.vendor.one-v1", "cloud/us.vendor.one-v1"},
        {NULL, "eu.vendor.one-v1", "cloud/us.vendor.one-v1"},
        {"cloud", "two", "acme/two"},
    };
    struct sample sample;
    sample_open(&sample);
    struct price_memo *const memo = price_memo_create(&sample.arena);
    const bool good = finds_all(sample.book, memo, expected, COUNT_OF(expected));
    arena_deinit(&sample.arena);
    EXPECT(good);
}

static void names_of_the_world_are_found_in_the_shipped_book(void)
{
    static const struct expected expected[] = {
        {NULL, "gpt-5.6-sol", "openai/gpt-5.6-sol"},
        {NULL, "openai/gpt-4o-2024-08-06", "openai/gpt-4o"},
        {NULL, "gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13"},
        {NULL, "gpt-4-0409", NULL},
        {NULL, "text-embedding-3-small", "openai/text-embedding-3-small"},
        {NULL, "o3-2025-04-16", "openai/o3"},
        {NULL, "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"},
        {NULL, "claude-opus-5-5[1m]", "anthropic/claude-opus-5-5"},
        {NULL, "claude-sonnet-5-5", "anthropic/claude-sonnet-5-5"},
        {"anthropic", "claude-opus-4@20250514", "anthropic/claude-opus-4-0"},
        {NULL, "vertex_ai/claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5"},
        {"gcp.vertex_ai", "gemini-2.5-pro", "google/gemini-2.5-pro"},
        {NULL, "models/gemini-2.5-pro", "google/gemini-2.5-pro"},
        {NULL, "publishers/google/models/gemini-2.5-pro", "google/gemini-2.5-pro"},
        {NULL, "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {NULL, "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {NULL, "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {NULL, "anthropic.claude-3-haiku-20240307-v1:0",
         "aws/regional.anthropic.claude-3-haiku-20240307-v1:0"},
        {"aws.bedrock", "amazon.nova-pro-v1:0", "aws/amazon.nova-pro-v1:0"},
        {NULL, "azure/gpt-4o", "openai/gpt-4o"},
        {"azure.ai.openai", "gpt-4.1-2025-04-14", "openai/gpt-4.1"},
        {NULL, "openrouter/anthropic/claude-sonnet-5", "openrouter/anthropic/claude-sonnet-5"},
        {"x_ai", "grok-4.3", "x-ai/grok-4.3"},
        {"groq", "llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"},
        {"mistral_ai", "mistral-medium-latest", "mistral/mistral-medium-latest"},
        {NULL, "deepseek-chat", "deepseek/deepseek-chat"},
        {NULL, "<synthetic>", NULL},
        {NULL, "my-own-model", NULL},
        {"somebody", "gpt-4o", NULL},
    };
    struct arena arena;
    struct err err = {0};
    const struct price_book *book = NULL;
    arena_init(&arena, (size_t)16 << 20);
    bool good = price_book_parse(price_shipped(), &arena, &book, &err) == ERR_OK;
    good = good && finds_all(book, price_memo_create(&arena), expected, COUNT_OF(expected));
    arena_deinit(&arena);
    EXPECT(good);
}

static void the_nearest_names_come_best_first(void)
{
    struct sample sample;
    const struct price_model *near[2] = {NULL, NULL};
    size_t count = 0;
    bool right = false;
    sample_open(&sample);
    if (sample.book != NULL) {
        count = price_nearest(sample.book, STR("acme"), STR("one-mni"), near, 2);
        right = count == 2 && str_equal(near[0]->id, STR("one-mini"));
    }
    arena_deinit(&sample.arena);
    EXPECT(right);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(names_that_mean_nothing_are_not_found),
        TEST(names_too_long_are_not_found),
        TEST(the_first_model_whose_pattern_matches_is_meant),
        TEST(names_of_the_world_are_found_in_the_shipped_book),
        TEST(the_nearest_names_come_best_first),
    };
    return test_main(tests, COUNT_OF(tests));
}
