/* Client keys that are held: those that come again stay, a flood of others goes by, and tables go to those who use
 * them. */
#include "child.h"
#include "failing.h"
#include "proof/proof.h"

#include <openssl/evp.h>
#include <pthread.h>

enum { P256_TABLES = 15, ENOUGH = 24 /* more proofs than a key's table waits for */ };

/* Text that stands for a header. */
static fb_slice name_of(unsigned number)
{
    static _Thread_local char text[32];
    return (fb_slice){text, (size_t)snprintf(text, sizeof(text), "header %u", number)};
}

/* A key with nothing in it, under this header. */
static fb__proof_key *make(unsigned number, size_t more)
{
    const fb_slice name = name_of(number);
    fb__proof_key *key = fb__zalloc(&failing_mem, sizeof(*key) + name.size + more);
    atomic_init(&key->references, 1);
    key->mem = failing_mem;
    key->header_size = name.size + more;
    memset(key->header, 'x', key->header_size);
    memcpy(key->header, name.data, name.size);
    return key;
}

static void keep(fb__proof_keys *keys, unsigned number)
{
    fb__proof_key *key = make(number, 0);
    fb__proof_keys_keep(keys, key);
    fb__proof_key_release(key);
}

static bool find(fb__proof_keys *keys, unsigned number)
{
    fb__proof_key *key = fb__proof_keys_find(keys, name_of(number));
    fb__proof_key_release(key);
    return key != NULL;
}

static uint64_t count(fb__proof_keys *keys)
{
    fb_stats stats = FB_STATS_INIT;
    fb__proof_keys_stats(keys, &stats);
    return stats.proof_keys;
}

static fb__proof_keys *make_keys(void)
{
    fb__proof_keys *keys = NULL;
    CHECK(fb__proof_keys_new(&keys, &failing_mem) == FB_OK);
    return keys;
}

TEST(under_exactly_its_header)
{
    fb__proof_keys *keys = make_keys();
    CHECK(!find(keys, 1));
    keep(keys, 1);
    CHECK(find(keys, 1) && !find(keys, 2) && !find(keys, 11));
    keep(keys, 1); /* by another thread, which read it at the same time */
    CHECK(count(keys) == 1);
    fb__proof_key *key = fb__proof_keys_find(keys, name_of(1));
    fb__proof_keys_free(keys);
    CHECK(key != NULL && key->header_size == name_of(1).size); /* still there for who works with it */
    fb__proof_key_release(key);
    fb__proof_keys_free(NULL);
    CHECK(failing.balance == 0);
}

TEST(a_flood_of_keys_that_come_once_goes_by)
{
    fb__proof_keys *keys = make_keys();
    for (unsigned i = 0; i < 100; i++) {
        keep(keys, i);
        CHECK(find(keys, i));
    }
    for (unsigned i = 1000; i < 11000; i++) {
        keep(keys, i);
    }
    for (unsigned i = 0; i < 100; i++) {
        CHECK(find(keys, i));
    }
    CHECK(!find(keys, 1000) && find(keys, 10999));
    CHECK(count(keys) == 100 + 256);
    fb__proof_keys_free(keys);
    CHECK(failing.balance == 0);
}

TEST(the_one_that_was_used_least_recently_goes)
{
    fb__proof_keys *keys = make_keys();
    for (unsigned i = 0; i < 1792; i++) {
        keep(keys, i);
        CHECK(find(keys, i));
    }
    CHECK(count(keys) == 1792 && find(keys, 0)); /* which makes 1 the oldest */
    keep(keys, 5000);
    CHECK(count(keys) == 1793 && find(keys, 5000) && count(keys) == 1792);
    CHECK(!find(keys, 1) && find(keys, 0) && find(keys, 2) && find(keys, 5000));
    fb__proof_keys_free(keys);
    CHECK(failing.balance == 0);
}

TEST(bounded_in_bytes)
{
    fb__proof_keys *keys = make_keys();
    const size_t large = 16384;
    for (unsigned i = 0; i < 4000; i++) {
        fb__proof_key *key = make(i, large);
        const fb_slice header = {key->header, key->header_size};
        fb__proof_keys_keep(keys, key);
        fb__proof_key *found = fb__proof_keys_find(keys, header);
        CHECK(found == key);
        fb__proof_key_release(found);
        fb__proof_key_release(key);
    }
    CHECK(count(keys) > 500 && count(keys) <= (16 << 20) / large);
    fb__proof_key *huge = make(9999, 3 << 20);
    fb__proof_keys_keep(keys, huge); /* more than there is room for */
    CHECK(fb__proof_keys_find(keys, (fb_slice){huge->header, huge->header_size}) == NULL);
    fb__proof_key_release(huge);
    fb__proof_keys_free(keys);
    CHECK(failing.balance == 0);
}

/* ---- tables --------------------------------------------------------------------------------- */

