/* Numbers: which are accepted, what a NumericDate says, and how numbers are written, in any locale. */
#include "json_text.h"

#include <locale.h>
#include <math.h>
#include <unistd.h>

TEST(numbers)
{
    GOOD("{\"a\":0}", "{\"a\":-0}", "{\"a\":12345678901234567890123456789012345678901234567890}", "{\"a\":1.5e-3}",
         "{\"a\":0.0e+00}", "{\"a\":1e308}", "{\"a\":-1.7976931348623157e308}", "{\"a\":1.7976931348623158e308}",
         "{\"a\":1e-999999}", "{\"a\":0e999999}", "{\"a\":0.00001e313}", "{\"a\":0.0000000000}");
    BAD("{\"a\":01}", "{\"a\":+1}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":-}", "{\"a\":--1}",
        "{\"a\":0x1}", "{\"a\":1e309}", "{\"a\":1.7976931348623159e308}", "{\"a\":-1e400}", "{\"a\":0.001e312}",
        "{\"a\":1e99999999999999999999}", "{\"a\":1 2}", "{\"a\":1_000}");
    /* The text of a number has at most 256 bytes. */
    char text[400];
    for (int digits = 255; digits <= 258; digits++) {
        int at = snprintf(text, sizeof(text), "{\"a\":");
        memset(text + at, '7', (size_t)digits);
        text[at + digits] = '}';
        CHECK(accepts(text, (size_t)(at + digits + 1)) == (digits <= 256));
    }
    /* The longest real that is judged digit by digit. */
    int at = snprintf(text, sizeof(text),
                      "{\"a\":1797693134862315807937289714053034150799341327100378269361737789804449682927");
    int digits = at - 5;
    snprintf(text + at, sizeof(text) - (size_t)at, "e%d}", 309 - digits);
    CHECK(accepts(text, strlen(text)));
    text[at - 1] = '8';
    CHECK(!accepts(text, strlen(text)));
}

static bool seconds(const char *number, fb__seconds *out)
{
    char text[300];
    snprintf(text, sizeof(text), "{\"a\":%s}", number);
    CHECK(accepts(text, strlen(text)));
    return fb__json_seconds(text, &nodes[2], out);
}

TEST(numeric_dates)
{
    static const struct {
        const char *text;
        bool fits;
        int64_t whole;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"1800000000", true, 1800000000},
        {"-5", true, -5},
        {"1.9", true, 1},
        {"-1.9", true, -1},
        {"1.8e9", true, 1800000000},
        {"1e3", true, 1000},
        {"100e-2", true, 1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999", false, 0},
        {"1e19", false, 0},
        {"9.3e18", false, 0},
        {"-9.3e18", false, 0},
        {"9.2e18", true, 9200000000000000000},
        {"1e300", false, 0},
        {"true", false, 0},
        {"\"5\"", false, 0},
        {"null", false, 0},
        {"[5]", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fb__seconds value = {0, 0};
        bool fits = seconds(cases[i].text, &value);
        if (fits != cases[i].fits || (fits && value.whole != cases[i].whole)) {
            FAIL("%s", cases[i].text);
        }
        test_checks++;
    }
    fb__seconds value;
    CHECK(seconds("1000.25", &value) && fabs(value.value - 1000.25) < 1e-12);
}

/* glibc compiles a locale from a text, so that none has to be installed. */
static bool set_decimal_comma(void)
{
    char folder[] = "/tmp/fastbearer-locale-XXXXXX", command[300];
    if (mkdtemp(folder) == NULL) {
        return false;
    }
    snprintf(command, sizeof(command),
             "printf 'LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n"
             "LC_CTYPE\ncopy \"POSIX\"\nEND LC_CTYPE\n' >%s/text; "
             "localedef --no-archive -c -i %s/text %s/comma >/dev/null 2>&1",
             folder, folder, folder);
    (void)!system(command); /* its status counts warnings too */
    setenv("LOCPATH", folder, 1);
    bool set = setlocale(LC_NUMERIC, "comma") != NULL && strcmp(localeconv()->decimal_point, ",") == 0;
    unsetenv("LOCPATH");
    snprintf(command, sizeof(command), "rm -r %s", folder);
    (void)!system(command);
    return set;
}

TEST(a_decimal_comma_of_the_locale)
{
    fb__seconds value;
    if (!set_decimal_comma()) {
        SKIP("no locale with a decimal comma can be made here");
        return;
    }
    CHECK(strtod("1000.25", NULL) == 1000);
    CHECK(seconds("1000.25", &value) && fabs(value.value - 1000.25) < 1e-12);
    char text[FB__NUMBER_ROOM];
    CHECK(fb__number_write(-1000.25, 17, text) == 8 && memcmp(text, "-1000.25", 8) == 0);
    setlocale(LC_NUMERIC, "C");
}

TEST(numbers_are_written)
{
    static const struct {
        double value;
        int digits;
        const char *text;
    } cases[] = {{0.0, 17, "0"},
                 {1800003600.0, 17, "1800003600"},
                 {-60.0, 15, "-60"},
                 {0.1, 15, "0.1"},
                 {0.1, 17, "0.10000000000000001"},
                 {9007199254740992.0, 17, "9007199254740992"},
                 {1e300, 17, "1.0000000000000001e+300"},
                 {-2.2250738585072014e-308, 17, "-2.2250738585072014e-308"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[FB__NUMBER_ROOM];
        const size_t size = fb__number_write(cases[i].value, cases[i].digits, text);
        CHECK(size == strlen(cases[i].text) && memcmp(text, cases[i].text, size) == 0);
    }
}

int main(void)
{
    RUN(numbers);
    RUN(numeric_dates);
    RUN(a_decimal_comma_of_the_locale);
    RUN(numbers_are_written);
    return TEST_RESULT();
}
