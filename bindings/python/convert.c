/*
 * Conversion between Python and C values. Text that comes from Python is borrowed from its object; claims are built
 * from the core's nodes, without parsing the JSON text again. Nothing here raises for the contents of a token: the core
 * has checked them.
 */
#include "convert.h"

#include <string.h>

enum { NUMBER_SIZE = 256, LONG_DIGITS = 18, STACK_TEXT = 512, CACHED_NAME = 40 };

bool fbpy_slice(PyObject *object, const char *what, fb_slice *out)
{
    *out = (fb_slice){NULL, 0};
    if (object == Py_None) {
        return true;
    }
    Py_ssize_t size = 0;
    if (PyUnicode_Check(object)) {
        out->data = PyUnicode_AsUTF8AndSize(object, &size);
    } else if (PyBytes_Check(object)) {
        char *data = NULL;
        if (PyBytes_AsStringAndSize(object, &data, &size) == 0) {
            out->data = data;
        }
    } else {
        PyErr_Format(PyExc_TypeError, "%s must be str, bytes or None", what);
    }
    out->size = (size_t)size;
    return out->data != NULL;
}

bool fbpy_untrusted(PyObject *object, const char *what, fb_slice *out, PyObject **keep)
{
    if (fbpy_slice(object, what, out)) {
        return true;
    }
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        return false;
    }
    /* Lone surrogates, which frameworks make of undecodable header bytes: not good, and not another exception. */
    PyErr_Clear();
    PyObject *bytes = PyUnicode_AsEncodedString(object, "utf-8", "surrogatepass");
    *keep = bytes == NULL || *keep != NULL ? *keep : PyList_New(0);
    bool kept = bytes != NULL && *keep != NULL && PyList_Append(*keep, bytes) == 0 && fbpy_slice(bytes, what, out);
    Py_XDECREF(bytes);
    return kept;
}

bool fbpy_list(PyObject *object, const char *what, fb_list *out, fb_slice **items)
{
    *out = (fb_list){NULL, 0};
    *items = NULL;
    if (object == Py_None) {
        return true;
    }
    if (!PyTuple_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be a tuple of str or None", what);
        return false;
    }
    Py_ssize_t count = PyTuple_Size(object);
    fb_slice *slices = PyMem_Calloc((size_t)count + 1, sizeof(*slices)); /* + 1: an empty list is given, not absent */
    if (slices == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PyTuple_GetItem(object, i);
        if (item == Py_None || !fbpy_slice(item, what, &slices[i])) {
            if (!PyErr_Occurred()) {
                PyErr_Format(PyExc_TypeError, "%s must be a tuple of str", what);
            }
            PyMem_Free(slices);
            return false;
        }
    }
    *out = (fb_list){slices, (size_t)count};
    *items = slices;
    return true;
}

PyObject *fbpy_text(fb_slice slice)
{
    if (slice.data == NULL) {
        Py_INCREF(Py_None);
        return Py_None;
    }
    return PyUnicode_FromStringAndSize(slice.data, (Py_ssize_t)slice.size);
}

PyObject *fbpy_texts(fb_list list)
{
    PyObject *texts = PyList_New((Py_ssize_t)list.count);
    for (size_t i = 0; texts != NULL && i < list.count; i++) {
        PyObject *text = fbpy_text(list.items[i]);
        if (text == NULL || PyList_SetItem(texts, (Py_ssize_t)i, text) < 0) {
            Py_DECREF(texts);
            return NULL;
        }
    }
    return texts;
}

bool fbpy_token(PyObject *token, fb_slice *out, PyObject **keep)
{
    *keep = NULL;
    if (PyByteArray_Check(token) || PyMemoryView_Check(token)) {
        /* A copy: their content could change while the GIL is released. */
        *keep = PyBytes_FromObject(token);
        if (*keep == NULL) {
            return false;
        }
        token = *keep;
    }
    if (!PyUnicode_Check(token) && !PyBytes_Check(token)) {
        PyErr_Format(PyExc_TypeError, "token must be str or bytes, not %R", (PyObject *)Py_TYPE(token));
        return false;
    }
    if (!fbpy_untrusted(token, "token", out, keep)) {
        Py_CLEAR(*keep);
        return false;
    }
    return true;
}

bool fbpy_headers_read(fbpy_headers *out, PyObject *headers)
{
    if (!PyTuple_Check(headers)) {
        PyErr_SetString(PyExc_TypeError, "headers must be a tuple of pairs");
        return false;
    }
    Py_ssize_t count = PyTuple_Size(headers);
    fb_header *items = out->few;
    if (count > FBPY_FEW_HEADERS) {
        items = out->many = PyMem_Calloc((size_t)count, sizeof(*items));
    }
    if (items == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *pair = PyTuple_GetItem(headers, i);
        if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
            PyErr_SetString(PyExc_TypeError, "headers must be a tuple of pairs");
            return false;
        }
        if (!fbpy_untrusted(PyTuple_GetItem(pair, 0), "the name of a header", &items[i].name, &out->keep) ||
            !fbpy_untrusted(PyTuple_GetItem(pair, 1), "the value of a header", &items[i].value, &out->keep)) {
            return false;
        }
    }
    out->items = items;
    out->count = (size_t)count;
    return true;
}

void fbpy_headers_release(fbpy_headers *headers)
{
    PyMem_Free(headers->many);
    Py_XDECREF(headers->keep);
}

/* ---- claims ------------------------------------------------------------------------------------------------------ */

struct source {
    fbpy_state *state;
    const char *text;
    const fb_node *nodes;
};

