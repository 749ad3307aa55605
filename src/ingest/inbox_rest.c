/*
 * The moving thread between its moves: whose the store is, and what goes back to the system. Else
 * memory that was freed stays with two allocators, and code that was touched once stays mapped, for
 * as long as the process lives: three times what a server at rest needs.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "ingest/inbox_priv.h"

enum {
    GIVE_BACK_MS = 1000, /* memory goes back no oftener than that */
    REST_MS = 10000,     /* without a message: then code that moving took goes, too */
};

void inbox_take_store(struct inbox *inbox)
{
    CHECK(inbox != NULL);
    pthread_mutex_lock(&inbox->lock);
    while (inbox->is_borrowed || (inbox->borrowing > 0 && !inbox->owes_a_move)) {
        pthread_cond_wait(&inbox->moved, &inbox->lock);
    }
    inbox->is_moving = true;
    pthread_mutex_unlock(&inbox->lock);
}

void inbox_give_store(struct inbox *inbox)
{
    CHECK(inbox != NULL);
    pthread_mutex_lock(&inbox->lock);
    inbox->is_moving = false;
    inbox->owes_a_move = false;
    pthread_cond_broadcast(&inbox->moved);
    pthread_mutex_unlock(&inbox->lock);
}

int64_t inbox_give_back(struct inbox *inbox, struct inbox_rest *rest)
{
    CHECK(inbox != NULL);
    CHECK(rest != NULL);
    const int64_t now_ns = clock_monotonic_ns();
    const int64_t memory_ns = rest->given_ns + (int64_t)GIVE_BACK_MS * 1000000;
    const int64_t code_ns = rest->moved_ns + (int64_t)REST_MS * 1000000;
    if (rest->owes_memory && now_ns >= memory_ns) {
        struct err err;
        inbox_take_store(inbox);
        if (!inbox->broken && store_give_back(inbox->settings.store, &err) != ERR_OK) {
            inbox_tell(inbox, err.text);
        }
        inbox_give_store(inbox);
        memory_give_back();
        rest->owes_memory = false;
        rest->given_ns = now_ns;
    }
    if (rest->owes_code && now_ns >= code_ns) {
        memory_drop_code();
        rest->owes_code = false;
    }
    return rest->owes_memory ? memory_ns : rest->owes_code ? code_ns : INT64_MAX;
}
