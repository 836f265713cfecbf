/*
 * What a verifier says of itself: its keys and its counters; of its issuers: issuer_info.c. Nothing here takes part in
 * a verification.
 */
#include "verify/verify.h"

#include <math.h>

/* ---- keys ------------------------------------------------------------------------------------ */

/* The keys of one issuer. */
struct key_list {
    fb__issuer *issuer; /* references: the texts are theirs */
    fb__keyset *set;    /* NULL: nothing has been fetched */
    double fetched_at, fresh_until;
};

struct fb_keys {
    fb_mem mem;
    size_t list_count, count;
    struct key_list *lists;
    fb_key_info infos[];
};

/* The keys first: a set that comes meanwhile makes these times those of a later one, not of none. */
static void read_keys(struct key_list *out, fb__issuer *issuer, fb_clock clock)
{
    *out = (struct key_list){fb__issuer_retain(issuer), fb__issuer_keyset(issuer), 0.0, (double)INFINITY};
    if (issuer->key_source != NULL) {
        fb__key_source_info info;
        fb__key_source_describe(issuer->key_source, &info);
        out->fetched_at = info.fetched_at - clock.monotonic_seconds + clock.unix_seconds;
        out->fresh_until = info.fresh_until - clock.monotonic_seconds + clock.unix_seconds;
    }
}

static void describe_key(fb_key_info *info, const struct key_list *list, size_t index)
{
    const fb__verification_key *verification_key = &list->set->keys[index];
    const fb__key *key = &verification_key->key;
    info->arithmetic = fb_text("openssl");
    if (list->issuer->policy.with_tables) {
        info->arithmetic = fb_text(fb__selection_name(verification_key, &info->table_bytes));
    }
    info->kid = key->kid;
    info->kty = key->kty_text;
    info->alg = key->alg_text;
    info->crv = key->crv_text;
    info->usable = key->algs != 0;
    info->problem = fb_text(key->problem);
    info->bits = key->bits;
    info->issuer = list->issuer->number;
    info->identifier = fb__issuer_identifier(list->issuer);
    info->fetched_at = list->fetched_at;
    info->fresh_until = list->fresh_until;
}

static void free_lists(const fb_mem *mem, struct key_list *lists, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fb__keyset_release(lists[i].set);
        fb__issuer_release(lists[i].issuer);
    }
    fb__free(mem, lists);
}

static fb_keys *keys_new(const fb_verifier *verifier, const fb__issuer_list *issuers, fb_clock clock)
{
    const fb_mem *mem = &verifier->mem;
    struct key_list *lists = fb__alloc(mem, fb__size_add(fb__size_multiply(issuers->count, sizeof(*lists)), 1));
    if (lists == NULL) {
        return NULL;
    }
    size_t count = 0;
    for (size_t i = 0; i < issuers->count; i++) {
        read_keys(&lists[i], issuers->items[i], clock);
        count += lists[i].set == NULL ? 0 : lists[i].set->count;
    }
    fb_keys *keys = fb__zalloc(mem, fb__size_add(sizeof(*keys), fb__size_multiply(count, sizeof(keys->infos[0]))));
    if (keys == NULL) {
        free_lists(mem, lists, issuers->count);
        return NULL;
    }
    keys->mem = *mem;
    keys->lists = lists;
    keys->list_count = issuers->count;
    for (size_t i = 0; i < issuers->count; i++) {
        for (size_t k = 0; lists[i].set != NULL && k < lists[i].set->count; k++) {
            describe_key(&keys->infos[keys->count++], &lists[i], k);
        }
    }
    return keys;
}

fb_status fb_verifier_keys(const fb_verifier *verifier, fb_clock clock, fb_keys **out, fb_error *error)
{
    fb__issuer_list issuers;
    *out = NULL;
    if (!isfinite(clock.unix_seconds) || !isfinite(clock.monotonic_seconds)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "clock must be finite numbers of seconds");
    }
    if (!fb__verifier_collect(verifier, &issuers)) {
        return fb__out_of_memory(error);
    }
    *out = keys_new(verifier, &issuers, clock);
    fb__verifier_leave(verifier, &issuers);
    return *out == NULL ? fb__out_of_memory(error) : fb__succeed(error);
}

size_t fb_keys_count(const fb_keys *keys)
{
    return keys->count;
}

