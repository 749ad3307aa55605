/*
 * resident: which keys a ledger may hold, in memory, for a process that stays and writes on.
 *
 *     ledger --resident_fill, once--> 32 bits a key <--resident_add-- what is written
 *
 * A key that is not here is surely not in the ledger, so its row is appended without looking; one
 * that is here may be there, and is looked up. Right only while nobody else writes: it knows the
 * import that comes next, and whoever begins a transaction and finds another fills it anew. One
 * thread at a time.
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

size_t resident_bytes(const struct resident *resident);

#endif
