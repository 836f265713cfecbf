/*
 * Which arithmetic serves a key, and the watch over ours. Given keys that were imported and found sound. An arithmetic
 * gets to decide about tokens only after it has given known answers in this process, for a key that has verified enough
 * tokens to pay for a table; the first verification of each table and, at random, one in FB__CHECK_INTERVAL are done by
 * OpenSSL as well, and what contradicts OpenSSL once decides nothing more. Never makes a verification wait for another
 * one's table.
 */
#include "signature/selection.h"

#include <limits.h>
#include <math.h>

/* What this process knows of an arithmetic. The low bits of state are one of these; while PREPARING, the others are the
 * generation of fork.c: what another process's thread began nobody will end here. */
enum { UNTRIED, PREPARING, READY, SELF_TEST_FAILED, DISAGREED, STATE_BITS = 3, STATE_MASK = 7 };
struct fb__selection {
    const fb__arithmetic *arithmetic;
    const char *self_test_failed, *disagreed; /* for the log */
    atomic_uint state;
    atomic_uint_least64_t checks, disagreements;
};

#define SENTENCES(kind)                                                                   \
    "our arithmetic for " kind " failed its self-test and is not used; OpenSSL verifies", \
        "our arithmetic for " kind " contradicted OpenSSL and is used no more; OpenSSL verifies"
static struct fb__selection selections[] = {
    {&fb__arithmetic_rsa, SENTENCES("RSA"), UNTRIED, 0, 0},
    {&fb__arithmetic_p256, SENTENCES("ES256"), UNTRIED, 0, 0},
    {&fb__arithmetic_ed25519, SENTENCES("Ed25519"), UNTRIED, 0, 0},
};
enum { SELECTIONS = sizeof(selections) / sizeof(selections[0]) };

/* ---- room for tables ------------------------------------------------------------------------ */

fb__table_budget *fb__table_budget_new(const fb_mem *mem)
{
    fb__table_budget *budget = fb__zalloc(mem, sizeof(*budget));
    if (budget != NULL) {
        atomic_init(&budget->references, 1);
        budget->mem = *mem;
    }
    return budget;
}

fb__table_budget *fb__table_budget_retain(fb__table_budget *budget)
{
    atomic_fetch_add_explicit(&budget->references, 1, memory_order_relaxed);
    return budget;
}

void fb__table_budget_release(fb__table_budget *budget)
{
    if (budget != NULL && atomic_fetch_sub_explicit(&budget->references, 1, memory_order_acq_rel) == 1) {
        const fb_mem mem = budget->mem;
        fb__free(&mem, budget);
    }
}

static bool take(atomic_size_t *total, size_t bytes, size_t limit)
{
    if (atomic_fetch_add_explicit(total, bytes, memory_order_relaxed) + bytes <= limit) {
        return true;
    }
    atomic_fetch_sub_explicit(total, bytes, memory_order_relaxed);
    return false;
}

static void give_back(fb__tables *tables, size_t bytes)
{
    atomic_fetch_sub_explicit(&tables->bytes, bytes, memory_order_relaxed);
    if (tables->budget != NULL) {
        atomic_fetch_sub_explicit(&tables->budget->bytes, bytes, memory_order_relaxed);
    }
}

/* Of the set and of all sets. */
static bool take_room(fb__tables *tables, size_t bytes)
{
    if (!take(&tables->bytes, bytes, FB__MAX_TABLE_BYTES)) {
        return false;
    }
    if (tables->budget == NULL || take(&tables->budget->bytes, bytes, FB__TABLE_BUDGET)) {
        return true;
    }
    atomic_fetch_sub_explicit(&tables->bytes, bytes, memory_order_relaxed);
    return false;
}

/* ---- tables --------------------------------------------------------------------------------- */

void fb__selection_init(fb__verification_key *key, fb__tables *tables)
{
    key->tables = tables;
    for (size_t i = 0; i < SELECTIONS && key->key.algs != 0; i++) {
        const fb__arithmetic *arithmetic = selections[i].arithmetic;
        const size_t size = arithmetic->supported() ? arithmetic->table_size(&key->key) : 0;
        if (size > 0) {
            key->selection = &selections[i];
            key->table_size = size;
            return;
        }
    }
}

void fb__selection_clear(fb__verification_key *key)
{
    if (key->table_memory != NULL) {
        fb__free(key->tables->mem, key->table_memory);
        give_back(key->tables, key->table_bytes);
    }
}

/* False: not now; the state says whether another time. */
static bool prepare(struct fb__selection *selection, const fb_mem *mem)
{
    static const unsigned outcomes[] = {
        [FB__SELF_TEST_RIGHT] = READY, [FB__SELF_TEST_WRONG] = SELF_TEST_FAILED, [FB__SELF_TEST_NO_MEMORY] = UNTRIED};
    unsigned seen = atomic_load_explicit(&selection->state, memory_order_acquire);
    const unsigned claim = PREPARING | fb__fork_generation() << STATE_BITS;
    if ((seen & STATE_MASK) == READY) {
        return true;
    }
    if ((seen != UNTRIED && (seen & STATE_MASK) != PREPARING) || seen == claim ||
        !atomic_compare_exchange_strong(&selection->state, &seen, claim)) {
        return false;
    }
    const unsigned outcome = outcomes[selection->arithmetic->prepare(mem)];
    atomic_store_explicit(&selection->state, outcome, memory_order_release);
    return outcome == READY;
}

