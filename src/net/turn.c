/* What is done once at the end of a turn of a loop, for all of its callbacks; then it sends. */
#include "base/check.h"
#include "net/loop_priv.h"
#include "net/stream_priv.h"

void net_turn_set(struct net_loop *loop, struct net_turn *turn)
{
    CHECK(turn != NULL);
    CHECK(turn->run != NULL);
    CHECK(net_loop_is_here(loop));
    if (!turn->is_set) {
        turn->is_set = true;
        turn->next = NULL;
        *loop->turns_end = turn;
        loop->turns_end = &turn->next;
    }
}

static void take_turn(struct net_loop *loop, struct net_turn **place)
{
    struct net_turn *const turn = *place;
    *place = turn->next;
    if (turn->next == NULL) {
        loop->turns_end = place;
    }
    turn->is_set = false;
}

void net_turn_clear(struct net_loop *loop, struct net_turn *turn)
{
    CHECK(turn != NULL);
    struct net_turn **place = &loop->turns;
    while (turn->is_set && *place != turn) {
        place = &(*place)->next;
    }
    if (turn->is_set) {
        take_turn(loop, place);
    }
}

/* Sending calls back, too, and what is called back may have to be done before it sends. */
void loop_end_turn(struct net_loop *loop)
{
    CHECK(loop != NULL);
    do {
        while (loop->turns != NULL) {
            struct net_turn *const turn = loop->turns;
            take_turn(loop, &loop->turns);
            turn->run(turn->context);
        }
        stream_flush_all(loop);
    } while (loop->turns != NULL);
}
