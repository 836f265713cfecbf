/*
 * Which vector instructions this processor has, and whether the system keeps their registers. Asked by hand:
 * __builtin_cpu_supports rests on the compiler's runtime library, and that of some says no to everything.
 */
#include "base/base.h"

#if defined(__x86_64__) && !defined(FB_PORTABLE)
#include <cpuid.h>

enum {
    OSXSAVE = 1 << 27,   /* leaf 1, ecx: xgetbv may be asked */
    AVX_STATE = 0x06,    /* XCR0: xmm, ymm */
    AVX512_STATE = 0xe6, /* and k0-k7, zmm0-15, zmm16-31 */
    AVX2 = 1 << 5,       /* leaf 7, ebx */
    F = 1 << 16,
    DQ = 1 << 17,
    IFMA = 1 << 21,
};
#define VL (1U << 31)

enum { ASKED = 1, HAS_AVX2 = 2, HAS_IFMA = 4 };

static unsigned ask(void)
{
    const unsigned ifma = F | DQ | IFMA | VL;
    unsigned a, b, c, d, low, high, found = ASKED;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & OSXSAVE) == 0) {
        return found;
    }
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) {
        return found;
    }
    if ((low & AVX_STATE) == AVX_STATE && (b & AVX2) != 0) {
        found |= HAS_AVX2;
    }
    if ((low & AVX512_STATE) == AVX512_STATE && (b & ifma) == ifma) {
        found |= HAS_IFMA;
    }
    return found;
}

static unsigned known(void)
{
    static atomic_uint answers; /* 0: not asked; cpuid is a trap in a virtual machine, so it is asked once */
    unsigned found = atomic_load_explicit(&answers, memory_order_relaxed);
    if (found == 0) {
        found = ask();
        atomic_store_explicit(&answers, found, memory_order_relaxed);
    }
    return found;
}

bool fb__cpu_has_avx2(void)
{
    return (known() & HAS_AVX2) != 0;
}

bool fb__cpu_has_ifma(void)
{
    return (known() & HAS_IFMA) != 0;
}
#else
bool fb__cpu_has_avx2(void)
{
    return false;
}

bool fb__cpu_has_ifma(void)
{
    return false;
}
#endif
