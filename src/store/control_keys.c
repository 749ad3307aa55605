#include "store/control_keys.h"

#include "base/check.h"
#include "store/control_priv.h"

static const char *const role_names[ROLE_COUNT] = {
    [ROLE_INGEST] = "ingest",     [ROLE_GATEWAY] = "gateway", [ROLE_VIEWER] = "viewer",
    [ROLE_APPROVER] = "approver", [ROLE_ADMIN] = "admin",
};

/* Columns of control_keys, in the order of its SELECT. */
enum {
    COLUMN_ID,
    COLUMN_NAME,
    COLUMN_ROLE,
    COLUMN_HASH,
    COLUMN_CREATED,
    COLUMN_CREATED_BY,
    COLUMN_EXPIRES,
    COLUMN_REVOKED,
    COLUMN_LAST_USED,
    COLUMN_TEAM,
    COLUMN_WORKFLOW,
    COLUMN_USER,
};

const char *key_role_name(enum key_role role)
{
    CHECK(role < ROLE_COUNT);
    return role_names[role];
}

enum key_role key_role_find(struct str name)
{
    enum key_role role = 0;
    while (role < ROLE_COUNT && !str_equal(name, str_from(role_names[role]))) {
        role++;
    }
    return role;
}

static int64_t time_of(sqlite3_stmt *statement, int at, int64_t absent_ns)
{
    return sqlite3_column_type(statement, at) == SQLITE_NULL ? absent_ns
                                                             : sqlite3_column_int64(statement, at);
}

static enum errc count_keys(struct control *control, int64_t *out, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    enum errc code = control_prepare(control, QUERY_control_count_keys, &statement, err);
    if (code == ERR_OK && sqlite3_step(statement) != SQLITE_ROW) {
        code = control_fail(control, err);
    }
    *out = code == ERR_OK ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return code;
}

/* Run a statement without values or rows. */
static enum errc execute(struct control *control, enum store_query query, struct err *err)
{
    const int code = sqlite3_exec(control->database, store_query_texts[query], NULL, NULL, NULL);
    return code == SQLITE_OK ? ERR_OK : control_fail(control, err);
}

/* The end of what began with QUERY_control_begin: kept when `code` is ERR_OK, else undone. */
static enum errc finish(struct control *control, enum errc code, struct err *err)
{
    if (code == ERR_OK) {
        code = execute(control, QUERY_control_commit, err);
    }
    if (code != ERR_OK && sqlite3_get_autocommit(control->database) == 0) {
        struct err ignored;
        CHECK(execute(control, QUERY_control_rollback, &ignored) == ERR_OK);
    }
    return code;
}

static enum errc insert(struct control *control, const struct control_key *key, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    enum errc code = control_prepare(control, QUERY_control_add_key, &statement, err);
    if (code == ERR_OK &&
        (!control_bind(statement, 1, key->id) || !control_bind(statement, 2, key->name) ||
         !control_bind(statement, 3, str_from(key_role_name(key->role))) ||
         sqlite3_bind_blob(statement, 4, key->hash, CONTROL_KEY_HASH_BYTES, SQLITE_STATIC) !=
             SQLITE_OK ||
         sqlite3_bind_int64(statement, 5, key->created_ns) != SQLITE_OK ||
         !control_bind(statement, 6, key->created_by) ||
         (key->expires_ns != CONTROL_KEY_NEVER &&
          sqlite3_bind_int64(statement, 7, key->expires_ns) != SQLITE_OK) ||
         !control_bind(statement, 8, key->team) || !control_bind(statement, 9, key->workflow) ||
         !control_bind(statement, 10, key->user) || sqlite3_step(statement) != SQLITE_DONE)) {
        code = sqlite3_errcode(control->database) == SQLITE_CONSTRAINT
                   ? err_set(err, ERR_CONFLICT,
                             "a key named \"" STR_FORMAT
                             "\" is in use; revoke it first or take another name",
                             STR_ARG(key->name))
                   : control_fail(control, err);
    }
    sqlite3_finalize(statement);
    return code;
}

enum errc control_add_key(struct control *control, const struct control_key *key,
                          const struct control_audit *audit, struct err *err)
{
    CHECK(control != NULL);
    CHECK(key != NULL);
    CHECK(key->id.size > 0);
    CHECK(key->id.size < CONTROL_KEY_ID_BYTES_MAX);
    int64_t count = 0;
    enum errc code = execute(control, QUERY_control_begin, err);
    if (code == ERR_OK) {
        code = count_keys(control, &count, err);
    }
    if (code == ERR_OK && count >= CONTROL_KEYS_MAX) {
        code = err_set(err, ERR_LIMIT, "%s holds %d keys, which is as many as it may",
                       control->path, CONTROL_KEYS_MAX);
    }
    if (code == ERR_OK) {
        code = insert(control, key, err);
    }
    if (code == ERR_OK) {
        code = control_add_audit(control, audit, err);
    }
    return finish(control, code, err);
}

