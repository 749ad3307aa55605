#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/money.h"
#include "wire/wire_priv.h"

/* Logs of programs younger than these years; anything else is a broken clock. */
#define YEAR_FIRST INT64_C(1990)
#define YEAR_LAST  INT64_C(2100)

void wire_fields(struct json object, const struct str *names, size_t count, struct json *out)
{
    CHECK(count > 0);
    CHECK(count <= WIRE_FIELDS_MAX);
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct json){0};
    }
    if (json_kind(object) != JSON_OBJECT) {
        return;
    }
    struct json_cursor cursor = json_iter(object);
    struct str key;
    struct json value;
    size_t next = 0; /* programs write members in one order: the next name is the likely one */
    while (json_next(&cursor, &key, &value)) {
        for (size_t i = 0; i < count; i++) {
            const size_t at = next + i < count ? next + i : next + i - count;
            if (names[at].size == key.size && memcmp(names[at].data, key.data, key.size) == 0) {
                if (out[at].document == NULL) {
                    out[at] = value;
                }
                next = at + 1 < count ? at + 1 : 0;
                break;
            }
        }
    }
}

int64_t wire_time(struct json node)
{
    const struct str text = json_str(node);
    struct err err;
    int64_t time_ns;
    if (text.size == 0 || text.size >= CLOCK_TEXT_BYTES_MAX ||
        clock_parse(text, &time_ns, &err) != ERR_OK) {
        return TIME_UNKNOWN;
    }
    const int64_t first_ns = clock_days(YEAR_FIRST, 1, 1) * CLOCK_NS_PER_DAY;
    const int64_t after_ns = clock_days(YEAR_LAST + 1, 1, 1) * CLOCK_NS_PER_DAY;
    return time_ns >= first_ns && time_ns < after_ns ? time_ns : TIME_UNKNOWN;
}

int64_t wire_end(int64_t started_ns, int64_t ended_ns)
{
    if (started_ns != TIME_UNKNOWN && ended_ns < started_ns) {
        return TIME_UNKNOWN;
    }
    return ended_ns;
}

enum errc wire_count(struct json node, const char *name, int64_t *out, struct err *err)
{
    CHECK(out != NULL);
    const enum json_kind kind = json_kind(node);
    if (kind == JSON_ABSENT || kind == JSON_NULL) {
        *out = 0;
        return ERR_OK;
    }
    const int64_t count = json_int64(node, -1);
    if (count < 0 || count > USAGE_TOKENS_MAX) {
        char shown[40];
        size_t size = json_minify(node, shown, sizeof shown);
        size = size < sizeof shown ? size : sizeof shown;
        return err_set(err, ERR_RANGE, "%s is %.*s, which is not a count of 0..%lld", name,
                       (int)size, shown, (long long)USAGE_TOKENS_MAX);
    }
    *out = count;
    return ERR_OK;
}

enum service_tier wire_tier(struct str name)
{
    static const struct {
        const char *name;
        enum service_tier tier;
    } tiers[] = {{"priority", TIER_PRIORITY},
                 {"flex", TIER_FLEX},
                 {"batch", TIER_BATCH},
                 {"fast", TIER_FAST}};
    for (size_t i = 0; i < COUNT_OF(tiers); i++) {
        if (str_equal(name, str_from(tiers[i].name))) {
            return tiers[i].tier;
        }
    }
    return TIER_STANDARD;
}

bool wire_starts_with(struct str text, const char *prefix)
{
    return str_starts_with(text, str_from(prefix));
}

bool wire_contains(struct str text, const char *needle)
{
    CHECK(needle != NULL);
    return text.size > 0 && memmem(text.data, text.size, needle, strlen(needle)) != NULL;
}

/* Bytes of the string that opens at text.data[0], both quotes included; 0: it does not end. */
static size_t string_size(struct str text)
{
    size_t at = 1;
    while (at < text.size) {
        const char *const quote = memchr(text.data + at, '"', text.size - at);
        if (quote == NULL) {
            break;
        }
        size_t slashes = 0;
        while (quote[-1 - (ptrdiff_t)slashes] ==
               '\\') { /* ends at the opening quote at the latest */
            slashes++;
        }
        at = (size_t)(quote - text.data) + 1;
        if (slashes % 2 == 0) {
            return at;
        }
    }
    return 0;
}

/* A member of whole digits that an object has to have. */
struct figure {
    struct str name;
    int64_t value;
    bool found;
};

static void note_figure(struct str name, struct str rest, struct figure *figures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(name, figures[i].name)) {
            continue;
        }
        int64_t value = 0;
        size_t at = 1;
        while (at < rest.size && at < 19 && rest.data[at] >= '0' && rest.data[at] <= '9') {
            value = value * 10 + (rest.data[at++] - '0');
        }
        figures[i].found = at > 1 && rest.data[0] == ':' && value == figures[i].value;
    }
}

/* The object that opens at text.data[0], its closing brace included; empty when it does not end
 * within WIRE_RAW_BYTES_MAX, or lacks one of the figures. */
