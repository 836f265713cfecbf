/*
 * Secrets and private keys are gone when their objects are: after the free, all writable memory of the process is
 * searched for them. What is searched for is only ever held masked, and a child that works it out gives it through a
 * pipe, so the search cannot find itself.
 */
#include "setup.h"
#include "test.h"
#include "verify/verify.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing that is freed is used again: what it held can be looked for, and the same work always leaves the same. */
static struct kept {
    struct kept *next;
    size_t size;
} *all;

static void *keep(size_t size)
{
    struct kept *made = malloc(sizeof(*made) + size);
    if (made == NULL) {
        return NULL;
    }
    *made = (struct kept){all, size};
    all = made;
    return made + 1;
}

static void *openssl_allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return keep(size);
}

static void *openssl_reallocate(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    void *larger = keep(size);
    if (memory != NULL && larger != NULL) {
        const size_t old = ((struct kept *)memory - 1)->size;
        memcpy(larger, memory, old < size ? old : size);
    }
    return larger;
}

static void openssl_release(void *memory, const char *file, int line)
{
    (void)memory;
    (void)file;
    (void)line;
}

static void *own_allocate(void *context, size_t size)
{
    (void)context;
    return keep(size);
}

static void own_release(void *context, void *memory)
{
    (void)context;
    (void)memory;
}

static const fb_mem keeping = {own_allocate, own_release, NULL};

enum { WINDOW = 24, WINDOWS = 16, MASK = 0xa5, CHUNK = 1 << 20 };

/* Parts of one secret, in each form in which it may lie in memory. Not its first bytes: an allocator writes there. */
struct needles {
    unsigned char masked[WINDOWS][WINDOW];
    size_t count;
};

static void add_needle(struct needles *needles, const void *from)
{
    const unsigned char *bytes = from;
    for (size_t i = 0; i < WINDOW; i++) {
        needles->masked[needles->count][i] = bytes[i] ^ MASK;
    }
    needles->count++;
}

static void add_number(struct needles *needles, const EVP_PKEY *pkey, const char *name)
{
    BIGNUM *number = NULL;
    unsigned char bytes[FB__RSA_MAX_BITS / 8], turned[sizeof(bytes)];
    if (EVP_PKEY_get_bn_param(pkey, name, &number) == 1) {
        const int size = BN_bn2bin(number, bytes);
        for (int i = 0; i < size; i++) {
            turned[i] = bytes[size - 1 - i];
        }
        add_needle(needles, bytes + (size - WINDOW) / 2);  /* as DER has it */
        add_needle(needles, turned + (size - WINDOW) / 2); /* as a BIGNUM has it on this kind of machine */
    }
}

/* In the child: what it leaves behind dies with it. */
static void work_out(struct needles *needles, fb_slice private)
{
    BIO *bio = BIO_new_mem_buf(private.data, (int)private.size);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    if (pkey == NULL) { /* a secret */
        add_needle(needles, private.data + (private.size - WINDOW));
        return;
    }
    unsigned char raw[64];
    size_t size = sizeof(raw);
    add_needle(needles, private.data + private.size / 2); /* the PEM itself, first */
    if (EVP_PKEY_get_raw_private_key(pkey, raw, &size) == 1) {
        add_needle(needles, raw + (size - WINDOW));
        return;
    }
    add_number(needles, pkey, OSSL_PKEY_PARAM_PRIV_KEY);
    add_number(needles, pkey, OSSL_PKEY_PARAM_RSA_D);
    add_number(needles, pkey, OSSL_PKEY_PARAM_RSA_FACTOR1);
    add_number(needles, pkey, OSSL_PKEY_PARAM_RSA_FACTOR2);
    add_number(needles, pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
}

static struct needles needles_of(fb_slice private)
{
    struct needles needles = {.count = 0};
    int ends[2];
    CHECK(pipe(ends) == 0);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        work_out(&needles, private);
        _exit(write(ends[1], &needles, sizeof(needles)) == sizeof(needles) ? 0 : 1);
    }
    close(ends[1]);
    CHECK(read(ends[0], &needles, sizeof(needles)) == sizeof(needles) && needles.count > 0);
    close(ends[0]);
    CHECK(waitpid(child, NULL, 0) == child);
    return needles;
}

