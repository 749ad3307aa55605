#include "serve/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "app/keys.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"

#define USED_STEP_NS (INT64_C(3600) * CLOCK_NS_PER_SECOND)

enum { BASIC_BYTES_MAX = 1024 };

#define ROLE(role) (1U << (role))

/* The roles each area is open to. */
static const unsigned int roles_of[AREA_COUNT] = {
    [AREA_OPEN] = ~0U,
    [AREA_COMMANDS] = ~0U,
    [AREA_INGEST] = ROLE(ROLE_INGEST) | ROLE(ROLE_ADMIN),
    [AREA_OUTCOMES] = ROLE(ROLE_INGEST) | ROLE(ROLE_APPROVER) | ROLE(ROLE_ADMIN),
    [AREA_READ] = ROLE(ROLE_VIEWER) | ROLE(ROLE_APPROVER) | ROLE(ROLE_ADMIN),
    [AREA_WRITE] = ROLE(ROLE_APPROVER) | ROLE(ROLE_ADMIN),
    [AREA_METRICS] = ROLE(ROLE_VIEWER) | ROLE(ROLE_APPROVER) | ROLE(ROLE_ADMIN),
    [AREA_GATEWAY] = ROLE(ROLE_GATEWAY),
};

static const char *const forbidden_texts[AREA_COUNT] = {
    [AREA_OPEN] = "",
    [AREA_COMMANDS] = "",
    [AREA_INGEST] = "this key may not send telemetry; that takes the role ingest or admin",
    [AREA_OUTCOMES] = "this key may not send outcomes; that takes the role ingest, approver or "
                      "admin",
    [AREA_READ] = "this key may not read reports; that takes the role viewer, approver or admin",
    [AREA_WRITE] = "this key may not change anything; that takes the role approver or admin",
    [AREA_METRICS] = "this key may not read metrics; that takes the role viewer, approver or admin",
    [AREA_GATEWAY] = "this key may not use the gateway; that takes the role gateway",
};

#define NEEDED(role)                                                                               \
    "a key is needed: Authorization: Bearer bk_… or x-api-key: bk_…; bursar key create "       \
    "--role " role " makes one"
static const char *const needed[AREA_COUNT] = {
    [AREA_OPEN] = "",
    [AREA_COMMANDS] = "",
    [AREA_INGEST] = NEEDED("ingest"),
    [AREA_OUTCOMES] = NEEDED("ingest"),
    [AREA_READ] = NEEDED("viewer"),
    [AREA_WRITE] = NEEDED("approver"),
    [AREA_METRICS] = NEEDED("viewer"),
    [AREA_GATEWAY] = NEEDED("gateway"),
};

enum serve_area serve_auth_area(enum http_method method, struct str path)
{
    static const struct {
        struct str path; /* one that ends in '/' stands for all below it */
        enum serve_area area;
    } rows[] = {
        {STR_STATIC("/healthz"), AREA_OPEN},       {STR_STATIC("/readyz"), AREA_OPEN},
        {STR_STATIC("/metrics"), AREA_METRICS},    {STR_STATIC("/v1/traces"), AREA_INGEST},
        {STR_STATIC("/v1/logs"), AREA_INGEST},     {STR_STATIC("/v1/metrics"), AREA_INGEST},
        {STR_STATIC("/v1/"), AREA_GATEWAY},        {STR_STATIC("/openai/"), AREA_GATEWAY},
        {STR_STATIC("/anthropic/"), AREA_GATEWAY}, {STR_STATIC("/api/v1/run"), AREA_COMMANDS},
    };
    const bool reads = method == HTTP_GET || method == HTTP_HEAD;
    CHECK(path.size > 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct str row = rows[i].path;
        if (str_equal(path, row) || (row.data[row.size - 1] == '/' && str_starts_with(path, row))) {
            return rows[i].area;
        }
    }
    if (reads) {
        return AREA_READ;
    }
    return str_equal(path, STR("/api/v1/outcomes")) ? AREA_OUTCOMES : AREA_WRITE;
}

/* ---- the table */

