"""Matrix products whose every sum runs in index order, one fused multiply-add at a time.

Vector lanes hold columns of c and r, never the terms of a sum. A row of c or r is a whole number of vectors of ``VECTOR``
bytes. Sizes, strides and steps count elements. As in BLAS, a matrix is a pointer, a row stride and a size.
"""

ctypedef fused number:      # types of stored inputs: values, or positions in a table of levels
    float
    double
    uint8_t

ctypedef fused index:       # types of an element's column in a sparse row
    uint16_t
    uint32_t

cdef enum:
    DEPTH = 256     # a block of r has DEPTH rows and ACROSS vectors: its 256 kB stay in the second-level cache while all rows
    ACROSS = 16     # of l are multiplied by it


cdef extern from *:
    """
    /* Vectors of columns in a register tile: enough independent sums to hide the latency of an addition, and no spills. */
    #ifdef __AVX512F__
    #define NNDL_EXT_TILE 2
    #else
    #define NNDL_EXT_TILE 1
    #endif
    """
    const Py_ssize_t TILE "NNDL_EXT_TILE"


cdef struct Sparse:             # a selection of rows, of which only the non-zero elements are stored
    const int64_t *rows         # indices of the selected rows; NULL for all
    Py_ssize_t count            # of selected rows
    const int64_t *begins       # where the elements of each row begin and end
    const int64_t *ends


cdef inline void product_tile(
    real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const real *l, Py_ssize_t l_stride,
    Py_ssize_t l_step, const real *r, Py_ssize_t r_stride, Py_ssize_t rows, Py_ssize_t depth, Py_ssize_t vectors,
) noexcept nogil:
    """``dense_product`` for one register tile. ``rows`` and ``vectors`` are constants, so the sums stay in registers."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef real sums[6][64]
    cdef real factor
    cdef Py_ssize_t i, p, q
    for p in range(rows):
        for q in range(vectors * lanes):
            sums[p][q] = init[p * init_stride + q]
    for i in range(depth):
        for p in range(rows):
            factor = l[p * l_stride + i * l_step]
            for q in range(vectors * lanes):
                sums[p][q] = fma(factor, r[i * r_stride + q], sums[p][q])
    for p in range(rows):
        for q in range(vectors * lanes):
            c[p * c_stride + q] = sums[p][q]


cdef inline void product_tiles(
    real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const real *l, Py_ssize_t l_stride,
    Py_ssize_t l_step, const real *r, Py_ssize_t r_stride, Py_ssize_t rows, Py_ssize_t depth, Py_ssize_t vectors,
) noexcept nogil:
    """``dense_product`` for a constant number of rows, one register tile after the other."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef Py_ssize_t v = 0
    while rows == 1 and v + 4 <= vectors:       # enough independent sums to hide their latency
        product_tile(c + v * lanes, c_stride, init + v * lanes, init_stride, l, l_stride, l_step, r + v * lanes, r_stride, rows,
                     depth, 4)
        v += 4
    while TILE > 1 and v + TILE <= vectors:
        product_tile(c + v * lanes, c_stride, init + v * lanes, init_stride, l, l_stride, l_step, r + v * lanes, r_stride, rows,
                     depth, TILE)
        v += TILE
    while v < vectors:
        product_tile(c + v * lanes, c_stride, init + v * lanes, init_stride, l, l_stride, l_step, r + v * lanes, r_stride, rows,
                     depth, 1)
        v += 1


