/* The life of a server: create (listens) -> start (loops run) -> drain -> destroy. */
#include "net/server_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
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

static void on_resume(void *context)
{
    struct net_door *const door = context;
    if (!door->draining) {
        evconnlistener_enable(door->listener);
    }
}

/* Out of file descriptors: wait for some to be given back, not in a spin. */
static void on_accept_failed(struct evconnlistener *listener, void *context)
{
    struct net_door *const door = context;
    loop_enter(door->loop);
    evconnlistener_disable(listener);
    net_timer_set(door->loop, &door->resume, ACCEPT_PAUSE_MS);
    loop_leave(door->loop);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
                      int peer_size, void *context)
{
    (void)listener;
    CHECK(peer_size > 0);
    struct net_door *const door = context;
    loop_enter(door->loop);
    connection_open(door, fd, peer);
    loop_leave(door->loop);
}

static void on_limit(void *context)
{
    struct net_door *const door = context;
    atomic_store(&door->limit_posted, false);
    pthread_mutex_lock(&door->server->settings_lock);
    door->limits = door->server->limits;
    pthread_mutex_unlock(&door->server->settings_lock);
}

static void on_drain(void *context)
{
    struct net_door *const door = context;
    door->draining = true;
    evconnlistener_disable(door->listener);
    connection_close_all(door, true);
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

static void open_door(struct net_server *server, struct net_door *door, struct net_loop *loop)
{
    door->server = server;
    door->loop = loop;
    door->resume = (struct net_timer){.run = on_resume, .context = door};
    door->drain = (struct net_post){.run = on_drain, .context = door};
    door->limit = (struct net_post){.run = on_limit, .context = door};
    door->limits = server->limits;
    door->listener =
        evconnlistener_new(loop->base, on_accept, door, LEV_OPT_CLOSE_ON_EXEC, 0, server->fd);
    CHECK(door->listener != NULL);
    evconnlistener_set_error_cb(door->listener, on_accept_failed);
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
    server->loops = net_loops_create(settings->loops);
    CHECK(pthread_mutex_init(&server->settings_lock, NULL) == 0);
    for (int i = 0; i < settings->loops; i++) {
        open_door(server, &server->doors[i], net_loops_at(server->loops, i));
    }
    *out = server;
    return ERR_OK;
}

int net_server_port(const struct net_server *server)
{
    CHECK(server != NULL);
    return server->port;
}

struct net_loops *net_server_loops(struct net_server *server)
{
    CHECK(server != NULL);
    return server->loops;
}

void net_server_start(struct net_server *server)
{
    CHECK(server != NULL);
    net_loops_start(server->loops);
}

enum errc net_server_reload(struct net_server *server, const char *certificate,
                            const char *private_key, struct err *err)
{
    CHECK(server != NULL);
    CHECK(server->tls != NULL);
    SSL_CTX *tls = NULL;
    const enum errc code = load_tls(certificate, private_key, &tls, err);
    if (code == ERR_OK) {
        pthread_mutex_lock(&server->settings_lock);
        SSL_CTX *const old = server->tls;
        server->tls = tls;
        pthread_mutex_unlock(&server->settings_lock);
        SSL_CTX_free(old); /* connections hold it as long as they use it */
    }
    return code;
}

void net_server_limit(struct net_server *server, const struct net_limits *limits)
{
    CHECK(server != NULL);
    CHECK(limits != NULL);
    pthread_mutex_lock(&server->settings_lock);
    server->limits = *limits;
    pthread_mutex_unlock(&server->settings_lock);
    for (int i = 0; i < net_loops_count(server->loops); i++) {
        struct net_door *const door = &server->doors[i];
        if (!atomic_exchange(&door->limit_posted, true)) {
            net_loop_post(door->loop, &door->limit);
        }
    }
}

void net_server_drain(struct net_server *server, int wait_ms)
{
    CHECK(server != NULL);
    if (!atomic_exchange(&server->draining, true)) {
        for (int i = 0; i < net_loops_count(server->loops); i++) {
            net_loop_post(server->doors[i].loop, &server->doors[i].drain);
        }
    }
    const struct timespec step = {.tv_nsec = DRAIN_STEP_MS * 1000000L};
    for (int waited = 0; waited < wait_ms && atomic_load(&server->connections) > 0;
         waited += DRAIN_STEP_MS) {
        nanosleep(&step, NULL);
    }
}

void net_server_stop(struct net_server *server)
{
    CHECK(server != NULL);
    net_server_drain(server, 0);
    net_loops_stop(server->loops);
    for (int i = 0; i < net_loops_count(server->loops) && !server->stopped; i++) {
        struct net_door *const door = &server->doors[i];
        loop_enter(door->loop);
        connection_close_all(door, false);
        net_timer_clear(door->loop, &door->resume);
        evconnlistener_free(door->listener);
        loop_leave(door->loop);
    }
    server->stopped = true;
}

void net_server_destroy(struct net_server **server)
{
    CHECK(server != NULL);
    struct net_server *const s = *server;
    if (s == NULL) {
        return;
    }
    net_server_stop(s);
    net_loops_destroy(&s->loops);
    close(s->fd);
    SSL_CTX_free(s->tls);
    pthread_mutex_destroy(&s->settings_lock);
    memory_free(s);
    *server = NULL;
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
