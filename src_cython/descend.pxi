"""The steps of an optimizer, one for each mini-batch, on one or more threads.

A mini-batch goes through the network in blocks of samples. Most have a single one.
"""

cdef enum:
    AHEAD = 16                  # samples from the current one to the prefetched one
    NEAR = 524_288              # bytes of inputs that stay in a cache: up to this size nothing is prefetched
    BETWEEN_LOOKS = 50_000_000  # multiply-adds between two checks for signals: a few hundredths of a second at most


cdef struct Progress:           # how far a thread has come
    Step step
    bint descending             # whether the gradient is added to the parameters at once
    bint scaling                # whether the first layer's weights keep a common factor
    bint whole                  # whether the source holds all parameters, as they were before the mini-batch
    Division division           # of the mini-batch
    Py_ssize_t at_once          # see ``samples_at_once``
    bint far                    # whether to prefetch samples
    Py_ssize_t hop              # places in the order between this thread's samples and its next ones
    double factor               # of the gradient that is added to the target
    double kept_by_l2           # of each weight, in a mini-batch
    double l1                   # by which the next block shrinks the weights, or the step regularizes the gradient
    double l2
    double weight               # of all samples in the mini-batch
    double cost                 # of its samples so far
    Py_ssize_t batch            # the number of the mini-batch
    Py_ssize_t first            # the place of the next sample in the order
    Py_ssize_t work             # since the last look for signals
    Py_ssize_t unit             # the number of this thread's next unit, of all in the call
    Py_ssize_t units            # that are done


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
    own.division, own.at_once = work.division, samples_at_once(work, work.division, job.threads)
    own.far = work.order.shape[0] * job.layers[0].inputs > NEAR // itemsize
    return own


cdef inline int begin_batch(Work work, Job *job, Progress *own, real *parameters, Py_ssize_t size) except -1 nogil:
    """Prepare a mini-batch of ``size`` samples."""
    cdef const double *weights = &work.weights[0] if work.weights.shape[0] else NULL
    cdef Py_ssize_t all = work.parameters.len // sizeof(real)
    cdef Share share
    cdef double per
    own.cost, own.weight = 0, weight_of(weights, &work.order[own.first], size)
    if work.division == BY_UNITS:       # the last mini-batch may be smaller than a unit: it rounds as in a call of its own
        own.division = BY_UNITS if size > UNIT else BY_SAMPLES
        own.at_once = samples_at_once(work, own.division, job.threads)
    if own.step.l1 != 0 or own.step.l2 != 0:
        per = own.step.per if own.step.per > 0 else (own.weight if own.weight != 0 else 1)
        own.l1, own.l2 = own.factor * own.step.l1 / per, own.factor * own.step.l2 / per
    if own.scaling:
        job.scale_after = job.scale * own.kept_by_l2
    if work.squares.shape[0] and job.thread == 0:
        work.squares[own.batch] = squares_of_weights(job, parameters)
    if own.descending and size > own.at_once:
        share = share_of(job, all, 1)
        memcpy(<real *> work.source + share.begin, parameters + share.begin, (share.end - share.begin) * sizeof(real))
        meet(job)
        own.whole = True
    return 0


