/*
 * What a verifier says of its issuers: their counters, the state of their key sets, and whether their tokens can be
 * verified now. Nothing here takes part in a verification.
 */
#include "verify/verify.h"

#include <math.h>
#include <stdio.h>

/* ---- which there are ------------------------------------------------------------------------- */

static void collect_issuer(void *context, fb__issuer *issuer)
{
    fb__issuer_list *list = context;
    if (list->count < list->room) {
        list->items[list->count++] = fb__issuer_enter(issuer);
    }
}

/* Those of the options have the smallest numbers, in their order. */
static int by_number(const void *one, const void *other)
{
    const uint64_t a = (*(fb__issuer *const *)one)->number, b = (*(fb__issuer *const *)other)->number;
    return a < b ? -1 : a > b;
}

bool fb__verifier_collect(const fb_verifier *verifier, fb__issuer_list *out)
{
    *out = (fb__issuer_list){.room = fb__verifier_issuer_count(verifier)};
    out->items = fb__alloc(&verifier->mem, fb__size_add(fb__size_multiply(out->room, sizeof(*out->items)), 1));
    if (out->items == NULL) {
        return false;
    }
    fb__verifier_each(verifier, collect_issuer, out);
    qsort(out->items, out->count, sizeof(*out->items), by_number);
    return true;
}

void fb__verifier_leave(const fb_verifier *verifier, fb__issuer_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        fb__issuer_leave(list->items[i]);
    }
    fb__free(&verifier->mem, list->items);
}

/* ---- one of them ----------------------------------------------------------------------------- */

/* What the texts of one issuer need beside its own. */
struct texts {
    char jwks_uri[FB__MAX_URL];
    char last_error[sizeof(((fb_stats *)NULL)->last_error)];
    char problem[sizeof(((fb_stats *)NULL)->last_error) + 80];
    char name[FB__SOURCE_NAME];
};

struct fb_issuers {
    fb_mem mem;
    size_t count;
    struct item {
        fb_issuer_info info;
        fb__issuer *issuer;  /* a reference: the identifier is its */
        struct texts *texts; /* NULL: its keys are not fetched */
        fb_reason_count reasons[FB__STATUS_COUNT];
    } items[];
};

static void describe_outcomes(struct item *item, const fb__issuer *issuer)
{
    fb_issuer_info *info = &item->info;
    info->verified = atomic_load_explicit(&issuer->outcomes[0], memory_order_relaxed);
    info->reasons = item->reasons;
    for (size_t i = 1; i < FB__STATUS_COUNT; i++) {
        const uint64_t count = atomic_load_explicit(&issuer->outcomes[i], memory_order_relaxed);
        const fb_status status = fb__status_at(i);
        if (count > 0 && fb__is_verdict(status)) {
            item->reasons[info->reason_count++] = (fb_reason_count){status, count};
            info->rejected += count;
        }
    }
}

static void describe_issuer(struct item *item, const fb_verifier *verifier, fb__issuer *issuer)
{
    fb_issuer_info *info = &item->info;
    item->issuer = fb__issuer_retain(issuer);
    info->number = issuer->number;
    info->identifier = fb__issuer_identifier(issuer);
    info->fetched = issuer->key_source != NULL;
    info->added = fb__verifier_added(verifier, issuer);
    info->introspection = fb__issuer_introspection(issuer);
    info->keys_held = info->keys_fresh = true;
    info->fresh_for = (double)INFINITY;
    info->problem = fb_text("");
    describe_outcomes(item, issuer);
}

/*
 * A set that has lapsed because nobody came is no trouble: the next token has it fetched. To call that "not ready"
 * would keep the tokens away that end it.
 */
static fb_health evaluate(const fb__key_source_info *source, const fb_stats *stats, const char **what)
{
    if (stats->keys_fresh) {
        return FB_READY;
    }
    if (stats->keys_held) {
        *what = "the keys are past their freshness, and cannot be fetched";
        return FB_DEGRADED;
    }
    if (isfinite(source->fetched_at) && !source->failing) {
        *what = "the keys have run out, and the next token has them fetched";
        return FB_DEGRADED;
    }
    *what = !source->failing               ? "no keys have been fetched yet"
            : isfinite(source->fetched_at) ? "the keys are too old, and cannot be fetched"
                                           : "no keys are held, and they cannot be fetched";
    return FB_NOT_READY;
}

