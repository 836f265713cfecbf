/* What an issuer wants sent with every fetch. The values may be secrets: no error quotes one, and they are cleansed. */
#ifndef FB_REQUEST_HEADERS_H
#define FB_REQUEST_HEADERS_H

#include "base/base.h"

/* FB_OK, or FB_CONFIGURATION_INVALID with a text that names the option headers. */
fb_status fb__request_headers_check(fb_list headers, fb_error *error);
/* A copy, each NUL-terminated, of headers that passed. False: out of memory. */
bool fb__request_headers_copy(fb_list *out, const fb_mem *mem, fb_list headers);
void fb__request_headers_free(fb_list headers, const fb_mem *mem);

#endif
