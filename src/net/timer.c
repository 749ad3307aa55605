/*
 * Timers of a loop: a binary heap by the time each was queued for.
 *
 * Deadlines are moved with every byte and hardly ever come. So moving one to a later time only
 * writes that down; when its old time comes it is queued anew.
 */
#include "base/check.h"
#include "base/memory.h"
#include "net/loop_priv.h"

enum { CAPACITY_AT_FIRST = 64, NS_PER_MS = 1000000 };

static void put_at(struct net_loop *loop, size_t place, struct net_timer *timer)
{
    loop->timers[place] = timer;
    timer->place = place;
}

static void sift_up(struct net_loop *loop, size_t place)
{
    struct net_timer *const timer = loop->timers[place];
    while (place > 1 && loop->timers[place / 2]->queued_ns > timer->queued_ns) {
        put_at(loop, place, loop->timers[place / 2]);
        place /= 2;
    }
    put_at(loop, place, timer);
}

static void sift_down(struct net_loop *loop, size_t place)
{
    struct net_timer *const timer = loop->timers[place];
    for (size_t child = place * 2; child <= loop->timer_count; child = place * 2) {
        if (child < loop->timer_count &&
            loop->timers[child + 1]->queued_ns < loop->timers[child]->queued_ns) {
            child++;
        }
        if (loop->timers[child]->queued_ns >= timer->queued_ns) {
            break;
        }
        put_at(loop, place, loop->timers[child]);
        place = child;
    }
    put_at(loop, place, timer);
}

static void queue(struct net_loop *loop, struct net_timer *timer)
{
    if (loop->timer_count + 1 >= loop->timer_capacity) {
        CHECK(loop->timer_count < NET_TIMERS_MAX);
        const size_t capacity =
            loop->timer_capacity > 0 ? loop->timer_capacity * 2 : CAPACITY_AT_FIRST;
        struct net_timer **const timers = memory_alloc(capacity, sizeof(struct net_timer *));
        if (loop->timer_count > 0) {
            memcpy((void *)(timers + 1), (const void *)(loop->timers + 1),
                   loop->timer_count * sizeof *timers);
        }
        memory_free((void *)loop->timers);
        loop->timers = timers;
        loop->timer_capacity = capacity;
    }
    timer->queued_ns = timer->due_ns;
    put_at(loop, ++loop->timer_count, timer);
    sift_up(loop, loop->timer_count);
}

void net_timer_set(struct net_loop *loop, struct net_timer *timer, int64_t wait_ms)
{
    CHECK(timer != NULL);
    CHECK(timer->run != NULL);
    CHECK(wait_ms >= 0);
    CHECK(net_loop_is_here(loop));
    timer->due_ns = loop->now_ns + wait_ms * NS_PER_MS;
    if (timer->place == 0) {
        queue(loop, timer);
    } else if (timer->due_ns < timer->queued_ns) {
        timer->queued_ns = timer->due_ns;
        sift_up(loop, timer->place);
    }
}

void net_timer_clear(struct net_loop *loop, struct net_timer *timer)
{
    CHECK(loop != NULL);
    CHECK(timer != NULL);
    const size_t place = timer->place;
    if (place == 0) {
        return;
    }
    CHECK(loop->timers[place] == timer);
    struct net_timer *const last = loop->timers[loop->timer_count--];
    if (last != timer) {
        put_at(loop, place, last);
        sift_down(loop, place);
        sift_up(loop, last->place);
    }
    timer->place = 0;
}

bool net_timer_is_set(const struct net_timer *timer)
{
    CHECK(timer != NULL);
    return timer->place != 0;
}

void loop_run_timers(struct net_loop *loop)
{
    CHECK(loop != NULL);
    const int64_t now_ns = loop->now_ns;
    while (loop->timer_count > 0 && loop->timers[1]->queued_ns <= now_ns) {
        struct net_timer *const timer = loop->timers[1];
        if (timer->due_ns > timer->queued_ns) { /* it was moved */
            timer->queued_ns = timer->due_ns;
            sift_down(loop, 1);
            continue;
        }
        net_timer_clear(loop, timer);
        timer->run(timer->context); /* may set it again, for now at the earliest */
        if (timer->place != 0 && timer->due_ns <= now_ns) {
            break; /* and others have their turn */
        }
    }
}

int64_t loop_next_timer_ns(const struct net_loop *loop)
{
    CHECK(loop != NULL);
    return loop->timer_count > 0 ? loop->timers[1]->queued_ns : INT64_MAX;
}
