/* A curve in plain characters: points as *, the line between them as dots. */
#include <math.h>

#include "base/check.h"
#include "render/plot.h"

enum { ROWS = 12, COLUMNS_MAX = 100, INDENT = 2 };

struct canvas {
    char cells[ROWS][COLUMNS_MAX];
    size_t columns;
};

static size_t column_of(const struct canvas *canvas, double x, double x_max)
{
    const double share = x_max > 0 ? x / x_max : 0;
    const long column = lround(share * (double)(canvas->columns - 1));
    CHECK(column >= 0);
    return (size_t)column < canvas->columns ? (size_t)column : canvas->columns - 1;
}

static size_t row_of(double y, double y_min, double y_max)
{
    const double share = y_max > y_min ? (y - y_min) / (y_max - y_min) : 0;
    const long row = lround((1 - share) * (ROWS - 1));
    return row < 0 ? 0 : row >= ROWS ? ROWS - 1 : (size_t)row;
}

static void draw_line(struct canvas *canvas, const struct render_plot *plot, double x_max,
                      double y_min, double y_max)
{
    size_t at = 0;
    for (size_t column = 0; column < canvas->columns; column++) {
        const double x = x_max * (double)column / (double)(canvas->columns - 1);
        while (at + 1 < plot->count && plot->x[at + 1] < x) {
            at++;
        }
        if (x < plot->x[0] || at + 1 >= plot->count) {
            continue;
        }
        const double run = plot->x[at + 1] - plot->x[at];
        const double share = run > 0 ? (x - plot->x[at]) / run : 0;
        const double y = plot->y[at] + share * (plot->y[at + 1] - plot->y[at]);
        canvas->cells[row_of(y, y_min, y_max)][column] = '.';
    }
}

void render_plot(struct render *r, const struct render_plot *plot)
{
    CHECK(plot->count <= RENDER_PLOT_POINTS_MAX);
    if (plot->count < 2) {
        return;
    }
    double y_min = 0;
    double y_max = 0;
    for (size_t i = 0; i < plot->count; i++) {
        y_min = fmin(y_min, plot->y[i]);
        y_max = fmax(y_max, plot->y[i]);
    }
    const double x_max = plot->x[plot->count - 1];
    const struct str top = plot->label(r, y_max);
    const struct str bottom = plot->label(r, y_min);
    const struct str end = render_usd(r, x_max);
    const size_t margin = top.size > bottom.size ? top.size : bottom.size;
    struct canvas canvas = {0};
    CHECK((size_t)r->width > margin + 2 * INDENT + 1);
    canvas.columns = (size_t)r->width - margin - 2 * INDENT - 1;
    canvas.columns = canvas.columns < COLUMNS_MAX ? canvas.columns : COLUMNS_MAX;
    memset(canvas.cells, ' ', sizeof canvas.cells);
    draw_line(&canvas, plot, x_max, y_min, y_max);
    for (size_t i = 0; i < plot->count; i++) {
        canvas.cells[row_of(plot->y[i], y_min, y_max)][column_of(&canvas, plot->x[i], x_max)] = '*';
    }
    if (plot->marked < plot->count) {
        const size_t i = plot->marked;
        canvas.cells[row_of(plot->y[i], y_min, y_max)][column_of(&canvas, plot->x[i], x_max)] = 'O';
    }
    text_format(r->out, "  " STR_FORMAT "\n", STR_ARG(plot->y_title));
    for (size_t row = 0; row < ROWS; row++) {
        const struct str label = row == 0 ? top : row == ROWS - 1 ? bottom : (struct str){0};
        struct str line = {canvas.cells[row], canvas.columns};
        while (line.size > 0 && line.data[line.size - 1] == ' ') {
            line.size--;
        }
        text_format(r->out, "  %*.*s |" STR_FORMAT "\n", (int)margin, STR_ARG(label),
                    STR_ARG(line));
    }
    text_repeat(r->out, ' ', INDENT + margin + 1);
    text_char(r->out, '+');
    text_repeat(r->out, '-', canvas.columns);
    text_char(r->out, '\n');
    const size_t width = INDENT + margin + 2 + canvas.columns;
    const size_t used = INDENT + margin + 2 + plot->x_title.size;
    text_repeat(r->out, ' ', INDENT + margin + 2);
    text_add(r->out, plot->x_title);
    text_repeat(r->out, ' ', used + end.size < width ? width - used - end.size : 1);
    text_add(r->out, end);
    text_char(r->out, '\n');
}
