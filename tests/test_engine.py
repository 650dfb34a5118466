"""The engine: activations, costs, optimizers, regularization, dropout and sample weights, compared with the reference, with
central differences, and with each other."""

import contextlib
import copy
import dataclasses
import hashlib
import itertools
import pickle
import random
from functools import partial

import numpy as np
import pytest
from helpers import close, digest, flat, parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from trainings import ENDS, HIDDEN

from nndl_ext import Dataset, DivergenceError, _kernels, reference
from nndl_ext._engine import generators
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Batches, Model
from nndl_ext._engine.optimizers import AdamDescent, Descent, MomentumDescent, Regularization
from nndl_ext._engine.training import Training

pytestmark = pytest.mark.usefixtures("variant")

OPTIMIZERS = {
    "descent": lambda **options: Descent(0.1, **options),
    "momentum": lambda **options: MomentumDescent(0.05, 0.8, **options),
    "nesterov": lambda **options: MomentumDescent(0.05, 0.8, nesterov=True, **options),
    "adam": lambda **options: AdamDescent(0.01, **options),
}


def desired(rng, cost, n, outputs):
    """Desired outputs that suit the cost."""
    if cost == "cross-entropy":
        return rng.integers(0, 2, (n, outputs)).astype(float)
    if cost == "log-likelihood":
        return np.eye(outputs)[rng.integers(0, outputs, n)]
    return rng.poisson(2.0, (n, outputs)).astype(float) if cost == "poisson" else rng.standard_normal((n, outputs))


def task(sizes, activations, cost, n=30, density=1.0, seed=0, dropout=()):
    """A model, the same model in the reference, and data."""
    rng = np.random.default_rng(seed)
    model = Model(dense(sizes, activations), np.float64, cost=cost)
    model.parameters.replace(
        [rng.standard_normal(b.shape) * 0.1 for b in model.parameters.biases],
        [rng.standard_normal(w.shape) / np.sqrt(w.shape[1]) for w in model.parameters.weights],
    )
    x = rng.standard_normal((n, sizes[0])) * (rng.random((n, sizes[0])) < density)
    y = desired(rng, cost, n, sizes[-1])
    own = [[array.copy() for array in arrays] for arrays in (model.parameters.biases, model.parameters.weights)]
    oracle = reference.Model(*own, model.activations, cost, dropout=dropout)
    return model, oracle, Dataset(x, y)


