"""More training data out of those there are: each sample in several forms, made when a mini-batch needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nndl_ext._core.dataset import Dataset
from nndl_ext._core.validation import integer, shaped

# Samples that are made at once: some megabytes of images.
_AT_ONCE = 4096


class Augmentation(Protocol):
    """Forms in which each sample is trained on, once in an epoch."""

    @property
    def copies(self) -> int:
        """How many there are."""

    def images(self, x: np.ndarray, copy: int) -> Any:
        """Inputs of shape (m, inputs) in one of the forms, a number from 0 to below ``copies``."""


@dataclass(frozen=True)
class Shifts:
    """Images as they are and shifted by a pixel up, down, left and right: five times the data (the book's ``expand_mnist.py``).

    Parameters
    ----------
    shape : tuple of int, default (28, 28)
        Rows and columns of an image.
    steps : sequence of tuple of int, optional
        Rows down and columns to the right, for each form. What comes in at the border is 0.

    Raises
    ------
    TypeError, ValueError
        If these are no such numbers, or an image is shifted out of itself.

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
        for name, pairs in (("shape", [self.shape]), ("steps", [*self.steps])):
            if not pairs or any(len(pair) != 2 for pair in pairs):
                raise ValueError(
                    f"{name} must be {'pairs' if name == 'steps' else 'a pair'} of integers, not {getattr(self, name)}"
                )
        height, width = (integer(size, "shape", least=1) for size in self.shape)
        for down, right in self.steps:
            integer(down, "steps", 1 - height, height - 1)
            integer(right, "steps", 1 - width, width - 1)

    @property
    def copies(self) -> int:
        """How many forms of an image there are."""
        return len(self.steps)

    def images(self, x: np.ndarray, copy: int) -> np.ndarray:
        """Images of shape (m, rows * columns), shifted by one of the steps."""
        (height, width), (down, right) = self.shape, self.steps[copy]
        if x.shape[1] != height * width:
            raise ValueError(f"images of shape {self.shape} are {height * width} inputs, but the data have {x.shape[1]}")
        shifted = np.zeros((len(x), height, width), x.dtype)
        rows, columns = (
            (slice(max(step, 0), size + min(step, 0)), slice(max(-step, 0), size - max(step, 0)))
            for step, size in ((down, height), (right, width))
        )
        shifted[:, rows[0], columns[0]] = x.reshape(shifted.shape)[:, rows[1], columns[1]]
        return shifted.reshape(x.shape)


def parts(augment: Augmentation, data: Dataset, order: np.ndarray, size: int) -> Iterator[Dataset]:
    """The samples in an order in which sample i of a data set is i, i + n and so on in the several forms: whole mini-batches of
    so many samples."""
    step = max(_AT_ONCE // size, 1) * size
    for start in range(0, len(order), step):
        copies, samples = np.divmod(order[start : start + step], len(data))
        part = data._take(samples)
        given = part.x if isinstance(part.x, np.ndarray) else part.x.toarray()
        x = np.empty_like(given)
        for copy in np.unique(copies).tolist():
            chosen = copies == copy
            x[chosen] = shaped(augment.images(given[chosen], copy), given[chosen].shape, "what augment.images returns")
        x.flags.writeable = False
        yield Dataset(x, part.y)


def copies_of(augment: Augmentation | None) -> int:
    """In how many forms each sample is trained on."""
    if augment is None:
        return 1
    if not callable(getattr(augment, "images", None)) or not hasattr(augment, "copies"):
        raise TypeError(f"augment must have copies and images(x, copy), as Shifts has, not {augment!r}")
    return integer(augment.copies, "augment.copies", least=1)
