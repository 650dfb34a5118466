"""Functions for Python that take arrays, not networks: shuffles, elementwise functions, costs, classes, random words."""


cdef enum:
    TWISTED = 624               # words of state of the Mersenne Twister
    NEXT = 397                  # word i is made from the words i, i + 1 and i + NEXT


cdef inline uint32_t twisted(uint32_t upper, uint32_t lower, uint32_t other) noexcept nogil:
    cdef uint32_t word = upper & <uint32_t> 0x80000000 | lower & <uint32_t> 0x7FFFFFFF
    return other ^ word >> 1 ^ (word & 1) * <uint32_t> 0x9908B0DF


cdef inline uint32_t tempered(uint32_t word) noexcept nogil:
    word ^= word >> 11
    word ^= word << 7 & <uint32_t> 0x9D2C5680
    word ^= word << 15 & <uint32_t> 0xEFC60000
    return word ^ word >> 18


cdef void draw_words(uint32_t *state, uint32_t *draws, Py_ssize_t count) noexcept nogil:
    """The Mersenne Twister's next draws. ``state`` holds its words, then the number of words already drawn."""
    cdef Py_ssize_t drawn = state[TWISTED], done = 0, part, i
    while done < count:
        if drawn >= TWISTED:
            for i in range(TWISTED - NEXT):
                state[i] = twisted(state[i], state[i + 1], state[i + NEXT])
            for i in range(TWISTED - NEXT, TWISTED - 1):
                state[i] = twisted(state[i], state[i + 1], state[i + NEXT - TWISTED])
            state[TWISTED - 1] = twisted(state[TWISTED - 1], state[0], state[NEXT - 1])
            drawn = 0
        part = min(TWISTED - drawn, count - done)
        for i in range(part):
            draws[done + i] = tempered(state[drawn + i])
        done, drawn = done + part, drawn + part
    state[TWISTED] = <uint32_t> drawn


cdef Py_ssize_t swap(
    int64_t *order, Py_ssize_t remaining, const uint32_t *draws, Py_ssize_t count, bint as_numpy,
) noexcept nogil:
    """Swap the element at ``remaining`` with one drawn from the elements up to it, decrement ``remaining``, and so on until
    the draws are used up.

    Python takes the highest bits of a draw, as many as ``remaining + 1`` has. NumPy takes the lowest, as many as ``remaining``
    has. Both skip a draw that is too large. Returns the new ``remaining``."""
    cdef Py_ssize_t d, j, taken
    cdef int shift = 0
    for d in range(count):
        while (remaining + (not as_numpy)) >> (31 - shift) == 0:
            shift += 1
        j = <Py_ssize_t> (draws[d] & <uint32_t> 0xFFFFFFFF >> shift if as_numpy else draws[d] >> shift)
        taken = j <= remaining
        j = j if taken else remaining       # a swap with itself is cheaper than a branch misprediction
        order[remaining], order[j] = order[j], order[remaining]
        remaining -= taken
    return remaining


def twist(uint32_t[::1] state, uint32_t[::1] draws):
    """Fill ``draws``; see ``draw_words``."""
    with nogil:
        if draws.shape[0]:
            draw_words(&state[0], &draws[0], draws.shape[0])


def shuffle(int64_t[::1] order, Py_ssize_t remaining, const uint32_t[::1] draws, bint as_numpy):
    """Continue ``random.shuffle`` or ``numpy.random.RandomState.shuffle``, and return the new ``remaining``; see ``swap``."""
    with nogil:
        if draws.shape[0]:
            remaining = swap(&order[0], remaining, &draws[0], draws.shape[0], as_numpy)
    return remaining


def shuffle_by_twister(int64_t[::1] order, uint32_t[::1] state, bint as_numpy):
    """``shuffle`` from beginning to end, with the Mersenne Twister of ``draw_words``."""
    cdef Py_ssize_t remaining = order.shape[0] - 1, count
    cdef uint32_t draws[TWISTED]
    with nogil:
        while remaining > 0:
            count = min(remaining, <Py_ssize_t> TWISTED)    # each remaining element needs at least one, so none is wasted
            draw_words(&state[0], draws, count)
            remaining = swap(&order[0], remaining, draws, count, as_numpy)


def activations(Activation kind, const real[::1] z, real[::1] a):
    """a = f(z), element by element, for all activations but softmax."""
    cdef Py_ssize_t n = z.shape[0]
    if n:
        with nogil:
            memcpy(&a[0], &z[0], n * sizeof(real))
            activate(kind, &a[0], n)


def exp(const real[::1] x, real[::1] y):
    """y = e**x, element by element."""
    activations(EXP, x, y)


def log(const double[::1] x, double[::1] y):
    """y = ln(x), element by element."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(x.shape[0]):
            y[i] = log_of(x[i])


def dot(const double[::1] x, const double[::1] y):
    """The sum of products: ``SUMS`` partial sums, whose number is fixed, so that the vector width changes no bit."""
    cdef double sums[SUMS]
    cdef double total = 0
    cdef Py_ssize_t i = 0, k, n = x.shape[0]
    memset(sums, 0, sizeof(sums))
    with nogil:
        while i + SUMS <= n:
            for k in range(<Py_ssize_t> SUMS):
                sums[k] = fma(x[i + k], y[i + k], sums[k])
            i += SUMS
        for k in range(n - i):
            sums[k] = fma(x[i + k], y[i + k], sums[k])
    for k in range(<Py_ssize_t> SUMS):
        total += sums[k]
    return total


def costs(Cost cost, const real[:, ::1] a, const real[:, ::1] y, double[::1] totals, double least):
    """Each sample's cost: the sum over its outputs, in their order. See ``cost_of`` for ``least``."""
    cdef double parts[256]
    cdef Py_ssize_t outputs = a.shape[1], size = a.shape[0] * outputs, at = 0, s = 0, k = 0, i, count
    if size:
        with nogil:
            totals[0] = 0
            while at < size:
                count = min(<Py_ssize_t> 256, size - at)
                costs_of(cost, parts, &a[0, 0] + at, &y[0, 0] + at, count, least)
                for i in range(count):
                    if k == outputs:
                        s, k = s + 1, 0
                        totals[s] = 0
                    totals[s] += parts[i]
                    k += 1
                at += count


def is_finite(const real[:, ::1] x):
    """Whether no number is infinite or NaN."""
    cdef bint finite = True
    if x.shape[0] and x.shape[1]:
        with nogil:
            finite = all_finite(&x[0, 0], x.shape[0] * x.shape[1])
    return finite


def largest(const real[:, ::1] outputs, int64_t[::1] places):
    """The index of each row's first largest element or, as in NumPy, of its first NaN."""
    cdef Py_ssize_t s, k, last = outputs.shape[1] - 1, place
    cdef real most
    cdef bint odd
    with nogil:
        for s in range(outputs.shape[0]):
            most, odd, place = outputs[s, 0], False, 0
            for k in range(last + 1):
                most = outputs[s, k] if outputs[s, k] > most else most
                odd |= outputs[s, k] != outputs[s, k]
            if odd:
                for k in range(last, -1, -1):
                    place = k if outputs[s, k] != outputs[s, k] else place
            else:
                for k in range(last, -1, -1):   # no early end, which would be a branch misprediction
                    place = k if outputs[s, k] == most else place
            places[s] = place


def random_words(uint64_t seed, const uint32_t[::1] counter, uint32_t[::1] words):
    """Write the four random words of dropout's generator for a counter of four words."""
    memcpy(&words[0], &counter[0], 16)
    philox(&words[0], <uint32_t> seed, <uint32_t> (seed >> 32))