cdef void dense_product(
    real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const real *l, Py_ssize_t l_stride,
    Py_ssize_t l_step, const real *r, Py_ssize_t r_stride, Py_ssize_t rows, Py_ssize_t depth, Py_ssize_t vectors,
) noexcept nogil:
    """c[p, q] = init[p, q] + sum over i < depth of l[p, i] * r[i, q], where l[p, i] is l[p * l_stride + i * l_step] in memory.
    With an ``init_stride`` of 0, all rows start from the same row."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef Py_ssize_t i = 0, j, p, terms, across
    cdef real *target
    cdef const real *start
    cdef const real *left
    cdef const real *right
    while i < depth:
        terms = min(<Py_ssize_t> DEPTH, depth - i)
        j = 0
        while j < vectors:
            across = min(<Py_ssize_t> ACROSS, vectors - j)
            target, start, left, right = c + j * lanes, init + j * lanes, l + i * l_step, r + i * r_stride + j * lanes
            p = rows
            while p >= 6 and p != 8:    # 8 rows are better as 4 + 4 than as 6 + 2: 2 rows have too few sums to hide latency
                product_tiles(target, c_stride, start, init_stride, left, l_stride, l_step, right, r_stride, 6, terms, across)
                target, start, left, p = target + 6 * c_stride, start + 6 * init_stride, left + 6 * l_stride, p - 6
            while p >= 4:
                product_tiles(target, c_stride, start, init_stride, left, l_stride, l_step, right, r_stride, 4, terms, across)
                target, start, left, p = target + 4 * c_stride, start + 4 * init_stride, left + 4 * l_stride, p - 4
            if p >= 2:
                product_tiles(target, c_stride, start, init_stride, left, l_stride, l_step, right, r_stride, 2, terms, across)
                target, start, left, p = target + 2 * c_stride, start + 2 * init_stride, left + 2 * l_stride, p - 2
            if p == 1:
                product_tiles(target, c_stride, start, init_stride, left, l_stride, l_step, right, r_stride, 1, terms, across)
            j += across
        i += terms
        init, init_stride = c, c_stride


cdef inline real value_at(const number *values, Py_ssize_t i, const real *levels) noexcept nogil:
    if number is uint8_t:
        return levels[values[i]]
    else:
        return <real> values[i]


cdef inline void gather_row(
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


cdef inline void gathering_rows(
    real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const Sparse *x, const index *indices,
    const number *values, const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors, Py_ssize_t first,
    Py_ssize_t rows,
) noexcept nogil:
    """``sparse_product`` for 1 or 2 rows from ``first`` on. ``rows`` and ``vectors`` are constants, so the sums stay in
    registers. Two rows alternate, element by element, until the shorter one ends."""
    cdef Py_ssize_t size = vectors * <Py_ssize_t> (VECTOR // sizeof(real))
    cdef real sums[112]
    cdef real others[112]
    cdef real factor
    cdef const real *row
    cdef Py_ssize_t i, q, at = x.rows[first] if x.rows else first, begin = x.begins[at], end = x.ends[at]
    cdef Py_ssize_t other_begin = 0, other_end = 0, common = 0
    for q in range(size):
        sums[q] = init[first * init_stride + q]
    if rows == 2:
        at = x.rows[first + 1] if x.rows else first + 1
        other_begin, other_end = x.begins[at], x.ends[at]
        for q in range(size):
            others[q] = init[(first + 1) * init_stride + q]
        common = min(end - begin, other_end - other_begin)
        for i in range(common):
            factor = value_at(values, begin + i, levels)
            row = r + indices[begin + i] * r_stride
            for q in range(size):
                sums[q] = fma(factor, row[q], sums[q])
            factor = value_at(values, other_begin + i, levels)
            row = r + indices[other_begin + i] * r_stride
            for q in range(size):
                others[q] = fma(factor, row[q], others[q])
        gather_row(&others[0], indices, values, levels, r, r_stride, vectors, other_begin + common, other_end)
        for q in range(size):
            c[(first + 1) * c_stride + q] = others[q]
    gather_row(&sums[0], indices, values, levels, r, r_stride, vectors, begin + common, end)
    for q in range(size):
        c[first * c_stride + q] = sums[q]


cdef inline void gathering_part(
    real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const Sparse *x, const index *indices,
    const number *values, const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """``sparse_product`` for a constant number of vectors of columns. For 1 or 2 vectors, a row has few independent sums,
    and each addition waits for the previous one. So two rows are computed at once."""
    cdef Py_ssize_t s = 0
    while vectors <= 2 and s + 2 <= x.count:
        gathering_rows(c, c_stride, init, init_stride, x, indices, values, levels, r, r_stride, vectors, s, 2)
        s += 2
    while s < x.count:
        gathering_rows(c, c_stride, init, init_stride, x, indices, values, levels, r, r_stride, vectors, s, 1)
        s += 1


cdef inline void scattering_part(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """``sparse_outer_product`` for a constant number of vectors of columns, so that a row of r stays in registers."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef real terms[7][16]
    cdef real factor
    cdef real *row
    cdef Py_ssize_t i, v, q, s
    for s in range(x.count):
        for v in range(vectors):
            for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
                terms[v][q] = r[s * r_stride + v * lanes + q]
        for i in range(x.begins[x.rows[s]], x.ends[x.rows[s]]):
            factor = value_at(values, i, levels)
            row = c + indices[i] * c_stride
            for v in range(vectors):
                for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
                    row[v * lanes + q] = fma(factor, terms[v][q], row[v * lanes + q])


