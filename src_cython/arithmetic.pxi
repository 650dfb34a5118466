"""The arithmetic of one element.

Each function is a fixed sequence of correctly rounded operations, so its bits depend on its arguments alone. Only ``fma`` and
the square root come from libm, because IEEE 754 defines every bit of their results.

A bare constant such as 1.0 is a float64 in C and would make a float32 expression float64. So constants are cast or assigned to
variables of the right type.

Results below the smallest normal number are 0. Other results of exp and log are within 1 unit in the last place (ULP), those
of sigmoid, tanh and softplus within 2.
"""

from libc.math cimport INFINITY, NAN, copysign, copysignf, fabs, fabsf
from libc.math cimport fma as fma64, fmaf as fma32, sqrt as sqrt64, sqrtf as sqrt32

ctypedef fused real:        # what the network computes in
    float
    double


cdef inline real fma(real a, real b, real c) noexcept nogil:
    """a b + c with a single rounding."""
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
    """x limited to the range from -limit to limit. NaN stays NaN."""
    return with_sign(limit, x) if magnitude(x) > limit else x


cdef inline real pushed(real x) noexcept nogil:
    """x rounded to an integer (halves to even), plus 1.5 * 2**p. This addition pushes the fraction out of the significand, of
    which p bits are stored, and leaves the integer in its low bits."""
    if real is float:
        return x + <float> 12582912.0
    else:
        return x + 6755399441055744.0


cdef inline real integer_of(real x) noexcept nogil:
    """The integer in a result of ``pushed``."""
    if real is float:
        return x - <float> 12582912.0
    else:
        return x - 6755399441055744.0


cdef inline real power_of_two(real n) noexcept nogil:
    """2**n for a pushed integer n, if 2**n is a normal number. It adds n to the exponent bits of 1.0."""
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
    """The smallest number whose exp is a normal number of x's type."""
    if real is float:
        return <float> -87.33654022216797
    else:
        return -708.3964185322641


cdef inline real exp_minus_one(real x, real *n) noexcept nogil:
    """Return p and set n, as ``pushed`` makes it, so that e**x = (1 + p) * 2**n and |p| < 0.42. For x near 0, n is 0, so p is
    e**x - 1 without cancellation. The polynomial is the minimax one: its largest relative error is the smallest possible."""
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
    """e**x. For the largest results 2**n alone would overflow, so for x > 0 one factor of 2 comes last."""
    cdef real one = 1, n, p, least = least_exponent(x), half = 1 if x > 0 else 0
    p = exp_minus_one(clamp(x, <real> (89 if real is float else 710)), &n)
    p = (one + p) * power_of_two(n - half) * (one + half)
    return 0 if x < least else p


cdef inline real sigmoid_of(real z) noexcept nogil:
    """1 / (1 + e**-z), the book's equation (3), computed from e**-|z|, which cannot overflow. The last step corrects the
    rounding errors of the sum and the quotient."""
    cdef real one = 1, n, e, numerator, q, least = least_exponent(z), x = -magnitude(z)
    x = least if least > x else x
    e = one + exp_minus_one(x, &n)
    e *= power_of_two(n)
    numerator = e if z < 0 else one
    q = numerator / (one + e)
    q = fma(fma(-q, e, numerator - q), fma(e, <real> -0.5, one), q)
    return 0 if z < least else q


cdef inline real tanh_of(real z) noexcept nogil:
    """-t / (2 + t) for t = e**(-2 |z|) - 1, with z's sign. The last step corrects the rounding errors of t, the sum and the
    quotient."""
    cdef real one = 1, two = 2, n, p, power, t, lost, q
    p = exp_minus_one(clamp(-two * magnitude(z), <real> 60), &n)      # at 60, tanh rounds to 1 and 2**n is still normal
    power = power_of_two(n)
    t = fma(power, p, power - one)
    lost = fma(power, p, power - one - t)
    q = -t / (two + t)
    lost = fma(-q, t, fma(-two, q, -t)) - fma(q, lost, lost)
    q = fma(lost, fma(t, fma(t, <real> 0.25, <real> -0.25), <real> 0.5), q)
    return with_sign(q, z)


cdef inline double log_of(double x) noexcept nogil:
    """ln(x) for x >= 0. It splits x into m * 2**n with m near 1; ln(m) is the series of 2 artanh(s), s = (m - 1) / (m + 1)."""
    cdef double shift = 54 if x < 2.2250738585072014e-308 else 0     # makes a subnormal x normal
    cdef double m = x * 18014398509481984.0 if shift > 0 else x
    cdef double n, f, s, z, q, half
    cdef uint64_t bits, exponent
    memcpy(&bits, &m, 8)
    bits = bits - <uint64_t> 0x3FE6A09E667F3BCD + (<uint64_t> 1024 << 52)       # so that sqrt(1/2) <= m < sqrt(2)
    exponent = (bits >> 52) | <uint64_t> 0x4330000000000000     # as the float64 2**52 + exponent
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
    # ln(m) as f - (half - s (half + z q)) rounds less than as 2 s + s z q, because the part in parentheses is small.
    half = 0.5 * f * f
    f = fma64(n, 0.693147180559945286226764, f - (half - fma64(s, fma64(q, z, half), n * 2.319046813846299558e-17)))
    f = f if x < INFINITY else x
    return -INFINITY if x == 0 else f


cdef inline real normal_or_zero(real x) noexcept nogil:
    """x, or 0 if x is subnormal: processors compute up to a hundred times slower with subnormal numbers. NaN stays NaN."""
    if real is float:
        return 0 if magnitude(x) < 1.1754943508222875e-38 else x
    else:
        return 0 if magnitude(x) < 2.2250738585072014e-308 else x


cdef inline real squarable(real x) noexcept nogil:
    """x, or 0 if a thousandth of its square would be subnormal."""
    if real is float:
        return 0 if magnitude(x) < 3.469446951953614e-18 else x         # 2**-58
    else:
        return 0 if magnitude(x) < 4.7733380679681323e-153 else x        # 2**-506


cdef inline real softplus_of(real z) noexcept nogil:
    """ln(1 + e**z) = max(z, 0) + ln(1 + e) for e = e**-|z|, in float64 for both types. ln(1 + e) is ln(u) of the rounded sum u,
    plus the sum's rounding error divided by u."""
    cdef double x = z, e = exp_of(-fabs(x)), u = 1 + e
    x = (x if x > 0 else 0) + (log_of(u) + (e - (u - 1)) / u)
    return normal_or_zero(<real> x)


cdef inline real softplus_slope_of(real a) noexcept nogil:
    """The derivative of softplus from its value a = ln(1 + e**z) >= 0: 1 - e**-a, which is the sigmoid of z."""
    cdef real one = 1, n, p, power
    p = exp_minus_one(clamp(-a, <real> 60), &n)
    power = power_of_two(n)
    return fma(-power, p, one - power)
