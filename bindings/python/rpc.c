/*
 * RpcPolicy: one fb_rpc_policy, which says what the bodies of requests ask for. Which method needs what is the core's;
 * here are only its arguments.
 */
#include "convert.h"

#include <string.h>

enum { LARGE_BODY = 32768 }; /* from here on reading takes longer than handing the GIL over */

typedef struct rpc_policy {
    PyObject_HEAD fbpy_state *state;
    fb_rpc_policy *handle;
    PyObject *scopes; /* tuple of str, as fb_rpc_policy_scopes has them */
} rpc_policy;

/* ---- construction ------------------------------------------------------------------------------------------------ */

struct rules {
    fb_rpc_rule *items;
    fb_slice **scopes; /* what they point into: one for each */
    size_t count;
};

static void release_rules(struct rules *rules)
{
    for (size_t i = 0; rules->scopes != NULL && i < rules->count; i++) {
        PyMem_Free(rules->scopes[i]);
    }
    PyMem_Free(rules->scopes);
    PyMem_Free(rules->items);
}

/* A tuple of pairs of a pattern and a tuple of scopes. */
static bool read_rules(struct rules *out, PyObject *given, const char *what)
{
    if (!PyTuple_Check(given)) {
        PyErr_Format(PyExc_TypeError, "%s must be a tuple of pairs", what);
        return false;
    }
    size_t count = (size_t)PyTuple_Size(given);
    out->items = PyMem_Calloc(count + 1, sizeof(*out->items));
    out->scopes = PyMem_Calloc(count + 1, sizeof(*out->scopes));
    if (out->items == NULL || out->scopes == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (; out->count < count; out->count++) {
        PyObject *pattern = NULL, *scopes = NULL;
        fb_rpc_rule *rule = &out->items[out->count];
        if (!PyArg_ParseTuple(PyTuple_GetItem(given, (Py_ssize_t)out->count), "OO", &pattern, &scopes) ||
            !fbpy_slice(pattern, what, &rule->pattern) ||
            !fbpy_list(scopes, what, &rule->scopes, &out->scopes[out->count])) {
            return false;
        }
    }
    return true;
}

static PyObject *tuple_of(fb_list scopes)
{
    PyObject *list = fbpy_texts(scopes);
    PyObject *tuple = list == NULL ? NULL : PyList_AsTuple(list);
    Py_XDECREF(list);
    return tuple;
}

static PyObject *wrap(PyTypeObject *type, const fb_rpc_options *options)
{
    fbpy_state *state = fbpy_state_of(type);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    rpc_policy *self = state == NULL ? NULL : (rpc_policy *)allocate(type, 0);
    if (self == NULL) {
        return NULL;
    }
    fb_error error = FB_ERROR_INIT;
    self->state = state;
    if (fb_rpc_policy_new(&self->handle, options, &error) != FB_OK) {
        Py_DECREF(self);
        return fbpy_raise(state, &error, NULL);
    }
    self->scopes = tuple_of(fb_rpc_policy_scopes(self->handle));
    if (self->scopes == NULL) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static PyObject *new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *anonymous, *tools, *resources, *prompts, *size;
    if (keywords != NULL ||
        !PyArg_ParseTuple(arguments, "OOOOO:RpcPolicy", &anonymous, &tools, &resources, &prompts, &size)) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "RpcPolicy takes no keywords");
        }
        return NULL;
    }
    struct rules of_tools = {0}, of_resources = {0}, of_prompts = {0};
    fb_slice *methods = NULL;
    fb_rpc_options options = FB_RPC_OPTIONS_INIT;
    PyObject *self = NULL;
    if (size != Py_None) {
        options.max_body_bytes = PyLong_AsSize_t(size);
    }
    if (!PyErr_Occurred() && fbpy_list(anonymous, "anonymous", &options.anonymous, &methods) &&
        read_rules(&of_tools, tools, "tool_scopes") && read_rules(&of_resources, resources, "resource_scopes") &&
        read_rules(&of_prompts, prompts, "prompt_scopes")) {
        options.tool_scopes = of_tools.items;
        options.tool_scope_count = of_tools.count;
        options.resource_scopes = of_resources.items;
        options.resource_scope_count = of_resources.count;
        options.prompt_scopes = of_prompts.items;
        options.prompt_scope_count = of_prompts.count;
        self = wrap(type, &options);
    }
    PyMem_Free(methods);
    release_rules(&of_tools);
    release_rules(&of_resources);
    release_rules(&of_prompts);
    return self;
}

