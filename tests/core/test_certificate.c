/* Client certificates: their hash, whichever form they come in, and what is none. */
#include "failing.h"
#include "proof/proof.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

static unsigned char der[4096], expected[32];
static size_t der_size;
static char pem[8192];

static fb_status hash(const void *data, size_t size)
{
    unsigned char out[FB__THUMBPRINT] = {0};
    const fb_status status = fb__certificate_hash((fb_slice){data, size}, out);
    CHECK(status != FB_OK || memcmp(out, expected, sizeof(out)) == 0);
    return status;
}

static fb_status text(const char *value)
{
    return hash(value, strlen(value));
}

static void make(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "prime256v1");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    unsigned char *at = der;
    char *data = NULL;
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7) == 1);
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"-----BEGIN a", -1, -1, 0) == 1);
    CHECK(X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL);
    CHECK(X509_gmtime_adj(X509_getm_notAfter(certificate), -1) != NULL); /* what dates say is for TLS */
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    der_size = (size_t)i2d_X509(certificate, &at);
    CHECK(EVP_Q_digest(NULL, "SHA256", NULL, der, der_size, expected, NULL) == 1);
    BIO *bio = BIO_new(BIO_s_mem());
    CHECK(PEM_write_bio_X509(bio, certificate) == 1);
    const long size = BIO_get_mem_data(bio, &data);
    snprintf(pem, sizeof(pem), "%.*s", (int)size, data);
    BIO_free(bio);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

TEST(der_and_pem)
{
    char other[16384];
    CHECK(hash(der, der_size) == FB_OK);
    CHECK(text(pem) == FB_OK);
    snprintf(other, sizeof(other), "subject=CN = x\n\n%s\n\n", pem);
    CHECK(text(other) == FB_OK);
    size_t size = 0;
    for (const char *at = pem; *at != '\0'; at++) { /* as a proxy may send it */
        if (*at == '\n') {
            other[size++] = '\r';
        }
        other[size++] = *at;
    }
    CHECK(hash(other, size) == FB_OK);
}

TEST(what_is_none)
{
    char other[16384];
    static const char *const all[] = {"",
                                      "0",
                                      "x",
                                      "-----BEGIN CERTIFICATE-----",
                                      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                                      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                                      "MIIB"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CHECK(text(all[i]) == FB_PROOF_INVALID);
    }
    CHECK(fb__certificate_hash((fb_slice){NULL, 0}, (unsigned char[FB__THUMBPRINT]){0}) == FB_PROOF_INVALID);
    snprintf(other, sizeof(other), "%s%s", pem, pem);
    CHECK(text(other) == FB_PROOF_INVALID); /* a chain: whose is the request? */
    snprintf(other, sizeof(other), "%s", pem);
    memcpy(strstr(other, "CERTIFICATE"), "certificate", 11);
    CHECK(text(other) == FB_PROOF_INVALID);
    snprintf(other, sizeof(other), "-----BEGIN X509 CRL%s", pem + strlen("-----BEGIN CERTIFICATE"));
    CHECK(text(other) == FB_PROOF_INVALID);
    memcpy(other, der, der_size);
    other[der_size] = 0;
    CHECK(hash(other, der_size + 1) == FB_PROOF_INVALID);
    for (size_t size = 1; size < der_size; size++) {
        CHECK(hash(der, size) == FB_PROOF_INVALID);
    }
    static char large[70000];
    memset(large, ' ', sizeof(large));
    memcpy(large + sizeof(large) - strlen(pem), pem, strlen(pem));
    CHECK(hash(large, sizeof(large)) == FB_PROOF_INVALID);
    CHECK(ERR_peek_error() == 0);
}

TEST(out_of_memory)
{
    for (int form = 0; form < 2; form++) {
        bool reached = true;
        long failures = 0;
        for (long at = 0; reached; at++) {
            failing_start(at, true);
            const fb_status status = form == 0 ? hash(der, der_size) : text(pem);
            reached = failing_stop();
            CHECK(status == FB_OK || (reached && status == FB_OUT_OF_MEMORY));
            failures += status != FB_OK;
        }
        CHECK(failures > 0);
    }
    CHECK(ERR_peek_error() == 0);
}

int main(void)
{
    failing_install();
    make();
    RUN(der_and_pem);
    RUN(what_is_none);
    RUN(out_of_memory);
    return TEST_RESULT();
}
