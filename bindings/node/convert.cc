/*
 * JavaScript values to slices and back. Given values whose types JavaScript has checked. Keeps no text longer than the
 * call that it was made for.
 */
#include "convert.h"

#include <cstring>

namespace fbnode
{

Environment::Environment(Napi::Env env) : error(FB_ERROR_INIT), text(4096)
{
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, META_COUNT * sizeof(double));
    meta_buffer = Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1);
    meta = static_cast<double *>(buffer.Data());
}

Texts::~Texts()
{
    for (std::string &text : texts_) {
        explicit_bzero(text.data(), text.size());
    }
}

fb_slice Texts::slice(const Napi::Value &value)
{
    if (value.IsString()) {
        texts_.push_back(value.As<Napi::String>().Utf8Value());
    } else if (value.IsTypedArray()) {
        Napi::Uint8Array bytes = value.As<Napi::Uint8Array>();
        const char *data = reinterpret_cast<const char *>(bytes.Data());
        texts_.push_back(bytes.ByteLength() == 0 ? std::string() : std::string(data, bytes.ByteLength()));
    } else {
        return fb_slice{nullptr, 0};
    }
    return fb_slice{texts_.back().data(), texts_.back().size()};
}

fb_list Texts::list(const Napi::Value &value)
{
    if (!value.IsArray()) {
        return fb_list{nullptr, 0};
    }
    Napi::Array array = value.As<Napi::Array>();
    lists_.emplace_back();
    lists_.back().reserve(array.Length() + 1); /* + 1: an empty list is given, and has an address */
    for (uint32_t i = 0; i < array.Length(); i++) {
        lists_.back().push_back(slice(array.Get(i)));
    }
    return fb_list{lists_.back().data(), lists_.back().size()};
}

Napi::Value text_or_undefined(Napi::Env env, fb_slice slice)
{
    if (slice.data == nullptr) {
        return env.Undefined();
    }
    return Napi::String::New(env, slice.data, slice.size);
}

Napi::Array texts(Napi::Env env, fb_list list)
{
    Napi::Array array = Napi::Array::New(env, list.count);
    for (size_t i = 0; i < list.count; i++) {
        array.Set(static_cast<uint32_t>(i), text_or_undefined(env, list.items[i]));
    }
    return array;
}

} // namespace fbnode
