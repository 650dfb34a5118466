"""The network's kernels: arrays in, arrays out, the GIL released inside.

They trust their caller: nothing here checks a shape, so nothing but ``nndl_ext.network`` and the tests should call them.

``layout`` has a row (offset, inputs, neurons, stride) per layer after the first; it says where that layer's biases and
weights stand in the flat array ``parameters`` (see ``nndl_ext._core.parameters``). The inputs of all samples come as ``starts``,
``indices``, ``values`` and ``palette``: row s of a sparse data set has the elements ``values[starts[s]:starts[s + 1]]``, which
belong to the inputs ``indices[starts[s]:starts[s + 1]]``, and zeros elsewhere; a dense one has all its rows one after the
other in ``values``, and ``starts`` is empty. Values of type uint8 are positions in ``palette``.
"""

from cpython.buffer cimport PyBUF_RECORDS_RO, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset, strcmp

include "arithmetic.pxi"
include "products.pxi"
include "layer.pxi"

cdef enum:
    BLOCK = 128                 # samples that go through the network together, at most
    MOST_SPARSE_INPUTS = 65536  # an index of a sparse row has 16 bits
    AHEAD = 16                  # samples between the one at work and the one asked for from memory
    LINE = 64                   # bytes of a cache line
    RUN = 8                     # elements of a row that are passed over together if all are zero
    MANY = 32                   # samples, and vectors of each thread's neurons, for which it pays to regroup a block's inputs
    WIDE = 12
    BETWEEN_LOOKS = 50_000_000  # multiply-adds between two looks for signals: some hundredths of a second, at most


cdef extern from *:
    """
    #if defined(__i386__) && !defined(__SSE2_MATH__)
    #error "x87 arithmetic rounds twice, which gives other bits: compile with CFLAGS='-msse2 -mfpmath=sse'"
    #endif
    #ifdef _WIN32
    #define WIN32_LEAN_AND_MEAN
    #include <windows.h>
    #define NNDL_EXT_YIELD() SwitchToThread()
    #else
    #include <sched.h>
    #define NNDL_EXT_YIELD() sched_yield()
    #endif
    #if defined(_MSC_VER) && !defined(__clang__)
    #define NNDL_EXT_LOAD(p) InterlockedExchangeAdd64((p), 0)
    #define NNDL_EXT_ADD(p, n) (InterlockedExchangeAdd64((p), (n)) + (n))
    #define NNDL_EXT_PAUSE() YieldProcessor()
    #define NNDL_EXT_PREFETCH(p) PreFetchCacheLine(PF_TEMPORAL_LEVEL_2, (p))
    #else
    #define NNDL_EXT_LOAD(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
    #define NNDL_EXT_ADD(p, n) __atomic_add_fetch((p), (n), __ATOMIC_ACQ_REL)
    #if defined(__x86_64__) || defined(__i386__)
    #define NNDL_EXT_PAUSE() __builtin_ia32_pause()
    #else
    #define NNDL_EXT_PAUSE() ((void) 0)
    #endif
    #define NNDL_EXT_PREFETCH(p) __builtin_prefetch((p), 0, 2)
    #endif
    /* Wait until all threads have come as often as this one: 1; or 0 if one never will, which abandoned the meeting. The sum
       of arrivals only grows, so it needs no reset. Who abandons arrives nowhere after, hence the second look at the sum. */
    static int nndl_ext_meet(int64_t *meeting, int64_t threads) {
        int64_t *arrivals = meeting, *abandoned = meeting + 1;
        int64_t wanted = ((NNDL_EXT_ADD(arrivals, 1) - 1) / threads + 1) * threads;
        for (int spins = 0; NNDL_EXT_LOAD(arrivals) < wanted; spins++) {
            if (NNDL_EXT_LOAD(abandoned)) return NNDL_EXT_LOAD(arrivals) >= wanted;
            if (spins < 2000) NNDL_EXT_PAUSE(); else NNDL_EXT_YIELD();
        }
        return 1;
    }
    """
    bint all_have_met "nndl_ext_meet"(int64_t *meeting, int64_t threads) noexcept nogil
    void prefetch_line "NNDL_EXT_PREFETCH"(const void *p) noexcept nogil


