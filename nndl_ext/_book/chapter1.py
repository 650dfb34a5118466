"""What chapter 1's networks, of sigmoid neurons and of perceptrons, have in common: first weights, cost and evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nndl_ext._book.base import BookNetwork, Data, right_of
from nndl_ext._checks import layer_sizes, real_dtype
from nndl_ext._engine.layers import dense
from nndl_ext._engine.model import Model

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class FirstNetwork(BookNetwork):
    """A network of chapter 1. See `nndl_ext.network.Network` for parameters and attributes."""

    def __init__(
        self, sizes: Sequence[int], *, dtype: DTypeLike = np.float64, seed: int | None = None, threads: int | None = None
    ) -> None:
        self._begin(Model(dense(layer_sizes(sizes)), real_dtype(dtype)), seed, threads)
        for array in (*self.biases, *self.weights):
            array[:] = self._normal(array.shape)

    def cost(self, data: Data) -> float:
        """The quadratic cost of a data set, ``1/(2n) sum over x of |y(x) - a|**2`` (equation 6).

        Parameters
        ----------
        data : Dataset or iterable of tuple
            Pairs (x, y); a label stands for its unit vector.

        Returns
        -------
        float
            At least 0. The sum over samples is exact before it is rounded, so their order does not change its bits.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        checked = self._checked(data, "data")
        desired = checked.desired_outputs(self._model.sizes[-1], self.dtype)
        return math.fsum(self._model.costs(self._outputs(checked), desired)) / len(checked)

    def evaluate(self, test_data: Data) -> int:
        """The number of samples that the network classifies correctly.

        The network's answer is the index of its largest output. With a single output, it is 1 if the output is at least 0.5,
        else 0.

        Parameters
        ----------
        test_data : Dataset or iterable of tuple
            Pairs (x, y), where y is a label or a unit vector; for a single output, 0, 1 or a number between them.

        Returns
        -------
        int
            From 0 to the number of samples.

        Raises
        ------
        TypeError, ValueError
            If the data do not fit the network, or a weight or bias is infinite or NaN.
        """
        data = self._checked(test_data, "test_data")
        return right_of(self._outputs(data), data, "test_data")
