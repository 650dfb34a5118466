"""The forward pass, the backward pass and the step of an optimiser: the book's four equations, BP1 to BP4.

Each thread computes its share of every layer's neurons in all three. The threads synchronise (``meet``) where one needs the
results of others. Most weights that a thread reads are weights that it has changed itself.
"""

cdef object of_samples(const Job *job, Py_ssize_t i, real *matrix):
    """A layer's matrix as a view for Python, of shape (samples, neurons)."""
    cdef const Layer *layer = &job.layers[i]
    if layer.across:
        return (<real[:layer.neurons, :columns(job, sizeof(real))]> matrix).T[:job.samples]
    return (<real[:job.samples, :layer.stride]> matrix)[:, :layer.neurons]


cdef object copy_of(const Job *job, Py_ssize_t i, real *matrix):
    """A copy of a layer's matrix, without -0, for the user's own functions. They may keep it, as a traceback does."""
    import numpy
    return numpy.add(of_samples(job, i, matrix), 0)


cdef int set_from(const Job *job, Py_ssize_t i, real *matrix, given) except -1:
    """Fill a layer's matrix with an array of shape (samples, neurons)."""
    import numpy
    numpy.asarray(of_samples(job, i, matrix))[...] = given
    return 0


cdef void pad(const Job *job, Py_ssize_t i, real *matrix) noexcept nogil:
    """Fill the padding of a layer's matrix with zeros."""
    cdef const Layer *layer = &job.layers[i]
    if layer.across:
        pad_with_zeros(matrix, columns(job, sizeof(real)), layer.neurons, job.samples)
    else:
        pad_with_zeros(matrix, layer.stride, job.samples, layer.neurons)


cdef inline bint drops(const Job *job, Py_ssize_t i) noexcept nogil:
    return job.masks.rates != NULL and job.masks.rates[i] > 0


