/*
 * RS256 .. PS512 without OpenSSL's exponentiation: 2048, 3072 and 4096 bits, e = 65537, on processors with AVX-512
 * IFMA. Given a key that was imported and found sound, and hostile messages and signatures. Hashing is OpenSSL's. Gives
 * the verdict that OpenSSL 3.0 gives with RSA_PKCS1_PADDING, or with RSA_PKCS1_PSS_PADDING and RSA_PSS_SALTLEN_DIGEST.
 *
 * What a signature opens to is compared with the whole encoding that must be there, never parsed: no DigestInfo is
 * read, no padding skipped (CVE-2006-4339, CVE-2014-1568).
 */
#include "arithmetic/arithmetic.h"

#include "rsa_answers.h"
#include "rsa_field.h"

#include <openssl/core_names.h>

/* Building a table takes 27 us, and makes a verification 9.7 us cheaper; at 4096 bits it is 33 and 38. */
enum { THRESHOLD = 3 };

typedef struct slice {
    const unsigned char *data;
    size_t size;
} slice;

/* The hash of the parts one behind the other, of fb__hash_size(alg->hash) bytes. */
static bool hash(const fb__fast_input *input, const slice *parts, size_t count, unsigned char *out)
{
    bool done = EVP_DigestInit_ex2(input->digest, input->md, NULL) == 1;
    for (size_t i = 0; i < count && done; i++) {
        done = EVP_DigestUpdate(input->digest, parts[i].data, parts[i].size) == 1;
    }
    return done && EVP_DigestFinal_ex(input->digest, out, NULL) == 1;
}

/* ---- what a signature must open to ------------------------------------------------------------ */

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
static bool is_pkcs1(const unsigned char *opened, size_t size, fb__hash hash, const unsigned char *digest)
{
    unsigned char expected[RSA_MAX_BYTES];
    const size_t digest_size = fb__hash_size(hash), info_at = size - digest_size - DIGEST_INFO;
    memset(expected, 0xff, info_at);
    expected[0] = 0x00;
    expected[1] = 0x01;
    expected[info_at - 1] = 0x00;
    memcpy(expected + info_at, digest_info(hash), DIGEST_INFO);
    memcpy(expected + info_at + DIGEST_INFO, digest, digest_size);
    return memcmp(opened, expected, size) == 0;
}

