/*
 * The header of a DPoP proof (RFC 9449 section 4.2) and the client's key in it. Given text that nobody has signed yet.
 * The rules are those for headers of tokens and for keys of key sets, and more where a client chooses the key: one key
 * must have one thumbprint, and a client that sends its private key does not keep it. x5c, jku and x5u are read by
 * nobody: the key is jwk.
 */
#include "proof/proof.h"

/* RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, RFC 8037 section 2. */
static const fb_slice private_members[] = {{"d", 1},  {"p", 1},  {"q", 1},   {"dp", 2},
                                           {"dq", 2}, {"qi", 2}, {"oth", 3}, {"k", 1}};

/* A decoded header. */
struct header {
    char text[FB__MAX_HEADER];
    fb_node nodes[FB__MAX_HEADER_NODES];
};

/* What fb__header_read refuses, said of a proof. */
static const char *problem_of(fb_status status)
{
    return status == FB_CRITICAL_HEADER_UNSUPPORTED ? "the proof demands an extension by crit"
           : status == FB_HEADER_UNSUPPORTED        ? "the proof's header asks for something that is not supported"
                                                    : "the proof's header is not a valid JSON object";
}

/* Whether a number in base64url begins with a zero: with six bits of zeros, and two more. */
static bool has_leading_zero(const struct header *header, size_t object, const char *name)
{
    enum { TWO_CHARACTERS = 12 }; /* as they may be written in a JSON string */
    const size_t index = fb__json_member(header->text, header->nodes, object, fb_text(name));
    const fb_node *node = &header->nodes[index];
    if (index == 0 || node->kind != FB_STRING) {
        return false;
    }
    char start[TWO_CHARACTERS];
    const size_t size =
        fb_unescape(header->text + node->offset, node->length < sizeof(start) ? node->length : sizeof(start), start);
    return size >= 2 && start[0] == 'A' && start[1] >= 'A' && start[1] <= 'P';
}

/* What makes a jwk unfit for a proof that would do in a key set. */
static const char *check_jwk(const struct header *header, size_t *out)
{
    const size_t jwk = *out = fb__json_member(header->text, header->nodes, 0, fb_text("jwk"));
    if (jwk == 0 || header->nodes[jwk].kind != FB_OBJECT) {
        return "the proof's header has no jwk";
    }
    for (size_t i = 0; i < sizeof(private_members) / sizeof(private_members[0]); i++) {
        if (fb__json_member(header->text, header->nodes, jwk, private_members[i]) != 0) {
            return "the proof's jwk holds a private key";
        }
    }
    return has_leading_zero(header, jwk, "n") || has_leading_zero(header, jwk, "e")
               ? "a number of the proof's jwk has leading zeros"
               : NULL;
}

static const char *check_header(const struct fb__header *read, uint32_t algs, const fb__alg **alg)
{
    if (!fb__slice_equal(read->typ, fb_text("dpop+jwt"))) {
        return "the proof's typ is not \"dpop+jwt\"";
    }
    *alg = read->alg_name.data == NULL ? NULL : fb__alg_find(read->alg_name);
    return *alg == NULL || (algs & fb__alg_bit(*alg)) == 0 ? "the proof's algorithm is not allowed" : NULL;
}

/* The key, whose memory is there. False: out of memory. */
static bool import(fb__proof_key *key, const struct header *header, size_t jwk, const EVP_PKEY *p256,
                   const char **problem)
{
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    bool done = fb__key_from_jwk(&key->key.key, &key->mem, header->text, header->nodes, jwk, p256);
    if (done && (key->key.key.algs & fb__alg_bit(key->alg)) == 0) {
        *problem = key->key.key.problem != NULL ? "the proof's jwk is not a key that can be used"
                                                : "the proof's jwk is not a key for its algorithm";
    } else if (done) {
        done = fb__key_thumbprint(&key->key.key, key->thumbprint);
    }
    fb__openssl_end(&errors);
    return done;
}

/* header was decoded once and is valid; reading it has undone escapes in its place, so it is decoded again. */
static bool decode(fb_slice segment, struct header *out)
{
    size_t count;
    const size_t size = fb__base64url_decoded_size(segment.size);
    return fb__base64url_decode(segment.data, segment.size, (unsigned char *)out->text) &&
           fb__json_scan(out->text, size, FB__JSON_STRICT, FB__MAX_DEPTH, &fb__mem_default, out->nodes,
                         FB__MAX_HEADER_NODES, &count) == FB__JSON_OK;
}

void fb__proof_key_read(fb__proof_key **out, const fb_mem *mem, uint32_t algs, fb__proof_keys *keys, fb_slice segment,
                        const char **problem)
{
    FB__INSIDE_GATE;
    struct header header;
    fb__header read;
    const fb__alg *alg = NULL;
    *out = NULL;
    const fb_status status = fb__header_read(segment, header.text, &read, NULL);
    *problem = status == FB_OK ? check_header(&read, algs, &alg) : problem_of(status);
    if (*problem != NULL) {
        return;
    }
    size_t jwk = 0;
    *problem = decode(segment, &header) ? check_jwk(&header, &jwk) : problem_of(FB_HEADER_INVALID);
    if (*problem != NULL) {
        return;
    }
    fb__proof_key *key = fb__zalloc(mem, sizeof(*key) + segment.size);
    if (key == NULL) {
        return;
    }
    atomic_init(&key->references, 1);
    key->mem = *mem;
    key->alg = alg;
    key->header_size = segment.size;
    memcpy(key->header, segment.data, segment.size);
    if (!import(key, &header, jwk, fb__proof_keys_p256(keys), problem) || *problem != NULL) {
        fb__proof_key_release(key);
        return;
    }
    fb__verification_key_init(&key->key, fb__proof_keys_tables(keys));
    *out = key;
}
