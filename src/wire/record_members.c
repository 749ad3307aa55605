#include "wire/record_members_priv.h"

#include "base/check.h"

void record_put_text(struct text *out, const char *name, struct str value)
{
    if (value.size > 0) {
        json_name(out, name);
        json_put_str(out, value);
    }
}

void record_put_number(struct text *out, const char *name, int64_t value)
{
    json_name(out, name);
    json_put_int64(out, value);
}

struct str record_text(struct json root, const char *name, struct arena *arena, bool *io_full)
{
    const struct str text = json_str(json_get(root, name));
    if (text.size == 0) {
        return (struct str){0};
    }
    const struct str copy = arena_copy(arena, text);
    *io_full = *io_full || copy.data == NULL;
    return copy;
}

int64_t record_count(struct json root, const char *name, int64_t high)
{
    CHECK(high >= 0);
    const int64_t value = json_int64(json_get(root, name), 0);
    return value < 0 ? 0 : value > high ? high : value;
}

bool record_is_whole(struct json root)
{
    static const char *const needed[] = {"case", "attempt", "identity"};
    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        if (json_str(json_get(root, needed[i])).size == 0) {
            return false;
        }
    }
    return true;
}

void record_case(struct json root, struct arena *arena, struct trace *out, bool *io_full)
{
    static const char *const names[] = {"team", "user", "key"};
    CHECK(out != NULL);
    struct trace_case row = {
        .workflow = record_text(root, "workflow", arena, io_full),
        .id = record_text(root, "case", arena, io_full),
        .input_key = record_text(root, "input_key", arena, io_full),
        .is_session = record_count(root, "is_session", 1) != 0,
    };
    struct attribute *const attributes = arena_new(arena, struct attribute, COUNT_OF(names));
    *io_full = *io_full || attributes == NULL;
    for (size_t i = 0; i < COUNT_OF(names) && attributes != NULL; i++) {
        const struct str value = record_text(root, names[i], arena, io_full);
        if (value.size > 0) {
            attributes[row.attribute_count++] = (struct attribute){str_from(names[i]), value};
        }
    }
    row.attributes = attributes;
    const size_t at = arena_push(arena, &out->cases);
    if (at == SIZE_MAX) {
        *io_full = true;
        return;
    }
    out->cases.rows[at] = row;
}
