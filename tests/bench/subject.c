/* See subject.h. */
#include "subject.h"
#include "../core/setup.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

static const char additional[] =
    "{\"aud\":[\"https://api.example/mcp\",\"https://"
    "api.example\"],\"client_id\":\"b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10\","
    "\"azp\":\"b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10\",\"scope\":\"openid profile email tools:read tools:write\","
    "\"email\":\"someone.with.a.name@customers.example\",\"org_id\":\"org_5fJ2kLmN8pQrStUv\",\"nbf\":1700000000,"
    "\"sid\":\"0190163d-8694-739b-aea5-966c26f8ad91\",\"name\":\"Someone With A "
    "Name\",\"locale\":\"en-GB\",\"jti\":\"%s-%u\"}";

void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "bench: %s failed\n", what);
        exit(1);
    }
}

static fb_verifier *make_verifier(const struct subject *s, size_t cache_size)
{
    struct setup options = SETUP_INIT;
    options.issuer.secret = s->secret;
    options.issuer.public_key = s->public_key;
    options.issuer.algorithms = FB_LIST(fb_text(s->alg));
    options.issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    options.policy.audiences = FB_LIST(fb_text("https://api.example/mcp"));
    options.policy.cache_size = cache_size;
    fb_verifier *verifier;
    fb_error error = FB_ERROR_INIT;
    require(setup_verifier(&verifier, &options, &error) == FB_OK, "fb_verifier_new");
    return verifier;
}

/* What the bare primitive is given: the bytes that are signed, and the signature, of ES256 as DER. */
static void read_token(const struct subject *s, struct token *token)
{
    fb__token parts;
    require(fb__token_split(token->text.data, token->text.size, &parts) == FB_OK, "fb__token_split");
    token->input_size = parts.signing_input.size;
    token->signature_size = fb__base64url_decoded_size(parts.signature.size);
    require(fb__base64url_decode(parts.signature.data, parts.signature.size, token->signature), "decode");
    if (s->alg[0] == 'E' && s->alg[1] == 'S') {
        ECDSA_SIG *pair = ECDSA_SIG_new();
        int half = (int)token->signature_size / 2;
        ECDSA_SIG_set0(pair, BN_bin2bn(token->signature, half, NULL), BN_bin2bn(token->signature + half, half, NULL));
        unsigned char *to = token->signature;
        token->signature_size = (size_t)i2d_ECDSA_SIG(pair, &to);
        ECDSA_SIG_free(pair);
    }
}

static void make_tokens(struct subject *s)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    options.subject = fb_text("auth0|5f7c8ec7c33c6c004bbafe82");
    options.issuer = fb_text("https://issuer.example");
    options.now = 1800000000;
    s->count = TOKENS;
    for (unsigned i = 0; i < TOKENS; i++) {
        char claims[1024];
        snprintf(claims, sizeof(claims), additional, s->alg, i);
        options.additional_claims = fb_text(claims);
        struct token *token = &s->tokens[i];
        require(fb_keypair_create_token(s->pair, &options, &token->minted, NULL) == FB_OK, "fb_keypair_create_token");
        token->text = fb_string_text(token->minted);
        read_token(s, token);
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
        require(EVP_MAC_init(s->mac_context, (const unsigned char *)s->secret.data, s->secret.size, params) == 1,
                "EVP_MAC_init");
        EVP_MAC_free(mac);
        return;
    }
    BIO *bio = BIO_new_mem_buf(s->public_key.data, (int)s->public_key.size);
    s->pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    require(s->pkey != NULL, "PEM_read_bio_PUBKEY");
    s->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    s->md_context = EVP_MD_CTX_new();
    s->template_context = EVP_MD_CTX_new();
    s->copy_context = EVP_MD_CTX_new();
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

void run_primitive(void *context, unsigned iteration)
{
    struct subject *s = context;
    struct token *token = &s->tokens[iteration % s->count];
    const unsigned char *input = (const unsigned char *)token->text.data;
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

void run_signature(void *context, unsigned iteration)
{
    struct subject *s = context;
    fb_slice text = s->tokens[iteration % s->count].text;
    fb__token parts;
    require(fb__token_split(text.data, text.size, &parts) == FB_OK &&
                fb__signature_verify(&s->plain->sole->static_keys->keys[0], fb__alg_find(fb_text(s->alg)),
                                     parts.signing_input, parts.signature, true) == FB_OK,
            "fb__signature_verify");
}

fb_verifier *verifier_of(fb_issuer keys, const char *alg, size_t cache_size)
{
    fb_verifier *verifier = NULL;
    fb_options options = FB_OPTIONS_INIT;
    const fb_slice name = fb_text(alg);
    keys.algorithms = (fb_list){&name, 1};
    options.issuers = &keys;
    options.issuer_count = 1;
    options.cache_size = cache_size;
    require(fb_verifier_new(&verifier, &options, NULL) == FB_OK, "fb_verifier_new");
    return verifier;
}

void verify(const fb_verifier *verifier, fb_slice token, double monotonic_seconds)
{
    fb_result *result;
    fb_error error;
    error.size = sizeof(error); /* all that is read of it */
    const fb_clock clock = {1800000001, monotonic_seconds};
    if (fb_verify(verifier, token.data, token.size, clock, &result, &error) != FB_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        exit(1);
    }
    fb_result_free(result);
}

void run_plain(void *context, unsigned iteration)
{
    struct subject *s = context;
    verify(s->plain, s->tokens[iteration % s->count].text, 1);
}

void run_first(void *context, unsigned iteration)
{
    struct subject *s = context;
    verify(s->first, s->tokens[iteration % s->count].text, 1);
}

void run_cached(void *context, unsigned iteration)
{
    struct subject *s = context;
    verify(s->cached, s->tokens[iteration % s->count].text, 1);
}

static void make_rest(struct subject *s)
{
    make_primitive(s);
    s->plain = make_verifier(s, 0);
    s->first = make_verifier(s, 1);
    s->cached = make_verifier(s, 1024);
}

void subject_make(struct subject *s, const char *alg)
{
    memset(s, 0, sizeof(*s));
    s->alg = alg;
    fb_error error = FB_ERROR_INIT;
    if (fb_keypair_generate(&s->pair, fb_text(alg), 0, NULL, &error) != FB_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        exit(1);
    }
    if (alg[0] == 'H') {
        s->secret = fb_keypair_private_pem(s->pair);
    } else {
        s->public_key = fb_keypair_public_pem(s->pair);
    }
    make_tokens(s);
    make_rest(s);
}

void subject_take(struct subject *s, const char *alg, fb_slice key, fb_slice token)
{
    memset(s, 0, sizeof(*s));
    s->alg = alg;
    *(alg[0] == 'H' ? &s->secret : &s->public_key) = key;
    s->count = 1;
    s->tokens[0].text = token;
    read_token(s, &s->tokens[0]);
    make_rest(s);
}

void subject_release(struct subject *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        fb_string_free(s->tokens[i].minted);
    }
    fb_verifier_free(s->plain);
    fb_verifier_free(s->first);
    fb_verifier_free(s->cached);
    EVP_PKEY_free(s->pkey);
    EVP_PKEY_CTX_free(s->pkey_context);
    EVP_MD_free(s->md);
    EVP_MD_CTX_free(s->md_context);
    EVP_MD_CTX_free(s->template_context);
    EVP_MD_CTX_free(s->copy_context);
    EVP_MAC_CTX_free(s->mac_context);
    fb_keypair_free(s->pair);
}
