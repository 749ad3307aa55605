/* Where a call goes, as it stands in a configuration. */
#include "base/check.h"
#include "net/client.h"
#include "net/proxy_priv.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443, PORT_MAX = 65535 };

static bool is_host(struct str host)
{
    static const char others[] = "-._:%";
    for (size_t i = 0; i < host.size; i++) {
        const char c = host.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c != '\0' && memchr(others, c, sizeof others - 1) != NULL))) {
            return false;
        }
    }
    return host.size > 0 && host.size <= NET_HOST_BYTES_MAX;
}

bool net_split_host(struct str text, struct str *out_host, int *port)
{
    CHECK(out_host != NULL);
    CHECK(port != NULL);
    struct str rest = text;
    if (rest.size > 0 && rest.data[0] == '[') {
        *out_host = str_cut(&rest, ']');
        *out_host = (struct str){out_host->data + 1, out_host->size - 1};
        const bool is_open = out_host->size + 1 == text.size;
        if (is_open || (rest.size > 0 && (rest.data[0] != ':' || rest.size == 1))) {
            return false;
        }
        rest = rest.size > 0 ? (struct str){rest.data + 1, rest.size - 1} : rest;
    } else {
        *out_host = str_cut(&rest, ':');
        if (out_host->size < text.size && rest.size == 0) {
            return false;
        }
    }
    int64_t number = *port;
    if (rest.size > 0 && (!str_to_int64(rest, &number) || number < 1 || number > PORT_MAX)) {
        return false;
    }
    *port = (int)number;
    return is_host(*out_host);
}

enum errc net_target_parse(struct str url, struct net_target *out, struct str *out_path,
                           struct err *err)
{
    CHECK(out != NULL);
    CHECK(out_path != NULL);
    const bool tls = str_starts_with(url, STR("https://"));
    struct net_target target = {.tls = tls, .port = tls ? HTTPS_PORT : HTTP_PORT};
    if (tls || str_starts_with(url, STR("http://"))) {
        const size_t scheme = tls ? sizeof "https://" - 1 : sizeof "http://" - 1;
        struct str path = {url.data + scheme, url.size - scheme};
        const struct str authority = str_cut(&path, '/');
        if (authority.size < url.size - scheme) { /* with the slash */
            path = (struct str){path.data - 1, path.size + 1};
        }
        while (path.size > 0 && path.data[path.size - 1] == '/') {
            path.size--;
        }
        bool is_clean = true;
        for (size_t i = 0; i < path.size; i++) {
            const unsigned char c = (unsigned char)path.data[i];
            is_clean = is_clean && c > ' ' && c < 0x7f && c != '?' && c != '#';
        }
        if (is_clean && net_split_host(authority, &target.host, &target.port)) {
            *out = target;
            *out_path = path;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_SYNTAX,
                   "\"" STR_FORMAT "\" is no URL of a server; write it as "
                   "\"https://api.example.com/v1\"",
                   (int)(url.size < 200 ? url.size : 200), url.data);
}
