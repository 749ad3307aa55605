/* api/drivers_priv: what the drivers of a workflow come to, before it is JSON. */
#ifndef API_DRIVERS_PRIV_H
#define API_DRIVERS_PRIV_H

#include "api/api_priv.h"
#include "api/unused.h"
#include "api/variance.h"
#include "attribution/drivers.h"

enum { DRIVERS_ALL, DRIVERS_BASE, DRIVERS_SCOPES }; /* every attempt; those that resolved a case */

/* Calls made at one price, or, where no price is known, of one model. */
struct drivers_price {
    int64_t code;
    enum cost_basis basis;
    bool exact;  /* their price is in the book: dollars by class are exact */
    bool listed; /* reported cost, divided by the list price of the model */
    struct rates rates;
    int64_t calls;
    struct drivers_tokens used[DRIVERS_SCOPES];
    struct drivers_tokens carried[DRIVERS_SCOPES];
    /* Only where it is not exact: */
    money_sum used_pusd; /* cost of the calls with usage */
    money_sum base_pusd; /* cost of all calls of attempts that resolved a case */
    money_sum output;    /* tokens the calls wrote */
};

struct drivers {
    int64_t cases;
    int64_t attempts;
    int64_t calls; /* with usage */
    int64_t unpriced_calls;
    int64_t listed_calls; /* whose cost was divided by list prices */
    int64_t shared_calls; /* or by tokens alone, for want of one */

    money_sum spend_pusd;
    money_sum retry_pusd;
    money_sum retry_tail_pusd;
    money_sum sunk_pusd;
    money_sum human_pusd;
    money_sum open_pusd;
    money_sum base_pusd; /* what the attempts that resolved a case cost */
    struct stats_interval retry_share;

    struct drivers_tokens input;
    struct drivers_tokens carried;
    money_sum input_pusd;
    money_sum carried_pusd; /* of which exact: */
    money_sum carried_exact_pusd;
    money_sum carried_uncached_pusd; /* what they would have cost without a cache */
    money_sum attention;             /* sum of squared contexts */
    money_sum attention_new;         /* the same of what was not carried */

    /* Base attempts by what was paid for; with retry, human, open they are the spend. */
    money_sum part_carried_pusd;
    money_sum part_new_pusd;
    money_sum part_output_pusd;
    money_sum part_tools_pusd;
    money_sum part_unsplit_pusd;

    int64_t sample_one_in; /* attempts looked at for growth and plateau: each so many-th */
    struct stats_interval growth;
    double growth_q1;
    double growth_q3;
    int64_t growth_sessions;
    int64_t growth_turns_least; /* calls each of them has at least */

    double margin; /* of non-inferiority, a share of 1 */
    struct drivers_plateau plateau;
    money_sum excess_tokens;
    money_sum excess_pusd;
    money_sum excess_input; /* by class, added up: what excess_pusd is of */
    double excess_attention;

    struct unused unused; /* results nobody used */
    struct variance variance;
    int64_t others_one_in; /* cases that routing and variance are of: each so many-th */
    bool has_variance;     /* of one workflow only, and so the rest */
    bool has_route;        /* a model is known */
    struct str recommended;
    struct stats_interval savings_usd;
    int64_t savings_cases;
};

/* Of all calls, and of the steps that have no time. */
struct drivers_shape {
    int64_t untimed;
    int64_t calls;
    int64_t used; /* have usage */
    int64_t first_ns;
    int64_t last_ns;
    int64_t first_place;
    int64_t last_place;
    int64_t fractions; /* calls whose time is no whole millisecond */
    int64_t media;     /* most audio and image tokens of a call */
};

/* What the files of the drivers share while they read. */
struct drivers_reading {
    struct store *store;
    const struct settings *settings;
    const struct api_drivers_request *request;
    struct store_value scope[2]; /* $1, $2 of every query */
    struct arena *arena;
    struct drivers_price *prices; /* [price_count] by code */
    size_t price_count;
    struct drivers_shape shape;
    struct drivers *out;
};

/* The price of a code, whose last bit says whether the calls are of base attempts. */
struct drivers_price *drivers_price_of(const struct drivers_reading *reading, int64_t code);

/* Tokens of all attempts in p$: exact, or as a share of what was reported. */
money_sum drivers_value(const struct drivers_price *price, const struct drivers_tokens *tokens);

/* Growth, plateau, and what is above it. Wants prices and all of their sums. */
MUST_CHECK enum errc drivers_read_sample(struct drivers_reading *reading, struct err *err);

void drivers_json(const struct drivers *drivers, const struct api_request *request,
                  struct text *out);

#endif
