/* Several issuers: iss chooses whose keys and rules are tried, nothing crosses over, and what is said of each. */
#include "several.h"

#include <math.h>

#define A "https://a.example"
#define B "https://b.example"
#define C "https://c.example"
#define TENANT "https://login.example/{tid}/v2.0"
static const fb_slice a = {A, sizeof(A) - 1}, b = {B, sizeof(B) - 1}, c = {C, sizeof(C) - 1},
                      tenant = {TENANT, sizeof(TENANT) - 1};

static fb_options defaults(void)
{
    return (fb_options)FB_OPTIONS_INIT;
}

/* ---- which issuer --------------------------------------------------------------------------- */

TEST(a_token_belongs_to_the_issuer_of_its_iss)
{
    const fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(1, &b), issuer_of(HMAC, &c)};
    fb_verifier *verifier = verifier_of(defaults(), issuers, 3);
    uint64_t issuer;
    CHECK(verify_new(verifier, 0, A, NULL, &issuer) == FB_OK && issuer == 1);
    CHECK(verify_new(verifier, 1, B, NULL, &issuer) == FB_OK && issuer == 2);
    CHECK(verify_new(verifier, HMAC, C, NULL, &issuer) == FB_OK && issuer == 3);
    /* Under another's name, with the same key id. */
    CHECK(verify_new(verifier, 0, B, NULL, &issuer) == FB_SIGNATURE_INVALID && issuer == 2);
    CHECK(verify_new(verifier, 1, A, NULL, &issuer) == FB_SIGNATURE_INVALID && issuer == 1);
    /* Algorithms are an issuer's own. */
    CHECK(verify_new(verifier, HMAC, A, NULL, &issuer) == FB_ALGORITHM_NOT_ALLOWED && issuer == 1);
    CHECK(verify_new(verifier, 0, C, NULL, &issuer) == FB_ALGORITHM_NOT_ALLOWED && issuer == 3);
    fb_verifier_free(verifier);
}

TEST(an_iss_that_nobody_has_costs_nothing)
{
    const fb_issuer issuers[] = {issuer_of(0, &a), fetched_issuer(&b)};
    fb_verifier *verifier = verifier_of(defaults(), issuers, 2);
    uint64_t issuer;
    CHECK(verify_new(verifier, 0, C, NULL, &issuer) == FB_ISSUER_MISMATCH && issuer == 0);
    CHECK(error.claim.size == 3 && memcmp(error.claim.data, "iss", 3) == 0);
    CHECK(error.expected[0] == '\0' && error.actual[0] == '\0' && strstr(error.text, C) == NULL);
    CHECK(verify_new(verifier, 0, A "/", NULL, &issuer) == FB_ISSUER_MISMATCH && issuer == 0);
    CHECK(verify_new(verifier, 0, "https://A.example", NULL, &issuer) == FB_ISSUER_MISMATCH && issuer == 0);
    CHECK(verify_new(verifier, 0, NULL, NULL, &issuer) == FB_ISS_MISSING && issuer == 0);
    CHECK(verify_new(verifier, 0, NULL, "{\"iss\":5}", &issuer) == FB_ISS_INVALID && issuer == 0);
    CHECK(verify_new(verifier, 0, NULL, "{\"iss\":[\"" A "\"]}", &issuer) == FB_ISS_INVALID && issuer == 0);
    CHECK(verify_new(verifier, 0, NULL, "{\"iss\":\"\"}", &issuer) == FB_ISSUER_MISMATCH && issuer == 0);
    CHECK(error.expected[0] == '\0' && error.actual[0] == '\0');
    fb_stats stats = stats_of(verifier);
    CHECK(stats.fetches == 0 && stats.rejected == 7);
    /* Escapes are taken back before anything is compared. */
    CHECK(verify_new(verifier, 0, NULL, "{\"iss\":\"https:\\/\\/\\u0061.example\"}", &issuer) == FB_OK && issuer == 1);
    fb_verifier_free(verifier);
}

