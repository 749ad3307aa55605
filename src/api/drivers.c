/* Ledger -> drivers of a workflow: sums from the store, priced with the rates calls were made at.
 * docs/drivers.md defines each figure. */
#include <math.h>

#include "api/drivers_priv.h"
#include "api/route.h"
#include "base/check.h"
#include "model/trace.h"

enum {
    NS_PER_MS = 1000000,
    PART_CALLS_MAX = 2500000,  /* whose long rows are sorted at a time */
    OTHERS_CASES_MAX = 200000, /* that routing and variance look at; of more, a share by key */
};

#define MARGIN_PP_DEFAULT 2.0 /* of workflows nothing is configured for; economics.md section 8 */

/* Columns of QUERY_drivers_carried_any and _narrow. */
enum {
    C_CODE,
    C_CALLS,
    C_INPUT,
    C_CARRIED = C_INPUT + DRIVERS_INPUTS,
    C_ATTENTION = C_CARRIED + DRIVERS_INPUTS,
    C_ATTENTION_NEW,
    C_TIED,
};

/* Columns of QUERY_drivers_prices. */
enum {
    P_CODE,
    P_BASIS,
    P_PRICE,
    P_PROVIDER,
    P_MODEL,
    P_CALLS,
    P_USED,
    P_FIRST,
    P_LAST,
    P_FIRST_PLACE,
    P_LAST_PLACE,
    P_FRACTIONS,
    P_MEDIA,
};

static enum errc read_cases(struct drivers_reading *r, struct err *err)
{
    struct drivers *const d = r->out;
    struct store_result cases;
    const enum errc code =
        store_run(r->store, QUERY_drivers_cases, r->scope, 1, r->arena, &cases, err);
    if (code != ERR_OK) {
        return code;
    }
    d->cases = store_int64(&cases, 0, 0, 0);
    d->attempts = store_int64(&cases, 0, 1, 0);
    d->spend_pusd = store_sum(&cases, 0, 2);
    d->retry_pusd = store_sum(&cases, 0, 3);
    d->human_pusd = store_sum(&cases, 0, 4);
    d->open_pusd = store_sum(&cases, 0, 5);
    d->base_pusd = store_sum(&cases, 0, 6);
    d->retry_tail_pusd = store_sum(&cases, 0, 7);
    d->sunk_pusd = store_sum(&cases, 0, 8);
    CHECK(d->spend_pusd == d->retry_pusd + d->human_pusd + d->open_pusd + d->base_pusd);
    const struct stats_sums sums = {
        .n = d->cases,
        .y = money_usd(d->retry_pusd),
        .x = money_usd(d->spend_pusd),
        .yy = (double)store_sum(&cases, 0, 9) / 1e18,
        .xy = (double)store_sum(&cases, 0, 10) / 1e18,
        .xx = (double)store_sum(&cases, 0, 11) / 1e18,
    };
    d->retry_share = stats_ratio(&sums);
    d->retry_share.low = d->retry_share.low < 0 ? 0 : d->retry_share.low;
    d->retry_share.high = d->retry_share.high > 1 ? 1 : d->retry_share.high;
    return ERR_OK;
}

