"""The steps of an optimizer, one for each mini-batch, on one or more threads.

A mini-batch goes through the network in blocks of samples. Most have a single one.
"""

cdef enum:
    SHORT_BLOCK = 72            # samples in a block of a larger mini-batch in a small network: they stay in a near cache
    SMALL = 65_536              # bytes of parameters that a small network has at most
    AHEAD = 16                  # samples from the current one to the prefetched one
    NEAR = 524_288              # bytes of inputs that stay in a cache: up to this size nothing is prefetched
    BETWEEN_LOOKS = 50_000_000  # multiply-adds between two checks for signals: a few hundredths of a second at most


cdef class Work:
    """The work of ``descend``, shared by all its threads.

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
        gradient nor moments. The optimizer ``NONE`` needs no moments: it only computes the gradient and leaves the parameters
        unchanged. Arrays that are not needed are empty. The desired outputs of all samples have shape (samples, outputs).
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
        Computes the user's own activations and errors, on a single thread. ``activate(layer, z, with_slopes)`` returns
        the activations for a layer's weighted inputs, and their derivatives if asked for. ``error(position, z, a)`` returns the
        output errors of the samples in ``order`` from ``position`` on. They get copies.
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
    cdef Scratch scratch
    cdef Job job

    def __cinit__(
        self, layout, Rows rows, order, Py_ssize_t mini_batch_size, Cost cost, memory, step, *, weights, rates, uint64_t seed,
        uint32_t epoch, costs, double least, squares, functions,
    ):
        cdef Py_ssize_t block = mini_batch_size, itemsize
        cdef int needs = FOR_DELTAS
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
        if functions is None and block > BLOCK:
            block = SHORT_BLOCK if self.parameters.len <= SMALL else BLOCK
        start(&self.job, &self.layout[0], self.layout.shape[0], block)
        self.job.x = rows.x
        if self.rates.shape[0]:
            self.job.masks.rates = &self.rates[0]
        self.job.masks.seed[0], self.job.masks.seed[1] = <uint32_t> seed, <uint32_t> (seed >> 32)
        self.job.masks.epoch = epoch
        self.job.least = least
        needs |= FOR_SLOPES if functions is not None or self.rates.shape[0] else 0
        needs |= FOR_WEIGHTED if cost == DELTA_BY_PYTHON else 0
        # The first blocks of a mini-batch change the parameters, unless the optimizer collects the gradient elsewhere.
        needs |= FOR_SOURCE if self.step[0].optimizer == DESCENT and mini_batch_size > block else 0
        needs |= FOR_COSTS if self.costs.shape[0] else 0
        self.scratch = Scratch(lay_out(&self.job, NULL, itemsize, needs))
        lay_out(&self.job, self.scratch.memory, itemsize, needs)

    def __dealloc__(self):
        PyBuffer_Release(&self.parameters)
        PyBuffer_Release(&self.gradient)
        PyBuffer_Release(&self.moments)
        PyBuffer_Release(&self.desired)


cdef struct Progress:           # how far a thread has come
    Step step
    bint descending             # whether the gradient is added to the parameters at once
    bint scaling                # whether the first layer's weights keep a common factor
    bint whole                  # whether the source holds all parameters, as they were before the mini-batch
    bint far                    # whether to prefetch samples
    double factor               # of the gradient that is added to the target
    double kept_by_l2           # of each weight, in a mini-batch
    double l1                   # by which the next block shrinks the weights, or the step regularizes the gradient
    double l2
    double weight               # of all samples in the mini-batch
    double cost                 # of its samples so far
    Py_ssize_t batch            # the number of the mini-batch
    Py_ssize_t first            # the place of the next sample in the order
    Py_ssize_t work             # since the last look for signals


cdef int look_for_signals(Progress *own, Py_ssize_t work) except -1 nogil:
    """Check for signals such as Ctrl-C once enough work has been done since the last check."""
    own.work += work
    if own.work >= BETWEEN_LOOKS:
        own.work = 0
        with gil:
            PyErr_CheckSignals()
    return 0


cdef double weight_of(const double *weights, const int64_t *rows, Py_ssize_t size) noexcept nogil:
    """The sum of the samples' weights, which are 1 if ``weights`` is NULL."""
    cdef double total = 0
    cdef Py_ssize_t s
    if weights == NULL:
        return size
    for s in range(size):
        total += weights[rows[s]]
    return total


