"""A dense layer: the book's equations of chapter 2, with the neurons along the vectors."""

cdef void dense_weighted_inputs(
    const Job *job, Py_ssize_t i, const real *parameters, const real *inputs, Py_ssize_t stride, real *z,
) noexcept nogil:
    """z = w a + b for this thread's share of the neurons."""
    cdef const Layer *layer = &job.layers[i]
    cdef const real *biases = parameters + layer.biases
    cdef const real *sums = biases      # where the sums start: one row for all samples, or a row for each
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), step = 0
    cdef Share share = share_of(job, layer.stride, lanes)
    cdef bint scaled = is_scaled(job, i)
    if scaled:
        sums, step = z, layer.stride
        start_sums(job, layer, biases, z, share, True)
    dense_product(z + share.begin, layer.stride, sums + share.begin, step, inputs, stride, 1,
                  parameters + layer.weights + share.begin, layer.weights_stride, job.samples, layer.inputs,
                  (share.end - share.begin) // lanes)
    if scaled:
        scale_sums(job, layer, biases, z, share)


cdef int dense_errors_before(
    const Job *job, Py_ssize_t i, const real *parameters, const real *deltas, real *previous, Share *done,
) except -1 nogil:
    """w^T delta (BP2) for this thread's share, ``done``, of the neurons of the layer before."""
    cdef const Layer *layer = &job.layers[i]
    cdef const real *weights = parameters + layer.weights
    cdef real *transposed = <real *> job.transposed
    cdef real *sums
    cdef Py_ssize_t stride = job.layers[i - 1].stride, lanes = VECTOR // sizeof(real), row = job.padded_samples, neurons, k
    cdef Share share
    if (layer.neurons + 1) * stride <= job.samples * (layer.neurons + stride):
        # Transposing the weights takes less time than transposing the errors, and only then do they fit into the memory for
        # these. A row of zeros follows them, from which every sum starts.
        done[0] = share_of(job, stride, lanes)
        neurons = max(<Py_ssize_t> 0, min(done.end, <Py_ssize_t> layer.inputs) - done.begin)    # the rest is padding
        for k in range(layer.neurons + 1):
            memset(transposed + k * stride + done.begin, 0, (done.end - done.begin) * sizeof(real))
        transpose(transposed + done.begin, stride, weights + done.begin * layer.weights_stride, layer.weights_stride, neurons,
                  layer.neurons)
        dense_product(previous + done.begin, stride, transposed + layer.neurons * stride + done.begin, 0, deltas,
                      layer.stride, 1, transposed + done.begin, stride, job.samples, layer.neurons,
                      (done.end - done.begin) // lanes)
        return 0
    # Vector lanes hold samples here.
    share = share_of(job, layer.neurons, 1)
    transpose(transposed + share.begin * row, row, deltas + share.begin, layer.stride, job.samples, share.end - share.begin)
    pad_with_zeros(transposed + share.begin * row, row, share.end - share.begin, job.samples)
    meet(job)
    done[0] = share_of(job, stride, 1)
    neurons = max(<Py_ssize_t> 0, min(done.end, <Py_ssize_t> layer.inputs) - done.begin)        # the rest is padding
    sums = transposed + (layer.neurons + done.begin) * row
    memset(sums, 0, (done.end - done.begin) * row * sizeof(real))
    dense_product(sums, row, sums, row, weights + done.begin * layer.weights_stride, layer.weights_stride, 1, transposed, row,
                  neurons, layer.neurons, row // lanes)
    transpose(previous + done.begin, stride, sums, row, done.end - done.begin, job.samples)
    return 0


cdef inline void add_rows(
    real *biases, const real *deltas, Py_ssize_t stride, Py_ssize_t samples, Py_ssize_t vectors,
) noexcept nogil:
    """b += delta, sample after sample (BP3), for a constant number of vectors, so that the sums stay in registers."""
    cdef Py_ssize_t size = vectors * <Py_ssize_t> (VECTOR // sizeof(real)), s, j
    cdef real sums[VECTORS_AT_ONCE * LANES_AT_MOST]
    for j in range(size):
        sums[j] = biases[j]
    for s in range(samples):
        for j in range(size):
            sums[j] += deltas[s * stride + j]
    for j in range(size):
        biases[j] = sums[j]


cdef void add_to_biases(const Job *job, Py_ssize_t i, real *target, const real *deltas, Share share) noexcept nogil:
    """Add the errors of this thread's share of the neurons to the gradient with respect to the biases."""
    cdef Py_ssize_t stride = job.layers[i].stride, lanes = VECTOR // sizeof(real), j = share.begin
    cdef Py_ssize_t vectors = (share.end - share.begin) // lanes
    cdef real *biases = target + job.layers[i].biases
    while vectors >= VECTORS_AT_ONCE:
        add_rows(biases + j, deltas + j, stride, job.samples, VECTORS_AT_ONCE)
        j, vectors = j + VECTORS_AT_ONCE * lanes, vectors - VECTORS_AT_ONCE
    if vectors >= 4:
        add_rows(biases + j, deltas + j, stride, job.samples, 4)
        j, vectors = j + 4 * lanes, vectors - 4
    if vectors >= 2:
        add_rows(biases + j, deltas + j, stride, job.samples, 2)
        j, vectors = j + 2 * lanes, vectors - 2
    if vectors:
        add_rows(biases + j, deltas + j, stride, job.samples, 1)


cdef inline int dense_gradient(
    const Job *job, Py_ssize_t i, real *target, const real *inputs, Py_ssize_t stride, real *deltas,
) except -1 nogil:
    """target += the gradient (BP3, BP4): for this thread's share of the neurons in the biases, and of the inputs in the
    weights."""
    cdef const Layer *layer = &job.layers[i]
    cdef real *weights = target + layer.weights
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef Share neurons = share_of(job, layer.stride, lanes), share = share_of(job, layer.inputs, 1)
    add_to_biases(job, i, target, deltas, neurons)
    divide_errors(job, i, deltas, neurons)
    if i == 0 and job.scale_after != 1:
        meet(job)       # other threads have divided their columns of the errors
    weights += share.begin * layer.weights_stride
    if shrinks(job, i):
        shrink(weights, (share.end - share.begin) * layer.weights_stride, <real> job.l1, <real> job.l2)
    dense_product(weights, layer.weights_stride, weights, layer.weights_stride, inputs + share.begin, 1, stride, deltas,
                  layer.stride, share.end - share.begin, job.samples, layer.weights_stride // lanes)
    return 0
