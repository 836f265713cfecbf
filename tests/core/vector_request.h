/*
 * The request of a case of tests/vectors; see vector_request.c.
 */
#ifndef VECTOR_REQUEST_H
#define VECTOR_REQUEST_H

#include <fastbearer.h>

#include <jansson.h>

enum { VECTOR_HEADERS = 16 };

/* Texts are those of the case. */
struct vector_request {
    fb_request request;
    fb_header headers[VECTOR_HEADERS];
};

/* False: not a request as tests/vectors/README.md has it. */
bool vector_request_read(struct vector_request *out, const json_t *given);

#endif
