"""The estimators compared with scikit-learn's, and their additions."""

import hashlib
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")
from helpers import digits_and_diabetes
from scipy.sparse import csc_matrix, csr_array, csr_matrix
from sklearn import neural_network
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.class_weight import compute_sample_weight

from nndl_ext.sklearn import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.usefixtures("variant"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, Y, DIABETES, PROGRESS = digits_and_diabetes()
OURS_AND_THEIRS = {"classifier": (MLPClassifier, X, Y), "regressor": (MLPRegressor, DIABETES, PROGRESS)}


def theirs(estimator):
    return getattr(neural_network, type(estimator).__name__)(
        **{name: value for name, value in estimator.get_params().items() if name in theirs_parameters(estimator)}
    )


def theirs_parameters(estimator):
    return getattr(neural_network, type(estimator).__name__)().get_params()


def assert_same(ours, others, rtol=1e-8):
    for name in ("coefs_", "intercepts_"):
        for own, other in zip(getattr(ours, name), getattr(others, name), strict=True):
            np.testing.assert_allclose(own, other, rtol=rtol, atol=rtol / 100)
    np.testing.assert_allclose(getattr(ours, "loss_curve_", []), getattr(others, "loss_curve_", []), rtol=rtol)


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "adam"},
        {"solver": "sgd", "learning_rate": "invscaling", "batch_size": 13},
        {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.01, "alpha": 0},
        {"early_stopping": True, "hidden_layer_sizes": (30, 4), "activation": "logistic"},
        {"solver": "lbfgs", "activation": "tanh"},
    ],
)
@pytest.mark.parametrize("kind", OURS_AND_THEIRS)
def test_the_same_as_theirs(kind, options):
    estimator, x, y = OURS_AND_THEIRS[kind]
    ours = estimator(max_iter=8, random_state=7, **options).fit(x, y)
    others = theirs(ours).fit(x, y)
    assert_same(ours, others)
    assert ours.score(x, y) == pytest.approx(others.score(x, y))
    assert {name for name in vars(others) if name.endswith("_") and name[0] != "_"} <= set(vars(ours))


def fitted_digest(estimator):
    numbers = [*estimator.coefs_, *estimator.intercepts_, np.array(getattr(estimator, "loss_curve_", estimator.loss_))]
    numbers += [np.array(getattr(estimator, "validation_scores_", None) or [], float)]
    return hashlib.sha256(b"".join(np.ascontiguousarray(n, "<f8").tobytes() for n in numbers)).hexdigest()[:12]


DIGESTS = {
    "adam": (MLPClassifier(hidden_layer_sizes=(70, 30), early_stopping=True), "ba24505096b9", "af08975605e2"),
    "sgd": (
        MLPClassifier(solver="sgd", learning_rate="invscaling", power_t=0.3, activation="tanh", class_weight="balanced"),
        "e9a07cdae033",
        "bd1050b2c49f",
    ),
    "dropout": (
        MLPRegressor(hidden_layer_sizes=(20, 20), activation=["logistic", "softplus"], dropout=0.2),
        "b2c414c4edfe",
        "1cd7818eb831",
    ),
    "poisson": (
        MLPRegressor("poisson", solver="sgd", learning_rate="adaptive", learning_rate_init=0.01),
        "566b7f8c3c1a",
        "9440749f6935",
    ),
    "huber": (MLPRegressor("huber", batch_size=7), "7b45fb5afd22", "208114b614f5"),
    "lbfgs": (
        MLPClassifier((30, 20), solver="lbfgs", activation="tanh", class_weight="balanced"),
        "7f93ff9abe96",
        "612e46a35fe9",
    ),
    "lbfgs of a line": (MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.5), "be0cc9d9eb61", "fc01bff25f85"),
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", DIGESTS)
def test_digests(name, threads):
    estimator, double, single = DIGESTS[name]
    x, y = (X, Y) if isinstance(estimator, MLPClassifier) else (DIABETES, PROGRESS)
    seen = []
    for dtype in (np.float64, np.float32):
        ours = clone(estimator).set_params(n_threads=threads, max_iter=5, random_state=3, batch_size=64)
        seen.append(fitted_digest(ours.fit((x * 16).round().astype(dtype) / dtype(16), y)))
    assert seen == [double, single]


