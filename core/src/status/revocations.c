/*
 * A set of revoked tokens and subjects. Given names that the host brings, and results of tokens that passed everything
 * else. It must never forget what it was told and has taken: what it cannot keep it refuses, and where a child of a
 * fork cannot know what it held, it says so.
 *
 * This file has its life and its answers; revoking.c has what changes it. Readers lock one of its shards at a time.
 */
#include "status/revocations.h"

#include <math.h>
#include <sched.h>

enum { MAX_ENTRIES = 1 << 24, STACK_TEXT = 512 };

static const fb_slice jti_name = {"jti", 3}, sub_name = {"sub", 3};

/* ---- life ----------------------------------------------------------------------------------- */

static bool init_locks(fb_revocations *set)
{
    int made = 0;
    while (made < FB__REVOCATION_SHARDS && pthread_mutex_init(&set->shards[made].lock, NULL) == 0) {
        made++;
    }
    if (made == FB__REVOCATION_SHARDS && pthread_mutex_init(&set->writing, NULL) == 0) {
        return true;
    }
    while (made > 0) {
        (void)pthread_mutex_destroy(&set->shards[--made].lock);
    }
    return false;
}

fb_status fb_revocations_new(fb_revocations **out, size_t max_entries, const fb_mem *given, fb_error *error)
{
    FB__INSIDE_GATE;
    const fb_mem mem = given == NULL ? fb__mem_default : *given;
    *out = NULL;
    if (max_entries < 1 || max_entries > MAX_ENTRIES) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "max_entries must be 1 to %d", MAX_ENTRIES);
    }
    fb_revocations *set = fb__zalloc(&mem, sizeof(*set));
    if (set == NULL) {
        return fb__out_of_memory(error);
    }
    atomic_init(&set->references, 1);
    fb__process_init(&set->process);
    set->mem = mem;
    set->max_entries = max_entries;
    set->sweep_at = (double)INFINITY;
    if (!fb__random(set->seed, sizeof(set->seed)) || !init_locks(set)) {
        fb__free(&mem, set);
        return fb__reject(error, FB_INTERNAL_ERROR, (fb_slice){NULL, 0});
    }
    *out = set;
    return fb__succeed(error);
}

fb_revocations *fb__revocations_retain(fb_revocations *set)
{
    if (set != NULL) {
        atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    }
    return set;
}

