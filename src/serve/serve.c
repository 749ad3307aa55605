/*
 * serve: the server from its start to its end. Start: ledger, inbox (takes up what an earlier run
 * left), sockets, serve.json. Stop on SIGTERM or SIGINT: no new connections, answers that are owed,
 * what is in the journal into the ledger. SIGHUP: configuration, certificate and keys anew.
 */
#include "serve/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/processors.h"
#include "serve/openapi.h"
#include "store/control.h"

enum {
    DRAIN_MS_MAX = 10000,  /* answers that are owed */
    SETTLE_MS_MAX = 30000, /* from the journal into the ledger */
    PATH_BYTES_MAX = 4096,
    STARTED_STEPS = 5, /* of FOLLOW_MS: then the threads have done what they do at first */
    FOLLOW_MS = 400,   /* a key that is made or revoked counts that much later at most */
};

#define READING_BYTES_MAX ((size_t)160 << 20)

void serve_tell(void *context, const char *text)
{
    (void)context;
    CHECK(text != NULL);
    fprintf(stderr, "bursar: %s\n", text);
}

static enum errc split_listen(struct str listen, char *host, size_t host_size, int *out_port,
                              struct err *err)
{
    size_t colon = listen.size;
    while (colon > 0 && listen.data[colon - 1] != ':') {
        colon--;
    }
    int64_t port = -1;
    struct str name = {listen.data, colon > 0 ? colon - 1 : 0};
    if (name.size > 2 && name.data[0] == '[' && name.data[name.size - 1] == ']') {
        name = (struct str){name.data + 1, name.size - 2};
    }
    name = str_equal(name, STR("localhost")) ? STR("127.0.0.1") : name;
    if (name.size == 0 || name.size >= host_size ||
        !str_to_int64((struct str){listen.data + colon, listen.size - colon}, &port) || port < 0 ||
        port > 65535) {
        return err_set(err, ERR_USAGE,
                       "--listen: \"" STR_FORMAT "\" is not HOST:PORT, such as 127.0.0.1:4318",
                       STR_ARG(listen));
    }
    memcpy(host, name.data, name.size);
    host[name.size] = '\0';
    *out_port = (int)port;
    return ERR_OK;
}

static bool is_loopback(const char *host)
{
    return str_starts_with(str_from(host), STR("127.")) || strcmp(host, "::1") == 0;
}

/* What is reached from other machines needs a key, and should not be overheard. */
static enum errc check_access(struct serve *serve, struct err *err)
{
    const struct settings *const settings = serve->config->settings;
    const bool far = !is_loopback(serve->host);
    const bool opens = serve_keys_open_anything(serve);
    if (far && !opens) {
        return err_set(
            err, ERR_CONFIG,
            "listen: %s can be reached from other machines, which needs keys, and there "
            "is none that is good; make one: bursar key create --role ingest, or gateway",
            serve->host);
    }
    if (settings->require_keys && !opens) {
        serve_tell(serve, "require_keys is set and no key is good: nobody can send or read until "
                          "there is one: bursar key create --role ingest, or gateway");
    }
    if (far && settings->tls.certificate.size == 0) {
        serve_tell(serve, "WARNING: listening beyond this machine without TLS: keys and telemetry "
                          "can be read on the way; set tls in bursar.yaml (docs/keys.md)");
    }
    return ERR_OK;
}

static void make_token(struct serve *serve)
{
    unsigned char random[SERVE_TOKEN_BYTES];
    CHECK(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(serve->token + 2 * i, 3, "%02x", random[i]);
    }
}

/* serve.json: where commands find the server. For the owner's eyes: who has the token may ask. */
static enum errc write_card(const struct serve *serve, const char *path, struct err *err)
{
    struct text card;
    text_init(&card, 4096);
    json_open_object(&card);
    json_name(&card, "pid");
    json_put_int64(&card, getpid());
    json_name(&card, "address");
    json_put_text(&card, serve->host);
    json_name(&card, "port");
    json_put_int64(&card, net_server_port(serve->net));
    if (serve->commands != NULL) {
        json_name(&card, "commands_port");
        json_put_int64(&card, net_server_port(serve->commands));
    }
    json_name(&card, "token");
    json_put_text(&card, serve->token);
    json_close_object(&card);
    text_char(&card, '\n');
    unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool written = fd >= 0 && write(fd, card.data, card.size) == (ssize_t)card.size;
    const int failed = errno;
    if (fd >= 0) {
        close(fd);
    }
    text_deinit(&card);
    return written ? ERR_OK : err_set(err, ERR_IO, "%s: %s", path, strerror(failed));
}

