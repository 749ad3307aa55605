/* fuzz_hold_log: any bytes as a segment of the log of holds, and any records as a history. Whatever
 * was applied, the ledger adds up; what it says of itself is read back as the same. */
#include "base/check.h"
#include "base/memory.h"
#include "ledger/holds.h"
#include "store/hold_log_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum errc apply(void *context, const struct hold_record *record, struct err *err)
{
    return holds_apply(context, record, NULL, err);
}

/* Records without checksums: 2 bytes of choice, then what the event needs. */
static void apply_loose(struct holds *holds, struct str bytes)
{
    enum { STEP_BYTES = 8, SCOPES = 3 };
    static const char *const names[SCOPES] = {"org", "team:a", "user:u"};
    for (size_t at = 0; at + STEP_BYTES <= bytes.size; at += STEP_BYTES) {
        const unsigned char *const step = (const unsigned char *)bytes.data + at;
        struct hold_record record = {.number = at / STEP_BYTES + 1,
                                     .event = (enum hold_event)(step[0] % HOLD_EVENT_COUNT),
                                     .cause = (enum hold_cause)(step[1] % HOLD_CAUSE_COUNT),
                                     .id = (uint64_t)(step[2] >> 4) << 16 | (step[2] & 15),
                                     .amount_pusd = step[3],
                                     .at_ns = (int64_t)step[4] << 34,
                                     .until_ns = (int64_t)step[5] << 34,
                                     .case_key = {step[6] & 7, 0}};
        for (size_t i = 0; i < SCOPES; i++) {
            if ((step[7] >> i & 1) != 0) {
                record.scopes[record.scope_count++] = hash128(str_from(names[i]));
            }
        }
        if (record.event == HOLD_ROLLED) {
            record.id = step[2] % SCOPES;
        }
        if (record.event == HOLD_LIMITED || record.event == HOLD_SNAPSHOT) {
            record.body = (struct str){bytes.data + at, bytes.size - at};
        }
        struct err err;
        const enum errc code = holds_apply(holds, &record, NULL, &err);
        CHECK(code == ERR_OK || code == ERR_INTEGRITY || code == ERR_UNSUPPORTED);
        if (code != ERR_OK && record.event == HOLD_SNAPSHOT) {
            return; /* what is left behind by a damaged snapshot is not used */
        }
        CHECK(holds_verify(holds, &err) == ERR_OK);
    }
}

static void install_limits(struct holds *holds)
{
    struct hold_limit limits[] = {
        {.scope = STR("org"),
         .period = PERIOD_TOTAL,
         .limit_pusd = 500,
         .hard_pusd = HOLD_NO_LIMIT},
        {.scope = STR("team:a"),
         .period = PERIOD_HOUR,
         .limit_pusd = 90,
         .hard_pusd = HOLD_NO_LIMIT},
        {.scope = STR("user:u"), .period = PERIOD_MINUTE, .hard_pusd = HOLD_NO_LIMIT}};
    struct holds_table *table = NULL;
    struct err err;
    limits[0].per_case_pusd = HOLD_NO_LIMIT;
    limits[1].per_case_pusd = 50;
    limits[2].per_case_pusd = HOLD_NO_LIMIT;
    CHECK(holds_table_make(holds, limits, COUNT_OF(limits), 0, &table, &err) == ERR_OK);
    holds_table_install(holds, &table, 0);
}

static void read_back(struct holds *holds)
{
    const size_t size = holds_bytes(holds);
    char *const first = memory_new_array(char, size);
    char *const second = memory_new_array(char, size);
    struct holds *other;
    struct err err;
    holds_create(&other);
    holds_save(holds, first);
    const struct hold_record record = {.event = HOLD_SNAPSHOT, .body = {first, size}};
    CHECK(holds_apply(other, &record, NULL, &err) == ERR_OK);
    CHECK(holds_bytes(other) == size);
    holds_save(other, second);
    CHECK(memcmp(first, second, size) == 0);
    holds_destroy(&other);
    memory_free(first);
    memory_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str bytes = {(const char *)data, size};
    struct hold_log_scan scan = {0};
    struct holds *holds;
    struct err err;
    holds_create(&holds);
    const enum errc code = hold_log_scan(bytes, apply, holds, &scan, &err);
    CHECK(scan.used <= size);
    if (code == ERR_OK) {
        CHECK(holds_verify(holds, &err) == ERR_OK);
        read_back(holds);
    }
    holds_destroy(&holds);
    holds_create(&holds);
    install_limits(holds);
    apply_loose(holds, bytes);
    holds_destroy(&holds);
    return 0;
}
