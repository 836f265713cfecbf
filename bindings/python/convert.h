/*
 * What the files of the Python binding share: the module's state, and the conversion between Python and C values.
 * Nothing in this directory decides anything about tokens: that is for the core, or for python/fastbearer.
 */
#ifndef FBPY_CONVERT_H
#define FBPY_CONVERT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdatomic.h>

#include "fastbearer.h"

enum { FBPY_NAMES = 128 }; /* slots of the cache of member names */

/* The classes of fastbearer.errors, in the order of class_names in errors.c. */
typedef enum fbpy_class {
    FBPY_FASTBEARER,
    FBPY_CONFIGURATION,
    FBPY_KEYS_UNAVAILABLE,
    FBPY_KEYS_NEEDED,
    FBPY_ISSUER_NEEDED,
    FBPY_STATUS_UNAVAILABLE,
    FBPY_INTROSPECTION_NEEDED,
    FBPY_INVALID_TOKEN,
    FBPY_DECODE,
    FBPY_INVALID_SIGNATURE,
    FBPY_INVALID_ALGORITHM,
    FBPY_INVALID_KEY,
    FBPY_EXPIRED,
    FBPY_IMMATURE,
    FBPY_INVALID_ISSUED_AT,
    FBPY_INVALID_ISSUER,
    FBPY_INVALID_AUDIENCE,
    FBPY_MISSING_CLAIM,
    FBPY_INVALID_CLAIM,
    FBPY_INSUFFICIENT_SCOPE,
    FBPY_INVALID_PROOF,
    FBPY_REVOKED,
    FBPY_MALFORMED_REQUEST,
    FBPY_CLASSES
} fbpy_class;

/* One per interpreter. Objects keep a pointer to it: their type holds the module, and the module the state. */
typedef struct fbpy_state {
    PyTypeObject *verifier_type;
    PyTypeObject *keypair_type;
    PyTypeObject *access_token_type;
    PyTypeObject *revocations_type;
    PyTypeObject *rpc_policy_type;
    PyObject *classes[FBPY_CLASSES];
    PyObject *names[FBPY_NAMES];
    atomic_bool warned;       /* that arithmetic is not used; once is enough */
    atomic_bool reads_claims; /* of tokens from the cache: whoever has done so will again */
} fbpy_state;

/* ---- convert.c: values ------------------------------------------------------------------------------------------- */

/* The text of a str or the bytes of a bytes object, valid while object lives; absent for None. False: an exception is
 * set that names what. */
bool fbpy_slice(PyObject *object, const char *what, fb_slice *out);

/* The same for what comes from the network, and may be text that is not UTF-8: nothing that the core accepts, and yet
 * looked at as a whole. *keep is NULL, or a list to be released after use, to which such text is added. */
bool fbpy_untrusted(PyObject *object, const char *what, fb_slice *out, PyObject **keep);

/* A tuple of str as a list whose items are freed with PyMem_Free; not given for None. */
bool fbpy_list(PyObject *object, const char *what, fb_list *out, fb_slice **items);

/* str of UTF-8 text; None for an absent slice. */
PyObject *fbpy_text(fb_slice slice);

/* list of str. */
PyObject *fbpy_texts(fb_list list);

/* The slice of a token argument: str, bytes, bytearray or memoryview. *keep is NULL or what the slice points into, to
 * be released after use. False: an exception is set. */
bool fbpy_token(PyObject *token, fb_slice *out, PyObject **keep);

/* A tuple of pairs as header fields. Start from zeros; to be released in any case. */
enum { FBPY_FEW_HEADERS = 32 };
typedef struct fbpy_headers {
    const fb_header *items;
    size_t count;
    fb_header few[FBPY_FEW_HEADERS];
    fb_header *many; /* NULL when few have room for all */
    PyObject *keep;  /* NULL, or what they point into beside the tuple */
} fbpy_headers;

/* False: an exception is set. */
bool fbpy_headers_read(fbpy_headers *out, PyObject *headers);
void fbpy_headers_release(fbpy_headers *headers);

