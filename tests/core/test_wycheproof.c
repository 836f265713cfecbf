/*
 * All of Wycheproof's vectors that concern a JWS verifier: signatures through the raw entry point of signature.c, JOSE
 * files through split, header, choice of key and signature. What a strict verifier must not follow is read from
 * wycheproof-overrides.json. Whatever JOSE has no name for (DER, truncated tags, another salt, another hash, JWE) must
 * be refused, so those files are run as well.
 */
#include "jose.h"

#include <fnmatch.h>

/* In the files of wycheproof.sha256; some vectors are valid signatures by keys that are refused, too small ones. */
enum { FILES = 44, VECTORS = 9256, BY_REFUSED_KEYS = 5 };

static json_t *overrides;
static size_t run_total, refused_key_total;

struct file {
    const char *name;
    size_t run, refused_key, accepted;
};

struct bytes {
    unsigned char *data;
    size_t size;
};

static int digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Of exactly its size, so that a sanitizer sees a read beyond it. */
static struct bytes from_hex(const json_t *object, const char *name)
{
    fb_slice text = jose_string(object, name);
    struct bytes made = {malloc(text.size / 2 + (text.size == 0)), text.size / 2};
    for (size_t i = 0; made.data != NULL && i < made.size; i++) {
        made.data[i] = (unsigned char)(digit(text.data[2 * i]) << 4 | digit(text.data[2 * i + 1]));
    }
    return made;
}

/* ---- expectations --------------------------------------------------------------------------- */

enum expected { REJECT, ACCEPT, EITHER };

static enum expected expectation(const struct file *file, const json_t *test)
{
    char id[32];
    const char *pattern;
    json_t *table;
    snprintf(id, sizeof(id), "%lld", (long long)json_integer_value(json_object_get(test, "tcId")));
    json_object_foreach(overrides, pattern, table)
    {
        const json_t *override = fnmatch(pattern, file->name, 0) == 0 ? json_object_get(table, id) : NULL;
        if (override != NULL) {
            return jose_is(override, "we_expect", "accept")   ? ACCEPT
                   : jose_is(override, "we_expect", "either") ? EITHER
                                                              : REJECT;
        }
    }
    /* A JWS may have an empty payload, a JWT may not: the form of three non-empty segments refuses it. */
    return jose_is(test, "result", "valid") && !jose_is(test, "comment", "emptyPayload") ? ACCEPT : REJECT;
}

/* A file about another salt holds signatures with JOSE's own salt as well, which for that file are wrong. */
static bool has_jose_salt(const json_t *group, const json_t *test, const fb__alg *alg)
{
    char comment[40];
    snprintf(comment, sizeof(comment), "s_len changed to %zu", fb__hash_size(alg->hash));
    return jose_is(group, "type", "RsassaPssVerify") && jose_is(test, "comment", comment) &&
           fb__slice_equal(jose_string(group, "sha"), jose_string(group, "mgfSha"));
}

static void judge(struct file *file, const json_t *test, enum expected expected, bool accepted)
{
    file->run++;
    file->accepted += accepted;
    test_checks++;
    if (expected != EITHER && accepted != (expected == ACCEPT)) {
        FAIL("%s tcId %lld (%s): %s", file->name, (long long)json_integer_value(json_object_get(test, "tcId")),
             json_string_value(json_object_get(test, "comment")), accepted ? "accepted" : "refused");
    }
}

/* ---- signatures ----------------------------------------------------------------------------- */

/* The JOSE algorithm of a group: prefix "RS", "PS", "ES" and the hash; NULL when JOSE has no such. */
static const fb__alg *algorithm(const char *prefix, const json_t *group)
{
    char name[8];
    fb_slice sha = jose_string(group, "sha");
    if (sha.size != 7 || memcmp(sha.data, "SHA-", 4) != 0) {
        return NULL;
    }
    snprintf(name, sizeof(name), "%s%.3s", prefix, sha.data + 4);
    return fb__alg_find(fb_text(name));
}

static const fb__alg *curve_algorithm(const fb__key *key)
{
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        if (fb__algs[i].kty == FB__KTY_EC && (key->algs & fb__alg_bit(&fb__algs[i])) != 0) {
            return &fb__algs[i];
        }
    }
    return NULL;
}

static bool verifies(fb__verification_key *key, const fb__alg *alg, const json_t *test, const char *signature_name)
{
    struct bytes message = from_hex(test, "msg"), signature = from_hex(test, signature_name);
    bool good = fb__signature_verify_raw(key, alg, (fb_slice){(const char *)message.data, message.size},
                                         (fb_slice){(const char *)signature.data, signature.size}, false) == FB_OK;
    free(message.data);
    free(signature.data);
    return good;
}

