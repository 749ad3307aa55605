/*
 * The keeper: a bounded queue, and one thread that redacts and writes.
 *
 *     offered --taken--> redacted --> written, or counted as failed
 *            \--no room--> a record that says so, without bodies
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "bodies/bodies_priv.h"

enum {
    HOME_BYTES_MAX = 4096,
    SYNC_MS = 1000,
    EXPIRE_MS = 60000,
    SCRATCH_KEPT_BYTES_MAX = 1 << 20, /* between two jobs */
};

struct job {
    struct job *next;
    struct bodies_call call; /* its texts are in `bytes` */
    size_t size;
    bool dropped;
    char bytes[];
};

struct bodies_keeper {
    char home[HOME_BYTES_MAX];
    void (*tell)(void *context, const char *text);
    void *context;
    pthread_t thread;
    pthread_mutex_t lock; /* of the queue */
    pthread_cond_t woken;
    pthread_cond_t done;
    struct job *first;
    struct job **last;
    int64_t jobs;
    size_t bytes;
    uint64_t offered;
    uint64_t finished;
    bool closing;
    pthread_mutex_t log_lock; /* of the log; taken after `lock` by nobody */
    struct body_log *log;     /* NULL: it could not be opened yet */
    bool is_failing;
    _Atomic int64_t limit_bytes;
    _Atomic int64_t kept;
    _Atomic int64_t withheld;
    _Atomic int64_t dropped;
    _Atomic int64_t failed;
    _Atomic int64_t stored_bytes;
};

/* ---- taking */

static struct str copy(char **at, struct str text)
{
    char *const to = *at;
    if (text.size > 0) {
        memcpy(to, text.data, text.size);
    }
    *at += text.size;
    return (struct str){to, text.size};
}

static struct job *make_job(const struct bodies_call *call, bool dropped, size_t size)
{
    struct job *const job = memory_alloc(1, sizeof *job + size + 1);
    char *at = job->bytes;
    job->call = *call;
    job->size = size;
    job->dropped = dropped;
    job->call.identity = copy(&at, call->identity);
    job->call.request_id = copy(&at, call->request_id);
    job->call.workflow = copy(&at, call->workflow);
    job->call.case_id = copy(&at, call->case_id);
    if (!dropped) {
        job->call.request = copy(&at, call->request);
        job->call.answer = copy(&at, call->answer);
    } else { /* their sizes are told */
        job->call.request.data = NULL;
        job->call.answer.data = NULL;
    }
    CHECK(at <= job->bytes + size);
    return job;
}

static void release(const struct bodies_call *call)
{
    if (call->released != NULL) {
        call->released(call->context);
    }
}

void bodies_offer(struct bodies_keeper *keeper, const struct bodies_call *call)
{
    CHECK(keeper != NULL);
    CHECK(call->policy != NULL);
    const size_t names =
        call->identity.size + call->request_id.size + call->workflow.size + call->case_id.size;
    size_t size = names + call->request.size + call->answer.size;
    pthread_mutex_lock(&keeper->lock);
    const bool is_full = keeper->jobs >= BODIES_QUEUE_JOBS_MAX || keeper->closing;
    const bool dropped = is_full || call->request.size > BODIES_REQUEST_BYTES_MAX ||
                         size > BODIES_QUEUE_BYTES_MAX - keeper->bytes;
    size = dropped ? names : size;
    if (!is_full) { /* room is taken before the copy, which is made without the lock */
        keeper->jobs++;
        keeper->bytes += size;
    }
    pthread_mutex_unlock(&keeper->lock);
    atomic_fetch_add(&keeper->dropped, dropped);
    if (is_full) {
        release(call);
        return;
    }
    struct job *const job = make_job(call, dropped, size);
    pthread_mutex_lock(&keeper->lock);
    *keeper->last = job;
    keeper->last = &job->next;
    keeper->offered++;
    pthread_cond_signal(&keeper->woken);
    pthread_mutex_unlock(&keeper->lock);
}

/* ---- writing: on the thread */

struct deadline {
    int64_t at_ns;
};

static bool is_over(void *context)
{
    const struct deadline *const deadline = context;
    return clock_monotonic_ns() > deadline->at_ns;
}

static void tell(struct bodies_keeper *keeper, const char *text)
{
    if (keeper->tell != NULL) {
        keeper->tell(keeper->context, text);
    }
}

/* Of a disk that goes on refusing only the first refusal is told. */
static void note_result(struct bodies_keeper *keeper, enum errc code, const struct err *err)
{
    char line[ERR_TEXT_BYTES_MAX + 128];
    if (code != ERR_OK && !keeper->is_failing) {
        snprintf(line, sizeof line,
                 "bodies are lost, their calls go on; the next is tried again: %s", err->text);
        tell(keeper, line);
    } else if (code == ERR_OK && keeper->is_failing) {
        tell(keeper, "bodies are kept again");
    }
    keeper->is_failing = code != ERR_OK;
}

