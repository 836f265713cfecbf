/*
 * The keyword arguments of the native Verifier, put into fb_options: one table. Nothing is defaulted or checked here:
 * an absent option stays as FB_OPTIONS_INIT has it, and the core refuses a wrong one.
 */
#include "convert.h"

#include <string.h>

enum kind { TEXT, LIST, REAL, SIZE, FLAG };

#define OPTION(name, kind) {#name, kind, offsetof(fb_options, name)}
static const struct option {
    const char *name;
    enum kind kind;
    size_t offset;
} options_table[] = {
    OPTION(ca_path, TEXT),
    OPTION(allow_short_secret, FLAG),
    /* clang-format off: <generated from _options.OPTIONS by tools/generate/python_options.py> */
    OPTION(public_key, TEXT),
    OPTION(jwks, TEXT),
    OPTION(jwks_uri, TEXT),
    OPTION(secret, TEXT),
    OPTION(algorithms, LIST),
    OPTION(issuers, LIST),
    OPTION(audiences, LIST),
    OPTION(required_scopes, LIST),
    OPTION(leeway, REAL),
    OPTION(require_exp, FLAG),
    OPTION(required_claims, LIST),
    OPTION(token_type, TEXT),
    OPTION(scope_claims, LIST),
    OPTION(client_id_claims, LIST),
    OPTION(max_token_bytes, SIZE),
    OPTION(cache_size, SIZE),
    OPTION(cache_bytes, SIZE),
    OPTION(arithmetic, TEXT),
    OPTION(fetch_timeout, REAL),
    OPTION(refresh_interval, REAL),
    OPTION(stale_if_error, REAL),
    OPTION(max_jwks_bytes, SIZE),
    OPTION(ca_file, TEXT),
    OPTION(allow_http, FLAG),
    OPTION(ssrf_safe, FLAG),
    OPTION(trust_env, FLAG),
    /* clang-format on: </generated> */
};
enum { OPTIONS = sizeof(options_table) / sizeof(options_table[0]) };
_Static_assert((int)OPTIONS <= (int)FBPY_MAX_OPTIONS, "fbpy_options has room for each option once");

static bool read_value(fbpy_options *reading, size_t index, PyObject *value)
{
    const struct option *option = &options_table[index];
    void *field = (char *)&reading->options + option->offset;
    switch (option->kind) {
    case TEXT:
        return fbpy_slice(value, option->name, field);
    case LIST:
        return fbpy_list(value, option->name, field, &reading->lists[index]);
    case REAL:
        *(double *)field = PyFloat_AsDouble(value);
        break;
    case SIZE:
        *(size_t *)field = PyLong_AsSize_t(value);
        break;
    case FLAG: {
        int flag = PyObject_IsTrue(value);
        *(bool *)field = flag == 1;
        break;
    }
    }
    return PyErr_Occurred() == NULL;
}

/* Keywords of a subclass of str may be different keys of the dict and equal as text. */
static bool read_once(fbpy_options *reading, size_t index, PyObject *value)
{
    uint64_t bit = (uint64_t)1 << index;
    if ((reading->given & bit) != 0) {
        PyErr_Format(PyExc_TypeError, "%s was given twice", options_table[index].name);
        return false;
    }
    reading->given |= bit;
    return read_value(reading, index, value);
}

static bool read_option(fbpy_options *reading, PyObject *name, PyObject *value)
{
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
    if (text == NULL) {
        return false;
    }
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(text, options_table[i].name) == 0) {
            return read_once(reading, i, value);
        }
    }
    if (strcmp(text, "keys_of") == 0) {
        return true; /* verifier.c reads it */
    }
    PyErr_Format(PyExc_TypeError, "no such option: %U", name);
    return false;
}

bool fbpy_options_read(fbpy_options *reading, PyObject *keywords)
{
    PyObject *name = NULL, *value = NULL;
    Py_ssize_t position = 0;
    while (keywords != NULL && PyDict_Next(keywords, &position, &name, &value)) {
        if (!read_option(reading, name, value)) {
            return false;
        }
    }
    return true;
}

void fbpy_options_release(fbpy_options *reading)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        PyMem_Free(reading->lists[i]);
    }
}
