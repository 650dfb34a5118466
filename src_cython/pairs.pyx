"""The pairs (x, y) of a data set. They take little memory, because the book's lists hold 50,000 of them."""

from libc.stdint cimport int64_t


cdef class Pair:
    """A sample of a data set. It replaces the book's tuple (x, y), and unpacks and indexes like one.

    It stores the data set and its index there, and gets the two arrays only when they are used. So a list of pairs takes
    little memory and can be shuffled, sliced and concatenated like any list. The kernels still find its numbers.

    Parameters
    ----------
    data : Dataset
        The data set.
    index : int
        The sample's index in it, from 0.
    """

    cdef object data
    cdef Py_ssize_t index

    def __init__(self, data, Py_ssize_t index):
        self.data = data
        self.index = index

    def __len__(self):
        return 2

    def __getitem__(self, place):
        return self.data.columns(self.index)[place]

    def __iter__(self):
        return iter(self.data.columns(self.index))

    def __eq__(self, other):
        if isinstance(other, Pair) and (<Pair> other).data is self.data and (<Pair> other).index == self.index:
            return True
        if not isinstance(other, (Pair, tuple)):
            return NotImplemented
        import numpy
        return len(other) == 2 and all(map(numpy.array_equal, self, other))

    __hash__ = None     # like a tuple of arrays

    def __repr__(self):
        return repr(tuple(self))

    def __reduce__(self):
        return Pair, (self.data, self.index)


def common_source(pairs, int64_t[::1] positions):
    """Write the index of each pair into ``positions``, which has one element per pair, and return the data set of all pairs.

    Returns None if the pairs come from several data sets, if one is not a `Pair`, or if their number is not that of
    ``positions``."""
    cdef object source = None
    cdef Py_ssize_t i = 0
    cdef Pair pair
    for item in pairs:
        if type(item) is not Pair or i == positions.shape[0]:
            return None
        pair = <Pair> item
        if i == 0:
            source = pair.data
        elif pair.data is not source:
            return None
        positions[i] = pair.index
        i += 1
    return source if i == positions.shape[0] else None
