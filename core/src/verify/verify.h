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
    FB__MAX_REQUIRED_SCOPES = 64,
    FB__MAX_NAMES = 1024 /* that issuers have given to claims and that errors may show */
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

/* ---- claim_path.c: where a claim is */

enum { FB__MAX_PATH = FB__MAX_DEPTH }; /* what is deeper is not a payload */

/* A top-level name, or a JSON Pointer (RFC 6901) taken apart. */
typedef struct fb__claim_path {
    fb_slice text;            /* as it was given */
    fb_slice name;            /* the same for messages: lives as long as the verifier; absent when there are too many */
    const fb_slice *segments; /* unescaped; at least one */
    size_t count;
} fb__claim_path;
typedef struct fb__claim_paths {
    const fb__claim_path *items;
    size_t count;
} fb__claim_paths;

/* Reads text, which belongs to arena and is not empty. False: out of memory. *problem is constant text that says what
 * is wrong with it, or NULL. */
bool fb__claim_path_read(fb__claim_path *out, fb__arena *arena, fb_slice text, const char **problem);
/* The index of the value's node; 0: the payload has none there. */
size_t fb__claim_path_find(const fb__claim_path *path, const char *text, const fb_node *nodes);

/* ---- claim_value.c: what a claim must be */

/* Exactly the number 0.digits * 10^exponent; no digits: 0. */
typedef struct fb__number {
    char digits[FB__MAX_NUMBER];
    uint16_t count;
    bool negative;
    int64_t exponent;
} fb__number;
typedef struct fb__claim_value {
    uint8_t kind;    /* FB_FALSE, FB_TRUE, FB_STRING; FB_REAL for every number */
    fb_slice string; /* unescaped */
    const fb__number *number;
} fb__claim_value;
typedef struct fb__required {
    fb__claim_path path;
    const fb__claim_value *values; /* NULL: it must only be there */
    fb_list texts;                 /* the same as JSON, for messages */
} fb__required;

/* Reads one JSON text. False: out of memory. *problem as for fb__claim_path_read. */
bool fb__claim_value_read(fb__claim_value *out, fb__arena *arena, fb_slice json, const char **problem);
/* Whether the claim at this node has one of the values; of an array, one of its items. */
bool fb__claim_value_holds(const fb__required *required, const char *text, const fb_node *nodes, size_t index);

/* ---- scope_hierarchy.c: scopes that include others */

enum { FB__MAX_RANKED = 1024, FB__RANKED_WORDS = FB__MAX_RANKED / 64 };

/* All scopes of all rules, sorted, and which of them each includes, at whatever distance. */
typedef struct fb__hierarchy {
    const fb_slice *scopes;
    size_t count;
    const uint64_t *included; /* a row of FB__RANKED_WORDS for each scope; bit i: scopes[i] */
} fb__hierarchy;

/* FB_OK, FB_CONFIGURATION_INVALID, FB_OUT_OF_MEMORY. */
fb_status fb__hierarchy_read(fb__hierarchy *out, fb__arena *arena, const fb_scope_rule *rules, size_t count,
                             fb_error *error);
/* All that granted includes. */
void fb__hierarchy_collect(const fb__hierarchy *hierarchy, const fb_list *granted, uint64_t out[FB__RANKED_WORDS]);
/* Whether a collection has this scope. */
bool fb__hierarchy_holds(const fb__hierarchy *hierarchy, const uint64_t collected[FB__RANKED_WORDS], fb_slice scope);

/* ---- policy.c, policy_claims.c: the options, checked and copied */

typedef enum fb__token_type {
    FB__TYPE_DEFAULT,
    FB__TYPE_ACCESS_TOKEN,
    FB__TYPE_ANY,
    FB__TYPE_INTROSPECTION /* no token: what an issuer says of one (RFC 9701) */
} fb__token_type;

typedef struct fb__audience {
    fb_slice text;
    fb__folds folds; /* scheme 0: no URL */
} fb__audience;

/* What the options say for every issuer. Shared by the policies of all of them, and never changed but for names. */
typedef struct fb__policy_base fb__policy_base;

