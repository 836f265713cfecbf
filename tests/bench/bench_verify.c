/*
 * Whole verifications beside the bare OpenSSL primitive on the same key and the same bytes: contexts reused, digest
 * prefetched, signature already decoded. Also minting beside the bare signature, and cache hits. With --count N it runs
 * N verifications of one algorithm and nothing else, for callgrind.
 */
#include "bench.h"
#include "internal.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum { TOKENS = 64 };

static const char additional[] =
    "{\"aud\":[\"https://api.example/mcp\",\"https://"
    "api.example\"],\"client_id\":\"b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10\","
    "\"azp\":\"b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10\",\"scope\":\"openid profile email tools:read tools:write\","
    "\"email\":\"someone.with.a.name@customers.example\",\"org_id\":\"org_5fJ2kLmN8pQrStUv\",\"nbf\":1700000000,"
    "\"sid\":\"0190163d-8694-739b-aea5-966c26f8ad91\",\"name\":\"Someone With A "
    "Name\",\"locale\":\"en-GB\",\"jti\":\"%s-%u\"}";

struct token {
    fb_string *text;
    unsigned char signature[FB__MAX_SIGNATURE];
    size_t signature_size, input_size;
};

struct subject {
    const char *alg;
    fb_keypair *pair;
    struct token tokens[TOKENS];
    fb_verifier *plain, *cached;
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *pkey_context;
    EVP_MD *md;
    EVP_MD_CTX *md_context, *template_context;
    EVP_MAC_CTX *mac_context;
    fb_token_options mint;
};

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "bench: %s failed\n", what);
        exit(1);
    }
}

static fb_verifier *make_verifier(const struct subject *s, size_t cache_size)
{
    fb_options options = FB_OPTIONS_INIT;
    if (s->alg[0] == 'H') {
        options.secret = fb_keypair_private_pem(s->pair);
    } else {
        options.public_key = fb_keypair_public_pem(s->pair);
    }
    options.algorithms = FB_LIST(fb_text(s->alg));
    options.issuers = FB_LIST(fb_text("https://issuer.example"));
    options.audiences = FB_LIST(fb_text("https://api.example/mcp"));
    options.cache_size = cache_size;
    fb_verifier *verifier;
    fb_error error;
    require(fb_verifier_new(&verifier, &options, &error) == FB_OK, "fb_verifier_new");
    return verifier;
}

static void make_tokens(struct subject *s)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    options.subject = fb_text("auth0|5f7c8ec7c33c6c004bbafe82");
    options.issuer = fb_text("https://issuer.example");
    options.now = 1800000000;
    for (unsigned i = 0; i < TOKENS; i++) {
        char claims[1024];
        snprintf(claims, sizeof(claims), additional, s->alg, i);
        options.additional_claims = fb_text(claims);
        struct token *token = &s->tokens[i];
        require(fb_keypair_create_token(s->pair, &options, &token->text, NULL) == FB_OK, "fb_keypair_create_token");
        fb_slice text = fb_string_text(token->text);
        fb__token parts;
        require(fb__token_split(text.data, text.size, &parts) == FB_OK, "fb__token_split");
        token->input_size = parts.signing_input.size;
        token->signature_size = fb__base64url_decoded_size(parts.signature.size);
        require(fb__base64url_decode(parts.signature.data, parts.signature.size, token->signature), "decode");
        if (s->alg[0] == 'E' && s->alg[1] == 'S') {
            /* The bare primitive takes DER. */
            ECDSA_SIG *pair = ECDSA_SIG_new();
            int half = (int)token->signature_size / 2;
            ECDSA_SIG_set0(pair, BN_bin2bn(token->signature, half, NULL),
                           BN_bin2bn(token->signature + half, half, NULL));
            unsigned char *to = token->signature;
            token->signature_size = (size_t)i2d_ECDSA_SIG(pair, &to);
            ECDSA_SIG_free(pair);
        }
    }
    options.additional_claims = (fb_slice){NULL, 0};
    options.scopes = (fb_list){NULL, 0};
    s->mint = options;
}

