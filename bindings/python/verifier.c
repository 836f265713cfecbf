/*
 * Verifier: one fb_verifier. Arguments are complete and already checked by fastbearer.verifier; a method converts them,
 * calls one function of the core and wraps the result. The GIL is released around public-key verification and whatever
 * may wait; it is kept for HMAC and for a token from the cache, which take less time than releasing it.
 */
#include "verifier.h"

/* ---- the GIL -------------------------------------------------------------------------------------------------------
 */

static void *release_gil(void *Py_UNUSED(context))
{
    return fbpy_gil_release();
}

static void acquire_gil(void *Py_UNUSED(context), void *saved)
{
    fbpy_gil_acquire(saved);
}

/* ---- lifetime ---------------------------------------------------------------------------------------------------- */

void fbpy_verifier_release(fbpy_verifier *self)
{
    if (atomic_fetch_sub(&self->users, 1) == 1) {
        fb_verifier_free(self->handle);
        self->handle = NULL;
    }
}

bool fbpy_verifier_acquire(fbpy_verifier *self)
{
    unsigned users = atomic_load(&self->users);
    while (users != 0 && !atomic_load(&self->closed)) {
        if (atomic_compare_exchange_weak(&self->users, &users, users + 1)) {
            return true;
        }
    }
    PyErr_SetString(PyExc_ValueError, "the verifier is closed");
    return false;
}

/* Acquires the verifier whose key sets to share, if one was given. False: an exception is set. */
static bool acquire_keys_of(fbpy_state *state, fbpy_options *options)
{
    PyObject *given = options->keys_of;
    if (given == NULL) {
        return true;
    }
    if (!PyObject_TypeCheck(given, state->verifier_type)) {
        PyErr_SetString(PyExc_TypeError, "keys_of must be a Verifier");
        return false;
    }
    if (!fbpy_verifier_acquire((fbpy_verifier *)given)) {
        return false;
    }
    options->options.keys_of = ((fbpy_verifier *)given)->handle;
    return true;
}

static bool set_up(fbpy_verifier *self, PyObject *keywords, fbpy_options *options)
{
    if (!fbpy_options_read(options, keywords)) {
        return false;
    }
    if (options->revocations != NULL) {
        options->options.revocations = fbpy_revocations_handle(self->state, options->revocations);
        if (options->options.revocations == NULL) {
            return false;
        }
    }
    if (!acquire_keys_of(self->state, options)) {
        return false;
    }
    self->required_scopes = Py_XNewRef(options->required_scopes);
    options->options.before_signature = release_gil;
    options->options.after_signature = acquire_gil;
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    FBPY_WITHOUT_GIL(true, status = fb_verifier_new(&self->handle, &options->options, &error));
    if (options->keys_of != NULL) {
        fbpy_verifier_release((fbpy_verifier *)options->keys_of);
    }
    if (status != FB_OK) {
        (void)fbpy_raise(self->state, &error, NULL);
        return false;
    }
    atomic_store(&self->closed, false);
    return true;
}

static PyObject *new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    if (PyTuple_Size(arguments) != 0) {
        PyErr_SetString(PyExc_TypeError, "Verifier takes keyword arguments only");
        return NULL;
    }
    fbpy_state *state = fbpy_state_of(type);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    fbpy_verifier *self = state == NULL ? NULL : (fbpy_verifier *)allocate(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->state = state;
    atomic_init(&self->users, 1);
    atomic_init(&self->closed, true);
    fbpy_options options = {.options = FB_OPTIONS_INIT};
    if (!set_up(self, keywords, &options)) {
        Py_CLEAR(self);
    }
    fbpy_options_release(&options);
    return (PyObject *)self;
}

static PyObject *close_verifier(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    if (!atomic_exchange(&self->closed, true)) {
        fbpy_verifier_release(self);
    }
    Py_RETURN_NONE;
}

static void dealloc(PyObject *object)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (!atomic_exchange(&self->closed, true)) {
        fbpy_verifier_release(self);
    }
    Py_XDECREF(self->required_scopes);
    freefunc free_object = (freefunc)PyType_GetSlot(type, Py_tp_free);
    free_object(object);
    Py_DECREF(type);
}

/* ---- verifying --------------------------------------------------------------------------------------------------- */

/* The result's own str of a token that was accepted, hence ASCII. */
static PyObject *token_text(PyObject *token, fb_slice slice)
{
    return PyUnicode_Check(token) ? PyUnicode_FromObject(token) : fbpy_text(slice);
}

static PyObject *wrap(fbpy_verifier *self, fb_result *result, PyObject *token, fb_slice slice)
{
    PyObject *text = token_text(token, slice);
    if (text == NULL) {
        fb_result_free(result);
        return NULL;
    }
    fbpy_claims_keep(self->state, self->handle, slice, result);
    PyObject *access = fbpy_access_token_new(self->state, result, text);
    Py_DECREF(text);
    return access;
}

