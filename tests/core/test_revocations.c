/* Revoked tokens and subjects: by exact names, until their time, never forgotten silently, and seen by every thread and
 * every verifier at once. */
#include "revoking.h"

#include <math.h>
#include <pthread.h>

static const fb_slice absent = {NULL, 0};

/* ---- names ----------------------------------------------------------------------------------- */

TEST(a_token_is_revoked_by_iss_and_jti)
{
    fb_revocations *set = make(100);
    CHECK(ask_at(set, T1, NOW, NULL) == FB_OK);
    CHECK(add(set, ISS, "t1", NOW + 60.0) == FB_OK);
    CHECK(ask_at(set, T1, NOW, "jti") == FB_TOKEN_REVOKED);
    CHECK(ask_at(set, T2, NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"https://issuer.example/\",\"jti\":\"t1\"}", NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"jti\":\"t1\"}", NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"\",\"jti\":\"t1\"}", NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"https://issuer.example\",\"sub\":\"t1\"}", NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"https://issuer.example\",\"jti\":\"t1 \"}", NOW, NULL) == FB_OK);
    /* However it is written. */
    CHECK(ask_at(set, "{\"iss\":\"https:\\/\\/issuer.example\",\"jti\":\"\\u00741\"}", NOW, "jti") == FB_TOKEN_REVOKED);
    CHECK(info_of(set).tokens == 1 && info_of(set).subjects == 0 && info_of(set).hits == 2);
    fb_revocations_free(set);
    fb_revocations_free(NULL);
}

TEST(no_iss_is_a_name_too)
{
    fb_revocations *set = make(100);
    CHECK(fb_revocations_add(set, absent, fb_text("t1"), NOW + 60.0, NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"jti\":\"t1\"}", NOW, "jti") == FB_TOKEN_REVOKED);
    CHECK(ask_at(set, "{\"iss\":\"\",\"jti\":\"t1\"}", NOW, NULL) == FB_OK);
    CHECK(fb_revocations_add(set, fb_text(""), fb_text(""), NOW + 60.0, NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"\",\"jti\":\"\"}", NOW, "jti") == FB_TOKEN_REVOKED);
    fb_revocations_free(set);
}

TEST(a_jti_that_is_no_string_is_none)
{
    fb_revocations *set = make(100);
    CHECK(add(set, ISS, "7", NOW + 60.0) == FB_OK && add(set, ISS, "", NOW + 60.0) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"https://issuer.example\",\"jti\":7}", NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"https://issuer.example\",\"jti\":[\"7\"]}", NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"https://issuer.example\"}", NOW, NULL) == FB_OK);
    CHECK(add_subject(set, ISS, "alice", NOW, NOW + 60.0) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"https://issuer.example\",\"jti\":7,\"sub\":\"alice\"}", NOW, "sub") ==
          FB_TOKEN_REVOKED);
    fb_revocations_free(set);
}

TEST(a_subject_is_revoked_up_to_a_time)
{
    fb_revocations *set = make(100);
    const char *const early = "{\"iss\":\"https://issuer.example\",\"sub\":\"alice\",\"iat\":1799999949}";
    const char *const at = "{\"iss\":\"https://issuer.example\",\"sub\":\"alice\",\"iat\":1799999950}";
    const char *const late = "{\"iss\":\"https://issuer.example\",\"sub\":\"alice\",\"iat\":1799999950.5}";
    CHECK(add_subject(set, ISS, "alice", NOW - 50.0, NOW + 60.0) == FB_OK);
    CHECK(ask_at(set, early, NOW, "sub") == FB_TOKEN_REVOKED && ask_at(set, at, NOW, "sub") == FB_TOKEN_REVOKED);
    CHECK(ask_at(set, late, NOW, NULL) == FB_OK);
    /* It does not say when it was issued. */
    CHECK(ask_at(set, "{\"iss\":\"https://issuer.example\",\"sub\":\"alice\"}", NOW, "sub") == FB_TOKEN_REVOKED);
    CHECK(ask_at(set, "{\"iss\":\"https://issuer.example\",\"sub\":\"bob\"}", NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"https://other.example\",\"sub\":\"alice\"}", NOW, NULL) == FB_OK);
    CHECK(ask_at(set, "{\"iss\":\"https://issuer.example\",\"jti\":\"alice\"}", NOW, NULL) == FB_OK);
    CHECK(add_subject(set, ISS, "alice", NOW - 80.0, NOW + 30.0) == FB_OK); /* the later of both times each */
    CHECK(ask_at(set, at, NOW + 59.0, "sub") == FB_TOKEN_REVOKED);
    CHECK(add_subject(set, ISS, "alice", NOW, NOW + 30.0) == FB_OK);
    CHECK(ask_at(set, late, NOW + 59.0, "sub") == FB_TOKEN_REVOKED);
    CHECK(info_of(set).subjects == 1);
    fb_revocations_free(set);
}

