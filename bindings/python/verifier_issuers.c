/* Verifier: the state of its issuers. */
#include "verifier.h"

static PyObject *describe(const fb_issuer_info *issuer)
{
    return Py_BuildValue("{sKsNsNsNsNsKsKsKsKsKsNsNsdsdsN}", "number", (unsigned long long)issuer->number, "issuer",
                         fbpy_text(issuer->identifier), "jwks_uri", fbpy_text(issuer->jwks_uri), "fetched",
                         PyBool_FromLong(issuer->fetched), "added", PyBool_FromLong(issuer->added), "verified",
                         (unsigned long long)issuer->verified, "rejected", (unsigned long long)issuer->rejected,
                         "fetches", (unsigned long long)issuer->fetches, "fetch_failures",
                         (unsigned long long)issuer->fetch_failures, "generation",
                         (unsigned long long)issuer->generation, "keys_held", PyBool_FromLong(issuer->keys_held),
                         "keys_fresh", PyBool_FromLong(issuer->keys_fresh), "retry_after", issuer->retry_after,
                         "unknown_kid_retry_after", issuer->unknown_kid_retry_after, "last_error",
                         issuer->last_error.data == NULL ? PyUnicode_FromString("") : fbpy_text(issuer->last_error));
}

/* The issuers as they are now, to be freed; NULL: an exception is set. */
static fb_issuers *issuers_of(fbpy_verifier *self)
{
    if (!fbpy_verifier_acquire(self)) {
        return NULL;
    }
    fb_error error = FB_ERROR_INIT;
    fb_issuers *issuers = NULL;
    fb_status status = fb_verifier_issuers(self->handle, fb_clock_now().monotonic_seconds, &issuers, &error);
    fbpy_verifier_release(self);
    if (status != FB_OK) {
        (void)fbpy_raise(self->state, &error, NULL);
    }
    return issuers;
}

PyObject *fbpy_issuers(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    fb_issuers *issuers = issuers_of((fbpy_verifier *)self);
    PyObject *list = issuers == NULL ? NULL : PyList_New(0);
    size_t count = list == NULL ? 0 : fb_issuers_count(issuers);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *state = describe(fb_issuers_at(issuers, i));
        if (state == NULL || PyList_Append(list, state) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(state);
    }
    fb_issuers_free(issuers);
    return list;
}

/* The one with a number, or None. */
PyObject *fbpy_issuer(PyObject *self, PyObject *number)
{
    unsigned long long wanted = PyLong_AsUnsignedLongLong(number);
    fb_issuers *issuers = PyErr_Occurred() ? NULL : issuers_of((fbpy_verifier *)self);
    if (issuers == NULL) {
        return NULL;
    }
    size_t i = 0, count = fb_issuers_count(issuers);
    while (i < count && fb_issuers_at(issuers, i)->number != wanted) {
        i++;
    }
    PyObject *state = i < count ? describe(fb_issuers_at(issuers, i)) : Py_NewRef(Py_None);
    fb_issuers_free(issuers);
    return state;
}
