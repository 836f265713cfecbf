/*
 * Signatures: the only caller of OpenSSL's verification, and the choice between its arithmetic and ours.
 */
#ifndef FB_SIGNATURE_H
#define FB_SIGNATURE_H

#include "arithmetic/arithmetic.h"

enum { FB__MAX_DER = 144 /* SEQUENCE of two INTEGERs of 66 bytes */ };

/* ---- selection.c: arithmetic of our own, and the watch over it */

enum { FB__FAST_CHECK = 4096 }; /* one verification in so many, on average, is done by OpenSSL as well */

/* Once per key, before it is shared: finds out what could serve it. */
void fb__fast_adopt(fb__key *key, fb__tables *tables);
/* OpenSSL has verified a token with this key. The call that makes it enough builds the table. */
void fb__fast_count(fb__key *key);
/* For key->fast->verify; NULL: OpenSSL's turn. */
const void *fb__fast_table(const fb__key *key);
/* Counts a verification by the table; whether this one is OpenSSL's as well. */
bool fb__fast_check_due(fb__key *key);
void fb__fast_disagreed(const fb__key *key);
/* Differs after every disagreement: what was verified before counts no more. */
uint64_t fb__arithmetic_epoch(void);
void fb__fast_forget(fb__key *key);
void fb__fast_stats(fb_stats *out);

/* ---- signature.c */

/*
 * FB_OK, FB_SIGNATURE_INVALID, FB_OUT_OF_MEMORY or FB_INTERNAL_ERROR. key must have alg's bit. signature is base64url
 * text that fb__token_split has found valid. fast: arithmetic of our own may decide. Leaves OpenSSL's error queue as it
 * was.
 */
fb_status fb__signature_verify(fb__key *key, const fb__alg *alg, fb_slice signing_input, fb_slice signature, bool fast);
/* The same on a decoded signature, by OpenSSL alone: for vectors that are not tokens. */
fb_status fb__signature_verify_raw(fb__key *key, const fb__alg *alg, const unsigned char *message, size_t message_size,
                                   const unsigned char *signature, size_t signature_size);
/* Frees what signature.c keeps in a key. */
void fb__signature_forget(fb__key *key);

#endif
