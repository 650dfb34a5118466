"""The solver lbfgs: what it shares with sgd and adam, and the parts of a fit that it has alone."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")
from helpers import digits_and_diabetes
from sklearn import neural_network

import nndl_ext.sklearn
from nndl_ext._engine.minimization import Objective
from nndl_ext.sklearn import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.usefixtures("variant"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, Y, DIABETES, PROGRESS = digits_and_diabetes()


def test_a_part_continues_from_the_parameters_before_as_in_scikit_learn():
    ours, theirs = (
        kind(hidden_layer_sizes=5, solver="lbfgs", max_iter=4, random_state=0)
        for kind in (MLPRegressor, neural_network.MLPRegressor)
    )
    losses = []
    for _ in range(3):
        for estimator in (ours, theirs):
            estimator.partial_fit(DIABETES, PROGRESS)
        losses.append(ours.loss_)
        assert ours.loss_ == pytest.approx(theirs.loss_)
        assert ours.n_iter_ == theirs.n_iter_
        for own, other in zip(ours.coefs_, theirs.coefs_, strict=True):
            np.testing.assert_allclose(own, other, rtol=1e-6, atol=1e-8)
    assert losses == sorted(losses, reverse=True)


def iterates(estimator, x, y):
    """The parameters after each iteration."""
    seen = []
    if isinstance(estimator, MLPClassifier | MLPRegressor):
        estimator.callback = lambda e: seen.append([*map(np.copy, e.coefs_), *map(np.copy, e.intercepts_)])
        estimator.fit(x, y)
    else:
        for iterations in range(1, 21):
            estimator.max_iter = iterations
            fitted = estimator.fit(x, y)
            seen.append([*fitted.coefs_, *fitted.intercepts_])
    return seen


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(("kind", "x", "y"), [("MLPClassifier", X, Y), ("MLPRegressor", DIABETES, PROGRESS)])
def test_the_first_twenty_iterates_are_scipys(kind, x, y, activation):
    options = {"hidden_layer_sizes": (8,), "activation": activation, "solver": "lbfgs", "max_iter": 20, "random_state": 1}
    ours, theirs = (getattr(module, kind)(**options) for module in (nndl_ext.sklearn, neural_network))
    for own, other in zip(iterates(ours, x, y), iterates(theirs, x, y), strict=True):
        for a, b in zip(own, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-10)


@pytest.mark.parametrize("limit", [{"max_iter": 3}, {"max_fun": 3}, {"tol": 0.05}])
def test_the_same_end_and_warning_as_scikit_learn(limit):
    seen = []
    for module in (nndl_ext.sklearn, neural_network):
        estimator = module.MLPClassifier((5,), solver="lbfgs", random_state=0, **limit)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator.fit(X, Y)
        seen.append((estimator.n_iter_, [str(warning.message) for warning in caught]))
    assert seen[0] == seen[1]
    assert bool(seen[0][1]) == ("tol" not in limit)


def test_the_status_after_too_many_calls_is_scikit_learns():
    """Also if the last search has found nothing."""
    x, y = np.zeros((20, 2)), np.random.RandomState(0).randn(20) * 1e26
    seen = []
    for module in (nndl_ext.sklearn, neural_network):
        with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
            warnings.simplefilter("always")
            fitted = module.MLPRegressor(
                hidden_layer_sizes=3, activation="identity", solver="lbfgs", alpha=0, max_fun=2, random_state=0
            ).fit(x, y)
        seen.append((fitted.n_iter_, [str(warning.message) for warning in caught]))
    assert seen[0] == seen[1]


def test_a_line_for_each_iteration(capsys):
    fitted = MLPClassifier((5,), solver="lbfgs", max_iter=3, verbose=True, random_state=0).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["Iteration 1", "Iteration 2", "Iteration 3"]
    assert lines[-1] == f"Iteration 3, loss = {fitted.loss_:.8f}"


def test_an_interrupt_leaves_the_last_iterate(monkeypatch):
    """It comes from within a search along a line."""
    iterates, calls = [], []
    evaluate = Objective.__call__

    def interrupted(self, flat):
        calls.append(flat)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return evaluate(self, flat)

    monkeypatch.setattr(Objective, "__call__", interrupted)
    ours = MLPClassifier((5,), solver="lbfgs", random_state=0, callback=lambda e: iterates.append(e.coefs_[0].copy()))
    with pytest.raises(KeyboardInterrupt):
        ours.fit(X, Y)
    assert ours.n_iter_ == len(iterates) > 0
    assert ours.coefs_[0].tobytes() == iterates[-1].tobytes()


def test_a_classifier_has_no_parts_as_in_scikit_learn():
    for kind in (MLPClassifier, neural_network.MLPClassifier):
        assert not hasattr(kind(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize(("kind", "x", "y"), [(MLPClassifier, X, Y), (MLPRegressor, DIABETES, PROGRESS)])
def test_a_validation_set(kind, x, y):
    scores = []

    def watch(estimator):
        scores.append(estimator.score(x[150:], y[150:]))

    options = {"hidden_layer_sizes": 5, "solver": "lbfgs", "max_iter": 6, "random_state": 0}
    ours = kind(**options, callback=watch).fit(x[:150], y[:150], validation_data=(x[150:], y[150:]))
    alone = kind(**options).fit(x[:150], y[:150])
    assert [a.tobytes() for a in ours.coefs_] == [a.tobytes() for a in alone.coefs_]
    assert ours.validation_scores_ == scores
    assert len(ours.validation_loss_curve_) == ours.n_iter_ == 6
    if kind is MLPRegressor:
        assert ours.validation_loss_curve_[-1] == pytest.approx(np.mean((ours.predict(x[150:]) - y[150:]) ** 2) / 2)
    again = ours.fit(x, y)
    assert not {"validation_scores_", "validation_loss_curve_"} & set(vars(again))


def test_a_progress_bar(capsys):
    pytest.importorskip("tqdm")
    fitted = MLPRegressor(solver="lbfgs", max_iter=3, verbose="progress").fit(DIABETES, PROGRESS)
    out, err = capsys.readouterr()
    assert not out
    assert "3/3" in err
    assert f"loss={fitted.loss_:.6f}" in err
