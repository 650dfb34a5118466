"""What the estimators accept and refuse: kinds of labels, weights, types, parameters."""

import copy
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")
import sklearn
from helpers import digits_and_diabetes
from scipy.sparse import coo_matrix, csc_matrix, csr_array, csr_matrix
from sklearn import datasets, neural_network
from sklearn.model_selection import train_test_split

import nndl_ext.sklearn
from nndl_ext import Dataset
from nndl_ext.sklearn import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.usefixtures("variant"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, Y, DIABETES, PROGRESS = digits_and_diabetes()


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
            pytest.raises(ValueError, match="samples' weights must have a finite sum other than 0, not inf"),
        ):
            kind(**options).fit(x, y, sample_weight=weights)
    with pytest.raises(
        ValueError, match=r"the weights in validation_data must have a finite sum other than 0, not 0|at least one non-zero"
    ):
        MLPRegressor(early_stopping=True).fit(x, y, validation_data=(x, y, np.zeros(40)))


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_early_stopping_with_weights_in_one_part_only(kind):
    """scikit-learn's error does not say which weights it means."""
    x, y = X[:40], Y[:40] % 2
    options = {"early_stopping": True, "validation_fraction": 0.5, "random_state": 0, "max_iter": 2}
    fitted, generator = kind(**options).fit(x, y), np.random.RandomState(0)
    for array in (*fitted.coefs_, *fitted.intercepts_):
        generator.uniform(size=array.size)  # what the first weights draw
    parts = train_test_split(
        np.arange(40), random_state=generator, test_size=0.5, stratify=y if kind is MLPClassifier else None
    )
    for part, missing in zip(parts, ("sets aside", "leaves for training"), strict=True):
        weights = np.zeros(40)
        weights[part] = 1
        with pytest.raises(ValueError, match=f"the samples that early_stopping {missing} must have a finite sum other than 0"):
            kind(**options).fit(x, y, weights)


def test_sums_too_large_for_a_float():
    """The sum over mini-batches is infinite, as scikit-learn's."""
    y = np.full(40, 6e153)
    for options in ({}, {"early_stopping": True}):
        with np.errstate(over="ignore"):
            ours, theirs = (
                module.MLPRegressor(batch_size=4, max_iter=2, random_state=0, **options).fit(DIABETES[:40], y)
                for module in (nndl_ext.sklearn, neural_network)
            )
        assert ours.loss_curve_ == theirs.loss_curve_ == [np.inf, np.inf]
    with np.errstate(over="ignore"):
        ours.fit(DIABETES[:40], PROGRESS[:40], validation_data=(DIABETES[:40], y))
    assert ours.validation_loss_curve_ == [np.inf, np.inf]


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_weights_whose_sum_only_rounding_hides(solver):
    x, y, weights = DIABETES[:4], PROGRESS[:4], [1e16, 3.0, -1e16, -3.0]
    estimator = MLPRegressor(solver=solver, max_iter=2)
    with pytest.raises(ValueError, match=r"the samples' weights must have a finite sum other than 0, not 0\.0"):
        estimator.fit(x, y, weights)
    with pytest.raises(ValueError, match=r"the weights in validation_data must have a finite sum other than 0, not 0\.0"):
        estimator.fit(x, y, validation_data=(x, y, weights))


@pytest.mark.parametrize("y", [["1.5"] * 40, np.arange(40).astype("M8[D]"), np.arange(40).astype("m8[D]")])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_targets_that_are_no_numbers(y, loss):
    with pytest.raises((TypeError, ValueError)):
        neural_network.MLPRegressor(loss, max_iter=2).fit(DIABETES[:40], y)
    with pytest.raises(TypeError, match="y must hold real numbers, not "):
        MLPRegressor(loss, max_iter=2).fit(DIABETES[:40], y)


@pytest.mark.parametrize("dtype", ["M8[s]", "m8[s]"])
def test_inputs_that_are_dates(dtype):
    ours, theirs = (module.MLPRegressor(max_iter=1).fit(DIABETES, PROGRESS) for module in (nndl_ext.sklearn, neural_network))
    with pytest.raises(TypeError):
        theirs.predict(DIABETES.astype(dtype))
    with pytest.raises(TypeError, match=r"X must hold real numbers, not (datetime|timedelta)64\[s\]"):
        ours.predict(DIABETES.astype(dtype))


