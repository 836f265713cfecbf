/*
 * Target functions: fb__credential_find, fb__uri_normalise, fb__certificate_hash, fb__proof_key_read, fb__dpop_check,
 * through fb_verify_request where that is the way. Input: one byte that says which part is hostile, then that part.
 * What is accepted is looked at again with jansson.
 */
#include "fuzz.h"
#include "proof/proof.h"

enum { CREDENTIAL, PROOF, HEADER, PAYLOAD, URI, CERTIFICATE, CONFIRMATION, PARTS };

static const char URL[] = "https://api.example/mcp";
static fb_keypair *authority, *client;
static fb_verifier *verifier;
static fb_string *token;
static char header[2048], token_hash[44];

static fb_string *mint(fb_slice payload)
{
    fb_string *made = NULL;
    REQUIRE(fb_keypair_sign(authority, fb_text("{\"alg\":\"HS256\"}"), payload, &made, NULL) == FB_OK);
    return made;
}

/* The header of a good proof is taken from one. */
static void read_header(void)
{
    fb_proof_options options = FB_PROOF_OPTIONS_INIT;
    fb_string *proof = NULL;
    fb__token parts;
    options.method = fb_text("POST");
    options.url = fb_text(URL);
    REQUIRE(fb_keypair_dpop_proof(client, &options, &proof, NULL) == FB_OK);
    const fb_slice text = fb_string_text(proof);
    REQUIRE(fb__token_split(text.data, text.size, &parts) == FB_OK);
    REQUIRE(fb__base64url_decode(parts.header.data, parts.header.size, (unsigned char *)header));
    header[fb__base64url_decoded_size(parts.header.size)] = '\0';
    fb_string_free(proof);
}

static void start(void)
{
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_options options = FB_OPTIONS_INIT;
    fb_dpop dpop = FB_DPOP_INIT;
    fb_string *thumbprint = NULL;
    char payload[256];
    unsigned char hash[32];
    authority = fuzz_secret();
    client = fuzz_key("ES256", "p256");
    dpop.replay_by_host = true; /* so that the same input is the same the next time */
    issuer.secret = fb_text(FUZZ_SECRET);
    options.issuers = &issuer;
    options.issuer_count = 1;
    options.dpop = &dpop;
    REQUIRE(fb_verifier_new(&verifier, &options, NULL) == FB_OK);
    REQUIRE(fb_keypair_thumbprint(client, &thumbprint, NULL) == FB_OK);
    snprintf(payload, sizeof(payload), "{\"exp\":1750003600,\"cnf\":{\"jkt\":\"%s\"}}",
             fb_string_text(thumbprint).data);
    token = mint(fb_text(payload));
    const fb_slice text = fb_string_text(token);
    REQUIRE(EVP_Q_digest(NULL, "SHA256", NULL, text.data, text.size, hash, NULL) == 1);
    token_hash[fb__base64url_encode(hash, sizeof(hash), token_hash)] = '\0';
    fb_string_free(thumbprint);
    read_header();
}

static fb_status ask(fb_slice authorization, fb_slice url, fb_slice proof, fb_slice certificate)
{
    const fb_header headers[] = {{fb_text("Authorization"), authorization}, {fb_text("DPoP"), proof}};
    fb_request request = FB_REQUEST_INIT;
    request.method = fb_text("POST");
    request.url = url;
    request.headers = headers;
    request.header_count = proof.data == NULL ? 1 : 2;
    request.client_certificate = certificate;
    fb_status first = FB_OK;
    for (int i = 0; i < 2; i++) { /* the second time the key may be held, and the token is cached */
        fb_result *result = NULL;
        fb_error error = FB_ERROR_INIT;
        fb_proof memory = FB_PROOF_INIT;
        const fb_status status =
            fb_verify_request(verifier, &request, (fb_clock){FUZZ_NOW, 0.0}, &result, &memory, &error);
        REQUIRE((result != NULL) == (status == FB_OK) && error.status == status);
        REQUIRE(memory.present == (status == FB_OK && fb__starts_with(authorization, "dpop ")));
        REQUIRE(i == 0 || status == first);
        first = status;
        fb_result_free(result);
    }
    return first;
}

/* The scheme DPoP with the good token. */
static fb_status ask_with(fb_slice proof)
{
    char authorization[1024];
    const fb_slice text = fb_string_text(token);
    const int size = snprintf(authorization, sizeof(authorization), "DPoP %.*s", (int)text.size, text.data);
    return ask((fb_slice){authorization, (size_t)size}, fb_text(URL), proof, (fb_slice){NULL, 0});
}

static bool is_text(const json_t *value, const char *expected)
{
    return json_is_string(value) && json_string_length(value) == strlen(expected) &&
           strcmp(json_string_value(value), expected) == 0;
}

static void check_header(fb_slice text)
{
    json_t *read = fuzz_read_again(text);
    if (read == NULL) {
        return;
    }
    const json_t *jwk = json_object_get(read, "jwk");
    REQUIRE(is_text(json_object_get(read, "typ"), "dpop+jwt") && is_text(json_object_get(read, "alg"), "ES256"));
    REQUIRE(json_is_object(jwk) && json_object_get(jwk, "d") == NULL && json_object_get(jwk, "k") == NULL);
    REQUIRE(json_object_get(read, "crit") == NULL && json_object_get(read, "b64") == NULL);
    json_decref(read);
}

