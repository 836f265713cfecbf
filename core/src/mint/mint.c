/*
 * Key pairs and the tokens they sign, for tests and tools. The private key is parsed once; what a caller adds to a
 * token keeps its JSON text to the byte. Private material is cleansed when the pair is freed and stands in no error.
 */
#include "signature/signature.h"

#include <math.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdio.h>

struct fb_keypair {
    fb_mem mem;
    const fb__alg *alg;
    fb__key key; /* pkey is the private key here; for HMAC secret */
    BIO *public_pem, *private_pem;
    EVP_PKEY_CTX *signing; /* initialised once; each signature works on a copy */
    EVP_MD *md;
    atomic_bool doubtful; /* RSA: a signature failed, see sign_and_check */
};

struct fb_string {
    fb_mem mem;
    size_t size;
    char text[];
};

static fb_status out_of_memory(fb_error *error)
{
    (void)fb__reject(error, FB_OUT_OF_MEMORY, (fb_slice){NULL, 0});
    return FB_OUT_OF_MEMORY;
}

/* ---- text ----------------------------------------------------------------------------------- */

static fb_string *string_new(const fb_mem *mem, size_t room)
{
    fb_string *string = fb__alloc(mem, fb__size_add(sizeof(*string) + 1, room));
    if (string != NULL) {
        string->mem = *mem;
        string->size = 0;
    }
    return string;
}

static void add(fb_string *string, const char *data, size_t size)
{
    memcpy(string->text + string->size, data, size);
    string->size += size;
    string->text[string->size] = '\0';
}

static void add_text(fb_string *string, const char *text)
{
    add(string, text, strlen(text));
}

fb_slice fb_string_text(const fb_string *string)
{
    return (fb_slice){string->text, string->size};
}

void fb_string_free(fb_string *string)
{
    if (string != NULL) {
        fb_mem mem = string->mem;
        fb__free(&mem, string);
    }
}

/* A JSON string takes at most six characters a byte, and its quotes. */
static size_t quoted_room(size_t size)
{
    return fb__size_add(fb__size_multiply(size, 6), 2);
}

static void add_quoted(fb_string *string, fb_slice value)
{
    add_text(string, "\"");
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c == '"' || c == '\\') {
            add(string, (const char[]){'\\', (char)c}, 2);
        } else if (c < 0x20) {
            char escape[8];
            add(string, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
        } else {
            add(string, (const char *)&c, 1);
        }
    }
    add_text(string, "\"");
}

/* Text must be UTF-8, or the token would be refused by every reader; NUL would be by this one. */
static fb_status check_text(const fb_mem *mem, const char *name, fb_slice value, fb_error *error)
{
    if (value.size == 0) {
        return FB_OK;
    }
    fb_string *document = string_new(mem, fb__size_add(quoted_room(value.size), 8));
    if (document == NULL) {
        return out_of_memory(error);
    }
    fb_node nodes[4];
    size_t count;
    add_text(document, "{\"v\":");
    add_quoted(document, value);
    add_text(document, "}");
    fb__json_status status = fb__json_scan(document->text, document->size, FB__JSON_STRICT, 2, mem, nodes, 4, &count);
    fb_string_free(document);
    return status == FB__JSON_OK
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "%s is not valid UTF-8 text without NUL", name);
}

/* ---- making and loading a pair -------------------------------------------------------------- */

void fb_keypair_free(fb_keypair *keypair)
{
    FB__INSIDE_GATE;
    if (keypair == NULL) {
        return;
    }
    fb_mem mem = keypair->mem;
    /* A memory BIO clears what it held when it grew or is freed, by BUF_MEM. */
    BIO_free(keypair->public_pem);
    BIO_free(keypair->private_pem);
    EVP_PKEY_CTX_free(keypair->signing);
    EVP_MD_free(keypair->md);
    fb__key_clear(&keypair->key, &mem);
    fb__free(&mem, keypair);
}

