"""What programs read and write in fitted estimators, compared with scikit-learn's."""

import copy
import io
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.7")  # the first version with sample weights
from helpers import digits_and_diabetes
from scipy.sparse import csr_matrix
from sklearn import neural_network
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import cross_val_score

import nndl_ext.sklearn
from nndl_ext._sklearn.solvers import Solver, made_for
from nndl_ext.sklearn import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.usefixtures("variant"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, Y, DIABETES, PROGRESS = digits_and_diabetes()
MODULES = nndl_ext.sklearn, neural_network


def fitted_pair(kind="MLPClassifier", call="fit", **options):
    """Ours and theirs, fitted to the same data."""
    x, y = (X, Y) if kind == "MLPClassifier" else (DIABETES, PROGRESS)
    more = {"classes": range(10)} if (kind, call) == ("MLPClassifier", "partial_fit") else {}
    options = {"hidden_layer_sizes": (9, 4), "max_iter": 3, "random_state": 5} | options
    return [getattr(getattr(module, kind)(**options), call)(x, y, **more) for module in MODULES]


def assert_same(ours, theirs, rtol=1e-8):
    for name in ("coefs_", "intercepts_"):
        for own, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(own, other, rtol=rtol, atol=rtol / 100)


# ----- Coefficients -----

WRITES = {
    "ravel": lambda a: a.ravel().__setitem__(slice(None), 0),
    "reshape": lambda a: a.reshape(-1).__setitem__(slice(None), 0),
    "reshape to rows": lambda a: a.reshape(1, -1).__setitem__(0, 0),
    "transposed": lambda a: a.T.ravel().__setitem__(slice(None), 0),
    "numpy's ravel": lambda a: np.ravel(a).__setitem__(slice(None), 0),
    "flat": lambda a: a.flat.__setitem__(slice(None), 0),
    "elements": lambda a: a.__setitem__(Ellipsis, 0),
    "multiplied": lambda a: a.__imul__(0),
}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("how", WRITES)
@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_a_write_takes_effect_or_raises(name, how, solver):
    ours = MLPClassifier((9, 4), solver=solver, max_iter=3, random_state=0).fit(X, Y)
    for layer in range(3):
        before, expected = ours.predict_proba(X), pickle.loads(pickle.dumps(ours))
        try:
            WRITES[how](getattr(ours, name)[layer])
        except ValueError as error:
            assert "read-only" in str(error)  # noqa: PT017
            np.testing.assert_array_equal(ours.predict_proba(X), before)
        else:
            getattr(expected, name)[layer] = np.zeros_like(getattr(expected, name)[layer])
            np.testing.assert_array_equal(ours.predict_proba(X), expected.predict_proba(X))


def test_a_write_of_a_callback_takes_effect_or_raises():
    def spoil(estimator):
        estimator.coefs_[0][0] = 1

    def replace(estimator):
        estimator.intercepts_ = [0 * array for array in estimator.intercepts_]

    for change in (spoil, replace):
        with pytest.raises(ValueError, match="a callback can't change coefs_ or intercepts_ while lbfgs trains"):
            MLPClassifier((9,), solver="lbfgs", callback=change).fit(X, Y)
    MLPClassifier((9,), solver="lbfgs", max_iter=2, callback=lambda estimator: estimator.predict(X) is None).fit(X, Y)


def edit_all(estimator):
    for array in estimator.coefs_:
        array[:] = 0


def replace_all(estimator):
    estimator.coefs_ = [0 * array for array in estimator.coefs_]


@pytest.mark.parametrize("change", [edit_all, replace_all])
def test_a_change_by_a_callback_leaves_the_best_coefficients_alone(change):
    options = {"hidden_layer_sizes": 5, "max_iter": 5, "random_state": 0, "early_stopping": True}
    expected = MLPRegressor(**options).fit(DIABETES, PROGRESS)
    assert expected.validation_scores_[-1] == expected.best_validation_score_
    ours = MLPRegressor(**options, callback=lambda each: each.n_iter_ == 5 and change(each)).fit(DIABETES, PROGRESS)
    assert ours.validation_scores_ == expected.validation_scores_
    assert [a.tobytes() for a in ours.coefs_] == [a.tobytes() for a in expected.coefs_]


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"solver": "lbfgs"}])
@pytest.mark.parametrize("change", [{"activation": "tanh"}, {"early_stopping": True}, {"early_stopping": False}])
def test_parameters_that_a_callback_sets_hold_after_the_fit(change, options):
    options = {"hidden_layer_sizes": 6, "max_iter": 3, "random_state": 0} | options
    ours = MLPClassifier(**options, callback=lambda each: each.set_params(**change) is None).fit(X, Y)
    expected = MLPClassifier(**options).fit(X, Y)
    assert [a.tobytes() for a in ours.coefs_] == [a.tobytes() for a in expected.coefs_]
    np.testing.assert_array_equal(ours.predict_proba(X), expected.set_params(**change).predict_proba(X))


