"""Networks and estimators as ONNX models: onnxruntime computes the same, also in models that skl2onnx converts."""

import sys
from importlib import import_module

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from trainings import HIDDEN  # noqa: E402

from nndl_ext import export, network, network2, perceptron  # noqa: E402
from nndl_ext._engine.functions import ACTIVATIONS  # noqa: E402

try:
    from sklearn.base import clone
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import make_column_transformer
    from sklearn.datasets import load_diabetes, load_digits
    from sklearn.ensemble import BaggingClassifier, StackingClassifier
    from sklearn.exceptions import NotFittedError
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from nndl_ext.sklearn import MLPClassifier, MLPRegressor
except ImportError:
    load_digits = None
needs_sklearn = pytest.mark.skipif(load_digits is None, reason="scikit-learn is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning") if load_digits else ()

DTYPES = [np.float32, np.float64]


def outputs_of(model, x):
    """The outputs of a model in onnxruntime, by name."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: x}), strict=True))


def assert_close(theirs, ours, rounding=0.0):
    """Compare to 1e-6 of the largest output in float32, plus rounding errors; to 1e-12 in float64."""
    assert theirs.dtype == ours.dtype
    assert theirs.shape == ours.shape
    tolerance = (1e-6 if ours.dtype == np.float32 else 1e-12) * max(1, np.abs(ours).max())
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=tolerance + rounding)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_book_s_network_on_mnist(mnist, dtype):
    net = network.Network([784, 30, 10], dtype=dtype, seed=0)
    net.SGD(mnist[0][:5000], 2, 10, 3.0)
    x = np.hstack([x for x, _ in mnist[2][:2000]]).astype(dtype)
    outputs = outputs_of(export.to_onnx(net), np.ascontiguousarray(x.T))["output"]
    assert_close(outputs, net.feedforward(x).T)
    assert (outputs.argmax(axis=1) == net.predict(x)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("output", ACTIVATIONS)
def test_activations(mnist, hidden, output, dtype):
    cost = network2.LogLikelihoodCost if output == "softmax" else network2.QuadraticCost
    net = network2.Network([784, 20, 10, 10], cost, activation=hidden, output_activation=output, dtype=dtype, seed=0)
    exact = network2.Network(net.sizes, cost, activation=hidden, output_activation=output)
    exact.weights, exact.biases = net.weights, net.biases
    x = np.hstack([x for x, _ in mnist[2][:300]]).astype(dtype)
    rounding = np.abs(net.feedforward(x) - exact.feedforward(x)).max()
    assert_close(outputs_of(export.to_onnx(net), np.ascontiguousarray(x.T))["output"], net.feedforward(x).T, rounding)


@pytest.mark.parametrize("dtype", DTYPES)
def test_perceptrons(dtype):
    net = perceptron.Network([2, 3, 1], dtype=dtype, seed=0)
    net.weights, net.biases = [np.full((3, 2), -2.0), np.full((1, 3), 1.0)], [np.full((3, 1), 3.0), np.full((1, 1), -0.5)]
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype)
    outputs = outputs_of(export.to_onnx(net), x)["output"]
    np.testing.assert_array_equal(outputs, net.feedforward(x.T).T)
    assert outputs.ravel().tolist() == [1, 1, 1, 0]


def labels_of(kind):
    """Labels of the digits for a kind of classification."""
    digits = load_digits().target
    return {
        "ten classes": digits,
        "two classes": digits > 4,
        "one class": np.full(len(digits), 7),
        "strings": np.array([f"n°{digit}" for digit in digits]),
        "two strings": np.where(digits % 2, "odd", "even").astype(object),
        "whole floats": digits % 3 - 1.0,
        "several labels": np.column_stack([digits > 4, digits % 2, digits == 3]).astype(int),
        "two labels": np.column_stack([digits > 4, digits % 2]),
    }[kind]


KINDS = ["ten classes", "two classes", "one class", "strings", "two strings", "whole floats", "several labels", "two labels"]


def assert_classifies(outputs, ours, x):
    assert_close(outputs["probabilities"], ours.predict_proba(x))
    label, expected = outputs["label"], ours.predict(x)
    assert label.shape == expected.shape
    assert label.dtype in (np.int64, object)
    assert (label == expected).all()


@needs_sklearn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_classifiers(kind, dtype):
    x = (load_digits().data / 16).astype(dtype)
    ours = MLPClassifier((20, 10), ["softplus", "tanh"], max_iter=10, random_state=0).fit(x, labels_of(kind))
    assert_classifies(outputs_of(export.to_onnx(ours), x), ours, x)


@needs_sklearn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_regressors(loss, outputs, dtype):
    x, y = load_diabetes(return_X_y=True)
    y = y / 100 if outputs == 1 else np.column_stack([y, y[::-1], y**2 / 100]) / 100
    ours = MLPRegressor(loss, 30, max_iter=20, random_state=0).fit(x.astype(dtype), y)
    given = outputs_of(export.to_onnx(ours), x.astype(dtype))["variable"]
    assert_close(given, ours.predict(x.astype(dtype)).reshape(-1, outputs))


@needs_sklearn
def test_edited_coefficients_are_exported():
    x, y = load_digits(return_X_y=True)
    ours = MLPClassifier(5, max_iter=2, random_state=0).fit(x, y)
    ours.coefs_[0] = ours.coefs_[0] / 2
    assert_classifies(outputs_of(export.to_onnx(ours), x), ours, x)


@pytest.fixture
def converted():
    """The result of skl2onnx's ``to_onnx``, with our estimators registered."""
    skl2onnx = pytest.importorskip("skl2onnx")
    export.register_skl2onnx()
    export.register_skl2onnx()
    return skl2onnx.to_onnx


