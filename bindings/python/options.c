/*
 * The keyword arguments of the native Verifier, put into fb_options, its fb_dpop, and the fb_issuer of each of its
 * issuers: one table. Nothing is defaulted or checked here: an absent option stays as the FB_..._INIT of its struct has
 * it, and the core refuses a wrong one.
 */
#include "convert.h"

#include <string.h>

enum kind { TEXT, LIST, REAL, SIZE, FLAG, CLAIMS, RULES, PROOFS };

/* Whose member an option is: fb_issuer's, fb_options' or fb_dpop's. */
enum owner { ISSUERS, VERIFIERS, DPOPS };

/* The number beside CLAIMS and RULES is the member of the same name with its count behind it. */
#define OF_ISSUER(name, kind, count) {#name, ISSUERS, kind, offsetof(fb_issuer, name), count}
#define OF_VERIFIER(name, kind, count) {#name, VERIFIERS, kind, offsetof(fb_options, name), count}
#define DPOP(name, kind) {#name, DPOPS, kind, offsetof(fb_dpop, name), 0}
#define ISSUER_COUNT_required_claims offsetof(fb_issuer, required_claim_count)
#define VERIFIER_COUNT_required_claims offsetof(fb_options, required_claim_count)
#define VERIFIER_COUNT_scope_hierarchy offsetof(fb_options, scope_rule_count)
#define ISSUER(name, kind) OF_ISSUER(name, kind, 0)
#define VERIFIER(name, kind) OF_VERIFIER(name, kind, 0)
#define ISSUER_COUNTED(name, kind) OF_ISSUER(name, kind, ISSUER_COUNT_##name)
#define VERIFIER_COUNTED(name, kind) OF_VERIFIER(name, kind, VERIFIER_COUNT_##name)
static const struct option {
    const char *name;
    enum owner owner;
    enum kind kind;
    size_t offset;
    size_t count_offset; /* of CLAIMS and RULES */
} options_table[] = {
    VERIFIER(resolves_issuers, FLAG),
    ISSUER(introspection, TEXT),
    ISSUER(introspection_audience, TEXT),
    ISSUER(ca_path, TEXT),
    ISSUER(allow_short_secret, FLAG),
    DPOP(max_age, REAL),
    DPOP(required, FLAG),
    DPOP(algorithms, LIST),
    DPOP(nonce_secret, TEXT),
    DPOP(replay_capacity, SIZE),
    DPOP(replay_by_host, FLAG),
    /* clang-format off: <generated from _options.OPTIONS by tools/generate/python_options.py> */
    ISSUER(identifiers, LIST),
    ISSUER(public_key, TEXT),
    ISSUER(jwks, TEXT),
    ISSUER(jwks_uri, TEXT),
    ISSUER(secret, TEXT),
    ISSUER(algorithms, LIST),
    ISSUER(audiences, LIST),
    ISSUER_COUNTED(required_claims, CLAIMS),
    ISSUER(token_type, TEXT),
    ISSUER(scope_claims, LIST),
    ISSUER(client_id_claims, LIST),
    ISSUER(fetch_timeout, REAL),
    ISSUER(refresh_interval, REAL),
    ISSUER(stale_if_error, REAL),
    ISSUER(max_jwks_bytes, SIZE),
    ISSUER(ca_file, TEXT),
    ISSUER(allow_http, FLAG),
    ISSUER(ssrf_safe, FLAG),
    ISSUER(headers, LIST),
    ISSUER(trust_env, FLAG),
    VERIFIER(max_issuers, SIZE),
    VERIFIER(audiences, LIST),
    VERIFIER(required_scopes, LIST),
    VERIFIER_COUNTED(scope_hierarchy, RULES),
    VERIFIER(leeway, REAL),
    VERIFIER(clock_skew, REAL),
    VERIFIER(require_exp, FLAG),
    VERIFIER_COUNTED(required_claims, CLAIMS),
    VERIFIER(token_type, TEXT),
    VERIFIER(scope_claims, LIST),
    VERIFIER(merge_scope_claims, FLAG),
    VERIFIER(client_id_claims, LIST),
    VERIFIER(sender_constrained, TEXT),
    VERIFIER(dpop, PROOFS),
    VERIFIER(max_token_bytes, SIZE),
    VERIFIER(cache_size, SIZE),
    VERIFIER(cache_bytes, SIZE),
    VERIFIER(arithmetic, TEXT),
    /* clang-format on: </generated> */
};
enum { OPTIONS = sizeof(options_table) / sizeof(options_table[0]) };
_Static_assert((int)OPTIONS <= 64, "a bit for each option");

