/*
 * Whether the processor has the vector instructions that the arithmetic is written for, and the system keeps their
 * registers. Asked by hand: __builtin_cpu_supports rests on the compiler's runtime library, and that of some says no to
 * everything.
 */
#include "arithmetic/ifma.h"

#if defined(__x86_64__) && !defined(FB_PORTABLE)
#include <cpuid.h>
#include <stdatomic.h>

enum {
    OSXSAVE = 1 << 27,   /* leaf 1, ecx: xgetbv may be asked */
    AVX512_STATE = 0xe6, /* XCR0: xmm, ymm, k0-k7, zmm0-15, zmm16-31 */
    F = 1 << 16,
    DQ = 1 << 17,
    IFMA = 1 << 21, /* leaf 7, ebx */
};
#define VL (1U << 31)

static bool ask(void)
{
    unsigned a, b, c, d, low, high;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & OSXSAVE) == 0) {
        return false;
    }
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & AVX512_STATE) != AVX512_STATE || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) {
        return false;
    }
    const unsigned wanted = F | DQ | IFMA | VL;
    return (b & wanted) == wanted;
}

bool fb__cpu_has_ifma(void)
{
    static atomic_int known; /* 0: not asked; cpuid is a trap in a virtual machine, so it is asked once */
    enum { NO = 1, YES };
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        answer = ask() ? YES : NO;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == YES;
}
#else
bool fb__cpu_has_ifma(void)
{
    return false;
}
#endif
