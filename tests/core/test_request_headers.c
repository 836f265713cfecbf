/* Headers of an issuer: which ones are accepted, and that nothing of a refused one, or of a freed one, is told. */
#include "failing.h"
#include "keysets/request_headers.h"
#include "source.h"

static fb_error error = FB_ERROR_INIT;

static fb_status check_list(const fb_slice *items, size_t count)
{
    return fb__request_headers_check((fb_list){items, count}, &error);
}

static fb_status check_one(const char *text)
{
    const fb_slice item = fb_text(text);
    return check_list(&item, 1);
}

TEST(good_ones)
{
    static const char *const texts[] = {"X-Api-Key: swordfish",
                                        "x:y",
                                        "!#$%&'*+-.^_`|~09azAZ: a\tb ~!",
                                        "Authorization: Bearer abc",
                                        "Accept: text/plain",
                                        "User-Agent:\t me",
                                        "Hosts: a",
                                        "X: a: b: c"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (check_one(texts[i]) != FB_OK) {
            FAIL("%s: %s", texts[i], error.text);
        }
    }
    CHECK(check_list(NULL, 0) == FB_OK);
}

TEST(refused_ones)
{
    static const char *const texts[] = {"",
                                        ":",
                                        "swordfish",
                                        "X-Api-Key",
                                        "X-Api-Key:",
                                        "X-Api-Key: \t ",
                                        ": swordfish",
                                        "X Api: swordfish",
                                        " X: swordfish",
                                        "X : swordfish",
                                        "X(: swordfish",
                                        "X\xc3\xa4: swordfish",
                                        "X: swordfish\r\nHost: evil",
                                        "X: sword\nfish",
                                        "X: sword\rfish",
                                        "X: swordfish\x7f",
                                        "X: swordf\xc3\xafsh",
                                        "X\n: swordfish",
                                        "Host: swordfish",
                                        "content-length: 1",
                                        "TRANSFER-ENCODING: chunked",
                                        "Connection: close",
                                        "Accept-Encoding: gzip",
                                        "if-None-match: \"swordfish\""};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const fb_slice items[] = {fb_text("X-Good: yes"), fb_text(texts[i])};
        if (check_list(items, 2) != FB_CONFIGURATION_INVALID) {
            FAIL("accepted: %s", texts[i]);
        }
        CHECK(strstr(error.text, "headers: number 2") == error.text && strstr(error.text, "sword") == NULL);
    }
    const fb_slice nul = {"X: sword\0fish", 13}, nul_name = {"X\0: swordfish", 13}, absent = {NULL, 0};
    CHECK(check_list(&nul, 1) == FB_CONFIGURATION_INVALID);
    CHECK(check_list(&nul_name, 1) == FB_CONFIGURATION_INVALID);
    CHECK(check_list(&absent, 1) == FB_CONFIGURATION_INVALID);
    CHECK(check_list(NULL, 1) == FB_CONFIGURATION_INVALID && strstr(error.text, "headers has a count") != NULL);
}

TEST(an_issuer_with_a_bad_one_is_refused)
{
    fb_issuer issuer = FB_ISSUER_INIT;
    fb__key_source *source = NULL;
    issuer.jwks_uri = fb_text(URI);
    issuer.headers = FB_LIST(fb_text("Host: a"));
    CHECK(fb__key_source_new(&source, &fb__mem_default, &issuer, &error) == FB_CONFIGURATION_INVALID);
    CHECK(source == NULL && strstr(error.text, "headers: number 1, host, is set by the fetch itself") != NULL);
}

/* ---- what is freed */

static char last_block[4096];
static size_t last_size;

static void *allocate(void *context, size_t size)
{
    size_t *block = malloc(sizeof(size_t) * 2 + size);
    (void)context;
    *block = size;
    return block + 2;
}

/* What of a secret is left when its memory is given back is seen here. */
static void release(void *context, void *memory)
{
    (void)context;
    if (memory != NULL) {
        size_t *block = (size_t *)memory - 2;
        last_size = *block < sizeof(last_block) ? *block : sizeof(last_block);
        memcpy(last_block, memory, last_size);
        for (size_t i = 0; i + 9 <= last_size; i++) {
            CHECK(memcmp(last_block + i, "swordfish", 9) != 0);
        }
        free(block);
    }
}

TEST(copies_are_cleansed)
{
    const fb_mem mem = {allocate, release, NULL};
    const fb_slice items[] = {fb_text("A: swordfish"), fb_text("B: swordfish and more")};
    fb_list copy;
    CHECK(fb__request_headers_copy(&copy, &mem, (fb_list){items, 2}));
    for (size_t i = 0; i < 2; i++) {
        CHECK(fb__slice_equal(copy.items[i], items[i]) && copy.items[i].data != items[i].data);
        CHECK(copy.items[i].data[copy.items[i].size] == '\0');
    }
    last_size = 0;
    fb__request_headers_free(copy, &mem);
    CHECK(last_size > 0);
    CHECK(fb__request_headers_copy(&copy, &mem, (fb_list){NULL, 0}) && copy.count == 0 && copy.items == NULL);
    fb__request_headers_free(copy, &mem);

    fb_issuer issuer = FB_ISSUER_INIT;
    fb__key_source *source = NULL;
    issuer.jwks_uri = fb_text("https://issuer.example/keys");
    issuer.headers = (fb_list){items, 2};
    CHECK(fb__key_source_new(&source, &mem, &issuer, &error) == FB_OK);
    fb__key_source_release(source);
}

TEST(without_memory_there_is_no_copy)
{
    const fb_slice item = fb_text("A: swordfish");
    fb_list copy;
    failing_start(0, true);
    CHECK(!fb__request_headers_copy(&copy, &failing_mem, (fb_list){&item, 1}) && copy.items == NULL);
    CHECK(failing_stop() && failing.balance == 0);
}

int main(void)
{
    RUN(good_ones);
    RUN(refused_ones);
    RUN(an_issuer_with_a_bad_one_is_refused);
    RUN(copies_are_cleansed);
    RUN(without_memory_there_is_no_copy);
    return TEST_RESULT();
}
