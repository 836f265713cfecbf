/*
 * Every allocation of every public call fails in turn: the call says out_of_memory (or copes), nothing leaks, nothing
 * crashes, and the object is as good as before. Allocations of this library come from a counting fb_mem; those of
 * OpenSSL and jansson through their own hooks, in the same count.
 */
#include "failing.h"
#include "setup.h"
#include "verify/verify.h"

static const double NOW = 1800000000.0;

static const fb_mem mem = {failing_allocate, failing_release, NULL};

enum { ENOUGH = 24 }; /* more tokens than any key's table waits for */

static fb_keypair *rsa, *ec;
static fb_string *document, *rsa_token, *ec_token;
static fb_verifier *shared, *taking; /* the second takes more issuers */

/* A scenario answers with the status of what it did; FB_OK means done completely. */
typedef fb_status (*scenario)(fb_error *error);

static fb_status use_verifier(const struct setup *options, fb_string *token, fb_error *error)
{
    fb_verifier *verifier = NULL;
    fb_status status = setup_verifier(&verifier, options, error);
    if (status != FB_OK) {
        CHECK(verifier == NULL);
        return status;
    }
    fb_result *result = NULL;
    fb_slice text = fb_string_text(token);
    status = fb_verify(verifier, text.data, text.size, (fb_clock){NOW, 1.0}, &result, error);
    CHECK((result != NULL) == (status == FB_OK));
    fb_result_free(result);
    if (status == FB_OK) {
        fb_keys *keys = NULL;
        status = fb_verifier_keys(verifier, fb_clock_now(), &keys, error);
        fb_keys_free(keys);
    }
    fb_verifier_free(verifier);
    return status;
}

static fb_status with_pem(fb_error *error)
{
    struct setup options = SETUP_INIT;
    options.policy.mem = &mem;
    options.issuer.public_key = fb_keypair_public_pem(rsa);
    options.issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    return use_verifier(&options, rsa_token, error);
}

static fb_status with_key_set(fb_error *error)
{
    struct setup options = SETUP_INIT;
    options.policy.mem = &mem;
    options.issuer.jwks = fb_string_text(document);
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    return use_verifier(&options, ec_token, error);
}

static fb_status with_secret(fb_error *error)
{
    struct setup options = SETUP_INIT;
    fb_keypair *pair = NULL;
    fb_string *token = NULL;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    minting.now = NOW;
    minting.additional_claims = fb_text("{\"scope\":\"1 2 3 4 5 6 7 8 9 10 11\",\"sub\":\"\\u0041\"}");
    fb_slice secret = fb_text("0123456789abcdef0123456789abcdef");
    fb_status status = fb_keypair_load(&pair, fb_text("HS256"), secret, &mem, error);
    if (status == FB_OK) {
        status = fb_keypair_create_token(pair, &minting, &token, error);
    }
    if (status == FB_OK) {
        options.policy.mem = &mem;
        options.issuer.secret = secret;
        status = use_verifier(&options, token, error);
    }
    fb_string_free(token);
    fb_keypair_free(pair);
    return status;
}

/* Every option about claims, and a token that needs room for all that it says. */
static fb_status with_policy(fb_error *error)
{
    static const fb_required_claim own = {{"/x/y", 4}, {NULL, 0}};
    const fb_scope_rule rule = {fb_text("1"), FB_LIST(fb_text("one"))};
    const fb_required_claim required = {fb_text("/n"), FB_LIST(fb_text("1.50"), fb_text("\"\\u0061\""))};
    struct setup options = SETUP_INIT;
    fb_keypair *pair = NULL;
    fb_string *token = NULL;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    minting.now = NOW;
    minting.additional_claims =
        fb_text("{\"iss\":\"https:\\/\\/a.example\\/t\",\"tid\":\"t\",\"aud\":\"https://API.example/\",\"scope\":"
                "\"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 "
                "37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66\",\"scp\":"
                "[\"\\u0041\"],\"n\":[\"a\"],\"x\":{\"y\":0}}");
    fb_slice secret = fb_text("0123456789abcdef0123456789abcdef");
    fb_status status = fb_keypair_load(&pair, fb_text("HS256"), secret, &mem, error);
    if (status == FB_OK) {
        status = fb_keypair_create_token(pair, &minting, &token, error);
    }
    if (status == FB_OK) {
        options.policy.mem = &mem;
        options.policy.audiences = FB_LIST(fb_text("https://api.example/"));
        options.policy.merge_scope_claims = true;
        options.policy.scope_hierarchy = &rule;
        options.policy.scope_rule_count = 1;
        options.policy.required_scopes = FB_LIST(fb_text("one"), fb_text("A"));
        options.policy.required_claims = &required;
        options.policy.required_claim_count = 1;
        options.issuer.secret = secret;
        options.issuer.identifiers = FB_LIST(fb_text("https://a.example/{tid}"));
        options.issuer.required_claims = &own;
        options.issuer.required_claim_count = 1;
        options.issuer.client_id_claims = FB_LIST(fb_text("/absent"));
        status = use_verifier(&options, token, error);
    }
    fb_string_free(token);
    fb_keypair_free(pair);
    return status;
}

