"""The costs of a sample's outputs a for desired outputs y, and their derivatives dC/da or dC/dz.

A new cost needs a name in ``Cost`` and in ``COSTS``, a line in ``cost_of`` before the ``else``, a branch in ``errors`` if its
derivative is not a - y, a line in ``nndl_ext/reference.py``, and a digest in ``tests/test_engine.py``. A cost for a single
activation follows ``CROSS_ENTROPY`` in ``Cost`` and is listed in ``MATCHED`` in ``nndl_ext/_engine/functions.py``. Users get it
by a class in ``_engine/costs.py``, a name in ``_commands/options.py``, or a loss of the estimators.
"""

cdef enum Cost:
    DELTA_BY_PYTHON = -2        # the user's own function gives dC/dz
    DERIVATIVE_BY_PYTHON = -1   # the user's own function gives dC/da
    QUADRATIC, ABSOLUTE, HUBER
    # Each of these costs matches one activation: with it, dC/dz is a - y.
    CROSS_ENTROPY, LOG_LIKELIHOOD, POISSON

COSTS = {"quadratic": QUADRATIC, "absolute": ABSOLUTE, "huber": HUBER, "cross-entropy": CROSS_ENTROPY,
         "log-likelihood": LOG_LIKELIHOOD, "poisson": POISSON}


cdef inline bint is_by_python(Cost cost) noexcept nogil:
    return cost == DELTA_BY_PYTHON or cost == DERIVATIVE_BY_PYTHON


cdef inline bint is_matched(Cost cost) noexcept nogil:
    """Whether the error is given as dC/dz, which already includes the activation's derivative."""
    return cost >= CROSS_ENTROPY or cost == DELTA_BY_PYTHON


cdef inline double times_log(double y, double a) noexcept nogil:
    """y ln(a), which is 0 for y = 0 and every a."""
    cdef double product = y * log_of(a)
    return 0 if y == 0 else product


cdef inline double cost_of(Cost cost, double a, double y, double least) noexcept nogil:
    """The cost of one output. If it is a probability, it is first clipped to the range from ``least`` to 1 - ``least``."""
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
    """The costs of several outputs. Compilers vectorize the logarithms only where the cost is a constant."""
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
    """Replace the desired outputs y in ``deltas`` by dC/da, or by dC/dz if the cost matches an activation."""
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
