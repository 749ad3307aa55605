/* journal_mark: a start that reads on from a mark finds what one finds that reads everything.
 *
 * What a kill would leave is taken while the writer still has the journal open: its files as they
 * are, once with the marks, once without. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "store/journal.h"
#include "support/home.h"
#include "support/test.h"

enum { HEAD_BYTES = 32, RECORD_BYTES = 88, MARK_BYTES = 64, MIB = 1 << 20 };

static char large[3 * MIB];

static void marks_path(const struct home *home, char path[static HOME_BYTES_MAX + 64])
{
    snprintf(path, HOME_BYTES_MAX + 64, "%s/inbox/marks", home->path);
}

static void file_path(const struct home *home, int number, char path[static HOME_BYTES_MAX + 64])
{
    snprintf(path, HOME_BYTES_MAX + 64, "%s/inbox/%020d.log", home->path, number);
}

static size_t read_bytes(const char *path, char *bytes, size_t size)
{
    FILE *const file = fopen(path, "rb");
    const size_t got = file != NULL ? fread(bytes, 1, size, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    return got;
}

static void write_bytes(const char *path, const char *bytes, size_t size)
{
    FILE *const file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, size, file) == size);
    CHECK(fclose(file) == 0);
}

static void flip(const char *path, long offset)
{
    FILE *const file = fopen(path, "r+b");
    CHECK(file != NULL);
    CHECK(fseek(file, offset, SEEK_SET) == 0);
    const int byte = fgetc(file);
    CHECK(byte != EOF);
    CHECK(fseek(file, offset, SEEK_SET) == 0);
    CHECK(fputc(byte ^ 1, file) != EOF);
    CHECK(fclose(file) == 0);
}

/* What a start finds. */
struct found {
    enum errc code;
    struct journal_size size;
    int64_t first; /* id of what is read first; 0: nothing */
    size_t read;
};

static struct found start(const struct home *home)
{
    struct found found = {.size = {-1, -1}};
    struct journal *journal = NULL;
    struct journal_messages messages = {0};
    struct arena arena;
    struct err err;
    arena_init(&arena, (size_t)512 << 20);
    found.code = journal_open(home_str(home), &journal, &err);
    if (found.code == ERR_OK) {
        found.size = journal_measure(journal);
        found.code = journal_read(journal, 0, (size_t)1 << 30, &arena, &messages, &err);
    }
    found.read = messages.count;
    found.first = messages.count > 0 ? messages.rows[0].id : 0;
    journal_close(&journal);
    arena_deinit(&arena);
    return found;
}

/* On another home with these files, as a kill would leave them now. */
static struct found start_killed(const struct home *home, bool with_marks)
{
    struct home left;
    char folder[HOME_BYTES_MAX + 64];
    char from[HOME_BYTES_MAX + 320];
    char to[HOME_BYTES_MAX + 320];
    char marks[64 * MARK_BYTES];
    home_make(&left);
    snprintf(folder, sizeof folder, "%s/inbox", left.path);
    CHECK(mkdir(folder, 0700) == 0);
    snprintf(folder, sizeof folder, "%s/inbox", home->path);
    DIR *const files = opendir(folder);
    CHECK(files != NULL);
    for (const struct dirent *file; (file = readdir(files)) != NULL;) {
        snprintf(from, sizeof from, "%s/inbox/%s", home->path, file->d_name);
        snprintf(to, sizeof to, "%s/inbox/%s", left.path, file->d_name);
        if (strcmp(file->d_name, "marks") != 0) {
            CHECK(file->d_name[0] == '.' || link(from, to) == 0); /* a start does not write them */
        } else if (with_marks) {
            write_bytes(to, marks, read_bytes(from, marks, sizeof marks));
        }
    }
    closedir(files);
    const struct found found = start(&left);
    home_remove(&left);
    return found;
}

static bool is_same(const struct found *a, const struct found *b)
{
    return a->code == b->code && a->size.messages == b->size.messages &&
           a->size.bytes == b->size.bytes && a->first == b->first && a->read == b->read;
}

static enum errc append(struct journal *journal, size_t size, int64_t remove_through,
                        struct err *err)
{
    struct journal_message message = {.received_ns = 7, .bytes = {large, size}};
    return journal_append(journal, &message, 1, remove_through, err);
}

/* Twelve messages of 1 MiB, nine of them removed; *out is open. */
static enum errc make(struct home *home, struct journal **out, struct err *err)
{
    home_make(home);
    enum errc code = journal_open(home_str(home), out, err);
    for (int i = 0; i < 12 && code == ERR_OK; i++) {
        code = append(*out, MIB, i > 3 ? i - 3 : 0, err);
    }
    return code == ERR_OK ? journal_append(*out, NULL, 0, 9, err) : code;
}

static void a_start_does_not_read_what_was_removed_before_a_mark(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct err err;
    struct found with = {0};
    struct found without = {0};
    char path[HOME_BYTES_MAX + 64];
    const enum errc code = make(&home, &journal, &err);
    if (code == ERR_OK) {
        file_path(&home, 1, path);
        flip(path, HEAD_BYTES + 8); /* the head of the first record: whoever reads it stops there */
        with = start_killed(&home, true);
        without = start_killed(&home, false);
    }
    journal_close(&journal);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(with.code == ERR_OK);
    EXPECT(with.size.messages == 3);
    EXPECT(with.size.bytes == 3 * MIB);
    EXPECT(with.first == 10);
    EXPECT(with.read == 3);
    EXPECT(without.size.messages == 0);
}

