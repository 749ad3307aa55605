/* file: read a whole file into an arena, bounded; read a part of an open one. */
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

/*
 * All of `size` bytes from `offset` on, whatever interrupts it or comes in pieces; the place that
 * `fd` reads from next is not moved.
 *
 * out  room for `size` bytes; what it holds after false is undefined.
 *
 * False: errno tells; EIO  the file ends before.
 */
MUST_CHECK bool file_read_at(int fd, void *out, size_t size, int64_t offset);

#endif
