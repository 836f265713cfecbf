/*
 * What the files of the JSON reader share. Nobody else includes it: the reader's interface is in encoding.h.
 */
#ifndef FB_JSON_H
#define FB_JSON_H

#include "encoding/encoding.h"

typedef struct fb__scanner {
    const char *text, *at, *end;
    bool lenient, takes_array;
    size_t max_depth;
    const fb_mem *mem;
    fb_node *nodes;
    size_t count, capacity; /* count is already that of the node which follows the one that is being read */
} fb__scanner;

static inline void fb__json_write_node(const fb__scanner *s, const char *start, size_t size, fb_kind kind, bool escaped,
                                       fb_node *out)
{
    *out = (fb_node){(uint32_t)(start - s->text), (uint32_t)size, (uint32_t)s->count, (uint8_t)kind, escaped, 0};
}

/* json_string.c: moves s->at from an opening quote past the closing one. False: not valid escapes and UTF-8. */
bool fb__json_read_string(fb__scanner *s, fb_node *out);

/* json_number.c: moves s->at past a number. False: not a number, or a longer or larger one than is accepted. */
bool fb__json_read_number(fb__scanner *s, fb_node *out);

/* json_object.c: whether all members of the object at this index, which ends here, have different names. */
fb__json_status fb__json_check_names(const fb__scanner *s, size_t object);

#endif
