/* What the C benchmarks share: CPU time of this thread, interleaved rounds, medians. */
#ifndef FB_BENCH_H
#define FB_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BENCH_ROUNDS = 15, BENCH_MAX = 64 };
static unsigned bench_rounds = BENCH_ROUNDS; /* at most that */

typedef struct bench_case {
    const char *name;
    void (*run)(void *context, unsigned iteration);
    void *context;
    double samples[BENCH_ROUNDS]; /* ns per iteration */
    double median, spread;        /* spread: half the distance between the quartiles */
} bench_case;

static inline double bench_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Iterations that take about 20 ms, found once per case. */
static inline unsigned bench_iterations(bench_case *item)
{
    unsigned count = 1;
    for (;;) {
        double start = bench_cpu_ns();
        for (unsigned i = 0; i < count; i++) {
            item->run(item->context, i);
        }
        double spent = bench_cpu_ns() - start;
        if (spent > 5e6) {
            return (unsigned)((double)count * 2e7 / spent) + 1;
        }
        count *= 2;
    }
}

/* All cases in turn, round after round, so that what disturbs the machine disturbs all of them. */
static inline void bench_run(bench_case *cases, size_t count)
{
    unsigned iterations[BENCH_MAX];
    for (size_t c = 0; c < count; c++) {
        iterations[c] = bench_iterations(&cases[c]);
    }
    for (size_t r = 0; r < bench_rounds; r++) {
        for (size_t c = 0; c < count; c++) {
            double start = bench_cpu_ns();
            for (unsigned i = 0; i < iterations[c]; i++) {
                cases[c].run(cases[c].context, i);
            }
            cases[c].samples[r] = (bench_cpu_ns() - start) / iterations[c];
        }
    }
    for (size_t c = 0; c < count; c++) {
        qsort(cases[c].samples, bench_rounds, sizeof(double), bench_compare);
        cases[c].median = cases[c].samples[bench_rounds / 2];
        cases[c].spread = (cases[c].samples[bench_rounds * 3 / 4] - cases[c].samples[bench_rounds / 4]) / 2;
    }
}

#endif
