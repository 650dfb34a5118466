"""The public interface of the network: attributes, calls, and errors."""

import copy
import gc
import pickle
import tracemalloc
import weakref
from array import array as python_array

import numpy as np
import pytest

from nndl_ext import Dataset, Network, reference

pytestmark = pytest.mark.usefixtures("variant")

X, Y = np.full((3, 1), 0.5), np.array([[1.0], [0.0]])


@pytest.fixture
def net():
    return Network([3, 4, 2], seed=0)


def test_attributes(net):
    assert net.num_layers == 3
    assert net.sizes == [3, 4, 2]
    assert [w.shape for w in net.weights] == [(4, 3), (2, 4)]
    assert [b.shape for b in net.biases] == [(4, 1), (2, 1)]
    assert {a.dtype for a in net.weights + net.biases} == {net.dtype} == {np.dtype(np.float64)}
    assert all(isinstance(a, np.ndarray) and a.flags.writeable for a in net.weights + net.biases)


@pytest.mark.parametrize("sizes", [(784, 10), np.array([5, 4, 3]), [1, 1], [2, 200, 3, 1]])
def test_any_sizes(sizes):
    net, oracle = Network(sizes, seed=1), reference.Network(sizes, seed=1)
    x = np.linspace(-1, 1, sizes[0])[:, np.newaxis]
    np.testing.assert_allclose(net.feedforward(x), oracle.feedforward(x), rtol=1e-12)


def test_edits_and_replacements_are_seen(net):
    net.weights[0][3, 1] = 7.0
    net.biases[1][0] = -2.0
    oracle = reference.Network([3, 4, 2])
    oracle.weights, oracle.biases = net.weights, net.biases
    np.testing.assert_allclose(net.feedforward(X), oracle.feedforward(X), rtol=1e-14)
    net.weights = oracle.weights = [np.ones((4, 3)), np.ones((2, 4), np.float32)]
    np.testing.assert_allclose(net.feedforward(X), oracle.feedforward(X), rtol=1e-14)
    net.weights[0][0, 0] = -3.0
    np.testing.assert_allclose(net.feedforward(X), oracle.feedforward(X), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [lambda x: x[:, 0], lambda x: x[:, :1], lambda x: x])
def test_the_activations_of_each_layer(form, dtype, mnist):
    ours = Network([784, 30, 20, 10], seed=0, dtype=dtype)
    a = form(mnist[2].x[:5].T)
    layers = ours.layer_outputs(a)
    assert layers[-1].tobytes("A") == ours.feedforward(a).tobytes("A")
    expected = np.asarray(a, np.float64).reshape(784, -1)
    for layer, b, w in zip(layers, ours.biases, ours.weights, strict=True):
        assert layer.dtype == dtype
        expected = reference.sigmoid(w.astype(np.float64) @ expected + b)
        np.testing.assert_allclose(layer, expected, rtol=1e-12 if dtype == np.float64 else 1e-3)


def test_the_layers_of_an_overridden_feedforward_are_unknown(net):
    net.feedforward = lambda _x: np.zeros((2, 1))
    with pytest.raises(TypeError, match="layer_outputs can't see the layers of an overridden feedforward"):
        net.layer_outputs(X)