cdef void fill_factors(const Job *job, real *factors, double factor, const double *weights) noexcept nogil:
    """Write the factor of each sample's error: ``factor`` times its weight. The padding has no weights, so it gets 0 then."""
    cdef Py_ssize_t s
    if weights == NULL:
        for s in range(job.padded_samples):
            factors[s] = <real> factor
    else:
        for s in range(job.padded_samples):
            factors[s] = <real> (factor * weights[job.indices[s]]) if s < job.samples else 0


cdef double with_costs(double total, const Job *job, const double *weights) noexcept nogil:
    """Add the samples' costs, times their weights, to a total, one after the other: so the size of a block changes no bit."""
    cdef Py_ssize_t s
    for s in range(job.samples):
        total += (<double *> job.costs)[s] * (weights[job.indices[s]] if weights != NULL else 1)
    return total


cdef void make_zeros_positive(const Job *job, real *numbers, Py_ssize_t size) noexcept nogil:
    """Replace -0 by 0 in this thread's share of an array; see ``copy_outputs``."""
    cdef Py_ssize_t i
    for i in range(begin_of(job, size), end_of(job, size)):
        numbers[i] = numbers[i] + 0


cdef inline Progress begun(Work work, const Job *job, Py_ssize_t itemsize) noexcept nogil:
    """A thread's state before the first mini-batch."""
    cdef Progress own
    memset(&own, 0, sizeof(own))
    own.step = work.step[0]
    own.descending = own.step.optimizer == DESCENT
    own.factor = own.step.eta if own.descending else 1
    own.kept_by_l2 = 1 - own.factor * own.step.l2 / own.step.per if own.step.per > 0 else 0
    own.scaling = own.descending and own.step.l1 == 0 and scales(own.kept_by_l2, job.layers, work.mini_batch_size)
    own.far = work.order.shape[0] * job.layers[0].inputs > NEAR // itemsize
    return own


cdef inline int begin_batch(Work work, Job *job, Progress *own, real *parameters, Py_ssize_t size) except -1 nogil:
    """Prepare a mini-batch of ``size`` samples."""
    cdef const double *weights = &work.weights[0] if work.weights.shape[0] else NULL
    cdef Py_ssize_t all = work.parameters.len // sizeof(real)
    cdef Share share
    cdef double per
    own.cost, own.weight = 0, weight_of(weights, &work.order[own.first], size)
    if own.step.l1 != 0 or own.step.l2 != 0:
        per = own.step.per if own.step.per > 0 else (own.weight if own.weight != 0 else 1)
        own.l1, own.l2 = own.factor * own.step.l1 / per, own.factor * own.step.l2 / per
    if own.scaling:
        job.scale_after = job.scale * own.kept_by_l2
    if work.squares.shape[0] and job.thread == 0:
        work.squares[own.batch] = squares_of_weights(job, parameters)
    if job.source != NULL:
        share = share_of(job, all, 1)
        memcpy(<real *> job.source + share.begin, parameters + share.begin, (share.end - share.begin) * sizeof(real))
        meet(job)
        own.whole = True
    return 0


