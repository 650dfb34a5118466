"""Programs that change methods as readers do: in a subclass, in one network, or in the class."""

import tracemalloc
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from helpers import dense_data, digest, parameters

from nndl_ext import Network, network, perceptron, reference

pytestmark = pytest.mark.usefixtures("variant")


def cross_entropy(_self, output_activations, y):
    return (output_activations - y) / (output_activations * (1 - output_activations))


def trained_by(module, sizes=(20, 9, 4), size=7, **options):
    net = module(list(sizes), seed=2, **options)
    net.SGD(dense_data(), 1, size, 0.5)
    return net


def test_cost_derivative_replaced_on_the_class(monkeypatch):
    plain = digest(trained_by(Network))
    monkeypatch.setattr(Network, "cost_derivative", cross_entropy)
    monkeypatch.setattr(reference.Network, "cost_derivative", cross_entropy)
    np.testing.assert_allclose(parameters(trained_by(Network)), parameters(trained_by(reference.Network)), rtol=1e-9)
    assert digest(trained_by(Network)) != plain
    monkeypatch.undo()
    assert digest(trained_by(Network)) == plain


def test_backprop_replaced_on_the_class():
    calls, original = [], Network.backprop

    def backprop(self, x, y):
        calls.append(x.shape)
        return original(self, x, y)

    plain = trained_by(Network)
    with mock.patch.object(Network, "backprop", backprop):
        patched = trained_by(Network)
    assert calls == [(20, 1)] * 300
    np.testing.assert_allclose(parameters(patched), parameters(plain), rtol=1e-10)
    with mock.patch.object(Network, "backprop", autospec=True, side_effect=original) as spy:
        trained_by(Network)
    assert spy.call_count == 300


def test_update_mini_batch_replaced_on_the_class(monkeypatch):
    sizes, original = [], Network.update_mini_batch
    monkeypatch.setattr(
        Network, "update_mini_batch", lambda self, batch, eta: sizes.append(len(batch)) or original(self, batch, eta)
    )
    patched = trained_by(Network, size=100)
    assert sizes == [100] * 3
    monkeypatch.undo()
    assert digest(patched) == digest(trained_by(Network, size=100))


def test_feedforward_and_evaluate_replaced_on_the_class(monkeypatch, capsys):
    net = Network([20, 9, 4], seed=2)
    data = [(x, 3) for x, _ in dense_data(n=10)]
    monkeypatch.setattr(Network, "feedforward", lambda _self, _x: np.array([[0.0], [0.0], [0.0], [1.0]]))
    assert net.evaluate(data) == 10
    monkeypatch.setattr(Network, "evaluate", lambda _self, test_data: -len(list(test_data)))
    net.SGD(data, 1, 5, 0.5, test_data=data)
    assert capsys.readouterr().out == "Epoch 0: -10 / 10\n"


def test_what_is_put_back_is_as_before(monkeypatch):
    data = dense_data(n=10)
    before = Network([20, 9, 4], seed=2).cost_gradient(data)[1][0].tobytes()
    for name in ("cost_derivative", "backprop", "update_mini_batch", "feedforward", "evaluate"):
        with mock.patch.object(Network, name):
            pass
        assert not Network([20, 9, 4], seed=2)._overrides(name)
    assert Network([20, 9, 4], seed=2).cost_gradient(data)[1][0].tobytes() == before
    monkeypatch.setattr(Network, "cost_derivative", Network.cost_derivative)
    assert not Network([20, 9, 4], seed=2)._overrides("cost_derivative")


@pytest.mark.parametrize("name", ["sigmoid", "sigmoid_prime"])
def test_another_sigmoid_is_refused_where_the_kernels_would_ignore_it(monkeypatch, name):
    net, x = Network([20, 9, 4], seed=2), np.ones((20, 1))
    data = [(x, 1)]
    before = digest(net)
    monkeypatch.setattr(network, name, np.tanh)
    calls = [lambda: net.SGD(data, 1, 1, 1.0), lambda: net.update_mini_batch(data, 1.0), lambda: net.backprop(x, 1)]
    calls += [lambda: net.cost_gradient(data)]
    if name == "sigmoid":
        calls += [
            lambda: net.layer_outputs(x),
            lambda: net.feedforward(x),
            lambda: net.feedforward(np.ones((20, 3))),
            lambda: net.evaluate(data),
        ]
        calls += [lambda: net.cost(data)]
    for call in calls:
        with pytest.raises(TypeError, match=f"network.{name}.* has been replaced, but the compiled kernels compute the book's"):
            call()
    assert digest(net) == before
    assert perceptron.Network([20, 4], seed=1).evaluate(data) in (0, 1)  # it has no sigmoid


