/*
 * What the files about claims share. Nobody else includes it: their interface is in verify.h.
 */
#ifndef FB_CLAIMS_H
#define FB_CLAIMS_H

#include "verify/verify.h"

/* The claims that every token is checked for. */
enum fb__claim { FB__EXP, FB__NBF, FB__IAT, FB__ISS, FB__AUD, FB__SUB, FB__CNF, FB__CLAIMS };

typedef struct fb__claims {
    const fb__policy *policy;
    fb_result *result;
    const char *text;
    const fb_node *nodes;
    size_t found[FB__CLAIMS + 1]; /* node indices; 0: absent. The last: of any other claim */
    fb_slice key_issuer;          /* of the key that verified the token; absent: none */
    fb_error *error;
} fb__claims;

fb_slice fb__claim_name(enum fb__claim claim);

/* ---- claims.c: how a verified claim is refused, with what was expected and what it holds */

/* A value as it stands in the payload. */
fb_slice fb__claims_text(const fb__claims *claims, size_t index);
/* Absent. */
fb_status fb__claims_missing(const fb__claims *claims, fb_status status, fb_slice name);
/* Of the wrong type, or not in the range of the type. */
fb_status fb__claims_mistyped(const fb__claims *claims, fb_status status, fb_slice name, size_t index,
                              const char *expected);
/* Another value than one of expected. */
fb_status fb__claims_mismatch(const fb__claims *claims, fb_status status, enum fb__claim claim,
                              const fb_list *expected);

/* ---- parties.c: iss, aud, sub and the client id */

fb_status fb__claims_check_issuer(fb__claims *claims);
fb_status fb__claims_check_audience(fb__claims *claims);
fb_status fb__claims_read_subject(fb__claims *claims);
fb_status fb__claims_read_client_id(fb__claims *claims);

/* ---- scopes.c */

fb_status fb__claims_read_scopes(fb__claims *claims);
fb_status fb__claims_check_scopes(fb__claims *claims);

/* ---- confirmation.c: cnf */

fb_status fb__claims_read_confirmation(fb__claims *claims);

#endif
