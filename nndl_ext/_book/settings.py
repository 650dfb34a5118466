"""The user's choices for a network of chapters 2 and 3, checked, and in the form in which a file stores them."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from nndl_ext._checks import finite, finite_number, shaped
from nndl_ext._engine import costs, optimizers
from nndl_ext._engine.functions import ACTIVATIONS
from nndl_ext._engine.layers import dense
from nndl_ext._engine.minimization import Lbfgs
from nndl_ext._engine.model import Model
from nndl_ext._engine.optimizers import Regularization

REGULARIZATIONS = ("l2", "l1")


@dataclass(frozen=True)
class Momentum:
    """Gradient descent with momentum (the book's equations 107 and 108), for ``optimizer=``.

    Parameters
    ----------
    mu : float, default 0.9
        The momentum coefficient, from 0 to below 1: the share of the velocity that remains after a step.
    nesterov : bool, default False
        Whether to use Nesterov's momentum, with the gradient at the point to which the velocity leads (Y. Nesterov, 1983).

    Raises
    ------
    TypeError, ValueError
        If ``mu`` is not a number in its range, or ``nesterov`` is not a bool.

    Examples
    --------
    >>> from nndl_ext import network2
    >>> net = network2.Network([784, 30, 10], optimizer=Momentum(0.9, nesterov=True), seed=0)
    """

    mu: float = 0.9
    nesterov: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "mu", _share(self.mu, "mu"))
        if not isinstance(self.nesterov, bool):
            raise TypeError(f"nesterov must be True or False, not {reprlib.repr(self.nesterov)}")

    def new_optimizer(self) -> optimizers.Optimizer:
        """The engine's optimizer, before its first step."""
        return optimizers.MomentumDescent(0.0, self.mu, self.nesterov)


@dataclass(frozen=True)
class Adam:
    """Adam: steps from running means of the gradient and of its square (D. P. Kingma and J. Ba, ICLR 2015).

    For ``optimizer=``.

    Parameters
    ----------
    first, second : float, default 0.9, 0.999
        The decay rates of the two means, from 0 to below 1.
    epsilon : float, default 1e-8
        Added to the square root of the second mean, above 0.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a number in its range.

    Examples
    --------
    >>> from nndl_ext import network2
    >>> net = network2.Network([784, 30, 10], optimizer=Adam(first=0.8), seed=0)
    """

    first: float = 0.9
    second: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name, check in (("first", _share), ("second", _share), ("epsilon", finite_number)):
            object.__setattr__(self, name, check(getattr(self, name), name))  # a Python float, which can be saved as JSON
        if self.epsilon <= 0:
            raise ValueError(f"epsilon must be above 0, not {self.epsilon:g}")

    def new_optimizer(self) -> optimizers.Optimizer:
        """The engine's optimizer, before its first step."""
        return optimizers.AdamDescent(0.0, self.first, self.second, self.epsilon)


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS: steps by the curvature that the last steps have shown, for ``optimizer=``.

    The steps are those of SciPy's ``L-BFGS-B`` and of scikit-learn's solver "lbfgs" (R. H. Byrd, P. Lu, J. Nocedal and C. Zhu,
    1995). Each epoch is one step on all of the training data, and a line search chooses its length. So ``mini_batch_size`` and
    ``eta`` are not used, except that a schedule can end the training. The training also ends when the cost has converged, and
    says so.

    It needs float64. It does not go with dropout, L1, ``augment``, or an overridden ``backprop`` or ``update_mini_batch``.
    Another call of `~nndl_ext.network2.Network.SGD` on the same data continues the steps of the one before; other data,
    ``lmbda`` or weights begin new ones. The first weights must have a finite cost: outputs of exactly 0 where 1 is desired have
    none.

    Parameters
    ----------
    tolerance : float, default 1e-5
        The cost has converged if no element of its gradient is larger, or if a step has hardly made it less. At least 0.

    Raises
    ------
    TypeError, ValueError
        If ``tolerance`` is not a number in its range.

    Examples
    --------
    >>> from nndl_ext import network2
    >>> xor = [([0, 0], [0]), ([0, 1], [1]), ([1, 0], [1]), ([1, 1], [0])]
    >>> net = network2.Network([2, 3, 1], optimizer=LBFGS(tolerance=1e-3), seed=1)
    >>> result = net.SGD(xor, 100, 4, eta=0.0)  # doctest: +ELLIPSIS
    Epoch 0 training complete
    ...
    >>> [round(float(net.feedforward(x)[0, 0])) for x, _ in xor]
    [0, 1, 1, 0]
    """

    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance", finite_number(self.tolerance, "tolerance"))
        if self.tolerance < 0:
            raise ValueError(f"tolerance must be at least 0, not {self.tolerance:g}")

    def new_optimizer(self) -> optimizers.Optimizer:
        """The engine's optimizer, before its first step."""
        return Lbfgs(0.0, tolerance=self.tolerance)


Chosen = Momentum | Adam | LBFGS | None

_OPTIMIZERS: dict[str, Callable[..., Chosen]] = {
    "descent": type(None), "momentum": Momentum, "nesterov": partial(Momentum, nesterov=True), "adam": Adam, "lbfgs": LBFGS,
}  # fmt: skip


def named_optimizer(given: Any) -> Any:
    """The optimizer with this name, or what was given instead of one.

    Raises
    ------
    ValueError
        If there is none with this name.
    """
    if not isinstance(given, str):
        return given
    if given not in _OPTIMIZERS:
        raise ValueError(f"optimizer must be one of {', '.join(_OPTIMIZERS)}, not {reprlib.repr(given)}")
    return _OPTIMIZERS[given]()


class Settings(NamedTuple):
    """What defines a network besides its sizes and parameters.

    Attributes
    ----------
    cost : class or object
        The cost, with functions ``fn`` and ``delta``.
    hidden : str, object or sequence
        The activation of all hidden layers, or of each.
    output : str, object or None
        The activation of the output layer; None for the one that fits the cost.
    dropout : float or sequence of float
        The dropout rate of all hidden layers, or of each.
    regularization : str
        One of `REGULARIZATIONS`.
    optimizer : Momentum, Adam, LBFGS or None
        None for plain descent.
    """

    cost: Any
    hidden: Any = "sigmoid"
    output: Any = None
    dropout: Any = 0.0
    regularization: str = "l2"
    optimizer: Chosen = None

    def model(self, sizes: Sequence[int], dtype: np.dtype) -> Model:
        """The model with these settings.

        Raises
        ------
        TypeError, ValueError
            If a setting is invalid or does not fit the others.
        """
        if not isinstance(self.regularization, str) or self.regularization not in REGULARIZATIONS:
            raise ValueError(f"regularization must be {' or '.join(REGULARIZATIONS)}, not {reprlib.repr(self.regularization)}")
        if not isinstance(self.optimizer, Chosen):
            raise TypeError(
                f"optimizer must be a name, a Momentum, an Adam, an LBFGS or None, not {reprlib.repr(self.optimizer)}"
            )
        hidden_layers = len(sizes) - 2
        if isinstance(self.optimizer, LBFGS):
            self._require_smooth(hidden_layers, dtype)
        cost = costs.for_kernels(costs.checked(self.cost))
        output = ("softmax" if cost == "log-likelihood" else "sigmoid") if self.output is None else self.output
        activations = [*_of_each(self.hidden, hidden_layers, "activation"), output]
        self.rates(hidden_layers)
        return Model(dense(sizes, activations), dtype, cost=cost)

    def _require_smooth(self, hidden_layers: int, dtype: np.dtype) -> None:
        """Refuse what makes the cost a function that lbfgs can't minimize."""
        for name, given, needed in (
            ("dtype", dtype.name, "float64"),
            ("regularization", self.regularization, "l2"),
            ("dropout", self.rates(hidden_layers)[:-1] or 0, 0),
        ):
            if given != needed:
                raise ValueError(f"the optimizer lbfgs needs {name} {needed}, not {reprlib.repr(given)}")

    def rates(self, hidden_layers: int) -> list[float]:
        """The dropout rate of each layer after the first; empty if all are 0."""
        rates = [_share(rate, "dropout") for rate in _of_each(self.dropout, hidden_layers, "dropout")]
        return [*rates, 0.0] if any(rates) else []

    def new_optimizer(self) -> optimizers.Optimizer:
        """The optimizer before its first step."""
        return optimizers.Descent(0.0) if self.optimizer is None else self.optimizer.new_optimizer()

    def regularization_term(self, lmbda: float, per: float) -> Regularization:
        """The regularization with parameter ``lmbda`` for a data set of ``per`` samples."""
        return Regularization(lmbda if self.regularization == "l1" else 0.0, lmbda if self.regularization == "l2" else 0.0, per)

    def described(self, model: Model) -> dict[str, Any]:
        """The settings as text and numbers, for a file."""
        names = [
            activation if isinstance(activation, str) else costs.distinct_name(activation, ACTIVATIONS)
            for activation in model.activations
        ]
        optimizer = self.optimizer and {"kind": self.optimizer.new_optimizer().kind, **asdict(self.optimizer)}
        return {
            "cost": costs.name_of(self.cost),
            "activations": names,
            "dropout": self.rates(len(names) - 1)[:-1],
            "regularization": self.regularization,
            "optimizer": optimizer,
        }


def cost_of(name: Any) -> Any:
    """The cost with this name.

    Raises
    ------
    ValueError
        If the cost is unknown, such as the user's own.
    """
    if not isinstance(name, str) or name not in costs.BY_NAME:
        raise ValueError(
            f"its cost is {reprlib.repr(name)}, not one of {', '.join(costs.BY_NAME)}: give it, as load(filename, cost=...)"
        )
    return costs.BY_NAME[name]


def _require_known(names: Sequence[Any], keyword: str) -> None:
    """Refuse the names of activations that must be given."""
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(
                f"its activation is {reprlib.repr(name)}, not one of {', '.join(ACTIVATIONS)}: give it, as "
                f"load(filename, {keyword}=...)"
            )


def from_description(description: Mapping[str, Any], given: Mapping[str, Any]) -> Settings:
    """The settings in an untrusted description in the form of `Settings.described`, with those in ``given`` replaced.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the description is invalid. `Settings.model` checks whether the settings fit together.
    """
    cost = given["cost"] if "cost" in given else cost_of(description["cost"])
    *hidden, output = description["activations"]
    if "hidden" not in given:
        _require_known(hidden, "activation")
    if "output" not in given:
        _require_known([output], "output_activation")
    optimizer = description["optimizer"]
    if optimizer is not None:
        fields = dict(optimizer)
        optimizer = _OPTIMIZERS[fields.pop("kind")](**fields)
    return Settings(
        cost,
        given.get("hidden", hidden),
        given.get("output", output),
        description["dropout"] or 0.0,
        description["regularization"],
        optimizer,
    )


def restore(optimizer: optimizers.Optimizer, model: Model, moments: np.ndarray, powers: Any) -> None:
    """Restore an optimizer's state from an untrusted file.

    Raises
    ------
    TypeError, ValueError
        If the state does not fit the network and the optimizer.
    """
    layout, numbers = model.parameters.layout, tuple(finite_number(power, "powers") for power in powers)
    if len(moments):
        moments = finite(shaped(moments, (len(moments), layout.count), "moments"), "moments")
        if moments.dtype != model.dtype:
            raise ValueError(f"moments must have dtype {model.dtype}, not {moments.dtype}")
        optimizer.moments = np.concatenate([layout.unpacked(row) for row in moments])
    optimizer.require(moments, numbers)
    optimizer.powers = numbers


def _of_each(value: Any, layers: int, name: str) -> list[Any]:
    """One value for all hidden layers, or one for each, as a list."""
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        return [value] * layers
    if len(value) != layers:
        raise ValueError(f"{name} must be one for all {layers} hidden layers, or one for each, not {len(value)}")
    return list(value)


def _share(value: Any, name: str) -> float:
    """A number from 0 to below 1."""
    checked = finite_number(value, name)
    if not 0 <= checked < 1:
        raise ValueError(f"{name} must be from 0 to below 1, not {checked:g}")
    return checked
