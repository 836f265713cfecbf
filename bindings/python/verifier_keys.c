/*
 * Verifier, what concerns its key set: fetching, the keys that are held, and the counters. The decision to fetch is the
 * core's, fetching is fastbearer._key_source's.
 */
#include "verifier.h"

/* ---- fetching ---------------------------------------------------------------------------------------------------- */

/* The number of the token's issuer when its keys are worth a fetch in the background, otherwise 0. */
PyObject *fbpy_refresh_due(PyObject *object, PyObject *access)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    if (!fbpy_verifier_acquire(self)) {
        return NULL;
    }
    uint64_t issuer = fbpy_access_token_issuer(self->state, access);
    bool due = issuer != 0 && fb_verifier_refresh_due(self->handle, issuer, fb_clock_now().monotonic_seconds);
    fbpy_verifier_release(self);
    return PyLong_FromUnsignedLongLong(due ? issuer : 0);
}

/* (decision, ticket, url, etag, headers, timeout); url and etag are None unless the caller is to fetch. */
static PyObject *describe_fetch(const fb_fetch *fetch)
{
    const bool now = fetch->decision == FB_FETCH_NOW;
    const fb_slice none = {NULL, 0};
    const fb_list no_headers = {NULL, 0};
    return Py_BuildValue("(iKNNNd)", (int)fetch->decision, (unsigned long long)fetch->ticket,
                         fbpy_text(now ? fetch->url : none), fbpy_text(now ? fb_text(fetch->etag) : none),
                         fbpy_texts(now ? fetch->headers : no_headers), fetch->timeout);
}

/* background: the library fetches, with libcurl; otherwise the caller does. */
static PyObject *begin(fbpy_verifier *self, PyObject *arguments, bool background)
{
    int reason = 0;
    unsigned long long issuer = 0, request = 0;
    if (!PyArg_ParseTuple(arguments, "KiK", &issuer, &reason, &request) || !fbpy_verifier_acquire(self)) {
        return NULL;
    }
    fb_fetch fetch = FB_FETCH_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    if (background) {
        FBPY_WITHOUT_GIL(true, status = fb_verifier_refresh_start(self->handle, issuer, (fb_refresh_reason)reason,
                                                                  request, &fetch, &error));
    } else {
        status = fb_verifier_refresh_begin(self->handle, issuer, fb_clock_now().monotonic_seconds,
                                           (fb_refresh_reason)reason, request, &fetch, &error);
    }
    PyObject *fields = status == FB_OK ? describe_fetch(&fetch) : fbpy_raise(self->state, &error, NULL);
    fbpy_verifier_release(self);
    return fields;
}

PyObject *fbpy_refresh_begin(PyObject *self, PyObject *arguments)
{
    return begin((fbpy_verifier *)self, arguments, false);
}

PyObject *fbpy_refresh_start(PyObject *self, PyObject *arguments)
{
    return begin((fbpy_verifier *)self, arguments, true);
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
        PyObject *name = PyUnicode_FromString(fields[i].name);
        PyObject *value = name == NULL ? NULL : PyDict_GetItemWithError(headers, name);
        Py_XDECREF(name);
        if (value == NULL ? PyErr_Occurred() != NULL : !fbpy_slice(value, fields[i].name, fields[i].value)) {
            return false;
        }
    }
    return true;
}

/* None, or the next fetch of the same flight. */
PyObject *fbpy_refresh_complete(PyObject *object, PyObject *arguments)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    unsigned long long issuer = 0, ticket = 0;
    fb_fetched fetched = FB_FETCHED_INIT;
    PyObject *failure = NULL, *body = NULL, *headers = NULL;
    if (!PyArg_ParseTuple(arguments, "KKOiOO!:refresh_complete", &issuer, &ticket, &failure, &fetched.http_status,
                          &body, &PyDict_Type, &headers) ||
        !fbpy_slice(failure, "failure", &fetched.failure) || !fbpy_slice(body, "body", &fetched.body) ||
        !read_headers(headers, &fetched) || !fbpy_verifier_acquire(self)) {
        return NULL;
    }
    fb_error error = FB_ERROR_INIT;
    fb_fetch next = FB_FETCH_INIT;
    fb_status status;
    double now = fb_clock_now().monotonic_seconds;
    FBPY_WITHOUT_GIL(true,
                     status = fb_verifier_refresh_complete(self->handle, issuer, ticket, now, &fetched, &next, &error));
    PyObject *answer = NULL;
    if (status != FB_OK) {
        (void)fbpy_raise(self->state, &error, NULL);
    } else if (next.decision == FB_FETCH_NOW) {
        answer = describe_fetch(&next);
    } else {
        answer = Py_NewRef(Py_None);
    }
    fbpy_verifier_release(self); /* not before: the texts of next are its */
    return answer;
}