const fb_key_info *fb_keys_at(const fb_keys *keys, size_t index)
{
    return index < keys->count ? &keys->infos[index] : NULL;
}

void fb_keys_free(fb_keys *keys)
{
    if (keys != NULL) {
        const fb_mem mem = keys->mem;
        free_lists(&mem, keys->lists, keys->list_count);
        fb__free(&mem, keys);
    }
}

/* ---- counters -------------------------------------------------------------------------------- */

void fb__verifier_count(const fb_verifier *verifier, fb__issuer *issuer, fb_status status)
{
    const size_t index = status == FB_OK ? 0 : fb__status_index(status);
    atomic_fetch_add_explicit(&((fb_verifier *)(uintptr_t)verifier)->outcomes[index], 1, memory_order_relaxed);
    if (issuer != NULL) {
        atomic_fetch_add_explicit(&issuer->outcomes[index], 1, memory_order_relaxed);
    }
}

void fb_verifier_count_refusal(const fb_verifier *verifier, fb_status status)
{
    if (status != FB_OK) {
        fb__verifier_count(verifier, NULL, status);
    }
}

void fb_verifier_count_issuer_refusal(const fb_verifier *verifier, uint64_t number, fb_status status)
{
    fb__issuer *issuer = status == FB_OK ? NULL : fb__verifier_issuer(verifier, number);
    if (status != FB_OK) {
        fb__verifier_count(verifier, issuer, status);
    }
    fb__issuer_leave(issuer);
}

struct summing {
    double now;
    fb_stats *out;
};

static void sum_issuer(void *context, fb__issuer *issuer)
{
    const struct summing *summing = context;
    fb_stats *out = summing->out, one = FB_STATS_INIT;
    fb__keyset *set = fb__issuer_keyset(issuer);
    out->table_bytes += set == NULL ? 0 : atomic_load_explicit(&set->tables.bytes, memory_order_relaxed);
    fb__keyset_release(set);
    if (issuer->key_source == NULL) {
        return;
    }
    fb__key_source_stats(issuer->key_source, summing->now, &one);
    out->fetches += one.fetches;
    out->fetch_failures += one.fetch_failures;
    out->generation += one.generation;
    out->keys_held = out->keys_held && one.keys_held;
    out->keys_fresh = out->keys_fresh && one.keys_fresh;
    out->fetch_seconds += one.fetch_seconds;
    out->imports += one.imports;
    out->key_age = fmax(out->key_age, one.key_age);
    out->retry_after = fmax(out->retry_after, one.retry_after);
    out->unknown_kid_retry_after = fmax(out->unknown_kid_retry_after, one.unknown_kid_retry_after);
    if (out->last_error[0] == '\0') {
        memcpy(out->last_error, one.last_error, sizeof(out->last_error));
    }
}

static void sum_outcomes(const fb_verifier *verifier, fb_stats *out)
{
    out->verified = atomic_load_explicit(&verifier->outcomes[0], memory_order_relaxed);
    for (size_t i = 1; i < FB__STATUS_COUNT; i++) {
        uint64_t count = atomic_load_explicit(&verifier->outcomes[i], memory_order_relaxed);
        fb_status status = fb__status_at(i);
        if (count == 0 || !fb__is_verdict(status)) {
            continue;
        }
        out->rejected += count;
        out->reasons[out->reason_count].status = status;
        out->reasons[out->reason_count++].count = count;
    }
}

fb_status fb__verifier_stats(const fb_verifier *verifier, double monotonic_seconds, fb_stats *out, fb_error *error)
{
    if (!isfinite(monotonic_seconds)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "monotonic_seconds must be a finite number of seconds");
    }
    out->keys_held = out->keys_fresh = true;
    out->introspections = atomic_load_explicit(&verifier->introspections, memory_order_relaxed);
    sum_outcomes(verifier, out);
    if (verifier->cache != NULL) {
        fb__cache_stats(verifier->cache, out);
    }
    /* Counted at one moment: while the others are summed up, issuers come and go. */
    out->issuers = fb__verifier_issuer_count(verifier);
    fb__verifier_each(verifier, sum_issuer, &(struct summing){monotonic_seconds, out});
    if (verifier->resolving != NULL) {
        fb__resolving_stats(verifier->resolving, monotonic_seconds, out);
    }
    fb__selection_stats(out);
    return FB_OK;
}
