#include "ingest/inbox.h"

#include <pthread.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    GATHER_MS = 100,      /* what comes within goes into the ledger together */
    FAILED_WAIT_MS = 500, /* before the ledger is tried again */
};

#define READ_BYTES_MAX  ((size_t)32 << 20) /* of messages moved in one transaction */
#define ARENA_BYTES_MAX ((size_t)1 << 30)

struct offer {
    struct journal_message message;
    struct text bytes;
    inbox_done *done;
    void *context;
    struct offer *next;
};

struct inbox {
    struct inbox_settings settings;
    struct journal *writer; /* of the committing thread */
    struct journal *reader; /* of the moving thread */
    pthread_t committing;
    pthread_t moving;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t offered;
    pthread_cond_t committed;
    pthread_cond_t moved;
    struct offer *first; /* queue, oldest first */
    struct offer **last;
    size_t queue_bytes;
    int64_t promised;       /* offers accepted and not queued yet */
    int64_t remove_through; /* in the ledger and still in the journal; 0: none */
    bool closing;           /* no more offers */
    bool moving_ended;
    bool giving_up; /* leave what is not in the ledger yet */
    struct inbox_counts counts;
};

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * CLOCK_NS_PER_SECOND + now.tv_nsec;
}

/* Wait on a condition of inbox->lock until `until_ns`; false: that time has come. */
static bool wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ns)
{
    const struct timespec until = {.tv_sec = until_ns / CLOCK_NS_PER_SECOND,
                                   .tv_nsec = until_ns % CLOCK_NS_PER_SECOND};
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}

static void tell(const struct inbox *inbox, const char *text)
{
    if (inbox->settings.tell != NULL) {
        inbox->settings.tell(inbox->settings.context, text);
    }
}

/* ---- the committing thread */

static enum errc commit(struct inbox *inbox, const struct offer *first, size_t count,
                        int64_t remove_through, struct err *err)
{
    struct journal_message *const messages = memory_new_array(struct journal_message, count + 1);
    size_t i = 0;
    for (const struct offer *o = first; o != NULL; o = o->next) {
        messages[i] = o->message;
        messages[i++].bytes = text_str(&o->bytes);
    }
    CHECK(i == count);
    const int64_t began_ns = monotonic_ns();
    const enum errc code = journal_append(inbox->writer, messages, count, remove_through, err);
    const int64_t took_ns = monotonic_ns() - began_ns;
    memory_free(messages);
    pthread_mutex_lock(&inbox->lock);
    inbox->counts.commits++;
    inbox->counts.commit_ns += took_ns;
    inbox->counts.commit_ns_max =
        took_ns > inbox->counts.commit_ns_max ? took_ns : inbox->counts.commit_ns_max;
    pthread_mutex_unlock(&inbox->lock);
    return code;
}

static void answer(struct offer *first, enum errc code, const struct err *err)
{
    struct offer *next = NULL;
    for (struct offer *o = first; o != NULL; o = next) {
        next = o->next;
        o->done(o->context, code, err);
        text_deinit(&o->bytes);
        memory_free(o);
    }
}

static void *run_committing(void *context)
{
    struct inbox *const inbox = context;
    pthread_mutex_lock(&inbox->lock);
    while (true) {
        while (inbox->first == NULL && inbox->remove_through == 0 &&
               !(inbox->moving_ended && inbox->promised == 0)) {
            pthread_cond_wait(&inbox->offered, &inbox->lock);
        }
        if (inbox->first == NULL && inbox->remove_through == 0) {
            break;
        }
        struct offer *const first = inbox->first;
        const int64_t remove_through = inbox->remove_through;
        size_t count = 0;
        int64_t bytes = 0;
        for (const struct offer *o = first; o != NULL; o = o->next) {
            count++;
            bytes += (int64_t)o->bytes.size;
        }
        inbox->first = NULL;
        inbox->last = &inbox->first;
        inbox->remove_through = 0;
        pthread_mutex_unlock(&inbox->lock);

        struct err err = {0};
        const enum errc code = commit(inbox, first, count, remove_through, &err);
        pthread_mutex_lock(&inbox->lock);
        inbox->queue_bytes -= (size_t)bytes;
        if (code == ERR_OK) {
            inbox->counts.acknowledged += (int64_t)count;
            inbox->counts.waiting += (int64_t)count;
            inbox->counts.waiting_bytes += bytes;
            pthread_cond_broadcast(&inbox->committed);
        } else if (remove_through > inbox->remove_through) {
            inbox->remove_through = count > 0 ? remove_through : 0; /* with the next offers */
        }
        pthread_mutex_unlock(&inbox->lock);
        if (code != ERR_OK) {
            tell(inbox, err.text);
        }
        answer(first, code, &err);
        pthread_mutex_lock(&inbox->lock);
    }
    pthread_mutex_unlock(&inbox->lock);
    return NULL;
}

