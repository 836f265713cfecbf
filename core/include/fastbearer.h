/**
 * @file fastbearer.h
 * @brief Bearer-token authentication for servers that speak HTTP.
 *
 * This header is the manual of the C library. It is the only public header, it needs nothing but the C standard
 * library, and it compiles as C11 and as C++17.
 *
 * The library verifies JWT access tokens in JWS compact serialisation (RFC 7515, RFC 7519) of one issuer or of several,
 * each with one key, a key-set document (RFC 7517), or a key set behind a URL that is given or found by discovery (RFC
 * 8414), and mints tokens for tests. What is accepted is strict by default; an option that loosens a rule says so in
 * its text.
 *
 *     fb_issuer issuer = FB_ISSUER_INIT;
 *     issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
 *     issuer.public_key = fb_text(pem);
 *     fb_options options = FB_OPTIONS_INIT;
 *     options.issuers = &issuer;
 *     options.issuer_count = 1;
 *     options.audiences = FB_LIST(fb_text("https://api.example/mcp"));
 *     fb_error error = FB_ERROR_INIT;
 *     fb_verifier *verifier = NULL;
 *     if (fb_verifier_new(&verifier, &options, &error) != FB_OK) {
 *         die(error.text);
 *     }
 *     fb_result *result = NULL;
 *     if (fb_verify(verifier, token, token_size, fb_clock_now(), &result, &error) == FB_OK) {
 *         fb_slice client = fb_result_client_id(result);
 *         ...
 *         fb_result_free(result);
 *     }
 *     fb_verifier_free(verifier);
 *
 * @par Text and numbers
 * Text and bytes are passed as (pointer, size). Nothing depends on a terminating NUL: a NUL is data. Text is UTF-8.
 * Times are seconds and sizes are bytes, everywhere.
 *
 * @par Ownership
 * What comes back through a pointer-to-pointer belongs to the caller, who frees it with the function named in its text.
 * What a function returns directly (an fb_slice, a const pointer) belongs to the object it was asked of and lives
 * exactly as long as that object. What a caller passes in is copied, and need not outlive the call.
 *
 * @par Structures that the caller allocates
 * They begin with their size and are started from the FB_..._INIT of their name, options and outputs alike. So a newer
 * library can know more members than the program that uses it, and leaves alone what is not there. The few without a
 * size are values that never change: fb_slice, fb_list, fb_mem, fb_clock, and what arrays hold (fb_required_claim,
 * fb_scope_rule, fb_header, fb_rpc_rule).
 *
 * @par Errors
 * Every function that can fail returns an fb_status and, where it takes an fb_error (which may be NULL), fills it in.
 * There is no other error state: no errno, no global, no thread-local, and OpenSSL's error queue is as the caller left
 * it. A failed allocation is FB_OUT_OF_MEMORY of that one call, and changes nothing else.
 *
 * @par Threads and processes
 * Any thread may use one verifier at the same time, with every function that takes a const fb_verifier. Objects that
 * were handed out (fb_result, fb_keypair, fb_keys) never change after creation and may be read from any thread; whoever
 * frees one must be its last user. A child of fork() may go on using what it inherited.
 *
 * @par What the library does not do
 * It does not log. Only fb_verifier_refresh and fb_verifier_refresh_start talk to the network, and start a thread for
 * that; only they, fb_verifier_refresh_wait and fb_clock_now read a clock. The library itself reads no environment, but
 * what fetches may: libcurl (proxies, with trust_env) and the resolver.
 */
#ifndef FASTBEARER_H
#define FASTBEARER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define FB_API
#else
/** Marks what the library exports. */
#define FB_API __attribute__((visibility("default")))
#endif
/** Marks functions whose outcome must not be ignored. */
#define FB_MUST_CHECK __attribute__((warn_unused_result))

/**
 * @defgroup versions Versions
 * @{
 */

/** The version of this header. */
#define FB_VERSION "0.1.0"

/** Its first number. */
#define FB_VERSION_MAJOR 0

/** Its second number. */
#define FB_VERSION_MINOR 1

/** Its third number. */
#define FB_VERSION_PATCH 0

/** One number that grows with every version, for \#if: FB_VERSION_NUMBER >= 1002003 is "1.2.3 or newer". */
#define FB_VERSION_NUMBER (FB_VERSION_MAJOR * 1000000 + FB_VERSION_MINOR * 1000 + FB_VERSION_PATCH)

/** The version of the library that is running, "0.1.0". Constant text. */
FB_API const char *fb_version(void);

/** The version of the OpenSSL library that is running, "3.0.19", which can differ from that it was compiled with.
 * Constant text. */
FB_API const char *fb_openssl_version(void);

/** The version of the jansson library that is running, "2.14". Constant text. */
FB_API const char *fb_jansson_version(void);

/** What is running: this library and those that it works with. All text is constant. */
typedef struct fb_version_info {
    /** sizeof(fb_version_info), set by FB_VERSION_INFO_INIT. */
    size_t size;
    /** This library: fb_version(). */
    const char *fastbearer;
    /** OpenSSL: fb_openssl_version(). */
    const char *openssl;
    /** jansson: fb_jansson_version(). */
    const char *jansson;
    /** libcurl, "8.17.0"; NULL in a build without it, where the host fetches. */
    const char *curl;
    /** Whether these libraries are parts of the build, as in the published packages: then a fault in one of them is
     * mended by a newer version of this library, else by the system's update. */
    bool built_in;
} fb_version_info;

/** Starts an fb_version_info. */
#ifdef __cplusplus
static inline fb_version_info fb_version_info_init(void)
{
    fb_version_info info = fb_version_info();
    info.size = sizeof(fb_version_info);
    return info;
}
#define FB_VERSION_INFO_INIT fb_version_info_init()
#else
#define FB_VERSION_INFO_INIT {.size = sizeof(fb_version_info)}
#endif

/**
 * Fills out, which starts from FB_VERSION_INFO_INIT. False, and nothing is written, when its size is smaller than the
 * first fb_version_info was. Thread-safe.
 */
FB_API FB_MUST_CHECK bool fb_versions(fb_version_info *out);

/** @} */

/**
 * @defgroup exit The end of the process
 * @{
 */

/**
 * For hosts whose threads go on running while the process ends, such as Python's daemon threads: OpenSSL frees its
 * state in an exit handler, and a thread that works with it at that moment would crash. From the first call on, exit()
 * waits until no thread is inside OpenSSL through this library, for 3 seconds, or on a busy machine until each has had
 * 3 seconds of a processor, at most 30 seconds; and threads that call the library later stop there until the process is
 * gone. So an exit handler must not wait for such a thread. The thread that calls exit() may go on using the library.
 * Thread-safe; further calls have no effect.
 */
FB_API void fb_guard_exit(void);

/**
 * Does at once what exit() does after fb_guard_exit, and exit() then waits for nobody. For a host that frees, before it
 * calls exit(), what its threads need when they come back from the library, such as an interpreter. The calling thread
 * may go on using the library. A host that starts again calls fb_guard_exit again: threads that stopped stay where they
 * are, and others may use the library. Thread-safe; further calls have no effect.
 */
FB_API void fb_begin_exit(void);

/** @} */

/**
 * @defgroup text Text, lists, memory
 * @{
 */

/**
 * A piece of text or bytes that somebody else owns. data == NULL means "absent"; size may be 0 with data set: "empty".
 */
typedef struct fb_slice {
    const char *data; /**< not NUL-terminated */
    size_t size;      /**< in bytes */
} fb_slice;

/**
 * An array of slices. items == NULL with count 0 means "not given"; items set with count 0 means "given, and empty".
 * items == NULL with a count is a configuration error.
 */
typedef struct fb_list {
    const fb_slice *items; /**< the first of count */
    size_t count;          /**< how many there are */
} fb_list;

/** The slice of a NUL-terminated string without its NUL; an absent slice for NULL. For configuration text, never for
 * input. */
FB_API fb_slice fb_text(const char *text);

/** A list literal that lives until the end of the enclosing block: FB_LIST(fb_text("a"), fb_text("b")). C only. */
#define FB_LIST(...) \
    ((fb_list){(const fb_slice[]){__VA_ARGS__}, sizeof((const fb_slice[]){__VA_ARGS__}) / sizeof(fb_slice)})

/**
 * Where an object gets its memory. Given once, at creation; used for everything that the object and its results
 * allocate, except inside OpenSSL, jansson and libcurl, which have hooks of their own. Both functions must be callable
 * from any thread.
 */
typedef struct fb_mem {
    /** size bytes, aligned as malloc aligns; NULL when there are none. size is at least 1. */
    void *(*allocate)(void *context, size_t size);

    /** Takes back what allocate gave; NULL is fine. */
    void (*release)(void *context, void *memory);

    /** Handed to both. It must outlive every object that was made with it. */
    void *context;
} fb_mem;

/** @} */

/**
 * @defgroup outcomes Outcomes
 *
 * One enumeration for everything that can happen. A rejected token reports the first rule that it failed, in the order
 * in which the checks run:
 *
 *     size, form of the three segments, header (JSON; crit; b64, zip, enc, cty; typ; alg; kid), choice of key,
 *     signature, payload (JSON), exp, nbf, iat, iss, aud, sub, client id, what token_type "at+jwt" demands beside
 *     these, required claims, type of the scope claims, required scopes, cnf, revocation and the proof of possession.
 *
 * Of a token that is introspected the response is checked instead: form of the token, form of the response, active, and
 * then the claims in this order.
 *
 * With one issuer nothing in the payload is read before the signature has been verified. With several the issuer, which
 * says what typ, alg and keys may be, is chosen by iss after cty: payload (JSON) and iss come then, and iss is checked
 * again, with all other claims, when the signature has been verified.
 * @{
 */

/** The numbers, and the names of fb_status_name, are stable: none is ever reused or renamed. */
typedef enum fb_status {
    FB_OK = 0, /**< it worked; the token is valid */

    /* Request: RFC 6750 sections 2 and 3.1, RFC 9449 section 7.1. From fb_verify_request only. */
    FB_TOKEN_MISSING = 11,     /**< there is no credential that this server takes */
    FB_REQUEST_MALFORMED = 12, /**< two credentials, a token in the query, or a header that is not scheme and token; of
                                    fb_rpc_check: a body that others may read differently */

    /* From fb_rpc_check and fb_rpc_check_headers only. */
    FB_REQUEST_TOO_LARGE = 13,   /**< the body is larger than fb_rpc_options.max_body_bytes */
    FB_REQUEST_UNSUPPORTED = 14, /**< the body is compressed, not UTF-8, or of another type than JSON and plain text */

    /* Form: RFC 7515 section 7.1, RFC 8259. */
    FB_TOKEN_TOO_LARGE = 101, /**< more than max_token_bytes */
    FB_TOKEN_MALFORMED = 102, /**< not three non-empty segments of unpadded, canonical base64url */
    FB_HEADER_INVALID = 103,  /**< not one strict JSON object, or a member that is read has the wrong type */
    FB_PAYLOAD_INVALID = 104, /**< not one strict JSON object */

    /* Header: RFC 7515 section 4, RFC 8725. */
    FB_ALGORITHM_NOT_ALLOWED = 201,       /**< alg is not, byte for byte, on the list */
    FB_CRITICAL_HEADER_UNSUPPORTED = 202, /**< crit is present; no extension is understood */
    FB_HEADER_UNSUPPORTED = 203,          /**< b64, zip, enc, or cty "JWT" */
    FB_TOKEN_TYPE_NOT_ALLOWED = 204,      /**< typ is not one that token_type accepts */

    /* Key: RFC 7517. */
    FB_KEY_NOT_FOUND = 301,        /**< no key has this kid, or there is no kid and no key fits */
    FB_KEY_AMBIGUOUS = 302,        /**< more than one key fits */
    FB_KEY_UNSUITABLE = 303,       /**< the key with this kid may not be used with this alg */
    FB_KEYS_UNAVAILABLE = 304,     /**< the key set cannot be had now; fb_error.retry_after says when to try again */
    FB_KEYS_NEEDED = 305,          /**< not a verdict: fetch the key set, then ask fb_verify_after_fetch */
    FB_ISSUER_NEEDED = 306,        /**< not a verdict: ask the host's resolver, see @ref resolving, then verify again */
    FB_INTROSPECTION_NEEDED = 307, /**< not a verdict: ask the issuer about this token, see @ref introspection */

    FB_SIGNATURE_INVALID = 401, /**< not made with the key over these very bytes */

    /* Time: RFC 7519 sections 4.1.4 to 4.1.6. */
    FB_EXP_MISSING = 501,            /**< absent, and require_exp or token_type "at+jwt" demands it */
    FB_EXP_INVALID = 502,            /**< not a number, or outside of 64-bit seconds */
    FB_TOKEN_EXPIRED = 503,          /**< now >= exp + leeway */
    FB_NBF_INVALID = 504,            /**< not a number, or outside of 64-bit seconds */
    FB_TOKEN_NOT_YET_VALID = 505,    /**< nbf is further in the future than leeway and clock_skew */
    FB_IAT_INVALID = 506,            /**< not a number, or outside of 64-bit seconds */
    FB_TOKEN_ISSUED_IN_FUTURE = 507, /**< iat is further in the future than leeway and clock_skew */

    /* Parties: RFC 7519 sections 4.1.1 to 4.1.3, RFC 8693 section 4.3, RFC 9068 section 2.2. */
    FB_ISS_MISSING = 601,       /**< absent, and identifiers or token_type "at+jwt" demand it */
    FB_ISS_INVALID = 602,       /**< not a string */
    FB_ISSUER_MISMATCH = 603,   /**< no issuer that is accepted here, or not the issuer whose key verified it */
    FB_AUD_MISSING = 604,       /**< absent, and audiences or token_type "at+jwt" demands it */
    FB_AUD_INVALID = 605,       /**< neither a string nor an array of strings */
    FB_AUDIENCE_MISMATCH = 606, /**< names none of audiences */
    FB_SUB_INVALID = 607,       /**< not a string */
    FB_CLIENT_ID_INVALID = 608, /**< the claim that holds the client id is not a string */
    FB_JTI_INVALID = 609,       /**< not a string; looked at with token_type "at+jwt" only */

    /* Scope: RFC 6749 section 3.3, RFC 8693 section 4.2. */
    FB_SCOPE_INVALID = 701,      /**< neither a string nor an array of strings */
    FB_INSUFFICIENT_SCOPE = 702, /**< a required scope is not granted; fb_error.missing_scopes says which */

    FB_CLAIM_MISSING = 801,  /**< a claim that required_claims or token_type "at+jwt" demands is absent */
    FB_CLAIM_MISMATCH = 802, /**< a claim has none of the values that required_claims demands */

    /* Proof of possession: RFC 7800, RFC 8705, RFC 9449, see @ref proof. */
    FB_CONFIRMATION_INVALID = 851, /**< cnf is malformed, or binds the token in no way that is known */
    FB_PROOF_MISSING = 852,        /**< the token is bound to a key, and the request does not prove that it has it */
    FB_PROOF_INVALID = 853,        /**< the proof breaks a rule of RFC 9449, or the certificate cannot be read */
    FB_PROOF_EXPIRED = 854,        /**< the proof is too old, or from the future */
    FB_PROOF_MISMATCH = 855,       /**< of another method, URL, token or key; fb_error.claim says which: htm, htu, ath,
                                        cnf */
    FB_PROOF_REPLAYED = 856,       /**< this very proof has been accepted before */
    FB_PROOF_NONCE_REQUIRED = 857, /**< all is good but the nonce: answer with a new one, see fb_verifier_nonce */

    /* Status: what only the issuer or the operator knows now, see @ref introspection and @ref revocations. */
    FB_TOKEN_INACTIVE = 871,     /**< the introspection response does not say that the token is active */
    FB_TOKEN_REVOKED = 872,      /**< it has been revoked; fb_error.claim says by what: jti or sub */
    FB_STATUS_UNAVAILABLE = 873, /**< nobody can say now whether the token is good: a store or the introspection
                                    endpoint of the issuer fails */

    /* Usage. */
    FB_CONFIGURATION_INVALID = 901, /**< an option or argument is wrong; fb_error.text names it */

    FB_OUT_OF_MEMORY = 1001, /**< this call could not be done; nothing else has changed */
    FB_INTERNAL_ERROR = 1002 /**< OpenSSL or the system failed at something that cannot fail */
} fb_status;