/* Whether the group's parameters are those of the JOSE algorithm; if not, nothing in it may be accepted. */
static bool is_jose(const json_t *group, const fb__key *key, const fb__alg **alg)
{
    static const fb_slice rs256 = {"RS256", 5}, ps256 = {"PS256", 5}, eddsa = {"EdDSA", 5};
    *alg = NULL;
    if (jose_is(group, "type", "RsassaPkcs1Verify") || jose_is(group, "type", "RsassaPkcs1Generate")) {
        *alg = algorithm("RS", group);
        bool named = *alg != NULL;
        *alg = named ? *alg : fb__alg_find(rs256);
        return named;
    }
    if (jose_is(group, "type", "RsassaPssVerify")) {
        *alg = algorithm("PS", group);
        bool named = *alg != NULL && fb__slice_equal(jose_string(group, "sha"), jose_string(group, "mgfSha")) &&
                     json_integer_value(json_object_get(group, "sLen")) == (json_int_t)fb__hash_size((*alg)->hash);
        *alg = *alg != NULL ? *alg : fb__alg_find(ps256);
        return named;
    }
    if (jose_is(group, "type", "EcdsaP1363Verify") || jose_is(group, "type", "EcdsaVerify")) {
        static const char *const hashes[] = {"", "SHA-256", "SHA-384", "SHA-512"};
        *alg = curve_algorithm(key);
        return *alg != NULL && jose_is(group, "type", "EcdsaP1363Verify") &&
               jose_is(group, "sha", hashes[(*alg)->hash]);
    }
    *alg = fb__alg_find(eddsa);
    return jose_is(group, "type", "EddsaVerify");
}

static fb_slice group_pem(const json_t *group)
{
    fb_slice pem = jose_string(group, "publicKeyPem");
    return pem.data != NULL ? pem : jose_string(group, "keyPem");
}

/* Wycheproof's PKCS#1 generation files give only the private key: its public half, as PEM. */
static fb_status group_key(fb__key *key, const json_t *group)
{
    fb_slice private_pem = jose_string(group, "privateKeyPem");
    if (private_pem.data == NULL || group_pem(group).data != NULL) {
        return fb__key_from_pem(key, &fb__mem_default, group_pem(group), NULL);
    }
    fb_keypair *pair = NULL;
    fb_status status = fb_keypair_load(&pair, fb_text("RS256"), private_pem, NULL, NULL);
    if (status == FB_OK) {
        status = fb__key_from_pem(key, &fb__mem_default, fb_keypair_public_pem(pair), NULL);
    }
    fb_keypair_free(pair);
    return status;
}

static void run_signatures(struct file *file, const json_t *group)
{
    fb__verification_key key;
    size_t i;
    json_t *test;
    memset(&key, 0, sizeof(key));
    bool imported = group_key(&key.key, group) == FB_OK;
    const fb__alg *alg = NULL;
    bool jose = imported && is_jose(group, &key.key, &alg);
    json_array_foreach(json_object_get(group, "tests"), i, test)
    {
        enum expected expected = expectation(file, test);
        if (!imported && expected == ACCEPT) {
            file->refused_key++;
        } else {
            bool good =
                imported && alg != NULL && (key.key.algs & fb__alg_bit(alg)) != 0 && verifies(&key, alg, test, "sig");
            expected = jose ? expected : alg != NULL && has_jose_salt(group, test, alg) ? ACCEPT : REJECT;
            judge(file, test, expected, good);
        }
    }
    fb__verification_key_clear(&key, &fb__mem_default);
}

static void run_mac(struct file *file, const json_t *group)
{
    int bits = 0;
    size_t i;
    json_t *test;
    char name[8];
    (void)sscanf(file->name, "hmac_sha%d_", &bits);
    snprintf(name, sizeof(name), "HS%d", bits);
    const fb__alg *alg = fb__alg_find(fb_text(name));
    bool full = json_integer_value(json_object_get(group, "tagSize")) == bits;
    json_array_foreach(json_object_get(group, "tests"), i, test)
    {
        fb__verification_key key;
        memset(&key, 0, sizeof(key));
        struct bytes secret = from_hex(test, "key");
        fb_slice slice = {(const char *)secret.data, secret.size};
        bool imported = fb__key_from_secret(&key.key, &fb__mem_default, slice, fb__alg_bit(alg), true, NULL) == FB_OK;
        enum expected expected = full && imported ? expectation(file, test) : REJECT;
        judge(file, test, expected, imported && verifies(&key, alg, test, "tag"));
        fb__verification_key_clear(&key, &fb__mem_default);
        free(secret.data);
    }
}

