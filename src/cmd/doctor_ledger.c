/* doctor: the stores, what in the ledger has no price or name, and logs that are not in it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/remote.h"
#include "base/check.h"
#include "cmd/doctor.h"
#include "store/control.h"
#include "store/store.h"

#define DUCKDB_VERSION "v1.4.4" /* what tools/setup brings and the tests ran with */

enum { PATH_BYTES_MAX = 4096, LIST_BYTES_MAX = 1000, MODELS_SHOWN_MAX = 5 };

static const char *count(const struct doctor *doctor, int64_t number)
{
    char text[32];
    const struct str kept = arena_copy(doctor->app->arena, app_count(number, text, sizeof text));
    return kept.data != NULL ? kept.data : "?";
}

static void say_failed(struct doctor *doctor, const char *check, const struct err *err)
{
    doctor_say(doctor, DOCTOR_PROBLEM, check, "bursar verify tells more", "%s", err->text);
}

static void check_rejects(struct doctor *doctor, struct store *store, int64_t rejected)
{
    struct store_result rows;
    struct err err;
    if (store_run(store, QUERY_doctor_rejects, NULL, 0, doctor->app->arena, &rows, &err) !=
        ERR_OK) {
        say_failed(doctor, "not taken", &err);
        return;
    }
    struct text list;
    text_init(&list, LIST_BYTES_MAX);
    for (size_t i = 0; i < rows.rows; i++) {
        const struct str reason = store_text(&rows, i, 2);
        text_format(&list, "%s" STR_FORMAT ":%lld: %.*s", i > 0 ? "; " : "",
                    STR_ARG(store_text(&rows, i, 0)), (long long)store_int64(&rows, i, 1, 0),
                    (int)(reason.size > 120 ? 120 : reason.size), reason.data);
    }
    doctor_say(doctor, DOCTOR_NOTE, "not taken",
               "look at them there; all are in the table rejects of the ledger",
               "%s lines or rows of what was imported, the latest %s", count(doctor, rejected),
               list.size > 0 ? list.data : "not kept");
    text_deinit(&list);
}

/* Columns of QUERY_doctor_ledger. */
enum { LEDGER_DUCKDB, LEDGER_SCHEMA, LEDGER_STEPS, LEDGER_CASES, LEDGER_SOURCES, LEDGER_REJECTED };

static void check_contents(struct doctor *doctor, struct store *store)
{
    struct store_result rows;
    struct err err;
    if (store_run(store, QUERY_doctor_ledger, NULL, 0, doctor->app->arena, &rows, &err) != ERR_OK) {
        say_failed(doctor, "ledger", &err);
        return;
    }
    doctor_say(doctor, DOCTOR_OK, "ledger", NULL,
               "%s: schema %lld, %s steps of %s cases from %s files", store_path(store),
               (long long)store_int64(&rows, 0, LEDGER_SCHEMA, 0),
               count(doctor, store_int64(&rows, 0, LEDGER_STEPS, 0)),
               count(doctor, store_int64(&rows, 0, LEDGER_CASES, 0)),
               count(doctor, store_int64(&rows, 0, LEDGER_SOURCES, 0)));
    const struct str version = store_text(&rows, 0, LEDGER_DUCKDB);
    const bool tested = str_equal(version, STR(DUCKDB_VERSION));
    doctor_say(doctor, tested ? DOCTOR_OK : DOCTOR_NOTE, "DuckDB",
               tested ? NULL : "bursar is tested with " DUCKDB_VERSION, STR_FORMAT,
               STR_ARG(version));
    const int64_t rejected = store_int64(&rows, 0, LEDGER_REJECTED, 0);
    if (rejected > 0) {
        check_rejects(doctor, store, rejected);
    }
}

static void check_prices(struct doctor *doctor, struct store *store)
{
    struct store_result rows;
    struct err err;
    if (store_run(store, QUERY_doctor_unpriced, NULL, 0, doctor->app->arena, &rows, &err) !=
        ERR_OK) {
        say_failed(doctor, "prices", &err);
        return;
    }
    if (rows.rows == 0) {
        doctor_say(doctor, DOCTOR_OK, "prices", NULL, "every call in the ledger has a price");
        return;
    }
    struct text list;
    text_init(&list, LIST_BYTES_MAX);
    const int64_t all = store_int64(&rows, 0, 3, 0);
    for (size_t i = 0; i < rows.rows && i < MODELS_SHOWN_MAX; i++) {
        const struct str model = store_text(&rows, i, 0);
        text_format(&list, "%s%.*s (%s calls, %s tokens)", i > 0 ? ", " : "",
                    (int)(model.size > 80 ? 80 : model.size), model.size > 0 ? model.data : "",
                    count(doctor, store_int64(&rows, i, 1, 0)),
                    count(doctor, store_int64(&rows, i, 2, 0)));
    }
    if (all > MODELS_SHOWN_MAX) {
        text_format(&list, " and %lld more", (long long)(all - MODELS_SHOWN_MAX));
    }
    doctor_say(doctor, DOCTOR_NOTE, "prices",
               "add their prices under `prices` in bursar.yaml, then: bursar price update --apply",
               "no price is known for %s", list.data);
    text_deinit(&list);
}