/* With log_lock held. */
static enum errc open_log(struct bodies_keeper *keeper, struct err *err)
{
    return keeper->log != NULL ? ERR_OK : body_log_open(str_from(keeper->home), &keeper->log, err);
}

static void store(struct bodies_keeper *keeper, const struct bodies_call *call, struct str bytes)
{
    const int64_t now_ns = clock_now_ns();
    const struct body_record record = {
        .key = hash128_of(STR("id"), call->identity),
        .workflow_hash = hash64(call->workflow),
        .case_hash = hash64(call->case_id),
        .kept_ns = now_ns,
        .ends_ns = now_ns + call->policy->days * CLOCK_NS_PER_DAY,
        .bytes = bytes,
    };
    struct err err;
    pthread_mutex_lock(&keeper->log_lock);
    enum errc code = open_log(keeper, &err);
    if (code == ERR_OK &&
        body_log_bytes(keeper->log) + (int64_t)bytes.size > atomic_load(&keeper->limit_bytes)) {
        code = err_set(&err, ERR_LIMIT,
                       "limits: bodies_mib is reached; raise it, erase some with "
                       "`bursar bodies erase`, or wait until the days of some are over");
    }
    if (code == ERR_OK) {
        code = body_log_append(keeper->log, &record, &err);
    }
    if (keeper->log != NULL) {
        atomic_store(&keeper->stored_bytes, body_log_bytes(keeper->log));
    }
    pthread_mutex_unlock(&keeper->log_lock);
    note_result(keeper, code, &err);
    atomic_fetch_add(&keeper->failed, code != ERR_OK);
}

static void do_job(struct bodies_keeper *keeper, const struct job *job,
                   struct bodies_writer *writer, struct text *record)
{
    struct deadline deadline = {clock_monotonic_ns() + BODIES_REDACT_MS_MAX * INT64_C(1000000)};
    const struct bodies_patience patience = {is_over, &deadline};
    struct bodies_written written;
    writer->patience = &patience;
    bodies_write(&job->call, job->dropped, writer, record, &written);
    writer->patience = NULL;
    if (text_is_full(record)) {
        atomic_fetch_add(&keeper->failed, 1);
    } else {
        atomic_fetch_add(&keeper->kept, written.kept > 0);
        atomic_fetch_add(&keeper->withheld, written.withheld);
        store(keeper, &job->call, text_str(record));
    }
    if (record->capacity > SCRATCH_KEPT_BYTES_MAX) {
        text_deinit(record);
    }
    if (writer->scratch.capacity > SCRATCH_KEPT_BYTES_MAX) {
        text_deinit(&writer->scratch);
    }
}

static void sync_log(struct bodies_keeper *keeper)
{
    struct err err;
    pthread_mutex_lock(&keeper->log_lock);
    const enum errc code = keeper->log != NULL ? body_log_sync(keeper->log, &err) : ERR_OK;
    pthread_mutex_unlock(&keeper->log_lock);
    if (code != ERR_OK) {
        note_result(keeper, code, &err);
    }
}

static void expire(struct bodies_keeper *keeper)
{
    struct err err;
    pthread_mutex_lock(&keeper->log_lock);
    enum errc code = open_log(keeper, &err);
    if (code == ERR_OK) {
        code = body_log_expire(keeper->log, clock_now_ns(), &err);
        atomic_store(&keeper->stored_bytes, body_log_bytes(keeper->log));
    }
    pthread_mutex_unlock(&keeper->log_lock);
    if (code != ERR_OK) {
        note_result(keeper, code, &err);
    }
}

/* Wait for a job until `wait_ms` are over; with the lock held. */
static void wait_for_job(struct bodies_keeper *keeper, int64_t wait_ms)
{
    const int64_t until_ns = clock_now_ns() + wait_ms * 1000000;
    const struct timespec until = {.tv_sec = until_ns / CLOCK_NS_PER_SECOND,
                                   .tv_nsec = until_ns % CLOCK_NS_PER_SECOND};
    while (keeper->first == NULL && !keeper->closing &&
           pthread_cond_timedwait(&keeper->woken, &keeper->lock, &until) != ETIMEDOUT) {
    }
}

static struct job *take(struct bodies_keeper *keeper)
{
    struct job *const job = keeper->first;
    if (job != NULL) {
        keeper->first = job->next;
        keeper->last = keeper->first == NULL ? &keeper->first : keeper->last;
    }
    return job;
}

static void finish(struct bodies_keeper *keeper, struct job *job)
{
    release(&job->call);
    pthread_mutex_lock(&keeper->lock);
    keeper->jobs--;
    keeper->bytes -= job->size;
    keeper->finished++;
    pthread_cond_broadcast(&keeper->done);
    pthread_mutex_unlock(&keeper->lock);
    memory_free(job);
}