void fb_revocations_free(fb_revocations *set)
{
    if (set == NULL || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    const fb_mem mem = set->mem;
    for (size_t i = 0; i < FB__REVOCATION_SHARDS; i++) {
        fb__free(&mem, set->shards[i].table.places);
        (void)pthread_mutex_destroy(&set->shards[i].lock);
    }
    (void)pthread_mutex_destroy(&set->writing);
    fb__free(&mem, set);
}

static void count_anew(fb_revocations *set)
{
    atomic_store(&set->tokens, 0);
    atomic_store(&set->subjects, 0);
    for (size_t s = 0; s < FB__REVOCATION_SHARDS; s++) {
        const fb__revoked_table *table = &set->shards[s].table;
        for (size_t i = 0; i < table->room; i++) {
            atomic_fetch_add(fb__revocation_counter(set, &table->places[i]), fb__revocation_is_held(&table->places[i]));
        }
    }
}

/*
 * In a child of a fork the set is the child's own copy. A fork waits for those who are inside the gate, as everybody
 * who comes here is; where it did not wait long enough, a lock is held by a thread that is not there, and what it was
 * doing is half done. Then nobody can say what is revoked until the set has been filled again.
 */
void fb__revocations_follow_fork(fb_revocations *set)
{
    fb__process_state state = fb__process_check(&set->process);
    for (; state == FB__PROCESS_BUSY; state = fb__process_check(&set->process)) {
        (void)sched_yield();
    }
    if (state == FB__PROCESS_SAME) {
        return;
    }
    bool whole = pthread_mutex_trylock(&set->writing) == 0;
    if (whole) {
        (void)pthread_mutex_unlock(&set->writing);
    }
    for (size_t i = 0; i < FB__REVOCATION_SHARDS; i++) {
        if (pthread_mutex_trylock(&set->shards[i].lock) == 0) {
            (void)pthread_mutex_unlock(&set->shards[i].lock);
        } else {
            set->shards[i].table = (fb__revoked_table){.places = NULL};
            whole = false;
        }
    }
    if (!whole) {
        (void)init_locks(set);
        count_anew(set);
        atomic_store(&set->lost, true);
    }
    fb__process_done(&set->process);
}

void fb__revocation_hash(const fb_revocations *set, fb_slice issuer, fb_slice name, bool of_subject, uint64_t out[2])
{
    uint64_t parts[5] = {(of_subject ? 2U : 0U) + (issuer.data == NULL ? 1U : 0U)};
    fb__siphash(set->seed, issuer.data, issuer.size, parts + 1);
    fb__siphash(set->seed, name.data, name.size, parts + 3);
    fb__siphash(set->seed, (const char *)parts, sizeof(parts), out);
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool holds(fb_revocations *set, const uint64_t hash[2], double now, double issued_at)
{
    fb__revocation_shard *shard = fb__revocation_shard_of(set, hash);
    (void)pthread_mutex_lock(&shard->lock);
    const fb__revoked *found = fb__revoked_find(&shard->table, hash);
    const bool revoked = found != NULL && found->until > now && issued_at <= found->before;
    (void)pthread_mutex_unlock(&shard->lock);
    if (revoked) {
        atomic_fetch_add_explicit(&set->hits, 1, memory_order_relaxed);
    }
    return revoked;
}

/* What a token is named by; jti and subject may be absent. */
struct names {
    fb_slice issuer, jti, subject;
    double issued_at; /* -INFINITY: it does not say so, and was issued before */
};

static fb_status look_up(fb_revocations *set, const struct names *names, double now, fb_error *error)
{
    uint64_t hash[2];
    if (names->jti.data != NULL && atomic_load_explicit(&set->tokens, memory_order_acquire) > 0) {
        fb__revocation_hash(set, names->issuer, names->jti, false, hash);
        if (holds(set, hash, now, 0.0)) {
            return fb__reject(error, FB_TOKEN_REVOKED, jti_name);
        }
    }
    if (names->subject.data != NULL && atomic_load_explicit(&set->subjects, memory_order_acquire) > 0) {
        fb__revocation_hash(set, names->issuer, names->subject, true, hash);
        if (holds(set, hash, now, names->issued_at)) {
            return fb__reject(error, FB_TOKEN_REVOKED, sub_name);
        }
    }
    return fb__succeed(error);
}

/* Whether the set can answer at all. */
static fb_status check_set(fb_revocations *set, double now, fb_error *error)
{
    if (!isfinite(now)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "unix_seconds must be a finite number of seconds");
    }
    fb__revocations_follow_fork(set);
    if (atomic_load_explicit(&set->lost, memory_order_acquire)) {
        return fb__fail(error, FB_STATUS_UNAVAILABLE, "what was revoked before the fork is not known");
    }
    return FB_OK;
}

fb_status fb_revocations_look_up(fb_revocations *set, fb_slice issuer, fb_slice jti, fb_slice subject, double issued_at,
                                 double unix_seconds, fb_error *error)
{
    FB__INSIDE_GATE;
    const fb_status status = check_set(set, unix_seconds, error);
    const struct names names = {issuer, jti, subject, isnan(issued_at) ? -(double)INFINITY : issued_at};
    return status == FB_OK ? look_up(set, &names, unix_seconds, error) : status;
}

/* The jti of a token, which may be written with escapes: then it is put into stack, or into *owned. */
static bool read_jti(const fb_revocations *set, const fb_result *result, char stack[STACK_TEXT], char **owned,
                     fb_slice *out)
{
    const size_t index = fb_result_claim(result, jti_name);
    const fb_node *node = &result->nodes[index];
    if (index == 0 || node->kind != FB_STRING) {
        return true;
    }
    *out = (fb_slice){result->payload.data + node->offset, node->length};
    if (!node->escaped) {
        return true;
    }
    char *text = node->length <= STACK_TEXT ? stack : (*owned = fb__alloc(&set->mem, node->length));
    if (text != NULL) {
        *out = (fb_slice){text, fb_unescape(out->data, out->size, text)};
    }
    return text != NULL;
}

fb_status fb_revocations_check(fb_revocations *set, const fb_result *result, double unix_seconds, fb_error *error)
{
    FB__INSIDE_GATE;
    fb_status status = check_set(set, unix_seconds, error);
    if (status != FB_OK) {
        return status;
    }
    const double issued_at = result->has_iat ? result->iat.value : -(double)INFINITY;
    struct names names = {result->iss, {NULL, 0}, result->subject, issued_at};
    char stack[STACK_TEXT], *owned = NULL;
    const bool by_jti = atomic_load_explicit(&set->tokens, memory_order_acquire) > 0;
    if (by_jti && !read_jti(set, result, stack, &owned, &names.jti)) {
        return fb__out_of_memory(error);
    }
    status = look_up(set, &names, unix_seconds, error);
    fb__free(&set->mem, owned);
    return status;
}

bool fb_revocations_describe(fb_revocations *set, fb_revocations_info *out)
{
    FB__INSIDE_GATE;
    fb_revocations_info info = FB_REVOCATIONS_INFO_INIT;
    fb__revocations_follow_fork(set);
    (void)pthread_mutex_lock(&set->writing);
    info.tokens = atomic_load(&set->tokens);
    info.subjects = atomic_load(&set->subjects);
    info.max_entries = set->max_entries;
    info.bytes = sizeof(*set);
    for (size_t i = 0; i < FB__REVOCATION_SHARDS; i++) {
        info.bytes += set->shards[i].table.room * sizeof(fb__revoked);
    }
    info.refused = set->refused;
    (void)pthread_mutex_unlock(&set->writing);
    info.hits = atomic_load_explicit(&set->hits, memory_order_relaxed);
    return fb__fill(out, &info, sizeof(info));
}
