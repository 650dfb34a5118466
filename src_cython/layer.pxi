"""The loops over one layer and a block of samples, each an equation of the book's chapter 2.

A matrix of activations or errors has one row per sample; every row holds the layer's neurons, then padding up to whole
vectors. Weights have one row per input.
"""

cdef enum:
    TILE = 16       # rows that are transposed together


cdef struct Layer:          # one row of the layout that the caller passes
    int64_t offset          # of the biases in the parameters; the weights' rows follow them
    int64_t inputs
    int64_t neurons
    int64_t stride          # elements from one row to the next: the neurons, padded to whole vectors


cdef void start_from_biases(
    real *z, const real *biases, Py_ssize_t stride, Py_ssize_t samples, Py_ssize_t neurons,
) noexcept nogil:
    cdef Py_ssize_t s
    for s in range(samples):
        memcpy(z + s * stride, biases, neurons * sizeof(real))


cdef void activate(real *z, Py_ssize_t stride, Py_ssize_t samples, Py_ssize_t neurons) noexcept nogil:
    """a = sigmoid(z), in place."""
    cdef Py_ssize_t s, j
    for s in range(samples):
        for j in range(neurons):
            z[s * stride + j] = sigmoid_of(z[s * stride + j])


cdef void quadratic_cost_derivative(
    real *derivatives, const real *a, const real *y, Py_ssize_t neurons,
) noexcept nogil:
    """The derivative of the cost 1/2 (y - a)**2 by a, for one sample."""
    cdef Py_ssize_t j
    for j in range(neurons):
        derivatives[j] = a[j] - y[j]


cdef void times_sigmoid_prime(
    real *deltas, const real *a, Py_ssize_t stride, Py_ssize_t samples, Py_ssize_t neurons,
) noexcept nogil:
    """The factor sigmoid'(z) of BP1 and BP2."""
    cdef Py_ssize_t s, j
    for s in range(samples):
        for j in range(neurons):
            deltas[s * stride + j] = normal_or_zero(deltas[s * stride + j] * sigmoid_prime(a[s * stride + j]))


cdef void output_deltas(
    real *deltas, const real *a, const Layer *layer, Py_ssize_t samples,
) noexcept nogil:
    """delta = dC/da sigmoid'(z) (BP1), in place of the cost's derivatives. The padding becomes 0."""
    cdef Py_ssize_t s
    for s in range(samples):
        memset(deltas + s * layer.stride + layer.neurons, 0, (layer.stride - layer.neurons) * sizeof(real))
    times_sigmoid_prime(deltas, a, layer.stride, samples, layer.stride)


cdef void transpose(
    real *target, Py_ssize_t target_stride, const real *matrix, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t columns,
) noexcept nogil:
    """Some rows after the other, so that what is written together stands together."""
    cdef Py_ssize_t i, j, first = 0, last
    while first < rows:
        last = min(first + <Py_ssize_t> TILE, rows)
        for j in range(columns):
            for i in range(first, last):
                target[j * target_stride + i] = matrix[i * stride + j]
        first = last


cdef void previous_deltas(
    real *previous, const real *a, Py_ssize_t stride, const real *transposed, Py_ssize_t columns, real *errors,
    const real *weights, const Layer *layer, Py_ssize_t samples, Py_ssize_t begin, Py_ssize_t end,
) noexcept nogil:
    """delta = (w^T delta of the layer) * sigmoid'(z) for neurons ``begin`` to ``end`` of the layer before (BP2). Here samples
    run across the vectors: ``transposed`` has a row of ``columns`` elements for each neuron's delta, and so has ``errors``."""
    cdef Py_ssize_t neurons = min(end, <Py_ssize_t> layer.inputs) - begin   # the others are padding
    memset(errors, 0, (end - begin) * columns * sizeof(real))
    dense_product(errors, columns, weights + begin * layer.stride, layer.stride, 1, transposed, columns, neurons,
                  layer.neurons, columns * sizeof(real) // VECTOR)
    transpose(previous + begin, stride, errors, columns, end - begin, samples)
    times_sigmoid_prime(previous + begin, a + begin, stride, samples, end - begin)


cdef void scale(real *deltas, real factor, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        deltas[i] = normal_or_zero(factor * deltas[i])


cdef void add_to_biases(
    real *biases, const real *deltas, Py_ssize_t stride, Py_ssize_t neurons, Py_ssize_t samples,
) noexcept nogil:
    """b += scaled delta of each sample in turn (BP3)."""
    cdef Py_ssize_t s, j
    for s in range(samples):
        for j in range(neurons):
            biases[j] += deltas[s * stride + j]
