/*
 * The signature step of ES256 with tables, the hash of 900 bytes included, beside OpenSSL's: EVP_DigestVerify on a
 * context that is reused. Warm, and with all caches swept before each verification, as on a server that does much else.
 */
#include "../core/p256.h"
#include "../core/tables.h"
#include "bench.h"

enum { MESSAGE = 900, COLD = 201, SWEPT = 64 << 20 };

static unsigned char message[MESSAGE], signature[64], der[80];
static size_t der_size;
static void *table; /* to be built again and again */
static EVP_MD *md;
static EVP_MD_CTX *verifying;
static fb__tables tables = {.mem = &fb__mem_default};
static fb__verification_key key;

static void run_tables(void *context, unsigned iteration)
{
    (void)context;
    message[0] = (unsigned char)iteration;
    if (fb__signature_verify_raw(&key, fb__alg_find(fb_text("ES256")), (fb_slice){(const char *)message, MESSAGE},
                                 (fb_slice){(const char *)signature, sizeof(signature)},
                                 true) != (message[0] == 0 ? FB_OK : FB_SIGNATURE_INVALID)) {
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
    if (!fb__arithmetic_p256.build(table, &key.key)) {
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
    key.key.pkey = EVP_EC_gen("P-256");
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    verifying = EVP_MD_CTX_new();
    p256_must(fb__key_classify(&key.key) == NULL && EVP_Digest(message, MESSAGE, digest, NULL, md, NULL) == 1);
    EVP_PKEY_CTX *signing = p256_signing(key.key.pkey);
    p256_sign(signing, digest, signature);
    EVP_PKEY_CTX_free(signing);
    der_size = p256_der(der, signature);
    p256_must(EVP_DigestVerifyInit(verifying, NULL, md, NULL, key.key.pkey) == 1);
    p256_must(make_table(&key, &tables) != NULL);
    table = malloc(key.table_size);
    p256_must(table != NULL);
}

int main(void)
{
    bench_case cases[] = {{.name = "OpenSSL", .run = run_openssl},
                          {.name = fb__arithmetic_p256.name, .run = run_tables},
                          {.name = "build", .run = run_build}};
    if (!fb__arithmetic_p256.supported()) {
        printf("%s: not supported here\n", fb__arithmetic_p256.name);
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
           key.table_size, build / 1e3, build / (openssl - ours) + 0.5, fb__arithmetic_p256.threshold);
    free(table);
    fb__verification_key_clear(&key, &fb__mem_default);
    EVP_MD_free(md);
    EVP_MD_CTX_free(verifying);
    return 0;
}
