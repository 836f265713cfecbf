/*
 * DPoP: what a request with a proof costs when its token comes from the cache, by a client whose key is held and by one
 * that has not been there, beside OpenSSL's primitive and beside one whole verification of ours, all with ES256. Each
 * proof is accepted and remembered.
 *
 *     bench_proof                 a table, median of 15 rounds
 *     bench_proof --json ROUNDS   the same, one line of JSON a case
 *     bench_proof --count N       N requests by a client whose key is held and nothing else, for callgrind
 */
#include "bench.h"
#include "subject.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

/* HEADERS: many more than are held on probation, so that each is read anew. */
enum { HEADERS = 2048 };

static const char URL[] = "https://api.example/mcp";
static const double NOW = 1800000001.0;

/* One client, and what it sends. */
struct clients {
    const fb_verifier *verifier;
    fb_string *token, *proofs[HEADERS];
    size_t count, next;
    char authorization[2048];
};

static void run_request(void *context, unsigned iteration)
{
    struct clients *clients = context;
    (void)iteration; /* which begins at 0 again and again */
    const fb_header headers[] = {{fb_text("host"), fb_text("api.example")},
                                 {fb_text("authorization"), fb_text(clients->authorization)},
                                 {fb_text("dpop"), fb_string_text(clients->proofs[clients->next++ % clients->count])}};
    fb_request request = FB_REQUEST_INIT;
    fb_result *result;
    fb_error error;
    error.size = sizeof(error);
    request.method = fb_text("POST");
    request.url = fb_text(URL);
    request.headers = headers;
    request.header_count = 3;
    require(fb_verify_request(clients->verifier, &request, (fb_clock){NOW, 1.0}, &result, NULL, &error) == FB_OK,
            "fb_verify_request");
    fb_result_free(result);
}

/* Remembers one proof, so that each of several in turn is new. */
static fb_verifier *make_verifier(const fb_keypair *pair)
{
    fb_verifier *verifier = NULL;
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_options options = FB_OPTIONS_INIT;
    fb_dpop dpop = FB_DPOP_INIT;
    const fb_slice es256 = fb_text("ES256");
    dpop.replay_capacity = 1;
    issuer.public_key = fb_keypair_public_pem(pair);
    issuer.algorithms = (fb_list){&es256, 1};
    options.issuers = &issuer;
    options.issuer_count = 1;
    options.dpop = &dpop;
    require(fb_verifier_new(&verifier, &options, NULL) == FB_OK, "fb_verifier_new");
    return verifier;
}

static fb_string *mint_token(const fb_keypair *pair, const fb_keypair *client)
{
    char claims[600];
    fb_string *token = NULL, *thumbprint = NULL;
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    require(fb_keypair_thumbprint(client, &thumbprint, NULL) == FB_OK, "fb_keypair_thumbprint");
    snprintf(
        claims, sizeof(claims),
        "{\"cnf\":{\"jkt\":\"%s\"},\"client_id\":\"b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10\",\"scope\":\"openid profile "
        "email tools:read tools:write\",\"jti\":\"0190163d-8694-739b-aea5-966c26f8ad91\"}",
        fb_string_text(thumbprint).data);
    options.subject = fb_text("auth0|5f7c8ec7c33c6c004bbafe82");
    options.issuer = fb_text("https://issuer.example");
    options.now = NOW;
    options.additional_claims = fb_text(claims);
    require(fb_keypair_create_token(pair, &options, &token, NULL) == FB_OK, "fb_keypair_create_token");
    fb_string_free(thumbprint);
    return token;
}

/* The header of a good proof, up to its last brace. */
static size_t read_header(fb_string *proof, char *out)
{
    fb__token parts;
    const fb_slice text = fb_string_text(proof);
    require(fb__token_split(text.data, text.size, &parts) == FB_OK &&
                fb__base64url_decode(parts.header.data, parts.header.size, (unsigned char *)out),
            "reading a proof");
    return fb__base64url_decoded_size(parts.header.size) - 1;
}

