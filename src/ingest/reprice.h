/*
 * ingest/reprice: the stored calls priced again, by the book of now.
 *
 *     live llm steps --price_call--> what would change --> old row superseded, new row, postings
 *
 * A price is never lost: a call that was priced and has no price in the book of now stays as it is.
 * What a table states as paid stands. Each transaction is an import of its own, "price update".
 */
#ifndef INGEST_REPRICE_H
#define INGEST_REPRICE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/money.h"
#include "price/price.h"
#include "store/store.h"

/* Lines of a summary; changes beyond go into one more, named REPRICE_OTHERS. */
enum { REPRICE_LINES_MAX = 4096 };
#define REPRICE_OTHERS "(others)"

/* What changes for the calls of one workflow to one model. */
struct reprice_line {
    struct str workflow; /* empty: unattributed */
    struct str model;
    int64_t calls;        /* whose cost, price or provider changes */
    int64_t newly_priced; /* of them: had no known cost until now */
    money_sum old_pusd;   /* of what was known */
    money_sum new_pusd;
};

struct reprice_summary {
    const struct reprice_line *lines; /* by workflow and model; owned by the caller's arena */
    size_t line_count;
    struct reprice_line total;
    int64_t calls;          /* looked at, all model calls of the ledger */
    int64_t table_reported; /* of them: a table states what was paid */
    int64_t kept;           /* priced once, and the book of now has no price: left as they are */
    int64_t unpriced;       /* still without a price */
};

/*
 * Work out every live model call's cost again.
 *
 * apply   false: only say what would change. true: write it; `store` is open to write. What was
 *         written before an error stays, whole; another run does the rest.
 * arena   owns the lines.
 *
 * Errors: ERR_RANGE  a call costs more than a row holds. ERR_INTEGRITY  a step is there twice.
 *         ERR_STORE, ERR_LIMIT.
 */
MUST_CHECK enum errc ingest_reprice(struct store *store, const struct price_book *book,
                                    int64_t now_ns, bool apply, struct arena *arena,
                                    struct reprice_summary *out, struct err *err);

#endif
