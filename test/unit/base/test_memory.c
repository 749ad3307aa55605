/* memory: a program whose code was let go of goes on as before. */
#include "base/memory.h"
#include "base/text.h"
#include "support/test.h"

static void code_that_was_dropped_comes_back_when_it_is_used(void)
{
    struct text text;
    memory_drop_code();
    text_init(&text, 100);
    text_format(&text, "%d and %s", 12, "more");
    const bool same = str_equal(text_str(&text), STR("12 and more"));
    memory_drop_code();
    text_deinit(&text);
    EXPECT(same);
}

static void what_is_new_is_zero(void)
{
    int *const numbers = memory_new_array(int, 1000);
    bool zero = true;
    for (int i = 0; i < 1000; i++) {
        zero = zero && numbers[i] == 0;
    }
    memory_free(numbers);
    EXPECT(zero);
}

int main(void)
{
    const struct test tests[] = {
        TEST(code_that_was_dropped_comes_back_when_it_is_used),
        TEST(what_is_new_is_zero),
    };
    return test_main(tests, COUNT_OF(tests));
}
