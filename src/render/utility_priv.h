/* render/utility_priv: what the files that draw a curve share. */
#ifndef RENDER_UTILITY_PRIV_H
#define RENDER_UTILITY_PRIV_H

#include <math.h>

#include "render/render.h"

/* Figures by path; NaN and 0 where there are none. */
static inline double utility_number(struct json node, const char *path)
{
    return json_double(json_path(node, path), NAN);
}

static inline int64_t utility_count(struct json node, const char *path)
{
    return json_int64(json_path(node, path), 0);
}

/* Whether somebody said what an outcome is worth. */
static inline bool utility_value_known(struct json utility)
{
    return json_kind(json_path(utility, "total.value_usd")) == JSON_STRING;
}

/* The caps, and the attempts where a case took several. */
void render_utility_tables(struct render *render, struct json utility);
/* Where the curve ends, what is assumed, unknown or thin. */
void render_utility_notes(struct render *render, struct json utility);

#endif
