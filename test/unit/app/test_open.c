/* open: what a command opens is its own, unless a server lends it. */
#include "app/app.h"
#include "model/settings.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static void a_file_that_is_not_there_is_only_an_error_when_it_was_named(void)
{
    struct arena arena;
    struct err err;
    const struct settings *settings = NULL;
    arena_init(&arena, ARENA_BYTES);
    struct app app = {.arena = &arena, .config_path = STR("/nowhere/bursar.yaml")};
    const enum errc tolerated = app_settings(&app, &settings, &err);
    app.config_named = true;
    const enum errc named = app_settings(&app, &settings, &err);
    arena_deinit(&arena);
    EXPECT(tolerated == ERR_OK);
    EXPECT(named == ERR_NOT_FOUND);
}

static void the_settings_of_a_server_are_its_own(void)
{
    static const struct settings lent;
    struct err err;
    const struct settings *settings = NULL;
    struct app app = {
        .settings = &lent, .config_path = STR("/nowhere/bursar.yaml"), .config_named = true};
    EXPECT(app_settings(&app, &settings, &err) == ERR_OK);
    EXPECT(settings == &lent);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_file_that_is_not_there_is_only_an_error_when_it_was_named),
        TEST(the_settings_of_a_server_are_its_own),
    };
    return test_main(tests, COUNT_OF(tests));
}
