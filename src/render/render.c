#include "render/render.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"

enum { GAP = 2, INDENT = 2, FIRST_MIN = 24, FIRST_LEAST = 12, FORMAT_BYTES_MAX = 2048 };

struct render render_start(struct arena *arena, struct text *out, int width)
{
    CHECK(arena != NULL);
    CHECK(out != NULL);
    width = width == 0 ? RENDER_COLUMNS_DEFAULT : width;
    width = width < RENDER_COLUMNS_MIN ? RENDER_COLUMNS_MIN : width;
    return (struct render){.arena = arena, .out = out, .width = width};
}

enum errc render_end(const struct render *render, struct err *err)
{
    if (render->full || text_is_full(render->out)) {
        return err_set(err, ERR_LIMIT, "no memory left for the text; --json needs less");
    }
    return ERR_OK;
}

static struct str keep(struct render *render, struct str text)
{
    const struct str copy = arena_copy(render->arena, text);
    render->full = render->full || copy.data == NULL;
    return copy;
}

struct str render_format(struct render *render, const char *format, ...)
{
    char text[FORMAT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(size >= 0);
    return keep(render,
                (struct str){text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1});
}

struct str render_clean(struct render *render, struct str text)
{
    char *const copy = arena_new(render->arena, char, text.size + 1);
    if (copy == NULL) {
        render->full = true;
        return (struct str){0};
    }
    for (size_t i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        /* C1 controls are U+0080..9F: C2 80..9F in UTF-8 */
        const bool control =
            c < 0x20 || c == 0x7f ||
            (c >= 0x80 && c < 0xa0 && i > 0 && (unsigned char)text.data[i - 1] == 0xc2);
        copy[i] = (char)(control ? '?' : c);
        if (control && c >= 0x80) {
            copy[i - 1] = '?';
        }
    }
    return (struct str){copy, text.size};
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t render_columns(struct str text)
{
    size_t columns = 0;
    for (size_t i = 0; i < text.size; i++) {
        columns += !continues(text.data[i]);
    }
    return columns;
}

void render_wrap(struct render *render, size_t first, size_t indent, struct str text)
{
    const size_t width = (size_t)render->width;
    size_t column = first;
    text_repeat(render->out, ' ', first);
    bool fresh = true;
    while (text.size > 0) {
        const struct str word = str_cut(&text, ' ');
        const size_t size = render_columns(word);
        if (!fresh && column + 1 + size > width) {
            text_char(render->out, '\n');
            text_repeat(render->out, ' ', indent);
            column = indent;
            fresh = true;
        }
        if (!fresh) {
            text_char(render->out, ' ');
            column++;
        }
        text_add(render->out, word);
        column += size;
        fresh = false;
    }
    text_char(render->out, '\n');
}

void render_note(struct render *render, const char *label, struct str text)
{
    const size_t indent = INDENT + 14;
    const struct str line = render_format(render, "%-13s " STR_FORMAT, label, STR_ARG(text));
    render_wrap(render, INDENT, indent, line);
}

void render_heading(struct render *render, const char *text)
{
    text_format(render->out, "\n%s\n", text);
}

void render_row(struct render *render, struct render_table *table, const struct str *cells)
{
    CHECK(table->column_count <= RENDER_CELLS_MAX);
    for (size_t i = 0; i < table->column_count; i++) {
        const size_t at = arena_push(render->arena, table);
        if (at == SIZE_MAX) {
            render->full = true;
            return;
        }
        table->rows[at] = cells[i];
    }
}

/* Width of each column; 0 leaves it out. */
static void measure(const struct render_table *table, size_t *widths)
{
    for (size_t i = 0; i < table->column_count; i++) {
        size_t widest = 0;
        for (size_t at = i; at < table->count; at += table->column_count) {
            const size_t size = render_columns(table->rows[at]);
            widest = size > widest ? size : widest;
        }
        const size_t title = strlen(table->columns[i].title);
        widths[i] = widest == 0 ? 0 : widest > title ? widest : title;
    }
}

static size_t line_width(const size_t *widths, size_t count)
{
    size_t all = INDENT;
    for (size_t i = 0; i < count; i++) {
        all += widths[i] > 0 ? widths[i] + (all > INDENT ? GAP : 0) : 0;
    }
    return all;
}

/* Shorten the first column to a readable minimum, leave out what matters least until all fits, and
 * give the first column what is left. */
static void fit(const struct render_table *table, size_t width, size_t *widths)
{
    const size_t wanted = widths[0];
    const size_t least_first = wanted < FIRST_MIN ? wanted : FIRST_MIN;
    if (line_width(widths, table->column_count) <= width) {
        return;
    }
    widths[0] = least_first;
    while (line_width(widths, table->column_count) > width) {
        size_t least = SIZE_MAX;
        for (size_t i = 0; i < table->column_count; i++) {
            const int rank = table->columns[i].rank;
            if (widths[i] > 0 && rank > 0 &&
                (least == SIZE_MAX || rank > table->columns[least].rank)) {
                least = i;
            }
        }
        if (least == SIZE_MAX) {
            break;
        }
        widths[least] = 0;
    }
    const size_t needed = line_width(widths, table->column_count);
    if (needed > width) { /* nothing more to leave out; at the least, the line will be too long */
        const size_t over = needed - width;
        widths[0] = widths[0] > over + FIRST_LEAST ? widths[0] - over
                    : widths[0] > FIRST_LEAST      ? FIRST_LEAST
                                                   : widths[0];
        return;
    }
    const size_t spare = width - line_width(widths, table->column_count);
    widths[0] = wanted < least_first + spare ? wanted : least_first + spare;
}

static void print_cell(struct text *out, struct str cell, size_t width, bool right)
{
    const size_t shown = render_columns(cell);
    text_repeat(out, ' ', right && shown < width ? width - shown : 0);
    text_add(out, cell);
    text_repeat(out, ' ', right || shown >= width ? 0 : width - shown);
}

/* A first cell longer than its column has a line to itself: names are never cut. */
static void print_line(struct render *render, const struct render_table *table,
                       const struct str *cells, const size_t *widths)
{
    struct text line; /* so that blanks at its end can be dropped */
    text_init(&line, render->out->size_max);
    text_repeat(&line, ' ', INDENT);
    bool first = true;
    if (render_columns(cells[0]) > widths[0]) {
        text_add(&line, cells[0]);
        text_char(&line, '\n');
        text_repeat(&line, ' ', INDENT + widths[0]);
        first = false;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        if (widths[i] == 0 || (i == 0 && !first)) {
            continue;
        }
        text_repeat(&line, ' ', first ? 0 : GAP);
        print_cell(&line, cells[i], widths[i], table->columns[i].right);
        first = false;
    }
    struct str all = text_str(&line);
    while (all.size > 0 && all.data[all.size - 1] == ' ') {
        all.size--;
    }
    text_add(render->out, all);
    text_char(render->out, '\n');
    text_deinit(&line);
}

void render_print(struct render *render, const struct render_table *table)
{
    CHECK(table->column_count <= RENDER_CELLS_MAX);
    size_t widths[RENDER_CELLS_MAX] = {0};
    struct str titles[RENDER_CELLS_MAX] = {0};
    bool titled = false;
    measure(table, widths);
    fit(table, (size_t)render->width, widths);
    for (size_t i = 0; i < table->column_count; i++) {
        titles[i] = str_from(table->columns[i].title);
        titled = titled || titles[i].size > 0;
    }
    if (titled) {
        print_line(render, table, titles, widths);
    }
    for (size_t at = 0; at + table->column_count <= table->count; at += table->column_count) {
        print_line(render, table, &table->rows[at], widths);
    }
}
