/* What a run remembers of the rows it wrote, and what a resident memory says of the ledger. */
#include "base/check.h"
#include "ingest/ingest_priv.h"

bool ingest_may_have(const struct ingest *ingest, enum resident_kind kind, struct hash128 key)
{
    CHECK(kind == RESIDENT_STEP || kind == RESIDENT_ALIAS);
    if (ingest->resident != NULL) {
        return resident_has(ingest->resident, kind, key.low);
    }
    return kind == RESIDENT_STEP
               ? ingest->ledger_had_steps || key_set_has(&ingest->steps_seen, key.low)
               : ingest->ledger_had_aliases || key_set_has(&ingest->aliases_seen, key.low);
}

/* The case or attempt a row is of, under which it is resident. False: none is. */
static bool owner_of(enum ledger_table table, const void *row, enum resident_kind *kind,
                     uint64_t *key)
{
    CHECK(row != NULL);
    *kind = table == LEDGER_attempts ? RESIDENT_ATTEMPT : RESIDENT_CASE;
    if (table == LEDGER_cases) {
        *key = ((const struct ledger_cases *)row)->case_key;
    } else if (table == LEDGER_case_attributes) { /* a case that is new has none */
        *key = ((const struct ledger_case_attributes *)row)->case_key;
    } else if (table == LEDGER_attempts) {
        *key = ((const struct ledger_attempts *)row)->attempt_key;
    } else {
        return false;
    }
    return true;
}

size_t ingest_put_new_first(const struct ingest *ingest, enum ledger_table table, void *rows,
                            size_t size, size_t count)
{
    CHECK(rows != NULL || count == 0);
    union {
        struct ledger_cases of_cases;
        struct ledger_case_attributes of_attributes;
        struct ledger_attempts of_attempts;
    } row;
    enum resident_kind kind;
    uint64_t key;
    size_t new = 0;
    if (ingest->resident == NULL) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        char *const here = (char *)rows + i * size;
        if (!owner_of(table, here, &kind, &key)) {
            return 0;
        }
        if (!resident_has(ingest->resident, kind, key)) {
            char *const there = (char *)rows + new ++*size;
            CHECK(size <= sizeof row);
            memcpy(&row, there, size);
            memmove(there, here, size);
            memcpy(here, &row, size);
        }
    }
    return new;
}

void ingest_remember_steps(struct ingest *ingest, const struct ledger_steps *rows, size_t count)
{
    CHECK(rows != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        const uint64_t key = rows[i].step_key.low;
        if (ingest->resident != NULL) {
            resident_add(ingest->resident, RESIDENT_STEP, key);
        } else {
            (void)key_set_add(&ingest->steps_seen, key);
        }
    }
}

void ingest_remember_owners(struct ingest *ingest, enum ledger_table table, const void *rows,
                            size_t count)
{
    CHECK(rows != NULL || count == 0);
    const struct ledger_cases *const cases = table == LEDGER_cases ? rows : NULL;
    const struct ledger_attempts *const attempts = table == LEDGER_attempts ? rows : NULL;
    for (size_t i = 0; i < count && ingest->resident != NULL; i++) {
        if (cases != NULL) {
            resident_add(ingest->resident, RESIDENT_CASE, cases[i].case_key);
        }
        if (attempts != NULL) {
            resident_add(ingest->resident, RESIDENT_ATTEMPT, attempts[i].attempt_key);
        }
    }
}

void ingest_remember_group(struct ingest *ingest)
{
    CHECK(ingest != NULL);
    const struct group *const group = &ingest->group;
    ingest_remember_steps(ingest, group->steps.rows, group->steps.count);
    ingest_remember_owners(ingest, LEDGER_cases, group->cases.rows, group->cases.count);
    ingest_remember_owners(ingest, LEDGER_attempts, group->attempts.rows, group->attempts.count);
}