def test_feedforward_takes_a_row_of_numbers_as_a_column(net):
    np.testing.assert_array_equal(net.feedforward([0.5, 0.5, 0.5]), net.feedforward(X))
    assert net.feedforward(X).shape == (2, 1)
    assert net.feedforward(np.zeros((3, 0))).shape == (2, 0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("inputs", [3, 4000])
def test_feedforward_takes_an_input_in_any_form(inputs, dtype):
    net, oracle = (each([inputs, 4, 2], seed=0, dtype=dtype) for each in (Network, reference.Network))
    values = np.arange(inputs) % 5 / 4 * (np.arange(inputs) % 3 == 0)  # exact in float16, and two thirds are 0
    expected = net.feedforward(values.astype(dtype)[:, np.newaxis])
    np.testing.assert_allclose(expected, oracle.feedforward(values[:, np.newaxis].astype(dtype)), rtol=1e-4)
    forms = [values.astype(code) for code in ("f8", "f4", "f2", ">f8", ">f4", "<f4")]
    forms += [values.tolist(), python_array("f", values), np.array([values, values]).T[:, :1], values[::-1].copy()[::-1]]
    forms += [form.astype(dtype)[:, np.newaxis] for form in forms[:2]]
    for form in forms:
        np.testing.assert_array_equal(net.feedforward(form), expected)


def test_replaced_arrays_of_one_element_are_seen():
    net, x = Network([1, 1], seed=0), [[0.5]]
    before = net.feedforward(x)
    net.weights[0] = net.weights[0].copy()
    np.testing.assert_array_equal(net.feedforward(x), before)
    net.weights[0][0, 0] += 1
    assert net.feedforward(x) > before
    net.biases[0] = [[-50.0]]
    assert net.feedforward(x) < 1e-15


def test_float32_stays_float32():
    net = Network([3, 4, 2], dtype=np.float32, seed=0)
    assert net.feedforward(X).dtype == np.float32
    assert {a.dtype for arrays in net.backprop(X, Y) for a in arrays} == {np.dtype(np.float32)}
    net.update_mini_batch([(X, Y)], 1.0)
    assert {a.dtype for a in net.weights + net.biases} == {np.dtype(np.float32)}


def test_the_seed_alone_decides(net):
    np.testing.assert_array_equal(Network([3, 4, 2], seed=0).weights[0], net.weights[0])
    assert not np.array_equal(Network([3, 4, 2], seed=1).weights[0], net.weights[0])
    assert not np.array_equal(Network([3, 4, 2]).weights[0], Network([3, 4, 2]).weights[0])


def test_evaluate_takes_labels_and_unit_vectors(net):
    x = np.random.default_rng(0).standard_normal((50, 3))
    guesses = net.feedforward(x.T).argmax(axis=0)
    labels = np.where(np.arange(50) < 20, guesses, 1 - guesses)
    for y in (labels, np.eye(2)[labels]):
        assert net.evaluate(Dataset(x, y)) == 20
        assert net.evaluate(list(Dataset(x, y))) == 20


LABELS = {
    "float": float,
    "float32": np.float32,
    "bool": bool,
    "numpy bool": np.bool_,
    "uint8": np.uint8,
    "0-d": np.array,
    "(1,)": lambda label: np.array([label]),
    "(1,) of float": lambda label: np.array([float(label)]),
    "(1, 1)": lambda label: np.array([[label]]),
    "list": lambda label: [label],
}


@pytest.mark.parametrize("form", LABELS)
def test_labels_count_in_whatever_form_they_come(net, form):
    """Floats from ``np.loadtxt`` and rows from ``loadmat`` are labels, as in the book's ``int(x == y)``."""
    x = np.random.default_rng(0).standard_normal((20, 3))
    labels = np.random.default_rng(1).integers(0, 2, 20)
    expected = net.evaluate(Dataset(x, labels))
    pairs = [(row, LABELS[form](int(label))) for row, label in zip(x, labels, strict=True)]
    assert net.evaluate(pairs) == expected
    for shape in (20, (20, 1)):
        assert net.evaluate(Dataset(x, np.reshape([y for _, y in pairs], shape))) == expected
    other = copy.deepcopy(net)
    net.SGD(Dataset(x, np.eye(2)[labels]), 2, 3, 1.0)
    other.SGD(pairs, 2, 3, 1.0)
    np.testing.assert_array_equal(other.weights[0], net.weights[0])


@pytest.mark.parametrize("y", [0.5, np.array([1.5]), [0.5]])
def test_numbers_that_are_no_labels_are_named(net, y):
    with pytest.raises(ValueError, match="test_data: y has 1 outputs, but the network has 2"):
        net.evaluate([(X, 1.0), (X, 0.0), (X, y)] if np.ndim(y) == 0 else [(X, y)])


XOR = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]
TARGETS = {
    "(1, 1)": lambda bit: np.array([[float(bit)]]),
    "(1,)": lambda bit: np.array([bit]),
    "label": int,
    "bool": bool,
    "float": float,
    "soft": lambda bit: 0.1 + 0.8 * bit,
}