static size_t count_in(const unsigned char *bytes, size_t size, const unsigned char *masked)
{
    const unsigned char *at = bytes, *end = bytes + size - (WINDOW - 1);
    size_t found = 0;
    while (size >= WINDOW && at < end && (at = memchr(at, masked[0] ^ MASK, (size_t)(end - at))) != NULL) {
        size_t same = 1;
        while (same < WINDOW && (at[same] ^ MASK) == masked[same]) {
            same++;
        }
        found += same == WINDOW;
        at++;
    }
    return found;
}

/* How often one of the needles stands in writable memory; read through the kernel, since a sanitizer forbids a look at
 * what is freed. Regions from 256 MB on are a sanitizer's own. */
static size_t search(const struct needles *needles)
{
    static unsigned char chunk[CHUNK];
    FILE *maps = fopen("/proc/self/maps", "r");
    const int memory = open("/proc/self/mem", O_RDONLY);
    char line[512];
    size_t found = 0;
    CHECK(maps != NULL && memory >= 0);
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[1] != 'w' || to - from >= 1UL << 28) {
            continue;
        }
        while (from < to) {
            const ssize_t got = pread(memory, chunk, to - from < CHUNK ? to - from : CHUNK, (off_t)from);
            if (got <= 0) {
                break;
            }
            const bool own = from <= (uintptr_t)chunk + CHUNK && (uintptr_t)chunk <= from + (size_t)got;
            for (size_t i = 0; !own && i < needles->count; i++) {
                found += count_in(chunk, (size_t)got, needles->masked[i]);
            }
            from += got < CHUNK ? (size_t)got : (size_t)(CHUNK - WINDOW);
        }
    }
    OPENSSL_cleanse(chunk, sizeof(chunk));
    close(memory);
    fclose(maps);
    return found;
}

static void use(const fb_keypair *pair)
{
    struct setup options = SETUP_INIT;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    fb_verifier *verifier = NULL;
    fb_result *result = NULL;
    fb_string *token = NULL;
    CHECK(fb_keypair_create_token(pair, &minting, &token, NULL) == FB_OK);
    options.issuer.public_key = fb_keypair_public_pem(pair);
    options.issuer.secret =
        options.issuer.public_key.data == NULL ? fb_keypair_private_pem(pair) : options.issuer.secret;
    options.issuer.algorithms = FB_LIST(fb_keypair_algorithm(pair));
    options.policy.mem = &keeping;
    CHECK(setup_verifier(&verifier, &options, NULL) == FB_OK);
    const fb_slice text = fb_string_text(token);
    CHECK(fb_verify(verifier, text.data, text.size, (fb_clock){1.0, 1.0}, &result, NULL) == FB_OK);
    fb_result_free(result);
    fb_verifier_free(verifier);
    fb_string_free(token);
}

/* What OpenSSL by itself does not cleanse when it reads a PEM once and writes one twice, which is what the pairs below
 * have it do: 3.0 leaves numbers and text of its decoder and its encoder. */
static size_t left_by_openssl(const char *algorithm)
{
    fb_keypair *pair = NULL;
    CHECK(fb_keypair_generate(&pair, fb_text(algorithm), 0, &keeping, NULL) == FB_OK);
    const fb_slice pem = fb_keypair_private_pem(pair);
    const struct needles needles = needles_of(pem);
    const size_t before = search(&needles);
    BIO *from = BIO_new_mem_buf(pem.data, (int)pem.size);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(from, NULL, NULL, NULL);
    for (int i = 0; i < 2 && pkey != NULL; i++) {
        BIO *to = BIO_new(BIO_s_mem());
        CHECK(PEM_write_bio_PKCS8PrivateKey(to, pkey, NULL, NULL, 0, NULL, NULL) == 1);
        BIO_free(to);
    }
    EVP_PKEY_free(pkey);
    BIO_free(from);
    ERR_clear_error(); /* a secret is no PEM */
    const size_t after = search(&needles);
    fb_keypair_free(pair);
    return after > before ? after - before : 0;
}

