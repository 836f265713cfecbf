/*
 * Answers check_ed25519.py: hexadecimal operands, each of a fixed number of 64-bit words, least significant first and
 * separated by commas. The answer is a line of the same form, or "no". Limbs come and go as they are, so that whoever
 * asks chooses how full they are and sees how full they get.
 */
#include "answer.h"

#include "arithmetic/ed25519/ed25519.c"

#include <inttypes.h>
#include <stdlib.h>

#ifdef __SIZEOF_INT128__

static key_table table;

static void read_words(uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (scanf(i == 0 ? " %" SCNx64 : ",%" SCNx64, &words[i]) != 1) {
            fprintf(stderr, "field_ed25519: an operand is missing\n");
            exit(2);
        }
    }
}

static void write_words(const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("%s%" PRIx64, i == 0 ? "" : ",", words[i]);
    }
    putchar('\n');
}

static void read_bytes(unsigned char *bytes, size_t words)
{
    uint64_t value[8];
    read_words(value, words);
    for (size_t i = 0; i < 8 * words; i++) {
        bytes[i] = (unsigned char)(value[i / 8] >> i % 8 * 8);
    }
}

static void write_bytes(const unsigned char bytes[32])
{
    uint64_t words[4];
    words_load(words, bytes);
    write_words(words, 4);
}

/* ---- the field ------------------------------------------------------------------------------ */

static bool answer_field(const char *name)
{
    static const struct {
        const char *name;
        void (*binary)(fe *, const fe *, const fe *);
        void (*unary)(fe *, const fe *);
    } operations[] = {
        {"add", fe_add, NULL},
        {"sub", fe_sub, NULL},
        {"mul", fe_mul, NULL},
        {"square", NULL, fe_square},
        {"invert", NULL, fe_invert},
        {"root", NULL, fe_power_root},
        {"canonical", NULL, fe_canonical},
    };
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (strcmp(name, operations[i].name) == 0) {
            fe a, b, out;
            read_words(a.limb, 5);
            if (operations[i].binary != NULL) {
                read_words(b.limb, 5);
                operations[i].binary(&out, &a, &b);
            } else {
                operations[i].unary(&out, &a);
            }
            write_words(out.limb, 5);
            return true;
        }
    }
    return false;
}

static bool answer_bytes(const char *name)
{
    unsigned char bytes[32];
    uint64_t words[4];
    fe a;
    if (strcmp(name, "from_bytes") == 0) {
        read_bytes(bytes, 4);
        fe_from_bytes(&a, bytes);
        write_words(a.limb, 5);
    } else if (strcmp(name, "to_bytes") == 0) {
        read_words(a.limb, 5);
        fe_to_bytes(bytes, &a);
        write_bytes(bytes);
    } else if (strcmp(name, "unpack") == 0) {
        read_words(words, 4);
        fe_unpack(&a, words);
        write_words(a.limb, 5);
    } else if (strcmp(name, "pack") == 0) {
        read_words(a.limb, 5);
        fe_pack(words, &a);
        write_words(words, 4);
    } else {
        return false;
    }
    return true;
}

/* ---- scalars -------------------------------------------------------------------------------- */

static void write_digits(const uint64_t a[4], unsigned width)
{
    int16_t digits[64];
    uint64_t words[64];
    scalar_digits(digits, a, width);
    for (unsigned i = 0; i < SCALAR_DIGITS(width); i++) {
        words[i] = (uint64_t)(int64_t)digits[i];
    }
    write_words(words, SCALAR_DIGITS(width));
}

static bool answer_scalar(const char *name)
{
    unsigned char bytes[64];
    uint64_t a[4], b[4], width;
    if (strcmp(name, "reduce") == 0) {
        read_bytes(bytes, 8);
        scalar_reduce(a, bytes);
        write_words(a, 4);
    } else if (strcmp(name, "below") == 0) {
        read_words(a, 4);
        puts(scalar_below_order(a) ? "1" : "0");
    } else if (strcmp(name, "plus") == 0) {
        read_words(a, 4);
        read_words(b, 4);
        scalar_add(a, b);
        write_words(a, 4);
    } else if (strcmp(name, "digits") == 0) {
        read_words(a, 4);
        read_words(&width, 1);
        write_digits(a, (unsigned)width);
    } else {
        return false;
    }
    return true;
}

/* ---- points --------------------------------------------------------------------------------- */

static void write_entry(const entry *e)
{
    uint64_t words[12];
    for (unsigned i = 0; i < 12; i++) {
        words[i] = e->word[i % 4][i / 4];
    }
    write_words(words, 12);
}

static void read_point(point *p)
{
    read_words(p->x.limb, 5);
    read_words(p->y.limb, 5);
    read_words(p->z.limb, 5);
    read_words(p->t.limb, 5);
}

