"""What chapter 1's networks, of sigmoid neurons and of perceptrons, have in common: the first weights and the cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nndl_ext._book.base import BookNetwork, Data
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
