/*
 * send_spans: a load of GenAI spans for an OTLP/HTTP receiver, protobuf, from one thread.
 *
 *     send_spans HOST PORT CONNECTIONS SPANS SECONDS RATE FIRST
 *
 * Sends batches of 512 spans, 8 a trace (an agent, five calls, two tools), 22 attributes each, one
 * of 600 bytes. The bytes are made once; before each sending only identities and times are written
 * over. A connection is kept alive and has one request under way; a refused batch (429, 503) is
 * sent again after Retry-After. Prints one JSON object.
 *
 * SPANS, SECONDS  end after so many or so long, whichever comes first; 0: no such end
 * RATE            spans a second; latency then counts from when the batch was due. 0: at once
 * FIRST           number of the first trace: runs on one receiver need other traces
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "spans.h"

enum {
    CONNECTIONS_MAX = 64,
    ANSWER_BYTES_MAX = 16 << 10,
    LATENCY_US_MAX = 10000000, /* of the histogram; what is longer counts as this */
    BATCH = SPANS_TRACES * SPANS_A_TRACE,
};

struct connection {
    int fd;
    struct spans_batch *batch;
    size_t sent;
    char answer[ANSWER_BYTES_MAX + 1];
    size_t answered;
    int64_t due_ns;   /* of the batch under way; latency counts from here */
    int64_t retry_ns; /* when to send it again; 0: now */
    bool busy;        /* a batch waits for its 200 */
};

struct load {
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count;
    int64_t batches_max; /* 0: no end */
    int64_t until_ns;    /* 0: no end */
    int64_t interval_ns; /* between batches; 0: at once */
    int64_t began_ns;
    int64_t first;
    int64_t started; /* batches */
    int64_t accepted;
    int64_t refused;
    int64_t bytes;
    int64_t latency_max_us;
    uint32_t *latencies; /* [LATENCY_US_MAX + 1] batches by microseconds */
};

static void stop(const char *what)
{
    fprintf(stderr, "send_spans: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int dial(const char *host, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    if (fd < 0 || inet_pton(AF_INET, host, &to.sin_addr) != 1 ||
        connect(fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        stop(host);
    }
    return fd;
}

/* Value of a header field of an answer, a number; `otherwise` when it has none. */
static int64_t field(const char *head, const char *name, int64_t otherwise)
{
    const char *const at = strcasestr(head, name);
    return at != NULL ? strtoll(at + strlen(name), NULL, 10) : otherwise;
}

/* Whether the whole answer is here. */
static bool is_answered(const struct connection *connection)
{
    const char *const end = strstr(connection->answer, "\r\n\r\n");
    if (end == NULL) {
        return false;
    }
    const int64_t length = field(connection->answer, "\r\ncontent-length:", -1);
    const size_t head = (size_t)(end - connection->answer) + 4;
    return length >= 0 ? connection->answered >= head + (size_t)length
                       : strstr(end, "\r\n0\r\n\r\n") != NULL; /* in chunks */
}

static void take_answer(struct load *load, struct connection *connection, int64_t now_ns)
{
    const int64_t status = field(connection->answer, "HTTP/1.1 ", 0);
    connection->answered = connection->sent = 0;
    if (status == 503 || status == 429) {
        load->refused++;
        connection->retry_ns =
            now_ns + field(connection->answer, "\r\nretry-after:", 1) * CLOCK_NS_PER_SECOND;
        return;
    }
    if (status != 200) {
        fprintf(stderr, "send_spans: answered %lld\n", (long long)status);
        exit(1);
    }
    const int64_t took_us = (now_ns - connection->due_ns) / 1000;
    load->latencies[took_us < LATENCY_US_MAX ? took_us : LATENCY_US_MAX]++;
    load->latency_max_us = took_us > load->latency_max_us ? took_us : load->latency_max_us;
    load->accepted++;
    connection->busy = false;
}

static void receive(struct load *load, struct connection *connection)
{
    const size_t room = ANSWER_BYTES_MAX - connection->answered;
    const ssize_t size = recv(connection->fd, connection->answer + connection->answered, room, 0);
    if (size < 0 && errno == EAGAIN) {
        return;
    }
    if (size <= 0) {
        stop("the receiver closed a connection");
    }
    connection->answered += (size_t)size;
    connection->answer[connection->answered] = '\0';
    if (is_answered(connection)) {
        take_answer(load, connection, clock_monotonic_ns());
    }
}

static void transmit(struct load *load, struct connection *connection)
{
    const struct spans_batch *const batch = connection->batch;
    const ssize_t size = send(connection->fd, batch->bytes + connection->sent,
                              batch->size - connection->sent, MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN) {
        stop("send");
    }
    connection->sent += size > 0 ? (size_t)size : 0;
    load->bytes += size > 0 ? size : 0;
}

/* Give a free connection the next batch, if one is due. */
static void start(struct load *load, struct connection *connection, int64_t now_ns)
{
    const int64_t due_ns = load->began_ns + load->started * load->interval_ns;
    const bool over = (load->batches_max > 0 && load->started >= load->batches_max) ||
                      (load->until_ns > 0 && now_ns >= load->until_ns);
    if (over || due_ns > now_ns) {
        return;
    }
    spans_number(connection->batch, load->first + load->started * SPANS_TRACES);
    connection->due_ns = load->interval_ns > 0 ? due_ns : now_ns;
    connection->retry_ns = 0;
    connection->sent = 0;
    connection->busy = true;
    load->started++;
}

/* One turn: whoever is free starts, then wait for a socket or the next due time. */
static bool turn(struct load *load)
{
    struct pollfd polled[CONNECTIONS_MAX];
    const int64_t now_ns = clock_monotonic_ns();
    bool busy = false;
    /* In turn, as one that is never used would be closed by the receiver. */
    const size_t first = (size_t)load->started;
    for (size_t i = 0; i < load->connection_count; i++) {
        struct connection *const c = &load->connections[(first + i) % load->connection_count];
        if (!c->busy) {
            start(load, c, now_ns);
        }
    }
    for (size_t i = 0; i < load->connection_count; i++) {
        const struct connection *const c = &load->connections[i];
        const bool sends = c->busy && c->sent < c->batch->size && c->retry_ns <= now_ns;
        polled[i] =
            (struct pollfd){.fd = c->fd, .events = (short)(sends ? POLLOUT | POLLIN : POLLIN)};
        busy = busy || c->busy;
    }
    const bool over = (load->batches_max > 0 && load->started >= load->batches_max) ||
                      (load->until_ns > 0 && now_ns >= load->until_ns);
    if (!busy && over) {
        return false;
    }
    const struct timespec wait = {.tv_nsec = 200000};
    if (ppoll(polled, load->connection_count, &wait, NULL) < 0) {
        stop("poll");
    }
    for (size_t i = 0; i < load->connection_count; i++) {
        if ((polled[i].revents & POLLOUT) != 0) {
            transmit(load, &load->connections[i]);
        }
        if ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            receive(load, &load->connections[i]);
        }
    }
    return true;
}