static void write_point(const point *p)
{
    uint64_t words[20];
    memcpy(words, p->x.limb, sizeof(p->x.limb));
    memcpy(words + 5, p->y.limb, sizeof(p->y.limb));
    memcpy(words + 10, p->z.limb, sizeof(p->z.limb));
    memcpy(words + 15, p->t.limb, sizeof(p->t.limb));
    write_words(words, 20);
}

static void answer_add(void)
{
    point p;
    fe x, y;
    uint64_t negative;
    entry e;
    read_point(&p);
    read_words(x.limb, 5);
    read_words(y.limb, 5);
    read_words(&negative, 1);
    entry_fill(&e, &x, &y);
    point_add(&p, &(addend){&e, negative != 0});
    write_point(&p);
}

static void answer_decode(void)
{
    unsigned char bytes[32];
    uint64_t words[10];
    fe x, y;
    read_bytes(bytes, 4);
    if (point_decode(&x, &y, bytes)) {
        memcpy(words, x.limb, sizeof(x.limb));
        memcpy(words + 5, y.limb, sizeof(y.limb));
        write_words(words, 10);
    } else {
        puts("no");
    }
}

static bool answer_point(const char *name)
{
    point p, q;
    unsigned char bytes[32];
    if (strcmp(name, "add_point") == 0) {
        answer_add();
    } else if (strcmp(name, "join") == 0) {
        read_point(&p);
        read_point(&q);
        point_join(&p, &q);
        write_point(&p);
    } else if (strcmp(name, "double") == 0) {
        read_point(&p);
        point_double(&q, &p);
        write_point(&q);
    } else if (strcmp(name, "encode") == 0) {
        read_point(&p);
        point_encode(bytes, &p);
        write_bytes(bytes);
    } else if (strcmp(name, "decode") == 0) {
        answer_decode();
    } else {
        return false;
    }
    return true;
}

/* ---- vectors -------------------------------------------------------------------------------- */

#ifdef FB_IFMA

FB_IFMA static void read_lanes(fe8 *a)
{
    uint64_t words[40];
    read_words(words, 40);
    for (unsigned i = 0; i < 5; i++) {
        a->limb[i] = _mm512_loadu_si512(words + (size_t)8 * i);
    }
}

FB_IFMA static void write_lanes(const fe8 *a)
{
    uint64_t words[40];
    for (unsigned i = 0; i < 5; i++) {
        _mm512_storeu_si512(words + (size_t)8 * i, a->limb[i]);
    }
    write_words(words, 40);
}

FB_IFMA static void answer_lanes(bool multiplies)
{
    fe8 a, b;
    fe x, y;
    entry entries[2];
    addend pair[2];
    uint64_t negative;
    read_lanes(&a);
    if (multiplies) {
        read_lanes(&b);
        fe8_mul(&a, &a, &b);
    } else {
        for (unsigned i = 0; i < 2; i++) {
            read_words(x.limb, 5);
            read_words(y.limb, 5);
            read_words(&negative, 1);
            entry_fill(&entries[i], &x, &y);
            pair[i] = (addend){&entries[i], negative != 0};
        }
        ifma_add(&a, pair);
    }
    write_lanes(&a);
}

/* "vectors" turns them on, for good, or says no. */
static bool answer_vectors(const char *name)
{
    if (strcmp(name, "vectors") == 0) {
        with_ifma = fb__cpu_has_ifma();
        puts(with_ifma ? "1" : "no");
    } else if (strcmp(name, "lanes_mul") == 0 || strcmp(name, "lanes_add") == 0) {
        answer_lanes(strcmp(name, "lanes_mul") == 0);
    } else {
        return false;
    }
    return true;
}

#else

static bool answer_vectors(const char *name)
{
    bool known_name = strcmp(name, "vectors") == 0;
    if (known_name) {
        puts("no");
    }
    return known_name;
}

#endif

/* ---- tables --------------------------------------------------------------------------------- */

static bool answer_table(const char *name)
{
    unsigned char bytes[32];
    uint64_t s[4], h[4];
    point p;
    if (strcmp(name, "key") == 0) {
        read_bytes(bytes, 4);
        puts(build_key(&table, bytes) ? "1" : "no");
    } else if (strcmp(name, "multiply") == 0) {
        read_words(s, 4);
        read_words(h, 4);
        multiply(&p, s, &table, h);
        point_encode(bytes, &p);
        write_bytes(bytes);
    } else if (strcmp(name, "base_entry") == 0) {
        read_words(s, 2);
        write_entry(&base.windows[s[0]][s[1]]);
    } else if (strcmp(name, "key_entry") == 0) {
        read_words(s, 2);
        write_entry(&table.windows[s[0]][s[1]]);
    } else {
        return false;
    }
    return true;
}

bool begin(void)
{
    build_base();
    return true;
}

bool answer(const char *name)
{
    return answer_field(name) || answer_bytes(name) || answer_scalar(name) || answer_point(name) ||
           answer_vectors(name) || answer_table(name);
}

#endif