static fb_status minting(fb_error *error)
{
    fb_keypair *pair = NULL;
    fb_string *string = NULL;
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    options.subject = fb_text("alice");
    options.audiences = FB_LIST(fb_text("a"), fb_text("b"));
    options.scopes = FB_LIST(fb_text("read"), fb_text("write"));
    options.now = NOW;
    options.additional_claims = fb_text("{\"sub\":\"bob\",\"n\":[1,2,{\"a\":null}]}");
    options.kid = fb_text("k1");
    fb_status status = fb_keypair_load(&pair, fb_text("ES256"), fb_keypair_private_pem(ec), &mem, error);
    if (status == FB_OK) {
        status = fb_keypair_create_token(pair, &options, &string, error);
        fb_string_free(string);
        string = NULL;
    }
    if (status == FB_OK) {
        status = fb_keypair_jwks(pair, fb_text("k1"), &string, error);
        fb_string_free(string);
    }
    fb_proof_options proving = FB_PROOF_OPTIONS_INIT;
    proving.method = fb_text("POST");
    proving.url = fb_text("https://api.example/mcp");
    proving.access_token = fb_text("token");
    proving.nonce = fb_text("nonce");
    if (status == FB_OK) {
        status = fb_keypair_dpop_proof(pair, &proving, &string, error);
        fb_string_free(string);
    }
    if (status == FB_OK) {
        status = fb_keypair_thumbprint(pair, &string, error);
        fb_string_free(string);
    }
    fb_keypair_free(pair);
    return status;
}

static fb_status behind_a_url(fb_error *error)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_result *result = NULL;
    options.policy.mem = &mem;
    options.issuer.jwks_uri = fb_text("https://issuer.example/jwks");
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    fb_status status = setup_verifier(&verifier, &options, error);
    if (status == FB_OK) {
        status = fb_verifier_refresh_begin(verifier, SOLE_ISSUER, 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, error);
    }
    if (status == FB_OK) {
        fetched.http_status = 200;
        fetched.body = fb_string_text(document);
        fetched.etag = fb_text("\"one\"");
        status = fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, 1.0, &fetched, NULL, error);
    }
    if (status == FB_OK) {
        fb_slice text = fb_string_text(ec_token);
        status = fb_verify(verifier, text.data, text.size, (fb_clock){NOW, 1.0}, &result, error);
    }
    fb_result_free(result);
    fb_verifier_free(verifier);
    return status;
}

/* More members than are compared one by one, and texts that must be unescaped or made: each costs an allocation. */
static const char *wide_object(const char *first, int members)
{
    static char text[8192];
    int size = snprintf(text, sizeof(text), "{%s", first);
    for (int i = 0; i < members; i++) {
        size += snprintf(text + size, sizeof(text) - (size_t)size, ",\"member %d\":%d", i, i);
    }
    snprintf(text + size, sizeof(text) - (size_t)size, "}");
    return text;
}

static fb_status sign_and_verify(const char *header, const char *payload, const fb_list *audiences, fb_error *error)
{
    struct setup options = SETUP_INIT;
    fb_keypair *pair = NULL;
    fb_string *token = NULL;
    fb_unverified *unverified = NULL;
    options.policy.mem = &mem;
    options.issuer.secret = fb_text("0123456789abcdef0123456789abcdef");
    options.policy.client_id_default = fb_text("nobody in particular");
    options.policy.audiences = audiences == NULL ? options.policy.audiences : *audiences;
    fb_status status = fb_keypair_load(&pair, fb_text("HS256"), options.issuer.secret, &mem, error);
    if (status == FB_OK) {
        status = fb_keypair_sign(pair, fb_text(header), fb_text(payload), &token, error);
    }
    if (status == FB_OK) {
        const fb_slice text = fb_string_text(token);
        status = fb_decode_unverified(text.data, text.size, &mem, &unverified, error);
        fb_unverified_free(unverified);
    }
    if (status == FB_OK) {
        status = use_verifier(&options, token, error);
    }
    fb_string_free(token);
    fb_keypair_free(pair);
    return status;
}

