/* Sequences of calls that could make a cached token less safe than an uncached one. The judge is a verifier of
 * the same policy without a cache: verdict, sentence, claim and key id must be the same, whatever came before. Built
 * twice: as it is, and with a cache in which the hashes of all tokens collide. */
#include "setup.h"
#include "test.h"
#include "verify/verify.h"

enum { ALGS = 4, ROOM = FB__MAX_TOKEN + 16 };
static const double NOW = 1800000000.0;
static const char *const algs[ALGS] = {"RS256", "ES256", "EdDSA", "HS256"};
static fb_keypair *pairs[ALGS], *other;

struct both {
    fb_verifier *cached, *plain;
};

static fb_verifier *make(const struct setup *options)
{
    fb_verifier *verifier = NULL;
    fb_error error = FB_ERROR_INIT;
    if (setup_verifier(&verifier, options, &error) != FB_OK) {
        fprintf(stderr, "fb_verifier_new: %s\n", error.text);
        exit(1);
    }
    return verifier;
}

static struct both make_both(size_t alg, struct setup options)
{
    options.issuer.algorithms = FB_LIST(fb_text(algs[alg]));
    if (fb_keypair_public_pem(pairs[alg]).data == NULL) {
        options.issuer.secret = fb_keypair_private_pem(pairs[alg]);
    } else {
        options.issuer.public_key = fb_keypair_public_pem(pairs[alg]);
    }
    struct both both = {.cached = make(&options)};
    options.policy.cache_size = 0;
    both.plain = make(&options);
    return both;
}

static void free_both(struct both both)
{
    fb_verifier_free(both.cached);
    fb_verifier_free(both.plain);
}

static fb_string *mint(const fb_keypair *pair, const char *claims, const char *kid)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL;
    fb_error error = FB_ERROR_INIT;
    options.subject = fb_text("alice");
    options.issuer = fb_text("https://issuer.example");
    options.now = NOW;
    options.additional_claims = fb_text(claims);
    options.kid = fb_text(kid);
    CHECK(fb_keypair_create_token(pair, &options, &token, &error) == FB_OK);
    return token;
}

static fb_status verify(const fb_verifier *verifier, fb_slice token, double now, fb_error *error)
{
    fb_result *result = NULL;
    *error = (fb_error)FB_ERROR_INIT;
    fb_status status = fb_verify(verifier, token.data, token.size, (fb_clock){now, 1.0}, &result, error);
    CHECK((result != NULL) == (status == FB_OK));
    fb_result_free(result);
    return status;
}

/* The verdict of both, which must be one. */
static fb_status judge(struct both both, fb_slice token, double now)
{
    fb_error error = FB_ERROR_INIT, expected = FB_ERROR_INIT;
    fb_status status = verify(both.cached, token, now, &error);
    CHECK(verify(both.plain, token, now, &expected) == status);
    CHECK(strcmp(error.text, expected.text) == 0 && strcmp(error.kid, expected.kid) == 0);
    CHECK(error.claim.data == NULL ? expected.claim.data == NULL : fb__slice_equal(error.claim, expected.claim));
    CHECK(error.missing_scopes == expected.missing_scopes);
    CHECK(strcmp(error.expected, expected.expected) == 0 && strcmp(error.actual, expected.actual) == 0);
    return status;
}

static fb_stats stats_of(const fb_verifier *verifier)
{
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, 1.0, &stats, NULL) == FB_OK);
    return stats;
}

static const char *last_dot(fb_slice token)
{
    const char *at = token.data + token.size;
    while (*--at != '.') {
    }
    return at;
}

/* The signing input of one and the signature of the other. */
static fb_slice swap(fb_slice one, fb_slice two, char *room)
{
    size_t input = (size_t)(last_dot(one) - one.data);
    size_t signature = two.size - (size_t)(last_dot(two) - two.data);
    memcpy(room, one.data, input);
    memcpy(room + input, last_dot(two), signature);
    return (fb_slice){room, input + signature};
}

