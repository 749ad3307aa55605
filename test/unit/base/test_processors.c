/* processors: what the process may use, not what the machine has. */
#include "base/processors.h"

#include <sched.h>

#include "support/test.h"

static void a_process_that_is_pinned_to_one_processor_has_one(void)
{
    cpu_set_t before;
    cpu_set_t one;
    CPU_ZERO(&one);
    CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
    const int all = processors_count();
    size_t first = 0;
    while (!CPU_ISSET(first, &before)) {
        first++;
    }
    CPU_SET(first, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    const int pinned = processors_count();
    CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
    EXPECT(all == CPU_COUNT(&before));
    EXPECT(pinned == 1);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_process_that_is_pinned_to_one_processor_has_one),
    };
    return test_main(tests, COUNT_OF(tests));
}
