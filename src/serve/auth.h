/*
 * serve/auth: who is asking, and whether that one may.
 *
 *     request + keys + rules --serve_auth_check--> struct serve_caller, or 401 or 403 and why
 *
 * Pure: the time and the table of keys come in, nothing is read from a store. A table never changes
 * once it is made, but for the times of last use, so every thread may ask the same one.
 * docs/keys.md has the rules in words.
 */
#ifndef SERVE_AUTH_H
#define SERVE_AUTH_H

#include <stdatomic.h>

#include <openssl/types.h>

#include "net/server.h"
#include "store/control_keys.h"

/* What a request is after; each is open to some roles. */
enum serve_area {
    AREA_OPEN,     /* health */
    AREA_COMMANDS, /* of this machine's owner, who shows another token */
    AREA_INGEST,   /* telemetry */
    AREA_OUTCOMES, /* what became of cases */
    AREA_READ,     /* reports, and everything not named here */
    AREA_WRITE,    /* what changes something */
    AREA_METRICS,
    AREA_GATEWAY,
    AREA_COUNT,
};

enum serve_area serve_auth_area(enum http_method method, struct str path);

struct serve_auth_key {
    const struct control_key *key; /* in the table's arena */
    _Atomic int64_t used_ns;       /* to the hour; INT64_MIN: not since the table was made */
    int64_t flushed_ns;            /* noted in the store; of the thread that follows the store */
};

/* Keys by id. */
struct serve_auth_table {
    struct arena arena;
    struct serve_auth_key *keys;
    size_t count;
    EVP_MD *sha256; /* owned */
};

/* keys  by id, owned by `arena`, which becomes the table's. Errors: ERR_LIMIT; then the arena is
 * the caller's still. */
MUST_CHECK enum errc serve_auth_table_create(const struct control_keys *keys, struct arena *arena,
                                             struct serve_auth_table **out, struct err *err);
void serve_auth_table_destroy(struct serve_auth_table **table);
/* Whether any key of it is good now. */
bool serve_auth_table_opens(const struct serve_auth_table *table, int64_t now_ns);

/* Who asks. Its own copies of the key's texts. */
struct serve_caller {
    bool has_key; /* false: somebody on this machine without one; the rest is empty then */
    enum key_role role;
    char id[CONTROL_KEY_ID_BYTES_MAX];
    char name[CONTROL_KEY_TEXT_BYTES_MAX + 1];
    char team[CONTROL_KEY_TEXT_BYTES_MAX + 1];
    char workflow[CONTROL_KEY_TEXT_BYTES_MAX + 1];
    char user[CONTROL_KEY_TEXT_BYTES_MAX + 1];
};

struct serve_auth_rules {
    bool require_keys; /* also of those on this machine */
    bool is_gateway;   /* the path is one of the gateway's, as bursar.yaml names upstreams */
    int64_t now_ns;
};

/*
 * out_caller  written when the answer is 200, and with has_key also when it is 403.
 * out_why     for the answer's body; static text.
 *
 * Returns 200; 401 nobody known asks; 403 the key is good, but not for this.
 */
int serve_auth_check(struct serve_auth_table *table, const struct serve_auth_rules *rules,
                     const struct net_request *request, struct serve_caller *out_caller,
                     const char **out_why);

#endif
