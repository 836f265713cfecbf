/*
 * What base64url.c leaves to vector instructions, where the processor has them. Nobody else includes it: the interface
 * is in encoding.h.
 */
#ifndef FB_BASE64URL_H
#define FB_BASE64URL_H

#include "encoding/encoding.h"

/* Both return how many characters they have done, a multiple of four; 0: none, since the text is short or the processor
 * lacks the instructions. */

/* *known is false when one of them is not of the alphabet. */
size_t fb__base64url_known_prefix(const char *text, size_t size, bool *known);

/* *known as above; what has been written to out is undefined then. */
size_t fb__base64url_decode_prefix(const char *text, size_t size, unsigned char *out, bool *known);

#endif
