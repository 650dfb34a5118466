"""The warning about inputs that saturate the first hidden neurons."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from nndl_ext import Dataset, Network, mnist_loader, network2

X, LABELS = mnist_loader.load_data()[0]
X, LABELS = X[:200], LABELS[:200]
PIXELS = (X * 256).round()  # as in image files, from 0 to 255


def chapter1(data):
    Network([784, 30, 10], seed=0).SGD(data, 1, 10, 3.0)


def chapter3(data):
    network2.Network([784, 30, 10], seed=0).SGD(data, 1, 10, 0.5)


def with_tanh(data):
    network2.Network([784, 30, 10], activation="tanh", dtype="float32", seed=0).SGD(data, 1, 10, 0.1)


def estimator(activation):
    def fit(data):
        sklearn = pytest.importorskip("nndl_ext.sklearn")
        sklearn.MLPClassifier((30,), activation=activation, random_state=0).partial_fit(data.x, data.y, classes=range(10))

    return fit


TRAININGS = [chapter1, chapter3, with_tanh, estimator("logistic"), estimator("tanh")]


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("train", TRAININGS)
def test_pixels_up_to_255_are_named_once_with_their_divisor(train):
    with pytest.warns(UserWarning, match=r"saturated.* the inputs reach 255. Divide them by 255$") as caught:
        train(Dataset(PIXELS, LABELS))
    (warning,) = caught
    assert warning.filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(Dataset(PIXELS / 255, LABELS))


@pytest.mark.parametrize("x", [PIXELS.astype(np.float32), csr_matrix(PIXELS), list(PIXELS)])
def test_any_form_of_inputs(x):
    with pytest.warns(UserWarning, match="Divide them by 255"):
        chapter1(Dataset(x, LABELS))


def test_a_palette():
    with pytest.warns(UserWarning, match="Divide them by 255"):
        chapter1(Dataset(PIXELS.astype(np.uint8), LABELS, palette=np.arange(256.0)))


@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_neurons_without_a_limit_cannot_saturate(activation):
    network2.Network([784, 30, 10], activation=activation, seed=0).SGD(Dataset(PIXELS, LABELS), 1, 10, 1e-9)


def test_large_weights_are_not_the_fault_of_the_inputs():
    net = Network([784, 30, 10], seed=0)
    net.weights[0][:] *= 1000
    net.SGD(Dataset(X, LABELS), 1, 10, 3.0)


def test_only_the_start_of_a_training_counts():
    net = Network([784, 30, 10], seed=0)
    data = Dataset(PIXELS, LABELS)
    with pytest.warns(UserWarning, match="saturated") as caught:
        net.SGD(data, 5, 10, 3.0)
    assert len(caught) == 1
