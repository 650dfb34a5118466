"""Folders with a file for each part of a data set, in any of the table's formats, such as ``train.csv`` and ``test.csv``.

A part may be split into shards, as in ``train-00000-of-00002.parquet``. A file without labels, such as Kaggle's
``test.csv``, is no part.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from nndl_ext._files.contents import Announced, Content
from nndl_ext._files.disk import raw
from nndl_ext._files.formats import Format, format_of
from nndl_ext._files.parts import PARTS, part_of, refuse_both

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_SHARD = re.compile(r"\d{5}-of-\d{5}")
_BEGINNING = 2**20  # enough to recognize a format; bzip2 compresses blocks of 900,000 bytes
_COMPRESSED = re.compile(r"\.(gz|bz2)$")
_NO_DATA = re.compile(r"\..*|readme.*|licen[cs]e.*|.*\.(md|rst|json|ya?ml|py|ipynb|html?|names|pdf)")

# The shards of each part, by their number.
_Parts = dict[str, dict[str, "Traversable"]]


def announced(folder: Traversable) -> list[Announced] | None:
    """The images and labels of each part of the set whose files a folder holds, or None if it holds none.

    Raises
    ------
    ImportError
        If a library is missing that reads such files.
    ValueError
        If there are several sets, a shard is missing, or a file is invalid.
    """
    sets = _sets(folder)
    if len(sets) > 1:
        files = [str(file) for parts in sets for file in parts["training"].values()]
        raise ValueError(f"{folder} holds several data sets: give the path of one file, such as {', '.join(files[:10])}")
    return _read(sets[0]) if sets else None


def _sets(folder: Traversable) -> list[_Parts]:
    """The sets that have training data. If no name says training, a file whose name says no part stands for it."""
    sets: dict[str, _Parts] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name, reverse=True):  # of a file twice, the shorter name wins
        if part_of(file.name)[0] and not file.is_file() and not file.is_dir():
            raise ValueError(f"{file} is not a file, or links to none")
        if file.is_file() and not _NO_DATA.fullmatch(file.name.lower()) and _format(file):
            part, name = part_of(_COMPRESSED.sub("", file.name))
            shard, of_set = _SHARD.search(name), _SHARD.sub("", name).strip("-_. ")
            shards, number = sets.setdefault(of_set, {}).setdefault(part, {}), shard[0] if shard else ""
            other = shards.get(number, file)
            if part and _COMPRESSED.sub("", other.name) != _COMPRESSED.sub("", file.name):
                refuse_both(other, file)
            shards[number] = file
    marked = [parts for parts in sets.values() if "training" in parts]
    return marked or [{"training": parts.pop(""), **parts} for parts in sets.values() if "" in parts]


def _format(file: Traversable) -> Format | None:
    with file.open("rb") as stream:
        beginning = stream.read(_BEGINNING)
    try:
        return format_of(Content(beginning, str(file)).beginning)
    except ValueError:  # damaged, as anything may be that lies in a folder
        return None


def _read(parts: _Parts) -> list[Announced]:
    """The images and labels in the files of a set."""
    files = {part: [parts[part][shard] for shard in sorted(parts[part])] for part in PARTS if part in parts}
    for shards in parts.values():
        announced_number = int(max(shards)[-5:] or 1)
        if len(shards) != announced_number:
            raise ValueError(f"{max(shards.values(), key=str)} is one of {announced_number} files, but there are {len(shards)}")
    contents = [Content(raw(file), str(file)) for part in files.values() for file in part]
    found = {format_of(content.beginning) for content in contents}
    only = found.pop()
    if found or only is None:
        raise ValueError(f"{contents[0].name} and {contents[-1].name} belong together, but have different formats")
    read = iter(only.read(contents))
    by_part = {part: [next(read) for _ in shards] for part, shards in files.items()}
    if len(contents) == 1 and len(by_part["training"][0]) > 2:
        return by_part["training"][0]  # one file for all parts
    arrays = []
    for part, pairs in by_part.items():
        if any(len(pair) > 2 for pair in pairs):
            raise ValueError(f"{files[part][0]} holds several parts of a data set, beside {contents[-1].name}: give its path")
        if all(len(pair) == 2 for pair in pairs):
            arrays += [_joined(list(of_shards))._replace(part=part) for of_shards in zip(*pairs, strict=True)]
        elif part == "training":
            raise ValueError(f"{files[part][0]} has no labels")
    return arrays


def _joined(shards: list[Announced]) -> Announced:
    """The arrays of all shards in one."""
    first = shards[0]
    if len(shards) == 1:
        return first
    for shard in shards:
        if shard.shape[1:] != first.shape[1:] or shard.classes != first.classes:
            raise ValueError(f"{shard.name} has arrays of shape {shard.shape[1:]}, but {first.name} of {first.shape[1:]}")
    shape = sum(shard.shape[0] for shard in shards), *first.shape[1:]
    dtype = np.result_type(*(shard.dtype for shard in shards))
    return Announced(first.name, shape, dtype, lambda: np.concatenate([shard.read() for shard in shards]), first.classes)
