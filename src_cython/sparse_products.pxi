"""Matrix products with sparse rows of inputs, in which every sum runs in index order: see ``products.pxi``."""

ctypedef fused number:      # types of stored inputs: values, or positions in a table of levels
    float
    double
    uint8_t

ctypedef fused index:       # types of an element's column in a sparse row
    uint16_t
    uint32_t

cdef enum:
    NEAREST = 65_536    # bytes of r or c that mostly stay in the first-level cache while a group of sparse rows uses them
    GROUP = BLOCK       # rows in such a group
    FEW_ROWS = 4        # with fewer rows, tiles take longer than they gain
    FEW_ELEMENTS = 16   # the same with fewer elements of a row in a tile, on average


cdef struct Sparse:             # a selection of rows, of which only the non-zero elements are stored
    const int64_t *rows         # indices of the selected rows
    Py_ssize_t count            # of selected rows
    Py_ssize_t width            # columns of the matrix
    const int64_t *begins       # where the elements of each row begin and end: their indices ascend
    const int64_t *ends


cdef inline real value_at(const number *values, Py_ssize_t i, const real *levels) noexcept nogil:
    if number is uint8_t:
        return levels[values[i]]
    else:
        return <real> values[i]


cdef inline void gather_elements(
    real *sums, const index *indices, const number *values, const real *levels, const real *r, Py_ssize_t r_stride,
    Py_ssize_t vectors, Py_ssize_t begin, Py_ssize_t end,
) noexcept nogil:
    """Add the products of a sparse row's elements and rows of r to a constant number of vectors."""
    cdef real factor
    cdef const real *row
    cdef Py_ssize_t i, q
    for i in range(begin, end):
        factor = value_at(values, i, levels)
        row = r + indices[i] * r_stride
        for q in range(vectors * <Py_ssize_t> (VECTOR // sizeof(real))):
            sums[q] = fma(factor, row[q], sums[q])


cdef inline void gather_two_rows(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors, Py_ssize_t first,
) noexcept nogil:
    """``sparse_product`` for the rows ``first`` and ``first`` + 1 and a constant number of vectors. The rows alternate, element
    by element, until the shorter one ends."""
    cdef Py_ssize_t size = vectors * <Py_ssize_t> (VECTOR // sizeof(real)), i, q
    cdef Py_ssize_t begin = x.begins[x.rows[first]], end = x.ends[x.rows[first]]
    cdef Py_ssize_t other_begin = x.begins[x.rows[first + 1]], other_end = x.ends[x.rows[first + 1]]
    cdef Py_ssize_t common = min(end - begin, other_end - other_begin)
    cdef real sums[32]
    cdef real others[32]
    cdef real factor
    cdef const real *row
    for q in range(size):
        sums[q] = c[first * c_stride + q]
    for q in range(size):
        others[q] = c[(first + 1) * c_stride + q]
    for i in range(common):
        factor = value_at(values, begin + i, levels)
        row = r + indices[begin + i] * r_stride
        for q in range(size):
            sums[q] = fma(factor, row[q], sums[q])
        factor = value_at(values, other_begin + i, levels)
        row = r + indices[other_begin + i] * r_stride
        for q in range(size):
            others[q] = fma(factor, row[q], others[q])
    gather_elements(&sums[0], indices, values, levels, r, r_stride, vectors, begin + common, end)
    gather_elements(&others[0], indices, values, levels, r, r_stride, vectors, other_begin + common, other_end)
    for q in range(size):
        c[first * c_stride + q] = sums[q]
    for q in range(size):
        c[(first + 1) * c_stride + q] = others[q]


cdef inline void gather_narrow(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """``sparse_product`` for a constant number of vectors, 1 or 2. A row has few independent sums then, and each addition waits
    for the previous one. So two rows are gathered at once."""
    cdef Py_ssize_t size = vectors * <Py_ssize_t> (VECTOR // sizeof(real)), s = 0, q
    cdef real sums[32]
    while s + 2 <= x.count:
        gather_two_rows(c, c_stride, x, indices, values, levels, r, r_stride, vectors, s)
        s += 2
    if s < x.count:
        for q in range(size):
            sums[q] = c[s * c_stride + q]
        gather_elements(&sums[0], indices, values, levels, r, r_stride, vectors, x.begins[x.rows[s]], x.ends[x.rows[s]])
        for q in range(size):
            c[s * c_stride + q] = sums[q]


cdef inline void scatter_narrow(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """``sparse_outer_product`` for a constant number of vectors, 1 or 2."""
    cdef Py_ssize_t size = vectors * <Py_ssize_t> (VECTOR // sizeof(real)), s, i, q
    cdef real terms[32]
    cdef real factor
    cdef real *row
    for s in range(x.count):
        for q in range(size):
            terms[q] = r[s * r_stride + q]
        for i in range(x.begins[x.rows[s]], x.ends[x.rows[s]]):
            factor = value_at(values, i, levels)
            row = c + indices[i] * c_stride
            for q in range(size):
                row[q] = fma(factor, terms[q], row[q])


cdef void gather_rest(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """``sparse_product`` for fewer than 4 vectors, in a function of its own: only there do the loops get all registers."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    if vectors >= 2:
        gather_narrow(c, c_stride, x, indices, values, levels, r, r_stride, 2)
        c, r = c + 2 * lanes, r + 2 * lanes
    if vectors % 2:
        gather_narrow(c, c_stride, x, indices, values, levels, r, r_stride, 1)


cdef void scatter_rest(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """``sparse_outer_product`` for fewer than 4 vectors, in a function of its own like ``gather_rest``."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    if vectors >= 2:
        scatter_narrow(c, c_stride, x, indices, values, levels, r, r_stride, 2)
        c, r = c + 2 * lanes, r + 2 * lanes
    if vectors % 2:
        scatter_narrow(c, c_stride, x, indices, values, levels, r, r_stride, 1)


cdef inline Py_ssize_t height_of_tile(const Sparse *x, Py_ssize_t vectors) noexcept nogil:
    """How many rows of r or c to use for a group of rows of x before the next ones: as many as stay in the first-level cache,
    or all if tiles would not pay. No sum changes its order, because indices ascend."""
    cdef Py_ssize_t near = NEAREST // (vectors * VECTOR), elements = 0, s
    for s in range(x.count):
        elements += x.ends[x.rows[s]] - x.begins[x.rows[s]]
    if x.count < FEW_ROWS or <int64_t> elements * near < <int64_t> FEW_ELEMENTS * x.count * x.width:
        return x.width
    return near


cdef inline void gather_wide(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """``sparse_product`` for a constant number of vectors, 4 or 7."""
    cdef Py_ssize_t size = vectors * <Py_ssize_t> (VECTOR // sizeof(real)), near = height_of_tile(x, vectors)
    cdef Py_ssize_t first = 0, last, limit, s, i, q, end
    cdef int64_t places[GROUP]      # of each row's next element
    cdef real sums[112]
    cdef real factor
    while first < x.count:
        last = min(first + GROUP, x.count)
        for s in range(first, last):
            places[s - first] = x.begins[x.rows[s]]
        limit = 0
        while limit < x.width:
            limit += near
            for s in range(first, last):
                i, end = places[s - first], x.ends[x.rows[s]]
                if i == end or indices[i] >= limit:
                    continue
                for q in range(size):
                    sums[q] = c[s * c_stride + q]
                while True:     # the check at the end, without which GCC would count in the loop whether it ran
                    factor = value_at(values, i, levels)
                    for q in range(size):
                        sums[q] = fma(factor, r[indices[i] * r_stride + q], sums[q])
                    i += 1
                    if i == end or indices[i] >= limit:
                        break
                for q in range(size):
                    c[s * c_stride + q] = sums[q]
                places[s - first] = i
        first = last


cdef inline void scatter_wide(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """``sparse_outer_product`` for a constant number of vectors, 4 or 7."""
    cdef Py_ssize_t size = vectors * <Py_ssize_t> (VECTOR // sizeof(real)), near = height_of_tile(x, vectors)
    cdef Py_ssize_t first = 0, last, limit, s, i, q, end
    cdef int64_t places[GROUP]      # of each row's next element
    cdef real terms[112]
    cdef real factor
    cdef real *row
    while first < x.count:
        last = min(first + GROUP, x.count)
        for s in range(first, last):
            places[s - first] = x.begins[x.rows[s]]
        limit = 0
        while limit < x.width:
            limit += near
            for s in range(first, last):
                i, end = places[s - first], x.ends[x.rows[s]]
                if i == end or indices[i] >= limit:
                    continue
                for q in range(size):
                    terms[q] = r[s * r_stride + q]
                while True:     # as above
                    factor = value_at(values, i, levels)
                    row = c + indices[i] * c_stride
                    for q in range(size):
                        row[q] = fma(factor, terms[q], row[q])
                    i += 1
                    if i == end or indices[i] >= limit:
                        break
                places[s - first] = i
        first = last


cdef void sparse_product(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """c[s, q] += sum over i of x[s, i] * r[i, q], some columns after the others. Each part has a constant number of vectors, so
    that a row of c stays in registers."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    while vectors >= 7:
        gather_wide(c, c_stride, x, indices, values, levels, r, r_stride, 7)
        c, r, vectors = c + 7 * lanes, r + 7 * lanes, vectors - 7
    if vectors >= 4:
        gather_wide(c, c_stride, x, indices, values, levels, r, r_stride, 4)
        c, r, vectors = c + 4 * lanes, r + 4 * lanes, vectors - 4
    if vectors:
        gather_rest(c, c_stride, x, indices, values, levels, r, r_stride, vectors)


cdef void sparse_outer_product(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """c[i, q] += sum over s of x[s, i] * r[s, q], in parts like ``sparse_product``: a row of r stays in registers."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    while vectors >= 7:
        scatter_wide(c, c_stride, x, indices, values, levels, r, r_stride, 7)
        c, r, vectors = c + 7 * lanes, r + 7 * lanes, vectors - 7
    if vectors >= 4:
        scatter_wide(c, c_stride, x, indices, values, levels, r, r_stride, 4)
        c, r, vectors = c + 4 * lanes, r + 4 * lanes, vectors - 4
    if vectors:
        scatter_rest(c, c_stride, x, indices, values, levels, r, r_stride, vectors)
