/*
 * One failed allocation refuses one call and changes nothing else. Every allocation of ours, of OpenSSL and of jansson
 * fails in turn, alone or with all that come after it, while objects live on: afterwards the same verifier takes good
 * tokens and refuses bad ones, every key is usable, and the arithmetic that serves a key is the one that would have
 * served it. What is refused with memory is refused without.
 */
#include "child.h"
#include "failing.h"
#include "setup.h"
#include "verify/verify.h"

static const double NOW = 1800000000.0;
/* One of each kind of key, padding and curve. */
static const char *const algorithms[] = {"RS256",  "PS256", "PS512", "ES256", "ES384", "ES512",
                                         "ES256K", "EdDSA", "Ed448", "HS256", "HS512"};
enum { ALGORITHMS = sizeof(algorithms) / sizeof(algorithms[0]), ENOUGH = 40 /* tokens, for any key's table */ };

struct subject {
    fb_keypair *pair;
    fb_string *set, *good;
    char bad[1024];
    const char *arithmetic; /* that serves the key in the end */
    int threshold;          /* valid tokens before its table is built; 0: it has none */
};
static struct subject subjects[ALGORITHMS];

/* How calls were refused under failure, by name and by other names: OpenSSL does not always say that it was memory. */
static long refused, otherwise;

/* Whether this answer to a call under failure will do, and what it counts as. */
static void check_refusal(const char *what, fb_status status)
{
    refused += status != FB_OK;
    otherwise += status != FB_OK && status != FB_OUT_OF_MEMORY;
    if (status != FB_OK && status != FB_OUT_OF_MEMORY && status != FB_INTERNAL_ERROR &&
        status != FB_SIGNATURE_INVALID && status != FB_CONFIGURATION_INVALID && status != FB_KEYS_UNAVAILABLE) {
        FAIL("%s: %s", what, fb_status_name(status));
    }
}

static fb_status verify(const fb_verifier *verifier, fb_slice token)
{
    fb_result *result = NULL;
    fb_status status = fb_verify(verifier, token.data, token.size, (fb_clock){NOW, 1.0}, &result, NULL);
    CHECK((result != NULL) == (status == FB_OK));
    fb_result_free(result);
    return status;
}

static fb_status verify_good(const fb_verifier *verifier, const struct subject *subject)
{
    return verify(verifier, fb_string_text(subject->good));
}

/* Counts a bad token that was taken for good: there is none, ever. */
static fb_status verify_bad(const fb_verifier *verifier, const struct subject *subject)
{
    const fb_status status = verify(verifier, fb_text(subject->bad));
    CHECK(status != FB_OK);
    return status == FB_SIGNATURE_INVALID ? FB_OK : status;
}

static void options_of(struct setup *options, const struct subject *subject)
{
    *options = (struct setup)SETUP_INIT;
    options->policy.mem = &failing_mem;
    options->policy.cache_size = 0;
    options->issuer.public_key = fb_keypair_public_pem(subject->pair);
    if (options->issuer.public_key.size == 0) {
        options->issuer.public_key = fb_text(NULL);
        options->issuer.secret = fb_keypair_private_pem(subject->pair);
    }
}

static fb_verifier *verifier_of(const struct subject *subject)
{
    const fb_slice algorithm = fb_keypair_algorithm(subject->pair);
    struct setup options;
    fb_verifier *verifier = NULL;
    options_of(&options, subject);
    options.issuer.algorithms = (fb_list){&algorithm, 1};
    CHECK(setup_verifier(&verifier, &options, NULL) == FB_OK);
    return verifier;
}

static const char *arithmetic_of(const fb_verifier *verifier)
{
    static char name[32];
    fb_keys *keys = NULL;
    CHECK(fb_verifier_keys(verifier, fb_clock_now(), &keys, NULL) == FB_OK);
    const fb_slice text = fb_keys_at(keys, 0)->arithmetic;
    snprintf(name, sizeof(name), "%.*s", (int)text.size, text.data);
    fb_keys_free(keys);
    return name;
}