/* A commit that failed leaves DuckDB in a state that is not to be read: of inbox_settings. */
static enum errc serve_reopen(void *context, struct err *err)
{
    struct serve *const serve = context;
    CHECK(serve != NULL);
    pthread_mutex_lock(&serve->reader_lock);
    store_close(&serve->reader);
    enum errc code = store_reopen(serve->writer, err);
    if (code == ERR_OK) {
        code = store_share(serve->writer, &serve->reader, err);
    }
    pthread_mutex_unlock(&serve->reader_lock);
    return code;
}

/* The socket for everybody and, where that one does not speak plain HTTP on loopback, one for the
 * commands of this machine's owner. */
static enum errc open_sockets(struct serve *serve, int port, struct err *err)
{
    const struct settings *const from = serve->config->settings;
    const int cores = processors_count();
    struct net_settings settings = {.address = serve->host,
                                    .port = port,
                                    .loops = cores > NET_LOOPS_MAX ? NET_LOOPS_MAX : cores,
                                    .limits = serve_net_limits(from)};
    if (from->tls.certificate.size > 0) {
        settings.certificate = from->tls.certificate.data;
        settings.private_key = from->tls.private_key.data;
    }
    serve->connections_wanted = settings.limits.connections_max;
    serve->files = serve_raise_files(from, serve->connections_wanted);
    settings.limits.connections_max = serve->files.connections;
    const enum errc code = net_server_create(&settings, serve_handle, serve, &serve->net, err);
    if (code == ERR_OK) {
        net_loops_limit_sockets(net_server_loops(serve->net), serve->files.sockets);
    }
    if (code != ERR_OK || (settings.certificate == NULL && is_loopback(serve->host))) {
        return code;
    }
    const struct net_settings own = {.address = "127.0.0.1", .loops = 1, .limits = settings.limits};
    return net_server_create(&own, serve_handle_commands, serve, &serve->commands, err);
}

static enum errc open_parts(struct app *app, int port, struct serve *serve, struct err *err)
{
    enum errc code = store_open(app->home, STORE_WRITE, &serve->writer, err);
    if (code == ERR_OK) {
        code = store_share(serve->writer, &serve->reader, err);
    }
    if (code == ERR_OK) {
        code = serve_keys_open(serve, err);
    }
    if (code == ERR_OK) {
        code = check_access(serve, err);
    }
    if (code == ERR_OK) {
        const struct inbox_settings settings = {.home = app->home,
                                                .store = serve->writer,
                                                .book = serve->config->book,
                                                .limits =
                                                    serve_inbox_limits(serve->config->settings),
                                                .reading_bytes_max = READING_BYTES_MAX,
                                                .decode = serve_decode,
                                                .audit = serve_audit,
                                                .tell = serve_tell,
                                                .reopen = serve_reopen,
                                                .context = serve};
        code = inbox_create(&settings, &serve->inbox, err);
    }
    if (code == ERR_OK) {
        code = open_sockets(serve, port, err);
    }
    return code == ERR_OK ? serve_gateway_open(serve, err) : code;
}

static void close_parts(struct serve *serve)
{
    if (serve->net != NULL) {
        net_server_stop(serve->net);
    }
    serve_gateway_close(serve);
    inbox_destroy(&serve->inbox, SETTLE_MS_MAX);
    net_server_destroy(&serve->net);
    net_server_destroy(&serve->commands);
    serve_keys_close(serve);
    serve_config_close(serve);
    while (serve->decoder_count > 0) {
        otlp_destroy(&serve->decoders[--serve->decoder_count]);
    }
    control_close(&serve->trail);
    text_deinit(&serve->description);
    store_close(&serve->reader);
    store_close(&serve->writer);
}

/* What a write can meet is told as its error: a client that has left, a file at its limit. */
static void ignore_signals(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    CHECK(sigaction(SIGPIPE, &ignore, NULL) == 0);
    CHECK(sigaction(SIGXFSZ, &ignore, NULL) == 0);
}

static void reload(struct serve *serve)
{
    char state[64];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)(clock_monotonic_ns() / 1000));
    serve_notify(state);
    serve_config_reload(serve);
    serve_keys_follow(serve, true);
    serve_notify("READY=1");
}

