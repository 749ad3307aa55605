/* holds_save: the table of limits and the whole ledger as bytes, and back.
 *
 * Little-endian, fixed sizes, one order: the same state gives the same bytes. What is read is not
 * trusted: a snapshot must add up like a running ledger, or it is refused. */
#include "ledger/holds_priv.h"

#include "base/check.h"
#include "base/memory.h"

enum { SAVE_VERSION = 2, SAVE_VERSION_WITHOUT_CAUSES = 1 };
/* No sum of money comes near: 2^38 calls of the largest amount there is. */
#define SAVED_SUM_MAX ((money_sum)1 << 100)

struct writer {
    char *out; /* NULL: only count */
    size_t size;
};

static void put(struct writer *to, const void *data, size_t size)
{
    if (to->out != NULL && size > 0) {
        memcpy(to->out + to->size, data, size);
    }
    to->size += size;
}

#define PUT(to, value) put((to), &(value), sizeof(value))

static void put_int64(struct writer *to, int64_t value)
{
    PUT(to, value);
}

static void put_str(struct writer *to, struct str text)
{
    const uint16_t size = (uint16_t)text.size;
    CHECK(text.size <= UINT16_MAX);
    PUT(to, size);
    put(to, text.data, text.size);
}

struct reader {
    struct str rest;
    bool failed;
};

static void get(struct reader *from, void *out, size_t size)
{
    if (from->failed || from->rest.size < size) {
        from->failed = true;
        memset(out, 0, size);
        return;
    }
    memcpy(out, from->rest.data, size);
    from->rest.data += size;
    from->rest.size -= size;
}

#define GET(from, value) get((from), &(value), sizeof(value))

static int64_t get_int64(struct reader *from)
{
    int64_t value;
    GET(from, value);
    return value;
}

static money_sum get_sum(struct reader *from)
{
    money_sum value;
    GET(from, value);
    if (value > SAVED_SUM_MAX || value < -SAVED_SUM_MAX) {
        from->failed = true;
        return 0;
    }
    return value;
}

static struct str get_str(struct reader *from, size_t size_max)
{
    uint16_t size;
    GET(from, size);
    if (from->failed || size > from->rest.size || size > size_max) {
        from->failed = true;
        return (struct str){"", 0};
    }
    const struct str text = {from->rest.data, size};
    from->rest.data += size;
    from->rest.size -= size;
    return text;
}

static void put_definition(struct writer *to, const struct holds_row *row)
{
    const uint8_t period = (uint8_t)row->period;
    const uint8_t steps = (uint8_t)row->step_count;
    put_str(to, row->name);
    put_str(to, row->zone_name);
    PUT(to, period);
    PUT(to, steps);
    put_int64(to, row->limit_pusd);
    put_int64(to, row->hard_pusd);
    put_int64(to, row->per_case_pusd);
    put_int64(to, row->from_ns);
    put_int64(to, row->until_ns);
    PUT(to, row->opening);
    for (size_t i = 0; i < row->step_count; i++) {
        const uint8_t action = (uint8_t)row->steps[i].action;
        PUT(to, action);
        put_int64(to, row->steps[i].at_pusd);
    }
}

static void get_definition(struct reader *from, struct holds_row *row)
{
    uint8_t period;
    uint8_t steps;
    *row = (struct holds_row){.next_same = HOLDS_NONE, .last_from_ns = INT64_MIN};
    row->name = get_str(from, HOLD_SCOPE_BYTES_MAX);
    row->zone_name = get_str(from, HOLD_ZONE_BYTES_MAX);
    GET(from, period);
    GET(from, steps);
    row->limit_pusd = get_int64(from);
    row->hard_pusd = get_int64(from);
    row->per_case_pusd = get_int64(from);
    row->from_ns = get_int64(from);
    row->until_ns = get_int64(from);
    row->opening = get_sum(from);
    from->failed = from->failed || period >= PERIOD_COUNT || steps > SETTINGS_STEPS_MAX ||
                   row->name.size == 0 || row->limit_pusd < 0 || row->hard_pusd < HOLD_NO_LIMIT ||
                   row->per_case_pusd < HOLD_NO_LIMIT || row->from_ns >= row->until_ns ||
                   row->opening < 0;
    for (uint8_t i = 0; i < steps && !from->failed; i++) {
        uint8_t action;
        GET(from, action);
        row->steps[i] = (struct hold_step){.at_pusd = get_int64(from)};
        from->failed = from->failed || action >= ACTION_COUNT || row->steps[i].at_pusd < 0;
        row->steps[i].action = from->failed ? ACTION_NOTIFY : (enum budget_action)action;
    }
    if (!from->failed) {
        row->period = (enum budget_period)period;
        row->step_count = steps;
        row->scope = hash128(row->name);
        row->zone_key = hash128(row->zone_name);
    }
}

