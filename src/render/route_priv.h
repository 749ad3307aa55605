/* render/route_priv: the pieces of render_route(), one file each. */
#ifndef RENDER_ROUTE_PRIV_H
#define RENDER_ROUTE_PRIV_H

#include "render/render.h"

struct str route_name(struct render *r, struct json node);
double route_number(struct json node, const char *path);
/* Absent where no model has that name. */
struct json route_model_named(struct json report, struct str name);

void route_experiment(struct render *r, struct json report);
void route_notes(struct render *r, struct json report);

#endif
