/*
 * The whole test harness: TEST(name) { CHECK(...); } and a main that RUNs each and returns TEST_RESULT(). A failed
 * check is reported with its place and the test goes on, so that one run shows all that is wrong. A test that cannot
 * run for want of data or tools says so with SKIP: its program then ends with 77, which ctest counts and names as
 * skipped.
 */
#ifndef FB_TEST_H
#define FB_TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int test_failures, test_checks; /* any thread may CHECK */
static int test_count, test_skipped;

#define TEST(name) static void name(void)
#define RUN(name) (test_count++, name())
#define CHECK(condition)                                                                  \
    do {                                                                                  \
        (void)test_checks++;                                                              \
        if (!(condition)) {                                                               \
            (void)test_failures++;                                                        \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, __func__, #condition); \
        }                                                                                 \
    } while (0)
/* For what is not a condition: printf-like, counted as a failure. */
#define FAIL(...)                                                     \
    do {                                                              \
        (void)test_failures++;                                        \
        fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, __func__); \
        fprintf(stderr, __VA_ARGS__);                                 \
        fputc('\n', stderr);                                          \
    } while (0)
#define SKIP(...) test_skip(__FILE__, __func__, __VA_ARGS__)
#define TEST_RESULT() test_result()

/* Beside standard output the line goes to the file of FB_SKIPPED, which tools/check/skipped.sh reads in the end. */
__attribute__((format(printf, 3, 4))) static inline void test_skip(const char *file, const char *test,
                                                                   const char *format, ...)
{
    char why[500];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    const char *name = strrchr(file, '/') == NULL ? file : strrchr(file, '/') + 1;
    const char *list = getenv("FB_SKIPPED");
    FILE *out = list == NULL ? NULL : fopen(list, "a");
    printf("SKIPPED %s: %s: %s\n", name, test, why);
    if (out != NULL) {
        fprintf(out, "%s: %s: %s\n", name, test, why);
        fclose(out);
    }
    test_skipped++;
}

static inline int test_result(void)
{
    printf("%d tests, %d checks, %d failed, %d skipped\n", test_count, test_checks, test_failures, test_skipped);
    return test_failures != 0 ? 1 : test_skipped != 0 ? 77 : 0;
}

#endif
