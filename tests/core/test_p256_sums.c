/*
 * The sum that ES256 comes down to, u1 * G + u2 * Q, beside OpenSSL's: scalars, keys and sums at every edge, and sums
 * on the way that are equal to what is added next, or opposite to it.
 */
#if defined(__SIZEOF_INT128__)
#include "p256_subjects.h"

/* Keys of which the private half is known and special: multiples of G that meet G's own. */
static const char *const small_keys[] = {
    "1",
    "2",
    "3",
    "80",
    "100",
    "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550",
    "7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A9",
};
enum { SMALL_KEYS = sizeof(small_keys) / sizeof(small_keys[0]) };

TEST(edges_of_u1_and_u2)
{
    for (size_t k = 0; k <= SMALL_KEYS; k++) {
        BIGNUM *d = NULL;
        if (k < SMALL_KEYS) {
            p256_must(BN_hex2bn(&d, small_keys[k]) > 0);
        } else {
            d = random_scalar();
        }
        EC_POINT *q = multiple_of_g(d);
        struct subject s = subject_at(q);
        for (size_t i = 0; i < SCALARS; i++) {
            BIGNUM *u = scalar(i), *other = k < 2 ? scalar(SCALARS - 1 - i) : random_scalar();
            if (!BN_is_zero(other)) {
                check_scalars(&s, q, u, other);
            }
            if (!BN_is_zero(u)) {
                check_scalars(&s, q, other, u);
                check_scalars(&s, q, u, u);
            }
            BN_free(u);
            BN_free(other);
        }
        subject_clear(&s);
        EC_POINT_free(q);
        BN_free(d);
    }
}

/*
 * u1 = high * 2^(shift + 8) + digit + low, and u2 * Q, which is added first, is sign * digit - low: when the digit's
 * turn comes, the sum is plus or minus the very entry that is added. From infinity it goes on with what is high.
 */
static void check_collision(int shift, int sign)
{
    BIGNUM *d = random_scalar(), *low = random_bits(shift == 0 ? 0 : shift - 1), *digit = BN_new();
    BIGNUM *u1 = random_bits(shift == 248 ? 0 : 246 - shift), *u2 = BN_new();
    EC_POINT *q = multiple_of_g(d);
    struct subject s = subject_at(q);
    p256_must(BN_set_word(digit, 1 + pick(120)) == 1 && BN_lshift(digit, digit, shift) == 1);
    p256_must(BN_lshift(u1, u1, shift + 8) == 1 && BN_add(u1, u1, digit) == 1 && BN_add(u1, u1, low) == 1);
    BN_set_negative(digit, sign < 0);
    p256_must(BN_mod_sub(u2, digit, low, order, scratch) == 1 && BN_mod_inverse(d, d, order, scratch) != NULL &&
              BN_mod_mul(u2, u2, d, order, scratch) == 1);
    check_scalars(&s, q, u1, u2);
    subject_clear(&s);
    EC_POINT_free(q);
    BN_free(d);
    BN_free(low);
    BN_free(digit);
    BN_free(u1);
    BN_free(u2);
}

TEST(collisions_in_every_window)
{
    for (int i = 0; i < 8 * WINDOWS; i++) {
        check_collision(i % WINDOWS * WINDOW, 1);
        check_collision(i % WINDOWS * WINDOW, -1);
    }
}

/* Whether the vector code does not decide this sum. */
static bool undecided_by_lanes(const struct subject *s, const BIGNUM *u1, const BIGNUM *u2)
{
    term terms[2 * WINDOWS];
    xyzz sum;
    unsigned char bytes[32];
    to_bytes(bytes, u2);
    u256 u = u256_from_bytes(bytes);
    size_t terms_count = look_up(terms, s->table, &u);
    to_bytes(bytes, u1);
    u = u256_from_bytes(bytes);
    terms_count += look_up(terms + terms_count, &generator_table, &u);
    return !sum_ifma(&sum, terms, terms_count);
}

/* The verdicts on this sum for the key d * G, of which the vector code reaches none. */
static void check_undecided(const BIGNUM *d, const BIGNUM *u1, const BIGNUM *u2)
{
    EC_POINT *q = multiple_of_g(d);
    struct subject s = subject_at(q);
    check_scalars(&s, q, u1, u2);
    CHECK(undecided_by_lanes(&s, u1, u2));
    subject_clear(&s);
    EC_POINT_free(q);
}

/*
 * The same for the lanes of the vector code. With digits in the lowest eight windows alone, lane i has what u2's window
 * i and u1's window i add up to. Here the sum of the lanes in one set is plus or minus that of the lanes in another,
 * where these meet: by the choice of d, as each is a + b * d.
 */
