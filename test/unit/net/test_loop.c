/* loop: timers that are moved, cleared and set from timers come once, in order and not early; posts
 * of any thread are all run, in their order. */
#include <stdatomic.h>

#include "base/rng.h"
#include "net/loop.h"
#include "peer.h"

enum { TIMERS = 500, POSTS = 2000, POSTERS = 3 };

struct alarm {
    struct net_timer timer;
    int64_t due_ns; /* as it was set last; 0: cleared */
    int rung;
};

static struct net_loops *loops;
static struct net_loop *loop;
static struct alarm alarms[TIMERS];
static atomic_int rung_count;
static atomic_int wrong;
static int64_t last_due_ns;
static struct net_post post;
static atomic_bool is_set;
static int cleared;

static void ring(void *context)
{
    struct alarm *const alarm = context;
    const bool early = net_loop_now_ns(loop) < alarm->due_ns;
    const bool out_of_order = alarm->due_ns < last_due_ns;
    atomic_fetch_add(&wrong, early || out_of_order || alarm->rung > 0 || alarm->due_ns == 0);
    last_due_ns = alarm->due_ns;
    alarm->rung++;
    atomic_fetch_add(&rung_count, 1);
}

static void set(struct alarm *alarm, int64_t wait_ms)
{
    alarm->due_ns = net_loop_now_ns(loop) + wait_ms * 1000000;
    net_timer_set(loop, &alarm->timer, wait_ms);
}

/* Set all, move half of them back and forth, clear some. */
static void set_all(void *context)
{
    (void)context;
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < TIMERS; i++) {
        alarms[i] = (struct alarm){.timer = {.run = ring, .context = &alarms[i]}};
        set(&alarms[i], (int64_t)rng_below(&rng, 200));
    }
    for (int i = 0; i < TIMERS * 3; i++) {
        set(&alarms[rng_below(&rng, TIMERS)], (int64_t)rng_below(&rng, 200));
    }
    for (int i = 0; i < TIMERS; i += 10) {
        net_timer_clear(loop, &alarms[i].timer);
        alarms[i].due_ns = 0;
        cleared++;
    }
    atomic_store(&is_set, true);
}

static void timers_come_once_in_order_and_not_early(void)
{
    atomic_store(&rung_count, 0);
    atomic_store(&wrong, 0);
    last_due_ns = 0;
    cleared = 0;
    loops = net_loops_create(1);
    loop = net_loops_at(loops, 0);
    net_loops_start(loops);
    post = (struct net_post){.run = set_all};
    net_loop_post(loop, &post);
    for (int i = 0; i < PEER_WAIT_MS && atomic_load(&rung_count) < TIMERS - TIMERS / 10; i++) {
        peer_sleep_ms(1);
    }
    net_loops_stop(loops);
    bool some_set = false;
    for (int i = 0; i < TIMERS; i++) {
        some_set = some_set || net_timer_is_set(&alarms[i].timer);
    }
    net_loops_destroy(&loops);
    EXPECT(atomic_load(&is_set));
    EXPECT(atomic_load(&rung_count) == TIMERS - cleared);
    EXPECT(atomic_load(&wrong) == 0);
    EXPECT(!some_set);
}

struct posted {
    struct net_post post;
    int poster;
    int index;
};

static struct posted posted[POSTERS][POSTS];
static int next_index[POSTERS];
static int run_count;

static void take(void *context)
{
    const struct posted *const one = context;
    atomic_fetch_add(&wrong, one->index != next_index[one->poster] || !net_loop_is_here(loop));
    next_index[one->poster]++;
    run_count++;
}

static void *post_all(void *context)
{
    struct posted *const mine = context;
    for (int i = 0; i < POSTS; i++) {
        mine[i].post = (struct net_post){.run = take, .context = &mine[i]};
        mine[i].index = i;
        net_loop_post(loop, &mine[i].post);
    }
    return NULL;
}

static void posts_are_all_run_in_the_order_of_their_thread(void)
{
    pthread_t threads[POSTERS];
    memset(next_index, 0, sizeof next_index);
    run_count = 0;
    atomic_store(&wrong, 0);
    loops = net_loops_create(1);
    loop = net_loops_at(loops, 0);
    net_loops_start(loops);
    for (int i = 0; i < POSTERS; i++) {
        for (int k = 0; k < POSTS; k++) {
            posted[i][k].poster = i;
        }
        CHECK(pthread_create(&threads[i], NULL, post_all, posted[i]) == 0);
    }
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    net_loops_stop(loops); /* runs what is left */
    net_loops_destroy(&loops);
    EXPECT(run_count == POSTERS * POSTS);
    EXPECT(atomic_load(&wrong) == 0);
}

/* ---- turns */

static struct net_turn early, late, dropped;
static char order[16];
static size_t order_size;

static void note_order(char what)
{
    CHECK(order_size < sizeof order - 1);
    order[order_size++] = what;
}

static void run_late(void *context)
{
    (void)context;
    note_order('l');
}

static void run_early(void *context)
{
    (void)context;
    note_order('e');
    net_turn_set(loop, &late);
}

static void set_turns(void *context)
{
    (void)context;
    early = (struct net_turn){.run = run_early};
    late = (struct net_turn){.run = run_late};
    dropped = (struct net_turn){.run = run_late};
    net_turn_set(loop, &early);
    net_turn_set(loop, &dropped);
    net_turn_set(loop, &early);
    net_turn_clear(loop, &dropped);
    net_turn_clear(loop, &dropped);
    note_order('c');
}

static void a_turn_ends_once_behind_its_callbacks_with_what_it_sets_itself(void)
{
    memset(order, 0, sizeof order);
    order_size = 0;
    loops = net_loops_create(1);
    loop = net_loops_at(loops, 0);
    post = (struct net_post){.run = set_turns};
    net_loop_post(loop, &post);
    net_loops_stop(loops); /* runs it */
    const bool left_unset = !early.is_set && !late.is_set && !dropped.is_set;
    net_loops_destroy(&loops);
    EXPECT(strcmp(order, "cel") == 0);
    EXPECT(left_unset);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(timers_come_once_in_order_and_not_early),
        TEST(posts_are_all_run_in_the_order_of_their_thread),
        TEST(a_turn_ends_once_behind_its_callbacks_with_what_it_sets_itself),
    };
    return test_main(tests, COUNT_OF(tests));
}