/* What one issuer's tokens are held against: the verifier's options, and its own in place of them. */
typedef struct fb__policy {
    fb__policy_base *base; /* a reference, but in the base's own */
    fb__arena arena;       /* of what is the issuer's own */
    const fb__identifier *identifiers;
    size_t identifier_count; /* 0: iss may be anything; otherwise exact ones, or one template */
    fb_list identifier_texts;
    uint32_t algs;
    bool with_tables; /* arithmetic of our own may verify signatures */
    fb__token_type token_type;
    const fb__audience *audiences;
    size_t audience_count; /* 0: aud is not checked */
    fb_list audience_texts;
    fb__claim_paths scope_claims, client_id_claims;
    const fb__required *required_claims;
    size_t required_claim_count;
    fb_list required_scopes;
    const fb__hierarchy *hierarchy; /* never NULL */
    bool merge_scope_claims;
    fb_slice client_id_default;
    double leeway, clock_skew;
    bool require_exp;
    bool ignores_confirmation; /* bound tokens are accepted as if they were not */
    size_t max_token_bytes;
} fb__policy;

/* FB_OK, FB_CONFIGURATION_INVALID (text names the option), FB_OUT_OF_MEMORY. options are complete (see
 * fb_verifier_new). The verifier keeps a reference: names in errors live as long. */
fb_status fb__policy_base_new(fb__policy_base **out, const fb_mem *mem, const fb_options *options, fb_error *error);
fb__policy_base *fb__policy_base_retain(fb__policy_base *base);
void fb__policy_base_release(fb__policy_base *base);
const fb__hierarchy *fb__policy_base_hierarchy(const fb__policy_base *base);
/* The same text for as long as base lives; absent when base keeps too many already. False: out of memory. */
bool fb__policy_base_name(fb__policy_base *base, fb_slice text, fb_slice *out);

/* As above; issuer is complete. Thread-safe; on failure out is empty. */
fb_status fb__policy_new(fb__policy *out, const fb_mem *mem, fb__policy_base *base, const fb_issuer *issuer,
                         fb_error *error);
/* What signed introspection responses of this issuer are held against, for issuer->introspection_audience. As above. */
fb_status fb__policy_new_of_responses(fb__policy *out, const fb_mem *mem, fb__policy_base *base,
                                      const fb_issuer *issuer, fb_error *error);
void fb__policy_clear(fb__policy *policy);

/* Options that the verifier and each of its issuers may have. */
typedef struct fb__claim_options {
    fb_list audiences, scope_claims, client_id_claims;
    fb_slice token_type;
    const fb_required_claim *required_claims;
    size_t required_claim_count;
    bool of_issuer; /* an empty list of audiences is none, not a mistake */
} fb__claim_options;
/* Puts those that are given into policy. */
fb_status fb__policy_read_claims(fb__policy *policy, fb__policy_base *base, const fb__claim_options *options,
                                 fb_error *error);
/* Whether a list of texts is one. */
fb_status fb__policy_check_list(const fb_list *list, const char *option, bool needs_item, fb_error *error);
bool fb__policy_copy_list(fb__arena *arena, const fb_list *from, fb_list *out);

/* ---- header.c: what the JOSE header says */

typedef struct fb__header {
    fb_slice kid, typ, alg_name; /* unescaped, absent when there is none; they point into the caller's buffer */
    const fb__alg *alg;
} fb__header;

/* buffer: FB__MAX_HEADER bytes that outlive out. What is decided whoever issued the token; out->alg is not set yet. */
fb_status fb__header_read(fb_slice segment, char *buffer, fb__header *out, fb_error *error);
/* What its issuer's policy says of typ and alg: all that is decided before a key is looked for. */
fb_status fb__header_check(const fb__policy *policy, fb__header *header, fb_error *error);

/* ---- claims.c, result.c: the payload */

enum { FB__FEW_SCOPES = 8 };

typedef struct fb__issuer fb__issuer;

/* Which tokens of an issuer are introspected. */
typedef enum fb__introspection { FB__INTROSPECTS_NONE, FB__INTROSPECTS_OPAQUE, FB__INTROSPECTS_ALL } fb__introspection;

