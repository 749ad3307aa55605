/* stream: answers that are written piece by piece. What a client does that leaves, half-closes,
 * resets, sends on or does not read comes first; then what good clients get. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/server.h"
#include "peer.h"

#define HOST        "Host: h\r\n"
#define MANY_PIECES 4000

enum { PIECE_BYTES = 4096 };

/* One streamed answer: writes its pieces as fast as they are taken, one a millisecond, or none. */
struct writer {
    struct net_reply *reply;
    struct net_timer timer;
    int pieces_left;
    int gap_ms; /* between pieces; 0: as they are taken */
    size_t unsent_max;
};

static struct net_server *server;
static struct writer writer;
static atomic_int left_count;
static atomic_int writable_count;
static atomic_size_t unsent_max;
static atomic_llong written;
static char piece[PIECE_BYTES];

static void finish_writer(void)
{
    net_timer_clear(net_reply_loop(writer.reply), &writer.timer);
}

static void write_on(void *context)
{
    (void)context;
    bool more = true;
    while (more && writer.pieces_left > 0) {
        more = net_reply_write(writer.reply, (struct str){piece, sizeof piece});
        writer.pieces_left--;
        atomic_fetch_add(&written, (long long)sizeof piece);
        if (net_reply_unsent(writer.reply) > atomic_load(&unsent_max)) {
            atomic_store(&unsent_max, net_reply_unsent(writer.reply));
        }
        if (writer.gap_ms > 0) {
            net_timer_set(net_reply_loop(writer.reply), &writer.timer, writer.gap_ms);
            return;
        }
    }
    if (more && writer.pieces_left == 0) {
        finish_writer();
        net_reply_end(writer.reply, NULL, 0);
    }
}

static void on_writable(void *context)
{
    atomic_fetch_add(&writable_count, 1);
    write_on(context);
}

static void on_left(void *context)
{
    (void)context;
    atomic_fetch_add(&left_count, 1);
    finish_writer();
    net_reply_end(writer.reply, NULL, 0);
}

static const struct net_reply_events events = {on_writable, on_left};

static void say(struct net_reply *reply, const char *text)
{
    (void)net_reply_write(reply, str_from(text));
}

static void handle(void *context, const struct net_request *request, struct net_reply *reply)
{
    (void)context;
    static const struct http_field fields[] = {
        {STR_STATIC("Content-Type"), STR_STATIC("text/event-stream")},
        {STR_STATIC("Transfer-Encoding"), STR_STATIC("gzip")},
        {STR_STATIC("X-Bad"), STR_STATIC("a\r\nX-Injected: 1")},
    };
    static const struct http_field trailer = {STR_STATIC("X-Sum"), STR_STATIC("7")};
    const struct str path = request->head->path;
    struct net_reply_head head = {
        .status = 200, .fields = fields, .field_count = COUNT_OF(fields), .length = -1};
    if (str_equal(path, STR("/short"))) {
        net_reply_watch(reply, &events, NULL);
        net_reply_forget_head(reply);
        CHECK(request->head == NULL);
        net_reply_forget_head(reply); /* twice is once */
        net_reply_begin(reply, &head);
        say(reply, "a");
        say(reply, "");
        say(reply, "bc");
        net_reply_end(reply, &trailer, 1);
    } else if (str_equal(path, STR("/length"))) {
        head.length = 3;
        net_reply_begin(reply, &head);
        say(reply, "abc");
        net_reply_end(reply, NULL, 0);
    } else if (str_starts_with(path, STR("/abort"))) {
        head.length = str_equal(path, STR("/abort-length")) ? 10 : -1;
        net_reply_begin(reply, &head);
        say(reply, "abc");
        net_reply_abort(reply);
    } else if (str_equal(path, STR("/none"))) {
        head.status = 204;
        net_reply_begin(reply, &head);
        net_reply_end(reply, NULL, 0);
    } else {
        memset(&writer, 0, sizeof writer);
        writer.reply = reply;
        writer.timer.run = write_on;
        writer.pieces_left = MANY_PIECES;
        writer.gap_ms = str_equal(path, STR("/slow")) ? 1 : 0;
        net_reply_watch(reply, &events, NULL);
        if (!str_equal(path, STR("/silent"))) {
            net_reply_begin(reply, &head);
            write_on(NULL);
        } else {
            net_reply_begin(reply, &head);
        }
    }
}

