"""The network's kernels: arrays in, arrays out, the GIL released inside.

They trust their caller: nothing here checks a shape, so nothing but ``nndl_ext.network`` and the tests should call them.

``layout`` has a row (offset, inputs, neurons, stride) per layer after the first; it says where that layer's biases and
weights stand in the flat array ``parameters`` (see ``nndl_ext.parameters``). The inputs of all samples come as ``starts``,
``indices``, ``values`` and ``palette``: row s of a sparse data set has the elements ``values[starts[s]:starts[s + 1]]``, which
belong to the inputs ``indices[starts[s]:starts[s + 1]]``, and zeros elsewhere; a dense one has all its rows one after the
other in ``values``, and ``starts`` is empty. Values of type uint8 are positions in ``palette``.
"""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

include "arithmetic.pxi"
include "products.pxi"
include "layer.pxi"

cdef enum:
    BLOCK = 128                 # samples that go through the network together, at most
    MOST_SPARSE_INPUTS = 65536  # an index of a sparse row has 16 bits


cdef class Scratch:
    """Memory for one call, handed out in aligned pieces."""

    cdef char *memory
    cdef char *next

    def __cinit__(self, Py_ssize_t size, Py_ssize_t pieces):
        self.memory = <char *> malloc(size + pieces * VECTOR)
        if self.memory == NULL:
            raise MemoryError(f"no memory for {size} bytes of intermediate values")
        self.next = self.memory

    def __dealloc__(self):
        free(self.memory)

    cdef void *take(self, Py_ssize_t size) noexcept:
        cdef char *piece = self.next + (-<Py_ssize_t> self.next & (VECTOR - 1))
        self.next = piece + size
        return piece


cdef Py_ssize_t total_stride(const Layer *layers, Py_ssize_t depth) noexcept nogil:
    cdef Py_ssize_t i, total = 0
    for i in range(depth):
        total += layers[i].stride
    return total


cdef Py_ssize_t widest_stride(const Layer *layers, Py_ssize_t depth) noexcept nogil:
    cdef Py_ssize_t i, widest = 0
    for i in range(depth):
        widest = max(widest, <Py_ssize_t> layers[i].stride)
    return widest


cdef Py_ssize_t most_neighbours(const Layer *layers, Py_ssize_t depth) noexcept nogil:
    """Neurons of two successive layers, the inputs left out: what ``previous_deltas`` transposes, at most."""
    cdef Py_ssize_t i, most = 0
    for i in range(1, depth):
        most = max(most, <Py_ssize_t> (layers[i].inputs + layers[i].neurons))
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


cdef real *forward(
    const Layer *layers, Py_ssize_t depth, const real *parameters, const int64_t *rows, Py_ssize_t samples,
    const int64_t *starts, const uint16_t *indices, const number *values, const real *levels,
    real *inputs, real *activations,
) noexcept nogil:
    """a = sigmoid(w a + b), layer after layer (the book's equation 22): fills the activations of all layers and returns those
    of the last. The inputs are sparse rows, or, where ``starts`` is NULL, dense ones, which are gathered in ``inputs``."""
    cdef const Layer *layer
    cdef const real *weights
    cdef real *a = activations
    cdef Py_ssize_t i, s, vectors, stride = layers[0].inputs
    if starts == NULL:
        gather(inputs, values, levels, rows, samples, layers[0].inputs)
    for i in range(depth):
        layer = &layers[i]
        weights = parameters + layer.offset + layer.stride
        vectors = layer.stride * sizeof(real) // VECTOR
        start_from_biases(a, parameters + layer.offset, layer.stride, samples)
        if i == 0 and starts != NULL:
            for s in range(samples):
                sparse_product(a + s * layer.stride, values + starts[rows[s]], indices + starts[rows[s]],
                               starts[rows[s] + 1] - starts[rows[s]], levels, weights, layer.stride, vectors)
        else:
            dense_product(a, layer.stride, inputs, stride, 1, weights, layer.stride, samples, layer.inputs, vectors)
        activate(a, samples * layer.stride)
        inputs = a
        stride = layer.stride
        a += samples * stride
    return inputs


