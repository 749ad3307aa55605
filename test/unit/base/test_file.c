/* file: the whole file or an error that names it; never a part.
 * Files of their own; what reads a part of one is told by a made-up kernel that it was interrupted,
 * or is given less than it asked for. */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/test.h"

/* What the kernel does to the next reads at a place. */
static struct {
    int interrupted; /* so many of them */
    size_t size_max; /* no more bytes than that at once */
    int calls;
} kernel;

ssize_t __real_pread64(int fd, void *out, size_t size, off_t offset);
ssize_t __wrap_pread64(int fd, void *out, size_t size, off_t offset);

ssize_t __wrap_pread64(int fd, void *out, size_t size, off_t offset)
{
    kernel.calls++;
    if (kernel.interrupted > 0) {
        kernel.interrupted--;
        errno = EINTR;
        return -1;
    }
    return __real_pread64(fd, out, size < kernel.size_max ? size : kernel.size_max, offset);
}

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

/* A file with that text, without a name. */
static int file_of(const char *text)
{
    char path[] = "/tmp/bursar-file-XXXXXX";
    const int fd = mkstemp(path);
    CHECK(fd >= 0);
    unlink(path);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    kernel.interrupted = 0;
    kernel.size_max = SIZE_MAX;
    kernel.calls = 0;
    return fd;
}

static void a_part_beyond_the_end_of_a_file_is_refused(void)
{
    char bytes[8];
    const int fd = file_of("0123456789");
    errno = 0;
    const bool beyond = file_read_at(fd, bytes, 1, 10);
    const int beyond_errno = errno;
    errno = 0;
    const bool across = file_read_at(fd, bytes, 4, 7);
    const int across_errno = errno;
    close(fd);
    EXPECT(!beyond);
    EXPECT(beyond_errno == EIO);
    EXPECT(!across);
    EXPECT(across_errno == EIO);
}

static void a_part_of_what_cannot_be_read_says_why(void)
{
    char bytes[8];
    const int fd = file_of("0123456789");
    close(fd);
    errno = 0;
    EXPECT(!file_read_at(fd, bytes, 1, 0));
    EXPECT(errno == EBADF);
    EXPECT(kernel.calls == 1);
}

static void a_part_is_read_and_the_place_in_the_file_stays(void)
{
    char bytes[8] = "xxxxxxx";
    const int fd = file_of("0123456789");
    const off_t before = lseek(fd, 2, SEEK_SET);
    const bool read = file_read_at(fd, bytes, 4, 6);
    const off_t after = lseek(fd, 0, SEEK_CUR);
    const bool nothing = file_read_at(fd, NULL, 0, 10);
    close(fd);
    EXPECT(read);
    EXPECT(memcmp(bytes, "6789xxx", 7) == 0);
    EXPECT(before == 2);
    EXPECT(after == 2);
    EXPECT(nothing);
}

static void a_part_that_comes_in_pieces_is_put_together(void)
{
    char bytes[8] = "xxxxxxx";
    const int fd = file_of("0123456789");
    kernel.size_max = 3;
    const bool read = file_read_at(fd, bytes, 7, 1);
    const int calls = kernel.calls;
    close(fd);
    EXPECT(read);
    EXPECT(memcmp(bytes, "1234567", 7) == 0);
    EXPECT(calls == 3);
}

static void an_interrupted_part_is_read_on(void)
{
    char bytes[8] = "xxxxxxx";
    const int fd = file_of("0123456789");
    kernel.interrupted = 2;
    kernel.size_max = 4;
    const bool read = file_read_at(fd, bytes, 7, 1);
    const int calls = kernel.calls;
    close(fd);
    EXPECT(read);
    EXPECT(memcmp(bytes, "1234567", 7) == 0);
    EXPECT(calls == 4);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_file_that_is_not_there_is_refused),
        TEST(a_folder_and_a_name_with_a_nul_are_refused),
        TEST(a_file_longer_than_allowed_is_refused_and_one_as_long_is_read),
        TEST(an_empty_file_is_empty_text),
        TEST(a_part_beyond_the_end_of_a_file_is_refused),
        TEST(a_part_of_what_cannot_be_read_says_why),
        TEST(a_part_is_read_and_the_place_in_the_file_stays),
        TEST(a_part_that_comes_in_pieces_is_put_together),
        TEST(an_interrupted_part_is_read_on),
    };
    return test_main(tests, COUNT_OF(tests));
}
