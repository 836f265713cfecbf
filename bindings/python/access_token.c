/*
 * AccessToken: the contents of a verified token. Immutable. It keeps the core's result and makes each Python value when
 * it is first asked for, so that a server that reads the scopes pays for the scopes only. Values belong to this object:
 * no two tokens share a list or a dict, even when both came from the cache.
 */
#include "convert.h"

#include <string.h>

enum field { TOKEN, CLIENT_ID, SCOPES, EXPIRES_AT, SUBJECT, RESOURCE, CLAIMS, ISSUER, CONFIRMATION, FIELDS };

typedef struct access_token {
    PyObject_HEAD fbpy_state *state;
    fb_result *result; /* NULL when all values are set */
    PyObject *values[FIELDS];
} access_token;

PyObject *fbpy_access_token_new(fbpy_state *state, fb_result *result, PyObject *token)
{
    PyTypeObject *type = state->access_token_type;
    if (type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is shutting down");
    }
    access_token *self = type == NULL ? NULL : PyObject_GC_New(access_token, type);
    if (self == NULL) {
        fb_result_free(result);
        return NULL;
    }
    self->state = state;
    self->result = result;
    memset(self->values, 0, sizeof(self->values));
    Py_INCREF(token);
    self->values[TOKEN] = token;
    PyObject_GC_Track((PyObject *)self);
    return (PyObject *)self;
}

const fb_result *fbpy_access_token_result(fbpy_state *state, PyObject *access)
{
    return Py_TYPE(access) == state->access_token_type ? ((const access_token *)access)->result : NULL;
}

uint64_t fbpy_access_token_issuer(fbpy_state *state, PyObject *access)
{
    const fb_result *result = fbpy_access_token_result(state, access);
    return result == NULL ? 0 : fb_result_issuer_number(result);
}

static PyObject *make(const access_token *self, enum field field)
{
    const fb_result *result = self->result;
    int64_t seconds = 0;
    switch (field) {
    case CLIENT_ID:
        return fbpy_text(fb_result_client_id(result));
    case SCOPES:
        return fbpy_texts(fb_result_scopes(result));
    case EXPIRES_AT:
        if (fb_result_expires_at(result, &seconds)) {
            return PyLong_FromLongLong(seconds);
        }
        Py_INCREF(Py_None);
        return Py_None;
    case SUBJECT:
        return fbpy_text(fb_result_subject(result));
    case RESOURCE:
        return fbpy_text(fb_result_resource(result));
    case CLAIMS:
        return fbpy_claims(self->state, result);
    case ISSUER:
        return fbpy_text(fb_result_issuer(result));
    case CONFIRMATION:
        return fbpy_claim(self->state, result, "cnf");
    default:
        PyErr_SetString(PyExc_SystemError, "no such field");
        return NULL;
    }
}

/* A new reference to a field's value. */
static PyObject *get(PyObject *object, enum field field)
{
    access_token *self = (access_token *)object;
    PyObject *value = NULL;
#ifdef Py_GIL_DISABLED
    Py_BEGIN_CRITICAL_SECTION(object);
#endif
    value = self->values[field] == NULL ? make(self, field) : Py_NewRef(self->values[field]);
    if (value != NULL && self->values[field] == NULL) {
        self->values[field] = Py_NewRef(value);
    } else if (value != NULL && value != self->values[field]) {
        /* Making it ran a finalizer that asked for the same field: what that one was given stays. */
        Py_DECREF(value);
        value = Py_NewRef(self->values[field]);
    }
#ifdef Py_GIL_DISABLED
    Py_END_CRITICAL_SECTION();
#endif
    return value;
}

static PyObject *get_field(PyObject *self, void *field)
{
    return get(self, (enum field)(intptr_t)field);
}

/* A tuple of all values, in the order of the constructor's parameters. */
static PyObject *as_tuple(PyObject *self)
{
    PyObject *tuple = PyTuple_New(FIELDS);
    for (int i = 0; tuple != NULL && i < FIELDS; i++) {
        PyObject *value = get(self, (enum field)i);
        if (value == NULL || PyTuple_SetItem(tuple, i, value) < 0) {
            Py_CLEAR(tuple);
        }
    }
    return tuple;
}

static PyObject *given_or_default(PyObject *given, enum field field)
{
    if (given == NULL && field == SCOPES) {
        return PyList_New(0);
    }
    if (given == NULL && field == CLAIMS) {
        return PyDict_New();
    }
    PyObject *value = given == NULL ? Py_None : given;
    Py_INCREF(value);
    return value;
}

