/*
 * Figures of the ledger for /metrics: a scan of the steps gives them, so they are taken on the
 * thread of questions when somebody looks and they are old, and said with their age.
 */
#include "serve/serve.h"

#include "base/check.h"
#include "base/clock.h"

#define AGE_NS_MIN (5 * CLOCK_NS_PER_SECOND)

enum { REST = 20 }; /* a scan, then no other for as many times as long as it took */

struct serve_figures serve_figures(struct serve *serve)
{
    CHECK(serve != NULL);
    const int64_t now_ns = clock_monotonic_ns();
    pthread_mutex_lock(&serve->figures_lock);
    const struct serve_figures figures = serve->figures;
    const int64_t rest_ns = figures.took_ns * REST;
    const int64_t age_ns_max = rest_ns > AGE_NS_MIN ? rest_ns : AGE_NS_MIN;
    const bool wanted = !serve->figures_asked &&
                        (figures.measured_ns == 0 || now_ns - figures.measured_ns > age_ns_max);
    serve->figures_asked = serve->figures_asked || wanted;
    pthread_mutex_unlock(&serve->figures_lock);
    if (wanted && !serve_questions_ask_figures(serve)) {
        pthread_mutex_lock(&serve->figures_lock);
        serve->figures_asked = false;
        pthread_mutex_unlock(&serve->figures_lock);
    }
    return figures;
}

void serve_figures_take(struct serve *serve, struct arena *arena)
{
    CHECK(serve != NULL);
    CHECK(arena != NULL);
    struct store_result result;
    struct err err;
    const int64_t began_ns = clock_monotonic_ns();
    pthread_mutex_lock(&serve->reader_lock);
    const enum errc code =
        serve->reader != NULL
            ? store_run(serve->reader, QUERY_ledger_health, NULL, 0, arena, &result, &err)
            : err_set(&err, ERR_BUSY, "the ledger cannot be opened at this moment");
    pthread_mutex_unlock(&serve->reader_lock);
    pthread_mutex_lock(&serve->figures_lock);
    if (code == ERR_OK) { /* else the old ones stay, and grow older */
        serve->figures = (struct serve_figures){.calls = store_int64(&result, 0, 0, 0),
                                                .unattributed_calls = store_int64(&result, 0, 1, 0),
                                                .unattributed_pusd = store_sum(&result, 0, 2),
                                                .unpriced_calls = store_int64(&result, 0, 3, 0),
                                                .measured_ns = began_ns,
                                                .took_ns = clock_monotonic_ns() - began_ns};
    }
    serve->figures_asked = false;
    pthread_mutex_unlock(&serve->figures_lock);
}
