/*
 * Whether a call may be made: its route, what it can cost at most, and a hold for that in every
 * scope it touches. Each try of the chain has a hold of its own, by its own model's price.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/gateway_priv.h"

enum {
    OUTPUT_CEILING_DEFAULT = 32768, /* tokens; most models write no more in one reply */
    SEARCHES_DEFAULT = 10,          /* of a request that does not bound them */
    TEXT_CLASSES = 1 << USAGE_INPUT_UNCACHED | 1 << USAGE_CACHE_READ | 1 << USAGE_CACHE_WRITE_5M |
                   1 << USAGE_CACHE_WRITE_1H,
};
/* A hold outlives every deadline of its call. */
#define HOLD_MARGIN_NS (INT64_C(60) * 1000000000)

int64_t gateway_output_ceiling(const struct settings *settings, const struct settings_route *route)
{
    CHECK(settings != NULL);
    if (route != NULL && route->output_ceiling > 0) {
        return route->output_ceiling;
    }
    const int64_t ceiling = settings->gateway.output_ceiling;
    return ceiling > 0 ? ceiling : OUTPUT_CEILING_DEFAULT;
}

static int64_t ceiling_of(const struct exchange *exchange)
{
    return gateway_output_ceiling(exchange->table->settings, exchange->route);
}

static bool shrinks(const struct exchange *exchange)
{
    return exchange->route != NULL && exchange->route->has_shrink
               ? exchange->route->shrink
               : exchange->table->settings->gateway.shrink;
}

/* Whether the body can be given a bound of the output: it has one, or its API has a name for it. */
static bool takes_bound(const struct exchange *exchange)
{
    return exchange->has_body &&
           (exchange->output_names[0] != NULL || gateway_output_name(exchange->api) != NULL);
}

/* Tokens that may come out; sets what is written into the body, and why a cost could be above the
 * hold. */
static int64_t bound_output(struct exchange *exchange)
{
    const int64_t ceiling = ceiling_of(exchange);
    int64_t bound = exchange->output_max;
    exchange->output_set = 0;
    exchange->cause = exchange->unbounded != NULL      ? HOLD_CAUSE_INPUT
                      : exchange->web_searches_max < 0 ? HOLD_CAUSE_FEES
                                                       : HOLD_CAUSE_NONE;
    if (exchange->is_output_unsure) {
        bound = bound > ceiling ? bound : ceiling;
        exchange->cause = HOLD_CAUSE_UNBOUNDED;
    } else if ((bound < 0 || bound > ceiling) && shrinks(exchange) && takes_bound(exchange)) {
        bound = ceiling;
        exchange->output_set = ceiling;
    } else if (bound < 0) {
        bound = ceiling;
        exchange->cause = HOLD_CAUSE_UNBOUNDED;
    }
    int64_t all = 0;
    const int64_t choices = exchange->choices > 0 ? exchange->choices : 1;
    if (__builtin_mul_overflow(bound, choices, &all) || all > USAGE_TOKENS_MAX) {
        all = USAGE_TOKENS_MAX;
    }
    exchange->output_all = exchange->cause != HOLD_CAUSE_UNBOUNDED ? all : -1;
    return all;
}

static int64_t searches_of(const struct exchange *exchange)
{
    const int64_t most = exchange->web_searches_max;
    return most > 0 ? most : most < 0 ? SEARCHES_DEFAULT : 0;
}

/* What the call can cost at most; false: nobody knows, exchange->message says why. `out_model` is
 * the price book's name, whichever of its names was asked for. */
static bool price(struct exchange *exchange, int64_t now_ns, int64_t *out_pusd,
                  struct str *out_model)
{
    const struct gateway_candidate *const candidate = &exchange->chain[exchange->chain_at];
    const int64_t searches = searches_of(exchange);
    const bool always = searches == 0 && gateway_always_searches(gateway_model(exchange));
    struct price_bounds bounds = {
        .provider = candidate->upstream->provider,
        .model = gateway_model(exchange),
        .region = provider_text_str(&exchange->geo),
        /* Anthropic serves a workspace where its owner has said. */
        .any_region = exchange->dialect == PROVIDER_ANTHROPIC && exchange->geo.size == 0,
        .tiers = 1u << TIER_STANDARD | 1u << exchange->tier |
                 (exchange->is_open_tier ? 1u << candidate->upstream->default_tier : 0),
        .input_tokens = exchange->input_tokens_max,
        .output_tokens = bound_output(exchange),
        .web_searches = always ? 1 : searches,
        .input_classes = exchange->input_classes != 0 ? exchange->input_classes | TEXT_CLASSES : 0,
        .output_audio = exchange->output_audio,
        .from_ns = now_ns,
        .until_ns = now_ns,
    };
    struct price_worst worst;
    struct err err;
    *out_pusd = 0;
    if (exchange->is_job) {
        gateway_say(exchange, "work that is done later, at a cost that no reply tells");
        return false;
    }
    if (bounds.model.size == 0) {
        gateway_say(exchange, "the request names no model");
        return false;
    }
    enum errc code =
        price_worst(exchange->table->book, &bounds, gateway_memo(exchange), &worst, &err);
    if (always && code == ERR_OK && worst.state != PRICE_PRICED) { /* nobody knows the fee */
        bounds.web_searches = 0;
        exchange->cause = exchange->cause == HOLD_CAUSE_NONE ? HOLD_CAUSE_FEES : exchange->cause;
        code = price_worst(exchange->table->book, &bounds, gateway_memo(exchange), &worst, &err);
    }
    if (code != ERR_OK) {
        gateway_say(exchange, "%s", err.text);
        return false;
    }
    if (worst.state != PRICE_PRICED) {
        gateway_say(exchange, "%s", worst.why);
        return false;
    }
    *out_pusd = worst.cost_pusd;
    *out_model = worst.model;
    return true;
}