static void describe_health(fb_issuer_info *info, struct texts *texts, const fb__key_source_info *source,
                            const fb_stats *stats)
{
    const char *what = "";
    info->health = evaluate(source, stats, &what);
    const bool says_why = info->health != FB_READY && source->failing && stats->last_error[0] != '\0';
    (void)snprintf(texts->problem, sizeof(texts->problem), "%s%s%s", what, says_why ? ": " : "",
                   says_why ? stats->last_error : "");
    info->problem = fb_text(texts->problem);
}

/* False: out of memory. */
static bool describe_fetching(struct item *item, double now)
{
    fb_issuer_info *info = &item->info;
    fb__key_source_info source;
    fb_stats stats = FB_STATS_INIT;
    struct texts *texts = item->texts = fb__zalloc(&item->issuer->mem, sizeof(*texts));
    if (texts == NULL) {
        return false;
    }
    fb__key_source_describe(item->issuer->key_source, &source);
    fb__key_source_stats(item->issuer->key_source, now, &stats);
    memcpy(texts->jwks_uri, source.jwks_uri, source.jwks_uri_size);
    memcpy(texts->last_error, stats.last_error, sizeof(texts->last_error));
    memcpy(texts->name, source.name, sizeof(texts->name));
    if (source.jwks_uri_size > 0) {
        info->jwks_uri = (fb_slice){texts->jwks_uri, source.jwks_uri_size};
    }
    info->last_error = fb_text(texts->last_error);
    info->source = fb_text(texts->name);
    info->fetches = stats.fetches;
    info->fetch_failures = stats.fetch_failures;
    info->fetch_seconds = stats.fetch_seconds;
    info->imports = stats.imports;
    info->generation = stats.generation;
    info->keys_held = stats.keys_held;
    info->keys_fresh = stats.keys_fresh;
    info->key_age = stats.key_age;
    info->fresh_for = source.fresh_until - now;
    info->retry_after = stats.retry_after;
    info->unknown_kid_retry_after = stats.unknown_kid_retry_after;
    describe_health(info, texts, &source, &stats);
    return true;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static fb_issuers *issuers_new(const fb_verifier *verifier, const fb__issuer_list *list, double now)
{
    const fb_mem *mem = &verifier->mem;
    fb_issuers *out;
    out = fb__zalloc(mem, fb__size_add(sizeof(*out), fb__size_multiply(list->count, sizeof(out->items[0]))));
    if (out == NULL) {
        return NULL;
    }
    out->mem = *mem;
    while (out->count < list->count) {
        struct item *item = &out->items[out->count];
        describe_issuer(item, verifier, list->items[out->count]);
        out->count++;
        if (item->info.fetched && !describe_fetching(item, now)) {
            fb_issuers_free(out);
            return NULL;
        }
    }
    return out;
}

fb_status fb_verifier_issuers(const fb_verifier *verifier, double monotonic_seconds, fb_issuers **out, fb_error *error)
{
    fb__issuer_list list;
    *out = NULL;
    if (!isfinite(monotonic_seconds)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "monotonic_seconds must be a finite number of seconds");
    }
    if (!fb__verifier_collect(verifier, &list)) {
        return fb__out_of_memory(error);
    }
    *out = issuers_new(verifier, &list, monotonic_seconds);
    fb__verifier_leave(verifier, &list);
    return *out == NULL ? fb__out_of_memory(error) : fb__succeed(error);
}

size_t fb_issuers_count(const fb_issuers *issuers)
{
    return issuers->count;
}

const fb_issuer_info *fb_issuers_at(const fb_issuers *issuers, size_t index)
{
    return index < issuers->count ? &issuers->items[index].info : NULL;
}

fb_health fb_issuers_health(const fb_issuers *issuers)
{
    size_t ready = 0, serving = 0;
    for (size_t i = 0; i < issuers->count; i++) {
        ready += issuers->items[i].info.health == FB_READY;
        serving += issuers->items[i].info.health != FB_NOT_READY;
    }
    return ready == issuers->count ? FB_READY : serving > 0 ? FB_DEGRADED : FB_NOT_READY;
}

const char *fb_health_name(fb_health health)
{
    return health == FB_READY ? "ready" : health == FB_DEGRADED ? "degraded" : "not_ready";
}

void fb_issuers_free(fb_issuers *issuers)
{
    if (issuers == NULL) {
        return;
    }
    const fb_mem mem = issuers->mem;
    for (size_t i = 0; i < issuers->count; i++) {
        fb__issuer_release(issuers->items[i].issuer);
        fb__free(&mem, issuers->items[i].texts);
    }
    fb__free(&mem, issuers);
}
