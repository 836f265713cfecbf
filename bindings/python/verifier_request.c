/*
 * Verifier, what concerns whole requests. A request is a tuple (method, url, headers, client certificate, token header)
 * of what fastbearer.Request holds: text, bytes or None, and for headers a tuple of pairs. What is in it is hostile,
 * but for the name of the token header; which header matters, and how it must look, is the core's.
 */
#include "verifier.h"

enum { PARTS = 5 };

struct request {
    fb_request request;
    fbpy_headers headers;
    PyObject *keep; /* NULL, or what else it points into */
};

static void release(struct request *request)
{
    fbpy_headers_release(&request->headers);
    Py_XDECREF(request->keep);
}

/* out points into given, and is to be released in any case. */
static bool read_request(struct request *out, PyObject *given)
{
    out->request = (fb_request)FB_REQUEST_INIT;
    out->headers.many = NULL;
    out->headers.keep = NULL;
    out->keep = NULL;
    if (!PyTuple_Check(given) || PyTuple_Size(given) != PARTS) {
        PyErr_SetString(PyExc_TypeError, "a request must be (method, url, headers, certificate, token header)");
        return false;
    }
    PyObject *certificate = PyTuple_GetItem(given, 3);
    if (!fbpy_untrusted(PyTuple_GetItem(given, 0), "method", &out->request.method, &out->keep) ||
        !fbpy_untrusted(PyTuple_GetItem(given, 1), "url", &out->request.url, &out->keep) ||
        !fbpy_untrusted(certificate, "client_certificate", &out->request.client_certificate, &out->keep) ||
        !fbpy_slice(PyTuple_GetItem(given, 4), "token_header", &out->request.token_header) ||
        !fbpy_headers_read(&out->headers, PyTuple_GetItem(given, 2))) {
        return false;
    }
    out->request.headers = out->headers.items;
    out->request.header_count = out->headers.count;
    return true;
}

/* What the host is to remember, as (key, expires_at), or None. */
static PyObject *describe_proof(const fb_proof *proof)
{
    return proof->present ? Py_BuildValue("(sd)", proof->key, proof->expires_at) : Py_NewRef(Py_None);
}

/* (access, proof). Takes over result. */
static PyObject *wrap(fbpy_verifier *self, const fb_request *request, fb_result *result, const fb_proof *proof)
{
    fb_slice token;
    fb_error error = FB_ERROR_INIT;
    if (fb_request_token(self->handle, request, &token, &error) != FB_OK) {
        fb_result_free(result);
        return fbpy_raise(self->state, &error, NULL);
    }
    PyObject *text = fbpy_text(token);
    if (text == NULL) {
        fb_result_free(result);
        return NULL;
    }
    fbpy_claims_keep(self->state, self->handle, token, result);
    PyObject *access = fbpy_access_token_new(self->state, result, text);
    Py_DECREF(text);
    return access == NULL ? NULL : Py_BuildValue("(NN)", access, describe_proof(proof));
}

/* key_request: as for verify_token of verifier.c. */
static PyObject *verify(fbpy_verifier *self, PyObject *given, PyObject *now, const uint64_t *key_request)
{
    struct request request;
    fb_clock clock;
    PyObject *answer = NULL;
    if (read_request(&request, given) && fbpy_read_clock(now, &clock) && fbpy_verifier_acquire(self)) {
        fb_result *result = NULL;
        fb_proof proof = FB_PROOF_INIT;
        fb_error error = FB_ERROR_INIT;
        fb_status status = key_request == NULL
                               ? fb_verify_request(self->handle, &request.request, clock, &result, &proof, &error)
                               : fb_verify_request_after_fetch(self->handle, &request.request, clock, *key_request,
                                                               &result, &proof, &error);
        answer = status == FB_OK ? wrap(self, &request.request, result, &proof)
                                 : fbpy_raise(self->state, &error, self->required_scopes);
        fbpy_verifier_release(self);
        fbpy_warn_of_arithmetic(self->state);
    }
    release(&request);
    return answer;
}

PyObject *fbpy_verify_request(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "verify_request takes a request and a time or None");
        return NULL;
    }
    return verify((fbpy_verifier *)self, arguments[0], arguments[1], NULL);
}

PyObject *fbpy_verify_request_after_fetch(PyObject *self, PyObject *arguments)
{
    PyObject *request = NULL, *now = NULL;
    unsigned long long given = 0;
    if (!PyArg_ParseTuple(arguments, "OOK:verify_request_after_fetch", &request, &now, &given)) {
        return NULL;
    }
    uint64_t key_request = given;
    return verify((fbpy_verifier *)self, request, now, &key_request);
}

PyObject *fbpy_verify_request_introspected(PyObject *object, PyObject *arguments)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    PyObject *answer = NULL;
    fbpy_asked asked;
    struct request request;
    fb_clock clock;
    if (!fbpy_read_asked(arguments, "KOOOd|OO:verify_request_introspected", &asked)) {
        return NULL;
    }
    if (read_request(&request, asked.given) && fbpy_read_clock(asked.now, &clock) && fbpy_verifier_acquire(self)) {
        fb_result *result = NULL;
        fb_proof proof = FB_PROOF_INIT;
        fb_error error = FB_ERROR_INIT;
        fb_status status = fb_verify_request_introspected(self->handle, asked.issuer, &request.request, clock,
                                                          &asked.said, &result, &proof, &error);
        answer = status == FB_OK ? wrap(self, &request.request, result, &proof)
                                 : fbpy_raise(self->state, &error, self->required_scopes);
        fbpy_verifier_release(self);
    }
    release(&request);
    return answer;
}

/* The token of a request that has one, as bytes. */
PyObject *fbpy_request_token(PyObject *object, PyObject *given)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    struct request request;
    PyObject *token = NULL;
    if (read_request(&request, given) && fbpy_verifier_acquire(self)) {
        fb_slice text;
        fb_error error = FB_ERROR_INIT;
        fb_status status = fb_request_token(self->handle, &request.request, &text, &error);
        token = status == FB_OK ? PyBytes_FromStringAndSize(text.data, (Py_ssize_t)text.size)
                                : fbpy_raise(self->state, &error, NULL);
        fbpy_verifier_release(self);
    }
    release(&request);
    return token;
}

/* The nonce for DPoP-Nonce; None without a secret to make it with. */
PyObject *fbpy_nonce(PyObject *object, PyObject *now)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    fb_clock clock;
    if (!fbpy_read_clock(now, &clock) || !fbpy_verifier_acquire(self)) {
        return NULL;
    }
    char nonce[FB_NONCE_ROOM];
    bool made = fb_verifier_nonce(self->handle, clock.unix_seconds, nonce);
    fbpy_verifier_release(self);
    return made ? PyUnicode_FromString(nonce) : Py_NewRef(Py_None);
}