static struct str object_with(struct str text, struct figure *figures, size_t count)
{
    text.size = text.size < WIRE_RAW_BYTES_MAX ? text.size : WIRE_RAW_BYTES_MAX;
    int depth = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (c == '"') {
            const size_t size = string_size((struct str){text.data + i, text.size - i});
            if (size == 0) {
                break;
            }
            const size_t behind = i + size;
            if (depth == 1 && behind < text.size) {
                note_figure((struct str){text.data + i + 1, size - 2},
                            (struct str){text.data + behind, text.size - behind}, figures, count);
            }
            i = behind - 1;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            bool all = true;
            for (size_t k = 0; k < count; k++) {
                all = all && figures[k].found;
            }
            return all ? (struct str){text.data, i + 1} : (struct str){0};
        }
    }
    return (struct str){0};
}

/* The parser keeps no places in the text. Writers put the usage behind the content, so the last
 * member of that name is it; the two figures confirm that it is. */
struct str wire_raw(struct wire_decoder *decoder, struct str name, struct json node, int64_t input,
                    int64_t output)
{
    enum { TRIES_MAX = 16 };
    CHECK(name.size + 4 <= 32);
    char key[32] = "\"";
    memcpy(key + 1, name.data, name.size);
    memcpy(key + 1 + name.size, "\":", 2);
    const size_t key_size = name.size + 3;
    const struct str line = decoder->text;
    size_t end = line.size;
    for (int i = 0; i < TRIES_MAX && end > key_size; i++) {
        const char *brace = memrchr(line.data, '{', end);
        if (brace == NULL || (size_t)(brace - line.data) < key_size) {
            break;
        }
        end = (size_t)(brace - line.data);
        if (memcmp(brace - key_size, key, key_size) == 0) {
            struct figure figures[] = {{.name = STR("input_tokens"), .value = input},
                                       {.name = STR("output_tokens"), .value = output}};
            const struct str found =
                object_with((struct str){brace, line.size - end}, figures, COUNT_OF(figures));
            if (found.size > 0) {
                return wire_copy(decoder, found);
            }
        }
    }
    const struct str minified = wire_minify(decoder, node);
    return minified.size <= WIRE_RAW_BYTES_MAX ? wire_copy(decoder, minified) : (struct str){0};
}

struct str wire_minify(struct wire_decoder *decoder, struct json node)
{
    CHECK(decoder != NULL);
    enum { GUESS_BYTES = 4096 };
    struct text *scratch = &decoder->scratch;
    text_clear(scratch);
    size_t room = scratch->capacity > GUESS_BYTES ? scratch->capacity - 1 : GUESS_BYTES;
    size_t size = 0;
    for (int i = 0; i < 2; i++) {
        if (scratch->capacity < room + 1) {
            text_clear(scratch);
            text_repeat(scratch, ' ', room);
        }
        if (text_is_full(scratch)) {
            return (struct str){0};
        }
        size = json_minify(node, scratch->data, room);
        if (size <= room) {
            break;
        }
        room = size;
    }
    text_clear(scratch);
    return (struct str){scratch->data, size};
}

bool wire_money(struct json node, int64_t *out_pusd)
{
    CHECK(out_pusd != NULL);
    const double usd = json_double(node, 0);
    char text[64];
    if (!json_is_number(node) || !(usd > 0)) {
        return false;
    }
    const int size = snprintf(text, sizeof text, "%.17g", usd);
    CHECK(size > 0);
    struct err err;
    int64_t amount_pusd;
    if (money_parse((struct str){text, (size_t)size}, &amount_pusd, &err) != ERR_OK) {
        return false;
    }
    *out_pusd = amount_pusd;
    return true;
}

struct str wire_last_component(struct str path)
{
    if (path.size == 0) {
        return path;
    }
    while (path.size > 0 && (path.data[path.size - 1] == '/' || path.data[path.size - 1] == '\\')) {
        path.size--;
    }
    size_t start = path.size;
    while (start > 0 && path.data[start - 1] != '/' && path.data[start - 1] != '\\') {
        start--;
    }
    return (struct str){path.data + start, path.size - start};
}

struct str wire_content(struct json node, int64_t *out_bytes)
{
    CHECK(out_bytes != NULL);
    *out_bytes = 0;
    if (json_kind(node) != JSON_ARRAY) {
        const struct str text = json_str(node);
        *out_bytes = (int64_t)text.size;
        return text;
    }
    struct str first = {0};
    struct json_cursor cursor = json_iter(node);
    struct json part;
    while (json_next(&cursor, NULL, &part)) {
        struct str text = json_str(part);
        if (json_kind(part) == JSON_OBJECT) {
            text = json_str(json_get(part, "text"));
            text = text.data != NULL ? text : json_str(json_path(part, "source.data"));
        }
        *out_bytes += (int64_t)text.size;
        first = first.size > 0 ? first : text;
    }
    return first;
}
