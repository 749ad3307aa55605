#include "wire/context.h"

#include "base/check.h"

bool context_add(struct text *context, struct str prefix, struct str name, struct str value)
{
    CHECK(context != NULL);
    CHECK(name.size > 0);
    if (value.size > CONTEXT_VALUE_BYTES_MAX ||
        context->size + prefix.size + name.size + value.size + 2 > CONTEXT_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < value.size; i++) {
        const unsigned char c = (unsigned char)value.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    text_add(context, prefix);
    for (size_t i = 0; i < name.size; i++) {
        const char c = name.data[i];
        CHECK(c != '\n');
        CHECK(c != '=');
        text_char(context, (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    }
    text_char(context, '=');
    text_add(context, value);
    text_char(context, '\n');
    return true;
}

bool context_next(struct str *context, struct str *out_name, struct str *out_value)
{
    CHECK(context != NULL);
    while (context->size > 0) {
        struct str line = str_cut(context, '\n');
        const size_t size = line.size;
        const struct str name = str_cut(&line, '=');
        if (name.size > 0 && name.size < size) {
            *out_name = name;
            *out_value = line;
            return true;
        }
    }
    return false;
}

/* token of RFC 9110 */
static bool is_token(struct str text)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        const bool is_word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && (c == '\0' || strchr(marks, c) == NULL)) {
            return false;
        }
    }
    return text.size > 0;
}

bool baggage_next(struct str *baggage, size_t *members, struct baggage_member *out)
{
    CHECK(baggage != NULL);
    CHECK(members != NULL);
    while (baggage->size > 0 && *members < BAGGAGE_MEMBERS_MAX) {
        struct str member = str_cut(baggage, ',');
        (*members)++;
        member = str_cut(&member, ';');
        const size_t size = member.size;
        const struct str name = str_cut(&member, '=');
        const bool has_value = name.size < size;
        *out = (struct baggage_member){str_trim(name), str_trim(member)};
        if (has_value && is_token(out->name)) {
            return true;
        }
    }
    return false;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char small = (char)(c | 0x20);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

size_t baggage_decode(struct str encoded, char *out, size_t size)
{
    CHECK(out != NULL);
    size_t used = 0;
    for (size_t i = 0; i < encoded.size; i++) {
        char c = encoded.data[i];
        if (c == '%') {
            const int high = i + 2 < encoded.size ? digit_of(encoded.data[i + 1]) : -1;
            const int low = high >= 0 ? digit_of(encoded.data[i + 2]) : -1;
            if (low < 0) {
                return SIZE_MAX;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (used == size || c == '\0') {
            return SIZE_MAX;
        }
        out[used++] = c;
    }
    return used;
}
