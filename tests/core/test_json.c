/*
 * The strict reader: each rule with what passes beside what does not; the tape; and against jansson over generated
 * documents. Where the two differ on purpose, `known_difference` says so.
 */
#include "test.h"
#include "verify/verify.h"

#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <time.h>
#include <unistd.h>

enum { NODES = 70000 };
static fb_node nodes[NODES];
static size_t count;

static fb__json_status scan_flags(const char *text, size_t size, unsigned flags)
{
    fb__json_status status = fb__json_scan(text, size, flags, FB__MAX_DEPTH, &fb__mem_default, nodes, NODES, &count);
    if (status == FB__JSON_OK) {
        CHECK(count <= fb__json_bound(text, size));
        CHECK(nodes[0].kind == FB_OBJECT && nodes[0].next == count);
    }
    return status;
}

static bool accepts(const char *text, size_t size)
{
    return scan_flags(text, size, FB__JSON_STRICT) == FB__JSON_OK;
}

static void expect(bool accepted, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (accepts(texts[i], strlen(texts[i])) != accepted) {
            FAIL("%s: %s", accepted ? "refused" : "accepted", texts[i]);
        }
        test_checks++;
    }
}
#define GOOD(...)                                              \
    do {                                                       \
        static const char *const texts[] = {__VA_ARGS__};      \
        expect(true, texts, sizeof(texts) / sizeof(texts[0])); \
    } while (0)
#define BAD(...)                                                \
    do {                                                        \
        static const char *const texts[] = {__VA_ARGS__};       \
        expect(false, texts, sizeof(texts) / sizeof(texts[0])); \
    } while (0)

TEST(structure)
{
    GOOD("{}", " \t\r\n{ } \n", "{\"a\":1}", "{\"a\":[],\"b\":{},\"c\":[1,[2,{}],\"x\"]}", "{\"\":0}",
         "{\"a\":{\"a\":{\"a\":1}}}");
    BAD("", " ", "[]", "1", "\"a\"", "null", "{", "}", "{]", "[}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}",
        "{\"a\":1 \"b\":2}", "{\"a\":1}}", "{\"a\":1}x", "{\"a\":[1,]}", "{\"a\":[,1]}", "{\"a\":[1 2]}",
        "{\"a\":1,,\"b\":2}", "{a:1}", "{'a':1}", "{\"a\":1}//", "{\"a\"::1}", "{\"a\":[}]", "{\"a\":(1)}", "{1:1}",
        "{\"a\":1]", "{\"a\":[1}", "\xef\xbb\xbf{}", "{}{}", "{\"a\":\v1}", "{\"a\":1\f}");
    CHECK(!accepts("{}\0", 3));
    CHECK(!accepts("\0{}", 3));
}

TEST(literals)
{
    GOOD("{\"a\":true,\"b\":false,\"c\":null}");
    BAD("{\"a\":tru}", "{\"a\":True}", "{\"a\":nul}", "{\"a\":nullx}", "{\"a\":NaN}", "{\"a\":Infinity}",
        "{\"a\":-Infinity}", "{\"a\":undefined}", "{\"a\":t");
}

TEST(strings)
{
    GOOD("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\uD83D\\uDE00\"}",
         "{\"a\":\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\"}",
         "{\"a\":\"\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}",
         "{\"a\":\"0123456789abcdef0123456789abcdef\"}", "{\"a\":\"\\u0001\"}");
    BAD("{\"a\":\"}", "{\"a\":\"\n\"}", "{\"a\":\"\x1f\"}", "{\"a\":\"\\x41\"}", "{\"a\":\"\\u004\"}",
        "{\"a\":\"\\u00g0\"}", "{\"a\":\"\\\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\ud800\\ud800\"}", "{\"a\":\"\\ud800x\"}", "{\"\\u0000\":1}",
        "{\"a\":\"\x80\"}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xc1\xbf\"}", "{\"a\":\"\xc3\"}",
        "{\"a\":\"\xe0\x9f\xbf\"}", "{\"a\":\"\xe2\x82\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xf0\x8f\xbf\xbf\"}",
        "{\"a\":\"\xf4\x90\x80\x80\"}", "{\"a\":\"\xf5\x80\x80\x80\"}", "{\"a\":\"\xff\"}",
        "{\"a\":\"0123456789abcde\xff"
        "0123456789abcdef\"}",
        "{\"a\":\"0123456789abcdef0123\n56789abcdef\"}");
    CHECK(!accepts("{\"a\":\"x\0y\"}", 11));
}

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

