/*
 * gateway_priv: an exchange, the steps it goes through, and what they share.
 *
 *     READ -> ADMIT -> (recorded) -> FORWARD -> RELAY -> SETTLE -> (recorded) -> END
 *               ^                                         |
 *               +-- the next try of the chain ------------+
 *
 * Holds and postings are recorded together when the loop's turn is over, before anything that was
 * written in it is sent (record.c). One file a step. A step does its work and names the next one;
 * WAIT is left by an event of the upstream, the client or a timer.
 */
#ifndef GATEWAY_GATEWAY_PRIV_H
#define GATEWAY_GATEWAY_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/rng.h"
#include "gateway/gateway.h"
#include "wire/provider.h"

enum {
    GATEWAY_ID_BYTES = 24, /* "req_" and 20 digits of base 32 */
    GATEWAY_MESSAGE_BYTES = 512,
    GATEWAY_REASON_BYTES = 2 * PROVIDER_NAME_BYTES_MAX,
    GATEWAY_AFTER_BYTES_MAX = PROVIDER_NAME_BYTES_MAX + 64,
    GATEWAY_NAMES_MAX = 8, /* further ones of a model that limits name it by */
    /* org, team, workflow, key, user, model by both of its names, and by those */
    GATEWAY_SCOPE_COUNT = 7 + GATEWAY_NAMES_MAX,
    GATEWAY_BREAKERS_MAX = 256,
    GATEWAY_IDS_SEEN_MAX = 1 << 16,
    GATEWAY_POOL_MAX = 256,            /* idle exchanges a loop keeps */
    GATEWAY_KEPT_BYTES_MAX = 16 << 10, /* of a text of one of them */
    GATEWAY_MEMO_BYTES_MAX = 4 << 20,
    GATEWAY_OWED_MS = 500, /* then a disk that refused a posting is asked again */
};

_Static_assert((int)GATEWAY_SCOPE_COUNT <= (int)HOLD_SCOPES_MAX, "a hold takes them all");

enum gateway_step {
    GATEWAY_READ,
    GATEWAY_ADMIT,
    GATEWAY_FORWARD,
    GATEWAY_UNRECORDED, /* the disk refused its hold */
    GATEWAY_WAIT,       /* for its hold to be recorded, then for the upstream */
    GATEWAY_SETTLE,
    GATEWAY_END,
    GATEWAY_STEP_COUNT,
};

struct gateway_upstream {
    struct str name;
    enum provider_dialect dialect;
    struct net_target target;
    struct str path; /* of the base URL, without a '/' at its end */
    struct str provider;
    enum service_tier default_tier;
    char secret[GATEWAY_SECRET_BYTES_MAX + 1]; /* a whole field's value */
    size_t secret_size;
};

/* Calls to one model of one upstream: closed while they go well, open after some that did not. */
struct gateway_breaker {
    uint64_t key;         /* hash of upstream and model; 0: free */
    _Atomic int failures; /* one after the other */
    _Atomic int64_t open_until_ns;
};

/* Clients of which upstreams a route and its models are for: bit per upstream. */
struct gateway_rule {
    uint64_t model;
    uint64_t under_pressure;
    uint64_t fallback[GATEWAY_CHAIN_MAX - 1];
};
_Static_assert(GATEWAY_UPSTREAMS_MAX <= 64, "a bit for each");

/* A model as a limit names it, where the price book names it otherwise. */
struct gateway_name {
    struct str limit;
    struct str model;
    const struct gateway_upstream *upstream; /* whose prices know both */
};

struct gateway_table {
    uint64_t number; /* of the gateway's tables, from 1; a book is known by it */
    const struct settings *settings;
    const struct price_book *book;
    struct gateway_upstream upstreams[GATEWAY_UPSTREAMS_MAX];
    size_t upstream_count;
    struct gateway_rule *rules; /* [settings->routes.count] */
    struct gateway_name *names; /* [name_count] owned */
    size_t name_count;
    bool keeps_bodies;     /* those of some workflow */
    _Atomic int64_t users; /* the gateway and exchanges */
    void (*released)(void *context);
    void *context;
};