static fb_status wide_payload(fb_error *error)
{
    return sign_and_verify("{\"alg\":\"HS256\"}", wide_object("\"exp\":1800000001", 300), NULL, error);
}

static fb_status wide_header(fb_error *error)
{
    return sign_and_verify(wide_object("\"alg\":\"HS256\",\"kid\":\"\\u006b\"", 250), "{\"exp\":1800000001.5}", NULL,
                           error);
}

static fb_status escaped_texts(fb_error *error)
{
    static const fb_slice audience = {"https://a", 9};
    const fb_list audiences = {&audience, 1};
    fb_status status = sign_and_verify(
        "{\"alg\":\"HS256\"}", "{\"exp\":1800000001,\"aud\":[\"b\",\"\\u0068ttps:\\/\\/a\"]}", &audiences, error);
    if (status == FB_OK) {
        status = sign_and_verify("{\"alg\":\"HS256\"}", "{\"exp\":1800000001,\"aud\":\"https:\\/\\/a\"}", NULL, error);
    }
    if (status == FB_OK) {
        status = sign_and_verify(
            "{\"alg\":\"HS256\"}",
            "{\"exp\":1800000001,\"scope\":[\"\\u0031\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}", NULL,
            error);
    }
    return status;
}

static fb_status wide_key_set(fb_error *error)
{
    struct setup options = SETUP_INIT;
    const fb_slice keys = fb_string_text(document);
    char text[16384];
    options.policy.mem = &mem;
    const char *wide = wide_object("\"first\":1", 300);
    snprintf(text, sizeof(text), "%.*s,%s", (int)keys.size - 1, keys.data, wide + 1);
    options.issuer.jwks = fb_text(text);
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    return use_verifier(&options, ec_token, error);
}

static fb_status generating(fb_error *error)
{
    static const char *const algorithms[] = {"HS256", "ES256", "EdDSA"};
    fb_status status = FB_OK;
    for (size_t i = 0; status == FB_OK && i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        fb_keypair *pair = NULL;
        status = fb_keypair_generate(&pair, fb_text(algorithms[i]), 0, &mem, error);
        CHECK((pair != NULL) == (status == FB_OK));
        fb_keypair_free(pair);
    }
    return status;
}

/* Two verifiers with one key set, and keys that change under them. */
static fb_status sharing_keys(fb_error *error)
{
    struct setup options = SETUP_INIT;
    fb_verifier *first = NULL, *second = NULL;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    options.policy.mem = &mem;
    options.issuer.jwks_uri = fb_text("https://issuer.example/jwks");
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    fb_status status = setup_verifier(&first, &options, error);
    if (status == FB_OK) {
        options.issuer.jwks_uri = (fb_slice){NULL, 0};
        options.policy.keys_of = first;
        options.policy.required_scopes = FB_LIST(fb_text("a"), fb_text("j"));
        status = setup_verifier(&second, &options, error);
    }
    for (int i = 0; status == FB_OK && i < 2; i++) {
        status = fb_verifier_refresh_begin(second, SOLE_ISSUER, i + 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, error);
        fetched.http_status = 200;
        fetched.body = fb_string_text(document);
        fetched.etag = fb_text(i == 0 ? "\"one\"" : "\"two\"");
        if (status == FB_OK) {
            status = fb_verifier_refresh_complete(second, SOLE_ISSUER, fetch.ticket, i + 1.0, &fetched, NULL, error);
        }
    }
    fb_verifier_free(first);
    if (status == FB_OK) {
        const fb_slice text = fb_string_text(ec_token);
        fb_result *result = NULL;
        status = fb_verify(second, text.data, text.size, (fb_clock){NOW, 2.0}, &result, error);
        fb_result_free(result);
    }
    fb_verifier_free(second);
    return status;
}

static fb_verifier *several(bool resolves, fb_issuer issuers[2], size_t count, fb_error *error)
{
    static const fb_slice identifiers[] = {{"https://issuer.example", 22}, {"https://other.example/{tid}", 27}};
    static const fb_slice es256 = {"ES256", 5};
    fb_options options = FB_OPTIONS_INIT;
    fb_verifier *verifier = NULL;
    for (size_t i = 0; i < 2; i++) {
        issuers[i] = (fb_issuer)FB_ISSUER_INIT;
        issuers[i].identifiers = (fb_list){&identifiers[i], 1};
        issuers[i].algorithms = (fb_list){&es256, 1};
        issuers[i].jwks = fb_string_text(document);
    }
    options.mem = &mem;
    options.resolves_issuers = resolves;
    options.issuers = issuers;
    options.issuer_count = count;
    const fb_status status = fb_verifier_new(&verifier, &options, error);
    CHECK((verifier != NULL) == (status == FB_OK));
    return verifier;
}

