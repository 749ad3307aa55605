#include "app/keys.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/check.h"

_Static_assert((int)KEYS_ID_BYTES < (int)CONTROL_KEY_ID_BYTES_MAX, "an id fits the store");
_Static_assert((int)SHA256_DIGEST_LENGTH == (int)CONTROL_KEY_HASH_BYTES, "the store's hashes");

static const struct str prefix = STR_STATIC("bk_");

static char *put_hex(const unsigned char *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}

void keys_make(const unsigned char random[static KEYS_RANDOM_BYTES],
               char secret[static KEYS_SECRET_BYTES + 1])
{
    CHECK(random != NULL);
    memcpy(secret, prefix.data, prefix.size);
    char *at = put_hex(random, KEYS_ID_BYTES / 2, secret + prefix.size);
    *at++ = '_';
    at = put_hex(random + KEYS_ID_BYTES / 2, KEYS_RANDOM_BYTES - KEYS_ID_BYTES / 2, at);
    *at = '\0';
    CHECK(at == secret + KEYS_SECRET_BYTES);
}

static bool is_hex(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return true;
}

struct str keys_id(struct str secret)
{
    if (secret.size != KEYS_SECRET_BYTES || !str_starts_with(secret, prefix)) {
        return (struct str){0};
    }
    const struct str id = {secret.data + prefix.size, KEYS_ID_BYTES};
    const struct str rest = {id.data + id.size + 1, KEYS_SECRET_BYTES - prefix.size - id.size - 1};
    return is_hex(id) && id.data[id.size] == '_' && is_hex(rest) ? id : (struct str){0};
}

void keys_hash(struct str secret, unsigned char hash[static CONTROL_KEY_HASH_BYTES])
{
    CHECK(secret.data != NULL);
    SHA256((const unsigned char *)secret.data, secret.size, hash);
}

void keys_hash_by(const EVP_MD *sha256, struct str secret,
                  unsigned char hash[static CONTROL_KEY_HASH_BYTES])
{
    CHECK(sha256 != NULL);
    CHECK(secret.data != NULL || secret.size == 0);
    CHECK(EVP_Digest(secret.data, secret.size, hash, NULL, sha256, NULL) == 1);
}

bool keys_is_active(const struct control_key *key, int64_t now_ns)
{
    CHECK(key != NULL);
    return key->revoked_ns == CONTROL_KEY_NEVER && now_ns < key->expires_ns;
}

const char *keys_state(const struct control_key *key, int64_t now_ns)
{
    CHECK(key != NULL);
    if (key->revoked_ns != CONTROL_KEY_NEVER) {
        return "revoked";
    }
    return keys_is_active(key, now_ns) ? "active" : "expired";
}