/* What a loop's exchanges share, so that none allocates or locks. */
struct gateway_loop {
    struct gateway *gateway;
    struct net_loop *loop;
    struct json_parser *parser;
    struct arena memo_arena;
    struct price_memo *memo;
    uint64_t memo_number; /* of the table whose book `memo` is of; 0: none */
    char message[GATEWAY_MESSAGE_BYTES];
    struct exchange *idle;
    int idle_count;
    struct exchange *unrecorded; /* that wait for their hold to be recorded, first one first */
    struct exchange **unrecorded_end;
    struct net_turn turn;   /* records what its callbacks have changed */
    struct net_timer again; /* where the disk refused */
    struct exchange *owing; /* over for their clients, not yet for the budget */
    uint64_t sequence;      /* of request ids */
    struct rng rng;         /* of waits */
};

struct gateway_refusals;

struct gateway {
    struct gateway_settings settings;
    pthread_mutex_t lock; /* of `table` and the ids */
    struct gateway_table *table;
    uint64_t tables;
    struct gateway_refusals *refusals;
    struct gateway_breaker breakers[GATEWAY_BREAKERS_MAX];
    /* Ids of responses of late: one that comes again does not name a call. */
    uint64_t *ids;     /* [2 * GATEWAY_IDS_SEEN_MAX] open addressing */
    uint64_t *ids_old; /* the generation before */
    size_t id_count;
    _Atomic int64_t captured_bytes; /* of streams whose bodies are kept */
    struct gateway_loop loops[NET_LOOPS_MAX];
    struct {
        _Atomic int64_t requests;
        _Atomic int64_t under_way;
        _Atomic int64_t forwarded;
        _Atomic int64_t refused;
        _Atomic int64_t unrecorded;
        _Atomic int64_t failed;
        _Atomic int64_t left;
        _Atomic int64_t metered;
        _Atomic int64_t estimated;
        _Atomic int64_t estimated_pusd;
        _Atomic int64_t unseen_pusd;
        _Atomic int64_t unmetered;
        _Atomic int64_t unpriced;
        _Atomic int64_t tripped;
    } counts;
};

/* Whose call it is. */
struct gateway_who {
    struct provider_text workflow;
    struct provider_text case_id;
    struct provider_text attempt;
    int64_t attempt_number;
    struct provider_text input_key;
    struct provider_text team;
    struct provider_text user;
    struct provider_text key;
    struct provider_text agent;
    struct provider_text session; /* of the program that asks, as its telemetry names it */
    struct provider_text trace;
    bool is_session;
    bool is_program; /* the workflow is the program's name */
    bool has_attempt;
};

/* A model of the chain and where it is served. */
struct gateway_candidate {
    struct str model; /* of the settings; empty: as asked */
    const struct gateway_upstream *upstream;
    const char *why;
};

/* How a try ended. */
enum gateway_end {
    END_NONE,
    END_WHOLE,  /* the reply came whole */
    END_ERROR,  /* the provider answered with an error */
    END_FAILED, /* no answer, or it broke off */
    END_LEFT,   /* the client went, and the upstream was cancelled */
    END_NOT_STARTED,
};

/* How a body is compressed. */
enum gateway_packing {
    PACKING_NONE,
    PACKING_ZLIB,  /* gzip or deflate */
    PACKING_OTHER, /* cannot be read here */
};

struct gateway_unpacker;
struct gateway_capture;

struct exchange {
    struct gateway_loop *home;
    struct gateway_table *table;
    const struct net_request *request;
    struct net_reply *reply;
    enum gateway_step step;
    char id[GATEWAY_ID_BYTES + 1];
    char *message; /* of an error, for the client: the loop's, said and used within one step */

    /* READ */
    bool is_packed;
    enum provider_dialect dialect; /* of the client */
    enum provider_api api;
    struct str path; /* behind the version, with the query */
    const struct gateway_upstream *asked;
    struct gateway_who who;
    bool sent_secret;
    bool has_body; /* a JSON object was read */
    bool is_stream;
    bool asks_usage;
    const char *output_names[3];
    int64_t output_max;
    bool is_output_unsure;
    bool is_job; /* work that is done later: nobody sees its cost */
    int64_t choices;
    int64_t input_tokens_max;
    uint32_t input_classes;
    bool output_audio;
    bool is_background;
    int64_t web_searches_max;
    const char *unbounded;
    enum service_tier tier;
    bool is_open_tier; /* the upstream's default one may serve it */
    struct provider_text geo;
    struct provider_text model;      /* as asked */
    enum provider_method method;     /* of Gemini's; with one, no other model can be asked for */
    struct str path_model;           /* that the path names */
    struct gateway_capture *capture; /* NULL: its bodies are not kept */

