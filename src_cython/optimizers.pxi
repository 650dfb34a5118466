"""The optimizers: how a step changes the parameters by their gradient.

Plain descent is not here: it adds the gradient to the weights at once. A new optimizer needs a name in ``Optimizer`` and in
``OPTIMIZERS``, a branch in ``advance``, a class in ``nndl_ext/_engine/optimizers.py``, a branch in ``nndl_ext/reference.py``,
and a line and a digest in ``tests/test_engine.py``. Users get it by a class in ``_book/settings.py``.
"""

cdef enum:
    SUMS = 32       # partial sums in ``add_squares``

cdef enum Optimizer:
    NONE = -1       # only the gradient is computed
    DESCENT, MOMENTUM, NESTEROV, ADAM

OPTIMIZERS = {"none": NONE, "descent": DESCENT, "momentum": MOMENTUM, "nesterov": NESTEROV, "adam": ADAM}


cdef struct Step:               # an element of the array that the caller passes
    int64_t optimizer           # an ``Optimizer``
    double eta
    double l1
    double l2
    double per                  # samples by which l1 and l2 are divided; 0 for those of the mini-batch
    double first                # momentum, or the decay of Adam's first moment
    double second               # the decay of Adam's second moment
    double epsilon
    double first_power          # ``first`` to the power of the number of steps
    double second_power         # ``second`` to the same power


cdef inline real sign(real x) noexcept nogil:
    return 0 if x == 0 else with_sign(<real> 1, x)


cdef void shrink(real *w, Py_ssize_t count, real l1, real l2) noexcept nogil:
    """w - l2 w - l1 sign(w): the part of a step of descent that is due to regularization. The gradient's part follows."""
    cdef Py_ssize_t i
    cdef real kept = 1 - l2
    if l1 == 0:
        for i in range(count):
            w[i] = normal_or_zero(kept * w[i])
    else:
        for i in range(count):
            w[i] = normal_or_zero(fma(kept, w[i], -l1 * sign(w[i])))


cdef void add_squares(double *sums, const real *w, Py_ssize_t count) noexcept nogil:
    """Add the squares of a row to ``SUMS`` partial sums. Their number is fixed, so the vector width changes no bit."""
    cdef Py_ssize_t i = 0, k
    while i + SUMS <= count:
        for k in range(<Py_ssize_t> SUMS):
            sums[k] = fma(<double> w[i + k], <double> w[i + k], sums[k])
        i += SUMS
    for k in range(count - i):
        sums[k] = fma(<double> w[i + k], <double> w[i + k], sums[k])


cdef inline real regularized(real g, real w, real l1, real l2) noexcept nogil:
    """The gradient with that of L1 and L2. For L2, a tiny weight counts as 0: L2 drives the weights of an input that is always
    0 so close to 0 that all their arithmetic would be subnormal."""
    return fma(l2, squarable(w), fma(l1, sign(w), g))


cdef void advance(
    const Step *step, real *w, real *g, real *moments, Py_ssize_t size, Py_ssize_t count,
) noexcept nogil:
    """Take one step from w by the gradient g, and set g to 0. Adam's second moments follow ``size`` elements after its first
    ones."""
    cdef Py_ssize_t i
    cdef real eta = <real> step.eta, first = <real> step.first, second = <real> step.second, gradient
    cdef real l1 = <real> step.l1, l2 = <real> step.l2
    cdef real rest_of_first = <real> (1 - step.first), rest_of_second = <real> (1 - step.second)
    cdef real epsilon = <real> step.epsilon
    cdef real *squares = moments + size
    cdef int kind = <int> step.optimizer
    if kind == MOMENTUM:
        for i in range(count):
            gradient, g[i] = regularized(g[i], w[i], l1, l2), 0
            moments[i] = normal_or_zero(fma(first, moments[i], -eta * gradient))
            w[i] = w[i] + moments[i]
    elif kind == NESTEROV:
        for i in range(count):
            gradient, g[i] = regularized(g[i], w[i], l1, l2), 0
            moments[i] = normal_or_zero(fma(first, moments[i], -eta * gradient))
            w[i] = w[i] + fma(first, moments[i], -eta * gradient)
    else:
        eta = <real> (step.eta * sqrt64(1 - step.second_power) / (1 - step.first_power))
        for i in range(count):
            gradient, g[i] = squarable(regularized(g[i], w[i], l1, l2)), 0
            moments[i] = normal_or_zero(fma(first, moments[i], rest_of_first * gradient))
            squares[i] = normal_or_zero(fma(second, squares[i], rest_of_second * (gradient * gradient)))
            w[i] = fma(-eta, moments[i] / (root(squares[i]) + epsilon), w[i])
