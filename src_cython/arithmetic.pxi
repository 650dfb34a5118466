"""The arithmetic of one element.

Each function is a fixed sequence of correctly rounded operations, so that its bits depend on its arguments alone. ``fma``
and the square root are all that is taken from libm: IEEE 754 leaves them no freedom.

A bare constant such as 1.0 is a float64 in C and would make a float32 expression float64, so constants are cast or stand in
variables of the right type.

Results below the smallest normal number are 0. Elsewhere exp and log are within 1 unit in the last place, sigmoid, tanh and
softplus within 2.
"""

from libc.math cimport INFINITY, copysign, copysignf, fabs, fabsf, fma as fma64, fmaf as fma32, sqrt as sqrt64, sqrtf as sqrt32

ctypedef fused real:        # what the network computes in
    float
    double


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


cdef inline real root(real x) noexcept nogil:
    if real is float:
        return sqrt32(x)
    else:
        return sqrt64(x)


cdef inline real clamp(real x, real limit) noexcept nogil:
    """x brought between -limit and limit. NaN stays."""
    return with_sign(limit, x) if magnitude(x) > limit else x


cdef inline real pushed(real x) noexcept nogil:
    """x rounded to an integer, halves to even, plus 1.5 * 2**p, which pushes the fraction out of a p-bit significand and leaves
    the integer in the low bits."""
    if real is float:
        return x + <float> 12582912.0
    else:
        return x + 6755399441055744.0


cdef inline real integer_of(real x) noexcept nogil:
    """The integer that ``pushed`` has pushed."""
    if real is float:
        return x - <float> 12582912.0
    else:
        return x - 6755399441055744.0


cdef inline real power_of_two(real n) noexcept nogil:
    """2**n for a pushed integer n that is a normal number's exponent: added to the exponent's bits of 1."""
    cdef uint32_t bits32
    cdef uint64_t bits64
    if real is float:
        memcpy(&bits32, &n, 4)
        bits32 = (bits32 << 23) + <uint32_t> 0x3F800000
        memcpy(&n, &bits32, 4)
    else:
        memcpy(&bits64, &n, 8)
        bits64 = (bits64 << 52) + <uint64_t> 0x3FF0000000000000
        memcpy(&n, &bits64, 8)
    return n


cdef inline real least_exponent(real x) noexcept nogil:
    """The least number whose exp is a normal number of x's type."""
    if real is float:
        return <float> -87.33654022216797
    else:
        return -708.3964185322641


cdef inline real exp_minus_one(real x, real *n) noexcept nogil:
    """With e**x = (1 + p) * 2**n: p, |p| < 0.42, while n is set, pushed. Around 0 n is 0, and p is e**x - 1 without
    cancellation. The polynomial is the one whose largest relative error is least."""
    cdef real r, q, lost
    n[0] = pushed(x * <real> 1.4426950408889634)
    if real is float:
        x = fma(-integer_of(n[0]), <float> 0.693147182464599609375, x)
        r = fma(-integer_of(n[0]), <float> -1.904654299957767e-09, x)
        lost = fma(-integer_of(n[0]), <float> -1.904654299957767e-09, x - r)
        q = <float> 0.0013814595
        q = fma(q, r, <float> 0.008368717)
        q = fma(q, r, <float> 0.04166839)
        q = fma(q, r, <float> 0.16666521)
        q = fma(q, r, <float> 0.49999994)
    else:
        x = fma(-integer_of(n[0]), 0.693147180559945286226764, x)
        r = fma(-integer_of(n[0]), 2.319046813846299558e-17, x)
        lost = fma(-integer_of(n[0]), 2.319046813846299558e-17, x - r)
        q = 2.5000058349050145e-08
        q = fma(q, r, 2.763024830872524e-07)
        q = fma(q, r, 2.7557586382581075e-06)
        q = fma(q, r, 2.480149309914401e-05)
        q = fma(q, r, 0.00019841269506571107)
        q = fma(q, r, 0.001388888894362984)
        q = fma(q, r, 0.008333333333494463)
        q = fma(q, r, 0.04166666666653016)
        q = fma(q, r, 0.16666666666666413)
        q = fma(q, r, 0.5000000000000011)
    return r + fma(r * r, q, lost)


cdef inline real exp_of(real x) noexcept nogil:
    """e**x. Near the largest result the power of two is too large by itself, so one factor of 2 comes last."""
    cdef real one = 1, n, p, least = least_exponent(x), half = 1 if x > 0 else 0
    p = exp_minus_one(clamp(x, <real> (89 if real is float else 710)), &n)
    p = (one + p) * power_of_two(n - half) * (one + half)
    return 0 if x < least else p