def solved():
    """A network with one output that computes XOR."""
    net = Network([2, 2, 1], seed=0)
    net.weights, net.biases = [[[20, 20], [-20, -20]], [[20, 20]]], [[[-10], [30]], [[-30]]]
    net.weights, net.biases = ([np.array(a, float) for a in arrays] for arrays in (net.weights, net.biases))
    return net


@pytest.mark.parametrize("form", TARGETS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_output_tells_two_classes(form, dtype, capsys):
    pairs = [(x, TARGETS[form](y)) for x, y in XOR]
    assert solved().evaluate(pairs) == 4
    untrained = Network([2, 1], seed=0, dtype=dtype)
    found = [int(untrained.feedforward(x)[0, 0] >= 0.5) for x, _ in XOR]
    right = sum(guess == y for guess, (_, y) in zip(found, XOR, strict=True))
    assert untrained.evaluate(pairs) == right < 4
    untrained.SGD(pairs, 1, 2, 0.0, test_data=pairs)
    assert capsys.readouterr().out == f"Epoch 0: {right} / 4\n"


@pytest.mark.parametrize("y", [[2], [-1], [7.5], [[1.001]], [[-0.5]]])
def test_one_output_can_not_count_other_numbers(y):
    net, pairs = Network([2, 1], seed=0), Dataset(np.zeros((len(y), 2)), np.array(y) if np.ndim(y) == 2 else np.array([y]).T)
    with pytest.raises(ValueError, match="evaluate can count labels 0 and 1 or desired outputs from 0 to 1, but y goes from"):
        net.evaluate(pairs)
    net.update_mini_batch(pairs, 0.1)  # any number may be a desired output


def numeric_gradient(net, data, flatten):
    """The gradient as readers check it: each weight a little up and a little down, through a flattened view."""
    numeric = []
    for arrays in (net.biases, net.weights):
        for array in arrays:
            flat, slopes = flatten(array), []
            for i in range(len(flat)):
                costs = []
                for step in (1e-5, -2e-5):
                    flat[i] += step
                    costs.append(net.cost(data))
                flat[i] += 1e-5
                slopes.append((costs[0] - costs[1]) / 2e-5)
            numeric.append(np.array(slopes))
    return np.concatenate(numeric)


FLATTENED = {
    "flat": lambda a: a.flat,
    "ravel": lambda a: a.ravel(),
    "ravel('A')": lambda a: a.ravel("A"),
    "np.ravel": np.ravel,
    "reshape(-1)": lambda a: a.reshape(-1),
    "reshape((-1,))": lambda a: a.reshape((-1,)),
    "np.reshape": lambda a: np.reshape(a, -1),
    "slice": lambda a: a[:].ravel(),
    "transposed": lambda a: a.T.ravel(),
}


@pytest.mark.parametrize("form", FLATTENED)
def test_what_is_written_to_a_flattened_matrix_takes_effect_or_raises(net, form):
    data = [(X, Y), (-X, 1 - Y)]
    try:
        numeric = numeric_gradient(net, data, FLATTENED[form])
    except ValueError as error:
        assert "read-only" in str(error)  # noqa: PT017
        return
    exact = net.cost_gradient(data)
    np.testing.assert_allclose(numeric, np.concatenate([a.ravel() for nablas in exact for a in nablas]), atol=1e-8)


def test_what_is_written_to_flattened_copies_and_gradients_is_not_lost(net):
    for array in (net.weights[0], net.backprop(X, Y)[1][0]):
        for flatten in FLATTENED.values():
            flat = flatten(array)
            try:
                flat[1] = 77.0
            except ValueError:
                continue
            assert 77.0 in array


COMPUTED = {
    "product": lambda w: w * 2,
    "difference": lambda w: w - w,
    "abs": abs,
    "mask": lambda w: w > 0,
    "exp": np.exp,
    "zeros_like": np.zeros_like,
    "ones_like": np.ones_like,
    "empty_like": np.empty_like,
    "full_like": lambda w: np.full_like(w, 3),
    "np.copy": np.copy,
    "copy": lambda w: w.copy(),
    "copy F": lambda w: w.copy("F"),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "astype": lambda w: w.astype(np.float32),
    "np.round": lambda w: np.round(w, 2),
    "np.clip": lambda w: np.clip(w, -1, 1),
    "np.where": lambda w: np.where(w > 0, w, 0),
    "pickle": lambda w: pickle.loads(pickle.dumps(w)),
    "np.array": lambda w: np.array(w, order="C"),
    "list": lambda w: np.array(w.tolist()),
}


@pytest.mark.parametrize("compute", COMPUTED)
def test_what_is_computed_from_weights_is_an_ordinary_array(net, compute):
    array = COMPUTED[compute](net.weights[0])
    assert type(array) is np.ndarray
    array.ravel()[1] = 77
    array.reshape(-1)[2] = 78
    assert (array[0, 1], array[0, 2]) == ((True, True) if compute == "mask" else (77, 78))


def test_weights_do_in_arithmetic_what_arrays_do(net):
    w, kept = net.weights[0], net.weights[0]
    w += 1.0
    assert w is kept
    np.testing.assert_array_equal(net.weights[0], kept)
    assert type(w.sum()) is type(np.linalg.norm(w)) is type(w[0] @ w[0]) is np.float64
    assert repr(w) == repr(np.array(w))
    assert net.weights[0].tolist() == [[float(value) for value in row] for row in w]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("call", ["SGD", "update_mini_batch", "backprop", "evaluate", "cost", "cost_gradient", "save"])
def test_weights_that_are_not_finite_are_refused_even_where_zeros_hide_them(tmp_path, call, value):
    net, x = Network([3, 4, 2], seed=0), np.array([[0.0], [0.5], [0.5]])
    net.weights[0][:, 0] = value
    arguments = {
        "SGD": ([(x, Y)], 1, 1, 1.0), "update_mini_batch": ([(x, Y)], 1.0), "backprop": (x, Y), "save": (tmp_path / "n.npz",)
    }.get(call, ([(x, Y)],))  # fmt: skip
    with pytest.raises(ValueError, match=r"weights\[0\] must hold finite numbers"):
        getattr(net, call)(*arguments)
    assert not (tmp_path / "n.npz").exists()


def test_a_label_trains_as_its_unit_vector(net):
    for by_label, by_vector in zip(net.backprop(X, 0), net.backprop(X, Y), strict=True):
        for a, b in zip(by_label, by_vector, strict=True):
            np.testing.assert_array_equal(a, b)


def test_sgd_prints_a_line_an_epoch(net, capsys):
    assert net.SGD([(X, Y)], 2, 1, 0.1) is None
    assert capsys.readouterr().out == "Epoch 0 complete\nEpoch 1 complete\n"
    guess = int(net.feedforward(X).argmax())
    net.SGD([(X, Y)], 1, 1, 0.0, test_data=zip([X, X], [guess, 1 - guess], strict=True))
    assert capsys.readouterr().out == "Epoch 0: 1 / 2\n"
    net.SGD([(X, Y)], 0, 1, 0.1)
    assert capsys.readouterr().out == ""


def test_an_overridden_feedforward_is_evaluated(net):
    net.feedforward = lambda _x: np.array([[0.0], [1.0]])
    assert net.evaluate([(X, 1), (X, 0)]) == 1


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda net: pickle.loads(pickle.dumps(net))])
def test_duplicates_are_equal_and_independent(net, duplicate):
    other = duplicate(net)
    data = [(X * k, Y) for k in range(5)]
    for each in (net, other):
        each.SGD(data, 2, 2, 1.0)
    np.testing.assert_array_equal(other.weights[0], net.weights[0])
    assert other._own_generator.getstate() == net._own_generator.getstate()
    net.SGD(data, 1, 2, 1.0)
    assert other._own_generator.getstate() != net._own_generator.getstate()
    net.weights, net.threads = [w.copy() for w in other.weights], 5
    assert other.threads is None
    other.weights[0][0, 0] += 1.0
    assert not np.array_equal(other.feedforward(X), net.feedforward(X))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sizes": [3]}, ValueError, r"at least two layers of at least one neuron each, not \[3\]"),
        ({"sizes": [3, 0]}, ValueError, r"at least one neuron each, not \[3, 0\]"),
        ({"sizes": [3, 2.5]}, TypeError, r"sizes must be a sequence of integers, not \[3, 2.5\]"),
        ({"sizes": 3}, TypeError, "sizes must be a sequence of integers, not 3"),
        ({"sizes": [3, 2], "dtype": "int8"}, ValueError, "dtype must be float32 or float64, not int8"),
        ({"sizes": [3, 2], "seed": -1}, ValueError, "seed must be at least 0, not -1"),
        ({"sizes": [3, 2], "seed": "x"}, TypeError, "seed must be an integer, not 'x'"),
    ],
)
def test_a_network_that_can_not_be_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Network(**arguments)


