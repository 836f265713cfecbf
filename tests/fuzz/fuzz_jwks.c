/*
 * Target functions: fb__keyset_from_jwks, fb__key_from_jwk, fb__keyset_select, fb_verifier_keys. Input: a letter, then
 * a key-set document (d) or one key (k).
 */
#include "../core/setup.h"
#include "fuzz.h"

static char *wrapped(const uint8_t *data, size_t size, size_t *made)
{
    static const char before[] = "{\"keys\":[", behind[] = "]}";
    char *text = malloc(size + sizeof(before) + sizeof(behind));
    REQUIRE(text != NULL);
    memcpy(text, before, sizeof(before) - 1);
    memcpy(text + sizeof(before) - 1, data, size);
    memcpy(text + sizeof(before) - 1 + size, behind, sizeof(behind) - 1);
    *made = size + sizeof(before) + sizeof(behind) - 2;
    return text;
}

/* No key verifies a signature that nobody made; none has algorithms of another type. */
static void check_key(fb__keyset *set, fb__verification_key *verification_key)
{
    static const char zeros[FB__MAX_SIGNATURE];
    const fb__key *key = &verification_key->key;
    REQUIRE((key->algs != 0) == (key->pkey != NULL && key->algs != 0) && key->secret == NULL &&
            key->kty != FB__KTY_OCT);
    REQUIRE(key->algs != 0 || key->problem != NULL);
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        const fb__alg *alg = &fb__algs[i];
        if ((key->algs & fb__alg_bit(alg)) == 0) {
            continue;
        }
        REQUIRE(alg->kty == key->kty && (alg->curve == FB__CURVE_NONE || alg->curve == key->curve));
        REQUIRE(fb__signature_verify_raw(verification_key, alg, fb_text("message"),
                                         (fb_slice){zeros, key->signature_size}, true) == FB_SIGNATURE_INVALID);
        fb__verification_key *found = NULL;
        fb_status status = fb__keyset_select(set, key->kid, alg, &found);
        REQUIRE(status == FB_OK || status == FB_KEY_AMBIGUOUS);
        /* Or where the set lists the same key first. */
        REQUIRE(status != FB_OK || found == verification_key || EVP_PKEY_eq(found->key.pkey, key->pkey) == 1);
    }
}

static void check_verifier(fb_slice document)
{
    static const fb_slice names[] = {{"RS256", 5}, {"PS256", 5}, {"ES256", 5},  {"ES384", 5},
                                     {"ES512", 5}, {"EdDSA", 5}, {"ES256K", 6}, {"Ed25519", 7}};
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_keys *keys = NULL;
    options.issuer.jwks = document;
    options.issuer.algorithms = (fb_list){names, sizeof(names) / sizeof(names[0])};
    if (setup_verifier(&verifier, &options, NULL) != FB_OK) {
        return;
    }
    REQUIRE(fb_verifier_keys(verifier, fb_clock_now(), &keys, NULL) == FB_OK && fb_keys_count(keys) <= FB__MAX_KEYS);
    fb_verifier_free(verifier);
    for (size_t i = 0; i < fb_keys_count(keys); i++) {
        REQUIRE(fb_keys_at(keys, i)->usable || fb_keys_at(keys, i)->problem.data != NULL);
    }
    fb_keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bool one = fuzz_byte(&data, &size) == 'k';
    size_t made = size;
    char *text = one ? wrapped(data, size, &made) : NULL;
    const fb_slice document = one ? (fb_slice){text, made} : fuzz_slice(data, size);
    fb__keyset *set = NULL;
    fb_error error = FB_ERROR_INIT;
    const fb_status status = fb__keyset_from_jwks(&set, &fb__mem_default, document, &error);
    REQUIRE(status == FB_OK || status == FB_CONFIGURATION_INVALID);
    REQUIRE((status == FB_OK) == (set != NULL));
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        check_key(set, &set->keys[i]);
    }
    fb__keyset_release(set);
    if (status == FB_OK) {
        check_verifier(document);
    }
    free(text);
    fuzz_no_errors_left();
    return 0;
}
