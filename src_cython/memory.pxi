"""Memory for one call, divided into aligned pieces."""

cdef enum:
    VECTOR = 64     # bytes: 16 float32 or 8 float64
    LANES_AT_MOST = 16      # elements of a vector
    BLOCK = 136             # the largest number of samples that go through the network together
    UNIT = 256              # samples whose gradients are summed by themselves: see ``Work``
    VECTORS_AT_ONCE = 7     # of a row, which stay in registers while a loop runs over other rows
    APART = 320     # bytes between two pieces, whose sizes are often multiples of 4,096. If they began such a multiple apart, a
    #                 processor would take a load from one for a load of what it has just stored in the other, and wait.


cdef struct Share:              # one thread's share of some elements
    Py_ssize_t begin
    Py_ssize_t end


cdef inline Py_ssize_t aligned(Py_ssize_t size) noexcept nogil:
    return (size + VECTOR - 1) // VECTOR * VECTOR


cdef class Scratch:
    """Memory for one call, freed with the object."""

    cdef char *memory

    def __cinit__(self, Py_ssize_t size):
        self.memory = <char *> malloc(size)
        if self.memory == NULL:
            raise MemoryError(f"no memory for {size} bytes of intermediate values")

    def __dealloc__(self):
        free(self.memory)


cdef inline void *take(char **memory, Py_ssize_t size) noexcept nogil:
    """Take the next aligned piece of the memory."""
    cdef char *piece = memory[0] + (-<Py_ssize_t> memory[0] & (VECTOR - 1))
    memory[0] = piece + size + APART
    return piece


cdef class Buffers:
    """The buffers of some arrays, released with the object."""

    cdef Py_buffer views[5]
    cdef int count

    cdef Py_buffer *add(self, array, int flags) except NULL:
        PyObject_GetBuffer(array, &self.views[self.count], flags)
        self.count += 1
        return &self.views[self.count - 1]

    def __dealloc__(self):
        cdef int i
        for i in range(self.count):
            PyBuffer_Release(&self.views[i])
