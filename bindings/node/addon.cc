/*
 * The addon's entry: what a JavaScript environment gets when it loads the image. Everything returned here is private to
 * node/lib; its functions answer through Environment::meta and never throw for a refused token.
 */
#include "convert.h"

namespace fbnode
{

/* Name, sentence, HTTP status and OAuth code of a status. */
static Napi::Value status_of(const Napi::CallbackInfo &info)
{
    fb_status status = static_cast<fb_status>(info[0].As<Napi::Number>().Int32Value());
    Napi::Array row = Napi::Array::New(info.Env(), 4);
    row.Set(0u, Napi::String::New(info.Env(), fb_status_name(status)));
    row.Set(1u, Napi::String::New(info.Env(), fb_status_text(status)));
    row.Set(2u, Napi::Number::New(info.Env(), fb_status_http(status)));
    row.Set(3u, Napi::String::New(info.Env(), fb_status_oauth(status)));
    return row;
}

/* Why arithmetic of the core's own is not used, or undefined. */
static Napi::Value arithmetic_problem(const Napi::CallbackInfo &info)
{
    return text_or_undefined(info.Env(), fb_text(fb_arithmetic_problem()));
}

/* The details of the last call that failed. */
static Napi::Value failure(const Napi::CallbackInfo &info)
{
    Napi::Env env = info.Env();
    const fb_error &error = static_cast<Environment *>(info.Data())->error;
    Napi::Object out = Napi::Object::New(env);
    Napi::Array missing = Napi::Array::New(env);
    uint32_t count = 0;
    for (uint32_t bit = 0; error.status == FB_INSUFFICIENT_SCOPE && bit < 64; bit++) {
        if ((error.missing_scopes >> bit & 1) != 0) {
            missing.Set(count++, Napi::Number::New(env, bit));
        }
    }
    out.Set("status", Napi::Number::New(env, error.status));
    out.Set("text", Napi::String::New(env, error.text));
    out.Set("kid", error.kid[0] == '\0' ? env.Undefined() : Napi::String::New(env, error.kid));
    out.Set("claim", text_or_undefined(env, error.claim));
    out.Set("missing", missing);
    out.Set("retryAfter", Napi::Number::New(env, error.retry_after));
    out.Set("keyRequest", Napi::BigInt::New(env, error.key_request));
    return out;
}

/* (token) -> [header, payload], or undefined. */
static Napi::Value decode_unverified(const Napi::CallbackInfo &info)
{
    Napi::Env env = info.Env();
    Environment *environment = static_cast<Environment *>(info.Data());
    std::string token = info[0].As<Napi::String>().Utf8Value();
    fb_unverified *unverified = nullptr;
    fb_status status = fb_decode_unverified(token.data(), token.size(), nullptr, &unverified, &environment->error);
    if (!environment->succeeded(status)) {
        return env.Undefined();
    }
    Napi::Array out = Napi::Array::New(env, 2);
    out.Set(0u, text_or_undefined(env, fb_unverified_header(unverified)));
    out.Set(1u, text_or_undefined(env, fb_unverified_payload(unverified)));
    fb_unverified_free(unverified);
    return out;
}

/* (text) -> boolean */
static Napi::Value is_public_address(const Napi::CallbackInfo &info)
{
    Texts texts;
    return Napi::Boolean::New(info.Env(), fb_address_is_public(texts.slice(info[0])));
}

static Napi::Object versions(Napi::Env env)
{
    Napi::Object out = Napi::Object::New(env);
    out.Set("fastbearer", fb_version());
    out.Set("openssl", fb_openssl_version());
    out.Set("jansson", fb_jansson_version());
    return out;
}

static Napi::Object init(Napi::Env env, Napi::Object exports)
{
    Environment *environment = new Environment(env);
    env.SetInstanceData(environment);
    exports.Set("meta", Napi::Float64Array::New(env, META_COUNT, environment->meta_buffer.Value(), 0));
    exports.Set("versions", versions(env));
    exports.Set("opensslHeader", FB_NODE_OPENSSL_HEADER);
    exports.Set("statusOf", Napi::Function::New(env, status_of, "statusOf"));
    exports.Set("arithmeticProblem", Napi::Function::New(env, arithmetic_problem, "arithmeticProblem"));
    exports.Set("failure", Napi::Function::New(env, failure, "failure", environment));
    exports.Set("isPublicAddress", Napi::Function::New(env, is_public_address, "isPublicAddress"));
    exports.Set("decodeUnverified", Napi::Function::New(env, decode_unverified, "decodeUnverified", environment));
    init_verifier(env, exports, environment);
    init_keypair(env, exports, environment);
    return exports;
}

} // namespace fbnode

static Napi::Object init(Napi::Env env, Napi::Object exports)
{
    return fbnode::init(env, exports);
}

NODE_API_MODULE(fastbearer, init)
