/* Many threads on one key source: one fetch for all, waiting that ends, and a child that inherits the key source in any
 * state. */
#include "child.h"
#include "source.h"

#include <time.h>

enum { THREADS = 64 };

static fb__key_source *source;
static pthread_barrier_t barrier;
static atomic_uint fetched_now, waited, verified;

static double now(void)
{
    return fb_clock_now().monotonic_seconds;
}

static void pause_for(double seconds)
{
    struct timespec span = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&span, NULL);
}

static void *cold_start(void *argument)
{
    uint64_t request;
    (void)argument;
    (void)pthread_barrier_wait(&barrier);
    while (look(source, now(), "a", &request) == FB_KEYS_NEEDED) {
        fb_fetch fetch = begin(source, now(), FB_REFRESH_TOKEN, request);
        if (fetch.decision == FB_FETCH_NOW) {
            atomic_fetch_add(&fetched_now, 1);
            pause_for(0.2);
            CHECK(answer(source, fetch.ticket, now(), 200, document("a"), NULL) == FB_OK);
        } else if (fetch.decision == FB_FETCH_WAIT) {
            atomic_fetch_add(&waited, 1);
            CHECK(fb__key_source_wait(source, fetch.ticket, fetch.timeout));
        } else {
            CHECK(fetch.decision == FB_FETCH_DONE);
        }
    }
    CHECK(look(source, now(), "a", &request) == FB_OK);
    atomic_fetch_add(&verified, 1);
    return NULL;
}

TEST(sixty_four_threads_start_cold)
{
    pthread_t threads[THREADS];
    source = source_new();
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, cold_start, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CHECK(fetched_now == 1 && verified == THREADS && waited > 0);
    (void)pthread_barrier_destroy(&barrier);
    fb__key_source_release(source);
}

TEST(waiting_ends)
{
    source = source_new();
    double start = now();
    CHECK(fb__key_source_wait(source, 0, 5.0));
    CHECK(fb__key_source_wait(source, 77, 5.0));
    fb_fetch fetch = begin(source, start, FB_REFRESH_EXPLICIT, 0);
    CHECK(!fb__key_source_wait(source, fetch.ticket, 0.0));
    CHECK(!fb__key_source_wait(source, fetch.ticket, -1.0));
    CHECK(now() - start < 2.0);
    start = now();
    CHECK(!fb__key_source_wait(source, fetch.ticket, 0.25));
    CHECK(now() - start >= 0.25 && now() - start < 3.0);
    CHECK(answer(source, fetch.ticket, now(), 500, fb_text(""), NULL) == FB_KEYS_UNAVAILABLE);
    CHECK(fb__key_source_wait(source, fetch.ticket, 5.0));
    fb__key_source_release(source);
}

static void *read_all_the_time(void *argument)
{
    atomic_bool *end = argument;
    uint64_t request;
    while (!atomic_load(end)) {
        CHECK(look(source, 1.0, "stays", &request) == FB_OK);
        CHECK(look(source, 1.0, "never was", &request) != FB_OK); /* whichever set it is that does not have it */
        CHECK(fb__key_source_generation(source, 5000.0) == 0);
        fb__keyset *set = fb__key_source_keys(source);
        CHECK(set != NULL && set->count >= 1);
        fb__keyset_release(set);
        fb_stats stats = FB_STATS_INIT;
        fb__key_source_stats(source, 1.0, &stats);
        CHECK(stats.keys_held);
        (void)fb__key_source_due(source, 1.0);
    }
    return NULL;
}

/* A key that is in every set is never missing, whatever is swapped around it. */
TEST(sets_are_swapped_whole)
{
    static const char key[] =
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",";
    pthread_t threads[4];
    atomic_bool end = false;
    source = source_new();
    load(source, 1.0, "stays");
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, read_all_the_time, &end) == 0);
    }
    for (int i = 0; i < 500; i++) {
        char text[512];
        int size = snprintf(text, sizeof(text), "{\"keys\":[%s\"kid\":\"stays\"},%s\"kid\":\"%d\"}]}", key, key, i);
        fb_fetch fetch = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
        CHECK(answer(source, fetch.ticket, 1.0, i % 5 == 0 ? 500 : 200, (fb_slice){text, (size_t)size}, NULL) ==
              (i % 5 == 0 ? FB_KEYS_UNAVAILABLE : FB_OK));
    }
    atomic_store(&end, true);
    for (int i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    fb__key_source_release(source);
}

/* What a child found: 0 when all was well. */
static int look_as_child(uint64_t parents_ticket)
{
    uint64_t request;
    if (look(source, 1.0, "a", &request) != FB_OK) {
        return 1;
    }
    if (fb__key_source_generation(source, 1.0) != 1 || !fb__key_source_wait(source, parents_ticket, 5.0)) {
        return 2;
    }
    if (answer(source, parents_ticket, 1.0, 200, document("b"), NULL) != FB_CONFIGURATION_INVALID) {
        return 3;
    }
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
    if (fetch.decision != FB_FETCH_NOW || fetch.ticket == parents_ticket ||
        answer(source, fetch.ticket, 1.0, 200, document("b"), NULL) != FB_OK) {
        return 4;
    }
    if (look(source, 1.0, "b", &request) != FB_OK || fb__key_source_generation(source, 1.0) != 2) {
        return 5;
    }
    fb__key_source_release(source);
    return test_failures == 0 ? 0 : 6;
}