static void make_primitive(struct subject *s)
{
    if (s->alg[0] == 'H') {
        EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        s->mac_context = EVP_MAC_CTX_new(mac);
        char digest[] = "SHA256";
        OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
        fb_slice secret = fb_keypair_private_pem(s->pair);
        require(EVP_MAC_init(s->mac_context, (const unsigned char *)secret.data, secret.size, params) == 1,
                "EVP_MAC_init");
        EVP_MAC_free(mac);
        return;
    }
    fb_slice pem = fb_keypair_private_pem(s->pair);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    s->pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    require(s->pkey != NULL, "PEM_read_bio_PrivateKey");
    s->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    s->md_context = EVP_MD_CTX_new();
    s->template_context = EVP_MD_CTX_new();
    require(EVP_DigestVerifyInit(s->template_context, NULL, strcmp(s->alg, "EdDSA") == 0 ? NULL : s->md, NULL,
                                 s->pkey) == 1,
            "EVP_DigestVerifyInit");
    s->pkey_context = EVP_PKEY_CTX_new(s->pkey, NULL);
    if (strcmp(s->alg, "EdDSA") != 0) {
        require(EVP_PKEY_verify_init(s->pkey_context) == 1, "EVP_PKEY_verify_init");
        require(EVP_PKEY_CTX_set_signature_md(s->pkey_context, s->md) == 1, "EVP_PKEY_CTX_set_signature_md");
        if (s->alg[0] == 'P') {
            require(EVP_PKEY_CTX_set_rsa_padding(s->pkey_context, RSA_PKCS1_PSS_PADDING) == 1 &&
                        EVP_PKEY_CTX_set_rsa_pss_saltlen(s->pkey_context, RSA_PSS_SALTLEN_DIGEST) == 1,
                    "PSS");
        }
    }
}

static void run_primitive(void *context, unsigned iteration)
{
    struct subject *s = context;
    struct token *token = &s->tokens[iteration % TOKENS];
    const unsigned char *input = (const unsigned char *)fb_string_text(token->text).data;
    if (s->mac_context != NULL) {
        unsigned char out[64];
        size_t size;
        require(EVP_MAC_init(s->mac_context, NULL, 0, NULL) == 1 &&
                    EVP_MAC_update(s->mac_context, input, token->input_size) == 1 &&
                    EVP_MAC_final(s->mac_context, out, &size, sizeof(out)) == 1 &&
                    memcmp(out, token->signature, size) == 0,
                "HMAC");
    } else if (strcmp(s->alg, "EdDSA") == 0) {
        require(
            EVP_MD_CTX_copy_ex(s->md_context, s->template_context) == 1 &&
                EVP_DigestVerify(s->md_context, token->signature, token->signature_size, input, token->input_size) == 1,
            "EVP_DigestVerify");
    } else {
        unsigned char digest[64];
        unsigned size;
        require(EVP_DigestInit_ex2(s->md_context, s->md, NULL) == 1 &&
                    EVP_DigestUpdate(s->md_context, input, token->input_size) == 1 &&
                    EVP_DigestFinal_ex(s->md_context, digest, &size) == 1 &&
                    EVP_PKEY_verify(s->pkey_context, token->signature, token->signature_size, digest, size) == 1,
                "EVP_PKEY_verify");
    }
}

/* The one call that most programs use, on a context that is made once and copied. */
static void run_digest_verify(void *context, unsigned iteration)
{
    struct subject *s = context;
    struct token *token = &s->tokens[iteration % TOKENS];
    const unsigned char *input = (const unsigned char *)fb_string_text(token->text).data;
    require(EVP_MD_CTX_copy_ex(s->md_context, s->template_context) == 1 &&
                EVP_DigestVerify(s->md_context, token->signature, token->signature_size, input, token->input_size) == 1,
            "EVP_DigestVerify");
}

static void verify(const fb_verifier *verifier, const struct token *token)
{
    fb_slice text = fb_string_text(token->text);
    fb_result *result;
    fb_error error;
    if (fb_verify(verifier, text.data, text.size, (fb_clock){1800000001, 1}, &result, &error) != FB_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        exit(1);
    }
    fb_result_free(result);
}

static void run_plain(void *context, unsigned iteration)
{
    struct subject *s = context;
    verify(s->plain, &s->tokens[iteration % TOKENS]);
}

static void run_cached(void *context, unsigned iteration)
{
    struct subject *s = context;
    verify(s->cached, &s->tokens[iteration % TOKENS]);
}

static void run_bare_signature(void *context, unsigned iteration)
{
    struct subject *s = context;
    struct token *token = &s->tokens[iteration % TOKENS];
    unsigned char digest[64], out[FB__MAX_SIGNATURE];
    unsigned digest_size;
    size_t size = sizeof(out);
    require(EVP_Digest(fb_string_text(token->text).data, token->input_size, digest, &digest_size, s->md, NULL) == 1 &&
                EVP_PKEY_sign(s->pkey_context, out, &size, digest, digest_size) == 1,
            "EVP_PKEY_sign");
}

