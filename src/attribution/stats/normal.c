#include <math.h>

#include "attribution/stats/stats.h"
#include "base/check.h"

double stats_normal_cdf(double z)
{
    return 0.5 * erfc(-z / sqrt(2));
}

static double polynomial(const double coefficient[8], double x)
{
    double sum = 0;
    for (int i = 7; i >= 0; i--) {
        sum = sum * x + coefficient[i];
    }
    return sum;
}

/* The constants are those of PPND16 in AS 241, lowest power first. */
double stats_normal_quantile(double p)
{
    static const double a[8] = {
        3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
        1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
        3.3430575583588128105e+4, 2.5090809287301226727e+3,
    };
    static const double b[8] = {
        1,
        4.2313330701600911252e+1,
        6.8718700749205790830e+2,
        5.3941960214247511077e+3,
        2.1213794301586595867e+4,
        3.9307895800092710610e+4,
        2.8729085735721942674e+4,
        5.2264952788528545610e+3,
    };
    static const double c[8] = {
        1.42343711074968357734e0,  4.63033784615654529590e0,  5.76949722146069140550e0,
        3.64784832476320460504e0,  1.27045825245236838258e0,  2.41780725177450611770e-1,
        2.27238449892691845833e-2, 7.74545014278341407640e-4,
    };
    static const double d[8] = {
        1,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    };
    static const double e[8] = {
        6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
        2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
        2.71155556874348757815e-5, 2.01033439929228813265e-7,
    };
    static const double f[8] = {
        1,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    };
    CHECK(p > 0);
    CHECK(p < 1);

    const double center = p - 0.5;
    if (fabs(center) <= 0.425) {
        const double r = 0.180625 - center * center;
        return center * polynomial(a, r) / polynomial(b, r);
    }
    const double r = sqrt(-log(center < 0 ? p : 1 - p));
    const double z = r <= 5 ? polynomial(c, r - 1.6) / polynomial(d, r - 1.6)
                            : polynomial(e, r - 5) / polynomial(f, r - 5);
    return center < 0 ? -z : z;
}

/*
 * The continued fraction of the incomplete beta function for x below (a + 1) / (a + b + 2), where
 * it converges in O(sqrt(max(a, b))) steps.
 *
 * Source: NIST Digital Library of Mathematical Functions 8.17.22, evaluated by W. Lentz' method.
 */
static double beta_fraction(double x, double a, double b)
{
    enum { STEPS_MAX = 10000 };
    const double tiny = 1e-300;
    double c = 1;
    double d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m < STEPS_MAX; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        value *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        value *= d * c;
        if (fabs(d * c - 1) < 1e-15) {
            break;
        }
    }
    return value;
}

/* log of gamma((freedom + 1) / 2) / (gamma(freedom / 2) sqrt(pi)): by its recurrence in steps of
 * two, and by Stirling's series, then exact to 1e-16, above. lgamma() would write a global. */
static double log_beta_factor(int freedom)
{
    enum { SERIES_FROM = 1000 };
    const double log_pi = log(acos(-1.0));
    if (freedom >= SERIES_FROM) {
        const double a = freedom / 2.0;
        return 0.5 * (log(a) - log_pi) - 1 / (8 * a) + 1 / (192 * a * a * a);
    }
    /* freedom 1: 1 / pi; freedom 2: gamma(1.5) / (gamma(1) sqrt(pi)) = 1 / 2. */
    double sum = freedom % 2 == 1 ? -log_pi : -log(2);
    for (int k = freedom % 2 == 1 ? 1 : 2; k < freedom; k += 2) {
        sum += log1p(1 / (double)k);
    }
    return sum;
}

double stats_student_p(double t, int freedom)
{
    CHECK(freedom >= 1);
    CHECK(freedom <= STATS_FREEDOM_MAX);

    /* P(|T| > t) = I_x(freedom / 2, 1 / 2) with x = freedom / (freedom + t^2). */
    const double half = freedom / 2.0;
    const double squared = t * t;
    if (!(squared > 0)) {
        return isnan(t) ? NAN : 1;
    }
    if (isinf(squared)) {
        return 0;
    }
    const double x = freedom / (freedom + squared);
    const double rest = squared / (freedom + squared);
    const double front =
        exp(log_beta_factor(freedom) - half * log1p(squared / freedom)) * sqrt(rest);
    if (x < (half + 1) / (half + 2.5)) {
        return front * beta_fraction(x, half, 0.5) / half;
    }
    return 1 - front * beta_fraction(rest, 0.5, half) / 0.5;
}

double stats_student_quantile(double p, int freedom)
{
    enum { HALVINGS = 200 };
    CHECK(p > 0);
    CHECK(p < 1);

    const double tail = 2 * (p < 0.5 ? p : 1 - p);
    if (!(tail < 1)) {
        return 0;
    }
    double low = 0;
    double high = 1;
    for (int i = 0; i < HALVINGS && stats_student_p(high, freedom) > tail; i++) {
        low = high;
        high *= 2;
    }
    for (int i = 0; i < HALVINGS && low < high; i++) {
        const double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) {
            break;
        }
        if (stats_student_p(middle, freedom) > tail) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return p < 0.5 ? -high : high;
}