static void forge(struct both both, fb_slice good, char *room)
{
    memcpy(room, good.data, good.size);
    for (size_t at = 0; at < good.size; at += 3) { /* of equal length */
        room[at] = good.data[at] == 'Q' ? 'R' : 'Q';
        CHECK(judge(both, (fb_slice){room, good.size}, NOW) != FB_OK);
        room[at] = good.data[at];
    }
    for (size_t size = 0; size < good.size; size += 5) { /* prefixes */
        CHECK(judge(both, (fb_slice){good.data, size}, NOW) != FB_OK);
    }
    CHECK(judge(both, (fb_slice){good.data, good.size - 1}, NOW) != FB_OK);
    static const char *const tails[] = {"A", "AAAA", "=", ".", " ", "\n"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) { /* what it is a prefix of */
        memcpy(room + good.size, tails[i], strlen(tails[i]));
        CHECK(judge(both, (fb_slice){room, good.size + strlen(tails[i])}, NOW) != FB_OK);
    }
}

TEST(accept_then_forge)
{
    static char room[ROOM];
    for (size_t alg = 0; alg < ALGS; alg++) {
        struct both both = make_both(alg, (struct setup)SETUP_INIT);
        fb_string *one = mint(pairs[alg], "{\"jti\":\"1\"}", NULL), *two = mint(pairs[alg], "{\"jti\":\"2\"}", NULL);
        fb_slice first = fb_string_text(one), second = fb_string_text(two);
        CHECK(judge(both, first, NOW) == FB_OK && judge(both, second, NOW) == FB_OK);
        CHECK(judge(both, swap(first, second, room), NOW) == FB_SIGNATURE_INVALID);
        CHECK(judge(both, swap(second, first, room), NOW) == FB_SIGNATURE_INVALID);
        forge(both, first, room);
        CHECK(stats_of(both.cached).cache_entries == 2); /* refusals are not remembered */
        uint64_t hits = stats_of(both.cached).cache_hits;
        CHECK(judge(both, first, NOW) == FB_OK && judge(both, second, NOW) == FB_OK);
        CHECK(stats_of(both.cached).cache_hits == hits + 2);
        fb_string_free(one);
        fb_string_free(two);
        free_both(both);
    }
}

/* exp, nbf and iat around NOW; the clock of the calls jumps about, so that it goes back as often as on. */
TEST(the_clock_goes_on_and_back)
{
    static const char *const claims[] = {"{\"exp\":1800000010,\"nbf\":1799999990,\"iat\":1799999980}",
                                         "{\"exp\":1800000010.5,\"nbf\":1800000000.5}", "{\"exp\":1800000020}"};
    static const double leeways[] = {0.0, 2.5};
    for (size_t l = 0; l < 2; l++) {
        struct setup options = SETUP_INIT;
        options.policy.leeway = leeways[l];
        options.policy.cache_size = 2;
        struct both both = make_both(3, options);
        fb_string *tokens[3];
        size_t seen[2] = {0, 0};
        for (size_t t = 0; t < 3; t++) {
            tokens[t] = mint(pairs[3], claims[t], "k1");
        }
        unsigned state = 12345;
        for (unsigned i = 0; i < 6000; i++) {
            state = state * 1664525U + 1013904223U;
            double now = NOW - 30.0 + (state >> 8) % 240 / 4.0;
            seen[judge(both, fb_string_text(tokens[state % 3]), now) == FB_OK]++;
        }
        CHECK(seen[0] > 500 && seen[1] > 500 && stats_of(both.cached).cache_hits > 100);
        for (size_t t = 0; t < 3; t++) {
            fb_string_free(tokens[t]);
        }
        free_both(both);
    }
}