static void gone_after_free(const char *algorithm)
{
    fb_keypair *made = NULL, *loaded = NULL;
    const size_t openssls = left_by_openssl(algorithm);
    CHECK(fb_keypair_generate(&made, fb_text(algorithm), 0, &keeping, NULL) == FB_OK);
    const struct needles needles = needles_of(fb_keypair_private_pem(made));
    CHECK(fb_keypair_load(&loaded, fb_text(algorithm), fb_keypair_private_pem(made), &keeping, NULL) == FB_OK);
    use(made);
    use(loaded);
    const size_t held = search(&needles);
    fb_keypair_free(made);
    fb_keypair_free(loaded);
    const size_t left = search(&needles);
    printf("%s: %zu forms, found %zu times while held, %zu times after; OpenSSL alone leaves %zu\n", algorithm,
           needles.count, held, left, openssls);
    CHECK(held >= 2);
    CHECK(left <= (needles.count == 1 ? 0 : openssls)); /* a secret is not OpenSSL's to read */
}

TEST(nothing_is_left_of_a_secret)
{
    gone_after_free("HS256");
    gone_after_free("HS512");
}

TEST(nothing_is_left_of_a_private_key)
{
    gone_after_free("EdDSA");
    gone_after_free("Ed448");
    gone_after_free("ES256");
    gone_after_free("ES512");
    gone_after_free("RS256");
    gone_after_free("PS256");
}

TEST(nothing_is_left_of_a_secret_for_nonces)
{
    fb_keypair *pair = NULL;
    fb_verifier *verifier = NULL;
    fb_dpop dpop = FB_DPOP_INIT;
    struct setup options = SETUP_INIT;
    char nonce[FB_NONCE_ROOM];
    CHECK(fb_keypair_generate(&pair, fb_text("HS256"), 0, &keeping, NULL) == FB_OK);
    const struct needles needles = needles_of(fb_keypair_private_pem(pair));
    dpop.nonce_secret = fb_keypair_private_pem(pair);
    options.issuer.secret = fb_text("another secret, of at least 32 bytes");
    options.policy.dpop = &dpop;
    options.policy.mem = &keeping;
    CHECK(setup_verifier(&verifier, &options, NULL) == FB_OK);
    fb_keypair_free(pair);
    CHECK(fb_verifier_nonce(verifier, 1.0, nonce) && search(&needles) >= 1);
    fb_verifier_free(verifier);
    CHECK(search(&needles) == 0);
}

/* The text of the PEM is kept by this library alone, so nothing may be left of it, whatever OpenSSL does with numbers.
 */
TEST(nothing_is_left_of_the_text_of_a_private_key)
{
    static const char *const algorithms[] = {"ES256", "ES384", "ES512", "EdDSA", "RS256"};
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        fb_keypair *pair = NULL;
        CHECK(fb_keypair_generate(&pair, fb_text(algorithms[i]), 0, &keeping, NULL) == FB_OK);
        struct needles text = needles_of(fb_keypair_private_pem(pair));
        text.count = 1;
        use(pair);
        CHECK(search(&text) == 1);
        fb_keypair_free(pair);
        CHECK(search(&text) == 0);
    }
}

