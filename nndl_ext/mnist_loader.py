"""The book's ``mnist_loader.py``: MNIST, from the files in this package or from the reader's own.

A path may name a folder with the four IDX files of MNIST or of a data set distributed like it, each compressed by gzip or not;
the book's ``mnist.pkl.gz``; or ``mnist.npz`` as Keras distributes it.
"""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zlib
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nndl_ext.dataset import Dataset

Arrays = tuple[np.ndarray, np.ndarray]
if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

AnyPath = str | PathLike[str]

# The book's split: of the 60,000 training images the last 10,000 are for validation.
_VALIDATION_PART = 6


def load_data(path: AnyPath | None = None) -> tuple[Arrays, Arrays, Arrays]:
    """The images and labels as arrays.

    Parameters
    ----------
    path : str or path-like, optional
        A folder of IDX files, the book's pickle, or Keras' ``mnist.npz``. By default the MNIST of this package.

    Returns
    -------
    training_data, validation_data, test_data : tuple of numpy.ndarray
        Each a pair: the images, float32 of shape (n, pixels), grey level / 256, from 0 to 255/256; and their labels, int64 of
        shape (n,). MNIST has 50,000, 10,000 and 10,000 of 784 pixels; of another set the last sixth of the training images is
        for validation. The book's pickle is taken as it is.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or a folder lacks one of the four.
    ValueError
        If a file is not what it should be.
    """
    from importlib.resources import files  # these two take longer to import than all the rest but NumPy
    from pathlib import Path

    source = files("nndl_ext.data") if path is None else Path(path)
    if isinstance(source, Path) and not source.is_dir():
        return _load_npz(source) if source.suffix == ".npz" else _load_pickle(source)
    images, labels = (_load_idx(source, f"train-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    test = tuple(_load_idx(source, f"t10k-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    return _split(images, labels, *test)


def load_data_wrapper(path: AnyPath | None = None) -> tuple[Dataset, Dataset, Dataset]:
    """The data as the network takes them.

    Parameters
    ----------
    path : str or path-like, optional
        As for `load_data`.

    Returns
    -------
    training_data, validation_data, test_data : Dataset
        Pairs (x, y) of an image, a column of shape (pixels, 1), and its digit: in the training data as a unit vector of shape
        (classes, 1), in the others as an integer.

    Raises
    ------
    FileNotFoundError, ValueError
        As for `load_data`.
    """
    (x, digits), validation, test = load_data(path)
    classes = max(10, 1 + max(int(labels.max(initial=0)) for labels in (digits, validation[1], test[1])))
    training = (x, np.eye(classes)[digits])
    for array in (*training, *validation, *test):
        array.flags.writeable = False  # so that the data sets need no copy
    return Dataset(*training), Dataset(*validation), Dataset(*test)


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
    ValueError
        If there is no row j.
    """
    if not 0 <= j < classes:
        raise ValueError(f"j must be from 0 to {classes - 1}, not {j}")
    e = np.zeros((classes, 1))
    e[j] = 1.0
    return e


def _split(images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray) -> Any:
    """The three pairs of `load_data` from grey levels and labels."""
    cut = len(images) - len(images) // _VALIDATION_PART
    return tuple(
        (np.divide(x.reshape(len(x), -1), np.float32(256), dtype=np.float32), y.astype(np.int64))
        for x, y in ((images[:cut], labels[:cut]), (images[cut:], labels[cut:]), (test_images, test_labels))
    )


def _content(file: Traversable) -> bytes:
    """What a file holds, decompressed if gzip has compressed it."""
    content = file.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{file} is a broken gzip file: {error}") from error


def _load_idx(folder: Traversable, name: str) -> np.ndarray:
    """The bytes of an IDX file in the shape that its header gives."""
    for candidate in (name, f"{name}.gz"):
        file = folder / candidate
        if file.is_file():
            break
    else:
        raise FileNotFoundError(f"{folder} has neither {name} nor {name}.gz")
    content = _content(file)
    dimensions = int(name.partition("idx")[2][0])
    header = struct.calcsize(f">{1 + dimensions}I")
    if len(content) < header or content[:4] != bytes((0, 0, 8, dimensions)):
        raise ValueError(f"{file} is not an IDX file of bytes in {dimensions} dimensions")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    data = np.frombuffer(content, np.uint8, offset=header)
    if data.size != np.prod(shape, dtype=object):
        raise ValueError(f"{file} announces {shape} bytes, but holds {data.size}")
    return data.reshape(shape)


def _load_npz(path: Path) -> tuple[Arrays, Arrays, Arrays]:
    with np.load(path, allow_pickle=False) as arrays:
        missing = {"x_train", "y_train", "x_test", "y_test"} - set(arrays)
        if missing:
            raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
        return _split(arrays["x_train"], arrays["y_train"], arrays["x_test"], arrays["y_test"])


class _ArrayUnpickler(pickle.Unpickler):
    """Builds NumPy arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _reconstruct
        if module in ("numpy.core.numeric", "numpy._core.numeric") and name == "_frombuffer":
            return _from_buffer
        if (module, name) == ("_codecs", "encode"):  # how old protocols spell bytes
            return _latin1_bytes
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, but only NumPy arrays are allowed")


def _reconstruct(subtype: type, _shape: tuple[int, ...], _typecode: bytes) -> np.ndarray:
    if subtype is not np.ndarray:
        raise pickle.UnpicklingError(f"it asks for an array of type {subtype!r}")
    return np.empty(0, np.int8)


def _from_buffer(buffer: bytes, dtype: np.dtype, shape: tuple[int, ...], order: Literal["C", "F"]) -> np.ndarray:
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


def _latin1_bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the codec {encoding!r}")
    return text.encode("latin1")


def _load_pickle(path: Path) -> tuple[Arrays, Arrays, Arrays]:
    content = _content(path)
    try:
        loaded = _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
        pairs = tuple((np.asarray(x), np.asarray(y)) for x, y in loaded)
    except Exception as error:
        raise ValueError(f"{path} is not the book's pickle: {error}") from error
    if len(pairs) != 3 or any(x.dtype.kind != "f" or y.dtype.kind not in "iu" or x.ndim != 2 for x, y in pairs):
        raise ValueError(f"{path} is not the book's pickle: it must hold three pairs of images and labels")
    return tuple((x.astype(np.float32), y.astype(np.int64)) for x, y in pairs)  # type: ignore[return-value]
