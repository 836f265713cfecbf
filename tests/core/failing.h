/*
 * Allocations that fail when a test says so: this library's own through fb_mem, those of OpenSSL and jansson through
 * their hooks, in one count. Either one fails, or all from it on, as when memory has run out.
 */
#ifndef FB_TEST_FAILING_H
#define FB_TEST_FAILING_H

#include "fastbearer.h"
#include "test.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdatomic.h>

enum { NEVER = -1 };
static struct {
    atomic_long at, count; /* which one, of those since failing_from */
    atomic_bool all_after, ours_alone;
    atomic_long balance; /* of our own allocations */
} failing = {.at = NEVER};

static inline void failing_start(long at, bool all_after)
{
    failing.count = 0;
    failing.all_after = all_after;
    failing.at = at;
}

/* Ends it; whether an allocation has failed. */
static inline bool failing_stop(void)
{
    const bool reached = failing.at >= 0 && failing.count > failing.at;
    failing.at = NEVER;
    return reached;
}

static inline bool failing_now(void)
{
    const long at = failing.at;
    if (at < 0) {
        return false;
    }
    const long number = atomic_fetch_add(&failing.count, 1);
    return failing.all_after ? number >= at : number == at;
}

static inline void *failing_allocate(void *context, size_t size)
{
    (void)context;
    void *memory = failing_now() ? NULL : malloc(size);
    failing.balance += memory != NULL;
    return memory;
}

static inline void failing_release(void *context, void *memory)
{
    (void)context;
    failing.balance -= memory != NULL;
    free(memory);
}

static const fb_mem failing_mem = {failing_allocate, failing_release, NULL};

static inline void *failing_malloc(size_t size)
{
    return !failing.ours_alone && failing_now() ? NULL : malloc(size);
}

static inline void *failing_realloc(void *memory, size_t size)
{
    return !failing.ours_alone && failing_now() ? NULL : realloc(memory, size);
}

static inline void *failing_crypto_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return failing_malloc(size);
}

static inline void *failing_crypto_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return failing_realloc(memory, size);
}

static inline void failing_crypto_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* Before anything else calls OpenSSL or jansson. */
static inline void failing_install(void)
{
    CHECK(CRYPTO_set_mem_functions(failing_crypto_malloc, failing_crypto_realloc, failing_crypto_free) == 1);
    json_set_alloc_funcs(failing_malloc, free);
}

/* Each allocation of making a verifier with this issuer fails in turn: nothing is made, and nothing is left. */
static inline void failing_construction(fb_options options, const fb_issuer *issuer)
{
    bool reached = true;
    options.issuers = issuer;
    options.issuer_count = 1;
    for (long n = 0; reached; n++) {
        fb_verifier *verifier = NULL;
        failing_start(n, false);
        const fb_status status = fb_verifier_new(&verifier, &options, NULL);
        reached = failing_stop();
        CHECK(reached ? status == FB_OUT_OF_MEMORY && verifier == NULL : status == FB_OK);
        fb_verifier_free(verifier);
        CHECK(failing.balance == 0);
    }
}

#endif
