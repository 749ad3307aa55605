#include "ledger/ledger.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"

struct sum {
    const struct ledger_entry *entry; /* any of the group; NULL: a free slot */
    money_sum amount_pusd;
};

int32_t ledger_day(int64_t time_ns)
{
    if (time_ns == LEDGER_NULL) {
        return LEDGER_DAY_UNKNOWN;
    }
    return (int32_t)(time_ns / CLOCK_NS_PER_DAY - (time_ns % CLOCK_NS_PER_DAY < 0));
}

static bool same_group(const struct ledger_entry *a, const struct ledger_entry *b)
{
    return a->day == b->day && str_equal(a->workflow, b->workflow) &&
           str_equal(a->provider, b->provider);
}

static struct sum *find(struct sum *sums, size_t slots, const struct ledger_entry *entry)
{
    const struct str day = {(const char *)&entry->day, sizeof entry->day};
    size_t at = (size_t)hash64_of(day, entry->workflow, entry->provider) & (slots - 1);
    while (sums[at].entry != NULL && !same_group(sums[at].entry, entry)) {
        at = (at + 1) & (slots - 1);
    }
    return &sums[at];
}

static struct sum *new_sums(struct arena *arena, size_t slots)
{
    return arena_new(arena, struct sum, slots);
}

/* Double the table when it is half full. NULL: the arena is full. */
static struct sum *grow(struct sum *sums, size_t *slots, struct arena *arena)
{
    struct sum *wider = new_sums(arena, *slots * 2);
    if (wider != NULL) {
        for (size_t i = 0; i < *slots; i++) {
            if (sums[i].entry != NULL) {
                *find(wider, *slots * 2, sums[i].entry) = sums[i];
            }
        }
        *slots *= 2;
    }
    return wider;
}

/* Debit and credit of one group. */
static void post(const struct sum *sum, int32_t import_id, size_t number,
                 struct ledger_postings rows[static 2])
{
    const struct ledger_postings debit = {
        .transaction_id = ((int64_t)import_id << 32) + (int64_t)number,
        .import_id = import_id,
        .day = sum->entry->day,
        .account = ACCOUNT_EXPENSE,
        .workflow = sum->entry->workflow,
        .provider = sum->entry->provider,
        .amount_pusd = sum->amount_pusd,
    };
    rows[0] = debit;
    rows[1] = debit;
    rows[1].account = ACCOUNT_PAYABLE;
    rows[1].amount_pusd = -sum->amount_pusd;
}

enum errc ledger_post(const struct ledger_entries *entries, int32_t import_id, struct arena *arena,
                      struct ledger_posted *out, struct err *err)
{
    CHECK(entries != NULL);
    CHECK(import_id > 0);
    CHECK(arena != NULL);
    CHECK(out != NULL);

    size_t slots = 64;
    size_t groups = 0;
    struct sum *sums = new_sums(arena, slots);
    for (size_t i = 0; i < entries->count && sums != NULL; i++) {
        const struct ledger_entry *entry = &entries->rows[i];
        CHECK(entry->amount_pusd != LEDGER_NULL);
        struct sum *sum = find(sums, slots, entry);
        groups += sum->entry == NULL;
        sum->entry = sum->entry == NULL ? entry : sum->entry;
        sum->amount_pusd += entry->amount_pusd;
        if (groups * 2 > slots) {
            sums = grow(sums, &slots, arena);
        }
    }
    struct ledger_postings *rows =
        sums != NULL ? arena_new(arena, struct ledger_postings, groups * 2 + 2) : NULL;
    if (rows == NULL) {
        return err_set(err, ERR_LIMIT, "posting %zu entries needs more than the %zu bytes allowed",
                       entries->count, arena->size_max);
    }
    size_t count = 0;
    for (size_t i = 0; i < slots; i++) {
        if (sums[i].entry != NULL && sums[i].amount_pusd != 0) {
            post(&sums[i], import_id, count / 2 + 1, &rows[count]);
            count += 2;
        }
    }
    *out = (struct ledger_posted){.rows = rows, .count = count};
    return ERR_OK;
}
