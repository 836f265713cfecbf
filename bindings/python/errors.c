/*
 * From a status of the core to an exception of fastbearer.errors: one table. The text is the core's sentence, which
 * holds nothing of the token.
 */
#include "convert.h"

#include <string.h>

static const char *const class_names[FBPY_CLASSES] = {
    [FBPY_FASTBEARER] = "FastBearerError",
    [FBPY_CONFIGURATION] = "ConfigurationError",
    [FBPY_KEYS_UNAVAILABLE] = "KeysUnavailableError",
    [FBPY_KEYS_NEEDED] = "_KeysNeeded",
    [FBPY_ISSUER_NEEDED] = "_IssuerNeeded",
    [FBPY_STATUS_UNAVAILABLE] = "StatusUnavailableError",
    [FBPY_INTROSPECTION_NEEDED] = "_IntrospectionNeeded",
    [FBPY_INVALID_TOKEN] = "InvalidTokenError",
    [FBPY_DECODE] = "DecodeError",
    [FBPY_INVALID_SIGNATURE] = "InvalidSignatureError",
    [FBPY_INVALID_ALGORITHM] = "InvalidAlgorithmError",
    [FBPY_INVALID_KEY] = "InvalidKeyError",
    [FBPY_EXPIRED] = "ExpiredSignatureError",
    [FBPY_IMMATURE] = "ImmatureSignatureError",
    [FBPY_INVALID_ISSUED_AT] = "InvalidIssuedAtError",
    [FBPY_INVALID_ISSUER] = "InvalidIssuerError",
    [FBPY_INVALID_AUDIENCE] = "InvalidAudienceError",
    [FBPY_MISSING_CLAIM] = "MissingClaimError",
    [FBPY_INVALID_CLAIM] = "InvalidClaimError",
    [FBPY_INSUFFICIENT_SCOPE] = "InsufficientScopeError",
    [FBPY_INVALID_PROOF] = "InvalidProofError",
    [FBPY_REVOKED] = "RevokedTokenError",
    [FBPY_MALFORMED_REQUEST] = "MalformedRequestError",
};

