/* TLS towards servers: who they are is always verified. */
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include "base/check.h"
#include "net/client_priv.h"

enum { WHY_BYTES_MAX = 256 };

/* A session that the server offers to resume. Called while its stream reads, on its loop. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct pool *const pool = SSL_get_app_data(ssl);
    if (pool->session != NULL) {
        SSL_SESSION_free(pool->session);
    }
    pool->session = session;
    return 1; /* it is ours now */
}

enum errc tls_create(const struct net_client_settings *settings, SSL_CTX **out, struct err *err)
{
    CHECK(settings != NULL);
    CHECK(out != NULL);
    SSL_CTX *const tls = SSL_CTX_new(TLS_client_method());
    CHECK(tls != NULL);
    CHECK(SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(tls, on_session);
    static const unsigned char protocols[] = "\x08http/1.1";
    CHECK(SSL_CTX_set_alpn_protos(tls, protocols, sizeof protocols - 1) == 0);
    if (!settings->only_ca_file) {
        CHECK(SSL_CTX_set_default_verify_paths(tls) == 1);
    }
    const char *const file = settings->ca_file;
    if (file != NULL && file[0] != '\0' && SSL_CTX_load_verify_locations(tls, file, NULL) != 1) {
        char reason[WHY_BYTES_MAX];
        ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
        ERR_clear_error();
        SSL_CTX_free(tls);
        return err_set(err, ERR_CONFIG, "%s cannot be used as authorities (PEM): %s", file, reason);
    }
    ERR_clear_error();
    *out = tls;
    return ERR_OK;
}

SSL *tls_open(SSL_CTX *tls, struct pool *pool)
{
    CHECK(tls != NULL);
    CHECK(pool != NULL);
    SSL *const ssl = SSL_new(tls);
    CHECK(ssl != NULL);
    SSL_set_app_data(ssl, pool);
    SSL_set_connect_state(ssl);
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, pool->tls_name, address) == 1 ||
        inet_pton(AF_INET6, pool->tls_name, address) == 1) {
        CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), pool->tls_name) == 1);
    } else {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        CHECK(SSL_set1_host(ssl, pool->tls_name) == 1);
        CHECK(SSL_set_tlsext_host_name(ssl, pool->tls_name) == 1);
    }
    if (pool->session != NULL) {
        (void)SSL_set_session(ssl, pool->session);
    }
    ERR_clear_error();
    return ssl;
}

bool tls_why(const SSL *ssl, char *out, size_t size)
{
    CHECK(ssl != NULL);
    CHECK(out != NULL);
    const long verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK) {
        snprintf(out, size, "%s", X509_verify_cert_error_string(verified));
        return true;
    }
    const unsigned long error = ERR_peek_error();
    const char *const reason = ERR_reason_error_string(error);
    snprintf(out, size, "%s", reason != NULL ? reason : "the connection was closed");
    return false;
}
