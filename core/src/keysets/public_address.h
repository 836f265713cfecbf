/* For ssrf_safe: which addresses are of the public internet. Addresses in network order. */
#ifndef FB_PUBLIC_ADDRESS_H
#define FB_PUBLIC_ADDRESS_H

#include "base/base.h"

bool fb__address_public_ipv4(const unsigned char *address); /* 4 bytes */
bool fb__address_public_ipv6(const unsigned char *address); /* 16 bytes */

#endif