@pytest.mark.parametrize("container", [np.ravel, csr_array, lambda y: np.column_stack([PROGRESS[:40], y])])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_negative_targets_of_a_poisson_regression(container):
    """scikit-learn trains on them with the loss NaN."""
    y, x = container(np.append(PROGRESS[1:40], -0.25)[:, np.newaxis]), DIABETES[:40]
    for call in (
        lambda: MLPRegressor("poisson").fit(x, y),
        lambda: MLPRegressor("poisson").partial_fit(x, y),
        lambda: MLPRegressor("poisson").fit(x, abs(y), validation_data=(x, y)),
    ):
        with pytest.raises(ValueError, match=r"y must be at least 0 for loss='poisson', not -0\.25"):
            call()
    MLPRegressor("poisson", max_iter=1).fit(x, 0 * PROGRESS[:40])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_targets(solver):
    y = csr_array(np.eye(40, 2))
    ours, theirs = (
        module.MLPRegressor(solver=solver, max_iter=2, random_state=0).fit(DIABETES[:40], y).predict(DIABETES)
        for module in (nndl_ext.sklearn, neural_network)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)


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
            {"solver": "sine"}, {"solver": None}, {"solver": "sgd", "learning_rate": "sine"}, {"dropout": [0.5, 0.5]},
            {"loss": "sine"}, {"alpha": np.nan}, {"learning_rate_init": np.inf}, {"hidden_layer_sizes": (-3,)},
        ):  # fmt: skip
            with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"must|non-finite|is for the output layer"):
                MLPRegressor(**options, max_iter=2).fit(DIABETES, PROGRESS)
        for size in (2.5, "all"):
            with pytest.raises(TypeError, match=f"batch_size must be an integer, not {size!r}"):
                MLPRegressor(batch_size=size).fit(DIABETES, PROGRESS)
        for size in (0, -5, 10**9):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert np.isfinite(MLPRegressor(batch_size=size, max_iter=1).fit(DIABETES, PROGRESS).loss_)
    fitted = MLPRegressor(max_iter=1, batch_size=100, tol=0).partial_fit(DIABETES, PROGRESS)
    for n_threads in (0, 10**6):
        with pytest.raises(ValueError, match="n_threads must be at"):
            fitted.set_params(n_threads=n_threads).predict(DIABETES)


IRIS, SPECIES = datasets.load_iris(return_X_y=True)
HUGE = 10**400


