/* Requests as a whole: which binding wants which proof, from the cache as well; keys that must be fetched; counters;
 * and allocations that fail. */
#include "failing.h"
#include "proof/proof.h"
#include "proofs.h"

#include <math.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static fb_error error = FB_ERROR_INIT;
static fb_string *bearer, *by_key, *by_certificate, *by_both;
static fb_verifier *plain, *dpop;
static unsigned char certificate[2][4096];
static fb_slice shown[2];

static void make_certificate(int number, char *hash_text)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "prime256v1");
    X509 *made = X509_new();
    unsigned char *at = certificate[number], hash[32];
    CHECK(X509_set_pubkey(made, key) == 1 && X509_gmtime_adj(X509_getm_notBefore(made), 0) != NULL);
    CHECK(X509_gmtime_adj(X509_getm_notAfter(made), 60) != NULL && X509_sign(made, key, EVP_sha256()) > 0);
    shown[number] = (fb_slice){(const char *)certificate[number], (size_t)i2d_X509(made, &at)};
    CHECK(EVP_Q_digest(NULL, "SHA256", NULL, shown[number].data, shown[number].size, hash, NULL) == 1);
    hash_text[fb__base64url_encode(hash, sizeof(hash), hash_text)] = '\0';
    X509_free(made);
    EVP_PKEY_free(key);
}

/* What a request has beside its token. */
enum { NO_PROOF, GOOD_PROOF, BAD_PROOF, TWO_PROOFS };
enum { NO_CERTIFICATE, ITS_CERTIFICATE, ANOTHER, BROKEN };

static fb_status ask(const fb_verifier *verifier, const char *scheme, const fb_string *token, int proofs,
                     int certificates)
{
    struct sent sent;
    fb_proof_options options = proof_base(token);
    if (proofs == BAD_PROOF) {
        options.method = fb_text("GET");
    }
    fb_string *proof = proof_by(client, &options);
    request_with(&sent, scheme, token, proofs == NO_PROOF ? NULL : proof);
    if (proofs == TWO_PROOFS) {
        sent.headers[sent.request.header_count++] = (fb_header){fb_text("Dpop"), fb_string_text(proof)};
    }
    if (certificates == BROKEN) {
        sent.request.client_certificate = fb_text("broken");
    } else if (certificates != NO_CERTIFICATE) {
        sent.request.client_certificate = shown[certificates == ANOTHER];
    }
    const fb_status status = verify_sent(verifier, &sent, NOW, &error);
    fb_string_free(proof);
    return status;
}

static bool of_cnf(void)
{
    return fb__slice_equal(error.claim, fb_text("cnf"));
}

TEST(a_token_for_everybody)
{
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        CHECK(ask(plain, "Bearer", bearer, NO_PROOF, NO_CERTIFICATE) == FB_OK);
        CHECK(ask(dpop, "Bearer", bearer, NO_PROOF, NO_CERTIFICATE) == FB_OK);
        CHECK(ask(dpop, "Bearer", bearer, BAD_PROOF, BROKEN) == FB_OK); /* which nobody has asked for */
        CHECK(ask(dpop, "DPoP", bearer, GOOD_PROOF, NO_CERTIFICATE) == FB_PROOF_MISMATCH && of_cnf());
        CHECK(ask(dpop, "DPoP", bearer, NO_PROOF, NO_CERTIFICATE) == FB_PROOF_MISMATCH && of_cnf());
        CHECK(ask(plain, "DPoP", bearer, GOOD_PROOF, NO_CERTIFICATE) == FB_TOKEN_MISSING);
    }
}

