/*
 * What only the operator knows of a token that is good otherwise: whether it has been revoked.
 */
#ifndef FB_STATUS_H
#define FB_STATUS_H

#include "verify/verify.h"

/* ---- revocations.c, revoking.c: a set, shared by verifiers and threads; and as the functions of fastbearer.h */

fb_revocations *fb__revocations_retain(fb_revocations *set);

/* ---- revoked_table.c: one shard of a set */

/* What is revoked, and until when that is to be known. */
typedef struct fb__revoked {
    uint64_t hash[2]; /* of issuer and jti, or of issuer and subject */
    double until;     /* Unix seconds; -INFINITY: it was dropped */
    double before;    /* tokens that were issued by then; INFINITY: of one token, whenever it was issued */
    uint32_t round;   /* of filling, in which it was added last */
    uint32_t used;    /* 0: the place has never been used */
} fb__revoked;

typedef struct fb__revoked_table {
    fb__revoked *places; /* by hash, each in the first place that was free from there on */
    size_t room, used;   /* a power of two, or 0; used: places that hold something, or did */
} fb__revoked_table;

/* What is held under this hash, however old; NULL: nothing. */
fb__revoked *fb__revoked_find(const fb__revoked_table *table, const uint64_t hash[2]);
/* Whether one more fits in. */
bool fb__revoked_has_room(const fb__revoked_table *table);
/* A larger table with all that has not run out. False: out of memory. */
bool fb__revoked_copy(fb__revoked_table *out, const fb__revoked_table *table, const fb_mem *mem, double now);
/* It is not held yet, and there is room. */
void fb__revoked_insert(fb__revoked_table *table, const fb__revoked *entry);

#endif