/* Memory is back. */
static void check_all_is_well(const fb_verifier *verifier, const struct subject *subject)
{
    CHECK(verify_good(verifier, subject) == FB_OK && verify_bad(verifier, subject) == FB_OK);
    for (int i = 0; subject->threshold > 0 && i < ENOUGH; i++) {
        CHECK(verify_good(verifier, subject) == FB_OK);
    }
    CHECK(strcmp(arithmetic_of(verifier), subject->arithmetic) == 0 && fb_arithmetic_problem() == NULL);
}

/* ---- verification --------------------------------------------------------------------------- */

/* A few calls under failure, after as many good tokens as were asked for. True: no allocation was left to fail. */
static bool verify_under_failure(const struct subject *subject, int warm, long at, bool all_after)
{
    fb_verifier *verifier = verifier_of(subject);
    int calls_refused = 0;
    for (int i = 0; i < warm; i++) {
        CHECK(verify_good(verifier, subject) == FB_OK);
    }
    failing_start(at, all_after);
    for (int i = 0; i < (subject->threshold > 0 ? 4 : 2); i++) {
        const fb_status status = i % 2 == 0 ? verify_good(verifier, subject) : verify_bad(verifier, subject);
        check_refusal("verification", status);
        calls_refused += status != FB_OK;
    }
    const bool reached = failing_stop();
    CHECK(all_after || calls_refused <= 1);
    check_all_is_well(verifier, subject);
    fb_verifier_free(verifier);
    return !reached;
}

static void each_verification(const char *what, const struct subject *subject, int warm)
{
    const long balance = failing.balance;
    long at = 0;
    refused = otherwise = 0;
    for (int all_after = 0; all_after < 2; all_after++) {
        for (at = 0; !verify_under_failure(subject, warm, at, all_after); at++) {
        }
    }
    CHECK(failing.balance == balance);
    printf("%s %.*s: %ld allocations, %ld calls refused, %ld of them by another name\n", what,
           (int)fb_keypair_algorithm(subject->pair).size, fb_keypair_algorithm(subject->pair).data, at, refused,
           otherwise);
}

TEST(verification_with_every_algorithm)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        each_verification("first tokens,", &subjects[i], 0);
        if (subjects[i].threshold > 0) {
            each_verification("a table,", &subjects[i], subjects[i].threshold - 1);
            each_verification("by the table,", &subjects[i], subjects[i].threshold);
        }
    }
}

/* What a process does once for each kind of arithmetic, so each time in a new one. */
static bool first_table_under_failure(const struct subject *subject, int threshold, long at, bool all_after)
{
    const pid_t child = child_start();
    if (child == 0) {
        const bool ended = verify_under_failure(subject, threshold - 1, at, all_after);
        child_end(test_failures == 0 ? ended : 2);
    }
    const int verdict = child_wait(child);
    CHECK(verdict == 0 || verdict == 1);
    return verdict != 0;
}

static void first_tables(void)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        long at = 0;
        const bool first = i == 0 || subjects[i].arithmetic != subjects[i - 1].arithmetic;
        for (int all_after = 0; first && subjects[i].threshold > 0 && all_after < 2; all_after++) {
            for (at = 0; !first_table_under_failure(&subjects[i], subjects[i].threshold, at, all_after); at++) {
            }
        }
        if (at > 0) {
            printf("the first table, %s: %ld allocations\n", algorithms[i], at);
        }
    }
}

/* ---- key sets ------------------------------------------------------------------------------- */

static char all_keys[16384], other_keys[1024];

/* One RSA key is enough. */
static bool in_set(size_t i)
{
    return subjects[i].set != NULL && strncmp(algorithms[i], "PS", 2) != 0;
}

/* A public key of each kind, and between them some that cannot be used. */
static void write_key_sets(void)
{
    static const char *const unusable[] = {
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        ("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
         "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}"),
        "{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\"}",
    };
    size_t used = (size_t)snprintf(all_keys, sizeof(all_keys), "{\"keys\":[%s", unusable[0]);
    for (size_t i = 0; i < ALGORITHMS; i++) {
        if (in_set(i)) {
            const fb_slice set = fb_string_text(subjects[i].set);
            used += (size_t)snprintf(all_keys + used, sizeof(all_keys) - used, ",%s,%.*s", unusable[i % 3],
                                     (int)set.size - 11, set.data + 9);
        }
    }
    snprintf(all_keys + used, sizeof(all_keys) - used, "]}");
    const fb_slice set = fb_string_text(subjects[3].set);
    snprintf(other_keys, sizeof(other_keys), "%.*s", (int)set.size, set.data);
}

