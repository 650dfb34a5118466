"""A dense first layer of which most inputs are 0: these are skipped."""

cdef void sparse_weighted_inputs(const Job *job, const real *parameters, real *z) noexcept nogil:
    """z = w x + b for this thread's share of the neurons."""
    cdef const Layer *layer = &job.layers[0]
    cdef const real *biases = parameters + layer.biases
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef Share share = share_of(job, layer.stride, lanes)
    cdef bint scaled = is_scaled(job, 0)
    start_sums(job, layer, biases, z, share, scaled)
    product_of_inputs(z + share.begin, &job.x, <const real *> job.levels, job.indices, job.samples,
                      parameters + layer.weights + share.begin, layer.stride, (share.end - share.begin) // lanes)
    if scaled:
        scale_sums(job, layer, biases, z, share)


cdef void sparse_gradient(const Job *job, real *target, real *deltas) noexcept nogil:
    """target += the gradient (BP3, BP4) for this thread's share of the neurons.

    A mini-batch adds 0 to most weights, so shrinking them all would take longer than anything else: see ``scale.pxi``."""
    cdef const Layer *layer = &job.layers[0]
    cdef real *weights = target + layer.weights
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), k
    cdef Share share = share_of(job, layer.stride, lanes)
    add_to_biases(job, 0, target, deltas, share)
    divide_errors(job, 0, deltas, share)
    if shrinks(job, 0):
        for k in range(layer.inputs):
            shrink(weights + k * layer.weights_stride + share.begin, share.end - share.begin, <real> job.l1, <real> job.l2)
    outer_product_of_inputs(weights + share.begin, &job.x, <const real *> job.levels, job.indices, job.samples,
                            deltas + share.begin, layer.stride, (share.end - share.begin) // lanes)
