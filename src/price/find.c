/*
 * find: from the names calls carry to a provider and a model of the book.
 *
 * Names come with prefixes ("bedrock/…", "models/…"), dates and versions. A name is tried as it
 * is, then with less and less of that, at one provider; the first model whose pattern it meets is
 * meant.
 */
#include "price/price_priv.h"

#include "base/check.h"
#include "base/hash.h"

enum { MEMO_SLOTS = 1024, MEMO_NAME_BYTES_MAX = 120, PREFIXES_MAX = 3, DATE_DIGITS = 8 };

struct memo_slot {
    const struct price_book *book; /* NULL: free */
    const struct price_model *model;
    uint32_t provider_bytes;
    uint32_t bytes;
    char name[MEMO_NAME_BYTES_MAX]; /* provider and model, one behind the other */
};

struct price_memo {
    struct memo_slot slots[MEMO_SLOTS];
};

struct name {
    char bytes[PRICE_NAME_BYTES_MAX + 4]; /* two hyphens more, for a date */
    size_t size;
};

struct price_memo *price_memo_create(struct arena *arena)
{
    return arena_new(arena, struct price_memo, 1);
}

size_t price_provider_by_id(const struct price_book *book, struct str id)
{
    for (size_t i = 0; i < book->providers.count; i++) {
        if (str_equal_fold(book->providers.rows[i].id, id)) {
            return i;
        }
    }
    return PRICE_NONE;
}

size_t price_provider_named(const struct price_book *book, struct str name)
{
    CHECK(book != NULL);
    if (name.size == 0 || name.size > PRICE_NAME_BYTES_MAX) {
        return PRICE_NONE;
    }
    const size_t exact = price_provider_by_id(book, name);
    if (exact != PRICE_NONE) {
        return exact;
    }
    for (size_t i = 0; i < book->aliases.count; i++) {
        if (price_matches(book->aliases.rows[i].patterns, name)) {
            return book->aliases.rows[i].provider;
        }
    }
    for (size_t i = 0; i < book->providers.count; i++) {
        if (price_matches(book->providers.rows[i].aka, name)) {
            return i;
        }
    }
    return PRICE_NONE;
}

bool price_knows_provider(const struct price_book *book, struct str name)
{
    CHECK(book != NULL);
    return price_provider_named(book, name) != PRICE_NONE;
}

/* The provider a bare model name means. */
static size_t provider_meant(const struct price_book *book, struct str name)
{
    CHECK(name.size <= PRICE_NAME_BYTES_MAX);
    for (size_t i = 0; i < book->infers.count; i++) {
        if (price_matches(book->infers.rows[i].patterns, name)) {
            return book->infers.rows[i].provider;
        }
    }
    for (size_t i = 0; i < book->providers.count; i++) {
        if (price_matches(book->providers.rows[i].means, name)) {
            return i;
        }
    }
    return PRICE_NONE;
}

static const struct price_model *first_match(const struct price_book *book, size_t provider,
                                             struct str name)
{
    CHECK(provider < book->providers.count);
    const struct price_provider *const p = &book->providers.rows[provider];
    for (size_t i = p->model_first; i < p->model_first + p->model_count; i++) {
        if (price_matches(book->models.rows[i].match, name)) {
            return &book->models.rows[i];
        }
    }
    return NULL;
}

/* At the provider, or at one whose models it sells at their price. */
static const struct price_model *match_or_like(const struct price_book *book, size_t provider,
                                               struct str name)
{
    const struct price_model *model = first_match(book, provider, name);
    struct str like = book->providers.rows[provider].like;
    while (model == NULL && like.size > 0) {
        const size_t other = price_provider_by_id(book, str_cut(&like, ' '));
        model = other != PRICE_NONE ? first_match(book, other, name) : NULL;
    }
    return model;
}

/* Eight digits that can be a day of this century, at the end or before one of "-:". */
static bool date_at(struct str text)
{
    if (text.size < DATE_DIGITS || (text.size > DATE_DIGITS && text.data[DATE_DIGITS] != '-' &&
                                    text.data[DATE_DIGITS] != ':')) {
        return false;
    }
    int64_t date;
    return str_to_int64((struct str){text.data, DATE_DIGITS}, &date) && text.data[0] == '2' &&
           text.data[1] == '0' && date / 100 % 100 >= 1 && date / 100 % 100 <= 12 &&
           date % 100 >= 1 && date % 100 <= 31;
}

