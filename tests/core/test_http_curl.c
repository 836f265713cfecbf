/* The whole way over real sockets: a verifier, libcurl and a provider that does everything wrong that can be done. */
#include "host.h"
#include "setup.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

static struct idp plain, secure;

struct fault {
    const char *name;
    const char *words; /* of the error; NULL: the answer is good */
    double seconds;    /* it takes at most so long */
};

static const struct fault plain_faults[] = {
    {"slow_header", "timed out", 1.5},
    {"slow_body", "timed out", 1.5},
    {"trickle", "timed out", 1.5},
    {"hang", "timed out", 1.5},
    {"no_handshake", "timed out", 1.5},
    {"reset", "reset", 0.5},
    {"reset_body", "reset", 0.5},
    {"close", "Empty reply", 0.5},
    {"short_body", "transfer closed", 0.5},
    {"long_body", "jwks", 0.5},
    {"endless_body", "larger than max_jwks_bytes", 0.5},
    {"endless_header", "header of the response is too large", 0.5},
    {"large_field", "header field of the response is too large", 0.5},
    {"large_body", "file size exceeded", 0.5},
    {"large_chunked", "larger than max_jwks_bytes", 0.5},
    {"bomb", "file size exceeded", 1.5},
    {"transfer_bomb", "larger than max_jwks_bytes", 0.5},
    {"same_lengths", NULL, 0.5},
    {"two_lengths", "no clear Content-Length", 0.5},
    {"two_lengths_in_one", "Content-Length", 0.5},
    {"length_and_chunks", "both a Content-Length and a Transfer-Encoding", 0.5},
    {"gzip", "content-encoded", 0.5},
    {"deflate", "content-encoded", 0.5},
    {"redirect", "status 302", 0.5},
    {"redirect_308", "status 308", 0.5},
    {"created", "status 201", 0.5},
    {"no_content", "status 204", 0.5},
    {"partial", "status 206", 0.5},
    {"not_found", "status 404", 0.5},
    {"too_many", "status 429", 0.5},
    {"server_error", "status 500", 0.5},
    {"unavailable", "status 503", 0.5},
    {"html", "jwks", 0.5},
    {"empty_body", "jwks", 0.5},
    {"empty_set", "jwks", 0.5},
    {"array", "jwks", 0.5},
    {"cut_json", "jwks", 0.5},
    {"keys_object", "jwks", 0.5},
    {"duplicate_keys", "jwks", 0.5},
    {"http09", "HTTP/0.9", 0.5},
    {"not_http", "HTTP/0.9", 0.5},
    {"late_header", NULL, 0.9},
    {"broken_keys", NULL, 0.5},
    {"text_type", NULL, 0.5},
    {"skewed_date", NULL, 0.5},
};

static const struct fault secure_faults[] = {
    {"expired", "expired", 0.5},
    {"not_yet_valid", "not yet valid", 0.5},
    {"wrong_host", "matches target host", 0.5},
    {"unknown_ca", "certificate", 0.5},
    {"self_signed", "self-signed", 0.5},
    {"old_tls", "", 0.5},
    {"no_handshake", "timed out", 1.5},
    {"hang", "timed out", 1.5},
    {"reset", "reset", 0.5},
    {"short_body", "transfer closed", 0.5},
    {"endless_body", "larger than max_jwks_bytes", 0.5},
    {"changed", NULL, 0.5},
};

/* A time-out is kept twice, by libcurl and by who waits for it: on a busy machine the other may be the first. */
static bool says(const char *text, const char *words)
{
    return strstr(text, words) != NULL ||
           (strcmp(words, "timed out") == 0 && strstr(text, "no complete response within") != NULL);
}

/* Sanitizers and a busy machine slow everything down; a hang would last for hours. */
static const double slack = 5.0;

static void one_fault(struct idp *idp, const struct fault *fault, bool warm, const char *token)
{
    fb_verifier *verifier = verifier_for(idp, NULL);
    fb_error error = FB_ERROR_INIT;
    idp_fault(idp, NULL);
    if (warm) {
        CHECK(check(verifier, token, &error) == FB_OK);
    }
    idp_fault(idp, fault->name);
    double start = now();
    fb_status status = fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error);
    double took = now() - start;
    if (warm) {
        printf("%-15s %-17s %.2f s  %s\n", fault->name, fb_status_name(status), took,
               status == FB_OK ? "" : error.text);
    }
    CHECK(took < fault->seconds + slack);
    CHECK(status == (fault->words == NULL ? FB_OK : FB_KEYS_UNAVAILABLE));
    if (fault->words != NULL) {
        if (!says(error.text, fault->words)) {
            FAIL("%s: not the words \"%s\": %s", fault->name, fault->words, error.text);
        }
        CHECK(error.retry_after > 0.0 && error.retry_after <= 1.0);
        CHECK(strstr(error.text, "<title>") == NULL && strstr(error.text, "kty") == NULL);
    }
    /* Held keys serve on; without any the answer is "not now", without another request. */
    status = check(verifier, token, &error);
    CHECK(status == (warm || fault->words == NULL ? FB_OK : FB_KEYS_UNAVAILABLE));
    idp_fault(idp, NULL);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    CHECK(check(verifier, token, &error) == FB_OK);
    fb_verifier_free(verifier);
}

