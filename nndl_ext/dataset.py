"""Data sets as the book's lists of pairs, kept as arrays that the kernels read directly."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np

from nndl_ext._kernels import kernels
from nndl_ext.validation import finite, is_masked, real_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

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
    palette : array_like, optional
        At most 256 real numbers. With it ``x`` holds positions in it, of type uint8, as images hold grey levels, and the inputs
        are ``palette[x]``. They take an eighth of the memory, and training reads them as they are.

    Attributes
    ----------
    x, y : numpy.ndarray
        The inputs and the desired outputs or labels (int64), read-only.

    Raises
    ------
    TypeError
        If ``x`` or ``y`` does not hold real numbers, or labels are not integers.
    ValueError
        If a shape is not one of those above, ``x`` and ``y`` differ in length, a number is infinite or NaN, or a position lies
        outside of the palette.

    Notes
    -----
    Arrays that can be written to are copied, so that nothing changes a data set later; so are those in memory of another owner,
    such as a mapped file.
    """

    def __init__(self, x: ArrayLike, y: ArrayLike, *, palette: ArrayLike | None = None) -> None:
        self._palette = None if palette is None else _frozen(finite(real_array(palette, "palette"), "palette"))
        self._stored = _frozen(finite(real_array(x, "x"), "x") if self._palette is None else _positions(x, self._palette))
        y_array: Any = y if is_masked(y) else np.asarray(y)
        self.y = _frozen(_labels(y_array) if _are_labels(y_array) else finite(real_array(y_array, "y"), "y"))
        if self._stored.ndim != 2:
            raise ValueError(f"x must have shape (n, inputs), not {self._stored.shape}")
        if self.y.ndim != 2 and self.y.dtype != np.int64:
            raise ValueError(
                f"y must have shape (n, outputs), or (n,) for integer labels, not {self.y.shape} of {self.y.dtype}"
            )
        if len(self._stored) != len(self.y):
            raise ValueError(f"x and y must be of one length, not {len(self._stored)} and {len(self.y)}")
        self._desired_outputs: dict[tuple[int, np.dtype], np.ndarray] = {}

    @cached_property
    def x(self) -> np.ndarray:
        """The inputs: shape (n, inputs), read-only. From a palette they are made when first asked for."""
        return self._stored if self._palette is None else self._inputs(slice(None))

    @property
    def inputs(self) -> int:
        """The number of inputs of a sample."""
        return self._stored.shape[1]

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
        return cls(x.reshape(len(columns), -1), y if _are_labels(y) else y.reshape(len(columns), -1))

    def __len__(self) -> int:
        return len(self._stored)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Pair | Dataset:
        if isinstance(index, slice):
            return Dataset(self._stored[index], self.y[index], palette=self._palette)
        i = operator.index(index)
        y = self.y[i]
        return self._inputs(i)[:, np.newaxis], int(y) if self.y.ndim == 1 else y[:, np.newaxis]

    def __iter__(self) -> Iterator[Pair]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        dtype = (self._stored if self._palette is None else self._palette).dtype
        return f"<Dataset of {len(self)} pairs: x {self._stored.shape} {dtype}, y {self.y.shape} {self.y.dtype}>"

    def _inputs(self, index: int | slice) -> np.ndarray:
        """The inputs of one sample or several, read-only."""
        if self._palette is None:
            return self._stored[index]
        x = self._palette[self._stored[index]]
        x.flags.writeable = False
        return x

    @cached_property
    def rows(self) -> Rows:
        """The inputs as the kernels read them: many sparse rows of few different values, as images have them, take less
        memory as positions in a palette."""
        if self._palette is not None and not self._palette[:1].any():  # position 0 stands for 0
            return *kernels.compress(self._stored), self._palette.astype(np.float64)
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
        return starts, indices, values[begin * self.inputs : end * self.inputs], palette

    @cached_property
    def labels(self) -> np.ndarray:
        """The class of each sample: y itself, or where a row of y is largest. int64, shape (n,)."""
        return self.y if self.y.ndim == 1 else self.y.argmax(axis=1)

    def desired_outputs(self, outputs: int, dtype: np.dtype) -> np.ndarray:
        """y as a matrix of shape (n, outputs), labels as unit vectors. `require` says whether they can be."""
        if (outputs, dtype) not in self._desired_outputs:
            self._desired_outputs[outputs, dtype] = self._outputs_as(outputs, dtype)
        return self._desired_outputs[outputs, dtype]

    def require(self, inputs: int, outputs: int, dtype: np.dtype, name: str) -> None:
        """See to it that the data fit a network of so many inputs and outputs. What takes time is done once.

        Raises
        ------
        ValueError
            If x or y has another number of inputs or outputs, a label is out of range, or a number of x is too large for the
            dtype. The message starts with ``name``.
        """
        if self.inputs != inputs:
            raise ValueError(f"{name} has {self.inputs} inputs, but the network has {inputs}")
        if self.y.ndim == 2:
            if self.y.shape[1] != outputs:
                raise ValueError(f"{name}: y has {self.y.shape[1]} outputs, but the network has {outputs}")
        elif outputs > 1 and not 0 <= self._label_range[0] <= self._label_range[1] < outputs:
            raise ValueError(
                f"{name}: labels must be from 0 to {outputs - 1} for {outputs} outputs, "
                f"not from {self._label_range[0]} to {self._label_range[1]}"
            )
        if dtype == np.float32 and self._largest > float(np.finfo(np.float32).max):
            raise ValueError(f"{name} must hold numbers that float32 can hold, not {self._largest}")

    @cached_property
    def _label_range(self) -> tuple[int, int]:
        return int(self.y.min()), int(self.y.max())

    @cached_property
    def _largest(self) -> float:
        """The largest absolute value of those in float64."""
        inputs = self._stored if self._palette is None else self._palette
        doubles = [array for array in (inputs, self.y) if array.dtype == np.float64]
        return max((max(float(array.max(initial=0)), -float(array.min(initial=0))) for array in doubles), default=0.0)

    def _outputs_as(self, outputs: int, dtype: np.dtype) -> np.ndarray:
        if self.y.ndim == 2:
            return np.ascontiguousarray(self.y, dtype)
        if outputs == 1:
            return self.y.astype(dtype)[:, np.newaxis]
        return np.eye(outputs, dtype=dtype)[self.y]


