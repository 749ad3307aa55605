/*
 * net/stream_priv: one nonblocking socket of a loop, plain or TLS, with what waits on either side.
 *
 *     kernel --recv--> input (borrowed scratch, kept when it is left) --owner
 *     owner --stream_put--> output --send, once a callback--> kernel
 *
 * An idle stream holds no memory but itself.
 */
#ifndef NET_STREAM_PRIV_H
#define NET_STREAM_PRIV_H

#include <openssl/ssl.h>

#include "net/buffer_priv.h"
#include "net/loop_priv.h"

enum stream_end {
    STREAM_CLOSED, /* the other side said that it sends no more */
    STREAM_CUT,    /* TLS only: it ended without saying so inside TLS */
    STREAM_RESET,
};

/* What its owner does. In each the stream may be closed. */
struct stream_use {
    /* TLS only, before anything else: hands are shaken. */
    void (*secured)(void *owner);
    /* There is input, or more of it; take what can be used with stream_take(). */
    void (*input)(void *owner);
    /* Some output has left; all of it when stream_unsent() is 0. Or `send_failed`. */
    void (*output)(void *owner);
    /* No more input will come; what is there can still be taken. Once. */
    void (*ended)(void *owner, enum stream_end how);
};

struct stream {
    struct net_loop *loop; /* NULL: closed */
    int fd;
    SSL *ssl; /* NULL: plain */
    struct event readable;
    struct event writable;
    bool reading; /* wanted by the owner */
    bool read_armed;
    bool write_armed;
    bool handshaking;
    bool read_wants_write; /* what TLS may do in a renegotiation */
    bool again;            /* `input` is to be called, whatever there is */
    bool has_ended;
    bool send_failed;
    bool wants_output; /* `output` is to be called when the kernel takes more */
    bool is_unsent_listed;
    int error;          /* errno of the end */
    int64_t sent;       /* bytes the kernel took, in all */
    size_t read_max;    /* bytes taken from the kernel at once */
    struct buffer kept; /* input that was left */
    struct str view;    /* input in the scratch, during a callback */
    bool view_is_scratch;
    struct buffer output;
    const struct stream_use *use;
    void *owner;
    struct stream *next_unsent;
};

/*
 * Take over a nonblocking, connected socket. Nothing is read before stream_read(true), but for a
 * handshake.
 *
 * ssl  owned by the stream from now on; its side (connect or accept) is set.
 */
void stream_open(struct stream *stream, struct net_loop *loop, int fd, SSL *ssl, size_t read_max,
                 const struct stream_use *use, void *owner);
/* TLS from now on, over what is a plain stream without input or output. */
void stream_secure(struct stream *stream, SSL *ssl);
void stream_close(struct stream *stream);
void stream_read(struct stream *stream, bool on);
/* Call `input` (or `ended`) again soon for what is left there. */
void stream_again(struct stream *stream);

struct str stream_input(const struct stream *stream);
void stream_take(struct stream *stream, size_t size);

/* Sent when the callback is over. */
void stream_put(struct stream *stream, struct str bytes);
/* The same for much: what the kernel takes at once is not copied. */
void stream_put_much(struct stream *stream, struct str bytes);
/* Call `output` when the others on the loop had their turn. */
void stream_want_output(struct stream *stream);
static inline size_t stream_unsent(const struct stream *stream)
{
    return stream->output.size;
}
/* Whether an idle stream still is what it was: nothing arrived, the other side did not close. */
bool stream_is_silent(struct stream *stream);

/* Until all is sent, or there is something to be done before the rest is: see net_turn_set(). */
void stream_flush_all(struct net_loop *loop);

/* ---- between stream.c and stream_send.c ---- */

void stream_arm_write(struct stream *stream, bool wanted);
/* Send what waits. Returns whether there was progress or the end of it. */
bool stream_flush(struct stream *stream);
/* Off the loop's list of those with something to send. */
void stream_unlist(struct stream *stream);

#endif