@pytest.mark.parametrize("kind", OURS_AND_THEIRS)
@pytest.mark.parametrize("edit", ["in place", "replaced", "element", "loaded"])
def test_coefficients_may_be_edited(kind, edit):
    estimator, x, y = OURS_AND_THEIRS[kind]
    ours = estimator(max_iter=2, random_state=0).fit(x, y)
    others = theirs(ours).fit(x, y)
    for fitted in (ours, others):
        if edit == "in place":
            fitted.coefs_[0][:, 3] += 1
            fitted.intercepts_[1] *= 2
        elif edit == "replaced":
            fitted.coefs_ = [np.asfortranarray(c) + 0.05 for c in fitted.coefs_]
            fitted.intercepts_ = [b + 0.05 for b in fitted.intercepts_]
        elif edit == "element":
            fitted.coefs_[1] = fitted.coefs_[1] * 2
            fitted.predict(x)
            fitted.coefs_[1][0] = 7
    if edit == "loaded":
        ours, others = (pickle.loads(pickle.dumps(fitted)) for fitted in (ours, others))
        ours.coefs_[0][5] = others.coefs_[0][5] = 1
    np.testing.assert_allclose(ours.predict(x), others.predict(x), rtol=1e-9)
    assert_same(ours.partial_fit(x, y), others.partial_fit(x, y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [2, 10])
def test_losses_of_saturated_outputs(classes, dtype):
    """Where a probability is 0, its logarithm is clipped, as in scikit-learn."""
    ours = MLPClassifier(learning_rate_init=1e-9, max_iter=1, random_state=0).fit(X.astype(dtype), Y % classes)
    others = theirs(ours).fit(X.astype(dtype), Y % classes)
    for fitted in (ours, others):
        fitted.coefs_ = [c * dtype(30) for c in fitted.coefs_]
        fitted.partial_fit(X.astype(dtype), Y % classes)
    assert ours.loss_ > 5
    assert ours.loss_ == pytest.approx(others.loss_, rel=1e-9 if dtype == np.float64 else 1e-4)


def test_coefficients_that_do_not_fit_are_refused():
    ours = MLPClassifier(max_iter=2).fit(X, Y)
    ours.coefs_[0] = np.ones((5, 100))
    with pytest.raises(ValueError, match="X must have 5 features, as many as coefs_\\[0\\] has rows, not 64"):
        ours.predict(X)
    with pytest.raises(ValueError, match="the network has 5 inputs and 10 outputs, but X and y have 64 and 10"):
        ours.partial_fit(X, Y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.float16, ">f8"])
@pytest.mark.parametrize("fitted", [np.float32, np.float64])
def test_types_of_what_is_predicted(fitted, dtype):
    ours = MLPRegressor(max_iter=3, random_state=0).fit(DIABETES.astype(fitted), PROGRESS)
    others = theirs(ours).fit(DIABETES.astype(fitted), PROGRESS)
    given = DIABETES.astype(dtype)
    assert ours.predict(given).dtype == others.predict(given).dtype
    np.testing.assert_allclose(ours.predict(given), others.predict(given), rtol=1e-3 if fitted == np.float32 else 1e-9)


def test_inputs_are_read_where_they_are(tmp_path):
    np.save(tmp_path / "x.npy", X + 0.5)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    expected = fitted_digest(MLPClassifier(max_iter=2, random_state=0).fit(X + 0.5, Y))
    for given in (mapped, np.asfortranarray(mapped), np.repeat(mapped, 2, axis=1)[:, ::2], mapped.astype(">f8")):
        assert fitted_digest(MLPClassifier(max_iter=2, random_state=0).fit(given, Y)) == expected
    x = X + 0.5
    MLPClassifier(max_iter=1).fit(x, Y)
    x[0] = 1  # it is still writable


@pytest.mark.parametrize("container", [csr_matrix, csc_matrix, csr_array])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_inputs(container, solver):
    ours = MLPClassifier(solver=solver, max_iter=4, random_state=0)
    dense = clone(ours).fit(X, Y)
    sparse = ours.fit(container(X), Y)
    assert_same(sparse, dense, 1e-12)
    np.testing.assert_allclose(sparse.predict_proba(container(X)), dense.predict_proba(X), rtol=1e-12)


