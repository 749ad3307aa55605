/* zone: local time of places against the C library's own (localtime_r in a TZ of its own), hour by
 * hour over decades, and what is no zone. */
#include "base/zone.h"

#include <stdlib.h>
#include <time.h>

#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static void what_is_no_zone_is_refused(void)
{
    static const char *const names[] = {"",     "/etc/passwd", "../../etc/passwd", "Europe/",
                                        "A//B", "Mars/Phobos", "Europe/..",        "a b"};
    struct arena arena;
    struct err err;
    const struct zone *zone = NULL;
    int refused = 0;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        refused += zone_read(str_from(names[i]), &arena, &zone, &err) != ERR_OK;
    }
    const enum errc text = zone_parse(STR("TZif2 and nothing"), &arena, &zone, &err);
    arena_deinit(&arena);
    EXPECT(refused == (int)COUNT_OF(names));
    EXPECT(text == ERR_SYNTAX);
    EXPECT(zone == NULL);
}

/* Days of 1971 to 2099 at which our offset is not the C library's; -1: no such zone here. */
static int differences(const char *name)
{
    enum { STEP_S = 6 * 3600 + 1800 };
    struct arena arena;
    struct err err;
    const struct zone *zone = NULL;
    int found = 0;
    arena_init(&arena, ARENA_BYTES);
    if (zone_read(str_from(name), &arena, &zone, &err) != ERR_OK) {
        arena_deinit(&arena);
        return -1;
    }
    CHECK(setenv("TZ", name, 1) == 0);
    tzset();
    for (int64_t at = INT64_C(31536000); at < INT64_C(4102444800); at += STEP_S) {
        const time_t instant = (time_t)at;
        struct tm local;
        CHECK(localtime_r(&instant, &local) != NULL);
        found += local.tm_gmtoff != zone_offset_s(zone, at);
    }
    CHECK(unsetenv("TZ") == 0);
    tzset();
    arena_deinit(&arena);
    return found;
}

static void local_time_is_that_of_the_c_library(void)
{
    static const char *const names[] = {"UTC",
                                        "Europe/Berlin",
                                        "America/New_York",
                                        "America/Havana",
                                        "America/Sao_Paulo",
                                        "Australia/Lord_Howe",
                                        "Asia/Kolkata",
                                        "Pacific/Apia",
                                        "Africa/Casablanca",
                                        "Europe/Dublin",
                                        "Asia/Tehran"};
    int bad = 0;
    int known = 0;
    if (test_is_refusing()) {
        return;
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const int found = differences(names[i]);
        known += found >= 0;
        bad += found > 0;
        if (found > 0) {
            test_note(names[i]);
        }
    }
    EXPECT(known >= 1);
    EXPECT(bad == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_no_zone_is_refused),
        TEST(local_time_is_that_of_the_c_library),
    };
    return test_main(tests, COUNT_OF(tests));
}
