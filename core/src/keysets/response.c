/*
 * What a fetch brought, and whether it counts (DESIGN: 200, or 304 to our own etag; not encoded; small enough; a key
 * set with a usable key). Given bytes from the network. What does not count changes nothing but the back-off. No text
 * of the body ever reaches an error.
 */
#include "key_source.h"

#include <stdio.h>

enum verdict { REFUSED, SAME, DIFFERENT };

/* Everything that is worked out of an answer before the lock is taken again. */
struct answer {
    enum verdict verdict;
    fb_status status; /* of a refused one: FB_KEYS_UNAVAILABLE or FB_OUT_OF_MEMORY */
    char problem[160];
    fb__keyset *set;
    struct fb__kids kids;
    unsigned char digest[FB__DIGEST];
    struct fb__etag *etag;
    double lifetime;
};

/* The state that an answer is judged by; only the fetch in flight can change it. */
struct held {
    bool set, etag_sent;
    unsigned char digest[FB__DIGEST];
};

static void refuse(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void refuse(struct answer *answer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(answer->problem, sizeof(answer->problem), format, arguments);
    va_end(arguments);
    answer->verdict = REFUSED;
    answer->status = FB_KEYS_UNAVAILABLE;
}

/* The host's own words, made fit for a log; a query that they repeat may hold a secret. */
static void refuse_failure(struct answer *answer, const fb__key_source *source, fb_slice failure)
{
    size_t shown = fb__url_loggable_size(source->url), query = source->url.size - shown;
    if (query > 1 && failure.size > 0 && memmem(failure.data, failure.size, source->url.data + shown, query) != NULL) {
        refuse(answer, "the fetch failed");
        return;
    }
    size_t size = failure.size < sizeof(answer->problem) ? failure.size : sizeof(answer->problem) - 1;
    refuse(answer, "%.*s", (int)size, size == 0 ? "" : failure.data);
    for (char *c = answer->problem; *c != '\0'; c++) {
        if (*c < 0x20 || *c >= 0x7f) {
            *c = '?';
        }
    }
    if (size == 0) {
        refuse(answer, "the fetch failed");
    }
}

static bool is_identity(fb_slice encoding)
{
    static const char word[] = "identity";
    for (size_t i = 0; i < encoding.size; i++) {
        if (i >= sizeof(word) - 1 || (encoding.data[i] | 0x20) != word[i]) {
            return false;
        }
    }
    return encoding.size == 0 || encoding.size == sizeof(word) - 1;
}

static bool digest_of(fb_slice body, unsigned char *out)
{
    unsigned size = FB__DIGEST;
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    bool done = EVP_Digest(body.data == NULL ? "" : body.data, body.size, out, &size, EVP_sha256(), NULL) == 1;
    fb__openssl_end(&errors);
    return done;
}

/* It goes into a request header: only what RFC 9110 section 8.8.3 lets an ASCII etag hold. Others are not kept. */
static struct fb__etag *copy_etag(const fb_mem *mem, fb_slice etag)
{
    if (etag.data == NULL || etag.size == 0 || etag.size > FB__MAX_ETAG) {
        return NULL;
    }
    for (size_t i = 0; i < etag.size; i++) {
        if (etag.data[i] < 0x21 || etag.data[i] >= 0x7f) {
            return NULL;
        }
    }
    struct fb__etag *copy = fb__zalloc(mem, sizeof(*copy) + etag.size);
    if (copy != NULL) {
        copy->size = etag.size;
        memcpy(copy->text, etag.data, etag.size);
    }
    return copy;
}

static void judge_body(struct answer *answer, const fb__key_source *source, const struct held *held, fb_slice body)
{
    if (body.size > source->max_bytes) {
        refuse(answer, "the answer is larger than max_jwks_bytes (%zu)", source->max_bytes);
        return;
    }
    if (!digest_of(body, answer->digest)) {
        refuse(answer, "the answer could not be hashed");
        return;
    }
    if (held->set && memcmp(held->digest, answer->digest, FB__DIGEST) == 0) {
        answer->verdict = SAME;
        return;
    }
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb__keyset_from_jwks(&answer->set, &source->mem, body, &error);
    if (status != FB_OK) {
        refuse(answer, "%.150s", error.text);
        answer->status = status == FB_OUT_OF_MEMORY ? status : FB_KEYS_UNAVAILABLE;
        return;
    }
    answer->verdict = DIFFERENT;
    if (answer->set->undecided) {
        memset(answer->digest, 0, FB__DIGEST); /* the same document, next time, is looked at again */
    }
    fb__kids_collect(source, answer->set, &answer->kids);
}

static void judge(struct answer *answer, const fb__key_source *source, const struct held *held,
                  const fb_fetched *fetched)
{
    answer->lifetime = fb__freshness(fetched->cache_control, fetched->age);
    if (fetched->failure.data != NULL) {
        refuse_failure(answer, source, fetched->failure);
    } else if (fetched->http_status == 304 && held->etag_sent) {
        answer->verdict = SAME;
        memcpy(answer->digest, held->digest, FB__DIGEST);
    } else if (fetched->http_status != 200) {
        refuse(answer, "answered with status %d", fetched->http_status);
    } else if (!is_identity(fetched->content_encoding)) {
        refuse(answer, "the answer is content-encoded, which was not asked for");
    } else {
        judge_body(answer, source, held, fetched->body);
    }
    if (answer->verdict != REFUSED && !(answer->set != NULL && answer->set->undecided)) {
        answer->etag = copy_etag(&source->mem, fetched->etag);
    }
}

/* A 304 need not repeat the etag (RFC 9110 section 15.4.5 says it must; some do not). */
static void adopt_etag(fb__key_source *source, struct fb__etag **etag, bool not_modified)
{
    if (*etag == NULL && not_modified) {
        return;
    }
    struct fb__etag *old = source->etag;
    source->etag = *etag;
    *etag = NULL;
    if (old != NULL && old->kept) {
        old->next = source->kept_etags;
        source->kept_etags = old;
    } else {
        fb__free(&source->mem, old);
    }
}

/* Under the lock. *withdrawn is what the new set replaces: released by the caller, outside of the lock. */
static void apply(fb__key_source *source, struct answer *answer, double now, bool not_modified, fb__keyset **withdrawn)
{
    if (answer->verdict == REFUSED) {
        source->fetch_failures++;
        (void)snprintf(source->last_error, sizeof(source->last_error), "%.*s: %.*s", fb__key_source_loggable(source),
                       source->url.data, (int)sizeof(source->last_error) - FB__LOGGABLE_URL - 3, answer->problem);
        fb__schedule_fail(&source->schedule, now);
    } else {
        if (answer->verdict == DIFFERENT) {
            *withdrawn = source->held;
            source->held = answer->set;
            answer->set = NULL;
            source->held->generation = ++source->generations;
            source->kids = answer->kids;
            memcpy(source->digest, answer->digest, FB__DIGEST);
        }
        adopt_etag(source, &answer->etag, not_modified);
        source->last_error[0] = '\0';
        fb__schedule_succeed(&source->schedule, now, answer->lifetime, fb__kids_answer(source, &source->kids));
        fb__key_source_advertise(source);
    }
    source->sent_etag = NULL;
    source->request_count = 0;
    (void)pthread_cond_broadcast(&source->ended);
}

/* The lock is held on success. */
static bool enter_with(fb__key_source *source, uint64_t ticket)
{
    fb__key_source_lock(source);
    if (ticket != 0 && source->schedule.ticket == ticket) {
        return true;
    }
    fb__key_source_unlock(source);
    return false;
}

static fb_status report(const fb__key_source *source, const struct answer *answer, double retry_after, fb_error *error)
{
    if (answer->verdict != REFUSED) {
        return fb__succeed(error);
    }
    (void)fb__fail(error, answer->status, "%.*s: %s", fb__key_source_loggable(source), source->url.data,
                   answer->problem);
    if (FB__HAS(error, retry_after)) {
        error->retry_after = retry_after;
    }
    return answer->status;
}

fb_status fb__key_source_complete(fb__key_source *source, uint64_t ticket, double now, const fb_fetched *fetched,
                                  fb_error *error)
{
    static const char no_ticket[] = "there is no such fetch: it was completed, or has timed out and was taken over";
    struct answer answer = {.verdict = REFUSED, .status = FB_KEYS_UNAVAILABLE};
    struct held held;
    fb__keyset *withdrawn = NULL;
    double retry_after = 0.0;
    if (!enter_with(source, ticket)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "%s", no_ticket);
    }
    held.set = source->held != NULL;
    held.etag_sent = source->sent_etag != NULL;
    memcpy(held.digest, source->digest, FB__DIGEST);
    fb__key_source_unlock(source);

    fb__gate_enter();
    judge(&answer, source, &held, fetched);
    fb__gate_leave();
    bool mine = enter_with(source, ticket);
    if (mine) {
        apply(source, &answer, now, fetched->http_status == 304, &withdrawn);
        retry_after = fb__schedule_retry_after(&source->schedule, now);
        fb__key_source_unlock(source);
    }
    fb__keyset_release(withdrawn);
    fb__keyset_release(answer.set);
    fb__free(&source->mem, answer.etag);
    return mine ? report(source, &answer, retry_after, error)
                : fb__fail(error, FB_CONFIGURATION_INVALID, "%s", no_ticket);
}
