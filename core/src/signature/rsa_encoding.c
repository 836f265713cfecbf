/*
 * What an RSA signature must open to (RFC 8017 section 9): the whole encoding that must be there is compared, never
 * parsed; no DigestInfo is read, no padding skipped (CVE-2006-4339, CVE-2014-1568). Given what rsa/ has opened, which
 * is hostile. Must give the verdict that OpenSSL gives with RSA_PKCS1_PADDING, or with RSA_PKCS1_PSS_PADDING and
 * RSA_PSS_SALTLEN_DIGEST.
 */
#include "arithmetic/arithmetic.h"
#include "signature/context.h"

enum { DIGEST_INFO = 19 };

/* DigestInfo up to the digest (RFC 8017 section 9.2, note 1), with the NULL that is optional elsewhere. */
static const unsigned char *digest_info(fb__hash hash)
{
    static const unsigned char sha256[DIGEST_INFO] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    static const unsigned char sha384[DIGEST_INFO] = {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                      0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30};
    static const unsigned char sha512[DIGEST_INFO] = {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                      0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40};
    return hash == FB__HASH_SHA256 ? sha256 : hash == FB__HASH_SHA384 ? sha384 : sha512;
}

/* EMSA-PKCS1-v1_5 (RFC 8017 section 9.2): 00 01 FF .. FF 00 DigestInfo digest */
static bool is_pkcs1(const unsigned char *encoded, size_t size, fb__hash hash, const unsigned char *digest)
{
    unsigned char expected[FB__MAX_ENCODED];
    const size_t digest_size = fb__hash_size(hash), info_at = size - digest_size - DIGEST_INFO;
    memset(expected, 0xff, info_at);
    expected[0] = 0x00;
    expected[1] = 0x01;
    expected[info_at - 1] = 0x00;
    memcpy(expected + info_at, digest_info(hash), DIGEST_INFO);
    memcpy(expected + info_at + DIGEST_INFO, digest, digest_size);
    return memcmp(encoded, expected, size) == 0;
}

/* Takes the mask off: data ^= MGF1(seed), with the algorithm's own hash (RFC 8017 section B.2.1). */
static bool unmask(const fb__context *context, size_t digest_size, unsigned char *data, size_t size,
                   const unsigned char *seed)
{
    unsigned char counter[4] = {0}, mask[FB__MAX_DIGEST];
    for (size_t at = 0; at < size; at += digest_size) {
        const fb__bytes parts[] = {{seed, digest_size}, {counter, sizeof(counter)}};
        if (!fb__context_hash(context, parts, 2, mask)) {
            return false;
        }
        for (size_t i = 0; i < digest_size && at + i < size; i++) {
            data[at + i] ^= mask[i];
        }
        counter[3]++; /* at most sixteen of them */
    }
    return true;
}

/*
 * EMSA-PSS-VERIFY (RFC 8017 section 9.1.2), emBits = 8 size - 1, the salt as long as the digest. encoded is
 *     maskedDB | H | bc      where DB is 00 .. 00 | 01 | salt, but for its first bit, which is 0 in maskedDB as well
 */
static fb_status check_pss(const fb__context *context, fb__hash hash, unsigned char *encoded, size_t size,
                           const unsigned char *digest)
{
    static const unsigned char zeros[FB__MAX_ENCODED];
    const size_t digest_size = fb__hash_size(hash), db_size = size - digest_size - 1;
    const size_t one_at = db_size - digest_size - 1;
    const unsigned char *h = encoded + db_size, *salt = encoded + one_at + 1;
    unsigned char own[FB__MAX_DIGEST];
    if ((encoded[0] & 0x80) != 0 || encoded[size - 1] != 0xbc) {
        return FB_SIGNATURE_INVALID;
    }
    if (!unmask(context, digest_size, encoded, db_size, h)) {
        return FB_INTERNAL_ERROR;
    }
    encoded[0] &= 0x7f;
    if (memcmp(encoded, zeros, one_at) != 0 || encoded[one_at] != 0x01) {
        return FB_SIGNATURE_INVALID;
    }
    const fb__bytes parts[] = {{zeros, 8}, {digest, digest_size}, {salt, digest_size}};
    if (!fb__context_hash(context, parts, 3, own)) {
        return FB_INTERNAL_ERROR;
    }
    return memcmp(own, h, digest_size) == 0 ? FB_OK : FB_SIGNATURE_INVALID;
}

fb_status fb__rsa_check_encoding(const fb__context *context, const fb__alg *alg, unsigned char *encoded, size_t size,
                                 const unsigned char *digest)
{
    if (alg->pss) {
        return check_pss(context, alg->hash, encoded, size, digest);
    }
    return is_pkcs1(encoded, size, alg->hash, digest) ? FB_OK : FB_SIGNATURE_INVALID;
}
