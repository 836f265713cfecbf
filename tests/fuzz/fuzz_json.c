/*
 * Target functions: fb__json_scan, _bound, _member, _equal, _seconds, fb_unescape, against jansson: the same verdict
 * but for what is written down in excused, and the same values.
 */
#include "fuzz.h"

#include <ctype.h>
#include <math.h>

static const fb_node *nodes;
static const char *text;

static bool same(size_t at, const json_t *theirs);

static bool same_object(size_t at, const json_t *theirs)
{
    size_t members = 0;
    for (size_t i = at + 1; i < nodes[at].next; i = nodes[i + 1].next, members++) {
        char *name = malloc(nodes[i].length + 1U);
        REQUIRE(name != NULL && nodes[i].kind == FB_STRING);
        const size_t size = fb_unescape(text + nodes[i].offset, nodes[i].length, name);
        name[size] = '\0';
        const json_t *value = json_object_get(theirs, name);
        const size_t found = fb__json_member(text, nodes, at, (fb_slice){name, size});
        REQUIRE(value != NULL && found == i + 1);
        free(name);
        if (!same(i + 1, value)) {
            return false;
        }
    }
    return members == json_object_size(theirs);
}

static bool same_array(size_t at, const json_t *theirs)
{
    size_t count = 0;
    for (size_t i = at + 1; i < nodes[at].next; i = nodes[i].next, count++) {
        if (!same(i, json_array_get(theirs, count))) {
            return false;
        }
    }
    return count == json_array_size(theirs);
}

static bool same_number(const fb_node *node, const json_t *theirs)
{
    char copy[300];
    fb__seconds seconds;
    REQUIRE(node->length <= FB__MAX_NUMBER);
    memcpy(copy, text + node->offset, node->length);
    copy[node->length] = '\0';
    const bool in_range = fb__json_seconds(text, node, &seconds);
    if (node->kind == FB_INTEGER) {
        REQUIRE(in_range && seconds.whole == json_integer_value(theirs));
        return json_is_integer(theirs) && strtoll(copy, NULL, 10) == json_integer_value(theirs);
    }
    const double value = json_real_value(theirs);
    REQUIRE(in_range == (value >= -0x1p63 && value < 0x1p63));
    return json_is_real(theirs) && strtod(copy, NULL) == value && (!in_range || seconds.value == value);
}

static bool same(size_t at, const json_t *theirs)
{
    const fb_node *node = &nodes[at];
    switch ((fb_kind)node->kind) {
    case FB_NULL:
        return json_is_null(theirs);
    case FB_FALSE:
        return json_is_false(theirs);
    case FB_TRUE:
        return json_is_true(theirs);
    case FB_INTEGER:
    case FB_REAL:
        return same_number(node, theirs);
    case FB_STRING:
        return json_is_string(theirs) &&
               fb__json_equal(text, node, (fb_slice){json_string_value(theirs), json_string_length(theirs)});
    case FB_ARRAY:
        return json_is_array(theirs) && same_array(at, theirs);
    default:
        return json_is_object(theirs) && same_object(at, theirs);
    }
}

/* Limits that jansson does not have: 32 levels, 256 characters of a number. And jansson 2.14 loses a NUL that it has
 * read too far, behind a number: it reads "1\0," as "1,". Counted in and out of strings: an excuse too many costs a
 * check, one too few a false finding. */
static bool excused(const uint8_t *data, size_t size)
{
    size_t depth = 0, digits = 0;
    for (size_t i = 0; i < size; i++) {
        depth += data[i] == '[' || data[i] == '{';
        digits = isdigit(data[i]) || strchr("+-.eE", data[i]) != NULL ? digits + 1 : 0;
        if (depth > FB__MAX_DEPTH || digits > FB__MAX_NUMBER || data[i] == '\0') {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t error = {0};
    size_t count = 0;
    const size_t bound = fb__json_bound((const char *)data, size);
    REQUIRE(bound <= size + 1);
    fb_node *tape = malloc((bound + 1) * sizeof(*tape));
    REQUIRE(tape != NULL);
    nodes = tape;
    text = (const char *)data;
    const fb__json_status status =
        fb__json_scan(text, size, FB__JSON_STRICT, FB__MAX_DEPTH, &fb__mem_default, tape, bound, &count);
    REQUIRE(status == FB__JSON_OK || status == FB__JSON_INVALID);
    json_t *theirs = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (status == FB__JSON_OK) {
        REQUIRE(json_is_object(theirs) || strstr(error.text, "too big") != NULL);
        REQUIRE(theirs == NULL || same(0, theirs));
    } else {
        REQUIRE(!json_is_object(theirs) || excused(data, size));
    }
    json_decref(theirs);
    /* With fewer nodes than are there it stops, and writes none beyond. */
    if (status == FB__JSON_OK && count > 1) {
        REQUIRE(fb__json_scan(text, size, FB__JSON_STRICT, FB__MAX_DEPTH, &fb__mem_default, tape, count - 1, &count) ==
                FB__JSON_TOO_MANY_NODES);
    }
    free(tape);
    return 0;
}
