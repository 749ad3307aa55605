/*
 * serve/serve: the parts of `bursar serve` and what they share.
 *
 *     net/ --serve_handle--> telemetry --ingest/inbox--> ledger
 *                       \--> questions --one thread, run_command_line()--> JSON
 *                       \--> health, metrics
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/app.h"
#include "ingest/inbox.h"
#include "model/settings.h"
#include "net/server.h"
#include "serve/auth.h"
#include "serve/gateway.h"
#include "wire/otlp.h"

enum {
    SERVE_TOKEN_BYTES = 32,
    SERVE_DECODERS_MAX = NET_LOOPS_MAX,
    SERVE_ACTOR_BYTES_MAX = 128,
    SERVE_LARGE_BYTES = 8 << 20,
};

struct control;
struct serve_question;

/* What waits for the ledger, and the thread that runs it: one reads, one writes. */
struct serve_questions {
    struct serve *serve;
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

/* The keys that open the server; keys.c. */
struct serve_keys {
    struct control *control; /* of the main thread, as all below but the table */
    pthread_rwlock_t lock;   /* of which table it is; a table itself never changes */
    struct serve_auth_table *table;
    int64_t changes;    /* of the store, when the table was read */
    int64_t flushed_ns; /* when uses were last noted, monotonic */
    bool failing;       /* the store could not be read the last time; that was told */
};

/* bursar.yaml and the price book over it, as they were when read; config.c. */
struct serve_config {
    struct arena arena;
    const struct settings *settings;
    const struct price_book *book;
    int holders; /* under config_lock; at 0 it is freed */
};

/* Figures of the ledger for the metrics, which a scan of it gives: taken now and then. */
struct serve_figures {
    int64_t calls;
    int64_t unattributed_calls;
    int64_t unpriced_calls;
    money_sum unattributed_pusd;
    int64_t measured_ns; /* monotonic; 0: not yet */
    int64_t took_ns;
};

/* How many files may be open, and what they are for. */
struct serve_files {
    int open_max;
    int sockets;     /* of clients and upstreams together */
    int connections; /* of clients */
};

struct serve {
    const struct app *app;
    struct store *writer;        /* the inbox's */
    struct store *reader;        /* the question thread's; NULL while the ledger cannot be opened */
    pthread_mutex_t reader_lock; /* held while it is used */
    struct inbox *inbox;
    struct net_server *net;
    struct serve_gateway gateway;
    struct net_server *commands; /* plain, on loopback, for commands, where `net` is not; or NULL */
    struct serve_keys keys;
    pthread_mutex_t config_lock;
    struct serve_config *config; /* replaced by SIGHUP */
    atomic_bool require_keys;
    bool listen_given; /* --listen: the file's does not count */
    struct serve_questions questions;
    struct text description;        /* OpenAPI, written once at the start */
    struct serve_questions changes; /* commands that write, with the store of the inbox */
    pthread_mutex_t figures_lock;
    struct serve_figures figures;
    bool figures_asked;   /* somebody is taking them */
    atomic_bool stopping; /* what takes long ends as soon as it can */
    char host[64];        /* of the address listened on */
    char token[2 * SERVE_TOKEN_BYTES +
               1];          /* hexadecimal: who can read serve.json may run commands */
    int connections_wanted; /* by the configuration */
    struct serve_files files;
    int64_t started_ns;
    atomic_bool ready;
    pthread_mutex_t decoders_lock;             /* guards the next four */
    struct serve_rules *rules;                 /* in force */
    struct otlp *decoders[SERVE_DECODERS_MAX]; /* idle ones */
    size_t decoder_count;
    atomic_bool large_under_way; /* see unpack.c */
    _Atomic int64_t records_accepted;
    _Atomic int64_t records_rejected;
    _Atomic int64_t unauthorized; /* requests answered with 401 */
    _Atomic int64_t forbidden;    /* and with 403, for a role or a page */
    _Atomic int64_t outcomes_accepted;
    _Atomic int64_t outcomes_rejected;
    struct control *trail; /* the audit trail; the moving thread's, NULL until it writes one */
};

/*
 * Serve until a signal says to end. Blocks SIGTERM, SIGINT and SIGHUP of this process.
 *
 * listen  HOST:PORT in place of the configuration's; NULL: as that says.
 *
 * Errors: those of the configuration, the ledger and the inbox; ERR_USAGE, ERR_CONFIG and ERR_IO
 *         of what is listened on.
 */
MUST_CHECK enum errc serve_run(struct app *app, const char *listen, struct err *err);

/* A line for the operator, on standard error; context is the struct serve. */
void serve_tell(void *context, const char *text);

/* Every request; a net_handler. */
void serve_handle(void *context, const struct net_request *request, struct net_reply *reply);
/* Those of commands on this machine, to the port that is theirs; a net_handler. */
void serve_handle_commands(void *context, const struct net_request *request,
                           struct net_reply *reply);

/* ---- files.c */

/* Raise the limit of open files for so many connections, and those to upstreams where there are
 * some; what it allows. */
struct serve_files serve_raise_files(const struct settings *settings, int connections);
/* Say on standard error when it allows few of those that were wanted, and what to do. */
void serve_tell_files(const struct serve_files *files, int wanted);

/* ---- guard.c */

/* Whether the host field names this server. */
bool serve_is_addressed(const struct serve *serve, const struct net_request *request);
/* Whether a page of another server sent it. */
bool serve_is_of_page(const struct serve *serve, const struct net_request *request);

/* ---- otlp.c */

/* Whether the path is one of OTLP's; then it is answered. */
bool serve_otlp(struct serve *serve, const struct net_request *request,
                const struct serve_caller *caller, struct net_reply *reply);
/* Answer 401 or 403 in OTLP's words. */
void serve_otlp_refuse(const struct net_request *request, int status, const char *message,
                       struct net_reply *reply);
/* Of inbox_settings; context is the struct serve. */
enum errc serve_decode(void *context, const struct journal_message *message, struct arena *arena,
                       struct inbox_decoded *out, struct err *err);

/* ---- context.c */

/* What of a request's head is kept with its body: baggage, Bursar's own headers, and those that
 * rules name; and what its key stands for. */
void serve_context(const struct correlation *correlation, const struct http_head *head,
                   const struct serve_caller *caller, struct text *out);

/* ---- body.c */

/* Whether a content-type, without its parameters, is `type`. */
bool serve_is_type(struct str value, struct str type);

/* ---- unpack.c */

/* Before more than SERVE_LARGE_BYTES of one request are read: *turn is whether it has the turn.
 * Errors: ERR_BUSY  another has it. */
MUST_CHECK enum errc serve_take_turn(struct serve *serve, size_t size, bool *turn, struct err *err);
void serve_end_turn(struct serve *serve, bool *turn);
/* Unpack gzip; `out` must be large enough for its first OTLP_REQUEST_BYTES_MAX + 1 bytes.
 * Errors: ERR_SYNTAX, ERR_LIMIT, ERR_BUSY. */
MUST_CHECK enum errc serve_unpack(struct serve *serve, struct str packed, struct text *out,
                                  bool *turn, struct err *err);

/* ---- outcomes.c */

/* Of messages in the journal, beside those of OTLP, which are smaller. */
enum { SERVE_KIND_OUTCOMES = 100 };

/* POST /api/v1/outcomes; true: it is answered, now or later. */
bool serve_outcomes(struct serve *serve, const struct net_request *request,
                    const struct serve_caller *caller, struct net_reply *reply);
/* A message of that kind. */
MUST_CHECK enum errc serve_decode_outcomes(const struct journal_message *message,
                                           struct arena *arena, struct inbox_decoded *out,
                                           struct err *err);
/* Of inbox_settings; context is the struct serve. */
enum errc serve_audit(void *context, const struct inbox_decoded *decoded, int64_t received_ns,
                      struct err *err);
/* Who sent the request, for the audit trail: "key d3b831a48ced agents", "http 127.0.0.1". Returns
 * `text`. */
struct str serve_actor(const struct net_request *request, const struct serve_caller *caller,
                       char text[static SERVE_ACTOR_BYTES_MAX]);

/* ---- questions.c */

void serve_questions_start(struct serve *serve);
/* Have serve_figures_take() called; false: too much is waiting. */
bool serve_questions_ask_figures(struct serve *serve);
/* Answers what is asked, then ends. */
void serve_questions_stop(struct serve *serve);

/* ---- ask.c */

/* GET or, of commands that write, POST /api/v1/<command>?name=value; POST /api/v1/run; true: it is
 * answered, now or later. */
bool serve_ask(struct serve *serve, const struct net_request *request,
               const struct serve_caller *caller, struct net_reply *reply);

/* ---- keys.c, on the main thread but for the last two */

MUST_CHECK enum errc serve_keys_open(struct serve *serve, struct err *err);
void serve_keys_close(struct serve *serve);
/* See whether the store's keys have changed; cheap when not. reopen: read them in any case. */
void serve_keys_follow(struct serve *serve, bool reopen);
/* Whether any key is good now. */
bool serve_keys_open_anything(struct serve *serve);
/* serve_auth_check() with the keys as they are now. */
int serve_keys_check(struct serve *serve, const struct net_request *request, bool is_gateway,
                     struct serve_caller *out_caller, const char **out_why);
/* What the caller's key stands for, as the arena's own; false: it is full. From any thread. */
bool serve_copy_binding(const struct serve_caller *caller, struct arena *arena,
                        struct journal_binding *out);

/* ---- config.c */

MUST_CHECK enum errc serve_config_open(struct serve *serve, struct err *err);
void serve_config_close(struct serve *serve);
/* SIGHUP: read the file anew; what is wrong in it is told, and then nothing changes. */
void serve_config_reload(struct serve *serve);
/* What holds now, until it is given back; from any thread. */
const struct serve_config *serve_config_take(struct serve *serve);
/* The same of one that is held already. */
void serve_config_hold(struct serve *serve, const struct serve_config *config);
void serve_config_give(struct serve *serve, const struct serve_config *config);
struct net_limits serve_net_limits(const struct settings *settings);
struct inbox_limits serve_inbox_limits(const struct settings *settings);

/* ---- notify.c */

/* Tell systemd, where it asked for that. */
void serve_notify(const char *state);

/* ---- openapi.c */

/* GET /api/v1/openapi.json. */
void serve_openapi(struct serve *serve, const struct net_request *request,
                   const struct serve_caller *caller, struct net_reply *reply);

/* ---- figures.c */

/* The figures as they were taken last; when they are old, they are taken anew meanwhile. */
struct serve_figures serve_figures(struct serve *serve);
/* On the thread of questions, with its store. */
void serve_figures_take(struct serve *serve, struct arena *arena);

/* ---- metrics.c */

/* OpenMetrics 1.0 text of the server's own health. */
void serve_metrics(struct serve *serve, struct text *out);

/* Answer with {"error": {"code", "message"}}. */
void serve_refuse(struct net_reply *reply, int status, const char *message);

#endif
