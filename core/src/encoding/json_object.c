/*
 * Objects of the JSON reader: no two members of one may have the same name, however it is spelled (RFC 7515 section 4),
 * and how a member is found. Work is linear in the text but for a factor of log n for the names of large objects,
 * whatever they are.
 */
#include "encoding/json.h"

/* Up to FEW_NAMES members are compared each with each, more are sorted. A header, which nobody has signed yet, stays
 * below what is on the stack: it has no more members and bytes (FB__MAX_HEADER in verify.h). */
enum { FEW_NAMES = 24, NAMES_ON_STACK = 256, ESCAPED_ON_STACK = 12288 };

/* The value of a member's name, without escapes, and a number that equal names share. */
struct name {
    uint64_t mark;
    const char *text;
    size_t size;
};

static uint64_t load(const char *text, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, text, size);
    return value;
}

/* Of the size, both ends and the middle: cheap, and different for most names that differ. */
static uint64_t mark_of(const char *text, size_t size)
{
    uint64_t mark = size;
    if (size >= 8) {
        mark ^= load(text, 8) * 0x9e3779b97f4a7c15U ^ load(text + size / 2 - 4, 8) * 0xc2b2ae3d27d4eb4fU ^
                load(text + size - 8, 8);
    } else if (size >= 4) {
        mark ^= load(text, 4) << 32 ^ load(text + size - 4, 4) << 3;
    } else if (size > 0) {
        mark ^= load(text, 1) << 24 ^ load(text + size / 2, 1) << 16 ^ load(text + size - 1, 1) << 8;
    }
    return mark;
}

/* An order in which only equal names are equal. Which one does not matter. */
static int compare_names(const struct name *a, const struct name *b)
{
    if (a->mark != b->mark) {
        return a->mark < b->mark ? -1 : 1;
    }
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    return memcmp(a->text, b->text, a->size);
}

static void sift(struct name *heap, size_t root, size_t size)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= size) {
            return;
        }
        if (child + 1 < size && compare_names(&heap[child], &heap[child + 1]) < 0) {
            child++;
        }
        if (compare_names(&heap[root], &heap[child]) >= 0) {
            return;
        }
        struct name kept = heap[root];
        heap[root] = heap[child];
        heap[child] = kept;
        root = child;
    }
}

/* Heapsort: n log n whatever the names are, since who wrote them may want it slow. */
static bool many_names_differ(struct name *names, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) {
        sift(names, i - 1, count);
    }
    for (size_t left = count; left > 1; left--) {
        struct name largest = names[0];
        names[0] = names[left - 1];
        names[left - 1] = largest;
        sift(names, 0, left - 1);
        if (compare_names(&largest, &names[0]) == 0) {
            return false;
        }
    }
    return true;
}

/* Whether one of the first count names is equal to that after them. */
static bool occurs_before(const struct name *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].mark == names[count].mark && compare_names(&names[i], &names[count]) == 0) {
            return true;
        }
    }
    return false;
}

/* Names with different bits have different marks, so that few pairs need to be looked at. */
static bool few_names_differ(const struct name *names, size_t count)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t bit = (uint64_t)1 << (names[i].mark * 0x9e3779b97f4a7c15U >> 58);
        if ((seen & bit) != 0 && occurs_before(names, i)) {
            return false;
        }
        seen |= bit;
    }
    return true;
}

/* Reads the names of an object's members; those with escapes go to room, once each, so that every comparison is one of
 * bytes and the work stays linear in the text. */
static bool names_differ(const fb__scanner *s, size_t object, struct name *names, char *room)
{
    size_t count = 0;
    for (size_t i = object + 1; i < s->count; i = s->nodes[i + 1].next, count++) {
        const fb_node *node = &s->nodes[i];
        struct name *name = &names[count];
        name->text = s->text + node->offset;
        name->size = node->length;
        if (node->escaped) {
            name->size = fb_unescape(name->text, node->length, room);
            name->text = room;
            room += name->size;
        }
        name->mark = mark_of(name->text, name->size);
    }
    return count <= FEW_NAMES ? few_names_differ(names, count) : many_names_differ(names, count);
}

/* With room for many names, and for those with escapes, of which escaped bytes are all. */
static fb__json_status check_large_object(const fb__scanner *s, size_t object, size_t count, size_t escaped)
{
    struct name names_on_stack[NAMES_ON_STACK], *names = names_on_stack;
    char text_on_stack[ESCAPED_ON_STACK], *text = text_on_stack;
    void *memory = NULL;
    if (count > NAMES_ON_STACK || escaped > ESCAPED_ON_STACK) {
        memory = fb__alloc(s->mem, count * sizeof(*names) + escaped);
        if (memory == NULL) {
            return FB__JSON_NO_MEMORY;
        }
        names = memory;
        text = (char *)(names + count);
    }
    const bool differ = names_differ(s, object, names, text);
    fb__free(s->mem, memory);
    return differ ? FB__JSON_OK : FB__JSON_INVALID;
}

fb__json_status fb__json_check_names(const fb__scanner *s, size_t object)
{
    struct name names[FEW_NAMES];
    size_t count = 0, escaped = 0;
    for (size_t i = object + 1; i < s->count; i = s->nodes[i + 1].next) {
        escaped += s->nodes[i].escaped ? s->nodes[i].length : 0;
        count++;
    }
    if (count > FEW_NAMES || escaped > 0) {
        return check_large_object(s, object, count, escaped);
    }
    return names_differ(s, object, names, NULL) ? FB__JSON_OK : FB__JSON_INVALID;
}

size_t fb__json_member(const char *text, const fb_node *nodes, size_t object, fb_slice name)
{
    for (size_t i = object + 1; i < nodes[object].next; i = nodes[i + 1].next) {
        if ((nodes[i].length == name.size || nodes[i].escaped) && fb__json_equal(text, &nodes[i], name)) {
            return i + 1;
        }
    }
    return 0;
}
