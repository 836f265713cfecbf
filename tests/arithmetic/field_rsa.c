/*
 * Answers check_rsa.py: words separated by spaces; numbers are hexadecimal, thirteen digits a limb, so that any value
 * of any limb can be asked about.
 */
#include "answer.h"

#include "arithmetic/ifma.h"
#include "arithmetic/rsa/rsa_number.h"

#ifdef FB_IFMA
#include "arithmetic/rsa/rsa_ifma.h"
#endif

#include <stdlib.h>

enum { DIGITS = 13, WORD = 2000 };

static char word[WORD + 1];

static const char *next(void)
{
    if (scanf("%2000s", word) != 1) {
        exit(1);
    }
    return word;
}

static uint64_t read_digits(const char *digits, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        const char c = digits[i];
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return value;
}

/* Least significant limb last, as it is written. */
static void read_number(rsa_number *out)
{
    const char *text = next();
    const size_t limbs = strlen(text) / DIGITS;
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < limbs; i++) {
        out->limbs[RSA_BLOCK + i] = read_digits(text + DIGITS * (limbs - 1 - i), DIGITS);
    }
}

static void write_number(const rsa_number *number)
{
    for (size_t i = RSA_MAX_VECTORS * RSA_BLOCK; i > 0; i--) {
        if (number->limbs[RSA_BLOCK + i - 1] > RSA_LIMB) {
            printf("too large a limb\n");
            return;
        }
        printf("%013llx", (unsigned long long)number->limbs[RSA_BLOCK + i - 1]);
    }
    printf("\n");
}

static void read_modulus(rsa_table *table)
{
    BIGNUM *n = NULL;
    if (BN_hex2bn(&n, next()) == 0 || !rsa_constants(table, n)) {
        exit(1);
    }
    BN_free(n);
}

static void answer_bytes(size_t size)
{
    unsigned char bytes[RSA_MAX_BYTES], back[RSA_MAX_BYTES];
    rsa_number number;
    const char *text = next();
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)read_digits(text + 2 * i, 2);
    }
    rsa_from_bytes(&number, bytes, size);
    rsa_to_bytes(back, size, &number);
    printf("%s ", memcmp(bytes, back, size) == 0 ? "same" : "other");
    write_number(&number);
}

static void answer_constants(void)
{
    static rsa_table table;
    read_modulus(&table);
    write_number(&table.modulus);
    write_number(&table.fold);
    write_number(&table.inverse);
    write_number(&table.square);
}

static void answer_compare(void)
{
    rsa_number a, b;
    read_number(&a);
    read_number(&b);
    const bool less = rsa_less(&a, &b);
    printf("%s ", less ? "less" : "not");
    if (!less) {
        rsa_subtract(&a, &b);
    }
    write_number(&a);
}

#ifdef FB_IFMA

static void answer_power(void)
{
    static rsa_table table;
    rsa_number s, power = {{0}};
    read_modulus(&table);
    read_number(&s);
    rsa_power(&power, &s, &table);
    write_number(&power);
}

static void write_lanes(const uint64_t *lanes, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        printf("%016llx", (unsigned long long)lanes[i - 1]);
    }
}

/* Lanes of 64 bits, sixteen digits each. */
FB_IFMA static void answer_normalise(size_t vectors)
{
    _Alignas(FB__TABLE_ALIGNMENT) uint64_t lanes[RSA_MAX_VECTORS * RSA_BLOCK];
    __m512i x[RSA_MAX_VECTORS];
    const char *text = next();
    for (size_t i = 0; i < RSA_BLOCK * vectors; i++) {
        lanes[i] = read_digits(text + 16 * (RSA_BLOCK * vectors - 1 - i), 16);
    }
    for (size_t v = 0; v < vectors; v++) {
        x[v] = _mm512_load_si512(lanes + RSA_BLOCK * v);
    }
    const uint64_t carry = rsa_normalise(x, vectors);
    for (size_t v = 0; v < vectors; v++) {
        _mm512_store_si512(lanes + RSA_BLOCK * v, x[v]);
    }
    write_lanes(lanes, RSA_BLOCK * vectors);
    printf(" %llx\n", (unsigned long long)carry);
}

FB_IFMA static void answer_product(size_t vectors)
{
    _Alignas(FB__TABLE_ALIGNMENT) uint64_t lanes[2][(RSA_MAX_VECTORS + 1) * RSA_BLOCK];
    __m512i low[RSA_MAX_VECTORS + 1], high[RSA_MAX_VECTORS + 1];
    rsa_number block, b;
    read_number(&block);
    read_number(&b);
    for (size_t v = 0; v <= vectors; v++) {
        low[v] = high[v] = _mm512_setzero_si512();
    }
    rsa_add_product(low, high, _mm512_load_si512(block.limbs + RSA_BLOCK), &b, vectors);
    for (size_t v = 0; v <= vectors; v++) {
        _mm512_store_si512(lanes[0] + RSA_BLOCK * v, low[v]);
        _mm512_store_si512(lanes[1] + RSA_BLOCK * v, high[v]);
    }
    write_lanes(lanes[0], RSA_BLOCK * (vectors + 1));
    printf(" ");
    write_lanes(lanes[1], RSA_BLOCK * (vectors + 1));
    printf("\n");
}

FB_IFMA static void answer_quotient(void)
{
    rsa_number block, inverse, out = {{0}};
    read_number(&block);
    read_number(&inverse);
    _mm512_store_si512(out.limbs + RSA_BLOCK, rsa_quotient(_mm512_load_si512(block.limbs + RSA_BLOCK), &inverse));
    write_number(&out);
}

static bool answer_vectors(const char *name)
{
    static rsa_table table;
    rsa_number a, b, out = {{0}};
    if (strcmp(name, "normalise") == 0) {
        answer_normalise(read_digits(next(), 1));
    } else if (strcmp(name, "product") == 0) {
        answer_product(read_digits(next(), 1));
    } else if (strcmp(name, "quotient") == 0) {
        answer_quotient();
    } else if (strcmp(name, "power") == 0) {
        answer_power();
    } else if (strcmp(name, "montgomery") == 0) {
        read_modulus(&table);
        read_number(&a);
        read_number(&b);
        rsa_multiplication_of (&table)(&out, &a, &b, &table);
        write_number(&out);
    } else {
        return false;
    }
    return true;
}

#else

static bool answer_vectors(const char *name)
{
    (void)name;
    return false;
}

#endif

bool begin(void)
{
    printf("%s\n", fb__cpu_has_ifma() ? "vectors" : "no vectors");
    return true;
}

bool answer(const char *name)
{
    if (strcmp(name, "bytes") == 0) {
        answer_bytes(strtoul(next(), NULL, 10));
    } else if (strcmp(name, "constants") == 0) {
        answer_constants();
    } else if (strcmp(name, "compare") == 0) {
        answer_compare();
    } else {
        return answer_vectors(name);
    }
    return true;
}
