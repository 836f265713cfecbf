/*
 * One JWK (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2). Given an object of a document that the strict
 * reader has taken apart. A key that cannot be used says why, in constant text, and never fails the set it stands in.
 * Private members are never read.
 */
#include "keys/keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

enum {
    MAX_NUMBER_BYTES = FB__RSA_MAX_BITS / 8 + 64,        /* some room for leading zeros, which real issuers send */
    MAX_NUMBER_TEXT = 6 * (MAX_NUMBER_BYTES * 4 / 3 + 4) /* each character may be written as an escape of six */
};

struct jwk {
    const char *text;
    const fb_node *nodes;
    size_t object;
    fb__key *key;
    const EVP_PKEY *p256; /* to be copied; NULL: there is none */
    bool by_openssl;      /* who refused it */
};

/* NULL: there is none. */
static const fb_node *member(const struct jwk *jwk, const char *name)
{
    const size_t index = fb__json_member(jwk->text, jwk->nodes, jwk->object, fb_text(name));
    return index == 0 ? NULL : &jwk->nodes[index];
}

static bool is_text(const fb_node *node)
{
    return node != NULL && node->kind == FB_STRING;
}

static bool is(const struct jwk *jwk, const fb_node *node, const char *value)
{
    return fb__json_equal(jwk->text, node, fb_text(value));
}

/* A base64url member, decoded into out; *size is its room, then its size. */
static bool read_bytes(const struct jwk *jwk, const char *name, unsigned char *out, size_t *size)
{
    const fb_node *node = member(jwk, name);
    char plain[MAX_NUMBER_TEXT];
    if (!is_text(node) || node->length == 0 || (node->escaped && node->length > sizeof(plain))) {
        return false;
    }
    fb_slice text = {jwk->text + node->offset, node->length};
    if (node->escaped) {
        text = (fb_slice){plain, fb_unescape(text.data, text.size, plain)};
    }
    if (fb__base64url_decoded_size(text.size) > *size || !fb__base64url_decode(text.data, text.size, out)) {
        return false;
    }
    *size = fb__base64url_decoded_size(text.size);
    return true;
}

/* ---- what a key says about its use ---------------------------------------------------------- */

static const char *check_use(const struct jwk *jwk)
{
    const fb_node *use = member(jwk, "use");
    if (use != NULL && use->kind != FB_STRING) {
        return "use is not a string";
    }
    return use == NULL || is(jwk, use, "sig") ? NULL : "use is not \"sig\"";
}

static const char *check_operations(const struct jwk *jwk)
{
    const fb_node *operations = member(jwk, "key_ops");
    if (operations == NULL) {
        return NULL;
    }
    if (operations->kind != FB_ARRAY) {
        return "key_ops is not an array";
    }
    bool verifies = false;
    for (const fb_node *at = operations + 1; at < jwk->nodes + operations->next; at = jwk->nodes + at->next) {
        if (at->kind != FB_STRING) {
            return "key_ops holds something that is not a string";
        }
        verifies = verifies || is(jwk, at, "verify");
    }
    return verifies ? NULL : "key_ops does not hold \"verify\"";
}

static const fb__alg *find_alg(const struct jwk *jwk, const fb_node *name)
{
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        if (fb__json_equal(jwk->text, name, (fb_slice){fb__algs[i].name, fb__algs[i].name_size})) {
            return &fb__algs[i];
        }
    }
    return NULL;
}

/* A key with alg verifies that algorithm alone (RFC 8725 section 3.1). EdDSA is the old name of both curves'
 * algorithms. */
static const char *restrict_to_alg(const struct jwk *jwk)
{
    const fb_node *name = member(jwk, "alg");
    if (name == NULL) {
        return NULL;
    }
    if (name->kind != FB_STRING) {
        return "alg is not a string";
    }
    const fb__alg *alg = find_alg(jwk, name);
    uint32_t allowed = alg == NULL ? 0 : fb__alg_bit(alg);
    if (alg != NULL && alg->kty == FB__KTY_OKP) {
        /* The two spellings name one algorithm for one key (RFC 9864 section 2.2). */
        bool fits = jwk->key->kty == FB__KTY_OKP && (alg->curve == FB__CURVE_NONE || alg->curve == jwk->key->curve);
        allowed = fits ? jwk->key->algs : 0;
    }
    jwk->key->algs &= allowed;
    return alg == NULL           ? "alg is not one that is supported"
           : jwk->key->algs == 0 ? "alg does not fit the type of the key"
                                 : NULL;
}

/* ---- building the key ----------------------------------------------------------------------- */

/* Our own checks found nothing wrong; OpenSSL did, or it lacked memory. */
static const char *not_loaded(struct jwk *jwk)
{
    jwk->by_openssl = true;
    return fb__key_not_loaded;
}

