#include "net/buffer_priv.h"

#include "base/check.h"
#include "base/memory.h"
#include "net/loop_priv.h"

void buffer_clear(struct net_loop *loop, struct buffer *buffer)
{
    CHECK(loop != NULL);
    CHECK(buffer != NULL);
    if (buffer->data != NULL && (buffer->capacity != LOOP_BLOCK_BYTES ||
                                 !loop_give(&loop->blocks, buffer->data, LOOP_SPARE_BLOCKS_MAX))) {
        memory_free(buffer->data);
    }
    *buffer = (struct buffer){0};
}

/* Room for `bytes` more behind what is there. */
static void reserve(struct net_loop *loop, struct buffer *buffer, size_t bytes)
{
    if (buffer->start + buffer->size + bytes <= buffer->capacity) {
        return;
    }
    const size_t needed = buffer->size + bytes;
    CHECK(needed <= BUFFER_BYTES_MAX);
    if (needed <= buffer->capacity) {
        memmove(buffer->data, buffer->data + buffer->start, buffer->size);
        buffer->start = 0;
        return;
    }
    struct buffer larger = {.size = buffer->size, .capacity = LOOP_BLOCK_BYTES};
    while (larger.capacity < needed) {
        larger.capacity *= 2;
    }
    larger.data = larger.capacity == LOOP_BLOCK_BYTES
                      ? loop_take(&loop->blocks, LOOP_BLOCK_BYTES, NULL)
                      : memory_alloc(1, larger.capacity);
    if (buffer->size > 0) {
        memcpy(larger.data, buffer->data + buffer->start, buffer->size);
    }
    buffer_clear(loop, buffer);
    *buffer = larger;
}

void buffer_add(struct net_loop *loop, struct buffer *buffer, struct str bytes)
{
    CHECK(loop != NULL);
    CHECK(buffer != NULL);
    if (bytes.size > 0) {
        reserve(loop, buffer, bytes.size);
        memcpy(buffer->data + buffer->start + buffer->size, bytes.data, bytes.size);
        buffer->size += bytes.size;
    }
}

void buffer_take(struct net_loop *loop, struct buffer *buffer, size_t size)
{
    CHECK(loop != NULL);
    CHECK(size <= buffer->size);
    buffer->start += size;
    buffer->size -= size;
    if (buffer->size == 0) {
        buffer_clear(loop, buffer);
    }
}