TEST(depth)
{
    for (int depth = 1; depth <= 40; depth++) {
        char text[400] = "";
        for (int i = 0; i < depth; i++) {
            strncat(text, i == 0 ? "{\"a\":" : i % 2 ? "[" : "{\"b\":", sizeof(text) - strlen(text) - 1);
        }
        strncat(text, "1", sizeof(text) - strlen(text) - 1);
        for (int i = depth - 1; i >= 0; i--) {
            strncat(text, i % 2 ? "]" : "}", sizeof(text) - strlen(text) - 1);
        }
        CHECK(accepts(text, strlen(text)) == (depth <= FB__MAX_DEPTH));
    }
    static char deep[FB__MAX_TOKEN];
    memset(deep, '[', sizeof(deep));
    memcpy(deep, "{\"a\":", 5);
    CHECK(!accepts(deep, sizeof(deep)));
}

TEST(duplicate_names)
{
    GOOD("{\"a\":1,\"b\":1}", "{\"a\":1,\"A\":1}", "{\"a\":{\"a\":1}}", "{\"a\":[{\"x\":1},{\"x\":1}]}",
         "{\"ab\":1,\"ac\":1,\"bb\":2}", "{\"\":1,\"\\u0001\":1}", "{\"\\u0061\":1,\"\\u0062\":1}");
    BAD("{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":1,\"\\u0061\":1}", "{\"\\u0061\":1,\"a\":1}",
        "{\"x\":{\"a\":1,\"a\":2}}", "{\"x\":[{\"a\":1,\"a\":2}]}", "{\"\":1,\"\":2}", "{\"\\u00e9\":1,\"\xc3\xa9\":2}",
        "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "{\"\\/\":1,\"/\":2}");
    /* Around the sizes where the way of comparing changes; the pair at both ends, then none. */
    static char text[60000];
    static const int sizes[] = {2, 23, 24, 25, 26, 255, 256, 257, 258, 1000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int twin = 0; twin < 4; twin++) {
            int at = snprintf(text, sizeof(text), "{");
            for (int n = 0; n < sizes[i]; n++) {
                bool last = n == sizes[i] - 1;
                const char *name = last && twin == 1 ? "n%05d" : last && twin == 2 ? "\\u006e%05d" : "n%05d";
                char formatted[32];
                snprintf(formatted, sizeof(formatted), name[0] == 'n' ? "n%05d" : "\\u006e%05d",
                         last && twin != 0 && twin != 3 ? 0 : n);
                at += snprintf(text + at, sizeof(text) - (size_t)at, "%s\"%s\":%d", n == 0 ? "" : ",", formatted, n);
            }
            at += snprintf(text + at, sizeof(text) - (size_t)at, "}");
            CHECK(accepts(text, (size_t)at) == (twin == 0 || twin == 3));
        }
    }
}

/* Objects of names that are long, alike and escaped; where the twin is an equal name in another spelling. */
TEST(escaped_names)
{
    static char text[70000];
    static const struct {
        int names, length;
    } sizes[] = {{2, 1}, {2, 30000}, {24, 490}, {25, 490}, {24, 700}, {256, 40}, {257, 40}, {1000, 50}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int twin = 0; twin < 3; twin++) {
            int at = snprintf(text, sizeof(text), "{");
            for (int n = 0; n < sizes[i].names; n++) {
                const bool last = n == sizes[i].names - 1;
                at += snprintf(text + at, sizeof(text) - (size_t)at, "%s\"%s%0*d%s\":0", n == 0 ? "" : ",",
                               last && twin == 2 ? "\\u0061" : "a", sizes[i].length, last && twin != 0 ? 0 : n,
                               n % 2 == 0 ? "\\u0062" : "\\n");
                if (last && twin != 0) { /* its end as that of the first */
                    at -= n % 2 == 0 ? 0 : 5;
                    at += n % 2 == 0 ? 0 : snprintf(text + at, sizeof(text) - (size_t)at, "b\":0");
                }
            }
            at += snprintf(text + at, sizeof(text) - (size_t)at, "}");
            CHECK(accepts(text, (size_t)at) == (twin == 0));
        }
    }
}

