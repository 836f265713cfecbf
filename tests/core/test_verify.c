/* The whole way through fb_verify: keys of each kind, the order of the checks, the cache, counters, and what a failure
 * says. */
#include "setup.h"
#include "test.h"
#include "verify/verify.h"

#include <math.h>
#include <openssl/err.h>

static const double NOW = 1800000000.0;
static fb_keypair *rsa, *ec, *ed, *hmac;
static fb_error error = FB_ERROR_INIT;

struct minted {
    fb_string *string;
    const char *data;
    size_t size;
};

static struct minted mint(const fb_keypair *pair, const char *claims, const char *kid)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    options.subject = fb_text("alice");
    options.issuer = fb_text("https://issuer.example");
    options.audiences = FB_LIST(fb_text("https://api.example"));
    options.now = NOW;
    options.additional_claims = fb_text(claims);
    options.kid = fb_text(kid);
    struct minted token = {NULL, NULL, 0};
    CHECK(fb_keypair_create_token(pair, &options, &token.string, &error) == FB_OK);
    fb_slice text = fb_string_text(token.string);
    token.data = text.data;
    token.size = text.size;
    return token;
}

static struct setup options_for(const fb_keypair *pair)
{
    struct setup options = SETUP_INIT;
    if (fb_keypair_public_pem(pair).data == NULL) {
        options.issuer.secret = fb_keypair_private_pem(pair);
    } else {
        options.issuer.public_key = fb_keypair_public_pem(pair);
    }
    return options;
}

static fb_verifier *make(const struct setup *options)
{
    fb_verifier *verifier = NULL;
    if (setup_verifier(&verifier, options, &error) != FB_OK) {
        FAIL("fb_verifier_new: %s", error.text);
        exit(1);
    }
    return verifier;
}

static fb_status verify_at(const fb_verifier *verifier, const char *data, size_t size, double now)
{
    fb_result *result = NULL;
    memset(&error, 0x5a, sizeof(error));
    error.size = sizeof(error);
    fb_status status = fb_verify(verifier, data, size, (fb_clock){now, 1.0}, &result, &error);
    CHECK(error.status == status);
    CHECK((result != NULL) == (status == FB_OK));
    CHECK(ERR_peek_error() == 0);
    fb_result_free(result);
    return status;
}

static fb_status verify(const fb_verifier *verifier, struct minted token)
{
    return verify_at(verifier, token.data, token.size, NOW + 1);
}

TEST(what_a_good_token_says)
{
    struct setup options = options_for(rsa);
    options.issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    options.policy.audiences = FB_LIST(fb_text("https://api.example"));
    fb_verifier *verifier = make(&options);
    struct minted token =
        mint(rsa, "{\"scope\":\"read write\",\"n\":12345678901234567890123,\"client_id\":\"app\"}", "k1");
    fb_result *result = NULL;
    CHECK(fb_verify(verifier, token.data, token.size, (fb_clock){NOW, 0}, &result, &error) == FB_OK);
    fb_verifier_free(verifier); /* a result outlives its verifier */
    CHECK(fb__slice_equal(fb_result_client_id(result), fb_text("app")));
    CHECK(fb__slice_equal(fb_result_subject(result), fb_text("alice")));
    CHECK(fb__slice_equal(fb_result_resource(result), fb_text("https://api.example")));
    int64_t expires = 0;
    CHECK(fb_result_expires_at(result, &expires) && expires == (int64_t)NOW + 3600);
    CHECK(fb_result_scopes(result).count == 2);
    CHECK(fb__slice_equal(fb_result_kid(result), fb_text("k1")));
    size_t count;
    const fb_node *nodes = fb_result_nodes(result, &count);
    size_t n = fb_result_claim(result, fb_text("n"));
    CHECK(count > 10 && nodes[0].kind == FB_OBJECT && nodes[0].next == count);
    CHECK(n != 0 && nodes[n].kind == FB_INTEGER && nodes[n].length == 23);
    CHECK(memcmp(fb_result_payload(result).data + nodes[n].offset, "12345678901234567890123", 23) == 0);
    fb_result_free(result);
    fb_string_free(token.string);
}