static fb_status keypair_new(fb_keypair **out, fb_slice algorithm, const fb_mem *given, fb_error *error)
{
    fb_mem mem = given == NULL ? fb__mem_default : *given;
    const fb__alg *alg = algorithm.data == NULL ? NULL : fb__alg_find(algorithm);
    *out = NULL;
    if (alg == NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "algorithm is not one that is supported");
    }
    fb_keypair *pair = fb__zalloc(&mem, sizeof(*pair));
    if (pair == NULL) {
        return out_of_memory(error);
    }
    pair->mem = mem;
    pair->alg = alg;
    *out = pair;
    return FB_OK;
}

static BIO *secret_bio(void)
{
    return BIO_new(BIO_s_secmem());
}

static fb_status write_pems(fb_keypair *pair, fb_error *error)
{
    pair->public_pem = BIO_new(BIO_s_mem());
    pair->private_pem = secret_bio();
    if (pair->public_pem == NULL || pair->private_pem == NULL ||
        PEM_write_bio_PUBKEY(pair->public_pem, pair->key.pkey) != 1 ||
        PEM_write_bio_PKCS8PrivateKey(pair->private_pem, pair->key.pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        return out_of_memory(error);
    }
    return FB_OK;
}

static bool prepare_signing(fb_keypair *pair)
{
    if (pair->alg->hash == FB__HASH_NONE) {
        return true;
    }
    pair->md = EVP_MD_fetch(NULL, fb__hashes[pair->alg->hash].openssl_name, NULL);
    pair->signing = EVP_PKEY_CTX_new(pair->key.pkey, NULL);
    if (pair->md == NULL || pair->signing == NULL || EVP_PKEY_sign_init(pair->signing) != 1 ||
        EVP_PKEY_CTX_set_signature_md(pair->signing, pair->md) != 1) {
        return false;
    }
    if (pair->alg->kty != FB__KTY_RSA) {
        return true;
    }
    if (!pair->alg->pss) {
        return EVP_PKEY_CTX_set_rsa_padding(pair->signing, RSA_PKCS1_PADDING) == 1;
    }
    return EVP_PKEY_CTX_set_rsa_padding(pair->signing, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(pair->signing, pair->md) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(pair->signing, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* The pair has its key; everything else follows from it. */
static fb_status finish(fb_keypair *pair, fb_error *error)
{
    const char *problem = fb__key_classify(&pair->key);
    if (problem == NULL && (pair->key.algs & fb__alg_bit(pair->alg)) == 0) {
        problem = "the key is not one for the algorithm";
    }
    if (problem == fb__key_not_loaded) {
        return out_of_memory(error);
    }
    if (problem != NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "private_key: %s", problem);
    }
    return prepare_signing(pair) ? write_pems(pair, error) : out_of_memory(error);
}

static fb_status generate_secret(fb_keypair *pair, fb_error *error)
{
    unsigned char secret[FB__MAX_DIGEST];
    fb_status status = FB_INTERNAL_ERROR;
    if (RAND_priv_bytes(secret, (int)sizeof(secret)) == 1) {
        fb_slice text = {(const char *)secret, fb__hash_size(pair->alg->hash)};
        status = fb__key_from_secret(&pair->key, &pair->mem, text, fb__alg_bit(pair->alg), false, error);
    } else {
        (void)fb__reject(error, status, (fb_slice){NULL, 0});
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    return status;
}

static EVP_PKEY *generate_pkey(const fb__alg *alg, unsigned bits)
{
    if (alg->kty == FB__KTY_RSA) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)(bits == 0 ? alg->min_bits : bits));
    }
    if (alg->kty == FB__KTY_EC) {
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", fb__curves[alg->curve].openssl_name);
    }
    const fb__curve curve = alg->curve == FB__CURVE_NONE ? FB__CURVE_ED25519 : alg->curve;
    return EVP_PKEY_Q_keygen(NULL, NULL, fb__curves[curve].openssl_name);
}

/* On failure the pair is freed. */
static fb_status publish(fb_keypair **out, fb_keypair *pair, fb_status status, fb_error *error)
{
    if (status != FB_OK && fb__openssl_out_of_memory()) {
        status = out_of_memory(error);
    }
    if (status != FB_OK) {
        fb_keypair_free(pair);
        pair = NULL;
    }
    *out = pair;
    return status;
}

fb_status fb_keypair_generate(fb_keypair **out, fb_slice algorithm, unsigned bits, const fb_mem *mem, fb_error *error)
{
    FB__INSIDE_GATE;
    fb_status status = keypair_new(out, algorithm, mem, error);
    if (status != FB_OK) {
        return status;
    }
    fb_keypair *pair = *out;
    bool rsa = pair->alg->kty == FB__KTY_RSA;
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    if (bits != 0 && (!rsa || bits < pair->alg->min_bits || bits > FB__RSA_MAX_BITS || bits % 8 != 0)) {
        status = fb__fail(error, FB_CONFIGURATION_INVALID,
                          rsa ? "bits must be a multiple of 8 from 2048 to 8192" : "bits is for RSA keys only");
    } else if (pair->alg->kty == FB__KTY_OCT) {
        status = generate_secret(pair, error);
    } else {
        pair->key.pkey = generate_pkey(pair->alg, bits);
        status = pair->key.pkey == NULL ? out_of_memory(error) : finish(pair, error);
    }
    status = publish(out, pair, status, error);
    fb__openssl_end(&errors);
    return status;
}

/* Never asks a terminal for a pass phrase. */
static int no_pass_phrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static fb_status load_pem(fb_keypair *pair, fb_slice pem, fb_error *error)
{
    BIO *bio = pem.size > INT32_MAX ? NULL : BIO_new_mem_buf(pem.data, (int)pem.size);
    pair->key.pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
    BIO_free(bio);
    if (pair->key.pkey == NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "private_key is not one unencrypted private key in PEM");
    }
    return finish(pair, error);
}

