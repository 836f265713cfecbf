/*
 * One key from configuration: a public key from a PEM block, or an HMAC secret. Given text that an operator wrote, so
 * every refusal says what was found and what is wanted; key material itself is never quoted. Parsed once, when the
 * verifier is made: a PEM costs as much as many verifications.
 */
#include "signature/signature.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

const char fb__key_not_loaded[] = "OpenSSL could not load the key";

/* ---- what an EVP_PKEY is good for ----------------------------------------------------------- */

static const struct {
    fb__curve curve;
    const char *openssl_name;
    size_t signature_size;
    int bits;
} curves[] = {
    {FB__CURVE_P256, "prime256v1", 64, 256}, {FB__CURVE_P384, "secp384r1", 96, 384},
    {FB__CURVE_P521, "secp521r1", 132, 521}, {FB__CURVE_SECP256K1, "secp256k1", 64, 256},
    {FB__CURVE_ED25519, "ED25519", 64, 256}, {FB__CURVE_ED448, "ED448", 114, 456},
};

const char *fb__curve_openssl_name(fb__curve curve)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (curves[i].curve == curve) {
            return curves[i].openssl_name;
        }
    }
    return NULL;
}

static uint32_t algorithms_of(fb__kty kty, fb__curve curve)
{
    uint32_t algs = 0;
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        const fb__alg *alg = &fb__algs[i];
        if (alg->kty == kty && (kty == FB__KTY_RSA || alg->curve == FB__CURVE_NONE || alg->curve == curve)) {
            algs |= fb__alg_bit(alg);
        }
    }
    return algs;
}

/*
 * ROCA (CVE-2017-15361): moduli of a broken generator are powers of 65537 modulo each of these primes. For a sound
 * modulus that happens once in 2^27 keys or so.
 */
static bool is_roca(const BIGNUM *modulus)
{
    static const unsigned primes[] = {3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,
                                      47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,  101, 103,
                                      107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
    for (size_t i = 0; i < sizeof(primes) / sizeof(primes[0]); i++) {
        BN_ULONG residue = BN_mod_word(modulus, primes[i]);
        unsigned power = 1;
        bool found = false;
        for (unsigned n = 0; n < primes[i] && !found; n++) {
            found = power == residue;
            power = power * (65537 % primes[i]) % primes[i];
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* An exponent of at most 64 bits. False: not one of these. */
static bool read_exponent(uint64_t *out, const BIGNUM *e)
{
    unsigned char bytes[8];
    if (BN_bn2binpad(e, bytes, sizeof(bytes)) != sizeof(bytes)) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        *out = *out << 8 | bytes[i];
    }
    return true;
}

static const char *check_rsa(fb__key *key)
{
    BIGNUM *n = NULL, *e = NULL;
    const char *problem = NULL;
    if (EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1) {
        problem = fb__key_not_loaded;
    } else if (BN_num_bits(n) < FB__RSA_MIN_BITS) {
        problem = "the RSA modulus has fewer than 2048 bits (RFC 7518 section 3.3)";
    } else if (BN_num_bits(n) > FB__RSA_MAX_BITS) {
        problem = "the RSA modulus has more than 8192 bits";
    } else if (!BN_is_odd(n)) {
        problem = "the RSA modulus is even";
    } else if (!BN_is_odd(e) || BN_cmp(e, n) >= 0 || !read_exponent(&key->exponent, e) || key->exponent < 65537) {
        problem = "the RSA exponent is not an odd number from 65537 on (of 64 bits at most)";
    } else if (is_roca(n)) {
        problem = "the RSA modulus was made by a generator that is known to be broken (ROCA, CVE-2017-15361)";
    } else {
        key->bits = BN_num_bits(n);
        key->signature_size = ((size_t)key->bits + 7) / 8;
        key->algs = algorithms_of(FB__KTY_RSA, FB__CURVE_NONE);
    }
    BN_free(n);
    BN_free(e);
    return problem;
}

/* Whether the key's parameter names this hash; providers spell it one way or the other. */
static bool names_hash(const EVP_PKEY *pkey, const char *parameter, fb__hash hash)
{
    static const char *const names[][2] = {
        {"", ""}, {"SHA256", "SHA2-256"}, {"SHA384", "SHA2-384"}, {"SHA512", "SHA2-512"}};
    char name[32] = "";
    size_t length;
    return EVP_PKEY_get_utf8_string_param(pkey, parameter, name, sizeof(name), &length) == 1 &&
           (strcmp(name, names[hash][0]) == 0 || strcmp(name, names[hash][1]) == 0);
}

/*
 * Whether parameters bind the key, by the salt that they name: OpenSSL leaves out what has its default, SHA-1, but
 * never the salt's length. It has no length to tell for lack of memory too, so no is an answer only where it can
 * allocate and says so twice. False: not to be found out.
 */
static bool read_salt(fb__key *key, int *salt)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        key->restricted = EVP_PKEY_get_int_param(key->pkey, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, salt) == 1;
        if (key->restricted) {
            return true;
        }
        if (fb__openssl_out_of_memory()) {
            return false;
        }
    }
    return true;
}

/* An id-RSASSA-PSS key may do PSS only, and with parameters (RFC 4055 section 3.1) only what these say. */
static const char *restrict_to_pss(fb__key *key)
{
    int salt = 0;
    if (!read_salt(key, &salt)) {
        key->algs = 0;
        return fb__key_not_loaded;
    }
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        const fb__alg *alg = &fb__algs[i];
        bool matches = !key->restricted || (names_hash(key->pkey, OSSL_PKEY_PARAM_RSA_DIGEST, alg->hash) &&
                                            names_hash(key->pkey, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, alg->hash) &&
                                            salt <= (int)fb__hash_size(alg->hash));
        if (!alg->pss || !matches) {
            key->algs &= ~fb__alg_bit(alg);
        }
    }
    return key->algs == 0 ? "the RSA-PSS key's parameters fit none of PS256, PS384 and PS512" : NULL;
}

