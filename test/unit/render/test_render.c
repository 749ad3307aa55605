/* render: tables fit the width and lose no name, figures read as people write them.
 * Golden texts are drawn from the golden JSON that test/unit/api makes. */
#include "render/render.h"

#include <math.h>

#include "support/golden.h"
#include "support/test.h"

#define ARENA_BYTES  ((size_t)8 << 20)
#define TEXT_BYTES   ((size_t)1 << 20)
#define SOURCE_BYTES ((size_t)32 << 10)

struct page {
    struct arena arena;
    struct text text;
    struct render render;
};

static void page_open(struct page *page, int width)
{
    arena_init(&page->arena, ARENA_BYTES);
    text_init(&page->text, TEXT_BYTES);
    page->render = render_start(&page->arena, &page->text, width);
}

static void page_close(struct page *page)
{
    text_deinit(&page->text);
    arena_deinit(&page->arena);
}

/* Whether no line is wider than `columns`. */
static bool fits(struct str all, int columns)
{
    while (all.size > 0) {
        if (render_columns(str_cut(&all, '\n')) > (size_t)columns) {
            return false;
        }
    }
    return true;
}

static void control_characters_of_a_name_do_not_reach_the_terminal(void)
{
    struct page page;
    page_open(&page, 80);
    const struct str clean = render_clean(&page.render, STR("a\x1b[31m\nb\x7f\xc2\x9b"
                                                            "c \xc3\xa9"));
    const bool right = str_equal(clean, STR("a?[31m?b???c \xc3\xa9"));
    page_close(&page);
    EXPECT(right);
}

static void an_arena_without_room_is_said_at_the_end(void)
{
    struct arena arena;
    struct text text;
    struct err err;
    arena_init(&arena, 64);
    text_init(&text, TEXT_BYTES);
    struct render render = render_start(&arena, &text, 80);
    for (int i = 0; i < 20; i++) {
        (void)render_format(&render, "%d and some more", i);
    }
    const enum errc code = render_end(&render, &err);
    text_deinit(&text);
    arena_deinit(&arena);
    EXPECT(code == ERR_LIMIT);
}

static bool shows(struct render *render, double usd, const char *expected)
{
    const struct str text = render_usd(render, usd);
    if (!str_equal(text, str_from(expected))) {
        test_note(text.data != NULL ? text.data : "");
        return false;
    }
    return true;
}

static void amounts_have_the_digits_that_matter(void)
{
    struct page page;
    page_open(&page, 80);
    struct render *const r = &page.render;
    const bool right = shows(r, 0.0123, "$0.0123") && shows(r, 0.84, "$0.84") &&
                       shows(r, 0.000012345, "$0.0000123") && shows(r, 12.5, "$12.50") &&
                       shows(r, 999.99, "$999.99") && shows(r, 999.999, "$1,000") &&
                       shows(r, 1234567.4, "$1,234,567") && shows(r, 0, "$0.00") &&
                       shows(r, -2.5, "-$2.50") && shows(r, NAN, "-") && shows(r, INFINITY, "-") &&
                       shows(r, 123456789012345.0, "$123,456,789,012,345");
    page_close(&page);
    EXPECT(right);
}

static void units_take_their_article_and_plural(void)
{
    struct page page;
    page_open(&page, 80);
    struct render *const r = &page.render;
    const bool right = str_equal(render_article(r, STR("ticket")), STR("a ticket")) &&
                       str_equal(render_article(r, STR("invoice")), STR("an invoice")) &&
                       str_equal(render_article(r, STR("unit")), STR("a unit")) &&
                       str_equal(render_plural(r, STR("ticket"), 1), STR("ticket")) &&
                       str_equal(render_plural(r, STR("policy"), 2), STR("policies")) &&
                       str_equal(render_plural(r, STR("day"), 2), STR("days")) &&
                       str_equal(render_plural(r, STR("case"), 0), STR("cases")) &&
                       str_equal(render_plural(r, STR("batch"), 3), STR("batches"));
    page_close(&page);
    EXPECT(right);
}

static void a_narrow_table_gives_up_the_least_and_never_cuts_a_name(void)
{
    static const struct render_column columns[] = {
        {"NAME", false, 0}, {"A", true, 1}, {"B", true, 2}};
    static const struct str rows[][3] = {
        {STR_STATIC("a-name-that-is-longer-than-its-column-may-ever-be-shown-in"),
         STR_STATIC("1234567890"), STR_STATIC("1234567890123456789012345")},
        {STR_STATIC("short"), STR_STATIC("1"), STR_STATIC("2")},
    };
    struct page page;
    page_open(&page, 60);
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        render_row(&page.render, &table, rows[i]);
    }
    render_print(&page.render, &table);
    const struct str all = text_str(&page.text);
    const bool narrow = fits(all, 60);
    const bool whole = str_find(all, rows[0][0]) != SIZE_MAX;
    const bool kept = str_find(all, rows[0][1]) != SIZE_MAX;
    page_close(&page);
    EXPECT(whole);
    EXPECT(kept);
    EXPECT(narrow);
}

