/*
 * The check of a DPoP proof (RFC 9449 section 4.3). Given text that a client sent beside a token that was accepted, and
 * the request that both came with. Nothing of its payload is read before its key is known to be the token's and its
 * signature holds. What costs most comes after what costs little, and whether the proof is new is asked last, so that a
 * request which is refused uses nothing up.
 */
#include "proof/proof.h"

#include <math.h>
#include <stdio.h>

static const fb_slice nothing = {NULL, 0};

/* The members that are read. The order is that of names below. */
enum member { JTI, HTM, HTU, ATH, NONCE, IAT, EXP, NBF, MEMBERS };

static const fb_slice names[MEMBERS] = {{"jti", 3},   {"htm", 3}, {"htu", 3}, {"ath", 3},
                                        {"nonce", 5}, {"iat", 3}, {"exp", 3}, {"nbf", 3}};

enum { STACK_PAYLOAD = 4096, HASH = 32, HASH_TEXT = 43 };

/* What one check carries from step to step. */
struct check {
    const fb__dpop *dpop;
    const fb__proof_request *request;
    fb_error *error;
    const fb__proof_key *key;
    size_t found[MEMBERS]; /* node indices; 0: absent */
    fb_slice texts[NONCE + 1];
    fb__seconds times[MEMBERS - IAT];
};

/* ---- refusals ------------------------------------------------------------------------------- */

static fb_status refuse(const struct check *check, const char *problem, fb_slice claim)
{
    (void)fb__fail(check->error, FB_PROOF_INVALID, "%s", problem);
    if (FB__HAS(check->error, claim)) {
        check->error->claim = claim;
    }
    return FB_PROOF_INVALID;
}

static fb_status mismatch(const struct check *check, enum member member, fb_slice expected, fb_slice actual)
{
    (void)fb__reject(check->error, FB_PROOF_MISMATCH, names[member]);
    fb__set_expected(check->error, expected);
    fb__set_actual(check->error, actual);
    return FB_PROOF_MISMATCH;
}

/* Says by how much, as claims.c does of tokens. */
static fb_status refuse_time(const struct check *check, enum member member, double age, const char *limit)
{
    char distance[FB__NUMBER_ROOM], actual[FB__NUMBER_ROOM];
    (void)fb__fail(check->error, FB_PROOF_EXPIRED, "%s: %s s %s", fb_status_text(FB_PROOF_EXPIRED),
                   fb__seconds_text(fabs(age), distance), age < 0.0 ? "ahead" : "ago");
    if (FB__HAS(check->error, claim)) {
        check->error->claim = names[member];
    }
    fb__set_expected(check->error, fb_text(limit));
    fb__set_actual(check->error, fb_text(fb__seconds_text(check->times[member - IAT].value, actual)));
    return FB_PROOF_EXPIRED;
}

/* ---- the payload: what it holds ------------------------------------------------------------- */

static void find_members(struct check *check, const char *text, const fb_node *nodes)
{
    for (size_t name = 1; name < nodes[0].next; name = nodes[name + 1].next) {
        for (size_t m = 0; m < MEMBERS; m++) {
            if (fb__json_equal(text, &nodes[name], names[m])) {
                check->found[m] = name + 1;
                break;
            }
        }
    }
}

/* Present where they must be, and of the right types. Texts are unescaped in their place. */
static fb_status read_members(struct check *check, char *text, const fb_node *nodes)
{
    find_members(check, text, nodes);
    for (enum member m = 0; m < MEMBERS; m++) {
        const bool needed = m != NONCE && m != EXP && m != NBF;
        const fb_node *node = &nodes[check->found[m]];
        if (check->found[m] == 0) {
            if (needed) {
                return refuse(check, "the proof lacks a claim", names[m]);
            }
            continue;
        }
        if (m >= IAT) {
            if (!fb__json_seconds(text, node, &check->times[m - IAT])) {
                return refuse(check, "a claim of the proof is not a number of seconds", names[m]);
            }
            continue;
        }
        if (node->kind != FB_STRING) {
            return refuse(check, "a claim of the proof is not a string", names[m]);
        }
        char *start = text + node->offset;
        check->texts[m] = (fb_slice){start, node->escaped ? fb_unescape(start, node->length, start) : node->length};
    }
    return check->texts[JTI].size >= 1 && check->texts[JTI].size <= FB__MAX_JTI
               ? FB_OK
               : refuse(check, "the proof's jti is empty, or longer than 256 bytes", names[JTI]);
}

/* ---- the payload: what it must say ---------------------------------------------------------- */