def test_sparse_inputs_with_repeated_and_unsorted_indices():
    x = csr_matrix((np.ones(6), [3, 1, 1, 0, 5, 2], [0, 3, 5, 6]), (3, 7))
    ours = MLPRegressor(max_iter=3, random_state=0).fit(x, [1.0, 2.0, 3.0])
    assert x.indices.tolist() == [3, 1, 1, 0, 5, 2]
    assert_same(ours, MLPRegressor(max_iter=3, random_state=0).fit(x.toarray(), [1.0, 2.0, 3.0]), 1e-12)


@pytest.mark.parametrize("container", [csr_matrix, csc_matrix])
def test_sparse_inputs_of_a_million_features(container):
    """As a dense matrix they would take 400 MB in float32."""
    draws = np.random.RandomState(0)
    places = np.repeat(np.arange(100), 10), np.append(draws.randint(0, 2**20, 900), 2**20 - 1 - np.arange(100) % 2)
    x = container((draws.random_sample(1000).astype(np.float32), places), shape=(100, 2**20))
    ours = MLPClassifier(hidden_layer_sizes=2, max_iter=2, learning_rate_init=0.1, random_state=0).fit(x, np.arange(100) % 2)
    others = theirs(ours).fit(x, np.arange(100) % 2)
    np.testing.assert_allclose(ours.loss_curve_, others.loss_curve_, rtol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(x), others.predict_proba(x), rtol=1e-4)


# What scikit-learn's estimators lack.


def test_weights_of_classes():
    pytest.importorskip("sklearn", minversion="1.7")  # scikit-learn's accept weights from this version on
    for weight in ("balanced", {label: 1 + label for label in range(10)}):
        ours = MLPClassifier(class_weight=weight, max_iter=3, random_state=0).fit(X, Y)
        others = theirs(ours).fit(X, Y, sample_weight=compute_sample_weight(weight, Y))
        assert_same(ours, others)
    weights = np.linspace(0.5, 2, len(Y))
    both = MLPClassifier(class_weight=weight, max_iter=3, random_state=0).fit(X, Y, weights)
    assert_same(both, theirs(both).fit(X, Y, weights * compute_sample_weight(weight, Y)))
    part = MLPClassifier(class_weight=weight, random_state=0).partial_fit(X, Y, classes=range(10))
    assert_same(part, theirs(part).partial_fit(X, Y, compute_sample_weight(weight, Y), classes=range(10)))
    with pytest.raises(ValueError, match="class_weight='balanced' needs all samples"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=range(10))


@pytest.mark.parametrize("y", [Y % 3, np.array(["a", "b", "c"])[Y % 3], np.array(["a", "b", "c"], object)[Y % 3]])
def test_weights_of_classes_that_a_part_lacks(y):
    labels = np.unique(y)
    weight = {labels[0]: 2.0, labels[1]: 3.0}  # and 1 for the third
    ours = MLPClassifier(6, class_weight=weight, random_state=0)
    others = theirs(ours)
    for part in (y == labels[2], y != labels[1], y != labels[0]):
        ours.partial_fit(X[part], y[part], classes=labels)
        others.partial_fit(X[part], y[part], np.array([2.0, 3.0, 1.0])[np.searchsorted(labels, y[part])], classes=labels)
    assert_same(ours, others)
    with pytest.raises(ValueError, match="are not in class_weight"):
        ours.set_params(class_weight={"another": 2.0}).partial_fit(X, y)


