"""Dropout: a counter-based generator decides which neurons are left out for each sample.

The generator is Philox 4x32-10 (J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, Parallel random numbers: as easy as
1, 2, 3, SC11, 2011). A mask depends only on seed, epoch, layer, sample and neuron, not on earlier draws.
"""

cdef struct Masks:
    const double *rates         # each layer's dropout rate, from 0 to below 1; NULL without dropout
    uint32_t seed[2]
    uint32_t epoch


cdef inline void philox(uint32_t *words, uint32_t key, uint32_t key_of_odd) noexcept nogil:
    """Replace a counter of four words by four random words."""
    cdef uint64_t even, odd
    cdef int i
    for i in range(10):
        even, odd = <uint64_t> 0xD2511F53 * words[0], <uint64_t> 0xCD9E8D57 * words[2]
        words[0], words[1], words[2], words[3] = (
            <uint32_t> (odd >> 32) ^ words[1] ^ key, <uint32_t> odd, <uint32_t> (even >> 32) ^ words[3] ^ key_of_odd,
            <uint32_t> even,
        )
        key += <uint32_t> 0x9E3779B9
        key_of_odd += <uint32_t> 0xBB67AE85


cdef void drop(
    real *a, real *slopes, const Masks *masks, Py_ssize_t layer, int64_t sample, Share share,
) noexcept nogil:
    """Set a random part of a share of a sample's neurons (whole vectors) to 0, and divide the others by 1 - rate."""
    cdef double rate = masks.rates[layer]
    cdef uint32_t threshold = <uint32_t> (rate * 4294967296.0)
    cdef real kept = <real> (1 / (1 - rate)), mask
    cdef uint32_t words[4]
    cdef Py_ssize_t j
    cdef int i
    for j in range(share.begin, share.end, 4):
        words[0], words[1], words[2], words[3] = <uint32_t> j, <uint32_t> sample, <uint32_t> layer, masks.epoch
        philox(words, masks.seed[0], masks.seed[1])
        for i in range(4):
            mask = kept if words[i] >= threshold else 0
            a[j + i] *= mask
            slopes[j + i] *= mask
