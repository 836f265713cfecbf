/*
 * What a token grants (RFC 6749 section 3.3, RFC 8693 section 4.2), and whether that is what this server requires.
 * Given verified claims. Work is linear in them, but for a factor of log n where scopes of several claims are merged.
 */
#include "verify/claims.h"

/* ---- room ----------------------------------------------------------------------------------- */

static fb_status mistyped(const fb__claims *claims, const fb__claim_path *path, size_t index)
{
    return fb__claims_mistyped(claims, FB_SCOPE_INVALID, path->name, index, "a string or an array of strings");
}

/* No more scopes than a string has spaces, which may be escapes, and one. */
static size_t count_scopes(const char *text, const fb_node *node)
{
    size_t count = 1;
    if (!node->escaped) {
        const char *at = text + node->offset, *const end = at + node->length;
        while (at < end && (at = memchr(at, ' ', (size_t)(end - at))) != NULL) {
            count++;
            at++;
        }
        return count;
    }
    for (uint32_t i = 0; i < node->length; i++) {
        const char c = text[node->offset + i];
        count += c == ' ' || c == '\\';
    }
    return count;
}

/* Adds to *count how many scopes a claim can hold, and to *escaped how much text of them cannot stay in the payload. */
static fb_status measure(const fb__claims *claims, const fb__claim_path *path, size_t index, size_t *count,
                         size_t *escaped)
{
    const fb_node *node = &claims->nodes[index];
    if (node->kind == FB_STRING) {
        *count += count_scopes(claims->text, node);
        *escaped += node->escaped ? node->length : 0;
        return FB_OK;
    }
    if (node->kind != FB_ARRAY) {
        return mistyped(claims, path, index);
    }
    for (size_t i = index + 1; i < node->next; i = claims->nodes[i].next) {
        if (claims->nodes[i].kind != FB_STRING) {
            return mistyped(claims, path, index);
        }
        *count += 1;
        *escaped += claims->nodes[i].escaped ? claims->nodes[i].length : 0;
    }
    return FB_OK;
}

/* Room for so many scopes and the text behind them, which *text points to. False: out of memory. */
static bool make_room(fb_result *result, size_t count, size_t escaped, char **text)
{
    result->scopes.items = result->few_scopes;
    *text = NULL;
    if (count <= FB__FEW_SCOPES && escaped == 0) {
        return true;
    }
    const size_t before = fb__size_multiply(count, sizeof(fb_slice)), bytes = fb__size_add(before, escaped);
    char *room = fb__alloc(&result->mem, bytes);
    if (room == NULL) {
        return false;
    }
    result->bytes += bytes;
    result->scopes.items = (const fb_slice *)(void *)room;
    *text = room + before;
    return true;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void add_scope(fb_result *result, fb_slice scope)
{
    if (scope.size > 0) {
        ((fb_slice *)(uintptr_t)result->scopes.items)[result->scopes.count++] = scope;
    }
}

static fb_slice plain_text(const fb__claims *claims, const fb_node *node, char **text)
{
    const fb_slice value = {claims->text + node->offset, node->length};
    if (!node->escaped) {
        return value;
    }
    const fb_slice plain = {*text, fb_unescape(value.data, value.size, *text)};
    *text += plain.size;
    return plain;
}

/* Separated by U+0020 and by nothing else. */
static void split_scopes(fb_result *result, fb_slice value)
{
    const char *const end = value.data + value.size;
    for (const char *start = value.data; start < end;) {
        const char *space = memchr(start, ' ', (size_t)(end - start));
        const char *stop = space == NULL ? end : space;
        add_scope(result, (fb_slice){start, (size_t)(stop - start)});
        start = stop + 1;
    }
}

static void add_scopes(const fb__claims *claims, size_t index, char **text)
{
    const fb_node *node = &claims->nodes[index];
    if (node->kind == FB_STRING) {
        split_scopes(claims->result, plain_text(claims, node, text));
        return;
    }
    for (size_t i = index + 1; i < node->next; i++) {
        add_scope(claims->result, plain_text(claims, &claims->nodes[i], text));
    }
}

/* ---- merging -------------------------------------------------------------------------------- */

/* An order in which equal scopes stand together, those that come first in the token first. */
static int compare(const fb_slice *a, const fb_slice *b)
{
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    const int order = memcmp(a->data, b->data, a->size);
    return order != 0 ? order : a < b ? -1 : a > b;
}

static void sift(fb_slice **heap, size_t root, size_t size)
{
    for (size_t child; (child = 2 * root + 1) < size; root = child) {
        child += child + 1 < size && compare(heap[child], heap[child + 1]) < 0;
        if (compare(heap[root], heap[child]) >= 0) {
            return;
        }
        fb_slice *kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
    }
}

/* Heapsort: n log n whatever the scopes are. */
static void sort(fb_slice **scopes, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) {
        sift(scopes, i - 1, count);
    }
    for (size_t left = count; left > 1; left--) {
        fb_slice *largest = scopes[0];
        scopes[0] = scopes[left - 1];
        scopes[left - 1] = largest;
        sift(scopes, 0, left - 1);
    }
}

