/*
 * Scopes that include others (fb_options.scope_hierarchy): all rules are followed to their ends once, so that a token
 * costs one look for each of its scopes. Rules are configuration, scopes of a token are what its issuer wrote.
 */
#include "verify/verify.h"

/* Any order in which only equal scopes are equal. */
static int compare(fb_slice a, fb_slice b)
{
    if (a.size != b.size) {
        return a.size < b.size ? -1 : 1;
    }
    return a.size == 0 ? 0 : memcmp(a.data, b.data, a.size);
}

/* The first place whose scope is not before this one. */
static size_t place_of(const fb_slice *scopes, size_t count, fb_slice scope)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare(scopes[middle], scope) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool find(const fb__hierarchy *hierarchy, fb_slice scope, size_t *out)
{
    *out = place_of(hierarchy->scopes, hierarchy->count, scope);
    return *out < hierarchy->count && compare(hierarchy->scopes[*out], scope) == 0;
}

static void add_bit(uint64_t *row, size_t bit)
{
    row[bit / 64] |= (uint64_t)1 << bit % 64;
}

static bool has_bit(const uint64_t *row, size_t bit)
{
    return (row[bit / 64] >> bit % 64 & 1) != 0;
}

static void add_row(uint64_t *to, const uint64_t *from)
{
    for (size_t i = 0; i < FB__RANKED_WORDS; i++) {
        to[i] |= from[i];
    }
}

/* ---- construction --------------------------------------------------------------------------- */

static fb_status refuse(fb_error *error, fb_slice scope, const char *what)
{
    char text[100];
    fb__printable(text, sizeof(text), scope);
    return fb__fail(error, FB_CONFIGURATION_INVALID, "scope_hierarchy: \"%s\" %s", text, what);
}

static fb_status check_scope(fb_slice scope, fb_error *error)
{
    if (scope.data == NULL || scope.size == 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "scope_hierarchy must not hold an empty string");
    }
    return memchr(scope.data, ' ', scope.size) == NULL ? FB_OK : refuse(error, scope, "is not a scope: it has a space");
}

/* Puts scope into its place unless it stands there. */
static fb_status insert(fb_slice *scopes, size_t *count, fb_slice scope, fb_error *error)
{
    const fb_status status = check_scope(scope, error);
    if (status != FB_OK) {
        return status;
    }
    const size_t place = place_of(scopes, *count, scope);
    if (place < *count && compare(scopes[place], scope) == 0) {
        return FB_OK;
    }
    if (*count == FB__MAX_RANKED) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "scope_hierarchy has more than %d scopes", FB__MAX_RANKED);
    }
    memmove(&scopes[place + 1], &scopes[place], (*count - place) * sizeof(*scopes));
    scopes[place] = scope;
    ++*count;
    return FB_OK;
}

static fb_status gather(fb_slice *scopes, size_t *count, const fb_scope_rule *rules, size_t rule_count, fb_error *error)
{
    for (size_t r = 0; r < rule_count; r++) {
        fb_status status = insert(scopes, count, rules[r].scope, error);
        if (status == FB_OK && rules[r].implied.items == NULL && rules[r].implied.count > 0) {
            status = refuse(error, rules[r].scope, "has a count of implied scopes, but no items");
        }
        for (size_t i = 0; i < rules[r].implied.count && status == FB_OK; i++) {
            status = insert(scopes, count, rules[r].implied.items[i], error);
        }
        if (status != FB_OK) {
            return status;
        }
    }
    return FB_OK;
}

static fb_status set_rules(const fb__hierarchy *hierarchy, uint64_t *rows, const fb_scope_rule *rules,
                           size_t rule_count, fb_error *error)
{
    bool ruled[FB__MAX_RANKED] = {false};
    for (size_t r = 0; r < rule_count; r++) {
        size_t from, to;
        (void)find(hierarchy, rules[r].scope, &from);
        if (ruled[from]) {
            return refuse(error, rules[r].scope, "stands in more than one rule");
        }
        ruled[from] = true;
        for (size_t i = 0; i < rules[r].implied.count; i++) {
            (void)find(hierarchy, rules[r].implied.items[i], &to);
            add_bit(&rows[from * FB__RANKED_WORDS], to);
        }
    }
    return FB_OK;
}

/* Warshall's algorithm, a row at a time. */
static void follow_rules(uint64_t *rows, size_t count)
{
    for (size_t through = 0; through < count; through++) {
        for (size_t from = 0; from < count; from++) {
            if (has_bit(&rows[from * FB__RANKED_WORDS], through)) {
                add_row(&rows[from * FB__RANKED_WORDS], &rows[through * FB__RANKED_WORDS]);
            }
        }
    }
}

fb_status fb__hierarchy_read(fb__hierarchy *out, fb__arena *arena, const fb_scope_rule *rules, size_t count,
                             fb_error *error)
{
    fb_slice gathered[FB__MAX_RANKED];
    *out = (fb__hierarchy){NULL, 0, NULL};
    if (rules == NULL || count == 0) {
        return count == 0 ? FB_OK
                          : fb__fail(error, FB_CONFIGURATION_INVALID, "scope_hierarchy has a count, but no rules");
    }
    size_t size = 0;
    fb_status status = gather(gathered, &size, rules, count, error);
    if (status != FB_OK) {
        return status;
    }
    const fb_list all = {gathered, size};
    fb_list copies;
    uint64_t *rows = fb__arena_take(arena, size * FB__RANKED_WORDS * sizeof(*rows));
    if (rows == NULL || !fb__policy_copy_list(arena, &all, &copies)) {
        return fb__out_of_memory(error);
    }
    *out = (fb__hierarchy){copies.items, size, rows};
    status = set_rules(out, rows, rules, count, error);
    if (status != FB_OK) {
        return status;
    }
    follow_rules(rows, size);
    for (size_t i = 0; i < size; i++) {
        if (has_bit(&rows[i * FB__RANKED_WORDS], i)) {
            return refuse(error, out->scopes[i], "includes itself");
        }
    }
    return FB_OK;
}

/* ---- use ------------------------------------------------------------------------------------ */

void fb__hierarchy_collect(const fb__hierarchy *hierarchy, const fb_list *granted, uint64_t out[FB__RANKED_WORDS])
{
    size_t place;
    memset(out, 0, FB__RANKED_WORDS * sizeof(*out));
    for (size_t i = 0; hierarchy->count > 0 && i < granted->count; i++) {
        if (find(hierarchy, granted->items[i], &place)) {
            add_bit(out, place);
            add_row(out, &hierarchy->included[place * FB__RANKED_WORDS]);
        }
    }
}

bool fb__hierarchy_holds(const fb__hierarchy *hierarchy, const uint64_t collected[FB__RANKED_WORDS], fb_slice scope)
{
    size_t place;
    return find(hierarchy, scope, &place) && has_bit(collected, place);
}
