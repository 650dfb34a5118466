"""What the layers of all kinds share: their description, transposition and padding.

A matrix of activations or errors has one row per sample: the layer's neurons, then padding to whole vectors. A matrix of
weights has one row per input. ``across.pxi`` describes the layers for which this is different.

A new kind needs a name in ``LayerKind``, a file like ``dense.pxi`` with functions for its weighted inputs, the errors of the
layer before, and its gradient, and a branch for each in ``passes.pxi``. Where it has other parameters than a dense layer,
``squares_of_weights`` and ``take_step`` there and ``lay_out`` in ``job.pxi`` must know. In Python, it needs a description in
``nndl_ext/_engine/layers.py`` and places in ``Layout`` in ``parameters.py``; ``reference.py``, ``export.py``, ``page.html`` and
``_files/saving.py`` know dense layers only.
"""

cdef enum LayerKind:
    DENSE, ACROSS, SPARSE       # a first dense layer is sparse if the rows of inputs are


cdef struct Layer:              # an element of the layout that the caller passes
    int64_t kind
    int64_t activation
    int64_t inputs
    int64_t neurons
    int64_t biases              # index of the first bias in the parameters: the biases of all layers precede all weights
    int64_t weights             # index of the first weight
    int64_t weights_stride      # elements of a row of weights: neurons (inputs if across), padded to whole vectors
    int64_t stride              # elements of a sample's activations or errors: neurons, padded to whole vectors


cdef inline Py_ssize_t rows_of_weights(const Layer *layer) noexcept nogil:
    return layer.neurons if layer.kind == ACROSS else layer.inputs


cdef extern from "transpose.h":
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
