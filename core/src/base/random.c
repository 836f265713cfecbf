/*
 * Numbers that nobody outside of this process can guess: keys of hashes and of tables, and when to look twice.
 */
#include "base/base.h"

#include <openssl/rand.h>

bool fb__random(void *out, size_t size)
{
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    const bool made = RAND_bytes(out, (int)size) == 1;
    fb__openssl_end(&errors);
    return made;
}
