"""What the classifier and the regressor share: parameters and fitting.

Some private names of scikit-learn are imported because no public name does the same: the checks of parameters, whose messages
users know, and the check of sample weights.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight

from nndl_ext._engine import generators
from nndl_ext._engine.model import Model
from nndl_ext._engine.optimizers import Regularization
from nndl_ext._sklearn import lbfgs
from nndl_ext._sklearn.epochs import NOT_FINITE, Epochs, Validation
from nndl_ext._sklearn.fit_data import FitData
from nndl_ext._sklearn.hooks import Hooks
from nndl_ext._sklearn.networks import HIDDEN, Networked, representable
from nndl_ext._sklearn.solvers import Solver

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's class."""


class Perceptron(CallbackSupportMixin, Networked):
    """scikit-learn's multilayer perceptron, computed by this package's engine."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(HIDDEN)), list, tuple],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose", StrOptions({"progress"})],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
        "callback": [callable, None],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
    }

    n_outputs_: int
    n_layers_: int
    n_iter_: int
    t_: int

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Store the arguments of ``__init__`` unchanged, as scikit-learn requires."""
        self.__dict__.update((name, value) for name, value in arguments.items() if name != "self")

    # Where the two estimators differ

    @property
    def _share(self) -> float:
        """The factor of a sample's cost, which is a sum over its outputs, in the loss."""
        return 1.0

    def _output_activation(self) -> str:
        raise NotImplementedError

    def _encoded(self, y: np.ndarray, incremental: bool) -> np.ndarray:
        """The desired outputs for the labels or values of a fit, which may set the classes: shape (n,) or (n, outputs)."""
        raise NotImplementedError

    def _transformed(self, y: np.ndarray) -> np.ndarray:
        """The desired outputs for more labels or values of the same kind."""
        raise NotImplementedError

    def _labels(self, desired: np.ndarray) -> np.ndarray:
        """The labels or values for desired outputs, in the form that `predict` returns."""
        raise NotImplementedError

    def _score(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """The score of outputs, as ``score`` computes it; NaN for outputs that are not finite."""
        raise NotImplementedError

    def _weighted(self, _y: np.ndarray, sample_weight: np.ndarray | None, _incremental: bool) -> np.ndarray | None:
        """The samples' weights, times those of their classes."""
        return sample_weight

    # Fitting

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation_data: Any = None, incremental: bool = False) -> None:
        for name in ("alpha", "tol", "learning_rate_init", "power_t", "epsilon"):
            if isinstance(value := getattr(self, name), Integral):
                with representable(name):
                    float(value)
        hidden = self._hidden()
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validated(X, y, first)
        desired = _as_matrix(self._encoded(y, incremental))
        with representable("the weights"):
            if sample_weight is not None:
                sample_weight = _check_sample_weight(sample_weight, X)
            sample_weight = _with_sum(self._weighted(y, sample_weight, incremental), "the samples' weights")
        self.n_outputs_ = desired.shape[1]
        random_state = check_random_state(self.random_state)
        model = self._started([X.shape[1], *hidden, self.n_outputs_], X.dtype, random_state) if first else self._continued()
        if (model.sizes[0], model.sizes[-1]) != (X.shape[1], self.n_outputs_):
            raise ValueError(
                f"the network has {model.sizes[0]} inputs and {model.sizes[-1]} outputs, but X and y have {X.shape[1]} and "
                f"{self.n_outputs_}"
            )
        given = {"X": X, "y": y, "metadata": None if sample_weight is None else {"sample_weight": sample_weight}}
        steps = 1 if incremental else None if self.solver == "lbfgs" else self.max_iter
        hooks = Hooks(self, lambda: self._publish(model), lambda: self._take_replaced(model), given, steps)
        training: Callable[[], None]
        if self.solver == "lbfgs":
            if validation_data is not None or self._rates(len(hidden)):
                raise ValueError("validation_data and dropout are for the solvers sgd and adam, not for lbfgs")
            data = FitData(X, desired, model.dtype, sample_weight)
            training = partial(lbfgs.fit, self, lbfgs.Objective(model, data, float(self.alpha), self._share), hooks)
        else:
            train, validation = (X, desired, sample_weight), self._set_aside(validation_data, model.dtype)
            if self.early_stopping and incremental:
                raise ValueError("partial_fit does not support early_stopping=True")
            if self.early_stopping and validation is None:
                train, validation = self._split(*train, random_state, model.dtype)
            data = FitData(*train[:2], model.dtype, train[2])
            training = partial(self._train, Epochs(self, model, data, validation, hooks, incremental), random_state)
        hooks.fit_begins()
        try:
            training()
        finally:
            self._publish(model)  # also after an exception
        if not np.isfinite(model.parameters.flat()).all():
            raise ValueError(NOT_FINITE)
        hooks.fit_ends()

    def _train(self, epochs: Epochs, random_state: Any) -> None:
        """Train by a stochastic solver."""
        model = epochs.model
        if not epochs.is_part or not hasattr(self, "_optimizer"):
            self._optimizer = Solver.of(self)
        self._optimizer.optimizer.regularization = Regularization(l2=float(self.alpha))
        dropout = self._rates(len(model.sizes) - 2)
        seed = int(random_state.randint(2**31)) if dropout else 0

        # Nobody else sees the generator of a seed, so a faster one may take its place. It takes 40 us to make, as much as one
        # epoch gains.
        faster = isinstance(self.random_state, Integral) and self.shuffle and not epochs.is_part
        generator = generators.Twister.of_numpy(random_state) if faster else random_state

        def shuffle(order: np.ndarray) -> None:
            if self.shuffle:
                generators.shuffle_as_numpy(order, generator)  # what sklearn.utils.shuffle draws

        epochs.run(self._optimizer, shuffle, dropout, seed)

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, np.ndarray]:
        options: dict[str, Any] = {} if is_classifier(self) else {"y_numeric": True}
        dtypes = np.float64, np.float32
        checked: tuple[Any, np.ndarray] = self._validate(X, y, multi_output=True, dtype=dtypes, reset=reset, **options)
        return checked

    def _hidden(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        if getattr(sizes, "ndim", None) == 0:
            sizes = sizes.item()
        hidden = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if any(isinstance(size, Real) and size <= 0 for size in hidden):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        if any(isinstance(size, bool | np.bool_) for size in hidden):
            raise TypeError(f"hidden_layer_sizes must be an integer or a sequence of integers, not {sizes!r}")
        try:
            return [operator.index(size) for size in hidden]
        except TypeError:
            raise TypeError(f"hidden_layer_sizes must be an integer or a sequence of integers, not {sizes!r}") from None

    def _started(self, sizes: list[int], dtype: np.dtype, random_state: Any) -> Model:
        """A new network with scikit-learn's random weights (X. Glorot and Y. Bengio, AISTATS 2010)."""
        self.n_iter_, self.t_, self.n_layers_ = 0, 0, len(sizes)
        self.out_activation_ = self._output_activation()
        activations = self._activations(len(sizes) - 2)
        activations.append(activations[-1] if activations else self.activation)  # the output layer has the last one's factor
        model = self._model(sizes, np.dtype(np.float64) if self.solver == "lbfgs" else dtype)
        for layer, (weights, biases) in enumerate(zip(model.parameters.weights, model.parameters.biases, strict=True)):
            factor = 2.0 if activations[layer] == "logistic" else 6.0
            bound = np.sqrt(factor / (sizes[layer] + sizes[layer + 1]))
            weights.T[:] = random_state.uniform(-bound, bound, (sizes[layer], sizes[layer + 1])).astype(dtype, copy=False)
            biases[:, 0] = random_state.uniform(-bound, bound, sizes[layer + 1]).astype(dtype, copy=False)
        self.__dict__.pop("loss_curve_", None)
        return model

    def _continued(self) -> Model:
        """The fitted network, to train further."""
        return self._network(np.dtype(np.float64 if self.solver == "lbfgs" else np.float32))

    def _split(
        self, X: Any, desired: np.ndarray, sample_weight: Any, random_state: Any, dtype: np.dtype
    ) -> tuple[tuple[Any, np.ndarray, Any], Validation]:
        """Split the samples into those for training and those for early stopping."""
        stratify = desired.astype(bool) if is_classifier(self) and self.n_outputs_ == 1 else None
        arrays = [X, desired] if sample_weight is None else [X, desired, sample_weight]
        parts = train_test_split(*arrays, random_state=random_state, test_size=self.validation_fraction, stratify=stratify)
        if parts[1].shape[0] < 2:
            raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
        weights = parts[4:] or (None, None)
        validation = Validation(FitData(parts[1], parts[3], dtype, weights[1]), self._labels(parts[3]), False)
        return (parts[0], parts[2], weights[0]), validation

    def _set_aside(self, validation_data: Any, dtype: np.dtype) -> Validation | None:
        """The user's own validation data, checked."""
        if validation_data is None:
            return None
        if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
            raise ValueError("validation_data must be a tuple (X, y) or (X, y, sample_weight)")
        X, y = self._validated(validation_data[0], validation_data[1], False)
        with representable("the weights in validation_data"):
            sample_weight = _check_sample_weight(validation_data[2], X) if len(validation_data) == 3 else None
        sample_weight = _with_sum(sample_weight, "the weights in validation_data")
        if self.early_stopping and X.shape[0] < 2:
            raise ValueError(f"validation_data must hold at least 2 samples for early_stopping, not {X.shape[0]}")
        desired = _as_matrix(self._transformed(y))
        if desired.shape[1] != self.n_outputs_:
            raise ValueError(f"validation_data must have {self.n_outputs_} outputs, not {desired.shape[1]}")
        return Validation(FitData(X, desired, dtype, sample_weight), self._labels(desired), True)

    def _check_solver(self) -> bool:
        if self.solver not in ("sgd", "adam"):
            raise AttributeError(f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic.")
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _with_sum(weights: np.ndarray | None, name: str) -> np.ndarray | None:
    """The weights, checked to have a sum by which others can be divided."""
    if weights is not None:
        with np.errstate(over="ignore"):
            total = float(np.sum(weights))
        if not math.isfinite(total) or total == 0:
            raise ValueError(f"{name} must have a finite sum other than 0, not {total}")
    return weights


def _as_matrix(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, 1) if array.ndim == 1 else array
