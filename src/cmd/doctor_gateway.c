/* doctor: what the gateway would need: upstreams with their keys, routes to models with a price,
 * budgets that can bind and are not at their end. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/app.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "budget/budget.h"
#include "cmd/doctor.h"
#include "gateway/gateway.h"
#include "model/settings.h"
#include "net/client.h"

enum { NAME_BYTES_MAX = 256, KEY_FILE_BYTES_MAX = 4096, LIST_BYTES_MAX = 600, LISTED_MAX = 5 };

static bool is_near(struct str host)
{
    return str_starts_with(host, STR("127.")) || str_equal(host, STR("localhost")) ||
           str_equal(host, STR("::1"));
}

/* What the file of a key says of itself; true: it can be used. The key is not shown. */
static bool check_key_file(struct doctor *doctor, const char *check, struct str path)
{
    struct stat status;
    struct str text;
    struct err err;
    if (stat(path.data, &status) != 0 || access(path.data, R_OK) != 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, check,
                   "api_key_file names a file whose first line is "
                   "the key, readable for the server's user",
                   "%s cannot be read", path.data);
        return false;
    }
    const struct arena_position mark = arena_mark(doctor->app->arena);
    const bool read =
        file_read(path, KEY_FILE_BYTES_MAX, doctor->app->arena, &text, &err) == ERR_OK;
    const bool has_key = read && str_trim(str_cut(&text, '\n')).size > 0;
    arena_rewind(doctor->app->arena, mark);
    if (!has_key) {
        doctor_say(doctor, DOCTOR_PROBLEM, check, "put the key into its first line",
                   "%s has no key in its first line", path.data);
        return false;
    }
    if ((status.st_mode & 077) != 0) {
        doctor_say(doctor, DOCTOR_NOTE, check, "chmod 600",
                   "other users may read the key in %s "
                   "(mode %03o)",
                   path.data, (unsigned int)status.st_mode & 0777U);
        return false;
    }
    return true;
}

/* Where the key comes from, in words; NULL: something is wrong with it, and that was said. */
static const char *check_key(struct doctor *doctor, const char *check,
                             const struct settings_upstream *upstream)
{
    if (upstream->api_key_env.size > 0) {
        const char *const value = getenv(upstream->api_key_env.data);
        if (value == NULL || value[0] == '\0') {
            doctor_say(doctor, DOCTOR_PROBLEM, check,
                       "set it where bursar serve is started; without it the server does not start",
                       "this environment has no " STR_FORMAT, STR_ARG(upstream->api_key_env));
            return NULL;
        }
        return "its key comes from the environment";
    }
    if (upstream->api_key_file.size > 0) {
        return check_key_file(doctor, check, upstream->api_key_file)
                   ? "its key comes from a file of the owner's alone"
                   : NULL;
    }
    return "clients bring their own keys";
}

static void check_upstream(struct doctor *doctor, const struct settings_upstream *upstream,
                           const struct price_book *book)
{
    char check[NAME_BYTES_MAX];
    struct net_target target;
    struct str path;
    struct err err;
    snprintf(check, sizeof check, "upstream %.*s",
             (int)(upstream->name.size < 64 ? upstream->name.size : 64), upstream->name.data);
    if (net_target_parse(upstream->base_url, &target, &path, &err) != ERR_OK) {
        doctor_say(doctor, DOCTOR_PROBLEM, check, "mend base_url", "base_url: %s", err.text);
        return;
    }
    const char *const key = check_key(doctor, check, upstream);
    const bool is_public = str_equal(target.host, STR("api.openai.com")) ||
                           str_equal(target.host, STR("api.anthropic.com"));
    const struct str provider = upstream->provider.size > 0 ? upstream->provider : upstream->name;
    if (!target.tls && !is_near(target.host)) {
        doctor_say(doctor, DOCTOR_NOTE, check, "use https://",
                   STR_FORMAT " is reached without TLS: keys and prompts can be read on the way",
                   STR_ARG(target.host));
    }
    if (is_public && !str_equal(path, STR("/v1"))) {
        doctor_say(doctor, DOCTOR_PROBLEM, check, "end base_url with /v1",
                   "what follows /v1 in a client's path is put behind base_url, which has no /v1");
    } else if (!price_knows_provider(book, provider)) {
        doctor_say(doctor, DOCTOR_NOTE, check,
                   "name the provider whose prices hold with provider:, or add its prices",
                   "the price book has no provider " STR_FORMAT
                   "; calls are refused where a budget is hard",
                   STR_ARG(provider));
    } else if (key != NULL) {
        doctor_say(doctor, DOCTOR_OK, check, NULL, STR_FORMAT ", %s", STR_ARG(target.host), key);
    }
}

