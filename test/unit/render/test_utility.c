/* utility and variance as people read them: the golden JSON of test/unit/api drawn as golden text,
 * and JSON of any other shape without a crash. */
#include "render/plot.h"
#include "render/render.h"
#include "support/golden.h"
#include "support/test.h"

#define ARENA_BYTES  ((size_t)8 << 20)
#define TEXT_BYTES   ((size_t)1 << 20)
#define SOURCE_BYTES ((size_t)32 << 10)

typedef enum errc draw(struct json report, int width, struct arena *arena, struct text *out,
                       struct err *err);

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

/* golden  NULL: whatever it says, as long as it fits. */
static bool draws(struct str source, draw *function, int width, const char *golden)
{
    struct arena arena;
    struct text text;
    struct json_parser *parser = NULL;
    struct json root;
    struct err err = {0};
    arena_init(&arena, ARENA_BYTES);
    text_init(&text, TEXT_BYTES);
    json_parser_create(&parser, SOURCE_BYTES);
    enum errc code = json_parse(parser, source, source.size, &root, &err);
    if (code == ERR_OK) {
        code = function(root, width, &arena, &text, &err);
    }
    const bool right = code == ERR_OK && fits(text_str(&text), width) &&
                       (golden == NULL || golden_same(golden, text_str(&text)));
    json_parser_destroy(&parser);
    text_deinit(&text);
    arena_deinit(&arena);
    return right;
}

static bool draws_golden(const char *json, draw *function, int width, const char *golden)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    const bool right = draws(golden_read(json, &arena), function, width, golden);
    arena_deinit(&arena);
    return right;
}

static void json_of_another_shape_draws_blanks_and_never_crashes(void)
{
    static const char *const shapes[] = {
        "{}",
        "[]",
        "3",
        "{\"curve\":[{},3,{\"cap_usd\":[]}],\"cases\":{\"closed\":4}}",
        "{\"curve\":[{\"spend_usd\":\"-1\",\"resolved\":-5},{\"spend_usd\":\"x\"},"
        "{\"spend_usd\":\"2\",\"resolved\":9}],\"cases\":{\"closed\":4}}",
        "{\"attempts\":[{},{\"success\":3}],\"last_repeats\":{},\"total\":{\"value_usd\":\"1\"},"
        "\"cases\":{\"closed\":4}}",
        "{\"worst\":[{},3],\"groups\":5,\"replicates\":{\"pass\":[{},3,{\"k\":\"a\"}]}}",
    };
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        EXPECT(draws(str_from(shapes[i]), render_utility, 80, NULL));
        EXPECT(draws(str_from(shapes[i]), render_variance, 80, NULL));
    }
}

static struct str label(struct render *r, double y)
{
    return render_format(r, "%.0f", y);
}

static void a_plot_has_a_star_at_each_point_and_dots_between(void)
{
    static const double x[] = {0, 5, 10};
    static const double y[] = {0, 8, 10};
    const struct render_plot plot = {.x = x,
                                     .y = y,
                                     .count = 3,
                                     .marked = 1,
                                     .x_title = STR("spend"),
                                     .y_title = STR("value"),
                                     .label = label};
    struct arena arena;
    struct text text;
    arena_init(&arena, ARENA_BYTES);
    text_init(&text, TEXT_BYTES);
    struct render r = render_start(&arena, &text, 60);
    render_plot(&r, &plot);
    const bool full = r.full;
    const bool same = full || golden_same("plot.txt", text_str(&text));
    text_deinit(&text);
    arena_deinit(&arena);
    EXPECT(!full);
    EXPECT(same);
}

static void utility_and_variance_are_drawn_as_the_golden_texts(void)
{
    EXPECT(draws_golden("utility_bare.json", render_utility, 80, "utility_bare_80.txt"));
    if (test_is_refusing()) {
        return; /* the others take the same ways */
    }
    EXPECT(draws_golden("utility.json", render_utility, 80, "utility_80.txt"));
    EXPECT(draws_golden("utility.json", render_utility, 200, "utility_200.txt"));
    EXPECT(draws_golden("variance.json", render_variance, 80, "variance_80.txt"));
    EXPECT(draws_golden("variance.json", render_variance, 200, "variance_200.txt"));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(json_of_another_shape_draws_blanks_and_never_crashes),
        TEST(a_plot_has_a_star_at_each_point_and_dots_between),
        TEST(utility_and_variance_are_drawn_as_the_golden_texts),
    };
    return test_main(tests, COUNT_OF(tests));
}
