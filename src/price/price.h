/*
 * price: what a model call costs, from an effective-dated book of exact rates.
 *
 *     usage (model/usage.h) + provider, model, start, tier, region  --price_call-->  picodollars
 *
 * Pure: no clock, no I/O, no global state. A book never changes once built, so every thread may
 * read the same one. Rates are whole picodollars per token, so a cost is exact. What is not known
 * is data (PRICE_UNPRICED and why), not an error: usage is never priced at a guess or at zero.
 * docs/prices.md explains the rules in words.
 */
#ifndef PRICE_PRICE_H
#define PRICE_PRICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/yaml.h"
#include "model/usage.h"

/* p$: $10,000 per million tokens; $1,000 per request or search. */
#define PRICE_TOKEN_RATE_MAX INT64_C(10000000000)
#define PRICE_FEE_RATE_MAX   INT64_C(1000000000000000)
#define PRICE_BOOK_BYTES_MAX ((size_t)16 << 20)

enum {
    PRICE_NAME_BYTES_MAX = 256, /* of a provider or model, in a book or a call */
    PRICE_PROVIDERS_MAX = 1000,
    PRICE_MODELS_MAX = 20000,
    PRICE_ROWS_MAX = 100000,
    PRICE_MODEL_ROWS_MAX = 512,
    PRICE_ENTRIES_MAX = 1000, /* in bursar.yaml */
    PRICE_WORST_DAYS_MAX = 8,
};

/* Classes that have a rate: those of the usage, and reasoning where it is not charged as output. */
enum { PRICE_REASONING = USAGE_COUNT, PRICE_CLASS_COUNT };

struct price_rates {
    int64_t pusd[PRICE_CLASS_COUNT]; /* per token; per one for requests and web searches */
    uint32_t known;                  /* bit per class: it has a rate of its own */
    uint32_t unknown;                /* bit per class: it costs something, nobody knows what */
};

/* One set of rates and when it holds. */
struct price_row {
    uint64_t
        id; /* hash of the facts: provider, model, from, window, days, tier, region, over, rates */
    size_t model;
    int64_t from_ns;       /* first instant; INT64_MIN: always */
    int64_t until_ns;      /* first instant no more; INT64_MAX: open */
    int32_t window_from_s; /* seconds of the UTC day, half open; both 0: all day; may wrap */
    int32_t window_until_s;
    uint32_t days; /* UTC week days the window holds, bit 0 is Monday */
    enum service_tier tier;
    struct str region;    /* empty: wherever no row names the call's region */
    int64_t context_over; /* tokens: holds for the whole request when total input is above */
    int32_t rank;         /* 0: the book; above: bursar.yaml, the highest wins */
    struct price_rates rates;
    struct str source; /* where it was read */
    struct str other;  /* what else it charges for, in no usage class: "audio_hours=0.36" */
};

struct price_model {
    struct str id;
    struct str match; /* patterns: alternatives by |, terms by &, ! not, * any run, # a digit */
    struct str note;
    size_t provider;
    size_t row_first;
    size_t row_count;
};

struct price_provider {
    struct str id;
    struct str name;
    struct str aka;   /* patterns of its other names */
    struct str means; /* patterns of models that mean this provider when nobody names one */
    struct str like;  /* providers whose models it also sells at their price, by spaces */
    struct str see;
    struct str note;
    size_t model_first;
    size_t model_count;
};

/* Patterns that win over those of the providers. */
struct price_rule {
    struct str id; /* of the provider */
    struct str patterns;
    size_t provider;
};

struct price_id {
    uint64_t id;
    size_t row;
};

/* A model that bursar.yaml prices by its name. */
struct price_named {
    size_t model;
};

#define PRICE_ARRAY(type)                                                                          \
    struct {                                                                                       \
        struct type *rows;                                                                         \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    }

struct price_book {
    PRICE_ARRAY(price_provider) providers;
    PRICE_ARRAY(price_model) models; /* those of one provider side by side, first match wins */
    PRICE_ARRAY(price_row) rows;     /* those of one model side by side */
    PRICE_ARRAY(price_rule) aliases;
    PRICE_ARRAY(price_rule) infers;
    PRICE_ARRAY(price_id) ids; /* sorted */
    PRICE_ARRAY(price_named) named;
};

/* The book this program was built with, as text; static storage. */
struct str price_shipped(void);

/*
 * Read a book.
 *
 * text   borrowed: must outlive the book.
 * arena  owns the book.
 *
 * Errors: ERR_SYNTAX  "line N: …": a word, a number or a name that does not belong there.
 *         ERR_RANGE   a rate that is not whole picodollars per token, or out of range.
 *         ERR_CONFLICT  two rows that hold at the same time.
 *         ERR_LIMIT   more than the maxima above, or the arena is full.
 */
MUST_CHECK enum errc price_book_parse(struct str text, struct arena *arena,
                                      const struct price_book **out, struct err *err);

/*
 * The book with the contract prices and discounts of the `prices` list of bursar.yaml over it.
 * Rows of `base` stay, so that what was priced by them can be found by id.
 *
 * prices  may be NULL: the result is `base`. Its texts are borrowed.
 *
 * Errors: ERR_CONFIG, naming file, line and key; ERR_LIMIT.
 */