cdef void mask(const Job *job, Py_ssize_t i, real *a, real *slopes) noexcept nogil:
    """Apply dropout to this thread's share of a layer."""
    cdef Py_ssize_t stride = job.layers[i].stride, lanes = VECTOR // sizeof(real), s
    for s in range(job.samples):
        drop(a + s * stride, slopes + s * stride, &job.masks, i, job.rows[s], begin_of(job, stride // lanes) * lanes,
             end_of(job, stride // lanes) * lanes)


cdef void activate_part(const Job *job, Py_ssize_t i, real *a, real *slopes, Part part) noexcept nogil:
    """a = f(z) for this thread's part of a layer, and f'(z) unless ``slopes`` is NULL."""
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


cdef int activate_by_python(const Job *job, Py_ssize_t i, real *a, real *slopes, functions) except -1:
    """``activate_part`` for the user's own activation and a whole layer."""
    values, derivatives = functions.activate(i, copy_of(job, i, a), slopes != NULL)
    set_from(job, i, a, values)
    if slopes != NULL:
        pad(job, i, slopes)
        set_from(job, i, slopes, derivatives)
    return 0


cdef int softmax(const Job *job, real *z) except -1 nogil:
    """Softmax of the output layer, in place. It needs all weighted inputs of a sample, so the threads synchronise first."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), i
    meet(job)
    if last.across:
        for i in range(begin_of(job, columns(job, sizeof(real)) // lanes), end_of(job, columns(job, sizeof(real)) // lanes)):
            softmax_of_lanes(z + i * lanes, last.neurons, columns(job, sizeof(real)))
    else:
        for i in range(begin_of(job, job.samples), end_of(job, job.samples)):
            softmax_of_sample(z + i * last.stride, last.neurons)
    return 0


cdef void weighted_inputs(
    const Job *job, Py_ssize_t i, const real *parameters, const real *inputs, Py_ssize_t stride, real *z,
) noexcept nogil:
    """z = w a + b for this thread's share of a layer's neurons, or of the samples if the layer lies across."""
    cdef const Layer *layer = &job.layers[i]
    cdef const real *biases = parameters + layer.biases
    cdef const real *weights = parameters + layer.weights
    cdef const real *sums = biases      # where the sums start: one row for all samples, or a row for each
    cdef real *transposed = <real *> job.transposed
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), begin, end, first, last, row = columns(job, sizeof(real)), step = 0, k, s
    cdef bint sparse = i == 0 and job.x.starts != NULL, scaled = i == 0 and job.scale != 1
    begin = begin_of(job, (row if layer.across else layer.stride) // lanes) * lanes
    end = end_of(job, (row if layer.across else layer.stride) // lanes) * lanes
    if layer.across:
        first, last = min(begin, job.samples), min(end, job.samples)
        transpose(transposed + first, row, inputs + first * stride, stride, last - first, layer.inputs)
        if end > last:
            for k in range(layer.inputs):
                memset(transposed + k * row + last, 0, (end - last) * sizeof(real))
        for k in range(layer.neurons):
            for s in range(begin, end):
                z[k * row + s] = biases[k]
        dense_product(z + begin, row, z + begin, row, weights, layer.stride, 1, transposed + begin, row, layer.neurons,
                      layer.inputs, (end - begin) // lanes)
        return
    if scaled:
        sums, step = z, layer.stride
    if sparse or scaled:
        for s in range(job.samples):
            for k in range(begin, end):
                z[s * layer.stride + k] = 0 if scaled else biases[k]
    if sparse:
        product_of_inputs(z + begin, &job.x, <const real *> job.levels, job.rows, job.samples, weights + begin, layer.stride,
                          (end - begin) // lanes)
    else:
        dense_product(z + begin, layer.stride, sums + begin, step, inputs, stride, 1, weights + begin,
                      layer.stride, job.samples, layer.inputs, (end - begin) // lanes)
    if scaled:
        for s in range(job.samples):
            for k in range(begin, end):
                z[s * layer.stride + k] = fma(<real> job.scale, z[s * layer.stride + k], biases[k])


cdef int forward(const Job *job, const real *parameters, functions) except -1 nogil:
    """a = f(w a + b), layer after layer (the book's equation 22)."""
    cdef const Layer *layer
    cdef real *inputs = <real *> job.inputs
    cdef real *a = <real *> job.activations
    cdef real *slopes = <real *> job.slopes
    cdef Py_ssize_t i, begin, stride = job.x.inputs, lanes = VECTOR // sizeof(real), row = columns(job, sizeof(real))
    if job.x.starts == NULL:
        begin = begin_of(job, job.samples)
        gather(inputs + begin * stride, &job.x, <const real *> job.levels, job.rows + begin,
               end_of(job, job.samples) - begin)
        meet(job)
    for i in range(job.depth):
        layer = &job.layers[i]
        weighted_inputs(job, i, parameters, inputs, stride, a)
        if job.weighted != NULL and i == job.depth - 1:
            memcpy(job.weighted, a, (layer.neurons * row if layer.across else job.samples * layer.stride) * sizeof(real))
        if layer.activation == BY_PYTHON:
            with gil:
                activate_by_python(job, i, a, slopes, functions)
            if drops(job, i):
                mask(job, i, a, slopes)
        elif layer.activation == SOFTMAX:
            softmax(job, a)
        else:
            activate_part(job, i, a, slopes, vectors_of(job, layer.neurons if layer.across else job.samples,
                                                        row if layer.across else layer.stride, lanes))
        meet(job)
        inputs, stride, a = a, layer.stride, a + job.block * layer.stride
        slopes = slopes + job.block * layer.stride if slopes != NULL else NULL
    return 0


cdef void take_desired_outputs(const Job *job, real *deltas, const real *a, const real *y) noexcept nogil:
    """Copy the samples' desired outputs to where their errors will be. Padding copies the activations, so its error is 0."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Py_ssize_t row = columns(job, sizeof(real)), lanes = VECTOR // sizeof(real), s, k
    cdef const real *desired
    if last.across:
        for s in range(begin_of(job, row // lanes) * lanes, end_of(job, row // lanes) * lanes):
            for k in range(last.neurons):
                deltas[k * row + s] = y[job.rows[s] * last.neurons + k] if s < job.samples else a[k * row + s]
    else:
        for s in range(begin_of(job, job.samples), end_of(job, job.samples)):
            desired = y + job.rows[s] * last.neurons
            for k in range(last.neurons):
                deltas[s * last.stride + k] = desired[k]
            for k in range(last.neurons, last.stride):
                deltas[s * last.stride + k] = a[s * last.stride + k]


cdef void costs_of_samples(const Job *job, Cost cost, const real *a, const real *y) noexcept nogil:
    """Each sample's cost: the sum over its outputs, in their order. ``y`` has the memory layout of ``a``."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Py_ssize_t row = columns(job, sizeof(real)), lanes = VECTOR // sizeof(real), s, k, i
    cdef Py_ssize_t begin = begin_of(job, row // lanes) * lanes if last.across else begin_of(job, job.samples)
    cdef Py_ssize_t end = end_of(job, row // lanes) * lanes if last.across else end_of(job, job.samples)
    cdef double *costs = <double *> job.costs
    cdef double parts[16]
    for s in range(begin, min(end, job.samples)):
        costs[s] = 0
    if last.across:
        for k in range(last.neurons):
            s = begin
            while s < end:
                costs_of(cost, parts, a + k * row + s, y + k * row + s, lanes, job.least)
                for i in range(min(lanes, job.samples - s)):
                    costs[s + i] += parts[i]
                s += lanes
    else:
        for s in range(begin, end):
            k = 0
            while k < last.stride:
                costs_of(cost, parts, a + s * last.stride + k, y + s * last.stride + k, lanes, job.least)
                for i in range(min(lanes, <Py_ssize_t> last.neurons - k)):
                    costs[s] += parts[i]
                k += lanes


cdef void times_factors(const Job *job, real *deltas) noexcept nogil:
    """Multiply each sample's output errors by its factor."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef const real *factors = <const real *> job.factors
    cdef Py_ssize_t row = columns(job, sizeof(real)), lanes = VECTOR // sizeof(real), s, k
    if last.across:
        for k in range(last.neurons):
            for s in range(begin_of(job, row // lanes) * lanes, end_of(job, row // lanes) * lanes):
                deltas[k * row + s] = normal_or_zero(factors[s] * deltas[k * row + s])
    else:
        for s in range(begin_of(job, job.samples), end_of(job, job.samples)):
            for k in range(last.stride):
                deltas[s * last.stride + k] = normal_or_zero(factors[s] * deltas[s * last.stride + k])


cdef int output_errors(const Job *job, Cost cost, const real *y, Py_ssize_t position, functions) except -1 nogil:
    """The output layer's errors delta (BP1), each multiplied by its sample's factor."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Py_ssize_t before = size_before(job, job.depth - 1), row = columns(job, sizeof(real)), r, k
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef real *a = <real *> job.activations + before
    cdef real *deltas = <real *> job.deltas + before
    cdef const real *slopes = <const real *> job.slopes + before if job.slopes != NULL else NULL
    cdef Activation activation = <Activation> last.activation
    cdef Part part
    if last.across:
        part = vectors_of(job, last.neurons, row, lanes)
    else:
        part = rows_of(job, job.samples, last.stride)
    if cost < 0:
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
    if is_matched(cost):
        pass
    elif activation == SOFTMAX and last.across:
        k = (end_of(job, row // lanes) - begin_of(job, row // lanes)) * lanes
        times_softmax_slope(deltas + part.offset, a + part.offset, k, 1, last.neurons, row)
    elif activation == SOFTMAX:
        times_softmax_slope(deltas + part.offset, a + part.offset, part.size // last.stride, last.stride, last.neurons, 1)
    elif activation == BY_PYTHON:
        for k in range(part.size):
            deltas[part.offset + k] = normal_or_zero(deltas[part.offset + k] * slopes[part.offset + k])
    else:
        for r in range(part.rows):
            times_slope(activation, deltas + part.offset + r * part.stride, a + part.offset + r * part.stride, part.size)
    times_factors(job, deltas)
    return 0


cdef void times_slopes(const Job *job, Py_ssize_t i, real *deltas, const real *a, const real *slopes, Py_ssize_t begin,
                       Py_ssize_t end) noexcept nogil:
    """Multiply the deltas of a layer's neurons from ``begin`` to ``end`` by f'(z), the last factor of BP2."""
    cdef Py_ssize_t stride = job.layers[i].stride, rows = job.samples, size = end - begin, s, j
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
    cdef const Layer *layer
    cdef const real *weights
    cdef Py_ssize_t i, k, begin, end, stride, neurons, row = columns(job, sizeof(real)), lanes = VECTOR // sizeof(real)
    cdef Py_ssize_t at = size_before(job, job.depth - 1)
    cdef real *transposed = <real *> job.transposed
    cdef real *sums
    cdef real *deltas
    cdef real *previous
    for i in range(job.depth - 1, 0, -1):
        meet(job)
        layer = &job.layers[i]
        stride = job.layers[i - 1].stride
        weights = parameters + layer.weights
        deltas = <real *> job.deltas + at
        at -= job.block * stride
        previous = <real *> job.deltas + at
        if layer.across:
            begin, end = begin_of(job, stride // lanes) * lanes, end_of(job, stride // lanes) * lanes
            errors_before_few(previous + begin, stride, deltas, row, weights + begin, layer, job.samples, end - begin)
        elif (layer.neurons + 1) * stride <= job.samples * (layer.neurons + stride):
            # Transposing the weights takes less time than transposing the errors, and only then do they fit into the memory for
            # these. A row of zeros follows them, from which every sum starts.
            begin, end = begin_of(job, stride // lanes) * lanes, end_of(job, stride // lanes) * lanes
            neurons = max(<Py_ssize_t> 0, min(end, <Py_ssize_t> layer.inputs) - begin)      # the rest is padding
            for k in range(layer.neurons + 1):
                memset(transposed + k * stride + begin, 0, (end - begin) * sizeof(real))
            transpose(transposed + begin, stride, weights + begin * layer.stride, layer.stride, neurons, layer.neurons)
            dense_product(previous + begin, stride, transposed + layer.neurons * stride + begin, 0, deltas, layer.stride, 1,
                          transposed + begin, stride, job.samples, layer.neurons, (end - begin) // lanes)
        else:
            # Vector lanes hold samples here.
            begin, end = begin_of(job, layer.neurons), end_of(job, layer.neurons)
            transpose(transposed + begin * row, row, deltas + begin, layer.stride, job.samples, end - begin)
            pad_with_zeros(transposed + begin * row, row, end - begin, job.samples)
            meet(job)
            begin, end = begin_of(job, stride), end_of(job, stride)
            neurons = max(<Py_ssize_t> 0, min(end, <Py_ssize_t> layer.inputs) - begin)      # the rest is padding
            sums = transposed + (layer.neurons + begin) * row
            memset(sums, 0, (end - begin) * row * sizeof(real))
            dense_product(sums, row, sums, row, weights + begin * layer.stride, layer.stride, 1, transposed, row, neurons,
                          layer.neurons, row // lanes)
            transpose(previous + begin, stride, sums, row, end - begin, job.samples)
        times_slopes(job, i - 1, previous, <const real *> job.activations + at,
                     <const real *> job.slopes + at if job.slopes != NULL else NULL, begin, end)
    return 0


cdef void multiply(real *x, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t size, real factor) noexcept nogil:
    cdef Py_ssize_t i, k
    for i in range(rows):
        for k in range(size):
            x[i * stride + k] = normal_or_zero(factor * x[i * stride + k])


cdef int add_gradient(const Job *job, real *target, real l1, real l2) except -1 nogil:
    """target += the block's gradient: each layer's errors (BP3) and its inputs times its errors (BP4), sample after sample. For
    descent, ``l1`` and ``l2`` first shrink each layer's weights.

    A mini-batch adds 0 to most weights of a sparse first layer, so shrinking them all would take longer than anything else.
    ``scale_after`` may do it instead: see ``scales``."""
    cdef const Layer *layer
    cdef const real *inputs = <const real *> job.inputs
    cdef const real *a = <const real *> job.activations
    cdef real *deltas = <real *> job.deltas
    cdef real *biases
    cdef real *weights
    cdef Py_ssize_t i, begin, end, k, s, row = columns(job, sizeof(real)), stride = job.x.inputs, lanes = VECTOR // sizeof(real)
    cdef bint scaled, shrinking
    for i in range(job.depth):
        layer = &job.layers[i]
        biases = target + layer.biases
        weights = target + layer.weights
        scaled = i == 0 and job.scale_after != 1
        shrinking = not scaled and (l1 != 0 or l2 != 0)
        begin, end = begin_of(job, layer.stride // lanes) * lanes, end_of(job, layer.stride // lanes) * lanes
        if layer.across:
            if job.thread == 0:
                for k in range(layer.neurons):
                    for s in range(job.samples):
                        biases[k] += deltas[k * row + s]
            if shrinking:
                for k in range(layer.neurons):
                    shrink(weights + k * layer.stride + begin, end - begin, l1, l2)
            dense_product(weights + begin, layer.stride, weights + begin, layer.stride, deltas, row, 1, inputs + begin, stride,
                          layer.neurons, job.samples, (end - begin) // lanes)
            if end == layer.stride:     # padding of the inputs holds f(0), and must not learn
                pad_with_zeros(weights, layer.stride, layer.neurons, layer.inputs)
        else:
            add_to_biases(biases + begin, deltas + begin, layer.stride, job.samples, (end - begin) // lanes)
            if scaled:
                multiply(deltas + begin, layer.stride, job.samples, end - begin, <real> (1 / job.scale_after))
            if i == 0 and job.x.starts != NULL:
                if shrinking:
                    for k in range(layer.inputs):
                        shrink(weights + k * layer.stride + begin, end - begin, l1, l2)
                outer_product_of_inputs(weights + begin, &job.x, <const real *> job.levels, job.rows, job.samples,
                                        deltas + begin, layer.stride, (end - begin) // lanes)
            else:
                if scaled:
                    meet(job)       # other threads have multiplied their columns of the errors
                begin, end = begin_of(job, layer.inputs), end_of(job, layer.inputs)
                if shrinking:
                    shrink(weights + begin * layer.stride, (end - begin) * layer.stride, l1, l2)
                dense_product(weights + begin * layer.stride, layer.stride, weights + begin * layer.stride, layer.stride,
                              inputs + begin, 1, stride, deltas, layer.stride, end - begin, job.samples, layer.stride // lanes)
        inputs, stride, a, deltas = a, layer.stride, a + job.block * layer.stride, deltas + job.block * layer.stride
    return 0


cdef void apply_scale(Job *job, real *parameters) noexcept nogil:
    """Multiply this thread's share of the first layer's weights by their common factor, which becomes 1."""
    cdef const Layer *layer = &job.layers[0]
    cdef Part part = vectors_of(job, layer.inputs, layer.stride, VECTOR // sizeof(real))
    multiply(parameters + layer.weights + part.offset, part.stride, part.rows, part.size, <real> job.scale)
    job.scale = job.scale_after = 1


cdef double squares_of_weights(const Job *job, const real *parameters) noexcept nogil:
    """The sum of the squares of all weights, layer after layer. The padding of a last layer across, and of the layer before it,
    may hold any values, so it is left out. Other padding is 0 unless the training has diverged."""
    cdef const Layer *layer
    cdef double sums[SUMS]
    cdef double total = 0, scale = job.scale, of_layer
    cdef Py_ssize_t i, k, rows, count
    for i in range(job.depth):
        layer = &job.layers[i]
        if layer.across:
            rows, count = layer.neurons, layer.inputs
        elif layer.stride % SUMS or job.layers[min(i + 1, job.depth - 1)].across:
            rows, count = layer.inputs, layer.neurons
        else:
            rows, count = 1, layer.inputs * layer.stride    # a whole row adds to all sums, as above
        memset(sums, 0, sizeof(sums))
        for k in range(rows):
            add_squares(sums, parameters + layer.weights + k * layer.stride, count)
        of_layer = 0
        for k in range(<Py_ssize_t> SUMS):
            of_layer += sums[k]
        total += scale * scale * of_layer
        scale = 1
    return total


cdef void take_step(const Job *job, const Step *step, real *parameters, real *gradient, real *moments, real l1,
                    real l2) noexcept nogil:
    """Take this thread's share of an optimiser's step, and set the gradient to 0. Biases are not regularised."""
    cdef const Layer *layer
    cdef Py_ssize_t i, begin, end, at, size = number_of_parameters(&job.layers[job.depth - 1]), lanes = VECTOR // sizeof(real)
    if job.thread == 0:
        advance(step, parameters, gradient, moments, size, job.layers[0].weights, <real> 0, <real> 0)
    for i in range(job.depth):
        layer = &job.layers[i]
        end = (layer.neurons if layer.across else layer.inputs) * layer.stride // lanes
        begin, end = begin_of(job, end) * lanes, end_of(job, end) * lanes
        at = layer.weights + begin
        advance(step, parameters + at, gradient + at, moments + at, size, end - begin, l1, l2)
