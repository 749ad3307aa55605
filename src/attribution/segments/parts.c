/* The difference of two costs per outcome in five parts. */
#include <math.h>

#include "attribution/segments/segments.h"
#include "base/check.h"

/*
 * A side in factors: cost per outcome = cases per outcome x sum over kinds of share of the cases x
 * (attempts a case x (fees + sum over models of share x (prompt + reply)) + people). Prompt and
 * reply are what an attempt would cost were all of its calls made to that model.
 */
struct kind {
    double share; /* of the cases */
    double attempts;
    double fees; /* of an attempt: tools */
    double people;
    double mix[SEGMENTS_MODELS_MAX]; /* shares of the calls */
    double prompt[SEGMENTS_MODELS_MAX];
    double reply[SEGMENTS_MODELS_MAX];
};

struct factors {
    double cases; /* an outcome */
    struct kind kinds[SEGMENTS_KINDS];
};

static double per(double amount, double count)
{
    return count > 0 ? amount / count : 0;
}

static void kind_factors(const struct segments_work *w, double cases, size_t models,
                         struct kind *out)
{
    double calls = 0;
    double usd = 0;
    for (size_t m = 0; m < models; m++) {
        calls += w->calls[m];
        usd += w->call_usd[m];
    }
    const double calls_per_attempt = per(calls, w->attempts);
    *out = (struct kind){.share = w->cases / cases,
                         .attempts = per(w->attempts, w->cases),
                         .fees = per(w->agent_usd - usd, w->attempts),
                         .people = per(w->people_usd, w->cases)};
    for (size_t m = 0; m < models; m++) {
        out->mix[m] = per(w->calls[m], calls);
        out->prompt[m] = per(w->prompt_usd[m], w->calls[m]) * calls_per_attempt;
        out->reply[m] = per(w->call_usd[m] - w->prompt_usd[m], w->calls[m]) * calls_per_attempt;
    }
}

static double side_cases(const struct segments_side *s)
{
    double cases = 0;
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
        cases += s->kinds[k].cases;
    }
    return cases;
}

static void side_factors(const struct segments_side *s, size_t models, struct factors *out)
{
    const double cases = side_cases(s);
    CHECK(cases >= s->resolved);
    out->cases = cases / s->resolved;
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
        kind_factors(&s->kinds[k], cases, models, &out->kinds[k]);
    }
}

/* A kind of case, or a model, that one side does not have is there as it is on the other: all it
 * changes is the share. */
static void fill_absent(struct kind *lacking, const struct kind *having, size_t models)
{
    if (!(lacking->share > 0)) {
        *lacking = *having;
        lacking->share = 0;
    }
    for (size_t m = 0; m < models; m++) {
        if (!(lacking->mix[m] > 0)) {
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
    double sum = 0;
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
        double attempt = base->kinds[k].fees;
        for (size_t m = 0; m < models; m++) {
            attempt +=
                mix->kinds[k].mix[m] * (context->kinds[k].prompt[m] + base->kinds[k].reply[m]);
        }
        sum +=
            retry->kinds[k].share * (retry->kinds[k].attempts * attempt + human->kinds[k].people);
    }
    return retry->cases * sum;
}

static double cost_per_outcome(const struct segments_side *s)
{
    double usd = 0;
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
        usd += s->kinds[k].agent_usd + s->kinds[k].people_usd;
    }
    return usd / s->resolved;
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
    for (size_t k = 0; k < SEGMENTS_KINDS; k++) {
        fill_absent(&factors_a.kinds[k], &factors_b.kinds[k], models);
        fill_absent(&factors_b.kinds[k], &factors_a.kinds[k], models);
    }
    double value[1 << SEGMENTS_PARTS];
    for (size_t mask = 0; mask < COUNT_OF(value); mask++) {
        value[mask] = worth(&factors_a, &factors_b, models, mask);
    }
    stats_shapley(value, SEGMENTS_PARTS, out);
    double sum = 0;
    for (size_t i = 0; i < SEGMENTS_PARTS; i++) {
        sum += out[i];
    }
    const double left = cost_per_outcome(a);
    const double right = cost_per_outcome(b);
    CHECK(fabs(sum - (left - right)) <= 1e-9 * (1 + fabs(left) + fabs(right)));
    return left - right;
}
