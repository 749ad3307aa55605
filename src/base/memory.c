#include "base/memory.h"

#include <malloc.h>
#include <stdlib.h>

#include "base/check.h"

void *memory_alloc(size_t count, size_t size)
{
    CHECK(count > 0);
    CHECK(size > 0);
    void *object = calloc(count, size);
    CHECK(object != NULL);
    return object;
}

void memory_free(void *object)
{
    free(object);
}

void memory_keep_freed(void)
{
    enum { OWN_MAPPING_BYTES_MIN = 32 << 20, KEPT_BYTES_MAX = 256 << 20 };
    (void)mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES_MIN); /* hints; other allocators have none */
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES_MAX);
}
