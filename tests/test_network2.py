"""network2: the book's steps, costs, monitors and files, and the further options."""

import copy
import hashlib
import json
import pickle
import random
from itertools import product

import numpy as np
import pytest
from helpers import close, dense_data, digest, flat, parameters

from nndl_ext import Dataset, DivergenceError, load, network, network2, perceptron, reference
from nndl_ext.network2 import (
    LBFGS,
    Adam,
    CrossEntropyCost,
    HalveOnPlateau,
    LogLikelihoodCost,
    Momentum,
    Network,
    QuadraticCost,
    Shifts,
)

pytestmark = pytest.mark.usefixtures("variant")

COSTS = {QuadraticCost: reference.QuadraticCost, CrossEntropyCost: reference.CrossEntropyCost}
INITIALIZERS = ["default_weight_initializer", "large_weight_initializer"]


def labelled(n=60, inputs=20, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    return Dataset(rng.standard_normal((n, inputs)), rng.integers(0, classes, n))


MONITORS = {f"monitor_{kind}_{what}": True for kind, what in product(("evaluation", "training"), ("cost", "accuracy"))}


@pytest.mark.parametrize("lmbda", [0.0, 5.0])
@pytest.mark.parametrize("initializer", INITIALIZERS)
@pytest.mark.parametrize("cost", COSTS)
def test_thirty_mini_batches_are_the_book_s(mnist, cost, initializer, lmbda):
    nets = []
    for module, own in ((Network, cost), (reference.Network2, COSTS[cost])):
        random.seed(5)
        np.random.seed(5)
        net = module([784, 30, 10], cost=own)
        getattr(net, initializer)()
        nets.append(net)
    np.testing.assert_array_equal(*map(parameters, nets))
    ours, theirs = nets
    pairs = [(x, network2.vectorized_result(int(y)) if np.ndim(y) == 0 else y) for x, y in mnist[0][:300]]
    random.seed(6)
    _, _, costs, accuracies = ours.SGD(pairs, 1, 10, 0.5, lmbda, monitor_training_cost=True, monitor_training_accuracy=True)
    random.seed(6)
    their_costs, their_accuracies = theirs.SGD(pairs, 1, 10, 0.5, lmbda)
    close(parameters(ours), parameters(theirs), 1e-11)
    np.testing.assert_allclose(costs, their_costs, rtol=1e-11)
    assert accuracies == their_accuracies


def test_the_first_weights_and_mini_batches_are_drawn_as_the_book_does():
    np.random.seed(3)
    expected = [np.random.randn(n, 1) for n in (9, 4)]
    expected += [np.random.randn(n, inputs) / np.sqrt(inputs) for n, inputs in ((9, 20), (4, 9))]
    np.random.seed(3)
    net = Network([20, 9, 4])
    for given, array in zip(net.biases + net.weights, expected, strict=True):
        np.testing.assert_array_equal(given, array)


def test_what_is_printed_and_returned(capsys):
    net, data, other = Network([20, 9, 4], seed=1), labelled(), labelled(30, seed=1)
    returned = net.SGD(data, 2, 7, 0.5, 0.1, other, **MONITORS)
    assert json.loads(json.dumps(returned)) == [*returned]
    assert [[type(value) for value in values] for values in returned] == [[float] * 2, [int] * 2] * 2
    lines = []
    for epoch, (their_cost, theirs, own_cost, own) in enumerate(zip(*returned, strict=True)):
        lines += [f"Epoch {epoch} training complete", f"Cost on training data: {own_cost}"]
        lines += [f"Accuracy on training data: {own} / 60", f"Cost on evaluation data: {their_cost}"]
        lines += [f"Accuracy on evaluation data: {theirs} / 30", ""]
    assert capsys.readouterr().out.splitlines() == lines
    assert net.history[:4] == returned
    assert net.history.eta == [0.5] * 2
    assert [
        net.total_cost(other, 0.1),
        net.accuracy(other),
        net.total_cost(data, 0.1, convert=True),
        net.accuracy(data, True),
    ] == [values[-1] for values in returned]
    assert net.SGD(data, 1, 7, 0.5) == ([], [], [], [])
    assert capsys.readouterr().out == "Epoch 0 training complete\n\n"


def test_all_monitors_of_a_data_set_take_one_pass(monkeypatch):
    net, data, calls = Network([20, 9, 4], seed=1), labelled(), []
    original = Network._outputs
    monkeypatch.setattr(Network, "_outputs", lambda self, data: calls.append(len(data)) or original(self, data))
    net.SGD(data, 3, 7, 0.5, 0.1, labelled(30), **MONITORS)
    assert calls == [60, 30] * 3


def test_labels_and_unit_vectors_are_both_understood():
    data, net = labelled(), Network([20, 9, 4], seed=1)
    vectors = Dataset(data.x, np.eye(4)[data.y])
    for convert in (False, True):
        assert net.accuracy(data, convert=convert) == net.accuracy(vectors, convert=convert)
        assert net.total_cost(data, 0.3, convert=convert) == net.total_cost(vectors, 0.3, convert=convert)


@pytest.mark.parametrize("form", [list, iter, lambda data: zip(data.x, data.y, strict=True)])
def test_the_form_of_the_data_does_not_matter(form):
    nets = [Network([20, 9, 4], seed=1) for _ in range(2)]
    results = [
        net.SGD(made(labelled()), 2, 7, 0.5, 1.0, made(labelled(30)), **MONITORS)
        for net, made in zip(nets, (Dataset.from_pairs, form), strict=True)
    ]
    assert results[0] == results[1]
    assert digest(nets[0]) == digest(nets[1])


@pytest.mark.parametrize(
    ("monitors", "looks_at"),
    [
        ({}, "evaluation"),
        ({"monitor_training_accuracy": True}, "training"),
        (MONITORS, "evaluation"),
        ({"monitor_evaluation_cost": True}, "evaluation"),
        (None, "training"),
    ],
)
def test_early_stopping_and_halving_look_at_the_accuracy(monkeypatch, monitors, looks_at):
    """Early stopping ends after 2 epochs without improvement; a halved learning rate continues."""
    accuracies = [3, 5, 5, 6, 6, 2, 7, 7, 7, 7, 7, 9]
    evaluation = None if monitors is None else labelled(30)
    for eta, stopping, epochs in ((0.5, 2, 6), (HalveOnPlateau(0.5, 2, 1 / 4), 0, 9), (HalveOnPlateau(0.5, 2, 1 / 8), 0, 11)):
        net, left = Network([20, 9, 4], seed=1), iter(accuracies)

        def right_of(_outputs, data, _name, left=left):
            return next(left) if len(data) == (30 if looks_at == "evaluation" else 60) else 50

        monkeypatch.setattr("nndl_ext._book.monitors.right_of", right_of)
        net.SGD(labelled(), 12, 7, eta, evaluation_data=evaluation, early_stopping_n=stopping, **(monitors or {}))
        assert len(net.history.eta) == epochs
        if not stopping:
            assert net.history.eta == [0.5] * 6 + [0.25] * 3 + [0.125] * (epochs - 9)


def test_eta_is_a_function_of_the_epoch():
    nets, seen = [Network([20, 9, 4], seed=1) for _ in range(2)], []
    nets[0].SGD(labelled(), 3, 7, lambda epoch: [0.5, 0.0, 0.25][epoch], callback=lambda *_: seen.append(digest(nets[0])))
    nets[1].SGD(labelled(), 1, 7, 0.5)
    assert seen[0] == seen[1] == digest(nets[1])
    assert seen[2] != seen[1]
    assert nets[0].history.eta == [0.5, 0.0, 0.25]


def test_a_callback_sees_the_history_and_may_end_the_training():
    net, seen = Network([20, 9, 4], seed=1), []

    def callback(epoch, history):
        seen.append((epoch, history.training_accuracy[-1], len(history.eta)))
        return epoch == 2

    net.SGD(labelled(), 9, 7, 0.5, monitor_training_accuracy=True, callback=callback)
    assert seen == [(i, right, i + 1) for i, right in enumerate(net.history.training_accuracy)]
    assert len(seen) == 3


# ----- The options -----


class Softsign:
    """A user's own activation."""

    def fn(self, z):
        return z / (1 + np.abs(z))

    def prime(self, z):
        return 1 / (1 + np.abs(z)) ** 2


class PerSample:
    """Cross-entropy in the book's form."""

    @staticmethod
    def fn(a, y):
        return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a)))

    @staticmethod
    def delta(_z, a, y):
        return a - y


