/*
 * Key pairs: generating (on the thread pool or not), loading, minting. Given checked arguments. The private key leaves
 * only through privateKey, which node/lib/keypair.cjs keeps out of anything that prints.
 */
#include "binding.h"

#include <stdlib.h>
#include <string.h>

/* A handle for a new key pair, or the details of a failure. */
static napi_value result_of(fbnode_call *call, fb_status status, fb_keypair *keypair, const fb_error *error)
{
    if (status != FB_OK) {
        return fbnode_outcome(call, status, error);
    }
    napi_value handle = fbnode_own(call->env, FBNODE_KEYPAIR, keypair);
    if (handle == NULL) {
        return fbnode_outcome(call, FB_OUT_OF_MEMORY, &(fb_error)FB_ERROR_INIT);
    }
    (void)fbnode_outcome(call, FB_OK, error);
    return handle;
}

static const fb_keypair *keypair_of(fbnode_call *call, napi_env env, napi_callback_info info)
{
    return fbnode_begin(call, env, info) ? fbnode_owned(call, 0, FBNODE_KEYPAIR) : NULL;
}

/* ---- new ones */

/* (algorithm, bits) -> handle, or a failure. Blocks: RSA takes tens to hundreds of milliseconds. */
static napi_value generate_sync(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_slice algorithm = fbnode_read_text(&reader, call.arguments[0]);
    unsigned bits = (unsigned)fbnode_number(&call, call.arguments[1]);
    fb_keypair *keypair = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    if (!reader.failed) {
        status = fb_keypair_generate(&keypair, algorithm, bits, NULL, &error);
    }
    fbnode_reader_clear(&reader);
    return result_of(&call, status, keypair, &error);
}

/* (algorithm, private key) -> handle, or a failure. */
static napi_value load(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_slice algorithm = fbnode_read_text(&reader, call.arguments[0]);
    fb_slice private_key = fbnode_read_text(&reader, call.arguments[1]);
    fb_keypair *keypair = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    if (!reader.failed) {
        status = fb_keypair_load(&keypair, algorithm, private_key, NULL, &error);
    }
    fbnode_reader_clear(&reader);
    return result_of(&call, status, keypair, &error);
}

/* ---- generating on the thread pool */

typedef struct generation {
    fbnode_environment *environment;
    napi_async_work work;
    napi_deferred deferred;
    char algorithm[16]; /* longer ones do not exist, and are refused when they are cut, too */
    unsigned bits;
    fb_keypair *keypair;
    fb_status status;
    fb_error error;
} generation;

static void generate_execute(napi_env env, void *data)
{
    (void)env;
    generation *job = data;
    job->status = fb_keypair_generate(&job->keypair, fb_text(job->algorithm), job->bits, NULL, &job->error);
}

/*
 * On the thread of the environment. Resolves with a handle, rejects with the details of a failure. The environment may
 * be ending: then nothing can be resolved any more, and all is freed the same.
 */
static void generate_complete(napi_env env, napi_status status, void *data)
{
    generation *job = data;
    fbnode_call call = {.env = env, .environment = job->environment};
    napi_value result = NULL;
    if (status == napi_ok) {
        result = result_of(&call, job->status, job->keypair, &job->error);
    } else {
        fb_keypair_free(job->keypair);
    }
    if (result != NULL && call.environment->signals[FBNODE_STATUS] == (double)FB_OK) {
        (void)napi_resolve_deferred(env, job->deferred, result);
    } else if (result != NULL) {
        (void)napi_reject_deferred(env, job->deferred, result);
    }
    (void)napi_delete_async_work(env, job->work);
    free(job);
}

