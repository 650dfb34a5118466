"""Gradients of random networks on random data, compared with the reference and with central differences."""

import numpy as np
import pytest
from helpers import flat
from hypothesis import given, settings
from hypothesis import strategies as st

from nndl_ext import Dataset, Network, network2, reference

pytestmark = pytest.mark.usefixtures("variant")

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}

networks = st.lists(st.integers(1, 40), min_size=2, max_size=5)
densities = st.sampled_from([0.0, 0.2, 0.6, 1.0])


def random_data(sizes, n, density, seed):
    """Inputs that both dtypes hold exactly, and desired outputs of 0 and 1, so far from outputs that no digits cancel."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, sizes[0])) * (rng.random((n, sizes[0])) < density)
    return Dataset(x.astype(np.float32), rng.integers(0, 2, (n, sizes[-1])))


def twins(sizes, seed, dtype=np.float64):
    """A network and a float64 reference with the same weights, which saturate no neuron."""
    net, oracle = Network(sizes, seed=seed, dtype=dtype), reference.Network(sizes, seed=seed)
    net.weights = [w / np.sqrt(w.shape[1]) for w in net.weights]
    oracle.weights = [w.astype(np.float64) for w in net.weights]
    oracle.biases = [b.astype(np.float64) for b in net.biases]
    return net, oracle


def relative_error(given, samples):
    """|given - mean of samples| / mean of |samples|, in the Euclidean norm of all parameters together."""
    samples = [flat(gradient) for gradient in samples]
    return np.linalg.norm(flat(given) - np.mean(samples, axis=0)) / np.mean([np.linalg.norm(sample) for sample in samples])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(sizes=networks, density=densities, seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_backprop_of_one_sample(dtype, sizes, density, seed):
    net, oracle = twins(sizes, seed, dtype)
    ((x, y),) = random_data(sizes, 1, density, seed)
    gradient = net.backprop(x, y)
    assert [a.shape for arrays in gradient for a in arrays] == [a.shape for a in net.biases + net.weights]
    assert relative_error(gradient, [oracle.backprop(np.float64(x), y)]) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(
    sizes=networks,
    activation=st.sampled_from(["sigmoid", "tanh", "relu", "softplus", "identity"]),
    density=densities,
    scale=st.sampled_from([1.0, 1e-300, 1e30]),
    seed=st.integers(0, 2**32),
)
def test_every_form_of_one_sample_gives_the_same_bits(dtype, sizes, activation, density, scale, seed):
    """A column of floating-point numbers takes a shorter way through the kernels than a data set."""
    net = network2.Network(sizes, cost=network2.QuadraticCost, activation=activation, dtype=dtype, seed=seed)
    ((x, y),) = random_data(sizes, 1, density, seed)
    x, y = (np.float64(x) * scale).astype(dtype), np.float64(y)
    expected = flat(net.cost_gradient(Dataset(x.T, y.T))).tobytes()
    for form in (x, x[:, 0], np.float64(x), x.astype(x.dtype.newbyteorder()), np.repeat(x, 2, axis=1)[:, :1], x.tolist()):
        for desired in (y, y[:, 0], np.float32(y), y.tolist()):
            assert flat(net.backprop(form, desired)).tobytes() == expected


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_named(dtype, number):
    net, x, y = Network([40, 3, 2], dtype=dtype, seed=0), np.zeros((40, 1), dtype), np.zeros((2, 1), dtype)
    for column, name in ((x, "x"), (y, "y")):
        column[1] = number
        with pytest.raises(ValueError, match=f"{name} must hold finite numbers"):
            net.backprop(x, y)
        column[1] = 0
    net.weights[0][2, 39] = number
    with pytest.raises(ValueError, match=r"weights\[0\] must hold finite numbers"):
        net.backprop(x, y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(sizes=networks, n=st.integers(1, 300), density=densities, seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=50)
def test_gradient_of_a_mini_batch(dtype, sizes, n, density, seed):
    net, oracle = twins(sizes, seed, dtype)
    data = random_data(sizes, n, density, seed)
    expected = Dataset(np.float64(data.x), data.y)
    assert relative_error(net.cost_gradient(data), [oracle.backprop(x, y) for x, y in expected]) <= TOLERANCE[dtype]
    assert net.cost(data) == pytest.approx(oracle.cost(expected), rel=TOLERANCE[dtype])


@given(sizes=networks, seed=st.integers(0, 2**32), draw=st.data())
@settings(deadline=None, max_examples=50)
def test_gradient_is_the_slope_of_the_cost(sizes, seed, draw):
    net, _ = twins(sizes, seed)
    data = random_data(sizes, 7, 1.0, seed)
    gradient = net.cost_gradient(data)
    layer = draw.draw(st.integers(0, len(sizes) - 2))
    for arrays, nablas in ((net.biases, gradient[0]), (net.weights, gradient[1])):
        at = tuple(draw.draw(st.integers(0, size - 1)) for size in arrays[layer].shape)
        h = 1e-4
        before = arrays[layer][at]
        arrays[layer][at] = before + h
        above = net.cost(data)
        arrays[layer][at] = before - h
        below = net.cost(data)
        arrays[layer][at] = before
        assert (above - below) / (2 * h) == pytest.approx(nablas[layer][at], rel=1e-5, abs=1e-9)


@given(sizes=networks, n=st.integers(1, 300), density=densities, seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=50)
def test_feedforward_of_columns(sizes, n, density, seed):
    net, oracle = twins(sizes, seed)
    x = np.float64(random_data(sizes, n, density, seed).x)
    outputs = net.feedforward(x.T)
    assert outputs.shape == (sizes[-1], n)
    np.testing.assert_allclose(outputs, oracle.feedforward(x.T), rtol=1e-12)
    for i in {0, n // 2, n - 1}:
        np.testing.assert_array_equal(net.feedforward(x[i][:, np.newaxis]), outputs[:, i : i + 1])


def test_a_small_step_lowers_the_cost_as_the_gradient_foretells(mnist):
    training_data, _, _ = mnist
    net = Network([784, 30, 10], seed=1)
    data, eta = training_data[:500], 1e-4
    before, gradient = net.cost(data), net.cost_gradient(data)
    net.update_mini_batch(data, eta)
    squared_norm = sum(np.sum(nabla**2) for nablas in gradient for nabla in nablas)
    assert net.cost(data) - before == pytest.approx(-eta * squared_norm, rel=1e-2)


def test_saturated_neurons_give_finite_gradients():
    net = Network([3, 4, 2], seed=0)
    net.weights = [w * 1e4 for w in net.weights]
    gradient = net.backprop(np.ones((3, 1)), np.zeros((2, 1)))
    assert all(np.isfinite(nabla).all() for nablas in gradient for nabla in nablas)
