"""The content of untrusted files, read on demand and within bounds.

The header of an array says how large the array is. So a valid file has no other limit, however well it is compressed. A false
header is detected before memory is allocated.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

import numpy as np

# Few files grow more than 64 times by decompression. A file that announces more is decompressed once to check it, which takes
# time but no memory. A file that does not announce its size, such as a pickle, may grow to 256 times its size plus 1 MiB. That
# is enough for images; zeros grow 1000 times.
_USUAL_GROWTH, _MOST_GROWTH = 64, 256
LARGEST_PART = 2**20

_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
_ZEROS = re.compile(rb"\0*")
_PIECE = 2**16
_LONGEST_HEADER = 2**11


class Announced(NamedTuple):
    """An array that a file announces, not read yet.

    Attributes
    ----------
    name : str
        The name of the file, and of the array in it.
    shape, dtype : tuple of int, numpy.dtype
        Shape and dtype according to the header.
    read : callable
        Returns the array, read-only, or raises ValueError if the file holds another number of bytes.
    classes : tuple of str
        The names of labels 0, 1 and so on, if the file states them.
    part : str
        The part of the data set, if the file or folder states it: ``"training"``, ``"validation"`` or ``"test"``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]
    classes: tuple[str, ...] = ()
    part: str = ""

    @classmethod
    def of(cls, array: np.ndarray, name: str, classes: tuple[str, ...] = ()) -> Announced:
        """An array that has been read."""
        return cls(name, array.shape, array.dtype, array.view, classes)