    /* ADMIT */
    const struct settings_route *route;
    size_t
        passed_over; /* number of the first route that fits and is not for this client; 0: none */
    struct gateway_candidate chain[GATEWAY_CHAIN_MAX];
    size_t chain_count;
    size_t chain_at;
    int try_number;
    int retries_left;
    int64_t begun_ns;   /* of the first try, monotonic */
    int64_t wait_ms;    /* that the last answer asked for; -1: it did not */
    int64_t output_set; /* bound of the output that is written into the body; 0: none */
    int64_t output_all; /* the most that may come out, of all choices; -1: nobody bounds it */
    uint64_t hold;      /* 0: none is open */
    int64_t held_pusd;
    bool is_unpriced;
    enum hold_cause cause; /* of a cost above the hold */
    bool is_free;          /* nothing is charged for it */
    bool is_pressed;       /* the model of the route's under_pressure is in use */
    bool is_limited;
    money_sum remaining_pusd;

    /* FORWARD */
    struct str sent; /* the body that goes out */
    bool is_edited;  /* it is `body` */
    struct net_call *call;
    struct net_timer timer;
    int64_t started_ns; /* wall clock; the hold's instant, so that both have one price */

    /* the upstream's reply */
    int status;
    bool is_events;     /* a stream of server-sent events */
    bool begun;         /* the client has the head */
    bool is_buffered;   /* the body is kept until it is whole, so that its cost can go before it */
    bool hides_usage;   /* the chunk with the usage is not for the client */
    bool events_lost;   /* an event was too large to be read */
    bool has_left;      /* the client */
    bool is_unrecorded; /* its hold; nothing is forwarded yet */
    bool is_paused;
    enum gateway_end end;
    enum net_failure_kind failure; /* END_FAILED */
    bool was_sent;                 /* some of the request, so that something may be charged */
    enum gateway_packing packing;
    struct gateway_unpacker *unpacker; /* of a stream; NULL: none */
    struct sse sse;
    struct provider_reply metered;
    struct provider_text alias; /* the provider's id of the request */
    uint64_t sent_aliases[2];   /* hashes of what the client calls it; 0: nothing */
    int64_t received_bytes;

    /* the end of the hold */
    bool owes; /* it could not be recorded yet */
    bool is_void;
    struct hold_settlement settlement;
    struct exchange *next; /* idle, unrecorded, or owing */

    /* Not zeroed when one is used again: what comes first and the memory of the texts stay. */
    struct text body;  /* changed; empty: as sent */
    struct text plain; /* the request's body unpacked; empty: it came plain */
    struct text head;  /* fields kept with `buffered`: name, NUL, value, NUL … */
    struct text buffered;
    struct text record;        /* of the call, until the budget has it */
    struct text raw_usage;     /* as the reply tells it */
    struct text after;         /* how the try before it ended; empty: the first */
    struct provider_seen seen; /* what came out, until it is known to be counted */
};

/* ---- exchange.c */

/* Go on until the exchange waits or is over. */
void exchange_run(struct exchange *exchange, enum gateway_step step);
/* To the idle ones. */
void exchange_give(struct exchange *exchange);

/* ---- read.c */

/* The request's body as it is read: plain. */
struct str gateway_body(const struct exchange *exchange);

/* ---- one step each */

enum gateway_step gateway_read(struct exchange *exchange);
enum gateway_step gateway_admit(struct exchange *exchange);
enum gateway_step gateway_forward(struct exchange *exchange);
enum gateway_step gateway_settle(struct exchange *exchange);
enum gateway_step gateway_unrecorded(struct exchange *exchange);

/* ---- cost.c: what a try has used, and what that costs */

