#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

_Thread_local char peer_request[65536];

int64_t peer_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void peer_sleep_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

struct visit {
    struct peer *peer;
    int fd;
    int index;
    pthread_t thread;
};

static void *receive(void *context)
{
    struct visit *const visit = context;
    visit->peer->script(visit->fd, visit->index);
    close(visit->fd);
    return NULL;
}

static void *serve(void *context)
{
    struct peer *const peer = context;
    struct visit *const visits = calloc(PEER_CONNECTIONS_MAX, sizeof *visits);
    int count = 0;
    CHECK(visits != NULL);
    while (count < PEER_CONNECTIONS_MAX) {
        const int fd = accept(peer->fd, NULL, NULL);
        if (fd < 0) {
            break;
        }
        visits[count] = (struct visit){.peer = peer, .fd = fd, .index = count};
        atomic_fetch_add(&peer->accepted, 1);
        CHECK(pthread_create(&visits[count].thread, NULL, receive, &visits[count]) == 0);
        count++;
    }
    for (int i = 0; i < count; i++) {
        pthread_join(visits[i].thread, NULL);
    }
    free(visits);
    return NULL;
}

void peer_open(struct peer *peer, peer_script *script)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    peer->script = script;
    atomic_store(&peer->accepted, 0);
    peer->fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(peer->fd, (struct sockaddr *)&at, size) == 0);
    CHECK(listen(peer->fd, 64) == 0);
    CHECK(getsockname(peer->fd, (struct sockaddr *)&at, &size) == 0);
    peer->port = ntohs(at.sin_port);
    CHECK(pthread_create(&peer->thread, NULL, serve, peer) == 0);
}

void peer_close(struct peer *peer)
{
    shutdown(peer->fd, SHUT_RDWR);
    pthread_join(peer->thread, NULL);
    close(peer->fd);
}

bool peer_read_request(int fd)
{
    size_t size = 0;
    char *end = NULL;
    while (end == NULL && size < sizeof peer_request - 1) {
        const ssize_t got = recv(fd, peer_request + size, 1, 0);
        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        peer_request[size] = '\0';
        end = size >= 4 && strcmp(peer_request + size - 4, "\r\n\r\n") == 0 ? peer_request : NULL;
    }
    const char *const length = strstr(peer_request, "Content-Length: ");
    long long left = length != NULL ? strtoll(length + 16, NULL, 10) : 0;
    while (left > 0) {
        static _Thread_local char body[65536];
        const size_t most = left < (long long)sizeof body ? (size_t)left : sizeof body;
        const ssize_t got = recv(fd, body, most, 0);
        if (got <= 0) {
            return false;
        }
        left -= got;
    }
    return true;
}

bool peer_put(int fd, struct str bytes)
{
    while (bytes.size > 0) {
        const ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes = (struct str){bytes.data + sent, bytes.size - (size_t)sent};
    }
    return true;
}

bool peer_put_text(int fd, const char *text)
{
    return peer_put(fd, str_from(text));
}

bool peer_sees_close(int fd, int wait_ms)
{
    char bytes[4096];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    const int64_t until = peer_now_ms() + wait_ms;
    while (peer_now_ms() < until) {
        if (poll(&ready, 1, (int)(until - peer_now_ms())) == 1 &&
            recv(fd, bytes, sizeof bytes, 0) <= 0) {
            return true;
        }
    }
    return false;
}

void peer_reset(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static int dial(int port, int receive_bytes)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_bytes > 0) {
        CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes) == 0);
    }
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

int peer_dial(int port)
{
    return dial(port, 0);
}

int peer_dial_narrow(int port)
{
    return dial(port, 4096);
}

/* ---- Calls ------------------------------------------------------------------------------------
 */

static const struct net_deadlines short_deadlines = {
    .connect_ms = 20000, .first_byte_ms = 30000, .idle_ms = 30000, .total_ms = 0};

struct net_call_request peer_get(int port)
{
    return (struct net_call_request){.target = {.host = STR("127.0.0.1"), .port = port},
                                     .method = STR("GET"),
                                     .path = STR("/x?y=1"),
                                     .deadlines = short_deadlines};
}

struct net_call_request peer_post(int port, const struct str *body)
{
    struct net_call_request request = peer_get(port);
    request.method = STR("POST");
    request.body = body;
    request.body_count = 1;
    return request;
}

