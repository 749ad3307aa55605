/* scan: a locked-down reader of foreign files; every damaged line is told, and no damaged file is
 * taken for a short one. Small files written here, rows compared as text. */
#include "store/scan.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/table_fixture.h"
#include "support/test.h"

static struct fixture fixture;
static struct store_scan *scan;
static char seen[65536];
static size_t seen_size;
static atomic_bool stop;

static bool open_scan(void)
{
    seen_size = 0;
    seen[0] = '\0';
    scan = NULL;
    fixture_open(&fixture);
    const struct store_scan_options options = {.root = str_from(fixture.folder),
                                               .memory_bytes_max = (int64_t)256 << 20,
                                               .thread_count = 2,
                                               .stop = &stop};
    atomic_store(&stop, false);
    if (store_scan_open(&options, &fixture.arena, &scan, &fixture.err) != ERR_OK) {
        fixture_close(&fixture);
        return false;
    }
    return true;
}

static void close_scan(void)
{
    store_scan_close(&scan);
    fixture_close(&fixture);
}

static enum errc note_row(void *context, const struct str *values, size_t count, struct err *err)
{
    (void)context;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        const struct str text = values[i].data == NULL ? STR("NULL") : values[i];
        const int size = snprintf(seen + seen_size, sizeof seen - seen_size, STR_FORMAT "%s",
                                  STR_ARG(text), i + 1 < count ? "|" : "\n");
        CHECK(size >= 0);
        CHECK(seen_size + (size_t)size < sizeof seen);
        seen_size += (size_t)size;
    }
    return ERR_OK;
}

static enum errc add(const char *name)
{
    char path[FIXTURE_PATH_MAX];
    snprintf(path, sizeof path, "%.3000s/%s", fixture.folder, name);
    struct store_scan_file file = {.path = str_from(path)};
    CHECK(store_scan_format(file.path, &file.format));
    return store_scan_add(scan, STR("t"), &file, 1, true, &fixture.err);
}

static enum errc query(const char *sql)
{
    return store_scan_query(scan, str_from(sql), note_row, NULL, &fixture.err);
}

/* The file's rows, then its rejected lines without their path. */
static bool gives(const char *name, const char *columns, const char *rows)
{
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT CAST(\"bursar line\" AS VARCHAR), %s FROM t", columns);
    const bool ok = add(name) == ERR_OK && query(sql) == ERR_OK &&
                    store_scan_rejects(scan, note_row, NULL, &fixture.err) == ERR_OK;
    if (!ok) {
        test_note(fixture.err.text);
        return false;
    }
    char clean[sizeof seen] = "";
    struct str rest = {seen, seen_size};
    size_t size = 0;
    while (rest.size > 0) { /* leave the folder out */
        struct str line = str_cut(&rest, '\n');
        const struct str folder = str_from(fixture.folder);
        const size_t skip = str_starts_with(line, folder) ? folder.size + 1 : 0;
        size += (size_t)snprintf(clean + size, sizeof clean - size, "%.*s\n",
                                 (int)(line.size - skip), line.data + skip);
    }
    const bool equal = strcmp(clean, rows) == 0;
    if (!equal) {
        test_note(clean);
    }
    return equal;
}

static void a_file_that_is_cut_short_or_empty_is_refused(void)
{
    EXPECT(open_scan());
    fixture_write_text(&fixture, "empty.csv", "");
    fixture_write_text(&fixture, "blank.csv", "\n1,2\n");
    fixture_write_text(&fixture, "plain.csv.gz", "a,b\n1,2\n");
    fixture_write_gzip(&fixture, "cut.csv.gz", "a,b\n1,2\n3,4\n5,6\n7,8\n", 9);
    fixture_write_gzip(&fixture, "cut.jsonl.gz", "{\"a\":1}\n{\"a\":2}\n", 9);
    fixture_write(&fixture, "utf16.csv",
                  "\xff\xfe"
                  "a\0,\0b\0\n\0",
                  10);
    fixture_write_text(&fixture, "none.jsonl", "\n\n");
    fixture_write_text(&fixture, "no.parquet", "PAR1 not really");
    const bool refused =
        add("empty.csv") == ERR_SYNTAX && fixture_says(&fixture, "is empty") &&
        add("blank.csv") == ERR_SYNTAX && add("plain.csv.gz") == ERR_SYNTAX &&
        fixture_says(&fixture, "is not compressed") && add("cut.csv.gz") == ERR_TRUNCATED &&
        add("cut.jsonl.gz") == ERR_TRUNCATED &&
        fixture_says(&fixture, "cut.jsonl.gz: the compressed file ends too early") &&
        add("utf16.csv") == ERR_SYNTAX && fixture_says(&fixture, "UTF-8") &&
        add("none.jsonl") == ERR_SYNTAX && add("no.parquet") != ERR_OK &&
        add("missing.csv") == ERR_IO;
    close_scan();
    EXPECT(refused);
}