def test_a_warm_start_never_returns_to_the_best_of_another_training():
    """Without a better score it keeps its last coefficients. scikit-learn does so after an edit; after a replacement it mixes
    those of both trainings."""
    options = {"hidden_layer_sizes": 5, "max_iter": 30, "random_state": 0, "early_stopping": True, "warm_start": True}
    fitted = []
    for kind, change in ((MLPRegressor, replace_all), (MLPRegressor, edit_all), (neural_network.MLPRegressor, edit_all)):
        estimator = kind(**options, learning_rate_init=0.1).fit(DIABETES, PROGRESS)
        change(estimator)
        fitted.append(estimator.set_params(learning_rate_init=5.0).fit(DIABETES, PROGRESS))
        assert max(estimator.validation_scores_[-estimator.n_iter_ :]) < estimator.best_validation_score_
    for ours in fitted[:2]:
        np.testing.assert_allclose(ours.validation_scores_, fitted[2].validation_scores_, rtol=1e-6)
        assert_same(ours, fitted[2], 1e-6)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("sizes", [(), (5, 4)])
def test_another_number_of_hidden_layers_needs_a_new_fit(sizes, solver):
    """In scikit-learn, any of several errors says nothing of the sizes."""
    ours = MLPRegressor(hidden_layer_sizes=(5,), solver=solver, warm_start=True, max_iter=2).fit(DIABETES, PROGRESS)
    ours.set_params(hidden_layer_sizes=sizes)
    for call in (ours.fit, ours.partial_fit):
        with pytest.raises(ValueError, match=f"hidden_layer_sizes must give 1 hidden layers, .*, not {len(sizes)}"):
            call(DIABETES, PROGRESS)
    assert len(ours.set_params(warm_start=False).fit(DIABETES, PROGRESS).coefs_) == len(sizes) + 1


# ----- The optimizer -----

SOLVERS = {
    "adam": {"solver": "adam", "beta_1": 0.8, "beta_2": 0.99},
    "sgd": {"solver": "sgd", "momentum": 0.8, "learning_rate_init": 0.01},
    "plain": {"solver": "sgd", "momentum": 0.8, "nesterovs_momentum": False, "learning_rate_init": 0.01},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3, "learning_rate_init": 0.1},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1, "max_iter": 7},
}


def assert_same_optimizer(ours, theirs):
    assert type(ours) is type(theirs)
    assert vars(ours).keys() == vars(theirs).keys()
    for name, expected in vars(theirs).items():
        found = getattr(ours, name)
        if name in ("ms", "vs", "velocities"):
            assert [array.shape for array in found] == [array.shape for array in expected]
            for own, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(own, other, rtol=1e-7, atol=1e-12)
        else:
            assert found == pytest.approx(expected), name


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_optimizer_has_the_state_of_theirs(solver, call, kind):
    ours, theirs = fitted_pair(kind, call, **SOLVERS[solver])
    assert_same_optimizer(ours._optimizer, theirs._optimizer)
    x, y = (X, Y) if kind == "MLPClassifier" else (DIABETES, PROGRESS)
    for _ in range(2):
        ours.partial_fit(x, y)
        theirs.partial_fit(x, y)
    assert_same_optimizer(ours._optimizer, theirs._optimizer)


EDITS = {
    "adam": {
        "learning_rate_init": lambda optimizer: setattr(optimizer, "learning_rate_init", 0),
        "learning_rate, which theirs computes anew": lambda optimizer: setattr(optimizer, "learning_rate", 0),
        "beta_1": lambda optimizer: setattr(optimizer, "beta_1", 0.5),
        "beta_2": lambda optimizer: setattr(optimizer, "beta_2", 0.5),
        "epsilon": lambda optimizer: setattr(optimizer, "epsilon", 0.1),
        "t": lambda optimizer: setattr(optimizer, "t", 100),
        "a moment": lambda optimizer: optimizer.ms.__setitem__(0, 0 * optimizer.ms[0] + 0.01),
        "an element": lambda optimizer: optimizer.vs[1].__setitem__((0, 0), 0.5),
        "all": lambda optimizer: setattr(optimizer, "vs", [abs(array) + 0.1 for array in optimizer.vs]),
    },
    "sgd": {
        "learning_rate": lambda optimizer: setattr(optimizer, "learning_rate", 0.0),
        "learning_rate_init, which theirs does not use": lambda optimizer: setattr(optimizer, "learning_rate_init", 0),
        "momentum": lambda optimizer: setattr(optimizer, "momentum", 0.1),
        "nesterov": lambda optimizer: setattr(optimizer, "nesterov", False),
        "velocities": lambda optimizer: [array.__imul__(-1) for array in optimizer.velocities],
    },
    "invscaling": {
        "learning_rate_init": lambda optimizer: setattr(optimizer, "learning_rate_init", 1.0),
        "power_t": lambda optimizer: setattr(optimizer, "power_t", 0.9),
        "lr_schedule": lambda optimizer: setattr(optimizer, "lr_schedule", "constant"),
    },
}


