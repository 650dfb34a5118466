"""Short HTML representations of data sets and networks for notebooks."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Iterable
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nndl_ext._core.book import BookNetwork
    from nndl_ext._core.dataset import Dataset

_PICTURES = 10
_LEAST_SIDE = 8  # inputs that form a smaller square are not shown as images


def of_dataset(data: Dataset) -> str:
    """The size of a data set, and its first images if its inputs can be images."""
    pairs = f"{len(data):,} pair{'s' * (len(data) != 1)}"
    about = f"<strong>Dataset</strong> of {pairs}: {data.inputs:,} inputs, {_desired(data)}"
    side = math.isqrt(data.inputs)
    if not len(data) or side * side != data.inputs or side < _LEAST_SIDE:
        return f"<p>{about}</p>"
    first: Any = data[:_PICTURES]
    x = first.x if isinstance(first.x, np.ndarray) else first.x.toarray()
    labels = first.y if first.y.ndim == 1 else first.y.argmax(axis=1)
    levels = 255 - np.rint(255 * np.clip(x / (x.max() or 1), 0, 1)).astype(np.uint8)
    images = (
        f'<img src="data:image/png;base64,{base64.b64encode(_png(image.reshape(side, side))).decode()}" alt="" '
        f'width="56" height="56" style="image-rendering: pixelated">'
        for image in levels
    )
    return f"<p>{about}</p><table>{_row('td', images)}{_row('td', map(str, labels))}</table>"


def of_network(net: BookNetwork) -> str:
    """The layers of a network."""
    parameters = sum(neurons * (inputs + 1) for inputs, neurons in pairwise(net.sizes))
    kind = f"{type(net).__module__.removeprefix('nndl_ext.')}.{type(net).__qualname__}"
    about = f"<strong>{escape(kind)}</strong> of {parameters:,} parameters in {net.dtype}"
    rows = [_row("td", ("inputs", str(net.sizes[0]), "", ""))]
    for layer, (inputs, neurons) in enumerate(pairwise(net.sizes)):
        name = "outputs" if layer == len(net.sizes) - 2 else f"hidden layer {layer + 1}"
        activation = net._model.activations[layer] if net._neuron != "perceptron" else "step"
        function = activation if isinstance(activation, str) else type(activation).__name__
        rows.append(_row("td", (name, str(neurons), escape(function), f"{neurons} x {inputs}")))
    return f"<p>{about}</p><table>{_row('th', ('layer', 'neurons', 'activation', 'weights'))}{''.join(rows)}</table>"


def _desired(data: Dataset) -> str:
    """The desired outputs or labels of a data set, in a few words."""
    if data.y.ndim == 2:
        return f"{data.y.shape[1]} desired output{'s' * (data.y.shape[1] != 1)}"
    return f"labels from {data.y.min()} to {data.y.max()}" if len(data) else "labels"


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
