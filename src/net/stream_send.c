/* What a stream sends: at the end of a turn of the loop, or when the kernel takes more. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <openssl/err.h>

#include "base/check.h"
#include "net/stream_priv.h"

enum { MUCH_BYTES_MIN = 32 << 10, TLS_PIECE_BYTES_MAX = 16 << 10 };

/* How many bytes were taken: of `first`, then of `second`. -1: the other side takes no more. */
static ssize_t transmit(struct stream *s, struct str first, struct str second)
{
    if (s->ssl == NULL) {
        struct iovec pieces[2] = {
            {.iov_base = (void *)(uintptr_t)first.data, .iov_len = first.size},
            {.iov_base = (void *)(uintptr_t)second.data, .iov_len = second.size}};
        const struct msghdr all = {.msg_iov = first.size > 0 ? pieces : pieces + 1,
                                   .msg_iovlen = (size_t)(first.size > 0) + (second.size > 0)};
        const ssize_t sent = sendmsg(s->fd, &all, MSG_NOSIGNAL);
        return sent >= 0 ? sent : errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    const struct str piece = first.size > 0 ? first : second;
    ERR_clear_error();
    const int sent = SSL_write(
        s->ssl, piece.data,
        (int)(piece.size < TLS_PIECE_BYTES_MAX ? piece.size : (size_t)TLS_PIECE_BYTES_MAX));
    if (sent > 0) {
        return sent;
    }
    const int why = SSL_get_error(s->ssl, sent);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void fail_output(struct stream *s)
{
    s->send_failed = true;
    s->wants_output = false;
    buffer_clear(s->loop, &s->output);
    stream_arm_write(s, false);
}

/* Send what waits. Returns whether there was progress or the end of it. */
bool stream_flush(struct stream *s)
{
    CHECK(s != NULL);
    const size_t before = s->output.size;
    while (s->output.size > 0 && !s->handshaking) {
        const size_t waiting = s->output.size;
        const ssize_t sent = transmit(s, buffer_str(&s->output), (struct str){0});
        if (sent < 0) {
            fail_output(s);
            return true;
        }
        buffer_take(s->loop, &s->output, (size_t)sent);
        s->sent += sent;
        if (sent == 0 || (s->ssl == NULL && (size_t)sent < waiting)) {
            break;
        }
    }
    stream_arm_write(s, (s->output.size > 0 || s->wants_output) && !s->handshaking);
    return s->output.size < before;
}

static void list_unsent(struct stream *s)
{
    if (!s->is_unsent_listed) {
        s->is_unsent_listed = true;
        s->next_unsent = NULL;
        *s->loop->unsent_end = s;
        s->loop->unsent_end = &s->next_unsent;
    }
}

void stream_unlist(struct stream *s)
{
    CHECK(s != NULL);
    struct stream **place = &s->loop->unsent;
    while (s->is_unsent_listed && *place != s) {
        place = &(*place)->next_unsent;
    }
    if (s->is_unsent_listed) {
        *place = s->next_unsent;
        if (s->next_unsent == NULL) {
            s->loop->unsent_end = place;
        }
        s->is_unsent_listed = false;
    }
}

void stream_flush_all(struct net_loop *loop)
{
    CHECK(loop != NULL);
    while (loop->unsent != NULL && loop->turns == NULL) {
        struct stream *const s = loop->unsent;
        stream_unlist(s);
        if (!s->write_armed || s->wants_output) {
            (void)stream_flush(s);
        }
        s->use->output(s->owner);
    }
}

void stream_put(struct stream *stream, struct str bytes)
{
    CHECK(stream != NULL);
    CHECK(stream->loop != NULL);
    if (bytes.size > 0 && !stream->send_failed) {
        buffer_add(stream->loop, &stream->output, bytes);
        list_unsent(stream);
    }
}

void stream_want_output(struct stream *stream)
{
    CHECK(stream != NULL);
    CHECK(stream->loop != NULL);
    stream->wants_output = true;
    stream_arm_write(stream, true);
}

void stream_put_much(struct stream *stream, struct str bytes)
{
    CHECK(stream != NULL);
    CHECK(stream->loop != NULL);
    if (bytes.size < MUCH_BYTES_MIN || stream->ssl != NULL || stream->send_failed ||
        (stream->write_armed && !stream->wants_output)) {
        stream_put(stream, bytes);
        return;
    }
    list_unsent(stream); /* `output` is called, whatever the kernel takes now */
    const size_t before = stream->output.size;
    const ssize_t sent = transmit(stream, buffer_str(&stream->output), bytes);
    if (sent < 0) {
        fail_output(stream);
        return;
    }
    stream->sent += sent;
    const size_t first = (size_t)sent < before ? (size_t)sent : before;
    buffer_take(stream->loop, &stream->output, first);
    const size_t second = (size_t)sent - first;
    buffer_add(stream->loop, &stream->output,
               (struct str){bytes.data + second, bytes.size - second});
}
