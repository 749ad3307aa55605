/* client: every way a call can fail is told apart, what is ambiguous is refused, nothing is sent
 * twice that must not be; then what a good server answers. Against a scripted server. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

#define OK "HTTP/1.1 200 OK\r\n"

static struct net_loops *loops;
static struct net_client *client;
static struct net_loop *loop;
static struct outcome o;
static struct peer peer;
static const struct str small_body = STR_STATIC("{\"model\":\"m\"}");

static void open_client(const struct net_client_settings *settings)
{
    struct err err;
    loops = net_loops_create(1);
    loop = net_loops_at(loops, 0);
    CHECK(net_client_create(loops, settings, &client, &err) == ERR_OK);
    net_loops_start(loops);
    memset(&o, 0, sizeof o);
}

static void close_client(void)
{
    net_loops_stop(loops);
    net_client_destroy(&client);
    net_loops_destroy(&loops);
}

static void open_both(peer_script *script)
{
    peer_open(&peer, script);
    open_client(&net_client_settings_default);
}

static void close_both(void)
{
    close_client();
    peer_close(&peer);
}

/* ---- No connection ----------------------------------------------------------------------------
 */

static void no_connection_is_told_apart_by_its_reason(void)
{
    open_client(&net_client_settings_default);
    struct net_call_request request = peer_get(1);
    request.target.host = STR("no such host");
    CHECK(outcome_run(&o, client, loop, request));
    const bool unresolved = outcome_failed_with(&o, NET_UNRESOLVED) &&
                            strstr(o.text, "no such host") != NULL && !o.request_was_sent;
    const int listening = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    CHECK(bind(listening, (struct sockaddr *)&at, size) == 0);
    CHECK(getsockname(listening, (struct sockaddr *)&at, &size) == 0);
    request = peer_get(ntohs(at.sin_port));
    CHECK(outcome_run(&o, client, loop, request));
    const bool refused =
        outcome_failed_with(&o, NET_UNREACHABLE) && strstr(o.text, "127.0.0.1") != NULL;
    /* A full queue of connections: further ones are not answered at all. */
    CHECK(listen(listening, 0) == 0);
    const int first = peer_dial(ntohs(at.sin_port));
    request.deadlines.connect_ms = 150;
    CHECK(outcome_run(&o, client, loop, request));
    const bool late = outcome_failed_with(&o, NET_CONNECT_TIMEOUT);
    close(first);
    close(listening);
    close_client();
    EXPECT(unresolved);
    EXPECT(refused);
    EXPECT(late);
}

static void answer_ok(int fd, int index)
{
    (void)index;
    while (peer_read_request(fd) && peer_put_text(fd, OK "Content-Length: 2\r\n\r\nok")) {
    }
}

static void a_name_with_several_addresses_is_tried_until_one_accepts(void)
{
    open_both(answer_ok);
    struct net_call_request request = peer_get(peer.port);
    request.target.host = STR("localhost"); /* the server listens on IPv4 alone */
    CHECK(outcome_run(&o, client, loop, request));
    close_both();
    EXPECT(o.ended);
    EXPECT(o.status == 200);
}

static atomic_bool may_answer;

static void answer_when_told(int fd, int index)
{
    (void)index;
    while (peer_read_request(fd)) {
        while (!atomic_load(&may_answer)) {
            peer_sleep_ms(1);
        }
        if (!peer_put_text(fd, OK "Content-Length: 2\r\n\r\nok")) {
            return;
        }
    }
}

static void what_waits_for_a_connection_is_bounded(void)
{
    atomic_store(&may_answer, false);
    struct net_client_settings settings = net_client_settings_default;
    settings.connections_max = 1;
    settings.waiting_max = 1;
    peer_open(&peer, answer_when_told);
    open_client(&settings);
    static struct outcome three[3];
    for (int i = 0; i < 3; i++) {
        outcome_start(&three[i], client, loop, peer_get(peer.port));
    }
    bool over = outcome_wait(&three[2]); /* the first two have the connection and the place */
    atomic_store(&may_answer, true);
    for (int i = 0; i < 2; i++) {
        over = outcome_wait(&three[i]) && over;
    }
    const bool busy = outcome_failed_with(&three[2], NET_BUSY);
    const int connections = peer.accepted;
    close_both();
    EXPECT(over);
    EXPECT(three[0].ended && three[1].ended);
    EXPECT(busy);
    EXPECT(connections == 1);
}

