"""Training: the book's steps in the book's order, the same bits in every way of training, and the accuracy on MNIST."""

import random

import numpy as np
import pytest
from helpers import dense_data, digest, parameters

from nndl_ext import Dataset, Network, _kernels, reference
from nndl_ext._engine.model import Batches
from nndl_ext._engine.optimizers import Descent

pytestmark = pytest.mark.usefixtures("variant")


@pytest.mark.parametrize(("dtype", "expected"), [(np.float64, "cf51e801614cdff9"), (np.float32, "6908a37e1ffd10a5")])
def test_digest_of_sparse_training(mnist, dtype, expected):
    net = Network([784, 30, 10], seed=42, dtype=dtype)
    net.SGD(mnist[0][:2000], 2, 10, 3.0)
    assert digest(net) == expected


@pytest.mark.parametrize(("dtype", "expected"), [(np.float64, "5ef339dc2f7c1383"), (np.float32, "4b5f1214ad3c2871")])
def test_digest_of_dense_training(dtype, expected):
    net = Network([20, 33, 17, 4], seed=42, dtype=dtype)
    net.SGD(dense_data(), 3, 7, 1.0)
    assert digest(net) == expected


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "form", [list, lambda data: zip(data.x, data.y, strict=True), iter, lambda data: Dataset(data.x.astype(np.float64), data.y)]
)
def test_the_form_of_the_data_does_not_matter(mnist, form, dtype):
    data = mnist[0][:500]
    by_dataset, by_form = (Network([784, 30, 10], seed=3, dtype=dtype) for _ in range(2))
    by_dataset.SGD(data, 2, 10, 3.0)
    by_form.SGD(form(data), 2, 10, 3.0)
    assert digest(by_form) == digest(by_dataset)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("dtype", "expected"), [(np.float64, "87dd902ae2c6c37f"), (np.float32, "ce979fee4dcee373")])
def test_digest_of_a_large_network(mnist, dtype, expected, threads):
    net = Network([784, 300, 250, 10], seed=42, dtype=dtype, threads=threads)
    net.SGD(mnist[0][:500], 1, 150, 1.0)
    assert digest(net) == expected


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_number_of_threads_does_not_matter(mnist, dtype, threads):
    for sizes, data in (([784, 30, 10], mnist[0][:300]), ([20, 33, 17, 4], dense_data())):
        for size in (1, 10, 300):
            alone, together = (Network(sizes, seed=5, dtype=dtype, threads=n) for n in (1, threads))
            for net in (alone, together):
                net.SGD(data, 2, size, 1.0)
            assert digest(together) == digest(alone)
            for nablas in zip(together.cost_gradient(data), alone.cost_gradient(data), strict=True):
                for a, b in zip(*nablas, strict=True):
                    np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(together.feedforward(data.x.T), alone.feedforward(data.x.T))
        assert together.evaluate(data) == alone.evaluate(data)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("neurons", [30, 120])
def test_sparse_and_dense_rows_give_the_same_bits(mnist, variant, monkeypatch, dtype, neurons):
    x, data = mnist[0].x[:100], mnist[0][:100]
    starts, indices, values = variant.compress(x)
    assert len(starts) == 101
    positions, palette = np.empty(len(values), np.uint8), np.empty(256)
    assert variant.enumerate_values(values, positions, palette) == len(np.unique(values))
    results = []
    for rows in (
        (starts, indices, values, palette[:0]),
        (starts, indices, positions, palette),
        (starts[:0], indices[:0], np.ascontiguousarray(x).ravel(), palette[:0]),
    ):
        net = Network([784, neurons, 10], seed=1, dtype=dtype)
        monkeypatch.setattr(Dataset, "rows", _kernels.kernels.Rows(784, *rows))
        net._model.descend(data, Batches(np.arange(100), 12), Descent(3.0))
        results.append(digest(net))
    assert len(set(results)) == 1