MUST_CHECK enum errc price_book_overlay(const struct price_book *base, const struct yaml *prices,
                                        struct arena *arena, const struct price_book **out,
                                        struct err *err);

/* Names already looked up; belongs to one caller and one book. NULL when the arena is full. */
struct price_memo;
struct price_memo *price_memo_create(struct arena *arena);

struct price_query {
    struct str provider; /* empty: by the model's name */
    struct str model;
    int64_t at_ns; /* start of the call; TIME_UNKNOWN of model/trace.h: not known */
    enum service_tier tier;
    struct str region;
    const struct usage *usage;
    bool is_sum;             /* of calls of unknown sizes: at the rates of a short context */
    struct price_memo *memo; /* NULL: look every name up again */
};

enum price_state { PRICE_PRICED, PRICE_UNPRICED };

struct price_result {
    enum price_state state;
    int64_t cost_pusd;
    uint64_t price_id;
    struct str provider; /* canonical; empty when unknown */
    struct str model;
    int64_t parts_pusd[USAGE_COUNT]; /* they add up to cost_pusd; OUTPUT includes reasoning */
    int64_t reasoning_pusd;          /* part of OUTPUT, where it has a rate of its own */
    uint32_t fallback;               /* bit per class: charged at the rate of a wider class */
    const struct price_row *row;     /* in force; NULL: none */
    const char *why;                 /* when unpriced; static storage */
};

/*
 * Price one call. A call is at least one request; its reasoning is at most its output.
 *
 * Errors: ERR_RANGE  a count is negative or above USAGE_TOKENS_MAX, or the cost is more than
 *                    int64_t picodollars hold ($9,223,372).
 */
MUST_CHECK enum errc price_call(const struct price_book *book, const struct price_query *query,
                                struct price_result *out, struct err *err);

/* A call that has not been made: what it may use at most. */
struct price_bounds {
    struct str provider; /* empty: by the model's name */
    struct str model;
    struct str region;
    bool any_region;        /* or any other that the model has a price for */
    uint32_t tiers;         /* bit per enum service_tier it may be served in; not 0 */
    int64_t input_tokens;   /* of all input classes together, 0..USAGE_TOKENS_MAX */
    int64_t output_tokens;  /* reasoning included */
    int64_t web_searches;   /* and requests are counted as one */
    uint32_t input_classes; /* bit per class the input may be billed in, "cache_read" and writes
                               included; 0: text and its caches */
    bool output_audio;      /* the output may be audio */
    int64_t from_ns;        /* the call begins from here ... */
    int64_t until_ns;       /* ... to here, inclusive */
};

struct price_worst {
    enum price_state state;
    int64_t cost_pusd; /* no call within the bounds costs more */
    const char *why;   /* when unpriced; static storage */
    struct str provider;
    struct str model;
};

/*
 * The most that a call within `bounds` can cost: the dearest over the tiers, context tiers, time
 * windows and changes of price within [from_ns, until_ns], and ways to bill each token.
 *
 * Unpriced: the model is not known, or a tier, class or instant that is possible has no known rate.
 *
 * Errors: ERR_RANGE  a bound is negative or above USAGE_TOKENS_MAX, no tier, from behind until or
 *                    more than PRICE_WORST_DAYS_MAX before it, or
 *                    the cost is more than int64_t picodollars hold.
 */
MUST_CHECK enum errc price_worst(const struct price_book *book, const struct price_bounds *bounds,
                                 struct price_memo *memo, struct price_worst *out, struct err *err);

/* The row of that id, or NULL. */
const struct price_row *price_by_id(const struct price_book *book, uint64_t id);

/*
 * The cost of `usage` by the row of that id.
 *
 * Errors: ERR_NOT_FOUND  no such row, or it cannot price that usage; ERR_RANGE as price_call().
 */
MUST_CHECK enum errc price_recompute(const struct price_book *book, uint64_t id,
                                     const struct usage *usage, int64_t *out_pusd, struct err *err);

/* The model a name means, or NULL and why not. `provider` may be empty. memo may be NULL. */
const struct price_model *price_find(const struct price_book *book, struct str provider,
                                     struct str model, struct price_memo *memo, const char **why);

/* Whether a name means a provider that the book has. */
bool price_knows_provider(const struct price_book *book, struct str name);

/* The row in force, or NULL and why not. */
const struct price_row *price_row_at(const struct price_book *book, const struct price_model *model,
                                     int64_t at_ns, enum service_tier tier, struct str region,
                                     int64_t input_total, const char **why);

/* Models of the nearest names, best first; returns how many, at most `max`. */
size_t price_nearest(const struct price_book *book, struct str provider, struct str name,
                     const struct price_model **out, size_t max);

/* Whether `name` is one of the patterns; ASCII case does not matter. */
bool price_matches(struct str patterns, struct str name);

/* The class whose rate is charged for `class`, or PRICE_CLASS_COUNT when there is none. */
int price_class_charged(const struct price_rates *rates, int class);

/* "cache_read": name of a rate in the book and in bursar.yaml; static storage. */
const char *price_class_name(int class);
bool price_class_is_fee(int class);

/* "standard", "batch"…; and back, TIER_COUNT when it is none of them. */
const char *price_tier_name(enum service_tier tier);
enum service_tier price_tier_of(struct str name);

#endif
