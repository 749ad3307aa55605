/* fuzz_clock: any bytes as a time. What is read prints as a text that reads back the same. */
#include "base/check.h"
#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = {(const char *)data, size};
    struct err err;
    int64_t time_ns = 0;
    if (clock_parse(text, &time_ns, &err) == ERR_OK) {
        char printed[CLOCK_TEXT_BYTES_MAX];
        int64_t back = 0;
        size_t used = clock_print(time_ns, printed);
        CHECK(clock_parse((struct str){printed, used}, &back, &err) == ERR_OK);
        CHECK(back == time_ns);
        used = clock_print_date(time_ns, printed);
        CHECK(clock_parse((struct str){printed, used}, &back, &err) == ERR_OK);
        CHECK(back <= time_ns);
        CHECK(time_ns - back < CLOCK_NS_PER_DAY);
    }
    int64_t since_ns = 0;
    if (clock_parse_relative(text, INT64_C(1795310400) * CLOCK_NS_PER_SECOND, &since_ns, &err) ==
        ERR_OK) {
        char printed[CLOCK_TEXT_BYTES_MAX];
        CHECK(clock_print(since_ns, printed) > 0);
    }
    return 0;
}
