"""HDF5, such as USPS' ``usps.h5``, and MATLAB's files of version 7.3."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from nndl_ext._files.contents import Announced, Content, reading, require_room
from nndl_ext._files.matlab import samples_first
from nndl_ext._files.named import by_names

_WHAT = "an HDF5 file"
_DEEPEST = 3  # levels of groups that are searched
_TEXTS = 64  # texts read at once

# deflate, shuffle, Fletcher's checksum, and h5py's own LZF. Others would make HDF5 look for a library to load.
_FILTERS = (1, 2, 3, 32000)


def announced(content: Content) -> list[Announced]:
    """The images and labels, by the names of their data sets and groups.

    Raises
    ------
    ValueError
        If the file is damaged, lacks such data sets, or refers to other files.
    """
    import h5py

    matlab = content.beginning.startswith(b"MATLAB")
    with reading(content.name, _WHAT):
        file = h5py.File(io.BytesIO(content.whole()), "r")
        arrays = {name: _announced(node, name, content, matlab) for name, node in _datasets(file, "", set())}
    found = by_names(arrays, content.name)
    return samples_first(found) if matlab else found


def _datasets(group: Any, path: str, seen: set[Any]) -> list[tuple[str, Any]]:
    """All data sets with their paths, each group once. No links to other places or files are followed."""
    import h5py

    found = []
    seen.add(group.id)
    for name in group:
        if type(group.get(name, getlink=True)) is h5py.HardLink:
            node = group[name]
            if isinstance(node, h5py.Dataset):
                found.append((path + name, node))
            elif isinstance(node, h5py.Group) and node.id not in seen and path.count("/") < _DEEPEST - 1:
                found += _datasets(node, f"{path}{name}/", seen)
    return found


def _announced(dataset: Any, name: str, content: Content, matlab: bool) -> Announced:
    where = f"{content.name}: {name}"
    shape, dtype = tuple(dataset.shape or ()), dataset.dtype
    text = dtype.kind in "OS"

    def read() -> np.ndarray:
        with reading(where, "an array"):
            _require_plain(dataset, len(content))
            values = _texts(dataset, len(content)) if text else dataset[()]
            return values.T if matlab else values

    return Announced(where, shape[::-1] if matlab else shape, np.dtype(object) if text else dtype, read)


def _texts(dataset: Any, file_size: int) -> np.ndarray:
    """The texts in a data set. Many elements may refer to one long text, so a few are read at once."""
    if math.prod(dataset.shape[1:]) != 1:
        raise ValueError("it has several texts for an image")
    rows, blocks, size = dataset.asstr(), [], 0
    for begin in range(0, len(dataset), _TEXTS):
        blocks.append(rows[begin : begin + _TEXTS])
        size += sum(map(len, blocks[-1].ravel()))
        require_room(size, file_size)
    return np.concatenate(blocks)


def _require_plain(dataset: Any, file_size: int) -> None:
    """Check that a data set lies in this file, and takes memory in proportion to it."""
    if dataset.is_virtual or dataset.external:
        raise ValueError("its numbers lie in another file, which is not read")
    filters = dataset.id.get_create_plist()
    used = [filters.get_filter(place)[0] for place in range(filters.get_nfilters())]
    if not set(used) <= {*_FILTERS}:
        raise ValueError("it is compressed by a method other than deflate and LZF")
    for shape in (dataset.shape, dataset.chunks or ()):
        require_room(math.prod(shape) * dataset.dtype.itemsize, file_size)