fb_status fb_keypair_load(fb_keypair **out, fb_slice algorithm, fb_slice private_key, const fb_mem *mem,
                          fb_error *error)
{
    FB__INSIDE_GATE;
    fb_status status = keypair_new(out, algorithm, mem, error);
    if (status != FB_OK) {
        return status;
    }
    fb_keypair *pair = *out;
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    if (private_key.data == NULL || private_key.size == 0) {
        status = fb__fail(error, FB_CONFIGURATION_INVALID, "private_key is empty");
    } else if (pair->alg->kty == FB__KTY_OCT) {
        status = fb__key_from_secret(&pair->key, &pair->mem, private_key, fb__alg_bit(pair->alg), true, error);
    } else {
        status = load_pem(pair, private_key, error);
    }
    status = publish(out, pair, status, error);
    fb__openssl_end(&errors);
    return status;
}

fb_slice fb_keypair_algorithm(const fb_keypair *keypair)
{
    return (fb_slice){keypair->alg->name, keypair->alg->name_size};
}

static fb_slice bio_text(BIO *bio)
{
    char *text = NULL;
    long size = bio == NULL ? 0 : BIO_get_mem_data(bio, &text);
    return size <= 0 ? (fb_slice){NULL, 0} : (fb_slice){text, (size_t)size};
}

fb_slice fb_keypair_public_pem(const fb_keypair *keypair)
{
    return bio_text(keypair->public_pem);
}

fb_slice fb_keypair_private_pem(const fb_keypair *keypair)
{
    if (keypair->key.secret != NULL) {
        return (fb_slice){(const char *)keypair->key.secret, keypair->key.secret_size};
    }
    return bio_text(keypair->private_pem);
}

/* ---- JWK set
 * ------------------------------------------------------------------------------------------------------------------------
 */

static void add_member(fb_string *string, const char *name, fb_slice value)
{
    add_text(string, string->text[string->size - 1] == '{' ? "\"" : ",\"");
    add_text(string, name);
    add_text(string, "\":");
    add_quoted(string, value);
}

static void add_bytes(fb_string *string, const char *name, const unsigned char *bytes, size_t size)
{
    char text[FB__MAX_SIGNATURE * 2];
    add_member(string, name, (fb_slice){text, fb__base64url_encode(bytes, size, text)});
}

