/*
 * Revocations: one fb_revocations, which verifiers that were made with it keep alive. The GIL is released for what
 * looks at the whole set; a look-up and an addition take less time than releasing it.
 */
#include "convert.h"

#include <math.h>

typedef struct revocations {
    PyObject_HEAD fbpy_state *state;
    fb_revocations *handle;
} revocations;

fb_revocations *fbpy_revocations_handle(fbpy_state *state, PyObject *object)
{
    if (!PyObject_TypeCheck(object, state->revocations_type)) {
        PyErr_SetString(PyExc_TypeError, "revocations must be a Revocations or None");
        return NULL;
    }
    return ((revocations *)object)->handle;
}

static PyObject *new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static const char *const names[] = {"max_entries", NULL};
    Py_ssize_t max_entries = 0;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "n:Revocations", (char **)(uintptr_t)names, &max_entries)) {
        return NULL;
    }
    fbpy_state *state = fbpy_state_of(type);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    revocations *self = state == NULL ? NULL : (revocations *)allocate(type, 0);
    if (self == NULL) {
        return NULL;
    }
    fb_error error = FB_ERROR_INIT;
    self->state = state;
    if (fb_revocations_new(&self->handle, max_entries < 0 ? 0 : (size_t)max_entries, NULL, &error) != FB_OK) {
        Py_DECREF(self);
        return fbpy_raise(state, &error, NULL);
    }
    return (PyObject *)self;
}

static void dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    fb_revocations_free(((revocations *)object)->handle);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* A number of seconds, or what stands for None. False: an exception is set. */
static bool seconds(PyObject *given, double absent, double *out)
{
    *out = given == Py_None ? absent : PyFloat_AsDouble(given);
    return !(*out == -1.0 && PyErr_Occurred());
}

static PyObject *outcome(const revocations *self, fb_status status, const fb_error *error)
{
    return status == FB_OK ? Py_NewRef(Py_None) : fbpy_raise(self->state, error, NULL);
}

static PyObject *add(PyObject *object, PyObject *arguments)
{
    const revocations *self = (revocations *)object;
    PyObject *issuer = NULL, *jti = NULL, *until = NULL, *now = NULL;
    fb_slice issuer_text, jti_text;
    double until_seconds, now_seconds;
    fb_error error = FB_ERROR_INIT;
    if (!PyArg_ParseTuple(arguments, "OOOO:add", &issuer, &jti, &until, &now) ||
        !fbpy_slice(issuer, "issuer", &issuer_text) || !fbpy_slice(jti, "jti", &jti_text) ||
        !seconds(until, (double)INFINITY, &until_seconds) || !seconds(now, fb_clock_now().unix_seconds, &now_seconds)) {
        return NULL;
    }
    const fb_status status =
        fb_revocations_add(self->handle, issuer_text, jti_text, until_seconds, now_seconds, &error);
    return outcome(self, status, &error);
}

static PyObject *add_subject(PyObject *object, PyObject *arguments)
{
    const revocations *self = (revocations *)object;
    PyObject *issuer = NULL, *subject = NULL, *until = NULL, *now = NULL;
    fb_slice issuer_text, subject_text;
    double before = 0.0, until_seconds, now_seconds;
    fb_error error = FB_ERROR_INIT;
    if (!PyArg_ParseTuple(arguments, "OOdOO:add_subject", &issuer, &subject, &before, &until, &now) ||
        !fbpy_slice(issuer, "issuer", &issuer_text) || !fbpy_slice(subject, "subject", &subject_text) ||
        !seconds(until, (double)INFINITY, &until_seconds) || !seconds(now, fb_clock_now().unix_seconds, &now_seconds)) {
        return NULL;
    }
    const fb_status status =
        fb_revocations_add_subject(self->handle, issuer_text, subject_text, before, until_seconds, now_seconds, &error);
    return outcome(self, status, &error);
}

static PyObject *is_revoked(PyObject *object, PyObject *arguments)
{
    const revocations *self = (revocations *)object;
    PyObject *access = NULL, *now = NULL;
    double now_seconds;
    if (!PyArg_ParseTuple(arguments, "OO:is_revoked", &access, &now) ||
        !seconds(now, fb_clock_now().unix_seconds, &now_seconds)) {
        return NULL;
    }
    const fb_result *result = fbpy_access_token_result(self->state, access);
    if (result == NULL) {
        PyErr_SetString(PyExc_TypeError, "is_revoked takes an AccessToken of a verifier");
        return NULL;
    }
    fb_error error = FB_ERROR_INIT;
    const fb_status status = fb_revocations_check(self->handle, result, now_seconds, &error);
    return status == FB_OK || status == FB_TOKEN_REVOKED ? PyBool_FromLong(status == FB_TOKEN_REVOKED)
                                                         : fbpy_raise(self->state, &error, NULL);
}

static PyObject *refill_begin(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    FBPY_WITHOUT_GIL(true, fb_revocations_refill_begin(((revocations *)object)->handle));
    Py_RETURN_NONE;
}

static PyObject *refill_end(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    FBPY_WITHOUT_GIL(true, fb_revocations_refill_end(((revocations *)object)->handle));
    Py_RETURN_NONE;
}

static PyObject *clear(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    FBPY_WITHOUT_GIL(true, fb_revocations_clear(((revocations *)object)->handle));
    Py_RETURN_NONE;
}

static PyObject *describe(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    fb_revocations_info info = FB_REVOCATIONS_INFO_INIT;
    if (!fb_revocations_describe(((revocations *)object)->handle, &info)) {
        PyErr_SetString(PyExc_SystemError, "the core is older than the extension");
        return NULL;
    }
    return Py_BuildValue("{sKsKsKsKsKsK}", "tokens", (unsigned long long)info.tokens, "subjects",
                         (unsigned long long)info.subjects, "max_entries", (unsigned long long)info.max_entries,
                         "bytes", (unsigned long long)info.bytes, "refused", (unsigned long long)info.refused, "hits",
                         (unsigned long long)info.hits);
}

static PyMethodDef methods[] = {
    {"add", add, METH_VARARGS, "add($self, issuer, jti, until, now, /)\n--\n\n"},
    {"add_subject", add_subject, METH_VARARGS, "add_subject($self, issuer, subject, before, until, now, /)\n--\n\n"},
    {"is_revoked", is_revoked, METH_VARARGS, "is_revoked($self, access, now, /)\n--\n\n"},
    {"refill_begin", refill_begin, METH_NOARGS, "refill_begin($self, /)\n--\n\n"},
    {"refill_end", refill_end, METH_NOARGS, "refill_end($self, /)\n--\n\n"},
    {"clear", clear, METH_NOARGS, "clear($self, /)\n--\n\n"},
    {"describe", describe, METH_NOARGS, "describe($self, /)\n--\n\n"},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {{Py_tp_doc, "The core's set of revoked tokens. Private: use fastbearer's."},
                              {Py_tp_new, new},
                              {Py_tp_dealloc, dealloc},
                              {Py_tp_methods, methods},
                              {0, NULL}};

PyType_Spec fbpy_revocations_spec = {
    .name = "fastbearer._native.Revocations",
    .basicsize = sizeof(revocations),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