/** The stable name, "token_expired"; "ok" for FB_OK; "internal_error" for a number that is not a status. Constant text.
 */
FB_API const char *fb_status_name(fb_status status);

/** A sentence for people, without a word from the token. Constant text. */
FB_API const char *fb_status_text(fb_status status);

/** What to answer over HTTP: 200 for FB_OK, 400 for a malformed request (413 for a large body, 415 for an encoded one),
 * 401 for a token or proof, 403 for insufficient scope, 503 when keys or a token's status are not available, 500 for a
 * wrong configuration and for the library's own trouble. */
FB_API int fb_status_http(fb_status status);

/** The OAuth error code (RFC 6750 section 3.1): "invalid_token" for 401, "insufficient_scope" for 403,
 * "temporarily_unavailable" for 503, "server_error" for 500, "invalid_request" for 400, 413 and 415; "" for FB_OK and
 * FB_TOKEN_MISSING. For a proof "use_dpop_nonce" or "invalid_dpop_proof" (RFC 9449 section 7.1); in a challenge of the
 * scheme Bearer that is "invalid_token" instead. Constant text. */
FB_API const char *fb_status_oauth(fb_status status);

/**
 * The details of a failure. The caller owns it, starts it from FB_ERROR_INIT (or sets size, the only member that is
 * read), and need not free it. All members within size are written on failure; on success only status is. One object
 * may be used for any number of calls, one after the other.
 */
typedef struct fb_error {
    size_t size; /**< sizeof(fb_error), set by FB_ERROR_INIT */

    /** What the function returned. */
    fb_status status;

    /** A sentence, NUL-terminated, and safe to log: it never holds the token, key material or an unverified claim. Of a
     * token that was refused for a time it says by how many seconds. */
    char text[220];

    /** The key id that the token's header asked for: NUL-terminated printable ASCII (other bytes as '?'), cut to fit;
     * empty when the header was not read that far. It comes from the network: log it, do not trust it. */
    char kid[80];

    /** The claim that was missing, wrong or out of range; absent when it was none. Constant, or the verifier's. */
    fb_slice claim;

    /** Bit i is set when required_scopes.items[i] is not among the token's scopes. FB_INSUFFICIENT_SCOPE only. */
    uint64_t missing_scopes;

    /** Seconds until a fetch is allowed again, at least 0: with FB_KEYS_UNAVAILABLE, and with FB_KEY_NOT_FOUND of a key
     * set that is fetched (0: at once). text says it too when it is more than 0. */
    double retry_after;

    /** With FB_KEYS_NEEDED: what to hand to fb_verifier_refresh or fb_verifier_refresh_begin, and to
     * fb_verify_after_fetch. */
    uint64_t key_request;

    /** What this server requires, when a claim of a token or proof whose signature is verified was refused:
     * NUL-terminated printable ASCII (other bytes as '?') of at most 120 characters, empty otherwise. For logs; it must
     * not be sent to the client. */
    char expected[124];

    /** What the claim held instead, in the same form, "absent" where the token has no such claim. For logs only. */
    char actual[124];

    /** With FB_KEYS_NEEDED: how many seconds this token may wait for the fetch at most: until 2 s after the fetch began
     * when usable keys are held, otherwise for fetch_timeout and a second. */
    double wait;

    /** The issuer that was chosen for the token, as in fb_issuer_info.number; 0 when it was refused before that. */
    uint64_t issuer;
} fb_error;

#ifdef __cplusplus
static inline fb_error fb_error_init(void)
{
    fb_error error = fb_error();
    error.size = sizeof(fb_error);
    return error;
}
#define FB_ERROR_INIT fb_error_init()
#else
/** What an fb_error starts from. */
#define FB_ERROR_INIT {.size = sizeof(fb_error)}
#endif

/** @} */

/**
 * @defgroup time Time
 * @{
 */

/**
 * The moment of a verification. fb_verify reads no clock: the caller brings both.
 */
typedef struct fb_clock {
    /** Seconds since 1970-01-01T00:00:00Z, fractions welcome; any finite number. Compared with the claims. */
    double unix_seconds;

    /** Seconds from any origin, never going back; any finite number. Drives the freshness of a key set that is fetched,
     * and must be of one clock for all calls to one verifier. */
    double monotonic_seconds;
} fb_clock;

/** Both clocks of the system, now. */
FB_API fb_clock fb_clock_now(void);

/** @} */

/**
 * @defgroup options Options of a verifier
 * @{
 */

/** Verifies tokens against keys and a policy. Made by fb_verifier_new. */
typedef struct fb_verifier fb_verifier;

/** A set of revoked tokens, see @ref revocations. */
typedef struct fb_revocations fb_revocations;

/**
 * What one claim must be.
 *
 * A claim is named by its top-level name; a text that begins with "/" is a JSON Pointer (RFC 6901) into the payload:
 * "/realm_access/roles", "/permissions/0". A pointer with a wrong escape ("~2") or with more than 32 segments is a
 * configuration error. What a pointer does not reach is absent.
 */
typedef struct fb_required_claim {
    /** Which claim. */
    fb_slice claim;

    /**
     * The values that it may have, each as JSON text: a string, a number, true or false. Strings are equal character
     * by character, numbers by value: 1 is 1.0, and never "1". A claim that is an array must hold one of them. Not
     * given: it must be present, whatever its type or value. An empty list is a configuration error, and so is null, an
     * array or an object.
     */
    fb_list values;
} fb_required_claim;

/** A scope that includes others: who was granted it has them too. */
typedef struct fb_scope_rule {
    fb_slice scope;  /**< the one that is granted */
    fb_list implied; /**< what it includes; their own rules apply too */
} fb_scope_rule;

/**
 * Who may issue tokens, and where its keys are. Start from FB_ISSUER_INIT, which sets size and the defaults. All text
 * is copied.
 *
 * At most one of public_key, jwks, jwks_uri and secret says where the keys come from. Without any of them they are
 * found by discovery, for which there must be exactly one identifier, an https URL that is not a template: the metadata
 * document below it (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3) names the key set, see @ref keysets.
 */
typedef struct fb_issuer {
    size_t size; /**< sizeof(fb_issuer), set by FB_ISSUER_INIT */

    /**
     * iss must be one of these, byte for byte. One of them may be a template, and is the only one then:
     * "https://login.example/{tid}/v2.0" is any iss that has exactly the value of the token's claim tid in that place,
     * which is one whole path segment of unreserved characters (RFC 3986 section 2.3), and not "." or "..". {tenantid}
     * is read as {tid}; other uses of braces are configuration errors. An empty list is a configuration error, too. Not
     * given, which only a verifier's sole issuer may be: iss may be absent, and is not checked beyond its type.
     */
    fb_list identifiers;

    /**
     * The key as one PEM block: SubjectPublicKeyInfo ("PUBLIC KEY"), PKCS#1 ("RSA PUBLIC KEY") or X.509 ("CERTIFICATE",
     * of which only the key is used: neither its dates nor its issuer are looked at). Text and white space around the
     * block are fine. A private key, two blocks, an encrypted block or bytes after the DER are configuration errors.
     */
    fb_slice public_key;

    /**
     * A JWK set document (RFC 7517 section 5), held as given, with at most 100 keys. Keys that cannot be used are
     * skipped, and fb_verifier_keys says why; a document without one usable key is a configuration error.
     */
    fb_slice jwks;

    /**
     * An https URL of a JWK set, fetched when it is needed by fb_verifier_refresh, or by the host through
     * fb_verifier_refresh_begin and fb_verifier_refresh_complete. http only with a loopback host or allow_http.
     */
    fb_slice jwks_uri;

    /**
     * An HMAC key, at least as long as the hash (RFC 7518 section 3.2). Key material of another kind is a configuration
     * error, since whoever can read it could sign: a public or private key, a certificate or a JWK, whatever form it
     * comes in (PEM, DER, SSH, JSON; in base64 or hex, in UTF-16, with escapes). Copied, and cleansed when the verifier
     * is freed.
     */
    fb_slice secret;

    /**
     * The algorithms that are accepted, compared byte for byte with the header's alg: RS256 RS384 RS512 PS256 PS384
     * PS512 ES256 ES384 ES512 ES256K EdDSA Ed25519 Ed448 HS256 HS384 HS512. HMAC and public-key algorithms never stand
     * in one list, so that nobody can take one for the other; HMAC needs secret, the others a key. An empty list is a
     * configuration error. Default: RS256, with secret HS256.
     */
    fb_list algorithms;

    /**
     * Accept an HMAC secret that is shorter than the hash, against RFC 7518 section 3.2. For hosts whose users have
     * such secrets; an empty one is refused even so. Default false.
     */
    bool allow_short_secret;

    /** @name How its tokens differ. What is given here replaces the verifier's own; an empty list is none.
     * @{ */

    /** See fb_options.audiences; an empty list: aud is not checked. */
    fb_list audiences;

    /** See fb_options.token_type. */
    fb_slice token_type;

    /** See fb_options.scope_claims. */
    fb_list scope_claims;

    /** See fb_options.client_id_claims. */
    fb_list client_id_claims;

    /** See fb_options.required_claims. required_claim_count of them; NULL: the verifier's own. */
    const fb_required_claim *required_claims;
    size_t required_claim_count; /**< how many there are */

    /** @} */

    /** @name Key sets behind a URL, see @ref keysets. Not looked at with public_key, jwks and secret.
     * @{ */

    /** Seconds between two fetches for unknown key ids that succeed. 0 or more, finite. Default 30. */
    double refresh_interval;

    /** Seconds that held keys stay in use past their freshness when fetching fails. 0 or more, finite. Default 3600. */
    double stale_if_error;

    /** Seconds that a whole fetch may take, names and TLS included. More than 0, at most 3600. Default 10. */
    double fetch_timeout;

    /** How large the document may be, decoded. 1 .. 16 MiB. Default 65536. */
    size_t max_jwks_bytes;

    /** Accept http:// for hosts other than loopback. Default false. */
    bool allow_http;

    /**
     * Sent with every fetch, each "Name: value" (RFC 9110 section 5): a key for the provider, for example. A name is a
     * token, a value visible ASCII, spaces and tabs; Host, Content-Length, Transfer-Encoding, Connection, Accept-
     * Encoding and If-None-Match are the fetch's own, and configuration errors here. A jwks_uri that discovery found
     * gets them only when its scheme, host and port are those of the identifier: they may hold a secret.
     */
    fb_list headers;

    /** @} */

    /** @name The same, for fb_verifier_refresh and fb_verifier_refresh_start only
     * @{ */

    /** A PEM file of CA certificates. Without it and ca_path: fb_ca_bundle. SSL_CERT_FILE and SSL_CERT_DIR are the
     * host's to pass on. */
    fb_slice ca_file;

    /** A directory of hashed CA certificates. */
    fb_slice ca_path;

    /** Connect to public addresses only (see fb_address_is_public), checked on the socket that is opened. Not together
     * with trust_env. Default false. */
    bool ssrf_safe;

    /** Honour the proxy variables of the environment. Default false. */
    bool trust_env;

    /** @} */

    /**
     * Which of its tokens are introspected (RFC 7662), see @ref introspection: "opaque": those that are not JWTs, while
     * its keys verify the others. "all": every one, so without introspection_audience it has no key source; algorithms
     * and what is said of fetching is not looked at. A text that is neither is a configuration error. Not given: none.
     */
    fb_slice introspection;

    /**
     * Given: introspection responses must be JWTs (RFC 9701), verified with its keys and algorithms, whose aud names
     * this: the client_id with which the host asks. It goes with introspection, with an identifier that is not a
     * template, and without secret. Not given: responses are JSON.
     */
    fb_slice introspection_audience;
} fb_issuer;

#ifdef __cplusplus
static inline fb_issuer fb_issuer_init(void)
{
    fb_issuer issuer = fb_issuer();
    issuer.size = sizeof(fb_issuer);
    issuer.refresh_interval = 30.0;
    issuer.stale_if_error = 3600.0;
    issuer.fetch_timeout = 10.0;
    issuer.max_jwks_bytes = 65536;
    return issuer;
}
#define FB_ISSUER_INIT fb_issuer_init()
#else
/** What an fb_issuer starts from. */
#define FB_ISSUER_INIT          \
    {.size = sizeof(fb_issuer), \
     .refresh_interval = 30.0,  \
     .stale_if_error = 3600.0,  \
     .fetch_timeout = 10.0,     \
     .max_jwks_bytes = 65536}
#endif

/**
 * How DPoP proofs (RFC 9449) are checked, see @ref proof. Start from FB_DPOP_INIT. All text is copied.
 */
typedef struct fb_dpop {
    size_t size; /**< sizeof(fb_dpop), set by FB_DPOP_INIT */

    /** Seconds after its iat for which a proof is good; more than 0, at most 86400. A proof from further in the future
     * than fb_options.clock_skew is refused, too; leeway makes no difference. Default 300. */
    double max_age;

    /** Only tokens that are bound to a DPoP key are accepted, under the scheme DPoP. Default false. */
    bool required;

    /** With which algorithms proofs may be signed, as in fb_issuer.algorithms, HMAC excepted. Default: all of these but
     * ES256K. */
    fb_list algorithms;

    /** Given: proofs must carry a nonce of this server's (RFC 9449 section 9). All servers of a fleet share the secret,
     * of at least 32 bytes; nonces are made from it and the time, so nothing is stored. Cleansed when the verifier is
     * freed. */
    fb_slice nonce_secret;

    /** How many proofs are remembered, until they are too old, so that none is accepted twice; 1 .. 16777216, about 48
     * bytes each, allocated when they are needed. When there are more the oldest goes, and could be used once again:
     * fb_stats.replay_evictions counts that. Default 262144. */
    size_t replay_capacity;

    /** The host remembers proofs, in a store that a fleet shares: the library does not, and fb_proof says what is to be
     * remembered. A host whose store fails cannot know whether a proof is new, and refuses the request with
     * FB_STATUS_UNAVAILABLE. Default false. */
    bool replay_by_host;
} fb_dpop;

#ifdef __cplusplus
static inline fb_dpop fb_dpop_init(void)
{
    fb_dpop dpop = fb_dpop();
    dpop.size = sizeof(fb_dpop);
    dpop.max_age = 300.0;
    dpop.replay_capacity = 262144;
    return dpop;
}
#define FB_DPOP_INIT fb_dpop_init()
#else
/** What an fb_dpop starts from. */
#define FB_DPOP_INIT {.size = sizeof(fb_dpop), .max_age = 300.0, .replay_capacity = 262144}
#endif

/**
 * What a verifier requires of every token, whoever issued it. Always start from FB_OPTIONS_INIT, which sets size and
 * the defaults; a program compiled against an older header keeps working with a newer library. All text is copied.
 */