static fb_status verify_and_look(const fb_verifier *verifier, fb_error *error)
{
    const fb_slice text = fb_string_text(ec_token);
    fb_result *result = NULL;
    fb_issuers *issuers = NULL;
    fb_keys *keys = NULL;
    fb_status status = fb_verify(verifier, text.data, text.size, (fb_clock){NOW, 1.0}, &result, error);
    CHECK((result != NULL) == (status == FB_OK));
    fb_result_free(result);
    if (status == FB_OK) {
        status = fb_verifier_issuers(verifier, 1.0, &issuers, error);
        CHECK((issuers != NULL) == (status == FB_OK));
    }
    if (status == FB_OK) {
        status = fb_verifier_keys(verifier, (fb_clock){NOW, 1.0}, &keys, error);
        CHECK((keys != NULL) == (status == FB_OK));
    }
    fb_issuers_free(issuers);
    fb_keys_free(keys);
    return status;
}

static fb_status several_issuers(fb_error *error)
{
    fb_issuer issuers[2];
    fb_verifier *verifier = several(false, issuers, 2, error);
    const fb_status status = verifier == NULL ? error->status : verify_and_look(verifier, error);
    fb_verifier_free(verifier);
    return status;
}

/* A resolution that failed is over. */
static fb_status resolve(const fb_verifier *verifier, const fb_issuer *issuer, fb_error *error)
{
    const fb_slice text = fb_string_text(ec_token);
    fb_resolution resolution = FB_RESOLUTION_INIT;
    fb_status status = fb_verifier_resolve_begin(verifier, text.data, text.size, 1.0, &resolution, error);
    if (status == FB_OK) {
        CHECK(resolution.decision == FB_RESOLVE_NOW);
        status = fb_verifier_resolve_end(verifier, resolution.ticket, FB_RESOLVED, issuer, 1.0, error);
        CHECK(fb_verifier_resolve_wait(verifier, resolution.ticket, 60.0));
    }
    return status;
}

static fb_status resolving(fb_error *error)
{
    fb_issuer issuers[2];
    fb_verifier *verifier = several(true, issuers, 0, error);
    fb_status status = verifier == NULL ? error->status : resolve(verifier, &issuers[0], error);
    if (status == FB_OK) {
        status = fb_verifier_add_issuer(verifier, &issuers[0], error);
    }
    if (status == FB_OK) {
        status = verify_and_look(verifier, error);
    }
    fb_verifier_free(verifier);
    return status;
}

/* A verifier that stays: where an issuer could not be replaced the old one is there. */
static fb_status replacing(fb_error *error)
{
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_keys *keys = NULL;
    issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    issuer.algorithms = FB_LIST(fb_text("ES256"));
    issuer.jwks = fb_string_text(document);
    const fb_status added = fb_verifier_add_issuer(taking, &issuer, error);
    const fb_status looked = fb_verifier_keys(taking, (fb_clock){NOW, 1.0}, &keys, error);
    CHECK(looked != FB_OK || fb_keys_count(keys) == 1);
    fb_keys_free(keys);
    return added != FB_OK ? added : looked;
}

static fb_status looking(fb_error *error)
{
    fb_unverified *unverified = NULL;
    fb_slice text = fb_string_text(rsa_token);
    fb_status status = fb_decode_unverified(text.data, text.size, &mem, &unverified, error);
    fb_unverified_free(unverified);
    return status;
}

/* Tokens enough for a table: what it needs and does not get makes no difference to any of them. */
static fb_status with_a_table(fb_error *error)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    const fb_slice text = fb_string_text(ec_token);
    options.policy.mem = &mem;
    options.issuer.public_key = fb_keypair_public_pem(ec);
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    options.policy.cache_size = 0;
    fb_status status = setup_verifier(&verifier, &options, error);
    for (int i = 0; status == FB_OK && i < ENOUGH; i++) {
        fb_result *result = NULL;
        status = fb_verify(verifier, text.data, text.size, (fb_clock){NOW, 1.0}, &result, error);
        fb_result_free(result);
    }
    fb_verifier_free(verifier);
    return status;
}

/* A verifier that stays: what failed once works the next time. */
static fb_status with_a_shared_verifier(fb_error *error)
{
    fb_result *result = NULL;
    fb_slice text = fb_string_text(rsa_token);
    fb_status status = fb_verify(shared, text.data, text.size, (fb_clock){NOW, 1.0}, &result, error);
    fb_result_free(result);
    return status;
}

