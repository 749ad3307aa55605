/* clock: RFC 3339 text and nanoseconds, both ways; what is no time or too far away is refused.
 * Expected values are those of Python's datetime, which shares no code with this. */
#include "base/clock.h"

#include "support/test.h"

#define SECOND CLOCK_NS_PER_SECOND

static bool reads(const char *text, int64_t expected)
{
    int64_t time_ns = -1;
    struct err err;
    return clock_parse(str_from(text), &time_ns, &err) == ERR_OK && time_ns == expected;
}

static bool refuses(const char *text, enum errc code)
{
    int64_t time_ns = 77;
    struct err err;
    return clock_parse(str_from(text), &time_ns, &err) == code && time_ns == 77;
}

static bool prints(int64_t time_ns, const char *expected)
{
    char text[CLOCK_TEXT_BYTES_MAX];
    const size_t size = clock_print(time_ns, text);
    return strlen(text) == size && strcmp(text, expected) == 0;
}

static void text_that_is_no_time_is_refused(void)
{
    static const char *const wrong[] = {
        "",
        " ",
        "now",
        "2026",
        "2026-11",
        "26-11-22",
        "2026-13-01",
        "2026-00-01",
        "2026-11-00",
        "2026-11-31",
        "2025-02-29",
        "2100-02-29",
        "2026-11-22T",
        "2026-11-22T10",
        "2026-11-22T10:",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:60:00Z",
        "2026-11-22T10:00:61Z",
        "2026-11-22T10:00:00.Z",
        "2026-11-22T10:00.5Z",
        "2026-11-22T10:00:00+",
        "2026-11-22T10:00:00+1",
        "2026-11-22T10:00:00+19:00",
        "2026-11-22T10:00:00+01:60",
        "2026-11-22T10:00:00Zx",
        "2026-11-22T10:00:00 Z",
        "-2026-11-22",
        "+026-11-22",
        "2026-11-22\n2026-11-23",
        "１２３４-11-22",
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        EXPECT(refuses(wrong[i], ERR_SYNTAX));
    }
    int64_t time_ns = 77;
    struct err err;
    EXPECT(clock_parse((struct str){0}, &time_ns, &err) == ERR_SYNTAX);
    EXPECT(clock_parse((struct str){"2026-11-22\0", 11}, &time_ns, &err) == ERR_SYNTAX);
    EXPECT(time_ns == 77);
}

static void instants_that_nanoseconds_do_not_hold_are_refused(void)
{
    EXPECT(refuses("1677-12-31", ERR_RANGE));
    EXPECT(refuses("2262-01-01", ERR_RANGE));
    EXPECT(refuses("0000-01-01", ERR_RANGE));
    EXPECT(refuses("9999-12-31T23:59:59Z", ERR_RANGE));
    EXPECT(refuses("2261-12-31T23:59:59-00:01", ERR_RANGE));
    EXPECT(refuses("1678-01-01T00:00:00+00:01", ERR_RANGE));
    EXPECT(reads("2262-01-01T00:59:59+01:00", INT64_C(9214646399) * SECOND));
}

static void every_form_of_rfc_3339_is_read(void)
{
    const int64_t ten = INT64_C(1795341600) * SECOND; /* 2026-11-22T10:00:00Z */
    EXPECT(reads("2026-11-22T10:00:00Z", ten));
    EXPECT(reads("2026-11-22t10:00:00z", ten));
    EXPECT(reads("2026-11-22 10:00:00", ten));
    EXPECT(reads("2026-11-22T10:00", ten));
    EXPECT(reads(" 2026-11-22T10:00:00Z\n", ten));
    EXPECT(reads("2026-11-22T11:00:00+01:00", ten));
    EXPECT(reads("2026-11-22T11:00:00+0100", ten));
    EXPECT(reads("2026-11-22T11:00:00+01", ten));
    EXPECT(reads("2026-11-22T04:30:00-05:30", ten));
    EXPECT(reads("2026-11-22T10:00:00.5Z", ten + SECOND / 2));
    EXPECT(reads("2026-11-22T10:00:00,123456789Z", ten + 123456789));
    EXPECT(reads("2026-11-22T10:00:00.1234567899999999999999999Z", ten + 123456789));
    EXPECT(reads("2026-11-22T09:59:60Z", ten));
    EXPECT(reads("2026-11-22", ten - 10 * 3600 * SECOND));
}

static void instants_agree_with_an_independent_calendar(void)
{
    EXPECT(reads("1970-01-01T00:00:00Z", 0));
    EXPECT(reads("1969-12-31T23:59:59.5Z", -SECOND / 2));
    EXPECT(reads("2000-02-29T12:34:56Z", INT64_C(951827696) * SECOND));
    EXPECT(reads("2024-02-29T23:59:59Z", INT64_C(1709251199) * SECOND));
    EXPECT(reads("2100-02-28T23:59:59Z", INT64_C(4107542399) * SECOND));
    EXPECT(reads("2100-03-01T00:00:00Z", INT64_C(4107542400) * SECOND));
    EXPECT(reads("1900-03-01T00:00:00Z", INT64_C(-2203891200) * SECOND));
    EXPECT(reads("1752-09-14T00:00:00Z", INT64_C(-6857222400) * SECOND));
    EXPECT(reads("2038-01-19T03:14:08Z", INT64_C(2147483648) * SECOND));
    EXPECT(reads("1678-01-01T00:00:00Z", INT64_C(-9214560000) * SECOND));
    EXPECT(reads("2261-12-31T23:59:59.999999999Z", INT64_C(9214646400) * SECOND - 1));
}

