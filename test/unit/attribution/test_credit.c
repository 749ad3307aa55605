/* credit: shares worked by hand, and that they always add up. */
#include <math.h>

#include "attribution/credit.h"
#include "base/check.h"
#include "base/rng.h"
#include "support/test.h"

enum { TRIAGE = 1, DRAFT = 2, REVIEW = 4 };

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static void an_unobserved_coalition_is_worth_its_best_observed_part(void)
{
    const struct credit_coalition rows[] = {{TRIAGE, 10, 2}, {DRAFT, 10, 5}};
    double worth[8];
    credit_worth(rows, COUNT_OF(rows), 3, worth);
    EXPECT(near(worth[0], 0));
    EXPECT(near(worth[TRIAGE], 0.2));
    EXPECT(near(worth[TRIAGE | DRAFT], 0.5));
    EXPECT(near(worth[REVIEW], 0));
    EXPECT(near(worth[TRIAGE | DRAFT | REVIEW], 0.5));
}

static void an_observed_coalition_may_do_worse_than_its_parts(void)
{
    const struct credit_coalition rows[] = {{TRIAGE, 10, 8}, {TRIAGE | DRAFT, 10, 4}};
    double worth[4];
    double shares[2];
    credit_worth(rows, COUNT_OF(rows), 2, worth);
    EXPECT(near(worth[TRIAGE | DRAFT], 0.4));
    credit_shares(worth, TRIAGE | DRAFT, 2, shares);
    EXPECT(near(shares[0], 1.5)); /* (0.8 + 0.4) / 2 over 0.4 */
    EXPECT(near(shares[1], -0.5));
}

static void nobody_at_all_has_no_share(void)
{
    const double worth[] = {0, 0.5};
    double shares[1] = {7};
    credit_shares(worth, 0, 1, shares);
    EXPECT(near(shares[0], 0));
}

static void a_coalition_that_never_succeeds_is_shared_equally(void)
{
    const double worth[8] = {0};
    double shares[3];
    credit_shares(worth, TRIAGE | REVIEW, 3, shares);
    EXPECT(near(shares[0], 0.5));
    EXPECT(near(shares[1], 0));
    EXPECT(near(shares[2], 0.5));
}

static void three_players_have_the_shares_worked_by_hand(void)
{
    /* v(T)=0.1 v(D)=0.3 v(R)=0 v(TD)=0.6 v(TR)=0.2 v(DR)=0.4 v(TDR)=0.9 */
    const struct credit_coalition rows[] = {{TRIAGE, 10, 1},
                                            {DRAFT, 10, 3},
                                            {REVIEW, 10, 0},
                                            {TRIAGE | DRAFT, 10, 6},
                                            {TRIAGE | REVIEW, 10, 2},
                                            {DRAFT | REVIEW, 10, 4},
                                            {TRIAGE | DRAFT | REVIEW, 10, 9}};
    double worth[8];
    double shares[3];
    credit_worth(rows, COUNT_OF(rows), 3, worth);
    credit_shares(worth, 7, 3, shares);
    /* T: (2*0.1 + (0.6-0.3) + (0.2-0) + 2*(0.9-0.4)) / 6 = 1.7/6; D: 2.6/6... */
    EXPECT(near(shares[0], 1.7 / 6 / 0.9));
    EXPECT(near(shares[1], (2 * 0.3 + 0.5 + 0.4 + 2 * 0.7) / 6 / 0.9));
    EXPECT(near(shares[2], (0 + 0.1 + 0.1 + 2 * 0.3) / 6 / 0.9));
    EXPECT(near(shares[0] + shares[1] + shares[2], 1));
}

static void the_parts_of_an_amount_always_sum_to_it(void)
{
    struct rng rng;
    rng_init(&rng, 4);
    for (int round = 0; round < 2000; round++) {
        double shares[CREDIT_PLAYERS_MAX];
        money_sum parts[CREDIT_PLAYERS_MAX];
        const size_t players = 1 + (size_t)rng_below(&rng, CREDIT_PLAYERS_MAX);
        double sum = 0;
        for (size_t i = 0; i < players; i++) {
            shares[i] = rng_unit(&rng) - 0.2;
            sum += shares[i];
        }
        for (size_t i = 0; i < players; i++) {
            shares[i] = sum != 0 ? shares[i] / sum : 1.0 / (double)players;
        }
        const money_sum amount =
            (money_sum)rng_below(&rng, UINT64_MAX) * (money_sum)(1 + rng_below(&rng, 1000));
        credit_split(amount, shares, players, parts);
        money_sum total = 0;
        for (size_t i = 0; i < players; i++) {
            total += parts[i];
        }
        EXPECT(total == amount);
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(an_unobserved_coalition_is_worth_its_best_observed_part),
        TEST(an_observed_coalition_may_do_worse_than_its_parts),
        TEST(nobody_at_all_has_no_share),
        TEST(a_coalition_that_never_succeeds_is_shared_equally),
        TEST(three_players_have_the_shares_worked_by_hand),
        TEST(the_parts_of_an_amount_always_sum_to_it),
    };
    return test_main(tests, COUNT_OF(tests));
}
