/*
 * check: assertions that stay on in release builds.
 *
 * CHECK() states what must be true if this program is correct; a false CHECK() is our bug and the
 * process aborts. Anything a user, a peer or the disk can cause is an error (base/err.h) instead.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_failed(#condition, __FILE__, __LINE__);                                          \
        }                                                                                          \
    } while (0)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#ifdef __cplusplus
extern "C" [[noreturn]] void check_failed(const char *condition, const char *file, int line);
#else
_Noreturn void check_failed(const char *condition, const char *file, int line);
#endif

#endif
