/* file: the whole file or an error that names it; never a part.
 * Files made in a folder of their own. */
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/test.h"

static bool reads(const char *path, size_t size_max, struct arena *arena, struct str *out,
                  enum errc *code)
{
    struct err err = {0};
    *out = STR("untouched");
    *code = file_read(str_from(path), size_max, arena, out, &err);
    return *code == ERR_OK;
}

static void a_file_that_is_not_there_is_refused(void)
{
    struct arena arena;
    struct str out;
    enum errc code;
    arena_init(&arena, 1 << 20);
    const bool read = reads("/nowhere/at/all", 100, &arena, &out, &code);
    arena_deinit(&arena);
    EXPECT(!read);
    EXPECT(code == ERR_NOT_FOUND);
    EXPECT(str_equal(out, STR("untouched")));
}

static void a_folder_and_a_name_with_a_nul_are_refused(void)
{
    struct arena arena;
    struct str out;
    struct err err = {0};
    enum errc code;
    arena_init(&arena, 1 << 20);
    const bool read = reads("/", 100, &arena, &out, &code);
    const enum errc nul = file_read((struct str){"/dev\0/null", 10}, 100, &arena, &out, &err);
    arena_deinit(&arena);
    EXPECT(!read);
    EXPECT(code == ERR_IO);
    EXPECT(nul == ERR_NOT_FOUND);
}

static void a_file_longer_than_allowed_is_refused_and_one_as_long_is_read(void)
{
    char path[] = "/tmp/bursar-file-XXXXXX";
    const int fd = mkstemp(path);
    CHECK(fd >= 0);
    char bytes[200000];
    memset(bytes, 'x', sizeof bytes);
    CHECK(write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes);
    close(fd);
    struct arena arena;
    struct str out;
    enum errc code;
    arena_init(&arena, 8 << 20);
    const bool longer = reads(path, sizeof bytes - 1, &arena, &out, &code);
    const enum errc longer_code = code;
    const bool exact = reads(path, sizeof bytes, &arena, &out, &code);
    const bool whole = exact && out.size == sizeof bytes && out.data[out.size] == '\0' &&
                       memcmp(out.data, bytes, sizeof bytes) == 0;
    arena_deinit(&arena);
    unlink(path);
    EXPECT(!longer);
    EXPECT(longer_code == ERR_LIMIT);
    EXPECT(whole);
}

static void an_empty_file_is_empty_text(void)
{
    struct arena arena;
    struct str out;
    enum errc code;
    arena_init(&arena, 1 << 20);
    const bool read = reads("/dev/null", 100, &arena, &out, &code);
    const bool empty = read && out.size == 0 && out.data[0] == '\0';
    arena_deinit(&arena);
    EXPECT(empty);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_file_that_is_not_there_is_refused),
        TEST(a_folder_and_a_name_with_a_nul_are_refused),
        TEST(a_file_longer_than_allowed_is_refused_and_one_as_long_is_read),
        TEST(an_empty_file_is_empty_text),
    };
    return test_main(tests, COUNT_OF(tests));
}
