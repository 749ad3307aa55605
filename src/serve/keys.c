/*
 * The server's table of keys: read from the control store, swapped whole when a command has changed
 * it there, and asked by every request.
 */
#include "serve/serve.h"

#include "base/check.h"
#include "base/clock.h"
#include "store/control.h"

#define TABLE_BYTES_MAX ((size_t)64 << 20)
#define FLUSH_NS        (60 * CLOCK_NS_PER_SECOND) /* between two notes of last use */

/* The store's keys as a table. */
static enum errc read_table(struct control *control, struct serve_auth_table **out, struct err *err)
{
    struct arena arena;
    struct control_keys keys = {0};
    arena_init(&arena, TABLE_BYTES_MAX);
    enum errc code = control_list_keys(control, &arena, &keys, err);
    if (code == ERR_OK) {
        code = serve_auth_table_create(&keys, &arena, out, err);
    }
    arena_deinit(&arena);
    return code;
}

/* Note in the store which keys were used since the table was made. */
static enum errc flush_uses(struct serve_keys *keys, struct err *err)
{
    enum errc code = ERR_OK;
    for (size_t i = 0; i < keys->table->count && code == ERR_OK; i++) {
        struct serve_auth_key *const row = &keys->table->keys[i];
        const int64_t used_ns = atomic_load_explicit(&row->used_ns, memory_order_relaxed);
        if (used_ns > row->flushed_ns && used_ns > row->key->last_used_ns) {
            code = control_touch_key(keys->control, row->key->id, used_ns, err);
            row->flushed_ns = code == ERR_OK ? used_ns : row->flushed_ns;
        }
    }
    return code;
}

/* The number is read before the keys: a change in between is seen once more, never missed. */
static enum errc load(struct serve_keys *keys, struct err *err)
{
    struct serve_auth_table *table = NULL;
    int64_t changes = 0;
    enum errc code = control_change_count(keys->control, &changes, err);
    if (code == ERR_OK) {
        code = read_table(keys->control, &table, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    CHECK(pthread_rwlock_wrlock(&keys->lock) == 0);
    struct serve_auth_table *old = keys->table;
    keys->table = table;
    CHECK(pthread_rwlock_unlock(&keys->lock) == 0);
    serve_auth_table_destroy(&old);
    keys->changes = changes;
    return ERR_OK;
}

enum errc serve_keys_open(struct serve *serve, struct err *err)
{
    CHECK(serve != NULL);
    struct serve_keys *const keys = &serve->keys;
    keys->flushed_ns = clock_monotonic_ns();
    enum errc code = control_open(serve->app->home, &keys->control, err);
    return code == ERR_OK ? load(keys, err) : code;
}

void serve_keys_close(struct serve *serve)
{
    CHECK(serve != NULL);
    struct err err;
    if (serve->keys.table != NULL && flush_uses(&serve->keys, &err) != ERR_OK) {
        serve_tell(serve, err.text);
    }
    control_close(&serve->keys.control);
    serve_auth_table_destroy(&serve->keys.table);
}

/* A store that cannot be read leaves the keys as they are, which is told once. */
void serve_keys_follow(struct serve *serve, bool reopen)
{
    CHECK(serve != NULL);
    struct serve_keys *const keys = &serve->keys;
    struct control *control = NULL;
    struct err err;
    int64_t changes = 0;
    enum errc code = ERR_OK;
    if (reopen) { /* it may be another file by now */
        code = control_open(serve->app->home, &control, &err);
        if (code == ERR_OK) {
            control_close(&keys->control);
            keys->control = control;
        }
    }
    if (code == ERR_OK) {
        code = control_change_count(keys->control, &changes, &err);
    }
    const int64_t now_ns = clock_monotonic_ns();
    if (code == ERR_OK && (reopen || changes != keys->changes || keys->failing ||
                           now_ns - keys->flushed_ns > FLUSH_NS)) {
        keys->flushed_ns = now_ns;
        code = flush_uses(keys, &err);
    }
    if (code == ERR_OK && (reopen || changes != keys->changes)) {
        code = load(keys, &err);
    }
    if (code != ERR_OK && !keys->failing) {
        err_prefix(&err, "the keys stay as they were: ");
        serve_tell(serve, err.text);
    }
    keys->failing = code != ERR_OK;
}

bool serve_keys_open_anything(struct serve *serve)
{
    CHECK(serve != NULL);
    CHECK(pthread_rwlock_rdlock(&serve->keys.lock) == 0);
    const bool opens = serve_auth_table_opens(serve->keys.table, clock_now_ns());
    CHECK(pthread_rwlock_unlock(&serve->keys.lock) == 0);
    return opens;
}

int serve_keys_check(struct serve *serve, const struct net_request *request, bool is_gateway,
                     struct serve_caller *out_caller, const char **out_why)
{
    CHECK(serve != NULL);
    const struct serve_auth_rules rules = {.require_keys = atomic_load(&serve->require_keys),
                                           .is_gateway = is_gateway,
                                           .now_ns = clock_now_ns()};
    CHECK(pthread_rwlock_rdlock(&serve->keys.lock) == 0);
    const int status = serve_auth_check(serve->keys.table, &rules, request, out_caller, out_why);
    CHECK(pthread_rwlock_unlock(&serve->keys.lock) == 0);
    if (status != 200) { /* else every loop would write what the others have at hand */
        atomic_fetch_add(&serve->unauthorized, status == 401);
        atomic_fetch_add(&serve->forbidden, status == 403);
    }
    return status;
}

bool serve_copy_binding(const struct serve_caller *caller, struct arena *arena,
                        struct journal_binding *out)
{
    CHECK(caller != NULL);
    CHECK(out != NULL);
    *out = (struct journal_binding){.workflow = arena_copy(arena, str_from(caller->workflow)),
                                    .team = arena_copy(arena, str_from(caller->team)),
                                    .user = arena_copy(arena, str_from(caller->user))};
    return out->workflow.data != NULL && out->team.data != NULL && out->user.data != NULL;
}
