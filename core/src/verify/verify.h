/*
 * The way of a token, one file a step: token, header, key set and signature of the floors below, result, claims.
 */
#ifndef FB_VERIFY_H
#define FB_VERIFY_H

#include "keysets/keysets.h"

enum {
    FB__MAX_TOKEN = 65536,
    FB__MAX_HEADER = 12288,     /* decoded; what fits into the default token size */
    FB__MAX_HEADER_NODES = 512, /* bounds the work that an unsigned header can cause */
    FB__MAX_REQUIRED_SCOPES = 64
};

/* ---- token.c: the three segments */

typedef struct fb__token {
    fb_slice header;        /* base64url text, valid */
    fb_slice payload;       /* base64url text, valid */
    fb_slice signature;     /* base64url text, valid */
    fb_slice signing_input; /* header "." payload as received (RFC 7515 section 5.2) */
} fb__token;

/* FB_OK or FB_TOKEN_MALFORMED. Allocates nothing. */
fb_status fb__token_split(const char *text, size_t size, fb__token *out);

/* ---- identifier.c: who may issue a token */

/* An exact text, or a template: before, the value of claim as one path segment, after. */
typedef struct fb__identifier {
    fb_slice text;
    fb_slice before, claim, after; /* claim is absent in an exact one; {tenantid} is read as tid */
} fb__identifier;

/* Keeps slices of text. Constant text that says what is wrong with it, or NULL. */
const char *fb__identifier_read(fb_slice text, fb__identifier *out);
static inline bool fb__identifier_is_template(const fb__identifier *identifier)
{
    return identifier->claim.data != NULL;
}
/* iss is hostile. *value is the part of it that the template's claim must be; absent for an exact identifier. */
bool fb__identifier_matches(const fb__identifier *identifier, fb_slice iss, fb_slice *value);

/* ---- policy.c: the options, checked and copied */

typedef struct fb__policy {
    uint32_t algs;
    bool with_tables; /* arithmetic of our own may verify signatures */
    fb_list issuers, audiences, required_scopes, required_claims, scope_claims, client_id_claims;
    fb_slice client_id_default;
    double leeway;
    bool require_exp;
    enum { FB__TYPE_DEFAULT, FB__TYPE_ACCESS_TOKEN, FB__TYPE_ANY } token_type;
    size_t max_token_bytes;
    void *text; /* one block that holds all copied text */
} fb__policy;

/* FB_OK, FB_CONFIGURATION_INVALID (text names the option), FB_OUT_OF_MEMORY. options and issuer are complete (see
 * fb_verifier_new). */
fb_status fb__policy_new(fb__policy *out, const fb_mem *mem, const fb_options *options, const fb_issuer *issuer,
                         fb_error *error);
void fb__policy_clear(fb__policy *policy, const fb_mem *mem);

/* ---- header.c: what the JOSE header says */

typedef struct fb__header {
    const fb__alg *alg;
    fb_slice kid; /* unescaped, absent when there is none; points into the caller's buffer */
} fb__header;

/* buffer: FB__MAX_HEADER bytes that outlive out. Everything that is decided before a key is looked for. */
fb_status fb__header_read(const fb__policy *policy, fb_slice segment, char *buffer, fb__header *out, fb_error *error);

/* ---- claims.c, result.c: the payload */

enum { FB__FEW_SCOPES = 8 };

struct fb_result {
    atomic_size_t references;
    fb_mem mem;
    size_t bytes; /* all memory of this result */
    fb_slice payload;
    fb_node *nodes;
    size_t node_count;
    bool has_exp, has_nbf, has_iat;
    fb__seconds exp, nbf, iat;
    fb_slice client_id, subject, resource;
    char kid[sizeof(((fb_error *)NULL)->kid)]; /* printable; empty: none */
    fb_list scopes;
    fb_slice few_scopes[FB__FEW_SCOPES]; /* what scopes points to unless there are more */
    char *unescaped;                     /* values of strings that hold escapes; NULL when no claim that we keep does */
    size_t unescaped_size, unescaped_capacity;
    char *own; /* text that did not come from the token */
    atomic_bool cached;
    _Atomic(void *) attached; /* attachment.data, written last */
    fb_attachment attachment;
};

/* Decodes and scans the payload segment of a token whose signature is verified. */
fb_status fb__result_new(fb_result **out, const fb_mem *mem, fb_slice payload_segment);
fb_result *fb__result_retain(fb_result *result);
/* The value of a string node: a slice of the payload, or, escaped, unescaped into the result. False: out of memory, or
 * more escaped text than a result keeps. */
bool fb__result_text(fb_result *result, const fb_node *node, fb_slice *out);
/* A copy of text that lives as long as the result; once per result. False: out of memory. */
bool fb__result_own(fb_result *result, fb_slice text, fb_slice *out);
/* Takes attachment over. Not for two threads at once. */
void fb__result_attach(fb_result *result, const fb_attachment *attachment);

/* All rules about claims; fills client_id, subject, resource, scopes and the times. */
fb_status fb__claims_check(const fb__policy *policy, fb_result *result, double now, fb_error *error);
/* Only those that depend on now, for a result that passed fb__claims_check before. */
fb_status fb__claims_check_time(const fb__policy *policy, const fb_result *result, double now, fb_error *error);

/* ---- token_cache.c: verified tokens */

typedef struct fb__cache fb__cache;
typedef struct fb__cache_key {
    uint64_t hash[2];
} fb__cache_key;

fb_status fb__cache_new(fb__cache **out, const fb_mem *mem, size_t entries, size_t bytes);
void fb__cache_free(fb__cache *cache);
fb__cache_key fb__cache_key_of(const fb__cache *cache, const char *token, size_t size);
/* A reference to the result of exactly this token under this generation of keys, or NULL. Drops it when it is dead. */
fb_result *fb__cache_get(fb__cache *cache, fb__cache_key key, const char *token, size_t size, uint64_t generation,
                         double now);
/* Keeps a reference of its own. Not being able to is no error. dead_at: Unix seconds (exp + leeway), INFINITY for never
 */
void fb__cache_put(fb__cache *cache, fb__cache_key key, const char *token, size_t size, uint64_t generation,
                   fb_result *result, double dead_at, double now);
/* False, and attachment is the caller's: the token is not held, has one, or there is no room. */
bool fb__cache_attach(fb__cache *cache, fb__cache_key key, const char *token, size_t size,
                      const fb_attachment *attachment);
void fb__cache_stats(fb__cache *cache, fb_stats *out);

/* ---- verifier.c, verifier_keys.c: the verifier */

struct fb_verifier {
    fb_mem mem;
    fb__policy policy;
    fb__keyset *static_keys; /* exactly one of the two */
    fb__key_source *key_source;
    fb__cache *cache;                         /* NULL: switched off */
    void *(*before_signature)(void *context); /* both or none */
    void (*after_signature)(void *context, void *before);
    void *signature_context;
    atomic_uint_least64_t outcomes[FB__STATUS_COUNT];
};

/* Counts the outcome of a verification. */
void fb__verifier_count(const fb_verifier *verifier, fb_status status);
/* A reference to the keys that are held; NULL: there are none. */
fb__keyset *fb__verifier_keyset(const fb_verifier *verifier);

#endif
