"""Shuffles and normal deviates."""

import random
from math import e, erf, exp, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nndl_ext._core import generators

pytestmark = pytest.mark.usefixtures("variant")


@given(n=st.integers(0, 5000), seed=st.integers(0, 2**64), spent=st.integers(0, 1300))
def test_shuffle_is_random_shuffle(n, seed, spent):
    ours, theirs = random.Random(seed), random.Random(seed)
    for generator in (ours, theirs):
        generator.gauss(0, 1)
        for _ in range(spent):
            generator.random()
    order, expected = np.arange(n), list(range(n))
    generators.shuffle(order, ours)
    theirs.shuffle(expected)
    assert order.tolist() == expected
    assert ours.getstate() == theirs.getstate()


def test_shuffle_takes_the_module_s_own_generator():
    random.seed(1)
    order, expected = np.arange(60_000), list(range(60_000))
    generators.shuffle(order, random)
    random.seed(1)
    random.shuffle(expected)
    assert order.tolist() == expected


def test_normal_deviates_are_normal():
    deviates = np.sort(generators.normal((400, 500), random.Random(0)).ravel())
    assert deviates.mean() == pytest.approx(0, abs=0.01)
    assert deviates.std() == pytest.approx(1, abs=0.01)
    # Kolmogorov's test at the 0.1 % level against what math.erf gives for the normal distribution.
    thresholds = np.linspace(-4, 4, 801)
    empirical = np.searchsorted(deviates, thresholds) / deviates.size
    expected = np.array([(1 + erf(t / sqrt(2))) / 2 for t in thresholds])
    assert np.abs(empirical - expected).max() < 1.95 / sqrt(deviates.size)


def test_normal_deviates_one_at_a_time():
    """The method spelled out with the generator's own ``random()``."""
    ours, theirs = random.Random(2026), random.Random(2026)
    expected = []
    while len(expected) < 1000:
        u = 1 - theirs.random()
        v = (2 * theirs.random() - 1) * sqrt(2 / e)
        if u * u <= exp(-0.5 * (v / u) * (v / u)):
            expected.append(v / u)
    np.testing.assert_array_equal(generators.normal((10, 100), ours).ravel(), expected)
