/* body_log: a folder of somebody else's is refused; a torn tail is cut and what follows is read;
 * bytes that changed are left out; files go with their day; nobody else may look in. */
#include "store/body_log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/body_log_priv.h"
#include "support/home.h"
#include "support/test.h"

#define NOW_NS (INT64_C(1800000000) * CLOCK_NS_PER_SECOND)

static struct home home;
static struct body_log *bodies;
static struct err err;

static bool open_log(void)
{
    return body_log_open(home_str(&home), &bodies, &err) == ERR_OK;
}

static enum errc put(uint64_t number, int64_t days, struct str bytes)
{
    const struct body_record record = {.key = {number, number},
                                       .workflow_hash = number % 2,
                                       .case_hash = number,
                                       .kept_ns = NOW_NS,
                                       .ends_ns = NOW_NS + days * CLOCK_NS_PER_DAY,
                                       .bytes = bytes};
    return body_log_append(bodies, &record, &err);
}

struct seen {
    uint64_t keys[64];
    int count;
    struct body_log_walked walked;
};

static bool see(void *context, const struct body_record *record)
{
    struct seen *const seen = context;
    seen->keys[seen->count++] = record->key.low;
    return seen->count < (int)COUNT_OF(seen->keys);
}

static struct seen look(int64_t now_ns)
{
    struct seen seen = {0};
    const struct body_log_query query = {.now_ns = now_ns, .with_bytes = true};
    CHECK(body_log_walk(home_str(&home), &query, see, &seen, &seen.walked, &err) == ERR_OK);
    return seen;
}

