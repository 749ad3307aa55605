/* price_input: the book, usage and names that `bursar price` is given. */
#include "cmd/price_cli.h"

#include <stdio.h>

#include "base/check.h"
#include "model/settings.h"

enum { NEAREST_SHOWN = 5 };

struct place {
    int64_t *value;
    int bit;
};

/* Where the figure of a class goes. */
static struct place place_of(struct str name, struct usage *usage)
{
    static const char *const columns[USAGE_COUNT] = {
#define X(name, column, text) [USAGE_##name] = #column,
        USAGE_CLASSES(X)
#undef X
    };
    for (int class = 0; class < USAGE_COUNT; class ++) {
        if (str_equal(name, str_from(columns[class]))) {
            return (struct place){&usage->counts[class], class};
        }
    }
    return str_equal(name, STR("reasoning")) ? (struct place){&usage->reasoning, PRICE_REASONING}
                                             : (struct place){NULL, 0};
}

enum errc price_cli_usage(struct json node, struct usage *out, struct err *err)
{
    CHECK(out != NULL);
    if (json_kind(node) != JSON_OBJECT) {
        return err_set(err, ERR_USAGE,
                       "the usage is not a JSON object such as {\"input_uncached\": 1200, "
                       "\"output\": 300}");
    }
    struct usage usage = {0};
    uint32_t seen = 0;
    struct json_cursor iter = json_iter(node);
    struct str name;
    struct json value;
    while (json_next(&iter, &name, &value)) {
        const struct place place = place_of(name, &usage);
        const int shown = (int)(name.size > 60 ? 60 : name.size);
        if (place.value == NULL) {
            return err_set(err, ERR_USAGE,
                           "the usage names \"%.*s\"; its classes are input_uncached, cache_read, "
                           "cache_write_5m, cache_write_1h, input_audio, input_image, output, "
                           "output_audio, reasoning, requests, web_searches",
                           shown, name.data);
        }
        const int64_t count = json_is_number(value) ? json_int64(value, -1) : -1;
        if (count < 0 || count > USAGE_TOKENS_MAX) {
            return err_set(err, ERR_USAGE, "%.*s is not a whole number from 0 to %lld", shown,
                           name.data, (long long)USAGE_TOKENS_MAX);
        }
        if ((seen >> place.bit & 1) != 0) {
            return err_set(err, ERR_USAGE, "%.*s is given twice", shown, name.data);
        }
        seen |= 1u << place.bit;
        *place.value = count;
    }
    if (usage.reasoning > usage.counts[USAGE_OUTPUT]) {
        return err_set(err, ERR_USAGE,
                       "reasoning (%lld) is part of output (%lld) and cannot be more",
                       (long long)usage.reasoning, (long long)usage.counts[USAGE_OUTPUT]);
    }
    *out = usage;
    return ERR_OK;
}

void price_cli_nearest(const struct price_book *book, struct str provider, struct str model,
                       char *text, size_t size)
{
    CHECK(size > 0);
    const struct price_model *near[NEAREST_SHOWN];
    const size_t count = price_nearest(book, provider, model, near, NEAREST_SHOWN);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && used + 1 < size; i++) {
        const int wrote = snprintf(
            text + used, size - used, "%s" STR_FORMAT "/" STR_FORMAT, i == 0 ? "; nearest: " : ", ",
            STR_ARG(book->providers.rows[near[i]->provider].id), STR_ARG(near[i]->id));
        CHECK(wrote >= 0);
        used += (size_t)wrote;
    }
}
