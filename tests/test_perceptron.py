"""Perceptrons: the examples and the two exercises of chapter 1's first half."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nndl_ext import network, perceptron

nand = perceptron.Perceptron([-2, -2], 3)
BITS = list(product((0, 1), repeat=2))


def test_nand():
    assert [nand(bits) for bits in BITS] == [1, 1, 1, 0]


def test_bitwise_sum_of_nand_gates():
    for a, b in BITS:
        both = nand([a, b])
        total = nand([nand([a, both]), nand([both, b])])
        carry = nand([both, both])
        assert (carry, total) == divmod(a + b, 2)


def adder():
    """The bitwise sum in layers: the carry is AND; the sum is OR and not AND."""
    net = perceptron.Network([2, 2, 2])
    net.weights = [np.array([[2.0, 2.0], [2.0, 2.0]]), np.array([[2.0, -2.0], [0.0, 2.0]])]
    net.biases = [np.array([[-1.0], [-3.0]]), np.array([[-1.0], [-1.0]])]
    return net


def test_bitwise_sum_of_a_network():
    outputs = adder().feedforward(np.array(BITS).T)
    assert outputs.T.tolist() == [[total, carry] for carry, total in (divmod(a + b, 2) for a, b in BITS)]


def test_the_activations_of_each_layer():
    hidden, outputs = adder().layer_outputs(np.array(BITS).T)
    assert hidden.T.tolist() == [[a or b, a and b] for a, b in BITS]
    np.testing.assert_array_equal(outputs, adder().feedforward(np.array(BITS).T))


def test_a_perceptron_fires_above_zero_only():
    assert perceptron.Perceptron([1.0, 1.0], -2.0)([1, 1]) == 0
    assert perceptron.Perceptron([1.0, 1.0], -1.9)([1, 1]) == 1


@given(seed=st.integers(0, 2**32), exponent=st.integers(-30, 30), n=st.integers(1, 20))
def test_scaling_all_weights_and_biases_changes_nothing(seed, exponent, n):
    x = np.random.default_rng(seed).standard_normal((4, n))
    net = perceptron.Network([4, 6, 3], seed=seed)
    before = net.feedforward(x)
    assert set(before.ravel()) <= {0.0, 1.0}
    c = 2.0**exponent  # exact, so that ties stay ties
    net.weights, net.biases = [c * w for w in net.weights], [c * b for b in net.biases]
    np.testing.assert_array_equal(net.feedforward(x), before)


def test_a_sigmoid_network_scaled_up_tends_to_the_perceptrons():
    x = np.random.default_rng(1).standard_normal((4, 50))
    steps, smooth = perceptron.Network([4, 6, 3], seed=0), network.Network([4, 6, 3], seed=0)
    limit, weights, biases = steps.feedforward(x), smooth.weights, smooth.biases
    distances = []
    for c in (1, 10, 100, 1000, 100_000):
        smooth.weights, smooth.biases = [c * w for w in weights], [c * b for b in biases]
        distances.append(np.abs(smooth.feedforward(x) - limit).mean())
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-6


def test_evaluate_and_cost():
    data = list(zip([np.array(bits) for bits in BITS], [[[a ^ b], [a & b]] for a, b in BITS], strict=True))
    assert adder().cost(data) == 0
    assert adder().evaluate(data[1:]) == 3


@pytest.mark.parametrize("call", ["SGD", "update_mini_batch", "backprop", "cost_gradient"])
def test_training_is_refused(call):
    with pytest.raises(TypeError, match="can't be trained by gradient descent: the derivative of a step is 0"):
        getattr(adder(), call)([], 1, 1, 1.0)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"x must have shape \(2,\), not \(3,\)"):
        nand([1, 1, 1])
    with pytest.raises(ValueError, match=r"weights must have shape \(inputs,\), not \(1, 2\)"):
        perceptron.Perceptron([[1, 2]], 0)
    with pytest.raises(ValueError, match=r"a must have shape \(2, m\), not \(3, 1\)"):
        adder().feedforward(np.zeros((3, 1)))
