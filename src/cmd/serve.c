/* serve: the command that runs the server. */
#include "serve/serve.h"

#include "base/check.h"

static const struct option options[] = {
    {"--listen", "HOST:PORT", "instead of `listen:` in bursar.yaml; port 0: any free one"},
};

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    return serve_run(app, args_get(args, "--listen"), err);
}

const struct command cmd_serve = {
    .name = "serve",
    .synopsis = "[--listen HOST:PORT]",
    .summary = "carry calls of models within budgets, receive telemetry, answer over HTTP",
    .about =
        "Calls to model providers (upstreams in bursar.yaml) at /openai/v1/…, /anthropic/v1/… or\n"
        "/NAME/v1/…: attributed, held for in every budget they touch, routed, metered and posted\n"
        "(docs/gateway.md, docs/budgets.md). Point OPENAI_BASE_URL or ANTHROPIC_BASE_URL here.\n"
        "\n"
        "Takes OTLP/HTTP traces, logs and metrics, protobuf or JSON, at /v1/traces, /v1/logs and\n"
        "/v1/metrics: an OpenTelemetry SDK without configuration finds it. What is acknowledged "
        "is\n"
        "on the disk, and in the ledger a moment later; what comes twice is counted once.\n"
        "/api/v1/report, /api/v1/drivers?workflow=W and so on answer what the commands print with\n"
        "--json; the commands themselves ask the server while it holds the ledger. /healthz,\n"
        "/readyz, /metrics. SIGTERM ends it: nothing acknowledged is lost, whatever ends it.\n"
        "Beyond this machine it asks for a key (bursar key) and wants TLS: docs/server.md, "
        "docs/keys.md",
    .example = "bursar serve --listen 127.0.0.1:4318",
    .options = options,
    .option_count = COUNT_OF(options),
    .run = run,
};