cdef inline void by_parts(
    bint scattering, real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const Sparse *x,
    const index *indices, const number *values, const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """Compute one of the sparse products in parts of a few columns. These columns of a large r then stay in a near cache for
    all rows. Parts of 7 vectors pay for the outer product, which reads and writes a row of c for each element."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef Py_ssize_t part
    while vectors > 0:
        if scattering and vectors >= 7:
            part = 7
            scattering_part(c, c_stride, x, indices, values, levels, r, r_stride, 7)
        elif vectors >= 4:
            part = 4
            if scattering:
                scattering_part(c, c_stride, x, indices, values, levels, r, r_stride, 4)
            else:
                gathering_part(c, c_stride, init, init_stride, x, indices, values, levels, r, r_stride, 4)
        elif vectors >= 2:
            part = 2
            if scattering:
                scattering_part(c, c_stride, x, indices, values, levels, r, r_stride, 2)
            else:
                gathering_part(c, c_stride, init, init_stride, x, indices, values, levels, r, r_stride, 2)
        else:
            part = 1
            if scattering:
                scattering_part(c, c_stride, x, indices, values, levels, r, r_stride, 1)
            else:
                gathering_part(c, c_stride, init, init_stride, x, indices, values, levels, r, r_stride, 1)
        c, init, r, vectors = c + part * lanes, init + part * lanes, r + part * lanes, vectors - part


cdef void sparse_product(
    real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const Sparse *x, const index *indices,
    const number *values, const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """c[s, q] = init[s, q] + sum over i of x[s, i] * r[i, q]."""
    by_parts(False, c, c_stride, init, init_stride, x, indices, values, levels, r, r_stride, vectors)


cdef void sparse_outer_product(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """c[i, q] += sum over s of x[s, i] * r[s, q]."""
    by_parts(True, c, c_stride, c, c_stride, x, indices, values, levels, r, r_stride, vectors)


cdef Py_ssize_t memory_to_regroup(Py_ssize_t inputs, Py_ssize_t samples, Py_ssize_t itemsize) noexcept nogil:
    """Bytes of memory that ``regrouped_outer_product`` needs."""
    return inputs * (samples * (itemsize + sizeof(uint16_t)) + 2 * sizeof(int64_t)) + 4 * VECTOR


cdef void regrouped_outer_product(
    real *c, Py_ssize_t c_stride, Py_ssize_t inputs, const Sparse *x, const index *indices, const number *values,
    const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors, char *memory,
) noexcept nogil:
    """``sparse_outer_product`` as a ``sparse_product`` with x transposed. It adds all samples' terms to one row of c before the
    next row, which pays for many samples and columns. The memory has room for one element per input and sample."""
    cdef number *new_values = <number *> take(&memory, inputs * x.count * sizeof(number))
    cdef uint16_t *new_indices = <uint16_t *> take(&memory, inputs * x.count * sizeof(uint16_t))
    cdef int64_t *begins = <int64_t *> take(&memory, inputs * sizeof(int64_t))
    cdef int64_t *ends = <int64_t *> take(&memory, inputs * sizeof(int64_t))
    cdef Sparse transposed
    cdef Py_ssize_t i, s, place
    for i in range(inputs):
        begins[i] = ends[i] = i * x.count
    for s in range(x.count):
        for i in range(x.begins[x.rows[s]], x.ends[x.rows[s]]):
            place = ends[indices[i]]
            ends[indices[i]] = place + 1
            new_indices[place] = <uint16_t> s
            new_values[place] = values[i]
    transposed.rows, transposed.count, transposed.begins, transposed.ends = NULL, inputs, begins, ends
    sparse_product(c, c_stride, c, c_stride, &transposed, <const uint16_t *> new_indices, new_values, levels, r, r_stride,
                   vectors)
