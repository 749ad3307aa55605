#include "net/stream_priv.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/check.h"

static void arm_read(struct stream *s)
{
    const bool wanted = (s->reading || (s->handshaking && !s->write_armed)) && !s->has_ended &&
                        !s->read_wants_write;
    if (wanted != s->read_armed) {
        CHECK((wanted ? event_add(&s->readable, NULL) : event_del(&s->readable)) == 0);
        s->read_armed = wanted;
    }
}

void stream_arm_write(struct stream *s, bool wanted)
{
    CHECK(s != NULL);
    if (wanted != s->write_armed) {
        CHECK((wanted ? event_add(&s->writable, NULL) : event_del(&s->writable)) == 0);
        s->write_armed = wanted;
    }
}

static void end(struct stream *s, enum stream_end how)
{
    if (!s->has_ended) {
        s->has_ended = true;
        arm_read(s);
        s->use->ended(s->owner, how);
    }
}

/* ---- Input ------------------------------------------------------------------------------------
 */

/* What the kernel (or TLS) gives: bytes > 0, 0 nothing now, -1 the end, told in `out_how`. */
static ssize_t receive(struct stream *s, char *data, size_t size, enum stream_end *out_how)
{
    if (s->ssl == NULL) {
        const ssize_t got = recv(s->fd, data, size, 0);
        if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
            return got > 0 ? got : 0;
        }
        s->error = got < 0 ? errno : 0;
        *out_how = got == 0 ? STREAM_CLOSED : STREAM_RESET;
        return -1;
    }
    ERR_clear_error();
    errno = 0;
    const int got = SSL_read(s->ssl, data, (int)size);
    if (got > 0) {
        return got;
    }
    const int why = SSL_get_error(s->ssl, got);
    s->read_wants_write = why == SSL_ERROR_WANT_WRITE;
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        return 0;
    }
    s->error = errno;
    *out_how = why == SSL_ERROR_ZERO_RETURN ? STREAM_CLOSED
               : why == SSL_ERROR_SYSCALL   ? STREAM_RESET
               : ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING
                   ? STREAM_CUT
                   : STREAM_RESET;
    ERR_clear_error();
    return -1;
}

struct str stream_input(const struct stream *stream)
{
    CHECK(stream != NULL);
    return stream->view_is_scratch ? stream->view : buffer_str(&stream->kept);
}

void stream_take(struct stream *stream, size_t size)
{
    CHECK(stream != NULL);
    if (stream->view_is_scratch) {
        CHECK(size <= stream->view.size);
        stream->view = (struct str){stream->view.data + size, stream->view.size - size};
    } else {
        buffer_take(stream->loop, &stream->kept, size);
    }
}

/* Read once into the scratch, behind what was kept, show it, keep what is left. */
static void read_once(struct stream *s)
{
    struct net_loop *const loop = s->loop;
    CHECK(!loop->scratch_is_used);
    enum stream_end how = STREAM_CLOSED;
    const bool again = s->again;
    s->again = false;
    const size_t kept = s->kept.size;
    CHECK(kept < LOOP_SCRATCH_BYTES);
    const size_t size =
        s->read_max < LOOP_SCRATCH_BYTES - kept ? s->read_max : LOOP_SCRATCH_BYTES - kept;
    ssize_t got = s->has_ended || !s->reading ? 0 : receive(s, loop->scratch + kept, size, &how);
    if (got > 0 && s->ssl != NULL) { /* a TLS record holds less than is read at once */
        const size_t room = size - (size_t)got;
        const ssize_t more = room > 0 ? receive(s, loop->scratch + kept + got, room, &how) : 0;
        got += more > 0 ? more : 0;
    }
    if (kept > 0) {
        memcpy(loop->scratch, s->kept.data + s->kept.start, kept);
        buffer_clear(loop, &s->kept);
    }
    const size_t all = kept + (got > 0 ? (size_t)got : 0);
    if (all > 0 || again) {
        loop->scratch_is_used = true;
        s->view = (struct str){loop->scratch, all};
        s->view_is_scratch = true;
        s->use->input(s->owner);
        loop->scratch_is_used = false;
        s->view_is_scratch = false;
        if (s->loop != NULL) {
            buffer_add(loop, &s->kept, s->view);
        }
    }
    if (s->loop != NULL && got < 0) {
        end(s, how);
    }
}

