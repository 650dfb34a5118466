"""Reads pickles of arrays, such as the book's ``mnist.pkl.gz``, without running any code in them."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from nndl_ext._files.contents import Announced, Content, largest


def announced(content: Content) -> list[Announced]:
    """Images and labels for training, validation and test, from a pickle like the book's or that of ``expand_mnist.py``.

    Images are an array or a list of arrays of the same shape. Labels are an array or a list of integers.

    Raises
    ------
    ValueError
        If the file is not a pickle, is damaged, or holds or does anything else.
    """
    names = [f"{part} {what}" for part in ("training", "validation", "test") for what in ("images", "labels")]
    try:
        arrays = _ArrayUnpickler(content).arrays()
    except (pickle.UnpicklingError, ValueError) as error:
        raise ValueError(f"{content.name} is not the book's pickle: {error}; nor is it in another known format") from error
    except Exception as error:  # damaged files raise exceptions of many types
        raise ValueError(
            f"{content.name} is not the book's pickle: it is damaged, or not a pickle at all; nor is it in another known format"
        ) from error
    return [Announced.of(array, f"{content.name}: {name}") for name, array in zip(names, arrays, strict=True)]


class _PickledDtype:
    """A dtype in a pickle: a type code, then a state that gives the byte order."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
            raise pickle.UnpicklingError(f"it asks for arrays of type {code!r}")
        self.dtype = np.dtype(code)

    def set_state(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _PickledArray:
    """An array in a pickle. Old protocols store its bytes as text, which is converted when it is needed."""

    __slots__ = ("data", "dtype", "order", "shape")

    def __init__(self, *_: object) -> None:
        self.data: bytes | str = b""
        self.dtype = np.dtype(np.float32)
        self.shape: tuple[int, ...] = (0,)
        self.order: Literal["C", "F"] = "C"

    def set_state(self, state: tuple[Any, ...]) -> None:
        _, self.shape, dtype, fortran_order, self.data = state
        if not isinstance(self.data, (bytes, str)):
            raise pickle.UnpicklingError(f"it has {type(self.data).__name__} in place of an array's bytes")
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
    """A NumPy scalar as a Python number."""
    return _from_buffer(data, dtype, (), "C").array().item()  # type: ignore[arg-type]


def _no_bytes() -> bytes:
    """The empty bytes of old protocols, which call ``bytes()``."""
    return b""


# The names that a pickle of arrays may refer to, with what they get instead. _codecs.encode is handled separately.
_STAND_INS = {
    "numpy.ndarray": None,
    "numpy.dtype": _PickledDtype,
    "__builtin__.bytes": _no_bytes,
    **{f"numpy.{core}.multiarray._reconstruct": _PickledArray for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
}

_PIECE = 2**16

# The steps of pickles of arrays, numbers and lists, in any protocol. Other steps are refused, because some build a large object
# from one byte. The allowed steps are counted, because each may take tens of bytes of memory; the compressed list of images of
# the book has six bytes per step.
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
    raise pickle.UnpicklingError("it does more than build arrays")


class _ArrayUnpickler(pickle._Unpickler):
    """Builds arrays, numbers, tuples and lists, and nothing else. Arrays are built by our own code.

    The base class is Python's unpickler in pure Python, whose memory is proportional to the file. The compiled one allocates a
    memo of any size that the file announces.
    """

    def __init__(self, content: Content) -> None:
        self._stream = content.stream()
        super().__init__(self._stream, encoding="latin1")
        self._steps_left = _STEPS_ALWAYS_ALLOWED + len(content) // _BYTES_PER_STEP
        # A pickle can use remembered bytes again and again. So every use is counted, separately for each purpose.
        self._room = dict.fromkeys(("text", "arrays", "lists"), largest(len(content)) if content.compressed else len(content))

    def arrays(self: Any) -> list[np.ndarray]:
        """Three pairs of images and labels."""
        loaded = self.load()
        self.memo.clear()  # it may hold a copy of everything
        while self._stream.read(_PIECE):
            pass  # reading to the end checks gzip's checksum
        pairs = [pair for pair in loaded if isinstance(pair, (tuple, list)) and len(pair) == 2]
        if len(pairs) != 3 or len(loaded) != 3:
            raise pickle.UnpicklingError("it must hold three pairs of images and labels")
        return [self._array(values) for pair in pairs for values in pair]

    def _array(self, values: Any) -> np.ndarray:
        """An array, a list of arrays or a list of integers as one read-only array."""
        if isinstance(values, _PickledArray):
            return values.array()
        if not isinstance(values, (list, tuple)):
            raise pickle.UnpicklingError(f"it has {type(values).__name__} instead of an array")
        if all(isinstance(value, int) for value in values):
            return np.array(values, np.int64)
        if not all(isinstance(value, _PickledArray) for value in values):
            raise pickle.UnpicklingError("it has a list of something other than arrays or integers")
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
            raise pickle.UnpicklingError("it builds more data than it contains")

    def _load_build(self: Any) -> None:
        state, instance = self.stack.pop(), self.stack[-1]
        if not isinstance(instance, (_PickledArray, _PickledDtype)):
            raise pickle.UnpicklingError(f"it sets the state of a {type(instance).__name__}")
        instance.set_state(state)
        if isinstance(instance, _PickledArray):
            self._take_room("arrays", len(instance.data))

    def _encode(self, text: str, encoding: str) -> bytes:
        """Convert text to bytes for old protocols, which store bytes as text."""
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it asks for the codec {encoding!r}")
        self._take_room("text", len(text))
        return text.encode("latin1")

    def _load_bytearray8(self: Any) -> None:
        """Load bytes, which need not be writable. Unlike the original, this allocates no memory before it has read them."""
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(size))

    _own: ClassVar[dict[str, Any]] = {"BUILD": _load_build, "BYTEARRAY8": _load_bytearray8}
    dispatch: ClassVar[dict[int, Any]] = dict.fromkeys(pickle._Unpickler.dispatch, _refused)
    for _step in _STEPS.split():
        _code = getattr(pickle, _step)[0]
        dispatch[_code] = _counted(_own.get(_step, pickle._Unpickler.dispatch[_code]))
