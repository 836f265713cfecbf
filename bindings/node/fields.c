/*
 * C structs by the names of their members: a table says what JavaScript may give, and what it gets.
 */
#include "binding.h"

#include <string.h>

fb_list fbnode_read_texts(fbnode_reader *reader, napi_value array)
{
    uint32_t count = 0;
    fb_list list = {NULL, 0};
    if (napi_get_array_length(reader->env, array, &count) != napi_ok) {
        reader->failed = true;
        return list;
    }
    fb_slice *items = fbnode_reader_allocate(reader, (count + 1) * sizeof(*items)); /* + 1: see read_bytes */
    for (uint32_t i = 0; items != NULL && i < count; i++) {
        napi_value item = NULL;
        if (napi_get_element(reader->env, array, i, &item) != napi_ok) {
            reader->failed = true;
            return list;
        }
        items[i] = fbnode_read_text(reader, item);
    }
    return items == NULL ? list : (fb_list){items, count};
}

/* [[text, texts or undefined], ...] as pairs of a slice and a list, in the form of fb_required_claim. */
static void read_pairs(fbnode_reader *reader, napi_value array, char *to)
{
    uint32_t count = 0;
    if (napi_get_array_length(reader->env, array, &count) != napi_ok) {
        reader->failed = true;
        return;
    }
    fb_required_claim *items = fbnode_reader_allocate(reader, (count + 1) * sizeof(*items));
    for (uint32_t i = 0; !reader->failed && i < count; i++) {
        napi_value pair = NULL, first = NULL, second = NULL;
        napi_valuetype type = napi_undefined;
        if (napi_get_element(reader->env, array, i, &pair) != napi_ok ||
            napi_get_element(reader->env, pair, 0, &first) != napi_ok ||
            napi_get_element(reader->env, pair, 1, &second) != napi_ok ||
            napi_typeof(reader->env, second, &type) != napi_ok) {
            reader->failed = true;
            return;
        }
        items[i] = (fb_required_claim){.claim = fbnode_read_text(reader, first)};
        if (type != napi_undefined) {
            items[i].values = fbnode_read_texts(reader, second);
        }
    }
    size_t counted = items == NULL ? 0 : count;
    memcpy(to, &items, sizeof(items)); /* through memcpy: the pointer is to either kind of pair */
    memcpy(to + sizeof(items), &counted, sizeof(counted));
}

static void read_field(fbnode_reader *reader, napi_value value, fbnode_type type, void *to)
{
    double number = 0.0;
    bool flag = false;
    if (type == FBNODE_SLICE) {
        *(fb_slice *)to = fbnode_read_text(reader, value);
    } else if (type == FBNODE_LIST) {
        *(fb_list *)to = fbnode_read_texts(reader, value);
    } else if (type == FBNODE_PAIRS) {
        read_pairs(reader, value, to);
    } else if (type == FBNODE_BOOL) {
        reader->failed |= napi_get_value_bool(reader->env, value, &flag) != napi_ok;
        *(bool *)to = flag;
    } else {
        reader->failed |= napi_get_value_double(reader->env, value, &number) != napi_ok;
        if (type == FBNODE_DOUBLE) {
            *(double *)to = number;
        } else if (type == FBNODE_SIZE) {
            *(size_t *)to = (size_t)number; /* JavaScript has checked: a whole number, 0 or more */
        } else {
            *(int *)to = (int)number;
        }
    }
}

void fbnode_fields_read(fbnode_reader *reader, napi_value from, const fbnode_field *fields, size_t count, void *to)
{
    for (size_t i = 0; i < count; i++) {
        napi_value value = NULL;
        napi_valuetype type = napi_undefined;
        if (napi_get_named_property(reader->env, from, fields[i].name, &value) != napi_ok ||
            napi_typeof(reader->env, value, &type) != napi_ok) {
            reader->failed = true;
            return;
        }
        if (type != napi_undefined) {
            read_field(reader, value, fields[i].type, (char *)to + fields[i].offset);
        }
    }
}

static double number_of(fbnode_type type, const void *from)
{
    switch (type) {
    case FBNODE_DOUBLE:
        return *(const double *)from;
    case FBNODE_SIZE:
        return (double)*(const size_t *)from;
    case FBNODE_INT:
        return *(const int *)from;
    default:
        return (double)*(const uint64_t *)from;
    }
}

void fbnode_fields_write(fbnode_object *to, const fbnode_field *fields, size_t count, const void *from)
{
    for (size_t i = 0; i < count; i++) {
        const void *member = (const char *)from + fields[i].offset;
        napi_value simple = NULL;
        switch (fields[i].type) {
        case FBNODE_SLICE:
            fbnode_set(to, fields[i].name, fbnode_text(to->env, *(const fb_slice *)member));
            break;
        case FBNODE_LIST:
            (void)napi_get_undefined(to->env, &simple);
            fbnode_set(to, fields[i].name,
                       ((const fb_list *)member)->items == NULL ? simple
                                                                : fbnode_texts(to->env, *(const fb_list *)member));
            break;
        case FBNODE_PAIRS: /* only read: no default has any */
            (void)napi_get_undefined(to->env, &simple);
            fbnode_set(to, fields[i].name, simple);
            break;
        case FBNODE_CHARS:
            fbnode_set(to, fields[i].name,
                       fbnode_text(to->env, *(const char *)member == '\0' ? fb_text(NULL) : fb_text(member)));
            break;
        case FBNODE_BOOL:
            (void)napi_get_boolean(to->env, *(const bool *)member, &simple);
            fbnode_set(to, fields[i].name, simple);
            break;
        default:
            fbnode_set_number(to, fields[i].name, number_of(fields[i].type, member));
        }
    }
}

napi_value fbnode_fields_names(napi_env env, const fbnode_field *fields, size_t count)
{
    napi_value names = NULL, name = NULL;
    if (napi_create_array(env, &names) != napi_ok) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        name = fbnode_text(env, fb_text(fields[i].name));
        if (name == NULL || napi_set_element(env, names, (uint32_t)i, name) != napi_ok) {
            return NULL;
        }
    }
    return names;
}
