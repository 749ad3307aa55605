/* index: the id of a row, and rows by id. */
#include "price/price_priv.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"

enum { FACT_COUNT = 8 + PRICE_CLASS_COUNT, FACT_BYTES = 8 };

uint64_t price_row_id(const struct price_book *book, const struct price_row *row)
{
    CHECK(row->model < book->models.count);
    const struct price_model *const model = &book->models.rows[row->model];
    /* The end of a row is no fact of it: it is found out later, and the id must stay. */
    int64_t facts[FACT_COUNT] = {row->from_ns,     row->window_from_s, row->window_until_s,
                                 row->days,        row->tier,          row->context_over,
                                 row->rates.known, row->rates.unknown};
    for (int class = 0; class < PRICE_CLASS_COUNT; class ++) {
        facts[8 + class] = row->rates.pusd[class];
    }
    char bytes[FACT_COUNT * FACT_BYTES]; /* low byte first on every machine */
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)((uint64_t)facts[i / FACT_BYTES] >> (i % FACT_BYTES * 8));
    }
    return hash64_of(book->providers.rows[model->provider].id, model->id, row->region,
                     (struct str){bytes, sizeof bytes});
}

static int by_id(const void *a, const void *b)
{
    const struct price_id *const left = a;
    const struct price_id *const right = b;
    return (left->id > right->id) - (left->id < right->id);
}

bool price_index(struct price_book *book, struct arena *arena)
{
    CHECK(book->ids.rows == NULL);
    if (book->rows.count == 0) {
        return true;
    }
    book->ids.rows = arena_new(arena, struct price_id, book->rows.count);
    if (book->ids.rows == NULL) {
        return false;
    }
    for (size_t i = 0; i < book->rows.count; i++) {
        book->ids.rows[i] = (struct price_id){book->rows.rows[i].id, i};
    }
    book->ids.count = book->rows.count;
    qsort(book->ids.rows, book->ids.count, sizeof *book->ids.rows, by_id);
    return true;
}

const struct price_row *price_by_id(const struct price_book *book, uint64_t id)
{
    CHECK(book != NULL);
    const struct price_id key = {.id = id};
    const struct price_id *const found =
        book->ids.count == 0 ? NULL
                             : bsearch(&key, book->ids.rows, book->ids.count, sizeof key, by_id);
    return found != NULL ? &book->rows.rows[found->row] : NULL;
}
