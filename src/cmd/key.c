/* key: who may reach the server: make, list and revoke keys. Works beside a running server. */
#include <sys/random.h>
#include <unistd.h>

#include "app/audit.h"
#include "app/keys.h"
#include "base/check.h"
#include "base/clock.h"
#include "render/render.h"

enum { DETAIL_BYTES_MAX = 1200 };

static const struct option options[] = {
    {"--role", "R", "create: ingest, gateway, viewer, approver or admin"},
    {"--name", "N", "create: what people call it (default: its id)"},
    {"--team", "T", "create: it stands for this team"},
    {"--workflow", "W", "create: what it sends is of this workflow, whatever it says"},
    {"--user", "U", "create: it stands for this person"},
    {"--expires", "TIME", "create: 90d from now, or a date; from then on it is refused"},
};

static enum errc read_text(const struct args *args, const char *option, struct str *out,
                           struct err *err)
{
    const char *const given = args_get(args, option);
    const struct str text = str_from(given != NULL ? given : "");
    if (given != NULL && (text.size == 0 || text.size > CONTROL_KEY_TEXT_BYTES_MAX)) {
        return err_set(err, ERR_USAGE, "%s: from 1 to %d bytes are allowed, found %zu", option,
                       CONTROL_KEY_TEXT_BYTES_MAX, text.size);
    }
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 127) {
            return err_set(err, ERR_USAGE, "%s: a control character is not allowed", option);
        }
    }
    *out = text;
    return ERR_OK;
}

/* A span from now on, or a date to come. */
static enum errc read_expiry(const struct app *app, const struct args *args, int64_t *out,
                             struct err *err)
{
    const char *const given = args_get(args, "--expires");
    struct err unused;
    int64_t at_ns = CONTROL_KEY_NEVER;
    if (given != NULL && clock_parse(str_from(given), &at_ns, &unused) != ERR_OK) {
        int64_t before_ns = 0;
        if (clock_parse_relative(str_from(given), app->now_ns, &before_ns, err) != ERR_OK) {
            err_prefix(err, "--expires: ");
            return ERR_USAGE;
        }
        if (__builtin_sub_overflow(app->now_ns, before_ns, &at_ns) ||
            __builtin_add_overflow(app->now_ns, at_ns, &at_ns)) {
            return err_set(err, ERR_USAGE, "--expires: %s is too far away", given);
        }
    }
    if (at_ns <= app->now_ns) {
        return err_set(err, ERR_USAGE, "--expires: %s is not in the future", given);
    }
    *out = at_ns;
    return ERR_OK;
}

static enum errc read_key(const struct app *app, const struct args *args, struct control_key *out,
                          struct err *err)
{
    const char *const role = args_get(args, "--role");
    struct control_key key = {.created_ns = app->now_ns, .revoked_ns = CONTROL_KEY_NEVER};
    key.role = role != NULL ? key_role_find(str_from(role)) : ROLE_COUNT;
    if (key.role == ROLE_COUNT) {
        return err_set(err, ERR_USAGE,
                       "--role: %s%s%s; allowed are ingest, gateway, viewer, approver, admin",
                       role != NULL ? "\"" : "", role != NULL ? role : "it is missing",
                       role != NULL ? "\" is none" : "");
    }
    enum errc code = read_text(args, "--name", &key.name, err);
    if (code == ERR_OK) {
        code = read_text(args, "--team", &key.team, err);
    }
    if (code == ERR_OK) {
        code = read_text(args, "--workflow", &key.workflow, err);
    }
    if (code == ERR_OK) {
        code = read_text(args, "--user", &key.user, err);
    }
    if (code == ERR_OK) {
        code = read_expiry(app, args, &key.expires_ns, err);
    }
    if (code == ERR_OK) {
        *out = key;
    }
    return code;
}

/* ---- what is printed */

static void put_time(struct text *out, const char *name, int64_t time_ns, int64_t absent_ns)
{
    char text[CLOCK_TEXT_BYTES_MAX];
    json_name(out, name);
    if (time_ns == absent_ns) {
        json_put_null(out);
    } else {
        clock_print(time_ns, text);
        json_put_text(out, text);
    }
}

static void put_binding(struct text *out, const char *name, struct str text)
{
    json_name(out, name);
    if (text.size > 0) {
        json_put_str(out, text);
    } else {
        json_put_null(out);
    }
}

