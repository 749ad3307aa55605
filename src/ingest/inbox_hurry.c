/*
 * A thread that gives way to nobody, for moves that must not wait. Linux lets a thread lower its
 * own priority and not raise it again, so the moving thread, which gives way to those who receive,
 * has them made here: when messages have waited for long because the processors are busy, and when
 * somebody waits for the store or for the end.
 */
#include "base/check.h"
#include "base/clock.h"
#include "ingest/inbox_priv.h"

bool inbox_is_to_hurry(struct inbox *inbox, struct inbox_pace *pace)
{
    CHECK(inbox != NULL);
    CHECK(pace != NULL);
    const int64_t now_ns = clock_monotonic_ns();
    const int late_ms = inbox->settings.late_ms > 0 ? inbox->settings.late_ms : INBOX_LATE_MS;
    pthread_mutex_lock(&inbox->lock);
    pace->left -= inbox->moved_messages - pace->moved;
    pace->moved = inbox->moved_messages;
    if (pace->left <= 0) {
        pace->left = inbox->counts.waiting;
        pace->since_ns = now_ns;
    }
    const bool is_late = pace->left > 0 && now_ns - pace->since_ns > (int64_t)late_ms * 1000000;
    const bool is_awaited = inbox->closing || inbox->borrowing > 0 || inbox->settling > 0;
    pthread_mutex_unlock(&inbox->lock);
    return is_late || is_awaited;
}

static void *run(void *context)
{
    struct inbox_hurry *const hurry = context;
    pthread_mutex_lock(&hurry->lock);
    while (!hurry->ends) {
        if (hurry->run == NULL) {
            pthread_cond_wait(&hurry->changed, &hurry->lock);
            continue;
        }
        pthread_mutex_unlock(&hurry->lock);
        hurry->run(hurry->context);
        pthread_mutex_lock(&hurry->lock);
        hurry->run = NULL;
        pthread_cond_broadcast(&hurry->changed);
    }
    pthread_mutex_unlock(&hurry->lock);
    return NULL;
}

void inbox_hurry_open(struct inbox_hurry *hurry)
{
    CHECK(hurry != NULL);
    CHECK(pthread_mutex_init(&hurry->lock, NULL) == 0);
    CHECK(pthread_cond_init(&hurry->changed, NULL) == 0);
    CHECK(pthread_create(&hurry->thread, NULL, run, hurry) == 0);
}

void inbox_hurry_run(struct inbox_hurry *hurry, void (*work)(void *context), void *context)
{
    CHECK(hurry != NULL);
    CHECK(work != NULL);
    pthread_mutex_lock(&hurry->lock);
    CHECK(hurry->run == NULL);
    hurry->run = work;
    hurry->context = context;
    pthread_cond_broadcast(&hurry->changed);
    while (hurry->run != NULL) {
        pthread_cond_wait(&hurry->changed, &hurry->lock);
    }
    pthread_mutex_unlock(&hurry->lock);
}

void inbox_hurry_close(struct inbox_hurry *hurry)
{
    CHECK(hurry != NULL);
    pthread_mutex_lock(&hurry->lock);
    hurry->ends = true;
    pthread_cond_broadcast(&hurry->changed);
    pthread_mutex_unlock(&hurry->lock);
    CHECK(pthread_join(hurry->thread, NULL) == 0);
    pthread_cond_destroy(&hurry->changed);
    pthread_mutex_destroy(&hurry->lock);
}
