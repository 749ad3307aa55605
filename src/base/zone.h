/*
 * zone: the local time of a place, from the system's time zone files.
 *
 *     "Europe/Berlin" --zone_read--> struct zone --zone_offset_s--> seconds ahead of UTC
 *
 * A zone never changes once read, so any thread may ask it; the C library's zone is the whole
 * process's and is not used. Source: RFC 9636 (TZif), POSIX TZ for times behind the last
 * transition listed.
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { ZONE_NAME_BYTES_MAX = 64, ZONE_FILE_BYTES_MAX = 1 << 20, ZONE_TRANSITIONS_MAX = 20000 };

struct zone;

/*
 * Read a zone of the system's zoneinfo folder ($TZDIR is not heeded). "UTC" needs no file.
 *
 * Errors: ERR_NOT_FOUND  no such zone, or not a zone's name. ERR_SYNTAX  the file is not one.
 *         ERR_LIMIT. ERR_IO.
 */
MUST_CHECK enum errc zone_read(struct str name, struct arena *arena, const struct zone **out,
                               struct err *err);

/* The same from a TZif file's bytes, copied. Errors: ERR_SYNTAX, ERR_LIMIT. */
MUST_CHECK enum errc zone_parse(struct str bytes, struct arena *arena, const struct zone **out,
                                struct err *err);

/* Seconds that local time is ahead of UTC; `zone` is a struct zone. Fits hold_offset. */
int32_t zone_offset_s(const void *zone, int64_t utc_s);

#endif
