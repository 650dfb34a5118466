/* Transposes a block of 8 x 8 float32 or 4 x 4 float64: in registers if the compiler has vector shuffles. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define NNDL_EXT_SHUFFLES
#endif
#endif
#ifdef NNDL_EXT_SHUFFLES
#define NNDL_EXT_PICK __builtin_shufflevector
typedef float nndl_ext_floats __attribute__((vector_size(32), aligned(4), may_alias));
typedef double nndl_ext_doubles __attribute__((vector_size(32), aligned(8), may_alias));
static CYTHON_INLINE void nndl_ext_transpose_floats(float *t, Py_ssize_t t_stride, const float *x, Py_ssize_t stride) {
    nndl_ext_floats r[8], s[8];
    for (int i = 0; i < 8; i++) r[i] = *(const nndl_ext_floats *) (x + i * stride);
    for (int i = 0; i < 8; i += 2) {        /* pairs */
        s[i] = NNDL_EXT_PICK(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        s[i + 1] = NNDL_EXT_PICK(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)          /* fours */
        for (int j = 0; j < 2; j++) {
            r[i + j] = NNDL_EXT_PICK(s[i + j], s[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            r[i + j + 2] = NNDL_EXT_PICK(s[i + j], s[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < 4; i++) {           /* all eight */
        *(nndl_ext_floats *) (t + i * t_stride) = NNDL_EXT_PICK(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(nndl_ext_floats *) (t + (i + 4) * t_stride) = NNDL_EXT_PICK(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}
static CYTHON_INLINE void nndl_ext_transpose_doubles(double *t, Py_ssize_t t_stride, const double *x, Py_ssize_t stride) {
    nndl_ext_doubles r[4], s[4];
    for (int i = 0; i < 4; i++) r[i] = *(const nndl_ext_doubles *) (x + i * stride);
    for (int i = 0; i < 4; i += 2) {
        s[i] = NNDL_EXT_PICK(r[i], r[i + 1], 0, 4, 2, 6);
        s[i + 1] = NNDL_EXT_PICK(r[i], r[i + 1], 1, 5, 3, 7);
    }
    for (int i = 0; i < 2; i++) {
        *(nndl_ext_doubles *) (t + i * t_stride) = NNDL_EXT_PICK(s[i], s[i + 2], 0, 1, 4, 5);
        *(nndl_ext_doubles *) (t + (i + 2) * t_stride) = NNDL_EXT_PICK(s[i], s[i + 2], 2, 3, 6, 7);
    }
}
#else
#define NNDL_EXT_LOOPS(n) \
    for (int i = 0; i < (n); i++) for (int j = 0; j < (n); j++) t[j * t_stride + i] = x[i * stride + j];
static CYTHON_INLINE void nndl_ext_transpose_floats(float *t, Py_ssize_t t_stride, const float *x, Py_ssize_t stride) {
    NNDL_EXT_LOOPS(8)
}
static CYTHON_INLINE void nndl_ext_transpose_doubles(double *t, Py_ssize_t t_stride, const double *x, Py_ssize_t stride) {
    NNDL_EXT_LOOPS(4)
}
#endif
