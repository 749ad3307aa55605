#include "net/dial_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

enum { NEXT_ADDRESS_MS = 250 };

static void drop_try(struct dial_try *one, bool keep_socket)
{
    event_del(&one->connected);
    if (!keep_socket) {
        close(one->fd);
    }
    one->fd = -1;
}

static bool is_trying(const struct dial *dial)
{
    for (size_t i = 0; i < dial->next; i++) {
        if (dial->tries[i].fd >= 0) {
            return true;
        }
    }
    return false;
}

static void finish(struct dial *dial, int fd)
{
    net_timer_clear(dial->loop, &dial->step);
    for (size_t i = 0; i < dial->next; i++) {
        if (dial->tries[i].fd >= 0) {
            drop_try(&dial->tries[i], false);
        }
    }
    dial->next = dial->addresses.count;
    dial->done(dial->owner, fd, dial->error);
}

static void on_connected(evutil_socket_t fd, short events, void *context)
{
    (void)events;
    struct dial_try *const one = context;
    struct dial *const dial = one->dial;
    struct net_loop *const loop = dial->loop;
    loop_enter(loop);
    int error = 0;
    socklen_t size = sizeof error;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
    if (error == 0) {
        drop_try(one, true);
        finish(dial, fd);
    } else {
        drop_try(one, false);
        dial->error = error;
        net_timer_set(loop, &dial->step, 0);
    }
    loop_leave(loop);
}

/* Whether it is under way. */
static bool try_address(struct dial *dial, struct dial_try *one, const struct address *address)
{
    struct sockaddr_storage to = address->to;
    const in_port_t port = htons((uint16_t)dial->port);
    if (to.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&to)->sin6_port = port;
    } else {
        ((struct sockaddr_in *)&to)->sin_port = port;
    }
    const int on = 1;
    one->dial = dial;
    one->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (one->fd >= 0) {
        setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (one->fd < 0 || (connect(one->fd, (const struct sockaddr *)&to, address->size) != 0 &&
                        errno != EINPROGRESS)) {
        dial->error = errno;
        if (one->fd >= 0) {
            close(one->fd);
        }
        one->fd = -1;
        return false;
    }
    event_assign(&one->connected, dial->loop->base, one->fd, EV_WRITE, on_connected, one);
    CHECK(event_add(&one->connected, NULL) == 0);
    return true;
}

/* One failed, or was silent long enough. */
static void on_step(void *context)
{
    struct dial *const dial = context;
    while (dial->next < dial->addresses.count) {
        const size_t i = dial->next++;
        if (try_address(dial, &dial->tries[i], &dial->addresses.all[i])) {
            net_timer_set(dial->loop, &dial->step, NEXT_ADDRESS_MS);
            return;
        }
    }
    if (!is_trying(dial)) {
        finish(dial, -1);
    }
}

struct dial *dial_start(struct net_loop *loop, const struct addresses *addresses, int port,
                        void (*done)(void *owner, int fd, int error), void *owner)
{
    CHECK(loop != NULL);
    CHECK(addresses->count > 0);
    struct dial *const dial = memory_new(struct dial);
    dial->loop = loop;
    dial->addresses = *addresses;
    dial->port = port;
    dial->done = done;
    dial->owner = owner;
    dial->step = (struct net_timer){.run = on_step, .context = dial};
    for (size_t i = 0; i < COUNT_OF(dial->tries); i++) {
        dial->tries[i].fd = -1;
    }
    net_timer_set(loop, &dial->step, 0);
    return dial;
}

static void bury(struct loop_dead *dead)
{
    memory_free((struct dial *)dead);
}

void dial_stop(struct dial **dial)
{
    CHECK(dial != NULL);
    struct dial *const d = *dial;
    if (d == NULL) {
        return;
    }
    net_timer_clear(d->loop, &d->step);
    for (size_t i = 0; i < COUNT_OF(d->tries); i++) {
        if (d->tries[i].fd >= 0) {
            drop_try(&d->tries[i], false);
        }
    }
    loop_free_later(d->loop, &d->dead, bury);
    *dial = NULL;
}