typedef struct fb_options {
    size_t size; /**< sizeof(fb_options), set by FB_OPTIONS_INIT */

    /** Where the verifier gets its memory. Copied. NULL: malloc and free. */
    const fb_mem *mem;

    /**
     * Whose tokens are accepted: issuer_count of them, at least one unless resolves_issuers. With several each needs an
     * identifier, no two the same, and at most 64 of them may be templates. A token belongs to the issuer with exactly
     * its iss, else to the one whose template it matches; no key of any other issuer is ever tried. How many there are
     * makes no difference to the time that a verification takes.
     */
    const fb_issuer *issuers;
    size_t issuer_count; /**< how many there are */

    /** An iss that no issuer has is not refused but answered with FB_ISSUER_NEEDED, see @ref resolving. Default
     * false. */
    bool resolves_issuers;

    /** How many issuers may be added while the verifier is in use (fb_verifier_add_issuer), 1 .. 100000; the one that
     * was used least recently makes room. Default 1000. */
    size_t max_issuers;

    /**
     * aud must name one of these, byte for byte but for the scheme and host of a URL, which compare without case (RFC
     * 3986 section 6.2.2.1). An empty list is a configuration error. Not given: aud may be absent and is not checked
     * beyond its type, so that a token issued for another service is accepted here (RFC 8725 section 3.9).
     */
    fb_list audiences;

    /** All of these must be granted, or implied by what is (scope_hierarchy); at most 64, none with a space. Default:
     * none. */
    fb_list required_scopes;

    /** Which scopes include others; scope_rule_count rules, each scope in one of them at most, of at most 1024 scopes
     * in all. A scope that includes itself, by whatever way, is a configuration error. Default: none. */
    const fb_scope_rule *scope_hierarchy;
    size_t scope_rule_count; /**< how many there are */

    /** What claims must be there, and with which values; required_claim_count of them. Default: none. */
    const fb_required_claim *required_claims;
    size_t required_claim_count; /**< how many there are */

    /** Seconds that are forgiven at exp, nbf and iat, 0 .. 86400. Default 0. */
    double leeway;

    /**
     * How many seconds nbf and iat may be in the future, when that is more than leeway, 0 .. 86400. Default 30: a
     * provider whose clock is a little ahead must not lock its users out, and nobody gains by a token that is valid too
     * early. leeway extends the life of every token, so it is 0 unless somebody decides otherwise.
     */
    double clock_skew;

    /** false accepts a token without exp, which never expires. Default true. */
    bool require_exp;

    /**
     * Which typ is accepted (RFC 8725 section 3.11; compared without regard to case and to an "application/" prefix).
     * Not given: none, JWT, at+jwt. "any": typ may be any string but token-introspection+jwt (RFC 9701 section 8.1).
     * "at+jwt": only that, and all that RFC 9068 section 2.2 demands of an access token: iss, exp (whatever require_exp
     * says), aud, sub, client_id, iat and jti must be present and of their types, whatever client_id_claims says.
     */
    fb_slice token_type;

    /** The first of these claims that is present holds the scopes: a string, split at spaces, or an array of strings. A
     * text that begins with "/" is a JSON Pointer, as in fb_required_claim. Default: scope, scp. */
    fb_list scope_claims;

    /** All of scope_claims that are present hold scopes together, each once. Default false. */
    bool merge_scope_claims;

    /** The first of these claims that is present and not empty is the client id; JSON Pointers as in scope_claims.
     * Default: client_id, azp, sub. */
    fb_list client_id_claims;

    /**
     * What becomes of a token that is bound to a key by cnf (RFC 7800). "verify": it is accepted with the proof that it
     * demands, so by fb_verify_request only. "ignore": it is accepted as if it had no cnf, so whoever has stolen it can
     * use it; cnf must be an object still. Default "verify".
     */
    fb_slice sender_constrained;

    /** DPoP (RFC 9449). NULL: its scheme is not a credential, and tokens that are bound to a DPoP key are refused. */
    const fb_dpop *dpop;

    /** The client id when no claim holds one; not empty. Default: "unknown". */
    fb_slice client_id_default;

    /** Larger tokens are refused before anything of them is read. 1 .. 65536. Default 16384. */
    size_t max_token_bytes;

    /**
     * Which arithmetic verifies signatures. "auto": that of this library where it is faster than OpenSSL's, see
     * @ref arithmetic. "openssl": OpenSSL's alone. Default "auto".
     */
    fb_slice arithmetic;

    /**
     * How many verified tokens are cached, less than 2147483648; 0 switches the cache off. Default 1024.
     *
     * Only tokens that passed every check are held, each verifier has its own cache, and a hit is an equal token, not
     * an equal hash. Times are checked again on every hit with the caller's clock, whichever way it went; a refusal
     * reads the same as that of an uncached token.
     *
     * An entry dies at exp + leeway, when the key set changes, and when room is needed. Once the cache is full, a new
     * entry takes the place of the oldest new one, within an eighth of cache_size and cache_bytes. Asked for again
     * while it is there, it moves into the other seven eighths, where it displaces what was not asked for lately. So a
     * client with any number of valid tokens, of any size, that presents each of them once displaces an eighth at most.
     * From 256 entries on the cache is eight caches, by hash, each with its lock and an eighth of both bounds; a token
     * that needs more bytes than its place has is not held.
     */
    size_t cache_size;

    /** What all entries of the cache may occupy together. Default 16 MiB. */
    size_t cache_bytes;

    /**
     * Share the key sets, and their refresh state, of this other verifier: issuer i has those of its issuer i, and what
     * issuers say of keys and of fetching them is not looked at. It must have as many issuers, each with jwks_uri or
     * found by discovery. A key set lives until the last of its verifiers is freed. For hosts that change their policy
     * (audience, scopes, ...) while they run: a new verifier is cheap, and a new one starts with an empty cache.
     */
    const fb_verifier *keys_of;

    /**
     * For hosts with a lock around their interpreter: called right before and right after the arithmetic of a
     * public-key signature, on the thread that verifies, with signature_context. What before_signature returns is
     * handed to after_signature: many threads may verify at a time. All else that fb_verify does, a token from the
     * cache and HMAC included, takes less time than handing such a lock over. Both or neither; NULL: not called.
     */
    void *(*before_signature)(void *context);

    /** Called after it, with what before_signature returned. */
    void (*after_signature)(void *context, void *before);

    /** Handed to both. */
    void *signature_context;

    /** What has been revoked: every token is looked up in it, cached or not, see @ref revocations. The verifier keeps
     * it alive; any number of verifiers may share it, and it changes while they use it. NULL: nothing. */
    fb_revocations *revocations;
} fb_options;

#ifdef __cplusplus
static inline fb_options fb_options_init(void)
{
    fb_options options = fb_options();
    options.size = sizeof(fb_options);
    options.max_issuers = 1000;
    options.clock_skew = 30.0;
    options.require_exp = true;
    options.max_token_bytes = 16384;
    options.cache_size = 1024;
    options.cache_bytes = (size_t)16 << 20;
    return options;
}
#define FB_OPTIONS_INIT fb_options_init()
#else
/** What an fb_options starts from. */
#define FB_OPTIONS_INIT          \
    {.size = sizeof(fb_options), \
     .max_issuers = 1000,        \
     .clock_skew = 30.0,         \
     .require_exp = true,        \
     .max_token_bytes = 16384,   \
     .cache_size = 1024,         \
     .cache_bytes = (size_t)16 << 20}
#endif

/** @} */

/**
 * @defgroup verifying Verifying
 * @{
 */

/** What a verified token says. Made by fb_verify. */
typedef struct fb_result fb_result;

/**
 * Makes a verifier. Keys are parsed here, once. With jwks_uri nothing is fetched yet.
 *
 * @param out      the verifier, freed by the caller with fb_verifier_free; NULL on failure
 * @param options  started from FB_OPTIONS_INIT
 * @param error    may be NULL
 * @return FB_OK. FB_CONFIGURATION_INVALID: error.text names the option and what is wrong. FB_OUT_OF_MEMORY.
 *         FB_INTERNAL_ERROR: there are no random numbers or no locks.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_new(fb_verifier **out, const fb_options *options, fb_error *error);

/** Frees a verifier; secrets are cleansed. No other thread may be using it. Results stay valid. NULL is fine. */
FB_API void fb_verifier_free(fb_verifier *verifier);

/**
 * Verifies one token. Reads no clock and does no I/O; it never waits for a fetch, for other threads only where both
 * change the cache or the state of the key set, and for a fork() that is under way. Thread-safe.
 *
 * @param verifier  any thread's
 * @param token     hostile: size bytes, any bytes. Not kept unless the token is accepted and cached. NULL with size 0
 * @param size      of token
 * @param clock     now; a number that is not finite is FB_CONFIGURATION_INVALID
 * @param out       what the token says, freed by the caller with fb_result_free; NULL unless FB_OK
 * @param error     may be NULL
 * @return FB_OK, or the first rule that the token fails. FB_KEYS_NEEDED (key sets that are fetched): no verdict is
 *         possible without a fetch, and one is allowed or under way. Fetch the keys of error.issuer, or wait for
 *         whoever does (error.wait seconds at most), then ask fb_verify_after_fetch. FB_ISSUER_NEEDED
 *         (resolves_issuers): see @ref resolving. FB_INTROSPECTION_NEEDED (fb_issuer.introspection): ask error.issuer
 *         about the token, then fb_verify_introspected. FB_OUT_OF_MEMORY, FB_INTERNAL_ERROR.
 */
FB_API FB_MUST_CHECK fb_status fb_verify(const fb_verifier *verifier, const char *token, size_t size, fb_clock clock,
                                         fb_result **out, fb_error *error);

/**
 * fb_verify for a token that got FB_KEYS_NEEDED before, after its fetch has ended or its wait is over. It never returns
 * FB_KEYS_NEEDED, so that every token gets a verdict after one fetch: FB_KEY_NOT_FOUND when a fetch has succeeded since
 * and did not bring the key, FB_KEYS_UNAVAILABLE with error.retry_after when none has. Nor does it return
 * FB_ISSUER_NEEDED: an issuer that is still not known is FB_KEYS_UNAVAILABLE. All else is as for fb_verify.
 *
 * @param verifier     as for fb_verify
 * @param token        the same token
 * @param size         of token
 * @param clock        now, after the fetch
 * @param key_request  that of the fb_error with which fb_verify returned FB_KEYS_NEEDED; 0 after FB_ISSUER_NEEDED
 * @param out          as for fb_verify
 * @param error        may be NULL
 * @return as fb_verify, but FB_KEYS_NEEDED
 */
FB_API FB_MUST_CHECK fb_status fb_verify_after_fetch(const fb_verifier *verifier, const char *token, size_t size,
                                                     fb_clock clock, uint64_t key_request, fb_result **out,
                                                     fb_error *error);

/**
 * Counts in fb_stats a refusal that the host itself decided on after fb_verify had accepted the token: a scope that
 * only one route demands, for example. verified goes on counting the token, rejected and the status count the refusal.
 * FB_OK is not counted, a number that is not a status counts as FB_INTERNAL_ERROR. Thread-safe.
 */
FB_API void fb_verifier_count_refusal(const fb_verifier *verifier, fb_status status);

/** fb_verifier_count_refusal for a token of an issuer: its counters (fb_issuer_info) have the refusal, too. An issuer
 * that there is not (any more) makes no difference. Thread-safe. */
FB_API void fb_verifier_count_issuer_refusal(const fb_verifier *verifier, uint64_t issuer, fb_status status);

/** @} */

/**
 * @defgroup results What a verified token says
 *
 * All text is UTF-8, unescaped, and belongs to the result.
 * @{
 */

/** Frees a result; NULL is fine. Thread-safe: equal tokens share what they say. */
FB_API void fb_result_free(fb_result *result);

/** iss, as it stands in the token; absent when the token has none. */
FB_API fb_slice fb_result_issuer(const fb_result *result);

/** The issuer whose key verified it, as in fb_issuer_info.number. */
FB_API uint64_t fb_result_issuer_number(const fb_result *result);

/** The client id, by the rule of client_id_claims. Never absent. */
FB_API fb_slice fb_result_client_id(const fb_result *result);

/** sub; absent when the token has none. */
FB_API fb_slice fb_result_subject(const fb_result *result);

/**
 * The audience that this server is known by (RFC 8707), when it is a URL (scheme://...): the first of the configured
 * audiences that the token names and that is one; without configured audiences the token's only aud if it is one. Else
 * absent.
 */
FB_API fb_slice fb_result_resource(const fb_result *result);

/**
 * When the token expires.
 *
 * @param result        whose token
 * @param unix_seconds  exp, fractions dropped, the leeway not added; untouched when there is none
 * @return false when the token has no exp
 */
FB_API bool fb_result_expires_at(const fb_result *result, int64_t *unix_seconds);

/** The granted scopes, in the token's order, as they stand there. items is not NULL. */
FB_API fb_list fb_result_scopes(const fb_result *result);

/** Whether this scope was granted, or is included in one that was (fb_options.scope_hierarchy). */
FB_API bool fb_result_has_scope(const fb_result *result, fb_slice scope);

/** The key id that the token's header named, as in fb_error.kid; absent when it named none. */
FB_API fb_slice fb_result_kid(const fb_result *result);

/** The payload: the JSON text exactly as it was signed. */
FB_API fb_slice fb_result_payload(const fb_result *result);

/** What a node is. FB_INTEGER: a number without fraction and exponent, of any size; FB_REAL: any other number. */
typedef enum fb_kind { FB_NULL, FB_FALSE, FB_TRUE, FB_INTEGER, FB_REAL, FB_STRING, FB_ARRAY, FB_OBJECT } fb_kind;

/**
 * One value of the payload. Nodes stand in the order of the text, a container before what it holds; node 0 is the
 * payload object. Inside an object each member is two nodes: its name (always FB_STRING), then its value.
 */
typedef struct fb_node {
    uint32_t offset; /**< of the value's text in the payload; of a string: after its opening quote */
    uint32_t length; /**< of the value's text; of a string: without its quotes */
    uint32_t next;   /**< the index of the node after this value and all that it holds: the children of a container are
                          the nodes from its own index + 1 up to next, stepping by next */
    uint8_t kind;    /**< fb_kind */
    bool escaped;    /**< a string that contains backslash escapes: its value is fb_unescape of its text */
    uint16_t unused; /**< 0 */
} fb_node;

/**
 * The structure of the payload.
 *
 * @param result  whose payload
 * @param count   how many nodes there are; at least one
 * @return the nodes
 */
FB_API const fb_node *fb_result_nodes(const fb_result *result, size_t *count);

/** The index of the node that is the value of one top-level claim, by name (unescaped, UTF-8); 0 when the token has no
 * such claim. */
FB_API size_t fb_result_claim(const fb_result *result, fb_slice name);

/**
 * The value of a JSON string's text (between the quotes). Safe on any text: what is not an escape of JSON is copied as
 * it stands.
 *
 * @param text  any text
 * @param size  of text
 * @param out   has room for size bytes; may be text itself
 * @return how many bytes were written, at most size
 */
FB_API size_t fb_unescape(const char *text, size_t size, char *out);

/**
 * What a binding has made of a result, and wants to find again when the same token comes from the cache.
 * An attachment lives as long as the result that the cache holds, and its bytes count within cache_bytes.
 */
typedef struct fb_attachment {
    size_t size;                                /**< sizeof(fb_attachment), set by FB_ATTACHMENT_INIT */
    void *data;                                 /**< not NULL */
    size_t bytes;                               /**< what data occupies, by the caller's reckoning */
    void (*release)(void *context, void *data); /**< not NULL; called once, see fb_verifier_attach */
    void *context;                              /**< handed to release */
} fb_attachment;

#ifdef __cplusplus
static inline fb_attachment fb_attachment_init(void)
{
    fb_attachment attachment = fb_attachment();
    attachment.size = sizeof(fb_attachment);
    return attachment;
}
#define FB_ATTACHMENT_INIT fb_attachment_init()
#else
/** What an fb_attachment starts from. */
#define FB_ATTACHMENT_INIT {.size = sizeof(fb_attachment)}
#endif

/**
 * Attaches data to a token that is in the verifier's cache. true: data belongs to the cache now. release is called
 * when its entry is gone (it expired, made room, its keys were replaced, the verifier was freed) and the last result
 * that shares it was freed, on whichever thread does that; a lock of the verifier may be held then, so release must
 * not call this library. false, and data stays the caller's: the token is not in the cache (any more), has an
 * attachment already, or there is no room. Thread-safe.
 */
