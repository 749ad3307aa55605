#include "support/book.h"

#include "support/test.h"

#define BOOK_BYTES_MAX ((size_t)64 << 20)

const struct price_book *book_shipped(void)
{
    static struct arena arena;
    static const struct price_book *book;
    if (book == NULL) {
        const long refusal = arena_fail_after;
        struct err err;
        arena_fail_after = -1;
        arena_init(&arena, BOOK_BYTES_MAX);
        CHECK(price_book_parse(price_shipped(), &arena, &book, &err) == ERR_OK);
        arena_fail_after = refusal;
    }
    return book;
}
