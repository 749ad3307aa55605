/* server: real sockets against a handler that echoes. What a hostile or slow client does is refused
 * or ended, and the next client is served. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/server.h"
#include "support/test.h"

enum { ANSWER_BYTES_MAX = 1 << 20, WAIT_MS = 60000, CROWD = 32, NAP_US = 20000 };

#define HOST "Host: h\r\n"

struct later {
    struct net_reply *reply;
    pthread_t thread;
};

static struct net_server *server;
static struct later later[64];
static atomic_size_t later_count;
static atomic_int nap_count;

static void *answer_later(void *context)
{
    const struct later *const one = context;
    usleep(20000);
    net_reply_send(one->reply, &(struct net_response){.status = 200,
                                                      .content_type = STR("text/plain"),
                                                      .body = STR("later")});
    return NULL;
}

static void echo(void *context, const struct net_request *request, struct net_reply *reply)
{
    (void)context;
    if (str_equal(request->head->path, STR("/later"))) {
        struct later *const one = &later[atomic_fetch_add(&later_count, 1)];
        one->reply = reply;
        CHECK(pthread_create(&one->thread, NULL, answer_later, one) == 0);
        return;
    }
    if (str_equal(request->head->path, STR("/nap"))) {
        atomic_fetch_add(&nap_count, 1);
        usleep(NAP_US);
    }
    struct net_response response = {.status = 200,
                                    .content_type = STR("text/plain"),
                                    .body = request->body.size > 0 ? request->body
                                                                   : request->head->path};
    net_reply_send(reply, &response);
}

static void open_server_of(int loops, const struct net_limits *limits)
{
    const struct net_settings settings = {
        .address = "127.0.0.1", .loops = loops, .limits = *limits};
    struct err err;
    CHECK(net_server_create(&settings, echo, NULL, &server, &err) == ERR_OK);
    net_server_start(server);
    later_count = 0;
}

static void open_server(const struct net_limits *limits)
{
    open_server_of(2, limits);
}

static void close_server(void)
{
    for (size_t i = 0; i < later_count; i++) {
        pthread_join(later[i].thread, NULL);
    }
    net_server_drain(server, WAIT_MS);
    net_server_destroy(&server);
}

static int dial(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)net_server_port(server)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(fd >= 0);
    CHECK(connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

static void put(int fd, struct str bytes)
{
    while (bytes.size > 0) {
        const ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* the server has hung up, which the test sees in the answer */
        }
        bytes = (struct str){bytes.data + sent, bytes.size - (size_t)sent};
    }
}

/* Everything until the server closes, or until `end` was seen. */
static struct str take(int fd, const char *end)
{
    static char answer[ANSWER_BYTES_MAX];
    size_t size = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (size < sizeof answer - 1 && poll(&ready, 1, WAIT_MS) == 1) {
        const ssize_t got = recv(fd, answer + size, sizeof answer - 1 - size, 0);
        if (got <= 0) {
            break;
        }
        size += (size_t)got;
        answer[size] = '\0';
        if (end != NULL && strstr(answer, end) != NULL) {
            break;
        }
    }
    answer[size] = '\0';
    return (struct str){answer, size};
}

static bool begins(struct str answer, const char *status)
{
    return str_starts_with(answer, STR("HTTP/1.1 ")) &&
           strncmp(answer.data + 9, status, strlen(status)) == 0;
}

/* One request on a connection of its own, whole answer. */
static struct str ask(struct str bytes)
{
    const int fd = dial();
    put(fd, bytes);
    const struct str answer = take(fd, NULL);
    close(fd);
    return answer;
}

static bool serves(void)
{
    return begins(ask(STR("GET /x HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n")), "200");
}

static bool server_holds(int64_t bytes)
{
    for (int i = 0; i < WAIT_MS && net_server_counts(server).held_bytes != bytes; i++) {
        usleep(1000);
    }
    return net_server_counts(server).held_bytes == bytes;
}