def test_a_user_s_own_validation_set():
    ours = MLPClassifier(max_iter=6, random_state=0).fit(X[:200], Y[:200], validation_data=(X[200:], Y[200:]))
    assert_same(ours, theirs(ours).fit(X[:200], Y[:200]))  # it changes nothing
    assert len(ours.validation_scores_) == len(ours.validation_loss_curve_) == 6
    assert ours.validation_scores_[-1] == ours.score(X[200:], Y[200:])
    chosen = ours.predict_proba(X[200:])[np.arange(100), Y[200:]]
    assert ours.validation_loss_curve_[-1] == pytest.approx(-np.log(chosen).mean())
    stopped = MLPClassifier(max_iter=60, random_state=0, learning_rate_init=0.1, early_stopping=True, n_iter_no_change=2)
    stopped.fit(X[:200], Y[:200], validation_data=(X[200:], Y[200:]))
    assert stopped.n_iter_ < 60
    assert stopped.score(X[200:], Y[200:]) == max(stopped.validation_scores_) == stopped.best_validation_score_


def test_weights_of_a_validation_set():
    weights = np.linspace(0, 2, 50)
    data = DIABETES[150:], PROGRESS[150:], weights
    ours = MLPRegressor(max_iter=3, random_state=0).fit(DIABETES[:150], PROGRESS[:150], validation_data=data)
    assert ours.validation_scores_[-1] == ours.score(*data)
    errors = (ours.predict(data[0]) - data[1]) ** 2 / 2
    assert ours.validation_loss_curve_[-1] == pytest.approx(np.average(errors, weights=weights))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X,), r"validation_data must be a tuple \(X, y\) or \(X, y, sample_weight\)"),
        ((X[:, 1:], Y), "X has 63 features, but MLPClassifier is expecting 64 features as input"),
        ((X, Y + 1), "`y` has classes not in `self.classes_`"),
    ],
)
def test_a_validation_set_that_does_not_fit(data, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(max_iter=2).fit(X, Y, validation_data=data)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback(solver):
    seen = []

    def watch(estimator):
        seen.append((estimator.n_iter_, estimator.loss_, estimator.score(X, Y), estimator.coefs_[0].copy()))
        return len(seen) == 3

    ours = MLPClassifier(solver=solver, max_iter=9, random_state=0, callback=watch).fit(X, Y)
    assert [n for n, *_ in seen] == [1, 2, 3]
    assert ours.n_iter_ == 3
    with warnings.catch_warnings():
        others = MLPClassifier(solver=solver, max_iter=3, random_state=0).fit(X, Y)
    assert_same(ours, others, 1e-6)
    assert seen[-1][1] == pytest.approx(others.loss_)
    np.testing.assert_array_equal(seen[-1][3], ours.coefs_[0])
    assert not np.array_equal(seen[1][3], seen[2][3])


def test_an_interruption_keeps_what_was_learned():
    def interrupt(estimator):
        if estimator.n_iter_ == 2:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        ours = MLPClassifier(max_iter=9, random_state=0, callback=interrupt).fit(X, Y)
    assert_same(ours, MLPClassifier(max_iter=2, random_state=0).fit(X, Y))


def test_callbacks_of_scikit_learn():
    pytest.importorskip("sklearn.callback")

    class Watch:
        def __init__(self):
            self.seen = []

        def setup(self, estimator, context):  # noqa: ARG002
            self.seen.append("setup")

        def teardown(self, estimator, context):  # noqa: ARG002
            self.seen.append("teardown")

        def on_fit_task_begin(self, estimator, context):  # noqa: ARG002
            self.seen.append("begin " + context.task_name)

        def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):  # noqa: ARG002
            self.seen.append(f"end {context.task_name} {fitted_estimator.score(X, y):.3f}")
            return len(self.seen) > 5

    for solver in ("sgd", "lbfgs"):
        watch = Watch()
        ours = MLPClassifier(solver=solver, max_iter=9, random_state=0).set_callbacks(watch).fit(X, Y)
        scores = [MLPClassifier(solver=solver, max_iter=n, random_state=0).fit(X, Y).score(X, Y) for n in (1, 2)]
        ends = [f"end epoch {score:.3f}" for score in scores]
        assert ours.n_iter_ == 2
        assert watch.seen == [
            "setup", "begin fit", "begin epoch", ends[0], "begin epoch", ends[1], ends[1].replace("epoch", "fit"), "teardown",
        ]  # fmt: skip