@pytest.mark.parametrize("outputs", [1, 3, 6])
@pytest.mark.parametrize(("activation", "cost"), ENDS)
def test_gradient_and_cost_of_each_output(activation, cost, outputs):
    model, oracle, data = task([9, 7, outputs], ["tanh", activation], cost)
    x, y = data.x.T, data.y.T
    close(flat(model.gradient(data)), flat(oracle.gradient(x, y)), 1e-12)
    outputs_of_all = model.outputs(data)
    np.testing.assert_allclose(outputs_of_all, oracle.feedforward(x).T, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(model.costs(outputs_of_all, data.y), oracle.costs(x, y), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", HIDDEN)
@given(sizes=st.lists(st.integers(1, 40), min_size=2, max_size=5), n=st.integers(1, 100), density=st.sampled_from([0.2, 1.0]))
@settings(deadline=None, max_examples=10)
def test_layers_are_those_of_the_forward_pass(dtype, activation, sizes, n, density):
    activations = [activation] * (len(sizes) - 2) + ["softmax"]
    whole, _, data = task(sizes, activations, "quadratic", n, density)
    own = [[np.array(array, dtype) for array in arrays] for arrays in whole.parameters.given()]
    rows, passes = data.x.astype(dtype), []
    for depth in range(1, len(sizes)):
        model = Model(dense(sizes[: depth + 1], activations[:depth]), dtype)
        model.parameters.replace(own[0][:depth], own[1][:depth])
        layers = model.layer_outputs(rows)
        assert layers[-1].tobytes() == model.outputs_of_rows(rows).tobytes() == model.outputs(data).tobytes()
        linear = Model(dense(sizes[: depth + 1], [*activations[: depth - 1], "identity"]), dtype)
        linear.parameters.replace(own[0][:depth], own[1][:depth])
        assert model.raw_outputs(rows).tobytes() == model.raw_outputs(data).tobytes() == linear.outputs(data).tobytes()
        passes.append([layer.tobytes() for layer in layers])
        assert passes[-1] == [layer.tobytes() for layer in model.layer_outputs(data)]
    for shorter in passes:
        assert shorter == passes[-1][: len(shorter)]


@pytest.mark.parametrize("activation", HIDDEN)
@given(sizes=st.lists(st.integers(1, 40), min_size=3, max_size=5), n=st.integers(1, 300), density=st.sampled_from([0.2, 1.0]))
@settings(deadline=None, max_examples=20)
def test_gradient_of_hidden_layers(activation, sizes, n, density):
    model, oracle, data = task(sizes, [activation] * (len(sizes) - 2) + ["identity"], "quadratic", n, density)
    close(flat(model.gradient(data)), flat(oracle.gradient(data.x.T, data.y.T)), 1e-12)


@pytest.mark.parametrize(("activation", "cost"), ENDS)
def test_gradient_is_the_slope_of_the_cost(activation, cost):
    model, _, data = task([4, 5, 3], ["sigmoid", activation], cost, n=6)
    gradient, h = flat(model.gradient(data)), 1e-5
    own, slopes = model.parameters, []
    for array in (*own.biases, *own.weights):
        for at in np.ndindex(array.shape):
            costs = []
            for shift in (h, -2 * h):
                array[at] += shift
                costs.append(model.costs(model.outputs(data), data.y).mean())
            array[at] += h
            slopes.append((costs[0] - costs[1]) / (2 * h))
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8)


def train(model, data, optimizer, size=7, epochs=1, **options):
    rng = np.random.default_rng(3)
    for epoch in range(epochs):
        model.descend(data, Batches(rng.permutation(len(data)), size, epoch=epoch, **options), optimizer)


@pytest.mark.parametrize("outputs", [3, 6])
@pytest.mark.parametrize("dropout", [(), (0.3, 0.5, 0.0)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("regularization", [(), (0.0, 0.4, 30.0), (0.3, 0.2, 0.0)])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_hundred_mini_batches(name, regularization, weighted, dropout, outputs):
    optimizer = OPTIMIZERS[name](regularization=Regularization(*regularization))
    model, oracle, data = task([9, 12, 10, outputs], ["relu", "tanh", "softmax"], "log-likelihood", dropout=dropout, seed=1)
    weights = np.random.default_rng(1).random(len(data)) * 2 if weighted else np.empty(0)
    rng = np.random.default_rng(3)
    for epoch in range(25):  # of four mini-batches
        order = rng.permutation(len(data))
        model.descend(data, Batches(order, 8, weights, epoch, dropout), optimizer)
        for start in range(0, len(data), 8):
            places = order[start : start + 8]
            part = weights[places] if weighted else np.ones(len(places))
            gradient = oracle.gradient(data.x[places].T, data.y[places].T, part, places, epoch)
            oracle.step(gradient, optimizer, part.sum())
    close(parameters(model.parameters), parameters(oracle), 1e-10)


@pytest.mark.parametrize(("activation", "cost"), ENDS)
def test_a_hundred_mini_batches_of_each_output(activation, cost):
    model, oracle, data = task([9, 12, 3], ["sigmoid", activation], cost)
    optimizer = Descent(0.05)
    rng = np.random.default_rng(3)
    for _ in range(25):
        order = rng.permutation(len(data))
        model.descend(data, Batches(order, 8), optimizer)
        for start in range(0, len(data), 8):
            places = order[start : start + 8]
            oracle.step(oracle.gradient(data.x[places].T, data.y[places].T), optimizer, len(places))
    close(parameters(model.parameters), parameters(oracle), 1e-10)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_mini_batches_larger_than_a_block(name):
    results = []
    for weights in (np.empty(0), np.ones(300)):
        model, oracle, data = task([9, 12, 3], ["tanh", "identity"], "quadratic", n=300)
        optimizer = OPTIMIZERS[name](regularization=Regularization(0.1, 0.2, 0.0))
        train(model, data, optimizer, 290, weights=weights)
        results.append(parameters(model.parameters))
    order = np.random.default_rng(3).permutation(300)
    for places in (order[:290], order[290:]):
        oracle.step(oracle.gradient(data.x[places].T, data.y[places].T), optimizer, len(places))
    close(results[0], parameters(oracle), 1e-12)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("l2", [0.1, 60.0, 400.0, 900.0, -60.0])
@pytest.mark.parametrize("size", [7, 290])
@pytest.mark.parametrize("threads", [1, 2])
def test_sparse_inputs_whose_weights_shrink(threads, size, l2):
    """Weights shrink by a common factor, applied at the end or when it is small, or one by one."""
    model, oracle, data = task([20, 12, 3], ["tanh", "identity"], "quadratic", n=300, density=0.2)
    model.threads = threads
    optimizer = Descent(0.1, regularization=Regularization(0.0, l2, 100.0))
    train(model, data, optimizer, size)
    order = np.random.default_rng(3).permutation(300)
    for start in range(0, 300, size):
        places = order[start : start + size]
        oracle.step(oracle.gradient(data.x[places].T, data.y[places].T), optimizer, len(places))
    close(parameters(model.parameters), parameters(oracle), 1e-10)


def test_weights_that_shrink_stand_for_themselves_when_a_call_is_interrupted():
    class Interrupting(Tanh):
        def fn(self, z):
            if len(self.calls) == 20:
                raise KeyboardInterrupt
            return super().fn(z)

    optimizer, results = Descent(0.5, regularization=Regularization(0.0, 6.0, 100.0)), []
    for own, n in ((Interrupting(), 300), (Tanh(), 20 * 7)):
        model, _, data = task([20, 12, 3], ["tanh", "identity"], "quadratic", n=300, density=0.2)
        model_in_python = Model(dense([20, 12, 3], [own, "identity"]), np.float64)
        model_in_python.parameters.replace(*model.parameters.given())
        with contextlib.suppress(KeyboardInterrupt):
            model_in_python.descend(data, Batches(np.arange(n), 7), optimizer)
        results.append(parameters(model_in_python.parameters))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("density", [0.2, 1.0])
@pytest.mark.parametrize("sizes", [[20, 40, 13, 3], [20, 30, 9, 6], [20, 30, 27, 2]])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_squares_of_the_weights_before_each_mini_batch(name, sizes, density):
    model, _, data = task(sizes, ["sigmoid", "sigmoid", "identity"], "quadratic", n=40, density=density)
    again, _, _ = task(sizes, ["sigmoid", "sigmoid", "identity"], "quadratic", n=40, density=density)
    optimizers = [OPTIMIZERS[name](regularization=Regularization(0.0, 6.0, 40.0)) for _ in range(2)]
    squares, expected = np.zeros(6), []
    model.descend(data, Batches(np.arange(40), 7, squares=squares), optimizers[0])
    for start in range(0, 40, 7):
        expected.append(sum(float((w * w).sum()) for w in again.parameters.weights))
        again.descend(data, Batches(np.arange(start, min(start + 7, 40)), 7), optimizers[1])
    np.testing.assert_allclose(squares, expected, rtol=1e-13)


def test_a_weight_counts_as_so_many_samples():
    model, _, data = task([9, 12, 3], ["tanh", "softmax"], "log-likelihood", n=20)
    weights = np.arange(20) % 3.0
    often = np.repeat(np.arange(20), np.arange(20) % 3)
    given = flat(model.gradient(data, Batches(np.arange(20), 20, weights)))
    close(given, flat(model.gradient(Dataset(data.x[often], data.y[often]))), 1e-13)
    nothing = flat(model.gradient(data, Batches(np.arange(20), 20, np.zeros(20))))
    assert not nothing.any()


@pytest.mark.parametrize("size", [7, 200])
def test_costs_of_the_mini_batches(size):
    model, _, data = task([9, 12, 3], ["tanh", "softmax"], "log-likelihood", n=300)
    weights, order = np.random.default_rng(1).random(300), np.random.default_rng(2).permutation(300)
    each = model.costs(model.outputs(data), data.y) * weights
    costs = np.zeros(-(-300 // size))
    model.gradient(data, Batches(order, size, weights, costs=costs))
    # One after the other: the number of samples that the kernels compute together changes no bit.
    assert costs.tolist() == [each[order[i : i + size]].cumsum()[-1] for i in range(0, 300, size)]


def test_costs_of_mini_batches_are_refused_where_they_are_not_known():
    _, _, data = task([9, 12, 3], ["tanh", "sigmoid"], "cross-entropy")
    model = Model(dense([9, 12, 3], ["tanh", "sigmoid"]), np.float64, cost=CrossEntropy())
    with pytest.raises(ValueError, match="costs of mini-batches can't be recorded for a cost in Python"):
        model.descend(data, Batches(np.arange(30), 30, costs=np.zeros(1)), Descent(0.1))


@pytest.mark.parametrize(("dtype", "tiny"), [("f4", 1e-20), ("f8", 1e-160)])
@pytest.mark.parametrize("optimizer", [MomentumDescent(0.1), MomentumDescent(0.1, nesterov=True), AdamDescent()])
def test_l2_leaves_tiny_weights_alone(optimizer, dtype, tiny):
    """Else they would come ever closer to 0, and arithmetic with subnormal numbers is slow."""
    model = Model(dense([2, 1], ["identity"]), np.dtype(dtype))
    model.parameters.replace([np.ones((1, 1), dtype)], [np.array([[tiny, 0.5]], dtype)])
    data = Dataset(np.array([[0, 1]], dtype), np.zeros((1, 1), dtype))
    model.descend(
        data, Batches(np.zeros(1, np.int64), 1), dataclasses.replace(optimizer, regularization=Regularization(l2=0.5))
    )
    assert model.parameters.weights[0][0, 0] == np.dtype(dtype).type(tiny)
    assert model.parameters.weights[0][0, 1] < 0.5


@pytest.mark.parametrize("outputs", [1, 4, 6])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("hidden", ["sigmoid", "tanh", "relu", "softplus", "identity"])
def test_padding_learns_nothing(hidden, name, outputs):
    """If it did, it could diverge where the network does not, and a loaded network would go on in another way."""
    model, _, data = task([9, 3, outputs], [hidden, "identity"], "quadratic")
    optimizer = OPTIMIZERS[name](regularization=Regularization(l2=0.1, l1=0.1))
    train(model, data, optimizer, epochs=3, dropout=(0.5, 0.0))
    used = model.parameters.layout.zeros()
    for array in itertools.chain(*model.parameters.layout.views(used)):
        array[:] = 1
    padding = used == 0
    assert padding.any()
    for numbers in (model.parameters.flat(), *optimizer.moments.reshape(-1, len(used))):
        assert not numbers[padding].any()


def test_epochs_of_a_training():
    model, _, data = task([9, 12, 3], ["tanh", "softmax"], "log-likelihood")
    training = Training(model, data, 7, AdamDescent(), partial(generators.shuffle, generator=random.Random(0)), np.arange(30))
    again, _, _ = task([9, 12, 3], ["tanh", "softmax"], "log-likelihood")
    optimizer, order, generator = AdamDescent(), np.arange(30), random.Random(0)
    for epoch in range(3):
        training.run(epoch)
        generators.shuffle(order, generator)
        again.descend(data, Batches(order, 7, epoch=epoch), optimizer)
        assert digest(again.parameters) == digest(model.parameters)
    before = digest(model.parameters), training.optimizer.moments.tobytes()

    def diverges():
        training.descend(data, training.order)
        raise DivergenceError("enough")

    with pytest.raises(DivergenceError, match="in epoch 3 enough"):
        training.run(3, diverges)
    assert (digest(model.parameters), training.optimizer.moments.tobytes()) == before


# At least one task for each activation, cost and optimizer, for regularization, dropout and sample weights.
DIGESTS = {
    "identity": ("identity", "identity", "quadratic", "descent", (), (), ""),
    "sigmoid": ("sigmoid", "sigmoid", "cross-entropy", "momentum", (0.0, 0.1, 30.0), (), ""),
    "tanh": ("tanh", "softmax", "log-likelihood", "nesterov", (0.1, 0.1, 0.0), (), ""),
    "relu": ("relu", "exp", "poisson", "adam", (), (0.2, 0.0), ""),
    "softplus": ("softplus", "softplus", "quadratic", "momentum", (), (0.3, 0.0), ""),
    "absolute": ("tanh", "identity", "absolute", "adam", (0.0, 0.1, 0.0), (), "weighted"),
    "huber": ("relu", "tanh", "huber", "descent", (0.1, 0.0, 30.0), (0.5, 0.0), "weighted"),
    "softmax": ("sigmoid", "softmax", "quadratic", "descent", (), (), ""),
    "sparse": ("sigmoid", "sigmoid", "cross-entropy", "descent", (0.0, 2.0, 20.0), (), "sparse"),
}


def trained_by_digest(name, dtype, outputs, threads=1):
    hidden, output, cost, optimizer, regularization, dropout, kind = DIGESTS[name]
    rng = np.random.default_rng(5)
    model = Model(dense([20, 70, outputs], [hidden, output]), dtype, threads, cost)
    for array in (*model.parameters.biases, *model.parameters.weights):
        array[:] = (rng.integers(-8, 9, array.shape) / 64).astype(dtype)
    x, weights = rng.integers(-8, 9, (60, 20)) / 8, rng.integers(1, 9, 60) / 4 if kind == "weighted" else np.empty(0)
    x *= x > 0.25 if kind == "sparse" else 1
    y = rng.integers(0, 2, (60, outputs)) / 1
    costs = np.zeros(4)
    step = OPTIMIZERS[optimizer](regularization=Regularization(*regularization))
    for epoch in range(3):
        batches = Batches(rng.permutation(60), 17, weights, epoch, dropout, 2**40 + 7, costs)
        model.descend(Dataset(x, y), batches, step)
    return hashlib.sha256(parameters(model.parameters).astype("<f8").tobytes() + costs.astype("<f8").tobytes()).hexdigest()[:12]


@pytest.mark.parametrize("name", DIGESTS)
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_digests(name, threads):
    given = [trained_by_digest(name, dtype, outputs, threads) for outputs in (3, 20) for dtype in (np.float64, np.float32)]
    assert " ".join(given) == EXPECTED[name]


# In float64 and float32, with 3 outputs, then with 20.
EXPECTED = {
    "identity": "bbae94d2a826 50560d675d88 53f9ed89da80 b7633c418d39",
    "sigmoid": "f04e6aedb2b5 372103343f91 ab1d7151b5b4 593f4a1110bb",
    "tanh": "1fc77c7eaffc 9629b508c4bb 778f498dc465 a9ae2e964d94",
    "relu": "fee1c877f567 dbf0ff3a7199 568f69428e7b 10c170fc5f33",
    "softplus": "8268383c6d06 e12a80d3e885 47d27382ac1c 90c2217709e1",
    "absolute": "eab6884220cd 211a1f74c6f8 1747253e3e5d 814306940e8b",
    "huber": "422c6806dde7 d34af85b62fe f4e8cb7fc8d3 5c0781db434e",
    "softmax": "4ea5f5e8dd68 a4b8b7b3f5ab 7bd0e1e8b1ad 72d6668e2918",
    "sparse": "757b898e4ba8 55ddf7284a4a 04b769b98f38 0c98b75ee80c",
}


class Tanh:
    def __init__(self):
        self.calls = []

    def fn(self, z):
        self.calls.append(z.shape)
        return np.tanh(z)

    def prime(self, z):
        return 1 - np.tanh(z) ** 2


class CrossEntropy:
    def fn(self, a, y):
        return float(np.sum(-y * np.log(a) - (1 - y) * np.log(1 - a)))

    def delta(self, z, a, y):
        assert z.shape == a.shape == y.shape
        return 1 / (1 + np.exp(-z)) - y


@pytest.mark.parametrize("outputs", [2, 6])
@pytest.mark.parametrize("dropout", [(), (0.4, 0.0)])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_functions_in_python_do_what_the_kernels_do(name, dropout, outputs):
    own = Tanh()
    model, _, data = task([9, 12, outputs], ["tanh", "sigmoid"], "cross-entropy", n=400)
    in_python = Model(dense([9, 12, outputs], [own, "sigmoid"]), np.float64, cost=CrossEntropy())
    in_python.parameters.replace(model.parameters.biases, model.parameters.weights)
    for each in (model, in_python):
        train(each, data, OPTIMIZERS[name](), 190, dropout=dropout)
    assert own.calls == [(190, 12), (190, 12), (20, 12)]  # once for each mini-batch
    close(parameters(in_python.parameters), parameters(model.parameters), 1e-13)
    outputs_of_all = model.outputs(data)
    np.testing.assert_allclose(in_python.outputs(data), outputs_of_all, rtol=1e-12)
    np.testing.assert_allclose(in_python.feedforward(data.x.T), outputs_of_all.T, rtol=1e-12)
    np.testing.assert_allclose(in_python.feedforward(data.x[0]), outputs_of_all[:1].T, rtol=1e-12)
    np.testing.assert_allclose(in_python.costs(outputs_of_all, data.y), model.costs(outputs_of_all, data.y), rtol=1e-12)


def test_an_activation_in_python_at_the_output():
    for outputs in (2, 6):
        model, _, data = task([9, 12, outputs], ["sigmoid", "tanh"], "quadratic", n=40)
        in_python = Model(dense([9, 12, outputs], ["sigmoid", Tanh()]), np.float64)
        in_python.parameters.replace(model.parameters.biases, model.parameters.weights)
        close(flat(in_python.gradient(data)), flat(model.gradient(data)), 1e-13)


def test_words_of_the_generator(variant):
    """Random123's known answers, and the reference's words for other counters."""
    for seed, counter, expected in (
        (0, [0] * 4, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (2**64 - 1, [2**32 - 1] * 4, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            0x299F31D0A4093822,
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ):
        words = np.empty(4, np.uint32)
        variant.random_words(seed, np.array(counter, np.uint32), words)
        assert " ".join(f"{word:08x}" for word in words) == expected
        assert [int(word) for word in reference.philox(counter, seed)] == words.tolist()


def test_dropout_leaves_out_the_rate_and_keeps_the_mean():
    oracle = reference.Model([np.zeros((1000, 1))], [np.zeros((1000, 1))], ["identity"], "quadratic", dropout=[0.3], seed=9)
    mask = oracle.mask(0, np.arange(200), 4)
    assert (mask == 0).mean() == pytest.approx(0.3, abs=0.005)
    assert mask.mean() == pytest.approx(1, abs=0.01)
    assert np.unique(np.packbits(mask > 0, axis=0), axis=1).shape[1] == 200


def test_a_mask_depends_on_nothing_that_came_before():
    results = []
    for size in (1, 5, 60):
        model, _, data = task([9, 40, 3], ["relu", "softmax"], "log-likelihood", n=60)
        batches = (
            Batches(np.arange(start, start + size), size, epoch=2, dropout=(0.5, 0.0), seed=3) for start in range(0, 60, size)
        )
        sums = sum(flat(model.gradient(data, each)) for each in batches)
        results.append(sums * size / 60)
    close(results[1], results[0], 1e-13)
    close(results[2], results[0], 1e-13)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("kept", [copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made)), lambda made: made.copy()])
def test_an_optimizer_goes_on_from_its_state(name, kept):
    model, _, data = task([9, 12, 3], ["tanh", "softmax"], "log-likelihood")
    optimizer = OPTIMIZERS[name]()
    train(model, data, optimizer, epochs=2)
    again, other = kept(optimizer), copy.deepcopy(model)
    for each, step in ((model, optimizer), (other, again)):
        train(each, data, step)
    assert digest(model.parameters) == digest(other.parameters)


def test_the_rate_may_change():
    model, oracle, data = task([9, 12, 3], ["tanh", "identity"], "quadratic", n=20)
    optimizer = MomentumDescent(0.1)
    for optimizer.eta in (0.1, 0.01, 0.05):
        model.descend(data, Batches(np.arange(20), 20), optimizer)
        oracle.step(oracle.gradient(data.x.T, data.y.T), optimizer, 20)
    close(parameters(model.parameters), parameters(oracle), 1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_divergence_undoes_model_and_optimizer(name):
    model, _, data = task([9, 12, 3], ["identity", "identity"], "quadratic")
    optimizer = OPTIMIZERS[name]()
    train(model, data, optimizer)
    before, moments = digest(model.parameters), optimizer.moments.tobytes()
    optimizer.eta = 1e300
    with pytest.raises(DivergenceError, match="eta=1e"):
        train(model, data, optimizer, epochs=40)
    assert (digest(model.parameters), optimizer.moments.tobytes()) == (before, moments)


def test_moments_too_small_to_be_normal_are_0():
    model, _, data = task([9, 12, 3], ["tanh", "identity"], "quadratic", n=20)
    for optimizer in (MomentumDescent(1e-300, 1e-3), AdamDescent(1e-3, 1e-3, 1e-3)):
        train(model, data, optimizer)
        assert optimizer.moments.any()
        train(model, data, optimizer, 1, epochs=8, weights=np.zeros(20))
        assert not optimizer.moments.any()


@pytest.mark.parametrize(
    ("activations", "cost", "message"),
    [
        (["sin", "sigmoid"], "quadratic", "activation must be one of identity, .*softmax, not 'sin'"),
        (["softmax", "sigmoid"], "quadratic", "activation 'softmax' is for the output layer, not for hidden layer 1"),
        (["tanh", "tanh"], "cross-entropy", "cost 'cross-entropy' requires the output activation 'sigmoid', not 'tanh'"),
        (["tanh", "tanh"], "hinge", "cost must be one of quadratic, .*poisson, not 'hinge'"),
        ([3, "tanh"], "quadratic", r"activation must be a name, or have functions fn\(z\) and prime\(z\), not 3"),
        (["tanh", "tanh"], 3, r"cost must be a name, or have functions fn\(a, y\) and delta\(z, a, y\), not 3"),
    ],
)
def test_what_does_not_go_together_is_refused(activations, cost, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Model(dense([2, 3, 1], activations), np.float64, cost=cost)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_output(dtype):
    outputs = np.random.default_rng(0).integers(0, 4, (500, 7)).astype(dtype)
    outputs[::9, 3] = np.nan
    outputs[::18, 5] = np.nan
    outputs[1] = -np.inf
    places = np.empty(500, np.int64)
    _kernels.kernels.largest(outputs, places)
    np.testing.assert_array_equal(places, outputs.argmax(axis=1))
