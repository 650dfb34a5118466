"""The words in names of files and folders that say which part of a data set they hold."""

from __future__ import annotations

import re
from typing import NoReturn

PARTS = {
    "training": ("train", "training", "tr"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "t10k", "t"),
}
_PART_OF = {word: part for part, words in PARTS.items() for word in words}
_WORD = re.compile(rf"(?<![a-z])({'|'.join(_PART_OF)})(?![a-z])")


def refuse_both(one: object, other: object) -> NoReturn:
    """Refuse two files or folders that hold the same part of a set.

    Raises
    ------
    ValueError
        Always.
    """
    raise ValueError(f"{one} and {other} have names for the same part of a data set")


def part_of(name: str) -> tuple[str, str]:
    """The part that a name mentions, or an empty text; and the name without its word for it."""
    word = _WORD.search(name.lower())
    return (_PART_OF[word[1]] if word else ""), _WORD.sub("", name.lower(), count=1)
