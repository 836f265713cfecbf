/* Keys from configuration: what a PEM may look like, what is refused and by which words, and which algorithms a key is
 * for. */
#include "test.h"
#include "verify/verify.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static fb_error error = FB_ERROR_INIT;

static fb_status import_text(fb_slice pem, uint32_t *algs)
{
    fb__key key;
    memset(&key, 0, sizeof(key));
    error = (fb_error)FB_ERROR_INIT;
    fb_status status = fb__key_from_pem(&key, &fb__mem_default, pem, &error);
    *algs = key.algs;
    CHECK(status == FB_OK || (status == FB_CONFIGURATION_INVALID && strstr(error.text, "public_key: ") == error.text));
    CHECK(status != FB_OK || key.algs != 0);
    CHECK(ERR_peek_error() == 0);
    fb__key_clear(&key, &fb__mem_default);
    return status;
}

static bool accepted(const char *pem)
{
    uint32_t algs;
    return import_text(fb_text(pem), &algs) == FB_OK;
}

static bool refused(const char *pem, const char *because)
{
    uint32_t algs;
    bool said = import_text(fb_text(pem), &algs) == FB_CONFIGURATION_INVALID && strstr(error.text, because) != NULL;
    if (!said) {
        fprintf(stderr, "said: %s\n", error.text);
    }
    return said;
}

/* PEM text of a BIO that was written to; the caller frees it. */
static char *take_text(BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *text = calloc(1, (size_t)size + 1);
    memcpy(text, data, (size_t)size);
    BIO_free(bio);
    return text;
}

static char *public_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_PUBKEY(bio, pkey) == 1);
    return take_text(bio);
}

static char *private_pem(EVP_PKEY *pkey, const EVP_CIPHER *cipher)
{
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_PKCS8PrivateKey(bio, pkey, cipher, cipher == NULL ? NULL : "secret", cipher == NULL ? 0 : 6,
                                        NULL, NULL) == 1);
    return take_text(bio);
}

static char *traditional_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1);
    return take_text(bio);
}

static char *pkcs1_pem(EVP_PKEY *pkey)
{
    unsigned char *der = NULL;
    int size = i2d_PublicKey(pkey, &der);
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio(bio, "RSA PUBLIC KEY", "", der, size) > 0);
    OPENSSL_free(der);
    return take_text(bio);
}

static char *certificate_pem(EVP_PKEY *pkey)
{
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(X509_set_pubkey(certificate, pkey) == 1 && X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL &&
          X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) != NULL &&
          X509_sign(certificate, pkey, EVP_sha256()) > 0);
    CHECK(PEM_write_bio_X509(bio, certificate) == 1);
    X509_free(certificate);
    return take_text(bio);
}

static char *block(const char *label, const unsigned char *der, long size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio(bio, label, "", der, size) > 0);
    return take_text(bio);
}

static char *joined(const char *a, const char *b, const char *c)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = malloc(size);
    snprintf(text, size, "%s%s%s", a, b, c);
    return text;
}

static uint32_t bits(const char *names)
{
    uint32_t all = 0;
    char copy[200];
    snprintf(copy, sizeof(copy), "%s", names);
    for (char *rest = copy, *name; (name = strsep(&rest, " ")) != NULL;) {
        all |= fb__alg_bit(fb__alg_find(fb_text(name)));
    }
    return all;
}

static EVP_PKEY *rsa;

