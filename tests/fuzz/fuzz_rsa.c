/*
 * Target functions: open of fb__arithmetic_rsa, fb__rsa_check_encoding
 * Input: a byte for the key, a byte for the algorithm (low three bits) and for what the rest is, the message up to a
 * newline, and the rest: a signature, the block that the signature opens to, or changes to a good block from the place
 * on that its first two bytes name. The keys can sign any block, so that the fuzzer sees past the exponentiation. We
 * give OpenSSL's verdict.
 */
#include "fuzz.h"

#include "../core/rsa_blocks.h"

enum { KEYS = 3 };

static rsa_signer *signers(void)
{
    static rsa_signer made[KEYS];
    static bool ready;
    for (size_t i = 0; i < KEYS && !ready; i++) {
        rsa_signer_open(&made[i], 2048 + 1024 * i, i);
    }
    ready = true;
    return made;
}

static void change(unsigned char *block, size_t size, const uint8_t *data, size_t count)
{
    const unsigned high = fuzz_byte(&data, &count), low = fuzz_byte(&data, &count);
    const size_t at = (high << 8 | low) % size;
    for (size_t i = 0; i < count; i++) {
        block[(at + i) % size] ^= data[i];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rsa_signer *signer = &signers()[fuzz_byte(&data, &size) % KEYS];
    const unsigned choice = fuzz_byte(&data, &size);
    const fb__alg *alg = &fb__algs[(choice & 7) % RSA_ALGS];
    const fb_slice message = fuzz_line(&data, &size);
    unsigned char signature[RSA_SIGNER_BYTES] = {0}, block[RSA_SIGNER_BYTES] = {0};
    if (signer->verifier.table == NULL) {
        return 0;
    }
    if ((choice >> 3) % 3 == 0) {
        memcpy(signature, data, size < signer->bytes ? size : signer->bytes);
    } else {
        uint64_t random = choice;
        if ((choice >> 3) % 3 == 1) {
            memcpy(block, data, size < signer->bytes ? size : signer->bytes);
        } else {
            rsa_block(block, &signer->verifier, alg, message, choice / 24 % RSA_BLOCK_FAULTS, &random);
            change(block, signer->bytes, data, size);
        }
        rsa_sign_block(signer, block, signature);
    }
    const bool good = rsa_openssl_accepts(&signer->verifier, alg, message, signature);
    ERR_clear_error();
    REQUIRE(rsa_verdict(&signer->verifier, alg, message, signature) == (good ? FB_OK : FB_SIGNATURE_INVALID));
    fuzz_no_errors_left();
    return 0;
}
