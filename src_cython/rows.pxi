"""The inputs of a data set. Rows are dense or sparse; elements are numbers or positions in a palette of levels."""

cdef enum:
    MOST_COMPRESSED = 65536     # most inputs of a row that is compressed here, with 16-bit indices; a caller's may have 32 bits
    RUN = 8                     # elements of a row that are skipped together if all are zero
    LINE = 64                   # bytes of a cache line
    PLACES = 4096               # in a hash table of values: 2**12
    LEVELS_AT_MOST = 256        # in a palette, whose positions are bytes


cdef extern from "platform.h":
    const Py_ssize_t MOST_FILLED "NNDL_EXT_MOST_FILLED"     # per cent


cdef enum Kind:                 # of the values
    FLOATS, DOUBLES, LEVELS


cdef struct Inputs:
    Py_ssize_t inputs           # of each sample
    const int64_t *starts       # where the non-zero elements of each row start; NULL for dense rows
    const void *indices         # the input of each element: uint32 if ``wide``, else uint16
    bint wide
    const void *values
    Kind kind


cdef class Rows:
    """The inputs of a data set.

    If they are sparse, row s has the elements ``values[starts[s]:starts[s + 1]]``, which belong to the inputs
    ``indices[starts[s]:starts[s + 1]]``; its other elements are 0. If they are dense, ``values`` holds all rows one after the
    other and ``starts`` is empty. Values of type uint8 are positions in ``palette``.
    """

    cdef Inputs x
    cdef const int64_t[::1] starts
    cdef const double[::1] palette
    cdef Py_buffer indices
    cdef Py_buffer values

    def __cinit__(self, Py_ssize_t inputs, starts, indices, values, palette):
        PyObject_GetBuffer(indices, &self.indices, PyBUF_RECORDS_RO)
        PyObject_GetBuffer(values, &self.values, PyBUF_RECORDS_RO)
        self.starts, self.palette = starts, palette
        self.x.inputs = inputs
        self.x.starts = &self.starts[0] if self.starts.shape[0] else NULL
        self.x.indices, self.x.wide = self.indices.buf, self.indices.itemsize == sizeof(uint32_t)
        self.x.values = self.values.buf
        self.x.kind = LEVELS if self.values.itemsize == 1 else (FLOATS if self.values.itemsize == 4 else DOUBLES)

    @property
    def elements(self):
        """The number of elements, which are all inputs if the rows are dense."""
        return self.values.len // self.values.itemsize

    @property
    def largest(self):
        """The largest absolute value of an element, or of the palette."""
        import numpy
        return float(numpy.abs(self.palette if self.x.kind == LEVELS else <object> self.values.obj).max(initial=0))

    def __dealloc__(self):
        PyBuffer_Release(&self.indices)
        PyBuffer_Release(&self.values)


cdef void convert(real *levels, const double[::1] palette) noexcept nogil:
    """Fill the table of levels, with zeros beyond the palette, so that every byte is a position in it."""
    cdef Py_ssize_t size = min(<Py_ssize_t> LEVELS_AT_MOST, palette.shape[0]), i
    for i in range(size):
        levels[i] = <real> palette[i]
    for i in range(size, <Py_ssize_t> LEVELS_AT_MOST if size else 0):
        levels[i] = 0


cdef inline void gather_values(
    real *inputs, const number *values, const real *levels, const int64_t *rows, Py_ssize_t samples, Py_ssize_t width,
) noexcept nogil:
    cdef Py_ssize_t s, k
    for s in range(samples):
        for k in range(width):
            inputs[s * width + k] = value_at(values, rows[s] * width + k, levels)


cdef void gather(real *inputs, const Inputs *x, const real *levels, const int64_t *rows, Py_ssize_t samples) noexcept nogil:
    """Copy the samples' dense rows into ``inputs``, one after the other."""
    if x.kind == FLOATS:
        gather_values(inputs, <const float *> x.values, levels, rows, samples, x.inputs)
    elif x.kind == DOUBLES:
        gather_values(inputs, <const double *> x.values, levels, rows, samples, x.inputs)
    else:
        gather_values(inputs, <const uint8_t *> x.values, levels, rows, samples, x.inputs)