/* ---- claims.c ---------------------------------------------------------------------------------------------------- */

/* The claims of a result as a dict, the caller's own. */
PyObject *fbpy_claims(fbpy_state *state, const fb_result *result);

/* One of them, by name; None when it is absent. */
PyObject *fbpy_claim(fbpy_state *state, const fb_result *result, const char *name);

/* Has the verifier keep the claims of a result that came from its cache, where claims are asked for. */
void fbpy_claims_keep(fbpy_state *state, const fb_verifier *verifier, fb_slice token, const fb_result *result);

/* ---- options.c: the keyword arguments of a verifier -------------------------------------------------------------- */

struct fbpy_held;

typedef struct fbpy_options {
    fb_options options;              /* points into the keyword arguments and into held */
    struct fbpy_held *held;          /* what was allocated for that */
    PyObject *keys_of, *revocations; /* borrowed from the keyword arguments; NULL: not given */
    PyObject *required_scopes;       /* the same */
} fbpy_options;

/* False: an exception is set that names the option. options is to be released in both cases. */
bool fbpy_options_read(fbpy_options *options, PyObject *keywords);

/* The same for one issuer, a dict. */
bool fbpy_issuer_read(fbpy_options *options, fb_issuer *issuer, PyObject *values);

void fbpy_options_release(fbpy_options *options);

/* ---- errors.c: outcomes ------------------------------------------------------------------------------------------ */

/* Fills state->classes from fastbearer.errors; -1 with an exception set. */
int fbpy_load_classes(fbpy_state *state);

/* Raises what error says and returns NULL. scopes: the tuple that missing_scopes counts in, or NULL. */
PyObject *fbpy_raise(fbpy_state *state, const fb_error *error, PyObject *scopes);

/* The status with this code. False: an exception is set. */
bool fbpy_status_of(PyObject *code, fb_status *out);

/* Every outcome as (number, code, text, http status, OAuth error, class): what the package is tested against. */
PyObject *fbpy_outcomes(fbpy_state *state);

/* ---- types, one file each ---------------------------------------------------------------------------------------- */

extern PyType_Spec fbpy_verifier_spec;
extern PyType_Spec fbpy_keypair_spec;
extern PyType_Spec fbpy_access_token_spec;
extern PyType_Spec fbpy_revocations_spec;
extern PyType_Spec fbpy_rpc_policy_spec;

/* Takes over result and a reference of token (exact str). */
PyObject *fbpy_access_token_new(fbpy_state *state, fb_result *result, PyObject *token);

/* The number of the issuer whose key verified it; 0 for what a test has constructed, and for any other object. */
uint64_t fbpy_access_token_issuer(fbpy_state *state, PyObject *access);

/* What it was made of; NULL as above. Belongs to access. */
const fb_result *fbpy_access_token_result(fbpy_state *state, PyObject *access);

/* What a Revocations holds; NULL: an exception is set, it is none. */
fb_revocations *fbpy_revocations_handle(fbpy_state *state, PyObject *object);

/* State of the module that made type. */
fbpy_state *fbpy_state_of(PyTypeObject *type);

/* ---- gil.c: the GIL around what takes longer than handing it over -------------------------------------------------
 */

/* Finds out how to ask this interpreter whether it is ending. Before the first of the others, any number of times. */
void fbpy_gil_init(void);

/* Has threads leave OpenSSL before this interpreter is freed; -1 with an exception set. */
int fbpy_watch_end(void);

/* Releases the GIL; NULL: it is kept, since the interpreter is ending. */
PyThreadState *fbpy_gil_release(void);

/* Takes the GIL again. Does not return when the interpreter has begun to end meanwhile. */
void fbpy_gil_acquire(PyThreadState *released);

/* Calls a C function without the GIL when release is true. Only C values may be touched in between. */
#define FBPY_WITHOUT_GIL(release, statement)                                  \
    do {                                                                      \
        PyThreadState *fbpy_released = (release) ? fbpy_gil_release() : NULL; \
        statement;                                                            \
        fbpy_gil_acquire(fbpy_released);                                      \
    } while (0)

#endif