ACTIVATIONS = ["sigmoid", "tanh", "relu", "softplus", "identity", Softsign()]
OUTPUTS = [
    *product([QuadraticCost], [*ACTIVATIONS, "softmax"]),
    (CrossEntropyCost, None),
    (LogLikelihoodCost, None),
    (PerSample(), None),
]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_activations_of_each_layer(activation):
    net, x = Network([5, 4, 3, 3], LogLikelihoodCost, activation=activation, seed=2), dense_data(30, 5, 3).x.T
    layers = net.layer_outputs(x)
    assert [layer.shape for layer in layers] == [(4, 30), (3, 30), (3, 30)]
    assert layers[-1].tobytes("A") == net.feedforward(x).tobytes("A")
    hidden = Network([5, 4, 3], QuadraticCost, activation=activation, output_activation=activation)
    hidden.weights, hidden.biases = net.weights[:2], net.biases[:2]
    assert layers[1].tobytes("A") == hidden.feedforward(x).tobytes("A")


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize(("cost", "output"), OUTPUTS)
def test_backprop_is_the_slope_of_the_cost(hidden, cost, output):
    net, (x, y) = (
        Network([5, 4, 3], cost, activation=hidden, output_activation=output, seed=2),
        labelled(1, 5, 3)[0],
    )
    slopes, h = [], 1e-5
    for array in (*net.biases, *net.weights):
        for at in np.ndindex(array.shape):
            costs = []
            for shift in (h, -2 * h):
                array[at] += shift
                costs.append(net.total_cost([(x, y)], 0.0))
            array[at] += h
            slopes.append((costs[0] - costs[1]) / (2 * h))
    given = flat(net.backprop(x, y))
    np.testing.assert_allclose(given, slopes, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("regularization", ["l2", "l1"])
def test_the_regularization_s_slope_is_that_of_the_total_cost(regularization):
    """A step with eta = 1 for a weight whose input is 0, so that regularization is its only gradient."""
    net = Network([3, 2], seed=1, regularization=regularization)
    before, data = net.weights[0].copy(), [(np.zeros(3), 1)]
    costs = []
    for shift in (1e-6, -2e-6):
        net.weights[0][1, 2] += shift
        costs.append(net.total_cost(data * 7, 0.7))
    net.weights[0][:] = before
    net.update_mini_batch(data, 1.0, 0.7, 7)
    assert before[1, 2] - net.weights[0][1, 2] == pytest.approx((costs[0] - costs[1]) / 2e-6, rel=1e-6)


OPTIMIZERS = {
    "descent": None,
    "momentum": Momentum(0.8),
    "nesterov": Momentum(0.8, nesterov=True),
    "adam": Adam(0.8, 0.9, 1e-6),
}


@pytest.mark.parametrize(
    ("name", "meant"),
    [("descent", None), ("momentum", Momentum()), ("nesterov", Momentum(nesterov=True)), ("adam", Adam()), ("lbfgs", LBFGS())],
)
def test_a_name_stands_for_an_optimizer(name, meant):
    nets = [Network([20, 9, 4], optimizer=given, seed=1) for given in (name, meant)]
    for net in nets:
        net.SGD(labelled(), 3, 7, 0.05)
    assert digest(nets[0]) == digest(nets[1])


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("regularization", ["l2", "l1"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_the_reference_s(name, regularization, dropout):
    """All combinations of options, for several mini-batches, with moments kept between calls."""
    data = labelled(24)
    net = Network(
        [20, 9, 8, 4], LogLikelihoodCost, activation=["tanh", "relu"], dropout=[dropout, 0.0],
        regularization=regularization, optimizer=OPTIMIZERS[name], seed=3,
    )  # fmt: skip
    arrays = [[array.copy() for array in each] for each in (net.biases, net.weights)]
    rates = [dropout, 0.0, 0.0]
    oracle = reference.Model(*arrays, ["tanh", "relu", "softmax"], "log-likelihood", dropout=rates if dropout else ())
    masks = random.Random()
    masks.setstate(net._own_generator.getstate())
    for start in range(0, 24, 8):
        part = data[start : start + 8]
        net.update_mini_batch(part, 0.05, 0.6, 24)
        oracle.seed = masks.getrandbits(64)
        gradient = oracle.gradient(part.x.T, np.eye(4)[part.y].T, samples=np.arange(8) if dropout else None)
        oracle.step(gradient, net._optimizer, 8)
    close(parameters(net), parameters(oracle), 1e-11)


@pytest.mark.parametrize("own", [PerSample, PerSample()])
def test_a_cost_in_python_is_the_kernels_own(own):
    nets = [Network([20, 9, 4], cost, seed=1) for cost in (CrossEntropyCost, own)]
    results = [net.SGD(labelled(), 3, 7, 0.5, 0.2, labelled(30), **MONITORS) for net in nets]
    close(*map(parameters, nets), 1e-12)
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_an_activation_in_python_is_the_kernels_own():
    class Tanh:
        fn, prime = staticmethod(np.tanh), staticmethod(lambda z: 1 - np.tanh(z) ** 2)

    nets = [Network([20, 9, 4], activation=activation, seed=1) for activation in ("tanh", Tanh)]
    for net in nets:
        net.SGD(labelled(), 3, 7, 0.5, 0.2)
    close(*map(parameters, nets), 1e-12)


def test_costs_may_be_patched_or_inherited_from(monkeypatch):
    plain = Network([20, 9, 4], seed=1)
    plain.SGD(labelled(), 1, 7, 0.5)

    class Twice(CrossEntropyCost):
        @staticmethod
        def delta(_z, a, y):
            return 2 * (a - y)

    twice = Network([20, 9, 4], Twice, seed=1)
    twice.SGD(labelled(), 1, 7, 0.25)
    close(parameters(twice), parameters(plain), 1e-12)
    monkeypatch.setattr(CrossEntropyCost, "delta", Twice.delta)
    patched = Network([20, 9, 4], seed=1)
    patched.SGD(labelled(), 1, 7, 0.25)
    assert digest(patched) == digest(twice)


def test_static_functions_of_the_costs():
    z, y = np.array([[0.3], [-2.0], [40.0]]), np.array([[0.0], [1.0], [1.0]])
    a = network2.sigmoid(z)
    assert a[2] == 1
    for ours, theirs in COSTS.items():
        assert ours.fn(a, y) == pytest.approx(theirs.fn(a, y), rel=1e-14)
        np.testing.assert_allclose(ours.delta(z, a, y), theirs.delta(z, a, y), rtol=1e-14)
    assert LogLikelihoodCost.fn(a, y) == pytest.approx(-np.log(a[1, 0]), rel=1e-14)
    np.testing.assert_array_equal(LogLikelihoodCost.delta(z, a, y), a - y)
    assert network2.vectorized_result(3).tolist() == [[float(j == 3)] for j in range(10)]


def test_the_cost_may_be_replaced():
    nets = [Network([20, 9, 4], cost, seed=1) for cost in (QuadraticCost, CrossEntropyCost)]
    nets[1].cost = QuadraticCost()
    for net in nets:
        net.SGD(labelled(), 1, 7, 0.5)
    assert digest(nets[0]) == digest(nets[1])
    with pytest.raises(ValueError, match="requires the output activation 'softmax', not 'sigmoid'"):
        nets[0].cost = LogLikelihoodCost


def test_initializers_begin_anew():
    net = Network([20, 99, 4], optimizer=Adam(), seed=1)
    net.SGD(labelled(), 1, 7, 0.1)
    assert net._optimizer.moments.any()
    net.large_weight_initializer()
    assert not net._optimizer.moments.size
    assert 0.9 < net.weights[0].std() < 1.1
    net.default_weight_initializer()
    assert 0.9 < net.weights[0].std() * np.sqrt(20) < 1.1


# ----- More data -----


def test_shifts_are_the_book_s(mnist):
    """A shift is ``numpy.roll`` with the row or column that wraps around set to 0."""
    images, shifts = mnist[0].x[:20], Shifts()
    for copied, (down, right) in enumerate(shifts.steps):
        expected = np.roll(images.reshape(-1, 28, 28), (down, right), (1, 2))
        if down:
            expected[:, 0 if down > 0 else 27] = 0
        if right:
            expected[:, :, 0 if right > 0 else 27] = 0
        np.testing.assert_array_equal(shifts.images(images, copied).reshape(-1, 28, 28), expected)


@pytest.mark.parametrize("sparse", [False, True])
def test_augmented_training_is_that_on_the_stored_forms(monkeypatch, mnist, sparse):
    monkeypatch.setattr("nndl_ext._data.augmentation._AT_ONCE", 64)
    data, shifts = mnist[0][:100], Shifts(steps=((0, 0), (3, -2), (0, 1)))
    stored = Dataset(np.concatenate([shifts.images(data.x, k) for k in range(3)]), np.concatenate([data.y] * 3))
    given = data
    if sparse:
        scipy_sparse = pytest.importorskip("scipy.sparse")
        given = Dataset(scipy_sparse.csr_matrix(data.x), data.y)
    nets = [Network([784, 12, 10], optimizer=Momentum(0.5), seed=1) for _ in range(2)]
    nets[0].SGD(stored, 2, 7, 0.1, 2.0)
    nets[1].SGD(given, 2, 7, 0.1, 2.0, augment=shifts)
    assert digest(nets[0]) == digest(nets[1])


def test_a_user_s_own_augmentation():
    class Noise:
        copies = 2

        def images(self, x, copy):
            return x * (1 + copy)

    net, sizes = Network([20, 9, 4], seed=1), []
    net.update_mini_batch = lambda batch, _eta, _lmbda, n: sizes.append((len(batch), n))
    net.SGD(labelled(), 1, 50, 0.5, augment=Noise())
    assert sizes == [(50, 120), (50, 120), (20, 120)]
    Noise.images = lambda _self, x, _copy: x[:, :3]
    with pytest.raises(ValueError, match=r"what augment.images returns must have shape \(\d+, 20\), not \(\d+, 3\)"):
        net.SGD(labelled(), 1, 50, 0.5, augment=Noise())


# ----- Overridden methods -----


def test_an_overridden_initializer_is_called_at_construction():
    class Ones(Network):
        def default_weight_initializer(self):
            self.biases = [np.zeros((y, 1)) for y in self.sizes[1:]]
            self.weights = [np.ones((y, x)) for x, y in zip(self.sizes[:-1], self.sizes[1:], strict=True)]

    net = Ones([20, 9, 4])
    assert (net.weights[0] == 1).all()
    net.SGD(labelled(), 1, 7, 0.5)
    assert (net.weights[0] != 1).any()


def test_an_init_without_the_original():
    class Own(Network):
        def __init__(self, sizes, cost=QuadraticCost):
            self.num_layers = len(sizes)
            self.sizes = sizes
            self.default_weight_initializer()
            self.cost = cost

    np.random.seed(1)
    random.seed(1)
    own = Own([20, 9, 4])
    own.SGD(labelled(), 1, 7, 0.5, 0.1)
    np.random.seed(1)
    random.seed(1)
    plain = Network([20, 9, 4], QuadraticCost)
    plain.SGD(labelled(), 1, 7, 0.5, 0.1)
    assert digest(own) == digest(plain)


@pytest.mark.parametrize("regularization", ["l2", "l1"])
def test_an_overridden_backprop_is_called_for_each_sample(monkeypatch, regularization):
    nets, calls, original = [Network([20, 9, 4], seed=1, regularization=regularization) for _ in range(2)], [], Network.backprop
    nets[0].SGD(labelled(), 1, 7, 0.5, 0.3)
    monkeypatch.setattr(Network, "backprop", lambda self, x, y: calls.append(1) or original(self, x, y))
    nets[1].SGD(labelled(), 1, 7, 0.5, 0.3)
    close(*map(parameters, nets), 1e-11)
    assert len(calls) == 60
    for options in ({"optimizer": Adam()}, {"dropout": 0.5}):
        with pytest.raises(TypeError, match="an overridden backprop needs plain descent without dropout"):
            Network([20, 9, 4], seed=1, **options).SGD(labelled(), 1, 7, 0.5)


def test_an_overridden_step_may_call_the_original(monkeypatch):
    nets, sizes, original = [Network([20, 9, 4], optimizer=Adam(), seed=1) for _ in range(2)], [], Network.update_mini_batch
    nets[0].SGD(labelled(), 2, 50, 0.01, 0.3)

    def update_mini_batch(self, mini_batch, eta, lmbda, n):
        sizes.append((len(mini_batch), eta, lmbda, n))
        original(self, mini_batch, eta, lmbda, n)

    monkeypatch.setattr(Network, "update_mini_batch", update_mini_batch)
    nets[1].SGD(labelled(), 2, 50, 0.01, 0.3)
    assert sizes == [(50, 0.01, 0.3, 60), (10, 0.01, 0.3, 60)] * 2
    assert digest(nets[0]) == digest(nets[1])


def test_monitors_call_overridden_methods_as_the_book_does(capsys):
    calls = []

    class Own(Network):
        def accuracy(self, data, convert=False):
            calls.append(("accuracy", len(data), convert))
            return np.int64(7)

        def total_cost(self, data, lmbda, convert=False):
            calls.append(("total_cost", len(data), lmbda, convert))
            return np.float64(0.5)

    returned = Own([20, 9, 4], seed=1).SGD(labelled(), 1, 7, 0.5, 0.2, [(x, int(y)) for x, y in labelled(30)], **MONITORS)
    assert calls == [
        ("total_cost", 60, 0.2, False),
        ("accuracy", 60, True),
        ("total_cost", 30, 0.2, True),
        ("accuracy", 30, False),
    ]
    assert json.dumps(returned) == "[[0.5], [7], [0.5], [7]]"
    assert "Accuracy on evaluation data: 7 / 30" in capsys.readouterr().out


def test_monitors_use_an_overridden_feedforward():
    class Always(Network):
        def feedforward(self, a):  # noqa: ARG002
            return np.array([[0.1], [0.1], [0.7], [0.1]])

    data = labelled()
    _, _, _, accuracies = Always([20, 9, 4], seed=1).SGD(data, 1, 7, 0.5, monitor_training_accuracy=True)
    assert accuracies == [np.count_nonzero(data.y == 2)]


@pytest.mark.parametrize("name", ["sigmoid", "sigmoid_prime"])
def test_another_sigmoid_is_refused(monkeypatch, name):
    net = Network([20, 9, 4], seed=1)
    monkeypatch.setattr(network2, name, np.tanh)
    for call in (
        lambda: net.SGD(labelled(), 1, 7, 0.5),
        lambda: net.backprop(np.ones(20), 1),
        lambda: net.feedforward(np.ones(20)),
        lambda: net.accuracy(labelled()),
        lambda: net.update_mini_batch(labelled(), 0.5, 0.1, 60),
    ):
        with pytest.raises(TypeError, match=f"network2.{name}.* has been replaced|or network2.sigmoid_prime has been replaced"):
            call()


# ----- Files -----


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_loaded_network_goes_on_with_the_same_bits(tmp_path, name, dtype):
    net = Network(
        [20, 9, 8, 4], LogLikelihoodCost, activation=["tanh", "relu"], dropout=[0.25, 0.5], regularization="l1",
        optimizer=OPTIMIZERS[name], dtype=dtype, seed=3,
    )  # fmt: skip
    net.SGD(labelled(), 2, 7, 0.05, 0.1)
    net.save(tmp_path / "net.npz")
    others = [
        network2.load(tmp_path / "net.npz"),
        load(tmp_path / "net.npz"),
        copy.deepcopy(net),
        pickle.loads(pickle.dumps(net)),
    ]
    for each in (net, *others):
        each.SGD(labelled(), 2, 7, 0.05, 0.1)
    assert {digest(each) for each in (net, *others)} == {digest(net)}
    assert {type(each) for each in others} == {Network}


@pytest.mark.parametrize("options", [{}, {"augment": Shifts((4, 5))}])
def test_an_override_gets_the_rate_of_the_epoch(options):
    given = []

    class Half(Network):
        def update_mini_batch(self, mini_batch, eta, lmbda, n):
            given.append(eta)
            super().update_mini_batch(mini_batch, eta / 2, lmbda, n)

    nets = [Half([20, 9, 4], seed=3), Network([20, 9, 4], seed=3)]
    nets[0].SGD(labelled(), 2, 7, 0.5, **options)
    nets[1].SGD(labelled(), 2, 7, 0.25, **options)
    assert {*given} == {0.5}
    assert nets[0].history.eta == [0.5, 0.5]
    assert digest(nets[0]) == digest(nets[1])


@pytest.mark.parametrize("monitors", [{}, {"monitor_training_cost": True}])
def test_a_cost_that_a_callback_replaces_holds_from_the_next_epoch_on(monitors):
    def replace(epoch, _):
        if epoch == 0:
            nets[0].cost = CrossEntropyCost

    nets = [Network([20, 9, 4], QuadraticCost, seed=3) for _ in range(2)]
    nets[0].SGD(labelled(), 3, 1000, 0.5, callback=replace, **monitors)  # a single mini-batch, since two SGD shuffle anew
    nets[1].SGD(labelled(), 1, 1000, 0.5)
    nets[1].cost = CrossEntropyCost
    nets[1].SGD(labelled(), 2, 1000, 0.5)
    np.testing.assert_allclose(parameters(nets[0]), parameters(nets[1]), rtol=1e-9)


def test_sigmoids_replaced_in_a_callback(monkeypatch):
    net = Network([20, 9, 4], seed=3)
    with pytest.raises(TypeError, match=r"network2.sigmoid or network2.sigmoid_prime has been"):
        net.SGD(labelled(), 3, 7, 0.5, callback=lambda *_: monkeypatch.setattr(network2, "sigmoid", np.tanh))


def test_an_exception_after_a_step_leaves_the_optimizer_with_the_weights():
    class Failing(Network):
        steps = 0

        def update_mini_batch(self, mini_batch, eta, lmbda, n):
            super().update_mini_batch(mini_batch, eta, lmbda, n)
            self.steps += 1
            if self.steps == 3:
                raise RuntimeError("enough")

    net = Failing([20, 9, 4], optimizer=Adam(), seed=3)
    with pytest.raises(RuntimeError, match="enough"):
        net.SGD(labelled(), 1, 7, 0.01)
    assert net._optimizer.powers == (0.9 * 0.9 * 0.9, 0.999 * 0.999 * 0.999)


class Absolute:
    """A cost of one's own."""

    @staticmethod
    def fn(a, y):
        return np.abs(a - y).sum()

    @staticmethod
    def delta(z, a, y):
        return np.sign(a - y) * network2.sigmoid_prime(z)


def test_a_network_with_a_cost_of_ones_own_is_copied():
    net = Network([20, 9, 4], Absolute, seed=3)
    net.SGD(labelled(), 1, 7, 0.05)
    others = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    for each in (net, *others):
        each.SGD(labelled(), 2, 7, 0.05)
    assert len({digest(each) for each in (net, *others)}) == 1


@pytest.mark.parametrize("optimizer", [Momentum(np.float32(0.5)), Adam(np.float32(0.5), 0, np.float32(1e-6))])
def test_numbers_of_any_kind_are_saved(tmp_path, optimizer):
    net = Network([20, 4], optimizer=optimizer, dropout=np.float32(0.5), seed=3)
    net.SGD(labelled(), np.int64(1), np.int64(7), np.float32(0.05), np.float32(0.1))
    net.save(tmp_path / "net.npz")
    assert network2.load(tmp_path / "net.npz")._settings.optimizer == optimizer


@pytest.mark.parametrize("cost", COSTS)
def test_the_book_s_json(tmp_path, cost):
    net, path = Network([20, 9, 4], cost, seed=3), tmp_path / "net.json"
    net.save(path)
    content = json.loads(path.read_text())
    assert content.keys() == {"sizes", "weights", "biases", "cost"}
    assert content["cost"] == cost.__name__
    again = network2.load(path)
    assert again.cost is cost
    assert digest(again) == digest(net)
    assert digest(network.load(path)) == digest(net)
    path.write_text(json.dumps(content | {"cost": "MyCost"}))
    with pytest.raises(
        ValueError, match=r"its cost is 'MyCost', not one of QuadraticCost, .*: give it, as load\(filename, cost="
    ):
        network2.load(path)
    assert network2.load(path, cost=PerSample).cost is PerSample
    del content["cost"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="its cost is None"):
        network2.load(path)
    assert network2.load(path, cost=cost).cost is cost


def test_own_costs_and_activations_are_given_to_load(tmp_path):
    net = Network([20, 9, 4], PerSample(), activation=Softsign(), seed=3)
    net.save(tmp_path / "net.npz")
    for given, message in (({}, "PerSample"), ({"cost": PerSample}, "its activation is 'Softsign', not one of")):
        with pytest.raises(ValueError, match=message):
            network2.load(tmp_path / "net.npz", **given)
    again = network2.load(tmp_path / "net.npz", PerSample, activation=Softsign())
    for each in (net, again):
        each.SGD(labelled(), 1, 7, 0.5)
    assert digest(again) == digest(net)
    with pytest.raises(ValueError, match=r"can only hold sigmoid neurons: end the name of one of Softsign neurons in \.npz"):
        net.save(tmp_path / "net.json")


def test_own_functions_with_names_of_ours_are_given_to_load(tmp_path, monkeypatch):
    """A file names them with their module, so that nothing of ours takes their place."""
    own_cost = type("CrossEntropyCost", (PerSample,), {"__module__": "mine"})
    own_activation = type("tanh", (Softsign,), {"__module__": "mine"})()
    path = tmp_path / "net.npz"
    for net, message in (
        (Network([20, 4], own_cost, seed=3), "its cost is 'mine.CrossEntropyCost'"),
        (Network([20, 9, 4], activation=own_activation, seed=3), r"its activation is 'mine.tanh'.*activation="),
        (
            Network([20, 4], QuadraticCost, output_activation=own_activation, seed=3),
            r"its activation is 'mine.tanh'.*output_activation=",
        ),
    ):
        net.save(path)
        with pytest.raises(ValueError, match=message):
            network2.load(path)
    again = network2.load(path, output_activation=own_activation)
    assert digest(again) == digest(net)
    with monkeypatch.context() as patch:
        patch.setattr(QuadraticCost, "fn", staticmethod(lambda *_: 0.0))
        Network([20, 4], QuadraticCost, seed=3).save(path)
    with pytest.raises(ValueError, match=r"QuadraticCost.*give it"):
        network2.load(path)
    Network([20, 4], QuadraticCost(), seed=3).save(path)
    assert network2.load(path).cost is QuadraticCost
    Network([20, 4], own_cost, seed=3).save(tmp_path / "net.json")
    with pytest.raises(ValueError, match=r"its cost is 'mine\.CrossEntropyCost'"):
        network2.load(tmp_path / "net.json")


def test_a_log_likelihood_needs_distributions():
    """For other desired outputs its derivative would not be a - y."""

    def attempts(net, data):
        yield lambda: net.SGD(data, 1, 1, 0.1)
        yield lambda: net.update_mini_batch(data, 0.1, 0.0, 2)
        yield lambda: net.cost_gradient(data)

    for sizes, y in (([2, 1], np.array([[0.0], [1.0]])), ([2, 1], np.array([0, 1])), ([2, 3], np.ones((2, 3)))):
        data, net = Dataset(np.eye(2), y), Network(sizes, LogLikelihoodCost, seed=0)
        before = digest(net)
        for call in attempts(net, data):
            with pytest.raises(ValueError, match="y must sum to 1 for the log-likelihood cost, but y of item"):
                call()
        assert digest(net) == before
    soft = Dataset(np.eye(2), [[0.333, 0.333, 0.333], [0.2, 0.8, 0.0]])
    Network([2, 3], LogLikelihoodCost, seed=0).SGD(soft, 1, 1, 0.1)
    Network([2, 1], LogLikelihoodCost, seed=0).SGD(Dataset(np.eye(2), [1, 1]), 1, 1, 0.1)


def test_networks_of_chapter_1_are_read(tmp_path):
    first = network.Network([20, 9, 4], seed=3)
    for name in ("net.npz", "net.json"):
        first.save(tmp_path / name)
        again = network2.load(tmp_path / name)
        assert again.cost is QuadraticCost
        assert digest(again) == digest(first)
    perceptron.Network([20, 4], seed=1).save(tmp_path / "p.npz")
    with pytest.raises(ValueError, match=r"it holds perceptrons: use nndl_ext\.load"):
        network2.load(tmp_path / "p.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"activations": ["tanh"]}, {"activations": ["exp", "softmax"]}, {"activations": 3}, {"activations": ["tanh", 7]},
        {"cost": 5}, {"cost": "CrossEntropyCost"}, {"dropout": [1.0]}, {"dropout": ["x"]}, {"dropout": {"a": 1}},
        {"dropout": [0.1, 0.1]}, {"regularization": []}, {"optimizer": {"kind": "lion"}},
        {"optimizer": {"kind": "adam", "first": 2}}, {"optimizer": "adam"}, {"optimizer": {"kind": "adam", "eta": 1}},
        {"optimizer": []}, {"powers": [1]}, {"powers": None}, {"powers": ["a", "b"]}, {"powers": [2.0, 0.5]},
        "moments", "shape", "dtype", "nan", "negative", "text", "list", "missing",
    ],
)  # fmt: skip
def test_untrusted_files(tmp_path, change):
    net, path = Network([20, 9, 4], LogLikelihoodCost, optimizer=Adam(), seed=3), tmp_path / "net.npz"
    net.SGD(labelled(), 1, 7, 0.05)
    net.save(path)
    arrays = dict(np.load(path))
    assert digest(network2.load(path)) == digest(net)
    settings, moments = json.loads(str(arrays["settings"])), arrays["moments"]
    if isinstance(change, dict):
        arrays["settings"] = json.dumps(settings | change)
    elif change in ("text", "list"):
        arrays["settings"] = {"text": "{", "list": "[]"}[change]
    elif change == "missing":
        del arrays["settings"]
    else:
        arrays["moments"] = {
            "moments": moments[:1], "shape": moments[:, 1:], "dtype": moments.astype(np.float32), "nan": moments * np.nan,
            "negative": moments - 1,
        }[change]  # fmt: skip
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"net\.npz"):
        network2.load(path)


# ----- Errors -----


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cost": "cross-entropy"}, r"cost must have functions fn\(a, y\) and delta\(z, a, y\), as CrossEntropyCost has"),
        (
            {"cost": LogLikelihoodCost, "output_activation": "sigmoid"},
            "requires the output activation 'softmax', not 'sigmoid'",
        ),
        ({"output_activation": "softmax"}, "requires the output activation 'sigmoid', not 'softmax'"),
        ({"activation": "elu"}, "activation must be one of identity, .*, not 'elu'"),
        ({"activation": "softmax"}, "activation 'softmax' is for the output layer"),
        ({"activation": ["tanh"] * 3}, "activation must be one for all 2 hidden layers, or one for each, not 3"),
        ({"activation": 3}, "activation must be a name, or have functions"),
        ({"dropout": 1.0}, "dropout must be from 0 to below 1, not 1"),
        ({"dropout": -0.1}, "dropout must be from 0 to below 1, not -0.1"),
        ({"dropout": [0.1]}, "dropout must be one for all 2 hidden layers, or one for each, not 1"),
        ({"dropout": "half"}, "dropout must be a real number, not 'half'"),
        ({"dropout": None}, "dropout must be a real number, not None"),
        ({"regularization": "l3"}, "regularization must be l2 or l1, not 'l3'"),
        ({"optimizer": "sgd"}, "optimizer must be one of descent, momentum, nesterov, adam, lbfgs, not 'sgd'"),
        ({"optimizer": Adam}, "optimizer must be a name, a Momentum, an Adam, an LBFGS or None, not <class"),
        ({"optimizer": "lbfgs", "dtype": np.float32}, "optimizer lbfgs needs dtype float64, not 'float32'"),
        ({"optimizer": "lbfgs", "dropout": [0.5, 0.0]}, r"optimizer lbfgs needs dropout 0, not \[0.5, 0.0\]"),
        ({"optimizer": "lbfgs", "regularization": "l1"}, "optimizer lbfgs needs regularization l2, not 'l1'"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"dtype": np.int64}, "dtype must be float32 or float64"),
    ],
)
def test_options_of_a_network_that_make_no_sense(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Network([20, 9, 8, 4], **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Momentum(1.0), "mu must be from 0 to below 1, not 1"),
        (lambda: Momentum("a"), "mu must be a real number, not 'a'"),
        (lambda: Momentum(0.5, nesterov="yes"), "nesterov must be True or False, not 'yes'"),
        (lambda: Adam(first=-1), "first must be from 0 to below 1"),
        (lambda: Adam(second=1), "second must be from 0 to below 1"),
        (lambda: Adam(epsilon=0), "epsilon must be above 0"),
        (lambda: LBFGS(-1e-9), "tolerance must be at least 0, not -1e-09"),
        (lambda: LBFGS("small"), "tolerance must be a real number, not 'small'"),
        (lambda: HalveOnPlateau(np.nan), "eta must be finite"),
        (lambda: HalveOnPlateau(0.5, 0), "n must be at least 1"),
        (lambda: HalveOnPlateau(0.5, 3, 2.0), "least must be from above 0 to 1"),
        (lambda: Shifts((28,)), "shape must be a pair of integers"),
        (lambda: Shifts(steps=()), "steps must be pairs of integers"),
        (lambda: Shifts(steps=((28, 0),)), "steps must be at most 27, not 28"),
        (lambda: Shifts((0, 5)), "shape must be at least 1"),
        (lambda: network2.vectorized_result(10), "j must be from 0 to 9, not 10"),
        (lambda: CrossEntropyCost.fn(np.ones((3, 1)), np.ones((2, 1))), r"y must have shape \(3, 1\), not \(2, 1\)"),
    ],
)
def test_choices_that_make_no_sense(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eta": np.inf}, "eta must be finite"),
        ({"eta": "x"}, "eta must be a real number"),
        ({"eta": lambda _: np.nan}, "what eta returns must be finite"),
        ({"lmbda": -1.0}, "lmbda must be at least 0, not -1"),
        ({"lmbda": None}, "lmbda must be a real number"),
        ({"epochs": -1}, "epochs must be at least 0"),
        ({"mini_batch_size": 0}, "mini_batch_size must be at least 1"),
        ({"monitor_evaluation_cost": True}, "monitor_evaluation_cost needs evaluation_data"),
        ({"monitor_evaluation_accuracy": True, "evaluation_data": []}, "monitor_evaluation_accuracy needs evaluation_data"),
        ({"monitor_evaluation_accuracy": True, "evaluation_data": labelled(5, 3)}, "evaluation_data has 3 inputs, but"),
        ({"training_data": []}, "training_data must hold at least one pair"),
        ({"training_data": 3}, "training_data must be an iterable of pairs"),
        ({"early_stopping_n": -1}, "early_stopping_n must be at least 0"),
        ({"early_stopping_n": 1.5}, "early_stopping_n must be an integer"),
        ({"augment": 5}, r"augment must have copies and images\(x, copy\), as Shifts has, not 5"),
        ({"augment": Shifts()}, "have 784 pixels, but the data have 20 inputs"),
        ({"callback": 5}, "callback must be a function"),
    ],
)
def test_a_training_that_makes_no_sense(options, message):
    net = Network([20, 9, 4], seed=1)
    before = digest(net)
    with pytest.raises((TypeError, ValueError), match=message):
        net.SGD(**({"training_data": labelled(), "epochs": 1, "mini_batch_size": 7, "eta": 0.5} | options))
    assert digest(net) == before


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        ({"delta": lambda _z, a, _y: a[:2]}, r"what the cost's delta returns must have shape \(4, 7\), not \(2, 7\)"),
        ({"delta": lambda *_: None}, "what the cost's delta returns must hold real numbers"),
        ({"fn": lambda a, _y: a}, r"what the cost's fn returns must be one number, not an array of shape \(4, 1\)"),
        ({"fn": lambda *_: None}, "what the cost's fn returns must hold real numbers"),
    ],
)
def test_a_user_s_own_cost_that_returns_nonsense(cost, message):
    functions = {"fn": lambda a, y: np.sum(a - y), "delta": lambda _z, a, y: a - y} | cost
    own = type("Own", (), {name: staticmethod(function) for name, function in functions.items()})
    with pytest.raises((TypeError, ValueError), match=message):
        Network([20, 9, 4], own, seed=1).SGD(labelled(56), 1, 7, 0.5, monitor_training_cost=True)