TEST(an_entry_ends_with_its_token)
{
    struct setup options = SETUP_INIT;
    options.policy.leeway = 5.0;
    struct both both = make_both(3, options);
    fb_string *token = mint(pairs[3], "{\"exp\":1800000010}", "k1");
    fb_slice text = fb_string_text(token);
    CHECK(judge(both, text, NOW) == FB_OK && judge(both, text, NOW + 14.9) == FB_OK);
    CHECK(stats_of(both.cached).cache_entries == 1 && stats_of(both.cached).cache_hits == 1);
    CHECK(judge(both, text, NOW + 15) == FB_TOKEN_EXPIRED);
    CHECK(stats_of(both.cached).cache_entries == 0);
    CHECK(judge(both, text, NOW + 14.9) == FB_OK); /* verified anew */
    CHECK(stats_of(both.cached).cache_hits == 1 && stats_of(both.cached).cache_entries == 1);
    fb_string_free(token);
    free_both(both);
}

TEST(one_token_and_many_policies)
{
    fb_string *token = mint(pairs[1], "{\"aud\":\"https://api.example\",\"scope\":\"read\"}", "k1");
    fb_slice text = fb_string_text(token);
    struct setup options[6];
    for (size_t i = 0; i < 6; i++) {
        options[i] = (struct setup)SETUP_INIT;
    }
    options[1].issuer.identifiers = FB_LIST(fb_text("https://other.example"));
    options[2].policy.audiences = FB_LIST(fb_text("https://other.example"));
    options[3].policy.required_scopes = FB_LIST(fb_text("write"));
    options[4].required_claims = FB_LIST(fb_text("email"));
    options[5].policy.max_token_bytes = text.size - 1;
    static const fb_status expected[6] = {
        FB_OK, FB_ISSUER_MISMATCH, FB_AUDIENCE_MISMATCH, FB_INSUFFICIENT_SCOPE, FB_CLAIM_MISSING, FB_TOKEN_TOO_LARGE};
    struct both all[6];
    for (size_t i = 0; i < 6; i++) {
        all[i] = make_both(1, options[i]);
    }
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < 6; i++) {
            CHECK(judge(all[i], text, NOW) == expected[i]);
            CHECK(stats_of(all[i].cached).cache_entries == (expected[i] == FB_OK));
        }
    }
    for (size_t i = 0; i < 6; i++) {
        free_both(all[i]);
    }
    fb_string_free(token);
}

TEST(tokens_of_64_kib)
{
    static char room[ROOM], claims[50000];
    struct setup options = SETUP_INIT;
    options.policy.max_token_bytes = FB__MAX_TOKEN;
    struct both both = make_both(3, options);
    fb_string *tokens[2];
    for (int t = 0; t < 2; t++) { /* alike but for one character in the middle */
        int size = snprintf(claims, sizeof(claims), "{\"fill\":\"%024000d%c%024000d\"}", 0, 'a' + t, 0);
        CHECK(size > 48000 && size < (int)sizeof(claims));
        tokens[t] = mint(pairs[3], claims, NULL);
    }
    fb_slice one = fb_string_text(tokens[0]), two = fb_string_text(tokens[1]);
    CHECK(one.size > 64000 && one.size <= FB__MAX_TOKEN);
    for (int i = 0; i < 3; i++) {
        CHECK(judge(both, one, NOW) == FB_OK && judge(both, two, NOW) == FB_OK);
        CHECK(judge(both, swap(one, two, room), NOW) == FB_SIGNATURE_INVALID);
    }
    CHECK(stats_of(both.cached).cache_hits == 4 && stats_of(both.cached).cache_entries == 2);
    memcpy(room, one.data, one.size);
    for (size_t at = 0; at < one.size; at += 997) {
        room[at] = one.data[at] == 'Q' ? 'R' : 'Q';
        CHECK(judge(both, (fb_slice){room, one.size}, NOW) != FB_OK);
        room[at] = one.data[at];
    }
    CHECK(judge(both, (fb_slice){room, one.size}, NOW) == FB_OK);
    fb_string_free(tokens[0]);
    fb_string_free(tokens[1]);
    free_both(both);
}