struct fb_result {
    atomic_size_t references;
    fb_mem mem;
    fb__issuer *issuer; /* a reference, from when its claims are checked; NULL before */
    bool introspected;  /* the payload is what the issuer said when it was asked */
    size_t bytes;       /* all memory of this result */
    fb_slice payload;
    fb_node *nodes;
    size_t node_count;
    bool has_exp, has_nbf, has_iat;
    fb__seconds exp, nbf, iat;
    fb_slice iss, client_id, subject, resource;
    char kid[sizeof(((fb_error *)NULL)->kid)]; /* printable; empty: none */
    bool has_jkt, has_certificate_hash;        /* the token is bound to these */
    unsigned char jkt[FB__THUMBPRINT], certificate_hash[FB__THUMBPRINT];
    fb_list scopes;
    fb_slice few_scopes[FB__FEW_SCOPES]; /* what scopes points to unless there are more */
    char *unescaped;                     /* values of strings that hold escapes; NULL when no claim that we keep does */
    size_t unescaped_size, unescaped_capacity;
    char *own[2];          /* text that did not come from the token */
    fb__policy_base *base; /* a reference to whose scope hierarchy holds; NULL: no scope includes another */
    atomic_bool cached;
    _Atomic(void *) attached; /* attachment.data, written last */
    fb_attachment attachment;
};

/* Decodes and scans the payload segment of a token. Nothing in it is to be trusted before its signature is verified. */
fb_status fb__result_new(fb_result **out, const fb_mem *mem, fb_slice payload_segment);
/* The same for a text that is not a token's. */
fb_status fb__result_from_text(fb_result **out, const fb_mem *mem, fb_slice text);
fb_result *fb__result_retain(fb_result *result);
/* The value of a string node: a slice of the payload, or, escaped, unescaped into the result. False: out of memory, or
 * more escaped text than a result keeps. */
bool fb__result_text(fb_result *result, const fb_node *node, fb_slice *out);
/* Puts iss, a string at this index, into result->iss, once. False: as for fb__result_text. */
bool fb__result_read_iss(fb_result *result, size_t index);
/* A copy of text that lives as long as the result; twice per result. False: out of memory. */
bool fb__result_own(fb_result *result, fb_slice text, fb_slice *out);
/* Takes attachment over. Not for two threads at once. */
void fb__result_attach(fb_result *result, const fb_attachment *attachment);

/* All rules about claims; fills client_id, subject, resource, scopes and the times. key_issuer: member issuer of the
 * JWK that verified the token; absent: none. */
fb_status fb__claims_check(const fb__policy *policy, fb_result *result, fb_slice key_issuer, double now,
                           fb_error *error);
/* Only those that depend on now, for a result that passed fb__claims_check before. */
fb_status fb__claims_check_time(const fb__policy *policy, const fb_result *result, double now, fb_error *error);

/* Text of a number of seconds, to the millisecond where that says something. */
const char *fb__seconds_text(double seconds, char out[FB__NUMBER_ROOM]);

/* ---- token_cache.c: verified tokens */

typedef struct fb__cache fb__cache;
typedef struct fb__cache_key {
    uint64_t hash[2];
} fb__cache_key;

fb_status fb__cache_new(fb__cache **out, const fb_mem *mem, size_t entries, size_t bytes);
void fb__cache_free(fb__cache *cache);
fb__cache_key fb__cache_key_of(const fb__cache *cache, const char *token, size_t size);
/* Whether the keys that verified a result, of this generation then, are those of its issuer still. Called under a lock
 * of the cache. */
typedef bool fb__cache_valid(const void *context, const fb_result *result, uint64_t generation);
/* A reference to the result of exactly this token, or NULL. Drops it when it is dead or not valid. */
fb_result *fb__cache_get(fb__cache *cache, fb__cache_key key, const char *token, size_t size, double now,
                         fb__cache_valid *valid, const void *context);
/* Keeps a reference of its own. Not being able to is not an error. dead_at: Unix seconds (exp + leeway), INFINITY for
 * never. */
void fb__cache_put(fb__cache *cache, fb__cache_key key, const char *token, size_t size, uint64_t generation,
                   fb_result *result, double dead_at, double now);
void fb__cache_drop(fb__cache *cache, fb__cache_key key, const char *token, size_t size);
/* False, and attachment is the caller's: the token is not held, has one, or there is no room. */
bool fb__cache_attach(fb__cache *cache, fb__cache_key key, const char *token, size_t size,
                      const fb_attachment *attachment);