PAIRS = [(X, Y)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net: net.feedforward(np.zeros((4, 1))), ValueError, r"a must have shape \(3, m\), not \(4, 1\)"),
        (lambda net: net.feedforward(np.zeros((3, 1, 1))), ValueError, r"a must have shape \(3, m\), not \(3, 1, 1\)"),
        (lambda net: net.feedforward(["a", "b", "c"]), TypeError, "a must hold real numbers"),
        (lambda net: net.SGD([], 1, 1, 1.0), ValueError, "training_data must hold at least one pair"),
        (lambda net: net.SGD([(np.zeros(4), Y)], 1, 1, 1.0), ValueError, "training_data has 4 inputs, but the network has 3"),
        (lambda net: net.SGD([(X, np.zeros(3))], 1, 1, 1.0), ValueError, "y has 3 outputs, but the network has 2"),
        (lambda net: net.SGD([(X, 2)], 1, 1, 1.0), ValueError, "labels must be from 0 to 1 for 2 outputs, not from 2 to 2"),
        (lambda net: net.SGD(PAIRS, 1, 0, 1.0), ValueError, "mini_batch_size must be at least 1, not 0"),
        (lambda net: net.SGD(PAIRS, 1, 1.5, 1.0), TypeError, "mini_batch_size must be an integer, not 1.5"),
        (lambda net: net.SGD(PAIRS, 1, 1, float("nan")), ValueError, "eta must be finite, not nan"),
        (lambda net: net.SGD(PAIRS, 1, 1, "fast"), TypeError, "eta must be a real number, not 'fast'"),
        (lambda net: net.SGD(PAIRS, 1.5, 1, 1.0), TypeError, "epochs must be an integer, not 1.5"),
        (lambda net: net.SGD(PAIRS, -1, 1, 1.0), ValueError, "epochs must be at least 0, not -1"),
        (lambda net: net.SGD(PAIRS, 1, 1, 1.0, test_data=[(np.zeros(9), 1)]), ValueError, "test_data has 9 inputs"),
        (lambda net: net.update_mini_batch([], 1.0), ValueError, "mini_batch must hold at least one pair"),
        (lambda net: net.evaluate([]), ValueError, "test_data must hold at least one pair"),
        (lambda net: net.cost([(X, np.zeros(3))]), ValueError, "y has 3 outputs"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(net, call, error, message):
    before = copy.deepcopy(net.weights + net.biases)
    with pytest.raises(error, match=message):
        call(net)
    for array, value in zip(net.weights + net.biases, before, strict=True):
        np.testing.assert_array_equal(array, value)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([np.zeros((4, 3))], ValueError, "weights must have one array for each of 2 layers, not 1"),
        ([np.zeros((4, 3)), np.zeros((4, 2))], ValueError, r"weights\[1\] must have shape \(2, 4\), not \(4, 2\)"),
        ([np.zeros((4, 3)), np.zeros((2, 4), complex)], TypeError, r"weights\[1\] must hold real numbers"),
    ],
)
def test_replaced_weights_that_do_not_fit_are_named(net, weights, error, message):
    net.weights = weights
    with pytest.raises(error, match=message):
        net.feedforward(X)


