"""Matrix products c += l r in which each element's sum runs in index order, one fused multiply-add at a time.

They vectorise across the columns of r and c, never along a sum. A row of r or c is a whole number of vectors of ``VECTOR``
bytes. Sizes, strides and steps count elements.
"""

cdef enum:
    VECTOR = 64     # bytes: 16 float32 or 8 float64
    DEPTH = 256     # rows and vectors of the part of r that meets all rows of l before the next part does: 256 kB, to stay
    ACROSS = 16     # in the second cache


cdef inline void add_block(
    real *c, Py_ssize_t c_stride, const real *l, Py_ssize_t l_stride, Py_ssize_t l_step,
    const real *r, Py_ssize_t r_stride, Py_ssize_t rows, Py_ssize_t depth,
) noexcept nogil:
    """``dense_product`` for one vector of columns and a constant number of rows, whose sums stay in registers."""
    cdef real sums[6][16]
    cdef real factor
    cdef Py_ssize_t i, p, q
    for p in range(rows):
        for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
            sums[p][q] = c[p * c_stride + q]
    for i in range(depth):
        for p in range(rows):
            factor = l[p * l_stride + i * l_step]
            for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
                sums[p][q] = fma(factor, r[i * r_stride + q], sums[p][q])
    for p in range(rows):
        for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
            c[p * c_stride + q] = sums[p][q]


cdef inline void add_blocks(
    real *c, Py_ssize_t c_stride, const real *l, Py_ssize_t l_stride, Py_ssize_t l_step,
    const real *r, Py_ssize_t r_stride, Py_ssize_t rows, Py_ssize_t depth, Py_ssize_t vectors,
) noexcept nogil:
    """``dense_product`` for a constant number of rows."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef Py_ssize_t v
    for v in range(vectors):
        add_block(c + v * lanes, c_stride, l, l_stride, l_step, r + v * lanes, r_stride, rows, depth)


cdef void dense_product(
    real *c, Py_ssize_t c_stride, const real *l, Py_ssize_t l_stride, Py_ssize_t l_step,
    const real *r, Py_ssize_t r_stride, Py_ssize_t rows, Py_ssize_t depth, Py_ssize_t vectors,
) noexcept nogil:
    """c[p, q] += sum over i < depth of l[p, i] * r[i, q], where l[p, i] stands at l[p * l_stride + i * l_step]."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef Py_ssize_t i = 0, j, p, terms, across
    cdef real *target
    cdef const real *left
    cdef const real *right
    while i < depth:
        terms = min(<Py_ssize_t> DEPTH, depth - i)
        j = 0
        while j < vectors:
            across = min(<Py_ssize_t> ACROSS, vectors - j)
            target, left, right = c + j * lanes, l + i * l_step, r + i * r_stride + j * lanes
            p = rows
            while p >= 6 and p != 8:    # 8 are 4 and 4: the sums of 2 are too few to keep a processor busy
                add_blocks(target, c_stride, left, l_stride, l_step, right, r_stride, 6, terms, across)
                target, left, p = target + 6 * c_stride, left + 6 * l_stride, p - 6
            while p >= 4:
                add_blocks(target, c_stride, left, l_stride, l_step, right, r_stride, 4, terms, across)
                target, left, p = target + 4 * c_stride, left + 4 * l_stride, p - 4
            if p >= 2:
                add_blocks(target, c_stride, left, l_stride, l_step, right, r_stride, 2, terms, across)
                target, left, p = target + 2 * c_stride, left + 2 * l_stride, p - 2
            if p == 1:
                add_blocks(target, c_stride, left, l_stride, l_step, right, r_stride, 1, terms, across)
            j += across
        i += terms


