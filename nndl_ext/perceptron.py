"""The perceptrons of chapter 1: neurons with a step function, alone and in a network.

>>> nand = Perceptron([-2, -2], 3)
>>> nand([1, 1])
0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from nndl_ext._book.chapter1 import FirstNetwork
from nndl_ext._checks import finite, finite_number, real_array

__all__ = ["Network", "Perceptron"]


def __dir__() -> list[str]:
    return __all__


class Perceptron:
    """A neuron whose output is 0 if ``w x + b <= 0``, else 1 (equation 2).

    Parameters
    ----------
    weights : array_like
        Shape (inputs,): one number for each input.
    bias : float
        How easily the neuron fires: minus the threshold.

    Attributes
    ----------
    weights : numpy.ndarray
        float64 of shape (inputs,).
    bias : float
        The bias.

    Raises
    ------
    TypeError, ValueError
        If ``weights`` does not have shape (inputs,), or a number is not finite.

    Examples
    --------
    >>> nand = Perceptron([-2, -2], 3)
    >>> [nand(x) for x in ([0, 0], [0, 1], [1, 0], [1, 1])]
    [1, 1, 1, 0]
    """

    def __init__(self, weights: ArrayLike, bias: float) -> None:
        self.weights: np.ndarray = finite(real_array(weights, "weights"), "weights").astype(np.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights must have shape (inputs,), not {self.weights.shape}")
        self.bias: float = finite_number(bias, "bias")

    def __call__(self, x: ArrayLike) -> int:
        """The output for an input.

        Parameters
        ----------
        x : array_like
            Shape (inputs,): one finite number for each weight.

        Returns
        -------
        int
            0 or 1.

        Raises
        ------
        TypeError, ValueError
            If ``x`` has another shape, or a number is not finite.
        """
        inputs = finite(real_array(x, "x"), "x")
        if inputs.shape != self.weights.shape:
            raise ValueError(f"x must have shape {self.weights.shape}, not {np.shape(x)}")
        return int(_fires(self.weights[np.newaxis], np.array([[self.bias]]), inputs[:, np.newaxis])[0, 0])


class Network(FirstNetwork):
    """A network of perceptrons.

    It has the constructor, weights and biases of `nndl_ext.network.Network`, but a step function in place of the sigmoid.
    ``feedforward``, ``evaluate``, ``cost`` and ``save`` (except to JSON) work. It can't be trained: it has no gradient.

    Examples
    --------
    >>> net = Network([2, 1], seed=0)
    >>> net.weights, net.biases = [[[-2, -2]]], [[[3]]]
    >>> net.feedforward([1, 1]).tolist()
    [[0.0]]
    """

    _neuron = "perceptron"
    _methods: ClassVar = {}  # no kernel computes what its methods compute

    def feedforward(self, a: ArrayLike) -> np.ndarray:
        """The network's output for an input.

        Parameters
        ----------
        a : array_like
            One input, of shape (inputs, 1) or (inputs,), or m inputs as the columns of a matrix of shape (inputs, m).

        Returns
        -------
        numpy.ndarray
            Shape (outputs, 1) or (outputs, m), of the network's dtype, each element 0 or 1.

        Raises
        ------
        TypeError, ValueError
            If ``a`` has another shape, or a number in it or a weight or bias is infinite or NaN.
        """
        return self.layer_outputs(a)[-1]

    def layer_outputs(self, a: ArrayLike) -> list[np.ndarray]:
        """The activations of each layer, 0 or 1, for an input: see `nndl_ext.network.Network.layer_outputs`.

        Examples
        --------
        >>> [activations.shape for activations in Network([2, 3, 1]).layer_outputs([0, 1])]
        [(3, 1), (1, 1)]
        """
        layers = [finite(self._model.columns(a), "a")]
        for b, w in zip(*self._model.parameters.views(), strict=True):
            layers.append(_fires(w, b, layers[-1]).astype(self.dtype))
        return layers[1:]

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse to train: a network of perceptrons has no gradient.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            "a network of perceptrons can't be trained by gradient descent: the derivative of a step is 0 wherever it exists, "
            "so a small change of a weight changes no output; train a network.Network"
        )

    SGD: Callable[..., NoReturn] = _refuse
    update_mini_batch: Callable[..., NoReturn] = _refuse
    backprop: Callable[..., NoReturn] = _refuse
    cost_gradient: Any = _refuse  # Any, because the base class declares a type with a result


def _fires(weights: np.ndarray, biases: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Whether w . x + b > 0, for each neuron and each column of ``a``. Sums run in index order, as in the kernels."""
    weighted_sums = np.zeros((len(weights), a.shape[1]))
    for column, inputs in zip(weights.T, a, strict=True):
        weighted_sums += np.multiply.outer(column, inputs)
    return weighted_sums + biases > 0
