"""What the pictures have in common: colours, sizes, and a network's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nndl_ext._core.book import BookNetwork, Data
from nndl_ext._core.dataset import Dataset
from nndl_ext._core.functions import classes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind people tell apart: blue, vermilion, green, purple, orange, sky blue, black.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKED = COLOURS[1]
MARKERS = ("o", "s", "^", "D", "v", "P")  # for print without colours
GREY = "#666666"

WIDTH = 7.0  # inches: what a notebook shows without scaling


def axes_or_new(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes that were given, or those of a new figure of so many inches."""
    if ax is not None:
        return ax
    from matplotlib import pyplot  # which looks for a window system

    return pyplot.subplots(figsize=size, layout="compressed")[1]


def answers(net: BookNetwork, data: Data) -> tuple[Dataset, np.ndarray, np.ndarray, np.ndarray]:
    """A data set, a network's outputs for it, the samples' classes, and those that the network puts them into."""
    pairs = net._checked(data, "data")
    outputs, classes = net._outputs(pairs), pairs.classes(net.sizes[-1], "data")
    return pairs, outputs, classes.astype(np.int64), classes_of(outputs)
