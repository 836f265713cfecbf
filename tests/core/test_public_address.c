/* Which addresses ssrf_safe lets a socket connect to. */
#include "keysets/public_address.h"
#include "test.h"

#include <arpa/inet.h>

static void expect(const char *text, bool allowed)
{
    unsigned char bytes[16];
    bool found, v6 = strchr(text, ':') != NULL;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) != 1) {
        FAIL("not an address: %s", text);
        return;
    }
    found = v6 ? fb__address_public_ipv6(bytes) : fb__address_public_ipv4(bytes);
    CHECK(found == allowed && fb_address_is_public(fb_text(text)) == allowed);
    if (found != allowed) {
        FAIL("%s is %s", text, found ? "allowed" : "refused");
    }
}

TEST(ipv4)
{
    static const char *const special[] = {
        "0.0.0.0",         "0.1.2.3",         "10.0.0.0",      "10.255.255.255",  "100.64.0.1",
        "100.127.255.255", "100.100.100.200", "127.0.0.1",     "127.255.255.255", "169.254.0.1",
        "169.254.169.254", "169.254.170.2",   "172.16.0.1",    "172.31.255.255",  "192.0.0.1",
        "192.0.0.192",     "192.0.2.1",       "192.31.196.1",  "192.52.193.1",    "192.88.99.1",
        "192.168.0.1",     "192.168.255.255", "192.175.48.1",  "198.18.0.1",      "198.19.255.255",
        "198.51.100.1",    "203.0.113.1",     "168.63.129.16", "224.0.0.1",       "239.255.255.255",
        "240.0.0.1",       "255.255.255.255",
    };
    static const char *const global[] = {
        "1.1.1.1",        "8.8.8.8",         "9.255.255.255", "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",    "126.255.255.255", "128.0.0.1",     "169.253.255.255", "169.255.0.0",
        "172.15.255.255", "172.32.0.0",      "192.0.1.1",     "192.0.3.1",       "192.167.255.255",
        "192.169.0.0",    "198.17.255.255",  "198.20.0.0",    "168.63.129.15",   "223.255.255.255",
    };
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        expect(special[i], false);
    }
    for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++) {
        expect(global[i], true);
    }
}

TEST(ipv6)
{
    static const char *const special[] = {
        "::",
        "::1",
        "::8.8.8.8",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:8.8.8.8",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "2002:c0a8:1::1",
        "2620:4f:8000::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ffff::1",
        "2606:4700::5efe:10.0.0.1",
        "2606:4700::200:5efe:127.0.0.1",
    };
    static const char *const global[] = {
        "2606:4700:4700::1111", "2001:4860:4860::8888",
        "2001:200::1",          "2a00:1450:4001:81b::200e",
        "2002:808:808::1",      "64:ff9b::8.8.8.8",
        "::ffff:8.8.8.8",       "2606:4700::5efe:8.8.8.8",
        "2400:cb00::1",         "3ffe::1",
    };
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        expect(special[i], false);
    }
    for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++) {
        expect(global[i], true);
    }
}

TEST(text_that_is_no_address)
{
    static const char *const texts[] = {
        "",
        "localhost",
        "8.8.8",
        "8.8.8.8.",
        "08.8.8.8",
        " 8.8.8.8",
        "8.8.8.8/32",
        "0x8080808",
        "[::1]",
        "2606::1%eth0",
        "2606:4700:4700:0000:0000:0000:0000:0000:1111",
        "::ffff:008.008.008.008::::::::::::::::::::::::::::::::",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK(!fb_address_is_public(fb_text(texts[i])));
    }
    CHECK(fb_address_is_public(fb_text("8.8.8.8")));
    CHECK(fb_address_is_public((fb_slice){"8.8.8.8 and more", 7}));
    CHECK(!fb_address_is_public((fb_slice){"8.8.8.8\0", 8}));
    CHECK(!fb_address_is_public((fb_slice){NULL, 0}));
}

int main(void)
{
    RUN(ipv4);
    RUN(ipv6);
    RUN(text_that_is_no_address);
    return TEST_RESULT();
}