static void dealloc(PyObject *object)
{
    rpc_policy *self = (rpc_policy *)object;
    PyTypeObject *type = Py_TYPE(object);
    fb_rpc_policy_free(self->handle);
    Py_XDECREF(self->scopes);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* ---- use --------------------------------------------------------------------------------------------------------- */

/* None, or raises. */
static PyObject *check_headers(PyObject *object, PyObject *given)
{
    const rpc_policy *self = (rpc_policy *)object;
    fbpy_headers headers = {.items = NULL};
    PyObject *none = NULL;
    if (fbpy_headers_read(&headers, given)) {
        fb_error error = FB_ERROR_INIT;
        fb_status status = fb_rpc_check_headers(self->handle, headers.items, headers.count, &error);
        none = status == FB_OK ? Py_NewRef(Py_None) : fbpy_raise(self->state, &error, NULL);
    }
    fbpy_headers_release(&headers);
    return none;
}

/* Those whose bits are set. */
static PyObject *named(const rpc_policy *self, uint64_t bits)
{
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = 0; list != NULL && i < PyTuple_Size(self->scopes); i++) {
        if ((bits >> i & 1) != 0 && PyList_Append(list, PyTuple_GetItem(self->scopes, i)) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

/* (anonymous, scopes) of a body, or raises. */
static PyObject *check(PyObject *object, PyObject *body)
{
    const rpc_policy *self = (rpc_policy *)object;
    char *data = NULL;
    Py_ssize_t size = 0;
    if (!PyBytes_Check(body) || PyBytes_AsStringAndSize(body, &data, &size) < 0) {
        PyErr_SetString(PyExc_TypeError, "body must be bytes");
        return NULL;
    }
    fb_rpc_answer answer = FB_RPC_ANSWER_INIT;
    fb_error error = FB_ERROR_INIT;
    fb_status status;
    FBPY_WITHOUT_GIL(size >= LARGE_BODY, status = fb_rpc_check(self->handle, data, (size_t)size, &answer, &error));
    if (status != FB_OK) {
        return fbpy_raise(self->state, &error, NULL);
    }
    return Py_BuildValue("(NN)", PyBool_FromLong(answer.anonymous), named(self, answer.scopes));
}

static PyObject *scopes(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(((rpc_policy *)self)->scopes);
}

static PyObject *has_anonymous(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(fb_rpc_policy_has_anonymous(((rpc_policy *)self)->handle));
}

static PyObject *max_body_bytes(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(fb_rpc_policy_max_body_bytes(((rpc_policy *)self)->handle));
}

static PyMethodDef methods[] = {{"check_headers", check_headers, METH_O, "check_headers($self, headers, /)\n--\n\n"},
                                {"check", check, METH_O, "check($self, body, /)\n--\n\n"},
                                {NULL, NULL, 0, NULL}};

static PyGetSetDef attributes[] = {{"scopes", scopes, NULL, NULL, NULL},
                                   {"has_anonymous", has_anonymous, NULL, NULL, NULL},
                                   {"max_body_bytes", max_body_bytes, NULL, NULL, NULL},
                                   {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot slots[] = {{Py_tp_doc, "The core's policy for JSON-RPC. Private to the package."},
                              {Py_tp_new, new},
                              {Py_tp_dealloc, dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, attributes},
                              {0, NULL}};

PyType_Spec fbpy_rpc_policy_spec = {
    .name = "fastbearer._native.RpcPolicy",
    .basicsize = sizeof(rpc_policy),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