/* Into the log, which is Python's. The outcome of the verification stays as it is. */
static void warn(const char *problem)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *module = PyImport_ImportModule("fastbearer._log");
    PyObject *done = module == NULL ? NULL : PyObject_CallMethod(module, "warn", "s", problem);
    if (done == NULL) {
        PyErr_WriteUnraisable(module);
    }
    Py_XDECREF(done);
    Py_XDECREF(module);
    PyErr_Restore(type, value, traceback);
}

void fbpy_warn_of_arithmetic(fbpy_state *state)
{
    if (fb_arithmetic_problem() != NULL && !atomic_exchange(&state->warned, true)) {
        warn(fb_arithmetic_problem());
    }
}

bool fbpy_read_clock(PyObject *now, fb_clock *clock)
{
    *clock = fb_clock_now();
    if (now != Py_None) {
        clock->unix_seconds = PyFloat_AsDouble(now);
    }
    return !(clock->unix_seconds == -1.0 && PyErr_Occurred());
}

/* key_request: of a token that needed keys before, whose fetch has ended; NULL for any other. */
static PyObject *verify_token(fbpy_verifier *self, PyObject *given, PyObject *now, const uint64_t *key_request)
{
    fb_clock clock;
    fb_slice token;
    PyObject *keep = NULL, *access = NULL;
    if (!fbpy_read_clock(now, &clock) || !fbpy_token(given, &token, &keep)) {
        return NULL;
    }
    if (fbpy_verifier_acquire(self)) {
        fb_result *result = NULL;
        fb_error error = FB_ERROR_INIT;
        fb_status status = key_request == NULL ? fb_verify(self->handle, token.data, token.size, clock, &result, &error)
                                               : fb_verify_after_fetch(self->handle, token.data, token.size, clock,
                                                                       *key_request, &result, &error);
        access = status == FB_OK ? wrap(self, result, keep == NULL ? given : keep, token)
                                 : fbpy_raise(self->state, &error, self->required_scopes);
        fbpy_verifier_release(self);
        fbpy_warn_of_arithmetic(self->state);
    }
    Py_XDECREF(keep);
    return access;
}

static PyObject *verify(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "verify takes a token and a time or None");
        return NULL;
    }
    return verify_token((fbpy_verifier *)self, arguments[0], arguments[1], NULL);
}

static PyObject *verify_after_fetch(PyObject *self, PyObject *arguments)
{
    PyObject *token = NULL, *now = NULL;
    unsigned long long request = 0;
    if (!PyArg_ParseTuple(arguments, "OOK:verify_after_fetch", &token, &now, &request)) {
        return NULL;
    }
    uint64_t key_request = request;
    return verify_token((fbpy_verifier *)self, token, now, &key_request);
}

bool fbpy_read_asked(PyObject *arguments, const char *format, fbpy_asked *out)
{
    unsigned long long issuer = 0;
    PyObject *response = NULL, *content_type = Py_None, *key_request = Py_None;
    *out = (fbpy_asked){.said = FB_INTROSPECTION_INIT};
    if (!PyArg_ParseTuple(arguments, format, &issuer, &out->given, &out->now, &response, &out->said.reuse_for,
                          &content_type, &key_request)) {
        return false;
    }
    out->issuer = issuer;
    out->said.after_fetch = key_request != Py_None;
    out->said.key_request = out->said.after_fetch ? PyLong_AsUnsignedLongLong(key_request) : 0;
    return !PyErr_Occurred() && fbpy_slice(response, "response", &out->said.response) &&
           fbpy_slice(content_type, "content_type", &out->said.content_type);
}

/* A token that its issuer was asked about, with what that said, and for how long it counts. */
static PyObject *verify_introspected(PyObject *object, PyObject *arguments)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    PyObject *keep = NULL, *access = NULL;
    fbpy_asked asked;
    fb_clock clock;
    fb_slice token;
    if (!fbpy_read_asked(arguments, "KOOOd|OO:verify_introspected", &asked) || !fbpy_read_clock(asked.now, &clock) ||
        !fbpy_token(asked.given, &token, &keep)) {
        return NULL;
    }
    if (fbpy_verifier_acquire(self)) {
        fb_result *result = NULL;
        fb_error error = FB_ERROR_INIT;
        fb_status status = fb_verify_introspected(self->handle, asked.issuer, token.data, token.size, clock,
                                                  &asked.said, &result, &error);
        access = status == FB_OK ? wrap(self, result, keep == NULL ? asked.given : keep, token)
                                 : fbpy_raise(self->state, &error, self->required_scopes);
        fbpy_verifier_release(self);
    }
    Py_XDECREF(keep);
    return access;
}