TEST(a_token_of_a_key)
{
    for (int i = 0; i < 2; i++) {
        CHECK(ask(dpop, "DPoP", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_OK);
        CHECK(ask(dpop, "DPoP", by_key, GOOD_PROOF, BROKEN) == FB_OK);
        CHECK(ask(dpop, "DPoP", by_key, NO_PROOF, NO_CERTIFICATE) == FB_PROOF_MISSING && of_cnf());
        CHECK(ask(dpop, "DPoP", by_key, BAD_PROOF, NO_CERTIFICATE) == FB_PROOF_MISMATCH);
        CHECK(ask(dpop, "DPoP", by_key, TWO_PROOFS, NO_CERTIFICATE) == FB_PROOF_INVALID);
        CHECK(ask(dpop, "Bearer", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_PROOF_MISSING && of_cnf());
        CHECK(ask(plain, "Bearer", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_PROOF_MISSING);
        CHECK(ask(plain, "DPoP", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_TOKEN_MISSING);
    }
}

TEST(a_token_of_a_certificate)
{
    for (int i = 0; i < 2; i++) {
        CHECK(ask(plain, "Bearer", by_certificate, NO_PROOF, ITS_CERTIFICATE) == FB_OK);
        CHECK(ask(dpop, "Bearer", by_certificate, NO_PROOF, ITS_CERTIFICATE) == FB_OK);
        CHECK(ask(plain, "Bearer", by_certificate, NO_PROOF, NO_CERTIFICATE) == FB_PROOF_MISSING && of_cnf());
        CHECK(ask(plain, "Bearer", by_certificate, NO_PROOF, ANOTHER) == FB_PROOF_MISMATCH && of_cnf());
        CHECK(ask(plain, "Bearer", by_certificate, NO_PROOF, BROKEN) == FB_PROOF_INVALID);
        CHECK(ask(dpop, "DPoP", by_certificate, GOOD_PROOF, ITS_CERTIFICATE) == FB_PROOF_MISMATCH && of_cnf());
    }
}

TEST(a_token_of_both)
{
    CHECK(ask(dpop, "DPoP", by_both, GOOD_PROOF, ITS_CERTIFICATE) == FB_OK);
    CHECK(ask(dpop, "DPoP", by_both, GOOD_PROOF, NO_CERTIFICATE) == FB_PROOF_MISSING);
    CHECK(ask(dpop, "DPoP", by_both, GOOD_PROOF, ANOTHER) == FB_PROOF_MISMATCH && of_cnf());
    CHECK(ask(dpop, "DPoP", by_both, NO_PROOF, ITS_CERTIFICATE) == FB_PROOF_MISSING);
    CHECK(ask(dpop, "DPoP", by_both, BAD_PROOF, ITS_CERTIFICATE) == FB_PROOF_MISMATCH);
    CHECK(ask(dpop, "Bearer", by_both, GOOD_PROOF, ITS_CERTIFICATE) == FB_PROOF_MISSING);
}

/* A certificate that is wrong uses no proof up. */
TEST(the_proof_is_last)
{
    const fb_proof_options options = proof_base(by_both);
    fb_string *proof = proof_by(client, &options);
    struct sent sent;
    request_with(&sent, "DPoP", by_both, proof);
    CHECK(verify_sent(dpop, &sent, NOW, &error) == FB_PROOF_MISSING);
    sent.request.client_certificate = shown[1];
    CHECK(verify_sent(dpop, &sent, NOW, &error) == FB_PROOF_MISMATCH);
    sent.request.client_certificate = shown[0];
    CHECK(verify_sent(dpop, &sent, NOW, &error) == FB_OK);
    CHECK(verify_sent(dpop, &sent, NOW, &error) == FB_PROOF_REPLAYED);
    fb_string_free(proof);
}

static fb_verifier *with(const fb_dpop *options, const char *sender_constrained)
{
    struct setup setup = SETUP_INIT;
    fb_verifier *verifier = NULL;
    setup.issuer.secret = fb_text(SECRET);
    setup.policy.dpop = options;
    setup.policy.sender_constrained = fb_text(sender_constrained);
    CHECK(setup_verifier(&verifier, &setup, NULL) == FB_OK);
    return verifier;
}

TEST(dpop_required)
{
    fb_dpop options = FB_DPOP_INIT;
    options.required = true;
    for (int i = 0; i < 2; i++) {
        fb_verifier *verifier = with(&options, i == 0 ? "verify" : "ignore");
        CHECK(ask(verifier, "DPoP", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_OK);
        CHECK(ask(verifier, "Bearer", bearer, NO_PROOF, NO_CERTIFICATE) == FB_PROOF_MISSING);
        CHECK(ask(verifier, "Bearer", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_PROOF_MISSING);
        CHECK(ask(verifier, "Bearer", by_certificate, NO_PROOF, ITS_CERTIFICATE) == FB_PROOF_MISSING);
        CHECK(ask(verifier, "DPoP", bearer, GOOD_PROOF, NO_CERTIFICATE) == FB_PROOF_MISMATCH);
        fb_verifier_free(verifier);
    }
}

TEST(the_way_out)
{
    const fb_dpop options = FB_DPOP_INIT;
    fb_verifier *without = with(NULL, "ignore"), *both = with(&options, "ignore");
    CHECK(ask(without, "Bearer", by_key, NO_PROOF, NO_CERTIFICATE) == FB_OK);
    CHECK(ask(without, "Bearer", by_certificate, NO_PROOF, BROKEN) == FB_OK);
    CHECK(ask(without, "DPoP", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_TOKEN_MISSING);
    CHECK(ask(both, "Bearer", by_both, NO_PROOF, NO_CERTIFICATE) == FB_OK);
    /* Under the scheme DPoP a proof is what it says, and of the token's key. */
    CHECK(ask(both, "DPoP", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_OK);
    CHECK(ask(both, "DPoP", by_both, GOOD_PROOF, NO_CERTIFICATE) == FB_OK);
    CHECK(ask(both, "DPoP", by_key, NO_PROOF, NO_CERTIFICATE) == FB_PROOF_MISSING);
    CHECK(ask(both, "DPoP", by_key, BAD_PROOF, NO_CERTIFICATE) == FB_PROOF_MISMATCH);
    CHECK(ask(both, "DPoP", bearer, GOOD_PROOF, NO_CERTIFICATE) == FB_PROOF_MISMATCH && of_cnf());
    fb_verifier_free(without);
    fb_verifier_free(both);
}

/* ---- what the host does --------------------------------------------------------------------- */

TEST(a_token_that_is_wrong_is_refused_for_that)
{
    struct sent sent;
    fb_string *token = token_of(client_jkt);
    request_with(&sent, "DPoP", token, NULL);
    CHECK(verify_sent(dpop, &sent, NOW + 4000, &error) == FB_TOKEN_EXPIRED);
    char *in_signature = &sent.authorization[fb_string_text(token).size];
    *in_signature = *in_signature == 'A' ? 'B' : 'A';
    CHECK(verify_sent(dpop, &sent, NOW, &error) == FB_SIGNATURE_INVALID);
    fb_string_free(token);
}

TEST(mistakes_of_the_host)
{
    struct sent sent;
    const fb_proof_options options = proof_base(by_key);
    fb_string *proof = proof_by(client, &options);
    request_with(&sent, "DPoP", by_key, proof);
    sent.request.method = fb_text(NULL);
    CHECK(verify_sent(dpop, &sent, NOW, &error) == FB_CONFIGURATION_INVALID && strstr(error.text, "method") != NULL);
    static const char *const urls[] = {NULL, "", "/mcp", "//api.example/mcp"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        request_with(&sent, "DPoP", by_key, proof);
        sent.request.url = fb_text(urls[i]);
        CHECK(verify_sent(dpop, &sent, NOW, &error) == FB_CONFIGURATION_INVALID && strstr(error.text, "url") != NULL);
    }
    CHECK(verify_sent(dpop, &sent, (double)NAN, &error) == FB_CONFIGURATION_INVALID);
    request_with(&sent, "DPoP", by_key, proof);
    sent.request.size = 0;
    CHECK(verify_sent(dpop, &sent, NOW, &error) == FB_CONFIGURATION_INVALID);
    request_with(&sent, "DPoP", by_key, proof);
    CHECK(verify_sent(dpop, &sent, NOW, &error) == FB_OK); /* nothing was used up */
    /* A bearer token needs neither. */
    request_with(&sent, "Bearer", bearer, NULL);
    sent.request.url = sent.request.method = fb_text(NULL);
    CHECK(verify_sent(dpop, &sent, NOW, &error) == FB_OK);
    fb_string_free(proof);
}

TEST(keys_that_must_be_fetched)
{
    struct setup setup = SETUP_INIT;
    const fb_dpop options = FB_DPOP_INIT;
    fb_keypair *pair = NULL;
    fb_string *jwks = NULL, *token = NULL;
    fb_verifier *verifier = NULL;
    fb_result *result = NULL;
    char claims[256];
    CHECK(fb_keypair_generate(&pair, fb_text("ES256"), 0, NULL, NULL) == FB_OK);
    CHECK(fb_keypair_jwks(pair, fb_text("k"), &jwks, NULL) == FB_OK);
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    snprintf(claims, sizeof(claims), "{\"cnf\":{\"jkt\":\"%s\"}}", client_jkt);
    minting.additional_claims = fb_text(claims);
    minting.kid = fb_text("k");
    minting.now = NOW;
    CHECK(fb_keypair_create_token(pair, &minting, &token, NULL) == FB_OK);
    setup.issuer.jwks_uri = fb_text("https://issuer.example/jwks");
    setup.issuer.algorithms = FB_LIST(fb_text("ES256"));
    setup.policy.dpop = &options;
    CHECK(setup_verifier(&verifier, &setup, NULL) == FB_OK);
    const fb_proof_options proving = proof_base(token);
    fb_string *proof = proof_by(client, &proving);
    struct sent sent;
    request_with(&sent, "DPoP", token, proof);
    const fb_clock clock = {NOW, 1.0};
    CHECK(fb_verify_request(verifier, &sent.request, clock, &result, NULL, &error) == FB_KEYS_NEEDED);
    const uint64_t key_request = error.key_request;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    CHECK(error.issuer == SOLE_ISSUER);
    CHECK(fb_verify_request_after_fetch(verifier, &sent.request, clock, key_request, &result, NULL, &error) ==
          FB_KEYS_UNAVAILABLE);
    CHECK(fb_verifier_refresh_begin(verifier, SOLE_ISSUER, 1.0, FB_REFRESH_TOKEN, key_request, &fetch, NULL) == FB_OK);
    fetched.http_status = 200;
    fetched.body = fb_string_text(jwks);
    CHECK(fb_verifier_refresh_complete(verifier, SOLE_ISSUER, fetch.ticket, 1.0, &fetched, NULL, NULL) == FB_OK);
    CHECK(fb_verify_request_after_fetch(verifier, &sent.request, clock, key_request, &result, NULL, &error) == FB_OK);
    CHECK(fb_result_kid(result).size == 1);
    fb_result_free(result);
    CHECK(fb_verify_request(verifier, &sent.request, clock, &result, NULL, &error) == FB_PROOF_REPLAYED);
    CHECK(strcmp(error.kid, "k") == 0 && error.issuer == SOLE_ISSUER);
    fb_string_free(proof);
    fb_string_free(token);
    fb_string_free(jwks);
    fb_keypair_free(pair);
    fb_verifier_free(verifier);
}

static int begun, ended;

static void *before(void *context)
{
    (void)context;
    begun++;
    return NULL;
}

static void after(void *context, void *value)
{
    (void)context;
    (void)value;
    ended++;
}

/* Hosts let go of their interpreter's lock around a public-key signature: the proof's is one. */
TEST(around_the_signature_of_a_proof)
{
    struct setup setup = SETUP_INIT;
    const fb_dpop options = FB_DPOP_INIT;
    fb_verifier *verifier = NULL;
    setup.issuer.secret = fb_text(SECRET);
    setup.policy.dpop = &options;
    setup.policy.before_signature = before;
    setup.policy.after_signature = after;
    CHECK(setup_verifier(&verifier, &setup, NULL) == FB_OK);
    CHECK(ask(verifier, "DPoP", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_OK);
    CHECK(begun == 1 && ended == 1); /* the token's is an HMAC */
    fb_verifier_free(verifier);
}

TEST(counters)
{
    const fb_dpop options = FB_DPOP_INIT;
    fb_verifier *verifier = with(&options, "verify");
    fb_stats stats = FB_STATS_INIT;
    struct sent sent;
    CHECK(ask(verifier, "DPoP", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_OK);
    CHECK(ask(verifier, "DPoP", by_key, GOOD_PROOF, NO_CERTIFICATE) == FB_OK);
    CHECK(ask(verifier, "DPoP", by_key, BAD_PROOF, NO_CERTIFICATE) == FB_PROOF_MISMATCH);
    CHECK(ask(verifier, "Basic", by_key, BAD_PROOF, NO_CERTIFICATE) == FB_TOKEN_MISSING);
    CHECK(ask(verifier, "Bearer ", by_key, BAD_PROOF, NO_CERTIFICATE) == FB_REQUEST_MALFORMED);
    request_with(&sent, "Bearer", by_key, NULL);
    CHECK(fb_verifier_stats(verifier, 1.0, &stats, &error) == FB_OK);
    CHECK(stats.verified == 2 && stats.rejected == 3 && stats.reason_count == 3);
    CHECK(stats.reasons[0].status == FB_TOKEN_MISSING && stats.reasons[1].status == FB_REQUEST_MALFORMED &&
          stats.reasons[2].status == FB_PROOF_MISMATCH);
    CHECK(stats.replay_entries == 2 && stats.replay_evictions == 0 && stats.proof_keys == 1 && stats.cache_hits == 2);
    fb_stats none = FB_STATS_INIT;
    none.size = 0;
    CHECK(fb_verifier_stats(verifier, 1.0, &none, &error) == FB_CONFIGURATION_INVALID);
    CHECK(fb_verifier_stats(verifier, (double)NAN, &stats, &error) == FB_CONFIGURATION_INVALID);
    fb_verifier_free(verifier);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* A verifier and one request, with every kind of proof that there is. by_host: whoever remembers. */
static fb_status scenario(const struct sent *sent, bool by_host, fb_error *out)
{
    struct setup setup = SETUP_INIT;
    fb_dpop options = FB_DPOP_INIT;
    fb_verifier *verifier = NULL;
    fb_result *result = NULL;
    fb_proof memory = FB_PROOF_INIT;
    options.nonce_secret = by_host ? fb_text(NULL) : fb_text("0123456789abcdef0123456789abcdef");
    options.replay_by_host = by_host;
    setup.policy.mem = &failing_mem;
    setup.policy.dpop = &options;
    setup.issuer.secret = fb_text(SECRET);
    fb_status status = setup_verifier(&verifier, &setup, out);
    if (status == FB_OK) {
        status = fb_verify_request(verifier, &sent->request, (fb_clock){NOW, 1.0}, &result, &memory, out);
    }
    CHECK((result != NULL) == (status == FB_OK) && memory.present == (by_host && status == FB_OK));
    fb_result_free(result);
    fb_verifier_free(verifier);
    return status;
}

static void fail_each(bool by_host, const char *nonce)
{
    fb_proof_options proving = proof_base(by_both);
    proving.nonce = fb_text(nonce);
    fb_string *proof = proof_by(client, &proving);
    struct sent sent;
    request_with(&sent, "DPoP", by_both, proof);
    sent.request.client_certificate = shown[0];
    for (int others = 0; others < 2; others++) {
        bool reached = true;
        long failures = 0;
        failing.ours_alone = others == 0;
        for (long at = 0; reached; at++) {
            const long balance = failing.balance;
            failing_start(at, false);
            const fb_status status = scenario(&sent, by_host, &error);
            reached = failing_stop();
            /* OpenSSL does not always say that it was memory: then the request is refused all the same. */
            const bool closed = others != 0 && (status == FB_INTERNAL_ERROR || status == FB_PROOF_INVALID ||
                                                status == FB_SIGNATURE_INVALID || status == FB_CONFIGURATION_INVALID);
            if (!(status == FB_OK || (reached && (status == FB_OUT_OF_MEMORY || closed)))) {
                FAIL("allocation %ld failed: %s", at, error.text);
            }
            failures += status != FB_OK;
            CHECK(failing.balance == balance && ERR_peek_error() == 0);
        }
        CHECK(failures > 8);
    }
    fb_string_free(proof);
}

TEST(every_allocation_fails_in_turn)
{
    char text[6000]; /* for a payload that does not fit where most do */
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    fail_each(false, "AAAAAAHJw4BDTOV45EBr-nKHIedZ2iDc");
    fail_each(true, text);
}

/* A request that could not be answered for want of memory can be sent again. */
TEST(what_failed_for_want_of_memory_used_nothing_up)
{
    struct setup setup = SETUP_INIT;
    fb_dpop options = FB_DPOP_INIT;
    fb_verifier *verifier = NULL;
    setup.policy.mem = &failing_mem;
    setup.policy.dpop = &options;
    setup.issuer.secret = fb_text(SECRET);
    CHECK(setup_verifier(&verifier, &setup, NULL) == FB_OK);
    fb_proof_options proving = proof_base(by_key);
    fb_string *proof = proof_by(client, &proving);
    struct sent sent;
    request_with(&sent, "DPoP", by_key, proof);
    fb_status status = FB_OUT_OF_MEMORY;
    long at = 0;
    failing.ours_alone = true;
    for (; status != FB_OK && at < 100; at++) {
        failing_start(at, true);
        status = verify_sent(verifier, &sent, NOW, &error);
        (void)failing_stop();
        CHECK(status == FB_OK || status == FB_OUT_OF_MEMORY);
    }
    CHECK(status == FB_OK && at > 4);
    CHECK(verify_sent(verifier, &sent, NOW, &error) == FB_PROOF_REPLAYED);
    fb_string_free(proof);
    fb_verifier_free(verifier);
}

static void prepare(void)
{
    const fb_dpop options = FB_DPOP_INIT;
    char hash[2][64], cnf[256];
    make_certificate(0, hash[0]);
    make_certificate(1, hash[1]);
    bearer = token_with(NULL);
    by_key = token_of(client_jkt);
    snprintf(cnf, sizeof(cnf), "{\"x5t#S256\":\"%s\"}", hash[0]);
    by_certificate = token_with(cnf);
    snprintf(cnf, sizeof(cnf), "{\"x5t#S256\":\"%s\",\"jkt\":\"%s\"}", hash[0], client_jkt);
    by_both = token_with(cnf);
    plain = proofs_verifier(NULL);
    dpop = proofs_verifier(&options);
}

int main(void)
{
    failing_install();
    proofs_start("ES256");
    prepare();
    RUN(a_token_for_everybody);
    RUN(a_token_of_a_key);
    RUN(a_token_of_a_certificate);
    RUN(a_token_of_both);
    RUN(the_proof_is_last);
    RUN(dpop_required);
    RUN(the_way_out);
    RUN(a_token_that_is_wrong_is_refused_for_that);
    RUN(mistakes_of_the_host);
    RUN(keys_that_must_be_fetched);
    RUN(around_the_signature_of_a_proof);
    RUN(counters);
    RUN(every_allocation_fails_in_turn);
    RUN(what_failed_for_want_of_memory_used_nothing_up);
    fb_string_free(bearer);
    fb_string_free(by_key);
    fb_string_free(by_certificate);
    fb_string_free(by_both);
    fb_verifier_free(plain);
    fb_verifier_free(dpop);
    proofs_end();
    CHECK(failing.balance == 0);
    return TEST_RESULT();
}
