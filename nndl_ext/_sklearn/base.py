"""What the classifier and the regressor have in common: parameters, fitting, and a network that is what stands in ``coefs_``.

Underscored names of scikit-learn's are imported where nothing public does the same: the check of parameters, whose messages
users know, and the one of sample weights.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from nndl_ext._core.model import Model
from nndl_ext._core.optimisers import Regularisation
from nndl_ext._sklearn import lbfgs
from nndl_ext._sklearn.epochs import NOT_FINITE, Epochs, Hooks, Validation
from nndl_ext._sklearn.samples import Arrays
from nndl_ext._sklearn.solvers import Solver

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing."""


HIDDEN = ("identity", "logistic", "tanh", "relu", "softplus")

# The engine's names, where they are others than scikit-learn's.
_ENGINE = {"logistic": "sigmoid"}

# Elements of an array of inputs so small that scikit-learn's checks would take longer than the network.
_SMALL = 20_000


class _Held(NamedTuple):
    """A network, and the very arrays that the user sees of it."""

    model: Model
    coefs: list[np.ndarray]
    intercepts: list[np.ndarray]
    key: tuple[Any, ...]


class Perceptron(CallbackSupportMixin, BaseEstimator):
    """A multilayer perceptron as scikit-learn has it, computed by this package's engine."""

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

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Keep what ``__init__`` was given, all of it and as it is."""
        self.__dict__.update((name, value) for name, value in arguments.items() if name != "self")

    # What the two estimators have of their own.

    loss: str
    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    best_loss_: float | None
    best_validation_score_: float | None

    @property
    def _share(self) -> float:
        """What a sample's cost, a sum over its outputs, is multiplied by."""
        return 1.0

    @property
    def _cost(self) -> str:
        """The engine's name of the loss."""
        raise NotImplementedError

    def _output_activation(self) -> str:
        raise NotImplementedError

    def _encoded(self, y: np.ndarray, incremental: bool) -> np.ndarray:
        """The desired outputs for labels or values: shape (n, outputs)."""
        raise NotImplementedError

    def _decoded(self, outputs: np.ndarray) -> np.ndarray:
        """What `predict` returns for the network's outputs."""
        raise NotImplementedError

    def _score(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        raise NotImplementedError

    def _weighted(self, _y: np.ndarray, sample_weight: np.ndarray | None, _incremental: bool) -> np.ndarray | None:
        """The samples' weights, those of their classes included."""
        return sample_weight

    # Fitting

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation_data: Any = None, incremental: bool = False) -> None:
        hidden = self._hidden()
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        numeric = {} if is_classifier(self) else {"y_numeric": True}
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=first,
            **numeric,
        )
        desired = self._encoded(y, incremental)
        desired = desired.reshape(len(desired), -1)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        sample_weight = self._weighted(y, sample_weight, incremental)
        if sample_weight is not None and not math.fsum(sample_weight) > 0:
            raise ValueError(f"sample_weight must have a sum above 0, not {math.fsum(sample_weight)}")
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        self.n_outputs_ = desired.shape[1]
        random_state = check_random_state(self.random_state)
        if first:
            model = self._started([X.shape[1], *hidden, self.n_outputs_], X.dtype, random_state)
        else:
            model = self._network(self._dtype())
        if (model.sizes[0], model.sizes[-1]) != (X.shape[1], self.n_outputs_):
            raise ValueError(
                f"the network has {model.sizes[0]} inputs and {model.sizes[-1]} outputs, but X and y have {X.shape[1]} and "
                f"{self.n_outputs_}"
            )
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        hooks = Hooks(self, lambda: self._publish(model), X, y, metadata, incremental)
        if self.solver == "lbfgs":
            data, weights = Arrays(X, desired, model.dtype), _as_weights(sample_weight)
            lbfgs.fit(self, lbfgs.Objective(model, data, weights, float(self.alpha), self._share))
        else:
            held_out = self._checked_validation(validation_data)
            parts = X, desired, sample_weight
            if self.early_stopping and held_out is None:
                parts, held_out = self._split(*parts, random_state)
            self._fit_epochs(model, parts, held_out, random_state, hooks)
        self._publish(model)
        if not all(np.isfinite(array).all() for array in (*self.coefs_, *self.intercepts_)):
            raise ValueError(NOT_FINITE)
        hooks.fit_ends()

    def _fit_epochs(
        self, model: Model, parts: tuple[Any, ...], held_out: tuple[Any, ...] | None, random_state: Any, hooks: Hooks
    ) -> None:
        X, desired, sample_weight = parts
        validation = None
        if held_out is not None:
            validation = Validation(Arrays(held_out[0], held_out[1], model.dtype), held_out[2], held_out[3])
        self._start_records(model, held_out is not None and not (self.early_stopping and held_out[4]))
        if not hooks.incremental or not hasattr(self, "_optimizer"):
            self._optimizer = Solver.of(self)
        self._optimizer.optimiser.regularisation = Regularisation(l2=float(self.alpha))
        model.dropout = self._rates(len(model.sizes) - 2)
        if any(model.dropout):
            model.seed = int(random_state.randint(2**31))

        def shuffle(order: np.ndarray) -> None:
            if self.shuffle:
                places = np.arange(len(order))
                random_state.shuffle(places)  # what sklearn.utils.shuffle draws
                order[:] = order[places]

        epochs = Epochs(self, model, Arrays(X, desired, model.dtype), _as_weights(sample_weight), validation, hooks)
        epochs.run(self._optimizer, shuffle, 1 if hooks.incremental else self.max_iter)

    def _hidden(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        hidden = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if np.any(np.array(hidden) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        return [int(size) for size in hidden]

    def _started(self, sizes: list[int], dtype: np.dtype, random_state: Any) -> Model:
        """A new network, drawn as scikit-learn draws it (X. Glorot and Y. Bengio, AISTATS 2010)."""
        self.n_iter_, self.t_, self.n_layers_ = 0, 0, len(sizes)
        self.out_activation_ = self._output_activation()
        activations = self._activations(len(sizes) - 2)
        model = self._model(sizes, np.dtype(np.float64 if self.solver == "lbfgs" else dtype))
        for layer, (weights, biases) in enumerate(zip(model.parameters.weights, model.parameters.biases, strict=True)):
            # A layer's factor is that of its activation, the output layer's that of the layer before.
            factor = 2.0 if activations[min(layer, len(sizes) - 3)] == "logistic" else 6.0
            bound = np.sqrt(factor / (sizes[layer] + sizes[layer + 1]))
            weights.T[:] = random_state.uniform(-bound, bound, (sizes[layer], sizes[layer + 1])).astype(dtype, copy=False)
            biases[:, 0] = random_state.uniform(-bound, bound, sizes[layer + 1]).astype(dtype, copy=False)
        self.__dict__.pop("_best", None)
        if self.solver != "lbfgs":
            self.loss_curve_, self._no_improvement_count = [], 0
            self.validation_scores_ = self.validation_loss_curve_ = None
            self.best_loss_, self.best_validation_score_ = (None, -np.inf) if self.early_stopping else (np.inf, None)
        return model

    def _start_records(self, model: Model, losses: bool) -> None:
        """See to it that there is what the epochs add to; with ``losses``, those of data that the user has set aside."""
        if self.early_stopping:
            self.best_validation_score_ = -np.inf if self.best_validation_score_ is None else self.best_validation_score_
            self._best = getattr(self, "_best", model.parameters.given())
        elif self.best_loss_ is None:
            self.best_loss_ = np.inf
        if (self.early_stopping or losses) and getattr(self, "validation_scores_", None) is None:
            self.validation_scores_ = []
        if losses and getattr(self, "validation_loss_curve_", None) is None:
            self.validation_loss_curve_ = []

    def _split(
        self, X: Any, desired: np.ndarray, sample_weight: Any, random_state: Any
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The samples to train on, and those to stop by."""
        arrays = [X, desired] if sample_weight is None else [X, desired, sample_weight]
        stratify = desired.astype(bool) if is_classifier(self) and self.n_outputs_ == 1 else None
        parts = train_test_split(*arrays, random_state=random_state, test_size=self.validation_fraction, stratify=stratify)
        if parts[1].shape[0] < 2:
            raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
        train, held_out = parts[::2], parts[1::2]
        weights = held_out[2] if sample_weight is not None else None
        return (*train[:2], train[2] if sample_weight is not None else None), (
            *held_out[:2],
            self._labels(held_out[1]),
            weights,
            True,
        )

    def _checked_validation(self, validation_data: Any) -> tuple[Any, ...] | None:
        """Inputs, desired outputs, labels or values, and weights of what the user has set aside."""
        if validation_data is None:
            return None
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            raise ValueError("validation_data must be a tuple (X, y) or (X, y, sample_weight)")
        X, y = validate_data(
            self,
            *validation_data[:2],
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=False,
        )
        weights = _check_sample_weight(validation_data[2], X) if len(validation_data) == 3 else None
        desired = self._encoded(y, True)
        desired = desired.reshape(len(desired), -1)
        if desired.shape[1] != self.n_outputs_:
            raise ValueError(f"validation_data must have {self.n_outputs_} outputs, not {desired.shape[1]}")
        return X, desired, self._labels(desired), weights, False

    def _labels(self, desired: np.ndarray) -> np.ndarray:
        """The labels or values of desired outputs."""
        raise NotImplementedError

    # The network

    def _activations(self, hidden: int) -> list[str]:
        """scikit-learn's names for those of the hidden layers."""
        if isinstance(self.activation, str):
            return [self.activation] * hidden
        names = list(self.activation)
        if len(names) != hidden or not set(names) <= set(HIDDEN):
            raise ValueError(
                f"activation must be one of {', '.join(HIDDEN)}, or a list with one for each of {hidden} hidden layers, "
                f"not {names}"
            )
        return names

    def _rates(self, hidden: int) -> tuple[float, ...]:
        """Of dropout, for each layer after the first; none at all if all are 0."""
        rates: list[Any] = [self.dropout] * hidden if isinstance(self.dropout, Real) else list(self.dropout)
        if len(rates) != hidden or not all(isinstance(rate, Real) and 0 <= float(rate) < 1 for rate in rates):
            raise ValueError(
                f"dropout must be a rate from 0 to below 1, or one for each of {hidden} hidden layers, not {rates}"
            )
        return (*map(float, rates), 0.0) if any(rates) else ()

    def _model(self, sizes: list[int], dtype: np.dtype) -> Model:
        names = [*self._activations(len(sizes) - 2), self.out_activation_]
        activations = [_ENGINE.get(name, name) for name in names]
        threads = None if self.n_threads is None else int(self.n_threads)
        return Model(sizes, dtype, threads, activations=activations, cost=self._cost)

    def _key(self) -> tuple[Any, ...]:
        """What else a network depends on."""
        return self.activation, self.out_activation_, self.n_threads

    def _dtype(self) -> np.dtype:
        dtype = np.asarray(self.coefs_[0]).dtype
        return dtype if dtype == np.float32 and self.solver != "lbfgs" else np.dtype(np.float64)

    def _network(self, dtype: np.dtype) -> Model:
        """The network of the coefficients that stand in the estimator now, which a user may have edited or replaced."""
        held = self.__dict__.get("_held")
        if (
            held is not None
            and held.model.dtype == dtype
            and held.key == self._key()
            and _are_same(self.coefs_, held.coefs)
            and _are_same(self.intercepts_, held.intercepts)
        ):
            return held.model
        coefs, intercepts = ([np.asarray(array) for array in arrays] for arrays in (self.coefs_, self.intercepts_))
        model = self._model([len(coefs[0]), *(coef.shape[1] for coef in coefs)], dtype)
        model.parameters.replace([b.reshape(-1, 1) for b in intercepts], [coef.T for coef in coefs])
        return model

    def _publish(self, model: Model) -> None:
        """Show the network's parameters as scikit-learn shows them: as views, which may be edited."""
        biases, weights = model.parameters.given()
        self.coefs_ = [w.T.view(np.ndarray) for w in weights]
        self.intercepts_ = [b[:, 0] for b in biases]
        self._held = _Held(model, self.coefs_.copy(), self.intercepts_.copy(), self._key())

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_held"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "coefs_" in state and "out_activation_" in state:
            self._publish(self._network(np.asarray(self.coefs_[0]).dtype))

    # Outputs

    def _outputs(self, X: Any) -> np.ndarray:
        """The network's outputs for checked or unchecked inputs: shape (n, outputs)."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        X = self._checked(X)
        dtype = np.result_type(X.dtype, self.coefs_[0].dtype)
        model = self._network(dtype)
        if issparse(X):
            return model.outputs(Arrays(X, np.empty((0, 0)), dtype))
        return model.outputs_of_rows(np.require(X, dtype, ["C", "A"]))

    def _checked(self, X: Any) -> Any:
        """The inputs, by scikit-learn's checks unless it is seen at once that they would pass."""
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype.char in "fd"
            and X.dtype.isnative
            and X.shape[1] == self.n_features_in_
            and 0 < X.size <= _SMALL
            and not hasattr(self, "feature_names_in_")
            and np.isfinite(X).all()
        ):
            return X
        return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)

    def _check_solver(self) -> bool:
        if self.solver not in ("sgd", "adam"):
            raise AttributeError(f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic.")
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _are_same(given: Any, own: list[np.ndarray]) -> bool:
    return len(given) == len(own) and all(a is b for a, b in zip(given, own, strict=True))


def _as_weights(sample_weight: np.ndarray | None) -> np.ndarray:
    return np.empty(0) if sample_weight is None else np.ascontiguousarray(sample_weight, np.float64)
