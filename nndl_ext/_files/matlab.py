"""MATLAB's ``.mat`` files of version 5 to 7. Those of version 4 are simpler, and those of version 7.3 are HDF5."""

from __future__ import annotations

import io
import math
import struct
import zlib

import numpy as np

from nndl_ext._files.contents import LARGEST_PART, Announced, Content, largest, reading, require_room
from nndl_ext._files.named import by_names

_HEADER, _LONGEST_HEADER = 128, 2**16
_COMPRESSED, _COMPLEX = 15, 0x800
_CLASSES_OF_NUMBERS = range(6, 16)
_TYPES = (1, 2, 3, 4, 5, 6, 7, 9, 12, 13)
_NUMBERS = ("double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


def announced(content: Content) -> list[Announced]:
    """The images and labels, by the names of their variables.

    Raises
    ------
    ValueError
        If the file is damaged, or lacks such variables.
    """
    from scipy.io import loadmat, whosmat

    with reading(content.name, "a MATLAB file"):
        data = content.whole()
        _check(data)
        variables = whosmat(io.BytesIO(data))
        shapes = {name: shape for name, shape, kind in variables if kind in _NUMBERS}
        for shape in shapes.values():
            require_room(math.prod(shape), len(data))
        arrays = loadmat(io.BytesIO(data), variable_names=[*shapes])
    others = [_unread(name, kind) for name, _, kind in variables if kind not in _NUMBERS]
    found = by_names({name: Announced.of(arrays[name], f"{content.name}: {name}") for name in shapes}, content.name, others)
    return samples_first(found)


def _unread(name: str, kind: str) -> str:
    """What to say of a variable that is no array of numbers."""
    advice = f': save("new.mat", "-struct", "{name}") in MATLAB saves its fields' if kind == "struct" else ""
    return f"{name} ({kind}{advice})"


def samples_first(announced: list[Announced]) -> list[Announced]:
    """Images and labels with the samples along their first axis. MATLAB's users store them along the first or the last.

    Raises
    ------
    ValueError
        If these two axes are equally long, so that nothing says which is meant.
    """
    pairs = zip(announced[::2], announced[1::2], strict=True)
    return [array for x, y in pairs for array in _oriented(x, y)]


def _oriented(x: Announced, y: Announced) -> tuple[Announced, Announced]:
    if len(y.shape) == 2 and y.shape[0] == 1:
        y = Announced.of(y.read().reshape(-1), y.name)
    if y.shape and len(x.shape) > 1 and x.shape[0] == y.shape[0] == x.shape[-1] > 1:
        raise ValueError(
            f"{x.name} has shape {x.shape} for {y.shape[0]} labels: its images may lie along the first axis or along the last. "
            "Leave one image and its label out"
        )
    if y.shape and x.shape and x.shape[0] != y.shape[0] == x.shape[-1]:
        x = Announced.of(np.moveaxis(x.read(), -1, 0), x.name)
    return x, y


def _check(data: bytes) -> None:
    """Check the parts of a file on which SciPy's reader relies, and that they decompress within bounds.

    A false type, or a complex array without its imaginary part, would crash the process.
    """
    order = "<" if data[126:128] == b"IM" else ">"
    place, room = _HEADER, largest(len(data))
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        end = place + 8 + size
        if end > len(data):
            raise ValueError("it ends too early")
        beginning = data[place : min(end, place + _LONGEST_HEADER)]
        if kind == _COMPRESSED:
            beginning, decompressed = _beginning(data[place + 8 : end], room)
            room -= decompressed
        _check_variable(beginning, order)
        place = end


def _check_variable(beginning: bytes, order: str) -> None:
    """Check the beginning of a variable: a tag, then its class, shape, name and numbers, each with a tag."""
    (flags,) = struct.unpack_from(f"{order}I", beginning, 16)
    if flags & 255 not in _CLASSES_OF_NUMBERS:
        return  # not read
    if flags & _COMPLEX:
        raise ValueError("it holds complex numbers")
    place = 24
    for _ in ("shape", "name"):
        word, size = struct.unpack_from(f"{order}II", beginning, place)
        place += 8 if word >> 16 else 8 + -(-size // 8) * 8
    (word,) = struct.unpack_from(f"{order}I", beginning, place)
    if (word & 0xFFFF if word >> 16 else word) not in _TYPES:
        raise ValueError(f"it holds numbers of the unknown type {word}")


def _beginning(data: bytes, room: int) -> tuple[bytes, int]:
    """The beginning of compressed data, and the size of all, which must be at most ``room``."""
    decompressor = zlib.decompressobj()
    beginning = decompressor.decompress(data, _LONGEST_HEADER)
    size = len(beginning)
    while decompressor.unconsumed_tail and not decompressor.eof:
        size += len(decompressor.decompress(decompressor.unconsumed_tail, LARGEST_PART))
        if size > room:
            raise ValueError("it decompresses to more than a file of its size may hold")
    return beginning, size
