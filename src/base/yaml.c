#include "base/yaml.h"

#include <yaml.h>

#include <stdio.h>

#include "base/check.h"

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    struct str file;
    struct str text;
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

static size_t lines_before(struct str text, size_t offset)
{
    size_t lines = 0;
    for (size_t i = 0; i < offset && i < text.size; i++) {
        lines += text.data[i] == '\n';
    }
    return lines;
}

static enum errc next_event(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event) == 1) {
        return ERR_OK;
    }
    const yaml_parser_t *p = &reader->parser;
    size_t line = p->problem_mark.line > 0 ? p->problem_mark.line : p->context_mark.line;
    if (p->error == YAML_READER_ERROR) { /* bytes that are no text have an offset, but no mark */
        line = lines_before(reader->text, p->problem_offset);
    }
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
    if (text.size > 0 && memchr(text.data, '\0', text.size) != NULL) {
        return fail_at(reader, event->start_mark.line, "a zero byte (\\0) has no place in a value");
    }
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
    if (parent->count == YAML_MEMBERS_MAX) {
        return err_set(reader->err, ERR_LIMIT,
                       STR_FORMAT ":%d: more than %d entries in one list or mapping",
                       STR_ARG(reader->file), node->line, YAML_MEMBERS_MAX);
    }
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
    struct reader reader = {.arena = arena, .file = file, .text = text, .err = err};
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
