/*
 * Verifier, what concerns issuers that are not known. Whom to ask and how often is the core's decision, asking is
 * fastbearer._resolver's.
 */
#include "verifier.h"

/* (decision, ticket, identifier) */
PyObject *fbpy_resolve_begin(PyObject *object, PyObject *given)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    fb_slice token;
    PyObject *keep = NULL, *fields = NULL;
    if (!fbpy_token(given, &token, &keep)) {
        return NULL;
    }
    if (fbpy_verifier_acquire(self)) {
        fb_resolution resolution = FB_RESOLUTION_INIT;
        fb_error error = FB_ERROR_INIT;
        fb_status status = fb_verifier_resolve_begin(self->handle, token.data, token.size,
                                                     fb_clock_now().monotonic_seconds, &resolution, &error);
        fbpy_verifier_release(self);
        fields = status != FB_OK
                     ? fbpy_raise(self->state, &error, NULL)
                     : Py_BuildValue("(iKs#)", (int)resolution.decision, (unsigned long long)resolution.ticket,
                                     resolution.identifier, (Py_ssize_t)resolution.identifier_size);
    }
    Py_XDECREF(keep);
    return fields;
}

PyObject *fbpy_resolve_end(PyObject *object, PyObject *arguments)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    unsigned long long ticket = 0;
    int outcome = 0;
    PyObject *given = NULL;
    if (!PyArg_ParseTuple(arguments, "KiO:resolve_end", &ticket, &outcome, &given)) {
        return NULL;
    }
    fbpy_options options = {.options = FB_OPTIONS_INIT};
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_status status = FB_OK;
    fb_error error = FB_ERROR_INIT;
    bool done = (given == Py_None || fbpy_issuer_read(&options, &issuer, given)) && fbpy_verifier_acquire(self);
    if (done) {
        FBPY_WITHOUT_GIL(true, status = fb_verifier_resolve_end(self->handle, ticket, (fb_resolve_outcome)outcome,
                                                                given == Py_None ? NULL : &issuer,
                                                                fb_clock_now().monotonic_seconds, &error));
        fbpy_verifier_release(self);
    }
    fbpy_options_release(&options);
    if (!done || status != FB_OK) {
        return done ? fbpy_raise(self->state, &error, NULL) : NULL;
    }
    Py_RETURN_NONE;
}

PyObject *fbpy_resolve_wait(PyObject *object, PyObject *arguments)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    unsigned long long ticket = 0;
    double timeout = 0.0;
    if (!PyArg_ParseTuple(arguments, "Kd:resolve_wait", &ticket, &timeout) || !fbpy_verifier_acquire(self)) {
        return NULL;
    }
    bool ended;
    FBPY_WITHOUT_GIL(true, ended = fb_verifier_resolve_wait(self->handle, ticket, timeout));
    fbpy_verifier_release(self);
    return PyBool_FromLong(ended);
}