/* The table in memory that is large enough for it to be aligned. False: no table, and nothing is kept. */
static bool fill(fb__verification_key *key, size_t bytes)
{
    void *memory = fb__alloc(key->tables->mem, bytes);
    if (memory == NULL) {
        return false;
    }
    const uintptr_t address = (uintptr_t)memory + FB__TABLE_ALIGNMENT - 1;
    void *table = (void *)(address - address % FB__TABLE_ALIGNMENT);
    if (!key->selection->arithmetic->build(table, &key->key)) {
        fb__free(key->tables->mem, memory);
        return false;
    }
    key->table_memory = memory;
    key->table_bytes = bytes;
    atomic_store_explicit(&key->uses, 0, memory_order_relaxed);
    atomic_store_explicit(&key->check_at, 0, memory_order_relaxed);
    atomic_store_explicit(&key->table, table, memory_order_release);
    return true;
}

/* False: there may be a table for the key another time. */
static bool build(fb__verification_key *key)
{
    const size_t bytes = fb__size_add(key->table_size, FB__TABLE_ALIGNMENT);
    if (!prepare(key->selection, key->tables->mem)) {
        const unsigned state = atomic_load_explicit(&key->selection->state, memory_order_relaxed) & STATE_MASK;
        return state != UNTRIED && state != PREPARING;
    }
    if (!take_room(key->tables, bytes)) {
        return false; /* another key may go */
    }
    if (fill(key, bytes)) {
        return true;
    }
    give_back(key->tables, bytes);
    return false;
}

void fb__selection_count(fb__verification_key *key)
{
    if (key->selection == NULL || atomic_load_explicit(&key->is_claimed, memory_order_relaxed)) {
        return;
    }
    const unsigned uses = atomic_fetch_add_explicit(&key->uses, 1, memory_order_relaxed) + 1;
    if (uses >= key->selection->arithmetic->threshold &&
        !atomic_exchange_explicit(&key->is_claimed, true, memory_order_acquire) && !build(key)) {
        atomic_store_explicit(&key->uses, 0, memory_order_relaxed);
        atomic_store_explicit(&key->is_claimed, false, memory_order_release);
    }
}

const void *fb__selection_table(const fb__verification_key *key, const fb__arithmetic **arithmetic)
{
    const void *table = atomic_load_explicit(&key->table, memory_order_acquire);
    if (table == NULL || atomic_load_explicit(&key->selection->state, memory_order_relaxed) != READY) {
        return NULL; /* there is none, or it has contradicted OpenSSL since */
    }
    *arithmetic = key->selection->arithmetic;
    return table;
}

/* ---- the watch ------------------------------------------------------------------------------ */

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
    const double one_in = FB__CHECK_INTERVAL;
    return 1 + (unsigned)fmin(log(uniform) / log1p(-1.0 / one_in), one_in * 64.0);
}

bool fb__selection_check_due(fb__verification_key *key)
{
    const unsigned use = atomic_fetch_add_explicit(&key->uses, 1, memory_order_relaxed);
    unsigned next = atomic_load_explicit(&key->check_at, memory_order_relaxed);
    if (use - next > UINT_MAX / 2 || /* not there yet; both wrap */
        !atomic_compare_exchange_strong(&key->check_at, &next, use + draw_distance())) {
        return false;
    }
    atomic_fetch_add_explicit(&key->selection->checks, 1, memory_order_relaxed);
    return true;
}

void fb__selection_disagreed(fb__verification_key *key)
{
    atomic_store_explicit(&key->selection->state, DISAGREED, memory_order_relaxed);
    atomic_fetch_add(&key->selection->disagreements, 1);
}

uint64_t fb__selection_epoch(void)
{
    uint64_t epoch = 0;
    for (size_t i = 0; i < SELECTIONS; i++) {
        epoch += atomic_load_explicit(&selections[i].disagreements, memory_order_acquire);
    }
    return epoch;
}

void fb__selection_stats(fb_stats *out)
{
    for (size_t i = 0; i < SELECTIONS; i++) {
        out->arithmetic_checks += atomic_load_explicit(&selections[i].checks, memory_order_relaxed);
        out->arithmetic_disagreements += atomic_load_explicit(&selections[i].disagreements, memory_order_relaxed);
    }
}

const char *fb__selection_name(const fb__verification_key *key, size_t *table_bytes)
{
    const fb__arithmetic *arithmetic = NULL;
    const bool served = fb__selection_table(key, &arithmetic) != NULL;
    *table_bytes = served ? key->table_bytes : 0;
    return served ? arithmetic->name : "openssl";
}

const char *fb_arithmetic_problem(void)
{
    for (size_t i = 0; i < SELECTIONS; i++) {
        const unsigned state = atomic_load_explicit(&selections[i].state, memory_order_relaxed);
        if (state == SELF_TEST_FAILED || state == DISAGREED) {
            return state == DISAGREED ? selections[i].disagreed : selections[i].self_test_failed;
        }
    }
    return NULL;
}
