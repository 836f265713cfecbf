/* The Python type of a verifier, for the files that implement it. */
#ifndef FBPY_VERIFIER_H
#define FBPY_VERIFIER_H

#include "convert.h"

typedef struct fbpy_verifier {
    PyObject_HEAD fbpy_state *state;
    fb_verifier *handle;
    atomic_uint users; /* calls that use the handle, + 1 until close; 0: the handle has been freed */
    atomic_bool closed;
    PyObject *required_scopes; /* tuple or None */
} fbpy_verifier;

/* False, with an exception set, when the verifier is closed. Otherwise the handle lives until it is released. */
bool fbpy_verifier_acquire(fbpy_verifier *self);
void fbpy_verifier_release(fbpy_verifier *self);

/* Methods in verifier_keys.c. */
PyObject *fbpy_refresh_due(PyObject *object, PyObject *access);
PyObject *fbpy_refresh_begin(PyObject *self, PyObject *arguments);
PyObject *fbpy_refresh_start(PyObject *self, PyObject *arguments);
PyObject *fbpy_refresh_complete(PyObject *object, PyObject *arguments);
PyObject *fbpy_refresh_abandon(PyObject *object, PyObject *arguments);
PyObject *fbpy_refresh_wait(PyObject *object, PyObject *arguments);
PyObject *fbpy_held_keys(PyObject *object, PyObject *unused);
PyObject *fbpy_stats(PyObject *object, PyObject *unused);

/* Methods in verifier_issuers.c. */
PyObject *fbpy_issuers(PyObject *self, PyObject *unused);
PyObject *fbpy_issuer(PyObject *self, PyObject *number);

/* Methods in verifier_resolving.c. */
PyObject *fbpy_resolve_begin(PyObject *object, PyObject *token);
PyObject *fbpy_resolve_end(PyObject *object, PyObject *arguments);
PyObject *fbpy_resolve_wait(PyObject *object, PyObject *arguments);

#endif
