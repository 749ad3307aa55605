/* budget: a process that dies, and a file that ends anywhere. A child is killed at random moments
 * while it works; a log is cut at every record and within records; bytes are damaged. What comes
 * back must add up, and everything that was acknowledged must be in it. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/rng.h"
#include "budgeting.h"

enum { KILLS = 100, STEPS = 100, COST = 3, HELD = 5, PATH_BYTES = 128, FILE_BYTES_MAX = 1 << 20 };

static const struct hold_limit *some_limits(size_t *count)
{
    static struct hold_limit limits[4];
    limits[0] = budgeting_limit("org", PERIOD_MONTH, INT64_C(1000000000));
    limits[1] = budgeting_limit("team:a", PERIOD_DAY, 400);
    limits[2] = budgeting_limit("team:b", PERIOD_HOUR, 100);
    limits[3] = budgeting_limit("workflow:w", PERIOD_TOTAL, INT64_C(1000000000));
    limits[3].per_case_pusd = 90;
    *count = 4;
    return limits;
}

/* Calls without end, each told to the parent when it is settled. */
_Noreturn static void work(struct budgeting *b, int pipe_fd)
{
    static const char *const scopes[] = {"org", "org,workflow:w"};
    for (int64_t i = 1;; i++) {
        char payload[32];
        const uint64_t id = budgeting_hold(b, scopes[i % 2], "", HELD);
        const struct hold_settlement settlement = {.cost_pusd = COST, .now_ns = b->now_ns};
        const int size = snprintf(payload, sizeof payload, "%lld", (long long)i);
        if (id == 0 ||
            budget_post(b->budget, id, &settlement, (struct str){payload, (size_t)size}, NULL,
                        &b->err) != ERR_OK ||
            write(pipe_fd, &i, sizeof i) != sizeof i) {
            _exit(1);
        }
        int64_t ended;
        if (i % 64 == 0 && budget_expire(b->budget, b->now_ns, &ended, &b->err) != ERR_OK) {
            _exit(1);
        }
    }
}

static void kill_one(struct budgeting *b, bool while_working, uint64_t micros,
                     int64_t *out_acknowledged)
{
    size_t count;
    const struct hold_limit *const limits = some_limits(&count);
    int pipes[2];
    CHECK(pipe(pipes) == 0);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        if (budgeting_reopen(b, limits, count) != ERR_OK) {
            _exit(1);
        }
        const int64_t ready = 0;
        if (write(pipes[1], &ready, sizeof ready) != sizeof ready) {
            _exit(1);
        }
        work(b, pipes[1]);
    }
    close(pipes[1]);
    int64_t ready;
    if (while_working) { /* else also while it opens */
        CHECK(read(pipes[0], &ready, sizeof ready) == sizeof ready);
    }
    usleep((useconds_t)micros);
    CHECK(kill(child, SIGKILL) == 0);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    int64_t last;
    *out_acknowledged = 0;
    while (read(pipes[0], &last, sizeof last) == sizeof last) {
        *out_acknowledged = last;
    }
    close(pipes[0]);
}

/* Take all payloads; whether they are numbers from 1 on, without a gap or a double. */
static bool take_payloads(struct budgeting *b, int64_t *out_count)
{
    struct arena arena;
    struct budget_payloads found = {0};
    bool good = true;
    int64_t seen = 0;
    uint64_t after = 0;
    arena_init(&arena, (size_t)8 << 20);
    do {
        const struct arena_position mark = arena_mark(&arena);
        good = good && budget_payloads(b->budget, after, 4096, &arena, &found, &b->err) == ERR_OK;
        for (size_t i = 0; good && i < found.count; i++) {
            int64_t number = 0;
            good = str_to_int64(found.rows[i].bytes, &number) && number == seen + 1 &&
                   found.rows[i].number > after;
            seen++;
            after = found.rows[i].number;
        }
        if (good && found.count > 0) {
            good = budget_delivered(b->budget, after, &b->err) == ERR_OK;
        }
        arena_rewind(&arena, mark);
    } while (good && found.count > 0);
    arena_deinit(&arena);
    *out_count = seen;
    return good && budget_payloads_waiting(b->budget) == 0;
}

