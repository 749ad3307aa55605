/* What a web page in a browser of this machine may not do: read the ledger under a name that it
 * has point here (DNS rebinding), or write telemetry. Programs send no origin field. */
#include "serve/serve.h"

#include "base/check.h"

/* "host", "host:port", "[v6]:port" */
static bool is_ours(const struct serve *serve, struct str host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    const size_t port = host.size > 0 && host.data[host.size - 1] != ']' ? host.size : 0;
    for (size_t i = port; i > 0; i--) {
        if (host.data[i - 1] == ':') {
            host.size = i - 1;
            break;
        }
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_equal_fold(host, str_from(names[i]))) {
            return true;
        }
    }
    return str_equal_fold(host, str_from(serve->host));
}

bool serve_is_addressed(const struct serve *serve, const struct net_request *request)
{
    CHECK(serve != NULL);
    return is_ours(serve, http_field(request->head, STR("host")));
}

bool serve_is_of_page(const struct serve *serve, const struct net_request *request)
{
    CHECK(serve != NULL);
    struct str origin = http_field(request->head, STR("origin"));
    if (origin.size == 0) {
        return false;
    }
    const size_t scheme = str_find(origin, STR("://"));
    if (scheme == SIZE_MAX) {
        return true; /* "null" */
    }
    origin = (struct str){origin.data + scheme + 3, origin.size - scheme - 3};
    return !is_ours(serve, origin);
}