TEST(each_type_is_for_its_algorithms)
{
    static const struct {
        const char *type, *curve, *algs;
    } cases[] = {
        {"EC", "P-256", "ES256"},      {"EC", "P-384", "ES384"},           {"EC", "P-521", "ES512"},
        {"EC", "secp256k1", "ES256K"}, {"ED25519", NULL, "EdDSA Ed25519"}, {"ED448", NULL, "EdDSA Ed448"},
    };
    uint32_t algs;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EVP_PKEY *pkey =
            cases[i].curve != NULL ? EVP_EC_gen(cases[i].curve) : EVP_PKEY_Q_keygen(NULL, NULL, cases[i].type);
        char *pem = public_pem(pkey);
        CHECK(import_text(fb_text(pem), &algs) == FB_OK && algs == bits(cases[i].algs));
        free(pem);
        EVP_PKEY_free(pkey);
    }
    char *pem = public_pem(rsa);
    CHECK(import_text(fb_text(pem), &algs) == FB_OK && algs == bits("RS256 RS384 RS512 PS256 PS384 PS512"));
    free(pem);
}

TEST(forms_of_a_public_key)
{
    char *spki = public_pem(rsa), *pkcs1 = pkcs1_pem(rsa), *certificate = certificate_pem(rsa);
    CHECK(accepted(spki) && accepted(pkcs1) && accepted(certificate));
    char *with_text = joined("the key of our issuer:\r\n\n  ", spki, "\nthat was it\n");
    CHECK(accepted(with_text));
    char *indented = calloc(strlen(spki), 3);
    for (size_t i = 0, at = 0; spki[i] != '\0'; i++) {
        if (i == 0 || spki[i - 1] == '\n') {
            indented[at++] = '\t';
            indented[at++] = ' ';
        }
        indented[at++] = spki[i];
    }
    CHECK(accepted(indented));
    free(indented);
    size_t size = strlen(spki);
    spki[size - 1] = '\0';
    CHECK(accepted(spki)); /* no final newline */
    char *crlf = calloc(2, size);
    for (size_t i = 0, at = 0; i < size; i++) {
        if (spki[i] == '\n') {
            crlf[at++] = '\r';
        }
        crlf[at++] = spki[i];
    }
    CHECK(accepted(crlf));
    free(crlf);
    free(with_text);
    free(spki);
    free(pkcs1);
    free(certificate);
}

TEST(what_is_refused_is_named)
{
    char *spki = public_pem(rsa), *private = private_pem(rsa, NULL), *encrypted = private_pem(rsa, EVP_aes_128_cbc());
    char *traditional = traditional_pem(rsa);
    CHECK(refused(private, "private key") && refused(traditional, "private key") && refused(encrypted, "encrypted"));
    CHECK(strstr(error.text, "MII") == NULL); /* key material is not quoted */
    char *two = joined(spki, spki, "");
    CHECK(refused(two, "more than one"));
    char *both = joined(spki, private, "");
    CHECK(refused(both, "private key"));
    CHECK(refused("", "no PEM block") && refused("abc", "no PEM block"));
    CHECK(refused("ssh-rsa AAAAB3NzaC1yc2E someone", "SSH"));
    CHECK(refused("{\"kty\":\"RSA\"}", "jwks") && refused("{\"keys\":[]}", "jwks"));
    CHECK(refused("-----BEGIN PUBLIC KEY-----\\nMIIB\\n-----END PUBLIC KEY-----", "\\n"));
    CHECK(refused("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "holds no key"));
    CHECK(refused("-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n", "cannot be read"));
    CHECK(refused("-----BEGIN PUBLIC KEY-----\nAAAA\n", "cannot be read"));
    CHECK(refused("-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n", "not a PUBLIC KEY"));
    free(both);
    free(two);
    free(traditional);
    free(encrypted);
    free(private);
    free(spki);
}

TEST(der_is_exact)
{
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(rsa, &der);
    unsigned char *longer = calloc(1, (size_t)size + 1);
    memcpy(longer, der, (size_t)size);
    char *exact = block("PUBLIC KEY", longer, size), *trailing = block("PUBLIC KEY", longer, size + 1);
    char *cut = block("PUBLIC KEY", longer, size - 1);
    CHECK(accepted(exact) && refused(trailing, "holds no key") && refused(cut, "holds no key"));
    free(exact);
    free(trailing);
    free(cut);
    free(longer);
    OPENSSL_free(der);
}

/* OpenSSL reads longer spellings of a length too (X.690 section 8.1.3); one key must have one. */
TEST(ber_is_refused)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    unsigned char *der = NULL, ber[256] = {0x30, 0x81};
    const int size = i2d_PUBKEY(pkey, &der);
    CHECK(size == 91 && der[1] == size - 2); /* the length of the whole is one octet */
    memcpy(ber + 2, der + 1, (size_t)size - 1);
    char *exact = block("PUBLIC KEY", der, size), *longer = block("PUBLIC KEY", ber, size + 1);
    ber[1] = 0x80; /* indefinite, up to two zeros */
    memcpy(ber + 2, der + 2, (size_t)size - 2);
    memset(ber + size, 0, 2);
    char *indefinite = block("PUBLIC KEY", ber, size + 2);
    CHECK(accepted(exact) && refused(longer, "holds no key") && refused(indefinite, "holds no key"));
    free(exact);
    free(longer);
    free(indefinite);
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
}

static EVP_PKEY *rsa_with(unsigned modulus_bits, unsigned long exponent)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *pkey = NULL;
    BIGNUM *e = BN_new();
    CHECK(BN_set_word(e, exponent) == 1 && EVP_PKEY_keygen_init(context) == 1 &&
          EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)modulus_bits) == 1 &&
          EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e) == 1 && EVP_PKEY_generate(context, &pkey) == 1);
    BN_free(e);
    EVP_PKEY_CTX_free(context);
    return pkey;
}