struct scopes {
    char text[GATEWAY_SCOPE_COUNT][HOLD_SCOPE_BYTES_MAX];
    struct str rows[GATEWAY_SCOPE_COUNT];
    size_t count;
};

static void add_scope(struct scopes *scopes, const char *kind, struct str name)
{
    if (name.size == 0) {
        return;
    }
    CHECK(scopes->count < GATEWAY_SCOPE_COUNT);
    char *const text = scopes->text[scopes->count];
    const size_t front = strlen(kind);
    CHECK(front + 1 + name.size <= HOLD_SCOPE_BYTES_MAX);
    memcpy(text, kind, front);
    text[front] = ':';
    memcpy(text + front + 1, name.data, name.size);
    scopes->rows[scopes->count++] = (struct str){text, front + 1 + name.size};
}

/* A limit of a model holds for all its names: that asked for, the price book's, and those that
 * limits have. */
static void add_models(const struct exchange *exchange, struct str model, struct scopes *scopes)
{
    const struct str asked = gateway_model(exchange);
    const struct gateway_table *const table = exchange->table;
    const struct gateway_upstream *const upstream = exchange->chain[exchange->chain_at].upstream;
    /* No limit can be named by a longer one. */
    const bool fits = model.size + strlen("model:") <= HOLD_SCOPE_BYTES_MAX;
    add_scope(scopes, "model", asked);
    if (fits && !str_equal(model, asked)) {
        add_scope(scopes, "model", model);
    }
    for (size_t i = 0; i < table->name_count && model.size > 0; i++) {
        const struct gateway_name *const name = &table->names[i];
        if (name->upstream == upstream && str_equal(name->model, model) &&
            !str_equal(name->limit, asked)) {
            add_scope(scopes, "model", name->limit);
        }
    }
}

static enum errc reserve(struct exchange *exchange, int64_t amount_pusd, struct str model,
                         int64_t now_ns, struct hold_grant *out_grant,
                         struct hold_refusal *out_refusal, struct err *err)
{
    const struct gateway_who *const who = &exchange->who;
    struct scopes scopes = {.rows = {STR("org")}, .count = 1};
    add_scope(&scopes, "team", provider_text_str(&who->team));
    add_scope(&scopes, "workflow", provider_text_str(&who->workflow));
    add_scope(&scopes, "key", provider_text_str(&who->key));
    add_scope(&scopes, "user", provider_text_str(&who->user));
    add_models(exchange, model, &scopes);
    const int64_t set_s = exchange->table->settings->gateway.total_s;
    int64_t total_s = set_s > 0 ? set_s : 3600;
    total_s += exchange->is_background ? GATEWAY_BACKGROUND_S : 0;
    char name[2 * PROVIDER_NAME_BYTES_MAX + 1];
    size_t size = 0;
    if (!who->is_session) {
        const struct str parts[] = {provider_text_str(&who->workflow), STR("\n"),
                                    provider_text_str(&who->case_id)};
        size = str_join(name, sizeof name, parts, COUNT_OF(parts));
    }
    const struct hold_request request = {
        .scopes = scopes.rows,
        .scope_count = scopes.count,
        .case_name = {name, size},
        .amount_pusd = amount_pusd,
        .expires_ns = now_ns + total_s * INT64_C(1000000000) + HOLD_MARGIN_NS,
        .now_ns = now_ns,
    };
    return budget_reserve_later(exchange->home->gateway->settings.budget, &request, out_grant,
                                out_refusal, err);
}

/* The model that a route keeps for when money is short; false: there is none, or it is in use. */
static bool press(struct exchange *exchange, const char *scope, const char *why)
{
    const struct settings_route *const route = exchange->route;
    if (route == NULL || route->under_pressure.size == 0 || exchange->is_pressed ||
        !gateway_pressed_is_for(exchange)) {
        return false;
    }
    exchange->is_pressed = true;
    exchange->chain[exchange->chain_at].model = route->under_pressure;
    snprintf(exchange->pressed_by, sizeof exchange->pressed_by, "the budget of %s %s", scope, why);
    exchange->chain[exchange->chain_at].why = exchange->pressed_by;
    return true;
}