/* Milliseconds within which `share` of the batches were acknowledged. */
static double percentile(const struct load *load, double share)
{
    int64_t left = (int64_t)((double)load->accepted * share);
    int64_t us = 0;
    while (us < LATENCY_US_MAX && left >= load->latencies[us]) {
        left -= load->latencies[us++];
    }
    return (double)us / 1000;
}

static void print(const struct load *load)
{
    const double took_s = (double)(clock_monotonic_ns() - load->began_ns) / 1e9;
    struct rusage used;
    CHECK(getrusage(RUSAGE_SELF, &used) == 0);
    const double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"spans\": %lld, \"seconds\": %.3f, \"bytes\": %lld, \"refused_batches\": %lld, "
           "\"batch_bytes\": %zu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"longest_ms\": %.3f, "
           "\"cpu_seconds\": %.3f}\n",
           (long long)load->accepted * BATCH, took_s, (long long)load->bytes,
           (long long)load->refused, load->connections[0].batch->size, percentile(load, 0.5),
           percentile(load, 0.99), (double)load->latency_max_us / 1000, cpu_s);
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        fputs("usage: send_spans HOST PORT CONNECTIONS SPANS SECONDS RATE FIRST\n", stderr);
        return 2;
    }
    const double rate = strtod(argv[6], NULL);
    const int64_t seconds = strtoll(argv[5], NULL, 10);
    struct load *const load = memory_new(struct load);
    load->latencies = memory_new_array(uint32_t, LATENCY_US_MAX + 1);
    load->connection_count = strtoul(argv[3], NULL, 10);
    load->batches_max = (strtoll(argv[4], NULL, 10) + BATCH - 1) / BATCH;
    load->interval_ns = rate > 0 ? (int64_t)(1e9 * BATCH / rate) : 0;
    load->first = strtoll(argv[7], NULL, 10);
    if (load->connection_count < 1 || load->connection_count > CONNECTIONS_MAX) {
        fprintf(stderr, "send_spans: between 1 and %d connections\n", CONNECTIONS_MAX);
        return 2;
    }
    for (size_t i = 0; i < load->connection_count; i++) {
        load->connections[i].fd = dial(argv[1], (int)strtol(argv[2], NULL, 10));
        spans_create(&load->connections[i].batch, argv[1]);
    }
    load->began_ns = clock_monotonic_ns();
    load->until_ns = seconds > 0 ? load->began_ns + seconds * CLOCK_NS_PER_SECOND : 0;
    while (turn(load)) {
    }
    print(load);
    for (size_t i = 0; i < load->connection_count; i++) {
        close(load->connections[i].fd);
        spans_destroy(&load->connections[i].batch);
    }
    memory_free(load->latencies);
    memory_free(load);
    return 0;
}
