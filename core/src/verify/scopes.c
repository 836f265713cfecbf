/*
 * What a token grants (RFC 6749 section 3.3, RFC 8693 section 4.2), and whether that is what this server requires.
 * Given verified claims.
 */
#include "verify/claims.h"

/* Room for count scopes; NULL when there is none. */
static fb_slice *scope_room(fb_result *result, size_t count)
{
    fb_slice *room = result->few_scopes;
    if (count > FB__FEW_SCOPES) {
        const size_t bytes = fb__size_multiply(count, sizeof(*room));
        room = fb__alloc(&result->mem, bytes);
        if (room == NULL) {
            return NULL;
        }
        result->bytes += bytes;
    }
    result->scopes.items = room;
    return room;
}

/* Separated by U+0020 and by nothing else. */
static bool split_scopes(fb_result *result, fb_slice value)
{
    size_t count = 1;
    for (size_t i = 0; i < value.size; i++) {
        count += value.data[i] == ' ';
    }
    fb_slice *room = scope_room(result, count);
    if (room == NULL) {
        return false;
    }
    const char *end = value.data + value.size;
    for (const char *start = value.data; start < end;) {
        const char *space = memchr(start, ' ', (size_t)(end - start));
        const char *stop = space == NULL ? end : space;
        if (stop > start) {
            room[result->scopes.count++] = (fb_slice){start, (size_t)(stop - start)};
        }
        start = stop + 1;
    }
    return true;
}

static fb_status mistyped(const fb__claims *claims, fb_slice name, size_t index)
{
    return fb__claims_mistyped(claims, FB_SCOPE_INVALID, name, index, "a string or an array of strings");
}

static fb_status list_scopes(fb__claims *claims, size_t array, fb_slice name)
{
    const size_t end = claims->nodes[array].next;
    for (size_t i = array + 1; i < end; i = claims->nodes[i].next) {
        if (claims->nodes[i].kind != FB_STRING) {
            return mistyped(claims, name, array);
        }
    }
    fb_slice *room = scope_room(claims->result, end - array - 1);
    if (room == NULL) {
        return fb__out_of_memory(claims->error);
    }
    for (size_t i = array + 1; i < end; i++) {
        if (claims->nodes[i].length == 0) {
            continue;
        }
        if (!fb__result_text(claims->result, &claims->nodes[i], &room[claims->result->scopes.count])) {
            return fb__out_of_memory(claims->error);
        }
        claims->result->scopes.count++;
    }
    return FB_OK;
}

fb_status fb__claims_read_scopes(fb__claims *claims)
{
    const fb_list *sources = &claims->policy->scope_claims;
    fb_result *result = claims->result;
    result->scopes.items = result->few_scopes;
    for (size_t i = 0; i < sources->count; i++) {
        const size_t index = fb__json_member(claims->text, claims->nodes, 0, sources->items[i]);
        if (index == 0) {
            continue;
        }
        if (claims->nodes[index].kind == FB_ARRAY) {
            return list_scopes(claims, index, sources->items[i]);
        }
        if (claims->nodes[index].kind != FB_STRING) {
            return mistyped(claims, sources->items[i], index);
        }
        fb_slice value;
        return fb__result_text(result, &claims->nodes[index], &value) && split_scopes(result, value)
                   ? FB_OK
                   : fb__out_of_memory(claims->error);
    }
    return FB_OK;
}

static bool holds(const fb_list *scopes, fb_slice scope)
{
    for (size_t i = 0; i < scopes->count; i++) {
        if (fb__slice_equal(scopes->items[i], scope)) {
            return true;
        }
    }
    return false;
}

fb_status fb__claims_check_scopes(fb__claims *claims)
{
    const fb_list *required = &claims->policy->required_scopes, *granted = &claims->result->scopes;
    fb_slice names[FB__MAX_REQUIRED_SCOPES];
    fb_list absent = {names, 0};
    uint64_t missing = 0;
    for (size_t i = 0; i < required->count; i++) {
        if (!holds(granted, required->items[i])) {
            missing |= (uint64_t)1 << i;
            names[absent.count++] = required->items[i];
        }
    }
    if (missing == 0) {
        return FB_OK;
    }
    (void)fb__reject(claims->error, FB_INSUFFICIENT_SCOPE, (fb_slice){NULL, 0});
    if (FB__HAS(claims->error, missing_scopes)) {
        claims->error->missing_scopes = missing;
    }
    fb__set_expected_list(claims->error, &absent, " ");
    fb__set_actual_list(claims->error, granted, " ");
    return FB_INSUFFICIENT_SCOPE;
}
