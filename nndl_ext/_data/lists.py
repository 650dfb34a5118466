"""Lists of pairs (x, y) of any origin, as arrays."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from nndl_ext._checks import is_masked


def arrays_of(samples: list[Any], name: str) -> tuple[np.ndarray, np.ndarray]:
    """The inputs, of shape (n, inputs), and the desired outputs, of shape (n, outputs), or labels, of shape (n,).

    Raises
    ------
    TypeError, ValueError
        If an item is no pair, or the pairs differ in shape. The message starts with ``name``.
    """
    inputs, targets = [], []
    for place, sample in enumerate(samples):
        try:
            x, y = sample
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be an iterable of pairs (x, y), but item {place} is not a pair: {error}") from error
        inputs.append(x)
        targets.append(y)
    x = _stacked(inputs, "x").reshape(len(samples), -1)
    try:
        y = _stacked(targets, "y")
    except ValueError:
        y = _stacked(_labels_as_unit_vectors(targets), "y")
    labels = y.ndim == 1 and y.dtype.kind in "fiub" and whole(y).dtype == np.int64
    return x, y if labels else y.reshape(len(samples), -1)


def whole(numbers: np.ndarray) -> np.ndarray:
    """The numbers as int64 if that changes none of them, else unchanged."""
    if float(np.abs(numbers).max(initial=0)) >= 2.0**63:
        return numbers
    integers = numbers.astype(np.int64)
    return integers if np.array_equal(integers, numbers) else numbers


def numbers_in_text(y: Any) -> Any:
    """y itself, or its numbers if it is an array of text such as "7", in which form many programs have labels."""
    if isinstance(y, np.ndarray) and y.dtype.kind in "OSU":
        try:
            return y.astype(np.str_).astype(np.float64)
        except ValueError:
            return y
    return y


def _labels_as_unit_vectors(targets: list[Any]) -> list[Any]:
    """Replace labels among columns by their unit vectors. Anything else is left for a later error."""
    shape = next((y.shape for y in targets if isinstance(y, np.ndarray)), ())
    columns: dict[Any, np.ndarray] = dict(enumerate(np.eye(prod(shape)).reshape(-1, *shape)))
    return [columns.get(y, y) if isinstance(y, (int, float, np.number)) else y for y in targets]


def _shape(column: Any) -> tuple[int, ...] | str:
    try:
        return np.shape(column)
    except ValueError:
        return "none"


def _stacked(columns: list[Any], name: str) -> np.ndarray:
    if {*map(type, columns)} != {np.ndarray} and any(map(is_masked, columns)):  # the comparison of types saves time
        raise TypeError(f"{name} must hold real numbers, not masked ones")
    try:
        array = np.array(columns)
    except (RuntimeError, TypeError, ValueError) as error:
        shapes = sorted({_shape(column) for column in columns}, key=str)
        must = f"have the same shape, not one of {shapes}" if len(shapes) > 1 else f"be an array of real numbers: {error}"
        raise ValueError(f"every {name} must {must}") from error
    return array