/* The rates of a price, and whether its calls' dollars by class can be told exactly. */
static void find_rates(const struct drivers_reading *r, const struct store_result *rows, size_t row,
                       struct drivers_price *price)
{
    const struct rate_source *const source = r->request->rates;
    if (price->basis == COST_PRICED) {
        const uint64_t id = (uint64_t)store_sum(rows, row, P_PRICE);
        price->exact = source->by_id(source->book, id, &price->rates);
        return;
    }
    price->listed = source->by_model(
        source->book, store_text(rows, row, P_PROVIDER), store_text(rows, row, P_MODEL),
        store_int64(rows, row, P_LAST, TIME_UNKNOWN), 0, &price->rates);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void add_shape(struct drivers_shape *s, const struct store_result *rows, size_t row)
{
    s->calls += store_int64(rows, row, P_CALLS, 0);
    s->used += store_int64(rows, row, P_USED, 0);
    s->fractions += store_int64(rows, row, P_FRACTIONS, 0);
    s->first_ns = least(s->first_ns, store_int64(rows, row, P_FIRST, INT64_MAX));
    s->last_ns = most(s->last_ns, store_int64(rows, row, P_LAST, INT64_MIN));
    s->first_place = least(s->first_place, store_int64(rows, row, P_FIRST_PLACE, INT64_MAX));
    s->last_place = most(s->last_place, store_int64(rows, row, P_LAST_PLACE, INT64_MIN));
    s->media = most(s->media, store_int64(rows, row, P_MEDIA, 0));
}

static enum errc read_prices(struct drivers_reading *r, struct err *err)
{
    enum errc code = store_execute(r->store, QUERY_drivers_prices_create, r->scope, 2, NULL, err);
    struct store_result rows;
    struct store_result untimed;
    if (code == ERR_OK) {
        code = store_run(r->store, QUERY_drivers_prices, NULL, 0, r->arena, &rows, err);
    }
    if (code == ERR_OK) {
        code = store_run(r->store, QUERY_drivers_untimed, r->scope, 2, r->arena, &untimed, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    r->prices = arena_new(r->arena, struct drivers_price, rows.rows + 1);
    if (r->prices == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %zu prices", rows.rows);
    }
    r->price_count = rows.rows;
    r->shape = (struct drivers_shape){.untimed = store_int64(&untimed, 0, 0, 0),
                                      .first_ns = INT64_MAX,
                                      .last_ns = INT64_MIN,
                                      .first_place = INT64_MAX,
                                      .last_place = INT64_MIN};
    for (size_t row = 0; row < rows.rows; row++) {
        struct drivers_price *const price = &r->prices[row];
        price->code = store_int64(&rows, row, P_CODE, 0);
        price->basis = (enum cost_basis)store_int64(&rows, row, P_BASIS, COST_NONE);
        CHECK(price->code == 2 * (int64_t)(row + 1));
        find_rates(r, &rows, row, price);
        add_shape(&r->shape, &rows, row);
    }
    return ERR_OK;
}

/* Whether every call has usage and no audio or image, and time in ms and place fit one integer:
 * then the narrow query can do. out  [5] its parameters. */
static bool fits_narrow(const struct drivers_reading *r, struct store_value *out)
{
    const struct drivers_shape *const s = &r->shape;
    int64_t places = 0;
    int64_t times = 0;
    int64_t end = 0;
    if (s->calls == 0 || s->calls != s->used || s->untimed > 0 || s->fractions > 0 ||
        s->media > 0 || __builtin_sub_overflow(s->last_place, s->first_place, &places) ||
        __builtin_sub_overflow(s->last_ns, s->first_ns, &times) || places == INT64_MAX ||
        __builtin_mul_overflow(times / NS_PER_MS + 2, places + 1, &end)) {
        return false;
    }
    out[0] = r->scope[0];
    out[1] = r->scope[1];
    out[2] = STORE_OF_INT64(s->first_ns / NS_PER_MS);
    out[3] = STORE_OF_INT64(places + 1);
    out[4] = STORE_OF_INT64(s->first_place);
    return true;
}

/* Sums of a part of the calls, or of all of them. */
static void add_carried(struct drivers_reading *r, const struct store_result *rows)
{
    for (size_t row = 0; row < rows->rows; row++) {
        const int64_t at = store_int64(rows, row, C_CODE, 0);
        struct drivers_price *const price = drivers_price_of(r, at);
        const int last = at % 2 == 1 ? DRIVERS_BASE : DRIVERS_ALL;
        price->calls += store_int64(rows, row, C_CALLS, 0);
        for (int scope = DRIVERS_ALL; scope <= last; scope++) {
            for (size_t class = 0; class < DRIVERS_INPUTS; class ++) {
                price->used[scope].input[class] += store_sum(rows, row, C_INPUT + class);
                price->carried[scope].input[class] += store_sum(rows, row, C_CARRIED + class);
            }
        }
        r->out->attention += store_sum(rows, row, C_ATTENTION);
        r->out->attention_new += store_sum(rows, row, C_ATTENTION_NEW);
    }
}

/* Every attempt in so many parts by key. */
static enum errc read_carried_any(struct drivers_reading *r, struct err *err)
{
    const uint64_t parts = (uint64_t)r->shape.calls / PART_CALLS_MAX + 1;
    const uint64_t width = UINT64_MAX / parts;
    enum errc code = ERR_OK;
    for (uint64_t part = 0; part < parts && code == ERR_OK; part++) {
        const uint64_t end = part + 1 < parts ? (part + 1) * width - 1 : UINT64_MAX;
        const struct store_value values[] = {r->scope[0], r->scope[1],
                                             STORE_OF_UINT64(part * width), STORE_OF_UINT64(end)};
        struct store_result rows;
        code = store_run(r->store, QUERY_drivers_carried_any, values, COUNT_OF(values), r->arena,
                         &rows, err);
        if (code == ERR_OK) {
            add_carried(r, &rows);
        }
    }
    return code;
}

static enum errc read_carried(struct drivers_reading *r, struct err *err)
{
    struct store_value values[5];
    if (!fits_narrow(r, values)) {
        return read_carried_any(r, err);
    }
    struct store_result rows;
    const enum errc code = store_run(r->store, QUERY_drivers_carried_narrow, values,
                                     COUNT_OF(values), r->arena, &rows, err);
    int64_t tied = 0;
    for (size_t row = 0; code == ERR_OK && row < rows.rows; row++) {
        tied += store_int64(&rows, row, C_TIED, 0);
    }
    if (code != ERR_OK || tied > 0) {
        return code != ERR_OK ? code : read_carried_any(r, err);
    }
    add_carried(r, &rows);
    return ERR_OK;
}

/* What calls cost whose dollars by class no price tells. */
static enum errc read_costs(struct drivers_reading *r, struct err *err)
{
    bool all_exact = true;
    for (size_t i = 0; i < r->price_count; i++) {
        struct drivers_price *const price = &r->prices[i];
        price->exact = price->exact && drivers_priced(&price->used[DRIVERS_ALL], &price->rates);
        price->listed = price->listed && drivers_priced(&price->used[DRIVERS_ALL], &price->rates) &&
                        (price->rates.known >> USAGE_OUTPUT & 1) != 0;
        all_exact = all_exact && price->exact;
    }
    if (all_exact) {
        return ERR_OK;
    }
    struct store_result rows;
    const enum errc code =
        store_run(r->store, QUERY_drivers_costs, r->scope, 2, r->arena, &rows, err);
    for (size_t row = 0; code == ERR_OK && row < rows.rows; row++) {
        const int64_t at = store_int64(&rows, row, 0, 0);
        struct drivers_price *const price = drivers_price_of(r, at);
        price->used_pusd += store_sum(&rows, row, 2);
        price->output += store_sum(&rows, row, 3);
        price->base_pusd += at % 2 == 1 ? store_sum(&rows, row, 1) : 0;
    }
    return code;
}

static void add_price(struct drivers *d, const struct drivers_price *price)
{
    const struct drivers_tokens *const used = &price->used[DRIVERS_ALL];
    const struct drivers_tokens *const carried = &price->carried[DRIVERS_ALL];
    d->calls += price->calls;
    for (size_t class = 0; class < DRIVERS_INPUTS; class ++) {
        d->input.input[class] += used->input[class];
        d->carried.input[class] += carried->input[class];
    }
    if (price->basis == COST_UNPRICED || price->basis == COST_NONE) {
        return;
    }
    const struct drivers_tokens uncached = {
        .input = {[USAGE_INPUT_UNCACHED] = drivers_total(carried)}};
    const money_sum carried_pusd = drivers_value(price, carried);
    d->input_pusd += drivers_value(price, used);
    d->carried_pusd += carried_pusd;
    d->carried_uncached_pusd += drivers_value(price, &uncached);
    if (price->exact) {
        const money_sum base_pusd = drivers_cost(&price->used[DRIVERS_BASE], &price->rates);
        const money_sum again_pusd = drivers_cost(&price->carried[DRIVERS_BASE], &price->rates);
        d->carried_exact_pusd += carried_pusd;
        d->part_carried_pusd += again_pusd;
        d->part_new_pusd += base_pusd - again_pusd;
    } else {
        d->listed_calls += price->listed ? price->calls : 0;
        d->shared_calls += price->listed ? 0 : price->calls;
        d->part_unsplit_pusd += price->base_pusd;
    }
}

static enum errc add_up(struct drivers_reading *r, struct err *err)
{
    struct drivers *const d = r->out;
    struct store_result tools;
    struct store_result unpriced;
    enum errc code = store_run(r->store, QUERY_drivers_tools, r->scope, 2, r->arena, &tools, err);
    if (code == ERR_OK) {
        code = store_run(r->store, QUERY_drivers_unpriced, r->scope, 2, r->arena, &unpriced, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < r->price_count; i++) {
        add_price(d, &r->prices[i]);
    }
    d->unpriced_calls = store_int64(&unpriced, 0, 0, 0);
    d->part_tools_pusd = store_sum(&tools, 0, 0);
    d->part_output_pusd = d->base_pusd - d->part_tools_pusd - d->part_unsplit_pusd -
                          d->part_carried_pusd - d->part_new_pusd;
    if (d->part_output_pusd < 0) {
        return err_set(err, ERR_INTEGRITY,
                       "calls cost less than their input at the prices they name; find them with: "
                       "bursar verify");
    }
    return ERR_OK;
}

/* What other reports say, in short. */
static enum errc read_others(struct drivers_reading *r, struct err *err)
{
    struct drivers *const d = r->out;
    const struct api_request *const request = &r->request->request;
    enum errc code = unused_read(r->store, request, r->arena, &d->unused, err);
    if (code != ERR_OK || request->workflow.size == 0) {
        return code;
    }
    d->others_one_in = d->cases / OTHERS_CASES_MAX + 1;
    if (d->others_one_in > 1) { /* the table is not read again */
        const struct store_value one_in = STORE_OF_INT64(d->others_one_in);
        code = store_execute(r->store, QUERY_drivers_thin_costs, &one_in, 1, NULL, err);
    }
    const struct variance_request variance = {.about = *request};
    const struct route_request asked = {.common = *request, .brief = true};
    struct route route;
    d->has_variance = true;
    if (code == ERR_OK) {
        code = variance_read(r->store, &variance, r->arena, &d->variance, err);
    }
    if (code == ERR_OK) {
        code = route_read(r->store, r->settings, &asked, r->arena, &route, err);
    }
    if (code == ERR_OK && route.recommended != SIZE_MAX) {
        d->has_route = true;
        d->recommended = route.models[route.recommended].model;
        const double scale = (double)d->others_one_in; /* savings are those of all cases */
        d->savings_usd =
            (struct stats_interval){route.savings_usd.value * scale, route.savings_usd.low * scale,
                                    route.savings_usd.high * scale};
        d->savings_cases = route.volume;
    }
    return code;
}

enum errc api_drivers(struct store *store, const struct settings *settings,
                      const struct api_drivers_request *request, struct arena *arena,
                      struct text *out, struct err *err)
{
    static enum errc (*const steps[])(struct drivers_reading *, struct err *) = {
        read_cases, read_prices, read_carried, read_costs, add_up, drivers_read_sample, read_others,
    };
    CHECK(request != NULL);
    CHECK(request->rates != NULL);
    CHECK(out != NULL);

    const struct api_request *const asked = &request->request;
    const struct settings_workflow *const workflow = settings_workflow(settings, asked->workflow);
    struct drivers drivers = {
        .others_one_in = 1,
        .margin = (workflow != NULL ? workflow->non_inferiority_pp : MARGIN_PP_DEFAULT) / 100,
        .excess_attention = NAN,
    };
    struct drivers_reading reading = {
        .store = store,
        .settings = settings,
        .request = request,
        .scope = {STORE_OF_TEXT(asked->workflow), STORE_OF_INT64(asked->as_of_ns)},
        .arena = arena,
        .out = &drivers,
    };
    enum errc code = ERR_OK;
    if (asked->workflow.size > 0) {
        code = figures_require_workflow(store, asked->workflow, arena, err);
    }
    if (code == ERR_OK) {
        code = figures_create_costs(store, settings, asked, err);
    }
    for (size_t i = 0; i < COUNT_OF(steps) && code == ERR_OK; i++) {
        code = steps[i](&reading, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    drivers_json(&drivers, asked, out);
    return text_is_full(out)
               ? err_set(err, ERR_LIMIT, "the answer does not fit %zu bytes", out->size_max)
               : ERR_OK;
}
