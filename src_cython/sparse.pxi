"""A dense first layer of which most inputs are 0: these are skipped."""

cdef void sparse_weighted_inputs(const Job *job, const real *parameters, real *z) noexcept nogil:
    """z = w x + b for this thread's share of the neurons."""
    cdef const Layer *layer = &job.layers[0]
    cdef const real *biases = parameters + layer.biases
    cdef Py_ssize_t lanes = VECTOR // sizeof(real)
    cdef Sparse rows = sparse_rows(&job.x, job.indices, job.samples)
    cdef Share share = share_of(job, layer.stride, lanes)
    cdef bint scaled = is_scaled(job, 0)
    start_sums(job, layer, biases, z, share, scaled)
    product_of_inputs(z + share.begin, &job.x, &rows, <const real *> job.levels, parameters + layer.weights + share.begin,
                      layer.stride, (share.end - share.begin) // lanes)
    if scaled:
        scale_sums(job, layer, biases, z, share)


cdef int sparse_gradient(const Job *job, real *target, real *deltas) except -1 nogil:
    """target += the gradient (BP3, BP4): for this thread's share of the neurons in the biases, and of the inputs in the
    weights.

    A mini-batch adds 0 to most weights, so shrinking them all would take longer than anything else: see ``scale.pxi``."""
    cdef const Layer *layer = &job.layers[0]
    cdef real *weights = target + layer.weights
    cdef Py_ssize_t lanes = VECTOR // sizeof(real), s
    cdef Share neurons = share_of(job, layer.stride, lanes), share
    cdef Sparse rows = sparse_rows(&job.x, job.indices, job.samples)
    cdef int64_t places[BLOCK]
    cdef int64_t begins[BLOCK]
    cdef int64_t ends[BLOCK]
    share.begin, share.end = 0, layer.inputs
    if job.threads > 1:
        share.begin, share.end = job.cuts[job.thread], job.cuts[job.thread + 1]
        for s in range(job.samples):
            places[s] = s
            begins[s], ends[s] = first_from(&job.x, job.indices[s], share.begin), first_from(&job.x, job.indices[s], share.end)
        rows.rows, rows.begins, rows.ends = places, begins, ends
    add_to_biases(job, 0, target, deltas, neurons)
    divide_errors(job, 0, deltas, neurons)
    if job.scale_after != 1:
        meet(job)       # other threads have divided their columns of the errors
    if shrinks(job, 0):
        shrink(weights + share.begin * layer.weights_stride, (share.end - share.begin) * layer.weights_stride,
               <real> job.l1, <real> job.l2)
    outer_product_of_inputs(weights, &job.x, &rows, <const real *> job.levels, deltas, layer.stride, layer.stride // lanes)
    return 0
