"""The engine's limited-memory BFGS against SciPy's L-BFGS-B."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nndl_ext._engine import lbfgs
from nndl_ext._engine.line_search import LineSearch, Point

optimize = pytest.importorskip("scipy.optimize")
pytestmark = pytest.mark.usefixtures("variant")


def rosenbrock(x):
    return float(optimize.rosen(x)), optimize.rosen_der(x)


def quartic(x):
    scale = np.arange(1, len(x) + 1)
    return math.log(1 + x**4 @ scale), 4 * x**3 * scale / (1 + x**4 @ scale)


def many_minima(x):
    return float(np.sum(np.cos(3 * x) + 0.05 * x**2)), -3 * np.sin(3 * x) + 0.1 * x


def steep(x):
    return 1e3 * float(np.sum(np.exp(x) - 3 * x)), 1e3 * (np.exp(x) - 3)


def search(function, x, most_iterations=200, most_calls=15_000, stop=None):
    steps = []

    def after_step(x, value):
        steps.append((x.copy(), value))
        return stop == len(steps)

    options = {"tolerance": 1e-5, "most_iterations": most_iterations, "most_calls": most_calls}
    return lbfgs.minimize(function, x, after_step=after_step, **options), steps


def scipys(function, x, most_iterations=200, most_calls=15_000):
    steps = []

    def callback(intermediate_result):
        steps.append((intermediate_result.x.copy(), intermediate_result.fun))

    options = {"gtol": 1e-5, "maxiter": most_iterations, "maxfun": most_calls}
    return optimize.minimize(function, x, jac=True, method="L-BFGS-B", callback=callback, options=options), steps


def same_steps(function, x, **limits):
    """Compare the first 20 steps, before differences in the last bits have grown."""
    (ours, our_steps), (theirs, their_steps) = search(function, x, **limits), scipys(function, x, **limits)
    for (a, of_a), (b, of_b) in zip(our_steps[:20], their_steps[:20], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(of_a, of_b, rtol=1e-8, atol=1e-8)
    return ours, theirs


@pytest.mark.parametrize("function", [rosenbrock, quartic, many_minima, steep])
@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_the_steps_are_scipys(function, size, seed):
    x = 3 * np.random.default_rng(seed).standard_normal(size + (function is rosenbrock))
    ours, theirs = same_steps(function, x)
    if ours.iterations <= 20:
        assert (ours.iterations, ours.end) == (theirs.nit, "converged" if theirs.success else "abnormal")


@pytest.mark.parametrize(
    ("limits", "end"), [({"most_iterations": 7}, "iterations"), ({"most_calls": 7}, "calls"), ({"most_calls": 0}, "calls")]
)
def test_the_limits_are_scipys(limits, end):
    ours, theirs = same_steps(rosenbrock, np.full(5, -1.2), **limits)
    assert (ours.iterations, ours.end) == (theirs.nit, end)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-8)


def test_a_minimum_is_left_at_once():
    ours, steps = search(steep, np.full(3, math.log(3)))
    assert (ours.iterations, ours.end, steps) == (0, "converged", [])


def test_the_caller_may_stop():
    ours, steps = search(rosenbrock, np.full(5, -1.2), stop=3)
    assert (ours.iterations, ours.end) == (3, "stopped")
    assert ours.x.tolist() == steps[-1][0].tolist()


@pytest.mark.parametrize("wrong", [1.0, math.nan])
def test_a_wrong_gradient_ends_where_the_value_was_least(wrong):
    """No step against it makes the value less."""
    x = np.full(4, 0.5)

    def function(x):
        return float(x @ x), -wrong * x

    ours, theirs = same_steps(function, x)
    assert (ours.iterations, ours.end, theirs.success) == (0, "abnormal", False)
    assert ours.x.tolist() == theirs.x.tolist() == x.tolist()


def test_a_function_that_is_nan_beyond_a_wall():
    def function(x):
        with np.errstate(invalid="ignore"):
            return float(np.sum(x - np.log(x))), 1 - 1 / x

    ours, theirs = same_steps(function, np.array([0.01, 3.0]))
    assert ours.end == "converged" if theirs.success else "abnormal"


@pytest.mark.parametrize(
    ("value", "slope"), [(1e301, 1e158), (math.inf, 1e158), (0.0, 1e-170)], ids=["steep", "infinite", "flat"]
)
def test_what_floats_cannot_measure_is_no_fall(value, slope):
    x = np.zeros(4)

    def function(x):
        return value - slope * float(x.sum()), np.full(4, -slope)

    seen = []
    ours = lbfgs.minimize(
        function, x, tolerance=0.0, most_iterations=5, most_calls=100, after_step=lambda *step: bool(seen.append(step))
    )
    theirs = optimize.minimize(function, x, jac=True, method="L-BFGS-B", options={"gtol": 0.0, "maxiter": 5})
    assert (ours.iterations, ours.end, seen, theirs.nit, theirs.success) == (0, "abnormal", [], 0, False)
    assert ours.x.tolist() == x.tolist()


@given(st.floats(-1e3, -1e-3), st.floats(1e-3, 1e3))
def test_a_line_search_keeps_what_it_demands(slope, curvature):
    """On a parabola, the end has fallen enough and is flat enough."""
    search, calls = LineSearch(Point(0.0, 0.0, slope), 1.0), 0
    while True:
        calls += 1
        value, now = slope * search.step + curvature * search.step**2 / 2, slope + curvature * search.step
        if search.accepts(value, now):
            break
    assert value <= 1e-3 * slope * search.step
    assert abs(now) <= 0.9 * abs(slope)
    assert calls <= 20


def test_products_are_summed_in_a_fixed_order():
    x, y = (np.random.default_rng(seed).standard_normal(1003) for seed in (0, 1))
    assert lbfgs.dot(x, y) == pytest.approx(float(x @ y), rel=1e-12)
    assert lbfgs.dot(x, y).hex() == "-0x1.270968756fcb3p+3"
