"""Private names that subclasses and programs may define: which have an effect, and what replaces the others."""

from __future__ import annotations

from types import FunctionType
from typing import Any, NoReturn

from sklearn import neural_network
from sklearn.neural_network import _base, _multilayer_perceptron

_KERNELS = "the compiled kernels compute this: use the parameters loss, activation, alpha, dropout and class_weight, or the "
_KERNELS += "costs and activations in Python of nndl_ext.network2"
_EPOCHS = "use the parameter callback, which is called after each epoch and may end the training"

_INSTEAD = {
    "_backprop": _KERNELS,
    "_check_solver": "override partial_fit",
    "_compute_loss_grad": _KERNELS,
    "_forward_pass": _KERNELS,
    "_initialize": "override _init_coef for other first weights",
    "_loss_grad_lbfgs": _KERNELS,
    "_predict": "override predict",
    "_score": _EPOCHS,
    "_score_with_function": _EPOCHS,
    "_update_no_improvement_count": _EPOCHS,
}

_HONOURED = {"_init_coef", "_forward_pass_fast"}

# Every version of scikit-learn has its own private methods.
_REFUSED = {
    name
    for kind in (neural_network.MLPClassifier, neural_network.MLPRegressor, _multilayer_perceptron.BaseMultilayerPerceptron)
    for name, member in vars(kind).items()
    if isinstance(member, FunctionType) and name.startswith("_") and not name.startswith("__")
} - _HONOURED

# The original functions, to detect that a program has replaced one. None stands for one replaced before this import.
_ORIGINALS = {
    table: {
        name: function if getattr(function, "__module__", None) == _base.__name__ else None
        for name, function in getattr(_base, table).items()
    }
    for table in ("ACTIVATIONS", "DERIVATIVES", "LOSS_FUNCTIONS")
}

# For each of our estimators, its own private methods and properties, and None for those of scikit-learn's that it lacks.
_METHODS: dict[type, dict[str, Any]] = {}


def remember(kind: type) -> None:
    """Store the methods of an estimator's class, to detect that a subclass or a program has replaced one."""
    own = {
        name: getattr(kind, name)
        for each in kind.__mro__
        if each.__module__.startswith("nndl_ext.")
        for name, member in vars(each).items()
        if isinstance(member, FunctionType | property) and name.startswith("_") and not name.startswith("__")
    }
    _METHODS[kind] = dict.fromkeys(_REFUSED) | own


def refuse_overrides(estimator: Any, *, evaluates: bool) -> None:
    """Refuse to fit if a subclass or a program defines a private method that would not be called, or not as it expects.

    ``evaluates`` says whether the fit evaluates the network on validation samples.

    Raises
    ------
    TypeError
        If it defines one.
    """
    original = next(_METHODS[kind] for kind in type(estimator).__mro__ if kind in _METHODS)
    for name in original:
        if name in vars(estimator) or getattr(type(estimator), name, None) is not original[name]:
            defines = f"{type(estimator).__module__}.{type(estimator).__qualname__} defines"
            if name in _REFUSED:
                instead = _INSTEAD.get(name, "override fit and partial_fit")
                raise TypeError(f"{defines} scikit-learn's private method {name}, which has no effect: {instead}")
            if name not in _HONOURED:
                raise TypeError(f"{defines} {name}, a name that this package uses itself: choose another one")
            if name == "_forward_pass_fast" and evaluates:
                raise TypeError(f"{defines} {name}, which early_stopping and validation_data can't use")


def may_have_other_activations() -> bool:
    """Whether a program has changed scikit-learn's table of activations. This is quick, for predictions of single samples."""
    originals = _ORIGINALS["ACTIVATIONS"]
    return not originals == _base.ACTIVATIONS == _multilayer_perceptron.ACTIVATIONS


def refuse_tables(*names: str) -> None:
    """Refuse to compute if a program has replaced one of these functions in scikit-learn's tables.

    Raises
    ------
    TypeError
        If it has.
    """
    for module in (_base, _multilayer_perceptron):
        for table, originals in _ORIGINALS.items():
            current = getattr(module, table, originals)
            if current != originals:
                for name in names:
                    if name in originals and current.get(name) is not originals[name]:
                        raise TypeError(f"{module.__name__}.{table}[{name!r}] has been replaced, but {_KERNELS}")


def no_best(_estimator: Any) -> NoReturn:
    """The value of ``_best_coefs`` and ``_best_intercepts``.

    Raises
    ------
    AttributeError
        Always.
    """
    raise AttributeError(
        "_best_coefs and _best_intercepts are not kept: with early_stopping, fit leaves the best in coefs_ and intercepts_"
    )
