/*
 * The module fastbearer._native: its state, its types, and the functions that belong to no type. Loads in several
 * interpreters of one process and without the GIL; there are no globals but constants.
 */
#include "convert.h"

#include <stdlib.h>
#include <string.h>

fbpy_state *fbpy_state_of(PyTypeObject *type)
{
    return PyType_GetModuleState(type);
}

static PyObject *decode_unverified(PyObject *module, PyObject *token)
{
    fb_slice slice;
    PyObject *keep = NULL;
    if (!fbpy_token(token, &slice, &keep)) {
        return NULL;
    }
    fb_unverified *unverified = NULL;
    fb_error error = FB_ERROR_INIT;
    PyObject *texts = NULL;
    if (fb_decode_unverified(slice.data, slice.size, NULL, &unverified, &error) == FB_OK) {
        texts = Py_BuildValue("(NN)", fbpy_text(fb_unverified_header(unverified)),
                              fbpy_text(fb_unverified_payload(unverified)));
        fb_unverified_free(unverified);
    } else {
        (void)fbpy_raise(PyModule_GetState(module), &error, NULL);
    }
    Py_XDECREF(keep);
    return texts;
}

static PyObject *token_is_jwt(PyObject *Py_UNUSED(module), PyObject *token)
{
    fb_slice slice;
    PyObject *keep = NULL;
    if (!fbpy_token(token, &slice, &keep)) {
        return NULL;
    }
    const bool is_jwt = fb_token_is_jwt(slice.data, slice.size);
    Py_XDECREF(keep);
    return PyBool_FromLong(is_jwt);
}

static PyObject *outcomes(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    return fbpy_outcomes(PyModule_GetState(module));
}

static PyObject *ca_bundle(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return fbpy_text(fb_text(fb_ca_bundle()));
}

static PyObject *versions(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    fb_version_info info = FB_VERSION_INFO_INIT;
    if (!fb_versions(&info)) {
        PyErr_SetString(PyExc_SystemError, "the core is older than the extension");
        return NULL;
    }
    return Py_BuildValue("{sssssssssN}", "fastbearer", info.fastbearer, "openssl", info.openssl, "jansson",
                         info.jansson, "curl", info.curl, "built_in", PyBool_FromLong(info.built_in));
}

static PyMethodDef functions[] = {
    {"decode_unverified", decode_unverified, METH_O, "decode_unverified(token, /)\n--\n\n"},
    {"token_is_jwt", token_is_jwt, METH_O, "token_is_jwt(token, /)\n--\n\n"},
    {"ca_bundle", ca_bundle, METH_NOARGS, "ca_bundle()\n--\n\n"},
    {"versions", versions, METH_NOARGS, "versions()\n--\n\n"},
    {"outcomes", outcomes, METH_NOARGS, "outcomes()\n--\n\n"},
    {NULL, NULL, 0, NULL}};

