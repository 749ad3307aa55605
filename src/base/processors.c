#include "base/processors.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

int processors_count(void)
{
    cpu_set_t set; /* too small for the machine: an error */
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        return CPU_COUNT(&set);
    }
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

void processors_give_way(void)
{
    enum {
        NICE = 14
    }; /* at 19 another program that computes keeps the ledger waiting for seconds */
    /* Linux: of a thread, by its number. Elsewhere nothing is lost but the order. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
}