static double seconds_for(const char *text, size_t size)
{
    double best = 1e9;
    for (int run = 0; run < 20; run++) {
        const clock_t start = clock();
        for (int i = 0; i < 50; i++) {
            CHECK(accepts(text, size));
        }
        const double spent = (double)(clock() - start) / CLOCKS_PER_SEC;
        best = spent < best ? spent : best;
    }
    return best;
}

/* Names that differ in their last character only, with an escape each, cost about what they cost without. Compared one
 * with another, escapes and all, they would cost a hundred times as much. */
TEST(escaped_names_cost_what_plain_ones_cost)
{
    static char text[2][16384];
    int at[2];
    for (int escaped = 0; escaped < 2; escaped++) {
        at[escaped] = snprintf(text[escaped], sizeof(text[escaped]), "{");
        for (int n = 0; n < 24; n++) {
            at[escaped] += snprintf(text[escaped] + at[escaped], sizeof(text[escaped]) - (size_t)at[escaped],
                                    "%s\"%0480d%s%c\":0", n == 0 ? "" : ",", 0, escaped != 0 ? "\\n" : "00", 'a' + n);
        }
        at[escaped] += snprintf(text[escaped] + at[escaped], sizeof(text[escaped]) - (size_t)at[escaped], "}");
    }
    CHECK(at[0] == at[1]);
    CHECK(seconds_for(text[1], (size_t)at[1]) < 12 * seconds_for(text[0], (size_t)at[0]) + 0.0005);
}

TEST(node_limit)
{
    static const char text[] = "{\"a\":[1,2,3],\"b\":{}}";
    for (size_t capacity = 0; capacity < 10; capacity++) {
        fb__json_status status = fb__json_scan(text, sizeof(text) - 1, FB__JSON_STRICT, FB__MAX_DEPTH, &fb__mem_default,
                                               nodes, capacity, &count);
        CHECK(status == (capacity < 8 ? FB__JSON_TOO_MANY_NODES : FB__JSON_OK));
    }
}

TEST(tape)
{
    static const char text[] = " {\"a\" : [ 1, -2.5 ,\"x\\ny\"], \"\\u0062\":{\"c\":true}, \"d\":null } ";
    CHECK(accepts(text, sizeof(text) - 1));
    static const struct {
        fb_kind kind;
        uint32_t next;
        const char *text;
        bool escaped;
    } expected[] = {{FB_OBJECT, 12, NULL, false},
                    {FB_STRING, 2, "a", false},
                    {FB_ARRAY, 6, "[ 1, -2.5 ,\"x\\ny\"]", false},
                    {FB_INTEGER, 4, "1", false},
                    {FB_REAL, 5, "-2.5", false},
                    {FB_STRING, 6, "x\\ny", true},
                    {FB_STRING, 7, "\\u0062", true},
                    {FB_OBJECT, 10, "{\"c\":true}", false},
                    {FB_STRING, 9, "c", false},
                    {FB_TRUE, 10, "true", false},
                    {FB_STRING, 11, "d", false},
                    {FB_NULL, 12, "null", false}};
    CHECK(count == sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < count; i++) {
        CHECK(nodes[i].kind == expected[i].kind && nodes[i].next == expected[i].next &&
              nodes[i].escaped == expected[i].escaped);
        CHECK(expected[i].text == NULL ||
              fb__slice_equal((fb_slice){text + nodes[i].offset, nodes[i].length}, fb_text(expected[i].text)));
    }
    CHECK(fb__json_member(text, nodes, 0, fb_text("a")) == 2 && fb__json_member(text, nodes, 0, fb_text("b")) == 7);
    CHECK(fb__json_member(text, nodes, 0, fb_text("c")) == 0 && fb__json_member(text, nodes, 7, fb_text("c")) == 9);
    CHECK(fb__json_member(text, nodes, 0, fb_text("")) == 0);
    CHECK(fb__json_equal(text, &nodes[5], fb_text("x\ny")) && !fb__json_equal(text, &nodes[5], fb_text("x\nz")));
    CHECK(!fb__json_equal(text, &nodes[5], fb_text("x\nyy")) && !fb__json_equal(text, &nodes[5], fb_text("x\n")));
    CHECK(!fb__json_equal(text, &nodes[3], fb_text("1"))); /* not a string */
}

