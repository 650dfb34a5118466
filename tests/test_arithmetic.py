"""The kernels' exp, log, sigmoid, tanh and softplus, compared with NumPy's in a longer format."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nndl_ext import network

pytestmark = pytest.mark.usefixtures("variant")

# A format with 11 bits more precision than the tested one, on every machine.
EXACT = {np.float64: np.longdouble, np.float32: np.float64}
needs_long_double = pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double is no longer than double here")
DTYPES = [pytest.param(np.float64, marks=needs_long_double), np.float32]


def points(dtype):
    """Test points: dense where the functions curve, and out to the ends of their range."""
    rng = np.random.default_rng(0)
    ranges = (-750, 750), (-110, 110), (-40, 40), (-3, 3), (-0.02, 0.02), (-1e-9, 1e-9)
    return np.sort(np.concatenate([rng.uniform(*limits, 20_000) for limits in ranges]).astype(dtype))


def error_in_ulps(given, exact, dtype):
    with np.errstate(all="ignore"):
        rounded = exact.astype(dtype)
        error = np.abs(given.astype(exact.dtype) - exact) / np.spacing(rounded).astype(exact.dtype)
    vanished = (np.abs(rounded) < np.finfo(dtype).tiny) & (given == 0)
    return np.where((given == rounded) | vanished, 0, error).max()


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_is_exact_to_two_ulps(dtype):
    z = points(dtype)
    with np.errstate(over="ignore", under="ignore"):
        exact = 1 / (1 + np.exp(-z.astype(EXACT[dtype])))
    assert error_in_ulps(network.sigmoid(z), exact, dtype) <= 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_is_exact_to_an_ulp(variant, dtype):
    x = points(dtype)
    y = np.empty_like(x)
    variant.exp(x, y)
    with np.errstate(over="ignore", under="ignore"):
        exact = np.exp(x.astype(EXACT[dtype]))
    assert error_in_ulps(y, exact, dtype) <= 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "function"), [("tanh", np.tanh), ("softplus", lambda z: np.logaddexp(0, z))])
def test_tanh_and_softplus_are_exact_to_two_ulps(variant, name, function, dtype):
    z = points(dtype)
    a = np.empty_like(z)
    variant.activations(variant.ACTIVATIONS[name], z, a)
    with np.errstate(under="ignore"):
        exact = function(z.astype(EXACT[dtype]))
    assert error_in_ulps(a, exact, dtype) <= 2


@needs_long_double
def test_log_is_exact_to_an_ulp(variant):
    x = points(np.float64)
    x = np.concatenate([np.abs(x), np.exp(x[np.abs(x) < 700]), 1 + x[np.abs(x) < 0.1], [5e-324, 1e-310]])
    y = np.empty_like(x)
    variant.log(x, y)
    assert error_in_ulps(y, np.log(x.astype(np.longdouble)), np.float64) <= 1
    ends = np.empty(5)
    variant.log(np.array([0, 1, np.inf, np.nan, 2.0]), ends)
    np.testing.assert_array_equal(ends, [-np.inf, 0, np.inf, np.nan, np.log(2)])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_softplus_at_the_ends(variant, dtype):
    z = np.array([-np.inf, -1000, 0, 1000, np.inf, np.nan], dtype)
    a = np.empty_like(z)
    variant.activations(variant.ACTIVATIONS["softplus"], z, a)
    np.testing.assert_array_equal(a, np.array([0, 0, np.log(2), 1000, np.inf, np.nan], dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sigmoid_never_decreases(dtype):
    a = network.sigmoid(points(dtype))
    assert (np.diff(a) >= 0).all()
    assert a[0] == 0
    assert a[-1] == 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sigmoid_never_decreases_between_neighbours(dtype):
    """Consecutive numbers around points where exp changes its power of two."""
    integer = {np.float64: np.int64, np.float32: np.int32}[dtype]
    for n in range(-160, 160):
        z = np.full(400, (n + 0.5) * np.log(2), dtype)
        z = (z.view(integer) + np.arange(-200, 200, dtype=integer) * int(np.sign(z[0]))).view(dtype)
        assert (np.diff(z) > 0).all()
        assert (np.diff(network.sigmoid(z)) >= 0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sigmoid_at_the_ends(dtype):
    tiny, largest = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    z = np.array([-np.inf, -largest, -1000, -tiny, 0, tiny, 1000, largest, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(network.sigmoid(z), np.array([0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1, np.nan], dtype))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_sigmoid_of_a_number_is_that_of_an_array(z):
    a = network.sigmoid(z)
    assert np.ndim(a) == 0
    assert 0 <= a <= 1
    assert a == network.sigmoid(np.full((3, 5), z))[2, 4]
    assert network.sigmoid_prime(z) == a * (1 - a)


def test_the_dtype_of_sigmoid():
    assert network.sigmoid(np.zeros((2, 3), np.float32)).dtype == np.float32
    assert network.sigmoid([[0, 1]]).dtype == np.float64
    with pytest.raises(TypeError, match="z must hold real numbers, not complex128"):
        network.sigmoid(1j)
