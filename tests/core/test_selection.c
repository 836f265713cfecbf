/*
 * The watch over our arithmetic, with arithmetic that does what each test wants: it stands in for the real one, which
 * the linker then leaves in the library. What a process knows of it it knows for good, so each test is a process.
 */
#include "child.h"
#include "setup.h"
#include "signature/selection.h"
#include "verify/verify.h"

static const double NOW = 1800000000.0;
enum { THRESHOLD = 3, TOKENS = 20 };

/* ---- arithmetic under control -------------------------------------------------------------------- */

static struct {
    bool supported, builds;
    fb__self_test self_test;
    size_t table_size, fills;
    bool verdict;
    atomic_int prepared, built, verified;
    void (*in_prepare)(void);
} script = {.supported = true, .builds = true, .table_size = 1000, .fills = 1000, .verdict = true};

static bool supported(void)
{
    return script.supported;
}

static fb__self_test prepare(const fb_mem *mem)
{
    CHECK(mem != NULL);
    atomic_fetch_add(&script.prepared, 1);
    if (script.in_prepare != NULL) {
        script.in_prepare();
    }
    return script.self_test;
}

static size_t table_of_ec(const fb__key *key)
{
    return key->kty == FB__KTY_EC && key->curve == FB__CURVE_P256 ? script.table_size : 0;
}

static size_t no_table(const fb__key *key)
{
    (void)key;
    return 0;
}

static bool build(void *table, const fb__key *key)
{
    CHECK((uintptr_t)table % FB__TABLE_ALIGNMENT == 0 && key->pkey != NULL);
    memset(table, 0x5a, script.fills);
    atomic_fetch_add(&script.built, 1);
    return script.builds;
}

static bool verify(const void *table, const unsigned char *digest, const unsigned char *signature)
{
    CHECK(((const unsigned char *)table)[0] == 0x5a && digest != NULL && signature != NULL);
    atomic_fetch_add(&script.verified, 1);
    return script.verdict;
}

const fb__arithmetic fb__arithmetic_rsa = {"rsa-ifma", 1, supported, prepare, no_table, build, verify, NULL};
const fb__arithmetic fb__arithmetic_ed25519 = {"ed25519-tables", 1, supported, prepare, no_table, build, verify, NULL};
const fb__arithmetic fb__arithmetic_p256 = {"p256-tables", THRESHOLD, supported, prepare,
                                            table_of_ec,   build,     verify,    NULL};

/* ---- one key pair, good and bad tokens ------------------------------------------------------ */

static fb_keypair *pair;
static fb_string *good[TOKENS];
static char bad[TOKENS][1024];

static void make_tokens(void)
{
    CHECK(fb_keypair_generate(&pair, fb_text("ES256"), 0, NULL, NULL) == FB_OK);
    for (int i = 0; i < TOKENS; i++) {
        fb_token_options options = FB_TOKEN_OPTIONS_INIT;
        options.now = NOW;
        CHECK(fb_keypair_create_token(pair, &options, &good[i], NULL) == FB_OK);
        fb_slice text = fb_string_text(good[i]);
        snprintf(bad[i], sizeof(bad[i]), "%.*s", (int)text.size, text.data);
        char *last = strrchr(bad[i], '.') + 5;
        *last = *last == 'A' ? 'B' : 'A';
    }
}

static fb_verifier *make_verifier(const char *arithmetic)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    options.issuer.public_key = fb_keypair_public_pem(pair);
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    options.policy.arithmetic = fb_text(arithmetic);
    options.policy.cache_size = 0;
    CHECK(setup_verifier(&verifier, &options, NULL) == FB_OK);
    return verifier;
}

static fb_status check(const fb_verifier *verifier, fb_slice token)
{
    fb_result *result = NULL;
    fb_status status = fb_verify(verifier, token.data, token.size, (fb_clock){NOW, 0.0}, &result, NULL);
    fb_result_free(result);
    return status;
}

static void check_good(const fb_verifier *verifier, int count)
{
    for (int i = 0; i < count; i++) {
        CHECK(check(verifier, fb_string_text(good[i % TOKENS])) == FB_OK);
    }
}

