/* journal: what was appended is there after closing, in order, once, and leaves only when told to.
 */
#include "store/journal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "base/rng.h"
#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)4 << 20)

enum { BODY_BYTES = 3000 };

static void fill(char *bytes, size_t size, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)rng_below(&rng, 256);
    }
}

static void a_file_of_a_newer_version_is_refused(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct err err = {0};
    char path[HOME_BYTES_MAX + 32];
    sqlite3 *database = NULL;
    home_make(&home);
    snprintf(path, sizeof path, "%s/inbox.sqlite", home.path);
    CHECK(sqlite3_open(path, &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database, "PRAGMA user_version = 99", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(database);
    const enum errc code = journal_open(home_str(&home), &journal, &err);
    home_remove(&home);
    EXPECT(code == ERR_UNSUPPORTED);
    EXPECT(strstr(err.text, "99") != NULL);
}

static void a_home_that_is_not_there_is_an_error(void)
{
    struct journal *journal = NULL;
    struct err err = {0};
    EXPECT(journal_open(STR("/nowhere/at/all"), &journal, &err) == ERR_STORE);
    EXPECT(strstr(err.text, "/nowhere/at/all/inbox") != NULL);
}

static void messages_come_back_after_closing_in_order_and_whole(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct arena arena;
    struct err err;
    static char bodies[4][BODY_BYTES];
    struct journal_message given[4];
    struct journal_messages read = {0};
    bool same = true;
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        fill(bodies[i], BODY_BYTES, i);
        given[i] = (struct journal_message){.kind = (int64_t)i,
                                            .received_ns = 100 + (int64_t)i,
                                            .bytes = {bodies[i], i == 3 ? 0 : BODY_BYTES - i}};
    }
    enum errc code = journal_open(home_str(&home), &journal, &err);
    code = code == ERR_OK ? journal_append(journal, given, 3, 0, &err) : code;
    journal_close(&journal);
    code = code == ERR_OK ? journal_open(home_str(&home), &journal, &err) : code;
    code = code == ERR_OK ? journal_append(journal, &given[3], 1, 0, &err) : code;
    code = code == ERR_OK ? journal_read(journal, 0, 1 << 20, &arena, &read, &err) : code;
    for (size_t i = 0; i < read.count; i++) {
        same = same && read.rows[i].kind == given[i].kind &&
               read.rows[i].received_ns == given[i].received_ns &&
               str_equal(read.rows[i].bytes, given[i].bytes) &&
               (i == 0 || read.rows[i].id > read.rows[i - 1].id);
    }
    const size_t count = read.count;
    journal_close(&journal);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(count == 4);
    EXPECT(same);
}

static void reading_stops_at_the_bytes_asked_for_but_gives_at_least_one(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct arena arena;
    struct err err;
    static char body[BODY_BYTES];
    const struct journal_message one = {.bytes = {body, sizeof body}};
    struct journal_message given[] = {one, one, one};
    struct journal_messages first = {0};
    struct journal_messages rest = {0};
    struct journal_messages small = {0};
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    enum errc code = journal_open(home_str(&home), &journal, &err);
    code = code == ERR_OK ? journal_append(journal, given, 3, 0, &err) : code;
    code = code == ERR_OK ? journal_read(journal, 0, 2 * sizeof body, &arena, &first, &err) : code;
    code = code == ERR_OK ? journal_read(journal, first.rows[first.count - 1].id, 2 * sizeof body,
                                         &arena, &rest, &err)
                          : code;
    code = code == ERR_OK ? journal_read(journal, 0, 1, &arena, &small, &err) : code;
    journal_close(&journal);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(first.count == 2);
    EXPECT(rest.count == 1);
    EXPECT(small.count == 1);
}

static void what_is_removed_is_gone_and_its_id_is_not_given_again(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct arena arena;
    struct err err;
    struct journal_message given[] = {{.bytes = STR("a"), .context = STR("of a")},
                                      {.bytes = STR("bc"), .context = STR("key 7")}};
    struct journal_messages before = {0};
    struct journal_messages after = {0};
    struct journal_messages rest = {0};
    struct journal_size size = {0};
    struct journal_size none = {.messages = 7};
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    enum errc code = journal_open(home_str(&home), &journal, &err);
    code = code == ERR_OK ? journal_append(journal, given, 2, 0, &err) : code;
    if (code == ERR_OK) {
        size = journal_measure(journal);
        code = journal_read(journal, 0, 100, &arena, &before, &err);
    }
    code = code == ERR_OK ? journal_append(journal, NULL, 0, before.rows[0].id, &err) : code;
    code = code == ERR_OK ? journal_read(journal, 0, 100, &arena, &rest, &err) : code;
    code = code == ERR_OK ? journal_append(journal, given, 0, before.rows[1].id, &err) : code;
    journal_close(&journal);
    code = code == ERR_OK ? journal_open(home_str(&home), &journal, &err) : code;
    if (code == ERR_OK) {
        none = journal_measure(journal);
        code = journal_append(journal, given, 1, 0, &err);
    }
    code = code == ERR_OK ? journal_read(journal, 0, 100, &arena, &after, &err) : code;
    const bool later = code == ERR_OK && after.rows[0].id > before.rows[1].id;
    const bool has_context = rest.count == 1 && str_equal(rest.rows[0].context, STR("key 7"));
    journal_close(&journal);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(size.messages == 2);
    EXPECT(size.bytes == 3 + 4 + 5); /* the contexts too */
    EXPECT(rest.count == 1);
    EXPECT(has_context);
    EXPECT(none.messages == 0);
    EXPECT(after.count == 1);
    EXPECT(later);
}

static void what_a_key_stands_for_comes_back_with_its_message(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct arena arena;
    struct err err;
    struct journal_message given[] = {
        {.bytes = STR("a"),
         .binding = {.workflow = STR("claims"), .team = STR("support"), .user = STR("ana")}},
        {.bytes = STR("b")}};
    struct journal_messages read = {0};
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    enum errc code = journal_open(home_str(&home), &journal, &err);
    code = code == ERR_OK ? journal_append(journal, given, 2, 0, &err) : code;
    journal_close(&journal);
    code = code == ERR_OK ? journal_open(home_str(&home), &journal, &err) : code;
    code = code == ERR_OK ? journal_read(journal, 0, 1 << 20, &arena, &read, &err) : code;
    const bool right = code == ERR_OK && read.count == 2 &&
                       str_equal(read.rows[0].binding.workflow, STR("claims")) &&
                       str_equal(read.rows[0].binding.team, STR("support")) &&
                       str_equal(read.rows[0].binding.user, STR("ana")) &&
                       read.rows[1].binding.workflow.size == 0 &&
                       read.rows[1].binding.team.size == 0 && read.rows[1].binding.user.size == 0;
    journal_close(&journal);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(right);
}

/* An inbox left by the version that kept bodies alone. */
static void messages_of_an_older_version_are_taken_up(void)
{
    static const char *const older =
        "CREATE TABLE messages (message_id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT "
        "NULL, received_ns INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;"
        "INSERT INTO messages (kind, received_ns, bytes) VALUES (3, 4, x'616263');"
        "PRAGMA user_version = 1;";
    struct home home;
    struct journal *journal = NULL;
    struct arena arena;
    struct err err;
    char path[HOME_BYTES_MAX + 32];
    sqlite3 *database = NULL;
    struct journal_message more[] = {{.bytes = STR("d"), .context = STR("e")}};
    struct journal_messages read = {0};
    struct journal_size size = {0};
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    snprintf(path, sizeof path, "%s/inbox.sqlite", home.path);
    CHECK(sqlite3_open(path, &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database, older, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(database);
    enum errc code = journal_open(home_str(&home), &journal, &err);
    code = code == ERR_OK ? journal_append(journal, more, 1, 0, &err) : code;
    size = code == ERR_OK ? journal_measure(journal) : size;
    code = code == ERR_OK ? journal_read(journal, 0, 100, &arena, &read, &err) : code;
    const bool whole = code == ERR_OK && read.count == 2 &&
                       str_equal(read.rows[0].bytes, STR("abc")) &&
                       read.rows[0].context.size == 0 && str_equal(read.rows[1].context, STR("e"));
    journal_close(&journal);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(size.bytes == 5);
    EXPECT(whole);
}

static void a_journal_of_the_first_version_is_taken_up(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct arena arena;
    struct err err;
    struct journal_messages read = {0};
    char path[HOME_BYTES_MAX + 32];
    sqlite3 *database = NULL;
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    snprintf(path, sizeof path, "%s/inbox.sqlite", home.path);
    CHECK(sqlite3_open(path, &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database,
                       "CREATE TABLE messages (message_id INTEGER PRIMARY KEY AUTOINCREMENT, "
                       "kind INTEGER NOT NULL, received_ns INTEGER NOT NULL, bytes BLOB NOT NULL) "
                       "STRICT; INSERT INTO messages (kind, received_ns, bytes) "
                       "VALUES (3, 4, x'616263'); PRAGMA user_version = 1",
                       NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(database);
    enum errc code = journal_open(home_str(&home), &journal, &err);
    code = code == ERR_OK ? journal_read(journal, 0, 1 << 20, &arena, &read, &err) : code;
    const bool right = code == ERR_OK && read.count == 1 && read.rows[0].kind == 3 &&
                       str_equal(read.rows[0].bytes, STR("abc")) &&
                       read.rows[0].binding.workflow.size == 0;
    journal_close(&journal);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(right);
}

/* ---- files that a crash or the disk left otherwise */

static void file_path(const struct home *home, int number, char path[static HOME_BYTES_MAX + 64])
{
    snprintf(path, HOME_BYTES_MAX + 64, "%s/inbox/%020d.log", home->path, number);
}

enum { HEAD_BYTES = 32, RECORD_BYTES = 88 + 9 }; /* 9: of the messages below */

/* Change a byte of a file of the journal. False: no such byte. */
static bool damage(const char *path, long offset)
{
    FILE *const file = fopen(path, "r+b");
    bool done = false;
    if (file != NULL) {
        int byte = EOF;
        done = fseek(file, offset, SEEK_SET) == 0 && (byte = fgetc(file)) != EOF &&
               fseek(file, -1, SEEK_CUR) == 0 && fputc(byte ^ 1, file) != EOF;
        fclose(file);
    }
    return done;
}

/* Append `count` messages one by one, close, cut or damage the file, open and count. */
static int64_t left_after(int count, long cut, long flip, enum errc *out_code)
{
    struct home home;
    struct journal *journal = NULL;
    struct err err;
    char path[HOME_BYTES_MAX + 64];
    struct journal_message given = {.bytes = STR("a message")};
    int64_t left = -1;
    home_make(&home);
    enum errc code = journal_open(home_str(&home), &journal, &err);
    for (int i = 0; i < count && code == ERR_OK; i++) {
        code = journal_append(journal, &given, 1, 0, &err);
    }
    journal_close(&journal);
    file_path(&home, 1, path);
    const long end = HEAD_BYTES + count * RECORD_BYTES; /* room for more is behind */
    if (code == ERR_OK) {
        CHECK(cut == 0 || truncate(path, end - cut) == 0);
        CHECK(flip == 0 || damage(path, end - flip));
        code = journal_open(home_str(&home), &journal, &err);
    }
    if (code == ERR_OK) {
        left = journal_measure(journal).messages;
        code = journal_append(journal, &given, 1, 0, &err);
        CHECK(code != ERR_OK || journal_measure(journal).messages == left + 1);
    }
    journal_close(&journal);
    home_remove(&home);
    *out_code = code;
    return left;
}

static void a_tail_cut_off_anywhere_loses_only_the_message_that_was_not_whole(void)
{
    for (long cut = 0; cut <= RECORD_BYTES; cut++) {
        enum errc code;
        EXPECT(left_after(3, cut, 0, &code) == (cut == 0 ? 3 : 2));
        EXPECT(code == ERR_OK);
    }
}

static void a_last_message_whose_bytes_are_not_as_written_was_not_acknowledged(void)
{
    enum errc code;
    EXPECT(left_after(3, 0, 1, &code) == 2);
    EXPECT(code == ERR_OK);
    EXPECT(left_after(3, 0, RECORD_BYTES, &code) == 2);
    EXPECT(code == ERR_OK);
}

static char large_bytes[33 << 20];

/* Files of one large message and a half: what is in the first ones is removed. */
static void long_files_follow_one_another_and_are_written_anew_once_they_are_done(void)
{
    enum { FILES = 7 };
    struct home home;
    struct journal *journal = NULL;
    struct arena arena;
    struct err err;
    char path[HOME_BYTES_MAX + 64];
    struct journal_message given = {.bytes = {large_bytes, sizeof large_bytes}};
    struct journal_messages read = {0};
    int files = 0;
    bool same = true;
    home_make(&home);
    arena_init(&arena, (size_t)256 << 20);
    enum errc code = journal_open(home_str(&home), &journal, &err);
    for (int i = 0; i < 2 * FILES && code == ERR_OK; i++) {
        large_bytes[0] = (char)i;
        code = journal_append(journal, &given, 1, i > 4 ? i - 4 : 0, &err);
    }
    journal_close(&journal);
    code = code == ERR_OK ? journal_open(home_str(&home), &journal, &err) : code;
    code = code == ERR_OK ? journal_read(journal, 0, (size_t)1 << 30, &arena, &read, &err) : code;
    for (size_t i = 0; i < read.count; i++) {
        same = same && read.rows[i].id == (int64_t)i + 10 &&
               read.rows[i].bytes.data[0] == (char)(i + 9);
    }
    for (int i = 1; i <= FILES; i++) {
        file_path(&home, i, path);
        files += access(path, F_OK) == 0;
    }
    const size_t count = read.count;
    journal_close(&journal);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(count == 5);
    EXPECT(same);
    EXPECT(files <= 5);
}

static void damage_before_the_end_is_an_error_that_names_the_file(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct err err = {0};
    char path[HOME_BYTES_MAX + 64];
    struct journal_message given = {.bytes = {large_bytes, sizeof large_bytes}};
    home_make(&home);
    enum errc code = journal_open(home_str(&home), &journal, &err);
    for (int i = 0; i < 3 && code == ERR_OK; i++) {
        code = journal_append(journal, &given, 1, 0, &err);
    }
    journal_close(&journal);
    file_path(&home, 1, path);
    const bool changed = damage(path, HEAD_BYTES + 88 + (long)sizeof large_bytes + 8);
    const enum errc opened = journal_open(home_str(&home), &journal, &err);
    CHECK(unlink(path) == 0);
    struct err ignored;
    const enum errc without = journal_open(home_str(&home), &journal, &ignored);
    const int64_t left = without == ERR_OK ? journal_measure(journal).messages : -1;
    journal_close(&journal);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(changed);
    EXPECT(opened == ERR_STORE);
    EXPECT(strstr(err.text, "00000000000000000001.log") != NULL);
    EXPECT(left == 1);
}

static void what_an_older_version_left_is_taken_over_once(void)
{
    struct home home;
    struct journal *journal = NULL;
    struct arena arena;
    struct err err;
    char path[HOME_BYTES_MAX + 32];
    sqlite3 *database = NULL;
    struct journal_messages read = {0};
    home_make(&home);
    arena_init(&arena, ARENA_BYTES);
    snprintf(path, sizeof path, "%s/inbox.sqlite", home.path);
    CHECK(sqlite3_open(path, &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database,
                       "PRAGMA journal_mode = WAL;"
                       "CREATE TABLE messages (message_id INTEGER PRIMARY KEY AUTOINCREMENT,"
                       " kind INTEGER NOT NULL, received_ns INTEGER NOT NULL,"
                       " bytes BLOB NOT NULL) STRICT;"
                       "PRAGMA user_version = 1;"
                       "INSERT INTO messages VALUES (7, 2, 70, x'616263'), (9, 4, 90, x'00')",
                       NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(database);
    enum errc code = journal_open(home_str(&home), &journal, &err);
    journal_close(&journal);
    code = code == ERR_OK ? journal_open(home_str(&home), &journal, &err) : code;
    code = code == ERR_OK ? journal_read(journal, 0, 100, &arena, &read, &err) : code;
    const bool same = read.count == 2 && read.rows[0].kind == 2 && read.rows[0].received_ns == 70 &&
                      str_equal(read.rows[0].bytes, STR("abc")) && read.rows[1].kind == 4 &&
                      read.rows[1].bytes.size == 1 && read.rows[1].context.size == 0;
    const bool is_gone = access(path, F_OK) != 0;
    journal_close(&journal);
    arena_deinit(&arena);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(same);
    EXPECT(is_gone);
}

struct seen {
    int64_t count;
    size_t bytes;
};

static enum errc see(void *context, struct str bytes, struct err *err)
{
    struct seen *const seen = context;
    (void)err;
    seen->count++;
    seen->bytes += bytes.size;
    return ERR_OK;
}

/* Kinds 0 and 1 by turns, 10 bytes each; the first four are removed. */
static enum errc fill_and_look(struct home *home, struct seen *during, struct seen *after,
                               struct err *err)
{
    struct journal *journal = NULL;
    enum errc code = journal_open(home_str(home), &journal, err);
    for (int i = 0; i < 10 && code == ERR_OK; i++) {
        struct journal_message message = {.kind = i % 2, .bytes = STR("ten bytes!")};
        code = journal_append(journal, &message, 1, 0, err);
    }
    code = code == ERR_OK ? journal_append(journal, NULL, 0, 4, err) : code;
    code = code == ERR_OK ? journal_look(home_str(home), 1, see, during, err) : code;
    journal_close(&journal);
    return code == ERR_OK ? journal_look(home_str(home), 0, see, after, err) : code;
}

static void what_waits_is_seen_beside_the_writer_and_without_one(void)
{
    struct home home;
    struct err err;
    struct seen none = {0};
    struct seen during = {0};
    struct seen after = {0};
    home_make(&home);
    enum errc code = journal_look(home_str(&home), 0, see, &none, &err);
    code = code == ERR_OK ? fill_and_look(&home, &during, &after, &err) : code;
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(none.count == 0);
    EXPECT(during.count == 3);
    EXPECT(during.bytes == 30);
    EXPECT(after.count == 3);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_waits_is_seen_beside_the_writer_and_without_one),
        TEST_SPARSE(a_file_of_a_newer_version_is_refused),
        TEST_SPARSE(a_home_that_is_not_there_is_an_error),
        TEST_SPARSE(messages_come_back_after_closing_in_order_and_whole),
        TEST_SPARSE(reading_stops_at_the_bytes_asked_for_but_gives_at_least_one),
        TEST_SPARSE(what_is_removed_is_gone_and_its_id_is_not_given_again),
        TEST_SPARSE(what_a_key_stands_for_comes_back_with_its_message),
        TEST_SPARSE(messages_of_an_older_version_are_taken_up),
        TEST_SPARSE(a_journal_of_the_first_version_is_taken_up),
        TEST_SPARSE(a_tail_cut_off_anywhere_loses_only_the_message_that_was_not_whole),
        TEST_SPARSE(a_last_message_whose_bytes_are_not_as_written_was_not_acknowledged),
        TEST_SPARSE(long_files_follow_one_another_and_are_written_anew_once_they_are_done),
        TEST_SPARSE(damage_before_the_end_is_an_error_that_names_the_file),
        TEST_SPARSE(what_an_older_version_left_is_taken_over_once),
    };
    return test_main(tests, COUNT_OF(tests));
}