cdef inline Sparse sparse_rows(const Inputs *x, const int64_t *rows, Py_ssize_t samples) noexcept nogil:
    cdef Sparse sparse
    sparse.rows, sparse.count, sparse.width = rows, samples, x.inputs
    sparse.begins, sparse.ends = x.starts, x.starts + 1
    return sparse


cdef inline void product_of_values(
    real *z, const Inputs *x, const Sparse *rows, const number *values, const real *levels, const real *weights,
    Py_ssize_t stride, Py_ssize_t vectors,
) noexcept nogil:
    if x.wide:
        sparse_product(z, stride, rows, <const uint32_t *> x.indices, values, levels, weights, stride, vectors)
    else:
        sparse_product(z, stride, rows, <const uint16_t *> x.indices, values, levels, weights, stride, vectors)


cdef void product_of_inputs(
    real *z, const Inputs *x, const Sparse *rows, const real *levels, const real *weights, Py_ssize_t stride,
    Py_ssize_t vectors,
) noexcept nogil:
    """z += x w for sparse rows of inputs."""
    if x.kind == FLOATS:
        product_of_values(z, x, rows, <const float *> x.values, levels, weights, stride, vectors)
    elif x.kind == DOUBLES:
        product_of_values(z, x, rows, <const double *> x.values, levels, weights, stride, vectors)
    else:
        product_of_values(z, x, rows, <const uint8_t *> x.values, levels, weights, stride, vectors)


cdef inline void outer_product_of_values(
    real *w, const Inputs *x, const Sparse *rows, const number *values, const real *levels, const real *deltas,
    Py_ssize_t stride, Py_ssize_t vectors,
) noexcept nogil:
    if x.wide:
        sparse_outer_product(w, stride, rows, <const uint32_t *> x.indices, values, levels, deltas, stride, vectors)
    else:
        sparse_outer_product(w, stride, rows, <const uint16_t *> x.indices, values, levels, deltas, stride, vectors)


cdef void outer_product_of_inputs(
    real *w, const Inputs *x, const Sparse *rows, const real *levels, const real *deltas, Py_ssize_t stride,
    Py_ssize_t vectors,
) noexcept nogil:
    """w += x delta for sparse rows of inputs."""
    if x.kind == FLOATS:
        outer_product_of_values(w, x, rows, <const float *> x.values, levels, deltas, stride, vectors)
    elif x.kind == DOUBLES:
        outer_product_of_values(w, x, rows, <const double *> x.values, levels, deltas, stride, vectors)
    else:
        outer_product_of_values(w, x, rows, <const uint8_t *> x.values, levels, deltas, stride, vectors)


cdef inline int64_t index_at(const Inputs *x, int64_t place) noexcept nogil:
    """The input of a stored element."""
    return (<const uint32_t *> x.indices)[place] if x.wide else (<const uint16_t *> x.indices)[place]


cdef int64_t first_from(const Inputs *x, int64_t row, int64_t k) noexcept nogil:
    """The place of a sparse row's first element that belongs to input k or a later one."""
    cdef int64_t low = x.starts[row], high = x.starts[row + 1], middle
    while low < high:
        middle = (low + high) // 2
        if index_at(x, middle) < k:
            low = middle + 1
        else:
            high = middle
    return low


cdef void cut_inputs(int64_t *cuts, Py_ssize_t parts, const Inputs *x, const int64_t *rows, Py_ssize_t count,
                     int64_t *elements) noexcept nogil:
    """Write where each of some parts of the inputs begins, and where the last ends: parts in which these rows have about as
    many elements. ``elements`` is memory for a number for each input."""
    cdef int64_t total = 0, sum = 0, k, i
    cdef Py_ssize_t s, part = 0
    memset(elements, 0, x.inputs * sizeof(int64_t))
    for s in range(count):
        for i in range(x.starts[rows[s]], x.starts[rows[s] + 1]):
            elements[index_at(x, i)] += 1
        total += x.starts[rows[s] + 1] - x.starts[rows[s]]
    for k in range(x.inputs):
        while part < parts and sum >= total * part // parts:
            cuts[part] = k
            part += 1
        sum += elements[k]
    for s in range(part, parts + 1):
        cuts[s] = x.inputs
    cuts[0] = 0