def test_a_cost_derivative_of_another_shape_is_named(net):
    net.cost_derivative = lambda a, y: (a - y).ravel()
    with pytest.raises(ValueError, match=r"what cost_derivative returns must have shape \(2, 1\), not \(2,\)"):
        net.backprop(X, Y)


def peak_of(job):
    tracemalloc.start()
    job()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_memory_is_in_proportion_to_the_network(dtype):
    assert peak_of(lambda: Network([700, 900], seed=0, dtype=dtype)) < 700 * 900 * (8 + np.dtype(dtype).itemsize) + 2e6


def test_the_memory_of_a_cost_is_that_of_the_outputs():
    data, net = Dataset(np.ones((50_000, 2)), np.zeros((50_000, 40))), Network([2, 40], seed=0, dtype=np.float32)
    expected = net.cost(data[:1000])
    data.desired_outputs(40, np.dtype(np.float32)), data.rows
    assert peak_of(lambda: net.cost(data)) < 2 * 50_000 * 40 * 4
    assert net.cost(data) == pytest.approx(expected, rel=1e-12)


def test_biases_that_are_kept_keep_no_weights():
    net = Network([1000, 500, 10], seed=0)
    sample = np.ones((1000, 1)), np.ones((10, 1))
    nabla_b, nabla_w = net.backprop(*sample)
    weights, gradient = weakref.ref(net.weights[0].base), weakref.ref(nabla_w[0].base)
    kept = net.biases + nabla_b
    del nabla_w
    net.SGD([sample], 1, 1, 0.1)
    gc.collect()
    assert weights() is None
    assert gradient() is None
    assert [b.shape for b in kept] == 2 * [(500, 1), (10, 1)]