static void check_payload(fb_slice text)
{
    json_t *read = fuzz_read_again(text);
    if (read == NULL) {
        return;
    }
    const json_t *jti = json_object_get(read, "jti"), *iat = json_object_get(read, "iat");
    REQUIRE(json_string_length(jti) >= 1 && json_string_length(jti) <= FB__MAX_JTI);
    REQUIRE(is_text(json_object_get(read, "htm"), "POST") && is_text(json_object_get(read, "ath"), token_hash));
    REQUIRE(json_number_value(iat) > FUZZ_NOW - 300 && json_number_value(iat) <= FUZZ_NOW + 30);
    REQUIRE(json_is_string(json_object_get(read, "htu")));
    json_decref(read);
}

/* Signed as it is, under the good other half. */
static void try_half(bool is_header, fb_slice text)
{
    char payload[512];
    fb_string *proof = NULL;
    snprintf(payload, sizeof(payload),
             "{\"jti\":\"j\",\"htm\":\"POST\",\"htu\":\"%s\",\"iat\":1750000000,\"ath\":\"%s\"}", URL, token_hash);
    const fb_slice head = is_header ? text : fb_text(header), body = is_header ? fb_text(payload) : text;
    if (fb_keypair_sign(client, head, body, &proof, NULL) != FB_OK) {
        return;
    }
    const fb_status status = ask_with(fb_string_text(proof));
    REQUIRE(status == FB_OK || (status >= FB_PROOF_INVALID && status <= FB_PROOF_MISMATCH));
    if (status == FB_OK) {
        check_header(head);
        check_payload(body);
    }
    fb_string_free(proof);
}

static void try_uri(fb_slice text)
{
    static fb__uri once, twice;
    if (!fb__uri_normalise(text, &once)) {
        return;
    }
    REQUIRE(once.size <= text.size + 1 && once.size <= FB__MAX_URI);
    REQUIRE(memchr(once.text, '?', once.size) == NULL && memchr(once.text, '#', once.size) == NULL);
    if (once.size < FB__MAX_URI) { /* which is as long as what is read */
        REQUIRE(fb__uri_normalise((fb_slice){once.text, once.size}, &twice) && fb__uri_equal(&once, &twice));
    }
}

static void try_credential(const uint8_t *data, size_t size)
{
    const fb_slice url = fuzz_line(&data, &size), authorization = fuzz_line(&data, &size);
    const fb_header fields[] = {{fb_text("authorization"), authorization}};
    fb_request request = FB_REQUEST_INIT;
    fb__credential found;
    request.url = url;
    request.headers = fields;
    request.header_count = 1;
    const fb_status status = fb__credential_find(&request, true, &found, NULL);
    REQUIRE(status == FB_OK || status == FB_TOKEN_MISSING || status == FB_REQUEST_MALFORMED);
    if (status == FB_OK) {
        REQUIRE(found.token.size > 0 && found.token.data + found.token.size == authorization.data + authorization.size);
        REQUIRE(memchr(found.token.data, ' ', found.token.size) == NULL);
        REQUIRE(fb__find(url, fb_text("?access_token=")) == NULL || memchr(url.data, '#', url.size) != NULL ||
                memchr(url.data, '?', url.size) != fb__find(url, fb_text("?access_token=")));
    }
    const fb_slice proof = fuzz_slice(data, size);
    (void)ask(authorization, url, size == 0 ? (fb_slice){NULL, 0} : proof, (fb_slice){NULL, 0});
}

/* A token with this cnf is never accepted without a proof. */
static void try_confirmation(fb_slice text)
{
    char payload[8192];
    const int size = snprintf(payload, sizeof(payload), "{\"exp\":1750003600,\"cnf\":%.*s}", (int)text.size, text.data);
    fb_string *bound = mint((fb_slice){payload, (size_t)size < sizeof(payload) ? (size_t)size : sizeof(payload) - 1});
    const fb_slice made = fb_string_text(bound);
    fb_result *result = NULL;
    const fb_status status = fb_verify(verifier, made.data, made.size, (fb_clock){FUZZ_NOW, 0.0}, &result, NULL);
    REQUIRE(result == NULL);
    REQUIRE(status == FB_PROOF_MISSING || status == FB_CONFIRMATION_INVALID || status == FB_PAYLOAD_INVALID ||
            (status >= FB_EXP_MISSING && status <= FB_CLAIM_MISMATCH)); /* where the text closes the object */
    fb_string_free(bound);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned part = fuzz_byte(&data, &size) % PARTS;
    const fb_slice text = fuzz_slice(data, size);
    unsigned char hash[FB__THUMBPRINT];
    if (verifier == NULL) {
        start();
    }
    switch (part) {
    case CREDENTIAL:
        try_credential(data, size);
        break;
    case PROOF:
        REQUIRE(ask_with(size == 0 ? fb_text("") : text) != FB_PROOF_REPLAYED);
        break;
    case URI:
        try_uri(text);
        break;
    case CERTIFICATE:
        (void)fb__certificate_hash(text, hash);
        break;
    case CONFIRMATION:
        try_confirmation(text);
        break;
    default:
        try_half(part == HEADER, text);
        break;
    }
    fuzz_no_errors_left();
    return 0;
}
