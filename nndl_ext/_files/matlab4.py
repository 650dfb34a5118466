"""MATLAB's files of version 4, which Octave and others still write: one matrix after the other."""

from __future__ import annotations

import re
import struct

import numpy as np

from nndl_ext._files.contents import Announced, Content, reading
from nndl_ext._files.matlab import samples_first
from nndl_ext._files.named import by_names

# A matrix begins with five integers: what it is, its rows, its columns, whether it is complex, and the length of its name. The
# first is 1000 times the byte order, plus 10 times the type of its numbers, plus its kind.
_ORDERS = "<>"
_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")
_KINDS = ("full", "text", "sparse")
_NAME = re.compile(rb"[A-Za-z]\w{0,62}\0")


def is_matlab_4(beginning: bytes) -> bool:
    """Whether a file with this beginning is one. Nothing but the header of its first matrix says so."""
    try:
        _header(beginning, 0)
    except ValueError:
        return False
    return True


def announced(content: Content) -> list[Announced]:
    """The images and labels, by the names of their matrices.

    Raises
    ------
    ValueError
        If the file is damaged, or lacks such matrices.
    """
    arrays, others, place = {}, [], 0
    with reading(content.name, "a MATLAB file"):
        data = content.whole()
        while place < len(data):
            dtype, shape, kind, name, place = _header(data, place)
            count = shape[0] * shape[1]
            end = place + dtype.itemsize * count
            if end > len(data):
                raise ValueError(f"it ends before the end of {name}, whose shape is {shape}")
            if kind == "full":
                array = np.frombuffer(data, dtype, count, place).reshape(shape, order="F")
                arrays[name] = Announced.of(array, f"{content.name}: {name}")
            else:
                others.append(f"{name} ({kind})")
            place = end
    return samples_first(by_names(arrays, content.name, others))


def _header(data: bytes, place: int) -> tuple[np.dtype, tuple[int, int], str, str, int]:
    """The dtype, shape, kind and name of the matrix at this place, and the place of its numbers.

    Raises
    ------
    ValueError
        If no matrix begins here.
    """
    for order in _ORDERS:
        if place + 20 > len(data):
            break
        what, rows, columns, is_complex, length = struct.unpack_from(f"{order}5I", data, place)
        byte_order, rest = divmod(what, 1000)
        numbers, kind = divmod(rest, 10)
        name = _NAME.fullmatch(data, place + 20, place + 20 + length)
        if byte_order == _ORDERS.index(order) and numbers < len(_TYPES) and kind < len(_KINDS) and is_complex < 2 and name:
            kinds = "complex" if is_complex else _KINDS[kind]
            shape = rows, columns * (1 + is_complex)  # the imaginary parts follow
            return np.dtype(order + _TYPES[numbers]), shape, kinds, name[0][:-1].decode(), name.end()
    raise ValueError(f"no matrix begins at its byte {place}")