static void a_call_waits_for_the_socket_that_another_target_has(void)
{
    static struct peer slow;
    static struct outcome first;
    atomic_store(&may_answer, false);
    peer_open(&slow, answer_when_told);
    open_both(answer_ok);
    net_loops_limit_sockets(loops, 1);
    outcome_start(&first, client, loop, peer_get(slow.port));
    struct net_call_request request = peer_get(peer.port);
    request.deadlines.connect_ms = 100;
    CHECK(outcome_run(&o, client, loop, request));
    const bool late =
        outcome_failed_with(&o, NET_CONNECT_TIMEOUT) && strstr(o.text, "open files") != NULL;
    request.deadlines.connect_ms = PEER_WAIT_MS;
    outcome_start(&o, client, loop, request);
    peer_sleep_ms(30);
    const bool waits = peer.accepted == 0;
    atomic_store(&may_answer, true);
    const bool over = outcome_wait(&first) && outcome_wait(&o);
    close_both();
    peer_close(&slow);
    EXPECT(late);
    EXPECT(waits);
    EXPECT(over);
    EXPECT(first.ended);
    EXPECT(o.ended);
}

static void an_idle_connection_gives_its_socket_to_another_target(void)
{
    static struct peer other;
    peer_open(&other, answer_ok);
    open_both(answer_ok);
    CHECK(outcome_run(&o, client, loop, peer_get(peer.port)));
    const bool first = o.ended;
    net_loops_limit_sockets(loops, 1);
    CHECK(outcome_run(&o, client, loop, peer_get(other.port)));
    const bool second = o.ended;
    const int64_t open_now = net_client_counts(client).connections;
    CHECK(outcome_run(&o, client, loop, peer_get(peer.port)));
    close_both();
    peer_close(&other);
    EXPECT(first);
    EXPECT(second);
    EXPECT(o.ended);
    EXPECT(open_now <= 1);
}

/* ---- Time -------------------------------------------------------------------------------------
 */

static void hold(int fd, int index)
{
    (void)index;
    peer_sees_close(fd, PEER_WAIT_MS);
}

static void drip_body(int fd, int index)
{
    (void)index;
    bool here = peer_read_request(fd) && peer_put_text(fd, OK "Content-Length: 1000\r\n\r\n");
    for (int i = 0; i < 1000 && here; i++) {
        here = peer_put_text(fd, "x");
        peer_sleep_ms(20);
    }
}

static void stop_in_body(int fd, int index)
{
    (void)index;
    peer_read_request(fd);
    peer_put_text(fd, OK "Content-Length: 10\r\n\r\nabc");
    peer_sees_close(fd, PEER_WAIT_MS);
}

static void drip_head(int fd, int index)
{
    (void)index;
    bool here = peer_read_request(fd);
    const char *const head = OK "Content-Length: 0\r\n\r\n";
    for (const char *c = head; *c != '\0' && here; c++) {
        here = peer_put(fd, (struct str){c, 1});
        peer_sleep_ms(20);
    }
}