static void every_day_of_ten_thousand_years_comes_back(void)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    EXPECT(clock_days(1, 1, 1) == -719162);
    EXPECT(clock_days(9999, 12, 31) == 2932896);
    int64_t expected = clock_days(-1, 1, 1);
    for (int64_t year = -1; year < 10000; year++) {
        const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            const int last = lengths[month - 1] + (month == 2 && leap ? 1 : 0);
            for (int day = 1; day <= last; day++) {
                int64_t y = 0;
                int m = 0;
                int d = 0;
                EXPECT(clock_days(year, month, day) == expected);
                clock_civil(expected, &y, &m, &d);
                EXPECT(y == year && m == month && d == day);
                expected++;
            }
        }
    }
}

static void times_print_with_as_many_decimals_as_they_need(void)
{
    EXPECT(prints(0, "1970-01-01T00:00:00Z"));
    EXPECT(prints(-1, "1969-12-31T23:59:59.999999999Z"));
    EXPECT(prints(INT64_C(1795341600) * SECOND, "2026-11-22T10:00:00Z"));
    EXPECT(prints(INT64_C(1795341600) * SECOND + 120000000, "2026-11-22T10:00:00.12Z"));
    EXPECT(prints(-86400 * SECOND, "1969-12-31T00:00:00Z"));
    EXPECT(prints(INT64_MAX, "2262-04-11T23:47:16.854775807Z"));
    EXPECT(prints(INT64_MIN, "1677-09-21T00:12:43.145224192Z"));
    char text[CLOCK_TEXT_BYTES_MAX];
    EXPECT(clock_print_date(-1, text) == 10);
    EXPECT(strcmp(text, "1969-12-31") == 0);
    (void)clock_print_date(INT64_MIN, text);
    EXPECT(strcmp(text, "1677-09-21") == 0);
}

static bool goes_back(const char *text, int64_t seconds)
{
    const int64_t now_ns = INT64_C(1795341600) * SECOND;
    int64_t since_ns = 0;
    struct err err;
    return clock_parse_relative(str_from(text), now_ns, &since_ns, &err) == ERR_OK &&
           since_ns == now_ns - seconds * SECOND;
}

static bool stays(const char *text, enum errc code, const char *says)
{
    int64_t since_ns = 77;
    struct err err = {0};
    return clock_parse_relative(str_from(text), INT64_C(1795341600) * SECOND, &since_ns, &err) ==
               code &&
           since_ns == 77 && strstr(err.text, says) != NULL;
}

static void spans_go_back_from_now(void)
{
    EXPECT(stays("d", ERR_SYNTAX, "write 30d, 12h, 2026-11-22"));
    EXPECT(stays("30", ERR_SYNTAX, "write 30d"));
    EXPECT(stays("30y", ERR_SYNTAX, "write 30d"));
    EXPECT(stays("-30d", ERR_SYNTAX, "write 30d"));
    EXPECT(stays("1.5d", ERR_SYNTAX, "write 30d"));
    EXPECT(stays("", ERR_SYNTAX, "write 30d"));
    EXPECT(stays("9223372036854775807w", ERR_RANGE, "before 1678"));
    EXPECT(stays("127200d", ERR_RANGE, "before 1678"));
    EXPECT(stays("1600-01-01", ERR_RANGE, "1678-2261"));
    EXPECT(goes_back("0d", 0));
    EXPECT(goes_back("90m", 5400));
    EXPECT(goes_back("12h", 43200));
    EXPECT(goes_back(" 30d ", 30 * 86400));
    EXPECT(goes_back("2w", 14 * 86400));
    EXPECT(goes_back("2026-11-22T09:59:00Z", 60));
}

static void clocks_run_forward(void)
{
    const int64_t before = clock_monotonic_ns();
    EXPECT(clock_monotonic_ns() >= before);
    EXPECT(clock_now_ns() > INT64_C(1700000000) * SECOND);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(text_that_is_no_time_is_refused),
        TEST(instants_that_nanoseconds_do_not_hold_are_refused),
        TEST(every_form_of_rfc_3339_is_read),
        TEST(instants_agree_with_an_independent_calendar),
        TEST(every_day_of_ten_thousand_years_comes_back),
        TEST(times_print_with_as_many_decimals_as_they_need),
        TEST(spans_go_back_from_now),
        TEST(clocks_run_forward),
    };
    return test_main(tests, COUNT_OF(tests));
}
