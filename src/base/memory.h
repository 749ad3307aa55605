/* memory: long-lived objects. malloc failing is this machine's trouble and aborts. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* One zeroed object of `type`, owned by the caller until memory_free(). */
#define memory_new(type)              ((type *)memory_alloc(1, sizeof(type)))
#define memory_new_array(type, count) ((type *)memory_alloc((count), sizeof(type)))
void *memory_alloc(size_t count, size_t size);
void memory_free(void *object);

/* For a program that fills and frees much, over and over, and then ends: freed memory stays with
 * the process, which saves asking the system for each page again. */
void memory_keep_freed(void);

/* For a program that stays: what was freed goes back to the system now, not when the process ends.
 * Takes a millisecond or less where little was freed; other threads may wait for it. */
void memory_give_back(void);

/* For a program that stays: let go of the pages of its code, and its libraries', that the start has
 * touched. What is used again comes back from the page cache, without reading the disk. */
void memory_drop_code(void);

#endif
