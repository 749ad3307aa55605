/* The server's own health as OpenMetrics. */
#include "serve/serve.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

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

/* How long transactions of the journal took: counts of at most `le` seconds. */
static void put_commits(struct text *out, const struct inbox_counts *inbox)
{
    static const char name[] = "bursar_inbox_commit_seconds";
    int64_t count = 0;
    text_format(
        out, "# TYPE %s histogram\n# UNIT %s seconds\n# HELP %s Time to write one to the disk.\n",
        name, name, name);
    for (size_t i = 0; i < INBOX_BUCKETS - 1; i++) {
        count += inbox->commit_buckets[i];
        text_format(out, "%s_bucket{le=\"%.4f\"} %lld\n", name, (double)inbox_bucket_ns[i] / 1e9,
                    (long long)count);
    }
    count += inbox->commit_buckets[INBOX_BUCKETS - 1];
    CHECK(count == inbox->commits);
    text_format(out, "%s_bucket{le=\"+Inf\"} %lld\n%s_count %lld\n%s_sum %.6f\n", name,
                (long long)count, name, (long long)count, name, (double)inbox->commit_ns / 1e9);
}

/* Bytes that the journal's files take, those kept for use again too. */
static int64_t journal_bytes(struct str home)
{
    char path[4096];
    int64_t bytes = 0;
    snprintf(path, sizeof path, STR_FORMAT "/inbox", STR_ARG(home));
    DIR *const folder = opendir(path);
    const struct dirent *entry = NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        struct stat status;
        const bool found = fstatat(dirfd(folder), entry->d_name, &status, 0) == 0;
        bytes += found && S_ISREG(status.st_mode) ? (int64_t)status.st_blocks * 512 : 0;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return bytes;
}

/* What a scan of the ledger gave, and how long ago; nothing before the first. */
static void put_figures(struct text *out, const struct serve_figures *figures)
{
    char dollars[MONEY_TEXT_BYTES_MAX];
    if (figures->measured_ns == 0) {
        return;
    }
    money_print(figures->unattributed_pusd, dollars);
    put(out, "bursar_ledger_calls", "gauge", "Model calls in the ledger.", figures->calls);
    put(out, "bursar_ledger_unattributed_calls", "gauge", "Of them no workflow is known of.",
        figures->unattributed_calls);
    text_format(out,
                "# TYPE bursar_ledger_unattributed_dollars gauge\n"
                "# HELP bursar_ledger_unattributed_dollars USD of steps no workflow is known of.\n"
                "bursar_ledger_unattributed_dollars %s\n",
                dollars);
    put(out, "bursar_ledger_unpriced_calls", "gauge", "Calls no price is known for.",
        figures->unpriced_calls);
    put_seconds(out, "bursar_ledger_figures_age_seconds",
                "Since bursar_ledger_*calls were counted.",
                clock_monotonic_ns() - figures->measured_ns);
}

void serve_metrics(struct serve *serve, struct text *out)
{
    CHECK(serve != NULL);
    const struct net_counts net = net_server_counts(serve->net);
    const struct inbox_counts inbox = inbox_counts(serve->inbox);
    const struct serve_figures figures = serve_figures(serve);
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
    put(out, "bursar_outcomes_accepted", "counter", "Outcomes taken by POST.",
        atomic_load(&serve->outcomes_accepted));
    put(out, "bursar_outcomes_rejected", "counter", "Outcomes refused.",
        atomic_load(&serve->outcomes_rejected));
    put(out, "bursar_inbox_messages_acknowledged", "counter", "Messages written to the journal.",
        inbox.acknowledged);
    put(out, "bursar_inbox_messages_turned_away", "counter",
        "Messages refused because the queue or the journal was full.", inbox.turned_away);
    put(out, "bursar_inbox_messages_unreadable", "counter",
        "Messages of the journal that the ledger could not take.", inbox.unreadable);
    put(out, "bursar_inbox_messages", "gauge", "Messages in the journal, not in the ledger yet.",
        inbox.waiting);
    put(out, "bursar_inbox_bytes", "gauge", "Bytes of them.", inbox.waiting_bytes);
    put(out, "bursar_inbox_queue_bytes", "gauge", "Bytes on their way into the journal.",
        inbox.queue_bytes);
    put(out, "bursar_journal_bytes", "gauge", "The journal's files, which keep their room.",
        journal_bytes(serve->app->home));
    put(out, "bursar_inbox_commits", "counter", "Transactions of the journal.", inbox.commits);
    put_commits(out, &inbox);
    put_seconds(out, "bursar_inbox_commit_longest_seconds", "The longest of them so far.",
                inbox.commit_ns_max);
    put(out, "bursar_ledger_steps_added", "counter", "Steps new to the ledger.", inbox.steps_added);
    put(out, "bursar_ledger_steps_known", "counter", "Steps that were there already.",
        inbox.steps_known);
    put(out, "bursar_ledger_steps_replaced", "counter", "Steps a fuller reading replaced.",
        inbox.steps_replaced);
    put(out, "bursar_ledger_outcomes_added", "counter", "Outcomes and revisions of them.",
        inbox.outcomes_added);
    put_figures(out, &figures);
    put(out, "bursar_ledger_failing", "gauge", "1 while the ledger cannot be written.",
        inbox.ledger_failing);
    put(out, "bursar_journal_failing", "gauge",
        "1 while the journal cannot be written and nothing is acknowledged.",
        inbox.journal_failing);
    put(out, "bursar_questions_answered", "counter", "Reports computed.",
        atomic_load(&serve->questions.answered));
    put(out, "bursar_questions_turned_away", "counter", "Reports refused: too many waiting.",
        atomic_load(&serve->questions.turned_away));
    put(out, "bursar_changes_answered", "counter", "Commands that write, run.",
        atomic_load(&serve->changes.answered));
    put(out, "bursar_changes_turned_away", "counter", "Commands refused: too many waiting.",
        atomic_load(&serve->changes.turned_away));
    put_seconds(out, "bursar_uptime_seconds", "Since the server started.",
                clock_monotonic_ns() - serve->started_ns);
    serve_gateway_metrics(serve, out);
    text_add(out, STR("# EOF\n"));
}