/* Members of the object that is open. */
static void put_key(struct text *out, const struct control_key *key, int64_t now_ns)
{
    json_name(out, "id");
    json_put_str(out, key->id);
    json_name(out, "name");
    json_put_str(out, key->name);
    json_name(out, "role");
    json_put_text(out, key_role_name(key->role));
    json_name(out, "state");
    json_put_text(out, keys_state(key, now_ns));
    put_binding(out, "team", key->team);
    put_binding(out, "workflow", key->workflow);
    put_binding(out, "user", key->user);
    put_time(out, "created_at", key->created_ns, INT64_MIN);
    json_name(out, "created_by");
    json_put_str(out, key->created_by);
    put_time(out, "expires_at", key->expires_ns, CONTROL_KEY_NEVER);
    put_time(out, "revoked_at", key->revoked_ns, CONTROL_KEY_NEVER);
    put_time(out, "last_used", key->last_used_ns, INT64_MIN);
}

static void print_created(struct app *app, const struct control_key *key, const char *secret)
{
    struct text *const out = app->out;
    if (app->json) {
        json_open_object(out);
        json_name(out, "schema");
        json_put_text(out, "bursar.key/1");
        put_key(out, key, app->now_ns);
        json_name(out, "secret");
        json_put_text(out, secret);
        json_close_object(out);
        text_char(out, '\n');
        return;
    }
    text_format(out,
                "%s\n\nThis is the only time it is shown: only its hash is kept. It is key %.*s, "
                "role %s.\nSend it as  Authorization: Bearer KEY  or  x-api-key: KEY.\n",
                secret, STR_ARG(key->id), key_role_name(key->role));
}

/* ---- what is done */

static void describe(const struct control_key *key, struct text *out)
{
    const struct {
        const char *name;
        struct str value;
    } parts[] = {
        {"name", key->name}, {"team", key->team}, {"workflow", key->workflow}, {"user", key->user}};
    text_format(out, "role %s", key_role_name(key->role));
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].value.size > 0) {
            text_format(out, ", %s " STR_FORMAT, parts[i].name, STR_ARG(parts[i].value));
        }
    }
    if (key->expires_ns != CONTROL_KEY_NEVER) {
        char time[CLOCK_TEXT_BYTES_MAX];
        clock_print(key->expires_ns, time);
        text_format(out, ", expires %s", time);
    }
}

