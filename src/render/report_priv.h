/* render/report_priv: what the files that draw the report share. */
#ifndef RENDER_REPORT_PRIV_H
#define RENDER_REPORT_PRIV_H

#include <math.h>

#include "render/render.h"

/* Figures of one workflow by path; NaN and 0 where there are none. */
static inline double report_number(struct json node, const char *path)
{
    return json_double(json_path(node, path), NAN);
}

static inline int64_t report_count(struct json node, const char *path)
{
    return json_int64(json_path(node, path), 0);
}

static inline int64_t report_closed(struct json workflow)
{
    return report_count(workflow, "resolved") + report_count(workflow, "not_resolved");
}

static inline bool report_is_thin(struct json workflow)
{
    return report_closed(workflow) > 0 &&
           json_bool(json_path(workflow, "cost_per_outcome.thin"), false);
}

/* One workflow: what an outcome costs, in a sentence; its parts, rates, baselines and tokens. */
void render_workflow(struct render *render, struct json workflow);

#endif
