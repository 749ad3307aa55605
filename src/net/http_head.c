/* One request head, byte by byte: request line, fields, and what they say of the body. */
#include "base/check.h"
#include "net/http.h"

/* RFC 9110 5.6.2: what a method or a field's name may consist of. */
static bool is_token_char(unsigned char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && memchr(others, c, sizeof others - 1) != NULL);
}

static bool is_token(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_token_char((unsigned char)text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

/* Visible characters, and for a field's value space, tab and what is not ASCII. */
static bool is_value(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c != '\t' && (c < ' ' || c == 0x7f)) {
            return false;
        }
    }
    return true;
}

static bool is_target(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c >= 0x7f || c == '#') {
            return false;
        }
    }
    return text.size > 0;
}

static struct str trim(struct str text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = (struct str){text.data + 1, text.size - 1};
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

static enum errc refuse(int *out_status, int status, struct err *err, const char *text)
{
    *out_status = status;
    return err_set(err,
                   status == 431 || status == 414   ? ERR_LIMIT
                   : status == 501 || status == 505 ? ERR_UNSUPPORTED
                                                    : ERR_SYNTAX,
                   "%s", text);
}

/* The next line without its CR LF; false when it does not end within `bytes`. A lone CR or LF is
 * no line end: `out_bad`. */
static bool next_line(struct str *bytes, struct str *out, bool *out_bad)
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

static enum http_method method_of(struct str name)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (enum http_method m = 0; m < COUNT_OF(names); m++) {
        if (str_equal(name, str_from(names[m]))) {
            return m;
        }
    }
    return HTTP_OTHER;
}

/* "http://host/path" as proxies ask is taken as "/path". */
static bool split_target(struct http_head *head)
{
    struct str target = head->target;
    if (str_equal(target, STR("*"))) {
        head->path = target;
        return head->method == HTTP_OPTIONS;
    }
    if (target.data[0] != '/') {
        if (!str_starts_with(target, STR("http://")) && !str_starts_with(target, STR("https://"))) {
            return false;
        }
        const size_t host = str_find(target, STR("//")) + 2;
        struct str rest = {target.data + host, target.size - host};
        const char *const slash = memchr(rest.data, '/', rest.size);
        if (slash == NULL || slash == rest.data) {
            return false;
        }
        target = (struct str){slash, rest.size - (size_t)(slash - rest.data)};
    }
    head->path = str_cut(&target, '?');
    head->query = target;
    return true;
}

static enum errc read_request_line(struct str line, struct http_head *head, int *out_status,
                                   struct err *err)
{
    struct str rest = line;
    head->method_name = str_cut(&rest, ' ');
    head->target = str_cut(&rest, ' ');
    if (head->target.size > HTTP_TARGET_BYTES_MAX) {
        return refuse(out_status, 414, err, "the request's target is longer than 8 KiB");
    }
    if (!is_token(head->method_name) || !is_target(head->target) ||
        !str_starts_with(rest, STR("HTTP/")) || rest.size != sizeof "HTTP/1.1" - 1) {
        return refuse(out_status, 400, err, "the first line is no HTTP request line");
    }
    if (!str_equal(rest, STR("HTTP/1.1")) && !str_equal(rest, STR("HTTP/1.0"))) {
        return refuse(out_status, 505, err, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    }
    head->minor = rest.data[rest.size - 1] - '0';
    head->method = method_of(head->method_name);
    return split_target(head) ? ERR_OK
                              : refuse(out_status, 400, err, "the request's target is malformed");
}

static enum errc read_field(struct str line, struct http_head *head, int *out_status,
                            struct err *err)
{
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return refuse(out_status, 400, err, "a header field is folded over two lines");
    }
    struct str rest = line;
    const struct str name = str_cut(&rest, ':');
    if (name.size == line.size || !is_token(name)) {
        return refuse(out_status, 400, err, "a header field's name is malformed");
    }
    const struct str value = trim(rest);
    if (!is_value(value)) {
        return refuse(out_status, 400, err, "a header field's value has a control character");
    }
    if (head->field_count == HTTP_FIELDS_MAX) {
        return refuse(out_status, 431, err, "more than 100 header fields");
    }
    head->fields[head->field_count++] = (struct http_field){name, value};
    return ERR_OK;
}

