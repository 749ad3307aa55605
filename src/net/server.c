/* The life of a server: create (listens) -> start (loops run) -> drain -> destroy. */
#include "net/server_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/util.h>
#include <openssl/err.h>

#include "base/check.h"
#include "base/memory.h"

enum {
    BACKLOG = 1024,
    ACCEPT_PAUSE_MS = 100,
    DRAIN_STEP_MS = 5,
    RESPONSE_BYTES_MAX = 256 << 20,
    TEXT_BYTES_MAX = 128,
};

const struct net_limits net_limits_default = {
    .body_bytes_max = (size_t)64 << 20,
    .held_bytes_max = (size_t)256 << 20,
    .connections_max = 20000,
    .head_ms_max = 15000,
    .body_ms_max = 60000,
    .idle_ms_max = 75000,
    .write_ms_max = 60000,
};

static void wake(const struct net_loop *loop)
{
    const uint64_t one = 1;
    const ssize_t written = write(loop->wake_fd, &one, sizeof one);
    CHECK(written == (ssize_t)sizeof one || errno == EAGAIN);
}

static void on_resume(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    struct net_loop *const loop = context;
    if (!loop->draining) {
        evconnlistener_enable(loop->listener);
    }
}

/* Out of file descriptors: wait for some to be given back, not in a spin. */
static void on_accept_failed(struct evconnlistener *listener, void *context)
{
    struct net_loop *const loop = context;
    const struct timeval wait = {.tv_usec = ACCEPT_PAUSE_MS * 1000};
    evconnlistener_disable(listener);
    event_add(&loop->resume, &wait);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
                      int peer_size, void *context)
{
    (void)listener;
    connection_open(context, fd, peer, peer_size);
}

/* Another thread has answered, or the server is to end. */
static void on_wake(evutil_socket_t fd, short events, void *context)
{
    (void)events;
    struct net_loop *const loop = context;
    uint64_t count = 0;
    const ssize_t got = read(fd, &count, sizeof count);
    CHECK(got == (ssize_t)sizeof count || errno == EAGAIN);
    pthread_mutex_lock(&loop->lock);
    struct net_reply *reply = loop->answered;
    loop->answered = NULL;
    pthread_mutex_unlock(&loop->lock);
    while (reply != NULL) {
        struct net_reply *const next = reply->next;
        connection_answer(reply);
        reply = next;
    }
    if (atomic_load(&loop->server->draining) && !loop->draining) {
        loop->draining = true;
        evconnlistener_disable(loop->listener);
        connection_close_all(loop, true);
    }
    if (atomic_load(&loop->server->stopping)) {
        event_base_loopbreak(loop->base);
    }
}

static void *run(void *context)
{
    struct net_loop *const loop = context;
    const int ended = event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
    CHECK(ended == 0);
    connection_close_all(loop, false);
    return NULL;
}

static enum errc listen_on(const struct net_settings *settings, int *out_fd, int *out_port,
                           struct err *err)
{
    char text[TEXT_BYTES_MAX];
    struct sockaddr_storage address;
    int size = sizeof address;
    const bool v6 = strchr(settings->address, ':') != NULL;
    snprintf(text, sizeof text, v6 ? "[%s]:%d" : "%s:%d", settings->address, settings->port);
    if (settings->port == 0) {
        snprintf(text, sizeof text, v6 ? "[%s]" : "%s", settings->address);
    }
    if (evutil_parse_sockaddr_port(text, (struct sockaddr *)&address, &size) != 0) {
        return err_set(err, ERR_CONFIG, "\"%s\" is no numeric address to listen on",
                       settings->address);
    }
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, (socklen_t)size) != 0 || listen(fd, BACKLOG) != 0) {
        const int failed = errno;
        if (fd >= 0) {
            close(fd);
        }
        return err_set(err, ERR_IO, "cannot listen on %s:%d: %s%s", settings->address,
                       settings->port, strerror(failed),
                       failed == EADDRINUSE ? "; stop what holds it, or set another `listen:`"
                                            : "");
    }
    socklen_t bound = sizeof address;
    CHECK(getsockname(fd, (struct sockaddr *)&address, &bound) == 0);
    *out_port =
        ntohs(address.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&address)->sin6_port
                                            : ((const struct sockaddr_in *)&address)->sin_port);
    *out_fd = fd;
    return ERR_OK;
}

