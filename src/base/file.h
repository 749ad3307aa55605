/* file: read a whole file into an arena, bounded. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * size_max  bytes; a longer file is refused, not cut.
 * out       owned by the arena, NUL-terminated behind its size.
 *
 * Errors: ERR_NOT_FOUND  no such file.
 *         ERR_LIMIT      longer than size_max, or the arena is full.
 *         ERR_IO         it cannot be read, or is a directory.
 */
MUST_CHECK enum errc file_read(struct str path, size_t size_max, struct arena *arena,
                               struct str *out, struct err *err);

#endif