static fb_slice names[ALGORITHMS];
static size_t name_count;

static fb_status fetch(const fb_verifier *verifier, double now, const char *document, const char *etag)
{
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_status status = fb_verifier_refresh_begin(verifier, SOLE_ISSUER, now, FB_REFRESH_EXPLICIT, 0, &fetch, NULL);
    if (status != FB_OK) {
        return status;
    }
    fetched.http_status = 200;
    fetched.body = fb_text(document);
    fetched.etag = fb_text(etag);
    return fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, now, &fetched, NULL, NULL);
}

/* Every good key of the set is usable, always; each takes its token. */
static void check_all_keys(const fb_verifier *verifier, const char *when, bool tokens)
{
    size_t expected = 0, usable = 0;
    fb_keys *keys = NULL;
    CHECK(fb_verifier_keys(verifier, fb_clock_now(), &keys, NULL) == FB_OK);
    for (size_t i = 0; i < fb_keys_count(keys); i++) {
        usable += fb_keys_at(keys, i)->usable;
    }
    fb_keys_free(keys);
    for (size_t i = 0; i < ALGORITHMS; i++) {
        expected += in_set(i);
        if (in_set(i) && tokens && verify_good(verifier, &subjects[i]) != FB_OK) {
            FAIL("%s: %s", when, algorithms[i]);
        }
    }
    if (usable != expected) {
        FAIL("%s: %zu of %zu keys are usable", when, usable, expected);
    }
}

static bool fetch_under_failure(long at, bool all_after)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    options.policy.mem = &failing_mem;
    options.issuer.jwks_uri = fb_text("https://issuer.example/jwks");
    options.issuer.algorithms = (fb_list){names, name_count};
    options.policy.cache_size = 0;
    CHECK(setup_verifier(&verifier, &options, NULL) == FB_OK);
    CHECK(fetch(verifier, 0.0, other_keys, "\"other\"") == FB_OK);
    failing_start(at, all_after);
    const fb_status status = fetch(verifier, 0.5, all_keys, "\"all\"");
    const bool reached = failing_stop();
    check_refusal("import", status);
    CHECK(verify_good(verifier, &subjects[3]) == FB_OK); /* its key was held before, and is in both */
    if (status == FB_OK) {
        check_all_keys(verifier, "import without memory", true);
    }
    CHECK(fetch(verifier, 0.75, all_keys, "\"all\"") == FB_OK);
    check_all_keys(verifier, "the next import", at % 20 == 0);
    fb_verifier_free(verifier);
    return !reached;
}

/* The same set, from a store. */
static bool store_under_failure(long at, bool all_after)
{
    const fb_clock clock = {NOW, 1.0};
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL, *other = NULL;
    fb_key_export *held = NULL;
    options.policy.mem = &failing_mem;
    options.issuer.jwks_uri = fb_text("https://issuer.example/jwks");
    options.issuer.algorithms = (fb_list){names, name_count};
    options.policy.cache_size = 0;
    CHECK(setup_verifier(&verifier, &options, NULL) == FB_OK && setup_verifier(&other, &options, NULL) == FB_OK);
    CHECK(fetch(verifier, -9.0, other_keys, "\"other\"") == FB_OK && fetch(other, 0.75, all_keys, "\"all\"") == FB_OK);
    failing_start(at, all_after);
    fb_status status = fb_verifier_export_keys(other, SOLE_ISSUER, clock, &held, NULL);
    CHECK((held != NULL) == (status == FB_OK));
    if (status == FB_OK) {
        status = fb_verifier_import_keys(verifier, SOLE_ISSUER, clock, fb_key_export_keys(held), NULL);
    }
    const bool reached = failing_stop();
    check_refusal("import from a store", status);
    CHECK(verify_good(verifier, &subjects[3]) == FB_OK);
    if (status == FB_OK) {
        check_all_keys(verifier, "import from a store without memory", true);
    }
    fb_key_export_free(held);
    CHECK(fb_verifier_export_keys(other, SOLE_ISSUER, clock, &held, NULL) == FB_OK);
    CHECK(fb_verifier_import_keys(verifier, SOLE_ISSUER, clock, fb_key_export_keys(held), NULL) == FB_OK);
    check_all_keys(verifier, "the next import from a store", at % 20 == 0);
    fb_key_export_free(held);
    fb_verifier_free(verifier);
    fb_verifier_free(other);
    return !reached;
}

