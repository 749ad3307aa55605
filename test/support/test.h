/*
 * test: cmocka, and each test once more for every arena allocation it makes with that one refused.
 *
 * An error path that leaks, crashes or lies is found without writing a test for it: in those
 * reruns a failed EXPECT only ends the test, and sanitizers and CHECK are the judges.
 */
#ifndef SUPPORT_TEST_H
#define SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/err.h"
#include "base/str.h"

struct test {
    const char *name;
    void (*run)(void);
    bool sparse; /* refuse only some of its allocations, see TEST_SPARSE() */
};

#define TEST(function)                                                                             \
    {                                                                                              \
        .name = #function, .run = function                                                         \
    }
/* For tests that open a database, which takes long: of many allocations some ten are refused,
 * the first ones all, later ones ever further apart. */
#define TEST_SPARSE(function)                                                                      \
    {                                                                                              \
        .name = #function, .run = function, .sparse = true                                         \
    }

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            test_expect_failed(#condition, __FILE__, __LINE__);                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* Whether an allocation is being refused: results may differ, safety may not. */
bool test_is_refusing(void);
/* What this thread has had of a processor, ns: how long something takes, whatever else the machine
 * does. */
int64_t test_processor_ns(void);
/* Whether this rerun has refused its one: what begins now would run as it did the first time. */
bool test_is_spent(void);
/* Begin a part of a test that has a database to itself. False: leave it out, as reruns are for the
 * first part; the others do the same with other rows, and would make it run again and again. */
bool test_part(void);
void test_expect_failed(const char *condition, const char *file, int line);

/* Print and forget what an error says, so that a failing EXPECT shows it. */
void test_note(const char *text);

/* A file of ../shared/data, or NULL with a message when that folder is not there. Static memory. */
const char *test_shared(const char *path);

int test_main(const struct test *tests, size_t count);

#endif
