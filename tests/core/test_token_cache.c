/* The token cache: what it finds, what it forgets, its bounds, and that a flood of one-off tokens leaves the rest in
 * place. */
#include "cached.h"
#include "test.h"
#include "verify/verify.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NO_FORKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_FORKS 1
#endif
#endif

static const double NOW = 1000.0;

static fb_result *make_result(void)
{
    fb_result *result = calloc(1, sizeof(*result));
    atomic_init(&result->references, 1);
    result->mem = fb__mem_default;
    result->bytes = sizeof(*result);
    return result;
}

static fb__cache *make_cache(size_t entries, size_t bytes)
{
    fb__cache *cache = NULL;
    CHECK(fb__cache_new(&cache, &fb__mem_default, entries, bytes) == FB_OK);
    return cache;
}

/* Puts one token; returns its result, which the cache alone keeps. */
static const fb_result *put(fb__cache *cache, const char *token, size_t size, uint64_t generation, double dead_at)
{
    fb_result *result = make_result();
    fb__cache_put(cache, fb__cache_key_of(cache, token, size), token, size, generation, result, dead_at, NOW);
    fb_result_free(result);
    return result;
}

static bool holds(fb__cache *cache, const char *token, size_t size, uint64_t generation)
{
    fb_result *result = cached(cache, fb__cache_key_of(cache, token, size), token, size, generation, NOW);
    bool held = result != NULL;
    fb_result_free(result);
    return held;
}

static fb_stats stats_of(fb__cache *cache)
{
    fb_stats stats = FB_STATS_INIT;
    memset(&stats, 0, sizeof(stats));
    fb__cache_stats(cache, &stats);
    return stats;
}

TEST(finds_exactly_what_was_put)
{
    fb__cache *cache = make_cache(16, 1 << 20);
    put(cache, "aaa.bbb.ccc", 11, 1, INFINITY);
    CHECK(holds(cache, "aaa.bbb.ccc", 11, 1));
    CHECK(!holds(cache, "aaa.bbb.ccd", 11, 1));
    CHECK(!holds(cache, "aaa.bbb.cc", 10, 1));
    CHECK(!holds(cache, "aaa.bbb.cccc", 12, 1));
    CHECK(!holds(cache, "", 0, 1));
    fb_stats stats = stats_of(cache);
    CHECK(stats.cache_hits == 1 && stats.cache_misses == 4 && stats.cache_entries == 1);
    fb__cache_free(cache);
}

TEST(equal_hashes_are_told_apart_by_the_token)
{
    fb__cache *cache = make_cache(16, 1 << 20);
    fb__cache_key same = {{7, 7}};
    fb_result *first = make_result(), *second = make_result();
    fb__cache_put(cache, same, "one", 3, 0, first, INFINITY, NOW);
    fb__cache_put(cache, same, "two", 3, 0, second, INFINITY, NOW);
    fb_result *found = cached(cache, same, "one", 3, 0, NOW);
    CHECK(found == first);
    fb_result_free(found);
    found = cached(cache, same, "two", 3, 0, NOW);
    CHECK(found == second);
    fb_result_free(found);
    CHECK(cached(cache, same, "six", 3, 0, NOW) == NULL);
    CHECK(cached(cache, same, "one", 3, 1, NOW) == NULL); /* of another generation: it goes, alone */
    CHECK(cached(cache, same, "one", 3, 0, NOW) == NULL);
    found = cached(cache, same, "two", 3, 0, NOW);
    CHECK(found == second);
    fb_result_free(found);
    fb_result_free(first);
    fb_result_free(second);
    fb__cache_free(cache);
}

TEST(another_generation_of_keys_ends_an_entry)
{
    fb__cache *cache = make_cache(16, 1 << 20);
    put(cache, "token", 5, 1, INFINITY);
    CHECK(!holds(cache, "token", 5, 2));
    CHECK(!holds(cache, "token", 5, 1)); /* and it does not come back */
    CHECK(stats_of(cache).cache_entries == 0);
    fb__cache_free(cache);
}

TEST(what_is_dead_already_is_not_kept)
{
    fb__cache *cache = make_cache(16, 1 << 20);
    put(cache, "token", 5, 1, NOW);
    CHECK(!holds(cache, "token", 5, 1));
    put(cache, "token", 5, 1, NOW + 0.5);
    CHECK(holds(cache, "token", 5, 1));
    fb__cache_free(cache);
}

