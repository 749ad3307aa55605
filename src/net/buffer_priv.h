/* net/buffer_priv: bytes that wait, first in first out; holds memory only while there are some. */
#ifndef NET_BUFFER_PRIV_H
#define NET_BUFFER_PRIV_H

#include "base/str.h"

struct net_loop;

enum { BUFFER_BYTES_MAX = 512 << 20 };

/* Zeroed: empty. */
struct buffer {
    char *data;
    size_t start;
    size_t size; /* from start */
    size_t capacity;
};

static inline struct str buffer_str(const struct buffer *buffer)
{
    return (struct str){buffer->data != NULL ? buffer->data + buffer->start : "", buffer->size};
}

/* A small buffer is one of the loop's spare blocks. */
void buffer_add(struct net_loop *loop, struct buffer *buffer, struct str bytes);
void buffer_take(struct net_loop *loop, struct buffer *buffer, size_t size);
void buffer_clear(struct net_loop *loop, struct buffer *buffer);

#endif