struct gateway_settled {
    struct usage usage;
    bool has_usage;
    bool is_estimated;
    bool is_charged; /* the provider may charge something */
    bool has_cost;
    int64_t cost_pusd;
    uint64_t price_id;
    struct str provider; /* as the price book names it, where a price was found */
    struct str model;    /* that the price was found for, else that served */
};
void gateway_cost(struct exchange *exchange, struct gateway_settled *out);
/* A price to look up, and the memo of that exchange's book. */
struct price_memo *gateway_memo(struct exchange *exchange);
/* The posting in place of the hold, with the record for the ledger. False: it is owed. */
bool gateway_post(struct exchange *exchange, const struct gateway_settled *settled);

/* That served the call, as told, else as agreed or asked for. */
enum service_tier gateway_tier(const struct exchange *exchange);
/* Whether the model searches the web in each call, and is paid for that by the call.
 * Source: OpenAI's guide to web search, on search models in chat completions. */
bool gateway_always_searches(struct str model);

/* ---- post.c: the end of a hold, recorded */

/*
 * The cost in place of the hold, if there is one, together with exchange->record, which is given
 * up. settlement NULL: it cost nothing. out may be NULL.
 *
 * False: the disk refuses. Then the exchange owes it, and is kept until it is recorded.
 */
bool gateway_end_hold(struct exchange *exchange, const struct hold_settlement *settlement,
                      struct hold_settled *out);
/* Nothing more is to be done for the client: kept, if something is owed; else it may go. */
bool gateway_keep_owing(struct exchange *exchange);
/* When no loop runs any more: once more, and then what is owed stays held until the next start
 * charges it. */
void gateway_drop_owing(struct gateway_loop *home);

/* ---- record.c: what was changed in a turn, with one write */

void gateway_record_open(struct gateway_loop *home);
/* When no loop runs any more. */
void gateway_record_close(struct gateway_loop *home);
/* Something has changed: at the end of the turn it is recorded. */
void gateway_record_soon(struct gateway_loop *home);
/* Now, because what is told of it is sent before the turn is over. */
void gateway_record_now(struct gateway_loop *home);
/* Once its hold is recorded the exchange goes on to FORWARD; else to UNRECORDED. */
enum gateway_step gateway_record_hold(struct exchange *exchange);

/* ---- relay.c: from the upstream to the client */

extern const struct net_call_events gateway_call_events;
extern const struct net_reply_events gateway_reply_events;
/* The end of the client's reply: what was kept goes out with its cost before it, a stream ends, or
 * breaks off as the upstream's did. */
void gateway_finish(struct exchange *exchange, int64_t cost_pusd, bool has_cost);
/* Whether another try could follow, of this model or the next. */
bool gateway_may_retry(const struct exchange *exchange);

/* ---- wait.c */

/* What a failure says of when to come again; one that says too late, or never, ends the retries of
 * this model. */
void gateway_heed(struct exchange *exchange, const struct http_response_head *head);
/* Before the next retry of this model. */
int64_t gateway_wait_ms(struct exchange *exchange);

/* ---- capture.c: bodies that are kept */

/* Whether its workflow keeps them. */
void gateway_capture_begin(struct exchange *exchange);
/* The rest of one that is captured. */
void gateway_capture_piece(struct exchange *exchange, struct str piece);
void gateway_capture_name(struct exchange *exchange, struct str identity);
void gateway_capture_again(struct exchange *exchange);
void gateway_capture_end(struct exchange *exchange);
/* Of any. */
void gateway_capture_drop(struct exchange *exchange);

/* ---- forward.c */

/* The member that bounds the output in a body of that API; NULL: there is none. */
const char *gateway_output_name(enum provider_api api);

/* ---- unpack.c */

/* Of a Content-Encoding field. */
enum gateway_packing gateway_packing_of(struct str field);

/* Errors: ERR_SYNTAX  it is not what it says. ERR_LIMIT  more than the limit of `out`, or far more
 * than came. */
MUST_CHECK enum errc gateway_unpack(struct str packed, struct text *out, struct err *err);

struct gateway_unpacker *gateway_unpacker_create(void);
void gateway_unpacker_destroy(struct gateway_unpacker **unpacker);
/* The next plain bytes, in `out`; `piece` is moved behind what was taken. Empty: more is needed, or
 * it failed. */
struct str gateway_unpacker_next(struct gateway_unpacker *unpacker, struct str *piece, char *out,
                                 size_t out_size);
bool gateway_unpacker_failed(const struct gateway_unpacker *unpacker);

/* ---- route.c */

