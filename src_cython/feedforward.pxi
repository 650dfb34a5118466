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


cdef Py_ssize_t lay_out_rows(Job *job, char *memory, Py_ssize_t itemsize, char **pieces) noexcept nogil:
    """``lay_out`` with four more arrays for a block of rows: starts, indices and values if sparse, and row numbers."""
    cdef Py_ssize_t size = job.block * job.x.inputs + 1
    cdef char *end = memory + lay_out(job, memory, itemsize, 0)
    pieces[0] = <char *> take(&end, (job.block + 1) * sizeof(int64_t))
    pieces[1] = <char *> take(&end, size * sizeof(uint16_t))
    pieces[2] = <char *> take(&end, size * itemsize)
    pieces[3] = <char *> take(&end, job.block * sizeof(int64_t))
    return end - memory + VECTOR


cdef int feed_rows(
    Job *job, const real *parameters, const real *x, real *outputs, Py_ssize_t n, functions,
) except -1 nogil:
    """Compute the outputs for dense rows of inputs. Each block of them is compressed first if enough elements are 0. The job's
    memory has the room that ``lay_out_rows`` asks for."""
    cdef Py_ssize_t inputs = job.x.inputs, done = 0, s
    cdef char *pieces[4]
    cdef int64_t *starts
    cdef int64_t *places
    lay_out_rows(job, job.memory, sizeof(real), pieces)
    starts, places = <int64_t *> pieces[0], <int64_t *> pieces[3]
    job.x.indices, starts[0] = <uint16_t *> pieces[1], 0
    while done < n:
        take_samples(job, places, min(job.block, n - done), sizeof(real))
        for s in range(job.samples):
            places[s] = s
            starts[s + 1] = starts[s] + compress_row(x + s * inputs, inputs, <uint16_t *> pieces[1] + starts[s],
                                                     <real *> pieces[2] + starts[s])
        if starts[job.samples] <= most_filled(job.samples, inputs):
            job.x.starts, job.x.values = starts, pieces[2]
        else:
            job.x.starts, job.x.values = NULL, x
        forward(job, parameters, functions)
        copy_outputs(job, outputs)
        done += job.samples
        x += job.samples * inputs
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
    cdef char *pieces[4]
    cdef Job job
    start_with_rows(&job, &layout[0], layout.shape[0], n, sizeof(real))
    cdef Scratch scratch = Scratch(lay_out_rows(&job, NULL, sizeof(real), pieces))
    job.memory = scratch.memory
    if n > 0:
        with nogil:
            feed_rows(&job, &parameters[0], &x[0, 0], &outputs[0, 0], n, functions)


def feedforward_column(layout, parameters, a, outputs):
    """Write the network's output for the input ``a`` into ``outputs`` and return True.

    Returns False if ``a`` is not a contiguous array of the length and type that the network takes. The arguments are plain
    buffers, because four memoryviews take as long as a small network takes for an image."""
    cdef Py_buffer views[4]
    cdef Py_buffer *column = &views[0]
    cdef Py_buffer *flat = &views[1]
    cdef Py_buffer *table = &views[2]
    cdef char enough[ENOUGH]
    cdef char *pieces[4]
    cdef Scratch scratch
    cdef const Layer *layers
    cdef Py_ssize_t size
    cdef Job job
    cdef int held = 0
    try:
        try:
            PyObject_GetBuffer(a, column, PyBUF_RECORDS_RO)
        except ValueError:      # some arrays, for example of dates, have no buffer
            return False
        held = 1
        PyObject_GetBuffer(parameters, flat, PyBUF_RECORDS_RO)
        held = 2
        for array in (layout, outputs):
            PyObject_GetBuffer(array, &views[held], PyBUF_C_CONTIGUOUS)     # without its format, which takes as long again
            held += 1
        layers = <const Layer *> table.buf
        if (column.ndim not in (1, 2) or column.shape[0] != layers[0].inputs
                or column.len != layers[0].inputs * flat.itemsize or strcmp(column.format, flat.format) != 0
                or <uintptr_t> column.buf % flat.itemsize != 0 or not PyBuffer_IsContiguous(column, b"C")):
            return False
        start_with_rows(&job, layers, table.shape[0], 1, flat.itemsize)
        size = lay_out_rows(&job, NULL, flat.itemsize, pieces)
        job.memory = enough
        if size > <Py_ssize_t> sizeof(enough):
            scratch = Scratch(size)
            job.memory = scratch.memory
        with nogil:
            if flat.itemsize == sizeof(float):
                feed_rows(&job, <const float *> flat.buf, <const float *> column.buf, <float *> views[3].buf, 1, None)
            else:
                feed_rows(&job, <const double *> flat.buf, <const double *> column.buf, <double *> views[3].buf, 1, None)
        return True
    finally:
        while held:
            held -= 1
            PyBuffer_Release(&views[held])