static void a_mark_that_is_not_whole_is_not_gone_by(void)
{
    enum { STEP = 11 };
    struct home home;
    struct journal *journal = NULL;
    struct err err;
    struct found right = {0};
    char path[HOME_BYTES_MAX + 64];
    int wrong = 0;
    size_t size = 0;
    const enum errc code = make(&home, &journal, &err);
    if (code == ERR_OK) {
        char marks[64 * MARK_BYTES];
        right = start_killed(&home, false);
        marks_path(&home, path);
        size = read_bytes(path, marks, sizeof marks);
        for (size_t i = 0; i < size && !test_is_spent(); i += STEP) {
            flip(path, (long)i);
            const struct found found = start_killed(&home, true);
            wrong += !is_same(&found, &right);
            write_bytes(path, marks, i); /* cut short, too */
            const struct found cut = start_killed(&home, true);
            wrong += !is_same(&cut, &right);
            write_bytes(path, marks, size);
        }
    }
    journal_close(&journal);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(right.size.messages == 3);
    EXPECT(size >= 3 * MARK_BYTES);
    EXPECT(wrong == 0);
}

/* Two files of the same name and length, whose messages differ in what is removed. */
static void marks_of_another_file_of_the_same_number_are_not_gone_by(void)
{
    struct home one;
    struct home other;
    struct journal *journals[2] = {NULL, NULL};
    struct err err;
    struct found found = {0};
    char path[HOME_BYTES_MAX + 64];
    char marks[64 * MARK_BYTES];
    enum errc code = make(&one, &journals[0], &err);
    home_make(&other);
    code = code == ERR_OK ? journal_open(home_str(&other), &journals[1], &err) : code;
    large[0] = 'x';
    for (int i = 0; i < 20 && code == ERR_OK; i++) { /* as long as the other and longer */
        code = append(journals[1], MIB - 1, i == 7 ? 1 : 0, &err);
    }
    large[0] = '\0';
    if (code == ERR_OK) {
        marks_path(&one, path);
        const size_t size = read_bytes(path, marks, sizeof marks);
        marks_path(&other, path);
        write_bytes(path, marks, size);
        found = start_killed(&other, true);
    }
    journal_close(&journals[0]);
    journal_close(&journals[1]);
    home_remove(&one);
    home_remove(&other);
    EXPECT(code == ERR_OK);
    EXPECT(found.size.messages == 19);
    EXPECT(found.first == 2);
}

static void a_file_that_ends_before_its_mark_is_read_from_its_beginning(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct err err;
    struct found found = {0};
    char path[HOME_BYTES_MAX + 64];
    const enum errc code = make(&home, &journal, &err);
    journal_close(&journal);
    file_path(&home, 1, path);
    /* Nine whole messages, and removals of the first of them; half of the tenth. */
    const long end = HEAD_BYTES + 9 * (RECORD_BYTES + MIB) + 6 * RECORD_BYTES;
    if (code == ERR_OK && truncate(path, end + MIB / 2) == 0) {
        found = start(&home);
    }
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(found.code == ERR_OK);
    EXPECT(found.first == 7); /* the removal that stands before the tenth says six */
    EXPECT(found.read == 3);
}

static void after_any_append_and_removal_a_start_finds_the_same_with_marks_and_without(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct err err;
    struct rng rng;
    int64_t last = 0;
    int64_t removed = 0;
    int wrong = 0;
    int opened = 0;
    home_make(&home);
    rng_init(&rng, 20261122);
    enum errc code = journal_open(home_str(&home), &journal, &err);
    for (int step = 0; step < 90 && code == ERR_OK && !test_is_spent(); step++) {
        const bool removes = rng_below(&rng, 3) > 0 && last > removed;
        removed += removes ? 1 + (int64_t)rng_below(&rng, (uint64_t)(last - removed)) : 0;
        const size_t size =
            rng_below(&rng, 4) == 0 ? 10 : 1 + (size_t)rng_below(&rng, sizeof large);
        if (rng_below(&rng, 5) == 0) {
            code = journal_append(journal, NULL, 0, removed, &err);
        } else {
            code = append(journal, size, removed, &err);
            last++;
        }
        if (step % 9 == 8) { /* closed whole, too */
            journal_close(&journal);
            code = code == ERR_OK ? journal_open(home_str(&home), &journal, &err) : code;
        }
        if (code == ERR_OK && step % 4 == 0) {
            const struct found without = start_killed(&home, false);
            const struct found with = start_killed(&home, true);
            opened += without.code == ERR_OK && without.size.messages == last - removed;
            wrong += !is_same(&with, &without);
        }
    }
    journal_close(&journal);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(last > 50); /* two files and more */
    EXPECT(opened == 23);
    EXPECT(wrong == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_start_does_not_read_what_was_removed_before_a_mark),
        TEST_SPARSE(a_mark_that_is_not_whole_is_not_gone_by),
        TEST_SPARSE(marks_of_another_file_of_the_same_number_are_not_gone_by),
        TEST_SPARSE(a_file_that_ends_before_its_mark_is_read_from_its_beginning),
        TEST_SPARSE(after_any_append_and_removal_a_start_finds_the_same_with_marks_and_without),
    };
    return test_main(tests, COUNT_OF(tests));
}
