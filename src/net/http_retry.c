/*
 * How long a server asks to be left alone.
 * Source: RFC 9110 10.2.3 (Retry-After) and 5.6.7 (dates); retry-after-ms as the SDKs of OpenAI and
 * Anthropic read it.
 */
#include "net/http.h"

#include "base/check.h"
#include "base/clock.h"

enum { SECONDS_PER_DAY = 86400, YEAR_HALF = 50 };

/* A number, perhaps with a fraction, times `scale`, rounded up; -1: it is none. */
static int64_t read_amount(struct str text, int64_t scale)
{
    int64_t whole = 0;
    int64_t part = 0;
    int64_t unit = scale;
    size_t at = 0;
    text = str_trim(text);
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
        whole = whole * 10 + (text.data[at] - '0');
        whole = whole < HTTP_RETRY_MS_MAX ? whole : HTTP_RETRY_MS_MAX;
    }
    if (at == 0) {
        return -1;
    }
    bool more = false;
    if (at < text.size && text.data[at] == '.') {
        for (at++; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
            unit /= 10;
            part += (text.data[at] - '0') * unit;
            more = more || (unit == 0 && text.data[at] != '0');
        }
    }
    if (at < text.size) {
        return -1;
    }
    const int64_t all = whole * scale + part + (more ? 1 : 0);
    return all < HTTP_RETRY_MS_MAX ? all : HTTP_RETRY_MS_MAX;
}

/* The next number of exactly so many digits; -1: there is none. */
static int number(struct str *io, size_t digits)
{
    int value = 0;
    if (io->size < digits) {
        return -1;
    }
    for (size_t i = 0; i < digits; i++) {
        const char c = io->data[i];
        if (c < '0' || c > '9') {
            return -1;
        }
        value = value * 10 + (c - '0');
    }
    *io = (struct str){io->data + digits, io->size - digits};
    return value;
}

static bool skip(struct str *io, struct str what)
{
    if (!str_starts_with(*io, what)) {
        return false;
    }
    *io = (struct str){io->data + what.size, io->size - what.size};
    return true;
}

/* 1 to 12; -1: none. */
static int month(struct str *io)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++) {
        if (skip(io, (struct str){names + 3 * i, 3})) {
            return i + 1;
        }
    }
    return -1;
}

/* "08:49:37" as seconds of the day; -1: it is none. */
static int64_t time_of_day(struct str *io)
{
    const int hour = number(io, 2);
    const bool first = skip(io, STR(":"));
    const int minute = number(io, 2);
    const bool second = skip(io, STR(":"));
    const int seconds = number(io, 2);
    const bool fits = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && seconds >= 0 &&
                      seconds <= 60 && first && second;
    return fits ? (hour * 60 + minute) * 60 + seconds : -1;
}

/* Seconds since 1970 of a date in one of the three forms HTTP allows; -1: it is none.
 *     Sun, 06 Nov 1994 08:49:37 GMT    Sunday, 06-Nov-94 08:49:37 GMT    Sun Nov  6 08:49:37 1994
 */
static int64_t read_date(struct str text)
{
    struct str rest = str_trim(text);
    const size_t comma = str_find(rest, STR(", "));
    int year = -1;
    int day = -1;
    int name = -1;
    int64_t time_s = -1;
    bool is_good = true;
    if (comma != SIZE_MAX) {
        rest = (struct str){rest.data + comma + 2, rest.size - comma - 2};
        day = number(&rest, 2);
        const bool is_old = skip(&rest, STR("-"));
        is_good = is_old || skip(&rest, STR(" "));
        name = month(&rest);
        is_good = is_good && skip(&rest, is_old ? STR("-") : STR(" "));
        year = number(&rest, is_old ? 2 : 4);
        year += is_old && year >= 0 ? (year < YEAR_HALF ? 2000 : 1900) : 0;
        is_good = is_good && skip(&rest, STR(" "));
        time_s = time_of_day(&rest);
        is_good = is_good && str_equal(rest, STR(" GMT"));
    } else if (rest.size > 4) {
        rest = (struct str){rest.data + 4, rest.size - 4};
        name = month(&rest);
        is_good = skip(&rest, STR(" "));
        day = skip(&rest, STR(" ")) ? number(&rest, 1) : number(&rest, 2);
        is_good = is_good && skip(&rest, STR(" "));
        time_s = time_of_day(&rest);
        is_good = is_good && skip(&rest, STR(" "));
        year = number(&rest, 4);
        is_good = is_good && rest.size == 0;
    }
    if (!is_good || year < 1970 || name < 1 || day < 1 || day > 31 || time_s < 0) {
        return -1;
    }
    return clock_days(year, name, day) * SECONDS_PER_DAY + time_s;
}

int64_t http_retry_ms(const struct http_response_head *head, int64_t now_ns)
{
    CHECK(head != NULL);
    CHECK(now_ns >= 0);
    const int64_t exact = read_amount(http_response_field(head, STR("retry-after-ms")), 1);
    if (exact >= 0) {
        return exact;
    }
    const struct str field = http_response_field(head, STR("retry-after"));
    const int64_t wait = read_amount(field, 1000);
    if (wait >= 0) {
        return wait;
    }
    const int64_t until_s = read_date(field);
    if (until_s < 0) {
        return -1;
    }
    /* By the other side's own clock, where it tells it. */
    const int64_t date_s = read_date(http_response_field(head, STR("date")));
    const int64_t now_s = date_s >= 0 ? date_s : now_ns / CLOCK_NS_PER_SECOND;
    const int64_t wait_s = until_s > now_s ? until_s - now_s : 0;
    return wait_s < HTTP_RETRY_MS_MAX / 1000 ? wait_s * 1000 : HTTP_RETRY_MS_MAX;
}