/* A refusal that Python has decided, by its code, of a token of this issuer; 0: of none that is known. */
static PyObject *count_refusal(PyObject *object, PyObject *arguments)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    PyObject *code = NULL;
    unsigned long long issuer = 0;
    fb_status status = FB_OK;
    if (!PyArg_ParseTuple(arguments, "O|K:count_refusal", &code, &issuer) || !fbpy_status_of(code, &status) ||
        !fbpy_verifier_acquire(self)) {
        return NULL;
    }
    fb_verifier_count_issuer_refusal(self->handle, issuer, status);
    fbpy_verifier_release(self);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"verify", (PyCFunction)(void (*)(void))verify, METH_FASTCALL, "verify($self, token, now, /)\n--\n\n"},
    {"verify_after_fetch", verify_after_fetch, METH_VARARGS,
     "verify_after_fetch($self, token, now, key_request, /)\n--\n\n"},
    {"verify_request", (PyCFunction)(void (*)(void))fbpy_verify_request, METH_FASTCALL,
     "verify_request($self, request, now, /)\n--\n\n"},
    {"verify_request_after_fetch", fbpy_verify_request_after_fetch, METH_VARARGS,
     "verify_request_after_fetch($self, request, now, key_request, /)\n--\n\n"},
    {"verify_introspected", verify_introspected, METH_VARARGS,
     "verify_introspected($self, issuer, token, now, response, reuse_for, content_type=None, key_request=None, /)\n"
     "--\n\n"},
    {"verify_request_introspected", fbpy_verify_request_introspected, METH_VARARGS,
     "verify_request_introspected($self, issuer, request, now, response, reuse_for, content_type=None, "
     "key_request=None, /)\n--\n\n"},
    {"request_token", fbpy_request_token, METH_O, "request_token($self, request, /)\n--\n\n"},
    {"nonce", fbpy_nonce, METH_O, "nonce($self, now, /)\n--\n\n"},
    {"count_refusal", count_refusal, METH_VARARGS, "count_refusal($self, code, issuer=0, /)\n--\n\n"},
    {"refresh_due", fbpy_refresh_due, METH_O, "refresh_due($self, access, /)\n--\n\n"},
    {"refresh_start", fbpy_refresh_start, METH_VARARGS, "refresh_start($self, issuer, reason, key_request, /)\n--\n\n"},
    {"refresh_begin", fbpy_refresh_begin, METH_VARARGS, "refresh_begin($self, issuer, reason, key_request, /)\n--\n\n"},
    {"refresh_complete", fbpy_refresh_complete, METH_VARARGS,
     "refresh_complete($self, issuer, ticket, failure, status, body, headers, /)\n--\n\n"},
    {"refresh_abandon", fbpy_refresh_abandon, METH_VARARGS, "refresh_abandon($self, issuer, ticket, /)\n--\n\n"},
    {"refresh_wait", fbpy_refresh_wait, METH_VARARGS, "refresh_wait($self, issuer, ticket, timeout, /)\n--\n\n"},
    {"keys_version", fbpy_keys_version, METH_O, "keys_version($self, issuer, /)\n--\n\n"},
    {"export_keys", fbpy_export_keys, METH_O, "export_keys($self, issuer, /)\n--\n\n"},
    {"import_keys", fbpy_import_keys, METH_VARARGS, "import_keys($self, issuer, stored, /)\n--\n\n"},
    {"keys", fbpy_held_keys, METH_NOARGS, "keys($self, /)\n--\n\n"},
    {"issuers", fbpy_issuers, METH_NOARGS, "issuers($self, /)\n--\n\n"},
    {"health", fbpy_health, METH_NOARGS, "health($self, /)\n--\n\n"},
    {"issuer", fbpy_issuer, METH_O, "issuer($self, number, /)\n--\n\n"},
    {"resolve_begin", fbpy_resolve_begin, METH_O, "resolve_begin($self, token, /)\n--\n\n"},
    {"resolve_end", fbpy_resolve_end, METH_VARARGS, "resolve_end($self, ticket, outcome, issuer, /)\n--\n\n"},
    {"resolve_wait", fbpy_resolve_wait, METH_VARARGS, "resolve_wait($self, ticket, timeout, /)\n--\n\n"},
    {"stats", fbpy_stats, METH_NOARGS, "stats($self, /)\n--\n\n"},
    {"close", close_verifier, METH_NOARGS, "close($self, /)\n--\n\n"},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {{Py_tp_doc, "The core's verifier. Private: use fastbearer.Verifier."},
                              {Py_tp_new, new},
                              {Py_tp_dealloc, dealloc},
                              {Py_tp_methods, methods},
                              {0, NULL}};

PyType_Spec fbpy_verifier_spec = {
    .name = "fastbearer._native.Verifier",
    .basicsize = sizeof(fbpy_verifier),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