/* Results outlive their issuer, and may know its rules, but not its keys. */
TEST(a_result_keeps_no_secret)
{
    fb_keypair *pair = NULL, *other = NULL;
    fb_string *token = NULL;
    fb_verifier *verifier = NULL;
    fb_result *result = NULL;
    fb_options options = FB_OPTIONS_INIT;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    fb_issuer issuer = FB_ISSUER_INIT;
    CHECK(fb_keypair_generate(&pair, fb_text("HS256"), 0, &keeping, NULL) == FB_OK);
    CHECK(fb_keypair_generate(&other, fb_text("HS256"), 0, &keeping, NULL) == FB_OK);
    const struct needles needles = needles_of(fb_keypair_private_pem(pair));
    issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    issuer.secret = fb_keypair_private_pem(pair);
    minting.issuer = fb_text("https://issuer.example");
    options.mem = &keeping;
    CHECK(fb_keypair_create_token(pair, &minting, &token, NULL) == FB_OK);
    const fb_slice text = fb_string_text(token);
    for (int added = 0; added < 2; added++) {
        options.issuers = added ? NULL : &issuer;
        options.issuer_count = added ? 0 : 1;
        options.resolves_issuers = added;
        CHECK(fb_verifier_new(&verifier, &options, NULL) == FB_OK);
        if (added) {
            CHECK(fb_verifier_add_issuer(verifier, &issuer, NULL) == FB_OK);
        }
        CHECK(fb_verify(verifier, text.data, text.size, (fb_clock){1.0, 1.0}, &result, NULL) == FB_OK);
        if (added) { /* replaced by one with another secret; the cache has its token still */
            issuer.secret = fb_keypair_private_pem(other);
            CHECK(fb_verifier_add_issuer(verifier, &issuer, NULL) == FB_OK);
            CHECK(search(&needles) == 1);
        }
        fb_verifier_free(verifier);
        CHECK(search(&needles) == 1); /* the pair's own */
        CHECK(fb_result_issuer_number(result) == 1);
        fb_result_free(result);
    }
    fb_string_free(token);
    fb_keypair_free(pair);
    fb_keypair_free(other);
    CHECK(search(&needles) == 0);
}

/* A refused secret leaves nothing, a refused key no more than OpenSSL does. */
TEST(nothing_is_left_of_what_was_refused)
{
    fb_keypair *pair = NULL, *none = NULL;
    fb_verifier *verifier = NULL;
    struct setup options = SETUP_INIT;
    CHECK(fb_keypair_generate(&pair, fb_text("HS256"), 0, &keeping, NULL) == FB_OK);
    struct needles needles = needles_of(fb_keypair_private_pem(pair));
    options.issuer.secret = fb_keypair_private_pem(pair);
    options.issuer.algorithms = FB_LIST(fb_text("HS512"));
    options.policy.mem = &keeping;
    CHECK(setup_verifier(&verifier, &options, NULL) == FB_CONFIGURATION_INVALID); /* too short for it */
    fb_keypair_free(pair);
    CHECK(search(&needles) == 0);

    const size_t openssls = left_by_openssl("ES256");
    CHECK(fb_keypair_generate(&pair, fb_text("ES256"), 0, &keeping, NULL) == FB_OK);
    needles = needles_of(fb_keypair_private_pem(pair));
    CHECK(fb_keypair_load(&none, fb_text("RS256"), fb_keypair_private_pem(pair), &keeping, NULL) ==
          FB_CONFIGURATION_INVALID);
    fb_keypair_free(pair);
    CHECK(search(&needles) <= openssls);
}

/* That the search would find what was merely freed. */
TEST(the_search_finds_what_is_not_cleansed)
{
    fb_keypair *pair = NULL;
    CHECK(fb_keypair_generate(&pair, fb_text("HS512"), 0, &keeping, NULL) == FB_OK);
    const fb_slice secret = fb_keypair_private_pem(pair);
    const struct needles needles = needles_of(secret);
    char *volatile copy = malloc(secret.size);
    memcpy(copy, secret.data, secret.size);
    fb_keypair_free(pair);
    CHECK(search(&needles) == 1);
    free(copy);
    CHECK(search(&needles) == 1);
}

int main(void)
{
    CHECK(CRYPTO_set_mem_functions(openssl_allocate, openssl_reallocate, openssl_release) == 1);
    RUN(nothing_is_left_of_a_secret);
    RUN(nothing_is_left_of_a_secret_for_nonces);
    RUN(nothing_is_left_of_a_private_key);
    RUN(nothing_is_left_of_the_text_of_a_private_key);
    RUN(a_result_keeps_no_secret);
    RUN(nothing_is_left_of_what_was_refused);
    RUN(the_search_finds_what_is_not_cleansed);
    return TEST_RESULT();
}
