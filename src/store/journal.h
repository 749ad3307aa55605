/*
 * journal: messages received and not yet in the ledger, in files that are only written at their
 * end and synced with every append, so that what was acknowledged survives a crash.
 *
 *     batch of messages --journal_append--> acknowledged --journal_read--> ledger
 *                                                 removed <--journal_append----/
 *
 * A message leaves only after the ledger has committed it; reading it twice is harmless because
 * every row of the ledger has an identity. One thread appends and removes, one reads at the same
 * time; what is removed must not be asked for again. One process at a time: whoever opens it holds
 * the ledger of the same home. The files are described in journal_priv.h.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct journal;

/* What the sender's key stands for, each empty where it stands for none; kept with the message, so
 * that reading it after a crash gives the same. */
struct journal_binding {
    struct str workflow;
    struct str team;
    struct str user;
};

struct journal_message {
    int64_t id;   /* ascending by one in order of acceptance; given by journal_append */
    int64_t kind; /* what `bytes` are; the caller's own numbers, not negative */
    int64_t received_ns;
    struct str bytes;
    struct journal_binding binding;
    struct str context; /* what came with them, the caller's own; may be empty */
};

static inline size_t journal_message_bytes(const struct journal_message *message)
{
    return message->bytes.size + message->context.size;
}

struct journal_messages {
    const struct journal_message *rows; /* by id; owned by the arena */
    size_t count;
};

struct journal_size {
    int64_t messages;
    int64_t bytes; /* of messages */
};

/*
 * Open the folder `inbox` in `home`, which is there, making it; what an older version left in
 * inbox.sqlite is taken over.
 *
 * Errors: ERR_UNSUPPORTED  made by a newer version. ERR_STORE  damaged before its end (a tail that
 *         was cut off by a crash is no damage), or not writable.
 */
MUST_CHECK enum errc journal_open(struct str home, struct journal **out, struct err *err);
void journal_close(struct journal **journal);

/*
 * Write messages; on ERR_OK they are on the disk.
 *
 * messages        [count] borrowed; on ERR_OK their ids are set. None: only what is removed is
 *                 written.
 * remove_through  messages up to this id are removed, as they are not needed any more; after a
 *                 crash some of them may be there again. 0: none.
 *
 * Errors: ERR_STORE. Then none of them is there.
 */
MUST_CHECK enum errc journal_append(struct journal *journal, struct journal_message *messages,
                                    size_t count, int64_t remove_through, struct err *err);

/* The next messages behind id `after`: at least one if there is any, else as many as fit
 * `bytes_max`. Errors: ERR_STORE; ERR_LIMIT when one message does not fit the arena. */
MUST_CHECK enum errc journal_read(struct journal *journal, int64_t after, size_t bytes_max,
                                  struct arena *arena, struct journal_messages *out,
                                  struct err *err);

typedef enum errc (*journal_visit)(void *context, struct str bytes, struct err *err);
/*
 * Visit the messages of that kind which are there and not removed, in no order, without opening the
 * journal: another process may be writing it. What it takes meanwhile may be missing, and what it
 * removes meanwhile be visited. A home without a journal has none.
 *
 * Errors: ERR_USAGE; whatever `visit` returned.
 */
MUST_CHECK enum errc journal_look(struct str home, int64_t kind, journal_visit visit, void *context,
                                  struct err *err);

/* What is there. Not while another thread appends. */
struct journal_size journal_measure(struct journal *journal);

#endif
