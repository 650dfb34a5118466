"""The pairs (x, y) of a data set, as light as the book's lists of 50,000 of them need to be."""

from libc.stdint cimport int64_t


cdef class Pair:
    """A sample of a data set, in the place of the book's tuple (x, y): it unpacks and indexes as one.

    It knows the data set and its place there, and asks for the two arrays whenever it is looked at. So a list of pairs takes
    little memory, may be shuffled, cut and put together as any list, and still tells the kernels where its numbers are.

    Parameters
    ----------
    data : Dataset
        The data set.
    index : int
        The sample's place in it, from 0.
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

    __hash__ = None     # as a tuple of arrays has none

    def __repr__(self):
        return repr(tuple(self))

    def __reduce__(self):
        return Pair, (self.data, self.index)


def common_source(pairs, int64_t[::1] positions):
    """The data set that all ``pairs`` come from, after their places in it have been written into ``positions``, which has room
    for them; or None if they come from several, or some are no `Pair`."""
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