FB_API FB_MUST_CHECK bool fb_verifier_attach(const fb_verifier *verifier, const char *token, size_t size,
                                             const fb_attachment *attachment);

/** The data that is attached to this result, NULL when there is none. It lives as long as the result. */
FB_API void *fb_result_attachment(const fb_result *result);

/** Whether the cache has answered with this result, so that its token was verified more than once: what is expensive to
 * make is worth attaching then. */
FB_API bool fb_result_is_cached(const fb_result *result);

/** @} */

/**
 * @defgroup proof Requests and proof of possession
 *
 * A token that holds cnf (RFC 7800) is bound to a key: to a DPoP key by its member jkt (RFC 9449 section 6), to a
 * client certificate by x5t#S256 (RFC 8705 section 3), or to both, and then both must be shown. Other members beside
 * one of these are not looked at; a cnf with neither is refused. fb_verify has no request to look at, and answers
 * FB_PROOF_MISSING for a token that is bound; fb_verify_request looks at the whole request:
 *
 * @par Credential
 * Exactly one field Authorization, with one space between scheme and token, and the token in the form of token68 (RFC
 * 9110 section 11.2). "Bearer" takes tokens that are not bound or are bound to a certificate, "DPoP" those that are
 * bound to a DPoP key. Schemes compare without case. access_token in the query is FB_REQUEST_MALFORMED, whatever else
 * there is (RFC 6750 section 2.3 advises against it). Under Bearer a field DPoP is not looked at.
 *
 * @par Proof
 * With the scheme DPoP exactly one field DPoP, no larger than a token may be: a JWT with typ "dpop+jwt", an alg of
 * fb_dpop.algorithms, and the client's public key as jwk, which must verify it. The rules for headers of tokens and for
 * keys of key sets hold; a jwk with a private member, or with leading zeros in n or e, is refused. iat, jti (1 to 256
 * bytes), htm, htu and ath must be there, and be what RFC 9449 section 4.3 wants; exp and nbf are obeyed where they
 * are. htu and the URL, each of fewer than 8192 bytes, are compared after the normalisation of RFC 3986 sections 6.2.2
 * and 6.2.3, without query and fragment. The key's thumbprint (RFC 7638) must be jkt.
 *
 * @par Reasons
 * The token is verified first, and refused for what is wrong with it. Then a certificate is looked at, then the proof:
 * what is malformed, a wrong signature included, is FB_PROOF_INVALID; what is well-formed and of something else is
 * FB_PROOF_MISMATCH, with fb_error.claim htm, htu or ath, or cnf for a key or certificate that is not the token's.
 *
 * @par Once
 * A proof is good once. What has been accepted is remembered by thumbprint and jti until the proof is too old; a
 * request that is refused uses nothing up. A nonce is asked for when all else is good.
 *
 * Proof keys that come again are held parsed, at most 2048 in 16 MiB, and get tables as issuers' keys do, within 4 MiB
 * a verifier.
 * @{
 */

/** One header field. A field that occurs twice is two of these. */
typedef struct fb_header {
    fb_slice name;  /**< compared without case */
    fb_slice value; /**< as it came */
} fb_header;

/** What a request must bring for its token to be verified. Start from FB_REQUEST_INIT. Nothing need outlive the call.
 */
typedef struct fb_request {
    size_t size; /**< sizeof(fb_request), set by FB_REQUEST_INIT */

    /** As it came: "POST". */
    fb_slice method;

    /**
     * Absolute, as the client sees it: behind a proxy that is another URL than the server sees, so take the public
     * scheme and host from the configuration, never from a header that a client can set. Needed for DPoP; otherwise it
     * may be absent, or a path with the query.
     */
    fb_slice url;

    /** header_count fields; only Authorization and DPoP, or token_header, are looked at. */
    const fb_header *headers;
    size_t header_count; /**< how many there are */

    /** The certificate that the client has shown in the TLS handshake, as DER or as one PEM block, at most 64 KiB;
     * absent: none. From a header only if a proxy sets it and removes what clients send. */
    fb_slice client_certificate;

    /**
     * The name of another field that holds the token, and nothing else: where a proxy puts the token that it has
     * verified or made ("Cf-Access-Jwt-Assertion"). Exactly one such field is a credential then, Authorization is not
     * looked at, and there is no DPoP. Only where the proxy removes that field from what clients send is such a token
     * the proxy's; it is verified in any case. Not "Authorization" or "DPoP". Absent: Authorization.
     */
    fb_slice token_header;
} fb_request;

#ifdef __cplusplus
static inline fb_request fb_request_init(void)
{
    fb_request request = fb_request();
    request.size = sizeof(fb_request);
    return request;
}
#define FB_REQUEST_INIT fb_request_init()
#else
/** What an fb_request starts from. */
#define FB_REQUEST_INIT {.size = sizeof(fb_request)}
#endif

/** What a host that remembers proofs itself must do (fb_dpop.replay_by_host). Start from FB_PROOF_INIT. */
typedef struct fb_proof {
    size_t size;  /**< sizeof(fb_proof), set by FB_PROOF_INIT */
    bool present; /**< the request was accepted by a DPoP proof; otherwise there is nothing to remember */
    char key[44]; /**< what to remember: base64url text, NUL-terminated, of a hash of thumbprint and jti. A key that
                       is remembered already: refuse the request with FB_PROOF_REPLAYED */
    double expires_at; /**< until when: Unix seconds */
} fb_proof;

#ifdef __cplusplus
static inline fb_proof fb_proof_init(void)
{
    fb_proof proof = fb_proof();
    proof.size = sizeof(fb_proof);
    return proof;
}
#define FB_PROOF_INIT fb_proof_init()
#else
/** What an fb_proof starts from. */
#define FB_PROOF_INIT {.size = sizeof(fb_proof)}
#endif

/**
 * The token of a request, without a look into it: what fb_verify_request verifies, and what fb_verifier_resolve_begin
 * takes. Thread-safe.
 *
 * @param verifier  decides whether DPoP is a credential here
 * @param request   starts from FB_REQUEST_INIT
 * @param out       the token; belongs to request
 * @param error     may be NULL
 * @return FB_OK, FB_TOKEN_MISSING, FB_REQUEST_MALFORMED. FB_CONFIGURATION_INVALID: request has no size, or its
 *         token_header is not a name of a header.
 */
FB_API FB_MUST_CHECK fb_status fb_request_token(const fb_verifier *verifier, const fb_request *request, fb_slice *out,
                                                fb_error *error);

/**
 * fb_verify for the token of a request, and for the proof that the token demands.
 *
 * @param verifier  as for fb_verify
 * @param request   starts from FB_REQUEST_INIT; hostile
 * @param clock     as for fb_verify
 * @param out       as for fb_verify
 * @param proof     starts from FB_PROOF_INIT; NULL unless fb_dpop.replay_by_host
 * @param error     may be NULL
 * @return as fb_verify; beside that FB_TOKEN_MISSING, FB_REQUEST_MALFORMED and what concerns proofs. After
 *         FB_KEYS_NEEDED ask fb_verify_request_after_fetch.
 */
FB_API FB_MUST_CHECK fb_status fb_verify_request(const fb_verifier *verifier, const fb_request *request, fb_clock clock,
                                                 fb_result **out, fb_proof *proof, fb_error *error);

/** fb_verify_request as fb_verify_after_fetch is to fb_verify. */
FB_API FB_MUST_CHECK fb_status fb_verify_request_after_fetch(const fb_verifier *verifier, const fb_request *request,
                                                             fb_clock clock, uint64_t key_request, fb_result **out,
                                                             fb_proof *proof, fb_error *error);

/** Room for a nonce and its NUL. */
#define FB_NONCE_ROOM 40

/**
 * Writes the nonce that clients are to use now, for the header DPoP-Nonce of every response (RFC 9449 section 8.2):
 * base64url text, NUL-terminated. It is good for two to three minutes. False, and out is empty: the verifier has no
 * nonce_secret, unix_seconds is not finite, or there is no memory. Thread-safe.
 */
FB_API bool fb_verifier_nonce(const fb_verifier *verifier, double unix_seconds, char out[FB_NONCE_ROOM]);

/** @} */

/**
 * @defgroup introspection Tokens that their issuer is asked about
 *
 * A token that is not a JWT says nothing, and of some JWTs only their issuer can say whether they are good. RFC 7662
 * lets a server ask: the host sends the token to the issuer's introspection endpoint, and the library holds the
 * response against the same policy as the claims of a JWT. With fb_issuer.introspection such a token gets
 * FB_INTROSPECTION_NEEDED from fb_verify and fb_verify_request:
 *
 *     fb_status status = fb_verify(verifier, token, size, now, &result, &error);
 *     if (status == FB_INTROSPECTION_NEEDED) {
 *         fb_introspection introspection = FB_INTROSPECTION_INIT;
 *         // POST token to the endpoint of error.issuer: RFC 7662 section 2.1; an answer that is not 200 is
 *         // FB_STATUS_UNAVAILABLE, for the host to say
 *         introspection.response = body;
 *         introspection.reuse_for = 60.0;
 *         status = fb_verify_introspected(verifier, error.issuer, token, size, now, &introspection, &result, &error);
 *     }
 *
 * @par Which tokens
 * A JWT is what fb_token_is_jwt says is one. Any other token of the form of RFC 6750 (token68) is introspected by the
 * first issuer of the options with introspection; where there are several, the host may ask one after the other until
 * one says that the token is active. A JWT is introspected when its iss chooses an issuer with introspection "all", or
 * when that is the verifier's only issuer; its size, form and header are checked before.
 *
 * @par What is checked
 * The response is one strict JSON object of at most 65536 bytes, or FB_STATUS_UNAVAILABLE. Its member active must be
 * true, or FB_TOKEN_INACTIVE. Then exp, nbf, iat, iss, aud, sub, client id, token_type "at+jwt" (but typ, which such a
 * token does not have), required claims, scopes and cnf are checked as those of a JWT, with the same reasons. There is
 * one difference: iss may be absent (RFC 7662 section 2.2), since it is known who was asked; fb_result_issuer is the
 * issuer's identifier then, when it has one exact identifier. Many providers leave out exp or aud: require_exp and the
 * issuer's audiences say what becomes of that.
 *
 * @par Signed responses
 * With fb_issuer.introspection_audience the request says Accept: application/token-introspection+jwt, and the response
 * must be of that type and a JWT as RFC 9701 section 5 has it. Its size, form, header, key, signature and claims are
 * checked as those of a token, in that order: typ must be token-introspection+jwt, alg one of the issuer's algorithms,
 * iss its identifier, aud must name introspection_audience, iat must be there and not in the future, exp and nbf are
 * held against the clock where they are there. What token_introspection holds, one object, is the response then, for
 * all that is said above; the other claims say nothing of the token. A response that breaks a rule is
 * FB_STATUS_UNAVAILABLE: fb_error.text has the name of the reason, claim, expected, actual and kid are those of the
 * response. An encrypted response (a JWE) is not supported, and so refused. How old iat may be is not bounded: RFC 9701
 * says nothing of it. FB_KEYS_NEEDED: bring the keys, as for a token, and evaluate the same response again:
 *
 *     introspection.after_fetch = true;
 *     introspection.key_request = error.key_request;
 *
 * Such a response is never accepted as a token, whatever token_type says (RFC 9701 section 8.1).
 *
 * @par Again
 * A token that was accepted may be put into the verifier's cache for reuse_for seconds, as long as it does not expire
 * before: fb_verify then answers for an equal token without asking anybody. A revocation takes effect at once for
 * cached tokens, too.
 * @{
 */

/**
 * Whether this has the form of a JWT: three segments, separated by dots, of which the first is base64url of what begins
 * as a JSON object. The rest may be wrong. Thread-safe; does not allocate.
 */
FB_API bool fb_token_is_jwt(const char *token, size_t size);

/** What an issuer has answered about a token. Start from FB_INTROSPECTION_INIT. Nothing need outlive the call. */
typedef struct fb_introspection {
    size_t size; /**< sizeof(fb_introspection), set by FB_INTROSPECTION_INIT */

    /** The body of the response, which came with 200 from the endpoint of the issuer, over TLS. */
    fb_slice response;

    /** For how many seconds at most fb_verify may accept the token without asking again; 0 .. 86400. Default 0: not at
     * all. */
    double reuse_for;

    /** The value of Content-Type that came with the response. Read with fb_issuer.introspection_audience only. */
    fb_slice content_type;

    /** The keys for a signed response were asked for: as fb_verify_after_fetch is to fb_verify. Default false. */
    bool after_fetch;

    /** With after_fetch: fb_error.key_request of the FB_KEYS_NEEDED. */
    uint64_t key_request;
} fb_introspection;

#ifdef __cplusplus
static inline fb_introspection fb_introspection_init(void)
{
    fb_introspection introspection = fb_introspection();
    introspection.size = sizeof(fb_introspection);
    return introspection;
}
#define FB_INTROSPECTION_INIT fb_introspection_init()
#else
/** What an fb_introspection starts from. */
#define FB_INTROSPECTION_INIT {.size = sizeof(fb_introspection)}
#endif

/**
 * fb_verify for a token that its issuer was asked about. Thread-safe; does no I/O.
 *
 * @param verifier       as for fb_verify
 * @param issuer         who was asked: the number of an issuer with introspection
 * @param token          as for fb_verify; of the form of token68 (RFC 9110 section 11.2)
 * @param size           of token
 * @param clock          as for fb_verify
 * @param introspection  starts from FB_INTROSPECTION_INIT
 * @param out            as for fb_verify; the payload is the response
 * @param error          may be NULL
 * @return FB_OK, or the first rule that is broken: FB_TOKEN_TOO_LARGE, FB_TOKEN_MALFORMED, FB_STATUS_UNAVAILABLE,
 *         FB_TOKEN_INACTIVE, what fb_verify says of claims, FB_PROOF_MISSING (the token is bound to a key),
 *         FB_TOKEN_REVOKED. Of a signed response also FB_KEYS_NEEDED, not counted as a verdict, and
 *         FB_KEYS_UNAVAILABLE. FB_CONFIGURATION_INVALID: there is no such issuer (any more), it is not one with
 *         introspection, introspection has no size, reuse_for is out of range, or clock is not finite.
 *         FB_OUT_OF_MEMORY.
 */
FB_API FB_MUST_CHECK fb_status fb_verify_introspected(const fb_verifier *verifier, uint64_t issuer, const char *token,
                                                      size_t size, fb_clock clock,
                                                      const fb_introspection *introspection, fb_result **out,
                                                      fb_error *error);

/** fb_verify_request for a request whose token an issuer was asked about: as fb_verify_introspected is to fb_verify,
 * with the proof of possession that the response demands. fb_request_token says which token to ask about. */
FB_API FB_MUST_CHECK fb_status fb_verify_request_introspected(const fb_verifier *verifier, uint64_t issuer,
                                                              const fb_request *request, fb_clock clock,
                                                              const fb_introspection *introspection, fb_result **out,
                                                              fb_proof *proof, fb_error *error);

/** @} */

/**
 * @defgroup revocations Tokens that have been revoked
 *
 * A signed token is good until it expires, unless somebody has said otherwise. Who that is, an operator, a log-out, a
 * message of the provider, is the host's business; this set is what every token is looked up in, in well under a
 * microsecond. With fb_options.revocations the verifier does it by itself: after all other checks of the token, before
 * the proof of possession, for tokens from the cache and introspected ones, too.
 *
 * @par Names
 * A token is named by its iss and its jti; tokens of a subject by iss and sub. iss is that of the verified token, byte
 * for byte, and absent for a token without one. A token whose jti is absent or no string cannot be revoked by jti, only
 * by its subject. A token without iat counts as issued before any revocation of its subject.
 *
 * @par Bounds
 * The set holds at most max_entries, in about 80 bytes each, allocated when they are needed; what names are is not
 * held, but a keyed hash of 128 bits. An entry is held until its time, which should be that at which the last token
 * that it is about has expired, leeway included. Nothing is ever forgotten before: what the set cannot hold, for want
 * of room or of memory, its caller is told, and must not take for revoked.
 *
 * @par Filling
 * A host that follows a list of revocations that a fleet shares begins with the whole list, at its start and whenever
 * it may have missed something:
 *
 *     fb_revocations_refill_begin(set);
 *     // fb_revocations_add for each of the list, and for what is revoked meanwhile, on any thread
 *     fb_revocations_refill_end(set); // what was not added again since begin is dropped
 *
 * All the while what was held before is still revoked, so max_entries must have room for both.
 * @{
 */

