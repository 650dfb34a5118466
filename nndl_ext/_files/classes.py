"""Labels of any form as classes: numbers from 0, names, or several classes for a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nndl_ext._files.contents import Announced

# Every desired output has one element per class, so without a limit a single label could demand any amount of memory. The limit
# is this number of classes or the number of pixels, whichever is larger.
_MOST_CLASSES = 10


def classed(announced: Sequence[Announced], pixels: int) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """The labels of all parts of a data set, and the names of their classes.

    - Whole numbers from 0 stay, and have no names unless the file states them.
    - Whole numbers from 1 without a gap, -1 beside 1, and texts become positions among the names in their order. Texts that
      are all numbers count as numbers.
    - Unit vectors become the positions of their ones. If a row has several ones or none, all stay desired outputs.

    Parameters
    ----------
    announced : sequence of Announced
        The labels of each part: shape (n,) or (n, 1), or zeros and ones of shape (n, classes).
    pixels : int
        The number of pixels of an image, which limits the number of classes.

    Returns
    -------
    labels : list of numpy.ndarray
        int64 of shape (n,); or desired outputs, float64 of shape (n, classes).
    names : tuple of str
        The names of the classes, or none.

    Raises
    ------
    ValueError
        If the labels are anything else, there are too many classes, or a name is not among those of the training data.
    """
    most = max(_MOST_CLASSES, pixels)
    arrays = [y.reshape(len(y), math.prod(y.shape[1:])) for y in (each.read() for each in announced)]
    names = announced[0].classes
    columns = [_column(y, each.name, most) for y, each in zip(arrays, announced, strict=True)]
    if any(y.ndim > 1 for y in columns):
        if len({y.shape[1] for y in arrays}) > 1:
            raise ValueError(f"{announced[0].name} has vectors of {arrays[0].shape[1]} classes, but another part has others")
        return [y.astype(np.float64) for y in arrays], names
    columns = _numbers(columns, announced[0].name)
    if names or columns[0].dtype.kind == "O":
        return _named(columns, announced, most)
    found = np.unique(np.concatenate(columns))
    from_1 = np.array_equal(found, np.arange(1, 1 + len(found))) or np.array_equal(found, (-1, 1))
    if from_1 and len(found) > 1 and all(y.shape[1] == 1 for y in arrays):
        return [np.searchsorted(found, y) for y in columns], tuple(f"{each:g}" for each in found)
    for y, each in zip(columns, announced, strict=True):
        low, high = (y.min(), y.max()) if len(y) else (0, 0)
        if not 0 <= low <= high < most or (y.dtype.kind == "f" and (y != np.floor(y)).any()):
            raise ValueError(f"{each.name} must have labels from 0 to {most - 1} for {pixels} pixels, not from {low} to {high}")
    return [y.astype(np.int64) for y in columns], ()


def _column(y: np.ndarray, name: str, most: int) -> np.ndarray:
    """Labels, or unit vectors as labels: shape (n,). If a sample has several classes or none, the zeros and ones as given."""
    if y.shape[1] == 1:
        return y[:, 0]
    if not 0 < y.shape[1] <= most or y.dtype.kind not in "fiub" or not ((y == 0) | (y == 1)).all():
        raise ValueError(
            f"{name} must have labels or vectors of zeros and ones, one for each image, not vectors of shape {y.shape}"
        )
    return y.argmax(axis=1) if (y.sum(axis=1) == 1).all() else y


def _numbers(columns: list[np.ndarray], name: str) -> list[np.ndarray]:
    """Texts as numbers if they are all numbers. None may be missing, or written in two ways: 1 and 01 may be two names."""
    if not any(y.dtype.kind in "OU" for y in columns):
        return columns
    texts = [y.astype(object) for y in columns]
    if any(text is None or not str(text).strip() for y in texts for text in y.tolist()):
        raise ValueError(f"{name} must have a label for each image, not empty ones")
    try:
        numbers = [{text: float(text) for text in y} for y in texts]
    except (TypeError, ValueError):
        return texts
    for of_part in numbers:
        spellings = {number: text for text, number in of_part.items()}
        for text, number in of_part.items():
            if spellings.get(number, text) != text:
                raise ValueError(f"{name} has the labels {text} and {spellings[number]}, which are the same number: rename one")
    return [np.array([of_part[text] for text in y], np.float64) for of_part, y in zip(numbers, texts, strict=True)]


def _named(columns: list[np.ndarray], announced: Sequence[Announced], most: int) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Labels as positions among the names: those that the file states, or else all texts in their order."""
    names = announced[0].classes or tuple(sorted({str(text) for y in columns for text in y}))
    if len(names) > most:
        raise ValueError(f"{announced[0].name} must have at most {most} classes, not {len(names)}")
    if columns[0].dtype.kind == "O":
        for y, each in zip(columns, announced, strict=True):
            if unknown := {*map(str, y)} - {*announced[0].classes, *map(str, columns[0])}:
                raise ValueError(f"{each.name} has the class {min(unknown)[:100]}, which the training data lack")
        places = {name: place for place, name in enumerate(names)}
        return [np.array([places[str(text)] for text in y], np.int64) for y in columns], names
    for y, each in zip(columns, announced, strict=True):
        if each.classes != names or (len(y) and not 0 <= y.min() <= y.max() < len(names)):
            raise ValueError(
                f"{each.name} must have labels from 0 to {len(names) - 1} for the classes {', '.join(names)[:200]}"
            )
    return [y.astype(np.int64) for y in columns], names
