/*
 * Tokens of 2, 8 and 16 KiB with as many claims as fit, and sets of 100 keys, beside the token of 500 bytes and the one
 * key of the other benchmarks: whole verifications with the cache off, and hits.
 *
 *     bench_large                 a table, median of 15 rounds
 *     bench_large --json ROUNDS   the same, one line of JSON a case
 */
#include "bench.h"
#include "subject.h"

enum { SIZES = 3, KEYS = 100, LARGEST = 16384 };

static const struct {
    const char *name;
    size_t size; /* of the whole token; no more claims when it is reached */
} sizes[SIZES] = {{"2 KiB", 2048}, {"8 KiB", 8192}, {"16 KiB", LARGEST}};

struct many {
    const char *alg;
    fb_verifier *plain, *cached;
    fb_slice tokens[TOKENS];
    fb_string *strings[TOKENS];
};

static void run_uncached(void *context, unsigned iteration)
{
    const struct many *many = context;
    verify(many->plain, many->tokens[iteration % TOKENS], 1);
}

static void run_hit(void *context, unsigned iteration)
{
    const struct many *many = context;
    verify(many->cached, many->tokens[iteration % TOKENS], 1);
}

static void make_verifiers(struct many *many, fb_slice public_key, fb_slice jwks)
{
    fb_issuer keys = FB_ISSUER_INIT;
    keys.public_key = public_key;
    keys.jwks = jwks;
    many->plain = verifier_of(keys, many->alg, 0);
    many->cached = verifier_of(keys, many->alg, 1024);
}

/* A token of that size or up to a claim less. */
static void mint(struct many *many, unsigned number, const fb_keypair *pair, const char *kid, size_t size)
{
    static char claims[LARGEST];
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    int at = snprintf(claims, sizeof(claims), "{\"jti\":\"token-%04u\"", number);
    options.subject = fb_text("auth0|5f7c8ec7c33c6c004bbafe82");
    options.issuer = fb_text("https://issuer.example");
    options.now = 1800000000;
    options.kid = fb_text(kid);
    /* base64url makes four bytes of three; some 620 are header, registered claims and signature. */
    for (unsigned i = 0; size > 0 && (size_t)at + 34 < (size - 620) / 4 * 3; i++) {
        at += snprintf(claims + at, sizeof(claims) - (size_t)at, ",\"claim_%03u\":\"value-%03u-%03u\"", i, number, i);
    }
    (void)snprintf(claims + at, sizeof(claims) - (size_t)at, "}");
    options.additional_claims = fb_text(claims);
    fb_error error = FB_ERROR_INIT;
    if (fb_keypair_create_token(pair, &options, &many->strings[number], &error) != FB_OK) {
        fprintf(stderr, "bench: %s\n", error.text);
        exit(1);
    }
    many->tokens[number] = fb_string_text(many->strings[number]);
    require(size == 0 || (many->tokens[number].size <= size && many->tokens[number].size > size - 160), "the size");
}

static void make_large(struct many *many, const fb_keypair *pair, size_t size)
{
    many->alg = "RS256";
    for (unsigned i = 0; i < TOKENS; i++) {
        mint(many, i, pair, "", size);
    }
    make_verifiers(many, fb_keypair_public_pem(pair), (fb_slice){NULL, 0});
}

/* One key in use, the last of the set, or as many as there are tokens. */
static void make_sets(struct many *one, struct many *all)
{
    static char jwks[KEYS * 256];
    size_t at = (size_t)snprintf(jwks, sizeof(jwks), "{\"keys\":[");
    const size_t opening = at;
    one->alg = all->alg = "ES256";
    for (unsigned i = 0; i < KEYS; i++) {
        fb_keypair *pair = NULL;
        fb_string *set = NULL;
        char kid[16];
        snprintf(kid, sizeof(kid), "key-%03u", i);
        require(fb_keypair_generate(&pair, fb_text("ES256"), 0, NULL, NULL) == FB_OK &&
                    fb_keypair_jwks(pair, fb_text(kid), &set, NULL) == FB_OK,
                "making a key");
        const fb_slice text = fb_string_text(set); /* {"keys":[...]} */
        at += (size_t)snprintf(jwks + at, sizeof(jwks) - at, "%s%.*s", i == 0 ? "" : ",",
                               (int)(text.size - opening - 2), text.data + opening);
        require(at + 2 < sizeof(jwks), "room for the set");
        if (i < TOKENS) {
            mint(all, i, pair, kid, 0);
        }
        for (unsigned token = 0; i == KEYS - 1 && token < TOKENS; token++) {
            mint(one, token, pair, kid, 0);
        }
        fb_string_free(set);
        fb_keypair_free(pair);
    }
    (void)snprintf(jwks + at, sizeof(jwks) - at, "]}");
    make_verifiers(one, (fb_slice){NULL, 0}, fb_text(jwks));
    make_verifiers(all, (fb_slice){NULL, 0}, fb_text(jwks));
}

static void clear(struct many *many)
{
    fb_verifier_free(many->plain);
    fb_verifier_free(many->cached);
    for (unsigned i = 0; i < TOKENS; i++) {
        fb_string_free(many->strings[i]);
    }
}

int main(int argc, char **argv)
{
    static struct many sets[SIZES + 2];
    enum { SETS = SIZES + 2 };
    bench_case cases[2 * SETS] = {0};
    fb_keypair *pair = NULL;
    const bool as_json = argc == 3 && strcmp(argv[1], "--json") == 0;
    if (as_json) {
        bench_rounds = (unsigned)strtoul(argv[2], NULL, 10);
        require(bench_rounds >= 1 && bench_rounds <= BENCH_ROUNDS, "reading the number of rounds");
    }
    require(fb_keypair_generate(&pair, fb_text("RS256"), 0, NULL, NULL) == FB_OK, "fb_keypair_generate");
    for (size_t i = 0; i < SIZES; i++) {
        make_large(&sets[i], pair, sizes[i].size);
        cases[i].name = sizes[i].name;
    }
    make_sets(&sets[SIZES], &sets[SIZES + 1]);
    cases[SIZES].name = "100 keys, one in use";
    cases[SIZES + 1].name = "100 keys";
    for (size_t i = 0; i < SETS; i++) {
        cases[i].run = run_uncached;
        cases[SETS + i] = (bench_case){.name = cases[i].name, .run = run_hit};
        cases[i].context = cases[SETS + i].context = &sets[i];
    }
    /* Beyond what a key's table waits for, of each of the keys. */
    for (unsigned i = 0; i < 32 * TOKENS; i++) {
        run_uncached(&sets[SIZES + 1], i);
    }
    bench_run(cases, 2 * SETS);
    for (size_t i = 0; i < 2 * SETS; i++) {
        const char *alg = sets[i % SETS].alg, *kind = i < SETS ? "" : ", cached";
        if (as_json) {
            printf("{\"algorithm\": \"%s\", \"case\": \"fastbearer\", \"kind\": \"%s%s\", \"ns\": %.1f}\n", alg,
                   cases[i].name, kind, cases[i].median);
        } else {
            printf("%-6s %-22s%-9s %9.0f ns  +-%4.1f %%\n", alg, cases[i].name, kind, cases[i].median,
                   100 * cases[i].spread / cases[i].median);
        }
    }
    for (size_t i = 0; i < SETS; i++) {
        clear(&sets[i]);
    }
    fb_keypair_free(pair);
    return 0;
}
