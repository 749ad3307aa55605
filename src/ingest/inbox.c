#include "ingest/inbox.h"

#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "ingest/inbox_priv.h"

enum {
    TELL_MS = 10000,  /* between two lines of the log on the same trouble */
    FAILED_MS = 5000, /* how long the journal counts as failing after it last did */
};

#define READING_BYTES_SPARE ((size_t)4 << 20)   /* what one more message may need in memory */
#define BEHIND_BYTES_MIN    ((int64_t)48 << 20) /* a transaction's worth and more is waiting */

bool inbox_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ns)
{
    CHECK(condition != NULL);
    const struct timespec until = {.tv_sec = until_ns / CLOCK_NS_PER_SECOND,
                                   .tv_nsec = until_ns % CLOCK_NS_PER_SECOND};
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}

void inbox_tell(const struct inbox *inbox, const char *text)
{
    CHECK(text != NULL);
    if (inbox->settings.tell != NULL) {
        inbox->settings.tell(inbox->settings.context, text);
    }
}

void inbox_tell_seldom(const struct inbox *inbox, int64_t *told_ns, const char *text)
{
    CHECK(told_ns != NULL);
    const int64_t now_ns = clock_monotonic_ns();
    if (*told_ns == 0 || now_ns - *told_ns > (int64_t)TELL_MS * 1000000) {
        *told_ns = now_ns;
        inbox_tell(inbox, text);
    }
}

void inbox_free_readings(struct inbox *inbox, struct inbox_reading *first)
{
    CHECK(inbox != NULL);
    size_t bytes = 0;
    struct inbox_reading *next = NULL;
    for (struct inbox_reading *r = first; r != NULL; r = next) {
        next = r->next;
        bytes += r->arena.size;
        arena_deinit(&r->arena);
        memory_free(r);
    }
    pthread_mutex_lock(&inbox->lock);
    CHECK(inbox->reading_bytes >= bytes);
    inbox->reading_bytes -= bytes;
    pthread_mutex_unlock(&inbox->lock);
}

static void init_conditions(struct inbox *inbox)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&inbox->offered, &attributes) == 0);
    CHECK(pthread_cond_init(&inbox->committed, &attributes) == 0);
    CHECK(pthread_cond_init(&inbox->moved, &attributes) == 0);
    CHECK(pthread_mutex_init(&inbox->lock, NULL) == 0);
    CHECK(pthread_mutex_init(&inbox->book_lock, NULL) == 0);
    pthread_condattr_destroy(&attributes);
}

enum errc inbox_create(const struct inbox_settings *settings, struct inbox **out, struct err *err)
{
    CHECK(settings != NULL);
    CHECK(settings->decode != NULL);
    CHECK(out != NULL);
    struct inbox *const inbox = memory_new(struct inbox);
    inbox->settings = *settings;
    inbox->last = &inbox->first;
    inbox->last_reading = &inbox->first_reading;
    const enum errc code = journal_open(settings->home, &inbox->journal, err);
    if (code != ERR_OK) {
        memory_free(inbox);
        return code;
    }
    const struct journal_size size = journal_measure(inbox->journal);
    inbox->counts.waiting = size.messages;
    inbox->counts.waiting_bytes = size.bytes;
    init_conditions(inbox);
    resident_create(&inbox->resident);
    CHECK(pthread_create(&inbox->committing, NULL, inbox_run_committing, inbox) == 0);
    inbox_hurry_open(&inbox->hurry);
    CHECK(pthread_create(&inbox->moving, NULL, inbox_run_moving, inbox) == 0);
    *out = inbox;
    return ERR_OK;
}

/* Take over what the message holds; NULL when enough such things are in memory. */
static struct inbox_reading *keep_reading(struct inbox *inbox,
                                          const struct journal_message *message,
                                          const struct inbox_decoded *decoded, struct arena *arena)
{
    pthread_mutex_lock(&inbox->lock);
    const bool fits = inbox->reading_bytes + arena->size <= inbox->settings.reading_bytes_max;
    inbox->reading_bytes += fits ? arena->size : 0;
    pthread_mutex_unlock(&inbox->lock);
    if (!fits) {
        return NULL;
    }
    struct inbox_reading *const reading = memory_new(struct inbox_reading);
    *reading = (struct inbox_reading){.received_ns = message->received_ns,
                                      .bytes = (int64_t)journal_message_bytes(message),
                                      .decoded = *decoded,
                                      .arena = *arena};
    arena_init(arena, arena->size_max);
    return reading;
}

/* Copies of the binding's texts for as long as the offer waits. */
static void keep_binding(struct offer *offer, const struct journal_binding *binding)
{
    const struct str from[] = {binding->workflow, binding->team, binding->user};
    struct str *const to[] = {&offer->message.binding.workflow, &offer->message.binding.team,
                              &offer->message.binding.user};
    size_t size = 0;
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        size += from[i].size;
    }
    text_init(&offer->bound, size + 1);
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        text_add(&offer->bound, from[i]);
    }
    size = 0;
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        *to[i] = (struct str){from[i].size > 0 ? offer->bound.data + size : "", from[i].size};
        size += from[i].size;
    }
}

enum errc inbox_offer(struct inbox *inbox, const struct journal_message *message, inbox_done *done,
                      void *context, struct err *err)
{
    return inbox_offer_decoded(inbox, message, NULL, NULL, done, context, err);
}