/**
 * Makes an empty set.
 *
 * @param out          the set, freed by the caller with fb_revocations_free; NULL on failure
 * @param max_entries  1 .. 16777216
 * @param mem          NULL: malloc and free. Copied
 * @param error        may be NULL
 * @return FB_OK, FB_CONFIGURATION_INVALID, FB_OUT_OF_MEMORY, FB_INTERNAL_ERROR (no random numbers or no locks)
 */
FB_API FB_MUST_CHECK fb_status fb_revocations_new(fb_revocations **out, size_t max_entries, const fb_mem *mem,
                                                  fb_error *error);

/** Gives the caller's set back; it lives until the last verifier that was made with it is freed. NULL is fine. */
FB_API void fb_revocations_free(fb_revocations *set);

/**
 * Revokes one token. Adding it again makes it last as long as the longer of both times. Thread-safe.
 *
 * @param set           which one
 * @param issuer        iss of the token; absent for a token without one
 * @param jti           jti of the token, unescaped; not absent
 * @param until         Unix seconds: how long it is to be held; INFINITY: for ever. A time that has passed adds nothing
 * @param unix_seconds  now; finite. What has run out by then makes room
 * @param error         may be NULL
 * @return FB_OK. FB_STATUS_UNAVAILABLE: the set is full, and the token is not revoked. FB_OUT_OF_MEMORY: the same for
 *         want of memory. FB_CONFIGURATION_INVALID: jti is absent, or a time is not a number.
 */
FB_API FB_MUST_CHECK fb_status fb_revocations_add(fb_revocations *set, fb_slice issuer, fb_slice jti, double until,
                                                  double unix_seconds, fb_error *error);

/**
 * Revokes all tokens of a subject that were issued at or before a time: iat <= before, or no iat at all. Adding it
 * again keeps the later of both times each. Thread-safe.
 *
 * @param set           which one
 * @param issuer        as for fb_revocations_add
 * @param subject       sub of the tokens, unescaped; not absent
 * @param before        Unix seconds, finite; the time of the revocation, usually
 * @param until         as for fb_revocations_add
 * @param unix_seconds  as for fb_revocations_add
 * @param error         may be NULL
 * @return as fb_revocations_add
 */
FB_API FB_MUST_CHECK fb_status fb_revocations_add_subject(fb_revocations *set, fb_slice issuer, fb_slice subject,
                                                          double before, double until, double unix_seconds,
                                                          fb_error *error);

/**
 * Whether a verified token has been revoked. A verifier with fb_options.revocations has asked already. Thread-safe;
 * does not block but for other threads that change the set.
 *
 * @param set           which one
 * @param result        of the token
 * @param unix_seconds  now
 * @param error         may be NULL
 * @return FB_OK: it is not. FB_TOKEN_REVOKED: it is, and error.claim says by what: jti or sub. FB_STATUS_UNAVAILABLE:
 * this process is the child of a fork() that came while another thread was changing the set, which has to be filled
 * anew (fb_revocations_clear or fb_revocations_refill_end). FB_OUT_OF_MEMORY: jti or sub is long and written with
 * escapes. FB_CONFIGURATION_INVALID: unix_seconds is not finite.
 */
FB_API FB_MUST_CHECK fb_status fb_revocations_check(fb_revocations *set, const fb_result *result, double unix_seconds,
                                                    fb_error *error);

/**
 * Whether a verified token has been revoked, for a host that keeps no fb_result: by its names. Thread-safe, as
 * fb_revocations_check.
 *
 * @param set           which one
 * @param issuer        iss of the token; absent for a token without one
 * @param jti           jti of the token, unescaped; absent for a token without one, or whose jti is not a string
 * @param subject       sub of the token, unescaped; absent for a token without one
 * @param issued_at     iat of the token; NAN for a token without one
 * @param unix_seconds  now
 * @param error         may be NULL
 * @return as fb_revocations_check, but never FB_OUT_OF_MEMORY
 */
FB_API FB_MUST_CHECK fb_status fb_revocations_look_up(fb_revocations *set, fb_slice issuer, fb_slice jti,
                                                      fb_slice subject, double issued_at, double unix_seconds,
                                                      fb_error *error);

/** Begins to fill the set anew. What is added from now on stays at fb_revocations_refill_end, and has the times that it
 * is added with. Beginning again begins from the start. Thread-safe. */
FB_API void fb_revocations_refill_begin(fb_revocations *set);

/** Drops what has not been added since the last fb_revocations_refill_begin. Without one it does nothing. A host that
 * could not read its list to the end does not call this, and begins again later. Thread-safe. */
FB_API void fb_revocations_refill_end(fb_revocations *set);

/** Empties the set: nothing is revoked any more. Thread-safe. */
FB_API void fb_revocations_clear(fb_revocations *set);

/** What a set holds. Start from FB_REVOCATIONS_INFO_INIT; members beyond size are not written. */
typedef struct fb_revocations_info {
    size_t size;       /**< sizeof(fb_revocations_info), set by FB_REVOCATIONS_INFO_INIT */
    uint64_t tokens;   /**< entries of fb_revocations_add, those included that have run out and were not dropped yet */
    uint64_t subjects; /**< the same of fb_revocations_add_subject */
    uint64_t max_entries; /**< how many it may hold */
    uint64_t bytes;       /**< what they occupy */
    uint64_t refused;     /**< how many could not be held, for want of room or memory */
    uint64_t hits;        /**< tokens that were found to be revoked */
} fb_revocations_info;

#ifdef __cplusplus
static inline fb_revocations_info fb_revocations_info_init(void)
{
    fb_revocations_info info = fb_revocations_info();
    info.size = sizeof(fb_revocations_info);
    return info;
}
#define FB_REVOCATIONS_INFO_INIT fb_revocations_info_init()
#else
/** What an fb_revocations_info starts from. */
#define FB_REVOCATIONS_INFO_INIT {.size = sizeof(fb_revocations_info)}
#endif

/** Fills out. False: it has no size. Thread-safe. */
FB_API FB_MUST_CHECK bool fb_revocations_describe(fb_revocations *set, fb_revocations_info *out);

/** @} */

/**
 * @defgroup rpc JSON-RPC over HTTP
 *
 * What the body of a request to an MCP server asks for, so that a middleware can let some methods through without a
 * token, and demand scopes for single tools, resources and prompts, before the application has seen the request. An
 * fb_rpc_policy says which. It is not part of a verifier, and it reads bodies, not tokens:
 *
 *  1. Only POST is looked at, in any case of its letters: some frameworks do not regard it. Every other request needs a
 *     token, and no more than that; but the messages of a websocket are seen by nobody, so the request that opens one
 *     needs all of fb_rpc_policy_scopes.
 *  2. A credential that is there is verified (fb_verify_request), whatever the body asks for. A bad one is refused.
 *  3. fb_rpc_check_headers, then the body, of which no more than fb_rpc_policy_max_body_bytes is read, then
 *     fb_rpc_check.
 *  4. Without a credential: answer.anonymous, or the request is refused with FB_TOKEN_MISSING. With one: the token must
 *     have been granted all of answer.scopes (fb_result_has_scope), or it is refused with FB_INSUFFICIENT_SCOPE.
 *  5. The application gets the body as it came.
 *
 * @par Messages
 * A body is one message or an array of them, a batch: that needs the scopes of all of its messages, and is anonymous
 * when every one is. A message is a JSON object whose member method is the name of a method; names are equal byte for
 * byte, after unescaping. Responses, and what else has no such member, need a token and no scopes.
 *
 * @par Names
 * tool_scopes are compared with params.name of tools/call, prompt_scopes with params.name of prompts/get,
 * resource_scopes with params.uri of resources/read, resources/directory/read, resources/subscribe and
 * resources/unsubscribe. completion/complete needs what the prompt or the resource of its params.ref needs,
 * subscriptions/listen what all of params.notifications.resourceSubscriptions need, if there are any. A pattern is a
 * name in which each "*" stands for any text, an empty one too, "/" included; there is no escape. A name that several
 * patterns match needs the scopes of all of them; one that no pattern matches needs none. A request whose name is
 * absent, no text, or longer than 8192 bytes needs the scopes of all patterns of its kind.
 *
 * @par Resources
 * Applications look resources up by the URI as a URL library has rewritten it. So the patterns of resources compare
 * without regard to case (ASCII), a query and a fragment are looked at both with and without, and a URI that is not in
 * normal form needs the scopes of all of resource_scopes: one with dot segments, white space, a backslash, characters
 * beyond ASCII, an escape of a letter, a digit or one of "-._~" or with lower-case digits, user information, a port
 * that could be left out, or an IP address as host. A pattern that breaks one of these rules is refused, since it might
 * never match.
 *
 * @par What is not JSON
 * A body that no parser of JSON takes (an empty one, text that is none) is the application's to refuse: it needs a
 * token, and no scopes. A body that the strict reader does not take while another parser might is FB_REQUEST_MALFORMED,
 * since the application could read another name in it: two members of one object with one name, NaN, lone surrogates,
 * NUL (escaped or not), a byte-order mark, text that is not UTF-8, comments, trailing commas, data after the message,
 * numbers of more than 256 bytes or beyond a double, more than 128 levels. The same holds for a message, its params,
 * its ref or its notifications that has a member "__proto__", or one that is a name which is looked for here (method,
 * params, name, uri and so on) but for the case of its letters: there are parsers for which that is the same.
 * @{
 */

/** What names that match a pattern need. */
typedef struct fb_rpc_rule {
    fb_slice pattern; /**< UTF-8, 1 .. 256 bytes */
    fb_list scopes;   /**< at least one, in the form of RFC 6749 section 3.3; all rules of a policy together name at
                           most 64 different ones */
} fb_rpc_rule;

/** Which methods need no token, and which names need which scopes. Start from FB_RPC_OPTIONS_INIT. All text is copied.
 */
typedef struct fb_rpc_options {
    size_t size; /**< sizeof(fb_rpc_options), set by FB_RPC_OPTIONS_INIT */

    /** Where the policy gets its memory. Copied. NULL: malloc and free. */
    const fb_mem *mem;

    /** Methods that need no token, such as "tools/list"; whole names of 1 .. 256 bytes, at most 256. "initialize"
     * brings "notifications/initialized" with it, which is the second half of it. What rules demand scopes for needs a
     * token even so. Default: none. */
    fb_list anonymous;

    const fb_rpc_rule *tool_scopes; /**< what tools need; tool_scope_count rules. Default: nothing */
    size_t tool_scope_count;        /**< how many there are; at most 1024 */

    const fb_rpc_rule *resource_scopes; /**< what resources need; resource_scope_count rules. Default: nothing */
    size_t resource_scope_count;        /**< how many there are; at most 1024 */

    const fb_rpc_rule *prompt_scopes; /**< what prompts need; prompt_scope_count rules. Default: nothing */
    size_t prompt_scope_count;        /**< how many there are; at most 1024 */

    /** Larger bodies are refused. 1 .. 1 GiB. Default 4 MiB. */
    size_t max_body_bytes;
} fb_rpc_options;

#ifdef __cplusplus
static inline fb_rpc_options fb_rpc_options_init(void)
{
    fb_rpc_options options = fb_rpc_options();
    options.size = sizeof(fb_rpc_options);
    options.max_body_bytes = (size_t)4 << 20;
    return options;
}
#define FB_RPC_OPTIONS_INIT fb_rpc_options_init()
#else
/** What an fb_rpc_options starts from. */
#define FB_RPC_OPTIONS_INIT {.size = sizeof(fb_rpc_options), .max_body_bytes = (size_t)4 << 20}
#endif

/** The options, checked and copied. It never changes: any thread may use it. */
typedef struct fb_rpc_policy fb_rpc_policy;

/**
 * Makes a policy.
 *
 * @param out      the policy, freed by the caller with fb_rpc_policy_free; NULL on failure
 * @param options  started from FB_RPC_OPTIONS_INIT
 * @param error    may be NULL
 * @return FB_OK. FB_CONFIGURATION_INVALID: error.text names the option and what is wrong. FB_OUT_OF_MEMORY
 */
FB_API FB_MUST_CHECK fb_status fb_rpc_policy_new(fb_rpc_policy **out, const fb_rpc_options *options, fb_error *error);

/** Frees a policy. No other thread may be using it. NULL is fine. */
FB_API void fb_rpc_policy_free(fb_rpc_policy *policy);

/** All scopes of the rules, each once: those of tools in the order of their rules, then of resources, then of prompts.
 * At most 64. items is not NULL. */
FB_API fb_list fb_rpc_policy_scopes(const fb_rpc_policy *policy);

/** Whether any method needs no token: without that there is nothing to read for a request that has no credential. */
FB_API bool fb_rpc_policy_has_anonymous(const fb_rpc_policy *policy);

/** fb_rpc_options.max_body_bytes. */
FB_API size_t fb_rpc_policy_max_body_bytes(const fb_rpc_policy *policy);

/** What a body asks for. Start from FB_RPC_ANSWER_INIT. */
typedef struct fb_rpc_answer {
    size_t size;     /**< sizeof(fb_rpc_answer), set by FB_RPC_ANSWER_INIT */
    bool anonymous;  /**< no token is needed */
    uint64_t scopes; /**< bit i is set when fb_rpc_policy_scopes(policy).items[i] must have been granted */
} fb_rpc_answer;

#ifdef __cplusplus
static inline fb_rpc_answer fb_rpc_answer_init(void)
{
    fb_rpc_answer answer = fb_rpc_answer();
    answer.size = sizeof(fb_rpc_answer);
    return answer;
}
#define FB_RPC_ANSWER_INIT fb_rpc_answer_init()
#else
/** What an fb_rpc_answer starts from. */
#define FB_RPC_ANSWER_INIT {.size = sizeof(fb_rpc_answer)}
#endif

/**
 * Whether a body of these headers can be read here: Content-Encoding is absent or identity, no charset of Content-Type
 * is another than UTF-8, and its type, if there is one, is JSON (application/json, text/json, any of "+json",
 * application/json-rpc, application/jsonrequest) or text/plain. The application might decode what was not looked at: a
 * body can be one message as JSON and another one as a form. A Content-Length of more than max_body_bytes is refused
 * before anything is read. Thread-safe.
 *
 * @param policy        says how large a body may be
 * @param headers       header_count fields; hostile
 * @param header_count  how many there are
 * @param error         may be NULL
 * @return FB_OK, FB_REQUEST_UNSUPPORTED, FB_REQUEST_TOO_LARGE. FB_CONFIGURATION_INVALID: headers is NULL
 */
FB_API FB_MUST_CHECK fb_status fb_rpc_check_headers(const fb_rpc_policy *policy, const fb_header *headers,
                                                    size_t header_count, fb_error *error);

/**
 * What a body asks for. Time and memory are linear in size. Thread-safe.
 *
 * @param policy  any thread's
 * @param body    hostile: size bytes, any bytes. NULL with size 0
 * @param size    of body, all of it
 * @param out     starts from FB_RPC_ANSWER_INIT; unless FB_OK, nothing is anonymous and all scopes are needed
 * @param error   may be NULL
 * @return FB_OK, FB_REQUEST_MALFORMED, FB_REQUEST_TOO_LARGE, FB_OUT_OF_MEMORY. FB_CONFIGURATION_INVALID: out has no
 *         size
 */