static void paragraphs_wrap_at_the_width(void)
{
    struct page page;
    page_open(&page, 60);
    render_wrap(&page.render, 2, 4,
                STR("one two three four five six seven eight nine ten eleven twelve thirteen"));
    const bool right = str_equal(text_str(&page.text),
                                 STR("  one two three four five six seven eight nine ten eleven\n"
                                     "    twelve thirteen\n"));
    page_close(&page);
    EXPECT(right);
}

typedef enum errc draw(struct json root, int width, struct arena *arena, struct text *out,
                       struct err *err);

static enum errc draw_all(struct json root, int width, struct arena *arena, struct text *out,
                          struct err *err)
{
    return render_report(root, false, width, arena, out, err);
}

static enum errc draw_named(struct json root, int width, struct arena *arena, struct text *out,
                            struct err *err)
{
    return render_report(root, true, width, arena, out, err);
}

/* Draw golden JSON at a width: the same as the golden text, and no line beyond the width. */
static bool draws(const char *json, draw *function, int width, const char *golden)
{
    struct page page;
    struct json_parser *parser = NULL;
    struct json root;
    struct err err = {0};
    page_open(&page, width);
    json_parser_create(&parser, SOURCE_BYTES);
    const struct str source = golden_read(json, &page.arena);
    enum errc code = json_parse(parser, source, source.size, &root, &err);
    if (code == ERR_OK) {
        code = function(root, width, &page.arena, &page.text, &err);
    }
    const bool right = code == ERR_OK && golden_same(golden, text_str(&page.text)) &&
                       fits(text_str(&page.text), width);
    json_parser_destroy(&parser);
    page_close(&page);
    return right;
}

static void reports_are_drawn_as_the_golden_texts(void)
{
    EXPECT(draws("report.json", draw_all, 80, "report_80.txt"));
    if (test_is_refusing()) {
        return; /* the others take the same ways, thousands of allocations each */
    }
    EXPECT(draws("report.json", draw_all, 200, "report_200.txt"));
    EXPECT(draws("report_as_of.json", draw_named, 80, "report_as_of_80.txt"));
    EXPECT(draws("report_large.json", draw_all, 80, "report_large_80.txt"));
    EXPECT(draws("report_empty.json", draw_all, 80, "report_empty_80.txt"));
    EXPECT(draws("return.json", render_returns, 80, "return_80.txt"));
    EXPECT(draws("return.json", render_returns, 200, "return_200.txt"));
    EXPECT(draws("route.json", render_route, 80, "route_80.txt"));
    EXPECT(draws("route.json", render_route, 200, "route_200.txt"));
    EXPECT(draws("route_thin.json", render_route, 80, "route_thin_80.txt"));
    EXPECT(draws("waste.json", render_waste, 80, "waste_80.txt"));
    EXPECT(draws("waste.json", render_waste, 200, "waste_200.txt"));
}

static void json_of_another_shape_draws_blanks_and_never_crashes(void)
{
    static const char *const shapes[] = {"{}",
                                         "[]",
                                         "3",
                                         "{\"workflows\":[{},3,{\"cost\":[]}]}",
                                         "{\"returns\":[{},{\"rot\":3}]}",
                                         "{\"recommended\":\"a\",\"models\":[{},3],"
                                         "\"cascade\":[{},{\"stages\":[1]}],"
                                         "\"segments\":[{\"models\":[3]}],\"experiment\":{}}"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        struct page page;
        struct json_parser *parser = NULL;
        struct json root;
        struct err err;
        page_open(&page, 80);
        json_parser_create(&parser, SOURCE_BYTES);
        const struct str source = str_from(shapes[i]);
        enum errc code = json_parse(parser, source, source.size, &root, &err);
        CHECK(code == ERR_OK);
        code = render_report(root, false, 80, &page.arena, &page.text, &err);
        if (code == ERR_OK) {
            code = render_returns(root, 80, &page.arena, &page.text, &err);
        }
        if (code == ERR_OK) {
            code = render_route(root, 80, &page.arena, &page.text, &err);
        }
        json_parser_destroy(&parser);
        page_close(&page);
        EXPECT(code == ERR_OK);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(control_characters_of_a_name_do_not_reach_the_terminal),
        TEST(an_arena_without_room_is_said_at_the_end),
        TEST(json_of_another_shape_draws_blanks_and_never_crashes),
        TEST(amounts_have_the_digits_that_matter),
        TEST(units_take_their_article_and_plural),
        TEST(a_narrow_table_gives_up_the_least_and_never_cuts_a_name),
        TEST(paragraphs_wrap_at_the_width),
        TEST(reports_are_drawn_as_the_golden_texts),
    };
    return test_main(tests, COUNT_OF(tests));
}