static bool queue(napi_env env, generation *job, napi_value *promise)
{
    napi_value name = NULL;
    if (napi_create_string_utf8(env, "fastbearer.generate", NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_create_async_work(env, NULL, name, generate_execute, generate_complete, job, &job->work) != napi_ok) {
        return false;
    }
    if (napi_create_promise(env, &job->deferred, promise) == napi_ok &&
        napi_queue_async_work(env, job->work) == napi_ok) {
        return true;
    }
    (void)napi_delete_async_work(env, job->work);
    return false;
}

/* (algorithm, bits) -> promise. */
static napi_value generate(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    generation *job = fbnode_begin(&call, env, info) ? calloc(1, sizeof(*job)) : NULL;
    napi_value promise = NULL;
    size_t size = 0;
    if (job == NULL) {
        return NULL;
    }
    job->environment = call.environment;
    job->error = (fb_error)FB_ERROR_INIT;
    job->bits = (unsigned)fbnode_number(&call, call.arguments[1]);
    if (napi_get_value_string_utf8(env, call.arguments[0], job->algorithm, sizeof(job->algorithm), &size) != napi_ok ||
        !queue(env, job, &promise)) {
        free(job);
        return NULL;
    }
    return promise;
}

/* ---- what a key pair does */

/* Takes string over. Its text, or the details of a failure. */
static napi_value text_of(fbnode_call *call, fb_status status, fb_string *string, const fb_error *error)
{
    if (status != FB_OK) {
        return fbnode_outcome(call, status, error);
    }
    napi_value text = fbnode_text(call->env, fb_string_text(string));
    fb_string_free(string);
    (void)fbnode_outcome(call, text == NULL ? FB_OUT_OF_MEMORY : FB_OK, &(fb_error)FB_ERROR_INIT);
    return text;
}

#define TOKEN(name, type, member) {name, type, offsetof(fb_token_options, member)}

static const fbnode_field TOKEN_OPTIONS[] = {
    TOKEN("subject", FBNODE_SLICE, subject),
    TOKEN("issuer", FBNODE_SLICE, issuer),
    TOKEN("audiences", FBNODE_LIST, audiences),
    TOKEN("audienceIsList", FBNODE_BOOL, audience_is_list),
    TOKEN("scopes", FBNODE_LIST, scopes),
    TOKEN("now", FBNODE_DOUBLE, now),
    TOKEN("expiresIn", FBNODE_DOUBLE, expires_in),
    TOKEN("claims", FBNODE_SLICE, additional_claims),
    TOKEN("kid", FBNODE_SLICE, kid),
    TOKEN("type", FBNODE_SLICE, type),
};

/* (keypair, { name: value, ... }) -> token, or a failure. */
static napi_value create_token(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_keypair *keypair = keypair_of(&call, env, info);
    if (keypair == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    fbnode_fields_read(&reader, call.arguments[1], TOKEN_OPTIONS, FBNODE_COUNT_OF(TOKEN_OPTIONS), &options);
    if (!reader.failed) {
        status = fb_keypair_create_token(keypair, &options, &token, &error);
    }
    fbnode_reader_clear(&reader);
    return text_of(&call, status, token, &error);
}

#define PROOF(name, type, member) {name, type, offsetof(fb_proof_options, member)}

static const fbnode_field PROOF_OPTIONS[] = {
    PROOF("method", FBNODE_SLICE, method),
    PROOF("url", FBNODE_SLICE, url),
    PROOF("accessToken", FBNODE_SLICE, access_token),
    PROOF("nonce", FBNODE_SLICE, nonce),
    PROOF("jti", FBNODE_SLICE, jti),
    PROOF("now", FBNODE_DOUBLE, now),
};

/* (keypair, { name: value, ... }) -> DPoP proof, or a failure. */
static napi_value dpop_proof(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_keypair *keypair = keypair_of(&call, env, info);
    if (keypair == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_proof_options options = FB_PROOF_OPTIONS_INIT;
    fb_string *proof = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    fbnode_fields_read(&reader, call.arguments[1], PROOF_OPTIONS, FBNODE_COUNT_OF(PROOF_OPTIONS), &options);
    if (!reader.failed) {
        status = fb_keypair_dpop_proof(keypair, &options, &proof, &error);
    }
    fbnode_reader_clear(&reader);
    return text_of(&call, status, proof, &error);
}

/* (keypair) -> thumbprint, or a failure. */
static napi_value thumbprint(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_keypair *keypair = keypair_of(&call, env, info);
    if (keypair == NULL) {
        return NULL;
    }
    fb_string *text = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_keypair_thumbprint(keypair, &text, &error);
    return text_of(&call, status, text, &error);
}

/* (keypair, header, payload) -> token, or a failure. */
static napi_value sign(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_keypair *keypair = keypair_of(&call, env, info);
    if (keypair == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_slice header = fbnode_read_text(&reader, call.arguments[1]),
             payload = fbnode_read_text(&reader, call.arguments[2]);
    fb_string *token = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    if (!reader.failed) {
        status = fb_keypair_sign(keypair, header, payload, &token, &error);
    }
    fbnode_reader_clear(&reader);
    return text_of(&call, status, token, &error);
}

/* (keypair, kid) -> key-set document, or a failure. */
static napi_value jwks(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_keypair *keypair = keypair_of(&call, env, info);
    if (keypair == NULL) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    fb_slice kid = fbnode_read_text(&reader, call.arguments[1]);
    fb_string *document = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = FB_OUT_OF_MEMORY;
    if (!reader.failed) {
        status = fb_keypair_jwks(keypair, kid, &document, &error);
    }
    fbnode_reader_clear(&reader);
    return text_of(&call, status, document, &error);
}

static napi_value algorithm(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_keypair *keypair = keypair_of(&call, env, info);
    return keypair == NULL ? NULL : fbnode_text(env, fb_keypair_algorithm(keypair));
}

static napi_value public_key(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_keypair *keypair = keypair_of(&call, env, info);
    return keypair == NULL ? NULL : fbnode_text(env, fb_keypair_public_pem(keypair));
}

/* Bytes: the secret of an HMAC pair is not text. */
static napi_value private_key(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    const fb_keypair *keypair = keypair_of(&call, env, info);
    napi_value buffer = NULL;
    if (keypair == NULL) {
        return NULL;
    }
    fb_slice key = fb_keypair_private_pem(keypair);
    return napi_create_buffer_copy(env, key.size, key.data, NULL, &buffer) == napi_ok ? buffer : NULL;
}

const fbnode_function fbnode_keypair_functions[] = {
    {"generateSync", generate_sync},
    {"generate", generate},
    {"load", load},
    {"createToken", create_token},
    {"sign", sign},
    {"jwks", jwks},
    {"dpopProof", dpop_proof},
    {"thumbprint", thumbprint},
    {"algorithm", algorithm},
    {"publicKey", public_key},
    {"privateKey", private_key},
    {NULL, NULL},
};
