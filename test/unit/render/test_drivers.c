/* render_drivers: what is said of a workflow fits the width and is drawn from any JSON. Golden
 * texts are drawn from drivers.json, which test/unit/api makes, and from a simulated workflow. */
#include "render/render.h"
#include "support/golden.h"
#include "support/test.h"

#define ARENA_BYTES  ((size_t)8 << 20)
#define TEXT_BYTES   ((size_t)1 << 20)
#define SOURCE_BYTES ((size_t)32 << 10)

struct page {
    struct arena arena;
    struct text text;
    enum errc code;
};

/* Draw JSON text. `source` borrowed. */
static void draw(struct page *page, struct str source, int width)
{
    struct json_parser *parser = NULL;
    struct json root;
    struct err err = {0};
    text_init(&page->text, TEXT_BYTES);
    json_parser_create(&parser, SOURCE_BYTES);
    page->code = json_parse(parser, source, source.size, &root, &err);
    if (page->code == ERR_OK) {
        page->code = render_drivers(root, width, &page->arena, &page->text, &err);
    }
    json_parser_destroy(&parser);
}

static bool fits(struct str all, int columns)
{
    while (all.size > 0) {
        if (render_columns(str_cut(&all, '\n')) > (size_t)columns) {
            return false;
        }
    }
    return true;
}

static bool draws(const char *json, int width, const char *golden)
{
    struct page page = {.code = ERR_OK};
    arena_init(&page.arena, ARENA_BYTES);
    draw(&page, golden_read(json, &page.arena), width);
    const bool right = page.code == ERR_OK && golden_same(golden, text_str(&page.text)) &&
                       fits(text_str(&page.text), width);
    text_deinit(&page.text);
    arena_deinit(&page.arena);
    return right;
}

static void json_of_another_shape_draws_blanks_and_never_crashes(void)
{
    static const char *const shapes[] = {
        "{}",
        "[]",
        "3",
        "{\"cases\":1}",
        "{\"cases\":3,\"context\":[],\"parts\":{\"total\":\"x\"}}",
        "{\"cases\":1,\"context\":{\"carry_ratio\":1,\"plateau\":{\"found\":true}}}"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        struct page page = {.code = ERR_OK};
        arena_init(&page.arena, ARENA_BYTES);
        draw(&page, str_from(shapes[i]), 80);
        const bool right = page.code == ERR_OK && page.text.size > 0;
        text_deinit(&page.text);
        arena_deinit(&page.arena);
        EXPECT(right);
    }
}

static void drivers_are_drawn_as_the_golden_texts(void)
{
    EXPECT(draws("drivers.json", 80, "drivers_80.txt"));
    if (test_is_refusing()) {
        return;
    }
    EXPECT(draws("drivers_contracts.json", 80, "drivers_contracts_80.txt"));
    EXPECT(draws("drivers_contracts.json", 200, "drivers_contracts_200.txt"));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(json_of_another_shape_draws_blanks_and_never_crashes),
        TEST(drivers_are_drawn_as_the_golden_texts),
    };
    return test_main(tests, COUNT_OF(tests));
}
