"""IDX, the format of MNIST's files: two zeros, the type of the elements, the number of dimensions, the shape, the elements."""

from __future__ import annotations

import math
import struct

import numpy as np

from nndl_ext._files.contents import Announced, Content
from nndl_ext._files.kinds import kind

_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def is_idx(beginning: bytes) -> bool:
    """Whether a file with this beginning is an IDX file."""
    return len(beginning) >= 4 and beginning[:2] == b"\0\0" and beginning[2] in _TYPES and beginning[3] > 0


def announced(content: Content) -> Announced:
    """The array that the header of an IDX file announces.

    Raises
    ------
    ValueError
        If this is not an IDX file, or its header is incomplete.
    """
    if not is_idx(content.beginning):
        found = kind(content.beginning)
        raise ValueError(f"{content.name} is {found + ', not' if found else 'not'} an IDX file")
    _, _, code, dimensions = content.beginning[:4]
    header = struct.Struct(f">4x{dimensions}I")
    if len(content.beginning) < header.size:
        raise ValueError(f"{content.name} ends in its header")
    shape, dtype = header.unpack_from(content.beginning), np.dtype(_TYPES[code])
    size = math.prod(shape) * dtype.itemsize
    return Announced(content.name, shape, dtype, lambda: content.rest(header.size, size).view(dtype).reshape(shape))
