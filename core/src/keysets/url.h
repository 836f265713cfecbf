/* What the other files of this folder ask of a URL. */
#ifndef FB_URL_H
#define FB_URL_H

#include "base/base.h"

/* FB_OK, or FB_CONFIGURATION_INVALID with a text that begins with name. The others take a URL that passed. */
fb_status fb__url_check(fb_slice url, const char *name, bool allow_http, fb_error *error);
bool fb__url_loopback(fb_slice url);
size_t fb__url_origin_size(fb_slice url); /* how much of it stands before the path */
bool fb__url_same_origin(fb_slice a, fb_slice b);
size_t fb__url_loggable_size(fb_slice url); /* how much of it may be logged: all before the query */

#endif