void fb__cache_stats(fb__cache *cache, fb_stats *out);

/* ---- cached.c: the cache of a verifier */

/* A result that is held for this token, and whose times hold; NULL: all steps have to be gone through, which say why in
 * the words that an uncached token gets. */
fb_result *fb__cached_find(const fb_verifier *verifier, fb__cache_key key, fb_slice token, fb_clock clock);
/* Of the moment before a verification: goes into the generation that its result is held with. */
uint64_t fb__cached_epoch(void);
/* good_until: Unix seconds, INFINITY: for as long as the token. */
void fb__cached_store(const fb_verifier *verifier, fb__cache_key key, fb_slice token, fb_clock clock,
                      uint64_t generation, fb_result *result, double good_until);

/* ---- issuers.c: who issues the tokens of a verifier */

struct fb__issuer {
    /* Everybody who needs the policy has a reference, results too. Those who need the keys are users: the verifier as
     * long as the issuer is one of its, and who works with it now. All users have one reference together. */
    atomic_size_t references, users;
    atomic_uint_least64_t outcomes[FB__STATUS_COUNT]; /* of its tokens, at the verifier that it is of */
    fb_mem mem;
    uint64_t number;
    fb__policy policy;
    fb__introspection introspection;
    fb__policy *responses;   /* what introspection responses are held against; NULL: they are not signed */
    fb__keyset *static_keys; /* exactly one of the two; an empty set when its keys verify nothing */
    fb__key_source *key_source;
    struct { /* of added_issuers.c */
        uint64_t hash[2];
        fb__issuer *next_by_identifier, *next_by_number;
        fb__issuer *older, *newer;
        bool listed;   /* it is one of the verifier's */
        bool fetching; /* a host fetches for it */
    } added;
};

/* Of one user, the caller. keys_of: whose keys are its keys, NULL: its own. given is complete. */
fb_status fb__issuer_new(fb__issuer **out, const fb_mem *mem, fb__policy_base *base, const fb_issuer *given,
                         const fb__issuer *keys_of, uint64_t number, fb_error *error);
/* Before it is shared: the tables of its keys count within this budget. Keys of keys_of are in that one's. */
void fb__issuer_share_budget(fb__issuer *issuer, fb__table_budget *budget);
fb__issuer *fb__issuer_retain(fb__issuer *issuer);
void fb__issuer_release(fb__issuer *issuer); /* NULL is fine */
fb__issuer *fb__issuer_enter(fb__issuer *issuer);
void fb__issuer_leave(fb__issuer *issuer); /* the last user takes the keys with it; NULL is fine */
/* For a user: the keys that are held, a reference; NULL: there are none. */
fb__keyset *fb__issuer_keyset(const fb__issuer *issuer);
/* For a user: which keys may be used now. False: none. */
bool fb__issuer_generation(const fb__issuer *issuer, double now, uint64_t *out);
/* Its first identifier, absent when it has none. */
fb_slice fb__issuer_identifier(const fb__issuer *issuer);
/* As in fb_issuer.introspection; constant text, or absent. */
fb_slice fb__issuer_introspection(const fb__issuer *issuer);

/* Copies a caller's fb_issuer of this size over the defaults. */
fb_status fb__issuer_complete(fb_issuer *out, const fb_issuer *given, size_t size, fb_error *error);

/* The issuers of the options: they never change. */
typedef struct fb__issuers {
    size_t count;
    fb__issuer **items; /* number 1 first; the verifier is a user of each */

    /* How one is found by its identifier; not made for a sole issuer. */
    uint64_t seed[2];
    struct fb__issuer_slot *slots;
    size_t slot_mask;
    struct fb__issuer_template *templates;
    size_t template_count;
} fb__issuers;

/* Where it fails, fb__issuers_clear frees what there is by then. */
fb_status fb__issuers_init(fb__issuers *issuers, const fb_verifier *verifier, const fb_options *options,
                           fb_error *error);