static void a_process_killed_at_any_moment_loses_nothing_settled(void)
{
    if (test_is_refusing()) {
        return;
    }
    size_t count;
    const struct hold_limit *const limits = some_limits(&count);
    struct budgeting b;
    struct rng rng;
    money_sum spent = 0;
    int bad = 0;
    int64_t calls = 0;
    rng_init(&rng, 11);
    budgeting_open(&b, limits, count);
    b.segment_bytes = 8192; /* so that snapshots and segments are in the middle of being made */
    for (int i = 0; i < KILLS && bad == 0; i++) {
        int64_t acknowledged;
        int64_t found = 0;
        budget_close(&b.budget);
        kill_one(&b, i % 8 != 0, rng_below(&rng, 8000), &acknowledged);
        bad += budgeting_reopen(&b, limits, count) != ERR_OK;
        if (bad > 0) {
            test_note(b.err.text);
            break;
        }
        bad += budget_verify(b.budget, &b.err) != ERR_OK;
        bad += !take_payloads(&b, &found);
        bad += found < acknowledged || found > acknowledged + 1;
        calls += found;
        spent += found * COST;
        /* One call may have been under way: it is held, and it is all that is held. */
        bad += b.opened.unknown_holds > 1 || b.opened.unknown_pusd != b.opened.unknown_holds * HELD;
        const struct hold_balance org = budgeting_balance(&b, "org", PERIOD_MONTH);
        bad += org.spent_pusd != spent || org.held_pusd != b.opened.unknown_pusd;
        b.now_ns += 1;
        int64_t ended = 0;
        b.unknown = BUDGET_UNKNOWN_RELEASE;
        bad += budgeting_reopen(&b, limits, count) != ERR_OK;
        bad +=
            bad > 0 || budget_expire(b.budget, b.now_ns + BUDGETING_DAY, &ended, &b.err) != ERR_OK;
    }
    budgeting_close(&b);
    EXPECT(bad == 0);
    EXPECT(calls > KILLS);
}

static void log_path(const struct budgeting *b, char path[PATH_BYTES])
{
    const int size = snprintf(path, PATH_BYTES, "%s/holds.00000001.log", b->home.path);
    CHECK(size > 0 && size < PATH_BYTES);
}

static size_t read_log(const struct budgeting *b, char *bytes)
{
    char path[PATH_BYTES];
    log_path(b, path);
    const int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    const ssize_t size = read(fd, bytes, FILE_BYTES_MAX);
    close(fd);
    CHECK(size > 0 && size < FILE_BYTES_MAX);
    return (size_t)size;
}

