/*
 * Patterns of names, in which "*" stands for any text. A pattern is configuration, a name is hostile: each piece
 * between two stars is looked for once, from where the one before it ended, so nothing is ever tried twice.
 */
#include "rpc/rpc.h"

static bool starts_with(fb_slice text, fb_slice piece, bool folds)
{
    if (piece.size > text.size) {
        return false;
    }
    for (size_t i = 0; i < piece.size; i++) {
        if (text.data[i] != piece.data[i] && !(folds && fb__lower(text.data[i]) == fb__lower(piece.data[i]))) {
            return false;
        }
    }
    return true;
}

static void skip(fb_slice *text, size_t size)
{
    text->data += size;
    text->size -= size;
}

/* Up to the next star, or all of it. */
static fb_slice first_piece(fb_slice pattern)
{
    const char *star = pattern.size == 0 ? NULL : memchr(pattern.data, '*', pattern.size);
    return (fb_slice){pattern.data, star == NULL ? pattern.size : (size_t)(star - pattern.data)};
}

bool fb__pattern_matches(fb_slice pattern, fb_slice text, bool folds)
{
    fb_slice piece = first_piece(pattern);
    if (!starts_with(text, piece, folds)) {
        return false;
    }
    skip(&pattern, piece.size);
    skip(&text, piece.size);
    if (pattern.size == 0) {
        return text.size == 0;
    }
    for (;;) {
        skip(&pattern, 1); /* the star */
        piece = first_piece(pattern);
        skip(&pattern, piece.size);
        if (pattern.size == 0) { /* the last piece ends where text does */
            return piece.size <= text.size &&
                   starts_with((fb_slice){text.data + text.size - piece.size, piece.size}, piece, folds);
        }
        while (!starts_with(text, piece, folds)) {
            if (text.size == 0) {
                return false;
            }
            skip(&text, 1);
        }
        skip(&text, piece.size);
    }
}