/* A text as YAML reads it back: as it is where that is plain, else in quotes. */
static void put_yaml(struct text *out, struct str value)
{
    bool plain = value.size > 0;
    for (size_t i = 0; i < value.size && plain; i++) {
        const char c = value.data[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        plain = letter || (i > 0 && ((c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'));
    }
    if (plain) {
        text_add(out, value);
    } else {
        json_put_str(out, value);
    }
}

/* Whose spend nobody is named for, and the rule that would name it. */
static void check_services(struct doctor *doctor, struct store *store)
{
    struct store_result rows;
    struct err err;
    if (store_run(store, QUERY_doctor_services, NULL, 0, doctor->app->arena, &rows, &err) !=
        ERR_OK) {
        say_failed(doctor, "correlation", &err);
        return;
    }
    for (size_t i = 0; i < rows.rows; i++) {
        const struct str service = store_text(&rows, i, 0);
        char cost[MONEY_TEXT_BYTES_MAX];
        struct text name;
        struct text mend;
        money_print_rounded(store_sum(&rows, i, 2), 2, cost);
        text_init(&name, LIST_BYTES_MAX);
        text_init(&mend, 3 * (size_t)LIST_BYTES_MAX);
        put_yaml(&name, service);
        text_format(&mend, "- {when: {service.name: " STR_FORMAT "}, workflow: " STR_FORMAT "}",
                    STR_ARG(text_str(&name)), STR_ARG(text_str(&name)));
        doctor_say(doctor, DOCTOR_NOTE, "correlation", mend.data,
                   "%s calls, %s USD, of service %.*s name no workflow; under `correlation` in "
                   "bursar.yaml this would, from then on:",
                   count(doctor, store_int64(&rows, i, 1, 0)), cost,
                   (int)(service.size < 80 ? service.size : 80), service.data);
        text_deinit(&mend);
        text_deinit(&name);
    }
    const int64_t all = rows.rows > 0 ? store_int64(&rows, 0, 3, 0) : 0;
    if (all > (int64_t)rows.rows) {
        doctor_say(doctor, DOCTOR_NOTE, "correlation", NULL, "and %lld more services",
                   (long long)(all - (int64_t)rows.rows));
    }
}

/* Columns of QUERY_doctor_named. */
enum { NAMED_CALLS, NAMED_COST, NAMED_SESSIONS, NAMED_CASES, NAMED_OUTCOMES };

static void check_names(struct doctor *doctor, struct store *store)
{
    struct store_result rows;
    struct err err;
    if (store_run(store, QUERY_doctor_named, NULL, 0, doctor->app->arena, &rows, &err) != ERR_OK) {
        say_failed(doctor, "attribution", &err);
        return;
    }
    const int64_t calls = store_int64(&rows, 0, NAMED_CALLS, 0);
    const int64_t sessions = store_int64(&rows, 0, NAMED_SESSIONS, 0);
    const int64_t cases = store_int64(&rows, 0, NAMED_CASES, 0);
    const int64_t outcomes = store_int64(&rows, 0, NAMED_OUTCOMES, 0);
    if (calls > 0) {
        char cost[MONEY_TEXT_BYTES_MAX];
        money_print_rounded(store_sum(&rows, 0, NAMED_COST), 2, cost);
        doctor_say(doctor, DOCTOR_NOTE, "attribution",
                   "name it with a rule of correlation, with --workflow at import, or in a map",
                   "%s calls, %s USD, belong to no workflow", count(doctor, calls), cost);
    } else {
        doctor_say(doctor, DOCTOR_OK, "attribution", NULL, "every call belongs to a workflow");
    }
    if (sessions > 0) {
        doctor_say(doctor, DOCTOR_NOTE, "case names",
                   "outcomes must name the session, until the agent names its case",
                   "%s of %s cases are known by their session alone", count(doctor, sessions),
                   count(doctor, cases));
    }
    if (outcomes == 0 && cases > 0) {
        doctor_say(doctor, DOCTOR_NOTE, "outcomes",
                   "bursar outcome import FILE, or `outcomes` of a workflow in bursar.yaml",
                   "no case has one, so nothing has a cost per outcome");
    } else {
        doctor_say(doctor, DOCTOR_OK, "outcomes", NULL, "%s of %s cases have one",
                   count(doctor, outcomes), count(doctor, cases));
    }
}

/* Where agents keep their logs: a folder of an environment variable, or one in the user's home. */
static const struct {
    const char *agent;
    const char *variable; /* NULL: none */
    const char *in_variable;
    const char *in_home;
} agents[] = {
    {"Claude Code", "CLAUDE_CONFIG_DIR", "/projects", "/.claude/projects"},
    {"Claude Code", "XDG_CONFIG_HOME", "/claude/projects", "/.config/claude/projects"},
    {"Codex CLI", "CODEX_HOME", "/sessions", "/.codex/sessions"},
    {"Gemini CLI", NULL, "", "/.gemini/tmp"},
};

static bool find_logs(size_t agent, char path[static PATH_BYTES_MAX])
{
    const char *const named =
        agents[agent].variable != NULL ? getenv(agents[agent].variable) : NULL;
    const char *const home = getenv("HOME");
    if (named != NULL && named[0] != '\0') {
        snprintf(path, PATH_BYTES_MAX, "%s%s", named, agents[agent].in_variable);
    } else if (home != NULL && home[0] == '/') {
        snprintf(path, PATH_BYTES_MAX, "%s%s", home, agents[agent].in_home);
    } else {
        return false;
    }
    return access(path, R_OK | X_OK) == 0;
}

/* store NULL: there is no ledger to compare with. */
static void check_logs(struct doctor *doctor, struct store *store)
{
    for (size_t i = 0; i < COUNT_OF(agents); i++) {
        char path[PATH_BYTES_MAX];
        if (!find_logs(i, path)) {
            continue;
        }
        struct store_result rows;
        struct err err;
        const struct store_value prefix = STORE_OF_TEXT(str_from(path));
        int64_t files = 0;
        if (store != NULL && store_run(store, QUERY_doctor_sources, &prefix, 1, doctor->app->arena,
                                       &rows, &err) == ERR_OK) {
            files = store_int64(&rows, 0, 0, 0);
        }
        if (files > 0) {
            doctor_say(doctor, DOCTOR_OK, "agent logs", NULL, "%s: %s, %s files imported",
                       agents[i].agent, path, count(doctor, files));
        } else {
            char mend[PATH_BYTES_MAX + 32];
            snprintf(mend, sizeof mend, "bursar import %s", path);
            doctor_say(doctor, DOCTOR_NOTE, "agent logs", mend, "%s: %s is not imported",
                       agents[i].agent, path);
        }
    }
}

static void check_control(struct doctor *doctor)
{
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof path, STR_FORMAT "/control.sqlite", STR_ARG(doctor->app->home));
    struct control *control = NULL;
    struct err err;
    if (access(path, F_OK) != 0) {
        return; /* it is made when it is first needed */
    }
    if (control_open(doctor->app->home, &control, &err) != ERR_OK) {
        doctor_say(doctor, DOCTOR_PROBLEM, "control store",
                   "restore it from a backup; without one, move it away and lose the audit trail",
                   "%s", err.text);
        return;
    }
    control_close(&control);
    doctor_say(doctor, DOCTOR_OK, "control store", NULL, "%s", path);
}

void doctor_check_ledger(struct doctor *doctor)
{
    CHECK(doctor != NULL);
    struct store *store = NULL;
    struct err err;
    const enum errc code = store_open(doctor->app->home, STORE_READ, &store, &err);
    if (code == ERR_NOT_FOUND) {
        doctor_say(doctor, DOCTOR_NOTE, "ledger", "bursar import PATH, or bursar serve",
                   "there is none yet in " STR_FORMAT, STR_ARG(doctor->app->home));
    } else if (code == ERR_BUSY && remote_is_there(doctor->app)) {
        doctor_say(doctor, DOCTOR_OK, "ledger", NULL,
                   "bursar serve keeps it; what is in it is checked while the server does not run");
    } else if (code == ERR_BUSY) {
        doctor_say(doctor, DOCTOR_PROBLEM, "ledger", NULL, "%s", err.text);
    } else if (code != ERR_OK) {
        doctor_say(doctor, DOCTOR_PROBLEM, "ledger",
                   "restore a backup, or import the sources into a new home", "%s", err.text);
    } else {
        check_contents(doctor, store);
        check_prices(doctor, store);
        check_names(doctor, store);
        check_services(doctor, store);
    }
    check_control(doctor);
    check_logs(doctor, store);
    store_close(&store);
}