cdef inline int go_through_block(
    Work work, Job *job, Progress *own, real *parameters, real *target, Py_ssize_t samples,
) except -1 nogil:
    """Add the gradient of the next samples' costs to the target."""
    cdef const double *weights = &work.weights[0] if work.weights.shape[0] else NULL
    cdef const real *y = <const real *> work.desired.buf
    cdef const real *source = <const real *> job.source if job.source != NULL else parameters
    cdef Py_ssize_t n = work.order.shape[0], outputs = job.layers[job.depth - 1].neurons, s, phase
    cdef Share share = share_of(job, samples * (work.parameters.len // <Py_ssize_t> sizeof(real)), 1)
    phase = share.end - share.begin
    take_samples(job, &work.order[own.first], samples, sizeof(real))
    look_for_signals(own, phase)
    for s in range(min(samples, n - own.first - AHEAD) if own.far else 0):
        prefetch_row(&job.x, job.indices[s + AHEAD])
        prefetch(y + job.indices[s + AHEAD] * outputs, outputs * sizeof(real))
    if job.thread == 0:
        fill_factors(job, <real *> job.factors,
                     (-own.factor if own.descending else own.factor) / own.weight if own.weight != 0 else 0, weights)
    forward(job, source, work.functions)
    look_for_signals(own, phase)
    output_errors(job, work.cost, y, own.first, work.functions)
    backward(job, source)
    look_for_signals(own, phase)
    meet(job)
    if job.costs != NULL:
        own.cost = with_costs(own.cost, job, weights)
    if own.descending:
        job.l1, job.l2 = own.l1, own.l2
        own.l1 = own.l2 = 0     # the weights shrink once per mini-batch
    add_gradient(job, target)
    meet(job)
    own.first += samples
    return 0


cdef inline int end_batch(Work work, Job *job, Progress *own, real *parameters, real *target, real *moments) except -1 nogil:
    """Take the step, unless the blocks have taken it."""
    cdef Step step
    own.whole = False
    job.scale = job.scale_after
    if job.scale < LEAST_SCALE:
        apply_scale(job, target)
        meet(job)
    if job.costs != NULL and job.thread == 0:
        work.costs[own.batch] = own.cost
    own.batch += 1
    if not own.descending and own.step.optimizer != NONE:
        own.step.first_power *= own.step.first
        own.step.second_power *= own.step.second
        step = own.step
        step.l1, step.l2 = own.l1, own.l2
        take_step(job, &step, parameters, target, moments)
        if job.thread == 0:
            work.step[0] = own.step
        meet(job)
    return 0


cdef void end_descent(
    Work work, const Job *job, const Progress *own, real *parameters, real *target, real *moments,
) noexcept nogil:
    """Leave plain numbers in this thread's share of the results."""
    cdef Py_ssize_t size = work.parameters.len // sizeof(real)
    if own.step.optimizer == NONE:
        make_zeros_positive(job, target, size)
    else:
        make_zeros_positive(job, parameters, size)
        make_zeros_positive(job, moments, work.moments.len // <Py_ssize_t> sizeof(real))


cdef int descend_on(Work work, Job *job, real *parameters) except -1:
    """``descend`` for parameters of one type."""
    cdef real *moments = <real *> work.moments.buf
    cdef Progress own = begun(work, job, sizeof(real))
    cdef real *target = parameters if own.descending else <real *> work.gradient.buf
    cdef Py_ssize_t n = work.order.shape[0], end
    try:
        with nogil:
            if job.thread == 0:
                convert(<real *> job.levels, work.rows.palette)
                if not own.descending:
                    memset(target, 0, work.gradient.len)
            meet(job)
            while own.first < n:
                end = own.first + min(work.mini_batch_size, n - own.first)
                begin_batch(work, job, &own, parameters, end - own.first)
                while own.first < end:
                    go_through_block(work, job, &own, parameters, target, min(job.block, end - own.first))
                end_batch(work, job, &own, parameters, target, moments)
            if own.scaling:
                apply_scale(job, target)
                meet(job)       # a thread's share consists of columns there, and of consecutive elements below
            end_descent(work, job, &own, parameters, target, moments)
    except BaseException:
        if job.thread == 0:
            if own.whole:
                memcpy(parameters, job.source, work.parameters.len)
            job.threads = 1
            if own.scaling:
                apply_scale(job, target)
            end_descent(work, job, &own, parameters, target, moments)
        raise
    return 0


def descend(Work work, Py_ssize_t thread, Py_ssize_t threads, int64_t[::1] meeting):
    """Take one step of an optimizer for each mini-batch, by the mean gradient of its samples' costs.

    Each of the ``threads`` threads calls this with the same arguments except ``thread``. Their number changes no bit, because
    no sum is split. ``meeting`` holds two zeros. If the second becomes 1, all threads raise an exception at the next meeting
    that not all of them reach. After any exception, parameters and moments are as they were between two mini-batches.
    """
    cdef Job job = work.job
    job.thread, job.threads, job.meeting = thread, threads, &meeting[0]
    if work.parameters.itemsize == sizeof(float):
        descend_on(work, &job, <float *> work.parameters.buf)
    else:
        descend_on(work, &job, <double *> work.parameters.buf)
