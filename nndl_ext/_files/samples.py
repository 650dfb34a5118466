"""Images and labels from any file: checked against each other before they take memory, and brought into one form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nndl_ext._files.classes import classed
from nndl_ext._files.contents import Announced

Labelled = tuple[np.ndarray, np.ndarray]


class Samples(NamedTuple):
    """A data set in memory.

    Attributes
    ----------
    training, validation, test : tuple of numpy.ndarray
        Images of shape (n, pixels): uint8 grey levels if all are whole, else float32 from 0 to 1, or from -1. Labels: int64 of
        shape (n,); or, with several classes for a sample, desired outputs, float64 of shape (n, classes). Read-only.
    classes : tuple of str
        The names of the classes, if they have any.
    """

    training: Labelled
    validation: Labelled
    test: Labelled
    classes: tuple[str, ...]


# The book uses the last 10,000 of the 60,000 training images for validation; MNIST's test images are the last 10,000 of 70,000.
_VALIDATION_PART, _TEST_PART = 6, 7

_TOO_MANY_PIXELS = 2**31
_MOST_DIMENSIONS = 32  # NumPy 1 has no more

# Rows processed at once.
_BLOCK = 4096


def samples(announced: Sequence[Announced]) -> Samples:
    """The images and labels for training, validation and test.

    Parameters
    ----------
    announced : sequence of Announced
        Images and labels for training, for validation, and for test. Without validation data, a sixth of the training data is
        used; without test data, first a seventh of all. These are the last ones, or, if the labels are sorted, evenly spaced.
        Images have shape (n, ...): grey levels from 0 to 255 as integers or floats, or floats from 0 or -1 to 1. If all
        integers are 0 or 1, they stand for black and white. `classed` says which labels there are.

    Raises
    ------
    ValueError
        If images or labels are invalid, their numbers differ, or images have different shapes.
    """
    images, labels = announced[::2], announced[1::2]
    for x, y in zip(images, labels, strict=True):
        if max(len(x.shape), len(y.shape)) > _MOST_DIMENSIONS:
            raise ValueError(f"{x.name} and {y.name} have more than {_MOST_DIMENSIONS} dimensions")
        if len(x.shape) < 2 or x.dtype.kind not in "fiub":
            raise ValueError(f"{x.name} must hold images, of shape (n, ...), not {x.dtype} of shape {x.shape}")
        if not y.shape or y.dtype.kind not in "fiubOU":
            raise ValueError(f"{y.name} must hold labels, of shape (n,), not {y.dtype} of shape {y.shape}")
        if x.shape[0] != y.shape[0]:
            raise ValueError(f"{x.name} announces {x.shape[0]} images, but {y.name} announces {y.shape[0]} labels")
        if x.shape[1:] != images[0].shape[1:]:
            raise ValueError(f"{x.name} has images of shape {x.shape[1:]}, but {images[0].name} of {images[0].shape[1:]}")
    pixels = math.prod(images[0].shape[1:])
    if not 0 < pixels < _TOO_MANY_PIXELS:
        raise ValueError(f"{images[0].name} has images of {pixels} pixels")
    if not images[0].shape[0]:
        raise ValueError(f"{images[0].name} has no images")
    numbers, classes = classed(labels, pixels)  # first, because labels are small
    inputs = _inputs([x.name for x in images], [x.read().reshape(x.shape[0], pixels) for x in images])
    training, *others = zip(inputs, numbers, strict=True)
    if not others or images[-1].part == "validation":
        training, test = _cut(training, _TEST_PART)
        others.append(test)
    if len(others) == 1:
        training, validation = _cut(training, _VALIDATION_PART)
        others.insert(0, validation)
    return Samples(training, others[0], others[1], classes)


def _cut(data: Labelled, part: int) -> tuple[Labelled, Labelled]:
    """The data without one ``part``-th, and this. It is the last one, or, if the labels are sorted, evenly spaced."""
    x, y = data
    if y.ndim == 1 and len(y) and y[0] != y[-1] and (y[1:] >= y[:-1]).all():
        held = np.arange(len(y)) % part == part - 1
        return (x[~held], y[~held]), (x[held], y[held])
    cut = len(y) - len(y) // part
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def _inputs(names: list[str], arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The images as uint8 grey levels or as float32 from 0 to 1."""
    ranges = [(float(x.min(initial=0)), float(x.max(initial=0))) for x in arrays]
    for name, (least, most) in zip(names, ranges, strict=True):
        if not (0 <= least <= most <= 255 or -1 <= least <= most <= 1):  # NaN fails this too
            raise ValueError(f"{name} must have pixels from 0 to 1 or from 0 to 255, not from {least} to {most}")
    least, most = min(least for least, _ in ranges), max(most for _, most in ranges)
    for name, x, (_, own_most) in zip(names, arrays, ranges, strict=True):
        if own_most <= 1 < most and x.dtype.kind == "f" and (x != np.floor(x)).any():
            raise ValueError(f"{name} has pixels from 0 to 1, but another part of the data set has pixels up to {most}")
    if least < 0:
        if most > 1:
            raise ValueError(f"{names[0]} must have pixels from -1 to 1 or from 0 to 255, not from {least} to {most}")
        return [x.astype(np.float32) for x in arrays]
    if any(x.dtype.kind == "f" for x in arrays):
        return [_as_levels(x, 1 if most > 1 else 256) for x in arrays]
    if most == 1:
        return [x.astype(np.uint8) * np.uint8(255) for x in arrays]
    return [x.astype(np.uint8, copy=False) for x in arrays]


def _as_levels(x: np.ndarray, factor: int) -> np.ndarray:
    """The pixels times ``factor`` as uint8 if all products are whole, else the products / 256 as float32."""
    levels = np.empty(x.shape, np.uint8)
    for begin in range(0, len(x), _BLOCK):
        block = x[begin : begin + _BLOCK].astype(np.float32) * np.float32(factor)
        if block.max() > 255 or (block != np.floor(block)).any():
            return x.astype(np.float32) * np.float32(factor / 256)
        levels[begin : begin + _BLOCK] = block
    return levels
