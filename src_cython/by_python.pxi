"""Calls of the user's own functions in Python. They get copies, which they may keep, as a traceback does."""

cdef object of_samples(const Job *job, Py_ssize_t i, real *matrix):
    """A layer's matrix as a view for Python, of shape (samples, neurons)."""
    cdef const Layer *layer = &job.layers[i]
    if layer.kind == ACROSS:
        return (<real[:layer.neurons, :job.padded_samples]> matrix).T[:job.samples]
    return (<real[:job.samples, :layer.stride]> matrix)[:, :layer.neurons]


cdef object copy_of(const Job *job, Py_ssize_t i, real *matrix):
    """A copy of a layer's matrix, without -0."""
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
    if layer.kind == ACROSS:
        pad_with_zeros(matrix, job.padded_samples, layer.neurons, job.samples)
    else:
        pad_with_zeros(matrix, layer.stride, job.samples, layer.neurons)


cdef int activate_by_python(const Job *job, Py_ssize_t i, real *a, real *slopes, functions) except -1:
    """``activate_part`` for the user's own activation and a whole layer."""
    values, derivatives = functions.activate(i, copy_of(job, i, a), slopes != NULL)
    set_from(job, i, a, values)
    if slopes != NULL:
        pad(job, i, slopes)
        set_from(job, i, slopes, derivatives)
    return 0
