#include "config/config.h"

#include "base/check.h"
#include "base/file.h"
#include "config/config_priv.h"

static enum errc read_listen(struct arena *arena, const struct config_field *field,
                             const struct yaml *node, void *place, struct err *err)
{
    (void)arena;
    (void)field;
    struct str text;
    const enum errc code = yaml_str(node, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    size_t colon = text.size;
    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    int64_t port = 0;
    const bool read =
        colon > 1 && str_to_int64((struct str){text.data + colon, text.size - colon}, &port);
    if (!read || port < 1 || port > 65535) {
        return yaml_error(node, err,
                          "found \"" STR_FORMAT "\"; allowed is HOST:PORT, such as 127.0.0.1:4318",
                          STR_ARG(text));
    }
    *(struct str *)place = text;
    return ERR_OK;
}

/* As it stands: what it may hold is the price book's business. */
static enum errc read_prices(struct arena *arena, const struct config_field *field,
                             const struct yaml *node, void *place, struct err *err)
{
    (void)arena;
    (void)field;
    (void)err;
    *(const struct yaml **)place = node;
    return ERR_OK;
}

static const char *const clickhouse_urls[] = {"clickhouse://", NULL};
static const char *const postgres_urls[] = {"postgresql://", "postgres://", NULL};

static const struct config_field fields[] = {
    {KEY("listen", OWN), AT(settings, listen), .read = read_listen, .preset = "127.0.0.1:4318",
     .allowed = "HOST:PORT"},
    {KEY("tls", GROUP), AT(settings, tls), .group = &config_tls},
    {KEY("require_keys", FLAG), AT(settings, require_keys)},
    {KEY("limits", GROUP), AT(settings, limits), .group = &config_limits},
    {KEY("ledger", URL), AT(settings, ledger_url), .words = clickhouse_urls,
     .absent = "`ledger.duckdb` in the home"},
    {KEY("control", URL), AT(settings, control_url), .words = postgres_urls,
     .absent = "`control.sqlite` in the home"},
    {KEY("prices", OWN), AT(settings, prices), .read = read_prices,
     .allowed = "a list: [prices](prices.md)"},
    {KEY("workflows", NAMED), AT(settings, workflows), .group = &config_workflow},
    {KEY("upstreams", NAMED), AT(settings, upstreams), .group = &config_upstream},
    {KEY("budgets", LIST), AT(settings, budgets), .group = &config_budget},
    {KEY("routes", LIST), AT(settings, routes), .group = &config_route},
    {KEY("gateway", GROUP), AT(settings, gateway), .group = &config_gateway},
    {KEY("tools", NAMED), AT(settings, tools), .group = &config_tool},
    {KEY("correlation", OWN), AT(settings, correlation), .read = config_correlation,
     .group = &config_rule, .allowed = "a list of rules"},
};

const struct config_group config_file = {FIELDS(fields)};

enum errc config_parse(struct str file, struct str text, struct arena *arena, struct settings *out,
                       struct err *err)
{
    CHECK(arena != NULL);
    CHECK(out != NULL);

    const struct yaml *root = NULL;
    enum errc code = yaml_parse(file, text, arena, &root, err);
    struct settings settings = {0};
    if (code == ERR_OK) {
        code = config_group(arena, &config_file, root, &settings, err);
    }
    if (code == ERR_OK) {
        *out = settings;
    }
    return code;
}