FB_API FB_MUST_CHECK fb_status fb_rpc_check(const fb_rpc_policy *policy, const char *body, size_t size,
                                            fb_rpc_answer *out, fb_error *error);

/** @} */

/**
 * @defgroup keysets Key sets behind a URL
 *
 * The library decides when to fetch and what a response is worth; the host fetches. fb_verifier_refresh is the host for
 * plain C programs:
 *
 *     fb_status status = fb_verify(verifier, token, size, fb_clock_now(), &result, &error);
 *     if (status == FB_KEYS_NEEDED) {
 *         uint64_t request = error.key_request;
 *         status = fb_verifier_refresh(verifier, error.issuer, FB_REFRESH_TOKEN, request, &error);
 *         status = fb_verify_after_fetch(verifier, token, size, fb_clock_now(), request, &result, &error);
 *     }
 *     uint64_t issuer = status == FB_OK ? fb_result_issuer_number(result) : error.issuer;
 *     if (fb_verifier_refresh_due(verifier, issuer, fb_clock_now().monotonic_seconds)) {
 *         fb_fetch fetch = FB_FETCH_INIT;
 *         // In the background.
 *         status = fb_verifier_refresh_start(verifier, issuer, FB_REFRESH_AHEAD, 0, &fetch, &error);
 *     }
 *
 * Another host begins a fetch with fb_verifier_refresh_begin, makes it in its own way, and ends it with
 * fb_verifier_refresh_complete. All the times that one verifier is given must be of one clock; fb_verifier_refresh
 * takes that of fb_clock_now.
 *
 * @par Freshness
 * A set is fresh for the max-age of its Cache-Control less its Age, but not less than 60 s nor more than 3600 s; for
 * 600 s without a max-age. Before that runs out fb_verifier_refresh_due says so, and a refresh in the background keeps
 * it from ever being waited for.
 *
 * @par Issuers
 * Each issuer has its own key set, schedule and fetch, and waits for no other's. The functions below take its number:
 * fb_error.issuer, fb_result_issuer_number, fb_issuer_info.number. What is said of "the verifier" is said of that
 * issuer.
 *
 * @par Discovery
 * The fetch of an issuer without a key source is one flight of two steps: first the metadata document, then the key set
 * that its jwks_uri names; fb_verifier_refresh_complete answers the first with the second. The document is looked for
 * at <issuer>/.well-known/openid-configuration, then with /.well-known/oauth-authorization-server and
 * /.well-known/openid-configuration between host and path (RFC 8414 sections 3.1 and 5); one that answers with 404, or
 * with another status of 400 to 499 but 429, is passed over for the next. Its member issuer must be the identifier,
 * byte for byte, and jwks_uri keeps to the rules of fb_issuer.jwks_uri, and is https when the identifier is. It is read
 * again when a fetch of the keys has failed, and after a day; when it answers with 429 or 5xx then, the keys are
 * fetched from where it last said.
 *
 * @par Failures
 * A fetch is retried after 1 s, then 2, 4, ... 60 s. When one has failed since a set came, the set stays in use for
 * stale_if_error beyond its freshness; a set that nobody has tried to renew is not used beyond it. With no usable set
 * tokens are refused with FB_KEYS_UNAVAILABLE.
 *
 * @par Unknown key ids
 * A key id that the set does not have is worth a fetch, and then, when that has succeeded, another after
 * refresh_interval; at once when some other fetch has brought or confirmed the set. A fetch that fails does not use the
 * interval up. FB_KEY_NOT_FOUND is said only by a set that was fetched for the token, or within the interval; otherwise
 * the token is refused with FB_KEYS_UNAVAILABLE, since it may be good. While usable keys are held, tokens wait for a
 * fetch until 2 s after it began, and those that come later not at all.
 *
 * @par Between runs
 * A set may be stored and handed to another verifier, see @ref storing.
 *
 * @par Replacement
 * A new set replaces the old one whole: tokens of a withdrawn key are refused from then on, cached results included. A
 * set with the same keys replaces nothing, however it is written.
 * @{
 */

/** Why a fetch is asked for. */
typedef enum fb_refresh_reason {
    FB_REFRESH_TOKEN = 0,   /**< fb_verify said FB_KEYS_NEEDED */
    FB_REFRESH_AHEAD = 1,   /**< fb_verifier_refresh_due said so */
    FB_REFRESH_EXPLICIT = 2 /**< at start-up, or an operator wants it: not held back by back-off or interval */
} fb_refresh_reason;

/** What is to be done about it. */
typedef enum fb_refresh_decision {
    FB_FETCH_NOW = 0,  /**< fetch, then call fb_verifier_refresh_complete with the ticket, whatever happened */
    FB_FETCH_WAIT = 1, /**< somebody else is fetching: wait for the ticket, see fb_verifier_refresh_wait */
    FB_FETCH_DONE = 2, /**< nothing: verifying again gives the verdict */
    FB_FETCH_LATER = 3 /**< nothing now: no fetch is allowed for retry_after seconds */
} fb_refresh_decision;

/** What fb_verifier_refresh_begin decided. Start from FB_FETCH_INIT; members beyond size are not written. */
typedef struct fb_fetch {
    size_t size;                  /**< sizeof(fb_fetch), set by FB_FETCH_INIT */
    fb_refresh_decision decision; /**< what is to be done */

    /** Of the fetch that is under way now, whoever makes it; 0: none is. */
    uint64_t ticket;

    /** Seconds until a fetch is allowed. Only FB_FETCH_LATER. */
    double retry_after;

    /** What to fetch. Belongs to the verifier, until the fetch is completed. */
    fb_slice url;

    /** What to send as If-None-Match, NUL-terminated; nothing when it is empty. */
    char etag[260];

    /** Seconds: what the whole fetch may take; with FB_FETCH_WAIT how long to wait for the ticket at most. */
    double timeout;

    /** How large the body may be: a host stops reading beyond it. */
    size_t max_bytes;

    /** What to send beside Accept and If-None-Match, each "Name: value"; none when count is 0. Belongs to the
     * verifier. */
    fb_list headers;
} fb_fetch;

#ifdef __cplusplus
static inline fb_fetch fb_fetch_init(void)
{
    fb_fetch fetch = fb_fetch();
    fetch.size = sizeof(fb_fetch);
    return fetch;
}
#define FB_FETCH_INIT fb_fetch_init()
#else
/** What an fb_fetch starts from. */
#define FB_FETCH_INIT {.size = sizeof(fb_fetch)}
#endif

/**
 * Asks whether to fetch now, and takes the fetch on if so: one at a time is under way for a key set. One that has not
 * been completed a second after fetch_timeout has failed, and the next caller takes over from it. Thread-safe; does not
 * block.
 *
 * @param verifier           any thread's
 * @param issuer             the number of one of its issuers
 * @param monotonic_seconds  now
 * @param reason             why a fetch is asked for
 * @param key_request        that of the fb_error of FB_KEYS_NEEDED with FB_REFRESH_TOKEN, otherwise 0
 * @param out                starts from FB_FETCH_INIT
 * @param error              may be NULL
 * @return FB_OK: out is filled. FB_CONFIGURATION_INVALID: there is no such issuer (any more), its keys are not fetched,
 *         monotonic_seconds is not finite, reason is none of the enumeration, or out has no size.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_refresh_begin(const fb_verifier *verifier, uint64_t issuer,
                                                         double monotonic_seconds, fb_refresh_reason reason,
                                                         uint64_t key_request, fb_fetch *out, fb_error *error);

/**
 * What came back. Start from FB_FETCHED_INIT, then set abandoned, or failure, or all the others. Header values are raw,
 * absent when the response had none, and all values of a repeated field joined with ", ". Everything is the caller's;
 * nothing need outlive the call.
 */
typedef struct fb_fetched {
    size_t size; /**< sizeof(fb_fetched), set by FB_FETCHED_INIT */

    /** Why there is no response, as a sentence for the log: "connection refused". Absent: there is one. */
    fb_slice failure;

    int http_status;        /**< 200, 304, ... */
    fb_slice body;          /**< as it came: nothing is decoded */
    fb_slice cache_control; /**< the header Cache-Control */
    fb_slice age;           /**< the header Age */
    fb_slice etag;          /**< the header ETag */

    /** Anything but absent, empty or "identity" is refused. */
    fb_slice content_encoding;

    /** Two different lengths, a length beside a transfer coding, and a coding other than "chunked" are refused (RFC
     * 9112 section 6.3): nobody can say where such a response ends. */
    fb_slice content_length;
    fb_slice transfer_encoding; /**< see content_length */

    /** The host stopped before the fetch had an outcome: its event loop ended, the request that made it was cancelled.
     * That is not a failure of the provider's: there is no back-off, and the next caller fetches at once. */
    bool abandoned;
} fb_fetched;

#ifdef __cplusplus
static inline fb_fetched fb_fetched_init(void)
{
    fb_fetched fetched = fb_fetched();
    fetched.size = sizeof(fb_fetched);
    return fetched;
}
#define FB_FETCHED_INIT fb_fetched_init()
#else
/** What an fb_fetched starts from. */
#define FB_FETCHED_INIT {.size = sizeof(fb_fetched)}
#endif

/**
 * Hands the outcome of a fetch to the verifier, and wakes who waits for it. With discovery a metadata document is
 * answered with the next URL: then next->decision is FB_FETCH_NOW, and next says what to fetch with the same ticket, in
 * what is left of the time; otherwise it is FB_FETCH_DONE, and the flight is over. A response with keys counts when it
 * came with 200, is at most max_jwks_bytes, and is a JSON object with an array "keys" of at most 100 of which one can
 * be used; or when it is 304 to the etag of fb_fetch. Anything else is a failed fetch, and leaves the held keys as they
 * are. Thread-safe; does not block.
 *
 * @param verifier           as for fb_verifier_refresh_begin
 * @param issuer             as for fb_verifier_refresh_begin
 * @param ticket             of the fetch
 * @param monotonic_seconds  when the response came
 * @param fetched            starts from FB_FETCHED_INIT
 * @param next               starts from FB_FETCH_INIT; may be NULL for an issuer with jwks_uri
 * @param error              may be NULL
 * @return FB_OK: keys are held and fresh, or next is to be fetched. FB_KEYS_UNAVAILABLE: the fetch failed or was
 * abandoned; error.text says why and error.retry_after when the next is allowed. FB_OUT_OF_MEMORY: the same, for want
 * of memory. FB_CONFIGURATION_INVALID: there is no such ticket (it was completed, or was taken over), fetched or next
 *         has no size, or monotonic_seconds is not finite.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_refresh_complete(const fb_verifier *verifier, uint64_t issuer,
                                                            uint64_t ticket, double monotonic_seconds,
                                                            const fb_fetched *fetched, fb_fetch *next, fb_error *error);

/**
 * Waits for the fetch with this ticket. Thread-safe; blocks.
 *
 * @param verifier  as for fb_verifier_refresh_begin
 * @param issuer    as for fb_verifier_refresh_begin
 * @param ticket    of the fetch
 * @param timeout   seconds; below 0 or no number: 0; at most a day
 * @return true: it has ended, however it ended, or there is no such ticket. false: the time has passed.
 */
FB_API bool fb_verifier_refresh_wait(const fb_verifier *verifier, uint64_t issuer, uint64_t ticket, double timeout);

/**
 * Whether a refresh in the background is worth a fetch now: held keys run out soon, or have, and no fetch is under way
 * or held back. Asking changes nothing, so several callers may hear true; fb_verifier_refresh_begin with
 * FB_REFRESH_AHEAD lets one of them fetch, and the others go on. false for an issuer that there is not or whose keys
 * are not fetched, and for a time that is not finite. Thread-safe; does not block; cheap.
 */
FB_API bool fb_verifier_refresh_due(const fb_verifier *verifier, uint64_t issuer, double monotonic_seconds);

/**
 * The whole refresh with libcurl: begins a fetch and makes it, or waits for who is making one. The fetch runs on a
 * thread that the library starts for it and that ends with it, signals blocked; so this function returns in time
 * whatever the resolver does, and leaves OpenSSL's error queue alone. A verifier may be freed while its fetch goes on.
 * exit() waits until such a thread has ended: for some milliseconds, or at most 5 s where libcurl resolves names
 * without a thread of its own.
 *
 * Blocks for at most fetch_timeout and a quarter of a second; with FB_REFRESH_TOKEN and usable keys until 2 s after the
 * fetch began, which goes on then. Thread-safe.
 *
 * @param verifier     as for fb_verifier_refresh_begin
 * @param issuer       as for fb_verifier_refresh_begin
 * @param reason       as for fb_verifier_refresh_begin
 * @param key_request  as for fb_verifier_refresh_begin
 * @param error        may be NULL
 * @return FB_OK: a fetch has succeeded, or none is needed. FB_KEYS_UNAVAILABLE: it failed, goes on, or is not allowed
 *         yet; error.text says which and error.retry_after when the next is allowed. FB_OUT_OF_MEMORY.
 *         FB_CONFIGURATION_INVALID: no such issuer or reason, keys that are not fetched, or a library that was built
 * without libcurl.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_refresh(const fb_verifier *verifier, uint64_t issuer,
                                                   fb_refresh_reason reason, uint64_t key_request, fb_error *error);

/**
 * Starts what fb_verifier_refresh does, and returns at once; for hosts with an event loop, or whose threads must not
 * block. With FB_FETCH_NOW the fetch is under way on a thread of the library's, which completes it too: wait for its
 * ticket with fb_verifier_refresh_wait. fb_stats.last_error says how it ended. Thread-safe; does not block.
 *
 * @param verifier     as for fb_verifier_refresh_begin
 * @param issuer       as for fb_verifier_refresh_begin
 * @param reason       as for fb_verifier_refresh_begin
 * @param key_request  as for fb_verifier_refresh_begin
 * @param out          starts from FB_FETCH_INIT
 * @param error        may be NULL
 * @return FB_OK: out is filled. FB_CONFIGURATION_INVALID: as for fb_verifier_refresh, or out has no size.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_refresh_start(const fb_verifier *verifier, uint64_t issuer,
                                                         fb_refresh_reason reason, uint64_t key_request, fb_fetch *out,
                                                         fb_error *error);

/**
 * Whether text is an IP address of the public internet, which is what ssrf_safe connects to; false for what is no
 * address. For hosts that open the socket themselves.
 */
FB_API bool fb_address_is_public(fb_slice text);

/**
 * The file of CA certificates that fb_verifier_refresh falls back to: the first of the distributions' known paths that
 * can be read; NULL when there is none. Constant text.
 */
FB_API const char *fb_ca_bundle(void);

/** @} */

/**
 * @defgroup storing Key sets kept between runs
 *
 * A server that starts while its provider is down has no keys, and the workers of a fleet fetch the same set over and
 * over. So a host may keep what was fetched, in a file or in a store that a fleet shares, and give it to another
 * verifier of the same source:
 *
 *     // after a fetch: fb_verifier_refresh_complete returned FB_OK, or a wait for a fetch is over
 *     if (fb_verifier_keys_version(verifier, issuer) != stored_version) {
 *         fb_key_export *held = NULL;
 *         if (fb_verifier_export_keys(verifier, issuer, fb_clock_now(), &held, &error) == FB_OK) {
 *             const fb_stored_keys *keys = fb_key_export_keys(held); // store all its members
 *             ...
 *             fb_key_export_free(held);
 *         }
 *     }
 *
 *     // at the start, and before a fetch of one's own
 *     status = fb_verifier_import_keys(verifier, issuer, fb_clock_now(), &keys, &error);
 *
 * @par What a stored set is worth
 * It is evaluated as if it had just been fetched: its size, its form, its keys. It has the freshness that was left when
 * it was stored, less the time since: never more than 3600 s after it was fetched, whatever is written there. Fresh, it
 * serves at once. Past that it serves as any held set does: for stale_if_error, and only when a fetch has failed.
 * A set that is older than that, that was fetched more than 30 s in the future by this host's clock, or that comes from
 * another source, is refused. A set that is not newer than the one that is held changes nothing.
 *
 * @par What it is not
 * An import is not a fetch. It ends no wait and no back-off, and a key id that is still unknown may be fetched for as
 * before. Discovery begins with the metadata document as ever; where that cannot be had now, keys are fetched from
 * where the stored set came from.
 *
 * Whoever can write to the store can give this server keys that it will trust: it must be as safe as its configuration.
 * @{
 */

