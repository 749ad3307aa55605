/* Credit along a chain: players, coalitions and costs from the ledger; shares from attribution/. */
#include "api/credit.h"

#include "api/api_priv.h"
#include "attribution/credit.h"
#include "base/check.h"

const char *const credit_by_names[] = {"agent", "model", "tool"};

struct player {
    struct str name;
    int64_t cases;
    money_sum cost_pusd;
    int64_t unpriced; /* calls */
    int64_t failures;
    money_sum failed_pusd;
    money_sum downstream_pusd;
    money_sum first_pusd;
    money_sum last_pusd;
    money_sum linear_pusd;
    money_sum shapley_pusd;
    int64_t closed_with;
    int64_t resolved_with;
};

struct chain {
    struct player players[CREDIT_PLAYERS_MAX];
    size_t player_count;
    size_t left_out; /* candidates beyond CREDIT_PLAYERS_MAX */
    int64_t cases;
    int64_t open;
    int64_t shared; /* cases on which two or more worked */
    int64_t closed;
    int64_t resolved;
    int64_t unvalued; /* resolved cases whose value nobody said */
    money_sum value_pusd;
    money_sum cost_pusd;
    struct credit_coalition coalitions[CREDIT_COALITIONS_MAX];
    size_t coalition_count;
    double worth[CREDIT_COALITIONS_MAX];
};

static bool one_workflow(const struct credit_request *request)
{
    return request->workflow_count == 1;
}

static enum errc add_player(struct store *store, struct chain *chain, struct str name,
                            struct err *err)
{
    CHECK(chain->player_count < CREDIT_PLAYERS_MAX);
    const struct store_value values[] = {STORE_OF_INT64((int64_t)chain->player_count),
                                         STORE_OF_TEXT(name)};
    chain->players[chain->player_count++].name = name;
    return store_execute(store, QUERY_credit_players_add, values, COUNT_OF(values), NULL, err);
}

static enum errc find_players(struct store *store, const struct credit_request *request,
                              struct arena *arena, struct chain *chain, struct err *err)
{
    enum errc code = store_execute(store, QUERY_credit_players_create, NULL, 0, NULL, err);
    for (size_t i = 0; i < request->workflow_count && code == ERR_OK; i++) {
        code = figures_require_workflow(store, request->workflows[i], arena, err);
        for (size_t k = 0; k < i && code == ERR_OK; k++) {
            if (str_equal(request->workflows[k], request->workflows[i])) {
                code = err_set(err, ERR_USAGE, "workflow \"" STR_FORMAT "\" is named twice",
                               STR_ARG(request->workflows[i]));
            }
        }
        if (code == ERR_OK && !one_workflow(request)) {
            code = add_player(store, chain, request->workflows[i], err);
        }
    }
    if (code != ERR_OK || !one_workflow(request)) {
        return code;
    }
    const struct store_value values[] = {STORE_OF_TEXT(request->workflows[0]),
                                         STORE_OF_INT64((int64_t)request->by),
                                         STORE_OF_INT64(CREDIT_PLAYERS_MAX)};
    struct store_result r;
    code = store_run(store, QUERY_credit_candidates, values, COUNT_OF(values), arena, &r, err);
    for (size_t row = 0; code == ERR_OK && row < r.rows; row++) {
        chain->left_out = (size_t)store_int64(&r, row, 1, 0) - r.rows;
        code = add_player(store, chain, store_text(&r, row, 0), err);
    }
    return code;
}

static enum errc create_parts(struct store *store, const struct settings *settings,
                              const struct credit_request *request, struct err *err)
{
    struct api_request costs = request->common;
    costs.workflow = one_workflow(request) ? request->workflows[0] : (struct str){0};
    enum errc code = figures_create_costs(store, settings, &costs, err);
    if (code == ERR_OK && one_workflow(request)) {
        const struct store_value values[] = {STORE_OF_TEXT(request->workflows[0]),
                                             STORE_OF_INT64((int64_t)request->by)};
        code =
            store_execute(store, QUERY_credit_parts_of_steps, values, COUNT_OF(values), NULL, err);
    } else if (code == ERR_OK) {
        code = store_execute(store, QUERY_credit_parts_of_workflows, NULL, 0, NULL, err);
    }
    return code;
}

/* Columns of QUERY_credit_coalitions. */
enum { C_MEMBERS, C_FIRST, C_LAST, C_STATE, C_CASES, C_VALUE, C_UNVALUED, C_COST };

enum { STATE_RESOLVED, STATE_FAILED, STATE_OPEN };

static void count_coalition(struct chain *chain, uint32_t members, int64_t state, int64_t cases)
{
    if (chain->coalition_count == 0 ||
        chain->coalitions[chain->coalition_count - 1].members != members) {
        CHECK(chain->coalition_count < CREDIT_COALITIONS_MAX);
        chain->coalitions[chain->coalition_count++] = (struct credit_coalition){.members = members};
    }
    struct credit_coalition *const coalition = &chain->coalitions[chain->coalition_count - 1];
    coalition->cases += state != STATE_OPEN ? cases : 0;
    coalition->resolved += state == STATE_RESOLVED ? cases : 0;
}

