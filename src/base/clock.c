#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "base/check.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    CHECK(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * CLOCK_NS_PER_SECOND + (int64_t)now.tv_nsec;
}

int64_t clock_now_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_steady_ns(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

int64_t clock_days(int64_t year, int month, int day)
{
    year -= month <= 2;
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void clock_civil(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int64_t day_of_era = days - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* What a parsed instant must lie within, in UTC. */
#define SECONDS_MIN INT64_C(-9214560000) /* 1678-01-01T00:00:00Z */
#define SECONDS_MAX INT64_C(9214646399)  /* 2261-12-31T23:59:59Z */

_Static_assert(SECONDS_MIN >= INT64_MIN / CLOCK_NS_PER_SECOND,
               "nanoseconds hold the first instant");
_Static_assert(SECONDS_MAX < INT64_MAX / CLOCK_NS_PER_SECOND, "nanoseconds hold the last instant");

struct cursor {
    const char *at;
    const char *end;
    bool ok;
};

static int64_t number(struct cursor *cursor, int width)
{
    int64_t value = 0;
    for (int i = 0; i < width; i++) {
        if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > '9') {
            cursor->ok = false;
            return 0;
        }
        value = value * 10 + (*cursor->at++ - '0');
    }
    return value;
}

static bool accept(struct cursor *cursor, const char *any)
{
    if (cursor->at < cursor->end && *cursor->at != '\0' && strchr(any, *cursor->at) != NULL) {
        cursor->at++;
        return true;
    }
    return false;
}

static void expect(struct cursor *cursor, const char *any)
{
    cursor->ok = accept(cursor, any) && cursor->ok;
}

static int64_t fraction_ns(struct cursor *cursor)
{
    int64_t value = 0;
    int64_t unit = CLOCK_NS_PER_SECOND;
    bool any = false;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        unit /= 10;
        value += (*cursor->at++ - '0') * unit;
        any = true;
    }
    cursor->ok = cursor->ok && any;
    return value;
}

static int64_t zone_seconds(struct cursor *cursor)
{
    if (accept(cursor, "Zz") || cursor->at == cursor->end) {
        return 0;
    }
    const bool west = *cursor->at == '-';
    expect(cursor, "+-");
    const int64_t hours = number(cursor, 2);
    (void)accept(cursor, ":");
    const int64_t minutes = cursor->at < cursor->end ? number(cursor, 2) : 0;
    cursor->ok = cursor->ok && hours <= 18 && minutes <= 59;
    return (hours * 3600 + minutes * 60) * (west ? -1 : 1);
}

static int month_days(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

enum errc clock_parse(struct str text, int64_t *out_ns, struct err *err)
{
    CHECK(out_ns != NULL);

    const struct str trimmed = str_trim(text);
    struct cursor cursor = {.ok = trimmed.size > 0};
    if (cursor.ok) {
        cursor.at = trimmed.data;
        cursor.end = trimmed.data + trimmed.size;
    }
    const int64_t year = number(&cursor, 4);
    expect(&cursor, "-");
    const int64_t month = number(&cursor, 2);
    expect(&cursor, "-");
    const int64_t day = number(&cursor, 2);
    int64_t seconds = 0;
    int64_t ns = 0;
    bool ok = cursor.ok && month >= 1 && month <= 12 && day >= 1;
    ok = ok && day <= month_days(year, month);
    if (ok && cursor.at < cursor.end) {
        expect(&cursor, "Tt ");
        const int64_t hour = number(&cursor, 2);
        expect(&cursor, ":");
        const int64_t minute = number(&cursor, 2);
        const bool has_seconds = accept(&cursor, ":");
        const int64_t second = has_seconds ? number(&cursor, 2) : 0;
        ns = has_seconds && accept(&cursor, ".,") ? fraction_ns(&cursor) : 0;
        seconds = hour * 3600 + minute * 60 + second - zone_seconds(&cursor);
        ok = cursor.ok && hour <= 23 && minute <= 59 && second <= 60;
    }
    if (!ok || cursor.at != cursor.end) {
        return err_set(err, ERR_SYNTAX,
                       "\"" STR_FORMAT "\" is not a time; write 2026-11-22 or "
                       "2026-11-22T10:00:00Z",
                       (int)(trimmed.size > 40 ? 40 : trimmed.size), trimmed.data);
    }
    seconds += clock_days(year, (int)month, (int)day) * 86400;
    if (seconds < SECONDS_MIN || seconds > SECONDS_MAX) {
        return err_set(err, ERR_RANGE, "\"" STR_FORMAT "\" is not within 1678-2261",
                       (int)(trimmed.size > 40 ? 40 : trimmed.size), trimmed.data);
    }
    *out_ns = seconds * CLOCK_NS_PER_SECOND + ns;
    return ERR_OK;
}

enum errc clock_parse_relative(struct str text, int64_t now_ns, int64_t *out_ns, struct err *err)
{
    CHECK(out_ns != NULL);

    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    const struct str trimmed = str_trim(text);
    int64_t count;
    if (trimmed.size > 1 && str_to_int64((struct str){trimmed.data, trimmed.size - 1}, &count) &&
        count >= 0) {
        for (size_t i = 0; i < COUNT_OF(units); i++) {
            int64_t span;
            int64_t since_ns;
            if (trimmed.data[trimmed.size - 1] != units[i].unit) {
                continue;
            }
            if (__builtin_mul_overflow(count, units[i].seconds * CLOCK_NS_PER_SECOND, &span) ||
                __builtin_sub_overflow(now_ns, span, &since_ns) ||
                since_ns < SECONDS_MIN * CLOCK_NS_PER_SECOND) {
                return err_set(err, ERR_RANGE, "\"" STR_FORMAT "\" goes back to before 1678",
                               (int)(trimmed.size > 40 ? 40 : trimmed.size), trimmed.data);
            }
            *out_ns = since_ns;
            return ERR_OK;
        }
    }
    const enum errc code = clock_parse(text, out_ns, err);
    if (code == ERR_SYNTAX) {
        return err_set(err, code,
                       "\"" STR_FORMAT "\" is not a time; write 30d, 12h, 2026-11-22 or "
                       "2026-11-22T10:00:00Z",
                       (int)(trimmed.size > 40 ? 40 : trimmed.size), trimmed.data);
    }
    return code;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

size_t clock_print_date(int64_t time_ns, char text[static CLOCK_TEXT_BYTES_MAX])
{
    int64_t year;
    int month;
    int day;
    clock_civil(floor_divide(time_ns, CLOCK_NS_PER_DAY), &year, &month, &day);
    const int size = snprintf(text, CLOCK_TEXT_BYTES_MAX, "%04d-%02d-%02d", (int)year, month, day);
    CHECK(size > 0);
    CHECK(size < CLOCK_TEXT_BYTES_MAX);
    return (size_t)size;
}

size_t clock_print(int64_t time_ns, char text[static CLOCK_TEXT_BYTES_MAX])
{
    size_t size = clock_print_date(time_ns, text);
    const int64_t rest = time_ns % CLOCK_NS_PER_DAY;
    const int64_t in_day = rest < 0 ? rest + CLOCK_NS_PER_DAY : rest;
    const int seconds = (int)(in_day / CLOCK_NS_PER_SECOND);
    const int ns = (int)(in_day % CLOCK_NS_PER_SECOND);
    size += (size_t)snprintf(text + size, CLOCK_TEXT_BYTES_MAX - size, "T%02d:%02d:%02d",
                             seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (ns > 0) {
        size += (size_t)snprintf(text + size, CLOCK_TEXT_BYTES_MAX - size, ".%09d", ns);
        while (text[size - 1] == '0') {
            size--;
        }
    }
    text[size++] = 'Z';
    text[size] = '\0';
    CHECK(size < CLOCK_TEXT_BYTES_MAX);
    return size;
}
