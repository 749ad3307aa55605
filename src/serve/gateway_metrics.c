/* The gateway's part of the metrics: calls by how they ended, holds, what waits for the inbox. */
#include "base/check.h"
#include "serve/serve.h"

struct figure {
    const char *name;
    const char *help;
    bool counts;
    int64_t value;
};

static void put_usd(struct text *out, const char *name, const char *help, money_sum amount_pusd)
{
    char text[MONEY_TEXT_BYTES_MAX];
    (void)money_print(amount_pusd, text);
    text_format(out, "# TYPE %s counter\n# HELP %s %s\n%s_total %s\n", name, name, help, name,
                text);
}

void serve_gateway_metrics(struct serve *serve, struct text *out)
{
    CHECK(serve != NULL);
    const struct gateway_counts calls = gateway_counts(serve->gateway.gateway);
    const struct net_client_counts client = net_client_counts(serve->gateway.client);
    const struct bodies_counts bodies = bodies_counts(serve->gateway.bodies);
    struct budget_counts holds;
    budget_count(serve->gateway.budget, &holds);
    const struct figure figures[] = {
        {"bursar_gateway_requests", "Requests to the gateway.", true, calls.requests},
        {"bursar_gateway_requests_under_way", "Of them not ended.", false, calls.under_way},
        {"bursar_gateway_calls", "Calls to upstreams, each try one.", true, calls.forwarded},
        {"bursar_gateway_calls_failed", "Calls without an answer, or with an error.", true,
         calls.failed},
        {"bursar_gateway_calls_metered", "Calls with the provider's own usage.", true,
         calls.metered},
        {"bursar_gateway_calls_estimated", "Calls whose usage was estimated.", true,
         calls.estimated},
        {"bursar_gateway_calls_unmetered", "Calls of which no usage is known.", true,
         calls.unmetered},
        {"bursar_gateway_calls_unpriced", "Calls without a price.", true, calls.unpriced},
        {"bursar_gateway_calls_waiting", "Calls that are not in the inbox yet.", false,
         budget_payloads_waiting(serve->gateway.budget)},
        {"bursar_gateway_refused", "Requests refused for money or by a route.", true,
         calls.refused},
        {"bursar_gateway_unrecorded", "Requests refused because the hold could not be written.",
         true, calls.unrecorded},
        {"bursar_gateway_clients_left", "Clients that went before the end.", true, calls.left},
        {"bursar_gateway_circuits_opened", "Times an upstream was given up for a while.", true,
         calls.tripped},
        {"bursar_gateway_upstream_connections", "Connections to upstreams.", false,
         client.connections},
        {"bursar_budget_holds", "Holds that are open.", false, holds.open_holds},
        {"bursar_budget_holds_unknown", "Of them from a run that ended under way.", false,
         holds.unknown_holds},
        {"bursar_budget_holds_expired", "Holds that nobody settled in time.", true, holds.expired},
        {"bursar_budget_overshoots", "Calls that cost more than was held.", true, holds.overshoots},
        {"bursar_budget_log_bytes", "Of the log of holds.", false, holds.log_bytes},
        {"bursar_bodies_kept", "Calls of which a body was kept.", true, bodies.kept},
        {"bursar_bodies_withheld", "Bodies that could not be read or redacted.", true,
         bodies.withheld},
        {"bursar_bodies_dropped", "Calls whose bodies found no room in the queue.", true,
         bodies.dropped},
        {"bursar_bodies_failed", "Records of bodies that the disk did not take.", true,
         bodies.failed},
        {"bursar_bodies_waiting", "Calls whose bodies are not on the disk yet.", false,
         bodies.waiting},
        {"bursar_bodies_stored_bytes", "Of the files of kept bodies.", false, bodies.stored_bytes},
    };
    for (size_t i = 0; i < COUNT_OF(figures); i++) {
        const struct figure *const f = &figures[i];
        text_format(out, "# TYPE %s %s\n# HELP %s %s\n%s%s %lld\n", f->name,
                    f->counts ? "counter" : "gauge", f->name, f->help, f->name,
                    f->counts ? "_total" : "", (long long)f->value);
    }
    put_usd(out, "bursar_gateway_estimated_usd", "Cost of calls whose usage was estimated.",
            calls.estimated_pusd);
    put_usd(out, "bursar_gateway_charged_as_held_usd",
            "Charged to budgets for calls of unknown cost; in no ledger row.", calls.unseen_pusd);
    put_usd(out, "bursar_budget_overshoot_usd", "By how much.", holds.overshoot_pusd);
}