cdef inline Py_ssize_t share(Py_ssize_t count, Py_ssize_t thread, Py_ssize_t threads) noexcept nogil:
    """Where a thread's share of ``count`` things begins; it ends where the next one's begins."""
    return count * thread // threads


cdef inline Py_ssize_t aligned(Py_ssize_t size) noexcept nogil:
    return (size + VECTOR - 1) // VECTOR * VECTOR


cdef class Scratch:
    """Memory for one call."""

    cdef char *memory

    def __cinit__(self, Py_ssize_t size):
        self.memory = <char *> malloc(size)
        if self.memory == NULL:
            raise MemoryError(f"no memory for {size} bytes of intermediate values")

    def __dealloc__(self):
        free(self.memory)


cdef inline void *take(char **memory, Py_ssize_t size) noexcept nogil:
    """The next piece of some memory, aligned; it must have VECTOR bytes more for each piece."""
    cdef char *piece = memory[0] + (-<Py_ssize_t> memory[0] & (VECTOR - 1))
    memory[0] = piece + size
    return piece


cdef Py_ssize_t total_stride(const Layer *layers, Py_ssize_t depth) noexcept nogil:
    cdef Py_ssize_t i, total = 0
    for i in range(depth):
        total += layers[i].stride
    return total


cdef Py_ssize_t most_neighbours(const Layer *layers, Py_ssize_t depth) noexcept nogil:
    """Neurons, with padding, of two successive layers, the inputs left out: what ``previous_deltas`` transposes, at most."""
    cdef Py_ssize_t i, most = 0
    for i in range(1, depth):
        most = max(most, <Py_ssize_t> (layers[i - 1].stride + layers[i].stride))
    return most


cdef void convert(real *levels, const double[::1] palette) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(palette.shape[0]):
        levels[i] = <real> palette[i]


cdef void gather(
    real *inputs, const number *values, const real *levels, const int64_t *rows, Py_ssize_t samples, Py_ssize_t width,
) noexcept nogil:
    """The samples' dense rows, one after the other."""
    cdef Py_ssize_t s, k
    for s in range(samples):
        for k in range(width):
            inputs[s * width + k] = value_at(values, rows[s] * width + k, levels)


