/*
 * app/serve: the parts of `bursar serve` and what they share.
 *
 *     net/ --serve_handle--> telemetry --ingest/inbox--> ledger
 *                       \--> questions --one thread, run_command_line()--> JSON
 *                       \--> health, metrics
 */
#ifndef APP_SERVE_H
#define APP_SERVE_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/app.h"
#include "ingest/inbox.h"
#include "net/server.h"
#include "wire/otlp.h"

enum { SERVE_TOKEN_BYTES = 32, SERVE_DECODERS_MAX = NET_LOOPS_MAX, SERVE_LARGE_BYTES = 8 << 20 };

struct serve_question;

/* What waits to be answered from the ledger. */
struct serve_questions {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    struct serve_question *first;
    struct serve_question **last;
    int waiting;
    bool closing;
    _Atomic int64_t answered;
    _Atomic int64_t turned_away;
};

struct serve {
    const struct app *app;
    struct store *writer;        /* the inbox's */
    struct store *reader;        /* the question thread's; NULL while the ledger cannot be opened */
    pthread_mutex_t reader_lock; /* held while it is used */
    struct inbox *inbox;
    struct net_server *net;
    struct serve_questions questions;
    char host[64]; /* of the address listened on */
    char token[2 * SERVE_TOKEN_BYTES +
               1]; /* hexadecimal: who can read serve.json may run commands */
    int connections_max;
    int64_t started_ns;
    atomic_bool ready;
    pthread_mutex_t decoders_lock;
    struct otlp *decoders[SERVE_DECODERS_MAX]; /* idle ones */
    size_t decoder_count;
    atomic_bool large_under_way; /* see serve_unpack.c */
    _Atomic int64_t records_accepted;
    _Atomic int64_t records_rejected;
};

/* Every request; a net_handler. */
void serve_handle(void *context, const struct net_request *request, struct net_reply *reply);

/* ---- serve_files.c */

/* Raise the limit of open files for so many connections; how many it allows. */
int serve_raise_files(int connections);
/* Say on standard error when they are few, and what to do. */
void serve_tell_files(int connections);

/* ---- serve_guard.c */

/* Whether the host field names this server. */
bool serve_is_addressed(const struct serve *serve, const struct net_request *request);
/* Whether a page of another server sent it. */
bool serve_is_of_page(const struct serve *serve, const struct net_request *request);

/* ---- serve_otlp.c */

/* Whether the path is one of OTLP's; then it is answered. */
bool serve_otlp(struct serve *serve, const struct net_request *request, struct net_reply *reply);
/* Of inbox_settings; context is the struct serve. */
enum errc serve_decode(void *context, const struct journal_message *message, struct arena *arena,
                       struct inbox_decoded *out, struct err *err);
struct otlp *serve_take_decoder(struct serve *serve);
/* `size` is of what it decoded. */
void serve_give_decoder(struct serve *serve, struct otlp *decoder, size_t size);

/* ---- serve_unpack.c */

/* Before more than SERVE_LARGE_BYTES of one request are read: *turn is whether it has the turn.
 * Errors: ERR_BUSY  another has it. */
MUST_CHECK enum errc serve_take_turn(struct serve *serve, size_t size, bool *turn, struct err *err);
void serve_end_turn(struct serve *serve, bool *turn);
/* Unpack gzip; `out` must be large enough for its first OTLP_REQUEST_BYTES_MAX + 1 bytes.
 * Errors: ERR_SYNTAX, ERR_LIMIT, ERR_BUSY. */
MUST_CHECK enum errc serve_unpack(struct serve *serve, struct str packed, struct text *out,
                                  bool *turn, struct err *err);

/* ---- serve_questions.c */

void serve_questions_start(struct serve *serve);
/* Answers what is asked, then ends. */
void serve_questions_stop(struct serve *serve);
/* GET /api/v1/<command>?name=value and POST /api/v1/run; true: it is answered, now or later. */
bool serve_question(struct serve *serve, const struct net_request *request,
                    struct net_reply *reply);

/* ---- serve_metrics.c */

/* OpenMetrics 1.0 text of the server's own health. */
void serve_metrics(struct serve *serve, struct text *out);

/* Answer with {"error": {"code", "message"}}. */
void serve_refuse(struct net_reply *reply, int status, const char *message);

#endif