static void lines_that_cannot_be_read_are_told_and_the_rest_is_kept(void)
{
    if (test_is_refusing()) {
        return;
    }
    EXPECT(open_scan());
    fixture_write_text(&fixture, "r.csv", "a,b\n1,2\n3\n4,5,6\n7,\xff\xfe\n\"x\ny\",8\n9,10\n");
    const bool ok = gives("r.csv", "a, b",
                          "2|1|2\n3|x\ny|8\n4|9|10\n"
                          "r.csv|3|Expected Number of Columns: 2 Found: 1\n"
                          "r.csv|4|Expected Number of Columns: 2 Found: 3\n"
                          "r.csv|5|Invalid unicode (byte sequence mismatch) detected. This file is "
                          "not utf-8 encoded.\n");
    close_scan();
    EXPECT(ok);
}

static void ragged_lines_are_told_even_when_one_column_is_asked_for(void)
{
    if (test_is_refusing()) {
        return;
    }
    EXPECT(open_scan());
    fixture_write_text(&fixture, "r.csv", "a,b\n1,2\n3\n4,5,6\n");
    const bool ok = gives("r.csv", "a",
                          "2|1\nr.csv|3|Expected Number of Columns: 2 Found: 1\n"
                          "r.csv|4|Expected Number of Columns: 2 Found: 3\n");
    close_scan();
    EXPECT(ok);
}

static void bad_json_lines_are_told_with_their_line(void)
{
    EXPECT(open_scan());
    fixture_write_text(&fixture, "j.jsonl",
                       "{\"a\":1,\"b\":\"x\",\"c/d\":0.06700220799999997}\n{\"a\":2,,}\n\n[1,2]\n"
                       "{\"a\":\"3\",\"n\":{\"e\":1}}\n{\"a\":9007199254740993,\"b\":null}\n");
    const bool ok = gives("j.jsonl", "a, b, \"c/d\", n",
                          "1|1|x|0.06700220799999997|NULL\n5|3|NULL|NULL|{\"e\":1}\n"
                          "6|9007199254740993|NULL|NULL|NULL\n"
                          "j.jsonl|2|is not a JSON object\nj.jsonl|4|is not a JSON object\n");
    close_scan();
    EXPECT(ok);
}

static void headers_of_every_dialect_are_read(void)
{
    EXPECT(open_scan());
    fixture_write_text(&fixture, "semi.csv",
                       "\xef\xbb\xbf"
                       "a;\"b;\"\"c\"\"\";a;\r\n1;2;3;\r\n");
    fixture_write_text(&fixture, "t.tsv", "a,x\tb\n1\t2\n");
    fixture_write_gzip(&fixture, "z.csv.gz", "a,b\n\"1,5\",\"\"\n", 0);
    fixture_write_text(&fixture, "head.csv", "a,b\n");
    bool ok = gives("semi.csv", "a, \"b;\"\"c\"\"\", a_2, column_4", "2|1|2|3|NULL\n");
    seen_size = 0;
    ok = ok && gives("t.tsv", "\"a,x\", b", "2|1|2\n");
    seen_size = 0;
    ok = ok && gives("z.csv.gz", "a, b", "2|1,5|NULL\n");
    seen_size = 0;
    ok = ok && gives("head.csv", "a, b", "");
    close_scan();
    EXPECT(ok);
}

