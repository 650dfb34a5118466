"""The inputs of a data set in one of three forms: numbers, grey levels, or a sparse matrix.

Each form gives the kernels `Rows`. All arrays are read-only.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from nndl_ext._core.validation import finite, real_array
from nndl_ext._kernels import kernels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# With no more values than this, a palette would make reading no faster.
_FIT_A_CACHE = 100_000

# The indices of sparse rows have 16 bits for at most 2**16 inputs, else 32.
_NARROW, _MOST_SPARSE_INPUTS = 2**16, 2**32


class Rows(NamedTuple):
    """The inputs as the kernels read them; see ``rows.pxi``.

    ``starts`` is empty if the rows are dense. ``palette`` is empty unless ``values`` are positions in it.
    """

    starts: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    palette: np.ndarray


def rows_of(matrix: np.ndarray) -> Rows:
    """The rows of a matrix for the kernels. Dense rows share the memory of the matrix."""
    starts, indices, values = kernels.compress(matrix)
    palette = np.empty(0)
    if len(starts) and len(values) > _FIT_A_CACHE:
        positions, palette = np.empty(len(values), np.uint8), np.empty(256)
        different = kernels.enumerate_values(values, positions, palette)
        values, palette = positions if different else values, palette[:different]
    return Rows(starts, indices, values, palette)


class Inputs(Protocol):
    """What each form of inputs offers."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of samples and of inputs."""

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""

    @property
    def matrix(self) -> Any:
        """All inputs, one sample per row: an array or a sparse matrix."""

    @property
    def rows(self) -> Rows:
        """All inputs for the kernels, made once."""

    @property
    def numbers(self) -> np.ndarray:
        """An array that contains every number of the inputs."""

    @property
    def given(self) -> tuple[Any, Any]:
        """The ``x`` and ``palette`` from which the same inputs can be made."""

    def row(self, index: int) -> np.ndarray:
        """The inputs of one sample: shape (inputs,)."""

    def take(self, places: Any) -> Inputs:
        """The inputs of the samples in a slice or at an array of positions."""


class Numbers:
    """A matrix of float32 or float64.

    If it is mostly zeros, with few different values, as in images, its rows use a palette: less memory, and faster to read.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = self.numbers = matrix
        self.shape, self.dtype, self.given = matrix.shape, matrix.dtype, (matrix, None)

    @cached_property
    def rows(self) -> Rows:
        return Rows(*map(locked, rows_of(self.matrix)))

    def row(self, index: int) -> np.ndarray:
        return self.matrix[index]

    def take(self, places: Any) -> Numbers:
        return Numbers(locked(self.matrix[places]))


class Levels:
    """Positions, of type uint8, in a palette of at most 256 numbers, such as the grey levels of image files."""

    def __init__(self, positions: np.ndarray, palette: np.ndarray) -> None:
        self._positions, self.numbers = positions, palette
        self.shape, self.dtype, self.given = positions.shape, palette.dtype, (positions, palette)

    @cached_property
    def matrix(self) -> np.ndarray:
        return locked(self.numbers[self._positions])

    @cached_property
    def rows(self) -> Rows:
        if self.numbers[:1].any():  # position 0 doesn't stand for 0
            return Numbers(self.matrix).rows
        starts, indices, values = kernels.compress(self._positions)
        return Rows(locked(starts), locked(indices), locked(values), locked(self.numbers.astype(np.float64)))

    def row(self, index: int) -> np.ndarray:
        row = self.numbers[self._positions[index]]
        row.flags.writeable = False
        return row

    def take(self, places: Any) -> Levels:
        return Levels(locked(self._positions[places]), self.numbers)


class Sparse:
    """A sparse matrix, never made dense."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix
        self.numbers = matrix.data
        self.shape, self.dtype, self.given = matrix.shape, matrix.dtype, (matrix, None)

    @cached_property
    def rows(self) -> Rows:
        matrix = self.matrix
        index = np.uint16 if self.shape[1] <= _NARROW else np.uint32
        starts, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(index)
        return Rows(locked(starts), locked(indices), matrix.data, locked(np.empty(0)))

    def row(self, index: int) -> np.ndarray:
        row, place = np.zeros(self.shape[1], self.dtype), slice(*self.matrix.indptr[index : index + 2])
        row[self.matrix.indices[place]] = self.matrix.data[place]
        row.flags.writeable = False
        return row

    def take(self, places: Any) -> Sparse:
        return Sparse(_locked_csr(self.matrix[places]))


def inputs_of(x: Any) -> Inputs:
    """The inputs in an array, a data frame, or a sparse matrix of any format.

    Raises
    ------
    TypeError, ValueError
        If they are not finite real numbers, do not form a matrix, or are too many for a sparse row.
    """
    if hasattr(x, "tocsr"):
        return Sparse(_checked_csr(x))
    return Numbers(_matrix(frozen(finite(real_array(x, "x"), "x"))))


def levels_of(x: ArrayLike, palette: ArrayLike) -> Levels:
    """The inputs ``palette[x]``.

    Raises
    ------
    TypeError, ValueError
        If the palette does not hold 1 to 256 finite real numbers, or ``x`` does not hold positions in it.
    """
    numbers = frozen(finite(real_array(palette, "palette"), "palette"))
    if numbers.ndim != 1 or not 1 <= len(numbers) <= 256:
        raise ValueError(f"palette must have shape (k,) with k from 1 to 256, not {numbers.shape}")
    positions = np.ascontiguousarray(x)
    if positions.dtype != np.uint8:
        raise TypeError(f"x must hold positions in the palette, of type uint8, not {positions.dtype}")
    if positions.max(initial=0) >= len(numbers):
        raise ValueError(f"x must hold positions from 0 to {len(numbers) - 1} in the palette, not {positions.max()}")
    return Levels(_matrix(frozen(positions)), numbers)


def frozen(array: np.ndarray) -> np.ndarray:
    """The array itself if nobody can write to its memory, else a read-only copy."""
    owner: Any = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base
    return array if owner is None or isinstance(owner, bytes) else locked(array.copy())


def locked(array: np.ndarray) -> np.ndarray:
    """A view of an array without other users that can't be made writable again, because its bases are read-only too."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner.flags.writeable = False
        owner = owner.base
    return array.view()


def _matrix(array: np.ndarray) -> np.ndarray:
    if array.ndim != 2:
        raise ValueError(f"x must have shape (n, inputs), not {array.shape}")
    return array


def _checked_csr(x: Any) -> Any:
    """A read-only copy of a sparse matrix in CSR format, with sorted indices and without duplicates or stored zeros."""
    if len(x.shape) != 2 or x.shape[1] > _MOST_SPARSE_INPUTS:
        raise ValueError(f"x must have shape (n, inputs), if sparse with at most {_MOST_SPARSE_INPUTS} inputs, not {x.shape}")
    try:
        matrix = x.tocsr(copy=True)
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise ValueError(f"x must be a sparse matrix with valid indices: {error}") from error
    matrix.data = finite(real_array(matrix.data, "x"), "x").copy()
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return _locked_csr(matrix)


def _locked_csr(matrix: Any) -> Any:
    for name in ("data", "indices", "indptr"):
        setattr(matrix, name, locked(getattr(matrix, name)))
    return matrix