TEST(each_kind_of_key)
{
    const fb_keypair *pairs[] = {rsa, ec, ed, hmac};
    for (size_t i = 0; i < 4; i++) {
        struct setup options = options_for(pairs[i]);
        options.issuer.algorithms = FB_LIST(fb_keypair_algorithm(pairs[i]));
        fb_verifier *verifier = make(&options);
        for (size_t j = 0; j < 4; j++) {
            struct minted token = mint(pairs[j], NULL, NULL);
            CHECK(verify(verifier, token) == (i == j ? FB_OK : FB_ALGORITHM_NOT_ALLOWED));
            fb_string_free(token.string);
        }
        fb_verifier_free(verifier);
    }
}

TEST(sources_of_keys_exclude_each_other)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = (fb_verifier *)&options;
    CHECK(setup_verifier(&verifier, &options, &error) == FB_CONFIGURATION_INVALID && verifier == NULL);
    CHECK(strstr(error.text, "public_key") != NULL && strstr(error.text, "jwks_uri") != NULL);
    options = options_for(rsa);
    options.issuer.secret = fb_text("0123456789abcdef0123456789abcdef");
    CHECK(setup_verifier(&verifier, &options, &error) == FB_CONFIGURATION_INVALID);
    options = options_for(ec);
    CHECK(setup_verifier(&verifier, &options, &error) == FB_CONFIGURATION_INVALID); /* RS256 with a P-256 key */
    CHECK(strstr(error.text, "algorithms") == error.text);
    options = options_for(rsa);
    options.policy.size = 0;
    CHECK(setup_verifier(&verifier, &options, &error) == FB_CONFIGURATION_INVALID);
    options.policy.size = sizeof(fb_options) + 8;
    CHECK(setup_verifier(&verifier, &options, NULL) == FB_CONFIGURATION_INVALID);
    CHECK(verifier == NULL);
    /* An older header knows less: what it does not know keeps its default. */
    options = options_for(rsa);
    options.policy.size = offsetof(fb_options, cache_size);
    verifier = make(&options);
    struct minted token = mint(rsa, NULL, NULL);
    CHECK(verify(verifier, token) == FB_OK);
    fb_string_free(token.string);
    fb_verifier_free(verifier);
}

TEST(the_first_failed_check_is_reported)
{
    struct setup options = options_for(rsa);
    options.issuer.identifiers = FB_LIST(fb_text("https://other.example"));
    options.policy.max_token_bytes = 2000;
    fb_verifier *verifier = make(&options);
    struct minted token = mint(rsa, "{\"exp\":5}", "a\nkey\x7f");
    char *copy = malloc(token.size + 2);
    memcpy(copy, token.data, token.size);
    CHECK(verify(verifier, token) == FB_TOKEN_EXPIRED); /* before the issuer */
    CHECK(strcmp(error.kid, "a?key?") == 0);
    CHECK(verify_at(verifier, token.data, token.size, 1.0) == FB_TOKEN_ISSUED_IN_FUTURE);
    copy[token.size - 2] = copy[token.size - 2] == 'A' ? 'B' : 'A';
    CHECK(verify_at(verifier, copy, token.size, NOW) == FB_SIGNATURE_INVALID); /* before the expiry */
    CHECK(verify_at(verifier, copy, token.size - 2, NOW) == FB_SIGNATURE_INVALID);
    CHECK(verify_at(verifier, copy, token.size - 1, NOW) == FB_TOKEN_MALFORMED); /* before all else */
    copy[token.size] = copy[token.size + 1] = 'A';
    CHECK(verify_at(verifier, "", 0, NOW) == FB_TOKEN_MALFORMED);
    CHECK(verify_at(verifier, NULL, 0, NOW) == FB_TOKEN_MALFORMED);
    CHECK(verify_at(verifier, "..", 2, NOW) == FB_TOKEN_MALFORMED);
    static char large[2001];
    memset(large, '.', sizeof(large));
    CHECK(verify_at(verifier, large, 2000, NOW) == FB_TOKEN_MALFORMED);
    CHECK(verify_at(verifier, large, 2001, NOW) == FB_TOKEN_TOO_LARGE);
    CHECK(error.kid[0] == '\0');
    CHECK(verify_at(verifier, token.data, token.size, (double)NAN) == FB_CONFIGURATION_INVALID);
    CHECK(verify_at(verifier, token.data, token.size, (double)INFINITY) == FB_CONFIGURATION_INVALID);
    free(copy);
    fb_string_free(token.string);
    fb_verifier_free(verifier);
}

