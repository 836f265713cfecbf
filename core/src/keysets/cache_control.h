/* How long a response may be used without asking again. */
#ifndef FB_CACHE_CONTROL_H
#define FB_CACHE_CONTROL_H

#include "base/base.h"

enum { FB__LONGEST_FRESHNESS = 3600 };

/* Seconds that a response stays fresh: Cache-Control max-age less Age, 60 .. 3600; 600 when there is no max-age. */
double fb__freshness(fb_slice cache_control, fb_slice age);

#endif