static const char *check_curve(fb__key *key)
{
    char name[64] = "", encoding[32] = "named_curve";
    size_t length, point_size;
    if (key->kty == FB__KTY_EC) {
        (void)EVP_PKEY_get_utf8_string_param(key->pkey, OSSL_PKEY_PARAM_EC_ENCODING, encoding, sizeof(encoding),
                                             &length);
        if (strcmp(encoding, "named_curve") != 0) {
            return "the EC key spells out its curve; only named curves are accepted (CVE-2020-0601)";
        }
        if (EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, NULL, 0, &point_size) != 1 ||
            EVP_PKEY_get_group_name(key->pkey, name, sizeof(name), &length) != 1) {
            return fb__key_not_loaded;
        }
        /* The point at infinity is one octet; a key of it verifies nothing, and is somebody's mistake. */
        if (point_size < 2) {
            return "the EC key is not a point of its curve";
        }
    } else {
        (void)snprintf(name, sizeof(name), "%s", EVP_PKEY_get0_type_name(key->pkey));
    }
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (strcmp(name, curves[i].openssl_name) == 0) {
            key->curve = curves[i].curve;
            key->signature_size = curves[i].signature_size;
            key->bits = curves[i].bits;
            key->crv_text = fb_text(fb__curve_name(curves[i].curve));
            key->algs = algorithms_of(key->kty, key->curve);
            return NULL;
        }
    }
    return "the curve of the key is not supported";
}

/*
 * The points of small order on edwards25519, by y without its sign bit, canonical or not (RFC 7748 section 7, "Taming
 * the many EdDSAs" table 5): with such a key a signature can hold for any message.
 */
static bool is_small_order_25519(const unsigned char *point)
{
    static const unsigned char order_8[2][32] = {
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    };
    unsigned char y[32];
    memcpy(y, point, sizeof(y));
    y[31] &= 0x7f;
    if (memcmp(y, order_8[0], 32) == 0 || memcmp(y, order_8[1], 32) == 0) {
        return true;
    }
    /* y = 0, 1, and around p = 2^255 - 19: p - 1, p, p + 1 */
    bool zeros = true, ones = true;
    for (size_t i = 1; i < 31; i++) {
        zeros = zeros && y[i] == 0;
        ones = ones && y[i] == 0xff;
    }
    return (zeros && y[31] == 0 && y[0] <= 1) || (ones && y[31] == 0x7f && y[0] >= 0xec && y[0] <= 0xee);
}

/* On edwards448 the points of order 1, 2 and 4 have y = 1, -1, 0 (RFC 8032 section 5.2). */
static bool is_small_order_448(const unsigned char *point)
{
    unsigned char y[57];
    memcpy(y, point, sizeof(y));
    y[56] = 0;
    unsigned char minus_one[57];
    memset(minus_one, 0xff, 56);
    minus_one[28] = 0xfe;
    minus_one[0] = 0xfe;
    minus_one[56] = 0;
    bool zeros = true;
    for (size_t i = 1; i < 57; i++) {
        zeros = zeros && y[i] == 0;
    }
    return (zeros && y[0] <= 1) || memcmp(y, minus_one, sizeof(y)) == 0;
}

