/*
 * DPoP proofs (RFC 9449 section 4.2) and the thumbprint of a pair, for tests and clients.
 */
#include "mint/mint.h"

#include <math.h>

enum { RANDOM_JTI = 16, HASH = 32, HASH_TEXT = 43 };

static fb_status no_public_half(fb_error *error)
{
    return fb__fail(error, FB_CONFIGURATION_INVALID,
                    "an HMAC secret proves possession of nothing: it has no public "
                    "half");
}

/* Text of bytes, in base64url. */
static fb_slice encode(const unsigned char *bytes, size_t size, char *out)
{
    return (fb_slice){out, fb__base64url_encode(bytes, size, out)};
}

fb_status fb_keypair_thumbprint(const fb_keypair *keypair, fb_string **out, fb_error *error)
{
    FB__INSIDE_GATE;
    *out = NULL;
    if (keypair->key.kty == FB__KTY_OCT) {
        return no_public_half(error);
    }
    unsigned char thumbprint[FB__THUMBPRINT];
    char text[HASH_TEXT];
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    const bool made = fb__key_thumbprint(&keypair->key, thumbprint);
    fb__openssl_end(&errors);
    fb_string *string = made ? fb__string_new(&keypair->mem, HASH_TEXT) : NULL;
    if (string == NULL) {
        return fb__out_of_memory(error);
    }
    const fb_slice encoded = encode(thumbprint, sizeof(thumbprint), text);
    fb__string_add(string, encoded.data, encoded.size);
    *out = string;
    return fb__succeed(error);
}

/* What is given and what is not, beside what can be no text; *room becomes what the payload may take. */
static fb_status check_options(const fb_mem *mem, const fb_proof_options *options, size_t *room, fb_error *error)
{
    const struct {
        const char *name;
        fb_slice value;
        bool needed;
    } texts[] = {{"method", options->method, true},
                 {"url", options->url, true},
                 {"nonce", options->nonce, false},
                 {"jti", options->jti, false}};
    if (!isfinite(options->now) || fabs(options->now) >= 0x1p63) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "now must be a finite number of seconds");
    }
    *room = 256;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].needed && texts[i].value.size == 0) {
            return fb__fail(error, FB_CONFIGURATION_INVALID, "%s must be given", texts[i].name);
        }
        *room = fb__size_add(*room, fb__quoted_room(texts[i].value.size));
        const fb_status status = fb__check_text(mem, texts[i].name, texts[i].value, error);
        if (status != FB_OK) {
            return status;
        }
    }
    return FB_OK;
}

/* The URL up to its query or fragment. */
static fb_slice without_query(fb_slice url)
{
    size_t size = 0;
    while (size < url.size && url.data[size] != '?' && url.data[size] != '#') {
        size++;
    }
    return (fb_slice){url.data, size};
}

static fb_status add_jti(fb_string *payload, fb_slice given, fb_error *error)
{
    unsigned char random[RANDOM_JTI];
    char text[2 * RANDOM_JTI];
    if (given.data != NULL) {
        fb__string_add_member(payload, "jti", given);
        return FB_OK;
    }
    if (!fb__random(random, sizeof(random))) {
        return fb__reject(error, FB_INTERNAL_ERROR, (fb_slice){NULL, 0});
    }
    fb__string_add_member(payload, "jti", encode(random, sizeof(random), text));
    return FB_OK;
}

static void add_time(fb_string *payload, double now)
{
    char text[FB__NUMBER_ROOM];
    fb__string_add_text(payload, ",\"iat\":");
    fb__string_add(payload, text, fb__number_write(floor(now), 17, text));
}

static fb_status write_payload(fb_string *payload, const fb_proof_options *options, fb_error *error)
{
    unsigned char hash[HASH];
    char text[HASH_TEXT];
    fb__string_add_text(payload, "{");
    fb_status status = add_jti(payload, options->jti, error);
    if (status != FB_OK) {
        return status;
    }
    fb__string_add_member(payload, "htm", options->method);
    fb__string_add_member(payload, "htu", without_query(options->url));
    add_time(payload, options->now);
    if (options->access_token.data != NULL) {
        if (EVP_Q_digest(NULL, fb__hashes[FB__HASH_SHA256].openssl_name, NULL, options->access_token.data,
                         options->access_token.size, hash, NULL) != 1) {
            return fb__out_of_memory(error);
        }
        fb__string_add_member(payload, "ath", encode(hash, sizeof(hash), text));
    }
    if (options->nonce.data != NULL) {
        fb__string_add_member(payload, "nonce", options->nonce);
    }
    fb__string_add_text(payload, "}");
    return FB_OK;
}

static bool write_header(fb_string *header, const fb_keypair *pair)
{
    fb__string_add_text(header, "{");
    fb__string_add_member(header, "typ", fb_text("dpop+jwt"));
    fb__string_add_member(header, "alg", fb_keypair_algorithm(pair));
    fb__string_add_text(header, ",\"jwk\":{");
    if (!fb__string_add_public_key(header, pair)) {
        return false;
    }
    fb__string_add_text(header, "}}");
    return true;
}

/* What a proof is put together from. */
struct draft {
    fb_string *header, *payload;
};

static fb_status write_proof(const fb_keypair *keypair, const fb_proof_options *options, struct draft *draft,
                             fb_string **out, fb_error *error)
{
    const fb_mem *mem = &keypair->mem;
    size_t room = 0;
    fb_status status = check_options(mem, options, &room, error);
    if (status != FB_OK) {
        return status;
    }
    draft->header = fb__string_new(mem, FB__JWK_ROOM);
    draft->payload = fb__string_new(mem, room);
    if (draft->header == NULL || draft->payload == NULL || !write_header(draft->header, keypair)) {
        return fb__out_of_memory(error);
    }
    status = write_payload(draft->payload, options, error);
    if (status != FB_OK) {
        return status;
    }
    return fb_keypair_sign(keypair, fb_string_text(draft->header), fb_string_text(draft->payload), out, error);
}

fb_status fb_keypair_dpop_proof(const fb_keypair *keypair, const fb_proof_options *given, fb_string **out,
                                fb_error *error)
{
    FB__INSIDE_GATE;
    fb_proof_options options = FB_PROOF_OPTIONS_INIT;
    *out = NULL;
    if (given->size == 0 || given->size > sizeof(options)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "options must start from FB_PROOF_OPTIONS_INIT");
    }
    memcpy(&options, given, given->size);
    if (keypair->key.kty == FB__KTY_OCT) {
        return no_public_half(error);
    }
    struct draft draft = {NULL, NULL};
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    const fb_status status = write_proof(keypair, &options, &draft, out, error);
    fb__openssl_end(&errors);
    fb_string_free(draft.header);
    fb_string_free(draft.payload);
    return status == FB_OK ? fb__succeed(error) : status;
}
