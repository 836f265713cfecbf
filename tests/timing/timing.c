/*
 * Whether the time of an HMAC verification tells what must not be told, after dudect (Reparaz, Balasch, Verbauwhede
 * 2017): two kinds of input in random order, and Welch's t over their times, cropped at several percentiles. A control
 * that compares byte by byte has to be found out by the same measurement, or the measurement is worth nothing.
 */
#include "verify/verify.h"

#include <math.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SAMPLES = 300000, CROPS = 20, MESSAGE = 64, TAG = 64 };

/* dudect calls a |t| above 4.5 suspicious and one above 10 certain; a busy machine gets the benefit of the doubt. */
static const double LIMIT = 10.0;

struct sample {
    uint64_t time;
    unsigned kind;
};

static struct sample samples[SAMPLES];
static unsigned char message[MESSAGE];
static unsigned char secrets[2][TAG], tags[2][TAG]; /* by kind */
static fb__verification_key key;
static const fb__alg *alg;

static uint64_t tick(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
#endif
}

/* What is measured. tag is not the right one. */
static void ours(const unsigned char *tag)
{
    if (fb__signature_verify_raw(&key, alg, (fb_slice){(const char *)message, MESSAGE},
                                 (fb_slice){(const char *)tag, TAG}, false) == FB_OK) {
        abort();
    }
}

static void byte_by_byte(const unsigned char *tag)
{
    unsigned char right[TAG];
    volatile const unsigned char *a = right;
    HMAC(EVP_sha512(), secrets[0], TAG, message, MESSAGE, right, NULL);
    for (size_t i = 0; i < TAG; i++) {
        if (a[i] != tag[i]) {
            return;
        }
    }
    abort();
}

static void make_key(unsigned kind)
{
    const fb_slice secret = {(const char *)secrets[kind], TAG};
    fb__verification_key_clear(&key, &fb__mem_default);
    memset(&key, 0, sizeof(key));
    if (fb__key_from_secret(&key.key, &fb__mem_default, secret, fb__alg_bit(alg), true, NULL) != FB_OK) {
        abort();
    }
}

/* by_key: the key is made anew each time, so that both kinds lie at the same addresses. */
static void sample_all(void (*measured)(const unsigned char *), bool by_key)
{
    static unsigned char kinds[SAMPLES];
    unsigned char tag[TAG];
    RAND_bytes(kinds, sizeof(kinds));
    for (size_t i = 0; i < SAMPLES; i++) {
        const unsigned kind = kinds[i] & 1;
        memcpy(tag, tags[kind], TAG); /* always from the same place */
        if (by_key) {
            make_key(kind);
            ours(tag); /* sets up what a key keeps from its first use on */
        }
        const uint64_t start = tick();
        measured(tag);
        samples[i] = (struct sample){tick() - start, kind};
    }
}

static int by_time(const void *a, const void *b)
{
    const uint64_t x = ((const struct sample *)a)->time, y = ((const struct sample *)b)->time;
    return (x > y) - (x < y);
}

/* Welch's t over the samples up to this time; the ratio of the means beside it. */
static double welch(uint64_t most, double *ratio)
{
    double n[2] = {0, 0}, mean[2] = {0, 0}, square[2] = {0, 0};
    for (size_t i = 0; i < SAMPLES && samples[i].time <= most; i++) {
        const unsigned kind = samples[i].kind;
        const double delta = (double)samples[i].time - mean[kind];
        n[kind] += 1.0;
        mean[kind] += delta / n[kind];
        square[kind] += delta * ((double)samples[i].time - mean[kind]);
    }
    *ratio = mean[1] / mean[0];
    return (mean[1] - mean[0]) / sqrt(square[0] / (n[0] * (n[0] - 1.0)) + square[1] / (n[1] * (n[1] - 1.0)));
}

/* The largest |t| of all crops, since interruptions and slow moments lie on top. */
static double largest_t(const char *name)
{
    double largest = 0.0, ratio_there = 1.0;
    qsort(samples, SAMPLES, sizeof(samples[0]), by_time);
    for (int crop = 0; crop < CROPS; crop++) {
        double ratio;
        const size_t place = (size_t)(SAMPLES * (1.0 - pow(0.5, 10.0 * (crop + 1) / CROPS))) - 1;
        const double t = welch(samples[place].time, &ratio);
        if (fabs(t) > fabs(largest)) {
            largest = t;
            ratio_there = ratio;
        }
    }
    printf("%-48s |t| %7.1f, ratio of the means %.4f\n", name, fabs(largest), ratio_there);
    return fabs(largest);
}

/* Wrong from the first byte on, and wrong in the last byte alone. */
static void prepare_tags(void)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        HMAC(EVP_sha512(), secrets[0], TAG, message, MESSAGE, tags[kind], NULL);
        tags[kind][kind == 0 ? 0 : TAG - 1] ^= 1;
    }
}

int main(void)
{
    alg = fb__alg_find(fb_text("HS512"));
    RAND_bytes(message, sizeof(message));
    RAND_bytes(secrets[0], TAG);
    memset(secrets[1], 0, TAG); /* as unlike a random one as there is */
    make_key(0);
    prepare_tags();
    sample_all(byte_by_byte, false);
    const double control = largest_t("control: a comparison that ends at a difference");
    sample_all(ours, false);
    double worst = largest_t("where the tag differs: first byte, last byte");
    RAND_bytes(tags[0], TAG);
    memcpy(tags[1], tags[0], TAG);
    sample_all(ours, true);
    worst = fmax(worst, largest_t("what the secret is: random, zeros"));
    fb__verification_key_clear(&key, &fb__mem_default);
    if (control <= LIMIT) {
        printf("the control was not found out: this machine is too busy for the measurement\n");
        return 2;
    }
    printf(worst <= LIMIT ? "no difference is seen\n" : "the time tells\n");
    return worst > LIMIT;
}
