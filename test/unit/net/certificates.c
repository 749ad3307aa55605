#include "certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/check.h"

enum { DAY_S = 86400 };

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *const extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    CHECK(extension != NULL);
    CHECK(X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *make(EVP_PKEY *key, X509 *issuer, const char *name, const char *names, long until_s)
{
    static long serial = 1;
    X509 *const certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -30L * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
    X509_set_pubkey(certificate, key);
    X509_NAME *const subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509 *const signer = issuer != NULL ? issuer : certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    add_extension(certificate, signer, NID_basic_constraints,
                  names == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (names != NULL) {
        add_extension(certificate, signer, NID_subject_alt_name, names);
    }
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

static void save(const struct certificates *all, const char *name, X509 *certificate, char *path)
{
    snprintf(path, CERTIFICATE_PATH_BYTES_MAX, "%s/%s.pem", all->folder, name);
    FILE *const file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK(PEM_write_X509(file, certificate) == 1);
    fclose(file);
    X509_free(certificate);
}

void certificates_make(struct certificates *out)
{
    const char *const names = "DNS:localhost,IP:127.0.0.1";
    memset(out, 0, sizeof *out);
    snprintf(out->folder, sizeof out->folder, "/tmp/bursar-certificates-XXXXXX");
    CHECK(mkdtemp(out->folder) != NULL);
    EVP_PKEY *const key = EVP_EC_gen("P-256");
    CHECK(key != NULL);
    X509 *const authority = make(key, NULL, "Test authority", NULL, 30L * DAY_S);
    save(out, "good", make(key, authority, "good", names, DAY_S), out->good);
    save(out, "other", make(key, authority, "other", "DNS:other.example", DAY_S), out->other);
    save(out, "expired", make(key, authority, "expired", names, -DAY_S), out->expired);
    save(out, "own", make(key, NULL, "own", names, DAY_S), out->own);
    save(out, "authority", authority, out->authority);
    snprintf(out->key, sizeof out->key, "%s/key.pem", out->folder);
    FILE *const file = fopen(out->key, "w");
    CHECK(file != NULL);
    CHECK(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
    EVP_PKEY_free(key);
}

void certificates_remove(struct certificates *all)
{
    const char *const paths[] = {all->good, all->other,     all->expired,
                                 all->own,  all->authority, all->key};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        unlink(paths[i]);
    }
    rmdir(all->folder);
}