def test_overridden_methods_may_use_another_sigmoid(monkeypatch):
    class Tanh(Network):
        def feedforward(self, a):
            for b, w in zip(self.biases, self.weights, strict=True):
                a = network.sigmoid(w @ a + b)
            return a

        def backprop(self, x, y):  # noqa: ARG002
            return [np.ones_like(b) for b in self.biases], [np.ones_like(w) for w in self.weights]

    monkeypatch.setattr(network, "sigmoid", np.tanh)
    net = Tanh([20, 9, 4], seed=2)
    net.SGD(dense_data(n=10), 1, 5, 0.5)
    oracle = np.tanh(net.weights[0] @ np.ones((20, 1)) + net.biases[0])
    np.testing.assert_allclose(net.feedforward(np.ones((20, 1))), np.tanh(net.weights[1] @ oracle + net.biases[1]))


class SmallWeights(Network):
    """The book's exercise as readers write it, without calling ``super().__init__``."""

    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) / np.sqrt(x) for x, y in pairwise(sizes)]


class SmallWeightsOfTheReference(reference.Network):
    def __init__(self, sizes):
        super().__init__(sizes)
        self.weights = [w / np.sqrt(w.shape[1]) for w in self.weights]


def test_an_overridden_init():
    nets = []
    for module in (SmallWeights, SmallWeightsOfTheReference):
        np.random.seed(4)
        nets.append(module([20, 9, 4]))
    ours, theirs = nets
    data = dense_data(n=10)
    assert (ours.sizes, ours.num_layers, ours.dtype, ours.threads) == ([20, 9, 4], 3, np.float64, None)
    np.testing.assert_array_equal(parameters(ours), parameters(theirs))
    for _ in range(3):
        for net in nets:
            net.update_mini_batch(list(data), 0.5)
    np.testing.assert_allclose(parameters(ours), parameters(theirs), rtol=1e-12)
    ours.SGD(data, 2, 3, 0.5, test_data=data)
    assert ours.evaluate(data) in range(11)


def test_an_init_without_sizes_is_told_what_it_lacks():
    class Lacking(Network):
        def __init__(self):
            self.weights = []

    with pytest.raises(AttributeError, match=r"its __init__ must first set self.sizes or call super\(\).__init__\(sizes\)"):
        Lacking()
    with pytest.raises(AttributeError, match=r"must first set self\.sizes"):
        type("Empty", (Network,), {"__init__": lambda _: None})().feedforward([1.0])
    with pytest.raises(AttributeError, match="'Network' object has no attribute 'wieghts'"):
        _ = Network([2, 2]).wieghts


def test_sizes_are_set_once():
    net = SmallWeights([20, 9, 4])
    net.sizes, net.num_layers = (20, 9, 4), 3
    with pytest.raises(AttributeError, match=r"sizes can't be changed from \[20, 9, 4\] to \[20, 4\]"):
        net.sizes = [20, 4]
    with pytest.raises(AttributeError, match="num_layers can't be changed from 3 to 2"):
        net.num_layers = 2
    with pytest.raises(ValueError, match="at least two layers"):
        SmallWeights([3])
    net.weights = [np.zeros((9, 20))]
    with pytest.raises(ValueError, match="weights must have one array for each of 2 layers, not 1"):
        net.evaluate([(np.zeros(20), 1)])


class Reusing(Network):
    """A backprop that returns the same arrays for each sample, as hand-written code does to save memory."""

    def backprop(self, x, y):
        nabla_b, nabla_w = Network.backprop(self, x, y)
        if not hasattr(self, "buffers"):
            self.buffers = [np.zeros_like(b) for b in nabla_b], [np.zeros_like(w) for w in nabla_w]
        for buffer, nabla in zip(sum(self.buffers, []), nabla_b + nabla_w, strict=True):  # noqa: RUF017
            buffer[:] = nabla
        return self.buffers


class Decaying:
    """A backprop that changes the weights in place. The step must not undo this."""

    def backprop(self, x, y):
        for w in self.weights:
            w *= 0.999
        return super().backprop(x, y)


class OursDecaying(Decaying, Network):
    pass


class ReferenceDecaying(Decaying, reference.Network):
    pass


def test_a_backprop_that_reuses_its_arrays():
    np.testing.assert_allclose(parameters(trained_by(Reusing)), parameters(trained_by(Network)), rtol=1e-10)


def test_a_backprop_that_edits_the_weights_does_what_it_does_in_the_book_s_loop():
    np.testing.assert_allclose(parameters(trained_by(OursDecaying)), parameters(trained_by(ReferenceDecaying)), rtol=1e-9)