def test_divergence_leaves_network_and_optimizer_as_they_were():
    net = Network([20, 9, 4], QuadraticCost, activation="identity", output_activation="identity", optimizer=Momentum(), seed=1)
    net.SGD(labelled(), 1, 7, 0.001)
    before, moments = digest(net), net._optimizer.moments.tobytes()
    with pytest.raises(DivergenceError, match="in epoch 0 the weights became infinite or NaN, with eta=1e"):
        net.SGD(labelled(), 2, 7, 1e200)
    assert (digest(net), net._optimizer.moments.tobytes()) == (before, moments)
    assert net.history.eta == []


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_interrupted_training_goes_on_from_where_it_was(name):
    """Interrupted between two epochs: weights, moments and generator are those of that epoch, and the history is kept."""
    nets = [Network([20, 9, 4], optimizer=OPTIMIZERS[name], dropout=0.3, seed=1) for _ in range(2)]

    def interrupt(epoch, _history):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nets[0].SGD(labelled(), 9, 7, 0.05, 0.1, monitor_training_cost=True, callback=interrupt)
    nets[1].SGD(labelled(), 2, 7, 0.05, 0.1, monitor_training_cost=True)
    assert nets[0].history == nets[1].history
    for net in nets:
        net.SGD(labelled(), 1, 7, 0.05)
    assert digest(nets[0]) == digest(nets[1])


