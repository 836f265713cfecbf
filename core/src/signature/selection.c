/*
 * Which arithmetic serves a key, and the watch over ours. Given keys that were imported and found sound. A path gets to
 * decide about tokens only after it has given known answers in this process, for a key that has verified enough tokens
 * to pay for a table; the first verification of each table and, at random, one in FB__FAST_CHECK are done both ways,
 * and a path that contradicts OpenSSL once decides nothing more. Never makes a verification wait for another one's
 * table.
 */
#include "signature/signature.h"

#include <limits.h>
#include <math.h>

enum { PATHS = 3 };
static const fb__fast_path *const paths[PATHS] = {&fb__fast_rsa, &fb__fast_p256, &fb__fast_ed25519};

/* What this process knows of a path. The low bits are one of these; while PREPARING, the others are the generation of
 * fork.c: what another process's thread began nobody will end here. */
enum { UNTRIED, PREPARING, READY, SELF_TEST_FAILED, DISAGREED, STATE_BITS = 3, STATE_MASK = 7 };
static struct {
    atomic_uint state;
    atomic_uint_least64_t checks, disagreements;
} watches[PATHS];

static bool prepare(size_t path)
{
    unsigned seen = atomic_load_explicit(&watches[path].state, memory_order_acquire);
    const unsigned claim = PREPARING | fb__fork_generation() << STATE_BITS;
    if ((seen & STATE_MASK) == READY) {
        return true;
    }
    if ((seen != UNTRIED && (seen & STATE_MASK) != PREPARING) || seen == claim ||
        !atomic_compare_exchange_strong(&watches[path].state, &seen, claim)) {
        return false;
    }
    static const unsigned outcomes[] = {
        [FB__FAST_RIGHT] = READY, [FB__FAST_WRONG] = SELF_TEST_FAILED, [FB__FAST_NO_MEMORY] = UNTRIED};
    const unsigned outcome = outcomes[paths[path]->prepare()];
    atomic_store_explicit(&watches[path].state, outcome, memory_order_release);
    return outcome == READY;
}

static size_t path_of(const fb__key *key)
{
    size_t path = 0;
    while (path < PATHS && key->fast != paths[path]) {
        path++;
    }
    return path;
}

void fb__fast_adopt(fb__key *key, fb__tables *tables)
{
    key->tables = tables;
    for (size_t i = 0; i < PATHS && key->algs != 0; i++) {
        const size_t size = paths[i]->supported() ? paths[i]->table_size(key) : 0;
        if (size > 0) {
            key->fast = paths[i];
            key->fast_size = size;
            return;
        }
    }
}

/* False: there may be a table for the key another time. */
static bool build(fb__key *key)
{
    fb__tables *tables = key->tables;
    const size_t bytes = fb__size_add(key->fast_size, FB__FAST_ALIGNMENT);
    if (!prepare(path_of(key))) {
        unsigned state = atomic_load_explicit(&watches[path_of(key)].state, memory_order_relaxed) & STATE_MASK;
        return state != UNTRIED && state != PREPARING;
    }
    bool room = atomic_fetch_add_explicit(&tables->bytes, bytes, memory_order_relaxed) + bytes <= FB__MAX_TABLE_BYTES;
    key->fast_memory = room ? fb__alloc(tables->mem, bytes) : NULL;
    if (key->fast_memory != NULL) {
        uintptr_t address = (uintptr_t)key->fast_memory + FB__FAST_ALIGNMENT - 1;
        void *table = (void *)(address - address % FB__FAST_ALIGNMENT);
        if (key->fast->build(table, key)) {
            key->fast_bytes = bytes;
            atomic_store_explicit(&key->fast_uses, 0, memory_order_relaxed);
            atomic_store_explicit(&key->fast_check_at, 0, memory_order_relaxed);
            atomic_store_explicit(&key->fast_table, table, memory_order_release);
            return true;
        }
    }
    fb__free(tables->mem, key->fast_memory);
    key->fast_memory = NULL;
    atomic_fetch_sub_explicit(&tables->bytes, bytes, memory_order_relaxed);
    return !room;
}