static bool construct_under_failure(long at, bool all_after)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    options.policy.mem = &failing_mem;
    options.issuer.jwks = fb_text(all_keys);
    options.issuer.algorithms = (fb_list){names, name_count};
    options.policy.cache_size = 0;
    failing_start(at, all_after);
    const fb_status status = setup_verifier(&verifier, &options, NULL);
    const bool reached = failing_stop();
    check_refusal("construction", status);
    CHECK((verifier != NULL) == (status == FB_OK));
    if (status == FB_OK) {
        check_all_keys(verifier, "construction without memory", true);
    }
    fb_verifier_free(verifier);
    return !reached;
}

static void each_call(const char *what, bool (*run)(long at, bool all_after))
{
    const long balance = failing.balance;
    long at = 0;
    refused = otherwise = 0;
    for (int all_after = 0; all_after < 2; all_after++) {
        for (at = 0; !run(at, all_after); at++) {
        }
    }
    CHECK(failing.balance == balance);
    printf("%s: %ld allocations, %ld calls refused, %ld of them by another name\n", what, at, refused, otherwise);
}

static void each_object(const char *what, bool (*run)(long at, bool all_after))
{
    each_call(what, run);
    CHECK(otherwise == 0);
}

TEST(import_of_key_sets)
{
    each_object("a fetched key set", fetch_under_failure);
    each_object("a stored key set", store_under_failure);
    each_object("a given key set", construct_under_failure);
}

/* ---- introspected and revoked --------------------------------------------------------------- */

static fb_status introspect(const fb_verifier *verifier, const char *jti)
{
    fb_introspection introspection = FB_INTROSPECTION_INIT;
    fb_result *result = NULL;
    char response[200];
    snprintf(response, sizeof(response), "{\"active\":true,\"exp\":1800000060,\"sub\":\"\\u0061\",\"jti\":\"%s\"}",
             jti);
    introspection.response = fb_text(response);
    introspection.reuse_for = 60.0;
    const fb_status status = fb_verify_introspected(verifier, SOLE_ISSUER, jti, strlen(jti), (fb_clock){NOW, 1.0},
                                                    &introspection, &result, NULL);
    CHECK((result != NULL) == (status == FB_OK));
    fb_result_free(result);
    return status;
}

/* A token is revoked when the call said so, and no other is. */
static bool revoke_under_failure(long at, bool all_after)
{
    const fb_slice issuer = fb_text("https://issuer.example");
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_revocations *set = NULL;
    CHECK(fb_revocations_new(&set, 100, &failing_mem, NULL) == FB_OK);
    options.policy.mem = &failing_mem;
    options.policy.revocations = set;
    options.issuer.identifiers = (fb_list){&issuer, 1};
    options.issuer.introspection = fb_text("all");
    failing_start(at, all_after);
    const fb_status made = setup_verifier(&verifier, &options, NULL);
    const fb_status said = made == FB_OK ? introspect(verifier, "first") : FB_OK;
    const fb_status revoked = fb_revocations_add(set, issuer, fb_text("second"), NOW + 60.0, NOW, NULL);
    const bool reached = failing_stop();
    check_refusal("construction", made);
    check_refusal("introspection", said);
    check_refusal("revocation", revoked);
    CHECK(made == FB_OK || setup_verifier(&verifier, &options, NULL) == FB_OK);
    CHECK(introspect(verifier, "first") == FB_OK);
    CHECK(introspect(verifier, "second") == (revoked == FB_OK ? FB_TOKEN_REVOKED : FB_OK));
    CHECK(fb_revocations_add(set, issuer, fb_text("second"), NOW + 60.0, NOW, NULL) == FB_OK);
    CHECK(introspect(verifier, "second") == FB_TOKEN_REVOKED && introspect(verifier, "first") == FB_OK);
    fb_verifier_free(verifier);
    fb_revocations_free(set);
    return !reached;
}

