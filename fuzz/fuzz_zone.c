/* fuzz_zone: any bytes as a time zone file. */
#include "base/zone.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { DAY_S = 86400 };
    struct arena arena;
    struct err err;
    const struct zone *zone = NULL;
    arena_init(&arena, (size_t)1 << 20);
    if (zone_parse((struct str){(const char *)data, size}, &arena, &zone, &err) == ERR_OK) {
        for (int64_t at = -INT64_C(40) * 365; at < INT64_C(100) * 365; at += 61) {
            const int32_t offset_s = zone_offset_s(zone, at * DAY_S);
            CHECK(offset_s > -26 * 3600 && offset_s < 26 * 3600);
        }
    }
    arena_deinit(&arena);
    return 0;
}
