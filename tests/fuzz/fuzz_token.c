/* Target functions: fb_verify, fb_decode_unverified. Input: one byte for the verifier, then the token. */
#include "../core/setup.h"
#include "fuzz.h"

static const struct {
    const char *algorithm, *key;
} keys[] = {
    {"RS256", "rsa2048"}, {"RS512", "rsa2048"}, {"PS256", "rsa2048"},    {"PS384", "rsa2048"}, {"ES256", "p256"},
    {"ES384", "p384"},    {"ES512", "p521"},    {"ES256K", "secp256k1"}, {"EdDSA", "ed25519"}, {"Ed448", "ed448"},
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]), SECRET = KEYS, SET, VERIFIERS };

static fb_verifier *verifiers[VERIFIERS];

/* One public key of each kind, in a set; every algorithm is allowed. */
static fb_verifier *with_set(void)
{
    char document[16384];
    fb_slice names[KEYS];
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    size_t size = (size_t)snprintf(document, sizeof(document), "{\"keys\":[");
    for (size_t i = 0; i < KEYS; i++) {
        fb_keypair *pair = fuzz_key(keys[i].algorithm, keys[i].key);
        fb_string *set = NULL;
        REQUIRE(fb_keypair_jwks(pair, fb_text(keys[i].algorithm), &set, NULL) == FB_OK);
        fb_slice text = fb_string_text(set);
        size += (size_t)snprintf(document + size, sizeof(document) - size, "%s%.*s", i == 0 ? "" : ",",
                                 (int)text.size - 11, text.data + 9);
        fb_string_free(set);
        fb_keypair_free(pair);
        names[i] = fb_text(keys[i].algorithm);
    }
    size += (size_t)snprintf(document + size, sizeof(document) - size, "]}");
    options.issuer.jwks = (fb_slice){document, size};
    options.issuer.algorithms = (fb_list){names, KEYS};
    REQUIRE(setup_verifier(&verifier, &options, NULL) == FB_OK);
    return verifier;
}

static fb_verifier *with_key(size_t index)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_keypair *pair = index == SECRET ? fuzz_secret() : fuzz_key(keys[index].algorithm, keys[index].key);
    if (index == SECRET) {
        options.issuer.secret = fb_text(FUZZ_SECRET);
    } else {
        options.issuer.public_key = fb_keypair_public_pem(pair);
    }
    options.issuer.algorithms = FB_LIST(fb_keypair_algorithm(pair));
    REQUIRE(setup_verifier(&verifier, &options, NULL) == FB_OK);
    fb_keypair_free(pair);
    return verifier;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t index = fuzz_byte(&data, &size) % VERIFIERS;
    fb_result *result = NULL;
    fb_unverified *unverified = NULL;
    fb_error error = FB_ERROR_INIT;
    if (verifiers[index] == NULL) {
        verifiers[index] = index == SET ? with_set() : with_key(index);
    }
    fb_status status =
        fb_verify(verifiers[index], (const char *)data, size, (fb_clock){FUZZ_NOW, 0.0}, &result, &error);
    REQUIRE(error.status == status && (status == FB_OK) == (result != NULL));
    REQUIRE(status < FB_CONFIGURATION_INVALID && status != FB_KEYS_NEEDED && status != FB_KEYS_UNAVAILABLE);
    fb_status decoded = fb_decode_unverified((const char *)data, size, NULL, &unverified, NULL);
    if (status == FB_OK) {
        fuzz_check_result(result);
        REQUIRE(decoded == FB_OK && fb__slice_equal(fb_unverified_payload(unverified), fb_result_payload(result)));
    } else {
        REQUIRE(memchr(error.text, '\0', sizeof(error.text)) != NULL &&
                memchr(error.kid, '\0', sizeof(error.kid)) != NULL);
    }
    fb_unverified_free(unverified);
    fb_result_free(result);
    fuzz_no_errors_left();
    return 0;
}