TEST(every_fault)
{
    char *token = mint(&plain, "");
    for (size_t i = 0; i < sizeof(plain_faults) / sizeof(plain_faults[0]); i++) {
        one_fault(&plain, &plain_faults[i], true, token);
        one_fault(&plain, &plain_faults[i], false, token);
    }
    free(token);
}

TEST(every_fault_of_tls)
{
    char *token = mint(&secure, "");
    for (size_t i = 0; i < sizeof(secure_faults) / sizeof(secure_faults[0]); i++) {
        one_fault(&secure, &secure_faults[i], true, token);
        one_fault(&secure, &secure_faults[i], false, token);
    }
    free(token);
}

static void other_ca(struct setup *options)
{
    options->issuer.ca_file = (fb_slice){NULL, 0};
}

static void missing_ca(struct setup *options)
{
    options->issuer.ca_file = fb_text("/nonexistent/ca.pem");
}

TEST(certificates_come_from_where_the_options_say)
{
    fb_error error = FB_ERROR_INIT;
    fb_verifier *verifier = verifier_for(&secure, other_ca);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    fb_verifier_free(verifier);
    verifier = verifier_for(&secure, missing_ca);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(strstr(error.text, "/nonexistent/ca.pem") != NULL);
    fb_verifier_free(verifier);
}

TEST(what_is_sent)
{
    fb_verifier *verifier = verifier_for(&plain, NULL);
    fb_error error = FB_ERROR_INIT;
    idp_ask(&plain, "/forget");
    for (int i = 0; i < 3; i++) {
        CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    }
    CHECK(idp_number(&plain, "requests") == 3);
    CHECK(idp_number(&plain, "connections") == 3); /* none is kept for ten minutes */
    json_t *headers = json_object_get(plain.state, "last_headers");
    CHECK(json_object_size(headers) == 4);
    const char *agent = json_string_value(json_object_get(headers, "user-agent"));
    CHECK(agent != NULL && strcmp(agent, "fastbearer/" FB_VERSION) == 0);
    const char *accept = json_string_value(json_object_get(headers, "accept"));
    CHECK(accept != NULL && strcmp(accept, "application/json, application/jwk-set+json") == 0);
    CHECK(json_object_get(headers, "if-none-match") != NULL && json_object_get(headers, "host") != NULL);
    fb_stats stats = FB_STATS_INIT;
    CHECK(fb_verifier_stats(verifier, now(), &stats, NULL) == FB_OK);
    CHECK(stats.generation == 1 && stats.fetches == 3 && stats.fetch_failures == 0); /* two of them were 304 */
    fb_verifier_free(verifier);
}

TEST(a_redirect_is_not_followed)
{
    fb_verifier *verifier = verifier_for(&plain, NULL);
    fb_error error = FB_ERROR_INIT;
    idp_fault(&plain, "redirect");
    idp_ask(&plain, "/forget");
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(idp_number(&plain, "requests") == 1);
    idp_fault(&plain, NULL);
    fb_verifier_free(verifier);
}

static void ssrf_safe(struct setup *options)
{
    options->issuer.ssrf_safe = true;
}

TEST(ssrf_safe_opens_no_connection_to_loopback)
{
    fb_verifier *verifier = verifier_for(&secure, ssrf_safe);
    fb_error error = FB_ERROR_INIT;
    idp_ask(&secure, "/forget");
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(strstr(error.text, "not public") != NULL);
    CHECK(idp_number(&secure, "connections") == 0);
    fb_verifier_free(verifier);
}

static void far_away(struct setup *options)
{
    options->issuer.jwks_uri = fb_text("http://keys.invalid/jwks");
    options->issuer.allow_http = true;
}

static void far_away_by_proxy(struct setup *options)
{
    far_away(options);
    options->issuer.trust_env = true;
}

TEST(proxies_only_with_trust_env)
{
    fb_error error = FB_ERROR_INIT;
    char proxy[128];
    snprintf(proxy, sizeof(proxy), "%s", idp_text(&plain, "issuer"));
    setenv("http_proxy", proxy, 1);
    idp_ask(&plain, "/forget");
    fb_verifier *verifier = verifier_for(&plain, far_away);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(idp_number(&plain, "requests") == 0);
    fb_verifier_free(verifier);
    verifier = verifier_for(&plain, far_away_by_proxy);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(strstr(error.text, "status 404") != NULL); /* the provider is no proxy, but it was asked */
    CHECK(idp_number(&plain, "requests") == 1);
    fb_verifier_free(verifier);
    unsetenv("http_proxy");
}