TEST(what_iss_says_is_unescaped_in_the_result)
{
    const fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(1, &b)};
    fb_string *token = token_of(0, NULL, "{\"iss\":\"https:\\/\\/\\u0061.example\",\"sub\":\"\\u0041\"}");
    fb_result *result = NULL;
    const fb_slice text = fb_string_text(token);
    for (size_t count = 1; count <= 2; count++) { /* read before the signature, and after it */
        fb_verifier *verifier = verifier_of(defaults(), issuers, count);
        CHECK(fb_verify(verifier, text.data, text.size, CLOCK, &result, &error) == FB_OK);
        fb_verifier_free(verifier); /* results stay */
        const fb_slice iss = fb_result_issuer(result);
        CHECK(iss.size == a.size && memcmp(iss.data, A, iss.size) == 0 && fb_result_issuer_number(result) == 1);
        CHECK(fb_result_subject(result).size == 1 && fb_result_subject(result).data[0] == 'A');
        fb_result_free(result);
    }
    fb_string_free(token);
    fb_issuer any = issuer_of(0, &a);
    any.identifiers = (fb_list){NULL, 0};
    fb_verifier *verifier = verifier_of(defaults(), &any, 1);
    token = token_of(0, NULL, NULL);
    CHECK(fb_verify(verifier, fb_string_text(token).data, fb_string_text(token).size, CLOCK, &result, &error) == FB_OK);
    CHECK(fb_result_issuer(result).data == NULL && fb_result_issuer_number(result) == 1);
    fb_result_free(result);
    fb_string_free(token);
    fb_verifier_free(verifier);
}

TEST(an_exact_identifier_wins_over_a_template)
{
    const fb_slice exact = fb_text("https://login.example/one/v2.0");
    const fb_issuer issuers[] = {issuer_of(0, &tenant), issuer_of(1, &exact)};
    fb_verifier *verifier = verifier_of(defaults(), issuers, 2);
    uint64_t issuer;
    CHECK(verify_new(verifier, 1, "https://login.example/one/v2.0", NULL, &issuer) == FB_OK && issuer == 2);
    CHECK(verify_new(verifier, 0, "https://login.example/two/v2.0", "{\"tid\":\"two\"}", &issuer) == FB_OK &&
          issuer == 1);
    /* No second try with the template's keys. */
    CHECK(verify_new(verifier, 0, "https://login.example/one/v2.0", "{\"tid\":\"one\"}", &issuer) ==
              FB_SIGNATURE_INVALID &&
          issuer == 2);
    /* The template chooses by iss alone, and its claim is checked when it is verified. */
    CHECK(verify_new(verifier, 0, "https://login.example/two/v2.0", "{\"tid\":\"one\"}", &issuer) ==
              FB_ISSUER_MISMATCH &&
          issuer == 1);
    CHECK(verify_new(verifier, 0, "https://login.example/../v2.0", "{\"tid\":\"..\"}", &issuer) == FB_ISSUER_MISMATCH &&
          issuer == 0);
    CHECK(verify_new(verifier, 0, "https://login.example/{tid}/v2.0", NULL, &issuer) == FB_ISSUER_MISMATCH &&
          issuer == 0);
    fb_verifier_free(verifier);
}

/* A token with this header and payload, signed by a pair. */
static fb_status verify_raw(const fb_verifier *verifier, size_t pair, const char *header, const char *payload,
                            uint64_t *issuer)
{
    fb_string *token = NULL;
    CHECK(fb_keypair_sign(pairs[pair], fb_text(header), fb_text(payload), &token, &error) == FB_OK);
    const fb_status status = verify_token(verifier, token, CLOCK, issuer);
    fb_string_free(token);
    return status;
}

