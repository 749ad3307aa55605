/* holds_slots: which hold is where: slots, the list of free ones, the heap by expiry, and the list
 * of expired ones, oldest first, whose slots are taken when none is free. */
#include "ledger/holds_priv.h"

#include "base/check.h"
#include "base/memory.h"

void holds_slots_create(struct holds *holds)
{
    CHECK(holds != NULL);
    holds->slots = memory_new_array(struct holds_hold, HOLDS_OPEN_MAX);
    holds->heap = memory_new_array(uint32_t, HOLDS_OPEN_MAX);
    holds->expired_oldest = HOLDS_NONE;
    holds->expired_newest = HOLDS_NONE;
    holds->free = HOLDS_NONE;
}

void holds_free_list(struct holds *holds)
{
    CHECK(holds != NULL);
    holds->free = HOLDS_NONE;
    for (uint32_t i = holds->used; i-- > 0;) {
        if (holds->slots[i].state == SLOT_FREE) {
            holds->slots[i].next = holds->free;
            holds->free = i;
        }
    }
}

struct holds_hold *holds_slot(const struct holds *holds, uint64_t id)
{
    CHECK(holds != NULL);
    struct holds_hold *const hold = &holds->slots[id & HOLDS_SLOT_MASK];
    return id != 0 && hold->state != SLOT_FREE && hold->id == id ? hold : NULL;
}

static uint32_t number_of(const struct holds *holds, const struct holds_hold *hold)
{
    const ptrdiff_t at = hold - holds->slots;
    CHECK(at >= 0 && at < HOLDS_OPEN_MAX);
    return (uint32_t)at;
}

uint32_t holds_slot_next(const struct holds *holds)
{
    CHECK(holds->begun);
    if (holds->free != HOLDS_NONE) {
        return holds->free;
    }
    return holds->used < HOLDS_OPEN_MAX ? holds->used : holds->expired_oldest;
}

void holds_expired_push(struct holds *holds, struct holds_hold *hold)
{
    const uint32_t at = number_of(holds, hold);
    hold->state = SLOT_EXPIRED;
    hold->next = HOLDS_NONE;
    hold->previous = holds->expired_newest;
    if (holds->expired_newest != HOLDS_NONE) {
        holds->slots[holds->expired_newest].next = at;
    } else {
        holds->expired_oldest = at;
    }
    holds->expired_newest = at;
    holds->counts.expired++;
}

static void expired_remove(struct holds *holds, struct holds_hold *hold)
{
    CHECK(hold->state == SLOT_EXPIRED);
    if (hold->previous != HOLDS_NONE) {
        holds->slots[hold->previous].next = hold->next;
    } else {
        holds->expired_oldest = hold->next;
    }
    if (hold->next != HOLDS_NONE) {
        holds->slots[hold->next].previous = hold->previous;
    } else {
        holds->expired_newest = hold->previous;
    }
    holds->counts.expired--;
}

bool holds_slot_take(struct holds *holds, uint64_t id)
{
    CHECK(holds != NULL);
    const uint32_t at = (uint32_t)(id & HOLDS_SLOT_MASK);
    struct holds_hold *const hold = &holds->slots[at];
    if (hold->state == SLOT_OPEN || hold->state == SLOT_UNKNOWN) {
        return false;
    }
    if (hold->state == SLOT_EXPIRED) {
        expired_remove(holds, hold);
        holds->counts.forgotten++;
    } else if (at >= holds->used) {
        holds->used = at + 1;
    } else if (holds->begun) {
        CHECK(holds->free == at);
        holds->free = hold->next;
    }
    hold->id = id;
    hold->state = SLOT_OPEN;
    hold->cased = 0;
    holds->counts.open++;
    return true;
}

void holds_slot_free(struct holds *holds, struct holds_hold *hold)
{
    CHECK(hold->state != SLOT_FREE);
    if (hold->state == SLOT_EXPIRED) {
        expired_remove(holds, hold);
    } else {
        holds_heap_remove(holds, hold);
        holds->counts.open--;
        holds->counts.unknown -= hold->state == SLOT_UNKNOWN;
    }
    hold->state = SLOT_FREE;
    if (holds->begun) {
        hold->next = holds->free;
        holds->free = number_of(holds, hold);
    }
}

void holds_slot_expire(struct holds *holds, struct holds_hold *hold)
{
    CHECK(hold->state == SLOT_OPEN || hold->state == SLOT_UNKNOWN);
    holds_heap_remove(holds, hold);
    holds->counts.open--;
    holds->counts.unknown -= hold->state == SLOT_UNKNOWN;
    holds_expired_push(holds, hold);
}

static bool before(const struct holds *holds, uint32_t a, uint32_t b)
{
    const struct holds_hold *const left = &holds->slots[a];
    const struct holds_hold *const right = &holds->slots[b];
    return left->expires_ns != right->expires_ns ? left->expires_ns < right->expires_ns
                                                 : left->id < right->id;
}

static void put(struct holds *holds, uint32_t place, uint32_t slot)
{
    CHECK(place < holds->heap_count);
    holds->heap[place] = slot;
    holds->slots[slot].heap_at = place;
}

static void sift_up(struct holds *holds, uint32_t place, uint32_t slot)
{
    while (place > 0 && before(holds, slot, holds->heap[(place - 1) / 2])) {
        put(holds, place, holds->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(holds, place, slot);
}

static void sift_down(struct holds *holds, uint32_t place, uint32_t slot)
{
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < holds->heap_count &&
            before(holds, holds->heap[child + 1], holds->heap[child])) {
            child++;
        }
        if (child >= holds->heap_count || !before(holds, holds->heap[child], slot)) {
            break;
        }
        put(holds, place, holds->heap[child]);
        place = child;
    }
    put(holds, place, slot);
}

void holds_heap_push(struct holds *holds, struct holds_hold *hold)
{
    CHECK(holds->heap_count < HOLDS_OPEN_MAX);
    holds->heap_count++;
    holds->counts.held_pusd += hold->amount_pusd;
    sift_up(holds, holds->heap_count - 1, number_of(holds, hold));
}

void holds_heap_remove(struct holds *holds, struct holds_hold *hold)
{
    const uint32_t place = hold->heap_at;
    CHECK(place < holds->heap_count);
    CHECK(holds->heap[place] == number_of(holds, hold));
    holds->heap_count--;
    holds->counts.held_pusd -= hold->amount_pusd;
    if (place == holds->heap_count) {
        return;
    }
    const uint32_t last = holds->heap[holds->heap_count];
    if (place > 0 && before(holds, last, holds->heap[(place - 1) / 2])) {
        sift_up(holds, place, last);
    } else {
        sift_down(holds, place, last);
    }
}
