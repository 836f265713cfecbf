/*
 * The configuration of a case of tests/vectors as options of a verifier; see vector_config.c.
 */
#ifndef VECTOR_CONFIG_H
#define VECTOR_CONFIG_H

#include <fastbearer.h>

#include <jansson.h>

/* Options, and what they point to. */
struct vector_config {
    fb_options options;
    fb_issuer *issuers;
    void **owned;
    size_t owned_count;
};

enum vector_reading {
    VECTOR_READ,
    VECTOR_UNKNOWN,      /* a member that no runner knows: the case is unusable */
    VECTOR_INEXPRESSIBLE /* of a type that C has no way to hand over, which every language refuses */
};

/* *member names what could not be read. To be forgotten whatever comes out. */
enum vector_reading vector_configure(struct vector_config *out, const json_t *config, const char **member);
void vector_forget(struct vector_config *config);

/* A number, which the reader of files has marked. */
bool vector_number(const json_t *value, double *out);
/* Whether it is a string that is no marked number. */
bool vector_is_text(const json_t *value);
fb_slice vector_text_of(const json_t *value);

#endif
