/*
 * Key pairs: generating (on the thread pool or not), loading, minting. Given checked arguments. The private key leaves
 * only through privateKey, which node/lib/keypair.cjs keeps out of anything that prints.
 */
#include "convert.h"

namespace fbnode
{

static fb_keypair *keypair_of(const Napi::CallbackInfo &info)
{
    KeyPairHandle *handle = info[0].As<Napi::External<KeyPairHandle>>().Data();
    if (handle->kind != Kind::keypair) {
        throw Napi::TypeError::New(info.Env(), "not a key pair");
    }
    return handle->keypair;
}

static Napi::Value wrap(Napi::Env env, fb_keypair *keypair)
{
    KeyPairHandle *handle = new KeyPairHandle();
    handle->keypair = keypair;
    return Napi::External<KeyPairHandle>::New(env, handle, [](Napi::Env, KeyPairHandle *dead) {
        fb_keypair_free(dead->keypair);
        delete dead;
    });
}

/* (algorithm, bits) -> handle, or undefined. Blocks: RSA takes tens to hundreds of milliseconds. */
static Napi::Value generate_sync(const Napi::CallbackInfo &info)
{
    Environment *environment = static_cast<Environment *>(info.Data());
    Texts texts;
    fb_keypair *keypair = nullptr;
    fb_status status = fb_keypair_generate(&keypair, texts.slice(info[0]), info[1].As<Napi::Number>().Uint32Value(),
                                           nullptr, &environment->error);
    return environment->succeeded(status) ? wrap(info.Env(), keypair) : info.Env().Undefined();
}

class Generator : public Napi::AsyncWorker
{
  public:
    Generator(Napi::Env env, std::string algorithm, unsigned bits)
        : Napi::AsyncWorker(env, "fastbearer.generate"), deferred_(Napi::Promise::Deferred::New(env)),
          algorithm_(std::move(algorithm)), bits_(bits)
    {
    }
    ~Generator() override
    {
        fb_keypair_free(keypair_); /* nobody took it: the environment is ending */
    }
    Napi::Value promise() const
    {
        return deferred_.Promise();
    }

  protected:
    void Execute() override
    {
        fb_slice algorithm = {algorithm_.data(), algorithm_.size()};
        status_ = fb_keypair_generate(&keypair_, algorithm, bits_, nullptr, &error_);
    }
    /* Resolves with a handle, or with undefined like generate_sync; JavaScript then reads the failure at once. */
    void OnOK() override
    {
        Environment *environment = Env().GetInstanceData<Environment>();
        environment->error = error_;
        if (environment->succeeded(status_)) {
            fb_keypair *keypair = keypair_;
            keypair_ = nullptr;
            deferred_.Resolve(wrap(Env(), keypair));
        } else {
            deferred_.Resolve(Env().Undefined());
        }
    }