/* First pass: the coalitions, in ascending order, and the totals. */
static void fold_counts(const struct store_result *r, struct chain *chain)
{
    for (size_t row = 0; row < r->rows; row++) {
        const uint32_t members = (uint32_t)store_int64(r, row, C_MEMBERS, 0);
        const int64_t state = store_int64(r, row, C_STATE, STATE_OPEN);
        const int64_t cases = store_int64(r, row, C_CASES, 0);
        count_coalition(chain, members, state, cases);
        chain->cases += cases;
        chain->open += state == STATE_OPEN ? cases : 0;
        chain->closed += state != STATE_OPEN ? cases : 0;
        chain->resolved += state == STATE_RESOLVED ? cases : 0;
        chain->shared += (members & (members - 1)) != 0 ? cases : 0;
        chain->unvalued += state == STATE_RESOLVED ? store_int64(r, row, C_UNVALUED, 0) : 0;
        chain->cost_pusd += store_sum(r, row, C_COST);
        for (size_t i = 0; i < chain->player_count; i++) {
            if ((members >> i & 1U) != 0 && state != STATE_OPEN) {
                chain->players[i].closed_with += cases;
                chain->players[i].resolved_with += state == STATE_RESOLVED ? cases : 0;
            }
        }
    }
}

/* Second pass: the value of each group of cases to those who were in it. */
static void fold_values(const struct store_result *r, struct chain *chain)
{
    for (size_t row = 0; row < r->rows; row++) {
        const uint32_t members = (uint32_t)store_int64(r, row, C_MEMBERS, 0);
        const money_sum value = store_at(r, row, C_VALUE)->null ? 0 : store_sum(r, row, C_VALUE);
        if (value == 0) {
            continue;
        }
        double shares[CREDIT_PLAYERS_MAX];
        money_sum parts[CREDIT_PLAYERS_MAX];
        chain->value_pusd += value;
        chain->players[store_int64(r, row, C_FIRST, 0)].first_pusd += value;
        chain->players[store_int64(r, row, C_LAST, 0)].last_pusd += value;
        credit_shares(chain->worth, members, chain->player_count, shares);
        credit_split(value, shares, chain->player_count, parts);
        for (size_t i = 0; i < chain->player_count; i++) {
            chain->players[i].shapley_pusd += parts[i];
            shares[i] = (members >> i & 1U) != 0 ? 1 / (double)__builtin_popcount(members) : 0;
        }
        credit_split(value, shares, chain->player_count, parts);
        for (size_t i = 0; i < chain->player_count; i++) {
            chain->players[i].linear_pusd += parts[i];
        }
    }
}

static enum errc read_players(struct store *store, const struct credit_request *request,
                              struct arena *arena, struct chain *chain, struct err *err)
{
    struct store_result r;
    enum errc code = store_run(store, QUERY_credit_player_costs, NULL, 0, arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t row = 0; row < r.rows; row++) {
        struct player *const player = &chain->players[store_int64(&r, row, 0, 0)];
        player->cases = store_int64(&r, row, 1, 0);
        player->cost_pusd = store_sum(&r, row, 2);
        player->unpriced = store_int64(&r, row, 3, 0);
    }
    if (one_workflow(request)) {
        const struct store_value values[] = {STORE_OF_TEXT(request->workflows[0]),
                                             STORE_OF_INT64((int64_t)request->by)};
        code = store_run(store, QUERY_credit_downstream_of_steps, values, COUNT_OF(values), arena,
                         &r, err);
    } else {
        code = store_run(store, QUERY_credit_downstream_of_workflows, NULL, 0, arena, &r, err);
    }
    for (size_t row = 0; code == ERR_OK && row < r.rows; row++) {
        struct player *const player = &chain->players[store_int64(&r, row, 0, 0)];
        player->failures = store_int64(&r, row, 1, 0);
        player->failed_pusd = store_sum(&r, row, 2);
        player->downstream_pusd = store_sum(&r, row, 3);
    }
    return code;
}

static enum errc read_chain(struct store *store, const struct settings *settings,
                            const struct credit_request *request, struct arena *arena,
                            struct chain *chain, struct err *err)
{
    struct store_result r;
    enum errc code = find_players(store, request, arena, chain, err);
    if (code == ERR_OK) {
        code = create_parts(store, settings, request, err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_credit_coalitions, NULL, 0, arena, &r, err);
    }
    if (code == ERR_OK) {
        fold_counts(&r, chain);
        credit_worth(chain->coalitions, chain->coalition_count, chain->player_count, chain->worth);
        fold_values(&r, chain);
        code = read_players(store, request, arena, chain, err);
    }
    return code;
}

