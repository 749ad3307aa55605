/* relay: the server and the client joined, as a gateway does. A reader that is slow or leaves is
 * felt by the server behind, and by nobody else. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/client.h"
#include "net/server.h"
#include "peer.h"

#define REQUEST "GET /s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

enum { BLOCK_BYTES = 8192, BLOCKS = 4096, EXCHANGES_MAX = 64 };

struct exchange {
    struct net_reply *reply;
    struct net_call *call;
};

static struct net_server *server;
static struct net_client *client;
static struct peer peer;
static struct exchange exchanges[EXCHANGES_MAX];
static int exchange_count; /* of the one loop */
static atomic_size_t unsent_max;
static atomic_llong sent_bytes;
static atomic_int closed_at_chunk;

static void on_head(void *context, const struct http_response_head *head)
{
    struct exchange *const exchange = context;
    net_reply_begin(exchange->reply, &(struct net_reply_head){.status = head->status,
                                                              .fields = head->fields,
                                                              .field_count = head->field_count,
                                                              .length = -1});
}

static void on_body(void *context, struct str piece)
{
    struct exchange *const exchange = context;
    if (!net_reply_write(exchange->reply, piece)) {
        net_call_pause(exchange->call);
    }
    if (net_reply_unsent(exchange->reply) > atomic_load(&unsent_max)) {
        atomic_store(&unsent_max, net_reply_unsent(exchange->reply));
    }
}

static void on_end(void *context, const struct http_field *trailers, size_t trailer_count)
{
    struct exchange *const exchange = context;
    net_reply_end(exchange->reply, trailers, trailer_count);
}

static void on_error(void *context, const struct net_failure *failure)
{
    (void)failure;
    struct exchange *const exchange = context;
    net_reply_abort(exchange->reply);
}

static void on_writable(void *context)
{
    struct exchange *const exchange = context;
    net_call_resume(exchange->call);
}

static void on_left(void *context)
{
    struct exchange *const exchange = context;
    net_call_cancel(exchange->call);
    net_reply_abort(exchange->reply);
}

static void handle(void *context, const struct net_request *request, struct net_reply *reply)
{
    (void)context;
    static const struct net_call_events call_events = {on_head, on_body, on_end, on_error};
    static const struct net_reply_events reply_events = {on_writable, on_left};
    CHECK(exchange_count < EXCHANGES_MAX);
    struct exchange *const exchange = &exchanges[exchange_count++];
    struct net_call_request call = peer_get(peer.port);
    call.path = request->head->target;
    exchange->reply = reply;
    net_reply_watch(reply, &reply_events, exchange);
    exchange->call = net_call_start(client, net_reply_loop(reply), &call, &call_events, exchange);
}

static void open_relay(peer_script *script)
{
    const struct net_settings settings = {
        .address = "127.0.0.1", .loops = 1, .limits = net_limits_default};
    struct err err;
    exchange_count = 0;
    atomic_store(&unsent_max, 0);
    atomic_store(&sent_bytes, 0);
    atomic_store(&closed_at_chunk, 0);
    peer_open(&peer, script);
    CHECK(net_server_create(&settings, handle, NULL, &server, &err) == ERR_OK);
    CHECK(net_client_create(net_server_loops(server), &net_client_settings_default, &client,
                            &err) == ERR_OK);
    net_server_start(server);
}

static void close_relay(void)
{
    net_server_stop(server);
    net_client_destroy(&client);
    net_server_destroy(&server);
    peer_close(&peer);
}

static void send_much(int fd, int index)
{
    (void)index;
    static const char block[BLOCK_BYTES] = {'z'};
    peer_read_request(fd);
    bool here = peer_put_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n");
    for (int i = 0; i < BLOCKS && here; i++) {
        here = peer_put(fd, (struct str){block, sizeof block});
        atomic_fetch_add(&sent_bytes, (long long)sizeof block);
    }
}

