/* Attributes -> roles, and the values of roles. */
#include "base/check.h"
#include "base/hash.h"
#include "wire/otlp_priv.h"

enum {
    ANY = OTLP_DIALECT_ANY,
    CLAUDE = OTLP_DIALECT_CLAUDE,
    CODEX = OTLP_DIALECT_CODEX,
    GEMINI = OTLP_DIALECT_GEMINI,
};

static const struct key_row {
    unsigned dialects;
    enum otlp_role role;
    int rank;
    struct str name;
    const char *attribute; /* of the case */
} key_rows[] = {
#define KEY(dialects, role, rank, name, attribute)                                                 \
    {dialects, OTLP_ROLE_##role, rank, STR_STATIC(name), attribute},
#include "wire/otlp_keys.def"
};

_Static_assert(COUNT_OF(key_rows) * 2 < OTLP_KEY_SLOTS, "the index stays half empty");

/* Prefixes behind which programs put what they want a case to be told apart by. */
static const struct str attribute_prefixes[] = {
    STR_STATIC("bursar.case.attr."),
    STR_STATIC("traceloop.association.properties."),
    STR_STATIC("langfuse.trace.metadata."),
};

/* Of the names above, which are our own: their beginnings, middles and ends tell them apart. */
static uint64_t name_hash(struct str name)
{
    uint64_t parts[3] = {0};
    const size_t size = name.size < sizeof parts[0] ? name.size : sizeof parts[0];
    memcpy(&parts[0], name.data, size);
    memcpy(&parts[1], name.data + (name.size - size) / 2, size);
    memcpy(&parts[2], name.data + name.size - size, size);
    uint64_t hash = (parts[0] ^ name.size) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ parts[1] ^ hash >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ parts[2] ^ hash >> 32) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

static struct otlp_key_slot *slot_of(struct otlp *otlp, struct str name, uint64_t hash)
{
    size_t at = hash % OTLP_KEY_SLOTS;
    while (otlp->keys[at].row >= 0 &&
           (otlp->keys[at].hash != hash || !str_equal(key_rows[otlp->keys[at].row].name, name))) {
        at = (at + 1) % OTLP_KEY_SLOTS;
    }
    return &otlp->keys[at];
}

void otlp_keys_init(struct otlp *otlp)
{
    CHECK(otlp != NULL);
    for (size_t i = 0; i < OTLP_KEY_SLOTS; i++) {
        otlp->keys[i].row = -1;
    }
    for (size_t i = 0; i < COUNT_OF(key_rows); i++) {
        const uint64_t hash = name_hash(key_rows[i].name);
        struct otlp_key_slot *const slot = slot_of(otlp, key_rows[i].name, hash);
        CHECK(slot->row < 0); /* a name has one role */
        *slot = (struct otlp_key_slot){hash, (int)i};
    }
}

static const struct key_row *key_of(struct otlp *otlp, struct str name)
{
    enum { NAME_BYTES_MAX = 64 };
    if (name.size == 0 || name.size > NAME_BYTES_MAX) {
        return NULL;
    }
    const struct otlp_key_slot *const slot = slot_of(otlp, name, name_hash(name));
    return slot->row >= 0 ? &key_rows[slot->row] : NULL;
}

void otlp_roles(struct otlp *otlp, const struct otlp_attributes *attributes, unsigned dialects)
{
    CHECK(attributes->count <= OTLP_ATTRIBUTES_MAX);
    memset(otlp->slots, 0, sizeof otlp->slots);
    for (size_t i = 0; i < attributes->count; i++) {
        const struct otlp_attribute *const attribute = &attributes->rows[i];
        const struct key_row *const row = key_of(otlp, attribute->key);
        if (row == NULL || (row->dialects & dialects) == 0 || attribute->value.type == OTLP_NONE) {
            continue;
        }
        struct otlp_slot *const slot = &otlp->slots[row->role];
        if (slot->attribute == NULL || row->rank <= slot->rank) {
            *slot = (struct otlp_slot){attribute, row->rank};
        }
    }
}

bool otlp_has(const struct otlp *otlp, enum otlp_role role)
{
    CHECK(role < OTLP_ROLE_COUNT);
    return otlp->slots[role].attribute != NULL;
}

struct str otlp_text(const struct otlp *otlp, enum otlp_role role)
{
    CHECK(role < OTLP_ROLE_COUNT);
    const struct otlp_attribute *const attribute = otlp->slots[role].attribute;
    return attribute != NULL &&
                   (attribute->value.type == OTLP_TEXT || attribute->value.type == OTLP_LIST)
               ? attribute->value.text
               : (struct str){0};
}

bool otlp_integer(const struct otlp_value *value, int64_t *out)
{
    CHECK(value != NULL);
    int64_t integer = -1;
    switch (value->type) {
    case OTLP_INT:
        integer = value->integer;
        break;
    case OTLP_TEXT:
        if (!str_to_int64(value->text, &integer)) {
            return false;
        }
        break;
    case OTLP_DOUBLE: /* NaN compares false */
        if (!(value->number >= 0) || !(value->number <= (double)USAGE_TOKENS_MAX)) {
            return false;
        }
        integer = (int64_t)value->number;
        if ((double)integer < value->number) {
            return false;
        }
        break;
    case OTLP_NONE:
    case OTLP_BOOL:
    case OTLP_BYTES:
    case OTLP_LIST:
        return false;
    }
    if (integer < 0 || integer > USAGE_TOKENS_MAX) {
        return false;
    }
    *out = integer;
    return true;
}

bool otlp_number(const struct otlp_value *value, double *out)
{
    CHECK(out != NULL);
    double number = 0;
    if (value->type == OTLP_DOUBLE) {
        number = value->number;
    } else if (value->type == OTLP_INT) {
        number = (double)value->integer;
    } else if (value->type == OTLP_TEXT) {
        int64_t millionths = 0;
        struct err err;
        if (money_parse_scaled(value->text, 9, &millionths, &err) != ERR_OK) {
            return false;
        }
        number = (double)millionths / 1e9;
    } else {
        return false;
    }
    if (!(number > -1e15) || !(number < 1e15)) {
        return false;
    }
    *out = number;
    return true;
}

bool otlp_flag(const struct otlp *otlp, enum otlp_role role, bool absent)
{
    const struct otlp_attribute *const attribute = otlp->slots[role].attribute;
    if (attribute == NULL) {
        return absent;
    }
    const struct otlp_value *const value = &attribute->value;
    if (value->type == OTLP_BOOL || value->type == OTLP_INT) {
        return value->integer != 0;
    }
    if (str_equal_fold(value->text, STR("true"))) {
        return true;
    }
    return str_equal_fold(value->text, STR("false")) ? false : absent;
}

/* Bytes of the UTF-8 sequence at the head of `bytes`, 0: it is none. Source: RFC 3629. */
static size_t sequence_size(const unsigned char *bytes, size_t size)
{
    static const struct {
        unsigned char low, high, second_low, second_high, size;
    } rows[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (bytes[0] < rows[i].low || bytes[0] > rows[i].high) {
            continue;
        }
        bool fits = rows[i].size <= size;
        for (size_t k = 1; k < rows[i].size && fits; k++) {
            fits = k == 1 ? bytes[1] >= rows[i].second_low && bytes[1] <= rows[i].second_high
                          : (bytes[k] & 0xc0) == 0x80;
        }
        return fits ? rows[i].size : 0;
    }
    return 0;
}

/* Only characters of ASCII, and no NUL. */
static bool is_plain(struct str text)
{
    const uint64_t highs = UINT64_C(0x8080808080808080);
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t at = 0;
    for (; at + sizeof highs <= text.size; at += sizeof highs) {
        uint64_t word;
        memcpy(&word, text.data + at, sizeof word);
        if (((word | (word - ones)) & highs) != 0) { /* also where a NUL borrows */
            return false;
        }
    }
    for (; at < text.size; at++) {
        if (text.data[at] == '\0' || ((unsigned char)text.data[at] & 0x80) != 0) {
            return false;
        }
    }
    return true;
}

/* Protobuf strings may hold any bytes. What is no UTF-8, and NUL, becomes '?'. */
struct str otlp_intern(struct otlp *otlp, struct str text)
{
    CHECK(otlp->rows != NULL);
    if (text.size <= WIRE_ID_BYTES_MAX && is_plain(text)) {
        return wire_intern(otlp->rows, text);
    }
    char clean[WIRE_ID_BYTES_MAX];
    size_t used = 0;
    bool is_clean = text.size <= sizeof clean;
    for (size_t at = 0; at < text.size && used < sizeof clean;) {
        const unsigned char *const bytes = (const unsigned char *)text.data + at;
        const size_t size = sequence_size(bytes, text.size - at);
        if (used + (size > 0 ? size : 1) > sizeof clean) {
            break;
        }
        if (size > 0) {
            memcpy(clean + used, bytes, size);
        } else {
            clean[used] = '?';
            is_clean = false;
        }
        used += size > 0 ? size : 1;
        at += size > 0 ? size : 1;
    }
    return wire_intern(otlp->rows, is_clean ? text : (struct str){clean, used});
}

struct str otlp_intern_value(struct otlp *otlp, const struct otlp_value *value)
{
    switch (value->type) {
    case OTLP_TEXT:
    case OTLP_LIST:
        return otlp_intern(otlp, value->text);
    case OTLP_INT:
        return wire_format_copy(otlp->rows, "%lld", (long long)value->integer);
    case OTLP_BOOL:
        return value->integer != 0 ? STR("true") : STR("false");
    case OTLP_DOUBLE:
        return wire_format_copy(otlp->rows, "%.15g", value->number);
    case OTLP_NONE:
    case OTLP_BYTES:
        break;
    }
    return (struct str){0};
}

/* What an attribute is called on the case; empty: it is none of those. */
static struct str case_attribute(struct otlp *otlp, struct str key)
{
    const struct key_row *const row = key_of(otlp, key);
    if (row != NULL) {
        return row->role == OTLP_ROLE_ATTRIBUTE ? str_from(row->attribute) : (struct str){0};
    }
    for (size_t i = 0; i < COUNT_OF(attribute_prefixes); i++) {
        const struct str prefix = attribute_prefixes[i];
        if (key.size > prefix.size && str_starts_with(key, prefix)) {
            return (struct str){key.data + prefix.size, key.size - prefix.size};
        }
    }
    return (struct str){0};
}

/* The rules' facts into *facts and their attributes into `found`; returns how many of these. */
static size_t add_correlated(struct otlp *otlp, const struct correlated *correlated,
                             struct otlp_facts *facts, struct attribute *found)
{
    for (int i = 0; i < CORRELATION_OUTCOME; i++) {
        facts->values[OTLP_FACT_RULE + i] = otlp_intern(otlp, correlated->fields[i]);
    }
    for (size_t i = 0; i < correlated->attribute_count; i++) {
        const struct attribute *const from = &correlated->attributes[i];
        found[i] =
            (struct attribute){otlp_intern(otlp, from->name), otlp_intern(otlp, from->value)};
    }
    return correlated->attribute_count;
}

const struct otlp_facts *otlp_facts_of(struct otlp *otlp, const struct otlp_attributes *attributes,
                                       const struct correlated *correlated)
{
    static const enum otlp_role roles[OTLP_FACT_RULE] = {
        [OTLP_FACT_WORKFLOW] = OTLP_ROLE_WORKFLOW,
        [OTLP_FACT_CASE] = OTLP_ROLE_CASE,
        [OTLP_FACT_ATTEMPT] = OTLP_ROLE_ATTEMPT,
        [OTLP_FACT_INPUT_KEY] = OTLP_ROLE_INPUT_KEY,
        [OTLP_FACT_SESSION] = OTLP_ROLE_SESSION,
        [OTLP_FACT_WORKFLOW_HINT] = OTLP_ROLE_WORKFLOW_HINT,
    };
    struct otlp_facts facts = {0};
    bool any = false;
    for (int i = 0; i < OTLP_FACT_RULE; i++) {
        const struct otlp_attribute *const attribute = otlp->slots[roles[i]].attribute;
        facts.values[i] =
            attribute != NULL ? otlp_intern_value(otlp, &attribute->value) : (struct str){0};
        any = any || facts.values[i].size > 0;
    }
    struct attribute found[OTLP_FACT_ATTRIBUTES_MAX + CORRELATION_ATTRIBUTES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < attributes->count && count < OTLP_FACT_ATTRIBUTES_MAX; i++) {
        const struct str name = case_attribute(otlp, attributes->rows[i].key);
        if (name.size > 0) {
            const struct str value = otlp_intern_value(otlp, &attributes->rows[i].value);
            found[count] = (struct attribute){otlp_intern(otlp, name), value};
            count += value.size > 0;
        }
    }
    const size_t derived =
        correlated != NULL ? add_correlated(otlp, correlated, &facts, found + count) : 0;
    for (int i = OTLP_FACT_RULE; i < OTLP_FACT_COUNT; i++) {
        any = any || facts.values[i].size > 0;
    }
    if ((!any && count + derived == 0) || otlp->rows->full) {
        return NULL;
    }
    struct otlp_facts *const kept = arena_new(otlp->rows->arena, struct otlp_facts, 1);
    struct attribute *const copies =
        arena_new(otlp->rows->arena, struct attribute, count + derived + 1);
    if (kept == NULL || copies == NULL) {
        otlp->rows->full = true;
        return NULL;
    }
    memcpy(copies, found, (count + derived) * sizeof found[0]);
    *kept = facts;
    kept->attributes = copies;
    kept->attribute_count = count;
    kept->derived = copies + count;
    kept->derived_count = derived;
    return kept;
}
