/* golden: output compared with a file of test/golden. UPDATE=1 rewrites the file; review the diff.
 */
#ifndef SUPPORT_GOLDEN_H
#define SUPPORT_GOLDEN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Whether `text` is what test/golden/<name> holds; prints the first line that differs. */
bool golden_same(const char *name, struct str text);
/* The file's text, owned by the arena; empty when it is not there or does not fit. */
struct str golden_read(const char *name, struct arena *arena);

#endif
