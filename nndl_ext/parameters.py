"""The parameters of a network: all weights and biases in one flat array, as the kernels read them.

A layer with ``inputs`` inputs and ``neurons`` neurons takes ``1 + inputs`` rows of ``stride`` elements: the biases first, then
for each input the weights with which the neurons receive it. So a kernel runs over neurons along contiguous memory. A row is
padded with zeros up to a whole number of 64-byte vectors. The matrices that users see are views of this array.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

VECTOR = 64  # bytes

Arrays = list[np.ndarray]


def make_layout(sizes: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Where each layer stands in the flat array.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons of each layer, the inputs first.
    dtype : numpy.dtype
        float32 or float64.

    Returns
    -------
    numpy.ndarray
        int64, shape (len(sizes) - 1, 4): offset, inputs, neurons and stride of each layer after the first, counted in elements.
    """
    lanes = VECTOR // dtype.itemsize
    rows, offset = [], 0
    for inputs, neurons in pairwise(sizes):
        stride = -(-neurons // lanes) * lanes
        rows.append((offset, inputs, neurons, stride))
        offset += (1 + inputs) * stride
    return np.array(rows, np.int64)


def zeros(layout: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A flat array for all parameters, of zeros, whose first element is aligned to a vector."""
    offset, inputs, _, stride = layout[-1].tolist()
    size = (offset + (1 + inputs) * stride) * dtype.itemsize
    memory = np.zeros(size + VECTOR, np.uint8)
    start = -memory.ctypes.data % VECTOR
    return memory[start : start + size].view(dtype)


def copy(layout: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """A copy of a flat array, aligned as well."""
    duplicate = zeros(layout, flat.dtype)
    duplicate[:] = flat
    return duplicate


def views(layout: np.ndarray, flat: np.ndarray) -> tuple[Arrays, Arrays]:
    """The biases, of shape (neurons, 1), and the weights, of shape (neurons, inputs), of each layer, as views of ``flat``."""
    biases, weights = [], []
    for offset, inputs, neurons, stride in layout.tolist():
        rows = flat[offset : offset + (1 + inputs) * stride].reshape(1 + inputs, stride)[:, :neurons]
        biases.append(rows[:1].T)
        weights.append(rows[1:].T)
    return biases, weights
