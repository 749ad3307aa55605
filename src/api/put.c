#include <math.h>

#include "api/api_priv.h"
#include "base/check.h"
#include "base/clock.h"

const char *method_name(enum method method)
{
    switch (method) {
    case METHOD_DELTA:
        return "delta";
    case METHOD_BOOTSTRAP:
        return "bootstrap";
    }
    CHECK(!"no such method");
    return "";
}

void put_money(struct text *out, const char *name, money_sum amount_pusd)
{
    json_name(out, name);
    json_put_money(out, amount_pusd);
}

void put_count(struct text *out, const char *name, int64_t count)
{
    json_name(out, name);
    json_put_int64(out, count);
}

void put_number(struct text *out, const char *name, double number)
{
    json_name(out, name);
    json_put_double(out, number);
}

void put_str(struct text *out, const char *name, struct str value)
{
    json_name(out, name);
    json_put_str(out, value);
}

void put_time(struct text *out, const char *name, int64_t time_ns, int64_t none)
{
    json_name(out, name);
    if (time_ns == none) {
        json_put_null(out);
        return;
    }
    char text[CLOCK_TEXT_BYTES_MAX];
    const size_t size = clock_print(time_ns, text);
    json_put_str(out, (struct str){text, size});
}

void put_estimate(struct text *out, const char *name, const struct estimate *estimate)
{
    CHECK(estimate->scale > 0);
    const struct stats_interval *const x = &estimate->interval;
    const double scale = estimate->scale;
    json_name(out, name);
    json_open_object(out);
    put_number(out, "value", (x->value - estimate->offset) * scale);
    put_number(out, "low", (x->low - estimate->offset) * scale);
    put_number(out, "high", (x->high - estimate->offset) * scale);
    json_name(out, "n");
    if (estimate->n >= 0) {
        json_put_int64(out, estimate->n);
    } else {
        json_put_null(out); /* no sample: a figure somebody set */
    }
    json_name(out, "basis");
    json_put_text(out, estimate->basis);
    if (estimate->method != NULL && !isnan(x->low)) {
        json_name(out, "method");
        json_put_text(out, estimate->method);
    }
    if (estimate->n >= 0 && estimate->n < STATS_THIN_BELOW) {
        json_name(out, "thin");
        json_put_bool(out, true);
    }
    if (estimate->incomplete) {
        json_name(out, "incomplete");
        json_put_bool(out, true);
    }
    json_close_object(out);
}

void put_request(struct text *out, const char *schema, const struct api_request *request)
{
    json_name(out, "schema");
    json_put_text(out, schema);
    put_time(out, "since", request->since_ns, INT64_MIN);
    put_time(out, "until", request->until_ns, INT64_MAX);
    put_time(out, "as_of", request->as_of_ns, INT64_MAX);
    json_name(out, "bootstrap");
    json_open_object(out);
    put_count(out, "draws", STATS_BOOTSTRAP_DRAWS);
    put_count(out, "seed", (int64_t)STATS_BOOTSTRAP_SEED);
    json_close_object(out);
}
