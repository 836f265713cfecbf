/*
 * Which versions these are: of this library, and of those that it works with as they were loaded or built in.
 */
#include "keysets/keysets.h"

#include <jansson.h>
#include <openssl/crypto.h>

/* Defined by builds that carry the libraries they need, such as the published packages. */
#ifdef FB_BUILT_IN
static const bool built_in = true;
#else
static const bool built_in = false;
#endif

const char *fb_version(void)
{
    return FB_VERSION;
}

const char *fb_openssl_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

const char *fb_jansson_version(void)
{
    return jansson_version_str();
}

bool fb_versions(fb_version_info *out)
{
    if (out->size < sizeof(*out)) {
        return false;
    }
    *out = (fb_version_info){.size = out->size,
                             .fastbearer = fb_version(),
                             .openssl = fb_openssl_version(),
                             .jansson = fb_jansson_version(),
                             .curl = fb__http_version(),
                             .built_in = built_in};
    return true;
}