/* "-20250929" becomes "-2025-09-29", once. Source: @pydantic/genai-prices does the same. */
static bool write_date_apart(struct str name, struct name *out)
{
    for (size_t i = 0; i + DATE_DIGITS < name.size; i++) {
        const struct str rest = {name.data + i + 1, name.size - i - 1};
        if (name.data[i] == '-' && date_at(rest)) {
            CHECK(name.size + 2 <= sizeof out->bytes);
            memcpy(out->bytes, name.data, i + 5);
            out->bytes[i + 5] = '-';
            memcpy(out->bytes + i + 6, rest.data + 4, 2);
            out->bytes[i + 8] = '-';
            memcpy(out->bytes + i + 9, rest.data + 6, rest.size - 6);
            out->size = name.size + 2;
            return true;
        }
    }
    return false;
}

/* "models/gemini-2.5-pro", "publishers/google/models/gemini-2.5-pro". */
static bool drop_path(struct name *name)
{
    const struct str text = {name->bytes, name->size};
    const size_t at = name->size > 0 ? str_find(text, STR("models/")) : SIZE_MAX;
    if (at == SIZE_MAX) {
        return false;
    }
    CHECK(name->size >= at + 7);
    name->size -= at + 7;
    memmove(name->bytes, name->bytes + at + 7, name->size);
    return true;
}

/* "claude-sonnet-4-5@20250929" is "claude-sonnet-4-5-20250929". */
static bool write_at_as_hyphen(struct name *name)
{
    char *const at = memchr(name->bytes, '@', name->size);
    if (at != NULL) {
        *at = '-';
    }
    return at != NULL;
}

/* "claude-opus-5-5[1m]". */
static bool drop_bracket(struct name *name)
{
    const char *const at = memchr(name->bytes, '[', name->size);
    if (at == NULL || name->bytes[name->size - 1] != ']') {
        return false;
    }
    name->size = (size_t)(at - name->bytes);
    return true;
}

static bool digits_are(const char *bytes, const char *shape)
{
    for (size_t i = 0; shape[i] != '\0'; i++) {
        const bool is_digit = bytes[i] >= '0' && bytes[i] <= '9';
        if (shape[i] == '#' ? !is_digit : bytes[i] != shape[i]) {
            return false;
        }
    }
    return true;
}

/* A day the book does not list apart costs what the undated name costs. */
static bool drop_date(struct name *name)
{
    static const char *const shapes[] = {"-20######", "-20##-##-##", "-latest"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const size_t size = strlen(shapes[i]);
        if (name->size > size && digits_are(name->bytes + name->size - size, shapes[i])) {
            name->size -= size;
            return true;
        }
    }
    return false;
}

const struct price_model *price_model_in(const struct price_book *book, size_t provider,
                                         struct str text)
{
    CHECK(provider < book->providers.count);
    static bool (*const steps[])(struct name *) = {drop_path, write_at_as_hyphen, drop_bracket,
                                                   drop_date};
    if (text.size == 0 || text.size > PRICE_NAME_BYTES_MAX) {
        return NULL;
    }
    struct name name = {.size = text.size};
    struct name apart;
    memcpy(name.bytes, text.data, text.size);
    const struct price_model *model = NULL;
    bool changed = true;
    for (size_t step = 0; model == NULL && step <= COUNT_OF(steps); step++) {
        const struct str now = {name.bytes, name.size};
        if (changed && now.size > 0) {
            model = match_or_like(book, provider, now);
        }
        if (changed && model == NULL && now.size > 0 && now.size <= PRICE_NAME_BYTES_MAX - 2 &&
            write_date_apart(now, &apart)) {
            model = match_or_like(book, provider, (struct str){apart.bytes, apart.size});
        }
        changed = step < COUNT_OF(steps) && steps[step](&name);
    }
    return model;
}

/* Names of programs that pass calls on under the provider's own name. */
static bool is_passed_on(struct str prefix)
{
    return str_equal_fold(prefix, STR("litellm")) || str_equal_fold(prefix, STR("litellm_proxy"));
}

