"""Networks as ONNX models, for programs in any language (the extra ``onnx``).

>>> import onnx
>>> from nndl_ext import Network, export
>>> onnx.save(export.to_onnx(Network([784, 30, 10])), "net.onnx")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nndl_ext import perceptron
from nndl_ext._book.base import BookNetwork
from nndl_ext._engine.functions import ACTIVATIONS
from nndl_ext._engine.model import Model

try:
    import onnx
    from onnx import helper, numpy_helper
except ImportError:
    raise ImportError("nndl_ext.export needs onnx: pip install 'nndl-ext[onnx]'") from None

__all__ = ["register_skl2onnx", "to_onnx"]


def __dir__() -> list[str]:
    return __all__


# From operator set 13 on, Softmax works on one axis. Format 8 came with set 15. Runtimes since 2021 read both.
_OPERATOR_SET, _FORMAT = 15, 8

_OPERATORS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "exp": "Exp", "softmax": "Softmax"}

_STEPS = perceptron.Network.feedforward


def to_onnx(model: Any) -> onnx.ModelProto:
    """Convert a network or an estimator to an ONNX model.

    Parameters
    ----------
    model : Network, MLPClassifier or MLPRegressor
        One of the book's networks, including networks of perceptrons, or a fitted estimator of `nndl_ext.sklearn`.

    Returns
    -------
    onnx.ModelProto
        The model. Its input ``X`` has shape (n, inputs) and the network's dtype, or that of an estimator's ``coefs_``. The
        outputs have the names that skl2onnx uses:

        - ``output`` of a network: shape (n, outputs);
        - ``variable`` of a regressor: shape (n, outputs);
        - ``label`` of a classifier: int64 or strings, of shape (n,), or (n, labels) for multilabel classification;
        - ``probabilities`` of a classifier: what ``predict_proba`` returns.

    Raises
    ------
    TypeError
        If ``model`` is something else, has methods or functions written by the user, or has classes that are neither integers
        nor strings.
    ValueError
        If a weight or bias is infinite or NaN, or an estimator is not fitted.

    Notes
    -----
    A runtime sums in another order and has another exponential function. Results agree to rounding, relative to the largest
    output, except where rounding decides whether a perceptron's weighted sum is above 0.

    Examples
    --------
    >>> from nndl_ext import Network
    >>> model = to_onnx(Network([784, 30, 10], seed=0))
    >>> [node.op_type for node in model.graph.node]
    ['Gemm', 'Sigmoid', 'Gemm', 'Sigmoid', 'Identity']
    """
    if isinstance(model, BookNetwork):
        graph = _of_network(model)
    elif isinstance(model, _estimators()):
        _check_estimator(model)
        graph = _of_estimator(model, getattr(model, "classes_", None), np.asarray(model.coefs_[0]).dtype)
    else:
        raise TypeError(f"model must be a network or an estimator of nndl_ext, not {type(model).__name__}")
    return graph.finished()


def register_skl2onnx() -> None:
    """Let skl2onnx convert the estimators of `nndl_ext.sklearn`, alone or inside pipelines, searches and ensembles.

    Call it once; further calls have no effect. Importing this package does not register them, because skl2onnx's registry
    belongs to the whole program.

    Raises
    ------
    ImportError
        If skl2onnx or scikit-learn is not installed.

    Examples
    --------
    >>> import skl2onnx
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from nndl_ext.sklearn import MLPClassifier
    >>> register_skl2onnx()
    >>> x, y = load_iris(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), MLPClassifier(max_iter=500, learning_rate_init=0.01)).fit(x, y)
    >>> model = skl2onnx.to_onnx(pipeline, x[:1], options={"zipmap": False})
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError:
        raise ImportError("register_skl2onnx needs skl2onnx: pip install skl2onnx") from None
    from nndl_ext.sklearn import MLPClassifier, MLPRegressor

    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]}
    update_registered_converter(MLPClassifier, "NndlExtMLPClassifier", _declare, _convert, options=options)
    update_registered_converter(MLPRegressor, "NndlExtMLPRegressor", _declare, _convert)


