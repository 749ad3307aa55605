/* bodies: what is kept of calls' requests and answers, and erasing it. */
#include <stdio.h>
#include <stdlib.h>

#include "app/audit.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "bodies/bodies.h"
#include "model/settings.h"
#include "render/render.h"
#include "store/queries.h"

enum { GROUPS_MAX = 1024, NAME_BYTES_MAX = 200 };

static const struct option options[] = {
    {"--workflow", "W", "of erase: of that workflow only"},
    {"--all", NULL, "of erase: everything, of every workflow"},
};

/* ---- what is kept */

struct group {
    uint64_t hash;
    struct str name;                    /* empty: the configuration does not tell */
    const struct bodies_policy *policy; /* NULL: keeps none any more */
    int64_t records;
    int64_t bytes;
    int64_t oldest_ns;
    int64_t ends_ns; /* of the last to end */
};

struct groups {
    struct group rows[GROUPS_MAX];
    size_t count;
};

static struct group *group_of(struct groups *groups, uint64_t hash)
{
    for (size_t i = 0; i < groups->count; i++) {
        if (groups->rows[i].hash == hash) {
            return &groups->rows[i];
        }
    }
    if (groups->count == GROUPS_MAX) {
        return &groups->rows[GROUPS_MAX - 1]; /* those beyond are counted together */
    }
    groups->rows[groups->count] = (struct group){.hash = hash, .oldest_ns = INT64_MAX};
    return &groups->rows[groups->count++];
}

static bool count_record(void *context, const struct body_record *record)
{
    struct group *const group = group_of(context, record->workflow_hash);
    group->records++;
    group->bytes += (int64_t)record->bytes.size;
    group->oldest_ns = record->kept_ns < group->oldest_ns ? record->kept_ns : group->oldest_ns;
    group->ends_ns = record->ends_ns > group->ends_ns ? record->ends_ns : group->ends_ns;
    return true;
}

static void add_configured(const struct settings *settings, struct groups *groups)
{
    for (size_t i = 0; i < settings->workflows.count; i++) {
        const struct settings_workflow *const workflow = &settings->workflows.rows[i];
        const uint64_t hash = hash64(workflow->name);
        for (size_t j = 0; j < groups->count; j++) {
            if (groups->rows[j].hash == hash) {
                groups->rows[j].name = workflow->name;
                groups->rows[j].policy = workflow->keep_bodies;
            }
        }
        if (workflow->keep_bodies != NULL) {
            struct group *const group = group_of(groups, hash);
            group->name = workflow->name;
            group->policy = workflow->keep_bodies;
        }
    }
}