TEST(checks_come_in_their_order)
{
    fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(1, &b)};
    issuers[1].token_type = fb_text("at+jwt");
    fb_verifier *verifier = verifier_of(defaults(), issuers, 2);
    const struct {
        const char *header, *payload;
        fb_status status;
        uint64_t issuer;
    } cases[] = {
        /* What is the same for every issuer, then payload and iss, then what its issuer says of typ and alg. */
        {"{\"alg\":\"none\",\"crit\":[]}", "[]", FB_CRITICAL_HEADER_UNSUPPORTED, 0},
        {"{\"alg\":5}", "[]", FB_HEADER_INVALID, 0},
        {"{\"cty\":\"JWT\"}", "[]", FB_HEADER_UNSUPPORTED, 0},
        {"{\"typ\":\"other\"}", "[]", FB_PAYLOAD_INVALID, 0},
        {"{\"typ\":\"other\"}", "{\"iss\":\"" A "\",\"iss\":\"" A "\"}", FB_PAYLOAD_INVALID, 0},
        {"{\"typ\":\"other\"}", "{\"exp\":0}", FB_ISS_MISSING, 0},
        {"{\"typ\":\"other\"}", "{\"iss\":\"x\"}", FB_ISSUER_MISMATCH, 0},
        {"{\"typ\":\"other\"}", "{\"iss\":\"" A "\"}", FB_TOKEN_TYPE_NOT_ALLOWED, 1},
        {"{\"typ\":\"JWT\"}", "{\"iss\":\"" B "\"}", FB_TOKEN_TYPE_NOT_ALLOWED, 2},
        {"{\"typ\":\"JWT\"}", "{\"iss\":\"" A "\"}", FB_HEADER_INVALID, 1},
        {"{\"alg\":\"HS256\",\"kid\":\"x\"}", "{\"iss\":\"" A "\"}", FB_ALGORITHM_NOT_ALLOWED, 1},
        {"{\"alg\":\"ES256\",\"kid\":\"x\"}", "{\"iss\":\"" A "\"}", FB_KEY_NOT_FOUND, 1},
        {"{\"alg\":\"ES256\",\"kid\":\"kid\"}", "{\"iss\":\"" A "\"}", FB_EXP_MISSING, 1},
        {"{\"alg\":\"ES256\",\"kid\":\"kid\",\"typ\":\"at+jwt\"}", "{\"iss\":\"" B "\"}", FB_SIGNATURE_INVALID, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t issuer;
        const fb_status status = verify_raw(verifier, 0, cases[i].header, cases[i].payload, &issuer);
        if (status != cases[i].status || issuer != cases[i].issuer) {
            FAIL("%s %s: %s of issuer %d", cases[i].header, cases[i].payload, fb_status_name(status), (int)issuer);
        }
    }
    fb_verifier_free(verifier);
}

/* With one issuer nothing of the payload is read before the signature, and the issuer is always known. */
TEST(a_sole_issuer_needs_no_iss_to_be_found)
{
    const fb_issuer issuer = issuer_of(0, &a);
    fb_verifier *verifier = verifier_of(defaults(), &issuer, 1);
    uint64_t number;
    CHECK(verify_raw(verifier, 1, "{\"alg\":\"ES256\"}", "[]", &number) == FB_SIGNATURE_INVALID && number == 1);
    CHECK(verify_raw(verifier, 0, "{\"alg\":\"ES256\"}", "[]", &number) == FB_PAYLOAD_INVALID && number == 1);
    CHECK(verify_new(verifier, 0, B, NULL, &number) == FB_ISSUER_MISMATCH && number == 1);
    CHECK(strcmp(error.expected, A) == 0 && strcmp(error.actual, B) == 0);
    CHECK(fb_verify(verifier, "x", 1, CLOCK, &(fb_result *){NULL}, &error) == FB_TOKEN_MALFORMED && error.issuer == 1);
    fb_verifier_free(verifier);
}

TEST(a_shorter_error_is_left_alone_beyond_its_size)
{
    const fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(1, &b)};
    fb_verifier *verifier = verifier_of(defaults(), issuers, 2);
    fb_error shorter = FB_ERROR_INIT;
    fb_result *result = NULL;
    fb_string *token = token_of(1, A, NULL);
    shorter.size = offsetof(fb_error, issuer);
    shorter.issuer = 77;
    CHECK(fb_verify(verifier, fb_string_text(token).data, fb_string_text(token).size, CLOCK, &result, &shorter) ==
          FB_SIGNATURE_INVALID);
    CHECK(shorter.status == FB_SIGNATURE_INVALID && shorter.issuer == 77);
    fb_string_free(token);
    fb_verifier_free(verifier);
}

TEST(each_of_a_thousand_is_found)
{
    enum { MANY = 1000 };
    static char texts[MANY][40];
    static fb_slice identifiers[MANY];
    static fb_issuer issuers[MANY];
    for (size_t i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof(texts[i]), "https://issuer.example/%zu", i);
        identifiers[i] = fb_text(texts[i]);
        issuers[i] = issuer_of(i % 2, &identifiers[i]);
    }
    fb_verifier *verifier = verifier_of(defaults(), issuers, MANY);
    for (size_t i = 0; i < MANY; i++) {
        uint64_t issuer;
        CHECK(verify_new(verifier, i % 2, texts[i], NULL, &issuer) == FB_OK && issuer == i + 1);
        if (i % 100 == 0) {
            CHECK(verify_new(verifier, 1 - i % 2, texts[i], NULL, &issuer) == FB_SIGNATURE_INVALID && issuer == i + 1);
        }
    }
    CHECK(stats_of(verifier).issuers == MANY);
    fb_verifier_free(verifier);
}

