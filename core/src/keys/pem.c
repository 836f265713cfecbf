/*
 * A public key from configuration: exactly one PEM block (RFC 7468), whose DER is exact. Given text that an operator
 * wrote, so every refusal says what was found and what is wanted; key material is never quoted. Read once, when the
 * verifier is made: a PEM costs as much as many verifications.
 */
#include "keys/keys.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static const char *find(const char *text, size_t size, const char *word)
{
    return fb__find((fb_slice){text, size}, fb_text(word));
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
    size_t after = (size_t)(begin - pem.data) + 1;
    if (find(pem.data + after, pem.size - after, "-----BEGIN ") != NULL) {
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
        return problem == fb__key_not_loaded ? fb__out_of_memory(error) : refuse(error, problem);
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
        status = fb__out_of_memory(error);
    }
    fb__openssl_end(&errors);
    return status;
}