/* A client: what it signs, and the header it sends. */
struct client {
    fb_string *proof;
    fb__token parts;
};

static void start(struct client *client)
{
    fb_keypair *pair = NULL;
    fb_proof_options options = FB_PROOF_OPTIONS_INIT;
    options.method = fb_text("GET");
    options.url = fb_text("https://h/");
    CHECK(fb_keypair_generate(&pair, fb_text("ES256"), 0, NULL, NULL) == FB_OK);
    CHECK(fb_keypair_dpop_proof(pair, &options, &client->proof, NULL) == FB_OK);
    const fb_slice text = fb_string_text(client->proof);
    CHECK(fb__token_split(text.data, text.size, &client->parts) == FB_OK);
    fb_keypair_free(pair);
}

/* So many proofs of a client, as dpop.c checks them; whether it has a table in the end. */
static bool prove(fb__proof_keys *keys, const struct client *client, int times)
{
    bool table = false;
    for (int i = 0; i < times; i++) {
        const char *problem = NULL;
        fb__proof_key *key = fb__proof_keys_find(keys, client->parts.header);
        const bool held = key != NULL;
        if (!held) {
            fb__proof_key_read(&key, &failing_mem, UINT32_MAX, keys, client->parts.header, &problem);
        }
        CHECK(key != NULL && fb__signature_verify(&key->key, key->alg, client->parts.signing_input,
                                                  client->parts.signature, true) == FB_OK);
        if (!held) {
            fb__proof_keys_keep(keys, key);
        }
        table = atomic_load(&key->key.table) != NULL;
        fb__proof_key_release(key);
    }
    return table;
}

static uint64_t table_bytes(fb__proof_keys *keys)
{
    fb_stats stats = FB_STATS_INIT;
    fb__proof_keys_stats(keys, &stats);
    return stats.table_bytes;
}

TEST(tables_go_to_keys_that_come_often)
{
    struct client clients[P256_TABLES + 2];
    fb__proof_keys *keys = make_keys();
    for (int i = 0; i < P256_TABLES + 2; i++) {
        start(&clients[i]);
        CHECK(!prove(keys, &clients[i], 2));
    }
    CHECK(table_bytes(keys) == 0);
    if (!prove(keys, &clients[0], ENOUGH)) {
        SKIP("there is no arithmetic of our own here");
    } else {
        for (int i = 1; i < P256_TABLES; i++) {
            CHECK(prove(keys, &clients[i], ENOUGH));
        }
        const uint64_t full = table_bytes(keys);
        CHECK(full <= 4 << 20 && full + full / P256_TABLES > 4 << 20);
        /* The budget is used up. While its owners come too, a table stays where it is. */
        for (int round = 0; round < 10; round++) {
            CHECK(!prove(keys, &clients[P256_TABLES], ENOUGH));
            for (int i = 0; i < P256_TABLES; i++) {
                CHECK(prove(keys, &clients[i], 1));
            }
        }
        /* When they stay away, the one that has been away for longest loses it to one that comes often. */
        CHECK(prove(keys, &clients[P256_TABLES], 10 * ENOUGH));
        CHECK(!prove(keys, &clients[0], 1) && prove(keys, &clients[1], 1));
        CHECK(table_bytes(keys) == full);
    }
    for (int i = 0; i < P256_TABLES + 2; i++) {
        fb_string_free(clients[i].proof);
    }
    fb__proof_keys_free(keys);
    CHECK(failing.balance == 0);
}

/* ---- threads and processes ------------------------------------------------------------------ */

static fb__proof_keys *shared;
static atomic_bool stop;

static void *work(void *argument)
{
    unsigned random = *(const unsigned *)argument;
    for (int i = 0; i < 20000 || !atomic_load(&stop); i++) {
        random = random * 1664525u + 1013904223u;
        const unsigned number = (random >> 8) % 3000;
        if (!find(shared, number)) {
            keep(shared, number);
        }
    }
    return NULL;
}

TEST(threads_and_children)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    unsigned seeds[THREADS] = {1, 2, 3, 4};
    shared = make_keys();
    keep(shared, 100000);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, work, &seeds[i]) == 0);
    }
    for (int i = 0; i < 10; i++) {
        const pid_t child = child_start();
        if (child == 0) {
            keep(shared, 100001);
            child_end(find(shared, 100001) && count(shared) <= 2048);
        }
        CHECK(child_wait(child) == 1);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(count(shared) <= 2048);
    fb__proof_keys_free(shared);
    CHECK(failing.balance == 0);
}

int main(void)
{
    RUN(under_exactly_its_header);
    RUN(a_flood_of_keys_that_come_once_goes_by);
    RUN(the_one_that_was_used_least_recently_goes);
    RUN(bounded_in_bytes);
    RUN(tables_go_to_keys_that_come_often);
    RUN(threads_and_children);
    return TEST_RESULT();
}