def test_a_mini_batch_takes_the_memory_of_a_few_gradients_not_of_one_for_each_sample():
    net = Reusing([100, 1000, 2], seed=0)
    data = dense_data(n=200, inputs=100, outputs=2)
    tracemalloc.start()
    net.update_mini_batch(data, 0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * net.weights[0].nbytes


NONSENSE = [
    ("backprop", None, TypeError, "what backprop returns must be a pair of lists of arrays, not None"),
    ("backprop", 3, TypeError, "what backprop returns must be a pair of lists of arrays, not 3"),
    ("backprop", ([], []), ValueError, r"what backprop returns must be two lists of 2 arrays, not lists of lengths \[0, 0\]"),
    (
        "backprop",
        ([np.zeros((9, 1))] * 2, [np.zeros((9, 20))] * 2),
        ValueError,
        r"what backprop returns must have shape \(4, 1\)",
    ),
    ("backprop", ([None] * 2, [None] * 2), TypeError, "what backprop returns must hold real numbers, not object"),
    ("cost_derivative", None, TypeError, "what cost_derivative returns must hold real numbers, not object"),
    ("cost_derivative", np.zeros(3), ValueError, r"what cost_derivative returns must have shape \(4, 1\), not \(3,\)"),
    ("feedforward", None, TypeError, "what feedforward returns must hold real numbers, not object"),
    ("feedforward", np.zeros((3, 1)), ValueError, r"what feedforward returns must have shape \(4, 1\), not \(3, 1\)"),
    ("feedforward", np.full((4, 1), np.nan), ValueError, "what feedforward returns must hold finite numbers, not nan"),
    ("feedforward", "x", TypeError, "what feedforward returns must hold real numbers"),
]


@pytest.mark.parametrize(("method", "returned", "error", "message"), NONSENSE)
def test_a_method_that_returns_nonsense_is_named(method, returned, error, message):
    net = Network([20, 9, 4], seed=2)
    before = digest(net)
    setattr(net, method, lambda *_: returned)
    with pytest.raises(error, match=message):
        net.evaluate(dense_data(n=5)) if method == "feedforward" else net.SGD(dense_data(n=5), 1, 5, 1.0)
    assert digest(net) == before


def test_a_mock_in_the_place_of_a_method_is_called_and_named():
    net = Network([20, 9, 4], seed=2)
    with (
        mock.patch.object(Network, "backprop") as backprop,
        pytest.raises((TypeError, ValueError), match="what backprop returns"),
    ):
        net.SGD(dense_data(n=5), 1, 5, 1.0)
    backprop.assert_called_once()


def test_an_overridden_evaluate_gets_the_list_unchanged(capsys):
    """The book's exercise with four outputs instead of ten, whose labels do not fit unit vectors."""
    seen = []

    class Bits(Network):
        def evaluate(self, test_data):
            seen.append(test_data)
            return sum(int(sum(b << k for k, b in enumerate(self.feedforward(x).ravel() > 0.5)) == y) for x, y in test_data)

    test_data = [(x, k) for k, (x, _) in enumerate(dense_data(n=10))]
    Bits([20, 9, 4], seed=2).SGD(dense_data(n=10), 2, 5, 0.5, test_data=test_data)
    assert all(each is test_data for each in seen)
    Bits([20, 9, 4], seed=2).SGD(dense_data(n=10), 1, 5, 0.5, test_data=iter(test_data))
    assert seen[-1] == test_data
    assert [line.split(" / ")[1] for line in capsys.readouterr().out.splitlines()] == ["10"] * 3


class Masking:
    """Edits its input in place, as denoising networks do. In the book this changes the user's own arrays."""

    def backprop(self, x, y):
        x[::5] = 0.0
        return super().backprop(x, y)


class OursMasking(Masking, Network):
    pass


class ReferenceMasking(Masking, reference.Network):
    pass


def test_overrides_get_the_reader_s_own_arrays():
    lists = [[(x.copy(), y.copy()) for x, y in dense_data(n=30)] for _ in range(2)]
    nets = [module([20, 9, 4], seed=2) for module in (OursMasking, ReferenceMasking)]
    for net, pairs in zip(nets, lists, strict=True):
        net.SGD(list(pairs), 2, 7, 0.5)
    np.testing.assert_allclose(*map(parameters, nets), rtol=1e-10)
    for (x, _), (other, _) in zip(*lists, strict=True):
        np.testing.assert_array_equal(x, other)
        assert not x[::5].any()
