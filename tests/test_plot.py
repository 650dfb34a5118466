"""Pictures: the content of the axes that the functions return."""

import io
from collections import namedtuple

import numpy as np
import pytest

from nndl_ext import Dataset, Network, perceptron
from nndl_ext._engine.functions import ACTIVATIONS

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

from matplotlib import pyplot  # noqa: E402

from nndl_ext import plot  # noqa: E402


@pytest.fixture(autouse=True)
def _every_picture_can_be_written():
    """Draws all open figures after a test, because many errors in a picture occur only then."""
    yield
    for number in pyplot.get_fignums():
        pyplot.figure(number).savefig(io.BytesIO(), format="png")
    pyplot.close("all")


@pytest.fixture(scope="module")
def net(mnist):
    network = Network([784, 16, 10], seed=3)
    network.SGD(mnist[0][:5000], 3, 10, 3.0)
    return network


def texts(ax):
    return [text.get_text() for text in ax.texts]


def lines(ax):
    return {line.get_label(): line.get_ydata().tolist() for line in ax.lines}


def guesses_of(net, data):
    return np.array([int(net.feedforward(x).argmax()) for x, _ in data])


@pytest.mark.parametrize("form", [lambda data: data, list, lambda data: [(x, np.eye(10)[y]) for x, y in data]])
def test_digits_stand_below_their_labels(mnist, form):
    ax = plot.digits(form(mnist[2][:12]), most=11)
    assert texts(ax) == list("72104149590")
    shown = np.nan_to_num(np.ma.filled(ax.images[0].get_array(), 0))
    assert shown.sum() == pytest.approx(mnist[2][:11].x.sum())
    assert np.array_equal(shown[10:38, 31:59], mnist[2].x[1].reshape(28, 28))


def test_wrong_guesses_are_framed_and_named(mnist, net):
    data = mnist[2][:40]
    guesses = guesses_of(net, data)
    ax = plot.digits(data, guesses)
    wrong = guesses != data.y
    assert 0 < wrong.sum() < 40
    assert len(ax.patches) == wrong.sum()
    assert [text for text in texts(ax) if "→" in text] == [
        f"{y} → {guess}" for y, guess in zip(data.y[wrong], guesses[wrong], strict=True)
    ]
    first = int(np.flatnonzero(wrong)[0])
    assert ax.patches[0].get_x() == first % 10 * 31 - 0.5
    assert f"{wrong.sum()} of 40" in ax.get_title()


def test_sparse_and_small_images_are_drawn():
    sparse = pytest.importorskip("scipy.sparse")
    x = np.arange(64.0).reshape(4, 16)
    for data in (Dataset(x, [0, 1, 2, 3]), Dataset(sparse.csr_array(x), [0, 1, 2, 3])):
        mosaic = np.ma.filled(plot.digits(data).images[0].get_array(), np.nan)
        assert np.nansum(mosaic) == x.sum()


def test_misclassified_images_come_with_the_surest_first(mnist, net):
    data = mnist[2][:1000]
    guesses = guesses_of(net, data)
    ax = plot.misclassified(net, data, most=7)
    surest = max(np.flatnonzero(guesses != data.y), key=lambda i: net.feedforward(data[i][0]).max())
    assert len(texts(ax)) == 7
    assert texts(ax)[0] == f"{data.y[surest]} → {guesses[surest]}"
    assert ax.get_title().startswith(f"{np.count_nonzero(guesses != data.y)} of 1,000 wrong")
    right = [data[i] for i in np.flatnonzero(guesses == data.y)]
    assert plot.misclassified(net, right).get_title().startswith(f"0 of {len(right)} wrong")


def test_the_confusion_matrix_counts(mnist, net):
    data = mnist[2][:1000]
    ax = plot.confusion_matrix(net, data)
    counts = np.zeros((10, 10), int)
    for text in ax.texts:
        column, row = text.get_position()
        counts[row, column] = int(text.get_text())
    guesses = guesses_of(net, data)
    assert [[np.count_nonzero((data.y == i) & (guesses == j)) for j in range(10)] for i in range(10)] == counts.tolist()
    assert ax.get_title() == f"{counts.trace()} of 1,000 right ({counts.trace() / 1000:.2%})"


