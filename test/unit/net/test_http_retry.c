/*
 * Goal: what a server says of when to come again is read in each of its forms, and what says
 * nothing is not taken for a wait.
 * Method: fields as providers send them; dates against seconds computed by date(1).
 */
#include "net/http.h"
#include "support/test.h"

#define NOW_NS INT64_C(784111770000000000) /* Sun, 06 Nov 1994 08:49:30 GMT */

static int64_t ms_of(const char *name, const char *value)
{
    const struct http_response_head head = {
        .status = 429, .fields = {{str_from(name), str_from(value)}}, .field_count = 1};
    return http_retry_ms(&head, NOW_NS);
}

static void what_is_no_wait_says_nothing(void)
{
    static const char *const values[] = {"",
                                         "soon",
                                         "-1",
                                         "1 s",
                                         "1,5",
                                         ".5",
                                         "Sun, 06 Nov 1994 08:49:37",
                                         "Sun, 06 Nov 1994 08:49:37 CET",
                                         "Sun, 06 Nov 1994 24:49:37 GMT",
                                         "Sun, 00 Nov 1994 08:49:37 GMT",
                                         "Sun, 06 Nox 1994 08:49:37 GMT",
                                         "Sun, 06-Nov 1994 08:49:37 GMT",
                                         "Sun Nov 6 08:49:37 1994 GMT",
                                         "Sun",
                                         "Sun, "};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        EXPECT(ms_of("Retry-After", values[i]) == -1);
    }
    const struct http_response_head none = {.status = 429};
    EXPECT(http_retry_ms(&none, NOW_NS) == -1);
}

static void seconds_milliseconds_and_dates_are_read(void)
{
    EXPECT(ms_of("Retry-After", "0") == 0);
    EXPECT(ms_of("retry-after", " 20 ") == 20000);
    EXPECT(ms_of("Retry-After", "1.5") == 1500);
    EXPECT(ms_of("Retry-After", "0.0001") == 1); /* never shorter than was asked */
    EXPECT(ms_of("Retry-After-Ms", "1234") == 1234);
    EXPECT(ms_of("retry-after-ms", "12.5") == 13);
    EXPECT(ms_of("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT") == 7000);
    EXPECT(ms_of("Retry-After", "Sunday, 06-Nov-94 08:49:37 GMT") == 7000);
    EXPECT(ms_of("Retry-After", "Sun Nov  6 08:49:37 1994") == 7000);
    EXPECT(ms_of("Retry-After", "Sun, 06 Nov 1994 08:49:29 GMT") == 0); /* it is over */
    EXPECT(ms_of("Retry-After", "Mon, 07 Nov 1994 08:49:30 GMT") == 86400000);
}

static void what_is_very_long_is_cut(void)
{
    EXPECT(ms_of("Retry-After", "99999999999999999999999999") == HTTP_RETRY_MS_MAX);
    EXPECT(ms_of("retry-after-ms", "99999999999999999999999999") == HTTP_RETRY_MS_MAX);
    EXPECT(ms_of("Retry-After", "Sun, 06 Nov 9994 08:49:37 GMT") == HTTP_RETRY_MS_MAX);
}

static void milliseconds_go_before_seconds_and_a_date_goes_by_the_servers_clock(void)
{
    struct http_response_head head = {
        .fields = {{STR("Retry-After"), STR("2")}, {STR("retry-after-ms"), STR("1900")}},
        .field_count = 2};
    EXPECT(http_retry_ms(&head, NOW_NS) == 1900);
    head.fields[0].value = STR("Sun, 06 Nov 1994 09:00:05 GMT");
    head.fields[1] = (struct http_field){STR("Date"), STR("Sun, 06 Nov 1994 09:00:00 GMT")};
    EXPECT(http_retry_ms(&head, NOW_NS) == 5000);
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_is_no_wait_says_nothing),
        TEST(seconds_milliseconds_and_dates_are_read),
        TEST(what_is_very_long_is_cut),
        TEST(milliseconds_go_before_seconds_and_a_date_goes_by_the_servers_clock),
    };
    return test_main(tests, COUNT_OF(tests));
}
