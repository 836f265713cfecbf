/*
 * A callback's arguments and its result: JavaScript values to slices and back. Given values whose types JavaScript has
 * checked. Keeps no text longer than the callback that it was read for.
 */
#include "binding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a callback */

bool fbnode_begin(fbnode_call *call, napi_env env, napi_callback_info info)
{
    size_t count = FBNODE_ARGUMENTS;
    void *data = NULL;
    *call = (fbnode_call){.env = env};
    if (napi_get_cb_info(env, info, &count, call->arguments, NULL, &data) != napi_ok) {
        return false;
    }
    call->environment = data;
    call->environment->signals[FBNODE_STATUS] = (double)FB_INTERNAL_ERROR; /* until something else is known */
    return true;
}

void *fbnode_handle(const fbnode_call *call, size_t index, fbnode_kind kind)
{
    void *handle = NULL;
    if (napi_get_value_external(call->env, call->arguments[index], &handle) == napi_ok &&
        *(const fbnode_kind *)handle == kind) {
        return handle;
    }
    (void)napi_throw_type_error(call->env, NULL, "not a handle of this kind");
    return NULL;
}

/* What a handle owns, but for verifiers and results, which have more to tell. */
typedef struct owned {
    fbnode_kind kind;
    void *value;
} owned;

static void free_owned(fbnode_kind kind, void *value)
{
    switch (kind) {
    case FBNODE_KEYPAIR:
        fb_keypair_free(value);
        break;
    case FBNODE_REVOCATIONS:
        fb_revocations_free(value);
        break;
    case FBNODE_RPC_POLICY:
        fb_rpc_policy_free(value);
        break;
    case FBNODE_VERIFIER:
    case FBNODE_RESULT:
        break;
    }
}

static void finalize(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    owned *handle = data;
    free_owned(handle->kind, handle->value);
    free(handle);
}

napi_value fbnode_own(napi_env env, fbnode_kind kind, void *value)
{
    owned *handle = malloc(sizeof(*handle));
    napi_value out = NULL;
    if (handle == NULL) {
        free_owned(kind, value);
        return NULL;
    }
    *handle = (owned){kind, value};
    if (napi_create_external(env, handle, finalize, NULL, &out) != napi_ok) {
        finalize(env, handle, NULL);
        return NULL;
    }
    return out;
}

void *fbnode_owned(const fbnode_call *call, size_t index, fbnode_kind kind)
{
    const owned *handle = fbnode_handle(call, index, kind);
    return handle == NULL ? NULL : handle->value;
}

static void set_missing_scopes(fbnode_object *object, uint64_t missing)
{
    napi_value array = NULL, index = NULL;
    uint32_t count = 0;
    if (napi_create_array(object->env, &array) != napi_ok) {
        object->value = NULL;
        return;
    }
    for (uint32_t bit = 0; bit < 64; bit++) {
        if ((missing >> bit & 1) == 0) {
            continue;
        }
        if (napi_create_uint32(object->env, bit, &index) != napi_ok ||
            napi_set_element(object->env, array, count++, index) != napi_ok) {
            object->value = NULL;
            return;
        }
    }
    fbnode_set(object, "missing", array);
}

napi_value fbnode_outcome(const fbnode_call *call, fb_status status, const fb_error *error)
{
    call->environment->signals[FBNODE_STATUS] = (double)status;
    if (status == FB_OK) {
        return NULL;
    }
    fbnode_object object = fbnode_object_new(call->env);
    fbnode_set_text(&object, "code", fb_text(fb_status_name(status)));
    fbnode_set_text(&object, "message", fb_text(error->text[0] == '\0' ? fb_status_text(status) : error->text));
    fbnode_set_number(&object, "status", fb_status_http(status));
    fbnode_set_text(&object, "oauthError", fb_text(fb_status_oauth(status)));
    fbnode_set_text(&object, "claim", error->claim);
    if (error->kid[0] != '\0') {
        fbnode_set_text(&object, "kid", fb_text(error->kid));
    }
    if (status == FB_INSUFFICIENT_SCOPE) {
        set_missing_scopes(&object, error->missing_scopes);
    }
    if (status == FB_KEYS_UNAVAILABLE || (status == FB_KEY_NOT_FOUND && error->retry_after > 0.0)) {
        fbnode_set_number(&object, "retryAfter", error->retry_after);
    }
    if (status == FB_KEYS_NEEDED) {
        fbnode_set_bigint(&object, "keyRequest", error->key_request);
        fbnode_set_number(&object, "wait", error->wait);
    }
    if (error->expected[0] != '\0' || error->actual[0] != '\0') {
        fbnode_set_text(&object, "expected", fb_text(error->expected));
        fbnode_set_text(&object, "actual", fb_text(error->actual));
    }
    return object.value;
}

napi_value fbnode_closed(const fbnode_call *call)
{
    call->environment->signals[FBNODE_STATUS] = FBNODE_CLOSED;
    return NULL;
}

double fbnode_number(const fbnode_call *call, napi_value value)
{
    double number = (double)NAN;
    (void)napi_get_value_double(call->env, value, &number);
    return number;
}