/* Where the values of one struct go, and which rows of the table it has been given. */
struct target {
    fbpy_options *options;
    enum owner owner;
    char *fields;
    uint64_t given; /* bit i: row i of the table */
};

/* ---- memory that the structs point into ----------------------------------------------------------------------------
 */

struct fbpy_held {
    struct fbpy_held *next;
    void *memory;
};

/* memory is freed with the options, or now when that cannot be noted. NULL: an exception is set. */
static void *hold(fbpy_options *options, void *memory)
{
    struct fbpy_held *held = memory == NULL ? NULL : PyMem_Malloc(sizeof(*held));
    if (held == NULL) {
        PyMem_Free(memory);
        return PyErr_Occurred() ? NULL : (void *)PyErr_NoMemory();
    }
    *held = (struct fbpy_held){options->held, memory};
    options->held = held;
    return memory;
}

/* Room for one more than count, so that what is given and empty is not NULL. */
static void *room(fbpy_options *options, Py_ssize_t count, size_t size)
{
    return hold(options, PyMem_Calloc((size_t)count + 1, size));
}

void fbpy_options_release(fbpy_options *options)
{
    while (options->held != NULL) {
        struct fbpy_held *held = options->held;
        options->held = held->next;
        PyMem_Free(held->memory);
        PyMem_Free(held);
    }
}

/* ---- values --------------------------------------------------------------------------------------------------------
 */

static bool read_list(fbpy_options *options, PyObject *value, const char *name, fb_list *out)
{
    fb_slice *items = NULL;
    return fbpy_list(value, name, out, &items) && (items == NULL || hold(options, items) != NULL);
}

/* One of a tuple of (text, tuple of texts or None). The two structs that are made of it begin alike. */
static bool read_pair(fbpy_options *options, PyObject *pair, const char *name, fb_slice *text, fb_list *list)
{
    if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
        PyErr_Format(PyExc_TypeError, "%s must be a tuple of pairs", name);
        return false;
    }
    return fbpy_slice(PyTuple_GetItem(pair, 0), name, text) && read_list(options, PyTuple_GetItem(pair, 1), name, list);
}

static bool read_pairs(struct target *target, const struct option *option, PyObject *value)
{
    if (value == Py_None) {
        return true;
    }
    if (!PyTuple_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a tuple of pairs or None", option->name);
        return false;
    }
    Py_ssize_t count = PyTuple_Size(value);
    bool done = true;
    if (option->kind == CLAIMS) {
        fb_required_claim *claims = room(target->options, count, sizeof(*claims));
        *(const fb_required_claim **)(void *)(target->fields + option->offset) = claims;
        done = claims != NULL;
        for (Py_ssize_t i = 0; done && i < count; i++) {
            done = read_pair(target->options, PyTuple_GetItem(value, i), option->name, &claims[i].claim,
                             &claims[i].values);
        }
    } else {
        fb_scope_rule *rules = room(target->options, count, sizeof(*rules));
        *(const fb_scope_rule **)(void *)(target->fields + option->offset) = rules;
        done = rules != NULL;
        for (Py_ssize_t i = 0; done && i < count; i++) {
            done =
                read_pair(target->options, PyTuple_GetItem(value, i), option->name, &rules[i].scope, &rules[i].implied);
        }
    }
    *(size_t *)(void *)(target->fields + option->count_offset) = (size_t)count;
    return done;
}

static bool read_dpop(fbpy_options *options, const fb_dpop **out, PyObject *values);

