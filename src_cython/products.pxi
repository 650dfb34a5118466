"""Matrix products whose every sum runs in index order, one fused multiply-add at a time.

Vector lanes hold columns of c and r, never the terms of a sum. A row of c or r is a whole number of vectors of ``VECTOR``
bytes. Sizes, strides and steps count elements. As in BLAS, a matrix is a pointer, a row stride and a size.
"""

cdef enum:
    DEPTH = 256     # a block of r has DEPTH rows and WIDTH vectors: its 256 kB stay in the second-level cache while all rows
    WIDTH = 16      # of l are multiplied by it


cdef extern from "platform.h":
    const Py_ssize_t TILE "NNDL_EXT_TILE"   # vectors of columns in a register tile


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


cdef inline void product_rows(
    real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const real *l, Py_ssize_t l_stride,
    Py_ssize_t l_step, const real *r, Py_ssize_t r_stride, Py_ssize_t rows, Py_ssize_t depth, Py_ssize_t vectors,
) noexcept nogil:
    """``dense_product`` for few vectors, some rows after the others. 8 rows are better as 4 + 4 than as 6 + 2: 2 rows have too
    few independent sums."""
    while TILE > 1 and vectors == 1 and rows >= 12:
        product_tiles(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, 12, depth, 1)
        c, init, l, rows = c + 12 * c_stride, init + 12 * init_stride, l + 12 * l_stride, rows - 12
    while rows >= 6 and rows != 8:
        product_tiles(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, 6, depth, vectors)
        c, init, l, rows = c + 6 * c_stride, init + 6 * init_stride, l + 6 * l_stride, rows - 6
    while rows >= 4:
        product_tiles(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, 4, depth, vectors)
        c, init, l, rows = c + 4 * c_stride, init + 4 * init_stride, l + 4 * l_stride, rows - 4
    if rows >= 2:
        product_tiles(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, 2, depth, vectors)
        c, init, l, rows = c + 2 * c_stride, init + 2 * init_stride, l + 2 * l_stride, rows - 2
    if rows == 1:
        product_tiles(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, 1, depth, vectors)


cdef void dense_product(
    real *c, Py_ssize_t c_stride, const real *init, Py_ssize_t init_stride, const real *l, Py_ssize_t l_stride,
    Py_ssize_t l_step, const real *r, Py_ssize_t r_stride, Py_ssize_t rows, Py_ssize_t depth, Py_ssize_t vectors,
) noexcept nogil:
    """c[p, q] = init[p, q] + sum over i < depth of l[p, i] * r[i, q], where l[p, i] is l[p * l_stride + i * l_step] in memory.
    With an ``init_stride`` of 0, all rows start from the same row."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), i = 0, j, terms, across
    if vectors == 1:    # a constant leaves no loop over vectors
        product_rows(c, c_stride, init, init_stride, l, l_stride, l_step, r, r_stride, rows, depth, 1)
        return
    while i < depth:
        terms = min(<Py_ssize_t> DEPTH, depth - i)
        j = 0
        while j < vectors:
            across = min(<Py_ssize_t> WIDTH, vectors - j)
            product_rows(c + j * lanes, c_stride, init + j * lanes, init_stride, l + i * l_step, l_stride, l_step,
                         r + i * r_stride + j * lanes, r_stride, rows, terms, across)
            j += across
        i += terms
        init, init_stride = c, c_stride
