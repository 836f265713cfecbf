/*
 * What it costs to have several issuers: whole verifications, and hits of the cache, with 1, 10 and 1000 of them and
 * with 1000 that were added while the verifier is in use. Tokens are of as many issuers as there are, 64 at most.
 * HS256, whose signature costs least, so that little hides the rest.
 *
 *     bench_issuers                 a table, median of 15 rounds
 *     bench_issuers --json ROUNDS   the same, one line of JSON a case
 */
#include "bench.h"
#include "subject.h"

enum { MANY = 1000 };

static char texts[MANY][48];
static fb_slice identifiers[MANY];
static fb_issuer issuers[MANY];
static fb_keypair *pair;

struct several {
    fb_verifier *plain, *cached;
    fb_slice tokens[TOKENS];
    fb_string *strings[TOKENS];
};

static void make_issuers(void)
{
    static const fb_slice hs256 = {"HS256", 5};
    for (size_t i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof(texts[i]), "https://issuer-%03zu.example/tenants/production", i);
        identifiers[i] = fb_text(texts[i]);
        issuers[i] = (fb_issuer)FB_ISSUER_INIT;
        issuers[i].identifiers = (fb_list){&identifiers[i], 1};
        issuers[i].secret = fb_keypair_private_pem(pair);
        issuers[i].algorithms = (fb_list){&hs256, 1};
    }
}

static fb_verifier *make_verifier(size_t count, bool added, size_t cache_size)
{
    fb_verifier *verifier = NULL;
    fb_options options = FB_OPTIONS_INIT;
    options.cache_size = cache_size;
    options.resolves_issuers = added;
    options.issuers = issuers;
    options.issuer_count = added ? 0 : count;
    require(fb_verifier_new(&verifier, &options, NULL) == FB_OK, "fb_verifier_new");
    for (size_t i = 0; added && i < count; i++) {
        require(fb_verifier_add_issuer(verifier, &issuers[i], NULL) == FB_OK, "fb_verifier_add_issuer");
    }
    return verifier;
}

static void make(struct several *s, size_t count, bool added)
{
    s->plain = make_verifier(count, added, 0);
    s->cached = make_verifier(count, added, TOKENS * 2);
    for (size_t i = 0; i < TOKENS; i++) {
        char claims[400];
        fb_token_options options = FB_TOKEN_OPTIONS_INIT;
        snprintf(claims, sizeof(claims),
                 "{\"client_id\":\"b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10\",\"scope\":\"openid profile email tools:read "
                 "tools:write\",\"email\":\"someone.with.a.name@customers.example\",\"org_id\":\"org_5fJ2kLmN8pQrStUv\""
                 ",\"sid\":\"0190163d-8694-739b-aea5-966c26f8ad91\",\"jti\":\"%zu\"}",
                 i);
        options.subject = fb_text("auth0|5f7c8ec7c33c6c004bbafe82");
        options.issuer = identifiers[i * 15 % count];
        options.now = 1800000000;
        options.additional_claims = fb_text(claims);
        require(fb_keypair_create_token(pair, &options, &s->strings[i], NULL) == FB_OK, "fb_keypair_create_token");
        s->tokens[i] = fb_string_text(s->strings[i]);
    }
}

static void clear(struct several *s)
{
    fb_verifier_free(s->plain);
    fb_verifier_free(s->cached);
    for (size_t i = 0; i < TOKENS; i++) {
        fb_string_free(s->strings[i]);
    }
}

static void run_several(void *context, unsigned iteration)
{
    const struct several *s = context;
    verify(s->plain, s->tokens[iteration % TOKENS], 1);
}

static void run_several_cached(void *context, unsigned iteration)
{
    const struct several *s = context;
    verify(s->cached, s->tokens[iteration % TOKENS], 1);
}

int main(int argc, char **argv)
{
    const bool as_json = argc == 3 && strcmp(argv[1], "--json") == 0;
    if (as_json) {
        bench_rounds = (unsigned)strtoul(argv[2], NULL, 10);
        require(bench_rounds >= 1 && bench_rounds <= BENCH_ROUNDS, "reading the number of rounds");
    }
    require(fb_keypair_generate(&pair, fb_text("HS256"), 0, NULL, NULL) == FB_OK, "fb_keypair_generate");
    make_issuers();
    static struct several sets[4];
    make(&sets[0], 1, false);
    make(&sets[1], 10, false);
    make(&sets[2], MANY, false);
    make(&sets[3], MANY, true);
    bench_case cases[] = {
        {.name = "1 issuer", .run = run_several, .context = &sets[0]},
        {.name = "10 issuers", .run = run_several, .context = &sets[1]},
        {.name = "1000 issuers", .run = run_several, .context = &sets[2]},
        {.name = "1000 added issuers", .run = run_several, .context = &sets[3]},
        {.name = "1 issuer, cache hit", .run = run_several_cached, .context = &sets[0]},
        {.name = "10 issuers, cache hit", .run = run_several_cached, .context = &sets[1]},
        {.name = "1000 issuers, cache hit", .run = run_several_cached, .context = &sets[2]},
        {.name = "1000 added issuers, cache hit", .run = run_several_cached, .context = &sets[3]},
    };
    enum { CASES = sizeof(cases) / sizeof(cases[0]) };
    bench_run(cases, CASES);
    for (size_t i = 0; i < CASES; i++) {
        const double base = cases[i < CASES / 2 ? 0 : CASES / 2].median;
        if (as_json) {
            printf("{\"algorithm\": \"HS256\", \"case\": \"%s\", \"ns\": %.1f}\n", cases[i].name, cases[i].median);
        } else {
            printf("%-30s %7.0f ns  +-%4.1f %%   %+6.0f ns  %6.3f x\n", cases[i].name, cases[i].median,
                   100 * cases[i].spread / cases[i].median, cases[i].median - base, cases[i].median / base);
        }
    }
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        clear(&sets[i]);
    }
    fb_keypair_free(pair);
    return 0;
}