cdef void backward(
    const Layer *layers, Py_ssize_t depth, const real *parameters, real *target, real factor, const int64_t *rows,
    Py_ssize_t samples, const int64_t *starts, const uint16_t *indices, const number *values, const real *levels,
    const real *inputs,
    const real *outputs, real *deltas, real *previous, real *scratch,
) noexcept nogil:
    """Backpropagation: target += factor * gradient of the samples' cost, layer before layer (BP1 to BP4). ``inputs`` and
    ``outputs`` come from ``forward``; ``deltas`` holds the cost's derivatives by the outputs and is overwritten."""
    cdef const Layer *layer = &layers[depth - 1]
    cdef const real *a = outputs
    cdef real *weights
    cdef Py_ssize_t i, s, vectors
    output_deltas(deltas, outputs, layer, samples)
    for i in range(depth - 1, -1, -1):
        layer = &layers[i]
        weights = target + layer.offset + layer.stride
        vectors = layer.stride * sizeof(real) // VECTOR
        if i > 0:
            a -= samples * layers[i - 1].stride
            previous_deltas(previous, a, layers[i - 1].stride, deltas, parameters + layer.offset + layer.stride, layer,
                            samples, scratch)
        scale(deltas, factor, samples * layer.stride)
        add_to_biases(target + layer.offset, deltas, layer.stride, samples)
        if i > 0:
            dense_product(weights, layer.stride, a, 1, layers[i - 1].stride, deltas, layer.stride, layer.inputs, samples,
                          vectors)
        elif starts == NULL:
            dense_product(weights, layer.stride, inputs, 1, layer.inputs, deltas, layer.stride, layer.inputs, samples,
                          vectors)
        else:
            for s in range(samples):
                sparse_outer_product(weights, layer.stride, values + starts[rows[s]], indices + starts[rows[s]],
                                     starts[rows[s] + 1] - starts[rows[s]], levels, deltas + s * layer.stride, vectors)
        deltas, previous = previous, deltas


def feedforward(
    const int64_t[:, ::1] layout, const real[::1] parameters, const int64_t[::1] starts, const uint16_t[::1] indices,
    const number[::1] values, const double[::1] palette, real[:, ::1] outputs,
):
    """Write the network's output for every row of the data set into ``outputs``, of shape (samples, neurons)."""
    cdef const Layer *layers = <const Layer *> &layout[0, 0]
    cdef Py_ssize_t depth = layout.shape[0], n = outputs.shape[0], block = min(n, <Py_ssize_t> BLOCK)
    cdef const Layer *last = &layers[depth - 1]
    cdef const int64_t *row_starts = &starts[0] if starts.shape[0] else NULL
    cdef Py_ssize_t gathered = 0 if row_starts else block * layers[0].inputs
    cdef Py_ssize_t width = total_stride(layers, depth)
    cdef Scratch memory = Scratch((gathered + block * width) * sizeof(real) + block * sizeof(int64_t), 3)
    cdef real *inputs = <real *> memory.take(gathered * sizeof(real))
    cdef real *activations = <real *> memory.take(block * width * sizeof(real))
    cdef int64_t *rows = <int64_t *> memory.take(block * sizeof(int64_t))
    cdef const real *a
    cdef Py_ssize_t first = 0, samples, s
    cdef real levels[256]
    with nogil:
        convert(levels, palette)
        while first < n:
            samples = min(block, n - first)
            for s in range(samples):
                rows[s] = first + s
            a = forward(layers, depth, &parameters[0], rows, samples, row_starts, &indices[0], &values[0], levels, inputs,
                        activations)
            for s in range(samples):
                memcpy(&outputs[first + s, 0], a + s * last.stride, last.neurons * sizeof(real))
            first += samples


def feedforward_rows(const int64_t[:, ::1] layout, const real[::1] parameters, const real[:, ::1] x, real[:, ::1] outputs):
    """``feedforward`` for inputs that are the rows of a matrix, with as little around it as can be."""
    cdef const Layer *layers = <const Layer *> &layout[0, 0]
    cdef Py_ssize_t depth = layout.shape[0], n = outputs.shape[0], block = min(n, <Py_ssize_t> BLOCK)
    cdef const Layer *last = &layers[depth - 1]
    cdef Py_ssize_t inputs = x.shape[1], size = block * inputs + 1, width = total_stride(layers, depth)
    cdef Scratch memory = Scratch((size + block * width) * sizeof(real) + size * sizeof(uint16_t)
                                  + 2 * (block + 1) * sizeof(int64_t), 5)
    cdef real *values = <real *> memory.take(size * sizeof(real))
    cdef real *activations = <real *> memory.take(block * width * sizeof(real))
    cdef uint16_t *indices = <uint16_t *> memory.take(size * sizeof(uint16_t))
    cdef int64_t *starts = <int64_t *> memory.take((block + 1) * sizeof(int64_t))
    cdef int64_t *rows = <int64_t *> memory.take((block + 1) * sizeof(int64_t))
    cdef const real *a
    cdef Py_ssize_t first = 0, samples, s
    with nogil:
        while first < n:
            samples = min(block, n - first)
            starts[0] = 0
            for s in range(samples):
                rows[s] = s
                starts[s + 1] = starts[s] + compress_row(&x[first + s, 0], inputs, indices + starts[s], values + starts[s])
            if 2 * starts[samples] <= samples * inputs and inputs <= MOST_SPARSE_INPUTS:
                a = forward(layers, depth, &parameters[0], rows, samples, starts, indices, values, NULL, NULL, activations)
            else:
                a = forward(layers, depth, &parameters[0], rows, samples, NULL, indices, &x[first, 0], NULL, values, activations)
            for s in range(samples):
                memcpy(&outputs[first + s, 0], a + s * last.stride, last.neurons * sizeof(real))
            first += samples


