/*
 * control_keys: who may use the server from where, in the control store: one row a key.
 *
 * Of a secret only its SHA-256 is here: 256 random bits cannot be guessed from it (ADR 9). Rows are
 * never removed, so that the audit trail keeps its names; a revoked key stays revoked.
 */
#ifndef STORE_CONTROL_KEYS_H
#define STORE_CONTROL_KEYS_H

#include "store/control.h"

enum key_role { ROLE_INGEST, ROLE_GATEWAY, ROLE_VIEWER, ROLE_APPROVER, ROLE_ADMIN, ROLE_COUNT };

enum {
    CONTROL_KEY_ID_BYTES_MAX = 32,
    CONTROL_KEY_TEXT_BYTES_MAX = 256, /* of a name and of each binding */
    CONTROL_KEY_HASH_BYTES = 32,
    CONTROL_KEYS_MAX = 10000, /* in the store, revoked ones included */
};

#define CONTROL_KEY_NEVER INT64_MAX /* in expires_ns and revoked_ns */

struct control_key {
    struct str id;   /* part of the secret, no secret itself */
    struct str name; /* of one key only among those not revoked */
    enum key_role role;
    unsigned char hash[CONTROL_KEY_HASH_BYTES]; /* SHA-256 of the whole secret */
    int64_t created_ns;
    struct str created_by;
    int64_t expires_ns;   /* from then on it is refused; CONTROL_KEY_NEVER */
    int64_t revoked_ns;   /* CONTROL_KEY_NEVER */
    int64_t last_used_ns; /* to the hour; INT64_MIN: never */
    struct str team;      /* what the key stands for; each may be empty: any */
    struct str workflow;
    struct str user;
};

struct control_keys {
    const struct control_key *rows; /* [count], by id; owned by the arena, as their texts are */
    size_t count;
};

/* "ingest". */
const char *key_role_name(enum key_role role);
/* ROLE_COUNT: there is none of that name. */
enum key_role key_role_find(struct str name);

/*
 * Add a key, and to the audit trail that it was; last_used_ns and revoked_ns of it do not count.
 *
 * Errors: ERR_CONFLICT  the id is taken, or the name by a key that is not revoked.
 *         ERR_LIMIT     CONTROL_KEYS_MAX are there. ERR_STORE, ERR_BUSY.
 */
MUST_CHECK enum errc control_add_key(struct control *control, const struct control_key *key,
                                     const struct control_audit *audit, struct err *err);
/* All keys. Errors: ERR_STORE; ERR_LIMIT when they do not fit the arena. */
MUST_CHECK enum errc control_list_keys(struct control *control, struct arena *arena,
                                       struct control_keys *out, struct err *err);
/*
 * Revoke a key, at the time of its entry in the audit trail; one that is revoked already keeps the
 * time it was.
 *
 * Errors: ERR_NOT_FOUND; ERR_STORE, ERR_BUSY.
 */
MUST_CHECK enum errc control_revoke_key(struct control *control, struct str id,
                                        const struct control_audit *audit, struct err *err);
/* Note when a key was used; an earlier time than the one there changes nothing. */
MUST_CHECK enum errc control_touch_key(struct control *control, struct str id, int64_t at_ns,
                                       struct err *err);
/* A number that is another once some other connection has changed the store. Cheap: no file is
 * read. Errors: ERR_STORE. */
MUST_CHECK enum errc control_change_count(struct control *control, int64_t *out, struct err *err);

#endif