/* A number of the key, as long as width says, or as it is for 0. */
static bool add_number(fb_string *string, const fb_keypair *pair, const char *name, const char *parameter, size_t width)
{
    unsigned char bytes[FB__MAX_SIGNATURE];
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(pair->key.pkey, parameter, &number) != 1) {
        return false;
    }
    size_t size = width != 0 ? width : (size_t)BN_num_bytes(number);
    bool written = size <= sizeof(bytes) && BN_bn2binpad(number, bytes, (int)size) == (int)size;
    BN_free(number);
    if (written) {
        add_bytes(string, name, bytes, size);
    }
    return written;
}

static bool add_public_key(fb_string *string, const fb_keypair *pair)
{
    add_member(string, "kty", pair->key.kty_text);
    if (pair->key.kty == FB__KTY_RSA) {
        return add_number(string, pair, "n", OSSL_PKEY_PARAM_RSA_N, 0) &&
               add_number(string, pair, "e", OSSL_PKEY_PARAM_RSA_E, 0);
    }
    add_member(string, "crv", pair->key.crv_text);
    if (pair->key.kty == FB__KTY_EC) {
        size_t width = pair->key.signature_size / 2;
        return add_number(string, pair, "x", OSSL_PKEY_PARAM_EC_PUB_X, width) &&
               add_number(string, pair, "y", OSSL_PKEY_PARAM_EC_PUB_Y, width);
    }
    unsigned char point[57];
    size_t size = sizeof(point);
    if (EVP_PKEY_get_raw_public_key(pair->key.pkey, point, &size) != 1) {
        return false;
    }
    add_bytes(string, "x", point, size);
    return true;
}

fb_status fb_keypair_jwks(const fb_keypair *keypair, fb_slice kid, fb_string **out, fb_error *error)
{
    FB__INSIDE_GATE;
    *out = NULL;
    if (keypair->key.kty == FB__KTY_OCT) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "an HMAC secret has no public half that a key set could hold");
    }
    fb_status status = check_text(&keypair->mem, "kid", kid, error);
    if (status != FB_OK) {
        return status;
    }
    fb_string *string = string_new(&keypair->mem, fb__size_add(4096, quoted_room(kid.size)));
    if (string == NULL) {
        return out_of_memory(error);
    }
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    add_text(string, "{\"keys\":[{");
    bool added = add_public_key(string, keypair);
    fb__openssl_end(&errors);
    if (!added) {
        fb_string_free(string);
        return out_of_memory(error);
    }
    add_member(string, "use", fb_text("sig"));
    add_member(string, "alg", fb_keypair_algorithm(keypair));
    if (kid.size > 0) {
        add_member(string, "kid", kid);
    }
    add_text(string, "}]}");
    *out = string;
    return FB_OK;
}

/* ---- signing
 * ---------------------------------------------------------------------------------------------------------------------------
 */

static bool sign_hmac(const fb_keypair *pair, const char *input, size_t size, unsigned char *out, size_t *out_size)
{
    return EVP_Q_mac(NULL, "HMAC", NULL, fb__hashes[pair->alg->hash].openssl_name, NULL, pair->key.secret,
                     pair->key.secret_size, (const unsigned char *)input, size, out, FB__MAX_SIGNATURE,
                     out_size) != NULL;
}

static bool sign_eddsa(const fb_keypair *pair, const char *input, size_t size, unsigned char *out, size_t *out_size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    *out_size = FB__MAX_SIGNATURE;
    bool made = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, pair->key.pkey) == 1 &&
                EVP_DigestSign(context, out, out_size, (const unsigned char *)input, size) == 1;
    EVP_MD_CTX_free(context);
    return made;
}

/* OpenSSL gives DER; JWS wants r and s side by side, each as long as the curve's order (RFC 7518 section 3.4). */
static bool from_der(const fb_keypair *pair, unsigned char *signature, size_t *size)
{
    const unsigned char *at = signature;
    ECDSA_SIG *pairs = d2i_ECDSA_SIG(NULL, &at, (long)*size);
    int half = (int)pair->key.signature_size / 2;
    bool converted = pairs != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pairs), signature, half) == half &&
                     BN_bn2binpad(ECDSA_SIG_get0_s(pairs), signature + half, half) == half;
    ECDSA_SIG_free(pairs);
    *size = pair->key.signature_size;
    return converted;
}