static void *work(void *context)
{
    struct bodies_keeper *const keeper = context;
    struct bodies_writer writer = {0}; /* made with the first job */
    struct text record;
    int64_t expired_ns = INT64_MIN;
    bool is_dirty = false;
    bool closing = false;
    text_init(&writer.scratch, BODIES_SCRATCH_BYTES_MAX);
    text_init(&record, BODIES_RECORD_BYTES_MAX);
    while (!closing) {
        const int64_t now_ns = clock_monotonic_ns();
        if (expired_ns == INT64_MIN || now_ns - expired_ns > EXPIRE_MS * INT64_C(1000000)) {
            expired_ns = now_ns;
            expire(keeper);
        }
        pthread_mutex_lock(&keeper->lock);
        wait_for_job(keeper, is_dirty ? SYNC_MS : EXPIRE_MS);
        struct job *const job = take(keeper);
        closing = keeper->closing && job == NULL;
        pthread_mutex_unlock(&keeper->lock);
        if (job != NULL) {
            if (writer.redactor == NULL) {
                bodies_redactor_create(&writer.redactor);
            }
            do_job(keeper, job, &writer, &record);
            finish(keeper, job);
            is_dirty = true;
        } else if (is_dirty) {
            sync_log(keeper);
            is_dirty = false;
            bodies_redactor_destroy(&writer.redactor); /* and with it what it has grown to */
        }
    }
    bodies_redactor_destroy(&writer.redactor);
    text_deinit(&writer.scratch);
    text_deinit(&record);
    return NULL;
}

/* ---- from outside */

void bodies_keeper_create(const struct bodies_settings *settings, struct bodies_keeper **out)
{
    CHECK(out != NULL);
    CHECK(settings->home.size < HOME_BYTES_MAX);
    struct bodies_keeper *const keeper = memory_new(struct bodies_keeper);
    snprintf(keeper->home, sizeof keeper->home, STR_FORMAT, STR_ARG(settings->home));
    keeper->tell = settings->tell;
    keeper->context = settings->context;
    keeper->last = &keeper->first;
    atomic_store(&keeper->limit_bytes, BODIES_STORED_BYTES_DEFAULT);
    CHECK(pthread_mutex_init(&keeper->lock, NULL) == 0);
    CHECK(pthread_mutex_init(&keeper->log_lock, NULL) == 0);
    CHECK(pthread_cond_init(&keeper->woken, NULL) == 0);
    CHECK(pthread_cond_init(&keeper->done, NULL) == 0);
    CHECK(pthread_create(&keeper->thread, NULL, work, keeper) == 0);
    *out = keeper;
}

void bodies_keeper_destroy(struct bodies_keeper **keeper)
{
    CHECK(keeper != NULL);
    struct bodies_keeper *const own = *keeper;
    if (own == NULL) {
        return;
    }
    pthread_mutex_lock(&own->lock);
    own->closing = true;
    pthread_cond_signal(&own->woken);
    pthread_mutex_unlock(&own->lock);
    CHECK(pthread_join(own->thread, NULL) == 0);
    CHECK(own->first == NULL);
    body_log_close(&own->log);
    pthread_mutex_destroy(&own->lock);
    pthread_mutex_destroy(&own->log_lock);
    pthread_cond_destroy(&own->woken);
    pthread_cond_destroy(&own->done);
    memory_free(own);
    *keeper = NULL;
}

void bodies_drain(struct bodies_keeper *keeper)
{
    CHECK(keeper != NULL);
    pthread_mutex_lock(&keeper->lock);
    const uint64_t offered = keeper->offered;
    while (keeper->finished < offered) {
        pthread_cond_wait(&keeper->done, &keeper->lock);
    }
    pthread_mutex_unlock(&keeper->lock);
}

struct bodies_counts bodies_counts(struct bodies_keeper *keeper)
{
    CHECK(keeper != NULL);
    pthread_mutex_lock(&keeper->lock);
    const int64_t waiting = keeper->jobs;
    const int64_t waiting_bytes = (int64_t)keeper->bytes;
    pthread_mutex_unlock(&keeper->lock);
    return (struct bodies_counts){
        .kept = atomic_load(&keeper->kept),
        .withheld = atomic_load(&keeper->withheld),
        .dropped = atomic_load(&keeper->dropped),
        .failed = atomic_load(&keeper->failed),
        .waiting = waiting,
        .waiting_bytes = waiting_bytes,
        .stored_bytes = atomic_load(&keeper->stored_bytes),
    };
}

void bodies_set_limit(struct bodies_keeper *keeper, int64_t bytes_max)
{
    CHECK(keeper != NULL);
    CHECK(bytes_max > 0);
    atomic_store(&keeper->limit_bytes, bytes_max);
}

enum errc bodies_erase(struct bodies_keeper *keeper, const struct body_log_choice *choice,
                       struct body_log_erased *out, struct err *err)
{
    CHECK(keeper != NULL);
    bodies_drain(keeper);
    pthread_mutex_lock(&keeper->log_lock);
    enum errc code = open_log(keeper, err);
    if (code == ERR_OK) {
        code = body_log_erase(keeper->log, choice, out, err);
        atomic_store(&keeper->stored_bytes, body_log_bytes(keeper->log));
    }
    pthread_mutex_unlock(&keeper->log_lock);
    return code;
}
