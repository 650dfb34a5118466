"""Our estimators compared with scikit-learn's, with random parameters and data.

``pytest tests/test_sklearn_differential.py --hypothesis-profile=thousand`` tries 1,000 cases.
"""

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

pytest.importorskip("sklearn", minversion="1.7")  # the first version with sample weights
from helpers import ESTIMATOR_PARAMETERS, estimator_data, fit_outcome
from scipy.sparse import csc_matrix, csr_matrix
from sklearn import neural_network

import nndl_ext.sklearn


@settings(deadline=None)
@given(
    ESTIMATOR_PARAMETERS,
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
        dtype = np.float64  # in float32, rounding errors decide where its line searches end
    x, y = estimator_data(kind, rows, parameters["random_state"])
    draws = np.random.RandomState(rows)
    weights = {None: None, "whole": draws.randint(1, 4, rows), "real": draws.uniform(0.1, 2, rows)}[weighted]
    name = "MLPRegressor" if kind in ("regression", "poisson", "outputs") else "MLPClassifier"
    if kind == "poisson":
        parameters = parameters | {"loss": "poisson"}
    given, failure, numbers = fit_outcome(
        getattr(nndl_ext.sklearn, name)(**parameters), container(x.astype(dtype)), y, weights, times, incremental
    )
    expected, their_failure, theirs = fit_outcome(
        getattr(neural_network, name)(**parameters), container(x.astype(dtype)), y, weights, times, incremental
    )
    event("fails" if failure else kind)
    assert (given, failure) == (expected, their_failure)
    tolerance = {"rtol": 1e-8, "atol": 1e-8} if dtype == np.float64 else {"rtol": 2e-3, "atol": 2e-4}
    for ours, others in zip(numbers, theirs, strict=True):
        assert ours.shape == others.shape
        np.testing.assert_allclose(ours, others, **tolerance)
