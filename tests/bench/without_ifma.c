/* In place of core/src/base/cpu.c: this processor without AVX-512 IFMA, whatever it has. */
#include "base/base.h"

bool fb__cpu_has_avx2(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") != 0;
#else
    return false;
#endif
}

bool fb__cpu_has_ifma(void)
{
    return false;
}