/* Until a signal says to stop; in between see whether the keys have changed. */
static void wait_for_end(const sigset_t *signals, struct serve *serve)
{
    const struct timespec step = {.tv_nsec = FOLLOW_MS * 1000000L};
    int number = 0;
    int64_t steps = 0;
    do {
        number = sigtimedwait(signals, NULL, &step);
        CHECK(number > 0 || errno == EAGAIN || errno == EINTR);
        if (++steps == STARTED_STEPS) {
            memory_drop_code();
            memory_give_back();
        }
        if (number == SIGHUP) {
            reload(serve);
        } else if (number < 0) {
            serve_keys_follow(serve, false);
        }
    } while (number < 0 || number == SIGHUP);
}

/* Where calls of models go, and what may hold them up. */
static void tell_gateway(const struct settings *settings)
{
    struct text line;
    text_init(&line, 4096);
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        text_format(&line, "%s" STR_FORMAT, i == 0 ? "" : ", ",
                    STR_ARG(settings->upstreams.rows[i].name));
    }
    if (settings->upstreams.count > 0) {
        fprintf(stderr, "bursar: calls of models go to " STR_FORMAT "; %zu %s, %zu %s\n",
                STR_ARG(text_str(&line)), settings->budgets.count,
                settings->budgets.count == 1 ? "budget" : "budgets", settings->routes.count,
                settings->routes.count == 1 ? "route" : "routes");
    }
    text_deinit(&line);
}

static enum errc serve(struct app *app, struct serve *serve, const sigset_t *signals,
                       struct err *err)
{
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof path, STR_FORMAT "/serve.json", STR_ARG(app->home));
    make_token(serve);
    text_init(&serve->description, OPENAPI_BYTES_MAX);
    openapi_write(&serve->description);
    serve_questions_start(serve);
    (void)serve_figures(serve); /* so that the first look finds some */
    net_server_start(serve->net);
    if (serve->commands != NULL) {
        net_server_start(serve->commands);
    }
    enum errc code = write_card(serve, path, err);
    if (code == ERR_OK) {
        atomic_store(&serve->ready, true);
        const bool v6 = strchr(serve->host, ':') != NULL;
        fprintf(stderr, "bursar: listening on %s%s%s:%d%s, ledger %s, at most %d connections\n",
                v6 ? "[" : "", serve->host, v6 ? "]" : "", net_server_port(serve->net),
                serve->config->settings->tls.certificate.size > 0 ? " with TLS" : "",
                store_path(serve->writer), serve->files.connections);
        serve_tell_files(&serve->files, serve->connections_wanted);
        tell_gateway(serve->config->settings);
        serve_notify("READY=1");
        wait_for_end(signals, serve);
        serve_notify("STOPPING=1");
        atomic_store(&serve->ready, false);
        atomic_store(&serve->stopping, true);
    }
    net_server_drain(serve->net, DRAIN_MS_MAX);
    if (serve->commands != NULL) {
        net_server_drain(serve->commands, DRAIN_MS_MAX);
        net_server_stop(serve->commands);
    }
    net_server_stop(serve->net); /* from here on nothing is asked of the inbox and the ledger */
    serve_questions_stop(serve);
    unlink(path);
    return code;
}

enum errc serve_run(struct app *app, const char *listen, struct err *err)
{
    CHECK(app != NULL);
    memory_keep_freed();
    ignore_signals();
    struct serve *const all = memory_new(struct serve);
    all->app = app;
    all->started_ns = clock_monotonic_ns();
    CHECK(pthread_mutex_init(&all->decoders_lock, NULL) == 0);
    CHECK(pthread_mutex_init(&all->config_lock, NULL) == 0);
    CHECK(pthread_mutex_init(&all->reader_lock, NULL) == 0);
    CHECK(pthread_rwlock_init(&all->keys.lock, NULL) == 0);
    CHECK(pthread_mutex_init(&all->figures_lock, NULL) == 0);
    all->listen_given = listen != NULL;
    int port = 0;
    enum errc code = serve_config_open(all, err);
    if (code == ERR_OK) {
        code = split_listen(listen != NULL ? str_from(listen) : all->config->settings->listen,
                            all->host, sizeof all->host, &port, err);
    }
    sigset_t signals; /* blocked before any thread starts, so that only sigwait() sees them */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    CHECK(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
    if (code == ERR_OK) {
        code = open_parts(app, port, all, err);
    }
    if (code == ERR_OK) {
        code = serve(app, all, &signals, err);
    }
    close_parts(all);
    pthread_mutex_destroy(&all->decoders_lock);
    pthread_mutex_destroy(&all->config_lock);
    pthread_mutex_destroy(&all->reader_lock);
    pthread_rwlock_destroy(&all->keys.lock);
    pthread_mutex_destroy(&all->figures_lock);
    memory_free(all);
    return code;
}
