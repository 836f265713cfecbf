/*
 * Which versions these are: of this library, and of those that it works with as they were loaded.
 */
#include "base/base.h"

#include <jansson.h>
#include <openssl/crypto.h>

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