/* ---- the moving thread */

struct moved {
    int64_t messages;
    int64_t bytes;
    int64_t unreadable;
    int64_t through;
    struct ingest_summary summary;
};

static enum errc add_message(struct inbox *inbox, struct ingest *ingest,
                             const struct journal_message *message, struct arena *arena,
                             struct moved *moved, struct err *err)
{
    struct inbox_decoded decoded = {0};
    struct err why = {0};
    if (inbox->settings.decode(inbox->settings.context, message, arena, &decoded, &why) != ERR_OK) {
        moved->unreadable++;
        tell(inbox, why.text);
        return ERR_OK;
    }
    const struct ingest_origin origin = {
        .path = STR("received"), .channel = decoded.channel, .session = decoded.session};
    return ingest_add(ingest, &decoded.trace, &origin, err);
}

/* The messages into the ledger in one transaction. */
static enum errc move(struct inbox *inbox, const struct journal_messages *messages,
                      struct arena *arena, struct moved *moved, struct err *err)
{
    struct ingest *ingest = NULL;
    ingest_create(&ingest, inbox->settings.store, inbox->settings.book, STR("received"),
                  messages->rows[messages->count - 1].received_ns);
    enum errc code = ERR_OK;
    for (size_t i = 0; i < messages->count && code == ERR_OK; i++) {
        code = add_message(inbox, ingest, &messages->rows[i], arena, moved, err);
        moved->messages++;
        moved->bytes += (int64_t)messages->rows[i].bytes.size;
        moved->through = messages->rows[i].id;
    }
    if (code == ERR_OK) {
        code = ingest_flush(ingest, err);
    }
    moved->summary = *ingest_summary(ingest);
    ingest_destroy(&ingest);
    return code;
}

static void count_moved(struct inbox *inbox, const struct moved *moved)
{
    struct inbox_counts *const counts = &inbox->counts;
    counts->waiting -= moved->messages;
    counts->waiting_bytes -= moved->bytes;
    counts->unreadable += moved->unreadable;
    counts->rejected += moved->summary.rejected;
    counts->steps_added += moved->summary.steps_added;
    counts->steps_known += moved->summary.steps_known;
    counts->steps_replaced += moved->summary.steps_replaced;
    counts->ledger_failing = false;
    inbox->remove_through = moved->through;
    pthread_cond_signal(&inbox->offered);
    pthread_cond_broadcast(&inbox->moved);
}

/* Whether it is these messages the ledger will never take, whatever the machine does. */
static bool is_theirs(enum errc code)
{
    return code == ERR_CONFLICT || code == ERR_LIMIT;
}

/*
 * Messages behind `*after` into the ledger; ERR_NOT_FOUND when there are none.
 *
 * one  only the next message: among those before it was one that the ledger refused. Should this
 *      be the one, it is left out and told of.
 */
static enum errc move_on(struct inbox *inbox, bool one, int64_t *after, struct err *err)
{
    struct arena arena;
    struct journal_messages messages = {0};
    struct moved moved = {0};
    arena_init(&arena, ARENA_BYTES_MAX);
    enum errc code =
        journal_read(inbox->reader, *after, one ? 1 : READ_BYTES_MAX, &arena, &messages, err);
    if (code == ERR_OK && messages.count == 0) {
        code = ERR_NOT_FOUND;
    } else if (code == ERR_OK) {
        code = move(inbox, &messages, &arena, &moved, err);
    }
    if (one && is_theirs(code)) {
        tell(inbox, err->text);
        moved = (struct moved){.messages = 1,
                               .bytes = (int64_t)messages.rows[0].bytes.size,
                               .unreadable = 1,
                               .through = messages.rows[0].id};
        code = ERR_OK;
    }
    arena_deinit(&arena);
    if (code == ERR_OK) {
        *after = moved.through;
        pthread_mutex_lock(&inbox->lock);
        count_moved(inbox, &moved);
        pthread_mutex_unlock(&inbox->lock);
    }
    return code;
}

static void *run_moving(void *context)
{
    struct inbox *const inbox = context;
    int64_t after = 0;
    bool more = true;
    bool one = false;
    while (more) {
        struct err err = {0};
        const enum errc code = move_on(inbox, one, &after, &err);
        one = is_theirs(code);
        pthread_mutex_lock(&inbox->lock);
        if (code == ERR_NOT_FOUND) {
            while (inbox->counts.waiting == 0 && !inbox->closing) {
                pthread_cond_wait(&inbox->committed, &inbox->lock);
            }
            more = inbox->counts.waiting > 0;
            const int64_t until_ns = monotonic_ns() + (int64_t)GATHER_MS * 1000000;
            while (more && !inbox->closing &&
                   inbox->counts.waiting_bytes < (int64_t)READ_BYTES_MAX &&
                   wait_until(&inbox->committed, &inbox->lock, until_ns)) {
            }
        } else if (code != ERR_OK && !one) {
            inbox->counts.ledger_failing = true;
            const int64_t until_ns = monotonic_ns() + (int64_t)FAILED_WAIT_MS * 1000000;
            pthread_mutex_unlock(&inbox->lock);
            tell(inbox, err.text);
            pthread_mutex_lock(&inbox->lock);
            while (!inbox->giving_up && wait_until(&inbox->committed, &inbox->lock, until_ns)) {
            }
        }
        more = more && !inbox->giving_up;
        pthread_mutex_unlock(&inbox->lock);
    }
    return NULL;
}

