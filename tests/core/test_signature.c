/* Signatures: every algorithm, the exact length, other keys and other algorithms, contexts that are reused, and
 * threads. */
#include "test.h"
#include "verify/verify.h"

#include <openssl/err.h>

static const unsigned char message[] = "header.payload"; /* what nobody signed */
enum { SIZE = sizeof(message) - 1 };

struct subject {
    const fb__alg *alg;
    fb_keypair *pair;
    fb__keyset *keys;
    unsigned char signature[FB__MAX_SIGNATURE];
    size_t size;
};
static struct subject subjects[FB__ALG_COUNT];

/* What is signed: the signing input of a token with an empty header and an empty payload. */
static const char signed_text[] = "e30.e30";

static fb_status verify_raw(struct subject *s, const fb__alg *alg, const void *text, size_t text_size,
                            const unsigned char *signature, size_t size)
{
    return fb__signature_verify_raw(&s->keys->keys[0], alg, (fb_slice){text, text_size},
                                    (fb_slice){(const char *)signature, size}, false);
}

static void make(struct subject *s, const fb__alg *alg)
{
    fb_slice name = {alg->name, alg->name_size};
    fb_string *token = NULL;
    fb__token parts;
    s->alg = alg;
    CHECK(fb_keypair_generate(&s->pair, name, 0, NULL, NULL) == FB_OK);
    CHECK(fb_keypair_sign(s->pair, fb_text("{}"), fb_text("{}"), &token, NULL) == FB_OK);
    fb_slice text = fb_string_text(token);
    CHECK(fb__token_split(text.data, text.size, &parts) == FB_OK);
    CHECK(parts.signing_input.size == sizeof(signed_text) - 1);
    s->size = fb__base64url_decoded_size(parts.signature.size);
    CHECK(fb__base64url_decode(parts.signature.data, parts.signature.size, s->signature));
    fb_string_free(token);
    fb_status status = alg->kty == FB__KTY_OCT
                           ? fb__keyset_from_secret(&s->keys, &fb__mem_default, fb_keypair_private_pem(s->pair),
                                                    fb__alg_bit(alg), false, NULL)
                           : fb__keyset_from_pem(&s->keys, &fb__mem_default, fb_keypair_public_pem(s->pair), NULL);
    CHECK(status == FB_OK);
}

static fb_status verify(struct subject *s, const fb__alg *alg, const unsigned char *signature, size_t size)
{
    fb_status status = verify_raw(s, alg, signed_text, sizeof(signed_text) - 1, signature, size);
    CHECK(ERR_peek_error() == 0);
    return status;
}

TEST(every_algorithm_again_and_again)
{
    /* Several times on one key: contexts are reused, and must not forget PSS or keep a digest (c-peers: a null re-init
     * does). */
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < FB__ALG_COUNT; i++) {
            struct subject *s = &subjects[i];
            unsigned char wrong[FB__MAX_SIGNATURE];
            memcpy(wrong, s->signature, s->size);
            wrong[s->size / 2] ^= 1;
            CHECK(verify(s, s->alg, s->signature, s->size) == FB_OK);
            CHECK(verify(s, s->alg, wrong, s->size) == FB_SIGNATURE_INVALID);
            CHECK(verify_raw(s, s->alg, message, SIZE, s->signature, s->size) == FB_SIGNATURE_INVALID);
        }
    }
}

TEST(only_the_exact_length)
{
    unsigned char signature[FB__MAX_SIGNATURE + 8];
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        struct subject *s = &subjects[i];
        memset(signature, 0, sizeof(signature));
        memcpy(signature, s->signature, s->size);
        for (size_t size = 0; size < s->size + 4; size++) {
            CHECK(verify(s, s->alg, signature, size) == (size == s->size ? FB_OK : FB_SIGNATURE_INVALID));
        }
    }
}

TEST(only_with_its_own_algorithm)
{
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        for (size_t j = 0; j < FB__ALG_COUNT; j++) {
            const fb__alg *alg = &fb__algs[j];
            /* EdDSA and the name of the curve are one algorithm. */
            bool same = i == j || (subjects[i].alg->kty == FB__KTY_OKP &&
                                   (subjects[i].keys->keys[0].key.algs & fb__alg_bit(alg)) != 0);
            CHECK(verify(&subjects[i], alg, subjects[i].signature, subjects[i].size) ==
                  (same ? FB_OK : FB_SIGNATURE_INVALID));
        }
    }
}

