/* inbox_commit: the thread that writes what was offered to the journal, and says so. */
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "ingest/inbox_priv.h"

#define MS INT64_C(1000000)
const int64_t inbox_bucket_ns[INBOX_BUCKETS - 1] = {
    MS / 2, MS, 2 * MS, 5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS, 250 * MS, 1000 * MS, 5000 * MS,
};

static size_t bucket_of(int64_t took_ns)
{
    size_t bucket = 0;
    while (bucket < INBOX_BUCKETS - 1 && took_ns > inbox_bucket_ns[bucket]) {
        bucket++;
    }
    return bucket;
}

static enum errc commit(struct inbox *inbox, const struct offer *first, size_t count,
                        int64_t remove_through, struct err *err)
{
    struct journal_message *const messages = memory_new_array(struct journal_message, count + 1);
    size_t i = 0;
    for (const struct offer *o = first; o != NULL; o = o->next) {
        messages[i++] = o->message;
    }
    CHECK(i == count);
    const int64_t began_ns = clock_monotonic_ns();
    const enum errc code = journal_append(inbox->journal, messages, count, remove_through, err);
    const int64_t took_ns = clock_monotonic_ns() - began_ns;
    i = 0;
    for (const struct offer *o = first; o != NULL; o = o->next, i++) {
        if (o->reading != NULL) {
            o->reading->id = messages[i].id;
        }
    }
    memory_free(messages);
    pthread_mutex_lock(&inbox->lock);
    inbox->counts.commits++;
    inbox->counts.commit_ns += took_ns;
    inbox->counts.commit_buckets[bucket_of(took_ns)]++;
    inbox->counts.commit_ns_max =
        took_ns > inbox->counts.commit_ns_max ? took_ns : inbox->counts.commit_ns_max;
    pthread_mutex_unlock(&inbox->lock);
    return code;
}

/* Leave what was decoded of the messages to the moving thread; under the lock. */
static void pass_readings(struct inbox *inbox, struct offer *first)
{
    for (struct offer *o = first; o != NULL; o = o->next) {
        if (o->reading != NULL) {
            *inbox->last_reading = o->reading;
            inbox->last_reading = &o->reading->next;
            o->reading = NULL;
        }
    }
}

static void answer(struct inbox *inbox, struct offer *first, enum errc code, const struct err *err)
{
    struct offer *next = NULL;
    for (struct offer *o = first; o != NULL; o = next) {
        next = o->next;
        o->done(o->context, code, err);
        inbox_free_readings(inbox, o->reading);
        text_deinit(&o->bytes);
        text_deinit(&o->bound);
        memory_free(o);
    }
}

void *inbox_run_committing(void *context)
{
    struct inbox *const inbox = context;
    int64_t told_ns = 0;
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
        inbox->journal_failed_ns = code == ERR_OK ? 0 : clock_monotonic_ns();
        if (code == ERR_OK) {
            inbox->counts.acknowledged += (int64_t)count;
            inbox->counts.waiting += (int64_t)count;
            inbox->counts.waiting_bytes += bytes;
            pass_readings(inbox, first);
            pthread_cond_broadcast(&inbox->committed);
        } else if (remove_through > inbox->remove_through) {
            inbox->remove_through = count > 0 ? remove_through : 0; /* with the next offers */
        }
        pthread_mutex_unlock(&inbox->lock);
        if (code != ERR_OK) {
            inbox_tell_seldom(inbox, &told_ns, err.text);
        }
        answer(inbox, first, code, &err);
        pthread_mutex_lock(&inbox->lock);
    }
    pthread_mutex_unlock(&inbox->lock);
    return NULL;
}