static int by_name(const void *a, const void *b)
{
    const struct group *const x = a;
    const struct group *const y = b;
    const int order = str_compare(x->name, y->name);
    return order != 0 ? order : x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void put_instant(struct text *out, const char *name, int64_t at_ns, bool is_known)
{
    char text[CLOCK_TEXT_BYTES_MAX];
    json_name(out, name);
    if (is_known) {
        json_put_str(out, (struct str){text, clock_print(at_ns, text)});
    } else {
        json_put_null(out);
    }
}

static void put_count(struct text *out, const char *name, int64_t value)
{
    json_name(out, name);
    json_put_int64(out, value);
}

static void put_group(const struct group *group, struct text *out)
{
    json_open_object(out);
    json_name(out, "workflow");
    if (group->name.size > 0) {
        json_put_str(out, group->name);
    } else {
        json_put_null(out);
    }
    json_name(out, "keeps");
    json_put_bool(out, group->policy != NULL);
    if (group->policy != NULL) {
        put_count(out, "days", group->policy->days);
        put_count(out, "max_kb", group->policy->kib);
        put_count(out, "rules", (int64_t)group->policy->rule_count);
    }
    put_count(out, "calls", group->records);
    put_count(out, "bytes", group->bytes);
    put_instant(out, "oldest", group->oldest_ns, group->records > 0);
    put_instant(out, "until", group->ends_ns, group->records > 0);
    json_close_object(out);
}

static void print_group(const struct group *group, struct text *out)
{
    char calls[32];
    char date[CLOCK_TEXT_BYTES_MAX] = "";
    char policy[96] = "no longer";
    if (group->policy != NULL) {
        snprintf(policy, sizeof policy, "%lld days, %lld KiB, %zu rule%s%s",
                 (long long)group->policy->days, (long long)group->policy->kib,
                 group->policy->rule_count, group->policy->rule_count == 1 ? "" : "s",
                 group->policy->rule_count == 0 ? ": NOTHING is taken out" : "");
    }
    if (group->records > 0) {
        (void)clock_print_date(group->ends_ns, date);
    }
    const struct str count = app_count(group->records, calls, sizeof calls);
    text_format(out, "  %-24.*s %10.*s %10.1f  %-10s  %s\n",
                (int)(group->name.size > 0 ? group->name.size : 9),
                group->name.size > 0 ? group->name.data : "(unknown)", (int)count.size, count.data,
                (double)group->bytes / 1024, date, policy);
}

static enum errc show(struct app *app, struct err *err)
{
    const struct settings *settings = NULL;
    enum errc code = app_settings(app, &settings, err);
    if (code != ERR_OK) {
        return code;
    }
    struct groups *const groups = memory_new(struct groups);
    const struct body_log_query query = {.now_ns = app->now_ns};
    struct body_log_walked walked;
    code = body_log_walk(app->home, &query, count_record, groups, &walked, err);
    if (code == ERR_OK) {
        add_configured(settings, groups);
        qsort(groups->rows, groups->count, sizeof groups->rows[0], by_name);
    }
    struct text *const out = app->out;
    if (code == ERR_OK && app->json) {
        json_open_object(out);
        json_name(out, "schema");
        json_put_text(out, "bursar.bodies/1");
        json_name(out, "workflows");
        json_open_array(out);
        for (size_t i = 0; i < groups->count; i++) {
            put_group(&groups->rows[i], out);
        }
        json_close_array(out);
        json_close_object(out);
        text_char(out, '\n');
    } else if (code == ERR_OK && groups->count == 0) {
        text_add(out, STR("No workflow keeps bodies, and none are kept (docs/bodies.md).\n"));
    } else if (code == ERR_OK) {
        text_add(out, STR("  workflow                      calls        KiB  until       keeps\n"));
        for (size_t i = 0; i < groups->count; i++) {
            print_group(&groups->rows[i], out);
        }
    }
    memory_free(groups);
    return code;
}

/* ---- erasing */

/* The names by which the ledger knows the calls of such cases: a call may have been put into a case
 * that it did not name itself. */
static enum errc find_names(struct app *app, struct str case_id, struct str workflow,
                            struct body_log_choice *choice, struct err *err)
{
    const struct store_value values[] = {STORE_OF_TEXT(case_id),
                                         STORE_OF_INT64(workflow.data != NULL),
                                         STORE_OF_TEXT(workflow.data != NULL ? workflow : STR(""))};
    struct store *store = NULL;
    struct store_result rows = {0};
    enum errc code = app_open_writer(app, &store, err);
    if (code == ERR_OK) {
        code =
            store_run(store, QUERY_bodies_names, values, COUNT_OF(values), app->arena, &rows, err);
    }
    struct hash128 *const keys =
        code == ERR_OK ? arena_new(app->arena, struct hash128, rows.rows + 1) : NULL;
    for (size_t i = 0; keys != NULL && i < rows.rows; i++) {
        keys[i] = store_key(&rows, i, 0);
    }
    app_close_writer(app, &store);
    if (code == ERR_OK && keys == NULL) {
        return err_set(err, ERR_LIMIT, "the case has more steps than fit");
    }
    if (code == ERR_OK) {
        qsort(keys, rows.rows, sizeof *keys, body_key_compare);
        choice->keys = keys;
        choice->key_count = rows.rows;
    }
    return code;
}

static enum errc erase_chosen(struct app *app, const struct body_log_choice *choice,
                              struct body_log_erased *out, struct err *err)
{
    if (app->bodies != NULL) {
        return bodies_erase(app->bodies, choice, out, err);
    }
    struct body_log *log = NULL;
    enum errc code = body_log_open(app->home, &log, err);
    if (code == ERR_OK) {
        code = body_log_erase(log, choice, out, err);
        body_log_close(&log);
    }
    return code;
}

static enum errc report_erased(struct app *app, const char *about,
                               const struct body_log_erased *erased, struct err *err)
{
    char detail[64];
    snprintf(detail, sizeof detail, "%lld calls", (long long)erased->records);
    const enum errc code = app_audit(app, "bodies erased", str_from(about), str_from(detail), err);
    if (code != ERR_OK) {
        return code;
    }
    if (app->json) {
        json_open_object(app->out);
        json_name(app->out, "schema");
        json_put_text(app->out, "bursar.bodies.erased/1");
        put_count(app->out, "calls", erased->records);
        put_count(app->out, "files", erased->files);
        json_close_object(app->out);
        text_char(app->out, '\n');
    } else {
        text_format(app->out, "Erased what was kept of %lld call%s (%s).\n",
                    (long long)erased->records, erased->records == 1 ? "" : "s", about);
    }
    return ERR_OK;
}

static enum errc erase(struct app *app, const struct args *args, struct err *err)
{
    const char *const workflow = args_get(args, "--workflow");
    const bool all = args_get(args, "--all") != NULL;
    const char *const named = args->positional_count > 1 ? args->positional[1] : NULL;
    if ((named != NULL) + (named == NULL && workflow != NULL) + all != 1 ||
        (all && workflow != NULL) || (named != NULL && named[0] == '\0')) {
        return err_set(err, ERR_USAGE,
                       "erase what? A case: bursar bodies erase CASE [--workflow W]; a workflow: "
                       "erase --workflow W; or erase --all");
    }
    char about[2 * NAME_BYTES_MAX + 32];
    struct body_log_choice choice = {0};
    const uint64_t workflow_hash = hash64(str_from(workflow != NULL ? workflow : ""));
    const uint64_t case_hash = hash64(str_from(named != NULL ? named : ""));
    choice.workflow_hash = workflow != NULL ? &workflow_hash : NULL;
    choice.case_hash = named != NULL ? &case_hash : NULL;
    snprintf(about, sizeof about, "%s%.*s%s%s%.*s", named != NULL ? "case " : "", NAME_BYTES_MAX,
             named != NULL ? named : "", named != NULL && workflow != NULL ? " of " : "",
             workflow != NULL ? "workflow "
             : all            ? "all of them"
                              : "",
             NAME_BYTES_MAX, workflow != NULL ? workflow : "");
    struct body_log_erased erased = {0};
    enum errc code = ERR_OK;
    if (named != NULL) {
        code = find_names(app, str_from(named), str_from(workflow), &choice, err);
    }
    if (code == ERR_OK) {
        code = erase_chosen(app, &choice, &erased, err);
    }
    return code == ERR_OK ? report_erased(app, about, &erased, err) : code;
}

/* ---- the command */

static bool is_erase(const struct args *args)
{
    return args->positional_count > 0 && strcmp(args->positional[0], "erase") == 0;
}

static enum ledger_use use(const struct args *args)
{
    return is_erase(args) ? LEDGER_WRITTEN : LEDGER_READ;
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    if (is_erase(args)) {
        return erase(app, args, err);
    }
    if (args->positional_count > 0 || args_get(args, "--workflow") != NULL ||
        args_get(args, "--all") != NULL) {
        return err_set(err, ERR_USAGE, "bodies takes erase, or nothing; see bursar bodies --help");
    }
    return show(app, err);
}

const struct command cmd_bodies = {
    .name = "bodies",
    .synopsis = "\nerase CASE [--workflow W]\nerase --workflow W\nerase --all",
    .summary = "requests and answers that workflows keep, and erasing them",
    .about =
        "Lists the workflows whose calls' bodies are kept (keep_bodies in bursar.yaml,\n"
        "docs/bodies.md): of how many calls, how much, and until when. erase takes what is kept\n"
        "of a case, of a workflow, or all of it off the disk at once, before its days are over;\n"
        "rows of the ledger stay. bursar explain CASE --bodies shows them.",
    .example = "bursar bodies erase T-1042 --workflow support",
    .options = options,
    .option_count = COUNT_OF(options),
    .use = use,
    .positional_max = 2,
    .run = run,
};
