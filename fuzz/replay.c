/*
 * replay: feeds a fuzzer every file of its corpus, without libFuzzer and with any compiler.
 *
 * Each file is given whole, cut short at CUTS places, and with single bytes damaged by a seeded
 * generator, so that a GCC build with sanitizers still walks the error paths. A crash is the
 * failure; what a target finds wrong it reports by CHECK. usage: replay_<name> FOLDER
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/rng.h"

enum { CUTS = 16, DAMAGED = 64, FILE_BYTES_MAX = 16 << 20, DAMAGED_BYTES_MAX = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A buffer of exactly `size` bytes, so that reading one byte too many is seen. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    CHECK(exact != NULL);
    if (size > 0) {
        memcpy(exact, data, size);
    }
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void feed_variants(uint8_t *data, size_t size)
{
    struct rng rng;
    rng_init(&rng, hash64((struct str){(const char *)data, size}));
    feed(data, size);
    for (size_t i = 0; i < CUTS; i++) {
        feed(data, size * i / CUTS);
    }
    for (size_t i = 0; i < DAMAGED && size > 0 && size <= DAMAGED_BYTES_MAX; i++) {
        uint8_t *const place = &data[rng_below(&rng, size)];
        const uint8_t kept = *place;
        *place = (uint8_t)rng_below(&rng, 256);
        feed(data, size);
        *place = kept;
    }
}

/* False when the file cannot be read whole. */
static bool replay_file(const char *folder, const char *name)
{
    static uint8_t data[FILE_BYTES_MAX];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    const size_t size = fread(data, 1, sizeof data, file);
    const bool whole = feof(file) != 0;
    fclose(file);
    if (!whole) {
        fprintf(stderr, "%s: not read to its end; at most %d bytes\n", path, FILE_BYTES_MAX);
        return false;
    }
    fprintf(stderr, "%s\n", path); /* the last line before a crash names the input */
    feed_variants(data, size);
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return EXIT_FAILURE;
    }
    struct dirent **entries = NULL;
    const int count = scandir(argv[1], &entries, NULL, alphasort);
    int replayed = 0;
    bool ok = true;
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            ok = replay_file(argv[1], entries[i]->d_name) && ok;
            replayed++;
        }
        free(entries[i]);
    }
    free(entries);
    if (replayed == 0) {
        fprintf(stderr, "%s: no corpus\n", argv[1]);
        return EXIT_FAILURE;
    }
    printf("%d files\n", replayed);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
