/*
 * ledger/holds_save_priv: values as bytes, and back, for what saves parts of the ledger.
 *
 * Little-endian, fixed sizes, one order: the same state gives the same bytes. What is read is not
 * trusted: the first value that is none sets reader->failed, and what is read from there on is 0.
 */
#ifndef LEDGER_HOLDS_SAVE_PRIV_H
#define LEDGER_HOLDS_SAVE_PRIV_H

#include "base/check.h"
#include "ledger/holds_priv.h"

/* No sum of money comes near: 2^38 calls of the largest amount there is. */
#define SAVED_SUM_MAX ((money_sum)1 << 100)

struct writer {
    char *out; /* NULL: only count */
    size_t size;
};

static inline void put(struct writer *to, const void *data, size_t size)
{
    if (to->out != NULL && size > 0) {
        memcpy(to->out + to->size, data, size);
    }
    to->size += size;
}

#define PUT(to, value) put((to), &(value), sizeof(value))

static inline void put_int64(struct writer *to, int64_t value)
{
    PUT(to, value);
}

static inline void put_str(struct writer *to, struct str text)
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

static inline void get(struct reader *from, void *out, size_t size)
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

static inline int64_t get_int64(struct reader *from)
{
    int64_t value;
    GET(from, value);
    return value;
}

static inline money_sum get_sum(struct reader *from)
{
    money_sum value;
    GET(from, value);
    if (value > SAVED_SUM_MAX || value < -SAVED_SUM_MAX) {
        from->failed = true;
        return 0;
    }
    return value;
}

static inline struct str get_str(struct reader *from, size_t size_max)
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

/* holds_save_table.c */
void holds_put_table(struct writer *to, const struct holds_table *table);
/* NULL when it is none. */
struct holds_table *holds_get_table(struct reader *from);

#endif