static void a_malformed_request_is_refused_and_the_connection_closed(void)
{
    open_server(&net_limits_default);
    const bool malformed = begins(ask(STR("nonsense\r\n\r\n")), "400");
    const bool smuggled =
        begins(ask(STR("POST / HTTP/1.1\r\n" HOST
                       "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                       "GET /admin HTTP/1.1\r\n" HOST "\r\n")),
               "400");
    const bool chunk = begins(
        ask(STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n")), "400");
    const bool alive = serves();
    const struct net_counts counts = net_server_counts(server);
    close_server();
    EXPECT(malformed);
    EXPECT(smuggled);
    EXPECT(chunk);
    EXPECT(alive);
    EXPECT(counts.refused == 3);
    EXPECT(counts.requests == 1);
    EXPECT(counts.held_bytes == 0);
}

static void what_is_too_large_is_refused(void)
{
    struct net_limits limits = net_limits_default;
    limits.body_bytes_max = 1000;
    limits.held_bytes_max = 1500;
    open_server(&limits);
    const bool body =
        begins(ask(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n")), "413");
    static char chunk[1200];
    const int size =
        snprintf(chunk, sizeof chunk,
                 "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e9\r\n%01001d", 0);
    const bool chunks = begins(ask((struct str){chunk, (size_t)size}), "413");
    static char post[1000];
    const int part = snprintf(post, sizeof post,
                              "POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n%0900d", 0);
    const int fds[2] = {dial(), dial()};
    put(fds[0], STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n"));
    put(fds[1], (struct str){post, (size_t)part});
    const bool announced = server_holds(900);
    const struct str busy = ask((struct str){post, (size_t)part});
    const bool is_busy = begins(busy, "503") && strstr(busy.data, "Retry-After") != NULL;
    close(fds[0]);
    close(fds[1]);
    close_server();
    open_server(&net_limits_default);
    static char head[HTTP_HEAD_BYTES_MAX + 100];
    memset(head, 'a', sizeof head);
    memcpy(head, "GET / HTTP/1.1\r\nA: ", 19);
    const bool large = begins(ask((struct str){head, sizeof head}), "431");
    const bool alive = serves();
    close_server();
    EXPECT(body);
    EXPECT(chunks);
    EXPECT(announced);
    EXPECT(is_busy);
    EXPECT(large);
    EXPECT(alive);
}

static void a_slow_client_is_ended(void)
{
    struct net_limits limits = net_limits_default;
    limits.head_ms_max = 500;
    limits.body_ms_max = 500;
    limits.idle_ms_max = 500;
    open_server(&limits);
    int fd = dial();
    put(fd, STR("GET / HT"));
    usleep(100000);
    put(fd, STR("T"));
    const bool head = begins(take(fd, NULL), "408");
    close(fd);
    fd = dial();
    put(fd, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc"));
    const bool body = begins(take(fd, NULL), "408");
    close(fd);
    fd = dial();
    const bool silent = take(fd, NULL).size == 0;
    close(fd);
    fd = dial();
    put(fd, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    const bool idle = begins(take(fd, NULL), "200"); /* until it closes */
    close(fd);
    const bool alive = serves();
    close_server();
    EXPECT(head);
    EXPECT(body);
    EXPECT(silent);
    EXPECT(idle);
    EXPECT(alive);
}

static void more_connections_than_allowed_are_turned_away(void)
{
    struct net_limits limits = net_limits_default;
    limits.connections_max = 2;
    open_server(&limits);
    const int a = dial();
    const int b = dial();
    put(a, STR("GET /a HTTP/1.1\r\n" HOST "\r\n"));
    put(b, STR("GET /b HTTP/1.1\r\n" HOST "\r\n"));
    const bool first = begins(take(a, "/a"), "200");
    const bool second = begins(take(b, "/b"), "200");
    const int c = dial();
    const bool third = take(c, NULL).size == 0;
    close(a);
    close(b);
    close(c);
    for (int i = 0; i < WAIT_MS && net_server_counts(server).connections > 0; i++) {
        usleep(1000);
    }
    const bool alive = serves();
    close_server();
    EXPECT(first);
    EXPECT(second);
    EXPECT(third);
    EXPECT(alive);
}

static void pipelined_requests_are_answered_in_order(void)
{
    open_server(&net_limits_default);
    const int fd = dial();
    put(fd,
        STR("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST "\r\n"
            "POST /3 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            "HEAD /4444 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    const struct str all = take(fd, NULL);
    close(fd);
    const char *const one = strstr(all.data, "/1");
    const char *const two = strstr(all.data, "later");
    const char *const three = strstr(all.data, "abc");
    const bool four = strstr(all.data, "/4444") == NULL &&
                      strstr(all.data, "Content-Length: 5\r\nConnection: close") != NULL;
    close_server();
    EXPECT(one != NULL);
    EXPECT(two > one);
    EXPECT(three > two);
    EXPECT(four);
}

static void a_crowd_is_answered_and_the_first_does_not_wait_for_the_last(void)
{
    struct pollfd crowd[CROWD + 1];
    open_server_of(1, &net_limits_default);
    nap_count = 0;
    for (size_t i = 0; i <= CROWD; i++) {
        crowd[i] = (struct pollfd){.fd = dial(), .events = POLLIN};
        put(crowd[i].fd, STR("GET /here HTTP/1.1\r\n" HOST "\r\n"));
        EXPECT(begins(take(crowd[i].fd, "/here"), "200"));
    }
    for (size_t i = 0; i <= CROWD; i++) { /* the rest come while the first is handled */
        put(crowd[i].fd, STR("GET /nap HTTP/1.1\r\n" HOST "\r\n"));
        usleep(i == 0 ? NAP_US / 5 : 0);
    }
    EXPECT(poll(crowd + 1, CROWD, WAIT_MS) > 0);
    EXPECT(atomic_load(&nap_count) < CROWD + 1);
    for (size_t i = 0; i <= CROWD; i++) {
        EXPECT(begins(take(crowd[i].fd, "/nap"), "200"));
        close(crowd[i].fd);
    }
    close_server();
}

static void a_client_that_waits_for_continue_is_told_to_go_on(void)
{
    open_server(&net_limits_default);
    const int fd = dial();
    put(fd, STR("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n"
                "Connection: close\r\n\r\n"));
    const bool go_on = begins(take(fd, "\r\n\r\n"), "100");
    put(fd, STR("xyz"));
    const struct str answer = take(fd, NULL);
    const bool echoed = begins(answer, "200") && strstr(answer.data, "xyz") != NULL;
    close(fd);
    close_server();
    EXPECT(go_on);
    EXPECT(echoed);
}

static void a_body_arrives_whole_in_whatever_pieces(void)
{
    enum { BODY_BYTES = 300000 };
    static char body[BODY_BYTES];
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (char)('a' + i % 23);
    }
    open_server(&net_limits_default);
    bool whole = true;
    for (size_t step = 997; step < 200000; step *= 13) {
        const int fd = dial();
        char head[128];
        const int size =
            snprintf(head, sizeof head,
                     "POST / HTTP/1.1\r\n" HOST "Content-Length: %d\r\nConnection: close\r\n\r\n",
                     BODY_BYTES);
        put(fd, (struct str){head, (size_t)size});
        for (size_t at = 0; at < sizeof body; at += step) {
            put(fd, (struct str){body + at, sizeof body - at < step ? sizeof body - at : step});
        }
        const struct str answer = take(fd, NULL);
        whole = whole && answer.size > sizeof body &&
                memcmp(answer.data + answer.size - sizeof body, body, sizeof body) == 0;
        close(fd);
    }
    const struct net_counts counts = net_server_counts(server);
    close_server();
    EXPECT(whole);
    EXPECT(counts.held_bytes == 0);
}

static void a_client_that_leaves_before_the_answer_harms_nobody(void)
{
    open_server(&net_limits_default);
    for (int i = 0; i < 20; i++) {
        const int fd = dial();
        put(fd, STR("GET /later HTTP/1.1\r\n" HOST "\r\n"));
        usleep(1000);
        close(fd);
    }
    const bool alive = serves();
    close_server();
    EXPECT(alive);
}

static void draining_sends_what_is_owed_and_takes_nothing_new(void)
{
    open_server(&net_limits_default);
    const int idle = dial();
    const int fd = dial();
    put(fd, STR("GET /later HTTP/1.1\r\n" HOST "\r\n"));
    while (later_count == 0) {
        usleep(1000);
    }
    net_server_drain(server, WAIT_MS);
    const struct str answer = take(fd, NULL);
    const bool owed = begins(answer, "200") && strstr(answer.data, "later") != NULL;
    const bool closed = take(idle, NULL).size == 0;
    close(fd);
    close(idle);
    close_server();
    EXPECT(owed);
    EXPECT(closed);
}

static void an_answer_after_the_stop_is_dropped(void)
{
    open_server(&net_limits_default);
    const int fd = dial();
    put(fd, STR("GET /later HTTP/1.1\r\n" HOST "\r\n"));
    while (later_count == 0) {
        usleep(1000);
    }
    net_server_stop(server);
    const bool closed = take(fd, NULL).size == 0;
    const int64_t connections = net_server_counts(server).connections;
    close(fd);
    close_server(); /* after the answer */
    EXPECT(closed);
    EXPECT(connections == 0);
}

static void an_address_that_cannot_be_listened_on_is_named(void)
{
    open_server(&net_limits_default);
    struct net_server *second = NULL;
    struct err err;
    struct net_settings settings = {.address = "127.0.0.1",
                                    .port = net_server_port(server),
                                    .loops = 1,
                                    .limits = net_limits_default};
    const enum errc taken = net_server_create(&settings, echo, NULL, &second, &err);
    const bool named = strstr(err.text, "127.0.0.1") != NULL;
    settings.address = "not an address";
    const enum errc unknown = net_server_create(&settings, echo, NULL, &second, &err);
    settings.address = "127.0.0.1";
    settings.port = 0;
    settings.certificate = "/nonexistent.pem";
    settings.private_key = "/nonexistent.key";
    const enum errc no_certificate = net_server_create(&settings, echo, NULL, &second, &err);
    close_server();
    EXPECT(taken == ERR_IO);
    EXPECT(named);
    EXPECT(unknown == ERR_CONFIG);
    EXPECT(no_certificate == ERR_CONFIG);
}

/* A limit that is lowered while the server runs holds for what begins then. */
static void new_limits_hold_for_the_next_request(void)
{
    open_server(&net_limits_default);
    struct net_limits limits = net_limits_default;
    int fd = dial();
    put(fd,
        STR("POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"));
    const bool before = begins(take(fd, NULL), "200");
    close(fd);
    limits.body_bytes_max = 2;
    net_server_limit(server, &limits);
    bool after = false;
    for (int i = 0; i < 200 && !after; i++) { /* each loop hears of it by itself */
        usleep(5000);
        fd = dial();
        put(fd, STR("POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
                    "3\r\n\r\nabc"));
        after = begins(take(fd, NULL), "413");
        close(fd);
    }
    close_server();
    EXPECT(before);
    EXPECT(after);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_malformed_request_is_refused_and_the_connection_closed),
        TEST_SPARSE(what_is_too_large_is_refused),
        TEST_SPARSE(a_slow_client_is_ended),
        TEST_SPARSE(more_connections_than_allowed_are_turned_away),
        TEST_SPARSE(pipelined_requests_are_answered_in_order),
        TEST_SPARSE(a_crowd_is_answered_and_the_first_does_not_wait_for_the_last),
        TEST_SPARSE(a_client_that_waits_for_continue_is_told_to_go_on),
        TEST_SPARSE(a_body_arrives_whole_in_whatever_pieces),
        TEST_SPARSE(a_client_that_leaves_before_the_answer_harms_nobody),
        TEST_SPARSE(draining_sends_what_is_owed_and_takes_nothing_new),
        TEST_SPARSE(an_answer_after_the_stop_is_dropped),
        TEST_SPARSE(an_address_that_cannot_be_listened_on_is_named),
        TEST_SPARSE(new_limits_hold_for_the_next_request),
    };
    return test_main(tests, COUNT_OF(tests));
}
