/* Verifier: key sets kept between runs, as tuples (source, document, etag, jwks_uri, fetched_at, fresh_until). */
#include "verifier.h"

/* The number that grows with every fetch. */
PyObject *fbpy_keys_version(PyObject *object, PyObject *number)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    unsigned long long issuer = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred() || !fbpy_verifier_acquire(self)) {
        return NULL;
    }
    uint64_t version = fb_verifier_keys_version(self->handle, issuer);
    fbpy_verifier_release(self);
    return PyLong_FromUnsignedLongLong(version);
}

static PyObject *describe(const fb_stored_keys *keys)
{
    PyObject *document = PyBytes_FromStringAndSize(keys->document.data, (Py_ssize_t)keys->document.size);
    return Py_BuildValue("(NNNNdd)", fbpy_text(keys->source), document, fbpy_text(keys->etag),
                         fbpy_text(keys->jwks_uri), keys->fetched_at, keys->fresh_until);
}

/* None when nothing is held. */
PyObject *fbpy_export_keys(PyObject *object, PyObject *number)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    unsigned long long issuer = PyLong_AsUnsignedLongLong(number);
    if (PyErr_Occurred() || !fbpy_verifier_acquire(self)) {
        return NULL;
    }
    fb_key_export *held = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_verifier_export_keys(self->handle, issuer, fb_clock_now(), &held, &error);
    PyObject *keys = NULL;
    if (status == FB_OK) {
        keys = describe(fb_key_export_keys(held));
    } else if (status == FB_KEYS_UNAVAILABLE) {
        keys = Py_NewRef(Py_None);
    } else {
        (void)fbpy_raise(self->state, &error, NULL);
    }
    fb_key_export_free(held);
    fbpy_verifier_release(self);
    return keys;
}

PyObject *fbpy_import_keys(PyObject *object, PyObject *arguments)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    unsigned long long issuer = 0;
    PyObject *source = NULL, *document = NULL, *etag = NULL, *jwks_uri = NULL;
    fb_stored_keys keys = FB_STORED_KEYS_INIT;
    if (!PyArg_ParseTuple(arguments, "K(OOOOdd):import_keys", &issuer, &source, &document, &etag, &jwks_uri,
                          &keys.fetched_at, &keys.fresh_until) ||
        !fbpy_slice(source, "source", &keys.source) || !fbpy_slice(document, "document", &keys.document) ||
        !fbpy_slice(etag, "etag", &keys.etag) || !fbpy_slice(jwks_uri, "jwks_uri", &keys.jwks_uri) ||
        !fbpy_verifier_acquire(self)) {
        return NULL;
    }
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    FBPY_WITHOUT_GIL(true, status = fb_verifier_import_keys(self->handle, issuer, fb_clock_now(), &keys, &error));
    fbpy_verifier_release(self);
    return status == FB_OK ? Py_NewRef(Py_None) : fbpy_raise(self->state, &error, NULL);
}