cdef inline void prefetch(const void *p, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t skew = <Py_ssize_t> (<uintptr_t> p & (LINE - 1))
    cdef Py_ssize_t i
    for i in range((skew + size + LINE - 1) // LINE):
        prefetch_line(<const char *> p - skew + i * LINE)


cdef inline void prefetch_row(const Inputs *x, int64_t row) noexcept nogil:
    """Prefetch a row's inputs. A processor cannot predict where shuffled rows are, and a read from memory takes longer than a
    small network takes for a sample. This is inline because GCC removes calls of a function that only prefetches."""
    cdef Py_ssize_t size = 1 if x.kind == LEVELS else (4 if x.kind == FLOATS else 8)
    cdef Py_ssize_t size_of_index = sizeof(uint32_t) if x.wide else sizeof(uint16_t)
    if x.starts == NULL:
        prefetch(<const char *> x.values + row * x.inputs * size, x.inputs * size)
    else:
        prefetch(<const char *> x.indices + x.starts[row] * size_of_index, (x.starts[row + 1] - x.starts[row]) * size_of_index)
        prefetch(<const char *> x.values + x.starts[row] * size, (x.starts[row + 1] - x.starts[row]) * size)


cdef inline Py_ssize_t compress_run(
    const number *x, Py_ssize_t first, Py_ssize_t size, uint16_t *indices, number *values, Py_ssize_t count,
) noexcept nogil:
    """``compress_row`` for some elements of a row of which ``count`` are written. To avoid a branch, zeros are written too, and
    the next element overwrites them."""
    cdef Py_ssize_t i
    for i in range(first, first + size):
        indices[count] = <uint16_t> i
        values[count] = x[i]
        count += x[i] != 0
    return count


cdef Py_ssize_t compress_row(const number *x, Py_ssize_t inputs, uint16_t *indices, number *values) noexcept nogil:
    """Write the non-zero elements and their indices, and return their number. The arrays need room for one element more."""
    cdef Py_ssize_t k = 0, i, count = 0
    cdef uint64_t bits, word
    while k + RUN <= inputs:
        bits = 0
        for i in range(<Py_ssize_t> (RUN * sizeof(number) // 8)):
            memcpy(&word, <const char *> (x + k) + 8 * i, 8)
            bits |= word
        if bits:
            count = compress_run(x, k, RUN, indices, values, count)
        k += RUN
    return compress_run(x, k, inputs - k, indices, values, count)


cdef inline int64_t most_filled(Py_ssize_t rows, Py_ssize_t inputs) noexcept nogil:
    """The most non-zero elements with which rows are faster sparse than dense; -1 if they can't be sparse."""
    return MOST_FILLED * <int64_t> rows * inputs // 100 if inputs <= MOST_COMPRESSED else -1


ctypedef fused given_index:     # types of SciPy's indices
    int32_t
    int64_t


def first_wrong_row(const int64_t[::1] starts, const given_index[::1] indices, int64_t inputs):
    """The first sparse row whose indices are not from 0 to ``inputs`` - 1 and strictly ascending, or -1."""
    cdef Py_ssize_t s, i, wrong = -1
    cdef int64_t before
    cdef bint right
    with nogil:
        for s in range(starts.shape[0] - 1):
            before, right = -1, True
            for i in range(<Py_ssize_t> starts[s], <Py_ssize_t> starts[s + 1]):
                right &= before < <int64_t> indices[i]
                before = <int64_t> indices[i]
            if not right or before >= inputs:
                wrong = s
                break
    return wrong


cdef class Sealed:
    """The memory of a contiguous array, read-only, made by ``seal``. Unlike a view's base, it does not lead to the array."""

    cdef Py_buffer memory

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.memory.buf, self.memory.len, True, flags)

    def __dealloc__(self):
        PyBuffer_Release(&self.memory)


def seal(array):
    """The memory of an array that nobody else has."""
    cdef Sealed sealed = Sealed.__new__(Sealed)
    PyObject_GetBuffer(array, &sealed.memory, PyBUF_RECORDS_RO)
    return sealed


cdef int append_rows(
    const number[:, ::1] x, const int64_t *starts, uint16_t *indices, number *values, uint16_t *row_indices, number *row_values,
) except -1 nogil:
    """Compress each row by itself and append it. The counts in ``starts`` were made before, so a row that another thread or
    process has changed since may no longer fit."""
    cdef Py_ssize_t s, count
    for s in range(x.shape[0]):
        count = compress_row(&x[s, 0], x.shape[1], row_indices, row_values)
        if count != starts[s + 1] - starts[s]:
            raise RuntimeError(f"row {s} of the inputs was changed by another thread or process while it was being read")
        memcpy(indices + starts[s], row_indices, count * sizeof(uint16_t))
        memcpy(values + starts[s], row_values, count * sizeof(number))
    return 0


def compress(const number[:, ::1] x):
    """The rows of ``x`` as (starts, indices, values). They are sparse if enough elements are 0 for this to pay. Else ``starts``
    and ``indices`` are empty, and ``values`` is a view of ``x``."""
    import numpy
    cdef Py_ssize_t n = x.shape[0], inputs = x.shape[1], s, k, count
    cdef int64_t filled = 0, most = most_filled(n, inputs)
    starts_array = numpy.zeros(n + 1, numpy.int64)
    cdef int64_t[::1] starts = starts_array
    with nogil:
        for s in range(n):
            if filled > most:
                break
            count = 0
            for k in range(inputs):
                count += x[s, k] != 0
            filled += count
            starts[s + 1] = filled
    if filled > most:
        return starts_array[:0], numpy.empty(0, numpy.uint16), numpy.asarray(x).reshape(-1)
    indices_array = numpy.empty(filled, numpy.uint16)
    values_array = numpy.empty(filled, numpy.asarray(x).dtype)
    cdef uint16_t[::1] indices = indices_array
    cdef number[::1] values = values_array
    cdef Py_ssize_t of_indices = aligned((inputs + 1) * sizeof(uint16_t))
    cdef Scratch row = Scratch(of_indices + (inputs + 1) * sizeof(number))
    if filled:
        with nogil:
            append_rows(x, &starts[0], &indices[0], &values[0], <uint16_t *> row.memory, <number *> (row.memory + of_indices))
    return starts_array, indices_array, values_array


def enumerate_values(const real[::1] values, uint8_t[::1] positions, double[::1] palette):
    """Write the distinct values into ``palette`` and each value's position there into ``positions``. Returns the number of
    distinct values, or 0 if there are more than 256 or NaN; the contents of both arrays are then meaningless."""
    cdef real known[PLACES]             # a hash table with open addressing; NaN where it is empty
    cdef uint8_t position_of[PLACES]
    cdef real value
    cdef uint64_t bits = 0
    cdef Py_ssize_t i, place
    cdef int count = 0
    with nogil:
        for place in range(<Py_ssize_t> PLACES):
            known[place] = NAN
        for i in range(values.shape[0]):
            value = values[i]
            memcpy(&bits, &value, sizeof(real))
            place = <Py_ssize_t> (bits * <uint64_t> 0x9E3779B97F4A7C15 >> 64 - 12)     # 12 bits
            while known[place] != value:
                if known[place] != known[place]:
                    if count == LEVELS_AT_MOST:
                        break
                    known[place], palette[count], position_of[place] = value, value, <uint8_t> count
                    count += 1
                else:
                    place = (place + 1) % PLACES
            if known[place] != value:
                count = 0
                break
            positions[i] = position_of[place]
    return count