/** A key set as it is stored. Start from FB_STORED_KEYS_INIT. With fb_verifier_import_keys all is the caller's, and
 * need not outlive the call. */
typedef struct fb_stored_keys {
    size_t size; /**< sizeof(fb_stored_keys), set by FB_STORED_KEYS_INIT */

    /** What it was fetched from: 43 characters of base64url, a hash of jwks_uri or, with discovery, of the identifier;
     * fb_issuer_info.source of the issuers that it fits. Good as a file name or a part of a key; no URL can be read out
     * of it. */
    fb_slice source;

    /** The JWK set, to the byte as it came. */
    fb_slice document;

    /** Its ETag, for the next fetch; absent: none. */
    fb_slice etag;

    /** With discovery: the jwks_uri that the metadata document named; otherwise absent. */
    fb_slice jwks_uri;

    /** When it was fetched, or last confirmed by a fetch. Unix seconds. */
    double fetched_at;

    /** Until when it is fresh. Unix seconds. */
    double fresh_until;
} fb_stored_keys;

#ifdef __cplusplus
static inline fb_stored_keys fb_stored_keys_init(void)
{
    fb_stored_keys keys = fb_stored_keys();
    keys.size = sizeof(fb_stored_keys);
    return keys;
}
#define FB_STORED_KEYS_INIT fb_stored_keys_init()
#else
/** What an fb_stored_keys starts from. */
#define FB_STORED_KEYS_INIT {.size = sizeof(fb_stored_keys)}
#endif

/** A key set that is to be stored. Made by fb_verifier_export_keys. */
typedef struct fb_key_export fb_key_export;

/**
 * How often a fetch has brought or confirmed the keys of this issuer: when it has grown, there is something new to
 * store. Imports are not counted. 0: never, or there is no such issuer, or its keys are not fetched. Thread-safe;
 * cheap.
 */
FB_API uint64_t fb_verifier_keys_version(const fb_verifier *verifier, uint64_t issuer);

/**
 * The key set that an issuer holds now, however old.
 *
 * @param verifier  any thread's
 * @param issuer    the number of one of its issuers
 * @param clock     now
 * @param out       the set, freed by the caller with fb_key_export_free; NULL on failure
 * @param error     may be NULL
 * @return FB_OK. FB_KEYS_UNAVAILABLE: none is held. FB_CONFIGURATION_INVALID: there is no such issuer (any more), its
 *         keys are not fetched, or clock is not finite. FB_OUT_OF_MEMORY.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_export_keys(const fb_verifier *verifier, uint64_t issuer, fb_clock clock,
                                                       fb_key_export **out, fb_error *error);

/** What is to be stored. Belongs to held. */
FB_API const fb_stored_keys *fb_key_export_keys(const fb_key_export *held);

/** NULL is fine. */
FB_API void fb_key_export_free(fb_key_export *held);

/**
 * Hands a key set that was stored before to a verifier. Thread-safe; does not block.
 *
 * @param verifier  as for fb_verifier_export_keys
 * @param issuer    as for fb_verifier_export_keys
 * @param clock     now; its monotonic_seconds of the clock that the verifier's fetches have
 * @param stored    starts from FB_STORED_KEYS_INIT; not trusted
 * @param error     may be NULL
 * @return FB_OK: the verifier holds these keys, or newer ones. FB_KEYS_UNAVAILABLE: they cannot be used, and nothing
 * has changed; error.text says why. FB_CONFIGURATION_INVALID: as for fb_verifier_export_keys, or stored has no size.
 *         FB_OUT_OF_MEMORY.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_import_keys(const fb_verifier *verifier, uint64_t issuer, fb_clock clock,
                                                       const fb_stored_keys *stored, fb_error *error);

/** @} */

/**
 * @defgroup resolving Issuers that come and go
 *
 * With fb_options.resolves_issuers a token of an unknown issuer gets FB_ISSUER_NEEDED, and the host asks its resolver:
 *
 *     if (status == FB_ISSUER_NEEDED) {
 *         fb_resolution resolution = FB_RESOLUTION_INIT;
 *         status = fb_verifier_resolve_begin(verifier, token, size, now, &resolution, &error);
 *         if (resolution.decision == FB_RESOLVE_NOW) {
 *             // look up resolution.identifier; what is found becomes an fb_issuer
 *             fb_verifier_resolve_end(verifier, resolution.ticket, FB_RESOLVED, &issuer, now, &error);
 *         } else if (resolution.decision == FB_RESOLVE_WAIT) {
 *             fb_verifier_resolve_wait(verifier, resolution.ticket, timeout);
 *         }
 *         status = fb_verify(...); // and when it says FB_ISSUER_NEEDED again: fb_verify_after_fetch
 *     }
 *
 * One resolution for an identifier is under way at a time. An identifier that the resolver does not know is refused
 * with FB_ISSUER_MISMATCH for 60 s without asking again; 4096 of them are remembered. At most 64 resolutions are under
 * way at a time; tokens beyond them are refused with FB_KEYS_UNAVAILABLE. Neither costs a signature or a fetch.
 * @{
 */

/** What is to be done about an unknown issuer. */
typedef enum fb_resolve_decision {
    FB_RESOLVE_NOW = 0,  /**< ask the resolver, then call fb_verifier_resolve_end with the ticket, whatever happened */
    FB_RESOLVE_WAIT = 1, /**< somebody else is asking: wait for the ticket */
    FB_RESOLVE_DONE = 2  /**< nothing: verifying again gives the verdict */
} fb_resolve_decision;

/** Room for an issuer's identifier; tokens with a longer iss are of no issuer that is resolved. */
#define FB_IDENTIFIER_ROOM 512

/** What fb_verifier_resolve_begin decided. Start from FB_RESOLUTION_INIT; members beyond size are not written. */
typedef struct fb_resolution {
    size_t size;                         /**< sizeof(fb_resolution), set by FB_RESOLUTION_INIT */
    fb_resolve_decision decision;        /**< what is to be done */
    uint64_t ticket;                     /**< of the resolution that is under way; 0: none is */
    size_t identifier_size;              /**< of identifier */
    char identifier[FB_IDENTIFIER_ROOM]; /**< iss, unescaped UTF-8, NUL-terminated: unverified, hostile text. For the
                                              resolver alone; it must not be logged, nor used as a URL or a path */
} fb_resolution;

#ifdef __cplusplus
static inline fb_resolution fb_resolution_init(void)
{
    fb_resolution resolution = fb_resolution();
    resolution.size = sizeof(fb_resolution);
    return resolution;
}
#define FB_RESOLUTION_INIT fb_resolution_init()
#else
/** What an fb_resolution starts from. */
#define FB_RESOLUTION_INIT {.size = sizeof(fb_resolution)}
#endif

/**
 * Asks whether to resolve the issuer of a token that got FB_ISSUER_NEEDED, and takes that on if so. Thread-safe; does
 * not block.
 *
 * @param verifier           made with resolves_issuers
 * @param token              the token
 * @param size               of token
 * @param monotonic_seconds  now
 * @param out                starts from FB_RESOLUTION_INIT
 * @param error              may be NULL
 * @return FB_OK: out is filled. FB_KEYS_UNAVAILABLE: too many are under way. FB_CONFIGURATION_INVALID: the verifier
 * does not resolve issuers, monotonic_seconds is not finite, or out has no size. FB_OUT_OF_MEMORY. Else what fb_verify
 * says of a token whose iss cannot be read.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_resolve_begin(const fb_verifier *verifier, const char *token, size_t size,
                                                         double monotonic_seconds, fb_resolution *out, fb_error *error);

/** How a resolution ended. */
typedef enum fb_resolve_outcome {
    FB_RESOLVED = 0,       /**< issuer is who it is */
    FB_NO_SUCH_ISSUER = 1, /**< there is none: remembered for 60 s */
    FB_RESOLVE_FAILED = 2  /**< nobody can say now: the next token asks again */
} fb_resolve_outcome;

/**
 * Ends a resolution, and wakes who waits for it. The issuer's only identifier must be that of the resolution; one that
 * cannot be used counts as FB_RESOLVE_FAILED. Thread-safe; does not block.
 *
 * @param verifier           as for fb_verifier_resolve_begin
 * @param ticket             of the resolution
 * @param outcome            how it ended
 * @param issuer             with FB_RESOLVED: started from FB_ISSUER_INIT; copied. Otherwise NULL
 * @param monotonic_seconds  now
 * @param error              may be NULL
 * @return FB_OK. FB_CONFIGURATION_INVALID: the issuer cannot be used and error.text names the option, or there is no
 *         such ticket. FB_OUT_OF_MEMORY.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_resolve_end(const fb_verifier *verifier, uint64_t ticket,
                                                       fb_resolve_outcome outcome, const fb_issuer *issuer,
                                                       double monotonic_seconds, fb_error *error);

/** Waits for the resolution with this ticket, as fb_verifier_refresh_wait does for a fetch. Thread-safe; blocks. */
FB_API bool fb_verifier_resolve_wait(const fb_verifier *verifier, uint64_t ticket, double timeout);

/**
 * Adds an issuer that the host knows of without being asked, or replaces the one that was added under its identifier,
 * cached tokens and all. It must have exactly one identifier, no template, that is none of fb_options.issuers. The
 * issuer that was used least recently makes room when there are max_issuers. Thread-safe; does not block.
 *
 * @param verifier  made with resolves_issuers
 * @param issuer    started from FB_ISSUER_INIT; copied
 * @param error     may be NULL
 * @return FB_OK. FB_CONFIGURATION_INVALID: error.text names the option. FB_OUT_OF_MEMORY, FB_INTERNAL_ERROR.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_add_issuer(const fb_verifier *verifier, const fb_issuer *issuer,
                                                      fb_error *error);

/** @} */

/**
 * @defgroup inspecting Looking into a verifier
 * @{
 */

/**
 * One key of the set that is held, usable or not. All text belongs to the fb_keys; absent where the key has none. The
 * library allocates these, a caller never does: a newer library may add members at the end.
 */
typedef struct fb_key_info {
    fb_slice kid;        /**< the key id */
    fb_slice kty;        /**< "RSA", "EC", "OKP", "oct"; what the document said */
    fb_slice alg;        /**< the one algorithm that it may be used with, as the document says */
    fb_slice crv;        /**< the curve, of EC and OKP keys */
    bool usable;         /**< some algorithm can be verified with it */
    fb_slice problem;    /**< why it is not usable, or what was ignored in it */
    fb_slice arithmetic; /**< what verifies with it now: "openssl", "rsa-ifma", "p256-tables", "ed25519-tables" */
    size_t table_bytes;  /**< what its table occupies; 0: it has none */
    int bits;            /**< RSA modulus, EC or OKP field, HMAC secret; 0 when not known */
    uint64_t issuer;     /**< whose key it is: fb_issuer_info.number */
    fb_slice identifier; /**< its issuer's first identifier; absent when it has none */
    double fetched_at;   /**< when its set came, Unix seconds; 0 for a static key */
    double fresh_until;  /**< until when it is fresh, Unix seconds; infinite for a static key */
} fb_key_info;

/** A list of keys. Made by fb_verifier_keys. */
typedef struct fb_keys fb_keys;

/**
 * The keys of all issuers that are held now, however old. *out is the caller's, freed with fb_keys_free; it is empty
 * when nothing has been fetched, and does not change when a new set comes. clock: now. error may be NULL. FB_OK,
 * FB_OUT_OF_MEMORY; FB_CONFIGURATION_INVALID: clock is not finite. Thread-safe.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_keys(const fb_verifier *verifier, fb_clock clock, fb_keys **out,
                                                fb_error *error);

/** How many there are. */
FB_API size_t fb_keys_count(const fb_keys *keys);

/** One of them, issuer by issuer, and in the order of its document, from 0; NULL after the last. Belongs to keys. */
FB_API const fb_key_info *fb_keys_at(const fb_keys *keys, size_t index);

/** NULL is fine. */
FB_API void fb_keys_free(fb_keys *keys);

/** How often something was refused for one reason. */
typedef struct fb_reason_count {
    fb_status status; /**< the reason */
    uint64_t count;   /**< how often */
} fb_reason_count;

/**
 * Whether tokens can be verified, for a readiness probe. An issuer with fresh or static keys, or one that is
 * introspected altogether, is ready. It is degraded when its keys are past their freshness: in use because fetching
 * fails (stale_if_error), or waiting for the next token to fetch them anew. It is not ready when no keys are held that
 * could be used, whether nothing has been fetched yet or fetching has failed for too long.
 */
typedef enum fb_health {
    FB_READY = 0,    /**< all is well */
    FB_DEGRADED = 1, /**< tokens are verified, but something is wrong; of a verifier: some issuer is not ready */
    FB_NOT_READY = 2 /**< no token can be verified; of a verifier: no issuer is ready or degraded */
} fb_health;

/**
 * One issuer: what it is, and the state of its key set. All text belongs to the fb_issuers; absent or empty where there
 * is none. The library allocates these, a caller never does: a newer library may add members at the end.
 */
typedef struct fb_issuer_info {
    uint64_t number;         /**< names it in calls to this verifier, and to no other; never 0, never used again */
    fb_slice identifier;     /**< its first identifier; absent when it has none */
    bool fetched;            /**< its keys are fetched: the functions of @ref keysets take it */
    bool added;              /**< by fb_verifier_add_issuer or a resolution */
    fb_slice jwks_uri;       /**< where its keys are fetched, without query; absent when that is not known yet */
    uint64_t verified;       /**< tokens of this issuer that were accepted, by this verifier */
    uint64_t rejected;       /**< refused, after it was known that they are this issuer's */
    uint64_t fetches;        /**< that were begun */
    uint64_t fetch_failures; /**< that failed */
    uint64_t generation;     /**< how many key sets have been held so far; 0: none yet */
    bool keys_held;          /**< usable keys; always true with static keys */
    bool keys_fresh;         /**< and fresh; always true with static keys */
    double retry_after;      /**< as in fb_stats */
    double unknown_kid_retry_after; /**< as in fb_stats */
    fb_slice last_error;            /**< why the last fetch failed; empty when it succeeded */
    fb_slice source;                /**< as in fb_stored_keys; absent when its keys are not fetched */
    fb_slice introspection;         /**< fb_issuer.introspection; absent: none */
    const fb_reason_count *reasons; /**< what rejected is made of: those that occurred, by status */
    size_t reason_count;            /**< how many of them there are */
    double fetch_seconds; /**< how long all fetches together have taken that are over and were not abandoned */
    uint64_t imports;     /**< key sets that came from a store */
    double key_age;       /**< seconds since the keys were fetched or confirmed; 0 for static keys, infinite when
                               none are held */
    double fresh_for;     /**< seconds that they are still fresh, negative when they are not; infinite for
                               static keys, -infinite when none are held */
    fb_health health;     /**< whether its tokens can be verified now */
    fb_slice problem;     /**< why health is not FB_READY, a sentence; empty when it is */
} fb_issuer_info;

/** A list of issuers. Made by fb_verifier_issuers. */
typedef struct fb_issuers fb_issuers;

/**
 * The issuers of a verifier as they are now: those of fb_options.issuers in their order, then those that were added.
 * *out is the caller's, freed with fb_issuers_free. error may be NULL. FB_OK, FB_OUT_OF_MEMORY;
 * FB_CONFIGURATION_INVALID: monotonic_seconds is not finite. Thread-safe; does not block.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_issuers(const fb_verifier *verifier, double monotonic_seconds,
                                                   fb_issuers **out, fb_error *error);

/** How many there are. */
FB_API size_t fb_issuers_count(const fb_issuers *issuers);