/* With one header for all of them, or with one for each. */
static void make_clients(struct clients *out, const fb_verifier *verifier, fb_string *token, const fb_keypair *client,
                         bool varied)
{
    const fb_slice text = fb_string_text(token);
    out->verifier = verifier;
    out->token = token;
    out->count = varied ? HEADERS : TOKENS;
    snprintf(out->authorization, sizeof(out->authorization), "DPoP %.*s", (int)text.size, text.data);
    for (size_t i = 0; i < out->count; i++) {
        char header[2048], payload[2048];
        fb_proof_options options = FB_PROOF_OPTIONS_INIT;
        fb_string *proof = NULL;
        fb__token parts;
        options.method = fb_text("POST");
        options.url = fb_text(URL);
        options.access_token = text;
        options.now = NOW;
        require(fb_keypair_dpop_proof(client, &options, &proof, NULL) == FB_OK, "fb_keypair_dpop_proof");
        if (!varied) {
            out->proofs[i] = proof;
            continue;
        }
        const size_t size = read_header(proof, header);
        snprintf(header + size, sizeof(header) - size, ",\"kid\":\"%zu\"}", i);
        const fb_slice whole = fb_string_text(proof);
        require(fb__token_split(whole.data, whole.size, &parts) == FB_OK &&
                    fb__base64url_decode(parts.payload.data, parts.payload.size, (unsigned char *)payload),
                "reading a proof");
        require(fb_keypair_sign(client, fb_text(header),
                                (fb_slice){payload, fb__base64url_decoded_size(parts.payload.size)}, &out->proofs[i],
                                NULL) == FB_OK,
                "fb_keypair_sign");
        fb_string_free(proof);
    }
}

static void clear(struct clients *clients)
{
    for (size_t i = 0; i < clients->count; i++) {
        fb_string_free(clients->proofs[i]);
    }
}

/* What OpenSSL alone makes of a key that it has not seen: it takes it in and verifies one signature. */
static void run_import(void *context, unsigned iteration)
{
    struct subject *s = context;
    struct token *token = &s->tokens[iteration % TOKENS];
    static unsigned char point[65];
    static size_t size;
    unsigned char digest[32];
    char group[] = "prime256v1";
    if (size == 0) {
        require(EVP_PKEY_get_octet_string_param(s->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size) == 1,
                "EVP_PKEY_get_octet_string_param");
    }
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, size),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *importing = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    require(EVP_PKEY_fromdata_init(importing) == 1 &&
                EVP_PKEY_fromdata(importing, &key, EVP_PKEY_PUBLIC_KEY, params) == 1,
            "EVP_PKEY_fromdata");
    EVP_PKEY_CTX *verifying = EVP_PKEY_CTX_new(key, NULL);
    require(EVP_PKEY_verify_init(verifying) == 1 &&
                EVP_Digest(token->text.data, token->input_size, digest, NULL, s->md, NULL) == 1 &&
                EVP_PKEY_verify(verifying, token->signature, token->signature_size, digest, sizeof(digest)) == 1,
            "EVP_PKEY_verify");
    EVP_PKEY_CTX_free(verifying);
    EVP_PKEY_CTX_free(importing);
    EVP_PKEY_free(key);
}

static void measure(struct subject *s, struct clients *known, struct clients *fresh, bool as_json)
{
    bench_case cases[] = {{.name = "OpenSSL primitive", .run = run_primitive, .context = s},
                          {.name = "fb_verify", .run = run_plain, .context = s},
                          {.name = "OpenSSL, a new key", .run = run_import, .context = s},
                          {.name = "DPoP, a key that is held", .run = run_request, .context = known},
                          {.name = "DPoP, a new key", .run = run_request, .context = fresh}};
    bench_run(cases, 5);
    for (size_t i = as_json ? 2 : 0; i < 5; i++) {
        if (as_json) {
            printf("{\"algorithm\": \"ES256\", \"case\": \"%s\", \"ns\": %.1f}\n", cases[i].name, cases[i].median);
        } else {
            printf("%-26s %9.0f ns  +-%4.1f %%   %6.3f x OpenSSL's primitive, %6.3f x fb_verify\n", cases[i].name,
                   cases[i].median, 100 * cases[i].spread / cases[i].median, cases[i].median / cases[0].median,
                   cases[i].median / cases[1].median);
        }
    }
}

int main(int argc, char **argv)
{
    static struct clients known, fresh;
    struct subject s;
    fb_keypair *client = NULL;
    const bool as_json = argc == 3 && strcmp(argv[1], "--json") == 0;
    if (as_json) {
        bench_rounds = (unsigned)strtoul(argv[2], NULL, 10);
        require(bench_rounds >= 1 && bench_rounds <= BENCH_ROUNDS, "reading the number of rounds");
    }
    subject_make(&s, "ES256");
    require(fb_keypair_generate(&client, fb_text("ES256"), 0, NULL, NULL) == FB_OK, "fb_keypair_generate");
    fb_verifier *verifier = make_verifier(s.pair);
    fb_string *token = mint_token(s.pair, client);
    make_clients(&known, verifier, token, client, false);
    if (argc == 3 && !as_json) {
        const unsigned long count = strtoul(argv[2], NULL, 10);
        for (unsigned long i = 0; i < count; i++) {
            run_request(&known, (unsigned)i);
        }
    } else {
        make_clients(&fresh, verifier, token, client, true);
        measure(&s, &known, &fresh, as_json);
    }
    clear(&known);
    clear(&fresh);
    fb_string_free(token);
    fb_verifier_free(verifier);
    fb_keypair_free(client);
    subject_release(&s);
    return 0;
}
