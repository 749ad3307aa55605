/*
 * serve: the receiver. Start: ledger, inbox (takes up what an earlier run left), sockets,
 * serve.json. Stop on SIGTERM or SIGINT: no new connections, answers that are owed, what is in the
 * journal into the ledger. SIGHUP: certificates anew.
 */
#include "app/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/config.h"
#include "app/price_cli.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/processors.h"

enum {
    DRAIN_MS_MAX = 10000,  /* answers that are owed */
    SETTLE_MS_MAX = 30000, /* from the journal into the ledger */
    PATH_BYTES_MAX = 4096,
};

#define QUEUE_BYTES_MAX   ((size_t)256 << 20)
#define JOURNAL_BYTES_MAX (INT64_C(4) << 30)
#define READING_BYTES_MAX ((size_t)160 << 20)

static const struct option options[] = {
    {"--listen", "HOST:PORT", "instead of `listen:` in bursar.yaml; port 0: any free one"},
};

static void tell(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "bursar: %s\n", text);
}

/* systemd's protocol: one datagram to the socket it named. Source: sd_notify(3). */
static void notify(const char *state)
{
    const char *const path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (path == NULL || strlen(path) >= sizeof to.sun_path) {
        return;
    }
    memcpy(to.sun_path, path, strlen(path));
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') {
        to.sun_path[0] = '\0';
    }
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, size) <
            0) {
            fprintf(stderr, "bursar: systemd was not told %s: %s\n", state, strerror(errno));
        }
        close(fd);
    }
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
        return err_set(err, ERR_USAGE, "--listen: \"" STR_FORMAT "\" is not HOST:PORT",
                       STR_ARG(listen));
    }
    memcpy(host, name.data, name.size);
    host[name.size] = '\0';
    *out_port = (int)port;
    if (!str_starts_with(name, STR("127.")) && !str_equal(name, STR("::1"))) {
        return err_set(err, ERR_CONFIG,
                       "listen: %s can be reached from other machines, which needs keys, and this "
                       "version has none; listen on 127.0.0.1 and put a proxy that asks who is "
                       "there in front of it",
                       host);
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

static enum errc open_parts(struct app *app, const char *host, int port, struct serve *serve,
                            struct err *err)
{
    const struct price_book *book = NULL;
    const int cores = processors_count();
    enum errc code = app_price_book(app, &book, err);
    if (code == ERR_OK) {
        code = store_open(app->home, STORE_WRITE, &serve->writer, err);
    }
    if (code == ERR_OK) {
        code = store_share(serve->writer, &serve->reader, err);
    }
    if (code == ERR_OK) {
        const struct inbox_settings settings = {.home = app->home,
                                                .store = serve->writer,
                                                .book = book,
                                                .queue_bytes_max = QUEUE_BYTES_MAX,
                                                .journal_bytes_max = JOURNAL_BYTES_MAX,
                                                .reading_bytes_max = READING_BYTES_MAX,
                                                .decode = serve_decode,
                                                .tell = tell,
                                                .reopen = serve_reopen,
                                                .context = serve};
        code = inbox_create(&settings, &serve->inbox, err);
    }
    if (code == ERR_OK) {
        struct net_settings settings = {.address = host,
                                        .port = port,
                                        .loops = cores > NET_LOOPS_MAX ? NET_LOOPS_MAX : cores,
                                        .limits = net_limits_default};
        serve->connections_max = serve_raise_files(settings.limits.connections_max);
        settings.limits.connections_max = serve->connections_max;
        code = net_server_create(&settings, serve_handle, serve, &serve->net, err);
    }
    return code;
}

static void close_parts(struct serve *serve)
{
    inbox_destroy(&serve->inbox, SETTLE_MS_MAX);
    net_server_destroy(&serve->net);
    while (serve->decoder_count > 0) {
        otlp_destroy(&serve->decoders[--serve->decoder_count]);
    }
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

/* Until a signal says to stop. */
static void wait_for_end(const sigset_t *signals, struct serve *serve)
{
    int number = 0;
    do {
        CHECK(sigwait(signals, &number) == 0);
        struct err err;
        if (number == SIGHUP && net_server_reload(serve->net, &err) != ERR_OK) {
            tell(NULL, err.text);
        }
    } while (number == SIGHUP);
}

static enum errc serve(struct app *app, struct serve *serve, const sigset_t *signals,
                       struct err *err)
{
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof path, STR_FORMAT "/serve.json", STR_ARG(app->home));
    make_token(serve);
    serve_questions_start(serve);
    net_server_start(serve->net);
    enum errc code = write_card(serve, path, err);
    if (code == ERR_OK) {
        atomic_store(&serve->ready, true);
        fprintf(stderr, "bursar: listening on %s:%d, ledger %s, at most %d connections\n",
                serve->host, net_server_port(serve->net), store_path(serve->writer),
                serve->connections_max);
        serve_tell_files(serve->connections_max);
        notify("READY=1");
        wait_for_end(signals, serve);
        notify("STOPPING=1");
        atomic_store(&serve->ready, false);
    }
    net_server_drain(serve->net, DRAIN_MS_MAX);
    net_server_stop(serve->net); /* from here on nothing is asked of the inbox and the ledger */
    serve_questions_stop(serve);
    unlink(path);
    return code;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    memory_keep_freed();
    ignore_signals();
    const struct settings *settings = NULL;
    const char *const listen = args_get(args, "--listen");
    struct serve *const all = memory_new(struct serve);
    all->app = app;
    all->started_ns = clock_monotonic_ns();
    CHECK(pthread_mutex_init(&all->decoders_lock, NULL) == 0);
    CHECK(pthread_mutex_init(&all->reader_lock, NULL) == 0);
    int port = 0;
    enum errc code = config_open(app, &settings, err);
    if (code == ERR_OK) {
        code = split_listen(listen != NULL ? str_from(listen) : settings->listen, all->host,
                            sizeof all->host, &port, err);
    }
    sigset_t signals; /* blocked before any thread starts, so that only sigwait() sees them */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    CHECK(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
    if (code == ERR_OK) {
        code = open_parts(app, all->host, port, all, err);
    }
    if (code == ERR_OK) {
        code = serve(app, all, &signals, err);
    }
    close_parts(all);
    pthread_mutex_destroy(&all->decoders_lock);
    pthread_mutex_destroy(&all->reader_lock);
    memory_free(all);
    return code;
}

const struct command cmd_serve = {
    .name = "serve",
    .synopsis = "[--listen HOST:PORT]",
    .summary = "receive telemetry (OTLP) and answer questions over HTTP",
    .about =
        "Takes OTLP/HTTP traces, logs and metrics, protobuf or JSON, at /v1/traces, /v1/logs and\n"
        "/v1/metrics: an OpenTelemetry SDK without configuration finds it. What is acknowledged "
        "is\n"
        "on the disk, and in the ledger a moment later; what comes twice is counted once.\n"
        "/api/v1/report, /api/v1/drivers?workflow=W and so on answer what the commands print with\n"
        "--json; the commands themselves ask the server while it holds the ledger. /healthz,\n"
        "/readyz, /metrics. SIGTERM ends it: nothing acknowledged is lost, whatever ends it.\n"
        "docs/server.md",
    .example = "bursar serve --listen 127.0.0.1:4318",
    .options = options,
    .option_count = COUNT_OF(options),
    .run = run,
};