void fb__issuers_clear(fb__issuers *issuers, const fb_mem *mem);
/* The issuer with exactly this identifier, or with a template that it matches; NULL: there is none. */
void fb__issuers_hash(const fb__issuers *issuers, fb_slice iss, uint64_t out[2]);
fb__issuer *fb__issuers_find_exact(const fb__issuers *issuers, const uint64_t hash[2], fb_slice iss);
fb__issuer *fb__issuers_find_template(const fb__issuers *issuers, fb_slice iss);

/* ---- resolving.c: issuers that are added while the verifier is in use. hash: by fb__issuers_hash */

typedef struct fb__resolving fb__resolving;

fb_status fb__resolving_new(fb__resolving **out, const fb_mem *mem, const fb_options *options, fb_error *error);
void fb__resolving_free(fb__resolving *resolving); /* NULL is fine */
/* FB_OK: *out is a new user of the issuer with this identifier. FB_ISSUER_MISMATCH: there is none. FB_ISSUER_NEEDED:
 * nobody has been asked yet. */
fb_status fb__resolving_select(fb__resolving *resolving, const uint64_t hash[2], fb_slice iss, double now,
                               fb__issuer **out);
/* For an issuer that was added: whether it is one of the verifier's still, and as fb__issuer_generation. */
bool fb__resolving_generation(fb__resolving *resolving, fb__issuer *issuer, double now, uint64_t *out);
bool fb__resolving_lists(fb__resolving *resolving, fb__issuer *issuer);
/* The issuer with this number, for a new user; NULL. It may be gone already, if a host fetches for it. */
fb__issuer *fb__resolving_issuer(fb__resolving *resolving, uint64_t number);
/* A host has begun or completed a fetch for this issuer. */
void fb__resolving_fetching(fb__resolving *resolving, fb__issuer *issuer, bool fetching);
size_t fb__resolving_count(fb__resolving *resolving);
void fb__resolving_each(fb__resolving *resolving, void (*visit)(void *context, fb__issuer *issuer), void *context);
void fb__resolving_stats(fb__resolving *resolving, double now, fb_stats *out);
/* Takes over the caller's use of an issuer without a number. */
void fb__resolving_add(fb__resolving *resolving, const uint64_t hash[2], fb__issuer *issuer);

/* As the functions of fastbearer.h. */
fb_status fb__resolving_begin(fb__resolving *resolving, const uint64_t hash[2], fb_slice identifier, double now,
                              fb_resolution *out, fb_error *error);
bool fb__resolving_under_way(fb__resolving *resolving, const uint64_t hash[2], fb_slice identifier, double now);
/* How many bytes the identifier has that this ticket is for; 0: there is no such ticket. */
size_t fb__resolving_identifier(fb__resolving *resolving, uint64_t ticket, char out[FB_IDENTIFIER_ROOM]);
/* issuer: with FB_RESOLVED, as for fb__resolving_add. False: there is no such ticket. */
bool fb__resolving_end(fb__resolving *resolving, uint64_t ticket, fb_resolve_outcome outcome, fb__issuer *issuer,
                       double now);
bool fb__resolving_wait(fb__resolving *resolving, uint64_t ticket, double timeout);

/* ---- verify.c */

/* What is asked after a token has been accepted, before that is counted: whether this sender may use it. */
typedef fb_status fb__sender_check(void *context, const fb_result *result, fb_error *error);

/* What an issuer has said of a token: fb_introspection, complete. */
typedef struct fb__introspected {
    uint64_t issuer; /* its number */
    fb_introspection said;
} fb__introspected;

/* A token, and who asks. after_fetch: as fb_verify_after_fetch. */
typedef struct fb__question {
    fb_slice token;
    fb_clock clock;
    bool after_fetch;
    uint64_t key_request;
    const fb__introspected *introspected; /* NULL: keys verify the token */
    fb__sender_check *check_sender;
    void *context;
} fb__question;

fb_status fb__verify(const fb_verifier *verifier, const fb__question *question, fb_result **out, fb_error *error);
/* fb_verify and its like without a request: whoever sends it. */
fb_status fb__verify_bearer(const fb_verifier *verifier, fb__question question, fb_result **out, fb_error *error);
/* introspected.c: what is asked besides the claims. On success *out is the caller's. */
fb_status fb__introspected_verify(const fb_verifier *verifier, fb__issuer *issuer, const fb__question *question,
                                  fb_result **out, fb_error *error);
