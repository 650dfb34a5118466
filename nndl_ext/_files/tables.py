"""Tables of numbers in text, such as Kaggle's ``train.csv``: a row for each image, and a column of labels.

A header names the column of labels. Without a header it is the first or the last column. These differ in their most frequent
value: most images have the same number in a corner, but few have the same label. If neither column is
like that, it is an error.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import numpy as np

from nndl_ext._files.contents import Announced, Content, reading
from nndl_ext._files.named import label_among

_NEITHER_LABEL_NOR_PIXEL = ("", "id", "index", "imageid", "unnamed:0")
_SEPARATORS = ",;\t"
_CONTROLS = re.compile(rb"[\0-\x08\x0e-\x1f]")

# Text parsed at once, and the longest line of text, in characters.
_BLOCK, _LONGEST_LINE = 2**18, 2**22


class Layout(NamedTuple):
    """The columns of a table, of which some are labels, and some neither labels nor pixels."""

    separator: str
    columns: int
    labels: list[int]
    others: list[int]
    quote: str = '"'
    comment: str | tuple[str, ...] = ()


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
        lines, begin = content.lines(), 1
        while (first := lines.readline(_LONGEST_LINE)).isspace():
            begin += 1
        separator = max(_SEPARATORS, key=first.count)
        names = [name.strip().lower() for name in next(csv.reader([first], delimiter=separator))]
        named = label_among(names)
        numbered = names == [str(place) for place in range(len(names))]
        # y may be the label of a letter
        header = len(named or "") > 1 or names[0] == "" or numbered or not all(map(_is_number, names[1:-1]))
        if header:
            first, begin, labels = "", begin + 1, [names.index(named)] if named else []
            others = [place for place, name in enumerate(names) if _is_neither(name) and place not in labels]
        else:
            labels, others = [0, len(names) - 1], []
        layout = Layout(separator, len(names), labels, others)
        pixels, columns = parsed(first, lines, begin, layout)
        if not header:
            place = _place_of_labels(columns, pixels.shape[1])
            other = columns.pop(1 - place).astype(np.float32)[:, np.newaxis]
            pixels = np.hstack([pixels, other] if place == 0 else [other, pixels])
    images = Announced.of(pixels, f"{content.name}: pixels")
    return [images, *(Announced.of(column, f"{content.name}: labels") for column in columns)]


def parsed(first: str, lines: IO[str], begin: int, layout: Layout) -> tuple[np.ndarray, list[np.ndarray]]:
    """The pixels and the columns of labels in the rest of a file, from its line number ``begin``, whose text is ``first``.

    Raises
    ------
    ValueError
        If there are no rows, or one has other columns or is not of numbers.
    """
    texts: dict[int, _Texts] = {place: _Texts() for place in (*layout.labels, *layout.others)}
    blocks = [_compact(block, layout) for block in _blocks(first, lines, begin, layout, texts)]
    if not blocks:
        raise ValueError("it has no rows")
    pixels = np.concatenate([block for block, _ in blocks])
    numbers = np.concatenate([numbers for _, numbers in blocks], axis=1)
    return pixels, [np.array([*texts[place]], object)[row] for place, row in zip(layout.labels, numbers, strict=True)]


def _blocks(first: str, lines: IO[str], begin: int, layout: Layout, texts: dict[int, _Texts]) -> Iterator[np.ndarray]:
    """The rows in blocks, float64. Where a column has texts, these become their numbers."""
    convert: Any = {place: lambda text, known=known: known[text.strip()] for place, known in texts.items()}
    while block := first + lines.read(_BLOCK):
        rest = lines.readline(_LONGEST_LINE)
        if len(rest) == _LONGEST_LINE:
            raise ValueError(f"it has a line of more than {_LONGEST_LINE} characters")
        rows = (block + rest).split("\n")
        first, end = "", begin + len(rows) - 2
        rows = [row for row in rows if row and not row.isspace() and not row.startswith(layout.comment)]
        try:
            if rows:
                values = np.loadtxt(
                    rows, delimiter=layout.separator, comments=None, quotechar=layout.quote, converters=convert, ndmin=2
                )
                if values.shape[1] != layout.columns:
                    raise ValueError(  # noqa: TRY301
                        f"rows have {values.shape[1]} columns, but the first line has {layout.columns}"
                    )
                yield values
        except ValueError as error:
            raise ValueError(f"in its lines {begin} to {end}, {error}") from error
        begin = end + 1


def _compact(block: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of a block as uint8, if they are grey levels, else as float32; and the numbers of the labels' texts."""
    numbers, pixels = block[:, layout.labels].T, np.delete(block, [*layout.labels, *layout.others], axis=1)
    numbers = numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
    with np.errstate(invalid="ignore", over="ignore"):
        levels = pixels.astype(np.uint8)
        return (levels if np.array_equal(levels, pixels) else pixels.astype(np.float32)), numbers


def _place_of_labels(columns: list[np.ndarray], pixels: int) -> int:
    """Which of the first and the last column holds the labels."""
    first, last = (_commonness(column, pixels) for column in columns)
    if min(first, last) >= 0 and max(first, last) <= 1 and (first == last or max(first, last) < 1 / 2):
        raise ValueError("its labels may be in the first or in the last column: a header must call one of them label")
    return 0 if first <= last else 1


def _commonness(column: np.ndarray, pixels: int) -> float:
    """The share of the most frequent value in a column; above 1 if it can't hold labels, below 0 if it can't hold pixels."""
    values, counts = np.unique(column, return_counts=True)
    if not all(map(_is_number, values)):
        return -1
    labels = len(values) <= max(10, pixels) and all(float(value).is_integer() for value in values)
    return float(counts.max() / len(column)) if labels else 2


def _is_neither(name: str) -> bool:
    """Whether a column with this name holds neither labels nor pixels."""
    return re.sub("[ _-]", "", name) in _NEITHER_LABEL_NOR_PIXEL


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