@dataclass
class _Graph:
    """A graph under construction.

    Attributes
    ----------
    dtype : numpy.dtype
        The floating-point type of the computation.
    inputs : int
        The number of inputs.
    nodes, tensors : list
        The operators in the order in which they run, and the constants.
    outputs : list
        The descriptions of the outputs.
    """

    dtype: np.dtype
    inputs: int
    nodes: list[Any] = field(default_factory=list)
    tensors: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator, and return the name of its result."""
        result = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [result], name=f"{result}_node", **attributes))
        return result

    def constant(self, name: str, array: np.ndarray) -> str:
        """Add numbers or strings, and return their name."""
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def number(self, value: float) -> str:
        """Add a number that the graph computes with."""
        return self.constant(f"number_{len(self.tensors)}", np.array(value, self.dtype))

    def output(self, name: str, value: str, element: int, shape: Sequence[str | int]) -> None:
        """Make a result an output of the graph, under this name."""
        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"{name}_node"))
        self.outputs.append(helper.make_tensor_value_info(name, element, shape))

    @property
    def element(self) -> int:
        """ONNX's number for the dtype."""
        return helper.np_dtype_to_tensor_dtype(self.dtype)

    def finished(self) -> onnx.ModelProto:
        """The finished model, checked by onnx."""
        x = helper.make_tensor_value_info("X", self.element, ["n", self.inputs])
        graph = helper.make_graph(self.nodes, "nndl-ext", [x], self.outputs, self.tensors)
        operators = [helper.make_opsetid("", _OPERATOR_SET)]
        model = helper.make_model(graph, opset_imports=operators, ir_version=_FORMAT, producer_name="nndl-ext")
        onnx.checker.check_model(model, full_check=True)
        return model


def _of_network(net: BookNetwork) -> _Graph:
    """The graph of one of the book's networks."""
    steps = isinstance(net, perceptron.Network)
    if getattr(net.feedforward, "__func__", None) is not _STEPS if steps else net._overrides("feedforward"):
        raise TypeError(f"ONNX can't call the feedforward of a {type(net).__module__}.{type(net).__qualname__}")
    graph = _Graph(net.dtype, net.sizes[0])
    activations = ["step"] * (net.num_layers - 1) if steps else net._model.activations
    outputs = _add_layers(graph, net._model, activations)
    graph.output("output", outputs, graph.element, ["n", net.sizes[-1]])
    return graph


def _estimators() -> tuple[Any, ...]:
    """The classes of the estimators; none if scikit-learn is not installed."""
    try:
        from nndl_ext.sklearn import MLPClassifier, MLPRegressor
    except ImportError:
        return ()
    return MLPClassifier, MLPRegressor


def _check_estimator(model: Any) -> None:
    """Refuse an estimator that is not fitted, or that overrides a method of prediction."""
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model, "coefs_")
    kind = next(kind for kind in _estimators() if isinstance(model, kind))
    for name in ("predict", "predict_proba", "_forward_pass_fast"):
        if getattr(type(model), name, None) is not getattr(kind, name, None):
            raise TypeError(f"ONNX can't call the {name} of a {type(model).__module__}.{type(model).__qualname__}")


def _of_estimator(model: Any, classes: Any, dtype: np.dtype, given: int | None = None) -> _Graph:
    """The graph of an estimator whose classes have these names.

    ``given`` is ONNX's number for the type of the inputs, which are cast if it is not the graph's own.
    """
    network = model._network(dtype)
    if classes is not None and model.out_activation_ != model._output_activation():
        raise ValueError(f"out_activation_ must be {model._output_activation()!r} for ONNX, not {model.out_activation_!r}")
    graph = _Graph(network.dtype, network.sizes[0])
    x = "X" if given in (None, graph.element) else graph.add("Cast", "X", to=graph.element)
    outputs = _add_layers(graph, network, network.activations, x)
    if classes is None:
        graph.output("variable", outputs, graph.element, ["n", network.sizes[-1]])
    elif network.activations[-1] == "softmax":
        _add_label(graph, classes, graph.add("ArgMax", outputs, axis=1, keepdims=0))
        graph.output("probabilities", outputs, graph.element, ["n", network.sizes[-1]])
    elif network.sizes[-1] == 1:
        _add_label(
            graph, classes, graph.add("Squeeze", _over_half(graph, outputs), graph.constant("axis", np.array([1], np.int64)))
        )
        both = graph.add("Concat", graph.add("Sub", graph.number(1), outputs), outputs, axis=1)
        graph.output("probabilities", both, graph.element, ["n", 2])
    else:
        graph.output("label", _over_half(graph, outputs), onnx.TensorProto.INT64, ["n", network.sizes[-1]])
        graph.output("probabilities", outputs, graph.element, ["n", network.sizes[-1]])
    return graph


