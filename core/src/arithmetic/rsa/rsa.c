/*
 * RSA signatures opened without OpenSSL's exponentiation, on processors with AVX-512 IFMA: s^65537 mod n for moduli of
 * 2048, 3072 and 4096 bits. Given a key that was imported and found sound, and hostile signatures. What a signature
 * must open to is signature/rsa_encoding.c's to say.
 */
#include "arithmetic/arithmetic.h"
#include "arithmetic/ifma.h"

#ifdef FB_IFMA

#include "rsa_ifma.h"
#include "rsa_known.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>

/* Building a table takes 27 us, and makes a verification 9.7 us cheaper; at 4096 bits it is 33 and 38. */
enum { THRESHOLD = 3 };

static bool open_signature(const void *table, const unsigned char *signature, unsigned char encoded[FB__MAX_ENCODED])
{
    const rsa_table *constants = table;
    rsa_number number, power;
    rsa_from_bytes(&number, signature, constants->bytes);
    if (!rsa_less(&number, &constants->modulus)) {
        return false; /* RFC 8017 section 5.2.2 step 1 */
    }
    rsa_power(&power, &number, constants);
    rsa_to_bytes(encoded, constants->bytes, &power);
    return true;
}

/* What parameters bind is OpenSSL's to evaluate. */
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

/* ---- self-test ------------------------------------------------------------------------------ */

static bool read_hex(const char *text, unsigned char *out, size_t size)
{
    size_t length = 0;
    return OPENSSL_hexstr2buf_ex(out, size, &length, text, '\0') == 1 && length == size;
}

/* The signature opens to what it was made of; with a bit changed in any of its words it does not; n opens to nothing.
 */
static bool passes_vector(const rsa_table *table, unsigned char *signature, const unsigned char *expected)
{
    unsigned char encoded[FB__MAX_ENCODED];
    const size_t size = table->bytes;
    bool right = open_signature(table, signature, encoded) && memcmp(encoded, expected, size) == 0;
    for (size_t i = 0; i < size && right; i += 8) {
        const unsigned char bit = (unsigned char)(1 << i / 8 % 8);
        signature[i] ^= bit;
        right = !open_signature(table, signature, encoded) || memcmp(encoded, expected, size) != 0;
        signature[i] ^= bit;
    }
    rsa_to_bytes(signature, size, &table->modulus);
    return right && !open_signature(table, signature, encoded);
}

static fb__self_test test_vector(const rsa_known *answer, rsa_table *table)
{
    unsigned char signature[FB__MAX_ENCODED], expected[FB__MAX_ENCODED];
    BIGNUM *n = NULL;
    const bool made = BN_hex2bn(&n, answer->modulus) != 0 && rsa_constants(table, n);
    BN_free(n);
    if (!made) {
        return FB__SELF_TEST_NO_MEMORY;
    }
    const bool right = read_hex(answer->signature, signature, table->bytes) &&
                       read_hex(answer->encoded, expected, table->bytes) && passes_vector(table, signature, expected);
    return right ? FB__SELF_TEST_RIGHT : FB__SELF_TEST_WRONG;
}

static fb__self_test prepare(const fb_mem *mem)
{
    (void)mem;
    rsa_table table;
    fb__self_test found = FB__SELF_TEST_RIGHT;
    for (size_t i = 0; i < sizeof(rsa_known_answers) / sizeof(rsa_known_answers[0]) && found == FB__SELF_TEST_RIGHT;
         i++) {
        found = test_vector(&rsa_known_answers[i], &table);
    }
    return found;
}

const fb__arithmetic fb__arithmetic_rsa = {
    .name = "rsa-ifma",
    .threshold = THRESHOLD,
    .supported = fb__cpu_has_ifma,
    .prepare = prepare,
    .table_size = table_size,
    .build = build,
    .open = open_signature,
};

#else

const fb__arithmetic fb__arithmetic_rsa = {.name = "rsa-ifma", .supported = fb__arithmetic_unsupported};

#endif