static void nothing_but_the_folder_can_be_read_and_nothing_written(void)
{
    static const char *const wrong[] = {
        "SELECT CAST(content AS VARCHAR) FROM read_text('/etc/hostname')",
        "SELECT * FROM read_csv('/etc/passwd', all_varchar = true)",
        "COPY (SELECT 1) TO 'out.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "SET enable_external_access = true",
        "CREATE TABLE x AS SELECT 1",
        "SELECT '1'; SELECT '2'",
        "PRAGMA database_list",
        "SELECT 1",
        "EXPORT DATABASE 'x'",
        "DROP VIEW t",
        "",
    };
    if (test_is_refusing()) {
        return;
    }
    EXPECT(open_scan());
    bool refused = true;
    for (size_t i = 0; wrong[i][0] != '\0'; i++) {
        const bool now = query(wrong[i]) != ERR_OK;
        if (!now) {
            test_note(wrong[i]);
        }
        refused = refused && now;
    }
    close_scan();
    EXPECT(refused);
}

static void errors_are_one_sentence(void)
{
    if (test_is_refusing()) {
        return; /* filling the memory takes a while */
    }
    EXPECT(open_scan());
    const bool ok = query("SELECT nothing") == ERR_SYNTAX && fixture_says(&fixture, "nothing") &&
                    strchr(fixture.err.text, '\n') == NULL &&
                    str_find(str_from(fixture.err.text), STR("Error:")) == SIZE_MAX &&
                    query("SELECT CAST(CAST('x' AS INTEGER) AS VARCHAR)") == ERR_SYNTAX &&
                    query("SELECT CAST(sum(i) AS VARCHAR) FROM (SELECT unnest(list(i)) AS i FROM "
                          "range(100000000) r(i) GROUP BY i % 3)") == ERR_LIMIT &&
                    fixture_says(&fixture, "MB of memory allowed");
    close_scan();
    EXPECT(ok);
}

static enum errc stop_now(void *context, const struct str *values, size_t count, struct err *err)
{
    (void)values;
    (void)count;
    (void)err;
    *(int64_t *)context += 1;
    atomic_store(&stop, true);
    return ERR_OK;
}

static void *stop_soon(void *unused)
{
    enum { SOON_US = 50000 };
    usleep(SOON_US);
    atomic_store(&stop, true);
    return unused;
}

static void a_query_can_be_interrupted(void)
{
    if (test_is_refusing()) {
        return;
    }
    EXPECT(open_scan());
    int64_t rows = 0;
    const enum errc code =
        store_scan_query(scan, STR("SELECT CAST(i AS VARCHAR) FROM range(1000000000) r(i)"),
                         stop_now, &rows, &fixture.err);
    const int64_t seen_first = rows;
    const enum errc before =
        store_scan_query(scan, STR("SELECT '1'"), stop_now, &rows, &fixture.err);
    atomic_store(&stop, false);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, stop_soon, NULL) == 0);
    const int64_t start_ns = clock_monotonic_ns();
    const enum errc during =
        store_scan_query(scan, STR("SELECT CAST(sum(i) AS VARCHAR) FROM range(1000000000000) r(i)"),
                         stop_now, &rows, &fixture.err);
    const int64_t took_ns = clock_monotonic_ns() - start_ns;
    CHECK(pthread_join(thread, NULL) == 0);
    close_scan();
    EXPECT(code == ERR_INTERRUPTED);
    EXPECT(seen_first > 0);
    EXPECT(seen_first < 100000);
    EXPECT(before == ERR_INTERRUPTED);
    EXPECT(during == ERR_INTERRUPTED);
    EXPECT(rows == seen_first);
    EXPECT(took_ns < 60 * CLOCK_NS_PER_SECOND);
}

static void names_say_the_format(void)
{
    enum store_scan_format format = STORE_SCAN_CSV;
    EXPECT(store_scan_format(STR("a/b.jsonl.gz"), &format));
    EXPECT(format == STORE_SCAN_JSONL);
    EXPECT(store_scan_format(STR("b.parquet"), &format));
    EXPECT(format == STORE_SCAN_PARQUET);
    EXPECT(!store_scan_format(STR("b.xlsx"), &format));
    EXPECT(!store_scan_format(STR("b.parquet.gz"), &format));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_file_that_is_cut_short_or_empty_is_refused),
        TEST(lines_that_cannot_be_read_are_told_and_the_rest_is_kept),
        TEST(ragged_lines_are_told_even_when_one_column_is_asked_for),
        TEST(bad_json_lines_are_told_with_their_line),
        TEST(headers_of_every_dialect_are_read),
        TEST(nothing_but_the_folder_can_be_read_and_nothing_written),
        TEST(errors_are_one_sentence),
        TEST(a_query_can_be_interrupted),
        TEST(names_say_the_format),
    };
    return test_main(tests, COUNT_OF(tests));
}