TEST(unescaping)
{
    char out[64];
    static const char text[] = "\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00z";
    static const char value[] = "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    CHECK(fb_unescape(text, sizeof(text) - 1, out) == sizeof(value) - 1 && memcmp(out, value, sizeof(value) - 1) == 0);
    char place[sizeof(text)];
    memcpy(place, text, sizeof(text));
    CHECK(fb_unescape(place, sizeof(text) - 1, place) == sizeof(value) - 1 &&
          memcmp(place, value, sizeof(value) - 1) == 0);
    CHECK(fb_unescape("", 0, out) == 0);
}

/* In blocks of the very size, so that a sanitizer sees a byte too many. */
static size_t unescape_exactly(const char *text, size_t size, char *value)
{
    char *from = malloc(size + 1), *to = malloc(size + 1);
    memcpy(from + 1, text, size);
    const size_t length = fb_unescape(from + 1, size, to + 1);
    CHECK(length <= size);
    CHECK(fb_unescape(from + 1, size, from + 1) == length && memcmp(from + 1, to + 1, length) == 0);
    memcpy(value, to + 1, length);
    free(from);
    free(to);
    return length;
}

/* Text that no scan has seen: what is no escape stays as it is. */
TEST(unescaping_any_text)
{
    static const char *const texts[][2] = {
        {"\\", "\\"},
        {"\\x", "\\x"},
        {"\\u123", "\\u123"},
        {"\\u123g", "\\u123g"},
        {"\\ud800", "\\ud800"},
        {"\\udc00", "\\udc00"},
        {"\\ud800\\u", "\\ud800\\u"},
        {"\\ud800\\n", "\\ud800\n"},
        {"\\ud800\\u0041", "\\ud800A"},
        {"\\ud83d\\ud83d\\ude00", "\\ud83d\xf0\x9f\x98\x80"},
        {"\\u0000", ""},
    };
    char value[64];
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const size_t length = unescape_exactly(texts[i][0], strlen(texts[i][0]), value);
        CHECK(length == (texts[i][1][0] == '\0' ? 1 : strlen(texts[i][1])));
        CHECK(memcmp(value, texts[i][1], length) == 0);
    }
    /* Every text of up to seven pieces. */
    static const char *const pieces[] = {"\\", "u", "d8", "dc", "00", "n", "\xff", "\""};
    enum { LENGTH = 7 };
    for (size_t length = 0; length <= LENGTH; length++) {
        for (size_t number = 0; number < (size_t)1 << 3 * length; number++) {
            char text[2 * LENGTH];
            size_t size = 0;
            for (size_t i = 0; i < length; i++) {
                const char *piece = pieces[number >> 3 * i & 7];
                memcpy(text + size, piece, strlen(piece));
                size += strlen(piece);
            }
            const size_t got = unescape_exactly(text, size, value);
            CHECK(memchr(text, '\\', size) != NULL || (got == size && memcmp(value, text, size) == 0));
        }
    }
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

TEST(lenient_reading)
{
    static const char *const own[] = {"{\"a\":NaN}",   "{\"a\":Infinity}",    "{\"a\":-Infinity}",
                                      "{\"a\":1e999}", "{\"a\":\"\\u0000\"}", "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        CHECK(!accepts(own[i], strlen(own[i])));
        CHECK(scan_flags(own[i], strlen(own[i]), FB__JSON_LENIENT) == FB__JSON_OK);
    }
    CHECK(scan_flags("{\"a\":nan}", 9, FB__JSON_LENIENT) == FB__JSON_INVALID);
    CHECK(scan_flags("{\"a\":\"\\ud800\"}", 14, FB__JSON_LENIENT) == FB__JSON_INVALID);
}

