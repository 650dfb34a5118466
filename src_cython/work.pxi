"""The work of ``descend``: what all its threads share, and how they divide it."""

cdef enum:
    SHORT_BLOCK = 72            # samples in a block of a larger mini-batch in a small network: they stay in a near cache
    SMALL = 65_536              # bytes of parameters that a small network has at most
    UNITS_AT_ONCE = 32          # units for each thread between two meetings, at most; their gradients take at most SMALL bytes
    COUNTED = 256               # samples whose elements decide how the threads divide sparse inputs

cdef enum Division:
    BY_LAYERS, BY_SAMPLES, BY_UNITS

DIVISIONS = {"layers": BY_LAYERS, "samples": BY_SAMPLES, "units": BY_UNITS}
SAMPLES_OF_A_UNIT = UNIT
BYTES_OF_A_SMALL_NETWORK = SMALL


cdef class Work:
    """The work of ``descend``, shared by all its threads.

    The threads divide it in one of three ways. Divided by layers, each computes a share of every layer for all samples of a
    block. Divided by samples, each computes the activations and errors of its own samples, a part of the block, and then adds
    a share of every layer's gradient, part after part. In both ways, a sum runs over the samples in their order. Divided by
    units, each takes the next ``UNIT`` samples until there are no more and computes their whole gradient from zero; then the
    units' gradients are added in their order. So a mini-batch of more samples rounds in another way, for any number of threads.

    Parameters
    ----------
    layout : of Layer
        See the module's docstring.
    rows : Rows
        The inputs of all samples.
    order : of int64
        The indices of the samples, mini-batch after mini-batch.
    mini_batch_size : int
    cost : int
        A ``Cost``.
    memory : tuple
        Parameters, gradient, moments and desired outputs, all of float32 or all of float64. Plain descent needs neither
        gradient nor moments; else the gradient holds zeros. The optimizer ``NONE`` needs no moments: it only computes the
        gradient and leaves the parameters unchanged. Arrays that are not needed are empty. The desired outputs of all samples
        have shape (samples, outputs).
    step : of Step
        The optimizer. Each step updates its powers.
    weights : of float64
        The weight of each sample of the data set; empty for equal weights.
    rates, seed, epoch : of float64, int, int
        Of dropout: the rate of each layer, or empty without dropout; a seed of 64 bits; and the epoch, which changes the masks.
    costs : of float64
        Receives each mini-batch's sum of the samples' costs times their weights, unless empty.
    least : float
        See ``cost_of``.
    squares : of float64
        Receives the sum of the squares of the network's weights before each mini-batch, unless empty.
    functions : object or None
        Computes the user's own activations and errors, on a single thread, divided by layers. ``activate(layer, z,
        with_slopes)`` returns the activations for a layer's weighted inputs, and their derivatives if asked for.
        ``error(position, z, a)`` returns the output errors of the samples in ``order`` from ``position`` on. They get copies.
    division : int
        A ``Division``.
    threads : int
        The number of threads that will call ``descend``. A single thread can do all the work instead.
    """

    cdef const Layer[::1] layout
    cdef Rows rows
    cdef const int64_t[::1] order
    cdef const double[::1] weights
    cdef const double[::1] rates
    cdef double[::1] costs
    cdef double[::1] squares
    cdef Step[::1] step
    cdef Py_buffer parameters
    cdef Py_buffer gradient
    cdef Py_buffer moments
    cdef Py_buffer desired
    cdef Cost cost
    cdef Py_ssize_t mini_batch_size
    cdef object functions
    cdef Division division
    cdef Py_ssize_t threads
    cdef Py_ssize_t size            # bytes of memory for a part of the samples, or for all
    cdef int needs
    cdef Scratch scratch            # the parts' memory
    cdef Py_ssize_t size_of_unit    # bytes for its gradient and its samples' costs
    cdef Scratch units
    cdef char *source               # a copy of the parameters before the mini-batch, if its first blocks change them
    cdef Scratch cuts
    cdef Job job

    def __cinit__(
        self, layout, Rows rows, order, Py_ssize_t mini_batch_size, Cost cost, memory, step, *, weights, rates, uint64_t seed,
        uint32_t epoch, costs, double least, squares, functions, Division division, Py_ssize_t threads,
    ):
        cdef Py_ssize_t itemsize, part, parts, copied
        cdef char *end
        parameters, gradient, moments, desired = memory
        PyObject_GetBuffer(parameters, &self.parameters, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
        PyObject_GetBuffer(gradient, &self.gradient, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
        PyObject_GetBuffer(moments, &self.moments, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
        PyObject_GetBuffer(desired, &self.desired, PyBUF_C_CONTIGUOUS)
        itemsize = self.parameters.itemsize
        if not itemsize == self.gradient.itemsize == self.moments.itemsize == self.desired.itemsize:
            raise ValueError("memory must hold arrays of the same type")
        self.layout, self.rows, self.order, self.weights, self.rates, self.costs = layout, rows, order, weights, rates, costs
        self.squares, self.step = squares, step
        self.cost, self.mini_batch_size, self.functions = cost, mini_batch_size, functions
        self.division, self.threads = division, threads
        start(&self.job, &self.layout[0], self.layout.shape[0], samples_of_block(self, threads))
        self.job.x = rows.x
        if self.rates.shape[0]:
            self.job.masks.rates = &self.rates[0]
        self.job.masks.seed[0], self.job.masks.seed[1] = <uint32_t> seed, <uint32_t> (seed >> 32)
        self.job.masks.epoch = epoch
        self.job.least = least
        self.needs = FOR_DELTAS
        self.needs |= FOR_SLOPES if functions is not None or self.rates.shape[0] else 0
        self.needs |= FOR_WEIGHTED if cost == DELTA_BY_PYTHON else 0
        self.needs |= FOR_COSTS if self.costs.shape[0] else 0
        self.size = aligned(lay_out(&self.job, NULL, itemsize, self.needs))
        parts = 1 if division == BY_LAYERS else threads
        # The first blocks of a mini-batch change the parameters, unless the optimizer collects the gradient elsewhere.
        copied = self.parameters.len if self.step[0].optimizer == DESCENT and mini_batch_size > self.job.block else 0
        self.scratch = Scratch(self.size * parts + copied + VECTOR)
        end = self.scratch.memory + self.size * parts
        self.source = <char *> take(&end, copied)
        if division == BY_UNITS:
            self.size_of_unit = aligned(self.parameters.len + (UNIT * sizeof(double) if self.costs.shape[0] else 0))
            self.units = Scratch(threads * units_at_once(self) * self.size_of_unit + VECTOR)
        if threads > 1 and self.job.x.starts != NULL:
            cut(self, threads)
        for part in range(parts):
            take_memory(self, &self.job, part, itemsize)
            if itemsize == sizeof(float):
                convert(<float *> self.job.levels, rows.palette)
            else:
                convert(<double *> self.job.levels, rows.palette)

    def __dealloc__(self):
        PyBuffer_Release(&self.parameters)
        PyBuffer_Release(&self.gradient)
        PyBuffer_Release(&self.moments)
        PyBuffer_Release(&self.desired)


cdef Py_ssize_t samples_of_block(Work work, Py_ssize_t threads) noexcept:
    """The samples that go through the network together: all of a small mini-batch or, divided by samples, of its part."""
    cdef Py_ssize_t all = work.mini_batch_size
    if work.division == BY_SAMPLES:
        all = (all + threads - 1) // threads
    if work.functions is not None or work.division != BY_UNITS and all <= BLOCK:
        return all
    return SHORT_BLOCK if work.parameters.len <= SMALL else BLOCK


cdef inline Py_ssize_t samples_at_once(Work work, Division division, Py_ssize_t threads) noexcept nogil:
    """The samples for which the threads meet once before and once after the gradient."""
    if division == BY_LAYERS:
        return work.job.block
    return threads * (units_at_once(work) * UNIT if division == BY_UNITS else work.job.block)


cdef Py_ssize_t units_at_once(Work work) noexcept nogil:
    """The units for each thread between two meetings."""
    return min(<Py_ssize_t> UNITS_AT_ONCE, SMALL // work.parameters.len)


cdef char *memory_of_unit(Work work, Py_ssize_t unit) noexcept nogil:
    """The memory for a unit's gradient, which its samples' costs follow."""
    cdef char *memory = work.units.memory
    return <char *> take(&memory, 0) + unit * work.size_of_unit


cdef int cut(Work work, Py_ssize_t threads) except -1:
    """Give each thread inputs with about as many non-zero elements."""
    cdef Scratch elements = Scratch(work.job.x.inputs * sizeof(int64_t))
    work.cuts = Scratch((threads + 1) * sizeof(int64_t))
    work.job.cuts = <const int64_t *> work.cuts.memory
    cut_inputs(<int64_t *> work.cuts.memory, threads, &work.job.x, &work.order[0],
               min(work.order.shape[0], <Py_ssize_t> COUNTED), <int64_t *> elements.memory)
    return 0


cdef void take_memory(Work work, Job *job, Py_ssize_t part, Py_ssize_t itemsize) noexcept nogil:
    """Let the job go on with the memory for a part of the samples."""
    lay_out(job, work.scratch.memory + part * work.size, itemsize, work.needs)
