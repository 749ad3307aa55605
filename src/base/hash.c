#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"

uint64_t hash64(struct str text)
{
    return XXH3_64bits(text.data, text.size);
}

static struct hash128 from_xxh(XXH128_hash_t value)
{
    return (struct hash128){value.low64, value.high64};
}

struct hash128 hash128(struct str text)
{
    return from_xxh(XXH3_128bits(text.data, text.size));
}

enum {
    PART_BYTES_MAX = 64, /* as it is; a longer one stands in by its own hash */
    PARTS_BYTES_MAX = HASH_PARTS_MAX * (PART_BYTES_MAX + sizeof(uint64_t)),
};

static struct hash128 hash_group(const struct str *parts, size_t count)
{
    unsigned char buffer[PARTS_BYTES_MAX];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct str part = parts[i];
        unsigned char digest[sizeof(struct hash128)];
        const uint64_t size = part.size;
        if (part.size > PART_BYTES_MAX) {
            const struct hash128 inner = hash128(part);
            memcpy(digest, &inner, sizeof digest);
            part = (struct str){(const char *)digest, sizeof digest};
        }
        CHECK(used + sizeof size + part.size <= sizeof buffer);
        memcpy(buffer + used, &size, sizeof size);
        used += sizeof size;
        if (part.size > 0) {
            memcpy(buffer + used, part.data, part.size);
            used += part.size;
        }
    }
    return from_xxh(XXH3_128bits(buffer, used));
}

struct hash128 hash128_parts(const struct str *parts, size_t count)
{
    CHECK(parts != NULL);
    if (count <= HASH_PARTS_MAX) {
        return hash_group(parts, count);
    }
    struct hash128 so_far = hash_group(parts, HASH_PARTS_MAX);
    for (size_t done = HASH_PARTS_MAX; done < count;) { /* each group begins with what was before */
        struct str group[HASH_PARTS_MAX] = {{(const char *)&so_far, sizeof so_far}};
        size_t size = 1;
        while (size < HASH_PARTS_MAX && done < count) {
            group[size++] = parts[done++];
        }
        so_far = hash_group(group, size);
    }
    return so_far;
}