static void check_lanes(unsigned one_set, unsigned other_set, int sign)
{
    BIGNUM *d = BN_new(), *u1 = BN_new(), *u2 = BN_new(), *a = BN_new(), *b = BN_new(), *t = BN_new();
    for (int i = 0; i < 8; i++) {
        const unsigned of_g = 1 + pick(120), of_q = 1 + pick(120);
        p256_must(BN_set_word(t, of_g) == 1 && BN_lshift(t, t, WINDOW * i) == 1 && BN_add(u1, u1, t) == 1);
        p256_must((one_set >> i & 1) == 0 || BN_add(a, a, t) == 1);
        p256_must((other_set >> i & 1) == 0 || (sign > 0 ? BN_sub(a, a, t) : BN_add(a, a, t)) == 1);
        p256_must(BN_set_word(t, of_q) == 1 && BN_lshift(t, t, WINDOW * i) == 1 && BN_add(u2, u2, t) == 1);
        p256_must((one_set >> i & 1) == 0 || BN_add(b, b, t) == 1);
        p256_must((other_set >> i & 1) == 0 || (sign > 0 ? BN_sub(b, b, t) : BN_add(b, b, t)) == 1);
    }
    p256_must(BN_nnmod(b, b, order, scratch) == 1 && BN_mod_inverse(b, b, order, scratch) != NULL);
    BN_set_negative(a, !BN_is_negative(a));
    p256_must(BN_mod_mul(d, a, b, order, scratch) == 1);
    check_undecided(d, u1, u2);
    BN_free(d);
    BN_free(u1);
    BN_free(u2);
    BN_free(a);
    BN_free(b);
    BN_free(t);
}

TEST(collisions_of_lanes)
{
    /* Lanes 0 and 4 meet first, then 0 + 4 and 2 + 6, then the even ones and the odd ones. */
    static const unsigned sets[][2] = {{0x01, 0x10}, {0x08, 0x80}, {0x11, 0x44}, {0x22, 0x88}, {0x55, 0xaa}};
    for (size_t i = 0; i < 8 * sizeof(sets) / sizeof(sets[0]); i++) {
        check_lanes(sets[i % 5][0], sets[i % 5][1], 1);
        check_lanes(sets[i % 5][0], sets[i % 5][1], -1);
    }
}

/*
 * Lanes that meet the very entry they add: the key is G or -G and u1 = u2, with no digit of 0, so that windows and
 * lanes stay in step. Of G, that is eight digits; of -G, any multiple of eight, as what has been added is taken away
 * again.
 */
static void check_steps(bool opposite, size_t digits, bool changed)
{
    BIGNUM *d = BN_new(), *u1 = BN_new(), *u2 = NULL;
    for (size_t i = 0; i < digits; i++) {
        p256_must(BN_lshift(u1, u1, WINDOW) == 1 && BN_add_word(u1, 1 + pick(120)) == 1);
    }
    p256_must(BN_one(d) == 1 && (!opposite || BN_sub(d, order, d) == 1));
    p256_must((u2 = BN_dup(u1)) != NULL && (!changed || BN_add_word(u2, 1) == 1));
    check_undecided(d, u1, u2);
    BN_free(d);
    BN_free(u1);
    BN_free(u2);
}

TEST(collisions_within_lanes)
{
    for (size_t i = 0; i < 32; i++) {
        check_steps(false, 8, i % 2);
        check_steps(true, 8 + 8 * pick(3), i % 2);
    }
}

/* u1 * G and u2 * Q equal, or each other's negative: then the sum is infinity. */
TEST(equal_and_opposite_halves)
{
    for (size_t i = 0; i < 200; i++) {
        BIGNUM *d = random_scalar(), *u1 = BN_new(), *u2 = random_scalar();
        EC_POINT *q = multiple_of_g(d);
        struct subject s = subject_at(q);
        p256_must(BN_mod_mul(u1, d, u2, order, scratch) == 1);
        check_scalars(&s, q, u1, u2);
        p256_must(BN_sub(u1, order, u1) == 1);
        check_scalars(&s, q, u1, u2);
        subject_clear(&s);
        EC_POINT_free(q);
        BN_free(d);
        BN_free(u1);
        BN_free(u2);
    }
}

/* ---- chosen points -------------------------------------------------------------------------- */

/* The point of that x with an even or an odd y; NULL when there is none. */
static EC_POINT *point_of_x(const BIGNUM *x, int odd)
{
    EC_POINT *point = EC_POINT_new(group);
    ERR_set_mark();
    if (EC_POINT_set_compressed_coordinates(group, point, x, odd, scratch) != 1) {
        EC_POINT_free(point);
        point = NULL;
    }
    ERR_pop_to_mark();
    return point;
}

