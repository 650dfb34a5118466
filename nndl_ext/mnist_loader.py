"""The book's ``mnist_loader.py``: MNIST, from the files in this package or from the reader's own.

A path may name a folder with the four IDX files of MNIST or of a data set distributed like it, each compressed by gzip or not;
the book's ``mnist.pkl.gz``; or ``mnist.npz`` as Keras distributes it.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from nndl_ext.dataset import Dataset, Sample
from nndl_ext.files import content, npz_arrays, raw
from nndl_ext.validation import integer

Arrays = tuple[np.ndarray, np.ndarray]
if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

AnyPath = str | PathLike[str]

# The book's split: of the 60,000 training images the last 10,000 are for validation.
_VALIDATION_PART = 6

# Each class takes an element of every desired output: without a limit, one label could ask for any amount of memory. A set has
# at most this many classes, or one for each pixel.
_MOST_CLASSES = 10

# What the grey levels in an image file stand for.
_SHADES = np.arange(256, dtype=np.float32) / 256


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
        If a file is not what it should be, or a label is neither below ten nor below the number of pixels.
    """
    return tuple((np.take(_SHADES, x) if x.dtype == np.uint8 else x, y) for x, y in _load(path))  # type: ignore[return-value]


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
    """
    (x, digits), *others = _load(path)
    classes = max(10, 1 + max(int(labels.max(initial=0)) for _, labels in ((x, digits), *others)))
    training, validation, test = (
        list(Dataset(images, y, palette=_SHADES if images.dtype == np.uint8 else None))
        for images, y in ((x, np.eye(classes)[digits]), *others)
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
    """
    row, rows = integer(j, "j"), integer(classes, "classes", least=1)
    if not 0 <= row < rows:
        raise ValueError(f"j must be from 0 to {rows - 1}, not {row}")
    e = np.zeros((rows, 1))
    e[row] = 1.0
    return e


def _load(path: AnyPath | None) -> tuple[Arrays, Arrays, Arrays]:
    """The three pairs of images and labels, read-only: grey levels, of type uint8, or, from the book's pickle, float32."""
    from importlib.resources import files  # these two take longer to import than all the rest but NumPy
    from pathlib import Path

    source = files("nndl_ext.data") if path is None else Path(path)
    if isinstance(source, Path) and not source.is_dir():
        pairs = _load_npz(source) if source.suffix == ".npz" else _load_pickle(source)
    else:
        names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
        pairs = _split(*(_load_idx(source, name) for name in names))
    for x, y in pairs:
        if len(x) != len(y):
            raise ValueError(f"{source} has {len(x)} images, but {len(y)} labels for them")
        if not x.shape[1]:
            raise ValueError(f"{source} has images without pixels")
        classes = max(_MOST_CLASSES, x.shape[1])
        if len(y) and not 0 <= y.min() <= y.max() < classes:
            raise ValueError(
                f"{source} must have labels from 0 to {classes - 1} for {x.shape[1]} pixels, not from {y.min()} to {y.max()}"
            )
        for array in (x, y):
            array.flags.writeable = False  # so that a data set needs no copy
    return pairs


def _split(images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray) -> Any:
    """The three pairs from the files' grey levels and labels."""
    cut = len(images) - len(images) // _VALIDATION_PART
    return tuple(
        (x.reshape(len(x), math.prod(x.shape[1:])), y.astype(np.int64))
        for x, y in ((images[:cut], labels[:cut]), (images[cut:], labels[cut:]), (test_images, test_labels))
    )


