/*
 * A hardware key made of software, for tests: what OpenSSH's ssh-sk-helper loads where a FIDO key's driver would be.
 * It shows the programs a hardware key's signatures; it protects nothing, for the "key handle" is the private key.
 *
 * The interface is OpenSSH's security key provider API, version 10 (OpenSSH 8.9 to 9.x). Only Ed25519 is there.
 *
 *   cc -shared -fPIC -o authenticator.so authenticator.c -lcrypto
 *   ssh-keygen -t ed25519-sk -w /path/authenticator.so -N "" -f key
 *   SSH_SK_PROVIDER=/path/authenticator.so ssh-keygen -Y sign -f key -n NAMESPACE FILE
 *
 * AUTHENTICATOR_FLAGS in the environment, in hexadecimal, is what it claims of the moment instead of 01 (touched).
 */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    API_VERSION = 0x000a0000,
    ALGORITHM_ED25519 = 1,
    FAILED = -1,
    UNSUPPORTED = -2,
    TOUCHED = 0x01,
    SEED_BYTES = 32,
    PUBLIC_BYTES = 32,
    SIGNATURE_BYTES = 64,
    COUNTER = 7,
};

/* The interface's structures: order and types of their members are fixed by it. Whatever is pointed to is malloc'ed
 * here and freed by the caller. */
struct sk_option;
struct sk_resident_key;

struct sk_enroll_response {
    uint8_t flags;
    uint8_t *public_key;
    size_t public_key_len;
    uint8_t *key_handle;
    size_t key_handle_len;
    uint8_t *signature;
    size_t signature_len;
    uint8_t *attestation_cert;
    size_t attestation_cert_len;
    uint8_t *authdata;
    size_t authdata_len;
};

struct sk_sign_response {
    uint8_t flags;
    uint32_t counter;
    uint8_t *sig_r;
    size_t sig_r_len;
    uint8_t *sig_s;
    size_t sig_s_len;
};

uint32_t sk_api_version(void) { return API_VERSION; }

int sk_enroll(uint32_t algorithm, const uint8_t *challenge, size_t challenge_len, const char *application,
              uint8_t flags, const char *pin, struct sk_option **options, struct sk_enroll_response **answer) {
    (void)challenge, (void)challenge_len, (void)application, (void)pin, (void)options;
    if (algorithm != ALGORITHM_ED25519) return UNSUPPORTED;

    struct sk_enroll_response *key = calloc(1, sizeof *key);
    if (key == NULL) return FAILED;
    key->flags = flags;
    key->key_handle = malloc(key->key_handle_len = SEED_BYTES);
    key->public_key = malloc(key->public_key_len = PUBLIC_BYTES);
    /* the attestation, which nobody checks: there must be one */
    key->signature = calloc(1, key->signature_len = SIGNATURE_BYTES);
    EVP_PKEY *pair = NULL;
    if (key->key_handle != NULL && key->public_key != NULL && key->signature != NULL &&
        RAND_bytes(key->key_handle, SEED_BYTES) == 1)
        pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->key_handle, SEED_BYTES);
    int made = pair != NULL && EVP_PKEY_get_raw_public_key(pair, key->public_key, &key->public_key_len) == 1;
    EVP_PKEY_free(pair);
    *answer = key;
    return made ? 0 : FAILED;
}

/* SHA-256(application) | flags | counter, big-endian | SHA-256(data): what a FIDO key signs. */
static void authenticated(uint8_t out[2 * SHA256_DIGEST_LENGTH + 5], const char *application, uint8_t flags,
                          const uint8_t *data, size_t data_len) {
    SHA256((const uint8_t *)application, strlen(application), out);
    out += SHA256_DIGEST_LENGTH;
    *out++ = flags;
    for (int shift = 24; shift >= 0; shift -= 8) *out++ = (uint8_t)((uint32_t)COUNTER >> shift);
    SHA256(data, data_len, out);
}

int sk_sign(uint32_t algorithm, const uint8_t *data, size_t data_len, const char *application,
            const uint8_t *key_handle, size_t key_handle_len, uint8_t flags, const char *pin,
            struct sk_option **options, struct sk_sign_response **answer) {
    (void)flags, (void)pin, (void)options;
    if (algorithm != ALGORITHM_ED25519 || key_handle_len != SEED_BYTES) return UNSUPPORTED;

    const char *claimed = getenv("AUTHENTICATOR_FLAGS");
    struct sk_sign_response *signature = calloc(1, sizeof *signature);
    if (signature == NULL) return FAILED;
    signature->flags = claimed == NULL ? TOUCHED : (uint8_t)strtoul(claimed, NULL, 16);
    signature->counter = COUNTER;
    signature->sig_r = malloc(signature->sig_r_len = SIGNATURE_BYTES);

    uint8_t message[2 * SHA256_DIGEST_LENGTH + 5];
    authenticated(message, application, signature->flags, data, data_len);
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key_handle, key_handle_len);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int made = signature->sig_r != NULL && pair != NULL && context != NULL &&
               EVP_DigestSignInit(context, NULL, NULL, NULL, pair) == 1 &&
               EVP_DigestSign(context, signature->sig_r, &signature->sig_r_len, message, sizeof message) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pair);
    *answer = signature;
    return made ? 0 : FAILED;
}

int sk_load_resident_keys(const char *pin, struct sk_option **options, struct sk_resident_key ***keys,
                          size_t *count) {
    (void)pin, (void)options, (void)keys, (void)count;
    return UNSUPPORTED;
}
