/*
 * Nonces for proofs (RFC 9449 sections 8 and 9), made from a secret and the time, so that nothing is stored and all
 * servers of a fleet that share the secret take each other's. A nonce is the number of a minute and a MAC of it; it is
 * good in its minute and the two after it.
 */
#include "proof/proof.h"

#include <math.h>
#include <openssl/crypto.h>

enum { WINDOW_SECONDS = 60, OLDEST = 2, NUMBER = 8, TAG = 16, NONCE = NUMBER + TAG };

_Static_assert(FB_NONCE_ROOM > NONCE / 3 * 4, "a nonce and its NUL");

/* False: out of memory. */
static bool make(fb_slice secret, int64_t window, unsigned char out[NONCE])
{
    static const char purpose[] = "fastbearer dpop nonce";
    unsigned char message[sizeof(purpose) - 1 + NUMBER], tag[FB__MAX_DIGEST];
    size_t tag_size;
    for (size_t i = 0; i < NUMBER; i++) {
        out[i] = (unsigned char)((uint64_t)window >> (8 * (NUMBER - 1 - i)));
    }
    memcpy(message, purpose, sizeof(purpose) - 1);
    memcpy(message + sizeof(purpose) - 1, out, NUMBER);
    if (EVP_Q_mac(NULL, "HMAC", NULL, fb__hashes[FB__HASH_SHA256].openssl_name, NULL, secret.data, secret.size, message,
                  sizeof(message), tag, sizeof(tag), &tag_size) == NULL) {
        return false;
    }
    memcpy(out + NUMBER, tag, TAG);
    return true;
}

/* False: outside of what can be counted. */
static bool window_of(double now, int64_t *out)
{
    const double window = floor(now / (double)WINDOW_SECONDS);
    if (!(fabs(window) < 0x1p53)) {
        return false;
    }
    *out = (int64_t)window;
    return true;
}

bool fb__nonce_make(fb_slice secret, double now, char out[FB_NONCE_ROOM])
{
    unsigned char nonce[NONCE];
    int64_t window;
    out[0] = '\0';
    if (!window_of(now, &window)) {
        return false;
    }
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    const bool made = make(secret, window, nonce);
    fb__openssl_end(&errors);
    if (made) {
        out[fb__base64url_encode(nonce, sizeof(nonce), out)] = '\0';
    }
    return made;
}

fb_status fb__nonce_check(fb_slice secret, double now, fb_slice given)
{
    unsigned char nonce[NONCE], right[NONCE];
    int64_t current, window = 0;
    if (!window_of(now, &current) || fb__base64url_decoded_size(given.size) != NONCE ||
        !fb__base64url_decode(given.data, given.size, nonce)) {
        return FB_PROOF_NONCE_REQUIRED;
    }
    for (size_t i = 0; i < NUMBER; i++) {
        window = (int64_t)((uint64_t)window << 8 | nonce[i]);
    }
    if (window > current || window < current - OLDEST) {
        return FB_PROOF_NONCE_REQUIRED;
    }
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    const bool made = make(secret, window, right);
    fb__openssl_end(&errors);
    if (!made) {
        return FB_OUT_OF_MEMORY;
    }
    return CRYPTO_memcmp(nonce, right, NONCE) == 0 ? FB_OK : FB_PROOF_NONCE_REQUIRED;
}