TEST(introspection_and_revocation)
{
    each_object("an introspected token, a revocation", revoke_under_failure);
}

/* ---- a response that is a JWT ---------------------------------------------------------------- */

static fb_status tell_signed(const fb_verifier *verifier, const fb_string *response)
{
    fb_introspection introspection = FB_INTROSPECTION_INIT;
    fb_result *result = NULL;
    introspection.response = fb_string_text(response);
    introspection.content_type = fb_text("application/token-introspection+jwt");
    const fb_status status =
        fb_verify_introspected(verifier, SOLE_ISSUER, "opaque", 6, (fb_clock){NOW, 1.0}, &introspection, &result, NULL);
    CHECK((result != NULL) == (status == FB_OK));
    fb_result_free(result);
    return status;
}

static fb_string *signed_response, *forged_response;

/* Its issuer has the key of an algorithm that is verified by OpenSSL and jansson as well as by us. */
static bool respond_under_failure(long at, bool all_after)
{
    const struct subject *subject = &subjects[0];
    const fb_slice issuer = fb_text("https://issuer.example");
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    options.policy.mem = &failing_mem;
    options.issuer.identifiers = (fb_list){&issuer, 1};
    options.issuer.introspection = fb_text("all");
    options.issuer.introspection_audience = fb_text("server");
    options.issuer.jwks = fb_string_text(subject->set);
    failing_start(at, all_after);
    const fb_status made = setup_verifier(&verifier, &options, NULL);
    const fb_status good = made == FB_OK ? tell_signed(verifier, signed_response) : FB_OK;
    const fb_status bad = made == FB_OK ? tell_signed(verifier, forged_response) : FB_STATUS_UNAVAILABLE;
    const bool reached = failing_stop();
    CHECK(bad != FB_OK);
    check_refusal("construction", made);
    check_refusal("a signed response", good);
    check_refusal("a forged response", bad == FB_STATUS_UNAVAILABLE ? FB_OK : bad);
    CHECK(made == FB_OK || setup_verifier(&verifier, &options, NULL) == FB_OK);
    CHECK(tell_signed(verifier, signed_response) == FB_OK);
    CHECK(tell_signed(verifier, forged_response) == FB_STATUS_UNAVAILABLE);
    fb_verifier_free(verifier);
    return !reached;
}

TEST(signed_introspection_responses)
{
    const fb_slice payload =
        fb_text("{\"iss\":\"https://issuer.example\",\"aud\":\"server\",\"iat\":1800000000,"
                "\"token_introspection\":{\"active\":true,\"exp\":1800000060,\"sub\":\"\\u0061\"}}");
    const fb_slice header = fb_text("{\"alg\":\"RS256\",\"typ\":\"token-introspection+jwt\"}");
    CHECK(fb_keypair_sign(subjects[0].pair, header, payload, &signed_response, NULL) == FB_OK);
    CHECK(fb_keypair_sign(subjects[1].pair, header, payload, &forged_response, NULL) == FB_OK);
    each_call("a signed introspection response", respond_under_failure);
    fb_string_free(signed_response);
    fb_string_free(forged_response);
}

/* ---- what must be refused ------------------------------------------------------------------- */

/* RSA-PSS with SHA-384 alone, a curve that is spelled out, a point that is not on its curve. */
static const char pss_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MIIBVjBBBgkqhkiG9w0BAQowNKAPMA0GCWCGSAFlAwQCAgUAoRwwGgYJKoZIhvcN\n"
                              "AQEIMA0GCWCGSAFlAwQCAgUAogMCATADggEPADCCAQoCggEBANNS6xumUF+m9zBM\n"
                              "JiQeMmj2Q/rG5pdSSTbrXMQUoN4AUB/8R5YB9fK051rHOkdu1vpKGvDFNdSXeEVB\n"
                              "pPUlJ6q3FHenN8sVWgH97Ve3tpKataERet0RrI0DdGuMEhkDX1vmK1tyJlEAr5XR\n"
                              "E+a+Z3+C83W5YVd6R3TioCevtCKlypPbSdn6UgukGzNNtzrgdp5oJqnzdvbSX1p0\n"
                              "MDxxMN+J5yqoo0O2NThUpJExuMtz1JUxJGzafQXgNiSBk4iipqDNTptsoQ6ZVrcS\n"
                              "KlVzoeUl/K497Qa+/I4c/gTNZNio+dY+xW/ee/CKSFRuByAp9xSbTYHM6u/saueV\n"
                              "8DHkrEsCAwEAAQ==\n"
                              "-----END PUBLIC KEY-----\n";

