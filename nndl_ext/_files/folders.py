"""Folders of data sets: finds the files of a set by the usual names of MNIST and its relatives.

- ``train-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, also with a dot before ``idx``, with or without gzip;
- ``emnist-letters-train-images-idx3-ubyte``: EMNIST writes ``test`` for ``t10k``, and several of its sets may share a folder;
- ``kmnist-train-imgs.npz`` and ``k49-test-labels.npz``, each with one array.

torchvision uses the folder ``MNIST/raw``; ``MNIST`` and the folder above it work too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from nndl_ext._files import idx
from nndl_ext._files.contents import Announced, Content
from nndl_ext._files.disk import npz_announced, raw

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_NAME = re.compile(r"(.+-)?(train|t10k|test)-(images|imgs|labels)(?:([-.])idx\d-\w+?(\.gz)?|\.npz)")
_PARTS = (("train", "images"), ("train", "labels"), ("t10k", "images"), ("t10k", "labels"))

Part = tuple[str, str]
Files = dict[Part, "Traversable"]


def announced(path: Traversable) -> list[Announced]:
    """The training images and labels, then the test images and labels, of the data set in a folder.

    Parameters
    ----------
    path : Traversable
        The folder; or the folder and the beginning of one set's file names, as in ``folder/emnist-letters``. Without this
        beginning, files with MNIST's own names come first.

    Raises
    ------
    FileNotFoundError
        If there is no such set, or a part of it is missing.
    ValueError
        If there are several sets, or a file is invalid.
    """
    name, found = _one_set(path)
    arrays = [_array(found[part]) for part in _PARTS]
    return _emnist(name, arrays) if name.startswith("emnist-") else arrays


def _one_set(path: Traversable) -> tuple[str, Files]:
    """The files of the set, with the beginning of their names."""
    if not path.is_dir():
        parent, beginning = path.parent, f"{path.name}-"  # type: ignore[attr-defined]
        sets = _sets(parent) if parent.is_dir() else {}
        if beginning not in sets:
            raise FileNotFoundError(f"{path} is neither a file nor a folder, and no data set in {parent} begins like that")
        return beginning, _complete(parent, sets[beginning])
    folders = {path: _sets(path)}
    if not folders[path]:
        below = [path / "raw", *(folder / "raw" for folder in _sorted(path))]
        folders = {folder: _sets(folder) for folder in below if folder.is_dir()}
    found = [(folder, name, files) for folder, sets in folders.items() for name, files in sorted(sets.items())]
    complete = [a_set for a_set in found if len(a_set[2]) == len(_PARTS)]
    if len(complete) > 1 and complete[0][:2] != (path, ""):
        names = [str(folder / name.rstrip("-")) for folder, name, _ in complete]
        raise ValueError(f"{path} holds several data sets: give one of the paths {', '.join(names)}")
    folder, name, files = [*complete, *found, (path, "", {})][0]
    return name, _complete(folder, files)


def _sets(folder: Traversable) -> dict[str, Files]:
    """The files of each set in a folder, by the beginning of their names. Of two files for one part, the shorter name wins."""
    sets: dict[str, Files] = {}
    for file in reversed(_sorted(folder)):
        match = _NAME.fullmatch(file.name)
        if match and file.is_file():
            part = match[2].replace("test", "t10k"), match[3].replace("imgs", "images")
            sets.setdefault(match[1] or "", {})[part] = file
    return sets


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda file: file.name)


def _complete(folder: Traversable, files: Files) -> Files:
    if not files:
        raise FileNotFoundError(
            f"{folder} has neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz, nor another data set"
        )
    for part, what in _PARTS:
        if (part, what) not in files:
            there = next(iter(files.values())).name
            raise FileNotFoundError(
                f"{folder} has {there}, but lacks the {part.replace('t10k', 'test')} {what} that belong with it"
            )
    return files


def _array(file: Traversable) -> Announced:
    data = raw(file)
    if not file.name.endswith(".npz"):
        return idx.announced(Content(data, str(file)))
    arrays = npz_announced(data, str(file))
    if len(arrays) != 1:
        raise ValueError(f"{file} must hold one array, not {len(arrays)}")
    return next(iter(arrays.values()))


def _emnist(name: str, arrays: list[Announced]) -> list[Announced]:
    """Transpose EMNIST's images, which are stored transposed, and count letters from 0, which are stored from 1."""
    first = 1 if name == "emnist-letters-" else 0
    return [
        _changed(array, (lambda x: x.swapaxes(1, -1)) if what == "images" else (lambda y: y.astype(np.int64) - first))
        for array, (_, what) in zip(arrays, _PARTS, strict=True)
    ]


def _changed(array: Announced, change: Callable[[np.ndarray], np.ndarray]) -> Announced:
    return array._replace(read=lambda: change(array.read()))