/* ---- JSON */

static void put_rate(struct text *out, const char *name, int64_t resolved, int64_t closed)
{
    put_estimate(out, name,
                 &(struct estimate){.interval = stats_wilson(resolved, closed),
                                    .scale = 1,
                                    .n = closed,
                                    .basis = "estimated",
                                    .method = "wilson"});
}

static void put_player(struct text *out, const struct settings *settings, bool is_workflow,
                       const struct chain *chain, const struct player *player)
{
    static const char *const risks[RISK_COUNT] = {"low", "normal", "high"};
    const struct settings_workflow *const set =
        is_workflow ? settings_workflow(settings, player->name) : NULL;
    json_open_object(out);
    put_str(out, "name", player->name);
    json_name(out, "risk");
    if (set != NULL) {
        json_put_text(out, risks[set->risk]);
    } else {
        json_put_null(out);
    }
    put_count(out, "cases", player->cases);
    put_rate(out, "success_with", player->resolved_with, player->closed_with);
    put_rate(out, "success_without", chain->resolved - player->resolved_with,
             chain->closed - player->closed_with);
    put_money(out, "cost", player->cost_pusd);
    put_count(out, "unpriced_calls", player->unpriced);
    json_name(out, "credit");
    json_open_object(out);
    put_money(out, "first", player->first_pusd);
    put_money(out, "last", player->last_pusd);
    put_money(out, "linear", player->linear_pusd);
    put_money(out, "shapley", player->shapley_pusd);
    json_close_object(out);
    json_name(out, "failure");
    json_open_object(out);
    put_count(out, "count", player->failures);
    put_money(out, "own_cost", player->failed_pusd);
    put_money(out, "downstream_cost", player->downstream_pusd);
    put_money(out, "total", player->failed_pusd + player->downstream_pusd);
    json_close_object(out);
    json_close_object(out);
}

static void put_coalitions(struct text *out, const struct chain *chain)
{
    json_name(out, "coalitions");
    json_open_array(out);
    for (size_t c = 0; c < chain->coalition_count; c++) {
        const struct credit_coalition *const coalition = &chain->coalitions[c];
        json_open_object(out);
        json_name(out, "members");
        json_open_array(out);
        for (size_t i = 0; i < chain->player_count; i++) {
            if ((coalition->members >> i & 1U) != 0) {
                json_put_str(out, chain->players[i].name);
            }
        }
        json_close_array(out);
        put_count(out, "closed", coalition->cases);
        put_rate(out, "success", coalition->resolved, coalition->cases);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_chain(struct text *out, const struct settings *settings,
                      const struct credit_request *request, const struct chain *chain)
{
    json_open_object(out);
    put_request(out, "bursar.credit/1", &request->common);
    json_name(out, "workflows");
    json_open_array(out);
    for (size_t i = 0; i < request->workflow_count; i++) {
        json_put_str(out, request->workflows[i]);
    }
    json_close_array(out);
    json_name(out, "by");
    json_put_text(out, one_workflow(request) ? credit_by_names[request->by] : "workflow");
    put_count(out, "cases", chain->cases);
    put_count(out, "open", chain->open);
    put_count(out, "shared", chain->shared);
    put_rate(out, "success", chain->resolved, chain->closed);
    put_money(out, "cost", chain->cost_pusd);
    json_name(out, "value");
    json_open_object(out);
    json_name(out, "total");
    if (chain->resolved > 0 && chain->unvalued == chain->resolved) {
        json_put_null(out); /* nobody said what an outcome is worth */
    } else {
        json_put_money(out, chain->value_pusd);
    }
    put_count(out, "outcomes_unknown", chain->unvalued);
    json_close_object(out);
    put_count(out, "left_out", (int64_t)chain->left_out);
    json_name(out, "players");
    json_open_array(out);
    for (size_t i = 0; i < chain->player_count; i++) {
        put_player(out, settings, !one_workflow(request), chain, &chain->players[i]);
    }
    json_close_array(out);
    put_coalitions(out, chain);
    json_close_object(out);
}

enum errc api_credit(struct store *store, const struct settings *settings,
                     const struct credit_request *request, struct arena *arena, struct text *out,
                     struct err *err)
{
    CHECK(request != NULL);
    CHECK(request->workflow_count > 0);
    CHECK(request->by < CREDIT_BY_COUNT);
    if (request->workflow_count > CREDIT_PLAYERS_MAX) {
        return err_set(err, ERR_USAGE, "%zu workflows; at most %d can share the credit",
                       request->workflow_count, CREDIT_PLAYERS_MAX);
    }
    struct chain *const chain = arena_new(arena, struct chain, 1);
    if (chain == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for %d coalitions", CREDIT_COALITIONS_MAX);
    }
    const enum errc code = read_chain(store, settings, request, arena, chain, err);
    if (code == ERR_OK) {
        put_chain(out, settings, request, chain);
    }
    return code;
}
