"""Validation of arguments: each function returns its argument in the kernels' form, or raises an error that names it."""

from __future__ import annotations

import operator
import os
import reprlib
from collections.abc import Iterable
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

# More than any memory can hold, yet small enough that sizes in bytes do not overflow.
_MOST_WEIGHTS = 2**48


def is_masked(values: object) -> bool:
    """Whether this is a masked array, whose mask a conversion would drop. Does not import ``numpy.ma``."""
    return isinstance(values, np.ndarray) and hasattr(values, "mask")


def real_array(values: ArrayLike, name: str) -> np.ndarray:
    """The values as a C-contiguous, aligned array of native float32 or float64.

    float32 stays; other real numbers become float64.
    """
    if is_masked(values):
        raise TypeError(f"{name} must hold real numbers, not masked ones")
    array = _as_array(values, name)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    single = array.dtype.kind == "f" and array.dtype.itemsize == 4
    converted = contiguous(array, np.dtype(np.float32 if single else np.float64))
    if not converted.flags.aligned:
        converted = converted.copy()  # compiled code relies on alignment
    return converted


def _as_array(values: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(values)
        if array.dtype == object and hasattr(values, "to_numpy"):  # a data frame with several types or missing values
            array = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: PyTorch's tensors that require a gradient
        raise ValueError(f"{name} must be an array of real numbers: {error}") from error
    return array


def finite(array: np.ndarray, name: str) -> np.ndarray:
    """The array, checked to have no infinities or NaN."""
    if not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"{name} must hold finite numbers, not {array[tuple(place)]} at {place}")
    return array


def layer_sizes(sizes: Iterable[Any]) -> list[int]:
    """The sizes as a list, checked to be at least two positive integers."""
    try:
        checked = [operator.index(size) for size in sizes]
    except TypeError as error:
        raise TypeError(f"sizes must be a sequence of integers, not {reprlib.repr(sizes)}") from error
    if len(checked) < 2 or min(checked) < 1:
        raise ValueError(f"sizes must name at least two layers of at least one neuron each, not {reprlib.repr(checked)}")
    weights = sum(inputs * neurons for inputs, neurons in pairwise(checked))
    if max(weights, *checked) > _MOST_WEIGHTS:
        raise ValueError(f"sizes must give at most {_MOST_WEIGHTS} weights, not {weights}")
    return checked


def real_dtype(dtype: DTypeLike) -> np.dtype:
    """The dtype, checked to be float32 or float64."""
    try:
        checked = np.dtype(dtype)
    except TypeError as error:
        raise TypeError(f"dtype must be float32 or float64, not {reprlib.repr(dtype)}") from error
    if checked not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, not {checked}")
    return checked


def file_path(path: Any, name: str = "path") -> str:
    """The path as a string, checked to be one or a path-like object. An empty one would stand for the current folder."""
    try:
        checked = os.fsdecode(path)
    except TypeError as error:
        raise TypeError(f"{name} must be a string or a path-like object, not {reprlib.repr(path)}") from error
    if not checked:
        raise ValueError(f"{name} must not be empty")
    if "\0" in checked:
        raise ValueError(f"{name} must be without null characters, not {reprlib.repr(checked)}")
    return checked


def integer(value: Any, name: str, least: int | None = None, most: int | None = None) -> int:
    """The value as an int, checked to be an integer from ``least`` to ``most``."""
    given: Any = None if is_masked(value) else value
    try:
        checked = operator.index(given)
    except TypeError as error:
        raise TypeError(f"{name} must be an integer, not {reprlib.repr(value)}") from error
    if least is not None and checked < least:
        raise ValueError(f"{name} must be at least {least}, not {checked}")
    if most is not None and checked > most:
        raise ValueError(f"{name} must be at most {most}, not {checked}")
    return checked


def finite_number(value: Any, name: str) -> float:
    """The value as a float, checked to be finite."""
    if isinstance(value, (str, bytes, bytearray)) or is_masked(value) or np.iscomplexobj(value):
        raise TypeError(f"{name} must be a real number, not {reprlib.repr(value)}")
    try:
        checked = float(value)
    except OverflowError as error:
        raise ValueError(f"{name} must be finite, not an integer too large for a float") from error
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a real number, not {reprlib.repr(value)}") from error
    if not isfinite(checked):
        raise ValueError(f"{name} must be finite, not {checked}")
    return checked


def contiguous(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The array as a C-contiguous one of this dtype. A number that becomes 0 is rounded like any other, also where the caller's
    ``np.seterr`` makes that an error."""
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(array, dtype)


def as_dtype(array: np.ndarray, dtype: np.dtype, name: str) -> np.ndarray:
    """The array as C-contiguous float32 or float64, checked to hold no finite number that is too large."""
    converted = contiguous(array, dtype)
    if dtype != array.dtype and np.isinf(converted).any() and np.isfinite(array[np.isinf(converted)]).any():
        raise ValueError(f"{name} must hold numbers that {dtype} can hold, up to {np.finfo(dtype).max}")
    return converted


def shaped(array: ArrayLike, shape: tuple[int, ...], name: str) -> np.ndarray:
    """The array, checked to hold real numbers and to have this shape."""
    checked = real_array(array, name)
    if checked.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, not {checked.shape}")
    return checked