/* Nothing of a payload is told before its signature is verified; after that it is, from the cache too. */
TEST(values_of_claims_are_told_of_verified_tokens_only)
{
    struct setup options = options_for(ec);
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    options.policy.audiences = FB_LIST(fb_text("https://other.example"));
    fb_verifier *strict = make(&options);
    options.policy.audiences = (fb_list){NULL, 0};
    fb_verifier *verifier = make(&options);
    struct minted token = mint(ec, NULL, "k1");
    CHECK(verify(strict, token) == FB_AUDIENCE_MISMATCH);
    CHECK(strcmp(error.expected, "https://other.example") == 0 && strcmp(error.actual, "https://api.example") == 0);
    char forged[1024];
    memcpy(forged, token.data, token.size);
    char *signature = memrchr(forged, '.', token.size);
    signature[1] = signature[1] == 'A' ? 'B' : 'A';
    CHECK(verify_at(strict, forged, token.size, NOW) == FB_SIGNATURE_INVALID);
    CHECK(error.expected[0] == '\0' && error.actual[0] == '\0');
    CHECK(verify(verifier, token) == FB_OK && verify(verifier, token) == FB_OK);
    CHECK(verify_at(verifier, token.data, token.size, NOW + 3607) == FB_TOKEN_EXPIRED);
    CHECK(strcmp(error.text, "the token has expired: 7 s ago, leeway 0 s") == 0);
    CHECK(strcmp(error.expected, "more than 1800003607") == 0 && strcmp(error.actual, "1800003600") == 0);
    fb_string_free(token.string);
    fb_verifier_free(verifier);
    fb_verifier_free(strict);
}

static int attachments_released;

static void release_attachment(void *context, void *data)
{
    CHECK(context == &attachments_released && data != NULL);
    attachments_released++;
}

/* Of what a binding attaches, what lies within its size is read, and what is incomplete is not taken. */
TEST(attachments_of_any_header)
{
    static char data;
    struct setup options = options_for(hmac);
    fb_verifier *verifier = make(&options);
    struct minted token = mint(hmac, NULL, NULL);
    CHECK(verify(verifier, token) == FB_OK);
    fb_attachment attachment = FB_ATTACHMENT_INIT;
    attachment.release = release_attachment;
    attachment.context = &attachments_released;
    CHECK(!fb_verifier_attach(verifier, token.data, token.size, &attachment)); /* no data */
    attachment.data = &data;
    attachment.release = NULL;
    CHECK(!fb_verifier_attach(verifier, token.data, token.size, &attachment));
    attachment.release = release_attachment;
    attachment.size = 0;
    CHECK(!fb_verifier_attach(verifier, token.data, token.size, &attachment));
    attachment.size = sizeof(attachment) + 8;
    CHECK(!fb_verifier_attach(verifier, token.data, token.size, &attachment));
    attachment.size = offsetof(fb_attachment, release); /* knows no release, and so is not complete */
    CHECK(!fb_verifier_attach(verifier, token.data, token.size, &attachment));
    CHECK(attachments_released == 0);
    attachment.size = sizeof(attachment);
    CHECK(fb_verifier_attach(verifier, token.data, token.size, &attachment));
    fb_verifier_free(verifier);
    CHECK(attachments_released == 1);
    fb_string_free(token.string);
}

/* The caller's mistake, not the client's. */
TEST(a_clock_that_is_no_number)
{
    static const double clocks[] = {(double)NAN, (double)INFINITY, (double)-INFINITY};
    struct setup options = options_for(hmac);
    fb_verifier *verifier = make(&options);
    struct minted token = mint(hmac, NULL, NULL);
    for (size_t i = 0; i < 6; i++) {
        fb_clock clock = {i < 3 ? clocks[i] : NOW, i < 3 ? 1.0 : clocks[i - 3]};
        fb_result *result = NULL;
        fb_status status = fb_verify(verifier, token.data, token.size, clock, &result, &error);
        CHECK(status == FB_CONFIGURATION_INVALID && result == NULL && strstr(error.text, "now") == error.text);
        CHECK(fb_status_http(status) == 500 && strcmp(fb_status_oauth(status), "server_error") == 0);
    }
    fb_string_free(token.string);
    fb_verifier_free(verifier);
}

