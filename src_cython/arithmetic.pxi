"""The arithmetic of one element.

Each function is a fixed sequence of correctly rounded operations, so that its bits depend on its arguments alone. ``fma``
is the only thing taken from libm: IEEE 754 leaves it no freedom.
"""

from libc.math cimport copysign, copysignf, fabs, fabsf, fma as fma64, fmaf as fma32
ctypedef fused real:        # what the network computes in
    float
    double

ctypedef fused number:      # what its inputs are stored in: values, or positions in a table of levels
    float
    double
    uint8_t


cdef inline real value_at(const number *values, Py_ssize_t i, const real *levels) noexcept nogil:
    if number is uint8_t:
        return levels[values[i]]
    else:
        return <real> values[i]


cdef inline real fma(real a, real b, real c) noexcept nogil:
    """a b + c, rounded once."""
    if real is float:
        return fma32(a, b, c)
    else:
        return fma64(a, b, c)


cdef inline real magnitude(real x) noexcept nogil:
    """|x|."""
    if real is float:
        return fabsf(x)
    else:
        return fabs(x)


cdef inline real with_sign(real x, real sign) noexcept nogil:
    """|x| with the sign of ``sign``."""
    if real is float:
        return copysignf(x, sign)
    else:
        return copysign(x, sign)


cdef inline real nearest_integer(real x) noexcept nogil:
    """x rounded to an integer, halves to even: adding 1.5 * 2**p pushes the fraction out of a p-bit significand."""
    if real is float:
        return (x + <float> 12582912.0) - <float> 12582912.0
    else:
        return (x + 6755399441055744.0) - 6755399441055744.0


cdef inline real power_of_two(real n) noexcept nogil:
    """2**n for an integer n that is a normal number's exponent. The sum leaves n in the low bits of the significand, and
    the shift moves it, biased, into the exponent field."""
    cdef uint32_t bits32
    cdef uint64_t bits64
    if real is float:
        n += <float> 12582912.0
        memcpy(&bits32, &n, 4)
        bits32 = (bits32 + 127) << 23
        memcpy(&n, &bits32, 4)
    else:
        n += 6755399441055744.0
        memcpy(&bits64, &n, 8)
        bits64 = (bits64 + 1023) << 52
        memcpy(&n, &bits64, 8)
    return n


cdef inline real taylor(real r, real lost) noexcept nogil:
    """e**(r + lost) for |r| <= ln(2) / 2 and a ``lost`` below r's last place, by its Taylor series. What is cut off is below
    a tenth of a unit in the last place."""
    cdef real q
    if real is float:
        q = <real> (1.0 / 40320)
        q = fma(q, r, <real> (1.0 / 5040))
    else:
        q = 1.0 / 6227020800.0
        q = fma(q, r, <real> (1.0 / 479001600))
        q = fma(q, r, <real> (1.0 / 39916800))
        q = fma(q, r, <real> (1.0 / 3628800))
        q = fma(q, r, <real> (1.0 / 362880))
        q = fma(q, r, <real> (1.0 / 40320))
        q = fma(q, r, <real> (1.0 / 5040))
    q = fma(q, r, <real> (1.0 / 720))
    q = fma(q, r, <real> (1.0 / 120))
    q = fma(q, r, <real> (1.0 / 24))
    q = fma(q, r, <real> (1.0 / 6))
    q = fma(q, r, <real> 0.5)
    return <real> 1.0 + (r + fma(r * r, q, lost))


cdef inline real clamp(real x, real limit) noexcept nogil:
    """x brought between -limit and limit. NaN stays."""
    return with_sign(limit, x) if magnitude(x) > limit else x


cdef inline void exp_parts(real x, real *fraction, real *exponent, real *rest) noexcept nogil:
    """e**x = fraction * 2**exponent * 2**rest, where either power is a normal number even if e**x is not; rest is 0 unless
    e**x is near a limit of the format. Past the limits x counts as the limit."""
    cdef real n, r, most, high, low     # high is ln(2), low what that lacks
    if real is float:
        most, high, low = 120, <float> 0.693147182464599609375, <float> -1.904654299957767e-09
        x = clamp(x, <real> 105)
    else:
        most, high, low = 1000, 0.693147180559945286226764, 2.319046813846299558e-17
        x = clamp(x, <real> 746)
    n = nearest_integer(x * <real> 1.4426950408889634)
    x = fma(-n, high, x)
    r = fma(-n, low, x)
    fraction[0] = taylor(r, fma(-n, low, x - r))
    exponent[0] = clamp(n, most)
    rest[0] = n - exponent[0]


cdef inline real exp_of(real x) noexcept nogil:
    """e**x."""
    cdef real fraction, exponent, rest
    exp_parts(x, &fraction, &exponent, &rest)
    return fraction * power_of_two(exponent) * power_of_two(rest)


cdef inline real sigmoid_of(real z) noexcept nogil:
    """1 / (1 + e**-z), the book's equation (3). Where e**-z is too large for the format the 1 beside it is too small to
    count, and the excess is divided out last. For float32 too the sum and the quotient are float64's, which keeps the error
    below 2 units in the last place."""
    cdef real fraction, exponent, rest
    exp_parts(-z, &fraction, &exponent, &rest)
    return <real> (1.0 / (1.0 + fraction * power_of_two(exponent)) * power_of_two(-rest if rest > 0 else <real> 0))


cdef inline real sigmoid_prime(real a) noexcept nogil:
    """The sigmoid's derivative at z, from its value a there; computed in float64, rounded once for float32."""
    return <real> (a * (1.0 - a))


cdef inline real normal_or_zero(real x) noexcept nogil:
    """x, or 0 for a subnormal x, with which processors compute up to a hundred times slower. NaN stays."""
    if real is float:
        return 0 if magnitude(x) < 1.1754943508222875e-38 else x
    else:
        return 0 if magnitude(x) < 2.2250738585072014e-308 else x
