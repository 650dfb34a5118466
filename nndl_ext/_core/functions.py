"""The activations and costs: their names, which go together, and those that a user brings along as functions in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nndl_ext._core.validation import real_array, shaped
from nndl_ext._kernels import kernels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ACTIVATIONS: dict[str, int] = kernels.ACTIVATIONS
COSTS: dict[str, int] = kernels.COSTS

# The one activation of the output layer with which each of these costs goes: the error is then a - y.
MATCHED = {"cross-entropy": "sigmoid", "log-likelihood": "softmax", "poisson": "exp"}

# Activations that only the output layer can have: softmax takes all of it, and exp grows without bound.
AT_THE_OUTPUT = ("softmax", "exp")

_BY_PYTHON = -1
_ERROR_BY_PYTHON, _DERIVATIVE_BY_PYTHON = -2, -1


class Activation(Protocol):
    """An activation of the user's own. It runs in Python, once for each mini-batch."""

    def fn(self, z: np.ndarray) -> Any:
        """The activations for weighted inputs of shape (samples, neurons)."""

    def prime(self, z: np.ndarray) -> Any:
        """The derivatives there."""


class OwnCost(Protocol):
    """A cost of the user's own. It runs in Python, once for each mini-batch; arrays have shape (outputs, samples)."""

    def fn(self, a: np.ndarray, y: np.ndarray) -> Any:
        """The cost of the samples together."""

    def delta(self, z: np.ndarray, a: np.ndarray, y: np.ndarray) -> Any:
        """The derivatives of each sample's cost by its weighted inputs z."""


# The cost's derivatives by the outputs of one sample, of outputs and desired outputs as columns.
CostDerivative = Callable[[np.ndarray, np.ndarray], Any]


def numbers_of(activations: Sequence[str | Activation]) -> list[int]:
    """The kernels' numbers for the activations of the layers after the first.

    Raises
    ------
    ValueError
        If one is not known, or has no place in its layer.
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
    """Refuse a cost that is not known, or does not go with the output layer's activation.

    Raises
    ------
    TypeError, ValueError
        Then.
    """
    if not isinstance(cost, str):
        if not (callable(getattr(cost, "fn", None)) and callable(getattr(cost, "delta", None))):
            raise TypeError(f"cost must be a name, or have functions fn(a, y) and delta(z, a, y), not {cost!r}")
    elif cost not in COSTS:
        raise ValueError(f"cost must be one of {', '.join(COSTS)}, not {cost!r}")
    elif MATCHED.get(cost, activation) != activation:
        raise ValueError(f"cost {cost!r} goes with the output activation {MATCHED[cost]!r}, not {activation!r}")


def costs_of(cost: str, outputs: np.ndarray, desired: np.ndarray, least: float = 0.0) -> np.ndarray:
    """The cost of each sample: float64, shape (n,). Outputs and desired ones have shape (n, outputs) and one dtype.

    `Model` says what ``least`` is.
    """
    costs = np.empty(len(outputs))
    kernels.costs(COSTS[cost], outputs, desired, costs, least)
    return costs


def classes_of(outputs: np.ndarray) -> np.ndarray:
    """The class that each row of outputs stands for: int64, shape (n,). One output of 0.5 or more stands for class 1."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] >= 0.5).astype(np.int64)
    if outputs.dtype not in (np.float32, np.float64):  # those of a user's own feedforward
        return outputs.argmax(axis=1).astype(np.int64)
    classes = np.empty(len(outputs), np.int64)
    kernels.largest(np.ascontiguousarray(outputs), classes)
    return classes


def own_costs(cost: OwnCost, outputs: np.ndarray, desired: np.ndarray) -> np.ndarray:
    """The same of a user's own cost, which is asked for one sample at a time: it may be more than a sum over samples."""
    costs = np.empty(len(outputs))
    for sample, (a, y) in enumerate(zip(outputs, desired, strict=True)):
        value = real_array(cost.fn(a[:, np.newaxis], y[:, np.newaxis]), "what the cost's fn returns")
        if value.size != 1:
            raise ValueError(f"what the cost's fn returns must be one number, not an array of shape {value.shape}")
        costs[sample] = value.item()
    return costs