/* Number index of the values of x: small ones, those just below p, and those around n. */
enum { ABSCISSAS = 96 };

static BIGNUM *abscissa(size_t index)
{
    BIGNUM *x = BN_new(), *p = BN_new();
    p256_must(EC_GROUP_get_curve(group, p, NULL, NULL, scratch) == 1 && BN_set_word(x, index / 3) == 1);
    if (index % 3 == 1) {
        p256_must(BN_sub(x, p, x) == 1 && BN_sub_word(x, 1) == 1);
    } else if (index % 3 == 2) {
        p256_must(BN_add(x, x, order) == 1 && BN_sub_word(x, 16) == 1);
    }
    BN_free(p);
    return x;
}

TEST(keys_at_the_edges)
{
    size_t found = 0;
    for (size_t i = 0; i < 2 * ABSCISSAS; i++) {
        BIGNUM *x = abscissa(i / 2);
        EC_POINT *q = point_of_x(x, i % 2);
        if (q != NULL) {
            struct subject s = subject_at(q);
            for (size_t k = 0; k < 8; k++) {
                BIGNUM *u1 = random_scalar(), *u2 = random_scalar();
                check_scalars(&s, q, u1, u2);
                BN_free(u1);
                BN_free(u2);
            }
            subject_clear(&s);
            found++;
        }
        EC_POINT_free(q);
        BN_free(x);
    }
    CHECK(found > ABSCISSAS / 2); /* half of all x, twice; x = 0 is among them, y = 0 is not on this curve */
}

/*
 * Sums of chosen x, from n on among them, where r is x - n and r itself is not the sum's x: the key is made to fit,
 * Q = (R - u1 * G) / u2. Then the same with what r must not be: off by n the other way round.
 */
static void check_sum(const EC_POINT *sum, const BIGNUM *x)
{
    unsigned char digest[32], signature[64];
    BIGNUM *u1 = random_scalar(), *u2 = random_scalar(), *r = BN_new(), *t = BN_new(), *inverse = BN_new();
    EC_POINT *q = multiple_of_g(u1);
    p256_must(BN_mod_inverse(inverse, u2, order, scratch) != NULL && EC_POINT_invert(group, q, scratch) == 1 &&
              EC_POINT_add(group, q, q, sum, scratch) == 1 && EC_POINT_mul(group, q, NULL, q, inverse, scratch) == 1);
    struct subject s = subject_at(q);
    for (int wrong = 0; wrong < 3; wrong++) {
        /* r = x; x - n, or x + p - n, which plus n is x modulo p */
        p256_must(BN_copy(r, x) != NULL);
        if (wrong == 0) {
            p256_must(BN_nnmod(r, r, order, scratch) == 1);
        } else if (wrong == 1) {
            p256_must(EC_GROUP_get_curve(group, t, NULL, NULL, scratch) == 1 && BN_sub(t, t, order) == 1 &&
                      BN_add(r, r, t) == 1);
        } else {
            p256_must(BN_mod_add(r, r, t, order, scratch) == 1);
        }
        if (BN_num_bits(r) <= 256) {
            to_bytes(signature, r);
            p256_must(BN_mod_mul(t, r, inverse, order, scratch) == 1);
            to_bytes(signature + 32, t);
            p256_must(BN_mod_mul(t, t, u1, order, scratch) == 1);
            to_bytes(digest, t);
            CHECK(agree(&s, digest, signature) == (wrong == 0 && !BN_is_zero(r)));
        }
    }
    subject_clear(&s);
    EC_POINT_free(q);
    BN_free(u1);
    BN_free(u2);
    BN_free(r);
    BN_free(t);
    BN_free(inverse);
}

TEST(sums_at_the_edges)
{
    size_t found = 0;
    for (size_t i = 0; i < 2 * ABSCISSAS; i++) {
        BIGNUM *x = abscissa(i / 2);
        EC_POINT *sum = point_of_x(x, i % 2);
        if (sum != NULL) {
            check_sum(sum, x);
            found++;
        }
        EC_POINT_free(sum);
        BN_free(x);
    }
    CHECK(found > ABSCISSAS / 2);
}

int main(void)
{
    if (!begin()) {
        return 1;
    }
    RUN(edges_of_u1_and_u2);
    RUN(collisions_in_every_window);
    RUN(collisions_of_lanes);
    RUN(collisions_within_lanes);
    RUN(equal_and_opposite_halves);
    RUN(keys_at_the_edges);
    RUN(sums_at_the_edges);
    end();
    return TEST_RESULT();
}

#else
#include <stdio.h>

int main(void)
{
    printf("skipped: the path needs integers of 128 bits\n");
    return 0;
}
#endif
