/* Objects: no name twice, however it is spelled, and what finding that out costs. */
#include "json_text.h"

#include <time.h>

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

int main(void)
{
    RUN(duplicate_names);
    RUN(escaped_names);
    RUN(escaped_names_cost_what_plain_ones_cost);
    return TEST_RESULT();
}
