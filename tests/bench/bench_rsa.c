/* Our RSA beside OpenSSL's primitive, contexts reused: a signature over 900 bytes, its hash included; what a table
 * costs, and after how many verifications it has paid for itself. */
#include "bench.h"

#include "../core/rsa_blocks.h"

enum { MESSAGE = 900, SIGNATURES = 16, SUBJECTS = 6 };

static const struct {
    const char *alg;
    unsigned bits;
} kinds[SUBJECTS] = {{"RS256", 2048}, {"PS256", 2048}, {"RS512", 3072},
                     {"PS512", 3072}, {"RS256", 4096}, {"PS256", 4096}};

struct subject {
    rsa_signer signer;
    const fb__alg *alg;
    unsigned char message[MESSAGE], signatures[SIGNATURES][RSA_SIGNER_BYTES];
};
static struct subject subjects[SUBJECTS];

static fb_slice message_of(const struct subject *s)
{
    return (fb_slice){(const char *)s->message, MESSAGE};
}

static void run_openssl(void *context, unsigned iteration)
{
    struct subject *s = context;
    RSA_MUST(rsa_openssl_accepts(&s->signer.verifier, s->alg, message_of(s), s->signatures[iteration % SIGNATURES]));
}

static void run_table(void *context, unsigned iteration)
{
    struct subject *s = context;
    RSA_MUST(rsa_verdict(&s->signer.verifier, s->alg, message_of(s), s->signatures[iteration % SIGNATURES]) == FB_OK);
}

static void run_build(void *context, unsigned iteration)
{
    static _Alignas(FB__TABLE_ALIGNMENT) unsigned char table[8192];
    struct subject *s = context;
    (void)iteration;
    RSA_MUST(sizeof(table) >= s->signer.verifier.key->table_size &&
             fb__arithmetic_rsa.build(table, &s->signer.verifier.key->key));
}

static void make(struct subject *s, size_t i)
{
    uint64_t random = i;
    unsigned char block[RSA_SIGNER_BYTES];
    rsa_signer_open(&s->signer, kinds[i].bits, i);
    s->alg = fb__alg_find(fb_text(kinds[i].alg));
    rsa_random_bytes(&random, s->message, MESSAGE);
    for (size_t j = 0; j < SIGNATURES; j++) {
        rsa_block(block, &s->signer.verifier, s->alg, message_of(s), RSA_GOOD, &random);
        rsa_sign_block(&s->signer, block, s->signatures[j]);
    }
}

int main(void)
{
    bench_case cases[3 * SUBJECTS] = {0};
    if (!fb__arithmetic_rsa.supported()) {
        printf("rsa-ifma: not supported by this processor or build\n");
        return 0;
    }
    for (size_t i = 0; i < SUBJECTS; i++) {
        make(&subjects[i], i);
        cases[3 * i] = (bench_case){.name = "OpenSSL", .run = run_openssl, .context = &subjects[i]};
        cases[3 * i + 1] = (bench_case){.name = "ours", .run = run_table, .context = &subjects[i]};
        cases[3 * i + 2] = (bench_case){.name = "table", .run = run_build, .context = &subjects[i]};
    }
    bench_run(cases, 3 * SUBJECTS);
    printf("%-8s %5s %12s %10s %6s %10s %8s %12s\n", "rsa-ifma", "bits", "OpenSSL us", "ours us", "ratio", "table us",
           "bytes", "pays after");
    for (size_t i = 0; i < SUBJECTS; i++) {
        const double openssl = cases[3 * i].median, ours = cases[3 * i + 1].median, table = cases[3 * i + 2].median;
        printf("%-8s %5u %12.2f %10.2f %6.2f %10.1f %8zu %12.1f\n", kinds[i].alg, kinds[i].bits, openssl / 1e3,
               ours / 1e3, ours / openssl, table / 1e3, subjects[i].signer.verifier.key->table_size,
               table / (openssl - ours));
        rsa_signer_close(&subjects[i].signer);
    }
    return 0;
}
