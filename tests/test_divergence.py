"""Weights that become infinite or NaN end the training, and the network is reset."""

import random

import numpy as np
import pytest
from helpers import arrays_of

from nndl_ext import Dataset, DivergenceError, Network, network

pytestmark = pytest.mark.usefixtures("variant")

# Inputs so small that the first steps saturate no neuron, then one so large that its step overflows.
SMALL, LARGE = np.full((4, 3), 1e-3), np.full((4, 3), 1e3)
Y = np.eye(4, 2)


def unchanged(net, before):
    return all(np.array_equal(ours, theirs) for ours, theirs in zip(arrays_of(net), before, strict=True))


def bursting(dtype):
    """Data and a learning rate with which a step overflows the dtype."""
    return Dataset(LARGE, Y), float(np.finfo(dtype).max)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_overflow_ends_training_as_it_was_before_the_epoch(dtype, threads, capsys):
    data, eta = bursting(dtype)
    net = Network([3, 2], dtype=dtype, seed=0, threads=threads)
    net.weights = [w / 1e6 for w in net.weights]
    before = [a.astype(dtype) for a in arrays_of(net)]
    with pytest.raises(DivergenceError, match=r"in epoch 0 the weights became infinite or NaN, with eta=.*as it was before"):
        net.SGD(data, 3, 2, eta)
    assert unchanged(net, before)
    assert capsys.readouterr().out == ""
    net.SGD(data, 1, 2, 0.1)
    assert not unchanged(net, before)


@pytest.mark.parametrize("eta", [1e41, -1e300])
def test_a_learning_rate_beyond_float32(eta):
    net = Network([3, 4, 2], dtype=np.float32, seed=0)
    before = [a.copy() for a in arrays_of(net)]
    for call in (lambda: net.SGD(Dataset(SMALL, Y), 1, 2, eta), lambda: net.update_mini_batch(Dataset(SMALL, Y), eta)):
        with pytest.raises(DivergenceError):
            call()
        assert unchanged(net, before)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("overridden", ["cost_derivative", "backprop", "update_mini_batch"])
def test_the_epoch_is_named_and_those_before_it_count(dtype, overridden, capsys):
    """Overridden methods that work for two epochs of four samples, and then return or set infinities."""
    net, plain = (Network([3, 4, 2], dtype=dtype, seed=0) for _ in range(2))
    data, calls = Dataset(SMALL, Y), []

    def cost_derivative(a, y):
        calls.append(1)
        return a - y if len(calls) <= 9 else np.full_like(a, np.inf)

    def backprop(x, y):
        calls.append(1)
        nabla_b, nabla_w = Network.backprop(net, x, y)
        return nabla_b, nabla_w if len(calls) <= 9 else [w * np.nan for w in nabla_w]

    def update_mini_batch(mini_batch, eta):
        calls.append(1)
        Network.update_mini_batch(net, mini_batch, eta)
        if len(calls) > 4:
            net.weights[0][0, 0] = np.inf

    setattr(net, overridden, locals()[overridden])
    with pytest.raises(DivergenceError, match="in epoch 2"):
        net.SGD(data, 5, 2, 0.5)
    assert capsys.readouterr().out == "Epoch 0 complete\nEpoch 1 complete\n"
    plain.SGD(data, 2, 2, 0.5)
    for ours, theirs in zip(arrays_of(net), arrays_of(plain), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_it_is_a_floating_point_error_in_the_module_too():
    assert issubclass(network.DivergenceError, FloatingPointError)


def test_divergence_leaves_the_generator_after_a_whole_shuffle():
    data, eta = bursting(np.float64)
    random.seed(0)
    net = Network([3, 2])
    net.weights = [w / 1e6 for w in net.weights]
    with pytest.raises(DivergenceError):
        net.SGD(data, 3, 2, eta)
    state = random.getstate()
    random.seed(0)
    random.shuffle([*range(4)])
    assert random.getstate() == state