static bool sign_pkey(const fb_keypair *pair, const char *input, size_t size, unsigned char *out, size_t *out_size)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_size;
    *out_size = FB__MAX_SIGNATURE;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_dup(pair->signing);
    bool made = context != NULL && EVP_Digest(input, size, digest, &digest_size, pair->md, NULL) == 1 &&
                EVP_PKEY_sign(context, out, out_size, digest, digest_size) == 1;
    EVP_PKEY_CTX_free(context);
    return made && (pair->key.kty != FB__KTY_EC || from_der(pair, out, out_size));
}

/*
 * Where memory runs out in the midst of a signature, OpenSSL's blinding of an RSA key can get out of step: signatures
 * are wrong then, until it is made anew after as many of them.
 */
enum { BLINDING_USES = 32 };

static bool sign_and_check(const fb_keypair *pair, const char *input, size_t size, unsigned char *out, size_t *out_size)
{
    fb__key *key = (fb__key *)(uintptr_t)&pair->key; /* for its ready contexts */
    bool right = false;
    for (int i = 0; !right && i <= BLINDING_USES && sign_pkey(pair, input, size, out, out_size); i++) {
        right = fb__signature_verify_raw(key, pair->alg, (const unsigned char *)input, size, out, *out_size) == FB_OK;
    }
    return right;
}

static bool sign_rsa(const fb_keypair *pair, const char *input, size_t size, unsigned char *out, size_t *out_size)
{
    bool made = atomic_load_explicit(&pair->doubtful, memory_order_relaxed)
                    ? sign_and_check(pair, input, size, out, out_size)
                    : sign_pkey(pair, input, size, out, out_size);
    if (!made) {
        atomic_store_explicit(&((fb_keypair *)(uintptr_t)pair)->doubtful, true, memory_order_relaxed);
    }
    return made;
}

fb_status fb_keypair_sign(const fb_keypair *keypair, fb_slice header, fb_slice payload, fb_string **out,
                          fb_error *error)
{
    FB__INSIDE_GATE;
    *out = NULL;
    if (header.size > INT32_MAX / 4 || payload.size > INT32_MAX / 4) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "the token would be too large");
    }
    fb_string *token = string_new(&keypair->mem, (header.size + payload.size + FB__MAX_SIGNATURE) * 4 / 3 + 16);
    if (token == NULL) {
        return out_of_memory(error);
    }
    unsigned char signature[FB__MAX_SIGNATURE];
    size_t size = 0;
    token->size = fb__base64url_encode(header.data, header.size, token->text);
    add_text(token, ".");
    token->size += fb__base64url_encode(payload.data, payload.size, token->text + token->size);
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    bool made = keypair->key.kty == FB__KTY_OCT   ? sign_hmac(keypair, token->text, token->size, signature, &size)
                : keypair->key.kty == FB__KTY_OKP ? sign_eddsa(keypair, token->text, token->size, signature, &size)
                : keypair->key.kty == FB__KTY_RSA ? sign_rsa(keypair, token->text, token->size, signature, &size)
                                                  : sign_pkey(keypair, token->text, token->size, signature, &size);
    fb__openssl_end(&errors);
    if (!made) {
        fb_string_free(token);
        return out_of_memory(error);
    }
    add_text(token, ".");
    token->size += fb__base64url_encode(signature, size, token->text + token->size);
    token->text[token->size] = '\0';
    *out = token;
    return FB_OK;
}

/* ---- tokens
 * -------------------------------------------------------------------------------------------------------------------------------
 */

/* Claims in their order, each as raw JSON text; a later one of the same name takes the place of the first. */
struct claims {
    fb_string *text;
    const fb_node *nodes; /* of the additional claims; NULL: none */
    fb_slice additional;
    bool *used; /* by node index: this additional claim has been written in an earlier one's place */
};

static fb_slice raw_value(fb_slice document, const fb_node *node)
{
    size_t quotes = node->kind == FB_STRING;
    return (fb_slice){document.data + node->offset - quotes, node->length + 2 * quotes};
}