/* Only digits, at most 18 of them. */
static bool read_length(struct str text, int64_t *out)
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

/* How the body is framed. Two fields that could disagree are refused: RFC 9112 6.1, 6.3. */
static enum errc read_framing(struct http_head *head, int *out_status, struct err *err)
{
    size_t hosts = 0;
    size_t encodings = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct str name = head->fields[i].name;
        const struct str value = head->fields[i].value;
        if (str_equal_fold(name, STR("host"))) {
            hosts++;
        } else if (str_equal_fold(name, STR("content-length"))) {
            if (head->has_length || !read_length(value, &head->length)) {
                return refuse(out_status, 400, err, "content-length is not one number, given once");
            }
            head->has_length = true;
        } else if (str_equal_fold(name, STR("transfer-encoding"))) {
            encodings++;
            if (!str_equal_fold(value, STR("chunked"))) {
                return refuse(out_status, 501, err,
                              "transfer-encoding other than chunked is not spoken here");
            }
            head->is_chunked = true;
        }
    }
    if (encodings > 1 || (head->is_chunked && (head->has_length || head->minor == 0))) {
        return refuse(out_status, 400, err, "the request frames its body in two ways");
    }
    if (hosts > 1 || (hosts == 0 && head->minor == 1)) {
        return refuse(out_status, 400, err, "an HTTP/1.1 request has exactly one host field");
    }
    return ERR_OK;
}

enum errc http_head_parse(struct str bytes, struct http_head *out, int *out_status, struct err *err)
{
    CHECK(bytes.data != NULL || bytes.size == 0);
    CHECK(out != NULL);
    CHECK(out_status != NULL);
    struct str rest = {bytes.data,
                       bytes.size < HTTP_HEAD_BYTES_MAX ? bytes.size : HTTP_HEAD_BYTES_MAX};
    struct str line = {0};
    bool bad = false;
    enum errc code = ERR_OK;
    memset(out, 0, offsetof(struct http_head, fields));
    out->field_count = 0;
    out->keep_alive = out->expects_continue = out->is_chunked = out->has_length = false;
    out->length = 0;
    for (bool first = true; code == ERR_OK; first = false) {
        if (rest.size == 0 || !next_line(&rest, &line, &bad)) {
            return bytes.size >= HTTP_HEAD_BYTES_MAX
                       ? refuse(out_status, 431, err, "the request's head is larger than 64 KiB")
                       : err_set(err, ERR_TRUNCATED, "the request's head is not whole yet");
        }
        if (bad) {
            return refuse(out_status, 400, err, "a line does not end with CR LF");
        }
        if (line.size == 0 && !first) {
            break;
        }
        code = first ? read_request_line(line, out, out_status, err)
                     : read_field(line, out, out_status, err);
    }
    if (code == ERR_OK) {
        code = read_framing(out, out_status, err);
    }
    if (code == ERR_OK) {
        out->size = (size_t)(rest.data - bytes.data);
        out->keep_alive = out->minor == 1
                              ? !http_field_has(out, STR("connection"), STR("close"))
                              : http_field_has(out, STR("connection"), STR("keep-alive"));
        out->expects_continue =
            out->minor == 1 && http_field_has(out, STR("expect"), STR("100-continue"));
    }
    return code;
}

struct str http_field(const struct http_head *head, struct str name)
{
    CHECK(head != NULL);
    for (size_t i = 0; i < head->field_count; i++) {
        if (str_equal_fold(head->fields[i].name, name)) {
            return head->fields[i].value;
        }
    }
    return (struct str){0};
}

bool http_field_has(const struct http_head *head, struct str name, struct str token)
{
    CHECK(head != NULL);
    for (size_t i = 0; i < head->field_count; i++) {
        struct str rest = head->fields[i].value;
        while (str_equal_fold(head->fields[i].name, name) && rest.size > 0) {
            if (str_equal_fold(trim(str_cut(&rest, ',')), token)) {
                return true;
            }
        }
    }
    return false;
}
