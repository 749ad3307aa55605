/*
 * net/client: HTTP/1.1 calls to other servers, on the loops of net/loop.h.
 *
 *     request --net_call_start--> pool of connections --> on_head, on_body …, on_end | on_error
 *
 * Connections are kept per loop and target, and are the loop's alone. A call is made, paused and
 * cancelled on its loop's thread, and all its callbacks run there. What two readers could take
 * differently in a response is NET_MALFORMED, never repaired. Bodies pass as they are, compressed
 * ones too; redirects are answers like any other.
 *
 * When a call is made twice: never, but for one case. A kept connection may be closed by the other
 * side just when it is used again. Then the call is made once more on a fresh connection if our
 * kernel had not taken a single byte of it, or if its method is safe (GET, HEAD, OPTIONS) and not a
 * byte of an answer came. A POST of which a byte was sent is never repeated here: nothing that a
 * client can see (acknowledgements included: a reset does not carry them) proves that it was not
 * read. `request_was_sent` of the failure tells the caller, who may know better.
 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "net/http.h"
#include "net/loop.h"

struct net_client;
struct net_call;

enum {
    NET_HOST_BYTES_MAX = 253,
    NET_TARGETS_MAX = 1024, /* known to one loop; idle ones make room */
    NET_BODY_PIECES_MAX = 8,
    NET_CALL_FIELDS_MAX = HTTP_FIELDS_MAX + 8, /* those of a request that is passed on, and some */
    NET_PIECE_BYTES_MAX = 16 << 10,            /* of a response's body, given at once */
};

/* Strings are borrowed until net_client_destroy; NULL or "": none. */
struct net_client_settings {
    const char *ca_file;     /* PEM: trusted beside the system's authorities */
    bool only_ca_file;       /* and not the system's */
    const char *http_proxy;  /* "http://[user:password@]host[:port]", as in HTTP_PROXY */
    const char *https_proxy; /* for https targets, which are reached by CONNECT */
    const char *no_proxy;    /* "localhost,.example.com,10.0.0.0/8,*", as in NO_PROXY */
    int connections_max;     /* to one target, on one loop; beyond: calls wait for one */
    int waiting_max;         /* calls that wait, to one target, on one loop; beyond: NET_BUSY */
    int kept_max;            /* idle connections to one target, on one loop */
    int kept_ms_max;         /* idle; less when the server says so (Keep-Alive: timeout=) */
    int age_ms_max;          /* of a connection that is used again, so that names are looked up */
};
extern const struct net_client_settings net_client_settings_default;

/*
 * loops  borrowed; not started yet, or started.
 *
 * Errors: ERR_CONFIG  the file of authorities or a proxy cannot be used; the text says which.
 */
MUST_CHECK enum errc net_client_create(struct net_loops *loops,
                                       const struct net_client_settings *settings,
                                       struct net_client **out, struct err *err);
/* Read the authorities that TLS trusts, which else the first call over TLS waits for. From any
 * thread. */
void net_client_prepare_tls(struct net_client *client);
/* When the loops are stopped. Calls that are under way fail with NET_STOPPED. */
void net_client_destroy(struct net_client **client);

struct net_target {
    bool tls;
    struct str host; /* a name or a numeric address without brackets */
    int port;
    struct str tls_name; /* the certificate's name when it is not `host`; else empty */
};

/*
 * "https://api.example.com[:port][/path]" as it stands in a configuration.
 *
 * out_path  what follows the port without a '/' at its end; may be empty. All borrowed from `url`.
 *
 * Errors: ERR_SYNTAX; the text says what a URL looks like.
 */
MUST_CHECK enum errc net_target_parse(struct str url, struct net_target *out, struct str *out_path,
                                      struct err *err);

/* All at least 1 ms, but that 0 means no limit in all. */
struct net_deadlines {
    int connect_ms;    /* name, TCP, proxy and TLS together, and waiting for a free connection */
    int first_byte_ms; /* from when it is sent to the first byte of the head */
    int idle_ms;       /* between two bytes of the answer, while it is not paused */
    int64_t total_ms;  /* of the call */
};
extern const struct net_deadlines net_deadlines_default;