static size_t read_all(int fd)
{
    static char bytes[65536];
    size_t all = 0;
    ssize_t got = 1;
    while (got > 0) {
        got = recv(fd, bytes, sizeof bytes, 0);
        all += got > 0 ? (size_t)got : 0;
    }
    return all;
}

static void a_slow_reader_holds_back_the_server_behind_and_nobody_else(void)
{
    open_relay(send_much);
    const int slow = peer_dial_narrow(net_server_port(server));
    CHECK(peer_put_text(slow, REQUEST));
    char bytes[1024];
    for (int i = 0; i < 20; i++) {
        CHECK(recv(slow, bytes, sizeof bytes, 0) > 0);
        peer_sleep_ms(5);
    }
    const long long before = atomic_load(&sent_bytes);
    const int fast = peer_dial(net_server_port(server));
    CHECK(peer_put_text(fast, REQUEST));
    const size_t all = read_all(fast);
    const size_t unsent = atomic_load(&unsent_max);
    close(fast);
    close(slow);
    close_relay();
    EXPECT(before < 20 << 20); /* what kernels hold, of 32 MiB */
    EXPECT(all > 32 << 20);
    EXPECT(unsent <= NET_UNSENT_BYTES_HIGH + 2 * (size_t)NET_PIECE_BYTES_MAX);
}

static void stream_chunks(int fd, int index)
{
    (void)index;
    peer_read_request(fd);
    bool here = peer_put_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    int i = 0;
    while (i < 100 && here) { /* behind the 18th chunk it waits for the client to leave */
        here =
            peer_put_text(fd, "5\r\nhello\r\n") && !peer_sees_close(fd, i == 17 ? PEER_WAIT_MS : 1);
        i++;
    }
    atomic_store(&closed_at_chunk, here ? 0 : i);
}

static void a_client_that_leaves_at_chunk_18_stops_the_server_behind_at_18(void)
{
    open_relay(stream_chunks);
    const int fd = peer_dial(net_server_port(server));
    CHECK(peer_put_text(fd, REQUEST));
    static char all[65536];
    size_t size = 0;
    int chunks = 0;
    while (chunks < 18) {
        const ssize_t got = recv(fd, all + size, sizeof all - 1 - size, 0);
        CHECK(got > 0);
        size += (size_t)got;
        all[size] = '\0';
        chunks = 0;
        for (const char *at = strstr(all, "hello"); at != NULL; at = strstr(at + 1, "hello")) {
            chunks++;
        }
    }
    close(fd);
    for (int i = 0; i < PEER_WAIT_MS && atomic_load(&closed_at_chunk) == 0; i++) {
        peer_sleep_ms(1);
    }
    close_relay();
    EXPECT(closed_at_chunk == 18);
}

static void break_off(int fd, int index)
{
    (void)index;
    peer_read_request(fd);
    peer_put_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
}

static void an_answer_that_breaks_off_does_not_look_whole_behind_the_relay(void)
{
    open_relay(break_off);
    const int fd = peer_dial(net_server_port(server));
    CHECK(peer_put_text(fd, REQUEST));
    static char all[4096];
    size_t size = 0;
    ssize_t got = 1;
    while (got > 0) {
        got = recv(fd, all + size, sizeof all - 1 - size, 0);
        size += got > 0 ? (size_t)got : 0;
    }
    all[size] = '\0';
    close(fd);
    close_relay();
    EXPECT(strstr(all, "hello") != NULL);
    EXPECT(strstr(all, "0\r\n\r\n") == NULL);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_slow_reader_holds_back_the_server_behind_and_nobody_else),
        TEST_SPARSE(a_client_that_leaves_at_chunk_18_stops_the_server_behind_at_18),
        TEST_SPARSE(an_answer_that_breaks_off_does_not_look_whole_behind_the_relay),
    };
    return test_main(tests, COUNT_OF(tests));
}