static void run_mint(void *context, unsigned iteration)
{
    struct subject *s = context;
    (void)iteration;
    fb_string *token;
    require(fb_keypair_create_token(s->pair, &s->mint, &token, NULL) == FB_OK, "fb_keypair_create_token");
    fb_string_free(token);
}

static void make(struct subject *s, const char *alg)
{
    memset(s, 0, sizeof(*s));
    s->alg = alg;
    fb_error error;
    if (fb_keypair_generate(&s->pair, fb_text(alg), 0, NULL, &error) != FB_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        exit(1);
    }
    make_tokens(s);
    make_primitive(s);
    s->plain = make_verifier(s, 0);
    s->cached = make_verifier(s, 1024);
}

static void release(struct subject *s)
{
    for (unsigned i = 0; i < TOKENS; i++) {
        fb_string_free(s->tokens[i].text);
    }
    fb_verifier_free(s->plain);
    fb_verifier_free(s->cached);
    EVP_PKEY_free(s->pkey);
    EVP_PKEY_CTX_free(s->pkey_context);
    EVP_MD_free(s->md);
    EVP_MD_CTX_free(s->md_context);
    EVP_MD_CTX_free(s->template_context);
    EVP_MAC_CTX_free(s->mac_context);
    fb_keypair_free(s->pair);
}

static void print_case(const char *alg, const bench_case *item, double base)
{
    printf("%-6s %-28s %9.0f ns  +-%4.1f %%   %6.3f x\n", alg, item->name, item->median,
           100 * item->spread / item->median, item->median / base);
}

/* RS256 and ES256 also against EVP_DigestVerify: the PSS padding would have to be set on each copy. */
static void bench_digest_verify(struct subject *s)
{
    if (s->alg[0] == 'P' || s->alg[0] == 'H' || s->alg[1] == 'd') {
        return;
    }
    bench_case cases[] = {
        {.name = "EVP_DigestVerify, copied", .run = run_digest_verify, .context = s},
        {.name = "fb_verify", .run = run_plain, .context = s},
    };
    bench_run(cases, 2);
    print_case(s->alg, &cases[0], cases[0].median);
    print_case(s->alg, &cases[1], cases[0].median);
}

static void bench_algorithm(const char *alg)
{
    struct subject s;
    make(&s, alg);
    bench_case cases[] = {
        {.name = "OpenSSL primitive", .run = run_primitive, .context = &s},
        {.name = "fb_verify", .run = run_plain, .context = &s},
        {.name = "fb_verify, cache hit", .run = run_cached, .context = &s},
    };
    bench_run(cases, 3);
    for (size_t i = 0; i < 3; i++) {
        print_case(alg, &cases[i], cases[0].median);
    }
    bench_digest_verify(&s);
    release(&s);
}

static void bench_minting(void)
{
    struct subject s;
    make(&s, "RS256");
    EVP_PKEY_CTX_free(s.pkey_context);
    s.pkey_context = EVP_PKEY_CTX_new(s.pkey, NULL);
    require(EVP_PKEY_sign_init(s.pkey_context) == 1 && EVP_PKEY_CTX_set_signature_md(s.pkey_context, s.md) == 1,
            "sign init");
    bench_case cases[] = {
        {.name = "bare signature", .run = run_bare_signature, .context = &s},
        {.name = "fb_keypair_create_token", .run = run_mint, .context = &s},
    };
    bench_run(cases, 2);
    print_case("RS256", &cases[0], cases[0].median);
    print_case("RS256", &cases[1], cases[0].median);
    release(&s);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--count") == 0) {
        struct subject s;
        make(&s, argv[2]);
        for (unsigned i = 0; i < (unsigned)strtoul(argv[3], NULL, 10); i++) {
            run_plain(&s, i);
        }
        release(&s);
        return 0;
    }
    printf("CPU time per operation, median of %d interleaved rounds, OpenSSL %s\n", BENCH_ROUNDS, fb_openssl_version());
    static const char *const algs[] = {"RS256", "PS256", "ES256", "EdDSA", "HS256"};
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        bench_algorithm(algs[i]);
    }
    bench_minting();
    return 0;
}
