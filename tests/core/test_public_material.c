/*
 * What may not be an HMAC secret: every kind of key in every wrapping that operators copy it in. And what may: a
 * million random secrets and their texts, with an argument that says how many; fewer without.
 */
#include "keys/keys.h"
#include "test.h"

#include <ctype.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <time.h>

enum { ROOM = 1 << 16 };

struct bytes {
    size_t size;
    char data[ROOM];
};

static bool is_key(const char *data, size_t size)
{
    /* Of its very size, so that a sanitizer sees what is read beyond. */
    char *exact = malloc(size == 0 ? 1 : size);
    memcpy(exact, data, size);
    const char *found = NULL;
    CHECK(fb__find_public_material(&fb__mem_default, (fb_slice){exact, size}, &found));
    free(exact);
    return found != NULL;
}

/* ---- wrappings ------------------------------------------------------------------------------ */

static void add(struct bytes *out, const char *data, size_t size)
{
    if (out->size + size > ROOM) {
        abort();
    }
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static void same(const struct bytes *from, struct bytes *to)
{
    add(to, from->data, from->size);
}

static void newline(const struct bytes *from, struct bytes *to)
{
    same(from, to);
    add(to, "\r\n", 2);
}

static void indented(const struct bytes *from, struct bytes *to)
{
    add(to, "\n \t", 3);
    same(from, to);
}

static void utf8_mark(const struct bytes *from, struct bytes *to)
{
    add(to, "\xef\xbb\xbf", 3);
    same(from, to);
}

static void base64(const struct bytes *from, struct bytes *to)
{
    to->size += (size_t)EVP_EncodeBlock((unsigned char *)to->data + to->size, (const unsigned char *)from->data,
                                        (int)from->size);
}

static void base64url(const struct bytes *from, struct bytes *to)
{
    to->size += fb__base64url_encode(from->data, from->size, to->data + to->size);
}

static void base64_lines(const struct bytes *from, struct bytes *to)
{
    static struct bytes text;
    text.size = 0;
    base64(from, &text);
    for (size_t i = 0; i < text.size; i += 64) {
        add(to, text.data + i, text.size - i < 64 ? text.size - i : 64);
        add(to, "\r\n", 2);
    }
}

static void hex(const struct bytes *from, struct bytes *to)
{
    for (size_t i = 0; i < from->size; i++) {
        char text[3];
        snprintf(text, sizeof(text), "%02X", (unsigned char)from->data[i]);
        add(to, text, 2);
    }
}

static void hex_colons(const struct bytes *from, struct bytes *to)
{
    for (size_t i = 0; i < from->size; i++) {
        char text[4];
        snprintf(text, sizeof(text), "%02x:", (unsigned char)from->data[i]);
        add(to, text, i + 1 < from->size ? 3 : 2);
    }
}

static void quoted(const struct bytes *from, struct bytes *to)
{
    add(to, "\"", 1);
    same(from, to);
    add(to, "\"", 1);
}

/* As the realm of a Keycloak tells it. */
static void in_json(const struct bytes *from, struct bytes *to)
{
    static const char before[] = "{\"realm\":\"x\",\"public_key\":\"", after[] = "\",\"token-service\":\"https://kc\"}";
    add(to, before, sizeof(before) - 1);
    for (size_t i = 0; i < from->size; i++) {
        const char c = from->data[i];
        if (c == '\n' || c == '\r' || c == '"' || c == '\\') {
            add(to, "\\", 1);
        }
        add(to, c == '\n' ? "n" : c == '\r' ? "r" : &from->data[i], 1);
    }
    add(to, after, sizeof(after) - 1);
}

static void commented(const struct bytes *from, struct bytes *to)
{
    static const char before[] = "# our key, 2026\nKEY=";
    add(to, before, sizeof(before) - 1);
    same(from, to);
}

static void unicode_escapes(const struct bytes *from, struct bytes *to)
{
    for (size_t i = 0; i < from->size; i++) {
        char text[7];
        const unsigned char c = (unsigned char)from->data[i];
        snprintf(text, sizeof(text), i % 2 == 0 || c == '\\' ? "\\u%04x" : "%c", c);
        add(to, text, strlen(text));
    }
}

static void percent_escapes(const struct bytes *from, struct bytes *to)
{
    for (size_t i = 0; i < from->size; i++) {
        char text[4];
        const bool plain = isalnum((unsigned char)from->data[i]) != 0;
        snprintf(text, sizeof(text), plain ? "%c" : "%%%02X", (unsigned char)from->data[i]);
        add(to, text, strlen(text));
    }
}

static void wide(const struct bytes *from, struct bytes *to, size_t width, size_t place, const char *mark)
{
    add(to, mark, width == 2 ? strlen(mark) : 0);
    for (size_t i = 0; i < from->size; i++) {
        char unit[4] = {0};
        unit[place] = from->data[i];
        add(to, unit, width);
    }
}

static void utf16_le(const struct bytes *from, struct bytes *to)
{
    wide(from, to, 2, 0, "\xff\xfe");
}

static void utf16_be(const struct bytes *from, struct bytes *to)
{
    wide(from, to, 2, 1, "\xfe\xff");
}

static void utf16_bare(const struct bytes *from, struct bytes *to)
{
    wide(from, to, 2, 0, "");
}

static void utf32(const struct bytes *from, struct bytes *to)
{
    wide(from, to, 4, 0, "");
}

typedef void wrapping(const struct bytes *from, struct bytes *to);
static wrapping *const of_binary[] = {same,         newline, indented,   utf8_mark, base64,
                                      base64_lines, hex,     hex_colons, base64url};
static wrapping *const of_text[] = {same,    newline,   indented,  utf8_mark,    quoted,
                                    in_json, commented, utf16_le,  utf16_be,     utf16_bare,
                                    utf32,   base64,    base64url, base64_lines, percent_escapes};

/* Text in each wrapping, and in each two of them. */
static void check_text(const struct bytes *text, const char *what)
{
    static struct bytes once, twice;
    for (size_t i = 0; i < sizeof(of_text) / sizeof(of_text[0]); i++) {
        once.size = 0;
        of_text[i](text, &once);
        if (!is_key(once.data, once.size)) {
            FAIL("%s is taken for a secret in wrapping %zu", what, i);
        }
        for (size_t j = 0; j < sizeof(of_text) / sizeof(of_text[0]); j++) {
            twice.size = 0;
            of_text[j](&once, &twice);
            if (!is_key(twice.data, twice.size)) {
                FAIL("%s is taken for a secret in wrappings %zu and %zu", what, i, j);
            }
        }
    }
}

static void check_binary(const struct bytes *binary, const char *what)
{
    static struct bytes wrapped;
    for (size_t i = 0; i < sizeof(of_binary) / sizeof(of_binary[0]); i++) {
        wrapped.size = 0;
        of_binary[i](binary, &wrapped);
        if (!is_key(wrapped.data, wrapped.size)) {
            FAIL("%s is taken for a secret in binary wrapping %zu", what, i);
        }
        if (i >= 4) {
            check_text(&wrapped, what);
        }
    }
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void check_der(int size, unsigned char *der, const char *what)
{
    static struct bytes binary, pem;
    CHECK(size > 0);
    binary.size = pem.size = 0;
    add(&binary, (char *)der, (size_t)size);
    check_binary(&binary, what);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    CHECK(PEM_write_bio(bio, what, "", der, size) > 0);
    const long length = BIO_get_mem_data(bio, &text);
    add(&pem, text, (size_t)length);
    check_text(&pem, what);
    BIO_free(bio);
    OPENSSL_free(der);
}

static void check_pkey(EVP_PKEY *pkey, const EVP_MD *md)
{
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(pkey, &der);
    check_der(size, der, "PUBLIC KEY");
    der = NULL;
    size = i2d_PrivateKey(pkey, &der);
    check_der(size, der, "PRIVATE KEY (own form)");
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    der = NULL;
    size = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    check_der(size, der, "PRIVATE KEY");
    PKCS8_PRIV_KEY_INFO_free(info);
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        der = NULL;
        size = i2d_PublicKey(pkey, &der);
        check_der(size, der, "RSA PUBLIC KEY");
    }
    if (EVP_PKEY_is_a(pkey, "X25519")) {
        return; /* signs neither a certificate nor a request */
    }
    X509 *certificate = X509_new();
    CHECK(X509_set_pubkey(certificate, pkey) == 1 && X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL &&
          X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) != NULL && X509_sign(certificate, pkey, md) > 0);
    der = NULL;
    size = i2d_X509(certificate, &der);
    check_der(size, der, "CERTIFICATE");
    X509_free(certificate);
    X509_REQ *request = X509_REQ_new();
    CHECK(X509_REQ_set_pubkey(request, pkey) == 1 && X509_REQ_sign(request, pkey, md) > 0);
    der = NULL;
    size = i2d_X509_REQ(request, &der);
    check_der(size, der, "CERTIFICATE REQUEST");
    X509_REQ_free(request);
}