/* ---- the cache ------------------------------------------------------------------------------ */

TEST(cached_tokens_are_their_issuers_own)
{
    /* One key for both, so that nothing but iss tells them apart. */
    static const fb_slice mine = {"https://mine.example", 20};
    fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(0, &b)};
    issuers[0].audiences = (fb_list){&mine, 1};
    fb_verifier *verifier = verifier_of(defaults(), issuers, 2);
    uint64_t issuer;
    for (int i = 0; i < 3; i++) {
        CHECK(verify_new(verifier, 0, B, NULL, &issuer) == FB_OK && issuer == 2);
        CHECK(verify_new(verifier, 0, A, NULL, &issuer) == FB_AUD_MISSING && issuer == 1);
        CHECK(verify_new(verifier, 0, A, "{\"aud\":\"https://mine.example\"}", &issuer) == FB_OK && issuer == 1);
    }
    fb_verifier_free(verifier);
}

TEST(keys_that_change_end_the_cached_tokens_of_their_issuer_alone)
{
    const fb_issuer issuers[] = {fetched_issuer(&a), fetched_issuer(&b), issuer_of(0, &c)};
    fb_verifier *verifier = verifier_of(defaults(), issuers, 3);
    fb_string *tokens[] = {token_of(0, A, NULL), token_of(1, B, NULL), token_of(0, C, NULL)};
    uint64_t issuer;
    CHECK(verify_token(verifier, tokens[0], CLOCK, &issuer) == FB_KEYS_NEEDED && issuer == 1);
    CHECK(error.key_request != 0);
    CHECK(publish(verifier, 1, fb_string_text(documents[0]), 1.0) == FB_OK);
    CHECK(verify_token(verifier, tokens[1], CLOCK, &issuer) == FB_KEYS_NEEDED && issuer == 2);
    CHECK(publish(verifier, 2, fb_string_text(documents[1]), 1.0) == FB_OK);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 3; i++) {
            CHECK(verify_token(verifier, tokens[i], CLOCK, &issuer) == FB_OK && issuer == i + 1);
        }
    }
    CHECK(stats_of(verifier).cache_hits == 3);
    CHECK(publish(verifier, 1, fb_string_text(documents[1]), 2.0) == FB_OK);
    CHECK(verify_token(verifier, tokens[0], CLOCK, &issuer) == FB_SIGNATURE_INVALID && issuer == 1);
    CHECK(verify_token(verifier, tokens[1], CLOCK, &issuer) == FB_OK &&
          verify_token(verifier, tokens[2], CLOCK, &issuer) == FB_OK);
    CHECK(stats_of(verifier).cache_hits == 5 && stats_of(verifier).generation == 3);
    for (size_t i = 0; i < 3; i++) {
        fb_string_free(tokens[i]);
    }
    fb_verifier_free(verifier);
}

/* ---- fetching ------------------------------------------------------------------------------- */

