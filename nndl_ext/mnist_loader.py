"""The book's ``mnist_loader.py``: loads MNIST from this package, or other data sets from files.

A path may name one of these:

- a folder with the four files of MNIST, or of a set distributed in the same way, such as Fashion-MNIST, EMNIST, KMNIST and
  Kuzushiji-49: IDX files under any of their usual names, with or without gzip, or KMNIST's ``.npz`` files. A folder made by
  torchvision works too. If it holds several sets, add the beginning of one set's file names: ``"gzip/emnist-letters"``;
- a table in CSV, such as Kaggle's ``train.csv``, or in ARFF, or a folder of such tables;
- a folder of images with a folder for each class (the extra ``images``);
- parquet from Hugging Face, svmlight's or LIBSVM's text, MATLAB's files, or HDF5 (the extra ``formats``);
- a ``.npz`` file with arrays named as Keras names them (``x_train`` and so on) or MedMNIST (``train_images`` and so on);
- the book's ``mnist.pkl.gz``, or the ``mnist_expanded.pkl.gz`` that its ``expand_mnist.py`` writes.

EMNIST's IDX files store images transposed and label letters from 1 to 26. The functions turn such images, and A has label 0.
EMNIST's tables in CSV do not say that they are transposed, and are not turned.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nndl_ext._checks import file_path, integer
from nndl_ext._data.dataset import Dataset, Sample
from nndl_ext._data.inputs import locked
from nndl_ext._files import sets
from nndl_ext._files.disk import AnyPath
from nndl_ext._files.samples import Labelled, Samples, samples

__all__ = ["load_data", "load_data_wrapper", "load_images", "vectorized_result"]


def __dir__() -> list[str]:
    return __all__


# The pixel value for each grey level in an image file.
_SHADES = locked(np.arange(256, dtype=np.float32) / 256)


def load_data(path: AnyPath | None = None) -> tuple[Labelled, Labelled, Labelled]:
    """Load images and labels as arrays.

    Parameters
    ----------
    path : str or path-like, optional
        A file or a folder, as described above. By default the MNIST in this package.

    Returns
    -------
    training_data, validation_data, test_data : tuple of numpy.ndarray
        Three pairs of images, float32 of shape (n, pixels), and labels, int64 of shape (n,). MNIST has 50,000, 10,000 and
        10,000 images of 784 pixels. If a set has no validation data, a sixth of its training data is used; if it has no test
        data, first a seventh of all. These are the last ones, or evenly spaced ones if the labels are sorted. If an image may
        have several labels, as in ChestMNIST, these are zeros and ones, float64 of shape (n, classes).

    Raises
    ------
    FileNotFoundError
        If there is no such file, or a folder lacks a part of a set.
    ImportError
        If a library is missing that reads such a file. The message names the extra that installs it.
    ValueError
        If a file is invalid or does not fit the others, a label is neither below ten nor below the number of pixels, or a
        folder holds several sets.

    Notes
    -----
    A pixel is grey level / 256, from 0 to 255/256, both for integers and for floats up to 255. Floats from 0 or
    -1 to 1 are not changed. If all integers are 0 or 1, they stand for black and white. In colour images each colour channel
    counts as a pixel. The file may store labels as unit vectors. Names of classes become labels from 0, in alphabetical order
    or that of the file; so do numbers from 1 without a gap, and -1 beside 1.

    Examples
    --------
    >>> (x, digits), validation_data, test_data = load_data()
    >>> x.shape, x.dtype.name, digits[:5].tolist()
    ((50000, 784), 'float32', [5, 0, 4, 1, 9])
    """
    return tuple((np.take(_SHADES, x) if x.dtype == np.uint8 else x.copy(), y.copy()) for x, y in _load(path)[:3])  # type: ignore[return-value]


def load_data_wrapper(path: AnyPath | None = None) -> tuple[list[Sample], list[Sample], list[Sample]]:
    """Load the data as the book's lists of pairs, ready for training.

    Parameters
    ----------
    path : str or path-like, optional
        As for `load_data`.

    Returns
    -------
    training_data, validation_data, test_data : list
        Pairs (x, y) of an image, float32 of shape (pixels, 1), and its digit: a unit vector of shape (classes, 1) in the
        training data, an integer in the others. Where an image may have several labels, each y has zeros and ones. You may
        change the lists; the arrays are read-only. A pair makes its arrays each time it is read, so 70,000 pairs take little
        memory. `nndl_ext.Dataset.from_pairs` gives the arrays behind a list, and the names of classes if these have any.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
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
    loaded = _load(path)
    return (
        _pairs(loaded.training[0], _desired_outputs(loaded), loaded.classes),
        _pairs(*loaded.validation, loaded.classes),
        _pairs(*loaded.test, loaded.classes),
    )


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
    """Load your own pictures of digits in MNIST's form, ready for `Network.feedforward`.

    Parameters
    ----------
    path : str or path-like, or an iterable of them
        An image (PNG, JPEG, GIF, BMP, TIFF or WebP); a folder or zip file, for all images in it, sorted by name; or several of
        these.

    Returns
    -------
    numpy.ndarray
        float32 of shape (784, n): a column for each image, grey level / 256, from 0 to 255/256, white on black.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If Pillow is not installed. The extra ``images`` installs it.
    TypeError, ValueError
        If a path is none or empty; a file is not an image, is damaged or too large, or all its pixels are equal; or if there
        are no images.

    Notes
    -----
    An image is rotated as its camera recorded, transparent parts become white, and colours become grey. If the border is light,
    the image is inverted. Otsu's threshold separates the digit from the background, so paper may be grey and a little uneven.
    The digit is scaled to fit 20 x 20 pixels, and its centre of mass is moved to the centre of 28 x 28. Only the first image of
    a file is read. Several digits in one image are treated as one.

    Examples
    --------
    >>> from PIL import Image, ImageDraw
    >>> paper = Image.new("L", (200, 300), color=235)
    >>> ImageDraw.Draw(paper).line([(100, 60), (100, 250)], fill=30, width=18)
    >>> paper.save("one.png")
    >>> load_images("one.png").shape
    (784, 1)
    """
    from nndl_ext._files import images  # needs Pillow

    return np.take(_SHADES, images.read(path))


def _load(path: AnyPath | None) -> Samples:
    """The data set, read-only. Images are uint8 grey levels or float32."""
    from importlib.resources import files  # these two take longer to import than everything else but NumPy
    from pathlib import Path

    return samples(sets.announced(files("nndl_ext.data") if path is None else Path(file_path(path))))


def _pairs(x: np.ndarray, y: np.ndarray, class_names: tuple[str, ...]) -> list[Sample]:
    """The book's list of pairs."""
    palette = _SHADES if x.dtype == np.uint8 else None
    return list(Dataset(locked(x), locked(y), palette=palette, class_names=class_names))


def _desired_outputs(loaded: Samples) -> np.ndarray:
    """The desired outputs of the training data: a unit vector for each label."""
    y = loaded.training[1]
    if y.ndim == 2:
        return y
    largest = max(int(labels.max(initial=0)) for _, labels in loaded[:3])
    desired_outputs = np.zeros((len(y), len(loaded.classes) or max(10, 1 + largest)))
    desired_outputs[np.arange(len(y)), y] = 1.0
    return desired_outputs
