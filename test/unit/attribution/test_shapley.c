/* shapley: games whose values are known: gloves, the UN Security Council in small, the airport. */
#include <math.h>

#include "attribution/stats/stats.h"
#include "base/rng.h"
#include "support/test.h"

enum { COALITIONS_MAX = 1 << STATS_SHAPLEY_MAX };
static double worth[COALITIONS_MAX];

static int count_bits(size_t x)
{
    return __builtin_popcountll(x);
}

static void one_player_gets_all(void)
{
    static const double value[] = {2, 7};
    double out = 0;
    stats_shapley(value, 1, &out);
    EXPECT(fabs(out - 5) < 1e-12);
}

static void a_lone_glove_is_worth_four_of_six(void)
{
    /* Player 0 has a left glove, 1 and 2 a right one each: 2/3, 1/6, 1/6. */
    double out[3];
    for (size_t s = 0; s < 8; s++) {
        worth[s] = (s & 1) != 0 && (s & 6) != 0;
    }
    stats_shapley(worth, 3, out);
    EXPECT(fabs(out[0] - 2.0 / 3) < 1e-12);
    EXPECT(fabs(out[1] - 1.0 / 6) < 1e-12);
    EXPECT(fabs(out[2] - 1.0 / 6) < 1e-12);
}

static void the_early_security_council_gives_a_veto_its_due(void)
{
    /* 5 vetoes and 5 others, a motion needs all vetoes and 2 others. A veto player is pivotal
     * unless an other is: an other is so when exactly 1 other and all 5 vetoes came before it:
     * 4 * 6! * 3! / 10! = 1 / 210. */
    double out[10];
    for (size_t s = 0; s < COALITIONS_MAX; s++) {
        worth[s] = (s & 31) == 31 && count_bits(s >> 5) >= 2;
    }
    stats_shapley(worth, 10, out);
    for (size_t i = 0; i < 5; i++) {
        EXPECT(fabs(out[5 + i] - 1.0 / 210) < 1e-12);
        EXPECT(fabs(out[i] - (1 - 5.0 / 210) / 5) < 1e-12);
    }
}

static void the_airport_shares_each_stretch_among_those_who_need_it(void)
{
    /* Littlechild and Owen (1973): runways of 8, 11, 13, 18 cost 2, 3, 3 2/3 + ... by stretch. */
    static const double cost[] = {8, 11, 13, 18};
    double out[4];
    for (size_t s = 0; s < 16; s++) {
        worth[s] = 0;
        for (size_t i = 0; i < 4; i++) {
            if ((s >> i & 1) != 0) {
                worth[s] = cost[i];
            }
        }
    }
    stats_shapley(worth, 4, out);
    EXPECT(fabs(out[0] - 2) < 1e-12);
    EXPECT(fabs(out[1] - 3) < 1e-12);
    EXPECT(fabs(out[2] - 4) < 1e-12);
    EXPECT(fabs(out[3] - 9) < 1e-12);
}

static void shares_add_up_and_idle_players_get_nothing(void)
{
    double out[STATS_SHAPLEY_MAX];
    struct rng rng;
    rng_init(&rng, 12);
    for (size_t s = 0; s < COALITIONS_MAX / 2; s++) {
        worth[s] = rng_normal(&rng) * 100;
        worth[s | COALITIONS_MAX / 2] = worth[s]; /* the last player changes nothing */
    }
    stats_shapley(worth, STATS_SHAPLEY_MAX, out);
    double sum = 0;
    for (size_t i = 0; i < STATS_SHAPLEY_MAX; i++) {
        sum += out[i];
    }
    EXPECT(fabs(sum - (worth[COALITIONS_MAX - 1] - worth[0])) < 1e-9);
    EXPECT(fabs(out[STATS_SHAPLEY_MAX - 1]) < 1e-12);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(one_player_gets_all),
        TEST(a_lone_glove_is_worth_four_of_six),
        TEST(the_early_security_council_gives_a_veto_its_due),
        TEST(the_airport_shares_each_stretch_among_those_who_need_it),
        TEST(shares_add_up_and_idle_players_get_nothing),
    };
    return test_main(tests, COUNT_OF(tests));
}