static void start_claim(struct claims *claims, fb_slice quoted_name)
{
    if (claims->text->text[claims->text->size - 1] != '{') {
        add_text(claims->text, ",");
    }
    add(claims->text, quoted_name.data, quoted_name.size);
    add_text(claims->text, ":");
}

/* Starts a standard claim. False when an additional one took its place and is written already. */
static bool begin_claim(struct claims *claims, const char *quoted_name)
{
    fb_slice name = fb_text(quoted_name);
    start_claim(claims, name);
    if (claims->nodes == NULL) {
        return true;
    }
    size_t index = fb__json_member(claims->additional.data, claims->nodes, 0, (fb_slice){name.data + 1, name.size - 2});
    if (index == 0) {
        return true;
    }
    fb_slice value = raw_value(claims->additional, &claims->nodes[index]);
    add(claims->text, value.data, value.size);
    claims->used[index] = true;
    return false;
}

static void add_seconds(struct claims *claims, const char *quoted_name, double seconds)
{
    if (begin_claim(claims, quoted_name)) {
        char text[FB__NUMBER_ROOM];
        add(claims->text, text, fb__number_write(seconds, 17, text));
    }
}

static void add_audiences(struct claims *claims, const fb_token_options *options)
{
    if (options->audiences.count == 0 || !begin_claim(claims, "\"aud\"")) {
        return;
    }
    if (options->audiences.count == 1 && !options->audience_is_list) {
        add_quoted(claims->text, options->audiences.items[0]);
        return;
    }
    for (size_t i = 0; i < options->audiences.count; i++) {
        add_text(claims->text, i == 0 ? "[" : ",");
        add_quoted(claims->text, options->audiences.items[i]);
    }
    add_text(claims->text, "]");
}

static void add_scopes(struct claims *claims, const fb_token_options *options)
{
    if (options->scopes.count == 0 || !begin_claim(claims, "\"scope\"")) {
        return;
    }
    for (size_t i = 0; i < options->scopes.count; i++) {
        if (i > 0) {
            claims->text
                ->size--; /* the closing quote, which becomes the space; add_quoted's opening quote is dropped too */
            size_t at = claims->text->size;
            add_quoted(claims->text, options->scopes.items[i]);
            claims->text->text[at] = ' ';
        } else {
            add_quoted(claims->text, options->scopes.items[i]);
        }
    }
}

static void add_additional(struct claims *claims)
{
    for (size_t name = 1; claims->nodes != NULL && name < claims->nodes[0].next; name = claims->nodes[name + 1].next) {
        if (!claims->used[name + 1]) {
            fb_slice value = raw_value(claims->additional, &claims->nodes[name + 1]);
            start_claim(claims, raw_value(claims->additional, &claims->nodes[name]));
            add(claims->text, value.data, value.size);
        }
    }
}

static void write_claims(struct claims *claims, const fb_token_options *options)
{
    add_text(claims->text, "{");
    if (options->subject.data != NULL && begin_claim(claims, "\"sub\"")) {
        add_quoted(claims->text, options->subject);
    }
    if (options->issuer.data != NULL && begin_claim(claims, "\"iss\"")) {
        add_quoted(claims->text, options->issuer);
    }
    add_seconds(claims, "\"iat\"", floor(options->now));
    add_seconds(claims, "\"exp\"", floor(options->now) + options->expires_in);
    add_audiences(claims, options);
    add_scopes(claims, options);
    add_additional(claims);
    add_text(claims->text, "}");
}

static fb_status check_list(const fb_mem *mem, const char *name, const fb_list *list, size_t *room, fb_error *error)
{
    if (list->items == NULL && list->count > 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "%s has a count, but no items", name);
    }
    fb_status status = FB_OK;
    for (size_t i = 0; i < list->count && status == FB_OK; i++) {
        *room = fb__size_add(*room, fb__size_add(quoted_room(list->items[i].size), 1));
        status = check_text(mem, name, list->items[i], error);
    }
    return status;
}

