/* One response head: status line, fields, and what they say of the body (RFC 9112 6.3). */
#include "base/check.h"
#include "net/http_priv.h"

static enum errc refuse(struct err *err, const char *text)
{
    return err_set(err, ERR_SYNTAX, "%s", text);
}

/* "HTTP/1.1 200 OK"; the reason may be empty, and the space before it missing. */
static enum errc read_status_line(struct str line, struct http_response_head *head, struct err *err)
{
    enum { VERSION_BYTES = sizeof "HTTP/1.1" - 1, STATUS_END = VERSION_BYTES + 4 };
    if (!str_starts_with(line, STR("HTTP/"))) {
        return refuse(err, "the answer does not begin as HTTP does");
    }
    if (!str_starts_with(line, STR("HTTP/1.1 ")) && !str_starts_with(line, STR("HTTP/1.0 "))) {
        return err_set(err, ERR_UNSUPPORTED, "the answer is not HTTP/1.1 or HTTP/1.0");
    }
    head->minor = line.data[VERSION_BYTES - 1] - '0';
    head->status = 0;
    for (size_t i = VERSION_BYTES + 1; i < STATUS_END; i++) {
        if (i >= line.size || line.data[i] < '0' || line.data[i] > '9') {
            return refuse(err, "the answer's status is no number of three digits");
        }
        head->status = head->status * 10 + (line.data[i] - '0');
    }
    if (head->status < 100 || (line.size > STATUS_END && line.data[STATUS_END] != ' ')) {
        return refuse(err, "the answer's status is no number of three digits");
    }
    head->reason = line.size > STATUS_END
                       ? (struct str){line.data + STATUS_END + 1, line.size - STATUS_END - 1}
                       : (struct str){line.data + line.size, 0};
    return http_is_value(head->reason) ? ERR_OK
                                       : refuse(err, "the answer's reason has a control character");
}

/* How long the server keeps the connection, "timeout=5, max=100"; 0: not said. */
static int read_keep_alive(struct str value)
{
    struct str rest = value;
    while (rest.size > 0) {
        struct str part = http_trim(str_cut(&rest, ','));
        int64_t seconds = 0;
        if (str_equal_fold(http_trim(str_cut(&part, '=')), STR("timeout")) &&
            http_read_length(http_trim(part), &seconds)) {
            return seconds < 1 << 20 ? (int)seconds : 1 << 20;
        }
    }
    return 0;
}

struct framing_fields {
    size_t lengths;
    size_t encodings;
};

static enum errc read_framing_fields(struct http_response_head *head, struct framing_fields *out,
                                     struct err *err)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct str name = head->fields[i].name;
        const struct str value = head->fields[i].value;
        if (str_equal_fold(name, STR("content-length"))) {
            if (out->lengths++ > 0 || !http_read_length(value, &head->length)) {
                return refuse(err, "content-length is not one number, given once");
            }
        } else if (str_equal_fold(name, STR("transfer-encoding"))) {
            if (out->encodings++ > 0 || !str_equal_fold(value, STR("chunked"))) {
                return err_set(err, ERR_UNSUPPORTED,
                               "transfer-encoding other than chunked, given once");
            }
        } else if (str_equal_fold(name, STR("keep-alive"))) {
            head->keep_alive_s = read_keep_alive(value);
        }
    }
    return ERR_OK;
}

static enum errc read_framing(struct http_response_head *head, bool to_head, struct err *err)
{
    struct framing_fields found = {0};
    const enum errc code = read_framing_fields(head, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    if (found.encodings > 0 && (found.lengths > 0 || head->minor == 0)) {
        return refuse(err, "the answer frames its body in two ways");
    }
    if ((found.encodings > 0 || head->length > 0) && (head->status < 200 || head->status == 204)) {
        return refuse(err, "an answer without a body frames one");
    }
    if (head->status < 200 || head->status == 204 || head->status == 304 || to_head) {
        head->framing = HTTP_NO_BODY;
    } else if (found.encodings > 0) {
        head->framing = HTTP_CHUNKED;
    } else {
        head->framing = found.lengths > 0 ? HTTP_LENGTH : HTTP_TILL_THE_CLOSE;
    }
    return ERR_OK;
}

static bool keeps_alive(const struct http_response_head *head)
{
    const struct str name = STR("connection");
    if (head->framing == HTTP_TILL_THE_CLOSE ||
        http_fields_have(head->fields, head->field_count, name, STR("close"))) {
        return false;
    }
    return head->minor == 1 ||
           http_fields_have(head->fields, head->field_count, name, STR("keep-alive"));
}

enum errc http_response_parse(struct str bytes, bool to_head, struct http_response_head *out,
                              struct err *err)
{
    CHECK(bytes.data != NULL || bytes.size == 0);
    CHECK(out != NULL);
    struct str rest = {bytes.data,
                       bytes.size < HTTP_HEAD_BYTES_MAX ? bytes.size : HTTP_HEAD_BYTES_MAX};
    struct str line = {0};
    bool bad = false;
    enum errc code = ERR_OK;
    out->field_count = 0;
    out->length = -1;
    out->keep_alive_s = 0;
    for (bool first = true; code == ERR_OK; first = false) {
        if (rest.size == 0 || !http_next_line(&rest, &line, &bad)) {
            return bytes.size >= HTTP_HEAD_BYTES_MAX
                       ? err_set(err, ERR_LIMIT, "the answer's head is larger than 64 KiB")
                       : err_set(err, ERR_TRUNCATED, "the answer's head is not whole yet");
        }
        if (bad) {
            return refuse(err, "a line of the answer's head does not end with CR LF");
        }
        if (first) {
            code = read_status_line(line, out, err);
        } else if (line.size == 0) {
            break;
        } else if (out->field_count == HTTP_FIELDS_MAX) {
            code = err_set(err, ERR_LIMIT, "the answer has more than 100 header fields");
        } else {
            const char *const wrong = http_read_field(line, &out->fields[out->field_count++]);
            code = wrong != NULL ? refuse(err, wrong) : ERR_OK;
        }
    }
    if (code == ERR_OK) {
        code = read_framing(out, to_head, err);
    }
    if (code == ERR_OK) {
        out->size = (size_t)(rest.data - bytes.data);
        out->keep_alive = keeps_alive(out);
    }
    return code;
}
