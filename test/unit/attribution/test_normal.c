/* normal: the normal distribution and Student's t hold against printed values.
 * Wichura's own check values (Applied Statistics 37, 1988, page 479), and the t table of Fisher and
 * Yates to more digits, from the closed forms of 1, 2, 3 and 4 degrees of freedom. */
#include <math.h>

#include "attribution/stats/stats.h"
#include "support/test.h"

static void the_quantile_is_wichuras(void)
{
    static const struct {
        double p;
        double z;
    } table[] = {
        {0.25, -0.6744897501960817}, {0.001, -3.090232306167814},
        {1e-20, -9.262340089798408}, {0.75, 0.6744897501960817},
        {0.975, STATS_Z95},          {0.8, 0.8416212335729142},
        {0.9, 1.2815515655446004},   {0.5, 0},
        {0.995, 2.5758293035489004},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const double z = stats_normal_quantile(table[i].p);
        EXPECT(fabs(z - table[i].z) <= 1e-9);
    }
}

static void the_quantile_undoes_the_distribution(void)
{
    for (double z = -8; z < 5; z += 0.0625) {
        EXPECT(fabs(stats_normal_quantile(stats_normal_cdf(z)) - z) < 1e-9);
    }
    EXPECT(fabs(stats_normal_cdf(1) - 0.8413447460685429) < 1e-15);
    EXPECT(fabs(stats_normal_cdf(-6) / 9.865876450376946e-10 - 1) < 1e-12);
}

/* P(|T| > t) in closed form, Johnson, Kotz and Balakrishnan volume 2, section 28.2. */
static double student_exact(double t, int freedom)
{
    const double pi = acos(-1.0);
    const double angle = atan(t / sqrt(freedom));
    const double s = sin(angle);
    const double c = cos(angle);
    switch (freedom) {
    case 1:
        return 1 - 2 * angle / pi;
    case 2:
        return 1 - s;
    case 3:
        return 1 - 2 / pi * (angle + s * c);
    default:
        return 1 - s * (1 + c * c / 2);
    }
}

static void few_degrees_of_freedom_have_closed_forms(void)
{
    for (int freedom = 1; freedom <= 4; freedom++) {
        for (double t = 0.01; t < 30; t *= 1.3) {
            EXPECT(fabs(stats_student_p(t, freedom) - student_exact(t, freedom)) < 1e-13);
            EXPECT(fabs(stats_student_p(-t, freedom) - student_exact(t, freedom)) < 1e-13);
        }
    }
}

static void the_t_table_is_the_printed_one(void)
{
    static const struct {
        int freedom;
        double t; /* 97.5th percentile */
    } table[] = {
        {1, 12.706204736432095},  {2, 4.302652729911275},   {5, 2.570581835636314},
        {10, 2.2281388519649385}, {30, 2.0422724563012373}, {100, 1.9839715184496334},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        EXPECT(fabs(stats_student_quantile(0.975, table[i].freedom) - table[i].t) < 1e-9);
        EXPECT(fabs(stats_student_quantile(0.025, table[i].freedom) + table[i].t) < 1e-9);
        EXPECT(fabs(stats_student_p(table[i].t, table[i].freedom) - 0.05) < 1e-10);
    }
}

static void many_degrees_of_freedom_are_normal_and_the_two_formulas_meet(void)
{
    EXPECT(fabs(stats_student_quantile(0.975, STATS_FREEDOM_MAX) - STATS_Z95) < 1e-5);
    const double below = stats_student_p(2, 999);
    const double at = stats_student_p(2, 1000);
    const double above = stats_student_p(2, 1001);
    /* Smooth over the change from the recurrence to the series: p = p(normal) + c / freedom, c near
     * 0.27, so the second difference is 2 c / freedom^3. */
    EXPECT(fabs(below - 2 * at + above) < 6e-10);
    EXPECT(below > at);
    EXPECT(at > above);
}

static void the_ends_are_exact(void)
{
    EXPECT(fabs(stats_student_p(0, 7) - 1) <= 0);
    EXPECT(fabs(stats_student_p(INFINITY, 7)) <= 0);
    EXPECT(isnan(stats_student_p(NAN, 7)));
    EXPECT(fabs(stats_student_quantile(0.5, 3)) <= 0);
    EXPECT(stats_student_p(1e10, 7) > 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(the_ends_are_exact),
        TEST(the_quantile_is_wichuras),
        TEST(the_quantile_undoes_the_distribution),
        TEST(few_degrees_of_freedom_have_closed_forms),
        TEST(the_t_table_is_the_printed_one),
        TEST(many_degrees_of_freedom_are_normal_and_the_two_formulas_meet),
    };
    return test_main(tests, COUNT_OF(tests));
}
