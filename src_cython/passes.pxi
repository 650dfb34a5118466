"""The passes over the layers, forward and backward, and the step of an optimizer: the book's four equations, BP1 to BP4.

Each thread of a job computes its share of every layer in all three: neurons, inputs or samples, as the file for its kind says.
The threads synchronize (``meet``) where one needs the results of others. Divided by samples or units (see ``Work``), a thread
is alone in the passes.
"""

cdef inline bint drops(const Job *job, Py_ssize_t i) noexcept nogil:
    return job.masks.rates != NULL and job.masks.rates[i] > 0


cdef void mask(const Job *job, Py_ssize_t i, real *a, real *slopes) noexcept nogil:
    """Apply dropout to this thread's share of a layer."""
    cdef Py_ssize_t stride = job.layers[i].stride, s
    cdef Share share = share_of(job, stride, VECTOR // sizeof(real))
    for s in range(job.samples):
        drop(a + s * stride, slopes + s * stride, &job.masks, i, job.indices[s], share)


cdef void activate_part(const Job *job, Py_ssize_t i, real *a, real *slopes, Part part) noexcept nogil:
    """a = f(z) for this thread's part of a layer, and f'(z) unless ``slopes`` is NULL, both after dropout."""
    cdef Activation kind = <Activation> job.layers[i].activation
    cdef Py_ssize_t r, q
    for r in range(part.rows):
        activate(kind, a + part.offset + r * part.stride, part.size)
        if slopes != NULL:
            for q in range(part.size):
                slopes[part.offset + r * part.stride + q] = 1
            times_slope(kind, slopes + part.offset + r * part.stride, a + part.offset + r * part.stride, part.size)
    if drops(job, i):
        mask(job, i, a, slopes)


cdef void weighted_inputs(
    const Job *job, Py_ssize_t i, const real *parameters, const real *inputs, Py_ssize_t stride, real *z,
) noexcept nogil:
    """z = w a + b for this thread's share of a layer."""
    cdef LayerKind kind = kind_of(job, i)
    if kind == ACROSS:
        across_weighted_inputs(job, i, parameters, inputs, stride, z)
    elif kind == SPARSE:
        sparse_weighted_inputs(job, parameters, z)
    else:
        dense_weighted_inputs(job, i, parameters, inputs, stride, z)


cdef int forward(const Job *job, const real *parameters, functions) except -1 nogil:
    """a = f(w a + b), layer after layer (the book's equation 22)."""
    cdef const Layer *layer
    cdef real *inputs = <real *> job.inputs
    cdef real *a = <real *> job.activations
    cdef real *slopes = <real *> job.slopes
    cdef Py_ssize_t i, begin, stride = job.x.inputs, lanes = VECTOR // sizeof(real)
    if job.x.starts == NULL:
        begin = begin_of(job, job.samples)
        gather(inputs + begin * stride, &job.x, <const real *> job.levels, job.indices + begin,
               end_of(job, job.samples) - begin)
        meet(job)
    for i in range(job.depth):
        layer = &job.layers[i]
        weighted_inputs(job, i, parameters, inputs, stride, a)
        if job.weighted != NULL and i == job.depth - 1:
            memcpy(job.weighted, a, height_of(job, layer) * width_of(job, layer) * sizeof(real))
        if layer.activation == BY_PYTHON:
            with gil:
                activate_by_python(job, i, a, slopes, functions)
            if drops(job, i):
                mask(job, i, a, slopes)
        elif layer.activation == SOFTMAX:
            softmax(job, a)
        else:
            activate_part(job, i, a, slopes, vectors_of(job, height_of(job, layer), width_of(job, layer), lanes))
        meet(job)
        inputs, stride, a = a, layer.stride, a + job.block * layer.stride
        slopes = slopes + job.block * layer.stride if slopes != NULL else NULL
    return 0


cdef void times_slopes(
    const Job *job, Py_ssize_t i, real *deltas, const real *a, const real *slopes, Share share,
) noexcept nogil:
    """Multiply the deltas of a share of a layer's neurons by f'(z), the last factor of BP2."""
    cdef Py_ssize_t stride = job.layers[i].stride, rows = job.samples, begin = share.begin, size = share.end - begin, s, j
    if size == stride:
        rows, size = 1, rows * stride
    for s in range(rows):
        if slopes == NULL:
            times_slope(<Activation> job.layers[i].activation, deltas + s * stride + begin, a + s * stride + begin, size)
        else:
            for j in range(s * stride + begin, s * stride + begin + size):
                deltas[j] = normal_or_zero(deltas[j] * slopes[j])


cdef int backward(const Job *job, const real *parameters) except -1 nogil:
    """The errors delta of all layers but the last, computed backwards from those of the last (BP2)."""
    cdef Py_ssize_t i, at = size_before(job, job.depth - 1)
    cdef const real *slopes = <const real *> job.slopes
    cdef real *deltas
    cdef real *previous
    cdef Share share
    for i in range(job.depth - 1, 0, -1):
        meet(job)
        deltas = <real *> job.deltas + at
        at -= job.block * job.layers[i - 1].stride
        previous = <real *> job.deltas + at
        if kind_of(job, i) == ACROSS:
            share = across_errors_before(job, i, parameters, deltas, previous)
        else:
            dense_errors_before(job, i, parameters, deltas, previous, &share)
        times_slopes(job, i - 1, previous, <const real *> job.activations + at, slopes + at if slopes != NULL else NULL,
                     share)
    return 0


cdef int add_gradient(const Job *job, real *target) except -1 nogil:
    """target += the block's gradient: each layer's errors (BP3) and its inputs times its errors (BP4), sample after sample."""
    cdef const real *inputs = <const real *> job.inputs
    cdef const real *a = <const real *> job.activations
    cdef real *deltas = <real *> job.deltas
    cdef Py_ssize_t i, stride = job.x.inputs, size
    cdef LayerKind kind
    for i in range(job.depth):
        kind = kind_of(job, i)
        if kind == ACROSS:
            across_gradient(job, i, target, inputs, stride, deltas)
        elif kind == SPARSE:
            sparse_gradient(job, target, deltas)
        else:
            dense_gradient(job, i, target, inputs, stride, deltas)
        size = job.block * job.layers[i].stride
        inputs, stride, a, deltas = a, job.layers[i].stride, a + size, deltas + size
    return 0


cdef double squares_of_weights(const Job *job, const real *parameters) noexcept nogil:
    """The sum of the squares of all weights, layer after layer. Padding adds 0."""
    cdef const Layer *layer
    cdef double sums[SUMS]
    cdef double total = 0, scale = job.scale, of_layer
    cdef Py_ssize_t i, k, rows, count
    for i in range(job.depth):
        layer = &job.layers[i]
        rows, count = rows_of_weights(layer), layer.weights_stride
        if count % SUMS == 0:       # a row adds to all sums, so all rows are like one
            rows, count = 1, rows * count
        memset(sums, 0, sizeof(sums))
        for k in range(rows):
            add_squares(sums, parameters + layer.weights + k * count, count)
        of_layer = 0
        for k in range(<Py_ssize_t> SUMS):
            of_layer += sums[k]
        total += scale * scale * of_layer
        scale = 1
    return total


cdef void take_step(
    const Job *job, const Step *step, real *parameters, real *gradient, real *moments,
) noexcept nogil:
    """Take this thread's share of an optimizer's step, and set the gradient to 0. Biases are not regularized."""
    cdef const Layer *layer
    cdef Step of_biases = step[0]
    cdef Py_ssize_t i, begin, end, at, size = number_of_parameters(&job.layers[job.depth - 1]), lanes = VECTOR // sizeof(real)
    of_biases.l1 = of_biases.l2 = 0
    if job.thread == 0:
        advance(&of_biases, parameters, gradient, moments, size, job.layers[0].weights)
    for i in range(job.depth):
        layer = &job.layers[i]
        end = rows_of_weights(layer) * layer.weights_stride // lanes
        begin, end = begin_of(job, end) * lanes, end_of(job, end) * lanes
        at = layer.weights + begin
        advance(step, parameters + at, gradient + at, moments + at, size, end - begin)