def test_two_classes_of_one_output_and_many_of_many():
    x = np.random.default_rng(0).random((50, 4))
    ax = plot.confusion_matrix(Network([4, 1], seed=0), Dataset(x, np.arange(50) % 2))
    assert sum(map(int, texts(ax))) == 50
    assert len(ax.get_xticks()) == 2
    ax = plot.confusion_matrix(perceptron.Network([4, 47], seed=0), Dataset(x, np.arange(50) % 47))
    assert not ax.texts
    assert ax.images[0].get_array().shape == (47, 47)


def test_weights_are_images_where_inputs_are_a_square(net):
    ax = plot.weights(net, most=12)
    assert texts(ax) == [str(i) for i in range(12)]
    mosaic = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert np.array_equal(mosaic[10:38, :28], net.weights[0][0].reshape(28, 28))
    low, high = ax.images[0].get_clim()
    assert low == -high
    ax = plot.weights(Network([784, 17, 10], seed=0), 1)
    assert ax.images[0].get_array().shape == (10, 17)
    assert ax.get_xlabel() == "neuron of the hidden layer"
    assert ax.get_ylabel() == "neuron of the outputs"


FOUR = ([0.9, 0.5, 0.6], [80, 92, 91], [0.8, 0.4, 0.2], [150, 190, 200])
NAMED = dict(zip(("evaluation_cost", "evaluation_accuracy", "training_cost", "training_accuracy"), FOUR, strict=True))


History = namedtuple("History", [*NAMED, "eta", "gradient_norms"])  # the form of network2's history
HISTORY = History(*FOUR, [0.5] * 3, [[0.1, 0.2]] * 3)


@pytest.mark.parametrize(
    "history", [FOUR, list(FOUR), NAMED, {**NAMED, "training_cost": np.array(FOUR[2])}, HISTORY, HISTORY._asdict()]
)
def test_costs_and_accuracies_of_a_run(history):
    cost, accuracy = plot.learning_curves(history, evaluation_size=100, training_size=200)
    assert lines(cost) == {"evaluation": FOUR[0], "training": FOUR[2]}
    assert lines(accuracy) == {"evaluation: best 92.00% in epoch 1": [0.8, 0.92, 0.91], "training": [0.75, 0.95, 1]}
    for ax, best in ((cost, 0.5), (accuracy, 0.92)):
        assert ax.collections[0].get_offsets().tolist() == [[1, best]]
        assert ax.get_xlabel() == "epoch"
    assert accuracy.get_ylabel() == "accuracy"


def test_accuracies_alone_and_costs_alone():
    ax = plot.learning_curves([0.5, 0.75, 0.75])
    assert lines(ax) == {"evaluation: best 75.00% in epoch 1": [0.5, 0.75, 0.75]}
    ax = plot.learning_curves(([3.0, 1.0, 2.0], [], [], []))
    assert lines(ax) == {"evaluation: best 1 in epoch 1": [3, 1, 2]}
    ax = plot.learning_curves(([], [], [], [70, 71]))
    assert lines(ax) == {"training": [70, 71]}
    assert not ax.collections
    assert ax.get_ylabel() == "right answers"


def test_accuracies_may_be_counts_shares_or_percentages():
    for history, size, label, text in (
        ([0, 1, 1], 0, "right answers", "best 1 in epoch 1"),
        ([0, 1, 1], 2, "accuracy", "best 50.00% in epoch 1"),
        ([9123, 9345], 0, "right answers", "best 9345 in epoch 1"),
        (np.array([9123.0, 9345.0]), 10000, "accuracy", "best 93.45% in epoch 1"),
        ([91.23, 93.45], 0, "accuracy", "best 93.45 in epoch 1"),
        ([0.0, 0.0], 10000, "accuracy", "best 0.00% in epoch 0"),
    ):
        ax = plot.learning_curves(history, evaluation_size=size)
        assert ax.get_ylabel() == label
        assert [*lines(ax)] == [f"evaluation: {text}"]