static void put_table(struct writer *to, const struct holds_table *table)
{
    const uint32_t text_bytes = (uint32_t)table->text_bytes;
    PUT(to, table->count);
    PUT(to, text_bytes);
    for (uint32_t i = 0; i < table->count; i++) {
        put_definition(to, &table->rows[i]);
    }
}

/* NULL when it is none. */
static struct holds_table *get_table(struct reader *from)
{
    uint32_t count;
    uint32_t text_bytes;
    uint32_t twice = 0;
    GET(from, count);
    GET(from, text_bytes);
    if (from->failed || count > HOLDS_LIMITS_MAX || text_bytes > from->rest.size) {
        from->failed = true;
        return NULL;
    }
    struct holds_table *table = holds_table_new(count, text_bytes);
    size_t used = 0;
    for (uint32_t i = 0; i < count && !from->failed; i++) {
        struct holds_row *const row = &table->rows[i];
        get_definition(from, row);
        struct str *const names[] = {&row->name, &row->zone_name};
        for (size_t n = 0; n < COUNT_OF(names) && !from->failed; n++) {
            if (names[n]->size > text_bytes - used) {
                from->failed = true;
                break;
            }
            memcpy(table->text + used, names[n]->data, names[n]->size);
            names[n]->data = table->text + used;
            used += names[n]->size;
        }
    }
    from->failed = from->failed || used != text_bytes || !holds_index(table, &twice);
    if (from->failed) {
        holds_table_destroy(&table);
    }
    return table;
}

size_t holds_table_bytes(const struct holds_table *table)
{
    CHECK(table != NULL);
    struct writer to = {0};
    put_table(&to, table);
    return to.size;
}

void holds_table_save(const struct holds_table *table, char *out)
{
    CHECK(out != NULL);
    struct writer to = {out, 0};
    put_table(&to, table);
}

enum errc holds_table_load(struct str bytes, struct holds_table **out, struct err *err)
{
    CHECK(out != NULL);
    struct reader from = {bytes, false};
    struct holds_table *table = get_table(&from);
    if (from.failed || from.rest.size > 0) {
        holds_table_destroy(&table);
        return err_set(err, ERR_INTEGRITY, "a table of limits that is none");
    }
    *out = table;
    return ERR_OK;
}

static void put_columns(struct writer *to, const struct holds_row *row)
{
    const money_sum sums[] = {row->spent,   row->held,       row->past_held, row->overshoot,
                              row->lowered, row->last_spent, row->reserved,  row->released,
                              row->posted,  row->closed};
    put(to, sums, sizeof sums);
    put_int64(to, row->last_from_ns);
    put_int64(to, row->open_holds);
    PUT(to, row->told);
}

static void get_columns(struct reader *from, struct holds_row *row)
{
    money_sum *const sums[] = {&row->spent,   &row->held,       &row->past_held, &row->overshoot,
                               &row->lowered, &row->last_spent, &row->reserved,  &row->released,
                               &row->posted,  &row->closed};
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        *sums[i] = get_sum(from);
        from->failed = from->failed || *sums[i] < 0;
    }
    row->last_from_ns = get_int64(from);
    row->open_holds = get_int64(from);
    GET(from, row->told);
}

static void put_hold(struct writer *to, const struct holds_hold *hold)
{
    PUT(to, hold->id);
    PUT(to, hold->state);
    PUT(to, hold->scope_count);
    PUT(to, hold->cased);
    put_int64(to, hold->amount_pusd);
    put_int64(to, hold->charged_ns);
    put_int64(to, hold->expires_ns);
    PUT(to, hold->case_key);
    put(to, hold->scopes, hold->scope_count * sizeof hold->scopes[0]);
}

