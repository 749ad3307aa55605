/* fingerprint: any bytes; and a text that another one holds shares every fingerprint with it. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fingerprint.h"

enum { INPUT_BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has(const struct fingerprints *prints, uint64_t hash)
{
    for (size_t i = 0; i < prints->count; i++) {
        if (prints->hashes[i] == hash) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct str before =
        STR_STATIC("nine words that come before the text of another\n");
    if (size == 0 || size > INPUT_BYTES_MAX) {
        return 0;
    }
    char *const bytes =
        malloc(before.size + size); /* to the byte, so that a read behind is found */
    CHECK(bytes != NULL);
    memcpy(bytes, before.data, before.size);
    memcpy(bytes + before.size, data, size);
    static struct fingerprints text;
    static struct fingerprints longer;
    fingerprints_clear(&text);
    fingerprints_clear(&longer);
    fingerprints_add(&text, (struct str){bytes + before.size, size});
    fingerprints_add(&longer, (struct str){bytes, before.size + size});
    CHECK(text.count <= FINGERPRINTS_MAX);
    CHECK(longer.count <= FINGERPRINTS_MAX);
    CHECK(longer.words == text.words + 9);
    CHECK(text.words >= FINGERPRINT_WORDS || text.count == 0);
    CHECK(text.words < FINGERPRINT_WORDS || text.count > 0);
    if (text.words >= FINGERPRINT_RUN_WORDS && longer.mask == 0) {
        CHECK(text.mask == 0);
        for (size_t i = 0; i < text.count; i++) {
            CHECK(has(&longer, text.hashes[i]));
        }
    }
    free(bytes);
    return 0;
}
