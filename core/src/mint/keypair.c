/*
 * Key pairs: generated or loaded. The private key is parsed once; private material is cleansed when the pair is freed
 * and never appears in an error.
 */
#include "mint/mint.h"

#include <openssl/pem.h>
#include <openssl/rand.h>

void fb_keypair_free(fb_keypair *keypair)
{
    FB__INSIDE_GATE;
    if (keypair == NULL) {
        return;
    }
    fb_mem mem = keypair->mem;
    /* A memory BIO clears what it held when it grew or is freed, by BUF_MEM. */
    BIO_free(keypair->public_pem);
    BIO_free(keypair->private_pem);
    EVP_PKEY_CTX_free(keypair->signing);
    EVP_MD_free(keypair->md);
    fb__key_clear(&keypair->key, &mem);
    fb__free(&mem, keypair);
}

/* A pair without a key; NULL: *status and error say why. */
static fb_keypair *keypair_new(fb_slice algorithm, const fb_mem *given, fb_status *status, fb_error *error)
{
    const fb_mem mem = given == NULL ? fb__mem_default : *given;
    const fb__alg *alg = algorithm.data == NULL ? NULL : fb__alg_find(algorithm);
    if (alg == NULL) {
        *status = fb__fail(error, FB_CONFIGURATION_INVALID, "algorithm is not one that is supported");
        return NULL;
    }
    fb_keypair *pair = fb__zalloc(&mem, sizeof(*pair));
    if (pair == NULL) {
        *status = fb__out_of_memory(error);
        return NULL;
    }
    pair->mem = mem;
    pair->alg = alg;
    return pair;
}

static fb_status write_pems(fb_keypair *pair, fb_error *error)
{
    pair->public_pem = BIO_new(BIO_s_mem());
    pair->private_pem = BIO_new(BIO_s_secmem());
    if (pair->public_pem == NULL || pair->private_pem == NULL ||
        PEM_write_bio_PUBKEY(pair->public_pem, pair->key.pkey) != 1 ||
        PEM_write_bio_PKCS8PrivateKey(pair->private_pem, pair->key.pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        return fb__out_of_memory(error);
    }
    return FB_OK;
}

/* The pair has its key; everything else follows from it. */
static fb_status finish(fb_keypair *pair, fb_error *error)
{
    const char *problem = fb__key_classify(&pair->key);
    if (problem == NULL && (pair->key.algs & fb__alg_bit(pair->alg)) == 0) {
        problem = "the key is not one for the algorithm";
    }
    if (problem != NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "private_key: %s", problem);
    }
    return fb__prepare_signing(pair) ? write_pems(pair, error) : fb__out_of_memory(error);
}

static fb_status generate_secret(fb_keypair *pair, fb_error *error)
{
    unsigned char secret[FB__MAX_DIGEST];
    fb_status status = FB_INTERNAL_ERROR;
    if (RAND_priv_bytes(secret, (int)sizeof(secret)) == 1) {
        fb_slice text = {(const char *)secret, fb__hash_size(pair->alg->hash)};
        status = fb__key_from_secret(&pair->key, &pair->mem, text, fb__alg_bit(pair->alg), false, error);
    } else {
        (void)fb__reject(error, status, (fb_slice){NULL, 0});
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    return status;
}

static EVP_PKEY *generate_pkey(const fb__alg *alg, unsigned bits)
{
    if (alg->kty == FB__KTY_RSA) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)(bits == 0 ? alg->min_bits : bits));
    }
    if (alg->kty == FB__KTY_EC) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", fb__curves[alg->curve].openssl_name);
    }
    const fb__curve curve = alg->curve == FB__CURVE_NONE ? FB__CURVE_ED25519 : alg->curve;
    return EVP_PKEY_Q_keygen(NULL, NULL, fb__curves[curve].openssl_name);
}

/* Hands the pair over, or frees it when something failed. */
static fb_status hand_over(fb_keypair **out, fb_keypair *pair, fb_status status, fb_error *error)
{
    if (status == FB_OK) {
        *out = pair;
        return FB_OK;
    }
    if (fb__openssl_out_of_memory()) {
        status = fb__out_of_memory(error);
    }
    fb_keypair_free(pair);
    return status;
}

static fb_status generate(fb_keypair *pair, unsigned bits, fb_error *error)
{
    const fb__alg *alg = pair->alg;
    const bool rsa = alg->kty == FB__KTY_RSA;
    if (bits != 0 && (!rsa || bits < alg->min_bits || bits > FB__RSA_MAX_BITS || bits % 8 != 0)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        rsa ? "bits must be a multiple of 8 from 2048 to 8192" : "bits is for RSA keys only");
    }
    if (alg->kty == FB__KTY_OCT) {
        return generate_secret(pair, error);
    }
    pair->key.pkey = generate_pkey(alg, bits);
    return pair->key.pkey == NULL ? fb__out_of_memory(error) : finish(pair, error);
}

fb_status fb_keypair_generate(fb_keypair **out, fb_slice algorithm, unsigned bits, const fb_mem *mem, fb_error *error)
{
    FB__INSIDE_GATE;
    *out = NULL;
    fb_status status = FB_OK;
    fb_keypair *pair = keypair_new(algorithm, mem, &status, error);
    if (pair == NULL) {
        return status;
    }
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    status = hand_over(out, pair, generate(pair, bits, error), error);
    fb__openssl_end(&errors);
    return status;
}

/* Never asks a terminal for a pass phrase. */
static int no_pass_phrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static fb_status load_pem(fb_keypair *pair, fb_slice pem, fb_error *error)
{
    BIO *bio = pem.size > INT32_MAX ? NULL : BIO_new_mem_buf(pem.data, (int)pem.size);
    pair->key.pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
    BIO_free(bio);
    if (pair->key.pkey == NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "private_key is not one unencrypted private key in PEM");
    }
    return finish(pair, error);
}

static fb_status load(fb_keypair *pair, fb_slice private_key, fb_error *error)
{
    if (private_key.data == NULL || private_key.size == 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "private_key is empty");
    }
    if (pair->alg->kty == FB__KTY_OCT) {
        return fb__key_from_secret(&pair->key, &pair->mem, private_key, fb__alg_bit(pair->alg), true, error);
    }
    return load_pem(pair, private_key, error);
}

fb_status fb_keypair_load(fb_keypair **out, fb_slice algorithm, fb_slice private_key, const fb_mem *mem,
                          fb_error *error)
{
    FB__INSIDE_GATE;
    *out = NULL;
    fb_status status = FB_OK;
    fb_keypair *pair = keypair_new(algorithm, mem, &status, error);
    if (pair == NULL) {
        return status;
    }
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    status = hand_over(out, pair, load(pair, private_key, error), error);
    fb__openssl_end(&errors);
    return status;
}

fb_slice fb_keypair_algorithm(const fb_keypair *keypair)
{
    return (fb_slice){keypair->alg->name, keypair->alg->name_size};
}

static fb_slice bio_text(BIO *bio)
{
    char *text = NULL;
    long size = bio == NULL ? 0 : BIO_get_mem_data(bio, &text);
    return size <= 0 ? (fb_slice){NULL, 0} : (fb_slice){text, (size_t)size};
}

fb_slice fb_keypair_public_pem(const fb_keypair *keypair)
{
    return bio_text(keypair->public_pem);
}

fb_slice fb_keypair_private_pem(const fb_keypair *keypair)
{
    if (keypair->key.secret != NULL) {
        return (fb_slice){(const char *)keypair->key.secret, keypair->key.secret_size};
    }
    return bio_text(keypair->private_pem);
}
