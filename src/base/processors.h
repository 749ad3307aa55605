/* processors: how many threads are worth having, and which go first. */
#ifndef BASE_PROCESSORS_H
#define BASE_PROCESSORS_H

/* Processors that this process may run on, at least 1: where it is pinned to some, only those. */
int processors_count(void);

/* From here on the calling thread runs where others leave processors idle, and has a
 * twentieth of one where they do not. */
void processors_give_way(void);

#endif