TEST(numbers_of_rsa_keys)
{
    static const struct {
        unsigned bits;
        unsigned long exponent;
        const char *because; /* NULL: accepted */
    } cases[] = {
        {1024, 65537, "2048"}, {2040, 65537, "2048"}, {2048, 3, "65537"}, {2048, 65539, NULL}, {2056, 65537, NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EVP_PKEY *pkey = rsa_with(cases[i].bits, cases[i].exponent);
        char *pem = public_pem(pkey);
        CHECK(cases[i].because == NULL ? accepted(pem) : refused(pem, cases[i].because));
        free(pem);
        EVP_PKEY_free(pkey);
    }
}

TEST(keys_that_sign_no_tokens)
{
    static const char *const types[] = {"X25519", "X448"};
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, types[i]);
        char *pem = public_pem(pkey);
        CHECK(refused(pem, "signs no tokens"));
        free(pem);
        EVP_PKEY_free(pkey);
    }
    EVP_PKEY *brainpool = EVP_EC_gen("brainpoolP256r1");
    char *pem = public_pem(brainpool);
    CHECK(refused(pem, "curve"));
    free(pem);
    EVP_PKEY_free(brainpool);
    EVP_PKEY *spelled_out = EVP_EC_gen("P-256");
    CHECK(EVP_PKEY_set_utf8_string_param(spelled_out, "encoding", "explicit") == 1);
    pem = public_pem(spelled_out);
    CHECK(refused(pem, "named curves"));
    free(pem);
    EVP_PKEY_free(spelled_out);
}

/* The algorithms of a new id-RSASSA-PSS key that is bound to these parameters; no hash: to none. */
static uint32_t algs_of_pss_key(const char *hash, const char *mask_hash, int salt)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *pkey = NULL;
    uint32_t algs = 0;
    CHECK(EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1);
    if (hash != NULL) {
        CHECK(EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(context, hash, NULL) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(context, mask_hash) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context, salt) == 1);
    }
    CHECK(EVP_PKEY_generate(context, &pkey) == 1);
    char *pem = public_pem(pkey);
    const fb_status status = import_text(fb_text(pem), &algs);
    CHECK(status == (algs == 0 ? FB_CONFIGURATION_INVALID : FB_OK));
    free(pem);
    EVP_PKEY_free(pkey);
    EVP_PKEY_CTX_free(context);
    return algs;
}