TEST(key_ids_and_key_sets)
{
    fb_string *document = NULL;
    CHECK(fb_keypair_jwks(rsa, fb_text("k1"), &document, &error) == FB_OK);
    struct setup options = SETUP_INIT;
    options.issuer.jwks = fb_string_text(document);
    options.issuer.algorithms = FB_LIST(fb_text("RS256"), fb_text("PS256"), fb_text("ES256"));
    fb_verifier *verifier = make(&options);
    fb_string_free(document);
    struct minted token = mint(rsa, NULL, "k1");
    CHECK(verify(verifier, token) == FB_OK);
    fb_string_free(token.string);
    token = mint(rsa, NULL, NULL);
    CHECK(verify(verifier, token) == FB_OK); /* the only key that fits */
    fb_string_free(token.string);
    token = mint(rsa, NULL, "k2");
    CHECK(verify(verifier, token) == FB_KEY_NOT_FOUND && strcmp(error.kid, "k2") == 0);
    fb_string_free(token.string);
    token = mint(ec, NULL, "k1");
    CHECK(verify(verifier, token) == FB_KEY_UNSUITABLE);
    fb_string_free(token.string);
    fb_keys *keys = NULL;
    CHECK(fb_verifier_keys(verifier, fb_clock_now(), &keys, &error) == FB_OK && fb_keys_count(keys) == 1 &&
          fb_keys_at(keys, 1) == NULL);
    const fb_key_info *info = fb_keys_at(keys, 0);
    fb_verifier_free(verifier); /* the list is its own */
    CHECK(info->usable && info->bits == 2048 && fb__slice_equal(info->kid, fb_text("k1")));
    CHECK(fb__slice_equal(info->kty, fb_text("RSA")) && fb__slice_equal(info->alg, fb_text("RS256")));
    fb_keys_free(keys);
}

TEST(a_repeated_token_comes_from_the_cache_and_is_as_safe)
{
    struct setup options = options_for(rsa);
    fb_verifier *verifier = make(&options), *other = NULL;
    struct minted token = mint(rsa, "{\"nbf\":1800000000,\"scope\":\"read\"}", NULL);
    fb_stats stats = FB_STATS_INIT;
    for (int i = 0; i < 3; i++) {
        CHECK(verify(verifier, token) == FB_OK);
    }
    CHECK(fb_verifier_stats(verifier, 0, &stats, NULL) == FB_OK);
    CHECK(stats.cache_hits == 2 && stats.cache_misses == 1 && stats.cache_entries == 1 && stats.verified == 3);
    /* Time decides anew on each hit, in both directions. */
    CHECK(verify_at(verifier, token.data, token.size, NOW + 3599.5) == FB_OK);
    CHECK(verify_at(verifier, token.data, token.size, NOW + 3600) == FB_TOKEN_EXPIRED);
    CHECK(verify_at(verifier, token.data, token.size, NOW + 3599.5) == FB_OK);
    CHECK(verify_at(verifier, token.data, token.size, NOW - 30) == FB_OK);
    CHECK(verify_at(verifier, token.data, token.size, NOW - 30.5) == FB_TOKEN_NOT_YET_VALID);
    CHECK(verify_at(verifier, token.data, token.size, NOW) == FB_OK);
    /* Of the same length, with the same start, with the signature of another: refused, and nothing is disturbed. */
    char *forged = malloc(token.size);
    memcpy(forged, token.data, token.size);
    for (size_t at = 0; at < token.size; at += 7) {
        char kept = forged[at];
        forged[at] = kept == 'Q' ? 'R' : 'Q';
        CHECK(verify_at(verifier, forged, token.size, NOW) != FB_OK);
        forged[at] = kept;
    }
    CHECK(verify_at(verifier, forged, token.size - 1, NOW) != FB_OK);
    CHECK(verify_at(verifier, forged, token.size, NOW) == FB_OK);
    free(forged);
    /* Another verifier has another policy and another cache. */
    options.policy.required_scopes = FB_LIST(fb_text("write"));
    other = make(&options);
    CHECK(verify(other, token) == FB_INSUFFICIENT_SCOPE && error.missing_scopes == 1);
    CHECK(verify(other, token) == FB_INSUFFICIENT_SCOPE); /* rejections are not cached, and stay rejections */
    CHECK(fb_verifier_stats(other, 0, &stats, NULL) == FB_OK);
    CHECK(stats.cache_entries == 0 && stats.rejected == 2 && stats.reason_count == 1);
    CHECK(stats.reasons[0].status == FB_INSUFFICIENT_SCOPE && stats.reasons[0].count == 2);
    fb_string_free(token.string);
    fb_verifier_free(verifier);
    fb_verifier_free(other);
}

