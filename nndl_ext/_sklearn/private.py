"""scikit-learn's private names, which subclasses and programs use: which have an effect here, and what replaces the others."""

from __future__ import annotations

from inspect import isfunction
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
    if isfunction(member) and name.startswith("_") and not name.startswith("__")
} - _HONOURED

# The original functions, to detect that a program has replaced one; it may have done so before it imported this package.
_ORIGINALS = {
    table: {name: function for name, function in getattr(_base, table).items() if function.__module__ == _base.__name__}
    for table in ("ACTIVATIONS", "DERIVATIVES", "LOSS_FUNCTIONS")
}


def refuse_overrides(estimator: Any, methods: dict[str, Any]) -> None:
    """Refuse to fit if a subclass or a program defines a private method of scikit-learn's that would not be called.

    ``methods`` holds our own methods of these names.

    Raises
    ------
    TypeError
        If it defines one.
    """
    for name in sorted(_REFUSED):
        if _overrides(estimator, name, methods):
            instead = _INSTEAD.get(name, "override fit and partial_fit")
            raise TypeError(f"{_kind(estimator)} defines scikit-learn's private method {name}, which has no effect: {instead}")


def refuse_outputs(estimator: Any, methods: dict[str, Any]) -> None:
    """Refuse to evaluate an estimator during a fit if it does not predict by the network alone.

    Raises
    ------
    TypeError
        If it overrides ``_forward_pass_fast``.
    """
    if _overrides(estimator, "_forward_pass_fast", methods):
        raise TypeError(f"early_stopping and validation_data can't use the _forward_pass_fast of {_kind(estimator)}")


def _overrides(estimator: Any, name: str, methods: dict[str, Any]) -> bool:
    return name in vars(estimator) or getattr(type(estimator), name, None) is not methods.get(name)


def _kind(estimator: Any) -> str:
    return f"{type(estimator).__module__}.{type(estimator).__qualname__}"


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
                    if current.get(name) is not originals.get(name):
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
