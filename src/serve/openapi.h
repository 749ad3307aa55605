/*
 * serve/openapi: what the server answers, described in OpenAPI 3.1.
 *
 *     openapi.json (what no table holds) + commands.def, tables of options, names of outcomes ->
 * text
 *
 * A command that is added, an option that is renamed, is in the description of the same build.
 */
#ifndef SERVE_OPENAPI_H
#define SERVE_OPENAPI_H

#include "base/text.h"

#define OPENAPI_BYTES_MAX ((size_t)4 << 20)

/* openapi.json as built in. */
extern const unsigned char openapi_text[];
extern const size_t openapi_text_size;

void openapi_write(struct text *out);
/* A row of POST /api/v1/outcomes, as JSON Schema. */
void openapi_put_outcome(struct text *out);

#endif