static void open_server(const struct net_limits *limits)
{
    const struct net_settings settings = {.address = "127.0.0.1", .loops = 1, .limits = *limits};
    struct err err;
    atomic_store(&left_count, 0);
    atomic_store(&writable_count, 0);
    atomic_store(&unsent_max, 0);
    atomic_store(&written, 0);
    for (size_t i = 0; i < sizeof piece; i++) {
        piece[i] = (char)('a' + i % 26);
    }
    CHECK(net_server_create(&settings, handle, NULL, &server, &err) == ERR_OK);
    net_server_start(server);
}

static int ask(const char *request)
{
    const int fd = peer_dial(net_server_port(server));
    CHECK(peer_put_text(fd, request));
    return fd;
}

/* All until the server closes or `end` came; NUL-terminated; -1 in `out_last` for a reset. */
static size_t take(int fd, const char *end, char *out, size_t size, ssize_t *out_last)
{
    size_t used = 0;
    ssize_t got = 1;
    const struct timeval wait = {.tv_sec = PEER_WAIT_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    out[0] = '\0';
    while (got > 0 && used < size - 1 && (end == NULL || strstr(out, end) == NULL)) {
        got = recv(fd, out + used, size - 1 - used, 0);
        used += got > 0 ? (size_t)got : 0;
        out[used] = '\0';
    }
    if (out_last != NULL) {
        *out_last = got;
    }
    return used;
}

static bool becomes(const atomic_int *value, int wanted)
{
    for (int i = 0; i < PEER_WAIT_MS && atomic_load(value) != wanted; i++) {
        peer_sleep_ms(1);
    }
    return atomic_load(value) == wanted;
}

static void a_client_that_leaves_is_noticed_at_once(void)
{
    open_server(&net_limits_default);
    static const char *const paths[] = {"silent", "slow"};
    int64_t took_max = 0;
    bool told = true;
    for (int i = 0; i < 6; i++) {
        char request[64];
        snprintf(request, sizeof request, "GET /%s HTTP/1.1\r\n" HOST "\r\n", paths[i % 2]);
        const int fd = ask(request);
        peer_sleep_ms(30);
        const int64_t began = peer_now_ms();
        if (i / 2 == 0) {
            close(fd); /* unread bytes: a reset */
        } else if (i / 2 == 1) {
            shutdown(fd, SHUT_WR);
        } else {
            peer_reset(fd);
            close(fd);
        }
        told = becomes(&left_count, i + 1) && told;
        took_max = peer_now_ms() - began > took_max ? peer_now_ms() - began : took_max;
        if (i / 2 == 1) {
            close(fd);
        }
    }
    const struct net_counts counts = net_server_counts(server);
    net_server_destroy(&server);
    EXPECT(told);
    EXPECT(took_max < 10000);
    EXPECT(counts.connections == 0);
}

static void a_client_that_does_not_read_is_waited_for_without_memory(void)
{
    struct net_limits limits = net_limits_default;
    limits.write_ms_max = 300;
    open_server(&limits);
    const int fd = ask("GET /much HTTP/1.1\r\n" HOST "\r\n");
    const bool ended = becomes(&left_count, 1);
    const long long given = atomic_load(&written);
    const size_t unsent = atomic_load(&unsent_max);
    close(fd);
    net_server_destroy(&server);
    EXPECT(ended); /* by its deadline */
    EXPECT(given < (long long)MANY_PIECES * PIECE_BYTES);
    EXPECT(unsent <= NET_UNSENT_BYTES_HIGH + 4 * (size_t)PIECE_BYTES);
}

static void a_slow_reader_gets_all_of_it(void)
{
    struct net_limits limits = net_limits_default;
    limits.write_ms_max = 1000; /* no byte for so long; not for all of it */
    open_server(&limits);
    const int fd = peer_dial_narrow(net_server_port(server));
    CHECK(peer_put_text(fd, "GET /much HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    static char all[MANY_PIECES * (PIECE_BYTES + 16)];
    size_t size = 0;
    ssize_t got = 1;
    for (int i = 0; got > 0; i++) {
        const size_t room = sizeof all - size;
        got = recv(fd, all + size, i < 60 ? 1024 : room, 0);
        size += got > 0 ? (size_t)got : 0;
        peer_sleep_ms(i < 60 ? 25 : 0);
    }
    close(fd);
    const size_t unsent = atomic_load(&unsent_max);
    net_server_destroy(&server);
    EXPECT(size > (size_t)MANY_PIECES * PIECE_BYTES);
    EXPECT(memcmp(all + size - 5, "0\r\n\r\n", 5) == 0);
    EXPECT(unsent <= NET_UNSENT_BYTES_HIGH + 4 * (size_t)PIECE_BYTES);
    EXPECT(writable_count > 0);
    EXPECT(left_count == 0);
}

static void what_is_sent_during_an_answer_is_bounded(void)
{
    static char flood[8 << 20];
    memset(flood, 'x', sizeof flood);
    struct net_limits limits = net_limits_default;
    limits.write_ms_max = 500;
    open_server(&limits);
    const int fd = ask("GET /silent HTTP/1.1\r\n" HOST "\r\n");
    const struct timeval wait = {.tv_usec = 200000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    const bool took_all = peer_put(fd, (struct str){flood, sizeof flood});
    close(fd);
    net_server_destroy(&server);
    EXPECT(!took_all); /* it fills the client's own socket */
}

static void an_aborted_answer_never_looks_whole(void)
{
    static char all[4096];
    ssize_t last = 0;
    open_server(&net_limits_default);
    int fd = ask("GET /abort HTTP/1.1\r\n" HOST "\r\n");
    take(fd, NULL, all, sizeof all, NULL);
    const bool chunked = strstr(all, "3\r\nabc\r\n") != NULL && strstr(all, "0\r\n\r\n") == NULL;
    close(fd);
    fd = ask("GET /abort-length HTTP/1.1\r\n" HOST "\r\n");
    take(fd, NULL, all, sizeof all, NULL);
    const bool length = strstr(all, "Content-Length: 10\r\n") != NULL && strstr(all, "abc") != NULL;
    close(fd);
    fd = ask("GET /abort HTTP/1.0\r\n\r\n");
    take(fd, NULL, all, sizeof all, &last);
    close(fd);
    net_server_destroy(&server);
    EXPECT(chunked);
    EXPECT(length);
    EXPECT(last < 0); /* a reset, because the end of the connection would end the body */
}

static void a_stop_tells_whoever_still_writes(void)
{
    open_server(&net_limits_default);
    const int fd = ask("GET /slow HTTP/1.1\r\n" HOST "\r\n");
    peer_sleep_ms(30);
    net_server_stop(server);
    const int told = atomic_load(&left_count);
    close(fd);
    net_server_destroy(&server);
    EXPECT(told == 1);
}

static void an_answer_is_framed_as_its_client_understands(void)
{
    static char all[8192];
    open_server(&net_limits_default);
    int fd = ask("GET /short HTTP/1.1\r\n" HOST "\r\nHEAD /short HTTP/1.1\r\n" HOST
                 "\r\nGET /none HTTP/1.1\r\n" HOST "\r\nGET /length HTTP/1.1\r\n" HOST
                 "Connection: close\r\n\r\n");
    take(fd, NULL, all, sizeof all, NULL);
    close(fd);
    const char *const body =
        strstr(all, "\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\nX-Sum: 7\r\n\r\nHTTP/1.1 200");
    const char *const none = strstr(all, "HTTP/1.1 204 No Content\r\n");
    const char *const length = strstr(all, "\r\n\r\nabc");
    const bool safe = strstr(all, "gzip") == NULL && strstr(all, "\nX-Injected") == NULL &&
                      strstr(all, "\r\nDate: ") != NULL;
    fd = ask("GET /short HTTP/1.0\r\n\r\n");
    static char old[4096];
    ssize_t last = 1;
    take(fd, NULL, old, sizeof old, &last);
    close(fd);
    net_server_destroy(&server);
    EXPECT(body != NULL);
    EXPECT(none != NULL && none > body);
    EXPECT(length != NULL && length > none);
    EXPECT(safe);
    EXPECT(last == 0);
    EXPECT(strstr(old, "chunked") == NULL && strstr(old, "\r\n\r\nabc") != NULL);
}

static void what_is_written_in_one_callback_arrives_together(void)
{
    static char all[4096];
    open_server(&net_limits_default);
    const int fd = ask("GET /short HTTP/1.1\r\n" HOST "\r\n");
    const ssize_t got = recv(fd, all, sizeof all - 1, 0);
    all[got > 0 ? got : 0] = '\0';
    close(fd);
    net_server_destroy(&server);
    EXPECT(strstr(all, "X-Sum: 7\r\n\r\n") != NULL);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_client_that_leaves_is_noticed_at_once),
        TEST_SPARSE(a_client_that_does_not_read_is_waited_for_without_memory),
        TEST_SPARSE(what_is_sent_during_an_answer_is_bounded),
        TEST_SPARSE(an_aborted_answer_never_looks_whole),
        TEST_SPARSE(a_stop_tells_whoever_still_writes),
        TEST_SPARSE(a_slow_reader_gets_all_of_it),
        TEST_SPARSE(an_answer_is_framed_as_its_client_understands),
        TEST_SPARSE(what_is_written_in_one_callback_arrives_together),
    };
    return test_main(tests, COUNT_OF(tests));
}
