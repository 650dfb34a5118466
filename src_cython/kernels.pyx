"""The kernels of the networks. They take and fill arrays, and release the GIL while they compute.

They do not check shapes, so only ``nndl_ext._engine``, ``nndl_ext._data`` and the tests should call them.

``layout`` has one row for each layer after the inputs, with the fields of ``Layer``. It says where the layer's biases and
weights are in the flat array ``parameters``, and what the layer computes (see ``nndl_ext._engine.parameters``).
"""

from cpython.buffer cimport (
    PyBUF_RECORDS_RO, PyBuffer_FillInfo, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset, strcmp

include "memory.pxi"
include "arithmetic.pxi"
include "products.pxi"
include "activations.pxi"
include "costs.pxi"
include "optimisers.pxi"
include "dropout.pxi"
include "layer.pxi"
include "rows.pxi"
include "job.pxi"
include "passes.pxi"
include "arrays.pxi"

cdef enum:
    BLOCK = 136                 # the largest number of samples that go through the network together
    SHORT_BLOCK = 72            # the same for larger mini-batches in a small network, so that a block stays near
    SMALL = 65_536              # bytes of parameters that a small network has at most
    AHEAD = 16                  # samples from the current one to the prefetched one
    NEAR = 524_288              # bytes of inputs that stay in a cache: up to this size nothing is prefetched
    BETWEEN_LOOKS = 50_000_000  # multiply-adds between two checks for signals: a few hundredths of a second at most


cdef double LEAST_SCALE = 0.001  # once the common factor of a layer's weights is smaller, each weight is multiplied by it


cdef inline void start(Job *job, const Layer *layers, Py_ssize_t depth, Py_ssize_t block) noexcept nogil:
    """Initialise a job for a single thread, without its data."""
    memset(job, 0, sizeof(Job))
    job.layers, job.depth, job.block, job.threads = layers, depth, block, 1
    job.scale = job.scale_after = 1


cdef void copy_outputs(const Job *job, real *outputs) noexcept nogil:
    """Copy the network's outputs without padding, one row per sample. -0 becomes 0: whether a sum of zeros is -0 depends on
    whether it has terms for inputs of 0, and so on the form of the rows."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef const real *a = <const real *> job.activations + size_before(job, job.depth - 1)
    cdef Py_ssize_t s, k
    if last.across:
        transpose(outputs, last.neurons, a, columns(job, sizeof(real)), last.neurons, job.samples)
    else:
        for s in range(job.samples):
            memcpy(outputs + s * last.neurons, a + s * last.stride, last.neurons * sizeof(real))
    for k in range(job.samples * last.neurons):
        outputs[k] = outputs[k] + 0


def feedforward(
    const int64_t[:, ::1] layout, const real[::1] parameters, Rows rows, Py_ssize_t first, real[:, ::1] outputs, functions,
):
    """Write the network's outputs for the rows of the data set from ``first`` on into ``outputs``, of shape (samples, neurons).

    ``functions`` is None, or an object that computes the user's own activations (see ``Work``).
    """
    cdef Py_ssize_t n = outputs.shape[0], done = 0, s
    cdef Job job
    cdef int64_t places[BLOCK]
    start(&job, <const Layer *> &layout[0, 0], layout.shape[0], min(n, <Py_ssize_t> BLOCK))
    job.x, job.rows = rows.x, places
    cdef Scratch scratch = Scratch(lay_out(&job, NULL, sizeof(real), 0))
    lay_out(&job, scratch.memory, sizeof(real), 0)
    with nogil:
        convert(<real *> job.levels, rows.palette)
        while done < n:
            job.samples = min(job.block, n - done)
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
    Job *job, const real *parameters, const real *x, real *outputs, Py_ssize_t n, char *memory, functions,
) except -1 nogil:
    """Compute the outputs for dense rows of inputs. Each block of them is compressed first if enough elements are 0."""
    cdef Py_ssize_t inputs = job.x.inputs, done = 0, s
    cdef char *pieces[4]
    cdef int64_t *starts
    cdef int64_t *places
    lay_out_rows(job, memory, sizeof(real), pieces)
    starts, places = <int64_t *> pieces[0], <int64_t *> pieces[3]
    job.rows, job.x.indices, starts[0] = places, <uint16_t *> pieces[1], 0
    while done < n:
        job.samples = min(job.block, n - done)
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
    """Initialise a job whose inputs are rows of the parameters' type."""
    start(job, layers, depth, min(n, <Py_ssize_t> BLOCK))
    job.x.inputs = layers[0].inputs
    job.x.kind = FLOATS if itemsize == sizeof(float) else DOUBLES


def feedforward_rows(
    const int64_t[:, ::1] layout, const real[::1] parameters, const real[:, ::1] x, real[:, ::1] outputs, functions,
):
    """``feedforward`` for the rows of the matrix ``x``."""
    cdef Py_ssize_t n = outputs.shape[0]
    cdef char *pieces[4]
    cdef Job job
    start_with_rows(&job, <const Layer *> &layout[0, 0], layout.shape[0], n, sizeof(real))
    cdef Scratch scratch = Scratch(lay_out_rows(&job, NULL, sizeof(real), pieces))
    if n > 0:
        with nogil:
            feed_rows(&job, &parameters[0], &x[0, 0], &outputs[0, 0], n, scratch.memory, functions)


def feedforward_column(layout, parameters, a, outputs):
    """Write the network's output for the input ``a`` into ``outputs`` and return True.

    Returns False if ``a`` is not a contiguous array of the length and type that the network takes. The arguments are plain
    buffers, because four memoryviews take as long as a small network takes for an image."""
    cdef Py_buffer views[4]
    cdef Py_buffer *column = &views[0]
    cdef Py_buffer *flat = &views[1]
    cdef Py_buffer *table = &views[2]
    cdef char enough[20480]     # suffices for most networks, and saves a call of malloc
    cdef char *memory = enough
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
        for array in (parameters, layout, outputs):
            PyObject_GetBuffer(array, &views[held], PyBUF_RECORDS_RO)
            held += 1
        layers = <const Layer *> table.buf
        if (column.ndim not in (1, 2) or column.shape[0] != layers[0].inputs
                or column.len != layers[0].inputs * flat.itemsize or strcmp(column.format, flat.format) != 0
                or <uintptr_t> column.buf % flat.itemsize != 0 or not PyBuffer_IsContiguous(column, b"C")):
            return False
        start_with_rows(&job, layers, table.shape[0], 1, flat.itemsize)
        size = lay_out_rows(&job, NULL, flat.itemsize, pieces)
        if size > <Py_ssize_t> sizeof(enough):
            scratch = Scratch(size)
            memory = scratch.memory
        with nogil:
            if flat.itemsize == sizeof(float):
                feed_rows(&job, <const float *> flat.buf, <const float *> column.buf, <float *> views[3].buf, 1, memory, None)
            else:
                feed_rows(&job, <const double *> flat.buf, <const double *> column.buf, <double *> views[3].buf, 1, memory,
                          None)
        return True
    finally:
        while held:
            held -= 1
            PyBuffer_Release(&views[held])


cdef class Work:
    """The work of ``descend``, shared by all its threads.

    Parameters
    ----------
    layout : of int64
        See the module's docstring.
    itemsize : int
        Bytes of a parameter.
    rows : Rows
        The inputs of all samples.
    order : of int64
        The indices of the samples, mini-batch after mini-batch.
    mini_batch_size : int
    cost : int
        A ``Cost``.
    keeps_source : bool
        Whether a mini-batch of several blocks needs a copy of the parameters, because its first blocks change them.
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

    cdef const int64_t[:, ::1] layout
    cdef Rows rows
    cdef const int64_t[::1] order
    cdef const double[::1] weights
    cdef const double[::1] rates
    cdef double[::1] costs
    cdef double[::1] squares
    cdef Cost cost
    cdef Py_ssize_t mini_batch_size
    cdef object functions
    cdef Scratch scratch
    cdef Job job

    def __cinit__(
        self, layout, Py_ssize_t itemsize, Rows rows, order, Py_ssize_t mini_batch_size, Cost cost, bint keeps_source, *,
        weights, rates, uint64_t seed, uint32_t epoch, costs, double least, squares, functions,
    ):
        cdef Py_ssize_t block = mini_batch_size, size
        cdef int needs = FOR_DELTAS
        self.layout, self.rows, self.order, self.weights, self.rates, self.costs = layout, rows, order, weights, rates, costs
        self.squares = squares
        self.cost, self.mini_batch_size, self.functions = cost, mini_batch_size, functions
        if functions is None and block > BLOCK:
            size = itemsize * number_of_parameters(<const Layer *> &self.layout[self.layout.shape[0] - 1, 0])
            block = SHORT_BLOCK if size <= SMALL else BLOCK
        start(&self.job, <const Layer *> &self.layout[0, 0], self.layout.shape[0], block)
        self.job.x = rows.x
        if self.rates.shape[0]:
            self.job.masks.rates = &self.rates[0]
        self.job.masks.seed[0], self.job.masks.seed[1] = <uint32_t> seed, <uint32_t> (seed >> 32)
        self.job.masks.epoch = epoch
        self.job.least = least
        needs |= FOR_SLOPES if functions is not None or self.rates.shape[0] else 0
        needs |= FOR_WEIGHTED if cost == DELTA_BY_PYTHON else 0
        needs |= FOR_SOURCE if keeps_source and mini_batch_size > block else 0
        needs |= FOR_COSTS if self.costs.shape[0] else 0
        self.scratch = Scratch(lay_out(&self.job, NULL, itemsize, needs))
        lay_out(&self.job, self.scratch.memory, itemsize, needs)


cdef Py_ssize_t look_for_signals(Py_ssize_t work) except -1 nogil:
    """Check for signals such as Ctrl-C once enough work has been done since the last check. Returns the work since then."""
    if work < BETWEEN_LOOKS:
        return work
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
        for s in range(columns(job, sizeof(real))):
            factors[s] = <real> factor
    else:
        for s in range(columns(job, sizeof(real))):
            factors[s] = <real> (factor * weights[job.rows[s]]) if s < job.samples else 0


cdef double with_costs(double total, const Job *job, const double *weights) noexcept nogil:
    """Add the samples' costs, times their weights, to a total, one after the other: so the size of a block changes no bit."""
    cdef Py_ssize_t s
    for s in range(job.samples):
        total += (<double *> job.costs)[s] * (weights[job.rows[s]] if weights != NULL else 1)
    return total


cdef inline bint scales(double kept_by_l2, const Layer *layers, Py_ssize_t mini_batch_size) noexcept nogil:
    """Whether plain descent with L2 keeps a common factor of the first layer's weights, which shrinks with each mini-batch,
    instead of multiplying each weight. The weighted sums are multiplied by the factor, and the errors are divided by it. This
    takes less time if there are more inputs than samples in a mini-batch, and far less if most inputs are 0. It rounds
    differently, so only the settings decide, never the form of the inputs."""
    return 0.5 <= kept_by_l2 < 1 and layers[0].inputs > mini_batch_size


cdef void make_zeros_positive(const Job *job, real *numbers, Py_ssize_t size) noexcept nogil:
    """Replace -0 by 0 in this thread's share of an array; see ``copy_outputs``."""
    cdef Py_ssize_t i
    for i in range(begin_of(job, size), end_of(job, size)):
        numbers[i] = numbers[i] + 0


def descend(
    Work work, real[::1] parameters, const real[:, ::1] y, real[::1] gradient, real[::1] moments, double[::1] step,
    Py_ssize_t thread, Py_ssize_t threads, int64_t[::1] meeting,
):
    """Take one step of an optimiser for each mini-batch, by the mean gradient of its samples' costs.

    ``y`` holds the desired outputs of all samples. ``step`` has the fields of ``Step``; each step updates its powers. Plain
    descent needs neither ``gradient`` nor ``moments``. The optimiser ``NONE`` needs no ``moments``: it only computes the
    gradient and leaves ``parameters`` unchanged. Arrays that are not needed are empty.

    Each of the ``threads`` threads calls this with the same arguments except ``thread``. Their number changes no bit, because
    no sum is split. ``meeting`` holds two zeros. If the second becomes 1, all threads raise an exception at the next meeting
    that not all of them reach. After any exception, parameters and moments are as they were between two mini-batches.
    """
    cdef Job job = work.job
    job.thread, job.threads, job.meeting = thread, threads, &meeting[0]
    cdef Py_ssize_t n = work.order.shape[0], size_of_all = parameters.shape[0]
    cdef const Layer *layers = job.layers
    cdef const double *weights = &work.weights[0] if work.weights.shape[0] else NULL
    cdef Step own = (<Step *> &step[0])[0]
    cdef int optimiser = <int> own.optimiser
    cdef bint descending = optimiser == DESCENT
    cdef bint kept = job.source != NULL
    cdef bint whole = False     # whether the source holds all parameters, as they were before the mini-batch
    cdef real *target = &parameters[0] if descending else &gradient[0]
    cdef real *source = <real *> job.source if kept else &parameters[0]
    cdef real *own_moments = &moments[0] if moments.shape[0] else NULL
    cdef real *factors = <real *> job.factors
    cdef Py_ssize_t first = 0, last_of_batch, size, s, begin, end, phase = 0, done = 0, batch = 0
    cdef double weight, per, cost
    cdef double share = own.eta if descending else 1    # factor of the gradient that is added to the target
    cdef bint far = n * layers[0].inputs > NEAR // <Py_ssize_t> sizeof(real)
    cdef bint regularised = own.l1 != 0 or own.l2 != 0
    cdef real l1 = 0, l2 = 0
    cdef double kept_by_l2 = 1 - share * own.l2 / own.per if own.per > 0 else 0
    cdef bint scaling = descending and own.l1 == 0 and scales(kept_by_l2, layers, work.mini_batch_size)
    try:
        with nogil:
            if thread == 0:
                convert(<real *> job.levels, work.rows.palette)
                if not descending:
                    memset(target, 0, size_of_all * sizeof(real))
            meet(&job)
            while first < n:
                size = min(work.mini_batch_size, n - first)
                last_of_batch = first + size
                weight = weight_of(weights, &work.order[first], size)
                if regularised:
                    per = own.per if own.per > 0 else (weight if weight > 0 else 1)
                    l1, l2 = <real> (share * own.l1 / per), <real> (share * own.l2 / per)
                if scaling:
                    job.scale_after = job.scale * kept_by_l2
                cost = 0
                if work.squares.shape[0] and thread == 0:
                    work.squares[batch] = squares_of_weights(&job, &parameters[0])
                if kept:
                    begin, end = begin_of(&job, size_of_all), end_of(&job, size_of_all)
                    memcpy(source + begin, &parameters[begin], (end - begin) * sizeof(real))
                    meet(&job)
                    whole = True
                while first < last_of_batch:
                    job.rows = &work.order[first]
                    job.samples = min(job.block, last_of_batch - first)
                    phase = end_of(&job, job.samples * size_of_all) - begin_of(&job, job.samples * size_of_all)
                    done = look_for_signals(done + phase)
                    for s in range(min(job.samples, n - first - AHEAD) if far else 0):
                        prefetch_row(&job.x, job.rows[s + AHEAD])
                        prefetch(&y[job.rows[s + AHEAD], 0], y.shape[1] * sizeof(real))
                    if thread == 0:
                        fill_factors(&job, factors, (-share if descending else share) / weight if weight > 0 else 0, weights)
                    forward(&job, source, work.functions)
                    done = look_for_signals(done + phase)
                    output_errors(&job, work.cost, &y[0, 0], first, work.functions)
                    backward(&job, source)
                    done = look_for_signals(done + phase)
                    meet(&job)
                    if job.costs != NULL:
                        cost = with_costs(cost, &job, weights)
                    if descending:
                        add_gradient(&job, target, l1, l2)
                        l1 = l2 = 0     # the weights shrink once per mini-batch
                    else:
                        add_gradient(&job, target, <real> 0, <real> 0)
                    meet(&job)
                    first += job.samples
                whole = False
                job.scale = job.scale_after
                if job.scale < LEAST_SCALE:
                    apply_scale(&job, target)
                    meet(&job)
                if job.costs != NULL and thread == 0:
                    work.costs[batch] = cost
                batch += 1
                if not descending and optimiser != NONE:
                    own.first_power *= own.first
                    own.second_power *= own.second
                    take_step(&job, &own, &parameters[0], target, own_moments, l1, l2)
                    if thread == 0:
                        (<Step *> &step[0])[0] = own
                    meet(&job)
            if scaling:
                apply_scale(&job, target)
                meet(&job)      # a thread's share consists of columns there, and of rows below
            if optimiser == NONE:
                make_zeros_positive(&job, target, size_of_all)
            else:
                make_zeros_positive(&job, &parameters[0], size_of_all)
                make_zeros_positive(&job, own_moments, moments.shape[0])
    except BaseException:
        if thread == 0:
            if whole:
                memcpy(&parameters[0], source, parameters.shape[0] * sizeof(real))
            job.threads = 1
            if scaling:
                apply_scale(&job, target)
            if optimiser != NONE:
                make_zeros_positive(&job, &parameters[0], size_of_all)
                make_zeros_positive(&job, own_moments, moments.shape[0])
        raise
