"""The estimators inside others: pipelines, searches and ensembles, in processes and threads; and data in parts."""

import os
import tracemalloc

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")
import joblib
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from nndl_ext._engine import threads
from nndl_ext.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = (part[:400] for part in load_digits(return_X_y=True))
X = X / np.float64(16)
SMALL = MLPClassifier(20, max_iter=5, random_state=0)
BACKENDS = ["loky", "threading"]


def threads_at_most(_estimator, _x, _y):
    """A score: the number of threads that a large fit would use where this is called."""
    return threads.limit()


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_fit_of_a_search_runs_on_its_share_of_the_processors(backend):
    with joblib.parallel_config(backend, n_jobs=2):
        shares = cross_validate(SMALL, X, Y, scoring=threads_at_most, cv=4)["test_score"]
    assert set(shares) == {1 if backend == "threading" else max(1, joblib.cpu_count() // 2)}


@pytest.mark.parametrize("backend", BACKENDS)
def test_searches(backend):
    grid = {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__hidden_layer_sizes": [(5,), (9, 4)]}
    searches = [
        GridSearchCV(make_pipeline(MinMaxScaler(), SMALL), grid, cv=3),
        HalvingRandomSearchCV(SMALL, {"alpha": [1e-4, 1e-2, 1.0], "solver": ["sgd", "adam"]}, random_state=0, cv=3),
    ]
    for search in searches:
        alone = search.fit(X, Y).cv_results_["mean_test_score"]
        with joblib.parallel_config(backend, n_jobs=2):
            together = search.fit(X, Y).cv_results_["mean_test_score"]
        np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("backend", BACKENDS)
def test_ensembles(backend):
    def predicted():
        bags = BaggingClassifier(SMALL, n_estimators=4, random_state=0).fit(X[:300], Y[:300])
        calibrated = CalibratedClassifierCV(SMALL, cv=3).fit(X[:300], Y[:300])
        scores = cross_val_score(SMALL, X, Y, cv=3)
        return np.vstack([bags.predict_proba(X[300:]), calibrated.predict_proba(X[300:])]), scores

    alone, scores = predicted()
    with joblib.parallel_config(backend, n_jobs=2):
        together, their_scores = predicted()
    np.testing.assert_allclose(alone, together, rtol=1e-12)
    np.testing.assert_array_equal(scores, their_scores)


def test_a_frame_through_a_column_transformer():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"length": np.arange(60) % 7, "kind": np.array(list("abc"))[np.arange(60) % 3]})
    y = frame["length"] * 2.0 + (frame["kind"] == "a")
    columns = make_column_transformer((StandardScaler(), ["length"]), (OneHotEncoder(), ["kind"]))
    fitted = make_pipeline(columns, MLPRegressor(solver="lbfgs", random_state=0)).fit(frame, y)
    assert fitted.score(frame, y) > 0.99
    named = MLPRegressor(max_iter=1).fit(frame[["length"]], y)
    assert named.feature_names_in_.tolist() == ["length"]
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        named.predict(frame[["length"]].to_numpy(float))


def test_parts_of_a_file_need_the_memory_of_a_part(tmp_path):
    rows, part = 40_000, 1000
    path = tmp_path / "x.dat"
    mapped = np.memmap(path, np.float32, "w+", shape=(rows, 64))
    mapped[:] = np.resize(X + 0.1, mapped.shape)
    y = np.resize(Y, rows)
    mapped.flush()
    mapped = np.memmap(path, np.float32, "r", shape=(rows, 64))
    ours = MLPClassifier(20, random_state=0).partial_fit(mapped[:part], y[:part], classes=range(10))
    tracemalloc.start()
    for begin in range(part, rows, part):
        ours.partial_fit(mapped[begin : begin + part], y[begin : begin + part])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * part * 64 * 4 < os.path.getsize(path) / 5
    assert ours.score(X + 0.1, Y) > 0.9
