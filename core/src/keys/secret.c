/*
 * An HMAC secret from configuration: what is too short for the hash or known to others is refused. Given bytes that an
 * operator wrote; no error quotes them, and the key's copy is cleansed when it is cleared.
 */
#include "keys/keys.h"

fb_status fb__key_from_secret(fb__key *key, const fb_mem *mem, fb_slice secret, uint32_t algs, bool allow_short,
                              fb_error *error)
{
    const char *found = NULL;
    if (!fb__find_public_material(mem, secret, &found)) {
        return fb__out_of_memory(error);
    }
    if (found != NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "secret: %s", found);
    }
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        const fb__alg *alg = &fb__algs[i];
        if (secret.size == 0 || ((algs & fb__alg_bit(alg)) != 0 && !allow_short && secret.size * 8 < alg->min_bits)) {
            return fb__fail(error, FB_CONFIGURATION_INVALID,
                            "secret: %zu bytes are too few; %s needs at least %d (RFC 7518 section 3.2)", secret.size,
                            secret.size == 0 ? "HMAC" : alg->name, secret.size == 0 ? 1 : alg->min_bits / 8);
        }
    }
    key->secret = fb__alloc(mem, secret.size);
    if (key->secret == NULL) {
        return fb__out_of_memory(error);
    }
    memcpy(key->secret, secret.data, secret.size);
    key->secret_size = secret.size;
    key->kty = FB__KTY_OCT;
    key->kty_text = fb_text("oct");
    key->bits = secret.size > INT32_MAX / 8 ? INT32_MAX : (int)secret.size * 8;
    key->algs = algs;
    return FB_OK;
}