static const struct settings_upstream *find_upstream(const struct settings *settings,
                                                     struct str name)
{
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        if (str_equal(settings->upstreams.rows[i].name, name)) {
            return &settings->upstreams.rows[i];
        }
    }
    return NULL;
}

/* Models of a route that have no price now, at the providers it may go to. */
static void list_unpriced(const struct settings *settings, const struct settings_route *route,
                          const struct price_book *book, int64_t now_ns, struct text *out)
{
    struct str models[GATEWAY_CHAIN_MAX + 1];
    size_t count = 0;
    models[count++] = route->model;
    for (size_t i = 0; i < route->fallback_count && count < GATEWAY_CHAIN_MAX; i++) {
        models[count++] = route->fallback[i];
    }
    models[count++] = route->under_pressure;
    const struct settings_upstream *const only = find_upstream(settings, route->upstream);
    for (size_t i = 0; i < count; i++) {
        bool priced = models[i].size == 0;
        for (size_t j = 0; j < settings->upstreams.count && !priced; j++) {
            const struct settings_upstream *const upstream = &settings->upstreams.rows[j];
            const struct str provider =
                upstream->provider.size > 0 ? upstream->provider : upstream->name;
            const char *why = NULL;
            const struct price_model *const model =
                only == NULL || only == upstream ? price_find(book, provider, models[i], NULL, &why)
                                                 : NULL;
            priced = model != NULL && price_row_at(book, model, now_ns, TIER_STANDARD,
                                                   (struct str){0}, 0, &why) != NULL;
        }
        if (!priced) {
            text_format(out, "%s" STR_FORMAT, out->size > 0 ? ", " : "", STR_ARG(models[i]));
        }
    }
}

/* Names of upstreams whose clients' calls pass the route over though they may fit it. */
static void list_passing(const struct settings *settings, const struct gateway_table *table,
                         size_t route, struct text *out)
{
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        if (gateway_passes_over(table, route, i)) {
            text_format(out, "%s" STR_FORMAT, out->size > 0 ? ", " : "",
                        STR_ARG(settings->upstreams.rows[i].name));
        }
    }
}

/* Whether each model of the route can be had by everybody who fits it. */
static bool check_whom(struct doctor *doctor, const struct settings *settings,
                       const struct gateway_table *table, size_t route)
{
    const struct str never = gateway_never_tried(table, route);
    struct text passing;
    text_init(&passing, LIST_BYTES_MAX);
    list_passing(settings, table, route, &passing);
    const bool all = passing.size == 0;
    if (!all) {
        doctor_say(doctor, DOCTOR_NOTE, "routes",
                   "give their calls a route with a model of their own, or match the model asked "
                   "for",
                   "route %zu: calls to %s pass it over, as its model is not served there",
                   route + 1, passing.data);
    }
    if (never.size > 0) {
        doctor_say(doctor, DOCTOR_NOTE, "routes", "name a model of the same upstream",
                   "route %zu: " STR_FORMAT " is never tried, as it is served by another upstream "
                   "than the route's model",
                   route + 1, STR_ARG(never));
    }
    text_deinit(&passing);
    return all && never.size == 0;
}

