/* Verifier: the state of its issuers. */
#include "verifier.h"

/* {code: count} */
static PyObject *reasons(const fb_issuer_info *issuer)
{
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && i < issuer->reason_count; i++) {
        PyObject *count = PyLong_FromUnsignedLongLong(issuer->reasons[i].count);
        if (count == NULL || PyDict_SetItemString(dict, fb_status_name(issuer->reasons[i].status), count) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(count);
    }
    return dict;
}

/* Never None. */
static PyObject *sentence(fb_slice text)
{
    return fbpy_text(text.data == NULL ? fb_text("") : text);
}

/* Takes over value; false when it is NULL or cannot be set. */
static bool set(PyObject *dict, const char *name, PyObject *value)
{
    const bool done = value != NULL && PyDict_SetItemString(dict, name, value) == 0;
    Py_XDECREF(value);
    return done;
}

static bool set_counters(PyObject *dict, const fb_issuer_info *issuer)
{
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"number", issuer->number},
        {"verified", issuer->verified},
        {"rejected", issuer->rejected},
        {"fetches", issuer->fetches},
        {"fetch_failures", issuer->fetch_failures},
        {"imports", issuer->imports},
        {"generation", issuer->generation},
    };
    bool done = true;
    for (size_t i = 0; done && i < sizeof(counters) / sizeof(counters[0]); i++) {
        done = set(dict, counters[i].name, PyLong_FromUnsignedLongLong(counters[i].value));
    }
    return done;
}

static PyObject *describe(const fb_issuer_info *issuer)
{
    PyObject *dict = PyDict_New();
    const bool done =
        dict != NULL && set_counters(dict, issuer) && set(dict, "issuer", fbpy_text(issuer->identifier)) &&
        set(dict, "jwks_uri", fbpy_text(issuer->jwks_uri)) && set(dict, "source", fbpy_text(issuer->source)) &&
        set(dict, "introspection", fbpy_text(issuer->introspection)) &&
        set(dict, "fetched", PyBool_FromLong(issuer->fetched)) && set(dict, "added", PyBool_FromLong(issuer->added)) &&
        set(dict, "reasons", reasons(issuer)) && set(dict, "keys_held", PyBool_FromLong(issuer->keys_held)) &&
        set(dict, "keys_fresh", PyBool_FromLong(issuer->keys_fresh)) &&
        set(dict, "retry_after", PyFloat_FromDouble(issuer->retry_after)) &&
        set(dict, "unknown_kid_retry_after", PyFloat_FromDouble(issuer->unknown_kid_retry_after)) &&
        set(dict, "fetch_seconds", PyFloat_FromDouble(issuer->fetch_seconds)) &&
        set(dict, "key_age", PyFloat_FromDouble(issuer->key_age)) &&
        set(dict, "fresh_for", PyFloat_FromDouble(issuer->fresh_for)) &&
        set(dict, "last_error", sentence(issuer->last_error)) &&
        set(dict, "health", PyUnicode_FromString(fb_health_name(issuer->health))) &&
        set(dict, "problem", sentence(issuer->problem));
    if (!done) {
        Py_CLEAR(dict);
    }
    return dict;
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

static PyObject *list_of(const fb_issuers *issuers)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < fb_issuers_count(issuers); i++) {
        PyObject *state = describe(fb_issuers_at(issuers, i));
        if (state == NULL || PyList_Append(list, state) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(state);
    }
    return list;
}

PyObject *fbpy_issuers(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    fb_issuers *issuers = issuers_of((fbpy_verifier *)self);
    PyObject *list = issuers == NULL ? NULL : list_of(issuers);
    fb_issuers_free(issuers);
    return list;
}

/* (name, issuers): of the verifier as a whole, and what it is made of at that moment. */
PyObject *fbpy_health(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    fb_issuers *issuers = issuers_of((fbpy_verifier *)self);
    PyObject *health =
        issuers == NULL ? NULL : Py_BuildValue("(sN)", fb_health_name(fb_issuers_health(issuers)), list_of(issuers));
    fb_issuers_free(issuers);
    return health;
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
