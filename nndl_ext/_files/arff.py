"""ARFF, the text format of Weka and OpenML."""

from __future__ import annotations

import re

import numpy as np

from nndl_ext._files.contents import Announced, Content, reading
from nndl_ext._files.named import LABELS

_FIRST_WORD = re.compile(rb"\s*(@relation\s|%(?!PDF|!PS))", re.IGNORECASE)


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
    from scipy.io import arff

    with reading(content.name, "an ARFF file"):
        data, about = arff.loadarff(content.lines())
        types = dict(zip(about.names(), about.types(), strict=True))
        named = [name for name in types if name.lower() in LABELS]
        nominal = [name for name, kind in types.items() if kind == "nominal"]
        if not named and len(nominal) != 1:
            raise ValueError(f"it has no attribute called {', '.join(LABELS[:4])}, but {', '.join([*types][:10])}")
        label = named[0] if named else nominal[0]
        pixels = np.empty((len(data), len(types) - 1), np.float32)
        for place, name in enumerate(name for name in types if name != label):
            pixels[:, place] = data[name]
        labels = data[label]
        if types[label] == "nominal":
            labels = np.array([value.decode() for value in labels.tolist()], object)
    return [Announced.of(pixels, f"{content.name}: pixels"), Announced.of(labels, f"{content.name}: {label}")]
