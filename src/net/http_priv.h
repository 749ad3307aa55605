/* net/http_priv: lines and fields, for the readers of requests and responses. Pure. */
#ifndef NET_HTTP_PRIV_H
#define NET_HTTP_PRIV_H

#include "net/http.h"

bool http_is_token(struct str text);
/* Visible characters, space, tab and what is not ASCII. */
bool http_is_value(struct str text);
struct str http_trim(struct str text);
/* The next line without its CR LF; false when it does not end within `bytes`. A lone CR or LF is
 * no line end: `out_bad`. */
bool http_next_line(struct str *bytes, struct str *out, bool *out_bad);
/* Only digits, at most 18 of them. */
bool http_read_length(struct str text, int64_t *out);
/* NULL, or what is wrong with the line; static. */
const char *http_read_field(struct str line, struct http_field *out);
/* Behind the empty line that ends a head, looked for from `from` on; 0: there is none. */
size_t http_head_end(struct str text, size_t from);
bool http_fields_have(const struct http_field *fields, size_t count, struct str name,
                      struct str token);

#endif
