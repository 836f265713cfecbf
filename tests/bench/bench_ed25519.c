/* The whole signature step of Ed25519, SHA-512 of a 900-byte input included, beside OpenSSL's; and what a table costs.
 */
#include "../core/tables.h"
#include "bench.h"

enum { MESSAGES = 64, SIZE = 900 };

static struct {
    fb__verification_key key;
    fb__tables tables;
    void *table; /* to be built again and again */
    EVP_MD *md;
    EVP_MD_CTX *digest, *initial, *copy;
    unsigned char messages[MESSAGES][SIZE], signatures[MESSAGES][64];
} bench;

static void require(bool condition)
{
    if (!condition) {
        fprintf(stderr, "bench_ed25519: something failed\n");
        exit(1);
    }
}

static void run_tables(void *context, unsigned i)
{
    (void)context;
    const fb_slice message = {(const char *)bench.messages[i % MESSAGES], SIZE};
    const fb_slice signature = {(const char *)bench.signatures[i % MESSAGES], 64};
    require(fb__signature_verify_raw(&bench.key, fb__alg_find(fb_text("EdDSA")), message, signature, true) == FB_OK);
}

static void run_openssl(void *context, unsigned i)
{
    (void)context;
    require(EVP_MD_CTX_copy_ex(bench.copy, bench.initial) == 1 &&
            EVP_DigestVerify(bench.copy, bench.signatures[i % MESSAGES], 64, bench.messages[i % MESSAGES], SIZE) == 1);
}

static void run_hash(void *context, unsigned i)
{
    unsigned char hash[64];
    (void)context;
    require(EVP_DigestInit_ex2(bench.digest, bench.md, NULL) == 1 &&
            EVP_DigestUpdate(bench.digest, bench.messages[i % MESSAGES], SIZE) == 1 &&
            EVP_DigestFinal_ex(bench.digest, hash, NULL) == 1);
}

static void run_build(void *context, unsigned i)
{
    (void)context;
    (void)i;
    require(fb__arithmetic_ed25519.build(bench.table, &bench.key.key));
}

static void set_up(void)
{
    EVP_MD_CTX *signer = EVP_MD_CTX_new();
    bench.key.key.pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    bench.tables.mem = &fb__mem_default;
    require(fb__key_classify(&bench.key.key) == NULL && make_table(&bench.key, &bench.tables) != NULL);
    bench.md = EVP_MD_fetch(NULL, "SHA512", NULL);
    bench.digest = EVP_MD_CTX_new();
    bench.initial = EVP_MD_CTX_new();
    bench.copy = EVP_MD_CTX_new();
    bench.table = malloc(bench.key.table_size);
    require(bench.table != NULL);
    require(EVP_DigestVerifyInit(bench.initial, NULL, NULL, NULL, bench.key.key.pkey) == 1);
    for (unsigned i = 0; i < MESSAGES; i++) {
        size_t length = 64;
        memset(bench.messages[i], (int)i, SIZE);
        require(EVP_DigestSignInit(signer, NULL, NULL, NULL, bench.key.key.pkey) == 1 &&
                EVP_DigestSign(signer, bench.signatures[i], &length, bench.messages[i], SIZE) == 1);
        EVP_MD_CTX_reset(signer);
    }
    EVP_MD_CTX_free(signer);
}

int main(void)
{
    bench_case cases[] = {
        {.name = "OpenSSL", .run = run_openssl},
        {.name = fb__arithmetic_ed25519.name, .run = run_tables},
        {.name = "SHA-512 alone", .run = run_hash},
        {.name = "building the table", .run = run_build},
    };
    enum { CASES = sizeof(cases) / sizeof(cases[0]) };
    if (!fb__arithmetic_ed25519.supported()) {
        printf("%s is not supported here\n", fb__arithmetic_ed25519.name);
        return 0;
    }
    set_up();
    bench_run(cases, CASES);
    for (size_t i = 0; i < CASES; i++) {
        printf("Ed25519 %-20s %8.2f us +- %.2f  %5.3f x\n", cases[i].name, cases[i].median / 1000,
               cases[i].spread / 1000, cases[i].median / cases[0].median);
    }
    double saved = cases[0].median - cases[1].median;
    printf("table: %zu bytes, paid back after %.1f verifications\n", bench.key.table_size, cases[3].median / saved);
    fb__verification_key_clear(&bench.key, &fb__mem_default);
    EVP_MD_free(bench.md);
    EVP_MD_CTX_free(bench.digest);
    EVP_MD_CTX_free(bench.initial);
    EVP_MD_CTX_free(bench.copy);
    free(bench.table);
    return 0;
}
