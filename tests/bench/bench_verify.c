/*
 * Whole verifications beside the bare OpenSSL primitive on the same key and the same bytes. Also minting beside the
 * bare signature, cache hits, and what a second thread brings.
 *
 *     bench_verify                         a table, median of 15 rounds
 *     bench_verify --json ROUNDS           the same, one line of JSON a case
 *     bench_verify --version               OpenSSL's
 *     bench_verify --step                  the bare primitive and our signature step alone, as --json does
 *     bench_verify --loop ALG plain|hit    what one costs in ns, then on and on, for perf
 *     bench_verify --example ALG           a token, and in the lines after it the key that verifies it
 *     bench_verify --count FILE ALG OPERATION N
 *         N operations on the token and the key of such a file, and nothing else, whose instructions are to be counted
 */
#include "bench.h"
#include "subject.h"

#include <openssl/pem.h>
#include <pthread.h>

/* The one call that most programs use, on a context that is made once and copied. */
static void run_digest_verify(void *context, unsigned iteration)
{
    struct subject *s = context;
    struct token *token = &s->tokens[iteration % TOKENS];
    const unsigned char *input = (const unsigned char *)token->text.data;
    require(EVP_MD_CTX_copy_ex(s->copy_context, s->template_context) == 1 &&
                EVP_DigestVerify(s->copy_context, token->signature, token->signature_size, input, token->input_size) ==
                    1,
            "EVP_DigestVerify");
}

static void run_bare_signature(void *context, unsigned iteration)
{
    struct subject *s = context;
    struct token *token = &s->tokens[iteration % TOKENS];
    unsigned char digest[64], out[FB__MAX_SIGNATURE];
    unsigned digest_size;
    size_t size = sizeof(out);
    require(EVP_Digest(token->text.data, token->input_size, digest, &digest_size, s->md, NULL) == 1 &&
                EVP_PKEY_sign(s->pkey_context, out, &size, digest, digest_size) == 1,
            "EVP_PKEY_sign");
}

static void run_mint(void *context, unsigned iteration)
{
    struct subject *s = context;
    (void)iteration;
    fb_string *token;
    require(fb_keypair_create_token(s->pair, &s->mint, &token, NULL) == FB_OK, "fb_keypair_create_token");
    fb_string_free(token);
}

static bool as_json;

static void print_case(const char *alg, const bench_case *item, double base)
{
    if (as_json) {
        printf("{\"algorithm\": \"%s\", \"case\": \"%s\", \"ns\": %.1f}\n", alg, item->name, item->median);
    } else {
        printf("%-6s %-28s %9.0f ns  +-%4.1f %%   %6.3f x\n", alg, item->name, item->median,
               100 * item->spread / item->median, item->median / base);
    }
}

static void run_and_print(const struct subject *s, bench_case *cases, size_t count)
{
    bench_run(cases, count);
    for (size_t i = 0; i < count; i++) {
        print_case(s->alg, &cases[i], cases[0].median);
    }
}

static void bench_algorithm(struct subject *s)
{
    bench_case cases[] = {
        {.name = "OpenSSL primitive", .run = run_primitive, .context = s},
        {.name = "signature step", .run = run_signature, .context = s},
        {.name = "fb_verify", .run = run_plain, .context = s},
        {.name = "fb_verify, kept in the cache", .run = run_first, .context = s},
        {.name = "fb_verify, cache hit", .run = run_cached, .context = s},
        {.name = "EVP_DigestVerify, copied", .run = run_digest_verify, .context = s},
    };
    /* The last for RS256 and ES256 alone: the PSS padding would have to be set on each copy. */
    run_and_print(s, cases, s->alg[0] == 'P' || s->alg[0] == 'H' || s->alg[1] == 'd' ? 5 : 6);
}

/* ---- a second thread --------------------------------------------------------------------------------------------- */

struct share {
    struct subject *subject;
    unsigned count;
    double cpu;
};

static void *verify_share(void *argument)
{
    struct share *share = argument;
    double start = bench_cpu_ns();
    for (unsigned i = 0; i < share->count; i++) {
        run_plain(share->subject, i);
    }
    share->cpu = bench_cpu_ns() - start;
    return NULL;
}

static double wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Seconds of wall time; *cpu is what one of the threads spent, in ns. */
static double time_threads(struct subject *s, unsigned count, size_t threads, double *cpu)
{
    pthread_t started[2];
    struct share shares[2] = {{s, count, 0}, {s, count, 0}};
    double start = wall();
    for (size_t i = 0; i < threads; i++) {
        require(pthread_create(&started[i], NULL, verify_share, &shares[i]) == 0, "pthread_create");
    }
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(started[i], NULL);
    }
    *cpu = threads == 1 ? shares[0].cpu : (shares[0].cpu + shares[1].cpu) / 2;
    return wall() - start;
}

static double median_of(double *values)
{
    qsort(values, bench_rounds, sizeof(double), bench_compare);
    return values[bench_rounds / 2];
}

/*
 * How many times as much two threads get done as one: by wall time, which needs two idle processors, and by CPU time,
 * which shows what they cost each other through locks and shared lines of memory on a busy machine too.
 */
