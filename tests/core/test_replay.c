/* Proofs that are remembered: once each, until they are too old, the oldest goes first, and of equal ones that come at
 * once exactly one passes. */
#include "child.h"
#include "failing.h"
#include "proof/proof.h"

#include <pthread.h>

static const double NOW = 1000.0;
static const unsigned char thumbprint[FB__THUMBPRINT] = "0123456789abcdef0123456789abcdef";

static fb__replay *make(size_t capacity)
{
    fb__replay *set = NULL;
    CHECK(fb__replay_new(&set, &failing_mem, capacity) == FB_OK);
    return set;
}

static fb__replay_key key_of(const fb__replay *set, unsigned number)
{
    char jti[16];
    snprintf(jti, sizeof(jti), "%u", number);
    return fb__replay_key_of(set, thumbprint, fb_text(jti));
}

static fb_status insert(fb__replay *set, unsigned number, double expires_at, double now)
{
    return fb__replay_insert(set, key_of(set, number), expires_at, now);
}

static fb_stats stats_of(fb__replay *set)
{
    fb_stats stats = FB_STATS_INIT;
    fb__replay_stats(set, &stats);
    return stats;
}

TEST(once_each)
{
    fb__replay *set = make(100);
    unsigned char other[FB__THUMBPRINT];
    memset(other, 'x', sizeof(other));
    CHECK(!fb__replay_holds(set, key_of(set, 1), NOW));
    CHECK(insert(set, 1, NOW + 10, NOW) == FB_OK);
    CHECK(fb__replay_holds(set, key_of(set, 1), NOW));
    CHECK(insert(set, 1, NOW + 10, NOW) == FB_PROOF_REPLAYED);
    CHECK(insert(set, 1, NOW + 20, NOW + 1) == FB_PROOF_REPLAYED); /* with another iat */
    CHECK(insert(set, 2, NOW + 10, NOW) == FB_OK);
    /* The same jti of another key is another proof, and so is a jti that begins as that one does. */
    CHECK(fb__replay_insert(set, fb__replay_key_of(set, other, fb_text("1")), NOW + 10, NOW) == FB_OK);
    CHECK(fb__replay_insert(set, fb__replay_key_of(set, thumbprint, fb_text("1\x01")), NOW + 10, NOW) == FB_OK);
    CHECK(stats_of(set).replay_entries == 4 && stats_of(set).replay_evictions == 0);
    fb__replay_free(set);
    fb__replay_free(NULL);
}

TEST(until_it_is_too_old)
{
    fb__replay *set = make(100);
    CHECK(insert(set, 1, NOW + 10, NOW) == FB_OK);
    CHECK(insert(set, 1, NOW + 20, NOW + 9.99) == FB_PROOF_REPLAYED);
    CHECK(!fb__replay_holds(set, key_of(set, 1), NOW + 10));
    CHECK(insert(set, 1, NOW + 20, NOW + 10) == FB_OK);
    CHECK(insert(set, 1, NOW + 30, NOW + 19) == FB_PROOF_REPLAYED);
    CHECK(stats_of(set).replay_entries == 1);
    /* One that is too old after a younger one that is not. */
    CHECK(insert(set, 2, NOW + 100, NOW + 19) == FB_OK);
    CHECK(insert(set, 3, NOW + 20, NOW + 19) == FB_OK);
    CHECK(insert(set, 3, NOW + 200, NOW + 21) == FB_OK);
    CHECK(insert(set, 3, NOW + 200, NOW + 22) == FB_PROOF_REPLAYED);
    CHECK(insert(set, 2, NOW + 200, NOW + 22) == FB_PROOF_REPLAYED);
    fb__replay_free(set);
}

