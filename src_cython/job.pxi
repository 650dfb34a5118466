"""A job describes the work of one call: its layers, current samples, memory and threads, and how the threads synchronize."""

cdef extern from "platform.h":
    bint all_have_met "nndl_ext_meet"(int64_t *meeting, int64_t threads) noexcept nogil
    int64_t sum_of "NNDL_EXT_ADD"(int64_t *number, int64_t added) noexcept nogil    # which it becomes for all threads
    void prefetch_line "NNDL_EXT_PREFETCH"(const void *p) noexcept nogil


cdef struct Job:                # the work of a call, as one of its threads sees it
    const Layer *layers
    Py_ssize_t depth
    Inputs x
    const int64_t *cuts         # where each thread's share of sparse inputs begins, and the last one's end
    const int64_t *indices      # of the current samples in the data set
    Py_ssize_t samples          # their number
    Py_ssize_t padded_samples   # the same, rounded up to whole vectors: elements of a row that holds one for each sample
    Py_ssize_t block            # the largest number of samples that the arrays below can hold
    Py_ssize_t thread
    Py_ssize_t threads
    int64_t *meeting            # see ``descend``; not used by a single thread
    Masks masks
    char *memory                # holds the arrays below
    char *levels                # the values of the palette
    char *inputs                # the current samples' dense rows, one after the other
    char *activations           # of all layers, one after the other
    char *deltas                # of all layers, one after the other
    char *slopes                # the activations' derivatives, if they cannot be computed from the activations
    char *weighted              # the output layer's weighted inputs z, if the cost needs them
    char *transposed            # transposed matrices of two successive layers: one row per neuron. Or a layer's weights
    char *factors               # by which each sample's error is multiplied
    char *costs                 # of each sample: float64
    double least                # see ``cost_of``
    double scale                # the common factor of the first layer's weights: see ``scales``
    double scale_after          # the same after the mini-batch
    double l1                   # by which descent shrinks the weights before it adds a block's gradient
    double l2


cdef struct Part:               # one thread's share of a matrix
    Py_ssize_t offset
    Py_ssize_t rows
    Py_ssize_t size             # elements of each row
    Py_ssize_t stride


cdef enum:                      # purposes for which a job needs memory
    FOR_DELTAS = 1
    FOR_SLOPES = 2
    FOR_WEIGHTED = 4
    FOR_COSTS = 8


cdef inline Py_ssize_t begin_of(const Job *job, Py_ssize_t count) noexcept nogil:
    """Where this thread's share of ``count`` items begins. A single thread avoids the division, as slow as a small layer."""
    return 0 if job.threads == 1 else count * job.thread // job.threads


cdef inline Py_ssize_t end_of(const Job *job, Py_ssize_t count) noexcept nogil:
    return count if job.threads == 1 else count * (job.thread + 1) // job.threads


cdef inline Share share_of(const Job *job, Py_ssize_t size, Py_ssize_t unit) noexcept nogil:
    """This thread's share of ``size`` elements, in whole units: vectors or single elements."""
    cdef Share share
    share.begin, share.end = begin_of(job, size // unit) * unit, end_of(job, size // unit) * unit
    return share


cdef inline Part vectors_of(const Job *job, Py_ssize_t rows, Py_ssize_t stride, Py_ssize_t lanes) noexcept nogil:
    """This thread's share of a matrix by columns: whole vectors of each row."""
    cdef Share share = share_of(job, stride, lanes)
    cdef Part part
    part.offset, part.rows, part.size, part.stride = share.begin, rows, share.end - share.begin, stride
    if part.size == stride:
        part.rows, part.size = 1, rows * stride
    return part


cdef inline Part rows_of(const Job *job, Py_ssize_t rows, Py_ssize_t stride) noexcept nogil:
    """This thread's share of a matrix by rows."""
    cdef Py_ssize_t begin = begin_of(job, rows)
    cdef Part part
    part.offset, part.rows, part.size, part.stride = begin * stride, 1, (end_of(job, rows) - begin) * stride, stride
    return part


cdef inline void take_samples(Job *job, const int64_t *indices, Py_ssize_t samples, Py_ssize_t itemsize) noexcept nogil:
    """Let the job go on with these samples."""
    job.indices, job.samples, job.padded_samples = indices, samples, aligned(samples * itemsize) // itemsize


cdef inline Py_ssize_t height_of(const Job *job, const Layer *layer) noexcept nogil:
    """The rows of a layer's matrix of activations or errors."""
    return layer.neurons if layer.kind == ACROSS else job.samples


cdef inline Py_ssize_t width_of(const Job *job, const Layer *layer) noexcept nogil:
    """The elements of such a row, padding included."""
    return job.padded_samples if layer.kind == ACROSS else layer.stride


cdef inline LayerKind kind_of(const Job *job, Py_ssize_t i) noexcept nogil:
    """The kind of a layer in this job: sparse rows of inputs make a first dense layer a sparse one."""
    return SPARSE if i == 0 and job.x.starts != NULL else <LayerKind> job.layers[i].kind


cdef inline Py_ssize_t size_before(const Job *job, Py_ssize_t end) noexcept nogil:
    """Elements that the activations of the layers before ``end`` take. Layer 0 is the first after the inputs."""
    cdef Py_ssize_t i, total = 0
    for i in range(end):
        total += job.layers[i].stride
    return total * job.block


cdef inline Py_ssize_t number_of_parameters(const Layer *last) noexcept nogil:
    """Elements of the flat array of parameters, which ends with the weights of the last layer."""
    return last.weights + rows_of_weights(last) * last.weights_stride


cdef Py_ssize_t lay_out(Job *job, char *memory, Py_ssize_t itemsize, int needs) noexcept nogil:
    """Place the job's arrays in ``memory`` and return the bytes that they need. Pass NULL first to learn how many these are."""
    cdef const Layer *last = &job.layers[job.depth - 1]
    cdef Py_ssize_t i, neighbours = 0, room = aligned(job.block * itemsize), size = size_before(job, job.depth - 1) * itemsize
    cdef char *end = memory
    job.memory = memory
    size += last.neurons * room if last.kind == ACROSS else job.block * last.stride * itemsize
    for i in range(1, job.depth):
        neighbours = max(neighbours, <Py_ssize_t> (job.layers[i - 1].stride + job.layers[i].neurons))
    job.levels = <char *> take(&end, LEVELS_AT_MOST * itemsize if job.x.kind == LEVELS else 0)
    job.inputs = <char *> take(&end, job.block * job.x.inputs * itemsize if job.x.starts == NULL else 0)
    job.activations = <char *> take(&end, size)
    job.transposed = <char *> take(&end, neighbours * room if needs & FOR_DELTAS or last.kind == ACROSS else 0)
    job.deltas = <char *> take(&end, size if needs & FOR_DELTAS else 0)
    job.factors = <char *> take(&end, room if needs & FOR_DELTAS else 0)
    job.slopes = <char *> take(&end, size) if needs & FOR_SLOPES else NULL
    job.weighted = <char *> take(&end, size) if needs & FOR_WEIGHTED else NULL
    job.costs = <char *> take(&end, job.block * sizeof(double)) if needs & FOR_COSTS else NULL
    return end - memory + VECTOR


cdef int meet(const Job *job) except -1 nogil:
    """Wait until all threads have reached this point."""
    if job.threads > 1 and not all_have_met(job.meeting, job.threads):
        with gil:
            raise RuntimeError("another thread of this job has ended before its time")
    return 0
