"""Sequences of fit, partial_fit and set_params, each compared with scikit-learn's.

``pytest tests/test_sklearn_sequences.py --hypothesis-profile=thousand`` tries 1,000 sequences on each kernel variant.
"""

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

pytest.importorskip("sklearn", minversion="1.7")  # the first version with sample weights
from helpers import ESTIMATOR_PARAMETERS, estimator_data, fit_outcome
from scipy.sparse import csr_array
from sklearn import neural_network

import nndl_ext.sklearn

pytestmark = pytest.mark.usefixtures("variant")

# What a program may set between two calls.
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "alpha": st.sampled_from([0.0, 0.01]),
        "batch_size": st.sampled_from(["auto", 20, 1000]),
        "early_stopping": st.booleans(),
        "hidden_layer_sizes": st.sampled_from([(5,), (4, 3)]),
        "learning_rate_init": st.sampled_from([0.001, 0.02]),
        "max_iter": st.integers(1, 4),
        "n_iter_no_change": st.integers(1, 3),
        "shuffle": st.booleans(),
        "solver": st.sampled_from(["sgd", "adam"]),
        "tol": st.sampled_from([0.0, 0.01]),
        "warm_start": st.booleans(),
    },
)
STEPS = st.lists(st.tuples(CHANGES, st.booleans(), st.booleans(), st.integers(0, 2)), min_size=1, max_size=4)


def change_rate_of(theirs, rate):
    """What `set_params` does in ours: scikit-learn's ``partial_fit`` would ignore the new ``learning_rate_init``."""
    theirs._optimizer.learning_rate_init = theirs._optimizer.learning_rate = rate
    theirs._optimizer.iteration_ends(theirs.t_)


@settings(deadline=None)
@given(
    ESTIMATOR_PARAMETERS,
    st.sampled_from(["binary", "words", "multiclass", "multilabel", "regression", "outputs"]),
    st.sampled_from([np.asarray, csr_array]),
    STEPS,
)
def test_sequences_agree_with_scikit_learn(parameters, kind, container, steps):
    parameters = parameters | {"solver": "adam" if parameters["solver"] == "lbfgs" else parameters["solver"]}
    name = "MLPRegressor" if kind in ("regression", "outputs") else "MLPClassifier"
    ours, theirs = (getattr(module, name)(**parameters) for module in (nndl_ext.sklearn, neural_network))
    before = parameters["learning_rate_init"]
    for number, (changes, incremental, weighted, other) in enumerate(steps):
        if incremental or changes.get("warm_start", ours.warm_start):  # scikit-learn fails if the sizes change then
            changes = {name: value for name, value in changes.items() if name != "hidden_layer_sizes"}
        if incremental and hasattr(theirs, "_optimizer") and changes.get("learning_rate_init", before) != before:
            change_rate_of(theirs, changes["learning_rate_init"])
        before = changes.get("learning_rate_init", before)
        x, y = estimator_data(kind, 60, other)
        weights = np.random.RandomState(number).uniform(0.5, 2, 60) if weighted else None
        results = [
            fit_outcome(estimator.set_params(**changes), container(x), y, weights, 1, incremental)
            for estimator in (ours, theirs)
        ]
        (given, failure, numbers), (expected, their_failure, their_numbers) = results
        if expected in (AttributeError, TypeError) and not failure:
            event("only scikit-learn fails")  # a warm start with early_stopping newly switched on
            return
        event("fails" if failure else "partial_fit" if incremental else "fit")
        assert (given, failure) == (expected, their_failure), (number, changes)
        for mine, others in zip(numbers, their_numbers, strict=True):
            np.testing.assert_allclose(mine, others, rtol=1e-7, atol=1e-7)
        if failure:
            return