/* The path of the one file there is of that day; false: there is none. */
static bool find_file(int64_t days, char path[static 128])
{
    char name[BODY_LOG_NAME_BYTES_MAX];
    for (uint64_t number = 1; number < 20; number++) {
        const struct body_file file = {.ends_day = NOW_NS / CLOCK_NS_PER_DAY + days,
                                       .number = number};
        body_file_name(&file, name);
        snprintf(path, 128, "%s/bodies/%s", home.path, name);
        if (access(path, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

static void begin(void)
{
    home_make(&home);
    CHECK(open_log());
}

static void end(void)
{
    body_log_close(&bodies);
    home_remove(&home);
}

static void a_link_in_place_of_the_folder_is_refused(void)
{
    char path[HOME_BYTES_MAX + 16];
    begin();
    snprintf(path, sizeof path, "%s/bodies", home.path);
    CHECK(symlink("/tmp", path) == 0);
    const enum errc code = put(1, 1, STR("x"));
    unlink(path);
    end();
    EXPECT(code == ERR_STORE);
}

static void two_may_not_write_at_once(void)
{
    struct body_log *other = NULL;
    begin();
    const enum errc first = put(1, 1, STR("x"));
    const enum errc second = body_log_open(home_str(&home), &other, &err);
    end();
    EXPECT(first == ERR_OK);
    EXPECT(second == ERR_BUSY);
}

static void modes_are_the_owners_and_are_made_so_again(void)
{
    char path[128];
    char folder[HOME_BYTES_MAX + 16];
    struct stat status[2];
    begin();
    CHECK(put(1, 1, STR("x")) == ERR_OK);
    body_log_close(&bodies);
    snprintf(folder, sizeof folder, "%s/bodies", home.path);
    CHECK(find_file(1, path));
    CHECK(chmod(folder, 0755) == 0);
    CHECK(chmod(path, 0644) == 0);
    CHECK(open_log());
    CHECK(put(2, 1, STR("y")) == ERR_OK);
    CHECK(stat(folder, &status[0]) == 0);
    CHECK(stat(path, &status[1]) == 0);
    end();
    EXPECT((status[0].st_mode & 0777) == 0700);
    EXPECT((status[1].st_mode & 0777) == 0600);
}

/* Cut after each byte of the last record. */
static void a_torn_tail_is_cut_wherever_it_was_torn(void)
{
    const off_t whole = (off_t)(sizeof(struct body_entry) + 5);
    for (off_t torn = 1; torn <= whole; torn += 7) {
        char path[128];
        struct stat status;
        begin();
        CHECK(put(1, 1, STR("first")) == ERR_OK);
        CHECK(put(2, 1, STR("other")) == ERR_OK);
        body_log_close(&bodies);
        CHECK(find_file(1, path));
        CHECK(stat(path, &status) == 0);
        CHECK(truncate(path, status.st_size - torn) == 0);
        const struct seen before = look(NOW_NS);
        CHECK(open_log());
        const enum errc code = put(3, 1, STR("third"));
        const struct seen after = look(NOW_NS);
        end();
        EXPECT(code == ERR_OK);
        EXPECT(before.count == 1);
        EXPECT(after.count == 2);
        EXPECT(after.keys[0] == 1);
        EXPECT(after.keys[1] == 3);
    }
}

static void bytes_that_changed_are_left_out_and_counted(void)
{
    char path[128];
    begin();
    CHECK(put(1, 1, STR("first")) == ERR_OK);
    CHECK(put(2, 1, STR("other")) == ERR_OK);
    CHECK(find_file(1, path));
    const int fd = open(path, O_RDWR);
    const off_t at = (off_t)(sizeof(struct body_head) + sizeof(struct body_entry) + 2);
    CHECK(pwrite(fd, "?", 1, at) == 1);
    close(fd);
    const struct seen seen = look(NOW_NS);
    end();
    EXPECT(seen.count == 1);
    EXPECT(seen.keys[0] == 2);
    EXPECT(seen.walked.damaged == 1);
}

static void records_end_on_time_and_files_with_their_day(void)
{
    char path[128];
    begin();
    CHECK(put(1, 1, STR("a day")) == ERR_OK);
    CHECK(put(2, 30, STR("a month")) == ERR_OK);
    const struct seen now = look(NOW_NS);
    const struct seen later = look(NOW_NS + CLOCK_NS_PER_DAY);
    CHECK(body_log_expire(bodies, NOW_NS + CLOCK_NS_PER_DAY, &err) == ERR_OK);
    const bool still = find_file(1, path);
    CHECK(body_log_expire(bodies, NOW_NS + 2 * CLOCK_NS_PER_DAY, &err) == ERR_OK);
    const bool gone = !find_file(1, path);
    const bool other = find_file(30, path);
    const enum errc again = put(3, 1, STR("x")); /* its file is begun anew */
    end();
    EXPECT(now.count == 2);
    EXPECT(later.count == 1);
    EXPECT(later.keys[0] == 2);
    EXPECT(still);
    EXPECT(gone);
    EXPECT(other);
    EXPECT(again == ERR_OK);
}

static void a_file_at_its_limit_is_survived(void)
{
    struct rlimit limit;
    begin();
    CHECK(put(1, 1, STR("first")) == ERR_OK);
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const struct rlimit tight = {.rlim_cur = 300, .rlim_max = limit.rlim_max};
    static char large[1000];
    CHECK(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    const enum errc code = put(2, 1, (struct str){large, sizeof large});
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    const enum errc again = put(3, 1, STR("third"));
    const struct seen seen = look(NOW_NS);
    end();
    EXPECT(code == ERR_STORE);
    EXPECT(again == ERR_OK);
    EXPECT(seen.count == 2);
    EXPECT(seen.keys[1] == 3);
}

static void names_choose_what_is_erased(void)
{
    const uint64_t odd = 1;
    const uint64_t third = 3;
    const struct body_log_choice one = {.workflow_hash = &odd, .case_hash = &third};
    const struct body_log_choice all = {0};
    struct body_log_erased erased[2];
    begin();
    for (uint64_t i = 1; i <= 4; i++) {
        CHECK(put(i, 1, STR("text")) == ERR_OK);
    }
    CHECK(body_log_erase(bodies, &one, &erased[0], &err) == ERR_OK);
    const struct seen seen = look(NOW_NS);
    CHECK(body_log_erase(bodies, &all, &erased[1], &err) == ERR_OK);
    const struct seen none = look(NOW_NS);
    end();
    EXPECT(erased[0].records == 1);
    EXPECT(seen.count == 3);
    EXPECT(seen.keys[2] == 4);
    EXPECT(erased[1].records == 3);
    EXPECT(none.count == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_link_in_place_of_the_folder_is_refused),
        TEST(two_may_not_write_at_once),
        TEST(modes_are_the_owners_and_are_made_so_again),
        TEST(a_torn_tail_is_cut_wherever_it_was_torn),
        TEST(bytes_that_changed_are_left_out_and_counted),
        TEST(records_end_on_time_and_files_with_their_day),
        TEST(a_file_at_its_limit_is_survived),
        TEST(names_choose_what_is_erased),
    };
    signal(SIGXFSZ, SIG_IGN);
    return test_main(tests, COUNT_OF(tests));
}
