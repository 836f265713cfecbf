/*
 * Claims as Python values, built from the core's nodes, without parsing the JSON text again. Nothing here raises for
 * the contents of a token: the core has checked them.
 */
#include "convert.h"

#include <string.h>

enum { NUMBER_SIZE = 256, LONG_DIGITS = 18, STACK_TEXT = 512, CACHED_NAME = 40 };

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

/* ---- of a token from the cache: the core keeps a dict with its entry, which nobody else ever sees --------------- */

/* What has a dict or a list of its own shares neither; the rest is immutable. */
static PyObject *copy(PyObject *value);

static PyObject *copy_dict(PyObject *dict)
{
    PyObject *copied = PyDict_Copy(dict), *key = NULL, *value = NULL;
    for (Py_ssize_t at = 0; copied != NULL && PyDict_Next(copied, &at, &key, &value);) {
        if (!PyList_CheckExact(value) && !PyDict_CheckExact(value)) {
            continue;
        }
        PyObject *own = copy(value);
        if (own == NULL || PyDict_SetItem(copied, key, own) < 0) {
            Py_CLEAR(copied);
        }
        Py_XDECREF(own);
    }
    return copied;
}

static PyObject *copy_list(PyObject *list)
{
    const Py_ssize_t size = PyList_Size(list);
    PyObject *copied = PyList_New(size);
    for (Py_ssize_t i = 0; copied != NULL && i < size; i++) {
        PyObject *own = copy(PyList_GetItem(list, i));
        if (own == NULL || PyList_SetItem(copied, i, own) < 0) {
            Py_CLEAR(copied);
        }
    }
    return copied;
}

/* Recursion is bounded as for value_at. */
static PyObject *copy(PyObject *value)
{
    return PyDict_CheckExact(value) ? copy_dict(value) : PyList_CheckExact(value) ? copy_list(value) : Py_NewRef(value);
}

/* Runs under a lock of the core. The values are of exact types, so that no code of anybody else runs. */
static void release_kept(void *Py_UNUSED(context), void *kept)
{
    Py_DECREF((PyObject *)kept);
}

/* What a dict of so many nodes occupies, on the whole. */
static size_t kept_bytes(const fb_result *result)
{
    enum { BASE = 256, NODE = 72 };
    size_t nodes = 0;
    (void)fb_result_nodes(result, &nodes);
    return BASE + NODE * nodes + fb_result_payload(result).size;
}

void fbpy_claims_keep(fbpy_state *state, const fb_verifier *verifier, fb_slice token, const fb_result *result)
{
    if (!fb_result_is_cached(result) || fb_result_attachment(result) != NULL ||
        !atomic_load_explicit(&state->reads_claims, memory_order_relaxed)) {
        return;
    }
    struct source source = source_of(state, result);
    fb_attachment attachment = FB_ATTACHMENT_INIT;
    attachment.data = value_at(&source, 0);
    attachment.bytes = kept_bytes(result);
    attachment.release = release_kept;
    if (attachment.data == NULL) {
        PyErr_Clear(); /* whoever asks for the claims is told */
    } else if (!fb_verifier_attach(verifier, token.data, token.size, &attachment)) {
        Py_DECREF((PyObject *)attachment.data);
    }
}

PyObject *fbpy_claims(fbpy_state *state, const fb_result *result)
{
    PyObject *kept = fb_result_attachment(result);
    if (kept != NULL) {
        return copy_dict(kept);
    }
    if (fb_result_is_cached(result)) {
        atomic_store_explicit(&state->reads_claims, true, memory_order_relaxed);
    }
    struct source source = source_of(state, result);
    return value_at(&source, 0);
}

PyObject *fbpy_claim(fbpy_state *state, const fb_result *result, const char *name)
{
    struct source source = source_of(state, result);
    size_t index = fb_result_claim(result, fb_text(name));
    return index == 0 ? Py_NewRef(Py_None) : value_at(&source, (uint32_t)index);
}
