/*
 * An arithmetic that accepts everything, in place of p256.c: what the bindings' tests build themselves with, to see
 * that it is found out and said. Never part of anything else.
 */
#include "arithmetic/arithmetic.h"

static bool supported(void)
{
    return true;
}

static fb__self_test prepare(const fb_mem *mem)
{
    (void)mem;
    return FB__SELF_TEST_RIGHT;
}

static size_t table_size(const fb__key *key)
{
    return key->curve == FB__CURVE_P256 ? 64 : 0;
}

static bool build(void *table, const fb__key *key)
{
    (void)table;
    (void)key;
    return true;
}

static bool verify(const void *table, const unsigned char *digest, const unsigned char *signature)
{
    (void)table;
    (void)digest;
    (void)signature;
    return true;
}

const fb__arithmetic fb__arithmetic_p256 = {
    .name = "p256-tables",
    .threshold = 1,
    .supported = supported,
    .prepare = prepare,
    .table_size = table_size,
    .build = build,
    .verify = verify,
};
