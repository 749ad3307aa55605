#include "ledger/sums.h"

#include <stdbool.h>

#include "base/check.h"

static const struct {
    enum sum_class first, last;
} groups[] = {{SUM_INPUT_UNCACHED, SUM_INPUT_IMAGE}, {SUM_OUTPUT, SUM_OUTPUT_AUDIO}};

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void take_alike(struct sum_call *call, struct sum_reading *reading)
{
    for (int i = 0; i < SUM_CLASS_COUNT; i++) {
        const int64_t part = lesser(call->left[i], reading->left[i]);
        call->left[i] -= part;
        reading->left[i] -= part;
    }
}

/* Classes of a group off each other, in their order. */
static void take_group(struct sum_call *call, struct sum_reading *reading, enum sum_class first,
                       enum sum_class last)
{
    for (int of_call = (int)first; of_call <= (int)last; of_call++) {
        for (int i = (int)first; i <= (int)last && call->left[of_call] > 0; i++) {
            const int64_t part = lesser(call->left[of_call], reading->left[i]);
            call->left[of_call] -= part;
            reading->left[i] -= part;
        }
    }
}

static void take(struct sum_call *call, struct sum_reading *reading, bool alike)
{
    if (alike) {
        take_alike(call, reading);
        return;
    }
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        take_group(call, reading, groups[i].first, groups[i].last);
    }
}

void ledger_residue(struct sum_call *calls, size_t call_count, struct sum_reading *readings,
                    size_t reading_count)
{
    int64_t longest_ns = 0;
    for (size_t i = 0; i < reading_count; i++) {
        CHECK(readings[i].from_ns <= readings[i].to_ns);
        const int64_t size_ns = readings[i].to_ns - readings[i].from_ns;
        longest_ns = size_ns > longest_ns ? size_ns : longest_ns;
    }
    for (int pass = 0; pass < 2; pass++) {
        size_t first = 0;
        for (size_t c = 0; c < call_count; c++) {
            const int64_t at_ns = calls[c].at_ns;
            CHECK(c == 0 || calls[c - 1].at_ns <= at_ns);
            while (first < reading_count && readings[first].to_ns + SUM_SLACK_NS < at_ns) {
                first++;
            }
            for (size_t i = first;
                 i < reading_count && readings[i].to_ns <= at_ns + longest_ns + SUM_SLACK_NS; i++) {
                if (readings[i].from_ns - SUM_SLACK_NS <= at_ns) {
                    take(&calls[c], &readings[i], pass == 0);
                }
            }
        }
    }
}