/* A row of control_keys; false: the arena is full. */
static bool read_key(sqlite3_stmt *statement, struct arena *arena, struct control_key *out)
{
    const void *const hash = sqlite3_column_blob(statement, COLUMN_HASH);
    *out = (struct control_key){
        .id = control_column(statement, COLUMN_ID, arena),
        .name = control_column(statement, COLUMN_NAME, arena),
        .created_ns = sqlite3_column_int64(statement, COLUMN_CREATED),
        .created_by = control_column(statement, COLUMN_CREATED_BY, arena),
        .expires_ns = time_of(statement, COLUMN_EXPIRES, CONTROL_KEY_NEVER),
        .revoked_ns = time_of(statement, COLUMN_REVOKED, CONTROL_KEY_NEVER),
        .last_used_ns = time_of(statement, COLUMN_LAST_USED, INT64_MIN),
        .team = control_column(statement, COLUMN_TEAM, arena),
        .workflow = control_column(statement, COLUMN_WORKFLOW, arena),
        .user = control_column(statement, COLUMN_USER, arena),
    };
    const struct str role = control_column(statement, COLUMN_ROLE, arena);
    if (hash != NULL && sqlite3_column_bytes(statement, COLUMN_HASH) == CONTROL_KEY_HASH_BYTES) {
        memcpy(out->hash, hash, CONTROL_KEY_HASH_BYTES);
    }
    if (role.data == NULL) {
        return false;
    }
    out->role = key_role_find(role);
    return out->id.data != NULL && out->name.data != NULL && out->created_by.data != NULL &&
           out->team.data != NULL && out->workflow.data != NULL && out->user.data != NULL;
}

enum errc control_list_keys(struct control *control, struct arena *arena, struct control_keys *out,
                            struct err *err)
{
    CHECK(control != NULL);
    CHECK(out != NULL);
    struct {
        struct control_key *rows;
        size_t count;
        size_t capacity;
    } keys = {0};
    sqlite3_stmt *statement = NULL;
    enum errc code = control_prepare(control, QUERY_control_list_keys, &statement, err);
    int step = SQLITE_DONE;
    while (code == ERR_OK && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct control_key key;
        const bool read = read_key(statement, arena, &key);
        const size_t at = read ? arena_push(arena, &keys) : SIZE_MAX;
        if (at == SIZE_MAX) {
            code = err_set(err, ERR_LIMIT, "the keys do not fit %zu bytes", arena->size_max);
            break;
        }
        keys.rows[at] = key;
        keys.count -= key.role == ROLE_COUNT; /* a role this program does not know opens nothing */
    }
    if (code == ERR_OK && step != SQLITE_DONE) {
        code = control_fail(control, err);
    }
    sqlite3_finalize(statement);
    if (code == ERR_OK) {
        *out = (struct control_keys){keys.rows, keys.count};
    }
    return code;
}

/* Run a statement of an id and a time; the number of rows it changed. */
static enum errc change(struct control *control, enum store_query query, struct str id,
                        int64_t at_ns, int *out_changed, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    enum errc code = control_prepare(control, query, &statement, err);
    if (code == ERR_OK &&
        (!control_bind(statement, 1, id) || sqlite3_bind_int64(statement, 2, at_ns) != SQLITE_OK ||
         sqlite3_step(statement) != SQLITE_DONE)) {
        code = control_fail(control, err);
    }
    *out_changed = code == ERR_OK ? sqlite3_changes(control->database) : 0;
    sqlite3_finalize(statement);
    return code;
}

enum errc control_revoke_key(struct control *control, struct str id,
                             const struct control_audit *audit, struct err *err)
{
    CHECK(control != NULL);
    CHECK(audit != NULL);
    int changed = 0;
    enum errc code = execute(control, QUERY_control_begin, err);
    if (code == ERR_OK) {
        code = change(control, QUERY_control_revoke_key, id, audit->at_ns, &changed, err);
    }
    if (code == ERR_OK && changed == 0) {
        code = err_set(err, ERR_NOT_FOUND, "no key \"" STR_FORMAT "\"; bursar key list names them",
                       STR_ARG(id));
    }
    if (code == ERR_OK) {
        code = control_add_audit(control, audit, err);
    }
    return finish(control, code, err);
}

enum errc control_touch_key(struct control *control, struct str id, int64_t at_ns, struct err *err)
{
    CHECK(control != NULL);
    int changed = 0;
    return change(control, QUERY_control_touch_key, id, at_ns, &changed, err);
}

enum errc control_change_count(struct control *control, int64_t *out, struct err *err)
{
    CHECK(control != NULL);
    CHECK(out != NULL);
    sqlite3_stmt *statement = NULL;
    enum errc code = control_prepare(control, QUERY_control_change_count, &statement, err);
    if (code == ERR_OK && sqlite3_step(statement) != SQLITE_ROW) {
        code = control_fail(control, err);
    }
    if (code == ERR_OK) {
        *out = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return code;
}
