/* entry: read one entry of the `prices` list of bursar.yaml. */
#include "price/overlay_priv.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/money.h"

static enum errc full(struct err *err)
{
    return err_set(err, ERR_LIMIT, "the prices need more memory than is set aside for them");
}

/* "12%" or "12.5 %" as what is left of the rate. */
static enum errc read_discount(const struct yaml *node, int64_t *keep, struct err *err)
{
    struct str text;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    const struct str shown = text;
    int64_t off = -1;
    struct err inner;
    const bool percent = str_ends_with(text, STR("%"));
    text.size -= percent ? 1 : 0;
    text = str_trim(text);
    const size_t point = text.size > 0 ? str_find(text, STR(".")) : SIZE_MAX;
    const bool exact = point == SIZE_MAX || text.size - point - 1 <= DISCOUNT_DECIMALS;
    if (!percent || !exact || memchr(text.data, 'e', text.size) != NULL ||
        money_parse_scaled(text, DISCOUNT_DECIMALS, &off, &inner) != ERR_OK || off < 0 ||
        off > DISCOUNT_WHOLE) {
        return yaml_error(node, err,
                          "found \"" STR_FORMAT "\"; a discount is 0%% to 100%%, with at "
                          "most %d decimals",
                          STR_ARG(shown), DISCOUNT_DECIMALS);
    }
    *keep = DISCOUNT_WHOLE - off;
    return ERR_OK;
}

static enum errc read_time(const struct yaml *node, int64_t *out, struct err *err)
{
    struct str text;
    enum errc code = yaml_str(node, &text, err);
    struct err inner;
    if (code == ERR_OK && clock_parse(text, out, &inner) != ERR_OK) {
        code = yaml_error(node, err, "%s", inner.text);
    }
    return code;
}

static enum errc read_rate(const struct yaml *node, int class, struct price_rates *rates,
                           struct err *err)
{
    struct str text;
    enum errc code = yaml_str(node, &text, err);
    struct err inner;
    if (code == ERR_OK && price_rate_parse(text, class, &rates->pusd[class], &inner) != ERR_OK) {
        code = yaml_error(node, err, "%s", inner.text);
    }
    rates->known |= code == ERR_OK ? 1u << class : 0;
    return code;
}

/* One member of an entry. */
static enum errc read_member(struct entry *entry, const struct yaml *node, struct err *err)
{
    static const char *const tiers[] = {"standard", "batch", "flex", "priority", "fast", NULL};
    _Static_assert(COUNT_OF(tiers) == TIER_COUNT + 1, "every tier has its word");
    int tier = 0;
    if (str_equal(node->name, STR("model"))) {
        return yaml_str(node, &entry->model, err);
    }
    if (str_equal(node->name, STR("like"))) {
        return yaml_str(node, &entry->like, err);
    }
    if (str_equal(node->name, STR("region"))) {
        return yaml_str(node, &entry->region, err);
    }
    if (str_equal(node->name, STR("source"))) {
        return yaml_str(node, &entry->source, err);
    }
    if (str_equal(node->name, STR("from"))) {
        return read_time(node, &entry->from_ns, err);
    }
    if (str_equal(node->name, STR("until"))) {
        return read_time(node, &entry->until_ns, err);
    }
    if (str_equal(node->name, STR("over"))) {
        return yaml_int64(node, 0, USAGE_TOKENS_MAX, &entry->over, err);
    }
    if (str_equal(node->name, STR("discount"))) {
        entry->is_discount = true;
        return read_discount(node, &entry->keep, err);
    }
    if (str_equal(node->name, STR("tier"))) {
        const enum errc code = yaml_word(node, tiers, &tier, err);
        entry->has_tier = true;
        entry->tier = (enum service_tier)tier;
        return code;
    }
    const int class = price_class_of(node->name);
    return class != PRICE_CLASS_COUNT ? read_rate(node, class, &entry->rates, err) : ERR_OK;
}

