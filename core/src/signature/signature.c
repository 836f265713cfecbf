/*
 * The one caller of OpenSSL's verification, and of the arithmetic that stands in for it. Given a key and a signature of
 * hostile bytes. Lengths are checked before anything else is done; OpenSSL's success is 1 and nothing else; its error
 * queue stays as it was.
 */
#include "signature/context.h"
#include "signature/selection.h"

#include <openssl/crypto.h>

enum { MAX_DER = 144 /* SEQUENCE of two INTEGERs of 66 bytes */ };

/* One verification: the signature has the length that alg and key ask for. */
struct job {
    const fb__context *context;
    const fb__key *key;
    const fb__alg *alg;
    fb__bytes message, signature;
};

/* ---- P1363 to DER --------------------------------------------------------------------------- */

/* INTEGER of size big-endian bytes (X.690 section 8.3); returns where it ends. */
static unsigned char *write_integer(unsigned char *out, const unsigned char *bytes, size_t size)
{
    while (size > 1 && *bytes == 0) {
        bytes++;
        size--;
    }
    bool pad = (*bytes & 0x80) != 0;
    *out++ = 0x02;
    *out++ = (unsigned char)(size + pad);
    if (pad) {
        *out++ = 0;
    }
    memcpy(out, bytes, size);
    return out + size;
}

/* JWS has r and s side by side (RFC 7518 section 3.4), OpenSSL wants a SEQUENCE. A high s is accepted as a low one is:
 * there is no rule about it. size is that of the table: at most 132. */
static size_t to_der(unsigned char out[MAX_DER], const unsigned char *signature, size_t size)
{
    unsigned char body[MAX_DER];
    unsigned char *end = write_integer(write_integer(body, signature, size / 2), signature + size / 2, size / 2);
    size_t length = (size_t)(end - body), at = 0;
    out[at++] = 0x30;
    if (length > 127) {
        out[at++] = 0x81;
    }
    out[at++] = (unsigned char)length;
    memcpy(out + at, body, length);
    return at + length;
}

/* ---- verification --------------------------------------------------------------------------- */

static fb_status verify_pkey(const struct job *job)
{
    unsigned char digest[FB__MAX_DIGEST], der[MAX_DER];
    fb__bytes signature = job->signature;
    if (!fb__context_hash(job->context, &job->message, 1, digest)) {
        return FB_INTERNAL_ERROR;
    }
    if (job->alg->kty == FB__KTY_EC) {
        signature = (fb__bytes){der, to_der(der, signature.data, signature.size)};
    }
    return EVP_PKEY_verify(job->context->pkey, signature.data, signature.size, digest, fb__hash_size(job->alg->hash)) ==
                   1
               ? FB_OK
               : FB_SIGNATURE_INVALID;
}

static fb_status verify_eddsa(const struct job *job)
{
    EVP_MD_CTX *working = job->context->working;
    if (EVP_MD_CTX_copy_ex(working, job->context->initial) != 1) {
        return FB_INTERNAL_ERROR;
    }
    return EVP_DigestVerify(working, job->signature.data, job->signature.size, job->message.data, job->message.size) ==
                   1
               ? FB_OK
               : FB_SIGNATURE_INVALID;
}

