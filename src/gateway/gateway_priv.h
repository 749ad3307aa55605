/*
 * gateway_priv: the steps an exchange goes through, and what they share.
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
#include "gateway/exchange_priv.h"
#include "gateway/gateway.h"
#include "gateway/table_priv.h"

enum {
    GATEWAY_MESSAGE_BYTES = 512,
    GATEWAY_REASON_BYTES = 4 * PROVIDER_NAME_BYTES_MAX,
    GATEWAY_NOTE_BYTES = GATEWAY_REASON_BYTES + 512, /* on the row */
    GATEWAY_AFTER_BYTES_MAX = PROVIDER_NAME_BYTES_MAX + 64,
    GATEWAY_NAMES_MAX = 8, /* further ones of a model that limits name it by */
    /* org, team, workflow, key, user, model by both of its names, and by those */
    GATEWAY_SCOPE_COUNT = 7 + GATEWAY_NAMES_MAX,
    GATEWAY_BREAKERS_MAX = 256,
    GATEWAY_IDS_SEEN_MAX = 1 << 16,
    GATEWAY_POOL_MAX = 256,            /* idle exchanges a loop keeps */
    GATEWAY_KEPT_BYTES_MAX = 16 << 10, /* of a text of one of them */
    GATEWAY_MEMO_BYTES_MAX = 4 << 20,
    GATEWAY_BACKGROUND_S = 86400, /* then what is worked on in the background is charged as held */
    GATEWAY_OWED_MS = 500,        /* then a disk that refused a posting is asked again */
};

_Static_assert((int)GATEWAY_SCOPE_COUNT <= (int)HOLD_SCOPES_MAX, "a hold takes them all");

/* Calls to one model of one upstream: closed while they go well, open after some that did not. */
struct gateway_breaker {
    uint64_t key;         /* hash of upstream and model; 0: free */
    _Atomic int failures; /* one after the other */
    _Atomic int64_t open_until_ns;
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
struct gateway_background;

struct gateway {
    struct gateway_settings settings;
    pthread_mutex_t lock; /* of `table` and the ids */
    struct gateway_table *table;
    uint64_t tables;
    struct gateway_refusals *refusals;
    struct gateway_background *background;
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
    bool is_unseen;  /* and nobody saw what it was for */
    bool goes_on;    /* its hold is kept until a later reply tells */
    bool lacks_fee;  /* the cost is without that of its searches: nobody has its price */
    bool has_cost;
    bool has_least;
    int64_t least_pusd; /* of what nobody saw: its input alone, by estimate */
    int64_t cost_pusd;
    uint64_t price_id;
    struct str provider; /* as the price book names it, where a price was found */
    struct str model;    /* that the price was found for, else that served */
};
void gateway_cost(struct exchange *exchange, struct gateway_settled *out);
/* A price to look up, and the memo of that exchange's book. */
struct price_memo *gateway_memo(struct exchange *exchange);
/* The call's row as it stands in the inbox; sets exchange->identity. */
void gateway_write_record(struct exchange *exchange, const struct gateway_settled *settled,
                          struct text *out);
/* The posting in place of the hold, with the record for the ledger. False: it is owed. */
bool gateway_post(struct exchange *exchange, const struct gateway_settled *settled);

/* That served the call, as told, else as agreed or asked for. */
enum service_tier gateway_tier(const struct exchange *exchange);
/* Whether the model searches the web in each call, and is paid for that by the call.
 * Source: OpenAI's guide to web search, on search models in chat completions. */
bool gateway_always_searches(struct str model);

/* ---- background.c: responses whose usage a later reply tells */

struct gateway_background *gateway_background_create(void);
void gateway_background_destroy(struct gateway_background **background);
/* Keep the hold of a try that goes on at the provider, and its row. False: it is to be settled. */
bool gateway_background_keep(struct exchange *exchange, struct gateway_settled *settled);
/* Whether one goes on. */
bool gateway_background_any(const struct gateway *gateway);

/* Who fetches a response that somebody else may have begun. */
struct gateway_asker {
    struct gateway_who who;
    char id[GATEWAY_ID_BYTES + 1];
};
/* Whether the reply, to a request that is free itself, tells what one used: then the exchange is
 * the try that began it, until gateway_background_done(). */
bool gateway_background_find(struct exchange *exchange, struct gateway_asker *out);
void gateway_background_done(struct exchange *exchange, const struct gateway_asker *asker);

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

/* ---- owner.c */

/* Whether the caller may call for the workflow it names: its key is bound to a team which that
 * workflow is not of, nor open to. Keys of no team, and those bound to a workflow, may. */
bool gateway_is_of_another_team(const struct exchange *exchange);
enum gateway_step gateway_refuse_team(struct exchange *exchange);

/* ---- refuse.c: errors in the client's dialect */

enum gateway_refusal {
    REFUSE_BODY,      /* 400 */
    REFUSE_MONEY,     /* 402, or 429 */
    REFUSE_PEOPLE,    /* 403: this work stays with people */
    REFUSE_TEAM,      /* 403: this workflow is another team's */
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

#endif
