"""What Python calls with arrays and no network: shuffles, functions of elements, costs, classes, random words."""


def shuffle(int64_t[::1] order, Py_ssize_t remaining, const uint32_t[::1] draws):
    """Go on with ``random.shuffle``: swap the element at ``remaining`` with one drawn from those up to it, and so on down, as
    far as the 32-bit ``draws`` reach; return what remains. A draw too large is passed over, as ``random.randrange`` does."""
    cdef Py_ssize_t d, j, taken
    cdef int shift = 0
    with nogil:
        for d in range(draws.shape[0]):
            while (remaining + 1) >> (31 - shift) == 0:     # leave as many bits as remaining + 1 has
                shift += 1
            j = <Py_ssize_t> (draws[d] >> shift)
            taken = j <= remaining
            j = j if taken else remaining       # a swap with itself costs less than a branch that nobody can foretell
            order[remaining], order[j] = order[j], order[remaining]
            remaining -= taken
    return remaining


def activations(Activation kind, const real[::1] z, real[::1] a):
    """a = f(z), element by element; not for softmax."""
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


def costs(Cost cost, const real[:, ::1] a, const real[:, ::1] y, double[::1] totals, double least):
    """Each sample's cost: the sum over its outputs, in their order. ``cost_of`` has ``least``."""
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


def largest(const real[:, ::1] outputs, int64_t[::1] places):
    """Where each row's largest element stands: the first of them, or, as NumPy has it, the first NaN."""
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
                for k in range(last, -1, -1):   # all of them: nobody can foretell which it is
                    place = k if outputs[s, k] == most else place
            places[s] = place


def random_words(uint64_t seed, const uint32_t[::1] counter, uint32_t[::1] words):
    """The generator's four words for a counter of four."""
    memcpy(&words[0], &counter[0], 16)
    philox(&words[0], <uint32_t> seed, <uint32_t> (seed >> 32))
