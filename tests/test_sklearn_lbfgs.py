"""The solver lbfgs: what it shares with sgd and adam, and the parts of a fit that it has alone."""

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")
from helpers import digits_and_diabetes
from sklearn import neural_network

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
