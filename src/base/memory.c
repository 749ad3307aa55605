#include "base/memory.h"

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
