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

/* The system's clocks, or the system's and now. False: an exception is set. */
bool fbpy_read_clock(PyObject *now, fb_clock *clock);

/* A token or request that an issuer was asked about: whom, what for, and what was said. */
typedef struct fbpy_asked {
    uint64_t issuer;
    PyObject *given, *now; /* borrowed */
    fb_introspection said;
} fbpy_asked;

/* (issuer, given, now, response, reuse_for, content_type=None, key_request=None); format says whose arguments they are.
 * A key_request means that keys were asked for. False: an exception is set. */
bool fbpy_read_asked(PyObject *arguments, const char *format, fbpy_asked *out);

/* Once, when some arithmetic of the core is not used any more. An exception that is set stays set. */
void fbpy_warn_of_arithmetic(fbpy_state *state);

/* Methods in verifier_request.c. */
PyObject *fbpy_verify_request(PyObject *self, PyObject *const *arguments, Py_ssize_t count);
PyObject *fbpy_verify_request_after_fetch(PyObject *self, PyObject *arguments);
PyObject *fbpy_verify_request_introspected(PyObject *self, PyObject *arguments);
PyObject *fbpy_request_token(PyObject *object, PyObject *given);
PyObject *fbpy_nonce(PyObject *object, PyObject *now);

/* Methods in verifier_keys.c. */
PyObject *fbpy_refresh_due(PyObject *object, PyObject *access);
PyObject *fbpy_refresh_begin(PyObject *self, PyObject *arguments);
PyObject *fbpy_refresh_start(PyObject *self, PyObject *arguments);
PyObject *fbpy_refresh_complete(PyObject *object, PyObject *arguments);
PyObject *fbpy_refresh_abandon(PyObject *object, PyObject *arguments);
PyObject *fbpy_refresh_wait(PyObject *object, PyObject *arguments);
PyObject *fbpy_held_keys(PyObject *object, PyObject *unused);
PyObject *fbpy_stats(PyObject *object, PyObject *unused);

/* Methods in verifier_stored.c. */
PyObject *fbpy_keys_version(PyObject *object, PyObject *number);
PyObject *fbpy_export_keys(PyObject *object, PyObject *number);
PyObject *fbpy_import_keys(PyObject *object, PyObject *arguments);

/* Methods in verifier_issuers.c. */
PyObject *fbpy_health(PyObject *self, PyObject *unused);
PyObject *fbpy_issuers(PyObject *self, PyObject *unused);
PyObject *fbpy_issuer(PyObject *self, PyObject *number);

/* Methods in verifier_resolving.c. */
PyObject *fbpy_resolve_begin(PyObject *object, PyObject *token);
PyObject *fbpy_resolve_end(PyObject *object, PyObject *arguments);
PyObject *fbpy_resolve_wait(PyObject *object, PyObject *arguments);

#endif