/* ---- JOSE ----------------------------------------------------------------------------------- */

/* Of a set of secrets the caller takes the one whose kid the header names; our key sets hold none. */
static const json_t *only_secret(const json_t *set, fb_slice token)
{
    const json_t *found = NULL, *jwk;
    unsigned char header[2048];
    size_t i, end = 0;
    while (end < token.size && token.data[end] != '.') {
        end++;
    }
    if (fb__base64url_decoded_size(end) > sizeof(header) || !fb__base64url_decode(token.data, end, header)) {
        return NULL;
    }
    json_t *parsed = json_loadb((const char *)header, fb__base64url_decoded_size(end), 0, NULL);
    json_array_foreach(json_object_get(set, "keys"), i, jwk)
    {
        bool named = json_equal(json_object_get(jwk, "kid"), json_object_get(parsed, "kid")) == 1;
        if (!jose_is(jwk, "kty", "oct") || (named && found != NULL)) {
            found = NULL;
            break;
        }
        found = named ? jwk : found;
    }
    json_decref(parsed);
    return found;
}

static void run_jose(struct file *file, const json_t *group)
{
    const json_t *public_key = json_object_get(group, "public"), *key = public_key;
    size_t i;
    json_t *test;
    if (key == NULL) {
        key = json_object_get(group, "private");
    }
    json_array_foreach(json_object_get(group, "tests"), i, test)
    {
        bool jws = json_object_get(test, "jws") != NULL;
        json_t *value = json_object_get(test, jws ? "jws" : "jwe");
        char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT);
        fb_slice token = text != NULL ? fb_text(text) : jose_string(test, jws ? "jws" : "jwe");
        const json_t *secret = json_array_size(json_object_get(key, "keys")) > 1 ? only_secret(key, token) : NULL;
        fb_status status = jose_verify_jwk(secret != NULL ? secret : key, token);
        judge(file, test, jws ? expectation(file, test) : REJECT, status == FB_OK);
        free(text);
    }
}

/* ---- the folder ----------------------------------------------------------------------------- */

static void run_file(const char *name, const json_t *document)
{
    struct file file = {.name = name};
    size_t i;
    json_t *group;
    json_array_foreach(json_object_get(document, "testGroups"), i, group)
    {
        if (strncmp(name, "json_web_", 9) == 0) {
            run_jose(&file, group);
        } else if (jose_is(group, "type", "MacTest")) {
            run_mac(&file, group);
        } else {
            run_signatures(&file, group);
        }
    }
    json_int_t count = json_integer_value(json_object_get(document, "numberOfTests"));
    CHECK((json_int_t)(file.run + file.refused_key) == count);
    printf("%-46s %4zu run, %3zu accepted\n", name, file.run, file.accepted);
    run_total += file.run;
    refused_key_total += file.refused_key;
}

TEST(all_files)
{
    char path[200], missing[4000] = "";
    FILE *list = NULL;
    size_t files = 0, found = 0;
    json_error_t error;
    overrides = json_load_file(FB_SOURCE_DIR "/tests/core/wycheproof-overrides.json", 0, &error);
    CHECK(overrides != NULL);
    while (jose_next_wycheproof(&list, path, sizeof(path))) {
        const char *name = strchr(path, '/') + 1;
        json_t *document = jose_load(path);
        files++;
        if (document == NULL) {
            size_t end = strlen(missing);
            snprintf(missing + end, sizeof(missing) - end, " %s", name);
            continue;
        }
        found++;
        run_file(name, document);
        json_decref(document);
    }
    fclose(list);
    json_decref(overrides);
    CHECK(files == FILES);
    printf("%zu files: %zu vectors run\n", found, run_total);
    if (found != files) {
        printf("missing:%s\n", missing);
        SKIP("%zu of %d vectors, in %zu of %d files: " JOSE_MISSING, VECTORS - BY_REFUSED_KEYS - run_total,
             VECTORS - BY_REFUSED_KEYS, files - found, FILES);
        return;
    }
    CHECK(refused_key_total == BY_REFUSED_KEYS);
    CHECK(run_total == VECTORS - BY_REFUSED_KEYS);
}

int main(void)
{
    RUN(all_files);
    return TEST_RESULT();
}