static bool served_by(const fb_verifier *verifier, const char *name, bool table)
{
    fb_keys *keys = NULL;
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_keys(verifier, fb_clock_now(), &keys, NULL) == FB_OK);
    const fb_key_info *info = fb_keys_at(keys, 0);
    bool is = fb__slice_equal(info->arithmetic, fb_text(name)) && (info->table_bytes >= script.table_size) == table;
    fb_keys_free(keys);
    CHECK(fb_verifier_stats(verifier, 0.0, &stats, NULL) == FB_OK);
    return is && (stats.table_bytes >= script.table_size) == table;
}

/* ---- when a table is built ------------------------------------------------------------------ */

TEST(a_table_comes_with_enough_valid_tokens)
{
    fb_verifier *verifier = make_verifier(NULL);
    for (int i = 0; i < TOKENS; i++) {
        CHECK(check(verifier, fb_text(bad[i])) == FB_SIGNATURE_INVALID);
    }
    check_good(verifier, THRESHOLD - 1);
    CHECK(script.prepared == 0 && script.built == 0 && served_by(verifier, "openssl", false));
    check_good(verifier, 1);
    CHECK(script.prepared == 1 && script.built == 1 && script.verified == 0);
    CHECK(served_by(verifier, "p256-tables", true));
    check_good(verifier, TOKENS);
    CHECK(script.prepared == 1 && script.built == 1 && script.verified == TOKENS);
    CHECK(fb_arithmetic_problem() == NULL);
    fb_verifier_free(verifier);
}

TEST(the_option_openssl_keeps_it_away)
{
    fb_verifier *verifier = make_verifier("openssl"), *other = make_verifier("auto");
    check_good(verifier, TOKENS);
    CHECK(script.built == 0 && script.prepared == 0 && served_by(verifier, "openssl", false));
    check_good(other, TOKENS);
    CHECK(script.built == 1 && served_by(other, "p256-tables", true));
    fb_verifier_free(verifier);
    fb_verifier_free(other);
    struct setup options = SETUP_INIT;
    fb_error error = FB_ERROR_INIT;
    options.issuer.public_key = fb_keypair_public_pem(pair);
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    options.policy.arithmetic = fb_text("fast");
    CHECK(setup_verifier(&verifier, &options, &error) == FB_CONFIGURATION_INVALID);
    CHECK(strstr(error.text, "arithmetic") != NULL && verifier == NULL);
}

TEST(a_processor_that_cannot_is_no_problem)
{
    script.supported = false;
    fb_verifier *verifier = make_verifier(NULL);
    check_good(verifier, TOKENS);
    CHECK(script.prepared == 0 && script.built == 0 && served_by(verifier, "openssl", false));
    CHECK(fb_arithmetic_problem() == NULL);
    fb_verifier_free(verifier);
}

/* What is missing may be memory: it is tried again when as many tokens have come once more. */
TEST(what_cannot_be_built_stays_with_openssl)
{
    script.builds = false;
    fb_verifier *verifier = make_verifier(NULL);
    check_good(verifier, 3 * THRESHOLD - 1);
    CHECK(script.built == 2 && script.verified == 0 && served_by(verifier, "openssl", false));
    script.builds = true;
    check_good(verifier, 2);
    CHECK(script.built == 3 && script.verified == 1 && served_by(verifier, "p256-tables", true));
    fb_verifier_free(verifier);
}

/* The size of a table is asked for once, when the key is imported: a later answer can be smaller than what is built. */
TEST(the_size_of_a_table_is_settled_with_the_key)
{
    fb_verifier *verifier = make_verifier(NULL);
    const size_t settled = script.table_size;
    script.table_size = 0;
    check_good(verifier, TOKENS);
    script.table_size = settled;
    CHECK(script.built == 1 && served_by(verifier, "p256-tables", true));
    fb_verifier_free(verifier);
}