  private:
    Napi::Promise::Deferred deferred_;
    std::string algorithm_;
    unsigned bits_;
    fb_keypair *keypair_ = nullptr;
    fb_status status_ = FB_INTERNAL_ERROR;
    fb_error error_ = FB_ERROR_INIT;
};

static Napi::Value generate(const Napi::CallbackInfo &info)
{
    Generator *generator =
        new Generator(info.Env(), info[0].As<Napi::String>().Utf8Value(), info[1].As<Napi::Number>().Uint32Value());
    Napi::Value promise = generator->promise();
    generator->Queue();
    return promise;
}

/* (algorithm, private key) -> handle, or undefined. */
static Napi::Value load(const Napi::CallbackInfo &info)
{
    Environment *environment = static_cast<Environment *>(info.Data());
    Texts texts;
    fb_keypair *keypair = nullptr;
    fb_status status =
        fb_keypair_load(&keypair, texts.slice(info[0]), texts.slice(info[1]), nullptr, &environment->error);
    return environment->succeeded(status) ? wrap(info.Env(), keypair) : info.Env().Undefined();
}

static Napi::Value take(const Napi::CallbackInfo &info, fb_status status, fb_string *string)
{
    if (!static_cast<Environment *>(info.Data())->succeeded(status)) {
        return info.Env().Undefined();
    }
    Napi::Value text = text_or_undefined(info.Env(), fb_string_text(string));
    fb_string_free(string);
    return text;
}

/* (keypair, { subject, issuer, audiences, audienceIsList, scopes, now, expiresIn, claims, kid, type }) -> token. */
static Napi::Value create_token(const Napi::CallbackInfo &info)
{
    Environment *environment = static_cast<Environment *>(info.Data());
    Napi::Object given = info[1].As<Napi::Object>();
    Texts texts;
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    options.subject = texts.slice(given.Get("subject"));
    options.issuer = texts.slice(given.Get("issuer"));
    options.audiences = texts.list(given.Get("audiences"));
    options.audience_is_list = given.Get("audienceIsList").ToBoolean();
    options.scopes = texts.list(given.Get("scopes"));
    options.now = given.Get("now").As<Napi::Number>().DoubleValue();
    options.expires_in = given.Get("expiresIn").As<Napi::Number>().DoubleValue();
    options.additional_claims = texts.slice(given.Get("claims"));
    options.kid = texts.slice(given.Get("kid"));
    options.type = texts.slice(given.Get("type"));
    fb_string *token = nullptr;
    fb_status status = fb_keypair_create_token(keypair_of(info), &options, &token, &environment->error);
    return take(info, status, token);
}

/* (keypair, header, payload) -> token. */
static Napi::Value sign(const Napi::CallbackInfo &info)
{
    Environment *environment = static_cast<Environment *>(info.Data());
    Texts texts;
    fb_string *token = nullptr;
    fb_status status =
        fb_keypair_sign(keypair_of(info), texts.slice(info[1]), texts.slice(info[2]), &token, &environment->error);
    return take(info, status, token);
}

/* (keypair, kid) -> key-set document. */
static Napi::Value jwks(const Napi::CallbackInfo &info)
{
    Environment *environment = static_cast<Environment *>(info.Data());
    Texts texts;
    fb_string *document = nullptr;
    fb_status status = fb_keypair_jwks(keypair_of(info), texts.slice(info[1]), &document, &environment->error);
    return take(info, status, document);
}

static Napi::Value algorithm(const Napi::CallbackInfo &info)
{
    return text_or_undefined(info.Env(), fb_keypair_algorithm(keypair_of(info)));
}

static Napi::Value public_key(const Napi::CallbackInfo &info)
{
    return text_or_undefined(info.Env(), fb_keypair_public_pem(keypair_of(info)));
}

/* Bytes: the secret of an HMAC pair is no text. */
static Napi::Value private_key(const Napi::CallbackInfo &info)
{
    fb_slice key = fb_keypair_private_pem(keypair_of(info));
    return Napi::Buffer<char>::Copy(info.Env(), key.data, key.size);
}

void init_keypair(Napi::Env env, Napi::Object exports, Environment *environment)
{
    exports.Set("generateSync", Napi::Function::New(env, generate_sync, "generateSync", environment));
    exports.Set("generate", Napi::Function::New(env, generate, "generate", environment));
    exports.Set("load", Napi::Function::New(env, load, "load", environment));
    exports.Set("createToken", Napi::Function::New(env, create_token, "createToken", environment));
    exports.Set("sign", Napi::Function::New(env, sign, "sign", environment));
    exports.Set("jwks", Napi::Function::New(env, jwks, "jwks", environment));
    exports.Set("algorithm", Napi::Function::New(env, algorithm, "algorithm", environment));
    exports.Set("publicKey", Napi::Function::New(env, public_key, "publicKey", environment));
    exports.Set("privateKey", Napi::Function::New(env, private_key, "privateKey", environment));
}

} // namespace fbnode
