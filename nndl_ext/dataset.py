"""Data sets as the book's lists of pairs, kept as arrays that the kernels read directly."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike

from nndl_ext._kernels import kernels
from nndl_ext.validation import real_array

# Values that are as fast to read as they are.
_FIT_A_CACHE = 100_000

Pair = tuple[Any, Any]
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class Dataset(Sequence[Pair]):
    """An immutable sequence of pairs (x, y): an input and what the network should make of it.

    It indexes, slices, iterates and has a length as the book's lists of pairs do. Each x comes as a column of shape
    (inputs, 1), each y as a column of shape (outputs, 1) or, for integer labels, as an ``int``.

    Parameters
    ----------
    x : array_like
        Shape (n, inputs): one input a row. float32 and float64 are kept as they are, other real numbers become float64.
    y : array_like
        Shape (n, outputs): one desired output a row; or shape (n,): integer labels.

    Raises
    ------
    TypeError
        If ``x`` or ``y`` does not hold real numbers, or labels are not integers.
    ValueError
        If a shape is not one of those above, or ``x`` and ``y`` differ in length.

    Notes
    -----
    Arrays that can be written to are copied, so that nothing changes a data set later.
    """

    def __init__(self, x: ArrayLike, y: ArrayLike) -> None:
        self.x = _frozen(real_array(x, "x"))
        y_array = np.asarray(y)
        if y_array.ndim == 1 and y_array.dtype.kind in "iub":
            self.y = _frozen(y_array.astype(np.int64, copy=False))
        else:
            self.y = _frozen(real_array(y_array, "y"))
        if self.x.ndim != 2:
            raise ValueError(f"x must have shape (n, inputs), not {self.x.shape}")
        if self.y.ndim != 2 and self.y.dtype != np.int64:
            raise ValueError(
                f"y must have shape (n, outputs), or (n,) for integer labels, not {self.y.shape} of {self.y.dtype}"
            )
        if len(self.x) != len(self.y):
            raise ValueError(f"x and y must be of one length, not {len(self.x)} and {len(self.y)}")
        self._desired_outputs: dict[tuple[int, np.dtype], np.ndarray] = {}

    @classmethod
    def from_pairs(cls, pairs: Iterable[Pair]) -> Dataset:
        """The data set of any iterable of pairs (x, y): a list, a ``zip``, a generator; a data set is returned as it is.

        Parameters
        ----------
        pairs : iterable of tuple
            Each x of shape (inputs, 1) or (inputs,); each y of shape (outputs, 1) or (outputs,), or an integer.

        Raises
        ------
        TypeError
            If ``pairs`` is not an iterable of pairs, or they hold other things than real numbers.
        ValueError
            If the pairs differ in shape.
        """
        if isinstance(pairs, cls):
            return pairs
        try:
            columns = [(x, y) for x, y in pairs]
        except (TypeError, ValueError) as error:
            raise TypeError(f"data must be an iterable of pairs (x, y): {error}") from error
        if not columns:
            return cls(np.empty((0, 0)), np.empty((0, 0)))
        x, y = (_stacked([pair[i] for pair in columns], "xy"[i]) for i in range(2))
        return cls(x.reshape(len(columns), -1), y if y.ndim == 1 and y.dtype.kind in "iub" else y.reshape(len(columns), -1))

    def __len__(self) -> int:
        return len(self.x)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Pair | Dataset:
        if isinstance(index, slice):
            return Dataset(self.x[index], self.y[index])
        i = operator.index(index)
        y = self.y[i]
        return self.x[i][:, np.newaxis], int(y) if self.y.ndim == 1 else y[:, np.newaxis]

    def __iter__(self) -> Iterator[Pair]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<Dataset of {len(self)} pairs: x {self.x.shape} {self.x.dtype}, y {self.y.shape} {self.y.dtype}>"

    @cached_property
    def rows(self) -> Rows:
        """The inputs as the kernels read them: many sparse rows of few different values, as images have them, take less
        memory as positions in a palette."""
        starts, indices, values = kernels.compress(self.x)
        if len(starts) and len(values) > _FIT_A_CACHE:
            positions, palette = np.empty(len(values), np.uint8), np.empty(256)
            different = kernels.enumerate_values(values, positions, palette)
            if different:
                return starts, indices, positions, palette[:different]
        return starts, indices, values, np.empty(0)

    def rows_between(self, begin: int, end: int) -> Rows:
        """Those of ``rows`` from ``begin`` to ``end``."""
        starts, indices, values, palette = self.rows
        if len(starts):
            return starts[begin : end + 1], indices, values, palette
        return starts, indices, values[begin * self.x.shape[1] : end * self.x.shape[1]], palette

    @cached_property
    def labels(self) -> np.ndarray:
        """The class of each sample: y itself, or where a row of y is largest. int64, shape (n,)."""
        return self.y if self.y.ndim == 1 else self.y.argmax(axis=1)

    def desired_outputs(self, outputs: int, dtype: np.dtype) -> np.ndarray:
        """y as a matrix of shape (n, outputs), labels as unit vectors.

        Raises
        ------
        ValueError
            If y has another number of outputs, or a label is out of range.
        """
        if (outputs, dtype) not in self._desired_outputs:
            self._desired_outputs[outputs, dtype] = self._outputs_as(outputs, dtype)
        return self._desired_outputs[outputs, dtype]

    def _outputs_as(self, outputs: int, dtype: np.dtype) -> np.ndarray:
        if self.y.ndim == 2:
            if self.y.shape[1] != outputs:
                raise ValueError(f"y has {self.y.shape[1]} outputs, but the network has {outputs}")
            return np.ascontiguousarray(self.y, dtype)
        if outputs == 1:
            return self.y.astype(dtype)[:, np.newaxis]
        if len(self.y) and not 0 <= self.y.min() <= self.y.max() < outputs:
            raise ValueError(
                f"labels must be from 0 to {outputs - 1} for {outputs} outputs, not from {self.y.min()} to {self.y.max()}"
            )
        return np.eye(outputs, dtype=dtype)[self.y]


def _frozen(array: np.ndarray) -> np.ndarray:
    """The array itself if nobody can write to it, else a read-only copy."""
    owner: np.ndarray | None = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base
    if isinstance(owner, np.ndarray):
        array = array.copy()
        array.flags.writeable = False
    return array


def _stacked(columns: list[Any], name: str) -> np.ndarray:
    try:
        array = np.array(columns)
    except ValueError as error:
        shapes = sorted({np.shape(column) for column in columns}, key=str)
        raise ValueError(f"every {name} must have the same shape, not one of {shapes}") from error
    array.flags.writeable = False
    return array
