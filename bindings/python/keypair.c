/*
 * KeyPair: one fb_keypair, for minting test tokens. Generating and public-key signing release the GIL. The private key
 * is readable through private_pem alone, which fastbearer.keys wraps so that it is not printed by accident.
 */
#include "convert.h"

#include <string.h>

typedef struct keypair {
    PyObject_HEAD fbpy_state *state;
    fb_keypair *handle;
    bool release_gil;
} keypair;

static PyObject *wrap(PyTypeObject *type, fb_status status, fb_keypair *handle, const fb_error *error)
{
    fbpy_state *state = fbpy_state_of(type);
    if (state == NULL || status != FB_OK) {
        fb_keypair_free(handle);
        return state == NULL ? NULL : fbpy_raise(state, error, NULL);
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    keypair *self = (keypair *)allocate(type, 0);
    if (self == NULL) {
        fb_keypair_free(handle);
        return NULL;
    }
    fb_slice algorithm = fb_keypair_algorithm(handle);
    self->state = state;
    self->handle = handle;
    self->release_gil = algorithm.size < 2 || memcmp(algorithm.data, "HS", 2) != 0;
    return (PyObject *)self;
}

static PyObject *generate(PyObject *type, PyObject *arguments)
{
    PyObject *name = NULL;
    unsigned bits = 0;
    fb_slice algorithm;
    if (!PyArg_ParseTuple(arguments, "UI:generate", &name, &bits) || !fbpy_slice(name, "algorithm", &algorithm)) {
        return NULL;
    }
    fb_keypair *handle = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    FBPY_WITHOUT_GIL(true, status = fb_keypair_generate(&handle, algorithm, bits, NULL, &error));
    return wrap((PyTypeObject *)type, status, handle, &error);
}

static PyObject *load(PyObject *type, PyObject *arguments)
{
    PyObject *name = NULL, *key = NULL;
    fb_slice algorithm, private_key;
    if (!PyArg_ParseTuple(arguments, "UO:load", &name, &key) || !fbpy_slice(name, "algorithm", &algorithm) ||
        !fbpy_slice(key, "private_key", &private_key)) {
        return NULL;
    }
    fb_keypair *handle = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    FBPY_WITHOUT_GIL(true, status = fb_keypair_load(&handle, algorithm, private_key, NULL, &error));
    return wrap((PyTypeObject *)type, status, handle, &error);
}

static void dealloc(PyObject *object)
{
    keypair *self = (keypair *)object;
    PyTypeObject *type = Py_TYPE(object);
    fb_keypair_free(self->handle);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* The str of what a function of the core returned in string, which is freed. */
static PyObject *str_of(const keypair *self, fb_status status, fb_string *string, const fb_error *error)
{
    if (status != FB_OK) {
        return fbpy_raise(self->state, error, NULL);
    }
    PyObject *text = fbpy_text(fb_string_text(string));
    fb_string_free(string);
    return text;
}

struct minting {
    fb_token_options options;
    fb_slice *audiences, *scopes;
};

static bool read_minting(struct minting *minting, PyObject *arguments)
{
    fb_token_options *options = &minting->options;
    PyObject *subject, *issuer, *audiences, *scopes, *additional, *kid, *type;
    int audience_is_list = 0;
    if (!PyArg_ParseTuple(arguments, "OOOpOddOOO:create_token", &subject, &issuer, &audiences, &audience_is_list,
                          &scopes, &options->now, &options->expires_in, &additional, &kid, &type)) {
        return false;
    }
    options->audience_is_list = audience_is_list != 0;
    return fbpy_slice(subject, "subject", &options->subject) && fbpy_slice(issuer, "issuer", &options->issuer) &&
           fbpy_slice(additional, "additional_claims", &options->additional_claims) &&
           fbpy_slice(kid, "kid", &options->kid) && fbpy_slice(type, "type", &options->type) &&
           fbpy_list(audiences, "audience", &options->audiences, &minting->audiences) &&
           fbpy_list(scopes, "scopes", &options->scopes, &minting->scopes);
}

static PyObject *create_token(PyObject *object, PyObject *arguments)
{
    keypair *self = (keypair *)object;
    struct minting minting = {.options = FB_TOKEN_OPTIONS_INIT};
    PyObject *token = NULL;
    if (read_minting(&minting, arguments)) {
        fb_string *string = NULL;
        fb_error error = FB_ERROR_INIT;
        fb_status status;
        FBPY_WITHOUT_GIL(self->release_gil,
                         status = fb_keypair_create_token(self->handle, &minting.options, &string, &error));
        token = str_of(self, status, string, &error);
    }
    PyMem_Free(minting.audiences);
    PyMem_Free(minting.scopes);
    return token;
}

static PyObject *sign(PyObject *object, PyObject *arguments)
{
    keypair *self = (keypair *)object;
    PyObject *given_header = NULL, *given_payload = NULL;
    fb_slice header, payload;
    if (!PyArg_ParseTuple(arguments, "OO:sign", &given_header, &given_payload) ||
        !fbpy_slice(given_header, "header", &header) || !fbpy_slice(given_payload, "payload", &payload)) {
        return NULL;
    }
    fb_string *string = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    FBPY_WITHOUT_GIL(self->release_gil, status = fb_keypair_sign(self->handle, header, payload, &string, &error));
    return str_of(self, status, string, &error);
}

static PyObject *jwks(PyObject *object, PyObject *kid)
{
    keypair *self = (keypair *)object;
    fb_slice slice;
    if (!fbpy_slice(kid, "kid", &slice)) {
        return NULL;
    }
    fb_string *string = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_keypair_jwks(self->handle, slice, &string, &error);
    return str_of(self, status, string, &error);
}

static bool read_proof(fb_proof_options *options, PyObject *arguments)
{
    PyObject *method, *url, *token, *nonce, *jti;
    return PyArg_ParseTuple(arguments, "OOOOOd:dpop_proof", &method, &url, &token, &nonce, &jti, &options->now) &&
           fbpy_slice(method, "method", &options->method) && fbpy_slice(url, "url", &options->url) &&
           fbpy_slice(token, "access_token", &options->access_token) && fbpy_slice(nonce, "nonce", &options->nonce) &&
           fbpy_slice(jti, "jti", &options->jti);
}

static PyObject *dpop_proof(PyObject *object, PyObject *arguments)
{
    keypair *self = (keypair *)object;
    fb_proof_options options = FB_PROOF_OPTIONS_INIT;
    if (!read_proof(&options, arguments)) {
        return NULL;
    }
    fb_string *string = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    FBPY_WITHOUT_GIL(self->release_gil, status = fb_keypair_dpop_proof(self->handle, &options, &string, &error));
    return str_of(self, status, string, &error);
}

static PyObject *thumbprint(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    keypair *self = (keypair *)object;
    fb_string *string = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_keypair_thumbprint(self->handle, &string, &error);
    return str_of(self, status, string, &error);
}

static PyObject *algorithm(PyObject *self, void *Py_UNUSED(closure))
{
    return fbpy_text(fb_keypair_algorithm(((keypair *)self)->handle));
}

static PyObject *public_pem(PyObject *self, void *Py_UNUSED(closure))
{
    return fbpy_text(fb_keypair_public_pem(((keypair *)self)->handle));
}

static PyObject *private_pem(PyObject *self, void *Py_UNUSED(closure))
{
    fb_slice secret = fb_keypair_private_pem(((keypair *)self)->handle);
    return PyBytes_FromStringAndSize(secret.data, (Py_ssize_t)secret.size);
}

static PyMethodDef methods[] = {
    {"generate", generate, METH_VARARGS | METH_CLASS, "generate($type, algorithm, bits, /)\n--\n\n"},
    {"load", load, METH_VARARGS | METH_CLASS, "load($type, algorithm, private_key, /)\n--\n\n"},
    {"create_token", create_token, METH_VARARGS,
     "create_token($self, subject, issuer, audiences, audience_is_list, scopes, now, expires_in, additional_claims, "
     "kid, type, /)\n--\n\n"},
    {"sign", sign, METH_VARARGS, "sign($self, header, payload, /)\n--\n\n"},
    {"jwks", jwks, METH_O, "jwks($self, kid, /)\n--\n\n"},
    {"dpop_proof", dpop_proof, METH_VARARGS,
     "dpop_proof($self, method, url, access_token, nonce, jti, now, /)\n--\n\n"},
    {"thumbprint", thumbprint, METH_NOARGS, "thumbprint($self, /)\n--\n\n"},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef attributes[] = {{"algorithm", algorithm, NULL, NULL, NULL},
                                   {"public_pem", public_pem, NULL, NULL, NULL},
                                   {"private_pem", private_pem, NULL, NULL, NULL},
                                   {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {{Py_tp_doc, "The core's key pair. Private: use fastbearer.KeyPair."},
                              {Py_tp_dealloc, dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, attributes},
                              {0, NULL}};

PyType_Spec fbpy_keypair_spec = {
    .name = "fastbearer._native.KeyPair",
    .basicsize = sizeof(keypair),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};
