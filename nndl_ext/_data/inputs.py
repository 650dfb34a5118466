"""The inputs of a data set in one of three forms: numbers, grey levels, or a sparse matrix.

Each form gives the kernels ``Rows``. All arrays are read-only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nndl_ext import _kernels
from nndl_ext._checks import finite, real_array
from nndl_ext._data.sparse import checked_rows, csr_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# With no more values than this, a palette would make reading no faster.
_FIT_A_CACHE = 100_000

# The indices of sparse rows have 16 bits for at most 2**16 inputs, else 32.
_NARROW = 2**16


def rows_of(matrix: np.ndarray) -> Any:
    """The rows of a matrix as the kernels' ``Rows``. Dense rows share the memory of the matrix."""
    starts, indices, values = _kernels.kernels.compress(matrix)
    palette = np.empty(0)
    if len(starts) and len(values) > _FIT_A_CACHE:
        positions, palette = np.empty(len(values), np.uint8), np.empty(256)
        different = _kernels.kernels.enumerate_values(values, positions, palette)
        values, palette = positions if different else values, palette[:different]
    return _kernels.kernels.Rows(matrix.shape[1], starts, indices, values, palette)


class Inputs(ABC):
    """The base class of the three forms.

    Attributes
    ----------
    shape : tuple of int
        The numbers of samples and of inputs.
    dtype : numpy.dtype
        float32 or float64.
    numbers : numpy.ndarray
        An array that contains every number of the inputs.
    given : tuple
        The ``x`` and ``palette`` from which the same inputs can be made.
    """

    shape: tuple[int, int]
    dtype: np.dtype
    numbers: np.ndarray
    given: tuple[Any, np.ndarray | None]

    @abstractmethod
    def make_rows(self) -> Any:
        """All inputs as the kernels' ``Rows``."""

    @property
    @abstractmethod
    def matrix(self) -> Any:
        """All inputs, one sample per row: an array or a sparse matrix, a new object each time."""

    @abstractmethod
    def row(self, index: int) -> np.ndarray:
        """The inputs of one sample: shape (inputs,)."""

    @abstractmethod
    def take(self, places: Any) -> Inputs:
        """The inputs of the samples in a slice or at an array of positions."""