TEST(what_dies_is_let_go)
{
    fb__cache *cache = make_cache(16, 1 << 20);
    put(cache, "token", 5, 0, NOW + 0.5);
    fb__cache_key key = fb__cache_key_of(cache, "token", 5);
    fb_result *found = cached(cache, key, "token", 5, 0, NOW + 0.4);
    CHECK(found != NULL);
    fb_result_free(found);
    CHECK(cached(cache, key, "token", 5, 0, NOW + 0.5) == NULL);
    CHECK(!holds(cache, "token", 5, 0)); /* the clock went back: it is gone all the same */
    fb_stats stats = stats_of(cache);
    CHECK(stats.cache_entries == 0 && stats.cache_bytes == 0 && stats.cache_hits == 1 && stats.cache_misses == 2);
    fb__cache_free(cache);
}

TEST(putting_twice_replaces)
{
    fb__cache *cache = make_cache(16, 1 << 20);
    put(cache, "token", 5, 1, INFINITY);
    const fb_result *second = put(cache, "token", 5, 2, INFINITY);
    fb_result *found = cached(cache, fb__cache_key_of(cache, "token", 5), "token", 5, 2, NOW);
    CHECK(found == second);
    fb_result_free(found);
    CHECK(stats_of(cache).cache_entries == 1);
    fb__cache_free(cache);
}

TEST(one_entry_is_a_cache_too)
{
    fb__cache *cache = make_cache(1, 1 << 20);
    put(cache, "one", 3, 0, INFINITY);
    CHECK(holds(cache, "one", 3, 0));
    put(cache, "two", 3, 0, INFINITY);
    CHECK(!holds(cache, "one", 3, 0));
    CHECK(holds(cache, "two", 3, 0));
    fb_stats stats = stats_of(cache);
    CHECK(stats.cache_entries == 1 && stats.cache_evictions == 1);
    fb__cache_free(cache);
}

static size_t name_token(char *text, size_t room, unsigned number)
{
    int size = snprintf(text, room, "header.payload%u.signature", number);
    return (size_t)size;
}

TEST(entries_are_bounded)
{
    for (size_t entries = 1; entries <= 1024; entries *= 2) {
        fb__cache *cache = make_cache(entries, 16 << 20);
        char token[64];
        for (unsigned i = 0; i < 5000; i++) {
            put(cache, token, name_token(token, sizeof(token), i), 0, INFINITY);
            if (i % 3 == 0) {
                (void)holds(cache, token, name_token(token, sizeof(token), i / 2), 0);
            }
        }
        fb_stats stats = stats_of(cache);
        CHECK(stats.cache_entries <= entries);
        CHECK(stats.cache_entries + stats.cache_evictions == 5000);
        fb__cache_free(cache);
    }
}

TEST(bytes_are_bounded)
{
    static char token[65536];
    fb__cache *cache = make_cache(64, 200000);
    for (unsigned i = 0; i < 500; i++) {
        memcpy(token, &i, sizeof(i));
        put(cache, token, (i * 7919) % sizeof(token) + 4, 0, INFINITY);
        CHECK(stats_of(cache).cache_bytes <= 200000);
    }
    CHECK(stats_of(cache).cache_entries > 0);
    fb__cache_free(cache);
    /* An entry that could not fit alone is not kept, and evicts nothing. */
    cache = make_cache(64, 8192);
    put(cache, "small", 5, 0, INFINITY);
    put(cache, token, sizeof(token), 0, INFINITY);
    CHECK(holds(cache, "small", 5, 0));
    CHECK(!holds(cache, token, sizeof(token), 0));
    fb__cache_free(cache);
}

TEST(a_flood_of_tokens_seen_once_leaves_the_others)
{
    enum { HELD = 1024, FLOOD = 100000 };
    fb__cache *cache = make_cache(HELD, 64 << 20);
    char token[64];
    for (unsigned i = 0; i < HELD * 3 / 4; i++) {
        put(cache, token, name_token(token, sizeof(token), i), 0, INFINITY);
    }
    for (unsigned i = 0; i < FLOOD; i++) {
        put(cache, token, name_token(token, sizeof(token), HELD + i), 0, INFINITY);
    }
    unsigned left = 0;
    for (unsigned i = 0; i < HELD * 3 / 4; i++) {
        left += holds(cache, token, name_token(token, sizeof(token), i), 0);
    }
    /* None of them had to go: the flood passes through the probation queues. Uneven shards may cost a few. */
    CHECK(left > HELD * 3 / 4 - 16);
    fb__cache_free(cache);
}