struct net_call_request {
    struct net_target target;
    struct str method;
    struct str path; /* with the query; begins with '/' */
    /* In this order. What frames a message (Host, Connection, Content-Length, Transfer-Encoding,
     * Expect …: http_is_framing()) is left out here and written by the client itself. */
    const struct http_field *fields;
    size_t field_count;     /* 0..NET_CALL_FIELDS_MAX */
    const struct str *body; /* pieces, sent one behind the other; borrowed until the call is over */
    size_t body_count;
    struct net_deadlines deadlines;
};

enum net_failure_kind {
    NET_UNRESOLVED,         /* the name is unknown, or the resolver does not answer */
    NET_UNREACHABLE,        /* no address accepts a connection */
    NET_PROXY_REFUSED,      /* the proxy does not connect us */
    NET_TLS_UNTRUSTED,      /* chain, date or host name of the certificate */
    NET_TLS_FAILED,         /* any other failure of the handshake */
    NET_CONNECT_TIMEOUT,    /* connect_ms */
    NET_BUSY,               /* waiting_max */
    NET_FIRST_BYTE_TIMEOUT, /* first_byte_ms */
    NET_IDLE_TIMEOUT,       /* idle_ms */
    NET_TOTAL_TIMEOUT,      /* total_ms */
    NET_RESET_BEFORE_HEAD,  /* closed before the head was whole */
    NET_RESET_IN_BODY,      /* closed before the body was whole */
    NET_MALFORMED,          /* no HTTP, or not unambiguous, or beyond a limit */
    NET_STOPPED,            /* net_client_destroy */
    NET_FAILURE_COUNT,
};
const char *net_failure_name(enum net_failure_kind kind); /* "connect_timeout"; static */

struct net_failure {
    enum net_failure_kind kind;
    bool request_was_sent; /* some of it: the other side may have acted on it */
    const char *text;      /* names the host and what to mend */
};

/*
 * on_head, then on_body as often as needed, then on_end; or on_error at any point, the last one.
 * on_end and on_error end the call: `call` is gone when they begin. None of them runs inside
 * net_call_start. In each of them the call may be paused or cancelled, and others be started.
 *
 * head      borrowed during the callback. 1xx heads are skipped.
 * piece     not empty, at most NET_PIECE_BYTES_MAX, borrowed during the callback.
 * trailers  fields behind a chunked body; often none.
 */
struct net_call_events {
    void (*on_head)(void *context, const struct http_response_head *head);
    void (*on_body)(void *context, struct str piece);
    void (*on_end)(void *context, const struct http_field *trailers, size_t trailer_count);
    void (*on_error)(void *context, const struct net_failure *failure);
};

/*
 * Begin a call. All in `request` but the body is copied.
 *
 * loop    one of the client's; this is its thread.
 * events  borrowed until the call is over; static, as a rule.
 */
struct net_call *net_call_start(struct net_client *client, struct net_loop *loop,
                                const struct net_call_request *request,
                                const struct net_call_events *events, void *context);

/* Nothing more is called back; the connection is closed at once, so that the server notices. */
void net_call_cancel(struct net_call *call);

/* Whether some of the request has gone out: the other side may act on it. */
bool net_call_was_sent(const struct net_call *call);

/* While paused nothing is read and no idle time counts: at most one piece more than was given is
 * in memory. Nothing is given until resumed, on_end included; on_error still may be. Resuming
 * calls nothing back itself. */
void net_call_pause(struct net_call *call);
void net_call_resume(struct net_call *call);

struct net_client_counts {
    int64_t calls;
    int64_t connections;        /* open now */
    int64_t connections_opened; /* in all */
    int64_t reused;             /* calls on a kept connection */
    int64_t repeated;           /* calls made once more on a fresh connection */
    int64_t failures[NET_FAILURE_COUNT];
};
/* From any thread. */
struct net_client_counts net_client_counts(const struct net_client *client);

#endif