static PyObject *unescaped(const char *text, size_t size)
{
    char stack[STACK_TEXT];
    char *buffer = size <= sizeof(stack) ? stack : PyMem_Malloc(size);
    if (buffer == NULL) {
        return PyErr_NoMemory();
    }
    PyObject *value = PyUnicode_FromStringAndSize(buffer, (Py_ssize_t)fb_unescape(text, size, buffer));
    if (buffer != stack) {
        PyMem_Free(buffer);
    }
    return value;
}

static PyObject *string(const struct source *source, const fb_node *node)
{
    const char *text = source->text + node->offset;
    return node->escaped ? unescaped(text, node->length) : PyUnicode_FromStringAndSize(text, (Py_ssize_t)node->length);
}

/*
 * Member names repeat from token to token. A small cache keeps their objects, and with them their hashes. Names are not
 * interned: a provider that fills a map with user ids would make the process grow.
 */
static PyObject *name(const struct source *source, const fb_node *node)
{
#ifndef Py_GIL_DISABLED
    size_t size = node->length;
    if (!node->escaped && size > 0 && size <= CACHED_NAME) {
        const char *text = source->text + node->offset;
        size_t hash = size * 31 + (unsigned char)text[0];
        hash = hash * 31 + (unsigned char)text[size - 1];
        hash = hash * 31 + (unsigned char)text[size / 2];
        PyObject **slot = &source->state->names[hash % FBPY_NAMES];
        if (*slot != NULL) {
            Py_ssize_t held_size = 0;
            const char *held = PyUnicode_AsUTF8AndSize(*slot, &held_size);
            if (held != NULL && (size_t)held_size == size && memcmp(held, text, size) == 0) {
                Py_INCREF(*slot);
                return *slot;
            }
        }
        PyObject *made = PyUnicode_FromStringAndSize(text, (Py_ssize_t)size);
        if (made != NULL) {
            PyObject *old = *slot;
            Py_INCREF(made);
            *slot = made;
            Py_XDECREF(old);
        }
        return made;
    }
#endif
    return string(source, node);
}

static PyObject *number(const char *text, const fb_node *node)
{
    if (node->kind == FB_INTEGER && node->length <= LONG_DIGITS) {
        bool negative = text[0] == '-';
        long long value = 0;
        for (size_t i = negative; i < node->length; i++) {
            value = value * 10 + (text[i] - '0');
        }
        return PyLong_FromLongLong(negative ? -value : value);
    }
    char copy[NUMBER_SIZE + 1]; /* the core refuses longer ones */
    if (node->length > NUMBER_SIZE) {
        PyErr_SetString(PyExc_SystemError, "the core accepted a number that is too long");
        return NULL;
    }
    memcpy(copy, text, node->length);
    copy[node->length] = '\0';
    if (node->kind == FB_INTEGER) {
        return PyLong_FromString(copy, NULL, 10);
    }
    double value = PyOS_string_to_double(copy, NULL, NULL);
    return value == -1.0 && PyErr_Occurred() ? NULL : PyFloat_FromDouble(value);
}

static PyObject *value_at(const struct source *source, uint32_t index);

static PyObject *array(const struct source *source, uint32_t index)
{
    uint32_t end = source->nodes[index].next;
    Py_ssize_t count = 0;
    for (uint32_t i = index + 1; i < end; i = source->nodes[i].next) {
        count++;
    }
    PyObject *list = PyList_New(count);
    Py_ssize_t at = 0;
    for (uint32_t i = index + 1; list != NULL && i < end; i = source->nodes[i].next) {
        PyObject *item = value_at(source, i);
        if (item == NULL || PyList_SetItem(list, at++, item) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

static PyObject *object(const struct source *source, uint32_t index)
{
    PyObject *dict = PyDict_New();
    uint32_t end = source->nodes[index].next;
    for (uint32_t i = index + 1; dict != NULL && i < end; i = source->nodes[i + 1].next) {
        PyObject *key = name(source, &source->nodes[i]);
        PyObject *value = key == NULL ? NULL : value_at(source, i + 1);
        if (value == NULL || PyDict_SetItem(dict, key, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
        Py_XDECREF(key);
    }
    return dict;
}

/* Recursion is bounded by the depth that the core accepts. */
static PyObject *value_at(const struct source *source, uint32_t index)
{
    const fb_node *node = &source->nodes[index];
    PyObject *constant = Py_None;
    switch ((fb_kind)node->kind) {
    case FB_STRING:
        return string(source, node);
    case FB_INTEGER:
    case FB_REAL:
        return number(source->text + node->offset, node);
    case FB_ARRAY:
        return array(source, index);
    case FB_OBJECT:
        return object(source, index);
    case FB_TRUE:
        constant = Py_True;
        break;
    case FB_FALSE:
        constant = Py_False;
        break;
    case FB_NULL:
        break;
    }
    Py_INCREF(constant);
    return constant;
}

static struct source source_of(fbpy_state *state, const fb_result *result)
{
    size_t count = 0;
    return (struct source){state, fb_result_payload(result).data, fb_result_nodes(result, &count)};
}

PyObject *fbpy_claims(fbpy_state *state, const fb_result *result)
{
    struct source source = source_of(state, result);
    return value_at(&source, 0);
}

PyObject *fbpy_claim(fbpy_state *state, const fb_result *result, const char *name)
{
    struct source source = source_of(state, result);
    size_t index = fb_result_claim(result, fb_text(name));
    return index == 0 ? Py_NewRef(Py_None) : value_at(&source, (uint32_t)index);
}
