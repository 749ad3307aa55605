/* The life of loops: create -> start (threads run) -> stop -> destroy; and what a turn begins and
 * ends with. */
#include "net/loop.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "net/http.h"
#include "net/loop_priv.h"
#include "net/stream_priv.h"

enum {
    HEAD_BYTES_MAX = 256 << 10,
    NS_PER_US = 1000,
    UNSENT_US_MAX = 200, /* that bytes wait for the other callbacks of a turn */
    FEW_SOCKETS_SHARE = 8,
    CLIENTS_SHARE = 16,
};

static void wake(const struct net_loop *loop)
{
    const uint64_t one = 1;
    const ssize_t written = write(loop->wake_fd, &one, sizeof one);
    CHECK(written == (ssize_t)sizeof one || errno == EAGAIN);
}

static void set_clock(struct net_loop *loop)
{
    const int64_t next_ns = loop_next_timer_ns(loop);
    if (next_ns >= loop->clock_ns) {
        return; /* it rings early enough, and is set anew then */
    }
    const int64_t wait_us =
        next_ns > loop->now_ns ? (next_ns - loop->now_ns + NS_PER_US - 1) / NS_PER_US : 0;
    const struct timeval wait = {.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000};
    CHECK(event_add(&loop->clock, &wait) == 0);
    loop->clock_ns = next_ns;
}

/*
 * Whether what is to be sent waits until the callbacks that are due already were made. The other
 * side, where it sleeps, is woken by the first of the bytes that are sent in a row and finds the
 * rest; sent one by one in between, most of them wake it, which costs more than to send them.
 */
static bool puts_off(struct net_loop *loop)
{
    if ((loop->unsent == NULL && loop->turns == NULL) || !loop->loops->started ||
        atomic_load(&loop->loops->stopping) ||
        event_base_get_num_events(loop->base, EVENT_BASE_COUNT_ACTIVE) == 0) {
        return false;
    }
    if (!loop->has_put_off) {
        loop->has_put_off = true;
        loop->put_off_ns = loop->now_ns;
        event_active(&loop->turned, EV_READ, 0); /* behind those that are due */
    }
    if (loop->now_ns - loop->put_off_ns < (int64_t)UNSENT_US_MAX * NS_PER_US) {
        return true;
    }
    loop->put_off_ns = loop->now_ns; /* the next ones wait anew */
    return false;
}

void loop_enter(struct net_loop *loop)
{
    CHECK(loop != NULL);
    if (loop->depth++ == 0) {
        loop->now_ns = clock_monotonic_ns();
    }
}

void loop_leave(struct net_loop *loop)
{
    CHECK(loop != NULL);
    CHECK(loop->depth > 0);
    if (loop->depth == 1) {
        if (!puts_off(loop)) {
            loop_end_turn(loop);
        }
        while (loop->dead != NULL) {
            struct loop_dead *const dead = loop->dead;
            loop->dead = dead->next;
            dead->bury(dead);
        }
        set_clock(loop);
    }
    loop->depth--;
}

bool loop_take_socket(struct net_loop *loop, bool is_of_call)
{
    CHECK(loop != NULL);
    struct net_loops *const loops = loop->loops;
    const int most = atomic_load(&loops->sockets_max);
    const int kept = is_of_call ? most / CLIENTS_SHARE : 0;
    if (atomic_fetch_add(&loops->sockets, 1) < most - kept) {
        return true;
    }
    loop_give_socket(loop);
    return false;
}

void loop_give_socket(struct net_loop *loop)
{
    CHECK(loop != NULL);
    const int before = atomic_fetch_sub(&loop->loops->sockets, 1);
    CHECK(before > 0);
}

bool loop_sockets_are_few(const struct net_loop *loop)
{
    CHECK(loop != NULL);
    const int most = atomic_load(&loop->loops->sockets_max);
    return atomic_load(&loop->loops->sockets) >= most - most / FEW_SOCKETS_SHARE;
}

