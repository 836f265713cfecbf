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
        name[alg->name_size] = '\0'; /* a NUL behind it is one character more */
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
        CHECK(alg->kty != FB__KTY_OCT || (alg->signature_size == digest && alg->min_bits == digest * 8));
        CHECK(alg->kty != FB__KTY_RSA || (alg->signature_size == 0 && alg->min_bits == FB__RSA_MIN_BITS));
        CHECK(alg->kty != FB__KTY_EC || (alg->curve != FB__CURVE_NONE && alg->signature_size % 2 == 0));
        CHECK(digest == 0 || strtol(alg->name + 2, NULL, 10) == (long)digest * 8);
    }
}

int main(void)
{
    RUN(each_is_found_by_its_name_and_no_other);
    RUN(each_row_is_consistent);
    return TEST_RESULT();
}