static void ssrf_safe_ipv6(struct setup *options)
{
    options->issuer.jwks_uri = fb_text("https://[::1]:9/jwks");
    options->issuer.ssrf_safe = true;
}

TEST(ssrf_safe_looks_at_ipv6_too)
{
    fb_verifier *verifier = verifier_for(&secure, ssrf_safe_ipv6);
    fb_error error = FB_ERROR_INIT;
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(strstr(error.text, "not public") != NULL);
    fb_verifier_free(verifier);
}

/* RFC 9110 section 5.3: max-age=300 in one field, something else in the next. */
TEST(repeated_fields_are_one_list)
{
    fb_verifier *verifier = verifier_for(&plain, NULL);
    fb_error error = FB_ERROR_INIT;
    fb_stats stats = FB_STATS_INIT;
    idp_fault(&plain, "repeated_field");
    const double start = now();
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    CHECK(fb_verifier_stats(verifier, start + 299.0, &stats, NULL) == FB_OK);
    CHECK(stats.keys_fresh);
    CHECK(fb_verifier_stats(verifier, start + 301.0 + slack, &stats, NULL) == FB_OK);
    CHECK(!stats.keys_fresh && !stats.keys_held);
    idp_fault(&plain, NULL);
    fb_verifier_free(verifier);
}

/* ---- discovery: the metadata document, then the key set */

static fb__key_source *discovering(struct idp *idp, const char *issuer_path, void (*change)(fb_issuer *))
{
    char path[64];
    fb__key_source *source = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_issuer issuer = FB_ISSUER_INIT;
    snprintf(path, sizeof(path), "/issuer?path=%s", issuer_path);
    idp_ask(idp, path);
    issuer.identifiers = FB_LIST(fb_text(idp_text(idp, "issuer")));
    issuer.ca_file = fb_text(idp_text(idp, "ca_file"));
    issuer.fetch_timeout = 1.0;
    if (change != NULL) {
        change(&issuer);
    }
    if (fb__key_source_new(&source, &fb__mem_default, &issuer, &error) != FB_OK) {
        FAIL("%s", error.text);
        exit(1);
    }
    idp_ask(idp, "/good");
    idp_ask(idp, "/forget");
    return source;
}

static void metadata_fault(struct idp *idp, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "/metadata?name=%s", name);
    idp_ask(idp, path);
}

static fb_status refresh(fb__key_source *source, fb_error *error)
{
    return fb__key_source_refresh(source, FB_REFRESH_EXPLICIT, 0, error);
}

static bool path_is(struct idp *idp, size_t index, const char *path)
{
    const char *asked = json_string_value(json_array_get(json_object_get(idp->state, "paths"), index));
    return asked != NULL && strcmp(asked, path) == 0;
}

TEST(keys_are_found_by_discovery)
{
    fb_error error = FB_ERROR_INIT;
    struct idp *idps[] = {&plain, &secure};
    for (size_t i = 0; i < 2; i++) {
        fb__key_source *source = discovering(idps[i], "/tenant", NULL);
        fb__key_source_info info;
        fb__key_source_describe(source, &info);
        CHECK(info.jwks_uri_size == 0);
        CHECK(refresh(source, &error) == FB_OK && refresh(source, &error) == FB_OK);
        CHECK(idp_number(idps[i], "requests") == 3);
        CHECK(path_is(idps[i], 0, "/tenant/.well-known/openid-configuration"));
        CHECK(path_is(idps[i], 1, "/jwks") && path_is(idps[i], 2, "/jwks"));
        fb__key_source_describe(source, &info);
        CHECK(fb__slice_equal((fb_slice){info.jwks_uri, info.jwks_uri_size}, fb_text(idp_text(idps[i], "jwks_uri"))));
        CHECK(fb__key_source_generation(source, now()) == 1);
        fb__key_source_release(source);
    }
}

struct crowd {
    const fb_verifier *verifier;
    const char *token;
    atomic_uint accepted, others;
    atomic_bool done;
};

static void *check_once(void *argument)
{
    struct crowd *crowd = argument;
    fb_error error = FB_ERROR_INIT;
    fb_status status = check(crowd->verifier, crowd->token, &error);
    atomic_fetch_add(status == FB_OK ? &crowd->accepted : &crowd->others, 1);
    atomic_store(&crowd->done, true);
    return NULL;
}

static void discovers_plain(struct setup *options)
{
    discovers(options, &plain);
}

