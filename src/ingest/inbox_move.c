/*
 * The thread that moves messages into the ledger: those that were decoded for their acknowledgement
 * as they are, others from the journal.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/processors.h"
#include "ingest/inbox_priv.h"

enum {
    GIVING_WAY_MS = 1000, /* in one transaction, before the next load would be begun */
    GATHER_MS = 100,      /* what comes within goes into the ledger together */
    FAILED_WAIT_MS = 500, /* before the ledger is tried again */
    PATH_BYTES_MAX = 4096,
    SPACE_BYTES_MIN = 16 << 20, /* free on the disk before the ledger is written */
};

/* Of messages decoded and written together. */
#define READ_BYTES_MAX        ((size_t)24 << 20)
#define READ_GIVING_WAY_BYTES ((size_t)4 << 20)
#define ARENA_BYTES_MAX       ((size_t)1 << 30)

/* One step of the moving thread, on it or on the one that hurries. */
struct stepping {
    struct inbox *inbox;
    int64_t after; /* messages up to that id are in the ledger */
    bool one;      /* only the next message: among those before it was one that the ledger refused.
                    * Should this be the one, it is left out and told of. */
    bool hurries;
    enum errc code;
    struct err err;
};

struct moved {
    int64_t messages;
    int64_t bytes;
    int64_t unreadable;
    int64_t through;
    struct ingest_summary summary;
};