TEST(keys_that_openssl_writes)
{
    static const char *const curves[] = {"P-256", "P-521", "secp256k1"}, *const others[] = {"ED25519", "ED448",
                                                                                            "X25519"};
    EVP_PKEY *pkey = EVP_RSA_gen(1024);
    check_pkey(pkey, EVP_sha256());
    EVP_PKEY_free(pkey);
    for (size_t i = 0; i < 3; i++) {
        pkey = EVP_EC_gen(curves[i]);
        check_pkey(pkey, EVP_sha256());
        EVP_PKEY_free(pkey);
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, others[i]);
        check_pkey(pkey, NULL);
        EVP_PKEY_free(pkey);
    }
}

/* Authentication keys, hardware keys and certificates, as in authorized_keys and known_hosts. */
TEST(ssh_keys)
{
    static const char *const types[] = {"ssh-rsa",
                                        "ssh-ed25519",
                                        "ssh-dss",
                                        "ecdsa-sha2-nistp256",
                                        "sk-ssh-ed25519@openssh.com",
                                        "sk-ecdsa-sha2-nistp256@openssh.com",
                                        "ssh-rsa-cert-v01@openssh.com",
                                        "ssh-ed25519-cert-v01@openssh.com",
                                        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
                                        "sk-ssh-ed25519-cert-v01@openssh.com",
                                        "rsa-sha2-512-cert-v01@openssh.com"};
    static struct bytes blob, text, line;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        blob.size = text.size = 0;
        add(&blob, (const char[]){0, 0, 0, (char)strlen(types[i])}, 4);
        add(&blob, types[i], strlen(types[i]));
        add(&blob,
            "\0\0\0\x20"
            "0123456789abcdef0123456789abcdef",
            36);
        check_binary(&blob, types[i]);
        base64(&blob, &text);
        for (size_t separator = 0; separator < 2; separator++) {
            line.size = 0;
            add(&line, "from=\"10.0.0.1\" ", separator == 0 ? 16 : 0);
            add(&line, types[i], strlen(types[i]));
            add(&line, separator == 0 ? " " : "\t", 1);
            same(&text, &line);
            add(&line, " user@host", 10);
            check_text(&line, types[i]);
        }
    }
}

