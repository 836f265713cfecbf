/* Conversion between Python and C values. Text that comes from Python is borrowed from its object. */
#include "convert.h"

#include <string.h>

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
