/* render_change: the golden JSON drawn for people, narrow and wide, and JSON of no such shape. */
#include "drawing.h"

static void json_of_another_shape_draws_blanks_and_never_crashes(void)
{
    static const char *const shapes[] = {
        "{}", "[]", "3", "{\"kpis\":[{},3,{\"figure\":{\"level\":3}},{\"verdict\":\"changed\"}]}",
        "{\"scopes\":[{},3,{\"budget\":{}},{\"verdict\":\"forecast\",\"budget\":{\"exhaustion\":4}}"
        "]}"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        EXPECT(drawing_is(str_from(shapes[i]), render_change, 80, NULL));
    }
}

static void the_report_is_drawn_as_the_golden_texts(void)
{
    EXPECT(drawing_golden("change.json", render_change, 80, "change_80.txt"));
    if (test_is_refusing()) {
        return; /* it takes the same ways */
    }
    EXPECT(drawing_golden("change.json", render_change, 200, "change_200.txt"));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(json_of_another_shape_draws_blanks_and_never_crashes),
        TEST(the_report_is_drawn_as_the_golden_texts),
    };
    return test_main(tests, COUNT_OF(tests));
}