TEST(each_issuer_has_its_own_fetch)
{
    const fb_issuer issuers[] = {fetched_issuer(&a), fetched_issuer(&b), issuer_of(0, &c)};
    fb_verifier *verifier = verifier_of(defaults(), issuers, 3);
    fb_fetch first = FB_FETCH_INIT, second = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    CHECK(fb_verifier_refresh_begin(verifier, 1, 1.0, FB_REFRESH_EXPLICIT, 0, &first, &error) == FB_OK);
    CHECK(fb_verifier_refresh_begin(verifier, 2, 1.0, FB_REFRESH_EXPLICIT, 0, &second, &error) == FB_OK);
    CHECK(first.decision == FB_FETCH_NOW && second.decision == FB_FETCH_NOW);
    CHECK(!fb_verifier_refresh_wait(verifier, 1, first.ticket, 0) &&
          !fb_verifier_refresh_wait(verifier, 2, second.ticket, 0));
    fetched.failure = fb_text("no route");
    CHECK(fb_verifier_refresh_complete(verifier, 1, first.ticket, 1.0, &fetched, NULL, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(fb_verifier_refresh_wait(verifier, 1, first.ticket, 0) &&
          !fb_verifier_refresh_wait(verifier, 2, second.ticket, 0));
    uint64_t issuer; /* one issuer's outage refuses its own tokens alone */
    CHECK(verify_new(verifier, 0, A, NULL, &issuer) == FB_KEYS_UNAVAILABLE && issuer == 1 && error.retry_after > 0.0);
    CHECK(verify_new(verifier, 0, B, NULL, &issuer) == FB_KEYS_NEEDED && issuer == 2);
    CHECK(verify_new(verifier, 0, C, NULL, &issuer) == FB_OK && issuer == 3);
    for (uint64_t number = 0; number < 5; number++) {
        const bool fetches = number == 1 || number == 2;
        fb_fetch fetch = FB_FETCH_INIT;
        const fb_status status = fb_verifier_refresh_begin(verifier, number, 9.0, FB_REFRESH_AHEAD, 0, &fetch, &error);
        CHECK(fetches ? status == FB_OK
                      : status == FB_CONFIGURATION_INVALID && strstr(error.text, "issuer:") == error.text);
        if (fetches) {
            continue;
        }
        CHECK(fb_verifier_refresh_complete(verifier, number, 1, 9.0, &fetched, NULL, &error) ==
              FB_CONFIGURATION_INVALID);
        CHECK(fb_verifier_refresh(verifier, number, FB_REFRESH_AHEAD, 0, &error) == FB_CONFIGURATION_INVALID);
        CHECK(fb_verifier_refresh_start(verifier, number, FB_REFRESH_AHEAD, 0, &fetch, &error) ==
              FB_CONFIGURATION_INVALID);
        CHECK(!fb_verifier_refresh_due(verifier, number, 9.0) && fb_verifier_refresh_wait(verifier, number, 1, 60.0));
    }
    fb_verifier_free(verifier);
}

TEST(key_sets_are_shared_issuer_by_issuer)
{
    const fb_issuer issuers[] = {fetched_issuer(&a), fetched_issuer(&b)};
    fb_verifier *first = verifier_of(defaults(), issuers, 2);
    fb_issuer sharing[] = {issuer_of(HMAC, &c), issuer_of(1, &b)}; /* what they say of keys is not looked at */
    sharing[0].algorithms = issuers[0].algorithms;
    fb_options options = defaults();
    options.keys_of = first;
    fb_verifier *second = verifier_of(options, sharing, 2), *refused = NULL;
    CHECK(publish(first, 1, fb_string_text(documents[0]), 1.0) == FB_OK);
    CHECK(publish(second, 2, fb_string_text(documents[1]), 1.0) == FB_OK);
    uint64_t issuer;
    CHECK(verify_new(first, 0, A, NULL, &issuer) == FB_OK && verify_new(first, 1, B, NULL, &issuer) == FB_OK);
    CHECK(verify_new(second, 0, C, NULL, &issuer) == FB_OK && issuer == 1);
    CHECK(verify_new(second, 1, B, NULL, &issuer) == FB_OK && issuer == 2);
    CHECK(verify_new(second, 0, A, NULL, &issuer) == FB_ISSUER_MISMATCH);
    options.issuers = sharing;
    options.issuer_count = 1;
    CHECK(fb_verifier_new(&refused, &options, &error) == FB_CONFIGURATION_INVALID &&
          strstr(error.text, "keys_of") != NULL);
    fb_verifier *fixed = verifier_of(defaults(), sharing + 1, 1);
    options.keys_of = fixed;
    CHECK(fb_verifier_new(&refused, &options, &error) == FB_CONFIGURATION_INVALID &&
          strstr(error.text, "keys_of") != NULL);
    fb_verifier_free(fixed);
    fb_verifier_free(first);
    CHECK(verify_new(second, 0, C, NULL, &issuer) == FB_OK);
    fb_verifier_free(second);
}

TEST(an_issuer_without_keys_finds_them_by_discovery)
{
    fb_issuer list[] = {fetched_issuer(&a), fetched_issuer(&tenant)};
    fb_issuers *issuers = NULL;
    fb_fetch fetch = FB_FETCH_INIT;
    list[0].jwks_uri = (fb_slice){NULL, 0};
    fb_verifier *verifier = verifier_of(defaults(), list, 2), *refused = NULL;
    uint64_t issuer;
    CHECK(verify_new(verifier, 0, A, NULL, &issuer) == FB_KEYS_NEEDED && issuer == 1);
    CHECK(fb_verifier_issuers(verifier, 1.0, &issuers, &error) == FB_OK);
    CHECK(fb_issuers_at(issuers, 0)->fetched && fb_issuers_at(issuers, 0)->jwks_uri.data == NULL);
    CHECK(fb_verifier_refresh_begin(verifier, 1, 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    CHECK(fetch.url.size > a.size && memcmp(fetch.url.data, A "/.well-known/", a.size + 13) == 0);
    fb_issuers_free(issuers);
    fb_verifier_free(verifier);
    list[1].jwks_uri = (fb_slice){NULL, 0}; /* a template names no one place */
    fb_options options = defaults();
    options.issuers = list;
    options.issuer_count = 2;
    CHECK(fb_verifier_new(&refused, &options, &error) == FB_CONFIGURATION_INVALID);
    CHECK(strstr(error.text, "issuers: item 1: ") == error.text);
}

/* ---- construction --------------------------------------------------------------------------- */

static void expect_refused(const fb_issuer *issuers, size_t count, const char *words)
{
    fb_verifier *verifier = NULL;
    fb_options options = defaults();
    options.issuers = issuers;
    options.issuer_count = count;
    const fb_status status = fb_verifier_new(&verifier, &options, &error);
    if (status != FB_CONFIGURATION_INVALID || verifier != NULL || strstr(error.text, words) == NULL) {
        FAIL("%s: %s", fb_status_name(status), error.text);
    }
    test_checks++;
}

TEST(what_cannot_be_a_list_of_issuers_is_refused)
{
    const fb_slice other_claim = fb_text("https://login.example/{tenant}/v2.0"),
                   long_name = fb_text("https://login.example/{tenantid}/v2.0"), both[] = {a, b};
    expect_refused(NULL, 0, "issuers");
    expect_refused(NULL, 1, "issuers");
    fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(1, &b), issuer_of(1, &c)};
    expect_refused(issuers, 0, "issuers");
    issuers[2].identifiers = (fb_list){NULL, 0};
    expect_refused(issuers, 3, "issuers: item 2 has no identifier");
    issuers[2] = issuer_of(0, &a);
    expect_refused(issuers, 3, "issuers: items 0 and 2 have the same identifier");
    issuers[2] = issuer_of(1, &c);
    issuers[2].identifiers = (fb_list){both, 2};
    expect_refused(issuers, 3, "issuers: items 0 and 2 have the same identifier");
    issuers[1] = issuer_of(1, &tenant);
    issuers[2] = issuer_of(1, &tenant);
    expect_refused(issuers, 3, "issuers: items 1 and 2 have the same identifier");
    issuers[2] = issuer_of(1, &long_name);
    expect_refused(issuers, 3, "issuers: items 1 and 2 have the same identifier");
    issuers[2] = issuer_of(1, &other_claim);
    expect_refused(issuers, 3, "issuers: items 1 and 2 have the same identifier");
    issuers[2] = issuer_of(1, &c);
    issuers[2].jwks_uri = fb_text("https://c.example/keys");
    expect_refused(issuers, 3, "issuers: item 2: only one of public_key, jwks, jwks_uri and secret may be given");
    issuers[2] = issuer_of(1, &c);
    issuers[2].algorithms = (fb_list){NULL, 0};
    expect_refused(issuers, 3, "issuers: item 2: algorithms");
    issuers[2] = issuer_of(1, &c);
    issuers[2].size = sizeof(fb_issuer) - 8;
    expect_refused(issuers, 3, "issuers: item 2: issuers must start from FB_ISSUER_INIT");
    issuers[0].size = sizeof(fb_issuer) + 8;
    expect_refused(issuers, 3, "issuers: item 0: issuers must start from FB_ISSUER_INIT");
    issuers[0].size = 0;
    expect_refused(issuers, 1, "issuers must start from FB_ISSUER_INIT");
}

/* The one identifier twice in one issuer's list is no contradiction. */
TEST(several_identifiers_of_one_issuer)
{
    const fb_slice twice[] = {a, b, a};
    fb_issuer issuers[] = {issuer_of(0, &a), issuer_of(1, &c)};
    issuers[0].identifiers = (fb_list){twice, 3};
    fb_verifier *verifier = verifier_of(defaults(), issuers, 2);
    uint64_t issuer;
    CHECK(verify_new(verifier, 0, A, NULL, &issuer) == FB_OK && issuer == 1);
    CHECK(verify_new(verifier, 0, B, NULL, &issuer) == FB_OK && issuer == 1);
    CHECK(verify_new(verifier, 1, C, NULL, &issuer) == FB_OK && issuer == 2);
    fb_verifier_free(verifier);
}

TEST(at_most_64_templates)
{
    static char texts[65][64];
    static fb_slice identifiers[65];
    static fb_issuer issuers[65];
    for (size_t i = 0; i < 65; i++) {
        snprintf(texts[i], sizeof(texts[i]), "https://%zu.example/{tid}", i);
        identifiers[i] = fb_text(texts[i]);
        issuers[i] = issuer_of(0, &identifiers[i]);
    }
    expect_refused(issuers, 65, "issuers: more than 64 of them are templates");
    fb_verifier *verifier = verifier_of(defaults(), issuers, 64);
    uint64_t issuer;
    CHECK(verify_new(verifier, 0, "https://63.example/x", "{\"tid\":\"x\"}", &issuer) == FB_OK && issuer == 64);
    fb_verifier_free(verifier);
}

/* A program that knows a shorter fb_issuer: its array has a shorter stride. */
TEST(older_programs_have_shorter_issuers)
{
    enum { SHORTER = offsetof(fb_issuer, ssrf_safe) };
    const fb_issuer full[] = {issuer_of(0, &a), issuer_of(1, &b), issuer_of(HMAC, &c)};
    char *older = malloc(3 * SHORTER);
    for (size_t i = 0; i < 3; i++) {
        fb_issuer issuer = full[i];
        issuer.size = SHORTER;
        memcpy(older + i * SHORTER, &issuer, SHORTER);
    }
    fb_verifier *verifier = verifier_of(defaults(), (const fb_issuer *)(const void *)older, 3);
    free(older);
    uint64_t issuer;
    CHECK(verify_new(verifier, 0, A, NULL, &issuer) == FB_OK && issuer == 1);
    CHECK(verify_new(verifier, 1, B, NULL, &issuer) == FB_OK && issuer == 2);
    CHECK(verify_new(verifier, HMAC, C, NULL, &issuer) == FB_OK && issuer == 3);
    fb_verifier_free(verifier);
}

/* ---- looking in ----------------------------------------------------------------------------- */

TEST(counters_tell_issuers_apart)
{
    const fb_issuer list[] = {issuer_of(0, &a), fetched_issuer(&b)};
    fb_verifier *verifier = verifier_of(defaults(), list, 2);
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_issuers *issuers = NULL;
    uint64_t issuer;
    CHECK(verify_new(verifier, 0, A, NULL, &issuer) == FB_OK && verify_new(verifier, 0, A, NULL, &issuer) == FB_OK);
    CHECK(verify_new(verifier, 1, A, NULL, &issuer) == FB_SIGNATURE_INVALID);
    CHECK(verify_new(verifier, 1, B, NULL, &issuer) == FB_KEYS_NEEDED &&
          verify_new(verifier, 1, C, NULL, &issuer) == FB_ISSUER_MISMATCH);
    CHECK(fb_verifier_refresh_begin(verifier, 2, 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) == FB_OK);
    fetched.failure = fb_text("no route");
    CHECK(fb_verifier_refresh_complete(verifier, 2, fetch.ticket, 1.0, &fetched, NULL, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(fb_verifier_issuers(verifier, NAN, &issuers, &error) == FB_CONFIGURATION_INVALID && issuers == NULL);
    CHECK(fb_verifier_issuers(verifier, 1.0, &issuers, &error) == FB_OK && fb_issuers_count(issuers) == 2);
    const fb_issuer_info *first = fb_issuers_at(issuers, 0), *second = fb_issuers_at(issuers, 1);
    CHECK(fb_issuers_at(issuers, 2) == NULL);
    CHECK(first->number == 1 && first->identifier.size == a.size && memcmp(first->identifier.data, A, a.size) == 0);
    CHECK(!first->fetched && !first->added && first->jwks_uri.data == NULL && first->last_error.size == 0);
    CHECK(first->verified == 2 && first->rejected == 1 && first->keys_held && first->keys_fresh &&
          first->generation == 0);
    CHECK(second->number == 2 && second->fetched && !second->added && second->verified == 0 && second->rejected == 0);
    CHECK(second->jwks_uri.size == 25 && memcmp(second->jwks_uri.data, "https://keys.example/jwks", 25) == 0);
    CHECK(second->fetches == 1 && second->fetch_failures == 1 && !second->keys_held && second->retry_after == 1.0);
    CHECK(second->last_error.size > 0 &&
          memcmp(second->last_error.data, "https://keys.example/jwks: no route", 35) == 0);
    fb_stats stats = stats_of(verifier);
    CHECK(stats.verified == 2 && stats.rejected == 2 && stats.fetches == 1 && stats.fetch_failures == 1);
    CHECK(stats.issuers == 2 && !stats.keys_held && !stats.keys_fresh && stats.retry_after == 1.0);
    CHECK(strstr(stats.last_error, "no route") != NULL && stats.issuer_evictions == 0 && stats.unknown_issuers == 0);
    CHECK(publish(verifier, 2, fb_string_text(documents[1]), 1.0) == FB_OK);
    stats = stats_of(verifier);
    CHECK(stats.keys_held && stats.keys_fresh && stats.last_error[0] == '\0' && stats.generation == 1);
    fb_verifier_free(verifier);
    fb_issuers_free(issuers);
    fb_issuers_free(NULL);
}

TEST(keys_say_whose_they_are_and_since_when)
{
    const fb_issuer list[] = {fetched_issuer(&a), issuer_of(1, &b), fetched_issuer(&c)};
    fb_verifier *verifier = verifier_of(defaults(), list, 3);
    fb_keys *keys = NULL;
    CHECK(publish(verifier, 1, fb_string_text(documents[0]), 5.0) == FB_OK);
    CHECK(fb_verifier_keys(verifier, (fb_clock){NAN, 1.0}, &keys, &error) == FB_CONFIGURATION_INVALID && keys == NULL);
    CHECK(fb_verifier_keys(verifier, (fb_clock){1.0, NAN}, &keys, &error) == FB_CONFIGURATION_INVALID && keys == NULL);
    CHECK(fb_verifier_keys(verifier, (fb_clock){NOW, 15.0}, &keys, &error) == FB_OK && fb_keys_count(keys) == 2);
    fb_verifier_free(verifier);
    const fb_key_info *first = fb_keys_at(keys, 0), *second = fb_keys_at(keys, 1);
    CHECK(first->issuer == 1 && first->identifier.size == a.size && memcmp(first->identifier.data, A, a.size) == 0);
    CHECK(first->fetched_at == NOW - 10.0 && first->fresh_until == NOW + 590.0);
    CHECK(second->issuer == 2 && second->identifier.size == b.size && memcmp(second->identifier.data, B, b.size) == 0);
    CHECK(second->fetched_at == 0.0 && isinf(second->fresh_until));
    CHECK(first->usable && second->usable && fb_keys_at(keys, 2) == NULL);
    fb_keys_free(keys);
}

int main(void)
{
    several_prepare();
    RUN(a_token_belongs_to_the_issuer_of_its_iss);
    RUN(an_iss_that_nobody_has_costs_nothing);
    RUN(what_iss_says_is_unescaped_in_the_result);
    RUN(an_exact_identifier_wins_over_a_template);
    RUN(checks_come_in_their_order);
    RUN(a_sole_issuer_needs_no_iss_to_be_found);
    RUN(a_shorter_error_is_left_alone_beyond_its_size);
    RUN(each_of_a_thousand_is_found);
    RUN(cached_tokens_are_their_issuers_own);
    RUN(keys_that_change_end_the_cached_tokens_of_their_issuer_alone);
    RUN(each_issuer_has_its_own_fetch);
    RUN(key_sets_are_shared_issuer_by_issuer);
    RUN(an_issuer_without_keys_finds_them_by_discovery);
    RUN(what_cannot_be_a_list_of_issuers_is_refused);
    RUN(several_identifiers_of_one_issuer);
    RUN(at_most_64_templates);
    RUN(older_programs_have_shorter_issuers);
    RUN(counters_tell_issuers_apart);
    RUN(keys_say_whose_they_are_and_since_when);
    several_clear();
    return TEST_RESULT();
}
