/*
 * Verifier: one fb_verifier. Arguments are complete and already checked by fastbearer.verifier; a method converts them,
 * calls one function of the core and wraps what comes back. The GIL is released around public-key verification and
 * whatever may wait, and kept for HMAC and for a token from the cache, which take less time than handing it over.
 */
#include "convert.h"

#include <stdatomic.h>
#include <string.h>

typedef struct verifier {
    PyObject_HEAD fbpy_state *state;
    fb_verifier *handle;
    atomic_uint users; /* calls that are inside the core, + 1 until close; 0: the handle is gone */
    atomic_bool closed;
    PyObject *required_scopes; /* tuple or None */
} verifier;

/* ---- the GIL -------------------------------------------------------------------------------------------------------
 */

static void *release_gil(void *Py_UNUSED(context))
{
    return PyEval_SaveThread();
}

static void acquire_gil(void *Py_UNUSED(context), void *saved)
{
    PyEval_RestoreThread(saved);
}

/* ---- from first to last use -------------------------------------------------------------------------------------- */

static void leave(verifier *self)
{
    if (atomic_fetch_sub(&self->users, 1) == 1) {
        fb_verifier_free(self->handle);
        self->handle = NULL;
    }
}

/* False, with an exception set, when the verifier is closed. Otherwise the handle stays until leave. */
static bool enter(verifier *self)
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

/* The verifier whose key set to share, entered so that it is not closed meanwhile; NULL: none, or an exception is set.
 */
static verifier *enter_keys_of(fbpy_state *state, PyObject *keywords)
{
    PyObject *given = keywords == NULL ? NULL : PyDict_GetItemString(keywords, "keys_of");
    if (given == NULL) {
        return NULL;
    }
    if (!PyObject_TypeCheck(given, state->verifier_type)) {
        PyErr_SetString(PyExc_TypeError, "keys_of must be a Verifier");
        return NULL;
    }
    return enter((verifier *)given) ? (verifier *)given : NULL;
}

static bool start(verifier *self, PyObject *keywords, fbpy_options *options)
{
    verifier *other = enter_keys_of(self->state, keywords);
    if (PyErr_Occurred() || !fbpy_options_read(options, keywords)) {
        if (other != NULL) {
            leave(other);
        }
        return false;
    }
    self->required_scopes = keywords == NULL ? NULL : PyDict_GetItemString(keywords, "required_scopes");
    Py_XINCREF(self->required_scopes);
    options->options.before_signature = release_gil;
    options->options.after_signature = acquire_gil;
    options->options.keys_of = other == NULL ? NULL : other->handle;
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    FBPY_WITHOUT_GIL(true, status = fb_verifier_new(&self->handle, &options->options, &error));
    if (other != NULL) {
        leave(other);
    }
    if (status != FB_OK) {
        (void)fbpy_raise(self->state, &error, NULL);
        return false;
    }
    atomic_store(&self->closed, false);
    return true;
}

