"""The part of the estimators that predicts, by a network made of ``coefs_`` and ``intercepts_``, which a user may edit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from numbers import Real
from operator import is_
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from nndl_ext import _kernels
from nndl_ext._checks import layer_sizes, real_array, shaped
from nndl_ext._data.sparse import csr_of
from nndl_ext._engine.layers import dense
from nndl_ext._engine.matrix import Matrix
from nndl_ext._engine.model import Model
from nndl_ext._engine.threads import checked_threads
from nndl_ext._sklearn import private
from nndl_ext._sklearn.fit_data import FitData

HIDDEN = ("identity", "logistic", "tanh", "relu", "softplus")
_OUTPUT = (*HIDDEN, "softmax", "exp")

# The engine's names where they differ from scikit-learn's.
_ENGINE = {"logistic": "sigmoid"}


class _Held(NamedTuple):
    """A network, the options from which it was made, and the user's views of its arrays."""

    model: Model
    options: tuple[Any, ...]
    coefs: list[np.ndarray]
    intercepts: list[np.ndarray]


class Networked(BaseEstimator):
    """An estimator that predicts by a network."""

    out_activation_: str
    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]

    def layer_outputs(self, X: Any) -> list[np.ndarray]:
        """The activations of each layer, for example to use the last hidden layer as features.

        Parameters
        ----------
        X : array, data frame or sparse matrix
            Shape (n, features).

        Returns
        -------
        list of numpy.ndarray
            For each layer after the inputs, an array of shape (n, neurons), float32 or float64. The last are the outputs, bit
            for bit: those from which ``predict`` makes its answers.

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError
            As for ``predict``; or if a coefficient is infinite or NaN.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from nndl_ext.sklearn import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> fitted = MLPClassifier((8, 5), solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
        >>> [activations.shape for activations in fitted.layer_outputs(X)]
        [(150, 8), (150, 5), (150, 3)]
        """
        model, inputs = self._applied(X)
        return model.layer_outputs(inputs)

    def raw_outputs(self, X: Any) -> np.ndarray:
        """The outputs before the output activation, such as a classifier's logits.

        scikit-learn's name for them would be ``decision_function``. But scikit-learn's classifier has none, and calibration and
        some scores would use it instead of ``predict_proba``.

        Parameters
        ----------
        X : array, data frame or sparse matrix
            Shape (n, features).

        Returns
        -------
        numpy.ndarray
            Shape (n, outputs), float32 or float64.

        Raises
        ------
        sklearn.exceptions.NotFittedError, ValueError
            As for ``predict``.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from nndl_ext.sklearn import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> logits = MLPClassifier(solver="lbfgs", max_iter=1000, random_state=0).fit(X, y).raw_outputs(X)
        >>> logits.shape, [int(row.argmax()) for row in logits[::50]]
        ((150, 3), [0, 1, 2])
        """
        model, inputs = self._applied(X)
        return model.raw_outputs(inputs)

    def _forward_pass_fast(self, X: Any, check_input: bool = True) -> np.ndarray:
        """scikit-learn's name for the network's outputs, of shape (n, outputs). A subclass may override it, and `predict` then
        calls the override. Without ``check_input``, scikit-learn's checks of the inputs are left out."""
        model, inputs = self._applied(X, check_input)
        return outputs_of(model, inputs)

    def _forward_pass(self, activations: list[Any]) -> list[Any]:
        """scikit-learn's name for a forward pass that fills a list: the inputs, then the activations of each layer."""
        activations[1:] = self.layer_outputs(activations[0])
        return activations

    def _applied(self, X: Any, check_input: bool = True) -> tuple[Model, np.ndarray | FitData]:
        """The network for these inputs, and the inputs as it takes them."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        X = self._checked(X) if check_input else csr_of(X, "X") if issparse(X) else real_array(X, "X")
        if X.ndim != 2:
            raise ValueError(f"X must have shape (n, features), not {X.shape}")
        model = self._network(X.dtype)
        if X.shape[1] != model.sizes[0]:
            raise ValueError(f"X must have {model.sizes[0]} features, as many as coefs_[0] has rows, not {X.shape[1]}")
        if issparse(X):
            return model, FitData(X, np.empty((0, 0)), model.dtype)
        return model, X if X.flags.carray and X.dtype == model.dtype else np.require(X, model.dtype, ["C", "A"])

    def _checked(self, X: Any) -> Any:
        """The inputs, checked by scikit-learn unless they obviously pass its checks."""
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype.char in "fd"
            and X.dtype.isnative
            and X.shape[1] == getattr(self, "n_features_in_", None)
            and X.size
            and X.flags.c_contiguous
            and X.flags.aligned
            and not hasattr(self, "feature_names_in_")
            and _kernels.kernels.is_finite(X)
        ):
            return X
        checked = self._validate(X, reset=False)
        if checked.dtype.kind == "O" or checked.dtype.itemsize > 8:  # long doubles, which must be finite in float64, too
            checked = self._validate(X, reset=False, dtype=np.float64)
        if checked.dtype.kind in "mM":
            raise TypeError(f"X must hold real numbers, not {checked.dtype}")
        return checked

    def _validate(self, X: Any, *y: Any, **options: Any) -> Any:
        """What scikit-learn's checks make of the data. Sparse matrices become CSR first, with indices that have been checked.
        Numbers become native first, because scikit-learn takes float32 of another byte order for another type."""
        X, *others = [csr_of(given, name) if issparse(given) else given for given, name in zip((X, *y), "Xy", strict=False)]
        if not getattr(getattr(X, "dtype", None), "isnative", True):
            X = X.astype(X.dtype.newbyteorder("="))
        with representable("X and y"):
            return validate_data(self, X, *others, accept_sparse="csr", **options)

    def _network(self, given: np.dtype) -> Model:
        """The network with the estimator's current coefficients, which a user may have edited or replaced. It computes in
        float32 if they and the data, of the dtype ``given``, need no more."""
        held: _Held | None = self.__dict__.get("_nndl_held")
        if held is not None and self._has_replaced(held):
            held = None
        coefs, intercepts = self._coefficients() if held is None else (held.coefs, held.intercepts)
        if private.may_have_other_activations():
            private.refuse_tables(*self._activations(len(coefs) - 1), self.out_activation_)
        single = np.result_type(given, coefs[0].dtype) == np.float32
        dtype = np.dtype(np.float32 if single else np.float64)
        if held is not None and held.model.dtype == dtype and held.options == self._options():
            held.model.threads = checked_threads(self.n_threads, "n_threads")
            return held.model
        model = self._model([len(coefs[0]), *(coef.shape[1] for coef in coefs)], dtype)
        _copy(coefs, intercepts, model)
        return model

    def _has_replaced(self, held: _Held) -> bool:
        """Whether the user has replaced an array since it was published."""
        return not (are_same(self.coefs_, held.coefs) and are_same(self.intercepts_, held.intercepts))

    def _coefficients(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """``coefs_`` and ``intercepts_``, checked to fit each other."""
        lists = self.coefs_, self.intercepts_
        if not all(isinstance(arrays, Sequence) for arrays in lists) or not 0 < len(self.coefs_) == len(self.intercepts_):
            raise ValueError("coefs_ and intercepts_ must be lists with one array for each layer")
        coefs = [real_array(array, f"coefs_[{layer}]") for layer, array in enumerate(self.coefs_)]
        intercepts = []
        for layer, (coef, intercept) in enumerate(zip(coefs, self.intercepts_, strict=True)):
            if coef.ndim != 2 or not coef.size or (layer and len(coef) != coefs[layer - 1].shape[1]):
                inputs = coefs[layer - 1].shape[1] if layer else "inputs"
                raise ValueError(f"coefs_[{layer}] must have shape ({inputs}, neurons), not {coef.shape}")
            intercepts.append(shaped(intercept, (coef.shape[1],), f"intercepts_[{layer}]"))
        return coefs, intercepts

    def _model(self, sizes: list[int], dtype: np.dtype) -> Model:
        """A new network of these sizes."""
        if self.out_activation_ not in _OUTPUT:
            raise ValueError(f"out_activation_ must be one of {', '.join(_OUTPUT)}, not {self.out_activation_!r}")
        names = (*self._activations(len(sizes) - 2), self.out_activation_)
        activations = [_ENGINE.get(name, name) for name in names]
        threads = checked_threads(self.n_threads, "n_threads")
        return Model(dense(layer_sizes(sizes), activations), dtype, threads, least=float(np.finfo(dtype).eps))

    def _options(self) -> tuple[Any, ...]:
        """What a network depends on besides its coefficients."""
        return self.activation, self.out_activation_

    def _activations(self, hidden: int) -> list[str]:
        """scikit-learn's names for the activations of the hidden layers."""
        given = self.activation
        names = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given] * hidden
        if len(names) != hidden or not all(isinstance(name, str) and name in HIDDEN for name in names):
            raise ValueError(
                f"activation must be one of {', '.join(HIDDEN)}, or a list with one for each of {hidden} hidden layers, "
                f"not {given!r}"
            )
        return names

    def _rates(self, hidden: int) -> tuple[float, ...]:
        """The dropout rate of each layer after the first; empty if all are 0."""
        if isinstance(self.dropout, Real) and self.dropout == 0:
            return ()
        rates: list[Any] = list(self.dropout) if isinstance(self.dropout, Iterable) else [self.dropout] * hidden
        if len(rates) != hidden or not all(isinstance(rate, Real) and 0 <= float(rate) < 1 for rate in rates):
            raise ValueError(
                f"dropout must be a rate from 0 to below 1, or one for each of {hidden} hidden layers, not {rates}"
            )
        return (*map(float, rates), 0.0) if any(rates) else ()

    def _publish(self, model: Model) -> None:
        """Set ``coefs_`` and ``intercepts_`` to views of the network's parameters, which the user may edit."""
        biases, weights = model.parameters.given()
        self.coefs_ = [w.T for w in weights]
        self.intercepts_ = [b[:, 0] for b in biases]
        held: _Held | None = self.__dict__.get("_nndl_held")
        options = held.options if held is not None and held.model is model else self._options()  # a callback may change them
        self._nndl_held = _Held(model, options, self.coefs_.copy(), self.intercepts_.copy())

    def _take_replaced(self, model: Model) -> None:
        """Copy coefficients that a callback has replaced to the network in training."""
        if self._nndl_held.model is not model:
            raise ValueError("a callback can't fit the estimator that is being fitted: fit a clone of it")
        if self._has_replaced(self._nndl_held):
            _copy(*self._coefficients(), model)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in super().__getstate__().items() if name not in ("_nndl_held", "_nndl_solver")}
        for name in ("coefs_", "intercepts_"):
            if name in state:
                state[name] = _plain(state[name])
        if hasattr(state.get("_optimizer"), "__dict__"):
            state["_optimizer"] = optimizer = copy(state["_optimizer"])
            vars(optimizer).update((name, _plain(value)) for name, value in vars(optimizer).items())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "coefs_" in state and "out_activation_" in state:
            self._publish(self._network(np.dtype(np.float32)))


@contextmanager
def representable(name: str) -> Iterator[None]:
    """Let an error name the data with an integer that is too large for a float."""
    try:
        yield
    except OverflowError as error:
        raise ValueError(f"{name} must be in the range of float64: {error}") from error


def _copy(coefs: list[np.ndarray], intercepts: list[np.ndarray], model: Model) -> None:
    """Copy coefficients to a network."""
    model.parameters.replace([b.reshape(-1, 1) for b in intercepts], [coef.T for coef in coefs])


def are_same(given: Any, own: list[np.ndarray]) -> bool:
    return type(given) is list and len(given) == len(own) and all(map(is_, given, own))


def _plain(value: Any) -> Any:
    """A list of arrays of our own class as a list of NumPy's arrays, which other programs can read; anything else unchanged."""
    if type(value) is not list:
        return value
    return [np.array(each, order="C") if isinstance(each, Matrix) else each for each in value]


def outputs_of(model: Model, inputs: np.ndarray | FitData) -> np.ndarray:
    """The outputs of a network for checked inputs: shape (n, outputs)."""
    return model.outputs_of_rows(inputs) if isinstance(inputs, np.ndarray) else model.outputs(inputs)
