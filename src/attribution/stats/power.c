#include <math.h>

#include "attribution/stats/stats.h"
#include "base/check.h"

static double spread(double p)
{
    return p * (1 - p);
}

static int64_t whole_trials(double trials)
{
    if (!(trials < (double)STATS_TRIALS_MAX)) {
        return STATS_TRIALS_MAX;
    }
    return trials > 1 ? (int64_t)ceil(trials) : 1;
}

int64_t stats_sample_size_non_inferior(double p_a, double p_b, double margin, double power)
{
    CHECK(p_a >= 0);
    CHECK(p_a <= 1);
    CHECK(p_b >= 0);
    CHECK(p_b <= 1);
    CHECK(power > 0);
    CHECK(power < 1);
    CHECK(margin >= 0);
    const double room = p_a - p_b + margin;
    /* 0.80 - 0.85 + 0.05 is 4e-17: rounding is no room. */
    if (!(room > 1e-12)) {
        return 0;
    }
    const double root =
        (STATS_Z95 + stats_normal_quantile(power)) * sqrt(spread(p_a) + spread(p_b));
    return whole_trials(pow(root / room, 2));
}
