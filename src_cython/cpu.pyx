"""Detects the instruction set of the processor, before any kernel that needs it is loaded."""

cdef extern from *:
    """
    #if defined(_MSC_VER) && defined(_M_X64)
    #include <immintrin.h>
    #include <intrin.h>
    /* The processor must have the instructions, and the operating system must save the registers that they use. */
    static int nndl_ext_x86_64_level(void) {
        int leaf[4];
        __cpuid(leaf, 0);
        if (leaf[0] < 7) return 1;
        __cpuid(leaf, 1);
        int fma = leaf[2] >> 12 & 1, osxsave = leaf[2] >> 27 & 1, avx = leaf[2] >> 28 & 1;
        if (!(fma && osxsave && avx) || (_xgetbv(0) & 0x6) != 0x6) return 1;
        __cpuidex(leaf, 7, 0);
        if (!(leaf[1] >> 5 & 1)) return 1;
        int f = leaf[1] >> 16 & 1, dq = leaf[1] >> 17 & 1, bw = leaf[1] >> 30 & 1, vl = leaf[1] >> 31 & 1;
        return f && dq && bw && vl && (_xgetbv(0) & 0xe0) == 0xe0 ? 4 : 3;
    }
    #elif defined(__x86_64__)
    static int nndl_ext_x86_64_level(void) {
        __builtin_cpu_init();
        if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return 1;
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vl") ? 4 : 3;
    }
    #else
    static int nndl_ext_x86_64_level(void) { return 0; }
    #endif
    """
    int nndl_ext_x86_64_level() noexcept


def x86_64_level():
    """The highest x86-64 level whose instructions the kernels can use: 4 with AVX-512, 3 with AVX2 and FMA, else 1. It is 0 on
    other processors. Only instructions that the kernels need count."""
    return nndl_ext_x86_64_level()