TEST(results_of_hits_are_independent)
{
    struct setup options = options_for(rsa);
    options.policy.cache_size = 1;
    fb_verifier *verifier = make(&options);
    struct minted token = mint(rsa, NULL, NULL), second = mint(rsa, "{\"sub\":\"bob\"}", NULL);
    fb_result *first = NULL, *again = NULL, *third = NULL;
    fb_clock clock = {NOW, 0};
    CHECK(fb_verify(verifier, token.data, token.size, clock, &first, NULL) == FB_OK);
    CHECK(fb_verify(verifier, token.data, token.size, clock, &again, NULL) == FB_OK);
    CHECK(fb_verify(verifier, second.data, second.size, clock, &third, NULL) == FB_OK); /* evicts the first */
    fb_result_free(first);
    CHECK(fb__slice_equal(fb_result_subject(again), fb_text("alice")));
    CHECK(fb__slice_equal(fb_result_subject(third), fb_text("bob")));
    fb_verifier_free(verifier);
    CHECK(fb__slice_equal(fb_result_subject(again), fb_text("alice")));
    fb_result_free(again);
    fb_result_free(third);
    fb_string_free(token.string);
    fb_string_free(second.string);
}

static void note_release(void *context, void *data)
{
    (void)data;
    *(bool *)context = true;
}

TEST(what_is_attached_to_a_token_comes_back_with_it)
{
    struct setup options = SETUP_INIT;
    options.issuer.public_key = fb_keypair_public_pem(rsa);
    fb_verifier *verifier = make(&options);
    struct minted token = mint(rsa, NULL, NULL);
    bool released = false;
    fb_attachment attachment = FB_ATTACHMENT_INIT;
    attachment.bytes = 100;
    attachment.release = note_release;
    attachment.context = &released;
    CHECK(verify(verifier, token) == FB_OK);
    fb_slice text = fb_string_text(token.string);
    CHECK(!fb_verifier_attach(verifier, text.data, text.size, &attachment)); /* no data */
    attachment.data = &attachment;
    CHECK(!fb_verifier_attach(verifier, text.data, text.size - 1, &attachment));
    CHECK(fb_verifier_attach(verifier, text.data, text.size, &attachment));
    fb_clock clock = {NOW, 0.0};
    fb_result *result = NULL;
    CHECK(fb_verify(verifier, text.data, text.size, clock, &result, &error) == FB_OK);
    CHECK(fb_result_is_cached(result) && fb_result_attachment(result) == &attachment);
    fb_verifier_free(verifier);
    CHECK(!released);
    fb_result_free(result);
    CHECK(released);
    options.policy.cache_size = 0;
    verifier = make(&options);
    CHECK(verify(verifier, token) == FB_OK && !fb_verifier_attach(verifier, text.data, text.size, &attachment));
    fb_verifier_free(verifier);
    fb_string_free(token.string);
}

TEST(a_cache_of_size_zero_is_none)
{
    struct setup options = options_for(rsa);
    options.policy.cache_size = 0;
    fb_verifier *verifier = make(&options);
    struct minted token = mint(rsa, NULL, NULL);
    CHECK(verify(verifier, token) == FB_OK && verify(verifier, token) == FB_OK);
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, 0, &stats, NULL) == FB_OK);
    CHECK(stats.verified == 2 && stats.cache_hits == 0 && stats.cache_misses == 0 && stats.keys_held &&
          stats.keys_fresh);
    fb_string_free(token.string);
    fb_verifier_free(verifier);
}