static size_t check_all_whom(struct doctor *doctor, const struct settings *settings,
                             const struct price_book *book)
{
    static const struct str none[GATEWAY_UPSTREAMS_MAX];
    struct gateway_table *table = NULL;
    struct err err;
    size_t noted = 0;
    if (settings->upstreams.count <= GATEWAY_UPSTREAMS_MAX &&
        gateway_table_create(settings, none, book, &table, &err) == ERR_OK) {
        for (size_t i = 0; i < settings->routes.count; i++) {
            noted += !check_whom(doctor, settings, table, i);
        }
    }
    gateway_table_destroy(&table); /* else it was said what is wrong */
    return noted;
}

static void check_routes(struct doctor *doctor, const struct settings *settings,
                         const struct price_book *book)
{
    size_t good = 0;
    for (size_t i = 0; i < settings->routes.count; i++) {
        const struct settings_route *const route = &settings->routes.rows[i];
        struct text unpriced;
        text_init(&unpriced, LIST_BYTES_MAX);
        list_unpriced(settings, route, book, doctor->app->now_ns, &unpriced);
        if (route->upstream.size > 0 && find_upstream(settings, route->upstream) == NULL) {
            doctor_say(doctor, DOCTOR_PROBLEM, "routes", "name it under upstreams",
                       "route %zu goes to upstream " STR_FORMAT ", which there is not; the server "
                       "does not start",
                       i + 1, STR_ARG(route->upstream));
        } else if (settings->upstreams.count == 0 && !route->to_people) {
            doctor_say(doctor, DOCTOR_PROBLEM, "routes", "name one under upstreams",
                       "route %zu has no upstream to go to", i + 1);
        } else if (unpriced.size > 0) {
            doctor_say(doctor, DOCTOR_NOTE, "routes",
                       "add their prices under prices, or mend the "
                       "names",
                       "route %zu: no price is known for %s; where a budget is hard those "
                       "calls are refused",
                       i + 1, unpriced.data);
        } else {
            good++;
        }
        text_deinit(&unpriced);
    }
    const size_t noted = check_all_whom(doctor, settings, book);
    if (good > 0 && good == settings->routes.count && noted == 0) {
        doctor_say(doctor, DOCTOR_OK, "routes", NULL, "%zu, each to models with a price", good);
    }
}

/* Why calls never touch the scope; NULL: they may. */
static const char *why_never(const struct settings *settings, struct str scope)
{
    if (settings->upstreams.count == 0) {
        return "no upstream is configured, so that no call passes";
    }
    if (str_starts_with(scope, STR("segment:"))) {
        return "the gateway does not know the segment of a call before it is made";
    }
    struct str name = scope;
    const struct str kind = str_cut(&name, ':');
    if (str_equal(kind, STR("workflow")) && settings->workflows.count > 0 &&
        settings_workflow(settings, name) == NULL) {
        return "no workflow of that name is configured; calls have to name it themselves";
    }
    if (str_equal(kind, STR("team"))) {
        for (size_t i = 0; i < settings->workflows.count; i++) {
            if (str_equal(settings->workflows.rows[i].team, name)) {
                return NULL;
            }
        }
        return "no workflow has that team; calls are its own only by a key bound to it";
    }
    return NULL;
}

static void check_scope(struct doctor *doctor, const struct settings *settings, struct str scope)
{
    const char *const why = why_never(settings, scope);
    if (why == NULL) {
        return;
    }
    const bool never = settings->upstreams.count == 0 || str_starts_with(scope, STR("segment:"));
    doctor_say(doctor, DOCTOR_NOTE, "budgets",
               never ? "use org, team:, workflow:, key:, user: or model:, and name an upstream"
                     : "check the name; bursar key create --team or --workflow binds calls to it",
               STR_FORMAT ": %s%s", STR_ARG(scope), never ? "it never binds: " : "", why);
}

