"""Images in a grid: digits, misclassified digits, and the weights of a layer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from nndl_ext._book.base import BookNetwork, Data
from nndl_ext._checks import integer, real_array
from nndl_ext._data.dataset import Dataset
from nndl_ext.plot._style import MARKED, WIDTH, answers, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

_IN_A_ROW = 10


def digits(data: Data, guesses: ArrayLike | None = None, *, most: int = 50, ax: Axes | None = None) -> Axes:
    """Draw the images of a data set in a grid, each below its label.

    Parameters
    ----------
    data : Dataset or iterable of tuple
        Pairs (x, y): x is a square grey image, y a label or a unit vector.
    guesses : array_like of int, optional
        A network's answer for each pair. An image is framed, and its guess shown, where the guess differs from the label.
    most : int, default 50
        The largest number of images to draw, at least 1. The first ones are drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If there are no pairs, the images are not square, or the number of guesses differs from that of pairs.

    Examples
    --------
    >>> from nndl_ext import mnist_loader, plot
    >>> training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
    >>> ax = plot.digits(test_data[:30])
    """
    pairs = Dataset.from_pairs(data)
    if not pairs:
        raise ValueError("data must hold at least one pair (x, y)")
    count = min(integer(most, "most", least=1), len(pairs))
    labels = pairs.y if pairs.y.ndim == 1 else pairs.classes(pairs.y.shape[1], "data")
    names, wrong = [str(int(label)) for label in labels[:count]], np.zeros(count, bool)
    if guesses is not None:
        guessed = real_array(guesses, "guesses")
        if guessed.shape != (len(pairs),):
            raise ValueError(f"guesses must have shape ({len(pairs)},), one for each pair, not {guessed.shape}")
        wrong = guessed[:count] != labels[:count]
        names = [
            f"{name} → {int(guess)}" if differs else name for name, guess, differs in zip(names, guessed, wrong, strict=False)
        ]
    images = _images(pairs[:count])
    ax = _mosaic(images, ax, names, wrong)
    if guesses is not None:
        ax.set_title(f"Label → guess where they differ: {np.count_nonzero(wrong)} of {count}", fontsize=10)
    return ax


def misclassified(net: BookNetwork, data: Data, *, most: int = 30, ax: Axes | None = None) -> Axes:
    """Draw the images that a network misclassifies, those with the largest outputs first.

    Parameters
    ----------
    net : Network
        One of the book's networks.
    data : Dataset or iterable of tuple
        Pairs (x, y): x is a square grey image, y a label or a unit vector.
    most : int, default 30
        The largest number of images to draw, at least 1.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If the data do not fit the network, or the images are not square.

    Examples
    --------
    >>> from nndl_ext import Network, mnist_loader, plot
    >>> training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
    >>> net = Network([784, 30, 10], seed=0)
    >>> ax = plot.misclassified(net, test_data, most=20)
    """
    pairs, outputs, classes, guesses = answers(net, data)
    (wrong,) = np.nonzero(guesses != classes)
    surest = wrong[np.argsort(-outputs.max(axis=1)[wrong], kind="stable")][: integer(most, "most", least=1)]
    names = [f"{net._class_name(classes[i])} → {net._class_name(guesses[i])}" for i in surest]
    images = _images(pairs)[surest] if len(surest) else np.empty((0, 1, 1))
    ax = _mosaic(images, ax, names, np.zeros(len(surest), bool))
    shown = "" if len(surest) == len(wrong) else f"; the {len(surest)} with the surest answers"
    ax.set_title(f"{len(wrong):,} of {len(pairs):,} wrong{shown}: label → guess", fontsize=10)
    return ax


def weights(net: BookNetwork, layer: int = 0, *, most: int = 50, ax: Axes | None = None) -> Axes:
    """Draw the weights of a layer: an image for each neuron if its inputs form a square, else one matrix.

    Parameters
    ----------
    net : Network
        One of the book's networks.
    layer : int, default 0
        The index in ``net.weights``: 0 for the weights between the inputs and the first hidden layer.
    most : int, default 50
        The largest number of images to draw, at least 1. The first neurons are drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If there is no such layer, or a weight is infinite or NaN.

    Examples
    --------
    >>> from nndl_ext import Network, plot
    >>> ax = plot.weights(Network([784, 30, 10], seed=0))
    """
    number = integer(layer, "layer", least=0, most=len(net.sizes) - 2)
    own = net._model.parameters
    matrix = np.array(own.views()[1][number], np.float64)
    strongest = float(np.quantile(np.abs(matrix), 0.995)) or 1.0  # the maximum may be an outlier that leaves the others pale
    side = math.isqrt(matrix.shape[1])
    colours: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -strongest, "vmax": strongest}
    if side >= 4 and side * side == matrix.shape[1]:
        shown = matrix[: integer(most, "most", least=1)]
        ax = _mosaic(shown.reshape(-1, side, side), ax, [str(i) for i in range(len(shown))], **colours)
    else:
        ax = axes_or_new(ax, (WIDTH, max(2.0, min(6.0, WIDTH * len(matrix) / matrix.shape[1]))))
        ax.imshow(matrix, aspect="auto", interpolation="nearest", **colours)
        ax.set(xlabel=f"neuron of {_layer_name(net, number)}", ylabel=f"neuron of {_layer_name(net, number + 1)}")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
    ax.set_title(f"Weights from {_layer_name(net, number)} to {_layer_name(net, number + 1)}", fontsize=10)
    ax.figure.colorbar(ax.images[0], ax=ax, fraction=0.03, shrink=0.8, extend="both", label="weight")
    return ax


def _layer_name(net: BookNetwork, layer: int) -> str:
    last = len(net.sizes) - 1
    if layer in (0, last):
        return "the outputs" if layer else "the inputs"
    return "the hidden layer" if last == 2 else f"hidden layer {layer}"


def _images(pairs: Dataset) -> np.ndarray:
    """The inputs as square images."""
    x: Any = pairs.x
    side = math.isqrt(pairs.inputs)
    if side * side != pairs.inputs:
        raise ValueError(f"data must hold square images, not images of {pairs.inputs} pixels")
    return (x if isinstance(x, np.ndarray) else x.toarray()).reshape(-1, side, side)


def _mosaic(images: np.ndarray, ax: Axes | None, names: Sequence[str], framed: Iterable[bool] = (), **colours: Any) -> Axes:
    """Draw images in rows of ten, each below its name. The gaps stay transparent."""
    side, columns = images.shape[1], min(_IN_A_ROW, max(1, len(images)))
    rows = max(1, math.ceil(len(images) / columns))
    gap, head = max(1, side // 8), max(2, side * 3 // 8)
    mosaic = np.full((rows * (side + head), columns * (side + gap) - gap), np.nan)
    width = WIDTH * columns / _IN_A_ROW
    ax = axes_or_new(ax, (max(width, 3.0), max(0.6, width * len(mosaic) / max(1, mosaic.shape[1]) + 0.4)))
    ax.set_axis_off()
    for i, (image, name) in enumerate(zip(images, names, strict=True)):
        top, left = i // columns * (side + head) + head, i % columns * (side + gap)
        mosaic[top : top + side, left : left + side] = image
        ax.text(left + side / 2, top - side / 14, name, ha="center", va="bottom", fontsize=8)
    ax.imshow(mosaic, **({"cmap": "gray_r"} | colours), interpolation="nearest")
    for i in np.flatnonzero(np.fromiter(framed, bool)).tolist():
        corner = (i % columns * (side + gap) - 0.5, i // columns * (side + head) + head - 0.5)
        ax.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=MARKED, linewidth=1.6, clip_on=False))
    return ax