static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type != NULL && PyModule_AddType(module, (PyTypeObject *)type) < 0) {
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

static int execute(PyObject *module)
{
    fbpy_state *state = PyModule_GetState(module);
    fbpy_gil_init();
    fb_guard_exit(); /* daemon threads run on while the process ends */
    if (fbpy_watch_end() < 0) {
        return -1;
    }
    state->verifier_type = add_type(module, &fbpy_verifier_spec);
    state->keypair_type = state->verifier_type == NULL ? NULL : add_type(module, &fbpy_keypair_spec);
    state->access_token_type = state->keypair_type == NULL ? NULL : add_type(module, &fbpy_access_token_spec);
    state->rpc_policy_type = state->access_token_type == NULL ? NULL : add_type(module, &fbpy_rpc_policy_spec);
    state->revocations_type = state->rpc_policy_type == NULL ? NULL : add_type(module, &fbpy_revocations_spec);
    if (state->revocations_type == NULL || fbpy_load_classes(state) < 0) {
        return -1;
    }
    return PyModule_AddStringConstant(module, "version", fb_version()) < 0 ||
                   PyModule_AddIntConstant(module, "REFRESH_TOKEN", FB_REFRESH_TOKEN) < 0 ||
                   PyModule_AddIntConstant(module, "REFRESH_AHEAD", FB_REFRESH_AHEAD) < 0 ||
                   PyModule_AddIntConstant(module, "REFRESH_EXPLICIT", FB_REFRESH_EXPLICIT) < 0 ||
                   PyModule_AddIntConstant(module, "FETCH_NOW", FB_FETCH_NOW) < 0 ||
                   PyModule_AddIntConstant(module, "FETCH_WAIT", FB_FETCH_WAIT) < 0 ||
                   PyModule_AddIntConstant(module, "RESOLVED", FB_RESOLVED) < 0 ||
                   PyModule_AddIntConstant(module, "NO_SUCH_ISSUER", FB_NO_SUCH_ISSUER) < 0 ||
                   PyModule_AddIntConstant(module, "RESOLVE_FAILED", FB_RESOLVE_FAILED) < 0
               ? -1
               : 0;
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    fbpy_state *state = PyModule_GetState(module);
    Py_VISIT(state->verifier_type);
    Py_VISIT(state->keypair_type);
    Py_VISIT(state->access_token_type);
    Py_VISIT(state->revocations_type);
    Py_VISIT(state->rpc_policy_type);
    for (int i = 0; i < FBPY_CLASSES; i++) {
        Py_VISIT(state->classes[i]);
    }
    return 0;
}

static int clear(PyObject *module)
{
    fbpy_state *state = PyModule_GetState(module);
    Py_CLEAR(state->verifier_type);
    Py_CLEAR(state->keypair_type);
    Py_CLEAR(state->access_token_type);
    Py_CLEAR(state->revocations_type);
    Py_CLEAR(state->rpc_policy_type);
    for (int i = 0; i < FBPY_CLASSES; i++) {
        Py_CLEAR(state->classes[i]);
    }
    for (int i = 0; i < FBPY_NAMES; i++) {
        Py_CLEAR(state->names[i]);
    }
    return 0;
}

static void release(void *module)
{
    (void)clear(module);
}

/*
 * An extension for the limited API of 3.10 cannot name the slots of 3.12 and 3.13 at compile time, and 3.10 refuses
 * what it does not know. So there is a definition for each, and the interpreter that loads the module decides; all are
 * constant once compiled, since interpreters with a GIL of their own may load it at the same time. Numbers:
 * Py_mod_multiple_interpreters = 3 with Py_MOD_PER_INTERPRETER_GIL_SUPPORTED = 2, Py_mod_gil = 4 with
 * Py_MOD_GIL_NOT_USED = 1.
 */
static PyModuleDef_Slot slots_310[] = {{Py_mod_exec, execute}, {0, NULL}};
static PyModuleDef_Slot slots_312[] = {{Py_mod_exec, execute}, {3, (void *)2}, {0, NULL}};
static PyModuleDef_Slot slots_313[] = {{Py_mod_exec, execute}, {3, (void *)2}, {4, (void *)1}, {0, NULL}};

#define DEFINITION(with_slots)                                                  \
    {                                                                           \
        .m_base = PyModuleDef_HEAD_INIT,                                        \
        .m_name = "fastbearer._native",                                         \
        .m_doc = "The C core. Private: the package fastbearer is what to use.", \
        .m_size = sizeof(fbpy_state),                                           \
        .m_methods = functions,                                                 \
        .m_slots = with_slots,                                                  \
        .m_traverse = traverse,                                                 \
        .m_clear = clear,                                                       \
        .m_free = release,                                                      \
    }

static struct PyModuleDef definition_310 = DEFINITION(slots_310);
static struct PyModuleDef definition_312 = DEFINITION(slots_312);
static struct PyModuleDef definition_313 = DEFINITION(slots_313);

PyMODINIT_FUNC PyInit__native(void)
{
    const char *version = Py_GetVersion(); /* "3.13.0 (main, ..." */
    char *end = NULL;
    long major = strtol(version, &end, 10);
    long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    if (major > 3 || minor >= 13) {
        return PyModuleDef_Init(&definition_313);
    }
    return PyModuleDef_Init(minor >= 12 ? &definition_312 : &definition_310);
}
