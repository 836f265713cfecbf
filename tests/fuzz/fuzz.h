/*
 * What the fuzz targets share. A target reads any bytes, calls the functions that its first comment names, and aborts
 * when something that must hold does not. It keeps no state that changes what a later input does, so each finding
 * replays alone.
 */
#ifndef FB_FUZZ_H
#define FB_FUZZ_H

#include "verify/verify.h"

#include <jansson.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_NOW 1750000000.0 /* the clock of tests/vectors */
#define FUZZ_SECRET "fastbearer-test-secret-32-bytes!"

#define REQUIRE(condition)                                                                 \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                       \
        }                                                                                  \
    } while (0)

static inline fb_slice fuzz_slice(const uint8_t *data, size_t size)
{
    return (fb_slice){(const char *)data, size};
}

/* Takes the first byte off. */
static inline unsigned fuzz_byte(const uint8_t **data, size_t *size)
{
    if (*size == 0) {
        return 0;
    }
    (*size)--;
    return *(*data)++;
}

/* Takes the first line off, without its newline. */
static inline fb_slice fuzz_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size == 0 ? NULL : memchr(*data, '\n', *size);
    size_t length = end == NULL ? *size : (size_t)(end - *data);
    fb_slice line = fuzz_slice(*data, length);
    *data += length + (end != NULL);
    *size -= length + (end != NULL);
    return line;
}

/* The private test key of that name, from tests/vectors/keys. */
static inline fb_keypair *fuzz_key(const char *algorithm, const char *name)
{
    char path[1024], pem[8192];
    fb_keypair *pair = NULL;
    snprintf(path, sizeof(path), "%s/tests/vectors/keys/%s.pem", FB_SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    REQUIRE(file != NULL);
    size_t size = fread(pem, 1, sizeof(pem), file);
    fclose(file);
    REQUIRE(fb_keypair_load(&pair, fb_text(algorithm), (fb_slice){pem, size}, NULL, NULL) == FB_OK);
    return pair;
}

static inline fb_keypair *fuzz_secret(void)
{
    fb_keypair *pair = NULL;
    REQUIRE(fb_keypair_load(&pair, fb_text("HS256"), fb_text(FUZZ_SECRET), NULL, NULL) == FB_OK);
    return pair;
}

/* Reads an accepted text again, with jansson; NULL where jansson has no room for a number and so has nothing to say. */
static inline json_t *fuzz_read_again(fb_slice text)
{
    json_error_t error = {0};
    json_t *object = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    REQUIRE(object == NULL ? strstr(error.text, "too big") != NULL : json_is_object(object));
    return object;
}

/* Whatever happened, OpenSSL's queue is as it was: empty. */
static inline void fuzz_no_errors_left(void)
{
    REQUIRE(ERR_peek_error() == 0);
}

/* A result's tape lies within its payload, and its getters do not contradict it. */
static inline void fuzz_check_result(const fb_result *result)
{
    size_t count = 0;
    fb_slice payload = fb_result_payload(result);
    const fb_node *nodes = fb_result_nodes(result, &count);
    REQUIRE(count >= 1 && nodes[0].kind == FB_OBJECT && nodes[0].next == count);
    for (size_t i = 0; i < count; i++) {
        REQUIRE(nodes[i].offset <= payload.size && nodes[i].length <= payload.size - nodes[i].offset);
        REQUIRE(nodes[i].next > i && nodes[i].next <= count);
    }
    REQUIRE(fb_result_client_id(result).size > 0);
    REQUIRE((fb_result_claim(result, fb_text("sub")) != 0) == (fb_result_subject(result).data != NULL));
    fb_list scopes = fb_result_scopes(result);
    for (size_t i = 0; i < scopes.count; i++) {
        REQUIRE(scopes.items[i].data != NULL);
    }
}

#endif
