/*
 * The signature step of ES256 with tables, the hash of 900 bytes included, beside OpenSSL's: EVP_DigestVerify on a
 * context that is reused. Warm, and with all caches swept before each verification, as on a server that does much else.
 */
#include "../core/p256.h"
#include "bench.h"
#include "verify/verify.h"

enum { MESSAGE = 900, COLD = 201, SWEPT = 64 << 20 };

static unsigned char message[MESSAGE], signature[64], der[80];
static size_t der_size;
static void *table;
static EVP_MD *md;
static EVP_MD_CTX *hashing, *verifying;
static fb__key key;

static void run_tables(void *context, unsigned iteration)
{
    const fb__fast_input input = {context, message, MESSAGE, signature, sizeof(signature), md, hashing};
    message[0] = (unsigned char)iteration;
    if (fb__fast_p256.verify(table, &input) != (message[0] == 0 ? FB__FAST_VALID : FB__FAST_INVALID)) {
        abort();
    }
}

static void run_openssl(void *context, unsigned iteration)
{
    (void)context;
    message[0] = (unsigned char)iteration;
    if (EVP_DigestVerifyInit_ex(verifying, NULL, NULL, NULL, NULL, NULL, NULL) != 1 ||
        (EVP_DigestVerify(verifying, der, der_size, message, MESSAGE) == 1) != (message[0] == 0)) {
        abort();
    }
}

static void run_build(void *context, unsigned iteration)
{
    (void)context;
    (void)iteration;
    if (!fb__fast_p256.build(table, &key)) {
        abort();
    }
}

/* Median of single runs, each after a walk through more memory than any cache holds. */
static double cold(void (*run)(void *, unsigned))
{
    static unsigned char memory[SWEPT];
    double samples[COLD];
    for (size_t i = 0; i < COLD; i++) {
        for (size_t k = 0; k < SWEPT; k += 64) {
            memory[k]++;
        }
        const double start = bench_cpu_ns();
        run(NULL, 0);
        samples[i] = bench_cpu_ns() - start;
    }
    qsort(samples, COLD, sizeof(double), bench_compare);
    return samples[COLD / 2];
}

static void prepare_input(void)
{
    unsigned char digest[32];
    key.pkey = EVP_EC_gen("P-256");
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    hashing = EVP_MD_CTX_new();
    verifying = EVP_MD_CTX_new();
    p256_must(fb__key_classify(&key) == NULL && EVP_Digest(message, MESSAGE, digest, NULL, md, NULL) == 1);
    EVP_PKEY_CTX *signing = p256_signing(key.pkey);
    p256_sign(signing, digest, signature);
    EVP_PKEY_CTX_free(signing);
    der_size = p256_der(der, signature);
    p256_must(EVP_DigestVerifyInit(verifying, NULL, md, NULL, key.pkey) == 1);
    table = aligned_alloc(FB__FAST_ALIGNMENT, fb__fast_p256.table_size(&key));
    p256_must(table != NULL && fb__fast_p256.build(table, &key));
}

int main(void)
{
    bench_case cases[] = {{.name = "OpenSSL", .run = run_openssl},
                          {.name = fb__fast_p256.name, .run = run_tables},
                          {.name = "build", .run = run_build}};
    if (!fb__fast_p256.supported() || fb__fast_p256.prepare() != FB__FAST_RIGHT) {
        printf("%s: not supported here\n", fb__fast_p256.name);
        return 0;
    }
    prepare_input();
    bench_run(cases, 3);
    const double openssl = cases[0].median, ours = cases[1].median, build = cases[2].median;
    const double cold_openssl = cold(run_openssl), cold_ours = cold(run_tables);
    printf("ES256, 900 bytes      warm us       cold us\n");
    printf("%-16s %12.2f  %12.2f\n", cases[0].name, openssl / 1e3, cold_openssl / 1e3);
    printf("%-16s %12.2f  %12.2f\n", cases[1].name, ours / 1e3, cold_ours / 1e3);
    printf("%-16s %12.3f  %12.3f\n", "ratio", ours / openssl, cold_ours / cold_openssl);
    printf("table of a key: %zu bytes, built in %.0f us, pays after %.0f verifications (threshold %u)\n",
           fb__fast_p256.table_size(&key), build / 1e3, build / (openssl - ours) + 0.5, fb__fast_p256.threshold);
    free(table);
    EVP_PKEY_free(key.pkey);
    EVP_MD_free(md);
    EVP_MD_CTX_free(hashing);
    EVP_MD_CTX_free(verifying);
    return 0;
}