static void *wait_for_ever(void *ticket)
{
    CHECK(fb__key_source_wait(source, *(uint64_t *)ticket, 30.0));
    return NULL;
}

TEST(a_child_starts_afresh_and_keeps_the_keys)
{
    pthread_t waiter;
    source = source_new();
    load(source, 1.0, "a");
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
    CHECK(pthread_create(&waiter, NULL, wait_for_ever, &fetch.ticket) == 0);
    pause_for(0.1);
    pid_t child = child_start();
    if (child == 0) {
        child_end(look_as_child(fetch.ticket));
    }
    int verdict = child_wait(child);
    if (verdict != 0) {
        FAIL("the child ended with %d", verdict);
    }
    uint64_t request;
    CHECK(look(source, 1.0, "a", &request) == FB_OK); /* what the child fetched is the child's */
    CHECK(answer(source, fetch.ticket, 1.0, 200, document("a"), NULL) == FB_OK);
    (void)pthread_join(waiter, NULL);
    fb__key_source_release(source);
}

static void *change_all_the_time(void *argument)
{
    atomic_bool *end = argument;
    for (unsigned i = 0; !atomic_load(end); i++) {
        fb_fetch fetch = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
        if (fetch.decision == FB_FETCH_NOW) {
            (void)answer(source, fetch.ticket, 1.0, 200, document(i % 2 == 0 ? "a" : "b"), NULL);
        }
    }
    return NULL;
}

/* The fork may come while another thread holds the lock: the child then starts cold, but it never hangs. */
TEST(forks_at_any_moment)
{
    pthread_t threads[2];
    atomic_bool end = false;
    source = source_new();
    load(source, 1.0, "a");
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, change_all_the_time, &end) == 0);
    }
    for (int i = 0; i < 100; i++) {
        pid_t child = child_start();
        if (child == 0) {
            uint64_t request;
            fb_status status = look(source, 1.0, "a", &request);
            bool sound = status == FB_OK || status == FB_KEYS_NEEDED;
            (void)fb__key_source_due(source, 1.0);
            child_end(sound && test_failures == 0 ? 0 : 1);
        }
        CHECK(child_wait(child) == 0);
    }
    atomic_store(&end, true);
    for (int i = 0; i < 2; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    fb__key_source_release(source);
}

/* Whatever is to be fetched next is answered; the keys in two of three flights. True: keys came. */
static bool make_flight(unsigned number)
{
    static const char *const documents[] = {
        "{\"issuer\":\"https://issuer.example\",\"jwks_uri\":\"https://issuer.example/keys\"}",
        "{\"issuer\":\"https://issuer.example\",\"jwks_uri\":\"https://issuer.example/other\"}"};
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
    bool came = false;
    while (fetch.decision == FB_FETCH_NOW) {
        const bool keys = fb__find(fetch.url, fb_text("/.well-known/")) == NULL;
        const uint64_t ticket = fetch.ticket;
        fb_fetched fetched = FB_FETCHED_INIT;
        fetched.http_status = keys && number % 3 == 0 ? 500 : 200;
        fetched.body = keys ? document("a") : fb_text(documents[number % 2]);
        came = fb__key_source_complete(source, ticket, 1.0, &fetched, &fetch, NULL) == FB_OK && keys;
    }
    return came;
}

static void *discover_all_the_time(void *argument)
{
    atomic_bool *end = argument;
    for (unsigned i = 0; !atomic_load(end); i++) {
        (void)make_flight(i);
    }
    return NULL;
}

/* A child does not trust a jwks_uri that another thread was changing; it finds its own way, with or without it. */
TEST(forks_at_any_moment_of_a_discovery)
{
    pthread_t threads[2];
    atomic_bool end = false;
    fb_issuer issuer = FB_ISSUER_INIT;
    issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    CHECK(fb__key_source_new(&source, &fb__mem_default, &issuer, NULL) == FB_OK);
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, discover_all_the_time, &end) == 0);
    }
    for (int i = 0; i < 100; i++) {
        pid_t child = child_start();
        if (child == 0) {
            fb__key_source_info info;
            uint64_t request;
            fb__key_source_describe(source, &info);
            bool sound = make_flight(1) && look(source, 1.0, "a", &request) == FB_OK;
            fb__key_source_release(source);
            child_end(sound && test_failures == 0 ? 0 : 1);
        }
        CHECK(child_wait(child) == 0);
    }
    atomic_store(&end, true);
    for (int i = 0; i < 2; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    fb__key_source_release(source);
}

int main(void)
{
    RUN(sixty_four_threads_start_cold);
    RUN(waiting_ends);
    RUN(sets_are_swapped_whole);
    RUN(a_child_starts_afresh_and_keeps_the_keys);
    RUN(forks_at_any_moment);
    RUN(forks_at_any_moment_of_a_discovery);
    return TEST_RESULT();
}