static void every_wait_has_its_deadline(void)
{
    static const struct {
        peer_script *script;
        enum net_failure_kind kind;
        struct net_deadlines deadlines;
    } cases[] = {
        {hold, NET_FIRST_BYTE_TIMEOUT, {20000, 100, 20000, 0}},
        {drip_head, NET_FIRST_BYTE_TIMEOUT, {20000, 150, 20000, 0}},
        {stop_in_body, NET_IDLE_TIMEOUT, {20000, 20000, 100, 0}},
        {drip_body, NET_TOTAL_TIMEOUT, {20000, 20000, 20000, 500}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        open_both(cases[i].script);
        struct net_call_request request = peer_get(peer.port);
        request.deadlines = cases[i].deadlines;
        const int64_t began = peer_now_ms();
        CHECK(outcome_run(&o, client, loop, request));
        const int64_t took = peer_now_ms() - began;
        close_both();
        EXPECT(outcome_failed_with(&o, cases[i].kind));
        EXPECT(o.request_was_sent);
        EXPECT(took >= 90);
    }
}

/* ---- Closed too early -------------------------------------------------------------------------
 */

static const char *said; /* before it closes */
static bool resets;

static void say_and_close(int fd, int index)
{
    (void)index;
    peer_read_request(fd);
    peer_put_text(fd, said);
    if (resets) {
        peer_sleep_ms(20);
        peer_reset(fd);
    }
}

static void a_connection_closed_at_any_stage_is_an_error_of_its_own(void)
{
    static const struct {
        const char *said;
        enum net_failure_kind kind;
    } cases[] = {
        {"", NET_RESET_BEFORE_HEAD},
        {"HTTP/1.1 2", NET_RESET_BEFORE_HEAD},
        {OK "Content-Length: 2\r\n", NET_RESET_BEFORE_HEAD},
        {"HTTP/1.1 100 Continue\r\n\r\n", NET_RESET_BEFORE_HEAD},
        {OK "Content-Length: 2\r\n\r\n", NET_RESET_IN_BODY},
        {OK "Content-Length: 2\r\n\r\na", NET_RESET_IN_BODY},
        {OK "Transfer-Encoding: chunked\r\n\r\n", NET_RESET_IN_BODY},
        {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", NET_RESET_IN_BODY},
        {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", NET_RESET_IN_BODY},
    };
    for (size_t i = 0; i < COUNT_OF(cases) * 2; i++) {
        said = cases[i / 2].said;
        resets = i % 2 == 1;
        open_both(say_and_close);
        CHECK(outcome_run(&o, client, loop, peer_post(peer.port, &small_body)));
        const struct net_client_counts counts = net_client_counts(client);
        close_both();
        EXPECT(outcome_failed_with(&o, cases[i / 2].kind));
        EXPECT(o.request_was_sent);
        EXPECT(counts.repeated == 0);
        EXPECT(counts.failures[cases[i / 2].kind] == 1);
    }
    said = OK "\r\nall";
    resets = true;
    open_both(say_and_close); /* a body that ends with the connection does not end with a reset */
    CHECK(outcome_run(&o, client, loop, peer_get(peer.port)));
    close_both();
    EXPECT(outcome_failed_with(&o, NET_RESET_IN_BODY));
}

/* ---- Malformed --------------------------------------------------------------------------------
 */

static void what_two_readers_could_take_differently_is_malformed(void)
{
    static const char *const answers[] = {
        "nonsense\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 0200 OK\r\n\r\n",
        OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK "Content-Length: -1\r\n\r\n",
        OK "Content-Length: 2, 2\r\n\r\nab",
        OK "A: b\r\n folded\r\n\r\n",
        OK "A : b\r\n\r\n",
        OK "A: b\n\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",
        OK "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    };
    resets = false;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        said = answers[i];
        open_both(say_and_close);
        CHECK(outcome_run(&o, client, loop, peer_post(peer.port, &small_body)));
        close_both();
        EXPECT(outcome_failed_with(&o, NET_MALFORMED));
    }
}

static void say_much(int fd, int index)
{
    peer_read_request(fd);
    bool here = true;
    for (int i = 0; i < 100000 && here; i++) {
        here = peer_put_text(fd, index == 0 ? "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
                                 : i == 0   ? OK
                                            : "Name: a value that goes on\r\n");
    }
}

static void a_head_without_end_is_refused(void)
{
    open_both(say_much);
    CHECK(outcome_run(&o, client, loop, peer_get(peer.port)));
    const bool interim = outcome_failed_with(&o, NET_MALFORMED);
    CHECK(outcome_run(&o, client, loop, peer_get(peer.port)));
    const bool large = outcome_failed_with(&o, NET_MALFORMED);
    close_both();
    EXPECT(interim);
    EXPECT(large);
}

/* ---- Connections that are used again ----------------------------------------------------------
 */

static void connections_are_used_again(void)
{
    open_both(answer_ok);
    bool whole = true;
    for (int i = 0; i < 5; i++) {
        whole =
            outcome_run(&o, client, loop, peer_post(peer.port, &small_body)) && o.ended && whole;
    }
    const struct net_client_counts counts = net_client_counts(client);
    const int accepted = peer.accepted;
    close_both();
    EXPECT(whole);
    EXPECT(accepted == 1);
    EXPECT(counts.reused == 4);
}

static void say_more_than_announced(int fd, int index)
{
    (void)index;
    while (peer_read_request(fd) &&
           peer_put_text(fd, OK "Content-Length: 2\r\n\r\nok" OK "Content-Length: 4\r\n\r\nevil")) {
    }
}

static void bytes_behind_an_answer_are_never_the_next_answer(void)
{
    open_both(say_more_than_announced);
    bool clean = true;
    for (int i = 0; i < 3; i++) {
        clean = outcome_run(&o, client, loop, peer_get(peer.port)) && o.ended && o.body_size == 2 &&
                strcmp(o.body, "ok") == 0 && clean;
    }
    const int accepted = peer.accepted;
    close_both();
    EXPECT(clean);
    EXPECT(accepted == 3);
}

static void close_after_answer(int fd, int index)
{
    (void)index;
    peer_read_request(fd);
    peer_put_text(fd, OK "Content-Length: 2\r\n\r\nok");
}

static void a_connection_the_server_closed_is_not_used_again(void)
{
    open_both(close_after_answer);
    bool whole = true;
    for (int i = 0; i < 5; i++) {
        whole =
            outcome_run(&o, client, loop, peer_post(peer.port, &small_body)) && o.ended && whole;
        peer_sleep_ms(i * 5);
    }
    close_both();
    EXPECT(whole);
}

/* The first connection dies with the second request, read or not: nobody can know. */
static void die_at_second(int fd, int index)
{
    peer_read_request(fd);
    peer_put_text(fd, OK "Content-Length: 2\r\n\r\nok");
    if (index > 0) {
        answer_ok(fd, index);
    } else {
        peer_read_request(fd);
    }
}

static void a_post_is_not_sent_twice_and_a_get_is(void)
{
    open_both(die_at_second);
    CHECK(outcome_run(&o, client, loop, peer_post(peer.port, &small_body)));
    CHECK(outcome_run(&o, client, loop, peer_post(peer.port, &small_body)));
    const bool failed = outcome_failed_with(&o, NET_RESET_BEFORE_HEAD) && o.request_was_sent;
    const int accepted = peer.accepted;
    close_both();
    EXPECT(failed);
    EXPECT(accepted == 1);
    open_both(die_at_second);
    CHECK(outcome_run(&o, client, loop, peer_get(peer.port)));
    CHECK(outcome_run(&o, client, loop, peer_get(peer.port)));
    const bool got = o.ended && o.status == 200;
    const struct net_client_counts counts = net_client_counts(client);
    close_both();
    EXPECT(got);
    EXPECT(counts.repeated == 1);
}

/* ---- Back-pressure ----------------------------------------------------------------------------
 */

static atomic_llong sent_bytes;
static atomic_int closed_at_chunk;

static void send_much(int fd, int index)
{
    (void)index;
    static const char block[8192] = {'z'};
    peer_read_request(fd);
    peer_put_text(fd, OK "Content-Length: 16777216\r\n\r\n");
    for (int i = 0; i < 2048 && peer_put(fd, (struct str){block, sizeof block}); i++) {
        atomic_fetch_add(&sent_bytes, (long long)sizeof block);
    }
    peer_sees_close(fd, PEER_WAIT_MS);
}

static void a_paused_call_takes_no_more(void)
{
    atomic_store(&sent_bytes, 0);
    open_both(send_much);
    o.pause_at_piece = 2;
    struct net_call_request request = peer_get(peer.port);
    request.deadlines.idle_ms = 500; /* does not count while paused */
    outcome_start(&o, client, loop, request);
    peer_sleep_ms(700);
    pthread_mutex_lock(&o.lock);
    const size_t taken = o.body_size;
    const bool failed = o.failed;
    pthread_mutex_unlock(&o.lock);
    const long long sent = atomic_load(&sent_bytes);
    outcome_resume(&o);
    const bool over = outcome_wait(&o);
    close_both();
    EXPECT(taken <= 2 * (size_t)NET_PIECE_BYTES_MAX);
    EXPECT(!failed);
    EXPECT(sent < 16777216); /* the rest waits in the server */
    EXPECT(over && o.ended);
    EXPECT(o.body_size == 16777216);
}

static void a_call_paused_at_its_head_gives_nothing_until_resumed(void)
{
    open_both(answer_ok);
    o.pause_at_head = true;
    outcome_start(&o, client, loop, peer_get(peer.port));
    peer_sleep_ms(100);
    pthread_mutex_lock(&o.lock);
    const bool quiet = o.heads == 1 && o.pieces == 0 && !o.ended;
    pthread_mutex_unlock(&o.lock);
    outcome_resume(&o);
    const bool over = outcome_wait(&o);
    close_both();
    EXPECT(quiet);
    EXPECT(over && o.ended && o.body_size == 2);
}

static void stream_chunks(int fd, int index)
{
    (void)index;
    peer_read_request(fd);
    bool here = peer_put_text(fd, OK "Transfer-Encoding: chunked\r\n\r\n");
    int i = 0;
    while (i < 100 && here) {
        here = peer_put_text(fd, "5\r\nhello\r\n") && !peer_sees_close(fd, 20);
        i++;
    }
    atomic_store(&closed_at_chunk, here ? 0 : i);
}

static void a_cancelled_call_is_seen_by_the_server_within_one_chunk(void)
{
    open_both(stream_chunks);
    o.cancel_at_piece = 18;
    const bool over = outcome_run(&o, client, loop, peer_post(peer.port, &small_body));
    peer_sleep_ms(50);
    const struct net_client_counts counts = net_client_counts(client);
    close_both();
    const int seen = atomic_load(&closed_at_chunk);
    EXPECT(over);
    EXPECT(o.pieces == 18 && !o.ended && !o.failed);
    EXPECT(seen >= 18 && seen <= 19);
    EXPECT(counts.connections == 0);
}

static void what_is_under_way_at_the_end_is_told(void)
{
    open_both(hold);
    outcome_start(&o, client, loop, peer_get(peer.port));
    peer_sleep_ms(50);
    close_both();
    EXPECT(outcome_failed_with(&o, NET_STOPPED));
}

/* ---- Good answers -----------------------------------------------------------------------------
 */

static void refuse_early(int fd, int index)
{
    (void)index;
    char head[512];
    CHECK(recv(fd, head, sizeof head, 0) > 0);
    peer_put_text(fd, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge");
    peer_sees_close(fd, 1000); /* reads over what still comes */
}

static void an_answer_before_the_request_is_whole_is_taken(void)
{
    enum { BYTES = 32 << 20 }; /* more than the kernels hold */
    static char much[BYTES];
    const struct str pieces[2] = {{much, BYTES / 2}, {much + BYTES / 2, BYTES / 2}};
    open_both(refuse_early);
    struct net_call_request request = peer_post(peer.port, pieces);
    request.body_count = 2;
    const bool over = outcome_run(&o, client, loop, request);
    const struct net_client_counts counts = net_client_counts(client);
    close_both();
    EXPECT(over && o.ended);
    EXPECT(o.status == 413);
    EXPECT(strcmp(o.body, "large") == 0);
    EXPECT(counts.connections == 0); /* half a request is in it */
}

static char asked[4096];

static void answer_by_method(int fd, int index)
{
    (void)index;
    while (peer_read_request(fd)) {
        snprintf(asked, sizeof asked, "%.4000s", peer_request);
        const bool head = strncmp(peer_request, "HEAD", 4) == 0;
        const bool options = strncmp(peer_request, "OPTIONS", 7) == 0;
        peer_put_text(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nL: x\r\n\r\n");
        peer_put_text(fd, head      ? OK "Content-Length: 1000\r\n\r\n"
                          : options ? "HTTP/1.1 204\r\n\r\n"
                                    : OK "X-Odd: \xc3\xa9\r\nTransfer-Encoding: chunked\r\n\r\n"
                                         "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
    }
}

static void bodies_trailers_and_interim_heads_are_read_as_framed(void)
{
    open_both(answer_by_method);
    static const struct http_field fields[] = {
        {STR_STATIC("X-Mine"), STR_STATIC("a\r\nX-Injected: b")},
        {STR_STATIC("Connection"), STR_STATIC("close, X-Hop")},
        {STR_STATIC("X-Hop"), STR_STATIC("only once")},
        {STR_STATIC("Host"), STR_STATIC("other")},
        {STR_STATIC("Content-Length"), STR_STATIC("3")},
    };
    struct net_call_request request = peer_post(peer.port, &small_body);
    request.fields = fields;
    request.field_count = COUNT_OF(fields);
    CHECK(outcome_run(&o, client, loop, request));
    const bool body = o.ended && o.heads == 1 && strcmp(o.body, "abcde") == 0 &&
                      strcmp(o.trailers, "X-Sum: 5\n") == 0 && strstr(o.fields, "X-Odd") != NULL;
    char host[64];
    snprintf(host, sizeof host, "Host: 127.0.0.1:%d\r\n", peer.port);
    const bool framed = strstr(asked, host) != NULL && strstr(asked, "other") == NULL &&
                        strstr(asked, "Connection") == NULL && strstr(asked, "X-Hop") == NULL &&
                        strstr(asked, "X-Mine: a  X-Injected: b\r\n") != NULL &&
                        strstr(asked, "Content-Length: 13\r\n") != NULL;
    request = peer_get(peer.port);
    request.method = STR("HEAD");
    CHECK(outcome_run(&o, client, loop, request));
    const bool head = o.ended && o.body_size == 0 && o.status == 200;
    request.method = STR("OPTIONS");
    CHECK(outcome_run(&o, client, loop, request));
    const bool none = o.ended && o.body_size == 0 && o.status == 204;
    const int accepted = peer.accepted;
    close_both();
    EXPECT(body);
    EXPECT(framed);
    EXPECT(head);
    EXPECT(none);
    EXPECT(accepted == 1);
}

static void a_body_may_end_with_the_connection(void)
{
    said = "HTTP/1.0 200 OK\r\n\r\nall of it";
    resets = false;
    open_both(say_and_close);
    CHECK(outcome_run(&o, client, loop, peer_get(peer.port)));
    close_both();
    EXPECT(o.ended);
    EXPECT(strcmp(o.body, "all of it") == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(no_connection_is_told_apart_by_its_reason),
        TEST_SPARSE(what_waits_for_a_connection_is_bounded),
        TEST_SPARSE(a_call_waits_for_the_socket_that_another_target_has),
        TEST_SPARSE(an_idle_connection_gives_its_socket_to_another_target),
        TEST_SPARSE(every_wait_has_its_deadline),
        TEST_SPARSE(a_connection_closed_at_any_stage_is_an_error_of_its_own),
        TEST_SPARSE(what_two_readers_could_take_differently_is_malformed),
        TEST_SPARSE(a_head_without_end_is_refused),
        TEST_SPARSE(bytes_behind_an_answer_are_never_the_next_answer),
        TEST_SPARSE(a_connection_the_server_closed_is_not_used_again),
        TEST_SPARSE(a_post_is_not_sent_twice_and_a_get_is),
        TEST_SPARSE(a_paused_call_takes_no_more),
        TEST_SPARSE(a_call_paused_at_its_head_gives_nothing_until_resumed),
        TEST_SPARSE(a_cancelled_call_is_seen_by_the_server_within_one_chunk),
        TEST_SPARSE(what_is_under_way_at_the_end_is_told),
        TEST_SPARSE(an_answer_before_the_request_is_whole_is_taken),
        TEST_SPARSE(a_name_with_several_addresses_is_tried_until_one_accepts),
        TEST_SPARSE(connections_are_used_again),
        TEST_SPARSE(bodies_trailers_and_interim_heads_are_read_as_framed),
        TEST_SPARSE(a_body_may_end_with_the_connection),
    };
    return test_main(tests, COUNT_OF(tests));
}
