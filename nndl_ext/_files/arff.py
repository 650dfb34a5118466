"""ARFF, the text format of Weka and OpenML."""

from __future__ import annotations

import csv
import re
from typing import IO

from nndl_ext._files.contents import Announced, Content, reading
from nndl_ext._files.named import LABELS, label_among
from nndl_ext._files.tables import Layout, parsed

_FIRST_WORD = re.compile(rb"(\xef\xbb\xbf)?\s*(@relation\s|%(?!PDF|!PS))", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|[^\s{]+)(?:\s+|(?=\{))(\S.*)", re.IGNORECASE)
_NUMBERS = ("real", "numeric", "integer")
_QUOTES = "'\""
_LONGEST_LINE = 2**22


def is_arff(beginning: bytes) -> bool:
    """Whether a file with this beginning is ARFF. It may begin with a long comment."""
    return _FIRST_WORD.match(beginning) is not None


def announced(content: Content) -> list[Announced]:
    """The images and labels. The labels are the attribute with a name for labels, else the only one that is no number.

    Raises
    ------
    ValueError
        If the file is not ARFF, or has no such attribute.
    """
    with reading(content.name, "an ARFF file"):
        lines = content.lines()
        types, begin = _attributes(lines)
        nominal = [name for name, kind in types.items() if kind.startswith("{")]
        label = label_among(types) or (nominal[0] if len(nominal) == 1 else None)
        if label is None:
            raise ValueError(f"it has no attribute called {', '.join(LABELS[:4])}, but {', '.join([*types][:10])}")
        for name, kind in types.items():
            if name not in (label, *nominal) and kind.lower().split()[0] not in _NUMBERS:
                raise ValueError(f"its attribute {name} is of the type {kind[:100]}")
        first = "\n"
        while first and (first.isspace() or first.startswith("%")):
            first, begin = lines.readline(_LONGEST_LINE), begin + 1
        if first.lstrip().startswith("{"):
            raise ValueError("its rows are sparse, such as {3 1, 5 2}: write each with all its values")
        quote = '"' if '"' in types[label] else "'"
        layout = Layout("," if "," in first else "\t", len(types), [[*types].index(label)], [], quote, "%")
        pixels, (labels,) = parsed(first, lines, begin, layout)
        _require_declared({*labels}, types[label], quote)
    return [Announced.of(pixels, f"{content.name}: pixels"), Announced.of(labels, f"{content.name}: {label}")]


def _attributes(lines: IO[str]) -> tuple[dict[str, str], int]:
    """The types of the attributes, by name, and the number of the line that ends them."""
    types: dict[str, str] = {}
    number = 0
    while line := lines.readline(_LONGEST_LINE):
        line, number = line.strip(), number + 1
        if line.lower().startswith("@data"):
            return types, number
        if attribute := _ATTRIBUTE.fullmatch(line):
            name = attribute[1].strip(_QUOTES)
            if name in types:
                raise ValueError(f"it has several attributes called {name}")
            types[name] = attribute[2]
        elif line and not line.lower().startswith(("%", "@relation")):
            raise ValueError(f"it has the unknown line {line[:100]}")
    raise ValueError("it ends before its data")


def _require_declared(labels: set[str], kind: str, quote: str) -> None:
    """Check that all labels are among those that an attribute declares, or numbers."""
    if kind.startswith("{"):
        values = next(csv.reader([kind[1 : kind.rfind("}")]], quotechar=quote, skipinitialspace=True))
        labels = labels - {value.strip() for value in values}
    elif kind.lower().split()[0] in _NUMBERS:
        labels = {label for label in labels if not re.fullmatch(r"[-+\d.eE]+", label)}
    if labels & {"", "?"} or (labels and kind.lower() != "string"):
        raise ValueError(f"it has the label {min(labels)[:100]}, which it does not declare")
