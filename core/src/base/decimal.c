/*
 * strtod reads the decimal point of the process's locale, which is the program's business, so the "C" locale is named.
 */
#include "base/base.h"

#include <locale.h>
#include <stdlib.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

bool fb__decimal(const char *text, double *out)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) {
        return false;
    }
    *out = strtod_l(text, NULL, plain);
    freelocale(plain);
    return true;
}