/* One client with large tokens must not get by bytes what it does not get by number. */
TEST(a_flood_of_large_tokens_leaves_the_others)
{
    enum { HELD = 512, SIZE = 60000 };
    static char large[SIZE];
    fb__cache *cache = make_cache(1024, 4 << 20);
    char token[64];
    for (unsigned i = 0; i < HELD; i++) {
        put(cache, token, name_token(token, sizeof(token), i), 0, INFINITY);
    }
    for (unsigned i = 0; i < 500; i++) {
        memcpy(large, &i, sizeof(i));
        put(cache, large, sizeof(large), 0, INFINITY);
    }
    unsigned left = 0;
    for (unsigned i = 0; i < HELD; i++) {
        left += holds(cache, token, name_token(token, sizeof(token), i), 0);
    }
    CHECK(left == HELD);
    fb_stats stats = stats_of(cache);
    CHECK(stats.cache_bytes <= 4 << 20);
    CHECK(stats.cache_entries > HELD); /* some of the large ones, in what room was left */
    fb__cache_free(cache);
}

TEST(what_is_asked_for_again_is_kept)
{
    fb__cache *cache = make_cache(64, 1 << 20);
    char token[64];
    for (unsigned i = 0; i < 64; i++) {
        put(cache, token, name_token(token, sizeof(token), i), 0, INFINITY);
    }
    put(cache, "wanted", 6, 0, INFINITY);
    for (unsigned i = 100; i < 1000; i++) {
        CHECK(holds(cache, "wanted", 6, 0));
        put(cache, token, name_token(token, sizeof(token), i), 0, INFINITY);
    }
    fb__cache_free(cache);
}

static void count_release(void *context, void *data)
{
    CHECK(data != NULL);
    ++*(int *)context;
}

/* Attaches bytes to a token; the number of releases goes to *released. */
static bool attach(fb__cache *cache, const char *token, size_t bytes, int *released)
{
    fb_attachment attachment = FB_ATTACHMENT_INIT;
    attachment.data = released;
    attachment.bytes = bytes;
    attachment.release = count_release;
    attachment.context = released;
    size_t size = strlen(token);
    return fb__cache_attach(cache, fb__cache_key_of(cache, token, size), token, size, &attachment);
}

static fb_result *get(fb__cache *cache, const char *token, uint64_t generation)
{
    size_t size = strlen(token);
    return cached(cache, fb__cache_key_of(cache, token, size), token, size, generation, NOW);
}

TEST(an_attachment_counts_and_is_found_with_its_token)
{
    fb__cache *cache = make_cache(16, 1 << 20);
    int released = 0, other = 0;
    CHECK(!attach(cache, "token", 100, &released)); /* not held */
    fb_result *first = make_result();
    fb__cache_put(cache, fb__cache_key_of(cache, "token", 5), "token", 5, 1, first, INFINITY, NOW);
    CHECK(!fb_result_is_cached(first) && fb_result_attachment(first) == NULL);
    uint64_t before = stats_of(cache).cache_bytes;
    CHECK(attach(cache, "token", 1000, &released));
    CHECK(stats_of(cache).cache_bytes == before + 1000 && stats_of(cache).cache_entries == 1);
    CHECK(!attach(cache, "token", 1000, &other)); /* one is enough */
    CHECK(stats_of(cache).cache_bytes == before + 1000);
    fb_result *hit = get(cache, "token", 1);
    CHECK(hit == first && fb_result_is_cached(hit) && fb_result_attachment(hit) == &released);
    fb_result_free(hit);
    fb_result_free(first);
    CHECK(released == 0);
    fb__cache_free(cache);
    CHECK(released == 1 && other == 0);
}

TEST(an_attachment_dies_with_its_entry_and_the_last_result)
{
    fb__cache *cache = make_cache(1, 1 << 20);
    int rotated = 0, evicted = 0, expired = 0;
    put(cache, "rotated", 7, 1, INFINITY);
    CHECK(attach(cache, "rotated", 10, &rotated));
    fb_result *held = get(cache, "rotated", 1);
    CHECK(get(cache, "rotated", 2) == NULL && stats_of(cache).cache_bytes == 0);
    CHECK(rotated == 0 && fb_result_attachment(held) == &rotated);
    fb_result_free(held);
    CHECK(rotated == 1);
    put(cache, "evicted", 7, 2, INFINITY);
    CHECK(attach(cache, "evicted", 10, &evicted));
    put(cache, "expired", 7, 2, NOW + 1.0);
    CHECK(evicted == 1);
    CHECK(attach(cache, "expired", 10, &expired));
    CHECK(cached(cache, fb__cache_key_of(cache, "expired", 7), "expired", 7, 2, NOW + 1.0) == NULL);
    CHECK(expired == 1 && stats_of(cache).cache_bytes == 0);
    fb__cache_free(cache);
    CHECK(rotated == 1 && evicted == 1 && expired == 1);
}