void loop_free_later(struct net_loop *loop, struct loop_dead *dead,
                     void (*bury)(struct loop_dead *dead))
{
    CHECK(loop != NULL);
    CHECK(dead != NULL);
    dead->loop = loop;
    dead->bury = bury;
    dead->next = loop->dead;
    loop->dead = dead;
}

void *loop_take(struct loop_spares *spares, size_t size, bool *out_is_new)
{
    CHECK(spares != NULL);
    void *const object = spares->first;
    if (out_is_new != NULL) {
        *out_is_new = object == NULL;
    }
    if (object == NULL) {
        return memory_alloc(1, size);
    }
    memcpy(&spares->first, object, sizeof spares->first);
    spares->count--;
    return object;
}

bool loop_give(struct loop_spares *spares, void *object, int spare_max)
{
    CHECK(spares != NULL);
    CHECK(object != NULL);
    if (spares->count >= spare_max) {
        return false;
    }
    memcpy(object, &spares->first, sizeof spares->first);
    spares->first = object;
    spares->count++;
    return true;
}

struct str loop_date(struct net_loop *loop)
{
    CHECK(loop != NULL);
    const int64_t now_s = loop->now_ns / CLOCK_NS_PER_SECOND;
    if (loop->date_size == 0 || loop->date_s != now_s) {
        loop->date_size = http_date(loop->date, sizeof loop->date).size;
        loop->date_s = now_s;
    }
    return (struct str){loop->date, loop->date_size};
}

static void on_clock(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    struct net_loop *const loop = context;
    loop->clock_ns = INT64_MAX;
    loop_enter(loop);
    loop_run_timers(loop);
    loop_leave(loop);
}

static void on_turned(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    struct net_loop *const loop = context;
    loop->has_put_off = false;
    loop_enter(loop);
    loop_end_turn(loop);
    loop_leave(loop);
}

static void run_posts(struct net_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct net_post *post = loop->first_post;
    loop->first_post = NULL;
    loop->last_post = NULL;
    pthread_mutex_unlock(&loop->lock);
    while (post != NULL) {
        struct net_post *const next = post->next;
        post->run(post->context); /* `post` may be gone now */
        post = next;
    }
}

static void on_wake(evutil_socket_t fd, short events, void *context)
{
    (void)events;
    struct net_loop *const loop = context;
    uint64_t count = 0;
    const ssize_t got = read(fd, &count, sizeof count);
    CHECK(got == (ssize_t)sizeof count || errno == EAGAIN);
    loop_enter(loop);
    run_posts(loop);
    loop_leave(loop);
    if (atomic_load(&loop->loops->stopping)) {
        event_base_loopbreak(loop->base);
    }
}

static void *run(void *context)
{
    struct net_loop *const loop = context;
    atomic_store(&loop->thread, pthread_self());
    loop_enter(loop);
    loop_leave(loop); /* what was begun before the start */
    const int ended = event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
    CHECK(ended == 0);
    return NULL;
}

static struct event_base *new_base(void)
{
    struct event_config *const config = event_config_new();
    CHECK(config != NULL);
    CHECK(event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
                                            EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0);
    struct event_base *const base = event_base_new_with_config(config);
    CHECK(base != NULL);
    event_config_free(config);
    return base;
}

