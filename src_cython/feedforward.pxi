"""Outputs of the network for rows of a data set, for an array, and for a single column."""

cdef enum:
    ENOUGH = 20_480     # bytes that suffice for a column in most networks: on the stack, this saves a call of malloc


cdef inline void start(Job *job, const Layer *layers, Py_ssize_t depth, Py_ssize_t block) noexcept nogil:
    """Initialize a job for a single thread, without its data."""
    memset(job, 0, sizeof(Job))
    job.layers, job.depth, job.block, job.threads = layers, depth, block, 1
    job.scale = job.scale_after = 1


def feedforward(
    const Layer[::1] layout, const real[::1] parameters, Rows rows, Py_ssize_t first, real[:, ::1] outputs, functions,
):
    """Write the network's outputs for the rows of the data set from ``first`` on into ``outputs``, of shape (samples, neurons).

    ``functions`` is None, or an object that computes the user's own activations (see ``Work``).
    """
    cdef Py_ssize_t n = outputs.shape[0], done = 0, s
    cdef Job job
    cdef int64_t places[BLOCK]
    start(&job, &layout[0], layout.shape[0], min(n, <Py_ssize_t> BLOCK))
    job.x = rows.x
    cdef Scratch scratch = Scratch(lay_out(&job, NULL, sizeof(real), 0))
    lay_out(&job, scratch.memory, sizeof(real), 0)
    with nogil:
        convert(<real *> job.levels, rows.palette)
        while done < n:
            take_samples(&job, places, min(job.block, n - done), sizeof(real))
            for s in range(job.samples):
                places[s] = first + done + s
            forward(&job, &parameters[0], functions)
            copy_outputs(&job, &outputs[done, 0])
            done += job.samples


cdef struct Compressed:         # memory for a block of rows that may be sparse
    int64_t *starts
    uint16_t *indices
    char *values
    int64_t *places             # the numbers of the rows


cdef Py_ssize_t lay_out_rows(Job *job, char *memory, Py_ssize_t itemsize, int needs, Compressed *rows) noexcept nogil:
    """``lay_out`` with memory for a block of rows."""
    cdef Py_ssize_t size = job.block * job.x.inputs + 1
    cdef char *end = memory + lay_out(job, memory, itemsize, needs)
    rows.starts = <int64_t *> take(&end, (job.block + 1) * sizeof(int64_t))
    rows.indices = <uint16_t *> take(&end, size * sizeof(uint16_t))
    rows.values = <char *> take(&end, size * itemsize)
    rows.places = <int64_t *> take(&end, job.block * sizeof(int64_t))
    return end - memory + VECTOR


cdef void take_rows(Job *job, const real *x, Py_ssize_t samples, const Compressed *rows) noexcept nogil:
    """Let the job go on with these dense rows, compressed if enough elements are 0."""
    cdef Py_ssize_t inputs = job.x.inputs, s
    take_samples(job, rows.places, samples, sizeof(real))
    job.x.indices, rows.starts[0] = rows.indices, 0
    for s in range(samples):
        rows.places[s] = s
        rows.starts[s + 1] = rows.starts[s] + compress_row(x + s * inputs, inputs, rows.indices + rows.starts[s],
                                                           <real *> rows.values + rows.starts[s])
    if rows.starts[samples] <= most_filled(samples, inputs):
        job.x.starts, job.x.values = rows.starts, rows.values
    else:
        job.x.starts, job.x.values = NULL, x


cdef int feed_rows(
    Job *job, const real *parameters, const real *x, real *outputs, Py_ssize_t n, functions,
) except -1 nogil:
    """Compute the outputs for dense rows of inputs. The job's memory has the room that ``lay_out_rows`` asks for."""
    cdef Py_ssize_t done = 0
    cdef Compressed rows
    lay_out_rows(job, job.memory, sizeof(real), 0, &rows)
    while done < n:
        take_rows(job, x, min(job.block, n - done), &rows)
        forward(job, parameters, functions)
        copy_outputs(job, outputs)
        done += job.samples
        x += job.samples * job.x.inputs
        outputs += job.samples * job.layers[job.depth - 1].neurons
    return 0


cdef inline void start_with_rows(
    Job *job, const Layer *layers, Py_ssize_t depth, Py_ssize_t n, Py_ssize_t itemsize,
) noexcept nogil:
    """Initialize a job whose inputs are rows of the parameters' type."""
    start(job, layers, depth, min(n, <Py_ssize_t> BLOCK))
    job.x.inputs = layers[0].inputs
    job.x.kind = FLOATS if itemsize == sizeof(float) else DOUBLES


def feedforward_rows(
    const Layer[::1] layout, const real[::1] parameters, const real[:, ::1] x, real[:, ::1] outputs, functions,
):
    """``feedforward`` for the rows of the matrix ``x``."""
    cdef Py_ssize_t n = outputs.shape[0]
    cdef Compressed unplaced
    cdef Job job
    start_with_rows(&job, &layout[0], layout.shape[0], n, sizeof(real))
    cdef Scratch scratch = Scratch(lay_out_rows(&job, NULL, sizeof(real), 0, &unplaced))
    job.memory = scratch.memory
    if n > 0:
        with nogil:
            feed_rows(&job, &parameters[0], &x[0, 0], &outputs[0, 0], n, functions)


cdef bint is_column(const Py_buffer *column, const Py_buffer *parameters, Py_ssize_t size) noexcept:
    """Whether an array is a contiguous column of this size and the parameters' type."""
    return (column.ndim in (1, 2) and column.shape[0] == size and column.len == size * parameters.itemsize
            and strcmp(column.format, parameters.format) == 0 and <uintptr_t> column.buf % parameters.itemsize == 0
            and PyBuffer_IsContiguous(column, b"C"))


def feedforward_column(layout, parameters, a, outputs):
    """Write the network's output for the input ``a`` into ``outputs`` and return True.

    Returns False if ``a`` is not a contiguous array of the length and type that the network takes. The arguments are plain
    buffers, because four memoryviews take as long as a small network takes for an image."""
    cdef Buffers buffers = Buffers.__new__(Buffers)
    cdef Py_buffer *column
    cdef Py_buffer *flat
    cdef Py_buffer *table
    cdef Py_buffer *target
    cdef Compressed unplaced
    cdef char enough[ENOUGH]
    cdef Scratch scratch
    cdef Py_ssize_t size
    cdef Job job
    try:
        column = buffers.add(a, PyBUF_RECORDS_RO)
    except ValueError:      # some arrays, for example of dates, have no buffer
        return False
    flat = buffers.add(parameters, PyBUF_RECORDS_RO)
    table = buffers.add(layout, PyBUF_C_CONTIGUOUS)     # without its format, which takes as long again
    target = buffers.add(outputs, PyBUF_C_CONTIGUOUS)
    start_with_rows(&job, <const Layer *> table.buf, table.shape[0], 1, flat.itemsize)
    if not is_column(column, flat, job.x.inputs):
        return False
    size = lay_out_rows(&job, NULL, flat.itemsize, 0, &unplaced)
    job.memory = enough
    if size > <Py_ssize_t> sizeof(enough):
        scratch = Scratch(size)
        job.memory = scratch.memory
    with nogil:
        if flat.itemsize == sizeof(float):
            feed_rows(&job, <const float *> flat.buf, <const float *> column.buf, <float *> target.buf, 1, None)
        else:
            feed_rows(&job, <const double *> flat.buf, <const double *> column.buf, <double *> target.buf, 1, None)
    return True
