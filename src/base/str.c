#include "base/str.h"

#include "base/check.h"

int str_compare(struct str a, struct str b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

bool str_starts_with(struct str text, struct str prefix)
{
    return text.size >= prefix.size && str_equal((struct str){text.data, prefix.size}, prefix);
}

bool str_ends_with(struct str text, struct str suffix)
{
    return suffix.size == 0 ||
           (text.size >= suffix.size &&
            str_equal((struct str){text.data + (text.size - suffix.size), suffix.size}, suffix));
}

size_t str_find(struct str text, struct str needle)
{
    CHECK(needle.size > 0);
    if (text.size == 0) {
        return SIZE_MAX;
    }
    const char *found = memmem(text.data, text.size, needle.data, needle.size);
    return found != NULL ? (size_t)(found - text.data) : SIZE_MAX;
}

bool str_equal_fold_bytes(const char *a, const char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char either = (char)(a[i] | 0x20);
        const bool same = a[i] == b[i] || ((a[i] ^ b[i]) == 0x20 && either >= 'a' && either <= 'z');
        if (!same) {
            return false;
        }
    }
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct str str_trim(struct str text)
{
    while (text.size > 0 && is_space(text.data[0])) {
        text = (struct str){text.data + 1, text.size - 1};
    }
    while (text.size > 0 && is_space(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

struct str str_cut(struct str *text, char separator)
{
    CHECK(text != NULL);
    const char *at = text->size > 0 ? memchr(text->data, separator, text->size) : NULL;
    if (at == NULL) {
        const struct str all = *text;
        *text = (struct str){text->size > 0 ? text->data + text->size : text->data, 0};
        return all;
    }
    const size_t size = (size_t)(at - text->data);
    const struct str before = {text->data, size};
    *text = (struct str){at + 1, text->size - size - 1};
    return before;
}

size_t str_join(char *out, size_t out_size, const struct str *parts, size_t count)
{
    CHECK(out != NULL);
    CHECK(out_size > 0);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t room = out_size - 1 - size;
        const size_t taken = parts[i].size < room ? parts[i].size : room;
        if (taken > 0) {
            memcpy(out + size, parts[i].data, taken);
            size += taken;
        }
    }
    out[size] = '\0';
    return size;
}

bool str_to_int64(struct str text, int64_t *out)
{
    CHECK(out != NULL);
    const bool negative = text.size > 0 && text.data[0] == '-';
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    if (i == text.size) {
        return false;
    }
    int64_t value = 0;
    for (; i < text.size; i++) {
        const int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}