cdef inline real sigmoid_of(real z) noexcept nogil:
    """1 / (1 + e**-z), the book's equation (3), by e**-|z|, which can't be too large. The last step puts back what the sum and
    the quotient have lost."""
    cdef real one = 1, n, e, numerator, q, least = least_exponent(z), x = -magnitude(z)
    x = least if least > x else x
    e = one + exp_minus_one(x, &n)
    e *= power_of_two(n)
    numerator = e if z < 0 else one
    q = numerator / (one + e)
    q = fma(fma(-q, e, numerator - q), fma(e, <real> -0.5, one), q)
    return 0 if z < least else q


cdef inline real tanh_of(real z) noexcept nogil:
    """-t / (2 + t) for t = e**(-2 |z|) - 1, with z's sign. The last step puts back what t, the sum and the quotient have
    lost."""
    cdef real one = 1, two = 2, n, p, power, t, lost, q
    p = exp_minus_one(clamp(-two * magnitude(z), <real> 60), &n)      # beyond, tanh is 1, and 2**n still a normal number
    power = power_of_two(n)
    t = fma(power, p, power - one)
    lost = fma(power, p, power - one - t)
    q = -t / (two + t)
    lost = fma(-q, t, fma(-two, q, -t)) - fma(q, lost, lost)
    q = fma(lost, fma(t, fma(t, <real> 0.25, <real> -0.25), <real> 0.5), q)
    return with_sign(q, z)


cdef inline double log_of(double x) noexcept nogil:
    """ln(x) for x >= 0: of x = m * 2**n with m around 1, by the series of 2 artanh(s), s = (m - 1) / (m + 1)."""
    cdef double shift = 54 if x < 2.2250738585072014e-308 else 0     # so that m is a normal number
    cdef double m = x * 18014398509481984.0 if shift > 0 else x
    cdef double n, f, s, z, q, half
    cdef uint64_t bits, exponent
    memcpy(&bits, &m, 8)
    bits = bits - <uint64_t> 0x3FE6A09E667F3BCD + (<uint64_t> 1024 << 52)       # counted from sqrt(1/2)
    exponent = (bits >> 52) | <uint64_t> 0x4330000000000000     # in the last place of 2**52
    bits = (bits & <uint64_t> 0x000FFFFFFFFFFFFF) + <uint64_t> 0x3FE6A09E667F3BCD
    memcpy(&m, &bits, 8)
    memcpy(&n, &exponent, 8)
    n = n - 4503599627371520.0 - shift
    f = m - 1
    s = f / (2 + f)
    z = s * s
    q = 2.0 / 21
    q = fma64(q, z, 2.0 / 19)
    q = fma64(q, z, 2.0 / 17)
    q = fma64(q, z, 2.0 / 15)
    q = fma64(q, z, 2.0 / 13)
    q = fma64(q, z, 2.0 / 11)
    q = fma64(q, z, 2.0 / 9)
    q = fma64(q, z, 2.0 / 7)
    q = fma64(q, z, 2.0 / 5)
    q = fma64(q, z, 2.0 / 3)
    # The series is f - (half - s (half + z q)), where the parentheses are small: less is lost than in 2 s + s z q.
    half = 0.5 * f * f
    f = fma64(n, 0.693147180559945286226764, f - (half - fma64(s, fma64(q, z, half), n * 2.319046813846299558e-17)))
    f = f if x < INFINITY else x
    return -INFINITY if x == 0 else f


cdef inline real normal_or_zero(real x) noexcept nogil:
    """x, or 0 for a subnormal x, with which processors compute up to a hundred times slower. NaN stays."""
    if real is float:
        return 0 if magnitude(x) < 1.1754943508222875e-38 else x
    else:
        return 0 if magnitude(x) < 2.2250738585072014e-308 else x


cdef inline real softplus_of(real z) noexcept nogil:
    """ln(1 + e**z) = max(z, 0) + ln(1 + e) for e = e**-|z|, in float64 for either type. ln(1 + e) is that of the rounded sum u,
    and what the sum has lost, divided by u."""
    cdef double x = z, e = exp_of(-fabs(x)), u = 1 + e
    x = (x if x > 0 else 0) + (log_of(u) + (e - (u - 1)) / u)
    return normal_or_zero(<real> x)


cdef inline real softplus_slope_of(real a) noexcept nogil:
    """1 - e**-a for a >= 0: the sigmoid of z, from a = ln(1 + e**z)."""
    cdef real one = 1, n, p, power
    p = exp_minus_one(clamp(-a, <real> 60), &n)
    power = power_of_two(n)
    return fma(-power, p, one - power)
