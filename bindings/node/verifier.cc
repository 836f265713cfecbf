/*
 * Verifiers: making one, verifying, the two halves of a key-set refresh, inspection. verify is the hot path and uses
 * the plain C interface: one string in, one string out, the rest through Environment::meta. Nothing here decides
 * anything.
 */
#include "convert.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace fbnode
{

const size_t MAX_TOKEN = 65536; /* the core's own cap; what is longer only has to be seen to be longer */

static VerifierHandle *handle_of(const Napi::CallbackInfo &info)
{
    VerifierHandle *handle = info[0].As<Napi::External<VerifierHandle>>().Data();
    if (handle->kind != Kind::verifier) {
        throw Napi::TypeError::New(info.Env(), "not a verifier");
    }
    return handle;
}

/* nullptr, with the meta saying so, when it is closed. */
static const fb_verifier *open_verifier(const Napi::CallbackInfo &info)
{
    VerifierHandle *handle = handle_of(info);
    static_cast<Environment *>(info.Data())->meta[META_STATUS] = handle->verifier == nullptr ? CLOSED : 0.0;
    return handle->verifier;
}

/* ---- making one ---------------------------------------------------------------------------------------------------
 */

static void read_options(fb_options *options, const Napi::Object &given, Texts *texts)
{
    options->public_key = texts->slice(given.Get("publicKey"));
    options->jwks = texts->slice(given.Get("jwks"));
    options->jwks_uri = texts->slice(given.Get("jwksUri"));
    options->secret = texts->slice(given.Get("secret"));
    options->algorithms = texts->list(given.Get("algorithms"));
    options->issuers = texts->list(given.Get("issuer"));
    options->audiences = texts->list(given.Get("audience"));
    options->required_scopes = texts->list(given.Get("requiredScopes"));
    options->required_claims = texts->list(given.Get("requiredClaims"));
    options->scope_claims = texts->list(given.Get("scopeClaims"));
    options->client_id_claims = texts->list(given.Get("clientIdClaims"));
    options->token_type = texts->slice(given.Get("tokenType"));
    options->arithmetic = texts->slice(given.Get("arithmetic"));
    options->require_exp = given.Get("requireExp").ToBoolean();
    options->allow_http = given.Get("allowHttp").ToBoolean();
    const auto number = [&given](const char *name) { return given.Get(name).As<Napi::Number>().DoubleValue(); };
    options->leeway = number("leeway");
    options->max_token_bytes = static_cast<size_t>(number("maxTokenBytes"));
    options->cache_size = static_cast<size_t>(number("cacheSize"));
    options->refresh_interval = number("refreshInterval");
    options->stale_if_error = number("staleIfError");
    options->fetch_timeout = number("fetchTimeout");
    options->max_jwks_bytes = static_cast<size_t>(number("maxJwksBytes"));
}

/* (options, every one of them given) -> handle, or undefined. */
static Napi::Value create(const Napi::CallbackInfo &info)
{
    Environment *environment = static_cast<Environment *>(info.Data());
    Texts texts;
    fb_options options = FB_OPTIONS_INIT;
    read_options(&options, info[0].As<Napi::Object>(), &texts);
    VerifierHandle *handle = new VerifierHandle();
    handle->fetches = options.jwks_uri.data != nullptr;
    if (!environment->succeeded(fb_verifier_new(&handle->verifier, &options, &environment->error))) {
        delete handle;
        return info.Env().Undefined();
    }
    return Napi::External<VerifierHandle>::New(info.Env(), handle, [](Napi::Env, VerifierHandle *dead) {
        fb_verifier_free(dead->verifier);
        delete dead;
    });
}

static Napi::Value close(const Napi::CallbackInfo &info)
{
    VerifierHandle *handle = handle_of(info);
    fb_verifier_free(handle->verifier);
    handle->verifier = nullptr;
    return info.Env().Undefined();
}

/* ---- verifying ----------------------------------------------------------------------------------------------------
 */

/* Appends pieces to the environment's text, and remembers whether all of it is ASCII. */
class Joiner
{
  public:
    Joiner(std::vector<char> *text, size_t size) : text_(text)
    {
        if (text->size() < size) {
            text->resize(size * 2);
        }
    }
    double add(fb_slice piece)
    {
        if (piece.data == nullptr) {
            return -1.0;
        }
        memcpy(text_->data() + used_, piece.data, piece.size);
        used_ += piece.size;
        return static_cast<double>(piece.size);
    }
    bool is_ascii() const
    {
        unsigned char all = 0;
        for (size_t i = 0; i < used_; i++) {
            all |= static_cast<unsigned char>((*text_)[i]);
        }
        return all < 0x80;
    }
    size_t used() const
    {
        return used_;
    }

  private:
    std::vector<char> *text_;
    size_t used_ = 0;
};

/* Client id, subject, resource, scopes and payload in one string: one crossing instead of ten. NULL when that cannot
 * be: lengths in bytes are lengths in JavaScript only for ASCII. */
static napi_value one_text(napi_env env, Environment *environment, const fb_result *result)
{
    double *meta = environment->meta;
    fb_slice client_id = fb_result_client_id(result), subject = fb_result_subject(result),
             resource = fb_result_resource(result), payload = fb_result_payload(result);
    fb_list scopes = fb_result_scopes(result);
    size_t size = client_id.size + subject.size + resource.size + payload.size;
    if (scopes.count > META_COUNT - META_FIRST_SCOPE) {
        return nullptr;
    }
    for (size_t i = 0; i < scopes.count; i++) {
        size += scopes.items[i].size;
    }
    Joiner joiner(&environment->text, size);
    meta[META_CLIENT_ID] = joiner.add(client_id);
    meta[META_SUBJECT] = joiner.add(subject);
    meta[META_RESOURCE] = joiner.add(resource);
    meta[META_SCOPES] = static_cast<double>(scopes.count);
    for (size_t i = 0; i < scopes.count; i++) {
        meta[META_FIRST_SCOPE + i] = joiner.add(scopes.items[i]);
    }
    meta[META_PAYLOAD] = static_cast<double>(joiner.used());
    (void)joiner.add(payload);
    napi_value text = nullptr;
    if (!joiner.is_ascii() ||
        napi_create_string_latin1(env, environment->text.data(), joiner.used(), &text) != napi_ok) {
        return nullptr;
    }
    return text;
}

/* The same as an array: [payload, client id, subject, resource, scopes]. */
static napi_value many_texts(Napi::Env env, const fb_result *result)
{
    Napi::Array out = Napi::Array::New(env, 5);
    out.Set(0u, text_or_undefined(env, fb_result_payload(result)));
    out.Set(1u, text_or_undefined(env, fb_result_client_id(result)));
    out.Set(2u, text_or_undefined(env, fb_result_subject(result)));
    out.Set(3u, text_or_undefined(env, fb_result_resource(result)));
    out.Set(4u, texts(env, fb_result_scopes(result)));
    return out;
}

/* FNV-1a of the token's end, which is signature. */
static double slot_of(const char *token, size_t size)
{
    uint32_t hash = 2166136261U;
    for (size_t i = size > 16 ? size - 16 : 0; i < size; i++) {
        hash = (hash ^ static_cast<unsigned char>(token[i])) * 16777619U;
    }
    return static_cast<double>(hash >> 8);
}

static napi_value present(napi_env env, Environment *environment, fb_result *result)
{
    int64_t expires_at = 0;
    environment->meta[META_EXPIRES_AT] = fb_result_expires_at(result, &expires_at)
                                             ? static_cast<double>(expires_at)
                                             : std::numeric_limits<double>::quiet_NaN();
    napi_value out = one_text(env, environment, result);
    if (out == nullptr) {
        out = many_texts(env, result);
    }
    fb_result_free(result);
    return out;
}

/*
 * (handle, token, now or NaN) -> text or array; undefined when META_STATUS is not 0. The token is read as UTF-8: a
 * character beyond ASCII becomes bytes that are not base64url, whereas reading it as latin1 would cut U+0141 to "A".
 */
static napi_value verify(napi_env env, napi_callback_info info)
{
    napi_value arguments[3];
    size_t count = 3, size = 0;
    void *data = nullptr, *pointer = nullptr;
    char token[MAX_TOKEN + 8];
    double now = 0.0;
    if (napi_get_cb_info(env, info, &count, arguments, nullptr, &data) != napi_ok || count != 3 ||
        napi_get_value_external(env, arguments[0], &pointer) != napi_ok ||
        napi_get_value_string_utf8(env, arguments[1], token, sizeof(token), &size) != napi_ok ||
        napi_get_value_double(env, arguments[2], &now) != napi_ok) {
        (void)napi_throw_type_error(env, nullptr, "verify takes a handle, a string and a number");
        return nullptr;
    }
    Environment *environment = static_cast<Environment *>(data);
    const VerifierHandle *handle = static_cast<VerifierHandle *>(pointer);
    if (handle->kind != Kind::verifier || handle->verifier == nullptr) {
        environment->meta[META_STATUS] = CLOSED;
        return nullptr;
    }
    fb_clock clock = fb_clock_now();
    if (!std::isnan(now)) {
        clock.unix_seconds = now;
    }
    fb_result *result = nullptr;
    fb_status status = fb_verify(handle->verifier, token, size, clock, &result, &environment->error);
    environment->meta[META_DUE] =
        handle->fetches && fb_verifier_refresh_due(handle->verifier, clock.monotonic_seconds) ? 1.0 : 0.0;
    environment->meta[META_PROBLEM] = fb_arithmetic_problem() == nullptr ? 0.0 : 1.0;
    if (!environment->succeeded(status)) {
        return nullptr;
    }
    environment->meta[META_SLOT] = slot_of(token, size);
    return present(env, environment, result);
}

/* ---- key sets behind a URL ----------------------------------------------------------------------------------------
 */

/* (handle, reason, key request) -> { decision, ticket, retryAfter, url, etag, timeout, maxBytes }, or undefined. */
static Napi::Value refresh_begin(const Napi::CallbackInfo &info)
{
    Napi::Env env = info.Env();
    Environment *environment = static_cast<Environment *>(info.Data());
    const fb_verifier *verifier = open_verifier(info);
    if (verifier == nullptr) {
        return env.Undefined();
    }
    bool lossless = false;
    uint64_t request = info[2].As<Napi::BigInt>().Uint64Value(&lossless);
    fb_refresh_reason reason = static_cast<fb_refresh_reason>(info[1].As<Napi::Number>().Int32Value());
    fb_fetch fetch = FB_FETCH_INIT;
    fb_status status = fb_verifier_refresh_begin(verifier, fb_clock_now().monotonic_seconds, reason, request, &fetch,
                                                 &environment->error);
    if (!environment->succeeded(status)) {
        return env.Undefined();
    }
    Napi::Object out = Napi::Object::New(env);
    out.Set("decision", Napi::Number::New(env, fetch.decision));
    out.Set("ticket", Napi::BigInt::New(env, fetch.ticket));
    out.Set("retryAfter", Napi::Number::New(env, fetch.retry_after));
    out.Set("url", text_or_undefined(env, fetch.url));
    out.Set("etag", text_or_undefined(env, fetch.etag));
    out.Set("timeout", Napi::Number::New(env, fetch.timeout));
    out.Set("maxBytes", Napi::Number::New(env, static_cast<double>(fetch.max_bytes)));
    return out;
}

/* (handle, ticket, { failure } or { status, body, cacheControl, age, etag, contentEncoding }) -> undefined. */
static Napi::Value refresh_complete(const Napi::CallbackInfo &info)
{
    Environment *environment = static_cast<Environment *>(info.Data());
    const fb_verifier *verifier = open_verifier(info);
    if (verifier == nullptr) {
        return info.Env().Undefined();
    }
    Napi::Object given = info[2].As<Napi::Object>();
    bool lossless = false;
    uint64_t ticket = info[1].As<Napi::BigInt>().Uint64Value(&lossless);
    Texts texts;
    fb_fetched fetched = FB_FETCHED_INIT;
    fetched.failure = texts.slice(given.Get("failure"));
    fetched.http_status = given.Get("status").IsNumber() ? given.Get("status").As<Napi::Number>().Int32Value() : 0;
    fetched.body = texts.slice(given.Get("body"));
    fetched.cache_control = texts.slice(given.Get("cacheControl"));
    fetched.age = texts.slice(given.Get("age"));
    fetched.etag = texts.slice(given.Get("etag"));
    fetched.content_encoding = texts.slice(given.Get("contentEncoding"));
    (void)environment->succeeded(fb_verifier_refresh_complete(verifier, ticket, fb_clock_now().monotonic_seconds,
                                                              &fetched, &environment->error));
    return info.Env().Undefined();
}

/* ---- inspection ---------------------------------------------------------------------------------------------------
 */

static Napi::Object key_info(Napi::Env env, const fb_key_info *key)
{
    Napi::Object out = Napi::Object::New(env);
    out.Set("kid", text_or_undefined(env, key->kid));
    out.Set("kty", text_or_undefined(env, key->kty));
    out.Set("alg", text_or_undefined(env, key->alg));
    out.Set("crv", text_or_undefined(env, key->crv));
    out.Set("bits", Napi::Number::New(env, key->bits));
    out.Set("usable", Napi::Boolean::New(env, key->usable));
    out.Set("problem", text_or_undefined(env, key->problem));
    out.Set("arithmetic", text_or_undefined(env, key->arithmetic));
    out.Set("tableBytes", Napi::Number::New(env, static_cast<double>(key->table_bytes)));
    return out;
}

static Napi::Value keys(const Napi::CallbackInfo &info)
{
    Environment *environment = static_cast<Environment *>(info.Data());
    const fb_verifier *verifier = open_verifier(info);
    fb_keys *held = nullptr;
    if (verifier == nullptr || !environment->succeeded(fb_verifier_keys(verifier, &held, &environment->error))) {
        return info.Env().Undefined();
    }
    Napi::Array out = Napi::Array::New(info.Env(), fb_keys_count(held));
    for (size_t i = 0; i < fb_keys_count(held); i++) {
        out.Set(static_cast<uint32_t>(i), key_info(info.Env(), fb_keys_at(held, i)));
    }
    fb_keys_free(held);
    return out;
}

static Napi::Value stats(const Napi::CallbackInfo &info)
{
    Napi::Env env = info.Env();
    const fb_verifier *verifier = open_verifier(info);
    if (verifier == nullptr) {
        return env.Undefined();
    }
    fb_stats held = FB_STATS_INIT;
    if (!static_cast<Environment *>(info.Data())
             ->succeeded(fb_verifier_stats(verifier, fb_clock_now().monotonic_seconds, &held, nullptr))) {
        return env.Undefined();
    }
    Napi::Object out = Napi::Object::New(env), reasons = Napi::Object::New(env);
    const auto count = [env](uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
    for (size_t i = 0; i < held.reason_count; i++) {
        reasons.Set(fb_status_name(held.reasons[i].status), count(held.reasons[i].count));
    }
    out.Set("verified", count(held.verified));
    out.Set("rejected", count(held.rejected));
    out.Set("reasons", reasons);
    out.Set("cacheHits", count(held.cache_hits));
    out.Set("cacheMisses", count(held.cache_misses));
    out.Set("cacheEvictions", count(held.cache_evictions));
    out.Set("cacheEntries", count(held.cache_entries));
    out.Set("cacheBytes", count(held.cache_bytes));
    out.Set("fetches", count(held.fetches));
    out.Set("fetchFailures", count(held.fetch_failures));
    out.Set("generation", count(held.generation));
    out.Set("tableBytes", count(held.table_bytes));
    out.Set("arithmeticChecks", count(held.arithmetic_checks));
    out.Set("arithmeticDisagreements", count(held.arithmetic_disagreements));
    out.Set("keysHeld", Napi::Boolean::New(env, held.keys_held));
    out.Set("keysFresh", Napi::Boolean::New(env, held.keys_fresh));
    out.Set("lastError", held.last_error[0] == '\0' ? env.Undefined() : Napi::String::New(env, held.last_error));
    return out;
}

void init_verifier(Napi::Env env, Napi::Object exports, Environment *environment)
{
    napi_value hot = nullptr;
    if (napi_create_function(env, "verify", NAPI_AUTO_LENGTH, verify, environment, &hot) != napi_ok) {
        throw Napi::Error::New(env);
    }
    exports.Set("verify", hot);
    exports.Set("create", Napi::Function::New(env, create, "create", environment));
    exports.Set("close", Napi::Function::New(env, close, "close", environment));
    exports.Set("refreshBegin", Napi::Function::New(env, refresh_begin, "refreshBegin", environment));
    exports.Set("refreshComplete", Napi::Function::New(env, refresh_complete, "refreshComplete", environment));
    exports.Set("keys", Napi::Function::New(env, keys, "keys", environment));
    exports.Set("stats", Napi::Function::New(env, stats, "stats", environment));
}

} // namespace fbnode