static const char *build(struct jwk *jwk, const char *type, OSSL_PARAM_BLD *builder)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    bool built = params != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
                 EVP_PKEY_fromdata(context, &jwk->key->pkey, EVP_PKEY_PUBLIC_KEY, params) == 1;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return built ? NULL : not_loaded(jwk);
}

static const char *build_rsa(struct jwk *jwk, OSSL_PARAM_BLD *builder)
{
    unsigned char n[MAX_NUMBER_BYTES], e[MAX_NUMBER_BYTES];
    size_t n_size = sizeof(n), e_size = sizeof(e);
    if (!read_bytes(jwk, "n", n, &n_size)) {
        return "n is missing, not base64url or too long";
    }
    if (!read_bytes(jwk, "e", e, &e_size)) {
        return "e is missing, not base64url or too long";
    }
    BIGNUM *modulus = BN_bin2bn(n, (int)n_size, NULL), *exponent = BN_bin2bn(e, (int)e_size, NULL);
    const char *problem;
    if (modulus != NULL && exponent != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        problem = build(jwk, "RSA", builder);
    } else {
        problem = not_loaded(jwk);
    }
    BN_free(modulus);
    BN_free(exponent);
    return problem;
}

/* The curve that crv names, if keys of this type are on it. */
static fb__curve curve_of(const struct jwk *jwk, const fb_node *name, fb__kty kty)
{
    for (fb__curve curve = FB__CURVE_NONE + 1; name != NULL && curve < FB__CURVE_COUNT; curve++) {
        if (fb__curves[curve].kty == kty && is(jwk, name, fb__curves[curve].name)) {
            return curve;
        }
    }
    return FB__CURVE_NONE;
}

static const char *build_ec_by_params(struct jwk *jwk, OSSL_PARAM_BLD *builder, fb__curve curve,
                                      const unsigned char *point, size_t size)
{
    if (OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, fb__curves[curve].openssl_name, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, size) != 1) {
        return not_loaded(jwk);
    }
    return build(jwk, "EC", builder);
}

/* OpenSSL sets up a curve for each key that is not made of another. It checks the point either way. */
static const char *build_ec_by_copy(struct jwk *jwk, const unsigned char *point, size_t size)
{
    jwk->key->pkey = EVP_PKEY_dup((EVP_PKEY *)(uintptr_t)jwk->p256);
    return jwk->key->pkey != NULL && EVP_PKEY_set1_encoded_public_key(jwk->key->pkey, point, size) == 1
               ? NULL
               : not_loaded(jwk);
}

static const char *build_ec(struct jwk *jwk, OSSL_PARAM_BLD *builder)
{
    const fb_node *name = member(jwk, "crv");
    if (name != NULL && name->kind != FB_STRING) {
        return "crv is not a string";
    }
    fb__curve curve = curve_of(jwk, name, FB__KTY_EC);
    if (curve == FB__CURVE_NONE) {
        return "crv is not P-256, P-384, P-521 or secp256k1";
    }
    /* Coordinates are of full length (RFC 7518 section 6.2.1.2), so the point is put together without a number in
     * between. */
    unsigned char point[1 + 2 * 66] = {POINT_CONVERSION_UNCOMPRESSED};
    size_t length = fb__curves[curve].coordinate_size, x_size = length, y_size = length;
    if (!read_bytes(jwk, "x", point + 1, &x_size) || x_size != length) {
        return "x is missing, not base64url or not as long as the curve's field";
    }
    if (!read_bytes(jwk, "y", point + 1 + length, &y_size) || y_size != length) {
        return "y is missing, not base64url or not as long as the curve's field";
    }
    const char *problem = jwk->p256 != NULL && curve == FB__CURVE_P256
                              ? build_ec_by_copy(jwk, point, 1 + 2 * length)
                              : build_ec_by_params(jwk, builder, curve, point, 1 + 2 * length);
    const unsigned long code = ERR_peek_last_error();
    const bool off_curve = ERR_GET_LIB(code) == ERR_LIB_EC && (ERR_GET_REASON(code) == EC_R_POINT_IS_NOT_ON_CURVE ||
                                                               ERR_GET_REASON(code) == EC_R_INVALID_ENCODING);
    return problem != NULL && off_curve ? "x and y are not a point on the curve" : problem;
}

static const char *build_okp(struct jwk *jwk, OSSL_PARAM_BLD *builder)
{
    const fb_node *name = member(jwk, "crv");
    if (name != NULL && name->kind != FB_STRING) {
        return "crv is not a string";
    }
    fb__curve curve = curve_of(jwk, name, FB__KTY_OKP);
    if (curve == FB__CURVE_NONE) {
        return "crv is not Ed25519 or Ed448";
    }
    unsigned char point[57];
    size_t length = fb__curves[curve].coordinate_size, size = length;
    if (!read_bytes(jwk, "x", point, &size) || size != length) {
        return "x is missing, not base64url or not as long as the curve's keys";
    }
    if (OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, size) != 1) {
        return not_loaded(jwk);
    }
    return build(jwk, fb__curves[curve].openssl_name, builder);
}