void fb__fast_count(fb__key *key)
{
    if (key->fast == NULL || atomic_load_explicit(&key->fast_claimed, memory_order_relaxed)) {
        return;
    }
    unsigned uses = atomic_fetch_add_explicit(&key->fast_uses, 1, memory_order_relaxed) + 1;
    if (uses >= key->fast->threshold && !atomic_exchange_explicit(&key->fast_claimed, true, memory_order_acquire) &&
        !build(key)) {
        atomic_store_explicit(&key->fast_uses, 0, memory_order_relaxed);
        atomic_store_explicit(&key->fast_claimed, false, memory_order_release);
    }
}

const void *fb__fast_table(const fb__key *key)
{
    const void *table = atomic_load_explicit(&((fb__key *)(uintptr_t)key)->fast_table, memory_order_acquire);
    if (table != NULL && atomic_load_explicit(&watches[path_of(key)].state, memory_order_relaxed) != READY) {
        return NULL; /* it has contradicted OpenSSL since */
    }
    return table;
}

/*
 * How many verifications until one is done both ways. Whether one is must not be told beforehand, by a forger who has
 * found a weakness and knows how many tokens went by: so each has the same chance, whatever came before it, which makes
 * the distances geometric.
 */
static unsigned draw_distance(void)
{
    uint64_t random;
    if (!fb__random(&random, sizeof(random))) {
        return 1;
    }
    const double uniform = ((double)(random >> 11) + 1.0) * 0x1p-53; /* above 0, at most 1 */
    const double one_in = FB__FAST_CHECK;
    return 1 + (unsigned)fmin(log(uniform) / log1p(-1.0 / one_in), one_in * 64.0);
}

bool fb__fast_check_due(fb__key *key)
{
    const unsigned use = atomic_fetch_add_explicit(&key->fast_uses, 1, memory_order_relaxed);
    unsigned next = atomic_load_explicit(&key->fast_check_at, memory_order_relaxed);
    if (use - next > UINT_MAX / 2 || /* not there yet; both wrap */
        !atomic_compare_exchange_strong(&key->fast_check_at, &next, use + draw_distance())) {
        return false;
    }
    atomic_fetch_add_explicit(&watches[path_of(key)].checks, 1, memory_order_relaxed);
    return true;
}

void fb__fast_disagreed(const fb__key *key)
{
    size_t path = path_of(key);
    atomic_store_explicit(&watches[path].state, DISAGREED, memory_order_relaxed);
    atomic_fetch_add(&watches[path].disagreements, 1);
}

uint64_t fb__arithmetic_epoch(void)
{
    uint64_t epoch = 0;
    for (size_t i = 0; i < PATHS; i++) {
        epoch += atomic_load_explicit(&watches[i].disagreements, memory_order_acquire);
    }
    return epoch;
}

void fb__fast_forget(fb__key *key)
{
    if (key->fast_memory != NULL) {
        fb__free(key->tables->mem, key->fast_memory);
        atomic_fetch_sub_explicit(&key->tables->bytes, key->fast_bytes, memory_order_relaxed);
    }
}

void fb__fast_stats(fb_stats *out)
{
    for (size_t i = 0; i < PATHS; i++) {
        out->arithmetic_checks += atomic_load_explicit(&watches[i].checks, memory_order_relaxed);
        out->arithmetic_disagreements += atomic_load_explicit(&watches[i].disagreements, memory_order_relaxed);
    }
}

const char *fb_arithmetic_problem(void)
{
    static const char *const texts[PATHS][2] = {
        {"the fast arithmetic for RSA failed its self-test and is not used; OpenSSL verifies",
         "the fast arithmetic for RSA contradicted OpenSSL and is used no more; OpenSSL verifies"},
        {"the fast arithmetic for ES256 failed its self-test and is not used; OpenSSL verifies",
         "the fast arithmetic for ES256 contradicted OpenSSL and is used no more; OpenSSL verifies"},
        {"the fast arithmetic for Ed25519 failed its self-test and is not used; OpenSSL verifies",
         "the fast arithmetic for Ed25519 contradicted OpenSSL and is used no more; OpenSSL verifies"},
    };
    for (size_t i = 0; i < PATHS; i++) {
        unsigned state = atomic_load_explicit(&watches[i].state, memory_order_relaxed);
        if (state == SELF_TEST_FAILED || state == DISAGREED) {
            return texts[i][state == DISAGREED];
        }
    }
    return NULL;
}