def test_an_activation_for_each_layer():
    each = MLPClassifier((9, 8), ["tanh", "tanh"], max_iter=3, random_state=0).fit(X, Y)
    assert_same(each, neural_network.MLPClassifier((9, 8), "tanh", max_iter=3, random_state=0).fit(X, Y))
    mixed = MLPClassifier((9, 8), ["relu", "logistic"], max_iter=3, random_state=0).fit(X, Y)
    hidden = np.maximum(X @ mixed.coefs_[0] + mixed.intercepts_[0], 0)
    hidden = 1 / (1 + np.exp(-hidden @ mixed.coefs_[1] - mixed.intercepts_[1]))
    odds = np.exp(hidden @ mixed.coefs_[2] + mixed.intercepts_[2])
    np.testing.assert_allclose(mixed.predict_proba(X), odds / odds.sum(axis=1, keepdims=True), rtol=1e-12)
    with pytest.raises(ValueError, match=r"activation must be one of .*, or a list with one for each of 2 hidden layers, not"):
        MLPClassifier((9, 8), ["tanh"]).fit(X, Y)


def test_dropout():
    options = {"hidden_layer_sizes": (40, 20), "max_iter": 4, "random_state": 0}
    without = MLPClassifier(**options).fit(X, Y)
    assert fitted_digest(MLPClassifier(**options, dropout=[0, 0.0]).fit(X, Y)) == fitted_digest(without)
    ours = MLPClassifier(**options, dropout=0.5).fit(X, Y)
    assert fitted_digest(ours) == fitted_digest(MLPClassifier(**options, dropout=[0.5, 0.5]).fit(X, Y))
    assert fitted_digest(ours) != fitted_digest(without)
    np.testing.assert_array_equal(ours.predict_proba(X), ours.predict_proba(X))  # only training drops neurons
    parts = [MLPClassifier(**options, dropout=0.5).partial_fit(X, Y, classes=range(10)) for _ in range(2)]
    assert fitted_digest(parts[0].partial_fit(X, Y)) == fitted_digest(parts[1].partial_fit(X, Y))
    for dropout in ([0.5], [0.5, 1], [0.5, "much"]):
        with pytest.raises(ValueError, match="dropout must be a rate from 0 to below 1, or one for each of 2 hidden layers"):
            MLPClassifier(**options, dropout=dropout).fit(X, Y)
    with pytest.raises(ValueError, match="for the solvers sgd and adam, not for lbfgs"):
        MLPClassifier(solver="lbfgs", dropout=0.5).fit(X, Y)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_losses(loss, outputs):
    y = np.column_stack([PROGRESS, DIABETES[:, 0]])[:, :outputs]
    y = y[:, 0] if outputs == 1 else y
    ours = MLPRegressor(loss, solver="lbfgs", max_iter=300, random_state=0, alpha=0).fit(DIABETES, y)
    errors = abs(ours.predict(DIABETES) - y)
    costs = errors if loss == "absolute_error" else np.where(errors > 1, errors - 0.5, errors**2 / 2)
    assert ours.loss_ == pytest.approx(costs.mean())
    assert costs.mean() < 0.25
    for other in ("squared_error", loss):  # an outlier
        y = DIABETES[:, 0].copy()
        y[0] = 1000
        fitted = MLPRegressor(other, 5, "identity", random_state=0, learning_rate_init=0.02, batch_size=10, max_iter=60).fit(
            DIABETES, y
        )
        far = abs(fitted.predict(DIABETES)[1:] - y[1:]).mean()
        assert (far > 0.5) == (other == "squared_error"), far


def test_threads_change_no_bit():
    wide = {"hidden_layer_sizes": 300, "batch_size": 300, "max_iter": 2, "random_state": 0}
    digests = {fitted_digest(MLPClassifier(**wide, n_threads=threads).fit(X, Y)) for threads in (None, 1, 4)}
    assert len(digests) == 1


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_the_solvers_state_is_saved(solver):
    one = MLPClassifier(solver=solver, random_state=0).partial_fit(X, Y, classes=range(10))
    other = pickle.loads(pickle.dumps(one))
    forgetful = pickle.loads(pickle.dumps(one))
    del forgetful._optimizer
    for fitted in (one, other, forgetful):
        fitted.partial_fit(X, Y)
    assert fitted_digest(one) == fitted_digest(other) != fitted_digest(forgetful)