@pytest.mark.parametrize(("solver", "edit"), [(solver, edit) for solver, edits in EDITS.items() for edit in edits])
def test_what_a_program_sets_in_the_optimizer(solver, edit):
    ours, theirs = fitted_pair(call="partial_fit", **SOLVERS[solver])
    unchanged = pickle.loads(pickle.dumps(ours)).partial_fit(X, Y).partial_fit(X, Y)
    for estimator in (ours, theirs):
        EDITS[solver][edit](estimator._optimizer)
        estimator.partial_fit(X, Y).partial_fit(X, Y)
    assert_same(ours, theirs, 1e-7)
    assert_same_optimizer(ours._optimizer, theirs._optimizer)
    assert np.allclose(ours.coefs_[0], unchanged.coefs_[0], rtol=1e-12) == (", which" in edit)


def test_what_a_callback_sets_in_the_optimizer():
    def stop_learning(estimator):
        seen.append((estimator.coefs_[0].copy(), estimator._optimizer.t, estimator._optimizer.ms[0].copy()))
        if estimator.n_iter_ == 2:
            estimator._optimizer.learning_rate_init = 0

    seen = []
    MLPClassifier((9,), max_iter=4, random_state=0, callback=stop_learning).fit(X, Y)
    coefs, steps, moments = zip(*seen, strict=True)
    assert steps == (2, 4, 6, 8)
    assert (coefs[0] != coefs[1]).any()
    assert (coefs[1] == coefs[3]).all()
    assert (moments[1] != moments[3]).any()


