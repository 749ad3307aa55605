/* One request head, byte by byte: request line, fields, and what they say of the body. */
#include "base/check.h"
#include "net/http_priv.h"

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

static enum errc refuse(int *out_status, int status, struct err *err, const char *text)
{
    *out_status = status;
    return err_set(err,
                   status == 431 || status == 414   ? ERR_LIMIT
                   : status == 501 || status == 505 ? ERR_UNSUPPORTED
                                                    : ERR_SYNTAX,
                   "%s", text);
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
    if (!http_is_token(head->method_name) || !is_target(head->target) ||
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
    if (head->field_count == HTTP_FIELDS_MAX) {
        return refuse(out_status, 431, err, "more than 100 header fields");
    }
    const char *const wrong = http_read_field(line, &head->fields[head->field_count]);
    if (wrong != NULL) {
        return refuse(out_status, 400, err, wrong);
    }
    head->field_count++;
    return ERR_OK;
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
            if (head->has_length || !http_read_length(value, &head->length)) {
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
        if (rest.size == 0 || !http_next_line(&rest, &line, &bad)) {
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