static enum errc load_tls(const char *certificate, const char *private_key, SSL_CTX **out,
                          struct err *err)
{
    SSL_CTX *const tls = SSL_CTX_new(TLS_server_method());
    CHECK(tls != NULL);
    const char *what = NULL;
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1) {
        what = certificate;
    } else if (SSL_CTX_use_PrivateKey_file(tls, private_key, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(tls) != 1) {
        what = private_key;
    }
    if (what == NULL) {
        *out = tls;
        return ERR_OK;
    }
    char reason[TEXT_BYTES_MAX];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    ERR_clear_error();
    SSL_CTX_free(tls);
    return err_set(err, ERR_CONFIG, "TLS: %s cannot be used: %s", what, reason);
}

static void create_loop(struct net_server *server, struct net_loop *loop)
{
    loop->server = server;
    loop->base = event_base_new();
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(loop->base != NULL);
    CHECK(loop->wake_fd >= 0);
    CHECK(pthread_mutex_init(&loop->lock, NULL) == 0);
    loop->listener =
        evconnlistener_new(loop->base, on_accept, loop, LEV_OPT_CLOSE_ON_EXEC, 0, server->fd);
    CHECK(loop->listener != NULL);
    evconnlistener_set_error_cb(loop->listener, on_accept_failed);
    evtimer_assign(&loop->resume, loop->base, on_resume, loop);
    event_assign(&loop->woken, loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    event_add(&loop->woken, NULL);
}

enum errc net_server_create(const struct net_settings *settings, net_handler *handler,
                            void *context, struct net_server **out, struct err *err)
{
    CHECK(settings != NULL);
    CHECK(handler != NULL);
    CHECK(settings->loops >= 1);
    CHECK(settings->loops <= NET_LOOPS_MAX);
    SSL_CTX *tls = NULL;
    int fd = -1;
    int port = 0;
    enum errc code = ERR_OK;
    if (settings->certificate != NULL) {
        CHECK(settings->private_key != NULL);
        code = load_tls(settings->certificate, settings->private_key, &tls, err);
    }
    if (code == ERR_OK) {
        code = listen_on(settings, &fd, &port, err);
    }
    if (code != ERR_OK) {
        SSL_CTX_free(tls);
        return code;
    }
    struct net_server *const server = memory_new(struct net_server);
    server->limits = settings->limits;
    server->handler = handler;
    server->context = context;
    server->fd = fd;
    server->port = port;
    server->tls = tls;
    server->certificate = settings->certificate;
    server->private_key = settings->private_key;
    server->loop_count = settings->loops;
    CHECK(pthread_mutex_init(&server->tls_lock, NULL) == 0);
    for (int i = 0; i < server->loop_count; i++) {
        create_loop(server, &server->loops[i]);
    }
    *out = server;
    return ERR_OK;
}

int net_server_port(const struct net_server *server)
{
    CHECK(server != NULL);
    return server->port;
}

void net_server_start(struct net_server *server)
{
    CHECK(server != NULL);
    CHECK(!server->started);
    server->started = true;
    for (int i = 0; i < server->loop_count; i++) {
        CHECK(pthread_create(&server->loops[i].thread, NULL, run, &server->loops[i]) == 0);
    }
}

enum errc net_server_reload(struct net_server *server, struct err *err)
{
    CHECK(server != NULL);
    if (server->certificate == NULL) {
        return ERR_OK;
    }
    SSL_CTX *tls = NULL;
    const enum errc code = load_tls(server->certificate, server->private_key, &tls, err);
    if (code == ERR_OK) {
        pthread_mutex_lock(&server->tls_lock);
        SSL_CTX *const old = server->tls;
        server->tls = tls;
        pthread_mutex_unlock(&server->tls_lock);
        SSL_CTX_free(old); /* connections hold it as long as they use it */
    }
    return code;
}

void net_server_drain(struct net_server *server, int wait_ms)
{
    CHECK(server != NULL);
    atomic_store(&server->draining, true);
    for (int i = 0; i < server->loop_count; i++) {
        wake(&server->loops[i]);
    }
    const struct timespec step = {.tv_nsec = DRAIN_STEP_MS * 1000000L};
    for (int waited = 0; waited < wait_ms && atomic_load(&server->connections) > 0;
         waited += DRAIN_STEP_MS) {
        nanosleep(&step, NULL);
    }
}

/* Answers that came when nobody was there any more to send them. */
static void drop_answers(struct net_loop *loop)
{
    while (loop->answered != NULL) {
        struct net_reply *const reply = loop->answered;
        CHECK(reply->connection == NULL);
        loop->answered = reply->next;
        connection_answer(reply);
    }
}

void net_server_stop(struct net_server *server)
{
    CHECK(server != NULL);
    atomic_store(&server->draining, true);
    atomic_store(&server->stopping, true);
    for (int i = 0; server->started && i < server->loop_count; i++) {
        wake(&server->loops[i]);
    }
    for (int i = 0; server->started && i < server->loop_count; i++) {
        CHECK(pthread_join(server->loops[i].thread, NULL) == 0);
    }
    server->started = false;
}

void net_server_destroy(struct net_server **server)
{
    CHECK(server != NULL);
    struct net_server *const s = *server;
    if (s == NULL) {
        return;
    }
    net_server_stop(s);
    for (int i = 0; i < s->loop_count; i++) {
        struct net_loop *const loop = &s->loops[i];
        drop_answers(loop);
        event_del(&loop->woken);
        event_del(&loop->resume);
        evconnlistener_free(loop->listener);
        event_base_free(loop->base);
        close(loop->wake_fd);
        pthread_mutex_destroy(&loop->lock);
    }
    close(s->fd);
    SSL_CTX_free(s->tls);
    pthread_mutex_destroy(&s->tls_lock);
    memory_free(s);
    *server = NULL;
}

static void put_date(struct text *out)
{
    struct timespec now;
    struct tm parts;
    char date[TEXT_BYTES_MAX];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    const size_t size = strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    text_add(out, STR("Date: "));
    text_add(out, (struct str){date, size});
    text_add(out, STR("\r\n"));
}

void net_reply_send(struct net_reply *reply, const struct net_response *response)
{
    CHECK(reply != NULL);
    CHECK(response != NULL);
    CHECK(response->field_count <= NET_FIELDS_MAX);
    struct net_loop *const loop = reply->loop;
    struct text *const out = &reply->bytes;
    text_init(out, RESPONSE_BYTES_MAX);
    reply->close = reply->close || response->close;
    text_format(out, "HTTP/1.1 %d %s\r\n", response->status, http_reason(response->status));
    put_date(out);
    if (response->content_type.size > 0) {
        text_format(out, "Content-Type: " STR_FORMAT "\r\n", STR_ARG(response->content_type));
    }
    if (response->status != 204 && response->status != 304) {
        text_format(out, "Content-Length: %zu\r\n", response->body.size);
    }
    for (size_t i = 0; i < response->field_count; i++) {
        text_format(out, STR_FORMAT ": " STR_FORMAT "\r\n", STR_ARG(response->fields[i].name),
                    STR_ARG(response->fields[i].value));
    }
    text_add(out, reply->close ? STR("Connection: close\r\n\r\n") : STR("\r\n"));
    if (!reply->without_body) {
        text_add(out, response->body);
    }
    CHECK(!text_is_full(out));
    if (pthread_equal(pthread_self(), loop->thread)) {
        connection_answer(reply);
        return;
    }
    pthread_mutex_lock(&loop->lock);
    reply->next = loop->answered;
    loop->answered = reply;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
}

struct net_counts net_server_counts(const struct net_server *server)
{
    CHECK(server != NULL);
    return (struct net_counts){
        .connections = atomic_load(&server->connections),
        .accepted = atomic_load(&server->accepted),
        .turned_away = atomic_load(&server->turned_away),
        .requests = atomic_load(&server->requests),
        .refused = atomic_load(&server->refused),
        .held_bytes = atomic_load(&server->held_bytes),
    };
}
