"""Artificial expansion of the training data: several copies of each sample, made when they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nndl_ext._checks import integer, shaped
from nndl_ext._data.dataset import Dataset
from nndl_ext._data.inputs import locked, numbers_of

# Samples made at once: some megabytes of images.
_AT_ONCE = 4096


class Augmentation(Protocol):
    """Copies of each sample, every one used once in an epoch."""

    @property
    def copies(self) -> int:
        """The number of copies of each sample."""

    def images(self, x: np.ndarray, copy: int) -> Any:
        """One of the copies, from 0 to ``copies - 1``, of inputs of shape (m, inputs)."""


@dataclass(frozen=True)
class Shifts:
    """Shifted copies of each image, by default one unchanged and four shifted by a pixel (the book's ``expand_mnist.py``).

    Parameters
    ----------
    shape : tuple of int, default (28, 28)
        The number of rows and columns of an image, each at least 1.
    steps : sequence of tuple of int, optional
        For each copy, by how many rows to shift it down and by how many columns to the right. New pixels are 0.

    Raises
    ------
    TypeError, ValueError
        If ``shape`` or ``steps`` has another form, or a shift is as large as the image.

    Examples
    --------
    >>> import numpy as np
    >>> shifts = Shifts((2, 2))
    >>> shifts.copies, shifts.images(np.array([[1, 2, 3, 4]]), copy=1).tolist()  # a row down
    (5, [[0, 0, 1, 2]])
    """

    shape: tuple[int, int] = (28, 28)
    steps: Sequence[tuple[int, int]] = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))

    def __post_init__(self) -> None:
        if not isinstance(self.steps, Iterable):
            raise TypeError(f"steps must be pairs of integers, not {self.steps!r}")
        for name, pairs in (("shape", [self.shape]), ("steps", [*self.steps])):
            if not pairs or any(np.shape(pair) != (2,) for pair in pairs):
                raise ValueError(
                    f"{name} must be {'pairs' if name == 'steps' else 'a pair'} of integers, not {getattr(self, name)!r}"
                )
        height, width = (integer(size, "shape", least=1) for size in self.shape)
        for down, right in self.steps:
            integer(down, "steps", 1 - height, height - 1)
            integer(right, "steps", 1 - width, width - 1)

    @property
    def copies(self) -> int:
        """The number of copies of each image."""
        return len(self.steps)

    def images(self, x: np.ndarray, copy: int) -> np.ndarray:
        """Shift images by one of the steps.

        Parameters
        ----------
        x : numpy.ndarray
            Shape (m, rows * columns).
        copy : int
            The index of the step.

        Returns
        -------
        numpy.ndarray
            The shape and dtype of ``x``.

        Raises
        ------
        ValueError
            If the images have another number of pixels.
        """
        (height, width), (down, right) = self.shape, self.steps[copy]
        if x.shape[1] != height * width:
            raise ValueError(
                f"images of shape {self.shape} have {height * width} pixels, but the data have {x.shape[1]} inputs"
            )
        shifted = np.zeros((len(x), height, width), x.dtype)
        rows, columns = (
            (slice(max(step, 0), size + min(step, 0)), slice(max(-step, 0), size - max(step, 0)))
            for step, size in ((down, height), (right, width))
        )
        shifted[:, rows[0], columns[0]] = x.reshape(shifted.shape)[:, rows[1], columns[1]]
        return shifted.reshape(x.shape)


def parts(augment: Augmentation, data: Dataset, order: np.ndarray, size: int) -> Iterator[Dataset]:
    """Data sets of whole mini-batches of ``size`` samples. In ``order``, i, i + n, ... are the copies of sample i of n."""
    step = max(_AT_ONCE // size, 1) * size
    for start in range(0, len(order), step):
        copies, samples = np.divmod(order[start : start + step], len(data))
        part = data._take(samples)
        given = part.x if isinstance(part.x, np.ndarray) else part.x.toarray()
        x = np.empty_like(given)
        for copy in np.unique(copies).tolist():
            chosen = copies == copy
            x[chosen] = shaped(augment.images(given[chosen], copy), given[chosen].shape, "what augment.images returns")
        yield Dataset.of(numbers_of(locked(x)), part.y)


def copies_of(augment: Augmentation | None) -> int:
    """The number of copies of each sample in an epoch."""
    if augment is None:
        return 1
    if not callable(getattr(augment, "images", None)) or not hasattr(augment, "copies"):
        raise TypeError(f"augment must have copies and images(x, copy), as Shifts has, not {augment!r}")
    return integer(augment.copies, "augment.copies", least=1)
