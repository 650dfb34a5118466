"""What all pictures share: colours, sizes, and a network's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nndl_ext._book.base import BookNetwork, Data
from nndl_ext._data.dataset import Dataset
from nndl_ext._engine.model import classes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind people can tell apart: blue, vermilion, green, purple, orange, sky blue, black.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKED = COLOURS[1]
MARKERS = ("o", "s", "^", "D", "v", "P")  # tell lines apart in print without colours
GREY = "#666666"

WIDTH = 7.0  # inches: the widest figure that a notebook shows without scaling


def axes_or_new(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The given axes, or those of a new figure of this size in inches."""
    if ax is not None:
        return ax
    from matplotlib import pyplot  # imported late, since it looks for a window system

    return pyplot.subplots(figsize=size, layout="compressed")[1]


def answers(net: BookNetwork, data: Data) -> tuple[Dataset, np.ndarray, np.ndarray, np.ndarray]:
    """The data set, the network's outputs for it, the samples' classes, and the network's answers."""
    pairs = net._checked(data, "data")
    outputs, classes = net._outputs(pairs), pairs.classes(net.sizes[-1], "data")
    return pairs, outputs, classes.astype(np.int64), classes_of(outputs)