static enum gateway_step refuse_unrecorded(struct exchange *exchange, const char *why)
{
    gateway_say(exchange, "the hold could not be recorded, so nothing was forwarded: %.300s", why);
    atomic_fetch_add(&exchange->home->gateway->counts.unrecorded, 1);
    return gateway_refuse(exchange, REFUSE_RECORD);
}

enum gateway_step gateway_unrecorded(struct exchange *exchange)
{
    char why[GATEWAY_MESSAGE_BYTES];
    memcpy(why, exchange->message, sizeof why);
    (void)gateway_end_hold(exchange, NULL, NULL); /* no call leaves for it */
    return refuse_unrecorded(exchange, why);
}

/* A hold for the candidate, which is recorded next; or the end. */
static enum gateway_step hold(struct exchange *exchange)
{
    for (;;) {
        const int64_t now_ns = clock_now_ns();
        struct hold_grant grant;
        struct hold_refusal refusal;
        struct err err;
        int64_t worst_pusd = 0;
        struct str model = {0};
        exchange->is_unpriced = !price(exchange, now_ns, &worst_pusd, &model);
        const enum errc code = reserve(exchange, worst_pusd, model, now_ns, &grant, &refusal, &err);
        if (code == ERR_BUDGET) {
            if (press(exchange, refusal.scope, "has no room for the dearer model")) {
                continue;
            }
            return gateway_refuse_money(exchange, &refusal);
        }
        if (code != ERR_OK) {
            return refuse_unrecorded(exchange, err.text);
        }
        exchange->hold = grant.id;
        exchange->held_pusd = worst_pusd;
        exchange->started_ns = now_ns;
        exchange->is_limited = grant.limited;
        exchange->remaining_pusd = grant.remaining_pusd;
        if (grant.shape && press(exchange, grant.shape_scope, "says to save")) {
            if (!gateway_end_hold(exchange, NULL, NULL)) {
                return refuse_unrecorded(exchange, "the disk refuses");
            }
            continue;
        }
        if (exchange->is_unpriced && grant.limited &&
            !exchange->table->settings->gateway.allow_unpriced) {
            return gateway_refuse_unpriced(exchange);
        }
        exchange->cause = exchange->is_unpriced ? HOLD_CAUSE_UNPRICED : exchange->cause;
        return gateway_record_hold(exchange);
    }
}

static enum gateway_step refuse_people(struct exchange *exchange)
{
    char rule[64];
    snprintf(rule, sizeof rule, "route %td, to people",
             exchange->route - exchange->table->settings->routes.rows + 1);
    const struct gateway_decision decision = {.choice = "stays with people",
                                              .rule = rule,
                                              .reason = exchange->message,
                                              .wanted_pusd = -1};
    gateway_record_refusal(exchange, &decision);
    atomic_fetch_add(&exchange->home->gateway->counts.refused, 1);
    return gateway_refuse(exchange, REFUSE_PEOPLE);
}

static bool is_free(const struct exchange *exchange)
{
    const enum http_method method = exchange->request->head->method;
    /* With a body it may be a POST by another name (X-HTTP-Method-Override). */
    return exchange->api == PROVIDER_FREE ||
           (exchange->request->body.size == 0 &&
            (method == HTTP_GET || method == HTTP_HEAD || method == HTTP_DELETE ||
             method == HTTP_OPTIONS ||
             str_ends_with(exchange->request->head->path, STR("/cancel"))));
}

enum gateway_step gateway_admit(struct exchange *exchange)
{
    struct gateway *const gateway = exchange->home->gateway;
    CHECK(exchange->hold == 0);
    if (gateway_is_of_another_team(exchange)) {
        return gateway_refuse_team(exchange);
    }
    if (exchange->chain_count == 0) {
        exchange->is_free = is_free(exchange);
        if (exchange->is_free && exchange->api == PROVIDER_OTHER &&
            str_starts_with(exchange->path, STR("/responses/")) &&
            gateway_background_any(gateway)) {
            exchange->api = PROVIDER_RESPONSES; /* its reply may tell what one used */
        }
        exchange->route = exchange->is_free ? NULL : gateway_route(exchange);
        gateway_chain(exchange);
        exchange->retries_left = (int)exchange->table->settings->gateway.retries;
        exchange->begun_ns = clock_monotonic_ns();
    }
    if (exchange->route != NULL && exchange->route->to_people) {
        gateway_say(exchange,
                    "This work stays with people: a route for workflow \"" STR_FORMAT
                    "\" says that no model takes it.",
                    STR_ARG(provider_text_str(&exchange->who.workflow)));
        return refuse_people(exchange);
    }
    while (exchange->chain_at < exchange->chain_count &&
           gateway_is_open(gateway, &exchange->chain[exchange->chain_at], gateway_model(exchange),
                           clock_monotonic_ns())) {
        exchange->chain_at++;
    }
    if (exchange->chain_at == exchange->chain_count) {
        gateway_say(exchange,
                    "the upstream failed several times one after the other; it is tried again in a "
                    "few seconds");
        return gateway_refuse(exchange, REFUSE_OPEN);
    }
    return exchange->is_free ? GATEWAY_FORWARD : hold(exchange);
}