def test_biases_edited_in_place_count_in_the_next_call():
    net = Network([3, 4, 2], seed=0)
    x = np.ones((3, 1))
    for call in (
        lambda: net.feedforward(x),
        lambda: net.feedforward(np.ones((3, 2))),
        lambda: net.cost([(x, 1)]),
        lambda: net.backprop(x, 1)[1][0],
        lambda: pickle.loads(pickle.dumps(net)).biases[0],
    ):
        before = call()
        net.biases[0][1] += 0.5
        assert np.any(call() != before)
    before = net.biases[0].copy()
    net.update_mini_batch([(x, 1)], 0.0)
    np.testing.assert_array_equal(net.biases[0], before)


@pytest.mark.parametrize("outputs", [1, 3])
def test_classes_of_inputs_and_those_in_the_wrong_place(outputs):
    rng = np.random.default_rng(0)
    net, x, y = Network([4, outputs], seed=1), rng.standard_normal((50, 4)), rng.integers(0, max(outputs, 2), 50)
    data = Dataset(x, y)
    guesses = net.predict(x.T)
    assert [net.predict(column) for column in x] == guesses.tolist()
    assert guesses.dtype == np.int64
    assert type(net.predict(x[0])) is int
    indices, labels, wrong = net.misclassified(data)
    assert indices.tolist() == np.flatnonzero(guesses != y).tolist()
    assert len(indices) == 50 - net.evaluate(data)
    np.testing.assert_array_equal(labels, y[indices])
    np.testing.assert_array_equal(wrong, guesses[indices])
    assert {array.dtype for array in (indices, labels, wrong)} == {np.dtype(np.int64)}
    assert net.misclassified([(column, net.predict(column)) for column in x])[0].size == 0


def test_accuracies_are_on_the_network(capsys):
    net, data = Network([4, 3], seed=1), Dataset(np.eye(4), [0, 1, 2, 0])
    assert list(net.history) == []
    assert net.SGD(data, 3, 2, 1.0, test_data=data) is None
    assert [f"Epoch {i}: {right} / 4" for i, right in enumerate(net.history)] == capsys.readouterr().out.splitlines()
    net.SGD(data, 2, 2, 1.0)
    assert net.history == []
