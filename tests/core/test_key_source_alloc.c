/* A key source whose n-th allocation fails, for every n: no leak, no crash, the right status, and held keys stay. */
#include "setup.h"
#include "source.h"

static unsigned countdown; /* allocations until one fails; 0: none does */

static void *allocate(void *context, size_t size)
{
    (void)context;
    return countdown > 0 && --countdown == 0 ? NULL : malloc(size);
}

static void release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

static fb_status complete_with_etag(fb__key_source *source, const char *kid, const char *etag)
{
    fb_fetch fetch = begin(source, 1.0, FB_REFRESH_EXPLICIT, 0);
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_error error = FB_ERROR_INIT;
    fetched.http_status = 200;
    fetched.body = document(kid);
    fetched.etag = fb_text(etag);
    fb_status status = fb__key_source_complete(source, fetch.ticket, 1.0, &fetched, NULL, &error);
    CHECK(error.status == status);
    return status;
}

/* Whether all of it went well when allocation number n failed. */
static bool scenario(unsigned n)
{
    const fb_mem mem = {allocate, release, NULL};
    struct setup options = SETUP_INIT;
    fb__key_source *source = NULL;
    fb_error error = FB_ERROR_INIT;
    uint64_t request;
    options.issuer.jwks_uri = fb_text(URI);
    options.issuer.ca_file = fb_text("/some/ca.pem");
    countdown = n;
    fb_status made = fb__key_source_new(&source, &mem, &options.issuer, &error);
    CHECK(made == FB_OK || (made == FB_OUT_OF_MEMORY && error.status == FB_OUT_OF_MEMORY && source == NULL));
    if (made != FB_OK) {
        return false;
    }
    fb_status first = complete_with_etag(source, "a", "\"1\"");
    fb_status second = complete_with_etag(source, "b", "\"2\"");
    CHECK(first == FB_OK || first == FB_OUT_OF_MEMORY);
    CHECK(second == FB_OK || second == FB_OUT_OF_MEMORY);
    if (first == FB_OK && second != FB_OK) {
        CHECK(look(source, 1.0, "a", &request) == FB_OK); /* the held set is as it was */
        CHECK(fb__key_source_generation(source, 1.0) == 1);
    }
    if (second == FB_OK) {
        CHECK(look(source, 1.0, "b", &request) == FB_OK);
    }
    bool untouched = countdown > 0 || n == 0;
    countdown = 0;
    CHECK(complete_with_etag(source, "c", "\"3\"") == FB_OK && look(source, 1.0, "c", &request) == FB_OK);
    fb__key_source_release(source);
    return untouched;
}

static fb_status discover(fb__key_source *source, double now, const char *jwks_uri)
{
    fb_fetch fetch = begin(source, now, FB_REFRESH_EXPLICIT, 0), next = FB_FETCH_INIT;
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_error error = FB_ERROR_INIT;
    char body[256];
    snprintf(body, sizeof(body), "{\"issuer\":\"https://issuer.example\",\"jwks_uri\":\"%s\"}", jwks_uri);
    fetched.http_status = 200;
    fetched.body = fb_text(body);
    fb_status status = fb__key_source_complete(source, fetch.ticket, now, &fetched, &next, &error);
    if (status == FB_OK && next.decision == FB_FETCH_NOW) {
        fetched.body = document("a");
        status = fb__key_source_complete(source, fetch.ticket, now, &fetched, &next, &error);
    }
    CHECK(error.status == status && (status == FB_OK || status == FB_OUT_OF_MEMORY));
    CHECK(next.decision == FB_FETCH_DONE);
    return status;
}

/* The same for a key source that finds its keys by discovery, and has headers. */
static bool discovery_scenario(unsigned n)
{
    const fb_mem mem = {allocate, release, NULL};
    fb_issuer issuer = FB_ISSUER_INIT;
    fb__key_source *source = NULL;
    fb_error error = FB_ERROR_INIT;
    uint64_t request;
    issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    issuer.headers = FB_LIST(fb_text("X-Api-Key: swordfish"));
    countdown = n;
    fb_status made = fb__key_source_new(&source, &mem, &issuer, &error);
    CHECK(made == FB_OK || (made == FB_OUT_OF_MEMORY && error.status == FB_OUT_OF_MEMORY && source == NULL));
    if (made != FB_OK) {
        return false;
    }
    fb_status first = discover(source, 1.0, "https://issuer.example/keys");
    fb_status second = discover(source, 90000.0, "https://issuer.example/new");
    CHECK(first != FB_OK || second == FB_OK || look(source, 1.0, "a", &request) == FB_OK);
    bool untouched = countdown > 0 || n == 0;
    countdown = 0;
    CHECK(discover(source, 180000.0, "https://issuer.example/new") == FB_OK);
    fb__key_source_release(source);
    return untouched;
}

TEST(every_allocation_of_a_discovery_may_fail)
{
    unsigned n = 1;
    CHECK(discovery_scenario(0));
    while (n < 1000 && !discovery_scenario(n)) {
        n++;
    }
    printf("%u allocations, each failed once\n", n - 1);
    CHECK(n > 9 && n < 1000);
}

TEST(every_allocation_may_fail)
{
    unsigned n = 1;
    CHECK(scenario(0));
    while (n < 1000 && !scenario(n)) {
        n++;
    }
    printf("%u allocations, each failed once\n", n - 1);
    CHECK(n > 5 && n < 1000);
}

int main(void)
{
    RUN(every_allocation_may_fail);
    RUN(every_allocation_of_a_discovery_may_fail);
    return TEST_RESULT();
}
