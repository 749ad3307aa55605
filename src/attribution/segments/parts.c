/* The difference of two costs per outcome in five parts. */
#include <math.h>

#include "attribution/segments/segments.h"
#include "base/check.h"

/* The five factors of a side: cost per outcome = attempts per outcome x (fees + sum over models of
 * share x (prompt + reply)) + people. Each of the two amounts is what an attempt would cost were
 * all of its calls made to that model. */
struct factors {
    double attempts;
    double fees;
    double people;
    double share[SEGMENTS_MODELS_MAX];
    double prompt[SEGMENTS_MODELS_MAX];
    double reply[SEGMENTS_MODELS_MAX];
};

static double per(double amount, double count)
{
    return count > 0 ? amount / count : 0;
}

static void side_factors(const struct segments_side *s, size_t models, struct factors *out)
{
    double calls = 0;
    double usd = 0;
    for (size_t m = 0; m < models; m++) {
        calls += s->calls[m];
        usd += s->call_usd[m];
    }
    const double calls_per_attempt = per(calls, s->attempts);
    *out = (struct factors){.attempts = s->attempts / s->resolved,
                            .fees = per(s->agent_usd - usd, s->attempts),
                            .people = s->people_usd / s->resolved};
    for (size_t m = 0; m < models; m++) {
        out->share[m] = per(s->calls[m], calls);
        out->prompt[m] = per(s->prompt_usd[m], s->calls[m]) * calls_per_attempt;
        out->reply[m] = per(s->call_usd[m] - s->prompt_usd[m], s->calls[m]) * calls_per_attempt;
    }
}

/* A model that one side does not use costs there what it costs the other: all it changes is the
 * mix. */
static void fill_absent(struct factors *a, struct factors *b, size_t models)
{
    for (size_t m = 0; m < models; m++) {
        struct factors *const lacking = !(a->share[m] > 0) ? a : b;
        const struct factors *const having = lacking == a ? b : a;
        if (!(lacking->share[m] > 0)) {
            lacking->prompt[m] = having->prompt[m];
            lacking->reply[m] = having->reply[m];
        }
    }
}

/* Bit i of the mask: part i is that of a, else of b. */
static double worth(const struct factors *a, const struct factors *b, size_t models, size_t mask)
{
    const struct factors *const base = mask >> SEGMENTS_BASE & 1 ? a : b;
    const struct factors *const retry = mask >> SEGMENTS_RETRY & 1 ? a : b;
    const struct factors *const context = mask >> SEGMENTS_CONTEXT & 1 ? a : b;
    const struct factors *const mix = mask >> SEGMENTS_MODEL_MIX & 1 ? a : b;
    const struct factors *const human = mask >> SEGMENTS_HUMAN & 1 ? a : b;
    double attempt = base->fees;
    for (size_t m = 0; m < models; m++) {
        attempt += mix->share[m] * (context->prompt[m] + base->reply[m]);
    }
    return retry->attempts * attempt + human->people;
}

double segments_decompose(const struct segments_side *a, const struct segments_side *b,
                          size_t models, double *out)
{
    CHECK(models <= SEGMENTS_MODELS_MAX);
    CHECK(a->resolved > 0);
    CHECK(b->resolved > 0);
    struct factors factors_a;
    struct factors factors_b;
    side_factors(a, models, &factors_a);
    side_factors(b, models, &factors_b);
    fill_absent(&factors_a, &factors_b, models);
    double value[1 << SEGMENTS_PARTS];
    for (size_t mask = 0; mask < COUNT_OF(value); mask++) {
        value[mask] = worth(&factors_a, &factors_b, models, mask);
    }
    stats_shapley(value, SEGMENTS_PARTS, out);
    double sum = 0;
    for (size_t i = 0; i < SEGMENTS_PARTS; i++) {
        sum += out[i];
    }
    const double left = (a->agent_usd + a->people_usd) / a->resolved;
    const double right = (b->agent_usd + b->people_usd) / b->resolved;
    CHECK(fabs(sum - (left - right)) <= 1e-9 * (1 + fabs(left) + fabs(right)));
    return left - right;
}