def test_moments_that_do_not_fit():
    ours, _ = fitted_pair(call="partial_fit")
    ours._optimizer.ms[2] = np.zeros(3)
    with pytest.raises(ValueError, match=r"_optimizer.ms\[2\] must have shape \(4, 10\), not \(3,\)"):
        ours.partial_fit(X, Y)
    ours._optimizer.ms = [np.zeros(3)]
    with pytest.raises(ValueError, match=r"_optimizer.ms must be a list of 6 arrays, not of 1"):
        ours.partial_fit(X, Y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_rate_of_a_fitted_estimator(solver):
    """scikit-learn's ``partial_fit`` ignores it. Ours then goes on as theirs does if the rate is set in its optimizer."""
    ours, theirs = fitted_pair(call="partial_fit", **SOLVERS[solver])
    ours.set_params(learning_rate_init=0.003).partial_fit(X, Y)
    theirs._optimizer.learning_rate_init = theirs._optimizer.learning_rate = 0.003
    theirs._optimizer.iteration_ends(theirs.t_)
    theirs.partial_fit(X, Y)
    assert_same(ours, theirs)
    assert_same_optimizer(ours._optimizer, theirs._optimizer)
    ours._optimizer.learning_rate = ours._optimizer.learning_rate_init = 0  # set later, so it wins
    before = [array.copy() for array in ours.coefs_]
    ours.set_params(momentum=0, solver="sgd")._optimizer.momentum = 0
    ours.partial_fit(X, Y)
    if solver != "adam":
        assert all((own == other).all() for own, other in zip(ours.coefs_, before, strict=True))


def test_the_same_bits_after_loading():
    one = MLPClassifier((9, 4), beta_1=0.7, random_state=0).partial_fit(X, Y, classes=range(10))
    for copied in (copy.deepcopy, lambda estimator: pickle.loads(pickle.dumps(estimator))):
        other = copied(one.partial_fit(X, Y))
        for fitted in (one, other):
            fitted.partial_fit(X, Y)
        assert [a.tobytes() for a in one.coefs_] == [a.tobytes() for a in other.coefs_]


def test_an_interrupted_epoch_counts_its_steps():
    ours = MLPClassifier((9,), random_state=0).partial_fit(X, Y, classes=range(10))
    solver = Solver(made_for(ours), ours._network(np.dtype(float)).parameters.layout)
    solver.take(0.1)
    for steps in (3, 0, 2):
        powers = [power * rate**steps for power, rate in zip(solver.optimizer.powers, (0.9, 0.999), strict=True)]
        exact = solver.optimizer.powers
        for _ in range(steps):
            exact = exact[0] * 0.9, exact[1] * 0.999
        assert exact == pytest.approx(powers)
        solver.optimizer.powers = exact
        before = solver.theirs.t
        solver.publish()
        assert solver.theirs.t == before + steps


# ----- Generators, types and what else is there -----


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize("source", [lambda: 5, lambda: np.random.RandomState(5), lambda: np.random.seed(5)])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_generator_ends_in_the_state_of_theirs(solver, call, source, early_stopping):
    if call == "partial_fit" and (early_stopping or solver == "lbfgs"):
        return
    states = []
    for module in MODULES:
        estimator = module.MLPRegressor(
            hidden_layer_sizes=5, max_iter=3, random_state=source(), solver=solver, early_stopping=early_stopping
        )
        states.append(getattr(estimator, call)(DIABETES, PROGRESS)._random_state.get_state(legacy=False)["state"])
    assert states[0]["pos"] == states[1]["pos"]
    np.testing.assert_array_equal(states[0]["key"], states[1]["key"])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_best_coefficients_are_not_kept_apart(early_stopping):
    ours, _ = fitted_pair(early_stopping=early_stopping)
    for name in ("_best_coefs", "_best_intercepts"):
        assert not hasattr(ours, name)
        with pytest.raises(AttributeError, match="with early_stopping, fit leaves the best in coefs_ and intercepts_"):
            getattr(ours, name)


def kinds(value):
    return [type(value), *{type(each) for each in value}] if isinstance(value, list) else [type(value)]


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("options", [{}, {"solver": "sgd", "early_stopping": True}, {"solver": "lbfgs"}])
def test_attributes_have_the_types_of_theirs(kind, options):
    ours, theirs = fitted_pair(kind, **options)
    assert {name for name in vars(ours) if name[-1] == "_"} == {name for name in vars(theirs) if name[-1] == "_"}
    for name in {name for name in vars(theirs) if name[-1] == "_"} - {"coefs_"}:
        assert kinds(getattr(ours, name)) == kinds(getattr(theirs, name)), name
    assert all(isinstance(array, np.ndarray) for array in ours.coefs_)
    ours.loss_.round(3)


def names_in(pickled):
    """The modules and names of all classes and functions in a pickle."""
    found = set()

    class Recorder(pickle.Unpickler):
        def find_class(self, module, name):
            found.add(f"{module}.{name}")
            return super().find_class(module, name)

    Recorder(io.BytesIO(pickled)).load()
    return found


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_pickles_hold_no_other_class_of_ours(kind, solver):
    ours, _ = fitted_pair(kind, solver=solver)
    ours.predict(DIABETES if kind == "MLPRegressor" else X)
    found = names_in(pickle.dumps(ours))
    assert {name for name in found if name.startswith("nndl_ext")} == {f"nndl_ext.sklearn.{kind}"}
    assert {name.split(".")[0] for name in found} <= {"nndl_ext", "numpy", "sklearn"}


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_skops(solver):
    skops = pytest.importorskip("skops.io")
    ours, theirs = fitted_pair(solver=solver)
    untrusted = [set(skops.get_untrusted_types(data=skops.dumps(estimator))) for estimator in (ours, theirs)]
    assert untrusted[0] == untrusted[1] | {"nndl_ext.sklearn.MLPClassifier"}
    loaded = skops.loads(skops.dumps(ours), trusted=sorted(untrusted[0]))
    np.testing.assert_array_equal(loaded.predict_proba(X), ours.predict_proba(X))
    if solver != "lbfgs":
        one, other = ours.partial_fit(X, Y), loaded.partial_fit(X, Y)
        assert [a.tobytes() for a in one.coefs_] == [a.tobytes() for a in other.coefs_]


# ----- Weights, outputs and layers -----


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


@pytest.mark.parametrize("y", [Y, Y % 2, np.array(["a", "b"])[Y % 2]], ids=["ten", "two", "words"])
def test_predictions_ignore_what_a_program_puts_into_the_classes(y):
    ours, theirs = (module.MLPClassifier(6, max_iter=3, random_state=0).fit(X, y) for module in MODULES)
    for classes in (ours.classes_.tolist(), np.arange(len(ours.classes_)) + 5, None):
        ours.classes_ = theirs.classes_ = classes
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_callback_that_fits_the_same_estimator(solver):
    def again(estimator):
        estimator.callback = None
        estimator.fit(X, Y)

    ours = MLPClassifier(6, solver=solver, max_iter=3, random_state=0, callback=again)
    with pytest.raises(ValueError, match="a callback can't fit the estimator that is being fitted"):
        ours.fit(X, Y)
    expected = MLPClassifier(6, solver=solver, max_iter=3, random_state=0).fit(X, Y)
    assert ours.fit(X, Y).coefs_[0].tobytes() == expected.coefs_[0].tobytes()


def test_an_optimizer_that_a_program_has_removed():
    ours = MLPClassifier(6, max_iter=3, random_state=0).fit(X, Y)
    expected, ours._optimizer = ours.predict_proba(X), None
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ours)).predict_proba(X), expected)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("activation", ["identity", "tanh", "logistic", "relu", "softmax", "exp"])
def test_another_output_activation(kind, activation):
    ours, theirs = fitted_pair(kind)
    x, y = (X, Y) if kind == "MLPClassifier" else (DIABETES, PROGRESS)
    usual = ours.out_activation_
    ours.out_activation_ = theirs.out_activation_ = activation
    for call in ("predict", "predict_proba") if kind == "MLPClassifier" else ("predict",):
        np.testing.assert_allclose(getattr(ours, call)(x), getattr(theirs, call)(x), rtol=1e-8)
    if activation != usual:
        with pytest.raises(
            ValueError, match=f"out_activation_ must be '{usual}' for training with the loss '{ours.loss}', not '{activation}'"
        ):
            ours.partial_fit(x, y)
    ours.out_activation_ = "sine"
    with pytest.raises(ValueError, match=r"out_activation_ must be one of identity, .*, exp, not 'sine'"):
        ours.predict(x)