static const char *check_okp(fb__key *key)
{
    const char *problem = check_curve(key);
    unsigned char point[57];
    size_t size = sizeof(point);
    if (problem == NULL && EVP_PKEY_get_raw_public_key(key->pkey, point, &size) != 1) {
        key->algs = 0;
        problem = fb__key_not_loaded;
    }
    if (problem == NULL &&
        (key->curve == FB__CURVE_ED25519 ? is_small_order_25519(point) : is_small_order_448(point))) {
        key->algs = 0;
        problem = "the public key is a point of small order";
    }
    return problem;
}

const char *fb__key_classify(fb__key *key)
{
    /* Asked once: the answer is no, too, when there is no memory to find it. */
    const bool pss = EVP_PKEY_is_a(key->pkey, "RSA-PSS");
    if (pss || EVP_PKEY_is_a(key->pkey, "RSA")) {
        key->kty = FB__KTY_RSA;
        key->kty_text = fb_text("RSA");
        const char *problem = check_rsa(key);
        return problem == NULL && pss ? restrict_to_pss(key) : problem;
    }
    if (EVP_PKEY_is_a(key->pkey, "EC")) {
        key->kty = FB__KTY_EC;
        key->kty_text = fb_text("EC");
        return check_curve(key);
    }
    if (EVP_PKEY_is_a(key->pkey, "ED25519") || EVP_PKEY_is_a(key->pkey, "ED448")) {
        key->kty = FB__KTY_OKP;
        key->kty_text = fb_text("OKP");
        return check_okp(key);
    }
    return "the key is of a type that signs no tokens; RSA, EC, Ed25519 and Ed448 do";
}

void fb__key_clear(fb__key *key, const fb_mem *mem)
{
    fb__signature_forget(key);
    fb__fast_forget(key);
    EVP_PKEY_free(key->pkey);
    if (key->secret != NULL) {
        OPENSSL_cleanse(key->secret, key->secret_size);
        fb__free(mem, key->secret);
    }
    fb__free(mem, key->text);
    memset(key, 0, sizeof(*key));
}

/* ---- PEM
 * -----------------------------------------------------------------------------------------------------------------------
 */

static const char *find(const char *text, size_t size, const char *word)
{
    return size == 0 ? NULL : memmem(text, size, word, strlen(word));
}

static bool mentions(fb_slice text, const char *word)
{
    return find(text.data, text.size, word) != NULL;
}

static fb_status refuse(fb_error *error, const char *problem)
{
    return fb__fail(error, FB_CONFIGURATION_INVALID, "public_key: %s", problem);
}

/* What is wrong with text that is not one public PEM block; NULL when nothing is, on the face of it. */
static const char *check_pem_text(fb_slice pem)
{
    const char *begin = find(pem.data, pem.size, "-----BEGIN ");
    if (begin == NULL) {
        if (pem.size > 0 && (mentions(pem, "\"kty\"") || mentions(pem, "\"keys\""))) {
            return "this is a JWK or key set, not a PEM; give it as jwks";
        }
        return mentions(pem, "ssh-") || mentions(pem, "ecdsa-sha2-")
                   ? "this is an SSH key, not a PEM; convert it with ssh-keygen -e -m PKCS8"
                   : "no PEM block was found (-----BEGIN PUBLIC KEY-----)";
    }
    if (mentions(pem, "PRIVATE KEY-----")) {
        return mentions(pem, "ENCRYPTED") ? "this is an encrypted private key; give the public key"
                                          : "this is a private key; give the public key, and keep this one secret";
    }
    if (mentions(pem, "Proc-Type:")) {
        return "the PEM block is encrypted";
    }
    size_t behind = (size_t)(begin - pem.data) + 1;
    if (find(pem.data + behind, pem.size - behind, "-----BEGIN ") != NULL) {
        return "there is more than one PEM block; give exactly one key";
    }
    if (find(pem.data, pem.size, "\n") == NULL && find(pem.data, pem.size, "\r") == NULL) {
        return mentions(pem, "\\n") ? "the line ends are written as \\n; they must be real line ends"
                                    : "the PEM block is all on one line; it needs its line ends";
    }
    return NULL;
}