static void check_capacity(unsigned capacity)
{
    fb__replay *set = make(capacity);
    for (unsigned i = 0; i < capacity; i++) {
        if (insert(set, i, NOW + 10, NOW) != FB_OK) {
            FAIL("%u of %u", i, capacity);
        }
    }
    CHECK(stats_of(set).replay_entries == capacity && stats_of(set).replay_evictions == 0);
    CHECK(insert(set, 0, NOW + 10, NOW) == FB_PROOF_REPLAYED); /* which takes nobody's place */
    CHECK(stats_of(set).replay_evictions == 0);
    for (unsigned i = 0; i < capacity; i++) {
        CHECK(insert(set, capacity + i, NOW + 10, NOW) == FB_OK);
        CHECK(insert(set, capacity + i, NOW + 10, NOW) == FB_PROOF_REPLAYED);
    }
    CHECK(stats_of(set).replay_entries == capacity && stats_of(set).replay_evictions == capacity);
    /* Those that are too old make room without being counted. */
    CHECK(insert(set, 0, NOW + 30, NOW + 11) == FB_OK);
    for (unsigned i = 1; i < capacity; i++) {
        CHECK(insert(set, i, NOW + 30, NOW + 11) == FB_OK);
    }
    CHECK(stats_of(set).replay_evictions == capacity);
    CHECK(stats_of(set).replay_entries <= capacity);
    fb__replay_free(set);
    CHECK(failing.balance == 0);
}

TEST(as_many_as_the_capacity_says)
{
    check_capacity(1);
    check_capacity(2);
    check_capacity(31);
    check_capacity(1000);
    check_capacity(4096); /* in shards */
    check_capacity(20000);
}

TEST(the_oldest_goes)
{
    fb__replay *set = make(3);
    for (unsigned i = 1; i <= 4; i++) {
        CHECK(insert(set, i, NOW + 10, NOW) == FB_OK);
    }
    CHECK(!fb__replay_holds(set, key_of(set, 1), NOW));
    CHECK(fb__replay_holds(set, key_of(set, 2), NOW) && fb__replay_holds(set, key_of(set, 3), NOW));
    CHECK(insert(set, 1, NOW + 10, NOW) == FB_OK); /* could be used once again, which is what the counter is for */
    CHECK(!fb__replay_holds(set, key_of(set, 2), NOW) && stats_of(set).replay_evictions == 2);
    fb__replay_free(set);
}

/* Beside an array of times, with a clock that goes on by fits and starts. */
TEST(as_a_plain_list_would)
{
    enum { JTIS = 500, STEPS = 100000 };
    static double expires[JTIS];
    fb__replay *set = make(10000);
    double now = NOW;
    uint32_t random = 12345;
    for (int i = 0; i < STEPS; i++) {
        random = random * 1664525u + 1013904223u;
        const unsigned jti = (random >> 8) % JTIS;
        const double lives = 1 + (double)((random >> 20) % 50);
        const bool known = expires[jti] > now;
        CHECK(fb__replay_holds(set, key_of(set, jti), now) == known);
        CHECK(insert(set, jti, now + lives, now) == (known ? FB_PROOF_REPLAYED : FB_OK));
        expires[jti] = known ? expires[jti] : now + lives;
        now += (random & 3) == 0 ? 0.25 : 0;
    }
    fb__replay_free(set);
}

/* ---- threads and processes ------------------------------------------------------------------ */

enum { THREADS = 8, PROOFS = 3000 };
static fb__replay *shared;
static atomic_uint passed[PROOFS];
static atomic_uint ready;

static void *race(void *argument)
{
    (void)argument;
    atomic_fetch_add(&ready, 1);
    while (atomic_load(&ready) < THREADS) {
    }
    for (unsigned i = 0; i < PROOFS; i++) {
        const fb_status status = insert(shared, i, NOW + 10, NOW);
        CHECK(status == FB_OK || status == FB_PROOF_REPLAYED);
        atomic_fetch_add(&passed[i], status == FB_OK);
    }
    return NULL;
}

static void check_race(size_t capacity)
{
    pthread_t threads[THREADS];
    shared = make(capacity);
    memset(passed, 0, sizeof(passed));
    atomic_store(&ready, 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, race, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    for (unsigned i = 0; i < PROOFS; i++) {
        CHECK(passed[i] == 1);
    }
    CHECK(stats_of(shared).replay_entries == PROOFS);
    fb__replay_free(shared);
}

TEST(of_equal_proofs_exactly_one_passes)
{
    check_race(PROOFS);  /* one lock */
    check_race(1 << 20); /* sixteen */
}

static atomic_bool stop;

static void *keep_inserting(void *argument)
{
    for (unsigned i = *(unsigned *)argument; !atomic_load(&stop); i += 2) {
        CHECK(insert(shared, i, NOW + 10, NOW) == FB_OK);
    }
    return NULL;
}

static int in_child(void)
{
    return fb__replay_holds(shared, key_of(shared, 4000000000u), NOW) &&
           insert(shared, 4000000000u, NOW + 10, NOW) == FB_PROOF_REPLAYED &&
           insert(shared, 4000000001u, NOW + 10, NOW) == FB_OK;
}

/* A child knows what its parent knew, whatever other threads did at the fork, and then each goes its own way. */
TEST(a_child_has_its_own_copy)
{
    pthread_t threads[2];
    unsigned starts[2] = {0, 1};
    shared = make(1 << 20);
    CHECK(insert(shared, 4000000000u, NOW + 10, NOW) == FB_OK);
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, keep_inserting, &starts[i]) == 0);
    }
    for (int i = 0; i < 20; i++) {
        const pid_t child = child_start();
        if (child == 0) {
            child_end(in_child() && in_child() == 0);
        }
        CHECK(child_wait(child) == 1);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(insert(shared, 4000000001u, NOW + 10, NOW) == FB_OK);
    fb__replay_free(shared);
}