TEST(attachments_are_bounded_in_bytes)
{
    fb__cache *cache = make_cache(64, 64000);
    int released[40] = {0}, refused = 0;
    char token[16];
    for (int i = 0; i < 40; i++) {
        (void)snprintf(token, sizeof(token), "token %d", i);
        put(cache, token, strlen(token), 1, INFINITY);
        fb_result_free(get(cache, token, 1));
        CHECK(attach(cache, token, 3000, &released[i]));
        CHECK(stats_of(cache).cache_bytes <= 64000);
    }
    int dead = 0;
    for (int i = 0; i < 40; i++) {
        dead += released[i];
    }
    fb_stats stats = stats_of(cache);
    CHECK(dead > 0 && (uint64_t)dead == stats.cache_evictions && stats.cache_entries == 40 - (uint64_t)dead);
    CHECK(!attach(cache, "token 39", SIZE_MAX, &refused) && !attach(cache, "token 39", 64000, &refused));
    put(cache, "large", 5, 1, INFINITY);
    CHECK(!attach(cache, "large", 64000, &refused)); /* what cannot fit displaces nothing */
    CHECK(stats_of(cache).cache_evictions <= stats.cache_evictions + 1 && refused == 0);
    fb__cache_free(cache);
    for (int i = 0; i < 40; i++) {
        CHECK(released[i] == 1);
    }
}

TEST(hashes_are_keyed_and_128_bits_wide)
{
    fb__cache *one = make_cache(16, 1 << 20), *two = make_cache(16, 1 << 20);
    fb__cache_key a = fb__cache_key_of(one, "token", 5), b = fb__cache_key_of(two, "token", 5);
    CHECK(a.hash[0] != b.hash[0] && a.hash[1] != b.hash[1]);
    CHECK(a.hash[0] != a.hash[1]);
    fb__cache_key longer = fb__cache_key_of(one, "token\0", 6);
    CHECK(a.hash[0] != longer.hash[0]);
    fb__cache_free(one);
    fb__cache_free(two);
}

TEST(a_child_process_keeps_what_was_whole)
{
    fb__cache *cache = make_cache(1024, 1 << 20);
    put(cache, "token", 5, 0, INFINITY);
    pid_t child = fork();
    if (child == 0) {
        bool good = holds(cache, "token", 5, 0);
        put(cache, "other", 5, 0, INFINITY);
        _exit(good && holds(cache, "other", 5, 0) ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    fb__cache_free(cache);
}

/* Threads that put, get and outdate the same tokens until told to stop; forks happen meanwhile. */
static atomic_bool stop;

static void *hammer(void *argument)
{
    fb__cache *cache = argument;
    char token[64];
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        size_t size = name_token(token, sizeof(token), i % 500);
        if (!holds(cache, token, size, i / 5000)) {
            put(cache, token, size, i / 5000, INFINITY);
        }
        if (i % 97 == 0) {
            (void)holds(cache, token, size, i);
        }
    }
    return NULL;
}

TEST(forks_while_threads_hold_the_locks)
{
    fb__cache *cache = make_cache(512, 1 << 20);
    pthread_t threads[4];
    atomic_store(&stop, false);
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, hammer, cache) == 0);
    }
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20); /* a lock that stayed locked would hang */
            char token[64];
            for (unsigned n = 0; n < 1000; n++) {
                size_t size = name_token(token, sizeof(token), n);
                put(cache, token, size, 99, INFINITY);
                (void)holds(cache, token, size, 99);
            }
            _exit(stats_of(cache).cache_entries <= 512 ? 0 : 1);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(stats_of(cache).cache_entries <= 512);
    fb__cache_free(cache);
}

int main(void)
{
    RUN(finds_exactly_what_was_put);
    RUN(equal_hashes_are_told_apart_by_the_token);
    RUN(another_generation_of_keys_ends_an_entry);
    RUN(what_is_dead_already_is_not_kept);
    RUN(what_dies_is_let_go);
    RUN(putting_twice_replaces);
    RUN(one_entry_is_a_cache_too);
    RUN(entries_are_bounded);
    RUN(bytes_are_bounded);
    RUN(a_flood_of_tokens_seen_once_leaves_the_others);
    RUN(a_flood_of_large_tokens_leaves_the_others);
    RUN(what_is_asked_for_again_is_kept);
    RUN(an_attachment_counts_and_is_found_with_its_token);
    RUN(an_attachment_dies_with_its_entry_and_the_last_result);
    RUN(attachments_are_bounded_in_bytes);
    RUN(hashes_are_keyed_and_128_bits_wide);
    RUN(a_child_process_keeps_what_was_whole);
#ifdef NO_FORKS
    puts("skipped: forks_while_threads_hold_the_locks: a sanitizer's own locks are not whole in a child of many "
         "threads");
    (void)forks_while_threads_hold_the_locks;
#else
    RUN(forks_while_threads_hold_the_locks);
#endif
    return TEST_RESULT();
}