static bool scopes_twice(const struct holds_hold *hold)
{
    bool twice = false;
    for (uint8_t i = 0; i < hold->scope_count; i++) {
        for (uint8_t j = 0; j < i; j++) {
            twice = twice || hash128_equal(hold->scopes[i], hold->scopes[j]);
        }
    }
    return twice;
}

static void get_hold(struct reader *from, struct holds *holds)
{
    struct holds_hold read = {0};
    GET(from, read.id);
    GET(from, read.state);
    GET(from, read.scope_count);
    GET(from, read.cased);
    read.amount_pusd = get_int64(from);
    read.charged_ns = get_int64(from);
    read.expires_ns = get_int64(from);
    GET(from, read.case_key);
    if (from->failed || read.scope_count > HOLD_SCOPES_MAX || read.amount_pusd < 0 ||
        read.state == SLOT_FREE || read.state >= SLOT_STATE_COUNT ||
        read.cased >> read.scope_count != 0 || read.charged_ns < 0 ||
        read.id >> HOLDS_SLOT_BITS == 0 || read.id >> HOLDS_SLOT_BITS > holds->sequence) {
        from->failed = true;
        return;
    }
    get(from, read.scopes, read.scope_count * sizeof read.scopes[0]);
    struct holds_hold *const hold = &holds->slots[read.id & HOLDS_SLOT_MASK];
    if (from->failed || hold->state != SLOT_FREE || scopes_twice(&read) ||
        !holds_slot_take(holds, read.id)) {
        from->failed = true;
        return;
    }
    const uint8_t state = read.state;
    *hold = read;
    if (state == SLOT_EXPIRED) {
        holds->counts.open--;
        holds_expired_push(holds, hold);
    } else {
        holds->counts.unknown += state == SLOT_UNKNOWN;
        holds_heap_push(holds, hold);
    }
}

static void put_case(struct writer *to, const struct holds_case *row)
{
    PUT(to, row->key);
    PUT(to, row->spent);
    put_int64(to, row->last_ns);
}

/* Idle cases from the oldest, then the busy ones, whose order says nothing. */
static void put_cases(struct writer *to, const struct holds_cases *cases)
{
    PUT(to, cases->count);
    for (uint32_t at = cases->idle_oldest; at != HOLDS_NONE; at = cases->rows[at].next) {
        put_case(to, &cases->rows[at]);
    }
    for (uint32_t i = 0; i < cases->count; i++) {
        if (cases->rows[i].open > 0) {
            put_case(to, &cases->rows[i]);
        }
    }
}

static void get_cases(struct reader *from, struct holds *holds)
{
    uint32_t count;
    GET(from, count);
    from->failed = from->failed || count > HOLDS_CASES_MAX;
    for (uint32_t i = 0; i < count && !from->failed; i++) {
        struct hash128 key;
        GET(from, key);
        const money_sum spent = get_sum(from);
        const int64_t last_ns = get_int64(from);
        if (from->failed || spent < 0 || last_ns < 0 || last_ns > HOLDS_TIME_MAX_NS ||
            holds_case_find(&holds->cases, key, 0) != NULL) {
            from->failed = true;
            return;
        }
        struct holds_case *const row = holds_case_have(&holds->cases, key, last_ns);
        CHECK(row != NULL);
        row->spent = spent;
    }
}

/* What is held in cases follows from the holds. */
static void hold_cases(struct reader *from, struct holds *holds)
{
    for (uint32_t i = 0; i < holds->used && !from->failed; i++) {
        struct holds_hold *const hold = &holds->slots[i];
        for (uint8_t s = 0; s < hold->scope_count && hold->state != SLOT_FREE; s++) {
            if ((hold->cased >> s & 1) == 0 || hold->state == SLOT_EXPIRED) {
                continue;
            }
            struct holds_case *const row =
                holds_case_find(&holds->cases, holds_case_key(hold->scopes[s], hold->case_key), 0);
            if (row == NULL) {
                from->failed = true;
                return;
            }
            row->held += hold->amount_pusd;
            holds_case_used(&holds->cases, row, row->open + 1, row->last_ns);
        }
    }
}

