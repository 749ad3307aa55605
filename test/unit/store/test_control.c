/* control: what was written is there after closing, two handles see each other, a file that is not
 * ours is refused. */
#include "store/control.h"

#include <sqlite3.h>
#include <stdio.h>

#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static void path_in(const struct home *home, char *path, size_t size)
{
    snprintf(path, size, "%s/control.sqlite", home->path);
}

static void a_file_that_is_no_database_is_refused(void)
{
    struct home home;
    struct control *control = NULL;
    struct err err = {0};
    char path[HOME_BYTES_MAX + 32];
    home_make(&home);
    path_in(&home, path, sizeof path);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    for (int i = 0; i < 4096; i++) {
        fputc('x', file);
    }
    fclose(file);
    const enum errc code = control_open(home_str(&home), &control, &err);
    home_remove(&home);
    EXPECT(code == ERR_STORE);
    EXPECT(strstr(err.text, "control.sqlite") != NULL);
}

static void a_store_of_a_newer_version_is_refused(void)
{
    struct home home;
    struct control *control = NULL;
    struct err err = {0};
    char path[HOME_BYTES_MAX + 32];
    sqlite3 *database = NULL;
    home_make(&home);
    path_in(&home, path, sizeof path);
    CHECK(sqlite3_open(path, &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database, "PRAGMA user_version = 99", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(database);
    const enum errc code = control_open(home_str(&home), &control, &err);
    home_remove(&home);
    EXPECT(code == ERR_UNSUPPORTED);
    EXPECT(strstr(err.text, "99") != NULL);
}

static void a_home_that_is_not_there_is_an_error(void)
{
    struct control *control = NULL;
    struct err err = {0};
    EXPECT(control_open(STR("/nowhere/at/all"), &control, &err) == ERR_STORE);
    EXPECT(control == NULL);
}

static void what_was_written_is_there_after_closing_newest_first(void)
{
    struct home home;
    struct control *control = NULL;
    struct err err = {0};
    struct arena arena;
    struct control_audits audits = {0};
    arena_init(&arena, ARENA_BYTES);
    home_make(&home);
    enum errc code = control_open(home_str(&home), &control, &err);
    for (int64_t i = 1; i <= 3 && code == ERR_OK; i++) {
        const struct control_audit audit = {.at_ns = i,
                                            .actor = STR("ana"),
                                            .action = STR("import"),
                                            .subject = STR("x'); DROP TABLE audit; --"),
                                            .detail = {0}};
        code = control_add_audit(control, &audit, &err);
    }
    control_close(&control);
    if (code == ERR_OK) {
        code = control_open(home_str(&home), &control, &err);
    }
    if (code == ERR_OK) {
        code = control_audits(control, 2, &arena, &audits, &err);
    }
    const bool right = code == ERR_OK && audits.count == 2 && audits.rows[0].at_ns == 3 &&
                       audits.rows[1].at_ns == 2 && audits.rows[0].detail.size == 0 &&
                       str_equal(audits.rows[0].subject, STR("x'); DROP TABLE audit; --"));
    control_close(&control);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(right);
}

static void two_handles_write_one_after_the_other(void)
{
    struct home home;
    struct control *first = NULL;
    struct control *second = NULL;
    struct err err = {0};
    const struct control_audit audit = {.at_ns = 1, .actor = STR("a"), .action = STR("b")};
    home_make(&home);
    enum errc code = control_open(home_str(&home), &first, &err);
    if (code == ERR_OK) {
        code = control_open(home_str(&home), &second, &err);
    }
    if (code == ERR_OK) {
        code = control_add_audit(first, &audit, &err);
    }
    if (code == ERR_OK) {
        code = control_add_audit(second, &audit, &err);
    }
    control_close(&first);
    control_close(&second);
    home_remove(&home);
    EXPECT(code == ERR_OK);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_file_that_is_no_database_is_refused),
        TEST(a_store_of_a_newer_version_is_refused),
        TEST(a_home_that_is_not_there_is_an_error),
        TEST(what_was_written_is_there_after_closing_newest_first),
        TEST(two_handles_write_one_after_the_other),
    };
    return test_main(tests, COUNT_OF(tests));
}