enum errc serve_auth_table_create(const struct control_keys *keys, struct arena *arena,
                                  struct serve_auth_table **out, struct err *err)
{
    CHECK(keys != NULL);
    CHECK(out != NULL);
    struct serve_auth_key *const rows = arena_new(arena, struct serve_auth_key, keys->count + 1);
    if (rows == NULL) {
        return err_set(err, ERR_LIMIT, "the keys do not fit %zu bytes", arena->size_max);
    }
    for (size_t i = 0; i < keys->count; i++) {
        CHECK(i == 0 || str_compare(keys->rows[i - 1].id, keys->rows[i].id) < 0);
        rows[i].key = &keys->rows[i];
        rows[i].flushed_ns = INT64_MIN;
        atomic_init(&rows[i].used_ns, INT64_MIN);
    }
    struct serve_auth_table *const table = memory_new(struct serve_auth_table);
    *table = (struct serve_auth_table){.arena = *arena,
                                       .keys = rows,
                                       .count = keys->count,
                                       .sha256 = EVP_MD_fetch(NULL, "SHA256", NULL)};
    CHECK(table->sha256 != NULL);
    arena_init(arena, arena->size_max);
    *out = table;
    return ERR_OK;
}

void serve_auth_table_destroy(struct serve_auth_table **table)
{
    CHECK(table != NULL);
    if (*table != NULL) {
        EVP_MD_free((*table)->sha256);
        arena_deinit(&(*table)->arena);
        memory_free(*table);
        *table = NULL;
    }
}

bool serve_auth_table_opens(const struct serve_auth_table *table, int64_t now_ns)
{
    CHECK(table != NULL);
    for (size_t i = 0; i < table->count; i++) {
        if (keys_is_active(table->keys[i].key, now_ns)) {
            return true;
        }
    }
    return false;
}

static struct serve_auth_key *find(struct serve_auth_table *table, struct str id)
{
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = str_compare(table->keys[middle].key->id, id);
        if (order == 0) {
            return &table->keys[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order > 0 ? middle : high;
    }
    return NULL;
}

/* ---- what a request shows */

/* "name:password" of HTTP Basic: the one of the two that is shaped like a secret. Source: RFC 7617.
 */
static struct str secret_of_basic(struct str encoded, char *text)
{
    encoded = str_trim(encoded);
    if (encoded.size == 0 || encoded.size % 4 != 0 || encoded.size / 4 * 3 > BASIC_BYTES_MAX) {
        return (struct str){0};
    }
    const int size = EVP_DecodeBlock((unsigned char *)text, (const unsigned char *)encoded.data,
                                     (int)encoded.size);
    if (size < 0) {
        return (struct str){0};
    }
    struct str rest = {text, (size_t)size};
    while (rest.size > 0 && rest.data[rest.size - 1] == '\0') { /* padding decodes to zeros */
        rest.size--;
    }
    const struct str name = str_cut(&rest, ':');
    return keys_id(rest).size > 0 ? rest : name;
}

/* What stands behind a scheme of the Authorization field; empty: another scheme. */
static struct str behind(struct str field, struct str scheme)
{
    if (field.size > scheme.size && field.data[scheme.size] == ' ' &&
        str_equal_fold((struct str){field.data, scheme.size}, scheme)) {
        return str_trim((struct str){field.data + scheme.size + 1, field.size - scheme.size - 1});
    }
    return (struct str){0};
}

/* What is shaped like one of our secrets. Other credentials are other programs' business: a
 * collector's token, a provider's key on its way through the gateway. */
static struct str secret_of(const struct http_head *head, char *text)
{
    const struct str field = http_field(head, STR("authorization"));
    const struct str shown[] = {behind(field, STR("Bearer")),
                                secret_of_basic(behind(field, STR("Basic")), text),
                                str_trim(http_field(head, STR("x-api-key")))};
    for (size_t i = 0; i < COUNT_OF(shown); i++) {
        if (str_starts_with(shown[i], STR("bk_"))) {
            return shown[i];
        }
    }
    return (struct str){0};
}

/* Whether nothing says that the request came from another machine. What a proxy says is believed
 * only against the request: anybody can write such fields. */
static bool is_local(const struct net_request *request)
{
    static const struct str marks[] = {STR_STATIC("forwarded"), STR_STATIC("x-forwarded-for"),
                                       STR_STATIC("x-real-ip"), STR_STATIC("via")};
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        if (http_field(request->head, marks[i]).data != NULL) {
            return false;
        }
    }
    return request->peer_is_loopback;
}