def _load_idx(folder: Traversable, name: str) -> np.ndarray:
    """The bytes of an IDX file in the shape that its header gives."""
    for candidate in (name, f"{name}.gz"):
        file = folder / candidate
        if file.is_file():
            break
    else:
        raise FileNotFoundError(f"{folder} has neither {name} nor {name}.gz")
    data = content(file)
    dimensions = int(name.partition("idx")[2][0])
    header = struct.calcsize(f">{1 + dimensions}I")
    if len(data) < header or data[:4] != bytes((0, 0, 8, dimensions)):
        raise ValueError(f"{file} is not an IDX file of bytes in {dimensions} dimensions")
    shape = struct.unpack_from(f">{dimensions}I", data, 4)
    if len(data) - header != math.prod(shape):
        raise ValueError(f"{file} announces {shape} bytes, but holds {len(data) - header}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _load_npz(path: Path) -> Any:
    arrays = npz_arrays(raw(path), str(path))
    names = ("x_train", "y_train", "x_test", "y_test")
    missing = set(names) - set(arrays)
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
    for name in names:
        array = arrays[name]
        if (array.ndim < 2 or array.dtype != np.uint8) if name[0] == "x" else (array.ndim != 1 or array.dtype.kind not in "iu"):
            raise ValueError(f"{path} should hold grey levels and labels, but {name} has shape {array.shape} of {array.dtype}")
    return _split(*(arrays[name] for name in names))


class _PickledDtype:
    """A dtype on its way out of a pickle: a type code, and then a state that tells the byte order."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in ("f4", "f8", "i8", "i4", "u1"):
            raise pickle.UnpicklingError(f"it asks for arrays of type {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _PickledArray:
    """An array on its way out of a pickle."""

    def __init__(self, *_: object) -> None:
        self.array = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran_order, data = state
        self._fill(data, dtype, shape, "F" if fortran_order else "C")

    def _fill(self, data: bytes, dtype: _PickledDtype, shape: tuple[int, ...], order: Literal["C", "F"]) -> None:
        self.array = np.frombuffer(data, dtype.dtype).reshape(shape, order=order)


def _from_buffer(data: bytes, dtype: _PickledDtype, shape: tuple[int, ...], order: Literal["C", "F"]) -> _PickledArray:
    array = _PickledArray()
    array._fill(data, dtype, shape, order)
    return array


# All that a pickle of arrays names, and what it gets instead, but for _codecs.encode.
_STAND_INS = {
    "numpy.ndarray": None,
    "numpy.dtype": _PickledDtype,
    **{f"numpy.{core}.multiarray._reconstruct": _PickledArray for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
}


# What pickles of arrays and tuples do, in any protocol: few things, a few hundred times. Others are refused, as some of them
# make a large object out of one byte.
_MOST_STEPS = 10_000
_STEPS = (
    "PROTO FRAME STOP MARK GLOBAL STACK_GLOBAL REDUCE BUILD NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 STRING "
    "BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 "
    "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS PUT BINPUT LONG_BINPUT MEMOIZE GET "
    "BINGET LONG_BINGET"
)


def _counted(load: Callable[[Any], None]) -> Callable[[Any], None]:
    def count(unpickler: Any) -> None:
        unpickler._steps += 1
        if unpickler._steps > _MOST_STEPS:
            raise pickle.UnpicklingError(f"it takes more than {_MOST_STEPS} steps")
        load(unpickler)

    return count


def _refused(_unpickler: Any) -> None:
    raise pickle.UnpicklingError("it does other things than build arrays")


class _ArrayUnpickler(pickle._Unpickler):
    """Builds arrays, tuples and lists and nothing else, and the arrays with our own hands.

    It is the unpickler in Python, which takes no more memory than the file's size justifies: the compiled one makes room for as
    many things to remember as the file says there are.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._steps = 0
        self._to_encode = len(data)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return self._encode
        try:
            return _STAND_INS[f"{module}.{name}"]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, but only NumPy arrays are allowed") from None

    def _load_build(self: Any) -> None:
        state, instance = self.stack.pop(), self.stack[-1]
        if not isinstance(instance, (_PickledArray, _PickledDtype)):
            raise pickle.UnpicklingError(f"it gives {type(instance).__name__} a state")
        if isinstance(instance, _PickledArray) and isinstance(state[-1], str):
            state = (*state[:-1], self._encode(state[-1], "latin1"))
        instance.__setstate__(state)

    def _encode(self, text: str, encoding: str) -> bytes:
        """Old protocols spell bytes as text. Each counts once, else one text could become bytes again and again."""
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it asks for the codec {encoding!r}")
        self._to_encode -= len(text)
        if self._to_encode < 0:
            raise pickle.UnpicklingError("it makes more bytes than it has")
        return text.encode("latin1")

    def _load_bytearray8(self: Any) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(size)))  # unlike the original, this asks for no memory before the bytes are there

    _own: ClassVar[dict[str, Any]] = {"BUILD": _load_build, "BYTEARRAY8": _load_bytearray8}
    dispatch: ClassVar[dict[int, Any]] = dict.fromkeys(pickle._Unpickler.dispatch, _refused)
    for _step in _STEPS.split():
        _code = getattr(pickle, _step)[0]
        dispatch[_code] = _counted(_own.get(_step, pickle._Unpickler.dispatch[_code]))


def _load_pickle(path: Path) -> Any:
    data = content(path)
    try:
        loaded = _ArrayUnpickler(data).load()
        pairs = tuple((x.array, y.array) for x, y in loaded)
    except Exception as error:
        raise ValueError(f"{path} is not the book's pickle: {error}") from error
    if len(pairs) != 3 or any(x.dtype.kind != "f" or y.dtype.kind not in "iu" or x.ndim != 2 or y.ndim != 1 for x, y in pairs):
        raise ValueError(f"{path} is not the book's pickle: it must hold three pairs of images and labels")
    return tuple((x.astype(np.float32), y.astype(np.int64)) for x, y in pairs)