class InPython:
    """What the kernels call for functions of the user's own.

    Parameters
    ----------
    activations : sequence
        Of the layers after the first.
    error : callable or None
        Gets weighted inputs, outputs and desired outputs of some samples, of shape (samples, outputs), and returns as many
        errors; the weighted inputs are None for a cost given by its derivative by the outputs.
    y : numpy.ndarray or None
        The desired outputs, in the order of the samples: shape (n, outputs).
    """

    def __init__(
        self, activations: Sequence[str | Activation], error: Callable[..., Any] | None = None, y: np.ndarray | None = None
    ) -> None:
        self._activations, self._error, self._y = activations, error, y

    def activate(self, layer: int, z: Any, slopes: Any) -> None:
        """Put the activations of a layer into the place of its weighted inputs, and their derivatives into ``slopes``."""
        own: Any = self._activations[layer]
        weighted = np.array(z)
        if slopes is not None:
            np.asarray(slopes)[:] = shaped(own.prime(weighted.copy()), weighted.shape, "what prime returns")
        np.asarray(z)[:] = shaped(own.fn(weighted), weighted.shape, "what fn returns")

    def error(self, position: int, z: Any, a: Any, errors: Any) -> None:
        """Fill the output errors of the samples from a position in the order on."""
        assert self._error is not None
        assert self._y is not None
        desired = self._y[position : position + len(errors)]
        given = self._error(None if z is None else np.array(z), np.array(a), desired)
        np.asarray(errors)[:] = shaped(given, desired.shape, "the error of a cost")


def error_of(cost: str | OwnCost, derivative: CostDerivative | None) -> tuple[int, Callable[..., Any] | None]:
    """The kernels' number of a cost, or of one given by its derivative by a sample's outputs, and what they call for it."""
    if derivative is not None:

        def by_sample(_: None, a: np.ndarray, y: np.ndarray) -> np.ndarray:
            pairs = zip(a[:, :, np.newaxis], y[:, :, np.newaxis], strict=True)
            return np.array([shaped(derivative(*pair), pair[0].shape, "what cost_derivative returns")[:, 0] for pair in pairs])

        return _DERIVATIVE_BY_PYTHON, by_sample
    if isinstance(cost, str):
        return COSTS[cost], None

    def by_batch(z: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        return shaped(cost.delta(z.T, a.T, y.T), a.T.shape, "what the cost's delta returns").T

    return _ERROR_BY_PYTHON, by_batch


def sigmoid(z: ArrayLike) -> np.ndarray:
    """1 / (1 + exp(-z)) of each element (equation 3).

    Parameters
    ----------
    z : array_like
        Real numbers in any shape.

    Returns
    -------
    numpy.ndarray
        The same shape, each element from 0 to 1, within 2 units in the last place; float32 for float32, else float64.

    Raises
    ------
    TypeError
        If ``z`` does not hold real numbers.

    Examples
    --------
    >>> sigmoid([-1000.0, 0.0, 1000.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    array = real_array(z, "z")
    a = np.empty_like(array)
    kernels.activations(kernels.ACTIVATIONS["sigmoid"], array.reshape(-1), a.reshape(-1))
    return a.reshape(np.shape(z))[()]


def sigmoid_prime(z: ArrayLike) -> np.ndarray:
    """The derivative of the sigmoid, sigmoid(z) (1 - sigmoid(z)), of each element.

    Parameters
    ----------
    z : array_like
        Real numbers in any shape.

    Returns
    -------
    numpy.ndarray
        The same shape, each element from 0 to 1/4; float32 for float32, else float64.

    Raises
    ------
    TypeError
        If ``z`` does not hold real numbers.

    Examples
    --------
    >>> float(sigmoid_prime(0.0))
    0.25
    """
    a = sigmoid(z)
    return a * (1 - a)