static fb_status check_method(const struct check *check)
{
    return fb__slice_equal(check->texts[HTM], check->request->method)
               ? FB_OK
               : mismatch(check, HTM, check->request->method, check->texts[HTM]);
}

static fb_status check_uri(const struct check *check)
{
    fb__uri expected, actual;
    if (!fb__uri_normalise(check->texts[HTU], &actual)) {
        return refuse(check, "the proof's htu is not an absolute http URI", names[HTU]);
    }
    if (!fb__uri_normalise(check->request->url, &expected)) {
        return mismatch(check, HTU, fb_text("a request with an absolute http URI"), check->texts[HTU]);
    }
    return fb__uri_equal(&expected, &actual)
               ? FB_OK
               : mismatch(check, HTU, (fb_slice){expected.text, expected.size}, (fb_slice){actual.text, actual.size});
}

/* Doubles cannot overflow: all values are within int64, the rest within a day. */
static fb_status check_times(const struct check *check)
{
    const fb__dpop *dpop = check->dpop;
    const double now = check->request->now;
    char limit[FB__NUMBER_ROOM + 16], text[FB__NUMBER_ROOM];
    const double iat = check->times[0].value, exp = check->times[EXP - IAT].value, nbf = check->times[NBF - IAT].value;
    if (now - iat >= dpop->max_age) {
        (void)snprintf(limit, sizeof(limit), "more than %s", fb__seconds_text(now - dpop->max_age, text));
        return refuse_time(check, IAT, now - iat, limit);
    }
    if (check->found[EXP] != 0 && now >= exp) {
        (void)snprintf(limit, sizeof(limit), "more than %s", fb__seconds_text(now, text));
        return refuse_time(check, EXP, now - exp, limit);
    }
    (void)snprintf(limit, sizeof(limit), "at most %s", fb__seconds_text(now + dpop->clock_skew, text));
    if (iat > now + dpop->clock_skew) {
        return refuse_time(check, IAT, now - iat, limit);
    }
    return check->found[NBF] != 0 && nbf > now + dpop->clock_skew ? refuse_time(check, NBF, now - nbf, limit) : FB_OK;
}

static bool sha256(const void *data, size_t size, unsigned char out[HASH])
{
    FB__INSIDE_GATE;
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    const bool done = EVP_Q_digest(NULL, fb__hashes[FB__HASH_SHA256].openssl_name, NULL, data, size, out, NULL) == 1;
    fb__openssl_end(&errors);
    return done;
}

static fb_status check_token_hash(const struct check *check)
{
    unsigned char hash[HASH];
    char text[HASH_TEXT];
    if (!sha256(check->request->token.data, check->request->token.size, hash)) {
        return fb__out_of_memory(check->error);
    }
    const fb_slice expected = {text, fb__base64url_encode(hash, sizeof(hash), text)};
    return fb__slice_equal(check->texts[ATH], expected) ? FB_OK
                                                        : fb__reject(check->error, FB_PROOF_MISMATCH, names[ATH]);
}

/* ---- whether it is new ---------------------------------------------------------------------- */

static fb_status check_nonce(const struct check *check)
{
    if (check->dpop->nonce_secret.data == NULL) {
        return FB_OK;
    }
    FB__INSIDE_GATE;
    const fb_status status = fb__nonce_check(check->dpop->nonce_secret, check->request->now, check->texts[NONCE]);
    return status == FB_OK ? FB_OK
                           : fb__reject(check->error, status, status == FB_OUT_OF_MEMORY ? nothing : names[NONCE]);
}

/* The host remembers: what, and until when. */
static fb_status write_memory(const struct check *check, double expires_at, fb_proof *out)
{
    unsigned char text[FB__THUMBPRINT + FB__MAX_JTI], hash[HASH];
    const fb_slice jti = check->texts[JTI];
    memcpy(text, check->key->thumbprint, FB__THUMBPRINT);
    memcpy(text + FB__THUMBPRINT, jti.data, jti.size);
    if (!sha256(text, FB__THUMBPRINT + jti.size, hash)) {
        return fb__out_of_memory(check->error);
    }
    out->present = true;
    out->key[fb__base64url_encode(hash, sizeof(hash), out->key)] = '\0';
    out->expires_at = expires_at;
    return FB_OK;
}

