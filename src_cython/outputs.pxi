"""The output layer: softmax, the outputs, the samples' costs, and their errors (BP1).

Its matrices have one row per sample, or one row per neuron if it lies across. A thread's share consists of samples.
"""

cdef inline Share share_of_samples(const Job *job, Py_ssize_t lanes) noexcept nogil:
    """This thread's share of the samples, with their padding if the output layer lies across."""
    if job.layers[job.depth - 1].kind == ACROSS:
        return share_of(job, job.padded_samples, lanes)
    return share_of(job, job.samples, 1)


cdef inline int softmax(const Job *job, real *z) except -1 nogil:
    """Softmax of the output layer, in place. It needs all weighted inputs of a sample, so the threads synchronize first."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), s
    cdef Share share = share_of_samples(job, lanes)
    meet(job)
    if last.kind == ACROSS:
        for s in range(share.begin // lanes, share.end // lanes):
            softmax_of_lanes(z + s * lanes, last.neurons, job.padded_samples)
    else:
        for s in range(share.begin, share.end):
            softmax_of_sample(z + s * last.stride, last.neurons)
    return 0


cdef void copy_outputs(const Job *job, real *outputs) noexcept nogil:
    """Copy the network's outputs without padding, one row per sample. -0 becomes 0: whether a sum of zeros is -0 depends on
    whether it has terms for inputs of 0, and so on the form of the rows."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef const real *a = <const real *> job.activations + size_before(job, job.depth - 1)
    cdef Py_ssize_t s, k
    if last.kind == ACROSS:
        transpose(outputs, last.neurons, a, job.padded_samples, last.neurons, job.samples)
    else:
        for s in range(job.samples):
            memcpy(outputs + s * last.neurons, a + s * last.stride, last.neurons * sizeof(real))
    for k in range(job.samples * last.neurons):
        outputs[k] = outputs[k] + 0


cdef inline void take_desired_outputs(const Job *job, real *deltas, const real *a, const real *y) noexcept nogil:
    """Copy the samples' desired outputs to where their errors will be. Padding copies the activations, so its error is 0."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Py_ssize_t s, k, at
    cdef Share share = share_of_samples(job, VECTOR // sizeof(real))
    cdef const real *desired
    for s in range(share.begin, share.end):
        if last.kind == ACROSS:
            for k in range(last.neurons):
                at = k * job.padded_samples + s
                deltas[at] = y[job.indices[s] * last.neurons + k] if s < job.samples else a[at]
        else:
            desired = y + job.indices[s] * last.neurons
            for k in range(last.neurons):
                deltas[s * last.stride + k] = desired[k]
            for k in range(last.neurons, last.stride):
                deltas[s * last.stride + k] = a[s * last.stride + k]


cdef inline void costs_of_samples(const Job *job, Cost cost, const real *a, const real *y) noexcept nogil:
    """Each sample's cost: the sum over its outputs, in their order. ``y`` has the memory layout of ``a``."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), s, k, i
    cdef Share share = share_of_samples(job, lanes)
    cdef double *costs = <double *> job.costs
    cdef double parts[LANES_AT_MOST]
    for s in range(share.begin, min(share.end, job.samples)):
        costs[s] = 0
    if last.kind == ACROSS:
        for k in range(last.neurons):
            s = share.begin
            while s < share.end:
                costs_of(cost, parts, a + k * job.padded_samples + s, y + k * job.padded_samples + s, lanes, job.least)
                for i in range(min(lanes, job.samples - s)):
                    costs[s + i] += parts[i]
                s += lanes
    else:
        for s in range(share.begin, share.end):
            k = 0
            while k < last.stride:
                costs_of(cost, parts, a + s * last.stride + k, y + s * last.stride + k, lanes, job.least)
                for i in range(min(lanes, <Py_ssize_t> last.neurons - k)):
                    costs[s] += parts[i]
                k += lanes


cdef inline void times_factors(const Job *job, real *deltas) noexcept nogil:
    """Multiply each sample's output errors by its factor."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef const real *factors = <const real *> job.factors
    cdef Py_ssize_t s, k
    cdef Share share = share_of_samples(job, VECTOR // sizeof(real))
    if last.kind == ACROSS:
        for k in range(last.neurons):
            for s in range(share.begin, share.end):
                deltas[k * job.padded_samples + s] = normal_or_zero(factors[s] * deltas[k * job.padded_samples + s])
    else:
        for s in range(share.begin, share.end):
            for k in range(last.stride):
                deltas[s * last.stride + k] = normal_or_zero(factors[s] * deltas[s * last.stride + k])


cdef inline void times_output_slopes(const Job *job, real *deltas, const real *a, const real *slopes, Part part) noexcept nogil:
    """Multiply this thread's part of the output errors by the derivative of the activation."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Activation activation = <Activation> last.activation
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), r, k
    cdef Share share
    if activation == SOFTMAX and last.kind == ACROSS:
        share = share_of(job, job.padded_samples, lanes)
        times_softmax_slope(deltas + share.begin, a + share.begin, share.end - share.begin, 1, last.neurons, job.padded_samples)
    elif activation == SOFTMAX:
        times_softmax_slope(deltas + part.offset, a + part.offset, part.size // last.stride, last.stride, last.neurons, 1)
    elif activation == BY_PYTHON:
        for k in range(part.offset, part.offset + part.size):
            deltas[k] = normal_or_zero(deltas[k] * slopes[k])
    else:
        for r in range(part.rows):
            times_slope(activation, deltas + part.offset + r * part.stride, a + part.offset + r * part.stride, part.size)


cdef int output_errors(const Job *job, Cost cost, const real *y, Py_ssize_t position, functions) except -1 nogil:
    """The output layer's errors delta (BP1), each multiplied by its sample's factor."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Py_ssize_t before = size_before(job, job.depth - 1), r
    cdef real *a = <real *> job.activations + before
    cdef real *deltas = <real *> job.deltas + before
    cdef const real *slopes = <const real *> job.slopes + before if job.slopes != NULL else NULL
    cdef Part part
    if last.kind == ACROSS:
        part = vectors_of(job, last.neurons, job.padded_samples, VECTOR // sizeof(real))
    else:
        part = rows_of(job, job.samples, last.stride)
    if is_by_python(cost):
        with gil:
            set_from(job, job.depth - 1, deltas, functions.error(
                position, copy_of(job, job.depth - 1, <real *> job.weighted) if job.weighted != NULL else None,
                copy_of(job, job.depth - 1, a),
            ))
        pad(job, job.depth - 1, deltas)
    else:
        take_desired_outputs(job, deltas, a, y)
        if job.costs != NULL:
            costs_of_samples(job, cost, a, deltas)
        for r in range(part.rows):
            errors(cost, deltas + part.offset + r * part.stride, a + part.offset + r * part.stride, part.size)
    if not is_matched(cost):
        times_output_slopes(job, deltas, a, slopes, part)
    times_factors(job, deltas)
    return 0