/* For tests of other people's code, and for pickle. */
static PyObject *new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"token",    "client_id", "scopes", "expires_at",   "subject",
                            "resource", "claims",    "issuer", "confirmation", NULL};
    PyObject *given[FIELDS] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "UU|OOOOOOO:AccessToken", names, &given[TOKEN],
                                     &given[CLIENT_ID], &given[SCOPES], &given[EXPIRES_AT], &given[SUBJECT],
                                     &given[RESOURCE], &given[CLAIMS], &given[ISSUER], &given[CONFIRMATION])) {
        return NULL;
    }
    fbpy_state *state = fbpy_state_of(type);
    access_token *self = state == NULL ? NULL : PyObject_GC_New(access_token, type);
    if (self == NULL) {
        return NULL;
    }
    self->state = state;
    self->result = NULL;
    for (int i = 0; i < FIELDS; i++) {
        self->values[i] = NULL;
    }
    for (int i = 0; i < FIELDS; i++) {
        self->values[i] = given_or_default(given[i], (enum field)i);
        if (self->values[i] == NULL) {
            Py_DECREF(self);
            return NULL;
        }
    }
    PyObject_GC_Track((PyObject *)self);
    return (PyObject *)self;
}

static PyObject *reduce(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *values = as_tuple(self);
    return values == NULL ? NULL : Py_BuildValue("(ON)", (PyObject *)Py_TYPE(self), values);
}

/* None without exp, and for a time that datetime cannot express. */
static PyObject *expires_at_datetime(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *seconds = get(self, EXPIRES_AT);
    if (seconds == NULL || seconds == Py_None) {
        return seconds;
    }
    PyObject *module = PyImport_ImportModule("datetime");
    PyObject *datetime = module == NULL ? NULL : PyObject_GetAttrString(module, "datetime");
    PyObject *zone = datetime == NULL ? NULL : PyObject_GetAttrString(module, "timezone");
    PyObject *utc = zone == NULL ? NULL : PyObject_GetAttrString(zone, "utc");
    PyObject *value = utc == NULL ? NULL : PyObject_CallMethod(datetime, "fromtimestamp", "OO", seconds, utc);
    if (value == NULL && (PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_OverflowError) ||
                          PyErr_ExceptionMatches(PyExc_OSError))) {
        PyErr_Clear();
        Py_INCREF(Py_None);
        value = Py_None;
    }
    Py_XDECREF(utc);
    Py_XDECREF(zone);
    Py_XDECREF(datetime);
    Py_XDECREF(module);
    Py_DECREF(seconds);
    return value;
}

static PyObject *compare(PyObject *left, PyObject *right, int operation)
{
    if ((operation != Py_EQ && operation != Py_NE) || Py_TYPE(left) != Py_TYPE(right)) {
        Py_INCREF(Py_NotImplemented);
        return Py_NotImplemented;
    }
    PyObject *a = as_tuple(left);
    PyObject *b = a == NULL ? NULL : as_tuple(right);
    PyObject *answer = b == NULL ? NULL : PyObject_RichCompare(a, b, operation);
    Py_XDECREF(b);
    Py_XDECREF(a);
    return answer;
}

/* Without the token, which is a credential, and without the claims, which are people's data. */
static PyObject *repr(PyObject *self)
{
    static const enum field shown[] = {ISSUER, CLIENT_ID, SCOPES, EXPIRES_AT, SUBJECT, RESOURCE};
    enum { SHOWN = sizeof(shown) / sizeof(shown[0]) };
    PyObject *values[SHOWN] = {NULL};
    PyObject *text = NULL;
    for (int i = 0; i < SHOWN; i++) {
        values[i] = get(self, shown[i]);
        if (values[i] == NULL) {
            goto done;
        }
    }
    text =
        PyUnicode_FromFormat("AccessToken(issuer=%R, client_id=%R, scopes=%R, expires_at=%R, subject=%R, resource=%R)",
                             values[0], values[1], values[2], values[3], values[4], values[5]);
done:
    for (int i = 0; i < SHOWN; i++) {
        Py_XDECREF(values[i]);
    }
    return text;
}

