"""The costs of the book's chapter 3, under the book's names."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from nndl_ext._checks import shaped
from nndl_ext._engine.functions import costs_of, sigmoid_prime


class QuadraticCost:
    """The quadratic cost, ``|a - y|**2 / 2`` (the book's equation 6).

    Examples
    --------
    >>> import numpy as np
    >>> QuadraticCost.fn(np.array([[0.5], [1.0]]), np.array([[0.0], [1.0]]))
    0.125
    """

    @staticmethod
    def fn(a: np.ndarray, y: np.ndarray) -> float:
        """The cost of one or more samples.

        Parameters
        ----------
        a, y : array_like
            Outputs and desired outputs, of the same shape.

        Returns
        -------
        float
            The sum over all elements.

        Raises
        ------
        TypeError, ValueError
            If the arrays do not consist of real numbers, or differ in shape.
        """
        return _cost("quadratic", a, y)

    @staticmethod
    def delta(z: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The error of sigmoid output neurons (BP1).

        Parameters
        ----------
        z, a, y : numpy.ndarray
            Weighted inputs, outputs and desired outputs, of the same shape.

        Returns
        -------
        numpy.ndarray
            The same shape.
        """
        return (a - y) * sigmoid_prime(z)


class CrossEntropyCost:
    """The cross-entropy, -sum(y ln a + (1 - y) ln(1 - a)), for sigmoid outputs (the book's equation 63).

    Examples
    --------
    >>> import numpy as np
    >>> round(CrossEntropyCost.fn(np.array([[0.5], [1.0]]), np.array([[0.0], [1.0]])), 6)
    0.693147
    """

    @staticmethod
    def fn(a: np.ndarray, y: np.ndarray) -> float:
        """The cost of one or more samples.

        Parameters
        ----------
        a, y : array_like
            Outputs and desired outputs, of the same shape. Where y = 0, y ln a counts as 0.

        Returns
        -------
        float
            The sum over all elements.

        Raises
        ------
        TypeError, ValueError
            If the arrays do not consist of real numbers, or differ in shape.
        """
        return _cost("cross-entropy", a, y)

    @staticmethod
    def delta(z: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:  # noqa: ARG004
        """The error of sigmoid output neurons (the book's equation 68).

        Parameters
        ----------
        z, a, y : numpy.ndarray
            Weighted inputs, outputs and desired outputs, of the same shape. ``z`` is not used.

        Returns
        -------
        numpy.ndarray
            The same shape.
        """
        return a - y


class LogLikelihoodCost:
    """The log-likelihood cost, -sum(y ln a), for softmax outputs (the book's equation 80).

    The desired outputs of a sample must sum to 1, as a unit vector or probabilities do.

    Examples
    --------
    >>> import numpy as np
    >>> round(LogLikelihoodCost.fn(np.array([[0.5], [0.5]]), np.array([[0.0], [1.0]])), 6)
    0.693147
    """

    @staticmethod
    def fn(a: np.ndarray, y: np.ndarray) -> float:
        """The cost of one or more samples.

        Parameters
        ----------
        a, y : array_like
            Outputs and desired outputs, of the same shape. Where y = 0, y ln a counts as 0.

        Returns
        -------
        float
            The sum over all elements.

        Raises
        ------
        TypeError, ValueError
            If the arrays do not consist of real numbers, or differ in shape.
        """
        return _cost("log-likelihood", a, y)

    @staticmethod
    def delta(z: np.ndarray, a: np.ndarray, y: np.ndarray) -> np.ndarray:  # noqa: ARG004
        """The error of softmax output neurons (the book's equation 84).

        Parameters
        ----------
        z, a, y : numpy.ndarray
            Weighted inputs, outputs and desired outputs, of the same shape. ``z`` is not used.

        Returns
        -------
        numpy.ndarray
            The same shape.
        """
        return a - y


BY_NAME: dict[str, Any] = {cost.__name__: cost for cost in (QuadraticCost, CrossEntropyCost, LogLikelihoodCost)}

# The original functions, to detect that a program has replaced one.
_OF_KERNELS = [
    ("quadratic", QuadraticCost.fn, QuadraticCost.delta),
    ("cross-entropy", CrossEntropyCost.fn, CrossEntropyCost.delta),
    ("log-likelihood", LogLikelihoodCost.fn, LogLikelihoodCost.delta),
]


def checked(cost: Any) -> Any:
    """The cost itself, if it has the two functions of a cost."""
    if not (callable(getattr(cost, "fn", None)) and callable(getattr(cost, "delta", None))):
        raise TypeError(f"cost must have functions fn(a, y) and delta(z, a, y), as CrossEntropyCost has, not {cost!r}")
    return cost


def for_kernels(cost: Any) -> Any:
    """The kernels' name for a cost; or the cost itself, if one of its functions is the user's own."""
    return next((name for name, fn, delta in _OF_KERNELS if cost.fn is fn and cost.delta is delta), cost)


def name_of(cost: Any) -> str:
    """The name under which a file stores a cost; see `distinct_name`."""
    ours = next((name for name, kind in BY_NAME.items() if cost is kind or type(cost) is kind), None)
    return ours if ours and isinstance(for_kernels(cost), str) else distinct_name(cost, BY_NAME)


def distinct_name(own: Any, ours: Container[str]) -> str:
    """The name of the class of the user's own cost or activation, with its module if the name alone is one of ours."""
    kind = own if isinstance(own, type) else type(own)
    return f"{kind.__module__}.{kind.__qualname__}" if kind.__name__ in ours else kind.__name__


def _cost(name: str, a: Any, y: Any) -> float:
    outputs = shaped(a, np.shape(a), "a").astype(np.float64).reshape(1, -1)
    return float(costs_of(name, outputs, shaped(y, np.shape(a), "y").astype(np.float64).reshape(1, -1))[0])