static void put_all(struct writer *to, const struct holds *holds)
{
    const uint32_t version = SAVE_VERSION;
    const uint32_t hold_count = (uint32_t)(holds->counts.open + holds->counts.expired);
    PUT(to, version);
    PUT(to, holds->sequence);
    put_int64(to, holds->now_ns);
    const int64_t counts[] = {holds->counts.forgotten, holds->counts.reserved, holds->counts.posted,
                              holds->counts.voided,    holds->counts.lapsed,   holds->counts.late,
                              holds->counts.overshoots};
    put(to, counts, sizeof counts);
    PUT(to, holds->counts.overshoot_pusd);
    for (int i = 0; i < HOLD_CAUSE_COUNT; i++) {
        put_int64(to, holds->counts.causes[i].calls);
        PUT(to, holds->counts.causes[i].pusd);
    }
    put_table(to, holds->table);
    for (uint32_t i = 0; i < holds->table->count; i++) {
        put_columns(to, &holds->table->rows[i]);
    }
    PUT(to, hold_count);
    for (uint32_t i = 0; i < holds->used; i++) {
        if (holds->slots[i].state == SLOT_OPEN || holds->slots[i].state == SLOT_UNKNOWN) {
            put_hold(to, &holds->slots[i]);
        }
    }
    for (uint32_t at = holds->expired_oldest; at != HOLDS_NONE; at = holds->slots[at].next) {
        put_hold(to, &holds->slots[at]);
    }
    put_cases(to, &holds->cases);
}

size_t holds_bytes(const struct holds *holds)
{
    CHECK(holds != NULL);
    struct writer to = {0};
    put_all(&to, holds);
    return to.size;
}

void holds_save(const struct holds *holds, char *out)
{
    CHECK(holds != NULL);
    CHECK(out != NULL);
    struct writer to = {out, 0};
    put_all(&to, holds);
}

/* An older snapshot does not tell them apart. */
static void get_causes(struct reader *from, struct holds_counts *counts, uint32_t version)
{
    if (version == SAVE_VERSION_WITHOUT_CAUSES) {
        counts->causes[HOLD_CAUSE_OTHER] =
            (struct hold_overshoot){counts->overshoots, counts->overshoot_pusd};
        return;
    }
    for (int i = 0; i < HOLD_CAUSE_COUNT; i++) {
        counts->causes[i].calls = get_int64(from);
        counts->causes[i].pusd = get_sum(from);
    }
}

static void get_all(struct reader *from, struct holds *holds, uint32_t version)
{
    uint32_t hold_count;
    int64_t *const counts[] = {&holds->counts.forgotten, &holds->counts.reserved,
                               &holds->counts.posted,    &holds->counts.voided,
                               &holds->counts.lapsed,    &holds->counts.late,
                               &holds->counts.overshoots};
    GET(from, holds->sequence);
    holds->now_ns = get_int64(from);
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        *counts[i] = get_int64(from);
    }
    holds->counts.overshoot_pusd = get_sum(from);
    get_causes(from, &holds->counts, version);
    if (from->failed || holds->now_ns < 0 || holds->now_ns > HOLDS_TIME_MAX_NS ||
        holds->sequence > HOLDS_ID_MAX >> HOLDS_SLOT_BITS) {
        from->failed = true;
        return;
    }
    struct holds_table *const table = get_table(from);
    if (table == NULL) {
        return;
    }
    holds_table_destroy(&holds->table);
    holds->table = table;
    for (uint32_t i = 0; i < table->count; i++) {
        get_columns(from, &table->rows[i]);
    }
    GET(from, hold_count);
    from->failed = from->failed || hold_count > HOLDS_OPEN_MAX;
    for (uint32_t i = 0; i < hold_count && !from->failed; i++) {
        get_hold(from, holds);
    }
    get_cases(from, holds);
    hold_cases(from, holds);
}

enum errc holds_load(struct holds *holds, struct str bytes, struct err *err)
{
    CHECK(holds != NULL);
    struct reader from = {bytes, false};
    uint32_t version;
    if (holds->begun || holds->sequence != 0 || holds->used != 0) {
        return err_set(err, ERR_INTEGRITY, "a snapshot behind other records");
    }
    GET(&from, version);
    if (!from.failed && version > SAVE_VERSION) {
        return err_set(err, ERR_UNSUPPORTED,
                       "a snapshot of version %u, this program knows %d; use the newer bursar that "
                       "made it",
                       version, SAVE_VERSION);
    }
    get_all(&from, holds, version);
    if (from.failed || from.rest.size > 0) {
        return err_set(err, ERR_INTEGRITY, "a snapshot of budgets that is none");
    }
    return holds_verify(holds, err);
}