struct net_loops *net_loops_create(int count)
{
    CHECK(count >= 1);
    CHECK(count <= NET_LOOPS_MAX);
    struct net_loops *const loops = memory_new(struct net_loops);
    loops->count = count;
    atomic_store(&loops->sockets_max, INT_MAX);
    for (int i = 0; i < count; i++) {
        struct net_loop *const loop = &loops->loops[i];
        loop->loops = loops;
        loop->index = i;
        atomic_store(&loop->thread, pthread_self());
        loop->base = new_base();
        loop->clock_ns = INT64_MAX;
        loop->now_ns = clock_monotonic_ns();
        loop->turns_end = &loop->turns;
        loop->unsent_end = &loop->unsent;
        loop->scratch = memory_alloc(1, LOOP_SCRATCH_BYTES);
        text_init(&loop->head, HEAD_BYTES_MAX);
        loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        CHECK(loop->wake_fd >= 0);
        CHECK(pthread_mutex_init(&loop->lock, NULL) == 0);
        evtimer_assign(&loop->clock, loop->base, on_clock, loop);
        event_assign(&loop->woken, loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
        event_add(&loop->woken, NULL);
        event_assign(&loop->turned, loop->base, -1, 0, on_turned, loop);
    }
    return loops;
}

void net_loops_start(struct net_loops *loops)
{
    CHECK(loops != NULL);
    CHECK(!loops->started);
    loops->started = true;
    for (int i = 0; i < loops->count; i++) {
        CHECK(pthread_create(&loops->threads[i], NULL, run, &loops->loops[i]) == 0);
    }
}

void net_loops_stop(struct net_loops *loops)
{
    CHECK(loops != NULL);
    atomic_store(&loops->stopping, true);
    for (int i = 0; i < loops->count && loops->started; i++) {
        wake(&loops->loops[i]);
        CHECK(pthread_join(loops->threads[i], NULL) == 0);
        atomic_store(&loops->loops[i].thread, pthread_self());
    }
    loops->started = false;
    for (int i = 0; i < loops->count; i++) {
        loop_enter(&loops->loops[i]);
        run_posts(&loops->loops[i]);
        loop_leave(&loops->loops[i]);
    }
}

static void drop_spares(struct loop_spares *spares)
{
    while (spares->first != NULL) {
        void *const object = spares->first;
        memcpy(&spares->first, object, sizeof spares->first);
        memory_free(object);
    }
}

void net_loops_destroy(struct net_loops **loops)
{
    CHECK(loops != NULL);
    struct net_loops *const all = *loops;
    if (all == NULL) {
        return;
    }
    net_loops_stop(all);
    for (int i = 0; i < all->count; i++) {
        struct net_loop *const loop = &all->loops[i];
        CHECK(loop->turns == NULL);
        CHECK(loop->unsent == NULL);
        CHECK(loop->dead == NULL);
        event_del(&loop->clock);
        event_del(&loop->woken);
        event_del(&loop->turned);
        event_base_free(loop->base);
        close(loop->wake_fd);
        pthread_mutex_destroy(&loop->lock);
        drop_spares(&loop->blocks);
        drop_spares(&loop->connections);
        drop_spares(&loop->heads);
        drop_spares(&loop->replies);
        drop_spares(&loop->links);
        drop_spares(&loop->calls);
        memory_free((void *)loop->timers);
        memory_free(loop->scratch);
        text_deinit(&loop->head);
    }
    memory_free(all);
    *loops = NULL;
}

int net_loops_count(const struct net_loops *loops)
{
    CHECK(loops != NULL);
    return loops->count;
}

struct net_loop *net_loops_at(struct net_loops *loops, int index)
{
    CHECK(loops != NULL);
    CHECK(index >= 0);
    CHECK(index < loops->count);
    return &loops->loops[index];
}

void net_loops_limit_sockets(struct net_loops *loops, int sockets_max)
{
    CHECK(loops != NULL);
    CHECK(sockets_max > 0);
    atomic_store(&loops->sockets_max, sockets_max);
}

bool net_loop_is_here(const struct net_loop *loop)
{
    CHECK(loop != NULL);
    return pthread_equal(pthread_self(), atomic_load(&loop->thread)) != 0;
}

int64_t net_loop_now_ns(const struct net_loop *loop)
{
    CHECK(loop != NULL);
    return loop->now_ns;
}

void net_loop_post(struct net_loop *loop, struct net_post *post)
{
    CHECK(loop != NULL);
    CHECK(post != NULL);
    CHECK(post->run != NULL);
    post->next = NULL;
    pthread_mutex_lock(&loop->lock);
    const bool first = loop->first_post == NULL;
    if (first) {
        loop->first_post = post;
    } else {
        loop->last_post->next = post;
    }
    loop->last_post = post;
    pthread_mutex_unlock(&loop->lock);
    if (first) {
        wake(loop);
    }
}
