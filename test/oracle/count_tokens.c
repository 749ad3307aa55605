/*
 * count_tokens: texts on standard input, their tokens on standard output, for
 * test/oracle/tokens.py.
 *
 * A text is its size in bytes, 32 bits of the machine's order, and its bytes; a line has its tokens
 * in o200k_base and cl100k_base. With --time nothing is printed but how long the first took.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "wire/tokens.h"

int main(int argc, char **argv)
{
    const bool is_timed = argc > 1 && strcmp(argv[1], "--time") == 0;
    uint32_t size = 0;
    int64_t spent_ns = 0;
    int64_t longest_ns = 0;
    uint64_t bytes = 0;
    while (fread(&size, sizeof size, 1, stdin) == 1) {
        char *const data = malloc(size > 0 ? size : 1); /* to the byte: a read behind is found */
        CHECK(data != NULL);
        if (fread(data, 1, size, stdin) != size) {
            free(data);
            return EXIT_FAILURE;
        }
        const struct str text = {data, size};
        const int64_t began_ns = clock_monotonic_ns();
        const int64_t o200k = tokens_count(TOKENS_O200K, text);
        const int64_t took_ns = clock_monotonic_ns() - began_ns;
        spent_ns += took_ns;
        longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
        bytes += size;
        if (!is_timed) {
            printf("%lld %lld\n", (long long)o200k, (long long)tokens_count(TOKENS_CL100K, text));
        }
        free(data);
    }
    if (is_timed) {
        printf("%llu bytes, %.1f MB/s, longest %.3f ms\n", (unsigned long long)bytes,
               (double)bytes * 1e3 / (double)spent_ns, (double)longest_ns / 1e6);
    }
    return EXIT_SUCCESS;
}
