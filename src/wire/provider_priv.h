/* provider_priv: shared by the files of wire/provider only. */
#ifndef WIRE_PROVIDER_PRIV_H
#define WIRE_PROVIDER_PRIV_H

#include "wire/provider.h"

/* Of an array; nothing when it is none. */
static inline struct json_cursor elements_of(struct json list)
{
    return json_kind(list) == JSON_ARRAY ? json_iter(list) : (struct json_cursor){0};
}

/* provider_text.c: of an empty text nothing is kept, and what was there stays. */
void provider_text_keep(struct provider_text *out, struct str text);

/* provider_parts.c */
/* Whether messages, parts or tools are more than text: messages hold parts, and the result of a
 * tool holds parts; no API nests them deeper.
 *
 * io_classes  takes the bit of each usage class beside text that they are billed in. */
bool provider_has_other_types(struct json list, uint32_t *io_classes);

/* provider_usage.c */
/* A usage block, of whatever dialect; what is none changes nothing. */
void provider_usage_read(enum provider_api api, struct json usage, struct provider_reply *io);
/* A reply of Gemini's, with its id and model; what is none changes nothing. */
void provider_usage_read_gemini(struct json root, struct provider_reply *io);

#endif
