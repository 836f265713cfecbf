/* Windows keeps the certificates that it trusts in a store of its own, which libcurl reads when it is told to. */
#include "base/base.h"

const char *fb_ca_bundle(void)
{
    return NULL;
}

bool fb__ca_store(void)
{
    return true;
}