/* The classes are those that PyJWT raises for the same thing, where it has one. */
static const struct {
    fb_status status;
    fbpy_class class;
} outcomes[] = {
    {FB_TOKEN_MISSING, FBPY_INVALID_TOKEN},
    {FB_REQUEST_MALFORMED, FBPY_MALFORMED_REQUEST},
    {FB_REQUEST_TOO_LARGE, FBPY_MALFORMED_REQUEST},
    {FB_REQUEST_UNSUPPORTED, FBPY_MALFORMED_REQUEST},
    {FB_TOKEN_TOO_LARGE, FBPY_DECODE},
    {FB_TOKEN_MALFORMED, FBPY_DECODE},
    {FB_HEADER_INVALID, FBPY_DECODE},
    {FB_PAYLOAD_INVALID, FBPY_DECODE},
    {FB_ALGORITHM_NOT_ALLOWED, FBPY_INVALID_ALGORITHM},
    {FB_CRITICAL_HEADER_UNSUPPORTED, FBPY_DECODE},
    {FB_HEADER_UNSUPPORTED, FBPY_DECODE},
    {FB_TOKEN_TYPE_NOT_ALLOWED, FBPY_INVALID_TOKEN},
    {FB_KEY_NOT_FOUND, FBPY_INVALID_KEY},
    {FB_KEY_AMBIGUOUS, FBPY_INVALID_KEY},
    {FB_KEY_UNSUITABLE, FBPY_INVALID_KEY},
    {FB_KEYS_UNAVAILABLE, FBPY_KEYS_UNAVAILABLE},
    {FB_KEYS_NEEDED, FBPY_KEYS_NEEDED},
    {FB_ISSUER_NEEDED, FBPY_ISSUER_NEEDED},
    {FB_INTROSPECTION_NEEDED, FBPY_INTROSPECTION_NEEDED},
    {FB_SIGNATURE_INVALID, FBPY_INVALID_SIGNATURE},
    {FB_EXP_MISSING, FBPY_MISSING_CLAIM},
    {FB_EXP_INVALID, FBPY_DECODE},
    {FB_TOKEN_EXPIRED, FBPY_EXPIRED},
    {FB_NBF_INVALID, FBPY_DECODE},
    {FB_TOKEN_NOT_YET_VALID, FBPY_IMMATURE},
    {FB_IAT_INVALID, FBPY_INVALID_ISSUED_AT},
    {FB_TOKEN_ISSUED_IN_FUTURE, FBPY_IMMATURE},
    {FB_ISS_MISSING, FBPY_MISSING_CLAIM},
    {FB_ISS_INVALID, FBPY_INVALID_ISSUER},
    {FB_ISSUER_MISMATCH, FBPY_INVALID_ISSUER},
    {FB_AUD_MISSING, FBPY_MISSING_CLAIM},
    {FB_AUD_INVALID, FBPY_INVALID_AUDIENCE},
    {FB_AUDIENCE_MISMATCH, FBPY_INVALID_AUDIENCE},
    {FB_SUB_INVALID, FBPY_INVALID_TOKEN},
    {FB_CLIENT_ID_INVALID, FBPY_INVALID_TOKEN},
    {FB_JTI_INVALID, FBPY_INVALID_TOKEN},
    {FB_SCOPE_INVALID, FBPY_INVALID_TOKEN},
    {FB_INSUFFICIENT_SCOPE, FBPY_INSUFFICIENT_SCOPE},
    {FB_CLAIM_MISSING, FBPY_MISSING_CLAIM},
    {FB_CLAIM_MISMATCH, FBPY_INVALID_CLAIM},
    {FB_CONFIRMATION_INVALID, FBPY_INVALID_TOKEN},
    {FB_PROOF_MISSING, FBPY_INVALID_PROOF},
    {FB_PROOF_INVALID, FBPY_INVALID_PROOF},
    {FB_PROOF_EXPIRED, FBPY_INVALID_PROOF},
    {FB_PROOF_MISMATCH, FBPY_INVALID_PROOF},
    {FB_PROOF_REPLAYED, FBPY_INVALID_PROOF},
    {FB_PROOF_NONCE_REQUIRED, FBPY_INVALID_PROOF},
    {FB_TOKEN_INACTIVE, FBPY_REVOKED},
    {FB_TOKEN_REVOKED, FBPY_REVOKED},
    {FB_STATUS_UNAVAILABLE, FBPY_STATUS_UNAVAILABLE},
    {FB_CONFIGURATION_INVALID, FBPY_CONFIGURATION},
    {FB_INTERNAL_ERROR, FBPY_FASTBEARER},
};
enum { OUTCOMES = sizeof(outcomes) / sizeof(outcomes[0]) };

static fbpy_class class_of(fb_status status)
{
    for (size_t i = 0; i < OUTCOMES; i++) {
        if (outcomes[i].status == status) {
            return outcomes[i].class;
        }
    }
    return FBPY_FASTBEARER;
}

bool fbpy_status_of(PyObject *code, fb_status *out)
{
    const char *text = PyUnicode_Check(code) ? PyUnicode_AsUTF8AndSize(code, NULL) : NULL;
    for (size_t i = 0; text != NULL && i < OUTCOMES; i++) {
        if (strcmp(text, fb_status_name(outcomes[i].status)) == 0) {
            *out = outcomes[i].status;
            return true;
        }
    }
    if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "no such code");
    }
    return false;
}

int fbpy_load_classes(fbpy_state *state)
{
    PyObject *errors = PyImport_ImportModule("fastbearer.errors");
    if (errors == NULL) {
        return -1;
    }
    for (int i = 0; i < FBPY_CLASSES; i++) {
        state->classes[i] = PyObject_GetAttrString(errors, class_names[i]);
        if (state->classes[i] == NULL) {
            break;
        }
    }
    Py_DECREF(errors);
    return PyErr_Occurred() ? -1 : 0;
}

