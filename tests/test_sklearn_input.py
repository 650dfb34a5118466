"""What the estimators accept and refuse: kinds of labels, weights, types, parameters."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")
import sklearn
from scipy.sparse import csc_matrix, csr_array, csr_matrix
from sklearn import neural_network
from test_sklearn import DIABETES, PROGRESS, X, Y

from nndl_ext.sklearn import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.usefixtures("variant"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.mark.parametrize("container", [csr_matrix, csr_array, csc_matrix])
@pytest.mark.parametrize("times", ["fit", "partial_fit"])
def test_sparse_labels_of_several_kinds(container, times):
    """Early stopping compares sparse answers with sparse labels, as scikit-learn does."""
    y = np.column_stack([Y % 2, Y > 4, Y == 3]).astype(int)[:200]
    options = {"hidden_layer_sizes": (20,), "early_stopping": times == "fit", "max_iter": 20, "random_state": 0}
    fitted = []
    for kind in (MLPClassifier, neural_network.MLPClassifier):
        estimator = kind(**options)
        for _ in range(20 if times == "partial_fit" else 1):
            more = {"classes": [0, 1, 2]} if times == "partial_fit" else {}
            getattr(estimator, times)(X[:200], container(y), **more)
        fitted.append(estimator)
    ours, theirs = fitted
    assert type(ours.predict(X)) is type(theirs.predict(X))
    np.testing.assert_array_equal(ours.predict(X).toarray(), theirs.predict(X).toarray())
    assert getattr(ours, "validation_scores_", None) == getattr(theirs, "validation_scores_", None)


def test_labels_of_another_kind_than_the_fitted_ones():
    several, one = np.column_stack([Y % 2, Y > 4, Y == 3]).astype(int)[:100], (Y % 3)[:100]
    x = X[:100]
    for fitted, other, message in (
        (several, one, "multilabel-indicator, not multiclass"),
        (one, several, "multiclass, not multilabel"),
    ):
        with pytest.raises(ValueError, match=f"`y` must have the form of the first fit, whose labels were {message}"):
            MLPClassifier(max_iter=2).fit(x, fitted, validation_data=(x, other))
        with pytest.raises(ValueError, match="`y` must have the form of the first fit"):
            MLPClassifier().partial_fit(x, fitted, classes=[0, 1, 2]).partial_fit(x, other)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_one_sample_is_not_enough_to_stop_early(kind):
    x, y = X[:40], Y[:40] % 2
    with pytest.raises(ValueError, match="validation_data must hold at least 2 samples for early_stopping, not 1"):
        kind(early_stopping=True).fit(x, y, validation_data=(x[:1], y[:1]))
    with pytest.raises(ValueError, match="The validation set is too small"):
        kind(early_stopping=True, validation_fraction=0.01).fit(x, y * 0)


def test_long_doubles():
    ours = MLPRegressor(max_iter=2, random_state=0)
    ours.fit(DIABETES.astype(np.longdouble), PROGRESS)
    expected = ours.predict(DIABETES)
    for container in (np.asarray, csr_array):
        np.testing.assert_array_equal(ours.predict(container(DIABETES.astype(np.longdouble))), expected)
    if np.finfo(np.longdouble).max > np.finfo(float).max:
        with np.errstate(over="ignore"), pytest.raises(ValueError, match="infinity"):
            ours.predict(np.full((1, 10), np.longdouble(10) ** 400))


def test_weights_without_a_finite_sum():
    x, y = X[:40], Y[:40] % 2
    for kind, options, weights in (
        (MLPRegressor, {}, np.full(40, 1e308)),
        (MLPClassifier, {"class_weight": {0: 1e308, 1: 1e308}}, None),
        (MLPClassifier, {"class_weight": {0: 1e200, 1: 1.0}}, np.full(40, 1e200)),
    ):
        with (
            np.errstate(over="ignore"),
            pytest.raises(ValueError, match="samples' weights must have a finite sum above 0, not inf"),
        ):
            kind(**options).fit(x, y, sample_weight=weights)
    with pytest.raises(
        ValueError, match=r"the weights in validation_data must have a finite sum above 0, not 0|at least one non-zero"
    ):
        MLPRegressor(early_stopping=True).fit(x, y, validation_data=(x, y, np.zeros(40)))


def test_a_learning_rate_that_falls_to_zero():
    for power in (1e7, 200):
        estimator = MLPRegressor(solver="sgd", learning_rate="invscaling", power_t=power, random_state=0)
        with pytest.raises(ValueError, match=r"power_t=.* makes the learning rate 0 after 200 samples"):
            estimator.fit(DIABETES, PROGRESS)


def test_arguments_are_checked_without_scikit_learn_s_checks():
    with sklearn.config_context(skip_parameter_validation=True):
        for n_threads in (0, -1, 10**6, 1.5):
            with pytest.raises((TypeError, ValueError), match="n_threads must be"):
                MLPRegressor(n_threads=n_threads).fit(DIABETES, PROGRESS)
        for options in (
            {"hidden_layer_sizes": (2**60,)}, {"activation": "softmax"}, {"activation": "sine"}, {"dropout": 1.0},
            {"dropout": [0.5, 0.5]}, {"alpha": np.nan}, {"learning_rate_init": np.inf}, {"hidden_layer_sizes": (-3,)},
        ):  # fmt: skip
            with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"must|non-finite|is for the output layer"):
                MLPRegressor(**options, max_iter=2).fit(DIABETES, PROGRESS)
        for size in (0, -5, 10**9):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert np.isfinite(MLPRegressor(batch_size=size, max_iter=1).fit(DIABETES, PROGRESS).loss_)
    fitted = MLPRegressor(max_iter=1, batch_size=100, tol=0).partial_fit(DIABETES, PROGRESS)
    for n_threads in (0, 10**6):
        with pytest.raises(ValueError, match="n_threads must be at"):
            fitted.set_params(n_threads=n_threads).predict(DIABETES)
