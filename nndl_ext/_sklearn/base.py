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
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight

from nndl_ext._checks import shaped
from nndl_ext._engine import generators
from nndl_ext._engine.minimization import Objective
from nndl_ext._engine.model import Model
from nndl_ext._sklearn import lbfgs, private, solvers
from nndl_ext._sklearn.epochs import NOT_FINITE, Epochs
from nndl_ext._sklearn.fit_data import FitData, exact_sum
from nndl_ext._sklearn.hooks import Hooks
from nndl_ext._sklearn.networks import HIDDEN, Networked, representable
from nndl_ext._sklearn.solvers import Solver
from nndl_ext._sklearn.validation import Validation

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's class."""


class _Samples(NamedTuple):
    """Checked inputs, desired outputs and weights."""

    X: Any
    desired: np.ndarray
    weights: np.ndarray | None = None

    def data(self, dtype: np.dtype) -> FitData:
        """The samples in the engine's form."""
        return FitData(self.X, self.desired, dtype, self.weights)


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

    loss: str
    n_outputs_: int
    n_layers_: int
    n_iter_: int
    t_: int

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Store the arguments of ``__init__`` unchanged, as scikit-learn requires."""
        self.__dict__.update((name, value) for name, value in arguments.items() if name != "self")

    _best_coefs = _best_intercepts = property(private.no_best)

    # Where the two estimators differ

    @property
    def _cost(self) -> str:
        """The engine's name for the loss."""
        raise NotImplementedError

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

    def _score_of(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """The score of outputs, as ``score`` computes it; NaN for outputs that are not finite."""
        raise NotImplementedError

    def _weighted(self, _y: np.ndarray, sample_weight: np.ndarray | None, _incremental: bool) -> np.ndarray | None:
        """The samples' weights, times those of their classes."""
        return sample_weight

    # Fitting

    def _learn(self, X: Any, y: Any, sample_weight: Any, validation_data: Any = None, incremental: bool = False) -> None:
        private.refuse_overrides(self, evaluates=self.early_stopping or validation_data is not None)
        self._check_parameters()
        hidden = self._hidden()
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validated(X, y, first)
        desired = _as_matrix(self._encoded(y, incremental))
        with representable("the weights"):
            if sample_weight is not None:
                sample_weight = _check_sample_weight(sample_weight, X)
            sample_weight = _with_sum(self._weighted(y, sample_weight, incremental), "the samples' weights")
        self.n_outputs_ = desired.shape[1]
        self._random_state = check_random_state(self.random_state)
        model = self._started([X.shape[1], *hidden, self.n_outputs_], X.dtype) if first else self._continued()
        if (model.sizes[0], model.sizes[-1]) != (X.shape[1], self.n_outputs_):
            raise ValueError(
                f"the network has {model.sizes[0]} inputs and {model.sizes[-1]} outputs, but X and y have {X.shape[1]} and "
                f"{self.n_outputs_}"
            )
        if len(hidden) != len(model.sizes) - 2:
            raise ValueError(
                f"hidden_layer_sizes must give {len(model.sizes) - 2} hidden layers, as the network to train further has, "
                f"not {len(hidden)}"
            )
        private.refuse_tables(*self._activations(len(model.sizes) - 2), self.out_activation_, self.loss, f"binary_{self.loss}")
        model.take_cost(self._cost)
        validation = self._set_aside(validation_data, model.dtype)
        given = {"X": X, "y": y, "metadata": None if sample_weight is None else {"sample_weight": sample_weight}}
        prepare = self._minimization if self.solver == "lbfgs" else self._descent
        hooks, training = prepare(model, _Samples(X, desired, sample_weight), validation, given, incremental)
        with hooks.fit():
            training()
            if not np.isfinite(model.parameters.flat()).all():
                raise ValueError(NOT_FINITE)

    def _check_parameters(self) -> None:
        """Refuse what scikit-learn's checks leave. Where they are switched off, an unknown name would mean another one."""
        for name in ("solver", "learning_rate"):
            (options,) = Perceptron._parameter_constraints[name]
            if not options.is_satisfied_by(value := getattr(self, name)):
                raise ValueError(f"{name} must be {options}, not {value!r}")
        for name in ("alpha", "tol", "learning_rate_init", "power_t", "epsilon"):
            if isinstance(value := getattr(self, name), Integral):
                with representable(name):
                    float(value)

    def _minimization(
        self, model: Model, samples: _Samples, validation: Validation | None, given: dict[str, Any], _incremental: bool
    ) -> tuple[Hooks, Callable[[], None]]:
        """The training by lbfgs."""
        if self._rates(len(model.sizes) - 2):
            raise ValueError("dropout is for the solvers sgd and adam, not for lbfgs")
        data = samples.data(model.dtype)
        objective = Objective(model, data, float(self.alpha), data.weight, self._share, data.weights)
        hooks = Hooks(self, partial(self._publish, model), partial(self._take_replaced, model), given, None)
        return hooks, partial(lbfgs.fit, self, objective, validation, hooks)

    def _descent(
        self, model: Model, samples: _Samples, validation: Validation | None, given: dict[str, Any], incremental: bool
    ) -> tuple[Hooks, Callable[[], None]]:
        """The training by a stochastic solver."""
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.early_stopping and validation is None:
            samples, validation = self._split(samples, model.dtype)
        solver = self._solver_for(model, incremental)

        def publish() -> None:
            self._publish(model)
            solver.publish()

        def take_replaced() -> None:
            self._take_replaced(model)
            solver.take(float(self.alpha))

        hooks = Hooks(self, publish, take_replaced, given, 1 if incremental else self.max_iter)
        epochs = Epochs(self, model, samples.data(model.dtype), validation, hooks, incremental)
        return hooks, partial(self._train, epochs, solver)

    def _solver_for(self, model: Model, incremental: bool) -> Solver:
        """A new solver; or, for a part, that of the part before, with what a program has changed in it since."""
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = solvers.made_for(self)
        elif self.learning_rate_init != self.__dict__.get("_nndl_rate", self.learning_rate_init):
            solvers.set_rate(self._optimizer, float(self.learning_rate_init), self.t_)
        self._nndl_rate = self.learning_rate_init
        solver: Solver | None = self.__dict__.get("_nndl_solver")
        if solver is None or solver.theirs is not self._optimizer or solver.layout is not model.parameters.layout:
            solver = self._nndl_solver = Solver(self._optimizer, model.parameters.layout)
        solver.take(float(self.alpha))
        return solver

    def _train(self, epochs: Epochs, solver: Solver) -> None:
        """Go through the epochs."""
        dropout = self._rates(len(epochs.model.sizes) - 2)
        own = self._random_state
        seed = int(own.randint(2**31)) if dropout else 0

        # A seed's generator may give way to a faster one during the epochs. It takes 40 us to make, as much as one epoch gains.
        faster = isinstance(self.random_state, Integral) and self.shuffle and not epochs.is_part
        generator = generators.Twister.of_numpy(own) if faster else own

        def shuffle(order: np.ndarray) -> None:
            if self.shuffle:
                generators.shuffle_as_numpy(order, generator)  # what sklearn.utils.shuffle draws

        try:
            epochs.run(solver, shuffle, dropout, seed)
        finally:
            if isinstance(generator, generators.Twister):
                generator.to_numpy(own)

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

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any, activation: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """scikit-learn's first weights of a layer (X. Glorot and Y. Bengio, AISTATS 2010). A subclass may override it.

        Parameters
        ----------
        fan_in, fan_out : int
            The numbers of neurons in the layer before and in the layer.
        dtype : numpy.dtype
            The type of the results.
        activation : str, optional
            The layer's activation. Only given if the parameter ``activation`` is a list.

        Returns
        -------
        coefs, intercepts : numpy.ndarray
            Shapes (fan_in, fan_out) and (fan_out,).
        """
        bound = np.sqrt((2.0 if (activation or self.activation) == "logistic" else 6.0) / (fan_in + fan_out))
        coefs = self._random_state.uniform(-bound, bound, (fan_in, fan_out))
        intercepts = self._random_state.uniform(-bound, bound, fan_out)
        return coefs.astype(dtype, copy=False), intercepts.astype(dtype, copy=False)

    def _started(self, sizes: list[int], dtype: np.dtype) -> Model:
        """A new network with random weights."""
        self.n_iter_, self.t_, self.n_layers_ = 0, 0, len(sizes)
        self.out_activation_ = self._output_activation()
        each = isinstance(self.activation, str)
        activations = self._activations(len(sizes) - 2)
        activations.append(activations[-1] if activations else self.activation)  # the output layer has the last one's factor
        model = self._model(sizes, np.dtype(np.float64) if self.solver == "lbfgs" else dtype)
        for layer, (weights, biases) in enumerate(zip(model.parameters.weights, model.parameters.biases, strict=True)):
            coefs, intercepts = self._init_coef(
                sizes[layer], sizes[layer + 1], dtype, *(() if each else activations[layer : layer + 1])
            )
            weights.T[:] = shaped(coefs, weights.T.shape, f"the coefficients that _init_coef returns for layer {layer}")
            biases[:, 0] = shaped(intercepts, biases.shape[:1], f"the intercepts that _init_coef returns for layer {layer}")
        for name in ("_no_improvement_count", "loss_curve_", "validation_scores_", "validation_loss_curve_"):
            self.__dict__.pop(name, None)
        return model

    def _continued(self) -> Model:
        """The fitted network, to train further."""
        if self.out_activation_ != self._output_activation():
            raise ValueError(
                f"out_activation_ must be {self._output_activation()!r} for training with the loss {self.loss!r}, "
                f"not {self.out_activation_!r}"
            )
        return self._network(np.dtype(np.float64 if self.solver == "lbfgs" else np.float32))

    def _split(self, samples: _Samples, dtype: np.dtype) -> tuple[_Samples, Validation]:
        """Split the samples into those for training and those for early stopping."""
        stratify = samples.desired.astype(bool) if is_classifier(self) and self.n_outputs_ == 1 else None
        arrays = [array for array in samples if array is not None]
        parts = train_test_split(
            *arrays, random_state=self._random_state, test_size=self.validation_fraction, stratify=stratify
        )
        train, other = _Samples(*parts[::2]), _Samples(*parts[1::2])
        if other.X.shape[0] < 2:
            raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
        _with_sum(train.weights, "the weights of the samples that early_stopping leaves for training")
        _with_sum(other.weights, "the weights of the samples that early_stopping sets aside")
        return train, Validation(other.data(dtype), self._labels(other.desired), False)

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
        return Validation(_Samples(X, desired, sample_weight).data(dtype), self._labels(desired), True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _with_sum(weights: np.ndarray | None, name: str) -> np.ndarray | None:
    """The weights, checked to have a sum by which others can be divided."""
    if weights is not None:
        total = exact_sum(weights)
        if not math.isfinite(total) or total == 0:
            raise ValueError(f"{name} must have a finite sum other than 0, not {total}")
    return weights


def _as_matrix(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, 1) if array.ndim == 1 else array
