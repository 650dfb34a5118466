"""What programs read and write in fitted estimators, compared with scikit-learn's."""

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.7")  # the first version with sample weights
from helpers import digits_and_diabetes
from sklearn import neural_network

import nndl_ext.sklearn
from nndl_ext.sklearn import MLPRegressor

pytestmark = [
    pytest.mark.usefixtures("variant"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, Y, DIABETES, PROGRESS = digits_and_diabetes()
MODULES = nndl_ext.sklearn, neural_network


def assert_same(ours, theirs, rtol=1e-8):
    for name in ("coefs_", "intercepts_"):
        for own, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(own, other, rtol=rtol, atol=rtol / 100)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("options", [{}, {"solver": "sgd", "early_stopping": True}, {"solver": "lbfgs", "alpha": 1.0}])
@pytest.mark.parametrize("sign", [1, -1])
def test_negative_weights(kind, options, sign):
    x, y = (X[:100], Y[:100]) if kind == "MLPClassifier" else (DIABETES[:100], PROGRESS[:100])
    weights = sign * np.where(np.arange(100) % 7, 1.0, -0.3)
    ours, theirs = (
        getattr(module, kind)(hidden_layer_sizes=6, max_iter=3, random_state=0, batch_size=25, **options).fit(x, y, weights)
        for module in MODULES
    )
    assert_same(ours, theirs, 1e-7)
    assert ours.loss_ == pytest.approx(theirs.loss_)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_weights_that_cancel(solver):
    weights = np.where(np.arange(200) % 2, 1.0, -1.0)
    ours = MLPRegressor(hidden_layer_sizes=6, max_iter=3, solver=solver, batch_size=2, shuffle=False)
    with pytest.raises(ValueError, match=r"the samples' weights must have a finite sum other than 0, not 0\.0"):
        ours.fit(DIABETES, PROGRESS, weights)
    weights[-1] = 2
    if solver != "lbfgs":
        with pytest.raises(ValueError, match="the samples' weights must not have the sum 0 in a mini-batch"):
            ours.fit(DIABETES, PROGRESS, weights)
    weights[-1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        ours.fit(DIABETES, PROGRESS, weights)