static void *no_memory(void *context, size_t size)
{
    (void)context;
    (void)size;
    return NULL;
}

TEST(large_objects_need_memory)
{
    static char text[40000];
    int at = snprintf(text, sizeof(text), "{");
    for (int n = 0; n < 400; n++) {
        at += snprintf(text + at, sizeof(text) - (size_t)at, "%s\"%d\":0", n == 0 ? "" : ",", n);
    }
    text[at++] = '}';
    const fb_mem none = {no_memory, fb__mem_default.release, NULL};
    CHECK(fb__json_scan(text, (size_t)at, FB__JSON_STRICT, 32, &none, nodes, NODES, &count) == FB__JSON_NO_MEMORY);
    CHECK(fb__json_scan(text, (size_t)at, FB__JSON_STRICT, 32, &fb__mem_default, nodes, NODES, &count) == FB__JSON_OK);
}

/* ---- against jansson ------------------------------------------------------------------------ */

static uint64_t state = 7;

static unsigned pick(unsigned limit)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(state >> 33) % limit;
}

struct writer {
    char text[4096];
    size_t size;
};

static void put(struct writer *w, const char *text)
{
    size_t size = strlen(text);
    if (w->size + size < sizeof(w->text) - 64) {
        memcpy(w->text + w->size, text, size);
        w->size += size;
    }
}

static void put_string(struct writer *w)
{
    static const char *const pieces[] = {"a",
                                         "b",
                                         "key",
                                         "value",
                                         "\\n",
                                         "\\u0041",
                                         "\\u00e9",
                                         "\xc3\xa9",
                                         "\\ud83d\\ude00",
                                         "\xe2\x82\xac",
                                         "\\\"",
                                         "\\\\",
                                         " ",
                                         "0123456789abcdef",
                                         "\\/",
                                         "~"};
    put(w, "\"");
    for (unsigned n = pick(4); n > 0; n--) {
        put(w, pieces[pick(sizeof(pieces) / sizeof(pieces[0]))]);
    }
    put(w, "\"");
}

static void put_value(struct writer *w, unsigned depth)
{
    static const char *const scalars[] = {
        "0", "-1", "12345", "1.5", "-2.25e2", "true", "false", "null", "9007199254740993", "1E3", "0.1"};
    unsigned kind = pick(depth == 0 ? 2 : 4);
    if (kind == 0) {
        put(w, scalars[pick(sizeof(scalars) / sizeof(scalars[0]))]);
    } else if (kind == 1) {
        put_string(w);
    } else {
        put(w, kind == 2 ? "[" : "{");
        for (unsigned n = pick(5), i = 0; i < n; i++) {
            put(w, i == 0 ? (pick(3) ? "" : " ") : ",");
            if (kind == 3) {
                put_string(w);
                put(w, pick(4) ? ":" : " : ");
            }
            put_value(w, depth - 1);
        }
        put(w, kind == 2 ? "]" : "}");
    }
}

static void mutate(struct writer *w)
{
    static const char bytes[] = "{}[]\",:\\0123456789eE+-.tfnu \n\x80\xc3\xff\x01";
    for (unsigned n = 1 + pick(3); n > 0 && w->size > 2; n--) {
        size_t at = pick((unsigned)w->size);
        switch (pick(4)) {
        case 0:
            w->text[at] = bytes[pick(sizeof(bytes) - 1)];
            break;
        case 1:
            memmove(w->text + at, w->text + at + 1, --w->size - at);
            break;
        case 2:
            memmove(w->text + at + 1, w->text + at, w->size++ - at);
            w->text[at] = bytes[pick(sizeof(bytes) - 1)];
            break;
        default:
            w->size = at + 1;
        }
    }
}

/*
 * What jansson takes and we do not, and the other way round: integers beyond 64 bits (it refuses, we keep the text),
 * reals that underflow to zero (some versions refuse), \u0000 in names and values (refused by both without flags).
 */
static bool known_difference(const char *ours_accepts, const json_error_t *error)
{
    return ours_accepts != NULL &&
           (strstr(error->text, "too big integer") != NULL || strstr(error->text, "real number overflow") != NULL);
}

