#include "base/yaml.h"

#include <yaml.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/money.h"

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    struct str file;
    struct err *err;
};

static enum errc fail_at(struct reader *reader, size_t line, const char *what)
{
    return err_set(reader->err, ERR_CONFIG, STR_FORMAT ":%zu: %s", STR_ARG(reader->file), line + 1,
                   what);
}

static enum errc arena_full(struct reader *reader)
{
    return err_set(reader->err, ERR_LIMIT, STR_FORMAT ": the configuration is too large",
                   STR_ARG(reader->file));
}

static enum errc next_event(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event) == 1) {
        return ERR_OK;
    }
    const yaml_parser_t *p = &reader->parser;
    const size_t line = p->problem_mark.line > 0 ? p->problem_mark.line : p->context_mark.line;
    return fail_at(reader, line, p->problem != NULL ? p->problem : "not YAML");
}

static struct yaml *new_node(struct reader *reader, enum yaml_kind kind, size_t line)
{
    struct yaml *node = arena_new(reader->arena, struct yaml, 1);
    if (node != NULL) {
        node->kind = kind;
        node->file = reader->file;
        node->line = (int)line + 1;
    }
    return node;
}

static enum errc set_scalar(struct reader *reader, struct yaml *node, const yaml_event_t *event)
{
    const struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    node->scalar = arena_copy(reader->arena, text);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return node->scalar.data != NULL ? ERR_OK : arena_full(reader);
}

/* Dotted path of a child: "parent.name" or "parent[3]". */
static enum errc set_key(struct reader *reader, const struct yaml *parent, struct yaml *node)
{
    char key[512];
    const char *dot = parent->key.size > 0 ? "." : "";
    const int size =
        parent->kind == YAML_MAPPING
            ? snprintf(key, sizeof key, STR_FORMAT "%s" STR_FORMAT, STR_ARG(parent->key), dot,
                       STR_ARG(node->name))
            : snprintf(key, sizeof key, STR_FORMAT "[%zu]", STR_ARG(parent->key), parent->count);
    CHECK(size >= 0);
    const size_t used = (size_t)size < sizeof key ? (size_t)size : sizeof key - 1;
    node->key = arena_copy(reader->arena, (struct str){key, used});
    return node->key.data != NULL ? ERR_OK : arena_full(reader);
}

static const struct yaml *find(const struct yaml *node, struct str name)
{
    for (const struct yaml *child = node->first; child != NULL; child = child->next) {
        if (str_equal(child->name, name)) {
            return child;
        }
    }
    return NULL;
}

struct level {
    struct yaml *node;
    struct yaml *last;
    struct str name; /* key read, value still to come */
    bool has_name;
};

/* Hang `node` under the open container. A mapping's keys and values alternate. */
static enum errc attach(struct reader *reader, struct level *level, struct yaml *node)
{
    struct yaml *parent = level->node;
    if (parent->kind == YAML_MAPPING) {
        node->name = level->name;
        level->has_name = false;
        const struct yaml *twice = find(parent, node->name);
        if (twice != NULL) {
            return err_set(reader->err, ERR_CONFIG,
                           STR_FORMAT ":%d: " STR_FORMAT " is given twice, first on line %d",
                           STR_ARG(reader->file), node->line, STR_ARG(twice->key), twice->line);
        }
    }
    const enum errc code = set_key(reader, parent, node);
    if (code != ERR_OK) {
        return code;
    }
    if (level->last != NULL) {
        level->last->next = node;
    } else {
        parent->first = node;
    }
    level->last = node;
    parent->count++;
    return ERR_OK;
}

struct builder {
    struct level levels[YAML_DEPTH_MAX + 1]; /* levels[0] is the document */
    int depth;
    struct yaml *root;
};

