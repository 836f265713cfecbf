/* The table of algorithms: what the RFCs say of each, found by its exact name alone. */
#include "test.h"
#include "verify/verify.h"

TEST(each_is_found_by_its_name_and_no_other)
{
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        const fb__alg *alg = &fb__algs[i];
        char name[sizeof(alg->name) + 1];
        memcpy(name, alg->name, alg->name_size);
        CHECK(fb__alg_find((fb_slice){name, alg->name_size}) == alg && fb__alg_index(alg) == i);
        CHECK(fb__alg_find((fb_slice){name, alg->name_size - 1U}) != alg);
        name[alg->name_size] = '\0'; /* a NUL after it is one character more */
        CHECK(fb__alg_find((fb_slice){name, alg->name_size + 1U}) == NULL);
        name[0] = (char)(name[0] ^ 0x20);
        CHECK(fb__alg_find((fb_slice){name, alg->name_size}) == NULL);
    }
    CHECK(fb__alg_find(fb_text("none")) == NULL && fb__alg_find(fb_text("")) == NULL);
    CHECK(fb__alg_find((fb_slice){NULL, 0}) == NULL);
}

/* RFC 7518 sections 3.2 to 3.5, RFC 8037 section 3.1, RFC 8812 section 3.2. */
TEST(each_row_is_consistent)
{
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        const fb__alg *alg = &fb__algs[i];
        const size_t digest = fb__hash_size(alg->hash);
        CHECK((alg->kty == FB__KTY_OKP) == (alg->hash == FB__HASH_NONE) && (digest == 0) == (alg->kty == FB__KTY_OKP));
        CHECK(!alg->pss || alg->kty == FB__KTY_RSA);
        CHECK(alg->kty != FB__KTY_OCT || alg->min_bits == digest * 8);
        CHECK(alg->kty != FB__KTY_RSA || alg->min_bits == 2048);
        CHECK(alg->kty != FB__KTY_EC || fb__curves[alg->curve].kty == FB__KTY_EC);
        CHECK(alg->curve == FB__CURVE_NONE || fb__curves[alg->curve].kty == alg->kty);
        CHECK(digest == 0 || strtol(alg->name + 2, NULL, 10) == (long)digest * 8);
    }
}

/* RFC 7518 sections 3.4 and 6.2.1.2, RFC 8032 sections 5.1.5 and 5.2.5. */
TEST(each_curve_is_consistent)
{
    for (fb__curve curve = FB__CURVE_NONE + 1; curve < FB__CURVE_COUNT; curve++) {
        const fb__curve_row *row = &fb__curves[curve];
        CHECK(row->kty == FB__KTY_EC || row->kty == FB__KTY_OKP);
        CHECK(row->coordinate_size == (row->bits + 7U) / 8 && row->signature_size == 2 * row->coordinate_size);
        EVP_PKEY *key = row->kty == FB__KTY_EC ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", row->openssl_name)
                                               : EVP_PKEY_Q_keygen(NULL, NULL, row->openssl_name);
        CHECK(key != NULL && EVP_PKEY_get_bits(key) <= row->bits);
        EVP_PKEY_free(key);
        CHECK(fb__algs_of(row->kty, curve, row->bits) != 0);
    }
}

TEST(each_hash_is_consistent)
{
    for (fb__hash hash = FB__HASH_NONE + 1; hash < FB__HASH_COUNT; hash++) {
        const fb__hash_row *row = &fb__hashes[hash];
        EVP_MD *md = EVP_MD_fetch(NULL, row->openssl_name, NULL);
        CHECK(md != NULL && EVP_MD_is_a(md, row->provider_name) == 1 && EVP_MD_get_size(md) == row->size);
        EVP_MD_free(md);
    }
}

TEST(a_key_is_for_the_algorithms_of_its_type_and_size)
{
    CHECK(fb__algs_of(FB__KTY_RSA, FB__CURVE_NONE, 2048) == 0x3f &&
          fb__algs_of(FB__KTY_RSA, FB__CURVE_NONE, 2047) == 0);
    CHECK(fb__algs_of(FB__KTY_EC, FB__CURVE_P256, 256) == fb__alg_bit(fb__alg_find(fb_text("ES256"))));
    CHECK(fb__algs_of(FB__KTY_OKP, FB__CURVE_ED448, 456) ==
          (fb__alg_bit(fb__alg_find(fb_text("EdDSA"))) | fb__alg_bit(fb__alg_find(fb_text("Ed448")))));
    CHECK(fb__algs_of(FB__KTY_EC, FB__CURVE_NONE, 256) == 0 && fb__algs_of(FB__KTY_NONE, FB__CURVE_NONE, 4096) == 0);
}

int main(void)
{
    RUN(each_is_found_by_its_name_and_no_other);
    RUN(each_row_is_consistent);
    RUN(each_curve_is_consistent);
    RUN(each_hash_is_consistent);
    RUN(a_key_is_for_the_algorithms_of_its_type_and_size);
    return TEST_RESULT();
}
