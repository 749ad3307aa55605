#include "net/proxy_priv.h"

#include <arpa/inet.h>
#include <stdio.h>

#include <openssl/evp.h>

#include "base/check.h"

enum { HTTP_PORT = 80, CREDENTIAL_BYTES_MAX = 512 };

/* "user:password" with %XX as "Basic …". */
static bool put_authorization(struct str credential, struct proxy *out)
{
    char plain[CREDENTIAL_BYTES_MAX];
    unsigned char encoded[(CREDENTIAL_BYTES_MAX + 2) / 3 * 4 + 1];
    const size_t size = http_decode(credential, false, plain, sizeof plain);
    if (size == SIZE_MAX) {
        return false;
    }
    EVP_EncodeBlock(encoded, (const unsigned char *)plain, (int)size);
    snprintf(out->authorization, sizeof out->authorization, "Basic %s", (const char *)encoded);
    return true;
}

enum errc proxy_parse(const char *url, struct proxy *out, struct err *err)
{
    CHECK(out != NULL);
    *out = (struct proxy){.port = HTTP_PORT};
    struct str rest = str_trim(str_from(url));
    if (rest.size == 0) {
        return ERR_OK;
    }
    if (!str_starts_with(rest, STR("http://"))) {
        if (str_find(rest, STR("://")) != SIZE_MAX) {
            return err_set(err, ERR_CONFIG,
                           "a proxy is given as \"http://host:port\"; other kinds "
                           "of proxies are not spoken here");
        }
    } else {
        rest = (struct str){rest.data + 7, rest.size - 7};
    }
    rest = str_cut(&rest, '/');
    for (size_t i = rest.size; i > 0; i--) {
        if (rest.data[i - 1] == '@') {
            const struct str credential = {rest.data, i - 1};
            if (!put_authorization(credential, out)) {
                return err_set(err, ERR_CONFIG,
                               "user and password of the proxy are malformed; "
                               "write special characters as %%XX");
            }
            rest = (struct str){rest.data + i, rest.size - i};
            break;
        }
    }
    struct str host;
    if (!net_split_host(rest, &host, &out->port)) {
        return err_set(err, ERR_CONFIG,
                       "\"" STR_FORMAT "\" is no proxy; write "
                       "\"http://host:port\"",
                       (int)(rest.size < 100 ? rest.size : 100), rest.data);
    }
    memcpy(out->host, host.data, host.size);
    out->host[host.size] = '\0';
    return ERR_OK;
}

/* An address as 16 bytes, IPv4 mapped; its width in bits, 0: no address. */
static int read_address(struct str text, unsigned char out[static 16])
{
    char copy[INET6_ADDRSTRLEN];
    if (text.size == 0 || text.size >= sizeof copy) {
        return 0;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    memset(out, 0, 16);
    if (inet_pton(AF_INET, copy, out + 12) == 1) {
        out[10] = out[11] = 0xff;
        return 32;
    }
    return inet_pton(AF_INET6, copy, out) == 1 ? 128 : 0;
}

static bool is_in_network(struct str network, struct str host)
{
    unsigned char base[16];
    unsigned char address[16];
    struct str bits_text = network;
    const struct str base_text = str_cut(&bits_text, '/');
    const int width = read_address(base_text, base);
    int64_t bits = width;
    if (width == 0 || read_address(host, address) == 0 ||
        (base_text.size < network.size &&
         (!str_to_int64(bits_text, &bits) || bits < 0 || bits > width))) {
        return false;
    }
    const int64_t all = bits + (128 - width);
    for (int64_t i = 0; i < all; i++) {
        const int mask = 0x80 >> (i % 8);
        if ((base[i / 8] & mask) != (address[i / 8] & mask)) {
            return false;
        }
    }
    return true;
}

static bool names_host(struct str entry, struct str host, int port)
{
    struct str name = entry;
    int wanted = port;
    const char *const colon = memchr(entry.data, ':', entry.size);
    if ((entry.data[0] == '[' ||
         (colon != NULL &&
          memchr(colon + 1, ':', (size_t)(entry.data + entry.size - colon - 1)) == NULL)) &&
        !net_split_host(entry, &name, &wanted)) {
        return false;
    }
    if (wanted != port) {
        return false;
    }
    if (is_in_network(name, host)) {
        return true;
    }
    if (name.size > 1 && name.data[0] == '*' && name.data[1] == '.') {
        name = (struct str){name.data + 1, name.size - 1};
    }
    const bool dotted = name.data[0] == '.';
    const struct str bare = dotted ? (struct str){name.data + 1, name.size - 1} : name;
    if (bare.size == 0 || host.size < bare.size) {
        return false;
    }
    const size_t before = host.size - bare.size;
    return str_equal_fold((struct str){host.data + before, bare.size}, bare) &&
           (before == 0 || host.data[before - 1] == '.');
}

bool proxy_is_bypassed(const char *no_proxy, struct str host, int port)
{
    struct str rest = str_from(no_proxy);
    while (rest.size > 0) {
        const struct str entry = str_trim(str_cut(&rest, ','));
        if (str_equal(entry, STR("*")) || (entry.size > 0 && names_host(entry, host, port))) {
            return true;
        }
    }
    return false;
}
