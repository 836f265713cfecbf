/*
 * OpenSSL's error queue is one a thread and belongs to whoever called us. It has room for fifteen entries: marking it
 * is not enough, since what we cause pushes the caller's oldest out, and libcurl empties it. So what is in it when we
 * begin is put aside and put back at the end. Nearly always that is nothing, and costs a look.
 */
#include "base/base.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>

/* What an entry holds beside its code; texts that are longer are cut (OpenSSL's own are shorter). */
struct fb__error_text {
    int line, flags;
    char file[256], function[256], data[1024];
};

static void copy(char *out, size_t room, const char *text)
{
    (void)snprintf(out, room, "%s", text == NULL ? "" : text);
}

void fb__openssl_hide(fb__openssl_errors *host)
{
    const char *file, *function, *data;
    int line, flags;
    unsigned long code;
    while (ERR_clear_last_mark() == 1) {
        host->marks++;
    }
    /* Without memory the codes remain, which is what a program looks at. */
    host->texts = fb__alloc(&fb__mem_default, FB__MAX_OPENSSL_ERRORS * sizeof(*host->texts));
    while (host->count < FB__MAX_OPENSSL_ERRORS &&
           (code = ERR_get_error_all(&file, &line, &function, &data, &flags)) != 0) {
        if (host->texts != NULL) {
            struct fb__error_text *text = &host->texts[host->count];
            text->line = line;
            text->flags = flags;
            copy(text->file, sizeof(text->file), file);
            copy(text->function, sizeof(text->function), function);
            copy(text->data, sizeof(text->data), data);
        }
        host->codes[host->count++] = code;
    }
}

static void put_back(unsigned long code, const struct fb__error_text *text)
{
    const bool has_data = text != NULL && (text->flags & ERR_TXT_STRING) != 0;
    ERR_new();
    if (text != NULL) {
        ERR_set_debug(text->file, text->line, text->function);
    }
    if (has_data) {
        ERR_set_error(ERR_GET_LIB(code), ERR_GET_REASON(code), "%s", text->data);
    } else {
        ERR_set_error(ERR_GET_LIB(code), ERR_GET_REASON(code), NULL);
    }
}

/* Where the caller's marks were cannot be asked for; they come back on the newest entry, where a mark is set. */
void fb__openssl_show(fb__openssl_errors *host)
{
    ERR_clear_error();
    for (size_t i = 0; i < host->count; i++) {
        put_back(host->codes[i], host->texts == NULL ? NULL : &host->texts[i]);
    }
    for (unsigned i = 0; i < host->marks; i++) {
        (void)ERR_set_mark();
    }
    fb__free(&fb__mem_default, host->texts);
}

/* Allocations as large as those for a key or a verification. */
static bool can_allocate(void)
{
    static const size_t sizes[] = {32, 256, 2048, 16384};
    bool can = true;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && can; i++) {
        void *memory = OPENSSL_malloc(sizes[i]);
        can = memory != NULL;
        OPENSSL_free(memory);
    }
    return can;
}

bool fb__openssl_out_of_memory(void)
{
    bool found = false;
    unsigned long code;
    while ((code = ERR_get_error()) != 0) {
        found = found || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    }
    return found || !can_allocate();
}
