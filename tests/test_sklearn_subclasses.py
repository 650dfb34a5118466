"""Subclasses of the estimators, and programs that reach into scikit-learn's private names, compared with scikit-learn's own."""

import subprocess
import sys
from inspect import isfunction

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")
from helpers import digits_and_diabetes
from sklearn import neural_network
from sklearn.neural_network import _base, _multilayer_perceptron

import nndl_ext.sklearn

pytestmark = [
    pytest.mark.usefixtures("variant"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, Y, DIABETES, PROGRESS = digits_and_diabetes()
DATA = {"MLPClassifier": (X, Y), "MLPRegressor": (DIABETES, PROGRESS)}
MODULES = nndl_ext.sklearn, neural_network
CHOSEN = {"_init_coef", "_forward_pass_fast"}  # those that have an effect in ours, too
PRIVATE = {
    name
    for kind in (neural_network.MLPClassifier, _multilayer_perceptron.BaseMultilayerPerceptron)
    for name, member in vars(kind).items()
    if isfunction(member) and name[0] == "_" != name[1]
} - CHOSEN


def pairs(changed, **options):
    """Ours and theirs, each as a subclass that ``changed`` makes of its parent, not fitted."""
    for name, (x, y) in DATA.items():
        yield *(changed(getattr(module, name))(max_iter=3, random_state=5, **options) for module in MODULES), x, y


def assert_same(ours, theirs, rtol=1e-8):
    for name in ("coefs_", "intercepts_"):
        for own, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(own, other, rtol=rtol, atol=rtol / 100)


def with_small_weights(parent):
    class Small(parent):
        def _init_coef(self, fan_in, fan_out, dtype):
            coefs, intercepts = super()._init_coef(fan_in, fan_out, dtype)
            return coefs / 4, 0 * intercepts

    return Small


def with_normal_weights(parent):
    class Normal(parent):
        def _init_coef(self, fan_in, fan_out, dtype):
            draws = self._random_state.standard_normal((fan_in + 1, fan_out)).astype(dtype) / np.sqrt(fan_in)
            return draws[1:], draws[0]

    return Normal


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("changed", [with_small_weights, with_normal_weights])
def test_own_first_weights(changed, solver):
    for ours, theirs, x, y in pairs(changed, solver=solver, activation="logistic", hidden_layer_sizes=(9, 4)):
        assert_same(ours.fit(x, y), theirs.fit(x, y))
        plain = getattr(nndl_ext.sklearn, type(ours).__bases__[0].__name__)(**ours.get_params()).fit(x, y)
        assert not np.allclose(ours.coefs_[0], plain.coefs_[0])


def test_own_first_weights_for_several_activations():
    class Listed(nndl_ext.sklearn.MLPClassifier):
        def _init_coef(self, fan_in, fan_out, dtype, activation):
            seen.append((fan_in, fan_out, dtype, activation))
            return super()._init_coef(fan_in, fan_out, dtype, activation)

    seen = []
    ours = Listed((9, 4), ["tanh", "logistic"], max_iter=2, random_state=0).fit(X, Y)
    expected = nndl_ext.sklearn.MLPClassifier((9, 4), ["tanh", "logistic"], max_iter=2, random_state=0).fit(X, Y)
    assert_same(ours, expected)
    assert seen == [(64, 9, np.float64, "tanh"), (9, 4, np.float64, "logistic"), (4, 10, np.float64, "logistic")]


def test_first_weights_that_do_not_fit():
    class Wrong(nndl_ext.sklearn.MLPRegressor):
        def _init_coef(self, fan_in, fan_out, dtype):
            return super()._init_coef(fan_out, fan_in, dtype)

    with pytest.raises(ValueError, match=r"coefficients that _init_coef returns for layer 0 must have shape \(10, 100\)"):
        Wrong().fit(DIABETES, PROGRESS)


def with_half_outputs(parent):
    class Half(parent):
        def _forward_pass_fast(self, X, check_input=True):
            return 0.5 * super()._forward_pass_fast(X, check_input)

    return Half


def test_own_outputs():
    for ours, theirs, x, y in pairs(with_half_outputs):
        for call in ("predict", "predict_proba", "predict_log_proba") if hasattr(ours, "predict_proba") else ("predict",):
            np.testing.assert_allclose(getattr(ours.fit(x, y), call)(x), getattr(theirs.fit(x, y), call)(x), rtol=1e-8)
        assert ours.score(x, y) == pytest.approx(theirs.score(x, y))
        with pytest.raises(TypeError, match=r"Half defines _forward_pass_fast, which early_stopping and validation_data"):
            ours.set_params(early_stopping=True).fit(x, y)


@pytest.mark.parametrize("name", sorted(PRIVATE))
@pytest.mark.parametrize("kind", DATA)
def test_other_private_methods_are_refused(kind, name, monkeypatch):
    def own(*_args, **_options):
        raise AssertionError("it must not be called")

    x, y = DATA[kind]
    parent = getattr(nndl_ext.sklearn, kind)
    in_instance = parent(max_iter=2)
    setattr(in_instance, name, own)
    mixed = type("Mixed", (type("Mixin", (), {name: own}), parent), {})
    for estimator in (type("Own", (parent,), {name: own})(max_iter=2), mixed(max_iter=2), in_instance):
        for call in ("fit", "partial_fit"):
            more = {"classes": range(10)} if (call, kind) == ("partial_fit", "MLPClassifier") else {}
            with pytest.raises(TypeError, match=rf"defines scikit-learn's private method {name}, .*: \w+ "):
                getattr(estimator, call)(x, y, **more)
    with monkeypatch.context() as patch:
        patch.setattr(parent, name, own, raising=False)
        with pytest.raises(TypeError, match=f"private method {name}"):
            parent(max_iter=2).fit(x, y)
    parent(max_iter=2).fit(x, y)


@pytest.mark.parametrize("name", ["_train", "_labels", "_model", "_network", "_share", "_cost", "_validate"])
@pytest.mark.parametrize("kind", DATA)
def test_names_that_this_package_uses_itself(kind, name):
    parent, (x, y) = getattr(nndl_ext.sklearn, kind), DATA[kind]
    own = type("Own", (parent,), {name: lambda *_: None})
    with pytest.raises(TypeError, match=f"Own defines {name}, a name that this package uses itself"):
        own(max_iter=2).fit(x, y)


@pytest.mark.parametrize("options", [{}, {"solver": "sgd", "early_stopping": True}, {"solver": "lbfgs"}])
def test_own_attributes(options):
    """Those that a class has before the fit, and those that a method stores."""

    def changed(parent):
        class Own(parent):
            loss_curve_, validation_scores_, validation_loss_curve_ = [], [], []

            def fit(self, X, y, **more):
                self._held, self._solver, self._rate = "held", "solver", "rate"
                return super().fit(X, y, **more)

        return Own

    for ours, theirs, x, y in pairs(changed, **options):
        for _ in range(2):
            assert_same(ours.fit(x, y), theirs.fit(x, y))
            assert ours.loss_curve_ == pytest.approx(theirs.loss_curve_)
        assert (ours._held, ours._solver, ours._rate) == ("held", "solver", "rate")
        ours.fit(x, y, validation_data=(x, y))
        assert len(ours.validation_loss_curve_) == ours.n_iter_
        assert type(ours).loss_curve_ == type(ours).validation_scores_ == type(ours).validation_loss_curve_ == []


def test_public_methods_may_be_overridden():
    class Own(nndl_ext.sklearn.MLPClassifier):
        def fit(self, X, y):
            return super().fit(X / 2, y)

        def predict(self, X):
            return super().predict(X / 2)

        def _own_helper(self):
            return 3

    expected = nndl_ext.sklearn.MLPClassifier(max_iter=3, random_state=0).fit(X / 2, Y).predict(X / 2)
    np.testing.assert_array_equal(Own(max_iter=3, random_state=0).fit(X, Y).predict(X), expected)


@pytest.mark.parametrize("check_input", [True, False])
def test_forward_passes(check_input):
    for ours, theirs, x, y in pairs(lambda parent: parent, hidden_layer_sizes=(9, 4)):
        ours.fit(x, y)
        theirs.fit(x, y)
        np.testing.assert_allclose(
            ours._forward_pass_fast(x, check_input), theirs._forward_pass_fast(x, check_input), rtol=1e-8
        )
        given = [x, None, None, None]
        layers = ours._forward_pass(given)
        assert layers is given
        for own, other in zip(layers, theirs._forward_pass([x, None, None, None]), strict=True):
            np.testing.assert_allclose(own, other, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("module", [_base, _multilayer_perceptron])
@pytest.mark.parametrize(
    ("table", "name"),
    [("ACTIVATIONS", "tanh"), ("ACTIVATIONS", "softmax"), ("DERIVATIVES", "tanh"), ("LOSS_FUNCTIONS", "log_loss")],
)
def test_changed_tables_of_scikit_learn(module, table, name, monkeypatch):
    fitted = nndl_ext.sklearn.MLPClassifier(5, "tanh", max_iter=2, random_state=0).fit(X, Y)
    expected = fitted.predict_proba(X)
    other = dict(getattr(module, table)) | {name: lambda *_: None}
    for change in (
        lambda patch: patch.setattr(module, table, other),
        lambda patch: patch.setitem(getattr(module, table), name, other[name]),
    ):
        with monkeypatch.context() as patch:
            change(patch)
            with pytest.raises(TypeError, match=rf"{table}\['{name}'\] has been replaced, but the compiled kernels"):
                fitted.fit(X, Y)
            if table == "ACTIVATIONS":
                with pytest.raises(TypeError, match=rf"{table}\['{name}'\] has been replaced"):
                    fitted.predict(X)
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)


def test_tables_with_a_new_activation_or_another_unused_one(monkeypatch):
    for name in ("sine", "softplus", "logistic"):
        monkeypatch.setitem(_base.ACTIVATIONS, name, np.sin)
    for activation in ("relu", "softplus"):
        fitted = nndl_ext.sklearn.MLPRegressor(activation=activation, max_iter=2).fit(DIABETES, PROGRESS)
        assert np.isfinite(fitted.predict(DIABETES)).all()


def test_a_table_that_was_changed_before_the_import():
    code = "import functools; from sklearn.neural_network import _base; _base.ACTIVATIONS['relu'] = functools.partial(abs)\n"
    code += "from nndl_ext.sklearn import MLPRegressor; MLPRegressor(max_iter=1).fit([[1.0], [2.0]], [0.0, 1.0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "TypeError: sklearn.neural_network._base.ACTIVATIONS['relu'] has been replaced" in done.stderr


def test_a_subclass_may_have_other_constraints():
    def changed(kind):
        constraints = kind._parameter_constraints | {"solver": [*kind._parameter_constraints["solver"], None]}
        return type("Own", (kind,), {"_parameter_constraints": constraints})

    for ours, theirs, x, y in pairs(changed):
        assert_same(ours.fit(x, y), theirs.fit(x, y))
        with pytest.raises(ValueError, match=r"solver must be a str among .*, not None"):
            ours.set_params(solver=None).fit(x, y)
