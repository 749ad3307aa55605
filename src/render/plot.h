/* render/plot: a rising curve drawn in a terminal with plain characters. */
#ifndef RENDER_PLOT_H
#define RENDER_PLOT_H

#include "render/render.h"

enum { RENDER_PLOT_POINTS_MAX = 20000 };

struct render_plot {
    const double *x; /* [count] ascending, from 0 on, dollars */
    const double *y; /* [count] */
    size_t count;
    size_t marked; /* index of the point drawn as O; SIZE_MAX: none */
    struct str x_title;
    struct str y_title;
    struct str (*label)(struct render *render, double y); /* of the y axis */
};

/* Fewer than two points draw nothing. */
void render_plot(struct render *render, const struct render_plot *plot);

#endif