TEST(jwks)
{
    static const char *const texts[] = {
        "{\"kty\":\"RSA\",\"n\":\"u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gun\",\"e\":\"AQAB\"}",
        "{ \"e\" : \"AQAB\" , \"kty\" : \"RSA\" , \"n\" : \"u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRg\" }",
        "{\"\\u006bty\":\"RSA\",\"n\":\"u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeL\",\"e\":\"AQAB\"}",
        "{\"\\u006B\\u0074\\u0079\":\"EC\",\"crv\":\"P-256\",\"x\":\"u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeL\"}",
        "{'kty': 'RSA', 'n': 'u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0', 'e': 'AQAB'}",
        "{'e': 'AQAB', '\\x6bty': 'RSA', 'n': 'u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gun'}",
        "[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]",
        "{\"keys\":[{\"use\":\"sig\",\"kty\":\"RSA\",\"n\":\"u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRg\",\"e\":\"AQAB\"}]}",
        "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i\"}",
        "kty: EC\ncrv: P-256\nx: u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeL\ny: u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeL\n",
        "dict(kty='RSA', n='u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gun', e='AQAB')",
        "{alg:'RS256',kty:'RSA',n:'u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gun',e:'AQAB'}"};
    static struct bytes text, escaped;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        text.size = escaped.size = 0;
        add(&text, texts[i], strlen(texts[i]));
        check_text(&text, texts[i]);
        unicode_escapes(&text, &escaped);
        check_text(&escaped, texts[i]);
    }
}

