"""Sparse matrices of any of SciPy's formats, checked before SciPy's compiled functions read them: these trust all indices."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from nndl_ext import _kernels

# The kernels' indices have at most 32 bits.
_MOST_INPUTS = 2**32


def csr_of(x: Any, name: str) -> Any:
    """A sparse matrix of any format in CSR format, with valid indices. They may be in any order, with duplicates if the numbers
    are float32 or float64. Duplicates of other types are summed here, as they are in an array, before they become floats.

    Raises
    ------
    TypeError, ValueError
        If an index is out of range, there are too many inputs, or the elements are not real numbers.
    """
    if len(x.shape) != 2 or x.shape[1] > _MOST_INPUTS:
        raise ValueError(f"{name} must have shape (n, inputs), if sparse with at most {_MOST_INPUTS} inputs, not {x.shape}")
    check_indices(x, name)
    if getattr(x, "format", None) == "coo":  # otherwise SciPy would sum duplicates in an order that depends on its sort
        x = type(x)((x.data, (x.row, x.col)), shape=x.shape)
        x.has_canonical_format = True
    try:
        matrix = x.tocsr()
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise ValueError(f"{name} must be a sparse matrix of real numbers: {error}") from error
    if matrix.dtype in (np.float32, np.float64):
        return matrix
    starts, indices, values = checked_rows(matrix, name, np.int64)
    return type(matrix)((values, indices, starts), shape=matrix.shape)


def checked_rows(matrix: Any, name: str, index: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, indices and values of a CSR matrix, sorted. Duplicates are summed in their order."""
    rows = _rows_as_they_are(matrix, name, index)
    if rows is None:
        ordered = matrix.copy()
        check_indices(ordered, name)
        # A new object, because SciPy remembers the order that indices had before. Two conversions sort, unlike SciPy's function
        # for this, without changing the order of duplicates.
        ordered = type(matrix)((ordered.data, ordered.indices, ordered.indptr), shape=matrix.shape).tocsc().tocsr()
        ordered.sum_duplicates()
        rows = _rows_as_they_are(ordered, name, index)
    if rows is None:
        raise RuntimeError(f"{name} was changed by another thread or process while it was being read")
    return rows


def _rows_as_they_are(matrix: Any, name: str, index: type) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """`checked_rows`, or None if an index is out of range or order. Starts and indices are copies, which nobody can change
    once they have been checked."""
    starts, given, values = np.array(matrix.indptr, np.int64), np.asarray(matrix.indices), np.asarray(matrix.data)
    _check_starts(starts, matrix.shape[0], min(given.size, values.size), name)
    indices: np.ndarray = np.array(given[: starts[-1]], np.int32 if given.dtype == np.int32 else np.int64)
    if _kernels.kernels.first_wrong_row(starts, indices, matrix.shape[1]) >= 0:
        return None
    return starts, indices.astype(index, copy=False), np.require(values[: starts[-1]], requirements=["C", "A"])


def check_indices(x: Any, name: str) -> None:
    """Check the arrays of a sparse matrix, if it is in a format that has any.

    Raises
    ------
    TypeError, ValueError
        If an index is out of range, arrays do not fit each other, or the elements are not real numbers.
    """
    kind = getattr(x, "format", None)
    if kind not in _CHECKS:
        return
    data = _array(x.data, "data", name)
    if data.dtype.kind not in ("O" if kind == "lil" else "fiub"):
        raise TypeError(f"{name} must hold real numbers, not {data.dtype}")
    if data.ndim != {"bsr": 3, "dia": 2}.get(kind, 1):
        raise _wrong(name, f"data has shape {data.shape}")
    _CHECKS[kind](x, data, name)


def _check_coo(x: Any, data: np.ndarray, name: str) -> None:
    for indices, end in zip((x.row, x.col), x.shape, strict=True):
        _check_range(indices, end, name)
    lengths = np.asarray(x.row).size, np.asarray(x.col).size, len(data)
    if len(set(lengths)) > 1:
        raise _wrong(name, f"row, col and data have {lengths} elements")


def _check_dia(x: Any, data: np.ndarray, name: str) -> None:
    rows, columns = x.shape
    offsets = _integers(x.offsets, "offsets", name)
    if len(data) != len(offsets):
        raise _wrong(name, f"{len(offsets)} offsets do not fit data of shape {data.shape}")
    if len(offsets) and not -rows < int(offsets.min()) <= int(offsets.max()) < columns:  # SciPy takes memory for any distance
        raise _wrong(name, f"offsets go from {offsets.min()} to {offsets.max()}, outside the shape {x.shape}")


def _check_compressed(x: Any, data: np.ndarray, name: str) -> None:
    """Check a matrix in CSR, CSC or BSR format."""
    (rows, columns), (height, width) = x.shape, data.shape[1:] or (1, 1)
    indices = _integers(x.indices, "indices", name)
    if rows % height or columns % width:
        raise _wrong(name, f"blocks of {height} x {width} do not fit the shape {x.shape}")
    lines, places = (columns, rows) if x.format == "csc" else (rows // height, columns // width)
    _check_starts(x.indptr, lines, min(len(indices), len(data)), name)
    _check_range(indices[: x.indptr[-1]], places, name)


def _check_lil(x: Any, data: np.ndarray, name: str) -> None:
    rows = _array(x.rows, "rows", name)
    if not rows.shape == data.shape == (x.shape[0],):
        raise _wrong(name, f"rows and data have shapes {rows.shape} and {data.shape}, not {(x.shape[0],)}")
    for row, (indices, values) in enumerate(zip(rows, data, strict=True)):
        if not (isinstance(indices, list) and isinstance(values, list) and len(indices) == len(values)):
            raise _wrong(name, f"rows[{row}] and data[{row}] are not lists of the same length")
        if indices:
            _check_range(np.array(indices), x.shape[1], name)


# DOK has its indices in a dict, from which SciPy makes arrays safely.
_CHECKS = {
    "coo": _check_coo,
    "dia": _check_dia,
    "csr": _check_compressed,
    "csc": _check_compressed,
    "bsr": _check_compressed,
    "lil": _check_lil,
}


def _check_starts(given: Any, lines: int, elements: int, name: str) -> None:
    """Check where the elements of each line of a sparse matrix start."""
    starts = _integers(given, "indptr", name)
    if starts.shape != (lines + 1,) or starts[0] != 0 or (starts[1:] < starts[:-1]).any() or starts[-1] > elements:
        raise _wrong(name, f"indptr does not hold {lines + 1} ascending numbers from 0 to at most {elements}")


def _check_range(given: Any, end: int, name: str) -> None:
    indices = _integers(given, "indices", name)
    if len(indices) and not 0 <= indices.min() <= indices.max() < end:
        raise _wrong(name, f"indices go from {indices.min()} to {indices.max()}, not from 0 to at most {end - 1}")


def _integers(given: Any, attribute: str, name: str) -> np.ndarray:
    """The indices as an array, not of a subclass, checked to be integers in a row."""
    array = _array(given, attribute, name)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise _wrong(name, f"{attribute} holds {array.dtype} of shape {array.shape}, not integers in a row")
    return array


def _array(given: Any, attribute: str, name: str) -> np.ndarray:
    """The array, not of a subclass, whose methods may lie."""
    if not isinstance(given, np.ndarray):
        raise _wrong(name, f"{attribute} is {reprlib.repr(given)}, not an array")
    return np.asarray(given)


def _wrong(name: str, what: str) -> ValueError:
    return ValueError(f"{name} must be a sparse matrix with valid indices: its {what}")