static enum errc create_key(struct app *app, const struct args *args, struct control *control,
                            struct err *err)
{
    unsigned char random[KEYS_RANDOM_BYTES];
    char secret[KEYS_SECRET_BYTES + 1];
    struct control_key key;
    enum errc code = read_key(app, args, &key, err);
    if (code != ERR_OK) {
        return code;
    }
    CHECK(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
    keys_make(random, secret);
    keys_hash(str_from(secret), key.hash);
    key.id = keys_id(str_from(secret));
    key.name = key.name.size > 0 ? key.name : key.id;
    key.last_used_ns = INT64_MIN;
    key.created_by = app_actor(app);
    struct text detail;
    text_init(&detail, DETAIL_BYTES_MAX);
    describe(&key, &detail);
    const struct control_audit audit = {.at_ns = app->now_ns,
                                        .actor = key.created_by,
                                        .action = STR("key create"),
                                        .subject = key.id,
                                        .detail = text_str(&detail)};
    code = control_add_key(control, &key, &audit, err);
    text_deinit(&detail);
    if (code == ERR_OK) {
        print_created(app, &key, secret);
    }
    return code;
}

static enum errc list_keys(struct app *app, struct control *control, struct err *err)
{
    struct control_keys keys;
    enum errc code = control_list_keys(control, app->arena, &keys, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!app->json) {
        return keys_print(&keys, app->now_ns, app->columns, app->arena, app->out, err);
    }
    struct text *const out = app->out;
    json_open_object(out);
    json_name(out, "schema");
    json_put_text(out, "bursar.keys/1");
    json_name(out, "keys");
    json_open_array(out);
    for (size_t i = 0; i < keys.count; i++) {
        json_open_object(out);
        put_key(out, &keys.rows[i], app->now_ns);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
    text_char(out, '\n');
    return ERR_OK;
}

/* The key of that id, or the one in use of that name; NULL: there is none. */
static const struct control_key *find(const struct control_keys *keys, struct str word)
{
    const struct control_key *named = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct control_key *const key = &keys->rows[i];
        if (str_equal(key->id, word)) {
            return key;
        }
        if (str_equal(key->name, word) && key->revoked_ns == CONTROL_KEY_NEVER) {
            named = key;
        }
    }
    return named;
}

static enum errc revoke_key(struct app *app, struct control *control, struct str word,
                            struct err *err)
{
    struct control_keys keys;
    enum errc code = control_list_keys(control, app->arena, &keys, err);
    if (code != ERR_OK) {
        return code;
    }
    /* somebody may paste the secret itself, which is not to be repeated anywhere */
    const struct str id = keys_id(word);
    const struct control_key *const found = find(&keys, id.size > 0 ? id : word);
    if (found == NULL) {
        return err_set(err, ERR_NOT_FOUND, "no key of that id or name; bursar key list has them");
    }
    struct control_key key = *found;
    const bool was = key.revoked_ns != CONTROL_KEY_NEVER;
    if (!was) {
        const struct control_audit audit = {.at_ns = app->now_ns,
                                            .actor = app_actor(app),
                                            .action = STR("key revoke"),
                                            .subject = key.id,
                                            .detail = key.name};
        key.revoked_ns = app->now_ns;
        code = control_revoke_key(control, key.id, &audit, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (app->json) {
        json_open_object(app->out);
        json_name(app->out, "schema");
        json_put_text(app->out, "bursar.key/1");
        put_key(app->out, &key, app->now_ns);
        json_close_object(app->out);
        text_char(app->out, '\n');
    } else if (was) {
        text_format(app->out, "Key %.*s was revoked already.\n", STR_ARG(key.id));
    } else {
        text_format(app->out, "Revoked key %.*s. A running server refuses it within a second.\n",
                    STR_ARG(key.id));
    }
    return ERR_OK;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    const size_t count = args->positional_count;
    const struct str form = str_from(count > 0 ? args->positional[0] : "list");
    const bool creates = str_equal(form, STR("create")) && count == 1;
    const bool revokes = str_equal(form, STR("revoke")) && count == 2;
    const bool lists = str_equal(form, STR("list")) && count <= 1;
    if (count > 1 && str_equal(form, STR("create"))) {
        return err_set(err, ERR_USAGE, "key create takes the name of a key by --name; found \"%s\"",
                       args->positional[1]);
    }
    if (!creates && !revokes && !lists) {
        return err_set(err, ERR_USAGE,
                       "key wants to know what to do: key create --role ROLE, key list, or "
                       "key revoke ID");
    }
    for (size_t i = 0; i < COUNT_OF(options) && !creates; i++) {
        if (args_get(args, options[i].name) != NULL) {
            return err_set(err, ERR_USAGE, "key " STR_FORMAT " takes no %s", STR_ARG(form),
                           options[i].name);
        }
    }
    struct control *control = NULL;
    if (!creates && access(app->home.data, F_OK) != 0) {
        return err_set(err, ERR_NOT_FOUND, STR_FORMAT " is not there; bursar key create makes it",
                       STR_ARG(app->home));
    }
    enum errc code = creates ? store_make_home(app->home, err) : ERR_OK;
    if (code == ERR_OK) {
        code = control_open(app->home, &control, err);
    }
    if (code == ERR_OK) {
        code = creates   ? create_key(app, args, control, err)
               : revokes ? revoke_key(app, control, str_from(args->positional[1]), err)
                         : list_keys(app, control, err);
    }
    control_close(&control);
    return code;
}

const struct command cmd_key = {
    .name = "key",
    .synopsis = "create --role ROLE [--name N] [--team T] [--workflow W] [--user U]\n"
                "           [--expires 90d|DATE]\nrevoke ID\n[list]",
    .summary = "keys of the server: who may send, read, approve",
    .about =
        "Makes, lists and revokes the keys that bursar serve asks for beyond this machine. The\n"
        "secret is printed once and kept nowhere; the control store has its SHA-256. A running\n"
        "server goes by a new or revoked key within a second.\n\n"
        "Roles: ingest sends telemetry and outcomes; gateway calls models; viewer reads reports\n"
        "and metrics; approver also writes; admin does all of that but call models. A key bound\n"
        "to a workflow, team or user stands for it whatever its sender says. docs/keys.md",
    .example = "bursar key create --role ingest --name agents --workflow claims --expires 90d",
    .options = options,
    .option_count = COUNT_OF(options),
    .positional_max = 2,
    .run = run,
};