/* A browser names the page a writing request comes from; another site's may not write here, also
 * where the browser adds a password by itself. */
static bool is_foreign_page(const struct http_head *head)
{
    struct str origin = http_field(head, STR("origin"));
    if (origin.data == NULL) {
        return false;
    }
    const size_t at = str_find(origin, STR("://"));
    if (at == SIZE_MAX) {
        return true; /* "null" */
    }
    origin = (struct str){origin.data + at + 3, origin.size - at - 3};
    return !str_equal_fold(origin, http_field(head, STR("host")));
}

/* ---- the decision */

static void copy_text(char *to, struct str from, size_t size)
{
    CHECK(from.size < size);
    if (from.size > 0) {
        memcpy(to, from.data, from.size);
    }
    to[from.size] = '\0';
}

static void note_use(struct serve_auth_key *row, int64_t now_ns)
{
    const int64_t hour_ns = now_ns - now_ns % USED_STEP_NS;
    if (atomic_load_explicit(&row->used_ns, memory_order_relaxed) < hour_ns) {
        atomic_store_explicit(&row->used_ns, hour_ns, memory_order_relaxed);
    }
}

/* The key of that secret; NULL: there is none, or it is no longer good. An id that is not known
 * takes the same way as one that is. */
static struct serve_auth_key *verify(struct serve_auth_table *table, struct str secret,
                                     int64_t now_ns)
{
    static const unsigned char nobody[CONTROL_KEY_HASH_BYTES] = {0};
    unsigned char hash[CONTROL_KEY_HASH_BYTES];
    struct serve_auth_key *const row = find(table, keys_id(secret));
    keys_hash_by(table->sha256, secret, hash);
    const bool same = CRYPTO_memcmp(hash, row != NULL ? row->key->hash : nobody, sizeof hash) == 0;
    return row != NULL && same && keys_is_active(row->key, now_ns) ? row : NULL;
}

static int check_key(struct serve_auth_table *table, const struct serve_auth_rules *rules,
                     struct str secret, enum serve_area area, struct serve_caller *out,
                     const char **out_why)
{
    struct serve_auth_key *const row = verify(table, secret, rules->now_ns);
    if (row == NULL) {
        *out_why = "the key is not known, or it has expired or been revoked";
        return 401;
    }
    const struct control_key *const key = row->key;
    note_use(row, rules->now_ns);
    *out = (struct serve_caller){.has_key = true, .role = key->role};
    copy_text(out->id, key->id, sizeof out->id);
    copy_text(out->name, key->name, sizeof out->name);
    copy_text(out->team, key->team, sizeof out->team);
    copy_text(out->workflow, key->workflow, sizeof out->workflow);
    copy_text(out->user, key->user, sizeof out->user);
    *out_why = forbidden_texts[area];
    return (roles_of[area] & ROLE(key->role)) != 0 ? 200 : 403;
}

int serve_auth_check(struct serve_auth_table *table, const struct serve_auth_rules *rules,
                     const struct net_request *request, struct serve_caller *out_caller,
                     const char **out_why)
{
    CHECK(table != NULL);
    CHECK(request != NULL);
    char text[BASIC_BYTES_MAX + 4];
    const enum serve_area area = rules->is_gateway
                                     ? AREA_GATEWAY
                                     : serve_auth_area(request->head->method, request->head->path);
    const bool writes = area == AREA_WRITE || area == AREA_OUTCOMES || area == AREA_GATEWAY;
    *out_caller = (struct serve_caller){0};
    *out_why = "";
    if (area == AREA_OPEN || area == AREA_COMMANDS) {
        return 200;
    }
    if (writes && is_foreign_page(request->head)) {
        *out_why = "pages of other sites may not change anything here";
        return 403;
    }
    const struct str secret = secret_of(request->head, text);
    if (secret.data != NULL) {
        return check_key(table, rules, secret, area, out_caller, out_why);
    }
    if (is_local(request) && !rules->require_keys) {
        return 200;
    }
    *out_why = needed[area];
    return 401;
}
