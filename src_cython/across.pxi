"""An output layer of few neurons, which lies across: its matrices have one row per neuron.

A row of its activations or errors holds one element per sample, and a row of its weights one element per input. With a row per
sample, as in other layers, most of these matrices would be padding.
"""

cdef inline void across_weighted_inputs(
    const Job *job, Py_ssize_t i, const real *parameters, const real *inputs, Py_ssize_t stride, real *z,
) noexcept nogil:
    """z = w a + b for this thread's share of the samples."""
    cdef const Layer *layer = &job.layers[i]
    cdef const real *biases = parameters + layer.biases
    cdef real *transposed = <real *> job.transposed
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), row = job.padded_samples, first, last, k, s
    cdef Share share = share_of(job, row, lanes)
    first, last = min(share.begin, job.samples), min(share.end, job.samples)
    transpose(transposed + first, row, inputs + first * stride, stride, last - first, layer.inputs)
    if share.end > last:
        for k in range(layer.inputs):
            memset(transposed + k * row + last, 0, (share.end - last) * sizeof(real))
    for k in range(layer.neurons):
        for s in range(share.begin, share.end):
            z[k * row + s] = biases[k]
    dense_product(z + share.begin, row, z + share.begin, row, parameters + layer.weights, layer.weights_stride, 1,
                  transposed + share.begin, row, layer.neurons, layer.inputs, (share.end - share.begin) // lanes)


cdef inline void errors_before(
    const Job *job, Py_ssize_t i, const real *parameters, const real *deltas, real *previous, Py_ssize_t neurons,
) noexcept nogil:
    """``across_errors_before`` for a constant number of neurons, for which compilers unroll the sum."""
    cdef const real *weights = parameters + job.layers[i].weights
    cdef Py_ssize_t stride = job.layers[i - 1].stride, weights_stride = job.layers[i].weights_stride, row = job.padded_samples
    cdef Py_ssize_t s, j, k
    cdef Share share = share_of(job, stride, VECTOR // sizeof(real))
    cdef real total
    for s in range(job.samples):
        for j in range(share.begin, share.end):
            total = deltas[s] * weights[j]
            for k in range(1, neurons):
                total = fma(deltas[k * row + s], weights[k * weights_stride + j], total)
            previous[s * stride + j] = total


cdef inline Share across_errors_before(
    const Job *job, Py_ssize_t i, const real *parameters, const real *deltas, real *previous,
) noexcept nogil:
    """w^T delta (BP2) for this thread's share, which it returns, of the neurons of the layer before."""
    cdef Py_ssize_t neurons = job.layers[i].neurons
    if neurons == 1:
        errors_before(job, i, parameters, deltas, previous, 1)
    elif neurons == 2:
        errors_before(job, i, parameters, deltas, previous, 2)
    elif neurons == 3:
        errors_before(job, i, parameters, deltas, previous, 3)
    else:
        errors_before(job, i, parameters, deltas, previous, 4)
    return share_of(job, job.layers[i - 1].stride, VECTOR // sizeof(real))


cdef inline void across_gradient(
    const Job *job, Py_ssize_t i, real *target, const real *inputs, Py_ssize_t stride, const real *deltas,
) noexcept nogil:
    """target += the gradient (BP3, BP4) for this thread's share of the inputs. Thread 0 adds to the biases."""
    cdef const Layer *layer = &job.layers[i]
    cdef real *biases = target + layer.biases
    cdef real *weights = target + layer.weights
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), k, s
    cdef Share share = share_of(job, layer.weights_stride, lanes)
    if job.thread == 0:
        for k in range(layer.neurons):
            for s in range(job.samples):
                biases[k] += deltas[k * job.padded_samples + s]
    if shrinks(job, i):
        for k in range(layer.neurons):
            shrink(weights + k * layer.weights_stride + share.begin, share.end - share.begin, <real> job.l1, <real> job.l2)
    dense_product(weights + share.begin, layer.weights_stride, weights + share.begin, layer.weights_stride, deltas,
                  job.padded_samples, 1, inputs + share.begin, stride, layer.neurons, job.samples,
                  (share.end - share.begin) // lanes)
    if share.end == layer.weights_stride:      # padding of the inputs holds f(0), and must not learn
        pad_with_zeros(weights, layer.weights_stride, layer.neurons, layer.inputs)
