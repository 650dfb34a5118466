"""Data that scikit-learn has checked, in the engine's form."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import issparse

from nndl_ext._core.inputs import Rows, Sparse, rows_of


class Arrays:
    """Checked inputs, desired outputs and weights. Inputs that the kernels can read directly are not copied.

    Parameters
    ----------
    x : numpy.ndarray or sparse matrix
        Shape (n, inputs). A CSR matrix is never made dense.
    y : numpy.ndarray
        Shape (n, outputs); empty for prediction.
    dtype : numpy.dtype
        The model's dtype.
    weights : numpy.ndarray or None
        The weight of each sample; None for equal weights.

    Attributes
    ----------
    weights : numpy.ndarray
        float64; empty for equal weights.
    """

    def __init__(self, x: Any, y: np.ndarray, dtype: np.dtype, weights: np.ndarray | None = None) -> None:
        self.weights = np.empty(0) if weights is None else np.ascontiguousarray(weights, np.float64)
        self._x, self._dtype = x, dtype
        self._y = np.ascontiguousarray(y, dtype)

    @property
    def weight(self) -> float:
        """The sum of the samples' weights."""
        return math.fsum(self.weights) if len(self.weights) else float(len(self))

    @property
    def inputs(self) -> int:
        """The number of inputs of a sample."""
        return int(self._x.shape[1])

    @cached_property
    def rows(self) -> Rows:
        """The inputs as the kernels read them."""
        x = self._x if self._x.dtype in (np.float32, np.float64) else self._x.astype(self._dtype)
        if not issparse(x):
            return rows_of(np.require(x, requirements=["C", "A"]))
        return Sparse(x, "X").rows

    def desired_outputs(self, outputs: int, dtype: np.dtype) -> np.ndarray:
        """The desired outputs, which already have this shape and dtype."""
        assert self._y.shape[1:] == (outputs,)
        assert self._y.dtype == dtype
        return self._y

    def __len__(self) -> int:
        return int(self._x.shape[0])
