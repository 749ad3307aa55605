/*
 * send_calls: a load of model calls for a gateway, from one thread.
 *
 *     send_calls PORT CONNECTIONS RATE SECONDS REQUEST
 *
 * REQUEST is a file with one whole HTTP request; eight '@' in it become the number of the call. A
 * connection is kept alive and has one call under way. Prints one JSON object: calls, errors,
 * percentiles of the time to the end of an answer and to its first byte of body.
 *
 * RATE  calls a second, open loop: a call counts from when it was due, whether or not a connection
 *       was free. 0: closed loop, every connection calls again at once
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
    CONNECTIONS_MAX = 4096,
    REQUEST_BYTES_MAX = 16 << 10,
    ANSWER_BYTES_MAX = 32 << 10, /* what of it is kept to find its end */
    EVENTS_A_TURN = 256,
    STEPS = 1000000, /* of a histogram; what is longer counts as this */
    STEP_NS = 500,
    NUMBER_DIGITS = 8,
};

struct connection {
    int fd;
    bool busy;
    bool has_first;
    bool has_head;
    size_t body_at;
    size_t length; /* of the body; SIZE_MAX: chunked */
    size_t size;   /* of the answer, seen */
    int64_t due_ns;
    char answer[ANSWER_BYTES_MAX + 1];
};

struct load {
    int poll;
    int port;
    size_t count;
    struct connection *connections; /* [count] */
    struct connection **idle;       /* [count] */
    size_t idle_count;
    char request[REQUEST_BYTES_MAX];
    size_t request_size;
    char *number; /* in it; NULL: none */
    int64_t step_ns;
    int64_t began_ns;
    int64_t until_ns;
    int64_t started;
    int64_t done;
    int64_t errors;
    uint32_t *whole; /* [STEPS + 1] calls by time */
    uint32_t *first;
};

static void stop(const char *what)
{
    fprintf(stderr, "send_calls: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void dial(struct load *load, struct connection *c)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)load->port),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int yes = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = c}};
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
        epoll_ctl(load->poll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        stop("connect");
    }
}

static void count(uint32_t *histogram, int64_t ns)
{
    const int64_t step = ns / STEP_NS;
    histogram[step < 0 ? 0 : step > STEPS ? STEPS : step]++;
}

static void begin(struct load *load, struct connection *c, int64_t due_ns)
{
    char digits[NUMBER_DIGITS + 1];
    CHECK(!c->busy);
    if (load->number != NULL) {
        snprintf(digits, sizeof digits, "%08llx", (unsigned long long)(uint32_t)load->started);
        memcpy(load->number, digits, NUMBER_DIGITS);
    }
    load->started++;
    c->busy = true;
    c->has_first = false;
    c->has_head = false;
    c->size = 0;
    c->due_ns = due_ns;
    if (send(c->fd, load->request, load->request_size, MSG_NOSIGNAL) !=
        (ssize_t)load->request_size) {
        stop("send");
    }
}

static void end(struct load *load, struct connection *c, bool went_well, int64_t now_ns)
{
    c->busy = false;
    load->idle[load->idle_count++] = c;
    load->done++;
    if (went_well) {
        count(load->whole, now_ns - c->due_ns);
    } else {
        if (load->errors == 0) {
            fprintf(stderr, "send_calls: %.*s\n", (int)(c->size < 600 ? c->size : 600), c->answer);
        }
        load->errors++;
    }
}

/* Whether the answer is whole. Of a long one only the end is kept. */
static bool is_whole(struct connection *c)
{
    static const char last[] = "0\r\n\r\n";
    if (!c->has_head) {
        const char *const body = strstr(c->answer, "\r\n\r\n");
        const char *const length = strcasestr(c->answer, "\r\nContent-Length:");
        if (body == NULL) {
            return false;
        }
        c->has_head = true;
        c->body_at = (size_t)(body - c->answer) + 4;
        c->length = length != NULL && length < body ? strtoul(length + 17, NULL, 10) : SIZE_MAX;
    }
    if (c->length != SIZE_MAX) {
        return c->size >= c->body_at + c->length;
    }
    return c->size >= c->body_at + sizeof last - 1 &&
           memcmp(c->answer + c->size - (sizeof last - 1), last, sizeof last - 1) == 0;
}

static void read_on(struct load *load, struct connection *c)
{
    enum { TAIL = 16 };
    if (ANSWER_BYTES_MAX - c->size < ANSWER_BYTES_MAX / 2 && c->length == SIZE_MAX) {
        memmove(c->answer + c->body_at, c->answer + c->size - TAIL, TAIL);
        c->size = c->body_at + TAIL;
    }
    const ssize_t got = recv(c->fd, c->answer + c->size, ANSWER_BYTES_MAX - c->size, 0);
    if (got <= 0) {
        if (c->busy) {
            end(load, c, false, 0);
            load->idle_count--; /* it is dialled anew first */
        } else {
            stop("an idle connection was closed");
        }
        close(c->fd);
        dial(load, c);
        load->idle[load->idle_count++] = c;
        return;
    }
    CHECK(c->busy);
    const int64_t now_ns = clock_monotonic_ns();
    c->size += (size_t)got;
    c->answer[c->size] = '\0';
    const bool whole = is_whole(c);
    if (!c->has_first && c->has_head && c->size > c->body_at) {
        c->has_first = true;
        count(load->first, now_ns - c->due_ns);
    }
    if (whole) {
        end(load, c, strncmp(c->answer, "HTTP/1.1 200", 12) == 0, now_ns);
    }
}

/* Calls that are due and find a connection. */
static void start_due(struct load *load, int64_t now_ns)
{
    while (load->idle_count > 0 && now_ns < load->until_ns) {
        const int64_t due_ns =
            load->step_ns > 0 ? load->began_ns + load->started * load->step_ns : now_ns;
        if (due_ns > now_ns) {
            return;
        }
        begin(load, load->idle[--load->idle_count], due_ns);
    }
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS_A_TURN];
    const int64_t give_up_ns = load->until_ns + 30 * CLOCK_NS_PER_SECOND;
    for (;;) {
        const int64_t now_ns = clock_monotonic_ns();
        start_due(load, now_ns);
        if (now_ns >= load->until_ns && (load->done == load->started || now_ns > give_up_ns)) {
            load->errors += load->started - load->done;
            return;
        }
        int64_t wait_ns = CLOCK_NS_PER_SECOND;
        if (load->step_ns > 0 && load->idle_count > 0 && now_ns < load->until_ns) {
            wait_ns = load->began_ns + load->started * load->step_ns - clock_monotonic_ns();
            wait_ns = wait_ns < 0 ? 0 : wait_ns;
        } else if (now_ns < load->until_ns && wait_ns > load->until_ns - now_ns) {
            wait_ns = load->until_ns - now_ns;
        }
        const struct timespec wait = {.tv_sec = wait_ns / CLOCK_NS_PER_SECOND,
                                      .tv_nsec = wait_ns % CLOCK_NS_PER_SECOND};
        const int got = epoll_pwait2(load->poll, events, EVENTS_A_TURN, &wait, NULL);
        for (int i = 0; i < got; i++) {
            read_on(load, events[i].data.ptr);
        }
    }
}

