/* A gateway without sockets: its table, prices and budget, and exchanges led step by step. */
#ifndef GATEWAYING_H
#define GATEWAYING_H

#include "gateway/gateway_priv.h"
#include "support/home.h"
#include "support/test.h"

enum { GATEWAYING_PARSER_BYTES_MAX = 1 << 20 };

struct gatewaying {
    struct home home;
    struct settings settings;
    struct settings_upstream upstreams[2]; /* "openai" and "anthropic" */
    struct gateway gateway;
    struct net_loops *loops; /* one, which does not run */
    struct gateway_loop *loop;
    struct budget *budget;
    uint64_t number; /* of the last payload */
    struct http_head head;
    struct net_request request;
    struct exchange exchange;
    struct err err;
};

/* Once, before the tests: the shipped prices. */
void gatewaying_prepare(void);
const struct price_book *gatewaying_book(void);
void gatewaying_done(void);

/* `limits` may be NULL. */
void gatewaying_open(struct gatewaying *g, const struct hold_limit *limits, size_t limit_count);
void gatewaying_close(struct gatewaying *g);

/* A fresh exchange of a POST. `path` and `body` are borrowed until the next one. */
struct exchange *gatewaying_ask(struct gatewaying *g, const char *path, const char *body);
/* Whether it is read, and admitted. */
bool gatewaying_goes(struct gatewaying *g);
/* Both: a fresh exchange, and whether it goes. */
bool gatewaying_starts(struct gatewaying *g, const char *path, const char *body);
/* What is held for that request, which then ends before it is sent; -1: nobody knows what it costs;
 * -2: it was refused. */
int64_t gatewaying_held_pusd(struct gatewaying *g, const char *path, const char *body);
/* Whether it is admitted, as a call whose hold is then recorded, or a free one. */
bool gatewaying_admit(struct gatewaying *g);
void gatewaying_field(struct gatewaying *g, const char *name, const char *value);
/* The reply is that JSON document, whole. */
void gatewaying_answer(struct gatewaying *g, int status, const char *body);
/* Or that stream of events; `is_whole`: it ended, else the client left. */
void gatewaying_stream(struct gatewaying *g, const char *events, bool is_whole);
/* What the exchange used and cost is found and posted; the record's bytes are kept in `record`,
 * which may be NULL. */
struct gateway_settled gatewaying_settle(struct gatewaying *g, struct text *record);

#endif
