/*
 * net/server: an HTTP/1.1 server: loops on threads of their own, one handler for every request.
 *
 *     sockets --loops, net/http.h--> struct net_request --handler--> net_reply_send() --> sockets
 *
 * A loop owns its connections. One request of a connection is handled at a time: a pipelined one
 * waits in the socket. Every wait has a deadline and every buffer a limit, so that a client can
 * neither hold a connection for ever nor make memory grow.
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "base/text.h"
#include "net/http.h"
#include "net/loop.h"

struct net_server;
struct net_reply;

enum {
    NET_FIELDS_MAX = 64,
    NET_UNSENT_BYTES_HIGH = 16 << 10, /* of a streamed reply: beyond, wait for `writable` */
    NET_UNSENT_BYTES_LOW = 4 << 10,   /* `writable` */
};

struct net_limits {
    size_t body_bytes_max; /* of one request, as sent */
    size_t held_bytes_max; /* arrived of all requests that are read or handled; beyond: 503 */
    int connections_max;   /* beyond: closed at once */
    int head_ms_max;       /* from the first byte of a head to its last */
    int body_ms_max;       /* from the head to the last byte of the body */
    int idle_ms_max;       /* between two requests */
    int write_ms_max;      /* without the client taking a byte */
};
extern const struct net_limits net_limits_default;

struct net_settings {
    const char *address; /* "127.0.0.1", "::" */
    int port;            /* 0: any free one */
    int loops;           /* 1..NET_LOOPS_MAX */
    struct net_limits limits;
    const char *certificate; /* PEM files; NULL: no TLS */
    const char *private_key;
};

/* Valid, with all it points to, until the reply is answered (net_reply_send, _end or _abort), also
 * when the client has left meanwhile. */
struct net_request {
    const struct http_head *head; /* NULL after net_reply_forget_head */
    struct str body;
    const char *peer; /* numeric address */
    bool peer_is_loopback;
};

struct net_response {
    int status;
    struct str content_type; /* empty: no body */
    struct str body;
    struct http_field fields[NET_FIELDS_MAX]; /* further ones; framing ones are left out */
    size_t field_count;
    bool close; /* the connection, afterwards */
};

/* Called on a loop's thread. `reply` must be answered exactly once, now or later, also when the
 * client has left meanwhile: by net_reply_send from any thread, or on the loop's by begin, write …
 * and end (or abort). */
typedef void net_handler(void *context, const struct net_request *request, struct net_reply *reply);

/*
 * Listen, without serving yet.
 *
 * context  borrowed until net_server_destroy.
 *
 * Errors: ERR_IO      the address cannot be listened on; the text says why.
 *         ERR_CONFIG  the certificate or key cannot be used.
 */
MUST_CHECK enum errc net_server_create(const struct net_settings *settings, net_handler *handler,
                                       void *context, struct net_server **out, struct err *err);
int net_server_port(const struct net_server *server);
void net_server_start(struct net_server *server);

/* New certificate and key, of a server that was created with some: connections from now on use
 * them. Errors: ERR_CONFIG; the old ones stay. */
MUST_CHECK enum errc net_server_reload(struct net_server *server, const char *certificate,
                                       const char *private_key, struct err *err);
/* New limits, for what begins from now on. */
void net_server_limit(struct net_server *server, const struct net_limits *limits);

/* Take no new connections and close idle ones; return when every answer that was owed is sent, or
 * after `wait_ms`. */
void net_server_drain(struct net_server *server, int wait_ms);
void net_server_destroy(struct net_server **server);

/* End the loops' threads and close all connections; who still owes a reply is told `left`. The
 * loops stay, so that net_client_destroy can follow, and then net_server_destroy. */
void net_server_stop(struct net_server *server);
struct net_loops *net_server_loops(struct net_server *server);

/* A whole answer. Everything in `response` is borrowed during the call. */
void net_reply_send(struct net_reply *reply, const struct net_response *response);

/*
 * A streamed answer, on the loop's thread (net_reply_loop). What is written within one callback
 * leaves in one piece when the callback returns, so the first event of a stream does at once.
 */
struct net_reply_events {
    void (*writable)(void *context); /* what is unsent fell below NET_UNSENT_BYTES_LOW */
    void (*left)(void *context);     /* the client has gone, or half-closed; it is told once */
};

struct net_reply_head {
    int status;
    struct str reason;               /* empty: the usual one */
    const struct http_field *fields; /* in this order; framing ones are left out */
    size_t field_count;              /* at most HTTP_FIELDS_MAX */
    int64_t length;                  /* of the body; -1: not known, it is sent in chunks */
    bool close;                      /* the connection, afterwards */
};

struct net_loop *net_reply_loop(const struct net_reply *reply);
/* Inside the handler only. From now on the client is watched, also before the head is sent. In
 * `left` and afterwards the reply is still to be ended (or aborted); what is written to it is
 * dropped. events  borrowed until the reply is answered; static, as a rule. */
void net_reply_watch(struct net_reply *reply, const struct net_reply_events *events, void *context);
/* On the loop's thread: the request's head is looked at no more, its body may be. Of an answer that
 * takes long this is worth doing: a head takes more than all else of it. */
void net_reply_forget_head(struct net_reply *reply);
/* Everything in `head` is borrowed during the call. */
void net_reply_begin(struct net_reply *reply, const struct net_reply_head *head);
/* False: more is unsent than NET_UNSENT_BYTES_HIGH; take no more from where it comes until
 * `writable`. The piece is taken nevertheless. An empty one does nothing. */
bool net_reply_write(struct net_reply *reply, struct str piece);
/* The body is whole. Trailers are sent behind chunks only. */
void net_reply_end(struct net_reply *reply, const struct http_field *trailers,
                   size_t trailer_count);
/* The body never will be whole: what was written is sent, then the connection is closed in a way
 * that the client can tell from a whole body. Before net_reply_begin: closed without an answer. */
void net_reply_abort(struct net_reply *reply);
/* Bytes that the client has not taken yet. */
size_t net_reply_unsent(const struct net_reply *reply);

struct net_counts {
    int64_t connections; /* open now */
    int64_t accepted;
    int64_t turned_away; /* beyond connections_max, or the sockets of the loops */
    int64_t requests;
    int64_t refused;    /* malformed, too large, too slow */
    int64_t held_bytes; /* of bodies now */
};
struct net_counts net_server_counts(const struct net_server *server);

#endif
