"""The gradient of a single sample. Readers' programs ask for one sample after the other, so it must not take much else."""

cdef bint all_finite(const real *x, Py_ssize_t count) noexcept nogil:
    cdef real sums[SUMS]
    cdef Py_ssize_t i = 0, k
    cdef bint finite = True
    memset(sums, 0, sizeof(sums))
    while i + SUMS <= count:
        for k in range(<Py_ssize_t> SUMS):
            sums[k] = fma(x[i + k], <real> 0, sums[k])      # NaN if the number is infinite or NaN, else 0
        i += SUMS
    for k in range(count - i):
        sums[k] = fma(x[i + k], <real> 0, sums[k])
    for k in range(<Py_ssize_t> SUMS):
        finite &= sums[k] == 0
    return finite


cdef bint backprop(Job *job, const real *parameters, const real *x, const real *y, Cost cost, real *gradient) except -1 nogil:
    """Add the gradient of a sample's cost; return whether all numbers are finite, without which nothing is added. The job's
    memory has the room that ``lay_out_rows`` asks for."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Py_ssize_t size = number_of_parameters(last)
    cdef Compressed rows
    if not (all_finite(parameters, size) and all_finite(x, job.x.inputs) and all_finite(y, last.neurons)):
        return False
    lay_out_rows(job, job.memory, sizeof(real), FOR_DELTAS, &rows)
    take_rows(job, x, 1, &rows)
    fill_factors(job, <real *> job.factors, 1, NULL)
    forward(job, parameters, None)
    output_errors(job, cost, y, 0, None)
    backward(job, parameters)
    add_gradient(job, gradient)
    make_zeros_positive(job, gradient, size)
    return True


def gradient_of_column(layout, parameters, x, y, Cost cost, gradient):
    """Add the gradient of the cost of the input ``x`` with desired outputs ``y`` to ``gradient``, and return True.

    Returns False if ``x`` or ``y`` is not a contiguous array of the length and type that the network takes, or a number is
    infinite or NaN."""
    cdef Buffers buffers = Buffers.__new__(Buffers)
    cdef Py_buffer *inputs
    cdef Py_buffer *desired
    cdef Py_buffer *flat
    cdef Py_buffer *table
    cdef Py_buffer *target
    cdef Compressed unplaced
    cdef Scratch scratch
    cdef Job job
    cdef bint finite
    try:
        inputs, desired = buffers.add(x, PyBUF_RECORDS_RO), buffers.add(y, PyBUF_RECORDS_RO)
    except ValueError:
        return False
    flat, table = buffers.add(parameters, PyBUF_RECORDS_RO), buffers.add(layout, PyBUF_C_CONTIGUOUS)
    target = buffers.add(gradient, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
    start_with_rows(&job, <const Layer *> table.buf, table.shape[0], 1, flat.itemsize)
    if not (is_column(inputs, flat, job.x.inputs) and is_column(desired, flat, job.layers[job.depth - 1].neurons)):
        return False
    scratch = Scratch(lay_out_rows(&job, NULL, flat.itemsize, FOR_DELTAS, &unplaced))
    job.memory = scratch.memory
    with nogil:
        if flat.itemsize == sizeof(float):
            finite = backprop(&job, <const float *> flat.buf, <const float *> inputs.buf, <const float *> desired.buf, cost,
                              <float *> target.buf)
        else:
            finite = backprop(&job, <const double *> flat.buf, <const double *> inputs.buf, <const double *> desired.buf, cost,
                              <double *> target.buf)
    return finite
