/*
 * What the tests of key sources share: documents whose keys are one well-known key (RFC 8037 appendix A.2) under any
 * key ids, and the two halves of a fetch with a clock that the test sets.
 */
#ifndef FB_TEST_SOURCE_H
#define FB_TEST_SOURCE_H

#include "setup.h"
#include "test.h"
#include "verify/verify.h"

#define URI "https://issuer.example/keys?client_secret=swordfish"

static inline fb__key_source *source_new(void)
{
    struct setup options = SETUP_INIT;
    fb__key_source *source = NULL;
    fb_error error = FB_ERROR_INIT;
    options.issuer.jwks_uri = fb_text(URI);
    if (fb__key_source_new(&source, &fb__mem_default, &options.issuer, &error) != FB_OK) {
        FAIL("%s", error.text);
        exit(1);
    }
    return source;
}

/* A set of one key; kid NULL: without key id. The text lives until the next call but three. */
static inline fb_slice document(const char *kid)
{
    static char texts[4][256];
    static unsigned next;
    char *text = texts[next++ % 4];
    int size = snprintf(text, sizeof(texts[0]),
                        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",%s%s%s"
                        "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
                        kid == NULL ? "" : "\"kid\":\"", kid == NULL ? "" : kid, kid == NULL ? "" : "\",");
    return (fb_slice){text, (size_t)size};
}

static inline fb_fetch begin(fb__key_source *source, double now, fb_refresh_reason reason, uint64_t request)
{
    fb_fetch fetch = FB_FETCH_INIT;
    CHECK(fb__key_source_begin(source, now, reason, request, &fetch, NULL) == FB_OK);
    return fetch;
}

static inline fb_status answer(fb__key_source *source, uint64_t ticket, double now, int status, fb_slice body,
                               fb_error *error)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.http_status = status;
    fetched.body = body;
    return fb__key_source_complete(source, ticket, now, &fetched, NULL, error);
}

/* An explicit fetch that brings a set with this key. */
static inline void load(fb__key_source *source, double now, const char *kid)
{
    fb_fetch fetch = begin(source, now, FB_REFRESH_EXPLICIT, 0);
    CHECK(fetch.decision == FB_FETCH_NOW);
    CHECK(answer(source, fetch.ticket, now, 200, document(kid), NULL) == FB_OK);
}

static inline fb_status ask(fb__key_source *source, const fb__key_query *query, fb_error *error)
{
    fb__keyset *set = NULL;
    fb__verification_key *key = NULL;
    fb_status status = fb__key_source_select(source, query, &set, &key, error);
    CHECK((status == FB_OK) == (set != NULL) && (status == FB_OK) == (key != NULL));
    CHECK(status == FB_OK || error->status == status);
    if (status == FB_KEYS_NEEDED) {
        CHECK(error->key_request != 0 && error->wait > 0.0 && !query->after_fetch);
    } else if (status != FB_OK) {
        CHECK(error->key_request == 0 && error->retry_after >= 0.0 && error->retry_after <= 60.0);
    }
    fb__keyset_release(set);
    return status;
}

/* What a verification would get for a token with this key id. *request is set with FB_KEYS_NEEDED. */
static inline fb_status look(fb__key_source *source, double now, const char *kid, uint64_t *request)
{
    fb_error error = FB_ERROR_INIT;
    const fb__key_query query = {.now = now, .kid = fb_text(kid), .alg = fb__alg_find(fb_text("EdDSA"))};
    fb_status status = ask(source, &query, &error);
    *request = error.key_request;
    return status;
}

/* What it would get after the fetch that it asked for. */
static inline fb_status look_again(fb__key_source *source, double now, const char *kid, uint64_t request,
                                   fb_error *error)
{
    const fb__key_query query = {.now = now,
                                 .kid = fb_text(kid),
                                 .alg = fb__alg_find(fb_text("EdDSA")),
                                 .after_fetch = true,
                                 .key_request = request};
    return ask(source, &query, error);
}

#endif
