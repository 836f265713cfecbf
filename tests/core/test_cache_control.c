/* Cache-Control and Age as providers send them, and as nobody should. */
#include "keysets/cache_control.h"
#include "test.h"

static void expect(const char *cache_control, const char *age, double seconds)
{
    double found = fb__freshness(fb_text(cache_control), fb_text(age));
    if (found < seconds || found > seconds) {
        FAIL("Cache-Control: %s, Age: %s: %.3f, not %.3f", cache_control == NULL ? "(none)" : cache_control,
             age == NULL ? "(none)" : age, found, seconds);
    }
    CHECK(found >= 60.0 && found <= 3600.0);
}

TEST(what_providers_send)
{
    expect(NULL, NULL, 600);
    expect("", NULL, 600);
    expect("public", NULL, 600);
    expect("max-age=300", NULL, 300);
    expect("public, max-age=1234, must-revalidate, no-transform", NULL, 1234);
    expect("max-age=300", "100", 200);
    expect("max-age=300", "0", 300);
    expect("private,max-age=86400", NULL, 3600);
    expect("max-age=5", NULL, 60);
    expect("max-age=0", NULL, 60);
    expect("no-store", NULL, 60);
    expect("no-cache", NULL, 60);
    expect("no-cache, max-age=3000", NULL, 60);
    expect("max-age=3000, no-store", NULL, 60);
    expect("no-cache=\"set-cookie\", max-age=3000", NULL, 60);
    expect("s-maxage=10, max-age=300", NULL, 300);
    expect("stale-while-revalidate=10, stale-if-error=86400, max-age=300", NULL, 300);
}

TEST(spelling)
{
    expect("MAX-AGE=300", NULL, 300);
    expect("Max-Age = 300", NULL, 300);
    expect("  max-age=300  ", NULL, 300);
    expect("\tmax-age=300\t,", NULL, 300);
    expect("max-age=\"300\"", NULL, 300);
    expect(",,,max-age=300,,,", NULL, 300);
    expect("x=\"a, max-age=100\", max-age=300", NULL, 300);
    expect("x=\"a\\\", max-age=100\", max-age=300", NULL, 300);
    expect("No-Store", NULL, 60);
    expect("max-age=0000300", NULL, 300);
    expect("max-age=300", " 100 ", 200);
    expect("max-age=300", "100, 5", 200);
}

TEST(nonsense)
{
    expect("max-age=99999999999999999999999999999999999999", NULL, 3600);
    expect("max-age=99999999999999999999999999999999999999", "99999999999999999999999999999999999999", 60);
    expect("max-age=300", "99999999999999999999999999999999999999", 60);
    expect("max-age=300", "-5", 300);
    expect("max-age=300", "soon", 300);
    expect("max-age=300", "", 300);
    expect("max-age=-1", NULL, 60);
    expect("max-age", NULL, 60);
    expect("max-age=", NULL, 60);
    expect("max-age=\"\"", NULL, 60);
    expect("max-age=\"", NULL, 60);
    expect("max-age=300.5", NULL, 60);
    expect("max-age=3e2", NULL, 60);
    expect("max-age=0x300", NULL, 60);
    expect("max-age=+300", NULL, 60);
    expect("max-age=3000, max-age=100", NULL, 100);
    expect("max-age=100, max-age=3000", NULL, 100);
    expect("x-max-age=100", NULL, 600);
    expect("max-age-x=100", NULL, 600);
    expect("\"max-age=100", NULL, 600);
    expect("=", NULL, 600);
    expect("=300", NULL, 600);
    expect("\\", NULL, 600);
    expect("\"\\", NULL, 600);
}

TEST(bytes_that_are_no_text)
{
    static const char zeros[] = "max-age=300\0, max-age=100";
    CHECK(fb__freshness((fb_slice){zeros, sizeof(zeros) - 1}, fb_text(NULL)) <= 100);
    unsigned state = 1;
    static const char alphabet[] = "max-age=0123456789,;\"\\ \t\0\xff no-store";
    for (int round = 0; round < 100000; round++) {
        char text[24];
        for (size_t i = 0; i < sizeof(text); i++) {
            state = state * 1103515245U + 12345U;
            text[i] = alphabet[(state >> 16) % (sizeof(alphabet) - 1)];
        }
        double found = fb__freshness((fb_slice){text, state % sizeof(text)}, (fb_slice){text + 12, 12});
        CHECK(found >= 60.0 && found <= 3600.0);
    }
}

int main(void)
{
    RUN(what_providers_send);
    RUN(spelling);
    RUN(nonsense);
    RUN(bytes_that_are_no_text);
    return TEST_RESULT();
}
