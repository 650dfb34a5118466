"""The engine compared with scikit-learn's networks, which have the same optimizers and regularization."""

from itertools import pairwise

import numpy as np
import pytest

from nndl_ext import Dataset
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Batches, Model
from nndl_ext._engine.optimizers import AdamDescent, MomentumDescent, Regularization

neural_network = pytest.importorskip("sklearn.neural_network")
pytestmark = [
    pytest.mark.usefixtures("variant"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

OPTIMIZERS = {
    "sgd": ({"solver": "sgd", "learning_rate_init": 0.05, "nesterovs_momentum": False}, lambda **o: MomentumDescent(0.05, **o)),
    "nesterov": ({"solver": "sgd", "learning_rate_init": 0.05}, lambda **o: MomentumDescent(0.05, nesterov=True, **o)),
    "adam": ({"solver": "adam", "learning_rate_init": 0.01}, lambda **o: AdamDescent(0.01, **o)),
}
NAMES = {"logistic": "sigmoid"}


def first_parameters(sizes, activation):
    """The parameters that scikit-learn draws with ``random_state=0``."""
    rng = np.random.RandomState(0)
    for inputs, neurons in pairwise(sizes):
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (inputs + neurons))
        yield rng.uniform(-bound, bound, (inputs, neurons)), rng.uniform(-bound, bound, neurons)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_weights(optimizer, activation, classes):
    rng = np.random.default_rng(0)
    x, epochs, size = rng.standard_normal((60, 8)), 6, 17
    y = rng.integers(0, classes, 60) if classes else rng.standard_normal((60, 2))
    options, ours = OPTIMIZERS[optimizer]
    estimator = neural_network.MLPClassifier if classes else neural_network.MLPRegressor
    theirs = estimator(
        hidden_layer_sizes=(9, 7),
        activation=activation,
        alpha=0.3,
        batch_size=size,
        shuffle=False,
        max_iter=epochs,
        random_state=0,
        **options,
    ).fit(x, y)

    sizes = [8, 9, 7, classes or 2]
    hidden = NAMES.get(activation, activation)
    activations = [hidden, hidden, "softmax" if classes else "identity"]
    model = Model(dense(sizes, activations), np.float64, cost="log-likelihood" if classes else "quadratic")
    weights, biases = zip(*first_parameters(sizes, activation), strict=True)
    model.parameters.replace([b[:, np.newaxis] for b in biases], [w.T for w in weights])
    step = ours(regularization=Regularization(l2=0.3))
    for _ in range(epochs):
        model.descend(Dataset(x, y), Batches(np.arange(60), size), step)
    for w, b, coefs, intercepts in zip(
        model.parameters.weights, model.parameters.biases, theirs.coefs_, theirs.intercepts_, strict=True
    ):
        np.testing.assert_allclose(w, coefs.T, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(b[:, 0], intercepts, rtol=1e-9, atol=1e-12)
