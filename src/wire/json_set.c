#include "wire/json_set.h"

#include "base/check.h"

/* Where a member stands; offsets into the object. */
struct place {
    bool found;
    size_t value_from;
    size_t value_until;
    size_t last_until; /* behind the last member's value, or behind the opening brace */
    bool has_members;
    bool has_escapes; /* in some member's name */
};

static size_t skip_space(struct str text, size_t at)
{
    while (at < text.size && (text.data[at] == ' ' || text.data[at] == '\t' ||
                              text.data[at] == '\n' || text.data[at] == '\r')) {
        at++;
    }
    return at;
}

/* Behind the closing quote of the string that begins at `at`. */
static size_t skip_string(struct str text, size_t at, bool *out_escapes)
{
    *out_escapes = false;
    at++;
    while (at < text.size && text.data[at] != '"') {
        if (text.data[at] == '\\') {
            *out_escapes = true;
            at++;
        }
        at++;
    }
    return at < text.size ? at + 1 : text.size;
}

/* Behind the value that begins at `at`. */
static size_t skip_value(struct str text, size_t at)
{
    bool escapes = false;
    size_t depth = 0;
    while (at < text.size) {
        const char c = text.data[at];
        if (c == '"') {
            at = skip_string(text, at, &escapes);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
        } else if (c == '}' || c == ']') {
            if (depth == 0) {
                return at; /* of the object around a bare value */
            }
            depth--;
            at++;
        } else if (depth == 0 && (c == ',' || skip_space(text, at) != at)) {
            return at;
        } else {
            at++;
            continue;
        }
        if (depth == 0) {
            return at;
        }
    }
    return at;
}

static bool find_member(struct str object, struct str name, struct place *out)
{
    *out = (struct place){0};
    size_t at = skip_space(object, 0);
    if (at == object.size || object.data[at] != '{') {
        return false;
    }
    at++;
    out->last_until = at;
    for (at = skip_space(object, at); at < object.size && object.data[at] == '"';) {
        bool escapes = false;
        const size_t name_from = at + 1;
        at = skip_string(object, at, &escapes);
        const struct str found = {object.data + name_from, at - name_from - 1};
        out->has_escapes = out->has_escapes || escapes;
        at = skip_space(object, at);
        at = at < object.size ? skip_space(object, at + 1) : at; /* the colon */
        const size_t value_from = at;
        at = skip_value(object, at);
        if (!out->found && str_equal(found, name)) {
            out->found = true;
            out->value_from = value_from;
            out->value_until = at;
        }
        out->last_until = at;
        out->has_members = true;
        at = skip_space(object, at);
        if (at < object.size && object.data[at] == ',') {
            at = skip_space(object, at + 1);
        }
    }
    return true;
}

struct str json_member(struct str object, struct str name)
{
    CHECK(name.size > 0);
    struct place place;
    if (!find_member(object, name, &place) || !place.found) {
        return (struct str){0};
    }
    return (struct str){object.data + place.value_from, place.value_until - place.value_from};
}

enum errc json_set(struct str object, struct str name, struct str value, struct text *out,
                   struct err *err)
{
    CHECK(name.size > 0);
    CHECK(value.size > 0);
    struct place place;
    if (!find_member(object, name, &place)) {
        return err_set(err, ERR_UNSUPPORTED, "the body is no JSON object");
    }
    if (place.has_escapes) {
        return err_set(err, ERR_UNSUPPORTED,
                       "a member's name in the body is written with \\ escapes; write it plainly");
    }
    const size_t from = place.found ? place.value_from : place.last_until;
    const size_t until = place.found ? place.value_until : place.last_until;
    text_add(out, (struct str){object.data, from});
    if (!place.found) {
        text_add(out, place.has_members ? STR(",\"") : STR("\""));
        text_add(out, name);
        text_add(out, STR("\":"));
    }
    text_add(out, value);
    text_add(out, (struct str){object.data + until, object.size - until});
    return ERR_OK;
}
