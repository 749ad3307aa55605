/* The keys of the server for people: a line each, those in use first. */
#include "app/keys.h"
#include "base/check.h"
#include "base/clock.h"
#include "render/render.h"

static struct str date(struct render *r, int64_t time_ns, int64_t absent_ns, const char *absent)
{
    char text[CLOCK_TEXT_BYTES_MAX];
    if (time_ns == absent_ns) {
        return str_from(absent);
    }
    clock_print_date(time_ns, text);
    return render_format(r, "%s", text);
}

enum { NAME_COLUMNS_MAX = 16, OTHER_COLUMNS = 65, BOUND_COLUMNS_MIN = 15 };

/* At most so many characters; --json has all of them. */
static struct str shorten(struct render *r, struct str text, size_t columns)
{
    if (render_columns(text) <= columns) {
        return text;
    }
    size_t size = text.size;
    while (size > 0 && render_columns((struct str){text.data, size}) > columns - 1) {
        size--;
        while (size > 0 && ((unsigned char)text.data[size] & 0xC0) == 0x80) {
            size--; /* not in the middle of a character */
        }
    }
    return render_format(r, STR_FORMAT "…", (int)size, text.data);
}

/* "workflow claims, team support" */
static struct str bound_to(struct render *r, const struct control_key *key)
{
    const struct {
        const char *name;
        struct str value;
    } parts[] = {{"workflow", key->workflow}, {"team", key->team}, {"user", key->user}};
    struct str text = STR("");
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].value.size > 0) {
            text = render_format(r, STR_FORMAT "%s%s " STR_FORMAT, STR_ARG(text),
                                 text.size > 0 ? ", " : "", parts[i].name,
                                 STR_ARG(render_clean(r, parts[i].value)));
        }
    }
    const size_t width = (size_t)r->width;
    const size_t left = width > OTHER_COLUMNS ? width - OTHER_COLUMNS : 0;
    return shorten(r, text, left > BOUND_COLUMNS_MIN ? left : BOUND_COLUMNS_MIN);
}

static void add_rows(struct render *r, struct render_table *table, const struct control_keys *keys,
                     int64_t now_ns, bool active)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct control_key *const key = &keys->rows[i];
        if (keys_is_active(key, now_ns) != active) {
            continue;
        }
        const struct str name = str_equal(key->name, key->id)
                                    ? STR("")
                                    : shorten(r, render_clean(r, key->name), NAME_COLUMNS_MAX);
        const struct str cells[] = {
            key->id,
            name,
            str_from(key_role_name(key->role)),
            str_from(keys_state(key, now_ns)),
            date(r, key->expires_ns, CONTROL_KEY_NEVER, ""),
            date(r, key->last_used_ns, INT64_MIN, "never"),
            bound_to(r, key),
            date(r, key->created_ns, INT64_MIN, ""),
            render_clean(r, key->created_by),
        };
        render_row(r, table, cells);
    }
}

enum errc keys_print(const struct control_keys *keys, int64_t now_ns, int width,
                     struct arena *arena, struct text *out, struct err *err)
{
    static const struct render_column columns[] = {
        {"id", false, 0},       {"name", false, 0},    {"role", false, 0},
        {"state", false, 0},    {"expires", false, 1}, {"last used", false, 3},
        {"bound to", false, 2}, {"created", false, 4}, {"by", false, 5},
    };
    CHECK(keys != NULL);
    struct render r = render_start(arena, out, width);
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    if (keys->count == 0) {
        render_wrap(&r, 0, 0,
                    STR("There are no keys. The server answers this machine without one; other "
                        "machines need one: bursar key create --role ingest"));
        return render_end(&r, err);
    }
    size_t active = 0;
    for (size_t i = 0; i < keys->count; i++) {
        active += keys_is_active(&keys->rows[i], now_ns);
    }
    render_wrap(&r, 0, 0,
                render_format(&r, "%zu of %zu keys open the server.", active, keys->count));
    text_char(out, '\n');
    add_rows(&r, &table, keys, now_ns, true);
    add_rows(&r, &table, keys, now_ns, false);
    render_print(&r, &table);
    return render_end(&r, err);
}