def test_many_different_values_and_many_inputs():
    """More values than a palette can hold, and more inputs than 16-bit indices of sparse rows can address."""
    for inputs, different in ((300, 1000), (70_000, 5)):
        x = np.zeros((4, inputs))
        x[:, ::7] = np.arange(x[:, ::7].size).reshape(4, -1) % different / different
        data = Dataset(x, [0, 1, 1, 0])
        net, oracle = Network([inputs, 3, 2], seed=0), reference.Network([inputs, 3, 2], seed=0)
        net.weights, oracle.weights = ([w / 100 for w in each.weights] for each in (net, oracle))
        net.update_mini_batch(data, 1.0)
        oracle.update_mini_batch([(column, np.eye(2)[:, [label]]) for column, label in data], 1.0)
        np.testing.assert_allclose(parameters(net), parameters(oracle), rtol=1e-11, atol=1e-14)


def test_the_first_200_mini_batches_of_the_book(mnist):
    training_data = mnist[0][:2000]
    trained = []
    for module in (Network, reference.Network):
        random.seed(0)
        np.random.seed(0)
        net = module([784, 30, 10])
        net.SGD(training_data, 1, 10, 3.0)
        trained.append((parameters(net), random.getstate(), np.random.get_state()[1:3]))
    (ours, random_state, numpy_state), (theirs, expected_random_state, expected_numpy_state) = trained
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11)
    assert random_state == expected_random_state
    np.testing.assert_array_equal(numpy_state[0], expected_numpy_state[0])
    assert numpy_state[1] == expected_numpy_state[1]


def test_the_first_weights_are_the_book_s():
    np.random.seed(5)
    net = Network([4, 3, 2])
    np.random.seed(5)
    for array in net.biases + net.weights:
        np.testing.assert_array_equal(array, np.random.randn(*array.shape))


def test_the_order_goes_on_from_epoch_to_epoch():
    data = dense_data(n=50)
    trained = []
    for module in (Network, reference.Network):
        random.seed(7)
        net = module([20, 5, 4], seed=None)
        oracle = reference.Network([20, 5, 4], seed=1)
        net.weights, net.biases = oracle.weights, oracle.biases
        net.SGD(data, 4, 8, 0.5)
        trained.append(parameters(net))
    np.testing.assert_allclose(*trained, rtol=1e-11)


@pytest.mark.parametrize("size", [1, 3, 100, 300, 1000])
def test_any_mini_batch_size(size):
    data = dense_data()
    trained = []
    for module in (Network, reference.Network):
        net = module([20, 9, 4], seed=2)
        net.SGD(data, 2, size, 0.5)
        trained.append(parameters(net))
    np.testing.assert_allclose(*trained, rtol=1e-10)


def test_update_mini_batch(mnist):
    mini_batch = list(mnist[0][:10])
    net, oracle = Network([784, 30, 10], seed=4), reference.Network([784, 30, 10], seed=4)
    for each in (net, oracle):
        each.update_mini_batch(mini_batch, 3.0)
    np.testing.assert_allclose(parameters(net), parameters(oracle), rtol=0, atol=1e-13)


def test_a_seeded_network_leaves_the_global_generators_alone():
    random_state, numpy_state = random.getstate(), np.random.get_state()[1]
    net = Network([20, 5, 4], seed=0)
    net.SGD(dense_data(), 1, 10, 1.0)
    assert random.getstate() == random_state
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)


def test_training_puts_new_arrays_and_keeps_the_old_ones():
    net = Network([20, 5, 4], seed=0)
    weights, values = net.weights, [w.copy() for w in net.weights]
    net.SGD(dense_data(), 1, 10, 1.0)
    for w, value, trained in zip(weights, values, net.weights, strict=True):
        np.testing.assert_array_equal(w, value)
        assert not np.array_equal(w, trained)


