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
    return 0 if y == 0 else y * log_of(a)


cdef inline double cost_of(Cost cost, double a, double y) noexcept nogil:
    """The part of one output."""
    cdef double error = a - y, size = fabs(error)
    if cost == QUADRATIC:
        return 0.5 * error * error
    elif cost == ABSOLUTE:
        return size
    elif cost == HUBER:
        return size - 0.5 if size > 1 else 0.5 * error * error
    elif cost == CROSS_ENTROPY:
        return -times_log(y, a) - times_log(1 - y, 1 - a)
    elif cost == LOG_LIKELIHOOD:
        return -times_log(y, a)
    else:
        return times_log(y, y / a) + error      # half the deviance


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
