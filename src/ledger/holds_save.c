/* holds_save: the whole ledger as bytes, and back.
 *
 * What is read is not trusted: a snapshot must add up like a running ledger, or it is refused. */
#include "base/check.h"
#include "ledger/holds_save_priv.h"

enum { SAVE_VERSION = 3, SAVE_VERSION_WITHOUT_PAST = 2, SAVE_VERSION_WITHOUT_CAUSES = 1 };

static void put_columns(struct writer *to, const struct holds_row *row)
{
    const money_sum sums[] = {row->spent,   row->held,       row->past_held, row->overshoot,
                              row->lowered, row->last_spent, row->reserved,  row->released,
                              row->posted,  row->closed};
    put(to, sums, sizeof sums);
    put_int64(to, row->last_from_ns);
    put_int64(to, row->open_holds);
    PUT(to, row->told);
    PUT(to, row->again);
    PUT(to, row->past_count);
    for (uint32_t i = 0; i < row->past_count; i++) {
        const uint8_t is_ahead = row->past[i].is_ahead ? 1 : 0;
        put_int64(to, row->past[i].from_ns);
        PUT(to, row->past[i].spent);
        PUT(to, is_ahead);
    }
}

static void get_past(struct reader *from, struct holds_row *row)
{
    row->again = get_sum(from);
    GET(from, row->past_count);
    if (row->past_count > HOLDS_PAST_MAX || row->again < 0) {
        from->failed = true;
        row->past_count = 0;
    }
    for (uint32_t i = 0; i < row->past_count; i++) {
        uint8_t is_ahead;
        const int64_t from_ns = get_int64(from);
        const money_sum spent = get_sum(from);
        GET(from, is_ahead);
        from->failed = from->failed || spent < 0 || is_ahead > 1;
        row->past[i] = (struct holds_past){from_ns, spent, is_ahead == 1};
    }
}

static void get_columns(struct reader *from, struct holds_row *row, uint32_t version)
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
    if (version > SAVE_VERSION_WITHOUT_PAST) {
        get_past(from, row);
    }
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
    holds_put_table(to, holds->table);
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
    struct holds_table *const table = holds_get_table(from);
    if (table == NULL) {
        return;
    }
    holds_table_destroy(&holds->table);
    holds->table = table;
    for (uint32_t i = 0; i < table->count; i++) {
        get_columns(from, &table->rows[i], version);
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
