/* peer: the other side of net/ in its tests. A scripted server on blocking sockets, one thread a
 * connection; and calls whose outcome is waited for. */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/client.h"
#include "support/test.h"

enum { PEER_CONNECTIONS_MAX = 64, PEER_WAIT_MS = 60000, PEER_BODY_BYTES_MAX = 16 << 20 };

/* What it does with its index-th connection, which is closed when it returns. */
typedef void peer_script(int fd, int index);

struct peer {
    int fd;
    int port;
    peer_script *script;
    pthread_t thread;
    atomic_int accepted;
};

void peer_open(struct peer *peer, peer_script *script);
void peer_close(struct peer *peer);

/* A request, head and as much body as its Content-Length says; false when the client left. The
 * head (NUL-terminated) is in `peer_request` of this thread afterwards. */
extern _Thread_local char peer_request[65536];
bool peer_read_request(int fd);
/* False when the client has left. */
bool peer_put(int fd, struct str bytes);
bool peer_put_text(int fd, const char *text);
/* Whether the client closes within `wait_ms`; what it sends is read over. */
bool peer_sees_close(int fd, int wait_ms);
void peer_reset(int fd);
int64_t peer_now_ms(void);
void peer_sleep_ms(int ms);
int peer_dial(int port);
/* With the smallest receive buffer, so that a slow reader is felt at once. */
int peer_dial_narrow(int port);

/* A call and what became of it. Fill `request`; run; look. */
struct outcome {
    struct net_call_request request;
    struct net_client *client;
    struct net_loop *loop;
    bool pause_at_head;
    int cancel_at_piece; /* 0: never */
    int pause_at_piece;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct net_post post;
    struct net_call *call;
    int heads;
    int status;
    char fields[4096]; /* "name: value\n" … */
    size_t body_size;
    uint64_t body_hash;
    char body[4096]; /* its beginning */
    int pieces;
    char trailers[1024];
    bool ended;
    bool failed;
    bool cancelled;
    enum net_failure_kind kind;
    bool request_was_sent;
    char text[1024];
};

struct net_call_request peer_get(int port);
struct net_call_request peer_post(int port, const struct str *body);
void outcome_start(struct outcome *outcome, struct net_client *client, struct net_loop *loop,
                   struct net_call_request request);
/* False: it is not over after PEER_WAIT_MS. */
bool outcome_wait(struct outcome *outcome);
/* outcome_start() and outcome_wait(). */
bool outcome_run(struct outcome *outcome, struct net_client *client, struct net_loop *loop,
                 struct net_call_request request);
void outcome_resume(struct outcome *outcome);
bool outcome_failed_with(const struct outcome *outcome, enum net_failure_kind kind);

#endif
