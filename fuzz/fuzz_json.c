/* fuzz_json: any bytes as JSON; every node is asked for every kind; minified, it reads back. */
#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"

enum { INPUT_BYTES_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct json node)
{
    const enum json_kind kind = json_kind(node);
    CHECK(kind != JSON_ABSENT);
    CHECK(json_is_number(node) ==
          (kind == JSON_INT64 || kind == JSON_UINT64 || kind == JSON_DOUBLE));
    CHECK((json_str(node).data != NULL) == (kind == JSON_STRING));
    CHECK(json_bool(node, true) || kind == JSON_BOOL);
    CHECK(json_int64(node, 1) != 0 || kind == JSON_INT64 || kind == JSON_DOUBLE ||
          kind == JSON_STRING);
    (void)json_double(node, 0);
    CHECK(json_count(node) == 0 || kind == JSON_ARRAY || kind == JSON_OBJECT);
    CHECK(json_kind(json_path(node, "message.usage.input_tokens")) != JSON_NULL ||
          kind == JSON_OBJECT);
}

/* Every node, depth first, with the open containers on a stack. Returns how many. */
static size_t walk(struct json root, struct text *copy)
{
    static struct json_cursor open[JSON_DEPTH_MAX + 1];
    size_t depth = 0;
    size_t count = 1;
    ask(root);
    open[depth++] = json_iter(root);
    while (depth > 0) {
        struct json value;
        struct str key;
        if (!json_next(&open[depth - 1], &key, &value)) {
            depth--;
            continue;
        }
        ask(value);
        count++;
        if (open[depth - 1].object) {
            CHECK(key.data != NULL);
            text_add(copy, key);
        } else {
            CHECK(key.size == 0);
        }
        if (json_count(value) > 0) {
            CHECK(depth <= JSON_DEPTH_MAX);
            open[depth++] = json_iter(value);
        }
    }
    return count;
}

/* What the writer makes of a string is JSON again, and the same string. */
static void check_writer(struct json_parser *parser, struct str value, bool is_utf8)
{
    struct text out;
    struct json back;
    struct err err;
    text_init(&out, (size_t)8 << 20);
    json_put_str(&out, value);
    CHECK(json_parse(parser, text_str(&out), 0, &back, &err) == ERR_OK);
    CHECK(!is_utf8 || str_equal(json_str(back), value));
    text_deinit(&out);
}

/* Read in place, with hostile bytes where the padding is, it is the same document. */
static void check_padded(struct json_parser *parser, struct str text, bool ok, size_t nodes)
{
    struct text keys;
    struct json root;
    struct err err;
    char *padded = malloc(text.size + JSON_PADDING);
    CHECK(padded != NULL);
    if (text.size > 0) {
        memcpy(padded, text.data, text.size);
    }
    memset(padded + text.size, '1', JSON_PADDING);
    const struct str in_place = {padded, text.size};
    CHECK((json_parse(parser, in_place, text.size + JSON_PADDING, &root, &err) == ERR_OK) == ok);
    if (ok) {
        text_init(&keys, INPUT_BYTES_MAX);
        CHECK(walk(root, &keys) == nodes);
        text_deinit(&keys);
    }
    free(padded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_parser *parser; /* one for all inputs, as an import has it */
    static struct json_parser *second;
    if (parser == NULL) {
        json_parser_create(&parser, INPUT_BYTES_MAX);
        json_parser_create(&second, (size_t)8 << 20);
    }
    if (size > INPUT_BYTES_MAX) {
        return 0;
    }
    struct json root;
    struct err err;
    const struct str text = {(const char *)data, size};
    check_writer(second, text, false);
    if (json_parse(parser, text, size, &root, &err) != ERR_OK) {
        check_padded(second, text, false, 0);
        return 0;
    }
    struct text keys;
    text_init(&keys, INPUT_BYTES_MAX);
    const size_t count = walk(root, &keys);
    check_padded(second, text, true, count);
    if (json_kind(root) == JSON_STRING) {
        check_writer(second, json_str(root), true);
    }
    const size_t whole = json_minify(root, NULL, 0);
    char *compact = malloc(whole);
    CHECK(compact != NULL);
    CHECK(json_minify(root, compact, whole) == whole);
    struct json again;
    CHECK(json_parse(second, (struct str){compact, whole}, whole, &again, &err) == ERR_OK);
    text_clear(&keys);
    CHECK(walk(again, &keys) == count);
    free(compact);
    text_deinit(&keys);
    return 0;
}
