/*
 * Answers check_p256.py: numbers in hexadecimal, 64 digits each. Representations are shown as they are: Montgomery form
 * stays Montgomery form.
 */
#include "answer.h"

#include "arithmetic/p256/p256.c"

#include <stdlib.h>

#ifdef __SIZEOF_INT128__

static void show(const u256 *a)
{
    unsigned char bytes[32];
    u256_to_bytes(bytes, a);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        printf("%02x", bytes[i]);
    }
    putchar(' ');
}

static u256 parse(const char *text)
{
    unsigned char bytes[32] = {0};
    for (size_t i = 0; i < sizeof(bytes) && text[2 * i] != '\0'; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return u256_from_bytes(bytes);
}

/* The signed digits of a scalar, as window * 256 + multiple, and its sign. */
static void show_terms(const u256 *u)
{
    term terms[WINDOWS];
    const size_t count = look_up(terms, &generator_table, u);
    for (size_t i = 0; i < count; i++) {
        const long index = terms[i].entry - &generator_table.multiple[0][0];
        printf("%ld:%ld:%s ", index / MULTIPLES, index % MULTIPLES + 1, terms[i].negative ? "-" : "+");
    }
}

static bool answer_field(const char *name, const u256 *a, const u256 *b)
{
    u256 out;
    if (strcmp(name, "fe_mul") == 0) {
        fe_mul(&out, a, b);
    } else if (strcmp(name, "fe_sqr") == 0) {
        fe_sqr(&out, a);
    } else if (strcmp(name, "fe_add") == 0) {
        fe_add(&out, a, b);
    } else if (strcmp(name, "fe_sub") == 0) {
        fe_sub(&out, a, b);
    } else if (strcmp(name, "fe_enter") == 0) {
        fe_enter(&out, a);
    } else if (strcmp(name, "fe_invert") == 0) {
        fe_invert(&out, a);
    } else if (strcmp(name, "sc_mul") == 0) {
        sc_mul(&out, a, b);
    } else if (strcmp(name, "sc_invert") == 0) {
        sc_invert(&out, a);
    } else {
        return false;
    }
    show(&out);
    return true;
}

static bool answer_plain(const char *name, const u256 *a, const u256 *b)
{
    u256 out = *a;
    if (strcmp(name, "add") == 0) {
        const unsigned carry = u256_add(&out, a, b);
        show(&out);
        printf("%u ", carry);
    } else if (strcmp(name, "sub") == 0) {
        const unsigned borrow = u256_sub(&out, a, b);
        show(&out);
        printf("%u ", borrow);
    } else if (strcmp(name, "compare") == 0) {
        printf("%d %d %d ", u256_less(a, b), u256_equal(a, b), u256_is_zero(a));
    } else if (strcmp(name, "echo") == 0) {
        show(&out);
    } else if (strcmp(name, "terms") == 0) {
        show_terms(a);
    } else if (strcmp(name, "vectors") == 0) {
        printf("%d ", fb__cpu_has_ifma());
    } else if (strcmp(name, "entry") == 0) {
        const affine *entry = &generator_table.multiple[a->limb[0]][b->limb[0]];
        show(&entry->x);
        show(&entry->y);
    } else {
        return false;
    }
    return true;
}

/* X, Y, ZZ, ZZZ, and the x and y that are added. */
static bool answer_point(const char *name, const u256 n[6])
{
    xyzz p = {n[0], n[1], n[2], n[3]};
    if (strcmp(name, "point_add") == 0) {
        point_add(&p, &(affine){n[4], n[5]});
    } else if (strcmp(name, "point_double") == 0) {
        point_double(&p);
    } else {
        return false;
    }
    show(&p.x);
    show(&p.y);
    show(&p.zz);
    show(&p.zzz);
    return true;
}

static void show_wide(const wide *a)
{
    for (size_t i = 0; i < WIDE_LIMBS; i++) {
        printf("%lld ", (long long)a->limb[i]);
    }
}

/* An inversion as invert() does it, with what it has after each matrix: the matrix, f, g, d, e. */
static bool answer_steps(const char *name, const u256 *x)
{
    const struct modulus *modulus = strcmp(name, "steps_p") == 0 ? &modulus_p : &modulus_n;
    const wide n = wide_from(modulus->value);
    wide f = n, g = wide_from(x), d = {{0}}, e = wide_from(modulus->factor);
    struct matrix m;
    int64_t delta = 1;
    if (modulus == &modulus_n && strcmp(name, "steps_n") != 0) {
        return false;
    }
    while ((g.limb[0] | g.limb[1] | g.limb[2] | g.limb[3] | g.limb[4]) != 0) {
        delta = divsteps(delta, (uint64_t)f.limb[0] | (uint64_t)f.limb[1] << WIDE_BITS,
                         (uint64_t)g.limb[0] | (uint64_t)g.limb[1] << WIDE_BITS, &m);
        update_fg(&f, &g, &m);
        update_de(&d, &e, &m, &n, modulus->inverse);
        printf("%lld %lld %lld %lld ", (long long)m.u, (long long)m.v, (long long)m.q, (long long)m.r);
        show_wide(&f);
        show_wide(&g);
        show_wide(&d);
        show_wide(&e);
    }
    return true;
}

/* One matrix, n[2] to n[5], on d = n[0] - 2 * n[1] and e = n[1] - 2 * n[0], which is as far as these may go. */
static bool answer_apply(const char *name, const u256 n[6])
{
    const wide order = wide_from(&p256_order), a = wide_from(&n[0]), b = wide_from(&n[1]);
    const struct matrix m = {(int64_t)n[2].limb[0], (int64_t)n[3].limb[0], (int64_t)n[4].limb[0],
                             (int64_t)n[5].limb[0]};
    wide d = a, e = b;
    if (strcmp(name, "apply") != 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        wide_adjust(&d, 1, &b, -1);
        wide_adjust(&e, 1, &a, -1);
    }
    update_de(&d, &e, &m, &order, modulus_n.inverse);
    show_wide(&d);
    show_wide(&e);
    return true;
}

#ifdef FB_IFMA
/* Limbs of 52 bits, more than 256 in all: a number and what is above its 256 bits. */
static FB_IFMA void to_lane(lanes *out, const u256 *low, uint64_t top, size_t lane)
{
    const uint64_t *x = low->limb, mask = UINT64_MAX >> 12;
    const uint64_t limbs[LIMBS] = {x[0] & mask, (x[0] >> 52 | x[1] << 12) & mask, (x[1] >> 40 | x[2] << 24) & mask,
                                   (x[2] >> 28 | x[3] << 36) & mask, x[3] >> 16 | top << 48};
    for (size_t i = 0; i < LIMBS; i++) {
        uint64_t all[LANES];
        _mm512_storeu_si512(all, out->limb[i]);
        all[lane] = limbs[i];
        out->limb[i] = _mm512_loadu_si512(all);
    }
}

/* All limbs of a lane, and whether each is below 2^52: 64 digits each. */
static FB_IFMA void show_lane(const lanes *a, size_t lane)
{
    for (size_t i = 0; i < LIMBS; i++) {
        uint64_t all[LANES];
        _mm512_storeu_si512(all, a->limb[i]);
        printf("%016llx ", (unsigned long long)all[lane]);
    }
}

/* n[0] + top[0] * 2^256 and n[1] + top[1] * 2^256 in the lane that n[4] says, 1 and 2 in the others. */
static FB_IFMA bool answer_lanes(const char *name, const u256 n[6])
{
    lanes a, b, out;
    const size_t lane = n[4].limb[0] % LANES;
    for (size_t i = 0; i < LIMBS; i++) {
        a.limb[i] = fb__ifma_repeat(i == 0);
        b.limb[i] = fb__ifma_repeat(i == 0 ? 2 : 0);
    }
    to_lane(&a, &n[0], n[2].limb[0], lane);
    to_lane(&b, &n[1], n[3].limb[0], lane);
    if (strcmp(name, "lanes_first") == 0) {
        u256 first;
        to_lane(&a, &n[0], n[2].limb[0], 0);
        first_lane(&first, &a);
        show(&first);
        return true;
    }
    if (strcmp(name, "lanes_mul") == 0) {
        lanes_mul(&out, &a, &b);
    } else if (strcmp(name, "lanes_sub") == 0) {
        lanes_sub(&out, &a, &b);
    } else if (strcmp(name, "lanes_fold") == 0) {
        /* a - 2 * b - b, as far from normal as limbs get */
        for (size_t i = 0; i < LIMBS; i++) {
            out.limb[i] = _mm512_sub_epi64(a.limb[i], _mm512_add_epi64(b.limb[i], _mm512_slli_epi64(b.limb[i], 1)));
        }
        fold(&out);
    } else {
        return false;
    }
    show_lane(&out, lane);
    show_lane(&out, (lane + 1) % LANES);
    return true;
}
#else
static bool answer_lanes(const char *name, const u256 n[6])
{
    (void)name;
    (void)n;
    return false;
}
#endif

bool begin(void)
{
    return prepare(&fb__mem_default) == FB__SELF_TEST_RIGHT;
}

/* The numbers are what is left of the line. */
bool answer(const char *name)
{
    static char line[1024], text[6][65];
    u256 n[6];
    memset(text, 0, sizeof(text));
    if (fgets(line, sizeof(line), stdin) == NULL) {
        return false;
    }
    (void)sscanf(line, "%64s %64s %64s %64s %64s %64s", text[0], text[1], text[2], text[3], text[4], text[5]);
    for (size_t i = 0; i < 6; i++) {
        n[i] = parse(text[i]);
    }
    const bool answered = answer_field(name, &n[0], &n[1]) || answer_plain(name, &n[0], &n[1]) ||
                          answer_point(name, n) || answer_steps(name, &n[0]) || answer_apply(name, n) ||
                          answer_lanes(name, n);
    putchar('\n');
    return answered;
}

#endif