/* Passwords and secrets that only begin like something. */
TEST(what_resembles_a_key_is_a_secret)
{
    static const char *const secrets[] = {"{ this one begins with a brace, but it is no key }",
                                          "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A and then something else",
                                          "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA",
                                          "3082010a0282010100aabbccddeeff00112233445566778899",
                                          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                          "BEGIN PUBLIC KEY 0123456789 END PUBLIC KEY",
                                          "-----BEGIN-----0123456789abcdef-----END-----",
                                          "my-kty-and-your-kty-are-no-members-of-json",
                                          "ktyktyktyktyktyktyktyktyktyktyktykty",
                                          "%%%%\\\\\\\\%4\\u12\\x\\u%zz\\\\\\0123456789abcdef",
                                          "00000000000000000000000000000000",
                                          "\\",
                                          "%",
                                          "M",
                                          ""};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (is_key(secrets[i], strlen(secrets[i]))) {
            FAIL("taken for a key: %s", secrets[i]);
        }
    }
    /* The frame of a key around too little. */
    CHECK(!is_key("\x30\x1e\x02\x01\x01\x04\x19"
                  "0123456789abcdef0123456789",
                  32));
    CHECK(!is_key("\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80"
                  "\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80\x30\x80",
                  48));
    CHECK(!is_key("\0\0\0\xff"
                  "ssh-ed25519-but not so long",
                  30));
}

/* Text that reads like the beginning of a key at every word: the work has a bound. */
TEST(long_text_takes_bounded_time)
{
    static char text[1 << 20];
    static const char *const pieces[] = {"M ", "AAAA ", "\\u004d ", "30:", "%4d", "\"M"};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        const size_t length = strlen(pieces[i]);
        for (size_t at = 0; at + length <= sizeof(text); at += length) {
            memcpy(text + at, pieces[i], length);
        }
        const clock_t start = clock();
        CHECK(!is_key(text, sizeof(text)));
        CHECK(clock() - start < 60 * CLOCKS_PER_SEC);
    }
}

static void check_random(size_t size, unsigned long count)
{
    unsigned char secret[64];
    char text[130];
    for (unsigned long i = 0; i < count; i++) {
        const char *found = NULL;
        CHECK(RAND_bytes(secret, (int)size) == 1);
        CHECK(fb__find_public_material(&fb__mem_default, (fb_slice){(char *)secret, size}, &found) && found == NULL);
        for (size_t at = 0; at < size; at++) {
            snprintf(text + 2 * at, 3, i % 2 == 0 ? "%02x" : "%02X", secret[at]);
        }
        CHECK(fb__find_public_material(&fb__mem_default, (fb_slice){text, 2 * size}, &found) && found == NULL);
        const int length = EVP_EncodeBlock((unsigned char *)text, secret, (int)size);
        CHECK(fb__find_public_material(&fb__mem_default, (fb_slice){text, (size_t)length}, &found) && found == NULL);
        const size_t url = fb__base64url_encode(secret, size, text);
        CHECK(fb__find_public_material(&fb__mem_default, (fb_slice){text, url}, &found) && found == NULL);
    }
}

static unsigned long count = 10000;

TEST(random_secrets_are_secrets)
{
    check_random(32, count);
    check_random(48, count);
    check_random(64, count);
}

/* Every allocation is let fail: never a verdict, never a leak. */
struct budget {
    long left, live;
};

static void *allocate(void *context, size_t size)
{
    struct budget *budget = context;
    if (budget->left-- <= 0) {
        return NULL;
    }
    budget->live++;
    return malloc(size);
}

static void release(void *context, void *memory)
{
    if (memory != NULL) {
        ((struct budget *)context)->live--;
        free(memory);
    }
}

TEST(without_memory_there_is_no_verdict)
{
    static const char secret[] = "KioqIG5vdCBhIGtleSwgYnV0IGJhc2U2NCBvZiB0ZXh0ICoqKg==";
    bool done = false;
    for (long n = 0; !done && n < 100; n++) {
        struct budget budget = {n, 0};
        const fb_mem mem = {allocate, release, &budget};
        const char *found = NULL;
        done = fb__find_public_material(&mem, fb_text(secret), &found);
        CHECK(budget.live == 0 && found == NULL);
        CHECK(done || n < 20);
    }
    CHECK(done);
}

int main(int argc, char **argv)
{
    count = argc > 1 ? strtoul(argv[1], NULL, 10) : count;
    RUN(keys_that_openssl_writes);
    RUN(ssh_keys);
    RUN(jwks);
    RUN(what_resembles_a_key_is_a_secret);
    RUN(long_text_takes_bounded_time);
    RUN(random_secrets_are_secrets);
    RUN(without_memory_there_is_no_verdict);
    return TEST_RESULT();
}