static fb_status look_up(fb_revocations *set, const char *jti, const char *subject, double issued_at)
{
    fb_error error = FB_ERROR_INIT;
    const fb_slice no_jti = jti == NULL ? absent : fb_text(jti), no_sub = subject == NULL ? absent : fb_text(subject);
    const fb_status status = fb_revocations_look_up(set, fb_text(ISS), no_jti, no_sub, issued_at, NOW, &error);
    CHECK(status != FB_TOKEN_REVOKED || error.claim.data != NULL);
    return status;
}

TEST(a_token_is_looked_up_by_its_names)
{
    fb_revocations *set = make(100);
    const double none = (double)NAN;
    CHECK(look_up(set, "t1", "alice", NOW) == FB_OK);
    CHECK(add(set, ISS, "t1", NOW + 60.0) == FB_OK && add_subject(set, ISS, "alice", NOW - 50.0, NOW + 60.0) == FB_OK);
    CHECK(look_up(set, "t1", NULL, NOW) == FB_TOKEN_REVOKED && look_up(set, "t2", NULL, NOW) == FB_OK);
    CHECK(look_up(set, NULL, "t1", none) == FB_OK && look_up(set, "alice", NULL, none) == FB_OK);
    CHECK(look_up(set, "t2", "alice", NOW - 50.0) == FB_TOKEN_REVOKED && look_up(set, "t2", "alice", NOW) == FB_OK);
    CHECK(look_up(set, NULL, "alice", none) == FB_TOKEN_REVOKED && look_up(set, NULL, "bob", none) == FB_OK);
    CHECK(look_up(set, NULL, NULL, none) == FB_OK);
    CHECK(fb_revocations_look_up(set, absent, fb_text("t1"), fb_text("alice"), none, NOW, NULL) == FB_OK);
    CHECK(fb_revocations_look_up(set, fb_text(ISS), fb_text("t1"), absent, none, NOW + 60.0, NULL) == FB_OK);
    fb_error error = FB_ERROR_INIT;
    CHECK(fb_revocations_look_up(set, absent, fb_text("t1"), absent, none, none, &error) == FB_CONFIGURATION_INVALID &&
          strstr(error.text, "unix_seconds"));
    CHECK(info_of(set).hits == 3);
    fb_revocations_free(set);
}

TEST(a_long_jti_with_escapes_is_found)
{
    enum { LENGTH = 2000 };
    static char payload[3 * LENGTH], jti[LENGTH + 8];
    fb_revocations *set = make(100);
    memset(jti, 'x', LENGTH);
    snprintf(payload, sizeof(payload), "{\"iss\":\"https://issuer.example\",\"jti\":\"%s\\u0041\"}", jti);
    jti[LENGTH] = 'A';
    CHECK(add(set, ISS, jti, NOW + 60.0) == FB_OK);
    CHECK(ask_at(set, payload, NOW, "jti") == FB_TOKEN_REVOKED);
    fb_result *result = result_of(payload);
    failing_start(0, false);
    CHECK(fb_revocations_check(set, result, NOW, NULL) == FB_OUT_OF_MEMORY); /* and not: it is good */
    CHECK(failing_stop());
    CHECK(fb_revocations_check(set, result, NOW, NULL) == FB_TOKEN_REVOKED);
    fb_result_free(result);
    fb_revocations_free(set);
    CHECK(failing.balance == 0);
}

