/*
 * fake_provider: an upstream of chat completions on loopback that costs next to nothing itself.
 *
 * usage: fake_provider PORT
 *
 * Every answer has an id of its own and its usage. A body with "stream":true is answered with
 * server-sent events: a head with the first event at once, then one every so many milliseconds, as
 * the field "x-stream: EVENTS MS" says (default: 2 and 4), the last one with the usage.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
    REQUEST_BYTES_MAX = 8 << 10,
    ANSWER_BYTES_MAX = 2 << 10,
    EVENTS_A_TURN = 256,
    NS_A_MS = 1000000,
};

struct connection {
    int fd;
    char request[REQUEST_BYTES_MAX + 1];
    size_t size;
    int64_t due_ns; /* of the next event */
    int64_t step_ns;
    int events_left;
    struct connection *next; /* of those that stream */
};

struct provider {
    int poll;
    int64_t answers;
    struct connection *streams;
};

static void stop(const char *what)
{
    fprintf(stderr, "fake_provider: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void send_all(struct connection *c, const char *bytes, int size)
{
    CHECK(size > 0);
    /* The proxies measured read at once; who does not is not waited for. */
    (void)!send(c->fd, bytes, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int put_chunk(char *out, size_t room, const char *event)
{
    return snprintf(out, room, "%zx\r\n%s\r\n", strlen(event), event);
}

static int put_event(struct provider *p, const struct connection *c, char *out, size_t room)
{
    char event[1024];
    if (c->events_left > 1) {
        snprintf(
            event, sizeof event,
            "data: {\"id\":\"chatcmpl-%020lld\",\"object\":\"chat.completion.chunk\","
            "\"created\":1790000000,\"model\":\"gpt-4.1\",\"choices\":[{\"index\":0,\"delta\":"
            "{\"content\":\"Twelve or so words\"},\"finish_reason\":null}],\"usage\":null}\n\n",
            (long long)p->answers);
        return put_chunk(out, room, event);
    }
    snprintf(event, sizeof event,
             "data: {\"id\":\"chatcmpl-%020lld\",\"object\":\"chat.completion.chunk\","
             "\"created\":1790000000,\"model\":\"gpt-4.1\",\"choices\":[],\"usage\":"
             "{\"prompt_tokens\":19,\"completion_tokens\":10,\"total_tokens\":29}}\n\n"
             "data: [DONE]\n\n",
             (long long)p->answers);
    const int size = put_chunk(out, room, event);
    return size + snprintf(out + size, room - (size_t)size, "0\r\n\r\n");
}

/* The next event; streams are in a list that is walked once a millisecond. */
static void go_on(struct provider *p, struct connection *c)
{
    char out[ANSWER_BYTES_MAX];
    send_all(c, out, put_event(p, c, out, sizeof out));
    c->events_left--;
    c->due_ns += c->step_ns;
}

static void begin_stream(struct provider *p, struct connection *c)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    char out[ANSWER_BYTES_MAX + sizeof head];
    int events = 2;
    int ms = 4;
    const char *const wish = strcasestr(c->request, "\r\nx-stream: ");
    if (wish != NULL) {
        (void)sscanf(wish + 12, "%d %d", &events, &ms);
    }
    CHECK(events > 1);
    c->events_left = events;
    c->step_ns = (int64_t)ms * NS_A_MS;
    c->due_ns = clock_monotonic_ns() + c->step_ns;
    memcpy(out, head, sizeof head - 1);
    const int size = put_event(p, c, out + sizeof head - 1, ANSWER_BYTES_MAX);
    send_all(c, out, size + (int)sizeof head - 1);
    c->events_left--;
    c->next = p->streams;
    p->streams = c;
}

static void answer(struct provider *p, struct connection *c)
{
    char body[1024];
    char out[ANSWER_BYTES_MAX];
    p->answers++;
    if (strstr(c->request, "\"stream\":true") != NULL) {
        begin_stream(p, c);
        return;
    }
    const int body_size = snprintf(
        body, sizeof body,
        "{\"id\":\"chatcmpl-%020lld\",\"object\":\"chat.completion\",\"created\":1790000000,"
        "\"model\":\"gpt-4.1\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
        "\"content\":\"Hello! Here are about as many words as a short answer has; the rest of what "
        "a model says would be forwarded in the same way, and cost no more to read.\"},"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10,"
        "\"total_tokens\":29,\"prompt_tokens_details\":{\"cached_tokens\":0}}}",
        (long long)p->answers);
    send_all(c, out,
             snprintf(out, sizeof out,
                      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                      "%d\r\n\r\n%s",
                      body_size, body));
}

/* Whether the request is whole, with its body. */
static bool is_whole(const struct connection *c)
{
    const char *const end = strstr(c->request, "\r\n\r\n");
    const char *const length = strcasestr(c->request, "\r\nContent-Length: ");
    if (end == NULL) {
        return false;
    }
    const size_t body = length != NULL && length < end ? strtoul(length + 18, NULL, 10) : 0;
    return c->size >= (size_t)(end - c->request) + 4 + body;
}

static void leave(struct provider *p, struct connection *c)
{
    struct connection **at = &p->streams;
    while (*at != NULL && *at != c) {
        at = &(*at)->next;
    }
    if (*at == c) {
        *at = c->next;
    }
    close(c->fd);
    memory_free(c);
}

static void read_on(struct provider *p, struct connection *c)
{
    const ssize_t got = recv(c->fd, c->request + c->size, REQUEST_BYTES_MAX - c->size, 0);
    if (got <= 0) {
        leave(p, c);
        return;
    }
    c->size += (size_t)got;
    c->request[c->size] = '\0';
    if (is_whole(c)) {
        answer(p, c);
        c->size = 0;
    }
}

static void take(struct provider *p, int listening)
{
    const int yes = 1;
    const int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        stop("accept");
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct connection *const c = memory_new(struct connection);
    c->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = c}};
    if (epoll_ctl(p->poll, EPOLL_CTL_ADD, fd, &event) != 0) {
        stop("epoll_ctl");
    }
}

static void stream_on(struct provider *p)
{
    const int64_t now_ns = clock_monotonic_ns();
    for (struct connection **at = &p->streams; *at != NULL;) {
        struct connection *const c = *at;
        if (c->due_ns <= now_ns) {
            go_on(p, c);
        }
        if (c->events_left == 0) {
            *at = c->next;
        } else {
            at = &c->next;
        }
    }
}

int main(int argc, char **argv)
{
    struct provider provider = {.poll = epoll_create1(EPOLL_CLOEXEC)};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event events[EVENTS_A_TURN] = {{.events = EPOLLIN, .data = {.ptr = NULL}}};
    const int yes = 1;
    const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (argc != 2) {
        fprintf(stderr, "usage: fake_provider PORT\n");
        return 2;
    }
    at.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    if (listening < 0 || setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(listening, (const struct sockaddr *)&at, sizeof at) != 0 ||
        listen(listening, SOMAXCONN) != 0 ||
        epoll_ctl(provider.poll, EPOLL_CTL_ADD, listening, &events[0]) != 0) {
        stop(argv[1]);
    }
    for (;;) {
        const int count =
            epoll_wait(provider.poll, events, EVENTS_A_TURN, provider.streams != NULL ? 1 : -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL) {
                take(&provider, listening);
            } else {
                read_on(&provider, events[i].data.ptr);
            }
        }
        stream_on(&provider);
    }
}
