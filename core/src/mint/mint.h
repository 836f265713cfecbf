/*
 * Minting: key pairs and the tokens they sign, for tests and tools.
 */
#ifndef FB_MINT_H
#define FB_MINT_H

#include "signature/signature.h"

struct fb_keypair {
    fb_mem mem;
    const fb__alg *alg;
    fb__key key; /* pkey is the private key here; for HMAC secret */
    BIO *public_pem, *private_pem;
    EVP_PKEY_CTX *signing; /* initialised once; each signature works on a copy */
    EVP_MD *md;
    atomic_bool doubtful; /* RSA: a signature failed, see sign_and_check */
};

struct fb_string {
    fb_mem mem;
    size_t size;
    char text[];
};

/* ---- string.c: text of known greatest size, and JSON strings in it */

/* For room bytes and a NUL; NULL: out of memory. Each of the functions below adds no more than its caller made room
 * for. */
fb_string *fb__string_new(const fb_mem *mem, size_t room);
void fb__string_add(fb_string *string, const char *data, size_t size);
void fb__string_add_text(fb_string *string, const char *text);
/* What a JSON string of so many bytes takes at most: six characters a byte, and its quotes. */
size_t fb__quoted_room(size_t size);
void fb__string_add_quoted(fb_string *string, fb_slice value);
/* A member of an object that is open: the comma that it may need, its name, its value in quotes. */
void fb__string_add_member(fb_string *string, const char *name, fb_slice value);
/* Text must be UTF-8, or the token would be refused by every reader; NUL would be by this one. */
fb_status fb__check_text(const fb_mem *mem, const char *name, fb_slice value, fb_error *error);

/* ---- jwk_export.c */

/* What FB__JWK_ROOM holds at most: an RSA key of the largest size. */
enum { FB__JWK_ROOM = 4096 };
/* The members of the public key into an object that is open. False: out of memory. */
bool fb__string_add_public_key(fb_string *string, const fb_keypair *pair);

/* ---- sign.c */

/* Makes ready what every signature of this pair starts from. False: out of memory. */
bool fb__prepare_signing(fb_keypair *pair);

#endif