# ----- The rest -----


def test_norms_of_gradients():
    net, data = Network([20, 9, 8, 4], seed=1), labelled()
    net.SGD(data, 2, 7, 0.5, monitor_gradient_norms=True)
    nablas = [net.backprop(x, y)[0] for x, y in data]
    expected = [np.linalg.norm(np.mean(layer, axis=0)) for layer in zip(*nablas, strict=True)]
    assert len(net.history.gradient_norms) == 2
    np.testing.assert_allclose(net.history.gradient_norms[-1], expected, rtol=1e-12)
    np.testing.assert_allclose(net.gradient_norms(data), expected, rtol=1e-12)


@pytest.mark.parametrize("sizes", [[20, 1], [20, 4], [20, 5, 1]])
def test_networks_of_one_output_or_no_hidden_layer(sizes):
    data, net = labelled(classes=max(sizes[-1], 2)), Network(sizes, dropout=0.5, seed=1)
    _, _, costs, accuracies = net.SGD(data, 20, 7, 0.5, 0.1, monitor_training_cost=True, monitor_training_accuracy=True)
    assert costs[-1] < costs[0]
    assert accuracies[-1] == np.count_nonzero(net.predict(data.x.T) == data.y) == 60 - len(net.misclassified(data)[0])


# At least one training for each activation, cost, regularization and optimizer, and for dropout.
DIGESTS = {
    "cross-entropy": ({}, "l2"),
    "quadratic": ({"cost": QuadraticCost, "activation": "tanh", "output_activation": "identity"}, "l2"),
    "softmax": ({"cost": LogLikelihoodCost, "activation": "relu", "dropout": 0.5, "optimizer": Adam()}, "l1"),
    "momentum": ({"activation": ["softplus", "sigmoid"], "optimizer": Momentum(0.8), "dropout": [0.0, 0.2]}, "l2"),
    "nesterov": ({"activation": ["identity", "tanh"], "optimizer": Momentum(0.8, nesterov=True)}, "l1"),
}
# In float64 and float32.
EXPECTED = {
    "cross-entropy": "a142ea206207 45fee22a736c",
    "quadratic": "6b3e5f3385b1 894367c6a210",
    "softmax": "e72c8663452a dac2f84f52b4",
    "momentum": "d1293ed3e8a7 bbaa04d6de36",
    "nesterov": "0e4672b29e34 e040f1bfcf71",
}


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("name", DIGESTS)
def test_digests(name, threads):
    """The bits of weights and costs are the same on every machine."""
    options, regularization = DIGESTS[name]
    found = []
    for dtype in (np.float64, np.float32):
        net = Network([20, 33, 17, 4], **options, regularization=regularization, dtype=dtype, threads=threads, seed=42)
        data = dense_data()
        data = Dataset(data.x, data.y.argmax(axis=1))
        costs, _, _, _ = net.SGD(data, 2, 7, 0.02, 0.5, data, True)
        order = net.dtype.newbyteorder("<")
        content = b"".join(a.astype(order).tobytes() for a in net.biases + net.weights) + np.array(costs, "<f8").tobytes()
        found.append(hashlib.sha256(content).hexdigest()[:12])
    assert " ".join(found) == EXPECTED[name]


def test_it_learns_digits(mnist):
    """Ten epochs on 5,000 images give more than 90 % accuracy."""
    net = Network([784, 30, 10], seed=0)
    _, accuracies, _, _ = net.SGD(mnist[0][:5000], 10, 10, 0.5, 0.5, mnist[2], monitor_evaluation_accuracy=True)
    assert accuracies[-1] > 9100