@pytest.mark.parametrize("edit", ["in place", "replaced"])
def test_edited_weights_are_the_ones_trained(edit):
    data = dense_data(n=10)
    net, oracle = Network([20, 5, 4], seed=0), reference.Network([20, 5, 4], seed=0)
    net.SGD(data, 1, 10, 1.0)
    net.weights[0][3, 5] = 0.25
    oracle.weights, oracle.biases = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
    if edit == "replaced":
        net.weights = [np.ascontiguousarray(w) for w in net.weights]
        net.weights[1] = net.weights[1] + 1
        oracle.weights[1] = oracle.weights[1] + 1
    for each in (net, oracle):
        each.update_mini_batch(list(data), 1.0)
    np.testing.assert_allclose(parameters(net), parameters(oracle), rtol=1e-12)


class CrossEntropy:
    """The cross-entropy of the book's chapter 3, whose derivative cancels that of the sigmoid."""

    def cost_derivative(self, output_activations, y):
        return (output_activations - y) / (output_activations * (1 - output_activations))


class OursWithCrossEntropy(CrossEntropy, Network):
    pass


class ReferenceWithCrossEntropy(CrossEntropy, reference.Network):
    pass


@pytest.mark.parametrize("size", [1, 7, 300])
def test_another_cost_derivative_is_honoured(size):
    trained = []
    for module in (OursWithCrossEntropy, ReferenceWithCrossEntropy):
        net = module([20, 9, 4], seed=2)
        net.SGD(dense_data(), 1, size, 0.5)
        trained.append(parameters(net))
    np.testing.assert_allclose(*trained, rtol=1e-9)


def test_a_cost_derivative_sees_the_weights_of_its_mini_batch():
    seen = []

    class Watching(Network):
        def cost_derivative(self, output_activations, y):
            seen.append(self.weights[0][0, 0])
            return super().cost_derivative(output_activations, y)

    Watching([20, 9, 4], seed=2).SGD(dense_data(n=6), 1, 2, 0.5)
    assert [seen.count(weight) for weight in dict.fromkeys(seen)] == [2, 2, 2]


def test_the_same_cost_derivative_gives_the_same_bits():
    class Spelled(Network):
        def cost_derivative(self, output_activations, y):
            return output_activations - y

    trained = [module([20, 9, 4], seed=2) for module in (Network, Spelled)]
    for net in trained:
        net.SGD(dense_data(), 2, 10, 0.5)
    assert digest(trained[0]) == digest(trained[1])


def test_an_error_in_cost_derivative_leaves_the_network_as_it_was():
    class Failing(Network):
        def cost_derivative(self, *_):
            raise ArithmeticError("no cost today")

    net = Failing([20, 9, 4], seed=2)
    before = digest(net)
    with pytest.raises(ArithmeticError, match="no cost today"):
        net.SGD(dense_data(), 1, 10, 0.5)
    assert digest(net) == before


def test_overridden_methods_are_called():
    calls = []

    class Watching(Network):
        def backprop(self, x, y):
            calls.append("backprop")
            return super().backprop(x, y)

        def update_mini_batch(self, mini_batch, eta):
            calls.append(len(mini_batch))
            super().update_mini_batch(mini_batch, eta)

    net, plain = Watching([20, 9, 4], seed=2), Network([20, 9, 4], seed=2)
    for each in (net, plain):
        each.SGD(dense_data(n=5), 1, 3, 0.5)
    assert calls == [3, *["backprop"] * 3, 2, *["backprop"] * 2]
    np.testing.assert_allclose(parameters(net), parameters(plain), rtol=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_three_epochs_of_all_of_mnist(mnist, seed, capsys):
    training_data, _, test_data = mnist
    net = Network([784, 30, 10], seed=seed)
    net.SGD(training_data, 3, 10, 3.0, test_data=test_data)
    assert net.evaluate(test_data) > 9200
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Epoch 0", "Epoch 1", "Epoch 2"]
    assert lines[-1] == f"Epoch 2: {net.evaluate(test_data)} / 10000"
