/*
 * What a required claim must be: values given as JSON texts, read once by the strict scanner and compared with what a
 * verified payload holds. Numbers are compared as the numbers that their digits write, of any size, without rounding.
 */
#include "verify/verify.h"

/* An exponent beyond that is not a number that somebody means, and is equal to none. */
enum { MAX_EXPONENT_DIGITS = 15 };

/* False: its exponent is beyond all reason. text is a number of JSON of at most FB__MAX_NUMBER bytes. */
static bool read_number(const char *text, size_t size, fb__number *out)
{
    size_t i = text[0] == '-', trailing = 0;
    bool fraction = false;
    *out = (fb__number){.negative = i != 0};
    for (; i < size && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            fraction = true;
            continue;
        }
        if (text[i] != '0' || out->count > 0) {
            out->digits[out->count++] = text[i];
            trailing = text[i] == '0' ? trailing + 1 : 0;
            out->exponent += !fraction;
        } else {
            out->exponent -= fraction;
        }
    }
    out->count = (uint16_t)(out->count - trailing);
    const bool minus = i + 1 < size && text[i + 1] == '-';
    int64_t exponent = 0;
    size_t digits = 0;
    for (; i < size; i++) {
        if (!fb__is_digit(text[i]) || (digits == 0 && text[i] == '0')) {
            continue;
        }
        if (++digits > MAX_EXPONENT_DIGITS && out->count > 0) {
            return false;
        }
        exponent = digits > MAX_EXPONENT_DIGITS ? 0 : exponent * 10 + (text[i] - '0');
    }
    out->exponent += minus ? -exponent : exponent;
    if (out->count == 0) {
        out->negative = false;
        out->exponent = 0;
    }
    return true;
}

static bool same_number(const fb__number *a, const fb__number *b)
{
    return a->count == b->count && a->negative == b->negative && a->exponent == b->exponent &&
           memcmp(a->digits, b->digits, a->count) == 0;
}

/* The text as the only member of an object, since that is what the scanner reads. */
static bool scan(fb__arena *arena, fb_slice json, char **text, fb_node nodes[3], bool *valid)
{
    static const char head[] = "{\"\":";
    const size_t before = sizeof(head) - 1;
    size_t count = 0;
    *text = fb__arena_take(arena, fb__size_add(json.size, before + 1));
    if (*text == NULL) {
        return false;
    }
    memcpy(*text, head, before);
    if (json.size > 0) {
        memcpy(*text + before, json.data, json.size);
    }
    (*text)[before + json.size] = '}';
    *valid = fb__json_scan(*text, json.size + before + 1, FB__JSON_STRICT, 2, &arena->mem, nodes, 3, &count) ==
                 FB__JSON_OK &&
             count == 3;
    return true;
}

static bool read_scalar(fb__claim_value *out, fb__arena *arena, const char *text, const fb_node *node,
                        const char **problem)
{
    const char *start = text + node->offset;
    out->kind = node->kind == FB_INTEGER ? (uint8_t)FB_REAL : node->kind;
    if (node->kind == FB_STRING) {
        char *plain = fb__arena_take(arena, node->length);
        out->string = (fb_slice){plain, plain == NULL ? 0 : fb_unescape(start, node->length, plain)};
        return plain != NULL;
    }
    if (out->kind == FB_REAL) {
        fb__number *number = fb__arena_take(arena, sizeof(*number));
        out->number = number;
        *problem = number != NULL && !read_number(start, node->length, number) ? "a number out of range" : NULL;
        return number != NULL;
    }
    return true;
}

bool fb__claim_value_read(fb__claim_value *out, fb__arena *arena, fb_slice json, const char **problem)
{
    char *text;
    fb_node nodes[3];
    bool valid = false;
    *problem = NULL;
    *out = (fb__claim_value){.kind = FB_NULL};
    if (!scan(arena, json, &text, nodes, &valid)) {
        return false;
    }
    if (!valid || nodes[2].kind == FB_NULL || nodes[2].kind >= FB_ARRAY) {
        *problem = "a value that is not one string, number, true or false of JSON";
        return true;
    }
    return read_scalar(out, arena, text, &nodes[2], problem);
}

static bool holds_value(const fb__required *required, const char *text, const fb_node *node)
{
    fb__number number;
    const bool is_number = node->kind == FB_INTEGER || node->kind == FB_REAL;
    if (is_number && !read_number(text + node->offset, node->length, &number)) {
        return false;
    }
    for (size_t i = 0; i < required->texts.count; i++) {
        const fb__claim_value *value = &required->values[i];
        if (is_number ? value->kind == FB_REAL && same_number(&number, value->number)
                      : value->kind == node->kind &&
                            (value->kind != FB_STRING || fb__json_equal(text, node, value->string))) {
            return true;
        }
    }
    return false;
}

bool fb__claim_value_holds(const fb__required *required, const char *text, const fb_node *nodes, size_t index)
{
    if (nodes[index].kind != FB_ARRAY) {
        return holds_value(required, text, &nodes[index]);
    }
    for (size_t i = index + 1; i < nodes[index].next; i = nodes[i].next) {
        if (holds_value(required, text, &nodes[i])) {
            return true;
        }
    }
    return false;
}
