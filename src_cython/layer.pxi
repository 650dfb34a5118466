"""The loops over one layer and a block of samples. They compute the equations of the book's chapter 2.

A matrix of activations or errors has one row per sample: the layer's neurons, then padding to whole vectors. A matrix of
weights has one row per input. An output layer of few neurons lies across: its matrices have one row per neuron. A row of its
activations or errors holds one element per sample, and a row of its weights one element per input.
"""

cdef struct Layer:          # one row of the layout that the caller passes
    int64_t biases          # index of the first bias in the parameters: the biases of all layers precede all weights
    int64_t weights         # index of the first weight
    int64_t inputs
    int64_t neurons
    int64_t stride          # row stride of the weights: neurons (inputs if across), padded to whole vectors
    int64_t across          # whether the layer lies across
    int64_t activation


cdef extern from *:
    """
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
    #define NNDL_EXT_LOOPS(n) \\
        for (int i = 0; i < (n); i++) for (int j = 0; j < (n); j++) t[j * t_stride + i] = x[i * stride + j];
    static CYTHON_INLINE void nndl_ext_transpose_floats(float *t, Py_ssize_t t_stride, const float *x, Py_ssize_t stride) {
        NNDL_EXT_LOOPS(8)
    }
    static CYTHON_INLINE void nndl_ext_transpose_doubles(double *t, Py_ssize_t t_stride, const double *x, Py_ssize_t stride) {
        NNDL_EXT_LOOPS(4)
    }
    #endif
    """
    void transpose_floats "nndl_ext_transpose_floats"(
        float *t, Py_ssize_t t_stride, const float *x, Py_ssize_t stride) noexcept nogil
    void transpose_doubles "nndl_ext_transpose_doubles"(
        double *t, Py_ssize_t t_stride, const double *x, Py_ssize_t stride) noexcept nogil


cdef void transpose(
    real *target, Py_ssize_t target_stride, const real *matrix, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t columns,
) noexcept nogil:
    """Transpose a block of rows at a time, so that elements written one after the other are neighbours in memory."""
    cdef Py_ssize_t block = 32 // sizeof(real), first = 0, last, i, j, done
    cdef real *to
    cdef const real *of
    while first < rows:
        last = min(first + block, rows)
        done = 0
        if last - first == block:
            while done + block <= columns:
                to, of = target + done * target_stride + first, matrix + first * stride + done
                if real is float:
                    transpose_floats(to, target_stride, of, stride)
                else:
                    transpose_doubles(to, target_stride, of, stride)
                done += block
        for j in range(done, columns):
            for i in range(first, last):
                target[j * target_stride + i] = matrix[i * stride + j]
        first = last


cdef void pad_with_zeros(real *matrix, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t used) noexcept nogil:
    cdef Py_ssize_t i
    if used < stride:
        for i in range(rows):
            memset(matrix + i * stride + used, 0, (stride - used) * sizeof(real))


cdef inline void add_rows(
    real *biases, const real *deltas, Py_ssize_t stride, Py_ssize_t samples, Py_ssize_t vectors,
) noexcept nogil:
    """``add_to_biases`` for a constant number of vectors, so that the sums stay in registers."""
    cdef Py_ssize_t size = vectors * <Py_ssize_t> (VECTOR // sizeof(real)), s, j
    cdef real sums[112]
    for j in range(size):
        sums[j] = biases[j]
    for s in range(samples):
        for j in range(size):
            sums[j] += deltas[s * stride + j]
    for j in range(size):
        biases[j] = sums[j]


cdef void add_to_biases(
    real *biases, const real *deltas, Py_ssize_t stride, Py_ssize_t samples, Py_ssize_t vectors,
) noexcept nogil:
    """b += scaled delta, sample after sample (BP3)."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    while vectors >= 7:
        add_rows(biases, deltas, stride, samples, 7)
        biases, deltas, vectors = biases + 7 * lanes, deltas + 7 * lanes, vectors - 7
    if vectors >= 4:
        add_rows(biases, deltas, stride, samples, 4)
        biases, deltas, vectors = biases + 4 * lanes, deltas + 4 * lanes, vectors - 4
    if vectors >= 2:
        add_rows(biases, deltas, stride, samples, 2)
        biases, deltas, vectors = biases + 2 * lanes, deltas + 2 * lanes, vectors - 2
    if vectors:
        add_rows(biases, deltas, stride, samples, 1)


cdef inline void errors_before(
    real *previous, Py_ssize_t stride, const real *deltas, Py_ssize_t row, const real *weights, const Layer *layer,
    Py_ssize_t samples, Py_ssize_t size, Py_ssize_t neurons,
) noexcept nogil:
    """``errors_before_few`` for a constant number of neurons, for which compilers unroll the sum."""
    cdef Py_ssize_t s, j, k
    cdef real total
    for s in range(samples):
        for j in range(size):
            total = deltas[s] * weights[j]
            for k in range(1, neurons):
                total = fma(deltas[k * row + s], weights[k * layer.stride + j], total)
            previous[s * stride + j] = total


cdef void errors_before_few(
    real *previous, Py_ssize_t stride, const real *deltas, Py_ssize_t row, const real *weights, const Layer *layer,
    Py_ssize_t samples, Py_ssize_t size,
) noexcept nogil:
    """w^T delta (BP2) of a layer that lies across, for ``size`` neurons of the layer before it."""
    if layer.neurons == 1:
        errors_before(previous, stride, deltas, row, weights, layer, samples, size, 1)
    elif layer.neurons == 2:
        errors_before(previous, stride, deltas, row, weights, layer, samples, size, 2)
    elif layer.neurons == 3:
        errors_before(previous, stride, deltas, row, weights, layer, samples, size, 3)
    else:
        errors_before(previous, stride, deltas, row, weights, layer, samples, size, 4)
