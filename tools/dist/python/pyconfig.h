/*
 * What Python.h asks of a configuration, for every target: all of them have 64 bits. The one that CPython's configure
 * writes is its own machine's; the sizes here are checked by the compiler.
 */
#ifndef FB_PYCONFIG_H
#define FB_PYCONFIG_H

#define HAVE_LONG_LONG 1
#define SIZEOF_SHORT 2
#define SIZEOF_INT 4
#define SIZEOF_LONG_LONG 8
#define SIZEOF_VOID_P 8
#define SIZEOF_SIZE_T 8
#define SIZEOF_TIME_T 8
#define SIZEOF_FLOAT 4
#define SIZEOF_DOUBLE 8
#define SIZEOF__BOOL 1
#define WITH_DOC_STRINGS 1
#define WITH_THREAD 1

#ifdef _WIN32
#define MS_WINDOWS 1
#define MS_WIN32 1
#define MS_WIN64 1
#define HAVE_DECLSPEC_DLL 1
#define Py_ENABLE_SHARED 1
#define PLATFORM "win32"
#define SIZEOF_LONG 4
#define SIZEOF_WCHAR_T 2
#define SIZEOF_PID_T 4
typedef long long Py_ssize_t;
#define HAVE_PY_SSIZE_T 1
#define NT_THREADS 1
#define PY_SSIZE_T_MAX 9223372036854775807LL
#define PY_LLONG_MIN (-9223372036854775807LL - 1)
#define PY_LLONG_MAX 9223372036854775807LL
#define PY_ULLONG_MAX 18446744073709551615ULL
#else
#define SIZEOF_LONG 8
#define SIZEOF_WCHAR_T 4
#define SIZEOF_PID_T 4
#define HAVE_SSIZE_T 1
#define HAVE_PTHREAD_H 1
#define HAVE_UNISTD_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_STDINT_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_WCHAR_H 1
#endif

_Static_assert(sizeof(short) == SIZEOF_SHORT && sizeof(int) == SIZEOF_INT && sizeof(long) == SIZEOF_LONG, "integers");
_Static_assert(sizeof(void *) == SIZEOF_VOID_P && sizeof(long long) == SIZEOF_LONG_LONG, "pointers");
_Static_assert(sizeof(__WCHAR_TYPE__) == SIZEOF_WCHAR_T, "wide characters");

#endif
