/*
 * The whole test harness: TEST(name) { CHECK(...); } and a main that RUNs each and returns TEST_RESULT(). A failed
 * check is reported with its place and the test goes on, so that one run shows all that is wrong.
 */
#ifndef FB_TEST_H
#define FB_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int test_failures, test_checks; /* any thread may CHECK */
static int test_count;

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
#define TEST_RESULT() \
    (printf("%d tests, %d checks, %d failed\n", test_count, test_checks, test_failures), test_failures == 0 ? 0 : 1)

#endif