enum errc inbox_offer_decoded(struct inbox *inbox, const struct journal_message *message,
                              const struct inbox_decoded *decoded, struct arena *arena,
                              inbox_done *done, void *context, struct err *err)
{
    CHECK(inbox != NULL);
    CHECK(done != NULL);
    CHECK((decoded == NULL) == (arena == NULL));
    const size_t bytes = journal_message_bytes(message);
    pthread_mutex_lock(&inbox->lock);
    const bool full = (inbox->queue_bytes > 0 && /* one that is larger goes alone */
                       inbox->queue_bytes + bytes > inbox->settings.limits.queue_bytes_max) ||
                      inbox->counts.waiting_bytes > inbox->settings.limits.journal_bytes_max ||
                      inbox->closing;
    inbox->counts.offered++;
    inbox->counts.turned_away += full;
    inbox->queue_bytes += full ? 0 : bytes;
    inbox->promised += !full;
    pthread_mutex_unlock(&inbox->lock);
    if (full) {
        return err_set(err, ERR_BUSY,
                       "more is waiting to be written than may wait; try again in a second");
    }
    struct offer *const offer = memory_new(struct offer);
    *offer = (struct offer){.message = *message, .done = done, .context = context};
    offer->reading = decoded != NULL ? keep_reading(inbox, message, decoded, arena) : NULL;
    keep_binding(offer, decoded != NULL ? &decoded->binding : &message->binding);
    text_init(&offer->bytes, bytes + 1);
    text_add(&offer->bytes, message->bytes);
    text_add(&offer->bytes, message->context);
    offer->message.bytes.data = offer->bytes.data;
    offer->message.context.data =
        offer->bytes.data != NULL ? offer->bytes.data + message->bytes.size : NULL;
    pthread_mutex_lock(&inbox->lock);
    *inbox->last = offer;
    inbox->last = &offer->next;
    inbox->promised--;
    pthread_cond_signal(&inbox->offered);
    pthread_mutex_unlock(&inbox->lock);
    return ERR_OK;
}

void inbox_change(struct inbox *inbox, const struct price_book *book,
                  const struct inbox_limits *limits)
{
    CHECK(inbox != NULL);
    CHECK(book != NULL);
    pthread_mutex_lock(&inbox->book_lock);
    inbox->settings.book = book;
    pthread_mutex_unlock(&inbox->book_lock);
    pthread_mutex_lock(&inbox->lock);
    inbox->settings.limits = *limits;
    pthread_mutex_unlock(&inbox->lock);
}

bool inbox_is_behind(struct inbox *inbox)
{
    CHECK(inbox != NULL);
    pthread_mutex_lock(&inbox->lock);
    const bool is_behind =
        inbox->reading_bytes + READING_BYTES_SPARE > inbox->settings.reading_bytes_max ||
        inbox->counts.waiting_bytes > BEHIND_BYTES_MIN;
    pthread_mutex_unlock(&inbox->lock);
    return is_behind;
}

bool inbox_settle(struct inbox *inbox, int wait_ms)
{
    CHECK(inbox != NULL);
    const int64_t until_ns = clock_monotonic_ns() + (int64_t)wait_ms * 1000000;
    pthread_mutex_lock(&inbox->lock);
    inbox->settling++;
    while ((inbox->counts.waiting > 0 || inbox->queue_bytes > 0) &&
           inbox_wait(&inbox->moved, &inbox->lock, until_ns)) {
    }
    inbox->settling--;
    const bool settled = inbox->counts.waiting == 0 && inbox->queue_bytes == 0;
    pthread_mutex_unlock(&inbox->lock);
    return settled;
}

void inbox_destroy(struct inbox **inbox, int wait_ms)
{
    CHECK(inbox != NULL);
    struct inbox *const i = *inbox;
    if (i == NULL) {
        return;
    }
    pthread_mutex_lock(&i->lock);
    i->closing = true;
    pthread_cond_broadcast(&i->offered);
    pthread_cond_broadcast(&i->committed);
    pthread_mutex_unlock(&i->lock);
    inbox_settle(i, wait_ms);
    pthread_mutex_lock(&i->lock);
    i->giving_up = true;
    pthread_cond_broadcast(&i->committed);
    pthread_mutex_unlock(&i->lock);
    CHECK(pthread_join(i->moving, NULL) == 0);
    inbox_hurry_close(&i->hurry);
    pthread_mutex_lock(&i->lock);
    i->moving_ended = true;
    pthread_cond_broadcast(&i->offered); /* the last removal */
    pthread_mutex_unlock(&i->lock);
    CHECK(pthread_join(i->committing, NULL) == 0);
    inbox_free_readings(i, i->first_reading);
    resident_destroy(&i->resident);
    journal_close(&i->journal);
    pthread_cond_destroy(&i->offered);
    pthread_cond_destroy(&i->committed);
    pthread_cond_destroy(&i->moved);
    pthread_mutex_destroy(&i->lock);
    pthread_mutex_destroy(&i->book_lock);
    memory_free(i);
    *inbox = NULL;
}

struct inbox_counts inbox_counts(struct inbox *inbox)
{
    CHECK(inbox != NULL);
    pthread_mutex_lock(&inbox->lock);
    struct inbox_counts counts = inbox->counts;
    counts.queue_bytes = (int64_t)inbox->queue_bytes;
    counts.journal_failing =
        inbox->journal_failed_ns > 0 &&
        clock_monotonic_ns() - inbox->journal_failed_ns < (int64_t)FAILED_MS * 1000000;
    pthread_mutex_unlock(&inbox->lock);
    return counts;
}
