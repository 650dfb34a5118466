"""Tables of numbers in text, such as Kaggle's ``train.csv``: a row for each image, and a column of labels.

A header names the column of labels. Without a header it is the first or the last column. These differ in their most frequent
value: most images have the same number in a corner, but few have the same label.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from nndl_ext._files.contents import Announced, Content, reading
from nndl_ext._files.named import LABELS

_NEITHER_LABEL_NOR_PIXEL = ("", "id", "index", "imageid", "unnamed: 0")
_SEPARATORS = ",;\t"
_CONTROLS = re.compile(rb"[\0-\x08\x0e-\x1f]")

# Text parsed at once, and the longest line of text, in characters.
_BLOCK, _LONGEST_LINE = 2**18, 2**22


class _Texts(dict[str, int]):
    """Different texts, numbered in the order in which they come."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number


def is_table(beginning: bytes) -> bool:
    """Whether a file with this beginning is a table of at least three columns."""
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"<", b"{", b"[", b"(")) or _CONTROLS.search(beginning):
        return False
    return max(text.partition(b"\n")[0].count(separator.encode()) for separator in _SEPARATORS) >= 2


def announced(content: Content) -> list[Announced]:
    """The images and labels in a table; only images if its header names no labels.

    Raises
    ------
    ValueError
        If the file is not a table of numbers, or is damaged.
    """
    with reading(content.name, "a table in CSV"):
        lines = content.lines()
        first = lines.readline(_LONGEST_LINE)
        separator = max(_SEPARATORS, key=first.count)
        names = [name.strip().lower() for name in next(csv.reader([first], delimiter=separator))]
        words = [name for name in LABELS if len(name) > 1]  # y may be the label of a letter
        header = not set(names).isdisjoint(words) or not all(map(_is_number, names[1:-1]))
        if header:
            first, labels = "", [names.index(name) for name in LABELS if name in names][:1]
            others = [place for place, name in enumerate(names) if name in _NEITHER_LABEL_NOR_PIXEL and place not in labels]
        else:
            labels, others = [0, len(names) - 1], []
        texts: dict[int, _Texts] = {place: _Texts() for place in (*labels, *others)}
        blocks = [_compact(block, labels, others) for block in _blocks(first, lines, separator, len(names), texts)]
        if not blocks:
            raise ValueError("it has no rows")
        pixels = np.concatenate([block for block, _ in blocks])
        numbers = np.concatenate([numbers for _, numbers in blocks], axis=1)
        columns = [np.array([*texts[place]], object)[of_rows] for place, of_rows in zip(labels, numbers, strict=True)]
        if not header:
            place = min((0, 1), key=lambda place: _commonness(columns[place], pixels.shape[1]))
            other = columns.pop(1 - place).astype(np.float32)[:, np.newaxis]
            pixels = np.hstack([pixels, other] if place == 0 else [other, pixels])
    images = Announced.of(pixels, f"{content.name}: pixels")
    return [images, *(Announced.of(column, f"{content.name}: labels") for column in columns)]


def _blocks(first: str, lines: IO[str], separator: str, columns: int, texts: dict[int, _Texts]) -> Iterator[np.ndarray]:
    """The rows in blocks, float64. Where a column has texts, these become their numbers."""
    convert: Any = {place: lambda text, known=known: known[text.strip()] for place, known in texts.items()}
    begin = 1 if first else 2
    while block := first + lines.read(_BLOCK):
        rest = lines.readline(_LONGEST_LINE)
        if len(rest) == _LONGEST_LINE:
            raise ValueError(f"it has a line of more than {_LONGEST_LINE} characters")
        rows = (block + rest).split("\n")
        first, end = "", begin + len(rows) - 2
        rows = [row for row in rows if row and not row.isspace()]
        try:
            if rows:
                values = np.loadtxt(rows, delimiter=separator, comments=None, quotechar='"', converters=convert, ndmin=2)
                if values.shape[1] != columns:
                    raise ValueError(f"rows have {values.shape[1]} columns, but the first line has {columns}")  # noqa: TRY301
                yield values
        except ValueError as error:
            raise ValueError(f"in its lines {begin} to {end}, {error}") from error
        begin = end + 1


def _compact(block: np.ndarray, labels: list[int], others: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of a block as uint8, if they are grey levels, else as float32; and the numbers of the labels' texts."""
    numbers, pixels = block[:, labels].T, np.delete(block, [*labels, *others], axis=1)
    numbers = numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
    with np.errstate(invalid="ignore", over="ignore"):
        levels = pixels.astype(np.uint8)
        return (levels if np.array_equal(levels, pixels) else pixels.astype(np.float32)), numbers


def _commonness(column: np.ndarray, pixels: int) -> float:
    """The share of the most frequent value in a column; above 1 if it can't hold labels, below 0 if it can't hold pixels."""
    values, counts = np.unique(column, return_counts=True)
    if not all(map(_is_number, values)):
        return -1
    labels = len(values) <= max(10, pixels) and all(float(value).is_integer() for value in values)
    return float(counts.max() / len(column)) if labels else 2


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