TEST(tables_are_bounded_for_the_set)
{
    static const char *const kids[] = {"a", "b", "c"};
    char document[4096] = "{\"keys\":[";
    script.table_size = FB__MAX_TABLE_BYTES * 2 / 5;
    fb_string *tokens[3] = {NULL};
    for (int i = 0; i < 3; i++) {
        fb_keypair *one = NULL;
        fb_string *set = NULL;
        fb_token_options options = FB_TOKEN_OPTIONS_INIT;
        options.now = NOW;
        options.kid = fb_text(kids[i]);
        CHECK(fb_keypair_generate(&one, fb_text("ES256"), 0, NULL, NULL) == FB_OK);
        CHECK(fb_keypair_create_token(one, &options, &tokens[i], NULL) == FB_OK);
        CHECK(fb_keypair_jwks(one, fb_text(kids[i]), &set, NULL) == FB_OK);
        fb_slice text = fb_string_text(set);
        snprintf(strchr(document, '\0'), 1024, "%s%.*s", i == 0 ? "" : ",", (int)text.size - 11, text.data + 9);
        fb_string_free(set);
        fb_keypair_free(one);
    }
    snprintf(strchr(document, '\0'), 8, "]}");
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    options.issuer.jwks = fb_text(document);
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    options.policy.cache_size = 0;
    CHECK(setup_verifier(&verifier, &options, NULL) == FB_OK);
    for (int i = 0; i < 3 * TOKENS; i++) {
        CHECK(check(verifier, fb_string_text(tokens[i % 3])) == FB_OK);
    }
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, 0.0, &stats, NULL) == FB_OK);
    CHECK(script.built == 2 && stats.table_bytes >= 2 * script.table_size && stats.table_bytes <= FB__MAX_TABLE_BYTES);
    fb_verifier_free(verifier);
    for (int i = 0; i < 3; i++) {
        fb_string_free(tokens[i]);
    }
}

enum { ISSUERS = 20, FIT = FB__TABLE_BUDGET / FB__MAX_TABLE_BYTES };

/* The one key under so many identifiers: a key set each, of which each fills what a set may have. */
static void make_issuers(fb_issuer issuers[ISSUERS], fb_string *tokens[ISSUERS])
{
    static const fb_slice es256 = {"ES256", 5};
    static char texts[ISSUERS][40];
    static fb_slice identifiers[ISSUERS];
    for (int i = 0; i < ISSUERS; i++) {
        fb_token_options options = FB_TOKEN_OPTIONS_INIT;
        snprintf(texts[i], sizeof(texts[i]), "https://%d.example", i);
        identifiers[i] = fb_text(texts[i]);
        issuers[i] = (fb_issuer)FB_ISSUER_INIT;
        issuers[i].identifiers = (fb_list){&identifiers[i], 1};
        issuers[i].public_key = fb_keypair_public_pem(pair);
        issuers[i].algorithms = (fb_list){&es256, 1};
        options.issuer = identifiers[i];
        options.now = NOW;
        CHECK(fb_keypair_create_token(pair, &options, &tokens[i], NULL) == FB_OK);
    }
    script.table_size = FB__MAX_TABLE_BYTES - FB__TABLE_ALIGNMENT;
}

static void use_key(const fb_verifier *verifier, const fb_string *token)
{
    for (int i = 0; i < TOKENS; i++) {
        CHECK(check(verifier, fb_string_text(token)) == FB_OK);
    }
}

static void publish(const fb_verifier *verifier, uint64_t issuer)
{
    fb_string *document = NULL;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    CHECK(fb_keypair_jwks(pair, (fb_slice){NULL, 0}, &document, NULL) == FB_OK);
    CHECK(fb_verifier_refresh_begin(verifier, issuer, 0.0, FB_REFRESH_EXPLICIT, 0, &fetch, NULL) == FB_OK);
    fetched.http_status = 200;
    fetched.body = fb_string_text(document);
    CHECK(fb_verifier_refresh_complete(verifier, issuer, fetch.ticket, 0.0, &fetched, NULL, NULL) == FB_OK);
    fb_string_free(document);
}