/* ---- times ----------------------------------------------------------------------------------- */

TEST(until_its_time)
{
    fb_revocations *set = make(100);
    CHECK(add(set, ISS, "t1", NOW + 60.0) == FB_OK);
    CHECK(ask_at(set, T1, NOW + 59.9, "jti") == FB_TOKEN_REVOKED && ask_at(set, T1, NOW + 60.0, NULL) == FB_OK);
    CHECK(add(set, ISS, "t1", NOW + 30.0) == FB_OK); /* the longer of both */
    CHECK(ask_at(set, T1, NOW + 59.9, "jti") == FB_TOKEN_REVOKED);
    CHECK(add(set, ISS, "t1", NOW + 90.0) == FB_OK);
    CHECK(ask_at(set, T1, NOW + 89.9, "jti") == FB_TOKEN_REVOKED && info_of(set).tokens == 1);
    CHECK(add(set, ISS, "t2", (double)INFINITY) == FB_OK);
    CHECK(ask_at(set, T2, 1e18, "jti") == FB_TOKEN_REVOKED);
    CHECK(add(set, ISS, "gone", NOW) == FB_OK && add(set, ISS, "gone", -(double)INFINITY) == FB_OK);
    CHECK(info_of(set).tokens == 2);
    fb_revocations_free(set);
}

