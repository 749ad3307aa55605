#include "base/processors.h"

#include <sched.h>
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