TEST(a_verifier_needs_an_identifier_and_no_more)
{
    fb_error error = FB_ERROR_INIT;
    fb_issuers *issuers = NULL;
    idp_ask(&plain, "/issuer?path=/tenant");
    char *token = mint(&plain, ""), unknown[512];
    idp_ask(&plain, "/forget");
    fb_verifier *verifier = verifier_for(&plain, discovers_plain);
    CHECK(fb_verifier_issuers(verifier, now(), &issuers, &error) == FB_OK);
    CHECK(fb_issuers_at(issuers, 0)->fetched && fb_issuers_at(issuers, 0)->jwks_uri.data == NULL);
    fb_issuers_free(issuers);
    CHECK(check(verifier, token, &error) == FB_OK && check(verifier, token, &error) == FB_OK);
    CHECK(idp_number(&plain, "requests") == 2);
    random_token(unknown, sizeof(unknown), 1);
    CHECK(check(verifier, unknown, &error) == FB_KEY_NOT_FOUND);
    CHECK(idp_number(&plain, "requests") == 3);
    CHECK(fb_verifier_issuers(verifier, now(), &issuers, &error) == FB_OK);
    CHECK(fb__slice_equal(fb_issuers_at(issuers, 0)->jwks_uri, fb_text(idp_text(&plain, "jwks_uri"))));
    fb_issuers_free(issuers);
    fb_verifier_free(verifier);
    free(token);
}

TEST(sixty_four_threads_at_a_cold_start_are_one_discovery)
{
    enum { THREADS = 64 };
    pthread_t threads[THREADS];
    char *token = mint(&plain, "");
    struct crowd crowd = {.verifier = verifier_for(&plain, discovers_plain), .token = token};
    metadata_fault(&plain, "late_header");
    idp_ask(&plain, "/forget");
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, check_once, &crowd) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(atomic_load(&crowd.accepted) == THREADS && atomic_load(&crowd.others) == 0);
    CHECK(idp_number(&plain, "requests") == 2);
    idp_fault(&plain, NULL);
    fb_verifier_free((fb_verifier *)(uintptr_t)crowd.verifier);
    free(token);
}

/* Several requests over TLS, which a busy machine does not make in a second. */
static void with_patience(fb_issuer *issuer)
{
    issuer->fetch_timeout = 60.0;
}

TEST(the_document_may_be_at_each_of_its_places)
{
    static const char *const served[] = {"only_openid", "only_oauth", "only_inserted"};
    fb_error error = FB_ERROR_INIT;
    for (unsigned i = 0; i < 3; i++) {
        fb__key_source *source = discovering(&secure, "/tenant", with_patience);
        metadata_fault(&secure, served[i]);
        CHECK(refresh(source, &error) == FB_OK);
        CHECK(idp_number(&secure, "requests") == i + 2);
        fb__key_source_release(source);
    }
    fb__key_source *source = discovering(&secure, "/tenant", with_patience);
    metadata_fault(&secure, "none");
    CHECK(refresh(source, &error) == FB_KEYS_UNAVAILABLE && error.retry_after > 0.0);
    CHECK(strstr(error.text, "/tenant: none of its 3 well-known URLs has a metadata document") != NULL);
    CHECK(idp_number(&secure, "requests") == 3);
    fb__key_source_release(source);
}

static const struct fault metadata_faults[] = {
    {"wrong_issuer", "\"https://elsewhere.example\", which is not the identifier", 0.5},
    {"slash_issuer", "/tenant/\", which is not the identifier", 0.5},
    {"no_issuer", "has no issuer", 0.5},
    {"no_jwks_uri", "has no jwks_uri", 0.5},
    {"jwks_uri_number", "has no jwks_uri that is text", 0.5},
    {"jwks_uri_http", "jwks_uri must begin with https://", 0.5},
    {"jwks_uri_password", "jwks_uri must not hold a user name or password", 0.5},
    {"jwks_uri_missing", "/nowhere: answered with status 404", 0.5},
    {"jwks_uri_changed", NULL, 0.5},
    {"redirect", "status 302; redirects are not followed", 0.5},
    {"redirect_308", "status 308; redirects are not followed", 0.5},
    {"server_error", "status 500", 0.5},
    {"unavailable", "status 503", 0.5},
    {"too_many", "status 429", 0.5},
    {"not_found", "none of its 3 well-known URLs", 0.5},
    {"created", "status 201", 0.5},
    {"html", "not one JSON object", 0.5},
    {"empty_body", "not one JSON object", 0.5},
    {"array", "not one JSON object", 0.5},
    {"cut_json", "not one JSON object", 0.5},
    {"duplicates", "not one JSON object", 0.5},
    {"gzip", "content-encoded", 0.5},
    {"large_body", "file size exceeded", 0.5},
    {"large_chunked", "larger than max_jwks_bytes", 0.5},
    {"endless_body", "larger than max_jwks_bytes", 0.5},
    {"bomb", "file size exceeded", 1.5},
    {"hang", "timed out", 1.5},
    {"trickle", "timed out", 1.5},
    {"two_seconds", "timed out", 1.5},
    {"late_header", NULL, 1.0},
    {"reset", "reset", 0.5},
    {"short_body", "transfer closed", 0.5},
    {"close", "Empty reply", 0.5},
};

