#include "wire/correlation.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"

bool correlation_seal(struct correlation *correlation, struct arena *arena)
{
    CHECK(correlation != NULL);
    CHECK(correlation->name_count <= CORRELATION_NAMES_MAX);
    size_t count = 8;
    while (count < 2 * correlation->name_count) {
        count *= 2;
    }
    struct correlation_slot *const slots = arena_new(arena, struct correlation_slot, count);
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        slots[i].name = SIZE_MAX;
    }
    for (size_t i = 0; i < correlation->name_count; i++) {
        const uint64_t hash = hash64(correlation->names[i]);
        size_t at = hash & (count - 1);
        while (slots[at].name != SIZE_MAX) {
            at = (at + 1) & (count - 1);
        }
        slots[at] = (struct correlation_slot){hash, i};
    }
    correlation->slots = slots;
    correlation->slot_count = count;
    return true;
}

size_t correlation_find(const struct correlation *correlation, struct str name)
{
    CHECK(correlation->slot_count > correlation->name_count);
    const uint64_t hash = hash64(name);
    size_t at = hash & (correlation->slot_count - 1);
    while (correlation->slots[at].name != SIZE_MAX &&
           !(correlation->slots[at].hash == hash &&
             str_equal(correlation->names[correlation->slots[at].name], name))) {
        at = (at + 1) & (correlation->slot_count - 1);
    }
    return correlation->slots[at].name;
}

bool correlation_like(struct str text, struct str pattern)
{
    size_t t = 0;
    size_t p = 0;
    size_t star = SIZE_MAX; /* the last "*", and what it stands for so far ends at `mark` */
    size_t mark = 0;
    while (t < text.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.size && pattern.data[p] == text.data[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.size;
}

/* What a group of the pattern matched in the text; false: it does not match. */
static bool match(struct correlator *correlator, const struct regex *regex, struct str text,
                  uint32_t group, struct str *out)
{
    if (correlator->given_up >= CORRELATION_GIVEN_UP_MAX) {
        return false;
    }
    if (correlator->matcher == NULL) {
        regex_matcher_create(&correlator->matcher);
    }
    const enum regex_result result = regex_match(correlator->matcher, regex, text, group, out);
    correlator->given_up += result == REGEX_GIVEN_UP;
    return result == REGEX_MATCHES;
}

static bool holds(const struct correlation_condition *condition, struct correlator *correlator,
                  struct str value)
{
    struct str matched;
    if (value.size == 0) {
        return false;
    }
    if (condition->match != NULL) {
        return match(correlator, condition->match, value, 0, &matched);
    }
    for (size_t i = 0; i < condition->text_count; i++) {
        if (correlation_like(value, condition->texts[i])) {
            return true;
        }
    }
    return false;
}

static struct str mapped(const struct correlation_value *value, struct str text)
{
    struct str other = {0};
    for (size_t i = 0; i < value->map_count; i++) {
        if (str_equal(value->map[i].name, text)) {
            return value->map[i].value;
        }
        if (str_equal(value->map[i].name, STR("*"))) {
            other = value->map[i].value;
        }
    }
    return value->map_count > 0 ? other : text;
}

/* "0.8" against the threshold; no number: no outcome. */
static struct str judged(const struct correlation_value *value, struct str text)
{
    enum { NUMBER_BYTES_MAX = 40 };
    char number[NUMBER_BYTES_MAX + 1] = {0};
    if (text.size == 0 || text.size > NUMBER_BYTES_MAX) {
        return (struct str){0};
    }
    memcpy(number, text.data, text.size);
    char *end = NULL;
    const double score = strtod(number, &end);
    if (end != number + text.size || !(score > -1e300) || !(score < 1e300)) {
        return (struct str){0};
    }
    return score >= value->at_least ? STR("resolved") : STR("failed");
}

/* Of the first name that has a value. What does not match or has no word gives none. */
static struct str value_of(const struct correlation_value *value, struct correlator *correlator,
                           const struct str *values)
{
    if (value->name_count == 0) {
        return value->constant;
    }
    struct str text = {0};
    for (size_t i = 0; i < value->name_count && text.size == 0; i++) {
        text = values[value->names[i]];
    }
    if (text.size > 0 && value->match != NULL) {
        struct str taken = {0};
        text = match(correlator, value->match, text, value->take, &taken) ? taken : (struct str){0};
    }
    if (text.size == 0) {
        return text;
    }
    return value->has_at_least ? judged(value, text) : mapped(value, text);
}

static void take_attribute(const struct correlation_attribute *attribute,
                           struct correlator *correlator, const struct str *values,
                           struct correlated *out)
{
    for (size_t i = 0; i < out->attribute_count; i++) {
        if (str_equal(out->attributes[i].name, attribute->name)) {
            return;
        }
    }
    const struct str text = value_of(&attribute->value, correlator, values);
    if (text.size > 0 && out->attribute_count < CORRELATION_ATTRIBUTES_MAX) {
        out->attributes[out->attribute_count++] = (struct attribute){attribute->name, text};
    }
}

void correlation_apply(const struct correlation *correlation, struct correlator *correlator,
                       const struct str *values, struct correlated *out)
{
    CHECK(correlation != NULL);
    CHECK(out != NULL);
    *out = (struct correlated){0};
    for (size_t i = 0; i < correlation->rule_count; i++) {
        const struct correlation_rule *const rule = &correlation->rules[i];
        size_t held = 0;
        while (held < rule->condition_count &&
               holds(&rule->conditions[held], correlator, values[rule->conditions[held].name])) {
            held++;
        }
        if (held < rule->condition_count) {
            continue;
        }
        for (int f = 0; f < CORRELATION_FIELD_COUNT; f++) {
            if (rule->fields[f].is_set && out->fields[f].size == 0) {
                out->fields[f] = value_of(&rule->fields[f], correlator, values);
            }
        }
        for (size_t a = 0; a < rule->attribute_count; a++) {
            take_attribute(&rule->attributes[a], correlator, values, out);
        }
    }
}
