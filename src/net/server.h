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

struct net_server;
struct net_reply;

enum { NET_LOOPS_MAX = 64, NET_FIELDS_MAX = 8 };

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

/* Valid during the handler only: what is needed later is to be copied. */
struct net_request {
    const struct http_head *head;
    struct str body;
    const char *peer; /* numeric address */
    bool peer_is_loopback;
};

struct net_response {
    int status;
    struct str content_type; /* empty: no body */
    struct str body;
    struct http_field fields[NET_FIELDS_MAX]; /* further ones, checked by nobody */
    size_t field_count;
    bool close; /* the connection, afterwards */
};

/* Called on a loop's thread. `reply` must be answered exactly once, now or later, from any
 * thread, also when the client has left meanwhile. */
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

/* New certificate and key from the files named at creation: connections from now on use them.
 * Errors: ERR_CONFIG; the old ones stay. */
MUST_CHECK enum errc net_server_reload(struct net_server *server, struct err *err);

/* Take no new connections and close idle ones; return when every answer that was owed is sent, or
 * after `wait_ms`. */
void net_server_drain(struct net_server *server, int wait_ms);
/* Close every connection and end the loops: no request is handled any more, so that what handlers
 * use may go. Answers that are still owed are to be sent, and heard by nobody. */
void net_server_stop(struct net_server *server);
void net_server_destroy(struct net_server **server);

/* Everything in `response` is borrowed during the call. */
void net_reply_send(struct net_reply *reply, const struct net_response *response);

struct net_counts {
    int64_t connections; /* open now */
    int64_t accepted;
    int64_t turned_away; /* beyond connections_max */
    int64_t requests;
    int64_t refused;    /* malformed, too large, too slow */
    int64_t held_bytes; /* of bodies now */
};
struct net_counts net_server_counts(const struct net_server *server);

#endif