static void never_accepted(const char *what, const struct setup *options)
{
    fb_verifier *verifier = NULL;
    bool reached = true;
    CHECK(setup_verifier(&verifier, options, NULL) == FB_CONFIGURATION_INVALID);
    for (int all_after = 0; all_after < 2; all_after++, reached = true) {
        for (long at = 0; reached; at++) {
            failing_start(at, all_after);
            const fb_status status = setup_verifier(&verifier, options, NULL);
            reached = failing_stop();
            if (status != FB_CONFIGURATION_INVALID && status != FB_OUT_OF_MEMORY) {
                FAIL("%s, allocation %ld: %s", what, at, fb_status_name(status));
            }
            fb_verifier_free(verifier);
        }
    }
}

TEST(what_is_refused_with_memory_is_refused_without)
{
    struct setup options = SETUP_INIT;
    options.policy.mem = &failing_mem;
    options.issuer.public_key = fb_text(pss_pem);
    options.issuer.algorithms = FB_LIST(fb_text("RS384"));
    never_accepted("RS384 with an RSA-PSS key", &options);
    options.issuer.algorithms = FB_LIST(fb_text("PS256"));
    never_accepted("PS256 with an RSA-PSS key for SHA-384", &options);
    options.issuer.public_key = fb_text(NULL);
    options.issuer.algorithms = FB_LIST(fb_text("HS256"));
    options.issuer.secret = fb_keypair_public_pem(subjects[0].pair);
    never_accepted("a PEM as secret", &options);
    options.issuer.secret = fb_string_text(subjects[0].set);
    never_accepted("a key set as secret", &options);
    options.issuer.secret = fb_text(NULL);
    options.issuer.jwks = fb_text("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
                                  "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
                                  "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}]}");
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    never_accepted("a point that is not on its curve", &options);
    options.issuer.jwks = fb_text("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                                  "\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}");
    options.issuer.algorithms = FB_LIST(fb_text("EdDSA"));
    never_accepted("a point of small order", &options);
}

/* ---- minting -------------------------------------------------------------------------------- */

static void check_minting(const fb_keypair *pair, const fb_verifier *verifier)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL;
    options.now = NOW;
    CHECK(fb_keypair_create_token(pair, &options, &token, NULL) == FB_OK);
    CHECK(verify(verifier, fb_string_text(token)) == FB_OK);
    fb_string_free(token);
}

/* What is made under failure is whole, or not made. */
static bool mint_under_failure(const struct subject *subject, const fb_verifier *verifier, long at, bool all_after)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL, *set = NULL;
    options.now = NOW;
    options.kid = fb_keypair_algorithm(subject->pair);
    failing_start(at, all_after);
    const fb_status made = fb_keypair_create_token(subject->pair, &options, &token, NULL);
    const fb_status exported = subject->set == NULL ? FB_OK : fb_keypair_jwks(subject->pair, options.kid, &set, NULL);
    const bool reached = failing_stop();
    check_refusal("minting", made);
    check_refusal("export", exported);
    if (made == FB_OK) {
        CHECK(verify(verifier, fb_string_text(token)) == FB_OK);
    }
    if (set != NULL) {
        CHECK(fb__slice_equal(fb_string_text(set), fb_string_text(subject->set)));
    }
    fb_string_free(token);
    fb_string_free(set);
    check_minting(subject->pair, verifier);
    return !reached;
}

static bool load_under_failure(const struct subject *subject, const fb_verifier *verifier, long at, bool all_after)
{
    fb_keypair *pair = NULL;
    failing_start(at, all_after);
    const fb_status status = fb_keypair_load(&pair, fb_keypair_algorithm(subject->pair),
                                             fb_keypair_private_pem(subject->pair), &failing_mem, NULL);
    const bool reached = failing_stop();
    check_refusal("loading", status);
    CHECK((pair != NULL) == (status == FB_OK));
    if (status == FB_OK && (at % 100 == 0 || !reached)) { /* most are of structures that OpenSSL keeps */
        check_minting(pair, verifier);
    }
    fb_keypair_free(pair);
    return !reached;
}