/* Takes over value; false when it is NULL or cannot be set. */
static bool set(PyObject *exception, const char *attribute, PyObject *value)
{
    int done = value == NULL ? -1 : PyObject_SetAttrString(exception, attribute, value);
    Py_XDECREF(value);
    return done == 0;
}

static PyObject *missing(const fb_error *error, PyObject *scopes)
{
    PyObject *list = PyList_New(0);
    Py_ssize_t count = scopes == NULL || scopes == Py_None ? 0 : PyTuple_Size(scopes);
    for (Py_ssize_t i = 0; list != NULL && i < count && i < 64; i++) {
        if ((error->missing_scopes >> i & 1) != 0 && PyList_Append(list, PyTuple_GetItem(scopes, i)) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

static bool describe(PyObject *exception, const fb_error *error, PyObject *scopes)
{
    bool done = set(exception, "code", PyUnicode_FromString(fb_status_name(error->status))) &&
                set(exception, "oauth_error", PyUnicode_FromString(fb_status_oauth(error->status)));
    if (done && error->kid[0] != '\0') {
        done = set(exception, "kid", PyUnicode_FromString(error->kid));
    }
    if (done && error->claim.data != NULL) {
        done = set(exception, "claim", fbpy_text(error->claim));
    }
    if (done && error->expected[0] != '\0') {
        done = set(exception, "expected", PyUnicode_FromString(error->expected));
    }
    if (done && error->actual[0] != '\0') {
        done = set(exception, "actual", PyUnicode_FromString(error->actual));
    }
    if (done && error->issuer != 0) {
        done = set(exception, "issuer_number", PyLong_FromUnsignedLongLong(error->issuer));
    }
    switch (error->status) {
    case FB_INSUFFICIENT_SCOPE:
        return done && set(exception, "missing", missing(error, scopes));
    case FB_REQUEST_TOO_LARGE:
    case FB_REQUEST_UNSUPPORTED:
        return done && set(exception, "http_status", PyLong_FromLong(fb_status_http(error->status)));
    case FB_KEYS_UNAVAILABLE:
    case FB_KEY_NOT_FOUND:
        return done && set(exception, "retry_after", PyFloat_FromDouble(error->retry_after));
    case FB_KEYS_NEEDED:
        return done && set(exception, "wait", PyFloat_FromDouble(error->wait)) &&
               set(exception, "key_request", PyLong_FromUnsignedLongLong(error->key_request));
    default:
        return done;
    }
}

PyObject *fbpy_raise(fbpy_state *state, const fb_error *error, PyObject *scopes)
{
    if (error->status == FB_OUT_OF_MEMORY) {
        return PyErr_NoMemory();
    }
    /* The text may quote an option's value, cut anywhere. */
    PyObject *text = PyUnicode_DecodeUTF8(error->text, (Py_ssize_t)strlen(error->text), "replace");
    if (text == NULL) {
        return NULL;
    }
    PyObject *class = state->classes[class_of(error->status)];
    if (class == NULL) {
        Py_DECREF(text);
        PyErr_SetString(PyExc_RuntimeError, "the interpreter is shutting down");
        return NULL;
    }
    PyObject *exception = PyObject_CallFunctionObjArgs(class, text, NULL);
    Py_DECREF(text);
    if (exception != NULL && describe(exception, error, scopes)) {
        PyErr_SetObject(class, exception);
    }
    Py_XDECREF(exception);
    return NULL;
}

PyObject *fbpy_outcomes(fbpy_state *state)
{
    PyObject *table = PyTuple_New(OUTCOMES);
    for (size_t i = 0; table != NULL && i < OUTCOMES; i++) {
        fb_status status = outcomes[i].status;
        PyObject *row =
            Py_BuildValue("(issisO)", (int)status, fb_status_name(status), fb_status_text(status),
                          fb_status_http(status), fb_status_oauth(status), state->classes[outcomes[i].class]);
        if (row == NULL || PyTuple_SetItem(table, (Py_ssize_t)i, row) < 0) {
            Py_DECREF(table);
            return NULL;
        }
    }
    return table;
}
