/*
 * What all vector code here shares: AVX-512 with IFMA, products of 52 bits in eight lanes of 64. FB_IFMA says that the
 * compiler can make such code; fb__cpu_has_ifma that this processor can run it.
 */
#ifndef FB_ARITHMETIC_IFMA_H
#define FB_ARITHMETIC_IFMA_H

#include "base/base.h"

#if defined(__x86_64__) && !defined(FB_PORTABLE)
#include <immintrin.h>

#define FB_IFMA __attribute__((target("avx512f,avx512dq,avx512vl,avx512ifma")))
#define FB_IFMA_INLINE FB_IFMA __attribute__((always_inline)) static inline

/* At -O2 loops stay loops, and arrays of vectors stay in memory. */
#ifdef __clang__
#define FB_UNROLLED _Pragma("clang loop unroll(full)")
#else
#define FB_UNROLLED _Pragma("GCC unroll 16")
#endif

FB_IFMA_INLINE __m512i fb__ifma_repeat(uint64_t value)
{
    return _mm512_set1_epi64((long long)value);
}

#endif

#endif
