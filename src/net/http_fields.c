/* Lines and fields, which requests and responses have in common. */
#include <stdio.h>
#include <time.h>

#include "base/check.h"
#include "net/http_priv.h"

/* RFC 9110 5.6.2: what a method or a field's name may consist of; a bit a character, so that it is
 * found without a comparison for each. Letters, digits and !#$%&'*+-.^_`|~ */
static bool is_token_char(unsigned char c)
{
    static const uint64_t bits[] = {UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe), 0,
                                    0};
    return (bits[c / 64] >> c % 64 & 1) != 0;
}

bool http_is_token(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_token_char((unsigned char)text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Visible characters, and for a field's value space, tab and what is not ASCII. Eight bytes at a
 * time where none is a control character or after one. */
bool http_is_value(struct str text)
{
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, sizeof word);
        const uint64_t delete = word ^ EACH_BYTE(0x7f);
        const uint64_t marks =
            (((word - EACH_BYTE(' ')) & ~word) | ((delete - EACH_BYTE(1)) & ~delete)) &
            EACH_BYTE(0x80);
        if (marks != 0) {
            break;
        }
    }
    for (; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c != '\t' && (c < ' ' || c == 0x7f)) {
            return false;
        }
    }
    return true;
}

size_t http_head_end(struct str text, size_t from)
{
    CHECK(from <= text.size);
    /* The last of the four bytes is looked at: what it is says how far the end can be off. */
    for (size_t i = from + 3; i < text.size;) {
        const char c = text.data[i];
        if (c == '\n' && memcmp(text.data + i - 3, "\r\n\r", 3) == 0) {
            return i + 1;
        }
        i += c == '\n' ? 2 : c == '\r' ? 1 : 4;
    }
    return 0;
}

struct str http_trim(struct str text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = (struct str){text.data + 1, text.size - 1};
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

bool http_next_line(struct str *bytes, struct str *out, bool *out_bad)
{
    const char *const end = memchr(bytes->data, '\n', bytes->size);
    if (end == NULL) {
        return false;
    }
    const size_t size = (size_t)(end - bytes->data);
    *out_bad = size == 0 || end[-1] != '\r';
    *out = (struct str){bytes->data, size > 0 ? size - 1 : 0};
    *out_bad = *out_bad || memchr(out->data, '\r', out->size) != NULL;
    *bytes = (struct str){end + 1, bytes->size - size - 1};
    return true;
}

bool http_read_length(struct str text, int64_t *out)
{
    int64_t value = 0;
    if (text.size == 0 || text.size > 18) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *out = value;
    return true;
}

const char *http_read_field(struct str line, struct http_field *out)
{
    CHECK(line.size > 0);
    CHECK(out != NULL);
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return "a header field is folded over two lines";
    }
    struct str rest = line;
    const struct str name = str_cut(&rest, ':');
    if (name.size == line.size || !http_is_token(name)) {
        return "a header field's name is malformed";
    }
    const struct str value = http_trim(rest);
    if (!http_is_value(value)) {
        return "a header field's value has a control character";
    }
    *out = (struct http_field){name, value};
    return NULL;
}

static struct str find_field(const struct http_field *fields, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_fold(fields[i].name, name)) {
            return fields[i].value;
        }
    }
    return (struct str){0};
}

struct str http_field(const struct http_head *head, struct str name)
{
    CHECK(head != NULL);
    return find_field(head->fields, head->field_count, name);
}

struct str http_response_field(const struct http_response_head *head, struct str name)
{
    CHECK(head != NULL);
    return find_field(head->fields, head->field_count, name);
}

bool http_fields_have(const struct http_field *fields, size_t count, struct str name,
                      struct str token)
{
    CHECK(fields != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        struct str rest = fields[i].value;
        while (str_equal_fold(fields[i].name, name) && rest.size > 0) {
            if (str_equal_fold(http_trim(str_cut(&rest, ',')), token)) {
                return true;
            }
        }
    }
    return false;
}

bool http_field_has(const struct http_head *head, struct str name, struct str token)
{
    CHECK(head != NULL);
    return http_fields_have(head->fields, head->field_count, name, token);
}

bool http_is_framing(struct str name)
{
    static const struct str names[] = {
        STR_STATIC("connection"),
        STR_STATIC("content-length"),
        STR_STATIC("expect"),
        STR_STATIC("host"),
        STR_STATIC("keep-alive"),
        STR_STATIC("proxy-authenticate"),
        STR_STATIC("te"),
        STR_STATIC("proxy-authorization"),
        STR_STATIC("proxy-connection"),
        STR_STATIC("trailer"),
        STR_STATIC("transfer-encoding"),
        STR_STATIC("upgrade"),
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_equal_fold(names[i], name)) {
            return true;
        }
    }
    return false;
}

void http_put_field(struct text *out, struct http_field field)
{
    CHECK(out != NULL);
    if (!http_is_token(field.name)) {
        return;
    }
    text_add(out, field.name);
    text_add(out, STR(": "));
    const size_t from = out->size;
    text_add(out, field.value);
    for (size_t i = from; i < out->size && !http_is_value(field.value); i++) {
        const unsigned char c = (unsigned char)out->data[i];
        out->data[i] = c < ' ' || c == 0x7f ? ' ' : out->data[i];
    }
    text_add(out, STR("\r\n"));
}

/* Whether a Connection field names other fields, which then are of this connection alone. */
static bool names_fields(const struct http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_fold(fields[i].name, STR("connection")) &&
            !str_equal_fold(fields[i].value, STR("close")) &&
            !str_equal_fold(fields[i].value, STR("keep-alive"))) {
            return true;
        }
    }
    return false;
}

void http_pass_fields(struct text *out, const struct http_field *fields, size_t count)
{
    CHECK(fields != NULL || count == 0);
    const bool named = names_fields(fields, count);
    for (size_t i = 0; i < count; i++) {
        const struct str name = fields[i].name;
        if (!http_is_framing(name) &&
            !(named && http_fields_have(fields, count, STR("connection"), name))) {
            http_put_field(out, fields[i]);
        }
    }
}

struct str http_date(char *out, size_t size)
{
    CHECK(out != NULL);
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    return (struct str){out, strftime(out, size, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts)};
}
