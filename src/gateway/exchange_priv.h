/*
 * gateway/exchange_priv: a call from its first byte to the end of its hold, in one struct.
 *
 * What a step of gateway_priv.h finds out stands under the step's name; later steps read it.
 */
#ifndef GATEWAY_EXCHANGE_PRIV_H
#define GATEWAY_EXCHANGE_PRIV_H

#include "gateway/gateway.h"
#include "gateway/table_priv.h"
#include "model/hold.h"
#include "wire/provider.h"

enum { GATEWAY_ID_BYTES = 24 }; /* "req_" and 20 digits of base 32 */

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
    bool is_of_team; /* the key is bound to a team, and to no workflow */
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

struct gateway_loop;
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
    bool is_later;      /* its reply settles a try that began earlier */
    bool is_paused;
    enum gateway_end end;
    enum net_failure_kind failure; /* END_FAILED */
    bool was_sent;                 /* some of the request, so that something may be charged */
    enum gateway_packing packing;
    struct gateway_unpacker *unpacker; /* of a stream; NULL: none */
    struct sse sse;
    struct provider_reply metered;
    struct provider_text alias;    /* the provider's id of the request */
    struct provider_text identity; /* that its row is known by */
    uint64_t sent_aliases[2];      /* hashes of what the client calls it; 0: nothing */
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
    struct text record;                         /* of the call, until the budget has it */
    struct text raw_usage;                      /* as the reply tells it */
    struct text after;                          /* how the try before it ended; empty: the first */
    struct provider_seen seen;                  /* what came out, until it is known to be counted */
    char pressed_by[HOLD_SCOPE_BYTES_MAX + 64]; /* is_pressed: which budget, and what it says */
};

/* ---- exchange.c */

/* Go on until the exchange waits or is over. */
void exchange_run(struct exchange *exchange, enum gateway_step step);
/* To the idle ones. */
void exchange_give(struct exchange *exchange);

#endif