static void check_balances(struct doctor *doctor, const struct settings *settings)
{
    struct budget_options options = {.home = doctor->app->home,
                                     .limit_count = settings->budgets.count,
                                     .now_ns = doctor->app->now_ns,
                                     .steady_ns = clock_steady_ns};
    struct budget_standing standing;
    struct err err;
    struct arena *const arena = doctor->app->arena;
    enum errc code = budget_limits(settings->budgets.rows, settings->budgets.count, arena,
                                   &options.limits, &err);
    if (code == ERR_OK) {
        code = budget_look(&options, (struct str){0}, arena, &standing, &err);
    }
    if (code != ERR_OK) {
        doctor_say(doctor, DOCTOR_PROBLEM, "budgets", "mend it as it says", "%s", err.text);
        return;
    }
    size_t hard = 0;
    size_t at_end = 0;
    for (size_t i = 0; i < standing.balances.count; i++) {
        const struct hold_balance *const b = &standing.balances.rows[i];
        hard += b->hard_pusd != HOLD_NO_LIMIT || b->per_case_pusd != HOLD_NO_LIMIT;
        if (b->hard_pusd != HOLD_NO_LIMIT && b->spent_pusd + b->held_pusd >= b->hard_pusd) {
            char resets[CLOCK_TEXT_BYTES_MAX] = "never";
            if (b->resets_ns != HOLD_NO_END) {
                (void)clock_print(b->resets_ns, resets);
            }
            at_end++;
            doctor_say(doctor, DOCTOR_NOTE, "budgets", "raise it, or wait until it begins anew",
                       STR_FORMAT ": spent to its limit; calls are refused. It begins anew: %s",
                       STR_ARG(b->scope), resets);
        }
    }
    if (hard == 0) {
        doctor_say(doctor, DOCTOR_NOTE, "budgets",
                   "at: [{share: 1, do: refuse}], or no at, "
                   "refuses",
                   "none of %zu ever refuses a call", standing.balances.count);
    } else if (at_end == 0) {
        doctor_say(doctor, DOCTOR_OK, "budgets", NULL, "%zu, of which %zu refuse calls beyond them",
                   standing.balances.count, hard);
    }
}

static void check_notify(struct doctor *doctor, const struct settings *settings)
{
    struct str rest = settings->gateway.notify_url;
    struct net_target target;
    struct str path;
    struct err err;
    bool has_step = false;
    for (size_t i = 0; i < settings->budgets.count; i++) {
        has_step = has_step || settings->budgets.rows[i].step_count > 0;
    }
    if (rest.size == 0) {
        if (has_step) {
            doctor_say(doctor, DOCTOR_NOTE, "notices", "gateway: {notify_url: https://…}",
                       "steps of budgets are told in the server's log only");
        }
        return;
    }
    if (net_target_parse(str_cut(&rest, '?'), &target, &path, &err) != ERR_OK) {
        doctor_say(doctor, DOCTOR_PROBLEM, "notices", "mend notify_url",
                   "notify_url is no URL of a server");
    } else if (!target.tls && !is_near(target.host)) {
        doctor_say(doctor, DOCTOR_NOTE, "notices", "use https://",
                   "notices go to " STR_FORMAT " without TLS", STR_ARG(target.host));
    } else {
        doctor_say(doctor, DOCTOR_OK, "notices", NULL, "are sent to " STR_FORMAT,
                   STR_ARG(target.host));
    }
}

void doctor_check_gateway(struct doctor *doctor)
{
    CHECK(doctor != NULL);
    const struct settings *settings = NULL;
    const struct price_book *book = NULL;
    struct err err;
    if (app_settings(doctor->app, &settings, &err) != ERR_OK ||
        app_price_book(doctor->app, &book, &err) != ERR_OK) {
        return; /* said before */
    }
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        check_upstream(doctor, &settings->upstreams.rows[i], book);
    }
    check_routes(doctor, settings, book);
    for (size_t i = 0; i < settings->budgets.count; i++) {
        check_scope(doctor, settings, settings->budgets.rows[i].scope);
    }
    if (settings->budgets.count > 0) {
        check_balances(doctor, settings);
    }
    check_notify(doctor, settings);
    if (doctor->online) {
        doctor_check_online(doctor, settings);
    }
}
