/*
 * How long a fetched key set stays fresh, from the Cache-Control and Age of its response (RFC 9111 sections 4.2 and
 * 5.2). Both come from the network: whatever they say, the answer lies between one minute and one hour, so that a
 * provider can neither make us hammer it nor pin a withdrawn key.
 */
#include "cache_control.h"

static const double shortest = 60.0, longest = FB__LONGEST_FRESHNESS, usual = 600.0;

/* RFC 9111 section 1.2.2: a number that is too large counts as the largest; false when it is not a number at all. */
static bool read_seconds(fb_slice text, double *out)
{
    double seconds = 0.0;
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"') {
        text = fb__trim((fb_slice){text.data + 1, text.size - 2});
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        seconds = seconds * 10.0 + (text.data[i] - '0');
        if (seconds > 2147483648.0) {
            seconds = 2147483648.0;
        }
    }
    *out = seconds;
    return text.size > 0;
}

/* Takes the next directive off the list: up to a comma that does not stand in a quoted string. */
static fb_slice next_directive(fb_slice *list)
{
    bool quoted = false;
    size_t size = 0;
    for (; size < list->size && (quoted || list->data[size] != ','); size++) {
        if (quoted && list->data[size] == '\\' && size + 1 < list->size) {
            size++;
        } else if (list->data[size] == '"') {
            quoted = !quoted;
        }
    }
    fb_slice directive = {list->data, size};
    size_t used = size < list->size ? size + 1 : size;
    list->data += used;
    list->size -= used;
    return fb__trim(directive);
}

double fb__freshness(fb_slice cache_control, fb_slice age)
{
    bool given = false;
    double max_age = 0.0, passed = 0.0;
    while (cache_control.size > 0) {
        fb_slice value = next_directive(&cache_control);
        const char *equals = value.size == 0 ? NULL : memchr(value.data, '=', value.size);
        fb_slice name = fb__trim((fb_slice){value.data, equals == NULL ? value.size : (size_t)(equals - value.data)});
        if (fb__is_word(name, "no-store") || fb__is_word(name, "no-cache")) {
            return shortest;
        }
        if (!fb__is_word(name, "max-age")) {
            continue;
        }
        double seconds = 0.0;
        if (equals == NULL ||
            !read_seconds(fb__trim((fb_slice){equals + 1, value.size - (size_t)(equals + 1 - value.data)}), &seconds)) {
            seconds = 0.0; /* RFC 9111 section 4.2.1: what cannot be read is stale */
        }
        max_age = given && max_age < seconds ? max_age : seconds;
        given = true;
    }
    if (!given) {
        return usual;
    }
    if (age.size > 0 && read_seconds(fb__trim(next_directive(&age)), &passed)) {
        max_age -= passed;
    }
    return max_age < shortest ? shortest : max_age > longest ? longest : max_age;
}