@needs_sklearn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_pipelines_of_classifiers(converted, kind, dtype):
    x = load_digits().data.astype(dtype)
    network = MLPClassifier((20, 10), ["softplus", "tanh"], max_iter=10, random_state=0)
    ours = make_pipeline(StandardScaler(), network).fit(x, labels_of(kind))
    assert_classifies(outputs_of(converted(ours, x[:1], options={"zipmap": False}), x), ours, x)


@needs_sklearn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("outputs", [1, 3])
def test_pipelines_of_regressors(converted, outputs, dtype):
    x, y = load_diabetes(return_X_y=True, scaled=False)
    x, y = x.astype(dtype), y if outputs == 1 else np.column_stack([y, y[::-1], y**2 / 100])
    ours = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=30, max_iter=20, random_state=0)).fit(x, y / 100)
    assert_close(outputs_of(converted(ours, x[:1]), x)["variable"], ours.predict(x).reshape(-1, outputs))


@needs_sklearn
@pytest.mark.parametrize("ensemble", ["CalibratedClassifierCV", "BaggingClassifier", "StackingClassifier"])
def test_ensembles(converted, ensemble):
    x, y = load_digits(return_X_y=True)
    ours = MLPClassifier(10, max_iter=5, random_state=0)
    around = {
        "CalibratedClassifierCV": lambda: CalibratedClassifierCV(ours, cv=2),
        "BaggingClassifier": lambda: BaggingClassifier(ours, n_estimators=3, random_state=0),
        "StackingClassifier": lambda: StackingClassifier([("ours", ours), ("other", clone(ours).set_params(alpha=1))], cv=2),
    }[ensemble]().fit(x, y)
    outputs = outputs_of(converted(around, x[:1], options={"zipmap": False}), x)
    np.testing.assert_allclose(outputs["probabilities"], around.predict_proba(x), atol=1e-6)
    assert (outputs["label"] == around.predict(x)).all()


@needs_sklearn
def test_a_frame_through_a_column_transformer(converted):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"length": np.arange(60.0) % 7, "kind": np.array(list("abc"))[np.arange(60) % 3]})
    columns = make_column_transformer((StandardScaler(), ["length"]), (OneHotEncoder(), ["kind"]))
    ours = make_pipeline(columns, MLPRegressor(max_iter=20, random_state=0)).fit(frame, frame["length"] * 2)
    session = runtime.InferenceSession(converted(ours, frame[:1]).SerializeToString(), providers=["CPUExecutionProvider"])
    (given,) = session.run(None, {name: frame[[name]].to_numpy(kind) for name, kind in (("length", float), ("kind", object))})
    np.testing.assert_allclose(given[:, 0], ours.predict(frame), rtol=1e-6)