static void bench_threads(struct subject *s)
{
    double by_wall[BENCH_ROUNDS], by_cpu[BENCH_ROUNDS];
    bench_case one = {.run = run_plain, .context = s};
    unsigned count = bench_iterations(&one) * 2;
    for (unsigned r = 0; r < bench_rounds; r++) {
        double alone_cpu, both_cpu;
        double alone = time_threads(s, count, 1, &alone_cpu);
        by_wall[r] = 2.0 * alone / time_threads(s, count, 2, &both_cpu);
        by_cpu[r] = 2.0 * alone_cpu / both_cpu;
    }
    double times = median_of(by_wall), cpu_times = median_of(by_cpu);
    if (as_json) {
        printf("{\"algorithm\": \"%s\", \"case\": \"two threads\", \"times\": %.3f}\n", s->alg, times);
        printf("{\"algorithm\": \"%s\", \"case\": \"two threads, CPU\", \"times\": %.3f}\n", s->alg, cpu_times);
    } else {
        printf("%-6s %-28s %9.2f x one; by CPU time %.2f x\n", s->alg, "two threads", times, cpu_times);
    }
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static void bench_minting(void)
{
    struct subject s;
    subject_make(&s, "RS256");
    const fb_slice pem = fb_keypair_private_pem(s.pair);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    require(key != NULL, "PEM_read_bio_PrivateKey");
    EVP_PKEY_CTX_free(s.pkey_context);
    s.pkey_context = EVP_PKEY_CTX_new(key, NULL);
    EVP_PKEY_free(key);
    require(EVP_PKEY_sign_init(s.pkey_context) == 1 && EVP_PKEY_CTX_set_signature_md(s.pkey_context, s.md) == 1,
            "sign init");
    bench_case cases[] = {
        {.name = "bare signature", .run = run_bare_signature, .context = &s},
        {.name = "fb_keypair_create_token", .run = run_mint, .context = &s},
    };
    run_and_print(&s, cases, 2);
    subject_release(&s);
}

static const struct {
    const char *name;
    void (*run)(void *, unsigned);
} operations[] = {
    {"primitive", run_primitive}, {"signature", run_signature}, {"plain", run_plain}, {"hit", run_cached}};

static void (*operation_named(const char *name))(void *, unsigned)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (strcmp(name, operations[i].name) == 0) {
            return operations[i].run;
        }
    }
    require(false, "reading the name of an operation");
    return NULL;
}

static void loop(const char *alg, const char *name)
{
    struct subject s;
    subject_make(&s, alg);
    bench_case one = {.run = operation_named(name), .context = &s};
    bench_run(&one, 1);
    printf("%.1f\n", one.median);
    (void)fflush(stdout);
    for (unsigned i = 0;; i++) {
        one.run(&s, i);
    }
}

static void print_example(const char *alg)
{
    struct subject s;
    subject_make(&s, alg);
    const fb_slice token = s.tokens[0].text, key = alg[0] == 'H' ? s.secret : s.public_key;
    printf("%.*s\n", (int)token.size, token.data);
    require(fwrite(key.data, 1, key.size, stdout) == key.size, "writing the key"); /* a secret may have any bytes */
    subject_release(&s);
}

static void count(const char *path, const char *alg, const char *name, unsigned long end)
{
    static char text[8192];
    struct subject s;
    FILE *file = fopen(path, "rb");
    require(file != NULL, "opening the example");
    const size_t size = fread(text, 1, sizeof(text), file);
    const char *line = memchr(text, '\n', size);
    (void)fclose(file);
    require(line != NULL, "reading the example");
    subject_take(&s, alg, (fb_slice){line + 1, size - (size_t)(line + 1 - text)},
                 (fb_slice){text, (size_t)(line - text)});
    void (*const run)(void *, unsigned) = operation_named(name);
    for (unsigned long i = 0; i < end; i++) {
        run(&s, (unsigned)i);
    }
    subject_release(&s);
}

static void bench_steps(void)
{
    static const char *const algs[] = {"RS256", "ES256", "EdDSA"};
    as_json = true;
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        struct subject s;
        subject_make(&s, algs[i]);
        bench_case cases[] = {
            {.name = "OpenSSL primitive", .run = run_primitive, .context = &s},
            {.name = "signature step", .run = run_signature, .context = &s},
        };
        run_and_print(&s, cases, 2);
        subject_release(&s);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("OpenSSL %s\n", fb_openssl_version());
        return 0;
    }
    if (argc == 6 && strcmp(argv[1], "--count") == 0) {
        count(argv[2], argv[3], argv[4], strtoul(argv[5], NULL, 10));
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--example") == 0) {
        print_example(argv[2]);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--step") == 0) {
        bench_rounds = 3;
        bench_steps();
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "--loop") == 0) {
        loop(argv[2], argv[3]);
    }
    if (argc == 3 && strcmp(argv[1], "--json") == 0) {
        as_json = true;
        bench_rounds = (unsigned)strtoul(argv[2], NULL, 10);
        require(bench_rounds >= 1 && bench_rounds <= BENCH_ROUNDS, "reading the number of rounds");
    } else {
        printf("CPU time per operation, median of %u interleaved rounds, OpenSSL %s\n", bench_rounds,
               fb_openssl_version());
    }
    static const char *const algs[] = {"RS256", "PS256", "ES256", "EdDSA", "HS256"};
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        struct subject s;
        subject_make(&s, algs[i]);
        bench_algorithm(&s);
        bench_threads(&s);
        subject_release(&s);
    }
    bench_minting();
    return 0;
}