TEST(tables_are_bounded_for_all_issuers_of_a_verifier)
{
    fb_issuer issuers[ISSUERS];
    fb_string *tokens[ISSUERS];
    fb_options options = FB_OPTIONS_INIT;
    fb_verifier *verifier = NULL;
    fb_stats stats = FB_STATS_INIT;
    make_issuers(issuers, tokens);
    options.cache_size = 0;
    options.issuers = issuers;
    options.issuer_count = ISSUERS;
    for (int i = 1; i < ISSUERS; i += 2) { /* every other one's keys are fetched */
        issuers[i].public_key = (fb_slice){NULL, 0};
        issuers[i].jwks_uri = fb_text("https://keys.example/jwks");
    }
    CHECK(fb_verifier_new(&verifier, &options, NULL) == FB_OK);
    for (int i = 0; i < ISSUERS; i++) {
        if (i % 2 == 1) {
            publish(verifier, (uint64_t)i + 1);
        }
        use_key(verifier, tokens[i]);
    }
    CHECK(fb_verifier_stats(verifier, 0.0, &stats, NULL) == FB_OK);
    CHECK(script.built == FIT && stats.table_bytes == FB__TABLE_BUDGET);
    fb_verifier_free(verifier);
    for (int i = 0; i < ISSUERS; i++) {
        fb_string_free(tokens[i]);
    }
}

/* How many tables are built by issuers that are added one after the other. */
static int built_by_added(size_t max_issuers)
{
    fb_issuer issuers[ISSUERS];
    fb_string *tokens[ISSUERS];
    fb_options options = FB_OPTIONS_INIT;
    fb_verifier *verifier = NULL;
    make_issuers(issuers, tokens);
    options.cache_size = 0;
    options.resolves_issuers = true;
    options.max_issuers = max_issuers;
    CHECK(fb_verifier_new(&verifier, &options, NULL) == FB_OK);
    for (int i = 0; i < ISSUERS; i++) {
        CHECK(fb_verifier_add_issuer(verifier, &issuers[i], NULL) == FB_OK);
        use_key(verifier, tokens[i]);
        fb_string_free(tokens[i]);
    }
    fb_verifier_free(verifier);
    return script.built;
}

TEST(tables_are_bounded_for_added_issuers)
{
    CHECK(built_by_added(ISSUERS) == FIT);
}

TEST(issuers_that_go_give_the_room_of_their_tables_back)
{
    CHECK(built_by_added(2) == ISSUERS);
}

/* ---- trust ---------------------------------------------------------------------------------- */

TEST(wrong_known_answers_keep_arithmetic_out)
{
    script.self_test = FB__SELF_TEST_WRONG;
    fb_verifier *verifier = make_verifier(NULL), *other = make_verifier(NULL);
    check_good(verifier, TOKENS);
    check_good(other, TOKENS);
    CHECK(script.prepared == 1 && script.built == 0 && script.verified == 0);
    CHECK(fb_arithmetic_problem() != NULL && strstr(fb_arithmetic_problem(), "ES256 failed its self-test") != NULL);
    fb_verifier_free(verifier);
    fb_verifier_free(other);
}

TEST(however_long_memory_is_short_none_is_kept_out)
{
    script.self_test = FB__SELF_TEST_NO_MEMORY;
    fb_verifier *verifier = make_verifier(NULL);
    check_good(verifier, 100 * THRESHOLD);
    CHECK(script.prepared == 100 && script.built == 0 && fb_arithmetic_problem() == NULL);
    script.self_test = FB__SELF_TEST_RIGHT;
    check_good(verifier, THRESHOLD);
    CHECK(script.prepared == 101 && script.built == 1 && fb_arithmetic_problem() == NULL);
    CHECK(served_by(verifier, "p256-tables", true));
    fb_verifier_free(verifier);
}

/* Arithmetic that says the same whatever it is given: found out with the first token, and OpenSSL's verdict stands. */
static void find_the_liar(bool lie, fb_slice token, fb_status truth)
{
    fb_verifier *verifier = make_verifier(NULL), *other = make_verifier(NULL);
    script.verdict = lie;
    check_good(verifier, THRESHOLD);
    CHECK(fb_arithmetic_problem() == NULL && check(verifier, token) == truth && script.verified == 1);
    CHECK(fb_arithmetic_problem() != NULL && strstr(fb_arithmetic_problem(), "ES256 contradicted OpenSSL") != NULL);
    check_good(verifier, TOKENS);
    check_good(other, TOKENS);
    CHECK(check(verifier, fb_text(bad[1])) == FB_SIGNATURE_INVALID);
    CHECK(script.verified == 1 && served_by(other, "openssl", false));
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(other, 0.0, &stats, NULL) == FB_OK);
    CHECK(stats.arithmetic_checks == 1 && stats.arithmetic_disagreements == 1);
    fb_keys *keys = NULL;
    CHECK(fb_verifier_keys(verifier, fb_clock_now(), &keys, NULL) == FB_OK);
    CHECK(fb__slice_equal(fb_keys_at(keys, 0)->arithmetic, fb_text("openssl")));
    fb_keys_free(keys);
    fb_verifier_free(verifier);
    fb_verifier_free(other);
}

