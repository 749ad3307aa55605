/* A small book for the tests of price/, and calls priced by it. */
#ifndef PRICE_SAMPLE_H
#define PRICE_SAMPLE_H

#include "base/clock.h"
#include "price/price.h"
#include "support/test.h"

static const char sample_text[] =
    "# a comment\n"
    "format bursar.prices/1\n"
    "source 1 the list\n"
    "source 2 https://example.test/prices\n"
    "alias cloud big-cloud*\n"
    "infer cloud *.vendor.*\n"
    "\n"
    "provider acme\n"
    "name Acme\n"
    "aka *acme*\n"
    "means one*|two\n"
    "model one-mini\n"
    "match one-mini*\n"
    "price input=0.15 output=0.6\n"
    "model one\n"
    "match one|one-####-##-##|one-2*&!*-voice\n"
    "price until=2026-08-21 input=5 cache_read=0.5 cache_write_5m=6.25 output=30\n"
    "price until=2026-08-21 over=272000 input=10 cache_read=1 cache_write_5m=12.5 output=45\n"
    "price from=2026-08-21 input=4 cache_read=0.4 cache_write_5m=5 cache_write_1h=8 output=20\n"
    "price from=2026-08-21 over=272000 input=8 cache_read=0.8 cache_write_5m=10 "
    "cache_write_1h=16 output=30\n"
    "price tier=batch input=2 output=10 cache_read=? source=2\n"
    "price region=us from=2026-08-21 input=4.4 cache_read=0.44 output=22 source=2\n"
    "model two\n"
    "price input=1 output=2 reasoning=3 request=12 web_search=10\n"
    "model night\n"
    "price input=2 output=4\n"
    "price window=22:00:00-06:00:00 input=1 output=2\n"
    "price window=09:00:00-10:30:00 days=1-5 input=3 output=6\n"
    "model pages\n"
    "price other=input_document_kpages=1\n"
    "model audio\n"
    "price input=1 input_audio=7 output=2 output_audio=9\n"
    "\n"
    "provider cloud\n"
    "like acme\n"
    "model us.vendor.one-v1\n"
    "match *vendor.one*\n"
    "price input=5.5 output=22\n";

struct sample {
    struct arena arena;
    const struct price_book *book; /* NULL: an allocation was refused */
};

static inline void sample_open(struct sample *sample)
{
    struct err err = {0};
    sample->book = NULL;
    arena_init(&sample->arena, (size_t)4 << 20);
    if (price_book_parse(str_from(sample_text), &sample->arena, &sample->book, &err) != ERR_OK) {
        test_note(err.text);
        CHECK(test_is_refusing());
    }
}

static inline int64_t sample_time(const char *text)
{
    int64_t time_ns = 0;
    struct err err;
    CHECK(clock_parse(str_from(text), &time_ns, &err) == ERR_OK);
    return time_ns;
}

#endif