/* With the hierarchy of the verifier; without one for what a test has constructed. */
static PyObject *has_scope(PyObject *self, PyObject *scope)
{
    const fb_result *result = ((access_token *)self)->result;
    fb_slice name;
    if (!PyUnicode_Check(scope)) {
        PyErr_Format(PyExc_TypeError, "scope must be str, not %R", (PyObject *)Py_TYPE(scope));
        return NULL;
    }
    if (result != NULL) {
        return fbpy_slice(scope, "scope", &name) ? PyBool_FromLong(fb_result_has_scope(result, name)) : NULL;
    }
    PyObject *scopes = get(self, SCOPES);
    int found = scopes == NULL ? -1 : PySequence_Contains(scopes, scope);
    Py_XDECREF(scopes);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

/* The claims, in the eyes of a type checker as what kind says. */
static PyObject *claims_as(PyObject *self, PyObject *kind)
{
    if (!PyType_Check(kind)) {
        PyErr_Format(PyExc_TypeError, "kind must be a class, not %R", (PyObject *)Py_TYPE(kind));
        return NULL;
    }
    return get(self, CLAIMS);
}

/* As in fb_issuer_info.number, for the refusals of adapters; 0 for what a test has constructed. */
static PyObject *issuer_number(PyObject *self, void *Py_UNUSED(closure))
{
    const access_token *token = (const access_token *)self;
    return PyLong_FromUnsignedLongLong(fbpy_access_token_issuer(token->state, self));
}

/* Of the token's header; for the refusals of adapters. None for what a test has constructed. */
static PyObject *kid(PyObject *self, void *Py_UNUSED(closure))
{
    const fb_result *result = ((access_token *)self)->result;
    return fbpy_text(result == NULL ? (fb_slice){NULL, 0} : fb_result_kid(result));
}

static int traverse(PyObject *object, visitproc visit, void *arg)
{
    access_token *self = (access_token *)object;
    Py_VISIT(Py_TYPE(object));
    for (int i = 0; i < FIELDS; i++) {
        Py_VISIT(self->values[i]);
    }
    return 0;
}

/* None takes the place of what is released: the object stays usable. */
static int clear(PyObject *object)
{
    access_token *self = (access_token *)object;
    for (int i = 0; i < FIELDS; i++) {
        PyObject *value = self->values[i];
        if (value != NULL) {
            Py_INCREF(Py_None);
            self->values[i] = Py_None;
            Py_DECREF(value);
        }
    }
    return 0;
}

static void dealloc(PyObject *object)
{
    access_token *self = (access_token *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    for (int i = 0; i < FIELDS; i++) {
        Py_XDECREF(self->values[i]);
    }
    fb_result_free(self->result);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static PyGetSetDef fields[] = {
    {"token", get_field, NULL, "str: the token itself. A credential: do not log it.", (void *)TOKEN},
    {"client_id", get_field, NULL,
     "str: who the token was issued to (client_id, else azp, else sub, else \"unknown\").", (void *)CLIENT_ID},
    {"scopes", get_field, NULL, "list[str]: the granted scopes, in the token's order.", (void *)SCOPES},
    {"expires_at", get_field, NULL, "int | None: exp, in whole seconds since the epoch. The leeway is not added.",
     (void *)EXPIRES_AT},
    {"subject", get_field, NULL, "str | None: sub.", (void *)SUBJECT},
    {"resource", get_field, NULL, "str | None: the audience that this server is known by, when it is a URL (RFC 8707).",
     (void *)RESOURCE},
    {"claims", get_field, NULL, "dict: all claims, in the token's order.", (void *)CLAIMS},
    {"issuer", get_field, NULL, "str | None: iss, as it stands in the token.", (void *)ISSUER},
    {"confirmation", get_field, NULL,
     "dict | None: cnf (RFC 7800), the key that the token is bound to; None: whoever has it can use it.",
     (void *)CONFIRMATION},
    {"expires_at_datetime", expires_at_datetime, NULL,
     "datetime | None: expires_at as an aware UTC datetime; None also beyond the year 9999.", NULL},
    {"_kid", kid, NULL, NULL, NULL},
    {"_issuer_number", issuer_number, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMethodDef methods[] = {
    {"has_scope", has_scope, METH_O,
     "has_scope($self, scope, /)\n--\n\n"
     "Whether this scope was granted, or is included in one that was (scope_hierarchy of the verifier)."},
    {"claims_as", claims_as, METH_O,
     "claims_as($self, kind, /)\n--\n\n"
     "The claims, typed as a TypedDict of yours. Nothing is checked or copied: what must be there is said by\n"
     "required_claims of the verifier."},
    {"__reduce__", reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

static PyType_Slot slots[] = {
    {Py_tp_doc, "AccessToken(token, client_id, scopes=[], expires_at=None, subject=None, resource=None, claims={}, "
                "issuer=None, confirmation=None)\n"
                "--\n\n"
                "The contents of a verified token. Immutable; its list and dict are its own."},
    {Py_tp_new, new},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_repr, repr},
    {Py_tp_richcompare, compare},
    {Py_tp_getset, fields},
    {Py_tp_methods, methods},
    {0, NULL}};

PyType_Spec fbpy_access_token_spec = {
    .name = "fastbearer.AccessToken",
    .basicsize = sizeof(access_token),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
