#include "support/golden.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "support/test.h"

#define GOLDEN_BYTES_MAX ((size_t)1 << 20)

enum { PATH_BYTES_MAX = 4096 };

static void name_file(const char *name, char path[static PATH_BYTES_MAX])
{
    const char *const folder = getenv("GOLDEN");
    snprintf(path, PATH_BYTES_MAX, "%s/%s", folder != NULL ? folder : "test/golden", name);
}

struct str golden_read(const char *name, struct arena *arena)
{
    char path[PATH_BYTES_MAX];
    struct str text = {0};
    struct err err;
    name_file(name, path);
    const enum errc code = file_read(str_from(path), GOLDEN_BYTES_MAX, arena, &text, &err);
    return code == ERR_OK ? text : (struct str){0};
}

static void rewrite(const char *name, struct str text)
{
    char path[PATH_BYTES_MAX];
    name_file(name, path);
    FILE *const file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(text.data, 1, text.size, file) == text.size);
    CHECK(fclose(file) == 0);
}

bool golden_same(const char *name, struct str text)
{
    if (test_is_refusing()) {
        return true;
    }
    if (getenv("UPDATE") != NULL) {
        rewrite(name, text);
        return true;
    }
    struct arena arena;
    arena_init(&arena, GOLDEN_BYTES_MAX * 4);
    struct str expected = golden_read(name, &arena);
    const bool same = str_equal(expected, text);
    for (int line = 1; !same && (expected.size > 0 || text.size > 0); line++) {
        const struct str wanted = str_cut(&expected, '\n');
        const struct str found = str_cut(&text, '\n');
        if (!str_equal(wanted, found)) {
            print_message("# %s:%d\n# wanted " STR_FORMAT "\n# found  " STR_FORMAT "\n", name, line,
                          STR_ARG(wanted), STR_ARG(found));
            break;
        }
    }
    arena_deinit(&arena);
    return same;
}
