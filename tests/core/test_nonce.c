/* Nonces: to the byte what any server of a fleet makes, how long they are good, and what is none. The expected ones
 * were made by Python's hmac. */
#include "failing.h"
#include "proof/proof.h"

#include <math.h>

static const char SECRET[] = "0123456789abcdef0123456789abcdef";
static const double NOW = 1800000000.0; /* where a minute begins */

static fb_status check(const char *nonce, double now)
{
    return fb__nonce_check(fb_text(SECRET), now, fb_text(nonce));
}

static void expect(double now, const char *expected)
{
    char nonce[FB_NONCE_ROOM];
    CHECK(fb__nonce_make(fb_text(SECRET), now, nonce));
    CHECK(strcmp(nonce, expected) == 0);
    CHECK(check(expected, now) == FB_OK);
}

TEST(to_the_byte)
{
    expect(0.0, "AAAAAAAAAADsYnKe0AolAeCvjrtCgZep");
    expect(59.999, "AAAAAAAAAADsYnKe0AolAeCvjrtCgZep");
    expect(NOW, "AAAAAAHJw4BDTOV45EBr-nKHIedZ2iDc");
    expect(-0.5, "__________-xLpZ1xvEFxV2-rAJnxGDA");
    expect(-60.0, "__________-xLpZ1xvEFxV2-rAJnxGDA");
}

TEST(good_in_its_minute_and_in_two_more)
{
    static const char nonce[] = "AAAAAAHJw4BDTOV45EBr-nKHIedZ2iDc";
    CHECK(check(nonce, NOW - 0.001) == FB_PROOF_NONCE_REQUIRED);
    CHECK(check(nonce, NOW) == FB_OK);
    CHECK(check(nonce, NOW + 179.999) == FB_OK);
    CHECK(check(nonce, NOW + 180) == FB_PROOF_NONCE_REQUIRED);
    CHECK(check(nonce, NOW + 1e9) == FB_PROOF_NONCE_REQUIRED);
    CHECK(check(nonce, 0) == FB_PROOF_NONCE_REQUIRED);
}

TEST(what_is_no_nonce_of_this_server)
{
    static const char *const all[] = {"",
                                      "a",
                                      "AAAAAAHJw4BDTOV45EBr-nKHIedZ2iD",
                                      "AAAAAAHJw4BDTOV45EBr-nKHIedZ2iDcA",
                                      "AAAAAAHJw4BDTOV45EBr-nKHIedZ2iDcAAAA",
                                      "AAAAAAHJw4BDTOV45EBr+nKHIedZ2iDc",
                                      "AAAAAAHJw4BDTOV45EBr-nKHIedZ2iD=",
                                      "AAAAAAHJw4DitZ0C-tb-gIIll_3aor34", /* with another secret */
                                      "QAAAAAAAAADEl7Eaj5RgrXL6bQkXYHzF", /* right, for a minute that nobody will see */
                                      "__________-xLpZ1xvEFxV2-rAJnxGDA",
                                      "AAAAAAHJw4BDTOV45EBr-nKHIedZ2iDd",
                                      "aAAAAAHJw4BDTOV45EBr-nKHIedZ2iDc"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CHECK(check(all[i], NOW) == FB_PROOF_NONCE_REQUIRED);
    }
    CHECK(fb__nonce_check(fb_text(SECRET), NOW, (fb_slice){NULL, 0}) == FB_PROOF_NONCE_REQUIRED);
    for (size_t at = 0; at < 32; at++) { /* every character counts */
        char nonce[] = "AAAAAAHJw4BDTOV45EBr-nKHIedZ2iDc";
        nonce[at] = nonce[at] == 'A' ? 'B' : 'A';
        CHECK(check(nonce, NOW) == FB_PROOF_NONCE_REQUIRED);
    }
}

TEST(times_that_cannot_be_counted)
{
    static const double all[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1e300, -1e300};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char nonce[FB_NONCE_ROOM] = "x";
        CHECK(!fb__nonce_make(fb_text(SECRET), all[i], nonce) && nonce[0] == '\0');
        CHECK(check("AAAAAAHJw4BDTOV45EBr-nKHIedZ2iDc", all[i]) == FB_PROOF_NONCE_REQUIRED);
    }
}

TEST(out_of_memory)
{
    bool reached = true;
    long failures = 0;
    failing.ours_alone = false;
    for (long at = 0; reached; at++) {
        char nonce[FB_NONCE_ROOM];
        failing_start(at, true);
        const bool made = fb__nonce_make(fb_text(SECRET), NOW, nonce);
        const fb_status status = check("AAAAAAHJw4BDTOV45EBr-nKHIedZ2iDc", NOW);
        reached = failing_stop();
        CHECK(made == (nonce[0] != '\0') && (made || reached));
        CHECK(status == FB_OK || (reached && status == FB_OUT_OF_MEMORY));
        failures += !made;
    }
    CHECK(failures > 0);
    CHECK(ERR_peek_error() == 0);
}

int main(void)
{
    failing_install();
    RUN(to_the_byte);
    RUN(good_in_its_minute_and_in_two_more);
    RUN(what_is_no_nonce_of_this_server);
    RUN(times_that_cannot_be_counted);
    RUN(out_of_memory);
    return TEST_RESULT();
}