def test_several_runs_have_a_colour_each():
    ax = plot.learning_curves({"eta 3": [0.5, 0.7], "eta 0.3": [0.6, 0.65, 0.66]})
    assert lines(ax) == {
        "eta 3: best 70.00% in epoch 1": [0.5, 0.7], "eta 0.3: best 66.00% in epoch 2": [0.6, 0.65, 0.66]
    }  # fmt: skip
    cost, accuracy = plot.learning_curves({"a": FOUR, "b": HISTORY}, evaluation_size=100, training_size=200)
    assert len({line.get_color() for line in cost.lines}) == 2
    assert {line.get_linestyle() for line in accuracy.lines if "training" in line.get_label()} == {"--"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_their_derivatives(name):
    ax = plot.activation(name)
    curve, derivative = ax.lines[-2:]
    z, a = curve.get_data()
    known = {
        "sigmoid": 1 / (1 + np.exp(-z)),
        "softmax": np.exp(z) / (np.exp(z) + 1),
        "tanh": np.tanh(z),
        "relu": np.maximum(z, 0),
        "identity": z,
        "exp": np.exp(z),
        "softplus": np.log1p(np.exp(z)),
    }
    assert np.allclose(a, known[name], atol=1e-12)
    steps = np.diff(a) / np.diff(z)
    assert np.abs(derivative.get_ydata()[1:] - steps).max() < (0.6 if name == "relu" else 0.05)


def test_pictures_go_where_they_are_asked_to(mnist, net):
    figure, panels = pyplot.subplots(2, 4)
    data = mnist[2][:50]
    axes = panels.ravel().tolist()
    for draw in (
        lambda ax: plot.digits(data, ax=ax),
        lambda ax: plot.misclassified(net, data, ax=ax),
        lambda ax: plot.confusion_matrix(net, data, ax=ax),
        lambda ax: plot.weights(net, ax=ax),
        lambda ax: plot.weights(net, 1, ax=ax),
        lambda ax: plot.learning_curves([0.5], ax=ax),
        lambda ax: plot.activation("tanh", ax=ax),
    ):
        ax = axes.pop()
        assert draw(ax) is ax
    costs_and_accuracies = [FOUR[0], [0.8, 0.9], [], []]
    assert list(plot.learning_curves(costs_and_accuracies, ax=panels[0, :2])) == list(panels[0, :2])
    assert pyplot.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.digits([]), r"data must hold at least one pair \(x, y\)"),
        (lambda: plot.digits(Dataset(np.zeros((1, 15)), [0])), "square images, not images of 15 pixels"),
        (lambda: plot.digits(Dataset(np.zeros((2, 16)), [0, 1]), [0]), r"guesses must have shape \(2,\), .* not \(1,\)"),
        (lambda: plot.digits(Dataset(np.zeros((2, 16)), [0, 1]), most=0), "most must be at least 1, not 0"),
        (lambda: plot.misclassified(Network([4, 2]), []), "data must hold at least one pair"),
        (lambda: plot.confusion_matrix(Network([4, 2]), Dataset(np.zeros((2, 5)), [0, 1])), "data has 5 inputs"),
        (lambda: plot.weights(Network([4, 2]), 1), "layer must be at most 0, not 1"),
        (lambda: plot.activation("sine"), "name must be one of identity, .*, not 'sine'"),
        (lambda: plot.learning_curves([]), "history must report at least one epoch"),
        (lambda: plot.learning_curves({}), "history must report at least one epoch"),
        (lambda: plot.learning_curves(([], [], [], [])), "history must report at least one epoch"),
        (lambda: plot.learning_curves(([1], [1])), "a run must have the 4 lists .*, not 2"),
        (lambda: plot.learning_curves({"a": {"loss": [1]}}), "a run must report .*, not 'loss'"),
        (lambda: plot.learning_curves({"a": 5}), "a run must be .*, not 5"),
        (lambda: plot.learning_curves(["a"]), "evaluation_accuracy"),
        (lambda: plot.learning_curves([0.5], ax=[None, None]), "ax must be 1 axes, for one curve, not 2"),
        (lambda: plot.learning_curves(FOUR), "give the numbers of samples as evaluation_size and training_size"),
        (lambda: plot.learning_curves({"a": [0.5], "b": [50]}), "accuracies differ in scale"),
        (lambda: plot.learning_curves(NAMED, training_size=200), "accuracies differ in scale"),
        (
            lambda: plot.learning_curves((*FOUR[:2], [], []), ax=pyplot.gca()),
            "ax must be 2 axes, for costs and accuracies, not 1",
        ),
    ],
)
def test_what_can_not_be_drawn_is_said(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_weights_that_are_not_finite_are_refused():
    net = Network([4, 2])
    net.weights[0][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"weights\[0\] must hold finite numbers, not nan"):
        plot.weights(net)
