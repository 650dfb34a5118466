"""Shuffles and normal deviates."""

import copy
import os
import pickle
import random
import signal
import subprocess
import sys
from math import e, erf, exp, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nndl_ext._engine import generators

pytestmark = pytest.mark.usefixtures("variant")


@given(n=st.integers(0, 5000), seed=st.integers(0, 2**64), spent=st.integers(0, 1300))
def test_shuffle_is_random_shuffle(n, seed, spent):
    theirs = random.Random(seed)
    theirs.gauss(0, 1)
    for _ in range(spent):
        theirs.random()
    ours, twister = random.Random(), generators.Twister(theirs.getstate())
    ours.setstate(theirs.getstate())
    expected = list(range(n))
    theirs.shuffle(expected)
    for generator in (ours, twister):
        order = np.arange(n)
        generators.shuffle(order, generator)
        assert order.tolist() == expected
        assert generator.getstate()[1] == theirs.getstate()[1]
    assert ours.getstate() == theirs.getstate()


@given(seed=st.integers(0, 2**100), spent=st.integers(0, 700))
def test_a_twister_is_a_random_generator(seed, spent):
    ours, theirs = generators.seeded(seed), random.Random(seed)
    for _ in range(spent):
        assert generators.draw_seed(ours) == theirs.getrandbits(64)
    for again in (copy.copy(ours), pickle.loads(pickle.dumps(ours))):
        assert again.getstate() == theirs.getstate()
        assert generators.draw_seed(again) == generators.draw_seed(copy.deepcopy(ours))
    assert ours.getstate() == theirs.getstate()


@given(n=st.one_of(st.integers(0, 300), st.integers(2400, 9000)), seed=st.integers(0, 2**32 - 1))
def test_shuffle_as_numpy(n, seed):
    ours, theirs = np.random.RandomState(seed), np.random.RandomState(seed)
    twister = generators.Twister.of_numpy(ours)
    order, other, expected = np.arange(n), np.arange(n), np.arange(n)
    theirs.shuffle(expected)
    generators.shuffle_as_numpy(order, ours)
    generators.shuffle_as_numpy(other, twister)
    assert order.tolist() == other.tolist() == expected.tolist()
    assert ours.randint(0, 2**32) == twister.draw(1)[0] == theirs.randint(0, 2**32)


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
    # Kolmogorov's test at the 0.1 % level, with the normal distribution from math.erf.
    thresholds = np.linspace(-4, 4, 801)
    empirical = np.searchsorted(deviates, thresholds) / deviates.size
    expected = np.array([(1 + erf(t / sqrt(2))) / 2 for t in thresholds])
    assert np.abs(empirical - expected).max() < 1.95 / sqrt(deviates.size)


def test_normal_deviates_one_at_a_time():
    """The method written out with the generator's own ``random()``."""
    ours, theirs = random.Random(2026), random.Random(2026)
    expected = []
    while len(expected) < 1000:
        u = 1 - theirs.random()
        v = (2 * theirs.random() - 1) * sqrt(2 / e)
        if u * u <= exp(-0.5 * (v / u) * (v / u)):
            expected.append(v / u)
    np.testing.assert_array_equal(generators.normal((10, 100), ours).ravel(), expected)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_a_signal_handler_may_save_a_network_that_is_being_trained(tmp_path):
    """The handler runs in the middle of a shuffle, which holds the generator's lock."""
    code = (
        "import signal, sys, numpy as np\n"
        "from nndl_ext import Dataset, Network\n"
        "net, data, saved = Network([1, 1], seed=0), Dataset(np.zeros((20_000, 1)), np.zeros(20_000, int)), []\n"
        "def save(*_):\n"
        "    net.save(sys.argv[1])\n"
        "    saved.append(0)\n"
        "save()\n"
        "signal.signal(signal.SIGALRM, save)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.003)\n"
        "net.SGD(data, 200, 20_000, 0.1)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "assert len(saved) > 5\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "net.npz"], check=True, timeout=60, stdout=subprocess.DEVNULL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_may_shuffle():
    twister = generators.seeded(0)
    with twister._lock:
        child = os.fork()
        if not child:
            twister.shuffle(np.arange(9))
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
