/*
 * The first tokens: of a key that the verifier was made with, and of one that a rotation brings. Each is timed by
 * itself, with keys and verifiers of its own, beside OpenSSL reading the same PEM and verifying once. Some token pays
 * for a key's table; the first of a process for the self-test of the arithmetic as well.
 *
 *     bench_start                 a table, medians of 15 keys
 *     bench_start --json ROUNDS   the same, one line of JSON a case
 */
#include "bench.h"
#include "subject.h"

#include <openssl/pem.h>

enum { FIRST_TOKENS = 64, SETTLED = 48 /* from here on no token is the one that pays */ };

enum { CONSTRUCTION, FIRST, PAYS, AFTER, FETCHED, ROTATED, KEPT, OPENSSL, KINDS };
static const char *const kinds[KINDS] = {"construction",
                                         "first token",
                                         "token that pays for the table",
                                         "tokens after it",
                                         "a rotated set is taken in",
                                         "first token of the new key",
                                         "next token of the kept key",
                                         "OpenSSL, key and first token"};

struct rotation {
    fb_verifier *verifier;
    fb_keypair *pairs[2];
    fb_string *sets[2], *tokens[2];
};

static double samples[KINDS][BENCH_ROUNDS], first_of_process;

static double monotonic = 1;

static double timed(const fb_verifier *verifier, fb_slice token)
{
    const double start = bench_cpu_ns();
    verify(verifier, token, monotonic);
    return bench_cpu_ns() - start;
}

static fb_verifier *make_verifier(const char *alg, fb_slice public_key, fb_slice uri)
{
    fb_issuer keys = FB_ISSUER_INIT;
    keys.public_key = public_key;
    keys.jwks_uri = uri;
    return verifier_of(keys, alg, 0);
}

static void time_static_key(struct subject *s, unsigned round)
{
    const double start = bench_cpu_ns();
    fb_verifier *verifier = make_verifier(s->alg, s->public_key, (fb_slice){NULL, 0});
    double settled = 0, costliest = 0;
    samples[CONSTRUCTION][round] = bench_cpu_ns() - start;
    for (unsigned i = 0; i < FIRST_TOKENS; i++) {
        const double spent = timed(verifier, s->tokens[i].text);
        if (i == 0) {
            samples[FIRST][round] = spent;
        } else if (i < SETTLED) {
            costliest = spent > costliest ? spent : costliest;
        } else {
            settled += spent / (FIRST_TOKENS - SETTLED);
        }
    }
    samples[PAYS][round] = costliest;
    samples[AFTER][round] = settled;
    if (round == 0) {
        first_of_process = costliest;
    }
    fb_verifier_free(verifier);
}

static void time_openssl(struct subject *s, unsigned round)
{
    const double start = bench_cpu_ns();
    BIO *bio = BIO_new_mem_buf(s->public_key.data, (int)s->public_key.size);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const struct token *token = &s->tokens[0];
    require(key != NULL && context != NULL &&
                EVP_DigestVerifyInit(context, NULL, s->alg[1] == 'd' ? NULL : s->md, NULL, key) == 1 &&
                EVP_DigestVerify(context, token->signature, token->signature_size,
                                 (const unsigned char *)token->text.data, token->input_size) == 1,
            "EVP_DigestVerify");
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
    samples[OPENSSL][round] = bench_cpu_ns() - start;
}

/* ---- rotation ---------------------------------------------------------------------------------------------------- */

static void take_in(const fb_verifier *verifier, fb_slice body)
{
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = 200;
    fetched.body = body;
    require(fb_verifier_refresh_begin(verifier, 1, monotonic, FB_REFRESH_EXPLICIT, 0, &fetch, NULL) == FB_OK &&
                fetch.decision == FB_FETCH_NOW &&
                fb_verifier_refresh_complete(verifier, 1, fetch.ticket, monotonic, &fetched, NULL, NULL) == FB_OK,
            "taking in a key set");
}

