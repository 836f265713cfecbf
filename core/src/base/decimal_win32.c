/*
 * strtod reads the decimal point of the process's locale, which is the program's business, so the "C" locale is named.
 */
#include "base/base.h"

#include <locale.h>
#include <stdlib.h>

bool fb__decimal(const char *text, double *out)
{
    _locale_t plain = _create_locale(LC_ALL, "C");
    if (plain == NULL) {
        return false;
    }
    *out = _strtod_l(text, NULL, plain);
    _free_locale(plain);
    return true;
}