/* verify.c: the claims of a response that is a JWT (RFC 9701), which issuer->responses allows. The reasons are those of
 * a token. */
fb_status fb__verify_response(const fb_verifier *verifier, fb__issuer *issuer, const fb__question *question,
                              fb_result **out, fb_error *error);
/* Copies a caller's fb_introspection over the defaults. */
fb_status fb__introspected_complete(fb__introspected *out, uint64_t issuer, const fb_introspection *given,
                                    fb_error *error);
/* As fb__signature_verify, between the callbacks of the options. */
fb_status fb__verify_signature(const fb_verifier *verifier, fb__verification_key *key, const fb__alg *alg,
                               fb_slice signing_input, fb_slice signature, bool with_tables);

/* ---- verifier.c, verifier_keys.c, inspect.c, issuer_info.c: the verifier */

struct fb_verifier {
    fb_mem mem;
    size_t max_token_bytes;
    fb__policy_base *base;
    fb__table_budget *budget; /* of the tables of all its issuers' keys */
    fb__issuers issuers;
    fb__resolving *resolving;                 /* NULL: no others are added */
    fb__issuer *sole;                         /* whose all tokens are; NULL: their iss says whose they are */
    fb__issuer *opaque;                       /* who is asked about what is not a JWT; NULL: nobody */
    fb__cache *cache;                         /* NULL: switched off */
    void *(*before_signature)(void *context); /* both or none */
    void (*after_signature)(void *context, void *before);
    void *signature_context;
    bool requires_dpop;          /* no token is accepted without a proof */
    struct fb__dpop *dpop;       /* the floor's above; NULL: DPoP is not used */
    fb_revocations *revocations; /* the same; NULL: nothing is revoked */
    fb_status (*check_revoked)(fb_revocations *revocations, const fb_result *result, double now, fb_error *error);
    atomic_uint_least64_t outcomes[FB__STATUS_COUNT], introspections;
};

/* verify.c: whose a token says that it is: out->iss is set. The other steps of a verification up to there, as well. */
fb_status fb__verify_read_iss(const fb_verifier *verifier, fb_slice token, fb_result **out, fb_error *error);
/* verifier.c, inspect.c: fb_verifier_new, fb_verifier_free and fb_verifier_stats without what the floor above adds.
 * options is complete, and so is out. */
fb_status fb__verifier_new(fb_verifier **out, const fb_options *options, fb_error *error);
void fb__verifier_free(fb_verifier *verifier);
fb_status fb__verifier_stats(const fb_verifier *verifier, double monotonic_seconds, fb_stats *out, fb_error *error);

/* "Fetch, or ask, then verify again" is not a verdict on a token. */
static inline bool fb__is_verdict(fb_status status)
{
    return status != FB_KEYS_NEEDED && status != FB_ISSUER_NEEDED && status != FB_INTROSPECTION_NEEDED;
}
/* Counts the outcome of a verification; issuer may be NULL. */
void fb__verifier_count(const fb_verifier *verifier, fb__issuer *issuer, fb_status status);
/* Whether an issuer of its is none of the options'. */
static inline bool fb__verifier_added(const fb_verifier *verifier, const fb__issuer *issuer)
{
    return issuer->number > verifier->issuers.count;
}
/* The issuer with this number, for a new user; NULL: there is none (any more). */
fb__issuer *fb__verifier_issuer(const fb_verifier *verifier, uint64_t number);
/* Calls visit for every issuer that there is now, those of the options first. */
void fb__verifier_each(const fb_verifier *verifier, void (*visit)(void *context, fb__issuer *issuer), void *context);
/* How many there are now. */
size_t fb__verifier_issuer_count(const fb_verifier *verifier);

/* Those that there are now, in the order of their numbers. */
typedef struct fb__issuer_list {
    size_t count, room;
    fb__issuer **items; /* each a user's */
} fb__issuer_list;
/* False: out of memory. */
bool fb__verifier_collect(const fb_verifier *verifier, fb__issuer_list *out);
void fb__verifier_leave(const fb_verifier *verifier, fb__issuer_list *list);

#endif