/* A nonce is asked for only when all else is good, and nothing is used up when it is. */
static fb_status accept(const struct check *check, fb_proof *remember)
{
    const fb__dpop *dpop = check->dpop;
    const double now = check->request->now, expires_at = check->times[0].value + dpop->max_age;
    if (dpop->replay == NULL) {
        const fb_status status = check_nonce(check);
        return status == FB_OK ? write_memory(check, expires_at, remember) : status;
    }
    const fb__replay_key key = fb__replay_key_of(dpop->replay, check->key->thumbprint, check->texts[JTI]);
    if (fb__replay_holds(dpop->replay, key, now)) {
        return fb__reject(check->error, FB_PROOF_REPLAYED, names[JTI]);
    }
    fb_status status = check_nonce(check);
    if (status != FB_OK) {
        return status;
    }
    status = fb__replay_insert(dpop->replay, key, expires_at, now);
    return status == FB_OK ? FB_OK
                           : fb__reject(check->error, status, status == FB_PROOF_REPLAYED ? names[JTI] : nothing);
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* text: room for the decoded payload. */
static fb_status check_payload(struct check *check, fb_slice segment, char *text, fb_proof *remember)
{
    static fb_status (*const rules[])(const struct check *check) = {check_method, check_uri, check_times,
                                                                    check_token_hash};
    fb_node nodes[FB__MAX_HEADER_NODES];
    const size_t size = fb__base64url_decoded_size(segment.size);
    size_t count;
    /* As for headers, the number of nodes bounds the work, and keeps the duplicate check off the allocator. */
    if (!fb__base64url_decode(segment.data, segment.size, (unsigned char *)text) ||
        fb__json_scan(text, size, FB__JSON_STRICT, FB__MAX_DEPTH, &check->dpop->mem, nodes, FB__MAX_HEADER_NODES,
                      &count) != FB__JSON_OK) {
        return refuse(check, "the proof's payload is not a valid JSON object", nothing);
    }
    fb_status status = read_members(check, text, nodes);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && status == FB_OK; i++) {
        status = rules[i](check);
    }
    return status == FB_OK ? accept(check, remember) : status;
}

static fb_status read_payload(struct check *check, fb_slice segment, fb_proof *remember)
{
    char stack[STACK_PAYLOAD];
    const size_t size = fb__base64url_decoded_size(segment.size);
    char *text = size <= sizeof(stack) ? stack : fb__alloc(&check->dpop->mem, size);
    if (text == NULL) {
        return fb__out_of_memory(check->error);
    }
    const fb_status status = check_payload(check, segment, text, remember);
    if (text != stack) {
        fb__free(&check->dpop->mem, text);
    }
    return status;
}

static fb_status check_signature(const struct check *check, fb__proof_key *key, const fb__token *parts)
{
    const fb_status status = fb__verify_signature(check->request->verifier, &key->key, key->alg, parts->signing_input,
                                                  parts->signature, check->dpop->with_tables);
    return status == FB_OK                  ? FB_OK
           : status == FB_SIGNATURE_INVALID ? refuse(check, "the proof's signature is not valid", nothing)
                                            : fb__reject(check->error, status, nothing);
}

/* The key is there, whether it was held or read from the proof. */
static fb_status check_with_key(struct check *check, fb__proof_key *key, const fb__token *parts, fb_proof *remember)
{
    check->key = key;
    if (memcmp(key->thumbprint, check->request->thumbprint, FB__THUMBPRINT) != 0) {
        return fb__reject(check->error, FB_PROOF_MISMATCH, (fb_slice){"cnf", 3});
    }
    const fb_status status = check_signature(check, key, parts);
    return status == FB_OK ? read_payload(check, parts->payload, remember) : status;
}

fb_status fb__dpop_check(const fb__dpop *dpop, const fb__proof_request *request, fb_slice proof, fb_proof *remember,
                         fb_error *error)
{
    struct check check = {.dpop = dpop, .request = request, .error = error};
    fb__token parts;
    if (proof.size > dpop->max_proof_bytes) {
        return refuse(&check, "the proof is larger than a token may be", nothing);
    }
    if (fb__token_split(proof.data, proof.size, &parts) != FB_OK) {
        return refuse(&check, "the proof is not three segments of unpadded, canonical base64url", nothing);
    }
    fb__proof_key *key = fb__proof_keys_find(dpop->keys, parts.header);
    const bool held = key != NULL;
    if (!held) {
        const char *problem = NULL;
        fb__proof_key_read(&key, &dpop->mem, dpop->algs, dpop->keys, parts.header, &problem);
        if (key == NULL) {
            return problem == NULL ? fb__out_of_memory(error) : refuse(&check, problem, nothing);
        }
    }
    const fb_status status = check_with_key(&check, key, &parts, remember);
    if (status == FB_OK && !held) {
        fb__proof_keys_keep(dpop->keys, key);
    }
    fb__proof_key_release(key);
    return status;
}
