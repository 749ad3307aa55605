/* holds_period: when a period begins and ends, by the clock of a place.
 *
 * Minutes and hours are those of UTC: local time that leaps does not shorten them. Days, weeks and
 * months begin at local midnight: at its first instant where it comes twice, and at the first
 * instant behind the gap where it does not come. */
#include "ledger/holds_priv.h"

#include "base/check.h"
#include "base/clock.h"

enum { SECONDS_PER_DAY = 86400, DAY_SHIFT_MAX = 2, MONTHS_PER_YEAR = 12 };
/* Local time is at most 26 h from UTC either way (RFC 9636), and leaps at most so far. */
#define AROUND_S (INT64_C(26) * 3600)

static int64_t floor_div(int64_t value, int64_t divisor)
{
    CHECK(divisor > 0);
    return value / divisor - (value % divisor < 0);
}

static int64_t offset_at(const struct holds_row *row, int64_t utc_s)
{
    return row->offset == NULL ? 0 : row->offset(row->zone, utc_s);
}

/* The first instant, in seconds of UTC, of a local day. One leap in two days is assumed. */
static int64_t day_start_s(const struct holds_row *row, int64_t day)
{
    const int64_t local_s = day * SECONDS_PER_DAY;
    int64_t low = local_s - AROUND_S;
    int64_t high = local_s + AROUND_S;
    const int64_t before = offset_at(row, low);
    const int64_t after = offset_at(row, high);
    if (before == after) {
        return local_s - before;
    }
    while (high - low > 1) { /* the leap: the first instant with the offset after */
        const int64_t middle = low + (high - low) / 2;
        if (offset_at(row, middle) == before) {
            low = middle;
        } else {
            high = middle;
        }
    }
    if (local_s - before < high) {
        return local_s - before;
    }
    return local_s - after >= high ? local_s - after : high;
}

/* The first day of the week or month that holds `day`, and of the next one. */
static void days_of(enum budget_period period, int64_t day, int64_t *from, int64_t *until)
{
    *from = day;
    *until = day + 1;
    if (period == PERIOD_WEEK) {
        const int64_t weekday = day + 3 - floor_div(day + 3, 7) * 7; /* 1970-01-01: Thursday */
        *from = day - weekday;
        *until = *from + 7;
    } else if (period == PERIOD_MONTH) {
        int64_t year;
        int month;
        int of_month;
        clock_civil(day, &year, &month, &of_month);
        *from = clock_days(year, month, 1);
        *until =
            month == MONTHS_PER_YEAR ? clock_days(year + 1, 1, 1) : clock_days(year, month + 1, 1);
    }
}

void holds_period(const struct holds_row *row, int64_t now_ns, int64_t *out_from_ns,
                  int64_t *out_until_ns)
{
    CHECK(row != NULL);
    CHECK(row->period < PERIOD_COUNT);
    if (row->period == PERIOD_TOTAL) {
        *out_from_ns = INT64_MIN;
        *out_until_ns = HOLD_NO_END;
        return;
    }
    const int64_t now_s = floor_div(now_ns, CLOCK_NS_PER_SECOND);
    int64_t from_s;
    int64_t until_s;
    if (row->period == PERIOD_MINUTE || row->period == PERIOD_HOUR) {
        const int64_t length_s = row->period == PERIOD_MINUTE ? 60 : 3600;
        from_s = floor_div(now_s, length_s) * length_s;
        until_s = from_s + length_s;
    } else {
        int64_t day = floor_div(now_s + offset_at(row, now_s), SECONDS_PER_DAY) + DAY_SHIFT_MAX;
        int64_t first;
        int64_t behind;
        do { /* from a day too late: local dates can go back where local time does */
            days_of(row->period, day, &first, &behind);
            from_s = day_start_s(row, first);
            until_s = day_start_s(row, behind);
            day = first - 1;
        } while (from_s > now_s);
    }
    *out_from_ns = from_s * CLOCK_NS_PER_SECOND;
    *out_until_ns = until_s * CLOCK_NS_PER_SECOND;
    CHECK(*out_from_ns <= now_ns);
    CHECK(*out_until_ns > now_ns);
}
