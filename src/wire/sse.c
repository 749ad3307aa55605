#include "wire/sse.h"

#include "base/check.h"

void sse_init(struct sse *sse)
{
    CHECK(sse != NULL);
    *sse = (struct sse){0};
    text_init(&sse->pending, SSE_EVENT_BYTES_MAX);
    text_init(&sse->joined, SSE_EVENT_BYTES_MAX);
}

void sse_deinit(struct sse *sse)
{
    CHECK(sse != NULL);
    text_deinit(&sse->pending);
    text_deinit(&sse->joined);
}

/* The size of the first event of `bytes`, blank line included; 0: it is not whole. `io_from` is the
 * start of the line to begin at, and afterwards of the last line that is not whole; before
 * `io_looked` that line has no end, so that a long one is not looked through for each piece. */
static size_t event_size(struct str bytes, size_t *io_from, size_t *io_looked)
{
    size_t at = *io_from;
    while (at < bytes.size) {
        size_t end = *io_looked > at ? *io_looked : at;
        while (end < bytes.size && bytes.data[end] != '\n' && bytes.data[end] != '\r') {
            end++;
        }
        /* A carriage return at the end may be half of a line's end. */
        if (end == bytes.size || (bytes.data[end] == '\r' && end + 1 == bytes.size)) {
            *io_looked = end;
            break;
        }
        const bool is_pair = bytes.data[end] == '\r' && bytes.data[end + 1] == '\n';
        const size_t next = end + (is_pair ? 2 : 1);
        if (end == at) {
            return next;
        }
        at = next;
    }
    *io_from = at;
    return 0;
}

static struct str cut_line(struct str *rest)
{
    size_t end = 0;
    while (end < rest->size && rest->data[end] != '\n' && rest->data[end] != '\r') {
        end++;
    }
    const struct str line = {rest->data, end};
    size_t next = end;
    if (next < rest->size) {
        const bool is_pair =
            rest->data[next] == '\r' && next + 1 < rest->size && rest->data[next + 1] == '\n';
        next += is_pair ? 2 : 1;
    }
    *rest = (struct str){rest->data + next, rest->size - next};
    return line;
}

static void read_fields(struct sse *sse, struct sse_event *event)
{
    static const struct str byte_order_mark = STR_STATIC("\xEF\xBB\xBF");
    struct str rest = event->bytes;
    size_t lines = 0;
    if (str_starts_with(rest, byte_order_mark)) {
        rest = (struct str){rest.data + byte_order_mark.size, rest.size - byte_order_mark.size};
    }
    while (rest.size > 0) {
        struct str value = cut_line(&rest);
        const struct str field = str_cut(&value, ':');
        if (value.size > 0 && value.data[0] == ' ') {
            value = (struct str){value.data + 1, value.size - 1};
        }
        if (str_equal(field, STR("event"))) {
            event->name = value;
        } else if (str_equal(field, STR("data"))) {
            if (lines == 1) {
                text_clear(&sse->joined);
                text_add(&sse->joined, event->data);
            }
            if (lines > 0) {
                text_char(&sse->joined, '\n');
                text_add(&sse->joined, value);
            }
            event->data = lines == 0 ? value : text_str(&sse->joined);
            lines++;
        }
    }
}

enum errc sse_next(struct sse *sse, struct str *piece, struct sse_event *out, bool *out_has,
                   struct err *err)
{
    CHECK(sse != NULL);
    CHECK(piece != NULL);
    if (sse->taken) {
        text_clear(&sse->pending);
        sse->scanned = 0;
        sse->looked = 0;
        sse->taken = false;
    }
    struct str bytes = *piece;
    if (sse->pending.size > 0) {
        const size_t before = sse->pending.size;
        text_add(&sse->pending, bytes);
        if (text_is_full(&sse->pending)) {
            goto fail;
        }
        const size_t size = event_size(text_str(&sse->pending), &sse->scanned, &sse->looked);
        if (size > 0) {
            CHECK(size > before || sse->pending.data[before - 1] == '\r');
            const size_t used = size > before ? size - before : 0;
            *piece = (struct str){piece->data + used, piece->size - used};
            *out = (struct sse_event){.bytes = {sse->pending.data, size}};
            sse->taken = true;
            read_fields(sse, out);
            *out_has = true;
            return ERR_OK;
        }
    } else {
        size_t from = 0;
        size_t looked = 0;
        const size_t size = event_size(bytes, &from, &looked);
        if (size > 0) {
            *out = (struct sse_event){.bytes = {bytes.data, size}};
            *piece = (struct str){bytes.data + size, bytes.size - size};
            read_fields(sse, out);
            *out_has = true;
            return ERR_OK;
        }
        text_add(&sse->pending, bytes);
        sse->scanned = from;
        sse->looked = looked;
        if (text_is_full(&sse->pending)) {
            goto fail;
        }
    }
    *piece = (struct str){piece->data + piece->size, 0};
    *out_has = false;
    return ERR_OK;

fail:
    return err_set(err, ERR_LIMIT, "an event is larger than %zu bytes", SSE_EVENT_BYTES_MAX);
}

struct str sse_rest(const struct sse *sse)
{
    CHECK(sse != NULL);
    return sse->taken ? (struct str){0} : text_str(&sse->pending);
}
