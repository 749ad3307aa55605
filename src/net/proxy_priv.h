/* net/proxy_priv: which proxy a call goes through. Pure. */
#ifndef NET_PROXY_PRIV_H
#define NET_PROXY_PRIV_H

#include "net/client.h"

enum { PROXY_AUTHORIZATION_BYTES_MAX = 1024 };

struct proxy {
    char host[NET_HOST_BYTES_MAX + 1]; /* "": none */
    int port;
    char authorization[PROXY_AUTHORIZATION_BYTES_MAX]; /* "Basic …", or "" */
};

/*
 * url  "http://[user:password@]host[:port][/]"; NULL or "": no proxy.
 *
 * Errors: ERR_CONFIG; the text does not repeat the password.
 */
MUST_CHECK enum errc proxy_parse(const char *url, struct proxy *out, struct err *err);

/* Whether `no_proxy` names the host: "*", a name (which its subdomains share, with or without a
 * leading dot), an address, a network "10.0.0.0/8", each with a ":port" or without. */
bool proxy_is_bypassed(const char *no_proxy, struct str host, int port);

/* "host[:port]" or "[::1]:port"; the port stays what it is when none is given. Borrowed. */
bool net_split_host(struct str text, struct str *out_host, int *port);

#endif
