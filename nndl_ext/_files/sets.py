"""Data sets in files and folders: finds what a path holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nndl_ext._files import class_folders, file_groups, folders, idx
from nndl_ext._files.contents import Announced, Content
from nndl_ext._files.disk import raw
from nndl_ext._files.formats import format_of
from nndl_ext._files.kinds import kind

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_DEEPEST = 20  # folders in each other, which may be a circle of links


def announced(path: Traversable) -> list[Announced]:
    """The images and labels of each part of a data set: for training, perhaps for validation, perhaps for test.

    Parameters
    ----------
    path : Traversable
        A file in one of the known formats, or a folder with one set. A folder that holds nothing else than one other folder
        stands for that.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or a folder holds no set, or only a part of it.
    ImportError
        If a library is missing that reads such files.
    ValueError
        If a file is invalid, or a folder holds several sets.
    """
    if not path.is_dir():
        return _in_file(path) if os.path.exists(str(path)) else folders.named(path)
    folder = path
    for _ in range(_DEEPEST):
        for household in (folders.announced, class_folders.announced, file_groups.announced):
            if found := household(folder):
                return found
        below = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
        if len(below) != 1:
            break
        folder = below[0]
    raise FileNotFoundError(
        f"{path} has neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz, nor another data set in a known format"
    )


def _in_file(path: Traversable) -> list[Announced]:
    content = Content(raw(path), str(path))
    if known := format_of(content.beginning):
        (found,) = known.read([content])
        if len(found) == 1:
            raise ValueError(f"{path} has no labels: its header must call a column label, class or target")
        return found
    other = "a single IDX file" if idx.is_idx(content.beginning) else kind(content.beginning)
    if other:
        raise ValueError(f"{path} is {other}; a data set is a folder of four IDX files, or a file in another known format")
    from nndl_ext._files import pickles  # slow to import and rarely needed

    return pickles.announced(content)