static void fail_each(const char *name, scenario run, bool others)
{
    fb_error error = FB_ERROR_INIT;
    long failures = 0, unnamed = 0, at = 0;
    failing.ours_alone = !others;
    for (;; at++) {
        const long before = failing.balance;
        failing_start(at, false);
        fb_status status = run(&error);
        const bool reached = failing_stop();
        CHECK(failing.balance == before);
        CHECK(ERR_peek_error() == 0);
        if (!reached) {
            CHECK(status == FB_OK);
            break;
        }
        failures += status != FB_OK;
        /* OpenSSL 3.0 does not always say that it was memory that failed inside it: then the call fails closed, with
         * the reason of the step that got no further. Our own allocations are always called by their name. */
        bool named = status == FB_OK || status == FB_OUT_OF_MEMORY || (others && status == FB_INTERNAL_ERROR);
        bool closed = others && (status == FB_SIGNATURE_INVALID || status == FB_CONFIGURATION_INVALID ||
                                 status == FB_KEYS_UNAVAILABLE);
        unnamed += !named;
        if (!named && !closed) {
            FAIL("%s: allocation %ld failed: %s", name, at, fb_status_name(status));
        }
        test_checks++;
    }
    CHECK(failures > 0);
    CHECK(run(&error) == FB_OK);
    printf("%s: %ld allocations failed in turn, %ld calls failed, %ld of them for another reason by name\n", name, at,
           failures, unnamed);
}

static void prepare(void)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    options.now = NOW;
    options.issuer = fb_text("https://issuer.example");
    options.subject = fb_text("a\"lice");
    options.scopes = FB_LIST(fb_text("a"), fb_text("b"), fb_text("c"), fb_text("d"), fb_text("e"), fb_text("f"),
                             fb_text("g"), fb_text("h"), fb_text("i"), fb_text("j"));
    CHECK(fb_keypair_generate(&rsa, fb_text("RS256"), 0, NULL, NULL) == FB_OK);
    CHECK(fb_keypair_generate(&ec, fb_text("ES256"), 0, NULL, NULL) == FB_OK);
    CHECK(fb_keypair_create_token(rsa, &options, &rsa_token, NULL) == FB_OK);
    CHECK(fb_keypair_create_token(ec, &options, &ec_token, NULL) == FB_OK);
    CHECK(fb_keypair_jwks(ec, fb_text(NULL), &document, NULL) == FB_OK);
    struct setup verifying = SETUP_INIT;
    verifying.policy.mem = &mem;
    verifying.issuer.public_key = fb_keypair_public_pem(rsa);
    verifying.policy.cache_size = 0;
    fb_options options_of_taking = FB_OPTIONS_INIT;
    options_of_taking.mem = &mem;
    options_of_taking.cache_size = 0;
    options_of_taking.resolves_issuers = true;
    CHECK(fb_verifier_new(&taking, &options_of_taking, NULL) == FB_OK && replacing(NULL) == FB_OK);
    CHECK(setup_verifier(&shared, &verifying, NULL) == FB_OK);
    for (int i = 0; i < ENOUGH; i++) {
        CHECK(with_a_shared_verifier(NULL) == FB_OK); /* it has its table now, and allocates for results alone */
    }
}

/* With an argument only this library's own allocations fail: for valgrind, which is slow. */
int main(int argc, char **argv)
{
    (void)argv;
    failing_install();
    prepare();
    static const struct {
        const char *name;
        scenario run;
    } scenarios[] = {{"PEM", with_pem},
                     {"key set", with_key_set},
                     {"secret", with_secret},
                     {"policy", with_policy},
                     {"minting", minting},
                     {"key set of a URL", behind_a_url},
                     {"wide payload", wide_payload},
                     {"wide header", wide_header},
                     {"escaped texts", escaped_texts},
                     {"wide key set", wide_key_set},
                     {"generating", generating},
                     {"sharing keys", sharing_keys},
                     {"several issuers", several_issuers},
                     {"resolving", resolving},
                     {"replacing", replacing},
                     {"looking", looking},
                     {"table", with_a_table},
                     {"shared verifier", with_a_shared_verifier}};
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        test_count++;
        fail_each(scenarios[i].name, scenarios[i].run, false);
        if (argc == 1) {
            fail_each(scenarios[i].name, scenarios[i].run, true);
        }
    }
    CHECK(verify_and_look(taking, NULL) == FB_OK);
    fb_verifier_free(shared);
    fb_verifier_free(taking);
    CHECK(failing.balance == 0);
    fb_string_free(document);
    fb_string_free(rsa_token);
    fb_string_free(ec_token);
    fb_keypair_free(rsa);
    fb_keypair_free(ec);
    return TEST_RESULT();
}