cdef inline void prefetch(const void *p, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    for i in range((size + LINE - 1) // LINE):
        prefetch_line(<const char *> p + i * LINE)


cdef inline void prefetch_row(
    int64_t row, Py_ssize_t inputs, const int64_t *starts, const uint16_t *indices, const number *values,
) noexcept nogil:
    """Ask for a row's inputs: rows in shuffled order lie where no processor guesses, and memory answers later than a sample
    takes to go through a small network. Inline, for GCC drops the call of a function that has no other effect."""
    if starts == NULL:
        prefetch(values + row * inputs, inputs * sizeof(number))
    else:
        prefetch(indices + starts[row], (starts[row + 1] - starts[row]) * sizeof(uint16_t))
        prefetch(values + starts[row], (starts[row + 1] - starts[row]) * sizeof(number))


cdef int meet(int64_t *meeting, Py_ssize_t threads) except -1 nogil:
    """Go on when all threads have come here; a single one needs no ``meeting``."""
    if threads > 1 and not all_have_met(meeting, threads):
        with gil:
            raise RuntimeError("another thread of this job has ended before its time")
    return 0


cdef int forward(
    const Layer *layers, Py_ssize_t depth, const real *parameters, Py_ssize_t block, Py_ssize_t samples, Py_ssize_t thread,
    Py_ssize_t threads, int64_t *meeting, const int64_t *rows, const int64_t *starts, const uint16_t *indices,
    const number *values, const real *levels, real *inputs, real *activations,
) except -1 nogil:
    """a = sigmoid(w a + b), layer after layer (the book's equation 22). A thread does its share of every layer's neurons.
    The inputs are sparse rows, or, where ``starts`` is NULL, dense ones, which are gathered in ``inputs``."""
    cdef const Layer *layer
    cdef const real *biases
    cdef real *a = activations
    cdef Py_ssize_t i, begin, end, lanes = VECTOR // sizeof(real), stride = layers[0].inputs
    if starts == NULL:
        begin, end = share(samples, thread, threads), share(samples, thread + 1, threads)
        gather(inputs + begin * stride, values, levels, rows + begin, end - begin, stride)
        meet(meeting, threads)
    for i in range(depth):
        layer = &layers[i]
        begin, end = share(layer.stride // lanes, thread, threads), share(layer.stride // lanes, thread + 1, threads)
        biases = parameters + layer.offset + begin * lanes
        start_from_biases(a + begin * lanes, biases, layer.stride, samples, (end - begin) * lanes)
        if i == 0 and starts != NULL:
            sparse_product(a + begin * lanes, layer.stride, rows, samples, starts, indices, values, levels,
                           biases + layer.stride, layer.stride, end - begin)
        else:
            dense_product(a + begin * lanes, layer.stride, inputs, stride, 1, biases + layer.stride, layer.stride,
                          samples, layer.inputs, end - begin)
        activate(a + begin * lanes, layer.stride, samples, (end - begin) * lanes)
        meet(meeting, threads)
        inputs = a
        stride = layer.stride
        a += block * stride
    return 0


cdef int backward(
    const Layer *layers, Py_ssize_t depth, const real *parameters, Py_ssize_t block, Py_ssize_t samples, Py_ssize_t thread,
    Py_ssize_t threads, int64_t *meeting, real factor, const real *a, real *deltas, real *transposed,
) except -1 nogil:
    """factor * delta of all layers, from the last to the first (BP1, BP2). ``a`` and ``deltas`` are the last layer's, the
    others' stand before them; these deltas hold the cost's derivatives by the outputs. A thread does its share of the samples
    at the last layer, and of the neurons at the others."""
    cdef const Layer *layer = &layers[depth - 1]
    cdef Py_ssize_t first = share(samples, thread, threads), last = share(samples, thread + 1, threads)
    cdef Py_ssize_t columns = aligned(samples * sizeof(real)) // sizeof(real)
    cdef Py_ssize_t i, begin, end, stride
    output_deltas(deltas + first * layer.stride, a + first * layer.stride, layer, last - first)
    meet(meeting, threads)
    for i in range(depth - 1, 0, -1):
        layer = &layers[i]
        stride = layers[i - 1].stride
        a -= block * stride
        begin, end = share(layer.neurons, thread, threads), share(layer.neurons, thread + 1, threads)
        memset(transposed + begin * columns, 0, (end - begin) * columns * sizeof(real))
        transpose(transposed + begin * columns, columns, deltas + begin, layer.stride, samples, end - begin)
        meet(meeting, threads)
        begin, end = share(stride, thread, threads), share(stride, thread + 1, threads)
        previous_deltas(deltas - block * stride, a, stride, transposed, columns, transposed + (layer.neurons + begin) * columns,
                        parameters + layer.offset + layer.stride, layer, samples, begin, end)
        meet(meeting, threads)
        scale(deltas + first * layer.stride, factor, (last - first) * layer.stride)
        deltas -= block * stride
    scale(deltas + first * layers[0].stride, factor, (last - first) * layers[0].stride)
    return 0


cdef void update(
    const Layer *layers, Py_ssize_t depth, real *target, Py_ssize_t block, Py_ssize_t samples, Py_ssize_t thread,
    Py_ssize_t threads, const int64_t *rows, const int64_t *starts, const uint16_t *indices, const number *values,
    const real *levels, const real *inputs, const real *activations, const real *deltas, char *memory,
) noexcept nogil:
    """target += the block's scaled gradient (BP3, BP4): each layer's inputs times its deltas, sample after sample. A thread
    does its share of every layer. ``memory`` to regroup the inputs is NULL where that does not pay."""
    cdef const Layer *layer
    cdef real *biases
    cdef real *weights
    cdef Py_ssize_t i, begin, end, vectors, lanes = VECTOR // sizeof(real), stride = layers[0].inputs
    for i in range(depth):
        layer = &layers[i]
        vectors = layer.stride // lanes
        begin, end = share(vectors, thread, threads), share(vectors, thread + 1, threads)
        biases = target + layer.offset + begin * lanes
        weights = biases + layer.stride
        add_to_biases(biases, deltas + begin * lanes, layer.stride, (end - begin) * lanes, samples)
        if i == 0 and starts != NULL and memory != NULL:
            regrouped_outer_product(weights, layer.stride, layer.inputs, rows, samples, starts, indices, values, levels,
                                    deltas + begin * lanes, layer.stride, end - begin, memory)
        elif i == 0 and starts != NULL:
            sparse_outer_product(weights, layer.stride, rows, samples, starts, indices, values, levels,
                                 deltas + begin * lanes, layer.stride, end - begin)
        else:
            begin, end = share(layer.inputs, thread, threads), share(layer.inputs, thread + 1, threads)
            dense_product(target + layer.offset + (1 + begin) * layer.stride, layer.stride, inputs + begin, 1, stride,
                          deltas, layer.stride, end - begin, samples, vectors)
        inputs = activations
        stride = layer.stride
        activations += block * stride
        deltas += block * stride


def feedforward(
    const int64_t[:, ::1] layout, const real[::1] parameters, const int64_t[::1] starts, const uint16_t[::1] indices,
    const number[::1] values, const double[::1] palette, real[:, ::1] outputs,
):
    """Write the network's output for every row of the data set into ``outputs``, of shape (samples, neurons)."""
    cdef const Layer *layers = <const Layer *> &layout[0, 0]
    cdef Py_ssize_t depth = layout.shape[0], n = outputs.shape[0], block = min(n, <Py_ssize_t> BLOCK)
    cdef const Layer *last = &layers[depth - 1]
    cdef const int64_t *row_starts = &starts[0] if starts.shape[0] else NULL
    cdef const uint16_t *row_indices = &indices[0] if indices.shape[0] else NULL
    cdef const number *row_values = &values[0] if values.shape[0] else NULL
    cdef Py_ssize_t gathered = 0 if row_starts else block * layers[0].inputs
    cdef Py_ssize_t width = total_stride(layers, depth)
    cdef Scratch scratch = Scratch((gathered + block * width) * sizeof(real) + block * sizeof(int64_t) + 3 * VECTOR)
    cdef char *memory = scratch.memory
    cdef real *inputs = <real *> take(&memory, gathered * sizeof(real))
    cdef real *activations = <real *> take(&memory, block * width * sizeof(real))
    cdef int64_t *rows = <int64_t *> take(&memory, block * sizeof(int64_t))
    cdef const real *last_activations = activations + block * (width - last.stride)
    cdef Py_ssize_t first = 0, samples, s
    cdef real levels[256]
    with nogil:
        convert(levels, palette)
        while first < n:
            samples = min(block, n - first)
            for s in range(samples):
                rows[s] = first + s
            forward(layers, depth, &parameters[0], block, samples, 0, 1, NULL, rows, row_starts, row_indices, row_values,
                    levels, inputs, activations)
            for s in range(samples):
                memcpy(&outputs[first + s, 0], last_activations + s * last.stride, last.neurons * sizeof(real))
            first += samples


cdef Py_ssize_t memory_for_rows(const Layer *layers, Py_ssize_t depth, Py_ssize_t block, Py_ssize_t itemsize) noexcept nogil:
    cdef Py_ssize_t size = block * layers[0].inputs + 1
    return ((size + block * total_stride(layers, depth)) * itemsize + size * sizeof(uint16_t)
            + 2 * (block + 1) * sizeof(int64_t) + 5 * VECTOR)


cdef int feed_rows(
    const Layer *layers, Py_ssize_t depth, const real *parameters, const real *x, real *outputs, Py_ssize_t n, char *memory,
) except -1 nogil:
    """The network's outputs for inputs that stand one after the other, of which only now is seen whether they are sparse."""
    cdef Py_ssize_t inputs = layers[0].inputs, block = min(n, <Py_ssize_t> BLOCK), size = block * inputs + 1
    cdef Py_ssize_t width = total_stride(layers, depth)
    cdef const Layer *last = &layers[depth - 1]
    cdef real *values = <real *> take(&memory, size * sizeof(real))
    cdef real *activations = <real *> take(&memory, block * width * sizeof(real))
    cdef uint16_t *indices = <uint16_t *> take(&memory, size * sizeof(uint16_t))
    cdef int64_t *starts = <int64_t *> take(&memory, (block + 1) * sizeof(int64_t))
    cdef int64_t *rows = <int64_t *> take(&memory, (block + 1) * sizeof(int64_t))
    cdef const real *last_activations = activations + block * (width - last.stride)
    cdef Py_ssize_t first = 0, samples, s
    while first < n:
        samples = min(block, n - first)
        starts[0] = 0
        for s in range(samples):
            rows[s] = s
            starts[s + 1] = starts[s] + compress_row(x + s * inputs, inputs, indices + starts[s], values + starts[s])
        if 2 * starts[samples] <= samples * inputs and inputs <= MOST_SPARSE_INPUTS:
            forward(layers, depth, parameters, block, samples, 0, 1, NULL, rows, starts, indices, values, NULL, NULL,
                    activations)
        else:
            forward(layers, depth, parameters, block, samples, 0, 1, NULL, rows, NULL, indices, x, NULL, values,
                    activations)
        for s in range(samples):
            memcpy(outputs + s * last.neurons, last_activations + s * last.stride, last.neurons * sizeof(real))
        first += samples
        x += samples * inputs
        outputs += samples * last.neurons
    return 0


def feedforward_rows(
    const int64_t[:, ::1] layout, const real[::1] parameters, const real[:, ::1] x, real[:, ::1] outputs,
):
    """``feedforward`` for inputs that are the rows of a matrix."""
    cdef const Layer *layers = <const Layer *> &layout[0, 0]
    cdef Py_ssize_t depth = layout.shape[0], n = outputs.shape[0]
    cdef Scratch scratch = Scratch(memory_for_rows(layers, depth, min(n, <Py_ssize_t> BLOCK), sizeof(real)))
    if n > 0:
        with nogil:
            feed_rows(layers, depth, &parameters[0], &x[0, 0], &outputs[0, 0], n, scratch.memory)


def feedforward_column(layout, parameters, a, outputs):
    """Write the network's output for one input into ``outputs``; or return False if the array ``a`` is not a contiguous column
    of as many numbers, and of the same type, as the network takes. These are plain buffers, since four memoryviews take as long
    as an image through a small network."""
    cdef Py_buffer views[4]
    cdef Py_buffer *column = &views[0]
    cdef Py_buffer *flat = &views[1]
    cdef Py_buffer *table = &views[2]
    cdef char enough[16384]     # for most networks; asking the system takes longer
    cdef char *memory = enough
    cdef Scratch scratch
    cdef const Layer *layers
    cdef Py_ssize_t size, depth
    cdef int held = 0
    try:
        try:
            PyObject_GetBuffer(a, column, PyBUF_RECORDS_RO)
        except ValueError:      # of dates, for example, there are no buffers
            return False
        held = 1
        for array in (parameters, layout, outputs):
            PyObject_GetBuffer(array, &views[held], PyBUF_RECORDS_RO)
            held += 1
        layers, depth = <const Layer *> table.buf, table.shape[0]
        if (column.ndim not in (1, 2) or column.shape[0] != layers[0].inputs
                or column.len != layers[0].inputs * flat.itemsize or strcmp(column.format, flat.format) != 0
                or <uintptr_t> column.buf % flat.itemsize != 0 or not PyBuffer_IsContiguous(column, b"C")):
            return False
        size = memory_for_rows(layers, depth, 1, flat.itemsize)
        if size > <Py_ssize_t> sizeof(enough):
            scratch = Scratch(size)
            memory = scratch.memory
        with nogil:
            if flat.itemsize == sizeof(float):
                feed_rows(layers, depth, <const float *> flat.buf, <const float *> column.buf, <float *> views[3].buf, 1,
                          memory)
            else:
                feed_rows(layers, depth, <const double *> flat.buf, <const double *> column.buf, <double *> views[3].buf, 1,
                          memory)
        return True
    finally:
        while held:
            held -= 1
            PyBuffer_Release(&views[held])


def workspace_size(const int64_t[:, ::1] layout, Py_ssize_t itemsize, Py_ssize_t mini_batch_size):
    """The bytes that ``descend`` needs for intermediate values."""
    cdef const Layer *layers = <const Layer *> &layout[0, 0]
    cdef const Layer *last = &layers[layout.shape[0] - 1]
    cdef Py_ssize_t block = min(mini_batch_size, <Py_ssize_t> BLOCK)
    cdef Py_ssize_t activations = block * total_stride(layers, layout.shape[0])
    cdef Py_ssize_t transposed = most_neighbours(layers, layout.shape[0]) * aligned(block)
    cdef Py_ssize_t parameters = last.offset + (1 + last.inputs) * last.stride
    return (2 * activations + block * layers[0].inputs + transposed + parameters) * itemsize + 5 * VECTOR


cdef Py_ssize_t look_for_signals(Py_ssize_t work) except -1 nogil:
    """The work since the last look for signals such as Ctrl-C: 0 after a look, which is taken when enough has been done."""
    if work < BETWEEN_LOOKS:
        return work
    with gil:
        PyErr_CheckSignals()
    return 0


def descend(
    const int64_t[:, ::1] layout, real[::1] parameters, real[::1] target, const int64_t[::1] starts,
    const uint16_t[::1] indices, const number[::1] values, const double[::1] palette, const real[:, ::1] y,
    const int64_t[::1] order, Py_ssize_t mini_batch_size, double eta, cost_derivative, uint8_t[::1] workspace,
    int64_t[::1] meeting, Py_ssize_t thread, Py_ssize_t threads,
):
    """For each mini-batch, target -= eta * mean gradient of its samples' cost at ``parameters``.

    With ``target`` the same array as ``parameters`` this is stochastic gradient descent (the book's equations 20 and 21);
    with another it is a gradient. ``y`` holds the desired outputs of all samples, and ``order`` the samples to take, mini-batch
    after mini-batch. ``cost_derivative`` is None for the quadratic cost, or, on one thread only, a callable that gets a
    position in ``order``, the outputs of the samples from there on, and the matrix of the cost's derivatives to fill.

    All ``threads`` call this with the same arguments but ``thread``. Each takes its share of every layer's neurons, forward,
    back and in the update, and meets the others where it needs what they have computed. The weights that it reads are mostly
    those that it has changed itself. No sum is split, so their number changes no bit. ``workspace``
    has the size that ``workspace_size`` says, and ``meeting`` is two zeros; a 1 in place of the second makes all threads raise
    at their next meeting, if not all come to it. Whatever exception ends this, in descent ``target`` is left as it was
    between two mini-batches.
    """
    cdef const Layer *layers = <const Layer *> &layout[0, 0]
    cdef Py_ssize_t depth = layout.shape[0], n = order.shape[0]
    cdef Py_ssize_t block = min(mini_batch_size, <Py_ssize_t> BLOCK)
    cdef const Layer *last = &layers[depth - 1]
    cdef const int64_t *row_starts = &starts[0] if starts.shape[0] else NULL
    cdef const uint16_t *row_indices = &indices[0] if indices.shape[0] else NULL
    cdef const number *row_values = &values[0] if values.shape[0] else NULL
    cdef Py_ssize_t width = total_stride(layers, depth)
    # The blocks of one mini-batch descend from the same point, which has to be kept if the first block moves it.
    cdef bint kept = &parameters[0] == &target[0] and mini_batch_size > block
    cdef char *memory = <char *> &workspace[0]
    cdef real *activations = <real *> take(&memory, block * width * sizeof(real))
    cdef real *deltas = <real *> take(&memory, block * width * sizeof(real))
    cdef real *inputs = <real *> take(&memory, block * layers[0].inputs * sizeof(real))
    cdef real *transposed = <real *> take(&memory, most_neighbours(layers, depth) * aligned(block) * sizeof(real))
    cdef real *source = <real *> take(&memory, parameters.shape[0] * sizeof(real)) if kept else &parameters[0]
    cdef real *outputs = activations + block * (width - last.stride)
    cdef real *derivatives = deltas + block * (width - last.stride)
    cdef Scratch regrouped
    cdef char *memory_of_update = NULL
    cdef const int64_t *rows
    cdef Py_ssize_t first = 0, last_of_batch, size, samples, begin, end, s, work = 0, phase = 0
    cdef real factor
    cdef bint quadratic = cost_derivative is None
    cdef real levels[256]
    if row_starts != NULL and block >= MANY and layers[0].stride * sizeof(real) >= WIDE * VECTOR * threads:
        regrouped = Scratch(memory_to_regroup(layers[0].inputs, block, sizeof(real)))
        memory_of_update = regrouped.memory
    try:
        with nogil:
            convert(levels, palette)
            while first < n:
                size = min(mini_batch_size, n - first)
                last_of_batch = first + size
                factor = <real> (-eta / size)
                if kept:
                    if thread == 0:
                        memcpy(source, &parameters[0], parameters.shape[0] * sizeof(real))
                    meet(&meeting[0], threads)
                while first < last_of_batch:
                    rows = &order[first]
                    samples = min(block, last_of_batch - first)
                    begin, end = share(samples, thread, threads), share(samples, thread + 1, threads)
                    phase = samples * parameters.shape[0] // threads
                    work = look_for_signals(work + phase)
                    for s in range(min(samples, n - first - AHEAD)):
                        prefetch_row(rows[s + AHEAD], layers[0].inputs, row_starts, row_indices, row_values)
                    forward(layers, depth, source, block, samples, thread, threads, &meeting[0], rows, row_starts, row_indices,
                            row_values, levels, inputs, activations)
                    work = look_for_signals(work + phase)
                    if quadratic:
                        for s in range(begin, end):
                            quadratic_cost_derivative(derivatives + s * last.stride, outputs + s * last.stride,
                                                      &y[rows[s], 0], last.neurons)
                    else:
                        with gil:
                            cost_derivative(first, <real[:samples, :last.stride]> outputs,
                                            <real[:samples, :last.stride]> derivatives)
                    backward(layers, depth, source, block, samples, thread, threads, &meeting[0], factor, outputs, derivatives,
                             transposed)
                    work = look_for_signals(work + phase)
                    meet(&meeting[0], threads)
                    update(layers, depth, &target[0], block, samples, thread, threads, rows, row_starts, row_indices,
                           row_values, levels, inputs, activations, deltas, memory_of_update)
                    meet(&meeting[0], threads)
                    first += samples
    except BaseException:
        if kept and thread == 0:
            memcpy(&target[0], source, target.shape[0] * sizeof(real))
        raise


cdef Py_ssize_t compress_row(const number *x, Py_ssize_t inputs, uint16_t *indices, number *values) noexcept nogil:
    """Write the elements that are not zero, and their indices, and return how many they are. One place more is written to: each
    element of a run with others than zeros is, and the next one goes over it if it is zero."""
    cdef Py_ssize_t k = 0, i, count = 0
    cdef uint64_t bits, word
    while k < inputs:
        bits = inputs - k < RUN
        if not bits:
            for i in range(<Py_ssize_t> (RUN * sizeof(number) // 8)):
                memcpy(&word, <const char *> (x + k) + 8 * i, 8)
                bits |= word
        if bits:
            for i in range(k, min(k + <Py_ssize_t> RUN, inputs)):
                indices[count] = <uint16_t> i
                values[count] = x[i]
                count += x[i] != 0
        k += RUN
    return count


def compress(const number[:, ::1] x):
    """The rows of ``x`` as (starts, indices, values): sparse, if at most half of the elements are not zero."""
    import numpy
    cdef Py_ssize_t n = x.shape[0], inputs = x.shape[1], s, k, count
    starts_array = numpy.empty(n + 1, numpy.int64)
    cdef int64_t[::1] starts = starts_array
    with nogil:
        starts[0] = 0
        for s in range(n):
            count = 0
            for k in range(inputs):
                count += x[s, k] != 0
            starts[s + 1] = starts[s] + count
    if 2 * starts[n] > n * inputs or inputs > MOST_SPARSE_INPUTS:
        return starts_array[:0], numpy.empty(0, numpy.uint16), numpy.asarray(x).reshape(-1)
    indices_array = numpy.empty(starts[n] + 1, numpy.uint16)
    values_array = numpy.empty(starts[n] + 1, numpy.asarray(x).dtype)
    cdef uint16_t[::1] indices = indices_array
    cdef number[::1] values = values_array
    with nogil:
        for s in range(n):
            compress_row(&x[s, 0], inputs, &indices[starts[s]], &values[starts[s]])
    return starts_array, indices_array[:starts[n]], values_array[:starts[n]]


def enumerate_values(const real[::1] values, uint8_t[::1] positions, double[::1] palette):
    """Write the different values into ``palette`` and the position there of each into ``positions``; return how many they are,
    or 0 if there are more than 256, and then what was written is of no use."""
    cdef real known[1024]               # an open hash table
    cdef int16_t position_of[1024]
    cdef real value
    cdef uint64_t bits = 0
    cdef Py_ssize_t i, slot
    cdef int16_t count = 0
    with nogil:
        for slot in range(1024):
            position_of[slot] = -1
        for i in range(values.shape[0]):
            value = values[i]
            memcpy(&bits, &value, sizeof(real))
            slot = <Py_ssize_t> (bits * <uint64_t> 0x9E3779B97F4A7C15 >> 54)
            while position_of[slot] >= 0 and known[slot] != value:
                slot = (slot + 1) % 1024
            if position_of[slot] < 0:
                if count == 256:
                    count = 0
                    break
                known[slot] = value
                position_of[slot] = count
                palette[count] = value
                count += 1
            positions[i] = <uint8_t> position_of[slot]
    return count


def shuffle(int64_t[::1] order, Py_ssize_t remaining, const uint32_t[::1] draws):
    """Go on with ``random.shuffle``: swap the element at ``remaining`` with one drawn from those up to it, and so on down, as
    far as the 32-bit ``draws`` reach; return what remains. A draw too large is passed over, as ``random.randrange`` does."""
    cdef Py_ssize_t d, j
    cdef int shift = 0
    with nogil:
        for d in range(draws.shape[0]):
            while (remaining + 1) >> (31 - shift) == 0:     # leave as many bits as remaining + 1 has
                shift += 1
            j = <Py_ssize_t> (draws[d] >> shift)
            if j <= remaining:
                order[remaining], order[j] = order[j], order[remaining]
                remaining -= 1
    return remaining


def sigmoid(const real[::1] z, real[::1] a):
    """a = sigmoid(z), element by element."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(z.shape[0]):
            a[i] = sigmoid_of(z[i])


def exp(const real[::1] x, real[::1] y):
    """y = e**x, element by element."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            y[i] = exp_of(x[i])
