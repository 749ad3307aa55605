/* drawing: golden JSON drawn at a width, held against the golden text. */
#ifndef UNIT_APP_DRAWING_H
#define UNIT_APP_DRAWING_H

#include "render/render.h"
#include "support/golden.h"
#include "support/test.h"

typedef enum errc draw(struct json root, int width, struct arena *arena, struct text *out,
                       struct err *err);

enum {
    DRAWING_SOURCE_BYTES = 64 << 10,
    DRAWING_TEXT_BYTES = 1 << 20,
    DRAWING_ARENA_BYTES = 8 << 20
};

static inline bool drawing_fits(struct str all, int columns)
{
    while (all.size > 0) {
        if (render_columns(str_cut(&all, '\n')) > (size_t)columns) {
            return false;
        }
    }
    return true;
}

/* golden NULL: only that it can be drawn. */
static inline bool drawing_is(struct str source, draw *function, int width, const char *golden)
{
    struct arena arena;
    struct text text;
    struct json_parser *parser = NULL;
    struct json root;
    struct err err = {0};
    arena_init(&arena, DRAWING_ARENA_BYTES);
    text_init(&text, DRAWING_TEXT_BYTES);
    json_parser_create(&parser, DRAWING_SOURCE_BYTES);
    enum errc code = json_parse(parser, source, source.size, &root, &err);
    if (code == ERR_OK) {
        code = function(root, width, &arena, &text, &err);
    }
    const bool right = code == ERR_OK && drawing_fits(text_str(&text), width) &&
                       (golden == NULL || golden_same(golden, text_str(&text)));
    json_parser_destroy(&parser);
    text_deinit(&text);
    arena_deinit(&arena);
    return right;
}

static inline bool drawing_golden(const char *json, draw *function, int width, const char *golden)
{
    struct arena arena;
    arena_init(&arena, DRAWING_ARENA_BYTES);
    const struct str source = golden_read(json, &arena);
    const bool right = source.size > 0 && drawing_is(source, function, width, golden);
    arena_deinit(&arena);
    return right;
}

#endif