class Content:
    """The bytes of a file, decompressed if gzip or bzip2 made it. Like ``gzip``, it ignores what follows the compressed data.

    Parameters
    ----------
    data : bytes
        The file's own bytes.
    name : str
        Its name, with which errors begin.

    Attributes
    ----------
    beginning : bytes
        The first decompressed bytes: at least 2 KiB, or all.

    Raises
    ------
    ValueError
        If the compressed data are damaged.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self._data = data
        self.compressed = data.startswith((_GZIP, _BZIP2))
        self.beginning = b""
        try:
            for part in self._parts():
                self.beginning += part[:_PIECE]
                if len(self.beginning) >= _LONGEST_HEADER:
                    break
        except ValueError as error:
            raise ValueError(f"{name} {error}") from error

    def __len__(self) -> int:
        """The size of the file, in bytes before decompression."""
        return len(self._data)

    def rest(self, begin: int, size: int) -> np.ndarray:
        """All bytes from ``begin`` on, which must be ``size`` bytes: uint8, read-only.

        Raises
        ------
        ValueError
            If their number is different, the compressed data are damaged, or there is not enough memory.
        """
        try:
            if self.compressed:
                return joined(self._parts, begin, size, len(self._data))
            if len(self._data) - begin != size:
                raise _wrong_size(size, len(self._data) - begin)
        except ValueError as error:
            raise ValueError(f"{self.name} {error}") from error
        return np.frombuffer(self._data, np.uint8, offset=begin)

    def whole(self) -> bytes:
        """All bytes, up to 256 times the file's size plus 1 MiB.

        Raises
        ------
        ValueError
            If there are more, or the compressed data are damaged.
        """
        return self.stream().read() if self.compressed else self._data

    def stream(self) -> io.BufferedReader | io.BytesIO:
        """The bytes as a stream. A compressed file is decompressed in parts, up to 256 times its size plus 1 MiB."""
        return io.BufferedReader(_Stream(self), _PIECE) if self.compressed else io.BytesIO(self._data)

    def lines(self) -> IO[str]:
        """The same as lines of text in UTF-8, with or without a byte order mark."""
        return io.TextIOWrapper(self.stream(), "utf-8-sig")

    def _parts(self) -> Iterator[bytes]:
        if not self.compressed:
            return iter([self._data])
        return _gunzipped(self._data) if self._data.startswith(_GZIP) else _bunzipped(self._data)


class _Stream(io.RawIOBase):
    """A compressed file as a stream."""

    def __init__(self, content: Content) -> None:
        self._parts = content._parts()
        self._part = memoryview(b"")
        self._left = self._limit = largest(len(content))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._part:
            try:
                part = next(self._parts, None)
            except ValueError as error:
                raise ValueError(f"it {error}") from error
            if part is None:
                return 0
            self._part = memoryview(part)
            self._left -= len(part)
            if self._left < 0:
                raise ValueError(f"it decompresses to more than {self._limit} bytes, too many for a file of its size")
        size = min(len(buffer), len(self._part))
        buffer[:size], self._part = self._part[:size], self._part[size:]
        return size


@contextmanager
def reading(name: str, what: str) -> Iterator[None]:
    """Turn any exception into a ValueError that names the file, because parsers of damaged files raise many types."""
    try:
        yield
    except Exception as error:
        said = "it ends too early" if isinstance(error, EOFError) else str(error) or type(error).__name__
        raise ValueError(f"{name} is not {what} that can be read: {said}") from error


def require_room(size: int, file_size: int) -> None:
    """Check that a file of ``file_size`` bytes can hold what takes ``size`` bytes in memory.

    Raises
    ------
    ValueError
        If that is more than 256 times the file plus 1 MiB.
    """
    if size > largest(file_size):
        raise ValueError(f"it announces {size} bytes of data, too many for a file of {file_size} bytes")


def largest(size: int) -> int:
    """The largest number of bytes that a compressed file of ``size`` bytes may hold without announcing them."""
    return LARGEST_PART + _MOST_GROWTH * size


def joined(parts: Callable[[], Iterator[bytes]], begin: int, size: int, compressed_size: int) -> np.ndarray:
    """The decompressed bytes from ``begin`` on, which must be ``size`` bytes: uint8, read-only.

    Parameters
    ----------
    parts : callable
        Starts a decompression, which yields parts of at most 1 MiB.
    begin, size, compressed_size : int
        Numbers of bytes.

    Raises
    ------
    ValueError
        If their number is different, or there is not enough memory.
    """
    if size > _USUAL_GROWTH * compressed_size:
        held = sum(map(len, parts())) - begin
        if held != size:
            raise _wrong_size(size, held)
    try:
        array = np.empty(size, np.uint8)
    except MemoryError:
        raise ValueError(f"announces {size} bytes, for which there is no memory") from None
    place = -begin
    for part in parts():
        end = place + len(part)
        if 0 < end <= size:
            array[max(place, 0) : end] = np.frombuffer(part, np.uint8, offset=max(-place, 0))
        place = end
    if place != size:
        raise _wrong_size(size, place)
    array.flags.writeable = False
    return array


def _gunzipped(data: bytes) -> Iterator[bytes]:
    """The data of a gzip file, in parts of at most 1 MiB."""
    place = 0
    while data.startswith(_GZIP, place):
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            piece = member.unconsumed_tail
            if not piece:
                piece = data[place : place + (_PIECE if place else _LONGEST_HEADER)]  # a small piece gives the header cheaply
                place += len(piece)
            try:
                part = member.decompress(piece, LARGEST_PART)
            except zlib.error as error:
                raise ValueError(f"is a broken gzip file: {error}") from error
            if part:
                yield part
            elif not piece and not member.eof:
                raise ValueError("is a broken gzip file: it ends too early")
        zeros = _ZEROS.match(data, place - len(member.unused_data))  # tapes are padded with zeros
        place = zeros.end() if zeros else len(data)


def _bunzipped(data: bytes) -> Iterator[bytes]:
    """The data of a bzip2 file, in parts of at most 1 MiB."""
    import bz2  # here, because few files need it

    place = 0
    while data.startswith(_BZIP2, place):
        member = bz2.BZ2Decompressor()
        while not member.eof:
            piece = data[place : place + _PIECE] if member.needs_input else b""
            if member.needs_input and not piece:
                raise ValueError("is a broken bzip2 file: it ends too early")
            place += len(piece)
            try:
                yield member.decompress(piece, LARGEST_PART)
            except OSError as error:
                raise ValueError(f"is a broken bzip2 file: {error}") from error
        place -= len(member.unused_data)


def _wrong_size(announced: int, held: int) -> ValueError:
    return ValueError(f"announces {announced} bytes of data, but holds {max(held, 0)}")
