/*
 * Target functions: fb__discovery_check, fb__discovery_init, fb__discovery_evaluate, fb__url_same_origin. Input: lines:
 * an identifier, empty for a good one, and a status; then a metadata document, in which "@" alone in a text stands for
 * the identifier.
 */
#include "../core/setup.h"
#include "fuzz.h"
#include "keysets/discovery.h"
#include "keysets/url.h"

static const char good[] = "https://issuer.example/tenant";

/* The document with the identifier in its places; the caller frees it. */
static fb_slice filled(fb_slice document, fb_slice identifier)
{
    size_t places = 0, size = 0;
    for (size_t i = 0; i < document.size; i++) {
        places += document.data[i] == '@';
    }
    char *text = malloc(document.size + places * identifier.size + 1);
    REQUIRE(text != NULL);
    for (size_t i = 0; i < document.size; i++) {
        const bool place = i > 0 && i + 1 < document.size && memcmp(document.data + i - 1, "\"@\"", 3) == 0;
        const fb_slice piece = place ? identifier : (fb_slice){document.data + i, 1};
        memcpy(text + size, piece.data, piece.size);
        size += piece.size;
    }
    return (fb_slice){text, size};
}

/* What jansson reads there, by the name of a member; NULL: no text. */
static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void check_found(fb_slice identifier, fb_slice document, const char *jwks_uri)
{
    const fb_slice url = fb_text(jwks_uri);
    REQUIRE(fb__url_check(url, "jwks_uri", false, NULL) == FB_OK);
    REQUIRE(!fb__starts_with(identifier, "https:") || fb__starts_with(url, "https:"));
    REQUIRE(fb__url_same_origin(url, url) && fb__url_origin_size(url) <= url.size);
    REQUIRE(fb__url_same_origin(url, identifier) == fb__url_same_origin(identifier, url));
    json_t *object = fuzz_read_again(document);
    if (object != NULL) {
        REQUIRE(member(object, "issuer") != NULL && fb__slice_equal(fb_text(member(object, "issuer")), identifier));
        REQUIRE(member(object, "jwks_uri") != NULL && strcmp(member(object, "jwks_uri"), jwks_uri) == 0);
    }
    json_decref(object);
}

static void check_urls(const fb__discovery *discovery)
{
    REQUIRE(discovery->count == 2 || discovery->count == FB__WELL_KNOWN);
    for (size_t i = 0; i < discovery->count; i++) {
        const fb_slice url = discovery->urls[i];
        REQUIRE(fb__url_check(url, "url", false, NULL) == FB_OK && url.data[url.size] == '\0');
        REQUIRE(fb__url_same_origin(url, discovery->identifier) && fb__url_loggable_size(url) == url.size);
        REQUIRE(fb__find(url, fb_text("/.well-known/")) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fb_slice identifier = fuzz_line(&data, &size);
    const fb_slice code = fuzz_line(&data, &size);
    fb_issuer issuer = FB_ISSUER_INIT;
    if (identifier.size == 0) {
        identifier = fb_text(good);
    }
    issuer.identifiers = (fb_list){&identifier, 1};
    if (fb__discovery_check(&issuer, NULL) != FB_OK) {
        return 0;
    }
    char *text = malloc(fb__discovery_room(&issuer)), *at = text;
    REQUIRE(text != NULL);
    fb__discovery discovery;
    fb__discovery_init(&discovery, &issuer, &at);
    REQUIRE((size_t)(at - text) <= fb__discovery_room(&issuer));
    check_urls(&discovery);

    const fb_slice document = filled(fuzz_slice(data, size), identifier);
    const fb__request_context context = {
        .mem = &fb__mem_default, .url = discovery.urls[0], .max_bytes = 65536, .discovery = &discovery};
    fb_fetched fetched = FB_FETCHED_INIT;
    for (size_t i = 0; i < code.size && i < 4; i++) {
        fetched.http_status = fetched.http_status * 10 + (code.data[i] - '0');
    }
    fetched.body = document;
    fb__response response;
    fb__discovery_evaluate(&response, &context, &fetched);
    REQUIRE((response.verdict == FB__FOUND) == (response.jwks_uri != NULL) && response.keys == NULL);
    const bool refused = response.verdict == FB__REFUSED || response.verdict == FB__NOT_NOW;
    REQUIRE(refused || response.verdict == FB__FOUND || response.verdict == FB__PASSED_OVER);
    REQUIRE(refused == (response.status != FB_OK && response.problem[0] != '\0'));
    for (const char *c = response.problem; *c != '\0'; c++) {
        REQUIRE(*c >= ' ' && *c <= '~'); /* whatever the document holds, a line of the log is one */
    }
    if (response.verdict == FB__FOUND) {
        REQUIRE(fetched.http_status == 200);
        check_found(identifier, document, response.jwks_uri);
    }
    fb__free(&fb__mem_default, response.jwks_uri);
    free((char *)(uintptr_t)document.data);
    free(text);
    fuzz_no_errors_left();
    return 0;
}