@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
@pytest.mark.parametrize("y", [Y, Y % 2, np.column_stack([Y % 2, Y > 4])])
def test_raw_outputs(y, container):
    ours, theirs = (module.MLPClassifier(9, max_iter=3, random_state=0).fit(container(X), y) for module in MODULES)
    theirs.out_activation_ = "identity"
    np.testing.assert_allclose(ours.raw_outputs(container(X)), theirs._forward_pass_fast(X), rtol=1e-8, atol=1e-12)
    assert ours.raw_outputs(container(X)).tobytes() == ours.raw_outputs(X).tobytes()
    ours.out_activation_ = "identity"
    assert ours.raw_outputs(X).tobytes() == ours.layer_outputs(X)[-1].tobytes()


def test_raw_outputs_of_a_poisson_regression():
    ours = MLPRegressor("poisson", 5, max_iter=3, random_state=0).fit(DIABETES, PROGRESS)
    np.testing.assert_allclose(np.exp(ours.raw_outputs(DIABETES))[:, 0], ours.predict(DIABETES), rtol=1e-12)


def test_calibration_and_scores_use_what_they_use_of_theirs():
    """They would prefer a ``decision_function`` to ``predict_proba``."""
    ours, theirs = (module.MLPClassifier(9, max_iter=5, random_state=0) for module in MODULES)
    given, expected = (CalibratedClassifierCV(each, cv=2).fit(X, Y).predict_proba(X) for each in (ours, theirs))
    np.testing.assert_allclose(given, expected, rtol=1e-6)
    given, expected = (cross_val_score(each, X, Y, cv=2, scoring="average_precision") for each in (ours, theirs))
    np.testing.assert_allclose(given, expected)


@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(), (9,), (30, 3)])
def test_the_activations_of_each_layer(sizes, dtype, container):
    for kind, x, y in (("MLPClassifier", X, Y), ("MLPRegressor", DIABETES, PROGRESS)):
        ours, theirs = (
            getattr(module, kind)(hidden_layer_sizes=sizes, max_iter=3, random_state=0).fit(container(x.astype(dtype)), y)
            for module in MODULES
        )
        given = container(x.astype(dtype))
        layers = ours.layer_outputs(given)
        for own, other in zip(layers, theirs._forward_pass([given, *[None] * len(layers)])[1:], strict=True):
            assert own.dtype == dtype
            np.testing.assert_allclose(
                own, other, rtol=1e-9 if dtype == np.float64 else 1e-3, atol=1e-5 if dtype == np.float32 else 1e-12
            )
        whole = ours.predict_proba(given) if kind == "MLPClassifier" else ours.predict(given)[:, np.newaxis]
        assert layers[-1].tobytes() == whole.tobytes()
