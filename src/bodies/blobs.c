/* Pictures, sounds and files inside texts: data URLs, and texts that are one run of base64. */
#include "base/check.h"
#include "bodies/bodies_priv.h"

enum {
    BLOB_BYTES_MIN = 512, /* of a text that is nothing but base64; shorter ones are ids */
    KIND_BYTES_MAX = 100, /* of a media type with its parameters */
};

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '-' || c == '_' || c == '=' || c == '\n' || c == '\r';
}

/* By how the encoded bytes begin. */
static struct str kind_of(struct str base64)
{
    static const struct {
        struct str head;
        struct str kind;
    } rows[] = {
        {STR_STATIC("iVBORw0KGgo"), STR_STATIC("image/png")},
        {STR_STATIC("/9j/"), STR_STATIC("image/jpeg")},
        {STR_STATIC("R0lGOD"), STR_STATIC("image/gif")},
        {STR_STATIC("UklGR"), STR_STATIC("image/webp or audio/wav")},
        {STR_STATIC("JVBERi0"), STR_STATIC("application/pdf")},
        {STR_STATIC("UEsDB"), STR_STATIC("application/zip")},
        {STR_STATIC("SUQz"), STR_STATIC("audio/mpeg")},
        {STR_STATIC("T2dnUw"), STR_STATIC("audio/ogg")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (str_starts_with(base64, rows[i].head)) {
            return rows[i].kind;
        }
    }
    return STR("base64");
}

static size_t run_end(struct str text, size_t at)
{
    while (at < text.size && is_base64(text.data[at])) {
        at++;
    }
    return at;
}

static bool find_url(struct str text, size_t from, size_t *out_from, size_t *out_to,
                     struct str *out_kind, size_t *out_bytes)
{
    static const struct str mark = STR_STATIC(";base64,");
    size_t at = from;
    for (;;) {
        const struct str rest = {text.data + at, text.size - at};
        const size_t found = str_find(rest, mark);
        if (found == SIZE_MAX) {
            return false;
        }
        const size_t middle = at + found;
        const size_t low = middle > from + KIND_BYTES_MAX ? middle - KIND_BYTES_MAX : from;
        size_t colon = middle;
        while (colon > low && text.data[colon - 1] != ':') {
            colon--;
        }
        const size_t end = run_end(text, middle + mark.size);
        if (colon >= low + 5 &&
            str_equal_fold((struct str){text.data + colon - 5, 5}, STR("data:"))) {
            *out_from = colon - 5;
            *out_to = end;
            *out_kind = (struct str){text.data + colon, middle - colon};
            *out_bytes = (end - middle - mark.size) / 4 * 3;
            return true;
        }
        at = middle + mark.size;
    }
}

bool bodies_blob_find(struct str text, size_t from, size_t *out_from, size_t *out_to,
                      struct str *out_kind, size_t *out_bytes)
{
    CHECK(from <= text.size);
    if (from == 0 && text.size >= BLOB_BYTES_MIN && run_end(text, 0) == text.size) {
        *out_from = 0;
        *out_to = text.size;
        *out_kind = kind_of(text);
        *out_bytes = text.size / 4 * 3;
        return true;
    }
    return find_url(text, from, out_from, out_to, out_kind, out_bytes);
}
