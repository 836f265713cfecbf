/*
 * A hash table of what is revoked: open addressing, a place for each, looked for from where its hash says on. The hash
 * is keyed, so nobody can aim at a place, and its 128 bits are the name: two of them that are equal are one.
 */
#include "status/status.h"

#include <math.h>

enum { FIRST_ROOM = 32 };

static size_t start_of(const fb__revoked_table *table, const uint64_t hash[2])
{
    return (size_t)hash[0] & (table->room - 1);
}

/* At most three of four places are used, so there always is one that is not. */
bool fb__revoked_has_room(const fb__revoked_table *table)
{
    return 4 * (table->used + 1) <= 3 * table->room;
}

fb__revoked *fb__revoked_find(const fb__revoked_table *table, const uint64_t hash[2])
{
    if (table->room == 0) {
        return NULL;
    }
    for (size_t at = start_of(table, hash); table->places[at].used; at = (at + 1) & (table->room - 1)) {
        fb__revoked *place = &table->places[at];
        if (place->hash[0] == hash[0] && place->hash[1] == hash[1] && place->until > -(double)INFINITY) {
            return place;
        }
    }
    return NULL;
}

void fb__revoked_insert(fb__revoked_table *table, const fb__revoked *entry)
{
    size_t at = start_of(table, entry->hash);
    while (table->places[at].used && table->places[at].until > -(double)INFINITY) {
        at = (at + 1) & (table->room - 1);
    }
    table->used += table->places[at].used == 0;
    table->places[at] = *entry;
    table->places[at].used = 1;
}

bool fb__revoked_copy(fb__revoked_table *out, const fb__revoked_table *table, const fb_mem *mem, double now)
{
    size_t held = 0, room = FIRST_ROOM;
    for (size_t i = 0; i < table->room; i++) {
        held += table->places[i].used && table->places[i].until > now;
    }
    while (room < 2 * (held + 1)) {
        room *= 2;
    }
    *out = (fb__revoked_table){.room = room};
    out->places = fb__zalloc(mem, fb__size_multiply(room, sizeof(*out->places)));
    if (out->places == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->room; i++) {
        if (table->places[i].used && table->places[i].until > now) {
            fb__revoked_insert(out, &table->places[i]);
        }
    }
    return true;
}
