/*
 * Signing: the compact serialisation (RFC 7515 section 7.1) of any header and payload, which are not looked at.
 */
#include "mint/mint.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

bool fb__prepare_signing(fb_keypair *pair)
{
    if (pair->alg->hash == FB__HASH_NONE) {
        return true;
    }
    pair->md = EVP_MD_fetch(NULL, fb__hashes[pair->alg->hash].openssl_name, NULL);
    pair->signing = EVP_PKEY_CTX_new(pair->key.pkey, NULL);
    if (pair->md == NULL || pair->signing == NULL || EVP_PKEY_sign_init(pair->signing) != 1 ||
        EVP_PKEY_CTX_set_signature_md(pair->signing, pair->md) != 1) {
        return false;
    }
    if (pair->alg->kty != FB__KTY_RSA) {
        return true;
    }
    if (!pair->alg->pss) {
        return EVP_PKEY_CTX_set_rsa_padding(pair->signing, RSA_PKCS1_PADDING) == 1;
    }
    return EVP_PKEY_CTX_set_rsa_padding(pair->signing, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(pair->signing, pair->md) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(pair->signing, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool sign_hmac(const fb_keypair *pair, const char *input, size_t size, unsigned char *out, size_t *out_size)
{
    return EVP_Q_mac(NULL, "HMAC", NULL, fb__hashes[pair->alg->hash].openssl_name, NULL, pair->key.secret,
                     pair->key.secret_size, (const unsigned char *)input, size, out, FB__MAX_SIGNATURE,
                     out_size) != NULL;
}

static bool sign_eddsa(const fb_keypair *pair, const char *input, size_t size, unsigned char *out, size_t *out_size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    *out_size = FB__MAX_SIGNATURE;
    bool made = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, pair->key.pkey) == 1 &&
                EVP_DigestSign(context, out, out_size, (const unsigned char *)input, size) == 1;
    EVP_MD_CTX_free(context);
    return made;
}

/* OpenSSL gives DER; JWS wants r and s side by side, each as long as the curve's order (RFC 7518 section 3.4). */
static bool from_der(const fb_keypair *pair, unsigned char *signature, size_t *size)
{
    const unsigned char *at = signature;
    ECDSA_SIG *pairs = d2i_ECDSA_SIG(NULL, &at, (long)*size);
    int half = (int)pair->key.signature_size / 2;
    bool converted = pairs != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pairs), signature, half) == half &&
                     BN_bn2binpad(ECDSA_SIG_get0_s(pairs), signature + half, half) == half;
    ECDSA_SIG_free(pairs);
    *size = pair->key.signature_size;
    return converted;
}

static bool sign_pkey(const fb_keypair *pair, const char *input, size_t size, unsigned char *out, size_t *out_size)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_size;
    *out_size = FB__MAX_SIGNATURE;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_dup(pair->signing);
    bool made = context != NULL && EVP_Digest(input, size, digest, &digest_size, pair->md, NULL) == 1 &&
                EVP_PKEY_sign(context, out, out_size, digest, digest_size) == 1;
    EVP_PKEY_CTX_free(context);
    return made && (pair->key.kty != FB__KTY_EC || from_der(pair, out, out_size));
}

/*
 * Where memory runs out in the midst of a signature, OpenSSL's blinding of an RSA key can get out of step: signatures
 * are wrong then, until it is made anew after as many of them.
 */
enum { BLINDING_USES = 32 };

static bool sign_and_check(const fb_keypair *pair, const char *input, size_t size, unsigned char *out, size_t *out_size)
{
    fb__verification_key key = {.key = pair->key}; /* what it refers to stays the pair's */
    bool right = false;
    for (int i = 0; !right && i <= BLINDING_USES && sign_pkey(pair, input, size, out, out_size); i++) {
        right = fb__signature_verify_raw(&key, pair->alg, (fb_slice){input, size},
                                         (fb_slice){(const char *)out, *out_size}, false) == FB_OK;
    }
    key.key = (fb__key){.kty = FB__KTY_NONE};
    fb__verification_key_clear(&key, &pair->mem);
    return right;
}

static bool sign_rsa(const fb_keypair *pair, const char *input, size_t size, unsigned char *out, size_t *out_size)
{
    bool made = atomic_load_explicit(&pair->doubtful, memory_order_relaxed)
                    ? sign_and_check(pair, input, size, out, out_size)
                    : sign_pkey(pair, input, size, out, out_size);
    if (!made) {
        atomic_store_explicit(&((fb_keypair *)(uintptr_t)pair)->doubtful, true, memory_order_relaxed);
    }
    return made;
}

fb_status fb_keypair_sign(const fb_keypair *keypair, fb_slice header, fb_slice payload, fb_string **out,
                          fb_error *error)
{
    FB__INSIDE_GATE;
    *out = NULL;
    if (header.size > INT32_MAX / 4 || payload.size > INT32_MAX / 4) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "the token would be too large");
    }
    fb_string *token = fb__string_new(&keypair->mem, (header.size + payload.size + FB__MAX_SIGNATURE) * 4 / 3 + 16);
    if (token == NULL) {
        return fb__out_of_memory(error);
    }
    unsigned char signature[FB__MAX_SIGNATURE];
    size_t size = 0;
    token->size = fb__base64url_encode(header.data, header.size, token->text);
    fb__string_add_text(token, ".");
    token->size += fb__base64url_encode(payload.data, payload.size, token->text + token->size);
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    bool made = keypair->key.kty == FB__KTY_OCT   ? sign_hmac(keypair, token->text, token->size, signature, &size)
                : keypair->key.kty == FB__KTY_OKP ? sign_eddsa(keypair, token->text, token->size, signature, &size)
                : keypair->key.kty == FB__KTY_RSA ? sign_rsa(keypair, token->text, token->size, signature, &size)
                                                  : sign_pkey(keypair, token->text, token->size, signature, &size);
    fb__openssl_end(&errors);
    if (!made) {
        fb_string_free(token);
        return fb__out_of_memory(error);
    }
    fb__string_add_text(token, ".");
    token->size += fb__base64url_encode(signature, size, token->text + token->size);
    token->text[token->size] = '\0';
    *out = token;
    return FB_OK;
}