TEST(a_pss_key_verifies_pss_only)
{
    CHECK(algs_of_pss_key(NULL, NULL, 0) == bits("PS256 PS384 PS512"));
    CHECK(algs_of_pss_key("SHA384", "SHA384", 48) == bits("PS384"));
    CHECK(algs_of_pss_key("SHA256", "SHA256", 20) == bits("PS256")); /* the length is a minimum */
    CHECK(algs_of_pss_key("SHA256", "SHA256", 33) == 0);
    CHECK(algs_of_pss_key("SHA256", "SHA512", 32) == 0);
    CHECK(algs_of_pss_key("SHA1", "SHA1", 20) == 0); /* the parameters' default, which a key does not spell out */
    CHECK(algs_of_pss_key("SHA512-256", "SHA512-256", 32) == 0);
}

static fb_status import_secret(fb_slice secret, const char *algs, bool allow_short)
{
    fb__key key;
    memset(&key, 0, sizeof(key));
    fb_status status = fb__key_from_secret(&key, &fb__mem_default, secret, bits(algs), allow_short, &error);
    CHECK(status == FB_OK || strstr(error.text, "secret: ") == error.text);
    fb__key_clear(&key, &fb__mem_default);
    return status;
}

TEST(secrets)
{
    static const char text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const struct {
        const char *alg;
        size_t bytes;
    } minimum[] = {{"HS256", 32}, {"HS384", 48}, {"HS512", 64}, {"HS256 HS512", 64}};
    for (size_t i = 0; i < sizeof(minimum) / sizeof(minimum[0]); i++) {
        CHECK(import_secret((fb_slice){text, minimum[i].bytes}, minimum[i].alg, false) == FB_OK);
        CHECK(import_secret((fb_slice){text, minimum[i].bytes - 1}, minimum[i].alg, false) == FB_CONFIGURATION_INVALID);
        CHECK(import_secret((fb_slice){text, minimum[i].bytes - 1}, minimum[i].alg, true) == FB_OK);
    }
    CHECK(import_secret(fb_text(""), "HS256", true) == FB_CONFIGURATION_INVALID);
    char *spki = public_pem(rsa), *hidden = joined("\n// our secret\n ", spki, "");
    CHECK(import_secret(fb_text(spki), "HS256", true) == FB_CONFIGURATION_INVALID);
    CHECK(import_secret(fb_text(hidden), "HS256", false) == FB_CONFIGURATION_INVALID);
    static const char *const wrong[] = {
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 someone@somewhere",
        "xx ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY", "{\"kty\":\"RSA\",\"n\":\"xxxxxxxxxxxxxxxxxxxxxxx\"}",
        "[{\"kty\":\"oct\",\"k\":\"xxxxxxxxxxxxxxxxxxxx\"}]", "{\"keys\":[{\"kty\":\"EC\"}]}                "};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(import_secret(fb_text(wrong[i]), "HS256", true) == FB_CONFIGURATION_INVALID);
    }
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(rsa, &der);
    CHECK(import_secret((fb_slice){(char *)der, (size_t)size}, "HS256", true) == FB_CONFIGURATION_INVALID);
    CHECK(import_secret((fb_slice){"0\0binary secrets are secrets too", 32}, "HS256", false) == FB_OK);
    CHECK(ERR_peek_error() == 0);
    OPENSSL_free(der);
    free(hidden);
    free(spki);
}

int main(void)
{
    rsa = EVP_RSA_gen(2048);
    RUN(each_type_is_for_its_algorithms);
    RUN(forms_of_a_public_key);
    RUN(what_is_refused_is_named);
    RUN(der_is_exact);
    RUN(ber_is_refused);
    RUN(numbers_of_rsa_keys);
    RUN(keys_that_sign_no_tokens);
    RUN(a_pss_key_verifies_pss_only);
    RUN(secrets);
    EVP_PKEY_free(rsa);
    return TEST_RESULT();
}
