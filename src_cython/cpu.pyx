"""What this processor can do, asked before any kernel that needs it is loaded."""

cdef extern from *:
    """
    #if defined(_MSC_VER) && defined(_M_X64)
    #include <immintrin.h>
    #include <intrin.h>
    /* The instructions, and an operating system that saves the registers they use. */
    static int nndl_ext_has_x86_64_v3(void) {
        int leaf[4];
        __cpuid(leaf, 0);
        if (leaf[0] < 7) return 0;
        __cpuid(leaf, 1);
        int fma = leaf[2] >> 12 & 1, osxsave = leaf[2] >> 27 & 1, avx = leaf[2] >> 28 & 1;
        if (!(fma && osxsave && avx) || (_xgetbv(0) & 6) != 6) return 0;
        __cpuidex(leaf, 7, 0);
        return leaf[1] >> 5 & 1;
    }
    #elif defined(__x86_64__)
    static int nndl_ext_has_x86_64_v3(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    }
    #else
    static int nndl_ext_has_x86_64_v3(void) { return 0; }
    #endif
    """
    bint nndl_ext_has_x86_64_v3() noexcept


def has_x86_64_v3():
    """Whether AVX2 and FMA can be used."""
    return nndl_ext_has_x86_64_v3()
