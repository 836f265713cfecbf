/*
 * A host's own entries in OpenSSL's error queue, and whether they are as they were. KEEPS(call) is for every call of a
 * public function.
 */
#ifndef FB_TEST_HOST_ERRORS_H
#define FB_TEST_HOST_ERRORS_H

#include "test.h"

#include <openssl/err.h>
#include <stdbool.h>

enum { HOST_ROOM = 15 /* entries that OpenSSL keeps */, HOST_TEXT = 512 };

/* marked: on the newest, as before a call whose errors are to be dropped. */
static struct {
    int entries;
    bool marked;
} host;
static char host_texts[HOST_ROOM][HOST_TEXT];

/* Of every kind, and the newest says that memory ran out, long ago. */
static inline void host_raise(int number)
{
    char function[32];
    snprintf(function, sizeof(function), "host_%d", number);
    ERR_new();
    ERR_set_debug("host.c", 100 + number, function);
    if (number == host.entries - 1) {
        ERR_set_error(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE, NULL);
    } else if (number % 3 == 0) {
        ERR_set_error(ERR_LIB_SYS, 2, "calling open(%s)", "/nowhere");
    } else if (number % 3 == 1) {
        ERR_set_error(ERR_LIB_USER, number, "entry %d of the host", number);
    } else {
        ERR_set_error(ERR_LIB_SSL, 42 + number, NULL);
    }
}

static inline void host_fill(void)
{
    ERR_clear_error();
    for (int i = 0; i < host.entries; i++) {
        host_raise(i);
    }
    if (host.marked) {
        (void)ERR_set_mark();
    }
}

/* Takes the oldest out of the queue; "" when there is none. Of the flags, one is about memory that OpenSSL reuses. */
static inline void host_next(char text[HOST_TEXT])
{
    const char *file, *function, *data;
    int line, flags;
    const unsigned long code = ERR_get_error_all(&file, &line, &function, &data, &flags);
    text[0] = '\0';
    if (code != 0) {
        snprintf(text, HOST_TEXT, "%lx %s:%d %s \"%s\" %d", code, file, line, function, data, flags & ERR_TXT_STRING);
    }
}

static inline void host_begin(int entries, bool marked)
{
    host.entries = entries;
    host.marked = marked;
    host_fill();
    for (int i = 0; i < HOST_ROOM; i++) {
        host_next(host_texts[i]);
    }
    host_fill();
}

/* Takes the queue apart, and fills it again. */
static inline void host_check(const char *call)
{
    char text[HOST_TEXT];
    if ((host.marked ? ERR_pop_to_mark() : ERR_clear_last_mark()) != (host.marked && host.entries > 0)) {
        FAIL("%s, with %d entries: the mark is not the host's", call, host.entries);
    }
    for (int i = 0; i < HOST_ROOM; i++) {
        host_next(text);
        if (strcmp(text, host_texts[i]) != 0) {
            FAIL("%s, with %d entries: number %d was %s and is %s", call, host.entries, i, host_texts[i], text);
            break;
        }
    }
    test_checks++;
    host_fill();
}

/* Names of the functions that were called, for whoever wants to know which were not. */
static char host_called[4096] = " ";

static inline void host_note(const char *call)
{
    char name[64];
    snprintf(name, sizeof(name), " %.*s ", (int)strcspn(call, "("), call);
    if (strstr(host_called, name) == NULL && strlen(host_called) + strlen(name) < sizeof(host_called)) {
        strcat(host_called, name + 1);
    }
    host_check(call);
}

#define KEEPS(call)                         \
    __extension__({                         \
        __typeof__(call) host_value = call; \
        host_note(#call);                   \
        host_value;                         \
    })
#define KEEPS_VOID(call) ((call), host_note(#call))

#endif
