"""The common factor of the first layer's weights, which plain descent with L2 may keep.

It shrinks with each mini-batch, instead of every weight. Weighted sums are multiplied by it, and errors divided by it. This
takes less time if there are more inputs than samples in a mini-batch, and far less if most inputs are 0. It rounds
differently, so only the settings decide, never the form of the inputs.
"""

cdef double LEAST_KEPT = 0.5        # of each weight in a mini-batch: with less, the factor would soon be too small
cdef double LEAST_SCALE = 0.001     # once the factor is smaller, each weight is multiplied by it


cdef inline bint scales(double kept_by_l2, const Layer *layers, Py_ssize_t mini_batch_size) noexcept nogil:
    """Whether a training keeps a common factor."""
    return LEAST_KEPT <= kept_by_l2 < 1 and layers[0].inputs > mini_batch_size


cdef inline bint is_scaled(const Job *job, Py_ssize_t i) noexcept nogil:
    return i == 0 and job.scale != 1


cdef inline bint shrinks(const Job *job, Py_ssize_t i) noexcept nogil:
    """Whether a layer's weights shrink one by one before a block's gradient is added."""
    return (job.l1 != 0 or job.l2 != 0) and not (i == 0 and job.scale_after != 1)


cdef void start_sums(const Job *job, const Layer *layer, const real *biases, real *z, Share share, bint scaled) noexcept nogil:
    """Start each sample's sums from the biases, or from 0 if they will be multiplied by the factor."""
    cdef Py_ssize_t s, k
    for s in range(job.samples):
        for k in range(share.begin, share.end):
            z[s * layer.stride + k] = 0 if scaled else biases[k]


cdef void scale_sums(const Job *job, const Layer *layer, const real *biases, real *z, Share share) noexcept nogil:
    """z = scale z + b."""
    cdef Py_ssize_t s, k
    for s in range(job.samples):
        for k in range(share.begin, share.end):
            z[s * layer.stride + k] = fma(<real> job.scale, z[s * layer.stride + k], biases[k])


cdef void multiply(real *x, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t size, real factor) noexcept nogil:
    cdef Py_ssize_t i, k
    for i in range(rows):
        for k in range(size):
            x[i * stride + k] = normal_or_zero(factor * x[i * stride + k])


cdef void divide_errors(const Job *job, Py_ssize_t i, real *deltas, Share share) noexcept nogil:
    """Divide the errors of this thread's share of the neurons by the common factor after the mini-batch: what they add to the
    weights will be multiplied by it."""
    if i == 0 and job.scale_after != 1:
        multiply(deltas + share.begin, job.layers[i].stride, job.samples, share.end - share.begin, <real> (1 / job.scale_after))


cdef void apply_scale(Job *job, real *parameters) noexcept nogil:
    """Multiply this thread's share of the weights by their common factor, which becomes 1."""
    cdef const Layer *layer = &job.layers[0]
    cdef Part part = vectors_of(job, layer.inputs, layer.weights_stride, VECTOR // sizeof(real))
    multiply(parameters + layer.weights + part.offset, part.stride, part.rows, part.size, <real> job.scale)
    job.scale = job.scale_after = 1
