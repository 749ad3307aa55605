/* holds_cases: one small balance a case and scope, in a table of fixed size.
 *
 * A case with open holds is busy; without, it is in the list of idle ones, oldest use first. The
 * idle one used longest ago makes room. Which one goes depends on nothing but the changes so far,
 * so the log rebuilds the same table. */
#include "ledger/holds_priv.h"

#include "base/check.h"
#include "base/memory.h"

void holds_cases_create(struct holds_cases *cases)
{
    CHECK(cases != NULL);
    *cases = (struct holds_cases){.rows = memory_new_array(struct holds_case, HOLDS_CASES_MAX),
                                  .buckets = memory_new_array(uint32_t, HOLDS_CASES_MAX),
                                  .free = HOLDS_NONE,
                                  .idle_oldest = HOLDS_NONE,
                                  .idle_newest = HOLDS_NONE};
}

void holds_cases_destroy(struct holds_cases *cases)
{
    CHECK(cases != NULL);
    memory_free(cases->rows);
    memory_free(cases->buckets);
}

struct hash128 holds_case_key(struct hash128 scope, struct hash128 case_key)
{
    /* Both are good hashes already; what matters is that the pair gives one. */
    const struct hash128 pair[] = {scope, case_key};
    return hash128((struct str){(const char *)pair, sizeof pair});
}

/* Buckets hold index + 1, so that fresh memory is an empty table. */
static uint32_t *bucket_of(const struct holds_cases *cases, struct hash128 key)
{
    return &cases->buckets[key.low % HOLDS_CASES_MAX];
}

static struct holds_case *look(const struct holds_cases *cases, struct hash128 key)
{
    uint32_t at = *bucket_of(cases, key);
    while (at != 0 && !hash128_equal(cases->rows[at - 1].key, key)) {
        at = cases->rows[at - 1].next_in_bucket;
    }
    return at != 0 ? &cases->rows[at - 1] : NULL;
}

static bool is_stale(const struct holds_case *row, int64_t now_ns)
{
    CHECK(now_ns >= 0);
    return row->open == 0 && row->last_ns < now_ns - HOLDS_CASE_IDLE_NS;
}

struct holds_case *holds_case_find(const struct holds_cases *cases, struct hash128 key,
                                   int64_t now_ns)
{
    CHECK(cases != NULL);
    struct holds_case *const row = look(cases, key);
    return row == NULL || is_stale(row, now_ns) ? NULL : row;
}

static void idle_remove(struct holds_cases *cases, struct holds_case *row)
{
    CHECK(cases->idle_count > 0);
    if (row->previous != HOLDS_NONE) {
        cases->rows[row->previous].next = row->next;
    } else {
        cases->idle_oldest = row->next;
    }
    if (row->next != HOLDS_NONE) {
        cases->rows[row->next].previous = row->previous;
    } else {
        cases->idle_newest = row->previous;
    }
    cases->idle_count--;
}

static void idle_push(struct holds_cases *cases, struct holds_case *row)
{
    const uint32_t at = (uint32_t)(row - cases->rows);
    CHECK(at < HOLDS_CASES_MAX);
    row->previous = cases->idle_newest;
    row->next = HOLDS_NONE;
    if (cases->idle_newest != HOLDS_NONE) {
        cases->rows[cases->idle_newest].next = at;
    } else {
        cases->idle_oldest = at;
    }
    cases->idle_newest = at;
    cases->idle_count++;
}

static void bucket_remove(struct holds_cases *cases, struct holds_case *row)
{
    const uint32_t number = (uint32_t)(row - cases->rows) + 1;
    uint32_t *place = bucket_of(cases, row->key);
    while (*place != number) {
        CHECK(*place != 0);
        place = &cases->rows[*place - 1].next_in_bucket;
    }
    *place = row->next_in_bucket;
}

struct holds_case *holds_case_have(struct holds_cases *cases, struct hash128 key, int64_t now_ns)
{
    CHECK(cases != NULL);
    struct holds_case *row = look(cases, key);
    if (row != NULL) {
        if (is_stale(row, now_ns)) {
            row->spent = 0;
        }
        return row;
    }
    if (cases->count < HOLDS_CASES_MAX) {
        row = &cases->rows[cases->count++];
    } else if (cases->idle_oldest != HOLDS_NONE) {
        row = &cases->rows[cases->idle_oldest];
        idle_remove(cases, row);
        bucket_remove(cases, row);
    } else {
        return NULL;
    }
    uint32_t *const bucket = bucket_of(cases, key);
    *row = (struct holds_case){.key = key, .last_ns = now_ns, .next_in_bucket = *bucket};
    *bucket = (uint32_t)(row - cases->rows) + 1;
    idle_push(cases, row);
    return row;
}

void holds_case_used(struct holds_cases *cases, struct holds_case *row, uint32_t open,
                     int64_t now_ns)
{
    CHECK(row != NULL);
    if (row->open == 0) {
        idle_remove(cases, row);
    }
    row->open = open;
    row->last_ns = now_ns;
    if (open == 0) {
        idle_push(cases, row);
    }
}

int64_t holds_per_case(const struct holds_table *table, const struct holds_row *first)
{
    CHECK(table != NULL);
    int64_t least = HOLD_NO_LIMIT;
    for (const struct holds_row *row = first; row != NULL; row = holds_next(table, row)) {
        if (row->per_case_pusd != HOLD_NO_LIMIT &&
            (least == HOLD_NO_LIMIT || row->per_case_pusd < least)) {
            least = row->per_case_pusd;
        }
    }
    return least;
}

bool holds_cases_fit(const struct holds *holds, const struct hold_record *record)
{
    CHECK(record->event == HOLD_RESERVED);
    const struct holds_cases *const cases = &holds->cases;
    uint32_t wanted = 0;
    uint32_t own_idle = 0;
    if (HOLDS_CASES_MAX - cases->count >= HOLD_SCOPES_MAX || !holds_has_case(record)) {
        return true;
    }
    for (size_t i = 0; i < record->scope_count; i++) {
        const struct holds_row *const first = holds_first(holds->table, record->scopes[i]);
        if (first == NULL || holds_per_case(holds->table, first) == HOLD_NO_LIMIT) {
            continue;
        }
        const struct holds_case *const row =
            look(cases, holds_case_key(record->scopes[i], record->case_key));
        wanted += row == NULL;
        own_idle += row != NULL && row->open == 0;
    }
    return wanted <= HOLDS_CASES_MAX - cases->count + cases->idle_count - own_idle;
}