TEST(a_pkcs1_signature_is_no_pss_signature)
{
    struct subject *rs = &subjects[0];
    const fb__alg *ps = fb__alg_find(fb_text("PS256"));
    CHECK(rs->alg == fb__alg_find(fb_text("RS256")));
    for (int round = 0; round < 3; round++) {
        CHECK(verify(rs, ps, rs->signature, rs->size) == FB_SIGNATURE_INVALID);
        CHECK(verify(rs, rs->alg, rs->signature, rs->size) == FB_OK);
    }
}

TEST(edges_of_elliptic_curves)
{
    static const char *const names[] = {"ES256", "ES384", "ES512", "ES256K"};
    for (size_t i = 0; i < 4; i++) {
        struct subject *s = &subjects[fb__alg_index(fb__alg_find(fb_text(names[i])))];
        unsigned char signature[132];
        static const unsigned char fills[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
        for (size_t f = 0; f < sizeof(fills); f++) {
            memset(signature, fills[f], s->size);
            CHECK(verify(s, s->alg, signature, s->size) == FB_SIGNATURE_INVALID);
            memcpy(signature, s->signature, s->size / 2);
            CHECK(verify(s, s->alg, signature, s->size) == FB_SIGNATURE_INVALID);
            memset(signature, fills[f], s->size / 2);
            memcpy(signature + s->size / 2, s->signature + s->size / 2, s->size / 2);
            CHECK(verify(s, s->alg, signature, s->size) == FB_SIGNATURE_INVALID);
        }
    }
}

TEST(an_rsa_signature_is_below_the_modulus)
{
    struct subject *s = &subjects[0];
    unsigned char signature[256];
    memset(signature, 0xff, sizeof(signature));
    CHECK(verify(s, s->alg, signature, s->size) == FB_SIGNATURE_INVALID);
    memset(signature, 0, sizeof(signature));
    CHECK(verify(s, s->alg, signature, s->size) == FB_SIGNATURE_INVALID);
    signature[255] = 1;
    CHECK(verify(s, s->alg, signature, s->size) == FB_SIGNATURE_INVALID);
}

static atomic_uint wrong_verdicts;

static void *verify_many(void *argument)
{
    struct subject *s = argument;
    unsigned char wrong[FB__MAX_SIGNATURE];
    memcpy(wrong, s->signature, s->size);
    wrong[0] ^= 1;
    for (int i = 0; i < 300; i++) {
        const unsigned char *signature = i % 3 == 0 ? wrong : s->signature;
        fb_status expected = i % 3 == 0 ? FB_SIGNATURE_INVALID : FB_OK;
        if (verify_raw(s, s->alg, signed_text, sizeof(signed_text) - 1, signature, s->size) != expected) {
            atomic_fetch_add(&wrong_verdicts, 1);
        }
    }
    return NULL;
}

TEST(eight_threads_on_one_key)
{
    static const char *const names[] = {"RS256", "PS256", "ES256", "EdDSA", "HS256"};
    for (size_t i = 0; i < 5; i++) {
        pthread_t threads[8];
        struct subject *s = &subjects[fb__alg_index(fb__alg_find(fb_text(names[i])))];
        for (int t = 0; t < 8; t++) {
            CHECK(pthread_create(&threads[t], NULL, verify_many, s) == 0);
        }
        for (int t = 0; t < 8; t++) {
            CHECK(pthread_join(threads[t], NULL) == 0);
        }
    }
    CHECK(atomic_load(&wrong_verdicts) == 0);
}

int main(void)
{
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        make(&subjects[i], &fb__algs[i]);
    }
    RUN(every_algorithm_again_and_again);
    RUN(only_the_exact_length);
    RUN(only_with_its_own_algorithm);
    RUN(a_pkcs1_signature_is_no_pss_signature);
    RUN(edges_of_elliptic_curves);
    RUN(an_rsa_signature_is_below_the_modulus);
    RUN(eight_threads_on_one_key);
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        fb__keyset_release(subjects[i].keys);
        fb_keypair_free(subjects[i].pair);
    }
    return TEST_RESULT();
}