TEST(a_cache_of_one)
{
    static char room[ROOM];
    struct setup options = SETUP_INIT;
    options.policy.cache_size = 1;
    struct both both = make_both(3, options);
    fb_string *one = mint(pairs[3], "{\"jti\":\"1\"}", NULL), *two = mint(pairs[3], "{\"jti\":\"2\"}", NULL);
    fb_slice first = fb_string_text(one), second = fb_string_text(two);
    for (int i = 0; i < 10; i++) {
        CHECK(judge(both, first, NOW) == FB_OK && judge(both, first, NOW) == FB_OK);
        CHECK(judge(both, swap(second, first, room), NOW) == FB_SIGNATURE_INVALID);
        CHECK(judge(both, second, NOW) == FB_OK);
    }
    forge(both, second, room);
    fb_stats stats = stats_of(both.cached);
    CHECK(stats.cache_entries == 1 && stats.cache_evictions == 19 && stats.cache_hits == 10);
    fb_string_free(one);
    fb_string_free(two);
    free_both(both);
}

/* A refresh that brings the set of pair under this kid. */
static void refresh(const fb_verifier *verifier, const fb_keypair *pair, const char *kid, double monotonic)
{
    fb_string *document = NULL;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    CHECK(fb_keypair_jwks(pair, fb_text(kid), &document, &error) == FB_OK);
    CHECK(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, monotonic, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    fetched.http_status = 200;
    fetched.body = fb_string_text(document);
    CHECK(fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, monotonic, &fetched, NULL, &error) ==
          FB_OK);
    fb_string_free(document);
}

TEST(refreshes_between_calls)
{
    struct setup options = SETUP_INIT;
    options.issuer.jwks_uri = fb_text("https://issuer.example/jwks");
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    fb_verifier *verifier = make(&options);
    fb_string *token = mint(pairs[1], NULL, "k1");
    fb_slice text = fb_string_text(token);
    fb_error error = FB_ERROR_INIT;
    refresh(verifier, pairs[1], "k1", 1.0);
    CHECK(verify(verifier, text, NOW, &error) == FB_OK && verify(verifier, text, NOW, &error) == FB_OK);
    CHECK(stats_of(verifier).cache_hits == 1);
    refresh(verifier, pairs[1], "k1", 1.0); /* the same keys: nothing is forgotten */
    CHECK(verify(verifier, text, NOW, &error) == FB_OK && stats_of(verifier).cache_hits == 2);
    refresh(verifier, other, "k1", 1.0); /* another key under the same name */
    CHECK(verify(verifier, text, NOW, &error) == FB_SIGNATURE_INVALID && strcmp(error.kid, "k1") == 0);
    CHECK(stats_of(verifier).cache_entries == 0);
    refresh(verifier, pairs[1], "k1", 1.0); /* the old key comes back, what was remembered under it does not */
    CHECK(verify(verifier, text, NOW, &error) == FB_OK && stats_of(verifier).cache_hits == 2);
    CHECK(verify(verifier, text, NOW, &error) == FB_OK && stats_of(verifier).cache_hits == 3);
    /* Keys that may not be used any more vouch for nothing, cached tokens included. */
    fb_result *result = NULL;
    double later = 1.0 + 600.0 + options.issuer.stale_if_error + 1.0;
    CHECK(fb_verify(verifier, text.data, text.size, (fb_clock){NOW, later}, &result, &error) == FB_KEYS_NEEDED);
    CHECK(result == NULL);
    fb_string_free(token);
    fb_verifier_free(verifier);
}

int main(void)
{
    for (size_t i = 0; i < ALGS; i++) {
        CHECK(fb_keypair_generate(&pairs[i], fb_text(algs[i]), 0, NULL, NULL) == FB_OK);
    }
    CHECK(fb_keypair_generate(&other, fb_text("ES256"), 0, NULL, NULL) == FB_OK);
    RUN(accept_then_forge);
    RUN(the_clock_goes_on_and_back);
    RUN(an_entry_ends_with_its_token);
    RUN(one_token_and_many_policies);
    RUN(tokens_of_64_kib);
    RUN(a_cache_of_one);
    RUN(refreshes_between_calls);
    for (size_t i = 0; i < ALGS; i++) {
        fb_keypair_free(pairs[i]);
    }
    fb_keypair_free(other);
    return TEST_RESULT();
}
