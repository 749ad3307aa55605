#include "base/memory.h"

#include <link.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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

void memory_give_back(void)
{
    (void)malloc_trim(0); /* a hint; other allocators have none */
}

/* Only what cannot be written: the loader's changes to the rest are nowhere else. */
static int drop_object(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    (void)context;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *const part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W) != 0) {
            continue;
        }
        const uintptr_t from = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
        const uintptr_t until = (object->dlpi_addr + part->p_vaddr + part->p_filesz) & ~(page - 1);
        if (until > from) {
            (void)madvise((void *)from, until - from, MADV_DONTNEED); /* a hint */
        }
    }
    return 0;
}

void memory_drop_code(void)
{
    (void)dl_iterate_phdr(drop_object, NULL);
}