def descend(
    const int64_t[:, ::1] layout, real[::1] parameters, real[::1] target, const int64_t[::1] starts,
    const uint16_t[::1] indices, const number[::1] values, const double[::1] palette, const real[:, ::1] y,
    const int64_t[::1] order, Py_ssize_t mini_batch_size, double eta, cost_derivative,
):
    """For each mini-batch, target -= eta * mean gradient of its samples' cost at ``parameters``.

    With ``target`` the same array as ``parameters`` this is stochastic gradient descent (the book's equations 20 and 21);
    with another it is a gradient. ``y`` holds the desired outputs of all samples, and ``order`` the samples to take, mini-batch
    after mini-batch. ``cost_derivative`` is None for the quadratic cost, or a callable that gets some samples' numbers, their
    outputs, and the matrix of the cost's derivatives to fill.
    """
    cdef const Layer *layers = <const Layer *> &layout[0, 0]
    cdef Py_ssize_t depth = layout.shape[0], n = order.shape[0]
    cdef Py_ssize_t block = min(min(n, mini_batch_size), <Py_ssize_t> BLOCK)
    cdef const Layer *last = &layers[depth - 1]
    cdef const int64_t *row_starts = &starts[0] if starts.shape[0] else NULL
    cdef Py_ssize_t gathered = 0 if row_starts else block * layers[0].inputs
    cdef Py_ssize_t width = total_stride(layers, depth), widest = widest_stride(layers, depth)
    cdef Py_ssize_t transposed = most_neighbours(layers, depth) * (block + VECTOR)
    # The blocks of one mini-batch descend from the same point, which has to be kept if the first block moves it.
    cdef Py_ssize_t kept = parameters.shape[0] if &parameters[0] == &target[0] and mini_batch_size > block else 0
    cdef Scratch memory = Scratch((gathered + block * (width + 2 * widest) + transposed + kept) * sizeof(real), 6)
    cdef real *inputs = <real *> memory.take(gathered * sizeof(real))
    cdef real *activations = <real *> memory.take(block * width * sizeof(real))
    cdef real *deltas = <real *> memory.take(block * widest * sizeof(real))
    cdef real *previous = <real *> memory.take(block * widest * sizeof(real))
    cdef real *scratch = <real *> memory.take(transposed * sizeof(real))
    cdef real *source = <real *> memory.take(kept * sizeof(real)) if kept else &parameters[0]
    cdef const int64_t *rows
    cdef real *outputs
    cdef Py_ssize_t first = 0, end, size, samples, s
    cdef real factor
    cdef bint quadratic = cost_derivative is None
    cdef real levels[256]
    with nogil:
        convert(levels, palette)
        while first < n:
            size = min(mini_batch_size, n - first)
            end = first + size
            factor = <real> (-eta / size)
            memcpy(source, &parameters[0], kept * sizeof(real))
            while first < end:
                rows = &order[first]
                samples = min(block, end - first)
                outputs = forward(layers, depth, source, rows, samples, row_starts, &indices[0], &values[0], levels, inputs,
                                  activations)
                if quadratic:
                    for s in range(samples):
                        quadratic_cost_derivative(deltas + s * last.stride, outputs + s * last.stride, &y[rows[s], 0],
                                                  last.neurons)
                else:
                    with gil:
                        cost_derivative(order[first:first + samples], <real[:samples, :last.stride]> outputs,
                                        <real[:samples, :last.stride]> deltas)
                backward(layers, depth, source, &target[0], factor, rows, samples, row_starts, &indices[0], &values[0], levels,
                         inputs, outputs, deltas, previous, scratch)
                first += samples


cdef Py_ssize_t compress_row(const real *x, Py_ssize_t inputs, uint16_t *indices, real *values) noexcept nogil:
    """Write the elements that are not zero, and their indices, and return how many they are. One place more is written to: each
    element is, and the next one goes over it if it is zero."""
    cdef Py_ssize_t k, count = 0
    for k in range(inputs):
        indices[count] = <uint16_t> k
        values[count] = x[k]
        count += x[k] != 0
    return count


def compress(const real[:, ::1] x):
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
    values_array = numpy.empty(starts[n] + 1, numpy.float32 if real is float else numpy.float64)
    cdef uint16_t[::1] indices = indices_array
    cdef real[::1] values = values_array
    with nogil:
        for s in range(n):
            compress_row(&x[s, 0], inputs, &indices[starts[s]], &values[starts[s]])
    return starts_array, indices_array[:-1], values_array[:-1]


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


def shuffle(int64_t[::1] order, Py_ssize_t remaining, const uint64_t[::1] draws):
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
