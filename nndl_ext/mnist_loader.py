"""The book's ``mnist_loader.py``: MNIST, from the files in this package or from the reader's own.

A path may name

- a folder with the four files of MNIST or of a set distributed like it, as Fashion-MNIST, EMNIST, KMNIST and Kuzushiji-49 are:
  IDX files under any of their usual names, compressed by gzip or not, or ``.npz`` as KMNIST has them. A folder of torchvision
  will do. If there are several sets, the path ends with the beginning of the names of one: ``"gzip/emnist-letters"``;
- a ``.npz`` with arrays named as those of Keras, ``x_train`` and so on, or of MedMNIST, ``train_images`` and so on;
- the book's ``mnist.pkl.gz``, or the ``mnist_expanded.pkl.gz`` that its ``expand_mnist.py`` writes.

EMNIST's files hold images with rows and columns exchanged, and letters labelled from 1 to 26. Here images are upright, A is 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from nndl_ext._core.dataset import Dataset, Sample
from nndl_ext._core.validation import integer
from nndl_ext._files import folders, idx
from nndl_ext._files.contents import Announced, Content
from nndl_ext._files.disk import AnyPath, npz_announced, raw
from nndl_ext._files.kinds import kind
from nndl_ext._files.samples import Arrays, three_pairs

if TYPE_CHECKING:
    from pathlib import Path

# How Keras and MedMNIST, and others like them, name the arrays of a ``.npz``: for training, validation and test.
_NPZ_NAMES = (
    (("x_train", "y_train"), ("x_val", "y_val"), ("x_test", "y_test")),
    (("train_images", "train_labels"), ("val_images", "val_labels"), ("test_images", "test_labels")),
    (("training_images", "training_labels"), ("validation_images", "validation_labels"), ("test_images", "test_labels")),
)

# What the grey levels in an image file stand for.
_SHADES = np.arange(256, dtype=np.float32) / 256


def load_data(path: AnyPath | None = None) -> tuple[Arrays, Arrays, Arrays]:
    """The images and labels as arrays.

    Parameters
    ----------
    path : str or path-like, optional
        A folder, a ``.npz`` or a pickle, as above. By default the MNIST of this package.

    Returns
    -------
    training_data, validation_data, test_data : tuple of numpy.ndarray
        Each a pair: the images, float32 of shape (n, pixels); and their labels, int64 of shape (n,). MNIST has 50,000, 10,000
        and 10,000 of 784 pixels. If a set has no validation data, the last sixth of the training data are taken for that.
        Pixels are grey level / 256, from 0 to 255/256, for integers and for floats up to 255. Floats from 0 to 1 stay as they
        are; if all integers are 0 or 1, they are black and white. Colour images have each of their colours as a pixel. Labels
        may be stored as unit vectors.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or a folder lacks one of the four.
    ValueError
        If a file is not what it should be, or does not fit the others, or a label is neither below ten nor below the number of
        pixels, or a folder holds several sets.

    Examples
    --------
    >>> (x, digits), validation_data, test_data = load_data()
    >>> x.shape, x.dtype.name, digits[:5].tolist()
    ((50000, 784), 'float32', [5, 0, 4, 1, 9])
    """
    return tuple((np.take(_SHADES, x) if x.dtype == np.uint8 else x.copy(), y.copy()) for x, y in _load(path))  # type: ignore[return-value]


def load_data_wrapper(path: AnyPath | None = None) -> tuple[list[Sample], list[Sample], list[Sample]]:
    """The data as the network takes them: the book's lists of pairs.

    Parameters
    ----------
    path : str or path-like, optional
        As for `load_data`.

    Returns
    -------
    training_data, validation_data, test_data : list
        Pairs (x, y) of an image, a column of shape (pixels, 1), and its digit: in the training data as a unit vector of shape
        (classes, 1), in the others as an integer. The lists may be changed at will; the columns are read-only. A pair makes
        them whenever it is looked at, so 70,000 of them take little memory, and `nndl_ext.Dataset.from_pairs` gives the arrays
        behind a list.

    Raises
    ------
    FileNotFoundError, ValueError
        As for `load_data`.

    Examples
    --------
    >>> training_data, validation_data, test_data = load_data_wrapper()
    >>> len(training_data), len(validation_data), len(test_data)
    (50000, 10000, 10000)
    >>> image, answer = training_data[0]
    >>> image.shape, answer.ravel().tolist()
    ((784, 1), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    """
    (x, digits), *others = _load(path)
    classes = max(10, 1 + max(int(labels.max(initial=0)) for _, labels in ((x, digits), *others)))
    desired_outputs = np.zeros((len(digits), classes))
    desired_outputs[np.arange(len(digits)), digits] = 1.0
    training, validation, test = (
        list(Dataset(images, y, palette=_SHADES if images.dtype == np.uint8 else None))
        for images, y in ((x, desired_outputs), *others)
    )
    return training, validation, test


def vectorized_result(j: int, classes: int = 10) -> np.ndarray:
    """The desired output for a digit.

    Parameters
    ----------
    j : int
        The digit, from 0 to ``classes - 1``.
    classes : int, default 10
        The number of outputs.

    Returns
    -------
    numpy.ndarray
        float64 of shape (classes, 1): 1.0 in row j, 0.0 elsewhere.

    Raises
    ------
    TypeError, ValueError
        If ``j`` or ``classes`` is not an integer, or there is no row j.

    Examples
    --------
    >>> vectorized_result(2, classes=4).ravel().tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    row, rows = integer(j, "j"), integer(classes, "classes", least=1)
    if not 0 <= row < rows:
        raise ValueError(f"j must be from 0 to {rows - 1}, not {row}")
    e = np.zeros((rows, 1))
    e[row] = 1.0
    return e


def load_images(path: AnyPath | Iterable[AnyPath]) -> np.ndarray:
    """Pictures of digits, made what MNIST's are, ready for `Network.feedforward`.

    Parameters
    ----------
    path : str or path-like, or an iterable of them
        PNG, JPEG, GIF, BMP, TIFF or WebP: an image; a folder or a zip, of which all images are taken, sorted by name; or
        several of these.

    Returns
    -------
    numpy.ndarray
        float32 of shape (784, n): a column for each image, grey level / 256, from 0 to 255/256, white on black.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If Pillow is not installed: the extra ``images`` brings it.
    ValueError
        If a file is no image, or a broken or too large one, or its pixels are all alike; or there are no images.

    Notes
    -----
    An image is turned as its camera noted, laid on white where it is transparent, and made grey. If its border is light, black
    and white are exchanged. Otsu's threshold parts the digit from the background, so paper may be grey and a little uneven. The
    digit is scaled to fit 20 x 20 pixels, and its centre of mass comes to the middle of 28 x 28. Of several images in one file
    the first is taken; of several digits in one image a single digit is made.

    Examples
    --------
    >>> from PIL import Image, ImageDraw
    >>> paper = Image.new("L", (200, 300), color=235)
    >>> ImageDraw.Draw(paper).line([(100, 60), (100, 250)], fill=30, width=18)
    >>> paper.save("one.png")
    >>> load_images("one.png").shape
    (784, 1)
    """
    from nndl_ext._files import images  # which needs Pillow

    return np.take(_SHADES, images.read(path))


def _load(path: AnyPath | None) -> tuple[Arrays, Arrays, Arrays]:
    """The three pairs of images and labels, read-only: grey levels, of type uint8, or float32."""
    from importlib.resources import files  # these two take longer to import than all the rest but NumPy
    from pathlib import Path

    source = files("nndl_ext.data") if path is None else Path(path)
    if isinstance(source, Path) and source.exists() and not source.is_dir():
        return three_pairs(_announced(source))
    return three_pairs(folders.announced(source))


def _announced(path: Path) -> list[Announced]:
    """The arrays of a file that holds a whole data set."""
    data = raw(path)
    if data[:2] == b"PK":
        return _of_npz(npz_announced(data, str(path)), path)
    content = Content(data, str(path))
    found = "a single IDX file" if idx.is_idx(content.beginning) else kind(content.beginning)
    if found:
        raise ValueError(f"{path} is {found}; a data set is a folder of four IDX files, a .npz or the book's pickle")
    from nndl_ext._files import pickles  # which takes long to import, and is rarely needed

    return pickles.announced(content)


def _of_npz(arrays: dict[str, Announced], path: Path) -> list[Announced]:
    layout = max(_NPZ_NAMES, key=lambda names: sum(name in arrays for pair in names for name in pair))
    wanted = [pair for pair in layout if pair is not layout[1] or pair[0] in arrays]
    missing = sorted(name for pair in wanted for name in pair if name not in arrays)
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; it has {', '.join(sorted(arrays)[:10]) or 'no arrays'}")
    return [arrays[name] for pair in wanted for name in pair]