/* ---- memory --------------------------------------------------------------------------------- */

static fb_status fill(fb__replay **out, unsigned count)
{
    fb_status status = fb__replay_new(out, &failing_mem, count);
    for (unsigned i = 0; i < count && status == FB_OK; i++) {
        status = insert(*out, i, NOW + 10, NOW);
    }
    return status;
}

TEST(what_cannot_be_remembered_is_refused_and_changes_nothing)
{
    long at = 0, failures = 0;
    for (bool reached = true; reached; at++) {
        fb__replay *set = NULL;
        failing.ours_alone = true;
        failing_start(at, false);
        const fb_status status = fill(&set, 200);
        reached = failing_stop();
        CHECK(status == (reached ? FB_OUT_OF_MEMORY : FB_OK));
        failures += reached;
        if (set != NULL) {
            const unsigned held = (unsigned)stats_of(set).replay_entries;
            CHECK(held < 200 || !reached);
            for (unsigned i = 0; i < 200; i++) { /* what was accepted is known, and the rest is not */
                CHECK(insert(set, i, NOW + 10, NOW) == (i < held ? FB_PROOF_REPLAYED : FB_OK));
            }
            CHECK(stats_of(set).replay_entries == 200 && stats_of(set).replay_evictions == 0);
        }
        fb__replay_free(set);
        CHECK(failing.balance == 0);
    }
    CHECK(failures > 8);
}

static size_t allocated, most;

static void *count_allocate(void *context, size_t size)
{
    (void)context;
    size_t *memory = malloc(size + 16);
    CHECK(memory != NULL);
    *memory = size;
    allocated += size;
    most = allocated > most ? allocated : most;
    return memory + 2;
}

static void count_release(void *context, void *memory)
{
    (void)context;
    if (memory != NULL) {
        size_t *start = (size_t *)memory - 2;
        allocated -= *start;
        free(start);
    }
}

/* The header says about 48 bytes each, and that they are allocated when they are needed. */
TEST(memory_grows_with_what_is_held)
{
    enum { CAPACITY = 100000 };
    const fb_mem counting = {count_allocate, count_release, NULL};
    fb__replay *set = NULL;
    CHECK(fb__replay_new(&set, &counting, FB__MAX_REPLAY) == FB_OK);
    CHECK(insert(set, 0, NOW + 10, NOW) == FB_OK);
    CHECK(allocated < 16384);
    for (unsigned i = 1; i < CAPACITY; i++) {
        CHECK(insert(set, i, NOW + 10, NOW) == FB_OK);
    }
    CHECK(allocated <= CAPACITY * 64 && allocated >= CAPACITY * 32);
    fb__replay_free(set);
    CHECK(allocated == 0);
    CHECK(fb__replay_new(&set, &counting, CAPACITY) == FB_OK);
    most = 0;
    for (unsigned i = 0; i < 4 * CAPACITY; i++) {
        CHECK(insert(set, i, NOW + 10, NOW) == FB_OK);
    }
    CHECK(most <= CAPACITY * 64);
    fb__replay_free(set);
    CHECK(allocated == 0);
}

int main(void)
{
    RUN(once_each);
    RUN(until_it_is_too_old);
    RUN(as_many_as_the_capacity_says);
    RUN(the_oldest_goes);
    RUN(as_a_plain_list_would);
    RUN(of_equal_proofs_exactly_one_passes);
    RUN(a_child_has_its_own_copy);
    RUN(what_cannot_be_remembered_is_refused_and_changes_nothing);
    RUN(memory_grows_with_what_is_held);
    return TEST_RESULT();
}
