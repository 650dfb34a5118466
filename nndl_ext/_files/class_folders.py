"""Folders of images by class, as torchvision's ``ImageFolder`` and Keras read them.

Each class has a folder that bears its name: ``digits/0/a.png``. There may be such a folder of folders for each part of the set:
``mnist_png/training/0/1.png`` and ``mnist_png/testing/0/3.png``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from nndl_ext._files.contents import Announced
from nndl_ext._files.disk import raw
from nndl_ext._files.parts import PARTS, part_of, refuse_both

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")


def is_image(name: str) -> bool:
    """Whether a file with this name is an image."""
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


def announced(folder: Traversable) -> list[Announced] | None:
    """The images and labels of each part of the set in a folder, or None if it has no images of at least two classes.

    The images are in the order of their classes, then of their names.

    Raises
    ------
    ImportError
        If Pillow is missing.
    ValueError
        If an image is damaged, or has another size than the first, or two folders hold the same part.
    """
    below: dict[tuple[str, str], list[Traversable]] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            below.setdefault(part_of(entry.name), []).append(entry)
    parts = {part: _classes(below[part, ""][0]) for part in PARTS if (part, "") in below}
    if len(parts.get("training", {})) < 2:
        parts = {"training": _classes(folder)}
    else:
        for part in parts:
            if len(below[part, ""]) > 1:
                refuse_both(*below[part, ""][:2])
    if len(parts["training"]) < 2:
        return None
    # One folder that is no class of the training data holds images without labels.
    parts = {
        part: classes for part, classes in parts.items() if len(classes) > 1 or not classes.keys().isdisjoint(parts["training"])
    }
    try:
        from nndl_ext._files import decoding
    except ImportError as error:
        raise ImportError(f"{folder} is a folder of images by class; {error}") from error
    images, names = [], []
    for classes in parts.values():
        files = [file for files in classes.values() for file in files]
        size = sum(os.path.getsize(str(file)) for file in files)
        images.append(decoding.decoded(((str(file), raw(file)) for file in files), len(files), size))
        names.append(np.array([name for name, files in classes.items() for _ in files], object))
    by_part = zip(parts, decoding.same_channels(images), names, strict=True)
    return [Announced.of(array, f"{folder}: {part}")._replace(part=part) for part, *pair in by_part for array in pair]


def _classes(folder: Traversable) -> dict[str, list[Traversable]]:
    """The images of each class in a folder of folders. Hidden folders are left out, such as those of Jupyter."""
    entries = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    images = {
        entry.name: sorted((file for file in entry.iterdir() if is_image(file.name)), key=lambda file: file.name)
        for entry in sorted(entries, key=lambda entry: entry.name)
    }
    return {name: files for name, files in images.items() if files}