static const char *import(struct jwk *jwk)
{
    const fb_node *kty = member(jwk, "kty");
    if (!is_text(kty)) {
        return "kty is missing or not a string";
    }
    if (is(jwk, kty, "oct")) {
        return "a symmetric key has no place in a key set";
    }
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    const char *problem = builder == NULL       ? not_loaded(jwk)
                          : is(jwk, kty, "RSA") ? build_rsa(jwk, builder)
                          : is(jwk, kty, "EC")  ? build_ec(jwk, builder)
                          : is(jwk, kty, "OKP") ? build_okp(jwk, builder)
                                                : "kty is not RSA, EC or OKP";
    OSSL_PARAM_BLD_free(builder);
    if (problem == NULL) {
        problem = fb__key_classify(jwk->key);
        /* It was made as what it is, so where it seems to be nothing of the kind that could not be found out. */
        jwk->by_openssl = problem == fb__key_not_loaded || jwk->key->kty == FB__KTY_NONE;
    }
    if (problem == NULL) {
        problem = check_use(jwk);
    }
    if (problem == NULL) {
        problem = check_operations(jwk);
    }
    return problem != NULL ? problem : restrict_to_alg(jwk);
}

/*
 * OpenSSL does not always say that it lacked memory, and then looks as if the key were bad. What it alone refuses is
 * tried twice, and only where it can allocate; what it refuses even so stays undecided. False: out of memory.
 */
static bool import_twice(struct jwk *jwk)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        jwk->by_openssl = false;
        jwk->key->kty = FB__KTY_NONE;
        EVP_PKEY_free(jwk->key->pkey);
        jwk->key->pkey = NULL;
        jwk->key->problem = import(jwk);
        if (!jwk->by_openssl) {
            return true;
        }
        if (fb__openssl_out_of_memory()) {
            return false;
        }
    }
    jwk->key->undecided = true;
    return true;
}

/* The texts that keys() shows and kid is compared with, copied into one block. False: out of memory. */
static bool copy_texts(const struct jwk *jwk, const fb_mem *mem)
{
    enum { TEXTS = 5 };
    static const char *const names[TEXTS] = {"kid", "kty", "alg", "crv", "issuer"};
    fb_slice *targets[TEXTS] = {&jwk->key->kid, &jwk->key->kty_text, &jwk->key->alg_text, &jwk->key->crv_text,
                                &jwk->key->issuer};
    const fb_node *values[TEXTS];
    size_t bytes = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        values[i] = member(jwk, names[i]);
        values[i] = is_text(values[i]) ? values[i] : NULL;
        bytes += values[i] == NULL ? 0 : values[i]->length;
    }
    char *at = fb__alloc(mem, bytes);
    jwk->key->text = at;
    for (size_t i = 0; at != NULL && i < TEXTS; i++) {
        *targets[i] = (fb_slice){NULL, 0};
        if (values[i] != NULL) {
            *targets[i] = (fb_slice){at, fb_unescape(jwk->text + values[i]->offset, values[i]->length, at)};
            at += targets[i]->size;
        }
    }
    return jwk->key->text != NULL;
}

EVP_PKEY *fb__key_p256(void)
{
    EVP_PKEY *p256 = NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                         (char *)(uintptr_t)fb__curves[FB__CURVE_P256].openssl_name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (context != NULL && EVP_PKEY_fromdata_init(context) == 1) {
        (void)EVP_PKEY_fromdata(context, &p256, EVP_PKEY_KEY_PARAMETERS, params);
    }
    EVP_PKEY_CTX_free(context);
    return p256;
}

bool fb__key_from_jwk(fb__key *key, const fb_mem *mem, const char *text, const fb_node *nodes, size_t object,
                      const EVP_PKEY *p256)
{
    struct jwk jwk = {text, nodes, object, key, p256, false};
    if (nodes[object].kind != FB_OBJECT) {
        key->problem = "not an object";
        return true;
    }
    const fb_node *kid = member(&jwk, "kid"), *issuer = member(&jwk, "issuer");
    if (kid != NULL && kid->kind != FB_STRING) {
        key->problem = "kid is not a string";
    } else if (issuer != NULL && issuer->kind != FB_STRING) {
        key->problem = "issuer is not a string";
    } else if (!import_twice(&jwk)) {
        return false;
    }
    if (key->problem != NULL) {
        key->algs = 0;
    } else if (member(&jwk, "d") != NULL) {
        key->problem = "holds a private key, which was ignored; whoever publishes it should withdraw it";
    }
    return copy_texts(&jwk, mem);
}
