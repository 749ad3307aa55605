/* wire, records of the gateway's inbox (call_record, refusal_record): the members that both have.
 * Pure. */
#ifndef WIRE_RECORD_MEMBERS_PRIV_H
#define WIRE_RECORD_MEMBERS_PRIV_H

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "model/trace.h"

/* A member with that text; none where it is empty. */
void record_put_text(struct text *out, const char *name, struct str value);
void record_put_number(struct text *out, const char *name, int64_t value);

/* A member's text, owned by the arena, or empty; sets *io_full when there is no room. */
struct str record_text(struct json root, const char *name, struct arena *arena, bool *io_full);
/* A member's number as one of 0..high, 0 where there is none. */
int64_t record_count(struct json root, const char *name, int64_t high);

/* Whether what no record is without is there: case, attempt, identity. */
bool record_is_whole(struct json root);
/* The record's case, a new row of out->cases; sets *io_full when there is no room. */
void record_case(struct json root, struct arena *arena, struct trace *out, bool *io_full);

#endif
