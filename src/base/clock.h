/*
 * clock: instants as int64_t nanoseconds since the Unix epoch, and their text.
 *
 * Only clock_now_ns() and clock_monotonic_ns() look at a clock; everything else takes the time as
 * an argument.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define CLOCK_NS_PER_SECOND INT64_C(1000000000)
#define CLOCK_NS_PER_DAY    (INT64_C(86400) * CLOCK_NS_PER_SECOND)

enum { CLOCK_TEXT_BYTES_MAX = 40 };

int64_t clock_now_ns(void);
int64_t clock_monotonic_ns(void);
/* Goes on as time does, through suspension too, whatever the time of day is set to. */
int64_t clock_steady_ns(void);

/*
 * Read an RFC 3339 instant or date: "2026-11-22", "2026-11-22T10:00:00Z",
 * "2026-11-22 10:00:00.123456+01:00"; no zone means UTC; a comma may stand for the decimal point
 * (ISO 8601). Leap second 60 is read as the next second.
 *
 * Errors: ERR_SYNTAX; ERR_RANGE outside the years 1678 to 2261 in UTC, the whole ones that int64_t
 * nanoseconds hold.
 */
MUST_CHECK enum errc clock_parse(struct str text, int64_t *out_ns, struct err *err);

/* clock_parse(), or a span before `now_ns`: "30d", "12h", "90m", "2w". */
MUST_CHECK enum errc clock_parse_relative(struct str text, int64_t now_ns, int64_t *out_ns,
                                          struct err *err);

/* "2026-11-22T10:00:00Z", with as many of nine decimals as are needed. Returns the size. */
size_t clock_print(int64_t time_ns, char text[static CLOCK_TEXT_BYTES_MAX]);
/* "2026-11-22". */
size_t clock_print_date(int64_t time_ns, char text[static CLOCK_TEXT_BYTES_MAX]);

/* Days since 1970-01-01 of a proleptic Gregorian date. Source: H. Hinnant, "chrono-compatible
 * low-level date algorithms". */
int64_t clock_days(int64_t year, int month, int day);
void clock_civil(int64_t days, int64_t *year, int *month, int *day);

#endif