/* Each scope once, where it comes first. False: out of memory. */
static bool drop_repeated(fb_result *result)
{
    enum { ON_STACK = 64 };
    fb_slice *on_stack[ON_STACK], *items = (fb_slice *)(uintptr_t)result->scopes.items;
    const size_t count = result->scopes.count;
    fb_slice **sorted = on_stack;
    if (count > ON_STACK) {
        sorted = fb__alloc(&result->mem, fb__size_multiply(count, sizeof(*sorted)));
    }
    if (sorted == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &items[i];
    }
    sort(sorted, count);
    const fb_slice *first = NULL;
    for (size_t i = 0; i < count; i++) {
        if (first != NULL && fb__slice_equal(*first, *sorted[i])) {
            sorted[i]->data = NULL;
        } else {
            first = sorted[i];
        }
    }
    result->scopes.count = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].data != NULL) {
            items[result->scopes.count++] = items[i];
        }
    }
    if (sorted != on_stack) {
        fb__free(&result->mem, sorted);
    }
    return true;
}

/* ---- the rules ------------------------------------------------------------------------------ */

/* Adds up what measure says of all sources that count, and finds the first that is there. */
static fb_status measure_all(const fb__claims *claims, size_t *first, size_t *count, size_t *escaped)
{
    const fb__claim_paths *sources = &claims->policy->scope_claims;
    for (size_t i = 0; i < sources->count && (*first == 0 || claims->policy->merge_scope_claims); i++) {
        const size_t index = fb__claim_path_find(&sources->items[i], claims->text, claims->nodes);
        if (index == 0) {
            continue;
        }
        *first = *first == 0 ? index : *first;
        const fb_status status = measure(claims, &sources->items[i], index, count, escaped);
        if (status != FB_OK) {
            return status;
        }
    }
    return FB_OK;
}

/* False: out of memory. */
static bool merge_scopes(const fb__claims *claims, char *text)
{
    const fb__claim_paths *sources = &claims->policy->scope_claims;
    for (size_t i = 0; i < sources->count; i++) {
        const size_t index = fb__claim_path_find(&sources->items[i], claims->text, claims->nodes);
        if (index != 0) {
            add_scopes(claims, index, &text);
        }
    }
    return drop_repeated(claims->result);
}

fb_status fb__claims_read_scopes(fb__claims *claims)
{
    const fb__policy *policy = claims->policy;
    fb_result *result = claims->result;
    size_t first = 0, count = 0, escaped = 0;
    char *text;
    const fb_status status = measure_all(claims, &first, &count, &escaped);
    if (status != FB_OK) {
        return status;
    }
    if (!make_room(result, count, escaped, &text)) {
        return fb__out_of_memory(claims->error);
    }
    if (policy->hierarchy->count > 0) {
        result->base = fb__policy_base_retain(policy->base);
    }
    if (policy->merge_scope_claims) {
        return merge_scopes(claims, text) ? FB_OK : fb__out_of_memory(claims->error);
    }
    if (first != 0) {
        add_scopes(claims, first, &text);
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

bool fb_result_has_scope(const fb_result *result, fb_slice scope)
{
    uint64_t included[FB__RANKED_WORDS];
    if (holds(&result->scopes, scope)) {
        return true;
    }
    if (result->base == NULL) {
        return false;
    }
    const fb__hierarchy *hierarchy = fb__policy_base_hierarchy(result->base);
    fb__hierarchy_collect(hierarchy, &result->scopes, included);
    return fb__hierarchy_holds(hierarchy, included, scope);
}

fb_status fb__claims_check_scopes(fb__claims *claims)
{
    const fb__policy *policy = claims->policy;
    const fb_list *required = &policy->required_scopes, *granted = &claims->result->scopes;
    uint64_t included[FB__RANKED_WORDS];
    fb_slice names[FB__MAX_REQUIRED_SCOPES];
    fb_list absent = {names, 0};
    uint64_t missing = 0;
    if (required->count == 0) {
        return FB_OK;
    }
    fb__hierarchy_collect(policy->hierarchy, granted, included);
    for (size_t i = 0; i < required->count; i++) {
        if (!holds(granted, required->items[i]) &&
            !fb__hierarchy_holds(policy->hierarchy, included, required->items[i])) {
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
