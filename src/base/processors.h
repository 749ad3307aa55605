/* processors: how many threads are worth having. */
#ifndef BASE_PROCESSORS_H
#define BASE_PROCESSORS_H

/* Processors that this process may run on, at least 1: where it is pinned to some, only those. */
int processors_count(void);

#endif