/* A server that cannot give the document now, while it is known where the keys are: they are fetched from there. */
static bool does_without(const struct fault *fault, bool held)
{
    static const char *const not_now[] = {"server_error", "unavailable", "too_many"};
    for (size_t i = 0; held && i < sizeof(not_now) / sizeof(not_now[0]); i++) {
        if (strcmp(fault->name, not_now[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Without held keys, and with: those stay. */
static void one_document_fault(const struct fault *fault, bool held)
{
    const bool good = fault->words == NULL || does_without(fault, held);
    fb_error error = FB_ERROR_INIT;
    fb__key_source *source = discovering(&plain, "/tenant", NULL);
    if (held) {
        CHECK(refresh(source, &error) == FB_OK);
        idp_fault(&plain, "server_error"); /* so that the document is read again */
        CHECK(refresh(source, &error) == FB_KEYS_UNAVAILABLE);
        idp_fault(&plain, NULL);
    }
    metadata_fault(&plain, fault->name);
    const double start = now();
    fb_status status = refresh(source, &error);
    CHECK(now() - start < fault->seconds + slack);
    CHECK(status == (good ? FB_OK : FB_KEYS_UNAVAILABLE));
    CHECK(status == FB_OK || (error.retry_after > 0.0 && error.retry_after <= 2.0));
    if (!good && !says(error.text, fault->words)) {
        FAIL("%s: not the words \"%s\": %s", fault->name, fault->words, error.text);
    }
    CHECK(strstr(error.text, "<title>") == NULL && strstr(error.text, "password@") == NULL);
    CHECK((fb__key_source_generation(source, now()) != 0) == (held || fault->words == NULL));
    idp_fault(&plain, NULL);
    CHECK(refresh(source, &error) == FB_OK);
    fb__key_source_release(source);
}

TEST(every_fault_of_a_document)
{
    for (size_t i = 0; i < sizeof(metadata_faults) / sizeof(metadata_faults[0]); i++) {
        one_document_fault(&metadata_faults[i], false);
        one_document_fault(&metadata_faults[i], true);
    }
}

static void only_public(fb_issuer *issuer)
{
    issuer->ssrf_safe = true;
}

TEST(ssrf_safe_holds_for_documents)
{
    fb_error error = FB_ERROR_INIT;
    fb__key_source *source = discovering(&secure, "", only_public);
    CHECK(refresh(source, &error) == FB_KEYS_UNAVAILABLE && strstr(error.text, "not public") != NULL);
    CHECK(strstr(error.text, "/.well-known/openid-configuration: ") != NULL);
    CHECK(idp_number(&secure, "connections") == 0);
    fb__key_source_release(source);
}

/* Together they may take what one fetch may. */
TEST(both_steps_keep_one_time_out)
{
    fb_error error = FB_ERROR_INIT;
    fb__key_source *source = discovering(&plain, "", NULL);
    metadata_fault(&plain, "late_header");
    idp_ask(&plain, "/fault?name=hang");
    const double start = now();
    CHECK(refresh(source, &error) == FB_KEYS_UNAVAILABLE && strstr(error.text, "/jwks: ") != NULL);
    CHECK(strstr(error.text, "timed out") != NULL); /* the second step knows how much time the first has left it */
    CHECK(now() - start >= 0.9 && now() - start < 1.3 + slack);
    CHECK(idp_number(&plain, "requests") == 2);
    idp_ask(&plain, "/good");
    fb__key_source_release(source);
}

static void with_headers(fb_issuer *issuer)
{
    static const fb_slice headers[] = {{"X-Api-Key: swordfish", 20}, {"User-Agent:mine/1", 17}};
    issuer->headers = (fb_list){headers, 2};
}

static bool sent(struct idp *idp, const char *name, const char *value)
{
    idp_ask(idp, "/state");
    const char *text = json_string_value(json_object_get(json_object_get(idp->state, "last_headers"), name));
    return text != NULL && strcmp(text, value) == 0;
}

TEST(headers_are_sent_to_their_host_alone)
{
    fb_error error = FB_ERROR_INIT;
    fb__key_source *source = discovering(&plain, "", with_headers);
    metadata_fault(&plain, "server_error");
    CHECK(refresh(source, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(sent(&plain, "x-api-key", "swordfish") && sent(&plain, "user-agent", "mine/1"));
    idp_ask(&plain, "/good");
    idp_ask(&plain, "/forget");
    CHECK(refresh(source, &error) == FB_OK && idp_number(&plain, "requests") == 2);
    CHECK(sent(&plain, "x-api-key", "swordfish"));
    fb__key_source_release(source);
    source = discovering(&plain, "", with_headers);
    metadata_fault(&plain, "jwks_uri_other_host");
    CHECK(refresh(source, &error) == FB_OK && idp_number(&plain, "requests") == 2);
    CHECK(!sent(&plain, "x-api-key", "swordfish") && sent(&plain, "user-agent", "fastbearer/" FB_VERSION));
    idp_ask(&plain, "/good");
    fb__key_source_release(source);
}

static void with_headers_too(struct setup *options)
{
    with_headers(&options->issuer);
}

TEST(headers_are_sent_to_a_configured_jwks_uri)
{
    fb_error error = FB_ERROR_INIT;
    fb_verifier *verifier = verifier_for(&secure, with_headers_too);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    CHECK(sent(&secure, "x-api-key", "swordfish"));
    fb_verifier_free(verifier);
}

/* ---- allocations, threads */

static long countdown = -1; /* allocations until one fails; below 0: none does */

static void *allocate(void *context, size_t size)
{
    (void)context;
    return countdown >= 0 && countdown-- == 0 ? NULL : malloc(size);
}

static void release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

static const fb_mem failing = {allocate, release, NULL};

static bool never(void *unused)
{
    (void)unused;
    return false;
}

TEST(every_allocation_of_a_fetch_may_fail)
{
    const fb__http_options options = {.url = fb_text(idp_text(&plain, "jwks_uri")), .timeout = 5.0, .max_bytes = 65536};
    bool reached = true;
    for (long n = 0; reached; n++) {
        fb_fetched fetched = FB_FETCHED_INIT;
        countdown = n;
        fb__http *http = fb__http_new(&failing, &options, "\"an etag\"");
        if (http != NULL) {
            fb__http_get(http, never, NULL, &fetched);
        }
        reached = countdown < 0;
        countdown = -1;
        CHECK(http != NULL || n == 0);
        CHECK(http == NULL || (fetched.http_status == 200) == !reached);
        CHECK(http == NULL || !reached || strcmp(fetched.failure.data, "out of memory") == 0);
        CHECK(reached || n > 1);
        fb__http_free(http);
    }
}

static atomic_bool enough;

static bool when_enough(void *unused)
{
    (void)unused;
    return atomic_load(&enough);
}

static void *stop_soon(void *unused)
{
    while (idp_number(&plain, "requests") == 0) {
        /* until the fetch is under way */
    }
    atomic_store(&enough, true);
    return unused;
}

TEST(a_fetch_that_nobody_wants_any_more_ends)
{
    char url[128];
    snprintf(url, sizeof(url), "%s", idp_text(&plain, "jwks_uri"));
    const fb__http_options options = {.url = fb_text(url), .timeout = 1000.0, .max_bytes = 65536};
    fb_fetched fetched = FB_FETCHED_INIT;
    pthread_t thread;
    idp_fault(&plain, "hang");
    idp_ask(&plain, "/forget");
    fb__http *http = fb__http_new(&fb__mem_default, &options, "");
    const double start = now();
    CHECK(pthread_create(&thread, NULL, stop_soon, NULL) == 0);
    fb__http_get(http, when_enough, NULL, &fetched);
    CHECK(now() - start < 60.0 && fetched.failure.data != NULL);
    CHECK(pthread_join(thread, NULL) == 0);
    fb__http_free(http);
    idp_fault(&plain, NULL);
}

static void patient(struct setup *options)
{
    options->issuer.fetch_timeout = 60.0;
}

/* Whoever comes with a made-up key id while the provider hangs. */
TEST(a_token_waits_two_seconds_and_a_verifier_goes_at_once)
{
    char *token = mint(&plain, ""), unknown[512];
    fb_verifier *verifier = verifier_for(&plain, patient);
    fb_error error = FB_ERROR_INIT;
    fb_stats stats = FB_STATS_INIT;
    CHECK(check(verifier, token, &error) == FB_OK);
    idp_fault(&plain, "hang");
    random_token(unknown, sizeof(unknown), 1);
    double start = now();
    CHECK(check(verifier, unknown, &error) == FB_KEYS_UNAVAILABLE && error.retry_after > 0.0);
    CHECK(now() - start >= 1.9 && now() - start < 2.0 + slack);
    start = now();
    for (unsigned i = 2; i < 1000; i++) {
        random_token(unknown, sizeof(unknown), i);
        CHECK(check(verifier, unknown, &error) == FB_KEYS_UNAVAILABLE);
    }
    CHECK(check(verifier, token, &error) == FB_OK);
    CHECK(now() - start < slack);
    CHECK(fb_verifier_stats(verifier, now(), &stats, &error) == FB_OK);
    CHECK(stats.fetches == 2 && stats.fetch_failures == 0); /* it is still under way */
    start = now();
    fb_verifier_free(verifier);
    CHECK(now() - start < slack);
    idp_fault(&plain, NULL);
    free(token);
}

TEST(a_fetch_that_is_started_is_not_waited_for)
{
    char *token = mint(&plain, "");
    fb_verifier *verifier = verifier_for(&plain, patient);
    fb_error error = FB_ERROR_INIT;
    fb_fetch first = FB_FETCH_INIT, second = FB_FETCH_INIT;
    idp_fault(&plain, "late_header");
    const double start = now();
    CHECK(fb_verifier_refresh_start(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &first, &error) == FB_OK);
    CHECK(fb_verifier_refresh_start(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &second, &error) == FB_OK);
    CHECK(first.decision == FB_FETCH_NOW && second.decision == FB_FETCH_WAIT && first.ticket == second.ticket);
    CHECK(!fb_verifier_refresh_wait(verifier, SOLE_ISSUER, first.ticket, 0.0) && now() - start < slack);
    CHECK(fb_verifier_refresh_wait(verifier, SOLE_ISSUER, first.ticket, 60.0));
    idp_fault(&plain, NULL);
    CHECK(check(verifier, token, &error) == FB_OK);
    first.size = 0;
    CHECK(fb_verifier_refresh_start(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &first, &error) ==
          FB_CONFIGURATION_INVALID);
    fb_verifier_free(verifier);
    free(token);
}

/* What the host has in its queue stays there, and nothing comes to it. */
static void expect_queue_untouched(const fb_verifier *verifier, fb_status expected)
{
    fb_error error = FB_ERROR_INIT;
    ERR_clear_error();
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == expected);
    CHECK(ERR_peek_error() == 0);
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
    ERR_raise(ERR_LIB_USER, 7);
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == expected);
    CHECK(ERR_GET_REASON(ERR_get_error()) == SSL_R_BAD_LENGTH && ERR_GET_REASON(ERR_get_error()) == 7);
    CHECK(ERR_peek_error() == 0);
}

TEST(the_hosts_error_queue_is_its_own)
{
    fb_verifier *verifier = verifier_for(&secure, NULL);
    expect_queue_untouched(verifier, FB_OK);
    idp_fault(&secure, "unknown_ca");
    expect_queue_untouched(verifier, FB_KEYS_UNAVAILABLE);
    idp_fault(&secure, "old_tls");
    expect_queue_untouched(verifier, FB_KEYS_UNAVAILABLE);
    idp_fault(&secure, NULL);
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
    fb_verifier_free(verifier);
    CHECK(ERR_GET_REASON(ERR_get_error()) == SSL_R_BAD_LENGTH && ERR_peek_error() == 0);
}

static char key_log[] = "/tmp/fastbearer-key-log-XXXXXX";

/* libcurl would write the keys of its connections to the file that this variable names when libcurl is initialised. */
static void set_key_log(void)
{
    const int file = mkstemp(key_log);
    CHECK(file != -1 && close(file) == 0 && setenv("SSLKEYLOGFILE", key_log, 1) == 0);
}

TEST(no_keys_of_connections_are_written)
{
    fb_verifier *verifier = verifier_for(&secure, NULL);
    fb_error error = FB_ERROR_INIT;
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    fb_verifier_free(verifier);
    struct stat status;
    CHECK(stat(key_log, &status) == 0 && status.st_size == 0);
    CHECK(unlink(key_log) == 0);
}

TEST(sixty_four_threads_at_a_cold_start_are_one_request)
{
    enum { THREADS = 64 };
    pthread_t threads[THREADS];
    char *token = mint(&plain, "");
    struct crowd crowd = {.verifier = verifier_for(&plain, NULL), .token = token};
    idp_fault(&plain, "late_header");
    idp_ask(&plain, "/forget");
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, check_once, &crowd) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(atomic_load(&crowd.accepted) == THREADS && atomic_load(&crowd.others) == 0);
    CHECK(idp_number(&plain, "requests") == 1);
    idp_fault(&plain, NULL);
    fb_verifier_free((fb_verifier *)(uintptr_t)crowd.verifier);
    free(token);
}

/* Who waits for another's fetch shares its failure, and who comes later is told when to come again. */
TEST(threads_that_wait_share_a_failure)
{
    enum { THREADS = 16 };
    pthread_t threads[THREADS];
    char *token = mint(&plain, "");
    struct crowd crowd = {.verifier = verifier_for(&plain, NULL), .token = token};
    fb_error error = FB_ERROR_INIT;
    idp_fault(&plain, "two_seconds");
    idp_ask(&plain, "/forget");
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, check_once, &crowd) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(atomic_load(&crowd.others) == THREADS);
    CHECK(idp_number(&plain, "requests") <= 2); /* on a busy machine a thread may start after the first back-off */
    CHECK(fb_verifier_refresh(crowd.verifier, SOLE_ISSUER, FB_REFRESH_AHEAD, 0, &error) == FB_KEYS_UNAVAILABLE);
    CHECK(strstr(error.text, "timed out") != NULL && error.retry_after > 0.0 && error.retry_after <= 4.0);
    idp_fault(&plain, NULL);
    fb_verifier_free((fb_verifier *)(uintptr_t)crowd.verifier);
    free(token);
}

TEST(ten_thousand_random_kids_are_one_request_and_known_keys_do_not_wait)
{
    char *token = mint(&plain, ""), unknown[512];
    fb_verifier *verifier = verifier_for(&plain, NULL);
    fb_error error = FB_ERROR_INIT;
    CHECK(check(verifier, token, &error) == FB_OK);
    idp_fault(&plain, "hang");
    idp_ask(&plain, "/forget");
    random_token(unknown, sizeof(unknown), 0);
    struct crowd crowd = {.verifier = verifier, .token = unknown};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, check_once, &crowd) == 0);
    while (idp_number(&plain, "requests") == 0) {
        /* until the fetch is under way */
    }
    unsigned meanwhile = 0;
    while (!atomic_load(&crowd.done)) {
        CHECK(check(verifier, token, &error) == FB_OK);
        meanwhile++;
    }
    CHECK(meanwhile > 100); /* one after the other, while the endpoint hung for a second */
    CHECK(pthread_join(thread, NULL) == 0 && atomic_load(&crowd.others) == 1);
    for (unsigned i = 1; i < 10000; i++) {
        char other[512];
        random_token(other, sizeof(other), i);
        CHECK(check(verifier, other, &error) == FB_KEYS_UNAVAILABLE); /* the fetch failed: it may be good */
    }
    CHECK(idp_number(&plain, "requests") <= 4); /* after 1, 2 and 4 s, should this take so long */
    idp_fault(&plain, NULL);
    idp_ask(&plain, "/forget");
    CHECK(fb_verifier_refresh(verifier, SOLE_ISSUER, FB_REFRESH_EXPLICIT, 0, &error) == FB_OK);
    for (unsigned i = 1; i < 10000; i++) {
        char other[512];
        random_token(other, sizeof(other), i);
        CHECK(check(verifier, other, &error) == FB_KEY_NOT_FOUND);
    }
    CHECK(idp_number(&plain, "requests") <= 3); /* one more in 30 s */
    fb_verifier_free(verifier);
    free(token);
}

TEST(the_first_token_of_a_new_key_brings_it_and_the_old_one_is_refused)
{
    char *old = mint(&plain, "");
    fb_verifier *verifier = verifier_for(&plain, NULL);
    fb_error error = FB_ERROR_INIT;
    CHECK(check(verifier, old, &error) == FB_OK && check(verifier, old, &error) == FB_OK);
    idp_ask(&plain, "/rotate");
    char *new = mint(&plain, "");
    CHECK(check(verifier, old, &error) == FB_OK); /* nobody has noticed yet */
    CHECK(check(verifier, new, &error) == FB_OK);
    CHECK(check(verifier, old, &error) == FB_KEY_NOT_FOUND); /* withdrawn, though it was cached */
    free(old);
    free(new);
    fb_verifier_free(verifier);
}

int main(void)
{
    set_key_log();
    if (!idp_start_both(__FILE__, &plain, &secure)) {
        return TEST_RESULT();
    }
    RUN(every_fault);
    RUN(every_fault_of_tls);
    RUN(certificates_come_from_where_the_options_say);
    RUN(what_is_sent);
    RUN(a_redirect_is_not_followed);
    RUN(ssrf_safe_opens_no_connection_to_loopback);
    RUN(ssrf_safe_looks_at_ipv6_too);
    RUN(repeated_fields_are_one_list);
    RUN(keys_are_found_by_discovery);
    RUN(a_verifier_needs_an_identifier_and_no_more);
    RUN(sixty_four_threads_at_a_cold_start_are_one_discovery);
    RUN(the_document_may_be_at_each_of_its_places);
    RUN(every_fault_of_a_document);
    RUN(ssrf_safe_holds_for_documents);
    RUN(both_steps_keep_one_time_out);
    RUN(headers_are_sent_to_their_host_alone);
    RUN(headers_are_sent_to_a_configured_jwks_uri);
    RUN(every_allocation_of_a_fetch_may_fail);
    RUN(a_fetch_that_nobody_wants_any_more_ends);
    RUN(a_token_waits_two_seconds_and_a_verifier_goes_at_once);
    RUN(a_fetch_that_is_started_is_not_waited_for);
    RUN(the_hosts_error_queue_is_its_own);
    RUN(no_keys_of_connections_are_written);
    RUN(proxies_only_with_trust_env);
    RUN(sixty_four_threads_at_a_cold_start_are_one_request);
    RUN(threads_that_wait_share_a_failure);
    RUN(ten_thousand_random_kids_are_one_request_and_known_keys_do_not_wait);
    RUN(the_first_token_of_a_new_key_brings_it_and_the_old_one_is_refused);
    idp_stop(&plain);
    idp_stop(&secure);
    return TEST_RESULT();
}