@needs_sklearn
def test_skl2onnx_s_options_and_inputs(converted):
    x, y = load_digits(return_X_y=True)
    ours = MLPClassifier(10, max_iter=3, random_state=0).fit(x.astype(np.float32), y)
    whole = x.astype(np.int64)
    assert_classifies(outputs_of(converted(ours, whole[:1], options={"zipmap": False}), whole), ours, x.astype(np.float32))
    maps = outputs_of(converted(ours, x[:1].astype(np.float32)), x[:3].astype(np.float32))["output_probability"]
    assert [max(row, key=row.get) for row in maps] == ours.predict(x[:3]).tolist()
    columns = outputs_of(converted(ours, x[:1], options={"zipmap": "columns"}), x[:3])
    assert len(columns) == 11
    nameless = MLPClassifier(10, max_iter=3, random_state=0).fit(x, y.astype(str))
    places = outputs_of(converted(nameless, x[:1], options={"zipmap": False, "nocl": True}), x)["label"]
    assert (nameless.classes_[places] == nameless.predict(x)).all()
    search = GridSearchCV(ours, {"alpha": [0.1, 1]}, cv=2).fit(x, y)
    assert_classifies(outputs_of(converted(search, x[:1], options={"zipmap": False}), x), search, x)


class Cubes:
    """A user's own activation."""

    fn = staticmethod(lambda z: z**3)
    prime = staticmethod(lambda z: 3 * z**2)


class Halved(network.Network):
    """A network with a user's own method."""

    def feedforward(self, a):
        return super().feedforward(a) / 2


class Never(perceptron.Network):
    """Perceptrons with a user's own method."""

    def feedforward(self, a):
        return 0 * super().feedforward(a)


def test_what_onnx_does_not_have_is_refused():
    own = network2.Network([4, 3, 2], activation=Cubes())
    with pytest.raises(TypeError, match=r"activations must be among identity, .* for ONNX, not <.*Cubes object"):
        export.to_onnx(own)
    for kind in (Halved, Never):
        with pytest.raises(TypeError, match=f"ONNX can't call the feedforward of a .*{kind.__name__}"):
            export.to_onnx(kind([4, 2]))
    with pytest.raises(TypeError, match="model must be a network or an estimator of nndl_ext, not list"):
        export.to_onnx([4, 2])
    net = network.Network([4, 2])
    net.weights[0][1, 2] = np.nan
    with pytest.raises(ValueError, match="weights"):
        export.to_onnx(net)


def test_what_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match="register_skl2onnx needs skl2onnx: pip install skl2onnx"):
        export.register_skl2onnx()
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "nndl_ext.export")
    with pytest.raises(ImportError, match=r"nndl_ext.export needs onnx: pip install 'nndl-ext\[onnx\]'"):
        import_module("nndl_ext.export")


@needs_sklearn
def test_estimators_that_are_refused():
    with pytest.raises(NotFittedError):
        export.to_onnx(MLPClassifier())
    x, y = load_digits(return_X_y=True)
    ours = MLPClassifier(5, max_iter=1).fit(x, np.uint64(2**63) + y.astype(np.uint64))
    with pytest.raises(TypeError, match=r"classes must be integers or strings for ONNX, not \[9223372036854775808, "):
        export.to_onnx(ours)

    ours = MLPClassifier(5, max_iter=1).fit(x, y)
    ours.out_activation_ = "identity"
    with pytest.raises(ValueError, match="out_activation_ must be 'softmax' for ONNX, not 'identity'"):
        export.to_onnx(ours)

    class Own(MLPRegressor):
        def _forward_pass_fast(self, x, check_input=True):
            return 2 * super()._forward_pass_fast(x, check_input)

    with pytest.raises(TypeError, match=r"ONNX can't call the _forward_pass_fast of a .*Own"):
        export.to_onnx(Own(max_iter=1).fit(x, y))

    class Rounded(MLPRegressor):
        def predict(self, x):
            return super().predict(x).round()

    with pytest.raises(TypeError, match=r"ONNX can't call the predict of a .*Rounded"):
        export.to_onnx(Rounded(max_iter=1).fit(x, y))