static void add(char *out, size_t size, struct http_field field)
{
    const size_t used = strlen(out);
    snprintf(out + used, size - used, STR_FORMAT ": " STR_FORMAT "\n", STR_ARG(field.name),
             STR_ARG(field.value));
}

static void on_head(void *context, const struct http_response_head *head)
{
    struct outcome *const o = context;
    pthread_mutex_lock(&o->lock);
    o->heads++;
    o->status = head->status;
    for (size_t i = 0; i < head->field_count; i++) {
        add(o->fields, sizeof o->fields, head->fields[i]);
    }
    if (o->pause_at_head) {
        net_call_pause(o->call);
    }
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

static void on_body(void *context, struct str piece)
{
    struct outcome *const o = context;
    pthread_mutex_lock(&o->lock);
    CHECK(piece.size > 0);
    CHECK(piece.size <= NET_PIECE_BYTES_MAX);
    for (size_t i = 0; i < piece.size; i++) {
        if (o->body_size + i < sizeof o->body - 1) {
            o->body[o->body_size + i] = piece.data[i];
        }
        o->body_hash = o->body_hash * 31 + (unsigned char)piece.data[i];
    }
    o->body_size += piece.size;
    o->pieces++;
    if (o->pieces == o->cancel_at_piece) {
        net_call_cancel(o->call);
        o->cancelled = true;
    } else if (o->pieces == o->pause_at_piece) {
        net_call_pause(o->call);
    }
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

static void on_end(void *context, const struct http_field *trailers, size_t trailer_count)
{
    struct outcome *const o = context;
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < trailer_count; i++) {
        add(o->trailers, sizeof o->trailers, trailers[i]);
    }
    CHECK(!o->ended && !o->failed && !o->cancelled);
    o->ended = true;
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

static void on_error(void *context, const struct net_failure *failure)
{
    struct outcome *const o = context;
    pthread_mutex_lock(&o->lock);
    CHECK(!o->ended && !o->failed && !o->cancelled);
    o->failed = true;
    o->kind = failure->kind;
    o->request_was_sent = failure->request_was_sent;
    snprintf(o->text, sizeof o->text, "%s", failure->text);
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

static void start(void *context)
{
    static const struct net_call_events events = {on_head, on_body, on_end, on_error};
    struct outcome *const o = context;
    pthread_mutex_lock(&o->lock);
    o->call = net_call_start(o->client, o->loop, &o->request, &events, o);
    pthread_mutex_unlock(&o->lock);
}

static void resume(void *context)
{
    struct outcome *const o = context;
    net_call_resume(o->call);
}

void outcome_start(struct outcome *o, struct net_client *client, struct net_loop *loop,
                   struct net_call_request request)
{
    const struct outcome kept = *o;
    memset(o, 0, sizeof *o);
    o->pause_at_head = kept.pause_at_head;
    o->cancel_at_piece = kept.cancel_at_piece;
    o->pause_at_piece = kept.pause_at_piece;
    o->client = client;
    o->loop = loop;
    o->request = request;
    CHECK(pthread_mutex_init(&o->lock, NULL) == 0);
    CHECK(pthread_cond_init(&o->changed, NULL) == 0);
    o->post = (struct net_post){.run = start, .context = o};
    net_loop_post(loop, &o->post);
}

bool outcome_wait(struct outcome *o)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PEER_WAIT_MS / 1000;
    int waited = 0;
    pthread_mutex_lock(&o->lock);
    while (!o->ended && !o->failed && !o->cancelled && waited == 0) {
        waited = pthread_cond_timedwait(&o->changed, &o->lock, &until);
    }
    const bool over = o->ended || o->failed || o->cancelled;
    pthread_mutex_unlock(&o->lock);
    return over;
}

bool outcome_run(struct outcome *o, struct net_client *client, struct net_loop *loop,
                 struct net_call_request request)
{
    outcome_start(o, client, loop, request);
    return outcome_wait(o);
}

void outcome_resume(struct outcome *o)
{
    o->post = (struct net_post){.run = resume, .context = o};
    net_loop_post(o->loop, &o->post);
}

bool outcome_failed_with(const struct outcome *o, enum net_failure_kind kind)
{
    const bool as_told = o->failed && o->kind == kind && strlen(o->text) > 20;
    if (!as_told) {
        char note[1400];
        snprintf(note, sizeof note, "wanted %s; failed %d as %s: %s; status %d, %zu bytes",
                 net_failure_name(kind), o->failed, net_failure_name(o->kind), o->text, o->status,
                 o->body_size);
        test_note(note);
    }
    return as_told;
}
