/*
 * resident: which keys a ledger may hold, in memory, for a process that stays and writes on.
 *
 *     ledger --resident_fill, once--> 32 bits a key <--resident_add-- what is written
 *
 * A key that is not here is surely not in the ledger, so its row is appended without looking; one
 * that is here may be there, and is looked up. Right only while nobody else writes: it knows the
 * import that comes next, and whoever finds another in the ledger fills it anew. Whoever lets
 * others write meanwhile says so with resident_doubt(). One thread at a time.
 */
#ifndef INGEST_RESIDENT_H
#define INGEST_RESIDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

enum resident_kind { RESIDENT_STEP, RESIDENT_ALIAS, RESIDENT_CASE, RESIDENT_ATTEMPT };

enum {
    RESIDENT_SLOTS_MIN = 1 << 16, /* of the first segment; each later one has twice as many */
    RESIDENT_SEGMENTS_MAX = 9,    /* 128 MiB: 25 million keys, of some 20 million steps */
};

struct resident;

void resident_create(struct resident **out);
void resident_destroy(struct resident **resident);

/* Low halves of keys that are wider. */
void resident_add(struct resident *resident, enum resident_kind kind, uint64_t key);
/* False: surely not. True for every key once there are more than fit. */
bool resident_has(const struct resident *resident, enum resident_kind kind, uint64_t key);

/*
 * All keys of the ledger in `store`, unless it knows them: those before import `next_import`.
 *
 * Errors: ERR_STORE; then it is empty and knows nothing, and the next call tries again.
 */
MUST_CHECK enum errc resident_fill(struct resident *resident, struct store *store,
                                   int32_t next_import, struct err *err);
/* The imports before `next_import` are committed, and their keys are here. */
void resident_committed(struct resident *resident, int32_t next_import);

/* What else a ledger has: where it has none of a kind, nothing of that kind is looked for. */
struct resident_ledger {
    bool steps;
    bool aliases;
    bool facts; /* of traces */
    bool loose; /* steps that may have to move */
    bool nameless;
    bool meters; /* readings of them */
};

/* False: not known; ask the ledger, resident_fill() and resident_note() what it said. */
bool resident_knows(const struct resident *resident, int32_t *out_next_import,
                    struct resident_ledger *out);
void resident_note(struct resident *resident, const struct resident_ledger *ledger);
/* Others had the store, or steps were moved: ask again. */
void resident_doubt(struct resident *resident);

size_t resident_bytes(const struct resident *resident);

#endif