@pytest.mark.parametrize("name", ["alpha", "tol", "learning_rate_init", "power_t", "epsilon"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_integers_beyond_float64(name, solver):
    with pytest.raises(ValueError, match=f"{name} must be in the range of float64"):
        MLPClassifier((3,), solver=solver, **{name: HUGE}).fit(IRIS, SPECIES)
    huge, fitted = [HUGE] * len(IRIS), MLPRegressor(hidden_layer_sizes=(3,), max_iter=1).fit(IRIS, SPECIES)
    for call in (
        lambda: MLPRegressor(solver=solver).fit(IRIS, huge),
        lambda: MLPRegressor(solver=solver).fit(IRIS, SPECIES, huge),
        lambda: MLPRegressor(solver=solver).fit([[HUGE]] * len(IRIS), SPECIES),
        lambda: MLPClassifier(solver=solver, class_weight={0: HUGE, 1: 1, 2: 1}).fit(IRIS, SPECIES),
        lambda: fitted.fit(IRIS, SPECIES, validation_data=(IRIS, SPECIES, huge)),
        lambda: fitted.fit(IRIS, SPECIES, validation_data=(IRIS, huge)),
        lambda: fitted.predict([[HUGE] * 4]),
    ):
        with pytest.raises(ValueError, match=r"(X and y|the weights.*) must be in the range of float64"):
            call()


@pytest.mark.parametrize(
    "sizes",
    [
        (5.7,), (3.0,), (True,), (np.True_,), True, False, (False, 3), ("a",), (np.nan,), (-5.5,), (None,), (2, None), [[3]],
        [[3], [4]], np.array([3.0]), np.array([[3, 4]]), (np.array([3]),), 5.0, "5", b"5", None, 0, -1, (0,), (3, -1),
        (2**70,),
    ],
)  # fmt: skip
def test_sizes_that_scikit_learn_refuses(sizes):
    with pytest.raises((TypeError, ValueError, OverflowError)) as theirs, np.errstate(all="ignore"):
        neural_network.MLPClassifier(sizes, max_iter=1).fit(IRIS, SPECIES)
    own = ValueError if isinstance(theirs.value, ValueError) else TypeError
    with pytest.raises(own, match=r"hidden_layer_sizes.* must be|sizes must give at most"):
        MLPClassifier(sizes, max_iter=1).fit(IRIS, SPECIES)


@pytest.mark.parametrize(
    "sizes",
    [
        3, np.int64(3), (3,), [3, 4], np.array([3, 4]), np.array([3, 4], object), range(3, 5), {3}, {3: 1}, (np.int8(3),), (),
        [], np.array([]), [np.array(3)], bytearray(b"\x03"),
    ],
)  # fmt: skip
def test_sizes_that_scikit_learn_accepts(sizes):
    ours, theirs = (kind(sizes, max_iter=1).fit(IRIS, SPECIES) for kind in (MLPClassifier, neural_network.MLPClassifier))
    assert [coef.shape for coef in ours.coefs_] == [coef.shape for coef in theirs.coefs_]


def test_a_size_in_an_array_without_a_dimension():
    """scikit-learn fails to iterate over it."""
    assert MLPClassifier(np.array(3), max_iter=1).fit(IRIS, SPECIES).coefs_[0].shape == (4, 3)


@pytest.mark.parametrize("activation", ["relu", "logistic"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kinds", [(neural_network.MLPClassifier, MLPClassifier), (neural_network.MLPRegressor, MLPRegressor)])
def test_networks_without_hidden_layers(kinds, solver, activation):
    theirs, ours = (
        kind(hidden_layer_sizes=(), solver=solver, activation=activation, max_iter=20, random_state=0) for kind in kinds
    )
    np.testing.assert_allclose(ours.fit(IRIS, SPECIES).coefs_[0], theirs.fit(IRIS, SPECIES).coefs_[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.predict(IRIS), theirs.predict(IRIS), rtol=1e-9)


@pytest.mark.parametrize("y", [[[-1, 1], [1, -1]] * 75, [[0, 2], [2, 0]] * 75])
def test_multilabel_targets_that_are_no_zeros_and_ones(y):
    for call in (
        lambda: MLPClassifier((3,)).fit(IRIS, y),
        lambda: MLPClassifier((3,)).partial_fit(IRIS, y, classes=[0, 1]),
    ):
        with pytest.raises(ValueError, match="multilabel `y` must hold zeros and ones, not "):
            call()


def test_a_failed_first_part_leaves_no_trace():
    estimator = MLPClassifier((3,))
    with pytest.raises(ValueError, match="Expected array-like"):
        estimator.partial_fit(IRIS, None, classes=[0, 1, 2])
    estimator.partial_fit(IRIS, SPECIES, classes=[0, 1, 2])
    np.testing.assert_array_equal(estimator.classes_, [0, 1, 2])


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("coefs_", lambda arrays: [w.ravel() for w in arrays], r"coefs_\[0\] must have shape \(inputs, neurons\), not \(12,\)"),
        ("coefs_", lambda arrays: [w.astype(str) for w in arrays], r"coefs_\[0\] must hold real numbers, not <U"),
        ("coefs_", lambda arrays: [w * 1j for w in arrays], r"coefs_\[0\] must hold real numbers, not complex"),
        ("coefs_", lambda arrays: [np.ma.masked_less(w, 0) for w in arrays], r"coefs_\[0\] must hold real numbers, not masked"),
        ("coefs_", lambda arrays: [w.T for w in arrays], r"intercepts_\[0\] must have shape \(4,\), not \(3,\)"),
        ("coefs_", lambda arrays: [arrays[0], arrays[1].T], r"intercepts_\[1\]|coefs_\[1\] must have shape \(3, neurons\)"),
        ("coefs_", lambda arrays: [w[:0] for w in arrays], r"coefs_\[0\] must have shape"),
        ("intercepts_", lambda arrays: [b[:1] for b in arrays], r"intercepts_\[0\] must have shape \(3,\), not \(1,\)"),
        *[
            (name, change, "coefs_ and intercepts_ must be lists with one array for each layer")
            for name in ("coefs_", "intercepts_")
            for change in (lambda _: [], lambda _: None, lambda _: {}, lambda arrays: arrays[:1], lambda arrays: arrays[0])
        ],
    ],
)
def test_coefficients_that_do_not_fit(name, change, message):
    fitted = MLPRegressor(hidden_layer_sizes=(3,), max_iter=1).fit(IRIS, SPECIES)
    setattr(fitted, name, change(getattr(fitted, name)))
    for call in (lambda: fitted.predict(IRIS), lambda: fitted.set_params(warm_start=True).fit(IRIS, SPECIES)):
        with pytest.raises((TypeError, ValueError), match=message):
            call()


@pytest.mark.parametrize("change", [np.ndarray.tolist, lambda a: a.astype(np.longdouble), lambda a: a.copy()[::-1][::-1]])
def test_coefficients_in_other_forms(change):
    fitted = MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, random_state=0).fit(IRIS, SPECIES)
    expected = fitted.predict(IRIS)
    fitted.coefs_, fitted.intercepts_ = [*map(change, fitted.coefs_)], tuple(map(change, fitted.intercepts_))
    np.testing.assert_array_equal(fitted.predict(IRIS), expected)


def test_parameters_that_become_invalid_after_the_fit():
    fitted = MLPRegressor(hidden_layer_sizes=(3,), max_iter=1).fit(IRIS, SPECIES)
    for name, value in (
        ("activation", "foo"), ("activation", 5), ("activation", [["relu"]]), ("n_threads", -1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"{name} must be"):
            copy.deepcopy(fitted).set_params(**{name: value}).predict(IRIS)


def test_numbers_of_another_byte_order_are_computed_in_their_size():
    for dtype in (np.float32, np.float64):
        x = IRIS.astype(dtype)
        swapped = x.astype(x.dtype.newbyteorder())
        sparse = csr_array(x)
        sparse.data = sparse.data.astype(swapped.dtype)
        expected = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0).fit(x, SPECIES)
        for other in (swapped, sparse):
            found = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0).fit(other, SPECIES)
            assert found.coefs_[0].dtype == dtype
            np.testing.assert_array_equal(found.coefs_[0], expected.coefs_[0])
            np.testing.assert_array_equal(found.predict(other), expected.predict(x))


@pytest.mark.parametrize("changed", [2**27, 1])
def test_sparse_labels_with_indices_out_of_range(changed):
    y = csr_matrix((np.random.default_rng(0).random((150, 4)) > 0.5).astype(int))
    y.indices[-1] = 3
    y.indices[::3] += changed
    y.has_canonical_format = True
    fitted = MLPClassifier((3,), max_iter=1).fit(IRIS, np.arange(600).reshape(150, 4) % 2)
    for call in (
        lambda: MLPClassifier((3,)).fit(IRIS, y),
        lambda: MLPClassifier((3,)).partial_fit(IRIS, y, classes=np.arange(4)),
        lambda: fitted.fit(IRIS, SPECIES, validation_data=(IRIS, y)),
    ):
        with pytest.raises(ValueError, match="y must be a sparse matrix with valid indices"):
            call()


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float32, np.longdouble])
def test_duplicates_mean_the_same_in_every_form(dtype):
    """They are summed in their own type, as SciPy's toarray does."""
    values, places = np.array([100, 100, 1, 3, 4, 7]).astype(dtype), ([0, 0, 1, 2, 2, 0], [0, 0, 1, 2, 2, 0])
    matrix, y = coo_matrix((values, places), shape=(4, 3)), [0.0, 1.0, 0.0, 1.0]
    assert (Dataset(matrix, y).x.toarray() == matrix.toarray()).all()
    compressed = csr_matrix((values[[0, 1, 5, 2, 3, 4]], [0, 0, 0, 1, 2, 2], [0, 3, 4, 6, 6]), shape=(4, 3))
    found = [
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0).fit(x, y).predict(x)
        for x in (Dataset(matrix, y).x.toarray().astype(np.float32 if dtype == np.float32 else np.float64), matrix, compressed)
    ]
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_coefficients_that_a_callback_replaces(solver):
    def replace(estimator):
        if estimator.n_iter_ == 2:
            estimator.coefs_ = [np.zeros_like(array) for array in estimator.coefs_]
            estimator.intercepts_ = [array + 1 for array in estimator.intercepts_]

    def edit(estimator):
        if estimator.n_iter_ == 2:
            for array in estimator.coefs_:
                array[:] = 0
            for array in estimator.intercepts_:
                array += 1

    found = [
        MLPRegressor(hidden_layer_sizes=(4,), solver=solver, max_iter=4, random_state=0, callback=each).fit(IRIS, SPECIES)
        for each in (replace, edit, None)
    ]
    np.testing.assert_array_equal(found[0].coefs_[0], found[1].coefs_[0])
    assert (found[0].coefs_[0] != found[2].coefs_[0]).any()

    def spoil(estimator):
        estimator.coefs_ = [np.zeros((2, 2))] * 2

    with pytest.raises(ValueError, match=r"intercepts_\[0\] must have shape \(2,\), not \(4,\)"):
        MLPRegressor(hidden_layer_sizes=(4,), solver=solver, callback=spoil).fit(IRIS, SPECIES)