static void shake_hands(struct stream *s)
{
    ERR_clear_error();
    errno = 0;
    s->again = false;
    const int done = SSL_do_handshake(s->ssl);
    const int why = done == 1 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, done);
    if (done == 1) {
        s->handshaking = false;
        stream_arm_write(s, s->output.size > 0);
        arm_read(s);
        s->use->secured(s->owner);
        return;
    }
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        stream_arm_write(s, why == SSL_ERROR_WANT_WRITE);
        arm_read(s);
        return;
    }
    s->error = errno;
    s->has_ended = true;
    stream_arm_write(s, false);
    arm_read(s);
    s->use->ended(s->owner, STREAM_RESET); /* the reason is in OpenSSL's queue of errors */
    ERR_clear_error();
}

static void on_readable(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    struct stream *const s = context;
    struct net_loop *const loop = s->loop;
    loop_enter(loop);
    if (s->handshaking) {
        shake_hands(s);
    } else {
        read_once(s);
        if (s->loop != NULL && s->ssl != NULL && s->reading && SSL_pending(s->ssl) > 0) {
            stream_again(s); /* TLS holds bytes that the kernel will not speak of */
        }
        if (s->loop != NULL) {
            arm_read(s);
            stream_arm_write(s, s->write_armed || s->read_wants_write);
        }
    }
    loop_leave(loop);
}

void stream_read(struct stream *stream, bool on)
{
    CHECK(stream != NULL);
    CHECK(stream->loop != NULL);
    if (stream->reading != on) {
        stream->reading = on;
        arm_read(stream);
        if (on && stream->ssl != NULL && !stream->handshaking && SSL_pending(stream->ssl) > 0) {
            stream_again(stream);
        }
    }
}

void stream_again(struct stream *stream)
{
    CHECK(stream != NULL);
    CHECK(stream->loop != NULL);
    stream->again = true;
    event_active(&stream->readable, EV_READ, 0);
}

static void on_writable(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    struct stream *const s = context;
    struct net_loop *const loop = s->loop;
    loop_enter(loop);
    if (s->handshaking) {
        shake_hands(s);
    } else {
        if (s->read_wants_write) {
            s->read_wants_write = false;
            stream_again(s);
        }
        const bool wanted = s->wants_output;
        s->wants_output = false;
        if ((stream_flush(s) || wanted) && !s->is_unsent_listed) {
            s->use->output(s->owner);
        }
        if (s->loop != NULL) {
            arm_read(s);
        }
    }
    loop_leave(loop);
}

/* ---- Life -------------------------------------------------------------------------------------
 */

void stream_open(struct stream *stream, struct net_loop *loop, int fd, SSL *ssl, size_t read_max,
                 const struct stream_use *use, void *owner)
{
    CHECK(stream != NULL);
    CHECK(loop != NULL);
    CHECK(fd >= 0);
    CHECK(use != NULL);
    *stream =
        (struct stream){.loop = loop, .fd = fd, .read_max = read_max, .use = use, .owner = owner};
    event_assign(&stream->readable, loop->base, fd, EV_READ | EV_PERSIST, on_readable, stream);
    event_assign(&stream->writable, loop->base, fd, EV_WRITE | EV_PERSIST, on_writable, stream);
    if (ssl != NULL) {
        stream_secure(stream, ssl);
    }
}

void stream_secure(struct stream *stream, SSL *ssl)
{
    CHECK(stream != NULL);
    CHECK(stream->ssl == NULL);
    CHECK(stream->output.size == 0);
    CHECK(SSL_set_fd(ssl, stream->fd) == 1);
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS);
    stream->ssl = ssl;
    stream->handshaking = true;
    arm_read(stream);
    stream_again(stream); /* a client speaks first */
}

void stream_close(struct stream *stream)
{
    CHECK(stream != NULL);
    if (stream->loop == NULL) {
        return;
    }
    stream_unlist(stream);
    event_del(&stream->readable);
    event_del(&stream->writable);
    if (stream->ssl != NULL) {
        if (!stream->handshaking && !stream->send_failed) {
            ERR_clear_error();
            (void)SSL_shutdown(stream->ssl); /* says that this is the end; no answer is awaited */
        }
        SSL_free(stream->ssl);
        ERR_clear_error();
    }
    close(stream->fd);
    buffer_clear(stream->loop, &stream->kept);
    buffer_clear(stream->loop, &stream->output);
    stream->loop = NULL;
}

bool stream_is_silent(struct stream *stream)
{
    CHECK(stream != NULL);
    CHECK(stream->loop != NULL);
    char byte;
    if (stream->has_ended || stream->send_failed || stream->kept.size > 0) {
        return false;
    }
    const ssize_t got = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (got == 0 || stream->ssl == NULL) {
        return false;
    }
    ERR_clear_error(); /* TLS: session tickets come when they like */
    const int seen = SSL_peek(stream->ssl, &byte, 1);
    const bool silent = seen <= 0 && SSL_get_error(stream->ssl, seen) == SSL_ERROR_WANT_READ;
    ERR_clear_error();
    return silent;
}
