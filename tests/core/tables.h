/*
 * A key's table, made now rather than when enough tokens have paid for it; a verification with tables is then ours but
 * for those that OpenSSL does as well.
 */
#ifndef FB_TEST_TABLES_H
#define FB_TEST_TABLES_H

#include "signature/selection.h"

/* NULL: no arithmetic of ours serves this key. */
static inline const void *make_table(fb__verification_key *key, fb__tables *tables)
{
    enum { ENOUGH = 1000 };
    const fb__arithmetic *arithmetic = NULL;
    const void *table = NULL;
    fb__verification_key_init(key, tables);
    for (int i = 0; i < ENOUGH && table == NULL; i++) {
        fb__selection_count(key);
        table = fb__selection_table(key, &arithmetic);
    }
    return table;
}

#endif
