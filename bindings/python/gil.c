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
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
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

/* ---- threads that ask for the GIL as the interpreter begins to end ---- */

#ifdef _WIN32
static void count_askers(void)
{
}

static void wait_for_askers(void)
{
}
#else
enum { ASKERS_PATIENCE_MS = 30000 }; /* they need a moment, but of a processor, which may be busy */

static atomic_uint askers;
static pthread_key_t asking; /* not NULL in a thread that is one of them, which may end while it asks */
static pthread_once_t askers_once = PTHREAD_ONCE_INIT;
static bool askers_end; /* before 3.14, in pthread_exit(); later they stay where they are, and may */

static void on_thread_end(void *Py_UNUSED(value))
{
    (void)atomic_fetch_sub(&askers, 1);
}

/* The other threads of the parent do not exist in the child. */
static void on_fork(void)
{
    atomic_store(&askers, 0);
}

static void prepare_askers(void)
{
    const char *minor = strchr(Py_GetVersion(), '.');
    askers_end = minor != NULL && strtol(minor + 1, NULL, 10) < 14 && pthread_key_create(&asking, on_thread_end) == 0 &&
                 pthread_atfork(NULL, NULL, on_fork) == 0;
}

static void count_askers(void)
{
    (void)pthread_once(&askers_once, prepare_askers);
}

static void wait_for_askers(void)
{
    const struct timespec moment = {0, 1000000};
    for (int waited = 0; waited < ASKERS_PATIENCE_MS && askers_end && atomic_load(&askers) > 0; waited++) {
        (void)nanosleep(&moment, NULL);
    }
}
#endif

/*
 * While the interpreter is still there, threads that ask for the GIL find out that they must end, and others leave
 * OpenSSL. If exit() were the first to wait for them, some would go on asking when it has been freed.
 */
static void on_end(PyObject *Py_UNUSED(capsule))
{
    if (interpreter_is_ending()) {
        wait_for_askers(); /* first: a thread that ends may need OpenSSL */
        fb_begin_exit();
    }
}

/* What the interpreter's dictionary holds is released after all modules, and before the interpreter. */
int fbpy_watch_end(void)
{
    count_askers();
    PyObject *dict = PyInterpreterState_GetDict(PyInterpreterState_Get());
    if (dict == NULL) {
        return 0;
    }
    PyObject *capsule = PyCapsule_New(&is_finalizing, NULL, on_end);
    int status = capsule == NULL ? -1 : PyDict_SetItemString(dict, "fastbearer._native", capsule);
    Py_XDECREF(capsule);
    return status;
}

#ifdef _WIN32
static void ask(PyThreadState *released)
{
    PyEval_RestoreThread(released);
}
#else
static void ask(PyThreadState *released)
{
    const bool counted = askers_end && pthread_setspecific(asking, &askers) == 0;
    (void)atomic_fetch_add(&askers, counted);
    if (interpreter_is_ending()) {
        (void)atomic_fetch_sub(&askers, counted);
        for (;;) {
            (void)pause();
        }
    }
    PyEval_RestoreThread(released);
    (void)atomic_fetch_sub(&askers, counted);
    if (counted) {
        (void)pthread_setspecific(asking, NULL);
    }
}
#endif

/* A thread that holds the GIL while the interpreter is ending is the one that ends it. */
PyThreadState *fbpy_gil_release(void)
{
    return interpreter_is_ending() ? NULL : PyEval_SaveThread();
}

void fbpy_gil_acquire(PyThreadState *released)
{
    if (released != NULL) {
        ask(released);
    }
}
