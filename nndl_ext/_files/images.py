"""Reads pictures of digits in any common format, and makes images like MNIST's."""

from __future__ import annotations

import io
import os
import reprlib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from nndl_ext._checks import file_path
from nndl_ext._files.class_folders import is_image
from nndl_ext._files.decoding import FORMATS, Image, opening, upright
from nndl_ext._files.disk import AnyPath, raw

_SIDE, _BOX = 28, 20

# Larger images are reduced to this number of pixels on each side.
_LARGE_ENOUGH = 400

# The least difference between ink and paper, in grey levels, at which an image shows a digit.
_LEAST_CONTRAST = 16

# The largest size of a decompressed member of a zip file: this, or 64 times its compressed size.
_LARGE_MEMBER = 2**24
_USUAL_GROWTH = 64


def read(path: AnyPath | Iterable[AnyPath]) -> np.ndarray:
    """The digits as grey levels, uint8 of shape (784, n). See `nndl_ext.mnist_loader.load_images`."""
    columns = [_digit(file, name) for name, file in _files(path)]
    if not columns:
        raise ValueError(f"{reprlib.repr(path) if isinstance(path, (list, tuple)) else path} has no images")
    return np.stack(columns, axis=1)


def _files(path: AnyPath | Iterable[AnyPath]) -> Iterator[tuple[str, IO[bytes]]]:
    """The images under a path, with their names."""
    if isinstance(path, Iterable) and not isinstance(path, (str, bytes, os.PathLike)):
        for one in path:
            yield from _in_path(one)
    else:
        yield from _in_path(path)


def _in_path(given: AnyPath) -> Iterator[tuple[str, IO[bytes]]]:
    """The images in a file or folder."""
    path = Path(file_path(given))
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if is_image(file.name):
                yield str(file), io.BytesIO(raw(file))
        return
    data = raw(path)
    if data[:2] == b"PK":
        yield from _members(data, path)
    else:
        yield str(path), io.BytesIO(data)


def _members(data: bytes, path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The images in a zip file."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = sorted(archive.infolist(), key=lambda member: member.filename)
    except Exception as error:  # damaged archives raise exceptions of many types
        raise ValueError(f"{path} is not a zip archive that can be read: {error}") from error
    for member in members:
        if is_image(member.filename.rpartition("/")[2]):
            name = f"{path}/{member.filename}"
            most = max(_LARGE_MEMBER, _USUAL_GROWTH * member.compress_size)
            if member.file_size > most or member.compress_type not in (0, 8):  # stored, deflated
                raise ValueError(f"{name} is too large when decompressed, or uses a compression other than deflate")
            try:
                content = archive.read(member)
            except Exception as error:
                raise ValueError(f"{name} can't be read: {error}") from error
            yield name, io.BytesIO(content)


def _digit(file: IO[bytes], name: str) -> np.ndarray:
    """The digit in an image as grey levels: uint8 of shape (784,)."""
    with opening(name):
        grey = _grey(file)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    background = np.median(border)
    ink = background - grey if background > (grey.min() + grey.max()) / 2 else grey - background
    if ink.max() < _LEAST_CONTRAST:
        raise ValueError(f"{name} shows no digit: all its pixels have nearly the same grey level")
    return _centred(_fitted(np.clip(ink / ink.max(), 0, 1, dtype=np.float32))).ravel()


def _grey(file: IO[bytes]) -> np.ndarray:
    """The grey levels of an image, upright and on white: float32 of shape (rows, columns), from 0 to 255."""
    image: Image.Image = Image.open(file, formats=FORMATS)
    image.draft("L", (_LARGE_ENOUGH, _LARGE_ENOUGH))
    image = upright(image)
    if image.mode.startswith(("I", "F")):  # Pillow would clip these modes at 255
        levels = np.asarray(image, np.float32)
        low, high = levels.min(), levels.max()
        if not np.isfinite([low, high]).all():
            raise ValueError(f"it has pixels from {low} to {high}")
        image = Image.fromarray((levels - low) * np.float32(255 / max(high - low, 1e-9)))
    else:
        image = image.convert("L")
    image.thumbnail((_LARGE_ENOUGH, _LARGE_ENOUGH), reducing_gap=2.0)
    return np.asarray(image, np.float32)


def _fitted(ink: np.ndarray) -> np.ndarray:
    """The digit without its margin, scaled to 20 pixels in width or height. Ink below half the threshold is removed."""
    least = _threshold(ink)
    rows, columns = (np.flatnonzero((ink >= least).any(axis=axis)) for axis in (1, 0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = np.where(box < least / 2, np.float32(0), box)
    height, width = (max(1, round(_BOX * side / max(box.shape))) for side in box.shape)
    digit = np.asarray(Image.fromarray(box).resize((width, height), Image.Resampling.BILINEAR))
    return digit / digit.max()  # otherwise thin strokes would be grey


def _threshold(ink: np.ndarray) -> float:
    """Otsu's threshold: it splits the values, from 0 to 1, into two parts with the largest variance between them."""
    counts, edges = np.histogram(ink, 256, (0, 1))
    values = (edges[:-1] + edges[1:]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * values)
    below, sums, all_values, total = below[:-1], sums[:-1], below[-1], sums[-1]
    above = all_values - below
    both = (below > 0) & (above > 0)
    apart = np.where(both, sums / np.maximum(below, 1) - (total - sums) / np.maximum(above, 1), 0)
    return float(edges[1 + np.argmax(below * above * apart**2)])


def _centred(digit: np.ndarray) -> np.ndarray:
    """The digit in an image of 28 x 28 grey levels, with its centre of mass as near to the middle as the digit fits."""
    image = np.zeros((_SIDE, _SIDE), np.uint8)
    places = []
    for axis, size in enumerate(digit.shape):
        centre = np.average(np.arange(size), weights=digit.sum(axis=1 - axis))
        place = min(max(round(_SIDE / 2 - centre), 0), _SIDE - size)
        places.append(slice(place, place + size))
    image[tuple(places)] = np.rint(255 * digit)
    return image
