"""Images and labels from any file: checked against each other before they take memory, and brought into one form."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nndl_ext._files.contents import Announced

Labelled = tuple[np.ndarray, np.ndarray]

# The book uses the last 10,000 of the 60,000 training images for validation.
_VALIDATION_PART = 6

# Every desired output has one element per class, so without a limit a single label could demand any amount of memory. The limit
# is this number of classes or the number of pixels, whichever is larger.
_MOST_CLASSES = 10

_TOO_MANY_PIXELS = 2**31

# Rows processed at once.
_BLOCK = 4096


def three_pairs(announced: Sequence[Announced]) -> tuple[Labelled, Labelled, Labelled]:
    """The images and labels for training, validation and test, read-only.

    Parameters
    ----------
    announced : sequence of Announced
        Images and labels for training, for validation (optional: by default the last sixth of the training data), and for test.
        Images have shape (n, ...): grey levels from 0 to 255 as integers or floats, or floats from 0 to 1. If all integers are
        0 or 1, they stand for black and white. Labels have shape (n,) or (n, 1), or are unit vectors of shape (n, classes).

    Returns
    -------
    training, validation, test : tuple of numpy.ndarray
        Images of shape (n, pixels): uint8 grey levels if all are whole, else float32 from 0 to 1. Labels: int64 of shape (n,).

    Raises
    ------
    ValueError
        If images or labels are invalid, their numbers differ, or images have different shapes.
    """
    images, labels = announced[::2], announced[1::2]
    for x, y in zip(images, labels, strict=True):
        if len(x.shape) < 2 or x.dtype.kind not in "fiub":
            raise ValueError(f"{x.name} must hold images, of shape (n, ...), not {x.dtype} of shape {x.shape}")
        if not y.shape or y.dtype.kind not in "fiub":
            raise ValueError(f"{y.name} must hold labels, of shape (n,), not {y.dtype} of shape {y.shape}")
        if x.shape[0] != y.shape[0]:
            raise ValueError(f"{x.name} announces {x.shape[0]} images, but {y.name} announces {y.shape[0]} labels")
        if x.shape[1:] != images[0].shape[1:]:
            raise ValueError(f"{x.name} has images of shape {x.shape[1:]}, but {images[0].name} of {images[0].shape[1:]}")
    pixels = math.prod(images[0].shape[1:])
    if not 0 < pixels < _TOO_MANY_PIXELS:
        raise ValueError(f"{images[0].name} has images of {pixels} pixels")
    digits = [_labels(y, pixels) for y in labels]  # first, because they are small
    inputs = _inputs([x.name for x in images], [x.read().reshape(x.shape[0], pixels) for x in images])
    training, *others = zip(inputs, digits, strict=True)
    if len(others) == 1:
        cut = len(training[0]) - len(training[0]) // _VALIDATION_PART
        others.insert(0, (training[0][cut:], training[1][cut:]))
        training = training[0][:cut], training[1][:cut]
    return training, others[0], others[1]


def _labels(announced: Announced, pixels: int) -> np.ndarray:
    """The labels as int64 of shape (n,)."""
    y, classes = announced.read(), max(_MOST_CLASSES, pixels)
    y = y.reshape(len(y), math.prod(y.shape[1:]))
    if y.shape[1] == 1:
        least, most = (y.min(), y.max()) if len(y) else (0, 0)
        if not 0 <= least <= most < classes or (y.dtype.kind == "f" and (y != np.floor(y)).any()):
            raise ValueError(
                f"{announced.name} must have labels from 0 to {classes - 1} for {pixels} pixels, not from {least} to {most}"
            )
        return y[:, 0].astype(np.int64)
    if y.shape[1] > classes or not ((y == 0) | (y == 1)).all() or not (y.sum(axis=1) == 1).all():
        raise ValueError(
            f"{announced.name} must have labels or unit vectors, one for each image, not vectors of shape {y.shape}"
        )
    return y.argmax(axis=1).astype(np.int64)


def _inputs(names: list[str], arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The images as uint8 grey levels or as float32 from 0 to 1."""
    ranges = [(float(x.min(initial=0)), float(x.max(initial=0))) for x in arrays]
    for name, (least, most) in zip(names, ranges, strict=True):
        if not 0 <= least <= most <= 255:  # NaN fails this too
            raise ValueError(f"{name} must have pixels from 0 to 1 or from 0 to 255, not from {least} to {most}")
    most = max(most for _, most in ranges)
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
