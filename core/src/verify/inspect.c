/*
 * Looking in from outside: the keys that are held, the counters, and a token's text for people and tools. Nothing here
 * takes part in a verification.
 */
#include "verify/verify.h"

#include <math.h>

/* ---- keys ----------------------------------------------------------------------------------- */

struct fb_keys {
    fb_mem mem;
    fb__keyset *set; /* a reference: the texts are its */
    size_t count;
    fb_key_info infos[];
};

static void describe(fb_key_info *info, const fb__key *key, bool fast)
{
    fast = fast && fb__fast_table(key) != NULL;
    info->kid = key->kid;
    info->kty = key->kty_text;
    info->alg = key->alg_text;
    info->crv = key->crv_text;
    info->usable = key->algs != 0;
    info->problem = fb_text(key->problem);
    info->arithmetic = fb_text(fast ? key->fast->name : "openssl");
    info->table_bytes = fast ? key->fast_bytes : 0;
    info->bits = key->bits;
}

/* A reference; NULL: none are held. */
static fb__keyset *held_keys(const fb_verifier *verifier)
{
    return verifier->static_keys != NULL ? fb__keyset_retain(verifier->static_keys)
                                         : fb__key_source_keys(verifier->key_source);
}

fb_status fb_verifier_keys(const fb_verifier *verifier, fb_keys **out, fb_error *error)
{
    *out = NULL;
    fb__keyset *set = held_keys(verifier);
    size_t count = set == NULL ? 0 : set->count;
    fb_keys *keys = fb__zalloc(&verifier->mem, sizeof(*keys) + count * sizeof(keys->infos[0]));
    if (keys == NULL) {
        fb__keyset_release(set);
        return fb__reject(error, FB_OUT_OF_MEMORY, (fb_slice){NULL, 0});
    }
    keys->mem = verifier->mem;
    keys->set = set;
    keys->count = count;
    for (size_t i = 0; i < count; i++) {
        describe(&keys->infos[i], &set->keys[i], verifier->policy.fast);
    }
    *out = keys;
    return FB_OK;
}

size_t fb_keys_count(const fb_keys *keys)
{
    return keys->count;
}

const fb_key_info *fb_keys_at(const fb_keys *keys, size_t index)
{
    return index < keys->count ? &keys->infos[index] : NULL;
}

void fb_keys_free(fb_keys *keys)
{
    if (keys != NULL) {
        fb_mem mem = keys->mem;
        fb__keyset_release(keys->set);
        fb__free(&mem, keys);
    }
}

/* ---- counters ------------------------------------------------------------------------------- */

static void collect(const fb_verifier *verifier, double monotonic_seconds, fb_stats *out)
{
    out->verified = atomic_load_explicit(&verifier->outcomes[0], memory_order_relaxed);
    for (size_t i = 1; i < FB__STATUS_COUNT; i++) {
        uint64_t count = atomic_load_explicit(&verifier->outcomes[i], memory_order_relaxed);
        fb_status status = fb__status_at(i);
        /* "Fetch and ask again" is no verdict on a token. */
        if (count == 0 || status == FB_KEYS_NEEDED) {
            continue;
        }
        out->rejected += count;
        out->reasons[out->reason_count].status = status;
        out->reasons[out->reason_count++].count = count;
    }
    if (verifier->cache != NULL) {
        fb__cache_stats(verifier->cache, out);
    }
    if (verifier->key_source != NULL) {
        fb__key_source_stats(verifier->key_source, monotonic_seconds, out);
    } else {
        out->keys_held = out->keys_fresh = true;
    }
    fb__keyset *set = held_keys(verifier);
    out->table_bytes = set == NULL ? 0 : atomic_load_explicit(&set->tables.bytes, memory_order_relaxed);
    fb__keyset_release(set);
    fb__fast_stats(out);
}

fb_status fb_verifier_stats(const fb_verifier *verifier, double monotonic_seconds, fb_stats *out, fb_error *error)
{
    if (!isfinite(monotonic_seconds)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "monotonic_seconds must be a finite number of seconds");
    }
    fb_stats stats = FB_STATS_INIT;
    collect(verifier, monotonic_seconds, &stats);
    return fb__fill(out, &stats, sizeof(stats))
               ? fb__succeed(error)
               : fb__fail(error, FB_CONFIGURATION_INVALID, "out must start from FB_STATS_INIT");
}

/* ---- a token's text, unverified ------------------------------------------------------------- */

struct fb_unverified {
    fb_mem mem;
    fb_slice header, payload;
    char text[];
};

/* Decodes a segment to *at and moves it on. */
static bool decode(fb_slice segment, char **at, fb_slice *out)
{
    *out = (fb_slice){*at, fb__base64url_decoded_size(segment.size)};
    bool decoded = fb__base64url_decode(segment.data, segment.size, (unsigned char *)*at);
    *at += out->size;
    return decoded;
}

static fb_status check_json(const fb_mem *mem, fb_slice text, fb_status invalid)
{
    size_t capacity = fb__json_bound(text.data, text.size), count;
    fb_node *nodes = fb__alloc(mem, capacity * sizeof(*nodes));
    if (nodes == NULL) {
        return FB_OUT_OF_MEMORY;
    }
    fb__json_status scanned =
        fb__json_scan(text.data, text.size, FB__JSON_STRICT, FB__MAX_DEPTH, mem, nodes, capacity, &count);
    fb__free(mem, nodes);
    return scanned == FB__JSON_OK ? FB_OK : scanned == FB__JSON_NO_MEMORY ? FB_OUT_OF_MEMORY : invalid;
}

fb_status fb_decode_unverified(const char *token, size_t size, const fb_mem *given, fb_unverified **out,
                               fb_error *error)
{
    *out = NULL;
    fb_mem mem = given == NULL ? fb__mem_default : *given;
    fb__token parts;
    if (size > FB__MAX_TOKEN) {
        return fb__reject(error, FB_TOKEN_TOO_LARGE, (fb_slice){NULL, 0});
    }
    fb_status status = fb__token_split(token, size, &parts);
    if (status != FB_OK) {
        return fb__reject(error, status, (fb_slice){NULL, 0});
    }
    fb_unverified *unverified = fb__alloc(&mem, sizeof(*unverified) + size);
    if (unverified == NULL) {
        return fb__reject(error, FB_OUT_OF_MEMORY, (fb_slice){NULL, 0});
    }
    unverified->mem = mem;
    char *at = unverified->text;
    status = decode(parts.header, &at, &unverified->header) && decode(parts.payload, &at, &unverified->payload)
                 ? check_json(&mem, unverified->header, FB_HEADER_INVALID)
                 : FB_TOKEN_MALFORMED;
    if (status == FB_OK) {
        status = check_json(&mem, unverified->payload, FB_PAYLOAD_INVALID);
    }
    if (status != FB_OK) {
        fb_unverified_free(unverified);
        return fb__reject(error, status, (fb_slice){NULL, 0});
    }
    *out = unverified;
    return FB_OK;
}

fb_slice fb_unverified_header(const fb_unverified *unverified)
{
    return unverified->header;
}

fb_slice fb_unverified_payload(const fb_unverified *unverified)
{
    return unverified->payload;
}

void fb_unverified_free(fb_unverified *unverified)
{
    if (unverified != NULL) {
        fb_mem mem = unverified->mem;
        fb__free(&mem, unverified);
    }
}
