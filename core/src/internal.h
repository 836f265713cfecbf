/*
 * What the files of the core share with each other and with nobody else. One section per file, in the order in which a
 * token passes through them. Nothing here is exported from the library.
 */
#ifndef FB_INTERNAL_H
#define FB_INTERNAL_H

#include "fastbearer.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* OpenSSL refuses what is larger only after costly work (CVE-2023-6237), so we do before. */
enum {
    FB__RSA_MIN_BITS = 2048,
    FB__RSA_MAX_BITS = 8192,
    FB__MAX_SIGNATURE = FB__RSA_MAX_BITS / 8,
    FB__MAX_DIGEST = 64,
    FB__MAX_DER = 144, /* SEQUENCE of two INTEGERs of 66 bytes */
    FB__MAX_KEYS = 100,
    FB__MAX_DEPTH = 32,
    FB__MAX_NUMBER = 256,
    FB__MAX_TOKEN = 65536,
    FB__MAX_HEADER = 12288,     /* decoded; what fits into the default token size */
    FB__MAX_HEADER_NODES = 512, /* bounds the work that an unsigned header can cause */
    FB__MAX_REQUIRED_SCOPES = 64
};

static inline bool fb__slice_equal(fb_slice a, fb_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* ---- status.c: outcomes and error texts ----------------------------------------------------- */

/* Fills error (may be NULL) and returns status, so that a caller can write `return fb__fail(...)`. */
fb_status fb__fail(fb_error *error, fb_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with fb_status_text as the text; claim may be absent. Cheap: for rejected tokens. */
fb_status fb__reject(fb_error *error, fb_status status, fb_slice claim);

/* Whether the last thing that OpenSSL reported since its queue was marked is that it ran out of memory. */
bool fb__openssl_out_of_memory(void);

/* Dense index of a status, 0 .. FB__STATUS_COUNT - 1, for counters; and back. */
enum { FB__STATUS_COUNT = 36 };
size_t fb__status_index(fb_status status);
fb_status fb__status_at(size_t index);

/* ---- memory.c: allocation through the object's fb_mem --------------------------------------------------------------
 */

extern const fb_mem fb__mem_default;
void *fb__alloc(const fb_mem *mem, size_t size);  /* uninitialised; NULL when there is none */
void *fb__zalloc(const fb_mem *mem, size_t size); /* zeroed */
void fb__free(const fb_mem *mem, void *memory);

/* ---- base64url.c: RFC 4648 section 5, unpadded, canonical ----------------------------------- */

/* Bytes that size characters decode to; size % 4 == 1 never decodes. */
static inline size_t fb__base64url_decoded_size(size_t size)
{
    return size / 4 * 3 + (size % 4 == 0 ? 0 : size % 4 - 1);
}
/* Alphabet, length and zero trailing bits. Empty text is valid. */
bool fb__base64url_valid(const char *text, size_t size);
/* Decodes into out, which has room for fb__base64url_decoded_size(size). False (out undefined) when not valid. */
bool fb__base64url_decode(const char *text, size_t size, unsigned char *out);
/* Writes (size * 4 + 2) / 3 characters, no NUL; returns how many. */
size_t fb__base64url_encode(const void *data, size_t size, char *out);

/* ---- token.c: the three segments ------------------------------------------------------------------------------------
 */

typedef struct fb__token {
    fb_slice header;        /* base64url text, valid */
    fb_slice payload;       /* base64url text, valid */
    fb_slice signature;     /* base64url text, valid */
    fb_slice signing_input; /* header "." payload as received (RFC 7515 section 5.2) */
} fb__token;

/* FB_OK or FB_TOKEN_MALFORMED. Allocates nothing. */
fb_status fb__token_split(const char *text, size_t size, fb__token *out);

/* ---- json.c: the strict reader -------------------------------------------------------------- */

enum {
    FB__JSON_STRICT = 0,
    FB__JSON_LENIENT =
        1 /* NaN, Infinity, -Infinity, NUL escapes, any number and duplicate names, for minting test tokens */
};

typedef enum fb__json_status {
    FB__JSON_OK,
    FB__JSON_INVALID,
    FB__JSON_TOO_MANY_NODES,
    FB__JSON_NO_MEMORY
} fb__json_status;

/* An upper bound of the nodes that text can have, without parsing it. */
size_t fb__json_bound(const char *text, size_t size);

/*
 * Reads one JSON object that fills text whole, into at most capacity nodes. Iterative; depth <= max_depth (the object
 * itself is depth 1). mem serves the duplicate check of large objects only.
 */
fb__json_status fb__json_scan(const char *text, size_t size, unsigned flags, size_t max_depth, const fb_mem *mem,
                              fb_node *nodes, size_t capacity, size_t *count);

/* Index of the value of member name (unescaped) of the object at index object; 0: no such member. */
size_t fb__json_member(const char *text, const fb_node *nodes, size_t object, fb_slice name);

/* Whether the string node has this value, after unescaping. */
bool fb__json_equal(const char *text, const fb_node *node, fb_slice value);

/* A NumericDate (RFC 7519 section 2): seconds as a double, and cut to whole seconds towards zero. */
typedef struct fb__seconds {
    double value;
    int64_t whole;
} fb__seconds;

/* False when the node is not a number, or is one outside of int64 seconds. */
bool fb__json_seconds(const char *text, const fb_node *node, fb__seconds *out);

/* ---- alg.c: the table of algorithms --------------------------------------------------------- */

typedef enum fb__kty { FB__KTY_NONE, FB__KTY_RSA, FB__KTY_EC, FB__KTY_OKP, FB__KTY_OCT } fb__kty;
typedef enum fb__curve {
    FB__CURVE_NONE,
    FB__CURVE_P256,
    FB__CURVE_P384,
    FB__CURVE_P521,
    FB__CURVE_SECP256K1,
    FB__CURVE_ED25519,
    FB__CURVE_ED448
} fb__curve;
typedef enum fb__hash { FB__HASH_NONE, FB__HASH_SHA256, FB__HASH_SHA384, FB__HASH_SHA512 } fb__hash;

/* RFC 7518 section 3.1, RFC 8037, RFC 8812, RFC 9864. Every check reads this table. */
typedef struct fb__alg {
    char name[8];
    uint8_t name_size;
    fb__kty kty;
    fb__curve curve; /* EC: the one curve. OKP: the one curve, or NONE for EdDSA, which is any of the two */
    fb__hash hash;   /* NONE for EdDSA */
    bool pss;
    uint16_t signature_size; /* 0: the size of the key (RSA), or of the curve (EdDSA) */
    uint16_t min_bits;       /* RSA modulus, HMAC secret */
} fb__alg;

enum { FB__ALG_COUNT = 16 };
extern const fb__alg fb__algs[FB__ALG_COUNT];
const fb__alg *fb__alg_find(fb_slice name); /* exact; NULL when unknown */
static inline size_t fb__alg_index(const fb__alg *alg)
{
    return (size_t)(alg - fb__algs);
}
static inline uint32_t fb__alg_bit(const fb__alg *alg)
{
    return (uint32_t)1 << fb__alg_index(alg);
}
size_t fb__hash_size(fb__hash hash);
const char *fb__curve_name(fb__curve curve); /* JWK crv, "P-256" */

/* ---- key.c: one key ------------------------------------------------------------------------- */

enum { FB__SLOTS = 4 }; /* ready contexts that a key keeps per algorithm; more threads make their own for the moment */

/*
 * A tagged struct, never a union that is read by alg (CVE-2026-44699). Immutable after creation but for the context
 * slots, which are exchanged atomically.
 */
typedef struct fb__key {
    fb__kty kty;
    fb__curve curve;
    int bits;
    uint32_t algs;         /* fb__alg_bit of each algorithm that this key may verify; 0: unusable */
    size_t signature_size; /* RSA, EC, OKP */
    fb_slice kid;          /* own copies, absent when the JWK has none */
    fb_slice kty_text, alg_text, crv_text;
    const char *problem;   /* constant text: why it is unusable, or what was ignored; NULL: nothing */
    char *text;            /* the one block that holds the copies */
    EVP_PKEY *pkey;        /* RSA, EC, OKP */
    unsigned char *secret; /* OCT */
    size_t secret_size;
    _Atomic(void *) slots[FB__ALG_COUNT][FB__SLOTS]; /* of signature.c */

    /* Of fast.c. */
    const struct fb__fast_path *fast; /* what could serve this key; NULL: OpenSSL alone */
    struct fb__tables *tables;        /* of the key's set */
    atomic_uint fast_uses;            /* valid tokens by OpenSSL, then all tokens by the table */
    atomic_bool fast_claimed;         /* a table is being built, has been built, or cannot be */
    _Atomic(const void *) fast_table; /* set once, when it is complete */
    void *fast_memory;
    size_t fast_bytes;
} fb__key;

/* What the keys of one set have in common: tables are bounded in bytes for all of them together. */
typedef struct fb__tables {
    const fb_mem *mem;
    atomic_size_t bytes;
} fb__tables;
enum { FB__MAX_TABLE_BYTES = 4 << 20 };

/* Each fills key (which the caller zeroed) or leaves an error text that names the option. */
fb_status fb__key_from_pem(fb__key *key, const fb_mem *mem, fb_slice pem, fb_error *error);
fb_status fb__key_from_secret(fb__key *key, const fb_mem *mem, fb_slice secret, uint32_t algs, bool allow_short,
                              fb_error *error);
/* An unusable key is not a failure: key->problem says why. False: out of memory. */
bool fb__key_from_jwk(fb__key *key, const fb_mem *mem, const json_t *object);

void fb__key_clear(fb__key *key, const fb_mem *mem);
/* What key->pkey is: fills kty, curve, bits, sizes and algs, or says in constant text why it cannot be used. */
const char *fb__key_classify(fb__key *key);
const char *fb__curve_openssl_name(fb__curve curve);

/* ---- jwks.c: key-set documents and the choice of a key -------------------------------------- */

/* An immutable snapshot. Readers hold a reference; it is replaced whole. */
typedef struct fb__keyset {
    atomic_size_t references;
    fb_mem mem;
    uint64_t generation; /* set by whoever publishes it; 0 for static keys */
    bool ignore_kid;     /* one static key: PEM or secret */
    fb__tables tables;
    size_t count;
    fb__key keys[];
} fb__keyset;

fb_status fb__keyset_from_pem(fb__keyset **out, const fb_mem *mem, fb_slice pem, fb_error *error);
fb_status fb__keyset_from_secret(fb__keyset **out, const fb_mem *mem, fb_slice secret, uint32_t algs, bool allow_short,
                                 fb_error *error);
/* FB_CONFIGURATION_INVALID with a text when the document is not a key set with at least one usable key. */
fb_status fb__keyset_from_jwks(fb__keyset **out, const fb_mem *mem, fb_slice document, fb_error *error);
fb__keyset *fb__keyset_retain(fb__keyset *set);
void fb__keyset_release(fb__keyset *set); /* NULL is fine */

/* FB_OK, FB_KEY_NOT_FOUND, FB_KEY_AMBIGUOUS, FB_KEY_UNSUITABLE. kid absent: the only key that fits. */
fb_status fb__keyset_select(fb__keyset *set, fb_slice kid, const fb__alg *alg, fb__key **out);

/* ---- fast.c: arithmetic of our own, and the watch over it ----------------------------------- */

enum { FB__FAST_CHECK = 4096 }; /* one verification in so many is done by OpenSSL as well */

/* Once per key, before it is shared: finds out what could serve it. */
void fb__fast_adopt(fb__key *key, fb__tables *tables);
/* OpenSSL has verified a token with this key. The call that makes it enough builds the table. */
void fb__fast_count(fb__key *key);
/* For key->fast->verify; NULL: OpenSSL's turn. */
const void *fb__fast_table(const fb__key *key);
/* Counts a verification by the table; whether this one is OpenSSL's as well. */
bool fb__fast_check_due(fb__key *key);
void fb__fast_disagreed(const fb__key *key);
void fb__fast_forget(fb__key *key);
void fb__fast_stats(fb_stats *out);

/* ---- signature.c: the only caller of OpenSSL's verification --------------------------------- */

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

/* ---- policy.c: the options, checked and copied ---------------------------------------------- */

typedef struct fb__policy {
    uint32_t algs;
    bool hmac;
    bool fast; /* arithmetic of our own may verify signatures */
    fb_list issuers, audiences, required_scopes, required_claims, scope_claims, client_id_claims;
    fb_slice client_id_default;
    double leeway;
    bool require_exp;
    enum { FB__TYPE_DEFAULT, FB__TYPE_ACCESS_TOKEN, FB__TYPE_ANY } token_type;
    size_t max_token_bytes;
    void *text; /* one block that holds all copied text */
} fb__policy;

/* FB_OK, FB_CONFIGURATION_INVALID (text names the option), FB_OUT_OF_MEMORY. options is complete (see fb_verifier_new).
 */
fb_status fb__policy_new(fb__policy *out, const fb_mem *mem, const fb_options *options, fb_error *error);
void fb__policy_clear(fb__policy *policy, const fb_mem *mem);

/* ---- header.c: what the JOSE header says ---------------------------------------------------- */

typedef struct fb__header {
    const fb__alg *alg;
    fb_slice kid; /* unescaped, absent when there is none; points into the caller's buffer */
} fb__header;

/* buffer: FB__MAX_HEADER bytes that outlive out. Everything that is decided before a key is looked for. */
fb_status fb__header_read(const fb__policy *policy, fb_slice segment, char *buffer, fb__header *out, fb_error *error);

/* ---- claims.c, result.c: the payload -------------------------------------------------------- */

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
    fb_list scopes;
    fb_slice few_scopes[FB__FEW_SCOPES]; /* what scopes points to unless there are more */
    char *unescaped;                     /* values of strings that hold escapes; NULL when no claim that we keep does */
    size_t unescaped_size;
    char *own; /* text that did not come from the token */
};

/* Decodes and scans the payload segment of a token whose signature is verified. */
fb_status fb__result_new(fb_result **out, const fb_mem *mem, fb_slice payload_segment);
fb_result *fb__result_retain(fb_result *result);
/* The value of a string node: a slice of the payload, or, escaped, unescaped into the result. False: out of memory. */
bool fb__result_text(fb_result *result, const fb_node *node, fb_slice *out);
/* A copy of text that lives as long as the result; once per result. False: out of memory. */
bool fb__result_own(fb_result *result, fb_slice text, fb_slice *out);

/* All rules about claims; fills client_id, subject, resource, scopes and the times. */
fb_status fb__claims_check(const fb__policy *policy, fb_result *result, double now, fb_error *error);
/* Only those that depend on now, for a result that passed fb__claims_check before. */
fb_status fb__claims_check_time(const fb__policy *policy, const fb_result *result, double now, fb_error *error);

/* ---- cache.c: verified tokens --------------------------------------------------------------- */

typedef struct fb__cache fb__cache;
typedef struct fb__cache_key {
    uint64_t hash[2];
} fb__cache_key;

fb_status fb__cache_new(fb__cache **out, const fb_mem *mem, size_t entries, size_t bytes);
void fb__cache_free(fb__cache *cache);
fb__cache_key fb__cache_key_of(const fb__cache *cache, const char *token, size_t size);
/* A reference to the result of exactly this token under this generation of keys, or NULL. What is dead by now goes. */
fb_result *fb__cache_get(fb__cache *cache, fb__cache_key key, const char *token, size_t size, uint64_t generation,
                         double now);
/* Keeps a reference of its own. Not being able to is no error. dead_at: Unix seconds (exp + leeway), INFINITY for never
 */
void fb__cache_put(fb__cache *cache, fb__cache_key key, const char *token, size_t size, uint64_t generation,
                   fb_result *result, double dead_at, double now);
void fb__cache_stats(fb__cache *cache, fb_stats *out);

/* ---- freshness.c, url.c: what a response and a configuration say about fetching ----------------------------------
 */

/* Seconds that a response stays fresh: Cache-Control max-age less Age, 60 .. 3600; 600 when there is no max-age. */
double fb__freshness(fb_slice cache_control, fb_slice age);

/* FB_OK, or FB_CONFIGURATION_INVALID with a text that names jwks_uri. The others take a URL that passed. */
fb_status fb__url_check(fb_slice url, bool allow_http, fb_error *error);
bool fb__url_loopback(fb_slice url);
size_t fb__url_shown_size(fb_slice url); /* how much of it may be logged: all before the query */

/* ---- schedule.c: when to fetch, a state machine without keys, locks or clock --------------------------------------
 */

typedef struct fb__schedule {
    double refresh_interval, stale_if_error, timeout;
    uint64_t random;
    bool held; /* a set has been fetched, however long ago */
    double fresh_until, ahead_at;
    bool miss_free; /* the held set did not come from a fetch for an unknown key id, and none has been made since */
    double miss_at; /* start of the last fetch for an unknown key id */
    unsigned failures;
    double retry_at;          /* end of the back-off */
    uint64_t ticket, tickets; /* the fetch in flight, 0: none; how many there have been */
    double started_at;
    bool for_token, for_miss; /* a token waits for the fetch in flight; it was started for an unknown key id */
    double offered_at;        /* when fb__schedule_due last said so */
} fb__schedule;

void fb__schedule_init(fb__schedule *schedule, double refresh_interval, double stale_if_error, double timeout,
                       uint64_t seed);
double fb__schedule_usable_until(const fb__schedule *schedule);
bool fb__schedule_usable(const fb__schedule *schedule, double now);
bool fb__schedule_in_flight(const fb__schedule *schedule, double now);
double fb__schedule_retry_after(const fb__schedule *schedule, double now); /* what is left of the back-off */
bool fb__schedule_miss_worth(const fb__schedule *schedule, double now);    /* a fetch for an unknown key id */
bool fb__schedule_due(fb__schedule *schedule, double now);
/* answered: the held set has the key id that was asked for. FB_FETCH_NOW sets schedule->ticket. */
fb_refresh_decision fb__schedule_begin(fb__schedule *schedule, double now, fb_refresh_reason reason, bool answered);
/* How the fetch in flight ended. answered: the new set has every key id that was asked for meanwhile. */
void fb__schedule_succeed(fb__schedule *schedule, double now, double lifetime, bool answered);
void fb__schedule_fail(fb__schedule *schedule, double now);
void fb__schedule_abandon(fb__schedule *schedule); /* it is another process's */

/* ---- keyring.c: a key set behind a URL, and when to fetch it -------------------------------- */

typedef struct fb__keyring fb__keyring;

fb_status fb__keyring_new(fb__keyring **out, const fb_mem *mem, const fb_options *options, fb_error *error);
fb__keyring *fb__keyring_retain(fb__keyring *ring);
void fb__keyring_release(fb__keyring *ring);

/*
 * FB_OK: *out is a reference to the keys to use now. FB_KEYS_NEEDED: none are held and a fetch is allowed; *key_request
 * is set. FB_KEYS_UNAVAILABLE: none can be had for *retry_after seconds.
 */
fb_status fb__keyring_acquire(fb__keyring *ring, double now, fb_slice kid, fb__keyset **out, uint64_t *key_request,
                              double *retry_after);
/* kid is not in the set that was acquired: FB_KEYS_NEEDED when that is worth a fetch now, else FB_KEY_NOT_FOUND. */
fb_status fb__keyring_missing(fb__keyring *ring, double now, fb_slice kid, const fb__keyset *set,
                              uint64_t *key_request);
uint64_t fb__keyring_generation(fb__keyring *ring, double now); /* 0: no usable keys are held now */
fb_status fb__keyring_begin(fb__keyring *ring, double now, fb_refresh_reason reason, uint64_t key_request,
                            fb_fetch *out);
fb_status fb__keyring_complete(fb__keyring *ring, uint64_t ticket, double now, const fb_fetched *fetched,
                               fb_error *error);
bool fb__keyring_wait(fb__keyring *ring, uint64_t ticket, double timeout);
bool fb__keyring_due(fb__keyring *ring, double now);
fb__keyset *fb__keyring_held(fb__keyring *ring); /* a reference, however old; NULL: none */
/* The whole refresh with libcurl; FB_CONFIGURATION_INVALID in a build without it. */
fb_status fb__keyring_refresh(fb__keyring *ring, fb_refresh_reason reason, uint64_t key_request, fb_error *error);
void fb__keyring_stats(fb__keyring *ring, double now, fb_stats *out);

/* ---- fetch_address.c: for ssrf_safe; addresses in network order
 */

bool fb__address_public_ipv4(const unsigned char *address); /* 4 bytes */
bool fb__address_public_ipv6(const unsigned char *address); /* 16 bytes */

/* ---- fetch_curl.c: one limited GET. Left out of builds without libcurl ---------------------- */

typedef struct fb__fetcher fb__fetcher; /* connection reuse between refreshes; one thread at a time */

typedef struct fb__fetch_options {
    fb_slice ca_file, ca_path;
    bool allow_http, ssrf_safe, trust_env;
} fb__fetch_options;

/* Blocks for at most fetch->timeout. *fetched points into the fetcher and is valid until the next call. */
fb_status fb__fetcher_new(fb__fetcher **out, const fb_mem *mem, const fb__fetch_options *options);
void fb__fetcher_free(fb__fetcher *fetcher);
void fb__fetcher_get(fb__fetcher *fetcher, const fb_fetch *fetch, fb_fetched *fetched);

/* ---- verify.c, inspect.c: the verifier ------------------------------------------------------------------------------
 */

struct fb_verifier {
    fb_mem mem;
    fb__policy policy;
    fb__keyset *static_keys; /* exactly one of the two */
    fb__keyring *ring;
    fb__cache *cache; /* NULL: switched off */
    void (*around_signature)(bool begin);
    atomic_uint_least64_t outcomes[FB__STATUS_COUNT];
};

/* ---- fork.c: what a child must not inherit -------------------------------------------------- */

/* Changes in every child of a fork. Objects that hold locks or handles remember it and start those afresh when it
 * differs. */
unsigned fb__fork_generation(void);

#endif
