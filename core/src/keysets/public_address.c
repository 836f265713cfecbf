/*
 * Whether an IP address is one of the public internet, for ssrf_safe. Given the bytes of the address that a socket is
 * about to be connected to, so that no trick with names or notations matters. Whatever is special by the IANA
 * registries of RFC 6890 is refused, and so is every IPv6 form that carries an IPv4 address which is.
 */
#include "public_address.h"

#include "sockets.h"

struct range {
    unsigned char address[16];
    unsigned bits;
};

static const struct range special_ipv4[] = {
    {{0}, 8},                 /* this network */
    {{10}, 8},                /* private */
    {{100, 64}, 10},          /* carrier-grade NAT, and Alibaba's metadata service */
    {{127}, 8},               /* loopback */
    {{169, 254}, 16},         /* link-local: metadata services */
    {{172, 16}, 12},          /* private */
    {{192, 0, 0}, 24},        /* protocol assignments, and Oracle's metadata service */
    {{192, 0, 2}, 24},        /* documentation */
    {{192, 31, 196}, 24},     /* AS112 */
    {{192, 52, 193}, 24},     /* AMT */
    {{192, 88, 99}, 24},      /* 6to4 relays */
    {{192, 168}, 16},         /* private */
    {{192, 175, 48}, 24},     /* AS112 */
    {{198, 18}, 15},          /* benchmarking */
    {{198, 51, 100}, 24},     /* documentation */
    {{203, 0, 113}, 24},      /* documentation */
    {{168, 63, 129, 16}, 32}, /* Azure's platform address */
    {{224}, 3},               /* multicast, reserved, broadcast */
};

/* Within 2000::/3, which alone is global unicast. */
static const struct range special_ipv6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23},             /* protocol assignments, Teredo, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},             /* documentation */
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, /* AS112 */
    {{0x3f, 0xff, 0x00}, 20},                   /* documentation */
};

static bool within(const unsigned char *address, const struct range *range)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(address, range->address, whole) != 0) {
        return false;
    }
    return rest == 0 || ((address[whole] ^ range->address[whole]) >> (8 - rest)) == 0;
}

bool fb__address_public_ipv4(const unsigned char *address)
{
    for (size_t i = 0; i < sizeof(special_ipv4) / sizeof(special_ipv4[0]); i++) {
        if (within(address, &special_ipv4[i])) {
            return false;
        }
    }
    return true;
}

bool fb__address_public_ipv6(const unsigned char *address)
{
    static const struct range nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96}, mapped = {{[10] = 0xff, [11] = 0xff}, 96},
                              six_to_four = {{0x20, 0x02}, 16}, global_unicast = {{0x20}, 3};
    static const unsigned char isatap[3] = {0x00, 0x5e, 0xfe};
    if (within(address, &nat64) || within(address, &mapped)) {
        return fb__address_public_ipv4(address + 12);
    }
    if (!within(address, &global_unicast)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(special_ipv6) / sizeof(special_ipv6[0]); i++) {
        if (within(address, &special_ipv6[i])) {
            return false;
        }
    }
    if (within(address, &six_to_four) && !fb__address_public_ipv4(address + 2)) {
        return false;
    }
    /* RFC 5214: an interface identifier ::[0200:]5efe:a.b.c.d, under any prefix. */
    if ((address[8] & ~2) == 0 && memcmp(address + 9, isatap, sizeof(isatap)) == 0) {
        return fb__address_public_ipv4(address + 12);
    }
    return true;
}

bool fb_address_is_public(fb_slice text)
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char address[16];
    if (text.data == NULL || text.size >= sizeof(copy) || memchr(text.data, '\0', text.size) != NULL) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (inet_pton(AF_INET, copy, address) == 1) {
        return fb__address_public_ipv4(address);
    }
    return inet_pton(AF_INET6, copy, address) == 1 && fb__address_public_ipv6(address);
}
