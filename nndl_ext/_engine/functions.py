"""Activations and costs: their names, which of them fit together, and the user's own in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nndl_ext import _kernels
from nndl_ext._checks import real_array, shaped

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ACTIVATIONS: dict[str, int] = _kernels.kernels.ACTIVATIONS
COSTS: dict[str, int] = _kernels.kernels.COSTS

# Costs that require one activation of the output layer, with which the error is a - y.
MATCHED = {"cross-entropy": "sigmoid", "log-likelihood": "softmax", "poisson": "exp"}

# Activations for the output layer only: softmax depends on the whole layer, and exp grows without bound.
AT_THE_OUTPUT = ("softmax", "exp")

_BY_PYTHON = -1
_ERROR_BY_PYTHON, _DERIVATIVE_BY_PYTHON = -2, -1


class Activation(Protocol):
    """The user's own activation in Python, called once for each mini-batch."""

    def fn(self, z: np.ndarray) -> Any:
        """The activations for weighted inputs of shape (samples, neurons)."""

    def prime(self, z: np.ndarray) -> Any:
        """The derivatives at these weighted inputs."""


class OwnCost(Protocol):
    """The user's own cost in Python. Arrays have shape (outputs, samples)."""

    def fn(self, a: np.ndarray, y: np.ndarray) -> Any:
        """The cost of one sample."""

    def delta(self, z: np.ndarray, a: np.ndarray, y: np.ndarray) -> Any:
        """The derivatives of each sample's cost with respect to its weighted inputs z, once for each mini-batch."""


# A function of one sample's outputs and desired outputs, as columns: the cost's derivatives with respect to the outputs.
CostDerivative = Callable[[np.ndarray, np.ndarray], Any]


def numbers_of(activations: Sequence[str | Activation]) -> list[int]:
    """The kernels' numbers for the activations of the layers after the first.

    Raises
    ------
    ValueError
        If an activation is unknown, or not allowed in its layer.
    """
    numbers = []
    for layer, activation in enumerate(activations):
        if isinstance(activation, str):
            if activation not in ACTIVATIONS:
                raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {activation!r}")
            if activation in AT_THE_OUTPUT and layer < len(activations) - 1:
                raise ValueError(f"activation {activation!r} is for the output layer, not for hidden layer {layer + 1}")
            numbers.append(ACTIVATIONS[activation])
        elif callable(getattr(activation, "fn", None)) and callable(getattr(activation, "prime", None)):
            numbers.append(_BY_PYTHON)
        else:
            raise TypeError(f"activation must be a name, or have functions fn(z) and prime(z), not {activation!r}")
    return numbers


def check_cost(cost: str | OwnCost, activation: str | Activation) -> None:
    """Refuse a cost that is unknown or does not fit the output layer's activation.

    Raises
    ------
    TypeError, ValueError
        If the cost is refused.
    """
    if not isinstance(cost, str):
        if not (callable(getattr(cost, "fn", None)) and callable(getattr(cost, "delta", None))):
            raise TypeError(f"cost must be a name, or have functions fn(a, y) and delta(z, a, y), not {cost!r}")
    elif cost not in COSTS:
        raise ValueError(f"cost must be one of {', '.join(COSTS)}, not {cost!r}")
    elif MATCHED.get(cost, activation) != activation:
        raise ValueError(f"cost {cost!r} requires the output activation {MATCHED[cost]!r}, not {activation!r}")


def costs_of(cost: str, outputs: np.ndarray, desired: np.ndarray, least: float = 0.0) -> np.ndarray:
    """The cost of each sample: float64, shape (n,).

    ``outputs`` and ``desired`` have shape (n, outputs) and the same dtype. See `Model` for ``least``.
    """
    costs = np.empty(len(outputs))
    _kernels.kernels.costs(COSTS[cost], outputs, desired, costs, least)
    return costs


