/* Whether models were given like work: chi-square over the values of an attribute. */
#include <math.h>

#include "attribution/routing/routing.h"
#include "base/check.h"

enum { TERMS_MAX = 100000 };
#define TINY      1e-300
#define PRECISION 1e-15

/* Q(a, x) by its series (x < a + 1) or continued fraction. */
static double gamma_upper(double a, double x)
{
    const double front = exp(-x + a * log(x) - lgamma(a));
    if (x < a + 1) {
        double term = 1 / a;
        double sum = term;
        for (int n = 1; n < TERMS_MAX && term > sum * PRECISION; n++) {
            term *= x / (a + n);
            sum += term;
        }
        return 1 - sum * front;
    }
    double b = x + 1 - a;
    double c = 1 / TINY;
    double d = 1 / b;
    double h = d;
    for (int n = 1; n < TERMS_MAX; n++) {
        const double an = -n * (n - a);
        b += 2;
        d = an * d + b;
        d = 1 / (fabs(d) < TINY ? TINY : d);
        c = b + an / c;
        c = fabs(c) < TINY ? TINY : c;
        h *= d * c;
        if (fabs(d * c - 1) < PRECISION) {
            break;
        }
    }
    return h * front;
}

double routing_chi_square_p(double statistic, int64_t freedom)
{
    CHECK(freedom >= 0);
    if (freedom == 0 || !(statistic > 0)) {
        return 1;
    }
    const double p = gamma_upper((double)freedom / 2, statistic / 2);
    return p < 0 ? 0 : p > 1 ? 1 : p;
}

/* (observed - expected)^2 / expected of one value over all models. */
static double distance(const int64_t *counts, const int64_t *models_all, size_t models,
                       int64_t total)
{
    int64_t all = 0;
    for (size_t m = 0; m < models; m++) {
        all += counts[m];
    }
    double sum = 0;
    for (size_t m = 0; m < models; m++) {
        const double expected = (double)all * (double)models_all[m] / (double)total;
        const double off = (double)counts[m] - expected;
        sum += expected > 0 ? off * off / expected : 0;
    }
    return sum;
}

struct routing_balance routing_balance(const int64_t *counts, size_t values, size_t models)
{
    CHECK(models <= ROUTING_MODELS_MAX);
    int64_t by_model[ROUTING_MODELS_MAX] = {0};
    int64_t rare[ROUTING_MODELS_MAX] = {0};
    int64_t total = 0;
    for (size_t i = 0; i < values * models; i++) {
        by_model[i % models] += counts[i];
        total += counts[i];
    }
    int64_t least = total;
    int64_t used = 0;
    for (size_t m = 0; m < models; m++) {
        used += by_model[m] > 0;
        least = by_model[m] > 0 && by_model[m] < least ? by_model[m] : least;
    }
    struct routing_balance out = {.p = 1};
    int64_t kept = 0;
    bool rest = false;
    for (size_t v = 0; v < values; v++) {
        const int64_t *const row = &counts[v * models];
        int64_t all = 0;
        for (size_t m = 0; m < models; m++) {
            all += row[m];
        }
        if ((double)all * (double)least >= (double)total && all > 0) {
            out.statistic += distance(row, by_model, models, total);
            kept++;
        } else if (all > 0) {
            rest = true;
            for (size_t m = 0; m < models; m++) {
                rare[m] += row[m];
            }
        }
    }
    if (rest) {
        out.statistic += distance(rare, by_model, models, total);
        kept++;
    }
    if (kept < 2 || used < 2) {
        return (struct routing_balance){.p = 1};
    }
    const int64_t smaller = kept < used ? kept : used;
    out.freedom = (kept - 1) * (used - 1);
    out.p = routing_chi_square_p(out.statistic, out.freedom);
    out.cramer_v = sqrt(out.statistic / (double)total / (double)(smaller - 1));
    return out;
}