uint64_t fbnode_bigint(const fbnode_call *call, napi_value value)
{
    uint64_t number = 0;
    bool lossless = false;
    (void)napi_get_value_bigint_uint64(call->env, value, &number, &lossless);
    return number;
}

/* ---- C to JavaScript */

napi_value fbnode_text(napi_env env, fb_slice slice)
{
    napi_value value = NULL;
    napi_status status = slice.data == NULL ? napi_get_undefined(env, &value)
                                            : napi_create_string_utf8(env, slice.data, slice.size, &value);
    return status == napi_ok ? value : NULL;
}

napi_value fbnode_texts(napi_env env, fb_list list)
{
    napi_value array = NULL;
    if (napi_create_array_with_length(env, list.count, &array) != napi_ok) {
        return NULL;
    }
    for (size_t i = 0; i < list.count; i++) {
        napi_value text = fbnode_text(env, list.items[i]);
        if (text == NULL || napi_set_element(env, array, (uint32_t)i, text) != napi_ok) {
            return NULL;
        }
    }
    return array;
}

fbnode_object fbnode_object_new(napi_env env)
{
    fbnode_object object = {env, NULL};
    if (napi_create_object(env, &object.value) != napi_ok) {
        object.value = NULL;
    }
    return object;
}

void fbnode_set(fbnode_object *object, const char *name, napi_value value)
{
    if (object->value != NULL &&
        (value == NULL || napi_set_named_property(object->env, object->value, name, value) != napi_ok)) {
        object->value = NULL;
    }
}

void fbnode_set_text(fbnode_object *object, const char *name, fb_slice text)
{
    if (text.data != NULL) {
        fbnode_set(object, name, fbnode_text(object->env, text));
    }
}

void fbnode_set_number(fbnode_object *object, const char *name, double value)
{
    napi_value number = NULL;
    (void)napi_create_double(object->env, value, &number);
    fbnode_set(object, name, number);
}

void fbnode_set_bigint(fbnode_object *object, const char *name, uint64_t value)
{
    napi_value number = NULL;
    (void)napi_create_bigint_uint64(object->env, value, &number);
    fbnode_set(object, name, number);
}

/* ---- JavaScript to C */

struct fbnode_block {
    struct fbnode_block *next;
    size_t size;
    char data[];
};

/* Through a volatile pointer: a compiler must not leave it out because the memory is freed next. */
static void *(*const volatile wipe)(void *, int, size_t) = memset;

void *fbnode_reader_allocate(fbnode_reader *reader, size_t size)
{
    struct fbnode_block *block = malloc(sizeof(*block) + size);
    if (block == NULL) {
        reader->failed = true;
        return NULL;
    }
    *block = (struct fbnode_block){.next = reader->blocks, .size = size};
    reader->blocks = block;
    return block->data;
}

void fbnode_reader_clear(fbnode_reader *reader)
{
    while (reader->blocks != NULL) {
        struct fbnode_block *block = reader->blocks;
        reader->blocks = block->next;
        wipe(block->data, 0, block->size);
        free(block);
    }
}

static fb_slice read_string(fbnode_reader *reader, napi_value value)
{
    size_t size = 0, written = 0;
    if (napi_get_value_string_utf8(reader->env, value, NULL, 0, &size) != napi_ok) {
        reader->failed = true;
        return (fb_slice){NULL, 0};
    }
    char *text = fbnode_reader_allocate(reader, size + 1); /* + 1: Node-API writes a NUL */
    if (text == NULL) {
        return (fb_slice){NULL, 0};
    }
    if (napi_get_value_string_utf8(reader->env, value, text, size + 1, &written) != napi_ok) {
        reader->failed = true;
        return (fb_slice){NULL, 0};
    }
    return (fb_slice){text, written};
}

static fb_slice read_bytes(fbnode_reader *reader, napi_value value)
{
    napi_typedarray_type type = napi_uint8_array;
    size_t size = 0;
    void *bytes = NULL;
    if (napi_get_typedarray_info(reader->env, value, &type, &size, &bytes, NULL, NULL) != napi_ok ||
        type != napi_uint8_array) {
        reader->failed = true;
        return (fb_slice){NULL, 0};
    }
    char *copy = fbnode_reader_allocate(reader, size + 1); /* + 1: an empty one is given, and has an address */
    if (copy != NULL && size > 0) {
        memcpy(copy, bytes, size);
    }
    return (fb_slice){copy, copy == NULL ? 0 : size};
}

fb_slice fbnode_read_text(fbnode_reader *reader, napi_value value)
{
    napi_valuetype type = napi_undefined;
    bool is_bytes = false;
    if (napi_typeof(reader->env, value, &type) != napi_ok) {
        reader->failed = true;
    } else if (type == napi_string) {
        return read_string(reader, value);
    } else if (type == napi_object && napi_is_typedarray(reader->env, value, &is_bytes) == napi_ok && is_bytes) {
        return read_bytes(reader, value);
    }
    return (fb_slice){NULL, 0};
}