/* "bedrock/us.anthropic.claude…", "openai:gpt-5": the provider in front, or PRICE_NONE. */
static size_t take_prefix(const struct price_book *book, struct str *name)
{
    for (int i = 0; i < PREFIXES_MAX; i++) {
        struct str rest = *name;
        const struct str prefix = str_cut(&rest, '/');
        if (prefix.size == name->size) {
            break;
        }
        if (is_passed_on(prefix)) {
            *name = rest;
            continue;
        }
        const size_t provider = price_provider_named(book, prefix);
        if (provider != PRICE_NONE) {
            *name = rest;
        }
        return provider;
    }
    struct str rest = *name;
    const struct str prefix = str_cut(&rest, ':');
    const size_t provider =
        prefix.size < name->size ? price_provider_by_id(book, prefix) : PRICE_NONE;
    if (provider != PRICE_NONE) {
        *name = rest;
    }
    return provider;
}

/* What bursar.yaml prices under exactly that name, at whatever provider. */
static const struct price_model *find_named(const struct price_book *book, struct str name,
                                            const char **why)
{
    const struct price_model *found = NULL;
    for (size_t i = 0; i < book->named.count; i++) {
        CHECK(book->named.rows[i].model < book->models.count);
        const struct price_model *const model = &book->models.rows[book->named.rows[i].model];
        if (!str_equal_fold(model->id, name)) {
            continue;
        }
        if (found != NULL) {
            *why = "bursar.yaml prices this name at several providers, and the call names none";
            return NULL;
        }
        found = model;
    }
    return found;
}

static const struct price_model *look_up(const struct price_book *book, struct str provider,
                                         struct str model, const char **why)
{
    struct str rest = model;
    if (provider.size > 0 && !is_passed_on(provider)) {
        const size_t at = price_provider_named(book, provider);
        if (at == PRICE_NONE) {
            *why = "the price book does not know this provider";
            return NULL;
        }
        const struct price_model *found = price_model_in(book, at, model);
        if (found == NULL && take_prefix(book, &rest) == at) {
            found = price_model_in(book, at, rest);
        }
        *why = "the price book does not know this model at this provider";
        return found;
    }
    size_t at = take_prefix(book, &rest);
    const bool is_bare = at == PRICE_NONE;
    if (is_bare) {
        at = provider_meant(book, rest);
    }
    *why = at == PRICE_NONE ? "no provider is known to be meant by this name; name it"
                            : "the price book does not know this model at this provider";
    const struct price_model *const found =
        at != PRICE_NONE ? price_model_in(book, at, rest) : NULL;
    return found == NULL && is_bare ? find_named(book, rest, why) : found;
}

static struct memo_slot *slot_of(struct price_memo *memo, struct str provider, struct str model)
{
    if (memo == NULL || provider.size + model.size > MEMO_NAME_BYTES_MAX) {
        return NULL;
    }
    return &memo->slots[(hash64(model) + 31 * hash64(provider)) % MEMO_SLOTS];
}

static bool slot_holds(const struct memo_slot *slot, const struct price_book *book,
                       struct str provider, struct str model)
{
    return slot->book == book && slot->provider_bytes == provider.size &&
           slot->bytes == provider.size + model.size &&
           (provider.size == 0 || memcmp(slot->name, provider.data, provider.size) == 0) &&
           memcmp(slot->name + provider.size, model.data, model.size) == 0;
}

const struct price_model *price_find(const struct price_book *book, struct str provider,
                                     struct str model, struct price_memo *memo, const char **why)
{
    CHECK(book != NULL);
    CHECK(why != NULL);
    provider = str_trim(provider);
    model = str_trim(model);
    if (model.size == 0 || model.size > PRICE_NAME_BYTES_MAX ||
        provider.size > PRICE_NAME_BYTES_MAX) {
        *why = model.size == 0 ? "the call names no model" : "a name longer than any in the book";
        return NULL;
    }
    struct memo_slot *const slot = slot_of(memo, provider, model);
    if (slot != NULL && slot_holds(slot, book, provider, model)) {
        return slot->model;
    }
    const struct price_model *const found = look_up(book, provider, model, why);
    if (slot != NULL && found != NULL) {
        *slot = (struct memo_slot){.book = book,
                                   .model = found,
                                   .provider_bytes = (uint32_t)provider.size,
                                   .bytes = (uint32_t)(provider.size + model.size)};
        if (provider.size > 0) {
            memcpy(slot->name, provider.data, provider.size);
        }
        memcpy(slot->name + provider.size, model.data, model.size);
    }
    return found;
}
