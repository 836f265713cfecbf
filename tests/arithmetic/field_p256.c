/*
 * The arithmetic of core/src/fast_p256*.h, one operation a line: a name and numbers in hexadecimal, 64 digits each; the
 * answer is numbers. check_p256.py asks. Representations are shown as they are: Montgomery form stays Montgomery form.
 */
#include "fast_p256.c"

#include <stdio.h>
#include <stdlib.h>

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

int main(void)
{
    static char line[1024], name[16], text[6][65];
    if (!prepare()) {
        return 1;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        u256 n[6];
        memset(text, 0, sizeof(text));
        (void)sscanf(line, "%15s %64s %64s %64s %64s %64s %64s", name, text[0], text[1], text[2], text[3], text[4],
                     text[5]);
        for (size_t i = 0; i < 6; i++) {
            n[i] = parse(text[i]);
        }
        if (!answer_field(name, &n[0], &n[1]) && !answer_plain(name, &n[0], &n[1]) && !answer_point(name, n)) {
            return 1;
        }
        putchar('\n');
    }
    return 0;
}
