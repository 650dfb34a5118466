"""Pickles of arrays, such as the book's ``mnist.pkl.gz``, read without running anything that stands in them."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from nndl_ext._files.contents import Announced, Content, largest


def announced(content: Content) -> list[Announced]:
    """Images and labels for training, for validation and for test, as the book's pickle or ``expand_mnist.py`` have them.

    Images are an array or a list of arrays of one shape, labels an array or a list of integers.

    Raises
    ------
    ValueError
        If the file is no pickle, or broken, or holds or does other things.
    """
    names = [f"{part} {what}" for part in ("training", "validation", "test") for what in ("images", "labels")]
    try:
        arrays = _ArrayUnpickler(content).arrays()
    except (pickle.UnpicklingError, ValueError) as error:
        raise ValueError(f"{content.name} is not the book's pickle: {error}") from error
    except Exception as error:  # what broken files can upset raises all sorts of them
        raise ValueError(f"{content.name} is not the book's pickle: it is broken, or no pickle at all") from error
    return [
        Announced(f"{content.name}: {name}", array.shape, array.dtype, array.view)
        for name, array in zip(names, arrays, strict=True)
    ]


class _PickledDtype:
    """A dtype on its way out of a pickle: a type code, and then a state that tells the byte order."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
            raise pickle.UnpicklingError(f"it asks for arrays of type {code!r}")
        self.dtype = np.dtype(code)

    def set_state(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _PickledArray:
    """An array on its way out of a pickle. Old protocols spell its bytes as text, which stays what it is until it is needed."""

    __slots__ = ("data", "dtype", "order", "shape")

    def __init__(self, *_: object) -> None:
        self.data: bytes | str = b""
        self.dtype = np.dtype(np.float32)
        self.shape: tuple[int, ...] = (0,)
        self.order: Literal["C", "F"] = "C"

    def set_state(self, state: tuple[Any, ...]) -> None:
        _, self.shape, dtype, fortran_order, self.data = state
        if not isinstance(self.data, (bytes, str)):
            raise pickle.UnpicklingError(f"it has {type(self.data).__name__} for the bytes of an array")
        self.dtype = dtype.dtype
        self.order = "F" if fortran_order else "C"

    def array(self) -> np.ndarray:
        data = self.data.encode("latin1") if isinstance(self.data, str) else self.data
        return np.frombuffer(data, self.dtype).reshape(self.shape, order=self.order)


def _from_buffer(data: bytes, dtype: _PickledDtype, shape: tuple[int, ...], order: str) -> _PickledArray:
    array = _PickledArray()
    array.set_state((1, shape, dtype, order == "F", data))
    return array


def _scalar(dtype: _PickledDtype, data: bytes | str) -> Any:
    """A NumPy number as a number of Python."""
    return _from_buffer(data, dtype, (), "C").array().item()  # type: ignore[arg-type]


def _no_bytes() -> bytes:
    """How old protocols spell that."""
    return b""


# All that a pickle of arrays names, and what it gets instead, but for _codecs.encode.
_STAND_INS = {
    "numpy.ndarray": None,
    "numpy.dtype": _PickledDtype,
    "__builtin__.bytes": _no_bytes,
    **{f"numpy.{core}.multiarray._reconstruct": _PickledArray for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
}

_PIECE = 2**16

# What pickles of arrays, numbers and lists do, in any protocol. Other steps are refused, as some make a large object out of one
# byte. These are counted, as some take some tens of bytes; the book's list of images, compressed, has six bytes a step.
_STEPS_ALWAYS_ALLOWED = 10_000
_BYTES_PER_STEP = 4
_STEPS = (
    "PROTO FRAME STOP MARK GLOBAL STACK_GLOBAL REDUCE BUILD NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 STRING "
    "BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 "
    "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 LIST EMPTY_LIST APPEND APPENDS PUT BINPUT LONG_BINPUT MEMOIZE GET "
    "BINGET LONG_BINGET"
)


def _counted(load: Callable[[Any], None]) -> Callable[[Any], None]:
    def count(unpickler: Any) -> None:
        unpickler._steps_left -= 1
        if unpickler._steps_left < 0:
            raise pickle.UnpicklingError("it takes more steps than a file of its size needs")
        load(unpickler)

    return count


def _refused(_unpickler: Any) -> None:
    raise pickle.UnpicklingError("it does other things than build arrays")


class _ArrayUnpickler(pickle._Unpickler):
    """Builds arrays, numbers, tuples and lists and nothing else, and the arrays with our own hands.

    It is the unpickler in Python, which takes no more memory than the file's size justifies: the compiled one makes room for as
    many things to remember as the file says there are.
    """

    def __init__(self, content: Content) -> None:
        self._stream = content.stream()
        super().__init__(self._stream, encoding="latin1")
        self._steps_left = _STEPS_ALWAYS_ALLOWED + len(content) // _BYTES_PER_STEP
        # Bytes that a pickle remembers can be used again and again. For each purpose, each byte counts.
        self._room = dict.fromkeys(("text", "arrays", "lists"), largest(len(content)) if content.compressed else len(content))

    def arrays(self: Any) -> list[np.ndarray]:
        """Images and labels three times."""
        loaded = self.load()
        self.memo.clear()  # which may hold everything twice
        while self._stream.read(_PIECE):
            pass  # the checksum of what was compressed comes last
        pairs = [pair for pair in loaded if isinstance(pair, (tuple, list)) and len(pair) == 2]
        if len(pairs) != 3 or len(loaded) != 3:
            raise pickle.UnpicklingError("it must hold three pairs of images and labels")
        return [self._array(values) for pair in pairs for values in pair]

    def _array(self, values: Any) -> np.ndarray:
        """The array that an array, a list of arrays or a list of integers stands for, read-only."""
        if isinstance(values, _PickledArray):
            return values.array()
        if not isinstance(values, (list, tuple)):
            raise pickle.UnpicklingError(f"it has {type(values).__name__} instead of an array")
        if all(isinstance(value, int) for value in values):
            return np.array(values, np.int64)
        if not all(isinstance(value, _PickledArray) for value in values):
            raise pickle.UnpicklingError("it has a list of other things than arrays or integers")
        self._take_room("lists", sum(len(value.data) for value in values))
        first = values[0].array()
        array = np.empty((len(values), *first.shape), first.dtype)
        for row, value in zip(array, values, strict=True):
            if value.shape != first.shape or value.dtype != first.dtype:
                raise pickle.UnpicklingError(f"it has images of {value.shape} {value.dtype} beside those of {first.shape}")
            row[...] = value.array()
        return array

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return self._encode
        try:
            return _STAND_INS[f"{module}.{name}"]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, but only NumPy arrays are allowed") from None

    def _take_room(self, purpose: str, size: int) -> None:
        self._room[purpose] -= size
        if self._room[purpose] < 0:
            raise pickle.UnpicklingError("it makes more bytes than it has")

    def _load_build(self: Any) -> None:
        state, instance = self.stack.pop(), self.stack[-1]
        if not isinstance(instance, (_PickledArray, _PickledDtype)):
            raise pickle.UnpicklingError(f"it gives {type(instance).__name__} a state")
        instance.set_state(state)
        if isinstance(instance, _PickledArray):
            self._take_room("arrays", len(instance.data))

    def _encode(self, text: str, encoding: str) -> bytes:
        """Old protocols spell bytes as text."""
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it asks for the codec {encoding!r}")
        self._take_room("text", len(text))
        return text.encode("latin1")

    def _load_bytearray8(self: Any) -> None:
        """As bytes, since nobody writes to them. Unlike the original, this asks for no memory before the bytes are there."""
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(size))

    _own: ClassVar[dict[str, Any]] = {"BUILD": _load_build, "BYTEARRAY8": _load_bytearray8}
    dispatch: ClassVar[dict[int, Any]] = dict.fromkeys(pickle._Unpickler.dispatch, _refused)
    for _step in _STEPS.split():
        _code = getattr(pickle, _step)[0]
        dispatch[_code] = _counted(_own.get(_step, pickle._Unpickler.dispatch[_code]))