def test_what_is_printed(capsys):
    outputs = []
    for estimator in (MLPRegressor, neural_network.MLPRegressor):
        for options in ({"early_stopping": True}, {"learning_rate": "adaptive", "tol": 1, "solver": "sgd"}, {"tol": 1}):
            estimator(max_iter=8, n_iter_no_change=2, random_state=0, verbose=True, **options).fit(DIABETES, PROGRESS)
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert outputs[0].count("Setting learning rate") == 2


def test_a_progress_bar(capsys):
    pytest.importorskip("tqdm")
    MLPRegressor(max_iter=3, verbose="progress").fit(DIABETES, PROGRESS)
    out, err = capsys.readouterr()
    assert not out
    assert "3/3" in err
    assert "loss=" in err


def test_a_progress_bar_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="verbose='progress' needs tqdm"):
        MLPRegressor(max_iter=3, verbose="progress").fit(DIABETES, PROGRESS)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_error_of_a_callback_leaves_what_was_learned(solver):
    def fail(estimator):
        if estimator.n_iter_ == 2:
            raise RuntimeError("enough")

    ours = MLPRegressor(solver=solver, max_iter=1, random_state=0, warm_start=True).fit(DIABETES, PROGRESS)
    with pytest.raises(RuntimeError, match="enough"):
        ours.set_params(max_iter=5, callback=fail).fit(DIABETES, PROGRESS)
    expected = MLPRegressor(solver=solver, max_iter=1, random_state=0, warm_start=True).fit(DIABETES, PROGRESS)
    expected.set_params(max_iter=2).fit(DIABETES, PROGRESS)
    np.testing.assert_allclose(ours.predict(DIABETES), expected.predict(DIABETES), rtol=1e-9)
    np.testing.assert_allclose(ours.coefs_[0], expected.coefs_[0], rtol=1e-9)


def test_without_scikit_learn():
    code = "import sys; sys.modules['sklearn'] = None; import nndl_ext.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("ImportError: nndl_ext.sklearn needs scikit-learn: pip install 'nndl-ext[sklearn]'\n")


def test_divergence_leaves_the_network_of_the_epoch_before():
    ours = MLPRegressor(solver="sgd", learning_rate_init=0.01, random_state=0).partial_fit(DIABETES, PROGRESS)
    before = fitted_digest(ours)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        ours.partial_fit(DIABETES * 1e300, PROGRESS)
    assert all(np.isfinite(c).all() for c in ours.coefs_)
    assert fitted_digest(ours) == before


@pytest.mark.parametrize("kind", OURS_AND_THEIRS)
def test_divergence_before_the_first_score_is_an_error(kind):
    """Otherwise the random first weights would pass for the best, as in scikit-learn's regressor."""
    estimator, x, y = OURS_AND_THEIRS[kind]
    ours = estimator(solver="sgd", early_stopping=True, max_iter=3, random_state=0)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        ours.set_params(learning_rate_init=1e300).fit(x, y)
    ours = clone(ours).set_params(learning_rate_init=0.01, warm_start=True).fit(x, y)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        ours.set_params(learning_rate_init=1e300).fit(x, y)
    assert all(np.isfinite(coef).all() for coef in ours.coefs_)


def test_bad_input():
    for parameters, message in (
        ({"n_threads": 0}, "The 'n_threads' parameter of MLPRegressor must be an int in the range"),
        ({"loss": "log"}, "The 'loss' parameter of MLPRegressor must be a str among"),
        ({"callback": 3}, "The 'callback' parameter of MLPRegressor must be a callable or None"),
        ({"dropout": 1.0}, "The 'dropout' parameter of MLPRegressor must be a float in the range"),
        ({"hidden_layer_sizes": [3, 0]}, r"hidden_layer_sizes must be > 0, got \[3, 0\]."),
    ):
        with pytest.raises(ValueError, match=message):
            MLPRegressor(**parameters).fit(DIABETES, PROGRESS)
    with pytest.raises(NotFittedError):
        MLPRegressor().predict(DIABETES)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        MLPRegressor(max_iter=1).fit(DIABETES, PROGRESS).predict(np.full((1, 10), np.nan))
