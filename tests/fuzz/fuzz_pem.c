/*
 * Target functions: fb__key_from_pem, fb__key_from_secret, fb_keypair_load. Input: a letter, then a PEM (p), a secret
 * (s) or a private key (r, e, d: for RS256, ES256, EdDSA).
 */
#include "../core/setup.h"
#include "fuzz.h"

static void read_public(fb_slice pem)
{
    static const char zeros[FB__MAX_SIGNATURE];
    fb__verification_key verification_key;
    const fb__key *key = &verification_key.key;
    memset(&verification_key, 0, sizeof(verification_key));
    const fb_status status = fb__key_from_pem(&verification_key.key, &fb__mem_default, pem, NULL);
    REQUIRE(status == FB_CONFIGURATION_INVALID || (status == FB_OK && key->algs != 0 && key->pkey != NULL));
    for (size_t i = 0; status == FB_OK && i < FB__ALG_COUNT; i++) {
        if ((key->algs & fb__alg_bit(&fb__algs[i])) != 0) {
            REQUIRE(fb__signature_verify_raw(&verification_key, &fb__algs[i], fb_text("message"),
                                             (fb_slice){zeros, key->signature_size}, false) == FB_SIGNATURE_INVALID);
        }
    }
    fb__verification_key_clear(&verification_key, &fb__mem_default);
}

static void read_secret(fb_slice secret)
{
    fb__key key;
    memset(&key, 0, sizeof(key));
    const fb_status status =
        fb__key_from_secret(&key, &fb__mem_default, secret, fb__alg_bit(fb__alg_find(fb_text("HS256"))), false, NULL);
    REQUIRE(status == FB_CONFIGURATION_INVALID || (status == FB_OK && secret.size >= 32));
    REQUIRE(status != FB_OK || memmem(secret.data, secret.size, "-----BEGIN ", 11) == NULL);
    fb__key_clear(&key, &fb__mem_default);
}

/* A key that loads signs what its own public half verifies. */
static void read_private(const char *algorithm, fb_slice pem)
{
    fb_keypair *pair = NULL;
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_result *result = NULL;
    fb_string *token = NULL;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    if (fb_keypair_load(&pair, fb_text(algorithm), pem, NULL, NULL) != FB_OK) {
        return;
    }
    minting.now = FUZZ_NOW;
    options.issuer.public_key = fb_keypair_public_pem(pair);
    options.issuer.algorithms = FB_LIST(fb_text(algorithm));
    /* A private key may be made up of numbers that do not belong together: then it signs nonsense, or not at all. */
    if (setup_verifier(&verifier, &options, NULL) == FB_OK &&
        fb_keypair_create_token(pair, &minting, &token, NULL) == FB_OK) {
        const fb_slice text = fb_string_text(token);
        const fb_status status = fb_verify(verifier, text.data, text.size, (fb_clock){FUZZ_NOW, 0.0}, &result, NULL);
        REQUIRE(status == FB_OK || status == FB_SIGNATURE_INVALID);
        fb_result_free(result);
    }
    fb_string_free(token);
    fb_verifier_free(verifier);
    fb_keypair_free(pair);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned kind = fuzz_byte(&data, &size);
    const fb_slice text = fuzz_slice(data, size);
    switch (kind) {
    case 's':
        read_secret(text);
        break;
    case 'r':
        read_private("RS256", text);
        break;
    case 'e':
        read_private("ES256", text);
        break;
    case 'd':
        read_private("EdDSA", text);
        break;
    default:
        read_public(text);
        break;
    }
    fuzz_no_errors_left();
    return 0;
}