TEST(what_makes_no_sense_is_refused)
{
    fb_revocations *set = make(100), *none = set;
    fb_error error = FB_ERROR_INIT;
    const fb_status bad = FB_CONFIGURATION_INVALID;
    const double nan = (double)NAN, infinite = (double)INFINITY;
    CHECK(fb_revocations_new(&none, 0, NULL, &error) == bad && none == NULL && strstr(error.text, "max_entries"));
    CHECK(fb_revocations_new(&none, ((size_t)1 << 24) + 1, NULL, &error) == bad);
    CHECK(fb_revocations_add(set, absent, absent, NOW + 1.0, NOW, &error) == bad && strstr(error.text, "jti"));
    CHECK(fb_revocations_add(set, absent, fb_text("a"), nan, NOW, &error) == bad && strstr(error.text, "until"));
    CHECK(fb_revocations_add(set, absent, fb_text("a"), NOW, nan, &error) == bad);
    CHECK(fb_revocations_add(set, absent, fb_text("a"), NOW, infinite, &error) == bad);
    CHECK(fb_revocations_add_subject(set, absent, absent, NOW, NOW, NOW, &error) == bad &&
          strstr(error.text, "subject"));
    CHECK(fb_revocations_add_subject(set, absent, fb_text("a"), nan, NOW, NOW, &error) == bad);
    CHECK(fb_revocations_add_subject(set, absent, fb_text("a"), infinite, NOW, NOW, &error) == bad);
    CHECK(fb_revocations_add_subject(set, absent, fb_text("a"), NOW, nan, NOW, &error) == bad);
    CHECK(fb_revocations_add_subject(set, absent, fb_text("a"), NOW, NOW, nan, &error) == bad);
    fb_result *result = result_of(T1);
    CHECK(fb_revocations_check(set, result, nan, &error) == bad &&
          fb_revocations_check(set, result, infinite, NULL) == bad);
    fb_result_free(result);
    fb_revocations_info info = FB_REVOCATIONS_INFO_INIT;
    info.size = 0;
    CHECK(!fb_revocations_describe(set, &info));
    CHECK(info_of(set).tokens == 0 && info_of(set).refused == 0);
    fb_revocations_free(set);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void numbered(char out[16], unsigned number)
{
    snprintf(out, 16, "t%u", number);
}

static bool is_revoked(fb_revocations *set, unsigned number, double now)
{
    char payload[96];
    snprintf(payload, sizeof(payload), "{\"iss\":\"https://issuer.example\",\"jti\":\"t%u\"}", number);
    return ask_at(set, payload, now, "jti") == FB_TOKEN_REVOKED;
}

TEST(what_does_not_fit_is_said_and_nothing_is_forgotten)
{
    fb_revocations *set = make(50);
    fb_error error = FB_ERROR_INIT;
    char jti[16];
    for (unsigned i = 0; i < 50; i++) {
        numbered(jti, i);
        CHECK(add(set, ISS, jti, NOW + 60.0 + i) == FB_OK);
    }
    CHECK(fb_revocations_add(set, fb_text(ISS), fb_text("t50"), NOW + 999.0, NOW, &error) == FB_STATUS_UNAVAILABLE);
    CHECK(strstr(error.text, "full") != NULL && strstr(error.text, "50") != NULL);
    CHECK(add_subject(set, ISS, "alice", NOW, NOW + 999.0) == FB_STATUS_UNAVAILABLE);
    CHECK(!is_revoked(set, 50, NOW) && info_of(set).refused == 2 && info_of(set).tokens == 50);
    for (unsigned i = 0; i < 50; i++) {
        CHECK(is_revoked(set, i, NOW));
    }
    CHECK(add(set, ISS, "t7", NOW + 999.0) == FB_OK); /* it is there already */
    /* What has run out makes room. */
    CHECK(fb_revocations_add(set, fb_text(ISS), fb_text("t50"), NOW + 999.0, NOW + 62.0, NULL) == FB_OK);
    CHECK(info_of(set).tokens == 48 && is_revoked(set, 50, NOW + 62.0) && is_revoked(set, 3, NOW + 62.0));
    fb_revocations_free(set);
    CHECK(failing.balance == 0);
}

TEST(a_hundred_thousand)
{
    enum { MANY = 100000 };
    fb_revocations *set = make(MANY);
    char jti[16];
    for (unsigned i = 0; i < MANY; i++) {
        numbered(jti, i);
        if (add(set, ISS, jti, NOW + 60.0 + (i % 2) * 1000.0) != FB_OK) {
            FAIL("%u", i);
        }
    }
    CHECK(info_of(set).tokens == MANY && info_of(set).bytes < (size_t)MANY * 110);
    for (unsigned i = 0; i < MANY; i += 997) {
        CHECK(is_revoked(set, i, NOW) && !is_revoked(set, i + MANY, NOW));
    }
    /* Half of them have run out; as many come. Memory does not grow with what is gone. */
    for (unsigned i = MANY; i < MANY + MANY / 2; i++) {
        numbered(jti, i);
        if (fb_revocations_add(set, fb_text(ISS), fb_text(jti), NOW + 5000.0, NOW + 100.0, NULL) != FB_OK) {
            FAIL("%u", i);
        }
    }
    CHECK(info_of(set).tokens == MANY && info_of(set).bytes < (size_t)MANY * 110 && info_of(set).refused == 0);
    CHECK(is_revoked(set, 1, NOW + 100.0) && !is_revoked(set, 2, NOW + 100.0) &&
          is_revoked(set, MANY + 1, NOW + 100.0));
    fb_revocations_clear(set);
    CHECK(info_of(set).tokens == 0 && !is_revoked(set, 1, NOW + 100.0));
    CHECK(add(set, ISS, "t1", NOW + 60.0) == FB_OK && is_revoked(set, 1, NOW) && !is_revoked(set, 3, NOW));
    fb_revocations_free(set);
    CHECK(failing.balance == 0);
}

TEST(want_of_memory_refuses_one_and_forgets_none)
{
    fb_revocations *set = NULL;
    CHECK(fb_revocations_new(&set, 5000, &failing_mem, NULL) == FB_OK);
    unsigned failed = 0;
    char jti[16];
    for (unsigned i = 0; i < 3000; i++) {
        numbered(jti, i);
        failing_start(0, false); /* whatever it allocates fails */
        const fb_status status = add(set, ISS, jti, NOW + 60.0);
        CHECK(failing_stop() == (status == FB_OUT_OF_MEMORY));
        CHECK(status == FB_OK || status == FB_OUT_OF_MEMORY);
        CHECK(is_revoked(set, i, NOW) == (status == FB_OK));
        if (status != FB_OK) {
            failed++;
            CHECK(add(set, ISS, jti, NOW + 60.0) == FB_OK);
        }
    }
    CHECK(failed >= 16 * 3 && info_of(set).refused == failed && info_of(set).tokens == 3000);
    for (unsigned i = 0; i < 3000; i++) {
        CHECK(is_revoked(set, i, NOW));
    }
    fb_revocations_free(set);
    CHECK(failing.balance == 0);
    failing_start(0, false);
    CHECK(fb_revocations_new(&set, 10, &failing_mem, NULL) == FB_OUT_OF_MEMORY && set == NULL);
    CHECK(failing_stop());
}

/* ---- filling --------------------------------------------------------------------------------- */

TEST(filling_anew_drops_what_is_not_on_the_list)
{
    fb_revocations *set = make(100);
    fb_revocations_refill_end(set); /* nothing was begun */
    CHECK(add(set, ISS, "t1", NOW + 60.0) == FB_OK && add(set, ISS, "t2", NOW + 600.0) == FB_OK);
    CHECK(add_subject(set, ISS, "bob", NOW, NOW + 600.0) == FB_OK);
    fb_revocations_refill_end(set);
    CHECK(info_of(set).tokens == 2);
    fb_revocations_refill_begin(set);
    CHECK(ask_at(set, T1, NOW, "jti") == FB_TOKEN_REVOKED && ask_at(set, T2, NOW, "jti") == FB_TOKEN_REVOKED);
    CHECK(add(set, ISS, "t2", NOW + 300.0) == FB_OK && add(set, ISS, "t3", NOW + 60.0) == FB_OK);
    CHECK(add(set, ISS, "t2", NOW + 200.0) == FB_OK); /* said twice: the longer of both */
    fb_revocations_refill_end(set);
    CHECK(ask_at(set, T1, NOW, NULL) == FB_OK && is_revoked(set, 3, NOW));
    CHECK(ask_at(set, T2, NOW + 299.0, "jti") == FB_TOKEN_REVOKED && ask_at(set, T2, NOW + 301.0, NULL) == FB_OK);
    CHECK(info_of(set).tokens == 2 && info_of(set).subjects == 0);
    fb_revocations_refill_end(set); /* once */
    CHECK(info_of(set).tokens == 2);
    fb_revocations_refill_begin(set); /* broken off, and begun again */
    CHECK(add(set, ISS, "t9", NOW + 60.0) == FB_OK);
    fb_revocations_refill_begin(set);
    fb_revocations_refill_end(set);
    CHECK(info_of(set).tokens == 0);
    fb_revocations_free(set);
}

/* ---- the verifier ---------------------------------------------------------------------------- */

static fb_status verify(const fb_verifier *verifier, const fb_string *token, fb_error *error)
{
    const fb_slice text = fb_string_text(token);
    fb_result *result = NULL;
    const fb_status status = fb_verify(verifier, text.data, text.size, (fb_clock){NOW, 1.0}, &result, error);
    CHECK((result != NULL) == (status == FB_OK));
    fb_result_free(result);
    return status;
}

TEST(a_verifier_asks_for_every_token_cached_or_not)
{
    fb_revocations *set = make(100);
    fb_verifier *verifier = verifier_with(set), *other = verifier_with(set);
    fb_revocations_free(set); /* they keep it alive; the pointer stays good until they are freed */
    fb_string *one = token_of(T1), *two = token_of(T2);
    fb_error error = FB_ERROR_INIT;
    CHECK(verify(verifier, one, &error) == FB_OK && verify(verifier, one, &error) == FB_OK);
    CHECK(verify(verifier, two, &error) == FB_OK);
    CHECK(add(set, ISS, "t1", NOW + 60.0) == FB_OK);
    CHECK(verify(verifier, one, &error) == FB_TOKEN_REVOKED && fb__slice_equal(error.claim, fb_text("jti")));
    CHECK(error.issuer == SOLE_ISSUER && fb_status_http(error.status) == 401);
    CHECK(verify(other, one, &error) == FB_TOKEN_REVOKED); /* which it had not seen before */
    CHECK(verify(verifier, two, &error) == FB_OK);
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, 1.0, &stats, NULL) == FB_OK);
    CHECK(stats.verified == 4 && stats.rejected == 1 && stats.reasons[0].status == FB_TOKEN_REVOKED);
    fb_revocations_clear(set);
    CHECK(verify(verifier, one, &error) == FB_OK && verify(other, one, &error) == FB_OK);
    /* What is wrong with the token itself comes first. */
    fb_string *bad = token_of("{\"iss\":\"https://issuer.example\",\"jti\":\"t1\",\"exp\":1}");
    CHECK(add(set, ISS, "t1", NOW + 60.0) == FB_OK);
    CHECK(verify(verifier, bad, &error) == FB_TOKEN_EXPIRED);
    fb_string_free(bad);
    fb_string_free(one);
    fb_string_free(two);
    fb_verifier_free(verifier);
    fb_verifier_free(other);
    CHECK(failing.balance == 0);
}