cdef inline int compute_errors(
    Work work, Job *job, Progress *own, const real *source, Py_ssize_t first, Py_ssize_t samples,
) except -1 nogil:
    """Take the samples from the place ``first`` in the order on, and compute their activations and errors."""
    cdef const double *weights = &work.weights[0] if work.weights.shape[0] else NULL
    cdef const real *y = <const real *> work.desired.buf
    cdef Py_ssize_t n = work.order.shape[0], outputs = job.layers[job.depth - 1].neurons, s, phase, place
    cdef Share share = share_of(job, samples * (work.parameters.len // <Py_ssize_t> sizeof(real)), 1)
    phase = share.end - share.begin
    take_samples(job, &work.order[first], samples, sizeof(real))
    look_for_signals(own, phase)
    for s in range(AHEAD, samples + AHEAD if own.far else 0):
        place = first + s if s < samples else first + s + own.hop
        if place < n:
            prefetch_row(&job.x, work.order[place])
            prefetch(y + work.order[place] * outputs, outputs * sizeof(real))
    if job.thread == 0:
        fill_factors(job, <real *> job.factors,
                     (-own.factor if own.descending else own.factor) / own.weight if own.weight != 0 else 0, weights)
    forward(job, source, work.functions)
    look_for_signals(own, phase)
    output_errors(job, work.cost, y, first, work.functions)
    backward(job, source)
    look_for_signals(own, phase)
    return 0


cdef inline int add_part(Work work, Job *job, Progress *own, real *target) except -1 nogil:
    """Add the gradient of the job's current samples, whose errors are known, to the target."""
    if job.costs != NULL:
        own.cost = with_costs(own.cost, job, &work.weights[0] if work.weights.shape[0] else NULL)
    if own.descending:
        job.l1, job.l2 = own.l1, own.l2
        own.l1 = own.l2 = 0     # the weights shrink once per mini-batch
    add_gradient(job, target)
    return 0


cdef Job alone(Work work, const Job *job, Py_ssize_t itemsize) noexcept nogil:
    """The job of this thread for its own part of the samples, in which it meets no other."""
    cdef Job own = job[0]
    own.thread, own.threads = 0, 1
    take_memory(work, &own, job.thread, itemsize)
    return own


cdef int go_by_samples(
    Work work, Job *job, Progress *own, const real *source, real *target, Py_ssize_t samples,
) except -1 nogil:
    """Add the gradient of the next samples' costs, of which each thread gets a part."""
    cdef Job mine = alone(work, job, sizeof(real))
    cdef Share share = share_of(job, samples, 1)
    cdef Py_ssize_t part, begin, end
    own.hop = samples - (share.end - share.begin)
    if share.end > share.begin:
        compute_errors(work, &mine, own, source, own.first + share.begin, share.end - share.begin)
    meet(job)
    for part in range(job.threads):
        begin, end = samples * part // job.threads, samples * (part + 1) // job.threads
        if end > begin:
            take_memory(work, job, part, sizeof(real))
            take_samples(job, &work.order[own.first + begin], end - begin, sizeof(real))
            add_part(work, job, own, target)
    return 0


cdef void add_unit(const Job *job, real *target, const real *sums) noexcept nogil:
    """Shrink this thread's share of the weights, and add the unit's gradient."""
    cdef const Layer *layer
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), i, k, begin, end
    if job.thread == 0:
        for k in range(job.layers[0].weights):      # the biases come first
            target[k] += sums[k]
    for i in range(job.depth):
        layer = &job.layers[i]
        end = rows_of_weights(layer) * layer.weights_stride // lanes
        begin, end = layer.weights + begin_of(job, end) * lanes, layer.weights + end_of(job, end) * lanes
        if shrinks(job, i):
            shrink(target + begin, end - begin, <real> job.l1, <real> job.l2)
        for k in range(begin, end):
            target[k] += sums[k]


cdef int compute_unit(
    Work work, Job *mine, Progress *own, const real *source, Py_ssize_t first, Py_ssize_t end,
) except -1 nogil:
    """Compute the gradient of the samples' costs from zero, in the memory of this thread's current unit."""
    cdef char *memory = memory_of_unit(work, own.unit - own.units)
    cdef Py_ssize_t size
    memset(memory, 0, work.parameters.len)
    if mine.costs != NULL:
        mine.costs = memory + work.parameters.len
    while first < end:
        size = min(mine.block, end - first)
        compute_errors(work, mine, own, source, first, size)
        add_gradient(mine, <real *> memory)
        first += size
        if mine.costs != NULL:
            mine.costs += size * sizeof(double)
    return 0


cdef int go_by_units(
    Work work, Job *job, Progress *own, const real *source, real *target, Py_ssize_t samples,
) except -1 nogil:
    """Add the gradient of the next samples' costs, of which each thread takes one unit after the other."""
    cdef const double *weights = &work.weights[0] if work.weights.shape[0] else NULL
    cdef Job mine = alone(work, job, sizeof(real))
    cdef Py_ssize_t unit, units = (samples + UNIT - 1) // UNIT, first
    cdef char *memory
    while own.unit < own.units + units:
        first = (own.unit - own.units) * UNIT
        compute_unit(work, &mine, own, source, own.first + first, own.first + min(samples, first + UNIT))
        own.unit = sum_of(&job.meeting[2], 1) - 1
    meet(job)
    for unit in range(units):
        memory = memory_of_unit(work, unit)
        if job.costs != NULL:
            first = unit * UNIT
            take_samples(job, &work.order[own.first + first], min(<Py_ssize_t> UNIT, samples - first), sizeof(real))
            job.costs = memory + work.parameters.len
            own.cost = with_costs(own.cost, job, weights)
        if own.descending:
            job.l1, job.l2 = own.l1, own.l2
            own.l1 = own.l2 = 0
        add_unit(job, target, <const real *> memory)
    own.units += units
    return 0


cdef inline int add_costs_gradient(
    Work work, Job *job, Progress *own, real *parameters, real *target, Py_ssize_t samples,
) except -1 nogil:
    """Add the gradient of the next samples' costs to the target."""
    cdef const real *source = <const real *> work.source if own.whole else parameters
    if own.division == BY_LAYERS:
        compute_errors(work, job, own, source, own.first, samples)
        meet(job)
        add_part(work, job, own, target)
    elif own.division == BY_SAMPLES:
        go_by_samples(work, job, own, source, target, samples)
    else:
        go_by_units(work, job, own, source, target, samples)
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
            if work.division == BY_UNITS:
                own.unit = sum_of(&job.meeting[2], 1) - 1
            while own.first < n:
                end = own.first + min(work.mini_batch_size, n - own.first)
                begin_batch(work, job, &own, parameters, end - own.first)
                while own.first < end:
                    add_costs_gradient(work, job, &own, parameters, target, min(own.at_once, end - own.first))
                end_batch(work, job, &own, parameters, target, moments)
            if own.scaling:
                apply_scale(job, target)
                meet(job)       # a thread's share consists of columns there, and of consecutive elements below
            end_descent(work, job, &own, parameters, target, moments)
    except BaseException:
        if job.thread == 0:
            if own.whole:
                memcpy(parameters, work.source, work.parameters.len)
            job.threads = 1
            if own.scaling:
                apply_scale(job, target)
            end_descent(work, job, &own, parameters, target, moments)
        raise
    return 0


cdef int check_call(Work work, Py_ssize_t thread, Py_ssize_t threads, Py_ssize_t numbers) except -1:
    """Refuse a call for which the work has no memory."""
    if threads not in (1, work.threads) or not 0 <= thread < threads or numbers != 3:
        raise ValueError(f"a job must be called by 1 or {work.threads} threads with three numbers, not by {threads} threads "
                         f"with {numbers}")
    return 0


def descend(Work work, Py_ssize_t thread, Py_ssize_t threads, int64_t[::1] meeting):
    """Take one step of an optimizer for each mini-batch, by the mean gradient of its samples' costs.

    Each of the ``threads`` threads calls this with the same arguments except ``thread``. Their number changes no bit: see
    ``Work``. ``meeting`` holds three zeros. If the second becomes 1, all threads raise an exception at the next meeting
    that not all of them reach. After any exception, parameters and moments are as they were between two mini-batches.
    """
    cdef Job job = work.job
    check_call(work, thread, threads, meeting.shape[0])
    job.thread, job.threads, job.meeting = thread, threads, &meeting[0]
    take_memory(work, &job, thread if work.division != BY_LAYERS else 0, work.parameters.itemsize)
    if work.parameters.itemsize == sizeof(float):
        descend_on(work, &job, <float *> work.parameters.buf)
    else:
        descend_on(work, &job, <double *> work.parameters.buf)