/* ---- outside */

static void init_conditions(struct inbox *inbox)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&inbox->offered, &attributes) == 0);
    CHECK(pthread_cond_init(&inbox->committed, &attributes) == 0);
    CHECK(pthread_cond_init(&inbox->moved, &attributes) == 0);
    CHECK(pthread_mutex_init(&inbox->lock, NULL) == 0);
    pthread_condattr_destroy(&attributes);
}

enum errc inbox_create(const struct inbox_settings *settings, struct inbox **out, struct err *err)
{
    CHECK(settings != NULL);
    CHECK(settings->decode != NULL);
    CHECK(out != NULL);
    struct inbox *const inbox = memory_new(struct inbox);
    struct journal_size size = {0};
    inbox->settings = *settings;
    inbox->last = &inbox->first;
    enum errc code = journal_open(settings->home, &inbox->writer, err);
    if (code == ERR_OK) {
        code = journal_open(settings->home, &inbox->reader, err);
    }
    if (code == ERR_OK) {
        code = journal_measure(inbox->reader, &size, err);
    }
    if (code != ERR_OK) {
        journal_close(&inbox->writer);
        journal_close(&inbox->reader);
        memory_free(inbox);
        return code;
    }
    inbox->counts.waiting = size.messages;
    inbox->counts.waiting_bytes = size.bytes;
    init_conditions(inbox);
    CHECK(pthread_create(&inbox->committing, NULL, run_committing, inbox) == 0);
    CHECK(pthread_create(&inbox->moving, NULL, run_moving, inbox) == 0);
    *out = inbox;
    return ERR_OK;
}

enum errc inbox_offer(struct inbox *inbox, int64_t kind, int64_t received_ns, struct str bytes,
                      inbox_done *done, void *context, struct err *err)
{
    CHECK(inbox != NULL);
    CHECK(done != NULL);
    pthread_mutex_lock(&inbox->lock);
    const bool full = inbox->queue_bytes + bytes.size > inbox->settings.queue_bytes_max ||
                      inbox->counts.waiting_bytes > inbox->settings.journal_bytes_max ||
                      inbox->closing;
    inbox->counts.offered++;
    inbox->counts.turned_away += full;
    inbox->queue_bytes += full ? 0 : bytes.size;
    inbox->promised += !full;
    pthread_mutex_unlock(&inbox->lock);
    if (full) {
        return err_set(err, ERR_BUSY,
                       "more is waiting to be written than may wait; try again in a second");
    }
    struct offer *const offer = memory_new(struct offer);
    *offer = (struct offer){
        .message = {.kind = kind, .received_ns = received_ns}, .done = done, .context = context};
    text_init(&offer->bytes, bytes.size + 1);
    text_add(&offer->bytes, bytes);
    pthread_mutex_lock(&inbox->lock);
    *inbox->last = offer;
    inbox->last = &offer->next;
    inbox->promised--;
    pthread_cond_signal(&inbox->offered);
    pthread_mutex_unlock(&inbox->lock);
    return ERR_OK;
}

bool inbox_settle(struct inbox *inbox, int wait_ms)
{
    CHECK(inbox != NULL);
    const int64_t until_ns = monotonic_ns() + (int64_t)wait_ms * 1000000;
    pthread_mutex_lock(&inbox->lock);
    while ((inbox->counts.waiting > 0 || inbox->queue_bytes > 0) &&
           wait_until(&inbox->moved, &inbox->lock, until_ns)) {
    }
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
    pthread_mutex_lock(&i->lock);
    i->moving_ended = true;
    pthread_cond_broadcast(&i->offered); /* the last removal */
    pthread_mutex_unlock(&i->lock);
    CHECK(pthread_join(i->committing, NULL) == 0);
    journal_close(&i->writer);
    journal_close(&i->reader);
    pthread_cond_destroy(&i->offered);
    pthread_cond_destroy(&i->committed);
    pthread_cond_destroy(&i->moved);
    pthread_mutex_destroy(&i->lock);
    memory_free(i);
    *inbox = NULL;
}

struct inbox_counts inbox_counts(struct inbox *inbox)
{
    CHECK(inbox != NULL);
    pthread_mutex_lock(&inbox->lock);
    const struct inbox_counts counts = inbox->counts;
    pthread_mutex_unlock(&inbox->lock);
    return counts;
}
