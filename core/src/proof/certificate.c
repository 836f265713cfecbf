/*
 * The hash of a client certificate (RFC 8705 section 3.1). Given what the TLS layer or a proxy handed over: DER, or one
 * PEM block. Whether the certificate is trusted is not asked here: it was when the connection was made, and a token
 * names exactly one.
 */
#include "proof/proof.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { MAX_CERTIFICATE = 1 << 16, SEQUENCE = 0x30 /* what all DER of a certificate begins with */ };

/* DER of one certificate, and nothing after it. */
static bool is_certificate(const unsigned char *der, size_t size)
{
    const unsigned char *at = der;
    X509 *certificate = d2i_X509(NULL, &at, (long)size);
    const bool whole = certificate != NULL && at == der + size;
    X509_free(certificate);
    return whole;
}

static bool hash_der(const unsigned char *der, size_t size, unsigned char out[FB__THUMBPRINT])
{
    return is_certificate(der, size) &&
           EVP_Q_digest(NULL, fb__hashes[FB__HASH_SHA256].openssl_name, NULL, der, size, out, NULL) == 1;
}

static bool hash_pem(fb_slice pem, unsigned char out[FB__THUMBPRINT])
{
    static const fb_slice mark = {"-----BEGIN ", 11};
    const char *begin = fb__find(pem, mark);
    if (begin == NULL) {
        return false;
    }
    const fb_slice rest = {begin + mark.size, (size_t)(pem.data + pem.size - begin) - mark.size};
    char *label = NULL, *headers = NULL;
    unsigned char *der = NULL;
    long size = 0;
    BIO *bio = fb__find(rest, mark) == NULL ? BIO_new_mem_buf(pem.data, (int)pem.size) : NULL;
    const bool hashed = bio != NULL && PEM_read_bio(bio, &label, &headers, &der, &size) == 1 &&
                        strcmp(label, "CERTIFICATE") == 0 && headers[0] == '\0' && hash_der(der, (size_t)size, out);
    OPENSSL_free(label);
    OPENSSL_free(headers);
    OPENSSL_free(der);
    BIO_free(bio);
    return hashed;
}

fb_status fb__certificate_hash(fb_slice certificate, unsigned char out[FB__THUMBPRINT])
{
    if (certificate.size == 0 || certificate.size > MAX_CERTIFICATE) {
        return FB_PROOF_INVALID;
    }
    FB__INSIDE_GATE;
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    const bool hashed = certificate.data[0] == SEQUENCE
                            ? hash_der((const unsigned char *)certificate.data, certificate.size, out)
                            : hash_pem(certificate, out);
    const fb_status status = hashed ? FB_OK : fb__openssl_out_of_memory() ? FB_OUT_OF_MEMORY : FB_PROOF_INVALID;
    fb__openssl_end(&errors);
    return status;
}