static void each_key_pair(const char *what, const struct subject *subject,
                          bool (*run)(const struct subject *, const fb_verifier *, long, bool))
{
    const long balance = failing.balance;
    fb_verifier *verifier = verifier_of(subject);
    long at = 0;
    refused = otherwise = 0;
    for (int all_after = 0; all_after < 2; all_after++) {
        for (at = 0; !run(subject, verifier, at, all_after); at++) {
        }
    }
    fb_verifier_free(verifier);
    CHECK(failing.balance == balance);
    printf("%s %.*s: %ld allocations, %ld calls refused, %ld of them by another name\n", what,
           (int)fb_keypair_algorithm(subject->pair).size, fb_keypair_algorithm(subject->pair).data, at, refused,
           otherwise);
}

TEST(minting_with_every_algorithm)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        each_key_pair("minting,", &subjects[i], mint_under_failure);
    }
    each_key_pair("loading,", &subjects[0], load_under_failure);
    each_key_pair("loading,", &subjects[3], load_under_failure);
}

/* ---- subjects ------------------------------------------------------------------------------- */

static void make_subject(struct subject *subject, const char *algorithm)
{
    const fb_slice name = fb_text(algorithm);
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    options.now = NOW;
    options.kid = name;
    CHECK(fb_keypair_generate(&subject->pair, name, 0, &failing_mem, NULL) == FB_OK);
    CHECK(fb_keypair_create_token(subject->pair, &options, &subject->good, NULL) == FB_OK);
    const fb_slice token = fb_string_text(subject->good);
    snprintf(subject->bad, sizeof(subject->bad), "%.*s", (int)token.size, token.data);
    char *changed = strrchr(subject->bad, '.') + 9;
    *changed = *changed == 'A' ? 'B' : 'A';
    subject->arithmetic = "openssl";
    if (fb_keypair_public_pem(subject->pair).size > 0) {
        CHECK(fb_keypair_jwks(subject->pair, name, &subject->set, NULL) == FB_OK);
        names[name_count++] = fb_keypair_algorithm(subject->pair);
    }
}

/* Where a process of its own finds out what serves a key, and from which token on. */
static void find_threshold(struct subject *subject, const char **names_of_arithmetic, size_t count)
{
    const pid_t child = child_start();
    if (child == 0) {
        fb_verifier *verifier = verifier_of(subject);
        for (int i = 1; i <= ENOUGH; i++) {
            CHECK(verify_good(verifier, subject) == FB_OK);
            for (size_t n = 0; n < count; n++) {
                if (strcmp(arithmetic_of(verifier), names_of_arithmetic[n]) == 0) {
                    child_end((int)n * 1000 + i);
                }
            }
        }
        child_end(0);
    }
    const int verdict = child_wait(child);
    CHECK(verdict >= 0);
    subject->threshold = verdict % 1000;
    subject->arithmetic = subject->threshold == 0 ? "openssl" : names_of_arithmetic[verdict / 1000];
}

static void free_subjects(void)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        fb_string_free(subjects[i].good);
        fb_string_free(subjects[i].set);
        fb_keypair_free(subjects[i].pair);
    }
}

int main(void)
{
    static const char *served_by[] = {"rsa-ifma", "p256-tables", "ed25519-tables"};
    failing_install();
    for (size_t i = 0; i < ALGORITHMS; i++) {
        make_subject(&subjects[i], algorithms[i]);
        find_threshold(&subjects[i], served_by, 3);
    }
    write_key_sets();
    RUN(first_tables);
    RUN(verification_with_every_algorithm);
    RUN(import_of_key_sets);
    RUN(introspection_and_revocation);
    RUN(signed_introspection_responses);
    RUN(what_is_refused_with_memory_is_refused_without);
    RUN(minting_with_every_algorithm);
    free_subjects();
    CHECK(failing.balance == 0);
    return TEST_RESULT();
}
