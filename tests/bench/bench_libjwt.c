/*
 * libjwt on the same tokens, as its users call it: the key's PEM on every call, which is the only form it takes, and
 * the claims compared by hand, which it leaves to them. bench_libjwt --json ROUNDS
 */
#include "bench.h"
#include "subject.h"

#include <jwt.h>

struct contender {
    struct subject subject;
    fb_slice key;
    char *tokens[TOKENS];
};

static void run_libjwt(void *context, unsigned iteration)
{
    struct contender *c = context;
    jwt_t *jwt = NULL;
    require(jwt_decode(&jwt, c->tokens[iteration % TOKENS], (const unsigned char *)c->key.data, (int)c->key.size) == 0,
            "jwt_decode");
    require(jwt_get_alg(jwt) == jwt_str_alg(c->subject.alg), "alg");
    const char *issuer = jwt_get_grant(jwt, "iss");
    require(issuer != NULL && strcmp(issuer, "https://issuer.example") == 0, "iss");
    char *audience = jwt_get_grants_json(jwt, "aud");
    require(audience != NULL && strstr(audience, "\"https://api.example/mcp\"") != NULL, "aud");
    free(audience);
    require(jwt_get_grant_int(jwt, "exp") > 1800000001, "exp");
    jwt_free(jwt);
}

int main(int argc, char **argv)
{
    static const char *const algs[] = {"RS256", "ES256", "EdDSA", "HS256"};
    bench_rounds = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
    require(bench_rounds >= 1 && bench_rounds <= BENCH_ROUNDS, "reading the number of rounds");
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        if (jwt_str_alg(algs[i]) == JWT_ALG_INVAL) {
            continue;
        }
        struct contender c;
        subject_make(&c.subject, algs[i]);
        c.key = algs[i][0] == 'H' ? fb_keypair_private_pem(c.subject.pair) : fb_keypair_public_pem(c.subject.pair);
        for (size_t t = 0; t < TOKENS; t++) {
            fb_slice text = c.subject.tokens[t].text;
            c.tokens[t] = strndup(text.data, text.size);
        }
        bench_case item = {.name = "libjwt", .run = run_libjwt, .context = &c};
        bench_run(&item, 1);
        printf("{\"algorithm\": \"%s\", \"case\": \"libjwt\", \"version\": \"%s\", \"ns\": %.1f}\n", algs[i],
               LIBJWT_VERSION, item.median);
        for (size_t t = 0; t < TOKENS; t++) {
            free(c.tokens[t]);
        }
        subject_release(&c.subject);
    }
    return 0;
}
