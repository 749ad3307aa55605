/* http: what is refused and with which status, then what is read. A head or body cut anywhere is
 * asked for more, never misread: every case is also fed in pieces. */
#include <stdio.h>

#include "net/http_priv.h"
#include "support/test.h"

#define GOOD "GET / HTTP/1.1\r\nHost: a\r\n"

static struct http_head head;

static enum errc parse(struct str bytes, int *status)
{
    struct err err;
    *status = 0;
    return http_head_parse(bytes, &head, status, &err);
}

static void every_ambiguous_or_malformed_head_is_refused_with_its_status(void)
{
    static const struct {
        struct str bytes;
        int status;
    } cases[] = {
        {STR_STATIC("\r\n\r\n"), 400},
        {STR_STATIC("GET\r\n\r\n"), 400},
        {STR_STATIC("GET / \r\n\r\n"), 400},
        {STR_STATIC("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC("G@T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC("GET / http/1.1\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505},
        {STR_STATIC("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505},
        {STR_STATIC("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC("GET / HTTP/1.1\nHost: a\n\n"), 400},
        {STR_STATIC("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400},
        {STR_STATIC("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"), 400},
        {STR_STATIC("GET / HTTP/1.1\r\n\r\n"), 400},
        {STR_STATIC("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400},
        {STR_STATIC(GOOD " folded: x\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Name : x\r\n\r\n"), 400},
        {STR_STATIC(GOOD ": x\r\n\r\n"), 400},
        {STR_STATIC(GOOD "nocolon\r\n\r\n"), 400},
        {STR_STATIC(GOOD "A: \x7f\r\n\r\n"), 400},
        {STR_STATIC(GOOD "A: b\0c\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Content-Length: +1\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Content-Length: -1\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Content-Length: 0x1\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Content-Length: 1, 1\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Content-Length:\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Content-Length: 99999999999999999999\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
        {STR_STATIC(GOOD "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501},
        {STR_STATIC(GOOD "Transfer-Encoding: xchunked\r\n\r\n"), 501},
        {STR_STATIC("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = 0;
        const enum errc code = parse(cases[i].bytes, &status);
        if (code == ERR_OK || code == ERR_TRUNCATED || status != cases[i].status) {
            char note[256];
            snprintf(note, sizeof note, "case %zu: %d, status %d instead of %d", i, (int)code,
                     status, cases[i].status);
            test_note(note);
        }
        EXPECT(code != ERR_OK);
        EXPECT(code != ERR_TRUNCATED);
        EXPECT(status == cases[i].status);
    }
}

static void a_head_beyond_a_limit_is_refused(void)
{
    static char bytes[HTTP_HEAD_BYTES_MAX + 16];
    int status = 0;
    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes, "GET /", 5);
    EXPECT(parse((struct str){bytes, HTTP_HEAD_BYTES_MAX - 1}, &status) == ERR_TRUNCATED);
    EXPECT(parse((struct str){bytes, sizeof bytes}, &status) == ERR_LIMIT);
    EXPECT(status == 431);

    memcpy(bytes + 5 + HTTP_TARGET_BYTES_MAX, " HTTP/1.1\r\n", 11);
    EXPECT(parse((struct str){bytes, 5 + HTTP_TARGET_BYTES_MAX + 11}, &status) == ERR_LIMIT);
    EXPECT(status == 414);

    int size = snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 1; i < HTTP_FIELDS_MAX; i++) {
        size += snprintf(bytes + size, sizeof bytes - (size_t)size, "a%d: b\r\n", i);
    }
    memcpy(bytes + size, "\r\n", 2);
    EXPECT(parse((struct str){bytes, (size_t)size + 2}, &status) == ERR_OK);
    EXPECT(head.field_count == HTTP_FIELDS_MAX);
    memcpy(bytes + size, "b: c\r\n\r\n", 8);
    EXPECT(parse((struct str){bytes, (size_t)size + 8}, &status) == ERR_LIMIT);
    EXPECT(status == 431);
}

static void a_head_cut_anywhere_asks_for_more(void)
{
    const struct str whole = STR("POST /v1/traces?a=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
                                 "X-Empty:\r\n\r\nabcGET ");
    const size_t size = whole.size - sizeof "abcGET " + 1;
    int status = 0;
    for (size_t i = 0; i < size; i++) {
        EXPECT(parse((struct str){whole.data, i}, &status) == ERR_TRUNCATED);
    }
    EXPECT(parse(whole, &status) == ERR_OK);
    EXPECT(head.size == size);
    EXPECT(head.method == HTTP_POST);
    EXPECT(str_equal(head.path, STR("/v1/traces")));
    EXPECT(str_equal(head.query, STR("a=1")));
    EXPECT(head.has_length);
    EXPECT(head.length == 3);
    EXPECT(head.keep_alive);
    EXPECT(http_field(&head, STR("x-empty")).data != NULL);
    EXPECT(http_field(&head, STR("x-empty")).size == 0);
    EXPECT(http_field(&head, STR("x-none")).data == NULL);
}

static void the_end_of_a_head_is_found_wherever_it_is(void)
{
    /* Every text of up to nine of these three bytes, against a search byte by byte. */
    static const char bytes[] = "\r\nx";
    char text[9];
    for (size_t size = 0; size <= sizeof text; size++) {
        int count = 1;
        for (size_t i = 0; i < size; i++) {
            count *= 3;
        }
        for (int number = 0; number < count; number++) {
            int left = number;
            size_t end = 0;
            for (size_t i = 0; i < size; i++, left /= 3) {
                text[i] = bytes[left % 3];
            }
            for (size_t i = 4; i <= size && end == 0; i++) {
                end = memcmp(text + i - 4, "\r\n\r\n", 4) == 0 ? i : 0;
            }
            EXPECT(http_head_end((struct str){text, size}, 0) == end);
            if (size > 0 && (end == 0 || end > 4)) {
                EXPECT(http_head_end((struct str){text, size}, 1) == end);
            }
        }
    }
}

static void names_and_values_are_judged_byte_by_byte(void)
{
    char text[19];
    for (size_t at = 0; at < sizeof text; at++) {
        for (int c = 0; c < 256; c++) {
            memset(text, 'v', sizeof text);
            text[at] = (char)c;
            const struct str all = {text, sizeof text};
            const bool in_value = c == '\t' || (c >= ' ' && c != 0x7f);
            const bool in_token = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                                  (c >= 'a' && c <= 'z') ||
                                  (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
            EXPECT(http_is_value(all) == in_value);
            EXPECT(http_is_token(all) == in_token);
        }
    }
    EXPECT(!http_is_token(STR("")));
    EXPECT(http_is_value(STR("")));
}

static void connection_and_expect_are_read_as_lists(void)
{
    int status = 0;
    EXPECT(parse(STR(GOOD "Connection: upgrade, Close\r\n\r\n"), &status) == ERR_OK);
    EXPECT(!head.keep_alive);
    EXPECT(parse(STR("GET / HTTP/1.0\r\n\r\n"), &status) == ERR_OK);
    EXPECT(!head.keep_alive);
    EXPECT(parse(STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &status) == ERR_OK);
    EXPECT(head.keep_alive);
    EXPECT(parse(STR(GOOD "Expect: 100-continue\r\n\r\n"), &status) == ERR_OK);
    EXPECT(head.expects_continue);
    EXPECT(parse(STR("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), &status) == ERR_OK);
    EXPECT(head.method == HTTP_OTHER);
    EXPECT(parse(STR("GET http://h:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n"), &status) == ERR_OK);
    EXPECT(str_equal(head.path, STR("/x")));
    EXPECT(str_equal(head.query, STR("y")));
}

/* Read a body handed over `step` bytes at a time; what was read is in `out`. */
static enum errc read_body(struct http_body body, struct str bytes, size_t step, char *out,
                           size_t *out_size, size_t *out_used)
{
    struct err err;
    size_t used = 0;
    size_t given = 0;
    *out_size = 0;
    while (body.state != HTTP_BODY_DONE) {
        struct str piece;
        size_t took = 0;
        const struct str rest = {bytes.data + used, given - used};
        const enum errc code = http_body_read(&body, rest, &piece, &took, &err);
        if (code != ERR_OK) {
            return code;
        }
        memcpy(out + *out_size, piece.data != NULL ? piece.data : "", piece.size);
        *out_size += piece.size;
        used += took;
        if (took == 0 && given == bytes.size) {
            return ERR_TRUNCATED;
        }
        if (took == 0) {
            given = given + step < bytes.size ? given + step : bytes.size;
        }
    }
    *out_used = used;
    return ERR_OK;
}

static const struct http_body chunked = {.state = HTTP_BODY_CHUNK_SIZE};

static void malformed_chunks_are_refused(void)
{
    static const struct str cases[] = {
        STR_STATIC("\r\n"),
        STR_STATIC("x\r\nabc"),
        STR_STATIC("-1\r\n"),
        STR_STATIC("0x3\r\nabc"),
        STR_STATIC("3\nabc\r\n"),
        STR_STATIC("3\r\nabcd\r\n"),
        STR_STATIC("3\r\nabc\n\n"),
        STR_STATIC("3 \r\nabc\r\n"),
        STR_STATIC("3\r\nabc\rX"),
        STR_STATIC("fffffffffffffffff\r\n"),
        STR_STATIC("0\r\na\nb\r\n\r\n"),
        STR_STATIC("3;a\x01\r\nabc\r\n"),
    };
    char out[64];
    size_t size = 0;
    size_t used = 0;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        EXPECT(read_body(chunked, cases[i], 1, out, &size, &used) == ERR_SYNTAX);
        EXPECT(read_body(chunked, cases[i], 64, out, &size, &used) == ERR_SYNTAX);
    }
}

static void a_chunk_line_or_trailer_without_end_is_refused(void)
{
    static char bytes[HTTP_TRAILER_BYTES_MAX + 64];
    static char out[64];
    size_t size = 0;
    size_t used = 0;
    memset(bytes, '0', sizeof bytes);
    EXPECT(read_body(chunked, (struct str){bytes, sizeof bytes}, 100, out, &size, &used) ==
           ERR_SYNTAX);
    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes, "0\r\n", 3);
    EXPECT(read_body(chunked, (struct str){bytes, sizeof bytes}, 100, out, &size, &used) ==
           ERR_SYNTAX);
}

static void a_body_is_the_same_in_whatever_pieces_it_comes(void)
{
    const struct str bytes =
        STR("5\r\nhello\r\n6;name=\"x\"\r\n world\r\n00\r\nTrailer: x\r\n\r\nGET");
    char out[64];
    for (size_t step = 1; step <= bytes.size; step++) {
        size_t size = 0;
        size_t used = 0;
        EXPECT(read_body(chunked, bytes, step, out, &size, &used) == ERR_OK);
        EXPECT(str_equal((struct str){out, size}, STR("hello world")));
        EXPECT(used == bytes.size - 3);
        const struct http_body plain = {.state = HTTP_BODY_LENGTH, .left = 9};
        EXPECT(read_body(plain, bytes, step, out, &size, &used) == ERR_OK);
        EXPECT(size == 9);
        EXPECT(used == 9);
    }
    size_t size = 0;
    size_t used = 0;
    EXPECT(read_body(chunked, (struct str){bytes.data, 20}, 3, out, &size, &used) == ERR_TRUNCATED);
}

static void queries_are_cut_and_decoded(void)
{
    char out[16];
    EXPECT(http_decode(STR("a%20b+c%2F"), true, out, sizeof out) == 6);
    EXPECT(str_equal((struct str){out, 6}, STR("a b c/")));
    EXPECT(http_decode(STR("a+c"), false, out, sizeof out) == 3);
    EXPECT(str_equal((struct str){out, 3}, STR("a+c")));
    EXPECT(http_decode(STR("%"), true, out, sizeof out) == SIZE_MAX);
    EXPECT(http_decode(STR("%2"), true, out, sizeof out) == SIZE_MAX);
    EXPECT(http_decode(STR("%zz"), true, out, sizeof out) == SIZE_MAX);
    EXPECT(http_decode(STR("a%00"), true, out, sizeof out) == SIZE_MAX);
    EXPECT(http_decode(STR("12345678901234567"), true, out, sizeof out) == SIZE_MAX);
    struct str query = STR("&a=1&&b&c=x=y");
    struct str name;
    struct str value;
    EXPECT(http_query_next(&query, &name, &value));
    EXPECT(str_equal(name, STR("a")) && str_equal(value, STR("1")));
    EXPECT(http_query_next(&query, &name, &value));
    EXPECT(str_equal(name, STR("b")) && value.size == 0);
    EXPECT(http_query_next(&query, &name, &value));
    EXPECT(str_equal(name, STR("c")) && str_equal(value, STR("x=y")));
    EXPECT(!http_query_next(&query, &name, &value));
    EXPECT(strcmp(http_reason(503), "Service Unavailable") == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(every_ambiguous_or_malformed_head_is_refused_with_its_status),
        TEST(a_head_beyond_a_limit_is_refused),
        TEST(a_head_cut_anywhere_asks_for_more),
        TEST(the_end_of_a_head_is_found_wherever_it_is),
        TEST(names_and_values_are_judged_byte_by_byte),
        TEST(connection_and_expect_are_read_as_lists),
        TEST(malformed_chunks_are_refused),
        TEST(a_chunk_line_or_trailer_without_end_is_refused),
        TEST(a_body_is_the_same_in_whatever_pieces_it_comes),
        TEST(queries_are_cut_and_decoded),
    };
    return test_main(tests, COUNT_OF(tests));
}