static PyObject *new (PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    if (PyTuple_Size(arguments) != 0) {
        PyErr_SetString(PyExc_TypeError, "Verifier takes keyword arguments only");
        return NULL;
    }
    fbpy_state *state = fbpy_state_of(type);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    verifier *self = state == NULL ? NULL : (verifier *)allocate(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->state = state;
    atomic_init(&self->users, 1);
    atomic_init(&self->closed, true);
    fbpy_options options = {.options = FB_OPTIONS_INIT};
    if (!start(self, keywords, &options)) {
        Py_CLEAR(self);
    }
    fbpy_options_release(&options);
    return (PyObject *)self;
}

static PyObject *close_verifier(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    verifier *self = (verifier *)object;
    if (!atomic_exchange(&self->closed, true)) {
        leave(self);
    }
    Py_RETURN_NONE;
}

static void dealloc(PyObject *object)
{
    verifier *self = (verifier *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (!atomic_exchange(&self->closed, true)) {
        leave(self);
    }
    Py_XDECREF(self->required_scopes);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* ---- verifying --------------------------------------------------------------------------------------------------- */

/* The result's own str of a token that was accepted, hence ASCII. */
static PyObject *token_text(PyObject *token, fb_slice slice)
{
    return PyUnicode_Check(token) ? PyUnicode_FromObject(token) : fbpy_text(slice);
}

static PyObject *wrap(verifier *self, fb_result *result, PyObject *token, fb_slice slice)
{
    PyObject *text = token_text(token, slice);
    if (text == NULL) {
        fb_result_free(result);
        return NULL;
    }
    PyObject *access = fbpy_access_token_new(self->state, result, text);
    Py_DECREF(text);
    return access;
}

/* For the log, which is Python's. The outcome of the verification stays what it is. */
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

static bool read_clock(PyObject *now, fb_clock *clock)
{
    *clock = fb_clock_now();
    if (now != Py_None) {
        clock->unix_seconds = PyFloat_AsDouble(now);
    }
    return !(clock->unix_seconds == -1.0 && PyErr_Occurred());
}

/* key_request: that of an earlier answer "keys needed" whose fetch has ended, or NULL. */
static PyObject *verify_token(verifier *self, PyObject *given, PyObject *now, const uint64_t *key_request)
{
    fb_clock clock;
    fb_slice token;
    PyObject *keep = NULL, *access = NULL;
    if (!read_clock(now, &clock) || !fbpy_token(given, &token, &keep)) {
        return NULL;
    }
    if (enter(self)) {
        fb_result *result = NULL;
        fb_error error = FB_ERROR_INIT;
        fb_status status = key_request == NULL ? fb_verify(self->handle, token.data, token.size, clock, &result, &error)
                                               : fb_verify_after_fetch(self->handle, token.data, token.size, clock,
                                                                       *key_request, &result, &error);
        access = status == FB_OK ? wrap(self, result, keep == NULL ? given : keep, token)
                                 : fbpy_raise(self->state, &error, self->required_scopes);
        leave(self);
        if (fb_arithmetic_problem() != NULL && !atomic_exchange(&self->state->warned, true)) {
            warn(fb_arithmetic_problem());
        }
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
    return verify_token((verifier *)self, arguments[0], arguments[1], NULL);
}

static PyObject *verify_after_fetch(PyObject *self, PyObject *arguments)
{
    PyObject *token = NULL, *now = NULL;
    unsigned long long request = 0;
    if (!PyArg_ParseTuple(arguments, "OOK:verify_after_fetch", &token, &now, &request)) {
        return NULL;
    }
    uint64_t key_request = request;
    return verify_token((verifier *)self, token, now, &key_request);
}

/* A refusal that Python decided on, by its code. */
static PyObject *count_refusal(PyObject *object, PyObject *code)
{
    verifier *self = (verifier *)object;
    fb_status status = FB_OK;
    if (!fbpy_status_of(code, &status) || !enter(self)) {
        return NULL;
    }
    fb_verifier_count_refusal(self->handle, status);
    leave(self);
    Py_RETURN_NONE;
}

/* ---- the key set ------------------------------------------------------------------------------------------------- */

static PyObject *refresh_due(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    verifier *self = (verifier *)object;
    if (!enter(self)) {
        return NULL;
    }
    bool due = fb_verifier_refresh_due(self->handle, fb_clock_now().monotonic_seconds);
    leave(self);
    return PyBool_FromLong(due);
}

/* (decision, ticket, url, etag); the last two are None unless the caller is to fetch. */
static PyObject *describe_fetch(const fb_fetch *fetch)
{
    const bool now = fetch->decision == FB_FETCH_NOW;
    const fb_slice none = {NULL, 0};
    return Py_BuildValue("(iKNN)", (int)fetch->decision, (unsigned long long)fetch->ticket,
                         fbpy_text(now ? fetch->url : none), fbpy_text(now ? fb_text(fetch->etag) : none));
}

/* background: the library fetches, with libcurl; otherwise the caller does. */
static PyObject *begin(verifier *self, PyObject *arguments, bool background)
{
    int reason = 0;
    unsigned long long request = 0;
    if (!PyArg_ParseTuple(arguments, "iK", &reason, &request) || !enter(self)) {
        return NULL;
    }
    fb_fetch fetch = FB_FETCH_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    if (background) {
        FBPY_WITHOUT_GIL(
            true, status = fb_verifier_refresh_start(self->handle, (fb_refresh_reason)reason, request, &fetch, &error));
    } else {
        status = fb_verifier_refresh_begin(self->handle, fb_clock_now().monotonic_seconds, (fb_refresh_reason)reason,
                                           request, &fetch, &error);
    }
    PyObject *fields = status == FB_OK ? describe_fetch(&fetch) : fbpy_raise(self->state, &error, NULL);
    leave(self);
    return fields;
}

static PyObject *refresh_begin(PyObject *self, PyObject *arguments)
{
    return begin((verifier *)self, arguments, false);
}

static PyObject *refresh_start(PyObject *self, PyObject *arguments)
{
    return begin((verifier *)self, arguments, true);
}

/* The header fields that the core asks for, by their lower-case names; what is missing stays absent. */
static bool read_headers(PyObject *headers, fb_fetched *fetched)
{
    const struct {
        const char *name;
        fb_slice *value;
    } fields[] = {
        {"cache-control", &fetched->cache_control},
        {"age", &fetched->age},
        {"etag", &fetched->etag},
        {"content-encoding", &fetched->content_encoding},
        {"content-length", &fetched->content_length},
        {"transfer-encoding", &fetched->transfer_encoding},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        PyObject *value = PyDict_GetItemString(headers, fields[i].name);
        if (value != NULL && !fbpy_slice(value, fields[i].name, fields[i].value)) {
            return false;
        }
    }
    return true;
}

static PyObject *refresh_complete(PyObject *object, PyObject *arguments)
{
    verifier *self = (verifier *)object;
    unsigned long long ticket = 0;
    fb_fetched fetched = FB_FETCHED_INIT;
    PyObject *failure = NULL, *body = NULL, *headers = NULL;
    if (!PyArg_ParseTuple(arguments, "KOiOO!:refresh_complete", &ticket, &failure, &fetched.http_status, &body,
                          &PyDict_Type, &headers) ||
        !fbpy_slice(failure, "failure", &fetched.failure) || !fbpy_slice(body, "body", &fetched.body) ||
        !read_headers(headers, &fetched) || !enter(self)) {
        return NULL;
    }
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    double now = fb_clock_now().monotonic_seconds;
    FBPY_WITHOUT_GIL(true, status = fb_verifier_refresh_complete(self->handle, ticket, now, &fetched, &error));
    leave(self);
    if (status != FB_OK) {
        return fbpy_raise(self->state, &error, NULL);
    }
    Py_RETURN_NONE;
}

/* The fetch had no outcome, and that is nobody's failure. */
static PyObject *refresh_abandon(PyObject *object, PyObject *arguments)
{
    verifier *self = (verifier *)object;
    unsigned long long ticket = 0;
    if (!PyArg_ParseTuple(arguments, "K:refresh_abandon", &ticket) || !enter(self)) {
        return NULL;
    }
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_error error = FB_ERROR_INIT;
    fetched.abandoned = true;
    /* Whatever it says, "keys unavailable" or "no such ticket", the fetch is over. */
    fb_status status =
        fb_verifier_refresh_complete(self->handle, ticket, fb_clock_now().monotonic_seconds, &fetched, &error);
    (void)status;
    leave(self);
    Py_RETURN_NONE;
}

static PyObject *refresh_wait(PyObject *object, PyObject *arguments)
{
    verifier *self = (verifier *)object;
    unsigned long long ticket = 0;
    double timeout = 0.0;
    if (!PyArg_ParseTuple(arguments, "Kd:refresh_wait", &ticket, &timeout) || !enter(self)) {
        return NULL;
    }
    bool ended;
    FBPY_WITHOUT_GIL(true, ended = fb_verifier_refresh_wait(self->handle, ticket, timeout));
    leave(self);
    return PyBool_FromLong(ended);
}

/* ---- looking in -------------------------------------------------------------------------------------------------- */

static PyObject *describe_keys(const fb_keys *keys)
{
    PyObject *list = PyList_New(0);
    size_t count = fb_keys_count(keys);
    for (size_t i = 0; list != NULL && i < count; i++) {
        const fb_key_info *key = fb_keys_at(keys, i);
        PyObject *row = Py_BuildValue("(NNNNNNNin)", fbpy_text(key->kid), fbpy_text(key->kty), fbpy_text(key->alg),
                                      fbpy_text(key->crv), PyBool_FromLong(key->usable), fbpy_text(key->problem),
                                      fbpy_text(key->arithmetic), key->bits, (Py_ssize_t)key->table_bytes);
        if (row == NULL || PyList_Append(list, row) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(row);
    }
    return list;
}

static PyObject *held_keys(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    verifier *self = (verifier *)object;
    if (!enter(self)) {
        return NULL;
    }
    fb_error error = FB_ERROR_INIT;
    fb_keys *keys = NULL;
    fb_status status = fb_verifier_keys(self->handle, &keys, &error);
    PyObject *list = status == FB_OK ? describe_keys(keys) : fbpy_raise(self->state, &error, NULL);
    fb_keys_free(keys);
    leave(self);
    return list;
}

static PyObject *reasons(const fb_stats *stats)
{
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < stats->reason_count; i++) {
        PyObject *count = PyLong_FromUnsignedLongLong(stats->reasons[i].count);
        if (count == NULL || PyDict_SetItemString(dict, fb_status_name(stats->reasons[i].status), count) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(count);
    }
    return dict;
}

static PyObject *stats(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    verifier *self = (verifier *)object;
    if (!enter(self)) {
        return NULL;
    }
    fb_stats s = FB_STATS_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_verifier_stats(self->handle, fb_clock_now().monotonic_seconds, &s, &error);
    leave(self);
    if (status != FB_OK) {
        return fbpy_raise(self->state, &error, NULL);
    }
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"verified", s.verified},
        {"rejected", s.rejected},
        {"cache_hits", s.cache_hits},
        {"cache_misses", s.cache_misses},
        {"cache_evictions", s.cache_evictions},
        {"cache_entries", s.cache_entries},
        {"cache_bytes", s.cache_bytes},
        {"fetches", s.fetches},
        {"fetch_failures", s.fetch_failures},
        {"generation", s.generation},
        {"table_bytes", s.table_bytes},
        {"arithmetic_checks", s.arithmetic_checks},
        {"arithmetic_disagreements", s.arithmetic_disagreements},
    };
    PyObject *dict = Py_BuildValue("{sNsNsNsdsdss}", "reasons", reasons(&s), "keys_held", PyBool_FromLong(s.keys_held),
                                   "keys_fresh", PyBool_FromLong(s.keys_fresh), "retry_after", s.retry_after,
                                   "unknown_kid_retry_after", s.unknown_kid_retry_after, "last_error", s.last_error);
    for (size_t i = 0; dict != NULL && i < sizeof(counters) / sizeof(counters[0]); i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(counters[i].value);
        if (value == NULL || PyDict_SetItemString(dict, counters[i].name, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
    }
    return dict;
}

static PyMethodDef methods[] = {
    {"verify", (PyCFunction)(void (*)(void))verify, METH_FASTCALL, "verify($self, token, now, /)\n--\n\n"},
    {"verify_after_fetch", verify_after_fetch, METH_VARARGS,
     "verify_after_fetch($self, token, now, key_request, /)\n--\n\n"},
    {"count_refusal", count_refusal, METH_O, "count_refusal($self, code, /)\n--\n\n"},
    {"refresh_due", refresh_due, METH_NOARGS, "refresh_due($self, /)\n--\n\n"},
    {"refresh_start", refresh_start, METH_VARARGS, "refresh_start($self, reason, key_request, /)\n--\n\n"},
    {"refresh_begin", refresh_begin, METH_VARARGS, "refresh_begin($self, reason, key_request, /)\n--\n\n"},
    {"refresh_complete", refresh_complete, METH_VARARGS,
     "refresh_complete($self, ticket, failure, status, body, headers, /)\n--\n\n"},
    {"refresh_abandon", refresh_abandon, METH_VARARGS, "refresh_abandon($self, ticket, /)\n--\n\n"},
    {"refresh_wait", refresh_wait, METH_VARARGS, "refresh_wait($self, ticket, timeout, /)\n--\n\n"},
    {"keys", held_keys, METH_NOARGS, "keys($self, /)\n--\n\n"},
    {"stats", stats, METH_NOARGS, "stats($self, /)\n--\n\n"},
    {"close", close_verifier, METH_NOARGS, "close($self, /)\n--\n\n"},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {{Py_tp_doc, "The core's verifier. Private: use fastbearer.Verifier."},
                              {Py_tp_new, new},
                              {Py_tp_dealloc, dealloc},
                              {Py_tp_methods, methods},
                              {0, NULL}};

PyType_Spec fbpy_verifier_spec = {
    .name = "fastbearer._native.Verifier",
    .basicsize = sizeof(verifier),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