cdef inline void add_rows(
    real *c, Py_ssize_t c_stride, const int64_t *rows, Py_ssize_t samples, const int64_t *starts, const uint16_t *indices,
    const number *values, const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """``sparse_product`` for a constant number of vectors of columns, whose sums stay in registers."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef real sums[7][16]
    cdef real factor
    cdef const real *row
    cdef Py_ssize_t i, v, q, s
    for s in range(samples):
        for v in range(vectors):
            for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
                sums[v][q] = c[s * c_stride + v * lanes + q]
        for i in range(starts[rows[s]], starts[rows[s] + 1]):
            factor = value_at(values, i, levels)
            row = r + indices[i] * r_stride
            for v in range(vectors):
                for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
                    sums[v][q] = fma(factor, row[v * lanes + q], sums[v][q])
        for v in range(vectors):
            for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
                c[s * c_stride + v * lanes + q] = sums[v][q]


cdef void sparse_product(
    real *c, Py_ssize_t c_stride, const int64_t *rows, Py_ssize_t samples, const int64_t *starts, const uint16_t *indices,
    const number *values, const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """c[s, q] += sum over i of x[rows[s], i] * r[i, q], where x is sparse. Some columns of r after the other: those of a large
    one stay in a near cache for all samples."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    while vectors >= 7:
        add_rows(c, c_stride, rows, samples, starts, indices, values, levels, r, r_stride, 7)
        c += 7 * lanes
        r += 7 * lanes
        vectors -= 7
    if vectors >= 4:
        add_rows(c, c_stride, rows, samples, starts, indices, values, levels, r, r_stride, 4)
        c += 4 * lanes
        r += 4 * lanes
        vectors -= 4
    if vectors >= 2:
        add_rows(c, c_stride, rows, samples, starts, indices, values, levels, r, r_stride, 2)
        c += 2 * lanes
        r += 2 * lanes
        vectors -= 2
    if vectors:
        add_rows(c, c_stride, rows, samples, starts, indices, values, levels, r, r_stride, 1)


cdef inline void scatter_rows(
    real *c, Py_ssize_t c_stride, const int64_t *rows, Py_ssize_t samples, const int64_t *starts, const uint16_t *indices,
    const number *values, const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """``sparse_outer_product`` for a constant number of vectors of columns, in which a row of r stays in registers."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef real terms[7][16]
    cdef real factor
    cdef real *row
    cdef Py_ssize_t i, v, q, s
    for s in range(samples):
        for v in range(vectors):
            for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
                terms[v][q] = r[s * r_stride + v * lanes + q]
        for i in range(starts[rows[s]], starts[rows[s] + 1]):
            factor = value_at(values, i, levels)
            row = c + indices[i] * c_stride
            for v in range(vectors):
                for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
                    row[v * lanes + q] = fma(factor, terms[v][q], row[v * lanes + q])


cdef void sparse_outer_product(
    real *c, Py_ssize_t c_stride, const int64_t *rows, Py_ssize_t samples, const int64_t *starts, const uint16_t *indices,
    const number *values, const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
) noexcept nogil:
    """c[i, q] += sum over s of x[rows[s], i] * r[s, q], where x is sparse."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    while vectors >= 7:
        scatter_rows(c, c_stride, rows, samples, starts, indices, values, levels, r, r_stride, 7)
        c += 7 * lanes
        r += 7 * lanes
        vectors -= 7
    if vectors >= 4:
        scatter_rows(c, c_stride, rows, samples, starts, indices, values, levels, r, r_stride, 4)
        c += 4 * lanes
        r += 4 * lanes
        vectors -= 4
    if vectors >= 2:
        scatter_rows(c, c_stride, rows, samples, starts, indices, values, levels, r, r_stride, 2)
        c += 2 * lanes
        r += 2 * lanes
        vectors -= 2
    if vectors:
        scatter_rows(c, c_stride, rows, samples, starts, indices, values, levels, r, r_stride, 1)


cdef Py_ssize_t memory_to_regroup(Py_ssize_t inputs, Py_ssize_t samples, Py_ssize_t itemsize) noexcept nogil:
    return samples * inputs * (itemsize + sizeof(uint16_t)) + (2 * inputs + 2) * sizeof(int64_t) + 4 * VECTOR


cdef void regrouped_outer_product(
    real *c, Py_ssize_t c_stride, Py_ssize_t inputs, const int64_t *rows, Py_ssize_t samples, const int64_t *starts,
    const uint16_t *indices, const number *values, const real *levels, const real *r, Py_ssize_t r_stride, Py_ssize_t vectors,
    char *memory,
) noexcept nogil:
    """``sparse_outer_product`` as the ``sparse_product`` of x transposed: a row of c takes what all samples add to it, then the
    next row does. That pays for many samples and columns."""
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef real *new_values = <real *> take(&memory, samples * inputs * sizeof(real))
    cdef uint16_t *new_indices = <uint16_t *> take(&memory, samples * inputs * sizeof(uint16_t))
    cdef int64_t *new_starts = <int64_t *> take(&memory, (inputs + 2) * sizeof(int64_t))
    cdef int64_t *new_rows = <int64_t *> take(&memory, inputs * sizeof(int64_t))
    cdef int64_t *place
    cdef Py_ssize_t i, s, v
    memset(new_starts, 0, (inputs + 2) * sizeof(int64_t))
    for s in range(samples):
        for i in range(starts[rows[s]], starts[rows[s] + 1]):
            new_starts[indices[i] + 2] += 1
    for i in range(inputs):
        new_rows[i] = i
        new_starts[i + 2] += new_starts[i + 1]
    for s in range(samples):
        for i in range(starts[rows[s]], starts[rows[s] + 1]):
            place = &new_starts[indices[i] + 1]     # grows from where the input's elements start to where the next one's do
            new_indices[place[0]] = <uint16_t> s
            new_values[place[0]] = value_at(values, i, levels)
            place[0] += 1
    for v in range(0, vectors, 4):      # of r, so few that it stays in the first cache
        sparse_product(c + v * lanes, c_stride, new_rows, inputs, new_starts, new_indices, new_values, levels, r + v * lanes,
                       r_stride, min(<Py_ssize_t> 4, vectors - v))
