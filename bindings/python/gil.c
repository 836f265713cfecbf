/*
 * Releasing the GIL, and taking it again in a process that may be ending. Before CPython 3.14 a daemon thread that asks
 * for the GIL while the interpreter is torn down ends there, or touches what has been freed: it must not ask.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include "convert.h"

#include <string.h>

#ifndef _WIN32
#include <dlfcn.h>
#include <unistd.h>
#endif

/* The limited API has this function from 3.13 on, and before that it had an underscore. */
static _Atomic(int (*)(void)) is_finalizing;

void fbpy_gil_init(void)
{
#if !defined(Py_LIMITED_API)
    atomic_store(&is_finalizing, Py_IsFinalizing);
#elif !defined(_WIN32)
    void *found = dlsym(RTLD_DEFAULT, "Py_IsFinalizing");
    if (found == NULL) {
        found = dlsym(RTLD_DEFAULT, "_Py_IsFinalizing");
    }
    int (*function)(void) = NULL;
    memcpy(&function, &found, sizeof(function)); /* ISO C has no cast between the two */
    atomic_store(&is_finalizing, function);
#endif
}

static bool interpreter_is_ending(void)
{
    int (*function)(void) = atomic_load_explicit(&is_finalizing, memory_order_relaxed);
    return function != NULL && function() != 0;
}

/*
 * Other threads leave OpenSSL while the interpreter is still there. If exit() were the first to wait for them, threads
 * that have asked for the GIL before the interpreter began to end would go on asking when it has been freed, and 3.10
 * looks into it then.
 */
static void on_end(PyObject *Py_UNUSED(capsule))
{
    if (interpreter_is_ending()) {
        fb_begin_exit();
    }
}

/* What the interpreter's dictionary holds is released after all modules, and before the interpreter. */
int fbpy_watch_end(void)
{
    PyObject *dict = PyInterpreterState_GetDict(PyInterpreterState_Get());
    if (dict == NULL) {
        return 0;
    }
    PyObject *capsule = PyCapsule_New(&is_finalizing, NULL, on_end);
    int status = capsule == NULL ? -1 : PyDict_SetItemString(dict, "fastbearer._native", capsule);
    Py_XDECREF(capsule);
    return status;
}

/* A thread that holds the GIL while the interpreter is ending is the one that ends it. */
PyThreadState *fbpy_gil_release(void)
{
    return interpreter_is_ending() ? NULL : PyEval_SaveThread();
}

void fbpy_gil_acquire(PyThreadState *released)
{
    if (released == NULL) {
        return;
    }
#ifndef _WIN32
    while (interpreter_is_ending()) {
        (void)pause(); /* for ever */
    }
#endif
    PyEval_RestoreThread(released);
}