static double at_us(const uint32_t *histogram, double share)
{
    int64_t all = 0;
    for (size_t i = 0; i <= STEPS; i++) {
        all += histogram[i];
    }
    int64_t left = (int64_t)((double)all * share);
    for (size_t i = 0; i <= STEPS; i++) {
        left -= histogram[i];
        if (left < 0) {
            return (double)i * STEP_NS / 1000;
        }
    }
    return 0;
}

static void read_request(struct load *load, const char *path)
{
    FILE *const file = fopen(path, "rb");
    if (file == NULL) {
        stop(path);
    }
    load->request_size = fread(load->request, 1, sizeof load->request, file);
    fclose(file);
    load->number = memmem(load->request, load->request_size, "@@@@@@@@", NUMBER_DIGITS);
}

int main(int argc, char **argv)
{
    static struct load load;
    if (argc != 6) {
        fprintf(stderr, "usage: send_calls PORT CONNECTIONS RATE SECONDS REQUEST\n");
        return 2;
    }
    load.port = (int)strtol(argv[1], NULL, 10);
    load.count = strtoul(argv[2], NULL, 10);
    const double rate = strtod(argv[3], NULL);
    const double seconds = strtod(argv[4], NULL);
    CHECK(load.count > 0 && load.count <= CONNECTIONS_MAX);
    read_request(&load, argv[5]);
    load.poll = epoll_create1(EPOLL_CLOEXEC);
    load.connections = memory_new_array(struct connection, load.count);
    load.idle = memory_new_array(struct connection *, load.count);
    load.whole = memory_new_array(uint32_t, STEPS + 1);
    load.first = memory_new_array(uint32_t, STEPS + 1);
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    for (size_t i = 0; i < load.count; i++) {
        dial(&load, &load.connections[i]);
        load.idle[load.idle_count++] = &load.connections[i];
    }
    load.step_ns = rate > 0 ? (int64_t)(1e9 / rate) : 0;
    load.began_ns = clock_monotonic_ns();
    load.until_ns = load.began_ns + (int64_t)(seconds * 1e9);
    run(&load);
    const double took_s = (double)(clock_monotonic_ns() - load.began_ns) / 1e9;
    printf("{\"calls\":%lld,\"errors\":%lld,\"per_second\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,"
           "\"p99_us\":%.1f,\"first_p50_us\":%.1f,\"first_p99_us\":%.1f}\n",
           (long long)load.done, (long long)load.errors, (double)load.done / took_s,
           at_us(load.whole, 0.5), at_us(load.whole, 0.9), at_us(load.whole, 0.99),
           at_us(load.first, 0.5), at_us(load.first, 0.99));
    return load.errors > 0;
}
