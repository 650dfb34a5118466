"""One training gives the same bits on every kernel variant, for every form of the data and every number of threads.

``pytest tests/test_same_bits.py --hypothesis-profile=thousand`` tries 1,000 trainings in each way.
"""

import contextlib
import io

import numpy as np
import pytest
from conftest import using
from hypothesis import given, settings
from hypothesis import strategies as st
from trainings import TRAININGS, Training, numbers

from nndl_ext import Dataset, _kernels, network2
from nndl_ext._engine import division
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Batches, Model
from nndl_ext._engine.optimizers import AdamDescent, Descent

csr_array = pytest.importorskip("scipy.sparse").csr_array


def outcome(drawn, data, threads):
    """The bytes of all that a training computes, and of a gradient with weights so large that numbers overflow."""
    training = Training(drawn, threads)
    found = training.run(data)
    if found is not None:
        for array in training.model.parameters.weights:
            array *= np.finfo(array.dtype).max / np.abs(array).max(initial=1) / 2
        nabla_b, nabla_w = training.model.gradient(data)
        found += [np.where(np.isnan(array), np.nan, array) for array in (*nabla_b, *nabla_w)]  # the bits of NaN may differ
    return found and [np.array(array).tobytes() for array in found]


@settings(deadline=None)
@given(TRAININGS, st.sampled_from([2, 3, 7]), st.sampled_from(["layers", "samples"]))
def test_no_form_variant_or_number_of_threads_changes_a_bit(drawn, many, kind):
    """However the threads divide the work."""
    positions, palette, y = numbers(drawn)
    results = {}
    for variant in _kernels.available:
        with using(variant), divided(kind):
            x = palette[positions]
            for data in (Dataset(x, y), Dataset(csr_array(x), y), Dataset(positions, y, palette=palette)):
                for number in (1, many):
                    results[variant, data, number] = outcome(drawn, data, number)
    expected = next(iter(results.values()))
    assert [key for key, found in results.items() if found != expected] == []


@contextlib.contextmanager
def divided(kind):
    """Threads that divide mini-batches by samples or by layers, except those in units."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "FEW_SAMPLES", 0 if kind == "samples" else 1_000_000)
        yield


@pytest.mark.parametrize("inputs", [2**16, 2**16 + 1])
@pytest.mark.usefixtures("variant")
def test_nor_do_indices_of_32_bits(inputs):
    rng = np.random.default_rng(0)
    x = np.zeros((12, inputs), np.float32)
    x[np.arange(12).repeat(50), rng.integers(0, inputs, 600)] = rng.standard_normal(600)
    trained = []
    for data in (Dataset(x, np.arange(12) % 3), Dataset(csr_array(x), np.arange(12) % 3)):
        net = network2.Network([inputs, 3], dtype=np.float32, seed=0)
        with contextlib.redirect_stdout(io.StringIO()):
            net.SGD(data, 2, 4, 0.5, lmbda=5.0)
        trained.append([array.tobytes() for array in (*net.biases, *net.weights)])
    assert trained[0] == trained[1]


class Failing(network2.QuadraticCost):
    calls = 0

    @classmethod
    def delta(cls, z, a, y):
        cls.calls += 1
        if cls.calls % 3 == 0:
            raise RuntimeError("enough")
        return 0 * network2.QuadraticCost.delta(z, a, y)


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("optimizer", [Descent(0.1), AdamDescent(0.1)])
@pytest.mark.parametrize("cost", ["quadratic", Failing])
def test_no_zero_is_negative(optimizer, cost):
    """Neither after a training nor after an exception; a gradient leaves the parameters as they are."""
    for x in (np.zeros((9, 2)), np.array([[0.0, 1.0]] * 9), np.ones((9, 2))):
        model = Model(dense([2, 1], ["identity"]), np.float64, cost=cost)
        model.parameters.replace([np.array([[-0.0]])], [np.array([[-0.0, 0.0]])])
        data = Dataset(x, np.zeros((9, 1)))
        Failing.calls = 0
        nabla_b, nabla_w = model.gradient(data)
        assert np.signbit(model.parameters.biases[0]).all()
        with contextlib.suppress(RuntimeError):
            model.descend(data, Batches(np.arange(9), 3), optimizer)
        (biases,), (weights,) = model.parameters.given()
        outputs = model.outputs(data), model.outputs_of_rows(x)
        for array in (nabla_b[0], nabla_w[0], biases, weights, optimizer.moments, *outputs):
            assert not np.signbit(array).any()
