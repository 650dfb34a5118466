"""The confusion matrix of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.ticker import PercentFormatter

from nndl_ext._book.base import BookNetwork, Data
from nndl_ext.plot._style import answers, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def confusion_matrix(net: BookNetwork, data: Data, *, ax: Axes | None = None) -> Axes:
    """Draw a network's confusion matrix: a row for each label, a column for each answer.

    The colour shows the share of the row's samples, on a scale that keeps rare errors visible.

    Parameters
    ----------
    net : Network
        One of the book's networks.
    data : Dataset or iterable of tuple
        Pairs (x, y), where y is a label or a unit vector.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If the data do not fit the network.

    Examples
    --------
    >>> from nndl_ext import Network, mnist_loader, plot
    >>> training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
    >>> net = Network([784, 30, 10], seed=0)
    >>> ax = plot.confusion_matrix(net, test_data)
    """
    _, outputs, classes, guesses = answers(net, data)
    number = max(2, outputs.shape[1])
    counts = np.zeros((number, number), np.int64)
    np.add.at(counts, (classes, guesses), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax = axes_or_new(ax, (6.2, 5.4))
    image = ax.imshow(shares, cmap="Blues", norm=PowerNorm(0.4, 0, 1))
    if number <= 20:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.25 else "black"
                ax.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8 if number <= 12 else 5)
        names = [net._class_name(each) for each in range(number)]
        ax.set_xticks(range(number), names, rotation=0 if max(map(len, names)) < 4 else 90)
        ax.set_yticks(range(number), names)
    ax.set(xlabel="class found by the network", ylabel="label")
    right = int(np.count_nonzero(classes == guesses))
    ax.set_title(f"{right:,} of {len(classes):,} right ({right / len(classes):.2%})", fontsize=10)
    ax.tick_params(length=0)
    bar = ax.figure.colorbar(image, ax=ax, ticks=[0, 0.01, 0.05, 0.2, 0.5, 1], format=PercentFormatter(1, 0), fraction=0.05)
    bar.set_label("share of the label's samples")
    return ax