TEST(looking_without_verifying)
{
    struct minted token = mint(rsa, "{\"exp\":5}", "k1");
    fb_unverified *unverified = NULL;
    CHECK(fb_decode_unverified(token.data, token.size, NULL, &unverified, &error) == FB_OK);
    CHECK(fb__slice_equal(fb_unverified_header(unverified),
                          fb_text("{\"typ\":\"JWT\",\"alg\":\"RS256\",\"kid\":\"k1\"}")));
    CHECK(memchr(fb_unverified_payload(unverified).data, '5', fb_unverified_payload(unverified).size) != NULL);
    fb_unverified_free(unverified);
    CHECK(fb_decode_unverified("a.b", 3, NULL, &unverified, &error) == FB_TOKEN_MALFORMED && unverified == NULL);
    CHECK(fb_decode_unverified("AAAA.AAAA.AAAA", 14, NULL, &unverified, &error) == FB_HEADER_INVALID);
    CHECK(fb_decode_unverified("e30.AAAA.AAAA", 13, NULL, &unverified, &error) == FB_PAYLOAD_INVALID);
    CHECK(fb_decode_unverified("e30.e30.AAAA", 12, NULL, &unverified, NULL) == FB_OK);
    fb_unverified_free(unverified);
    fb_unverified_free(NULL);
    fb_string_free(token.string);
}

TEST(refreshing_needs_a_url)
{
    struct setup options = options_for(rsa);
    fb_verifier *verifier = make(&options);
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    CHECK(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, 0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) ==
          FB_CONFIGURATION_INVALID);
    CHECK(fb_verifier_refresh_complete(verifier, SOLE_ISSUER, 1, 0, &fetched, NULL, &error) ==
          FB_CONFIGURATION_INVALID);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_CONFIGURATION_INVALID);
    CHECK(fb_verifier_refresh_start(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &fetch, &error) ==
          FB_CONFIGURATION_INVALID);
    CHECK(!fb_verifier_refresh_due(verifier, SOLE_ISSUER, 0) && fb_verifier_refresh_wait(verifier, SOLE_ISSUER, 1, 0));
    struct setup sharing = SETUP_INIT;
    sharing.policy.keys_of = verifier;
    fb_verifier *shared = NULL;
    CHECK(setup_verifier(&shared, &sharing, &error) == FB_CONFIGURATION_INVALID && shared == NULL);
    fb_verifier_free(verifier);
}

/* Hands the set of a pair to the verifier as if it had just been fetched. */
static void publish(const fb_verifier *verifier, const fb_keypair *pair, const char *kid, double now)
{
    fb_string *document = NULL;
    CHECK(fb_keypair_jwks(pair, fb_text(kid), &document, &error) == FB_OK);
    fb_fetch fetch = FB_FETCH_INIT;
    CHECK(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, now, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    CHECK(fetch.decision == FB_FETCH_NOW);
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = 200;
    fetched.body = fb_string_text(document);
    CHECK(fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, now, &fetched, NULL, &error) == FB_OK);
    fb_string_free(document);
}

TEST(rotation_reaches_the_cache_and_verifiers_that_share_keys)
{
    struct setup options = SETUP_INIT;
    options.issuer.jwks_uri = fb_text("https://issuer.example/jwks");
    options.issuer.algorithms = FB_LIST(fb_text("RS256"), fb_text("ES256"));
    fb_verifier *verifier = make(&options), *sharing = NULL;
    struct minted old = mint(rsa, NULL, "old"), new = mint(ec, NULL, "new");
    CHECK(verify(verifier, old) == FB_KEYS_NEEDED && error.key_request != 0);
    fb_fetch fetch = FB_FETCH_INIT;
    error = (fb_error)FB_ERROR_INIT;
    CHECK(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, 1.0, (fb_refresh_reason)9, 0, &fetch, &error) ==
          FB_CONFIGURATION_INVALID);
    CHECK(error.status == FB_CONFIGURATION_INVALID && strstr(error.text, "reason") == error.text);
    publish(verifier, rsa, "old", 1.0);
    CHECK(verify(verifier, old) == FB_OK && verify(verifier, old) == FB_OK);
    struct setup shared = SETUP_INIT;
    shared.policy.keys_of = verifier;
    shared.issuer.algorithms = options.issuer.algorithms;
    shared.issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    sharing = make(&shared);
    CHECK(verify(sharing, old) == FB_OK);
    CHECK(verify(verifier, new) == FB_KEYS_NEEDED);
    publish(verifier, ec, "new", 1.0);
    CHECK(verify(verifier, new) == FB_OK);
    fb_status status = verify(verifier, old); /* withdrawn: the cache does not save it */
    CHECK(status == FB_KEY_NOT_FOUND || status == FB_KEYS_NEEDED);
    status = verify(sharing, old);
    CHECK(status == FB_KEY_NOT_FOUND || status == FB_KEYS_NEEDED);
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, 1.0, &stats, NULL) == FB_OK);
    CHECK(stats.generation == 2 && stats.fetches == 2 && stats.fetch_failures == 0 && stats.keys_held &&
          stats.keys_fresh);
    fb_verifier_free(verifier);
    CHECK(verify(sharing, new) == FB_OK); /* the key set lives as long as one of its verifiers */
    fb_verifier_free(sharing);
    fb_string_free(old.string);
    fb_string_free(new.string);
}

