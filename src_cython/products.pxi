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
    DEPTH = 256     # a block of r has DEPTH rows and WIDTH vectors: its 256 kB stay in the second-level cache while all rows
    WIDTH = 16      # of l are multiplied by it
    NEAREST = 65_536    # bytes of r or c that mostly stay in the first-level cache while a group of sparse rows uses them
    GROUP = BLOCK       # rows in such a group
    FEW_ROWS = 4        # with fewer rows, tiles take longer than they gain
    FEW_ELEMENTS = 16   # the same with fewer elements of a row in a tile, on average


cdef extern from "platform.h":
    const Py_ssize_t TILE "NNDL_EXT_TILE"   # vectors of columns in a register tile


cdef struct Sparse:             # a selection of rows, of which only the non-zero elements are stored
    const int64_t *rows         # indices of the selected rows
    Py_ssize_t count            # of selected rows
    Py_ssize_t width            # columns of the matrix
    const int64_t *begins       # where the elements of each row begin and end: their indices ascend
    const int64_t *ends


cdef inline void product_tile(
    real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const real *l, Py_ssize_t l_stride,
    Py_ssize_t l_step, const real *r, Py_ssize_t r_stride, Py_ssize_t rows, Py_ssize_t depth, Py_ssize_t vectors,
) noexcept nogil:
    """``dense_product`` for one register tile. ``rows`` and ``vectors`` are constants, so the sums stay in registers."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef real sums[12][64]
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
    while TILE > 1 and v + TILE <= vectors and vectors - v != 3:
        product_tile(c + v * lanes, c_stride, init + v * lanes, init_stride, l, l_stride, l_step, r + v * lanes, r_stride, rows,
                     depth, TILE)
        v += TILE
    if TILE > 1 and vectors - v == 3:           # 2 + 1 would have too few sums in the end
        product_tile(c + v * lanes, c_stride, init + v * lanes, init_stride, l, l_stride, l_step, r + v * lanes, r_stride, rows,
                     depth, 3)
        v += 3
    while v < vectors:
        product_tile(c + v * lanes, c_stride, init + v * lanes, init_stride, l, l_stride, l_step, r + v * lanes, r_stride, rows,
                     depth, 1)
        v += 1


cdef void narrow_product(
    real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const real *l, Py_ssize_t l_stride,
    Py_ssize_t l_step, const real *r, Py_ssize_t r_stride, Py_ssize_t rows, Py_ssize_t depth,
) noexcept nogil:
    """``dense_product`` for a single vector of columns."""
    while TILE > 1 and rows >= 12:
        product_tile(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, 12, depth, 1)
        c, init, l, rows = c + 12 * c_stride, init + 12 * init_stride, l + 12 * l_stride, rows - 12
    while rows >= 6 and rows != 8:
        product_tile(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, 6, depth, 1)
        c, init, l, rows = c + 6 * c_stride, init + 6 * init_stride, l + 6 * l_stride, rows - 6
    while rows >= 4:
        product_tile(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, 4, depth, 1)
        c, init, l, rows = c + 4 * c_stride, init + 4 * init_stride, l + 4 * l_stride, rows - 4
    if rows >= 2:
        product_tile(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, 2, depth, 1)
        c, init, l, rows = c + 2 * c_stride, init + 2 * init_stride, l + 2 * l_stride, rows - 2
    if rows == 1:
        product_tile(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, 1, depth, 1)


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
    if vectors == 1:
        narrow_product(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, rows, depth)
        return
    while i < depth:
        terms = min(<Py_ssize_t> DEPTH, depth - i)
        j = 0
        while j < vectors:
            across = min(<Py_ssize_t> WIDTH, vectors - j)
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


cdef inline void narrow_part(
    bint scattering, real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values,
    const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """One of the sparse products for 1 or 2 vectors of columns. A row has few independent sums then, and each addition waits
    for the previous one. So two rows are gathered at once."""
    cdef Py_ssize_t size = vectors * <Py_ssize_t> (VECTOR // sizeof(real)), s = 0, i, q
    cdef real terms[32]
    cdef real factor
    cdef real *row
    while not scattering and s + 2 <= x.count:
        gather_two_rows(c, c_stride, x, indices, values, levels, r, r_stride, vectors, s)
        s += 2
    while s < x.count:
        for q in range(size):
            terms[q] = r[s * r_stride + q] if scattering else c[s * c_stride + q]
        if scattering:
            for i in range(x.begins[x.rows[s]], x.ends[x.rows[s]]):
                factor = value_at(values, i, levels)
                row = c + indices[i] * c_stride
                for q in range(size):
                    row[q] = fma(factor, terms[q], row[q])
        else:
            gather_elements(&terms[0], indices, values, levels, r, r_stride, vectors, x.begins[x.rows[s]], x.ends[x.rows[s]])
            for q in range(size):
                c[s * c_stride + q] = terms[q]
        s += 1


cdef inline void wide_part(
    bint scattering, real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values,
    const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """One of the sparse products for 4 or 7 vectors of columns. It uses a tile, as many rows of r or c as stay in the
    first-level cache, for a group of rows of x, then the next tile. No sum changes its order, because indices ascend."""
    cdef Py_ssize_t size = vectors * <Py_ssize_t> (VECTOR // sizeof(real)), near = NEAREST // (vectors * VECTOR)
    cdef Py_ssize_t elements = 0, first = 0, last, limit, s, i, q, end
    cdef int64_t places[GROUP]      # of each row's next element
    cdef real terms[112]
    cdef real factor
    cdef real *row
    for s in range(x.count):
        elements += x.ends[x.rows[s]] - x.begins[x.rows[s]]
    if x.count < FEW_ROWS or <int64_t> elements * near < <int64_t> FEW_ELEMENTS * x.count * x.width:
        near = x.width
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
                    terms[q] = r[s * r_stride + q] if scattering else c[s * c_stride + q]
                while True:     # the check at the end, without which GCC would count in the loop whether it ran
                    factor = value_at(values, i, levels)
                    if scattering:
                        row = c + indices[i] * c_stride
                        for q in range(size):
                            row[q] = fma(factor, terms[q], row[q])
                    else:
                        for q in range(size):
                            terms[q] = fma(factor, r[indices[i] * r_stride + q], terms[q])
                    i += 1
                    if i == end or indices[i] >= limit:
                        break
                for q in range(0 if scattering else size):
                    c[s * c_stride + q] = terms[q]
                places[s - first] = i
        first = last


cdef void narrow_rest(
    bint scattering, real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values,
    const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """One of the sparse products for fewer than 4 vectors of columns. Their loops need all registers, which GCC gives them only
    in a function of their own."""
    cdef Py_ssize_t size = 2 * (VECTOR // sizeof(real))
    if vectors >= 2:
        narrow_part(scattering, c, c_stride, x, indices, values, levels, r, r_stride, 2)
        c, r = c + size, r + size
    if vectors % 2:
        narrow_part(scattering, c, c_stride, x, indices, values, levels, r, r_stride, 1)


cdef inline void by_parts(
    bint scattering, real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values,
    const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """Compute one of the sparse products, some columns after the others. Each part has a constant number of vectors, so that a
    row of c or r stays in registers."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    while vectors >= 7:
        wide_part(scattering, c, c_stride, x, indices, values, levels, r, r_stride, 7)
        c, r, vectors = c + 7 * lanes, r + 7 * lanes, vectors - 7
    if vectors >= 4:
        wide_part(scattering, c, c_stride, x, indices, values, levels, r, r_stride, 4)
        c, r, vectors = c + 4 * lanes, r + 4 * lanes, vectors - 4
    if vectors:
        narrow_rest(scattering, c, c_stride, x, indices, values, levels, r, r_stride, vectors)


cdef void sparse_product(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """c[s, q] += sum over i of x[s, i] * r[i, q]."""
    by_parts(False, c, c_stride, x, indices, values, levels, r, r_stride, vectors)


cdef void sparse_outer_product(
    real *c, Py_ssize_t c_stride, const Sparse *x, const index *indices, const number *values, const real *levels,
    const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """c[i, q] += sum over s of x[s, i] * r[s, q]."""
    by_parts(True, c, c_stride, x, indices, values, levels, r, r_stride, vectors)