static bool read_value(struct target *target, const struct option *option, PyObject *value)
{
    void *field = target->fields + option->offset;
    switch (option->kind) {
    case TEXT:
        return fbpy_slice(value, option->name, field);
    case LIST:
        return read_list(target->options, value, option->name, field);
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
    case CLAIMS:
    case RULES:
        return read_pairs(target, option, value);
    case PROOFS:
        return read_dpop(target->options, field, value);
    }
    return PyErr_Occurred() == NULL;
}

/* ---- names ---------------------------------------------------------------------------------------------------------
 */

/* Keywords of a subclass of str may be different keys of the dict and equal as text. */
static bool read_once(struct target *target, size_t index, PyObject *value)
{
    uint64_t bit = (uint64_t)1 << index;
    if ((target->given & bit) != 0) {
        PyErr_Format(PyExc_TypeError, "%s was given twice", options_table[index].name);
        return false;
    }
    target->given |= bit;
    return read_value(target, &options_table[index], value);
}

static bool read_issuers(fbpy_options *options, PyObject *issuers);

static bool read_option(struct target *target, PyObject *name, PyObject *value)
{
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
    if (text == NULL) {
        return false;
    }
    const bool of_verifier = target->owner == VERIFIERS;
    if (of_verifier && strcmp(text, "required_scopes") == 0) {
        target->options->required_scopes = value;
    }
    for (size_t i = 0; i < OPTIONS; i++) {
        if (options_table[i].owner == target->owner && strcmp(text, options_table[i].name) == 0) {
            return read_once(target, i, value);
        }
    }
    if (of_verifier && strcmp(text, "issuers") == 0) {
        return read_issuers(target->options, value);
    }
    if (of_verifier && strcmp(text, "keys_of") == 0) {
        target->options->keys_of = value;
        return true;
    }
    if (of_verifier && strcmp(text, "revocations") == 0) {
        target->options->revocations = value == Py_None ? NULL : value;
        return true;
    }
    PyErr_Format(PyExc_TypeError, "no such option: %U", name);
    return false;
}

static bool read_all(struct target *target, PyObject *values)
{
    PyObject *name = NULL, *value = NULL;
    Py_ssize_t position = 0;
    while (values != NULL && PyDict_Next(values, &position, &name, &value)) {
        if (!read_option(target, name, value)) {
            return false;
        }
    }
    return true;
}

bool fbpy_issuer_read(fbpy_options *options, fb_issuer *issuer, PyObject *values)
{
    *issuer = (fb_issuer)FB_ISSUER_INIT;
    if (!PyDict_Check(values)) {
        PyErr_SetString(PyExc_TypeError, "an issuer must be a dict");
        return false;
    }
    struct target target = {options, ISSUERS, (char *)issuer, 0};
    return read_all(&target, values);
}

static bool read_dpop(fbpy_options *options, const fb_dpop **out, PyObject *values)
{
    if (values == Py_None) {
        return true;
    }
    if (!PyDict_Check(values)) {
        PyErr_SetString(PyExc_TypeError, "dpop must be a dict or None");
        return false;
    }
    fb_dpop *dpop = room(options, 1, sizeof(*dpop));
    *out = dpop;
    if (dpop == NULL) {
        return false;
    }
    *dpop = (fb_dpop)FB_DPOP_INIT;
    struct target target = {options, DPOPS, (char *)dpop, 0};
    return read_all(&target, values);
}

static bool read_issuers(fbpy_options *options, PyObject *issuers)
{
    if (!PyTuple_Check(issuers)) {
        PyErr_SetString(PyExc_TypeError, "issuers must be a tuple of dicts");
        return false;
    }
    Py_ssize_t count = PyTuple_Size(issuers);
    fb_issuer *items = room(options, count, sizeof(*items));
    options->options.issuers = items;
    options->options.issuer_count = (size_t)count;
    bool done = items != NULL;
    for (Py_ssize_t i = 0; done && i < count; i++) {
        done = fbpy_issuer_read(options, &items[i], PyTuple_GetItem(issuers, i));
    }
    return done;
}

bool fbpy_options_read(fbpy_options *options, PyObject *keywords)
{
    struct target target = {options, VERIFIERS, (char *)&options->options, 0};
    return read_all(&target, keywords);
}
