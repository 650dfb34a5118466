"""Short HTML representations of data sets and networks for notebooks."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np

PICTURES = 10  # shown of a data set
_NAMES = 30  # of classes
_LEAST_SIDE = 8  # inputs that form a smaller square are not shown as images


def of_data(count: int, inputs: int, y: np.ndarray, names: Sequence[str], rows: Iterable[np.ndarray]) -> str:
    """The size of a data set, the names of its classes, and its first images, made of ``rows``, if its inputs can be images."""
    pairs = f"{count:,} pair{'s' * (count != 1)}"
    about = f"<strong>Dataset</strong> of {pairs}: {inputs:,} inputs, {_desired(y)}{_classes(names)}"
    side = math.isqrt(inputs)
    if not count or side * side != inputs or side < _LEAST_SIDE:
        return f"<p>{about}</p>"
    x: Any = np.array([*rows])
    labels = (y if y.ndim == 1 else y.argmax(axis=1))[: len(x)].tolist()
    shown = (escape(names[label]) if 0 <= label < len(names) else str(label) for label in labels)
    levels = 255 - np.rint(255 * np.clip(x / (x.max() or 1), 0, 1)).astype(np.uint8)
    images = (
        f'<img src="data:image/png;base64,{base64.b64encode(_png(image.reshape(side, side))).decode()}" alt="" '
        f'width="56" height="56" style="image-rendering: pixelated">'
        for image in levels
    )
    return f"<p>{about}</p><table>{_row('td', images)}{_row('td', shown)}</table>"


def of_layers(kind: str, dtype: np.dtype, sizes: Sequence[int], activations: Sequence[str], names: Sequence[str]) -> str:
    """The layers of a network of this kind, inputs first, and the names of its classes. ``activations`` has one for each layer
    after the first."""
    parameters = sum(neurons * (inputs + 1) for inputs, neurons in pairwise(sizes))
    about = f"<strong>{escape(kind)}</strong> of {parameters:,} parameters in {dtype}{_classes(names)}"
    rows = [_row("td", ("inputs", str(sizes[0]), "", ""))]
    for layer, (inputs, neurons) in enumerate(pairwise(sizes)):
        name = "outputs" if layer == len(sizes) - 2 else f"hidden layer {layer + 1}"
        rows.append(_row("td", (name, str(neurons), escape(activations[layer]), f"{neurons} x {inputs}")))
    return f"<p>{about}</p><table>{_row('th', ('layer', 'neurons', 'activation', 'weights'))}{''.join(rows)}</table>"


def _classes(names: Sequence[str]) -> str:
    """The names of classes, if there are any."""
    if not len(names):
        return ""
    more = f" and {len(names) - _NAMES:,} more" * (len(names) > _NAMES)
    return f"; classes {', '.join(escape(str(name)) for name in names[:_NAMES])}{more}"


def _desired(y: np.ndarray) -> str:
    """The desired outputs or labels of a data set, in a few words."""
    if y.ndim == 2:
        return f"{y.shape[1]} desired output{'s' * (y.shape[1] != 1)}"
    return f"labels from {y.min()} to {y.max()}" if len(y) else "labels"


def _row(tag: str, cells: Iterable[str]) -> str:
    centred = (f'<{tag} style="text-align: center">{cell}</{tag}>' for cell in cells)
    return f"<tr>{''.join(centred)}</tr>"


def _png(levels: np.ndarray) -> bytes:
    """An image of grey levels, uint8 of shape (height, width), as the bytes of a PNG file."""
    height, width = levels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    parts = {b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"IDAT": zlib.compress(rows), b"IEND": b""}
    chunks = (
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