def _over_half(graph: _Graph, outputs: str) -> str:
    """1 where an output is above a half, else 0."""
    return graph.add("Cast", graph.add("Greater", outputs, graph.number(0.5)), to=onnx.TensorProto.INT64)


def _add_label(graph: _Graph, known: np.ndarray, index: str) -> None:
    """Output the label of the class with a given index."""
    classes = np.resize(known, max(2, len(known)))  # a single class is the label for both indices
    if all(isinstance(name, str) for name in classes):
        names = np.array(classes, object)
    else:
        try:
            names = classes.astype(np.int64)
        except (TypeError, ValueError, OverflowError):
            names = np.empty(0)
        if not np.array_equal(names, classes):
            raise TypeError(f"classes must be integers or strings for ONNX, not {classes[:10].tolist()}")
    label = graph.add("Gather", graph.constant("classes", names), index)
    graph.output("label", label, onnx.TensorProto.STRING if names.dtype == object else onnx.TensorProto.INT64, ["n"])


def _add_layers(graph: _Graph, network: Model, activations: Sequence[Any], x: str = "X") -> str:
    """Add the layers of a network, and return the name of its outputs."""
    layers = zip(*network.parameters.views(), activations, strict=True)
    for number, (biases, weights, activation) in enumerate(layers, 1):
        matrix = graph.constant(f"weights_{number}", np.asarray(weights))
        row = graph.constant(f"biases_{number}", biases[:, 0])
        x = _activated(graph, graph.add("Gemm", x, matrix, row, transB=1), activation)
    return x


def _activated(graph: _Graph, z: str, activation: Any) -> str:
    """Add an activation, and return the name of its values."""
    if activation == "identity":
        return z
    if activation == "step":
        return graph.add("Cast", graph.add("Greater", z, graph.number(0)), to=graph.element)
    if activation == "softplus":  # onnxruntime has ONNX's Softplus in float32 only
        small = graph.add("Exp", graph.add("Neg", graph.add("Abs", z)))
        return graph.add("Add", graph.add("Relu", z), graph.add("Log", graph.add("Add", small, graph.number(1))))
    if not isinstance(activation, str):
        raise TypeError(f"activations must be among {', '.join(ACTIVATIONS)} for ONNX, not {activation!r}")
    return graph.add(_OPERATORS[activation], z)


def _declare(operator: Any) -> None:
    """Tell skl2onnx the types and shapes of an estimator's outputs."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType

    types = {
        onnx.TensorProto.DOUBLE: DoubleTensorType,
        onnx.TensorProto.FLOAT: FloatTensorType,
        onnx.TensorProto.INT64: Int64TensorType,
        onnx.TensorProto.STRING: StringTensorType,
    }
    rows = operator.inputs[0].get_first_dimension()
    for declared, output in zip(operator.outputs, _asked_for(operator).outputs, strict=True):
        tensor = output.type.tensor_type
        declared.set_type(types[tensor.elem_type]([rows, *(size.dim_value for size in tensor.shape.dim[1:])]))


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add an estimator's graph to the one that skl2onnx builds, under unique names."""
    graph = _asked_for(operator)
    names = {"X": operator.inputs[0].full_name}
    names.update((own.name, declared.full_name) for own, declared in zip(graph.outputs, operator.outputs, strict=True))
    for tensor in graph.tensors:
        names[tensor.name] = tensor.name = scope.get_unique_variable_name(tensor.name)
    for node in graph.nodes:
        names.update((name, scope.get_unique_variable_name(name)) for name in node.output if name not in names)
        node.input[:], node.output[:] = [names[name] for name in node.input], [names[name] for name in node.output]
        node.name = scope.get_unique_operator_name(node.name)
    container.initializers.extend(graph.tensors)
    container.nodes.extend(graph.nodes)
    container.node_domain_version_pair_sets.add(("", _OPERATOR_SET))


def _asked_for(operator: Any) -> _Graph:
    """The graph of an estimator for the type of its input in skl2onnx's graph: float64 for float64, else float32."""
    from skl2onnx.common.data_types import guess_proto_type
    from skl2onnx.common.utils_classifier import get_label_classes

    model = operator.raw_operator
    classes = get_label_classes(operator.scope_inst, model) if hasattr(model, "classes_") else None
    given = guess_proto_type(operator.inputs[0].type)
    dtype = np.dtype(np.float64 if given == onnx.TensorProto.DOUBLE else np.float32)
    return _of_estimator(model, classes, dtype, given)