class Numbers(Inputs):
    """A matrix of float32 or float64.

    If it is mostly zeros, with few different values, as in images, its rows use a palette: less memory, and faster to read.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        self._matrix = self.numbers = matrix
        self.shape, self.dtype, self.given = matrix.shape, matrix.dtype, (matrix, None)

    @property
    def matrix(self) -> np.ndarray:
        return another(self._matrix)

    def make_rows(self) -> Any:
        return rows_of(self._matrix)

    def row(self, index: int) -> np.ndarray:
        return self.matrix[index]

    def take(self, places: Any) -> Numbers:
        return Numbers(locked(self._matrix[places]))


class Levels(Inputs):
    """Positions, of type uint8, in a palette of at most 256 numbers, such as the grey levels of image files."""

    def __init__(self, positions: np.ndarray, palette: np.ndarray) -> None:
        self._positions, self.numbers = positions, palette
        self.shape, self.dtype, self.given = positions.shape, palette.dtype, (positions, palette)

    @cached_property
    def _matrix(self) -> np.ndarray:
        return locked(self.numbers[self._positions])

    @property
    def matrix(self) -> np.ndarray:
        return another(self._matrix)

    def make_rows(self) -> Any:
        if self.numbers[:1].any():  # position 0 doesn't stand for 0
            return rows_of(self._matrix)
        rows = _kernels.kernels.compress(self._positions)
        return _kernels.kernels.Rows(self.shape[1], *rows, self.numbers.astype(np.float64))

    def row(self, index: int) -> np.ndarray:
        row = self.numbers[self._positions[index]]
        row.flags.writeable = False
        return row

    def take(self, places: Any) -> Levels:
        return Levels(locked(self._positions[places]), self.numbers)


class Sparse(Inputs):
    """A sparse matrix in CSR format, never made dense. ``name`` is its name in errors."""

    def __init__(self, matrix: Any, name: str = "x") -> None:
        self._matrix, self._name = matrix, name
        self.numbers = matrix.data
        self.shape, self.dtype, self.given = matrix.shape, matrix.dtype, (matrix, None)

    @property
    def matrix(self) -> Any:
        own = self._matrix
        return type(own)((another(own.data), another(own.indices), another(own.indptr)), shape=own.shape)

    def make_rows(self) -> Any:
        index = np.uint16 if self.shape[1] <= _NARROW else np.uint32
        return _kernels.kernels.Rows(self.shape[1], *checked_rows(self._matrix, self._name, index), np.empty(0))

    def row(self, index: int) -> np.ndarray:
        row, place = np.zeros(self.shape[1], self.dtype), slice(*self._matrix.indptr[index : index + 2])
        row[self._matrix.indices[place]] = self._matrix.data[place]
        row.flags.writeable = False
        return row

    def take(self, places: Any) -> Sparse:
        return Sparse(_locked_csr(self._matrix[places]))


def inputs_of(x: Any) -> Inputs:
    """The inputs in an array, a data frame, or a sparse matrix of any format.

    Raises
    ------
    TypeError, ValueError
        If they are not finite real numbers, do not form a matrix, or are too many for a sparse row.
    """
    if hasattr(x, "tocsr"):
        return Sparse(_finite_csr(x))
    return numbers_of(owned(real_array(x, "x"), x))


def numbers_of(array: np.ndarray) -> Numbers:
    """The inputs in an array that nobody else can change."""
    if array.ndim != 2:
        raise ValueError(f"x must have shape (n, inputs), not {array.shape}")
    return Numbers(finite(array, "x"))


def levels_of(x: ArrayLike, palette: ArrayLike) -> Levels:
    """The inputs ``palette[x]``.

    Raises
    ------
    TypeError, ValueError
        If the palette does not hold 1 to 256 finite real numbers, or ``x`` does not hold positions in it.
    """
    numbers = finite(owned(real_array(palette, "palette"), palette), "palette")
    if numbers.ndim != 1 or not 1 <= len(numbers) <= 256:
        raise ValueError(f"palette must have shape (k,) with k from 1 to 256, not {numbers.shape}")
    positions = np.ascontiguousarray(x)
    if positions.dtype != np.uint8:
        raise TypeError(f"x must hold positions in the palette, of type uint8, not {positions.dtype}")
    if positions.ndim != 2:
        raise ValueError(f"x must have shape (n, inputs), not {positions.shape}")
    positions = owned(positions, x)
    if positions.max(initial=0) >= len(numbers):
        raise ValueError(f"x must hold positions from 0 to {len(numbers) - 1} in the palette, not {positions.max()}")
    return Levels(positions, numbers)


def owned(array: np.ndarray, given: Any) -> np.ndarray:
    """The array that was made from ``given``, read-only; a copy if it may share memory that can change."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    constant = isinstance(owner, bytes | _kernels.kernels.Sealed)
    made_here = type(given) in (list, tuple) or (isinstance(given, np.ndarray) and not np.may_share_memory(array, given))
    return locked(array if constant or made_here else array.copy())


def locked(array: np.ndarray) -> np.ndarray:
    """The same memory, if it is contiguous, in an array that nobody can make writable. Nobody else may have the array."""
    sealed: Any = _kernels.kernels.seal(np.ascontiguousarray(array))
    return np.ndarray(array.shape, array.dtype, sealed)


def another(own: np.ndarray) -> np.ndarray:
    """Another array for the memory of a `locked` one, for the user, who may change its shape and dtype."""
    return np.ndarray(own.shape, own.dtype, own.base)


def _finite_csr(x: Any) -> Any:
    """A read-only copy of a sparse matrix, checked, without stored zeros."""
    matrix = csr_of(x, "x")
    starts, indices, values = checked_rows(matrix, "x", np.int64)
    matrix = type(matrix)((finite(real_array(values, "x"), "x"), indices, starts), shape=matrix.shape, copy=True)
    matrix.eliminate_zeros()
    return _locked_csr(matrix)


def _locked_csr(matrix: Any) -> Any:
    for name in ("data", "indices", "indptr"):
        setattr(matrix, name, locked(getattr(matrix, name)))
    return matrix
