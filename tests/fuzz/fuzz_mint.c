/*
 * Target functions: fb_keypair_create_token, fb_keypair_jwks, then fb_verify. Input: one byte for the key, lines for
 * subject, issuer, audience, scope and kid, then additional claims. What was minted verifies, or is refused for what
 * its claims say.
 */
#include "../core/setup.h"
#include "fuzz.h"

enum { KEYS = 4 };
static const struct {
    const char *algorithm, *key;
} keys[KEYS] = {{"HS256", NULL}, {"ES256", "p256"}, {"EdDSA", "ed25519"}, {"RS256", "rsa2048"}};

static fb_keypair *pairs[KEYS];
static fb_verifier *verifiers[KEYS];

static void make(size_t index)
{
    struct setup options = SETUP_INIT;
    pairs[index] = index == 0 ? fuzz_secret() : fuzz_key(keys[index].algorithm, keys[index].key);
    if (index == 0) {
        options.issuer.secret = fb_text(FUZZ_SECRET);
    } else {
        options.issuer.public_key = fb_keypair_public_pem(pairs[index]);
    }
    options.issuer.algorithms = FB_LIST(fb_text(keys[index].algorithm));
    options.policy.max_token_bytes = 65536;
    REQUIRE(setup_verifier(&verifiers[index], &options, NULL) == FB_OK);
}

static fb_list one(const fb_slice *item)
{
    return item->size == 0 ? (fb_list){NULL, 0} : (fb_list){item, 1};
}

static void check_jwks(const fb_keypair *pair, fb_slice kid)
{
    fb_string *document = NULL;
    fb__keyset *set = NULL;
    if (fb_keypair_jwks(pair, kid, &document, NULL) == FB_OK) {
        REQUIRE(fb__keyset_from_jwks(&set, &fb__mem_default, fb_string_text(document), NULL) == FB_OK);
        REQUIRE(set->count == 1 && fb__slice_equal(set->keys[0].key.kid, kid));
        fb__keyset_release(set);
    }
    fb_string_free(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t index = fuzz_byte(&data, &size) % KEYS;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL;
    fb_result *result = NULL;
    if (pairs[index] == NULL) {
        make(index);
    }
    const fb_slice subject = fuzz_line(&data, &size), issuer = fuzz_line(&data, &size);
    const fb_slice audience = fuzz_line(&data, &size), scope = fuzz_line(&data, &size);
    minting.kid = fuzz_line(&data, &size);
    minting.subject = subject;
    minting.issuer = issuer;
    minting.audiences = one(&audience);
    minting.scopes = one(&scope);
    minting.additional_claims = size == 0 ? (fb_slice){NULL, 0} : fuzz_slice(data, size);
    minting.now = FUZZ_NOW;
    const fb_status minted = fb_keypair_create_token(pairs[index], &minting, &token, NULL);
    REQUIRE(minted == FB_OK || minted == FB_CONFIGURATION_INVALID);
    if (minted == FB_OK) {
        const fb_slice text = fb_string_text(token);
        const fb_status status =
            fb_verify(verifiers[index], text.data, text.size, (fb_clock){FUZZ_NOW, 0.0}, &result, NULL);
        REQUIRE(status == FB_OK || status == FB_TOKEN_TOO_LARGE || status == FB_PAYLOAD_INVALID ||
                status >= FB_EXP_MISSING);
        REQUIRE(size != 0 || status == FB_OK || status == FB_TOKEN_TOO_LARGE);
        if (status == FB_OK && size == 0) {
            REQUIRE(fb__slice_equal(fb_result_subject(result), subject));
        }
        fb_result_free(result);
        check_jwks(pairs[index], minting.kid);
    }
    fb_string_free(token);
    fuzz_no_errors_left();
    return 0;
}
