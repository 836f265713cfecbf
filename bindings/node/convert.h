/*
 * What the files of the Node binding share: the state of one JavaScript environment, and conversions between JavaScript
 * values and the core's slices. JavaScript has checked every argument before it comes here; defaults, rules and wording
 * are not this binding's. There are no mutable globals: the main thread and every worker thread run in this image at
 * the same time, each with its own Environment.
 */
#ifndef FASTBEARER_NODE_CONVERT_H
#define FASTBEARER_NODE_CONVERT_H

#include "fastbearer.h"

#include <deque>
#include <napi.h>
#include <string>
#include <vector>

namespace fbnode
{

/* Numbers that a call hands to JavaScript beside its return value, in a Float64Array that both sides see: cheaper than
 * making an object. node/lib/native.cjs names the same places. */
enum Meta : size_t {
    META_STATUS,     /* fb_status, or CLOSED */
    META_DUE,        /* 1: a background refresh is due */
    META_EXPIRES_AT, /* NaN: none */
    META_CLIENT_ID,  /* lengths of the pieces of the returned text; -1: absent */
    META_SUBJECT,
    META_RESOURCE,
    META_SCOPES,  /* how many */
    META_PAYLOAD, /* where it begins in the returned text */
    META_SLOT,    /* a number that equal tokens have in common, for finding what is kept of one */
    META_PROBLEM, /* 1: arithmeticProblem says what */
    META_FIRST_SCOPE,
    META_COUNT = 128
};
const double CLOSED = -1.0;

struct Environment {
    explicit Environment(Napi::Env env);
    Napi::Reference<Napi::ArrayBuffer> meta_buffer;
    double *meta;
    fb_error error; /* of the last call that failed */
    std::vector<char> text;

    /* Notes the outcome; true for FB_OK. */
    bool succeeded(fb_status status)
    {
        meta[META_STATUS] = static_cast<double>(status);
        return status == FB_OK;
    }
};

/* What a JavaScript handle (an External) points to. */
enum class Kind : uint32_t { verifier = 0x66625631, keypair = 0x66624b31 };

struct VerifierHandle {
    Kind kind = Kind::verifier;
    fb_verifier *verifier = nullptr; /* nullptr: closed */
    bool fetches = false;
};

struct KeyPairHandle {
    Kind kind = Kind::keypair;
    fb_keypair *keypair = nullptr;
};

/* Owns the bytes behind slices for the length of a call, and wipes them: secrets are among them. */
class Texts
{
  public:
    Texts() = default;
    Texts(const Texts &) = delete;
    Texts &operator=(const Texts &) = delete;
    ~Texts();
    fb_slice slice(const Napi::Value &value); /* string or Uint8Array; anything else: absent */
    fb_list list(const Napi::Value &value);   /* array of strings; anything else: not given */

  private:
    std::deque<std::string> texts_;
    std::deque<std::vector<fb_slice>> lists_;
};

Napi::Value text_or_undefined(Napi::Env env, fb_slice slice);
Napi::Array texts(Napi::Env env, fb_list list);

void init_verifier(Napi::Env env, Napi::Object exports, Environment *environment);
void init_keypair(Napi::Env env, Napi::Object exports, Environment *environment);

} // namespace fbnode

#endif
