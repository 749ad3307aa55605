#include "support/home.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

enum { OPEN_MAX_AT_ONCE = 16 };

void home_make(struct home *home)
{
    const int size = snprintf(home->path, sizeof home->path, "/tmp/bursar-test-XXXXXX");
    CHECK(size > 0);
    CHECK(mkdtemp(home->path) != NULL);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void home_remove(struct home *home)
{
    CHECK(nftw(home->path, remove_one, OPEN_MAX_AT_ONCE, FTW_DEPTH | FTW_PHYS) == 0);
}
