/* What the models' calls of each side cost, and what of it went in: what a token of each class
 * cost is found from some calls, which are linear in their tokens. */
#include <math.h>

#include "api/segments_priv.h"
#include "base/check.h"

enum { CLASSES = 5, SAMPLE_CASES = 2000, SAMPLE_CALLS = 20000, CALLS_LEAST = 20 };
enum { CLASS_OUTPUT = CLASSES - 1 };
#define MISFIT_MAX 0.05 /* share of the cost that the classes may leave unexplained */

/* Normal equations of cost on tokens by class: uncached, read, written for 5 minutes, for an hour,
 * output. */
struct fit {
    double products[CLASSES][CLASSES];
    double costs[CLASSES];
    double cost;
    double tokens[CLASSES];
    int64_t calls;
    double rates[CLASSES]; /* USD a token */
    bool holds;
};

/* Gaussian elimination with pivots from the diagonal; a class without tokens, or that the others
 * determine, has rate 0. */
static void solve(struct fit *f)
{
    double a[CLASSES][CLASSES + 1];
    for (size_t i = 0; i < CLASSES; i++) {
        for (size_t j = 0; j < CLASSES; j++) {
            a[i][j] = f->products[i][j];
        }
        a[i][CLASSES] = f->costs[i];
    }
    bool used[CLASSES] = {false};
    for (size_t i = 0; i < CLASSES; i++) {
        if (!(a[i][i] > 1e-9 * f->products[i][i])) {
            continue;
        }
        used[i] = true;
        for (size_t row = 0; row < CLASSES; row++) {
            const double factor = row != i ? a[row][i] / a[i][i] : 0;
            for (size_t j = 0; j <= CLASSES; j++) {
                a[row][j] -= factor * a[i][j];
            }
        }
    }
    for (size_t i = 0; i < CLASSES; i++) {
        f->rates[i] = used[i] ? a[i][CLASSES] / a[i][i] : 0;
    }
}

/* Whether the rates say what the calls cost, none of them below nothing. */
static void check_fit(struct fit *f)
{
    double explained = 0;
    bool negative = false;
    for (size_t i = 0; i < CLASSES; i++) {
        explained += f->rates[i] * f->tokens[i];
        negative = negative || f->rates[i] * f->tokens[i] < -MISFIT_MAX * f->cost;
    }
    f->holds =
        f->calls >= CALLS_LEAST && !negative && fabs(explained - f->cost) <= MISFIT_MAX * f->cost;
}

static size_t model_index(struct segments_search *s, struct str model)
{
    for (size_t i = 0; i < s->model_count; i++) {
        if (str_equal(s->models[i], model)) {
            return i;
        }
    }
    if (s->model_count == SEGMENTS_MODELS_MAX) {
        return SEGMENTS_MODELS_MAX - 1; /* many: the last stands for all others */
    }
    s->models[s->model_count] = model;
    return s->model_count++;
}

static enum errc fit_rates(struct segments_search *s, struct fit *fits, struct err *err)
{
    const struct store_value values[] = {STORE_OF_TEXT(s->request->workflow),
                                         STORE_OF_INT64(SAMPLE_CASES),
                                         STORE_OF_INT64(SAMPLE_CALLS)};
    struct store_result r;
    const enum errc code =
        store_run(s->store, QUERY_segments_calls, values, COUNT_OF(values), s->scratch, &r, err);
    for (size_t row = 0; code == ERR_OK && row < r.rows; row++) {
        struct fit *const f = &fits[model_index(s, store_text(&r, row, 0))];
        const double cost = store_real(&r, row, 1, 0);
        double tokens[CLASSES];
        for (size_t i = 0; i < CLASSES; i++) {
            tokens[i] = (double)store_int64(&r, row, 2 + i, 0);
        }
        for (size_t i = 0; i < CLASSES; i++) {
            for (size_t j = 0; j < CLASSES; j++) {
                f->products[i][j] += tokens[i] * tokens[j];
            }
            f->costs[i] += tokens[i] * cost;
            f->tokens[i] += tokens[i];
        }
        f->cost += cost;
        f->calls++;
    }
    for (size_t m = 0; m < s->model_count; m++) {
        solve(&fits[m]);
        check_fit(&fits[m]);
    }
    return code;
}

/* Columns of QUERY_segments_models. */
enum { M_MEMBERS, M_FIRST, M_MODEL, M_CALLS, M_COST, M_TOKENS };

static void add_calls(struct segments_work *work, double *tokens, size_t model,
                      const struct store_result *r, size_t row, const struct fit *fit)
{
    const double cost = money_usd(store_sum(r, row, M_COST));
    double prompt = 0;
    for (size_t i = 0; i < CLASS_OUTPUT; i++) {
        prompt += fit->rates[i] * (double)store_sum(r, row, M_TOKENS + i);
    }
    for (size_t column = M_TOKENS; column < r->columns; column++) {
        *tokens += (double)store_sum(r, row, column);
    }
    work->calls[model] += (double)store_int64(r, row, M_CALLS, 0);
    work->call_usd[model] += cost;
    work->prompt_usd[model] += fit->holds ? fmin(fmax(prompt, 0), cost) : 0;
}

enum errc segments_read_models(struct segments_search *search, struct err *err)
{
    CHECK(search->found_count > 0);
    const struct store_value values[] = {STORE_OF_TEXT(search->request->workflow),
                                         STORE_OF_INT64(search->request->as_of_ns)};
    struct store_result r;
    const enum errc code = store_run(search->store, QUERY_segments_models, values, COUNT_OF(values),
                                     search->arena, &r, err);
    if (code != ERR_OK) {
        return code;
    }
    struct fit *const fits = arena_new(search->scratch, struct fit, SEGMENTS_MODELS_MAX);
    if (fits == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the models' prices");
    }
    for (size_t row = 0; row < r.rows; row++) {
        (void)model_index(search, store_text(&r, row, M_MODEL));
    }
    const enum errc fitted = fit_rates(search, fits, err);
    for (size_t row = 0; fitted == ERR_OK && row < r.rows; row++) {
        const int64_t members = store_int64(&r, row, M_MEMBERS, 0);
        const enum segments_kind kind =
            store_int64(&r, row, M_FIRST, 0) != 0 ? SEGMENTS_FIRST : SEGMENTS_LATER;
        const size_t model = model_index(search, store_text(&r, row, M_MODEL));
        search->split_is_partial =
            search->split_is_partial || (!fits[model].holds && store_sum(&r, row, M_COST) > 0);
        for (size_t i = 0; i < search->found_count; i++) {
            struct segments_found *const f = &search->found[i];
            const bool in = members >> i & 1;
            struct segments_side *const side = in ? &f->side_in : &f->side_rest;
            add_calls(&side->kinds[kind], in ? &f->tokens_in : &f->tokens_rest, model, &r, row,
                      &fits[model]);
        }
    }
    return fitted;
}
