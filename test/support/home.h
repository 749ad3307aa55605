/* A home directory of a test's own, gone when the test is. */
#ifndef SUPPORT_HOME_H
#define SUPPORT_HOME_H

#include "base/str.h"

enum { HOME_BYTES_MAX = 64 };

struct home {
    char path[HOME_BYTES_MAX];
};

void home_make(struct home *home);
void home_remove(struct home *home);
static inline struct str home_str(const struct home *home)
{
    return str_from(home->path);
}

#endif