/* Takes the mask off: data ^= MGF1(seed), with the algorithm's own hash (RFC 8017 section B.2.1). */
static bool unmask(const fb__fast_input *input, unsigned char *data, size_t size, const unsigned char *seed)
{
    const size_t digest_size = fb__hash_size(input->alg->hash);
    unsigned char counter[4] = {0}, mask[FB__MAX_DIGEST];
    for (size_t at = 0; at < size; at += digest_size) {
        const slice parts[] = {{seed, digest_size}, {counter, sizeof(counter)}};
        if (!hash(input, parts, 2, mask)) {
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
 * EMSA-PSS-VERIFY (RFC 8017 section 9.1.2), emBits = 8 size - 1, the salt as long as the digest. opened is
 *     maskedDB | H | bc      where DB is 00 .. 00 | 01 | salt, but for its first bit, which is 0 in maskedDB as well
 */
static fb__fast_verdict check_pss(const fb__fast_input *input, unsigned char *opened, size_t size,
                                  const unsigned char *digest)
{
    static const unsigned char zeros[RSA_MAX_BYTES];
    const size_t digest_size = fb__hash_size(input->alg->hash), db_size = size - digest_size - 1;
    const size_t one_at = db_size - digest_size - 1;
    const unsigned char *h = opened + db_size, *salt = opened + one_at + 1;
    unsigned char own[FB__MAX_DIGEST];
    if ((opened[0] & 0x80) != 0 || opened[size - 1] != 0xbc) {
        return FB__FAST_INVALID;
    }
    if (!unmask(input, opened, db_size, h)) {
        return FB__FAST_UNDECIDED;
    }
    opened[0] &= 0x7f;
    if (memcmp(opened, zeros, one_at) != 0 || opened[one_at] != 0x01) {
        return FB__FAST_INVALID;
    }
    const slice parts[] = {{zeros, 8}, {digest, digest_size}, {salt, digest_size}};
    if (!hash(input, parts, 3, own)) {
        return FB__FAST_UNDECIDED;
    }
    return memcmp(own, h, digest_size) == 0 ? FB__FAST_VALID : FB__FAST_INVALID;
}

/* ---- the path --------------------------------------------------------------------------------- */

static fb__fast_verdict verify(const void *table, const fb__fast_input *input)
{
    const rsa_table *constants = table;
    const slice message = {input->message, input->message_size};
    unsigned char digest[FB__MAX_DIGEST], opened[RSA_MAX_BYTES];
    rsa_number number, power;
    if (input->signature_size != constants->bytes) {
        return FB__FAST_UNDECIDED;
    }
    rsa_from_bytes(&number, input->signature, input->signature_size);
    if (!rsa_less(&number, &constants->modulus)) {
        return FB__FAST_INVALID; /* RFC 8017 section 5.2.2 step 1 */
    }
    if (!hash(input, &message, 1, digest) || !rsa_power(&power, &number, constants)) {
        return FB__FAST_UNDECIDED;
    }
    rsa_to_bytes(opened, constants->bytes, &power);
    if (input->alg->pss) {
        return check_pss(input, opened, constants->bytes, digest);
    }
    return is_pkcs1(opened, constants->bytes, input->alg->hash, digest) ? FB__FAST_VALID : FB__FAST_INVALID;
}

/* What parameters bind is OpenSSL's to judge. */
static size_t table_size(const fb__key *key)
{
    const bool serves =
        key->kty == FB__KTY_RSA && rsa_vectors(key->bits) != 0 && key->exponent == 65537 && !key->restricted;
    return serves ? sizeof(rsa_table) : 0;
}

static bool build(void *table, const fb__key *key)
{
    BIGNUM *n = NULL;
    bool built = EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 && rsa_constants(table, n);
    BN_free(n);
    return built;
}

/* ---- self-test -------------------------------------------------------------------------------- */

static bool read_hex(const char *text, unsigned char *out, size_t size)
{
    size_t length = 0;
    return OPENSSL_hexstr2buf_ex(out, size, &length, text, '\0') == 1 && length == size;
}

static fb__fast_self_test gives(const rsa_table *table, const fb__fast_input *input, fb__fast_verdict expected)
{
    return fb__fast_expect(verify(table, input), expected);
}

/* The signature is good; with a bit changed in any of its words, for another message, or plus n, it is not. */
static fb__fast_self_test knows(const rsa_table *table, fb__fast_input input, const char *hex)
{
    static const unsigned char message[] = RSA_ANSWERS_MESSAGE;
    unsigned char signature[RSA_MAX_BYTES];
    if (!read_hex(hex, signature, table->bytes)) {
        return FB__FAST_WRONG;
    }
    input.message = message;
    input.message_size = sizeof(message) - 1;
    input.signature = signature;
    input.signature_size = table->bytes;
    fb__fast_self_test found = gives(table, &input, FB__FAST_VALID);
    for (size_t i = 0; i < table->bytes && found == FB__FAST_RIGHT; i += 8) {
        const unsigned char bit = (unsigned char)(1 << i / 8 % 8);
        signature[i] ^= bit;
        found = gives(table, &input, FB__FAST_INVALID);
        signature[i] ^= bit;
    }
    if (found != FB__FAST_RIGHT) {
        return found;
    }
    input.message_size--;
    found = gives(table, &input, FB__FAST_INVALID);
    rsa_to_bytes(signature, table->bytes, &table->modulus);
    return found != FB__FAST_RIGHT ? found : gives(table, &input, FB__FAST_INVALID);
}

static fb__fast_self_test knows_answer(const rsa_answer *answer, rsa_table *table)
{
    fb__fast_input rs = {.alg = fb__alg_find(fb_text(answer->rs_name))};
    fb__fast_input ps = {.alg = fb__alg_find(fb_text(answer->ps_name))};
    BIGNUM *n = NULL;
    EVP_MD *md = EVP_MD_fetch(NULL, fb__hashes[rs.alg->hash].openssl_name, NULL);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    rs.md = ps.md = md;
    rs.digest = ps.digest = digest;
    fb__fast_self_test found = FB__FAST_NO_MEMORY;
    if (md != NULL && digest != NULL && BN_hex2bn(&n, answer->modulus) != 0 && rsa_constants(table, n)) {
        found = knows(table, rs, answer->rs);
        found = found != FB__FAST_RIGHT ? found : knows(table, ps, answer->ps);
    }
    EVP_MD_CTX_free(digest);
    EVP_MD_free(md);
    BN_free(n);
    return found;
}

static fb__fast_self_test prepare(void)
{
    rsa_table table;
    fb__fast_self_test found = FB__FAST_RIGHT;
    for (size_t i = 0; i < sizeof(rsa_answers) / sizeof(rsa_answers[0]) && found == FB__FAST_RIGHT; i++) {
        found = knows_answer(&rsa_answers[i], &table);
    }
    return found;
}

const fb__fast_path fb__fast_rsa = {"rsa-ifma", THRESHOLD, rsa_supported, prepare, table_size, build, verify};
