/*
 * app/keys: the secrets of keys: made, recognised, hashed.
 *
 *     "bk_" id "_" 64 hexadecimal digits        id: 12 hexadecimal digits, no secret
 *
 * The fixed beginning is for programs that look for leaked secrets: bk_[0-9a-f]{12}_[0-9a-f]{64}.
 */
#ifndef APP_KEYS_H
#define APP_KEYS_H

#include <openssl/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/text.h"
#include "store/control_keys.h"

enum {
    KEYS_ID_BYTES = 12,
    KEYS_SECRET_BYTES = 3 + KEYS_ID_BYTES + 1 + 64,
    KEYS_RANDOM_BYTES = 6 + 32, /* of an id and of what is secret */
};

/* The secret that these random bytes make; NUL-terminated. */
void keys_make(const unsigned char random[static KEYS_RANDOM_BYTES],
               char secret[static KEYS_SECRET_BYTES + 1]);
/* The id in something shaped like a secret; empty when it is not. Borrowed from it. */
struct str keys_id(struct str secret);
/* SHA-256 of all of a secret. */
void keys_hash(struct str secret, unsigned char hash[static CONTROL_KEY_HASH_BYTES]);
/* The same with SHA-256 as EVP_MD_fetch() gives it: looking it up costs as much as the hash. */
void keys_hash_by(const EVP_MD *sha256, struct str secret,
                  unsigned char hash[static CONTROL_KEY_HASH_BYTES]);

/* "active", "expired" or "revoked", now. */
const char *keys_state(const struct control_key *key, int64_t now_ns);
bool keys_is_active(const struct control_key *key, int64_t now_ns);

/* A table of them for people; keys by id, borrowed; width 0: a pipe. Errors: ERR_LIMIT. */
MUST_CHECK enum errc keys_print(const struct control_keys *keys, int64_t now_ns, int width,
                                struct arena *arena, struct text *out, struct err *err);

#endif
