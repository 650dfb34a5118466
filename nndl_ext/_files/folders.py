"""Folders of data sets: finds the files of a set by the usual names of MNIST and its relatives.

- ``train-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, also with a dot before ``idx``, with or without gzip;
- the same names as folders that hold the files, as Kaggle's archives unpack;
- ``emnist-letters-train-images-idx3-ubyte``: EMNIST writes ``test`` for ``t10k``, and several of its sets may share a folder;
- ``qmnist-test-labels-idx2-int``: QMNIST's labels have further columns about the writer;
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


def announced(folder: Traversable) -> list[Announced] | None:
    """The training images and labels, then the test images and labels, of the set in a folder, or None if it has no such set.

    Files with MNIST's own names come first.

    Raises
    ------
    FileNotFoundError
        If a part of the set is missing.
    ValueError
        If there are several sets, or a file is invalid.
    """
    folders = {folder: _sets(folder)}
    if not folders[folder]:
        below = [folder / "raw", *(entry / "raw" for entry in _sorted(folder))]
        folders = {entry: _sets(entry) for entry in below if entry.is_dir()}
    found = [(entry, name, files) for entry, sets in folders.items() for name, files in sorted(sets.items())]
    complete = [a_set for a_set in found if len(a_set[2]) == len(_PARTS)]
    if len(complete) > 1 and complete[0][:2] != (folder, ""):
        names = [str(entry / name.rstrip("-")) for entry, name, _ in complete]
        raise ValueError(f"{folder} holds several data sets: give one of the paths {', '.join(names)}")
    return _read(*[*complete, *found][0]) if found else None


def named(path: Traversable) -> list[Announced]:
    """The same for the set in ``path``'s folder whose file names begin with its name, as in ``folder/emnist-letters``.

    Raises
    ------
    FileNotFoundError
        If there is no such set, or a part of it is missing.
    ValueError
        If a file is invalid.
    """
    folder, beginning = path.parent, f"{path.name}-"  # type: ignore[attr-defined]
    sets = _sets(folder) if folder.is_dir() else {}
    if beginning not in sets:
        raise FileNotFoundError(f"{path} is neither a file nor a folder, and no data set in {folder} begins like that")
    return _read(folder, beginning, sets[beginning])


def _sets(folder: Traversable) -> dict[str, Files]:
    """The files of each set in a folder, by the beginning of their names. Of two files for one part, the shorter name wins."""
    sets: dict[str, Files] = {}
    for file in reversed(_sorted(folder)):
        match = _NAME.fullmatch(file.name)
        inside = [below for below in _sorted(file) if _NAME.fullmatch(below.name)] if match and file.is_dir() else [file]
        if match and len(inside) == 1 and inside[0].is_file():
            part = match[2].replace("test", "t10k"), match[3].replace("imgs", "images")
            sets.setdefault(match[1] or "", {})[part] = inside[0]
    return sets


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda file: file.name)


def _read(folder: Traversable, name: str, files: Files) -> list[Announced]:
    """The arrays of a set whose file names begin with ``name``."""
    for part, what in _PARTS:
        if (part, what) not in files:
            there = next(iter(files.values())).name
            raise FileNotFoundError(
                f"{folder} has {there}, but lacks the {part.replace('t10k', 'test')} {what} that belong with it"
            )
    arrays = [_array(files[part], what=part[1]) for part in _PARTS]
    return _emnist(name, arrays) if name.startswith("emnist-") else arrays


def _array(file: Traversable, what: str) -> Announced:
    data = raw(file)
    if not file.name.endswith(".npz"):
        array = idx.announced(Content(data, str(file)))
        if what == "labels" and file.name.startswith("qmnist-") and array.shape[1:] == (8,):
            return _changed(array, lambda y: y[:, 0])._replace(shape=array.shape[:1])
        return array
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
