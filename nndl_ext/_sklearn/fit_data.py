"""Data that scikit-learn has checked, in the engine's form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.sparse import issparse

from nndl_ext._checks import contiguous
from nndl_ext._data.inputs import Sparse, rows_of


class FitData:
    """Checked inputs, desired outputs and weights. Inputs that the kernels can read directly are not copied. A callback may
    give the user's arrays another shape or dtype, so these are other objects for the same memory.

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
    rows : kernels.Rows
        The inputs as the kernels read them.
    """

    def __init__(self, x: Any, y: np.ndarray, dtype: np.dtype, weights: np.ndarray | None = None) -> None:
        self.weights = np.empty(0) if weights is None else np.ascontiguousarray(weights, np.float64).view()
        self._y = contiguous(y, dtype).view()
        self._length = x.shape[0]
        x = x if x.dtype in (np.float32, np.float64) else x.astype(dtype)
        self.rows = Sparse(x, "X").make_rows() if issparse(x) else rows_of(np.require(x, requirements=["C", "A"]).view())

    @property
    def weight(self) -> float:
        """The sum of the samples' weights."""
        return exact_sum(self.weights) if len(self.weights) else float(len(self))

    def desired_outputs(self, outputs: int, dtype: np.dtype) -> np.ndarray:
        """The desired outputs, which already have this shape and dtype."""
        assert self._y.shape[1:] == (outputs,)
        assert self._y.dtype == dtype
        return self._y

    def __len__(self) -> int:
        return int(self._length)


def exact_sum(values: np.ndarray) -> float:
    """The sum, rounded once; infinite or NaN if a part of it is too large for a float."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.sum(values, dtype=np.float64))