/* From the cache too, where the header is not read again. */
TEST(a_result_says_which_key_id_its_token_named)
{
    static const char *const given[] = {NULL, "k1", "a\xc3\xa9\nb"}, *const said[] = {NULL, "k1", "a???b"};
    struct setup options = options_for(ec);
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    fb_verifier *verifier = make(&options);
    for (size_t i = 0; i < 6; i++) {
        struct minted token = mint(ec, NULL, given[i % 3]);
        fb_result *result = NULL;
        CHECK(fb_verify(verifier, token.data, token.size, (fb_clock){NOW, 0}, &result, &error) == FB_OK);
        CHECK(fb__slice_equal(fb_result_kid(result), fb_text(said[i % 3])));
        CHECK((fb_result_kid(result).data == NULL) == (said[i % 3] == NULL));
        fb_result_free(result);
        fb_string_free(token.string);
    }
    fb_verifier_free(verifier);
}

TEST(a_refusal_of_the_host_is_counted)
{
    struct setup options = options_for(hmac);
    fb_verifier *verifier = make(&options);
    fb_verifier_count_refusal(verifier, FB_INSUFFICIENT_SCOPE);
    fb_verifier_count_refusal(verifier, FB_INSUFFICIENT_SCOPE);
    fb_verifier_count_refusal(verifier, FB_OK);
    fb_verifier_count_refusal(verifier, (fb_status)7);
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, 0.0, &stats, NULL) == FB_OK);
    CHECK(stats.verified == 0 && stats.rejected == 3 && stats.reason_count == 2);
    CHECK(stats.reasons[0].status == FB_INSUFFICIENT_SCOPE && stats.reasons[0].count == 2);
    CHECK(stats.reasons[1].status == FB_INTERNAL_ERROR && stats.reasons[1].count == 1);
    fb_verifier_free(verifier);
}

int main(void)
{
    static const char *const algs[] = {"RS256", "ES256", "EdDSA", "HS256"};
    fb_keypair **pairs[] = {&rsa, &ec, &ed, &hmac};
    for (size_t i = 0; i < 4; i++) {
        if (fb_keypair_generate(pairs[i], fb_text(algs[i]), 0, NULL, &error) != FB_OK) {
            FAIL("%s: %s", algs[i], error.text);
            return 1;
        }
    }
    RUN(what_a_good_token_says);
    RUN(each_kind_of_key);
    RUN(a_result_says_which_key_id_its_token_named);
    RUN(a_refusal_of_the_host_is_counted);
    RUN(sources_of_keys_exclude_each_other);
    RUN(the_first_failed_check_is_reported);
    RUN(values_of_claims_are_told_of_verified_tokens_only);
    RUN(attachments_of_any_header);
    RUN(a_clock_that_is_no_number);
    RUN(key_ids_and_key_sets);
    RUN(a_repeated_token_comes_from_the_cache_and_is_as_safe);
    RUN(results_of_hits_are_independent);
    RUN(what_is_attached_to_a_token_comes_back_with_it);
    RUN(a_cache_of_size_zero_is_none);
    RUN(looking_without_verifying);
    RUN(refreshing_needs_a_url);
    RUN(rotation_reaches_the_cache_and_verifiers_that_share_keys);
    for (size_t i = 0; i < 4; i++) {
        fb_keypair_free(*pairs[i]);
    }
    return TEST_RESULT();
}
