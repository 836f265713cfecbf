/* Target functions: fb__header_read, through fb_verify. Input: a header, which is signed as it is. */
#include "../core/setup.h"
#include "fuzz.h"

static bool has(const json_t *header, const char *name)
{
    return json_object_get(header, name) != NULL;
}

/* What an accepted header cannot have said. */
static void check_accepted(fb_slice text)
{
    json_t *header = fuzz_read_again(text);
    if (header == NULL) {
        return;
    }
    const char *alg = json_string_value(json_object_get(header, "alg"));
    REQUIRE(alg != NULL && strcmp(alg, "HS256") == 0);
    REQUIRE(!has(header, "crit") && !has(header, "b64") && !has(header, "zip") && !has(header, "enc"));
    REQUIRE(!has(header, "kid") || json_is_string(json_object_get(header, "kid")));
    REQUIRE(!has(header, "typ") || json_is_string(json_object_get(header, "typ")));
    json_decref(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fb_keypair *pair;
    static fb_verifier *verifier;
    fb_string *token = NULL;
    fb_result *result = NULL;
    if (pair == NULL) {
        struct setup options = SETUP_INIT;
        options.issuer.secret = fb_text(FUZZ_SECRET);
        options.policy.cache_size = 0;
        pair = fuzz_secret();
        REQUIRE(setup_verifier(&verifier, &options, NULL) == FB_OK);
    }
    fb_slice header = fuzz_slice(data, size);
    if (size == 0 || fb_keypair_sign(pair, header, fb_text("{\"exp\":9999999999}"), &token, NULL) != FB_OK) {
        return 0;
    }
    fb_slice text = fb_string_text(token);
    fb_status status = fb_verify(verifier, text.data, text.size, (fb_clock){FUZZ_NOW, 0.0}, &result, NULL);
    REQUIRE(status == FB_OK || status == FB_TOKEN_TOO_LARGE || status == FB_HEADER_INVALID ||
            (status >= 201 && status <= 204));
    if (status == FB_OK) {
        check_accepted(header);
    }
    fb_result_free(result);
    fb_string_free(token);
    return 0;
}