TEST(what_accepts_what_openssl_refuses_is_found_out)
{
    find_the_liar(true, fb_text(bad[0]), FB_SIGNATURE_INVALID);
}

TEST(what_refuses_what_openssl_accepts_is_found_out)
{
    find_the_liar(false, fb_string_text(good[0]), FB_OK);
}

/* It accepts good tokens and bad ones, the first of all was a good one. Some bad ones get in before it is found out:
 * on average FB__CHECK_INTERVAL, hardly ever 32 times that. */
static int forgeries_until_found_out(const fb_verifier *verifier)
{
    int tries = 0;
    check_good(verifier, THRESHOLD + 1);
    while (tries < 32 * FB__CHECK_INTERVAL && check(verifier, fb_text(bad[tries % TOKENS])) == FB_OK) {
        CHECK(fb_arithmetic_problem() == NULL);
        tries++;
    }
    CHECK(fb_arithmetic_problem() != NULL);
    return tries;
}

TEST(what_lies_later_is_found_out_later)
{
    fb_verifier *verifier = make_verifier(NULL);
    CHECK(forgeries_until_found_out(verifier) < 32 * FB__CHECK_INTERVAL);
    check_good(verifier, TOKENS);
    CHECK(check(verifier, fb_text(bad[0])) == FB_SIGNATURE_INVALID);
    fb_verifier_free(verifier);
}

/* Six standard deviations around what independent draws give: how many there are, and how many come soon. */
TEST(which_verifications_are_done_twice_is_random)
{
    enum { ROUNDS = 400 };
    fb__tables tables = {.mem = &fb__mem_default};
    fb__verification_key key = {.key = {.kty = FB__KTY_EC, .curve = FB__CURVE_P256, .algs = 1}};
    fb__verification_key_init(&key, &tables);
    int checks = 0, soon = 0, last = -1;
    CHECK(fb__selection_check_due(&key));
    for (int use = 0; use < ROUNDS * FB__CHECK_INTERVAL; use++) {
        if (fb__selection_check_due(&key)) {
            checks++;
            soon += use - last <= FB__CHECK_INTERVAL / 4;
            last = use;
        }
    }
    CHECK(checks > ROUNDS - 120 && checks < ROUNDS + 120);
    CHECK(soon > checks / 11 && soon < checks * 4 / 11); /* of 22 in a hundred */
}

TEST(what_is_honest_is_checked_and_stays)
{
    fb_verifier *verifier = make_verifier(NULL);
    check_good(verifier, 32 * FB__CHECK_INTERVAL);
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, 0.0, &stats, NULL) == FB_OK);
    CHECK(stats.arithmetic_checks >= 2 && stats.arithmetic_disagreements == 0 && fb_arithmetic_problem() == NULL);
    fb_verifier_free(verifier);
}

/* ---- verified tokens after a disagreement --------------------------------------------------- */

static uint64_t cache_hits(const fb_verifier *verifier)
{
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, 0.0, &stats, NULL) == FB_OK);
    return stats.cache_hits;
}