static void write_log(const struct budgeting *b, const char *bytes, size_t size)
{
    char path[PATH_BYTES];
    log_path(b, path);
    const int fd = open(path, O_WRONLY | O_TRUNC);
    CHECK(fd >= 0);
    CHECK(write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

/* Everything the balances say, in one number. */
static uint64_t digest(struct budgeting *b, int64_t now_ns)
{
    struct arena arena;
    struct budget_balances all;
    uint64_t sum = 0;
    arena_init(&arena, (size_t)1 << 20);
    CHECK(budget_balances(b->budget, now_ns, &arena, &all, &b->err) == ERR_OK);
    for (size_t i = 0; i < all.count; i++) {
        const struct hold_balance *const row = &all.rows[i];
        const int64_t facts[] = {(int64_t)sum,
                                 (int64_t)row->spent_pusd,
                                 (int64_t)row->held_pusd,
                                 (int64_t)row->past_held_pusd,
                                 (int64_t)row->overshoot_pusd,
                                 row->period_ns,
                                 row->open_holds};
        sum = hash64((struct str){(const char *)facts, sizeof facts});
    }
    arena_deinit(&arena);
    return sum;
}

static void step(struct budgeting *b, struct rng *rng, uint64_t *open, size_t *open_count)
{
    static const char *const scopes[] = {"org,team:a", "org,team:b", "org,team:a,workflow:w"};
    static const char *const cases[] = {"", "c1", "c2", "c3"};
    int64_t ended;
    b->now_ns += (int64_t)rng_below(rng, 20) * 60 * CLOCK_NS_PER_SECOND;
    const uint64_t kind = rng_below(rng, 10);
    if (kind < 5 || *open_count == 0) {
        const uint64_t id = budgeting_hold(b, scopes[rng_below(rng, 3)], cases[rng_below(rng, 4)],
                                           (int64_t)rng_below(rng, 60));
        if (id != 0) {
            open[(*open_count)++] = id;
        }
        return;
    }
    const size_t at = (size_t)rng_below(rng, *open_count);
    const uint64_t id = open[at];
    if (kind < 8) {
        CHECK(budgeting_post(b, id, (int64_t)rng_below(rng, 70)) == ERR_OK);
    } else if (kind == 8) {
        CHECK(budget_void(b->budget, id, b->now_ns, STR("failed"), &b->err) == ERR_OK);
    } else {
        CHECK(budget_expire(b->budget, b->now_ns, &ended, &b->err) == ERR_OK);
        return;
    }
    open[at] = open[--*open_count];
}

static void a_log_cut_anywhere_gives_the_state_of_its_last_whole_record(void)
{
    if (test_is_refusing()) {
        return;
    }
    static char bytes[FILE_BYTES_MAX];
    static uint64_t digests[STEPS + 1];
    static size_t sizes[STEPS + 1];
    static int64_t times[STEPS + 1];
    uint64_t open[STEPS];
    size_t open_count = 0;
    size_t count;
    const struct hold_limit *const limits = some_limits(&count);
    struct budgeting b;
    struct rng rng;
    rng_init(&rng, 5);
    budgeting_open(&b, limits, count);
    for (int i = 0; i <= STEPS; i++) {
        if (i > 0) {
            step(&b, &rng, open, &open_count);
        }
        sizes[i] = read_log(&b, bytes);
        digests[i] = digest(&b, b.now_ns);
        times[i] = b.now_ns;
    }
    int bad = 0;
    int cuts = 0;
    for (int i = 0; i < STEPS; i++) {
        for (int within = 0; within < 3; within++) {
            const size_t next = sizes[i + 1] - sizes[i];
            const size_t extra = within == 0   ? 0
                                 : within == 1 ? next - 1
                                               : rng_below(&rng, next + 1);
            if (extra >= next && within > 0) {
                continue;
            }
            budget_close(&b.budget);
            write_log(&b, bytes, sizes[i] + extra);
            b.now_ns = times[i];
            bad += budgeting_reopen(&b, limits, count) != ERR_OK;
            if (bad > 0) {
                test_note(b.err.text);
                break;
            }
            bad += budget_verify(b.budget, &b.err) != ERR_OK;
            /* A step may have begun several records; those of them that are whole count only where
             * the balances do not show it: a period that began. */
            bad += (within < 2 && next > 0 && b.opened.cut_bytes == 0 && extra > 0);
            bad += within == 0 && digest(&b, times[i]) != digests[i];
            cuts++;
        }
    }
    budgeting_close(&b);
    EXPECT(bad == 0);
    EXPECT(cuts > STEPS);
}

static void damage_of_what_was_on_the_disk_is_an_error_and_not_a_cut(void)
{
    if (test_is_refusing()) {
        return;
    }
    static char bytes[FILE_BYTES_MAX];
    size_t count;
    const struct hold_limit *const limits = some_limits(&count);
    struct budgeting b;
    budgeting_open(&b, limits, count);
    b.sync = BUDGET_SYNC_ALWAYS;
    CHECK(budgeting_reopen(&b, limits, count) == ERR_OK);
    for (int i = 0; i < 10; i++) {
        CHECK(budgeting_hold(&b, "org", "", 1) != 0);
    }
    budget_close(&b.budget);
    const size_t size = read_log(&b, bytes);
    struct rng rng;
    rng_init(&rng, 3);
    int bad = 0;
    for (int i = 0; i < 50; i++) {
        char *const place = &bytes[rng_below(&rng, size - 300)];
        *place = (char)(*place ^ 0x10);
        write_log(&b, bytes, size);
        const enum errc code = budgeting_reopen(&b, limits, count);
        bad += code != ERR_INTEGRITY && code != ERR_UNSUPPORTED;
        *place = (char)(*place ^ 0x10);
    }
    write_log(&b, bytes, size);
    const enum errc whole = budgeting_reopen(&b, limits, count);
    char path[PATH_BYTES];
    log_path(&b, path);
    budget_close(&b.budget);
    bytes[size - 20] = (char)(bytes[size - 20] ^ 1); /* the last record: nothing follows it */
    write_log(&b, bytes, size);
    const enum errc cut = budgeting_reopen(&b, limits, count);
    const int64_t cut_bytes = b.opened.cut_bytes;
    budgeting_close(&b);
    EXPECT(bad == 0);
    EXPECT(whole == ERR_OK);
    EXPECT(cut == ERR_OK && cut_bytes > 0);
}

static void limit_files(int64_t bytes)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = (rlim_t)bytes;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void a_disk_that_is_full_refuses_the_call_and_changes_nothing(void)
{
    if (test_is_refusing()) {
        return;
    }
    size_t count;
    const struct hold_limit *const limits = some_limits(&count);
    struct budgeting b;
    budgeting_open(&b, limits, count);
    int status = -1;
    budget_close(&b.budget);
    const pid_t child = fork(); /* a limit on files' sizes holds for a whole process */
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(budgeting_reopen(&b, limits, count) == ERR_OK);
        char path[PATH_BYTES];
        struct stat before;
        log_path(&b, path);
        CHECK(stat(path, &before) == 0);
        signal(SIGXFSZ, SIG_IGN);
        limit_files(before.st_size + 60);
        const bool refused = budgeting_hold(&b, "org", "", 1) == 0 && b.err.code == ERR_IO;
        const struct hold_balance org = budgeting_balance(&b, "org", PERIOD_MONTH);
        limit_files(before.st_size + 10000);
        const bool later = budgeting_hold(&b, "org", "", 1) != 0;
        const bool good = refused && org.held_pusd == 0 && later &&
                          budgeting_reopen(&b, limits, count) == ERR_OK &&
                          b.opened.unknown_holds == 1;
        _exit(good ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    home_remove(&b.home);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_process_killed_at_any_moment_loses_nothing_settled),
        TEST_SPARSE(a_log_cut_anywhere_gives_the_state_of_its_last_whole_record),
        TEST_SPARSE(damage_of_what_was_on_the_disk_is_an_error_and_not_a_cut),
        TEST_SPARSE(a_disk_that_is_full_refuses_the_call_and_changes_nothing),
    };
    return test_main(tests, COUNT_OF(tests));
}
