"""MATLAB's ``.mat`` files of version 5 to 7. Those of version 7.3 are HDF5."""

from __future__ import annotations

import io
import math
import struct
import zlib

import numpy as np

from nndl_ext._files.contents import LARGEST_PART, Announced, Content, largest, reading, require_room
from nndl_ext._files.named import by_names

_HEADER = 128
_COMPRESSED = 15
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
        _refuse_bombs(data)
        shapes = {name: shape for name, shape, kind in whosmat(io.BytesIO(data)) if kind in _NUMBERS}
        for shape in shapes.values():
            require_room(math.prod(shape), len(data))
        arrays = loadmat(io.BytesIO(data), variable_names=[*shapes])
    found = by_names({name: Announced.of(arrays[name], f"{content.name}: {name}") for name in shapes}, content.name)
    return samples_first(found)


def samples_first(announced: list[Announced]) -> list[Announced]:
    """Images and labels with the samples along their first axis. MATLAB's users store them along the first or the last."""
    pairs = zip(announced[::2], announced[1::2], strict=True)
    return [array for x, y in pairs for array in _oriented(x, y)]


def _oriented(x: Announced, y: Announced) -> tuple[Announced, Announced]:
    if len(y.shape) == 2 and y.shape[0] == 1:
        y = Announced.of(y.read().reshape(-1), y.name)
    if y.shape and x.shape and x.shape[0] != y.shape[0] == x.shape[-1]:
        x = Announced.of(np.moveaxis(x.read(), -1, 0), x.name)
    return x, y


def _refuse_bombs(data: bytes) -> None:
    """Check that the variables do not decompress to more than a file of this size may hold."""
    order = ">" if data[126:128] == b"MI" else "<"
    place, room = _HEADER, largest(len(data))
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        if kind == _COMPRESSED:
            decompressor, rest = zlib.decompressobj(), data[place + 8 : place + 8 + size]
            while rest and not decompressor.eof:
                room -= len(decompressor.decompress(rest, LARGEST_PART))
                rest = decompressor.unconsumed_tail
                if room < 0:
                    raise ValueError("it decompresses to more than a file of its size may hold")
        place += 8 + size
