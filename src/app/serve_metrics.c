/* The server's own health as OpenMetrics. */
#include "app/serve.h"

#include "base/check.h"
#include "base/clock.h"

static void put(struct text *out, const char *name, const char *type, const char *help,
                int64_t value)
{
    const bool counts = strcmp(type, "counter") == 0;
    text_format(out, "# TYPE %s %s\n# HELP %s %s\n%s%s %lld\n", name, type, name, help, name,
                counts ? "_total" : "", (long long)value);
}

static void put_seconds(struct text *out, const char *name, const char *help, int64_t value_ns)
{
    text_format(out, "# TYPE %s gauge\n# UNIT %s seconds\n# HELP %s %s\n%s %.6f\n", name, name,
                name, help, name, (double)value_ns / 1e9);
}

void serve_metrics(struct serve *serve, struct text *out)
{
    CHECK(serve != NULL);
    const struct net_counts net = net_server_counts(serve->net);
    const struct inbox_counts inbox = inbox_counts(serve->inbox);
    put(out, "bursar_http_connections", "gauge", "Connections open now.", net.connections);
    put(out, "bursar_http_connections_accepted", "counter", "Connections taken.", net.accepted);
    put(out, "bursar_http_connections_turned_away", "counter",
        "Connections beyond the most that are taken.", net.turned_away);
    put(out, "bursar_http_requests", "counter", "Requests handled.", net.requests);
    put(out, "bursar_http_requests_refused", "counter",
        "Requests malformed, too large or too slow.", net.refused);
    put(out, "bursar_http_requests_unauthorized", "counter",
        "Requests without a key that is good: 401.", atomic_load(&serve->unauthorized));
    put(out, "bursar_http_requests_forbidden", "counter",
        "Requests that their key may not make: 403.", atomic_load(&serve->forbidden));
    put(out, "bursar_http_held_bytes", "gauge", "Bytes of requests in memory.", net.held_bytes);
    put(out, "bursar_otlp_records_accepted", "counter", "Spans, log records and points taken.",
        atomic_load(&serve->records_accepted));
    put(out, "bursar_otlp_records_rejected", "counter", "Spans, log records and points refused.",
        atomic_load(&serve->records_rejected));
    put(out, "bursar_inbox_messages_acknowledged", "counter", "Messages written to the journal.",
        inbox.acknowledged);
    put(out, "bursar_inbox_messages_turned_away", "counter",
        "Messages refused because the queue or the journal was full.", inbox.turned_away);
    put(out, "bursar_inbox_messages_unreadable", "counter",
        "Messages of the journal that the ledger could not take.", inbox.unreadable);
    put(out, "bursar_inbox_messages", "gauge", "Messages in the journal, not in the ledger yet.",
        inbox.waiting);
    put(out, "bursar_inbox_bytes", "gauge", "Bytes of them.", inbox.waiting_bytes);
    put(out, "bursar_inbox_commits", "counter", "Transactions of the journal.", inbox.commits);
    text_format(out,
                "# TYPE bursar_inbox_commit_seconds summary\n"
                "# UNIT bursar_inbox_commit_seconds seconds\n"
                "# HELP bursar_inbox_commit_seconds Time to write one to the disk.\n"
                "bursar_inbox_commit_seconds_count %lld\nbursar_inbox_commit_seconds_sum %.6f\n",
                (long long)inbox.commits, (double)inbox.commit_ns / 1e9);
    put_seconds(out, "bursar_inbox_commit_longest_seconds", "The longest of them so far.",
                inbox.commit_ns_max);
    put(out, "bursar_ledger_steps_added", "counter", "Steps new to the ledger.", inbox.steps_added);
    put(out, "bursar_ledger_steps_known", "counter", "Steps that were there already.",
        inbox.steps_known);
    put(out, "bursar_ledger_steps_replaced", "counter", "Steps a fuller reading replaced.",
        inbox.steps_replaced);
    put(out, "bursar_ledger_failing", "gauge", "1 while the ledger cannot be written.",
        inbox.ledger_failing);
    put(out, "bursar_questions_answered", "counter", "Reports computed.",
        atomic_load(&serve->questions.answered));
    put(out, "bursar_questions_turned_away", "counter", "Reports refused: too many waiting.",
        atomic_load(&serve->questions.turned_away));
    put_seconds(out, "bursar_uptime_seconds", "Since the server started.",
                clock_monotonic_ns() - serve->started_ns);
    serve_gateway_metrics(serve, out);
    text_add(out, STR("# EOF\n"));
}
