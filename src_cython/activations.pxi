"""The activations: functions of a neuron's weighted input z, and their derivatives, which are computed from the value a.

A new activation needs a name in ``Activation`` and in ``ACTIVATIONS``, a loop in ``activate`` and in ``times_slope``, its
arithmetic in ``arithmetic.pxi``, a line in ``nndl_ext/reference.py``, with which the tests compare it, and a digest in
``tests/test_engine.py``. If only the output layer can have it, or if a cost requires it, ``nndl_ext/_engine/functions.py`` must
name it too. Outside the engine, ``export.py`` and ``page.html`` need its formula, and ``_commands/options.py`` and
``_sklearn/networks.py`` offer it by name; ``grep -r softplus`` shows them all. The derivative must follow from a alone, since z
is not stored. Each activation has its own loop, so no loop branches on the activation.
"""

cdef enum Activation:
    BY_PYTHON = -1      # the user's own function
    IDENTITY, SIGMOID, TANH, RELU, EXP, SOFTMAX, SOFTPLUS   # pickles store the numbers: append new names

ACTIVATIONS = {"identity": IDENTITY, "sigmoid": SIGMOID, "tanh": TANH, "relu": RELU, "softplus": SOFTPLUS, "exp": EXP,
               "softmax": SOFTMAX}


cdef void activate(Activation kind, real *z, Py_ssize_t count) noexcept nogil:
    """a = f(z), in place. Softmax needs a whole layer, so ``softmax`` computes it."""
    cdef Py_ssize_t i
    if kind == SIGMOID:
        for i in range(count):
            z[i] = sigmoid_of(z[i])
    elif kind == TANH:
        for i in range(count):
            z[i] = tanh_of(z[i])
    elif kind == RELU:
        for i in range(count):
            z[i] = 0 if z[i] < 0 else z[i]      # NaN stays NaN
    elif kind == SOFTPLUS:
        for i in range(count):
            z[i] = softplus_of(z[i])
    elif kind == EXP:
        for i in range(count):
            z[i] = exp_of(z[i])


cdef void times_slope(Activation kind, real *deltas, const real *a, Py_ssize_t count) noexcept nogil:
    """Multiply the deltas by f'(z), the factor in BP1 and BP2. Subnormal results become 0."""
    cdef Py_ssize_t i
    if kind == SIGMOID:
        for i in range(count):
            deltas[i] = normal_or_zero(deltas[i] * fma(-a[i], a[i], a[i]))
    elif kind == TANH:
        for i in range(count):
            deltas[i] = normal_or_zero(deltas[i] * fma(-a[i], a[i], <real> 1))
    elif kind == RELU:
        for i in range(count):
            deltas[i] = normal_or_zero(deltas[i]) if a[i] > 0 else 0
    elif kind == SOFTPLUS:
        for i in range(count):
            deltas[i] = normal_or_zero(deltas[i] * softplus_slope_of(a[i]))
    elif kind == EXP:
        for i in range(count):
            deltas[i] = normal_or_zero(deltas[i] * a[i])
    else:
        for i in range(count):
            deltas[i] = normal_or_zero(deltas[i])


cdef inline void softmax_of_sample(real *z, Py_ssize_t neurons) noexcept nogil:
    cdef Py_ssize_t k
    cdef real most = z[0], total = 0
    for k in range(1, neurons):
        most = z[k] if z[k] > most else most
    for k in range(neurons):
        z[k] = exp_of(z[k] - most)
    for k in range(neurons):
        total += z[k]
    for k in range(neurons):
        z[k] = z[k] / total


cdef inline void softmax_of_lanes(real *z, Py_ssize_t neurons, Py_ssize_t stride) noexcept nogil:
    """``softmax_of_sample`` for a vector of samples at once."""
    cdef Py_ssize_t k, q
    cdef real most[16]
    cdef real total[16]
    for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
        most[q], total[q] = z[q], 0
    for k in range(1, neurons):
        for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
            most[q] = z[k * stride + q] if z[k * stride + q] > most[q] else most[q]
    for k in range(neurons):
        for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
            z[k * stride + q] = exp_of(z[k * stride + q] - most[q])
            total[q] += z[k * stride + q]
    for k in range(neurons):
        for q in range(<Py_ssize_t> (VECTOR // sizeof(real))):
            z[k * stride + q] = z[k * stride + q] / total[q]


cdef void times_softmax_slope(
    real *deltas, const real *a, Py_ssize_t samples, Py_ssize_t sample_step, Py_ssize_t neurons, Py_ssize_t neuron_step,
) noexcept nogil:
    """Replace the derivatives dC/da in ``deltas`` by dC/dz = a (dC/da - sum over the layer of a dC/da), for a = softmax(z)."""
    cdef Py_ssize_t s, k, at
    cdef real total
    for s in range(samples):
        total = 0
        for k in range(neurons):
            at = s * sample_step + k * neuron_step
            total = fma(deltas[at], a[at], total)
        for k in range(neurons):
            at = s * sample_step + k * neuron_step
            deltas[at] = normal_or_zero(a[at] * (deltas[at] - total))