def _are_labels(y: np.ndarray) -> bool:
    return y.ndim == 1 and y.dtype.kind in "iub" and not is_masked(y)


def _labels(y: np.ndarray) -> np.ndarray:
    if y.dtype.kind == "u" and y.max(initial=0) > np.iinfo(np.int64).max:
        raise ValueError(f"y must hold labels that int64 can hold, not {y.max()}")
    return y.astype(np.int64, copy=False)


def _positions(x: ArrayLike, palette: np.ndarray) -> np.ndarray:
    positions = np.ascontiguousarray(x)
    if palette.ndim != 1 or not 1 <= len(palette) <= 256:
        raise ValueError(f"palette must have shape (k,) with k from 1 to 256, not {palette.shape}")
    if positions.dtype != np.uint8:
        raise TypeError(f"x must hold positions in the palette, of type uint8, not {positions.dtype}")
    if positions.max(initial=0) >= len(palette):
        raise ValueError(f"x must hold positions from 0 to {len(palette) - 1} in the palette, not {positions.max()}")
    return positions


def _frozen(array: np.ndarray) -> np.ndarray:
    """The array itself if nobody can write to its memory, else a read-only copy."""
    owner: Any = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base
    if owner is not None and not isinstance(owner, bytes):
        array = array.copy()
        array.flags.writeable = False
    return array


def _stacked(columns: list[Any], name: str) -> np.ndarray:
    if any(map(is_masked, columns)):
        raise TypeError(f"{name} must hold real numbers, not masked ones")
    try:
        array = np.array(columns)
    except ValueError as error:
        shapes = sorted({np.shape(column) for column in columns}, key=str)
        raise ValueError(f"every {name} must have the same shape, not one of {shapes}") from error
    array.flags.writeable = False
    return array