/* The provider an entry names; a new one where the book has none of that name. */
static enum errc find_provider(struct builder *b, struct entry *entry, const struct yaml *node,
                               struct err *err)
{
    struct str name;
    enum errc code = yaml_str(node, &name, err);
    if (code != ERR_OK) {
        return code;
    }
    if (name.size == 0 || name.size > PRICE_NAME_BYTES_MAX) {
        return yaml_error(node, err, "a name of 1 to %d bytes is wanted", PRICE_NAME_BYTES_MAX);
    }
    entry->provider = price_provider_named(b->book, name);
    if (entry->provider != PRICE_NONE) {
        return ERR_OK;
    }
    if (entry->is_discount) {
        return yaml_error(node, err,
                          "the price book has no provider \"" STR_FORMAT "\" to "
                          "discount; bursar price list shows them",
                          STR_ARG(name));
    }
    if (b->book->providers.count == PRICE_PROVIDERS_MAX) {
        return yaml_error(node, err, "more than %d providers", PRICE_PROVIDERS_MAX);
    }
    entry->provider = arena_push(b->arena, &b->book->providers);
    if (entry->provider == SIZE_MAX) {
        return full(err);
    }
    b->book->providers.rows[entry->provider] = (struct price_provider){.id = name, .name = name};
    return ERR_OK;
}

static enum errc check_entry(struct builder *b, const struct entry *entry, struct err *err)
{
    const struct yaml *const node = entry->node;
    const int kinds = entry->is_discount + (entry->rates.known != 0) + (entry->like.size > 0);
    if (kinds != 1) {
        return yaml_error(node, err,
                          "an entry has either rates (input, output, …), or discount, "
                          "or like");
    }
    if (entry->rates.known != 0 && entry->model.size == 0) {
        return yaml_error(node, err, "rates need a model");
    }
    if (entry->model.size > PRICE_NAME_BYTES_MAX) {
        return yaml_error(node, err, "a model's name has at most %d bytes", PRICE_NAME_BYTES_MAX);
    }
    if (entry->until_ns <= entry->from_ns) {
        return yaml_error(node, err, "it ends before it begins");
    }
    if (entry->like.size > 0) {
        if (price_provider_by_id(b->book, entry->like) == PRICE_NONE) {
            return yaml_error(yaml_get(node, "like"), err,
                              "the price book has no provider "
                              "\"" STR_FORMAT "\"",
                              STR_ARG(entry->like));
        }
        b->book->providers.rows[entry->provider].like = entry->like;
    }
    return ERR_OK;
}

enum errc price_entry_read(struct builder *b, const struct yaml *node, struct err *err)
{
    static const char *const names[] = {
        "provider",       "model",          "like",        "discount",    "from",   "until",
        "tier",           "region",         "over",        "source",      "input",  "cache_read",
        "cache_write_5m", "cache_write_1h", "input_audio", "input_image", "output", "output_audio",
        "reasoning",      "request",        "web_search",  NULL};
    const size_t index = b->entries.count;
    struct entry entry = {.node = node,
                          .from_ns = INT64_MIN,
                          .until_ns = INT64_MAX,
                          .over = -1,
                          .source = STR("bursar.yaml")};
    enum errc code = yaml_only(node, names, err);
    for (const struct yaml *at = code == ERR_OK ? node->first : NULL; at != NULL && code == ERR_OK;
         at = at->next) {
        code = read_member(&entry, at, err);
    }
    const struct yaml *const provider = yaml_get(node, "provider");
    if (code == ERR_OK && provider == NULL) {
        code = yaml_error(node, err, "an entry needs a provider");
    }
    code = code == ERR_OK ? find_provider(b, &entry, provider, err) : code;
    code = code == ERR_OK ? check_entry(b, &entry, err) : code;
    if (code != ERR_OK) {
        return code;
    }
    if (index == PRICE_ENTRIES_MAX) {
        return yaml_error(node, err, "more than %d prices", PRICE_ENTRIES_MAX);
    }
    entry.rank = (entry.is_discount ? RANK_DISCOUNT : RANK_PRICE) + (int32_t)index;
    if (arena_push(b->arena, &b->entries) == SIZE_MAX) {
        return full(err);
    }
    b->entries.rows[index] = entry;
    return ERR_OK;
}
