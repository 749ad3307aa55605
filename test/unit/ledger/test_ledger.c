/* ledger: postings are pairs that balance, one pair a day, workflow and provider.
 * Entries by hand; sums beyond 64 bits; reversals that cancel. */
#include "ledger/ledger.h"

#include "base/clock.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

static struct ledger_entry entry(int32_t day, const char *workflow, const char *provider,
                                 int64_t amount)
{
    return (struct ledger_entry){day, str_from(workflow), str_from(provider), amount};
}

static bool post(struct ledger_entry *rows, size_t count, struct arena *arena,
                 struct ledger_posted *out)
{
    struct err err;
    const struct ledger_entries entries = {rows, count, count};
    return ledger_post(&entries, 7, arena, out, &err) == ERR_OK;
}

static void no_entries_make_no_postings(void)
{
    struct arena arena;
    struct ledger_posted posted = {0};
    arena_init(&arena, ARENA_BYTES);
    const bool ok = post(NULL, 0, &arena, &posted);
    arena_deinit(&arena);
    EXPECT(ok);
    EXPECT(posted.count == 0);
}

static void a_sum_is_debited_and_credited_once(void)
{
    struct ledger_entry rows[] = {
        entry(20000, "claims", "openai", INT64_MAX), entry(20000, "claims", "openai", INT64_MAX),
        entry(20001, "claims", "openai", 5), entry(20000, "claims", "anthropic", 6)};
    struct arena arena;
    struct ledger_posted posted = {0};
    arena_init(&arena, ARENA_BYTES);
    bool found = false;
    bool balanced = true;
    const bool ok = post(rows, COUNT_OF(rows), &arena, &posted);
    for (size_t i = 0; ok && i + 1 < posted.count; i += 2) {
        const struct ledger_postings *debit = &posted.rows[i];
        const struct ledger_postings *credit = &posted.rows[i + 1];
        balanced = balanced && debit->amount_pusd + credit->amount_pusd == 0 &&
                   debit->transaction_id == credit->transaction_id && debit->import_id == 7 &&
                   debit->account == ACCOUNT_EXPENSE && credit->account == ACCOUNT_PAYABLE;
        found = found || debit->amount_pusd == (money_sum)INT64_MAX * 2;
    }
    arena_deinit(&arena);
    EXPECT(ok);
    EXPECT(posted.count == 6);
    EXPECT(balanced);
    EXPECT(found);
}

static void a_reversal_that_cancels_leaves_no_posting(void)
{
    struct ledger_entry rows[] = {entry(1, "w", "p", 100), entry(1, "w", "p", -100)};
    struct arena arena;
    struct ledger_posted posted = {0};
    arena_init(&arena, ARENA_BYTES);
    const bool ok = post(rows, COUNT_OF(rows), &arena, &posted);
    arena_deinit(&arena);
    EXPECT(ok);
    EXPECT(posted.count == 0);
}

static void many_groups_are_kept_apart(void)
{
    enum { GROUPS = 1000 };
    static struct ledger_entry rows[GROUPS * 2];
    for (int i = 0; i < GROUPS; i++) {
        rows[i] = entry(i, "w", "p", i + 1);
        rows[GROUPS + i] = entry(i, "w", "p", i + 1);
    }
    struct arena arena;
    struct ledger_posted posted = {0};
    arena_init(&arena, ARENA_BYTES);
    money_sum debits = 0;
    const bool ok = post(rows, COUNT_OF(rows), &arena, &posted);
    for (size_t i = 0; ok && i < posted.count; i += 2) {
        debits += posted.rows[i].amount_pusd;
    }
    arena_deinit(&arena);
    EXPECT(ok);
    EXPECT(posted.count == (size_t)GROUPS * 2);
    EXPECT(debits == (money_sum)GROUPS * (GROUPS + 1));
}

static void a_day_begins_at_midnight_utc_on_both_sides_of_the_epoch(void)
{
    EXPECT(ledger_day(0) == 0);
    EXPECT(ledger_day(-1) == -1);
    EXPECT(ledger_day(-CLOCK_NS_PER_DAY) == -1);
    EXPECT(ledger_day(CLOCK_NS_PER_DAY) == 1);
    EXPECT(ledger_day(LEDGER_NULL) == LEDGER_DAY_UNKNOWN);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(no_entries_make_no_postings),
        TEST(a_sum_is_debited_and_credited_once),
        TEST(a_reversal_that_cancels_leaves_no_posting),
        TEST(many_groups_are_kept_apart),
        TEST(a_day_begins_at_midnight_utc_on_both_sides_of_the_epoch),
    };
    return test_main(tests, COUNT_OF(tests));
}
