/*
 * Memory: ten million verifications, of tokens that the cache takes in and of some that it answers, and how much more
 * the process occupies after the last than after the first million; and whether the cache kept to its bound of bytes.
 *
 *     bench_memory [MILLIONS]     one line of JSON
 */
#include "subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MILLION = 1000000, NEW_TOKENS = 4096, BOUND = 1 << 20 };

static fb_string *tokens[NEW_TOKENS];

static double resident_kib(void)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    require(file != NULL && fscanf(file, "%lu %lu", &total, &resident) == 2, "reading /proc/self/statm");
    (void)fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static fb_verifier *make_verifier(const fb_keypair *pair)
{
    fb_verifier *verifier = NULL;
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_options options = FB_OPTIONS_INIT;
    const fb_slice hs256 = fb_text("HS256");
    issuer.secret = fb_keypair_private_pem(pair);
    issuer.algorithms = (fb_list){&hs256, 1};
    options.issuers = &issuer;
    options.issuer_count = 1;
    options.cache_size = NEW_TOKENS;
    options.cache_bytes = BOUND; /* reached before cache_size is */
    require(fb_verifier_new(&verifier, &options, NULL) == FB_OK, "fb_verifier_new");
    return verifier;
}

static void make_tokens(const fb_keypair *pair)
{
    for (unsigned i = 0; i < NEW_TOKENS; i++) {
        char claims[400];
        fb_token_options options = FB_TOKEN_OPTIONS_INIT;
        snprintf(
            claims, sizeof(claims), "{\"scope\":\"tools:read\",\"note\":\"%.*s\",\"jti\":\"%u\"}", (int)(i % 200),
            "a token of another size than the one before it, so that memory is given back in another order than it "
            "was taken, and pieces of it are of all sizes that there are; padding, padding, padding, padding.",
            i);
        options.subject = fb_text("auth0|5f7c8ec7c33c6c004bbafe82");
        options.issuer = fb_text("https://issuer.example");
        options.now = 1800000000;
        options.additional_claims = fb_text(claims);
        require(fb_keypair_create_token(pair, &options, &tokens[i], NULL) == FB_OK, "fb_keypair_create_token");
    }
}

int main(int argc, char **argv)
{
    const unsigned long millions = argc == 2 ? strtoul(argv[1], NULL, 10) : 10;
    fb_keypair *pair = NULL;
    double after_first = 0;
    uint64_t most = 0;
    require(millions >= 2 && millions <= 1000, "reading the number of millions");
    require(fb_keypair_generate(&pair, fb_text("HS256"), 0, NULL, NULL) == FB_OK, "fb_keypair_generate");
    make_tokens(pair);
    fb_verifier *verifier = make_verifier(pair);
    for (unsigned long i = 0; i < millions * MILLION; i++) {
        const fb_slice token = fb_string_text(tokens[i % NEW_TOKENS]);
        fb_result *result;
        fb_error error;
        error.size = sizeof(error);
        require(fb_verify(verifier, token.data, token.size, (fb_clock){1800000001, 1}, &result, &error) == FB_OK,
                "fb_verify");
        fb_result_free(result);
        if (i % MILLION == MILLION - 1) {
            fb_stats stats = FB_STATS_INIT;
            require(fb_verifier_stats(verifier, 1, &stats, NULL) == FB_OK, "fb_verifier_stats");
            most = stats.cache_bytes > most ? stats.cache_bytes : most;
            after_first = i < MILLION ? resident_kib() : after_first;
        }
    }
    printf("{\"millions\": %lu, \"grown_kib\": %.0f, \"resident_kib\": %.0f, \"cache_bytes\": %llu, \"bound\": %d}\n",
           millions, resident_kib() - after_first, resident_kib(), (unsigned long long)most, BOUND);
    fb_verifier_free(verifier);
    for (unsigned i = 0; i < NEW_TOKENS; i++) {
        fb_string_free(tokens[i]);
    }
    fb_keypair_free(pair);
    return 0;
}
