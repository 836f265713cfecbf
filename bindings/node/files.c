/*
 * Calls of POSIX that Node does not have, for stores in files: what is in a folder that is open, whatever has become of
 * its name since, and a lock that ends with the process that holds it. Given paths and open files of this package's
 * own. Each returns a number: the system's answer, or its error negated. Windows has none of them.
 */
#include "binding.h"

#if defined(_WIN32)

const fbnode_function fbnode_files_functions[] = {{NULL, NULL}};

#else

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static napi_value answer(const fbnode_call *call, int found)
{
    napi_value out = NULL;
    (void)napi_create_double(call->env, found < 0 ? -(double)errno : (double)found, &out);
    return out;
}

static int file_of(const fbnode_call *call, size_t index)
{
    return (int)fbnode_number(call, call->arguments[index]);
}

/* With a NUL; NULL, and the reader has failed, when there is no memory. */
static const char *path_of(const fbnode_call *call, fbnode_reader *reader, size_t index)
{
    const fb_slice text = fbnode_read_text(reader, call->arguments[index]);
    char *path = reader->failed ? NULL : fbnode_reader_allocate(reader, text.size + 1);
    if (path != NULL && text.data != NULL) {
        memcpy(path, text.data, text.size);
    }
    if (path != NULL) {
        path[text.size] = '\0';
    }
    return path;
}

/* (an open folder, or a negative number: the working directory, path, flags, mode) -> an open file */
static napi_value open_at(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    const int folder = file_of(&call, 0), flags = file_of(&call, 2);
    const char *path = path_of(&call, &reader, 1);
    const mode_t mode = (mode_t)fbnode_number(&call, call.arguments[3]);
    errno = ENOMEM;
    const int file = path == NULL ? -1 : openat(folder < 0 ? AT_FDCWD : folder, path, flags | O_CLOEXEC, mode);
    napi_value out = answer(&call, file);
    fbnode_reader_clear(&reader);
    if (out == NULL && file >= 0) { /* nobody could close it */
        (void)close(file);
    }
    return out;
}

/* (an open folder, name, new name) -> 0 */
static napi_value rename_at(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    const int folder = file_of(&call, 0);
    const char *from = path_of(&call, &reader, 1), *to = path_of(&call, &reader, 2);
    errno = ENOMEM;
    napi_value out = answer(&call, from == NULL || to == NULL ? -1 : renameat(folder, from, folder, to));
    fbnode_reader_clear(&reader);
    return out;
}

/* (an open folder, name) -> 0 */
static napi_value unlink_at(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    fbnode_reader reader = {.env = env};
    const char *name = path_of(&call, &reader, 1);
    errno = ENOMEM;
    napi_value out = answer(&call, name == NULL ? -1 : unlinkat(file_of(&call, 0), name, 0));
    fbnode_reader_clear(&reader);
    return out;
}

/* (an open file) -> 0, or at once the error that says that somebody else has locked it */
static napi_value lock(napi_env env, napi_callback_info info)
{
    fbnode_call call;
    if (!fbnode_begin(&call, env, info)) {
        return NULL;
    }
    return answer(&call, flock(file_of(&call, 0), LOCK_EX | LOCK_NB));
}

const fbnode_function fbnode_files_functions[] = {
    {"openAt", open_at}, {"renameAt", rename_at}, {"unlinkAt", unlink_at}, {"lock", lock}, {NULL, NULL},
};

#endif
