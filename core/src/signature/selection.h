/*
 * Which arithmetic serves a key, for signature.c.
 */
#ifndef FB_SIGNATURE_SELECTION_H
#define FB_SIGNATURE_SELECTION_H

#include "arithmetic/arithmetic.h"
#include "signature/signature.h"

/* The key's table, and whose it is; NULL: OpenSSL's turn. */
const void *fb__selection_table(const fb__verification_key *key, const fb__arithmetic **arithmetic);
/* OpenSSL has verified a token with this key. The call that makes it enough builds the table. */
void fb__selection_count(fb__verification_key *key);
/* Counts a verification by the table; whether this one is OpenSSL's as well. */
bool fb__selection_check_due(fb__verification_key *key);
/* OpenSSL's verdict was another one. */
void fb__selection_disagreed(fb__verification_key *key);

void fb__selection_init(fb__verification_key *key, fb__tables *tables);
void fb__selection_clear(fb__verification_key *key);

#endif
