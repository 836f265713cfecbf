/*
 * Text that the library makes for a caller, and JSON strings in it. Room is worked out before, by who writes.
 */
#include "mint/mint.h"

#include <stdio.h>

fb_string *fb__string_new(const fb_mem *mem, size_t room)
{
    fb_string *string = fb__alloc(mem, fb__size_add(sizeof(*string) + 1, room));
    if (string != NULL) {
        string->mem = *mem;
        string->size = 0;
    }
    return string;
}

void fb__string_add(fb_string *string, const char *data, size_t size)
{
    memcpy(string->text + string->size, data, size);
    string->size += size;
    string->text[string->size] = '\0';
}

void fb__string_add_text(fb_string *string, const char *text)
{
    fb__string_add(string, text, strlen(text));
}

fb_slice fb_string_text(const fb_string *string)
{
    return (fb_slice){string->text, string->size};
}

void fb_string_free(fb_string *string)
{
    if (string != NULL) {
        fb_mem mem = string->mem;
        fb__free(&mem, string);
    }
}

size_t fb__quoted_room(size_t size)
{
    return fb__size_add(fb__size_multiply(size, 6), 2);
}

void fb__string_add_quoted(fb_string *string, fb_slice value)
{
    fb__string_add_text(string, "\"");
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c == '"' || c == '\\') {
            fb__string_add(string, (const char[]){'\\', (char)c}, 2);
        } else if (c < 0x20) {
            char escape[8];
            fb__string_add(string, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
        } else {
            fb__string_add(string, (const char *)&c, 1);
        }
    }
    fb__string_add_text(string, "\"");
}

fb_status fb__check_text(const fb_mem *mem, const char *name, fb_slice value, fb_error *error)
{
    if (value.size == 0) {
        return FB_OK;
    }
    fb_string *document = fb__string_new(mem, fb__size_add(fb__quoted_room(value.size), 8));
    if (document == NULL) {
        return fb__out_of_memory(error);
    }
    fb_node nodes[4];
    size_t count;
    fb__string_add_text(document, "{\"v\":");
    fb__string_add_quoted(document, value);
    fb__string_add_text(document, "}");
    fb__json_status status = fb__json_scan(document->text, document->size, FB__JSON_STRICT, 2, mem, nodes, 4, &count);
    fb_string_free(document);
    return status == FB__JSON_OK
               ? FB_OK
               : fb__fail(error, FB_CONFIGURATION_INVALID, "%s is not valid UTF-8 text without NUL", name);
}

void fb__string_add_member(fb_string *string, const char *name, fb_slice value)
{
    fb__string_add_text(string, string->text[string->size - 1] == '{' ? "\"" : ",\"");
    fb__string_add_text(string, name);
    fb__string_add_text(string, "\":");
    fb__string_add_quoted(string, value);
}