static fb_status verify_mac(const struct job *job)
{
    unsigned char tag[FB__MAX_DIGEST];
    size_t tag_size = 0;
    if (EVP_MAC_init(job->context->mac, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(job->context->mac, job->message.data, job->message.size) != 1 ||
        EVP_MAC_final(job->context->mac, tag, &tag_size, sizeof(tag)) != 1) {
        return FB_INTERNAL_ERROR;
    }
    bool equal = tag_size == job->signature.size && CRYPTO_memcmp(tag, job->signature.data, tag_size) == 0;
    OPENSSL_cleanse(tag, sizeof(tag));
    return equal ? FB_OK : FB_SIGNATURE_INVALID;
}

static fb_status verify_openssl(const struct job *job)
{
    fb_status status = job->key->kty == FB__KTY_OCT   ? verify_mac(job)
                       : job->key->kty == FB__KTY_OKP ? verify_eddsa(job)
                                                      : verify_pkey(job);
    /* Out of memory is not a verdict on the signature. */
    return status != FB_OK && fb__openssl_out_of_memory() ? FB_OUT_OF_MEMORY : status;
}

/* What the algorithm hashes: the message, for Ed25519 after R and the public key (RFC 8032 section 5.1.7). */
static bool hash(const struct job *job, unsigned char *digest)
{
    if (job->alg->kty != FB__KTY_OKP) {
        return fb__context_hash(job->context, &job->message, 1, digest);
    }
    const fb__bytes parts[] = {{job->signature.data, 32}, {job->key->point, 32}, job->message};
    return fb__context_hash(job->context, parts, 3, digest);
}

static fb_status verify_by_table(const struct job *job, const fb__arithmetic *arithmetic, const void *table)
{
    unsigned char digest[FB__MAX_DIGEST], encoded[FB__MAX_ENCODED];
    if (!hash(job, digest)) {
        return FB_INTERNAL_ERROR;
    }
    if (arithmetic->verify != NULL) {
        return arithmetic->verify(table, digest, job->signature.data) ? FB_OK : FB_SIGNATURE_INVALID;
    }
    if (!arithmetic->open(table, job->signature.data, encoded)) {
        return FB_SIGNATURE_INVALID;
    }
    return fb__rsa_check_encoding(job->context, job->alg, encoded, job->signature.size, digest);
}

/* By the key's table, and now and then by OpenSSL as well, whose verdict stands. */
static fb_status verify_and_check(const struct job *job, fb__verification_key *key, const fb__arithmetic *arithmetic,
                                  const void *table)
{
    const fb_status ours = verify_by_table(job, arithmetic, table);
    if (ours == FB_INTERNAL_ERROR) {
        return verify_openssl(job);
    }
    if (!fb__selection_check_due(key)) {
        return ours;
    }
    fb_status theirs = verify_openssl(job);
    if (theirs == FB_SIGNATURE_INVALID && ours == FB_OK) {
        /* Where it runs out of memory without saying so OpenSSL says the same; twice in a row is a verdict. */
        theirs = verify_openssl(job);
    }
    if (theirs == (ours == FB_OK ? FB_SIGNATURE_INVALID : FB_OK)) {
        fb__selection_disagreed(key);
    }
    return theirs;
}

static fb_status verify_with(fb__verification_key *key, const struct job *job, bool with_tables)
{
    const fb__arithmetic *arithmetic = NULL;
    const void *table = with_tables ? fb__selection_table(key, &arithmetic) : NULL;
    if (table != NULL) {
        return verify_and_check(job, key, arithmetic, table);
    }
    const fb_status status = verify_openssl(job);
    if (with_tables && status == FB_OK) {
        fb__selection_count(key);
    }
    return status;
}

static fb_status verify(fb__verification_key *key, const fb__alg *alg, fb__bytes message, fb__bytes signature,
                        bool with_tables)
{
    const size_t expected = key->key.kty == FB__KTY_OCT ? fb__hash_size(alg->hash) : key->key.signature_size;
    if (signature.size != expected || expected == 0 || (key->key.algs & fb__alg_bit(alg)) == 0) {
        return FB_SIGNATURE_INVALID;
    }
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    fb_status status = FB_OUT_OF_MEMORY;
    fb__context *context = fb__context_acquire(key, alg);
    if (context != NULL) {
        const struct job job = {context, &key->key, alg, message, signature};
        status = verify_with(key, &job, with_tables);
        fb__context_release(key, alg, context);
    }
    fb__openssl_end(&errors);
    return status;
}

static fb__bytes bytes_of(fb_slice text)
{
    return (fb__bytes){(const unsigned char *)text.data, text.size};
}

fb_status fb__signature_verify_raw(fb__verification_key *key, const fb__alg *alg, fb_slice message, fb_slice signature,
                                   bool with_tables)
{
    return verify(key, alg, bytes_of(message), bytes_of(signature), with_tables);
}

fb_status fb__signature_verify(fb__verification_key *key, const fb__alg *alg, fb_slice signing_input,
                               fb_slice signature, bool with_tables)
{
    unsigned char decoded[FB__MAX_SIGNATURE];
    const size_t size = fb__base64url_decoded_size(signature.size);
    if (size > sizeof(decoded) || !fb__base64url_decode(signature.data, signature.size, decoded)) {
        return FB_SIGNATURE_INVALID;
    }
    return verify(key, alg, bytes_of(signing_input), (fb__bytes){decoded, size}, with_tables);
}

/* ---- keys ----------------------------------------------------------------------------------- */

void fb__verification_key_init(fb__verification_key *key, fb__tables *tables)
{
    fb__selection_init(key, tables);
}

void fb__verification_key_clear(fb__verification_key *key, const fb_mem *mem)
{
    fb__contexts_clear(key);
    fb__selection_clear(key);
    fb__key_clear(&key->key, mem);
}