static enum errc on_value(struct reader *reader, struct builder *builder, struct yaml *node,
                          bool container)
{
    if (builder->depth == 0) {
        builder->root = node;
    } else {
        const enum errc code = attach(reader, &builder->levels[builder->depth], node);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (container) {
        if (builder->depth == YAML_DEPTH_MAX) {
            return err_set(reader->err, ERR_LIMIT, STR_FORMAT ":%d: nested deeper than %d",
                           STR_ARG(reader->file), node->line, YAML_DEPTH_MAX);
        }
        builder->levels[++builder->depth] = (struct level){.node = node};
    }
    return ERR_OK;
}

static enum errc on_event(struct reader *reader, struct builder *builder, const yaml_event_t *event)
{
    struct level *level = &builder->levels[builder->depth];
    const bool wants_name =
        builder->depth > 0 && level->node->kind == YAML_MAPPING && !level->has_name;
    const size_t line = event->start_mark.line;
    const bool mapping = event->type == YAML_MAPPING_START_EVENT;
    const bool sequence = event->type == YAML_SEQUENCE_START_EVENT;

    if (event->type == YAML_ALIAS_EVENT) {
        return fail_at(reader, line, "aliases (*name) are not used in this file; write it out");
    }
    if (event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT) {
        builder->depth--;
        return ERR_OK;
    }
    if (event->type != YAML_SCALAR_EVENT && !mapping && !sequence) {
        return ERR_OK;
    }
    if (wants_name && event->type != YAML_SCALAR_EVENT) {
        return fail_at(reader, line, "a key must be plain text");
    }
    struct yaml *node = new_node(reader,
                                 mapping    ? YAML_MAPPING
                                 : sequence ? YAML_SEQUENCE
                                            : YAML_SCALAR,
                                 line);
    if (node == NULL) {
        return arena_full(reader);
    }
    if (event->type == YAML_SCALAR_EVENT) {
        const enum errc code = set_scalar(reader, node, event);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (wants_name) {
        level->name = node->scalar;
        level->has_name = true;
        return ERR_OK;
    }
    return on_value(reader, builder, node, mapping || sequence);
}

static enum errc build(struct reader *reader, struct yaml **out)
{
    struct builder builder = {.depth = 0};
    int documents = 0;
    for (;;) {
        yaml_event_t event;
        enum errc code = next_event(reader, &event);
        if (code != ERR_OK) {
            return code;
        }
        const yaml_event_type_t type = event.type;
        documents += type == YAML_DOCUMENT_START_EVENT;
        code = documents > 1
                   ? fail_at(reader, event.start_mark.line, "a second document (---) in one file")
                   : on_event(reader, &builder, &event);
        yaml_event_delete(&event);
        if (code != ERR_OK) {
            return code;
        }
        if (type == YAML_STREAM_END_EVENT) {
            break;
        }
    }
    if (builder.root == NULL) {
        builder.root = new_node(reader, YAML_MAPPING, 0);
    }
    *out = builder.root;
    return builder.root != NULL ? ERR_OK : arena_full(reader);
}

enum errc yaml_parse(struct str file, struct str text, struct arena *arena, const struct yaml **out,
                     struct err *err)
{
    CHECK(arena != NULL);
    CHECK(out != NULL);

    if (text.size > YAML_BYTES_MAX) {
        return err_set(err, ERR_LIMIT, STR_FORMAT ": larger than the %zu bytes allowed",
                       STR_ARG(file), YAML_BYTES_MAX);
    }
    struct reader reader = {.arena = arena, .file = file, .err = err};
    CHECK(yaml_parser_initialize(&reader.parser) == 1);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.data, text.size);
    struct yaml *root = NULL;
    const enum errc code = build(&reader, &root);
    yaml_parser_delete(&reader.parser);
    if (code == ERR_OK) {
        *out = root;
    }
    return code;
}

const struct yaml *yaml_get(const struct yaml *node, const char *name)
{
    CHECK(name != NULL);
    return node != NULL && node->kind == YAML_MAPPING ? find(node, str_from(name)) : NULL;
}

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
    char *end = NULL;
    const double value = text.size > 0 ? strtod(text.data, &end) : 0;
    if (end != text.data + text.size || text.size == 0 || !(value >= low && value <= high)) {
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
            if (d < best_distance) {
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