/* ---- threads and processes ------------------------------------------------------------------- */

enum { ROUNDS = 3000 };
static atomic_uint added; /* how many have been, for those who ask */
static atomic_bool stop;

static void *ask_all_the_time(void *context)
{
    fb_revocations *set = context;
    fb_result *never = result_of(T1), *always = result_of(T2);
    while (!stop) {
        const unsigned count = added;
        CHECK(fb_revocations_check(set, never, NOW, NULL) == FB_OK);
        CHECK(fb_revocations_check(set, always, NOW, NULL) == (count > 0 ? FB_TOKEN_REVOKED : FB_OK) ||
              (count == 0 && added > 0));
    }
    fb_result_free(never);
    fb_result_free(always);
    return NULL;
}

static void *describe_all_the_time(void *context)
{
    while (!stop) {
        CHECK(info_of(context).max_entries == 2 * ROUNDS);
    }
    return NULL;
}

TEST(many_threads)
{
    fb_revocations *set = make((size_t)2 * ROUNDS);
    pthread_t threads[3];
    char jti[16];
    added = 0;
    stop = false;
    CHECK(pthread_create(&threads[0], NULL, ask_all_the_time, set) == 0);
    CHECK(pthread_create(&threads[1], NULL, ask_all_the_time, set) == 0);
    CHECK(pthread_create(&threads[2], NULL, describe_all_the_time, set) == 0);
    CHECK(add(set, ISS, "t2", NOW + 60.0) == FB_OK);
    added = 1;
    for (unsigned i = 10; i < ROUNDS; i++) {
        numbered(jti, i);
        CHECK(add(set, ISS, jti, i % 3 == 0 ? (double)INFINITY : NOW + 1.0) == FB_OK);
        if (i % 500 == 0) {
            fb_revocations_refill_begin(set);
            CHECK(add(set, ISS, "t2", NOW + 60.0) == FB_OK);
            fb_revocations_refill_end(set);
        }
    }
    stop = true;
    for (size_t i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    fb_revocations_free(set);
    CHECK(failing.balance == 0);
}

int main(void)
{
    revoking_start();
    RUN(a_token_is_revoked_by_iss_and_jti);
    RUN(no_iss_is_a_name_too);
    RUN(a_jti_that_is_no_string_is_none);
    RUN(a_subject_is_revoked_up_to_a_time);
    RUN(a_token_is_looked_up_by_its_names);
    RUN(a_long_jti_with_escapes_is_found);
    RUN(until_its_time);
    RUN(what_makes_no_sense_is_refused);
    RUN(what_does_not_fit_is_said_and_nothing_is_forgotten);
    RUN(a_hundred_thousand);
    RUN(want_of_memory_refuses_one_and_forgets_none);
    RUN(filling_anew_drops_what_is_not_on_the_list);
    RUN(a_verifier_asks_for_every_token_cached_or_not);
    RUN(many_threads);
    fb_keypair_free(authority);
    return TEST_RESULT();
}
