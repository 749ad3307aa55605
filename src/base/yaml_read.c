/* What a node of a configuration holds, as the kind and within the bounds that its key allows. */
#include "base/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/money.h"

enum errc yaml_error(const struct yaml *node, struct err *err, const char *format, ...)
{
    CHECK(node != NULL);
    char text[ERR_TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(err, ERR_CONFIG, STR_FORMAT ":%d: " STR_FORMAT "%s%s", STR_ARG(node->file),
                   node->line, STR_ARG(node->key), node->key.size > 0 ? ": " : "", text);
}

static const char *const kind_names[] = {
    [YAML_SCALAR] = "a single value",
    [YAML_SEQUENCE] = "a list",
    [YAML_MAPPING] = "a mapping (key: value)",
};

enum errc yaml_want(const struct yaml *node, enum yaml_kind kind, struct err *err)
{
    if (node->kind != kind) {
        return yaml_error(node, err, "found %s where %s is expected", kind_names[node->kind],
                          kind_names[kind]);
    }
    return ERR_OK;
}

enum errc yaml_str(const struct yaml *node, struct str *out, struct err *err)
{
    const enum errc code = yaml_want(node, YAML_SCALAR, err);
    if (code == ERR_OK) {
        *out = node->scalar;
    }
    return code;
}

enum errc yaml_int64(const struct yaml *node, int64_t low, int64_t high, int64_t *out,
                     struct err *err)
{
    struct str text;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    int64_t value;
    if (!str_to_int64(text, &value) || value < low || value > high) {
        return yaml_error(node, err,
                          "found \"" STR_FORMAT "\"; allowed is a whole number from "
                          "%lld to %lld",
                          STR_ARG(text), (long long)low, (long long)high);
    }
    *out = value;
    return ERR_OK;
}

enum errc yaml_double(const struct yaml *node, double low, double high, double *out,
                      struct err *err)
{
    struct str text;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    /* strtod() would also take "0x1p3", "infinity" and leading blanks */
    char *end = NULL;
    const bool plain = strspn(text.data, "+-.0123456789eE") == text.size && text.size > 0;
    const double value = plain ? strtod(text.data, &end) : 0;
    if (!plain || end != text.data + text.size || !(value >= low && value <= high)) {
        return yaml_error(node, err, "found \"" STR_FORMAT "\"; allowed is a number from %g to %g",
                          STR_ARG(text), low, high);
    }
    *out = value;
    return ERR_OK;
}

enum errc yaml_bool(const struct yaml *node, bool *out, struct err *err)
{
    static const char *const words[] = {"false", "no", "off", "true", "yes", "on", NULL};
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *out = word >= 3;
    }
    return code;
}

enum errc yaml_money(const struct yaml *node, int64_t *out_pusd, struct err *err)
{
    struct str text;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    int64_t amount;
    struct err why;
    if (money_parse(text, &amount, &why) != ERR_OK) {
        return yaml_error(node, err, "%s; allowed is an amount in USD such as 4.50", why.text);
    }
    if (amount < 0) {
        return yaml_error(node, err, "found \"" STR_FORMAT "\"; an amount is not negative",
                          STR_ARG(text));
    }
    *out_pusd = amount;
    return ERR_OK;
}

static void list_words(const char *const *words, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; words[i] != NULL && used < size; i++) {
        const int added = snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", words[i]);
        CHECK(added >= 0);
        used += (size_t)added;
    }
    if (used >= size) { /* cut: say so */
        memcpy(out + size - sizeof " …", " …", sizeof " …");
    }
}

enum errc yaml_word(const struct yaml *node, const char *const *words, int *out, struct err *err)
{
    struct str text;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    for (int i = 0; words[i] != NULL; i++) {
        if (str_equal(text, str_from(words[i]))) {
            *out = i;
            return ERR_OK;
        }
    }
    char allowed[400];
    list_words(words, allowed, sizeof allowed);
    return yaml_error(node, err, "found \"" STR_FORMAT "\"; allowed: %s", STR_ARG(text), allowed);
}

enum { NAME_BYTES_MAX = 64 };

/* Levenshtein distance of two short names. */
static size_t distance(struct str a, struct str b)
{
    if (a.size >= NAME_BYTES_MAX || b.size >= NAME_BYTES_MAX) {
        return NAME_BYTES_MAX;
    }
    size_t row[NAME_BYTES_MAX + 1];
    for (size_t j = 0; j <= b.size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            const size_t replaced = diagonal + (a.data[i - 1] != b.data[j - 1]);
            const size_t shifted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < shifted ? replaced : shifted;
        }
    }
    return row[b.size];
}

enum errc yaml_only(const struct yaml *node, const char *const *names, struct err *err)
{
    enum errc code = yaml_want(node, YAML_MAPPING, err);
    if (code != ERR_OK) {
        return code;
    }
    for (const struct yaml *child = node->first; child != NULL; child = child->next) {
        size_t best = SIZE_MAX;
        size_t best_distance = 3;
        bool known = false;
        for (size_t i = 0; names[i] != NULL; i++) {
            const size_t d = distance(child->name, str_from(names[i]));
            known = known || str_equal(child->name, str_from(names[i]));
            if (d < best_distance && d < child->name.size) {
                best_distance = d;
                best = i;
            }
        }
        if (!known && best != SIZE_MAX) {
            return yaml_error(child, err, "unknown key; did you mean \"%s\"?", names[best]);
        }
        if (!known) {
            char allowed[400];
            list_words(names, allowed, sizeof allowed);
            return yaml_error(child, err, "unknown key; allowed here: %s", allowed);
        }
    }
    return ERR_OK;
}