/* Sets exchange->passed_over. */
const struct settings_route *gateway_route(struct exchange *exchange);
/* The models to try, in order. */
void gateway_chain(struct exchange *exchange);
/* Whether calls of that candidate are given up for now. */
bool gateway_is_open(struct gateway *gateway, const struct gateway_candidate *candidate,
                     struct str model, int64_t now_ns);
void gateway_note_result(struct gateway *gateway, const struct gateway_candidate *candidate,
                         struct str model, bool went_well, int64_t now_ns);
struct str gateway_model(const struct exchange *exchange);
/* Why that one. */
void gateway_reason(const struct exchange *exchange, char out[static GATEWAY_REASON_BYTES]);

/* ---- serves.c: which clients a route is for */

void gateway_rule_make(const struct gateway_table *table, const struct settings_route *route,
                       struct gateway_rule *out);
bool gateway_route_is_for(const struct exchange *exchange, const struct settings_route *route);
/* Of exchange->route. */
bool gateway_fallback_is_for(const struct exchange *exchange, size_t number);
bool gateway_pressed_is_for(const struct exchange *exchange);

/* ---- who.c */

void gateway_who_read(const struct net_request *request, const struct gateway_caller *caller,
                      struct gateway_who *out);
/* What the body says where nothing stronger did. */
void gateway_who_body(const struct provider_request *body, struct gateway_who *io);
/* A case for what names none. */
void gateway_who_complete(struct exchange *exchange);

/* ---- refuse.c: errors in the client's dialect */

enum gateway_refusal {
    REFUSE_BODY,      /* 400 */
    REFUSE_MONEY,     /* 402, or 429 */
    REFUSE_PEOPLE,    /* 403: this work stays with people */
    REFUSE_NOT_FOUND, /* 404 */
    REFUSE_TOO_LARGE, /* 413 */
    REFUSE_UPSTREAM,  /* 502 */
    REFUSE_RECORD,    /* 503: nothing was forwarded */
    REFUSE_OPEN,      /* 503: the circuit is open */
    REFUSE_TIMEOUT,   /* 504 */
    REFUSE_COUNT,
};

/* Sets exchange->message, cut to its room. */
void gateway_say(struct exchange *exchange, const char *format, ...) PRINTF_LIKE(2, 3);
/* The body of an answer that refuses: exchange->message, as the client's SDK reads it. */
void gateway_refusal_body(const struct exchange *exchange, enum gateway_refusal refusal,
                          struct text *out);
/* Answer and end; exchange->message says what and how to mend it. */
enum gateway_step gateway_refuse(struct exchange *exchange, enum gateway_refusal refusal);
/* The same with a status, a wait (empty: none) and fields of its own. */
enum gateway_step gateway_refuse_with(struct exchange *exchange, enum gateway_refusal refusal,
                                      int status, struct str retry_after,
                                      const struct http_field *more, size_t more_count);

/* ---- refusals.c: on record */

/* Of a rule, to refuse a call. All borrowed, `choice` for good. */
struct gateway_decision {
    const char *choice; /* "refused", "stays with people" */
    const char *rule;
    const char *reason;
    int64_t wanted_pusd; /* the most the call could cost; -1: not known */
};

struct gateway_refusals *gateway_refusals_create(void);
void gateway_refusals_destroy(struct gateway_refusals **refusals);
void gateway_record_refusal(const struct exchange *exchange,
                            const struct gateway_decision *decision);

/* ---- refuse_money.c */

/* A limit binds. */
enum gateway_step gateway_refuse_money(struct exchange *exchange,
                                       const struct hold_refusal *refusal);
/* Nobody knows what the call may cost, exchange->message says why, and a limit refuses: its hold is
 * released. */
enum gateway_step gateway_refuse_unpriced(struct exchange *exchange);
/* Whether the client is not to learn the amounts of budgets. */
bool gateway_hides_amounts(const struct exchange *exchange);

/* ---- names.c */

/* table->names, of its upstreams and the limits of its settings. Errors: ERR_CONFIG. */
MUST_CHECK enum errc gateway_names_make(struct gateway_table *table, struct err *err);

/* ---- table.c */

struct gateway_table *gateway_table_use(struct gateway *gateway);
void gateway_table_release(struct gateway_table *table);

#endif