static enum errc add_decoded(const struct inbox *inbox, struct ingest *ingest,
                             const struct inbox_decoded *decoded, int64_t received_ns,
                             struct err *err)
{
    if (decoded->actor.size > 0 && inbox->settings.audit != NULL) {
        const enum errc code =
            inbox->settings.audit(inbox->settings.context, decoded, received_ns, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    const struct ingest_origin origin = {.path = STR("received"),
                                         .channel = decoded->channel,
                                         .session = decoded->session,
                                         .bound_workflow = decoded->binding.workflow,
                                         .bound_team = decoded->binding.team,
                                         .bound_user = decoded->binding.user};
    return ingest_add(ingest, &decoded->trace, &origin, err);
}

static enum errc add_message(struct inbox *inbox, struct ingest *ingest,
                             const struct journal_message *message, struct arena *arena,
                             struct moved *moved, struct err *err)
{
    struct inbox_decoded decoded = {0};
    struct err why = {0};
    if (inbox->settings.decode(inbox->settings.context, message, arena, &decoded, &why) != ERR_OK) {
        moved->unreadable++;
        inbox_tell(inbox, why.text);
        return ERR_OK;
    }
    decoded.binding = message->binding;
    return add_decoded(inbox, ingest, &decoded, message->received_ns, err);
}

/* What is written together: readings, else messages of the journal. */
struct load {
    struct inbox_reading *readings;
    struct journal_messages messages;
    struct arena arena;
};

static enum errc add_load(struct inbox *inbox, struct ingest *ingest, struct load *load,
                          struct moved *moved, struct err *err)
{
    enum errc code = ERR_OK;
    for (const struct inbox_reading *r = load->readings; r != NULL && code == ERR_OK; r = r->next) {
        moved->messages++;
        moved->bytes += r->bytes;
        moved->through = r->id;
        code = add_decoded(inbox, ingest, &r->decoded, r->received_ns, err);
    }
    for (size_t i = 0; i < load->messages.count && code == ERR_OK; i++) {
        const struct journal_message *const message = &load->messages.rows[i];
        moved->messages++;
        moved->bytes += (int64_t)journal_message_bytes(message);
        moved->through = message->id;
        code = add_message(inbox, ingest, message, &load->arena, moved, err);
    }
    return code;
}

/* A commit that finds the disk full in its middle costs opening the ledger anew: rather wait. */
static enum errc check_space(const struct inbox *inbox, const struct load *load, struct err *err)
{
    char path[PATH_BYTES_MAX];
    struct statvfs disk;
    int64_t needed = SPACE_BYTES_MIN;
    for (const struct inbox_reading *r = load->readings; r != NULL; r = r->next) {
        needed += 2 * r->bytes;
    }
    for (size_t i = 0; i < load->messages.count; i++) {
        needed += 2 * (int64_t)load->messages.rows[i].bytes.size;
    }
    snprintf(path, sizeof path, STR_FORMAT, STR_ARG(inbox->settings.home));
    if (statvfs(path, &disk) != 0) {
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if ((int64_t)disk.f_bavail * (int64_t)disk.f_frsize < needed) {
        return err_set(err, ERR_BUSY,
                       "%s has less than %lld MB of free disk: what was received waits in the "
                       "inbox until there is more",
                       path, (long long)(needed >> 20));
    }
    return ERR_OK;
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
    counts->outcomes_added += moved->summary.outcomes_added + moved->summary.candidates_added;
    counts->ledger_failing = false;
    inbox->moved_messages += moved->messages;
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
 * The readings of the messages that come next behind `after`, without a gap; NULL when the next
 * message is not among them, then `*out_before` is the id of the first that is.
 */
static struct inbox_reading *take_readings(struct inbox *inbox, int64_t after, size_t bytes_max,
                                           int64_t *out_before)
{
    struct inbox_reading *passed = NULL; /* moved from the journal meanwhile */
    struct inbox_reading *first = NULL;
    struct inbox_reading **end = &passed;
    int64_t bytes = 0;
    pthread_mutex_lock(&inbox->lock);
    struct inbox_reading *r = inbox->first_reading;
    for (; r != NULL && r->id <= after; r = r->next) {
        *end = r;
        end = &r->next;
    }
    *end = NULL;
    end = &first;
    for (; r != NULL && r->id == after + 1 && bytes < (int64_t)bytes_max; r = r->next) {
        *end = r;
        end = &r->next;
        after = r->id;
        bytes += r->bytes;
    }
    *end = NULL;
    inbox->first_reading = r;
    inbox->last_reading = r == NULL ? &inbox->first_reading : inbox->last_reading;
    *out_before = r == NULL ? INT64_MAX : r->id;
    pthread_mutex_unlock(&inbox->lock);
    inbox_free_readings(inbox, passed);
    return first;
}

/* What comes next behind `after`; ERR_NOT_FOUND when there is nothing. */
static enum errc find_load(const struct stepping *stepping, int64_t after, struct load *load,
                           struct err *err)
{
    struct inbox *const inbox = stepping->inbox;
    const bool one = stepping->one;
    const size_t bytes_max = stepping->hurries ? READ_BYTES_MAX : READ_GIVING_WAY_BYTES;
    int64_t before = INT64_MAX;
    load->readings = one ? NULL : take_readings(inbox, after, bytes_max, &before);
    if (load->readings != NULL) {
        return ERR_OK;
    }
    const enum errc code = journal_read(inbox->journal, after, one ? 1 : bytes_max, &load->arena,
                                        &load->messages, err);
    while (load->messages.count > 0 && load->messages.rows[load->messages.count - 1].id >= before) {
        load->messages.count--;
    }
    if (code != ERR_OK || load->messages.count > 0) {
        return code;
    }
    if (before == INT64_MAX) {
        return ERR_NOT_FOUND;
    }
    load->readings = take_readings(inbox, before - 1, bytes_max, &before); /* ids may have gaps */
    CHECK(load->readings != NULL);
    return ERR_OK;
}

/* What comes next behind moved->through into the open transaction; ERR_NOT_FOUND: nothing does. */
static enum errc move_load(const struct stepping *stepping, struct ingest *ingest,
                           struct moved *moved, struct err *err)
{
    struct inbox *const inbox = stepping->inbox;
    struct load load = {0};
    arena_init(&load.arena, ARENA_BYTES_MAX);
    enum errc code = find_load(stepping, moved->through, &load, err);
    if (code == ERR_OK) {
        code = check_space(inbox, &load, err);
    }
    if (code == ERR_OK) {
        code = add_load(inbox, ingest, &load, moved, err);
    }
    if (code == ERR_OK) {
        code = ingest_write(ingest, err);
    }
    inbox_free_readings(inbox, load.readings);
    arena_deinit(&load.arena);
    return code;
}

/* As much as is waiting, until it fills a transaction or, of who gives way, has taken long: who is
 * to be quick waits for its end. */
static enum errc move(const struct stepping *stepping, struct moved *moved, struct err *err)
{
    struct inbox *const inbox = stepping->inbox;
    struct ingest *ingest = NULL;
    const int64_t until_ns =
        stepping->hurries ? INT64_MAX : clock_monotonic_ns() + (int64_t)GIVING_WAY_MS * 1000000;
    pthread_mutex_lock(&inbox->book_lock);
    ingest_create(&ingest, inbox->settings.store, inbox->settings.book, STR("received"),
                  clock_now_ns());
    ingest_remember(ingest, inbox->resident);
    enum errc code = move_load(stepping, ingest, moved, err);
    while (code == ERR_OK && !stepping->one && ingest_is_writing(ingest) &&
           clock_monotonic_ns() < until_ns) {
        code = move_load(stepping, ingest, moved, err);
    }
    if (code == ERR_OK || (code == ERR_NOT_FOUND && moved->messages > 0)) {
        code = ingest_flush(ingest, err);
    }
    moved->summary = *ingest_summary(ingest);
    ingest_destroy(&ingest);
    pthread_mutex_unlock(&inbox->book_lock);
    return code;
}

/* Messages behind `after` into the ledger; ERR_NOT_FOUND when there are none. */
static enum errc move_on(struct stepping *stepping, struct err *err)
{
    struct inbox *const inbox = stepping->inbox;
    struct moved moved = {.through = stepping->after};
    enum errc code = move(stepping, &moved, err);
    if (stepping->one && is_theirs(code)) {
        inbox_tell(inbox, err->text);
        moved.summary = (struct ingest_summary){0};
        moved.unreadable = 1;
        code = ERR_OK;
    }
    if (code == ERR_OK) {
        stepping->after = moved.through;
        pthread_mutex_lock(&inbox->lock);
        count_moved(inbox, &moved);
        pthread_mutex_unlock(&inbox->lock);
    }
    return code;
}

/* Whether the ledger may be left in a state that is not to be gone on with. */
static bool is_breaking(enum errc code)
{
    return code != ERR_OK && code != ERR_NOT_FOUND && code != ERR_BUSY && !is_theirs(code);
}

/* move_on() with the store; context is the struct stepping. */
static void step(void *context)
{
    struct stepping *const stepping = context;
    struct inbox *const inbox = stepping->inbox;
    struct err *const err = &stepping->err;
    inbox_take_store(inbox);
    enum errc code = inbox->broken ? inbox_reopen(inbox, err) : ERR_OK;
    if (code == ERR_OK) {
        code = move_on(stepping, err);
        struct err again;
        if (is_breaking(code) && inbox_reopen(inbox, &again) != ERR_OK) { /* nobody is to read it */
            inbox_tell(inbox, again.text);
        }
    }
    inbox_give_store(inbox);
    stepping->code = code;
}

void *inbox_run_moving(void *context)
{
    struct inbox *const inbox = context;
    CHECK(inbox != NULL);
    processors_give_way(); /* what is sent is taken before what is taken is sorted in */
    struct stepping stepping = {.inbox = inbox};
    struct inbox_pace pace = {0};
    bool more = true;
    int64_t told_ns = 0;
    struct inbox_rest rest = {0};
    while (more) {
        stepping.err = (struct err){0};
        stepping.hurries = inbox_is_to_hurry(inbox, &pace);
        if (stepping.hurries) {
            inbox_hurry_run(&inbox->hurry, step, &stepping);
        } else {
            step(&stepping);
        }
        const enum errc code = stepping.code;
        const bool one = stepping.one = is_theirs(code);
        if (code == ERR_OK && rest.moved_ns == 0) {
            memory_drop_code(); /* of the questions that only the first move asks */
        }
        if (code == ERR_OK) {
            rest.owes_memory = rest.owes_code = true;
            rest.moved_ns = clock_monotonic_ns();
        }
        int64_t ask_ns = code == ERR_NOT_FOUND ? inbox_give_back(inbox, &rest) : INT64_MAX;
        pthread_mutex_lock(&inbox->lock);
        if (code == ERR_NOT_FOUND) {
            inbox->counts.ledger_failing = false;
            while (inbox->counts.waiting <= 0 && !inbox->closing && !inbox->broken) {
                if (ask_ns == INT64_MAX) {
                    pthread_cond_wait(&inbox->committed, &inbox->lock);
                } else if (!inbox_wait(&inbox->committed, &inbox->lock, ask_ns)) {
                    pthread_mutex_unlock(&inbox->lock);
                    ask_ns = inbox_give_back(inbox, &rest);
                    pthread_mutex_lock(&inbox->lock);
                }
            }
            more = inbox->counts.waiting > 0 || !inbox->closing;
            const int64_t until_ns = clock_monotonic_ns() + (int64_t)GATHER_MS * 1000000;
            while (more && !inbox->closing &&
                   inbox->counts.waiting_bytes < (int64_t)READ_BYTES_MAX &&
                   inbox_wait(&inbox->committed, &inbox->lock, until_ns)) {
            }
        } else if (code != ERR_OK && !one) {
            inbox->counts.ledger_failing = true;
            const int64_t until_ns = clock_monotonic_ns() + (int64_t)FAILED_WAIT_MS * 1000000;
            pthread_mutex_unlock(&inbox->lock);
            inbox_tell_seldom(inbox, &told_ns, stepping.err.text);
            pthread_mutex_lock(&inbox->lock);
            more = inbox->counts.waiting > 0 || !inbox->closing;
            while (more && !inbox->giving_up &&
                   inbox_wait(&inbox->committed, &inbox->lock, until_ns)) {
            }
        }
        more = more && !inbox->giving_up;
        pthread_mutex_unlock(&inbox->lock);
    }
    return NULL;
}