TEST(a_disagreement_ends_what_was_verified_before)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifiers[2] = {NULL}, *uncached = make_verifier(NULL);
    options.issuer.public_key = fb_keypair_public_pem(pair);
    options.issuer.algorithms = FB_LIST(fb_text("ES256"));
    for (int i = 0; i < 2; i++) {
        CHECK(setup_verifier(&verifiers[i], &options, NULL) == FB_OK);
        check_good(verifiers[i], TOKENS);
        check_good(verifiers[i], TOKENS);
        CHECK(cache_hits(verifiers[i]) == TOKENS);
    }
    CHECK(check(verifiers[0], fb_text(bad[0])) == FB_OK); /* a forgery that got in, and stays */
    CHECK(check(verifiers[0], fb_text(bad[0])) == FB_OK && cache_hits(verifiers[0]) == TOKENS + 1);
    CHECK(forgeries_until_found_out(uncached) < 32 * FB__CHECK_INTERVAL);
    CHECK(check(verifiers[0], fb_text(bad[0])) == FB_SIGNATURE_INVALID);
    for (int i = 0; i < 2; i++) {
        const uint64_t before = cache_hits(verifiers[i]);
        check_good(verifiers[i], TOKENS);
        CHECK(cache_hits(verifiers[i]) == before);
        check_good(verifiers[i], TOKENS);
        CHECK(cache_hits(verifiers[i]) == before + TOKENS);
        fb_verifier_free(verifiers[i]);
    }
    fb_verifier_free(uncached);
}

/* ---- threads and forks ---------------------------------------------------------------------- */

static fb_verifier *shared;

static void *hammer(void *unused)
{
    check_good(shared, 50 * TOKENS);
    return unused;
}

TEST(threads_build_one_table)
{
    pthread_t threads[8];
    shared = make_verifier(NULL);
    for (size_t i = 0; i < 8; i++) {
        CHECK(pthread_create(&threads[i], NULL, hammer, NULL) == 0);
    }
    for (size_t i = 0; i < 8; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(script.prepared == 1 && script.built == 1 && script.verified > 0);
    fb_verifier_free(shared);
}

static int forked = -1;

static void fork_now(void)
{
    int *verdict = child_verdict; /* the grandchild's is its own */
    child_verdict = NULL;
    script.in_prepare = NULL;
    pid_t child = child_start();
    if (child == 0) {
        /* Another verifier: the table of the parent's key was to be built by a thread that is not here. */
        fb_verifier *verifier = make_verifier(NULL);
        check_good(verifier, TOKENS);
        bool served = served_by(verifier, "p256-tables", true);
        fb_verifier_free(verifier);
        child_end(served && script.prepared == 2 && test_failures == 0 ? 0 : 1);
    }
    forked = child_wait(child);
    child_verdict = verdict;
}

TEST(a_child_prepares_what_its_parent_had_begun)
{
    script.in_prepare = fork_now;
    fb_verifier *verifier = make_verifier(NULL);
    check_good(verifier, TOKENS);
    CHECK(forked == 0 && script.prepared == 1 && served_by(verifier, "p256-tables", true));
    fb_verifier_free(verifier);
}

static void alone(const char *name, void (*test)(void))
{
    pid_t child = child_start();
    if (child == 0) {
        test();
        child_end(test_failures);
    }
    if (child_wait(child) != 0) {
        FAIL("%s", name);
    }
    test_count++;
    test_checks++;
}
#define ALONE(name) alone(#name, name)

int main(void)
{
    make_tokens();
    ALONE(a_table_comes_with_enough_valid_tokens);
    ALONE(the_option_openssl_keeps_it_away);
    ALONE(a_processor_that_cannot_is_no_problem);
    ALONE(what_cannot_be_built_stays_with_openssl);
    ALONE(the_size_of_a_table_is_settled_with_the_key);
    ALONE(tables_are_bounded_for_the_set);
    ALONE(tables_are_bounded_for_all_issuers_of_a_verifier);
    ALONE(tables_are_bounded_for_added_issuers);
    ALONE(issuers_that_go_give_the_room_of_their_tables_back);
    ALONE(wrong_known_answers_keep_arithmetic_out);
    ALONE(however_long_memory_is_short_none_is_kept_out);
    ALONE(what_accepts_what_openssl_refuses_is_found_out);
    ALONE(what_refuses_what_openssl_accepts_is_found_out);
    ALONE(what_lies_later_is_found_out_later);
    ALONE(which_verifications_are_done_twice_is_random);
    ALONE(what_is_honest_is_checked_and_stays);
    ALONE(a_disagreement_ends_what_was_verified_before);
    ALONE(threads_build_one_table);
    ALONE(a_child_prepares_what_its_parent_had_begun);
    for (size_t i = 0; i < TOKENS; i++) {
        fb_string_free(good[i]);
    }
    fb_keypair_free(pair);
    return TEST_RESULT();
}
