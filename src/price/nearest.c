/* nearest: the names in the book most like one that is not in it. */
#include "price/price_priv.h"

#include "base/check.h"

enum { NEAREST_MAX = 16 };

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/*
 * What it takes to make `name` of `id`: a byte put in costs 1 (people leave parts out), a byte
 * taken away or changed 3.
 */
static uint32_t distance(struct str id, struct str name)
{
    enum { PUT_IN = 1, CHANGED = 3 };
    CHECK(name.size <= PRICE_NAME_BYTES_MAX);
    uint32_t row[PRICE_NAME_BYTES_MAX + 1];
    for (size_t j = 0; j <= name.size; j++) {
        row[j] = (uint32_t)j * CHANGED;
    }
    for (size_t i = 1; i <= id.size; i++) {
        uint32_t diagonal = row[0];
        row[0] = (uint32_t)i * PUT_IN;
        for (size_t j = 1; j <= name.size; j++) {
            const bool same = lower(id.data[i - 1]) == lower(name.data[j - 1]);
            uint32_t best = diagonal + (same ? 0 : CHANGED);
            diagonal = row[j];
            best = row[j] + PUT_IN < best ? row[j] + PUT_IN : best;
            best = row[j - 1] + CHANGED < best ? row[j - 1] + CHANGED : best;
            row[j] = best;
        }
    }
    return row[name.size];
}

size_t price_nearest(const struct price_book *book, struct str provider, struct str name,
                     const struct price_model **out, size_t max)
{
    CHECK(book != NULL);
    CHECK(max <= NEAREST_MAX);
    const size_t at = price_provider_named(book, provider);
    name.size = name.size > PRICE_NAME_BYTES_MAX ? PRICE_NAME_BYTES_MAX : name.size;
    uint32_t distances[NEAREST_MAX];
    size_t count = 0;
    for (size_t i = 0; i < book->models.count; i++) {
        const struct price_model *const model = &book->models.rows[i];
        if (at != PRICE_NONE && model->provider != at) {
            continue;
        }
        const uint32_t d = distance(model->id, name);
        size_t place = count;
        while (place > 0 && d < distances[place - 1]) {
            place--;
        }
        if (place == max) {
            continue;
        }
        count = count < max ? count + 1 : max;
        for (size_t j = count - 1; j > place; j--) {
            out[j] = out[j - 1];
            distances[j] = distances[j - 1];
        }
        out[place] = model;
        distances[place] = d;
    }
    return count;
}
