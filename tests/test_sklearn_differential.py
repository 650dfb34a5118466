"""Our estimators compared with scikit-learn's, with random parameters and data.

``pytest tests/test_sklearn_differential.py --hypothesis-profile=thousand`` tries 1,000 cases.
"""

import warnings

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

pytest.importorskip("sklearn", minversion="1.7")  # the first version with sample weights
from scipy.sparse import csc_matrix, csr_matrix
from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_digits
from sklearn.preprocessing import StandardScaler

import nndl_ext.sklearn

DIGITS, LABELS = load_digits(return_X_y=True)
DIABETES, PROGRESS = StandardScaler().fit_transform(load_diabetes().data), load_diabetes().target / 100

PARAMETERS = st.fixed_dictionaries(
    {
        "hidden_layer_sizes": st.lists(st.integers(1, 20), min_size=1, max_size=3),
        "activation": st.sampled_from(["identity", "logistic", "tanh", "relu"]),
        "solver": st.sampled_from(["sgd", "sgd", "adam", "adam", "lbfgs"]),
        "alpha": st.sampled_from([0.0, 0.0001, 0.1, 3.0]),
        "batch_size": st.one_of(st.just("auto"), st.integers(5, 100)),
        "learning_rate": st.sampled_from(["constant", "invscaling", "adaptive"]),
        "learning_rate_init": st.sampled_from([0.001, 0.01]),
        "power_t": st.sampled_from([0.0, 0.3, 0.5]),
        "max_iter": st.integers(1, 6),
        "shuffle": st.booleans(),
        "random_state": st.integers(0, 2**32 - 1),
        "tol": st.sampled_from([0.0, 0.0001, 0.5]),
        "momentum": st.sampled_from([0.0, 0.5, 0.9]),
        "nesterovs_momentum": st.booleans(),
        "early_stopping": st.booleans(),
        "validation_fraction": st.sampled_from([0.1, 0.3]),
        "beta_1": st.sampled_from([0.5, 0.9]),
        "beta_2": st.sampled_from([0.9, 0.999]),
        "epsilon": st.sampled_from([1e-8, 1e-3]),
        "n_iter_no_change": st.integers(1, 3),
        "warm_start": st.booleans(),
    }
)


def task(kind, rows, seed):
    """Real inputs, and labels or values for them."""
    places = np.random.RandomState(seed).permutation(400)[:rows]
    if kind in ("regression", "poisson", "outputs"):
        y = PROGRESS[places] if kind != "outputs" else np.column_stack([PROGRESS[places], DIABETES[places, :2]])
        return DIABETES[places], y
    labels = LABELS[places]
    y = {
        "binary": labels % 2 == 0,
        "words": np.array(list("abcdefghij"))[labels],
        "multiclass": labels % 4,
        "multilabel": np.column_stack([labels % 2, labels > 4, labels == 3]).astype(int),
    }[kind]
    return DIGITS[places] / 16, y


def outcome(estimator, x, y, sample_weight, times, incremental):
    """All visible results of fitting and predicting, or the error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for _ in range(times):
                if not incremental:
                    estimator.fit(x, y, sample_weight=sample_weight)
                elif hasattr(estimator, "predict_proba"):
                    estimator.partial_fit(x, y, sample_weight=sample_weight, classes=np.unique(y))
                else:
                    estimator.partial_fit(x, y, sample_weight=sample_weight)
        except Exception as error:
            return type(error), str(error), []
    names = ["n_iter_", "t_", "n_outputs_", "n_layers_", "out_activation_", "_no_improvement_count"]
    seen = [getattr(estimator, name, None) for name in names]
    numbers = [*estimator.coefs_, *estimator.intercepts_, np.array(getattr(estimator, "loss_curve_", []))]
    for name in ("loss_", "best_loss_", "best_validation_score_"):
        value = getattr(estimator, name, None)
        seen.append(value is None)
        numbers.append(np.array(0.0 if value is None else value))
    numbers.append(np.array(getattr(estimator, "validation_scores_", None) or [], float))
    numbers.append(estimator.predict_proba(x) if hasattr(estimator, "predict_proba") else estimator.predict(x))
    return [*seen, [(w.category, str(w.message)) for w in caught if w.category is not RuntimeWarning]], "", numbers


@settings(deadline=None)
@given(
    PARAMETERS,
    st.sampled_from(["binary", "words", "multiclass", "multilabel", "regression", "poisson", "outputs"]),
    st.integers(30, 150),
    st.sampled_from([np.float64, np.float64, np.float32]),
    st.sampled_from([np.asarray, np.asfortranarray, csr_matrix, csc_matrix]),
    st.sampled_from([None, "whole", "real"]),
    st.integers(1, 2),
    st.booleans(),
)
def test_the_same_as_theirs(parameters, kind, rows, dtype, container, weighted, times, incremental):
    if parameters["solver"] == "lbfgs":
        if kind not in ("regression", "outputs"):
            parameters = parameters | {"solver": "adam"}  # the logarithms of saturated outputs consist of rounding errors
        incremental = False  # scikit-learn's partial_fit is then a fit
        dtype = np.float64  # in float32, rounding errors decide where its line searches end
    x, y = task(kind, rows, parameters["random_state"])
    draws = np.random.RandomState(rows)
    weights = {None: None, "whole": draws.randint(1, 4, rows), "real": draws.uniform(0.1, 2, rows)}[weighted]
    name = "MLPRegressor" if kind in ("regression", "poisson", "outputs") else "MLPClassifier"
    if kind == "poisson":
        parameters = parameters | {"loss": "poisson"}
    given, failure, numbers = outcome(
        getattr(nndl_ext.sklearn, name)(**parameters), container(x.astype(dtype)), y, weights, times, incremental
    )
    expected, their_failure, theirs = outcome(
        getattr(neural_network, name)(**parameters), container(x.astype(dtype)), y, weights, times, incremental
    )
    event("fails" if failure else kind)
    assert (given, failure) == (expected, their_failure)
    tolerance = {"rtol": 1e-8, "atol": 1e-8} if dtype == np.float64 else {"rtol": 2e-3, "atol": 2e-4}
    for ours, others in zip(numbers, theirs, strict=True):
        assert ours.shape == others.shape
        np.testing.assert_allclose(ours, others, **tolerance)