static void make_rotation(struct rotation *r, const char *alg)
{
    static const char *const kids[2] = {"before", "new"};
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    r->verifier = make_verifier(alg, (fb_slice){NULL, 0}, fb_text("https://issuer.example/keys"));
    options.subject = fb_text("auth0|5f7c8ec7c33c6c004bbafe82");
    options.issuer = fb_text("https://issuer.example");
    options.now = 1800000000;
    for (size_t i = 0; i < 2; i++) {
        options.kid = fb_text(kids[i]);
        require(fb_keypair_generate(&r->pairs[i], fb_text(alg), 0, NULL, NULL) == FB_OK &&
                    fb_keypair_jwks(r->pairs[i], options.kid, &r->sets[i], NULL) == FB_OK &&
                    fb_keypair_create_token(r->pairs[i], &options, &r->tokens[i], NULL) == FB_OK,
                "making keys");
    }
}

static void time_rotation(const char *alg, unsigned round)
{
    static const char open[] = "{\"keys\":[";
    struct rotation r = {0};
    char both[4096];
    make_rotation(&r, alg);
    const fb_slice old = fb_string_text(r.sets[0]), new = fb_string_text(r.sets[1]);
    require(strncmp(old.data, open, sizeof(open) - 1) == 0 && strncmp(new.data, open, sizeof(open) - 1) == 0, "splice");
    /* The old set without its "]}", and the new one's keys. */
    const int size = snprintf(both, sizeof(both), "%.*s,%.*s", (int)old.size - 2, old.data,
                              (int)(new.size - sizeof(open) + 1), new.data + sizeof(open) - 1);
    require(size > 0 && (size_t)size < sizeof(both), "splice");
    take_in(r.verifier, old);
    for (unsigned i = 0; i < FIRST_TOKENS; i++) {
        verify(r.verifier, fb_string_text(r.tokens[0]), monotonic);
    }
    monotonic += 100;
    const double start = bench_cpu_ns();
    take_in(r.verifier, (fb_slice){both, (size_t)size});
    samples[FETCHED][round] = bench_cpu_ns() - start;
    samples[ROTATED][round] = timed(r.verifier, fb_string_text(r.tokens[1]));
    samples[KEPT][round] = timed(r.verifier, fb_string_text(r.tokens[0]));
    fb_verifier_free(r.verifier);
    for (size_t i = 0; i < 2; i++) {
        fb_string_free(r.sets[i]);
        fb_string_free(r.tokens[i]);
        fb_keypair_free(r.pairs[i]);
    }
}

static void print(const char *alg, const char *kind, double ns, bool as_json)
{
    if (as_json) {
        printf("{\"algorithm\": \"%s\", \"case\": \"start\", \"kind\": \"%s\", \"ns\": %.1f}\n", alg, kind, ns);
    } else {
        printf("%-6s %-36s %10.1f us\n", alg, kind, ns / 1000);
    }
}

int main(int argc, char **argv)
{
    static const char *const algs[] = {"RS256", "ES256", "EdDSA"};
    const bool as_json = argc == 3 && strcmp(argv[1], "--json") == 0;
    if (as_json) {
        bench_rounds = (unsigned)strtoul(argv[2], NULL, 10);
        require(bench_rounds >= 1 && bench_rounds <= BENCH_ROUNDS, "reading the number of rounds");
    }
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        for (unsigned round = 0; round < bench_rounds; round++) {
            struct subject s;
            subject_make(&s, algs[i]);
            time_openssl(&s, round);
            time_static_key(&s, round);
            subject_release(&s);
            time_rotation(algs[i], round);
        }
        print(algs[i], "first table of a process", first_of_process, as_json);
        for (size_t kind = 0; kind < KINDS; kind++) {
            qsort(samples[kind], bench_rounds, sizeof(double), bench_compare);
            print(algs[i], kinds[kind], samples[kind][bench_rounds / 2], as_json);
        }
    }
    return 0;
}