/* The fetch had no outcome, and that is nobody's failure. */
PyObject *fbpy_refresh_abandon(PyObject *object, PyObject *arguments)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    unsigned long long issuer = 0, ticket = 0;
    if (!PyArg_ParseTuple(arguments, "KK:refresh_abandon", &issuer, &ticket) || !fbpy_verifier_acquire(self)) {
        return NULL;
    }
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_fetch next = FB_FETCH_INIT;
    fb_error error = FB_ERROR_INIT;
    fetched.abandoned = true;
    /* Whatever it says, "keys unavailable" or "no such ticket", the fetch is over. */
    fb_status status = fb_verifier_refresh_complete(self->handle, issuer, ticket, fb_clock_now().monotonic_seconds,
                                                    &fetched, &next, &error);
    (void)status;
    fbpy_verifier_release(self);
    Py_RETURN_NONE;
}

PyObject *fbpy_refresh_wait(PyObject *object, PyObject *arguments)
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    unsigned long long issuer = 0, ticket = 0;
    double timeout = 0.0;
    if (!PyArg_ParseTuple(arguments, "KKd:refresh_wait", &issuer, &ticket, &timeout) || !fbpy_verifier_acquire(self)) {
        return NULL;
    }
    bool ended;
    FBPY_WITHOUT_GIL(true, ended = fb_verifier_refresh_wait(self->handle, issuer, ticket, timeout));
    fbpy_verifier_release(self);
    return PyBool_FromLong(ended);
}

/* ---- keys and counters ------------------------------------------------------------------------------------------- */

/* None for a static key, which came with the options. */
static PyObject *moment(double unix_seconds, bool fetched)
{
    return fetched ? PyFloat_FromDouble(unix_seconds) : Py_NewRef(Py_None);
}

static PyObject *describe_keys(const fb_keys *keys)
{
    PyObject *list = PyList_New(0);
    size_t count = fb_keys_count(keys);
    for (size_t i = 0; list != NULL && i < count; i++) {
        const fb_key_info *key = fb_keys_at(keys, i);
        const bool fetched = key->fetched_at != 0.0;
        PyObject *row = Py_BuildValue("(NNNNNNNinNNN)", fbpy_text(key->kid), fbpy_text(key->kty), fbpy_text(key->alg),
                                      fbpy_text(key->crv), PyBool_FromLong(key->usable), fbpy_text(key->problem),
                                      fbpy_text(key->arithmetic), key->bits, (Py_ssize_t)key->table_bytes,
                                      fbpy_text(key->identifier), moment(key->fetched_at, fetched),
                                      moment(key->fresh_until, fetched));
        if (row == NULL || PyList_Append(list, row) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(row);
    }
    return list;
}

PyObject *fbpy_held_keys(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    if (!fbpy_verifier_acquire(self)) {
        return NULL;
    }
    fb_error error = FB_ERROR_INIT;
    fb_keys *keys = NULL;
    fb_status status = fb_verifier_keys(self->handle, fb_clock_now(), &keys, &error);
    PyObject *list = status == FB_OK ? describe_keys(keys) : fbpy_raise(self->state, &error, NULL);
    fb_keys_free(keys);
    fbpy_verifier_release(self);
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

PyObject *fbpy_stats(PyObject *object, PyObject *Py_UNUSED(ignored))
{
    fbpy_verifier *self = (fbpy_verifier *)object;
    if (!fbpy_verifier_acquire(self)) {
        return NULL;
    }
    fb_stats s = FB_STATS_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status = fb_verifier_stats(self->handle, fb_clock_now().monotonic_seconds, &s, &error);
    fbpy_verifier_release(self);
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
        {"issuer_evictions", s.issuer_evictions},
        {"unknown_issuers", s.unknown_issuers},
        {"replay_entries", s.replay_entries},
        {"replay_evictions", s.replay_evictions},
        {"proof_keys", s.proof_keys},
        {"imports", s.imports},
        {"introspections", s.introspections},
    };
    PyObject *dict = Py_BuildValue("{sNsNsNsdsdsdsdss}", "reasons", reasons(&s), "keys_held",
                                   PyBool_FromLong(s.keys_held), "keys_fresh", PyBool_FromLong(s.keys_fresh),
                                   "retry_after", s.retry_after, "unknown_kid_retry_after", s.unknown_kid_retry_after,
                                   "fetch_seconds", s.fetch_seconds, "key_age", s.key_age, "last_error", s.last_error);
    for (size_t i = 0; dict != NULL && i < sizeof(counters) / sizeof(counters[0]); i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(counters[i].value);
        if (value == NULL || PyDict_SetItemString(dict, counters[i].name, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
    }
    return dict;
}