/* Everything that is text or a number; *room becomes what the claims may take. */
static fb_status check_token_options(const fb_mem *mem, const fb_token_options *options, size_t *room, fb_error *error)
{
    const struct {
        const char *name;
        fb_slice value;
    } texts[] = {
        {"subject", options->subject}, {"issuer", options->issuer}, {"kid", options->kid}, {"type", options->type}};
    *room = fb__size_add(256, fb__size_multiply(2, options->additional_claims.size));
    if (!isfinite(options->now) || !isfinite(options->expires_in) || !isfinite(options->now + options->expires_in)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "now and expires_in must be finite numbers of seconds, and so must be their sum");
    }
    fb_status status = FB_OK;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && status == FB_OK; i++) {
        *room = fb__size_add(*room, quoted_room(texts[i].value.size));
        status = check_text(mem, texts[i].name, texts[i].value, error);
    }
    if (status == FB_OK) {
        status = check_list(mem, "audience", &options->audiences, room, error);
    }
    return status == FB_OK ? check_list(mem, "scopes", &options->scopes, room, error) : status;
}

/* The additional claims' nodes, with a flag for each behind them, in one block. */
static fb_status scan_additional(const fb_mem *mem, fb_slice additional, fb_node **out, bool **used, fb_error *error)
{
    enum { DEPTH = 1000 };
    *out = NULL;
    if (additional.data == NULL) {
        return FB_OK;
    }
    size_t capacity = fb__json_bound(additional.data, additional.size), count;
    fb_node *nodes = fb__zalloc(mem, fb__size_multiply(capacity, sizeof(*nodes) + sizeof(bool)));
    if (nodes == NULL) {
        return out_of_memory(error);
    }
    fb__json_status status =
        fb__json_scan(additional.data, additional.size, FB__JSON_LENIENT, DEPTH, mem, nodes, capacity, &count);
    if (status != FB__JSON_OK) {
        fb__free(mem, nodes);
        return fb__fail(error, FB_CONFIGURATION_INVALID, "additional_claims is not a JSON object");
    }
    *out = nodes;
    *used = (bool *)(nodes + capacity);
    return FB_OK;
}

static fb_string *write_header(const fb_keypair *pair, const fb_token_options *options)
{
    fb_string *header = string_new(
        &pair->mem, fb__size_add(64, fb__size_add(quoted_room(options->kid.size), quoted_room(options->type.size))));
    if (header == NULL) {
        return NULL;
    }
    fb_slice type = options->type.data == NULL ? fb_text("JWT") : options->type;
    add_text(header, "{");
    if (type.size > 0) {
        add_member(header, "typ", type);
    }
    add_member(header, "alg", fb_keypair_algorithm(pair));
    if (options->kid.size > 0) {
        add_member(header, "kid", options->kid);
    }
    add_text(header, "}");
    return header;
}

fb_status fb_keypair_create_token(const fb_keypair *keypair, const fb_token_options *given, fb_string **out,
                                  fb_error *error)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    *out = NULL;
    if (given->size == 0 || given->size > sizeof(options)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "options must start from FB_TOKEN_OPTIONS_INIT");
    }
    memcpy(&options, given, given->size);
    size_t room;
    fb_node *nodes = NULL;
    bool *used = NULL;
    fb_string *header = NULL, *payload = NULL;
    fb_status status = check_token_options(&keypair->mem, &options, &room, error);
    if (status == FB_OK) {
        status = scan_additional(&keypair->mem, options.additional_claims, &nodes, &used, error);
    }
    if (status == FB_OK) {
        header = write_header(keypair, &options);
        payload = string_new(&keypair->mem, room);
        status = header == NULL || payload == NULL ? out_of_memory(error) : FB_OK;
    }
    if (status == FB_OK) {
        struct claims claims = {payload, nodes, options.additional_claims, used};
        write_claims(&claims, &options);
        status = fb_keypair_sign(keypair, fb_string_text(header), fb_string_text(payload), out, error);
    }
    fb__free(&keypair->mem, nodes);
    fb_string_free(header);
    fb_string_free(payload);
    return status;
}