static bool same_value(const char *text, size_t index, const json_t *theirs);

static bool same_text(const char *text, const fb_node *node, const char *value, size_t size)
{
    return fb__json_equal(text, node, (fb_slice){value, size});
}

static bool same_object(const char *text, size_t index, const json_t *theirs)
{
    size_t members = 0;
    for (size_t i = index + 1; i < nodes[index].next; i = nodes[i + 1].next, members++) {
        char name[4096];
        size_t size = fb_unescape(text + nodes[i].offset, nodes[i].length, name);
        name[size] = '\0';
        const json_t *value = json_object_get(theirs, name);
        if (value == NULL || !same_value(text, i + 1, value)) {
            return false;
        }
    }
    return members == json_object_size(theirs);
}

static bool same_value(const char *text, size_t index, const json_t *theirs)
{
    const fb_node *node = &nodes[index];
    char number[300];
    switch ((fb_kind)node->kind) {
    case FB_NULL:
        return json_is_null(theirs);
    case FB_TRUE:
        return json_is_true(theirs);
    case FB_FALSE:
        return json_is_false(theirs);
    case FB_STRING:
        return json_is_string(theirs) && same_text(text, node, json_string_value(theirs), json_string_length(theirs));
    case FB_INTEGER:
        snprintf(number, sizeof(number), "%.*s", (int)node->length, text + node->offset);
        return json_is_integer(theirs) && json_integer_value(theirs) == strtoll(number, NULL, 10);
    case FB_REAL:
        snprintf(number, sizeof(number), "%.*s", (int)node->length, text + node->offset);
        return json_is_real(theirs) &&
               !(json_real_value(theirs) > strtod(number, NULL) || json_real_value(theirs) < strtod(number, NULL));
    case FB_OBJECT:
        return json_is_object(theirs) && same_object(text, index, theirs);
    case FB_ARRAY: {
        size_t item = 0;
        for (size_t i = index + 1; i < node->next; i = nodes[i].next, item++) {
            if (item >= json_array_size(theirs) || !same_value(text, i, json_array_get(theirs, item))) {
                return false;
            }
        }
        return json_is_array(theirs) && item == json_array_size(theirs);
    }
    }
    return false;
}

TEST(agrees_with_jansson)
{
    unsigned accepted = 0, refused = 0;
    for (unsigned round = 0; round < 60000; round++) {
        struct writer w = {.size = 0};
        put(&w, "{");
        for (unsigned n = pick(6), i = 0; i < n; i++) {
            put(&w, i == 0 ? "" : ",");
            put_string(&w);
            put(&w, ":");
            put_value(&w, 4);
        }
        put(&w, "}");
        if (round % 2 == 1) {
            mutate(&w);
        }
        json_error_t error;
        json_t *theirs = json_loadb(w.text, w.size, JSON_REJECT_DUPLICATES, &error);
        bool ours = accepts(w.text, w.size);
        bool both = ours && json_is_object(theirs);
        if (ours != json_is_object(theirs) && !known_difference(ours ? w.text : NULL, &error)) {
            FAIL("%s, jansson does not: %.*s (%s)", ours ? "accepted" : "refused", (int)w.size, w.text, error.text);
        } else if (both && !same_value(w.text, 0, theirs)) {
            FAIL("read otherwise: %.*s", (int)w.size, w.text);
        }
        test_checks++;
        accepted += both;
        refused += !ours;
        json_decref(theirs);
    }
    CHECK(accepted > 20000 && refused > 20000);
}

int main(void)
{
    RUN(structure);
    RUN(literals);
    RUN(strings);
    RUN(numbers);
    RUN(depth);
    RUN(duplicate_names);
    RUN(escaped_names);
    RUN(escaped_names_cost_what_plain_ones_cost);
    RUN(node_limit);
    RUN(tape);
    RUN(unescaping);
    RUN(unescaping_any_text);
    RUN(numeric_dates);
    RUN(a_decimal_comma_of_the_locale);
    RUN(numbers_are_written);
    RUN(lenient_reading);
    RUN(large_objects_need_memory);
    RUN(agrees_with_jansson);
    return TEST_RESULT();
}
