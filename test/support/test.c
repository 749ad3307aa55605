#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REFUSALS_MAX = 10000, SPARSE_FROM = 4, TESTS_MAX = 256 };

static bool refusing;
static int parts; /* begun in this run */

int64_t test_processor_ns(void)
{
    struct timespec had;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &had) == 0);
    return (int64_t)had.tv_sec * 1000000000 + had.tv_nsec;
}

bool test_is_refusing(void)
{
    return refusing;
}

bool test_is_spent(void)
{
    return refusing && arena_fail_after < 0;
}

bool test_part(void)
{
    return parts++ == 0 || !refusing;
}

void test_expect_failed(const char *condition, const char *file, int line)
{
    if (!refusing) {
        print_error("%s:%d: EXPECT failed: %s\n", file, line, condition);
        _fail(file, line);
    }
}

void test_note(const char *text)
{
    for (const char *at = text; !refusing && at != NULL;) { /* each line is one of TAP */
        const char *const end = strchr(at, '\n');
        print_message("# %.*s\n", (int)(end != NULL ? (size_t)(end - at) : strlen(at)), at);
        at = end != NULL ? end + 1 : NULL;
    }
}

const char *test_shared(const char *path)
{
    static char full[4096];
    const char *const root = getenv("SHARED_DATA");
    snprintf(full, sizeof full, "%s/%s", root != NULL ? root : "../shared/data", path);
    if (access(full, R_OK) != 0) {
        print_message("# skipped: %s is not here\n", path);
        return NULL;
    }
    return full;
}

static void run_with_refusals(void **state)
{
    const struct test *test = *state;
    refusing = false;
    arena_fail_after = -1;
    test->run();

    const char *const wanted = getenv("TEST_REFUSALS");
    refusing = wanted == NULL || strcmp(wanted, "0") != 0;
    for (int i = 0; refusing && i < REFUSALS_MAX; i += test->sparse && i >= SPARSE_FROM ? i : 1) {
        parts = 0;
        arena_fail_after = i;
        test->run();
        if (arena_fail_after >= 0) {
            break; /* it made fewer allocations than that */
        }
    }
    refusing = false;
    arena_fail_after = -1;
}

int test_main(const struct test *tests, size_t count)
{
    static struct CMUnitTest list[TESTS_MAX];
    static struct test own[TESTS_MAX];
    CHECK(count <= TESTS_MAX);
    for (size_t i = 0; i < count; i++) {
        own[i] = tests[i];
        list[i] = (struct CMUnitTest){
            .name = own[i].name, .test_func = run_with_refusals, .initial_state = &own[i]};
    }
    if (getenv("TEST_FILTER") != NULL) {
        cmocka_set_test_filter(getenv("TEST_FILTER"));
    }
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return _cmocka_run_group_tests(tests[0].name, list, count, NULL, NULL);
}