def own_costs(cost: OwnCost, outputs: np.ndarray, desired: np.ndarray) -> np.ndarray:
    """`costs_of` for the user's own cost, called for one sample at a time, because it need not be a sum over samples."""
    costs = np.empty(len(outputs))
    for sample, (a, y) in enumerate(zip(outputs.copy(), desired.copy(), strict=True)):  # the function may change its arguments
        value = real_array(cost.fn(a[:, np.newaxis], y[:, np.newaxis]), "what the cost's fn returns")
        if value.size != 1:
            raise ValueError(f"what the cost's fn returns must be one number, not an array of shape {value.shape}")
        costs[sample] = value.item()
    return costs


class InPython:
    """What the kernels call for the user's own functions.

    Parameters
    ----------
    activations : sequence
        The activations of the layers after the first.
    error : callable or None
        A function of weighted inputs, outputs and desired outputs, each of shape (samples, outputs), that returns errors of
        this shape. The weighted inputs are None for a cost given by its derivative with respect to the outputs.
    y : numpy.ndarray or None
        The desired outputs, in the order in which the samples are used: shape (n, outputs).
    """

    def __init__(
        self, activations: Sequence[str | Activation], error: Callable[..., Any] | None = None, y: np.ndarray | None = None
    ) -> None:
        self._activations, self._error, self._y = activations, error, y

    def activate(self, layer: int, z: np.ndarray, with_slopes: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """The activations for a copy of a layer's weighted inputs, and their derivatives if asked for."""
        own: Any = self._activations[layer]
        shape = z.shape
        slopes = shaped(own.prime(z.copy()), shape, "what prime returns") if with_slopes else None
        return shaped(own.fn(z), shape, "what fn returns"), slopes

    def error(self, position: int, z: np.ndarray | None, a: np.ndarray) -> np.ndarray:
        """The output errors of consecutive samples, from ``position`` in the order on, for copies of z and a."""
        assert self._error is not None
        assert self._y is not None
        desired = self._y[position : position + len(a)].copy()
        return shaped(self._error(z, a, desired), desired.shape, "the error of a cost")


# The kernels' number for a cost, and the function that they call for it, if it is in Python.
Error = tuple[int, Callable[..., Any] | None]


def error_of(cost: str | OwnCost) -> Error:
    """What the kernels need of a cost."""
    return (COSTS[cost], None) if isinstance(cost, str) else (_ERROR_BY_PYTHON, partial(_error_of_batch, cost))


def _error_of_batch(cost: OwnCost, z: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
    return shaped(cost.delta(z.T, a.T, y.T), a.T.shape, "what the cost's delta returns").T


def error_by_derivative(derivative: CostDerivative) -> Error:
    """What the kernels need of a cost given by its derivative with respect to a sample's outputs."""

    def by_sample(_: None, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        pairs = zip(a[:, :, np.newaxis], y[:, :, np.newaxis], strict=True)
        return np.array([shaped(derivative(*pair), pair[0].shape, "what cost_derivative returns")[:, 0] for pair in pairs])

    return _DERIVATIVE_BY_PYTHON, by_sample


def sigmoid(z: ArrayLike) -> np.ndarray:
    """The sigmoid of each element, 1 / (1 + exp(-z)) (equation 3).

    Parameters
    ----------
    z : array_like
        Real numbers in any shape.

    Returns
    -------
    numpy.ndarray
        The same shape, from 0 to 1, with an error of at most 2 units in the last place; float32 for float32, else float64.

    Raises
    ------
    TypeError
        If ``z`` does not consist of real numbers.

    Examples
    --------
    >>> sigmoid([-1000.0, 0.0, 1000.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    array = real_array(z, "z")
    a = np.empty_like(array)
    _kernels.kernels.activations(_kernels.kernels.ACTIVATIONS["sigmoid"], array.reshape(-1), a.reshape(-1))
    return a.reshape(np.shape(z))[()]


def sigmoid_prime(z: ArrayLike) -> np.ndarray:
    """The derivative of the sigmoid at each element, sigmoid(z) (1 - sigmoid(z)).

    Parameters
    ----------
    z : array_like
        Real numbers in any shape.

    Returns
    -------
    numpy.ndarray
        The same shape, from 0 to 1/4; float32 for float32, else float64.

    Raises
    ------
    TypeError
        If ``z`` does not consist of real numbers.

    Examples
    --------
    >>> float(sigmoid_prime(0.0))
    0.25
    """
    a = sigmoid(z)
    return a * (1 - a)
