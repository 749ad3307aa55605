#include "wire/table_value.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/money.h"

static const struct {
    const char *key;
    enum table_section section;
    enum table_type type;
} fields[] = {
#define X(section, name, key, type)                                                                \
    [TABLE_##section##_##name] = {key, TABLE_##section, TABLE_##type},
    TABLE_FIELDS(X)
#undef X
};

const char *table_field_key(enum table_name name)
{
    CHECK(name < TABLE_FIELD_COUNT);
    return fields[name].key;
}

enum table_section table_field_section(enum table_name name)
{
    CHECK(name < TABLE_FIELD_COUNT);
    return fields[name].section;
}

enum table_type table_field_type(enum table_name name)
{
    CHECK(name < TABLE_FIELD_COUNT);
    return fields[name].type;
}

static const char *const money_units[] = {"usd",      "cents",    "micro_usd",
                                          "nano_usd", "pico_usd", NULL};
static const int money_decimals[] = {12, 10, 6, 3, 0};
static const char *const time_units[] = {"text", "unix_s", "unix_ms", "unix_us", "unix_ns", NULL};
static const int time_decimals[] = {0, 9, 6, 3, 0};
static const char *const duration_units[] = {"ns", "us", "ms", "s", "min", "h", NULL};
static const struct {
    int decimals;
    int64_t factor;
} durations[] = {{0, 1}, {3, 1}, {6, 1}, {9, 1}, {9, 60}, {9, 3600}};
enum { DURATION_S = 3, DURATION_MIN = 4 };

_Static_assert(COUNT_OF(money_units) == COUNT_OF(money_decimals) + 1, "a scale for each unit");
_Static_assert(COUNT_OF(time_units) == COUNT_OF(time_decimals) + 1, "a scale for each unit");
_Static_assert(COUNT_OF(duration_units) == COUNT_OF(durations) + 1, "a scale for each unit");

const char *const *table_units(enum table_type type)
{
    CHECK(type < TABLE_TYPE_COUNT);
    static const char *const *const units[TABLE_TYPE_COUNT] = {
        [TABLE_MONEY] = money_units,
        [TABLE_TIME] = time_units,
        [TABLE_DURATION] = duration_units,
    };
    return units[type];
}

int table_unit_default(enum table_name name)
{
    CHECK(name < TABLE_FIELD_COUNT);
    if (fields[name].type != TABLE_DURATION) {
        return 0;
    }
    return name == TABLE_STEP_DURATION ? DURATION_S : DURATION_MIN;
}

/* Words of the outside world; those of one value stand together, its own name first. */
struct synonym {
    const char *word;
    int value;
};

static const struct synonym kinds[] = {
    {"llm", STEP_LLM},
    {"tool", STEP_TOOL},
    {"retrieval", STEP_RETRIEVAL},
    {"decision", STEP_DECISION},
    {"human", STEP_HUMAN},
    {"guard", STEP_GUARD},
    {"agent", STEP_AGENT},
    {NULL, 0},
};
static const struct synonym statuses[] = {
    {"ok", STATUS_OK},
    {"error", STATUS_ERROR},
    {"rejected", STATUS_REJECTED},
    {"interrupted", STATUS_INTERRUPTED},
    {NULL, 0},
};
static const struct synonym effects[] = {
    {"unknown", EFFECT_UNKNOWN}, {"read", EFFECT_READ}, {"write", EFFECT_WRITE}, {NULL, 0}};
static const struct synonym tiers[] = {
    {"standard", TIER_STANDARD}, {"batch", TIER_BATCH}, {"flex", TIER_FLEX},
    {"priority", TIER_PRIORITY}, {"fast", TIER_FAST},   {NULL, 0},
};
static const struct synonym verdicts[] = {
    {"resolved", OUTCOME_RESOLVED},   {"success", OUTCOME_RESOLVED},
    {"succeeded", OUTCOME_RESOLVED},  {"solved", OUTCOME_RESOLVED},
    {"passed", OUTCOME_RESOLVED},     {"true", OUTCOME_RESOLVED},
    {"1", OUTCOME_RESOLVED},          {"yes", OUTCOME_RESOLVED},
    {"failed", OUTCOME_FAILED},       {"failure", OUTCOME_FAILED},
    {"unresolved", OUTCOME_FAILED},   {"unsolved", OUTCOME_FAILED},
    {"false", OUTCOME_FAILED},        {"0", OUTCOME_FAILED},
    {"no", OUTCOME_FAILED},           {"reopened", OUTCOME_REOPENED},
    {"escalated", OUTCOME_ESCALATED}, {"transferred", OUTCOME_ESCALATED},
    {"candidate", OUTCOME_CANDIDATE}, {NULL, 0},
};
static const struct synonym bools[] = {
    {"true", 1}, {"1", 1},  {"yes", 1}, {"t", 1}, {"y", 1},  {"false", 0},
    {"0", 0},    {"no", 0}, {"f", 0},   {"n", 0}, {NULL, 0},
};

static struct str shown(struct str text)
{
    enum { SHOWN_BYTES_MAX = 60 };
    return (struct str){text.data, text.size > SHOWN_BYTES_MAX ? SHOWN_BYTES_MAX : text.size};
}

static enum errc read_word(const struct synonym *words, struct str text, struct table_cell *out,
                           struct err *err)
{
    const struct str trimmed = str_trim(text);
    size_t used = 0;
    char allowed[256] = "";
    for (; words->word != NULL; words++) {
        const struct str word = str_from(words->word);
        if (str_equal_fold(trimmed, word)) {
            out->number = words->value;
            return ERR_OK;
        }
        const char *const comma = used > 0 ? ", " : "";
        const size_t size = word.size + strlen(comma);
        CHECK(used + size < sizeof allowed);
        memcpy(allowed + used, comma, strlen(comma));
        memcpy(allowed + used + strlen(comma), word.data, word.size);
        used += size;
        allowed[used] = '\0';
    }
    return err_set(err, ERR_SYNTAX, "found \"" STR_FORMAT "\"; allowed: %s",
                   STR_ARG(shown(trimmed)), allowed);
}

static enum errc read_scaled(struct str text, int decimals, int64_t factor, bool signed_,
                             struct table_cell *out, struct err *err)
{
    int64_t number;
    const enum errc code = money_parse_scaled(str_trim(text), decimals, &number, err);
    if (code != ERR_OK) {
        return code;
    }
    if (number < 0 && !signed_) {
        return err_set(err, ERR_RANGE, "\"" STR_FORMAT "\" is negative", STR_ARG(shown(text)));
    }
    if (__builtin_mul_overflow(number, factor, &out->number)) {
        return err_set(err, ERR_RANGE, "\"" STR_FORMAT "\" is too large", STR_ARG(shown(text)));
    }
    return ERR_OK;
}

/* "843" and "843.0", which is how a column of doubles is written, but not "843.5". */
static enum errc read_count(struct str text, struct table_cell *out, struct err *err)
{
    enum { PARTS = 1000 };
    const enum errc code = read_scaled(text, 3, 1, false, out, err);
    if (code != ERR_OK) {
        return code;
    }
    if (out->number % PARTS != 0) {
        return err_set(err, ERR_SYNTAX, "\"" STR_FORMAT "\" is not a whole number",
                       STR_ARG(shown(text)));
    }
    out->number /= PARTS;
    return ERR_OK;
}

/* Up to 16 hexadecimal digits are a hash already; anything else is hashed. */
static void read_hash(struct str text, struct table_cell *out)
{
    uint64_t value = 0;
    bool hex = text.size <= 16;
    for (size_t i = 0; i < text.size && hex; i++) {
        const char c = text.data[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        hex = digit >= 0;
        value = value * 16 + (uint64_t)(hex ? digit : 0);
    }
    out->hash = hex ? value : hash64(text);
}

static enum errc read_typed(const struct table_field *field, struct str text,
                            struct table_cell *out, struct err *err)
{
    switch (field->type) {
    case TABLE_TEXT:
    case TABLE_PROSE:
        out->text = text;
        return ERR_OK;
    case TABLE_COUNT:
        return read_count(text, out, err);
    case TABLE_MONEY:
        return read_scaled(text, money_decimals[field->unit], 1, false, out, err);
    case TABLE_TIME:
        return field->unit == 0 ? clock_parse(text, &out->number, err)
                                : read_scaled(text, time_decimals[field->unit], 1, true, out, err);
    case TABLE_DURATION:
        return read_scaled(text, durations[field->unit].decimals, durations[field->unit].factor,
                           false, out, err);
    case TABLE_NUMBER:
        return read_scaled(text, 6, 1, true, out, err);
    case TABLE_HASH:
        read_hash(str_trim(text), out);
        return ERR_OK;
    case TABLE_BOOL:
        return read_word(bools, text, out, err);
    case TABLE_KIND:
        return read_word(kinds, text, out, err);
    case TABLE_STATUS:
        return read_word(statuses, text, out, err);
    case TABLE_EFFECT:
        return read_word(effects, text, out, err);
    case TABLE_TIER:
        return read_word(tiers, text, out, err);
    case TABLE_VERDICT:
        return read_word(verdicts, text, out, err);
    case TABLE_TYPE_COUNT:
        break;
    }
    CHECK(field->type != TABLE_TYPE_COUNT);
    return ERR_OK;
}

enum errc table_value(const struct table_field *field, struct str text, struct table_cell *out,
                      struct err *err)
{
    CHECK(field != NULL);
    CHECK(out != NULL);

    for (size_t i = 0; i < field->word_count; i++) {
        if (str_equal(field->words[i].from, text)) {
            text = field->words[i].to;
            break;
        }
    }
    if (text.size == 0 && field->has_fallback) {
        text = field->fallback;
    }
    struct table_cell cell = {.present = text.size > 0};
    if (text.size > TABLE_TEXT_BYTES_MAX && field->type != TABLE_PROSE) {
        return err_set(err, ERR_RANGE, "%zu bytes long; at most %d are taken", text.size,
                       TABLE_TEXT_BYTES_MAX);
    }
    const enum errc code = cell.present ? read_typed(field, text, &cell, err) : ERR_OK;
    if (code == ERR_OK) {
        *out = cell;
    }
    return code;
}
