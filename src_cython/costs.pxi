"""The costs: what a sample's outputs a are worth beside the desired ones y, and the derivative by a or z.

A new one takes a name in ``Cost`` and in ``COSTS``, a line in ``cost_of``, a branch in ``errors`` if its derivative is not
a - y, a line in ``nndl_ext/reference.py``, and a digest in ``tests/test_engine.py``. One that goes with a single activation
comes after ``CROSS_ENTROPY``, and into ``MATCHED`` in ``nndl_ext/_core/functions.py``.
"""

cdef enum Cost:
    DELTA_BY_PYTHON = -2        # a function of the user's gives the derivative by z
    DERIVATIVE_BY_PYTHON = -1   # or by a
    QUADRATIC, ABSOLUTE, HUBER
    # Each of these has one activation with which the derivative by z is a - y.
    CROSS_ENTROPY, LOG_LIKELIHOOD, POISSON

COSTS = {"quadratic": QUADRATIC, "absolute": ABSOLUTE, "huber": HUBER, "cross-entropy": CROSS_ENTROPY,
         "log-likelihood": LOG_LIKELIHOOD, "poisson": POISSON}


cdef inline bint is_matched(Cost cost) noexcept nogil:
    """Whether the activation's derivative is part of what ``errors`` gives."""
    return cost >= CROSS_ENTROPY or cost == DELTA_BY_PYTHON


cdef inline double times_log(double y, double a) noexcept nogil:
    """y ln(a), and 0 for y = 0 whatever a is."""
    cdef double product = y * log_of(a)
    return 0 if y == 0 else product


cdef inline double cost_of(Cost cost, double a, double y, double least) noexcept nogil:
    """The part of one output. As a probability it counts as ``least`` at least, and as much less than 1 at most."""
    cdef double error = a - y, size = fabs(error), most = 1 - least, probability = a
    probability = least if probability < least else probability
    probability = most if probability > most else probability
    if cost == QUADRATIC:
        return 0.5 * error * error
    elif cost == ABSOLUTE:
        return size
    elif cost == HUBER:
        return size - 0.5 if size > 1 else 0.5 * error * error
    elif cost == CROSS_ENTROPY:
        return -times_log(y, probability) - times_log(1 - y, 1 - probability)
    elif cost == LOG_LIKELIHOOD:
        return -times_log(y, probability)
    else:
        return times_log(y, y / a) + error      # half the deviance


cdef void costs_of(Cost cost, double *costs, const real *a, const real *y, Py_ssize_t count, double least) noexcept nogil:
    """The parts of some outputs: where they take logarithms, compilers take several at once if the cost is a constant."""
    cdef Py_ssize_t i
    if cost == CROSS_ENTROPY:
        for i in range(count):
            costs[i] = cost_of(CROSS_ENTROPY, <double> a[i], <double> y[i], least)
    elif cost == LOG_LIKELIHOOD:
        for i in range(count):
            costs[i] = cost_of(LOG_LIKELIHOOD, <double> a[i], <double> y[i], least)
    else:
        for i in range(count):
            costs[i] = cost_of(cost, <double> a[i], <double> y[i], least)


cdef void errors(Cost cost, real *deltas, const real *a, Py_ssize_t count) noexcept nogil:
    """The cost's derivatives by a, or by z if it is matched, in the place of y."""
    cdef Py_ssize_t i
    if cost == ABSOLUTE:
        for i in range(count):
            deltas[i] = a[i] - deltas[i]
            deltas[i] = 0 if deltas[i] == 0 else with_sign(<real> 1, deltas[i])
    elif cost == HUBER:
        for i in range(count):
            deltas[i] = clamp(a[i] - deltas[i], <real> 1)
    else:
        for i in range(count):
            deltas[i] = a[i] - deltas[i]
