/*
 * JSON for the runner of tests/vectors; see vector_json.c.
 */
#ifndef VECTOR_JSON_H
#define VECTOR_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTOR_MARK "\x01\x02" /* what a string begins with that stands for a number */

/*
 * The cases of a file as an array, or NULL and why. Numbers come as strings that begin with VECTOR_MARK, because
 * jansson has none beyond 64 bits: integers as they are written, reals as the shortest text of their double.
 */
json_t *vector_load(const char *path, bool lines, char *why, size_t why_size);

/* One JSON text as a value, marked likewise. */
json_t *vector_parse(const char *text, size_t size, json_error_t *error);

/* Text that grows; data is followed by a NUL once something was added. */
struct vector_text {
    char *data;
    size_t size, room;
};
void vector_add(struct vector_text *text, const char *data, size_t size);
void vector_add_text(struct vector_text *text, const char *data);
void vector_add_json_string(struct vector_text *out, const char *data, size_t size);
/* JSON without the white space between its tokens. */
void vector_add_compact(struct vector_text *out, const char *text, size_t size);

/* Where the string that begins at its opening quote ends, behind the closing one. */
size_t vector_string_end(const char *text, size_t size, size_t at);

#endif