/* The text from the block's first line on, without the white space that lines start with: people indent their PEMs. */
static BIO *unindented(fb_slice pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const char *at = find(pem.data, pem.size, "-----BEGIN "), *end = pem.data + pem.size;
    while (bio != NULL && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline == NULL ? end : newline + 1;
        while (at < next && (*at == ' ' || *at == '\t')) {
            at++;
        }
        if (at < next && BIO_write(bio, at, (int)(next - at)) != (int)(next - at)) {
            BIO_free(bio);
            return NULL;
        }
        at = next;
    }
    return bio;
}

/* The one block: its label and its bytes, which the caller frees with OPENSSL_free. */
static bool read_block(fb_slice pem, char **label, unsigned char **data, long *size)
{
    char *header = NULL;
    BIO *bio = pem.size > INT32_MAX ? NULL : unindented(pem);
    bool read = bio != NULL && PEM_read_bio(bio, label, &header, data, size) == 1;
    read = read && header[0] == '\0';
    OPENSSL_free(header);
    BIO_free(bio);
    return read;
}

/*
 * Whether every length is definite and in its shortest form (X.690 section 10.1): OpenSSL reads BER as well, and one
 * key must not have many spellings. What is constructed is looked into; that the parts fit together is d2i's to find
 * out.
 */
static bool is_der(const unsigned char *data, size_t size)
{
    size_t at = 0;
    while (at + 2 <= size) {
        bool constructed = (data[at] & 0x20) != 0;
        size_t octets = data[at + 1] & 0x7f, length = data[at + 1];
        if ((data[at] & 0x1f) == 0x1f) {
            return false;
        }
        at += 2;
        if (length >= 0x80) {
            length = 0;
            if (octets < 1 || octets > 4 || octets > size - at || data[at] == 0) {
                return false;
            }
            for (; octets > 0; octets--) {
                length = length << 8 | data[at++];
            }
            if (length < 0x80) {
                return false;
            }
        }
        if (length > size - at) {
            return false;
        }
        at += constructed ? 0 : length;
    }
    return at == size;
}

/* DER, exact: what follows the structure would be ignored otherwise. NULL when it is not one. */
static EVP_PKEY *parse_block(const char *label, const unsigned char *data, long size)
{
    const unsigned char *at = data;
    EVP_PKEY *pkey = NULL;
    if (strcmp(label, "PUBLIC KEY") == 0) {
        pkey = d2i_PUBKEY(NULL, &at, size);
    } else if (strcmp(label, "RSA PUBLIC KEY") == 0) {
        pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, size);
    } else {
        X509 *certificate = d2i_X509(NULL, &at, size);
        pkey = certificate == NULL ? NULL : X509_get_pubkey(certificate);
        X509_free(certificate);
    }
    if (pkey != NULL && (at != data + size || !is_der(data, (size_t)size))) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

static fb_status import_pem(fb__key *key, fb_slice pem, fb_error *error)
{
    const char *problem = check_pem_text(pem);
    if (problem != NULL) {
        return refuse(error, problem);
    }
    char *label = NULL;
    unsigned char *data = NULL;
    long size = 0;
    if (!read_block(pem, &label, &data, &size)) {
        problem = "the PEM block cannot be read";
    } else if (strcmp(label, "PUBLIC KEY") != 0 && strcmp(label, "RSA PUBLIC KEY") != 0 &&
               strcmp(label, "CERTIFICATE") != 0) {
        problem = "the PEM block is not a PUBLIC KEY, an RSA PUBLIC KEY or a CERTIFICATE";
    } else if ((key->pkey = parse_block(label, data, size)) == NULL) {
        problem = "the PEM block holds no key that can be read";
    } else {
        problem = fb__key_classify(key);
    }
    OPENSSL_free(label);
    OPENSSL_free(data);
    if (problem != NULL) {
        key->algs = 0;
        return problem == fb__key_not_loaded ? fb__reject(error, FB_OUT_OF_MEMORY, (fb_slice){NULL, 0})
                                             : refuse(error, problem);
    }
    return FB_OK;
}

fb_status fb__key_from_pem(fb__key *key, const fb_mem *mem, fb_slice pem, fb_error *error)
{
    (void)mem;
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    fb_status status = import_pem(key, pem, error);
    if (status != FB_OK && fb__openssl_out_of_memory()) {
        status = fb__reject(error, FB_OUT_OF_MEMORY, (fb_slice){NULL, 0});
    }
    fb__openssl_end(&errors);
    return status;
}