/** One of them, from 0; NULL after the last. Belongs to issuers. */
FB_API const fb_issuer_info *fb_issuers_at(const fb_issuers *issuers, size_t index);

/** The health of the verifier as a whole, by that of its issuers: FB_READY when all are, or there are none;
 * FB_NOT_READY when all of them are not ready. */
FB_API fb_health fb_issuers_health(const fb_issuers *issuers);

/** "ready", "degraded", "not_ready"; "not_ready" for a number that is none. Constant text. */
FB_API const char *fb_health_name(fb_health health);

/** NULL is fine. */
FB_API void fb_issuers_free(fb_issuers *issuers);

/** How many reasons fb_stats has room for. */
#define FB_STATS_REASONS 64

/** Counters since the verifier was made, and the state of its key sets, which it may share with others (keys_of): sums
 * over all issuers, and what holds for all of them. Start from FB_STATS_INIT; members beyond size are not written. */
typedef struct fb_stats {
    size_t size; /**< sizeof(fb_stats), set by FB_STATS_INIT */

    uint64_t verified; /**< tokens that were accepted */
    uint64_t rejected; /**< refused, by fb_verify or by the host (fb_verifier_count_refusal) */
    struct {
        fb_status status;        /**< a reason */
        uint64_t count;          /**< how often it occurred */
    } reasons[FB_STATS_REASONS]; /**< those that occurred, by status; reason_count of them */
    size_t reason_count;         /**< how many of reasons are filled */

    uint64_t cache_hits;      /**< tokens that the cache held */
    uint64_t cache_misses;    /**< tokens that it did not hold */
    uint64_t cache_evictions; /**< entries that made room for others */
    uint64_t cache_entries;   /**< tokens that are held now */
    uint64_t cache_bytes;     /**< what they occupy */

    uint64_t fetches;               /**< that were begun */
    uint64_t fetch_failures;        /**< that failed */
    uint64_t generation;            /**< how many key sets have been held so far; 0: none yet */
    bool keys_held;                 /**< usable keys, of every issuer; always true with static keys */
    bool keys_fresh;                /**< and fresh; always true with static keys */
    double retry_after;             /**< seconds until a fetch is allowed after one that failed; 0: now; the longest */
    double unknown_kid_retry_after; /**< seconds until a key id that is not held is worth a fetch again; 0: now */
    char last_error[220];           /**< why a last fetch failed, NUL-terminated; empty when all succeeded */

    uint64_t table_bytes; /**< of all keys that are held, clients' too */

    uint64_t arithmetic_checks;        /**< of the whole process: verifications that were done both ways */
    uint64_t arithmetic_disagreements; /**< of the whole process: those that differed, see @ref arithmetic */

    uint64_t issuers;          /**< that there are now */
    uint64_t issuer_evictions; /**< added ones that made room for others */
    uint64_t replay_entries;   /**< proofs that are remembered now */
    uint64_t replay_evictions; /**< proofs that made room for others before they were too old */
    uint64_t proof_keys;       /**< client keys that are held parsed now */

    uint64_t unknown_issuers; /**< identifiers that are remembered as unknown */

    double fetch_seconds;    /**< as in fb_issuer_info, of all issuers that there are now */
    uint64_t imports;        /**< the same */
    double key_age;          /**< of the issuer whose keys are the oldest; 0 when no keys are fetched */
    uint64_t introspections; /**< responses that were evaluated (fb_verify_introspected) */
} fb_stats;

#ifdef __cplusplus
static inline fb_stats fb_stats_init(void)
{
    fb_stats stats = fb_stats();
    stats.size = sizeof(fb_stats);
    return stats;
}
#define FB_STATS_INIT fb_stats_init()
#else
/** What an fb_stats starts from. */
#define FB_STATS_INIT {.size = sizeof(fb_stats)}
#endif

/**
 * Fills out. Each counter is exact; together they may be a moment apart. error may be NULL. FB_OK;
 * FB_CONFIGURATION_INVALID: out has no size, or monotonic_seconds is not finite. Thread-safe; does not block.
 */
FB_API FB_MUST_CHECK fb_status fb_verifier_stats(const fb_verifier *verifier, double monotonic_seconds, fb_stats *out,
                                                 fb_error *error);

/** @} */

/**
 * @defgroup arithmetic Arithmetic
 *
 * Verification works on public data, with the same few keys over and over, so it can be done faster than a general
 * library does it: RS and PS 256 to 512 with 2048, 3072 or 4096 bits and e = 65537 where the processor has AVX-512
 * IFMA, ES256 and Ed25519 on any 64-bit processor. Everything else, signing, and all that this one is not used for is
 * OpenSSL's.
 *
 * A key gets a table when OpenSSL has verified enough valid tokens with it to pay for that; the call that makes it
 * enough builds it, in half a millisecond (once in a process, for what all keys share, in some), and no other call
 * waits. The tables of one key set occupy at most 4 MiB (3 KiB for RSA, 256 for P-256, 129 for Ed25519), those of all
 * issuers of a verifier 64 MiB; keys for which there is no room stay with OpenSSL. Forged tokens and unused keys build
 * none.
 *
 * Each kind of arithmetic must give known answers once in a process before it is used. The first verification with each
 * table and, at random, one in 4096 are done both ways: if they differ OpenSSL's verdict stands, that arithmetic is not
 * used in this process any more, and no verified token of any cache in this process is answered for any more.
 * @{
 */

/** A sentence for the log when one of the two has happened, NULL as long as all is well. Constant text. Cheap. */
FB_API const char *fb_arithmetic_problem(void);

/** @} */

/**
 * @defgroup minting Minting, for tests and tools
 * @{
 */

/** A private key and the algorithm that it signs with; for HMAC a secret. It never changes after creation, and any
 * thread may sign with it. Private key material is cleansed when it is freed. */
typedef struct fb_keypair fb_keypair;

/**
 * Generates a key pair. Slow for RSA: tens to hundreds of milliseconds.
 *
 * @param out        the pair, freed by the caller with fb_keypair_free; NULL on failure
 * @param algorithm  one of those that fb_options.algorithms lists. For EdDSA the key is of Ed25519; an HMAC "pair" is a
 *                   random secret as long as the hash
 * @param bits       of the RSA modulus, a multiple of 8 from 2048 to 8192; 0 for 2048. For other algorithms 0
 * @param mem        NULL: malloc and free. Copied
 * @param error      may be NULL
 * @return FB_OK, FB_CONFIGURATION_INVALID, FB_OUT_OF_MEMORY, FB_INTERNAL_ERROR (no random numbers)
 */
FB_API FB_MUST_CHECK fb_status fb_keypair_generate(fb_keypair **out, fb_slice algorithm, unsigned bits,
                                                   const fb_mem *mem, fb_error *error);

/**
 * Loads a private key.
 *
 * @param out          the pair, freed by the caller with fb_keypair_free; NULL on failure
 * @param algorithm    as for fb_keypair_generate
 * @param private_key  one unencrypted PEM block (PKCS#8, PKCS#1 or SEC 1); for HMAC the secret itself, by the rules of
 *                     fb_options.secret but for its length. The error never quotes it
 * @param mem          NULL: malloc and free. Copied
 * @param error        may be NULL
 * @return FB_OK. FB_CONFIGURATION_INVALID: no such algorithm, or a key that is not one for it. FB_OUT_OF_MEMORY
 */
FB_API FB_MUST_CHECK fb_status fb_keypair_load(fb_keypair **out, fb_slice algorithm, fb_slice private_key,
                                               const fb_mem *mem, fb_error *error);

/** Frees a key pair. No other thread may be using it. NULL is fine. */
FB_API void fb_keypair_free(fb_keypair *keypair);

/** The algorithm it signs with. */
FB_API fb_slice fb_keypair_algorithm(const fb_keypair *keypair);

/** SubjectPublicKeyInfo PEM with a final newline; absent for HMAC. */
FB_API fb_slice fb_keypair_public_pem(const fb_keypair *keypair);

/** PKCS#8 PEM, not encrypted; for HMAC the secret. A secret: it must not be logged. */
FB_API fb_slice fb_keypair_private_pem(const fb_keypair *keypair);

/** Text that the library made for the caller, who frees it with fb_string_free. */
typedef struct fb_string fb_string;

/** Its bytes, followed by a NUL that size does not count. */
FB_API fb_slice fb_string_text(const fb_string *string);

/** Frees text; NULL is fine. */
FB_API void fb_string_free(fb_string *string);

/**
 * A JWK set document with the public key: {"keys":[{kty, ..., "use":"sig","alg":...[,"kid":...]}]}.
 *
 * @param keypair  whose public key
 * @param kid      UTF-8 without NUL; absent or empty: none
 * @param out      the document, freed by the caller with fb_string_free; NULL on failure
 * @param error    may be NULL
 * @return FB_OK. FB_CONFIGURATION_INVALID: an HMAC secret, which has no public half, or a kid that is not text.
 *         FB_OUT_OF_MEMORY
 */
FB_API FB_MUST_CHECK fb_status fb_keypair_jwks(const fb_keypair *keypair, fb_slice kid, fb_string **out,
                                               fb_error *error);

/**
 * What goes into a token. Start from FB_TOKEN_OPTIONS_INIT. Claims are written in this order: sub, iss, iat =
 * floor(now), exp = iat + expires_in, aud, scope, then additional_claims. Header: {"typ":"JWT","alg":...[,"kid":...]}.
 * All text is UTF-8 without NUL.
 */
typedef struct fb_token_options {
    size_t size; /**< sizeof(fb_token_options), set by FB_TOKEN_OPTIONS_INIT */

    /** sub. Absent: none. */
    fb_slice subject;

    /** iss. Absent: none. */
    fb_slice issuer;

    /** aud: a string for one, an array for more; none for an empty list. */
    fb_list audiences;

    /** Write an array even for one audience. Default false. */
    bool audience_is_list;

    /** scope, joined by a space; none for an empty list. */
    fb_list scopes;

    /** Unix seconds; finite. Default 0. */
    double now;

    /** Seconds, may be negative; a whole number is written as an integer. Finite, and so must be now + expires_in.
     * Default 3600. */
    double expires_in;

    /**
     * One JSON object whose members keep their text to the byte, and override what comes before, in its place. It may
     * hold what strict JSON forbids and Python writes (NaN, Infinity), so that hostile tokens can be made. Absent:
     * none.
     */
    fb_slice additional_claims;

    /** kid of the header. Absent or empty: none. */
    fb_slice kid;

    /** typ of the header. Absent: "JWT"; empty: none. */
    fb_slice type;
} fb_token_options;

#ifdef __cplusplus
static inline fb_token_options fb_token_options_init(void)
{
    fb_token_options options = fb_token_options();
    options.size = sizeof(fb_token_options);
    options.expires_in = 3600.0;
    return options;
}
#define FB_TOKEN_OPTIONS_INIT fb_token_options_init()
#else
/** What an fb_token_options starts from. */
#define FB_TOKEN_OPTIONS_INIT {.size = sizeof(fb_token_options), .expires_in = 3600.0}
#endif

/**
 * Mints a token.
 *
 * @param keypair  signs it
 * @param options  started from FB_TOKEN_OPTIONS_INIT
 * @param out      the token, freed by the caller with fb_string_free; NULL on failure
 * @param error    may be NULL
 * @return FB_OK. FB_CONFIGURATION_INVALID: error.text names the option. FB_OUT_OF_MEMORY
 */
FB_API FB_MUST_CHECK fb_status fb_keypair_create_token(const fb_keypair *keypair, const fb_token_options *options,
                                                       fb_string **out, fb_error *error);

/**
 * The thumbprint of the public key (RFC 7638, SHA-256) in base64url: what cnf.jkt holds.
 *
 * @param keypair  whose public key
 * @param out      the thumbprint, freed by the caller with fb_string_free; NULL on failure
 * @param error    may be NULL
 * @return FB_OK. FB_CONFIGURATION_INVALID: an HMAC secret. FB_OUT_OF_MEMORY
 */
FB_API FB_MUST_CHECK fb_status fb_keypair_thumbprint(const fb_keypair *keypair, fb_string **out, fb_error *error);

/** What goes into a DPoP proof (RFC 9449 section 4.2). Start from FB_PROOF_OPTIONS_INIT. All text is UTF-8 without
 * NUL. */
typedef struct fb_proof_options {
    size_t size;           /**< sizeof(fb_proof_options), set by FB_PROOF_OPTIONS_INIT */
    fb_slice method;       /**< htm */
    fb_slice url;          /**< htu: query and fragment are left out */
    fb_slice access_token; /**< ath is its hash; absent: none */
    fb_slice nonce;        /**< absent: none */
    fb_slice jti;          /**< absent: 128 random bits */
    double now;            /**< iat; finite */
} fb_proof_options;

#ifdef __cplusplus
static inline fb_proof_options fb_proof_options_init(void)
{
    fb_proof_options options = fb_proof_options();
    options.size = sizeof(fb_proof_options);
    return options;
}
#define FB_PROOF_OPTIONS_INIT fb_proof_options_init()
#else
/** What an fb_proof_options starts from. */
#define FB_PROOF_OPTIONS_INIT {.size = sizeof(fb_proof_options)}
#endif

/**
 * Mints a DPoP proof, for tests and clients.
 *
 * @param keypair  signs it; not HMAC
 * @param options  started from FB_PROOF_OPTIONS_INIT
 * @param out      the proof, freed by the caller with fb_string_free; NULL on failure
 * @param error    may be NULL
 * @return FB_OK. FB_CONFIGURATION_INVALID: error.text names the option. FB_OUT_OF_MEMORY, FB_INTERNAL_ERROR (no random
 *         numbers)
 */
FB_API FB_MUST_CHECK fb_status fb_keypair_dpop_proof(const fb_keypair *keypair, const fb_proof_options *options,
                                                     fb_string **out, fb_error *error);

/**
 * Signs any header text and any payload bytes as they are, without a look at either: for making test cases.
 *
 * @param keypair  signs it
 * @param header   at most INT32_MAX / 4 bytes
 * @param payload  the same
 * @param out      the token, freed by the caller with fb_string_free; NULL on failure
 * @param error    may be NULL
 * @return FB_OK, FB_CONFIGURATION_INVALID (too large), FB_OUT_OF_MEMORY
 */
FB_API FB_MUST_CHECK fb_status fb_keypair_sign(const fb_keypair *keypair, fb_slice header, fb_slice payload,
                                               fb_string **out, fb_error *error);

/** @} */

/**
 * @defgroup unverified Looking into a token without verifying it
 *
 * For people and tools. Never for a decision: anybody can write what stands there.
 * @{
 */

/** The text of a token that nobody has verified. */
typedef struct fb_unverified fb_unverified;

/**
 * Takes a token apart. Neither its signature nor its claims are checked.
 *
 * @param token  hostile: any bytes
 * @param size   of token, at most 65536
 * @param mem    NULL: malloc and free. Copied
 * @param out    the parts, freed by the caller with fb_unverified_free; NULL on failure
 * @param error  may be NULL
 * @return FB_OK, FB_TOKEN_TOO_LARGE, FB_TOKEN_MALFORMED, FB_HEADER_INVALID, FB_PAYLOAD_INVALID, FB_OUT_OF_MEMORY
 */
FB_API FB_MUST_CHECK fb_status fb_decode_unverified(const char *token, size_t size, const fb_mem *mem,
                                                    fb_unverified **out, fb_error *error);

/** The header: strict JSON, as it stands. */
FB_API fb_slice fb_unverified_header(const fb_unverified *unverified);

/** The payload: strict JSON, as it stands. */
FB_API fb_slice fb_unverified_payload(const fb_unverified *unverified);

/** NULL is fine. */
FB_API void fb_unverified_free(fb_unverified *unverified);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
